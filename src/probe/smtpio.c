// SPDX-License-Identifier: MIT
// A probe's socket: connect, one command, one reply at a time.
#include "probe/smtpio.h"

#include "base/bug.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void
smtpio_init(struct smtpio *io)
{
	*io = (struct smtpio){.fd = -1};
}

void
smtpio_fini(struct smtpio *io)
{
	if (io->fd >= 0)
		close(io->fd);
	smtpio_init(io);
}

int
smtpio_open(struct smtpio *io, int family, const struct netaddr *bind_to)
{
	struct sockaddr_storage ss;

	io->fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (io->fd < 0)
		return errno;
	if (bind_to->family == 0)
		return 0;
	// The port is then chosen by connect(), per destination: bind() would
	// take one of the host's 28,000 for each probe. Older kernels do that.
	setsockopt(io->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &(int){1},
	    sizeof(int));
	socklen_t len = netaddr_to_sockaddr(bind_to, &ss);
	return bind(io->fd, (struct sockaddr *)&ss, len) == 0 ? 0 : errno;
}

int
smtpio_connect(struct smtpio *io, const struct netaddr *to)
{
	struct sockaddr_storage ss;
	socklen_t len = netaddr_to_sockaddr(to, &ss);

	if (connect(io->fd, (struct sockaddr *)&ss, len) == 0)
		return 0;
	return errno == EINPROGRESS || errno == EINTR ? 0 : errno;
}

bool
smtpio_handshake(struct smtpio *io, struct smtpio_event *ev)
{
	struct pollfd poller = {.fd = io->fd, .events = POLLOUT};
	socklen_t len = sizeof(ev->errnum);

	if (poll(&poller, 1, 0) <= 0)
		return false;
	if (getsockopt(io->fd, SOL_SOCKET, SO_ERROR, &ev->errnum, &len) != 0)
		ev->errnum = errno;
	ev->what = ev->errnum == 0 ? SMTPIO_CONNECTED : SMTPIO_ERROR;
	return true;
}

// Reads once, behind what is there; there is room. Returns the number of bytes,
// 0 when there are none now, or -1 when `ev` tells that there will not be any
// more.
static ssize_t
receive(struct smtpio *io, struct smtpio_event *ev)
{
	ssize_t n;

	mxd_assert(io->in_len < sizeof(io->in));
	do
		n = recv(io->fd, io->in + io->in_len,
		    sizeof(io->in) - io->in_len, 0);
	while (n < 0 && errno == EINTR);
	if (n > 0) {
		io->in_len += (size_t)n;
		return n;
	}
	if (n < 0 && errno == EAGAIN)
		return 0;
	ev->what = n == 0 ? SMTPIO_CLOSED : SMTPIO_ERROR;
	ev->errnum = n == 0 ? 0 : errno;
	return -1;
}

// Decodes what was received. True: that ended the reply, one way or another.
static bool
decode(struct smtpio *io, struct smtpio_event *ev)
{
	size_t used;
	enum decoded got = smtpreply_decode(
	    &io->reply, io->in, io->in_len, &used);

	if (got == DECODED_BAD) {
		ev->what = io->reply.coded ? SMTPIO_ENDLESS : SMTPIO_FOREIGN;
		ev->reply = io->reply;
		return true;
	}
	io->in_len -= used;
	memmove(io->in, io->in + used, io->in_len);
	if (got == DECODED_NEED_MORE)
		return false;
	ev->what = SMTPIO_REPLY;
	ev->reply = io->reply;
	io->reply = (struct smtpreply){0};
	return true;
}

bool
smtpio_read(struct smtpio *io, struct smtpio_event *ev)
{
	while (!decode(io, ev)) {
		ssize_t n = receive(io, ev);
		if (n < 0 && ev->what == SMTPIO_CLOSED &&
		    smtpreply_is_foreign(&io->reply, io->in, io->in_len)) {
			ev->what = SMTPIO_FOREIGN;
			ev->reply = io->reply;
		}
		if (n <= 0)
			return n < 0;
	}
	return true;
}

bool
smtpio_say(struct smtpio *io, const char *verb, const char *arg,
    struct smtpio_event *ev)
{
	// Who is gone by now is told nothing.
	if (io->in_len < sizeof(io->in) && receive(io, ev) < 0)
		return true;
	int len = snprintf(io->out, sizeof(io->out), "%s%s%s\r\n", verb,
	    arg[0] == '\0' ? "" : " ", arg);
	mxd_assert(len > 0 && (size_t)len < sizeof(io->out));
	io->out_len = (size_t)len;
	io->out_at = 0;
	return smtpio_flush(io, ev);
}

bool
smtpio_flush(struct smtpio *io, struct smtpio_event *ev)
{
	while (smtpio_unsent(io)) {
		ssize_t n = send(io->fd, io->out + io->out_at,
		    io->out_len - io->out_at, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return false;
		if (n < 0) {
			ev->what = SMTPIO_ERROR;
			ev->errnum = errno;
			return true;
		}
		io->out_at += (size_t)n;
		io->sent = true;
	}
	return false;
}

bool
smtpio_unsent(const struct smtpio *io)
{
	return io->out_at < io->out_len;
}
