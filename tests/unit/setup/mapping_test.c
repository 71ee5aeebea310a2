/* Mappings alone: shares of workers that end within a word, chains, and what is freed. */
#include "setup/mapping.h"
#include "setup/ports.h"

#include "base/wire.h"
#include "setup/setup.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { SIZE = 64, FIRST_SLICE = 20, CAPACITY = 256, EGRESS = 0x010071cb };
enum { NOW = 1000, REST = 120 };

static struct network *net;
static struct flow_table *flows;

static int make(void **state)
{
	static const uint8_t secret[16] = "mappings";
	static struct spec_address address;
	static struct spec_pool pool = {
		.mapping = MAPPING_ENDPOINT_INDEPENDENT,
		.slice_size = SIZE,
		.addresses = &address,
		.n_addresses = 1,
	};

	address.addr = addr6_from_ipv4(EGRESS);
	address.slices[0] = UINT64_C(3) << FIRST_SLICE; /* two slices */
	net = network_create(&(struct network_spec){.pools = &pool, .n_pools = 1}, NULL);
	flows = flow_table_create(CAPACITY, secret);
	return net == NULL || flows == NULL;
}

static int unmake(void **state)
{
	network_destroy(net);
	flow_table_destroy(flows);
	return 0;
}

static struct flow endpoint(unsigned i, uint8_t proto)
{
	return (struct flow){
		.src = htonl(0x0a000100 + i),
		.sport = htons(5000),
		.site = 1,
		.proto = proto,
	};
}

/* Takes ports until none is left, and marks them. */
static unsigned take_all(struct mappings *m, uint8_t proto, unsigned *times)
{
	unsigned n = 0;
	uint32_t slice;

	for (;; n++) {
		struct flow f = endpoint(n, proto);
		enum drop drop = mappings_take(m, flows, net, NOW, 0, 0, &f, &slice);

		if (drop != DROP_NONE) {
			assert_int_equal(drop, DROP_EGRESS_EXHAUSTED);
			return n;
		}
		assert_int_equal(f.nat_src, EGRESS);
		assert_int_equal(ntohs(f.nat_port) / SIZE, FIRST_SLICE + slice);
		times[ntohs(f.nat_port) - FIRST_SLICE * SIZE]++;
	}
}

/* With any number of workers, each port belongs to one worker, and each is used. */
static void every_port_once(void **state)
{
	for (uint16_t count = 1; count <= 32; count++) {
		unsigned times[2 * SIZE] = {0}, n = 0;

		for (uint16_t index = 0; index < count; index++) {
			struct mappings *m = mappings_create(net, CAPACITY, index, count);

			assert_non_null(m);
			n += take_all(m, PROTO_UDP, times);
			mappings_destroy(m);
		}
		assert_int_equal(n, 2 * SIZE);
		for (unsigned i = 0; i < ARRAY_SIZE(times); i++)
			assert_int_equal(times[i], 1);
	}
}

/*
 * A mapping that is taken twice exists until it is given back twice. Then all ports can be taken
 * again.
 */
static void given_back(void **state)
{
	struct mappings *m = mappings_create(net, CAPACITY, 0, 1);
	unsigned times[2 * SIZE] = {0};
	struct flow held[2 * SIZE];
	uint32_t slices[2 * SIZE], slice;

	assert_non_null(m);
	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < 2 * SIZE; i++) {
			struct flow again = endpoint(i, PROTO_TCP);

			held[i] = again;
			assert_int_equal(
				mappings_take(m, flows, net, NOW, 0, 0, &held[i], &slices[i]), 0);
			assert_int_equal(mappings_take(m, flows, net, NOW, 0, 0, &again, &slice),
					 0);
			assert_int_equal(again.nat_port, held[i].nat_port);
			assert_int_equal(slice, slices[i]);
		}
		for (unsigned i = 0; i < 2 * SIZE; i++)
			mappings_give(m, flows, net, slices[i], &held[i], 0);
		assert_int_equal(take_all(m, PROTO_TCP, times), 2 * SIZE);
		for (unsigned i = 0; i < 2 * SIZE; i++) {
			mappings_give(m, flows, net, slices[i], &held[i], 0);
			mappings_give(m, flows, net, slices[i], &held[i], 0);
		}
	}
	mappings_destroy(m);
}

