/* Private to control/port/: the parts that open one port. All: control thread. */
#pragma once

#include "control/port/port.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* --- open.c ---------------------------------------------------------------------------------- */

/* Opens number @i, which is closed. 0, or -errno: then it is closed again and @errs may say why. */
int port_open(struct port_set *set, size_t i, struct err_list *errs);

/* Closes number @i while others run. No worker has it: it was published as closed. */
void port_shut(struct port_set *set, size_t i);

/* Slot @i, which nobody has, is @config's, and closed. 0 or -ENOMEM. */
int port_take_slot(struct port_set *set, size_t i, const struct config_port *config);

/* Closes the port for good; no worker has it. Nobody has the slot then. An empty one is fine. */
void port_give_slot(struct port_set *set, size_t i);

/* --- state.c --------------------------------------------------------------------------------- */

bool port_is_open(const struct port *port);

/* Raises and clears the alarms that go with it. */
void port_set_state(struct port_set *set, struct port *port, enum port_state state, const char *fmt,
		    ...) __attribute__((format(printf, 4, 5)));

/* --- rings.c: buffers of an AF_XDP socket ----------------------------------------------------- */

/* The AF_XDP socket of this process that no open port has; -1: none. */
int rings_find_socket(const struct port_set *set);

/* DPDK 22.11 leaves the socket of a device open that is closed: ends all that no open port has. */
void rings_close_strays(const struct port_set *set);

/*
 * Gives the buffers in the rings of socket @fd back to @pool: their number, and how many the kernel
 * keeps in *@lost.
 */
unsigned rings_reclaim(int fd, const struct rte_mempool *pool, unsigned *lost);

/* --- interface.c: what the kernel says about an interface ------------------------------------ */

struct interface {
	char name[16];
	char driver[32]; /* "veth", "ixgbe"; empty: unknown */
	int index;
	uint8_t mac[6];
	uint32_t mtu;
	uint32_t queues; /* receive queues in use */
	bool up;
	bool carrier;
	bool ethernet;
};

int interface_read(const char *name, struct interface *out); /* 0 or -errno */

/* link.c: 0 or -errno. */
int interface_link(int ifindex, struct port_link *out);

/*
 * Takes the interface for this process, in this network namespace: a lock the kernel lets go when
 * the process dies. A descriptor, or -EWOULDBLOCK: another process has it, or -errno.
 */
int interface_lock(const char *name);
void interface_unlock(const char *name, int lock); /* lock < 0 is fine */

#define INTERFACE_LOCKS "/run/homeward"

/* leftovers.c: removes lock files of killed processes where there is nothing left to undo. */
void interface_sweep(void);

/* What we changed on an interface, noted in its lock file: a note outlives a kill -9. */
enum interface_note {
	NOTE_QDISC = 1, /* the clsact qdisc is ours */
	NOTE_GRO = 2, /* we switched GRO off */
	NOTE_LRO = 4,
};

unsigned interface_notes(int lock);
void interface_note(int lock, enum interface_note note, bool on);

/* The number of the XDP program we attached; 0: none. */
uint32_t interface_noted_program(int lock);
void interface_note_program(int lock, uint32_t id);

/*
 * Packets as they were on the cable: no joining of segments (GRO, LRO) before we see them. What was
 * on is noted and switched on again by interface_join().
 */
void interface_split(const char *name, int lock);
void interface_join(const char *name, int lock);
bool interface_is_split(const char *name); /* also where the driver does not say */

/* --- keep.c: what the drivers of DPDK change when they start ---------------------------------- */

struct kept_neighbour;

struct interface_kept {
	int ifindex;
	bool promiscuous;
	struct kept_neighbour *neighbours; /* set by an operator or a routing daemon */
	size_t n;
};

void interface_keep(int ifindex, struct interface_kept *kept);
void interface_put_back(struct interface_kept *kept); /* and forgets it */

/* --- steer_list.c, steer_write.c: which addresses are ours -------------------------------- */

