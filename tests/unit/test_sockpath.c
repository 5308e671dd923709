// SPDX-License-Identifier: MIT
// Tests of unix sockets' files: stale and live ones, modes, removal.

#include "base/sockpath.h"

#include "unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static char dir[64];
static char path[96];
static struct err err;
static struct sockpath_id id;

static void
setup(void)
{
	strcpy(dir, "/tmp/mxd-sock-XXXXXX");
	ck_assert(mkdtemp(dir) != NULL);
	snprintf(path, sizeof(path), "%s/s", dir);
	err = (struct err){""};
}

static void
teardown(void)
{
	unlink(path);
	ck_assert_int_eq(rmdir(dir), 0);
}

static int
listen_at(const char *where)
{
	return sockpath_listen(where, 4, 0660, "", &id, &err);
}

// 0, or the errno of connecting to the path.
static int
try_connect(void)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	strcpy(sun.sun_path, path);
	int rc = connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == 0 ? 0
									: errno;
	close(fd);
	return rc;
}

static unsigned
mode_of(const char *where)
{
	struct stat st;

	ck_assert_int_eq(lstat(where, &st), 0);
	return st.st_mode & 07777;
}

START_TEST(test_sockpath_listens_with_mode_whatever_the_umask)
{
	static const struct {
		mode_t mask, mode;
	} rows[] = {{0, 0600}, {022, 0666}, {0777, 0660}, {0, 0777}};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		mode_t old = umask(rows[i].mask);
		int fd = sockpath_listen(path, 4, rows[i].mode, "", &id, &err);
		umask(old);
		ck_assert_msg(fd >= 0, "row %zu: %s", i, err.text);
		ck_assert_msg(mode_of(path) == rows[i].mode, "row %zu", i);
		ck_assert_int_eq(try_connect(), 0);
		ck_assert_int_ne(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
		ck_assert_int_ne(fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
		sockpath_remove(path, &id);
		ck_assert_int_eq(access(path, F_OK), -1);
		close(fd);
	}
}
END_TEST

START_TEST(test_sockpath_replaces_stale_socket)
{
	int fd = listen_at(path);
	close(fd);
	ck_assert_int_eq(try_connect(), ECONNREFUSED);
	fd = listen_at(path);
	ck_assert_msg(fd >= 0, "%s", err.text);
	ck_assert_int_eq(try_connect(), 0);
	close(fd);
}
END_TEST

START_TEST(test_sockpath_leaves_live_socket)
{
	int fd = sockpath_listen(path, 0, 0600, "", &id, &err);

	ck_assert_int_eq(listen_at(path), -1);
	ck_assert_msg(strstr(err.text, "another process answers on") != NULL &&
			  strstr(err.text, path) != NULL,
	    "%s", err.text);
	// With its backlog full it does not answer, but it lives.
	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(listen_at(path), -1);
	ck_assert(strstr(err.text, "another process answers on") != NULL);
	ck_assert_int_ne(fd, -1);
	close(fd);
	// One of another type.
	unlink(path);
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	strcpy(sun.sun_path, path);
	fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	ck_assert_int_eq(listen_at(path), -1);
	ck_assert(strstr(err.text, "another process answers on") != NULL);
	close(fd);
}
END_TEST

START_TEST(test_sockpath_leaves_other_files)
{
	char target[96];

	int fd = open(path, O_CREAT | O_WRONLY, 0600);
	close(fd);
	ck_assert_int_eq(listen_at(path), -1);
	ck_assert_msg(
	    strstr(err.text, "is not a socket") != NULL, "%s", err.text);
	ck_assert_int_eq(access(path, F_OK), 0);
	unlink(path);
	// Nor is a link followed, even to a stale socket.
	snprintf(target, sizeof(target), "%s/t", dir);
	close(listen_at(target));
	ck_assert_int_eq(symlink(target, path), 0);
	ck_assert_int_eq(listen_at(path), -1);
	ck_assert(strstr(err.text, "is not a socket") != NULL);
	ck_assert_int_eq(access(target, F_OK), 0);
	unlink(target);
}
END_TEST

START_TEST(test_sockpath_path_must_fit)
{
	struct sockaddr_un sun;
	char longest[sizeof(sun.sun_path) + 1];

	memset(longest, 'x', sizeof(longest));
	int n = snprintf(longest, sizeof(longest), "%s/", dir);
	longest[n] = 'x';
	longest[sizeof(sun.sun_path)] = '\0';
	ck_assert_int_eq(listen_at(longest), -1);
	ck_assert_msg(
	    strstr(err.text, "at most 107 bytes") != NULL, "%s", err.text);
	longest[sizeof(sun.sun_path) - 1] = '\0';
	int fd = listen_at(longest);
	ck_assert_msg(fd >= 0, "%s", err.text);
	close(fd);
	unlink(longest);
	ck_assert_int_eq(listen_at("relative"), -1);
}
END_TEST

START_TEST(test_sockpath_makes_last_directory_only)
{
	char sub[80], file[96], deep[112];

	snprintf(sub, sizeof(sub), "%s/sub", dir);
	snprintf(file, sizeof(file), "%s/f", sub);
	snprintf(deep, sizeof(deep), "%s/a/b/f", dir);
	mode_t old = umask(077);
	int fd = listen_at(file);
	umask(old);
	ck_assert_msg(fd >= 0, "%s", err.text);
	ck_assert_uint_eq(mode_of(sub), 0755);
	close(fd);
	unlink(file);
	// One that is there keeps its mode.
	chmod(sub, 0700);
	fd = listen_at(file);
	ck_assert_int_ge(fd, 0);
	ck_assert_uint_eq(mode_of(sub), 0700);
	close(fd);
	unlink(file);
	rmdir(sub);
	ck_assert_int_eq(listen_at(deep), -1);
	ck_assert_msg(strstr(err.text, "cannot make directory") != NULL &&
			  strstr(err.text, "/a/b") != NULL,
	    "%s", err.text);
}
END_TEST

START_TEST(test_sockpath_group_by_number_and_name)
{
	char gid[24];
	struct stat st;

	snprintf(gid, sizeof(gid), "%lu", (unsigned long)getegid());
	int fd = sockpath_listen(path, 4, 0660, gid, &id, &err);
	ck_assert_msg(fd >= 0, "%s", err.text);
	ck_assert_int_eq(lstat(path, &st), 0);
	ck_assert_uint_eq(st.st_gid, getegid());
	ck_assert_uint_eq(mode_of(path), 0660);
	if (geteuid() == 0) {
		ck_assert_int_eq(
		    sockpath_set_access(path, &id, 0640, "12345", &err), 0);
		ck_assert_int_eq(lstat(path, &st), 0);
		ck_assert_uint_eq(st.st_gid, 12345);
		ck_assert_uint_eq(mode_of(path), 0640);
		ck_assert_int_eq(
		    sockpath_set_access(path, &id, 0660, "root", &err), 0);
		ck_assert_int_eq(lstat(path, &st), 0);
		ck_assert_uint_eq(st.st_gid, 0);
	}
	close(fd);
}
END_TEST

START_TEST(test_sockpath_unknown_group_leaves_nothing)
{
	static const char *const rows[] = {
	    "no-such-group-here", "12x", "-1", "4294967295"};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int fd = sockpath_listen(path, 4, 0660, rows[i], &id, &err);
		ck_assert_msg(fd == -1, "row %zu", i);
		ck_assert_msg(strstr(err.text, "there is no group") != NULL,
		    "row %zu: %s", i, err.text);
		ck_assert_int_eq(access(path, F_OK), -1);
	}
}
END_TEST

