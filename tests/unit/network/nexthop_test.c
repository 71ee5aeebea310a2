/* The table of nexthops: every id may be looked up, and substitutes are used. */
#include "network/nexthop.h"

#include "base/wire.h"
#include "network/ids.h"
#include "network/network.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "dice.h"

static const uint8_t ours[6] = {2, 0, 0, 0, 0, 1}, theirs[6] = {2, 0, 0, 0, 0, 0xaa};

static struct nexthops *create(const struct nexthop *at, size_t n)
{
	struct nexthops *t = nexthops_create(&(struct nexthops_spec){.at = at, .n = n});

	assert_non_null(t);
	return t;
}

static void every_id_is_there(void **state)
{
	struct nexthop at[] = {{.resolved = true}, nexthop_to_neighbour(7, ours, theirs, 1500)};
	struct nexthops *t = create(at, 2);

	memset(at, 0xff, sizeof(at)); /* they were copied */
	for (unsigned id = 0; id < NEXTHOP_IDS; id++) {
		assert_int_equal(t->at[id].resolved, id == 1);
		assert_int_equal(t->at[id].moved, id == NEXTHOP_LOST);
		assert_int_equal(t->at[id].tunnel, TUNNEL_NONE);
		assert_int_equal(t->at[id].kind, id == 1		 ? NEXTHOP_KIND_NEIGHBOUR
						 : id == NEXTHOP_LOST	 ? NEXTHOP_KIND_NEIGHBOUR
						 : id == NEXTHOP_HAIRPIN ? NEXTHOP_KIND_HAIRPIN
									 : NEXTHOP_KIND_NONE);
	}
	assert_int_equal(t->at[NEXTHOP_LOST].mtu, 0);
	assert_int_equal(t->at[NEXTHOP_HAIRPIN].mtu, NEXTHOP_MTU_ANY);
	assert_int_equal(t->at[1].port, 7);
	nexthops_destroy(t);
	nexthops_destroy(NULL);
}

static void holds_headers_ready(void **state)
{
	const uint8_t header[14] = {2, 0, 0, 0, 0, 0xaa, 2, 0, 0, 0, 0, 1, 8, 0};
	struct tunnel tunnels[] = {
		[1] = {.port = 3, .site = 1, .header = {1, 2}, .header_len = 24},
		[2] = {.port = 4, .outer = OUTER_IPV6},
		[3] = {.port = 3, .outer = OUTER_NONE, .header_len = 4},
		[4] = {.port = 3, .outer = OUTER_NONE},
	};
	const struct network net = {.tunnels = tunnels, .n_tunnels = 4};
	struct nexthop n = nexthop_to_neighbour(3, ours, theirs, 65535), t;

	assert_memory_equal(n.ethernet, header, sizeof(header));
	assert_int_equal(n.mtu, NEXTHOP_MTU_MAX);
	assert_true(n.resolved);

	t = nexthop_to_tunnel(&net, 1, 9, &n, 1476);
	assert_memory_equal(t.ethernet, header, sizeof(header));
	assert_int_equal(t.kind, NEXTHOP_KIND_TUNNEL);
	assert_int_equal(t.tunnel, 1);
	assert_int_equal(t.via, 9);
	assert_int_equal(t.mtu, 1476);
	assert_int_equal(t.port, 3);
	assert_true(t.resolved);
	assert_memory_equal(t.header, tunnels[1].header, sizeof(t.header));
	assert_int_equal(t.header_len, 24);

	t = nexthop_to_tunnel(&net, 2, 9, &n, 1456);
	assert_int_equal(wire_16(t.ethernet + ETHER_TYPE), ETHER_IPV6);
	assert_false(t.bare);
	t = nexthop_to_tunnel(&net, 3, NEXTHOP_NONE, &n, 1500);
	assert_int_equal(wire_16(t.ethernet + ETHER_TYPE), ETHER_TAG);
	assert_false(t.bare);
	t = nexthop_to_tunnel(&net, 4, NEXTHOP_NONE, &n, 1500);
	assert_memory_equal(t.ethernet, header, sizeof(header));
	assert_true(t.bare && t.resolved && t.direct);

	n = nexthop_to_neighbour(3, ours, NULL, 1500);
	assert_false(n.resolved || nexthop_to_tunnel(&net, 1, 9, &n, 1476).resolved);
	t = nexthop_to_tunnel(&net, 2, NEXTHOP_NONE, NULL, 1476);
	assert_false(t.resolved);
	assert_int_equal(t.port, 4); /* whose state says why */
}

