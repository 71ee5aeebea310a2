/*
 * Do others use the clsact qdisc of an interface?
 *
 * We create it if it is missing. Others may have added filters to it since then, and they cannot
 * see who created it. If we removed it, we would remove their filters. So we remove it only when it
 * is empty.
 *
 * Control thread.
 */
#include "control/port/port_internal.h"

#include <errno.h>
#include <time.h>

#include <libmnl/libmnl.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>

enum { REPLY_SIZE = 32 * 1024, REQUEST_SIZE = 128 };

static int count_row(const struct nlmsghdr *nlh, void *arg)
{
	size_t *filters = arg;

	*filters += nlh->nlmsg_type == RTM_NEWTFILTER;
	return MNL_CB_OK;
}

/* Filters of one direction: TC_H_MIN_INGRESS or _EGRESS. */
static int count_filters(struct mnl_socket *nl, int ifindex, uint32_t direction, size_t *filters)
{
	_Alignas(struct nlmsghdr) char buffer[REQUEST_SIZE], reply[REPLY_SIZE];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buffer);
	struct tcmsg *tcm = mnl_nlmsg_put_extra_header(nlh, sizeof(*tcm));
	int ret = MNL_CB_OK;

	nlh->nlmsg_type = RTM_GETTFILTER;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	nlh->nlmsg_seq = direction;
	tcm->tcm_ifindex = ifindex;
	tcm->tcm_parent = TC_H_MAKE(TC_H_CLSACT, direction);
	if (mnl_socket_sendto(nl, nlh, nlh->nlmsg_len) < 0)
		return -errno;
	while (ret > MNL_CB_STOP) {
		ssize_t len = mnl_socket_recvfrom(nl, reply, sizeof(reply));

		if (len < 0)
			return -errno;
		ret = mnl_cb_run(reply, (size_t)len, direction, mnl_socket_get_portid(nl),
				 count_row, filters);
	}
	return ret < 0 ? -errno : 0;
}

bool clsact_is_used(int ifindex)
{
	struct mnl_socket *nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	size_t filters = 0;
	bool used = nl == NULL || mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) != 0 ||
		    count_filters(nl, ifindex, TC_H_MIN_INGRESS, &filters) != 0 ||
		    count_filters(nl, ifindex, TC_H_MIN_EGRESS, &filters) != 0 || filters > 0;

	if (nl != NULL)
		mnl_socket_close(nl);
	return used;
}
