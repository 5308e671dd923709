// SPDX-License-Identifier: MIT
// The daemon: made, run, ended.
#include "daemon/daemon.h"

#include "base/bug.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "daemon/internal.h"
#include "daemon/memory.h"
#include "daemon/params.h"

#include <signal.h>
#include <stdlib.h>

enum {
	TICK_MS = 250,
	LOOK_EVERY_MS = 60 * 1000, // at what the host has become
	END_MS = 1000,		   // for replies that are still being sent
	REQUEST_MS = 30 * 1000,	   // a client's request, first byte to last
	WRITE_MS = 30 * 1000,	   // a reply that makes no progress
	OUTPUT_MAX = 256 * 1024,   // replies to a client that does not read
};

// -- memory -----------------------------------------------------------------

static struct plan_context
plan_context(const struct daemon *d)
{
	return (struct plan_context){
	    .conf = d->conf,
	    .rules = d->rules,
	    .relays = d->relays,
	};
}

void
memory_init(struct daemon *d, int64_t now)
{
	struct reach_params p;
	struct hash_key key = hash_key_random();
	struct plan_context with = plan_context(d);
	struct reach_fixed *fixed = params_reach(d, d->conf, &p);
	d->reach = reach_new(&p, key.k0 ^ key.k1, &key, now);
	d->plans = plans_new(d->reach, &with);
	free(fixed);
}

void
memory_fini(struct daemon *d)
{
	plans_free(d->plans);
	reach_free(d->reach);
	d->plans = NULL;
	d->reach = NULL;
}

void
memory_configure(struct daemon *d, int64_t now)
{
	struct reach_params p;
	struct plan_context with = plan_context(d);
	struct reach_fixed *fixed = params_reach(d, d->conf, &p);
	reach_configure(d->reach, &p, now);
	plans_configure(d->plans, &with);
	free(fixed);
	work_wake(d, now);
}

// -- events -----------------------------------------------------------------

static void
on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct daemon *d = arg;
	(void)fd;
	(void)what;
	if (log_pending())
		log_flush();
	supervisor_ready(d);
	int64_t now = clock_now();
	// After a suspend: the loop's own clock stood still meanwhile.
	work_wake(d, now);
	if (now - d->looked_at >= LOOK_EVERY_MS) {
		d->looked_at = now;
		reload_own_addresses(d);
		work_check_resolver(d);
	}
	if (d->ending && conn_pool_count(d->pool) == 0)
		event_base_loopbreak(d->base);
}

static void
on_end(evutil_socket_t fd, short what, void *arg)
{
	struct daemon *d = arg;
	(void)fd;
	(void)what;
	event_base_loopbreak(d->base);
}

// Stops taking connections, answers what has arrived, then leaves. Sockets that
// a supervisor holds keep what comes meanwhile for our successor.
static void
on_terminate(evutil_socket_t fd, short what, void *arg)
{
	struct daemon *d = arg;
	struct timeval soon = {.tv_sec = END_MS / 1000};
	(void)what;
	if (d->ending)
		return;
	d->ending = true;
	log_info("end signal=%d clients=%u", (int)fd, conn_pool_count(d->pool));
	supervisor_ending(d);
	sockets_close(&d->sockets);
	policy_answer_all(d);
	conn_pool_drain(d->pool);
	if (conn_pool_count(d->pool) == 0)
		event_base_loopbreak(d->base);
	else
		event_add(d->end_event, &soon);
}

static void
on_reload(evutil_socket_t fd, short what, void *arg)
{
	struct daemon *d = arg;
	(void)fd;
	(void)what;
	if (!d->ending)
		reload(d);
}

