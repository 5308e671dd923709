// SPDX-License-Identifier: MIT
// Tests of base/log: readers that are slow, gone, late or replaced.
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/attr.h"
#include "base/clock.h"
#include "base/log.h"

#include "unit/stamp.h"
#include "unit/unit.h"

enum { OUTPUT_MAX = 2 * 1024 * 1024 };

static int saved_stderr;
static int reader = -1;	 // other end of standard error
static int syslogd = -1; // our own syslog socket
static char dir[32];
static char path[64]; // of the syslog socket
static char output[OUTPUT_MAX];
static size_t output_len;

static void
setup(void)
{
	saved_stderr = dup(STDERR_FILENO);
	strcpy(dir, "/tmp/mxd-test-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/log", dir);
	unsetenv("JOURNAL_STREAM");
	// What an earlier test dropped is reported to nobody.
	int null = open("/dev/null", O_WRONLY);
	dup2(null, STDERR_FILENO);
	close(null);
	log_set_level(LOG_LEVEL_INFO);
	log_info("begin");
	log_close();
	output_len = 0;
	output[0] = '\0';
}

static void
close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void
teardown(void)
{
	log_close();
	clock_freeze(-1);
	dup2(saved_stderr, STDERR_FILENO);
	close_fd(&saved_stderr);
	close_fd(&reader);
	close_fd(&syslogd);
	unlink(path);
	rmdir(dir);
}

static void
open_log(enum log_target target, enum log_level level)
{
	const struct log_params params = {
	    .program = "test",
	    .target = target,
	    .level = level,
	    .syslog_path = path,
	};
	log_open(&params);
}

static void
stderr_to_pipe(void)
{
	int fds[2];
	ck_assert_int_eq(pipe(fds), 0);
	dup2(fds[1], STDERR_FILENO);
	close(fds[1]);
	reader = fds[0];
	ck_assert_int_eq(fcntl(reader, F_SETFL, O_NONBLOCK), 0);
}

static void
start_syslogd(void)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	strcpy(sun.sun_path, path);
	syslogd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	ck_assert_int_eq(
	    bind(syslogd, (const struct sockaddr *)&sun, sizeof(sun)), 0);
}

static void
stop_syslogd(void)
{
	close_fd(&syslogd);
	unlink(path);
}

// Appends to `output` what has come; datagrams as lines, without their head.
static void
collect(void)
{
	ssize_t n;
	char datagram[4096];
	while (reader >= 0 && (n = read(reader, output + output_len,
				   OUTPUT_MAX - 1 - output_len)) > 0)
		output_len += (size_t)n;
	while (syslogd >= 0 &&
	       (n = recv(syslogd, datagram, sizeof(datagram) - 1, 0)) > 0) {
		datagram[n] = '\0';
		const char *text = strstr(datagram, "]: ");
		ck_assert_ptr_nonnull(text);
		output_len += (size_t)snprintf(output + output_len,
		    OUTPUT_MAX - output_len, "%s\n", text + 3);
	}
	output[output_len] = '\0';
}

// Lets the reader read until nothing waits any more.
static void
collect_all(void)
{
	bool empty;
	do {
		collect();
		empty = log_flush();
	} while (!empty);
	collect();
}

// A line whose length depends on its number: after one that does not fit into
// the ring comes one that may.
static const char *
text_of(unsigned n)
{
	static char text[LOG_LINE_MAX + 1];
	snprintf(
	    text, sizeof(text), "line %u %0*u.", n, 1 + (int)(n * 37 % 500), n);
	return text;
}

static void
send_line(unsigned n)
{
	log_info("%s", text_of(n));
}

// What has come, without the times before the lines.
static const char *
plain(void)
{
	static char text[OUTPUT_MAX];
	memcpy(text, output, output_len + 1);
	stamp_strip(text);
	return text;
}

