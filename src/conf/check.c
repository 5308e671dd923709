// SPDX-License-Identifier: MIT
// Checks of the texts of a configuration, and the form that they are kept in.
#include "conf/check.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/un.h>

#include "base/dname.h"
#include "base/sockpath.h"
#include "base/str.h"

static const char bad[] = ""; // what the key says was not met

// Copies what fits; longer texts are refused, not cut.
static const char *
keep(const char *src, char out[CHECK_TEXT_SIZE])
{
	size_t len = strlen(src);
	if (len >= CHECK_TEXT_SIZE)
		return "shorter: at most 1023 bytes";
	memcpy(out, src, len + 1);
	return NULL;
}

// Texts go into log lines, replies and file names: no line ends, no escapes.
static bool
has_control(const char *s)
{
	for (; *s != '\0'; s++) {
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			return true;
	}
	return false;
}

const char *
check_text(const char *src, char out[CHECK_TEXT_SIZE])
{
	return has_control(src) ? "without control characters" : keep(src, out);
}

// Length of the UTF-8 character at `s` (RFC 3629 section 4); 0: it is none.
static size_t
utf8_length(const char *text)
{
	const unsigned char *s = (const unsigned char *)text;
	size_t n = s[0] < 0x80 ? 1 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
	if (n > 1 && (s[0] < 0xc2 || s[0] > 0xf4))
		return 0;
	for (size_t i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	}
	bool overlong = (s[0] == 0xe0 && s[1] < 0xa0) ||
			(s[0] == 0xf0 && s[1] < 0x90);
	bool surrogate = s[0] == 0xed && s[1] >= 0xa0;
	bool too_large = s[0] == 0xf4 && s[1] >= 0x90;
	return overlong || surrogate || too_large ? 0 : n;
}

// What people wrote comes out again as JSON, which must be UTF-8.
const char *
check_note(const char *src, char out[CHECK_TEXT_SIZE])
{
	for (const char *p = src; *p != '\0'; p += utf8_length(p)) {
		if (utf8_length(p) == 0)
			return "in UTF-8";
	}
	return check_text(src, out);
}

const char *
check_path(const char *src, char out[CHECK_TEXT_SIZE])
{
	return src[0] == '\0' ? bad : check_text(src, out);
}

const char *
check_token(const char *src, char out[CHECK_TEXT_SIZE])
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyz"
				      "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789._-";
	size_t len = strlen(src);
	if (len == 0 || len > CHECK_NAME_MAX || strspn(src, allowed) != len)
		return bad;
	if (src[0] == '-' || src[0] == '.') // "-" says "none" in log lines
		return bad;
	return keep(src, out);
}

const char *
check_name(const char *src, char out[CHECK_TEXT_SIZE])
{
	return src[0] == '\0' ? keep(src, out) : check_token(src, out);
}

const char *
check_printable(const char *src, char out[CHECK_TEXT_SIZE])
{
	if (strlen(src) > CHECK_NAME_MAX)
		return bad;
	for (const char *p = src; *p != '\0'; p++) {
		if (*p <= 0x20 || *p >= 0x7f || *p == '"' || *p == '\\')
			return bad;
	}
	return keep(src, out);
}

const char *
check_group(const char *src, char out[CHECK_TEXT_SIZE])
{
	const char *refused = check_printable(src, out);
	if (refused == NULL && sockpath_check_group(src, NULL) < 0)
		return "the name or the number of a group of this host, or "
		       "\"\"";
	return refused;
}

const char *
check_host(const char *src, char out[CHECK_TEXT_SIZE])
{
	char name[DNAME_SIZE];
	if (dname_fold_host(src, strlen(src), name) < 0)
		return bad;
	return keep(name, out);
}

const char *
check_domain(const char *src, char out[CHECK_TEXT_SIZE])
{
	char name[DNAME_SIZE];
	if (dname_fold(src, strlen(src), name) < 0)
		return bad;
	return keep(name, out);
}

const char *
check_pattern_or_all(const char *src, char out[CHECK_TEXT_SIZE])
{
	char pattern[DNAME_SIZE + 2];
	if (!dname_pattern_fold(src, pattern))
		return bad;
	return keep(pattern, out);
}

const char *
check_pattern(const char *src, char out[CHECK_TEXT_SIZE])
{
	return strcmp(src, "*") == 0 ? bad : check_pattern_or_all(src, out);
}

// Reads 1 to 65535, digits only, no leading zero, as netaddr_parse_port() does;
// 0: it is none.
static uint16_t
port_parse(const char *text)
{
	size_t len = strlen(text);
	if (len == 0 || len > 5 || strspn(text, "0123456789") != len ||
	    text[0] == '0')
		return 0;
	unsigned port = 0;
	for (; *text != '\0'; text++)
		port = port * 10 + (unsigned)(*text - '0');
	return port > UINT16_MAX ? 0 : (uint16_t)port;
}

