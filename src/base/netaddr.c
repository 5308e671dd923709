// SPDX-License-Identifier: MIT
// IPv4 and IPv6 addresses, prefixes, and what may be connected to.
#include "base/netaddr.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/bug.h"

_Static_assert(sizeof(struct netaddr) == 20, "compared and hashed as bytes");

// Bytes of an address of this family; 0 for none.
static size_t
ip_size(int family)
{
	if (family == AF_INET)
		return 4;
	return family == AF_INET6 ? 16 : 0;
}

bool
netaddr_parse(const char *text, struct netaddr *out)
{
	struct netaddr a = {.family = AF_INET};
	if (inet_pton(AF_INET, text, a.ip) != 1) {
		a = (struct netaddr){.family = AF_INET6};
		if (inet_pton(AF_INET6, text, a.ip) != 1)
			return false;
	}
	*out = a;
	return true;
}

// Four parts, none above 255 when read as decimal; empty ones are not minded.
static bool
is_dotted_quad(const char *text)
{
	unsigned parts = 1, value = 0;
	for (const char *p = text; *p != '\0'; p++) {
		parts += *p == '.';
		value = *p == '.' ? 0 : value * 10 + (unsigned)(*p - '0');
		if (value > 255)
			return false;
	}
	return parts == 4;
}

bool
netaddr_parse_mx(const char *text, struct netaddr *out)
{
	struct in_addr in;
	if (strchr(text, ':') != NULL)
		return netaddr_parse(text, out);
	// What is all digits is an address in this form or nothing at all.
	if (strspn(text, "0123456789.") == strlen(text) &&
	    !is_dotted_quad(text))
		return false;
	if (inet_aton(text, &in) == 0)
		return false;
	*out = netaddr_from_bytes(AF_INET, &in);
	return true;
}

bool
netaddr_parse_literal(const char *text, struct netaddr *out)
{
	if (strncasecmp(text, "IPv6:", 5) != 0)
		return netaddr_parse(text, out);
	return netaddr_parse(text + 5, out) && out->family == AF_INET6;
}

// Reads a decimal number up to 65535 that is the whole text: no sign, no blank,
// no leading zero (octal, to some).
static bool
parse_number(const char *text, unsigned max, unsigned *out)
{
	size_t len = strlen(text);
	if (len == 0 || len > 5 || strspn(text, "0123456789") != len ||
	    (len > 1 && text[0] == '0'))
		return false;
	unsigned n = 0;
	for (const char *p = text; *p != '\0'; p++)
		n = n * 10 + (unsigned)(*p - '0');
	*out = n;
	return n <= max;
}

// Reads `len` bytes as an address of one family.
static bool
parse_part(int family, const char *text, size_t len, struct netaddr *out)
{
	char part[INET6_ADDRSTRLEN];
	if (len >= sizeof(part))
		return false;
	memcpy(part, text, len);
	part[len] = '\0';
	return netaddr_parse(part, out) && out->family == family;
}

bool
netaddr_parse_port(const char *text, uint16_t default_port, struct netaddr *out)
{
	struct netaddr a;
	unsigned port = default_port;
	if (netaddr_parse(text, &a)) {
		a.port = default_port;
		*out = a;
		return true;
	}
	bool bracket = text[0] == '[';
	const char *end = strchr(text, bracket ? ']' : ':');
	if (end == NULL)
		return false;
	if (bracket)
		text++;
	if (!parse_part(
		bracket ? AF_INET6 : AF_INET, text, (size_t)(end - text), &a))
		return false;
	if (bracket)
		end++;
	if (*end == ':') {
		if (!parse_number(end + 1, 65535, &port) || port == 0)
			return false;
	} else if (*end != '\0') {
		return false;
	}
	a.port = (uint16_t)port;
	*out = a;
	return true;
}

const char *
netaddr_format(const struct netaddr *a, char out[NETADDR_TEXT_MAX])
{
	if (inet_ntop(a->family, a->ip, out, NETADDR_TEXT_MAX) == NULL)
		memcpy(out, "-", 2);
	return out;
}

