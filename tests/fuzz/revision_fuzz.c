/*
 * Any bytes as the head of a revision: an accepted head is exactly what the daemon would write, and
 * is safe to print on a terminal.
 */
#include "base/clean.h"
#include "control/change/revision.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void stop_if(bool wrong, const char *what)
{
	if (wrong) {
		fprintf(stderr, "%s\n", what);
		abort();
	}
}

static void check_shown(const char *text)
{
	char clean[REVISION_COMMENT_SIZE + 1];

	clean_text(text, clean, sizeof(clean));
	stop_if(strcmp(text, clean) != 0, "a text that no terminal should see");
}

/* Inputs cannot guess the checksums: writes the right ones into the head, and parses it again. */
static void try_sealed(const uint8_t *data, size_t size)
{
	char head[REVISION_HEAD_MAX], again[REVISION_HEAD_MAX];
	struct revision r = {0}, got = {0};
	const char *why = NULL;
	size_t len;

	r.number = size > 0 ? data[0] : 0;
	r.time_s = size > 1 ? (int64_t)((uint64_t)data[1] << 56) : 0;
	r.text_len = size;
	snprintf(r.who, sizeof(r.who), "%.*s", (int)(size < 40 ? size : 40), (const char *)data);
	snprintf(r.comment, sizeof(r.comment), "%.*s", (int)(size < 255 ? size : 255),
		 (const char *)data);
	len = revision_write_head(&r, head);
	if (revision_read_head(&got, head, len, &why) == 0) {
		stop_if(why == NULL, "refused without a word");
		return;
	}
	check_shown(got.who);
	check_shown(got.comment);
	stop_if(revision_write_head(&got, again) != len || memcmp(head, again, len) != 0,
		"it is read as another one");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char head[REVISION_HEAD_MAX];
	struct revision r = {0};
	const char *why = NULL;
	size_t len = revision_read_head(&r, (const char *)data, size, &why);

	stop_if(len > size, "more than there is");
	stop_if(len == 0 && why == NULL, "refused without a word");
	if (len > 0) {
		check_shown(r.who);
		check_shown(r.comment);
		stop_if(revision_write_head(&r, head) != len || memcmp(head, data, len) != 0,
			"it is not what we would write");
	}
	try_sealed(data, size);
	return 0;
}
