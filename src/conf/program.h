// SPDX-License-Identifier: MIT
// What each program of the project does first: flags, configuration, log.
#ifndef MXD_PROGRAM_H
#define MXD_PROGRAM_H

#include <stdbool.h>

#include "conf/conf.h"

enum { PROGRAM_EXIT_USAGE = 2 }; // wrong flags, or a wrong configuration

struct program {
	const char *name;  // for messages and the log; borrowed for good
	const char *path;  // of the configuration; NULL: the embedded defaults
	bool verbose;	   // -v: log at debug, whatever the configuration says
	struct conf *conf; // the caller's to free
};

// Reads -c FILE, -t, -v, -V and -h, and the configuration; its warnings go to
// standard error. Does not return after -t (exit 0, or 2), -V, -h, and any
// error (exit 2, and said on standard error).
struct program program_start(const char *name, int argc, char **argv);

// The default path of the configuration; NULL: there is no such file.
const char *program_default_path(void);

// Opens the log as `conf` says, or again.
void program_open_log(const char *name, const struct conf *conf, bool verbose);

#endif
