/* TUN devices and their addresses: see device.h. */
#include "control/bgp/device.h"

#include "control/kernel/netlink.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <libmnl/libmnl.h>
#include <linux/if.h>
#include <linux/if_tun.h>

static const char tun_path[] = "/dev/net/tun";

static int set_up(struct device *d, struct ifreq *ifr, uint32_t mtu)
{
	int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), ret = 0;

	if (s < 0)
		return -errno;
	if (ioctl(s, SIOCGIFINDEX, ifr) < 0)
		ret = -errno;
	d->ifindex = ifr->ifr_ifindex;
	ifr->ifr_mtu = (int)mtu;
	if (ret == 0 && ioctl(s, SIOCSIFMTU, ifr) < 0)
		ret = -errno;
	if (ret == 0 && ioctl(s, SIOCGIFFLAGS, ifr) < 0)
		ret = -errno;
	ifr->ifr_flags |= IFF_UP;
	if (ret == 0 && ioctl(s, SIOCSIFFLAGS, ifr) < 0)
		ret = -errno;
	close(s);
	return ret;
}

int device_open(struct device *d, const char *name, bool stays, uint32_t mtu)
{
	struct ifreq ifr = {.ifr_flags = IFF_TUN | IFF_NO_PI};
	int ret = 0;

	d->fd = open(tun_path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (d->fd < 0)
		return -errno;
	memcpy(ifr.ifr_name, name, strlen(name) + 1);
	if (ioctl(d->fd, TUNSETIFF, &ifr) < 0 ||
	    ioctl(d->fd, TUNSETPERSIST, (unsigned long)stays) < 0)
		ret = -errno;
	if (ret == 0)
		ret = set_up(d, &ifr, mtu);
	if (ret != 0)
		device_close(d);
	return ret;
}

void device_close(struct device *d)
{
	if (d->fd >= 0)
		close(d->fd);
	*d = (struct device){.fd = -1};
}

static int ask_device(const char *name, unsigned long what, struct ifreq *ifr)
{
	int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), ret;

	if (s < 0)
		return -errno;
	memcpy(ifr->ifr_name, name, strlen(name) + 1);
	ret = ioctl(s, what, ifr) < 0 ? -errno : 0;
	close(s);
	return ret;
}

bool device_holds(const struct device *d, const char *name)
{
	struct ifreq ifr = {0};

	if (ask_device(name, SIOCGIFINDEX, &ifr) != 0 || ifr.ifr_ifindex != d->ifindex)
		return false;
	return ask_device(name, SIOCGIFFLAGS, &ifr) == 0 && ifr.ifr_flags & IFF_UP;
}

int device_set_mtu(const char *name, uint32_t mtu)
{
	struct ifreq ifr = {.ifr_mtu = (int)mtu};

	return ask_device(name, SIOCSIFMTU, &ifr);
}

/* --- addresses -------------------------------------------------------------------------------- */

struct present {
	struct netlink_address *wanted; /* [n_wanted], by compare_addresses() */
	size_t n_wanted;
	bool *found; /* [n_wanted] */
	struct netlink_address *surplus;
	size_t n_surplus, surplus_room;
	bool failed;
};

static int compare_addresses(const void *a, const void *b)
{
	const struct netlink_address *x = a, *y = b;
	int order = addr6_compare(&x->ours, &y->ours);

	if (order == 0)
		order = addr6_compare(&x->peer, &y->peer);
	return order != 0 ? order : (int)x->len - (int)y->len;
}

static bool add_surplus(struct present *p, const struct netlink_address *address)
{
	size_t room = p->surplus_room == 0 ? 64 : 2 * p->surplus_room;
	struct netlink_address *more;

	if (p->n_surplus == p->surplus_room) {
		more = reallocarray(p->surplus, room, sizeof(*more));
		if (more == NULL)
			return false;
		p->surplus = more;
		p->surplus_room = room;
	}
	p->surplus[p->n_surplus++] = *address;
	return true;
}

static void on_address(const struct netlink_address *address, void *arg)
{
	struct present *p = arg;
	const struct netlink_address *wanted;

	if (addr6_is_link_local(&address->ours)) /* the kernel's own */
		return;
	wanted = bsearch(address, p->wanted, p->n_wanted, sizeof(*wanted), compare_addresses);
	if (wanted != NULL)
		p->found[wanted - p->wanted] = true;
	else
		p->failed = !add_surplus(p, address) || p->failed;
}

static int change_addresses(struct mnl_socket *nl, const struct device *d, const struct present *p)
{
	int ret = 0, one;

	for (size_t i = 0; i < p->n_surplus; i++) {
		one = netlink_set_address(nl, false, d->ifindex, &p->surplus[i]);
		ret = ret == 0 ? one : ret;
	}
	for (size_t i = 0; i < p->n_wanted; i++) {
		one = p->found[i] ? 0 : netlink_set_address(nl, true, d->ifindex, &p->wanted[i]);
		ret = ret == 0 ? one : ret;
	}
	return ret;
}

/* 0 or -ENOMEM. */
static int list_addresses(struct present *p, const struct device_link *links, size_t n)
{
	*p = (struct present){
		.wanted = calloc(n + 1, sizeof(p->wanted[0])),
		.n_wanted = n,
		.found = calloc(n + 1, sizeof(p->found[0])),
	};
	if (p->wanted == NULL || p->found == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		p->wanted[i] = (struct netlink_address){links[i].ours, links[i].peer, 128};
	qsort(p->wanted, n, sizeof(p->wanted[0]), compare_addresses);
	return 0;
}

int device_set_links(const struct device *d, const struct device_link *links, size_t n)
{
	struct present p;
	int ret = list_addresses(&p, links, n);
	struct mnl_socket *nl = ret == 0 ? netlink_open(0) : NULL;

	if (ret == 0 && nl == NULL)
		ret = -errno;
	if (ret == 0)
		ret = netlink_dump_addresses(nl, d->ifindex, on_address, &p);
	if (ret == 0 && p.failed)
		ret = -ENOMEM;
	if (ret == 0)
		ret = change_addresses(nl, d, &p);
	if (nl != NULL)
		mnl_socket_close(nl);
	free(p.wanted);
	free(p.found);
	free(p.surplus);
	return ret;
}