// Reads lines and "log dropped=N": all that were sent are there once, whole, in
// order, or are reported at the place where they are missing.
static void
check_account(unsigned sent)
{
	unsigned next = 0;
	char *rest = output;
	char *line;
	while ((line = strsep(&rest, "\n")) != NULL && rest != NULL) {
		unsigned n;
		line += stamp_length(line);
		if (sscanf(line, "log dropped=%u", &n) == 1)
			next += n;
		else
			ck_assert_str_eq(line, text_of(next++));
	}
	ck_assert_uint_eq(next, sent);
}

// Writes until lines are dropped, lets the reader catch up, writes on: twice.
static void
overrun_and_recover(void)
{
	unsigned sent = 0;
	uint64_t dropped = log_dropped();
	for (int round = 0; round < 2; round++) {
		uint64_t before = log_dropped();
		while (log_dropped() < before + 100) {
			ck_assert_uint_lt(sent, 100000);
			send_line(sent++);
		}
		ck_assert(log_pending());
		ck_assert(!log_flush());
		collect_all();
		ck_assert(!log_pending());
		send_line(sent++);
		collect_all();
	}
	ck_assert_uint_eq(log_dropped(), dropped + 200);
	check_account(sent);
}

START_TEST(test_log_pipe_gets_whole_lines)
{
	stderr_to_pipe();
	open_log(LOG_TO_STDERR, LOG_LEVEL_INFO);
	log_debug("not wanted");
	log_info("lookup domain=%s n=%d", "a.test", 5);
	log_err("two");
	collect();
	ck_assert_str_eq(plain(), "lookup domain=a.test n=5\ntwo\n");
	ck_assert(!log_pending());
}
END_TEST

START_TEST(test_log_level_can_change)
{
	stderr_to_pipe();
	open_log(LOG_TO_STDERR, LOG_LEVEL_WARN);
	ck_assert(!log_wants(LOG_LEVEL_INFO));
	ck_assert(log_wants(LOG_LEVEL_WARN));
	log_info("a");
	log_set_level(LOG_LEVEL_DEBUG);
	ck_assert(log_wants(LOG_LEVEL_DEBUG));
	log_debug("b");
	collect();
	ck_assert_str_eq(plain(), "b\n");
}
END_TEST

START_TEST(test_log_one_call_is_one_line)
{
	stderr_to_pipe();
	open_log(LOG_TO_STDERR, LOG_LEVEL_INFO);
	log_info("a\nb\r\tc\x1b[2J\x7f\n");
	log_info("%s", "");
	collect();
	ck_assert_str_eq(plain(), "a?b??c?[2J??\n\n");
}
END_TEST

START_TEST(test_log_long_line_is_cut)
{
	stderr_to_pipe();
	open_log(LOG_TO_STDERR, LOG_LEVEL_INFO);
	log_info("%02000d", 1);
	log_info("%01024d", 1);
	collect();
	const char *text = plain();
	ck_assert_uint_eq(strlen(text), 2 * (LOG_LINE_MAX + 1));
	ck_assert_int_eq(text[LOG_LINE_MAX], '\n');
	ck_assert_int_eq(text[LOG_LINE_MAX - 1], '0');
	ck_assert_int_eq(text[2 * LOG_LINE_MAX], '1');
}
END_TEST

START_TEST(test_log_leaves_errno_alone)
{
	stderr_to_pipe();
	open_log(LOG_TO_STDERR, LOG_LEVEL_INFO);
	close_fd(&reader);
	void (*old)(int) = signal(SIGPIPE, SIG_IGN);
	errno = 123;
	log_info("nobody reads this");
	log_flush();
	int after = errno;
	signal(SIGPIPE, old);
	ck_assert_int_eq(after, 123);
}
END_TEST

START_TEST(test_log_full_pipe_drops_counts_and_reports)
{
	stderr_to_pipe();
	open_log(LOG_TO_STDERR, LOG_LEVEL_INFO);
	// The description that others share still blocks: ours is another.
	ck_assert_int_eq(fcntl(STDERR_FILENO, F_GETFL) & O_NONBLOCK, 0);
	overrun_and_recover();
}
END_TEST

