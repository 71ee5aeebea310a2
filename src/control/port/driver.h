/* Private to control/port/: what differs between drivers, and the state of one opening. */
#pragma once

#include "base/err.h"
#include "base/wire.h"
#include "control/port/port_internal.h"

enum { DRIVER_MTU_DEFAULT = ETHER_MTU, DRIVER_MTU_MAX = 9216, DRIVER_ARGS_SIZE = 512 };

struct port_opening;

struct driver {
	const char *device; /* DPDK's; NULL: made of rings */
	bool swallows; /* DPDK takes packets that it cannot send, and counts them as errors */
	bool is_modest; /* DPDK believes it to take 1,500 bytes; it takes what its frames hold */
	const char *advice; /* what to do when it refuses */
	int (*prepare)(struct port_opening *o); /* adds its own sentence on failure */
	int (*finish)(struct port_opening *o); /* queues are there, not started; may be NULL */
	int (*started)(struct port_opening *o); /* may be NULL */
};

/* One port while it is being opened. */
struct port_opening {
	struct port_set *set;
	struct port *port;
	size_t index;
	const struct driver *driver;
	const char *file; /* of the configuration */
	const struct network *net;
	struct err_list *errs;
	struct interface interface; /* kernel ports */
	int program_fd; /* the XDP program as a file; -1: none */
	char args[DRIVER_ARGS_SIZE]; /* for DPDK */
};

const struct driver *driver_find(enum port_driver driver);
bool driver_has_kernel(enum port_driver driver);
uint32_t driver_mtu(const struct config_port *config); /* its own or the interface's, bounded */
uint32_t driver_largest_mtu(const struct config *config);

/* driver_kernel.c: af_xdp, af_packet */
int driver_af_xdp_prepare(struct port_opening *o);
int driver_af_xdp_finish(struct port_opening *o);
int driver_af_packet_prepare(struct port_opening *o);
int driver_af_packet_finish(struct port_opening *o);
void driver_kernel_close(struct port *port, bool keep_lock);

/*
 * Before the device is closed while others run: from here on nothing more comes to it, also where
 * the interface has gone to another network namespace with our program on it.
 */
void driver_kernel_let_go(struct port *port);

/* 0: our program is on the interface; -ENOENT; -EBUSY: another is, in @other if it may be known. */
int driver_program_lost(const struct port *port, char other[16]);
int driver_program_restore(struct port *port); /* 0 or -errno */

/*
 * DPDK's af_xdp driver takes off whatever program is there when it is closed. A descriptor of one
 * that is not ours, -1: none; and puts it back.
 */
int driver_foreign_program(const struct port *port);
void driver_foreign_program_back(const struct port *port, int fd);

/* driver_other.c: tap, pcap, memory */
int driver_tap_prepare(struct port_opening *o);
int driver_tap_started(struct port_opening *o);
int driver_pcap_prepare(struct port_opening *o);
int driver_memory_prepare(struct port_opening *o);
int driver_memory_device(struct port_opening *o);
int driver_own_mac(struct port_opening *o);
void driver_memory_close(struct port *port);
