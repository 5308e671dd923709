// SPDX-License-Identifier: MIT
// Directories in which root may act: nobody else can change what is in them.
#ifndef MXD_ROOTPATH_H
#define MXD_ROOTPATH_H

#include <stdbool.h>
#include <sys/stat.h>

#include "base/err.h"

// The rule: what stands in a directory is what root put there when root owns
// the directory, and others may not write to it, or only make files of their
// own (the sticky bit, as in /tmp).
bool rootpath_is_roots(const struct stat *dir);

// Whether every directory on the way to `dir` (absolute), itself and those
// behind symbolic links included, is root's by that rule, and every link on the
// way root's, too. Otherwise its owner could put a link there while root makes,
// gives away or removes a file by its path. -1 and `err`, which names the first
// that is not.
int rootpath_check(const char *dir, struct err *err);

#endif
