// SPDX-License-Identifier: MIT
// Tests of base/logsink: the form of lines, and descriptors that take none.
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/attr.h"
#include "base/clock.h"
#include "base/logsink.h"

#include "unit/stamp.h"
#include "unit/unit.h"

static struct logline
line_of(enum log_level level, const char *text)
{
	struct logline line = {.level = level, .len = strlen(text)};
	memcpy(line.text, text, line.len);
	return line;
}

static void
set_nonblock(int fd)
{
	ck_assert_int_eq(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
}

// All that can be read now, as a string.
static const char *
read_all(int fd, char *buf, size_t size)
{
	size_t len = 0;
	ssize_t n;
	while ((n = read(fd, buf + len, size - 1 - len)) > 0)
		len += (size_t)n;
	buf[len] = '\0';
	return buf;
}

// Writes into a pipe until not one byte more fits.
static void
fill(int fd)
{
	static const char zeros[4096];
	int flags = fcntl(fd, F_GETFL);
	set_nonblock(fd);
	while (write(fd, zeros, sizeof(zeros)) > 0)
		continue;
	ck_assert_int_eq(fcntl(fd, F_SETFL, flags), 0);
}

START_TEST(test_logsink_shared_pipe_never_blocks)
{
	int fds[2];
	char buf[256];
	ck_assert_int_eq(pipe(fds), 0);
	set_nonblock(fds[0]);
	struct logsink s = {.kind = LOGSINK_SHARED, .fd = fds[1]};
	struct logline line = line_of(LOG_LEVEL_INFO, "one");
	size_t offset = 0;
	ck_assert_int_eq(logsink_write(&s, &line, &offset), LOGSINK_DONE);
	read_all(fds[0], buf, sizeof(buf));
	ck_assert_uint_eq(offset, strlen(buf));
	stamp_strip(buf);
	ck_assert_str_eq(buf, "one\n");
	fill(fds[1]);
	offset = 0;
	// The descriptor blocks: only the poll before it keeps us from that.
	ck_assert_int_eq(logsink_write(&s, &line, &offset), LOGSINK_LATER);
	ck_assert_uint_eq(offset, 0);
	while (read(fds[0], buf, sizeof(buf)) > 0)
		continue;
	ck_assert_int_eq(logsink_write(&s, &line, &offset), LOGSINK_DONE);
	read_all(fds[0], buf, sizeof(buf));
	stamp_strip(buf);
	ck_assert_str_eq(buf, "one\n");
	close(fds[0]);
	offset = 0;
	// SIGPIPE is not ignored here.
	ck_assert_int_eq(logsink_write(&s, &line, &offset), LOGSINK_LOST);
	close(fds[1]);
}
END_TEST

START_TEST(test_logsink_offset_continues_a_line)
{
	int fds[2];
	char buf[256];
	ck_assert_int_eq(pipe(fds), 0);
	set_nonblock(fds[0]);
	struct logsink s = {.kind = LOGSINK_OWN, .fd = fds[1], .journal = true};
	struct logline line = line_of(LOG_LEVEL_ERR, "hello");
	size_t offset = 5;
	ck_assert_int_eq(logsink_write(&s, &line, &offset), LOGSINK_DONE);
	ck_assert_str_eq(read_all(fds[0], buf, sizeof(buf)), "llo\n");
	close(fds[0]);
	close(fds[1]);
}
END_TEST

START_TEST(test_logsink_journal_prefix)
{
	static const struct {
		enum log_level level;
		const char *want;
	} rows[] = {
	    {LOG_LEVEL_DEBUG, "<7>x\n"},
	    {LOG_LEVEL_INFO, "<6>x\n"},
	    {LOG_LEVEL_WARN, "<4>x\n"},
	    {LOG_LEVEL_ERR, "<3>x\n"},
	    {LOG_LEVEL_FATAL, "<2>x\n"},
	};
	int fds[2];
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	set_nonblock(fds[0]);
	struct logsink s = {
	    .kind = LOGSINK_SOCKET, .fd = fds[1], .journal = true};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char buf[64];
		struct logline line = line_of(rows[i].level, "x");
		size_t offset = 0;
		ck_assert_int_eq(
		    logsink_write(&s, &line, &offset), LOGSINK_DONE);
		read_all(fds[0], buf, sizeof(buf));
		ck_assert_msg(
		    strcmp(buf, rows[i].want) == 0, "row %zu: %s", i, buf);
	}
	close(fds[0]);
	struct logline line = line_of(LOG_LEVEL_INFO, "x");
	size_t offset = 0;
	ck_assert_int_eq(logsink_write(&s, &line, &offset), LOGSINK_LOST);
	close(fds[1]);
}
END_TEST

