/* Rows by id: see rows.h. */
#include "worker/rows.h"

#include "base/memory.h"
#include "path/context.h"
#include "path/probes.h"
#include "path/route_cache.h"
#include "path/vnet_cache.h"
#include "setup/setup.h"

#define COUNTERS_SIZE ((SPEC_TUNNELS_MAX + 1) * sizeof(struct tunnel_counters))
#define PROBES_SIZE ((SPEC_TUNNELS_MAX + 1) * sizeof(struct probe_row))
#define TOKENS_SIZE ((SPEC_TUNNELS_MAX + 1) * sizeof(uint64_t))

bool rows_create(struct context *ctx, const struct network *net)
{
	ctx->tunnels = memory_reserve(COUNTERS_SIZE);
	ctx->keepalives_until_ns = memory_reserve(TOKENS_SIZE);
	ctx->probes = memory_reserve(PROBES_SIZE);
	ctx->route_cache = route_cache_create();
	ctx->vnet_cache = vnet_cache_create();
	if (ctx->tunnels == NULL || ctx->keepalives_until_ns == NULL || ctx->probes == NULL ||
	    ctx->route_cache == NULL || ctx->vnet_cache == NULL)
		return false;
	rows_settle(ctx, net);
	return true;
}

void rows_settle(const struct context *ctx, const struct network *net)
{
	limits_settle(ctx->sites, net);
	if (net->is_large)
		memory_settle(ctx->tunnels, COUNTERS_SIZE,
			      (net->max_tunnel + 1) * sizeof(ctx->tunnels[0]));
}

void rows_destroy(struct context *ctx)
{
	memory_unmap(ctx->tunnels, COUNTERS_SIZE);
	memory_unmap(ctx->keepalives_until_ns, TOKENS_SIZE);
	memory_unmap(ctx->probes, PROBES_SIZE);
	route_cache_destroy(ctx->route_cache);
	vnet_cache_destroy(ctx->vnet_cache);
}
