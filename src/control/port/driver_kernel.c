/*
 * Drivers on an interface that the kernel goes on using: af_xdp and af_packet.
 *
 * Both lock the interface, remove what a killed process left, and load one of our programs into the
 * kernel. af_xdp: the program steers our packets to us. af_packet: the socket sees all packets and
 * the program keeps ours from the kernel. Everything that may fail is checked before DPDK is
 * called, because its drivers do not report reasons.
 *
 * Control thread.
 */
#include "base/log.h"
#include "control/port/driver.h"
#include "in/steer.h"

#include <errno.h>
#include <linux/if_link.h>
#include <linux/membarrier.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

enum {
	VETH_XDP_MTU_MAX = 3519, /* veth refuses XDP from an MTU of 3,520 on */
	PACKET_FRAMES = 2048,
	PACKET_FRAME_MIN = 2048,
	PACKET_FRAME_STEP = 64,
	PACKET_FRAME_HEADER = 128, /* tpacket2 header, addresses, alignment: rounded up */
	PAGE = 4096,
};

#define REFUSE(o, fmt, ...)                                                                        \
	err_add((o)->errs, (o)->file, (o)->port->config->line, 0, "port %s: " fmt,                 \
		(o)->port->config->name, __VA_ARGS__)

/* Names the most similar interface: the name may be a typing mistake. */
static void say_missing(struct port_opening *o)
{
	const char *name = o->port->config->interface;
	char near[16];

	if (config_nearest_interface(name, near))
		port_set_state(o->set, o->port, PORT_MISSING,
			       "this machine has no interface %s; did you mean %s?", name, near);
	else
		port_set_state(o->set, o->port, PORT_MISSING, "this machine has no interface %s",
			       name);
}

/* -ENODEV and -ENETDOWN are states of the port, not errors. */
static int check_interface(struct port_opening *o)
{
	const struct config_port *config = o->port->config;
	const char *name = config->interface;
	uint32_t mtu;
	int ret = interface_read(name, &o->interface);

	if (ret == -ENODEV) {
		say_missing(o);
		return ret;
	}
	if (ret != 0) {
		REFUSE(o, "interface %s: %s", name, strerror(-ret));
		return ret;
	}
	if (!o->interface.ethernet) {
		REFUSE(o, "interface %s is not Ethernet", name);
		return -EPFNOSUPPORT;
	}
	if (!o->interface.up) {
		port_set_state(o->set, o->port, PORT_DOWN, "interface %s is down", name);
		return -ENETDOWN;
	}
	if (config->mtu > o->interface.mtu) {
		REFUSE(o, "mtu %u is more than interface %s has: %u", config->mtu, name,
		       o->interface.mtu);
		return -EMSGSIZE;
	}
	mtu = driver_mtu(config);
	o->port->ifindex = o->interface.index;
	o->port->worker.mtu = (uint16_t)(mtu < o->set->mtu ? mtu : o->set->mtu);
	return 0;
}

static int take_lock(struct port_opening *o)
{
	const char *name = o->port->config->interface;

	if (o->port->lock >= 0)
		return 0; /* the lock was kept while the interface was gone */
	o->port->lock = interface_lock(name);
	if (o->port->lock >= 0)
		return 0;
	if (o->port->lock == -EWOULDBLOCK)
		REFUSE(o, "another homewardd serves interface %s: stop it first", name);
	else
		REFUSE(o, "cannot lock interface %s in /run/homeward: %s", name,
		       strerror(-o->port->lock));
	return o->port->lock;
}

/*
 * Removes a program of ours whose process was killed. @exclusive: fails if another program is
 * attached.
 */
static int clear_away(struct port_opening *o, bool exclusive)
{
	const char *name = o->port->config->interface;
	char program[16] = "";
	int ret = steer_remove_stale(o->port->ifindex, interface_noted_program(o->port->lock),
				     program);

	guard_remove_stale(o->port->ifindex, o->port->lock);
	interface_gro_restore(name, o->port->lock);
	if (ret == -EBUSY && !exclusive)
		return 0;
	if (ret == -EBUSY)
		REFUSE(o,
		       "interface %s has another XDP program (%s): take it off with: ip link set "
		       "dev %s xdp off; or set driver: af_packet",
		       name, program[0] != '\0' ? program : "not ours", name);
	else if (ret != 0)
		REFUSE(o, "cannot take the old XDP program off interface %s: %s", name,
		       strerror(-ret));
	return ret;
}

static int claim(struct port_opening *o, bool exclusive)
{
	int ret = check_interface(o);

	if (ret == 0)
		ret = take_lock(o);
	if (ret == 0)
		ret = clear_away(o, exclusive);
	return ret;
}

