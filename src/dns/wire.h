// SPDX-License-Identifier: MIT
// DNS messages to answers, by libresolv's ns_initparse().
#ifndef MXD_WIRE_H
#define MXD_WIRE_H

#include <stddef.h>

#include "reach/answer.h"

enum {
	WIRE_ALIAS_MAX = 16,   // CNAMEs followed; more is a loop
	WIRE_RECORD_MAX = 1024 // records of a message; more is no honest answer
};

// What an answer to a question with an OPT says of its server's EDNS (RFC 6891
// section 7; what servers do: RFC 8906 section 3.2).
enum wire_edns {
	WIRE_EDNS_SPOKEN, // its own OPT is there
	WIRE_EDNS_DENIED, // FORMERR, NOTIMP, BADVERS, or an OPT out of place
	WIRE_EDNS_SILENT, // neither
};

enum wire_edns wire_edns(const unsigned char *msg, size_t len);

// Decode a whole DNS message that came as answer to an MX (A, AAAA) question
// for `name` (folded). They follow CNAMEs from `name` within the message, in
// whatever order they stand, take only records of the asked type and class IN
// at their end, compare names without case, skip names that dname_fold_mx()
// refuses, drop duplicates (of a host that has two preferences the lower
// stays), and set every field of `out`. Only records of the answer section are
// taken.
//
// The response code, the bits of EDNS included, maps as: NOERROR to OK or
// NODATA, NXDOMAIN, REFUSED, all others to SERVFAIL. A referral without
// recursion (the server is lame), and CNAMEs that such a server leaves without
// end, are SERVFAIL, too. UNREADABLE is what cannot be parsed, is cut off, has
// no QR bit or another question, or loops.
//
// NODATA and NXDOMAIN, which are believed, are said plainly: the answer section
// is empty, or has only the CNAMEs from `name` to where there is nothing (their
// DNAME and RRSIG may be beside them), and the records asked for stand in no
// other section. A none said otherwise is UNREADABLE.
//
// MX come in the order of preference, then of name, whatever the order on the
// wire; of more than ANSWER_MX_MAX the first stay. Addresses keep the order of
// the message, as RFC 5321 section 5.1 wants; of more than ANSWER_ADDR_MAX the
// first stay. `more` says that others do not. A null MX is "one MX only, with
// the root as host" (RFC 7505 section 3); the root as host beside others is
// skipped. `canonical` stays empty when the CNAMEs end at a name that
// dname_fold_mx() refuses.
//
// An MX whose host is an address (netaddr_parse_mx()) has it as its name, as
// netaddr_format() writes it; such a host is never asked about.
void wire_decode_mx(const char *name, const unsigned char *msg, size_t len,
    struct answer_mx *out);
void wire_decode_addr(const char *name, int family, const unsigned char *msg,
    size_t len, struct answer_addr *out);

#endif
