// SPDX-License-Identifier: MIT
// The policy service: told of mail before it is queued, it may wait for the
// route, so that the queue manager's lookup a moment later finds it.
//
// It holds up one SMTP session only, and a message no longer than its budget,
// however many recipients it has.
#include "base/bug.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/recipient.h"
#include "base/str.h"
#include "daemon/internal.h"
#include "proto/attrlist.h"
#include "route/render.h"

#include <stdlib.h>
#include <string.h>

enum {
	REPLY_MAX = 1024,
	KEY_MAX = 320, // bytes of a recipient kept for its log line
	// Waiters looked at, and answered, before lookups get their turn: all
	// may wait for one provider.
	SEEN_AT_ONCE = 1000,
	ANSWERED_AT_ONCE = 50,
};

enum dialect {
	DIALECT_POSTFIX, // request=smtpd_access_policy
	DIALECT_ROUTE,	 // request=mxdetour_route: the milter's
};

// Whom to answer, and about what.
struct client {
	struct conn *conn;
	enum dialect dialect;
	bool refused_sender; // who may not use the relay
	bool certain;	     // who sends it, and that it goes to this domain
	uint32_t domain;     // REACH_NONE: not in the memory
	const char *name;    // then, as it came; `name_len` bytes
	size_t name_len;
	const char *key; // the recipient as typed; `key_len` bytes
	size_t key_len;
};

struct waiter {
	TAILQ_ENTRY(waiter) entry;
	struct daemon *d;
	struct client client; // its domain is held, its key is ours
	struct event *timer;  // owned; the end of its budget
	int64_t since;
	char instance[BUDGETS_NAME_MAX + 1];
	char key[KEY_MAX];
};

// One request, read.
struct request {
	enum dialect dialect;
	const char *recipient, *instance;
	size_t recipient_len, instance_len;
	struct recipient to; // where the mail will go
	bool refused_sender, certain_sender;
	int64_t wait_ms; // what the client allows; INT64_MAX: any
};

// -- who may use the relay --------------------------------------------------

// The MTA completes it by a domain of its own, and we do not know by which.
static bool
sender_is_user_alone(const char *sender, size_t len)
{
	return len > 0 && recipient_is_user(sender, len);
}

// True when a domain that it lets is ours.
static bool
sender_lets_ours(struct daemon *d, const struct conf_sender *s)
{
	const struct conf_strings *names = &d->conf->self.names;
	struct route_view ours;
	for (unsigned i = 0; i < names->n; i++)
		if (dname_match(s->text, names->item[i]))
			return true;
	return plans_is_ours(d->plans, s->text, &ours);
}

static bool
sender_matches(
    struct daemon *d, const struct conf_sender *s, const struct attrlist *list)
{
	const char *value;
	size_t len;
	char text[DNAME_SIZE];
	struct netaddr address;
	switch (s->kind) {
	case CONF_SENDER_DOMAIN:
		attrlist_get(list, "sender", &value, &len);
		if (sender_is_user_alone(value, len))
			return sender_lets_ours(d, s);
		return dname_of_address(value, len, text) >= 0 &&
		       dname_match(s->text, text);
	case CONF_SENDER_SASL:
		attrlist_get(list, "sasl_username", &value, &len);
		return len == strlen(s->text) &&
		       memcmp(value, s->text, len) == 0;
	case CONF_SENDER_NET:
		attrlist_get(list, "client_address", &value, &len);
		if (len >= sizeof(text))
			return false;
		memcpy(text, value, len);
		text[len] = '\0';
		return netaddr_parse(text, &address) &&
		       netprefix_contains(&s->prefix, &address);
	}
	return false;
}

// An empty list lets everybody.
static bool
sender_may_relay(struct daemon *d, const struct attrlist *list)
{
	const struct conf *conf = d->conf;
	for (unsigned i = 0; i < conf->policy.n_senders; i++)
		if (sender_matches(d, &conf->policy.senders[i], list))
			return true;
	return conf->policy.n_senders == 0;
}

// -- replies ----------------------------------------------------------------

struct action {
	enum conf_action what;
	const char *code; // RFC 3463
	const char *text;
};

// Mail that may go elsewhere, or be from somebody else, is deferred at most,
// never rejected.
static enum conf_action
on_sender_refused(const struct conf *conf, bool certain)
{
	enum conf_action what = conf->policy.on_sender_refused;
	return what == CONF_REJECT && !certain ? CONF_DEFER : what;
}

