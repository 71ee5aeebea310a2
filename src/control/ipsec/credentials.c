/* Reads a tunnel's secrets from files of bounded size, and wipes them. See credentials.h. */
#include "control/ipsec/credentials.h"

#include "base/types.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void wipe(uint8_t **data, size_t *len)
{
	if (*data != NULL)
		explicit_bzero(*data, *len);
	free(*data);
	*data = NULL;
	*len = 0;
}

void credentials_fini(struct credentials *c)
{
	wipe(&c->psk, &c->psk_len);
	wipe(&c->certificate, &c->certificate_len);
	wipe(&c->key, &c->key_len);
	wipe(&c->ca, &c->ca_len);
}

/* NULL: it may be read. */
static const char *refuse_file(int fd, bool is_secret)
{
	struct stat st;

	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
		return "it is no regular file";
	if (is_secret && (st.st_mode & 077) != 0)
		return "others than its owner may use it: chmod 600";
	if (is_secret && st.st_uid != 0 && st.st_uid != geteuid())
		return "its owner is neither root nor the user of this program";
	if (st.st_size == 0)
		return "it is empty";
	if (st.st_size > CREDENTIALS_FILE_MAX)
		return "it is too large";
	return NULL;
}

/* All of the file; the size is that of refuse_file(), so one byte more finds a file that grows. */
static const char *read_all(int fd, uint8_t **data, size_t *len)
{
	size_t room = CREDENTIALS_FILE_MAX + 1;
	uint8_t *buf = calloc(1, room);
	ssize_t n;

	if (buf == NULL)
		return "there is not enough memory";
	*data = buf;
	while ((n = read(fd, buf + *len, room - *len)) > 0)
		*len += (size_t)n;
	if (n < 0)
		return strerror(errno);
	return *len == room ? "it is too large" : NULL;
}

static int read_file(const char *path, bool is_secret, uint8_t **data, size_t *len, char *why)
{
	const char *refused;
	int fd;

	*data = NULL;
	*len = 0;
	if (path[0] == '\0')
		return 0;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	refused = fd < 0 ? strerror(errno) : refuse_file(fd, is_secret);
	if (refused == NULL)
		refused = read_all(fd, data, len);
	if (fd >= 0)
		close(fd);
	if (refused == NULL)
		return 0;
	snprintf(why, CREDENTIALS_WHY_SIZE, "%s: %s", path, refused);
	return -1;
}

/* A text file ends with a newline, which is no part of the secret. */
static void cut_newline(struct credentials *c)
{
	while (c->psk_len > 0 && (c->psk[c->psk_len - 1] == '\n' || c->psk[c->psk_len - 1] == '\r'))
		c->psk_len--;
}

int credentials_read(const struct spec_ipsec *ipsec, struct credentials *c,
		     char why[static CREDENTIALS_WHY_SIZE])
{
	*c = (struct credentials){0};
	if (read_file(ipsec->psk, true, &c->psk, &c->psk_len, why) == 0 &&
	    read_file(ipsec->certificate, false, &c->certificate, &c->certificate_len, why) == 0 &&
	    read_file(ipsec->private_key, true, &c->key, &c->key_len, why) == 0 &&
	    read_file(ipsec->ca, false, &c->ca, &c->ca_len, why) == 0) {
		cut_newline(c);
		if (ipsec->psk[0] == '\0' || c->psk_len > 0)
			return 0;
		snprintf(why, CREDENTIALS_WHY_SIZE, "%s: it is empty", ipsec->psk);
	}
	credentials_fini(c);
	return -1;
}

static uint64_t mix(uint64_t stamp, uint64_t value)
{
	return (stamp ^ value) * UINT64_C(0x9e3779b97f4a7c15);
}

uint64_t credentials_stamp(const struct spec_ipsec *ipsec)
{
	const char *const paths[] = {ipsec->psk, ipsec->certificate, ipsec->private_key, ipsec->ca};
	uint64_t stamp = 1;

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		struct stat st = {0};

		if (paths[i][0] != '\0' && stat(paths[i], &st) != 0)
			st.st_ino = 0;
		stamp = mix(stamp, st.st_ino);
		stamp = mix(stamp, (uint64_t)st.st_mtim.tv_sec);
		stamp = mix(stamp, (uint64_t)st.st_mtim.tv_nsec);
		stamp = mix(stamp, (uint64_t)st.st_size);
		stamp = mix(stamp, st.st_mode);
	}
	return stamp;
}
