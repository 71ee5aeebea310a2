/* What routes of kernel tables mean, row by row, and put together for each virtual network. */
#include "control/bgp/learned.h"

#include "base/types.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/*
 * Networks: default (0) with berlin, madrid; partner (1), without egress, with rome. Tunnels b1 and
 * b2 are berlin's. Peers are 169.254.240.1, .3 (berlin), .5 (madrid), .7 (rome).
 */
enum { BERLIN, MADRID, ROME, SITES };
#define LINK(n) addr6_from_ipv4(htonl(0xa9fef000 + (n)))

static struct spec_tunnel berlin[2], madrid[1], rome[1];
static struct spec_site sites[SITES];
static struct spec_vnet vnets[2] = {{.name = "default"}, {.name = "partner", .no_egress = true}};
static struct network_spec spec = {.sites = sites, .n_sites = SITES, .vnets = vnets, .n_vnets = 2};
static const struct addr6 peer6 = {{0xfd, 1}};

static struct {
	unsigned calls;
	uint16_t vnet;
	struct prefix6 prefix;
	struct spec_target targets[SPEC_TARGETS_MAX];
	size_t n;
} told;

static int set_error; /* of new prefixes, from the @set_room-th on */
static unsigned set_room;

static int on_set(void *arg, uint16_t vnet, const struct prefix6 *prefix,
		  const struct spec_target *targets, size_t n)
{
	if (set_error != 0 && n == 0)
		set_room++;
	else if (set_error != 0 && set_room == 0)
		return set_error;
	else if (set_error != 0)
		set_room--;
	told.calls++;
	told.vnet = vnet;
	told.prefix = *prefix;
	told.n = n;
	memcpy(told.targets, targets, n * sizeof(*targets));
	return 0;
}

static struct learned *create(void)
{
	struct learned *l = learned_create(on_set, NULL);

	berlin[0] = (struct spec_tunnel){
		.peer = LINK(1), .peer6 = peer6, .remote = addr6_from_ipv4(htonl(0xc6336401))};
	berlin[1] = (struct spec_tunnel){.peer = LINK(3)};
	madrid[0] = (struct spec_tunnel){.peer = LINK(5)};
	rome[0] = (struct spec_tunnel){.peer = LINK(7)};
	sites[BERLIN] = (struct spec_site){.tunnels = berlin, .n_tunnels = 2};
	sites[MADRID] = (struct spec_site){.tunnels = madrid, .n_tunnels = 1};
	sites[ROME] = (struct spec_site){.tunnels = rome, .n_tunnels = 1, .vnet = 1};
	assert_int_equal(learned_take_network(l, &spec), 0);
	memset(&told, 0, sizeof(told));
	return l;
}

static struct prefix6 prefix4(uint32_t addr, uint8_t len)
{
	return (struct prefix6){addr6_from_ipv4(htonl(addr)), (uint8_t)(MAPPED_BITS + len)};
}

