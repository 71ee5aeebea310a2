/* The kernel's own addresses, indexed: see addresses.h. */
#include "control/port/addresses.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>

enum {
	REPLY_SIZE = 32 * 1024,
	REQUEST_SIZE = 128,
	ROOM_FIRST = 64,
	TRIES = 5, /* a dump that changes interrupted */
};

struct found {
	struct addr6 local, address;
	bool has_local, has_address;
	uint8_t family;
};

static bool read_address(const struct nlattr *attr, uint8_t family, struct addr6 *out)
{
	be32_t four;

	if (family == AF_INET6) {
		if (mnl_attr_get_payload_len(attr) != sizeof(*out))
			return false;
		*out = addr6_read(mnl_attr_get_payload(attr));
		return true;
	}
	if (mnl_attr_get_payload_len(attr) != sizeof(four))
		return false;
	memcpy(&four, mnl_attr_get_payload(attr), sizeof(four));
	*out = addr6_from_ipv4(four);
	return true;
}

static int addresses_keep_attr(const struct nlattr *attr, void *arg)
{
	struct found *f = arg;

	if (mnl_attr_get_type(attr) == IFA_LOCAL)
		f->has_local = read_address(attr, f->family, &f->local);
	else if (mnl_attr_get_type(attr) == IFA_ADDRESS)
		f->has_address = read_address(attr, f->family, &f->address);
	return MNL_CB_OK;
}

/*
 * IFA_LOCAL is ours; with a peer, IFA_ADDRESS is the peer's and gives the network. Without a peer,
 * IPv6 has no IFA_LOCAL.
 */
static bool addresses_parse(const struct nlmsghdr *nlh, struct own_address *out)
{
	const struct ifaddrmsg *ifa = mnl_nlmsg_get_payload(nlh);
	struct found f = {.has_local = false};
	uint8_t bits;

	if (nlh->nlmsg_type != RTM_NEWADDR ||
	    nlh->nlmsg_len < MNL_NLMSG_HDRLEN + MNL_ALIGN(sizeof(*ifa)) ||
	    (ifa->ifa_family != AF_INET && ifa->ifa_family != AF_INET6))
		return false;
	f.family = ifa->ifa_family;
	bits = f.family == AF_INET ? 32 : 128;
	if (mnl_attr_parse(nlh, sizeof(*ifa), addresses_keep_attr, &f) != MNL_CB_OK ||
	    !(f.has_local || f.has_address) || ifa->ifa_prefixlen > bits)
		return false;
	out->addr = f.has_local ? f.local : f.address;
	out->network.len = (uint8_t)(ifa->ifa_prefixlen + (128 - bits));
	out->network.addr = addr6_masked(f.has_address ? &f.address : &f.local, out->network.len);
	out->ifindex = (int)ifa->ifa_index;
	return true;
}

int addresses_add(struct addresses *a, const struct nlmsghdr *nlh)
{
	struct own_address one = {.ifindex = 0};
	struct own_address *list;

	if (!addresses_parse(nlh, &one))
		return 0;
	if (a->n == a->room) {
		size_t room = a->room == 0 ? ROOM_FIRST : 2 * a->room;

		list = reallocarray(a->list, room, sizeof(list[0]));
		if (list == NULL)
			return -ENOMEM;
		a->list = list;
		a->room = room;
	}
	a->list[a->n++] = one;
	return 0;
}

static int by_link(const void *x, const void *y)
{
	const struct own_address *a = x, *b = y;

	if (a->ifindex != b->ifindex)
		return a->ifindex < b->ifindex ? -1 : 1;
	if (a->network.len != b->network.len)
		return a->network.len - b->network.len;
	return addr6_compare(&a->network.addr, &b->network.addr);
}

static int by_address(const void *x, const void *y)
{
	const struct own_address *a = x, *b = y;
	int differs = addr6_compare(&a->addr, &b->addr);

	return differs != 0 ? differs : by_link(x, y);
}

int addresses_index(struct addresses *a)
{
	free(a->links);
	a->links = calloc(a->n + 1, sizeof(a->links[0]));
	if (a->links == NULL)
		return -ENOMEM;
	if (a->n == 0)
		return 0;
	qsort(a->list, a->n, sizeof(a->list[0]), by_address);
	memcpy(a->links, a->list, a->n * sizeof(a->list[0]));
	qsort(a->links, a->n, sizeof(a->links[0]), by_link);
	return 0;
}

