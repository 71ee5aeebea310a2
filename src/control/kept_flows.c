/* Flows over a restart: see kept_flows.h. */
#include "control/kept_flows.h"

#include "base/log.h"
#include "base/memory.h"
#include "base/mono.h"
#include "control/config/config.h"
#include "control/registry.h"
#include "path/context.h"
#include "setup/adopt.h"
#include "worker/worker.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <linux/magic.h>

enum {
	FILES_MAX = 2 * WORKERS_MAX, /* one for each worker and family */
	NAME_SIZE = KEPT_NAME_SIZE,
	PATH_SIZE = CONFIG_PATH_SIZE + 2 * NAME_SIZE,
};

/* What an earlier process left. */
struct earlier {
	char name[NAME_SIZE];
	struct kept memory;
	struct kept_writer writer;
};

struct kept_flows {
	char directory[CONFIG_PATH_SIZE];
	int lock; /* -1: nothing is kept */
	uint16_t workers;
	uint8_t secret[16];
	struct earlier earlier[FILES_MAX];
	size_t n_earlier;
	bool adopted; /* the files are ours */
	bool saved; /* and the numbers in them are explained */
	char identities[PATH_SIZE];
	struct kept now[FILES_MAX]; /* of worker i: IPv4 at 2i, IPv6 at 2i + 1 */
};

/* --- the place -------------------------------------------------------------------------------- */

