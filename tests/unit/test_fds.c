// SPDX-License-Identifier: MIT
// Tests of passed descriptors: variables, names, addresses, who gets which.
//
// Each case runs in a child, as the descriptors have to begin at 3.

#include "serve/listener.h"

#include "unit/unit.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static char dir[64];
static char path[96];
static char unix_address[128];
static char inet_address[64];
static int made[3]; // inet, unix, inet again: listening sockets

static int
listen_inet(char *address, size_t size)
{
	struct sockaddr_in sin = {
	    .sin_family = AF_INET,
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t len = sizeof(sin);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	ck_assert_int_eq(bind(fd, (struct sockaddr *)&sin, sizeof(sin)), 0);
	ck_assert_int_eq(listen(fd, 4), 0);
	getsockname(fd, (struct sockaddr *)&sin, &len);
	snprintf(address, size, "inet:127.0.0.1:%d", ntohs(sin.sin_port));
	return fd;
}

static void
setup(void)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	char other[64];

	strcpy(dir, "/tmp/mxd-sock-XXXXXX");
	ck_assert(mkdtemp(dir) != NULL);
	snprintf(path, sizeof(path), "%s/s", dir);
	snprintf(unix_address, sizeof(unix_address), "unix:%s", path);
	strcpy(sun.sun_path, path);
	made[0] = listen_inet(inet_address, sizeof(inet_address));
	made[1] = socket(AF_UNIX, SOCK_STREAM, 0);
	ck_assert_int_eq(
	    bind(made[1], (struct sockaddr *)&sun, sizeof(sun)), 0);
	ck_assert_int_eq(listen(made[1], 4), 0);
	made[2] = listen_inet(other, sizeof(other));
}

static void
teardown(void)
{
	for (int i = 0; i < 3; i++)
		close(made[i]);
	unlink(path);
	ck_assert_int_eq(rmdir(dir), 0);
}

static struct listener_fds fds;
static struct err err;

// In the child: the made sockets become 3, 4 and 5, and the variables are set
// ("" for none; "self" for LISTEN_PID is the right one).
static void
pass(const char *pid, const char *n, const char *names)
{
	char self[24];
	int high[3];

	for (int i = 0; i < 3; i++)
		high[i] = fcntl(made[i], F_DUPFD, 20);
	for (int i = 0; i < 3; i++)
		if (dup2(high[i], 3 + i) != 3 + i)
			_exit(99);
	snprintf(self, sizeof(self), "%ld", (long)getpid());
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	if (pid != NULL)
		setenv("LISTEN_PID", strcmp(pid, "self") == 0 ? self : pid, 1);
	if (n != NULL)
		setenv("LISTEN_FDS", n, 1);
	if (names != NULL)
		setenv("LISTEN_FDNAMES", names, 1);
}

// Runs `child` in a process of its own; it returns 0 when all is right.
static void
run(int (*child)(int arg), int arg)
{
	int status = 0;
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid == 0)
		_exit(child(arg) == 0 ? 0 : 1);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0,
	    "row %d: see standard error", arg);
}

#define EXPECT(cond)                                                   \
	do {                                                           \
		if (!(cond)) {                                         \
			fprintf(stderr, "%s:%d: row %d: %s: \"%s\"\n", \
			    __FILE__, __LINE__, arg, #cond, err.text); \
			return 1;                                      \
		}                                                      \
	} while (0)

static const struct variables {
	const char *pid, *n, *names;
	int result, count;
	const char *error; // part of the text
} variables[] = {
    {NULL, NULL, NULL, 0, 0, NULL},
    {"self", NULL, NULL, 0, 0, NULL},
    {NULL, "2", NULL, 0, 0, NULL},
    {"1", "2", NULL, 0, 0, NULL}, // another process
    {"1", "999", "x:y", 0, 0, NULL},
    {"self", "0", NULL, 0, 0, NULL},
    {"self", "0", "", 0, 0, NULL},
    {"self", "3", NULL, 0, 3, NULL},
    {"self", "3", "a:b:c", 0, 3, NULL},
    {"self", "3", "::", 0, 3, NULL},
    {"self", "3", "a:b", -1, 0, "2 names for 3"},
    {"self", "2", "a:b:c", -1, 0, "3 names for 2"},
    {"self", "4", NULL, -1, 0, "descriptor 6"}, // not open
    {"self", "33", NULL, -1, 0, "at most 32"},
    {"self", "-1", NULL, -1, 0, "no number"},
    {"self", "3x", NULL, -1, 0, "no number"},
    {"self", "", NULL, -1, 0, "no number"},
    {"self", "99999999999999999999", NULL, -1, 0, "no number"},
    {"x", "3", NULL, -1, 0, "no process id"},
    {"", "3", NULL, -1, 0, "no process id"},
    {"-5", "3", NULL, -1, 0, "no process id"},
};

static int
child_variables(int arg)
{
	const struct variables *row = &variables[arg];

	pass(row->pid, row->n, row->names);
	close(6);
	EXPECT(listener_fds_take(&fds, &err) == row->result);
	EXPECT(fds.n == row->count);
	EXPECT(row->error == NULL || strstr(err.text, row->error) != NULL);
	EXPECT(getenv("LISTEN_PID") == NULL);
	EXPECT(getenv("LISTEN_FDS") == NULL);
	EXPECT(getenv("LISTEN_FDNAMES") == NULL);
	for (int i = 0; i < fds.n; i++)
		EXPECT((fcntl(3 + i, F_GETFD) & FD_CLOEXEC) != 0);
	return 0;
}

START_TEST(test_fds_variables)
{
	for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++)
		run(child_variables, (int)i);
}
END_TEST

