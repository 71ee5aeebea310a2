/*
 * Assembly: fragments wait until their packet is complete, then it goes on as one.
 *
 * Only the first fragment has what is needed to find the flow and to check the packet. So no
 * fragment is forwarded before all of them have arrived. Each fragment is copied at once to its
 * place in one large buffer, and its own buffer is freed: senders of fragments cannot hold the
 * buffers of the ports. Fragments that wait are counted as held, each as one frame.
 *
 * Fragments of one packet have the same realm, addresses, identification and, for IPv4, protocol.
 * The realm is part of the key, as it is part of a flow's key: equal fragments of two sites are
 * never joined. (rte_ip_frag is not used: its key has no room for realm and protocol, and it joins
 * at most eight fragments.) Fragments of tunnel packets have a kind of their own.
 *
 * Bounds: REASSEMBLED packets in reassembly, REASSEMBLED_PER_OWNER of each owner; FRAMES_MAX
 * fragments each; LIFE_S seconds. An owner is
 *
 *   of a site's packet           the site
 *   of one from the Internet     its source, and the site whose flow it belongs to
 *   of a tunnel packet           its outer source
 *
 * Addresses are hashed. At most OUTSIDE_MAX packets from the Internet and OUTSIDE_MAX tunnel
 * packets are in reassembly, since strangers can send both. A packet from outside is known when its
 * first fragment has arrived and belongs to a flow or a tunnel. Before that, a later fragment is
 * held only if a flow or tunnel may have its addresses (in/admit.h).
 *
 * An owner that exceeds its share loses its oldest packet. When all places are taken, the owner
 * with the most packets loses its oldest. In both cases unknown packets go first, and an unknown
 * packet never displaces a known one: anybody may have sent it. Overlapping fragments end their
 * packet (RFC 5722, applied to IPv4 as well), unless a fragment is an exact duplicate. When a
 * site's packet times out and its first fragment has arrived, the site gets an ICMP error (RFC 792,
 * RFC 8200 section 4.5).
 */
#include "in/assembly.h"

#include "base/wire.h"
#include "esp/worker.h"
#include "in/admit.h"
#include "in/assembly.h"
#include "in/extent.h"
#include "path/reassembled.h"
#include "tunnel/ipv6.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	REASSEMBLED = 64,
	REASSEMBLED_PER_OWNER = 16,
	OUTSIDE_MAX = 48,
	BUFFERS = 2 * REASSEMBLED - 1, /* in reassembly, or complete and not yet sent */
	FRAMES_MAX = 128,
	LIFE_S = 5,
	BUCKETS = 64,
	OWNERS_OUTER = 256,
	OWNERS_INTERNET = 1024,
	OUTER_FIRST = SPEC_SITES_MAX + 1, /* above all site ids */
	INTERNET_FIRST = OUTER_FIRST + OWNERS_OUTER,
	OWNERS = INTERNET_FIRST + OWNERS_INTERNET,
	NONE = UINT16_MAX,

	FAR = 128 + FRAGMENT_HEADER_MAX, /* offset of the payload in its buffer; leaves headroom */
	ROOM = UINT16_MAX, /* bytes of a buffer: the largest packet, without headroom */
	OUTER_MAX = 65000, /* bytes of a tunnel packet */
	TOLD_MAX = IPV6_LEAST_MTU, /* an ICMP error embeds at most this much */
};

static_assert((int)REASSEMBLED <= (int)BURST_MAX,
	      "all of them may expire at once, and are answered in one burst");

/* The groups of senders. */
enum sender { SENDER_SITE, SENDER_OUTER, SENDER_INTERNET, SENDERS };

struct assembly {
	struct flow6_key key; /* ports hold the identification, domain an enum assembly_kind */
	struct rte_mbuf *m; /* NULL: free */
	uint8_t *payload; /* in m */
	uint32_t born_s;
	uint32_t serial; /* order of arrival within one second */
	uint32_t owner; /* site id, or OUTER_FIRST + hash of addresses: more than 16 bits */
	uint16_t tunnel, frames;
	uint16_t next; /* next assembly in the bucket */
	uint16_t largest; /* bytes of the largest fragment, headers included */
	uint16_t first; /* payload bytes of the first fragment */
	uint16_t header_len; /* of the first fragment; 0: not arrived */
	bool congested; /* a fragment carried the CE mark */
	bool known; /* from a site, or its first fragment has arrived */
	bool mute; /* no ICMP error when it expires */
	struct extent extent;
	uint8_t header[FRAGMENT_HEADER_MAX]; /* headers of the first fragment, unchanged */
};

