/* Private to control/port/: the parts that open one port. All: control thread. */
#pragma once

#include "control/port/port.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct interface;

/* --- open.c ----------------------------------------------------------------------------------- */

/*
 * Opens port @i, which must be closed. 0, or -errno: then it is closed again and @errs may say why.
 */
int port_open(struct port_set *set, size_t i, struct err_list *errs);

/* Closes port @i while other ports run. It was published as closed, so no worker uses it. */
void port_shut(struct port_set *set, size_t i);

/* Gives the free slot @i to @config; the port is still closed. 0 or -ENOMEM. */
int port_take_slot(struct port_set *set, size_t i, const struct config_port *config);

/* Closes the port for good and frees its slot. No worker may use it. Accepts a free slot. */
void port_give_slot(struct port_set *set, size_t i);

/* --- queues.c --------------------------------------------------------------------------------- */

/* How many queues to receive and to transmit a port gets, if its device has as many. */
uint16_t queues_wanted(const struct config *config, const struct config_port *port);

/*
 * xdp_queues.c: how many sockets @port needs on @in. -E2BIG: too many. -ENOBUFS: there are not
 * enough packet buffers.
 */
int xdp_queues_count(const struct port_set *set, const struct port *port,
		     const struct interface *in);

/*
 * Could the queues that @port does not serve be used now? The kernel needs a moment to free them
 * again after this call.
 */
bool xdp_queues_are_free(const struct port *port);

/* --- state.c ---------------------------------------------------------------------------------- */

bool port_is_open(const struct port *port);

/* Sets the state; raises and clears the alarms that belong to it. */
void port_set_state(struct port_set *set, struct port *port, enum port_state state, const char *fmt,
		    ...) __attribute__((format(printf, 4, 5)));

/*
 * The port is removed: its alarms end. An alarm about the state of another port of the same name
 * stays.
 */
void port_end_alarms(struct port_set *set, struct port *port);

/* --- rings.c: buffers of an AF_XDP socket ----------------------------------------------------- */

/* Returns an AF_XDP socket of this process that belongs to no port; -1: none. */
int rings_find_socket(const struct port_set *set);

/*
 * DPDK 22.11 does not close the socket of a device that it closes. This closes every AF_XDP socket
 * that belongs to no port.
 */
void rings_close_strays(const struct port_set *set);

/*
 * Returns the buffers in the rings of socket @fd to @pool. Returns their number, and in *@lost how
 * many the kernel keeps.
 */
unsigned rings_reclaim(int fd, const struct rte_mempool *pool, unsigned *lost);

/* --- interface.c: what the kernel says about an interface ------------------------------------- */

struct interface {
	char name[16];
	char driver[32]; /* "veth", "ixgbe"; empty: unknown */
	int index;
	uint8_t mac[6];
	uint32_t mtu;
	uint32_t queues; /* receive queues in use */
	uint32_t tx_queues; /* transmit queues in use */
	bool combined; /* its driver has queues that do both */
	bool up;
	bool carrier;
	bool ethernet;
};

int interface_read(const char *name, struct interface *out); /* 0 or -errno */

/* link.c: 0 or -errno. */
int interface_link(int ifindex, struct port_link *out);

/*
 * Locks the interface for this process in this network namespace. The kernel releases the lock when
 * the process ends. Returns a descriptor; -EWOULDBLOCK: another process holds it; or -errno.
 */
int interface_lock(const char *name);
void interface_unlock(const char *name, int lock); /* lock < 0 is ignored */

#define INTERFACE_LOCKS "/run/homeward"

/* leftovers.c: removes lock files of killed processes if there is nothing left to undo. */
void interface_sweep(void);

/* What we changed on an interface, noted in its lock file. The note survives a kill -9. */
enum interface_note {
	NOTE_QDISC = 1, /* we created the clsact qdisc */
	NOTE_GRO = 2, /* we switched GRO off */
	NOTE_LRO = 4,
};

unsigned interface_notes(int lock);
void interface_note(int lock, enum interface_note note, bool on);

/* The id of the XDP program that we attached; 0: none. */
uint32_t interface_noted_program(int lock);
void interface_note_program(int lock, uint32_t id);

/*
 * interface_gro_off() switches GRO and LRO off: we need packets as they were on the cable. It notes
 * what was on; interface_gro_restore() switches that on again.
 */
void interface_gro_off(const char *name, int lock);
void interface_gro_restore(const char *name, int lock);
bool interface_gro_is_off(const char *name); /* also works where the driver does not say */

/* --- keep.c: what DPDK's drivers change when they start --------------------------------------- */

struct kept_neighbour;

