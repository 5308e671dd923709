// SPDX-License-Identifier: MIT
// Whether the MTA takes a domain for its own.
//
// We know what our configuration lists, not what the MTA's does. Of a domain
// that is listed, but whose users' names the MTA leaves alone (Postfix rewrites
// for $mydestination only), a name such as "u%d" is taken for mail to d.
#include "base/clock.h"
#include "base/dname.h"
#include "daemon/internal.h"

#include <string.h>

// "[192.0.2.1]" or "[IPv6:2001:db8::1]" (RFC 5321 section 4.1.3) of this host.
static bool
is_own_literal(const struct daemon *d, const char *literal, size_t len)
{
	char text[NETADDR_TEXT_MAX];
	struct netaddr a;
	if (len < 2 || literal[len - 1] != ']')
		return false;
	literal++;
	len -= 2;
	if (len >= sizeof(text))
		return false;
	memcpy(text, literal, len);
	text[len] = '\0';
	if (!netaddr_parse_literal(text, &a))
		return false;
	// The MTA knows nothing of probe.allow_private.
	return ourselves_why_address(&d->self, &a) != NULL ||
	       netaddr_is_loopback(&a);
}

// Its MX name this host: the MTA may deliver for it, or hand it on.
static bool
is_measured_self(struct daemon *d, const char *name, size_t len, int64_t now)
{
	uint32_t domain = reach_find_domain(d->reach, name, len);
	return domain != REACH_NONE &&
	       say_route(d, domain, now).reason == REASON_SELF;
}

// Postfix has $mydomain's localhost in $mydestination, and completes short
// names by $mydomain when told to.
static bool
is_short_or_localhost(const char *name)
{
	return strchr(name, '.') == NULL ||
	       strncmp(name, "localhost.", strlen("localhost.")) == 0;
}

enum recipient_owner
ours_owner(const char *domain, size_t len, void *arg)
{
	struct daemon *d = arg;
	struct route_view view;
	char name[DNAME_SIZE];
	if (domain[0] == '[')
		return is_own_literal(d, domain, len) ? RECIPIENT_OURS
						      : RECIPIENT_REMOTE;
	int n = dname_fold_host(domain, len, name);
	if (n < 0)
		return RECIPIENT_REMOTE;
	if (plans_is_ours(d->plans, name, &view) ||
	    strcmp(name, "localhost") == 0)
		return RECIPIENT_OURS;
	if (is_short_or_localhost(name) ||
	    is_measured_self(d, name, (size_t)n, clock_now()))
		return RECIPIENT_MAYBE_OURS;
	return RECIPIENT_REMOTE;
}
