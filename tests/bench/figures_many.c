/*
 * Figures of large networks: many tunnels, many sites, many routes.
 *
 * A large network and the usual one of 64 sites take turns in one process, with the same number of
 * flows, so their ratio is that of the same machine at the same time.
 */
#include "figures.h"

#include "loop.h"

#include <stdio.h>
#include <stdlib.h>

#include <rte_cycles.h>

enum { SITES = 10000, ROUTES = 100000, SERVERS = 4096, SERVERS_MANY = 65536, ROUNDS = 8 };

struct side {
	struct rig *rig;
	struct traffic *traffic;
	struct sequence sequence;
};

static double mpps(double cycles_a_packet)
{
	return (double)rte_get_tsc_hz() / cycles_a_packet / 1e6;
}

static void side_open(struct side *s, uint32_t flows, const struct shape *shape)
{
	s->rig = rig_create_shape(flows, shape);
	s->traffic = traffic_create(s->rig, flows);
	traffic_open(s->traffic, 0, flows);
	s->sequence = traffic_make_sequence(s->traffic, 0);
	traffic_verify(s->traffic, &s->sequence);
	loop_run(s->traffic, &s->sequence, LOOP_HOMEWARD, 2ULL * flows); /* warm */
}

static void side_close(struct side *s)
{
	rig_check_no_drops(s->rig);
	traffic_free_sequence(&s->sequence);
	traffic_destroy(s->traffic);
	rig_destroy(s->rig);
}

/* One repeat: both sides in turn, several times. The median of the ratios of neighbouring runs. */
static void compare(struct side *few, struct side *many, const struct figure_options *o)
{
	double a[ROUNDS], b[ROUNDS], ratios[ROUNDS];

	for (unsigned i = 0; i < ROUNDS; i++) {
		a[i] = loop_run(few->traffic, &few->sequence, LOOP_HOMEWARD, o->packets / ROUNDS)
			       .inside;
		b[i] = loop_run(many->traffic, &many->sequence, LOOP_HOMEWARD, o->packets / ROUNDS)
			       .inside;
		ratios[i] = b[i] / a[i];
	}
	printf("{\"flows\": %u, \"tunnels\": %u, \"cycles\": %.2f, \"few_cycles\": %.2f, "
	       "\"net\": %.3f, \"ratio\": %.3f}\n",
	       o->flows, o->tunnels, median(b, ROUNDS), median(a, ROUNDS), mpps(median(b, ROUNDS)),
	       median(ratios, ROUNDS));
	fflush(stdout);
}

void figure_tunnels(const struct figure_options *o)
{
	const struct shape large = {
		.tunnels = o->tunnels, .tunnels_per_site = 2, .servers = SERVERS};
	struct side few, many;

	side_open(&few, o->flows, &shape_usual);
	side_open(&many, o->flows, &large);
	for (unsigned i = 0; i < o->repeat; i++)
		compare(&few, &many, o);
	side_close(&few);
	side_close(&many);
}

/* Cycles of a first packet, until a table for so many flows is full. */
static double open_all(uint32_t flows, const struct shape *shape)
{
	struct rig *rig = rig_create_shape(flows, shape);
	struct traffic *t = traffic_create(rig, flows);
	double cycles = traffic_open(t, 0, flows);

	rig_check_no_drops(rig);
	traffic_destroy(t);
	rig_destroy(rig);
	return cycles;
}

void figure_setup_many(const struct figure_options *o)
{
	const struct shape sites = {.tunnels = SITES, .tunnels_per_site = 1, .servers = SERVERS};
	const struct shape routes = {
		.tunnels = RIG_SITES, .tunnels_per_site = 1, .routes = ROUTES, .servers = SERVERS};
	struct shape servers = routes;

	servers.servers = SERVERS_MANY;
	for (unsigned i = 0; i < o->repeat; i++) {
		double usual = open_all(o->flows, &shape_usual);
		double with_sites = open_all(o->flows, &sites);
		double with_routes = open_all(o->flows, &routes);
		double with_servers = open_all(o->flows, &servers);

		printf("{\"flows\": %u, \"usual\": %.3f, \"sites\": %.3f, \"routes\": %.3f, "
		       "\"routes_servers\": %.3f}\n",
		       o->flows, mpps(usual), mpps(with_sites), mpps(with_routes),
		       mpps(with_servers));
		fflush(stdout);
	}
}
