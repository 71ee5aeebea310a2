/*
 * The registry as a file, so that a restart keeps the ids:
 *
 *   homeward-identities 1
 *   site 3 berlin
 *   tunnel 7 198.51.100.1 198.51.100.10 42 b1         of the site above it; "-": it has no key
 *   interconnect 8 192.0.2.0 192.0.2.1 100 b2         its own address, the peer's, its VLAN
 *   end 3
 *
 * The last line holds the number of lines between the first and itself, so a truncated file is
 * detected. A field that differs from what we write is damage, and so is a duplicate id or name. A
 * damaged file is not used at all: if one line is wrong, others may be, too.
 */
#include "control/registry_internal.h"

#include "control/config/value.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char first_line[] = "homeward-identities 1\n";

enum {
	LINE_MAX_BYTES = 256,
	WORDS_MAX = 6,
};

/* --- write ------------------------------------------------------------------------------------ */

static void print_end(const struct addr6 *end, char text[INET6_ADDRSTRLEN])
{
	be32_t four = addr6_is_mapped(end) ? addr6_to_ipv4(end) : 0;

	if (addr6_is_mapped(end))
		inet_ntop(AF_INET, &four, text, INET6_ADDRSTRLEN);
	else
		inet_ntop(AF_INET6, end, text, INET6_ADDRSTRLEN);
}

static void write_interconnect(FILE *out, const struct spec_tunnel *t, uint16_t id)
{
	bool four = !addr6_is_zero(&t->address);
	char address[INET6_ADDRSTRLEN], peer[INET6_ADDRSTRLEN];

	print_end(four ? &t->address : &t->address6, address);
	print_end(four ? &t->peer : &t->peer6, peer);
	fprintf(out, "interconnect %u %s %s %u %s\n", id, address, peer, t->vlan, t->name);
}

static void write_tunnel(FILE *out, const struct spec_tunnel *t, uint16_t id)
{
	char local[INET6_ADDRSTRLEN], remote[INET6_ADDRSTRLEN], key[16] = "-";

	print_end(&t->local, local);
	print_end(&t->remote, remote);
	if (t->has_key)
		snprintf(key, sizeof(key), "%" PRIu32, t->key);
	fprintf(out, "tunnel %u %s %s %s %s\n", id, local, remote, key, t->name);
}

/* What is written here, is_same_book() of registry.c compares. */
static void registry_file_write_all(FILE *out, const struct registry_book *book)
{
	const uint16_t *tunnel = book->tunnels;

	fputs(first_line, out);
	for (size_t i = 0; i < book->spec.n_sites; i++) {
		const struct spec_site *site = &book->spec.sites[i];

		fprintf(out, "site %u %s\n", book->sites[i], site->name);
		for (size_t k = 0; k < site->n_tunnels; k++, tunnel++)
			if (spec_is_interconnect(&site->tunnels[k]))
				write_interconnect(out, &site->tunnels[k], *tunnel);
			else
				write_tunnel(out, &site->tunnels[k], *tunnel);
	}
	fprintf(out, "end %zu\n", book->spec.n_sites + book->n_tunnels);
}

static int open_new(const char *path)
{
	int fd;

	unlink(path); /* left by an interrupted save */
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	return fd < 0 ? -errno : fd;
}

/* 0 or -errno. Closes @fd. */
static int write_file(int fd, const struct registry_book *book)
{
	FILE *out = fdopen(fd, "w");
	int ret = 0;

	if (out == NULL) {
		ret = -errno;
		close(fd);
		return ret;
	}
	registry_file_write_all(out, book);
	if (fflush(out) != 0 || fsync(fd) < 0)
		ret = -errno;
	if (fclose(out) != 0 && ret == 0)
		ret = -errno;
	return ret;
}

int registry_save(struct registry *r, const char *path)
{
	char new_path[PATH_MAX];
	int fd, ret;

	if (snprintf(new_path, sizeof(new_path), "%s.new", path) >= (int)sizeof(new_path))
		return -ENAMETOOLONG;
	fd = open_new(new_path);
	if (fd < 0)
		return fd;
	ret = write_file(fd, &r->book);
	if (ret == 0 && rename(new_path, path) < 0)
		ret = -errno;
	if (ret < 0)
		unlink(new_path);
	r->saved = ret == 0;
	return ret;
}

bool registry_is_saved(const struct registry *r)
{
	return r->saved;
}

/* --- read ------------------------------------------------------------------------------------- */

struct reader {
	struct registry *r;
	struct registry_book book;
	size_t sites_room, tunnels_room;
	char *words[WORDS_MAX];
	unsigned n_words;
	bool ended;
};

/* Numbers as we write them: no sign, no leading zeros. */
static bool registry_file_read_number(const char *text, uint64_t max, uint64_t *number)
{
	char again[24];
	char *end;

	errno = 0;
	*number = strtoull(text, &end, 10);
	snprintf(again, sizeof(again), "%" PRIu64, *number);
	return errno == 0 && *end == '\0' && strcmp(again, text) == 0 && *number <= max;
}

