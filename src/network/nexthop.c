/*
 * The table of nexthops: see nexthop.h.
 *
 * The table has room for every id, so no index needs a check. Pages without an id in use are never
 * touched, unless there are so many ids that a huge page serves them better.
 *
 * Substitutes are resolved here. A tunnel that is down or removed gets the content of the first
 * nexthop along its chain of substitutes that works. If none works, it gets the content of the
 * first that exists, which may be itself. A chain that is a loop leads to nothing.
 */
#include "network/nexthop.h"

#include "base/memory.h"
#include "base/wire.h"
#include "network/ids.h"
#include "network/network.h"
#include "tunnel/kinds.h"

#include <stdlib.h>
#include <string.h>

enum { UNKNOWN = 0, ON_THE_WAY = UINT16_MAX, NOTHING = UINT16_MAX - 1 }; /* values in a memo */

enum { MANY = 4096 /* ids: from here on the table is on a huge page */ };

static_assert((int)NOTHING > (int)NEXTHOP_HAIRPIN, "no nexthop has these ids");

struct ids *nexthop_ids_create(const struct network *net)
{
	struct ids *ids = ids_create(NEXTHOP_NONE + 1, NEXTHOP_LAST);

	for (uint32_t i = 0; ids != NULL && i < net->n_tunnels; i++)
		ids_take_given(ids, net->tunnel_ids[i]);
	return ids;
}

struct nexthop nexthop_to_neighbour(uint8_t port, const uint8_t src[6], const uint8_t *dst,
				    uint16_t mtu)
{
	struct nexthop n = {
		.port = port,
		.mtu = mtu < NEXTHOP_MTU_MAX ? mtu : NEXTHOP_MTU_MAX,
		.kind = NEXTHOP_KIND_NEIGHBOUR,
		.resolved = dst != NULL,
		.direct = dst != NULL,
	};

	if (dst != NULL)
		memcpy(n.ethernet + ETHER_DST, dst, ETHER_ADDR_LEN);
	memcpy(n.ethernet + ETHER_SRC, src, ETHER_ADDR_LEN);
	wire_put_be16(n.ethernet + ETHER_TYPE, htons(ETHER_IPV4));
	return n;
}

struct nexthop nexthop_to_tunnel(const struct network *net, uint16_t id, uint16_t via_id,
				 const struct nexthop *via, uint16_t mtu)
{
	const struct tunnel *t = &net->tunnels[id];
	struct nexthop n = {0};

	if (via != NULL) {
		memcpy(n.ethernet, via->ethernet, sizeof(n.ethernet));
		n.resolved = via->resolved;
	}
	n.kind = NEXTHOP_KIND_TUNNEL;
	n.tunnel = id;
	n.via = via_id;
	n.port = t->port;
	n.mtu = mtu;
	n.outer = t->outer;
	n.type = t->type;
	n.sealed = tunnel_kinds[t->type].sealed;
	n.direct = n.resolved && !n.sealed;
	n.header_len = t->header_len;
	memcpy(n.header, t->header, sizeof(n.header));
	if (t->outer == OUTER_IPV6)
		wire_put_be16(n.ethernet + ETHER_TYPE, htons(ETHER_IPV6));
	if (t->outer == OUTER_NONE && t->header_len > 0)
		wire_put_be16(n.ethernet + ETHER_TYPE, htons(ETHER_TAG));
	n.bare = t->outer == OUTER_NONE && t->header_len == 0;
	return n;
}

/* --- substitutes ------------------------------------------------------------------------------ */

static bool is_there(const struct nexthop *n)
{
	return n->kind == NEXTHOP_KIND_TUNNEL;
}

static bool is_up(const struct nexthop *n)
{
	return is_there(n) && !n->down;
}

/*
 * The first nexthop from @id on, along the substitutes, that satisfies the test; NOTHING: none. The
 * result is stored in @memo for all nexthops on the way, so that each is visited once.
 */
