/* A short list of what peers tell: see heard.h. */
#include "path/heard.h"

void heard_add(struct context *ctx, uint16_t tunnel, const uint8_t mac[6])
{
	unsigned i = 0;

	while (i < ctx->n_heard && ctx->heard[i].tunnel != tunnel)
		i++;
	if (i == CONTEXT_HEARD_MAX)
		return;
	ctx->heard[i].tunnel = tunnel;
	memcpy(ctx->heard[i].mac, mac, sizeof(ctx->heard[i].mac));
	if (i == ctx->n_heard)
		ctx->n_heard++;
}

void heard_hand_over(struct heard_box *box, struct context *ctx)
{
	if (__atomic_load_n(&box->n, __ATOMIC_ACQUIRE) != 0)
		return;
	memcpy(box->heard, ctx->heard, ctx->n_heard * sizeof(box->heard[0]));
	__atomic_store_n(&box->n, ctx->n_heard, __ATOMIC_RELEASE);
	ctx->n_heard = 0;
}

size_t heard_take(struct heard_box *box, struct peer_heard *out, size_t n)
{
	uint32_t have = __atomic_load_n(&box->n, __ATOMIC_ACQUIRE);

	if (have > n)
		have = (uint32_t)n;
	memcpy(out, box->heard, have * sizeof(*out));
	if (have > 0)
		__atomic_store_n(&box->n, 0, __ATOMIC_RELEASE);
	return have;
}
