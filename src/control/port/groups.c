/*
 * The groups in which our IPv6 neighbours look for our egress addresses.
 *
 * A solicitation is not broadcast as ARP is: it goes to the multicast address of a group made from
 * the last 24 bits of what is asked for (RFC 4291 section 2.7.1), which a network card passes on
 * only if somebody wants it. The kernel does not, since it does not have these addresses. A packet
 * socket that receives nothing can ask for it; the kernel takes that back when the socket is
 * closed, whatever ends the process. The addresses of a whole prefix are in too many groups to ask
 * for each: for one in the uplink's network we ask for all multicast.
 *
 * Control thread.
 */
#include "control/port/port_internal.h"
#include "in/steer.h"

#include <errno.h>
#include <linux/if_packet.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ETHER_ADDR_LEN = 6 };

static bool is_in_group(const struct steer_addr *addr)
{
	return addr->flags & STEER_ARP && !addr6_is_mapped(&addr->addr);
}

static int join(int fd, int ifindex, const struct steer_addr *addr)
{
	struct packet_mreq request = {
		.mr_ifindex = ifindex,
		.mr_type = addr->len == 0 ? PACKET_MR_MULTICAST : PACKET_MR_ALLMULTI,
		.mr_alen = ETHER_ADDR_LEN,
		.mr_address = {0x33, 0x33, 0xff},
	};

	memcpy(request.mr_address + 3, (const uint8_t *)&addr->addr + ADDR6_LEN - 3, 3);
	return setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &request, sizeof(request)) == 0
		       ? 0
		       : -errno;
}

int interface_join_groups(int ifindex, const struct steer_addr *addrs, size_t n, int *groups)
{
	int fd = -1, ret = 0;

	for (size_t i = 0; i < n && ret == 0; i++) {
		if (!is_in_group(&addrs[i]))
			continue;
		if (fd < 0)
			fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
		ret = fd < 0 ? -errno : join(fd, ifindex, &addrs[i]);
	}
	if (ret != 0 && fd >= 0)
		close(fd);
	*groups = ret == 0 ? fd : -1;
	return ret;
}
