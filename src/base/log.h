// SPDX-License-Identifier: MIT
// The decision log: key=value lines that never block the caller.
//
// Lines go through a bounded ring to a non-blocking descriptor. What does not
// fit is dropped, counted, and reported ("log dropped=N") before the next line
// that does fit. Any thread may call. The program ignores SIGPIPE: a standard
// error that nobody reads any more only loses lines.
#ifndef MXD_LOG_H
#define MXD_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

enum log_level {
	LOG_LEVEL_DEBUG, // for a developer
	LOG_LEVEL_INFO,	 // a decision
	LOG_LEVEL_WARN,	 // degraded, still answering
	LOG_LEVEL_ERR,	 // cannot answer
	LOG_LEVEL_FATAL, // the process ends
};

enum log_target {
	LOG_TO_AUTO, // stderr under systemd (JOURNAL_STREAM), on a terminal, or
		     // where there is no /dev/log; else syslog
	LOG_TO_SYSLOG, // datagrams to /dev/log, facility mail
	LOG_TO_STDERR, // one line each, with the time in front; under systemd
		       // "<priority>" instead
};

enum {
	LOG_LINE_MAX = 1024,	   // longer lines are cut
	LOG_RING_SIZE = 256 * 1024 // bytes waiting for a slow reader
};

struct log_params {
	const char *program; // name in syslog lines; borrowed for good
	enum log_target target;
	enum log_level level;	 // lower ones are not written
	const char *syslog_path; // NULL: "/dev/log"; borrowed for good
};

// Opens or re-opens the log. Never fails: a syslog socket that is not there is
// said on standard error, and tried again with every flush, at most once a
// second. Before the first call lines go to standard error.
void log_open(const struct log_params *params);
// Changes the level only.
void log_set_level(enum log_level level);
// Writes what still can be written without waiting, closes the target.
void log_close(void);

// True when a line of this level would be written; spares building it.
bool log_wants(enum log_level level);

// Writes one line, without its newline; control characters become '?'. Never
// blocks, never fails, leaves errno alone.
void log_line(enum log_level level, const char *fmt, ...) PRINTF(2, 3);

#define log_debug(...) log_line(LOG_LEVEL_DEBUG, __VA_ARGS__)
#define log_info(...)  log_line(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_warn(...)  log_line(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_err(...)   log_line(LOG_LEVEL_ERR, __VA_ARGS__)
// Writes one line, flushes what can be flushed (to standard error when the
// syslog socket does not take it), exits with status 1.
void log_fatal(const char *fmt, ...) PRINTF(1, 2) NORETURN;

// Hands waiting lines to the target, as many as it takes now. The event loop
// calls it every 100 ms while log_pending(). Returns true when the ring is
// empty afterwards.
bool log_flush(void);
bool log_pending(void);
// Lines dropped since the start.
uint64_t log_dropped(void);

#endif
