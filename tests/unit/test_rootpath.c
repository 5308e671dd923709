// SPDX-License-Identifier: MIT
// Tests of where root may act: owners, modes, links, the way down.

#include "base/rootpath.h"
#include "base/sockpath.h"

#include "unit/unit.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { OTHER = 65534 };

static char top[64];
static char sub[96], deep[128], link_in_top[96], link_in_sub[128];
static struct err err;

// The top directory is root's, and `sub` another user's when root runs this;
// else both are ours, and so is every verdict.
static void
setup(void)
{
	strcpy(top, "/tmp/mxd-root-XXXXXX");
	ck_assert(mkdtemp(top) != NULL);
	ck_assert_int_eq(chmod(top, 0755), 0);
	snprintf(sub, sizeof(sub), "%s/sub", top);
	snprintf(deep, sizeof(deep), "%s/deep", sub);
	snprintf(link_in_top, sizeof(link_in_top), "%s/link", top);
	snprintf(link_in_sub, sizeof(link_in_sub), "%s/link", sub);
	ck_assert_int_eq(mkdir(sub, 0755), 0);
	ck_assert_int_eq(mkdir(deep, 0755), 0);
	err = (struct err){""};
}

static void
teardown(void)
{
	unlink(link_in_top);
	unlink(link_in_sub);
	rmdir(deep);
	rmdir(sub);
	ck_assert_int_eq(rmdir(top), 0);
}

static const struct {
	uid_t uid;
	gid_t gid;
	mode_t mode;
	bool is_roots;
} rows[] = {
    {0, 0, 0755, true},
    {0, 0, 0700, true},
    {0, 0, 0775, true},
    {0, OTHER, 0755, true},
    {0, OTHER, 0775, false},
    {0, OTHER, 01775, true},
    {0, 0, 0757, false},
    {0, 0, 01777, true},
    {OTHER, 0, 0755, false},
    {OTHER, 0, 0500, false}, // its owner may change the mode
    {OTHER, OTHER, 01777, false},
};

START_TEST(test_rootpath_is_roots)
{
	struct stat st = {
	    .st_uid = rows[_i].uid,
	    .st_gid = rows[_i].gid,
	    .st_mode = S_IFDIR | rows[_i].mode,
	};

	ck_assert_msg(
	    rootpath_is_roots(&st) == rows[_i].is_roots, "row %d", _i);
}
END_TEST

static void
refused(const char *dir, const char *because)
{
	ck_assert_int_eq(rootpath_check(dir, &err), -1);
	ck_assert_msg(strstr(err.text, because) == err.text, "%s", err.text);
}

START_TEST(test_rootpath_system_directories_pass)
{
	ck_assert_int_eq(rootpath_check("/", &err), 0);
	ck_assert_int_eq(rootpath_check("/tmp", &err), 0);
	ck_assert_int_eq(rootpath_check("//usr/../usr/", &err), 0);
	ck_assert_int_eq(rootpath_check("/proc/self/../../usr", &err), 0);
}
END_TEST

START_TEST(test_rootpath_names_the_first_that_is_not)
{
	const char *first = top;

	if (geteuid() == 0) {
		ck_assert_int_eq(rootpath_check(deep, &err), 0);
		ck_assert_int_eq(chown(sub, OTHER, OTHER), 0);
		first = sub;
	}
	refused(sub, first);
	refused(deep, first);
}
END_TEST

// What a link leads to counts, and who owns the link and its place.
START_TEST(test_rootpath_links)
{
	if (geteuid() != 0)
		return;
	ck_assert_int_eq(symlink("sub/deep", link_in_top), 0);
	ck_assert_int_eq(rootpath_check(link_in_top, &err), 0);
	ck_assert_int_eq(symlink("/usr/lib", link_in_sub), 0);
	ck_assert_int_eq(rootpath_check(link_in_sub, &err), 0);
	ck_assert_int_eq(lchown(link_in_sub, OTHER, OTHER), 0);
	refused(link_in_sub, link_in_sub);
	ck_assert_int_eq(lchown(link_in_sub, 0, 0), 0);
	ck_assert_int_eq(chown(sub, OTHER, OTHER), 0);
	refused(link_in_sub, sub); // /usr/lib, this time
	refused(link_in_top, sub);
	ck_assert_int_eq(unlink(link_in_top), 0);
	ck_assert_int_eq(symlink(link_in_top, link_in_top), 0);
	refused(link_in_top, "cannot follow");
}
END_TEST

START_TEST(test_rootpath_root_makes_no_socket_where_others_can_change_it)
{
	struct sockpath_id id;
	char path[160];

	if (geteuid() != 0)
		return;
	ck_assert_int_eq(chown(sub, OTHER, OTHER), 0);
	snprintf(path, sizeof(path), "%s/s", sub);
	ck_assert_int_eq(sockpath_listen(path, 4, 0660, "", &id, &err), -1);
	ck_assert_ptr_nonnull(strstr(err.text, "not root's alone"));
	ck_assert_int_eq(sockpath_make_way(path, &err), -1);
	// Nor the last directory.
	snprintf(path, sizeof(path), "%s/new/s", sub);
	ck_assert_int_eq(sockpath_listen(path, 4, 0660, "", &id, &err), -1);
	ck_assert_ptr_nonnull(strstr(err.text, "not root's alone"));
	snprintf(path, sizeof(path), "%s/new", sub);
	ck_assert_int_eq(access(path, F_OK), -1);
	// Its owner does.
	snprintf(path, sizeof(path), "%s/s", deep);
	ck_assert_int_eq(chown(deep, OTHER, OTHER), 0);
	ck_assert_int_eq(seteuid(OTHER), 0);
	int fd = sockpath_listen(path, 4, 0660, "", &id, &err);
	ck_assert_int_eq(seteuid(0), 0);
	ck_assert_msg(fd >= 0, "%s", err.text);
	sockpath_remove(path, &id);
	close(fd);
}
END_TEST

static Suite *
rootpath_suite(void)
{
	Suite *suite = suite_create("rootpath");
	TCase *tc = tcase_create("rootpath");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(
	    tc, test_rootpath_is_roots, 0, (int)ARRAY_LEN(rows));
	tcase_add_test(tc, test_rootpath_system_directories_pass);
	tcase_add_test(tc, test_rootpath_names_the_first_that_is_not);
	tcase_add_test(tc, test_rootpath_links);
	tcase_add_test(
	    tc, test_rootpath_root_makes_no_socket_where_others_can_change_it);
	suite_add_tcase(suite, tc);
	return suite;
}

int
main(void)
{
	return unit_run(rootpath_suite());
}
