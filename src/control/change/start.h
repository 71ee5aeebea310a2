/*
 * Which configuration does the daemon start with: the file that it was given, or the revision that
 * was applied last?
 *
 * Whichever is newer. If the file is not what it was when the newest revision was saved, somebody
 * has edited it since: the file. Otherwise the newest revision that was applied and, where needed,
 * confirmed. A revision that was never confirmed, or whose applying was interrupted, is not used.
 *
 * Before the daemon starts; one thread.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct alarms;
struct config;
struct err_list;
struct revisions;

struct change_start {
	struct config *config;
	char *file; /* its name */
	char *text; /* of @config: @len bytes and a NUL */
	size_t len;
	uint64_t file_sum; /* of the file's text */
	uint32_t revision; /* whose text it is; 0: of none */
	uint32_t undone; /* the newest one that was interrupted, and is not used; 0: none */
	struct revisions *store; /* NULL: none can be kept, */
	char *store_error; /* why not, one sentence; else NULL */
};

/*
 * Reads @file and the revisions, and chooses; says which one in the log. 0, or -1 and sentences in
 * @errs if @file has errors.
 */
int change_start(struct change_start *s, const char *file, struct err_list *errs);

void change_start_fini(struct change_start *s);
