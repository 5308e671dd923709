// SPDX-License-Identifier: MIT
// The file of a unix socket: its birth, its owner, its end.
#ifndef MXD_SOCKPATH_H
#define MXD_SOCKPATH_H

#include <sys/types.h>

#include "base/err.h"

// Which file was made, so that no other is removed in its place.
struct sockpath_id {
	dev_t dev;
	ino_t ino;
};

// Makes a listening socket at `path` (absolute). A socket file that nobody
// answers on is replaced; anything else that stands there is an error. The last
// directory is made when it is missing. For root a directory that others can
// change is an error (base/rootpath.h). Nobody can connect before mode and
// group ("": leave) are set. Returns the descriptor, or -1 and `err`.
int sockpath_listen(const char *path, int backlog, mode_t mode,
    const char *group, struct sockpath_id *id_out, struct err *err);

// For who can only bind by name: makes the last directory when it is missing,
// and removes a socket file at `path` that nobody answers on. -1 and `err` when
// anything else stands there.
int sockpath_make_way(const char *path, struct err *err);
// Which file the path leads to now. -1 and `err`.
int sockpath_identify(
    const char *path, struct sockpath_id *id_out, struct err *err);

// Whether the path still leads to that file. -1 and `err` when nothing or
// another file is there. 0 also when that cannot be seen from here: a directory
// that may not be searched, say. As long as its socket is open no other file
// can have its number.
int
sockpath_check(const char *path, const struct sockpath_id *id, struct err *err);

// Whether there is such a group; "" is none and fine. -1 and `err`: there is
// not.
int sockpath_check_group(const char *group, struct err *err);

// Gives the file its mode and group. -1 and `err` when it is not ours any more,
// or may not be changed.
int sockpath_set_access(const char *path, const struct sockpath_id *id,
    mode_t mode, const char *group, struct err *err);

// Removes the file if it is still the one that was made.
void sockpath_remove(const char *path, const struct sockpath_id *id);

#endif
