/*
 * JSON written directly: see writer.h.
 *
 * Almost all of a list is names of fields, numbers and IPv4 addresses. So these are written by a
 * few lines of our own; printf and inet_ntop would take most of the time.
 */
#include "control/api/writer.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include <event2/buffer.h>

enum {
	DIGITS = 20, /* of the largest number */
	ESCAPED = 6, /* \u001f */
};

void writer_flush(struct writer *w)
{
	if (w->n > 0 && evbuffer_add(w->out, w->text, w->n) < 0)
		w->failed = true;
	w->n = 0;
}

/* Room for @len bytes, fewer than WRITER_SIZE. */
static char *reserve(struct writer *w, size_t len)
{
	if (w->n + len > WRITER_SIZE)
		writer_flush(w);
	return w->text + w->n;
}

static void add(struct writer *w, const char *text, size_t len)
{
	memcpy(reserve(w, len), text, len);
	w->n += len;
}

static void add_byte(struct writer *w, char c)
{
	*reserve(w, 1) = c;
	w->n++;
}

/* What precedes a value. */
static void begin(struct writer *w, const char *name)
{
	if (w->comma)
		add_byte(w, ',');
	w->comma = true;
	if (name == NULL)
		return;
	add_byte(w, '"');
	add(w, name, strlen(name));
	add(w, "\":", 2);
}

void writer_open(struct writer *w, const char *name, char bracket)
{
	begin(w, name);
	add_byte(w, bracket);
	w->comma = false;
}

void writer_close(struct writer *w, char bracket)
{
	add_byte(w, bracket);
	w->comma = true;
}

static bool is_plain(char c)
{
	return (unsigned char)c >= ' ' && c != '"' && c != '\\' && c != 0x7f;
}

/* DEL is escaped, too: no byte that we write can change the state of a terminal. */
static void add_escaped(struct writer *w, char c)
{
	w->n += (size_t)snprintf(reserve(w, ESCAPED + 1), ESCAPED + 1, "\\u%04x", c);
}

void writer_text(struct writer *w, const char *name, const char *value)
{
	begin(w, name);
	if (value == NULL) {
		add(w, "null", 4);
		return;
	}
	add_byte(w, '"');
	for (; *value != '\0'; value++) {
		if (is_plain(*value))
			add_byte(w, *value);
		else
			add_escaped(w, *value);
	}
	add_byte(w, '"');
}

void writer_bool(struct writer *w, const char *name, bool value)
{
	begin(w, name);
	add(w, value ? "true" : "false", value ? 4 : 5);
}

static void add_number(struct writer *w, uint64_t value)
{
	char digits[DIGITS];
	size_t at = DIGITS;

	do {
		digits[--at] = (char)('0' + value % 10);
		value /= 10;
	} while (value > 0);
	add(w, digits + at, DIGITS - at);
}

void writer_number(struct writer *w, const char *name, uint64_t value)
{
	begin(w, name);
	add_number(w, value);
}

static void add_address4(struct writer *w, be32_t addr)
{
	const uint8_t *bytes = (const uint8_t *)&addr;

	for (int i = 0; i < 4; i++) {
		if (i > 0)
			add_byte(w, '.');
		add_number(w, bytes[i]);
	}
}

static void add_address(struct writer *w, const struct addr6 *addr)
{
	char text[INET6_ADDRSTRLEN];

	if (addr6_is_mapped(addr)) {
		add_address4(w, addr6_to_ipv4(addr));
		return;
	}
	inet_ntop(AF_INET6, addr, text, sizeof(text));
	add(w, text, strlen(text));
}

void writer_address4(struct writer *w, const char *name, be32_t addr)
{
	begin(w, name);
	add_byte(w, '"');
	add_address4(w, addr);
	add_byte(w, '"');
}

void writer_address(struct writer *w, const char *name, const struct addr6 *addr)
{
	begin(w, name);
	add_byte(w, '"');
	add_address(w, addr);
	add_byte(w, '"');
}

void writer_prefix(struct writer *w, const char *name, const struct prefix6 *prefix)
{
	bool mapped = addr6_is_mapped(&prefix->addr) && prefix->len >= MAPPED_BITS;

	begin(w, name);
	add_byte(w, '"');
	add_address(w, &prefix->addr);
	add_byte(w, '/');
	add_number(w, mapped ? prefix->len - MAPPED_BITS : prefix->len);
	add_byte(w, '"');
}

void writer_line(struct writer *w)
{
	add_byte(w, '\n');
	w->comma = false;
}
