/*
 * Reads and checks the configuration file as a whole.
 *
 * It is one YAML file. Each setting is one row of the tables in schema.c; parsing, checking,
 * printing and docs/configuration.md are derived from them. All errors are reported, not only the
 * first.
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
	CONFIG_PATH_SIZE = 108, /* size of sun_path */
	CONFIG_DEVICE_SIZE = 32, /* of the name of a device */
	CONFIG_FILE_MAX = 64 << 20, /* bytes of a file */
	CONFIG_RING = 2048, /* frames of a receive or transmit queue of a port */
	CONFIG_MEMIF_RING = 1024, /* the same of a memif, unless the file says more */
};

enum port_driver {
	PORT_AF_XDP,
	PORT_AF_PACKET,
	PORT_TAP,
	PORT_PCAP,
	PORT_MEMORY,
	PORT_MEMIF,
	PORT_PCI,
	PORT_DRIVERS,
};

const char *config_driver_name(enum port_driver driver); /* as spelled in the file */

/*
 * Does the port share its interface with the kernel, so that the kernel has its neighbours and
 * routes?
 */
static inline bool config_driver_has_kernel(enum port_driver driver)
{
	return driver == PORT_AF_XDP || driver == PORT_AF_PACKET;
}

/* Packets of which side keep a flow alive? */
enum config_memory { FLOWS_KEEP, FLOWS_FORGET };
enum config_refresh { REFRESH_BOTH, REFRESH_OUTBOUND };

/* Does a TCP segment without a flow get a reset? */
enum config_reset { RESET_UNKNOWN, RESET_NONE };

enum config_transport {
	TRANSPORT_UDP,
	TRANSPORT_TCP,
};

/* memif: who listens on the socket, and who makes the shared memory? */
enum config_memif_role { MEMIF_SERVER, MEMIF_CLIENT };

struct config_port {
	char name[SPEC_NAME_SIZE];
	enum port_driver driver;
	/* af_xdp, af_packet: a kernel interface; tap: the interface to create */
	char interface[16];
	char rx_file[CONFIG_PATH_SIZE]; /* pcap: file to replay; empty: no packets come in */
	char tx_file[CONFIG_PATH_SIZE]; /* pcap: file to write; empty: packets are discarded */
	char device[CONFIG_DEVICE_SIZE]; /* pci: its address, or a virtual device of DPDK */
	char socket[CONFIG_PATH_SIZE]; /* memif: by which the two ends find each other */
	bool has_role;
	enum config_memif_role role; /* of a memif */
	uint32_t id; /* memif: the same at both ends */
	uint16_t ring_size; /* memif: frames of a ring; 0: CONFIG_MEMIF_RING */
	bool has_next_hop_mac;
	/* destination of every packet. tap: if it is not that of the interface */
	uint8_t next_hop_mac[6];
	uint16_t mtu; /* bytes of IP packet; 0: MTU of the interface */
	unsigned line, column; /* of interface, rx-file or socket, for later errors */
};

/* Idle timeout of one destination port. */
struct config_port_timer {
	enum config_transport protocol;
	uint16_t port;
	uint16_t idle; /* seconds */
};

struct config {
	char *file; /* file name, for messages */
	bool is_simple; /* the text is simple YAML (tree_simple.c): see config_splice() */
	uint32_t flows_capacity; /* records in all workers together */
	unsigned capacity_line, capacity_column; /* for later errors; 0: the default */
	uint32_t flows_capacity6; /* records of IPv6 flows; 0: no IPv6 */
	bool has_flows_capacity6;
	enum config_memory flows_memory;
	char flows_directory[CONFIG_PATH_SIZE]; /* flow/kept.h */
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
	char epoch_file[CONFIG_PATH_SIZE]; /* counts the starts (epoch.h) */
	char api_socket[CONFIG_PATH_SIZE];
	char vici_socket[CONFIG_PATH_SIZE], plugin_socket[CONFIG_PATH_SIZE]; /* of charon */
	char state_directory[CONFIG_PATH_SIZE]; /* revisions (change/revisions.h) */
	struct config_port *ports;
	size_t n_ports;
	uint16_t spare_ports; /* ports that may be added at run time */
	uint32_t announce_table; /* where our own prefixes are offered; 0: nowhere */
	struct network_spec network;
};

struct err_list;

/*
 * Reads and checks @path. NULL on any error; then @errs holds at least one sentence, each with
 * file, line and column. Reads only the file, never the state of the machine: needs no privileges.
 */
struct config *config_load(const char *path, struct err_list *errs);

/*
 * Reads the text of @path: *@len bytes and a NUL, freed by the caller. It may be one byte longer
 * than CONFIG_FILE_MAX. NULL and a sentence in @errs if it cannot be read.
 */
char *config_read(const char *path, size_t *len, struct err_list *errs);

/*
 * Like config_load(), from memory; @name is the file name in messages. @len bytes; no NUL is needed
 * at the end.
 */
struct config *config_parse(const char *name, const char *text, size_t len, struct err_list *errs);

/* The same, but only for simple YAML. NULL, and nothing is said, if it is not, or has an error. */
struct config *config_parse_simple(const char *name, const char *text, size_t len);

/*
 * Checks what depends on the machine: is a TAP name free, can a capture file be read, is there
 * memory for the flow tables? Adds a sentence for each error, with its place in the file. A missing
 * interface is no error: its port waits. Returns 0 or -ENODEV.
 */
int config_check_machine(const struct config *config, struct err_list *errs);

/*
 * Adds a sentence for each port whose interface is missing at present, so that the port would wait.
 */
void config_note_interfaces(const struct config *config, struct err_list *notes);

/* Finds the interface of this machine whose name is most similar to @name. False: none is. */
bool config_nearest_interface(const char *name, char near[16]);

/*
 * Adds a sentence for each tunnel whose `mtu` is larger than its port's interface carries at
 * present. This is no error: the tunnel takes smaller packets, and the interface may change before
 * the start.
 */
void config_note_mtus(const struct config *config, struct err_list *notes);

/*
 * Adds a sentence for each network whose default route leads to a site: nothing leaves from it by
 * an egress pool then, except by a longer prefix. That is allowed, and seldom meant.
 */
void config_note_routes(const struct config *config, struct err_list *notes);

/* Buffers that the rings of one more queue of such a port hold. */
uint32_t config_queue_buffers(enum port_driver driver);

/*
 * Number of packet buffers, enough for all packets in flight: the queues of each port, one for each
 * worker, and the kernel's rings; and for each worker its cache, its bursts and its hand-over ring.
 * An interface with more queues than workers needs more (control/port/pool.c).
 */
uint32_t config_buffers(const struct config *config);

/* Bytes of ordinary memory for flow tables and mappings, if @huge bytes of huge pages are free. */
uint64_t config_ordinary_memory(const struct config *config, uint64_t huge);

/*
 * The memory check of config_check_machine(): do the flow tables fit into this many bytes of free
 * memory and free huge pages? 0, or -ENOMEM and a sentence that says how much is needed.
 */
int config_check_memory(const struct config *config, uint64_t memory, uint64_t huge,
			struct err_list *errs);

/* Limits of a site that sets none itself. */
struct spec_limits config_silent_limits(const struct config *config);

void config_destroy(struct config *config); /* accepts NULL */

/*
 * Prints the whole configuration in YAML, defaults included, always in the same order.
 * config_parse() reads the result as the same configuration.
 */
void config_print(const struct config *config, FILE *out);

/*
 * Prints the reference of all settings in Markdown. docs/configuration.md contains it between
 * markers.
 */
void config_write_reference(FILE *out);
