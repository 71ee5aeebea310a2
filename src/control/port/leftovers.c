/*
 * Lock files of processes that were killed, where nothing is left to undo.
 *
 * A lock file is removed at a clean stop. After a kill -9 it stays, because it says what the next
 * start on that interface has to undo. If the interface went with its network namespace, no start
 * ever comes; so every start looks at all of them. One goes if nobody holds its lock, no offload or
 * qdisc is noted, and the XDP program that is noted is gone from the kernel (asking needs
 * CAP_SYS_ADMIN; without it the file stays).
 *
 * While one is looked at its lock is held; interface_lock() is patient enough for that.
 *
 * Control thread.
 */
#include "control/port/port_internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include <bpf/bpf.h>

static bool is_gone(uint32_t program)
{
	int fd;

	if (program == 0)
		return true;
	fd = bpf_prog_get_fd_by_id(program);
	if (fd >= 0)
		close(fd);
	return fd == -ENOENT || (fd < 0 && errno == ENOENT);
}

static bool is_lock_file(const char *name)
{
	const char *end = strrchr(name, '.');

	return strncmp(name, "port-", 5) == 0 && end != NULL && strcmp(end, ".lock") == 0;
}

static void look_at(int folder, const char *name)
{
	int fd = openat(folder, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return;
	if (flock(fd, LOCK_EX | LOCK_NB) == 0 && interface_notes(fd) == 0 &&
	    is_gone(interface_noted_program(fd)))
		unlinkat(folder, name, 0);
	close(fd);
}

void interface_sweep(void)
{
	DIR *dir = opendir(INTERFACE_LOCKS);
	const struct dirent *entry;

	if (dir == NULL)
		return;
	while ((entry = readdir(dir)) != NULL) {
		if (is_lock_file(entry->d_name))
			look_at(dirfd(dir), entry->d_name);
	}
	closedir(dir);
}