START_TEST(test_sockpath_touches_only_its_own_file)
{
	struct sockpath_id old;
	struct stat st;

	int fd = listen_at(path);
	old = id;
	unlink(path);
	int fd2 = listen_at(path);
	ck_assert_int_eq(lstat(path, &st), 0);
	ck_assert_uint_ne(old.ino, id.ino);
	sockpath_remove(path, &old);
	ck_assert_int_eq(access(path, F_OK), 0);
	ck_assert_int_eq(sockpath_set_access(path, &old, 0600, "", &err), -1);
	ck_assert(strstr(err.text, "not ours any more") != NULL);
	ck_assert_uint_eq(mode_of(path), 0660);
	sockpath_remove(path, &id);
	ck_assert_int_eq(access(path, F_OK), -1);
	ck_assert_int_eq(sockpath_set_access(path, &id, 0600, "", &err), -1);
	sockpath_remove(path, &id);
	close(fd);
	close(fd2);
}
END_TEST

START_TEST(test_sockpath_check_tells_gone_from_replaced)
{
	char link[128];
	int fd = listen_at(path);

	ck_assert_int_eq(sockpath_check(path, &id, &err), 0);
	// By another name it is the same file.
	snprintf(link, sizeof(link), "%s/link", dir);
	ck_assert_int_eq(symlink(path, link), 0);
	ck_assert_int_eq(sockpath_check(link, &id, &err), 0);
	unlink(path);
	ck_assert_int_eq(sockpath_check(link, &id, &err), -1);
	unlink(link);
	ck_assert_int_eq(sockpath_check(path, &id, &err), -1);
	ck_assert_msg(strstr(err.text, "s is gone") != NULL, "%s", err.text);
	struct sockpath_id old = id;
	int fd2 = listen_at(path);
	ck_assert_int_eq(sockpath_check(path, &id, &err), 0);
	ck_assert_int_eq(sockpath_check(path, &old, &err), -1);
	ck_assert_msg(strstr(err.text, "another file") != NULL, "%s", err.text);
	sockpath_remove(path, &id);
	// What cannot be looked at says nothing.
	memset(link, 'x', sizeof(link) - 1);
	char longer[512];
	snprintf(longer, sizeof(longer), "%s/%.*s%.*s%.*s", dir, 127, link, 127,
	    link, 127, link);
	ck_assert_int_eq(sockpath_check(longer, &id, &err), 0);
	close(fd);
	close(fd2);
}
END_TEST

