/* Which worker polls a queue, and by which queue each one transmits. */
#include "worker/take_port.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { NOBODY = CONTEXT_TX_NOBODY, SLOT = 2 };

/* An interface with a device for each queue; its queue 1 could not be opened. */
static const struct port_queue split[] = {{7, 0, 0}, {8, 0, 2}, {9, 0, 3}};

static const struct row {
	const char *why;
	struct worker_port port;
	uint16_t index, count; /* of the worker */
	uint16_t n_queues, tx_worker;
	struct port_queue tx; /* if the worker is tx_worker */
} rows[] = {
	{"one of each", {.ethdev = 5}, 0, 1, 1, 0, {5, 0, 0}},
	{"its own queue", {.ethdev = 5, .n_queues = 4}, 3, 4, 4, 3, {5, 3, 3}},
	{"none of its own", {.ethdev = 5, .n_queues = 3}, 3, 4, 3, 0, {0}},
	{"more queues", {.ethdev = 5, .n_queues = 8}, 1, 2, 8, 1, {5, 1, 1}},
	{"few to transmit", {.ethdev = 5, .n_queues = 4, .n_tx = 2}, 3, 4, 4, 1, {0}},
	{"few to transmit, its own",
	 {.ethdev = 5, .n_queues = 4, .n_tx = 2},
	 1,
	 4,
	 4,
	 1,
	 {5, 1, 1}},
	{"a device each", {.queues = split, .n_queues = 3}, 1, 2, 3, 1, {8, 0, 2}},
	{"closed", {.ethdev = 5, .n_queues = 2, .closed = true}, 0, 2, 0, NOBODY, {0}},
};

static void test_rows(void **state)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *row = &rows[i];
		struct context_port ports[SLOT + 1] = {{.empty = true}, {.empty = true}};
		struct port_counters counters[SLOT + 1] = {0};
		struct context ctx = {.ports = ports,
				      .port_counters = counters,
				      .index = row->index,
				      .count = row->count};
		const struct context_port *to = &ports[SLOT];

		take_port(&ctx, SLOT, &row->port);
		assert_int_equal(ctx.n_ports, SLOT + 1);
		if (to->n_queues != row->n_queues || to->tx_worker != row->tx_worker)
			fail_msg("%s: %u queues, worker %u transmits", row->why, to->n_queues,
				 to->tx_worker);
		for (uint16_t q = 0; q < to->n_queues && row->port.queues != NULL; q++)
			assert_memory_equal(&to->queues[q], &split[q], sizeof(split[q]));
		if (to->tx_worker == row->index &&
		    memcmp(&to->tx_queue, &row->tx, sizeof(row->tx)) != 0)
			fail_msg("%s: device %u, queue %u", row->why, to->tx_queue.ethdev,
				 to->tx_queue.number);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
