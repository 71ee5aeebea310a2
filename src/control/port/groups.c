/*
 * The multicast groups on which IPv6 neighbours look for our egress addresses.
 *
 * ARP requests are broadcast; a neighbour solicitation is not. It goes to the multicast group that
 * is made from the last 24 bits of the target (RFC 4291 section 2.7.1). A network card passes on a
 * group only if it was joined. The kernel does not join it, since it does not have these addresses.
 * A packet socket that receives nothing can join it. The kernel leaves the group when the socket is
 * closed, however the process ends. The addresses of a whole prefix are in too many groups to join
 * each: for a prefix in the uplink's network we receive all multicast.
 *
 * Control thread.
 */
#include "base/log.h"
#include "base/wire.h"
#include "control/port/port_internal.h"
#include "in/steer.h"

#include <errno.h>
#include <linux/if_packet.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Two addresses may share a group: the kernel counts how often each group was joined. */
static int change_membership(const struct port *port, const struct steer_change *c, int option)
{
	struct packet_mreq request = {
		.mr_ifindex = port->ifindex,
		.mr_type = c->len == 0 ? PACKET_MR_MULTICAST : PACKET_MR_ALLMULTI,
		.mr_alen = ETHER_ADDR_LEN,
		.mr_address = {0x33, 0x33, 0xff},
	};

	memcpy(request.mr_address + 3, (const uint8_t *)&c->addr + ADDR6_LEN - 3, 3);
	return setsockopt(port->groups, SOL_PACKET, option, &request, sizeof(request)) == 0
		       ? 0
		       : -errno;
}

struct joining {
	struct port *port;
	int ret;
};

static void address_changed(const struct steer_change *c, void *arg)
{
	struct joining *j = arg;
	int ret = 0;

	const uint32_t solicited = STEER_ARP | STEER_INTERCONNECT;
	bool was = c->before & solicited, is = c->now & solicited;

	if (addr6_is_mapped(&c->addr) || was == is)
		return;
	if (j->port->groups < 0)
		j->port->groups = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (j->port->groups < 0)
		ret = -errno;
	else if (is)
		ret = change_membership(j->port, c, PACKET_ADD_MEMBERSHIP);
	else
		change_membership(j->port, c, PACKET_DROP_MEMBERSHIP);
	j->ret = j->ret == 0 ? ret : j->ret;
}

void port_join_groups(struct port *port, const struct steer_list *before)
{
	struct joining j = {port, 0};

	steer_compare(before, &port->steered, address_changed, &j);
	if (j.ret != 0)
		log_warning("interface %s may not receive solicitations for our IPv6 addresses: %s",
			    port->config->interface, strerror(-j.ret));
}
