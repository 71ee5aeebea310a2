/*
 * Reassemble: fragments wait until their packet is whole, then it goes on as one.
 *
 * A flow can only be found, and a packet only be judged, by what stands in its first fragment; so
 * nothing of a packet goes on before all of it is there. Each fragment is copied at once to its place
 * in one large buffer and its own buffer given back: whoever sends fragments can't hold the ports'
 * buffers. What waits is counted as held, frame by frame.
 *
 * A packet's fragments are known by realm, addresses, protocol and identification. The realm is part
 * of the key, as it is of a flow's: equal fragments of two sites never meet. (The key of rte_ip_frag
 * has neither realm nor protocol, nor room for them, and it joins eight fragments at most.) Fragments
 * of tunnel packets have a kind of their own.
 *
 * Bounds: WHOLES packets in the making, WHOLES_PER_OWNER of one site (or of one hash of the outer
 * source, for tunnel packets); FRAMES_MAX fragments each; LIFE_S seconds. Who wants one more than its
 * share loses its oldest; when all are taken, whoever has most loses its oldest. Fragments that
 * overlap end their packet (as RFC 5722 has it), unless one is just the same again; a TCP header cut
 * in two is refused (RFC 1858).
 *
 * Fragments of a packet may come to different workers: the owner of its key puts it together.
 */
#include "in/stages.h"

#include "base/checksum.h"
#include "base/wire.h"
#include "handover.h"
#include "in/extent.h"
#include "whole.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	WHOLES = 64,
	WHOLES_PER_OWNER = 16,
	BUFFERS = 2 * WHOLES - 1, /* in the making, and on their way out */
	FRAMES_MAX = 128,
	LIFE_S = 5,
	BUCKETS = 64,
	OWNERS_OUTER = 256,
	OWNERS = SPEC_SITES_MAX + 1 + OWNERS_OUTER,
	NONE = UINT16_MAX,

	KIND_INNER = 2, /* key.zero: no flow has such a key */
	KIND_OUTER = 3,

	HEADER_MAX = 60,
	FAR = 128 + HEADER_MAX, /* where payload begins in its buffer, with headroom, */
	NEAR = IPV4_LEN, /* and for packets that need all of it */
	ROOM = UINT16_MAX,
	OUTER_MAX = 65000, /* bytes of a tunnel packet */
};

struct assembly {
	struct flow_key key; /* sport: identification */
	struct rte_mbuf *m; /* NULL: free */
	uint8_t *payload; /* in m */
	uint32_t born_s;
	uint32_t serial; /* age among those of one second */
	uint16_t owner, tunnel, frames;
	uint16_t next; /* in its bucket */
	uint8_t header[HEADER_MAX];
	uint8_t header_len; /* 0: the first fragment is not here */
	bool congested; /* a fragment was marked (RFC 3168 section 5.3) */
	struct extent extent;
};

struct reassembly {
	struct rte_mempool *pool;
	uint32_t serial;
	uint32_t swept_s;
	uint16_t buckets[BUCKETS];
	uint8_t in_use[OWNERS]; /* assemblies */
	struct assembly assemblies[WHOLES];
};

struct reassembly *reassembly_create(void)
{
	static unsigned serial; /* DPDK names pools globally */
	struct reassembly *r = calloc(1, sizeof(*r));
	char name[RTE_MEMPOOL_NAMESIZE];

	if (r == NULL)
		return NULL;
	snprintf(name, sizeof(name), "wholes-%u", serial++);
	r->pool = rte_pktmbuf_pool_create(name, BUFFERS, 0, sizeof(struct whole), ROOM,
					  SOCKET_ID_ANY);
	if (r->pool == NULL) {
		free(r);
		errno = ENOMEM;
		return NULL;
	}
	memset(r->buckets, 0xff, sizeof(r->buckets));
	return r;
}

void reassembly_destroy(struct reassembly *r)
{
	if (r == NULL)
		return;
	for (unsigned i = 0; i < WHOLES; i++)
		rte_pktmbuf_free(r->assemblies[i].m);
	rte_mempool_free(r->pool);
	free(r);
}

