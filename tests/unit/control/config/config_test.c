/* What pairs of files cannot test: the field of each setting, unreadable files, size and speed. */
#include "control/config/config.h"

#include "base/err.h"
#include "base/types.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static const char everything[] =
	"flows:\n"
	"  capacity: 2048\n"
	"  timeouts: {tcp-established: 1, tcp-opening: 2, tcp-half-closed: 6, udp: 3, icmp: 4}\n"
	"workers: 5\n"
	"api: {socket: /tmp/s}\n"
	"ports:\n"
	"  - {name: p0, driver: pcap, rx-file: in, tx-file: out, mtu: 1400,\n"
	"     next-hop-mac: 02:03:04:05:06:07}\n"
	"  - {name: p1,\n"
	"     interface: eth9}\n"
	"sites:\n"
	"  - name: s0\n"
	"    prefixes: [10.0.0.0/8, 192.168.0.0/16]\n"
	"    tunnels:\n"
	"      - {name: t0, local: 192.0.2.1, remote: 192.0.2.2, key: 0, address: 10.9.9.9, mtu: "
	"1300,\n"
	"         port: p1}\n"
	"      - {name: t1, local: 192.0.2.1, remote: 192.0.2.2, port: p0}\n"
	"  - name: s1\n"
	"    tunnels: [{name: t2, local: 192.0.2.3, remote: 192.0.2.4, key: 0xfffffffe, port: "
	"p0}]\n"
	"egress:\n"
	"  - name: e0\n"
	"    port: p1\n"
	"    slice-size: 1024\n"
	"    addresses: [{address: 198.51.100.1, slices: [2, 63]}]\n";

static struct config *parse_good(const char *text)
{
	struct err_list errs = ERR_LIST_EMPTY;
	struct config *config = config_parse("f.yaml", text, strlen(text), &errs);

	err_print(&errs, stderr);
	assert_non_null(config);
	assert_int_equal(errs.n, 0);
	return config;
}

static be32_t addr(const char *text)
{
	return inet_addr(text);
}

static void test_global_fields(void **state)
{
	struct config *c = parse_good(everything);

	assert_string_equal(c->file, "f.yaml");
	assert_int_equal(c->flows_capacity, 2048);
	assert_int_equal(c->workers, 5);
	assert_int_equal(c->timeout_tcp_established, 1);
	assert_int_equal(c->timeout_tcp_opening, 2);
	assert_int_equal(c->timeout_tcp_half_closed, 6);
	assert_int_equal(c->timeout_udp, 3);
	assert_int_equal(c->timeout_icmp, 4);
	assert_string_equal(c->api_socket, "/tmp/s");
	config_destroy(c);
}

static void test_port_fields(void **state)
{
	static const uint8_t mac[6] = {2, 3, 4, 5, 6, 7};
	struct config *c = parse_good(everything);
	const struct config_port *p = c->ports;

	assert_int_equal(c->n_ports, 2);
	assert_string_equal(p[0].name, "p0");
	assert_int_equal(p[0].driver, PORT_PCAP);
	assert_string_equal(p[0].interface, "");
	assert_string_equal(p[0].rx_file, "in");
	assert_string_equal(p[0].tx_file, "out");
	assert_int_equal(p[0].mtu, 1400);
	assert_true(p[0].has_next_hop_mac);
	assert_memory_equal(p[0].next_hop_mac, mac, sizeof(mac));
	assert_int_equal(p[1].driver, PORT_AF_XDP);
	assert_string_equal(p[1].interface, "eth9");
	assert_int_equal(p[1].mtu, 0);
	assert_false(p[1].has_next_hop_mac);
	assert_int_equal(p[1].line, 10);
	assert_int_equal(p[1].column, 17);
	config_destroy(c);
}

static void test_site_fields(void **state)
{
	struct config *c = parse_good(everything);
	const struct spec_site *s = c->network.sites;
	const struct spec_tunnel *t = s[0].tunnels;

	assert_int_equal(c->network.n_sites, 2);
	assert_string_equal(s[0].name, "s0");
	assert_int_equal(s[0].n_prefixes, 2);
	assert_int_equal(s[0].prefixes[1].addr, addr("192.168.0.0"));
	assert_int_equal(s[0].prefixes[1].len, 16);
	assert_int_equal(s[1].n_prefixes, 0);
	assert_int_equal(s[0].n_tunnels, 2);
	assert_string_equal(t[0].name, "t0");
	assert_int_equal(t[0].type, TUNNEL_GRE);
	assert_int_equal(addr6_to_ipv4(&t[0].local), addr("192.0.2.1"));
	assert_int_equal(addr6_to_ipv4(&t[0].remote), addr("192.0.2.2"));
	assert_true(t[0].has_key && t[0].key == 0);
	assert_int_equal(addr6_to_ipv4(&t[0].address), addr("10.9.9.9"));
	assert_int_equal(t[0].mtu, 1300);
	assert_int_equal(t[0].port, 1);
	assert_false(t[1].has_key);
	assert_true(addr6_is_zero(&t[1].address));
	assert_int_equal(t[1].mtu, 1376); /* what fits into its port */
	assert_int_equal(t[1].port, 0);
	assert_true(s[1].tunnels[0].has_key);
	assert_int_equal(s[1].tunnels[0].key, 0xfffffffe);
	assert_int_equal(s[1].tunnels[0].mtu, 1372);
	config_destroy(c);
}

