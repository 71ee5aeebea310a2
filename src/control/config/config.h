/*
 * The configuration file, read and checked as a whole.
 *
 * One YAML file. Each setting is one row of the tables in schema.c, from which parsing, checking,
 * printing and docs/configuration.md come. All errors are reported, not the first.
 *
 * Control thread only.
 */
#pragma once

#include "base/types.h"
#include "network/spec.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum {
	CONFIG_PATH_SIZE = 108, /* as long as sun_path */
	CONFIG_FILE_MAX = 64 << 20, /* bytes of a file */
	CONFIG_RING = 2048, /* frames of a receive or transmit queue of a port */
};

enum port_driver {
	PORT_AF_XDP,
	PORT_AF_PACKET,
	PORT_TAP,
	PORT_PCAP,
	PORT_MEMORY,
};

const char *config_driver_name(enum port_driver driver); /* as in the file */

/* Does the port share its interface with the kernel, which has neighbours and routes for it? */
static inline bool config_driver_has_kernel(enum port_driver driver)
{
	return driver == PORT_AF_XDP || driver == PORT_AF_PACKET;
}

/* Whose packets keep a flow alive? */
enum config_refresh { REFRESH_BOTH, REFRESH_OUTBOUND };

/* Are segments of no flow answered by a reset? */
enum config_reset { RESET_UNKNOWN, RESET_NONE };

enum config_transport {
	TRANSPORT_UDP,
	TRANSPORT_TCP,
};

struct config_port {
	char name[SPEC_NAME_SIZE];
	enum port_driver driver;
	char interface[16]; /* af_xdp, af_packet: a kernel interface; tap: the one to make */
	char rx_file[CONFIG_PATH_SIZE]; /* pcap: replayed; empty: nothing comes in */
	char tx_file[CONFIG_PATH_SIZE]; /* pcap: written; empty: thrown away */
	bool has_next_hop_mac;
	uint8_t next_hop_mac[6]; /* pcap, memory: where every packet is sent. tap: the interface */
	uint16_t mtu; /* bytes of IP packet; 0: the interface's own */
	unsigned line, column; /* of interface or rx-file, for later errors */
};

/* A timer of one destination port. */
struct config_port_timer {
	enum config_transport protocol;
	uint16_t port;
	uint16_t idle; /* seconds */
};

struct config {
	char *file; /* its name, for messages */
	uint32_t flows_capacity; /* records in all workers together */
	unsigned capacity_line, capacity_column; /* for later errors; 0: the default */
	uint32_t flows_capacity6; /* the same of IPv6 flows; 0: no IPv6 */
	bool has_flows_capacity6;
	uint16_t workers;
	enum config_refresh refresh;
	enum config_reset reset_unknown;
	/* idle timeouts, seconds */
	uint16_t timeout_tcp_established;
	uint16_t timeout_tcp_opening;
	uint16_t timeout_tcp_half_closed;
	uint16_t timeout_tcp_closed;
	uint16_t timeout_udp;
	uint16_t timeout_dns, timeout_dns_answered;
	uint16_t timeout_icmp;
	struct config_port_timer *port_timers;
	size_t n_port_timers;
	uint16_t port_rest; /* seconds */
	char epoch_file[CONFIG_PATH_SIZE]; /* which start this is (epoch.h) */
	char api_socket[CONFIG_PATH_SIZE];
	char state_directory[CONFIG_PATH_SIZE]; /* revisions (change/revisions.h) */
	struct config_port *ports;
	size_t n_ports;
	uint16_t spare_ports; /* that may be added while it runs */
	struct network_spec network;
};

struct err_list;

/*
 * Reads and checks @path. NULL if there was any error; then @errs holds at least one sentence, each
 * with file, line and column. Asks the file only, never the machine: works without rights.
 */
struct config *config_load(const char *path, struct err_list *errs);

/*
 * The text of @path, of *@len bytes and a NUL, for the caller to free; one byte more than
 * CONFIG_FILE_MAX at most. NULL and a sentence in @errs if it cannot be read.
 */
char *config_read(const char *path, size_t *len, struct err_list *errs);

/* The same from memory; @name stands for the file in messages. @len bytes, need not end in NUL. */
struct config *config_parse(const char *name, const char *text, size_t len, struct err_list *errs);

/*
 * What only the machine can tell: is a TAP name free, can a capture file be read, is there memory
 * for the flow tables. Adds a sentence for each that fails, with its place in the file. An
 * interface that is not there is no error: its port waits. Returns 0 or -ENODEV.
 */
int config_check_machine(const struct config *config, struct err_list *errs);

/* Which ports would wait for their interface now? Adds a sentence for each. */
void config_note_interfaces(const struct config *config, struct err_list *notes);

/* The interface of this machine whose name is most like @name. False: none is. */
bool config_nearest_interface(const char *name, char near[16]);

/*
 * Which tunnels have an `mtu` that the interface of their port does not carry as it is now? Adds a
 * sentence for each; none of them is an error: the tunnel takes smaller packets, and the
 * interface may be another one when it runs.
 */
void config_note_mtus(const struct config *config, struct err_list *notes);

/*
 * Packet buffers: what can be in flight. Both queues and the kernel's two rings of each port, and
 * what a worker holds in its cache, its bursts and its hand-over ring.
 */
uint32_t config_buffers(const struct config *config);

/* Bytes of ordinary memory for flow tables and mappings, if @huge bytes of huge pages are free. */
uint64_t config_ordinary_memory(const struct config *config, uint64_t huge);

/*
 * The part of it about memory: do the flow tables fit into so many bytes of free memory and free
 * huge pages? 0, or -ENOMEM and a sentence that says how much is needed.
 */
int config_check_memory(const struct config *config, uint64_t memory, uint64_t huge,
			struct err_list *errs);

/* What a site may have at most that says nothing about it. */
struct spec_limits config_silent_limits(const struct config *config);

void config_destroy(struct config *config); /* NULL is fine */

/*
 * The whole configuration in YAML, defaults written out, always in the same order: config_parse()
 * reads it as the same configuration.
 */
void config_print(const struct config *config, FILE *out);

/* The reference of all settings in Markdown: docs/configuration.md holds it between markers. */
void config_write_reference(FILE *out);
