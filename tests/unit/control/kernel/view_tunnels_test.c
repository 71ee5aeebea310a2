/* What is behind the ids of tunnels, as routes, neighbours and networks change: see view_bed.h. */
#include "view_bed.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <linux/neighbour.h>

static void assert_tunnel(uint16_t id, uint16_t used, bool resolved)
{
	assert_int_equal(table->at[id].kind, NEXTHOP_KIND_TUNNEL);
	assert_int_equal(table->at[id].tunnel, used);
	assert_int_equal(table->at[id].resolved, resolved);
}

/*
 * The nexthop of a tunnel has the Ethernet address of its neighbour: packets need no other look-up.
 */
static void follows_its_neighbour(void **state)
{
	assert_true(compile());
	assert_tunnel(1, 1, false);
	assert_tunnel(2, 2, true);
	assert_int_equal(table->at[2].ethernet[5], 1);
	assert_int_equal(table->at[2].mtu, 1400);
	neighbour("192.0.2.9", 9, NUD_REACHABLE);
	neighbour("192.0.2.1", 0x11, NUD_REACHABLE);
	assert_true(compile());
	assert_tunnel(1, 1, true);
	assert_int_equal(table->at[1].ethernet[5], 9);
	assert_int_equal(table->at[2].ethernet[5], 0x11);
	no_route("0.0.0.0", 0, "192.0.2.1", 100);
	assert_true(compile());
	assert_tunnel(2, 2, false);
	assert_int_equal(table->at[2].via, NEXTHOP_NONE);
	assert_int_equal(table->at[2].port, 0);
	assert_false(compile());
}

/* Tunnels and neighbours share one space of ids. */
static void has_an_id_of_its_own(void **state)
{
	compile();
	for (uint16_t id = 1; id <= TUNNELS; id++)
		assert_int_equal(table->at[id].kind, NEXTHOP_KIND_TUNNEL);
	assert_true(way("8.8.8.8") > TUNNELS);
}

static void substitute_stands_in(void **state)
{
	compile();
	v.tunnels[2].down = true;
	v.tunnels[2].substitute = 3;
	assert_true(compile());
	assert_tunnel(2, 3, true);
	assert_int_equal(table->at[2].port, 1);
	assert_int_equal(table->at[2].ethernet[5], 0x77);
	assert_int_equal(table->at[2].via, way("8.8.8.8")); /* its own neighbour, for keepalives */
	v.tunnels[2].down = false;
	assert_true(compile());
	assert_tunnel(2, 2, true);
}

/*
 * An interconnect goes to its peer, whose Ethernet address the kernel does not know. Of a port
 * without a kernel all frames go to one address.
 */
static void interconnect_goes_to_its_peer(void **state)
{
	tunnels[1].outer = tunnels[3].outer = OUTER_NONE;
	tunnels[1].header_len = 4;
	tunnels[3].header_len = 0;
	neighbour("192.0.2.9", 9, NUD_REACHABLE); /* the far end, if it were GRE */
	compile();
	assert_tunnel(1, 1, false);
	assert_tunnel(3, 3, true);
	assert_int_equal(table->at[3].ethernet[5], 0x77);
	v.tunnels[1].has_peer_mac = true;
	v.tunnels[1].peer_mac[5] = 0x55;
	assert_true(compile());
	assert_tunnel(1, 1, true);
	assert_int_equal(table->at[1].ethernet[5], 0x55);
	assert_int_equal(table->at[1].ethernet[12] << 8 | table->at[1].ethernet[13], 0x8100);
	assert_int_equal(table->at[1].via, NEXTHOP_NONE);
	v.tunnels[1].has_peer_mac = false;
	assert_true(compile());
	assert_tunnel(1, 1, false);
	assert_false(compile());
}

static void lose_tunnel_3(void)
{
	net.n_tunnels = net.max_tunnel = 2;
	v.routes_changed = true;
	ids_retire(ids, 3, 1);
	assert_true(compile());
}

/*
 * Packets to a removed tunnel are dropped until no flow has its id. Then a neighbour may get the
 * id.
 */
