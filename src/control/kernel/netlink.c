/* rtnetlink(7) by libmnl: see netlink.h. */
#include "control/kernel/netlink.h"

#include <errno.h>
#include <net/if.h>
#include <string.h>
#include <time.h>

#include <libmnl/libmnl.h>
#include <linux/icmpv6.h>
#include <linux/if_link.h>
#include <linux/ipv6.h>
#include <linux/neighbour.h>
#include <linux/nexthop.h>
#include <linux/rtnetlink.h>

enum { REPLY_SIZE = 32 * 1024, REQUEST_SIZE = 256 };

struct attrs {
	const struct nlattr *at[64];
};

static int netlink_keep_attr(const struct nlattr *attr, void *arg)
{
	struct attrs *attrs = arg;

	if (mnl_attr_get_type(attr) < ARRAY_SIZE(attrs->at))
		attrs->at[mnl_attr_get_type(attr)] = attr;
	return MNL_CB_OK;
}

/* Reads all attributes behind a fixed header of @header bytes. False: the message is too short. */
static bool parse_attrs(const struct nlmsghdr *nlh, size_t header, struct attrs *attrs)
{
	memset(attrs, 0, sizeof(*attrs));
	return nlh->nlmsg_len >= MNL_NLMSG_HDRLEN + MNL_ALIGN(header) &&
	       mnl_attr_parse(nlh, (unsigned)header, netlink_keep_attr, attrs) == MNL_CB_OK;
}

static bool get_u32(const struct attrs *attrs, int type, uint32_t *out)
{
	const struct nlattr *attr = attrs->at[type];

	if (attr == NULL || mnl_attr_get_payload_len(attr) != sizeof(*out))
		return false;
	memcpy(out, mnl_attr_get_payload(attr), sizeof(*out));
	return true;
}

/* Finds the attribute @inner within the attribute @outer. False: one of them is missing. */
static bool get_nested(const struct attrs *attrs, int outer, int inner, struct attrs *out)
{
	memset(out, 0, sizeof(*out));
	return attrs->at[outer] != NULL &&
	       mnl_attr_parse_nested(attrs->at[outer], netlink_keep_attr, out) == MNL_CB_OK &&
	       out->at[inner] != NULL;
}

/* The IPv6 MTU of a link, from its configuration or from a router. 0: IPv6 is off. */
static uint32_t get_mtu6(const struct attrs *attrs)
{
	struct attrs families, six;
	const struct nlattr *conf;
	uint32_t mtu;

	if (!get_nested(attrs, IFLA_AF_SPEC, AF_INET6, &families) ||
	    !get_nested(&families, AF_INET6, IFLA_INET6_CONF, &six))
		return 0;
	conf = six.at[IFLA_INET6_CONF];
	if (mnl_attr_get_payload_len(conf) < (DEVCONF_MTU6 + 1) * sizeof(mtu))
		return 0;
	memcpy(&mtu, (const uint8_t *)mnl_attr_get_payload(conf) + DEVCONF_MTU6 * sizeof(mtu),
	       sizeof(mtu));
	return mtu;
}

static uint8_t address_len(uint8_t family)
{
	return family == AF_INET ? sizeof(be32_t) : sizeof(struct addr6);
}

static bool get_address(const struct attrs *attrs, int type, uint8_t family, struct addr6 *out)
{
	const struct nlattr *attr = attrs->at[type];
	be32_t four;

	if (attr == NULL || mnl_attr_get_payload_len(attr) != address_len(family))
		return false;
	if (family == AF_INET6) {
		*out = addr6_read(mnl_attr_get_payload(attr));
		return true;
	}
	memcpy(&four, mnl_attr_get_payload(attr), sizeof(four));
	*out = addr6_from_ipv4(four);
	return true;
}

static bool get_mac(const struct attrs *attrs, int type, uint8_t mac[6])
{
	const struct nlattr *attr = attrs->at[type];

	if (attr == NULL || mnl_attr_get_payload_len(attr) != 6)
		return false;
	memcpy(mac, mnl_attr_get_payload(attr), 6);
	return true;
}

