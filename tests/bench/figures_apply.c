/*
 * Apply: how long is a turn while the network changes, and does every packet come out?
 *
 *   64 sites with all the flows, and 5,000 sites with 10,000 tunnels of which a tenth is another one
 *   in the next network; an egress address comes or goes in front of the others
 *
 * One network follows the other as soon as the sweep after it is over. What a worker that does not
 * run takes within the call of control counts as part of the turn. All runs are equal, as in stint.h.
 */
#include "figures.h"

#include "base/err.h"
#include "stint.h"
#include "traffic.h"
#include "worker/change_sweep.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>

enum {
	SITES = 5000,
	TUNNELS = 2, /* of each */
	CHANGED = 10, /* each tenth */
	NETWORKS = 2,
	TURNS = 60000,
	REST_TURNS = 500, /* between two changes */
};

static const struct rig_egress egress = {.addresses = 16, .slices = 30, .slice_size = 2048};

struct apply {
	struct rig *rig;
	struct traffic *traffic;
	struct sequence sequence;
	struct config *configs[NETWORKS];
	struct network *networks[NETWORKS];
	struct change_sweep sweep;
	struct snapshot snapshots[NETWORKS];
	struct worker_next *next; /* of the network that is due, or swept after */
	enum { RESTING, DUE, SWEEPING } state;
	unsigned rest; /* turns until the next change is due */
	uint64_t changes;
};

/* The sites that have no traffic. In the second network each tenth has another name and MTU. */
static void print_sites(FILE *out, unsigned which)
{
	for (unsigned i = 0; i < SITES; i++) {
		bool other = which == 1 && i % CHANGED == 0;

		fprintf(out,
			"  - name: %s%u\n    prefixes: [10.0.0.0/24, 10.1.0.0/24, 10.2.0.0/24, "
			"10.%u.0.0/24]\n    tunnels:\n",
			other ? "other" : "quiet", i, 3 + other);
		for (unsigned k = 0; k < TUNNELS; k++)
			fprintf(out,
				"      - {name: %s%u-%u, key: %u, local: 198.51.100.1, remote: "
				"198.18.%u.%u, mtu: %u, port: underlay}\n",
				other ? "other" : "quiet", i, k, 1000 + k, i >> 8, i & 255,
				1400 - other);
	}
}

/* The rig's own configuration, with the sites behind its own, and in the second network an address. */
static char *make_yaml(unsigned which, uint32_t flows)
{
	/* the last sixteenth of the table is for sites with few flows */
	char *own = rig_yaml(flows / 8 * 9, &egress, &shape_usual), *text = NULL;
	char *at = strstr(own, "egress:\n"), *addresses = strstr(at, "      - {address");
	size_t len;
	FILE *out = open_memstream(&text, &len);

	fwrite(own, 1, (size_t)(at - own), out);
	print_sites(out, which);
	fwrite(at, 1, (size_t)(addresses - at), out);
	if (which == 7)
		fputs("      - {address: 203.0.113.200, slices: [1-31]}\n", out);
	fputs(addresses, out);
	fclose(out);
	free(own);
	return text;
}

static struct network *compile(struct config **config, unsigned which, uint32_t flows)
{
	struct err_list errs = ERR_LIST_EMPTY;
	char *yaml = make_yaml(which, flows);
	struct network *net;

	*config = config_parse("bench.yaml", yaml, strlen(yaml), &errs);
	if (*config == NULL) {
		err_print(&errs, stderr);
		rig_fail("the large configuration is wrong");
	}
	net = network_create(&(*config)->network, NULL);
	if (net == NULL)
		rig_fail("no memory for the network");
	free(yaml);
	return net;
}

static struct apply apply_create(const struct figure_options *o)
{
	struct apply a = {.rest = REST_TURNS};
	char *yaml = make_yaml(0, o->flows);

	a.rig = rig_create_yaml(yaml, 1);
	free(yaml);
	a.traffic = traffic_create(a.rig, o->flows);
	traffic_open(a.traffic, 0, o->flows);
	a.sequence = traffic_make_sequence(a.traffic, 0);
	for (unsigned i = 0; i < NETWORKS; i++)
		a.networks[i] = compile(&a.configs[i], i, o->flows);
	worker_hold_clock(a.rig->workers[0], 0);
	return a;
}

