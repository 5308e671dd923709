// SPDX-License-Identifier: MIT
// The limit to measure against: libevent bufferevents that echo netstrings.
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void
on_read(struct bufferevent *b, void *arg)
{
	struct evbuffer *in = bufferevent_get_input(b);
	size_t n;
	(void)arg;
	while ((n = evbuffer_get_length(in)) > 0) {
		const char *data = (const char *)evbuffer_pullup(in, -1);
		const char *colon = memchr(data, ':', n);
		if (colon == NULL)
			return;
		size_t whole = (size_t)(colon - data) + 1 +
			       strtoul(data, NULL, 10) + 1;
		if (n < whole)
			return;
		bufferevent_write(b, data, whole);
		evbuffer_drain(in, whole);
	}
}

static void
on_event(struct bufferevent *b, short what, void *arg)
{
	(void)arg;
	if (what & (BEV_EVENT_EOF | BEV_EVENT_ERROR))
		bufferevent_free(b);
}

static void
on_accept(struct evconnlistener *listener, evutil_socket_t fd,
    struct sockaddr *address, int len, void *arg)
{
	struct bufferevent *b = bufferevent_socket_new(
	    arg, fd, BEV_OPT_CLOSE_ON_FREE);
	(void)listener;
	(void)address;
	(void)len;
	bufferevent_setcb(b, on_read, NULL, on_event, NULL);
	bufferevent_enable(b, EV_READ | EV_WRITE);
}

int
main(int argc, char **argv)
{
	struct event_base *base = event_base_new();
	struct sockaddr_in at = {
	    .sin_family = AF_INET,
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	if (argc != 2 || base == NULL)
		return 2;
	at.sin_port = htons((uint16_t)strtoul(argv[1], NULL, 10));
	if (evconnlistener_new_bind(base, on_accept, base,
		LEV_OPT_CLOSE_ON_FREE | LEV_OPT_REUSEABLE, 1024,
		(struct sockaddr *)&at, sizeof(at)) == NULL) {
		perror("echo: bind");
		return EXIT_FAILURE;
	}
	return event_base_dispatch(base) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
