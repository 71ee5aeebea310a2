/*
 * What the kernel says about an interface, by ioctl(2), and the lock that says which process serves
 * it.
 *
 * The lock is flock(2) on a file in /run/homeward, so it ends with the process, however that ends.
 * Its name contains the network namespace, because interfaces of two namespaces may have the same
 * name. The file is removed before the lock is released; a process that has opened it meanwhile
 * notices this and tries again. The file holds what we changed on the interface and must undo, also
 * after a kill -9.
 *
 * Control thread.
 */
#include "base/log.h"
#include "control/port/port_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <linux/ethtool.h>
#include <linux/sockios.h>

enum {
	PROGRAM_AT = 4, /* length of the note in the lock file */
	LOCK_TRIES = 5,
	LOCK_PAUSE_NS = 2000000,
};

static struct ifreq request(const char *name)
{
	struct ifreq ifr = {0};

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	return ifr;
}

/* Asks the driver. What the driver does not report stays 0, and the carrier counts as present. */
static void read_driver(int fd, struct interface *out)
{
	struct ethtool_drvinfo info = {.cmd = ETHTOOL_GDRVINFO};
	struct ethtool_value link = {.cmd = ETHTOOL_GLINK};
	struct ethtool_channels channels = {.cmd = ETHTOOL_GCHANNELS};
	struct ifreq ifr = request(out->name);

	ifr.ifr_data = (char *)&info;
	if (ioctl(fd, SIOCETHTOOL, &ifr) == 0)
		snprintf(out->driver, sizeof(out->driver), "%s", info.driver);

	ifr.ifr_data = (char *)&link;
	out->carrier = ioctl(fd, SIOCETHTOOL, &ifr) != 0 || link.data != 0;

	out->queues = out->tx_queues = 1;
	ifr.ifr_data = (char *)&channels;
	if (ioctl(fd, SIOCETHTOOL, &ifr) != 0)
		return;
	out->combined = channels.max_combined > 0;
	if (channels.combined_count + channels.rx_count > 0)
		out->queues = channels.combined_count + channels.rx_count;
	if (channels.combined_count + channels.tx_count > 0)
		out->tx_queues = channels.combined_count + channels.tx_count;
}

static int read_all(int fd, struct interface *out)
{
	struct ifreq ifr = request(out->name);

	if (ioctl(fd, SIOCGIFINDEX, &ifr) != 0)
		return -errno;
	out->index = ifr.ifr_ifindex;
	if (ioctl(fd, SIOCGIFFLAGS, &ifr) != 0)
		return -errno;
	out->up = ifr.ifr_flags & IFF_UP;
	if (ioctl(fd, SIOCGIFMTU, &ifr) != 0)
		return -errno;
	out->mtu = (uint32_t)ifr.ifr_mtu;
	if (ioctl(fd, SIOCGIFHWADDR, &ifr) != 0)
		return -errno;
	out->ethernet = ifr.ifr_hwaddr.sa_family == ARPHRD_ETHER;
	memcpy(out->mac, ifr.ifr_hwaddr.sa_data, sizeof(out->mac));
	read_driver(fd, out);
	return 0;
}

int interface_read(const char *name, struct interface *out)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int ret;

	if (fd < 0)
		return -errno;
	*out = (struct interface){0};
	snprintf(out->name, sizeof(out->name), "%s", name);
	ret = read_all(fd, out);
	close(fd);
	return ret;
}

static int lock_path(const char *name, char *path, size_t size)
{
	struct stat ns;

	if (stat("/proc/thread-self/ns/net", &ns) != 0)
		return -errno;
	snprintf(path, size, INTERFACE_LOCKS "/port-%ju-%s.lock", (uintmax_t)ns.st_ino, name);
	return 0;
}

/* Is @fd still the file that others open by @path? */
static bool same_file(int fd, const char *path)
{
	struct stat ours, theirs;

	return fstat(fd, &ours) == 0 && stat(path, &theirs) == 0 && ours.st_ino == theirs.st_ino &&
	       ours.st_dev == theirs.st_dev;
}

/* Another start may hold the lock for a moment, to see if the file is a leftover (leftovers.c). */
static int lock_soon(int fd)
{
	const struct timespec pause = {.tv_nsec = LOCK_PAUSE_NS};

	int ret = 0;

	for (int i = 0; i < LOCK_TRIES; i++) {
		if (flock(fd, LOCK_EX | LOCK_NB) == 0)
			return 0;
		ret = -errno;
		if (ret != -EWOULDBLOCK)
			break;
		nanosleep(&pause, NULL);
	}
	return ret;
}

