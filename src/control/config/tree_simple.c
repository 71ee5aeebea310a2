/*
 * Reads simple YAML fast: see tree_build.h.
 *
 * libyaml takes more than half of the time in which a large file is read. Almost all files consist
 * of a small part of YAML: names and values of one line, nested by spaces, lists with "- ", and
 * [..] and {..} that end on their line. This reader knows that part and gives up at anything else,
 * right or wrong; then libyaml reads the file from the start. So it has no error of its own, and
 * what it accepts is in the tree as libyaml would have put it there: the unit test and the fuzz
 * program compare both for every text.
 *
 *   name: value            letters, digits and what is in `inside`, spaces between words
 *   name:                  what it has stands in the next lines, deeper
 *     - item               also "- name: value" with more names below, in the same column
 *     - {name: value, name: [a, "b c", 'd']}      # comment
 */
#include "control/config/tree_build.h"

#include <errno.h>
#include <string.h>

enum {
	NAME_MAX_LEN = 128, /* libyaml's limit is 1,024 */
	NOT_SIMPLE = -ENOTSUP,
};

/* Besides letters and digits; ':' only in front of another one. */
static const char inside[] = "._/-+@%=~^();:";

/* A list or map of lines. */
struct level {
	unsigned indent;
	enum tree_kind kind;
};

struct reader {
	struct builder *b;
	const char *at, *end; /* of the line */
	const char *line_begin;
	unsigned line;
	struct level levels[TREE_DEPTH_MAX];
	unsigned n_levels;
	bool pending; /* a name whose value stands in the next lines */
	unsigned char is_inside[256];
};

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* All is ASCII that can be printed. */
static bool is_readable(const char *text, size_t len)
{
	unsigned bad = 0;

	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		bad |= (unsigned)(c != '\n') & (unsigned)((unsigned)(c - 0x20) > 0x7e - 0x20);
	}
	return bad == 0;
}

static struct place place_of(const struct reader *r)
{
	return (struct place){r->line, (unsigned)(r->at - r->line_begin) + 1};
}

static char peek(const struct reader *r)
{
	return r->at < r->end ? *r->at : '\n';
}

static void skip_spaces(struct reader *r)
{
	while (r->at < r->end && *r->at == ' ')
		r->at++;
}

static int open_level(struct reader *r, unsigned indent, enum tree_kind kind)
{
	struct place at = {r->line, indent + 1};

	if (r->n_levels == TREE_DEPTH_MAX)
		return NOT_SIMPLE;
	r->levels[r->n_levels++] = (struct level){indent, kind};
	r->pending = false;
	return build_open(r->b, at, kind);
}

/* A name and the colon after it. NOT_SIMPLE: it is none; then nothing is read. */
static int read_name(struct reader *r)
{
	const char *p = r->at;
	int ret;

	if (p == r->end || !is_letter(*p))
		return NOT_SIMPLE;
	while (p < r->end && (is_letter(*p) || is_digit(*p) || *p == '-' || *p == '_'))
		p++;
	if (p == r->end || *p != ':' || (p + 1 < r->end && p[1] != ' ') || p - r->at > NAME_MAX_LEN)
		return NOT_SIMPLE;
	ret = build_text(r->b, place_of(r), r->at, (size_t)(p - r->at), false);
	r->at = p + 1;
	return ret;
}

static int read_quoted(struct reader *r)
{
	const char quote = *r->at, *begin = r->at + 1, *p = begin;
	struct place at = place_of(r);

	while (p < r->end && *p != quote && *p != '\\')
		p++;
	if (p == r->end || *p != quote || (p + 1 < r->end && p[1] == quote))
		return NOT_SIMPLE;
	r->at = p + 1;
	return build_text(r->b, at, begin, (size_t)(p - begin), true);
}

/* A value without quotes: up to the last character that belongs to it. */
static int read_plain(struct reader *r)
{
	const char *begin = r->at, *p = begin, *last = begin;
	struct place at = place_of(r);

	if (!is_letter(*p) && !is_digit(*p) && *p != '/')
		return NOT_SIMPLE;
	for (; p < r->end && (r->is_inside[(unsigned char)*p] || *p == ' '); p++) {
		if (*p == ':' && (p + 1 == r->end || !r->is_inside[(unsigned char)p[1]]))
			return NOT_SIMPLE;
		if (*p != ' ')
			last = p + 1;
	}
	r->at = last;
	return build_text(r->b, at, begin, (size_t)(last - begin), false);
}

static int read_flow(struct reader *r);