static void test_rows(void **state)
{
	/* clang-format off */
	static const struct {
		const char *why;
		uint32_t source, addr, metric;
		uint8_t len;
		uint8_t gateway; /* last byte of the link address; 0: none */
		uint8_t kind;
		bool elsewhere;
		bool good;
		enum learned_refusal refusal;
		enum spec_target_kind leads;
		uint16_t index, tunnel;
		uint32_t priority;
	} rows[] = {
		{ "to the first tunnel", BERLIN, 0x0a080000, 0, 16, 1, KERNEL_UNICAST, false, true, 0, TARGET_TUNNEL, BERLIN, 0, 100 },
		{ "to the second, with a metric", BERLIN, 0x0a080000, 50, 16, 3, KERNEL_UNICAST, false, true, 0, TARGET_TUNNEL, BERLIN, 1, 50 },
		{ "a metric without room for penalties", BERLIN, 0x0a080000, UINT32_MAX, 16, 3, KERNEL_UNICAST, false, true, 0, TARGET_TUNNEL, BERLIN, 1, 4000000000 },
		{ "another site's gateway", BERLIN, 0x0a080000, 0, 16, 5, KERNEL_UNICAST, false, false, LEARNED_GATEWAY, 0, 0, 0, 0 },
		{ "nobody's gateway", BERLIN, 0x0a080000, 0, 16, 99, KERNEL_UNICAST, false, false, LEARNED_GATEWAY, 0, 0, 0, 0 },
		{ "any site of the network", LEARNED_WHOLE, 0x0a080000, 0, 16, 5, KERNEL_UNICAST, false, true, 0, TARGET_TUNNEL, MADRID, 0, 100 },
		{ "a site of another network", LEARNED_WHOLE, 0x0a080000, 0, 16, 7, KERNEL_UNICAST, false, false, LEARNED_GATEWAY, 0, 0, 0, 0 },
		{ "by the device: the table's site", MADRID, 0x0a080000, 0, 16, 0, KERNEL_UNICAST, false, true, 0, TARGET_SITE, MADRID, 0, 100 },
		{ "by the device, of no site", LEARNED_WHOLE, 0x0a080000, 0, 16, 0, KERNEL_UNICAST, false, false, LEARNED_GATEWAY, 0, 0, 0, 0 },
		{ "by another interface", MADRID, 0x0a080000, 0, 16, 0, KERNEL_UNICAST, true, false, LEARNED_GATEWAY, 0, 0, 0, 0 },
		{ "blackhole", BERLIN, 0x0a080000, 0, 16, 0, KERNEL_BLACKHOLE, false, true, 0, TARGET_DROP, 0, 0, 100 },
		{ "unreachable", BERLIN, 0x0a080000, 0, 16, 0, KERNEL_UNREACHABLE, false, true, 0, TARGET_DROP, 0, 0, 100 },
		{ "prohibit", BERLIN, 0x0a080000, 0, 16, 0, KERNEL_PROHIBIT, false, true, 0, TARGET_DROP, 0, 0, 100 },
		{ "default route", BERLIN, 0, 0, 0, 1, KERNEL_UNICAST, false, false, LEARNED_DEFAULT, 0, 0, 0, 0 },
		{ "half of it", BERLIN, 0x80000000, 0, 1, 1, KERNEL_UNICAST, false, false, LEARNED_DEFAULT, 0, 0, 0, 0 },
		{ "a blackhole for all", BERLIN, 0, 0, 0, 0, KERNEL_BLACKHOLE, false, false, LEARNED_DEFAULT, 0, 0, 0, 0 },
		{ "as short as may be", BERLIN, 0x0a000000, 0, 8, 1, KERNEL_UNICAST, false, true, 0, TARGET_TUNNEL, BERLIN, 0, 100 },
		{ "default route without egress", ROME, 0, 0, 0, 7, KERNEL_UNICAST, false, true, 0, TARGET_TUNNEL, ROME, 0, 100 },
		{ "the far end through itself", BERLIN, 0xc6336401, 0, 32, 1, KERNEL_UNICAST, false, false, LEARNED_ITSELF, 0, 0, 0, 0 },
		{ "the far end through another", BERLIN, 0xc6336401, 0, 32, 3, KERNEL_UNICAST, false, true, 0, TARGET_TUNNEL, BERLIN, 1, 100 },
		{ "a prefix that covers it", BERLIN, 0xc6336400, 0, 24, 1, KERNEL_UNICAST, false, true, 0, TARGET_TUNNEL, BERLIN, 0, 100 },
	};
	/* clang-format on */

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct learned *l = create();
		struct prefix6 prefix = prefix4(rows[i].addr, rows[i].len);
		const struct prefix6 *example;
		const struct table_way way = {
			.gateway =
				rows[i].gateway != 0 ? LINK(rows[i].gateway) : (struct addr6){{0}},
			.metric = rows[i].metric,
			.weight = 3,
			.kind = rows[i].kind,
			.elsewhere = rows[i].elsewhere,
		};
		const struct spec_target *t = &told.targets[0];

		learned_take(l, rows[i].source, &prefix, &way, 1);
		learned_flush(l);
		if (told.calls != rows[i].good)
			fail_msg("%s: told %u times", rows[i].why, told.calls);
		if (rows[i].good && (told.n != 1 || t->kind != rows[i].leads ||
				     t->index != rows[i].index || t->tunnel != rows[i].tunnel ||
				     t->priority != rows[i].priority || t->weight != 3))
			fail_msg("%s: leads elsewhere", rows[i].why);
		if (!rows[i].good &&
		    (learned_refused(l, rows[i].source, rows[i].refusal, &example) != 1 ||
		     example == NULL || example->len != prefix.len ||
		     !addr6_equal(&example->addr, &prefix.addr)))
			fail_msg("%s: another reason", rows[i].why);
		learned_take(l, rows[i].source, &prefix, NULL, 0);
		learned_flush(l);
		if (told.calls != 2 * (unsigned)rows[i].good || (rows[i].good && told.n != 0) ||
		    learned_refused(l, rows[i].source, rows[i].refusal, &example) != 0)
			fail_msg("%s: does not end", rows[i].why);
		learned_destroy(l);
	}
}

