/*
 * The tables of a worker: see flow_tables.h.
 *
 * They are allocated once, when the worker is made. All hashes of a worker use the secret of its
 * flow tables, so these come first.
 */
#include "worker/flow_tables.h"

#include "flow/flow6.h"
#include "flow/remotes.h"
#include "flow/table.h"
#include "path/context.h"
#include "setup/setup.h"
#include "worker/worker.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

static bool create_table(struct context *ctx, const struct worker_config *config)
{
	uint8_t secret[16];

	if (config->secret != NULL)
		memcpy(secret, config->secret, sizeof(secret));
	else if (getrandom(secret, sizeof(secret), 0) != sizeof(secret))
		return false;
	ctx->flows = config->kept != NULL ? flow_table_create_kept(config->kept, secret)
					  : flow_table_create(config->flows_capacity, secret);
	if (ctx->flows != NULL && config->flows6_capacity > 0)
		ctx->flows6 = config->kept6 != NULL
				      ? flow_table_create_kept(config->kept6, secret)
				      : flow6_table_create(config->flows6_capacity, secret);
	explicit_bzero(secret, sizeof(secret));
	if (ctx->flows != NULL)
		flow_table_set_stream(ctx->flows, ctx->index);
	return ctx->flows != NULL && (ctx->flows6 != NULL || config->flows6_capacity == 0);
}

static bool create_remotes(struct context *ctx, const struct worker_config *config)
{
	uint64_t seed = 0;

	if (config->secret != NULL)
		memcpy(&seed, config->secret, sizeof(seed));
	ctx->remotes = remotes_create(seed);
	return ctx->remotes != NULL;
}

/* After the flow tables, whose secret it uses. */
static bool create_sources(struct context *ctx)
{
	const uint8_t purpose = 0;

	ctx->sources = limits_create_sources(
		flow_table_hash(ctx->flows, FLOW_DOMAIN_SOURCE, &purpose, sizeof(purpose)));
	return ctx->sources != NULL;
}

bool flow_tables_create(struct context *ctx, const struct worker_config *config)
{
	return create_table(ctx, config) && create_remotes(ctx, config) && create_sources(ctx);
}

void flow_tables_destroy(struct context *ctx)
{
	flow_table_destroy(ctx->flows);
	flow_table_destroy(ctx->flows6);
	remotes_destroy(ctx->remotes);
	free(ctx->sources);
}
