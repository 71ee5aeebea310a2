/*
 * What the daemon says while it runs: one line an event, to standard error.
 *
 * Under systemd (JOURNAL_STREAM is set) a line begins with its priority as <N>, as sd-daemon(3) has
 * it; on a terminal with the time. Any thread but a worker's: never on the packet path.
 *
 * After log_start() nobody who logs waits for the reader of the log: see log.c.
 */
#pragma once

enum log_level {
	LOG_LEVEL_ERROR = 3, /* numbers of syslog(3) */
	LOG_LEVEL_WARNING = 4,
	LOG_LEVEL_INFO = 6,
	LOG_LEVEL_DEBUG = 7,
};

enum { LOG_STOP_MS = 1000 };

void log_set_level(enum log_level level); /* default: LOG_LEVEL_INFO */
void log_line(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Starts the thread that writes the log. 0 or -errno; until then, and after a failure, log_line()
 * writes by itself and may have to wait. */
int log_start(void);

/* Waits until the log is written, but no longer than LOG_STOP_MS. Lines after it are lost. */
void log_stop(void);

#define log_error(...) log_line(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_line(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...) log_line(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_line(LOG_LEVEL_DEBUG, __VA_ARGS__)