struct reassembly {
	struct rte_mempool *pool;
	uint32_t serial;
	uint32_t swept_s;
	uint16_t buckets[BUCKETS];
	uint8_t in_use[OWNERS]; /* assemblies */
	uint8_t from[SENDERS]; /* assemblies of all owners */
	struct assembly assemblies[REASSEMBLED];
};

struct reassembly *reassembly_create(void)
{
	static unsigned serial; /* DPDK names pools globally */
	struct reassembly *r = calloc(1, sizeof(*r));
	char name[RTE_MEMPOOL_NAMESIZE];

	if (r == NULL)
		return NULL;
	snprintf(name, sizeof(name), "reassembled packets-%u", serial++);
	r->pool = rte_pktmbuf_pool_create(name, BUFFERS, 0, sizeof(struct reassembled), ROOM,
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
	for (unsigned i = 0; i < REASSEMBLED; i++)
		rte_pktmbuf_free(r->assemblies[i].m);
	rte_mempool_free(r->pool);
	free(r);
}

static bool is_six(const struct assembly *a)
{
	return a->key.domain >= ASSEMBLY_INNER6;
}

static enum sender sender_of(uint32_t owner)
{
	if (owner >= INTERNET_FIRST)
		return SENDER_INTERNET;
	return owner >= OUTER_FIRST ? SENDER_OUTER : SENDER_SITE;
}

/* The secret of any flow table serves. */
static uint64_t hash_of(const struct context *ctx, const struct flow6_key *key)
{
	return flow6_table_prefetch(ctx->flows, key);
}

static unsigned bucket_of(const struct context *ctx, const struct flow6_key *key)
{
	return (unsigned)(hash_of(ctx, key) % BUCKETS);
}

static void unlink_assembly(struct context *ctx, struct assembly *a)
{
	struct reassembly *r = ctx->reassembly;
	uint16_t *at = &r->buckets[bucket_of(ctx, &a->key)];

	while (&r->assemblies[*at] != a)
		at = &r->assemblies[*at].next;
	*at = a->next;
	r->in_use[a->owner]--;
	r->from[sender_of(a->owner)]--;
	a->m = NULL;
}

/* Counts @n of the assembly's frames as dropped. */
static void drop_frames(struct context *ctx, const struct assembly *a, unsigned n, enum drop reason)
{
	ctx->counters.held -= a->frames;
	ctx->counters.drops[reason] += n;
	if (a->tunnel != TUNNEL_NONE)
		ctx->tunnels[a->tunnel].drops += n;
}

/* Drops all fragments of the assembly that have arrived. */
static void give_up(struct context *ctx, struct assembly *a, enum drop reason)
{
	drop_frames(ctx, a, a->frames, reason);
	rte_pktmbuf_free(a->m);
	unlink_assembly(ctx, a);
}

/* Writes the key by which the answer stages find the receiver of the ICMP error. */
static void write_key(struct burst *b, struct packet *p, const struct assembly *a)
{
	p->probe.key.realm = a->key.realm;
	if (is_six(a)) {
		*burst_key6(b, p) = a->key;
	} else {
		p->probe.key.src = addr6_to_ipv4(&a->key.src);
		p->probe.key.dst = addr6_to_ipv4(&a->key.dst);
	}
}

/*
 * Passes the first fragment to the answer stage, in the buffer of the reassembly. Drops the others.
 */
static void assembly_tell(struct context *ctx, struct burst *b, struct assembly *a)
{
	struct packet *p = &b->packets[b->n[STAGE_ANSWER]];
	size_t embedded = a->first < TOLD_MAX ? a->first : TOLD_MAX;
	uint8_t *payload = (uint8_t *)a->m->buf_addr + FAR;

	memmove(payload, a->payload, embedded);
	memcpy(payload - a->header_len, a->header, a->header_len);
	*p = (struct packet){
		.mbuf = a->m,
		.data = payload - a->header_len,
		.len = (uint16_t)(a->header_len + embedded),
		.onramp = a->tunnel,
	};
	write_key(b, p, a);
	drop_frames(ctx, a, a->frames - 1u, DROP_FRAGMENT_TIMEOUT);
	unlink_assembly(ctx, a);
	burst_answer(b, p, ANSWER_FRAGMENT_TIMEOUT);
}

unsigned reassembly_expire(struct context *ctx, struct burst *b)
{
	struct reassembly *r = ctx->reassembly;
	unsigned expired = 0;

	if (r->swept_s == ctx->now_s)
		return 0;
	r->swept_s = ctx->now_s;
	for (unsigned i = 0; i < REASSEMBLED; i++) {
		struct assembly *a = &r->assemblies[i];

		if (a->m == NULL || ctx->now_s - a->born_s <= LIFE_S)
			continue;
		if (network_has_tunnel(ctx->net, a->tunnel) && a->header_len != 0 && !a->mute)
			assembly_tell(ctx, b, a);
		else
			give_up(ctx, a, DROP_FRAGMENT_TIMEOUT);
		expired++;
	}
	return expired;
}

static struct assembly *assembly_find(const struct context *ctx, const struct flow6_key *key)
{
	struct reassembly *r = ctx->reassembly;

