// SPDX-License-Identifier: MIT
// The name servers of a resolv.conf, and whether it is still the file that was
// read.
#ifndef MXD_RESOLVCONF_H
#define MXD_RESOLVCONF_H

#include <stdbool.h>
#include <sys/types.h>
#include <time.h>

#include "base/err.h"
#include "base/zoneaddr.h"

enum {
	RESOLVCONF_SERVERS_MAX =
	    3 // as the C library (MAXNS); others are not read
};

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

// Reads the servers as the C library does, so that we ask whom the MTA asks:
// port 53; without any, and without a file, it is 127.0.0.1. Options have no
// effect. A line that names a server and cannot be understood is said in the
// log. Returns how many; 0 and `err`: the file cannot be read.
unsigned resolvconf_read(const char *path,
    struct zoneaddr out[RESOLVCONF_SERVERS_MAX], struct err *err);

#endif