/* Only sites with few flows may use each 16th port. */
#define RESERVE UINT64_C(0x8000800080008000) /* each sixteenth */

static void the_reserve(void **state)
{
	struct mappings *m = mappings_create(net, CAPACITY, 0, 1);
	uint32_t slice;
	unsigned n = 0;

	assert_non_null(m);
	for (;; n++) {
		struct flow f = endpoint(n, PROTO_UDP);

		if (mappings_take(m, flows, net, NOW, 0, RESERVE, &f, &slice) != DROP_NONE)
			break;
		assert_int_not_equal(ntohs(f.nat_port) % RESERVE_EVERY, RESERVE_EVERY - 1);
	}
	assert_int_equal(n, 2 * SIZE * (RESERVE_EVERY - 1) / RESERVE_EVERY);
	assert_int_equal(take_all(m, PROTO_UDP, (unsigned[2 * SIZE]){0}), 2 * SIZE);
	mappings_destroy(m);
}

static void no_more_than_capacity(void **state)
{
	struct mappings *m = mappings_create(net, 3, 0, 1);
	uint32_t slice;

	assert_non_null(m);
	for (unsigned i = 0; i < 5; i++) {
		struct flow f = endpoint(i, PROTO_UDP);

		assert_int_equal(mappings_take(m, flows, net, NOW, 0, 0, &f, &slice),
				 i < 3 ? DROP_NONE : DROP_TABLE_FULL);
	}
	mappings_destroy(m);
}

/* Only its former endpoint gets a resting port; after the rest anybody does. */
static void resting(void **state)
{
	struct mappings *m = mappings_create(net, CAPACITY, 0, 1);
	struct flow held[2 * SIZE];
	uint32_t slices[2 * SIZE], slice;

	assert_non_null(m);
	for (unsigned i = 0; i < 2 * SIZE; i++) {
		held[i] = endpoint(i, PROTO_UDP);
		assert_int_equal(mappings_take(m, flows, net, NOW, 0, 0, &held[i], &slices[i]), 0);
	}
	for (unsigned i = 0; i < 2 * SIZE; i++) {
		struct flow f = held[i];

		mappings_give(m, flows, net, slices[i], &held[i], NOW + REST + i);
		assert_false(mappings_find_home(m, flows, &f));
	}
	for (unsigned round = 0; round < 2; round++) { /* another endpoint; then the former one */
		struct flow other = endpoint(1000, PROTO_UDP), same = endpoint(0, PROTO_UDP);

		assert_int_equal(mappings_take(m, flows, net, NOW + REST - 1, 0, 0, &other, &slice),
				 DROP_EGRESS_EXHAUSTED);
		assert_int_equal(mappings_take(m, flows, net, NOW + REST - 1, 0, 0, &same, &slice),
				 0);
		assert_int_equal(same.nat_port, held[0].nat_port);
		assert_true(mappings_find_home(m, flows, &same));
		mappings_give(m, flows, net, slice, &same, round == 0 ? 0 : NOW + 2 * REST);
	}
	/* the first one rests longer now, and so do those behind it in the queue */
	for (unsigned i = 0; i < 2 * SIZE; i++) {
		struct flow other = endpoint(1000 + i, PROTO_UDP);

		assert_int_equal(mappings_take(m, flows, net, NOW + 3 * REST, 0, 0, &other, &slice),
				 0);
	}
	mappings_destroy(m);
}

