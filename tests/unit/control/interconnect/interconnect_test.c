/*
 * Which peers are asked for, what is told of them, and what a change of the network keeps.
 *
 * sendto() and the nexthops are ours: each request is noted, and so is what is told of each tunnel.
 */
#include "control/interconnect/interconnect.h"

#include "base/wire.h"
#include "control/kernel/neighbours.h"
#include "control/port/port.h"
#include "path/context.h"

#include <linux/if_packet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>
#include <event2/event.h>

enum { TUNNELS = 4, IFINDEX = 70 };

static struct {
	unsigned asked[PORTS_MAX]; /* by port */
	uint16_t vlan; /* of the last request */
	unsigned told[TUNNELS + 1];
	bool has_mac[TUNNELS + 1], failed[TUNNELS + 1];
	uint8_t mac[TUNNELS + 1][6];
} seen;

ssize_t __wrap_sendto(int fd, const void *frame, size_t len, int flags, const struct sockaddr *to,
		      socklen_t size);
int __wrap_socket(int domain, int type, int protocol);

int __wrap_socket(int domain, int type, int protocol)
{
	assert_int_equal(domain, AF_PACKET);
	return 1000000; /* no such descriptor */
}

ssize_t __wrap_sendto(int fd, const void *frame, size_t len, int flags, const struct sockaddr *to,
		      socklen_t size)
{
	const struct sockaddr_ll *ll = (const struct sockaddr_ll *)to;
	const uint8_t *d = frame;

	seen.asked[ll->sll_ifindex - IFINDEX]++;
	seen.vlan = wire_16(d + 12) == ETHER_TAG ? wire_16(d + 14) : 0;
	return (ssize_t)len;
}

void neighbours_set_peer(struct neighbours *n, uint16_t tunnel, const uint8_t *mac, bool failed)
{
	seen.told[tunnel]++;
	seen.has_mac[tunnel] = mac != NULL;
	seen.failed[tunnel] = failed;
	if (mac != NULL)
		memcpy(seen.mac[tunnel], mac, 6);
}

static struct config_port configs[2] = {{.driver = PORT_AF_XDP}, {.driver = PORT_TAP}};
static struct port list[PORTS_MAX];
static struct port_set ports = {.ports = list};
static struct spec_tunnel tunnels[TUNNELS];
static struct spec_site site = {.name = "s", .tunnels = tunnels, .n_tunnels = TUNNELS};

static struct addr6 ip(uint32_t last)
{
	return addr6_from_ipv4(htonl(0xc0000200 + last));
}

/* 1: GRE. 2, 3: VLANs 100 and 200 of port 0. 4: of port 1, which has no kernel. */
static struct network *create(void)
{
	struct network *net =
		network_create(&(struct network_spec){.sites = &site, .n_sites = 1}, NULL);

	assert_non_null(net);
	return net;
}

static void prepare(void)
{
	memset(&seen, 0, sizeof(seen));
	memset(tunnels, 0, sizeof(tunnels));
	tunnels[0].local = ip(100);
	tunnels[0].remote = ip(101);
	for (unsigned i = 1; i < TUNNELS; i++)
		tunnels[i] = (struct spec_tunnel){.type = TUNNEL_INTERCONNECT,
						  .vlan = (uint16_t)(100 * i),
						  .address = ip(2 * i),
						  .peer = ip(2 * i + 1),
						  .mtu = 1500};
	tunnels[3].port = 1;
	ports.n = 2;
	for (unsigned i = 0; i < 2; i++) {
		ports.ports[i].config = &configs[i];
		ports.ports[i].ifindex = IFINDEX + (int)i;
	}
}

static void run_for(struct event_base *base, unsigned ms)
{
	const struct timeval wait = {.tv_usec = ms * 1000};

	event_base_loopexit(base, &wait);
	event_base_dispatch(base);
}

static void hear(struct interconnects *x, uint16_t tunnel, uint8_t last)
{
	interconnects_heard(x, &(struct peer_heard){tunnel, {2, 0, 0, 0, 0, last}});
}

