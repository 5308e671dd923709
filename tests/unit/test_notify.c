// SPDX-License-Identifier: MIT
// Tests of what a supervisor is told: its variables, both kinds of sockets.

#include "base/notify.h"

#include "unit/unit.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char dir[64];
static char path[96];
static char name[96];
static struct err err;
static struct notify n;

static void
setup(void)
{
	strcpy(dir, "/tmp/mxd-note-XXXXXX");
	ck_assert(mkdtemp(dir) != NULL);
	snprintf(path, sizeof(path), "%s/s", dir);
	snprintf(name, sizeof(name), "@mxd-note-%ld", (long)getpid());
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
}

static void
teardown(void)
{
	unlink(path);
	ck_assert_int_eq(rmdir(dir), 0);
}

// A supervisor's end, at "/path" or "@name".
static int
supervisor(const char *where)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	size_t len = strlen(where);
	socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) +
				     len + (where[0] == '/'));
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);

	memcpy(sun.sun_path, where, len);
	if (where[0] == '@')
		sun.sun_path[0] = '\0';
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&sun, size), 0);
	return fd;
}

static void
take(const char *socket_text, const char *usec, const char *pid)
{
	char self[24];

	snprintf(self, sizeof(self), "%ld", (long)getpid());
	if (socket_text != NULL)
		setenv("NOTIFY_SOCKET", socket_text, 1);
	if (usec != NULL)
		setenv("WATCHDOG_USEC", usec, 1);
	if (pid != NULL)
		setenv("WATCHDOG_PID", strcmp(pid, "self") ? pid : self, 1);
	err.text[0] = '\0';
}

static void
heard(int fd, const char *text)
{
	char got[2048];
	ssize_t len = recv(fd, got, sizeof(got) - 1, 0);

	ck_assert_int_ge(len, 0);
	got[len] = '\0';
	ck_assert_str_eq(got, text);
}

START_TEST(test_notify_reaches_a_path_and_an_abstract_name)
{
	const char *where[] = {path, name};

	for (size_t i = 0; i < ARRAY_LEN(where); i++) {
		int fd = supervisor(where[i]);
		take(where[i], NULL, NULL);
		ck_assert_int_eq(notify_take(&n, &err), 0);
		ck_assert_ptr_null(getenv("NOTIFY_SOCKET"));
		ck_assert_int_eq(notify_send(&n, &err, "READY=%d", 1), 0);
		heard(fd, "READY=1");
		close(fd);
	}
}
END_TEST

START_TEST(test_notify_longest_names_fit)
{
	struct sockaddr_un sun;
	char longest[sizeof(sun.sun_path) + 2];

	memset(longest, 'x', sizeof(longest));
	longest[0] = '@';
	longest[sizeof(sun.sun_path)] = '\0';
	take(longest, NULL, NULL);
	ck_assert_int_eq(notify_take(&n, &err), 0);
	int fd = supervisor(longest);
	ck_assert_int_eq(notify_send(&n, &err, "WATCHDOG=1"), 0);
	heard(fd, "WATCHDOG=1");
	close(fd);
	longest[0] = '/';
	take(longest, NULL, NULL);
	ck_assert_int_eq(notify_take(&n, &err), -1); // no room for its NUL
	longest[sizeof(sun.sun_path) - 1] = '\0';
	take(longest, NULL, NULL);
	ck_assert_int_eq(notify_take(&n, &err), 0);
}
END_TEST

START_TEST(test_notify_nobody_wants_to_know)
{
	take(NULL, "1000000", "self");
	ck_assert_int_eq(notify_take(&n, &err), 0);
	ck_assert_int_eq(n.watchdog_us, 0);
	ck_assert_ptr_null(getenv("WATCHDOG_USEC"));
	ck_assert_int_eq(notify_send(&n, &err, "READY=1"), 0);
}
END_TEST

START_TEST(test_notify_failure_is_said)
{
	take(path, NULL, NULL);
	ck_assert_int_eq(notify_take(&n, &err), 0);
	ck_assert_int_eq(notify_send(&n, &err, "READY=1"), -1);
	ck_assert_ptr_nonnull(strstr(err.text, "No such file"));
}
END_TEST

START_TEST(test_notify_never_blocks)
{
	int fd = supervisor(path), sent = 0;

	take(path, NULL, NULL);
	ck_assert_int_eq(notify_take(&n, &err), 0);
	while (sent < 1000000 && notify_send(&n, &err, "WATCHDOG=1") == 0)
		sent++;
	ck_assert_int_lt(sent, 1000000);
	heard(fd, "WATCHDOG=1");
	ck_assert_int_eq(notify_send(&n, &err, "READY=1"), 0);
	close(fd);
}
END_TEST

static const struct {
	const char *socket_text, *usec, *pid;
	int result;
	int64_t watchdog_us;
} variables[] = {
    {"/s", NULL, NULL, 0, 0},
    {"/s", "10000000", NULL, 0, 10000000},
    {"/s", "10000000", "self", 0, 10000000},
    {"/s", "10000000", "1", 0, 0}, // another's
    {"/s", NULL, "self", 0, 0},
    {"/s", "0", "self", -1, 0},
    {"/s", "", "self", -1, 0},
    {"/s", "10s", "self", -1, 0},
    {"/s", "-1", "self", -1, 0},
    {"/s", "99999999999999999999", "self", -1, 0},
    {"/s", "1000", "0", -1, 0},
    {"/s", "1000", "me", -1, 0},
    {"", NULL, NULL, -1, 0},
    {"/", NULL, NULL, -1, 0},
    {"@", NULL, NULL, -1, 0},
    {"run/s", NULL, NULL, -1, 0},
    {"vsock:2:1234", NULL, NULL, -1, 0},
};

START_TEST(test_notify_variables)
{
	take(variables[_i].socket_text, variables[_i].usec, variables[_i].pid);
	ck_assert_msg(notify_take(&n, &err) == variables[_i].result,
	    "row %d: %s", _i, err.text);
	ck_assert_msg((err.text[0] != '\0') == (variables[_i].result < 0),
	    "row %d: %s", _i, err.text);
	if (variables[_i].result == 0)
		ck_assert_msg(n.watchdog_us == variables[_i].watchdog_us,
		    "row %d: %lld", _i, (long long)n.watchdog_us);
	ck_assert_ptr_null(getenv("NOTIFY_SOCKET"));
	ck_assert_ptr_null(getenv("WATCHDOG_USEC"));
	ck_assert_ptr_null(getenv("WATCHDOG_PID"));
}
END_TEST

static Suite *
notify_suite(void)
{
	Suite *suite = suite_create("notify");
	TCase *tc = tcase_create("notify");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_notify_reaches_a_path_and_an_abstract_name);
	tcase_add_test(tc, test_notify_longest_names_fit);
	tcase_add_test(tc, test_notify_nobody_wants_to_know);
	tcase_add_test(tc, test_notify_failure_is_said);
	tcase_add_test(tc, test_notify_never_blocks);
	tcase_add_loop_test(
	    tc, test_notify_variables, 0, (int)ARRAY_LEN(variables));
	suite_add_tcase(suite, tc);
	return suite;
}

int
main(void)
{
	return unit_run(notify_suite());
}