static void apply_destroy(struct apply *a)
{
	traffic_free_sequence(&a->sequence);
	traffic_destroy(a->traffic);
	rig_destroy(a->rig);
	worker_destroy_next(a->next);
	for (unsigned i = 0; i < NETWORKS; i++) {
		network_destroy(a->networks[i]);
		config_destroy(a->configs[i]);
	}
}

/* The numbers of what is another one in the next network. */
static struct worker_heirs list_heirs(uint16_t *sites, uint16_t *tunnels)
{
	struct worker_heirs heirs = {.sites = sites, .tunnels = tunnels};

	for (unsigned i = 0; i < SITES; i += CHANGED) {
		sites[heirs.n_sites++] = (uint16_t)(RIG_SITES + i + 1);
		for (unsigned k = 0; k < TUNNELS; k++)
			tunnels[heirs.n_tunnels++] = (uint16_t)(RIG_SITES + i * TUNNELS + k + 1);
	}
	return heirs;
}

/* What control does beforehand, and no turn waits for. */
static void prepare(struct apply *a)
{
	const struct network *net = a->networks[(a->changes + 1) % NETWORKS];
	uint16_t sites[SITES], tunnels[SITES * TUNNELS];
	struct worker_heirs heirs = list_heirs(sites, tunnels);

	a->next = worker_create_next(a->rig->workers[0], net, &heirs);
	if (a->next == NULL)
		rig_fail("no memory for the next network");
}

/* The same snapshot with the other network. */
static void publish(struct apply *a)
{
	struct snapshot *next = &a->snapshots[++a->changes % NETWORKS];

	*next = a->rig->snapshots[0];
	next->generation = 1 + a->changes;
	next->net = a->networks[a->changes % NETWORKS];
	worker_publish(a->rig->workers[0], next, a->next);
	worker_sweep_start(a->rig->workers[0], &a->sweep);
	a->state = SWEEPING;
}

static void advance(struct apply *a)
{
	if (a->state == SWEEPING && worker_sweep_done(&a->sweep)) {
		worker_destroy_next(a->next);
		a->next = NULL;
		a->state = RESTING;
		a->rest = REST_TURNS;
	} else if (a->state == RESTING && --a->rest == 0) {
		prepare(a);
		a->state = DUE;
	}
}

/* One turn; its cycles in the worker. Ends the program if a packet is missing. */
static uint64_t apply_turn(struct apply *a)
{
	uint64_t begin, spent;

	traffic_send_burst(a->traffic, &a->sequence);
	begin = rte_rdtsc();
	if (a->state == DUE)
		publish(a);
	worker_turn(a->rig->workers[0]);
	spent = rte_rdtsc() - begin;
	traffic_collect_burst(a->traffic);
	advance(a);
	return spent;
}

static uint64_t run_once(const struct figure_options *o, struct stints *stints)
{
	struct apply a = apply_create(o);
	uint64_t changes;

	stints_begin(stints);
	for (size_t i = 0; i < stints->n; i++)
		stints_note(stints, i, apply_turn(&a));
	rig_check_no_drops(a.rig);
	if (rig_counters(a.rig).flows != o->flows)
		rig_fail("a flow ended that no change concerned");
	changes = a.changes;
	apply_destroy(&a);
	return changes;
}

void figure_apply(const struct figure_options *o)
{
	struct stints s = stints_create(TURNS);
	bool real_time = stints_go_real_time();
	uint64_t changes = 0, nothing;

	for (unsigned i = 0; i < o->repeat; i++)
		changes = run_once(o, &s);
	nothing = stints_of_nothing(stints_sum(&s));
	stints_sort(&s);
	printf("{\"flows\": %u, \"turns\": %zu, \"runs\": %u, \"changes\": %" PRIu64
	       ", \"longest_ns\": %.0f, \"median_ns\": %.0f, \"once_ns\": %.0f, \"nothing_ns\": "
	       "%.0f, \"real_time\": %s}\n",
	       o->flows, s.n, o->repeat, changes, stints_ns(s.turns[s.n - 1]),
	       stints_ns(s.turns[s.n / 2]), stints_ns(s.once), stints_ns(nothing),
	       real_time ? "true" : "false");
	stints_destroy(&s);
}
