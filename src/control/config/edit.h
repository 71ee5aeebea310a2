/*
 * Finds which sites of a file differ from those of another text of it.
 *
 * Private to control/config.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Sites are numbered as the file lists them. */
struct edit {
	size_t n_before; /* sites in front that are the same in both texts */
	size_t n_old, n_new; /* those between, in the old and in the new text */
	/*
	 * The new text without the sites that are the same. All that is left stands on its line.
	 */
	char *text;
	size_t len;
};

/*
 * @old is simple YAML (tree_simple.c) and a valid file; @now may be anything. True: @now is @old
 * but for the sites between, and is simple YAML if @edit->text is. Then all that follows them is
 * the same, too, and @edit->text has at least two sites. False: that is not so, or more than half
 * of the text differs, or memory is short. edit_fini() is needed in the first case only.
 */
bool edit_find(struct edit *edit, const char *old, size_t old_len, const char *now, size_t len);

void edit_fini(struct edit *edit);
