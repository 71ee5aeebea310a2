/*
 * Removes lock files of killed processes if nothing is left to undo.
 *
 * A clean stop removes the lock file. After a kill -9 it stays, because it says what the next start
 * on that interface must undo. If the interface disappeared with its network namespace, no such
 * start ever comes; so every start looks at all lock files. A file is removed if nobody holds its
 * lock, it notes no offload and no qdisc, and the XDP program that it notes no longer exists in the
 * kernel. Asking for the program needs CAP_SYS_ADMIN; without it the file stays.
 *
 * The lock is held while a file is examined; interface_lock() waits long enough for that.
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
