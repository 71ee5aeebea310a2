/*
 * How much memory the control groups of this process still let it have: see cgroup.h.
 *
 * The kernel kills a process whose group is at its limit, even if the machine has free memory. The
 * limits of all groups above count, too, up to the root of the hierarchy. In a container that is
 * the root of what is mounted. Page cache that the kernel can drop at once does not count as used.
 *
 *   version   file of the limit         use                       can be given up, of memory.stat
 *   2         memory.max                memory.current            inactive_file, active_file
 *   1         memory.limit_in_bytes     memory.usage_in_bytes     total_inactive_file, ...
 */
#include "base/cgroup.h"

#include "base/types.h"

#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { LINE_SIZE = 2 * PATH_MAX };

static const struct version {
	const char *type; /* of the file system */
	const char *controller; /* in proc_pid_cgroup(5) */
	const char *limit, *use;
	const char *inactive, *active;
} versions[] = {
	{"cgroup2", "", "memory.max", "memory.current", "inactive_file", "active_file"},
	{"cgroup", "memory", "memory.limit_in_bytes", "memory.usage_in_bytes",
	 "total_inactive_file", "total_active_file"},
};

/* Does @list, separated by commas, have @word? */
static bool has_word(const char *list, const char *word)
{
	size_t len = strlen(word);

	for (const char *at = list; at != NULL; at = strchr(at, ',')) {
		at += *at == ',';
		if (strncmp(at, word, len) == 0 && (at[len] == ',' || at[len] == '\0'))
			return true;
	}
	return false;
}

/* Where our group is in the hierarchy of @v. False: in none. */
static bool find_group(const char *proc, const struct version *v, char *group)
{
	char line[LINE_SIZE], name[PATH_MAX];
	bool found = false;
	FILE *f;

	snprintf(name, sizeof(name), "%s/cgroup", proc);
	f = fopen(name, "re");
	while (f != NULL && !found && fgets(line, sizeof(line), f) != NULL) {
		char *controllers = strchr(line, ':');
		char *path = controllers != NULL ? strchr(controllers + 1, ':') : NULL;

		if (path == NULL)
			continue;
		*path++ = '\0';
		path[strcspn(path, "\n")] = '\0';
		found = v->controller[0] == '\0' ? controllers[1] == '\0'
						 : has_word(controllers + 1, v->controller);
		if (found)
			snprintf(group, PATH_MAX, "%s", path);
	}
	if (f != NULL)
		fclose(f);
	return found;
}

/* Where the hierarchy of @v is mounted, and which part of it. */
static bool find_mount(const char *proc, const struct version *v, char *root, char *mount)
{
	char line[LINE_SIZE], name[PATH_MAX], type[64], options[LINE_SIZE];
	bool found = false;
	FILE *f;

	snprintf(name, sizeof(name), "%s/mountinfo", proc);
	f = fopen(name, "re");
	while (f != NULL && !found && fgets(line, sizeof(line), f) != NULL) {
		const char *more = strstr(line, " - ");

		found = more != NULL && sscanf(more, " - %63s %*s %8191s", type, options) == 2 &&
			strcmp(type, v->type) == 0 &&
			(v->controller[0] == '\0' || has_word(options, v->controller)) &&
			sscanf(line, "%*s %*s %*s %4095s %4095s", root, mount) == 2;
	}
	if (f != NULL)
		fclose(f);
	return found;
}

/* One number; "max", and what cannot be read, is UINT64_MAX. */
static uint64_t cgroup_read_number(const char *folder, const char *file)
{
	char name[3 * PATH_MAX];
	uint64_t value = UINT64_MAX;
	FILE *f;

	snprintf(name, sizeof(name), "%s/%s", folder, file);
	f = fopen(name, "re");
	if (f == NULL)
		return value;
	if (fscanf(f, "%" SCNu64, &value) != 1)
		value = UINT64_MAX;
	fclose(f);
	return value;
}

static uint64_t read_cache(const char *folder, const struct version *v)
{
	char name[3 * PATH_MAX], key[64];
	uint64_t sum = 0, value;
	FILE *f;

	snprintf(name, sizeof(name), "%s/memory.stat", folder);
	f = fopen(name, "re");
	if (f == NULL)
		return 0;
	while (fscanf(f, "%63s %" SCNu64, key, &value) == 2)
		if (strcmp(key, v->inactive) == 0 || strcmp(key, v->active) == 0)
			sum += value;
	fclose(f);
	return sum;
}

static uint64_t left_in(const char *folder, const struct version *v)
{
	uint64_t limit = cgroup_read_number(folder, v->limit),
		 use = cgroup_read_number(folder, v->use), cache;

	if (limit == UINT64_MAX || use == UINT64_MAX)
		return UINT64_MAX;
	cache = read_cache(folder, v);
	use -= cache < use ? cache : use;
	return limit > use ? limit - use : 0;
}

/* The smallest remainder of all groups from ours up to the root of the mount. */
static uint64_t left_of(const char *proc, const struct version *v)
{
	char group[PATH_MAX], root[PATH_MAX], mount[PATH_MAX], folder[2 * PATH_MAX];
	const char *below;
	uint64_t least = UINT64_MAX;
	size_t end;

	if (!find_group(proc, v, group) || !find_mount(proc, v, root, mount))
		return UINT64_MAX;
	below = strcmp(root, "/") != 0 && strncmp(group, root, strlen(root)) == 0
			? group + strlen(root)
			: group;
	end = strlen(mount);
	snprintf(folder, sizeof(folder), "%s%s", mount, strcmp(below, "/") == 0 ? "" : below);
	for (;;) {
		uint64_t left = left_in(folder, v);
		char *slash = strrchr(folder, '/');

		least = left < least ? left : least;
		if (strlen(folder) <= end || slash == NULL)
			return least;
		*slash = '\0';
	}
}

uint64_t cgroup_memory_left(const char *proc)
{
	uint64_t least = UINT64_MAX;

	for (size_t i = 0; i < ARRAY_SIZE(versions); i++) {
		uint64_t left = left_of(proc, &versions[i]);

		least = left < least ? left : least;
	}
	return least;
}
