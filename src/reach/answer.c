// SPDX-License-Identifier: MIT
// Names and meaning of DNS outcomes.
#include "reach/answer.h"

#include <stddef.h>

#include "base/bug.h"

bool
answer_is_definite(enum answer_outcome outcome)
{
	return outcome == ANSWER_OK || outcome == ANSWER_NODATA ||
	       outcome == ANSWER_NXDOMAIN;
}

const char *
answer_outcome_name(enum answer_outcome outcome)
{
	static const char *const names[] = {
	    [ANSWER_OK] = "ok",
	    [ANSWER_NODATA] = "nodata",
	    [ANSWER_NXDOMAIN] = "nxdomain",
	    [ANSWER_SERVFAIL] = "servfail",
	    [ANSWER_REFUSED] = "refused",
	    [ANSWER_TIMEOUT] = "timeout",
	    [ANSWER_UNREADABLE] = "unreadable",
	    [ANSWER_LOCAL] = "local-error",
	};
	mxd_assert((size_t)outcome < ARRAY_LEN(names));
	return names[outcome];
}