/* If no record is free, the mapping that has rested longest ends early. */
static void no_rest_without_memory(void **state)
{
	struct mappings *m = mappings_create(net, 3, 0, 1);
	struct flow held[3], first;
	uint32_t slices[3], slice;

	assert_non_null(m);
	for (unsigned i = 0; i < 3; i++) {
		held[i] = endpoint(i, PROTO_UDP);
		assert_int_equal(mappings_take(m, flows, net, NOW, 0, 0, &held[i], &slices[i]), 0);
	}
	first = held[0];
	for (unsigned i = 0; i < 2; i++)
		mappings_give(m, flows, net, slices[i], &held[i], NOW + REST);
	for (unsigned i = 0; i < 3; i++) {
		struct flow other = endpoint(1000 + i, PROTO_UDP);

		assert_int_equal(mappings_take(m, flows, net, NOW + 1, 0, 0, &other, &slice),
				 i < 2 ? DROP_NONE : DROP_TABLE_FULL);
	}
	assert_false(mappings_find_home(m, flows, &first) && first.src == held[0].src);
	mappings_destroy(m);
}

/*
 * The owner of a port, as the Internet finds it: the endpoint and its latest on-ramp; no one
 * afterwards.
 */
static void home(void **state)
{
	struct mappings *m = mappings_create(net, CAPACITY, 0, 1);
	struct flow held[2 * SIZE];
	uint32_t slices[2 * SIZE];

	assert_non_null(m);
	for (unsigned i = 0; i < 2 * SIZE; i++) {
		held[i] = endpoint(i, i % 2 == 0 ? PROTO_TCP : PROTO_UDP);
		held[i].onramp = (uint16_t)(1 + i % 5);
		assert_int_equal(mappings_take(m, flows, net, NOW, 0, 0, &held[i], &slices[i]), 0);
	}
	held[7].onramp = 9; /* a new flow of the endpoint came by another tunnel */
	assert_int_equal(mappings_take(m, flows, net, NOW, 0, 0, &held[7], &slices[7]), 0);
	mappings_give(m, flows, net, slices[7], &held[7], 0);
	held[8].onramp = 10; /* a flow of the endpoint moved to that tunnel */
	mappings_move(m, flows, &held[8]);
	for (unsigned i = 0; i < 2 * SIZE; i++) {
		struct flow f = {
			.nat_src = held[i].nat_src,
			.nat_port = held[i].nat_port,
			.proto = held[i].proto,
		};

		assert_true(mappings_find_home(m, flows, &f));
		assert_int_equal(f.src, held[i].src);
		assert_int_equal(f.sport, held[i].sport);
		assert_int_equal(f.site, held[i].site);
		assert_int_equal(f.onramp, held[i].onramp);
		f.nat_src++;
		assert_false(mappings_find_home(m, flows, &f));
	}
	for (unsigned i = 0; i < 2 * SIZE; i++) {
		struct flow f = held[i];

		mappings_give(m, flows, net, slices[i], &held[i], 0);
		assert_false(mappings_find_home(m, flows, &f));
	}
	mappings_destroy(m);
}

/* No port is left: a resting port of the same address and protocol is given away first. */
static void a_rest_is_cut(void **state)
{
	uint32_t n = 0, slice;
	struct flow held[2 * SIZE], f;
	struct mappings *m = mappings_create(net, 4 * SIZE, 0, 1);

	for (; n < 2 * SIZE; n++) {
		held[n] = endpoint(n, PROTO_UDP);
		assert_int_equal(mappings_take(m, flows, net, NOW, 0, 0, &held[n], &slice), 0);
		if (n == 5 || n == 7 || n == 2 * SIZE - 1)
			mappings_give(m, flows, net, slice, &held[n], NOW + REST);
	}
	f = endpoint(900, PROTO_TCP);
	f.nat_src = held[0].nat_src;
	assert_false(mappings_end_rest(m, flows, net, 0, &f)); /* of another protocol */
	for (unsigned i = 0; i < 3; i++) {
		f = endpoint(900 + i, PROTO_UDP);
		assert_int_equal(mappings_take(m, flows, net, NOW, 0, 0, &f, &slice),
				 DROP_EGRESS_EXHAUSTED);
		assert_true(mappings_end_rest(m, flows, net, 0, &f));
		assert_int_equal(mappings_take(m, flows, net, NOW, 0, 0, &f, &slice), 0);
		assert_int_equal(f.nat_port, held[i == 0 ? 5 : i == 1 ? 7 : 2 * SIZE - 1].nat_port);
	}
	assert_false(mappings_end_rest(m, flows, net, 0, &f));
	mappings_give(m, flows, net, slice, &f, NOW + REST); /* the queue is intact */
	assert_true(mappings_end_rest(m, flows, net, 0, &f));
	mappings_destroy(m);
}

