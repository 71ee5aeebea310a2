/*
 * What differs between two texts of a file, by whole sites: see edit.h.
 *
 * In simple YAML (tree_simple.c) a node ends with its line, so where a line begins a site, the
 * reader is in the same state whatever was in front of it: in the list of `sites:`. Two texts that
 * are equal from there on have the same sites there. So the first and the last byte that differ are
 * looked for, and the places around them where a site begins in both texts.
 *
 *   ports: ..            the same
 *   sites:
 *     - name: berlin     the same: n_before, blank lines in @text
 *     - name: madrid     n_old became n_new
 *     - name: paris      the same: blank lines in @text
 *   egress: ..           the same
 */
#include "control/config/edit.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { SITES_LEAST = 2 }; /* in the text that is left: limits depend on whether there are several */

struct text {
	const char *at;
	size_t len;
};

enum line_kind {
	LINE_BLANK, /* or a comment */
	LINE_SITE, /* begins one */
	LINE_INSIDE, /* of a site */
	LINE_OUTSIDE, /* of the list */
};

/* What lies between two places of a text, both where a line begins. */
struct span {
	size_t n_lines, n_sites;
	bool begins; /* with a site, if there is anything */
	bool ends; /* with a line outside of the list */
	size_t end;
};

/* The first byte that differs. */
static size_t same_begin(const struct text *a, const struct text *b)
{
	size_t n = a->len < b->len ? a->len : b->len, i = 0;
	uint64_t x, y;

	for (; i + sizeof(x) <= n; i += sizeof(x)) {
		memcpy(&x, a->at + i, sizeof(x));
		memcpy(&y, b->at + i, sizeof(y));
		if (x != y)
			break;
	}
	while (i < n && a->at[i] == b->at[i])
		i++;
	return i;
}

/* How many bytes are the same at the end, @most of them. */
static size_t same_end(const struct text *a, const struct text *b, size_t most)
{
	const char *x = a->at + a->len, *y = b->at + b->len;
	uint64_t p, q;
	size_t n = 0;

	for (; n + sizeof(p) <= most; n += sizeof(p)) {
		memcpy(&p, x - n - sizeof(p), sizeof(p));
		memcpy(&q, y - n - sizeof(q), sizeof(q));
		if (p != q)
			break;
	}
	while (n < most && x[-1 - (ptrdiff_t)n] == y[-1 - (ptrdiff_t)n])
		n++;
	return n;
}

static size_t line_begin(const struct text *t, size_t at)
{
	while (at > 0 && t->at[at - 1] != '\n')
		at--;
	return at;
}

static size_t next_line(const struct text *t, size_t at)
{
	const char *end = memchr(t->at + at, '\n', t->len - at);

	return end == NULL ? t->len : (size_t)(end - t->at) + 1;
}

static size_t indent_of(const struct text *t, size_t at)
{
	size_t n = 0;

	while (at + n < t->len && t->at[at + n] == ' ')
		n++;
	return n;
}

/* @indent: of the list. */
static enum line_kind kind_of(const struct text *t, size_t at, size_t indent)
{
	size_t own = indent_of(t, at);
	char c = at + own < t->len ? t->at[at + own] : '\n';

	if (c == '\n' || c == '#')
		return LINE_BLANK;
	if (own > indent)
		return LINE_INSIDE;
	return own == indent && c == '-' ? LINE_SITE : LINE_OUTSIDE;
}

/* Reads lines from @at up to @limit, or to a line outside of the list. */
static struct span read_span(const struct text *t, size_t at, size_t limit, size_t indent)
{
	struct span s = {.begins = true};
	bool first = true;

	while (at < limit) {
		enum line_kind kind = kind_of(t, at, indent);

		if (kind == LINE_OUTSIDE) {
			s.ends = true;
			break;
		}
		if (kind != LINE_BLANK && first)
			s.begins = kind == LINE_SITE;
		first &= kind == LINE_BLANK;
		s.n_sites += kind == LINE_SITE;
		s.n_lines++;
		at = next_line(t, at);
	}
	s.end = at;
	return s;
}

