// SPDX-License-Identifier: MIT
// Directories in which root may act: nobody else can change what is in them.
#include "base/rootpath.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { LINKS_MAX = 40 }; // path_resolution(7)

bool
rootpath_is_roots(const struct stat *dir)
{
	bool others = (dir->st_mode & S_IWOTH) != 0 ||
		      ((dir->st_mode & S_IWGRP) != 0 && dir->st_gid != 0);

	return dir->st_uid == 0 && (!others || (dir->st_mode & S_ISVTX) != 0);
}

static int
refuse(const char *path, const struct stat *st, struct err *err)
{
	return err_set(err,
	    "%s is not root's alone (owner %lu, mode %04o): who can change it "
	    "could have root change other files; start as its owner, not as "
	    "root",
	    path, (unsigned long)st->st_uid, st->st_mode & 07777);
}

// Puts the target of the link `path`, whose name begins at `name` in it, and
// `rest` after it into `out`. -1: it does not fit, or is no link any more.
static int
follow(const char *path, const char *name, const char *rest, char out[PATH_MAX])
{
	char target[PATH_MAX];
	ssize_t len = readlink(path, target, sizeof(target) - 1);

	if (len <= 0)
		return -1;
	target[len] = '\0';
	int base = target[0] == '/' ? 0 : (int)(name - path);
	int n = snprintf(out, PATH_MAX, "%.*s%s/%s", base, path, target, rest);
	return n < PATH_MAX ? 0 : -1;
}

int
rootpath_check(const char *dir, struct err *err)
{
	char todo[PATH_MAX], done[PATH_MAX], next[PATH_MAX];
	struct stat st;
	int links = 0;

	if (snprintf(todo, sizeof(todo), "%s/", dir) >= (int)sizeof(todo))
		return err_set(err, "the path %s is too long", dir);
	// Each turn looks at one directory more, and begins anew after a link.
	for (char *end = todo; (end = strchr(end, '/')) != NULL;) {
		size_t len = (size_t)(end - todo);
		char *rest = end + 1;
		snprintf(
		    done, sizeof(done), "%.*s", len > 0 ? (int)len : 1, todo);
		if (lstat(done, &st) != 0)
			return err_set_errno(
			    err, errno, "cannot look at %s", done);
		if (S_ISLNK(st.st_mode)) {
			const char *name = strrchr(done, '/') + 1;
			if (st.st_uid != 0)
				return refuse(done, &st, err);
			if (++links > LINKS_MAX ||
			    follow(done, name, rest, next) != 0)
				return err_set_errno(
				    err, ELOOP, "cannot follow %s", done);
			memcpy(todo, next, sizeof(todo));
			end = todo;
			continue;
		}
		if (!rootpath_is_roots(&st))
			return refuse(done, &st, err);
		end = rest;
	}
	return 0;
}
