/*
 * Restores what DPDK's drivers change on an interface when they start.
 *
 * DPDK's drivers treat the interface as their own. af_packet sets its Ethernet address (to the one
 * it already has), and the kernel then flushes all its neighbours. Among these are permanent ones
 * that an operator has set and those of a routing daemon (EVPN). Both drivers switch promiscuous
 * mode off. Neither driver has an option against this. So we note the state before the start and
 * restore it afterwards. Neighbours that the kernel has learned are not restored: it finds them
 * again.
 *
 * Control thread.
 */
#include "base/log.h"
#include "base/wire.h"
#include "control/port/port_internal.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <libmnl/libmnl.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

enum { REPLY_SIZE = 32 * 1024, REQUEST_SIZE = 256, ADDRESS_MAX = 16 };

struct kept_neighbour {
	struct ndmsg ndm;
	uint8_t addr[ADDRESS_MAX], mac[ETHER_ADDR_LEN];
	uint16_t addr_len;
	uint8_t protocol; /* who set it (NDA_PROTOCOL); 0: unknown */
};

static bool is_set_by_somebody(const struct ndmsg *ndm)
{
	return (ndm->ndm_state & NUD_PERMANENT || ndm->ndm_flags & NTF_EXT_LEARNED) &&
	       (ndm->ndm_family == AF_INET || ndm->ndm_family == AF_INET6) &&
	       !(ndm->ndm_flags & NTF_PROXY);
}

static void read_attribute(struct kept_neighbour *k, const struct nlattr *attr)
{
	uint16_t len = mnl_attr_get_payload_len(attr), type = mnl_attr_get_type(attr);

	if (type == NDA_DST && len <= sizeof(k->addr)) {
		memcpy(k->addr, mnl_attr_get_payload(attr), len);
		k->addr_len = len;
	}
	if (type == NDA_LLADDR && len == sizeof(k->mac))
		memcpy(k->mac, mnl_attr_get_payload(attr), len);
	if (type == NDA_PROTOCOL && len == sizeof(k->protocol))
		k->protocol = mnl_attr_get_u8(attr);
}

static int keep_row(const struct nlmsghdr *nlh, void *arg)
{
	struct interface_kept *kept = arg;
	const struct ndmsg *ndm = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *attr;
	struct kept_neighbour k, *more;

	if (nlh->nlmsg_type != RTM_NEWNEIGH || mnl_nlmsg_get_payload_len(nlh) < sizeof(*ndm) ||
	    ndm->ndm_ifindex != kept->ifindex || !is_set_by_somebody(ndm))
		return MNL_CB_OK;
	k = (struct kept_neighbour){.ndm = *ndm};
	mnl_attr_for_each(attr, nlh, sizeof(*ndm)) read_attribute(&k, attr);
	if (k.addr_len == 0)
		return MNL_CB_OK;
	more = realloc(kept->neighbours, (kept->n + 1) * sizeof(*more));
	if (more == NULL)
		return MNL_CB_OK;
	kept->neighbours = more;
	kept->neighbours[kept->n++] = k;
	return MNL_CB_OK;
}

/* Sends the request and calls @cb for every reply. 0 or -errno. */
static int keep_ask(struct nlmsghdr *nlh, mnl_cb_t cb, void *arg)
{
	struct mnl_socket *nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	_Alignas(struct nlmsghdr) char reply[REPLY_SIZE];
	int ret = MNL_CB_OK, error;

	if (nl == NULL)
		return -errno;
	nlh->nlmsg_seq = 1;
	if (mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) != 0 ||
	    mnl_socket_sendto(nl, nlh, nlh->nlmsg_len) < 0)
		ret = MNL_CB_ERROR;
	while (ret > MNL_CB_STOP) {
		ssize_t len = mnl_socket_recvfrom(nl, reply, sizeof(reply));

		ret = len < 0 ? MNL_CB_ERROR
			      : mnl_cb_run(reply, (size_t)len, 1, mnl_socket_get_portid(nl), cb,
					   arg);
	}
	error = ret < 0 ? -errno : 0;
	mnl_socket_close(nl);
	return error;
}

static void keep_neighbours(struct interface_kept *kept)
{
	_Alignas(struct nlmsghdr) char buffer[REQUEST_SIZE];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buffer);

	nlh->nlmsg_type = RTM_GETNEIGH;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	mnl_nlmsg_put_extra_header(nlh, sizeof(struct ndmsg));
	mnl_attr_put_u32(nlh, NDA_IFINDEX, (uint32_t)kept->ifindex);
	keep_ask(nlh, keep_row, kept);
}

static int put_back(const struct kept_neighbour *k)
{
	_Alignas(struct nlmsghdr) char buffer[REQUEST_SIZE];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buffer);
	struct ndmsg *ndm = mnl_nlmsg_put_extra_header(nlh, sizeof(*ndm));

	nlh->nlmsg_type = RTM_NEWNEIGH;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE;
	*ndm = k->ndm;
	mnl_attr_put(nlh, NDA_DST, k->addr_len, k->addr);
	mnl_attr_put(nlh, NDA_LLADDR, sizeof(k->mac), k->mac);
	if (k->protocol != 0)
		mnl_attr_put_u8(nlh, NDA_PROTOCOL, k->protocol);
	return keep_ask(nlh, NULL, NULL);
}

/* If @set, sets promiscuous mode to @on. Returns the state before. */
static bool promiscuous(int ifindex, bool set, bool on)
{
	struct ifreq ifr = {0};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool is = false;

	if (fd < 0)
		return false;
	if (if_indextoname((unsigned)ifindex, ifr.ifr_name) != NULL &&
	    ioctl(fd, SIOCGIFFLAGS, &ifr) == 0) {
		is = ifr.ifr_flags & IFF_PROMISC;
		if (set && is != on) {
			ifr.ifr_flags ^= IFF_PROMISC;
			ioctl(fd, SIOCSIFFLAGS, &ifr);
		}
	}
	close(fd);
	return is;
}

void interface_keep(int ifindex, struct interface_kept *kept)
{
	*kept = (struct interface_kept){.ifindex = ifindex};
	kept->promiscuous = promiscuous(ifindex, false, false);
	keep_neighbours(kept);
}

void interface_put_back(struct interface_kept *kept)
{
	int ret = 0;

	if (kept->promiscuous)
		promiscuous(kept->ifindex, true, true);
	for (size_t i = 0; i < kept->n; i++) {
		int one = put_back(&kept->neighbours[i]);

		ret = one != 0 ? one : ret;
	}
	if (ret != 0)
		log_warning("permanent neighbours of an interface were lost as its port was "
			    "opened: %s",
			    strerror(-ret));
	free(kept->neighbours);
	*kept = (struct interface_kept){0};
}
