// SPDX-License-Identifier: MIT
// Checks of the texts of a configuration, and the form that they are kept in.
#ifndef MXD_CONF_CHECK_H
#define MXD_CONF_CHECK_H

#include "conf/conf.h"

enum {
	CHECK_TEXT_SIZE = 1024, // of the longest text and its NUL
	CHECK_NAME_MAX = 63	// of names that stand in log lines and replies
};

// Writes the form that is kept of `src`. Returns NULL when `src` is allowed, ""
// when it is not, or what it must be when that is not what the key says.
typedef const char *check_fn(const char *src, char out[CHECK_TEXT_SIZE]);

check_fn check_text;	       // no control characters; "" too
check_fn check_note;	       // as check_text, and UTF-8
check_fn check_path;	       // as check_text, not ""
check_fn check_token;	       // letters, digits, '.', '_', '-'; not ""
check_fn check_name;	       // check_token, or ""
check_fn check_printable;      // ASCII without blanks and quotes, or ""
check_fn check_group;	       // a group that this host knows, a number, or ""
check_fn check_host;	       // a host's name, folded
check_fn check_domain;	       // a domain's name, folded
check_fn check_pattern;	       // a domain or "*.suffix", folded
check_fn check_pattern_or_all; // "*", too
check_fn check_helo;	       // check_host, "[address]", or ""
check_fn check_listen;	       // "inet:HOST:PORT" with "*", or "unix:/path"
check_fn check_connect;	       // as check_listen, without "*"
check_fn check_nexthop;	       // "[host]" or "[host]:port"
check_fn check_event;	       // what a hook waits for

// Reads "[host]" or "[host]:port"; false: none. `host_out` is folded or the
// address as text, `address_out` of family 0 when the host is a name; the port
// is 25 when there is none.
bool check_nexthop_parse(const char *text, char host_out[CHECK_TEXT_SIZE],
    struct netaddr *address_out, uint16_t *port_out);

#endif