static struct action
action_of(const struct conf *conf, const struct route_view *v,
    bool refused_sender, bool certain)
{
	struct action a = {.what = CONF_ACCEPT};
	if (conf->observe)
		return a;
	if (v->route == ROUTE_HOLD) {
		a.what = conf->policy.on_hold;
		a.code = "4.4.1";
		a.text = hold_reply(v->reason)->text;
	} else if (v->route == ROUTE_RELAY && refused_sender) {
		a.what = on_sender_refused(conf, certain);
		a.code = a.what == CONF_REJECT ? "5.7.1" : "4.7.1";
		a.text = "this sender may not use the relay that this domain "
			 "needs";
	}
	return a;
}

// As the log says it; NULL: nothing is done about the mail.
static const char *
action_name(const struct action *a)
{
	switch (a->what) {
	case CONF_DEFER:
		return "defer";
	case CONF_REJECT:
		return "reject";
	case CONF_ACCEPT:
		break;
	}
	return NULL;
}

static void
add_action(struct strbuf *b, enum dialect dialect, const struct action *a)
{
	const char *word = "DUNNO";
	if (a->what == CONF_DEFER)
		word = dialect == DIALECT_POSTFIX ? "DEFER_IF_PERMIT" : "DEFER";
	else if (a->what == CONF_REJECT)
		word = "REJECT";
	strbuf_add(b, "action=%s", word);
	if (a->what != CONF_ACCEPT)
		strbuf_add(b, " %s %s", a->code, a->text);
	strbuf_add(b, "\n");
}

static void
reply(struct daemon *d, const struct client *to, const struct route_view *v,
    const struct action *a)
{
	char text[REPLY_MAX], reason[REASON_TEXT_MAX];
	struct strbuf b;
	strbuf_init(&b, text, sizeof(text));
	add_action(&b, to->dialect, a);
	if (to->dialect == DIALECT_ROUTE)
		strbuf_add(&b, "route=%s\nvia=%s\nreason=%s\n",
		    route_name(v->route), v->via != NULL ? v->via : "",
		    reason_format(v->reason, v->rule, reason));
	if (to->dialect == DIALECT_ROUTE && d->conf->observe)
		strbuf_add(&b, "mode=observe\n");
	strbuf_add(&b, "\n");
	conn_reply(to->conn, b.text, b.len);
}

// Says what the answer is, in the log and to who asked.
static void
answer(struct daemon *d, const struct client *to, const struct route_view *v,
    int64_t waited_ms, int64_t now)
{
	struct action a = action_of(
	    d->conf, v, to->refused_sender, to->certain);
	struct say_lookup what = {
	    .view = v,
	    .domain = to->domain,
	    .name = to->name,
	    .name_len = to->name_len,
	    .key = to->key,
	    .key_len = to->key_len,
	    .proto = "policy",
	    .action = action_name(&a),
	    .waited_ms = waited_ms,
	};
	say_lookup(d, &what, now);
	reply(d, to, v, &a);
}

// -- waiters ----------------------------------------------------------------

// What is left of the message's budget, and no more than the client has for
// this recipient: it takes off itself what the message has spent.
static int64_t
wait_allowed(struct daemon *d, const struct request *q, const char *instance)
{
	int64_t ms = d->conf->policy.wait_ms;
	if (ms <= 0 || q->wait_ms <= 0)
		return 0;
	ms -= budgets_spent(d->budgets, instance);
	return q->wait_ms < ms ? q->wait_ms : ms;
}

static void
waiter_free(struct waiter *w)
{
	struct daemon *d = w->d;
	TAILQ_REMOVE(&d->waiters, w, entry);
	d->n_waiters--;
	reach_release(d->reach, w->client.domain);
	event_free(w->timer);
	free(w);
}

static void
spend(struct waiter *w, int64_t now)
{
	budgets_spend(w->d->budgets, w->instance, now - w->since);
}

// Answers one who waited; the connection goes on with its next request.
static void
waiter_answer(struct waiter *w, const struct route_view *v, int64_t now)
{
	struct conn *c = w->client.conn;
	spend(w, now);
	answer(w->d, &w->client, v, now - w->since, now);
	conn_set_data(c, NULL);
	waiter_free(w);
	conn_resume(c);
}

