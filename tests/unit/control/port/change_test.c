/*
 * Ports are added and removed: which slots they get, what is refused, and that a failed change
 * changes nothing. Memory ports are used for all drivers; interfaces are tested in tests/e2e.
 */
#include "base/err.h"
#include "control/alarm.h"
#include "control/port/change.h"
#include "control/port/life.h"
#include "network/network.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <event2/event.h>

/* The sites and pools do not matter; @ports does. */
#define FILE_WITH(ports)                                                                           \
	"flows: {capacity: 1024}\nspare-ports: 2\nports:\n" ports                                  \
	"sites:\n- name: berlin\n  tunnels:\n"                                                     \
	"  - {name: berlin-1, local: 192.0.2.1, remote: 192.0.2.18, key: 11, port: a}\n"           \
	"egress:\n- name: internet\n  port: a\n  addresses:\n"                                     \
	"  - {address: 203.0.113.10, slices: [1]}\n"

#define A "- {name: a, driver: memory, next-hop-mac: '02:00:00:00:00:09'}\n"
#define B "- {name: b, driver: memory, next-hop-mac: '02:00:00:00:00:09'}\n"
#define C "- {name: c, driver: memory, next-hop-mac: '02:00:00:00:00:09'}\n"
#define D "- {name: d, driver: memory, next-hop-mac: '02:00:00:00:00:09'}\n"
#define E "- {name: e, driver: memory, next-hop-mac: '02:00:00:00:00:09'}\n"
#define B_OTHER "- {name: b, driver: memory, next-hop-mac: '02:00:00:00:00:01'}\n"
#define XDP "- {name: x, driver: af_xdp, interface: no-such0}\n"
#define LARGE "- {name: l, driver: memory, mtu: 9000, next-hop-mac: '02:00:00:00:00:09'}\n"
#define MISSING "- {name: m, driver: af_packet, interface: no-such0}\n"
#define B_MISSING "- {name: b, driver: af_packet, interface: no-such0}\n"
#define BAD "- {name: p, driver: pcap, rx-file: /no/such/file, next-hop-mac: '02:00:00:00:00:09'}\n"

static struct event_base *base;
static struct port_set set;
static struct port_life *life;
static struct config *start;
static struct network *start_net;
static unsigned changes;
static struct worker_port shown[PORTS_MAX];

static void published(const struct worker_port *ports, void *arg)
{
	memcpy(shown, ports, sizeof(shown));
}

static void changed(void *arg)
{
	changes++;
}

static struct config *parse(const char *text)
{
	struct err_list errs = ERR_LIST_EMPTY;
	struct config *config = config_parse("test", text, strlen(text), &errs);

	err_print(&errs, stderr);
	err_list_fini(&errs);
	assert_non_null(config);
	return config;
}

static int open_set(void **state)
{
	struct err_list errs = ERR_LIST_EMPTY;

	start = parse(FILE_WITH(A B));
	start_net = network_create(&start->network, NULL);
	base = event_base_new();
	set = (struct port_set){.alarms = alarms_create()};
	if (ports_open(&set, start, start_net, &errs) != 0)
		err_print(&errs, stderr);
	memcpy(shown, set.worker_ports, sizeof(shown));
	life = port_life_create(base, &set, published, changed, NULL, &errs);
	return life != NULL ? 0 : -1;
}

static int close_set(void **state)
{
	struct alarms *alarms = set.alarms; /* ports_close() clears the pointer */

	port_life_destroy(life);
	ports_close(&set);
	alarms_destroy(alarms);
	event_base_free(base);
	network_destroy(start_net);
	config_destroy(start);
	return 0;
}

/*
 * "ab.d": the ports by slot, whose names have one letter. Checks also that the workers have the
 * same.
 */
static const char *slots(void)
{
	static char text[PORTS_MAX + 1];
	size_t n = 0;

	for (size_t i = 0; i < set.n; i++) {
		if (!port_is_there(&set.ports[i])) {
			assert_true(shown[i].closed);
			text[n++] = '.';
			continue;
		}
		assert_int_equal(shown[i].closed, set.ports[i].worker.closed);
		text[n++] = set.ports[i].config->name[0];
	}
	text[n] = '\0';
	return text;
}

static char last_error[512];

/* Does all steps of a change. */
static int apply(struct config *config, struct network *net)
{
	struct err_list errs = ERR_LIST_EMPTY;
	struct port_plan plan;
	int ret = ports_plan(&set, config, &plan, &errs);

	if (ret == 0)
		ret = ports_prepare(&set, life, config, net, &plan, &errs);
	if (ret == 0)
		ports_commit(&set, life, config, net, &plan);
	snprintf(last_error, sizeof(last_error), "%s", errs.n > 0 ? errs.errs[0].text : "");
	err_list_fini(&errs);
	return ret;
}

/* Changes one after the other, to the same set. */
static void slots_are_kept(void **state)
{
	static const struct {
		const char *why, *text, *slots;
	} steps[] = {
		{"nothing changes", FILE_WITH(A B), "ab"},
		{"the order in the file is no matter", FILE_WITH(B A), "ab"},
		{"one is added, in front", FILE_WITH(C A B), "abc"},
		{"its interface may be missing", FILE_WITH(MISSING A B C), "abcm"},
		{"removed: the slot is empty", FILE_WITH(A C MISSING), "a.cm"},
		{"the next one takes it", FILE_WITH(A C MISSING D), "adcm"},
		{"two go", FILE_WITH(A D), "ad.."},
		{"another of the same name is another port", FILE_WITH(A B), "a.b."},
		{"the same name with another setting, too", FILE_WITH(A B_OTHER), "ab.."},
		{"replaced while there is no buffer to spare", FILE_WITH(A B C D), "a.bcd"},
		{"all but one are others", FILE_WITH(A B_OTHER E), "ab...e"},
	};
	struct config *config = NULL, *before = NULL;
	struct network *net = NULL, *net_before = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		config = parse(steps[i].text);
		net = network_create(&config->network, NULL);
		if (apply(config, net) != 0)
			fail_msg("%s: %s", steps[i].why, last_error);
		config_destroy(before); /* no pointer to it is left; ASan would find its use */
		network_destroy(net_before);
		before = config;
		net_before = net;
		if (strcmp(slots(), steps[i].slots) != 0)
			fail_msg("%s: %s, not %s", steps[i].why, slots(), steps[i].slots);
	}
	assert_int_equal(alarms_count(set.alarms), 0);
	assert_int_equal(apply(start, start_net), 0);
	config_destroy(before);
	network_destroy(net_before);
}

