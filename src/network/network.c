/*
 * The network snapshot, compiled from what the operator asked for.
 *
 * Everything a packet needs is computed here, once: a tunnel's outer headers with their checksum,
 * the MSS that fits, which ports of which address are ours. See network.h for who may call what.
 */
#include "network/network.h"

#include "base/clock.h"
#include "network/index.h"
#include "tunnel/kinds.h"

#include <stdlib.h>
#include <string.h>

enum {
	OUTER_TTL = 64,
	IPV6_MTU_MIN = 1280, /* RFC 8200 section 5 */
	DUMMY_ADDRESS = 0xc0000008, /* 192.0.0.8, of who has no other: RFC 7600 */
};

static uint32_t hash_tunnel(const struct network_index *x, be32_t local, be32_t remote,
			    bool has_key, uint32_t key)
{
	uint64_t h = ((uint64_t)local << 32 | remote) * HASH_MULTIPLIER;

	h ^= ((uint64_t)has_key << 32 | key) * HASH_MULTIPLIER;
	h ^= h >> 29;
	return (uint32_t)((h * HASH_MULTIPLIER) >> x->tunnel_shift);
}

static uint32_t hash_address(const struct network_index *x, be32_t addr)
{
	return (uint32_t)((addr * HASH_MULTIPLIER) >> x->address_shift);
}

/* Smallest power of two that leaves a table of @n keys half empty, as a number of bits. */
static unsigned table_bits(size_t n)
{
	unsigned bits = 3;

	while ((size_t)1 << bits < 2 * n)
		bits++;
	return bits;
}

uint16_t network_find_tunnel(const struct network *net, be32_t local, be32_t remote, bool has_key,
			     uint32_t key)
{
	const struct network_index *x = net->index;

	for (uint32_t i = hash_tunnel(x, local, remote, has_key, key);; i++) {
		const struct tunnel_slot *s = &x->tunnels[i & x->tunnel_mask];

		if (s->tunnel == TUNNEL_NONE)
			return TUNNEL_NONE;
		if (s->local == local && s->remote == remote && s->has_key == has_key &&
		    s->key == key)
			return s->tunnel;
	}
}

static struct address_slot *address_slot(const struct network_index *x, be32_t addr)
{
	for (uint32_t i = hash_address(x, addr);; i++) {
		struct address_slot *s = &x->addresses[i & x->address_mask];

		if (s->value == ADDRESS_EMPTY || s->addr == addr)
			return s;
	}
}

int network_find_address(const struct network *net, be32_t addr)
{
	int32_t value = address_slot(net->index, addr)->value;

	return value >= 0 ? value : -1;
}

bool network_is_local_end(const struct network *net, be32_t addr)
{
	return address_slot(net->index, addr)->value == ADDRESS_LOCAL_END;
}

int network_find_slice(const struct network *net, uint32_t address, uint16_t port)
{
	const struct network_index *x = net->index;
	uint32_t place = x->slice_base[address] + (port >> x->slice_shift[address]);

	return (int)x->slices[place] - 1;
}

const struct pool *network_find_pool(const struct network *net, be32_t addr, uint16_t port)
{
	int address = network_find_address(net, addr);
	int slice = address < 0 ? -1 : network_find_slice(net, (uint32_t)address, port);

	return slice < 0 ? NULL : &net->pools[net->slices[slice].pool];
}

bool network_lets_in(const struct network *net, be32_t addr, uint16_t port)
{
	const struct pool *pool = network_find_pool(net, addr, port);

	return pool != NULL && pool->filtering == FILTERING_ENDPOINT_INDEPENDENT;
}

bool network_address_lets_in(const struct network *net, be32_t addr)
{
	int first = network_find_address(net, addr);

	return first >= 0 && net->addresses[first].lets_in;
}