static bool registry_file_read_name(const char *text, char name[SPEC_NAME_SIZE])
{
	if (!value_is_name(text, SPEC_NAME_SIZE - 1))
		return false;
	memcpy(name, text, strlen(text) + 1);
	return true;
}

static bool read_end(const char *text, struct addr6 *end)
{
	be32_t four;

	if (inet_pton(AF_INET, text, &four) == 1) {
		*end = addr6_from_ipv4(four);
		return four != 0;
	}
	return inet_pton(AF_INET6, text, end) == 1 && !addr6_is_zero(end) && !addr6_is_mapped(end);
}

static bool read_ends(const char *local, const char *remote, struct addr6 *a, struct addr6 *b)
{
	return read_end(local, a) && read_end(remote, b) &&
	       addr6_is_mapped(a) == addr6_is_mapped(b);
}

/* Makes room for one more item. The rest of the new room is zeroed. */
static void *registry_file_grow(void *list, size_t n, size_t *room, size_t size)
{
	size_t more = *room == 0 ? 16 : *room * 2;
	char *bigger;

	if (n < *room)
		return list;
	bigger = reallocarray(list, more, size);
	if (bigger == NULL)
		return NULL;
	memset(bigger + n * size, 0, (more - n) * size);
	*room = more;
	return bigger;
}

static bool has_room_for_site(struct reader *x)
{
	struct registry_book *book = &x->book;
	size_t n = book->spec.n_sites, room = x->sites_room;
	struct spec_site *sites = registry_file_grow(book->spec.sites, n, &room, sizeof(*sites));
	uint16_t *ids;

	if (sites == NULL)
		return false;
	book->spec.sites = sites;
	room = x->sites_room;
	ids = registry_file_grow(book->sites, n, &room, sizeof(*ids));
	if (ids == NULL)
		return false;
	book->sites = ids;
	x->sites_room = room;
	return true;
}

/* 0, -EBADMSG or -ENOMEM; so do the functions below. */
static int read_site(struct reader *x)
{
	struct registry_book *book = &x->book;
	struct spec_site site = {0};
	uint64_t id;

	if (x->n_words != 3 || !registry_file_read_number(x->words[1], SPEC_SITES_MAX, &id) ||
	    !registry_file_read_name(x->words[2], site.name) ||
	    !ids_take_given(x->r->sites, (uint16_t)id))
		return -EBADMSG;
	if (!has_room_for_site(x)) {
		ids_give_back(x->r->sites, (uint16_t)id);
		return -ENOMEM;
	}
	book->sites[book->spec.n_sites] = (uint16_t)id;
	book->spec.sites[book->spec.n_sites++] = site;
	return 0;
}

/* The tunnel belongs to the site that was read last. */
static int add_tunnel(struct reader *x, const struct spec_tunnel *t, uint16_t id)
{
	struct registry_book *book = &x->book;
	struct spec_site *site = &book->spec.sites[book->spec.n_sites - 1];
	struct spec_tunnel *tunnels =
		reallocarray(site->tunnels, site->n_tunnels + 1, sizeof(tunnels[0]));
	uint16_t *ids =
		registry_file_grow(book->tunnels, book->n_tunnels, &x->tunnels_room, sizeof(*ids));

	if (tunnels != NULL)
		site->tunnels = tunnels;
	if (ids != NULL)
		book->tunnels = ids;
	if (tunnels == NULL || ids == NULL)
		return -ENOMEM;
	site->tunnels[site->n_tunnels++] = *t;
	book->tunnels[book->n_tunnels++] = id;
	return 0;
}

/* Takes what a line has for every type of tunnel: the id and the name. */
static int take_tunnel(struct reader *x, struct spec_tunnel *t)
{
	uint64_t id;
	int ret;

	if (!registry_file_read_number(x->words[1], SPEC_TUNNELS_MAX, &id) ||
	    !registry_file_read_name(x->words[5], t->name) ||
	    !ids_take_given(x->r->nexthops, (uint16_t)id))
		return -EBADMSG;
	ret = add_tunnel(x, t, (uint16_t)id);
	if (ret < 0)
		ids_give_back(x->r->nexthops, (uint16_t)id);
	return ret;
}

static int read_tunnel(struct reader *x)
{
	struct spec_tunnel t = {.type = TUNNEL_GRE};
	uint64_t key = 0;

	if (x->n_words != 6 || x->book.spec.n_sites == 0)
		return -EBADMSG;
	t.has_key = strcmp(x->words[4], "-") != 0;
	if (!read_ends(x->words[2], x->words[3], &t.local, &t.remote) ||
	    (t.has_key && !registry_file_read_number(x->words[4], UINT32_MAX, &key)))
		return -EBADMSG;
	t.key = (uint32_t)key;
	return take_tunnel(x, &t);
}

