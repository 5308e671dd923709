// SPDX-License-Identifier: MIT
// Where log lines go: standard error or the syslog socket, never blocking.
#include "base/logsink.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"

enum {
	FACILITY_MAIL = 2 << 3, // RFC 3164 section 4.1.1
	RETRY_MS = 1000,
	HEAD_MAX = 128, // bytes before a line's text
	FORM_MAX = HEAD_MAX + LOG_LINE_MAX + 1,
};

// A write of at most PIPE_BUF bytes is not mixed with those of others.
_Static_assert(FORM_MAX <= PIPE_BUF, "a line is one atomic write to a pipe");

// Severity as syslog and the journal count (RFC 3164 section 4.1.1).
static unsigned
severity(enum log_level level)
{
	switch (level) {
	case LOG_LEVEL_DEBUG:
		return 7;
	case LOG_LEVEL_INFO:
		return 6;
	case LOG_LEVEL_WARN:
		return 4;
	case LOG_LEVEL_ERR:
		return 3;
	case LOG_LEVEL_FATAL:
		return 2;
	}
	return 6;
}

static struct tm
local_time(const struct logline *line)
{
	time_t t = (time_t)(line->wall / 1000);
	struct tm tm = {0};
	localtime_r(&t, &tm);
	return tm;
}

// "<22>Nov  2 09:08:07 program[123]: " (RFC 3164 section 4.1). The month is not
// strftime's: that one speaks the locale's language.
static void
add_syslog_head(
    struct strbuf *b, const struct logsink *s, const struct logline *line)
{
	static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May",
	    "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
	struct tm tm = local_time(line);
	strbuf_add(b, "<%u>%s %2d %02d:%02d:%02d %.64s[%ld]: ",
	    FACILITY_MAIL | severity(line->level), months[tm.tm_mon % 12],
	    tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, s->program,
	    (long)getpid());
}

// "2026-11-02T09:08:07.123+08:00 " (RFC 3339 section 5.6). The local time
// stands beside the mail system's own log; the offset makes it good anywhere.
static void
add_stamp(struct strbuf *b, const struct logline *line)
{
	struct tm tm = local_time(line);
	long offset_min = labs(tm.tm_gmtoff) / 60;
	strbuf_add(b, "%04d-%02d-%02dT%02d:%02d:%02d.%03d%c%02ld:%02ld ",
	    tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min,
	    tm.tm_sec, (int)(line->wall % 1000), tm.tm_gmtoff < 0 ? '-' : '+',
	    offset_min / 60, offset_min % 60);
}

// The bytes that are written for a line. The same line gives the same bytes
// each time, so that an offset into them stays good.
static size_t
form_line(
    const struct logsink *s, const struct logline *line, char form[FORM_MAX])
{
	struct strbuf b;
	strbuf_init(&b, form, HEAD_MAX);
	if (s->kind == LOGSINK_SYSLOG)
		add_syslog_head(&b, s, line);
	else if (s->journal) // which has a time of its own
		strbuf_add(&b, "<%u>", severity(line->level));
	else
		add_stamp(&b, line);
	size_t len = b.len;
	memcpy(form + len, line->text, line->len);
	len += line->len;
	if (s->kind != LOGSINK_SYSLOG)
		form[len++] = '\n';
	return len;
}

bool
logsink_stderr_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	struct stat st;
	if (stream == NULL || fstat(STDERR_FILENO, &st) != 0)
		return false;
	// "device:inode" of the stream that systemd made. Standard error may
	// have been redirected since.
	char ours[64];
	struct strbuf b;
	strbuf_init(&b, ours, sizeof(ours));
	strbuf_add(&b, "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
	return strcmp(stream, ours) == 0;
}