static unsigned bucket_of(const struct lane *lane, const struct flow_key *key)
{
	return (unsigned)(flow_table_prefetch(lane->flows, key) % BUCKETS);
}

static void unlink_assembly(struct lane *lane, struct assembly *a)
{
	struct reassembly *r = lane->reassembly;
	uint16_t *at = &r->buckets[bucket_of(lane, &a->key)];

	while (&r->assemblies[*at] != a)
		at = &r->assemblies[*at].next;
	*at = a->next;
	r->in_use[a->owner]--;
	a->m = NULL;
}

/* All that has arrived of it is dropped. */
static void give_up(struct lane *lane, struct assembly *a, enum drop reason)
{
	lane->counters.held -= a->frames;
	lane->counters.drops[reason] += a->frames;
	if (a->tunnel != TUNNEL_NONE)
		lane->tunnels[a->tunnel].drops += a->frames;
	rte_pktmbuf_free(a->m);
	unlink_assembly(lane, a);
}

unsigned reassembly_expire(struct lane *lane)
{
	struct reassembly *r = lane->reassembly;
	unsigned expired = 0;

	if (r->swept_s == lane->now_s)
		return 0;
	r->swept_s = lane->now_s;
	for (unsigned i = 0; i < WHOLES; i++) {
		struct assembly *a = &r->assemblies[i];

		if (a->m == NULL || lane->now_s - a->born_s <= LIFE_S)
			continue;
		give_up(lane, a, DROP_FRAGMENT_TIMEOUT);
		expired++;
	}
	return expired;
}

static struct assembly *find(const struct lane *lane, const struct flow_key *key)
{
	struct reassembly *r = lane->reassembly;

	for (uint16_t i = r->buckets[bucket_of(lane, key)]; i != NONE; i = r->assemblies[i].next) {
		if (memcmp(&r->assemblies[i].key, key, sizeof(*key)) == 0)
			return &r->assemblies[i];
	}
	return NULL;
}

/* The oldest of @owner's; NULL: it has none. */
static struct assembly *oldest_of(struct reassembly *r, uint16_t owner)
{
	struct assembly *oldest = NULL;

	for (unsigned i = 0; i < WHOLES; i++) {
		struct assembly *a = &r->assemblies[i];

		if (a->m != NULL && a->owner == owner &&
		    (oldest == NULL || (int32_t)(a->serial - oldest->serial) < 0))
			oldest = a;
	}
	return oldest;
}

/* All are taken: whoever has most. */
static uint16_t greediest(const struct reassembly *r)
{
	uint16_t owner = r->assemblies[0].owner;

	for (unsigned i = 1; i < WHOLES; i++) {
		if (r->in_use[r->assemblies[i].owner] > r->in_use[owner])
			owner = r->assemblies[i].owner;
	}
	return owner;
}

static struct assembly *make_room(struct lane *lane, uint16_t owner)
{
	struct reassembly *r = lane->reassembly;
	struct assembly *a;

	for (unsigned i = 0; i < WHOLES && r->in_use[owner] < WHOLES_PER_OWNER; i++) {
		if (r->assemblies[i].m == NULL)
			return &r->assemblies[i];
	}
	a = oldest_of(r, r->in_use[owner] < WHOLES_PER_OWNER ? greediest(r) : owner);
	give_up(lane, a, DROP_FRAGMENT_LIMIT);
	return a;
}

static uint16_t owner_of(const struct lane *lane, const struct flow_key *key)
{
	const struct flow_key source = {.src = key->src, .zero = KIND_OUTER};

	if (key->zero == KIND_INNER)
		return key->realm;
	return (uint16_t)(SPEC_SITES_MAX + 1 +
			  flow_table_prefetch(lane->flows, &source) % OWNERS_OUTER);
}

/* NULL: no buffer is left. */
static struct assembly *begin(struct lane *lane, const struct flow_key *key)
{
	struct reassembly *r = lane->reassembly;
	uint16_t owner = owner_of(lane, key);
	struct assembly *a = make_room(lane, owner);
	unsigned bucket = bucket_of(lane, key);
	struct rte_mbuf *m = rte_pktmbuf_alloc(r->pool);

