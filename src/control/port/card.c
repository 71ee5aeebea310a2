/*
 * Losses of the interface itself, as its driver and the kernel count them (RTM_GETSTATS, Linux
 * 4.7).
 *
 * Receive: only packets that found no room in the card's ring. What the kernel counts as dropped on
 * receive is left out: these are packets of protocols that this machine does not use, and they are
 * normal on a network. Transmit: every packet that the interface was given and did not send.
 *
 * Control thread.
 */
#include "control/port/port_internal.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>

enum { ANSWER_SIZE = 1024 };

static int read_stats(const struct nlmsghdr *nlh, void *arg)
{
	struct card_losses *out = arg;
	const struct nlattr *attr;
	struct rtnl_link_stats64 stats = {0};

	mnl_attr_for_each(attr, nlh, sizeof(struct if_stats_msg))
	{
		size_t len = mnl_attr_get_payload_len(attr);

		if (mnl_attr_get_type(attr) == IFLA_STATS_LINK_64)
			memcpy(&stats, mnl_attr_get_payload(attr),
			       len < sizeof(stats) ? len : sizeof(stats));
	}
	out->rx = stats.rx_missed_errors + stats.rx_fifo_errors + stats.rx_over_errors;
	out->tx = stats.tx_dropped + stats.tx_errors;
	return MNL_CB_OK;
}

static int card_ask(struct mnl_socket *nl, int ifindex, struct card_losses *out)
{
	char buf[ANSWER_SIZE];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct if_stats_msg *ism = mnl_nlmsg_put_extra_header(nlh, sizeof(*ism));
	ssize_t len;

	nlh->nlmsg_type = RTM_GETSTATS;
	nlh->nlmsg_flags = NLM_F_REQUEST;
	nlh->nlmsg_seq = 1;
	ism->ifindex = (uint32_t)ifindex;
	ism->filter_mask = IFLA_STATS_FILTER_BIT(IFLA_STATS_LINK_64);
	if (mnl_socket_sendto(nl, nlh, nlh->nlmsg_len) < 0)
		return -errno;
	len = mnl_socket_recvfrom(nl, buf, sizeof(buf));
	if (len < 0)
		return -errno;
	return mnl_cb_run(buf, (size_t)len, 1, mnl_socket_get_portid(nl), read_stats, out) < 0
		       ? -errno
		       : 0;
}

int card_read_losses(int ifindex, struct card_losses *out)
{
	struct mnl_socket *nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	int ret;

	*out = (struct card_losses){0};
	if (nl == NULL)
		return -errno;
	ret = mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) < 0 ? -errno : card_ask(nl, ifindex, out);
	mnl_socket_close(nl);
	return ret;
}