static void
on_budget_spent(evutil_socket_t fd, short what, void *arg)
{
	struct waiter *w = arg;
	int64_t now = clock_now();
	(void)fd;
	(void)what;
	struct route_view v = say_route(w->d, w->client.domain, now);
	waiter_answer(w, &v, now);
}

void
policy_answer_known(struct daemon *d, int64_t now)
{
	unsigned seen = 0, answered = 0;
	// Some that were not seen yet may have gone.
	if (d->n_unseen > d->n_waiters)
		d->n_unseen = d->n_waiters;
	for (; d->n_unseen > 0 && seen < SEEN_AT_ONCE &&
	       answered < ANSWERED_AT_ONCE;
	     d->n_unseen--, seen++) {
		struct waiter *w = TAILQ_FIRST(&d->waiters);
		struct route_view v = say_route(d, w->client.domain, now);
		if (v.known) {
			waiter_answer(w, &v, now);
			answered++;
		} else {
			TAILQ_REMOVE(&d->waiters, w, entry);
			TAILQ_INSERT_TAIL(&d->waiters, w, entry);
		}
	}
}

void
policy_answer_all(struct daemon *d)
{
	struct waiter *w;
	int64_t now = clock_now();
	while ((w = TAILQ_FIRST(&d->waiters)) != NULL) {
		struct route_view v = say_route(d, w->client.domain, now);
		waiter_answer(w, &v, now);
	}
}

static void
copy_bounded(char *dst, size_t size, const char *src, size_t len)
{
	if (len > size - 1)
		len = size - 1;
	memcpy(dst, src, len);
	dst[len] = '\0';
}

static void
waiter_new(struct daemon *d, const struct client *client,
    const struct request *q, int64_t wait_ms, int64_t now)
{
	struct waiter *w = xcalloc(1, sizeof(*w));
	struct timeval tv = {
	    .tv_sec = (time_t)(wait_ms / 1000),
	    .tv_usec = (suseconds_t)(wait_ms % 1000 * 1000),
	};
	w->d = d;
	w->since = now;
	copy_bounded(w->instance, sizeof(w->instance), q->instance,
	    strnlen(q->instance, q->instance_len));
	copy_bounded(w->key, sizeof(w->key), q->recipient, q->recipient_len);
	w->client = *client;
	w->client.name = ""; // its domain has one
	w->client.name_len = 0;
	w->client.key = w->key;
	w->client.key_len = strlen(w->key);
	w->timer = event_new(d->base, -1, 0, on_budget_spent, w);
	mxd_assert(w->timer != NULL);
	event_add(w->timer, &tv);
	TAILQ_INSERT_TAIL(&d->waiters, w, entry);
	d->n_waiters++;
	reach_hold(d->reach, client->domain);
	conn_set_data(client->conn, w);
}

// -- requests ---------------------------------------------------------------

static int64_t
read_wait(const struct attrlist *list)
{
	const char *value;
	size_t len;
	int64_t ms = 0;
	if (!attrlist_get(list, "wait", &value, &len) || len == 0)
		return INT64_MAX;
	for (size_t i = 0; i < len; i++) {
		if (value[i] < '0' || value[i] > '9' || i >= 9)
			return INT64_MAX; // no number: as if it were not there
		ms = ms * 10 + (value[i] - '0');
	}
	return ms;
}

// Where the mail will go: as the MTA says, or as it will rewrite the recipient
// by its defaults, which it gives to us as typed.
static struct recipient
destination(struct daemon *d, enum dialect dialect, const struct attrlist *list)
{
	const char *value;
	size_t len;
	bool told = dialect == DIALECT_ROUTE &&
		    attrlist_get(list, "rewritten", &value, &len) && len > 0;
	if (!told) {
		attrlist_get(list, "recipient", &value, &len);
		return recipient_read(value, len, ours_owner, d);
	}
	struct recipient out = {.certain = true};
	const char *at = memrchr(value, '@', len);
	if (at != NULL) { // else a user of this host
		out.domain = at + 1;
		out.domain_len = len - (size_t)(out.domain - value);
	}
	return out;
}