static void test_ask_and_hear(void **state)
{
	struct event_base *base = event_base_new();
	struct interconnects *x;
	struct peer_info peer;
	struct network *net;

	prepare();
	net = create();
	x = interconnects_create(base, &ports, net, NULL);
	assert_non_null(x);
	run_for(base, 300);
	assert_int_equal(seen.asked[0], 2);
	assert_int_equal(seen.asked[1], 0);
	assert_int_equal(seen.vlan, 200);
	hear(x, 2, 7);
	hear(x, 2, 7);
	assert_int_equal(seen.told[2], 2); /* first that it is unknown */
	assert_true(seen.has_mac[2]);
	assert_int_equal(seen.mac[2][5], 7);
	hear(x, 2, 8);
	assert_int_equal(seen.mac[2][5], 8);
	hear(x, 1, 9); /* not an interconnect */
	hear(x, 4, 9); /* its port has one Ethernet address for all frames */
	hear(x, 999, 9);
	assert_int_equal(seen.told[1], 0);
	assert_false(seen.has_mac[4]);

	interconnects_peer(x, 2, &peer);
	assert_int_equal(peer.state, PEER_RESOLVED);
	assert_int_equal(peer.mac[5], 8);
	interconnects_peer(x, 3, &peer);
	assert_int_equal(peer.state, PEER_ASKED);
	assert_false(peer.has_mac);
	interconnects_peer(x, 4, &peer);
	assert_int_equal(peer.state, PEER_FIXED);
	interconnects_peer(NULL, 4, &peer);
	assert_int_equal(peer.state, PEER_ASKED);
	interconnects_destroy(x);
	network_destroy(net);
	event_base_free(base);
}

/* Another VLAN, peer or port is another link: what was known of the old one is forgotten. */
static void test_changes(void **state)
{
	for (int change = 0; change < 5; change++) {
		struct event_base *base = event_base_new();
		struct interconnects *x;
		struct network *net, *next;
		struct peer_info peer;
		bool keeps = change == 0;

		prepare();
		net = create();
		x = interconnects_create(base, &ports, net, NULL);
		hear(x, 2, 7);
		if (change == 0)
			tunnels[1].mtu = 1400;
		else if (change == 1)
			tunnels[1].vlan = 101;
		else if (change == 2)
			tunnels[1].peer = ip(99);
		else if (change == 3)
			tunnels[1].port = 1;
		else
			tunnels[1].address = ip(98);
		next = create();
		interconnects_follow(x, next);
		interconnects_peer(x, 2, &peer);
		if (peer.has_mac != keeps || seen.has_mac[2] != keeps)
			fail_msg("change %d", change);
		interconnects_destroy(x);
		network_destroy(net);
		network_destroy(next);
		event_base_free(base);
	}
}

/* Without interconnects no timer runs and no socket is open; with the first one they are there. */
static void test_first_and_last(void **state)
{
	struct event_base *base = event_base_new();
	struct interconnects *x;
	struct network *net, *none;

	prepare();
	site.n_tunnels = 1;
	none = create();
	site.n_tunnels = TUNNELS;
	net = create();
	x = interconnects_create(base, &ports, none, NULL);
	assert_int_equal(event_base_get_num_events(base, EVENT_BASE_COUNT_ADDED), 0);
	interconnects_follow(x, net);
	run_for(base, 300);
	assert_int_equal(seen.asked[0], 2);
	interconnects_follow(x, none);
	assert_int_equal(event_base_get_num_events(base, EVENT_BASE_COUNT_ADDED), 0);
	interconnects_destroy(x);
	network_destroy(net);
	network_destroy(none);
	event_base_free(base);
}

/* The link came up, or the port has another Ethernet address: the peer is asked at once. */
static void test_link(void **state)
{
	struct event_base *base = event_base_new();
	struct interconnects *x;
	struct network *net;
	unsigned before;

	prepare();
	net = create();
	x = interconnects_create(base, &ports, net, NULL);
	run_for(base, 300);
	hear(x, 2, 7);
	hear(x, 3, 7);
	run_for(base, 300);
	before = seen.asked[0];
	assert_int_equal(before, 2);
	ports.ports[0].link.ups++;
	run_for(base, 300);
	assert_int_equal(seen.asked[0], before + 2);
	interconnects_destroy(x);
	network_destroy(net);
	event_base_free(base);
}

static void test_text(void **state)
{
	const uint8_t mac[6] = {2, 0xab, 0, 1, 0xff, 9};
	char text[PEER_MAC_TEXT];

	assert_string_equal(peer_mac_text(mac, text), "02:ab:00:01:ff:09");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ask_and_hear),   cmocka_unit_test(test_changes),
		cmocka_unit_test(test_first_and_last), cmocka_unit_test(test_link),
		cmocka_unit_test(test_text),
	};

	return cmocka_run_group_tests_name("interconnect", tests, NULL, NULL);
}