START_TEST(test_sockpath_does_not_wait_for_ever_for_the_lock)
{
	int lock = open(dir, O_RDONLY | O_DIRECTORY);

	ck_assert_int_eq(flock(lock, LOCK_EX), 0);
	int fd = listen_at(path);
	ck_assert_msg(fd >= 0, "%s", err.text);
	close(fd);
	close(lock);
}
END_TEST

static Suite *
sockpath_suite(void)
{
	Suite *suite = suite_create("sockpath");
	TCase *tc = tcase_create("sockpath");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, test_sockpath_listens_with_mode_whatever_the_umask);
	tcase_add_test(tc, test_sockpath_replaces_stale_socket);
	tcase_add_test(tc, test_sockpath_leaves_live_socket);
	tcase_add_test(tc, test_sockpath_leaves_other_files);
	tcase_add_test(tc, test_sockpath_path_must_fit);
	tcase_add_test(tc, test_sockpath_makes_last_directory_only);
	tcase_add_test(tc, test_sockpath_group_by_number_and_name);
	tcase_add_test(tc, test_sockpath_unknown_group_leaves_nothing);
	tcase_add_test(tc, test_sockpath_touches_only_its_own_file);
	tcase_add_test(tc, test_sockpath_check_tells_gone_from_replaced);
	tcase_add_test(tc, test_sockpath_does_not_wait_for_ever_for_the_lock);
	suite_add_tcase(suite, tc);
	return suite;
}

int
main(void)
{
	return unit_run(sockpath_suite());
}
