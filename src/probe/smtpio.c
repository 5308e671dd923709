// SPDX-License-Identifier: MIT
// A probe's socket: connect, one command, one reply at a time.
#include "probe/smtpio.h"

#include "base/bug.h"
#include "base/mem.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { IN_SIZE_MIN = 4096 };

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
	free(io->in);
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

// Reads once. Returns the number of bytes, 0 when there are none now, or -1
// when `ev` tells that there will not be any more.
static ssize_t
receive(struct smtpio *io, char *buf, size_t size, struct smtpio_event *ev)
{
	ssize_t n;

	do
		n = recv(io->fd, buf, size, 0);
	while (n < 0 && errno == EINTR);
	if (n > 0)
		return n;
	if (n < 0 && errno == EAGAIN)
		return 0;
	ev->what = n == 0 ? SMTPIO_CLOSED : SMTPIO_ERROR;
	ev->errnum = n == 0 ? 0 : errno;
	return -1;
}

// True when the last `n` bytes can have changed what the decoder says. It
// starts at the reply's beginning each time: a peer that sends 64 KiB byte by
// byte would make us look at gigabytes. The first code is looked at as it
// comes.
static bool
must_decode(const struct smtpio *io, size_t n)
{
	size_t had = io->in_len - n;
	const char *chunk = io->in + had;

	return had < 4 || memchr(chunk, '\n', n) != NULL ||
	       memchr(chunk, '\0', n) != NULL || io->in_len == SMTPREPLY_MAX;
}

// Takes `n` bytes that were read behind what is there.
static bool
take(struct smtpio *io, size_t n, struct smtpio_event *ev)
{
	size_t used;

	io->in_len += n;
	if (!must_decode(io, n))
		return false;
	switch (smtpreply_decode(io->in, io->in_len, &ev->reply, &used)) {
	case DECODED_OK:
		ev->what = SMTPIO_REPLY;
		return true;
	case DECODED_NEED_MORE:
		if (io->in_len < SMTPREPLY_MAX)
			return false;
		break;
	case DECODED_BAD:
		break;
	}
	ev->what = SMTPIO_BAD;
	return true;
}

bool
smtpio_read(struct smtpio *io, struct smtpio_event *ev)
{
	for (;;) {
		if (io->in_len == io->in_size) {
			io->in_size = io->in_size == 0 ? IN_SIZE_MIN
						       : 2 * io->in_size;
			mxd_assert(io->in_size <= SMTPREPLY_MAX);
			io->in = xreallocarray(io->in, io->in_size, 1);
		}
		ssize_t n = receive(
		    io, io->in + io->in_len, io->in_size - io->in_len, ev);
		if (n <= 0)
			return n < 0;
		if (take(io, (size_t)n, ev))
			return true;
	}
}

// Drops what the peer said so far.
static bool
discard(struct smtpio *io, struct smtpio_event *ev)
{
	size_t total = 0;

	io->in_len = 0;
	while (total < SMTPREPLY_MAX) {
		ssize_t n = receive(io, io->in, io->in_size, ev);
		if (n <= 0)
			return n < 0;
		total += (size_t)n;
	}
	ev->what = SMTPIO_BAD; // no mail server talks that much unasked
	return true;
}

bool
smtpio_say(struct smtpio *io, const char *verb, const char *arg,
    struct smtpio_event *ev)
{
	mxd_assert(io->in_size > 0);
	if (discard(io, ev))
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

void
smtpio_first_line(const struct smtpio *io, char *out, size_t size)
{
	size_t len = 0;

	while (len < io->in_len && len < size - 1 && io->in[len] != '\r' &&
	       io->in[len] != '\n' && io->in[len] != '\0')
		len++;
	if (len > 0)
		memcpy(out, io->in, len);
	out[len] = '\0';
}
