// SPDX-License-Identifier: MIT
// Listening sockets: made or taken over, and what connects to them.

#include "serve/listener.h"

#include "base/bug.h"
#include "base/clock.h"
#include "base/listenaddr.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/netaddr.h"
#include "base/sockpath.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	BACKLOG = 1024,
	ACCEPTS_PER_TURN = 64,
	STARVED_MS = 100, // until accept is tried again without descriptors
	LOG_EVERY_MS = 60 * 1000,
	PEER_MAX = 64,
};

struct listener {
	char *address;
	int fd;
	struct event *ev;    // accept
	struct event *retry; // end of a pause for want of descriptors
	listener_accept_fn *accepted;
	void *arg;
	bool paused;	       // by the owner
	bool starved;	       // by ourselves, until `retry`
	const char *path;      // of a unix socket's file; into `address`
	struct sockpath_id id; // of that file, at first
	bool made_file;	       // it is ours, and no supervisor's
	int64_t logged_at;     // when a failing accept was last logged
};

// Listens or not, as the two kinds of pause say. Not fatal when it fails: the
// timer tries again.
static void
listener_update(struct listener *l)
{
	const struct timeval wait = {.tv_usec = STARVED_MS * 1000};

	if (l->paused || l->starved) {
		event_del(l->ev);
	} else if (event_add(l->ev, NULL) != 0) {
		l->starved = true;
		event_add(l->retry, &wait);
	}
}

// Stops accepting for a moment: the backlog holds the clients, and a listening
// socket that stays readable may not spin the loop.
static void
listener_starve(struct listener *l, int errnum)
{
	const struct timeval wait = {.tv_usec = STARVED_MS * 1000};
	int64_t now = clock_now();

	if (l->logged_at < 0 || now - l->logged_at >= LOG_EVERY_MS) {
		l->logged_at = now;
		log_err("listener address=%s error=accept text=\"%s; new "
			"connections wait, trying again every %d ms\"",
		    l->address, strerror(errnum), STARVED_MS);
	}
	l->starved = true;
	listener_update(l);
	event_add(l->retry, &wait);
}

static void
listener_on_retry(evutil_socket_t fd, short what, void *arg)
{
	struct listener *l = arg;
	(void)fd;
	(void)what;

	l->starved = false;
	listener_update(l);
}

// Names who connected.
static void
describe_peer(int fd, const struct sockaddr_storage *ss, char out[PEER_MAX])
{
	struct ucred cred;
	socklen_t len = sizeof(cred);
	char text[NETADDR_TEXT_MAX];

	if (ss->ss_family == AF_INET || ss->ss_family == AF_INET6) {
		struct netaddr a = netaddr_from_sockaddr(
		    (const struct sockaddr *)ss);
		snprintf(out, PEER_MAX, "%s", netaddr_format_port(&a, text));
	} else if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == 0) {
		snprintf(out, PEER_MAX, "unix:uid=%lu,pid=%ld",
		    (unsigned long)cred.uid, (long)cred.pid);
	} else {
		snprintf(out, PEER_MAX, "unix");
	}
}

// Accepts one. False: no more now.
static bool
accept_one(struct listener *l)
{
	struct sockaddr_storage ss = {.ss_family = AF_UNSPEC};
	socklen_t len = sizeof(ss);
	char peer[PEER_MAX];

	int fd = accept4(
	    l->fd, (struct sockaddr *)&ss, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd >= 0) {
		describe_peer(fd, &ss, peer);
		l->accepted(fd, peer, l->arg);
		return true;
	}
	switch (errno) {
	case EAGAIN:
		return false;
	case EINTR:
	// What went wrong with that one connection (accept(2), "Error
	// handling"); the next may be good.
	case ECONNABORTED:
	case EPERM:
	case EPROTO:
	case ENETDOWN:
	case ENOPROTOOPT:
	case EHOSTDOWN:
	case ENONET:
	case EHOSTUNREACH:
	case ENETUNREACH:
	case ETIMEDOUT:
		return true;
	default:
		// EMFILE, ENFILE, ENOBUFS, ENOMEM; and whatever else, as it
		// would come again at once.
		listener_starve(l, errno);
		return false;
	}
}

static void
listener_on_accept(evutil_socket_t fd, short what, void *arg)
{
	struct listener *l = arg;
	(void)fd;
	(void)what;

	for (int i = 0; i < ACCEPTS_PER_TURN; i++)
		if (l->paused || !accept_one(l))
			return;
}