/* Applies the next configuration of the test, and destroys the previous one. */
static void go_on_with(const char *text, struct config **config, struct network **net)
{
	struct config *next = parse(text);
	struct network *next_net = network_create(&next->network, NULL);

	if (apply(next, next_net) != 0)
		fail_msg("%s", last_error);
	config_destroy(*config);
	network_destroy(*net);
	*config = next;
	*net = next_net;
}

/* The alarms of a removed port end, but not those of another port that has its name now. */
static void alarms_end_with_their_port(void **state)
{
	struct config *config = NULL;
	struct network *net = NULL;

	alarm_raise(set.alarms, ALARM_PORT_LOSSES, "b", "lost some");
	alarm_raise(set.alarms, ALARM_PARTIAL_CHECKSUMS, "a", "some are partial");
	go_on_with(FILE_WITH(A), &config, &net);
	assert_int_equal(alarms_count(set.alarms), 1);
	assert_string_equal(alarms_at(set.alarms, 0)->subject, "a");
	alarm_clear(set.alarms, ALARM_PARTIAL_CHECKSUMS, "a");

	go_on_with(FILE_WITH(A B), &config, &net);
	go_on_with(FILE_WITH(A B_MISSING), &config, &net);
	/* the new b has an alarm: its interface is missing */
	assert_int_equal(alarms_count(set.alarms), 1);
	go_on_with(FILE_WITH(A MISSING), &config, &net);
	go_on_with(FILE_WITH(A B_MISSING), &config, &net);
	assert_int_equal(alarms_count(set.alarms), 1);
	assert_string_equal(alarms_at(set.alarms, 0)->subject, "b");
	go_on_with(FILE_WITH(A B), &config, &net);
	assert_int_equal(alarms_count(set.alarms), 0);

	assert_int_equal(apply(start, start_net), 0);
	config_destroy(config);
	network_destroy(net);
}

/* A port whose interface is missing is replaced by another such port: one alarm, which goes on. */
static void the_one_who_waits_is_named(void **state)
{
	static const char other[] = FILE_WITH(A "- {name: b, driver: af_packet, "
						"interface: no-such1}\n");
	struct config *config = NULL;
	struct network *net = NULL;

	go_on_with(FILE_WITH(A B_MISSING), &config, &net);
	alarm_raise(set.alarms, ALARM_PARTIAL_CHECKSUMS, "a", "began later");
	go_on_with(other, &config, &net);
	assert_int_equal(alarms_count(set.alarms), 2);
	assert_non_null(strstr(alarms_at(set.alarms, 0)->text, "no-such1"));
	alarm_clear(set.alarms, ALARM_PARTIAL_CHECKSUMS, "a");

	assert_int_equal(apply(start, start_net), 0);
	config_destroy(config);
	network_destroy(net);
}

static void refused_is_as_before(void **state)
{
	static const struct {
		const char *why, *text, *says;
	} rows[] = {
		{"buffers for no more", FILE_WITH(A B C D E), "5 ports need a restart"},
		{"no buffers of that kind", FILE_WITH(A B XDP), "first port with driver af_xdp"},
		{"too small ones", FILE_WITH(A B LARGE), "mtu 9000 needs a restart"},
		{"it cannot be opened", FILE_WITH(A B C BAD), "port p: the pcap driver refused"},
		{"nor in the place of one that works", FILE_WITH(A BAD), "port p: the pcap driver"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct config *config = parse(rows[i].text);
		struct network *net = network_create(&config->network, NULL);
		uint16_t ethdev = set.ports[1].worker.ethdev;
		unsigned alarms;

		if (apply(config, net) == 0)
			fail_msg("%s: not refused", rows[i].why);
		if (strstr(last_error, rows[i].says) == NULL)
			fail_msg("%s: %s", rows[i].why, last_error);
		config_destroy(config);
		network_destroy(net);
		assert_int_equal(strncmp(slots(), "ab", 2), 0);
		assert_int_equal(strspn(slots() + 2, "."), strlen(slots()) - 2);
		assert_int_equal(set.ports[1].worker.ethdev, ethdev);
		assert_false(set.ports[1].worker.closed);
		alarms = 0;
		for (size_t k = 0; k < alarms_count(set.alarms); k++)
			alarms++;
		assert_int_equal(alarms, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(slots_are_kept, open_set, close_set),
		cmocka_unit_test_setup_teardown(refused_is_as_before, open_set, close_set),
		cmocka_unit_test_setup_teardown(alarms_end_with_their_port, open_set, close_set),
		cmocka_unit_test_setup_teardown(the_one_who_waits_is_named, open_set, close_set),
	};
	struct err_list errs = ERR_LIST_EMPTY;
	struct config *config = parse(FILE_WITH(A B));
	int ret = port_eal_init(config, &errs);

	err_print(&errs, stderr);
	err_list_fini(&errs);
	config_destroy(config);
	return ret != 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
