/*
 * The file format of a revision: see revision.h.
 *
 *   homeward revision, format 1
 *   number: 12
 *   time: 1795781234
 *   ...
 *   head-sum: 8b3c0e5d9f1a7726
 *   (empty)
 *   text
 *
 * The reader parses the fields without checks, then writes the head from them, and compares both.
 * So no field needs a check of its own, and none can be forgotten.
 */
#include "control/change/revision.h"

#include "base/clean.h"

#include <endian.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAGIC "homeward revision, format 1\n"

enum { LINE_SIZE = 320 };

static const char *const state_names[] = {
	[REVISION_SAVED] = "saved",
	[REVISION_TRIAL] = "trial",
	[REVISION_APPLIED] = "applied",
	[REVISION_UNDONE] = "undone",
};

const char *revision_state_name(enum revision_state state)
{
	return state_names[state];
}

enum { AT_ONCE = 8 }; /* bytes in one step; one by one, a large file takes milliseconds */

/* Uses the bit-reversed polynomial, as usual; tables[k]: of a byte with k bytes after it. */
static void make_tables(uint64_t tables[static AT_ONCE][256])
{
	for (uint64_t byte = 0; byte < 256; byte++) {
		uint64_t sum = byte;

		for (int bit = 0; bit < 8; bit++)
			sum = sum >> 1 ^ (sum & 1 ? UINT64_C(0xc96c5795d7870f42) : 0);
		tables[0][byte] = sum;
	}
	for (unsigned k = 1; k < AT_ONCE; k++)
		for (unsigned byte = 0; byte < 256; byte++) {
			uint64_t sum = tables[k - 1][byte];

			tables[k][byte] = tables[0][sum & 0xff] ^ sum >> 8;
		}
}

uint64_t revision_sum(const char *text, size_t len)
{
	static uint64_t tables[AT_ONCE][256];
	uint64_t sum = UINT64_MAX, word;
	size_t i = 0;

	if (tables[0][1] == 0)
		make_tables(tables);
	for (; i + AT_ONCE <= len; i += AT_ONCE) {
		memcpy(&word, text + i, sizeof(word));
		word = le64toh(word) ^ sum;
		sum = 0;
		for (unsigned k = 0; k < AT_ONCE; k++)
			sum ^= tables[AT_ONCE - 1 - k][word >> 8 * k & 0xff];
	}
	for (; i < len; i++)
		sum = tables[0][(sum ^ (uint8_t)text[i]) & 0xff] ^ sum >> 8;
	sum = ~sum;
	return sum != 0 ? sum : 1;
}

size_t revision_write_head(const struct revision *r, char head[static REVISION_HEAD_MAX])
{
	size_t len = (size_t)snprintf(head, REVISION_HEAD_MAX,
				      MAGIC "number: %" PRIu32 "\n"
					    "time: %" PRId64 "\n"
					    "confirm: %" PRIu32 "\n"
					    "who: %s\n"
					    "comment: %s\n"
					    "file-sum: %016" PRIx64 "\n"
					    "text-sum: %016" PRIx64 "\n"
					    "text-length: %zu\n",
				      r->number, r->time_s, r->confirm_s, r->who, r->comment,
				      r->file_sum, r->text_sum, r->text_len);

	return len + (size_t)snprintf(head + len, REVISION_HEAD_MAX - len,
				      "head-sum: %016" PRIx64 "\n\n", revision_sum(head, len));
}

/* Copies the value of the next line to @line; "" if its name is not @name. */
static const char *next_line(const char **at, const char *end, const char *name,
			     char line[static LINE_SIZE])
{
	const char *stop = memchr(*at, '\n', (size_t)(end - *at));
	size_t len = stop != NULL ? (size_t)(stop - *at) : (size_t)(end - *at);
	size_t skip = strlen(name);

	line[0] = '\0';
	if (len >= skip && len - skip < LINE_SIZE && memcmp(*at, name, skip) == 0) {
		memcpy(line, *at + skip, len - skip);
		line[len - skip] = '\0';
	}
	*at += stop != NULL ? len + 1 : len;
	return line;
}

static void read_fields(struct revision *r, const char *at, const char *end)
{
	char line[LINE_SIZE];

	r->number = (uint32_t)strtoul(next_line(&at, end, "number: ", line), NULL, 10);
	r->time_s = strtoll(next_line(&at, end, "time: ", line), NULL, 10);
	r->confirm_s = (uint32_t)strtoul(next_line(&at, end, "confirm: ", line), NULL, 10);
	clean_text(next_line(&at, end, "who: ", line), r->who, sizeof(r->who));
	clean_text(next_line(&at, end, "comment: ", line), r->comment, sizeof(r->comment));
	r->file_sum = strtoull(next_line(&at, end, "file-sum: ", line), NULL, 16);
	r->text_sum = strtoull(next_line(&at, end, "text-sum: ", line), NULL, 16);
	r->text_len = strtoull(next_line(&at, end, "text-length: ", line), NULL, 10);
}

size_t revision_read_head(struct revision *r, const char *bytes, size_t len, const char **why)
{
	const size_t magic = strlen(MAGIC);
	char head[REVISION_HEAD_MAX];
	size_t n;

	if (len < magic || memcmp(bytes, MAGIC, magic) != 0) {
		*why = len < magic && memcmp(bytes, MAGIC, len) == 0 ? "it is cut short"
								     : "it is no revision";
		return 0;
	}
	read_fields(r, bytes + magic, bytes + len);
	n = revision_write_head(r, head);
	if (len >= n && memcmp(bytes, head, n) == 0)
		return n;
	*why = "its head is damaged or cut short";
	return 0;
}
