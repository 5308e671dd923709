// SPDX-License-Identifier: MIT
// Tests of listeners: binding, taking over, accepting, running out.

#include "serve/listener.h"

#include "base/listenaddr.h"
#include "unit/unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static struct event_base *base;
static struct err err;
static char dir[64];
static char path[96];	  // of a unix socket
static char address[128]; // "unix:" and the path

// What was accepted.
static int accepted[512];
static int n_accepted;
static char last_peer[128];
static struct listener *pause_after_first;

static void
on_accepted(int fd, const char *peer, void *arg)
{
	ck_assert(arg == &n_accepted);
	ck_assert_int_lt(n_accepted, 512);
	ck_assert_int_ne(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
	ck_assert_int_ne(fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
	accepted[n_accepted++] = fd;
	snprintf(last_peer, sizeof(last_peer), "%s", peer);
	if (pause_after_first != NULL)
		listener_pause(pause_after_first);
}

static void
setup(void)
{
	strcpy(dir, "/tmp/mxd-sock-XXXXXX");
	ck_assert(mkdtemp(dir) != NULL);
	snprintf(path, sizeof(path), "%s/s", dir);
	snprintf(address, sizeof(address), "unix:%s", path);
	base = event_base_new();
	err = (struct err){""};
	n_accepted = 0;
	pause_after_first = NULL;
}

static void
teardown(void)
{
	for (int i = 0; i < n_accepted; i++)
		close(accepted[i]);
	event_base_free(base);
	unlink(path);
	ck_assert_int_eq(rmdir(dir), 0);
}

static void
pump(void)
{
	for (int i = 0; i < 10; i++)
		event_base_loop(base, EVLOOP_NONBLOCK);
}

static struct listener *
listen_at(const char *where, int fd)
{
	const struct listener_params p = {
	    .base = base,
	    .address = where,
	    .mode = 0600,
	    .group = "",
	    .fd = fd,
	};

	return listener_new(&p, on_accepted, &n_accepted, &err);
}

static int
connect_unix(void)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

	strcpy(sun.sun_path, path);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	return fd;
}

// Connects over TCP; -1 when that fails.
static int
connect_inet(const char *host, int port)
{
	struct sockaddr_in sin = {
	    .sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	struct sockaddr_in6 sin6 = {
	    .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
	bool four = inet_pton(AF_INET, host, &sin.sin_addr) == 1;
	int fd = socket(four ? AF_INET : AF_INET6, SOCK_STREAM, 0);
	int rc = -1;

	if (fd < 0)
		return -1;
	if (four)
		rc = connect(fd, (struct sockaddr *)&sin, sizeof(sin));
	else if (inet_pton(AF_INET6, host, &sin6.sin6_addr) == 1)
		rc = connect(fd, (struct sockaddr *)&sin6, sizeof(sin6));
	if (rc == 0)
		return fd;
	close(fd);
	return -1;
}

// A listening socket on a port of 127.0.0.1 that the kernel chose.
static int
listen_somewhere(int *port_out)
{
	struct sockaddr_in sin = {
	    .sin_family = AF_INET,
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t len = sizeof(sin);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	ck_assert_int_eq(bind(fd, (struct sockaddr *)&sin, sizeof(sin)), 0);
	ck_assert_int_eq(listen(fd, 64), 0);
	getsockname(fd, (struct sockaddr *)&sin, &len);
	*port_out = ntohs(sin.sin_port);
	return fd;
}

// Listens at "inet:HOST:PORT" on a port that is free; NULL: no such family.
static struct listener *
listen_inet(const char *host, int *port_out)
{
	struct listener *l = NULL;
	char where[128];

	// Somebody else may take the port in between.
	for (int i = 0; i < 20 && l == NULL; i++) {
		close(listen_somewhere(port_out));
		snprintf(where, sizeof(where), "inet:%s:%d", host, *port_out);
		l = listen_at(where, -1);
	}
	if (l != NULL)
		ck_assert_str_eq(listener_address(l), where);
	return l;
}

START_TEST(test_listener_inet)
{
	static const struct {
		const char *host, *client;
		bool good, six;
	} rows[] = {
	    {"127.0.0.1", "127.0.0.1", true, false},
	    {"127.0.0.1", "127.0.0.2", false, false},
	    {"0.0.0.0", "127.0.0.2", true, false},
	    {"*", "127.0.0.1", true, false},
	    {"*", "::1", true, true},
	    {"[::1]", "::1", true, true},
	    {"[::1]", "127.0.0.1", false, true},
	    {"[::]", "::1", true, true},
	    {"[::]", "127.0.0.1", false, true},
	};
	int on = 0;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int port;
		struct listener *l = NULL;
		// Not every machine has IPv6.
		if (rows[i].six) {
			l = listen_inet("[::1]", &port);
			listener_free(l);
			if (l == NULL)
				continue;
		}
		l = listen_inet(rows[i].host, &port);
		ck_assert_msg(l != NULL, "row %zu: %s", i, err.text);
		int fd = connect_inet(rows[i].client, port);
		pump();
		ck_assert_msg((fd >= 0) == rows[i].good, "row %zu", i);
		if (fd >= 0) {
			ck_assert_int_gt(n_accepted, 0);
			const char *host = rows[i].client;
			bool brackets = strchr(host, ':') != NULL;
			char want[64];
			snprintf(want, sizeof(want),
			    "%s%s%s:", brackets ? "[" : "", host,
			    brackets ? "]" : "");
			ck_assert_msg(
			    strncmp(last_peer, want, strlen(want)) == 0 ||
				strcmp(rows[i].host, "0.0.0.0") == 0,
			    "row %zu: %s", i, last_peer);
			socklen_t len = sizeof(on);
			getsockopt(accepted[n_accepted - 1], IPPROTO_TCP,
			    TCP_NODELAY, &on, &len);
			ck_assert_int_ne(on, 0);
			close(fd);
		}
		listener_free(l);
	}
}
END_TEST

START_TEST(test_listener_inet_port_in_use)
{
	int port;
	char where[64];
	int fd = listen_somewhere(&port);

	snprintf(where, sizeof(where), "inet:127.0.0.1:%d", port);
	ck_assert(listen_at(where, -1) == NULL);
	ck_assert_msg(strstr(err.text, "cannot listen on 127.0.0.1:") != NULL &&
			  strstr(err.text, strerror(EADDRINUSE)) != NULL,
	    "%s", err.text);
	close(fd);
}
END_TEST

START_TEST(test_listener_bad_address)
{
	static const char *const rows[] = {
	    "", "inet:", "inet:localhost:25", "unix:relative", "/run/x"};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		err.text[0] = '\0';
		ck_assert_msg(listen_at(rows[i], -1) == NULL, "row %zu", i);
		ck_assert_msg(err.text[0] != '\0', "row %zu", i);
	}
}
END_TEST

START_TEST(test_listener_unix_accepts_and_removes_its_file)
{
	char want[64];
	struct listener *l = listen_at(address, -1);

	ck_assert_msg(l != NULL, "%s", err.text);
	int fd = connect_unix();
	pump();
	ck_assert_int_eq(n_accepted, 1);
	snprintf(want, sizeof(want), "unix:uid=%lu,pid=%ld",
	    (unsigned long)getuid(), (long)getpid());
	ck_assert_str_eq(last_peer, want);
	close(fd);
	listener_free(l);
	ck_assert_int_eq(access(path, F_OK), -1);
	listener_free(NULL);
}
END_TEST

START_TEST(test_listener_unix_leaves_the_file_of_another)
{
	struct stat st;
	struct listener *l = listen_at(address, -1);

	unlink(path);
	close(open(path, O_CREAT | O_WRONLY, 0600));
	ck_assert_int_eq(listener_set_access(l, 0666, "", &err), -1);
	listener_free(l);
	ck_assert_int_eq(lstat(path, &st), 0);
	ck_assert(S_ISREG(st.st_mode));
}
END_TEST

START_TEST(test_listener_set_access)
{
	struct stat st;
	struct listener *l = listen_at(address, -1);

	ck_assert_int_eq(listener_set_access(l, 0666, "", &err), 0);
	ck_assert_int_eq(lstat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0666);
	ck_assert_int_eq(
	    listener_set_access(l, 0600, "no-such-group-here", &err), -1);
	ck_assert_int_eq(lstat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0666);
	listener_free(l);
}
END_TEST

START_TEST(test_listener_rebinds_when_its_file_is_gone)
{
	struct stat st;
	struct listener *l = listen_at(address, -1);

	ck_assert_int_eq(listener_check_file(l, &err), 0);
	int early = connect_unix(); // not accepted yet
	unlink(path);
	ck_assert_int_eq(listener_check_file(l, &err), -1);
	ck_assert_msg(strstr(err.text, "is gone") != NULL, "%s", err.text);
	ck_assert_int_eq(listener_rebind(l, 0640, "", &err), 0);
	ck_assert_int_eq(n_accepted, 1);
	ck_assert_int_eq(listener_check_file(l, &err), 0);
	ck_assert_int_eq(lstat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0640);
	int late = connect_unix();
	pump();
	ck_assert_int_eq(n_accepted, 2);
	close(early);
	close(late);
	// The new file is the one that is ours now.
	ck_assert_int_eq(listener_set_access(l, 0600, "", &err), 0);
	listener_free(l);
	ck_assert_int_eq(access(path, F_OK), -1);
}
END_TEST

START_TEST(test_listener_rebind_leaves_what_is_not_ours)
{
	struct stat st;
	struct listener *l = listen_at(address, -1);

	unlink(path);
	close(open(path, O_CREAT | O_WRONLY, 0600));
	ck_assert_int_eq(listener_check_file(l, &err), -1);
	ck_assert_msg(strstr(err.text, "another") != NULL, "%s", err.text);
	ck_assert_int_eq(listener_rebind(l, 0600, "", &err), -1);
	ck_assert_msg(
	    strstr(err.text, "is not a socket") != NULL, "%s", err.text);
	ck_assert_int_eq(lstat(path, &st), 0);
	ck_assert(S_ISREG(st.st_mode));
	unlink(path);

	// A living one of somebody else; a dead one makes way.
	struct listener *other = listen_at(address, -1);
	ck_assert_int_eq(listener_check_file(l, &err), -1);
	ck_assert_int_eq(listener_rebind(l, 0600, "", &err), -1);
	ck_assert_msg(strstr(err.text, "another process answers") != NULL, "%s",
	    err.text);
	pump();
	int before = n_accepted; // we looked who answers
	int fd = connect_unix();
	pump();
	ck_assert_int_eq(n_accepted, before + 1);
	close(fd);
	listener_free(other);
	int dead = socket(AF_UNIX, SOCK_STREAM, 0);
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	strcpy(sun.sun_path, path);
	ck_assert_int_eq(bind(dead, (struct sockaddr *)&sun, sizeof(sun)), 0);
	close(dead);
	ck_assert_int_eq(listener_rebind(l, 0600, "", &err), 0);
	ck_assert_int_eq(listener_check_file(l, &err), 0);
	listener_free(l);
}
END_TEST

START_TEST(test_listener_check_file_of_others)
{
	// No file leads to it.
	int port;
	struct listener *l = listen_at(
	    "inet:127.0.0.1:1", listen_somewhere(&port));
	ck_assert_msg(l != NULL, "%s", err.text);
	ck_assert_int_eq(listener_check_file(l, &err), 0);
	listener_free(l);

	// A supervisor's: as it was when it was taken over.
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	strcpy(sun.sun_path, path);
	for (int gone = 0; gone < 2; gone++) {
		int fd = socket(AF_UNIX, SOCK_STREAM, 0);
		ck_assert_int_eq(
		    bind(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
		ck_assert_int_eq(listen(fd, 4), 0);
		if (gone)
			unlink(path);
		l = listen_at(address, fd);
		ck_assert_int_eq(listener_check_file(l, &err), -gone);
		unlink(path);
		ck_assert_int_eq(listener_check_file(l, &err), -1);
		listener_free(l);
	}
}
END_TEST

START_TEST(test_listener_taken_over)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	struct stat st;
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	strcpy(sun.sun_path, path);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	chmod(path, 0640);
	ck_assert_int_eq(listen(fd, 4), 0);
	struct listener *l = listen_at(address, fd);
	ck_assert_msg(l != NULL, "%s", err.text);
	ck_assert_int_ne(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
	ck_assert_int_ne(fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
	int client = connect_unix();
	pump();
	ck_assert_int_eq(n_accepted, 1);
	close(client);
	// The file is the supervisor's.
	ck_assert_int_eq(listener_set_access(l, 0600, "", &err), 0);
	listener_free(l);
	ck_assert_int_eq(lstat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0640);
	ck_assert_int_eq(fcntl(fd, F_GETFD), -1);
}
END_TEST

START_TEST(test_listener_taken_over_must_listen)
{
	int fds[3];

	fds[0] = socket(AF_UNIX, SOCK_STREAM, 0);
	fds[1] = socket(AF_UNIX, SOCK_DGRAM, 0);
	fds[2] = open("/dev/null", O_RDONLY);
	for (int i = 0; i < 3; i++) {
		ck_assert_msg(listen_at(address, fds[i]) == NULL, "row %d", i);
		ck_assert_msg(strstr(err.text, "no listening") != NULL,
		    "row %d: %s", i, err.text);
		ck_assert_msg(fcntl(fds[i], F_GETFD) == -1, "row %d", i);
	}
}
END_TEST

START_TEST(test_listener_pause_keeps_clients_in_the_backlog)
{
	struct listener *l = listen_at(address, -1);

	listener_pause(l);
	listener_pause(l);
	int fd = connect_unix();
	pump();
	ck_assert_int_eq(n_accepted, 0);
	listener_resume(l);
	listener_resume(l);
	pump();
	ck_assert_int_eq(n_accepted, 1);
	close(fd);
	listener_free(l);
}
END_TEST

START_TEST(test_listener_pause_from_within_accept)
{
	struct listener *l = listen_at(address, -1);
	int a = connect_unix(), b = connect_unix();

	pause_after_first = l;
	pump();
	ck_assert_int_eq(n_accepted, 1);
	pause_after_first = NULL;
	listener_resume(l);
	pump();
	ck_assert_int_eq(n_accepted, 2);
	close(a);
	close(b);
	listener_free(l);
}
END_TEST

START_TEST(test_listener_accepts_all_of_a_crowd)
{
	struct listener *l = listen_at(address, -1);
	int fds[200];

	for (int i = 0; i < 200; i++)
		fds[i] = connect_unix();
	// No more than its share in one turn.
	event_base_loop(base, EVLOOP_NONBLOCK | EVLOOP_ONCE);
	ck_assert_int_eq(n_accepted, 64);
	pump();
	ck_assert_int_eq(n_accepted, 200);
	for (int i = 0; i < 200; i++)
		close(fds[i]);
	listener_free(l);
}
END_TEST

START_TEST(test_listener_out_of_descriptors_waits_and_recovers)
{
	const struct timespec tick = {.tv_nsec = 5000000};
	struct rlimit old, low;
	struct listener *l = listen_at(address, -1);
	int client = connect_unix();

	getrlimit(RLIMIT_NOFILE, &old);
	// The lowest number that is free is one too many now.
	int lowest = dup(client);
	close(lowest);
	low = old;
	low.rlim_cur = (rlim_t)lowest;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &low), 0);
	event_base_loop(base, EVLOOP_NONBLOCK | EVLOOP_ONCE);
	ck_assert_int_eq(n_accepted, 0);
	// It sleeps meanwhile: the loop does nothing until its timer ends.
	struct timespec before, after;
	clock_gettime(CLOCK_MONOTONIC, &before);
	event_base_loop(base, EVLOOP_ONCE);
	clock_gettime(CLOCK_MONOTONIC, &after);
	ck_assert_int_ge((after.tv_sec - before.tv_sec) * 1000 +
			     (after.tv_nsec - before.tv_nsec) / 1000000,
	    50);
	// The owner's pause outlasts the timer.
	listener_pause(l);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &old), 0);
	for (int i = 0; i < 60; i++) {
		event_base_loop(base, EVLOOP_NONBLOCK);
		nanosleep(&tick, NULL);
	}
	ck_assert_int_eq(n_accepted, 0);
	// A kernel keeps the first client in the backlog, valgrind loses it.
	int second = connect_unix();
	listener_resume(l);
	for (int i = 0; i < 2000 && n_accepted == 0; i++) {
		event_base_loop(base, EVLOOP_NONBLOCK);
		nanosleep(&tick, NULL);
	}
	ck_assert_int_ge(n_accepted, 1);
	close(client);
	close(second);
	listener_free(l);
}
END_TEST

START_TEST(test_listener_client_gone_before_accept)
{
	int port;
	int fd = listen_somewhere(&port);
	char where[64];
	const struct linger reset = {.l_onoff = 1};

	snprintf(where, sizeof(where), "inet:127.0.0.1:%d", port);
	struct listener *l = listen_at(where, fd);
	int client = connect_inet("127.0.0.1", port);
	setsockopt(client, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	close(client);
	client = connect_inet("127.0.0.1", port);
	pump();
	ck_assert_int_ge(n_accepted, 1);
	close(client);
	listener_free(l);
}
END_TEST

static Suite *
listener_suite(void)
{
	Suite *suite = suite_create("listener");
	TCase *tc = tcase_create("listener");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, test_listener_inet);
	tcase_add_test(tc, test_listener_inet_port_in_use);
	tcase_add_test(tc, test_listener_bad_address);
	tcase_add_test(tc, test_listener_unix_accepts_and_removes_its_file);
	tcase_add_test(tc, test_listener_unix_leaves_the_file_of_another);
	tcase_add_test(tc, test_listener_set_access);
	tcase_add_test(tc, test_listener_rebinds_when_its_file_is_gone);
	tcase_add_test(tc, test_listener_rebind_leaves_what_is_not_ours);
	tcase_add_test(tc, test_listener_check_file_of_others);
	tcase_add_test(tc, test_listener_taken_over);
	tcase_add_test(tc, test_listener_taken_over_must_listen);
	tcase_add_test(tc, test_listener_pause_keeps_clients_in_the_backlog);
	tcase_add_test(tc, test_listener_pause_from_within_accept);
	tcase_add_test(tc, test_listener_accepts_all_of_a_crowd);
	tcase_add_test(tc, test_listener_out_of_descriptors_waits_and_recovers);
	tcase_add_test(tc, test_listener_client_gone_before_accept);
	suite_add_tcase(suite, tc);
	return suite;
}

int
main(void)
{
	return unit_run(listener_suite());
}