	for (uint16_t i = r->buckets[bucket_of(ctx, key)]; i != NONE; i = r->assemblies[i].next) {
		if (memcmp(&r->assemblies[i].key, key, sizeof(*key)) == 0)
			return &r->assemblies[i];
	}
	return NULL;
}

/* Which assemblies may be given up. */
struct choice {
	uint32_t senders; /* bits of enum sender */
	bool unknown; /* only unknown ones */
};

static bool is_among(const struct assembly *a, const struct choice *c)
{
	return a->m != NULL && c->senders >> sender_of(a->owner) & 1 && !(c->unknown && a->known);
}

/* The oldest assembly of @owner among @c, or NULL. */
static struct assembly *oldest_of(struct reassembly *r, uint32_t owner, const struct choice *c)
{
	struct assembly *oldest = NULL;

	for (unsigned i = 0; i < REASSEMBLED; i++) {
		struct assembly *a = &r->assemblies[i];

		if (is_among(a, c) && a->owner == owner &&
		    (oldest == NULL || (int32_t)(a->serial - oldest->serial) < 0))
			oldest = a;
	}
	return oldest;
}

/* Among @c, the oldest assembly of the owner that has most, or NULL. */
static struct assembly *oldest_of_greediest(struct reassembly *r, const struct choice *c)
{
	const struct assembly *of = NULL;

	for (unsigned i = 0; i < REASSEMBLED; i++) {
		const struct assembly *a = &r->assemblies[i];

		if (is_among(a, c) && (of == NULL || r->in_use[a->owner] > r->in_use[of->owner]))
			of = a;
	}
	return of == NULL ? NULL : oldest_of(r, of->owner, c);
}

/* The assembly to give up for a new one of @owner. NULL: none; the new packet is refused. */
static struct assembly *victim_of(struct reassembly *r, uint32_t owner, bool known, bool own,
				  bool kind)
{
	const uint32_t senders = own || kind ? 1u << sender_of(owner) : (1u << SENDERS) - 1;
	struct assembly *a = NULL;

	for (int strict = 1; strict >= !known && a == NULL; strict--) {
		const struct choice c = {senders, strict};

		a = own ? oldest_of(r, owner, &c) : oldest_of_greediest(r, &c);
	}
	return a;
}

/* A free assembly for @owner, or NULL. */
static struct assembly *assembly_make_room(struct context *ctx, uint32_t owner, bool known)
{
	struct reassembly *r = ctx->reassembly;
	enum sender sender = sender_of(owner);
	bool own = r->in_use[owner] >= REASSEMBLED_PER_OWNER;
	bool kind = sender != SENDER_SITE && r->from[sender] >= OUTSIDE_MAX;
	struct assembly *a;