// Chooses how to write to standard error so that neither do we block nor do
// others find their descriptor changed: O_NONBLOCK belongs to the open file
// description, which the shell and its other children share.
static enum logsink_kind
choose_stderr(mode_t mode, int *fd_out)
{
	if (S_ISFIFO(mode) || S_ISCHR(mode)) {
		// O_NOCTTY: a daemon must not come by a terminal.
		*fd_out = open("/proc/self/fd/2",
		    O_WRONLY | O_APPEND | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
		if (*fd_out >= 0)
			return LOGSINK_OWN;
	}
	// A regular file is written where the shared offset stands, or we and
	// the others would overwrite each other.
	*fd_out = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	if (*fd_out < 0)
		return LOGSINK_NONE;
	if (S_ISSOCK(mode))
		return LOGSINK_SOCKET;
	return S_ISREG(mode) ? LOGSINK_FILE : LOGSINK_SHARED;
}

void
logsink_open_stderr(struct logsink *s)
{
	*s = (struct logsink){.kind = LOGSINK_NONE, .fd = -1};
	struct stat st;
	if (fstat(STDERR_FILENO, &st) != 0)
		return;
	s->journal = logsink_stderr_is_journal();
	s->kind = choose_stderr(st.st_mode, &s->fd);
}

// Tries to reach the syslog socket, unless that was tried a moment ago.
static bool
connect_syslog(struct logsink *s)
{
	int64_t now = clock_now();
	if (now < s->retry_at)
		return false;
	s->retry_at = now + RETRY_MS;
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	size_t len = strlen(s->path);
	if (len >= sizeof(sun.sun_path))
		return false;
	memcpy(sun.sun_path, s->path, len);
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return false;
	if (connect(fd, (const struct sockaddr *)&sun, sizeof(sun)) != 0) {
		close(fd);
		return false;
	}
	s->fd = fd;
	return true;
}

void
logsink_open_syslog(struct logsink *s, const char *program, const char *path)
{
	*s = (struct logsink){
	    .kind = LOGSINK_SYSLOG,
	    .fd = -1,
	    .program = program,
	    .path = path,
	};
	connect_syslog(s);
}

void
logsink_close(struct logsink *s)
{
	if (s->fd >= 0)
		close(s->fd);
	*s = (struct logsink){.kind = LOGSINK_NONE, .fd = -1};
}

// True for an errno that says "not now".
static bool
is_busy(int errnum)
{
	return errnum == EAGAIN || errnum == EINTR || errnum == ENOBUFS ||
	       errnum == ENOMEM;
}

// Sends one datagram. A syslogd that was restarted has another socket under the
// same path: the old one answers ECONNREFUSED, and the line goes to the new.
static enum logsink_result
write_syslog(struct logsink *s, const char *form, size_t len)
{
	for (int attempt = 0; attempt < 2; attempt++) {
		if (s->fd < 0 && !connect_syslog(s))
			return LOGSINK_LATER;
		if (send(s->fd, form, len, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
			return LOGSINK_DONE;
		if (is_busy(errno))
			return LOGSINK_LATER;
		if (errno == EMSGSIZE)
			return LOGSINK_LOST;
		close(s->fd);
		s->fd = -1;
	}
	return LOGSINK_LATER;
}

// write() to standard error, whatever it is. Fails with EAGAIN where it would
// block.
static ssize_t
write_some(const struct logsink *s, const char *p, size_t len)
{
	if (s->kind == LOGSINK_SOCKET)
		return send(s->fd, p, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (s->kind == LOGSINK_SHARED) {
		struct pollfd pfd = {.fd = s->fd, .events = POLLOUT};
		if (poll(&pfd, 1, 0) < 0)
			return -1;
		// A pipe that nobody reads: the write would raise SIGPIPE.
		if ((pfd.revents & (POLLERR | POLLNVAL)) != 0) {
			errno = EPIPE;
			return -1;
		}
		if ((pfd.revents & POLLOUT) == 0) {
			errno = EAGAIN;
			return -1;
		}
	}
	return write(s->fd, p, len);
}

enum logsink_result
logsink_write(struct logsink *s, const struct logline *line, size_t *offset)
{
	if (s->kind == LOGSINK_NONE)
		return LOGSINK_LOST;
	char form[FORM_MAX];
	size_t len = form_line(s, line, form);
	if (s->kind == LOGSINK_SYSLOG)
		return write_syslog(s, form, len);
	while (*offset < len) {
		ssize_t n = write_some(s, form + *offset, len - *offset);
		if (n < 0)
			return is_busy(errno) ? LOGSINK_LATER : LOGSINK_LOST;
		if (n == 0)
			return LOGSINK_LATER;
		*offset += (size_t)n;
	}
	return LOGSINK_DONE;
}