/* NULL, or why flows cannot be kept in @path. */
static const char *refuse_place(const char *path)
{
	struct statfs fs;
	struct stat st;

	if (stat(path, &st) < 0)
		return strerror(errno);
	if (!S_ISDIR(st.st_mode))
		return "it is no directory";
	if (st.st_uid != geteuid() || (st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
		return "others may write in it";
	if (statfs(path, &fs) < 0)
		return strerror(errno);
	if (fs.f_type != TMPFS_MAGIC && fs.f_type != HUGETLBFS_MAGIC)
		return "it is not in memory (tmpfs or hugetlbfs)";
	return NULL;
}

static void path_of(const struct kept_flows *k, char path[static PATH_SIZE], const char *prefix,
		    const char *name)
{
	snprintf(path, PATH_SIZE, "%s/%.8s%.15s", k->directory, prefix, name);
}

static const char *take_lock(struct kept_flows *k)
{
	char path[PATH_SIZE];

	path_of(k, path, "", "lock");
	k->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (k->lock < 0)
		return strerror(errno);
	if (flock(k->lock, LOCK_EX | LOCK_NB) == 0)
		return NULL;
	close(k->lock);
	k->lock = -1;
	return "another process keeps its flows there";
}

/* --- what an earlier process left ------------------------------------------------------------- */

static const char *why_unread(int ret)
{
	if (ret == -ESTALE)
		return "another version wrote it, or the machine has been started since";
	return ret == -EBADMSG ? "it is damaged" : strerror(-ret);
}

static void read_earlier(struct kept_flows *k, const char *name)
{
	struct earlier *e = &k->earlier[k->n_earlier];
	char path[PATH_SIZE];
	int ret;

	if (k->n_earlier == FILES_MAX)
		return;
	path_of(k, path, "", name);
	ret = kept_open(&e->memory, path, &e->writer);
	if (ret == 0 && k->n_earlier > 0 &&
	    memcmp(e->writer.secret, k->earlier[0].writer.secret, sizeof(k->secret)) != 0) {
		kept_close(&e->memory);
		ret = -EBADMSG;
	}
	if (ret < 0) {
		log_warning("the flows in %s are lost: %s", path, why_unread(ret));
		unlink(path);
		return;
	}
	snprintf(e->name, sizeof(e->name), "%.15s", name);
	k->n_earlier++;
}

static void read_directory(struct kept_flows *k)
{
	DIR *dir = opendir(k->directory);
	const struct dirent *entry;
	char path[PATH_SIZE];

	if (dir == NULL)
		return;
	while ((entry = readdir(dir)) != NULL) {
		if (strncmp(entry->d_name, "new-", 4) == 0 && kept_is_name(entry->d_name + 4)) {
			path_of(k, path, "new-", entry->d_name + 4);
			unlink(path); /* of a process that did not get far */
		} else if (kept_is_name(entry->d_name)) {
			read_earlier(k, entry->d_name);
		}
	}
	closedir(dir);
}

static void forget_earlier(struct kept_flows *k)
{
	char path[PATH_SIZE];

	for (size_t i = 0; i < k->n_earlier; i++) {
		kept_close(&k->earlier[i].memory);
		path_of(k, path, "", k->earlier[i].name);
		unlink(path);
	}
	k->n_earlier = 0;
}

struct kept_flows *kept_flows_open(const struct config *config)
{
	struct kept_flows *k = calloc(1, sizeof(*k));
	const char *why;

	if (k == NULL)
		return NULL;
	k->lock = -1;
	k->workers = config->workers;
	snprintf(k->directory, sizeof(k->directory), "%s", config->flows_directory);
	path_of(k, k->identities, "", "identities");
	why = refuse_place(k->directory);
	if (why == NULL)
		why = take_lock(k);
	if (why != NULL && config->flows_memory == FLOWS_FORGET)
		return k;
	if (why != NULL) {
		log_info("a restart will lose all flows: %s: %s", k->directory, why);
		return k;
	}
	read_directory(k);
	if (config->flows_memory == FLOWS_FORGET) {
		forget_earlier(k); /* a later process must not find them */
		close(k->lock);
		k->lock = -1;
		return k;
	}
	if (k->n_earlier > 0)
		memcpy(k->secret, k->earlier[0].writer.secret, sizeof(k->secret));
	else if (getrandom(k->secret, sizeof(k->secret), 0) != sizeof(k->secret)) {
		close(k->lock);
		k->lock = -1;
	}
	return k;
}

/* --- whose the numbers are -------------------------------------------------------------------- */

const char *kept_flows_identities(const struct kept_flows *k)
{
	return k->n_earlier > 0 ? k->identities : NULL;
}

void kept_flows_forget(struct kept_flows *k, const char *why)
{
	log_warning("the flows in %s are lost: %s: %s", k->directory, k->identities, why);
	forget_earlier(k);
}

void kept_flows_renumber(struct kept_flows *k)
{
	if (k->lock < 0 || !k->adopted)
		return;
	unlink(k->identities);
	k->saved = false;
}

void kept_flows_save(struct kept_flows *k, struct registry *registry)
{
	int ret;

	if (k->lock < 0 || !k->adopted)
		return;
	ret = registry_save(registry, k->identities);
	k->saved = ret == 0;
	if (ret != 0)
		log_warning("a restart will lose all flows: %s: %s", k->identities, strerror(-ret));
}

bool kept_flows_are_saved(const struct kept_flows *k)
{
	return k->lock < 0 || !k->adopted || k->saved;
}

/* --- memory ----------------------------------------------------------------------------------- */

void kept_flows_yield(struct kept_flows *k, uint64_t bytes)
{
	uint64_t available = memory_available();

	if (k->n_earlier == 0 || bytes <= available - available / 32)
		return;
	log_warning("the flows in %s are lost: not enough memory for the old and the new tables",
		    k->directory);
	forget_earlier(k);
}

const uint8_t *kept_flows_secret(const struct kept_flows *k)
{
	return k->lock >= 0 ? k->secret : NULL;
}

/* --- our own records -------------------------------------------------------------------------- */

static void name_of(char name[static NAME_SIZE], uint16_t worker, bool six)
{
	snprintf(name, NAME_SIZE, "%c-%u", six ? '6' : '4', worker);
}

const struct kept *kept_flows_create(struct kept_flows *k, uint16_t worker, bool six,
				     uint32_t capacity)
{
	struct kept_writer writer = {
		.capacity = capacity,
		.worker = worker,
		.workers = k->workers,
		.six = six,
	};
	struct kept *kept = &k->now[2 * worker + (six ? 1 : 0)];
	char name[NAME_SIZE], path[PATH_SIZE];
	int ret;

	if (k->lock < 0 || capacity == 0)
		return NULL;
	memcpy(writer.secret, k->secret, sizeof(writer.secret));
	name_of(name, worker, six);
	path_of(k, path, "new-", name);
	ret = kept_create(kept, path, &writer);
	if (ret < 0 && k->n_earlier > 0) {
		log_warning("the flows in %s are lost: not enough memory for the old and the new "
			    "tables",
			    k->directory);
		forget_earlier(k);
		ret = kept_create(kept, path, &writer);
	}
	explicit_bzero(writer.secret, sizeof(writer.secret));
	if (ret < 0)
		log_warning("a restart will lose flows of worker %u: %s: %s", worker, path,
			    strerror(-ret));
	return ret < 0 ? NULL : kept;
}

/* --- adoption --------------------------------------------------------------------------------- */

struct tally {
	uint64_t adopted, damaged, no_room, ended, over;
	uint64_t ended_by[ENDED_COUNT];
};

static void adopt_file(const struct earlier *e, struct context *const *workers, struct tally *t)
{
	const struct adopt_source source = {
		.origin_ns = e->writer.origin_ns,
		.worker = e->writer.worker,
	};

	for (uint32_t i = 0; i < e->memory.capacity; i++) {
		const struct flow *f = &e->memory.records[i];
		enum ended why = ENDED_NOT;

		if (f->state == FLOW_FREE)
			continue;
		if (f->state == FLOW_RESTING) {
			adopt_rest(workers, f, e->memory.six != NULL ? &e->memory.six[i] : NULL);
			continue;
		}
		switch (adopt_flow(workers, &source, f,
				   e->memory.six != NULL ? &e->memory.six[i] : NULL, &why)) {
		case ADOPTED:
			t->adopted++;
			break;
		case ADOPTED_ENDED:
			t->ended++;
			t->ended_by[why]++;
			break;
		case ADOPTED_NO_ROOM:
			t->no_room++;
			break;
		case ADOPTED_OVER:
			t->over++;
			break;
		default:
			t->damaged++;
		}
	}
}

static void say(const struct tally *t, uint64_t ns)
{
	if (t->adopted + t->damaged + t->no_room + t->ended + t->over == 0)
		return;
	log_info("flows of the last run: %" PRIu64 " go on, %" PRIu64 " ended by the "
		 "configuration, %" PRIu64 " over their timeout, %" PRIu64 " without room, %" PRIu64
		 " damaged, in %" PRIu64 " ms",
		 t->adopted, t->ended, t->over, t->no_room, t->damaged, ns / 1000000);
	for (unsigned i = ENDED_NOT + 1; i < ENDED_COUNT; i++)
		if (t->ended_by[i] > 0)
			log_info("of these ended as %s: %" PRIu64, ended_infos[i].name,
				 t->ended_by[i]);
}

static void forget_name(struct kept_flows *k, const char *name)
{
	for (size_t i = 0; i < k->n_earlier; i++)
		if (strcmp(k->earlier[i].name, name) == 0)
			k->earlier[i].name[0] = '\0';
}

/* Our files get the place of the earlier ones; what is left over goes. Memory is freed at last. */
static void take_place(struct kept_flows *k)
{
	char name[NAME_SIZE], from[PATH_SIZE], to[PATH_SIZE];

	for (uint16_t i = 0; i < FILES_MAX; i++) {
		if (k->now[i].map == NULL)
			continue;
		name_of(name, i / 2, i % 2 != 0);
		path_of(k, from, "new-", name);
		path_of(k, to, "", name);
		if (rename(from, to) < 0)
			log_warning("a restart will lose flows: %s: %s", from, strerror(errno));
		else
			forget_name(k, name);
	}
	for (size_t i = 0; i < k->n_earlier; i++) {
		path_of(k, to, "", k->earlier[i].name);
		if (k->earlier[i].name[0] != '\0')
			unlink(to);
	}
	for (size_t i = 0; i < k->n_earlier; i++)
		kept_close(&k->earlier[i].memory);
	k->n_earlier = 0;
}

void kept_flows_adopt(struct kept_flows *k, struct worker *const *workers,
		      struct registry *registry)
{
	struct context *contexts[WORKERS_MAX];
	struct tally tally = {0};
	uint64_t began_ns = mono_ns();

	if (k->lock < 0)
		return;
	for (uint16_t i = 0; i < k->workers; i++) {
		contexts[i] = worker_context(workers[i]);
		kept_begin(&k->now[2 * i], contexts[i]->origin_ns);
		kept_begin(&k->now[2 * i + 1], contexts[i]->origin_ns);
	}
	for (size_t i = 0; i < k->n_earlier; i++)
		adopt_file(&k->earlier[i], contexts, &tally);
	say(&tally, mono_ns() - began_ns);
	take_place(k);
	k->adopted = true;
	kept_flows_save(k, registry);
}

/* Of a start that failed. */
static void remove_new(const struct kept_flows *k)
{
	char name[NAME_SIZE], path[PATH_SIZE];

	for (uint16_t i = 0; i < FILES_MAX; i++) {
		if (k->now[i].map == NULL)
			continue;
		name_of(name, i / 2, i % 2 != 0);
		path_of(k, path, "new-", name);
		unlink(path);
	}
}

void kept_flows_close(struct kept_flows *k)
{
	if (k == NULL)
		return;
	if (!k->adopted)
		remove_new(k);
	for (size_t i = 0; i < k->n_earlier; i++)
		kept_close(&k->earlier[i].memory);
	for (size_t i = 0; i < FILES_MAX; i++)
		kept_close(&k->now[i]);
	if (k->lock >= 0)
		close(k->lock);
	explicit_bzero(k->secret, sizeof(k->secret));
	free(k);
}
