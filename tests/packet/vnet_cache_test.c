/*
 * Many routes of virtual networks: a new flow takes the route of its own network, as it is at that
 * moment. A worker that has looked up a destination forgets it with every change.
 *
 *     berlin, network default --- GRE 198.51.100.10 ---+             +--- 203.0.113.1, pool a
 *     madrid, network other   --- GRE 198.51.100.20 ---[ gateway ]---+
 *                                                                    +--- 203.0.113.2, pool b
 *
 * Both have the same 2,000 routes. Where one leads to pool a, that of the other network leads to b.
 */
#include "bed.h"
#include "bed_vnets.h"

#include "../unit/dice.h"
#include "frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define GATEWAY IP(198, 51, 100, 1)
#define HOST IP(10, 0, 1, 10)

enum { UNDERLAY, UPLINK };
enum { UDP = 17, ROUTES = 2000, HOT = 40, ROUNDS = 20, FLOWS = 60 };

static const char yaml[] =
	"flows: {capacity: 8192}\n"
	"ports:\n"
	"  - {name: underlay, driver: memory, next-hop-mac: '02:00:00:00:00:aa'}\n"
	"  - {name: uplink, driver: memory, next-hop-mac: '02:00:00:00:00:bb'}\n"
	"networks: [{name: default}, {name: other}]\n"
	"sites:\n"
	"  - name: berlin\n"
	"    tunnels: [{name: b, port: underlay, local: 198.51.100.1, remote: 198.51.100.10}]\n"
	"  - name: madrid\n"
	"    network: other\n"
	"    tunnels: [{name: m, port: underlay, local: 198.51.100.1, remote: 198.51.100.20}]\n"
	"egress:\n"
	"  - {name: a, port: uplink, addresses: [{address: 203.0.113.1, slices: [1-30]}]}\n"
	"  - {name: b, port: uplink, addresses: [{address: 203.0.113.2, slices: [1-30]}]}\n";

static struct bed *bed;
static bool leads_to_b[ROUTES]; /* in the default network */
static bool backwards; /* the order in the file */

static void add_routes(struct spec_vnet *vnet, bool other)
{
	vnet->routes = calloc(ROUTES, sizeof(vnet->routes[0]));
	assert_non_null(vnet->routes);
	for (vnet->n_routes = 0; vnet->n_routes < ROUTES; vnet->n_routes++) {
		struct spec_route *r = &vnet->routes[vnet->n_routes];
		size_t i = backwards ? ROUTES - 1 - vnet->n_routes : vnet->n_routes;
		struct prefix4 four = bed_prefix((unsigned)i);

		r->prefix.addr = addr6_from_ipv4(four.addr);
		r->prefix.len = (uint8_t)(MAPPED_BITS + four.len);
		r->targets = calloc(1, sizeof(r->targets[0]));
		assert_non_null(r->targets);
		r->n_targets = 1;
		r->targets[0] = (struct spec_target){
			.kind = TARGET_EGRESS,
			.index = leads_to_b[i] != other,
			.weight = 1,
		};
	}
}

static void edit(struct network_spec *spec)
{
	add_routes(&spec->vnets[0], false);
	add_routes(&spec->vnets[1], true);
}

/* The first packet of another flow to a host behind @route. */
static void put(bool madrid, unsigned route)
{
	static uint16_t sport;
	const struct frame f = {
		.outer_src = madrid ? IP(198, 51, 100, 20) : IP(198, 51, 100, 10),
		.outer_dst = GATEWAY,
		.src = HOST,
		.dst = ntohl(bed_prefix(route).addr) + 1,
		.sport = ++sport,
		.dport = 53,
		.proto = UDP,
		.token = route << 1 | madrid,
	};
	uint8_t frame[BED_FRAME_MAX];

	bed_send(bed, UNDERLAY, frame, frame_build(&f, frame));
}

static void check(void)
{
	uint8_t bytes[BED_FRAME_MAX];
	size_t len = bed_take(bed, UPLINK, bytes);
	const char *why = "";
	struct frame out;

	assert_true(len > 0);
	if (!frame_parse(bytes, len, &out, &why))
		fail_msg("%s is wrong", why);
	assert_int_equal(out.src,
			 IP(203, 0, 113, leads_to_b[out.token >> 1] != (out.token & 1) ? 2 : 1));
}

static void test_each_network_has_its_own(void **state)
{
	static const uint16_t sites[] = {1, 2}, tunnels[] = {1, 2};
	struct bed_change change = {.yaml = yaml, .ids = {.sites = sites, .tunnels = tunnels}};
	uint64_t dice = 7;

	bed_edit = edit;
	bed = bed_create(yaml, 1);
	assert_true(bed_nexthops(bed)->routes.many_in_vnets);
	for (unsigned round = 0; round < ROUNDS; round++) {
		for (unsigned i = 0; i < HOT; i++)
			leads_to_b[dice_next(&dice) % HOT] ^= 1;
		backwards = !backwards;
		bed_change(bed, &change);
		for (unsigned i = 0; i < FLOWS; i++)
			put(dice_next(&dice) % 2, (unsigned)dice_next(&dice) % HOT);
		bed_run(bed);
		for (unsigned i = 0; i < FLOWS; i++)
			check();
	}
	bed_check(bed);
	bed_destroy(bed);
	bed_edit = NULL;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_network_has_its_own),
	};

	return cmocka_run_group_tests_name("packet/vnet_cache", tests, NULL, NULL);
}