static int
child_kind(int arg)
{
	pass("self", "3", NULL);
	int fd = arg == 0   ? open("/dev/null", O_RDONLY)
		 : arg == 1 ? socket(AF_INET, SOCK_STREAM, 0)
		 : arg == 2 ? socket(AF_UNIX, SOCK_DGRAM, 0)
			    : socket(AF_INET, SOCK_DGRAM, 0);
	dup2(fd, 4);
	EXPECT(listener_fds_take(&fds, &err) == -1);
	EXPECT(strstr(err.text, "descriptor 4 is no listening") != NULL);
	EXPECT(fds.n == 0);
	return 0;
}

START_TEST(test_fds_other_kinds_are_refused)
{
	for (int i = 0; i < 4; i++)
		run(child_kind, i);
}
END_TEST

static int
child_by_address(int arg)
{
	// None, and such as are no service's.
	static const char *const names[] = {
	    NULL, "mxdetour.socket:unknown", ":", "connection:Policy"};

	pass("self", "2", names[arg]);
	EXPECT(listener_fds_take(&fds, &err) == 0);
	EXPECT(strcmp(fds.item[0].address, inet_address) == 0);
	EXPECT(strcmp(fds.item[1].address, unix_address) == 0);
	EXPECT(listener_fds_claim(&fds, "policy", "inet:127.0.0.1:1") == -1);
	EXPECT(listener_fds_claim_named(
		   &fds, "policy", (char[LISTENER_ADDRESS_MAX]){0}) == -1);
	EXPECT(listener_fds_claim(&fds, "socketmap", unix_address) == 4);
	EXPECT(listener_fds_claim(&fds, "socketmap", unix_address) == -1);
	EXPECT(listener_fds_finish(&fds, &err) == -1);
	EXPECT(strstr(err.text, inet_address) != NULL);
	EXPECT(listener_fds_claim(&fds, "policy", inet_address) == 3);
	EXPECT(listener_fds_finish(&fds, &err) == 0);
	return 0;
}

START_TEST(test_fds_without_service_names_go_by_address)
{
	for (int i = 0; i < 4; i++)
		run(child_by_address, i);
}
END_TEST

static int
child_by_name(int arg)
{
	char address[LISTENER_ADDRESS_MAX];

	pass("self", "3", "policy:http:policy");
	EXPECT(listener_fds_take(&fds, &err) == 0);
	// The name says whose it is, even where the address would fit.
	EXPECT(listener_fds_claim(&fds, "socketmap", inet_address) == -1);
	EXPECT(listener_fds_claim(&fds, "policy", inet_address) == 3);
	EXPECT(listener_fds_claim_named(&fds, "policy", address) == 5);
	EXPECT(strcmp(address, fds.item[2].address) == 0);
	EXPECT(listener_fds_claim_named(&fds, "policy", address) == -1);
	EXPECT(listener_fds_finish(&fds, &err) == -1);
	EXPECT(strstr(err.text, "\"http\"") != NULL);
	EXPECT(listener_fds_claim_named(&fds, "http", address) == 4);
	EXPECT(strcmp(address, unix_address) == 0);
	EXPECT(listener_fds_finish(&fds, &err) == 0);
	return 0;
}

START_TEST(test_fds_names_outrank_addresses)
{
	run(child_by_name, 0);
}
END_TEST

static int
child_long_name(int arg)
{
	char names[400];

	memset(names, 'n', sizeof(names));
	memcpy(names, "socketmap", 9);
	strcpy(names + sizeof(names) - 8, ":a\nb");
	pass("self", "2", names);
	EXPECT(listener_fds_take(&fds, &err) == 0);
	EXPECT(strlen(fds.item[0].name) == sizeof(fds.item[0].name) - 1);
	EXPECT(strcmp(fds.item[1].name, "a?b") == 0);
	return 0;
}

START_TEST(test_fds_long_and_odd_names)
{
	run(child_long_name, 0);
}
END_TEST

static Suite *
fds_suite(void)
{
	Suite *suite = suite_create("fds");
	TCase *tc = tcase_create("fds");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, test_fds_variables);
	tcase_add_test(tc, test_fds_other_kinds_are_refused);
	tcase_add_test(tc, test_fds_without_service_names_go_by_address);
	tcase_add_test(tc, test_fds_names_outrank_addresses);
	tcase_add_test(tc, test_fds_long_and_odd_names);
	suite_add_tcase(suite, tc);
	return suite;
}

int
main(void)
{
	return unit_run(fds_suite());
}
