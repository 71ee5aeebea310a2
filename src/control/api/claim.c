/*
 * One daemon per socket.
 *
 * A lock on a file beside the socket says which daemon owns the socket. The kernel releases the
 * lock when the process ends, however it ends, so a killed daemon leaves nothing that blocks the
 * next one. The file is accessible to our user only: a lock needs no more. /proc/locks names the
 * process that holds the lock; the process id in the file may be out of date. A clean stop removes
 * the file. A process that was waiting for the lock then holds the lock of a removed file; it
 * notices that and starts again.
 */
#include "base/err.h"
#include "control/api/server.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

struct api_claim {
	int fd;
	char path[CONFIG_PATH_SIZE + 8];
};

/*
 * The directory of @path; creates it if it is missing. systemd does that for us, a shell does not.
 */
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

/* The process that holds a flock(2) on the file of @fd; 0: unknown. */
static long find_holder(int fd)
{
	FILE *locks = fopen("/proc/locks", "re");
	char line[256], kind[16];
	unsigned major, minor;
	unsigned long long ino;
	long pid, holder = 0;
	struct stat st;

	if (locks == NULL || fstat(fd, &st) < 0)
		goto out;
	while (holder == 0 && fgets(line, sizeof(line), locks) != NULL)
		if (sscanf(line, "%*d: %15s %*s %*s %ld %x:%x:%llu", kind, &pid, &major, &minor,
			   &ino) == 5 &&
		    strcmp(kind, "FLOCK") == 0 && ino == st.st_ino &&
		    makedev(major, minor) == st.st_dev)
			holder = pid;
out:
	if (locks != NULL)
		fclose(locks);
	return holder;
}

/* The name of a process; "" if it has ended. */
static void claim_read_name(long pid, char *name, size_t size)
{
	char path[64];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%ld/comm", pid);
	file = fopen(path, "re");
	if (file == NULL || fgets(name, (int)size, file) == NULL)
		name[0] = '\0';
	name[strcspn(name, "\n")] = '\0';
	if (file != NULL)
		fclose(file);
}

static void refuse_claim(int fd, const char *path, const char *socket_path, struct err_list *errs)
{
	long pid = find_holder(fd);
	char name[32] = "";

	if (pid > 0)
		claim_read_name(pid, name, sizeof(name));
	if (strcmp(name, "homewardd") == 0)
		err_add(errs, NULL, 0, 0,
			"another homewardd (process %ld) is running with the API socket %s", pid,
			socket_path);
	else if (name[0] != '\0')
		err_add(errs, NULL, 0, 0, "process %ld (%s) holds the lock %s: end it", pid, name,
			path);
	else
		err_add(errs, NULL, 0, 0, "another process holds the lock %s: lslocks shows it",
			path);
}

/* Is the file that we locked still the one at the path? */
static bool same_file(int fd, const char *path)
{
	struct stat ours, named;

	return fstat(fd, &ours) == 0 && stat(path, &named) == 0 && ours.st_ino == named.st_ino &&
	       ours.st_dev == named.st_dev;
}

static int open_locked(const char *path, const char *socket_path, struct err_list *errs)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0) {
		err_add(errs, NULL, 0, 0, "cannot open %s: %s", path, strerror(errno));
		return -1;
	}
	if (flock(fd, LOCK_EX | LOCK_NB) == 0 && fchmod(fd, 0600) == 0)
		return fd;
	if (errno == EWOULDBLOCK)
		refuse_claim(fd, path, socket_path, errs);
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
	if (listen_check(path, errs) < 0) {
		api_release(claim);
		return NULL;
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
