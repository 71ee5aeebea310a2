/*
 * The daemon's log.
 *
 * Standard error may be a file, a terminal, the journal or a pipe. If its reader stops reading, a
 * write blocks. So a thread of its own writes the log: log_line() puts the finished line into a
 * ring of fixed size and returns. Lines that find no room are counted; the next line that is
 * written is preceded by their number.
 *
 * The descriptor is not made non-blocking: that flag belongs to the open file, which a shell or
 * another program may share with us.
 */
#include "base/log.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
	LINE_SIZE = 1024, /* a longer line is truncated */
	RING_SIZE = 128 * 1024,
	CHUNK_SIZE = 4096, /* at least a line */
};

static enum log_level max_level = LOG_LEVEL_INFO;

static struct {
	pthread_mutex_t lock;
	pthread_cond_t filled, drained;
	bool started, stopped;
	bool writing; /* the thread has lines that are not in the ring any more */
	size_t head, tail; /* bytes put in and taken out since the start */
	uint64_t lost; /* lines */
	char ring[RING_SIZE];
} queue = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.filled = PTHREAD_COND_INITIALIZER,
	.drained = PTHREAD_COND_INITIALIZER,
};

void log_set_level(enum log_level level)
{
	max_level = level;
}

static size_t format_prefix(char *out, size_t size, enum log_level level)
{
	char when[32];
	struct tm tm;
	time_t now = time(NULL);

	if (getenv("JOURNAL_STREAM") != NULL)
		return (size_t)snprintf(out, size, "<%d>", level);
	localtime_r(&now, &tm);
	strftime(when, sizeof(when), "%H:%M:%S", &tm);
	return (size_t)snprintf(out, size, "%s %s", when,
				level <= LOG_LEVEL_ERROR     ? "error: "
				: level == LOG_LEVEL_WARNING ? "warning: "
							     : "");
}

/* A whole line with its end; its length. */
static size_t format_line(char out[LINE_SIZE], enum log_level level, const char *fmt, va_list ap)
{
	size_t len = format_prefix(out, LINE_SIZE, level);
	int more = vsnprintf(out + len, LINE_SIZE - len, fmt, ap);

	len += more > 0 ? (size_t)more : 0;
	if (len > LINE_SIZE - 1)
		len = LINE_SIZE - 1;
	out[len] = '\n';
	return len + 1;
}

/* Blocks until it is written. False: there is no reader any more. */
static bool log_write_all(const char *text, size_t len)
{
	while (len > 0) {
		ssize_t n = write(STDERR_FILENO, text, len);

		if (n >= 0) {
			text += n;
			len -= (size_t)n;
		} else if (errno == EAGAIN) { /* somebody else made it non-blocking */
			poll(&(struct pollfd){.fd = STDERR_FILENO, .events = POLLOUT}, 1, -1);
		} else if (errno != EINTR) {
			return false;
		}
	}
	return true;
}

static void put(const char *line, size_t len)
{
	size_t at = queue.head % RING_SIZE;
	size_t first = len < RING_SIZE - at ? len : RING_SIZE - at;

	memcpy(queue.ring + at, line, first);
	memcpy(queue.ring, line + first, len - first);
	queue.head += len;
}

/* Takes whole lines out of the ring; their length. */
static size_t log_take(char chunk[CHUNK_SIZE])
{
	size_t len = 0, whole = 0;

	while (len < CHUNK_SIZE && queue.tail + len < queue.head) {
		chunk[len] = queue.ring[(queue.tail + len) % RING_SIZE];
		len++;
		if (chunk[len - 1] == '\n')
			whole = len;
	}
	queue.tail += whole;
	return whole;
}

static size_t count_lines(const char *text, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++)
		n += text[i] == '\n';
	return n;
}

static size_t format_lost(char out[LINE_SIZE], const char *fmt, ...)
{
	va_list ap;
	size_t len;

	va_start(ap, fmt);
	len = format_line(out, LOG_LEVEL_WARNING, fmt, ap);
	va_end(ap);
	return len;
}

/* Says how many lines were lost before what comes next. */
static void say_lost(uint64_t lost)
{
	char line[LINE_SIZE];
	size_t len = format_lost(line, "%ju lines of the log were lost: nobody read it in time",
				 (uintmax_t)lost);

	if (log_write_all(line, len)) {
		pthread_mutex_lock(&queue.lock);
		queue.lost -= lost;
		pthread_mutex_unlock(&queue.lock);
	}
}

static void *run_writer(void *arg)
{
	char chunk[CHUNK_SIZE];

	pthread_mutex_lock(&queue.lock);
	for (;;) {
		uint64_t lost;
		size_t len;
		bool ok;

		while (queue.head == queue.tail)
			pthread_cond_wait(&queue.filled, &queue.lock);
		len = log_take(chunk);
		queue.writing = true;
		pthread_mutex_unlock(&queue.lock);

		ok = log_write_all(chunk, len);

		pthread_mutex_lock(&queue.lock);
		if (!ok)
			queue.lost += count_lines(chunk, len);
		lost = queue.lost;
		if (ok && lost > 0 && queue.head == queue.tail) {
			pthread_mutex_unlock(&queue.lock);
			say_lost(lost);
			pthread_mutex_lock(&queue.lock);
		}
		queue.writing = false;
		if (queue.head == queue.tail)
			pthread_cond_broadcast(&queue.drained);
	}
	return NULL;
}

void log_line(enum log_level level, const char *fmt, ...)
{
	char line[LINE_SIZE];
	size_t len;
	va_list ap;

	if (level > max_level)
		return;
	va_start(ap, fmt);
	len = format_line(line, level, fmt, ap);
	va_end(ap);

	pthread_mutex_lock(&queue.lock);
	if (!queue.started) {
		log_write_all(line, len);
	} else if (queue.stopped || RING_SIZE - (queue.head - queue.tail) < len) {
		queue.lost++;
	} else {
		put(line, len);
		pthread_cond_signal(&queue.filled);
	}
	pthread_mutex_unlock(&queue.lock);
}

int log_start(void)
{
	sigset_t all, before;
	pthread_t thread;
	int err;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are the control thread's */
	err = pthread_create(&thread, NULL, run_writer, NULL);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (err != 0)
		return -err;
	pthread_detach(thread);
	pthread_mutex_lock(&queue.lock);
	queue.started = true;
	pthread_mutex_unlock(&queue.lock);
	return 0;
}

void log_stop(void)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += LOG_STOP_MS / 1000;
	pthread_mutex_lock(&queue.lock);
	while (queue.started && (queue.head != queue.tail || queue.writing))
		if (pthread_cond_timedwait(&queue.drained, &queue.lock, &until) != 0)
			break;
	queue.stopped = queue.started;
	pthread_mutex_unlock(&queue.lock);
}