START_TEST(test_log_unread_datagrams_drop_count_and_report)
{
	start_syslogd();
	open_log(LOG_TO_SYSLOG, LOG_LEVEL_INFO);
	overrun_and_recover();
}
END_TEST

START_TEST(test_log_unread_stream_socket_drops_counts_and_reports)
{
	int fds[2];
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	dup2(fds[1], STDERR_FILENO);
	close(fds[1]);
	reader = fds[0];
	ck_assert_int_eq(fcntl(reader, F_SETFL, O_NONBLOCK), 0);
	open_log(LOG_TO_STDERR, LOG_LEVEL_INFO);
	overrun_and_recover();
}
END_TEST

START_TEST(test_log_reader_gone_only_loses_lines)
{
	void (*old)(int) = signal(SIGPIPE, SIG_IGN);
	stderr_to_pipe();
	open_log(LOG_TO_STDERR, LOG_LEVEL_INFO);
	uint64_t dropped = log_dropped();
	close_fd(&reader);
	for (unsigned i = 0; i < 5; i++)
		log_info("x");
	// Each once: reports that nobody read are no lines.
	ck_assert_uint_eq(log_dropped(), dropped + 5);
	ck_assert(!log_pending());
	stderr_to_pipe();
	open_log(LOG_TO_STDERR, LOG_LEVEL_INFO);
	log_info("y");
	collect();
	ck_assert_str_eq(plain(), "log dropped=5\ny\n");
	signal(SIGPIPE, old);
}
END_TEST

START_TEST(test_log_syslog_socket_appears_later)
{
	clock_freeze(10000);
	open_log(LOG_TO_SYSLOG, LOG_LEVEL_INFO);
	log_info("one");
	log_info("two");
	ck_assert(log_pending());
	start_syslogd();
	// It was looked for less than a second ago.
	clock_freeze(10999);
	ck_assert(!log_flush());
	clock_freeze(11000);
	ck_assert(log_flush());
	collect();
	ck_assert_str_eq(plain(), "one\ntwo\n");
}
END_TEST

// The output is what is said of a syslog socket that is not there, and `rest`.
static void
expect_after_unheard(const char *rest)
{
	char want[256];
	snprintf(want, sizeof(want),
	    "log to=syslog path=%s: cannot be reached; lines wait until "
	    "it can, the first 256 KiB of them\n%s",
	    path, rest);
	ck_assert_str_eq(plain(), want);
}

START_TEST(test_log_syslog_socket_that_is_not_there_is_said_once)
{
	stderr_to_pipe();
	clock_freeze(10000);
	open_log(LOG_TO_SYSLOG, LOG_LEVEL_INFO);
	log_info("one");
	clock_freeze(12000);
	log_info("two");
	collect();
	expect_after_unheard("");
	start_syslogd();
	open_log(LOG_TO_SYSLOG, LOG_LEVEL_INFO);
	collect();
	expect_after_unheard("one\ntwo\n");
}
END_TEST

START_TEST(test_log_syslogd_restarted)
{
	clock_freeze(10000);
	start_syslogd();
	open_log(LOG_TO_SYSLOG, LOG_LEVEL_INFO);
	log_info("one");
	collect();
	stop_syslogd();
	clock_freeze(20000);
	log_info("two");
	ck_assert(log_pending());
	start_syslogd();
	ck_assert(!log_flush());
	clock_freeze(21000);
	log_info("three");
	collect();
	// Once more within the same second: that has to wait.
	stop_syslogd();
	start_syslogd();
	log_info("four");
	ck_assert(log_pending());
	clock_freeze(22000);
	ck_assert(log_flush());
	collect();
	ck_assert_str_eq(plain(), "one\ntwo\nthree\nfour\n");
}
END_TEST