struct steer_addr {
	struct addr6 addr; /* IPv4: mapped */
	uint32_t flags; /* enum steer_flags */
	uint8_t len; /* of an IPv6 prefix, bits; 0: it is one address */
};

/* Descriptors of the maps of addresses of a program; -1: none. */
struct steer_maps {
	int four, six, prefixes6, mac;
};

/*
 * All addresses and global prefixes of @net with what is ours of them on the interface @ifindex of
 * port @port, sorted. @own: those that the kernel has. 0 or -ENOMEM.
 */
int steer_list_make(struct steer_list *out, const struct network *net, size_t port, int ifindex,
		    const struct addresses *own);
void steer_list_fini(struct steer_list *list);

/* Calls @changed for each address that differs: one that came, that went, or has other flags. */
struct steer_change {
	struct addr6 addr;
	uint8_t len;
	uint32_t before, now; /* flags; 0: it was not, is not there */
};
typedef void (*steer_changed_fn)(const struct steer_change *change, void *arg);
void steer_compare(const struct steer_list *before, const struct steer_list *now,
		   steer_changed_fn changed, void *arg);

/* The entry of one address, not a prefix; NULL: it is not ours. */
const struct steer_addr *steer_list_find(const struct steer_list *list, const struct addr6 *addr);

/*
 * Makes the maps, which hold @before, hold @now. 0 or -errno: then they hold something between, and
 * the same call again may mend it.
 */
int steer_write(struct steer_maps maps, const struct steer_list *before,
		const struct steer_list *now);

/* --- steer.c: the XDP program ----------------------------------------------------------------- */

/* From here on frames for other Ethernet addresses are left to the kernel. 0 or -errno. */
int steer_set_mac(struct steer_maps maps, const uint8_t mac[6]);

/*
 * groups.c: has the interface of @port receive what is sent to the solicited-node groups (RFC 4291
 * section 2.7.1) of the IPv6 addresses that we answer for: those of port->steered that differ from
 * @before. Closing port->groups, or dying, ends it. What fails is logged.
 */
void port_join_groups(struct port *port, const struct steer_list *before);

/* af_packet: do workers answer for ends of tunnels? By the list in @port, for port->worker. */
void port_answer_for_ends(struct port *port);

/* A path under which the driver can open the program; stays valid until *fd is closed. */
int steer_program_path(char *path, size_t size, int *fd);

/*
 * Takes our own program off the interface if a process that was killed left it there. 0, or
 * -EBUSY: the program there is not ours, its name is in @name, if that may be known; or -errno.
 */
int steer_remove_stale(int ifindex, uint32_t noted, char name[16]);

/* Finds the maps of the program that the driver has attached. NULL: it is not there. */
struct steer *steer_find(int ifindex);
uint32_t steer_program(const struct steer *s); /* its number, to be noted */
struct steer_maps steer_maps(const struct steer *s);

/* Is it on the interface? 0; -ENOENT: taken off; -EBUSY: another is, @name as above; or -errno. */
int steer_look(const struct steer *s, int ifindex, char name[16]);
int steer_attach(const struct steer *s, int ifindex); /* once more; 0 or -errno */
int steer_detach(const struct steer *s, int ifindex); /* if it is there; 0 or -errno */
void steer_destroy(struct steer *s); /* forgets it, leaves the program; NULL is fine */
void steer_read(int counts_fd, struct port_steer_counts *out);
int steer_counts_map(const struct steer *s);

/*
 * How full the receive rings are, for workers: steer_queues_create() makes it, of nothing, and
 * steer_queues_show() lets what the program counts appear there, with NULL nothing again. Workers
 * may read and write it meanwhile.
 */
struct steer_queue *steer_queues_create(void); /* NULL on failure */
int steer_queues_show(struct steer_queue *queues, const struct steer *s); /* 0 or -errno */
void steer_queues_destroy(struct steer_queue *queues); /* no worker runs; NULL is fine */

/* --- guard.c: the tc program of af_packet ports ----------------------------------------------- */

