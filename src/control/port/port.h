/*
 * Ports: DPDK ethdevs made from the configuration.
 *
 * af_xdp, af_packet and tap ports stand on a kernel interface; pcap and memory ports do not. Opens
 * devices, sets up queues, starts and stops them. Control thread, before workers run and after.
 */
#pragma once

#include "control/config/config.h"
#include "control/port/stats.h"
#include "network/network.h"
#include "worker/worker.h"

struct alarms;
struct event_base;
struct port_meter;
struct rte_ring;
struct addresses;
struct steer;
struct steer_addr;
struct guard;

/* Which addresses are ours on a port, sorted: private to control/port/. */
struct steer_list {
	struct steer_addr *addrs;
	size_t n;
};

/* What the interface of a port is on its cable. */
struct port_link {
	uint8_t mac[6];
	bool running; /* up, and the other side is there */
	uint32_t ups; /* how often it came up; 0: the kernel does not say */
};

/* Who else wants to hear of a port. Each may be NULL. */
struct port_listener {
	/* It was opened again: its interface and its program in the kernel are others. */
	void (*opened)(void *arg, size_t port);
	/* It is about to be closed; others go on. */
	void (*closing)(void *arg, size_t port);
	/* Neighbours may know nothing of us: another Ethernet address, or the link came up. */
	void (*link_changed)(void *arg, size_t port);
	/* From now on we answer for @addr (IPv4: mapped). */
	void (*address_gained)(void *arg, size_t port, const struct addr6 *addr);
	void *arg;
};

/* How a port is; all but PORT_UP have an alarm. */
enum port_state {
	PORT_UP,
	PORT_MISSING, /* there is no such interface: waited for */
	PORT_CLOSED, /* it cannot be opened: tried again */
	PORT_DOWN, /* the interface is down, or has no carrier */
	PORT_BYPASSED, /* our program is not on the interface: packets go past us */
	PORT_DEGRADED, /* it works, but not for all packets */
	PORT_STATES,
};

enum { PORT_REASON_SIZE = 384 };

/* Private to control/port/: buffers that a device took which could not be made (pool_note.c). */
struct pool_note {
	void **taken; /* NULL: none */
	size_t n;
	unsigned missed; /* for which there was no room */
};

/* Private to control/port/: descriptors of BPF that a driver does not close (strays.c). */
struct strays {
	struct stray *list;
	size_t n;
};

struct port {
	const struct config_port *config; /* NULL: nobody has this slot */
	int ifindex; /* 0: no kernel interface behind it, now */
	enum port_state state;
	char reason[PORT_REASON_SIZE]; /* one sentence; empty: it is up */
	uint16_t mtu; /* of the interface now; what buffers are made for is worker.mtu */
	bool has_kernel; /* the kernel on this interface answers ARP and keeps routes for us */
	struct rte_ring *memory_rx; /* memory driver: put packets in */
	struct rte_ring *memory_tx; /* memory driver: take packets out */
	struct worker_port worker; /* what workers see */

	/* private to control/port/ */
	char vdev[32]; /* DPDK's name for the device; empty: not made */
	int lock; /* held while we serve the interface; -1: none */
	int socket; /* af_xdp: a descriptor of DPDK's driver; -1: not found */
	int groups; /* of IPv6 that its card passes on for us; -1: none */
	struct pool_note note; /* of the last time that it could not be opened */
	struct strays strays;
	struct port_meter *meter; /* NULL: not open */
	struct port_stats before; /* of openings that have ended */
	struct steer *steer; /* af_xdp: the XDP program, NULL: none */
	struct guard *guard; /* af_packet: keeps our packets from the kernel, NULL: none */
	struct steer_list steered; /* what that program knows */
	bool behind; /* it could not be told the last changes */
	struct port_link link; /* as it was at the last call of ports_follow() */

	/* written by control/announce.c */
	struct {
		uint64_t sent, failed; /* announcements and probes of our addresses */
		uint64_t conflicts; /* frames in which another station claimed one */
	} announcements;
};

