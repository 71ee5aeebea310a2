/* Fair shares of a short list: see wanted.h. */
#include "path/wanted.h"

static unsigned wanted_count(const struct context *ctx, uint16_t site)
{
	unsigned n = 0;

	for (unsigned i = 0; i < ctx->n_wanted; i++)
		n += ctx->wanted[i].site == site;
	return n;
}

/*
 * The entry to examine rotates, so the site with most entries is found most often. The work is at
 * most two passes over the list, however large a flood is.
 */
static void displace(struct context *ctx, const struct neighbour_wanted *entry)
{
	unsigned place = ctx->wanted_turn++ % CONTEXT_WANTED_MAX;

	if (wanted_count(ctx, entry->site) + 1 < wanted_count(ctx, ctx->wanted[place].site))
		ctx->wanted[place] = *entry;
}

void wanted_add(struct context *ctx, uint16_t site, uint8_t port, const struct addr6 *addr)
{
	const struct neighbour_wanted entry = {*addr, site, port};

	for (unsigned i = 0; i < ctx->n_wanted; i++)
		if (ctx->wanted[i].port == port && addr6_equal(&ctx->wanted[i].addr, addr))
			return;
	if (ctx->n_wanted < CONTEXT_WANTED_MAX)
		ctx->wanted[ctx->n_wanted++] = entry;
	else
		displace(ctx, &entry);
}

void wanted_hand_over(struct wanted_box *box, struct context *ctx)
{
	if (__atomic_load_n(&box->n, __ATOMIC_ACQUIRE) != 0)
		return;
	memcpy(box->wanted, ctx->wanted, ctx->n_wanted * sizeof(box->wanted[0]));
	__atomic_store_n(&box->n, ctx->n_wanted, __ATOMIC_RELEASE);
	ctx->n_wanted = 0;
}

size_t wanted_take(struct wanted_box *box, struct neighbour_wanted *out, size_t n)
{
	uint32_t have = __atomic_load_n(&box->n, __ATOMIC_ACQUIRE);

	if (have > n)
		have = (uint32_t)n; /* later packets ask again for the rest */
	memcpy(out, box->wanted, have * sizeof(*out));
	if (have > 0)
		__atomic_store_n(&box->n, 0, __ATOMIC_RELEASE);
	return have;
}
