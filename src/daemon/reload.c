// SPDX-License-Identifier: MIT
// A new configuration: swapped in whole, or the old one stays whole.
#include "base/bug.h"
#include "base/clock.h"
#include "base/log.h"
#include "conf/program.h"
#include "daemon/internal.h"
#include "daemon/memory.h"
#include "daemon/params.h"

#include <stdlib.h>
#include <string.h>

// All of a configuration that can fail, before anything is changed.
struct next {
	const char *path;
	struct conf *conf;
	struct resolver *resolver;
	struct socket_list sockets;
};

static void
on_warning(const char *text, void *arg)
{
	(void)arg;
	log_warn("configuration %s", text);
}

static int
prepare(struct daemon *d, struct next *next, struct err *err)
{
	*next = (struct next){0};
	TAILQ_INIT(&next->sockets);
	// One that was made since the start. One that was read and is gone is
	// an error: no defaults in its place.
	next->path = d->conf_path != NULL ? d->conf_path
					  : program_default_path();
	next->conf = conf_load(next->path, on_warning, NULL, err);
	if (next->conf == NULL)
		return -1;
	next->resolver = work_new_resolver(d, next->conf, err);
	if (next->resolver == NULL)
		goto fail;
	if (sockets_open(d, next->conf, NULL, &next->sockets, err) < 0)
		goto fail;
	return 0;
fail:
	resolver_free(next->resolver);
	conf_free(next->conf);
	return -1;
}

// What endpoints are named by became another: nothing measured holds.
static bool
needs_new_memory(const struct conf *old, const struct conf *new)
{
	return old->probe.port != new->probe.port ||
	       !netaddr_equal(&old->probe.bind, &new->probe.bind) ||
	       !netaddr_equal(&old->probe.bind6, &new->probe.bind6);
}

// Who we are by the configuration that is in use now; the one that the last
// look was by is still there. Returns whether our addresses changed.
static bool
look_at_ourselves(struct daemon *d, bool say_unread)
{
	struct ourselves before = d->self;
	if (!ourselves_init(&d->self, d->conf, &before) && say_unread)
		say_interfaces_unread();
	bool changed = !ourselves_equal(&d->self, &before);
	if (changed)
		log_info("self addresses=%u changed", d->self.n);
	ourselves_fini(&before);
	return changed;
}

static void
swap(struct daemon *d, struct next *next)
{
	struct conf *old = d->conf;
	struct rules *old_rules = d->rules;
	struct relays *old_relays = d->relays;
	int64_t now = clock_now();

	work_cancel_relays(d);
	sockets_adopt(d, next->conf, &next->sockets);
	work_swap_resolver(d, next->resolver);
	if (old->cache.max_domains != next->conf->cache.max_domains) {
		log_warn("configuration cache.max_domains=%u takes effect at "
			 "the next start",
		    next->conf->cache.max_domains);
		next->conf->cache.max_domains = old->cache.max_domains;
	}
	d->conf_path = next->path;
	d->conf = next->conf;
	program_open_log("mxdetourd", d->conf, d->verbose);
	d->rules = rules_new(d->conf);
	(void)look_at_ourselves(d, true); // all that depends on it is made anew
	d->relays = relays_new(d->conf, &d->self, old_relays, now);
	if (needs_new_memory(old, d->conf)) {
		policy_answer_all(d);
		work_cancel_all(d);
		memory_fini(d);
		memory_init(d, now);
		log_warn("configuration probe.port, bind or bind6 changed: "
			 "all measurements begin anew");
	} else {
		memory_configure(d, now);
	}
	relays_free(old_relays);
	rules_free(old_rules);
	conf_free(old);
	conn_pool_set_max(d->pool, params_max_clients(d->conf));
	d->told = true;	      // who waits may have a route by rule now
	if (d->conf->observe) // nobody is made to wait
		policy_answer_all(d);
}

void
reload(struct daemon *d)
{
	struct next next;
	struct err err;
	supervisor_reloading(d);
	if (prepare(d, &next, &err) < 0) {
		log_err("configuration reload=failed error=\"%s\" the old one "
			"stays in use",
		    err.text);
		supervisor_reloaded(d, err.text);
		return;
	}
	swap(d, &next);
	log_info("configuration reload=done file=%s relays=%u rules=%u mode=%s",
	    d->conf->path[0] != '\0' ? d->conf->path : "(defaults)",
	    d->conf->n_relays, d->conf->n_rules,
	    d->conf->observe ? "observe" : "enforce");
	if (d->conf->n_relays == 0)
		log_warn("configuration relays=0: mail that needs a relay is "
			 "held");
	event_active(d->work_event, EV_TIMEOUT, 0);
	d->woken = true;
	supervisor_reloaded(d, "");
}

void
reload_own_addresses(struct daemon *d)
{
	// Unread ones are said at the start and at a reload, not each minute.
	if (look_at_ourselves(d, false))
		memory_configure(d, clock_now());
}
