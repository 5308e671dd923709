// SPDX-License-Identifier: MIT
// Routes and the reasons for them: the words of the decision log.
#include "route/route.h"

#include "base/str.h"

const char *
route_name(enum route route)
{
	static const char *const name[ROUTE_COUNT] = {
	    [ROUTE_DIRECT] = "direct",
	    [ROUTE_STEER] = "steer",
	    [ROUTE_RELAY] = "relay",
	    [ROUTE_HOLD] = "hold",
	};
	return name[route];
}

const char *
reason_format(enum reason reason, const char *rule, char out[REASON_TEXT_MAX])
{
	static const char *const name[] = {
	    [REASON_ALL_REACHABLE] = "all-reachable",
	    [REASON_SOME_REACHABLE] = "some-reachable",
	    [REASON_BEST_REACHABLE] = "best-reachable",
	    [REASON_NONE_REACHABLE] = "none-reachable",
	    [REASON_REFUSED_ONLY] = "refused-only",
	    [REASON_UNKNOWN_YET] = "unknown-yet",
	    [REASON_DNS_FAILURE] = "dns-failure",
	    [REASON_NO_DOMAIN] = "no-domain",
	    [REASON_NULL_MX] = "null-mx",
	    [REASON_NO_MX] = "no-mx",
	    [REASON_BAD_NAME] = "bad-name",
	    [REASON_SELF] = "self",
	    [REASON_LOCAL] = "local",
	    [REASON_RULE] = "rule",
	    [REASON_NO_RELAY] = "no-relay",
	};
	struct strbuf b;
	strbuf_init(&b, out, REASON_TEXT_MAX);
	strbuf_add(&b, "%s", name[reason]);
	if (reason == REASON_RULE)
		strbuf_add(&b, ":%s", rule);
	return out;
}
