/*
 * A library for LD_PRELOAD: says of every interface that its queues receive and transmit.
 *
 * A veth reports queues that do either, real cards queues that do both ("combined"), and DPDK's
 * AF_XDP driver then makes one device of several queues. With this library a test shows the driver
 * a veth as if it were such a card.
 */
#include <dlfcn.h>
#include <net/if.h>
#include <stdarg.h>
#include <sys/ioctl.h>

#include <linux/ethtool.h>
#include <linux/sockios.h>

static void combine(struct ethtool_channels *channels)
{
	if (channels->cmd != ETHTOOL_GCHANNELS)
		return;
	channels->max_combined = channels->max_rx;
	channels->combined_count = channels->rx_count;
	channels->max_rx = channels->max_tx = channels->rx_count = channels->tx_count = 0;
}

int ioctl(int fd, unsigned long request, ...)
{
	int (*next)(int, unsigned long, void *) =
		(int (*)(int, unsigned long, void *))dlsym(RTLD_NEXT, "ioctl");
	va_list ap;
	void *arg;
	int ret;

	va_start(ap, request);
	arg = va_arg(ap, void *);
	va_end(ap);
	ret = next(fd, request, arg);
	if (ret == 0 && request == SIOCETHTOOL)
		combine((struct ethtool_channels *)((struct ifreq *)arg)->ifr_data);
	return ret;
}