/* Of one port, what its program in the kernel saw; all 0 if it has none. Numbers of in/steer.h. */
struct port_steer_counts {
	uint64_t tunnel, egress, arp; /* taken; arp: solicitations of IPv6, too */
	uint64_t passed; /* left to the kernel */
	uint64_t lost; /* ours, but no queue took it */
	uint64_t crowded; /* ours, but its sender had its share of a ring that is nearly full */
};

/*
 * All ports, by slot. A port keeps its slot for as long as it is there, whatever its place in the
 * file; a slot that nobody has is given to the next port that is added.
 */
struct port_set {
	struct port *ports; /* [PORTS_MAX] */
	struct worker_port *worker_ports; /* [PORTS_MAX]: as they were published last */
	size_t n; /* slots from here on were never used */
	size_t room; /* ports that there are buffers for */
	bool has_af_xdp; /* buffers lie as AF_XDP wants them */
	struct rte_mempool *pool;
	const struct config *config;
	const struct network *net;
	uint32_t mtu; /* what the buffers are made for */
	unsigned lost; /* buffers that the kernel kept when a port was closed */
	struct alarms *alarms; /* who opens the ports sets it; NULL: only logged */
	struct addresses *own; /* private to control/port/: those of the kernel */
	struct port_listener listener;
};

/*
 * Starts DPDK's EAL with what the configuration needs: huge pages where reserved, otherwise
 * without, saying so. Call once. 0 or -errno with a sentence in @errs.
 */
int port_eal_init(const struct config *config, struct err_list *errs);

/*
 * Opens and starts every port of @config. @net says which packets the steer program takes. A port
 * whose interface is missing or down is left closed, with an alarm: port/watch.h opens it later. On
 * any other error everything opened is closed again and @errs says what to do. 0 or -errno. Both
 * @config and @net must outlive @set.
 */
int ports_open(struct port_set *set, const struct config *config, const struct network *net,
	       struct err_list *errs);

/*
 * Interfaces may have changed, their Ethernet or IP addresses: the programs in the kernel are told
 * the difference. What cannot be done, and an address of ours that the kernel has now, are alarms.
 * 0; -errno: call it again after a while. Control thread.
 */
int ports_follow(struct port_set *set, const struct network *net);

/*
 * The network is @net and no longer @before, and workers have it: the programs in the kernel are
 * told the difference. The same results.
 */
int ports_follow_network(struct port_set *set, const struct network *before,
			 const struct network *net);

/* Has anybody this slot? */
static inline bool port_is_there(const struct port *port)
{
	return port->config != NULL;
}

/* Do we answer on @port for @addr (IPv4: mapped), as no kernel does? */
bool port_answers(const struct port *port, const struct addr6 *addr);

/* Is @addr an egress address, or one that we answer for on @port? */
bool port_is_ours(const struct port *port, const struct addr6 *addr);

/* Has the port a program in the kernel, so that port_hear_claims() may be called? */
bool port_can_hear(const struct port *port);

/* All addresses that we answer for on @port: calls @each for every one. */
void port_each_answered(const struct port *port, void (*each)(const struct addr6 *addr, void *arg),
			void *arg);

/*
 * A packet socket that receives, of @protocol (ETH_P_ARP or ETH_P_IPV6), the frames in which other
 * stations say that they have an address of ours; its program looks into the maps of the port's.
 * The port has a kernel behind it. A descriptor that does not block, or -errno.
 */
int port_hear_claims(const struct port *port, uint16_t protocol);

const char *port_state_name(enum port_state state);

/* Asks the kernel. Control thread. */
void port_read_steer_counts(const struct port *port, struct port_steer_counts *out);
void port_read_stats(const struct port *port, struct port_stats *out);

/*
 * Looks at the counters of all ports every second, and says by an alarm when packets are lost, or
 * come with a checksum left undone. NULL if memory ran out. Control thread.
 */
struct port_watch *port_watch_create(struct event_base *base, const struct port_set *set,
				     struct worker *const *workers, size_t n_workers);
void port_watch_destroy(struct port_watch *w); /* NULL is fine */

/* Stops and closes all; detaches the steer program. Interfaces are as before. */
void ports_close(struct port_set *set);