struct interface_kept {
	int ifindex;
	bool promiscuous;
	struct kept_neighbour *neighbours; /* permanent ones, and those of a routing daemon */
	size_t n;
};

void interface_keep(int ifindex, struct interface_kept *kept);
void interface_put_back(struct interface_kept *kept); /* and forgets what was kept */

/* --- steer_list.c, steer_write.c: which addresses are ours ------------------------------------ */

struct steer_addr {
	struct addr6 addr; /* IPv4: v4-mapped */
	uint32_t flags; /* enum steer_flags */
	uint8_t len; /* prefix length of an IPv6 prefix, bits; 0: a single address */
};

/* Descriptors of a program's maps; -1: none. */
struct steer_maps {
	int four, six, prefixes, vlans, mac;
};

/*
 * Lists, sorted, all addresses and global prefixes of @net that are ours on interface @ifindex of
 * port @port, and the VLANs of its interconnects. @own: the kernel's addresses. 0 or -ENOMEM.
 */
int steer_list_make(struct steer_list *out, const struct network *net, size_t port, int ifindex,
		    const struct addresses *own);
void steer_list_fini(struct steer_list *list);

/* Calls @changed for each address that was added, was removed, or has other flags. */
struct steer_change {
	struct addr6 addr;
	uint8_t len;
	uint32_t before, now; /* flags; 0: the address is not in this list */
};
typedef void (*steer_changed_fn)(const struct steer_change *change, void *arg);
void steer_compare(const struct steer_list *before, const struct steer_list *now,
		   steer_changed_fn changed, void *arg);

/* The entry of a single address, not a prefix; NULL: it is not ours. */
const struct steer_addr *steer_list_find(const struct steer_list *list, const struct addr6 *addr);

/*
 * Changes the maps from @before to @now. 0 or -errno: then they hold parts of both, and the same
 * call again may repair them.
 */
int steer_write(struct steer_maps maps, const struct steer_list *before,
		const struct steer_list *now);

/* --- steer.c: the XDP program ----------------------------------------------------------------- */

/*
 * From here on the program leaves frames for other Ethernet addresses to the kernel. 0 or -errno.
 */
int steer_set_mac(struct steer_maps maps, const uint8_t mac[6]);

/*
 * groups.c: makes the interface of @port receive the solicited-node groups (RFC 4291 section 2.7.1)
 * of the IPv6 addresses that we answer for: those in port->steered that are new since @before. Ends
 * when port->groups is closed or the process ends. Errors are logged.
 */
void port_join_groups(struct port *port, const struct steer_list *before);

/*
 * af_packet: sets in port->worker whether workers answer for tunnel ends, according to @port's
 * list.
 */
void port_answer_for_ends(struct port *port);

/* A path by which DPDK's driver opens in/opening.bpf.c, until *fd is closed. 0 or -errno. */
int steer_opening_path(char *path, size_t size, int *fd);

/*
 * Detaches our own program if a killed process left it on the interface. 0; -EBUSY: another program
 * is attached, its name is in @name if it is known; or -errno.
 */
int steer_remove_stale(int ifindex, uint32_t noted, char name[16]);

/* Loads the program, for receive queues below @queues. NULL and errno on failure. */
struct steer *steer_create(uint32_t queues);
/* From here on packets of this queue go to socket @fd. The same again is harmless. 0 or -errno. */
int steer_put_socket(const struct steer *s, uint32_t queue, int fd);
int steer_replace_opening(const struct steer *s, int ifindex); /* attaches it; 0 or -errno */
uint32_t steer_program(const struct steer *s); /* id of the program, to be noted */
struct steer_maps steer_maps(const struct steer *s);

/* Is the program attached? 0: yes. -ENOENT: no. -EBUSY: another is, @name as above. Or -errno. */
int steer_look(const struct steer *s, int ifindex, char name[16]);
int steer_attach(const struct steer *s, int ifindex); /* attaches it again; 0 or -errno */
/* detaches it if it is attached; 0 or -errno */
int steer_detach(const struct steer *s, int ifindex);
/* frees @s and leaves the program attached; accepts NULL */
void steer_destroy(struct steer *s);
void steer_read(int counts_fd, struct port_steer_counts *out);
int steer_counts_map(const struct steer *s);

/*
 * The fill level of the receive rings, for workers. steer_queues_create() makes empty memory for
 * it. steer_queues_show() maps the program's counters there; with NULL it maps empty memory again.
 * Workers may read and write it at any time.
 */
struct steer_queue *steer_queues_create(void); /* NULL on failure */
int steer_queues_show(struct steer_queue *queues, const struct steer *s); /* 0 or -errno */
void steer_queues_destroy(struct steer_queue *queues); /* no worker may run; accepts NULL */

