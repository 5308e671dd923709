// SPDX-License-Identifier: MIT
// The DNS servers that a resolver asks: their channels, and who is silent.
#include "dns/upstream.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "dns/channel.h"
#include "dns/resolver.h"

#include <stdlib.h>

enum { DNS_PORT = 53 };

void
upstream_note_answer(struct upstream *u)
{
	char text[NETADDR_TEXT_MAX];

	u->unanswered = 0;
	u->answers++;
	if (!u->silent)
		return;
	u->silent = false;
	log_info("dns server=%s state=answering",
	    netaddr_format_port(&u->addr, text));
}

void
upstream_note_silence(struct upstream *u, uint64_t answers_before)
{
	char text[NETADDR_TEXT_MAX];

	if (u->answers != answers_before || ++u->unanswered < UPSTREAM_FALL)
		return;
	u->silent_until = clock_now() + UPSTREAM_SILENT_MS;
	if (u->silent)
		return;
	u->silent = true;
	log_warn(
	    "dns server=%s state=silent", netaddr_format_port(&u->addr, text));
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

// Opens the channel to one server.
static int
upstream_open(
    struct upstream *u, const struct resolver_params *p, struct err *err)
{
	if (u->addr.family != AF_INET && u->addr.family != AF_INET6)
		return err_set(err, "dns servers: one is no address");
	if (u->addr.port == 0)
		u->addr.port = DNS_PORT;
	const struct channel_params params = {
	    .base = p->base,
	    .server = u->addr,
	    .tcp = p->tcp,
	    .timeout_ms = p->timeout_ms,
	};
	u->channel = channel_new(&params, err);
	return u->channel != NULL ? 0 : -1;
}

unsigned
upstream_open_all(
    const struct resolver_params *p, struct upstream **out, struct err *err)
{
	struct netaddr *system = NULL;
	const struct netaddr *servers = p->servers;
	unsigned n = p->n_servers;

	*out = NULL;
	if (n > RESOLVER_SERVERS_MAX) {
		err_set(err, "dns servers: more than %d", RESOLVER_SERVERS_MAX);
		return 0;
	}
	if (n == 0) {
		n = channel_system_servers(p->resolv_conf, &system, err);
		if (n == 0)
			return 0;
		if (n > RESOLVER_SERVERS_MAX)
			n = RESOLVER_SERVERS_MAX;
		servers = system;
	}
	struct upstream *all = xcalloc(n, sizeof(*all));
	unsigned opened = 0;
	for (; opened < n; opened++) {
		all[opened].addr = servers[opened];
		if (upstream_open(&all[opened], p, err) < 0)
			break;
	}
	free(system);
	if (opened < n) {
		upstream_close_all(all, opened);
		return 0;
	}
	*out = all;
	return n;
}

void
upstream_close_all(struct upstream *all, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		channel_free(all[i].channel);
	free(all);
}