	if (m == NULL)
		return NULL;
	*a = (struct assembly){
		.key = *key,
		.m = m,
		.payload = (uint8_t *)m->buf_addr + FAR,
		.born_s = lane->now_s,
		.serial = r->serial++,
		.owner = owner,
		.next = r->buckets[bucket],
	};
	r->buckets[bucket] = (uint16_t)(a - r->assemblies);
	r->in_use[owner]++;
	return a;
}

/* One fragment, as its header says. */
struct piece {
	const uint8_t *ip;
	size_t header, at, len;
	bool last;
};

static struct piece read_fragment(const uint8_t *ip)
{
	uint16_t word = wire_16(ip + IPV4_FRAGMENT);
	size_t header = (size_t)(ip[IPV4_VERSION_IHL] & 0xf) * 4;

	return (struct piece){
		.ip = ip,
		.header = header,
		.at = (size_t)(word & IPV4_OFFSET) * 8,
		.len = wire_16(ip + IPV4_LENGTH) - header,
		.last = !(word & IPV4_MF),
	};
}

/* RFC 1858 sections 3.2.1 and 4.2: ports and flags stand in one fragment. */
static bool is_tiny(const struct piece *f)
{
	return f->ip[IPV4_PROTO] == PROTO_TCP &&
	       ((f->at == 0 && f->len < TCP_LEN) || (f->at > 0 && f->at < TCP_LEN));
}

static bool is_same(const struct assembly *a, const struct piece *f)
{
	return memcmp(a->payload + f->at, f->ip + f->header, f->len) == 0;
}

static void copy_in(struct assembly *a, const struct piece *f)
{
	uint8_t *buffer = a->m->buf_addr;

	if (a->payload == buffer + FAR && FAR + f->at + f->len > ROOM) {
		memmove(buffer + NEAR, buffer + FAR, ROOM - FAR);
		a->payload = buffer + NEAR;
	}
	memcpy(a->payload + f->at, f->ip + f->header, f->len);
	a->congested = a->congested || (f->ip[IPV4_TOS] & IPV4_ECN) == IPV4_ECN_CE;
	if (f->at == 0) {
		memcpy(a->header, f->ip, f->header);
		a->header_len = (uint8_t)f->header;
	}
	a->frames++;
}

/* Puts the fragment into its packet. DROP_NONE, or why it is not held. */
static enum drop add(struct lane *lane, const struct packet *p, const struct flow_key *key,
		     struct assembly **in)
{
	struct piece f = read_fragment(p->data);
	struct assembly *a = find(lane, key);
	enum extent_verdict verdict;

	if (!extent_is_sound(f.at, f.len, f.last) || is_tiny(&f))
		return DROP_FRAGMENT;
	if (a == NULL)
		a = begin(lane, key);
	if (a == NULL)
		return DROP_NO_BUFFER;
	verdict = extent_add(&a->extent, f.at, f.len, f.last);
	if (verdict == EXTENT_AGAIN && is_same(a, &f))
		return DROP_FRAGMENT;
	if (verdict != EXTENT_NEW || a->frames == FRAMES_MAX) {
		enum drop why = verdict != EXTENT_NEW ? DROP_FRAGMENT : DROP_FRAGMENT_LIMIT;

		give_up(lane, a, why);
		return why;
	}
	copy_in(a, &f);
	a->tunnel = p->tunnel;
	lane->counters.held++;
	*in = a;
	return DROP_NONE;
}

/* The packet's header: the first fragment's, which has become the whole's. */
static void write_header(const struct assembly *a, uint8_t *ip, size_t len)
{
	memcpy(ip, a->header, a->header_len);
	wire_put_be16(ip + IPV4_LENGTH, htons((uint16_t)len));
	wire_put_be16(ip + IPV4_FRAGMENT, 0);
	if (a->congested && ip[IPV4_TOS] & IPV4_ECN)
		ip[IPV4_TOS] |= IPV4_ECN_CE;
	wire_put_be16(ip + IPV4_CHECKSUM, 0);
	wire_put_be16(ip + IPV4_CHECKSUM, checksum_make(ip, a->header_len));
}

