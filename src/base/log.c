// SPDX-License-Identifier: MIT
// The decision log: lines wait in a ring for a sink that takes them.
#include "base/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/logsink.h"
#include "base/str.h"

// What stands before each line in the ring.
struct head {
	int64_t wall;
	uint64_t lost;
	uint16_t len;
	uint8_t level;
};

static atomic_int threshold = LOG_LEVEL_INFO;
// Held for all that follows. Nothing below blocks, so nobody waits for long.
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct logsink sink = {.kind = LOGSINK_NONE, .fd = -1};
static bool is_open;
static char ring[LOG_RING_SIZE];
static size_t ring_start; // of the oldest line
static size_t ring_used;
static struct logline current; // the line being written, out of the ring
static bool has_current;
static size_t offset;	    // how much of `current` is out
static uint64_t dropped;    // lines, since the start
static uint64_t unreported; // those that no "log dropped=" line tells of yet

static void
ring_put(const void *src, size_t len)
{
	size_t end = (ring_start + ring_used) % sizeof(ring);
	size_t first = sizeof(ring) - end;
	if (first > len)
		first = len;
	memcpy(ring + end, src, first);
	memcpy(ring, (const char *)src + first, len - first);
	ring_used += len;
}

static void
ring_get(void *dst, size_t len)
{
	size_t first = sizeof(ring) - ring_start;
	if (first > len)
		first = len;
	memcpy(dst, ring + ring_start, first);
	memcpy((char *)dst + first, ring, len - first);
	ring_start = (ring_start + len) % sizeof(ring);
	ring_used -= len;
}

static bool
ring_fits(size_t len)
{
	return sizeof(struct head) + len <= sizeof(ring) - ring_used;
}

static void
ring_put_line(enum log_level level, uint64_t lost, const char *text, size_t len)
{
	struct head head = {
	    .wall = clock_wall(),
	    .lost = lost,
	    .len = (uint16_t)len,
	    .level = (uint8_t)level,
	};
	ring_put(&head, sizeof(head));
	ring_put(text, len);
}

// Makes the oldest line of the ring the current one. False: there is none.
static bool
next_line(void)
{
	if (has_current)
		return true;
	if (ring_used == 0)
		return false;
	struct head head;
	ring_get(&head, sizeof(head));
	current.level = (enum log_level)head.level;
	current.wall = head.wall;
	current.lost = head.lost;
	current.len = head.len;
	ring_get(current.text, current.len);
	has_current = true;
	offset = 0;
	return true;
}

// Counts the current line as dropped. A lost report is no line that was lost:
// what it told of is told again.
static void
drop_current(void)
{
	if (current.lost != 0) {
		unreported += current.lost;
	} else {
		dropped++;
		unreported++;
	}
	has_current = false;
}

// Puts a line into the ring, after a report of those dropped before it; or
// drops it, too, when not both fit.
static void
push(enum log_level level, const char *text, size_t len)
{
	char report[64];
	size_t report_len = 0;
	size_t need = len;
	if (unreported > 0) {
		int n = snprintf(report, sizeof(report), "log dropped=%llu",
		    (unsigned long long)unreported);
		report_len = (size_t)n;
		need += sizeof(struct head) + report_len;
	}
	if (!ring_fits(need)) {
		dropped++;
		unreported++;
		return;
	}
	if (unreported > 0) {
		ring_put_line(LOG_LEVEL_WARN, unreported, report, report_len);
		unreported = 0;
	}
	ring_put_line(level, 0, text, len);
}

// Lines that come before log_open() go to standard error.
static void
ensure_open(void)
{
	if (is_open)
		return;
	logsink_open_stderr(&sink);
	is_open = true;
}

// Hands lines to the sink until it takes no more.
static void
flush(void)
{
	ensure_open();
	while (next_line()) {
		switch (logsink_write(&sink, &current, &offset)) {
		case LOGSINK_DONE:
			has_current = false;
			break;
		case LOGSINK_LOST:
			drop_current();
			break;
		case LOGSINK_LATER:
			return;
		}
	}
}

// Of a line half written to standard error, standard error gets the rest, and
// syslog, which knows no halves, the whole: `offset` stays.
static void
switch_sink(const struct logsink *to)
{
	logsink_close(&sink);
	sink = *to;
	is_open = true;
}

static bool
wants_stderr(enum log_target target, const char *syslog_path)
{
	switch (target) {
	case LOG_TO_AUTO:
		// Where no syslog listens, lines would go to nobody.
		return logsink_stderr_is_journal() || isatty(STDERR_FILENO) ||
		       access(syslog_path, F_OK) < 0;
	case LOG_TO_SYSLOG:
		return false;
	case LOG_TO_STDERR:
		return true;
	}
	return true;
}