// Options that accepted sockets inherit: replies go out at once, and peers
// whose host died are noticed some day.
static void
set_tcp_options(int fd)
{
	int on = 1;

	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	(void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
}

// Makes a TCP socket listen. `v6only`: an IPv6 one takes no IPv4. -1 and `err`;
// errno says the same.
static int
listen_inet(const struct netaddr *a, int v6only, struct err *err)
{
	struct sockaddr_storage ss;
	socklen_t len = netaddr_to_sockaddr(a, &ss);
	char text[NETADDR_TEXT_MAX];
	int on = 1, saved = 0;

	int fd = socket(
	    a->family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		goto fail;
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (a->family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY,
					 &v6only, sizeof(v6only)) != 0)
		goto fail;
	if (bind(fd, (const struct sockaddr *)&ss, len) == 0 &&
	    listen(fd, BACKLOG) == 0)
		return fd;
fail:
	saved = errno;
	err_set_errno(
	    err, saved, "cannot listen on %s", netaddr_format_port(a, text));
	if (fd >= 0)
		close(fd);
	errno = saved;
	return -1;
}

// Listens on IPv6 and IPv4; on IPv4 alone where the kernel has no IPv6.
static int
listen_any(uint16_t port, struct err *err)
{
	struct netaddr any = {.family = AF_INET6, .port = port};
	int fd = listen_inet(&any, 0, err);

	if (fd >= 0)
		return fd;
	if (errno != EAFNOSUPPORT && errno != EADDRNOTAVAIL)
		return -1;
	any.family = AF_INET;
	return listen_inet(&any, 0, err);
}

// Makes the socket that `l->address` asks for.
static int
listener_bind(
    struct listener *l, const struct listener_params *p, struct err *err)
{
	struct listenaddr a;

	if (listenaddr_parse(l->address, &a, err) != 0)
		return -1;
	switch (a.kind) {
	case LISTENADDR_INET:
		l->fd = listen_inet(&a.inet, 1, err);
		break;
	case LISTENADDR_ANY:
		l->fd = listen_any(a.inet.port, err);
		break;
	case LISTENADDR_UNIX:
		l->path = a.path;
		l->fd = sockpath_listen(
		    a.path, BACKLOG, p->mode, p->group, &l->id, err);
		l->made_file = l->fd >= 0;
		break;
	}
	return l->fd >= 0 ? 0 : -1;
}

// Notes which file leads to a socket that somebody else bound, as long as it is
// there.
static void
note_file(struct listener *l)
{
	struct listenaddr a;
	struct err ignored;

	if (listenaddr_parse(l->address, &a, &ignored) != 0 ||
	    a.kind != LISTENADDR_UNIX)
		return;
	l->path = a.path;
	(void)sockpath_identify(l->path, &l->id, &ignored);
}

// Makes a socket that somebody else opened fit for us.
static int
listener_take_over(struct listener *l, struct err *err)
{
	if (!listenaddr_is_listening(l->fd))
		return err_set(err,
		    "%s: descriptor %d is no listening stream socket",
		    l->address, l->fd);
	int flags = fcntl(l->fd, F_GETFL);
	if (flags < 0 || fcntl(l->fd, F_SETFL, flags | O_NONBLOCK) != 0 ||
	    fcntl(l->fd, F_SETFD, FD_CLOEXEC) != 0)
		return err_set_errno(
		    err, errno, "%s: descriptor %d", l->address, l->fd);
	note_file(l);
	return 0;
}

struct listener *
listener_new(const struct listener_params *p, listener_accept_fn *accepted,
    void *arg, struct err *err)
{
	struct listener *l = xcalloc(1, sizeof(*l));

	l->address = xstrdup(p->address);
	l->fd = p->fd;
	l->accepted = accepted;
	l->arg = arg;
	l->logged_at = -1;
	if (p->fd >= 0 ? listener_take_over(l, err) != 0
		       : listener_bind(l, p, err) != 0)
		goto fail;
	if (l->path == NULL)
		set_tcp_options(l->fd);
	l->ev = event_new(
	    p->base, l->fd, EV_READ | EV_PERSIST, listener_on_accept, l);
	l->retry = evtimer_new(p->base, listener_on_retry, l);
	mxd_assert(l->ev != NULL && l->retry != NULL);
	if (event_add(l->ev, NULL) == 0)
		return l;
	err_set_errno(err, errno, "%s: cannot watch the socket", l->address);
fail:
	listener_free(l);
	return NULL;
}

void
listener_free(struct listener *l)
{
	if (l == NULL)
		return;
	if (l->ev != NULL)
		event_free(l->ev);
	if (l->retry != NULL)
		event_free(l->retry);
	if (l->made_file)
		sockpath_remove(l->path, &l->id);
	if (l->fd >= 0)
		close(l->fd);
	free(l->address);
	free(l);
}

void
listener_pause(struct listener *l)
{
	l->paused = true;
	listener_update(l);
}

void
listener_resume(struct listener *l)
{
	l->paused = false;
	listener_update(l);
}

const char *
listener_address(const struct listener *l)
{
	return l->address;
}

int
listener_check_file(const struct listener *l, struct err *err)
{
	return l->path != NULL ? sockpath_check(l->path, &l->id, err) : 0;
}

int
listener_rebind(
    struct listener *l, mode_t mode, const char *group, struct err *err)
{
	struct sockpath_id id;

	mxd_assert(l->made_file);
	int fd = sockpath_listen(l->path, BACKLOG, mode, group, &id, err);
	if (fd < 0)
		return -1;
	// Who connected before the file went is a client all the same. Counted:
	// under another name the old file may still bring new ones.
	for (int i = 0; i < BACKLOG && !l->paused && accept_one(l); i++)
		continue;
	event_del(l->ev);
	// The event stays good: it goes by the number of the descriptor.
	int rc = dup3(fd, l->fd, O_CLOEXEC);
	mxd_assert(rc == l->fd);
	close(fd);
	l->id = id;
	listener_update(l);
	return 0;
}

int
listener_set_access(
    struct listener *l, mode_t mode, const char *group, struct err *err)
{
	if (!l->made_file)
		return 0;
	return sockpath_set_access(l->path, &l->id, mode, group, err);
}
