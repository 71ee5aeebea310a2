/* Routes in tables of the real kernel: see tables_bed.h. */
#include "tables_bed.h"

#include "control/kernel/netlink.h"

#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>

bool tables_bed_enter(void)
{
	return unshare(CLONE_NEWNET) == 0;
}

static void change(struct mnl_socket *nl, uint32_t table, uint32_t addr, bool remove)
{
	_Alignas(struct nlmsghdr) char buffer[256], reply[4096];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buffer);
	struct rtmsg *rtm = mnl_nlmsg_put_extra_header(nlh, sizeof(*rtm));
	ssize_t len;

	nlh->nlmsg_type = remove ? RTM_DELROUTE : RTM_NEWROUTE;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | (remove ? 0 : NLM_F_CREATE | NLM_F_REPLACE);
	rtm->rtm_family = AF_INET;
	rtm->rtm_dst_len = 32;
	rtm->rtm_type = RTN_BLACKHOLE;
	rtm->rtm_protocol = RTPROT_STATIC;
	mnl_attr_put_u32(nlh, RTA_TABLE, table);
	mnl_attr_put_u32(nlh, RTA_DST, htonl(addr));
	assert_true(mnl_socket_sendto(nl, nlh, nlh->nlmsg_len) > 0);
	len = mnl_socket_recvfrom(nl, reply, sizeof(reply));
	assert_true(len > 0);
	assert_true(mnl_cb_run(reply, (size_t)len, 0, 0, NULL, NULL) >= 0 || remove);
}

void tables_bed_routes(uint32_t table, uint32_t n, bool remove)
{
	struct mnl_socket *nl = netlink_open(0);

	assert_non_null(nl);
	for (uint32_t i = 0; i < n; i++)
		change(nl, table, (10u << 24) + i, remove);
	mnl_socket_close(nl);
}