static void test_six(void **state)
{
	struct learned *l = create();
	const struct prefix6 prefix = {{{0xfd, 0}}, 32}, all = {{{0, 0}}, 0};
	const struct table_way way = {.gateway = peer6, .metric = 1024, .weight = 1};
	const struct prefix6 *example;

	learned_take(l, BERLIN, &prefix, &way, 1);
	learned_flush(l);
	assert_int_equal(told.n, 1);
	assert_int_equal(told.targets[0].index, BERLIN);
	assert_int_equal(told.targets[0].priority, 100); /* the kernel's own metric */
	learned_take(l, BERLIN, &all, &way, 1);
	assert_int_equal(learned_refused(l, BERLIN, LEARNED_DEFAULT, &example), 1);
	learned_destroy(l);
}

/* Two sites of a network have one prefix: each keeps its own part. */
static void test_together(void **state)
{
	struct learned *l = create();
	struct prefix6 prefix = prefix4(0x0a010000, 16);
	const struct table_way ways[] = {
		{.gateway = LINK(1), .weight = 2},
		{.gateway = LINK(3), .weight = 5, .metric = 50},
		{.gateway = LINK(5), .weight = 1},
	};

	learned_take(l, BERLIN, &prefix, ways, 2);
	learned_take(l, MADRID, &prefix, &ways[2], 1);
	learned_take(l, LEARNED_WHOLE, &prefix, ways, 1); /* the same as berlin's first */
	learned_flush(l);
	assert_int_equal(told.calls, 1); /* a burst is told once */
	assert_int_equal(told.n, 3);
	assert_int_equal(told.targets[0].priority, 50);
	assert_int_equal(told.targets[0].weight, 5);
	assert_int_equal(learned_n(l, 0), 1);
	assert_int_equal(learned_n(l, 1), 0);

	learned_take(l, BERLIN, &prefix, NULL, 0);
	learned_flush(l);
	assert_int_equal(told.n, 2); /* the network's table still has its first one */
	learned_take(l, LEARNED_WHOLE, &prefix, NULL, 0);
	learned_flush(l);
	assert_int_equal(told.n, 1);
	assert_int_equal(told.targets[0].index, MADRID);

	assert_int_equal(learned_take_network(l, &spec), 0);
	assert_int_equal(learned_n(l, 0), 0);
	told.calls = 0;
	learned_flush(l);
	assert_int_equal(told.calls, 0);
	learned_destroy(l);
}

/* Of too many targets the best ones are kept. */
static void test_best(void **state)
{
	struct learned *l = create();
	struct prefix6 prefix = prefix4(0x0a010000, 16);
	struct table_way ways[40];

	for (unsigned i = 0; i < 40; i++)
		ways[i] = (struct table_way){
			.gateway = LINK(i % 2 == 0 ? 1 : 3), .weight = 1, .metric = 1000 - i};
	learned_take(l, BERLIN, &prefix, ways, 40);
	learned_flush(l);
	assert_int_equal(told.n, SPEC_TARGETS_MAX);
	for (unsigned i = 0; i < SPEC_TARGETS_MAX; i++)
		assert_int_equal(told.targets[i].priority, 961 + i);
	learned_destroy(l);
}