/* Checks for what XDP cannot do with this interface. */
static int check_xdp(struct port_opening *o)
{
	const struct interface *in = &o->interface;
	const char *advice = "lower it, or set driver: af_packet";

	if (strcmp(in->driver, "veth") == 0 && in->mtu > VETH_XDP_MTU_MAX) {
		REFUSE(o, "interface %s has MTU %u; veth does XDP up to %u: %s", in->name, in->mtu,
		       VETH_XDP_MTU_MAX, advice);
		return -EMSGSIZE;
	}
	if (in->mtu > pool_mtu_max_af_xdp()) {
		REFUSE(o, "interface %s has MTU %u; af_xdp takes up to %u: %s", in->name, in->mtu,
		       pool_mtu_max_af_xdp(), advice);
		return -EMSGSIZE;
	}
	if (o->set->mtu > pool_mtu_max_af_xdp()) {
		REFUSE(o,
		       "another port has MTU %u; beside an af_xdp port every port takes up to %u: "
		       "set its mtu, or drive this one by af_packet",
		       o->set->mtu, pool_mtu_max_af_xdp());
		return -EMSGSIZE;
	}
	return 0;
}

/* How many sockets the port needs; refuses what cannot be served. 0 or -errno. */
static int count_queues(struct port_opening *o)
{
	const struct interface *in = &o->interface;
	const char *how = in->combined ? "combined" : "rx";
	int n = xdp_queues_count(o->set, o->port, in);

	if (n == -E2BIG)
		REFUSE(o,
		       "interface %s has %u receive queues; at most %u are served: ethtool -L %s "
		       "%s %u",
		       in->name, in->queues, PORT_QUEUES_MAX, in->name, how, PORT_QUEUES_MAX);
	else if (n < 0)
		REFUSE(o,
		       "there are not enough packet buffers for the %u receive queues of interface "
		       "%s: restart homewardd, or set fewer: ethtool -L %s %s %u",
		       in->queues, in->name, in->name, how, o->set->config->workers);
	if (n < 0)
		return n;
	o->n_queues = (uint16_t)n;
	o->port->nic_queues = in->queues;
	o->port->nic_tx = in->tx_queues;
	return 0;
}

int driver_af_xdp_prepare(struct port_opening *o)
{
	char path[64];
	int ret = claim(o, true);

	if (ret == 0)
		ret = check_xdp(o);
	if (ret == 0)
		ret = count_queues(o);
	if (ret != 0)
		return ret;
	ret = steer_opening_path(path, sizeof(path), &o->program_fd);
	if (ret != 0) {
		o->program_fd = -1;
		REFUSE(o, "cannot prepare the XDP program: %s", strerror(-ret));
		return ret;
	}
	snprintf(o->args, sizeof(o->args), "iface=%s,xdp_prog=%s", o->interface.name, path);
	return 0;
}

/* Makes the list of our addresses on the port for the steer program, and joins their groups. */
static int list_addresses(struct port_opening *o)
{
	static const struct steer_list nothing;
	struct port *port = o->port;
	int ret = steer_list_make(&port->steered, o->net, o->index, port->ifindex, o->set->own);

	if (ret == 0)
		ret = interface_link(port->ifindex, &port->link);
	if (ret == 0)
		port_join_groups(port, &nothing);
	return ret;
}

int driver_put_sockets(const struct port *port)
{
	int ret = 0;

	for (unsigned i = 0; i < port->n_sockets && ret == 0; i++)
		ret = steer_put_socket(port->steer, port->queues[i].of_nic, port->sockets[i]);
	return ret;
}

/* Writes all that the program needs. */
static int fill_steer(struct port_opening *o)
{
	static const struct steer_list nothing;
	struct port *port = o->port;
	int ret = list_addresses(o);

	if (ret == 0)
		ret = steer_set_mac(steer_maps(port->steer), o->interface.mac);
	if (ret == 0)
		ret = steer_write(steer_maps(port->steer), &nothing, &port->steered);
	if (ret == 0)
		ret = driver_put_sockets(port);
	if (ret == 0)
		ret = steer_queues_show(port->worker.rings, port->steer);
	return ret;
}

/* From here on the program takes our packets. */
int driver_af_xdp_finish(struct port_opening *o)
{
	struct port *port = o->port;
	int ret;

	port->steer = steer_create(o->n_queues);
	if (port->steer == NULL) {
		ret = -errno;
		REFUSE(o, "the kernel refused the XDP program: %s (%s)", eal_first_message(),
		       strerror(-ret));
		return ret;
	}
	port->no_listener = 0;
	ret = fill_steer(o);
	if (ret != 0)
		return ret;
	interface_note_program(port->lock, steer_program(port->steer));
	ret = steer_replace_opening(port->steer, port->ifindex);
	/* the program does not take requests for other addresses */
	port->worker.answer_arp_for_tunnels = true;
	return ret;
}

