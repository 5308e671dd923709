// SPDX-License-Identifier: MIT
// DNS records as Postfix writes them to smtp_dns_reply_filter:
// "aspmx.g.test. 300 IN A 198.51.100.1" (postconf(5), dns_strrecord()).
#ifndef MXD_RRTEXT_H
#define MXD_RRTEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/dname.h"
#include "base/netaddr.h"

enum rrtext_type {
	RRTEXT_OTHER, // TLSA, SRV, TXT ...: we have no opinion on them
	RRTEXT_MX,
	RRTEXT_ADDRESS, // A or AAAA
};

struct rrtext {
	enum rrtext_type type;
	char owner[DNAME_SIZE]; // folded, as dname_fold_mx() does
	struct netaddr address; // RRTEXT_ADDRESS only; port 0
};

// Decodes a whole record. False: not a record that we understand (the answer to
// it is "no opinion", never an error). Fields are separated by one or more
// blanks; class IN in any case; the data of other types than A and AAAA is not
// read.
bool rrtext_decode(const char *text, size_t len, struct rrtext *out);

#endif
