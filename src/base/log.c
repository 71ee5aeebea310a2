/* The daemon's log: see log.h. */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static enum log_level max_level = LOG_LEVEL_INFO;

void log_set_level(enum log_level level)
{
	max_level = level;
}

static void print_prefix(enum log_level level)
{
	char when[32];
	struct tm tm;
	time_t now = time(NULL);

	if (getenv("JOURNAL_STREAM") != NULL) {
		fprintf(stderr, "<%d>", level);
		return;
	}
	localtime_r(&now, &tm);
	strftime(when, sizeof(when), "%H:%M:%S", &tm);
	fprintf(stderr, "%s %s", when,
		level <= LOG_LEVEL_ERROR     ? "error: "
		: level == LOG_LEVEL_WARNING ? "warning: "
					     : "");
}

void log_line(enum log_level level, const char *fmt, ...)
{
	va_list ap;

	if (level > max_level)
		return;
	flockfile(stderr);
	print_prefix(level);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	funlockfile(stderr);
}
