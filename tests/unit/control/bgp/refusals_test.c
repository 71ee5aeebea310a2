/* The sentences about refused routes, and when their alarms end. */
#include "control/bgp/refusals.h"

#include "base/types.h"
#include "control/alarm.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { BERLIN, MADRID, SITES };
#define LINK(n) addr6_from_ipv4(htonl(0xa9fef000 + (n)))

static struct spec_tunnel tunnels[SITES];
static struct spec_site sites[SITES] = {
	{.name = "berlin", .tunnels = &tunnels[0], .n_tunnels = 1},
	{.name = "madrid", .tunnels = &tunnels[1], .n_tunnels = 1},
};
static struct spec_vnet vnets[] = {{.name = "default"}, {.name = "berlin"}};
static struct network_spec spec = {
	.sites = sites, .n_sites = SITES, .vnets = vnets, .n_vnets = ARRAY_SIZE(vnets)};
static int set_error;

static int on_set(void *arg, uint16_t vnet, const struct prefix6 *prefix,
		  const struct spec_target *targets, size_t n)
{
	return n > 0 ? set_error : 0;
}

struct bed {
	struct alarms *alarms;
	struct learned *learned;
	struct table table;
};

static struct bed make_bed(void)
{
	struct bed b = {alarms_create(), learned_create(on_set, NULL), {.number = 1007}};

	tunnels[0] =
		(struct spec_tunnel){.peer = LINK(1), .remote = addr6_from_ipv4(htonl(0xc6336401))};
	tunnels[1] = (struct spec_tunnel){.peer = LINK(3)};
	table_init(&b.table, 1007, 5000);
	assert_int_equal(learned_take_network(b.learned, &spec), 0);
	return b;
}

static void end_bed(struct bed *b)
{
	table_fini(&b->table);
	learned_destroy(b->learned);
	alarms_destroy(b->alarms);
}

/* NULL: there is no such alarm. */
static const char *text_of(const struct bed *b, const char *subject)
{
	for (size_t i = 0; i < alarms_count(b->alarms); i++)
		if (strcmp(alarms_at(b->alarms, i)->subject, subject) == 0)
			return alarms_at(b->alarms, i)->text;
	return NULL;
}

static struct prefix6 prefix4(uint32_t addr, uint8_t len)
{
	return (struct prefix6){addr6_from_ipv4(htonl(addr)), (uint8_t)(MAPPED_BITS + len)};
}

