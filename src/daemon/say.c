// SPDX-License-Identifier: MIT
// The decision log: what, for whom, by what evidence, since when.
#include "base/log.h"
#include "base/str.h"
#include "daemon/internal.h"

#include <string.h>

enum {
	FOREIGN_MAX = 128,	// bytes of a name from outside in one line
	LITERAL_LINES_MAX = 10, // a minute
	MINUTE_MS = 60 * 1000,
};

// "ihg.com", or what the client sent in its place.
static void
add_domain(
    const struct daemon *d, const struct say_lookup *what, struct strbuf *b)
{
	if (what->domain != REACH_NONE)
		strbuf_add(
		    b, "domain=%s", reach_domain_name(d->reach, what->domain));
	else {
		strbuf_add(b, "domain=");
		strbuf_add_foreign(b, what->name, what->name_len, FOREIGN_MAX);
		if (what->name_len == 0)
			strbuf_add(b, "-");
	}
}

// The MX set of a domain; REACH_NONE: not known, or not in the memory.
static uint32_t
set_of(const struct daemon *d, uint32_t domain)
{
	return domain != REACH_NONE ? reach_domain_set(d->reach, domain)
				    : REACH_NONE;
}

// How many hosts of its MX set can be reached.
static void
add_coverage(const struct daemon *d, uint32_t domain, struct strbuf *b)
{
	uint32_t set = set_of(d, domain);
	if (set == REACH_NONE) {
		strbuf_add(b, " mx=-");
		return;
	}
	struct reach_set_view v = reach_set_view(d->reach, set);
	strbuf_add(b, " mx=%u/%u", v.n_up, v.n);
}

void
say_fields(const struct daemon *d, const struct say_lookup *what, int64_t now,
    struct strbuf *b)
{
	const struct route_view *v = what->view;
	char reason[REASON_TEXT_MAX];
	add_domain(d, what, b);
	strbuf_add(b, " route=%s via=%s reason=%s", route_name(v->route),
	    v->via != NULL ? v->via : "-",
	    reason_format(v->reason, v->rule, reason));
	add_coverage(d, what->domain, b);
	if (v->since != 0)
		strbuf_add(b, " age=%llds", (long long)(now - v->since) / 1000);
	else
		strbuf_add(b, " age=-");
	if (d->conf->observe)
		strbuf_add(b, " mode=observe");
}

void
say_evidence(const struct daemon *d, uint32_t domain, struct strbuf *b)
{
	uint32_t set = set_of(d, domain);
	if (set == REACH_NONE)
		return;
	enum outcome outcome = reach_set_failure(d->reach, set);
	strbuf_add(b, " set=%08x", reach_set_print(d->reach, set));
	if (outcome != OUTCOME_NONE)
		strbuf_add(b, " outcome=%s", outcome_name(outcome));
}

// A message was held up, and its route is still not known: of those that go
// direct the only one with something to look into.
static bool
waited_in_vain(const struct say_lookup *what)
{
	return what->waited_ms > 0 && !what->view->known;
}

static bool
is_logged(const struct daemon *d, const struct say_lookup *what)
{
	switch (d->conf->log.lookups) {
	case CONF_LOOKUPS_NONE:
		return false;
	case CONF_LOOKUPS_CHANGED:
		return what->view->route != ROUTE_DIRECT ||
		       waited_in_vain(what);
	case CONF_LOOKUPS_ALL:
		break;
	}
	return true;
}

void
say_lookup(const struct daemon *d, const struct say_lookup *what, int64_t now)
{
	if (!is_logged(d, what) || !log_wants(LOG_LEVEL_INFO))
		return;
	char text[LOG_LINE_MAX];
	struct strbuf b;
	strbuf_init(&b, text, sizeof(text));
	say_fields(d, what, now, &b);
	strbuf_add(&b, " proto=%s", what->proto);
	if (what->map != NULL)
		strbuf_add(&b, " map=%s", what->map);
	if (what->waited_ms >= 0)
		strbuf_add(&b, " waited=%lldms", (long long)what->waited_ms);
	if (what->action != NULL)
		strbuf_add(&b, " action=%s", what->action);
	say_evidence(d, what->domain, &b);
	if (d->conf->log.recipients) {
		strbuf_add(&b, " recipient=");
		strbuf_add_foreign(&b, what->key, what->key_len, FOREIGN_MAX);
	}
	log_info("lookup %s", text);
}

void
say_filtered(
    const struct daemon *d, const char *host, const struct netaddr *address)
{
	char text[NETADDR_TEXT_MAX];
	if (d->conf->log.lookups == CONF_LOOKUPS_NONE)
		return;
	log_info("filter host=%s address=%s action=ignore proto=socketmap "
		 "map=dnsfilter%s",
	    host, netaddr_format(address, text),
	    d->conf->observe ? " mode=observe" : "");
}

static void
say_change(
    const struct daemon *d, uint32_t domain, const struct route_view *view)
{
	char reason[REASON_TEXT_MAX];
	log_info("change domain=%s old=%s new=%s reason=%s",
	    reach_domain_name(d->reach, domain), route_name(view->old),
	    route_name(view->route),
	    view->mx_changed ? "mx-changed"
			     : reason_format(view->reason, view->rule, reason));
}

