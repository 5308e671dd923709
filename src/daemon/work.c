// SPDX-License-Identifier: MIT
// What is due is begun here, and what came back is told.
#include "base/bug.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "daemon/internal.h"

#include <stdlib.h>
#include <string.h>

enum {
	TRANSITION_LINES_MAX = 50, // of one event; the rest is counted
	// Taken before lookups get their turn: one address of a provider may
	// change the sets of a million domains.
	CHANGES_AT_ONCE = 1000,
	// Questions and probes begun, some system calls each, likewise.
	BEGIN_AT_ONCE = 32,
	WARN_EVERY_MS = 60 * 1000,
};

_Static_assert((int)CONF_DNS_SERVERS_MAX <= (int)RESOLVER_SERVERS_MAX,
    "what the configuration may name can be asked");

struct job { // a question or a probe in flight
	TAILQ_ENTRY(job) entry;
	struct daemon *d;
	bool for_relay;
	uint32_t id; // of the memory, or the relay's
	int family;  // of an address question
	struct resolver_query *query;
	struct smtp *smtp;
};

static struct job *
job_new(struct daemon *d, bool for_relay, uint32_t id)
{
	struct job *job = xcalloc(1, sizeof(*job));
	job->d = d;
	job->for_relay = for_relay;
	job->id = id;
	TAILQ_INSERT_TAIL(&d->jobs, job, entry);
	return job;
}

// The answer is told: what it makes due is begun when the loop comes round.
static void
job_end(struct job *job)
{
	struct daemon *d = job->d;
	TAILQ_REMOVE(&d->jobs, job, entry);
	free(job);
	d->told = true;
	if (!d->woken)
		event_active(d->work_event, EV_TIMEOUT, 0);
	d->woken = true;
}

static void
job_cancel(struct job *job)
{
	resolver_cancel(&job->query);
	smtp_cancel(&job->smtp);
	TAILQ_REMOVE(&job->d->jobs, job, entry);
	free(job);
}

// -- told -------------------------------------------------------------------

static void
on_mx(const struct answer_mx *answer, void *arg)
{
	struct job *job = arg;
	struct daemon *d = job->d;
	int64_t now = clock_now();
	uint32_t domain = job->id;
	log_debug("dns name=%s type=MX result=%s hosts=%u%s ttl=%us",
	    reach_domain_name(d->reach, domain),
	    answer_outcome_name(answer->outcome), answer->n,
	    answer->more ? " more=yes" : "", answer->ttl_s);
	say_mx_literals(d, domain, answer, now);
	reach_tell_mx(d->reach, domain, answer, now);
	(void)say_route(d, domain, now);
	job_end(job);
}

static void
on_address(const struct answer_addr *answer, void *arg)
{
	struct job *job = arg;
	struct daemon *d = job->d;
	struct relays_change change;
	int64_t now = clock_now();
	if (!job->for_relay && answer->more)
		log_debug("dns name=%s type=%s addresses=%u more=yes",
		    reach_host_name(d->reach, job->id),
		    job->family == AF_INET ? "A" : "AAAA", answer->n);
	if (!job->for_relay)
		reach_tell_address(d->reach, job->id, job->family, answer, now);
	else if (relays_tell_address(
		     d->relays, job->id, job->family, answer, now, &change))
		say_relay(d, &change);
	job_end(job);
}

// A probe that failed for a reason of this host's: a source address that is not
// ours, say, of which nobody would hear. Once a minute.
static void
warn_of_local_error(struct daemon *d, const char *text, int64_t now)
{
	d->local_errors++;
	if (d->warned_at != 0 && now - d->warned_at < WARN_EVERY_MS)
		return;
	log_warn("probe outcome=local-error count=%u text=\"%s\": nothing is "
		 "learnt from it",
	    d->local_errors, text);
	d->warned_at = now;
	d->local_errors = 0;
}

static void
tell_greeting(const struct job *job, int64_t took_ms)
{
	if (took_ms == 0)
		return;
	if (job->for_relay)
		relays_tell_greeting(job->d->relays, job->id, took_ms);
	else
		reach_tell_greeting(job->d->reach, job->id, took_ms);
}

static void
on_probe(const struct smtp_result *result, void *arg)
{
	struct job *job = arg;
	struct daemon *d = job->d;
	struct relays_change change;
	int64_t now = clock_now();
	char text[SMTPREPLY_TEXT_MAX + 1];
	str_printable(text, sizeof(text), result->text,
	    strnlen(result->text, sizeof(result->text)));
	if (result->outcome == OUTCOME_LOCAL_ERROR)
		warn_of_local_error(d, text, now);
	tell_greeting(job, result->greeting_ms);
	if (!job->for_relay)
		reach_tell_probe(d->reach, job->id, result->outcome,
		    result->latency_ms, text, now);
	else if (relays_tell_probe(d->relays, job->id,
		     &(struct relays_heard){result->outcome, result->code}, now,
		     &change))
		say_relay(d, &change);
	job_end(job);
}

