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

/* Flows of the same sites to private servers, untranslated, beside flows to the Internet. */
void figure_private(const struct figure_options *o)
{
	struct shape private = shape_usual;
	struct side out, in;

	private.is_private = true;
	side_open(&out, o->flows, &shape_usual);
	side_open(&in, o->flows, &private);
	for (unsigned i = 0; i < o->repeat; i++)
		compare(&out, &in, o);
	side_close(&out);
	side_close(&in);
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
	const struct shape vnet = {.tunnels = RIG_SITES,
				   .tunnels_per_site = 1,
				   .vnet_routes = ROUTES,
				   .servers = SERVERS};
	struct shape servers = routes, private = shape_usual;

	servers.servers = SERVERS_MANY;
	private.is_private = true;
	for (unsigned i = 0; i < o->repeat; i++) {
		double usual = open_all(o->flows, &shape_usual);
		double with_sites = open_all(o->flows, &sites);
		double with_routes = open_all(o->flows, &routes);
		double with_servers = open_all(o->flows, &servers);
		double by_vnet = open_all(o->flows, &vnet);
		double to_private = open_all(o->flows, &private);

		printf("{\"flows\": %u, \"usual\": %.3f, \"sites\": %.3f, \"routes\": %.3f, "
		       "\"routes_servers\": %.3f, \"vnet_routes\": %.3f, \"private\": %.3f}\n",
		       o->flows, mpps(usual), mpps(with_sites), mpps(with_routes),
		       mpps(with_servers), mpps(by_vnet), mpps(to_private));
		fflush(stdout);
	}
}
