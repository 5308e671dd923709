// SPDX-License-Identifier: MIT
// What the supervisor is told: ready, reloading, alive, ending.
#include "base/log.h"
#include "base/str.h"
#include "daemon/internal.h"

#include <stdint.h>
#include <string.h>
#include <time.h>

// Of the time after which silence means that we hang: one word may be lost.
enum { WORDS_PER_WATCH = 3 };

static bool
tell(struct daemon *d, const char *text)
{
	struct err err;
	bool heard = notify_send(&d->notify, &err, "%s", text) == 0;
	if (!heard && !d->unheard)
		log_warn("supervisor error=\"%s\"", err.text);
	d->unheard = !heard;
	return heard;
}

// From the loop itself: a loop that does not turn says nothing.
static void
on_watch(evutil_socket_t fd, short what, void *arg)
{
	struct daemon *d = arg;
	(void)fd;
	(void)what;
	tell(d, "WATCHDOG=1");
}

void
supervisor_init(struct daemon *d)
{
	int64_t every_us = d->notify.watchdog_us / WORDS_PER_WATCH;
	struct timeval every = {
	    .tv_sec = every_us / 1000000,
	    .tv_usec = every_us % 1000000,
	};
	if (d->notify.watchdog_us == 0)
		return;
	d->watch_event = event_new(d->base, -1, EV_PERSIST, on_watch, d);
	event_add(d->watch_event, &every);
}

void
supervisor_ready(struct daemon *d)
{
	if (!d->told_ready)
		d->told_ready = tell(d, "READY=1");
}

void
supervisor_reloading(struct daemon *d)
{
	char text[96];
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	snprintf(text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%lld",
	    (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000);
	// The reload may take a while, and the loop stands still meanwhile.
	tell(d, "WATCHDOG=1");
	if (tell(d, text))
		d->told_ready = false;
}

void
supervisor_reloaded(struct daemon *d, const char *problem)
{
	char text[ERR_TEXT_MAX + 64], *end;
	snprintf(text, sizeof(text), "%s%s",
	    problem[0] != '\0' ? "STATUS=The last reload failed: " : "STATUS=",
	    problem);
	// A name of a file may have any byte in it.
	while ((end = strchr(text, '\n')) != NULL)
		*end = '?';
	tell(d, text);
	supervisor_ready(d);
}

void
supervisor_ending(struct daemon *d)
{
	tell(d, "STOPPING=1");
}
