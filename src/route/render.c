// SPDX-License-Identifier: MIT
// Replies to lookups, written when a plan is made, not when they are asked for.
#include "route/render.h"

#include "base/mem.h"
#include "base/str.h"

#include <stdlib.h>
#include <string.h>

struct steer {
	char *transport[STEER_HOSTS_MAX];   // owned; one a rotation
	char *mailertable[STEER_HOSTS_MAX]; // owned
	unsigned n;			    // rotations
};

#define HOLD_TEXT "mail to this domain is held for now: "
#define HOLD_REPLY(why)                                             \
	{                                                           \
		.text = HOLD_TEXT why,                              \
		.transport = "OK retry:4.4.1 " HOLD_TEXT why,       \
		.mailertable = "OK error:4.4.1:451 " HOLD_TEXT why, \
	}

const struct hold_reply *
hold_reply(enum reason reason)
{
	static const struct hold_reply no_relay = HOLD_REPLY(
	    "no relay can be reached");
	static const struct hold_reply rule = HOLD_REPLY("by a rule");
	// cache.cold, dns.on_failure
	static const struct hold_reply unknown = HOLD_REPLY(
	    "its mail exchangers are not known");
	if (reason == REASON_NO_RELAY)
		return &no_relay;
	return reason == REASON_RULE ? &rule : &unknown;
}

struct group { // hosts of equal preference and equal state
	unsigned first, n;
};

struct order { // of the hosts that are up
	struct reach_set_host host[ANSWER_MX_MAX];
	unsigned n;
	struct group group[ANSWER_MX_MAX];
	unsigned n_groups;
};

// Adds the hosts from `from` to `to` that are in this state, as one group.
static void
add_group(struct order *o, const struct reach *reach, uint32_t set,
    uint32_t from, uint32_t to, enum reach_state state)
{
	struct group g = {.first = o->n};
	for (uint32_t i = from; i < to; i++) {
		struct reach_set_host h = reach_set_host(reach, set, i);
		if (h.state == state)
			o->host[o->n++] = h;
	}
	g.n = o->n - g.first;
	if (g.n > 0)
		o->group[o->n_groups++] = g;
}

static void
order_hosts(struct order *o, const struct reach *reach, uint32_t set)
{
	uint32_t n = reach_set_view(reach, set).n;
	for (uint32_t from = 0, to; from < n; from = to) {
		uint16_t preference =
		    reach_set_host(reach, set, from).preference;
		for (to = from + 1; to < n; to++)
			if (reach_set_host(reach, set, to).preference !=
			    preference)
				break;
		add_group(o, reach, set, from, to, REACH_REACHABLE);
		add_group(o, reach, set, from, to, REACH_PARTIAL);
	}
}

void
render_host(const char *name, struct strbuf *b)
{
	bool ipv6 = strchr(name, ':') != NULL;
	strbuf_add(b, "[%s%s]", ipv6 ? "IPv6:" : "", name);
}

// Names up to STEER_HOSTS_MAX hosts, each group begun `turn` places further on.
static void
render(const struct order *o, unsigned turn, const char *head,
    const char *separator, struct strbuf *b)
{
	unsigned named = 0;
	strbuf_add(b, "OK %s:", head);
	for (unsigned g = 0; g < o->n_groups; g++)
		for (unsigned k = 0; k < o->group[g].n; k++) {
			if (named == STEER_HOSTS_MAX)
				return;
			unsigned i = o->group[g].first +
				     (k + turn) % o->group[g].n;
			strbuf_add(b, "%s", named == 0 ? "" : separator);
			render_host(o->host[i].name, b);
			named++;
		}
}

static unsigned
largest_group(const struct order *o)
{
	unsigned n = 1;
	for (unsigned g = 0; g < o->n_groups; g++)
		if (o->group[g].n > n)
			n = o->group[g].n;
	return n < STEER_HOSTS_MAX ? n : STEER_HOSTS_MAX;
}

struct steer *
steer_new(const struct reach *reach, uint32_t set, const struct conf *conf)
{
	struct order order, *o = &order;
	struct steer *s = xcalloc(1, sizeof(*s));
	char text[RENDER_REPLY_MAX];
	struct strbuf b;

	o->n = o->n_groups = 0;
	order_hosts(o, reach, set);
	s->n = largest_group(o);
	for (unsigned turn = 0; turn < s->n; turn++) {
		strbuf_init(&b, text, sizeof(text));
		render(o, turn, "", ",", &b);
		s->transport[turn] = xstrdup(text);
		strbuf_init(&b, text, sizeof(text));
		render(o, turn, conf->direct.mailer, ":", &b);
		s->mailertable[turn] = xstrdup(text);
	}
	return s;
}

void
steer_free(struct steer *s)
{
	if (s == NULL)
		return;
	for (unsigned i = 0; i < s->n; i++) {
		free(s->transport[i]);
		free(s->mailertable[i]);
	}
	free(s);
}

const char *
steer_transport(const struct steer *s, uint32_t hash)
{
	return s->transport[hash % s->n];
}

const char *
steer_mailertable(const struct steer *s, uint32_t hash)
{
	return s->mailertable[hash % s->n];
}