static void is_gone(void **state)
{
	const uint16_t some[] = {3, 0}, none[] = {0};

	compile();
	lose_tunnel_3();
	assert_int_equal(table->at[3].kind, NEXTHOP_KIND_DROP);
	assert_false(table->at[3].resolved);
	census(some);
	assert_int_equal(ids_state(ids, 3), IDS_RETIRED);
	assert_false(compile());
	census(none);
	assert_int_equal(ids_state(ids, 3), IDS_FREE);
	route("8.0.0.0", 8, "192.0.2.30", 0);
	neighbour("192.0.2.30", 30, NUD_REACHABLE);
	compile();
	assert_int_equal(table->at[3].kind, NEXTHOP_KIND_NEIGHBOUR);
	assert_true(table->at[3].resolved);
}

static void is_gone_and_another_stands_in(void **state)
{
	const uint16_t none[] = {0};

	compile();
	net.retired = &(struct retired_tunnel){.id = 3, .site = 1, .successor = 2};
	net.n_retired = 1;
	lose_tunnel_3();
	assert_tunnel(3, 2, true);
	assert_int_equal(table->at[3].ethernet[5], 1);
	census(none); /* no flow has the id: its successor is forgotten, too */
	assert_int_equal(v.tunnels[3].successor, NEXTHOP_NONE);
	assert_false(v.tunnels[3].known);
	assert_false(compile()); /* although the network still lists it */
}

/*
 * Adds a route below the default route. The neighbour of the default route gets another id, the
 * lowest free one.
 */
static void move_default(const char *dst)
{
	route(dst, 8, "192.0.2.30", 0);
	neighbour("192.0.2.30", 30, NUD_REACHABLE);
	compile();
}

/* A network lists its retired tunnels as long as it exists, even when their ids have new owners. */
static void is_gone_and_its_id_is_given_again(void **state)
{
	const uint16_t none[] = {0};

	compile();
	net.retired = &(struct retired_tunnel){.id = 3, .site = 1, .successor = 2};
	net.n_retired = 1;
	lose_tunnel_3();
	census(none);
	move_default("8.0.0.0");
	assert_int_equal(way("9.9.9.9"), 3);
	assert_neighbour(3, true, 1);
	move_default("9.0.0.0");
	assert_moved(3); /* packets to that neighbour must not go into a tunnel */
}

/* A network was prepared and given up. The ids of its new tunnels are free at once. */
static void never_was(void **state)
{
	compile();
	net.n_tunnels = net.max_tunnel = 2;
	view_take_network(&v, &net);
	ids_give_back(ids, 3);
	move_default("8.0.0.0");
	assert_int_equal(way("9.9.9.9"), 3);
	assert_neighbour(3, true, 1);
	assert_false(compile());
}

/*
 * A network without the tunnel was prepared and given up. Later no successor is used for the
 * tunnel.
 */
static void is_there_again(void **state)
{
	struct retired_tunnel retired = {.id = 3, .site = 1, .successor = 2};

	compile();
	net.retired = &retired;
	net.n_retired = 1;
	net.n_tunnels = net.max_tunnel = 2;
	v.routes_changed = true;
	assert_true(compile());
	assert_tunnel(3, 2, true);
	net.n_retired = 0;
	net.n_tunnels = net.max_tunnel = 3;
	v.routes_changed = true;
	assert_true(compile());
	assert_tunnel(3, 3, true);
	assert_int_equal(table->at[3].substitute, NEXTHOP_NONE);
	v.tunnels[3].down = true;
	assert_true(compile());
	assert_tunnel(3, 3, true);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, bed_setup, bed_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(follows_its_neighbour),
		CASE(has_an_id_of_its_own),
		CASE(substitute_stands_in),
		CASE(interconnect_goes_to_its_peer),
		CASE(is_gone),
		CASE(is_gone_and_another_stands_in),
		CASE(is_gone_and_its_id_is_given_again),
		CASE(never_was),
		CASE(is_there_again),
	};

	return cmocka_run_group_tests_name("control/kernel/view_tunnels", tests, NULL, NULL);
}
