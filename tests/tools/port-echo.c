/*
 * Opens ports as the daemon does and sends back what comes in: for tests of ports and neighbours.
 *
 *     port-echo PORT... [--tunnel LOCAL REMOTE PORT]... [--egress ADDR PORT]... [--six]
 *               [--asks FILE]
 *
 * PORT is DRIVER:INTERFACE[:MTU], with pcap RX or TX for the interface: capture.pcap of this folder
 * is read or written; ports are numbered from 0 in --tunnel and --egress. An ICMP echo request and
 * a UDP packet to an egress address go back to their sender; ARP for it is answered. It says
 * "ready" once it listens, then "counts ..." and each table of nexthops on SIGUSR1, with where
 * packets to each address in FILE go by port 0, and ends on SIGTERM. --six: IPv6 is in use.
 */
#include "base/err.h"
#include "base/log.h"
#include "control/kernel/neighbours.h"
#include "control/port/port.h"

#include <errno.h>
#include <net/if_arp.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <netinet/udp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>
#include <rte_arp.h>
#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

enum { THINGS_MAX = 8, BURST = 32, IDLE_US = 500 };

static struct config_port port_configs[THINGS_MAX];
static struct config config = {
	.file = "port-echo", .flows_capacity = 1024, .workers = 1, .ports = port_configs};
static struct tunnel tunnels[THINGS_MAX + 1];
static struct egress_address addresses[THINGS_MAX];
static struct spec_tunnel tunnel_specs[THINGS_MAX];
static const struct spec_tunnel *specs_by_id[THINGS_MAX + 1];
static uint16_t tunnel_ids[THINGS_MAX];
static struct site sites[2];
static struct network net = {.tunnels = tunnels,
			     .addresses = addresses,
			     .sites = sites,
			     .tunnel_specs = specs_by_id,
			     .tunnel_ids = tunnel_ids};
static struct port_set ports;
static struct nexthops *current;
static unsigned tables;
static uint64_t gre, egress, arp, other;
static const char *asks;
static volatile sig_atomic_t stopping, show;

static void usage(void)
{
	fputs("usage: port-echo DRIVER:INTERFACE[:MTU]... [--tunnel LOCAL REMOTE PORT] "
	      "[--egress ADDR PORT]\n",
	      stderr);
	exit(2);
}

static be32_t address(const char *text)
{
	be32_t addr = 0;

	if (text == NULL || inet_pton(AF_INET, text, &addr) != 1)
		usage();
	return addr;
}

static void add_port(const char *text)
{
	static const char *const drivers[] = {"af_xdp", "af_packet", "tap", "pcap", "memory"};
	struct config_port *p = &port_configs[config.n_ports];
	char driver[16] = "";
	unsigned mtu = 0;

	if (config.n_ports == THINGS_MAX ||
	    sscanf(text, "%15[^:]:%15[^:]:%u", driver, p->interface, &mtu) < 2)
		usage();
	for (size_t i = 0; i < ARRAY_SIZE(drivers); i++)
		if (strcmp(driver, drivers[i]) == 0)
			p->driver = (enum port_driver)i;
	p->mtu = (uint16_t)mtu;
	if (strcmp(p->interface, "RX") == 0)
		snprintf(p->rx_file, sizeof(p->rx_file), "capture.pcap");
	if (strcmp(p->interface, "TX") == 0)
		snprintf(p->tx_file, sizeof(p->tx_file), "capture.pcap");
	p->line = (unsigned)config.n_ports + 1;
	snprintf(p->name, sizeof(p->name), "port%zu", config.n_ports++);
}

static void add_tunnel(char **texts)
{
	struct spec_tunnel *spec = &tunnel_specs[net.n_tunnels++];

	tunnels[net.n_tunnels] = (struct tunnel){.local = address(texts[0]),
						 .remote = address(texts[1]),
						 .port = (uint8_t)atoi(texts[2]),
						 .site = 1};
	tunnel_ids[net.n_tunnels - 1] = (uint16_t)net.n_tunnels;
	specs_by_id[net.n_tunnels] = spec;
	net.max_tunnel = net.n_tunnels;
	snprintf(spec->name, sizeof(spec->name), "tunnel %u", net.n_tunnels);
}