START_TEST(test_log_syslogd_replaced_at_once)
{
	clock_freeze(10000);
	start_syslogd();
	open_log(LOG_TO_SYSLOG, LOG_LEVEL_INFO);
	log_info("one");
	collect();
	clock_freeze(20000);
	stop_syslogd();
	start_syslogd();
	log_info("two");
	ck_assert(!log_pending());
	collect();
	ck_assert_str_eq(plain(), "one\ntwo\n");
}
END_TEST

START_TEST(test_log_nothing_ever_listens_is_bounded)
{
	clock_freeze(10000);
	open_log(LOG_TO_SYSLOG, LOG_LEVEL_INFO);
	for (unsigned i = 0; i < 3000; i++)
		send_line(i);
	ck_assert_uint_gt(log_dropped(), 0);
	ck_assert(log_pending());
}
END_TEST

START_TEST(test_log_waiting_lines_follow_to_a_new_target)
{
	clock_freeze(10000);
	open_log(LOG_TO_SYSLOG, LOG_LEVEL_INFO);
	log_info("one");
	stderr_to_pipe();
	open_log(LOG_TO_STDERR, LOG_LEVEL_INFO);
	log_info("two");
	collect();
	ck_assert_str_eq(plain(), "one\ntwo\n");
}
END_TEST