/*
 * The user has room for two prefixes. What waits is offered when one goes, also when that is told in
 * the same flush, and in another network.
 */
static void test_no_room(void **state)
{
	struct learned *l = create();
	const struct table_way way = {.gateway = LINK(1), .weight = 1};
	const struct table_way romes = {.gateway = LINK(7), .weight = 1};
	struct prefix6 prefixes[5];
	int error;

	set_error = -ENOSPC;
	set_room = 2;
	for (unsigned i = 0; i < 5; i++)
		prefixes[i] = prefix4(0x0a000000 + (i << 16), 16);
	for (unsigned i = 0; i < 4; i++)
		learned_take(l, BERLIN, &prefixes[i], &way, 1);
	learned_flush(l);
	assert_int_equal(told.calls, 2);
	assert_int_equal(learned_waiting(l, &error), 2);
	assert_int_equal(error, -ENOSPC);

	learned_flush(l); /* nothing has changed */
	assert_int_equal(told.calls, 2);
	assert_int_equal(learned_waiting(l, &error), 2);

	learned_take(l, BERLIN, &prefixes[3], NULL, 0); /* one that waits goes */
	learned_flush(l);
	assert_int_equal(learned_waiting(l, &error), 1);
	assert_int_equal(told.calls, 2);

	learned_take(l, ROME, &prefixes[4], &romes, 1);
	learned_flush(l);
	assert_int_equal(learned_waiting(l, &error), 2);
	learned_take(l, BERLIN, &prefixes[0], NULL, 0);
	learned_take(l, BERLIN, &prefixes[1], NULL, 0);
	learned_flush(l);
	assert_int_equal(told.calls, 6); /* two go, two come */
	assert_int_equal(learned_waiting(l, &error), 0);
	assert_int_equal(error, 0);
	set_error = 0;
	learned_destroy(l);
}

/* Refusals are counted by reason, and one that is named as an example may go before the others. */
static void test_refusals(void **state)
{
	struct learned *l = create();
	const struct table_way bad[] = {{.gateway = LINK(99), .weight = 1},
					{.gateway = LINK(98), .weight = 2}};
	const struct prefix6 a = prefix4(0x0a010000, 16), b = prefix4(0x0a020000, 16);
	const struct prefix6 *example;

	learned_take(l, BERLIN, &a, bad, 2);
	learned_take(l, BERLIN, &b, bad, 1);
	learned_take(l, MADRID, &b, bad, 1);
	learned_take(l, BERLIN, &b, bad, 1); /* again */
	assert_int_equal(learned_refused(l, BERLIN, LEARNED_GATEWAY, &example), 2);
	assert_int_equal(example->addr.half[1], b.addr.half[1]);
	assert_int_equal(learned_refused(l, BERLIN, LEARNED_DEFAULT, &example), 0);
	assert_int_equal(learned_refused(l, MADRID, LEARNED_GATEWAY, &example), 1);
	learned_take(l, BERLIN, &b, NULL, 0);
	assert_int_equal(learned_refused(l, BERLIN, LEARNED_GATEWAY, &example), 1);
	assert_null(example);
	assert_int_equal(learned_refused(l, MADRID, LEARNED_GATEWAY, &example), 1);
	learned_take(l, BERLIN, &a, NULL, 0);
	assert_int_equal(learned_refused(l, BERLIN, LEARNED_GATEWAY, &example), 0);
	assert_int_equal(learned_refused(l, SITES, LEARNED_GATEWAY, &example), 0);
	assert_int_equal(learned_refused(l, UINT32_MAX, LEARNED_GATEWAY, &example), 0);
	learned_destroy(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),	 cmocka_unit_test(test_six),
		cmocka_unit_test(test_together), cmocka_unit_test(test_best),
		cmocka_unit_test(test_no_room),	 cmocka_unit_test(test_refusals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
