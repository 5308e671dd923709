// SPDX-License-Identifier: MIT
// What the drivers' scripts of the world share.
#ifndef MXD_DRIVE_H
#define MXD_DRIVE_H

#include "fake/fakeworld.h"

#include <stdlib.h>
#include <string.h>

// "d123456.example.com" => 123456; "tenant123456..." too.
static inline unsigned
drive_number(const char *name)
{
	return (unsigned)strtoul(name + strcspn(name, "0123456789"), NULL, 10);
}

// One IPv4 address, and none of another family.
static inline void
drive_answer(
    struct answer_addr *out, int family, const char *address, uint32_t ttl_s)
{
	*out = (struct answer_addr){.outcome = ANSWER_NODATA, .ttl_s = ttl_s};
	if (family != AF_INET)
		return;
	out->outcome = ANSWER_OK;
	out->n = netaddr_parse(address, &out->addr[0]);
}

// How every address answers.
static inline enum outcome
drive_outcome(bool blocked)
{
	return blocked ? OUTCOME_CONNECT_TIMEOUT : OUTCOME_EHLO;
}

#endif
