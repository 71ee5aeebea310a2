/*
 * A revision of the configuration as a file: lines of a head, an empty line, and the unchanged
 * text.
 *
 * Pure functions on bytes. A head that was read from the disk is accepted only if it is, byte for
 * byte, the one that this code would write.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	REVISION_WHO_SIZE = 64,
	REVISION_COMMENT_SIZE = 256,
	REVISION_HEAD_MAX = 1024,
};

/* The state of a revision, which is the extension of its file's name. */
enum revision_state {
	REVISION_SAVED, /* not applied yet, or the daemon ended before */
	REVISION_TRIAL, /* applied, and waiting for its confirmation */
	REVISION_APPLIED, /* applied and confirmed; the newest one of these is used */
	REVISION_UNDONE, /* was not confirmed, or not applied before the daemon ended */
};

struct revision {
	uint32_t number; /* from 1 */
	enum revision_state state; /* stored in the name, not in the head */
	bool damaged; /* only number, state and size are known */
	int64_t time_s; /* since 1970, UTC */
	uint32_t confirm_s; /* 0: applied without confirmation */
	char who[REVISION_WHO_SIZE]; /* UTF-8 without control characters, like the comment */
	char comment[REVISION_COMMENT_SIZE];
	/* checksum of the file of --config at that time; 0: it could not be read */
	uint64_t file_sum;
	uint64_t text_sum;
	size_t text_len; /* bytes */
};

/* CRC-64 (ECMA-182) of @len bytes; never 0. It detects damage, not forgery. */
uint64_t revision_sum(const char *text, size_t len);

/* Writes the head with its empty line. Returns its length. */
size_t revision_write_head(const struct revision *r, char head[static REVISION_HEAD_MAX]);

/*
 * Reads the head at the begin of @bytes (@len of them). Its length with the empty line; 0 and why
 * not, as half a sentence, in *@why. Leaves state and damaged as they are.
 */
size_t revision_read_head(struct revision *r, const char *bytes, size_t len, const char **why);

const char *revision_state_name(enum revision_state state);
