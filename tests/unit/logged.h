// SPDX-License-Identifier: MIT
// What a unit test made the code log.
#ifndef MXD_LOGGED_H
#define MXD_LOGGED_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "unit/stamp.h"

// Log lines go to a file from log_begin() on.
static int log_saved_stderr = -1;
static FILE *log_file;

static inline void
log_begin(void)
{
	const struct log_params p = {
	    .program = "test",
	    .target = LOG_TO_STDERR,
	    .level = LOG_LEVEL_INFO,
	};

	unsetenv("JOURNAL_STREAM");
	log_file = tmpfile();
	ck_assert(log_file != NULL);
	log_saved_stderr = dup(STDERR_FILENO);
	ck_assert_int_ge(dup2(fileno(log_file), STDERR_FILENO), 0);
	log_open(&p);
}

// Ends it; `out` holds what was logged, without the times.
static inline void
log_end(char *out, size_t size)
{
	log_flush();
	dup2(log_saved_stderr, STDERR_FILENO);
	close(log_saved_stderr);
	rewind(log_file);
	size_t n = fread(out, 1, size - 1, log_file);
	out[n] = '\0';
	stamp_strip(out);
	fclose(log_file);
}

// How often `what` occurs.
static inline unsigned
count_text(const char *text, const char *what)
{
	unsigned n = 0;

	while ((text = strstr(text, what)) != NULL) {
		n++;
		text += strlen(what);
	}
	return n;
}

#endif
