/*
 * Messages of vici, the control protocol of strongSwan: a tree of sections, keys with values, and
 * lists of values. Format: README.md of strongSwan's vici plugin.
 *
 * It is written here, and not taken from libvici: that library is linked with libstrongswan, which
 * is GPL and has threads of its own.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	VICI_NAME_MAX = 255, /* bytes of a key or of a section's name */
	VICI_VALUE_MAX = 65535,
	VICI_DEPTH_MAX = 16, /* sections in sections */
};

/* --- writing ---------------------------------------------------------------------------------- */

struct vici_writer {
	uint8_t *data; /* vici_free() wipes and frees it */
	size_t len, room;
	bool failed; /* memory ran out, or a name or value was too long */
};

void vici_section(struct vici_writer *w, const char *name);
void vici_end(struct vici_writer *w);
void vici_put(struct vici_writer *w, const char *key, const char *value);
void vici_put_bytes(struct vici_writer *w, const char *key, const void *value, size_t len);
void vici_putf(struct vici_writer *w, const char *key, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void vici_list(struct vici_writer *w, const char *key);
void vici_item(struct vici_writer *w, const char *value);
void vici_item_bytes(struct vici_writer *w, const void *value, size_t len);
void vici_list_end(struct vici_writer *w);
void vici_free(struct vici_writer *w);

/* --- reading ---------------------------------------------------------------------------------- */

enum vici_element {
	VICI_DONE = 0,
	VICI_SECTION = 1,
	VICI_SECTION_END = 2,
	VICI_KEY = 3,
	VICI_LIST = 4,
	VICI_ITEM = 5,
	VICI_LIST_END = 6,
	VICI_BROKEN = 7, /* the message breaks the format */
};

struct vici_reader {
	const uint8_t *data;
	size_t len, at;
	unsigned depth;
	bool in_list;

	/* of the last element */
	const char *name; /* not terminated */
	size_t name_len;
	const char *value; /* the same */
	size_t value_len;
};

struct vici_reader vici_read(const void *data, size_t len);

/* The next element. After VICI_DONE and VICI_BROKEN always the same. */
enum vici_element vici_next(struct vici_reader *r);

bool vici_named(const struct vici_reader *r, const char *name);
bool vici_valued(const struct vici_reader *r, const char *value);

/* The value of @key outside of all sections, cut to @size with its end. False: not there. */
bool vici_find(const void *data, size_t len, const char *key, char *out, size_t size);
