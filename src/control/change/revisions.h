/*
 * The saved revisions of the configuration: one file each in DIRECTORY/revisions.
 *
 * A file is written under another name, brought to the disk (fsync) and renamed: after a power loss
 * it is complete or does not exist. The state of a revision is the extension of its name, so a
 * change of state is one rename. The newest one with the extension "applied" is the one that runs
 * or that a start would use.
 *
 * Files are checked when they are read. Damaged ones are reported and not used.
 *
 * Control thread. Reads and writes wait for the disk.
 */
#pragma once

#include "control/change/revision.h"

struct err_list;
struct revisions;

enum {
	REVISIONS_MAX = 100, /* older ones are removed */
	REVISIONS_BYTES_MAX = 256 << 20, /* of all of them */
};

/*
 * Opens @directory and the folder in it, and creates them if they are missing. NULL and a sentence
 * in @errs if that fails, or if another process has it open. Adds a sentence to @notes for each
 * damaged file, and for each file that was being written when the daemon ended; the latter are
 * removed.
 */
struct revisions *revisions_open(const char *directory, struct err_list *errs,
				 struct err_list *notes);
void revisions_close(struct revisions *rs); /* accepts NULL */

/* All revisions by number, including damaged ones. Valid until the next call that changes @rs. */
size_t revisions_count(const struct revisions *rs);
const struct revision *revisions_at(const struct revisions *rs, size_t i);

/* NULL: there is no revision with this number. */
const struct revision *revisions_find(const struct revisions *rs, uint32_t number);

/* The newest applied revision that is not damaged, with a number below @before. NULL: none. */
const struct revision *revisions_last_applied(const struct revisions *rs, uint32_t before);

/*
 * Reads its text of text_len bytes and a NUL, which the caller frees. NULL and a sentence in @errs
 * on failure.
 */
char *revisions_read(struct revisions *rs, uint32_t number, struct err_list *errs);

/*
 * Saves @text as the next revision, with time, confirm, who, comment, file_sum and text_len of @r.
 * Returns its number, and fills in the rest of @r; or 0 and a sentence in @errs, and nothing has
 * changed.
 */
uint32_t revisions_save(struct revisions *rs, struct revision *r, const char *text,
			struct err_list *errs);

/*
 * Changes the state of a revision. 0; or -errno and a sentence in @errs, and the state is
 * unchanged.
 */
int revisions_mark(struct revisions *rs, uint32_t number, enum revision_state state,
		   struct err_list *errs);

void revisions_remove(struct revisions *rs, uint32_t number);