// Makes standard error a TCP connection with small buffers: it takes parts of
// lines.
static void
stderr_to_tcp(void)
{
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	int sender = socket(AF_INET, SOCK_STREAM, 0);
	int size = 1;
	setsockopt(listener, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	setsockopt(sender, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	struct sockaddr_in sin = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct sockaddr *sa = (struct sockaddr *)&sin;
	socklen_t len = sizeof(sin);
	ck_assert_int_eq(bind(listener, sa, len), 0);
	ck_assert_int_eq(listen(listener, 1), 0);
	ck_assert_int_eq(getsockname(listener, sa, &len), 0);
	ck_assert_int_eq(connect(sender, sa, len), 0);
	reader = accept(listener, NULL, NULL);
	ck_assert_int_ge(reader, 0);
	ck_assert_int_eq(fcntl(reader, F_SETFL, O_NONBLOCK), 0);
	dup2(sender, STDERR_FILENO);
	close(sender);
	close(listener);
}

static size_t
count_lines(void)
{
	size_t n = 0;
	for (const char *p = output; (p = strchr(p, '\n')) != NULL; p++)
		n++;
	return n;
}

START_TEST(test_log_reopen_keeps_the_rest_of_a_line)
{
	stderr_to_tcp();
	open_log(LOG_TO_STDERR, LOG_LEVEL_INFO);
	unsigned sent = 0;
	while (!log_pending())
		send_line(sent++);
	open_log(LOG_TO_STDERR, LOG_LEVEL_INFO);
	for (unsigned i = 0; i < 50; i++)
		send_line(sent++);
	while (count_lines() < sent) {
		struct pollfd pfd = {.fd = reader, .events = POLLIN};
		ck_assert_int_eq(poll(&pfd, 1, 30000), 1);
		// A slow reader, so that lines get out in parts.
		ssize_t n = read(reader, output + output_len, 97);
		ck_assert_int_gt(n, 0);
		output_len += (size_t)n;
		output[output_len] = '\0';
		open_log(LOG_TO_STDERR, LOG_LEVEL_INFO);
	}
	ck_assert(!log_pending());
	check_account(sent);
}
END_TEST

START_TEST(test_log_half_a_line_is_whole_elsewhere)
{
	stderr_to_tcp();
	start_syslogd();
	open_log(LOG_TO_STDERR, LOG_LEVEL_INFO);
	unsigned sent = 0;
	while (!log_pending())
		send_line(sent++);
	// All that got out of the last one was its beginning.
	open_log(LOG_TO_SYSLOG, LOG_LEVEL_INFO);
	ck_assert(!log_pending());
	close_fd(&reader);
	collect();
	char want[LOG_LINE_MAX + 2];
	snprintf(want, sizeof(want), "%s\n", text_of(sent - 1));
	ck_assert_str_eq(plain(), want);
}
END_TEST

START_TEST(test_log_auto_takes_journal_then_syslog)
{
	stderr_to_pipe();
	start_syslogd();
	open_log(LOG_TO_AUTO, LOG_LEVEL_INFO);
	log_info("to syslog");
	struct stat st;
	char stream[64];
	ck_assert_int_eq(fstat(STDERR_FILENO, &st), 0);
	snprintf(stream, sizeof(stream), "%ju:%ju", (uintmax_t)st.st_dev,
	    (uintmax_t)st.st_ino);
	setenv("JOURNAL_STREAM", stream, 1);
	open_log(LOG_TO_AUTO, LOG_LEVEL_INFO);
	log_warn("to the journal");
	unsetenv("JOURNAL_STREAM");
	char text[256];
	ssize_t n = read(reader, text, sizeof(text) - 1);
	ck_assert_int_gt(n, 0);
	text[n] = '\0';
	ck_assert_str_eq(text, "<4>to the journal\n");
	collect();
	ck_assert_str_eq(plain(), "to syslog\n");
}
END_TEST

// In a container without syslog, the lines must not go to nobody.
START_TEST(test_log_auto_without_syslog_takes_stderr)
{
	stderr_to_pipe();
	struct log_params p = {
	    .program = "test",
	    .target = LOG_TO_AUTO,
	    .level = LOG_LEVEL_INFO,
	    .syslog_path = "/nonexistent/log",
	};
	log_open(&p);
	log_info("here");
	collect();
	ck_assert_str_eq(plain(), "here\n");
}
END_TEST

// The time is that of the call, however late the reader comes.
START_TEST(test_log_lines_have_their_time)
{
	setenv("TZ", "UTC0", 1);
	tzset();
	stderr_to_pipe();
	int64_t before = clock_wall();
	log_info("before the log is opened");
	open_log(LOG_TO_STDERR, LOG_LEVEL_INFO);
	while (!log_pending())
		send_line(0);
	send_line(0);
	int64_t after = clock_wall();
	struct timespec pause = {.tv_nsec = 5 * 1000 * 1000};
	nanosleep(&pause, NULL);
	collect_all();
	char *rest = output;
	char *line;
	while ((line = strsep(&rest, "\n")) != NULL && rest != NULL) {
		struct tm tm = {0};
		ck_assert_msg(stamp_length(line) > 0, "%s", line);
		const char *ms = strptime(line, "%Y-%m-%dT%H:%M:%S.", &tm);
		ck_assert_ptr_nonnull(ms);
		int64_t at = (int64_t)timegm(&tm) * 1000 + atoi(ms);
		ck_assert_int_ge(at, before);
		ck_assert_int_le(at, after);
	}
}
END_TEST

START_TEST(test_log_before_open_goes_to_stderr)
{
	stderr_to_pipe();
	log_set_level(LOG_LEVEL_INFO);
	log_info("early");
	collect();
	ck_assert_str_eq(plain(), "early\n");
}
END_TEST

START_TEST(test_log_regular_file_is_shared_with_others)
{
	FILE *f = tmpfile();
	ck_assert_ptr_nonnull(f);
	dup2(fileno(f), STDERR_FILENO);
	open_log(LOG_TO_STDERR, LOG_LEVEL_INFO);
	dprintf(STDERR_FILENO, "a\n");
	log_info("b");
	dprintf(STDERR_FILENO, "c\n");
	log_info("d");
	char text[128] = "";
	ck_assert_int_gt(pread(fileno(f), text, sizeof(text) - 1, 0), 0);
	stamp_strip(text);
	ck_assert_str_eq(text, "a\nb\nc\nd\n");
	fclose(f);
}
END_TEST

// Runs log_fatal() in a child; returns its wait status.
static int
fatal_status(enum log_target target)
{
	pid_t pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		open_log(target, LOG_LEVEL_FATAL);
		log_fatal("cannot go on: %s", "why");
	}
	int status = 0;
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	return status;
}

START_TEST(test_log_fatal_says_why_and_exits)
{
	stderr_to_pipe();
	int status = fatal_status(LOG_TO_STDERR);
	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 1);
	collect();
	ck_assert_str_eq(plain(), "cannot go on: why\n");
	// No syslog socket: to standard error rather than nowhere.
	status = fatal_status(LOG_TO_SYSLOG);
	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 1);
	output_len = 0;
	collect();
	expect_after_unheard("cannot go on: why\n");
	start_syslogd();
	status = fatal_status(LOG_TO_SYSLOG);
	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 1);
	output_len = 0;
	collect();
	ck_assert_str_eq(plain(), "cannot go on: why\n");
}
END_TEST

