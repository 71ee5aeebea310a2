/*
 * Mappings and changes: an endpoint keeps its port, and no endpoint gets a port that rests.
 *
 *     before    203.0.113.1: 21, 22    203.0.113.2: 23
 *     after     203.0.113.3: 25        203.0.113.2: 23        203.0.113.1: 22, 24
 */
#include "setup/mapping.h"

#include "base/wire.h"
#include "setup/ports.h"
#include "slices_bed.h"

static struct flow_table *make_flows(void)
{
	static const uint8_t secret[16] = "taking over";
	struct flow_table *flows = flow_table_create(CAPACITY, secret);

	assert_non_null(flows);
	return flows;
}

static struct flow endpoint(unsigned i, uint16_t site)
{
	return (struct flow){
		.src = htonl(0x0a000100 + i),
		.sport = htons(5000),
		.site = site,
		.onramp = site,
		.proto = PROTO_UDP,
	};
}

static bool take(struct egress_state *e, const struct network *net, struct flow_table *flows,
		 unsigned address, struct flow *f, uint32_t *slice)
{
	uint32_t at = (uint32_t)network_find_address(net, egress(address));

	return mappings_take(e->mappings, flows, net, NOW, at, 0, f, slice) == DROP_NONE;
}

static void follow(struct egress_state *e, const struct network *net, struct flow_table *flows)
{
	uint32_t at = 0;

	while (!mappings_follow_change(e->mappings, flows, net, &at, 1))
		;
}

/* An endpoint keeps its port, even if its host would get another address now. */
static void test_mappings_stay(void **state)
{
	const struct layout after = {
		MAPPING_ENDPOINT_INDEPENDENT, SIZE, 1, {{3, {25}}, {2, {23}}, {1, {22, 24}}}};
	struct made *a = make(&before), *b = make(&after);
	struct egress_state *e = egress_create(a->net, CAPACITY, 0, 1);
	struct flow_table *flows = make_flows();
	struct flow first = endpoint(1, 1), again = first, other = endpoint(2, 1), home = {0};
	uint32_t slice, more = SIZE;

	assert_non_null(e);
	assert_true(take(e, a->net, flows, 2, &first, &slice));
	e = change(e, b->net, a->net);
	follow(e, b->net, flows);
	assert_true(take(e, b->net, flows, 3, &again, &slice));
	assert_int_equal(again.nat_src, egress(2));
	assert_int_equal(again.nat_port, first.nat_port);
	assert_int_equal(slice, slice_number(b->net, 2, 23));
	home.nat_src = first.nat_src;
	home.nat_port = first.nat_port;
	home.proto = PROTO_UDP;
	assert_true(mappings_find_home(e->mappings, flows, &home));
	assert_int_equal(home.src, first.src);

	/* The port is in use: all others of the slice can be taken. */
	for (unsigned i = 0; take(e, b->net, flows, 2, &other, &slice); i++, more--) {
		assert_int_not_equal(other.nat_port, first.nat_port);
		other = endpoint(3 + i, 1);
	}
	assert_int_equal(more, 1);
	mappings_give(e->mappings, flows, b->net, slice_number(b->net, 2, 23), &first, 0);
	mappings_give(e->mappings, flows, b->net, slice_number(b->net, 2, 23), &again, 0);
	assert_true(take(e, b->net, flows, 2, &other, &slice));
	assert_int_equal(other.nat_port, first.nat_port);
	egress_destroy(e);
	flow_table_destroy(flows);
	unmake(a);
	unmake(b);
}

/*
 * The slice is removed: its endpoint gets another port at once, and the ends of its old flows do no
 * harm.
 */
static void test_mappings_of_lost_slices(void **state)
{
	const struct layout after = {MAPPING_ENDPOINT_INDEPENDENT, SIZE, 1, {{2, {23}}}};
	struct made *a = make(&before), *b = make(&after);
	struct egress_state *e = egress_create(a->net, CAPACITY, 0, 1);
	struct flow_table *flows = make_flows();
	struct flow lives = endpoint(1, 1), rests = endpoint(2, 1), again = lives, probe;
	uint32_t slice;

	assert_non_null(e);
	assert_true(take(e, a->net, flows, 1, &lives, &slice));
	assert_true(take(e, a->net, flows, 1, &rests, &slice));
	mappings_give(e->mappings, flows, a->net, slice, &rests, NOW + REST);
	e = change(e, b->net, a->net);
	assert_true(take(e, b->net, flows, 2, &again, &slice));
	assert_int_equal(again.nat_src, egress(2));
	mappings_lose(e->mappings, flows, &lives);
	follow(e, b->net, flows);
	mappings_lose(e->mappings, flows, &lives); /* a second call does nothing */

	/*
	 * The slice comes back. Mappings that rested there before must neither hold nor free a
	 * port.
	 */
	e = change(e, a->net, b->net);
	probe = rests;
	assert_false(mappings_find_home(e->mappings, flows, &probe));
	for (unsigned i = 0; i < 2 * SIZE; i++) {
		struct flow f = endpoint(10 + i, 1);
		uint32_t at = (uint32_t)network_find_address(a->net, egress(1));

		/* Time passes: resting mappings leave the queue. */
		assert_int_equal(mappings_take(e->mappings, flows, a->net, NOW + i * REST / SIZE,
					       at, 0, &f, &slice),
				 DROP_NONE);
	}
	probe = endpoint(9, 1);
	assert_false(take(e, a->net, flows, 1, &probe, &slice)); /* each port only once */
	egress_destroy(e);
	flow_table_destroy(flows);
	unmake(a);
	unmake(b);
}

/* The id of a removed site may get a new owner. The port still rests, also for the new owner. */
static void test_mappings_of_removed_sites(void **state)
{
	struct layout two_sites = before;
	struct made *a, *b = make(&before);
	struct flow_table *flows = make_flows();
	struct flow old = endpoint(1, 2), heir = old;
	struct egress_state *e;
	uint32_t slice;

	two_sites.n_sites = 2;
	a = make(&two_sites);
	e = egress_create(a->net, CAPACITY, 0, 1);
	assert_non_null(e);
	assert_true(take(e, a->net, flows, 1, &old, &slice));
	mappings_give(e->mappings, flows, a->net, slice, &old, NOW + REST);
	e = change(e, b->net, a->net);
	follow(e, b->net, flows);
	e = change(e, a->net, b->net);
	for (unsigned i = 0; i < 2 * SIZE - 1; i++) {
		assert_true(take(e, a->net, flows, 1, &heir, &slice));
		assert_int_not_equal(heir.nat_port, old.nat_port);
		heir = endpoint(1 + i, 2);
		heir.sport = htons(6000);
	}
	assert_int_equal(
		mappings_take(e->mappings, flows, a->net, NOW + REST + 1, 0, 0, &heir, &slice),
		DROP_NONE);
	assert_int_equal(heir.nat_port, old.nat_port);
	egress_destroy(e);
	flow_table_destroy(flows);
	unmake(a);
	unmake(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mappings_stay),
		cmocka_unit_test(test_mappings_of_lost_slices),
		cmocka_unit_test(test_mappings_of_removed_sites),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
