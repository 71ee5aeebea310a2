/* rtnetlink(7) by libmnl: see netlink.h. */
#include "control/kernel/netlink.h"

#include <errno.h>
#include <net/if.h>
#include <string.h>
#include <time.h>

#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/ipv6.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

enum { REPLY_SIZE = 32 * 1024, REQUEST_SIZE = 256 };

struct attrs {
	const struct nlattr *at[64];
};

static int keep_attr(const struct nlattr *attr, void *arg)
{
	struct attrs *attrs = arg;

	if (mnl_attr_get_type(attr) < ARRAY_SIZE(attrs->at))
		attrs->at[mnl_attr_get_type(attr)] = attr;
	return MNL_CB_OK;
}

/* All attributes behind a fixed header of @header bytes. False: the message is too short for it. */
static bool parse_attrs(const struct nlmsghdr *nlh, size_t header, struct attrs *attrs)
{
	memset(attrs, 0, sizeof(*attrs));
	return nlh->nlmsg_len >= MNL_NLMSG_HDRLEN + MNL_ALIGN(header) &&
	       mnl_attr_parse(nlh, (unsigned)header, keep_attr, attrs) == MNL_CB_OK;
}

static bool get_u32(const struct attrs *attrs, int type, uint32_t *out)
{
	const struct nlattr *attr = attrs->at[type];

	if (attr == NULL || mnl_attr_get_payload_len(attr) != sizeof(*out))
		return false;
	memcpy(out, mnl_attr_get_payload(attr), sizeof(*out));
	return true;
}

/* The attribute @inner within the attribute @outer. False: one of them is not there. */
static bool get_nested(const struct attrs *attrs, int outer, int inner, struct attrs *out)
{
	memset(out, 0, sizeof(*out));
	return attrs->at[outer] != NULL &&
	       mnl_attr_parse_nested(attrs->at[outer], keep_attr, out) == MNL_CB_OK &&
	       out->at[inner] != NULL;
}

/* The kernel's MTU of IPv6 on a link: by its own configuration, or by a router. 0: no IPv6. */
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

/* One of several next hops. */
static bool parse_way(const struct rtnexthop *way, uint8_t family, struct addr6 *gateway)
{
	struct attrs attrs = {{0}};

	*gateway = (struct addr6){{0}};
	if (way->rtnh_flags & RTNH_F_DEAD)
		return false;
	if (mnl_attr_parse_payload(RTNH_DATA(way), way->rtnh_len - sizeof(*way), keep_attr,
				   &attrs) != MNL_CB_OK ||
	    attrs.at[RTA_VIA] != NULL)
		return false;
	return attrs.at[RTA_GATEWAY] == NULL || get_address(&attrs, RTA_GATEWAY, family, gateway);
}

/* The first of several next hops that leaves by @ifindex. */
static bool find_way(const struct nlattr *multipath, int ifindex, uint8_t family,
		     struct addr6 *gateway)
{
	const uint8_t *at = mnl_attr_get_payload(multipath);
	size_t left = mnl_attr_get_payload_len(multipath);

	while (left >= sizeof(struct rtnexthop)) {
		const struct rtnexthop *way = (const void *)at;
		size_t step = RTNH_ALIGN(way->rtnh_len);

		if (way->rtnh_len < sizeof(*way) || way->rtnh_len > left)
			return false;
		if (way->rtnh_ifindex == ifindex && parse_way(way, family, gateway))
			return true;
		if (step > left)
			return false;
		at += step;
		left -= step;
	}
	return false;
}

static bool parse_next_hop(const struct rtmsg *rtm, const struct attrs *attrs, int ifindex,
			   struct addr6 *gateway)
{
	uint32_t oif;

	*gateway = (struct addr6){{0}};
	if (attrs->at[RTA_MULTIPATH] != NULL)
		return find_way(attrs->at[RTA_MULTIPATH], ifindex, rtm->rtm_family, gateway);
	if (!get_u32(attrs, RTA_OIF, &oif) || oif != (uint32_t)ifindex ||
	    rtm->rtm_flags & RTNH_F_DEAD || attrs->at[RTA_VIA] != NULL)
		return false;
	return attrs->at[RTA_GATEWAY] == NULL ||
	       get_address(attrs, RTA_GATEWAY, rtm->rtm_family, gateway);
}

bool netlink_parse_route(const struct nlmsghdr *nlh, int ifindex, struct kernel_route *out)
{
	const struct rtmsg *rtm = mnl_nlmsg_get_payload(nlh);
	struct attrs attrs, metrics;
	uint32_t table;

	if (nlh->nlmsg_type != RTM_NEWROUTE || !parse_attrs(nlh, sizeof(*rtm), &attrs))
		return false;
	table = rtm->rtm_table;
	get_u32(&attrs, RTA_TABLE, &table);
	if ((rtm->rtm_family != AF_INET && rtm->rtm_family != AF_INET6) || table != RT_TABLE_MAIN ||
	    rtm->rtm_type != RTN_UNICAST || rtm->rtm_dst_len > 8 * address_len(rtm->rtm_family) ||
	    rtm->rtm_tos != 0 || rtm->rtm_flags & RTM_F_CLONED)
		return false;

	*out = (struct kernel_route){.prefix.len = rtm->rtm_dst_len};
	if (rtm->rtm_family == AF_INET) {
		out->prefix.len += MAPPED_BITS;
		out->prefix.addr = addr6_from_ipv4(0);
	}
	get_u32(&attrs, RTA_PRIORITY, &out->metric);
	if (get_nested(&attrs, RTA_METRICS, RTAX_MTU, &metrics))
		get_u32(&metrics, RTAX_MTU, &out->mtu);
	if (rtm->rtm_dst_len > 0 &&
	    !get_address(&attrs, RTA_DST, rtm->rtm_family, &out->prefix.addr))
		return false;
	out->prefix.addr = addr6_masked(&out->prefix.addr, out->prefix.len);
	return parse_next_hop(rtm, &attrs, ifindex, &out->gateway);
}