/* RTA_VIA: an address with its family in front (RFC 8950). */
static bool get_via(const struct nlattr *attr, struct addr6 *out)
{
	const struct rtvia *via = mnl_attr_get_payload(attr);
	size_t len = mnl_attr_get_payload_len(attr);

	if (len != sizeof(*via) + sizeof(*out) || via->rtvia_family != AF_INET6)
		return false;
	*out = addr6_read(via->rtvia_addr);
	return true;
}

static bool get_gateway(const struct attrs *attrs, uint8_t family, struct addr6 *out)
{
	if (attrs->at[RTA_VIA] != NULL)
		return get_via(attrs->at[RTA_VIA], out);
	return attrs->at[RTA_GATEWAY] == NULL || get_address(attrs, RTA_GATEWAY, family, out);
}

static void add_gateway(struct kernel_route *route, const struct kernel_gateway *gateway)
{
	if (route->n_gateways < KERNEL_GATEWAYS_MAX)
		route->gateways[route->n_gateways++] = *gateway;
}

static bool parse_gateway(const struct rtnexthop *nh, uint8_t family,
			  struct kernel_gateway *gateway)
{
	struct attrs attrs = {{0}};

	*gateway = (struct kernel_gateway){.ifindex = nh->rtnh_ifindex,
					   .weight = (uint16_t)(nh->rtnh_hops + 1),
					   .dead = nh->rtnh_flags & RTNH_F_DEAD};
	return mnl_attr_parse_payload(RTNH_DATA(nh), nh->rtnh_len - sizeof(*nh), netlink_keep_attr,
				      &attrs) == MNL_CB_OK &&
	       get_gateway(&attrs, family, &gateway->gateway);
}

/* A nexthop that is not understood is skipped; the others are kept. False: a length is wrong. */
static bool parse_ways(const struct nlattr *multipath, uint8_t family, struct kernel_route *route)
{
	const uint8_t *at = mnl_attr_get_payload(multipath);
	size_t left = mnl_attr_get_payload_len(multipath);

	while (left >= sizeof(struct rtnexthop)) {
		const struct rtnexthop *nh = (const void *)at;
		size_t step = RTNH_ALIGN(nh->rtnh_len);
		struct kernel_gateway gateway;

		if (nh->rtnh_len < sizeof(*nh) || nh->rtnh_len > left)
			return false;
		if (parse_gateway(nh, family, &gateway))
			add_gateway(route, &gateway);
		if (step >= left)
			return true;
		at += step;
		left -= step;
	}
	return true;
}

static bool parse_all_ways(const struct rtmsg *rtm, const struct attrs *attrs,
			   struct kernel_route *route)
{
	struct kernel_gateway gateway = {.weight = 1, .dead = rtm->rtm_flags & RTNH_F_DEAD};
	uint32_t oif;

	if (attrs->at[RTA_MULTIPATH] != NULL)
		return parse_ways(attrs->at[RTA_MULTIPATH], rtm->rtm_family, route);
	if (!get_u32(attrs, RTA_OIF, &oif))
		return get_u32(attrs, RTA_NH_ID, &route->nexthop);
	gateway.ifindex = (int)oif;
	if (!get_gateway(attrs, rtm->rtm_family, &gateway.gateway))
		return false;
	add_gateway(route, &gateway);
	return true;
}

static bool get_kind(uint8_t type, uint8_t *kind)
{
	switch (type) {
	case RTN_UNICAST:
		*kind = KERNEL_UNICAST;
		return true;
	case RTN_BLACKHOLE:
		*kind = KERNEL_BLACKHOLE;
		return true;
	case RTN_UNREACHABLE:
		*kind = KERNEL_UNREACHABLE;
		return true;
	case RTN_PROHIBIT:
		*kind = KERNEL_PROHIBIT;
		return true;
	case RTN_THROW:
		*kind = KERNEL_THROW;
		return true;
	default:
		return false;
	}
}

/* RFC 4191: high, medium, low. */
static uint8_t get_preference(const struct attrs *attrs)
{
	const struct nlattr *attr = attrs->at[RTA_PREF];
	uint8_t pref = attr != NULL && mnl_attr_get_payload_len(attr) == 1
			       ? mnl_attr_get_u8(attr)
			       : ICMPV6_ROUTER_PREF_MEDIUM;

	return pref == ICMPV6_ROUTER_PREF_HIGH ? 0 : pref == ICMPV6_ROUTER_PREF_MEDIUM ? 1 : 2;
}

