// SPDX-License-Identifier: MIT
// Who we are ourselves: the one place that knows our names and addresses.
//
// Names: self.names. Addresses: self.addresses, those of the interfaces, all of
// loopback (127.0.0.0/8, ::1), and the unspecified ones, which lead there. With
// probe.allow_private: self.addresses alone.
#ifndef MXD_OURSELVES_H
#define MXD_OURSELVES_H

#include <stdbool.h>
#include <stdint.h>

#include "conf/conf.h"

struct ourselves {
	const struct conf *conf; // borrowed
	// Owned; port 0; self.addresses, then those of the interfaces.
	struct netaddr *address;
	unsigned n;
};

// As the interfaces are now. False: they cannot be read, and count as they were
// in `before` (another than `out`; NULL: as none).
bool ourselves_init(struct ourselves *out, const struct conf *conf,
    const struct ourselves *before);
// With these in place of the interfaces of this host.
void ourselves_init_with(struct ourselves *out, const struct conf *conf,
    const struct netaddr *interface, unsigned n);
void ourselves_fini(struct ourselves *o);
// The same addresses.
bool ourselves_equal(const struct ourselves *a, const struct ourselves *b);

// Why the name (folded), or the address, is ours, as "self.names" or
// "loopback"; NULL: it is not. An IPv4-mapped address counts as its IPv4
// address.
const char *ourselves_why_name(const struct ourselves *o, const char *name);
const char *
ourselves_why_address(const struct ourselves *o, const struct netaddr *a);

// The ports on which a mail server takes mail: 25 (RFC 5321), 465 (RFC 8314)
// and 587 (RFC 6409). On another port of ours a tunnel may listen.
bool ourselves_is_mail_port(uint16_t port);

#endif
