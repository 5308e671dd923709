// SPDX-License-Identifier: MIT
// What a supervisor wants to be told: ready, reloading, alive (sd_notify(3)).
#ifndef MXD_NOTIFY_H
#define MXD_NOTIFY_H

#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/attr.h"
#include "base/err.h"

// Our own few lines of the protocol: libsystemd would bring its compressors and
// a bus client into a program in the mail path.
struct notify {
	struct sockaddr_un to;
	socklen_t to_len;    // 0: nobody wants to know
	int64_t watchdog_us; // to be heard of at least that often; 0: no watch
};

// Reads NOTIFY_SOCKET ("/path" or "@abstract"), WATCHDOG_USEC and WATCHDOG_PID,
// and unsets them. No variables: nobody wants to know. A WATCHDOG_PID of
// another process: no watch. -1 and `err` when one of them is wrong.
int notify_take(struct notify *out, struct err *err);

// Sends one datagram of "KEY=VALUE" lines. Never blocks. 0, too, when nobody
// wants to know; -1 and `err` when it could not be sent: the caller may try
// again.
int notify_send(const struct notify *n, struct err *err, const char *fmt, ...)
    PRINTF(3, 4);

#endif
