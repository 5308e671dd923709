// SPDX-License-Identifier: MIT
// One c-ares channel to one DNS server, on the event loop.

// c-ares 1.28 marks functions as deprecated whose successors 1.18 lacks.
#define CARES_NO_DEPRECATED

#include "dns/channel.h"

#include "base/mem.h"

#include <arpa/nameser.h>
#include <errno.h>
#include <event2/event.h>
#include <limits.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
	// What fits into one unfragmented packet on any path (DNS flag day
	// 2020); what does not comes by TCP.
	EDNS_SIZE = 1232,
};

// A socket of c-ares, watched for what it wants.
struct channel_socket {
	LIST_ENTRY(channel_socket) link;
	struct channel *channel;
	struct event *event;
	ares_socket_t fd;
};

struct channel {
	struct event_base *base; // borrowed
	struct zoneaddr server;
	ares_channel ares;
	struct event *timer; // c-ares' next timeout
	LIST_HEAD(, channel_socket) sockets;
};

#if ARES_VERSION >= 0x011f00
enum { UDP_QUERIES_MAX = 100 }; // from one port

// Since 1.31 c-ares adapts the time of a try to what the server took lately,
// down to 250 ms, and doubles it with every further try, less up to a half at
// random. The least number of tries that lasts for the whole time.
static int
channel_tries(int64_t timeout_ms)
{
	int tries = 1;

	for (int64_t sum_ms = 250; sum_ms < timeout_ms; sum_ms *= 2)
		tries++;
	return tries;
}

// Its cache would hide from us that a TTL has run out. A source port that
// serves for long is a source port to guess.
static int
channel_newer_options(struct ares_options *options, int64_t timeout_ms)
{
	options->tries = channel_tries(timeout_ms);
	options->maxtimeout = options->timeout;
	options->qcache_max_ttl = 0;
	options->udp_max_queries = UDP_QUERIES_MAX;
	return ARES_OPT_MAXTIMEOUTMS | ARES_OPT_QUERY_CACHE |
	       ARES_OPT_UDP_MAX_QUERIES;
}
#else
// One try of the whole time.
static int
channel_newer_options(struct ares_options *options, int64_t timeout_ms)
{
	(void)timeout_ms;
	options->tries = 1;
	return 0;
}
#endif

static ares_socket_t
channel_on_open(int family, int type, int protocol, void *arg)
{
	static const int on = 1;

	(void)arg;
	int fd = socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
	// Questions on one connection do not wait for each other. Without it
	// they are slower, no more.
	if (fd >= 0 && type == SOCK_STREAM)
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return fd;
}

static int
channel_on_close(ares_socket_t fd, void *arg)
{
	(void)arg;
	return close(fd);
}

// c-ares 1.18 sends to a link-local address without its scope, and later ones
// leave such a server out without a word when its interface is not there, or
// when their sockets are opened by somebody else. So they are shown another
// address, which differs in its first byte; only the kernel knows better.
enum { LINK_LOCAL = 0xfe, STAND_IN = 0xfd };

static struct netaddr
channel_shown_address(const struct zoneaddr *server)
{
	struct netaddr shown = server->addr;

	if (zoneaddr_needs_zone(server))
		shown.ip[0] = STAND_IN;
	return shown;
}

static int
channel_on_connect(
    ares_socket_t fd, const struct sockaddr *to, ares_socklen_t len, void *arg)
{
	const struct channel *ch = arg;
	struct sockaddr_in6 in6;

	if (!zoneaddr_needs_zone(&ch->server))
		return connect(fd, to, len);
	memcpy(&in6, to, sizeof(in6));
	in6.sin6_addr.s6_addr[0] = LINK_LOCAL;
	in6.sin6_scope_id = zoneaddr_scope(&ch->server);
	if (in6.sin6_scope_id == 0) {
		errno = ENODEV;
		return -1;
	}
	return connect(fd, (const struct sockaddr *)&in6, sizeof(in6));
}

// On FORMERR without an OPT c-ares asks again without EDNS by itself, and 1.18
// then never sends an OPT on that channel again: one forged packet would do
// that. Told NOTIMP instead, which says as much, it leaves the matter to the
// resolver. Answers by TCP, where nobody injects any, stay as they are.
static ares_ssize_t
channel_on_receive(ares_socket_t fd, void *buf, size_t size, int flags,
    struct sockaddr *from, ares_socklen_t *from_len, void *arg)
{
	const struct channel *ch = arg;
	unsigned char *msg = buf;
	ssize_t len = recvfrom(fd, buf, size, flags, from, from_len);

	// A connected socket hears nobody else.
	if (from != NULL && len >= 0 && zoneaddr_needs_zone(&ch->server))
		((struct sockaddr_in6 *)from)->sin6_addr.s6_addr[0] = STAND_IN;
	if (from != NULL && len >= NS_HFIXEDSZ &&
	    (msg[3] & 0xf) == ns_r_formerr)
		msg[3] = (unsigned char)((msg[3] & 0xf0) | ns_r_notimpl);
	return len;
}

static ares_ssize_t
channel_on_send(ares_socket_t fd, const struct iovec *parts, int n, void *arg)
{
	const struct msghdr msg = {
	    .msg_iov = (struct iovec *)parts, .msg_iovlen = (size_t)n};

	(void)arg;
	return sendmsg(fd, &msg, MSG_NOSIGNAL);
}

static const struct ares_socket_functions channel_sockets = {
    .asocket = channel_on_open,
    .aclose = channel_on_close,
    .aconnect = channel_on_connect,
    .arecvfrom = channel_on_receive,
    .asendv = channel_on_send,
};

