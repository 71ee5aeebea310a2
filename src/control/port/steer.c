/*
 * The XDP steer program (in/steer.bpf.c) from the daemon's side.
 *
 * The program is inside this executable. DPDK's AF_XDP driver wants a file name, so it gets one in
 * memory: /proc/self/fd/N of a memfd. The driver loads and attaches it; we find its maps through the
 * interface and fill in which addresses are ours. The driver takes the program off at close.
 *
 * The driver attaches by netlink, so after a kill -9 the program stays, with a map whose socket is
 * gone. The next start knows it by its name and takes it off; the lock on the interface
 * (interface.c) says that nobody alive owns it.
 *
 * Control thread.
 */
#include "in/steer.h"
#include "control/port/port_internal.h"
#include "in/steer.skel.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_link.h>

enum { MAPS_MAX = 8 };

static const char program_name[] = "homeward_steer";

struct steer {
	int addrs, counts; /* descriptors of the maps */
};

static int by_address(const void *a, const void *b)
{
	const struct steer_addr *x = a, *y = b;

	return x->addr < y->addr ? -1 : x->addr > y->addr;
}

/* Sorts, and joins the flags of an address that is there twice. Returns how many are left. */
static size_t merge(struct steer_addr *list, size_t n)
{
	size_t out = 0;

	qsort(list, n, sizeof(list[0]), by_address);
	for (size_t i = 0; i < n; i++) {
		if (out > 0 && list[out - 1].addr == list[i].addr)
			list[out - 1].flags |= list[i].flags;
		else
			list[out++] = list[i];
	}
	return out;
}

struct steer_addr *steer_list(const struct network *net, size_t port, const char *ifname, size_t *n)
{
	struct steer_addr *list = calloc(net->n_tunnels + net->n_addresses + 1, sizeof(list[0]));
	size_t filled = 0;

	if (list == NULL)
		return NULL;
	for (uint32_t id = 1; id <= net->n_tunnels; id++)
		list[filled++] = (struct steer_addr){net->tunnels[id].local, STEER_TUNNEL_END};

	for (uint32_t i = 0; i < net->n_addresses; i++) {
		const struct egress_address *egress = &net->addresses[i];
		bool arp = egress->port == port && interface_on_link(ifname, egress->addr);

		list[filled++] =
			(struct steer_addr){egress->addr, STEER_EGRESS | (arp ? STEER_ARP : 0)};
	}
	*n = merge(list, filled);
	return list;
}

int steer_fill(int map_fd, const struct steer_addr *addrs, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int ret = bpf_map_update_elem(map_fd, &addrs[i].addr, &addrs[i].flags, BPF_ANY);

		if (ret != 0)
			return ret;
	}
	return 0;
}

int steer_program_path(char *path, size_t size, int *fd)
{
	size_t len;
	const char *elf = steer_bpf__elf_bytes(&len);

	*fd = memfd_create(program_name, MFD_CLOEXEC);
	if (*fd < 0)
		return -errno;
	if (write(*fd, elf, len) != (ssize_t)len) {
		close(*fd);
		return -EIO;
	}
	snprintf(path, size, "/proc/self/fd/%d", *fd);
	return 0;
}

/* The program on the interface. A descriptor; -ENOENT: none. */
static int attached_program(int ifindex, struct bpf_prog_info *info)
{
	__u32 id = 0, len = sizeof(*info);
	int fd, ret = bpf_xdp_query_id(ifindex, 0, &id);

	if (ret != 0)
		return ret;
	if (id == 0)
		return -ENOENT;
	fd = bpf_prog_get_fd_by_id(id);
	if (fd < 0)
		return -errno;
	if (bpf_obj_get_info_by_fd(fd, info, &len) != 0) {
		close(fd);
		return -EIO;
	}
	return fd;
}

int steer_remove_stale(int ifindex, char name[16])
{
	struct bpf_prog_info info = {0};
	int fd = attached_program(ifindex, &info);

	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	close(fd);
	if (strcmp(info.name, program_name) != 0) {
		snprintf(name, 16, "%s", info.name);
		return -EBUSY;
	}
	return bpf_xdp_detach(ifindex, 0, NULL);
}

/* Keeps the map's descriptor if it is one of ours. */
static void keep_map(struct steer *s, __u32 id)
{
	struct bpf_map_info info = {0};
	__u32 len = sizeof(info);
	int fd = bpf_map_get_fd_by_id(id);

	if (fd < 0)
		return;
	if (bpf_obj_get_info_by_fd(fd, &info, &len) == 0) {
		int *slot = strcmp(info.name, "steer_addrs") == 0    ? &s->addrs
			    : strcmp(info.name, "steer_counts") == 0 ? &s->counts
								     : NULL;

		if (slot != NULL && *slot < 0) {
			*slot = fd;
			return;
		}
	}
	close(fd);
}

struct steer *steer_find(int ifindex)
{
	__u32 ids[MAPS_MAX] = {0};
	struct bpf_prog_info info = {.nr_map_ids = MAPS_MAX, .map_ids = (uintptr_t)ids};
	struct steer *s;
	int fd = attached_program(ifindex, &info);

	if (fd < 0)
		return NULL;
	close(fd);
	s = malloc(sizeof(*s));
	if (s == NULL)
		return NULL;
	*s = (struct steer){-1, -1};
	for (__u32 i = 0; i < info.nr_map_ids && i < MAPS_MAX; i++)
		keep_map(s, ids[i]);
	if (s->addrs < 0 || s->counts < 0) {
		steer_destroy(s);
		return NULL;
	}
	return s;
}

int steer_map(const struct steer *s)
{
	return s->addrs;
}

int steer_counts_map(const struct steer *s)
{
	return s->counts;
}

void steer_destroy(struct steer *s)
{
	if (s == NULL)
		return;
	if (s->addrs >= 0)
		close(s->addrs);
	if (s->counts >= 0)
		close(s->counts);
	free(s);
}

/* Sum over CPUs. */
static uint64_t read_count(int map_fd, uint32_t what, uint64_t *per_cpu, int cpus)
{
	uint64_t sum = 0;

	if (bpf_map_lookup_elem(map_fd, &what, per_cpu) != 0)
		return 0;
	for (int i = 0; i < cpus; i++)
		sum += per_cpu[i];
	return sum;
}

void steer_read(int counts_fd, struct port_steer_counts *out)
{
	int cpus = libbpf_num_possible_cpus();
	uint64_t *per_cpu = cpus > 0 ? calloc((size_t)cpus, sizeof(*per_cpu)) : NULL;

	*out = (struct port_steer_counts){0};
	if (per_cpu == NULL)
		return;
	out->tunnel = read_count(counts_fd, STEER_TOOK_TUNNEL, per_cpu, cpus);
	out->egress = read_count(counts_fd, STEER_TOOK_EGRESS, per_cpu, cpus);
	out->arp = read_count(counts_fd, STEER_TOOK_ARP, per_cpu, cpus);
	out->passed = read_count(counts_fd, STEER_PASSED, per_cpu, cpus);
	out->lost = read_count(counts_fd, STEER_LOST, per_cpu, cpus);
	free(per_cpu);
}
