/*
 * One daemon a socket.
 *
 * A lock on a file beside the socket says whose it is. The kernel drops the lock with the process,
 * however it ends, so what a killed daemon leaves behind is never in the way; the number inside is
 * for people. The file is removed at a clean stop: whoever waited for it in that moment holds the
 * lock of a file without a name, notices that and begins again.
 */
#include "base/err.h"
#include "control/api/api.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

struct api_claim {
	int fd;
	char path[CONFIG_PATH_SIZE + 8];
};

/* The folder of @path, made if it is missing: systemd does it for us, a shell does not. */
static int make_folder(const char *path, struct err_list *errs)
{
	char copy[CONFIG_PATH_SIZE + 8];
	const char *folder;

	snprintf(copy, sizeof(copy), "%s", path);
	folder = dirname(copy);
	if (mkdir(folder, 0755) < 0 && errno != EEXIST) {
		err_add(errs, NULL, 0, 0, "cannot make the folder %s of the API's socket: %s",
			folder, strerror(errno));
		return -1;
	}
	return 0;
}

static long read_pid(int fd)
{
	char text[24] = "";

	if (pread(fd, text, sizeof(text) - 1, 0) <= 0)
		return 0;
	return strtol(text, NULL, 10);
}

/* Is the file we locked still the one with the name? */
static bool same_file(int fd, const char *path)
{
	struct stat ours, named;

	return fstat(fd, &ours) == 0 && stat(path, &named) == 0 && ours.st_ino == named.st_ino &&
	       ours.st_dev == named.st_dev;
}

static int open_locked(const char *path, const char *socket_path, struct err_list *errs)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);

	if (fd < 0) {
		err_add(errs, NULL, 0, 0, "cannot open %s: %s", path, strerror(errno));
		return -1;
	}
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return fd;
	if (errno == EWOULDBLOCK)
		err_add(errs, NULL, 0, 0,
			"another homewardd (process %ld) is running with the API socket %s",
			read_pid(fd), socket_path);
	else
		err_add(errs, NULL, 0, 0, "cannot lock %s: %s", path, strerror(errno));
	close(fd);
	return -1;
}

struct api_claim *api_claim(const char *path, struct err_list *errs)
{
	struct api_claim *claim = calloc(1, sizeof(*claim));

	if (claim == NULL || make_folder(path, errs) < 0)
		goto fail;
	snprintf(claim->path, sizeof(claim->path), "%s.lock", path);
	for (;;) {
		claim->fd = open_locked(claim->path, path, errs);
		if (claim->fd < 0)
			goto fail;
		if (same_file(claim->fd, claim->path))
			break;
		close(claim->fd);
	}
	if (ftruncate(claim->fd, 0) < 0 || dprintf(claim->fd, "%ld\n", (long)getpid()) < 0) {
		err_add(errs, NULL, 0, 0, "cannot write %s: %s", claim->path, strerror(errno));
		api_release(claim);
		return NULL;
	}
	return claim;

fail:
	free(claim);
	return NULL;
}

void api_release(struct api_claim *claim)
{
	if (claim == NULL)
		return;
	unlink(claim->path);
	close(claim->fd);
	free(claim);
}
