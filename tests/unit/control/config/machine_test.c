/* Checks that look at the machine. Every machine has the loopback interface. */
#include "base/err.h"
#include "control/config/config.h"

#include <errno.h>
#include <net/if.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include <cmocka.h>

static const struct {
	const char *port; /* line 1 of the file; name and braces are added */
	const char *words; /* words of the sentence; NULL: no error */
} rows[] = {
	{"driver: af_packet, interface: lo", NULL},
	{"driver: af_xdp, interface: lo", NULL},
	{"driver: af_packet, interface: l0", NULL}, /* it may appear later */
	{"driver: af_xdp, interface: no-such-one-15", NULL},
	{"driver: tap, interface: no-such-one-15", NULL},
	{"driver: tap, interface: lo", "of this name already"},
	{"driver: memory, next-hop-mac: 02:00:00:00:00:01", NULL},
	{"driver: pcap, next-hop-mac: 02:00:00:00:00:01", NULL},
	{"driver: pcap, next-hop-mac: 02:00:00:00:00:01, rx-file: /etc/passwd", NULL},
	{"driver: pcap, next-hop-mac: 02:00:00:00:00:01, rx-file: /no/file", "No such file"},
	{"driver: pcap, next-hop-mac: 02:00:00:00:00:01, rx-file: /", "is not a file"},
};

static struct config *parse_port(const char *port)
{
	struct err_list errs = ERR_LIST_EMPTY;
	struct config *config;
	char text[512];

	snprintf(text, sizeof(text),
		 "ports: [{name: p, %s}]\n"
		 "sites: [{name: s, tunnels: [{name: t, local: 192.0.2.1, remote: 192.0.2.2}]}]\n"
		 "egress: [{name: e, addresses: [{address: 198.51.100.1}]}]\n",
		 port);
	config = config_parse("f.yaml", text, strlen(text), &errs);
	assert_non_null(config);
	return config;
}

static void check_row(const char *port, const char *words)
{
	struct err_list errs = ERR_LIST_EMPTY;
	struct config *config = parse_port(port);
	int rc = config_check_machine(config, &errs);

	assert_int_equal(rc, words == NULL ? 0 : -ENODEV);
	assert_int_equal(errs.n, words == NULL ? 0 : 1);
	if (words != NULL) {
		assert_string_equal(errs.errs[0].file, "f.yaml");
		assert_int_equal(errs.errs[0].line, 1);
		assert_true(errs.errs[0].column > 1);
		if (strstr(errs.errs[0].text, words) == NULL)
			fail_msg("\"%s\" has no \"%s\"", errs.errs[0].text, words);
	}
	config_destroy(config);
	err_list_fini(&errs);
}

static void test_rows(void **state)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		check_row(rows[i].port, rows[i].words);
}

static const struct {
	const char *why;
	const char *flows; /* line 1 */
	uint64_t memory, huge; /* MiB */
	const char *words; /* words of the sentence; NULL: it fits */
	const char *pool; /* more of the egress pool */
} memory_rows[] = {
	{"the default needs 80 MiB", "workers: 1", 100, 0, NULL},
	{"a little must be left", "workers: 1", 80, 0,
	 "1048576 flows need 80 MiB, but only 80 MiB"},
	{"nothing free", "workers: 1", 0, 0, "but only 0 MiB of memory and 0 MiB of huge pages"},
	{"huge pages suffice", "workers: 1", 0, 80, NULL},
	{"one page is missing", "workers: 1", 0, 78, "need 80 MiB"},
	{"records in huge pages, the index elsewhere", "workers: 1", 20, 64, NULL},
	{"neither takes the records", "workers: 1", 63, 63, "63 MiB of memory and 63 MiB of huge"},
	{"each worker has its own part", "workers: 4", 42, 40, NULL},
	{"of which one does not fit", "workers: 4", 20, 60, "need 80 MiB"},
	{"the most", "flows: {capacity: 268435456}", 20479, 0, "268435456 flows need 20480 MiB"},
	{"the most fits", "flows: {capacity: 268435456}", 22000, 0, NULL},
	{"the least", "flows: {capacity: 1024}", 5, 0, NULL},
	{"mappings need 48 MiB more", "workers: 1", 100, 0, "1048576 flows need 128 MiB",
	 "mapping: endpoint-independent,"},
	{"and have them", "workers: 1", 133, 0, NULL, "mapping: endpoint-independent,"},
	{"mappings do not lie in huge pages", "workers: 1", 47, 128, "need 128 MiB",
	 "mapping: endpoint-independent,"},
};

