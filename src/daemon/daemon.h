// SPDX-License-Identifier: MIT
// The daemon: the rooms wired together on one event loop.
#ifndef MXD_DAEMON_H
#define MXD_DAEMON_H

#include <stdbool.h>

#include "base/err.h"
#include "base/notify.h"
#include "conf/conf.h"
#include "serve/listener.h"

struct daemon;

// What a daemon starts with.
struct daemon_params {
	struct conf *conf;	  // owned by the daemon from now on
	const char *conf_path;	  // to be read again; NULL: embedded defaults,
				  // until there is a file; borrowed for good
	bool verbose;		  // log at debug, whatever the file says
	struct listener_fds *fds; // taken over; claimed and checked here
	struct notify notify;	  // whom to tell how we are
};

// Opens the sockets and the memory. NULL and `err` on failure; then `conf` is
// freed, too.
struct daemon *daemon_new(const struct daemon_params *p, struct err *err);
// Runs until SIGTERM or SIGINT; SIGHUP reloads. -1 and `err` when the loop
// itself fails.
int daemon_run(struct daemon *d, struct err *err);
void daemon_free(struct daemon *d); // NULL is fine

#endif