static void test_egress_fields(void **state)
{
	struct config *c = parse_good(everything);
	const struct spec_pool *pool = c->network.pools;

	assert_int_equal(c->network.n_pools, 1);
	assert_string_equal(pool->name, "e0");
	assert_int_equal(pool->port, 1);
	assert_int_equal(pool->slice_size, 1024);
	assert_int_equal(pool->n_addresses, 1);
	assert_int_equal(addr6_to_ipv4(&pool->addresses[0].addr), addr("198.51.100.1"));
	for (uint32_t k = 0; k < SPEC_SLICES_MAX; k++)
		assert_int_equal(spec_owns_slice(&pool->addresses[0], k), k == 2 || k == 63);
	config_destroy(c);
}

/* Expects that config_load() of @path fails with a sentence that contains @words. */
static void check_load_fails(const char *path, const char *words)
{
	struct err_list errs = ERR_LIST_EMPTY;

	assert_null(config_load(path, &errs));
	assert_int_equal(errs.n, 1);
	assert_string_equal(errs.errs[0].file, path);
	if (strstr(errs.errs[0].text, words) == NULL)
		fail_msg("\"%s\" has no \"%s\"", errs.errs[0].text, words);
	err_list_fini(&errs);
}

static void test_load_fails(void **state)
{
	char path[] = "/tmp/homeward-config-test-XXXXXX";
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	check_load_fails("/nonexistent/homeward.yaml", "No such file");
	check_load_fails("/", "directory");
	check_load_fails(path, "empty");
	assert_int_equal(ftruncate(fd, CONFIG_FILE_MAX + 1), 0);
	check_load_fails(path, "too large");
	close(fd);
	unlink(path);
}

static void test_load(void **state)
{
	char path[] = "/tmp/homeward-config-test-XXXXXX";
	int fd = mkstemp(path);
	struct err_list errs = ERR_LIST_EMPTY;
	struct config *c;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, everything, strlen(everything)), strlen(everything));
	close(fd);
	c = config_load(path, &errs);
	assert_non_null(c);
	assert_string_equal(c->file, path);
	config_destroy(c);
	unlink(path);
}

static void write_sites(FILE *out, unsigned n_sites, unsigned n_tunnels)
{
	unsigned id = 0;

	fputs("ports: [{name: p, interface: eth0}]\n"
	      "egress: [{name: e, addresses: [{address: 198.51.100.1}]}]\nsites:\n",
	      out);
	for (unsigned s = 0; s < n_sites; s++) {
		fprintf(out, "  - name: site-%u\n    prefixes: [10.0.1.0/24]\n    tunnels:\n", s);
		for (unsigned t = 0; t < n_tunnels; t++, id++)
			fprintf(out,
				"      - name: tunnel-%u\n"
				"        local: 192.0.2.1\n"
				"        remote: 10.%u.%u.1\n"
				"        key: %u\n"
				"        port: p\n",
				id, id >> 8 & 255, id & 255, id);
	}
}

static double seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* Parses a file of @n_sites times @n_tunnels. Returns the number of errors; *@took: CPU seconds. */
static size_t parse_many(unsigned n_sites, unsigned n_tunnels, double *took)
{
	struct err_list errs = ERR_LIST_EMPTY;
	struct config *config;
	char *text;
	size_t len, n_errs;
	FILE *out = open_memstream(&text, &len);

	write_sites(out, n_sites, n_tunnels);
	fclose(out);
	*took = -seconds();
	config = config_parse("many", text, len, &errs);
	*took += seconds();
	n_errs = errs.n;
	assert_int_equal(config == NULL, n_errs > 0);
	config_destroy(config);
	err_list_fini(&errs);
	free(text);
	return n_errs;
}

/* The time is linear: ten times the tunnels take about ten times as long. */
static void test_many_tunnels(void **state)
{
	double small, large;

	assert_int_equal(parse_many(3000, 2, &small), 0);
	assert_int_equal(parse_many(30000, 2, &large), 0);
	print_message("6,000 tunnels: %.3f s, 60,000 tunnels: %.3f s\n", small, large);
	if (large > 30 * small + 0.1)
		fail_msg("not linear: %.3f s and %.3f s", small, large);
}

static void test_too_many_tunnels(void **state)
{
	double took;

	assert_int_equal(parse_many(2, SPEC_TUNNELS_MAX / 2, &took), 0);
	assert_int_equal(parse_many(2, SPEC_TUNNELS_MAX / 2 + 1, &took), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_global_fields), cmocka_unit_test(test_port_fields),
		cmocka_unit_test(test_site_fields),   cmocka_unit_test(test_egress_fields),
		cmocka_unit_test(test_load_fails),    cmocka_unit_test(test_load),
		cmocka_unit_test(test_many_tunnels),  cmocka_unit_test(test_too_many_tunnels),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
