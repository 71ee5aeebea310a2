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
	const struct device_link *wanted;
	size_t n_wanted;
	bool *found; /* [n_wanted] */
	struct device_link *surplus;
	size_t n_surplus;
	bool failed;
};

static bool is_link_local(const struct addr6 *addr)
{
	return (be64toh(addr->half[0]) >> 54) == 0x3fa; /* fe80::/10: the kernel's own */
}

static void on_address(const struct addr6 *ours, const struct addr6 *peer, void *arg)
{
	struct present *p = arg;
	struct device_link *more;

	if (is_link_local(ours))
		return;
	for (size_t i = 0; i < p->n_wanted; i++) {
		if (addr6_equal(&p->wanted[i].ours, ours) &&
		    addr6_equal(&p->wanted[i].peer, peer)) {
			p->found[i] = true;
			return;
		}
	}
	more = reallocarray(p->surplus, p->n_surplus + 1, sizeof(*more));
	if (more == NULL) {
		p->failed = true;
		return;
	}
	p->surplus = more;
	p->surplus[p->n_surplus++] = (struct device_link){*ours, *peer};
}

static int change_links(struct mnl_socket *nl, const struct device *d, const struct present *p)
{
	int ret = 0, one;

	for (size_t i = 0; i < p->n_surplus; i++) {
		one = netlink_set_address(nl, false, d->ifindex, &p->surplus[i].ours,
					  &p->surplus[i].peer);
		ret = ret == 0 ? one : ret;
	}
	for (size_t i = 0; i < p->n_wanted; i++) {
		one = p->found[i] ? 0
				  : netlink_set_address(nl, true, d->ifindex, &p->wanted[i].ours,
							&p->wanted[i].peer);
		ret = ret == 0 ? one : ret;
	}
	return ret;
}

int device_set_links(const struct device *d, const struct device_link *links, size_t n)
{
	struct present p = {
		.wanted = links, .n_wanted = n, .found = calloc(n + 1, sizeof(p.found[0]))};
	struct mnl_socket *nl = netlink_open(0);
	int ret = nl == NULL ? -errno : p.found == NULL ? -ENOMEM : 0;

	if (ret == 0)
		ret = netlink_dump_addresses(nl, d->ifindex, on_address, &p);
	if (ret == 0 && p.failed)
		ret = -ENOMEM;
	if (ret == 0)
		ret = change_links(nl, d, &p);
	if (nl != NULL)
		mnl_socket_close(nl);
	free(p.found);
	free(p.surplus);
	return ret;
}
