/*
 * Kept records: see kept.h.
 *
 * The header has a number for the layout of a record, made of the offsets of its fields and of the
 * states: a build that changes either does not read the records of another one.
 */
#include "flow/kept.h"

#include "base/memory.h"
#include "base/wire_numbers.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <linux/magic.h>

enum { BOOT_ID_SIZE = 40, LAYOUT_VERSION = 1 }; /* a new version: fields have another meaning */

#define BLOCK (UINT64_C(2) << 20)

struct kept_header {
	char magic[16];
	uint64_t layout;
	char boot_id[BOOT_ID_SIZE];
	struct kept_writer writer;
	uint64_t check; /* of all before it */
};

static const char magic[16] = "homeward flows\n";

/* FNV-1a: against damage, not against forgery: nobody else may write the file. */
static uint64_t sum(uint64_t hash, const void *bytes, size_t n)
{
	const uint8_t *at = bytes;

	for (size_t i = 0; i < n; i++)
		hash = (hash ^ at[i]) * UINT64_C(0x100000001b3);
	return hash;
}

static uint64_t layout(void)
{
	static const uint32_t parts[] = {
		LAYOUT_VERSION,
		sizeof(struct flow),
		sizeof(struct flow6),
		offsetof(struct flow, site),
		offsetof(struct flow, nat_src),
		offsetof(struct flow, nat_port),
		offsetof(struct flow, far),
		offsetof(struct flow, onramp),
		offsetof(struct flow, offramp),
		offsetof(struct flow, seen_s),
		offsetof(struct flow, packets),
		offsetof(struct flow, bytes),
		offsetof(struct flow, tcp_seq),
		offsetof(struct flow, tcp_ack),
		offsetof(struct flow6, nat_src),
		FLOW_STATE_COUNT,
		FLOW_UDP,
		FLOW_TCP_ESTABLISHED,
		FLOW_BYTES_BITS,
	};

	return sum(UINT64_C(0xcbf29ce484222325), parts, sizeof(parts));
}

static uint64_t check_of(const struct kept_header *h)
{
	return sum(UINT64_C(0xcbf29ce484222325), h, offsetof(struct kept_header, check));
}

/* Empty if it is not known: then a start of the machine is not noticed, which empties memory. */
static void read_boot_id(char id[static BOOT_ID_SIZE])
{
	FILE *f = fopen("/proc/sys/kernel/random/boot_id", "re");

	memset(id, 0, BOOT_ID_SIZE);
	if (f == NULL)
		return;
	if (fgets(id, BOOT_ID_SIZE, f) == NULL)
		id[0] = '\0';
	fclose(f);
}

static size_t whole_blocks(uint64_t bytes)
{
	return (bytes + BLOCK - 1) & ~(BLOCK - 1);
}

uint64_t kept_bytes(uint32_t capacity, bool six)
{
	return BLOCK + whole_blocks((uint64_t)capacity * sizeof(struct flow)) +
	       (six ? whole_blocks((uint64_t)capacity * sizeof(struct flow6)) : 0);
}

/* Closes @fd. 0 or -errno. @flags: of mmap(2). */
static int map(struct kept *k, int fd, int prot, int flags, const struct kept_writer *writer)
{
	uint8_t *at;

	k->size = kept_bytes(writer->capacity, writer->six);
	at = mmap(NULL, k->size, prot, MAP_SHARED | flags, fd, 0);
	close(fd);
	if (at == MAP_FAILED) {
		*k = (struct kept){0};
		return -errno;
	}
	k->map = at;
	k->capacity = writer->capacity;
	k->records = (struct flow *)(at + BLOCK);
	if (writer->six)
		k->six =
			(struct flow6 *)(at + BLOCK +
					 whole_blocks((uint64_t)k->capacity * sizeof(struct flow)));
	return 0;
}

/* Huge pages if the file system has them; every page is touched, as packets must not wait. */
static int take_memory(int fd, uint64_t bytes)
{
	uint64_t available = memory_available();
	struct statfs fs;
	int ret;

	/* reserved huge pages are no part of what is available */
	if (bytes > available - available / 32 &&
	    (fstatfs(fd, &fs) < 0 || fs.f_type != HUGETLBFS_MAGIC))
		return -ENOMEM;
	if (ftruncate(fd, (off_t)bytes) < 0)
		return -errno;
	do
		ret = posix_fallocate(fd, 0, (off_t)bytes);
	while (ret == EINTR);
	return -ret;
}

static void write_header(struct kept *k, const struct kept_writer *writer)
{
	struct kept_header h = {.layout = layout(), .writer = *writer};

	memcpy(h.magic, magic, sizeof(h.magic));
	read_boot_id(h.boot_id);
	h.check = check_of(&h);
	memcpy(k->map, &h, sizeof(h));
	explicit_bzero(&h, sizeof(h));
}

