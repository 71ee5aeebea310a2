/*
 * Ask: with several workers, the stage between a miss in the own table and setup.
 *
 * A packet that is not in the own table is the first of its flow, or it came by another queue than
 * the packets before it: a NIC was reset, a path failed, a tunnel of the site took over. Then
 * another worker has the flow. So the others' tables are asked, for the whole burst at once, and
 * the packet is handed to the one that has it. If none has, the flow is set up here.
 *
 * A packet that was handed over is not asked for again: if its flow has ended meanwhile, it is set
 * up where it is. So no packet goes to and fro. A reassembled packet of no flow goes back to the
 * worker whose queue its last fragment came by, as later packets of the flow come by that, too.
 */
#include "in/stages.h"

#include "path/family.h"
#include "path/owner.h"

/* The sites to ask for, by place in the list; OWNER_NOBODY: nobody is asked. */
static ALWAYS_INLINE void list_sites(const struct context *ctx, struct burst *b, uint16_t *sites,
				     const struct family *y)
{
	for (unsigned i = 0; i < b->n[y->ask]; i++) {
		const struct packet *p = b->list[y->ask][i];

		sites[i] = OWNER_NOBODY;
		if (burst_was_handed(b, p))
			continue;
		sites[i] = y->six ? owner_site6(ctx, burst_key6(b, p)) : owner_site(ctx, p);
	}
}

static ALWAYS_INLINE bool is_elsewhere(const struct context *ctx, struct burst *b, uint16_t site,
				       struct packet *p, bool six)
{
	return six ? owner_ask6(ctx, site, p, burst_key6(b, p)) : owner_ask(ctx, site, p);
}

/* Does another worker set up the flow? p->owner of a packet that went a detour is the first one. */
static bool is_set_up_elsewhere(const struct context *ctx, struct burst *b, struct packet *p,
				bool six)
{
	if (burst_was_handed(b, p) || p->onramp == TUNNEL_NONE)
		return false;
	return (!six && owner_by_source(ctx, p)) || burst_went_detour(b, p);
}

static ALWAYS_INLINE void ask_all(struct context *ctx, struct burst *b, const struct family *y)
{
	const bool six = y->six;
	uint16_t sites[BURST_MAX];

	list_sites(ctx, b, sites, y);
	for (unsigned i = 0; i < b->n[y->ask]; i++)
		owner_prefetch(ctx, sites[i], b->list[y->ask][i], six);
	for (unsigned i = 0; i < b->n[y->ask]; i++)
		owner_prefetch_record(ctx, sites[i], b->list[y->ask][i], six);
	for (unsigned i = 0; i < b->n[y->ask]; i++) {
		struct packet *p = b->list[y->ask][i];

		ctx->counters.asked += sites[i] != OWNER_NOBODY;
		if (is_elsewhere(ctx, b, sites[i], p, six) || is_set_up_elsewhere(ctx, b, p, six))
			burst_handover(b, p, HANDOVER_TO_PARSE);
		else
			burst_pass(b, y->setup, p);
	}
}

void stage_ask(struct context *ctx, struct burst *b)
{
	ask_all(ctx, b, &family4);
}

void stage_ask6(struct context *ctx, struct burst *b)
{
	ask_all(ctx, b, &family6);
}
