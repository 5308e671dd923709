// SPDX-License-Identifier: MIT
// Listening sockets: bound from the configuration or taken over (LISTEN_FDS).
#ifndef MXD_LISTENER_H
#define MXD_LISTENER_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"

struct event_base;
struct listener;

enum { LISTENER_ADDRESS_MAX = 256 };

struct listener_params {
	struct event_base *base; // borrowed
	const char *address; // "inet:HOST:PORT" (HOST an IP address, IPv6 in
			     // brackets; or "*"), or "unix:/path"; copied
	mode_t mode;	     // of a unix socket's file
	const char *group;   // owner group of it by name or number; "": leave
	int fd; // >= 0: a listening socket taken over; owned by the
		// listener from now on. -1: bind one
};

// A connection was accepted; `fd` is non-blocking, close-on-exec, and belongs
// to the callee. `peer` is "127.0.0.1:51234" or "unix:uid=105,pid=123", valid
// during the call. The callee may pause the listener, but not free it.
typedef void listener_accept_fn(int fd, const char *peer, void *arg);

// Binds (or takes over) and accepts. A unix socket file that nobody answers on
// is replaced; one with a live process behind it is an error, as is a file that
// is no socket. The last directory of its path is made (mode 0755) when it is
// missing and its parent is there. "*" listens on IPv6 and IPv4, or on IPv4
// alone where there is no IPv6. When descriptors run out, accepting pauses for
// 100 ms at a time. NULL and `err` on failure; then a taken-over `fd` is
// closed.
struct listener *listener_new(const struct listener_params *p,
    listener_accept_fn *accepted, void *arg, struct err *err);
// Stops accepting and closes; removes the socket file when we made it and it is
// still ours. NULL is fine.
void listener_free(struct listener *l);
// Pausing leaves connections in the backlog.
void listener_pause(struct listener *l);
void listener_resume(struct listener *l);
const char *listener_address(const struct listener *l);
// Whether the path of a unix socket leads to it. -1 and `err` when the file is
// gone or another: nobody new can connect. 0 also for other sockets, and when
// it cannot be told. Of a socket that was taken over, the file counts that was
// there at that moment.
int listener_check_file(const struct listener *l, struct err *err);
// Binds a unix socket of our own (not one taken over) anew, as listener_new()
// does; to be called when listener_check_file() found that its file is not ours
// any more. Who has connected to the old one is accepted. -1 and `err`: all is
// as it was.
int listener_rebind(
    struct listener *l, mode_t mode, const char *group, struct err *err);
// The mode and group of the file again, after a reload. -1 and `err`. Nothing
// to do, and 0, for other sockets and those taken over (the file is then the
// supervisor's).
int listener_set_access(
    struct listener *l, mode_t mode, const char *group, struct err *err);

// Descriptors passed by systemd or another supervisor (sd_listen_fds(3)).
struct listener_fds {
	int n;
	struct {
		int fd;	       // -1 once it was claimed
		char name[64]; // of LISTEN_FDNAMES, printable, or ""
		char address[LISTENER_ADDRESS_MAX]; // as in `listen` entries
	} item[32];
};

// Reads LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES, checks that each is a
// listening stream socket, sets close-on-exec, and unsets the variables. No
// variables, or those of another process: n = 0. -1 and `err` when they are
// wrong.
int listener_fds_take(struct listener_fds *out, struct err *err);
// Claims the descriptor that belongs to the listen entry `address` of `service`
// ("socketmap", "policy", "http"): one with that address, and with that name or
// without one. A name that is no service counts as none: systemd calls what has
// no FileDescriptorName= by its unit, "mxdetour.socket". "inet:*:PORT" is any
// wildcard address of that port. Returns it, or -1: none.
int listener_fds_claim(
    struct listener_fds *fds, const char *service, const char *address);
// Claims the next one that is named `service`, whatever its address: the
// supervisor's word outranks the list of addresses. Returns it, or -1: none;
// `address_out` is its address.
int listener_fds_claim_named(struct listener_fds *fds, const char *service,
    char address_out[LISTENER_ADDRESS_MAX]);
// -1 and `err` when a descriptor was claimed by nobody.
int listener_fds_finish(struct listener_fds *fds, struct err *err);

#endif
