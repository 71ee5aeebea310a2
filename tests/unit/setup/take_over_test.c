/*
 * Slices whose numbers change keep their ports and their flows.
 *
 *     before    203.0.113.1: 21, 22    203.0.113.2: 23
 *     after     203.0.113.3: 25        203.0.113.2: 23        203.0.113.1: 22, 24
 */
#include "setup/ports.h"
#include "setup/slices.h"

#include "base/mono.h"
#include "slices_bed.h"

#include <stdio.h>

/* Counts @n more flows on one port of a slice. */
static void count(struct egress_state *e, const struct network *net, unsigned address,
		  unsigned slice, unsigned port, int n)
{
	struct context ctx = {.net = net, .egress = e};
	struct setup s = {.ctx = &ctx, .slice = slice_number(net, address, slice)};

	s.flow.nat_port = htons((uint16_t)(slice * SIZE + port));
	for (int i = 0; i < (n < 0 ? -n : n); i++)
		slices_count_flow(&s, n < 0 ? -1 : 1);
}

static void expect(struct egress_state *e, const struct network *net, unsigned address,
		   unsigned slice, uint32_t flows, uint32_t ports)
{
	struct slice_counters c = egress_slice(e, slice_number(net, address, slice));

	assert_int_equal(c.flows, flows);
	assert_int_equal(c.ports, ports);
}

static void test_counts_move_with_their_slices(void **state)
{
	const struct layout after = {
		MAPPING_ENDPOINT_INDEPENDENT, SIZE, 1, {{3, {25}}, {2, {23}}, {1, {22, 24}}}};
	struct made *a = make(&before), *b = make(&after);
	struct egress_state *e = egress_create(a->net, CAPACITY, 0, 1);

	assert_non_null(e);
	count(e, a->net, 1, 21, 5, 1);
	count(e, a->net, 1, 22, 6, 2);
	count(e, a->net, 1, 22, 7, 1);
	count(e, a->net, 2, 23, 8, 4);
	e = change(e, b->net, a->net);
	expect(e, b->net, 3, 25, 0, 0);
	expect(e, b->net, 2, 23, 4, 1);
	expect(e, b->net, 1, 22, 3, 2);
	expect(e, b->net, 1, 24, 0, 0);
	count(e, b->net, 1, 22, 6, -2);
	expect(e, b->net, 1, 22, 1, 1);
	count(e, b->net, 1, 24, 0, 1);

	/* And back: a slice that was removed comes back empty. */
	e = change(e, a->net, b->net);
	expect(e, a->net, 1, 21, 0, 0);
	expect(e, a->net, 1, 22, 1, 1);
	expect(e, a->net, 2, 23, 4, 1);
	egress_destroy(e);
	unmake(a);
	unmake(b);
}

static void test_another_size_or_mapping_is_another_slice(void **state)
{
	const struct layout rows[] = {
		{MAPPING_ENDPOINT_INDEPENDENT, 2 * SIZE, 1, {{1, {11}}}},
		{MAPPING_ADDRESS_AND_PORT_DEPENDENT, SIZE, 1, {{1, {21, 22}}, {2, {23}}}},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct made *a = make(&before), *b = make(&rows[i]);
		struct egress_state *e = egress_create(a->net, CAPACITY, 0, 1);

		assert_non_null(e);
		count(e, a->net, 1, 22, 6, 2);
		e = change(e, b->net, a->net);
		expect(e, b->net, 1, 22, 0, 0);
		egress_destroy(e);
		unmake(a);
		unmake(b);
	}
}

