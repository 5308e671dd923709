// SPDX-License-Identifier: MIT
// Socketmap lookups: a key in, a reply out, from memory alone.
//
// The queue manager of the MTA stands still until we answer, so nothing here
// waits: what is not known is answered as the configuration says, and begun.
#include "base/bug.h"
#include "base/clock.h"
#include "base/str.h"
#include "daemon/internal.h"
#include "proto/netstring.h"
#include "proto/rrtext.h"
#include "proto/socketmap.h"
#include "route/render.h"

#include <string.h>

enum { AFTER_MAIL_MS = 60 * 60 * 1000 };

_Static_assert((int)RENDER_REPLY_MAX <= (int)SOCKETMAP_REPLY_MAX,
    "every reply fits its frame");

struct lookup {
	struct daemon *d;
	int64_t now;
	const char *key;
	size_t key_len;
	char *reply; // SOCKETMAP_REPLY_MAX bytes, for what is not in memory
};

// A map: from a key to a reply.
struct map {
	const char *name;
	const char *(*answer)(struct lookup *l);
};

// The second lookup within a minute is as good as mail while nothing tells us
// of mail.
static enum reach_interest
lookup_interest(const struct daemon *d, int64_t now)
{
	bool told_of_mail = d->mail_seen_at >= 0 &&
			    now - d->mail_seen_at < AFTER_MAIL_MS;
	return told_of_mail ? REACH_ASKED : REACH_ASKED_REPEAT;
}

// The route of a key's domain; `*domain_out` is REACH_NONE when it is not in
// the memory (a bad name, a local domain, no room).
static struct route_view
route_of_key(struct lookup *l, uint32_t *domain_out)
{
	struct daemon *d = l->d;
	char name[DNAME_SIZE];
	*domain_out = REACH_NONE;
	int len = dname_of_address(l->key, l->key_len, name);
	if (len < 0)
		return plans_bad_name();
	struct route_view ours;
	if (plans_is_ours(d->plans, name, &ours))
		return ours;
	uint32_t domain = reach_lookup(
	    d->reach, name, (size_t)len, lookup_interest(d, l->now), l->now);
	if (domain == REACH_NONE)
		return plans_cold(d->plans, 0);
	*domain_out = domain;
	return say_route(d, domain, l->now);
}

static struct say_lookup
describe(const struct lookup *l, const struct route_view *view, uint32_t domain,
    const char *map)
{
	const char *at = memrchr(l->key, '@', l->key_len);
	const char *name = at != NULL ? at + 1 : l->key;
	return (struct say_lookup){
	    .view = view,
	    .domain = domain,
	    .name = name,
	    .name_len = l->key_len - (size_t)(name - l->key),
	    .key = l->key,
	    .key_len = l->key_len,
	    .proto = "socketmap",
	    .map = map,
	    .waited_ms = -1,
	};
}

static const char *
answer_transport(struct lookup *l)
{
	// Postfix asks for "*" at start and every 30 s; an error there would
	// fail every address.
	if (l->key_len == 1 && l->key[0] == '*')
		return RENDER_NOTFOUND;
	uint32_t domain;
	struct route_view view = route_of_key(l, &domain);
	struct say_lookup what = describe(l, &view, domain, "transport");
	say_lookup(l->d, &what, l->now);
	return l->d->conf->observe ? RENDER_NOTFOUND : view.transport;
}

static const char *
answer_mailertable(struct lookup *l)
{
	// After a miss Sendmail goes on to ask for ".parent" and ".".
	if (l->key_len == 0 || l->key[0] == '.')
		return RENDER_NOTFOUND;
	uint32_t domain;
	struct route_view view = route_of_key(l, &domain);
	struct say_lookup what = describe(l, &view, domain, "mailertable");
	say_lookup(l->d, &what, l->now);
	return l->d->conf->observe ? RENDER_NOTFOUND : view.mailertable;
}

static const char *
answer_route(struct lookup *l)
{
	uint32_t domain;
	struct route_view view = route_of_key(l, &domain);
	struct say_lookup what = describe(l, &view, domain, "route");
	struct strbuf b;
	strbuf_init(&b, l->reply, SOCKETMAP_REPLY_MAX);
	strbuf_add(&b, "OK ");
	say_fields(l->d, &what, l->now, &b);
	say_evidence(l->d, domain, &b);
	return l->reply;
}