/* The first line from @at on that begins a site or is outside of the list; the end if none does. */
static size_t next_site(const struct text *t, size_t at, size_t indent)
{
	while (at < t->len) {
		enum line_kind kind = kind_of(t, at, indent);

		if (kind == LINE_SITE || kind == LINE_OUTSIDE)
			break;
		at = next_line(t, at);
	}
	return at;
}

/* The line of the first site, and its indent. False: there is no such list before @limit. */
static bool find_list(const struct text *t, size_t limit, size_t *at, size_t *indent)
{
	static const char key[] = "\nsites:";
	const char *found = memmem(t->at, limit, key, sizeof(key) - 1);

	if (found == NULL)
		return false; /* or it is the first line, as in no file with ports */
	*at = (size_t)(found - t->at) + sizeof(key) - 1;
	*at += indent_of(t, *at);
	if (*at < t->len && t->at[*at] != '\n' && t->at[*at] != '#')
		return false;
	do
		*at = next_line(t, *at);
	while (*at < t->len && kind_of(t, *at, 0) == LINE_BLANK);
	*indent = indent_of(t, *at);
	return *at <= limit && kind_of(t, *at, *indent) == LINE_SITE;
}

/*
 * Where the sites that differ begin. Up to two that are the same go before them, so that there are
 * enough.
 */
static size_t first_changed(const struct text *t, size_t at, size_t limit, size_t indent,
			    size_t *n_before)
{
	size_t begin = at, last = at, n = 1;

	for (;; n++) {
		at = next_site(t, next_line(t, at), indent);
		if (at >= limit || kind_of(t, at, indent) != LINE_SITE)
			break;
		begin = last;
		last = at;
	}
	*n_before = n < SITES_LEAST ? 0 : n - SITES_LEAST;
	return begin;
}

static void put_blank(struct edit *edit, size_t n_lines)
{
	memset(edit->text + edit->len, '\n', n_lines);
	edit->len += n_lines;
}

static void put_text(struct edit *edit, const struct text *t, size_t from, size_t to)
{
	memcpy(edit->text + edit->len, t->at + from, to - from);
	edit->len += to - from;
}

/* The text without the sites from @list to @begin, and from @end on. A line has a byte at least. */
static bool make_text(struct edit *edit, const struct text *now, size_t list, size_t begin,
		      size_t end, size_t indent)
{
	struct span before = read_span(now, list, begin, indent);
	struct span after = read_span(now, end, now->len, indent);

	edit->text = malloc(now->len + 1);
	if (edit->text == NULL)
		return false;
	put_text(edit, now, 0, list);
	put_blank(edit, before.n_lines);
	put_text(edit, now, begin, end);
	put_blank(edit, after.n_lines);
	put_text(edit, now, after.end, now->len);
	return true;
}

bool edit_find(struct edit *edit, const char *old_text, size_t old_len, const char *now_text,
	       size_t len)
{
	const struct text old = {old_text, old_len}, now = {now_text, len};
	const size_t least = old_len < len ? old_len : len;
	size_t same = same_begin(&old, &now), begin, list, indent, end, now_end;
	size_t limit = line_begin(&old, same);
	struct span was, is;

	*edit = (struct edit){0};
	if (!find_list(&old, limit, &list, &indent))
		return false;
	begin = first_changed(&old, list, limit, indent, &edit->n_before);
	end = next_line(&old, old_len - same_end(&old, &now, least - same));
	for (;; end = next_line(&old, end)) {
		end = next_site(&old, end, indent);
		now_end = len - (old_len - end);
		was = read_span(&old, begin, end, indent);
		is = read_span(&now, begin, now_end, indent);
		if (was.ends || is.ends || !is.begins || now_end - begin > len / 2)
			return false;
		if (is.n_sites >= SITES_LEAST)
			break;
		if (end == old_len || kind_of(&old, end, indent) != LINE_SITE)
			return false;
	}
	edit->n_old = was.n_sites;
	edit->n_new = is.n_sites;
	return make_text(edit, &now, list, begin, now_end, indent);
}

void edit_fini(struct edit *edit)
{
	free(edit->text);
	*edit = (struct edit){0};
}
