/*
 * The XDP steer program (in/steer.bpf.c) from the daemon's side.
 *
 * It is embedded in this executable. The daemon loads it, fills its maps (steer_list.c,
 * steer_write.c) and attaches it. DPDK's AF_XDP driver insists on a program of its own from a file.
 * It gets in/opening.bpf.c as a file in memory, /proc/self/fd/N of a memfd, and the steer program
 * replaces that.
 *
 * Programs are attached by netlink, so after a kill -9 one stays attached, with a map whose sockets
 * are gone. The next start recognises it by its id, noted in the interface's lock file, or by its
 * name, and detaches it. Holding the lock proves that no living process owns it.
 *
 * Control thread.
 */
#include "in/steer.h"
#include "control/port/port_internal.h"
#include "in/opening.skel.h"
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

static const char our_names[] = "homeward_"; /* how the names of our programs begin */

struct steer {
	struct steer_bpf *program;
};

int steer_set_mac(struct steer_maps maps, const uint8_t mac[6])
{
	const uint32_t zero = 0;
	uint64_t value = 0;

	memcpy(&value, mac, 6);
	return bpf_map_update_elem(maps.mac, &zero, &value, BPF_ANY);
}

int steer_opening_path(char *path, size_t size, int *fd)
{
	size_t len;
	const char *elf = opening_bpf__elf_bytes(&len);

	*fd = memfd_create("homeward_open", MFD_CLOEXEC);
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
static void steer_read_name(__u32 id, char name[16])
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
	steer_read_name(id, name);
	if (id != noted && strncmp(name, our_names, strlen(our_names)) != 0)
		return -EBUSY;
	return bpf_xdp_detach(ifindex, 0, NULL);
}

struct steer *steer_create(uint32_t queues)
{
	struct steer *s = calloc(1, sizeof(*s));
	int ret;

	if (s == NULL)
		return NULL;
	s->program = steer_bpf__open();
	ret = s->program == NULL ? -errno : 0;
	if (ret == 0)
		ret = bpf_map__set_max_entries(s->program->maps.steer_shares,
					       queues * STEER_SHARES);
	if (ret == 0)
		ret = steer_bpf__load(s->program);
	if (ret == 0)
		return s;
	steer_destroy(s);
	errno = -ret;
	return NULL;
}

int steer_put_socket(const struct steer *s, uint32_t queue, int fd)
{
	return bpf_map_update_elem(bpf_map__fd(s->program->maps.xsks_map), &queue, &fd, BPF_ANY);
}

static int program_fd(const struct steer *s)
{
	return bpf_program__fd(s->program->progs.homeward_steer);
}

int steer_look(const struct steer *s, int ifindex, char name[16])
{
	__u32 id = 0;
	int ret = bpf_xdp_query_id(ifindex, 0, &id);

	if (ret != 0 || id == steer_program(s))
		return ret;
	if (id == 0)
		return -ENOENT;
	steer_read_name(id, name);
	return -EBUSY;
}

int steer_attach(const struct steer *s, int ifindex)
{
	return bpf_xdp_attach(ifindex, program_fd(s), XDP_FLAGS_UPDATE_IF_NOEXIST, NULL);
}

int steer_replace_opening(const struct steer *s, int ifindex)
{
	return bpf_xdp_attach(ifindex, program_fd(s), 0, NULL);
}

int steer_detach(const struct steer *s, int ifindex)
{
	LIBBPF_OPTS(bpf_xdp_attach_opts, opts, .old_prog_fd = program_fd(s));

	return bpf_xdp_detach(ifindex, XDP_FLAGS_REPLACE, &opts);
}

uint32_t steer_program(const struct steer *s)
{
	struct bpf_prog_info info = {0};
	__u32 len = sizeof(info);

	return bpf_obj_get_info_by_fd(program_fd(s), &info, &len) == 0 ? info.id : 0;
}

struct steer_maps steer_maps(const struct steer *s)
{
	return (struct steer_maps){
		.four = bpf_map__fd(s->program->maps.steer_addrs),
		.six = bpf_map__fd(s->program->maps.steer_addrs6),
		.prefixes = bpf_map__fd(s->program->maps.steer_prefixes),
		.vlans = bpf_map__fd(s->program->maps.steer_vlans),
		.mac = bpf_map__fd(s->program->maps.steer_mac),
	};
}

int steer_counts_map(const struct steer *s)
{
	return bpf_map__fd(s->program->maps.steer_counts);
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
	int queues_fd = s != NULL ? bpf_map__fd(s->program->maps.steer_queues) : -1;
	struct steer_queue *shown =
		s != NULL ? map_queues(queues, MAP_SHARED | MAP_FIXED, queues_fd)
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
	steer_bpf__destroy(s->program); /* accepts NULL */
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
	out->ike_limited = read_count(counts_fd, STEER_IKE_LIMITED, per_cpu, cpus);
	out->crowded = read_count(counts_fd, STEER_CROWDED, per_cpu, cpus);
	free(per_cpu);
}