// Copies what stands between '[' and ']' to `inside`; returns what follows, or
// NULL: no brackets, or nothing or too much between them.
static const char *
brackets(const char *text, char inside[CHECK_TEXT_SIZE])
{
	if (text[0] != '[')
		return NULL;
	const char *end = strchr(text, ']');
	if (end == NULL || end == text + 1 || end - text >= CHECK_TEXT_SIZE)
		return NULL;
	snprintf(
	    inside, CHECK_TEXT_SIZE, "%.*s", (int)(end - text - 1), text + 1);
	return end + 1;
}

const char *
check_helo(const char *src, char out[CHECK_TEXT_SIZE])
{
	if (src[0] == '\0')
		return keep(src, out);
	char inside[CHECK_TEXT_SIZE];
	struct netaddr address;
	const char *rest = brackets(src, inside);
	if (rest == NULL)
		return check_host(src, out);
	// RFC 5321 section 4.1.3: an IPv6 literal has its tag.
	bool tagged = strncasecmp(inside, "IPv6:", 5) == 0;
	if (*rest != '\0' || !netaddr_parse_literal(inside, &address) ||
	    (address.family == AF_INET6 && !tagged))
		return bad;
	return keep(src, out);
}

// "HOST:PORT": HOST an IPv4 address, an IPv6 address in brackets, or, with
// `star`, "*".
static bool
is_inet(const char *text, bool star)
{
	struct netaddr address;
	if (star && text[0] == '*' && text[1] == ':')
		return port_parse(text + 2) != 0;
	// The port's own check: netaddr_parse_port() would supply a missing
	// one.
	const char *colon = strrchr(text, ':');
	if (colon == NULL || port_parse(colon + 1) == 0)
		return false;
	return netaddr_parse_port(text, 0, &address) && address.port != 0;
}

static const char *
check_socket(const char *src, char out[CHECK_TEXT_SIZE], bool star)
{
	if (str_starts_with(src, "inet:"))
		return is_inet(src + 5, star) ? keep(src, out) : bad;
	if (!str_starts_with(src, "unix:/"))
		return bad;
	size_t len = strlen(src + 5);
	if (len >= sizeof(((struct sockaddr_un *)0)->sun_path))
		return "shorter: the system allows 107 bytes for the path";
	if (len == 1)
		return bad; // the root directory
	return check_text(src, out);
}

const char *
check_listen(const char *src, char out[CHECK_TEXT_SIZE])
{
	return check_socket(src, out, true);
}

const char *
check_connect(const char *src, char out[CHECK_TEXT_SIZE])
{
	return check_socket(src, out, false);
}

const char *
check_event(const char *src, char out[CHECK_TEXT_SIZE])
{
	static const char *const events[] = {
	    "transition", "change", "uplink", "relay", "table"};
	for (size_t i = 0; i < ARRAY_LEN(events); i++) {
		if (strcmp(src, events[i]) == 0)
			return keep(src, out);
	}
	return bad;
}

bool
check_nexthop_parse(const char *text, char host_out[CHECK_TEXT_SIZE],
    struct netaddr *address_out, uint16_t *port_out)
{
	char inside[CHECK_TEXT_SIZE], address[NETADDR_TEXT_MAX];
	const char *rest = brackets(text, inside);
	if (rest == NULL)
		return false;
	*port_out = 25;
	if (*rest == ':')
		*port_out = port_parse(rest + 1);
	else if (*rest != '\0')
		return false;
	if (*port_out == 0)
		return false;
	if (netaddr_parse_literal(inside, address_out)) {
		const char *shown = netaddr_format(address_out, address);
		return keep(shown, host_out) == NULL;
	}
	*address_out = (struct netaddr){0};
	return check_host(inside, host_out) == NULL;
}

const char *
check_nexthop(const char *src, char out[CHECK_TEXT_SIZE])
{
	char host[CHECK_TEXT_SIZE];
	struct netaddr address;
	uint16_t port;
	if (src[0] != '[')
		return "written [host] or [host]:port: without brackets the "
		       "MTA "
		       "would look up the relay's MX";
	if (!check_nexthop_parse(src, host, &address, &port))
		return bad;
	// The MTA gets it as it stands here, and may not know IDNA.
	for (const char *p = src; *p != '\0'; p++) {
		if ((unsigned char)*p >= 0x80)
			return "in ASCII: write the name's xn-- form";
	}
	return keep(src, out);
}
