// SPDX-License-Identifier: MIT
// Asks a socketmap server as Postfix does: one request outstanding on each
// connection. Prints "requests/s p50_us p99_us longest_us matches".
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { STALL_MS = 60 * 1000, REPLY_MAX = 4096 };

struct options {
	int port;
	unsigned connections;
	size_t requests;
	unsigned domains;
	unsigned first; // the domains are `first` and so many after it
	bool in_order;	// each domain in turn, instead of at random
	const char *map;
	const char *text; // replies that contain it are counted
};

struct client {
	int fd;
	double asked_at;
	size_t have; // bytes of the reply so far
	char reply[REPLY_MAX];
};

static void
die(const char *what)
{
	fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
	exit(EXIT_FAILURE);
}

static double
now_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int
compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static void
open_client(struct client *c, int port, int epoll, unsigned index)
{
	struct sockaddr_in to = {
	    .sin_family = AF_INET,
	    .sin_port = htons((uint16_t)port),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int on = 1;
	struct epoll_event e = {.events = EPOLLIN, .data.u32 = index};
	c->fd = socket(AF_INET, SOCK_STREAM, 0);
	if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&to, sizeof(to)) < 0)
		die("connect");
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &e) < 0)
		die("epoll_ctl");
}

// Which one comes next; by a generator of our own, so that every run asks for
// the same ones.
static unsigned
choose(const struct options *o, size_t asked)
{
	static unsigned seed = 1;
	size_t i = o->in_order ? asked : (size_t)rand_r(&seed);
	return o->first + (unsigned)(i % o->domains);
}

// The zone has four kinds of domains, see bench/common.sh.
static void
ask(struct client *c, const struct options *o, size_t asked)
{
	char key[96], frame[128];
	unsigned domain = choose(o, asked);
	int len = snprintf(key, sizeof(key), "%s user@d%u.g%u.bench.test",
	    o->map, domain, domain % 4);
	int n = snprintf(frame, sizeof(frame), "%d:%s,", len, key);
	c->have = 0;
	c->asked_at = now_us();
	if (write(c->fd, frame, (size_t)n) != n)
		die("write");
}

// Reads what is there; true when the reply (a netstring) is whole.
static bool
hear(struct client *c)
{
	ssize_t n = read(c->fd, c->reply + c->have, sizeof(c->reply) - c->have);
	if (n <= 0)
		die("the server closed");
	c->have += (size_t)n;
	const char *colon = memchr(c->reply, ':', c->have);
	return colon != NULL && c->have >= (size_t)(colon - c->reply) + 1 +
					       strtoul(c->reply, NULL, 10) + 1;
}

static struct options
read_options(int argc, char **argv)
{
	struct options o = {
	    .connections = 1,
	    .requests = 100000,
	    .domains = 1000,
	    .map = "transport",
	    .text = "",
	};
	int c;
	while ((c = getopt(argc, argv, "p:c:n:d:f:m:x:o")) != -1) {
		if (c == 'p')
			o.port = (int)strtol(optarg, NULL, 10);
		else if (c == 'c')
			o.connections = (unsigned)strtoul(optarg, NULL, 10);
		else if (c == 'n')
			o.requests = strtoul(optarg, NULL, 10);
		else if (c == 'd')
			o.domains = (unsigned)strtoul(optarg, NULL, 10);
		else if (c == 'f')
			o.first = (unsigned)strtoul(optarg, NULL, 10);
		else if (c == 'm')
			o.map = optarg;
		else if (c == 'x')
			o.text = optarg;
		else if (c == 'o')
			o.in_order = true;
		else
			o.port = 0;
	}
	if (o.port == 0 || o.connections == 0 || o.domains == 0 ||
	    o.requests < o.connections || strlen(o.map) > 32) {
		fprintf(stderr,
		    "usage: load -p PORT [-c CONNECTIONS] [-n REQUESTS] "
		    "[-d DOMAINS] [-f FIRST] [-o] [-m MAP] [-x TEXT]\n");
		exit(2);
	}
	return o;
}

int
main(int argc, char **argv)
{
	struct options o = read_options(argc, argv);
	struct client *client = calloc(o.connections, sizeof(*client));
	double *took = calloc(o.requests, sizeof(*took));
	size_t asked = 0, heard = 0, matches = 0;
	int epoll = epoll_create1(0);
	if (client == NULL || took == NULL || epoll < 0)
		die("start");
	for (unsigned i = 0; i < o.connections; i++)
		open_client(&client[i], o.port, epoll, i);
	double began = now_us();
	for (unsigned i = 0; i < o.connections; i++, asked++)
		ask(&client[i], &o, asked);
	while (heard < o.requests) {
		struct epoll_event e[64];
		int n = epoll_wait(epoll, e, 64, STALL_MS);
		if (n <= 0)
			die("the server does not answer");
		for (int i = 0; i < n; i++) {
			struct client *c = &client[e[i].data.u32];
			if (!hear(c))
				continue;
			took[heard++] = now_us() - c->asked_at;
			matches += memmem(c->reply, c->have, o.text,
				       strlen(o.text)) != NULL;
			if (asked < o.requests)
				ask(c, &o, asked++);
		}
	}
	double seconds = (now_us() - began) / 1e6;
	qsort(took, o.requests, sizeof(*took), compare);
	printf("%.0f %.1f %.1f %.1f %zu\n", (double)o.requests / seconds,
	    took[o.requests / 2], took[o.requests * 99 / 100],
	    took[o.requests - 1], matches);
	return EXIT_SUCCESS;
}