/* A site that may not use a reserved port does not get it after its rest. */
static void the_rest_of_kept_ports_goes_on(void **state)
{
	struct flow held[2], f = endpoint(900, PROTO_UDP);
	struct mappings *m = mappings_create(net, 4 * SIZE, 0, 1);
	uint64_t kept;
	uint32_t slice;

	for (unsigned i = 0; i < 2; i++) {
		held[i] = endpoint(i, PROTO_UDP);
		/* at another bit of its word, so that one of the two is reserved */
		kept = i == 0 ? 0 : UINT64_C(1) << (ntohs(held[0].nat_port) & 63);
		assert_int_equal(mappings_take(m, flows, net, NOW, 0, kept, &held[i], &slice), 0);
		mappings_give(m, flows, net, slice, &held[i], NOW + REST);
	}
	f.nat_src = held[0].nat_src;
	assert_true(mappings_end_rest(m, flows, net, kept, &f));
	assert_false(mappings_end_rest(m, flows, net, kept, &f));
	f = held[0];
	assert_int_equal(mappings_take(m, flows, net, NOW, 0, 0, &f, &slice), 0);
	assert_int_equal(f.nat_port, held[0].nat_port); /* it still rested */
	assert_true(mappings_find_home(m, flows, &f));
	mappings_destroy(m);
}

/*
 * A flow of an earlier process: its endpoint has its port again, for all its flows and no other
 * endpoint's, until the last one ends.
 */
static void adopted(void **state)
{
	struct mappings *m = mappings_create(net, CAPACITY, 0, 1);
	struct flow f = endpoint(1, PROTO_TCP), other = endpoint(2, PROTO_TCP), next;
	uint32_t slice;

	f.nat_src = other.nat_src = EGRESS;
	f.nat_port = other.nat_port = htons(FIRST_SLICE * SIZE + SIZE + 7);
	assert_true(mappings_adopt(m, flows, net, 1, &f));
	assert_true(mappings_adopt(m, flows, net, 1, &f));
	assert_false(mappings_adopt(m, flows, net, 1, &other));
	next = endpoint(1, PROTO_TCP);
	assert_int_equal(mappings_take(m, flows, net, NOW, 0, 0, &next, &slice), DROP_NONE);
	assert_int_equal(next.nat_port, f.nat_port);
	assert_int_equal(slice, 1);
	next.site = 0;
	next.src = 0;
	assert_true(mappings_find_home(m, flows, &next));
	assert_int_equal(next.src, f.src);
	for (unsigned i = 0; i < 3; i++) {
		assert_false(mappings_adopt(m, flows, net, 1, &other));
		mappings_give(m, flows, net, 1, &f, 0);
	}
	assert_true(mappings_adopt(m, flows, net, 1, &other));
	mappings_destroy(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_port_once),
		cmocka_unit_test(given_back),
		cmocka_unit_test(the_reserve),
		cmocka_unit_test(a_rest_is_cut),
		cmocka_unit_test(the_rest_of_kept_ports_goes_on),
		cmocka_unit_test(no_more_than_capacity),
		cmocka_unit_test(resting),
		cmocka_unit_test(no_rest_without_memory),
		cmocka_unit_test(home),
		cmocka_unit_test(adopted),
	};

	return cmocka_run_group_tests_name("setup/mapping", tests, make, unmake);
}
