/*
 * The kept revisions: see revisions.h.
 *
 *   0000000012.applied   a revision; revision.c knows its bytes
 *   0000000013.new       one that is being written
 *
 * Everything goes by the open folder (openat), which is locked as long as we have it: so a second
 * daemon cannot write into it, and whoever moves the folder away changes nothing for us.
 *
 * Heads are read at once, texts when somebody asks for one. A file whose length is not what its
 * head says was cut short; whether the text itself is damaged shows when it is read.
 */
#include "control/change/revisions.h"

#include "base/err.h"
#include "control/config/config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NAME_SIZE = 32, DIGITS = 10 };

#define STATES (REVISION_UNDONE + 1)

struct revisions {
	int folder; /* locked */
	char path[PATH_MAX];
	struct revision *list; /* by number */
	size_t n;
	uint32_t last; /* the highest number that was ever seen */
};

static const char *name_of(uint32_t number, const char *ending, char name[static NAME_SIZE])
{
	snprintf(name, NAME_SIZE, "%0*" PRIu32 ".%s", DIGITS, number, ending);
	return name;
}

/* False: it is not the name of a revision. */
static bool revisions_read_name(const char *name, uint32_t *number, const char **ending)
{
	uint64_t value = strtoull(name, NULL, 10);

	if (strspn(name, "0123456789") != DIGITS || name[DIGITS] != '.' || value == 0 ||
	    value > UINT32_MAX)
		return false;
	*number = (uint32_t)value;
	*ending = name + DIGITS + 1;
	return true;
}

static bool read_state(const char *ending, enum revision_state *state)
{
	for (int s = 0; s < STATES; s++) {
		if (strcmp(ending, revision_state_name(s)) == 0) {
			*state = s;
			return true;
		}
	}
	return false;
}

static struct revision *find(const struct revisions *rs, uint32_t number)
{
	for (size_t i = rs->n; i-- > 0;)
		if (rs->list[i].number == number)
			return &rs->list[i];
	return NULL;
}

static int open_one(const struct revisions *rs, const struct revision *r)
{
	char name[NAME_SIZE];

	name_of(r->number, revision_state_name(r->state), name);
	return openat(rs->folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
}

/*
 * Reads the head of @fd, which must be revision @r->number, into @r, and checks the length of the
 * text. Returns the length of the head; or 0 with the reason in @why, and then only the length in
 * @r is valid.
 */
static size_t read_head(int fd, struct revision *r, const char **why)
{
	struct revision got = *r;
	char bytes[REVISION_HEAD_MAX];
	struct stat st;
	ssize_t len;
	size_t n;

	*why = NULL;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		*why = "it is no file";
		return 0;
	}
	r->text_len = (size_t)st.st_size;
	len = pread(fd, bytes, sizeof(bytes), 0);
	if (len < 0) {
		*why = strerror(errno);
		return 0;
	}
	n = revision_read_head(&got, bytes, (size_t)len, why);
	if (n > 0 && got.number != r->number)
		*why = "it is another revision than its name says";
	else if (n > 0 && got.text_len != (size_t)st.st_size - n)
		*why = "it is cut short, or has grown";
	else if (n > 0 && got.text_len > CONFIG_FILE_MAX)
		*why = "it is too large";
	if (*why != NULL)
		return 0;
	*r = got;
	return n;
}

static void note_damage(const struct revisions *rs, struct revision *r, const char *why,
			struct err_list *errs)
{
	char name[NAME_SIZE];

	r->damaged = true;
	err_add(errs, NULL, 0, 0, "revision %" PRIu32 " is damaged: %s (%s/%s)", r->number, why,
		rs->path, name_of(r->number, revision_state_name(r->state), name));
}

static struct revision *append(struct revisions *rs, const struct revision *r)
{
	struct revision *list = realloc(rs->list, (rs->n + 1) * sizeof(*list));

	if (list == NULL)
		return NULL;
	rs->list = list;
	list[rs->n] = *r;
	return &list[rs->n++];
}

static void load_one(struct revisions *rs, uint32_t number, enum revision_state state,
		     struct err_list *notes)
{
	struct revision *r = find(rs, number);
	const char *why = NULL;
	int fd;

	if (r != NULL) {
		note_damage(rs, r, "there are two files of this number", notes);
		return;
	}
	r = append(rs, &(struct revision){.number = number, .state = state});
	if (r == NULL)
		return;
	fd = open_one(rs, r);
	if (fd < 0)
		why = strerror(errno);
	else
		read_head(fd, r, &why);
	if (fd >= 0)
		close(fd);
	if (why != NULL)
		note_damage(rs, r, why, notes);
}

