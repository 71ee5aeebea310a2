/*
 * Owner: see owner.h.
 *
 * A worker without a flow from the site or to it is not asked. Untranslated flows count as flows to
 * site 0, the Internet. So the first packets of a site whose
 * tunnels all come by one queue cost one or two reads of counters for each other worker, which stay
 * in the cache.
 */
#include "path/owner.h"

#include "flow/ask.h"
#include "path/share.h"

static bool is_other(const struct context *ctx, struct packet *p, uint16_t owner)
{
	if (owner == ctx->index)
		return false;
	p->owner = owner;
	return true;
}

/* The owner of a return to egress address number @address; -1: not an egress address. */
static bool by_port(const struct context *ctx, struct packet *p, int address, be16_t dport)
{
	const struct network *net = ctx->net;
	uint16_t port = ntohs(dport);
	int slice = address < 0 ? -1 : network_find_slice(net, (uint32_t)address, port);

	if (slice < 0)
		return false; /* no owner: it is dropped here as no_flow */
	return is_other(ctx, p, share_owner(port, net->slices[slice].size, ctx->count));
}

bool owner_by_port(const struct context *ctx, struct packet *p)
{
	const struct flow_key *key = &p->probe.key;

	return key->realm == SITE_INTERNET &&
	       by_port(ctx, p, network_find_address(ctx->net, key->dst), key->dport);
}

bool owner_by_port6(const struct context *ctx, struct packet *p, const struct flow6_key *key)
{
	return key->realm == SITE_INTERNET &&
	       by_port(ctx, p, network_find_address6(ctx->net, &key->dst), key->dport);
}

/* The worker by a hash of @n bytes. Nobody outside can choose it. */
static uint16_t by_hash(const struct context *ctx, const void *bytes, size_t n)
{
	uint64_t hash = flow_table_hash(ctx->flows, FLOW_DOMAIN_OWNER, bytes, n);

	return (uint16_t)((hash >> 32) * ctx->count >> 32);
}

bool owner_by_fragment(const struct context *ctx, struct packet *p, const struct flow6_key *key)
{
	const struct {
		uint64_t addresses[2];
		uint32_t ports, proto;
	} both = {
		{key->src.half[0] ^ key->dst.half[0], key->src.half[1] ^ key->dst.half[1]},
		key->sport ^ key->dport,
		key->proto,
	};

	return is_other(ctx, p, by_hash(ctx, &both, sizeof(both)));
}

static ALWAYS_INLINE uint16_t by_source(const struct context *ctx, const struct flow_key *key)
{
	const struct {
		be32_t src;
		uint16_t realm;
		be16_t sport;
		uint32_t proto;
	} source = {key->src, key->realm, key->sport, key->proto};

	return by_hash(ctx, &source, sizeof(source));
}

bool owner_by_source(const struct context *ctx, struct packet *p)
{
	const struct flow_key *key = &p->probe.key;

	return ctx->net->sites[key->realm].by_source && is_other(ctx, p, by_source(ctx, key));
}

uint16_t owner_of_source(const struct context *ctx, const struct flow_key *key)
{
	return by_source(ctx, key);
}

/* The worker after @worker, round in a circle. */
static uint16_t next_worker(const struct context *ctx, uint16_t worker)
{
	return (uint16_t)(worker + 1 < ctx->count ? worker + 1 : 0);
}

/* The table to ask, or NULL: there is nobody to ask for, or the worker has no flow of the site. */
static const struct flow_table *table_of(const struct context *ctx, uint16_t worker, uint16_t site,
					 bool six)
{
	const struct context *other = ctx->workers[worker];

	if (site == OWNER_NOBODY)
		return NULL;
	if (__atomic_load_n(&other->sites[site].counters.flows, __ATOMIC_RELAXED) == 0 &&
	    __atomic_load_n(&other->sites[site].far_flows, __ATOMIC_RELAXED) == 0)
		return NULL;
	return six ? other->flows6 : other->flows;
}

void owner_prefetch(const struct context *ctx, uint16_t site, const struct packet *p, bool six)
{
	for (uint16_t w = next_worker(ctx, ctx->index); w != ctx->index; w = next_worker(ctx, w)) {
		const struct flow_table *t = table_of(ctx, w, site, six);

		if (t != NULL)
			ask_prefetch(t, p->probe.hash);
	}
}

void owner_prefetch_record(const struct context *ctx, uint16_t site, const struct packet *p,
			   bool six)
{
	for (uint16_t w = next_worker(ctx, ctx->index); w != ctx->index; w = next_worker(ctx, w)) {
		const struct flow_table *t = table_of(ctx, w, site, six);

		if (t != NULL)
			ask_prefetch_record(t, p->probe.hash);
	}
}

bool owner_others_have(const struct context *ctx, const struct flow_key *key, uint64_t hash)
{
	for (uint16_t w = next_worker(ctx, ctx->index); w != ctx->index; w = next_worker(ctx, w)) {
		const struct flow_table *t = table_of(ctx, w, key->realm, false);

		if (t != NULL && ask_has(t, key, hash))
			return true;
	}
	return false;
}

bool owner_others_have6(const struct context *ctx, const struct flow6_key *key, uint64_t hash)
{
	for (uint16_t w = next_worker(ctx, ctx->index); w != ctx->index; w = next_worker(ctx, w)) {
		const struct flow_table *t = table_of(ctx, w, key->realm, true);

		if (t != NULL && ask_has6(t, key, hash))
			return true;
	}
	return false;
}

bool owner_ask(const struct context *ctx, uint16_t site, struct packet *p)
{
	for (uint16_t w = next_worker(ctx, ctx->index); w != ctx->index; w = next_worker(ctx, w)) {
		const struct flow_table *t = table_of(ctx, w, site, false);

		if (t != NULL && ask_has(t, &p->probe.key, p->probe.hash))
			return is_other(ctx, p, w);
	}
	return false;
}

bool owner_ask6(const struct context *ctx, uint16_t site, struct packet *p,
		const struct flow6_key *key)
{
	for (uint16_t w = next_worker(ctx, ctx->index); w != ctx->index; w = next_worker(ctx, w)) {
		const struct flow_table *t = table_of(ctx, w, site, true);

		if (t != NULL && ask_has6(t, key, p->probe.hash))
			return is_other(ctx, p, w);
	}
	return false;
}