int interface_lock(const char *name)
{
	char path[128];
	int fd, ret = lock_path(name, path, sizeof(path));

	if (ret != 0)
		return ret;
	if (mkdir(INTERFACE_LOCKS, 0755) != 0 && errno != EEXIST)
		return -errno;

	for (;;) {
		fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
		if (fd < 0)
			return -errno;
		ret = lock_soon(fd);
		if (ret != 0) {
			close(fd);
			return ret;
		}
		if (same_file(fd, path))
			return fd;
		close(fd);
	}
}

void interface_unlock(const char *name, int lock)
{
	char path[128];

	if (lock < 0)
		return;
	if (lock_path(name, path, sizeof(path)) == 0)
		unlink(path);
	close(lock);
}

unsigned interface_notes(int lock)
{
	uint8_t notes;

	return pread(lock, &notes, sizeof(notes), 0) == sizeof(notes) ? notes : 0;
}

void interface_note(int lock, enum interface_note note, bool on)
{
	unsigned notes = interface_notes(lock);
	uint8_t out = (uint8_t)(on ? notes | note : notes & ~(unsigned)note);

	if (pwrite(lock, &out, sizeof(out), 0) != sizeof(out))
		log_warning("cannot note in /run/homeward what to undo after a crash");
}

uint32_t interface_noted_program(int lock)
{
	uint32_t id;

	return pread(lock, &id, sizeof(id), PROGRAM_AT) == sizeof(id) ? id : 0;
}

void interface_note_program(int lock, uint32_t id)
{
	if (pwrite(lock, &id, sizeof(id), PROGRAM_AT) != sizeof(id))
		log_warning("cannot note in /run/homeward what to undo after a crash");
}

/* Reads one number of the driver by the ioctl @get; @set is the ioctl that changes it. */
static bool get_value(int fd, const char *name, uint32_t get, uint32_t *value)
{
	struct ethtool_value v = {.cmd = get};
	struct ifreq ifr = request(name);

	ifr.ifr_data = (char *)&v;
	if (ioctl(fd, SIOCETHTOOL, &ifr) != 0)
		return false;
	*value = v.data;
	return true;
}

static void set_value(int fd, const char *name, uint32_t set, uint32_t value)
{
	struct ethtool_value v = {.cmd = set, .data = value};
	struct ifreq ifr = request(name);

	ifr.ifr_data = (char *)&v;
	if (ioctl(fd, SIOCETHTOOL, &ifr) != 0)
		log_warning("interface %s: cannot change offloads: %s", name, strerror(errno));
}

void interface_gro_off(const char *name, int lock)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	uint32_t value;

	if (fd < 0)
		return;
	if (get_value(fd, name, ETHTOOL_GGRO, &value) && value != 0) {
		interface_note(lock, NOTE_GRO, true);
		set_value(fd, name, ETHTOOL_SGRO, 0);
	}
	if (get_value(fd, name, ETHTOOL_GFLAGS, &value) && value & ETH_FLAG_LRO) {
		interface_note(lock, NOTE_LRO, true);
		set_value(fd, name, ETHTOOL_SFLAGS, value & ~(uint32_t)ETH_FLAG_LRO);
	}
	close(fd);
}

void interface_gro_restore(const char *name, int lock)
{
	unsigned notes = interface_notes(lock);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	uint32_t value;

	if (fd < 0)
		return;
	if (notes & NOTE_GRO)
		set_value(fd, name, ETHTOOL_SGRO, 1);
	if (notes & NOTE_LRO && get_value(fd, name, ETHTOOL_GFLAGS, &value))
		set_value(fd, name, ETHTOOL_SFLAGS, value | ETH_FLAG_LRO);
	interface_note(lock, NOTE_GRO, false);
	interface_note(lock, NOTE_LRO, false);
	close(fd);
}

bool interface_gro_is_off(const char *name)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	uint32_t value;
	bool split = true;

	if (fd < 0)
		return true;
	if (get_value(fd, name, ETHTOOL_GGRO, &value) && value != 0)
		split = false;
	if (get_value(fd, name, ETHTOOL_GFLAGS, &value) && value & ETH_FLAG_LRO)
		split = false;
	close(fd);
	return split;
}