/*
 * @a is complete: @p, its last fragment, becomes the packet. What stands in front of it is the last
 * fragment's Ethernet header, for those who ask how it came.
 */
static enum drop become_whole(struct lane *lane, struct packet *p, struct assembly *a)
{
	size_t len = a->header_len + a->extent.total;
	uint8_t *ip = a->payload - a->header_len;
	struct rte_mbuf *fragment = p->mbuf;

	if (len > UINT16_MAX || ip < (uint8_t *)a->m->buf_addr ||
	    (a->key.zero == KIND_OUTER && len > OUTER_MAX)) {
		lane->counters.held--;
		a->frames--; /* the last one is dropped by whoever holds it */
		give_up(lane, a, DROP_FRAGMENT_LIMIT);
		return DROP_FRAGMENT_LIMIT;
	}
	write_header(a, ip, len);
	memcpy(ip - ETHER_LEN, p->data - ETHER_LEN, ETHER_LEN);
	((struct whole *)rte_mbuf_to_priv(a->m))->pool = whole_pool(fragment);

	lane->counters.held -= a->frames;
	lane->counters.fragments_joined += a->frames - 1u;
	p->mbuf = a->m;
	p->data = ip;
	p->len = (uint16_t)len;
	unlink_assembly(lane, a);
	rte_pktmbuf_free(fragment);
	return DROP_NONE;
}

static struct flow_key key_of(const struct lane *lane, const struct packet *p)
{
	const uint8_t *ip = p->data;
	be32_t dst = wire_be32(ip + IPV4_DST);
	bool outer = p->tunnel == TUNNEL_NONE && network_find_address(lane->net, dst) < 0;

	return (struct flow_key){
		.src = wire_be32(ip + IPV4_SRC),
		.dst = dst,
		.sport = wire_be16(ip + IPV4_ID),
		.realm = lane->net->tunnels[p->tunnel].site,
		.proto = ip[IPV4_PROTO],
		.zero = outer ? KIND_OUTER : KIND_INNER,
	};
}

/* Takes a fragment. True: @p is now the whole packet; else it has been dealt with. */
static bool take(struct lane *lane, struct burst *b, struct packet *p, const struct flow_key *key)
{
	struct assembly *a = NULL;
	enum drop drop = add(lane, p, key, &a);

	if (drop == DROP_NONE && a->header_len != 0 && extent_is_complete(&a->extent)) {
		drop = become_whole(lane, p, a);
		if (drop == DROP_NONE)
			return true;
	} else if (drop == DROP_NONE) {
		rte_pktmbuf_free(p->mbuf);
		return false;
	}
	burst_drop(b, p, drop);
	return false;
}

/* A whole packet may hold a fragment: a tunnel's may, once. */
static void reassemble(struct lane *lane, struct burst *b, struct packet *p)
{
	enum drop drop = DROP_FRAGMENT;
	enum stage next = STAGE_PARSE;

	while (drop == DROP_FRAGMENT) {
		struct flow_key key = key_of(lane, p);

		if (lane->count > 1 && handover_fragment_is_foreign(lane, p, &key)) {
			burst_pass(b, STAGE_HANDOVER, p);
			return;
		}
		if (!take(lane, b, p, &key))
			return;
		drop = key.zero == KIND_OUTER ? decapsulate_whole(lane, p, &next) : DROP_NONE;
		if (drop != DROP_NONE) {
			burst_drop(b, p, drop);
			return;
		}
		if (next == STAGE_PARSE6) {
			burst_pass(b, STAGE_PARSE6, p);
			return;
		}
		drop = parse_header(p);
	}
	parse_packet(lane, b, p);
}

void stage_reassemble(struct lane *lane, struct burst *b)
{
	for (unsigned i = 0; i < b->n[STAGE_REASSEMBLE]; i++)
		reassemble(lane, b, b->list[STAGE_REASSEMBLE][i]);
}