static void
add_events(struct daemon *d)
{
	struct timeval tick = {.tv_usec = TICK_MS * 1000};
	d->tick_event = event_new(d->base, -1, EV_PERSIST, on_tick, d);
	d->end_event = event_new(d->base, -1, 0, on_end, d);
	d->term_event = evsignal_new(d->base, SIGTERM, on_terminate, d);
	d->int_event = evsignal_new(d->base, SIGINT, on_terminate, d);
	d->hup_event = evsignal_new(d->base, SIGHUP, on_reload, d);
	event_add(d->tick_event, &tick);
	// The first at once: then the loop turns, and that can be told.
	event_active(d->tick_event, EV_TIMEOUT, 0);
	event_add(d->term_event, NULL);
	event_add(d->int_event, NULL);
	event_add(d->hup_event, NULL);
}

static void
free_event(struct event *e)
{
	if (e != NULL)
		event_free(e);
}

// -- made -------------------------------------------------------------------

static void
say_start(const struct daemon *d)
{
	const struct conf *conf = d->conf;
	log_info("start version=%s file=%s mode=%s relays=%u rules=%u "
		 "clients_max=%u probes_max=%u",
	    PACKAGE_VERSION, conf->path[0] != '\0' ? conf->path : "(defaults)",
	    conf->observe ? "observe" : "enforce", conf->n_relays,
	    conf->n_rules, params_max_clients(conf), params_max_probes(conf));
	if (conf->n_relays == 0)
		log_warn("configuration relays=0: mail that needs a relay is "
			 "held");
	if (params_max_clients(conf) < conf->listen.max_connections)
		log_warn("descriptors limit clients to %u of "
			 "listen.max_connections=%u",
		    params_max_clients(conf), conf->listen.max_connections);
}

struct daemon *
daemon_new(const struct daemon_params *params, struct err *err)
{
	struct daemon *d = xcalloc(1, sizeof(*d));
	int64_t now = clock_now();
	d->conf = params->conf;
	d->conf_path = params->conf_path;
	d->verbose = params->verbose;
	d->mail_seen_at = -1;
	d->looked_at = now;
	d->notify = params->notify;
	TAILQ_INIT(&d->jobs);
	TAILQ_INIT(&d->sockets);
	TAILQ_INIT(&d->waiters);
	d->budgets = budgets_new();
	d->base = event_base_new();
	if (d->base == NULL) {
		err_set(err, "no event loop can be made");
		goto fail;
	}
	if (!ourselves_init(&d->self, d->conf, NULL))
		say_interfaces_unread();
	d->rules = rules_new(d->conf);
	d->relays = relays_new(d->conf, &d->self, NULL, now);
	memory_init(d, now);
	struct conn_pool_params pool = {
	    .base = d->base,
	    .max = params_max_clients(d->conf),
	    .request_ms = REQUEST_MS,
	    .write_ms = WRITE_MS,
	    .max_output = OUTPUT_MAX,
	};
	d->pool = conn_pool_new(&pool);
	struct socket_list fresh;
	if (sockets_open(d, d->conf, params->fds, &fresh, err) < 0)
		goto fail;
	sockets_adopt(d, d->conf, &fresh);
	if (work_init(d, err) < 0)
		goto fail;
	add_events(d);
	supervisor_init(d);
	say_start(d);
	return d;
fail:
	daemon_free(d);
	return NULL;
}

int
daemon_run(struct daemon *d, struct err *err)
{
	if (event_base_dispatch(d->base) < 0)
		return err_set(err, "the event loop failed");
	return 0;
}

void
daemon_free(struct daemon *d)
{
	if (d == NULL)
		return;
	sockets_close(&d->sockets);
	conn_pool_free(d->pool); // ends those who wait
	work_fini(d);
	budgets_free(d->budgets);
	memory_fini(d);
	relays_free(d->relays);
	rules_free(d->rules);
	conf_free(d->conf);
	ourselves_fini(&d->self);
	free_event(d->tick_event);
	free_event(d->end_event);
	free_event(d->term_event);
	free_event(d->int_event);
	free_event(d->hup_event);
	free_event(d->watch_event);
	if (d->base != NULL)
		event_base_free(d->base);
	free(d);
}
