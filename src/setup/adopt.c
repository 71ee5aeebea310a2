/* Adoption of flows of an earlier process: judges one, chooses its worker, takes what it needs. */
#include "setup/adopt.h"

#include "base/clock.h"
#include "flow/kept.h"
#include "network/nexthop.h"
#include "path/owner.h"
#include "path/share.h"
#include "setup/change.h"
#include "setup/mapping.h"
#include "setup/slices.h"

/* Which worker. False: none, since forward packets and returns would reach different ones. */
static bool adopt_choose_worker(const struct context *ctx, const struct flow *flow,
				const struct flow6 *six, uint16_t before, uint16_t *worker)
{
	const struct network *net = ctx->net;
	bool has_port = flow->far == SITE_INTERNET && flow->way != FLOW_WAY_UNTRANSLATED;
	int slice = has_port ? slices_find(ctx, flow, six) : -1;
	struct flow_key key;

	*worker = before < ctx->count ? before : 0;
	if (slice < 0)
		return true; /* it may be anywhere: packets ask for it */
	*worker = share_owner(ntohs(flow->nat_port), net->slices[slice].size, ctx->count);
	if (six != NULL || ctx->count == 1 || !net->sites[flow->site].by_source)
		return true;
	flow_forward_key(flow, &key);
	return owner_of_source(ctx, &key) == *worker;
}

/* The flow as this process has it: its own clock, its own nexthops. */
static struct flow renew(const struct context *ctx, const struct adopt_source *source,
			 const struct flow *flow, const struct change_verdict *verdict)
{
	/* it may be before the origin, if that process had it from another one */
	int64_t then_ns =
		(int64_t)source->origin_ns + (int64_t)(int32_t)flow->seen_s * (int64_t)NS_PER_S;
	int64_t seen_s = (then_ns - (int64_t)ctx->origin_ns) / (int64_t)NS_PER_S;
	struct flow f = *flow;

	f.seen_s = seen_s < (int64_t)ctx->now_s ? (uint32_t)seen_s : ctx->now_s;
	f.is_extended = false;
	f.onramp = verdict->onramp;
	f.offramp = verdict->offramp;
	if (f.far == SITE_INTERNET && f.offramp != NEXTHOP_HAIRPIN)
		f.offramp = NEXTHOP_LOST; /* neighbours have other ids now */
	return f;
}

/* Puts the flow into the table. FLOW_NO_RECORD with the reason in @why: it cannot. */
static uint32_t adopt_insert(struct context *ctx, const struct flow *f, const struct flow6 *six,
			     enum adopted *why)
{
	struct flow_table *t = six != NULL ? ctx->flows6 : ctx->flows;
	struct flow_key keys[2];
	struct flow6_key keys6[2];
	uint64_t hashes[2];
	uint32_t record;

	*why = ADOPTED_NO_ROOM;
	if (t == NULL)
		return FLOW_NO_RECORD;
	if (six != NULL) {
		flow6_forward_key(f, six, &keys6[0]);
		flow6_return_key(f, six, &keys6[1]);
	} else {
		flow_forward_key(f, &keys[0]);
		flow_return_key(f, &keys[1]);
	}
	for (unsigned i = 0; i < 2; i++) {
		hashes[i] = six != NULL ? flow6_table_prefetch(t, &keys6[i])
					: flow_table_prefetch(t, &keys[i]);
		if (six != NULL ? flow6_table_has_hashed(t, &keys6[i], hashes[i])
				: flow_table_has_hashed(t, &keys[i], hashes[i])) {
			*why = ADOPTED_DAMAGED;
			return FLOW_NO_RECORD;
		}
	}
	record = six != NULL ? flow6_table_insert_hashed(t, f, six, hashes[0], hashes[1])
			     : flow_table_insert_hashed(t, f, hashes[0], hashes[1]);
	return record;
}

/* Takes the flow's egress port, as setup does. False: somebody else has it. */
static bool take_port(struct context *ctx, const struct flow *f, const struct flow6 *six)
{
	const struct network *net = ctx->net;
	struct setup s = {.ctx = ctx, .flow = *f};
	int slice;

	if (f->far != SITE_INTERNET || f->way == FLOW_WAY_UNTRANSLATED) {
		private_count(ctx, f, 1);
		return true;
	}
	slice = slices_find(ctx, f, six);
	if (slice < 0)
		return true; /* IPv6 that is not translated has none */
	s.slice = (uint32_t)slice;
	if (net->pools[net->slices[slice].pool].mapping == MAPPING_ENDPOINT_INDEPENDENT &&
	    !mappings_adopt(ctx->egress->mappings, ctx->flows, net, s.slice, f))
		return false;
	slices_count_flow(&s, 1);
	return true;
}

/* Are the ids in the record those of sites and tunnels? */
static bool has_known_ids(const struct network *net, const struct flow *f)
{
	return network_has_site(net, f->site) &&
	       (f->far == SITE_INTERNET || network_has_site(net, f->far));
}

enum adopted adopt_flow(struct context *const *workers, const struct adopt_source *source,
			const struct flow *flow, const struct flow6 *six, enum ended *why)
{
	struct context *ctx = workers[0];
	struct change_verdict verdict;
	enum adopted result;
	uint16_t worker;
	uint32_t record;
	struct flow f;

	if (!kept_is_flow(flow, six))
		return ADOPTED_DAMAGED;
	*why = ENDED_SITE_REMOVED;
	if (!has_known_ids(ctx->net, flow))
		return ADOPTED_ENDED;
	verdict = change_judge(ctx->net, flow, six);
	*why = verdict.ended;
	if (verdict.ended != ENDED_NOT)
		return ADOPTED_ENDED;
	*why = ENDED_MAPPING_CHANGED;
	if (!adopt_choose_worker(ctx, flow, six, source->worker, &worker))
		return ADOPTED_ENDED;
	ctx = workers[worker];
	f = renew(ctx, source, flow, &verdict);
	if (flow_is_over(&ctx->timers, &f, ctx->now_s))
		return ADOPTED_OVER;
	record = adopt_insert(ctx, &f, six, &result);
	if (record == FLOW_NO_RECORD)
		return result;
	if (!take_port(ctx, &f, six)) {
		flow_table_remove(six != NULL ? ctx->flows6 : ctx->flows, record);
		return ADOPTED_ENDED; /* the mapping of the pool has changed, as @why says */
	}
	limits_adopt(ctx, &f, six);
	setup_flow_adopted(ctx, &f, six);
	return ADOPTED;
}

void adopt_rest(struct context *const *workers, const struct flow *flow, const struct flow6 *six)
{
	struct context *ctx = workers[0];
	const struct network *net = ctx->net;
	struct flow f = *flow;
	int slice = slices_find(ctx, flow, six);
	enum adopted why;
	uint32_t record;

	f.far = f.onramp; /* as it was */
	f.state = FLOW_UDP; /* any that is live */
	if (slice < 0 || f.far != SITE_INTERNET || ctx->rest_s == 0 ||
	    net->pools[net->slices[slice].pool].mapping == MAPPING_ENDPOINT_INDEPENDENT)
		return;
	if (!network_has_site(net, f.site))
		f.site = SITE_INTERNET;
	ctx = workers[share_owner(ntohs(f.nat_port), net->slices[slice].size, ctx->count)];
	f.is_extended = false;
	record = adopt_insert(ctx, &f, six, &why);
	if (record != FLOW_NO_RECORD)
		flow_table_rest(six != NULL ? ctx->flows6 : ctx->flows, record, ctx->now_s);
}
