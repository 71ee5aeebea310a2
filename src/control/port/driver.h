/* Private to control/port/: what differs between drivers, and the state of a port being opened. */
#pragma once

#include "base/err.h"
#include "base/wire.h"
#include "control/port/port_internal.h"

enum { DRIVER_MTU_DEFAULT = ETHER_MTU, DRIVER_MTU_MAX = 9216, DRIVER_ARGS_SIZE = 512 };

struct port_opening;

struct driver {
	/* name of the DPDK driver; NULL: a port of rings, of a named device, or without one */
	const char *device;
	/*
	 * It gets a receive and a transmit queue for each worker, but at most this many. 0: its
	 * prepare() says how many.
	 */
	uint16_t queues_max;
	bool swallows; /* DPDK takes packets that it cannot send, and counts them as errors */
	bool counts_losses; /* the device itself counts frames that it had no room for */
	/* DPDK assumes an MTU of 1,500 bytes; the driver takes what its frames hold */
	bool keeps_own_mtu;
	const char *advice; /* what an operator can do when the driver refuses */
	int (*prepare)(struct port_opening *o); /* adds its own sentence on failure */
	/* called when the queues exist but are not started; may be NULL */
	int (*finish)(struct port_opening *o);
	int (*started)(struct port_opening *o); /* may be NULL */
	/* a port without a device of DPDK: instead of all that follows prepare() */
	int (*open)(struct port_opening *o);
};

/* A port while it is being opened. */
struct port_opening {
	struct port_set *set;
	struct port *port;
	size_t index;
	const struct driver *driver;
	const char *file; /* of the configuration */
	const struct network *net;
	struct err_list *errs;
	struct interface interface; /* kernel ports */
	uint16_t n_queues; /* to be made, receive and transmit */
	int program_fd; /* the XDP program as a file; -1: none */
	char args[DRIVER_ARGS_SIZE]; /* for DPDK */
};

const struct driver *driver_find(enum port_driver driver);
bool driver_has_kernel(enum port_driver driver);
/* configured MTU, or the interface's; bounded */
uint32_t driver_mtu(const struct config_port *config);
uint32_t driver_largest_mtu(const struct config *config);

/* driver_kernel.c: af_xdp, af_packet */
int driver_af_xdp_prepare(struct port_opening *o);
int driver_af_xdp_finish(struct port_opening *o);
int driver_af_packet_prepare(struct port_opening *o);
int driver_af_packet_finish(struct port_opening *o);
int driver_put_sockets(const struct port *port); /* af_xdp: tells the program; 0 or -errno */
void driver_kernel_close(struct port *port, bool keep_lock);

/*
 * Called before the device is closed while other ports run. From here on the kernel delivers
 * nothing more to the device, even if the interface has moved to another network namespace with our
 * program attached.
 */
void driver_kernel_stop(struct port *port);

/*
 * Is our program on the interface? 0: yes. -ENOENT: no. -EBUSY: another program is; its name is in
 * @other if it is known.
 */
int driver_program_lost(const struct port *port, char other[16]);
int driver_program_restore(struct port *port); /* 0 or -errno */

/*
 * DPDK's af_xdp driver detaches whatever program is attached when it is closed.
 * driver_foreign_program() returns a descriptor of a program that is not ours (-1: none);
 * driver_foreign_program_attach() attaches it again.
 */
int driver_foreign_program(const struct port *port);
void driver_foreign_program_attach(const struct port *port, int fd);

/* driver_other.c: tap, pcap, memory */
int driver_tap_prepare(struct port_opening *o);
int driver_tap_started(struct port_opening *o);
int driver_pcap_prepare(struct port_opening *o);
int driver_memory_prepare(struct port_opening *o);
int driver_memory_device(struct port_opening *o);
int driver_own_mac(struct port_opening *o);
void driver_memory_close(struct port *port);
/* MTU and the like of a port without a kernel behind it */
void driver_prepare_plain(struct port_opening *o);

/* driver_pci.c */
int driver_pci_prepare(struct port_opening *o);
int driver_pci_device(struct port_opening *o);
int driver_pci_finish(struct port_opening *o);
bool driver_pci_has_link(const struct port *port); /* also if the device does not say */

/* driver_memif.c */
int driver_memif_prepare(struct port_opening *o);
int driver_memif_open(struct port_opening *o);
void driver_memif_close(struct port *port);
/*
 * Serves the peer. @changed is called when workers must see the port as it is now, and returns when
 * they do. Also sets the port's state.
 */
typedef void (*driver_changed_fn)(void *arg);
void driver_memif_serve(struct port_set *set, struct port *port, driver_changed_fn changed,
			void *arg);