/*
 * @allow_link: attach by a link that dies with the process, where the kernel has it (6.6);
 * otherwise and on older kernels as a filter of clsact. NULL and errno on failure.
 */
struct guard *guard_create(int ifindex, int lock, const struct steer_list *list, bool allow_link);
void guard_destroy(struct guard *g); /* NULL is fine */
bool guard_is_there(const struct guard *g);
int guard_attach_again(struct guard *g); /* 0 or -errno */
void guard_remove_stale(int ifindex, int lock);
struct steer_maps guard_maps(const struct guard *g);
int guard_counts_map(const struct guard *g);

/*
 * clsact.c: has the clsact qdisc of the interface any filters? True also if the kernel does not
 * say.
 */
bool clsact_is_used(int ifindex);

/* --- meter.c: what was lost ------------------------------------------------------------------- */

/* The port's queues are there. 0 or -errno. */
int port_meter_open(const struct port_set *set, struct port *port);
bool port_meter_hears(const struct port *port); /* false: its socket is on no interface any more */
void port_meter_close(struct port *port); /* the counts are kept; not open is fine */

/* card.c: what the interface itself lost since it was made; its number is not ours to choose */
struct card_losses {
	uint64_t rx, tx;
};
int card_read_losses(int ifindex, struct card_losses *out); /* 0 or -errno */

/* --- eal.c ----------------------------------------------------------------------------------- */

/* May this process serve such a port? 0, or -EPERM and a sentence in @errs. */
int port_check_rights(const struct config_port *port, const char *file, struct err_list *errs);

/*
 * The first error that DPDK or libbpf wrote since the call before (later ones are about its
 * consequences), or "no reason given".
 */
const char *eal_first_message(void);

/* --- pool.c: packet buffers ------------------------------------------------------------------- */

enum {
	POOL_DESCRIPTORS = CONFIG_RING, /* of a receive or transmit queue */
	POOL_FRAME_MAX = 4096, /* AF_XDP: a buffer may not cross a page's size */
	POOL_XDP_HEADROOM = 256, /* the kernel keeps it in front of every AF_XDP frame */
	POOL_ETHERNET = 18, /* header and one VLAN tag */
};

size_t pool_bytes(const struct config *config, uint32_t mtu,
		  bool huge); /* with huge pages or without */

/* Would pool_create() lay the buffers so that AF_XDP ports can use them? */
bool pool_suits_af_xdp(const struct config *config);

/*
 * NULL if memory ran out. The AF_XDP driver registers all of it with the kernel, whatever the
 * machine's pages.
 */
struct rte_mempool *pool_create(const struct config *config, uint32_t mtu);
uint32_t pool_mtu_max_af_xdp(void);

/* --- strays.c: descriptors that the AF_XDP driver does not close ------------------------------ */

enum stray_kind { STRAY_NONE, STRAY_PROGRAM, STRAY_MAP, STRAY_BTF };

struct stray {
	int fd;
	enum stray_kind kind;
	uint32_t id; /* in the kernel */
};

void strays_look(struct strays *out); /* all descriptors of BPF that are open now */

/* What is open now and was not at strays_look(), which is forgotten. */
void strays_note(struct strays *out, struct strays *before);
void strays_close(struct strays *s); /* those that still are what they were; and forgets them */
void strays_forget(struct strays *s);

/* --- pool_note.c: buffers that a device took and forgot --------------------------------------- */

/* The operations of the pool that note what is taken out; to be set before it is filled. */
const char *pool_note_ops(void);

/*
 * From begin to end all is noted that this thread takes out of @pool and does not put back. The end
 * says how many of them found no room in the note.
 */
void pool_note_begin(struct pool_note *note, struct rte_mempool *pool);
unsigned pool_note_end(struct pool_note *note, struct rte_mempool *pool);

/* Nobody has them any more: back into @pool. Their number. Ends the note, as pool_note_forget(). */
unsigned pool_note_give_back(struct pool_note *note, struct rte_mempool *pool);
void pool_note_forget(struct pool_note *note);
