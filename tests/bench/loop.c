/* The loop that is measured: see loop.h. */
#include "loop.h"

#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <stdlib.h>

enum { SLICE_PACKETS = 64 * RIG_BURST };

unsigned loop_through(const struct rig *rig)
{
	struct rte_mbuf *mbufs[RIG_BURST];
	unsigned total = 0;

	for (unsigned i = 0; i < RIG_PORTS; i++) {
		uint16_t n = rte_eth_rx_burst(rig->ports[i].ethdevs[0], 0, mbufs, RIG_BURST);

		if (n > 0)
			total += rte_eth_tx_burst(rig->ports[1 - i].ethdevs[0], 0, mbufs, n);
	}
	return total;
}

static int compare(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

double median(double *values, size_t n)
{
	qsort(values, n, sizeof(*values), compare);
	return n % 2 != 0 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

/* One burst; cycles in the worker or the stand-in. */
static uint64_t run_burst(struct traffic *t, struct sequence *s, enum loop_kind kind)
{
	uint64_t begin, spent;

	traffic_send_burst(t, s);
	begin = rte_rdtsc();
	if (kind == LOOP_HOMEWARD)
		worker_turn(t->rig->workers[0]);
	else
		loop_through(t->rig);
	spent = rte_rdtsc() - begin;
	traffic_collect_burst(t);
	return spent;
}

struct stretch {
	double all, inside; /* cycles a packet */
	uint64_t longest;
};

static struct stretch run_stretch(struct traffic *t, struct sequence *s, enum loop_kind kind)
{
	struct stretch stretch = {0};
	uint64_t begin = rte_rdtsc(), sum = 0;

	for (unsigned k = 0; k < SLICE_PACKETS / RIG_BURST; k++) {
		uint64_t spent = run_burst(t, s, kind);

		sum += spent;
		stretch.longest = spent > stretch.longest ? spent : stretch.longest;
	}
	stretch.all = (double)(rte_rdtsc() - begin) / SLICE_PACKETS;
	stretch.inside = (double)sum / SLICE_PACKETS;
	return stretch;
}

struct loop_result loop_run(struct traffic *t, struct sequence *s, enum loop_kind kind,
			    uint64_t packets)
{
	size_t n = packets / SLICE_PACKETS + 1, kept = 0;
	double *all = malloc(n * sizeof(*all)), *inside = malloc(n * sizeof(*inside));
	struct loop_result r = {.packets = n * SLICE_PACKETS};

	if (all == NULL || inside == NULL)
		rig_fail("no memory");
	for (size_t i = 0; i < n; i++) {
		uint64_t before = rig_preemptions();
		struct stretch stretch = run_stretch(t, s, kind);

		r.longest = stretch.longest > r.longest ? stretch.longest : r.longest;
		if (rig_preemptions() != before && i + 1 < n)
			continue; /* the last one counts in any case: there must be one */
		all[kept] = stretch.all;
		inside[kept++] = stretch.inside;
	}
	r.cycles = median(all, kept);
	r.inside = median(inside, kept);
	free(all);
	free(inside);
	return r;
}
