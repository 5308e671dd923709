// SPDX-License-Identifier: MIT
// A configuration file with all that it includes, as one text for libconfig.
#include "conf/source.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "conf/scan.h"
#include "conf/strings.h"

char *
source_path(const char *dir, const char *name)
{
	if (name[0] == '/' || dir[0] == '\0')
		return xstrdup(name);
	size_t size = strlen(dir) + strlen(name) + 2;
	char *path = xcalloc(1, size);
	snprintf(path, size, "%s/%s", strcmp(dir, "/") == 0 ? "" : dir, name);
	return path;
}

char *
source_dir(const char *path)
{
	const char *slash = strrchr(path, '/');
	if (slash == NULL)
		return xstrdup("");
	return slash == path ? xstrdup("/")
			     : xstrndup(path, (size_t)(slash - path));
}

// Room for the whole file and to see its end, where its size is known: growing
// to it takes longer than reading.
static size_t
slurp_size(FILE *f, size_t max)
{
	struct stat st;
	if (fstat(fileno(f), &st) != 0 || st.st_size < 4096)
		return 4096;
	return (uintmax_t)st.st_size < max ? (size_t)st.st_size + 1 : max + 1;
}

// Reads until the end of `f` or one byte more than `max`.
static char *
slurp_stream(FILE *f, size_t max, size_t *len_out)
{
	size_t len = 0, size = slurp_size(f, max);
	char *text = xreallocarray(NULL, 1, size + 1);
	while (!feof(f) && !ferror(f) && len <= max) {
		if (len == size) {
			size *= 2;
			text = xreallocarray(text, 1, size + 1);
		}
		len += fread(text + len, 1, size - len, f);
	}
	if (len > max || ferror(f)) {
		int saved = ferror(f) ? errno : EFBIG;
		free(text);
		errno = saved;
		return NULL;
	}
	text[len] = '\0';
	*len_out = len;
	return text;
}

char *
source_slurp(const char *path, size_t max, size_t *len_out)
{
	FILE *f = fopen(path, "re");
	if (f == NULL)
		return NULL;
	char *text = slurp_stream(f, max, len_out);
	int saved = errno;
	fclose(f);
	errno = saved;
	return text;
}

// A NUL would hide the rest from us.
static int
check_nul(const struct scan *s, size_t len)
{
	size_t n = strlen(s->text);
	if (n == len)
		return 0;
	unsigned line = 1;
	for (size_t i = 0; i < n; i++)
		line += s->text[i] == '\n';
	return scan_fail(s, line, "a NUL byte: this is no text file");
}

// Says that a file cannot be read: with the place of the @include, if any.
static int
open_fail(struct assembly *to, const char *path, const struct scan *by)
{
	int saved = errno;
	if (by == NULL)
		return err_set_errno(to->err, saved, "%s", path);
	return scan_fail(
	    by, by->line, "cannot include %s: %s", path, strerror(saved));
}

// Reads one file, which `by` includes (NULL: the first one).
static int
scan_file(struct assembly *to, const char *path, const struct scan *by)
{
	struct scan s = {.to = to, .line = 1, .include = scan_file};
	if (by != NULL)
		s.depth = by->depth + 1;
	if (s.depth > SOURCE_DEPTH_MAX)
		return scan_fail(by, by->line,
		    "files are included more than %d deep", SOURCE_DEPTH_MAX);
	size_t len;
	char *text = source_slurp(path, SOURCE_BYTES_MAX, &len);
	if (text == NULL)
		return open_fail(to, path, by);
	s.text = s.p = text;
	s.file = to->out->files.n;
	conf_strings_add(&to->out->files, path);
	if (by != NULL)
		assembly_emit(to, "\n", 1);
	assembly_line(to, s.file, 1);
	int rc = check_nul(&s, len);
	if (rc == 0)
		rc = scan_text(&s);
	free(text);
	return rc;
}

int
source_read(
    const char *path, const char *dir, struct source *out, struct err *err)
{
	*out = (struct source){0};
	struct assembly to = {.out = out, .dir = dir, .err = err};
	assembly_emit(&to, "", 0);
	int rc = scan_file(&to, path, NULL);
	if (rc != 0)
		source_fini(out);
	return rc;
}

void
source_fini(struct source *src)
{
	free(src->text);
	free(src->lines);
	conf_strings_clear(&src->files);
	*src = (struct source){0};
}

struct source_line
source_where(const struct source *src, unsigned line)
{
	if (src->n_lines == 0) // a default, which stands nowhere
		return (struct source_line){0};
	if (line == 0)
		line = 1;
	if (line > src->n_lines)
		line = src->n_lines;
	return src->lines[line - 1];
}

const char *
source_file(const struct source *src, unsigned file)
{
	return file < src->files.n ? src->files.item[file] : "";
}