bool network_source_allowed(const struct network *net, uint16_t site, be32_t src)
{
	const struct site *s = &net->sites[site];

	for (uint32_t i = 0; i < s->n_prefixes; i++) {
		if (prefix4_contains(&s->prefixes[i], src))
			return true;
	}
	return s->n_prefixes + s->n_prefixes6 == 0;
}

const char *network_site_name(const struct network *net, uint16_t site)
{
	return site == SITE_INTERNET ? "internet" : net->spec.sites[site - 1].name;
}

const struct spec_tunnel *network_tunnel_spec(const struct network *net, uint16_t tunnel)
{
	uint16_t site = net->tunnels[tunnel].site;

	return &net->spec.sites[site - 1].tunnels[tunnel - net->sites[site].first_tunnel];
}

const char *network_tunnel_name(const struct network *net, uint16_t tunnel)
{
	return tunnel == TUNNEL_NONE ? "none" : network_tunnel_spec(net, tunnel)->name;
}

uint16_t network_inner_mtu(const struct network *net, uint16_t tunnel, uint16_t outer)
{
	uint16_t overhead = net->tunnels[tunnel].header_len;

	return outer > overhead ? (uint16_t)(outer - overhead) : 0;
}

static uint8_t outer_of(const struct spec_tunnel *spec)
{
	if (spec_is_over_ipv6(spec))
		return OUTER_IPV6;
	return spec->outer_df == OUTER_DF_SET ? OUTER_IPV4 : OUTER_IPV4_FRAGMENTABLE;
}

/* What ICMP errors come from where the operator did not say. */
static be32_t default_address(const struct spec_tunnel *spec)
{
	return spec_is_over_ipv6(spec) ? htonl(DUMMY_ADDRESS) : spec->local;
}

static struct addr6 address6_of(const struct spec_tunnel *spec)
{
	bool fits = spec->mtu >= IPV6_MTU_MIN;

	return addr6_is_zero(&spec->address6) && fits ? spec->local6 : spec->address6;
}

static void compile_tunnel(struct tunnel *t, struct tunnel_header6 *header6,
			   const struct spec_tunnel *spec, uint16_t site)
{
	*t = (struct tunnel){
		.port = (uint8_t)spec->port,
		.mtu = spec->mtu,
		.site = site,
		.address = spec->address != 0 ? spec->address : default_address(spec),
		.local = spec->local,
		.remote = spec->remote,
		.key = spec->key,
		.has_key = spec->has_key,
		.type = spec->type,
		.outer = outer_of(spec),
	};
	bool six = t->outer == OUTER_IPV6;
	const struct tunnel_outside ends = {
		.local = six ? spec->local6 : addr6_from_ipv4(spec->local),
		.remote = six ? spec->remote6 : addr6_from_ipv4(spec->remote),
		.key = spec->key,
		.has_key = spec->has_key,
		.df = spec->outer_df == OUTER_DF_SET,
		.ttl = spec->outer_ttl != 0 ? (uint8_t)spec->outer_ttl : OUTER_TTL,
	};

	t->header_len = tunnel_kinds[t->type].make_header(six ? header6->bytes : t->header, &ends);
}

/* Rounded up, so that every worker may open something. */
static uint32_t share(uint32_t limit, uint32_t workers)
{
	return limit == 0 ? UINT32_MAX : (limit - 1) / workers + 1;
}

static uint64_t sixteenths(uint32_t limit)
{
	return ((UINT64_C(16) << 32) + limit - 1) / limit;
}

static void compile_limits(struct site_limits *limits, const struct spec_limits *spec,
			   uint32_t workers)
{
	uint32_t rate = share(spec->new_flows_per_second, workers);

	limits->flows = share(spec->flows, workers);
	limits->half_open = share(spec->half_open, workers);
	limits->source_flows = share(spec->source_flows, workers);
	limits->source_half_open = share(spec->source_half_open, workers);
	limits->flows_16ths = sixteenths(limits->flows);
	limits->half_open_16ths = sixteenths(limits->half_open);
	limits->source_flows_16ths = sixteenths(limits->source_flows);
	limits->source_half_open_16ths = sixteenths(limits->source_half_open);
	if (spec->new_flows_per_second == 0)
		return;
	limits->interval_ns = NS_PER_S / rate;
	limits->burst_ns = (rate - 1) * limits->interval_ns;
}