START_TEST(test_logsink_partial_write_keeps_offset)
{
	// A TCP connection with small buffers takes parts of lines.
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	int sender = socket(AF_INET, SOCK_STREAM, 0);
	int size = 1;
	setsockopt(listener, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	setsockopt(sender, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	struct sockaddr_in sin = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(sin);
	ck_assert_int_eq(bind(listener, (const struct sockaddr *)&sin, len), 0);
	ck_assert_int_eq(listen(listener, 1), 0);
	ck_assert_int_eq(
	    getsockname(listener, (struct sockaddr *)&sin, &len), 0);
	ck_assert_int_eq(
	    connect(sender, (const struct sockaddr *)&sin, len), 0);
	int reader = accept(listener, NULL, NULL);
	ck_assert_int_ge(reader, 0);

	struct logsink s = {.kind = LOGSINK_SOCKET, .fd = sender};
	struct logline line = {.level = LOG_LEVEL_INFO, .len = LOG_LINE_MAX};
	setenv("TZ", "UTC0", 1);
	tzset();
	static const char stamp[] = "1970-01-01T00:00:00.000+00:00 ";
	const size_t stamp_len = sizeof(stamp) - 1;
	for (size_t i = 0; i < sizeof(line.text); i++)
		line.text[i] = (char)('a' + i % 26);
	size_t lines = 0;
	size_t waits = 0;
	size_t got = 0;
	size_t offset = 0;
	while (lines < 60) {
		switch (logsink_write(&s, &line, &offset)) {
		case LOGSINK_DONE:
			lines++;
			offset = 0;
			break;
		case LOGSINK_LATER: {
			waits++;
			char c[97];
			ssize_t n = recv(reader, c, sizeof(c), 0);
			ck_assert_int_gt(n, 0);
			for (ssize_t i = 0; i < n; i++, got++) {
				size_t at = got %
					    (stamp_len + LOG_LINE_MAX + 1);
				char want = '\n';
				if (at < stamp_len)
					want = stamp[at];
				else if (at < stamp_len + LOG_LINE_MAX)
					want = line.text[at - stamp_len];
				ck_assert_msg(c[i] == want, "byte %zu", got);
			}
			break;
		}
		case LOGSINK_LOST:
			ck_abort_msg("lost");
		}
	}
	ck_assert_uint_gt(waits, 0);
	close(sender);
	close(reader);
	close(listener);
}
END_TEST

START_TEST(test_logsink_without_stderr_loses_lines)
{
	int saved = dup(STDERR_FILENO);
	close(STDERR_FILENO);
	struct logsink s;
	logsink_open_stderr(&s);
	struct logline line = line_of(LOG_LEVEL_INFO, "x");
	size_t offset = 0;
	enum logsink_result got = logsink_write(&s, &line, &offset);
	enum logsink_kind kind = s.kind;
	logsink_close(&s);
	dup2(saved, STDERR_FILENO);
	close(saved);
	ck_assert_int_eq(got, LOGSINK_LOST);
	ck_assert_int_eq(kind, LOGSINK_NONE);
}
END_TEST

// What logsink_open_stderr() makes of a descriptor, and whether it left the
// flags of the description alone that others share.
static enum logsink_kind
kind_of(int fd)
{
	int saved = dup(STDERR_FILENO);
	dup2(fd, STDERR_FILENO);
	struct logsink s;
	logsink_open_stderr(&s);
	enum logsink_kind kind = s.kind;
	int flags = s.fd >= 0 ? fcntl(s.fd, F_GETFD) : 0;
	logsink_close(&s);
	dup2(saved, STDERR_FILENO);
	close(saved);
	ck_assert_int_eq(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
	ck_assert_int_eq(flags & FD_CLOEXEC, FD_CLOEXEC);
	return kind;
}

START_TEST(test_logsink_stderr_kinds)
{
	int fds[2];
	ck_assert_int_eq(pipe(fds), 0);
	ck_assert_int_eq(kind_of(fds[1]), LOGSINK_OWN);
	close(fds[0]);
	close(fds[1]);
	// Without a reader a named pipe cannot be opened (ENXIO).
	char dir[] = "/tmp/mxd-test-XXXXXX";
	char path[64];
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/fifo", dir);
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	fds[0] = open(path, O_RDONLY | O_NONBLOCK);
	fds[1] = open(path, O_WRONLY);
	close(fds[0]);
	ck_assert_int_eq(kind_of(fds[1]), LOGSINK_SHARED);
	close(fds[1]);
	unlink(path);
	rmdir(dir);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	ck_assert_int_eq(kind_of(fds[1]), LOGSINK_SOCKET);
	close(fds[0]);
	close(fds[1]);
	FILE *f = tmpfile();
	ck_assert_ptr_nonnull(f);
	ck_assert_int_eq(kind_of(fileno(f)), LOGSINK_FILE);
	fclose(f);
	int null = open("/dev/null", O_WRONLY);
	ck_assert_int_eq(kind_of(null), LOGSINK_OWN);
	close(null);
}
END_TEST

START_TEST(test_logsink_stderr_is_journal)
{
	struct stat st;
	char text[64];
	ck_assert_int_eq(fstat(STDERR_FILENO, &st), 0);
	unsetenv("JOURNAL_STREAM");
	ck_assert(!logsink_stderr_is_journal());
	snprintf(text, sizeof(text), "%ju:%ju", (uintmax_t)st.st_dev,
	    (uintmax_t)st.st_ino);
	setenv("JOURNAL_STREAM", text, 1);
	ck_assert(logsink_stderr_is_journal());
	// Another stream: standard error was redirected.
	snprintf(text, sizeof(text), "%ju:%ju", (uintmax_t)st.st_dev,
	    (uintmax_t)st.st_ino + 1);
	setenv("JOURNAL_STREAM", text, 1);
	ck_assert(!logsink_stderr_is_journal());
	setenv("JOURNAL_STREAM", "", 1);
	ck_assert(!logsink_stderr_is_journal());
	unsetenv("JOURNAL_STREAM");
}
END_TEST

START_TEST(test_logsink_stderr_form)
{
	static const struct {
		const char *zone;
		int64_t wall;
		const char *want;
	} rows[] = {
	    {"UTC0", 0, "1970-01-01T00:00:00.000+00:00 x y\n"},
	    {"UTC0", 1441789688007, "2015-09-09T09:08:08.007+00:00 x y\n"},
	    {"CST-8", 1441789688999, "2015-09-09T17:08:08.999+08:00 x y\n"},
	    {"NST3:30", 1441789688050, "2015-09-09T05:38:08.050-03:30 x y\n"},
	    {"CST-8", 1451577600000, "2016-01-01T00:00:00.000+08:00 x y\n"},
	};
	int fds[2];
	ck_assert_int_eq(pipe(fds), 0);
	set_nonblock(fds[0]);
	struct logsink s = {.kind = LOGSINK_OWN, .fd = fds[1]};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char got[256];
		struct logline line = line_of(LOG_LEVEL_WARN, "x y");
		line.wall = rows[i].wall;
		size_t offset = 0;
		setenv("TZ", rows[i].zone, 1);
		tzset();
		ck_assert_int_eq(
		    logsink_write(&s, &line, &offset), LOGSINK_DONE);
		read_all(fds[0], got, sizeof(got));
		ck_assert_msg(
		    strcmp(got, rows[i].want) == 0, "row %zu: %s", i, got);
	}
	close(fds[0]);
	close(fds[1]);
}
END_TEST

START_TEST(test_logsink_syslog_form)
{
	char dir[] = "/tmp/mxd-test-XXXXXX";
	ck_assert_ptr_nonnull(mkdtemp(dir));
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s/log", dir);
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	ck_assert_int_eq(
	    bind(fd, (const struct sockaddr *)&sun, sizeof(sun)), 0);
	setenv("TZ", "UTC0", 1);
	tzset();
	struct logsink s;
	logsink_open_syslog(&s, "mxdetourd", sun.sun_path);
	static const struct {
		enum log_level level;
		int64_t wall;
		const char *want; // with our process id for %ld
	} rows[] = {
	    {LOG_LEVEL_DEBUG, 0, "<23>Jan  1 00:00:00 mxdetourd[%ld]: x y"},
	    {LOG_LEVEL_INFO, 1441789688000,
		"<22>Sep  9 09:08:08 mxdetourd[%ld]: x y"},
	    {LOG_LEVEL_WARN, 4102444799999,
		"<20>Dec 31 23:59:59 mxdetourd[%ld]: x y"},
	    {LOG_LEVEL_ERR, 0, "<19>Jan  1 00:00:00 mxdetourd[%ld]: x y"},
	    {LOG_LEVEL_FATAL, 0, "<18>Jan  1 00:00:00 mxdetourd[%ld]: x y"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char got[256];
		char want[256];
		char *mark = strstr(rows[i].want, "%ld");
		snprintf(want, sizeof(want), "%.*s%ld%s",
		    (int)(mark - rows[i].want), rows[i].want, (long)getpid(),
		    mark + 3);
		struct logline line = line_of(rows[i].level, "x y");
		line.wall = rows[i].wall;
		size_t offset = 0;
		ck_assert_int_eq(
		    logsink_write(&s, &line, &offset), LOGSINK_DONE);
		ssize_t n = recv(fd, got, sizeof(got) - 1, 0);
		ck_assert_int_gt(n, 0);
		got[n] = '\0';
		ck_assert_msg(strcmp(got, want) == 0, "row %zu: %s", i, got);
	}
	logsink_close(&s);
	close(fd);
	unlink(sun.sun_path);
	rmdir(dir);
}
END_TEST

START_TEST(test_logsink_syslog_path_too_long_never_connects)
{
	char path[200];
	memset(path, 'x', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	clock_freeze(1000);
	struct logsink s;
	logsink_open_syslog(&s, "p", path);
	struct logline line = line_of(LOG_LEVEL_INFO, "x");
	size_t offset = 0;
	for (int i = 0; i < 3; i++) {
		clock_freeze(1000 + 1000 * i);
		ck_assert_int_eq(
		    logsink_write(&s, &line, &offset), LOGSINK_LATER);
	}
	logsink_close(&s);
	clock_freeze(-1);
}
END_TEST

static Suite *
logsink_suite(void)
{
	Suite *s = suite_create("logsink");
	TCase *tc = tcase_create("all");
	tcase_add_test(tc, test_logsink_shared_pipe_never_blocks);
	tcase_add_test(tc, test_logsink_offset_continues_a_line);
	tcase_add_test(tc, test_logsink_journal_prefix);
	tcase_add_test(tc, test_logsink_partial_write_keeps_offset);
	tcase_add_test(tc, test_logsink_without_stderr_loses_lines);
	tcase_add_test(tc, test_logsink_stderr_kinds);
	tcase_add_test(tc, test_logsink_stderr_is_journal);
	tcase_add_test(tc, test_logsink_stderr_form);
	tcase_add_test(tc, test_logsink_syslog_form);
	tcase_add_test(tc, test_logsink_syslog_path_too_long_never_connects);
	suite_add_tcase(s, tc);
	return s;
}

int
main(void)
{
	return unit_run(logsink_suite());
}
