/* Which source addresses may open a flow. */
#include "setup/setup.h"

#include "stage.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define LOW IP(0, 255, 255, 255)
#define LOOPBACK IP(127, 0, 0, 1)
#define GROUP IP(224, 0, 0, 0)

/* clang-format off */
static const struct {
	uint16_t site;
	uint32_t src, dst;
	enum drop drop;
	const char *why;
} rows[] = {
	{ SITE_BERLIN, HOST,                SERVER,    DROP_NONE,    "one of its own" },
	{ SITE_BERLIN, IP(10, 0, 1, 255),   SERVER,    DROP_NONE,    "the last of its own" },
	{ SITE_BERLIN, IP(10, 0, 2, 0),     SERVER,    DROP_SOURCE,  "just outside" },
	{ SITE_BERLIN, SERVER,              BERLIN,    DROP_SOURCE,  "somebody else's" },
	{ SITE_MADRID, HOST,                SERVER,    DROP_NONE,    "berlin's, but madrid may use any" },
	{ SITE_MADRID, IP(223, 255, 255, 255), SERVER, DROP_NONE,    "the last host there is" },
	{ SITE_MADRID, GROUP,               SERVER,    DROP_MARTIAN, "from multicast" },
	{ SITE_MADRID, UINT32_MAX,          SERVER,    DROP_MARTIAN, "from broadcast" },
	{ SITE_MADRID, 0,                   SERVER,    DROP_MARTIAN, "from nobody" },
	{ SITE_MADRID, LOW,                 SERVER,    DROP_MARTIAN, "from this network" },
	{ SITE_MADRID, IP(1, 0, 0, 0),      SERVER,    DROP_NONE,    "just above" },
	{ SITE_MADRID, LOOPBACK,            SERVER,    DROP_MARTIAN, "from loopback" },
	{ SITE_MADRID, IP(128, 0, 0, 0),    SERVER,    DROP_NONE,    "just above that" },
	{ SITE_BERLIN, HOST,                LOOPBACK,  DROP_MARTIAN, "to loopback" },
	{ SITE_BERLIN, HOST,                GROUP,     DROP_MARTIAN, "to multicast" },
	{ SITE_BERLIN, HOST,                0,         DROP_MARTIAN, "to nobody" },
	{ SITE_BERLIN, HOST,                HOST,      DROP_MARTIAN, "to itself (LAND)" },
	{ SITE_BERLIN, GROUP,               SERVER,    DROP_MARTIAN, "martian comes before source" },
};
/* clang-format on */

static void test_rows(void **state)
{
	struct stage_bench *b = bench_create(64, 16, 0, 1);

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct setup s = {.ctx = &b->ctx,
				  .flow = {.src = htonl(rows[i].src),
					   .dst = htonl(rows[i].dst),
					   .site = rows[i].site}};
		enum drop drop = source_check(&s);

		if (drop != rows[i].drop)
			fail_msg("row %zu: %s: %s", i, rows[i].why, drop_infos[drop].name);
	}
	bench_destroy(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows)};

	return cmocka_run_group_tests(tests, bench_start_dpdk, bench_stop_dpdk);
}
