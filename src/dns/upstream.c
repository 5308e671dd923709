// SPDX-License-Identifier: MIT
// The DNS servers that a resolver asks: their channels, who is silent, and who
// cannot do EDNS.
#include "dns/upstream.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "dns/channel.h"
#include "dns/resolvconf.h"
#include "dns/resolver.h"

#include <arpa/nameser.h>
#include <stdlib.h>

void
upstream_note_answer(struct upstream *u)
{
	char text[ZONEADDR_TEXT_MAX];

	u->unanswered = 0;
	u->answers++;
	if (!u->silent)
		return;
	u->silent = false;
	log_info("dns server=%s state=answering",
	    zoneaddr_format_port(&u->addr, text));
}

void
upstream_note_silence(struct upstream *u, uint64_t answers_before)
{
	char text[ZONEADDR_TEXT_MAX];

	if (u->answers != answers_before || ++u->unanswered < UPSTREAM_FALL)
		return;
	u->silent_until = clock_now() + UPSTREAM_SILENT_MS;
	if (u->silent)
		return;
	u->silent = true;
	u->edns_shown = false;
	log_warn(
	    "dns server=%s state=silent", zoneaddr_format_port(&u->addr, text));
}

void
upstream_note_edns(struct upstream *u, bool with_opt)
{
	char text[ZONEADDR_TEXT_MAX];

	u->plain_helped = 0;
	if (with_opt) {
		u->edns_shown = true;
		u->edns_refused = 0;
	}
	if (!u->lacks_edns)
		return;
	u->lacks_edns = false;
	log_info(
	    "dns server=%s edns=yes", zoneaddr_format_port(&u->addr, text));
}

void
upstream_note_edns_refused(struct upstream *u)
{
	if (u->edns_shown && ++u->edns_refused >= UPSTREAM_FALL)
		u->edns_shown = false;
}

void
upstream_note_plain_helped(struct upstream *u)
{
	char text[ZONEADDR_TEXT_MAX];

	if (u->lacks_edns || ++u->plain_helped < UPSTREAM_FALL)
		return;
	u->lacks_edns = true;
	u->edns_shown = false;
	u->plain_until = clock_now() + UPSTREAM_PLAIN_MS;
	log_warn("dns server=%s edns=no", zoneaddr_format_port(&u->addr, text));
}

bool
upstream_is_asked_plainly(struct upstream *u)
{
	if (u->edns == NULL)
		return true;
	if (!u->lacks_edns)
		return false;
	int64_t now = clock_now();
	if (now < u->plain_until)
		return true;
	u->plain_until = now + UPSTREAM_PLAIN_MS;
	return false;
}

bool
upstream_edns_is_in_doubt(const struct upstream *u)
{
	return !u->edns_shown;
}

bool
upstream_is_asked_in_turn(struct upstream *u)
{
	if (!u->silent)
		return true;
	int64_t now = clock_now();
	if (now < u->silent_until)
		return false;
	u->silent_until = now + UPSTREAM_SILENT_MS;
	return true;
}

// A link-local server cannot be asked before its interface is there. It stays
// in the list: each question looks anew.
static void
upstream_say_zone(const struct upstream *u)
{
	char text[ZONEADDR_TEXT_MAX];

	if (!zoneaddr_needs_zone(&u->addr) || zoneaddr_scope(&u->addr) != 0)
		return;
	zoneaddr_format_port(&u->addr, text);
	if (u->addr.zone[0] == '\0')
		log_warn(
		    "dns server=%s error=\"link-local, and no interface is "
		    "named\": cannot be asked",
		    text);
	else
		log_warn("dns server=%s error=\"no interface %s\": asked when "
			 "it is there",
		    text, u->addr.zone);
}

// Opens the channels to one server. What fails leaves them to be closed.
static int
upstream_open(
    struct upstream *u, const struct resolver_params *p, struct err *err)
{
	int family = u->addr.addr.family;

	if (family != AF_INET && family != AF_INET6)
		return err_set(err, "dns servers: one is no address");
	if (u->addr.addr.port == 0)
		u->addr.addr.port = NS_DEFAULTPORT;
	upstream_say_zone(u);
	struct channel_params params = {
	    .base = p->base,
	    .server = u->addr,
	    .tcp = p->tcp,
	    .timeout_ms = p->timeout_ms,
	};
	u->plain = channel_new(&params, err);
	if (u->plain == NULL || p->tcp)
		return u->plain != NULL ? 0 : -1;
	params.edns = true;
	u->edns = channel_new(&params, err);
	return u->edns != NULL ? 0 : -1;
}

unsigned
upstream_open_all(
    const struct resolver_params *p, struct upstream **out, struct err *err)
{
	struct zoneaddr system[RESOLVCONF_SERVERS_MAX];
	const struct zoneaddr *servers = p->servers;
	unsigned n = p->n_servers;

	*out = NULL;
	if (n > RESOLVER_SERVERS_MAX) {
		err_set(err, "dns servers: more than %d", RESOLVER_SERVERS_MAX);
		return 0;
	}
	if (n == 0) {
		n = resolvconf_read(p->resolv_conf, system, err);
		if (n == 0)
			return 0;
		servers = system;
	}
	struct upstream *all = xcalloc(n, sizeof(*all));
	unsigned opened = 0;
	for (; opened < n; opened++) {
		all[opened].addr = servers[opened];
		if (upstream_open(&all[opened], p, err) < 0)
			break;
	}
	if (opened < n) {
		upstream_close_all(all, n);
		return 0;
	}
	*out = all;
	return n;
}

void
upstream_close_all(struct upstream *all, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		channel_free(all[i].edns);
		channel_free(all[i].plain);
	}
	free(all);
}