static int read_value(struct reader *r)
{
	switch (peek(r)) {
	case '\n':
		return NOT_SIMPLE;
	case '{':
	case '[':
		return read_flow(r);
	case '"':
	case '\'':
		return read_quoted(r);
	default:
		return read_plain(r);
	}
}

/* [..] or {..}; recursion ends at the tree's greatest depth. */
static int read_flow(struct reader *r)
{
	const bool is_map = *r->at == '{';
	const char close = is_map ? '}' : ']';
	int ret = build_open(r->b, place_of(r), is_map ? TREE_MAP : TREE_LIST);

	r->at++;
	skip_spaces(r);
	for (bool first = true; ret == 0 && (!first || peek(r) != close); first = false) {
		if (is_map)
			ret = read_name(r);
		skip_spaces(r);
		if (ret == 0)
			ret = read_value(r);
		skip_spaces(r);
		if (ret != 0 || peek(r) != ',')
			break;
		r->at++;
		skip_spaces(r);
		if (peek(r) == close)
			return NOT_SIMPLE;
	}
	if (ret != 0 || peek(r) != close)
		return ret != 0 ? ret : NOT_SIMPLE;
	r->at++;
	build_close(r->b);
	return 0;
}

/* Nothing but a comment, which has a space in front of it. */
static int end_line(struct reader *r)
{
	const char *before = r->at;

	skip_spaces(r);
	if (r->at < r->end && (*r->at != '#' || r->at == before))
		return NOT_SIMPLE;
	return 0;
}

/* What stands after a name. */
static int read_rest(struct reader *r)
{
	const char *after = r->at;
	int ret;

	skip_spaces(r);
	if (r->at == r->end || (*r->at == '#' && r->at > after)) {
		r->pending = true;
		return 0;
	}
	ret = read_value(r);
	return ret != 0 ? ret : end_line(r);
}

static int read_item(struct reader *r)
{
	unsigned indent;
	int ret;

	r->at++;
	if (peek(r) != ' ')
		return NOT_SIMPLE;
	skip_spaces(r);
	indent = (unsigned)(r->at - r->line_begin);
	if (is_letter(peek(r))) {
		const char *p = r->at;

		while (p < r->end && *p != ':' && *p != ' ')
			p++;
		if (p < r->end && *p == ':' && (p + 1 == r->end || p[1] == ' ')) {
			ret = open_level(r, indent, TREE_MAP);
			if (ret == 0)
				ret = read_name(r);
			return ret != 0 ? ret : read_rest(r);
		}
	}
	ret = read_value(r);
	return ret != 0 ? ret : end_line(r);
}

static int read_line(struct reader *r)
{
	const unsigned indent = (unsigned)(r->at - r->line_begin);
	const bool is_item = *r->at == '-';
	const enum tree_kind kind = is_item ? TREE_LIST : TREE_MAP;
	int ret = 0;

	if (r->pending || r->n_levels == 0) {
		if (r->n_levels == 0 ? indent != 0 || build_has_root(r->b)
				     : indent <= r->levels[r->n_levels - 1].indent)
			return NOT_SIMPLE;
		ret = open_level(r, indent, kind);
	}
	for (; r->n_levels > 0 && r->levels[r->n_levels - 1].indent > indent; r->n_levels--)
		build_close(r->b);
	if (r->n_levels == 0 || r->levels[r->n_levels - 1].indent != indent ||
	    r->levels[r->n_levels - 1].kind != kind)
		return NOT_SIMPLE;
	if (ret == 0 && is_item)
		return read_item(r);
	if (ret == 0)
		ret = read_name(r);
	return ret != 0 ? ret : read_rest(r);
}

static void list_inside(struct reader *r)
{
	for (unsigned c = 0; c < sizeof(r->is_inside); c++)
		r->is_inside[c] = is_letter((char)c) || is_digit((char)c) ||
				  (c != '\0' && strchr(inside, (int)c) != NULL);
}

int tree_read_simple(struct builder *b, const char *text, size_t len)
{
	struct reader r = {.b = b};
	const char *at = text, *end = text + len;

	if (!is_readable(text, len))
		return NOT_SIMPLE;
	list_inside(&r);
	while (at < end) {
		r.end = memchr(at, '\n', (size_t)(end - at));
		if (r.end == NULL)
			r.end = end;
		r.line++;
		r.at = r.line_begin = at;
		at = r.end + 1;
		skip_spaces(&r);
		if (r.at == r.end || *r.at == '#')
			continue;
		if (read_line(&r) != 0)
			return NOT_SIMPLE;
	}
	if (r.pending || r.n_levels == 0)
		return NOT_SIMPLE;
	for (; r.n_levels > 0; r.n_levels--)
		build_close(b);
	return 0;
}