static bool parse_prefix(const struct rtmsg *rtm, const struct attrs *attrs, struct prefix6 *out)
{
	*out = (struct prefix6){.len = rtm->rtm_dst_len};
	if (rtm->rtm_dst_len > 8 * address_len(rtm->rtm_family))
		return false;
	if (rtm->rtm_family == AF_INET) {
		out->len += MAPPED_BITS;
		out->addr = addr6_from_ipv4(0);
	}
	if (rtm->rtm_dst_len > 0 && !get_address(attrs, RTA_DST, rtm->rtm_family, &out->addr))
		return false;
	out->addr = addr6_masked(&out->addr, out->len);
	return true;
}

bool netlink_parse_route(const struct nlmsghdr *nlh, struct kernel_route *out)
{
	const struct rtmsg *rtm = mnl_nlmsg_get_payload(nlh);
	struct attrs attrs, metrics;

	if ((nlh->nlmsg_type != RTM_NEWROUTE && nlh->nlmsg_type != RTM_DELROUTE) ||
	    !parse_attrs(nlh, sizeof(*rtm), &attrs))
		return false;
	out->table = rtm->rtm_table; /* a number above 255 is in the attribute only */
	get_u32(&attrs, RTA_TABLE, &out->table);
	if ((rtm->rtm_family != AF_INET && rtm->rtm_family != AF_INET6) ||
	    out->table == RT_TABLE_LOCAL || rtm->rtm_tos != 0 || rtm->rtm_src_len != 0 ||
	    rtm->rtm_flags & RTM_F_CLONED)
		return false;

	out->metric = out->nexthop = out->mtu = 0;
	out->n_gateways = 0;
	out->removed = nlh->nlmsg_type == RTM_DELROUTE;
	out->replaces = !out->removed && nlh->nlmsg_flags & NLM_F_REPLACE;
	out->preference = get_preference(&attrs);
	get_u32(&attrs, RTA_PRIORITY, &out->metric);
	if (get_nested(&attrs, RTA_METRICS, RTAX_MTU, &metrics))
		get_u32(&metrics, RTAX_MTU, &out->mtu);
	return get_kind(rtm->rtm_type, &out->kind) && parse_prefix(rtm, &attrs, &out->prefix) &&
	       (out->kind != KERNEL_UNICAST || parse_all_ways(rtm, &attrs, out));
}

static void parse_group(const struct nlattr *attr, struct kernel_nexthop *out)
{
	const uint8_t *at = mnl_attr_get_payload(attr);
	size_t n = mnl_attr_get_payload_len(attr) / sizeof(struct nexthop_grp);

	for (size_t i = 0; i < n && i < KERNEL_GATEWAYS_MAX; i++) {
		struct nexthop_grp member;

		memcpy(&member, at + i * sizeof(member), sizeof(member));
		out->weights[out->n_group] = (uint16_t)(member.weight + 1);
		out->group[out->n_group++] = member.id;
	}
}

bool netlink_parse_nexthop(const struct nlmsghdr *nlh, struct kernel_nexthop *out)
{
	const struct nhmsg *nhm = mnl_nlmsg_get_payload(nlh);
	struct attrs attrs;
	uint32_t oif = 0;

	if ((nlh->nlmsg_type != RTM_NEWNEXTHOP && nlh->nlmsg_type != RTM_DELNEXTHOP) ||
	    !parse_attrs(nlh, sizeof(*nhm), &attrs))
		return false;
	*out = (struct kernel_nexthop){.removed = nlh->nlmsg_type == RTM_DELNEXTHOP,
				       .blackhole = attrs.at[NHA_BLACKHOLE] != NULL,
				       .gateway.dead = nhm->nh_flags & RTNH_F_DEAD};
	if (!get_u32(&attrs, NHA_ID, &out->id))
		return false;
	if (attrs.at[NHA_GROUP] != NULL) {
		parse_group(attrs.at[NHA_GROUP], out);
		return true;
	}
	get_u32(&attrs, NHA_OIF, &oif);
	out->gateway.ifindex = (int)oif;
	return attrs.at[NHA_GATEWAY] == NULL ||
	       get_address(&attrs, NHA_GATEWAY, nhm->nh_family, &out->gateway.gateway);
}