// Sets the timer to c-ares' next timeout.
static void
channel_rearm(struct channel *ch)
{
	struct timeval tv;

	if (ares_timeout(ch->ares, NULL, &tv) == NULL) {
		evtimer_del(ch->timer);
		return;
	}
	// c-ares cuts the rest of a millisecond off and then finds nothing due:
	// without this the loop would spin through it.
	const struct timeval least = {.tv_usec = 1000};
	evutil_timeradd(&tv, &least, &tv);
	evtimer_add(ch->timer, &tv);
}

static void
channel_on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct channel *ch = arg;

	(void)fd;
	(void)what;
	ares_process_fd(ch->ares, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
	channel_rearm(ch);
}

static void
channel_on_socket(evutil_socket_t fd, short what, void *arg)
{
	struct channel_socket *socket = arg;
	// c-ares may close the socket, and so free `socket`, on its way.
	struct channel *ch = socket->channel;

	ares_process_fd(ch->ares, (what & EV_READ) ? fd : ARES_SOCKET_BAD,
	    (what & EV_WRITE) ? fd : ARES_SOCKET_BAD);
	channel_rearm(ch);
}

static void
channel_socket_free(struct channel_socket *socket)
{
	LIST_REMOVE(socket, link);
	if (socket->event != NULL)
		event_free(socket->event);
	free(socket);
}

// Finds what watches the descriptor, or begins to. A handful at most: one for
// UDP, one or two for TCP.
static struct channel_socket *
channel_socket_get(struct channel *ch, ares_socket_t fd)
{
	struct channel_socket *socket;

	LIST_FOREACH (socket, &ch->sockets, link)
		if (socket->fd == fd)
			return socket;
	socket = xcalloc(1, sizeof(*socket));
	socket->channel = ch;
	socket->fd = fd;
	LIST_INSERT_HEAD(&ch->sockets, socket, link);
	return socket;
}

// c-ares says what it waits for on a socket; nothing: it is about to close it.
static void
channel_on_socket_state(void *arg, ares_socket_t fd, int readable, int writable)
{
	struct channel *ch = arg;
	struct channel_socket *socket = channel_socket_get(ch, fd);
	short what = EV_PERSIST;

	if (socket->event != NULL)
		event_free(socket->event);
	socket->event = NULL;
	if (readable)
		what |= EV_READ;
	if (writable)
		what |= EV_WRITE;
	if (what != EV_PERSIST)
		socket->event = event_new(
		    ch->base, fd, what, channel_on_socket, socket);
	// A socket that cannot be watched stays silent: the timer is there.
	if (socket->event == NULL || event_add(socket->event, NULL) < 0)
		channel_socket_free(socket);
}

struct channel *
channel_new(const struct channel_params *p, struct err *err)
{
	struct channel *ch = xcalloc(1, sizeof(*ch));
	struct netaddr address = channel_shown_address(&p->server);
	char server[ZONEADDR_TEXT_MAX], shown[NETADDR_TEXT_MAX];
	int status;

	LIST_INIT(&ch->sockets);
	ch->base = p->base;
	ch->server = p->server;
	zoneaddr_format_port(&p->server, server);
	netaddr_format_port(&address, shown);
	struct ares_options options = {
	    // Without NOCHECKRESP c-ares 1.18 tells neither SERVFAIL nor
	    // REFUSED from a dead server.
	    .flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES |
		     ARES_FLAG_NOCHECKRESP | (p->edns ? ARES_FLAG_EDNS : 0) |
		     (p->tcp ? ARES_FLAG_USEVC : 0),
	    .timeout = p->timeout_ms < INT_MAX ? (int)p->timeout_ms : INT_MAX,
	    .ednspsz = EDNS_SIZE,
	    .sock_state_cb = channel_on_socket_state,
	    .sock_state_cb_data = ch,
	};
	int mask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES |
		   ARES_OPT_EDNSPSZ | ARES_OPT_SOCK_STATE_CB |
		   ARES_OPT_NOROTATE;
	mask |= channel_newer_options(&options, p->timeout_ms);

	ch->timer = evtimer_new(p->base, channel_on_timer, ch);
	if (ch->timer == NULL) {
		err_set(err, "dns server %s: no timer", server);
		goto fail;
	}
	status = ares_init_options(&ch->ares, &options, mask);
	if (status != ARES_SUCCESS) {
		ch->ares = NULL;
		err_set(
		    err, "dns server %s: %s", server, ares_strerror(status));
		goto fail;
	}
	ares_set_socket_functions(ch->ares, &channel_sockets, ch);
	status = ares_set_servers_ports_csv(ch->ares, shown);
	if (status != ARES_SUCCESS) {
		err_set(
		    err, "dns server %s: %s", server, ares_strerror(status));
		goto fail;
	}
	return ch;
fail:
	channel_free(ch);
	return NULL;
}

void
channel_free(struct channel *ch)
{
	if (ch == NULL)
		return;
	// Closes its sockets, and so empties the list.
	if (ch->ares != NULL)
		ares_destroy(ch->ares);
	while (!LIST_EMPTY(&ch->sockets))
		channel_socket_free(LIST_FIRST(&ch->sockets));
	if (ch->timer != NULL)
		event_free(ch->timer);
	free(ch);
}

void
channel_ask(struct channel *ch, const char *name, int type, ares_callback done,
    void *arg)
{
	ares_query(ch->ares, name, ns_c_in, type, done, arg);
	channel_rearm(ch);
}
