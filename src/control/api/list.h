/*
 * Lists, whole or a page at a time. Private to control/api.
 *
 * Every list has the same arguments and the same end: PAGE_ARGS in its table of arguments, and
 * PAGE_FIELDS in that of its fields. A cursor is the place of the next item in an order that no
 * change of the configuration disturbs: by id, by name or by number. So an item that exists while
 * all pages are read is listed exactly once.
 */
#pragma once

#include "control/api/route.h"
#include "control/api/stream.h"

enum { PAGE_MAX = 1000 };

#define PAGE_ARGS(default_limit)                                                                   \
	{"limit", ARG_NUMBER, 1, PAGE_MAX, "items a page; " default_limit " if not given"},        \
	{                                                                                          \
		"cursor", ARG_TEXT, 0, 0, "next_cursor of the page before"                         \
	}

#define PAGE_FIELDS                                                                                \
	{                                                                                          \
		"next_cursor", FIELD_STRING_OR_NULL,                                               \
			"where the next page begins; null: this is the last"                       \
	}

/* The arguments of a page. */
struct page {
	uint32_t limit; /* 0: all */
	const char *cursor; /* NULL: the first page */
};

/* @args: where PAGE_ARGS begin. */
struct page page_of(const struct arg *args);
void page_refuse(struct api_reply *reply); /* the cursor is none of ours */

/* What a list consists of, whose items have stable ids. */
struct list_kind {
	const char *field;
	uint32_t (*max_id)(const struct network *net);
	bool (*is_there)(const struct network *net, uint16_t id);
	/*
	 * Writes a bounded part of the item, the first one if @part is 0. True: that was the last
	 * part.
	 */
	bool (*write)(const struct api_context *ctx, uint16_t id, uint32_t part, struct writer *w);
};

/* Answers a list. @site: only the tunnels of this site; SITE_INTERNET: all items. */
void reply_list(const struct api_request *rq, struct api_reply *reply, const struct list_kind *kind,
		uint16_t site, const struct page *page);

/* The same for a list of tunnels. The arguments are a site, which may be missing, and PAGE_ARGS. */
void reply_tunnels(const struct api_request *rq, struct api_reply *reply,
		   const struct list_kind *kind);
uint32_t list_max_tunnel(const struct network *net); /* its max_id */

/* A list within an item. */
struct list_inner {
	const char *field;
	uint32_t n;
	void (*write)(const struct api_context *ctx, uint32_t id, uint32_t i, struct writer *w);
};

/*
 * Writes part @part of @n lists of the item @id, INNER_A_PART values at most. True: that was the
 * last part.
 */
enum { INNER_A_PART = 128 };
bool list_write_inner(const struct api_context *ctx, uint32_t id, const struct list_inner *lists,
		      size_t n, uint32_t part, struct writer *w);