static void compile_sites(struct network *net)
{
	uint16_t tunnel = 1;

	for (uint16_t i = 0; i < net->n_sites; i++) {
		const struct spec_site *spec = &net->spec.sites[i];

		net->sites[i + 1] = (struct site){
			.prefixes = spec->prefixes,
			.n_prefixes = (uint32_t)spec->n_prefixes,
			.prefixes6 = spec->prefixes6,
			.n_prefixes6 = (uint32_t)spec->n_prefixes6,
			.first_tunnel = tunnel,
			.n_tunnels = (uint16_t)spec->n_tunnels,
		};
		compile_limits(&net->sites[i + 1].limits, &spec->limits,
			       net->spec.workers == 0 ? 1 : net->spec.workers);
		for (size_t k = 0; k < spec->n_tunnels; k++, tunnel++) {
			compile_tunnel(&net->tunnels[tunnel], &net->headers6[tunnel],
				       &spec->tunnels[k], (uint16_t)(i + 1));
			net->tunnel_addresses6[tunnel] = address6_of(&spec->tunnels[k]);
		}
	}
}

static void compile_slices(struct network *net, const struct spec_pool *pool, uint16_t pool_index,
			   const struct spec_address *spec)
{
	for (uint32_t k = 0; k < 65536 / pool->slice_size; k++) {
		if (!spec_owns_slice(spec, k))
			continue;
		net->slices[net->n_slices++] = (struct slice){
			.addr = spec->addr,
			.first_port = (uint16_t)(k * pool->slice_size),
			.pool = pool_index,
			.size = pool->slice_size,
			.address = net->n_addresses,
		};
	}
}

/* The addresses of one family. How many they are. */
static uint32_t compile_addresses(struct network *net, const struct spec_pool *spec, uint16_t pool,
				  bool six)
{
	uint32_t before = net->n_addresses;

	for (size_t k = 0; k < spec->n_addresses; k++) {
		const struct spec_address *from = &spec->addresses[k];
		struct egress_address *a = &net->addresses[net->n_addresses];

		if ((from->addr == 0) != six)
			continue;
		*a = (struct egress_address){
			.addr = from->addr,
			.addr6 = from->addr6,
			.pool = pool,
			.port = (uint8_t)spec->port,
			.first_slice = net->n_slices,
		};
		compile_slices(net, spec, pool, from);
		a->n_slices = net->n_slices - a->first_slice;
		net->n_addresses++;
	}
	return net->n_addresses - before;
}

static void compile_pools(struct network *net)
{
	for (uint16_t i = 0; i < net->n_pools; i++) {
		const struct spec_pool *spec = &net->spec.pools[i];
		struct pool *pool = &net->pools[i];

		*pool = (struct pool){
			.first_address = net->n_addresses,
			.slice_size = spec->slice_size,
			.port = (uint8_t)spec->port,
			.mapping = (uint8_t)spec->mapping,
			.filtering = (uint8_t)spec->filtering,
		};
		pool->n_addresses = compile_addresses(net, spec, i, false);
		pool->first_address6 = net->n_addresses;
		pool->n_addresses6 = compile_addresses(net, spec, i, true);

		if (net->egress == NULL && pool->n_addresses > 0)
			net->egress = pool;
		if (net->egress6 == NULL && pool->n_addresses6 > 0)
			net->egress6 = pool;
	}
	net->uplink6 = net->egress6 != NULL ? net->egress6->port : net->pools[0].port;
}