// Only these requests are ours; to any other the answer is "no opinion".
static bool
read_request(struct daemon *d, const struct attrlist *list, struct request *out)
{
	const char *value;
	size_t len;
	static const char postfix[] = "smtpd_access_policy";
	static const char route[] = "mxdetour_route";
	attrlist_get(list, "request", &value, &len);
	if (len == sizeof(postfix) - 1 && memcmp(value, postfix, len) == 0)
		out->dialect = DIALECT_POSTFIX;
	else if (len == sizeof(route) - 1 && memcmp(value, route, len) == 0)
		out->dialect = DIALECT_ROUTE;
	else
		return false;
	attrlist_get(list, "recipient", &out->recipient, &out->recipient_len);
	attrlist_get(list, "instance", &out->instance, &out->instance_len);
	out->to = destination(d, out->dialect, list);
	out->refused_sender = !sender_may_relay(d, list);
	attrlist_get(list, "sender", &value, &len);
	out->certain_sender = !sender_is_user_alone(value, len);
	out->wait_ms = out->dialect == DIALECT_ROUTE ? read_wait(list)
						     : INT64_MAX;
	return true;
}

// The view of a recipient's domain, and how long it may be waited for: 0 when
// there is nothing to wait for.
static struct route_view
route_of_recipient(struct daemon *d, const struct request *q,
    uint32_t *domain_out, int64_t *wait_out, int64_t now)
{
	char name[DNAME_SIZE], instance[BUDGETS_NAME_MAX + 1];
	*domain_out = REACH_NONE;
	*wait_out = 0;
	if (q->recipient_len == 0)
		return plans_bad_name();
	// Mail for a user of this host stays here, even when the name looks
	// like a domain ("zhang.wang"): Postfix completes it by $myorigin.
	if (q->to.domain == NULL)
		return plans_local();
	int len = dname_fold(q->to.domain, q->to.domain_len, name);
	if (len < 0)
		return plans_bad_name();
	struct route_view ours;
	if (plans_is_ours(d->plans, name, &ours))
		return ours;
	copy_bounded(instance, sizeof(instance), q->instance, q->instance_len);
	int64_t wait_ms = wait_allowed(d, q, instance);
	bool may_wait = wait_ms > 0 && !d->conf->observe && !d->ending &&
			d->n_waiters < d->conf->policy.max_waiting;
	uint32_t domain = reach_lookup(d->reach, name, (size_t)len,
	    may_wait ? REACH_AWAITED : REACH_WANTED, now);
	if (domain == REACH_NONE)
		return plans_cold(d->plans, 0);
	*domain_out = domain;
	struct route_view v = say_route(d, domain, now);
	if (may_wait && !v.known)
		*wait_out = wait_ms;
	return v;
}

static enum conn_step
on_request(struct daemon *d, struct conn *c, const struct attrlist *list)
{
	struct request q;
	int64_t wait_ms, now = clock_now();
	if (!read_request(d, list, &q)) {
		static const char dunno[] = "action=DUNNO\n\n";
		conn_reply(c, dunno, sizeof(dunno) - 1);
		return CONN_NEXT;
	}
	d->mail_seen_at = now;
	struct client client = {
	    .conn = c,
	    .dialect = q.dialect,
	    .refused_sender = q.refused_sender,
	    .certain = q.to.certain && q.certain_sender,
	    .name = q.to.domain != NULL ? q.to.domain : "",
	    .name_len = q.to.domain_len,
	    .key = q.recipient,
	    .key_len = q.recipient_len,
	};
	struct route_view v = route_of_recipient(
	    d, &q, &client.domain, &wait_ms, now);
	work_wake(d, now);
	if (wait_ms > 0) {
		waiter_new(d, &client, &q, wait_ms, now);
		return CONN_WAIT;
	}
	answer(d, &client, &v, 0, now);
	return CONN_NEXT;
}

static enum conn_step
on_input(struct conn *c, const char *data, size_t len, size_t *used_out,
    void *service)
{
	struct attrlist list;
	switch (attrlist_decode(data, len, &list, used_out)) {
	case DECODED_NEED_MORE:
		return CONN_NEED_MORE;
	case DECODED_BAD:
		conn_set_fault(c, "no attribute list");
		return CONN_BAD;
	case DECODED_OK:
		break;
	}
	return on_request(service, c, &list);
}

// The client went away while it waited.
static void
on_close(struct conn *c, void *service)
{
	struct waiter *w = conn_data(c);
	(void)service;
	if (w == NULL)
		return;
	spend(w, clock_now());
	waiter_free(w);
}

const struct conn_protocol policy_protocol = {
    .name = "policy",
    .max_input = ATTRLIST_MAX,
    .on_input = on_input,
    .on_close = on_close,
};