// -- begun ------------------------------------------------------------------

static enum smtp_depth
depth_of(enum conf_depth depth)
{
	switch (depth) {
	case CONF_DEPTH_CONNECT:
		return SMTP_DEPTH_CONNECT;
	case CONF_DEPTH_GREETING:
		return SMTP_DEPTH_GREETING;
	case CONF_DEPTH_EHLO:
		return SMTP_DEPTH_EHLO;
	case CONF_DEPTH_STARTTLS:
		break;
	}
	return SMTP_DEPTH_STARTTLS;
}

// The argument of EHLO: as configured, else our own name.
static const char *
helo_name(const struct conf *conf)
{
	if (conf->probe.helo[0] != '\0')
		return conf->probe.helo;
	return conf->self.names.n > 0 ? conf->self.names.item[0] : "localhost";
}

static void
begin_probe(struct job *job, const struct netaddr *to, enum smtp_depth depth,
    int64_t greeting_timeout_ms)
{
	const struct conf *conf = job->d->conf;
	struct smtp_params p = {
	    .base = job->d->base,
	    .to = *to,
	    .bind = to->family == AF_INET ? conf->probe.bind
					  : conf->probe.bind6,
	    .helo = helo_name(conf),
	    .depth = depth,
	    .connect_timeout_ms = conf->probe.connect_timeout_ms,
	    .greeting_timeout_ms = greeting_timeout_ms,
	    .reply_timeout_ms = conf->probe.reply_timeout_ms,
	};
	job->smtp = smtp_start(&p, on_probe, job);
}

static void
begin(struct daemon *d, const struct reach_due *due)
{
	struct job *job = job_new(d, false, due->id);
	switch (due->kind) {
	case REACH_DUE_MX:
		job->query = resolver_mx_start(
		    d->resolver, due->name, on_mx, job);
		return;
	case REACH_DUE_ADDRESS:
		job->family = due->family;
		job->query = resolver_addr_start(
		    d->resolver, due->name, due->family, on_address, job);
		return;
	case REACH_DUE_PROBE:
		begin_probe(job, &due->to, depth_of(d->conf->probe.depth),
		    due->greeting_timeout_ms);
		return;
	}
}

static void
begin_for_relay(struct daemon *d, const struct relays_due *due)
{
	struct job *job = job_new(d, true, due->relay);
	if (due->probe) {
		enum smtp_depth depth = due->connect_only ? SMTP_DEPTH_CONNECT
							  : SMTP_DEPTH_EHLO;
		begin_probe(job, &due->to, depth, due->greeting_timeout_ms);
		return;
	}
	job->family = due->family;
	job->query = resolver_addr_start(
	    d->resolver, due->name, due->family, on_address, job);
}

// -- changes ----------------------------------------------------------------

static void
on_set(struct daemon *d, uint32_t set, int64_t now)
{
	struct plans_transition t;
	if (!plans_on_set(d->plans, set, now, &t))
		return;
	if (d->burst.lines++ < TRANSITION_LINES_MAX) {
		say_transition(d, set, &t);
		return;
	}
	d->burst.more++;
	d->burst.more_domains += reach_set_view(d->reach, set).domains;
}

// Returns whether none is left; else the loop comes round again at once.
static bool
take_changes(struct daemon *d, int64_t now)
{
	struct reach_change c;
	for (int i = 1; reach_take_change(d->reach, &c); i++) {
		switch (c.kind) {
		case REACH_CHANGE_ENDPOINT:
			say_endpoint(d, &c);
			break;
		case REACH_CHANGE_SET:
			on_set(d, c.id, now);
			break;
		case REACH_CHANGE_SET_GONE:
			plans_on_set_gone(d->plans, c.id);
			break;
		}
		if (i == CHANGES_AT_ONCE)
			return false;
	}
	if (d->burst.more > 0)
		say_more_transitions(d->burst.more, d->burst.more_domains);
	d->burst = (struct burst){0};
	return true;
}

