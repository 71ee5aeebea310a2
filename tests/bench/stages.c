/* The stage account: see stages.h. The loop is that of pipeline_run(), with a clock. */
#include "stages.h"
#include "in/receive.h"

#include "in/stages.h"
#include "worker/pipeline.h"

#include <rte_cycles.h>
#include <string.h>

unsigned __real_pipeline_run(struct context *ctx, struct burst *b);
unsigned __wrap_pipeline_run(struct context *ctx, struct burst *b);

static struct stage_account *to;

void stages_account(struct stage_account *account)
{
	to = account;
}

unsigned __wrap_pipeline_run(struct context *ctx, struct burst *b)
{
	uint64_t last, now;
	unsigned n;

	if (to == NULL)
		return __real_pipeline_run(ctx, b);

	last = rte_rdtsc();
	memset(b->n, 0, sizeof(b->n));
	n = receive(ctx, b);
	now = rte_rdtsc();
	to->receive += now - last;
	to->bursts++;
	for (unsigned s = 0; s < STAGE_COUNT && n > 0; s++) {
		if (b->n[s] == 0)
			continue;
		to->packets[s] += b->n[s];
		last = rte_rdtsc();
		pipeline[s].run(ctx, b);
		to->cycles[s] += rte_rdtsc() - last;
	}
	return n;
}
