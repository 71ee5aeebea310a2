/*
 * Chooses the configuration at the start: the file of --config, or the revision that was applied
 * last.
 *
 * The newer one is used. If the file has changed since the newest revision was saved, it was
 * edited, and the file is used. Otherwise it is the newest revision that was applied and, if
 * needed, confirmed. A revision that was not confirmed, or was not completely applied, is not used.
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
	char *file; /* name of the file */
	char *text; /* text of @config: @len bytes and a NUL */
	size_t len;
	uint64_t file_sum; /* checksum of the file's text */
	uint32_t revision; /* the revision with this text; 0: none */
	uint32_t undone; /* the newest interrupted revision, which is not used; 0: none */
	struct revisions *store; /* NULL: no revisions can be saved, */
	char *store_error; /* and why, in one sentence; otherwise NULL */
};

/*
 * Reads @file and the revisions, chooses one, and logs the choice. 0; or -1 and sentences in @errs
 * if @file has errors.
 */
int change_start(struct change_start *s, const char *file, struct err_list *errs);

void change_start_fini(struct change_start *s);