/*
 * The ring of frames consists of blocks of whole pages; frames fill a block without gaps. 64 frames
 * of a multiple of 64 bytes always do. A frame must not be larger than a buffer (pool.c).
 */
int driver_af_packet_prepare(struct port_opening *o)
{
	uint32_t frame = PACKET_FRAME_MIN, block = PAGE, need;
	int ret = claim(o, false);

	if (ret != 0)
		return ret;
	need = (uint32_t)o->port->worker.mtu + POOL_ETHERNET + PACKET_FRAME_HEADER;
	if (need > frame) {
		frame = (need + PACKET_FRAME_STEP - 1) / PACKET_FRAME_STEP * PACKET_FRAME_STEP;
		block = frame * (PAGE / PACKET_FRAME_STEP);
	}
	snprintf(o->args, sizeof(o->args),
		 "iface=%s,qpairs=%u,framesz=%u,blocksz=%u,framecnt=%u,qdisc_bypass=1",
		 o->interface.name, o->n_queues, frame, block, PACKET_FRAMES);
	return 0;
}

int driver_af_packet_finish(struct port_opening *o)
{
	struct port *port = o->port;
	int ret = list_addresses(o);

	if (ret != 0)
		return ret;
	port->guard = guard_create(port->ifindex, port->lock, &port->steered, true);
	if (port->guard == NULL)
		return -errno;
	port_answer_for_ends(port);
	port->worker.hears_all = true;
	interface_gro_off(o->interface.name, port->lock);
	return steer_set_mac(guard_maps(port->guard), o->interface.mac);
}

int driver_program_lost(const struct port *port, char other[16])
{
	if (port->steer != NULL)
		return steer_look(port->steer, port->ifindex, other);
	return port->guard == NULL || guard_is_there(port->guard) ? 0 : -ENOENT;
}

int driver_program_restore(struct port *port)
{
	return port->steer != NULL ? steer_attach(port->steer, port->ifindex)
				   : guard_attach_again(port->guard);
}

void driver_kernel_stop(struct port *port)
{
	static const struct steer_list nothing;

	if (port->guard != NULL)
		steer_write(guard_maps(port->guard), &port->steered, &nothing);
	if (port->steer == NULL)
		return;
	steer_write(steer_maps(port->steer), &port->steered, &nothing);
	steer_detach(port->steer, port->ifindex);
	/* waits for an RCU grace period: packets that the program redirected have arrived */
	syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0);
}

int driver_foreign_program(const struct port *port)
{
	__u32 id = 0;

	if (port->config->driver != PORT_AF_XDP || port->ifindex == 0 ||
	    bpf_xdp_query_id(port->ifindex, 0, &id) != 0 || id == 0 ||
	    (port->steer != NULL && id == steer_program(port->steer)))
		return -1;
	return bpf_prog_get_fd_by_id(id);
}

void driver_foreign_program_attach(const struct port *port, int fd)
{
	if (fd < 0)
		return;
	bpf_xdp_attach(port->ifindex, fd, XDP_FLAGS_UPDATE_IF_NOEXIST, NULL);
	close(fd);
}

void driver_kernel_close(struct port *port, bool keep_lock)
{
	char program[16], name[IF_NAMESIZE];
	bool there = port->ifindex != 0 && if_indextoname((unsigned)port->ifindex, name) != NULL;
	int ret = 0;

	guard_destroy(port->guard);
	if (port->steer != NULL)
		steer_queues_show(port->worker.rings, NULL);
	steer_destroy(port->steer);
	if (port->groups >= 0)
		close(port->groups);
	steer_list_fini(&port->steered);
	port->behind = false;
	port->groups = -1;
	port->guard = NULL;
	port->steer = NULL;
	if (port->lock < 0)
		return;
	/* the driver has detached its program, unless it failed half-way */
	if (there && port->config->driver == PORT_AF_XDP)
		ret = steer_remove_stale(port->ifindex, interface_noted_program(port->lock),
					 program);
	if (ret != 0 && ret != -EBUSY) /* other programs stay attached */
		log_warning("an XDP program is still on interface %s", name);
	if (there)
		interface_gro_restore(name, port->lock);
	if (keep_lock)
		return;
	interface_unlock(port->config->interface, port->lock);
	port->lock = -1;
}