static void index_tunnels(struct network *net)
{
	struct network_index *x = net->index;

	for (uint16_t id = 1; id <= net->n_tunnels; id++) {
		const struct tunnel *t = &net->tunnels[id];
		uint32_t i = hash_tunnel(x, t->local, t->remote, t->has_key, t->key);

		if (t->outer == OUTER_IPV6)
			continue;
		while (x->tunnels[i & x->tunnel_mask].tunnel != TUNNEL_NONE)
			i++;
		x->tunnels[i & x->tunnel_mask] = (struct tunnel_slot){
			.local = t->local,
			.remote = t->remote,
			.key = t->key,
			.has_key = t->has_key,
			.tunnel = id,
		};
	}
}

/* An address that is both is refused by config: the later entry would hide the earlier. */
static void index_addresses(struct network *net)
{
	struct network_index *x = net->index;

	for (uint32_t i = 0; i <= x->address_mask; i++)
		x->addresses[i].value = ADDRESS_EMPTY;
	for (uint16_t id = 1; id <= net->n_tunnels; id++) {
		be32_t local = net->tunnels[id].local;

		if (local != 0)
			*address_slot(x, local) =
				(struct address_slot){.addr = local, .value = ADDRESS_LOCAL_END};
	}
	for (uint32_t i = 0; i < net->n_addresses; i++) {
		struct address_slot *slot;

		if (net->addresses[i].addr == 0)
			continue;
		slot = address_slot(x, net->addresses[i].addr);
		if (slot->value < 0) /* one that is listed twice is known by its first entry */
			*slot = (struct address_slot){
				.addr = net->addresses[i].addr,
				.value = (int32_t)i,
			};
		if (net->pools[net->addresses[i].pool].filtering == FILTERING_ENDPOINT_INDEPENDENT)
			net->addresses[slot->value].lets_in = true;
	}
}

static void index_slices(struct network *net)
{
	struct network_index *x = net->index;
	uint32_t base = 0;

	for (uint32_t i = 0; i < net->n_addresses; i++) {
		const struct egress_address *a = &net->addresses[i];
		uint32_t size = net->pools[a->pool].slice_size;
		uint32_t first = (uint32_t)(a->addr != 0 ? network_find_address(net, a->addr)
							 : network_find_address6(net, &a->addr6));

		/* All entries of one address share one map; config sees to it that sizes agree. */
		if (first == i) {
			x->slice_base[i] = base;
			base += 65536 / size;
		} else {
			x->slice_base[i] = x->slice_base[first];
		}
		x->slice_shift[i] = (uint8_t)__builtin_ctz(size);
		for (uint32_t k = a->first_slice; k < a->first_slice + a->n_slices; k++)
			x->slices[x->slice_base[i] + net->slices[k].first_port / size] = k + 1;
	}
}

static void count(struct network *net, uint32_t *slices, uint32_t *places)
{
	const struct network_spec *spec = &net->spec;

	net->n_sites = (uint32_t)spec->n_sites;
	net->n_pools = (uint32_t)spec->n_pools;
	for (size_t i = 0; i < spec->n_sites; i++)
		net->n_tunnels += (uint32_t)spec->sites[i].n_tunnels;
	for (size_t i = 0; i < spec->n_pools; i++) {
		uint32_t each = 65536 / spec->pools[i].slice_size;

		net->n_addresses += (uint32_t)spec->pools[i].n_addresses;
		*places += each * (uint32_t)spec->pools[i].n_addresses;
		for (size_t a = 0; a < spec->pools[i].n_addresses; a++)
			for (uint32_t k = 0; k < each; k++)
				*slices += spec_owns_slice(&spec->pools[i].addresses[a], k);
	}
}

