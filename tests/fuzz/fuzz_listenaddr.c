// SPDX-License-Identifier: MIT
// Fuzzes addresses, prefixes and the entries of `listen`.
#include "base/mem.h"
#include "base/netaddr.h"
#include "base/zoneaddr.h"
#include "conf/check.h"
#include "fuzz/fuzz.h"
#include "base/listenaddr.h"

#include <stdio.h>
#include <string.h>

enum {
	GOAL_ADDRESS,
	GOAL_PORT,
	GOAL_ZONE,
	GOAL_PREFIX,
	GOAL_INET,
	GOAL_ANY,
	GOAL_UNIX,
	GOAL_NOT,
	GOAL_REFUSED,
};
struct fuzz_goal fuzz_goals[] = {
    [GOAL_ADDRESS] = {"an address", 0},
    [GOAL_PORT] = {"an address with a port", 0},
    [GOAL_ZONE] = {"an address with a zone", 0},
    [GOAL_PREFIX] = {"a prefix", 0},
    [GOAL_INET] = {"an inet entry", 0},
    [GOAL_ANY] = {"an entry for any address", 0},
    [GOAL_UNIX] = {"a unix entry", 0},
    [GOAL_NOT] = {"no entry", 0},
    [GOAL_REFUSED] = {"one that the configuration refuses", 0},
    {NULL, 0},
};

static void
check_address(const char *text)
{
	struct netaddr a, b;
	char out[NETADDR_TEXT_MAX];
	if (netaddr_parse(text, &a)) {
		mxd_assert(a.port == 0 && a.zero == 0);
		mxd_assert(netaddr_parse(netaddr_format(&a, out), &b));
		mxd_assert(netaddr_equal(&a, &b));
		fuzz_reach(GOAL_ADDRESS);
	}
	if (netaddr_parse_port(text, 53, &a)) {
		mxd_assert(a.port != 0 && a.zero == 0);
		mxd_assert(
		    netaddr_parse_port(netaddr_format_port(&a, out), 0, &b));
		mxd_assert(netaddr_equal(&a, &b));
		struct sockaddr_storage ss;
		netaddr_to_sockaddr(&a, &ss);
		b = netaddr_from_sockaddr((const struct sockaddr *)&ss);
		// A mapped address comes back as the IPv4 one that it is.
		mxd_assert(netaddr_equal(&a, &b) || a.family == AF_INET6);
		fuzz_reach(GOAL_PORT);
	}
}

static void
check_zone(const char *text)
{
	struct zoneaddr a, b;
	char out[ZONEADDR_TEXT_MAX];
	if (!zoneaddr_parse_port(text, 53, &a))
		return;
	mxd_assert(zoneaddr_needs_zone(&a) == (a.zone[0] != '\0'));
	mxd_assert(zoneaddr_parse_port(zoneaddr_format_port(&a, out), 1, &b));
	mxd_assert(netaddr_equal(&a.addr, &b.addr));
	mxd_assert(strcmp(a.zone, b.zone) == 0);
	if (a.zone[0] != '\0')
		fuzz_reach(GOAL_ZONE);
}

static void
check_prefix(const char *text)
{
	struct netprefix p, q;
	char out[NETADDR_TEXT_MAX], again[NETADDR_TEXT_MAX + 8];
	if (!netprefix_parse(text, &p))
		return;
	mxd_assert(netprefix_contains(&p, &p.net));
	snprintf(
	    again, sizeof(again), "%s/%u", netaddr_format(&p.net, out), p.bits);
	mxd_assert(netprefix_parse(again, &q));
	mxd_assert(netaddr_equal(&p.net, &q.net) && p.bits == q.bits);
	if (p.bits > 0) { // its first bit is the prefix's
		struct netaddr other = p.net;
		other.ip[0] ^= 0x80;
		mxd_assert(!netprefix_contains(&p, &other));
	}
	fuzz_reach(GOAL_PREFIX);
}

static void
check_entry(const char *text)
{
	struct listenaddr a;
	struct err err = {.text = ""};
	char kept[CHECK_TEXT_SIZE];
	bool good = listenaddr_parse(text, &a, &err) == 0;
	// What the configuration takes can be listened to.
	const char *wrong = check_listen(text, kept);
	mxd_assert(wrong != NULL || (good && strcmp(kept, text) == 0));
	mxd_assert(good == (err.text[0] == '\0'));
	if (wrong != NULL)
		fuzz_reach(GOAL_REFUSED);
	if (!good) {
		fuzz_reach(GOAL_NOT);
		return;
	}
	switch (a.kind) {
	case LISTENADDR_INET:
	case LISTENADDR_ANY:
		mxd_assert(a.inet.port != 0 && a.inet.family != 0);
		fuzz_reach(a.kind == LISTENADDR_ANY ? GOAL_ANY : GOAL_INET);
		break;
	case LISTENADDR_UNIX:
		mxd_assert(a.path == text + 5 && a.path[0] == '/');
		fuzz_reach(GOAL_UNIX);
		break;
	}
	mxd_assert(listenaddr_match(text, text));
	mxd_assert(listenaddr_overlaps(text, text));
	mxd_assert(!listenaddr_match(text, "inet:192.0.2.77:1") ||
		   a.kind == LISTENADDR_INET);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = xstrndup((const char *)data, size);
	check_address(text);
	check_zone(text);
	check_prefix(text);
	check_entry(text);
	free(text);
	return 0;
}