struct route_view
say_route(struct daemon *d, uint32_t domain, int64_t now)
{
	struct route_view view = plans_route(d->plans, domain, now);
	if (view.changed)
		say_change(d, domain, &view);
	return view;
}

static const char *
state_name(enum reach_state state)
{
	switch (state) {
	case REACH_UNKNOWN:
		return "unknown";
	case REACH_REACHABLE:
		return "reachable";
	case REACH_PARTIAL:
		return "partial";
	case REACH_UNREACHABLE:
		return "unreachable";
	case REACH_ABSENT:
		break;
	}
	return "absent";
}

void
say_endpoint(const struct daemon *d, const struct reach_change *c)
{
	char address[NETADDR_TEXT_MAX];
	log_info("endpoint address=%s host=%s old=%s new=%s outcome=%s "
		 "count=%u sets=%u domains=%u",
	    netaddr_format(&c->address, address),
	    c->host != REACH_NONE ? reach_host_name(d->reach, c->host) : "-",
	    state_name(c->old_state), state_name(c->new_state),
	    outcome_name(c->outcome), c->count, c->sets, c->domains);
}

void
say_transition(
    const struct daemon *d, uint32_t set, const struct plans_transition *t)
{
	char reason[REASON_TEXT_MAX];
	char more[16] = "";
	struct reach_set_view v = reach_set_view(d->reach, set);
	struct strbuf b;
	strbuf_init(&b, more, sizeof(more));
	if (v.n > 1)
		strbuf_add(&b, ",+%u", v.n - 1);
	log_info("transition set=%08x mx=%s%s domains=%u old=%s new=%s "
		 "reason=%s",
	    reach_set_print(d->reach, set),
	    reach_set_host(d->reach, set, 0).name, more, v.domains,
	    route_name(t->old_route), route_name(t->new_route),
	    reason_format(t->reason, "", reason));
}

void
say_more_transitions(unsigned transitions, unsigned domains)
{
	log_info("transitions more=%u domains=%u", transitions, domains);
}

void
say_interfaces_unread(void)
{
	log_warn(
	    "self error=\"the interfaces cannot be read\": their addresses "
	    "stay as they were, looked at again each minute");
}

// What the round that changed a relay's state found.
static const char *
relay_outcome(const struct relays_change *c)
{
	if (c->self.family != 0)
		return "ourselves";
	return c->outcome != OUTCOME_NONE ? outcome_name(c->outcome)
					  : answer_outcome_name(c->dns);
}

void
say_relay(const struct daemon *d, const struct relays_change *c)
{
	char address[NETADDR_TEXT_MAX];
	if (c->self.family != 0)
		log_err("relay name=%s error=ourselves nexthop=%s address=%s "
			"text=\"this is an address of this host, and mail for "
			"the relay would come back until it bounces: the relay "
			"is not used while its name leads here\"",
		    c->name, c->nexthop, netaddr_format(&c->self, address));
	if (c->old_state == c->new_state)
		return;
	log_line(c->new_state == RELAYS_UP ? LOG_LEVEL_INFO : LOG_LEVEL_WARN,
	    "relay name=%s old=%s new=%s outcome=%s count=%u healthy=%u/%u",
	    c->name, relays_state_name(c->old_state),
	    relays_state_name(c->new_state), relay_outcome(c), c->count,
	    c->healthy, c->all);
	if (c->healthy == 0)
		log_err(
		    "relays healthy=0/%u route=hold reason=no-relay sets=%u",
		    c->all, plans_count(d->plans, ROUTE_RELAY));
	else if (c->old_state == RELAYS_DOWN && c->healthy == 1)
		log_info("relays healthy=1/%u route=relay sets=%u", c->all,
		    plans_count(d->plans, ROUTE_RELAY));
}

// Anybody's domain may list as many as he likes.
static bool
has_line_for_literal(struct literals *l, int64_t now)
{
	if (l->minute_at == 0 || now - l->minute_at >= MINUTE_MS) {
		l->minute_at = now;
		l->lines = 0;
	}
	if (l->lines == LITERAL_LINES_MAX) {
		l->unsaid++;
		return false;
	}
	l->lines++;
	return true;
}

void
say_mx_literals(struct daemon *d, uint32_t domain,
    const struct answer_mx *answer, int64_t now)
{
	for (unsigned i = 0; i < answer->n; i++) {
		const char *host = answer->mx[i].host;
		struct netaddr address;
		if (!netaddr_parse(host, &address) ||
		    reach_find_host(d->reach, host, strlen(host)) !=
			REACH_NONE ||
		    !has_line_for_literal(&d->literals, now))
			continue;
		log_warn("dns name=%s type=MX host=%s unsaid=%u: an address in "
			 "the place of a name; it is taken as it stands",
		    reach_domain_name(d->reach, domain), host,
		    d->literals.unsaid);
		d->literals.unsaid = 0;
	}
}
