// SPDX-License-Identifier: MIT
// A configuration file with all that it includes, as one text for libconfig.
//
// libconfig gets one text instead of a file because, up to 1.5, it lets
// integers wrap in silence, ends the process when a directory is included,
// refuses absolute names of included files, passes over a comment that never
// ends, cuts strings at "\x00" and does not take a comment on a last line
// without newline.
#ifndef MXD_SOURCE_H
#define MXD_SOURCE_H

#include <stddef.h>

#include "base/attr.h"
#include "base/err.h"
#include "conf/conf.h"

enum {
	SOURCE_BYTES_MAX = 4 * 1024 * 1024, // of one file, and of the text
	SOURCE_DEPTH_MAX = 10		    // of included files
};

struct source {
	char *text; // every integer in it is decimal and has an L at its end
	struct conf_strings files; // all that were read, the first one first
	struct source_line {
		unsigned file; // index into `files`
		unsigned line; // in that file, from 1
	} * lines;	       // line of `text`, from 0 => where it stands
	unsigned n_lines;
};

// Reads the file and, in place of their @include lines, the files that it
// names, relative to `dir`. -1 and `err` ("file:line: what", or "file: what");
// `out` is then empty.
int source_read(const char *path, const char *dir, struct source *out,
    struct err *err) MUST_CHECK;
void source_fini(struct source *src);

// Where a line of the text (from 1, as libconfig counts) stands.
struct source_line source_where(const struct source *src, unsigned line);
// The name of a file by its index; borrowed from `src->files`.
const char *source_file(const struct source *src, unsigned file);

// "dir/name", or "name" when it is absolute or `dir` is ""; the caller frees.
char *source_path(const char *dir, const char *name);
// The directory part of a path, "" when it has none; the caller frees.
char *source_dir(const char *path);
// A whole file with a NUL after it, at most `max` bytes; the caller frees. NULL
// and errno when it cannot be read, EFBIG when it is longer.
char *source_slurp(const char *path, size_t max, size_t *len_out);

#endif