static void test_reasons(void **state)
{
	static const struct {
		const char *why;
		uint32_t addr;
		uint8_t len, gateway;
		const char *text;
	} rows[] = {
		{"not a peer", 0x0a010000, 16, 9,
		 "routes of table 1007 are refused: 1, one of them to 10.1.0.0/16: their gateway "
		 "is "
		 "not the `peer` of a tunnel there"},
		{"a default route", 0, 0, 1,
		 "routes of table 1007 are refused: 1, one of them to 0.0.0.0/0: so short a prefix "
		 "would take public destinations from egress"},
		{"the far end through itself", 0xc6336401, 32, 1,
		 "routes of table 1007 are refused: 1, one of them to 198.51.100.1/32: they lead "
		 "to "
		 "the far end of a tunnel through this tunnel"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct bed b = make_bed();
		struct prefix6 prefix = prefix4(rows[i].addr, rows[i].len);
		const struct table_way way = {.gateway = LINK(rows[i].gateway), .weight = 1};

		learned_take(b.learned, BERLIN, &prefix, &way, 1);
		refusals_tell(b.alarms, b.learned, &spec, &b.table, BERLIN);
		assert_non_null(text_of(&b, "berlin"));
		assert_string_equal(text_of(&b, "berlin"), rows[i].text);
		learned_take(b.learned, BERLIN, &prefix, NULL, 0);
		refusals_tell(b.alarms, b.learned, &spec, &b.table, BERLIN);
		assert_null(text_of(&b, "berlin"));
		end_bed(&b);
	}
}

static void test_six(void **state)
{
	struct bed b = make_bed();
	const struct prefix6 all = {{{0}}, 0}, some = {{{htobe64(UINT64_C(0xfd77) << 48)}}, 32};
	const struct table_way way = {.gateway = {{0xfd, 9}}, .weight = 1};

	learned_take(b.learned, BERLIN, &all, &way, 1);
	refusals_tell(b.alarms, b.learned, &spec, &b.table, BERLIN);
	assert_non_null(strstr(text_of(&b, "berlin"), "one of them to ::/0: so short"));
	learned_take(b.learned, BERLIN, &all, NULL, 0);
	learned_take(b.learned, BERLIN, &some, &way, 1);
	refusals_tell(b.alarms, b.learned, &spec, &b.table, BERLIN);
	assert_non_null(strstr(text_of(&b, "berlin"), "one of them to fd77::/32: their gateway"));
	end_bed(&b);
}

/* The table's own reasons come first. */
static void test_table(void **state)
{
	struct bed b = make_bed();

	b.table.n_refused = 3;
	refusals_tell(b.alarms, b.learned, &spec, &b.table, MADRID);
	assert_string_equal(text_of(&b, "madrid"),
			    "table 1007 has more than 5000 prefixes, and further ones are refused");
	b.table.short_of_memory = true;
	refusals_tell(b.alarms, b.learned, &spec, &b.table, MADRID);
	assert_string_equal(text_of(&b, "madrid"),
			    "there is not enough memory for all routes of table 1007");
	b.table.n_refused = 0;
	refusals_tell(b.alarms, b.learned, &spec, &b.table, MADRID);
	assert_null(text_of(&b, "madrid"));
	end_bed(&b);
}

static void test_all_tables(void **state)
{
	struct bed b = make_bed();
	const struct prefix6 prefix = prefix4(0x0a010000, 16);
	const struct table_way way = {.gateway = LINK(1), .weight = 1};

	set_error = -ENOSPC;
	learned_take(b.learned, BERLIN, &prefix, &way, 1);
	learned_flush(b.learned);
	refusals_tell_all(b.alarms, b.learned, false);
	assert_non_null(strstr(text_of(&b, REFUSALS_ALL), "1 wait until others go"));
	set_error = -ENOMEM;
	learned_flush(b.learned);
	refusals_tell_all(b.alarms, b.learned, false);
	assert_non_null(strstr(text_of(&b, REFUSALS_ALL), "not enough memory"));
	set_error = 0;
	learned_flush(b.learned);
	refusals_tell_all(b.alarms, b.learned, false);
	assert_null(text_of(&b, REFUSALS_ALL));
	refusals_tell_all(b.alarms, b.learned, true);
	assert_non_null(strstr(text_of(&b, REFUSALS_ALL), "not enough memory"));
	end_bed(&b);
}

/* A site and a network of one name have two alarms, and each ends with its own table. */
static void test_forget(void **state)
{
	struct bed b = make_bed();
	const uint32_t sources[] = {BERLIN, REFUSALS_NOBODY, LEARNED_WHOLE + 1};

	b.table.n_refused = 1;
	refusals_tell(b.alarms, b.learned, &spec, &b.table, BERLIN);
	refusals_tell(b.alarms, b.learned, &spec, &b.table, MADRID);
	refusals_tell(b.alarms, b.learned, &spec, &b.table, LEARNED_WHOLE + 1);
	refusals_tell_all(b.alarms, b.learned, true);
	alarm_raise(b.alarms, ALARM_BGP_DEVICE, "madrid", "another one");
	assert_int_equal(alarms_count(b.alarms), 5);

	refusals_forget(b.alarms, &spec, sources, 3);
	assert_int_equal(alarms_count(b.alarms), 4);
	assert_non_null(text_of(&b, "berlin"));
	assert_non_null(text_of(&b, "network berlin"));
	assert_string_equal(text_of(&b, "madrid"), "another one");
	refusals_forget(b.alarms, &spec, sources, 1);
	assert_null(text_of(&b, "network berlin"));
	refusals_forget(b.alarms, &spec, sources, 0);
	assert_null(text_of(&b, "berlin"));
	assert_non_null(text_of(&b, REFUSALS_ALL));
	end_bed(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reasons), cmocka_unit_test(test_six),
		cmocka_unit_test(test_table),	cmocka_unit_test(test_all_tables),
		cmocka_unit_test(test_forget),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
