/*
 * The epoch: see epoch.h.
 *
 * A missing file means a first start. A file that does not contain a number is ignored and written
 * anew.
 */
#include "control/epoch.h"

#include "control/alarm.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TEXT_SIZE = 16 };

static uint32_t random_number(void)
{
	uint32_t number = 0;

	if (getrandom(&number, sizeof(number), 0) != sizeof(number))
		return 0;
	return number;
}

/* False: the file contains no number. */
static bool epoch_read_number(const char *path, uint32_t *number)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
	char text[TEXT_SIZE] = "", *end;
	ssize_t n;

	if (fd < 0)
		return false;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return false;
	errno = 0;
	*number = (uint32_t)strtoul(text, &end, 10);
	return errno == 0 && end != text && (*end == '\0' || *end == '\n');
}

/* systemd creates the directory; a shell does not. */
static void make_folder(const char *path)
{
	char copy[PATH_MAX];

	snprintf(copy, sizeof(copy), "%s", path);
	mkdir(dirname(copy), 0755);
}

static int epoch_write_all(int fd, const char *text)
{
	ssize_t n = (ssize_t)strlen(text);

	return write(fd, text, (size_t)n) == n && fsync(fd) == 0 ? 0 : -1;
}

/* 0, or -1 with errno. */
static int write_number(const char *path, uint32_t number)
{
	char new_path[PATH_MAX], text[TEXT_SIZE];
	int fd, ret;

	snprintf(new_path, sizeof(new_path), "%s.new", path);
	snprintf(text, sizeof(text), "%u\n", number);
	make_folder(path);
	unlink(new_path); /* left by an interrupted start */
	fd = open(new_path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0)
		return -1;
	ret = epoch_write_all(fd, text);
	close(fd);
	if (ret == 0)
		ret = rename(new_path, path);
	if (ret < 0)
		unlink(new_path);
	return ret;
}

uint32_t epoch_next(const char *path, struct alarms *alarms)
{
	uint32_t number;

	if (!epoch_read_number(path, &number))
		number = random_number();
	number++;
	if (write_number(path, number) < 0)
		alarm_raise(alarms, ALARM_EPOCH, "ports", "cannot write %s: %s", path,
			    strerror(errno));
	return number;
}