static int compare_numbers(const void *a, const void *b)
{
	const struct revision *x = a, *y = b;

	return x->number < y->number ? -1 : x->number > y->number;
}

static int load(struct revisions *rs, struct err_list *notes)
{
	int copy = openat(rs->folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = copy < 0 ? NULL : fdopendir(copy);
	struct dirent *entry;

	if (dir == NULL)
		return -errno;
	while ((entry = readdir(dir)) != NULL) {
		enum revision_state state;
		const char *ending;
		uint32_t number;

		if (!revisions_read_name(entry->d_name, &number, &ending))
			continue;
		if (read_state(ending, &state)) {
			load_one(rs, number, state, notes);
			rs->last = number > rs->last ? number : rs->last;
		} else if (strcmp(ending, "new") == 0 &&
			   unlinkat(rs->folder, entry->d_name, 0) == 0) {
			err_add(notes, NULL, 0, 0,
				"revision %" PRIu32
				" was half written when the daemon ended: it is removed",
				number);
		}
	}
	closedir(dir);
	if (rs->n > 0)
		qsort(rs->list, rs->n, sizeof(rs->list[0]), compare_numbers);
	return 0;
}

/* 0 or -errno. */
static int open_folder(struct revisions *rs, const char *directory)
{
	snprintf(rs->path, sizeof(rs->path), "%s/revisions", directory);
	mkdir(directory, 0755); /* systemd creates it; a shell does not */
	mkdir(rs->path, 0700);
	rs->folder = open(rs->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (rs->folder < 0)
		return -errno;
	/* some file systems have no locks: then there is none */
	if (flock(rs->folder, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK)
		return -EBUSY;
	return 0;
}

struct revisions *revisions_open(const char *directory, struct err_list *errs,
				 struct err_list *notes)
{
	struct revisions *rs = calloc(1, sizeof(*rs));
	int err = -ENOMEM;

	if (rs != NULL) {
		err = open_folder(rs, directory);
		if (err == 0)
			err = load(rs, notes);
	}
	if (err == 0)
		return rs;
	if (err == -EBUSY)
		err_add(errs, NULL, 0, 0,
			"%s belongs to another homewardd that runs: give each a "
			"\"state-directory\" of its own",
			directory);
	else
		err_add(errs, NULL, 0, 0, "cannot keep revisions in %s: %s", directory,
			strerror(-err));
	revisions_close(rs);
	return NULL;
}

void revisions_close(struct revisions *rs)
{
	if (rs == NULL)
		return;
	if (rs->folder > 0)
		close(rs->folder);
	free(rs->list);
	free(rs);
}

size_t revisions_count(const struct revisions *rs)
{
	return rs->n;
}

const struct revision *revisions_at(const struct revisions *rs, size_t i)
{
	return &rs->list[i];
}

const struct revision *revisions_find(const struct revisions *rs, uint32_t number)
{
	return find(rs, number);
}

const struct revision *revisions_last_applied(const struct revisions *rs, uint32_t before)
{
	for (size_t i = rs->n; i-- > 0;) {
		const struct revision *r = &rs->list[i];

		if (r->state == REVISION_APPLIED && !r->damaged && r->number < before)
			return r;
	}
	return NULL;
}

/* Reads @len bytes at @offset. False: the file does not have them. */
static bool read_text(int fd, char *text, size_t len, size_t offset)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = pread(fd, text + done, len - done, (off_t)(offset + done));

		if (n <= 0)
			return false;
		done += (size_t)n;
	}
	text[len] = '\0';
	return true;
}

/* Returns the text; or NULL with the reason in @why. */
static char *take_text(int fd, struct revision *r, const char **why)
{
	size_t offset = read_head(fd, r, why);
	char *text = offset > 0 ? malloc(r->text_len + 1) : NULL;

	if (offset == 0)
		return NULL;
	if (text == NULL)
		*why = "there is not enough memory";
	else if (!read_text(fd, text, r->text_len, offset))
		*why = "it can not be read";
	else if (revision_sum(text, r->text_len) != r->text_sum)
		*why = "its text is not what was saved";
	else
		return text;
	free(text);
	return NULL;
}

char *revisions_read(struct revisions *rs, uint32_t number, struct err_list *errs)
{
	struct revision *r = find(rs, number);
	const char *why = "";
	char *text = NULL;
	int fd;

	if (r == NULL) {
		err_add(errs, NULL, 0, 0, "there is no revision %" PRIu32, number);
		return NULL;
	}
	fd = open_one(rs, r);
	if (fd < 0) {
		why = strerror(errno);
	} else {
		text = take_text(fd, r, &why);
		close(fd);
	}
	if (text == NULL)
		note_damage(rs, r, why, errs);
	return text;
}

static int revisions_write_all(int fd, const char *bytes, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, bytes, len);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0) {
			bytes += n;
			len -= (size_t)n;
		}
	}
	return 0;
}