static int read_interconnect(struct reader *x)
{
	struct spec_tunnel t = {.type = TUNNEL_INTERCONNECT};
	struct addr6 address, peer;
	uint64_t vlan = 0;

	if (x->n_words != 6 || x->book.spec.n_sites == 0 ||
	    !read_ends(x->words[2], x->words[3], &address, &peer) ||
	    !registry_file_read_number(x->words[4], SPEC_VLAN_MAX, &vlan))
		return -EBADMSG;
	if (addr6_is_mapped(&address)) {
		t.address = address;
		t.peer = peer;
	} else {
		t.address6 = address;
		t.peer6 = peer;
	}
	t.vlan = (uint16_t)vlan;
	return take_tunnel(x, &t);
}

static int read_last(struct reader *x)
{
	uint64_t n;

	x->ended = true;
	return x->n_words == 2 && registry_file_read_number(x->words[1], UINT32_MAX, &n) &&
			       n == x->book.spec.n_sites + x->book.n_tunnels
		       ? 0
		       : -EBADMSG;
}

/* Expects single spaces between words; splits @line in place. */
static bool split(struct reader *x, char *line)
{
	x->n_words = 0;
	for (char *next = line; next != NULL;) {
		if (x->n_words == WORDS_MAX)
			return false;
		x->words[x->n_words++] = strsep(&next, " ");
	}
	return true;
}

/* A line that is too long, or contains a NUL, counts as a line without an end. */
static int read_line(struct reader *x, char *line, size_t len)
{
	if (x->ended || len == 0 || line[len - 1] != '\n')
		return -EBADMSG;
	line[len - 1] = '\0';
	if (!split(x, line))
		return -EBADMSG;
	if (strcmp(x->words[0], "site") == 0)
		return read_site(x);
	if (strcmp(x->words[0], "tunnel") == 0)
		return read_tunnel(x);
	if (strcmp(x->words[0], "interconnect") == 0)
		return read_interconnect(x);
	return strcmp(x->words[0], "end") == 0 ? read_last(x) : -EBADMSG;
}

static int read_file(struct reader *x, FILE *in, unsigned *line)
{
	char text[LINE_MAX_BYTES];
	int ret = 0;

	*line = 1;
	if (fgets(text, sizeof(text), in) == NULL || strcmp(text, first_line) != 0)
		return ferror(in) ? -EIO : -EBADMSG;
	while (ret == 0) {
		if (fgets(text, sizeof(text), in) == NULL)
			break;
		++*line;
		ret = read_line(x, text, strlen(text));
	}
	if (ret == 0 && ferror(in))
		return -EIO;
	return ret == 0 && !x->ended ? -EBADMSG : ret;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int check_names(const char **names, size_t n)
{
	qsort(names, n, sizeof(names[0]), compare_names);
	for (size_t i = 1; i < n; i++)
		if (strcmp(names[i - 1], names[i]) == 0)
			return -EBADMSG;
	return 0;
}

/* Checks that no two sites have the same name, and no two tunnels. */
static int check_book(const struct registry_book *book)
{
	const char **names = calloc(book->spec.n_sites + book->n_tunnels + 1, sizeof(names[0]));
	size_t n_sites = book->spec.n_sites, n = 0;
	int ret;

	if (names == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < n_sites; i++)
		names[n++] = book->spec.sites[i].name;
	for (size_t i = 0; i < n_sites; i++)
		for (size_t k = 0; k < book->spec.sites[i].n_tunnels; k++)
			names[n++] = book->spec.sites[i].tunnels[k].name;
	ret = check_names(names, n_sites);
	if (ret == 0)
		ret = check_names(names + n_sites, n - n_sites);
	free(names);
	return ret;
}

static void give_all_back(struct reader *x)
{
	for (size_t i = 0; i < x->book.spec.n_sites; i++)
		ids_give_back(x->r->sites, x->book.sites[i]);
	for (size_t i = 0; i < x->book.n_tunnels; i++)
		ids_give_back(x->r->nexthops, x->book.tunnels[i]);
	registry_book_fini(&x->book);
}

int registry_load(struct registry *r, const char *path, unsigned *line)
{
	struct reader x = {.r = r};
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK), ret;
	FILE *in = fd < 0 ? NULL : fdopen(fd, "r");

	*line = 0;
	if (in == NULL) {
		ret = -errno;
		if (fd >= 0)
			close(fd);
		return ret;
	}
	ret = read_file(&x, in, line);
	fclose(in);
	if (ret == 0)
		ret = check_book(&x.book);
	if (ret < 0) {
		give_all_back(&x);
		return ret;
	}
	registry_book_fini(&r->book);
	r->book = x.book;
	return 0;
}
