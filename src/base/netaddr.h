// SPDX-License-Identifier: MIT
// IPv4 and IPv6 addresses, prefixes, and what may be connected to.
#ifndef MXD_NETADDR_H
#define MXD_NETADDR_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/attr.h"

// Without padding: compared and hashed as bytes.
struct netaddr {
	uint8_t family; // AF_INET, AF_INET6; 0: no address
	uint8_t zero;	// always 0
	uint16_t port;	// host byte order; 0: none
	uint8_t ip[16]; // network byte order; IPv4: the first 4, the rest 0
};

struct netprefix {
	struct netaddr net; // port 0, bits beyond `bits` are 0
	uint8_t bits;	    // 0-32 or 0-128
};

// Who may be probed (IANA special-purpose registries, RFC 6890).
enum netaddr_class {
	// Globally reachable unicast.
	NETADDR_PUBLIC,
	// Private, unique local, loopback, documentation and benchmarking:
	// public when probe.allow_private says so.
	NETADDR_LOCAL,
	// The others: this-network, shared, link-local, multicast, reserved,
	// IPv4-mapped, 6to4, Teredo, discard ..., and NAT64 (64:ff9b::/96) of
	// anything but a public address.
	NETADDR_NEVER,
};

enum {
	NETADDR_TEXT_MAX = 64 // "[address]:port" and its NUL fit
};

// Reads "192.0.2.1" or "2001:db8::1", nothing before or after; port becomes 0.
// False: no address.
bool netaddr_parse(const char *text, struct netaddr *out) MUST_CHECK;
// Reads what MTAs take for an address where an MX record has its host (RFC 5321
// section 5.1 wants a name). As Postfix 3.7 does: four decimal numbers up to
// 255, which getaddrinfo() then reads, a leading zero as octal; a name that
// getaddrinfo() takes for a number in another base ("0x7f.1"; Sendmail 8.17
// resolves it); an IPv6 address. `text` is as dn_expand() wrote it; port
// becomes 0. False: resolve it, if it is a name.
bool netaddr_parse_mx(const char *text, struct netaddr *out) MUST_CHECK;
// Reads an address as it stands between the brackets of a literal (RFC 5321
// section 4.1.3): "192.0.2.1", "IPv6:2001:db8::1"; and "2001:db8::1", as MTAs
// do. False: no address.
bool netaddr_parse_literal(const char *text, struct netaddr *out) MUST_CHECK;
// Reads "192.0.2.1", "192.0.2.1:53", "2001:db8::1", "[2001:db8::1]:53"; without
// a port in the text it becomes `default_port`. Ports 1-65535.
bool netaddr_parse_port(
    const char *text, uint16_t default_port, struct netaddr *out) MUST_CHECK;
// Writes the address without its port, as inet_ntop() does; returns `out`.
const char *netaddr_format(const struct netaddr *a, char out[NETADDR_TEXT_MAX]);
// Writes "192.0.2.1:25" or "[2001:db8::1]:25"; returns `out`.
const char *
netaddr_format_port(const struct netaddr *a, char out[NETADDR_TEXT_MAX]);

// Same address and port.
bool netaddr_equal(const struct netaddr *a, const struct netaddr *b);
// Same address, whatever the ports.
bool netaddr_same_ip(const struct netaddr *a, const struct netaddr *b);
// From 4 (IPv4) or 16 (IPv6) bytes in network order; port 0.
struct netaddr netaddr_from_bytes(int family, const void *bytes);
// Families other than AF_INET and AF_INET6 give family 0. An IPv4-mapped
// IPv6 address becomes the IPv4 address.
struct netaddr netaddr_from_sockaddr(const struct sockaddr *sa);
// An IPv4-mapped IPv6 address becomes the IPv4 address (RFC 4291 section
// 2.5.5.2), others stay as they are; with its port.
struct netaddr netaddr_unmap(const struct netaddr *a);
// As netaddr_same_ip(), but an IPv4-mapped address leads to where the IPv4
// address does.
bool netaddr_same_host(const struct netaddr *a, const struct netaddr *b);
// Returns the length to give to connect() or bind().
socklen_t
netaddr_to_sockaddr(const struct netaddr *a, struct sockaddr_storage *out);
// The address with all bits after the first `bits` cleared, port 0.
struct netaddr netaddr_mask(const struct netaddr *a, unsigned bits);
// An entry of the registries that is "globally reachable" is public; family 0
// is never.
enum netaddr_class netaddr_class(const struct netaddr *a);
// 127.0.0.0/8 and ::1.
bool netaddr_is_loopback(const struct netaddr *a);

// Reads "203.0.113.0/24", or an address alone as /32 or /128. False when it is
// no prefix, or has bits set beyond its length.
bool netprefix_parse(const char *text, struct netprefix *out) MUST_CHECK;
bool netprefix_contains(const struct netprefix *p, const struct netaddr *a);

#endif
