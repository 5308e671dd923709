// SPDX-License-Identifier: MIT
// An address and port to send to, with the link that a link-local one is on.
#include "base/zoneaddr.h"

#include <stdio.h>
#include <string.h>

#include "base/bug.h"
#include "base/str.h"

bool
zoneaddr_needs_zone(const struct zoneaddr *a)
{
	return a->addr.family == AF_INET6 && a->addr.ip[0] == 0xfe &&
	       (a->addr.ip[1] & 0xc0) == 0x80;
}

bool
zoneaddr_set_zone(struct zoneaddr *a, const char *zone)
{
	size_t len = strlen(zone);

	if (len == 0 || len >= sizeof(a->zone))
		return false;
	// No name of an interface has a slash or a blank (the kernel's
	// dev_valid_name()); the rest would confuse whoever reads the address.
	for (const char *p = zone; *p != '\0'; p++)
		if (*p <= ' ' || *p > '~' || strchr("/\"\\[]%", *p) != NULL)
			return false;
	memcpy(a->zone, zone, len + 1);
	return true;
}

bool
zoneaddr_parse_port(
    const char *text, uint16_t default_port, struct zoneaddr *out)
{
	struct zoneaddr a = {0};
	char bare[NETADDR_TEXT_MAX], zone[IF_NAMESIZE];
	const char *percent = strchr(text, '%');

	if (percent == NULL) {
		if (!netaddr_parse_port(text, default_port, &a.addr) ||
		    zoneaddr_needs_zone(&a))
			return false;
		*out = a;
		return true;
	}
	// The zone ends where the bracket closes; without one, with the text.
	bool bracket = text[0] == '[';
	size_t len = strcspn(percent + 1, bracket ? "]" : "");
	if (len >= sizeof(zone) || (bracket && percent[1 + len] != ']'))
		return false;
	memcpy(zone, percent + 1, len);
	zone[len] = '\0';
	int n = snprintf(bare, sizeof(bare), "%.*s%s", (int)(percent - text),
	    text, percent + 1 + len);
	if (n < 0 || n >= (int)sizeof(bare) ||
	    !netaddr_parse_port(bare, default_port, &a.addr) ||
	    !zoneaddr_needs_zone(&a) || !zoneaddr_set_zone(&a, zone))
		return false;
	*out = a;
	return true;
}

const char *
zoneaddr_format_port(const struct zoneaddr *a, char out[ZONEADDR_TEXT_MAX])
{
	char ip[NETADDR_TEXT_MAX];

	if (a->zone[0] == '\0') {
		netaddr_format_port(&a->addr, out);
		return out;
	}
	netaddr_format(&a->addr, ip);
	int n = snprintf(out, ZONEADDR_TEXT_MAX, "[%.45s%%%s]:%u", ip, a->zone,
	    a->addr.port);
	mxd_assert(n > 0 && n < ZONEADDR_TEXT_MAX);
	return out;
}

unsigned
zoneaddr_scope(const struct zoneaddr *a)
{
	char name[IF_NAMESIZE];
	unsigned index = if_nametoindex(a->zone);
	int64_t number;

	if (index != 0 || !str_parse_number(a->zone, UINT32_MAX, &number) ||
	    if_indextoname((unsigned)number, name) == NULL)
		return index;
	return (unsigned)number;
}