static void
arm(struct daemon *d, int64_t now)
{
	int64_t at = reach_next_at(d->reach, now);
	int64_t relays_at = relays_next_at(d->relays, now);
	if (relays_at < at)
		at = relays_at;
	if (d->n_unseen > 0)
		at = now;
	d->armed_at = at;
	if (at == INT64_MAX) {
		event_del(d->work_event);
		return;
	}
	int64_t ms = at - now;
	struct timeval tv = {
	    .tv_sec = (time_t)(ms / 1000),
	    .tv_usec = (suseconds_t)(ms % 1000 * 1000),
	};
	event_add(d->work_event, &tv);
}

// Frees the resolvers of earlier configurations that owe no answer any more,
// or all of them.
static void
free_retired(struct daemon *d, bool all)
{
	unsigned kept = 0;
	for (unsigned i = 0; i < d->n_retired; i++) {
		if (all || resolver_in_flight(d->retired[i]) == 0)
			resolver_free(d->retired[i]);
		else
			d->retired[kept++] = d->retired[i];
	}
	d->n_retired = kept;
}

void
work_swap_resolver(struct daemon *d, struct resolver *resolver)
{
	d->retired = xreallocarray(
	    d->retired, d->n_retired + 1, sizeof(*d->retired));
	d->retired[d->n_retired++] = d->resolver;
	d->resolver = resolver;
}

void
work_check_resolver(struct daemon *d)
{
	char servers[LOG_LINE_MAX];
	struct err err;
	if (!resolver_is_outdated(d->resolver))
		return;
	struct resolver *fresh = work_new_resolver(d, d->conf, &err);
	if (fresh == NULL) {
		log_warn("dns error=\"%s\": the name servers stay as they were",
		    err.text);
		return;
	}
	work_swap_resolver(d, fresh);
	log_info("dns servers=%s changed",
	    resolver_list_servers(fresh, servers, sizeof(servers)));
}

static void
work_run(evutil_socket_t fd, short what, void *arg)
{
	struct daemon *d = arg;
	struct reach_due due;
	struct relays_due relay_due;
	int64_t now = clock_now();
	(void)fd;
	(void)what;

	d->woken = false;
	free_retired(d, false);
	take_changes(d, now);
	for (int i = 0; i < BEGIN_AT_ONCE && reach_next(d->reach, now, &due);
	     i++)
		begin(d, &due);
	while (relays_next(d->relays, now, &relay_due))
		begin_for_relay(d, &relay_due);
	bool all_taken = take_changes(d, now); // and what reach_next() forgot
	if (d->told) {
		d->told = !all_taken;
		d->n_unseen = d->n_waiters;
	}
	policy_answer_known(d, now);
	if (!d->woken)
		arm(d, now);
}

void
work_wake(struct daemon *d, int64_t now)
{
	if (d->woken)
		return;
	int64_t at = reach_next_at(d->reach, now);
	if (at <= now || d->armed_at <= now) {
		d->woken = true;
		event_active(d->work_event, EV_TIMEOUT, 0);
	} else if (at < d->armed_at) {
		arm(d, now);
	}
}

// -- made -------------------------------------------------------------------

struct resolver *
work_new_resolver(struct daemon *d, const struct conf *conf, struct err *err)
{
	struct resolver_params p = {
	    .base = d->base,
	    .servers = conf->dns.servers,
	    .n_servers = conf->dns.n_servers,
	    .resolv_conf = RESOLVER_RESOLV_CONF,
	    .tcp = conf->dns.tcp,
	    .timeout_ms = conf->dns.timeout_ms,
	    .tries = conf->dns.tries,
	};
	return resolver_new(&p, err);
}

int
work_init(struct daemon *d, struct err *err)
{
	TAILQ_INIT(&d->jobs);
	d->work_event = event_new(d->base, -1, 0, work_run, d);
	mxd_assert(d->work_event != NULL);
	d->resolver = work_new_resolver(d, d->conf, err);
	if (d->resolver == NULL)
		return -1;
	d->woken = true;
	d->armed_at = INT64_MAX;
	event_active(d->work_event, EV_TIMEOUT, 0);
	return 0;
}

void
work_cancel_relays(struct daemon *d)
{
	struct job *job, *next;
	for (job = TAILQ_FIRST(&d->jobs); job != NULL; job = next) {
		next = TAILQ_NEXT(job, entry);
		if (job->for_relay)
			job_cancel(job);
	}
}

void
work_cancel_all(struct daemon *d)
{
	struct job *job;
	while ((job = TAILQ_FIRST(&d->jobs)) != NULL)
		job_cancel(job);
}

void
work_fini(struct daemon *d)
{
	work_cancel_all(d);
	free_retired(d, true);
	free(d->retired);
	resolver_free(d->resolver);
	if (d->work_event != NULL)
		event_free(d->work_event);
}