void addresses_fini(struct addresses *a)
{
	free(a->list);
	free(a->links);
	*a = (struct addresses){.n = 0};
}

struct dump {
	struct addresses *out;
	int ret;
};

static int on_message(const struct nlmsghdr *nlh, void *arg)
{
	struct dump *d = arg;

	d->ret = addresses_add(d->out, nlh);
	return d->ret == 0 ? MNL_CB_OK : MNL_CB_STOP;
}

/* -EINTR: the addresses changed during the dump. */
static int dump(struct mnl_socket *nl, struct addresses *out)
{
	_Alignas(struct nlmsghdr) char request[REQUEST_SIZE];
	static _Alignas(struct nlmsghdr) char reply[REPLY_SIZE];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(request);
	struct ifaddrmsg *ifa = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifa));
	struct dump d = {out, 0};
	int more = MNL_CB_OK;

	nlh->nlmsg_type = RTM_GETADDR;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	ifa->ifa_family = AF_UNSPEC;
	if (mnl_socket_sendto(nl, nlh, nlh->nlmsg_len) < 0)
		return -errno;
	while (more > MNL_CB_STOP) {
		ssize_t len = mnl_socket_recvfrom(nl, reply, sizeof(reply));

		if (len < 0)
			return -errno;
		more = mnl_cb_run(reply, (size_t)len, 0, 0, on_message, &d);
	}
	return d.ret != 0 ? d.ret : more < 0 ? -errno : 0;
}

static int read_once(struct addresses *out)
{
	struct mnl_socket *nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	int ret;

	if (nl == NULL)
		return -errno;
	ret = dump(nl, out);
	mnl_socket_close(nl);
	return ret != 0 ? ret : addresses_index(out);
}

int addresses_read(struct addresses *out)
{
	int ret = -EINTR;

	*out = (struct addresses){.n = 0};
	for (int i = 0; i < TRIES && ret == -EINTR; i++) {
		addresses_fini(out);
		ret = read_once(out);
	}
	if (ret != 0)
		addresses_fini(out);
	return ret;
}

bool addresses_equal(const struct addresses *a, const struct addresses *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (by_address(&a->list[i], &b->list[i]) != 0)
			return false;
	return true;
}

const struct own_address *addresses_in(const struct addresses *a, const struct prefix6 *prefix)
{
	size_t low = 0, high = a->n; /* index of the first address that is not below the prefix */

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (addr6_compare(&a->list[middle].addr, &prefix->addr) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low < a->n && prefix6_contains(prefix, &a->list[low].addr) ? &a->list[low] : NULL;
}

bool addresses_have(const struct addresses *a, const struct addr6 *addr)
{
	return addresses_in(a, &(struct prefix6){*addr, 128}) != NULL;
}

/* Index of the first of a->links that is not below @wanted. */
static size_t find_link(const struct addresses *a, const struct own_address *wanted)
{
	size_t low = 0, high = a->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (by_link(&a->links[middle], wanted) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* One search for each prefix length of the interface: there are few. */
bool addresses_on_link(const struct addresses *a, int ifindex, const struct addr6 *addr)
{
	struct own_address wanted = {.ifindex = ifindex};
	size_t at = find_link(a, &wanted);

	while (at < a->n && a->links[at].ifindex == ifindex) {
		wanted.network.len = a->links[at].network.len;
		wanted.network.addr = addr6_masked(addr, wanted.network.len);
		at = find_link(a, &wanted);
		if (at < a->n && by_link(&a->links[at], &wanted) == 0)
			return true;
		wanted.network.len++;
		wanted.network.addr = (struct addr6){{0}};
		at = find_link(a, &wanted);
	}
	return false;
}

const char *addresses_print(const struct addr6 *addr, char text[INET6_ADDRSTRLEN])
{
	be32_t four = addr6_to_ipv4(addr);

	return addr6_is_mapped(addr) ? inet_ntop(AF_INET, &four, text, INET6_ADDRSTRLEN)
				     : inet_ntop(AF_INET6, addr, text, INET6_ADDRSTRLEN);
}