static bool allocate(struct network *net, uint32_t slices, uint32_t places)
{
	struct network_index *x = calloc(1, sizeof(*x));
	unsigned tunnel_bits = table_bits(net->n_tunnels);
	unsigned address_bits = table_bits(net->n_tunnels + net->n_addresses);

	net->index = x;
	net->tunnels = aligned_alloc(CACHE_LINE, (net->n_tunnels + 1) * sizeof(struct tunnel));
	net->headers6 =
		aligned_alloc(CACHE_LINE, (net->n_tunnels + 1) * sizeof(struct tunnel_header6));
	net->tunnel_addresses6 = calloc(net->n_tunnels + 1, sizeof(struct addr6));
	net->sites = calloc(net->n_sites + 1, sizeof(struct site));
	net->pools = calloc(net->n_pools + 1, sizeof(struct pool));
	net->addresses = calloc(net->n_addresses + 1, sizeof(struct egress_address));
	net->slices = calloc(slices + 1, sizeof(struct slice));
	if (x == NULL || net->tunnels == NULL || net->sites == NULL || net->pools == NULL ||
	    net->addresses == NULL || net->slices == NULL || net->tunnel_addresses6 == NULL ||
	    net->headers6 == NULL)
		return false;
	memset(net->tunnels, 0, (net->n_tunnels + 1) * sizeof(struct tunnel));
	memset(net->headers6, 0, (net->n_tunnels + 1) * sizeof(struct tunnel_header6));

	x->tunnel_shift = (uint8_t)(64 - tunnel_bits);
	x->tunnel_mask = (UINT32_C(1) << tunnel_bits) - 1;
	x->address_shift = (uint8_t)(64 - address_bits);
	x->address_mask = (UINT32_C(1) << address_bits) - 1;
	x->tunnel6_shift = x->tunnel_shift;
	x->tunnel6_mask = x->tunnel_mask;
	x->address6_shift = x->address_shift;
	x->address6_mask = x->address_mask;
	x->tunnels = calloc(x->tunnel_mask + 1, sizeof(struct tunnel_slot));
	x->tunnels6 = calloc(x->tunnel6_mask + 1, sizeof(struct tunnel6_slot));
	x->addresses = calloc(x->address_mask + 1, sizeof(struct address_slot));
	x->addresses6 = calloc(x->address6_mask + 1, sizeof(struct address6_slot));
	x->slices = calloc(places + 1, sizeof(uint32_t));
	x->slice_base = calloc(net->n_addresses + 1, sizeof(uint32_t));
	x->slice_shift = calloc(net->n_addresses + 1, sizeof(uint8_t));
	return x->tunnels != NULL && x->tunnels6 != NULL && x->addresses != NULL &&
	       x->addresses6 != NULL && x->slices != NULL && x->slice_base != NULL &&
	       x->slice_shift != NULL;
}

struct network *network_create(const struct network_spec *spec)
{
	struct network *net = calloc(1, sizeof(*net));
	uint32_t slices = 0, places = 0;

	if (net == NULL)
		return NULL;
	net->spec = *spec;
	count(net, &slices, &places);
	if (!allocate(net, slices, places) || !network_make_globals(net)) {
		network_destroy(net);
		return NULL;
	}

	net->n_addresses = 0; /* filled again as they are compiled */
	compile_sites(net);
	compile_pools(net);
	index_tunnels(net);
	index_tunnels6(net);
	index_addresses(net);
	index_addresses6(net);
	index_slices(net);
	if (!index_names(net) || !network_make_ends(net)) {
		network_destroy(net);
		return NULL;
	}
	return net;
}

void network_destroy(struct network *net)
{
	if (net == NULL)
		return;
	if (net->index != NULL) {
		free(net->index->tunnels);
		free(net->index->tunnels6);
		free(net->index->ends);
		free(net->index->addresses);
		free(net->index->addresses6);
		free(net->index->slices);
		free(net->index->slice_base);
		free(net->index->slice_shift);
		free(net->index->site_names.ids);
		free(net->index->tunnel_names.ids);
	}
	free(net->index);
	free(net->tunnels);
	free(net->headers6);
	free(net->tunnel_addresses6);
	free(net->sites);
	free(net->pools);
	free(net->addresses);
	free(net->globals);
	free(net->slices);
	free(net);
}