bool netlink_parse_neighbour(const struct nlmsghdr *nlh, struct kernel_neighbour *out)
{
	const struct ndmsg *ndm = mnl_nlmsg_get_payload(nlh);
	struct attrs attrs;

	if ((nlh->nlmsg_type != RTM_NEWNEIGH && nlh->nlmsg_type != RTM_DELNEIGH) ||
	    !parse_attrs(nlh, sizeof(*ndm), &attrs) ||
	    (ndm->ndm_family != AF_INET && ndm->ndm_family != AF_INET6) ||
	    ndm->ndm_flags & NTF_PROXY)
		return false;
	*out = (struct kernel_neighbour){.state = ndm->ndm_state, .ifindex = ndm->ndm_ifindex};
	if (!get_address(&attrs, NDA_DST, ndm->ndm_family, &out->addr))
		return false;
	if (nlh->nlmsg_type == RTM_DELNEIGH)
		out->state = NUD_NONE;
	else if (!get_mac(&attrs, NDA_LLADDR, out->mac))
		out->state = NUD_FAILED == ndm->ndm_state ? NUD_FAILED : NUD_INCOMPLETE;
	return true;
}

bool netlink_parse_link(const struct nlmsghdr *nlh, int ifindex, struct kernel_link *out)
{
	const struct ifinfomsg *ifi = mnl_nlmsg_get_payload(nlh);
	struct attrs attrs;

	if (nlh->nlmsg_type != RTM_NEWLINK || !parse_attrs(nlh, sizeof(*ifi), &attrs) ||
	    ifi->ifi_index != ifindex)
		return false;
	*out = (struct kernel_link){.up = ifi->ifi_flags & IFF_UP, .mtu6 = get_mtu6(&attrs)};
	return get_mac(&attrs, IFLA_ADDRESS, out->mac) && get_u32(&attrs, IFLA_MTU, &out->mtu);
}

struct mnl_socket *netlink_open(unsigned groups)
{
	struct mnl_socket *nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	int on = 1;

	if (nl == NULL)
		return NULL;
	if (mnl_socket_bind(nl, groups, MNL_SOCKET_AUTOPID) != 0 ||
	    mnl_socket_setsockopt(nl, NETLINK_GET_STRICT_CHK, &on, sizeof(on)) != 0) {
		mnl_socket_close(nl);
		return NULL;
	}
	return nl;
}

int netlink_ask(struct mnl_socket *nl, struct nlmsghdr *nlh, mnl_cb_t cb, void *arg)
{
	static _Alignas(struct nlmsghdr) char reply[REPLY_SIZE];
	static uint32_t serial;
	ssize_t len;
	int ret = MNL_CB_OK;

	nlh->nlmsg_seq = ++serial;
	if (mnl_socket_sendto(nl, nlh, nlh->nlmsg_len) < 0)
		return -errno;
	while (ret > MNL_CB_STOP) {
		len = mnl_socket_recvfrom(nl, reply, sizeof(reply));
		if (len < 0)
			return -errno;
		if (((const struct nlmsghdr *)(const void *)reply)->nlmsg_seq != serial)
			continue; /* a late reply to an earlier request */
		ret = mnl_cb_run(reply, (size_t)len, serial, mnl_socket_get_portid(nl), cb, arg);
		if (ret < 0 && errno == EINTR) /* the kernel has set NLM_F_DUMP_INTR */
			return -EAGAIN;
	}
	return ret < 0 ? -errno : 0;
}

struct dump {
	netlink_route_fn route;
	netlink_nexthop_fn nexthop;
	netlink_neighbour_fn neighbour;
	struct kernel_link *link;
	int ifindex; /* of the link */
	bool found;
	void *arg;
};

static int on_row(const struct nlmsghdr *nlh, void *arg)
{
	struct dump *d = arg;
	struct kernel_neighbour neighbour;

	if (d->route != NULL) {
		struct kernel_route route;

		if (netlink_parse_route(nlh, &route))
			d->route(&route, d->arg);
	}
	if (d->nexthop != NULL) {
		struct kernel_nexthop nexthop;

		if (netlink_parse_nexthop(nlh, &nexthop))
			d->nexthop(&nexthop, d->arg);
	}
	if (d->neighbour != NULL && netlink_parse_neighbour(nlh, &neighbour))
		d->neighbour(&neighbour, d->arg);
	if (d->link != NULL && netlink_parse_link(nlh, d->ifindex, d->link))
		d->found = true;
	return MNL_CB_OK;
}