static void tunnels_take_their_ids(void **state)
{
	uint16_t tunnel_ids[] = {3, 1, 2};
	const struct network net = {.n_tunnels = 3, .tunnel_ids = tunnel_ids};
	struct ids *ids = nexthop_ids_create(&net);

	assert_non_null(ids);
	assert_int_equal(ids_take(ids), 4);
	assert_int_equal(ids_n_free(ids), NEXTHOP_LAST - 4);
	assert_false(ids_take_given(ids, NEXTHOP_LOST));
	assert_false(ids_take_given(ids, NEXTHOP_HAIRPIN));
	ids_destroy(ids);
}

/*
 * Eight tunnels, one character each: u up, d down, g removed, . none; and the substitute of each.
 * Then the tunnel whose headers packets to each get; 0: they are dropped.
 */
/* clang-format off */
static const struct {
	const char *are, *substitutes, *used, *why;
} rows[] = {
	{ "uuuuuuuu", "00000000", "12345678", "nothing is wrong" },
	{ "uuuuuuuu", "23456781", "12345678", "substitutes that nobody needs" },
	{ "duuuuuuu", "20000000", "22345678", "one is down" },
	{ "guuuuuuu", "20000000", "22345678", "one is gone" },
	{ "duuuuuuu", "00000000", "12345678", "down, and nobody stands in: better than nothing" },
	{ "guuuuuuu", "00000000", "02345678", "gone, and nobody stands in" },
	{ "dduuuuuu", "23000000", "33345678", "a chain" },
	{ "ggdddguu", "23456780", "77777778", "a long one" },
	{ "dddddddu", "20000000", "12345678", "all down: each for itself" },
	{ "gduuuuuu", "20000000", "22345678", "gone, and who stands in is down: better than nothing" },
	{ "ggduuuuu", "23000000", "33345678", "the same by a chain" },
	{ "dduuuuuu", "21000000", "12345678", "a loop of two" },
	{ "gguuuuuu", "21000000", "00345678", "a loop of two that are gone" },
	{ "duuuuuuu", "10000000", "12345678", "itself" },
	{ "guuuuuuu", "10000000", "02345678", "itself, gone" },
	{ "ggguuuuu", "23200000", "00045678", "a chain into a loop" },
	{ "gdduuuuu", "23200000", "22345678", "a chain into a loop of those that are down" },
	{ "ddduuuuu", "44400000", "44445678", "one for many" },
	{ "d.uuuuuu", "20000000", "10345678", "nobody has the substitute's id" },
	{ "g.uuuuuu", "20000000", "00345678", "the same, gone" },
	{ "udgdgdgd", "01111111", "11111111", "all by one" },
	{ "ddddddud", "23456710", "77777778", "round the whole" },
};
/* clang-format on */

enum { TUNNELS = 8, VIA = 20 };

static void make(struct nexthop *at, const struct network *net, const char *are,
		 const char *substitutes)
{
	struct nexthop via = nexthop_to_neighbour(0, ours, theirs, 1500);

	for (uint16_t id = 1; id <= TUNNELS; id++) {
		char is = are[id - 1];

		at[id] = nexthop_to_tunnel(net, id, VIA + id, &via, (uint16_t)(1400 + id));
		if (is == 'g')
			at[id] =
				(struct nexthop){.kind = NEXTHOP_KIND_DROP, .mtu = NEXTHOP_MTU_ANY};
		if (is == '.')
			at[id] = (struct nexthop){0};
		at[id].down = is == 'd';
		at[id].substitute = (uint16_t)(substitutes[id - 1] - '0');
	}
}

