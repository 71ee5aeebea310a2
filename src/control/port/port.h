/*
 * Ports: DPDK ethdevs made from the configuration.
 *
 * af_xdp, af_packet and tap ports use a kernel interface; the others do not. Opens
 * devices, sets up queues, starts and stops them. Control thread, before, while and after workers
 * run.
 */
#pragma once

#include "control/config/config.h"
#include "control/port/stats.h"
#include "network/network.h"
#include "worker/worker.h"

struct alarms;
struct event_base;
struct memif;
struct port_meter;
struct rte_ring;
struct addresses;
struct steer;
struct steer_addr;
struct guard;

enum { VLAN_WORDS = 4096 / 64 };

/* Private to control/port/: the addresses that are ours on a port, sorted, and the VLANs. */
struct steer_list {
	struct steer_addr *addrs;
	size_t n;
	uint64_t vlans[VLAN_WORDS]; /* bit v: an interconnect has VLAN v; 0: untagged frames */
};

/* The link state of a port's interface. */
struct port_link {
	uint8_t mac[6];
	bool running; /* it is up and has a carrier */
	uint32_t ups; /* how often the carrier came up; 0: the kernel does not say */
};

/* Callbacks for other parts that follow a port. Each may be NULL. */
struct port_listener {
	/* The port was opened again: its interface and its program in the kernel have changed. */
	void (*opened)(void *arg, size_t port);
	/* The port is about to be closed; the other ports go on. */
	void (*closing)(void *arg, size_t port);
	/*
	 * Neighbours may need our address again: the Ethernet address changed, or the link came up.
	 */
	void (*link_changed)(void *arg, size_t port);
	/* From now on we answer ARP or ND for @addr (IPv4: v4-mapped). */
	void (*address_gained)(void *arg, size_t port, const struct addr6 *addr);
	void *arg;
};

/* The state of a port. Each state except PORT_UP has an alarm. */
enum port_state {
	PORT_UP,
	PORT_MISSING, /* the interface does not exist; the port waits for it */
	PORT_CLOSED, /* it could not be opened; it is tried again */
	PORT_DOWN, /* the interface is down, or has no carrier */
	PORT_BYPASSED, /* our program is not on the interface: packets bypass us */
	PORT_DEGRADED, /* it works, but not for all packets */
	PORT_STATES,
};

enum {
	PORT_REASON_SIZE = 384,
	DRIVER_MEMORY_QUEUES = 16, /* as many as a device of DPDK's ring driver has */
};

/* Private to control/port/: buffers that a device took when it could not be made (pool_note.c). */
struct pool_note {
	void **taken; /* NULL: not in use */
	size_t n, room;
	unsigned missed; /* buffers that the note had no room for */
};

/* Private to control/port/: BPF descriptors that a driver does not close (strays.c). */
struct strays {
	struct stray *list;
	size_t n;
};

struct port {
	const struct config_port *config; /* NULL: the slot is free */
	int ifindex; /* 0: no kernel interface behind it at present */
	enum port_state state;
	char reason[PORT_REASON_SIZE]; /* one sentence; empty if the port is up */
	uint16_t mtu; /* MTU of the interface at present; buffers are made for worker.mtu */
	bool has_kernel; /* the kernel answers ARP and keeps routes on this interface */
	/* memory driver, by queue: what comes in, and what goes out */
	struct rte_ring *memory_rx[DRIVER_MEMORY_QUEUES], *memory_tx[DRIVER_MEMORY_QUEUES];
	struct worker_port worker; /* what workers see */

	/* private to control/port/ */
	char vdev[32]; /* DPDK's name of the first device; empty: no device */
	struct memif *memif; /* instead of a device; NULL: none */
	uint16_t devices[PORT_QUEUES_MAX]; /* af_xdp: all its devices */
	unsigned n_devices;
	struct port_queue queues[PORT_QUEUES_MAX]; /* af_xdp: worker.queues */
	int lock; /* lock held while we serve the interface; -1: none */
	int sockets[PORT_QUEUES_MAX]; /* af_xdp: descriptors of DPDK's driver, by queue */
	unsigned n_sockets;
	uint32_t nic_queues, nic_tx; /* af_xdp: of the interface, when the port was opened */
	uint64_t unserved; /* af_xdp: bits; the sockets of these queues could not be made */
	bool spreads; /* pci: the device spreads packets over its queues */
	uint64_t no_listener; /* af_xdp: packets that met no socket, when sockets were put last */
	int groups; /* socket that joins multicast groups for IPv6 (groups.c); -1: none */
	struct pool_note note; /* buffers that the last failed opening took */
	struct strays strays;
	struct port_meter *meter; /* NULL: not open */
	struct port_stats before; /* totals of earlier openings */
	struct steer *steer; /* af_xdp: the XDP program, NULL: none */
	/* af_packet: program that keeps our packets from the kernel, NULL: none */
	struct guard *guard;
	struct steer_list steered; /* addresses that the program knows */
	bool behind; /* the last changes could not be written to it */
	struct port_link link; /* as it was at the last call of ports_follow() */

	/* written by control/announce.c */
	struct {
		uint64_t sent, failed; /* announcements and probes sent for our addresses */
		/* frames in which another station claimed one of our addresses */
		uint64_t conflicts;
	} announcements;
};