int kept_create(struct kept *k, const char *path, const struct kept_writer *writer)
{
	struct kept_writer clean;
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600), ret;

	*k = (struct kept){0};
	if (fd < 0)
		return -errno;
	ret = take_memory(fd, kept_bytes(writer->capacity, writer->six));
	if (ret < 0) {
		close(fd);
		unlink(path);
		return ret;
	}
	ret = map(k, fd, PROT_READ | PROT_WRITE, MAP_POPULATE, writer);
	if (ret < 0) {
		unlink(path);
		return ret;
	}
	memset(&clean, 0, sizeof(clean)); /* padding, too: the sum reads it */
	memcpy(clean.secret, writer->secret, sizeof(clean.secret));
	clean.origin_ns = writer->origin_ns;
	clean.capacity = writer->capacity;
	clean.worker = writer->worker;
	clean.workers = writer->workers;
	clean.six = writer->six;
	write_header(k, &clean);
	explicit_bzero(&clean, sizeof(clean));
	return 0;
}

void kept_begin(struct kept *k, uint64_t origin_ns)
{
	struct kept_header *h = k->map;

	if (h == NULL)
		return;
	h->writer.origin_ns = origin_ns;
	h->check = check_of(h);
}

static int check_header(const struct kept_header *h, uint64_t size)
{
	const struct kept_writer *w = &h->writer;
	char boot_id[BOOT_ID_SIZE];

	if (memcmp(h->magic, magic, sizeof(h->magic)) != 0 || h->check != check_of(h))
		return -EBADMSG;
	read_boot_id(boot_id);
	if (h->layout != layout() || memcmp(h->boot_id, boot_id, sizeof(boot_id)) != 0)
		return -ESTALE;
	if (w->capacity == 0 || w->capacity > FLOW_CAPACITY_MAX || w->workers == 0 ||
	    w->worker >= w->workers || size != kept_bytes(w->capacity, w->six))
		return -EBADMSG;
	return 0;
}

int kept_open(struct kept *k, const char *path, struct kept_writer *writer)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK), ret;
	struct kept_header h;
	struct stat st;

	*k = (struct kept){0};
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_uid != geteuid() ||
	    pread(fd, &h, sizeof(h), 0) != (ssize_t)sizeof(h))
		ret = -EBADMSG;
	else
		ret = check_header(&h, (uint64_t)st.st_size);
	if (ret < 0) {
		close(fd);
		return ret;
	}
	*writer = h.writer;
	explicit_bzero(&h, sizeof(h));
	return map(k, fd, PROT_READ, 0, writer);
}

void kept_close(struct kept *k)
{
	if (k->map != NULL)
		munmap(k->map, k->size);
	*k = (struct kept){0};
}

bool kept_is_name(const char *name)
{
	unsigned family, worker;
	char end;

	return strlen(name) < KEPT_NAME_SIZE &&
	       sscanf(name, "%u-%u%c", &family, &worker, &end) == 2 && (family == 4 || family == 6);
}

uint64_t kept_held(const char *directory)
{
	DIR *dir = opendir(directory);
	const struct dirent *entry;
	uint64_t bytes = 0;
	struct stat st;

	if (dir == NULL)
		return 0;
	while ((entry = readdir(dir)) != NULL)
		if (kept_is_name(entry->d_name +
				 (strncmp(entry->d_name, "new-", 4) == 0 ? 4 : 0)) &&
		    fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0)
			bytes += (uint64_t)st.st_blocks * 512;
	closedir(dir);
	return bytes;
}

static bool has_ports(uint8_t proto)
{
	return proto == PROTO_TCP || proto == PROTO_UDP;
}

static bool is_tcp_state(uint8_t state)
{
	return state >= FLOW_TCP_SYN_SENT;
}

bool kept_is_flow(const struct flow *f, const struct flow6 *six)
{
	bool addresses = six == NULL ? f->src != 0 && f->dst != 0 && f->nat_src != 0
				     : !addr6_is_zero(&six->src) && !addr6_is_zero(&six->dst) &&
					       !addr6_is_zero(&six->nat_src) && f->src == 0 &&
					       f->dst == 0 && f->nat_src == 0;

	if (f->state <= FLOW_RESTING || f->state >= FLOW_STATE_COUNT || !addresses)
		return false;
	if (f->site == 0 || f->far == FLOW_NOWHERE || f->proto == 0)
		return false;
	if (is_tcp_state(f->state) != (f->proto == PROTO_TCP) ||
	    (f->state == FLOW_UDP) != (f->proto == PROTO_UDP))
		return false;
	return !has_ports(f->proto) || f->nat_port != 0;
}
