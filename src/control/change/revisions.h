/*
 * The revisions of the configuration that are kept, in DIRECTORY/revisions, a file each.
 *
 * A file is written beside, synchronized and renamed: after a power loss it is there as a whole or
 * not at all. What became of a revision is the ending of its name, so that a change of it is one
 * rename. The newest one that ends in "applied" is what runs, or would run.
 *
 * Of all that is read nothing is trusted. What is damaged is named and left out.
 *
 * Control thread. Reads and writes wait for the disk.
 */
#pragma once

#include "control/change/revision.h"

struct err_list;
struct revisions;

enum {
	REVISIONS_MAX = 100, /* the oldest ones give way */
	REVISIONS_BYTES_MAX = 256 << 20, /* of all of them */
};

/*
 * Opens, and makes where they are missing, @directory and the folder in it. NULL and a sentence in
 * @errs if that fails, or another process has it open. A sentence in @notes for each file that is
 * damaged, and for each one that was being written when the writer ended: that one is removed.
 */
struct revisions *revisions_open(const char *directory, struct err_list *errs,
				 struct err_list *notes);
void revisions_close(struct revisions *rs); /* NULL is fine */

/* All that are known, by number, damaged ones too. Valid until the next call that changes @rs. */
size_t revisions_count(const struct revisions *rs);
const struct revision *revisions_at(const struct revisions *rs, size_t i);

/* NULL: none has this number. */
const struct revision *revisions_find(const struct revisions *rs, uint32_t number);

/* The newest good one that was applied, of those before number @before. NULL: none. */
const struct revision *revisions_last_applied(const struct revisions *rs, uint32_t before);

/* Its text, of text_len bytes and a NUL. The caller frees it. NULL and a sentence in @errs. */
char *revisions_read(struct revisions *rs, uint32_t number, struct err_list *errs);

/*
 * Saves @text as the next revision, with time, confirm, who, comment, file_sum and text_len of @r.
 * Its number, and @r is completed; or 0 and a sentence in @errs, and nothing has changed.
 */
uint32_t revisions_save(struct revisions *rs, struct revision *r, const char *text,
			struct err_list *errs);

/* What became of it. 0, or -errno and a sentence in @errs: then it is as it was. */
int revisions_mark(struct revisions *rs, uint32_t number, enum revision_state state,
		   struct err_list *errs);

void revisions_remove(struct revisions *rs, uint32_t number);