/* Another site, tunnel or limit: slices stay as they are, but there is a reserve now. */
static void test_same_slices_are_left_alone(void **state)
{
	struct layout two_sites = before;
	struct made *a = make(&before), *b;
	struct egress_state *e = egress_create(a->net, CAPACITY, 0, 1), *next;

	two_sites.n_sites = 2;
	b = make(&two_sites);
	assert_non_null(e);
	ports_begin(e, 6, REST);
	assert_int_equal(e->kept, 0);
	assert_int_equal(egress_create_next(&next, e, b->net, a->net, CAPACITY, 0, 1), 0);
	assert_null(next);
	assert_ptr_equal(egress_take_over(next, e, b->net), e);
	assert_true(ports_are_kept(e, RESERVE_EVERY - 1));
	for (uint32_t port = 0; port < 64; port++)
		assert_int_equal(ports_are_first_choice(e, port),
				 port / PART_PORTS == 6 % PORT_PARTS && !ports_are_kept(e, port));
	assert_ptr_equal(change(e, a->net, b->net), e);
	assert_int_equal(e->kept, 0);
	egress_destroy(e);
	unmake(a);
	unmake(b);
}

/* The part of the ports that rests since the start does not depend on the network. */
static void test_turns_are_kept(void **state)
{
	const struct layout after = {MAPPING_ENDPOINT_INDEPENDENT, SIZE, 1, {{2, {23}}}};
	struct made *a = make(&before), *b = make(&after);
	struct egress_state *e = egress_create(a->net, CAPACITY, 0, 1);
	struct context ctx = {.net = b->net, .now_s = 2 + REST};
	uint64_t choice;

	assert_non_null(e);
	ports_begin(e, 1, REST);
	choice = e->first_choice;
	e = change(e, b->net, a->net);
	assert_int_equal(e->first_choice, choice);
	ctx.egress = e;
	ports_tick(&ctx);
	/* all parts except that of start 2 */
	assert_int_equal(e->first_choice, ~(UINT64_C(0xffff) << 32));
	egress_destroy(e);
	unmake(a);
	unmake(b);
}

enum { MANY = 1000, EACH = 31, ROUNDS = 20 };

static struct network *make_many(struct spec_pool *pool, bool reversed)
{
	*pool = (struct spec_pool){.slice_size = SIZE, .n_addresses = MANY};
	pool->addresses = calloc(MANY, sizeof(pool->addresses[0]));
	assert_non_null(pool->addresses);
	for (unsigned i = 0; i < MANY; i++) {
		pool->addresses[i].addr =
			addr6_from_ipv4(htonl(0xcb000000 + (reversed ? MANY - i : i + 1)));
		pool->addresses[i].slices[0] = UINT64_C(0x7fffffff) << 32;
	}
	return network_create(&(struct network_spec){.pools = pool, .n_pools = 1}, NULL);
}

/*
 * 31,000 slices change their numbers. Measures the worker's part of it, the fastest of some runs.
 */
static void test_it_is_quick(void **state)
{
	struct spec_pool pools[2];
	struct network *nets[2] = {make_many(&pools[0], false), make_many(&pools[1], true)};
	uint64_t fastest_ns = UINT64_MAX;
	struct egress_state *e;

	assert_true(nets[0] != NULL && nets[1] != NULL);
	assert_int_equal(nets[0]->n_slices, MANY * EACH);
	e = egress_create(nets[0], CAPACITY, 0, 1);
	assert_non_null(e);
	for (unsigned i = 0; i < ROUNDS; i++) {
		const struct network *from = nets[i % 2], *to = nets[(i + 1) % 2];
		struct egress_state *next;
		uint64_t ns;

		assert_int_equal(egress_create_next(&next, e, to, from, CAPACITY, 0, 1), 0);
		ns = mono_ns();
		assert_ptr_equal(egress_take_over(next, e, to), next);
		ns = mono_ns() - ns;
		fastest_ns = ns < fastest_ns ? ns : fastest_ns;
		egress_destroy(e);
		e = next;
	}
	printf("%u slices taken over in %u us\n", MANY * EACH, (unsigned)(fastest_ns / 1000));
	assert_true(fastest_ns < 1000000);
	egress_destroy(e);
	for (unsigned i = 0; i < 2; i++) {
		network_destroy(nets[i]);
		free(pools[i].addresses);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_counts_move_with_their_slices),
		cmocka_unit_test(test_another_size_or_mapping_is_another_slice),
		cmocka_unit_test(test_same_slices_are_left_alone),
		cmocka_unit_test(test_turns_are_kept),
		cmocka_unit_test(test_it_is_quick),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