/* Brings the names in the folder to the disk. Some file systems do not support it. */
static int sync_folder(const struct revisions *rs)
{
	return fsync(rs->folder) < 0 && errno != EINVAL ? -errno : 0;
}

/* 0; or -errno, and neither file exists. */
static int write_file(const struct revisions *rs, const char *new, const char *name,
		      const struct revision *r, const char *text)
{
	char head[REVISION_HEAD_MAX];
	size_t len = revision_write_head(r, head);
	int fd, err;

	unlinkat(rs->folder, new, 0);
	fd = openat(rs->folder, new, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	err = revisions_write_all(fd, head, len);
	if (err == 0)
		err = revisions_write_all(fd, text, r->text_len);
	if (err == 0 && fsync(fd) < 0)
		err = -errno;
	close(fd);
	/* the name reaches the disk with the first mark: until then the revision does not count */
	if (err == 0 && renameat(rs->folder, new, rs->folder, name) < 0)
		err = -errno;
	if (err < 0) {
		unlinkat(rs->folder, new, 0);
		unlinkat(rs->folder, name, 0);
	}
	return err;
}

/*
 * May the revision be removed? Not the running one, the one before it, or the one that was just
 * saved.
 */
static bool may_go(const struct revisions *rs, const struct revision *r)
{
	const struct revision *runs = revisions_last_applied(rs, UINT32_MAX);
	const struct revision *before =
		runs != NULL ? revisions_last_applied(rs, runs->number) : NULL;

	return r != runs && r != before && r->state != REVISION_TRIAL && r->number != rs->last;
}

static void revisions_make_room(struct revisions *rs)
{
	uint64_t bytes = 0;
	size_t i = 0;

	for (size_t k = 0; k < rs->n; k++)
		bytes += rs->list[k].text_len;
	while (i < rs->n && (rs->n > REVISIONS_MAX || bytes > REVISIONS_BYTES_MAX)) {
		const struct revision *r = &rs->list[i];

		if (may_go(rs, r)) {
			bytes -= r->text_len;
			revisions_remove(rs, r->number);
		} else {
			i++;
		}
	}
}

uint32_t revisions_save(struct revisions *rs, struct revision *r, const char *text,
			struct err_list *errs)
{
	char new[NAME_SIZE], name[NAME_SIZE];
	int err = -EOVERFLOW; /* no number is left */

	r->number = rs->last + 1;
	r->state = REVISION_SAVED;
	r->damaged = false;
	r->text_sum = revision_sum(text, r->text_len);
	name_of(r->number, "new", new);
	name_of(r->number, revision_state_name(r->state), name);
	if (rs->last < UINT32_MAX - 1)
		err = write_file(rs, new, name, r, text);
	if (err == 0 && append(rs, r) == NULL) {
		unlinkat(rs->folder, name, 0);
		err = -ENOMEM;
	}
	if (err < 0) {
		err_add(errs, NULL, 0, 0, "cannot save revision %" PRIu32 " in %s: %s", r->number,
			rs->path, strerror(-err));
		return 0;
	}
	rs->last = r->number;
	revisions_make_room(rs);
	return r->number;
}

int revisions_mark(struct revisions *rs, uint32_t number, enum revision_state state,
		   struct err_list *errs)
{
	struct revision *r = find(rs, number);
	char from[NAME_SIZE], to[NAME_SIZE];
	int err = r != NULL ? 0 : -ENOENT;

	if (r != NULL && r->state == state)
		return 0;
	if (r != NULL) {
		name_of(number, revision_state_name(r->state), from);
		name_of(number, revision_state_name(state), to);
		if (renameat(rs->folder, from, rs->folder, to) < 0)
			err = -errno;
	}
	if (err == 0) {
		r->state = state;
		err = sync_folder(rs);
	}
	if (err < 0)
		err_add(errs, NULL, 0, 0, "cannot mark revision %" PRIu32 " as %s in %s: %s",
			number, revision_state_name(state), rs->path, strerror(-err));
	return err;
}

void revisions_remove(struct revisions *rs, uint32_t number)
{
	struct revision *r = find(rs, number);
	char name[NAME_SIZE];

	if (r == NULL)
		return;
	unlinkat(rs->folder, name_of(number, revision_state_name(r->state), name), 0);
	rs->n--;
	memmove(r, r + 1, (size_t)(&rs->list[rs->n] - r) * sizeof(*r));
}