static void *
write_hundred(void *arg)
{
	const char *name = arg;
	for (int i = 0; i < 100; i++)
		log_info("%s %d of a hundred lines.", name, i);
	return NULL;
}

START_TEST(test_log_threads_write_whole_lines)
{
	static char names[4][2] = {"a", "b", "c", "d"};
	stderr_to_pipe();
	open_log(LOG_TO_STDERR, LOG_LEVEL_INFO);
	pthread_t threads[ARRAY_LEN(names)];
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		ck_assert_int_eq(
		    pthread_create(&threads[i], NULL, write_hundred, names[i]),
		    0);
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		pthread_join(threads[i], NULL);
	collect_all();
	int next[ARRAY_LEN(names)] = {0};
	char *rest = output;
	char *line;
	while ((line = strsep(&rest, "\n")) != NULL && rest != NULL) {
		char name;
		int n;
		char end;
		line += stamp_length(line);
		ck_assert_int_eq(
		    sscanf(line, "%c %d of a hundred lines%c", &name, &n, &end),
		    3);
		ck_assert_int_eq(n, next[name - 'a']++);
	}
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		ck_assert_int_eq(next[i], 100);
}
END_TEST

static Suite *
log_suite(void)
{
	Suite *s = suite_create("log");
	TCase *tc = tcase_create("all");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, test_log_pipe_gets_whole_lines);
	tcase_add_test(tc, test_log_level_can_change);
	tcase_add_test(tc, test_log_one_call_is_one_line);
	tcase_add_test(tc, test_log_long_line_is_cut);
	tcase_add_test(tc, test_log_leaves_errno_alone);
	tcase_add_test(tc, test_log_full_pipe_drops_counts_and_reports);
	tcase_add_test(tc, test_log_unread_datagrams_drop_count_and_report);
	tcase_add_test(
	    tc, test_log_unread_stream_socket_drops_counts_and_reports);
	tcase_add_test(tc, test_log_reader_gone_only_loses_lines);
	tcase_add_test(tc, test_log_syslog_socket_appears_later);
	tcase_add_test(
	    tc, test_log_syslog_socket_that_is_not_there_is_said_once);
	tcase_add_test(tc, test_log_syslogd_restarted);
	tcase_add_test(tc, test_log_syslogd_replaced_at_once);
	tcase_add_test(tc, test_log_nothing_ever_listens_is_bounded);
	tcase_add_test(tc, test_log_waiting_lines_follow_to_a_new_target);
	tcase_add_test(tc, test_log_reopen_keeps_the_rest_of_a_line);
	tcase_add_test(tc, test_log_half_a_line_is_whole_elsewhere);
	tcase_add_test(tc, test_log_auto_takes_journal_then_syslog);
	tcase_add_test(tc, test_log_auto_without_syslog_takes_stderr);
	tcase_add_test(tc, test_log_lines_have_their_time);
	tcase_add_test(tc, test_log_before_open_goes_to_stderr);
	tcase_add_test(tc, test_log_regular_file_is_shared_with_others);
	tcase_add_test(tc, test_log_fatal_says_why_and_exits);
	tcase_add_test(tc, test_log_threads_write_whole_lines);
	suite_add_tcase(s, tc);
	return s;
}

int
main(void)
{
	return unit_run(log_suite());
}