static void substitutes_stand_in(void **state)
{
	struct tunnel tunnels[TUNNELS + 1] = {0};
	const struct network net = {.tunnels = tunnels, .n_tunnels = TUNNELS};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct nexthop at[TUNNELS + 1] = {0};
		struct nexthops *t;

		make(at, &net, rows[i].are, rows[i].substitutes);
		t = create(at, TUNNELS + 1);
		for (uint16_t id = 1; id <= TUNNELS; id++) {
			uint16_t used = (uint16_t)(rows[i].used[id - 1] - '0');
			const struct nexthop *n = &t->at[id];

			if (n->tunnel != used)
				fail_msg("row %zu: %s: %u goes by %u", i, rows[i].why, id,
					 n->tunnel);
			assert_int_equal(n->resolved, used != 0);
			if (used != 0)
				assert_int_equal(n->mtu, 1400 + used);
			/* its own neighbour: keepalives find out whether it is up again */
			if (at[id].kind == NEXTHOP_KIND_TUNNEL)
				assert_int_equal(n->via, VIA + id);
			assert_int_equal(n->substitute, at[id].substitute);
		}
		nexthops_destroy(t);
	}
}

/* Compared with a simple loop that follows the chain for as many steps as there are ids. */
static uint16_t expected(const char *are, const char *substitutes, uint16_t id, const char *good)
{
	for (unsigned step = 0; step <= TUNNELS && id != 0; step++) {
		if (strchr(good, are[id - 1]) != NULL)
			return id;
		id = (uint16_t)(substitutes[id - 1] - '0');
	}
	return 0;
}

static void any_chain(void **state)
{
	struct tunnel tunnels[TUNNELS + 1] = {0};
	const struct network net = {.tunnels = tunnels, .n_tunnels = TUNNELS};
	uint64_t seed = 11;

	for (unsigned round = 0; round < 3000; round++) {
		char are[TUNNELS + 1] = {0}, substitutes[TUNNELS + 1] = {0};
		struct nexthop at[TUNNELS + 1] = {0};
		struct nexthops *t;

		for (unsigned i = 0; i < TUNNELS; i++) {
			are[i] = "uddgg"[dice_roll(&seed, 5)];
			substitutes[i] = (char)('0' + dice_roll(&seed, TUNNELS + 1));
		}
		make(at, &net, are, substitutes);
		t = create(at, TUNNELS + 1);
		for (uint16_t id = 1; id <= TUNNELS; id++) {
			uint16_t up = expected(are, substitutes, id, "u");
			uint16_t used = up != 0 ? up : expected(are, substitutes, id, "ud");

			if (t->at[id].tunnel != used)
				fail_msg("%s %s: %u by %u", are, substitutes, id, t->at[id].tunnel);
		}
		nexthops_destroy(t);
	}
}

/* A packet into a tunnel never goes to a neighbour that has the substitute's id now. */
static void no_neighbour_stands_in(void **state)
{
	struct tunnel tunnels[2] = {0};
	const struct network net = {.tunnels = tunnels, .n_tunnels = 1};
	struct nexthop at[4] = {
		[2] = {.kind = NEXTHOP_KIND_DROP, .substitute = 3, .mtu = NEXTHOP_MTU_ANY},
		[3] = nexthop_to_neighbour(0, ours, theirs, 1500),
	};
	struct nexthops *t;

	at[1] = nexthop_to_tunnel(&net, 1, 3, &at[3], 1400);
	at[1].down = true;
	at[1].substitute = 3;
	t = create(at, 4);
	assert_int_equal(t->at[1].kind, NEXTHOP_KIND_TUNNEL);
	assert_int_equal(t->at[1].tunnel, 1);
	assert_int_equal(t->at[2].kind, NEXTHOP_KIND_DROP);
	assert_false(t->at[2].resolved);
	nexthops_destroy(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_id_is_there),
		cmocka_unit_test(holds_headers_ready),
		cmocka_unit_test(tunnels_take_their_ids),
		cmocka_unit_test(substitutes_stand_in),
		cmocka_unit_test(any_chain),
		cmocka_unit_test(no_neighbour_stands_in),
	};

	return cmocka_run_group_tests_name("network/nexthop", tests, NULL, NULL);
}
