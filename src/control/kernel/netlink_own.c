/* Addresses and routes that we set in the kernel: see netlink.h. */
#include "control/kernel/netlink.h"

#include <errno.h>
#include <string.h>

#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>

enum { MESSAGE_SIZE = 256, LEN4_MAX = 32, LEN6_MAX = 128 };

struct address_dump {
	netlink_address_fn each;
	void *arg;
	int ifindex;
};

struct address_attrs {
	const struct nlattr *local, *address;
};

static int keep_address(const struct nlattr *attr, void *arg)
{
	struct address_attrs *attrs = arg;

	if (mnl_attr_get_type(attr) == IFA_LOCAL)
		attrs->local = attr;
	else if (mnl_attr_get_type(attr) == IFA_ADDRESS)
		attrs->address = attr;
	return MNL_CB_OK;
}

static bool read_address(const struct nlattr *attr, uint8_t family, struct addr6 *out)
{
	be32_t four;

	if (mnl_attr_get_payload_len(attr) != (family == AF_INET ? sizeof(four) : sizeof(*out)))
		return false;
	if (family == AF_INET) {
		memcpy(&four, mnl_attr_get_payload(attr), sizeof(four));
		*out = addr6_from_ipv4(four);
	} else {
		*out = addr6_read(mnl_attr_get_payload(attr));
	}
	return true;
}

static int on_address(const struct nlmsghdr *nlh, void *arg)
{
	const struct ifaddrmsg *ifa = mnl_nlmsg_get_payload(nlh);
	const struct address_dump *d = arg;
	struct address_attrs attrs = {0};
	struct netlink_address address;
	bool four = ifa->ifa_family == AF_INET;

	if (nlh->nlmsg_type != RTM_NEWADDR || mnl_nlmsg_get_payload_len(nlh) < sizeof(*ifa) ||
	    (int)ifa->ifa_index != d->ifindex || (!four && ifa->ifa_family != AF_INET6) ||
	    ifa->ifa_prefixlen > (four ? LEN4_MAX : LEN6_MAX) ||
	    mnl_attr_parse(nlh, sizeof(*ifa), keep_address, &attrs) != MNL_CB_OK ||
	    attrs.address == NULL)
		return MNL_CB_OK;
	if (attrs.local == NULL) /* IPv6 without a far end */
		attrs.local = attrs.address;
	address.len = (uint8_t)(ifa->ifa_prefixlen + (four ? MAPPED_BITS : 0));
	if (read_address(attrs.local, ifa->ifa_family, &address.ours) &&
	    read_address(attrs.address, ifa->ifa_family, &address.peer))
		d->each(&address, d->arg);
	return MNL_CB_OK;
}

int netlink_dump_addresses(struct mnl_socket *nl, int ifindex, netlink_address_fn each, void *arg)
{
	_Alignas(struct nlmsghdr) char buffer[MESSAGE_SIZE];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buffer);
	struct ifaddrmsg *ifa = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifa));
	struct address_dump d = {each, arg, ifindex};

	nlh->nlmsg_type = RTM_GETADDR;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	ifa->ifa_index = (unsigned)ifindex;
	return netlink_ask(nl, nlh, on_address, &d);
}

static void put_address(struct nlmsghdr *nlh, uint16_t type, const struct addr6 *addr)
{
	be32_t four = addr6_to_ipv4(addr);

	if (addr6_is_mapped(addr))
		mnl_attr_put(nlh, type, sizeof(four), &four);
	else
		mnl_attr_put(nlh, type, sizeof(*addr), addr);
}

int netlink_set_address(struct mnl_socket *nl, bool add, int ifindex,
			const struct netlink_address *address)
{
	_Alignas(struct nlmsghdr) char buffer[MESSAGE_SIZE];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buffer);
	struct ifaddrmsg *ifa = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifa));
	bool four = addr6_is_mapped(&address->ours);

	nlh->nlmsg_type = add ? RTM_NEWADDR : RTM_DELADDR;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | (add ? NLM_F_CREATE | NLM_F_REPLACE : 0);
	ifa->ifa_family = four ? AF_INET : AF_INET6;
	ifa->ifa_prefixlen = (uint8_t)(address->len - (four ? MAPPED_BITS : 0));
	ifa->ifa_flags = four ? 0 : IFA_F_NODAD; /* nobody else is on the link */
	ifa->ifa_index = (unsigned)ifindex;
	put_address(nlh, IFA_LOCAL, &address->ours);
	put_address(nlh, IFA_ADDRESS, &address->peer);
	return netlink_ask(nl, nlh, NULL, NULL);
}

int netlink_set_route(struct mnl_socket *nl, bool add, const struct netlink_own_route *route)
{
	_Alignas(struct nlmsghdr) char buffer[MESSAGE_SIZE];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buffer);
	struct rtmsg *rtm = mnl_nlmsg_put_extra_header(nlh, sizeof(*rtm));
	bool four = route->prefix.len >= MAPPED_BITS && addr6_is_mapped(&route->prefix.addr);

	nlh->nlmsg_type = add ? RTM_NEWROUTE : RTM_DELROUTE;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | (add ? NLM_F_CREATE | NLM_F_REPLACE : 0);
	rtm->rtm_family = four ? AF_INET : AF_INET6;
	rtm->rtm_dst_len = (uint8_t)(route->prefix.len - (four ? MAPPED_BITS : 0));
	rtm->rtm_type = RTN_UNICAST;
	rtm->rtm_protocol = route->protocol;
	rtm->rtm_scope = four ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
	put_address(nlh, RTA_DST, &route->prefix.addr);
	mnl_attr_put_u32(nlh, RTA_TABLE, route->table);
	mnl_attr_put_u32(nlh, RTA_PRIORITY, route->metric);
	mnl_attr_put_u32(nlh, RTA_OIF, (uint32_t)route->ifindex);
	return netlink_ask(nl, nlh, NULL, NULL);
}