static void parse(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--tunnel") == 0 && i + 3 < argc &&
		    net.n_tunnels < THINGS_MAX) {
			add_tunnel(argv + i + 1);
			i += 3;
		} else if (strcmp(argv[i], "--egress") == 0 && i + 2 < argc &&
			   net.n_addresses < THINGS_MAX) {
			addresses[net.n_addresses++] = (struct egress_address){
				.addr = address(argv[i + 1]), .port = (uint8_t)atoi(argv[i + 2])};
			i += 2;
		} else if (strcmp(argv[i], "--six") == 0) {
			static const struct pool pool;

			net.egress6 = &pool;
		} else if (strcmp(argv[i], "--asks") == 0 && i + 1 < argc) {
			asks = argv[++i];
		} else if (argv[i][0] == '-') {
			usage();
		} else {
			add_port(argv[i]);
		}
	}
}

static bool is_egress(be32_t addr)
{
	for (uint32_t i = 0; i < net.n_addresses; i++)
		if (addresses[i].addr == addr)
			return true;
	return false;
}

static void turn_ethernet(struct rte_ether_hdr *eth, const struct worker_port *port)
{
	eth->dst_addr = eth->src_addr;
	memcpy(&eth->src_addr, port->mac, sizeof(eth->src_addr));
}

static bool answer_arp(struct rte_ether_hdr *eth, const struct worker_port *port)
{
	struct rte_arp_hdr *a = (void *)(eth + 1);
	be32_t wanted = a->arp_data.arp_tip;

	if (a->arp_opcode != htons(RTE_ARP_OP_REQUEST) || !is_egress(wanted))
		return false;
	arp++;
	turn_ethernet(eth, port);
	a->arp_opcode = htons(RTE_ARP_OP_REPLY);
	a->arp_data.arp_tha = a->arp_data.arp_sha;
	a->arp_data.arp_tip = a->arp_data.arp_sip;
	memcpy(&a->arp_data.arp_sha, port->mac, sizeof(a->arp_data.arp_sha));
	a->arp_data.arp_sip = wanted;
	return true;
}

/* Exchanges addresses and ports, which keeps checksums correct. An echo request becomes a reply. */
static bool answer_ipv4(struct rte_ether_hdr *eth, const struct worker_port *port)
{
	struct iphdr *ip = (void *)(eth + 1);
	be32_t was = ip->daddr;

	if (ip->protocol == IPPROTO_GRE) {
		gre++;
		return false;
	}
	if (!is_egress(ip->daddr)) {
		other++;
		return false;
	}
	egress++;
	turn_ethernet(eth, port);
	ip->daddr = ip->saddr;
	ip->saddr = was;
	if (ip->protocol == IPPROTO_UDP) {
		struct udphdr *udp = (void *)(ip + 1);
		uint16_t to = udp->dest;

		udp->dest = udp->source;
		udp->source = to;
		return true;
	}
	if (ip->protocol == IPPROTO_ICMP) {
		struct icmphdr *icmp = (void *)(ip + 1);
		uint32_t sum = (uint32_t)icmp->checksum + ICMP_ECHO;

		if (icmp->type != ICMP_ECHO)
			return false;
		icmp->type = ICMP_ECHOREPLY;
		icmp->checksum = (uint16_t)((sum & 0xffff) + (sum >> 16));
		return true;
	}
	return false;
}

static bool answer(struct rte_mbuf *m, const struct worker_port *port)
{
	struct rte_ether_hdr *eth = rte_pktmbuf_mtod(m, struct rte_ether_hdr *);

	if (m->data_len < 42) /* Ethernet, IPv4 and 8 bytes of payload; or an ARP packet */
		return false;
	if (eth->ether_type == htons(RTE_ETHER_TYPE_ARP))
		return answer_arp(eth, port);
	if (eth->ether_type == htons(RTE_ETHER_TYPE_IPV4))
		return answer_ipv4(eth, port);
	other++;
	return false;
}

static unsigned serve(const struct worker_port *port)
{
	struct rte_mbuf *burst[BURST];
	unsigned n = rte_eth_rx_burst(port->ethdev, 0, burst, BURST);

	for (unsigned i = 0; i < n; i++)
		if (!answer(burst[i], port) || rte_eth_tx_burst(port->ethdev, 0, &burst[i], 1) == 0)
			rte_pktmbuf_free(burst[i]);
	return n;
}

static void publish(struct nexthops *nexthops, void *arg)
{
	nexthops_destroy(current);
	current = nexthops;
	tables++;
}