static void check_memory_row(size_t i)
{
	struct err_list errs = ERR_LIST_EMPTY;
	struct config *config;
	char text[512];

	snprintf(text, sizeof(text),
		 "%s\n"
		 "ports: [{name: p, interface: lo}]\n"
		 "sites: [{name: s, tunnels: [{name: t, local: 192.0.2.1, remote: 192.0.2.2}]}]\n"
		 "egress: [{name: e, %s addresses: [{address: 198.51.100.1}]}]\n",
		 memory_rows[i].flows, memory_rows[i].pool != NULL ? memory_rows[i].pool : "");
	config = config_parse("f.yaml", text, strlen(text), &errs);
	assert_non_null(config);
	if (config_check_memory(config, memory_rows[i].memory << 20, memory_rows[i].huge << 20,
				&errs) != (memory_rows[i].words == NULL ? 0 : -ENOMEM))
		fail_msg("wrong: %s", memory_rows[i].why);
	assert_int_equal(errs.n, memory_rows[i].words == NULL ? 0 : 1);
	if (errs.n > 0) {
		if (strstr(errs.errs[0].text, memory_rows[i].words) == NULL)
			fail_msg("\"%s\" has no \"%s\"", errs.errs[0].text, memory_rows[i].words);
		if (strstr(memory_rows[i].flows, "capacity") != NULL)
			assert_int_equal(errs.errs[0].line, 1);
	}
	config_destroy(config);
	err_list_fini(&errs);
}

static void test_memory(void **state)
{
	for (size_t i = 0; i < sizeof(memory_rows) / sizeof(memory_rows[0]); i++)
		check_memory_row(i);
}

/* The machine's interfaces are unknown, so the test makes one with an MTU of 1,000. */
int __wrap_ioctl(int fd, unsigned long request, struct ifreq *ifr);

int __wrap_ioctl(int fd, unsigned long request, struct ifreq *ifr)
{
	assert_int_equal(request, SIOCGIFMTU);
	ifr->ifr_mtu = strcmp(ifr->ifr_name, "lo") == 0 ? 65536 : 1000;
	return strcmp(ifr->ifr_name, "no-such-one-15") == 0 ? -1 : 0;
}

/* A small MTU of an interface is a note, and only for tunnels with a configured `mtu`. */
static void test_mtu_notes(void **state)
{
	static const struct {
		const char *interface, *tunnel;
		const char *words; /* NULL: no note */
	} notes_rows[] = {
		{"lo", "local: 192.0.2.1, remote: 192.0.2.2", NULL},
		{"lo", "local: 192.0.2.1, remote: 192.0.2.2, mtu: 9000", NULL},
		{"no-such-one-15", "local: 192.0.2.1, remote: 192.0.2.2, mtu: 9000", NULL},
		{"small", "local: 192.0.2.1, remote: 192.0.2.2", NULL},
		{"small", "local: 192.0.2.1, remote: 192.0.2.2, mtu: 976", NULL},
		{"small", "local: 192.0.2.1, remote: 192.0.2.2, mtu: 977", "up to 976, not 977"},
		{"small", "local: 192.0.2.1, remote: 192.0.2.2, key: 1, mtu: 973",
		 "up to 972, not"},
		{"small", "local: '2001:db8::1', remote: '2001:db8::2', key: 1, mtu: 9000",
		 "up to 952, not 9000"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(notes_rows); i++) {
		struct err_list notes = ERR_LIST_EMPTY;
		struct config *config;
		char text[512];

		snprintf(text, sizeof(text),
			 "ports: [{name: p, driver: af_packet, interface: %s}]\n"
			 "sites: [{name: s, tunnels: [{name: t, %s}]}]\n"
			 "egress: [{name: e, addresses: [{address: 198.51.100.1}]}]\n",
			 notes_rows[i].interface, notes_rows[i].tunnel);
		config = config_parse("f.yaml", text, strlen(text), &notes);
		assert_non_null(config);
		config_note_mtus(config, &notes);
		assert_int_equal(notes.n, notes_rows[i].words == NULL ? 0 : 1);
		if (notes.n > 0 && strstr(notes.errs[0].text, notes_rows[i].words) == NULL)
			fail_msg("\"%s\" has no \"%s\"", notes.errs[0].text, notes_rows[i].words);
		config_destroy(config);
		err_list_fini(&notes);
	}
}

/* A port whose interface is missing is a note: it waits for it. */
static void test_interface_notes(void **state)
{
	static const struct {
		const char *port;
		const char *words; /* NULL: no note */
	} notes_rows[] = {
		{"driver: af_packet, interface: lo", NULL},
		{"driver: af_packet, interface: l0", "did you mean lo?"},
		{"driver: af_xdp, interface: no-such-one-15", "port p waits for it"},
		{"driver: tap, interface: no-such-one-15", NULL},
		{"driver: memory, next-hop-mac: 02:00:00:00:00:01", NULL},
	};

	for (size_t i = 0; i < ARRAY_SIZE(notes_rows); i++) {
		struct err_list notes = ERR_LIST_EMPTY;
		struct config *config = parse_port(notes_rows[i].port);

		config_note_interfaces(config, &notes);
		assert_int_equal(notes.n, notes_rows[i].words == NULL ? 0 : 1);
		if (notes.n > 0 && strstr(notes.errs[0].text, notes_rows[i].words) == NULL)
			fail_msg("\"%s\" has no \"%s\"", notes.errs[0].text, notes_rows[i].words);
		config_destroy(config);
		err_list_fini(&notes);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows), cmocka_unit_test(test_interface_notes),
		cmocka_unit_test(test_memory), cmocka_unit_test(test_mtu_notes)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