/* --- guard.c: the tc program of af_packet ports ----------------------------------------------- */

/*
 * @allow_link: attach by a link, which ends with the process, if the kernel has it (6.6).
 * Otherwise, and on older kernels, attach as a filter of clsact. NULL and errno on failure.
 */
struct guard *guard_create(int ifindex, int lock, const struct steer_list *list, bool allow_link);
void guard_destroy(struct guard *g); /* accepts NULL */
bool guard_is_there(const struct guard *g);
int guard_attach_again(struct guard *g); /* 0 or -errno */
void guard_remove_stale(int ifindex, int lock);
struct steer_maps guard_maps(const struct guard *g);
int guard_counts_map(const struct guard *g);

/*
 * clsact.c: does the interface's clsact qdisc have any filters? Also true if the kernel does not
 * say.
 */
bool clsact_is_used(int ifindex);

/* --- meter.c: what was lost ------------------------------------------------------------------- */

/* The port's queues exist now. 0 or -errno. */
int port_meter_open(struct port *port);
/* false: the socket is no longer bound to an interface */
bool port_meter_is_bound(const struct port *port);
void port_meter_close(struct port *port); /* the counts are kept; the port may be closed */

/* card.c: what the interface lost since it was created; it does not start at 0 for us */
struct card_losses {
	uint64_t rx, tx;
};
int card_read_losses(int ifindex, struct card_losses *out); /* 0 or -errno */

/* --- eal.c ------------------------------------------------------------------------------------ */

/* May this process serve a port of this driver? 0, or -EPERM and a sentence in @errs. */
int port_check_rights(const struct config_port *port, const char *file, struct err_list *errs);

/*
 * The first error that DPDK or libbpf has logged since the last call, or "no reason given". Later
 * errors are only consequences of the first.
 */
const char *eal_first_message(void);

/* --- pool.c: packet buffers ------------------------------------------------------------------- */

enum {
	POOL_DESCRIPTORS = CONFIG_RING, /* of a receive or transmit queue */
	POOL_FRAME_MAX = 4096, /* AF_XDP: a buffer must not cross a page of this size */
	POOL_XDP_HEADROOM = 256, /* the kernel reserves this in front of every AF_XDP frame */
	POOL_ETHERNET = 18, /* header and one VLAN tag */
};

/*
 * How many buffers: config_buffers(), and more for interfaces that have more queues at present than
 * there are workers. pool_more_queues(): the number of those queues.
 */
uint32_t pool_buffers(const struct config *config);
uint32_t pool_more_queues(const struct config *config);

size_t pool_bytes(const struct config *config, uint32_t mtu,
		  bool huge); /* set for huge pages and for ordinary pages alike */

/* Would pool_create() align the buffers so that AF_XDP ports can use them? */
bool pool_suits_af_xdp(const struct config *config);

/*
 * NULL if memory ran out. The AF_XDP driver registers the whole pool with the kernel, whatever the
 * page size.
 */
struct rte_mempool *pool_create(const struct config *config, uint32_t mtu);
uint32_t pool_mtu_max_af_xdp(void);

/* --- strays.c: descriptors that the AF_XDP driver does not close ------------------------------ */

enum stray_kind { STRAY_NONE, STRAY_PROGRAM, STRAY_MAP, STRAY_BTF };

struct stray {
	int fd;
	enum stray_kind kind;
	uint32_t id; /* id in the kernel */
};

void strays_look(struct strays *out); /* notes all BPF descriptors that are open now */

/* Finds what is open now and was not at strays_look(); frees the note. */
void strays_note(struct strays *out, struct strays *before);
/* closes those that are still the same object; and forgets them */
void strays_close(struct strays *s);
void strays_forget(struct strays *s);

/* --- pool_note.c: buffers that a device took and forgot --------------------------------------- */

/* Pool operations that note the buffers taken out. Set them before the pool is filled. */
const char *pool_note_ops(void);

/*
 * Between begin and end, notes every buffer that this thread takes out of @pool and does not put
 * back; there is room for those of @queues queues. pool_note_end() returns how many did not fit.
 */
void pool_note_begin(struct pool_note *note, struct rte_mempool *pool, unsigned queues);
unsigned pool_note_end(struct pool_note *note, struct rte_mempool *pool);

/*
 * The buffers are no longer in use: returns them to @pool. Returns their number. Ends the note like
 * pool_note_forget().
 */
unsigned pool_note_give_back(struct pool_note *note, struct rte_mempool *pool);
/* Returns the buffers that were noted after the first @mark. The note goes on. */
void pool_note_give_back_since(struct pool_note *note, struct rte_mempool *pool, size_t mark);
void pool_note_forget(struct pool_note *note);