// Nobody reads what is written there: said where somebody may look.
static void
say_unheard(const char *syslog_path)
{
	struct logsink to;
	struct logline line = {
	    .level = LOG_LEVEL_WARN,
	    .wall = clock_wall(),
	};
	struct strbuf b;
	size_t done = 0;
	strbuf_init(&b, line.text, sizeof(line.text));
	strbuf_add(&b,
	    "log to=syslog path=%s: cannot be reached; lines wait until "
	    "it can, the first %u KiB of them",
	    syslog_path, LOG_RING_SIZE / 1024);
	line.len = b.len;
	logsink_open_stderr(&to);
	logsink_write(&to, &line, &done);
	logsink_close(&to);
}

void
log_open(const struct log_params *params)
{
	int saved = errno;
	struct logsink to;
	const char *path = params->syslog_path != NULL ? params->syslog_path
						       : "/dev/log";
	if (wants_stderr(params->target, path))
		logsink_open_stderr(&to);
	else
		logsink_open_syslog(&to, params->program, path);
	if (to.kind == LOGSINK_SYSLOG && to.fd < 0)
		say_unheard(path);
	log_set_level(params->level);
	pthread_mutex_lock(&lock);
	switch_sink(&to);
	flush();
	pthread_mutex_unlock(&lock);
	errno = saved;
}

void
log_set_level(enum log_level level)
{
	atomic_store_explicit(&threshold, (int)level, memory_order_relaxed);
}

bool
log_wants(enum log_level level)
{
	return (int)level >=
	       atomic_load_explicit(&threshold, memory_order_relaxed);
}

void
log_close(void)
{
	int saved = errno;
	pthread_mutex_lock(&lock);
	flush();
	while (next_line())
		drop_current();
	logsink_close(&sink);
	is_open = false;
	pthread_mutex_unlock(&lock);
	errno = saved;
}

// Formats a line; returns its length. Control characters, whatever they were
// meant for, would make two lines of one or move an admin's cursor.
static size_t PRINTF(2, 0)
    format(char text[LOG_LINE_MAX + 1], const char *fmt, va_list ap)
{
	int n = vsnprintf(text, LOG_LINE_MAX + 1, fmt, ap);
	if (n < 0)
		return 0;
	size_t len = (size_t)n < LOG_LINE_MAX ? (size_t)n : LOG_LINE_MAX;
	for (size_t i = 0; i < len; i++) {
		unsigned char u = (unsigned char)text[i];
		if (u < 0x20 || u == 0x7f)
			text[i] = '?';
	}
	return len;
}

// Queues a line and writes what can be written.
static void
submit(enum log_level level, const char *text, size_t len)
{
	pthread_mutex_lock(&lock);
	push(level, text, len);
	flush();
	pthread_mutex_unlock(&lock);
}

void
log_line(enum log_level level, const char *fmt, ...)
{
	if (!log_wants(level))
		return;
	int saved = errno;
	char text[LOG_LINE_MAX + 1];
	va_list ap;
	va_start(ap, fmt);
	size_t len = format(text, fmt, ap);
	va_end(ap);
	submit(level, text, len);
	errno = saved;
}

void
log_fatal(const char *fmt, ...)
{
	char text[LOG_LINE_MAX + 1];
	va_list ap;
	va_start(ap, fmt);
	size_t len = format(text, fmt, ap);
	va_end(ap);
	submit(LOG_LEVEL_FATAL, text, len);
	pthread_mutex_lock(&lock);
	if (sink.kind == LOGSINK_SYSLOG && next_line()) {
		// Nobody listens there, and this is the last chance to say why
		// the program ends.
		struct logsink to;
		logsink_open_stderr(&to);
		switch_sink(&to);
		flush();
	}
	pthread_mutex_unlock(&lock);
	exit(EXIT_FAILURE);
}

bool
log_flush(void)
{
	int saved = errno;
	pthread_mutex_lock(&lock);
	flush();
	bool empty = !has_current && ring_used == 0;
	pthread_mutex_unlock(&lock);
	errno = saved;
	return empty;
}

bool
log_pending(void)
{
	pthread_mutex_lock(&lock);
	bool pending = has_current || ring_used > 0;
	pthread_mutex_unlock(&lock);
	return pending;
}

uint64_t
log_dropped(void)
{
	pthread_mutex_lock(&lock);
	uint64_t n = dropped;
	pthread_mutex_unlock(&lock);
	return n;
}
