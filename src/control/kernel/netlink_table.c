/* Routing tables by number: which events a socket gets, and dumps in steps. See netlink.h. */
#include "control/kernel/netlink.h"

#include "base/types.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stddef.h>

#include <libmnl/libmnl.h>
#include <linux/filter.h>
#include <linux/rtnetlink.h>

enum {
	STEP_SIZE = 32 * 1024,
	ASK_SIZE = 64,
	TYPE_AT = offsetof(struct nlmsghdr, nlmsg_type),
	TABLE_AT = sizeof(struct nlmsghdr) + offsetof(struct rtmsg, rtm_table),
	ALL = 0xffff, /* bytes */
};

/* The filter reads 16 bits in network order, and the kernel wrote them in its own. */
#define TYPE(type) htons(type)
#define IF_EQUAL(value, yes, no) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, yes, no)
#define LOAD(size, at) BPF_STMT(BPF_LD | (size) | BPF_ABS, at)
#define RETURN(bytes) BPF_STMT(BPF_RET | BPF_K, bytes)

int netlink_choose_tables(struct mnl_socket *nl, enum netlink_tables tables)
{
	struct sock_filter main_only[] = {
		LOAD(BPF_H, TYPE_AT),
		IF_EQUAL(TYPE(RTM_NEWROUTE), 1, 0),
		IF_EQUAL(TYPE(RTM_DELROUTE), 0, 2),
		LOAD(BPF_B, TABLE_AT),
		IF_EQUAL(RT_TABLE_MAIN, 0, 1),
		RETURN(ALL),
		RETURN(0),
	};
	struct sock_filter others[] = {
		LOAD(BPF_H, TYPE_AT),
		IF_EQUAL(TYPE(RTM_NEWROUTE), 1, 0),
		IF_EQUAL(TYPE(RTM_DELROUTE), 0, 3),
		LOAD(BPF_B, TABLE_AT),
		IF_EQUAL(RT_TABLE_MAIN, 2, 0),
		IF_EQUAL(RT_TABLE_LOCAL, 1, 0),
		RETURN(ALL),
		RETURN(0),
	};
	struct sock_fprog main_program = {ARRAY_SIZE(main_only), main_only};
	struct sock_fprog other_program = {ARRAY_SIZE(others), others};
	const struct sock_fprog *program =
		tables == NETLINK_TABLE_MAIN ? &main_program : &other_program;

	return setsockopt(mnl_socket_get_fd(nl), SOL_SOCKET, SO_ATTACH_FILTER, program,
			  sizeof(*program)) == 0
		       ? 0
		       : -errno;
}

int netlink_ask_table(struct mnl_socket *nl, uint32_t table, uint8_t family)
{
	_Alignas(struct nlmsghdr) char buffer[ASK_SIZE];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buffer);
	struct rtmsg *rtm = mnl_nlmsg_put_extra_header(nlh, sizeof(*rtm));

	nlh->nlmsg_type = RTM_GETROUTE;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	rtm->rtm_family = family;
	mnl_attr_put_u32(nlh, RTA_TABLE, table);
	return mnl_socket_sendto(nl, nlh, nlh->nlmsg_len) < 0 ? -errno : 0;
}

struct step {
	netlink_route_fn each;
	void *arg;
};

static int netlink_take_step(const struct nlmsghdr *nlh, void *arg)
{
	static struct kernel_route route; /* too large for the stack */
	const struct step *step = arg;

	if (netlink_parse_route(nlh, &route))
		step->each(&route, step->arg);
	return MNL_CB_OK;
}

int netlink_read_table(struct mnl_socket *nl, netlink_route_fn each, void *arg)
{
	static _Alignas(struct nlmsghdr) char reply[STEP_SIZE];
	struct step step = {each, arg};
	ssize_t len = mnl_socket_recvfrom(nl, reply, sizeof(reply));
	int ret;

	if (len < 0)
		return errno == EAGAIN || errno == EINTR ? 1 : -errno;
	ret = mnl_cb_run(reply, (size_t)len, 0, 0, netlink_take_step, &step);
	if (ret == MNL_CB_ERROR)
		return errno == ENOENT ? 0 : errno == EINTR ? -EAGAIN : -errno;
	return ret > MNL_CB_STOP;
}