static bool
is_relay(const struct daemon *d, const struct rrtext *rr)
{
	return relays_have_name(d->relays, rr->owner) ||
	       relays_have_address(d->relays, &rr->address);
}

// Whether an address record tells of mail to a domain of its owner's name.
static bool
is_of_domain(const struct daemon *d, const struct rrtext *rr)
{
	if (is_relay(d, rr))
		return false;
	return reach_find_domain(d->reach, rr->owner, strlen(rr->owner)) !=
		   REACH_NONE ||
	       !reach_is_host_name(d->reach, rr->owner);
}

// smtp(8) is delivering to the owner of an MX record, and to a name without MX
// whose address it asks about: one that we know as a domain, or that is no name
// of a host that we know.
static void
want_owner(struct lookup *l, const struct rrtext *rr)
{
	struct daemon *d = l->d;
	size_t len = strlen(rr->owner);
	if (rr->type == RRTEXT_ADDRESS && !is_of_domain(d, rr))
		return;
	char name[DNAME_SIZE];
	struct route_view ours;
	if (dname_fold(rr->owner, len, name) < 0 ||
	    plans_is_ours(d->plans, name, &ours))
		return;
	reach_lookup(d->reach, name, len, REACH_WANTED, l->now);
}

static const char *
answer_dnsfilter(struct lookup *l)
{
	struct daemon *d = l->d;
	struct rrtext rr;
	if (!rrtext_decode(l->key, l->key_len, &rr) || rr.type == RRTEXT_OTHER)
		return RENDER_NOTFOUND;
	bool drop = rr.type == RRTEXT_ADDRESS &&
		    plans_filter(d->plans, rr.owner, &rr.address);
	if (drop)
		say_filtered(d, rr.owner, &rr.address);
	want_owner(l, &rr);
	return drop && !d->conf->observe ? "OK IGNORE" : RENDER_NOTFOUND;
}

static const struct map maps[] = {
    {"transport", answer_transport},
    {"dnsfilter", answer_dnsfilter},
    {"mailertable", answer_mailertable},
    {"route", answer_route},
};

static const struct map *
map_find(const struct socketmap_request *request)
{
	for (size_t i = 0; i < ARRAY_LEN(maps); i++)
		if (strlen(maps[i].name) == request->map_len &&
		    memcmp(maps[i].name, request->map, request->map_len) == 0)
			return &maps[i];
	return NULL;
}

static void
reply(struct conn *c, const char *text)
{
	char frame[SOCKETMAP_REPLY_MAX + NETSTRING_OVERHEAD];
	size_t len = netstring_encode(text, strlen(text), frame, sizeof(frame));
	mxd_assert(len > 0);
	conn_reply(c, frame, len);
}

static enum conn_step
on_input(struct conn *c, const char *data, size_t len, size_t *used_out,
    void *service)
{
	struct daemon *d = service;
	struct socketmap_request request;
	switch (socketmap_decode(data, len, &request, used_out)) {
	case DECODED_NEED_MORE:
		return CONN_NEED_MORE;
	case DECODED_BAD:
		conn_set_fault(c, "no socketmap request");
		return CONN_BAD;
	case DECODED_OK:
		break;
	}
	const struct map *map = map_find(&request);
	if (map == NULL) {
		reply(c, "PERM no such map");
		return CONN_NEXT;
	}
	char text[SOCKETMAP_REPLY_MAX]; // not zeroed, as in `l` it would be
	struct lookup l = {
	    .d = d,
	    .now = clock_now(),
	    .key = request.key,
	    .key_len = request.key_len,
	    .reply = text,
	};
	reply(c, map->answer(&l));
	work_wake(d, l.now);
	return CONN_NEXT;
}

const struct conn_protocol lookup_protocol = {
    .name = "socketmap",
    .max_input = SOCKETMAP_REQUEST_MAX + NETSTRING_OVERHEAD,
    .on_input = on_input,
};
