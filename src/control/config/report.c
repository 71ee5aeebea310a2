/* Errors with a place in the file, and a bound on their number: see report.h. */
#include "control/config/report.h"

#include "base/err.h"
#include "control/config/tree.h"

#include <stdarg.h>
#include <string.h>

enum { SENTENCE_SIZE = 512 };

static void report_add(struct report *report, unsigned line, unsigned column, const char *sentence)
{
	report->n++;
	if (report->n <= REPORT_MAX)
		err_add(report->errs, report->file, line, column, "%s", sentence);
	else if (report->n == REPORT_MAX + 1)
		err_add(report->errs, report->file, 0, 0, "more than %d errors: these are not all",
			REPORT_MAX);
}

void report_at(struct report *report, const struct tree_node *node, const char *fmt, ...)
{
	char sentence[SENTENCE_SIZE];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(sentence, sizeof(sentence), fmt, ap);
	va_end(ap);
	report_add(report, node->line, node->column, sentence);
}

void report_place(struct report *report, unsigned line, unsigned column, const char *fmt, ...)
{
	char sentence[SENTENCE_SIZE];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(sentence, sizeof(sentence), fmt, ap);
	va_end(ap);
	report_add(report, line, column, sentence);
}

bool report_is_full(const struct report *report)
{
	return report->n > REPORT_MAX;
}

/* U+0080 to U+009F: some terminals interpret them like ASCII control characters. */
static bool is_c1(const char *text)
{
	return (unsigned char)text[0] == 0xc2 && (unsigned char)text[1] >= 0x80 &&
	       (unsigned char)text[1] < 0xa0;
}

static bool is_control(const char *text)
{
	return (unsigned char)*text < 0x20 || *text == 0x7f || is_c1(text);
}

const char *report_shown(const char *text, char buf[static REPORT_SHOWN_SIZE])
{
	enum { KEPT = REPORT_SHOWN_SIZE - sizeof("\"\"...") };
	size_t n = 0;

	buf[n++] = '"';
	for (; *text != '\0' && n <= KEPT; text++) {
		buf[n++] = is_control(text) ? '?' : *text;
		text += is_c1(text);
	}
	/* Cuts between two UTF-8 characters, not inside one. */
	if (((unsigned char)*text & 0xc0) == 0x80) {
		while (((unsigned char)buf[n - 1] & 0xc0) == 0x80)
			n--;
		n--;
	}
	strcpy(buf + n, *text == '\0' ? "\"" : "...\"");
	return buf;
}
