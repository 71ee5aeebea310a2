/* Ports: their owners, and an order that visits each port once. */
#include "setup/ports.h"

#include "path/share.h"
#include "stage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* Each port of an address is visited once, with any walk, slices and workers. */
static void test_walks_meet_every_port_once(void **state)
{
	static const struct {
		uint32_t size;
		uint16_t index, count;
	} rows[] = {{64, 0, 1},	  {64, 1, 3},	{64, 31, 32},
		    {2048, 0, 1}, {2048, 2, 7}, {16384, 0, 1}};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct stage_bench *b =
			bench_create(rows[i].size, 1024, rows[i].index, rows[i].count);
		const struct egress_state *e = b->ctx.egress;
		const struct egress_address *a = &b->net->addresses[1]; /* two slices */

		for (unsigned walk = 0; walk < WALKS; walk++) {
			struct place at = ports_random(e, a, UINT64_C(0x123456789abcdef) * walk);
			static uint8_t met[65536];

			memset(met, 0, sizeof(met));
			for (uint32_t n = 0; n < ports_count(e, a); n++) {
				uint16_t port = ports_number(&b->ctx, a, at);

				assert_int_equal(met[port]++, 0);
				assert_true(network_find_slice(b->net, 1, port) >= 0);
				assert_int_equal(share_owner(port, rows[i].size, rows[i].count),
						 rows[i].index);
				at = ports_next(e, a, at, e->steps[1][walk]);
			}
		}
		bench_destroy(b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_walks_meet_every_port_once),
	};

	return cmocka_run_group_tests(tests, bench_start_dpdk, bench_stop_dpdk);
}
