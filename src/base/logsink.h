// SPDX-License-Identifier: MIT
// Where log lines go: standard error or the syslog socket, never blocking. For
// log.c alone.
#ifndef MXD_LOGSINK_H
#define MXD_LOGSINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/log.h"

enum logsink_kind {
	LOGSINK_NONE,	// there is no standard error: everything is dropped
	LOGSINK_OWN,	// an open file description of our own, non-blocking
	LOGSINK_SHARED, // one that others hold too: polled before each write
	LOGSINK_FILE,	// a regular file: never blocks, whatever its flags
	LOGSINK_SOCKET, // standard error is a socket (systemd's journal)
	LOGSINK_SYSLOG,
};

struct logsink {
	enum logsink_kind kind;
	int fd;		     // -1: not open, or not connected yet
	bool journal;	     // standard error is the journal's stream
	const char *program; // borrowed
	const char *path;    // of the syslog socket; borrowed
	int64_t retry_at;    // clock_now() before which nothing is connected
};

// One line as the ring keeps it.
struct logline {
	enum log_level level;
	int64_t wall;  // clock_wall() at which it was written
	uint64_t lost; // a report of so many lost lines; 0: a common line
	size_t len;
	char text[LOG_LINE_MAX];
};

enum logsink_result {
	LOGSINK_DONE,  // the line is out
	LOGSINK_LATER, // the rest of it has to wait
	LOGSINK_LOST,  // this line will never get out
};

// True when standard error is the journal's stream (systemd.exec(5)).
bool logsink_stderr_is_journal(void);
// Opens standard error; never fails.
void logsink_open_stderr(struct logsink *s);
// Connects to the datagram socket `path`; when that fails, each write tries
// again, at most once a second.
void
logsink_open_syslog(struct logsink *s, const char *program, const char *path);
void logsink_close(struct logsink *s);

// Writes the line from byte `*offset` of its written form on, and moves
// `*offset` past what was taken.
enum logsink_result
logsink_write(struct logsink *s, const struct logline *line, size_t *offset);

#endif
