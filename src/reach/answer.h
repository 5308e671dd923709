// SPDX-License-Identifier: MIT
// DNS answers as the memory is told them.
#ifndef MXD_ANSWER_H
#define MXD_ANSWER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/dname.h"
#include "base/netaddr.h"

enum answer_outcome {
	ANSWER_OK,	 // at least one record of the type (or a null MX)
	ANSWER_NODATA,	 // the name exists, without records of the type
	ANSWER_NXDOMAIN, // the name does not exist
	ANSWER_SERVFAIL, // SERVFAIL, or a code that no other value names
	ANSWER_REFUSED,
	ANSWER_TIMEOUT, // no server answered in time, or none could be reached
	ANSWER_UNREADABLE, // an answer that cannot be parsed, or is none to the
			   // question
	ANSWER_LOCAL,	   // we could not ask (descriptors, memory)
};

enum {
	ANSWER_MX_MAX = 64,   // hosts kept: those of lowest preference
	ANSWER_ADDR_MAX = 32, // addresses kept of one family: the first
};

struct answer_mx_host {
	uint16_t preference;   // lower is tried first (RFC 5321 section 5.1)
	char host[DNAME_SIZE]; // folded; an address is its own name
};

struct answer_mx {
	enum answer_outcome outcome;
	uint32_t ttl_s; // ANSWER_OK: lowest of the records and CNAMEs used
	bool null_mx;	// one MX with an empty host (RFC 7505); then n == 0
	bool more;	// hosts are listed that are not kept
	unsigned n; // hosts below; 0 with ANSWER_OK and not null_mx: MX exist,
		    // but none has a usable name
	struct answer_mx_host mx[ANSWER_MX_MAX];
};

struct answer_addr {
	enum answer_outcome outcome;
	uint32_t ttl_s;		    // as above
	char canonical[DNAME_SIZE]; // where the CNAMEs ended; "" without CNAME
	bool more;		    // there are addresses that are not kept
	unsigned n;
	struct netaddr addr[ANSWER_ADDR_MAX]; // port 0
};

// True when the question was answered, even if by "there is none".
bool answer_is_definite(enum answer_outcome outcome);

// "ok", "nodata", "nxdomain", "servfail", "refused", "timeout", "unreadable",
// "local-error".
const char *answer_outcome_name(enum answer_outcome outcome);

#endif