static uint16_t find(const struct nexthop *at, uint16_t *memo, uint16_t id,
		     bool (*is_good)(const struct nexthop *n))
{
	uint16_t end = id, found;

	while (end != NEXTHOP_NONE && memo[end] == UNKNOWN && !is_good(&at[end])) {
		memo[end] = ON_THE_WAY;
		end = at[end].substitute;
	}
	if (end != NEXTHOP_NONE && memo[end] == UNKNOWN)
		found = end;
	else
		found = end == NEXTHOP_NONE || memo[end] == ON_THE_WAY ? NOTHING : memo[end];
	for (; memo[id] == ON_THE_WAY; id = at[id].substitute)
		memo[id] = found;
	return found;
}

/* A nexthop that works, or has no substitute, is not changed. */
static bool needs_substitute(const struct nexthop *n)
{
	return n->substitute != NEXTHOP_NONE && (n->down || n->kind == NEXTHOP_KIND_DROP);
}

static void stand_in(struct nexthop *n, const struct nexthop *other)
{
	const struct nexthop own = *n;

	*n = *other;
	n->via = own.via;
	n->substitute = own.substitute;
	memcpy(n->own_mac, own.ethernet + ETHER_DST, sizeof(n->own_mac));
	n->own_resolved = own.resolved;
}

/* The source of a copy is never itself a copy: it works, or has no substitute. */
static void resolve_substitutes(struct nexthop *at, size_t n, uint16_t *up, uint16_t *there)
{
	for (size_t id = 1; id < n; id++) {
		uint16_t other;

		if (!needs_substitute(&at[id]))
			continue;
		other = find(at, up, (uint16_t)id, is_up);
		if (other == NOTHING)
			other = find(at, there, (uint16_t)id, is_there);
		if (other != NOTHING && other != id)
			stand_in(&at[id], &at[other]);
	}
}

static int substitute_all(struct nexthop *at, size_t n)
{
	uint16_t *memo = NULL;
	bool some = false;

	for (size_t id = 1; id < n && !some; id++)
		some = needs_substitute(&at[id]);
	if (!some)
		return 0;
	memo = calloc(2 * (size_t)NEXTHOP_IDS, sizeof(*memo));
	if (memo == NULL)
		return -1;
	resolve_substitutes(at, n, memo, memo + NEXTHOP_IDS);
	free(memo);
	return 0;
}

/* --- table ------------------------------------------------------------------------------------ */

/* Fills in the reserved ids. */
static void set_reserved(struct nexthop *at)
{
	at[NEXTHOP_NONE] = (struct nexthop){0};
	at[NEXTHOP_LOST] = (struct nexthop){.kind = NEXTHOP_KIND_NEIGHBOUR, .moved = true};
	at[NEXTHOP_HAIRPIN] =
		(struct nexthop){.kind = NEXTHOP_KIND_HAIRPIN, .mtu = NEXTHOP_MTU_ANY};
}

/* With few ids most of its memory is never touched. */
static struct nexthops *allocate(size_t n)
{
	struct nexthops *t = memory_reserve(sizeof(*t));

	if (t != NULL && n >= MANY)
		memory_settle(t, sizeof(t->at), n * sizeof(t->at[0]));
	return t;
}

static int copy_macs(struct nexthops *t, const struct nexthops_spec *spec)
{
	t->macs = calloc(spec->n_macs + 1, sizeof(t->macs[0]));
	if (t->macs == NULL)
		return -1;
	if (spec->n_macs > 0)
		memcpy(t->macs, spec->macs, spec->n_macs * sizeof(t->macs[0]));
	return 0;
}

struct nexthops *nexthops_create(const struct nexthops_spec *spec)
{
	struct nexthops *t = allocate(spec->n);

	assert(spec->n <= NEXTHOP_LAST + 1);
	if (t == NULL)
		return NULL;
	if (spec->n > 0)
		memcpy(t->at, spec->at, spec->n * sizeof(t->at[0]));
	set_reserved(t->at);
	if (copy_macs(t, spec) == 0 && substitute_all(t->at, spec->n) == 0 &&
	    routes_init(&t->routes, &spec->routes) == 0)
		return t;
	nexthops_destroy(t);
	return NULL;
}

void nexthops_destroy(struct nexthops *t)
{
	if (t == NULL)
		return;
	routes_fini(&t->routes);
	free(t->macs);
	memory_unmap(t, sizeof(*t));
}
