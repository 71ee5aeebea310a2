/*
 * The link state of an interface, by rtnetlink(7).
 *
 * A link that goes down and comes up again between two questions is noticed by the kernel's count
 * of carrier changes.
 *
 * Control thread.
 */
#include "control/port/port_internal.h"

#include <errno.h>
#include <string.h>

#include <libmnl/libmnl.h>
#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>

enum { REPLY_SIZE = 32 * 1024, REQUEST_SIZE = 128 };

static int link_keep_attr(const struct nlattr *attr, void *arg)
{
	struct port_link *link = arg;

	if (mnl_attr_get_type(attr) == IFLA_ADDRESS &&
	    mnl_attr_get_payload_len(attr) == sizeof(link->mac))
		memcpy(link->mac, mnl_attr_get_payload(attr), sizeof(link->mac));
	else if (mnl_attr_get_type(attr) == IFLA_CARRIER_UP_COUNT &&
		 mnl_attr_get_payload_len(attr) == sizeof(uint32_t))
		link->ups = mnl_attr_get_u32(attr);
	return MNL_CB_OK;
}

static int link_on_link(const struct nlmsghdr *nlh, void *arg)
{
	const struct ifinfomsg *ifi = mnl_nlmsg_get_payload(nlh);
	struct port_link *link = arg;

	if (nlh->nlmsg_type != RTM_NEWLINK ||
	    nlh->nlmsg_len < MNL_NLMSG_HDRLEN + MNL_ALIGN(sizeof(*ifi)))
		return MNL_CB_OK;
	link->running = ifi->ifi_flags & IFF_UP && ifi->ifi_flags & IFF_LOWER_UP;
	mnl_attr_parse(nlh, sizeof(*ifi), link_keep_attr, link);
	return MNL_CB_OK;
}

static int link_ask(struct mnl_socket *nl, int ifindex, struct port_link *out)
{
	_Alignas(struct nlmsghdr) char request[REQUEST_SIZE];
	static _Alignas(struct nlmsghdr) char reply[REPLY_SIZE];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(request);
	struct ifinfomsg *ifi = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifi));
	int more = MNL_CB_OK;

	nlh->nlmsg_type = RTM_GETLINK;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	ifi->ifi_index = ifindex;
	if (mnl_socket_sendto(nl, nlh, nlh->nlmsg_len) < 0)
		return -errno;
	while (more > MNL_CB_STOP) {
		ssize_t len = mnl_socket_recvfrom(nl, reply, sizeof(reply));

		if (len < 0)
			return -errno;
		more = mnl_cb_run(reply, (size_t)len, 0, 0, link_on_link, out);
	}
	return more < 0 ? -errno : 0;
}

int interface_link(int ifindex, struct port_link *out)
{
	struct mnl_socket *nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	int ret;

	*out = (struct port_link){.ups = 0};
	if (nl == NULL)
		return -errno;
	ret = link_ask(nl, ifindex, out);
	mnl_socket_close(nl);
	return ret;
}
