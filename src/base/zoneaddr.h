// SPDX-License-Identifier: MIT
// An address and port to send to, with the link that a link-local one is on.
#ifndef MXD_ZONEADDR_H
#define MXD_ZONEADDR_H

#include <net/if.h>

#include "base/netaddr.h"

// The zone (RFC 4007 section 11) stays a name: the interface may come later, or
// come back under another index.
struct zoneaddr {
	struct netaddr addr;
	char zone[IF_NAMESIZE]; // "eth0", or an index; "": none
};

enum { ZONEADDR_TEXT_MAX = NETADDR_TEXT_MAX + IF_NAMESIZE };

// Reads what netaddr_parse_port() reads, and "fe80::1%eth0",
// "[fe80::1%eth0]:53". False: no address; a link-local one without a zone, or
// another one with.
bool zoneaddr_parse_port(
    const char *text, uint16_t default_port, struct zoneaddr *out) MUST_CHECK;
// Takes "eth0" or "2" as the zone. False: no interface is ever named so.
bool zoneaddr_set_zone(struct zoneaddr *a, const char *zone) MUST_CHECK;
// Writes "192.0.2.1:53", "[2001:db8::1]:53" or "[fe80::1%eth0]:53"; returns
// `out`.
const char *
zoneaddr_format_port(const struct zoneaddr *a, char out[ZONEADDR_TEXT_MAX]);

// True for fe80::/10, which no socket can send to without an interface.
bool zoneaddr_needs_zone(const struct zoneaddr *a);
// The index of the zone's interface, as it is now; 0: none, or none such.
unsigned zoneaddr_scope(const struct zoneaddr *a);

#endif
