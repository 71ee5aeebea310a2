/*
 * The sockets that receive ICMP errors: on a machine with both families, and on a kernel without
 * IPv6, where socket(2) refuses the family. In a network namespace of its own, over its loopback
 * interface.
 */
#include "base/checksum.h"
#include "base/wire.h"
#include "control/alarm.h"
#include "control/kernel/path_watch.h"
#include "esp/sa.h"

#include <errno.h>
#include <net/if.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#include <event2/event.h>

enum {
	OURS = 0x7f000001,
	FAR = 0x7f000002,
	MTU = 1000,
	GRE_OVERHEAD = 24,
	WAIT_S = 10,
	SPI = 0x4711
};

static struct spec_tunnel four[] = {{.name = "four", .mtu = 1476}};
static struct spec_tunnel six[] = {{.name = "six", .mtu = 1456}};
static struct spec_tunnel sealed[] = {{.name = "sealed", .type = TUNNEL_IPSEC, .mtu = 1422}};
static struct spec_site sites[] = {
	{.name = "a", .tunnels = four, .n_tunnels = 1},
	{.name = "b", .tunnels = six, .n_tunnels = 1},
	{.name = "c", .tunnels = sealed, .n_tunnels = 1},
};

static bool without_ipv6;

int __real_socket(int domain, int type, int protocol);
int __wrap_socket(int domain, int type, int protocol);

int __wrap_socket(int domain, int type, int protocol)
{
	if (without_ipv6 && domain == AF_INET6) {
		errno = EAFNOSUPPORT;
		return -1;
	}
	return __real_socket(domain, type, protocol);
}

/* An ICMP error of a router: only MTU bytes of a packet from us to the far end fit. */
static void send_too_big(uint8_t protocol)
{
	uint8_t icmp[8 + IPV4_LEN + UDP_LEN + 8] = {3, 4};
	uint8_t *quote = icmp + 8;
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(OURS)};
	int fd = socket(AF_INET, SOCK_RAW, 1);

	wire_put_be16(icmp + 6, htons(MTU));
	quote[IPV4_VERSION_IHL] = 0x45;
	wire_put_be16(quote + IPV4_LENGTH, htons(1500));
	wire_put_be16(quote + IPV4_FRAGMENT, htons(IPV4_DF));
	quote[IPV4_TTL] = 64;
	quote[IPV4_PROTO] = protocol;
	wire_put_be32(quote + IPV4_SRC, htonl(OURS));
	wire_put_be32(quote + IPV4_DST, htonl(FAR));
	if (protocol == PROTO_GRE) {
		wire_put_be16(quote + IPV4_LEN + 2, htons(0x0800));
	} else if (protocol == PROTO_ESP) {
		wire_put_be32(quote + IPV4_LEN, htonl(SPI));
	} else {
		wire_put_be16(quote + IPV4_LEN + UDP_SPORT, htons(4500));
		wire_put_be16(quote + IPV4_LEN + UDP_DPORT, htons(4500));
		wire_put_be32(quote + IPV4_LEN + UDP_LEN, htonl(SPI));
	}
	wire_put_be16(icmp + 2, checksum_make(icmp, sizeof(icmp)));
	assert_true(fd >= 0);
	assert_int_equal(sendto(fd, icmp, sizeof(icmp), 0, (struct sockaddr *)&to, sizeof(to)),
			 sizeof(icmp));
	close(fd);
}

static int enter_namespace(void **state)
{
	struct ifreq ifr = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	int fd, ret;

	if (unshare(CLONE_NEWNET) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0)
		return -1;
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	ret = ioctl(fd, SIOCSIFFLAGS, &ifr);
	close(fd);
	return ret;
}

static void changed(void *arg)
{
	event_base_loopbreak(arg);
}

/* The SA of the sealed tunnel; the same SPI in the other form, too. */
static struct esp_table *make_sas(bool udp)
{
	static const uint8_t key[36] = {1};
	struct esp_table *sas = esp_table_create(1);
	struct esp_spec spec = {
		.outbound = true,
		.spi = SPI,
		.tunnel = 3,
		.encryption = ESP_AES_GCM_16,
		.key = key,
		.key_len = sizeof(key),
		.ends = {.local = sealed[0].local,
			 .remote = sealed[0].remote,
			 .udp = udp,
			 .local_port = 4500,
			 .remote_port = 4500},
	};
	uint32_t handle;
	const char *why;

	assert_int_equal(esp_add(sas, &spec, &handle, &why), 0);
	return sas;
}

static void check_sealed(bool udp)
{
	const struct timeval wait = {.tv_sec = WAIT_S};
	struct event_base *base = event_base_new();
	struct alarms *alarms = alarms_create();
	struct network *net;
	struct path_mtus *paths;
	struct path_watch *watch;
	struct esp_table *sas;

	sealed[0].local = addr6_from_ipv4(htonl(OURS));
	sealed[0].remote = addr6_from_ipv4(htonl(FAR));
	net = network_create(&(struct network_spec){.sites = sites, .n_sites = 3}, NULL);
	paths = path_mtus_create(net);
	sas = make_sas(udp);
	path_mtus_know_sas(paths, sas);
	watch = path_watch_create(base, net, paths, alarms, changed, base);
	assert_non_null(watch);
	send_too_big(udp ? PROTO_UDP : PROTO_ESP);
	event_base_loopexit(base, &wait);
	event_base_dispatch(base);
	assert_int_equal(path_mtu_of(paths, net, 3).mtu, 926);
	path_watch_destroy(watch);
	path_mtus_destroy(paths);
	esp_table_destroy(sas);
	network_destroy(net);
	alarms_destroy(alarms);
	event_base_free(base);
}

static void esp_and_esp_in_udp(void **state)
{
	check_sealed(false);
	check_sealed(true);
}

static void check(bool no_ipv6)
{
	const struct timeval wait = {.tv_sec = WAIT_S};
	struct event_base *base = event_base_new();
	struct alarms *alarms = alarms_create();
	struct network *net;
	struct path_mtus *paths;
	struct path_watch *watch;

	four[0].local = addr6_from_ipv4(htonl(OURS));
	four[0].remote = addr6_from_ipv4(htonl(FAR));
	six[0].local.half[1] = htobe64(1);
	six[0].remote.half[1] = htobe64(2);
	net = network_create(&(struct network_spec){.sites = sites, .n_sites = 2}, NULL);
	paths = path_mtus_create(net);
	without_ipv6 = no_ipv6;
	watch = path_watch_create(base, net, paths, alarms, changed, base);
	without_ipv6 = false;
	assert_false(alarm_stands(alarms, ALARM_PATH_MTU_DEAF, "IPv4"));
	assert_int_equal(alarm_stands(alarms, ALARM_PATH_MTU_DEAF, "IPv6"), no_ipv6);
	assert_non_null(watch);

	send_too_big(PROTO_GRE);
	event_base_loopexit(base, &wait);
	event_base_dispatch(base);
	assert_int_equal(path_mtu_of(paths, net, 1).mtu, MTU - GRE_OVERHEAD);

	path_watch_destroy(watch);
	path_mtus_destroy(paths);
	network_destroy(net);
	alarms_destroy(alarms);
	event_base_free(base);
}

static void both_families(void **state)
{
	check(false);
}

static void a_kernel_without_ipv6(void **state)
{
	check(true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_families),
		cmocka_unit_test(a_kernel_without_ipv6),
		cmocka_unit_test(esp_and_esp_in_udp),
	};

	return cmocka_run_group_tests(tests, enter_namespace, NULL);
}
