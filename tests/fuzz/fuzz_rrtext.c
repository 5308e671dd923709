// SPDX-License-Identifier: MIT
// Fuzzes records as text (the map dnsfilter).
#include "base/mem.h"
#include "fuzz/fuzz.h"
#include "proto/rrtext.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum { GOAL_MX, GOAL_ADDRESS, GOAL_OTHER, GOAL_NOT };
struct fuzz_goal fuzz_goals[] = {
    [GOAL_MX] = {"an MX", 0},
    [GOAL_ADDRESS] = {"an address", 0},
    [GOAL_OTHER] = {"another type", 0},
    [GOAL_NOT] = {"no record", 0},
    {NULL, 0},
};

static bool
same(const struct rrtext *a, const struct rrtext *b)
{
	return a->type == b->type && strcmp(a->owner, b->owner) == 0 &&
	       netaddr_equal(&a->address, &b->address);
}

static void
check_record(const struct rrtext *rr)
{
	char text[DNAME_SIZE + NETADDR_TEXT_MAX + 32], name[DNAME_SIZE];
	char address[NETADDR_TEXT_MAX] = "data";
	struct rrtext again;
	mxd_assert(dname_fold_mx(rr->owner, strlen(rr->owner), name) > 0);
	mxd_assert(strcmp(rr->owner, name) == 0);
	bool four = rr->address.family == AF_INET;
	if (rr->type == RRTEXT_ADDRESS) {
		mxd_assert(four || rr->address.family == AF_INET6);
		mxd_assert(rr->address.port == 0 && rr->address.zero == 0);
		netaddr_format(&rr->address, address);
	} else {
		mxd_assert(rr->address.family == 0);
	}
	int len = snprintf(text, sizeof(text), "%s. 300 in %s %s", rr->owner,
	    rr->type == RRTEXT_MX      ? "mx"
	    : rr->type == RRTEXT_OTHER ? "TLSA"
	    : four		       ? "a"
				       : "aaaa",
	    address);
	mxd_assert(rrtext_decode(text, (size_t)len, &again));
	mxd_assert(same(rr, &again));
}

// Blanks around it change nothing, nor does the case of ASCII letters.
static void
check_variants(
    const uint8_t *data, size_t size, bool good, const struct rrtext *rr)
{
	struct rrtext again;
	bool ascii = true;
	char *copy = xcalloc(1, size + 2);
	copy[0] = '\t';
	copy[size + 1] = ' ';
	memcpy(copy + 1, data, size);
	mxd_assert(rrtext_decode(copy, size + 2, &again) == good);
	mxd_assert(!good || same(rr, &again));
	for (size_t i = 0; i < size; i++) {
		ascii &= data[i] < 0x80;
		copy[i] = (char)toupper(data[i]);
	}
	if (ascii) { // IDNA has its own ways with case
		mxd_assert(rrtext_decode(copy, size, &again) == good);
		mxd_assert(!good || same(rr, &again));
	}
	free(copy);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rrtext rr;
	bool good = rrtext_decode((const char *)data, size, &rr);
	check_variants(data, size, good, &rr);
	if (!good) {
		fuzz_reach(GOAL_NOT);
		return 0;
	}
	check_record(&rr);
	switch (rr.type) {
	case RRTEXT_OTHER:
		fuzz_reach(GOAL_OTHER);
		break;
	case RRTEXT_MX:
		fuzz_reach(GOAL_MX);
		break;
	case RRTEXT_ADDRESS:
		fuzz_reach(GOAL_ADDRESS);
		break;
	}
	return 0;
}