static void show_hop(const char *what, uint16_t id)
{
	const struct nexthop *h = &current->at[id];
	const uint8_t *d = h->ethernet, *s = h->ethernet + 6;

	printf("%s hop %u port %u mtu %u %s to %02x:%02x:%02x:%02x:%02x:%02x "
	       "from %02x:%02x:%02x:%02x:%02x:%02x\n",
	       what, id, h->port, h->mtu, h->resolved ? "resolved" : "unresolved", d[0], d[1], d[2],
	       d[3], d[4], d[5], s[0], s[1], s[2], s[3], s[4], s[5]);
}

static void show_way(const char *text)
{
	struct addr6 six;
	be32_t four;
	uint16_t hop;
	char name[80];

	if (inet_pton(AF_INET, text, &four) == 1)
		hop = routes_find(&current->routes, 0, four);
	else if (inet_pton(AF_INET6, text, &six) == 1)
		hop = routes_find6(&current->routes, 0, &six);
	else
		return;
	snprintf(name, sizeof(name), "way %s", text);
	if (hop >= ROUTE_VERDICTS || hop == NEXTHOP_NONE)
		printf("%s %s\n", name,
		       hop == NEXTHOP_NONE	   ? "none"
		       : hop == ROUTE_UNKNOWN_HOST ? "link"
		       : hop == ROUTE_BLACKHOLE	   ? "blackhole"
		       : hop == ROUTE_UNREACHABLE  ? "unreachable"
						   : "prohibit");
	else
		show_hop(name, hop);
}

static void show_ways(void)
{
	char line[64];
	FILE *f = asks != NULL ? fopen(asks, "re") : NULL;

	while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		show_way(line);
	}
	if (f != NULL)
		fclose(f);
}

static void show_all(void)
{
	printf("counts gre %lu egress %lu arp %lu other %lu\n", gre, egress, arp, other);
	for (size_t i = 0; i < ports.n; i++) {
		struct port_steer_counts c;
		char name[32];

		port_read_steer_counts(&ports.ports[i], &c);
		printf("steer %zu tunnel %lu egress %lu arp %lu passed %lu lost %lu\n", i, c.tunnel,
		       c.egress, c.arp, c.passed, c.lost);
		snprintf(name, sizeof(name), "default %zu", i);
		show_hop(name, routes_find(&current->routes, (uint8_t)i, address("8.8.8.8")));
	}
	for (uint32_t i = 1; i <= net.n_tunnels; i++) {
		char name[32];

		snprintf(name, sizeof(name), "tunnel %u", i);
		show_hop(name, current->at[i].via);
	}
	show_ways();
	printf("end tables %u\n", tables);
	fflush(stdout);
}

static void on_signal(int number)
{
	if (number == SIGUSR1)
		show = 1;
	else
		stopping = 1;
}

static void run(struct event_base *base)
{
	puts("ready");
	fflush(stdout);
	while (!stopping) {
		unsigned n = 0;

		for (size_t i = 0; i < ports.n; i++)
			n += serve(&ports.worker_ports[i]);
		event_base_loop(base, EVLOOP_NONBLOCK);
		if (show) {
			show = 0;
			show_all();
		}
		if (n == 0)
			usleep(IDLE_US);
	}
}

/* The daemon waits for a port whose interface is missing or down; this program does not. */
static bool all_are_open(void)
{
	for (size_t i = 0; i < ports.n; i++) {
		if (ports.ports[i].state == PORT_UP)
			continue;
		fprintf(stderr, "%s\n", ports.ports[i].reason);
		return false;
	}
	return true;
}

int main(int argc, char **argv)
{
	struct err_list errs = ERR_LIST_EMPTY;
	struct event_base *base = event_base_new();
	struct neighbours *neighbours = NULL;
	const struct neighbours_users users = {.publish = publish};
	struct sigaction action = {.sa_handler = on_signal};
	struct ids *ids;
	int ret;

	parse(argc, argv);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGUSR1, &action, NULL);

	ret = port_eal_init(&config, &errs);
	if (ret == 0)
		ret = ports_open(&ports, &config, &net, &errs);
	if (ret == 0 && !all_are_open()) {
		ports_close(&ports);
		ret = -ENODEV;
	} else if (ret == 0) {
		ids = nexthop_ids_create(&net);
		neighbours = neighbours_create(base, &ports, &net, ids, NULL, &users, &errs);
		if (neighbours != NULL)
			run(base);
		ret = neighbours == NULL;
		neighbours_destroy(neighbours);
		ids_destroy(ids);
		ports_close(&ports);
	}
	err_print(&errs, stderr);
	err_list_fini(&errs);
	nexthops_destroy(current);
	event_base_free(base);
	return ret == 0 ? 0 : 1;
}