/* What a port's program in the kernel counted; all 0 if it has none. Counters of in/steer.h. */
struct port_steer_counts {
	uint64_t tunnel, egress, arp; /* steered to us; arp: includes IPv6 solicitations */
	uint64_t passed; /* left to the kernel */
	uint64_t lost; /* ours, but no queue accepted it */
	uint64_t ike_limited; /* new IKE requests that were too many; they are the kernel's */
	uint64_t crowded; /* ours, but its sender had used its share of a nearly full ring */
};

/*
 * All ports, by slot. A port keeps its slot while it exists, whatever its place in the file. A free
 * slot is given to the next port that is added.
 */
struct port_set {
	struct port *ports; /* [PORTS_MAX] */
	struct worker_port *worker_ports; /* [PORTS_MAX]: as published last */
	size_t n; /* slots from here on were never used */
	size_t room; /* number of ports that there are buffers for */
	bool has_af_xdp; /* buffers are aligned as AF_XDP requires */
	uint32_t more_queues; /* there are buffers for this many queues beyond one a worker */
	struct rte_mempool *pool;
	const struct config *config;
	const struct network *net;
	uint32_t mtu; /* the MTU that the buffers are made for */
	unsigned lost; /* buffers that the kernel kept when ports were closed */
	struct alarms *alarms; /* set by the caller that opens the ports; NULL: only logged */
	struct addresses *own; /* private to control/port/: the kernel's addresses */
	int peers; /* private to control/port/: epoll of the sockets of memif ports */
	struct port_listener listener;
};

/* Bytes of memory that packet buffers and flow tables take, besides huge pages. */
uint64_t port_memory_needed(const struct config *config);

/*
 * Starts DPDK's EAL with the memory that the configuration needs: huge pages where they are
 * reserved, otherwise ordinary pages, and logs which. Call it once. 0 or -errno with a sentence in
 * @errs.
 */
int port_eal_init(const struct config *config, struct err_list *errs);

/*
 * Opens and starts every port of @config. @net says which packets the steer program takes. A port
 * whose interface is missing or down stays closed, with an alarm; port/life.h opens it later. On
 * any other error all ports are closed again and @errs says what to do. 0 or -errno. @config and
 * @net must outlive @set.
 */
int ports_open(struct port_set *set, const struct config *config, const struct network *net,
	       struct err_list *errs);

/*
 * Call it when interfaces, their Ethernet addresses or IP addresses may have changed: writes the
 * difference to the programs in the kernel. What fails is an alarm, and so is an address of ours
 * that the kernel has now. 0; -errno: call it again after a while. Control thread.
 */
int ports_follow(struct port_set *set, const struct network *net);

/*
 * The network was @before and is @net now, and workers have it: writes the difference to the
 * programs in the kernel. Returns as ports_follow() does.
 */
int ports_follow_network(struct port_set *set, const struct network *before,
			 const struct network *net);

/* Is slot @i in use? */
static inline bool port_is_there(const struct port *port)
{
	return port->config != NULL;
}

/*
 * Do we answer for @addr (IPv4: v4-mapped) on @port? True only where the kernel does not answer for
 * it.
 */
bool port_answers(const struct port *port, const struct addr6 *addr);

/* Is @addr an egress address, or one that we answer for on @port? */
bool port_is_ours(const struct port *port, const struct addr6 *addr);

/* Does the port have a program in the kernel, so that port_hear_claims() may be called? */
bool port_can_hear(const struct port *port);

/* Calls @each for every address that we answer for on @port. */
void port_each_answered(const struct port *port, void (*each)(const struct addr6 *addr, void *arg),
			void *arg);

/*
 * Opens a packet socket for @protocol (ETH_P_ARP or ETH_P_IPV6). It receives the frames in which
 * other stations claim one of our addresses: its filter program reads the maps of the port's
 * program. The port must be on a kernel interface. Returns a non-blocking descriptor or -errno.
 */
int port_hear_claims(const struct port *port, uint16_t protocol);

const char *port_state_name(enum port_state state);

/* Asks the kernel. Control thread. */
void port_read_steer_counts(const struct port *port, struct port_steer_counts *out);
void port_read_stats(const struct port *port, struct port_stats *out);

/* Does the kernel copy the frames of queue @q, or does the interface use our buffers? */
enum port_copy { PORT_COPY_UNKNOWN, PORT_COPY_EACH, PORT_COPY_NONE };
enum port_copy port_queue_copy(const struct port *port, unsigned q);

/* af_xdp: frames lost at the socket of queue @q since the port was opened. */
uint64_t port_queue_lost(const struct port *port, unsigned q);

enum { PORT_HINT_SIZE = 256 };

/*
 * queues.c: what is lost as the port has fewer queues than there are workers, and what to do about
 * it: one sentence, or an empty one.
 */
void port_queue_hint(const struct port *port, unsigned workers, char hint[PORT_HINT_SIZE]);

/*
 * Checks the counters of all ports every second. Raises an alarm when packets are lost or arrive
 * with a partial checksum. NULL if memory ran out. Control thread.
 */
struct port_watch *port_watch_create(struct event_base *base, const struct port_set *set,
				     struct worker *const *workers, size_t n_workers);
void port_watch_destroy(struct port_watch *w); /* accepts NULL */

/*
 * Stops and closes all ports and detaches the steer program. Interfaces are left as they were
 * found.
 */
void ports_close(struct port_set *set);