	for (unsigned i = 0; i < REASSEMBLED && !own && !kind; i++) {
		if (r->assemblies[i].m == NULL)
			return &r->assemblies[i];
	}
	a = victim_of(r, owner, known, own, kind);
	if (a != NULL)
		give_up(ctx, a, DROP_FRAGMENT_LIMIT);
	return a;
}

static bool is_from_internet(const struct flow6_key *key)
{
	return key->realm == SITE_INTERNET && !assembly_is_outer(key->domain);
}

/* @site: the site of the flow that a packet from the Internet belongs to, if known. */
static uint32_t owner_of(const struct context *ctx, const struct flow6_key *key, uint16_t site)
{
	const struct flow6_key source = {.src = key->src, .realm = site, .domain = key->domain};

	if (assembly_is_outer(key->domain))
		return OUTER_FIRST + (uint32_t)(hash_of(ctx, &source) % OWNERS_OUTER);
	if (key->realm == SITE_INTERNET)
		return INTERNET_FIRST + (uint32_t)(hash_of(ctx, &source) % OWNERS_INTERNET);
	return key->realm;
}

/* A first fragment from outside tells the owner of the packet. A site owns all that it sends. */
static bool makes_known(const struct packet *p, const struct fragment *f)
{
	if (is_from_internet(&f->key))
		return f->at == 0 && p->site_of_fragment != ADMIT_SITE_ANY;
	return f->at == 0 || !assembly_is_outer(f->key.domain);
}

static uint16_t site_of(const struct packet *p, const struct fragment *f)
{
	return is_from_internet(&f->key) && makes_known(p, f) ? p->site_of_fragment : SITE_INTERNET;
}

/* NULL: no free assembly or no buffer. */
static struct assembly *assembly_begin(struct context *ctx, const struct packet *p,
				       const struct fragment *f)
{
	struct reassembly *r = ctx->reassembly;
	bool known = makes_known(p, f);
	uint32_t owner = owner_of(ctx, &f->key, site_of(p, f));
	struct assembly *a = assembly_make_room(ctx, owner, known);
	unsigned bucket = bucket_of(ctx, &f->key);
	struct rte_mbuf *m = a == NULL ? NULL : rte_pktmbuf_alloc(r->pool);

	if (m == NULL)
		return NULL;
	*a = (struct assembly){
		.key = f->key,
		.m = m,
		.payload = (uint8_t *)m->buf_addr + FAR,
		.born_s = ctx->now_s,
		.serial = r->serial++,
		.owner = owner,
		.known = known,
		.next = r->buckets[bucket],
	};
	r->buckets[bucket] = (uint16_t)(a - r->assemblies);
	r->in_use[owner]++;
	r->from[sender_of(owner)]++;
	return a;
}

/*
 * The first fragment arrived after others, and tells the owner of the packet. If that owner has its
 * full share already, it loses its oldest assembly.
 */
static void become_known(struct context *ctx, struct assembly *a, const struct packet *p,
			 const struct fragment *f)
{
	struct reassembly *r = ctx->reassembly;
	uint32_t owner = owner_of(ctx, &f->key, site_of(p, f));
	struct assembly *victim = NULL;

	if (owner != a->owner && r->in_use[owner] >= REASSEMBLED_PER_OWNER)
		victim = victim_of(r, owner, true, true, false);
	if (victim != NULL)
		give_up(ctx, victim, DROP_FRAGMENT_LIMIT);
	r->in_use[a->owner]--;
	r->in_use[owner]++; /* the group of senders is the same */
	a->owner = owner;
	a->known = true;
}

/* Moves a long payload down, into the headroom. */
static void move_near(struct assembly *a)
{
	uint8_t *buffer = a->m->buf_addr, *near = buffer + (is_six(a) ? IPV6_LEN : IPV4_LEN);

	if (a->payload == near)
		return;
	memmove(near, a->payload, ROOM - FAR);
	a->payload = near;
}

static void copy_in(struct assembly *a, const struct fragment *f)
{
	size_t size = f->header_len + f->len;

	if (FAR + f->at + f->len > ROOM)
		move_near(a);
	memcpy(a->payload + f->at, f->payload, f->len);
	a->congested = a->congested || f->congested;
	a->largest = size > a->largest ? (uint16_t)size : a->largest;
	if (f->at == 0) {
		memcpy(a->header, f->header, f->header_len);
		a->header_len = (uint16_t)f->header_len;
		a->first = (uint16_t)f->len;
		a->mute = f->mute;
	}
	a->frames++;
}

static bool assembly_is_same(const struct assembly *a, const struct fragment *f)
{
	return memcmp(a->payload + f->at, f->payload, f->len) == 0;
}

static uint8_t protocol_of(const struct fragment *f)
{
	bool six = f->header[IPV6_VERSION] >> 4 == 6;

	return six ? f->header[f->header_len - IPV6_FRAGMENT_LEN] : f->key.proto;
}

/* Is it a first fragment of ESP, whose SA we have? Its far end may have any address. */
static bool names_an_sa(const struct context *ctx, const struct fragment *f)
{
	unsigned at = protocol_of(f) == PROTO_UDP ? UDP_LEN : 0;

	return ctx->esp != NULL && f->at == 0 && f->len >= at + ESP_HEADER_LEN &&
	       (protocol_of(f) == PROTO_ESP || protocol_of(f) == PROTO_UDP) &&
	       esp_find(ctx->esp->table, ntohl(wire_be32(f->payload + at))) != NULL;
}

/* Why the fragment does not begin a packet of ours. */
static enum drop refused(const struct fragment *f)
{
	if (is_from_internet(&f->key))
		return DROP_NO_FLOW;
	return protocol_of(f) == PROTO_ESP || protocol_of(f) == PROTO_UDP ? DROP_ESP_UNKNOWN_SPI
									  : DROP_GRE_UNKNOWN;
}

/*
 * The first of a packet's fragments to arrive: may the packet be ours? For a first fragment
 * in/admit.h has answered.
 */
static bool may_begin(const struct context *ctx, const struct fragment *f)
{
	if (assembly_is_outer(f->key.domain))
		return network_has_tunnel_between(ctx->net, &f->key.dst, &f->key.src) ||
		       names_an_sa(ctx, f);
	return !is_from_internet(&f->key) || f->at == 0 || admit_later(ctx, f);
}

/* Copies the fragment into its assembly. DROP_NONE, or why it is not held. */
static enum drop hold(struct context *ctx, const struct packet *p, const struct fragment *f,
		      struct assembly **in)
{
	struct assembly *a = assembly_find(ctx, &f->key);
	enum extent_verdict verdict;

