/* Messages of vici: see vici_message.h. */
#include "control/ipsec/vici_message.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_ROOM = 512 };

/* A larger buffer by copying: realloc() would leave secrets behind. */
static bool make_room(struct vici_writer *w, size_t more)
{
	size_t room = w->room == 0 ? FIRST_ROOM : w->room;
	uint8_t *data;

	if (w->failed)
		return false;
	while (room - w->len < more)
		room *= 2;
	if (room == w->room)
		return true;
	data = malloc(room);
	if (data == NULL) {
		w->failed = true;
		return false;
	}
	if (w->data != NULL) {
		memcpy(data, w->data, w->len);
		explicit_bzero(w->data, w->len);
		free(w->data);
	}
	w->data = data;
	w->room = room;
	return true;
}

/* An element with its name, if it has one, and its value, if it has one. */
static void put_element(struct vici_writer *w, enum vici_element type, const char *name,
			const void *value, size_t len)
{
	size_t name_len = name == NULL ? 0 : strlen(name);
	uint8_t *at;

	if (name_len > VICI_NAME_MAX || len > VICI_VALUE_MAX) {
		w->failed = true;
		return;
	}
	if (!make_room(w, 1 + 1 + name_len + 2 + len))
		return;
	at = w->data + w->len;
	*at++ = (uint8_t)type;
	if (name != NULL) {
		*at++ = (uint8_t)name_len;
		memcpy(at, name, name_len);
		at += name_len;
	}
	if (value != NULL) {
		*at++ = (uint8_t)(len >> 8);
		*at++ = (uint8_t)len;
		memcpy(at, value, len);
		at += len;
	}
	w->len = (size_t)(at - w->data);
}

void vici_section(struct vici_writer *w, const char *name)
{
	put_element(w, VICI_SECTION, name, NULL, 0);
}

void vici_end(struct vici_writer *w)
{
	put_element(w, VICI_SECTION_END, NULL, NULL, 0);
}

void vici_put_bytes(struct vici_writer *w, const char *key, const void *value, size_t len)
{
	put_element(w, VICI_KEY, key, value, len);
}

void vici_put(struct vici_writer *w, const char *key, const char *value)
{
	put_element(w, VICI_KEY, key, value, strlen(value));
}

void vici_putf(struct vici_writer *w, const char *key, const char *fmt, ...)
{
	char value[256];
	va_list args;
	int len;

	va_start(args, fmt);
	len = vsnprintf(value, sizeof(value), fmt, args);
	va_end(args);
	if (len < 0 || (size_t)len >= sizeof(value))
		w->failed = true;
	else
		put_element(w, VICI_KEY, key, value, (size_t)len);
}

void vici_list(struct vici_writer *w, const char *key)
{
	put_element(w, VICI_LIST, key, NULL, 0);
}

void vici_item_bytes(struct vici_writer *w, const void *value, size_t len)
{
	put_element(w, VICI_ITEM, NULL, value, len);
}

void vici_item(struct vici_writer *w, const char *value)
{
	put_element(w, VICI_ITEM, NULL, value, strlen(value));
}

void vici_list_end(struct vici_writer *w)
{
	put_element(w, VICI_LIST_END, NULL, NULL, 0);
}

void vici_free(struct vici_writer *w)
{
	if (w->data != NULL)
		explicit_bzero(w->data, w->len);
	free(w->data);
	*w = (struct vici_writer){0};
}

struct vici_reader vici_read(const void *data, size_t len)
{
	return (struct vici_reader){.data = data, .len = len};
}

static bool read_name(struct vici_reader *r)
{
	size_t len;

	if (r->at >= r->len)
		return false;
	len = r->data[r->at];
	if (len > r->len - r->at - 1)
		return false;
	r->name = (const char *)r->data + r->at + 1;
	r->name_len = len;
	r->at += 1 + len;
	return true;
}

static bool read_value(struct vici_reader *r)
{
	size_t len;

	if (r->len - r->at < 2)
		return false;
	len = (size_t)r->data[r->at] << 8 | r->data[r->at + 1];
	if (len > r->len - r->at - 2)
		return false;
	r->value = (const char *)r->data + r->at + 2;
	r->value_len = len;
	r->at += 2 + len;
	return true;
}

static bool read_section(struct vici_reader *r)
{
	return !r->in_list && ++r->depth <= VICI_DEPTH_MAX && read_name(r);
}

static bool read_section_end(struct vici_reader *r)
{
	return !r->in_list && r->depth-- > 0;
}

/* Begins or ends a list. */
static bool turn_list(struct vici_reader *r, bool begins)
{
	bool ok = r->in_list != begins && (!begins || read_name(r));

	r->in_list = begins;
	return ok;
}

static bool read_element(struct vici_reader *r, enum vici_element type)
{
	switch (type) {
	case VICI_SECTION:
		return read_section(r);
	case VICI_SECTION_END:
		return read_section_end(r);
	case VICI_KEY:
		return !r->in_list && read_name(r) && read_value(r);
	case VICI_LIST:
		return turn_list(r, true);
	case VICI_ITEM:
		return r->in_list && read_value(r);
	case VICI_LIST_END:
		return turn_list(r, false);
	default:
		return false;
	}
}

/* Nothing of the message is read any more. */
static enum vici_element break_off(struct vici_reader *r)
{
	r->len = r->at = 0;
	r->depth = 1;
	return VICI_BROKEN;
}

enum vici_element vici_next(struct vici_reader *r)
{
	enum vici_element type;

	if (r->at >= r->len)
		return r->depth == 0 && !r->in_list ? VICI_DONE : break_off(r);
	type = r->data[r->at++];
	return read_element(r, type) ? type : break_off(r);
}

bool vici_named(const struct vici_reader *r, const char *name)
{
	return r->name_len == strlen(name) && memcmp(r->name, name, r->name_len) == 0;
}

bool vici_valued(const struct vici_reader *r, const char *value)
{
	return r->value_len == strlen(value) && memcmp(r->value, value, r->value_len) == 0;
}

bool vici_find(const void *data, size_t len, const char *key, char *out, size_t size)
{
	struct vici_reader r = vici_read(data, len);
	enum vici_element type;

	while ((type = vici_next(&r)) != VICI_DONE && type != VICI_BROKEN) {
		if (type == VICI_KEY && r.depth == 0 && vici_named(&r, key)) {
			snprintf(out, size, "%.*s", (int)r.value_len, r.value);
			return true;
		}
	}
	return false;
}