const char *
netaddr_format_port(const struct netaddr *a, char out[NETADDR_TEXT_MAX])
{
	char ip[NETADDR_TEXT_MAX];
	netaddr_format(a, ip);
	bool six = a->family == AF_INET6;
	// The longest address is 45 bytes, so nothing is cut.
	int n = snprintf(out, NETADDR_TEXT_MAX, "%s%.45s%s:%u", six ? "[" : "",
	    ip, six ? "]" : "", a->port);
	mxd_assert(n > 0 && n < NETADDR_TEXT_MAX);
	return out;
}

bool
netaddr_equal(const struct netaddr *a, const struct netaddr *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

bool
netaddr_same_ip(const struct netaddr *a, const struct netaddr *b)
{
	return a->family == b->family &&
	       memcmp(a->ip, b->ip, sizeof(a->ip)) == 0;
}

struct netaddr
netaddr_from_bytes(int family, const void *bytes)
{
	size_t size = ip_size(family);
	mxd_assert(size != 0);
	struct netaddr a = {.family = (uint8_t)family};
	memcpy(a.ip, bytes, size);
	return a;
}

struct netaddr
netaddr_unmap(const struct netaddr *a)
{
	static const uint8_t prefix[12] = {[10] = 0xff, 0xff};
	if (a->family != AF_INET6 || memcmp(a->ip, prefix, sizeof(prefix)) != 0)
		return *a;
	struct netaddr b = netaddr_from_bytes(AF_INET, a->ip + sizeof(prefix));
	b.port = a->port;
	return b;
}

bool
netaddr_same_host(const struct netaddr *a, const struct netaddr *b)
{
	struct netaddr x = netaddr_unmap(a), y = netaddr_unmap(b);
	return netaddr_same_ip(&x, &y);
}

struct netaddr
netaddr_from_sockaddr(const struct sockaddr *sa)
{
	struct netaddr a = {0};
	if (sa->sa_family == AF_INET) {
		struct sockaddr_in in;
		memcpy(&in, sa, sizeof(in));
		a = netaddr_from_bytes(AF_INET, &in.sin_addr);
		a.port = ntohs(in.sin_port);
	} else if (sa->sa_family == AF_INET6) {
		struct sockaddr_in6 in6;
		memcpy(&in6, sa, sizeof(in6));
		a = netaddr_from_bytes(AF_INET6, &in6.sin6_addr);
		a.port = ntohs(in6.sin6_port);
	}
	// A dual-stack socket tells IPv4 peers so.
	return netaddr_unmap(&a);
}

socklen_t
netaddr_to_sockaddr(const struct netaddr *a, struct sockaddr_storage *out)
{
	memset(out, 0, sizeof(*out));
	if (a->family == AF_INET) {
		struct sockaddr_in in = {
		    .sin_family = AF_INET, .sin_port = htons(a->port)};
		memcpy(&in.sin_addr, a->ip, 4);
		memcpy(out, &in, sizeof(in));
		return sizeof(in);
	}
	mxd_assert(a->family == AF_INET6);
	struct sockaddr_in6 in6 = {
	    .sin6_family = AF_INET6, .sin6_port = htons(a->port)};
	memcpy(&in6.sin6_addr, a->ip, 16);
	memcpy(out, &in6, sizeof(in6));
	return sizeof(in6);
}

struct netaddr
netaddr_mask(const struct netaddr *a, unsigned bits)
{
	struct netaddr net = *a;
	net.port = 0;
	for (unsigned i = bits / 8; i < sizeof(net.ip); i++) {
		// The byte in which the prefix ends keeps its first bits.
		unsigned keep = i == bits / 8 ? bits % 8 : 0;
		net.ip[i] &= (uint8_t)(0xff00U >> keep);
	}
	return net;
}

// One entry of a registry: who shares the first `bits` bits of `ip`.
struct special {
	uint8_t bits;
	uint8_t ip[16];
	enum netaddr_class class;
};

// IANA IPv4 Special-Purpose Address Registry, multicast and reserved space; its
// column "Globally Reachable" decides what is public. The most specific first;
// addresses that no row has are public.
static const struct special special4[] = {
    {32, {192, 0, 0, 9}, NETADDR_PUBLIC},  // RFC 7723 PCP anycast
    {32, {192, 0, 0, 10}, NETADDR_PUBLIC}, // RFC 8155 TURN anycast
    {24, {192, 0, 0}, NETADDR_NEVER},	   // RFC 6890 IETF protocols
    {24, {192, 0, 2}, NETADDR_LOCAL},	   // RFC 5737 TEST-NET-1
    {24, {192, 88, 99}, NETADDR_NEVER},	   // RFC 7526 6to4 relays
    {24, {198, 51, 100}, NETADDR_LOCAL},   // RFC 5737 TEST-NET-2
    {24, {203, 0, 113}, NETADDR_LOCAL},	   // RFC 5737 TEST-NET-3
    {16, {169, 254}, NETADDR_NEVER},	   // RFC 3927 link-local
    {16, {192, 168}, NETADDR_LOCAL},	   // RFC 1918 private
    {15, {198, 18}, NETADDR_LOCAL},	   // RFC 2544 benchmarking
    {12, {172, 16}, NETADDR_LOCAL},	   // RFC 1918 private
    {10, {100, 64}, NETADDR_NEVER},	   // RFC 6598 shared
    {8, {0}, NETADDR_NEVER},		   // RFC 791 this network
    {8, {10}, NETADDR_LOCAL},		   // RFC 1918 private
    {8, {127}, NETADDR_LOCAL},		   // RFC 1122 loopback
    {4, {224}, NETADDR_NEVER},		   // RFC 5771 multicast
    {4, {240}, NETADDR_NEVER},		   // RFC 1112 reserved, broadcast
};

// IANA IPv6 Special-Purpose Address Registry, likewise. Beyond it only 2000::/3
// holds global unicast addresses (IANA IPv6 Address Space); the rest of the
// space is reserved by the IETF.
static const struct special special6[] = {
    {128, {0}, NETADDR_NEVER},			      // :: RFC 4291
    {128, {[15] = 1}, NETADDR_LOCAL},		      // ::1 RFC 4291
    {128, {0x20, 1, 0, 1, [15] = 1}, NETADDR_PUBLIC}, // RFC 7723 PCP
    {128, {0x20, 1, 0, 1, [15] = 2}, NETADDR_PUBLIC}, // RFC 8155 TURN
    {128, {0x20, 1, 0, 1, [15] = 3}, NETADDR_PUBLIC}, // RFC 9665 DNS-SD
    {96, {[10] = 0xff, 0xff}, NETADDR_NEVER},	      // RFC 4291 IPv4-mapped
    {96, {0, 0x64, 0xff, 0x9b}, NETADDR_PUBLIC},      // RFC 6052 NAT64
    {64, {1}, NETADDR_NEVER},			      // RFC 6666 discard
    {64, {1, [7] = 1}, NETADDR_NEVER},		      // RFC 9780 dummy
    {48, {0, 0x64, 0xff, 0x9b, 0, 1}, NETADDR_NEVER}, // RFC 8215 local NAT64
    {48, {0x20, 1, 0, 2}, NETADDR_LOCAL},	      // RFC 5180 benchmarking
    {48, {0x20, 1, 0, 4, 1, 0x12}, NETADDR_PUBLIC},   // RFC 7535 AS112
    {32, {0x20, 1, 0, 0}, NETADDR_NEVER},	      // RFC 4380 Teredo
    {32, {0x20, 1, 0, 3}, NETADDR_PUBLIC},	      // RFC 7450 AMT
    {32, {0x20, 1, 0x0d, 0xb8}, NETADDR_LOCAL},	      // RFC 3849 documentation
    {28, {0x20, 1, 0, 0x10}, NETADDR_NEVER},	      // RFC 4843 old ORCHID
    {28, {0x20, 1, 0, 0x20}, NETADDR_PUBLIC},	      // RFC 7343 ORCHIDv2
    {28, {0x20, 1, 0, 0x30}, NETADDR_PUBLIC},	      // RFC 9374 drones
    {23, {0x20, 1}, NETADDR_NEVER},		      // RFC 2928 IETF protocols
    {20, {0x3f, 0xff}, NETADDR_LOCAL},		      // RFC 9637 documentation
    {16, {0x20, 2}, NETADDR_NEVER},		      // RFC 3056 6to4
    {16, {0x5f}, NETADDR_NEVER},		      // RFC 9602 SRv6
    {10, {0xfe, 0x80}, NETADDR_NEVER},		      // RFC 4291 link-local
    {10, {0xfe, 0xc0}, NETADDR_NEVER},		      // RFC 3879 site-local
    {8, {0xff}, NETADDR_NEVER},			      // RFC 4291 multicast
    {7, {0xfc}, NETADDR_LOCAL},			      // RFC 4193 unique local
    {3, {0x20}, NETADDR_PUBLIC},		      // RFC 4291 global unicast
    {0, {0}, NETADDR_NEVER},
};

// True when the first `bits` bits of both are the same.
static bool
same_bits(const uint8_t *a, const uint8_t *b, unsigned bits)
{
	unsigned whole = bits / 8;
	if (memcmp(a, b, whole) != 0)
		return false;
	unsigned rest = bits % 8;
	return rest == 0 || ((a[whole] ^ b[whole]) >> (8 - rest)) == 0;
}

// The class of the first row that has the address.
static enum netaddr_class
class_in(const struct special *rows, size_t n, const uint8_t *ip)
{
	for (size_t i = 0; i < n; i++) {
		if (same_bits(rows[i].ip, ip, rows[i].bits))
			return rows[i].class;
	}
	return NETADDR_PUBLIC;
}

// A NAT64 translator would carry 64:ff9b::10.0.0.1 into its own private space;
// RFC 6052 section 3.1 forbids to write such an address.
static bool
is_nat64_of_special(const struct netaddr *a)
{
	static const uint8_t prefix[12] = {0, 0x64, 0xff, 0x9b};
	return memcmp(a->ip, prefix, sizeof(prefix)) == 0 &&
	       class_in(special4, ARRAY_LEN(special4), a->ip + 12) !=
		   NETADDR_PUBLIC;
}

enum netaddr_class
netaddr_class(const struct netaddr *a)
{
	if (a->family == AF_INET)
		return class_in(special4, ARRAY_LEN(special4), a->ip);
	if (a->family != AF_INET6 || is_nat64_of_special(a))
		return NETADDR_NEVER;
	return class_in(special6, ARRAY_LEN(special6), a->ip);
}

bool
netaddr_is_loopback(const struct netaddr *a)
{
	static const uint8_t one[16] = {[15] = 1};
	return a->family == AF_INET ? a->ip[0] == 127
				    : memcmp(a->ip, one, sizeof(one)) == 0;
}

bool
netprefix_parse(const char *text, struct netprefix *out)
{
	struct netaddr net;
	const char *slash = strchr(text, '/');
	size_t len = slash != NULL ? (size_t)(slash - text) : strlen(text);
	if (!parse_part(AF_INET, text, len, &net) &&
	    !parse_part(AF_INET6, text, len, &net))
		return false;
	unsigned max = (unsigned)ip_size(net.family) * 8;
	unsigned bits = max;
	if (slash != NULL && !parse_number(slash + 1, max, &bits))
		return false;
	struct netaddr masked = netaddr_mask(&net, bits);
	if (!netaddr_equal(&masked, &net))
		return false;
	*out = (struct netprefix){.net = net, .bits = (uint8_t)bits};
	return true;
}

bool
netprefix_contains(const struct netprefix *p, const struct netaddr *a)
{
	return p->net.family == a->family &&
	       same_bits(p->net.ip, a->ip, p->bits);
}