	if (a == NULL && !may_begin(ctx, f))
		return refused(f);
	if (a == NULL)
		a = assembly_begin(ctx, p, f);
	else if (!a->known && makes_known(p, f))
		become_known(ctx, a, p, f);
	if (a == NULL)
		return DROP_FRAGMENT_LIMIT;
	verdict = extent_add(&a->extent, f->at, f->len, f->last);
	if (verdict == EXTENT_AGAIN && assembly_is_same(a, f))
		return DROP_FRAGMENT;
	if (verdict != EXTENT_NEW || a->frames == FRAMES_MAX) {
		enum drop why = verdict != EXTENT_NEW ? DROP_FRAGMENT : DROP_FRAGMENT_LIMIT;

		give_up(ctx, a, why);
		return why;
	}
	copy_in(a, f);
	a->tunnel = p->onramp;
	ctx->counters.held++;
	*in = a;
	return DROP_NONE;
}

static size_t packet_header(const struct assembly *a)
{
	return is_six(a) ? fragment6_packet_header(a->header_len)
			 : fragment_packet_header(a->header_len);
}

/*
 * The size limit for fragments of this packet when it leaves: its largest fragment, or the minimum
 * MTU of IPv6 if that is more. 0: IPv4.
 */
static uint16_t largest_of(const struct assembly *a)
{
	if (a->key.domain != ASSEMBLY_INNER6)
		return 0;
	return a->largest > IPV6_LEAST_MTU ? a->largest : IPV6_LEAST_MTU;
}

/*
 * The Ethernet header of the last fragment is copied in front: later stages read the sender from
 * it.
 */
static void write_reassembled(const struct assembly *a, uint8_t *ip, struct packet *p)
{
	struct reassembled *whole = rte_mbuf_to_priv(a->m);

	if (is_six(a))
		fragment6_write_header(ip, a->header, a->header_len, a->extent.total, a->congested);
	else
		fragment_write_header(ip, a->header, a->header_len, a->extent.total, a->congested);
	whole->pool = reassembled_pool(p->mbuf);
	whole->largest = largest_of(a);
	memcpy(ip - ETHER_LEN, p->data - ETHER_LEN, ETHER_LEN);
}

/* @a is complete. @p, the last fragment to arrive, becomes the reassembled packet. */
static enum drop become_reassembled(struct context *ctx, struct packet *p, struct assembly *a)
{
	size_t len = packet_header(a) + a->extent.total;
	uint8_t *ip = a->payload - packet_header(a);

	if (len > UINT16_MAX || ip < (uint8_t *)a->m->buf_addr ||
	    (assembly_is_outer(a->key.domain) && len > OUTER_MAX)) {
		ctx->counters.held--;
		a->frames--; /* the caller drops the last one */
		give_up(ctx, a, DROP_FRAGMENT_LIMIT);
		return DROP_FRAGMENT_LIMIT;
	}
	write_reassembled(a, ip, p);
	ctx->counters.held -= a->frames;
	ctx->counters.fragments_joined += a->frames - 1u;
	rte_pktmbuf_free(p->mbuf);
	p->mbuf = a->m;
	p->data = ip;
	p->len = (uint16_t)len;
	unlink_assembly(ctx, a);
	return DROP_NONE;
}

enum drop assembly_add(struct context *ctx, struct packet *p, const struct fragment *fragment,
		       bool *whole)
{
	struct assembly *a = NULL;
	enum drop drop = hold(ctx, p, fragment, &a);

	*whole = drop == DROP_NONE && a->header_len != 0 && extent_is_complete(&a->extent);
	if (drop != DROP_NONE)
		return drop;
	if (*whole)
		return become_reassembled(ctx, p, a);
	rte_pktmbuf_free(p->mbuf);
	return DROP_NONE;
}