int netlink_dump_routes(struct mnl_socket *nl, int ifindex, uint8_t type, uint8_t family,
			netlink_route_fn each, void *arg)
{
	_Alignas(struct nlmsghdr) char buffer[REQUEST_SIZE];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buffer);
	struct rtmsg *rtm = mnl_nlmsg_put_extra_header(nlh, sizeof(*rtm));
	struct dump d = {.route = each, .arg = arg};

	nlh->nlmsg_type = RTM_GETROUTE;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	rtm->rtm_family = family;
	rtm->rtm_table = RT_TABLE_MAIN;
	rtm->rtm_type = type;
	if (ifindex != 0)
		mnl_attr_put_u32(nlh, RTA_OIF, (uint32_t)ifindex);
	return netlink_ask(nl, nlh, on_row, &d);
}

int netlink_dump_nexthops(struct mnl_socket *nl, netlink_nexthop_fn each, void *arg)
{
	_Alignas(struct nlmsghdr) char buffer[REQUEST_SIZE];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buffer);
	struct dump d = {.nexthop = each, .arg = arg};

	mnl_nlmsg_put_extra_header(nlh, sizeof(struct nhmsg));
	nlh->nlmsg_type = RTM_GETNEXTHOP;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	return netlink_ask(nl, nlh, on_row, &d);
}

int netlink_dump_neighbours(struct mnl_socket *nl, int ifindex, uint8_t family,
			    netlink_neighbour_fn each, void *arg)
{
	_Alignas(struct nlmsghdr) char buffer[REQUEST_SIZE];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buffer);
	struct ndmsg *ndm = mnl_nlmsg_put_extra_header(nlh, sizeof(*ndm));
	struct dump d = {.neighbour = each, .arg = arg};

	nlh->nlmsg_type = RTM_GETNEIGH;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	ndm->ndm_family = family;
	mnl_attr_put_u32(nlh, NDA_IFINDEX, (uint32_t)ifindex);
	return netlink_ask(nl, nlh, on_row, &d);
}

int netlink_get_link(struct mnl_socket *nl, int ifindex, struct kernel_link *out)
{
	_Alignas(struct nlmsghdr) char buffer[REQUEST_SIZE];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buffer);
	struct ifinfomsg *ifi = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifi));
	struct dump d = {.ifindex = ifindex, .link = out};
	int ret;

	nlh->nlmsg_type = RTM_GETLINK;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	ifi->ifi_index = ifindex;
	ret = netlink_ask(nl, nlh, on_row, &d);
	return ret != 0 ? ret : d.found ? 0 : -ENODEV;
}

static int change_neighbour(struct mnl_socket *nl, uint16_t type, int ifindex,
			    const struct addr6 *addr)
{
	_Alignas(struct nlmsghdr) char buffer[REQUEST_SIZE];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buffer);
	struct ndmsg *ndm = mnl_nlmsg_put_extra_header(nlh, sizeof(*ndm));
	be32_t four = addr6_to_ipv4(addr);

	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | (type == RTM_NEWNEIGH ? NLM_F_CREATE : 0);
	ndm->ndm_family = addr6_is_mapped(addr) ? AF_INET : AF_INET6;
	ndm->ndm_ifindex = ifindex;
	ndm->ndm_state = NUD_NONE;
	ndm->ndm_flags = type == RTM_NEWNEIGH ? NTF_USE : 0;
	if (ndm->ndm_family == AF_INET)
		mnl_attr_put(nlh, NDA_DST, sizeof(four), &four);
	else
		mnl_attr_put(nlh, NDA_DST, sizeof(*addr), addr);
	return netlink_ask(nl, nlh, NULL, NULL);
}

int netlink_resolve(struct mnl_socket *nl, int ifindex, const struct addr6 *addr)
{
	return change_neighbour(nl, RTM_NEWNEIGH, ifindex, addr);
}

int netlink_forget(struct mnl_socket *nl, int ifindex, const struct addr6 *addr)
{
	return change_neighbour(nl, RTM_DELNEIGH, ifindex, addr);
}
