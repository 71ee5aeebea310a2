/*
 * The XDP steer program (in/steer.bpf.c) from the daemon's side.
 *
 * The program is embedded in this executable. DPDK's AF_XDP driver wants a file name, so it gets a
 * file in memory: /proc/self/fd/N of a memfd. The driver loads and attaches the program. We find
 * its maps among our open descriptors (asking the kernel by id would need CAP_SYS_ADMIN). The
 * driver detaches the program when it closes. steer_list.c and steer_write.c say what is in the
 * maps.
 *
 * The driver attaches by netlink, so after a kill -9 the program stays attached, with a map whose
 * socket is gone. The next start recognises it by its id, noted in the interface's lock file, or by
 * its name, and detaches it. Holding the lock proves that no living process owns it.
 *
 * Control thread.
 */
#include "in/steer.h"
#include "control/port/port_internal.h"
#include "in/steer.skel.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_link.h>

enum { MAPS_MAX = 16, DESCRIPTORS_MAX = 4096 };

static const char program_name[] = "homeward_steer";

struct steer {
	__u32 program; /* id in the kernel */
	int program_fd;
	struct steer_maps addrs; /* descriptors */
	int counts, queues;
};

int steer_set_mac(struct steer_maps maps, const uint8_t mac[6])
{
	const uint32_t zero = 0;
	uint64_t value = 0;

	memcpy(&value, mac, 6);
	return bpf_map_update_elem(maps.mac, &zero, &value, BPF_ANY);
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

/* Needs CAP_SYS_ADMIN. "": the name is not known. */
static void read_name(__u32 id, char name[16])
{
	struct bpf_prog_info info = {0};
	__u32 len = sizeof(info);
	int fd = bpf_prog_get_fd_by_id(id);

	name[0] = '\0';
	if (fd < 0)
		return;
	if (bpf_obj_get_info_by_fd(fd, &info, &len) == 0)
		snprintf(name, 16, "%s", info.name);
	close(fd);
}

int steer_remove_stale(int ifindex, uint32_t noted, char name[16])
{
	__u32 id = 0;
	int ret = bpf_xdp_query_id(ifindex, 0, &id);

	if (ret != 0 || id == 0)
		return ret;
	read_name(id, name);
	if (id != noted && strcmp(name, program_name) != 0)
		return -EBUSY;
	return bpf_xdp_detach(ifindex, 0, NULL);
}

/* Is descriptor @fd of this process a BPF object of @kind, "bpf-prog" or "bpf-map"? */
static bool is_bpf(int fd, const char *kind)
{
	char path[32], target[64], wanted[64];
	ssize_t len;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	snprintf(wanted, sizeof(wanted), "anon_inode:%s", kind);
	len = readlink(path, target, sizeof(target) - 1);
	if (len < 0)
		return false;
	target[len] = '\0';
	return strcmp(target, wanted) == 0;
}

/* Lists the maps of program @id, which this process has open. Returns their number. */
static size_t read_map_ids(int fd, __u32 id, __u32 *ids)
{
	struct bpf_prog_info info = {.nr_map_ids = MAPS_MAX, .map_ids = (uintptr_t)ids};
	__u32 len = sizeof(info);

	if (!is_bpf(fd, "bpf-prog") || bpf_obj_get_info_by_fd(fd, &info, &len) != 0 ||
	    info.id != id)
		return 0;
	return info.nr_map_ids < MAPS_MAX ? info.nr_map_ids : MAPS_MAX;
}

/* Keeps a duplicate of descriptor @fd if it is one of the maps we need. */
static void keep_map(struct steer *s, int fd, const __u32 *ids, size_t n)
{
	struct bpf_map_info info = {0};
	__u32 len = sizeof(info);
	int *slot;

	if (!is_bpf(fd, "bpf-map") || bpf_obj_get_info_by_fd(fd, &info, &len) != 0)
		return;
	slot = strcmp(info.name, "steer_addrs") == 0	   ? &s->addrs.four
	       : strcmp(info.name, "steer_addrs6") == 0	   ? &s->addrs.six
	       : strcmp(info.name, "steer_prefixes6") == 0 ? &s->addrs.prefixes6
	       : strcmp(info.name, "steer_mac") == 0	   ? &s->addrs.mac
	       : strcmp(info.name, "steer_counts") == 0	   ? &s->counts
	       : strcmp(info.name, "steer_queues") == 0	   ? &s->queues
							   : NULL;
	for (size_t i = 0; slot != NULL && i < n; i++)
		if (ids[i] == info.id && *slot < 0)
			*slot = fcntl(fd, F_DUPFD_CLOEXEC, 0);
}

struct steer *steer_find(int ifindex)
{
	int end = (int)sysconf(_SC_OPEN_MAX);
	struct steer *s = malloc(sizeof(*s));
	__u32 ids[MAPS_MAX] = {0};
	size_t n = 0;

	if (s == NULL)
		return NULL;
	*s = (struct steer){
		.program_fd = -1, .addrs = {-1, -1, -1, -1}, .counts = -1, .queues = -1};
	if (bpf_xdp_query_id(ifindex, 0, &s->program) != 0 || s->program == 0)
		end = 0;
	end = end < DESCRIPTORS_MAX ? end : DESCRIPTORS_MAX;
	for (int fd = 0; fd < end && n == 0; fd++) {
		n = read_map_ids(fd, s->program, ids);
		if (n > 0)
			s->program_fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	}
	for (int fd = 0; fd < end && n > 0; fd++)
		keep_map(s, fd, ids, n);
	if (s->program_fd < 0 || s->addrs.four < 0 || s->addrs.six < 0 || s->addrs.prefixes6 < 0 ||
	    s->addrs.mac < 0 || s->counts < 0 || s->queues < 0) {
		steer_destroy(s);
		return NULL;
	}
	return s;
}

int steer_look(const struct steer *s, int ifindex, char name[16])
{
	__u32 id = 0;
	int ret = bpf_xdp_query_id(ifindex, 0, &id);

	if (ret != 0 || id == s->program)
		return ret;
	if (id == 0)
		return -ENOENT;
	read_name(id, name);
	return -EBUSY;
}

int steer_attach(const struct steer *s, int ifindex)
{
	return bpf_xdp_attach(ifindex, s->program_fd, XDP_FLAGS_UPDATE_IF_NOEXIST, NULL);
}

int steer_detach(const struct steer *s, int ifindex)
{
	LIBBPF_OPTS(bpf_xdp_attach_opts, opts, .old_prog_fd = s->program_fd);

	return bpf_xdp_detach(ifindex, XDP_FLAGS_REPLACE, &opts);
}

uint32_t steer_program(const struct steer *s)
{
	return s->program;
}

struct steer_maps steer_maps(const struct steer *s)
{
	return s->addrs;
}

int steer_counts_map(const struct steer *s)
{
	return s->counts;
}

static struct steer_queue *map_queues(void *at, int flags, int fd)
{
	void *mem = mmap(at, STEER_QUEUES_MAX * sizeof(struct steer_queue), PROT_READ | PROT_WRITE,
			 flags, fd, 0);

	return mem == MAP_FAILED ? NULL : mem;
}

struct steer_queue *steer_queues_create(void)
{
	return map_queues(NULL, MAP_PRIVATE | MAP_ANONYMOUS, -1);
}

/* Replaces the mapping in one step. */
int steer_queues_show(struct steer_queue *queues, const struct steer *s)
{
	struct steer_queue *shown =
		s != NULL ? map_queues(queues, MAP_SHARED | MAP_FIXED, s->queues)
			  : map_queues(queues, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1);

	return shown != NULL ? 0 : -errno;
}

void steer_queues_destroy(struct steer_queue *queues)
{
	if (queues != NULL)
		munmap(queues, STEER_QUEUES_MAX * sizeof(struct steer_queue));
}

void steer_destroy(struct steer *s)
{
	if (s == NULL)
		return;
	if (s->program_fd >= 0)
		close(s->program_fd);
	if (s->addrs.four >= 0)
		close(s->addrs.four);
	if (s->addrs.six >= 0)
		close(s->addrs.six);
	if (s->addrs.prefixes6 >= 0)
		close(s->addrs.prefixes6);
	if (s->addrs.mac >= 0)
		close(s->addrs.mac);
	if (s->counts >= 0)
		close(s->counts);
	if (s->queues >= 0)
		close(s->queues);
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
	out->crowded = read_count(counts_fd, STEER_CROWDED, per_cpu, cpus);
	free(per_cpu);
}
