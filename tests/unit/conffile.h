// SPDX-License-Identifier: MIT
// A directory of configuration files for one test, which works inside of it.
#ifndef MXD_CONFFILE_H
#define MXD_CONFFILE_H

#include <check.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char conffile_dir[64];

// Makes the directory and goes there: paths in errors are then short and known.
static inline void
conffile_begin(void)
{
	snprintf(conffile_dir, sizeof(conffile_dir), "/tmp/mxd-conf-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(conffile_dir));
	ck_assert_int_eq(chdir(conffile_dir), 0);
}

static inline void
conffile_end(void)
{
	DIR *dir = opendir(conffile_dir);
	ck_assert_ptr_nonnull(dir);
	for (struct dirent *e; (e = readdir(dir)) != NULL;) {
		char path[512];
		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", conffile_dir, e->d_name);
		if (unlink(path) != 0)
			rmdir(path);
	}
	closedir(dir);
	ck_assert_int_eq(chdir("/"), 0);
	ck_assert_int_eq(rmdir(conffile_dir), 0);
}

static inline void
conffile_write_bytes(const char *name, const char *text, size_t len)
{
	FILE *f = fopen(name, "w");
	ck_assert_ptr_nonnull(f);
	ck_assert_uint_eq(fwrite(text, 1, len, f), len);
	ck_assert_int_eq(fclose(f), 0);
}

static inline void
conffile_write(const char *name, const char *text)
{
	conffile_write_bytes(name, text, strlen(text));
}

#endif
