// SPDX-License-Identifier: MIT
// Whether a resolv.conf is still the file that was read.
#ifndef MXD_RESOLVCONF_H
#define MXD_RESOLVCONF_H

#include <stdbool.h>
#include <sys/types.h>
#include <time.h>

struct resolvconf {
	const char *path; // borrowed
	bool exists;	  // and is not empty
	dev_t dev;
	ino_t ino;
	off_t size;
	struct timespec mtime;
};

// What the file is now; to be called before it is read.
struct resolvconf resolvconf_look(const char *path);
// True when the file is another one now, or was written since. One that is not
// there, or empty, is no other: so it may be for a moment while it is written.
bool resolvconf_is_another(const struct resolvconf *was);

#endif
