/*
 * BPF descriptors that DPDK's AF_XDP driver leaves open when its device is closed.
 *
 * The driver loads our program from a file and never closes what libbpf opened for it: the program,
 * its maps and their types. That is a dozen descriptors for each time that a port is opened, also
 * without success, and they keep the program and its maps in the kernel. So we note what was opened
 * while the device was created, and close it after the device. A descriptor number may be in use
 * for something else by then: so we close it only if the kernel reports the same object as before.
 *
 * Control thread; no other thread opens such descriptors.
 */
#include "control/port/port_internal.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>

static enum stray_kind kind_of(int fd)
{
	static const char *const kinds[] = {
		[STRAY_PROGRAM] = "anon_inode:bpf-prog",
		[STRAY_MAP] = "anon_inode:bpf-map",
		[STRAY_BTF] = "anon_inode:btf",
	};
	char path[32], target[64];
	ssize_t len;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	len = readlink(path, target, sizeof(target) - 1);
	target[len > 0 ? len : 0] = '\0';
	for (enum stray_kind k = STRAY_PROGRAM; k <= STRAY_BTF; k++)
		if (strcmp(target, kinds[k]) == 0)
			return k;
	return STRAY_NONE;
}

/* Id of the object in the kernel; 0: unknown. */
static __u32 id_of(int fd, enum stray_kind kind)
{
	union {
		struct bpf_prog_info program;
		struct bpf_map_info map;
		struct bpf_btf_info btf;
	} info = {.btf = {.id = 0}};
	__u32 len = kind == STRAY_PROGRAM ? sizeof(info.program)
		    : kind == STRAY_MAP	  ? sizeof(info.map)
					  : sizeof(info.btf);

	memset(&info, 0, sizeof(info));
	if (bpf_obj_get_info_by_fd(fd, &info, &len) != 0)
		return 0;
	return kind == STRAY_PROGRAM ? info.program.id
	       : kind == STRAY_MAP   ? info.map.id
				     : info.btf.id;
}

static bool is_there(const struct strays *s, const struct stray *one)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->list[i].fd == one->fd && s->list[i].kind == one->kind &&
		    s->list[i].id == one->id)
			return true;
	return false;
}

static void strays_add(struct strays *s, const struct stray *one)
{
	struct stray *more = reallocarray(s->list, s->n + 1, sizeof(*more));

	if (more == NULL)
		return;
	s->list = more;
	s->list[s->n++] = *one;
}

void strays_look(struct strays *out)
{
	DIR *dir = opendir("/proc/self/fd");
	const struct dirent *entry;

	*out = (struct strays){.n = 0};
	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		struct stray one = {.fd = atoi(entry->d_name)};

		one.kind = kind_of(one.fd);
		if (one.kind == STRAY_NONE)
			continue;
		one.id = id_of(one.fd, one.kind);
		strays_add(out, &one);
	}
	if (dir != NULL)
		closedir(dir);
}

void strays_note(struct strays *out, struct strays *before)
{
	struct strays now;

	strays_look(&now);
	*out = (struct strays){.n = 0};
	for (size_t i = 0; i < now.n; i++)
		if (!is_there(before, &now.list[i]))
			strays_add(out, &now.list[i]);
	strays_forget(&now);
	strays_forget(before);
}

void strays_close(struct strays *s)
{
	for (size_t i = 0; i < s->n; i++) {
		const struct stray *one = &s->list[i];

		if (kind_of(one->fd) == one->kind && id_of(one->fd, one->kind) == one->id)
			close(one->fd);
	}
	strays_forget(s);
}

void strays_forget(struct strays *s)
{
	free(s->list);
	*s = (struct strays){.n = 0};
}