bool netlink_parse_neighbour(const struct nlmsghdr *nlh, int ifindex, struct kernel_neighbour *out)
{
	const struct ndmsg *ndm = mnl_nlmsg_get_payload(nlh);
	struct attrs attrs;

	if (nlh->nlmsg_type != RTM_NEWNEIGH || !parse_attrs(nlh, sizeof(*ndm), &attrs) ||
	    (ndm->ndm_family != AF_INET && ndm->ndm_family != AF_INET6) ||
	    ndm->ndm_ifindex != ifindex || ndm->ndm_flags & NTF_PROXY)
		return false;
	*out = (struct kernel_neighbour){.state = ndm->ndm_state};
	if (!get_address(&attrs, NDA_DST, ndm->ndm_family, &out->addr))
		return false;
	if (!get_mac(&attrs, NDA_LLADDR, out->mac))
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

/* Sends @nlh and hands all that comes back to @cb. */
static int ask(struct mnl_socket *nl, struct nlmsghdr *nlh, mnl_cb_t cb, void *arg)
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
		ret = mnl_cb_run(reply, (size_t)len, serial, mnl_socket_get_portid(nl), cb, arg);
		if (ret < 0 && errno == ESRCH) /* the rest of an answer that we gave up on */
			ret = MNL_CB_OK;
	}
	return ret < 0 ? -errno : 0;
}

struct dump {
	int ifindex;
	netlink_route_fn route;
	netlink_neighbour_fn neighbour;
	struct kernel_link *link;
	bool found;
	void *arg;
};

static int on_row(const struct nlmsghdr *nlh, void *arg)
{
	struct dump *d = arg;
	struct kernel_route route;
	struct kernel_neighbour neighbour;

	if (d->route != NULL && netlink_parse_route(nlh, d->ifindex, &route))
		d->route(&route, d->arg);
	if (d->neighbour != NULL && netlink_parse_neighbour(nlh, d->ifindex, &neighbour))
		d->neighbour(&neighbour, d->arg);
	if (d->link != NULL && netlink_parse_link(nlh, d->ifindex, d->link))
		d->found = true;
	return MNL_CB_OK;
}

int netlink_dump_routes(struct mnl_socket *nl, int ifindex, uint8_t family, netlink_route_fn each,
			void *arg)
{
	_Alignas(struct nlmsghdr) char buffer[REQUEST_SIZE];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buffer);
	struct rtmsg *rtm = mnl_nlmsg_put_extra_header(nlh, sizeof(*rtm));
	struct dump d = {.ifindex = ifindex, .route = each, .arg = arg};

	nlh->nlmsg_type = RTM_GETROUTE;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	rtm->rtm_family = family;
	rtm->rtm_table = RT_TABLE_MAIN;
	mnl_attr_put_u32(nlh, RTA_OIF, (uint32_t)ifindex);
	return ask(nl, nlh, on_row, &d);
}

int netlink_dump_neighbours(struct mnl_socket *nl, int ifindex, uint8_t family,
			    netlink_neighbour_fn each, void *arg)
{
	_Alignas(struct nlmsghdr) char buffer[REQUEST_SIZE];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buffer);
	struct ndmsg *ndm = mnl_nlmsg_put_extra_header(nlh, sizeof(*ndm));
	struct dump d = {.ifindex = ifindex, .neighbour = each, .arg = arg};

	nlh->nlmsg_type = RTM_GETNEIGH;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	ndm->ndm_family = family;
	mnl_attr_put_u32(nlh, NDA_IFINDEX, (uint32_t)ifindex);
	return ask(nl, nlh, on_row, &d);
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
	ret = ask(nl, nlh, on_row, &d);
	return ret != 0 ? ret : d.found ? 0 : -ENODEV;
}

int netlink_resolve(struct mnl_socket *nl, int ifindex, const struct addr6 *addr)
{
	_Alignas(struct nlmsghdr) char buffer[REQUEST_SIZE];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buffer);
	struct ndmsg *ndm = mnl_nlmsg_put_extra_header(nlh, sizeof(*ndm));
	be32_t four = addr6_to_ipv4(addr);

	nlh->nlmsg_type = RTM_NEWNEIGH;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE;
	ndm->ndm_family = addr6_is_mapped(addr) ? AF_INET : AF_INET6;
	ndm->ndm_ifindex = ifindex;
	ndm->ndm_state = NUD_NONE;
	ndm->ndm_flags = NTF_USE;
	if (ndm->ndm_family == AF_INET)
		mnl_attr_put(nlh, NDA_DST, sizeof(four), &four);
	else
		mnl_attr_put(nlh, NDA_DST, sizeof(*addr), addr);
	return ask(nl, nlh, NULL, NULL);
}
