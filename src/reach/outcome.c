// SPDX-License-Identifier: MIT
// Names and meaning of what a probe can find.
#include "reach/outcome.h"

#include <stddef.h>

#include "base/bug.h"

struct meaning {
	const char *name;
	enum outcome_says says;
};

static const struct meaning *
meaning_of(enum outcome outcome)
{
	static const struct meaning table[] = {
	    [OUTCOME_NONE] = {"none", OUTCOME_SAYS_NOTHING},
	    [OUTCOME_CONNECTED] = {"connected", OUTCOME_SAYS_UP},
	    [OUTCOME_GREETING] = {"greeting", OUTCOME_SAYS_UP},
	    [OUTCOME_EHLO] = {"ehlo", OUTCOME_SAYS_UP},
	    [OUTCOME_STARTTLS_OFFERED] = {"starttls-offered", OUTCOME_SAYS_UP},
	    [OUTCOME_REFUSED_SERVICE] = {"refused-service", OUTCOME_SAYS_UP},
	    [OUTCOME_EHLO_REFUSED] = {"ehlo-refused", OUTCOME_SAYS_UP},
	    [OUTCOME_CONNECT_TIMEOUT] = {"connect-timeout", OUTCOME_SAYS_DOWN},
	    [OUTCOME_CONNECT_REFUSED] = {"connect-refused", OUTCOME_SAYS_DOWN},
	    [OUTCOME_CONNECT_RESET] = {"connect-reset", OUTCOME_SAYS_DOWN},
	    [OUTCOME_HOST_UNREACHABLE] = {"host-unreachable",
		OUTCOME_SAYS_DOWN},
	    [OUTCOME_CLOSED_EARLY] = {"closed-early", OUTCOME_SAYS_DOWN},
	    [OUTCOME_RESET_AFTER_DATA] = {"reset-after-data",
		OUTCOME_SAYS_DOWN},
	    [OUTCOME_REPLY_TIMEOUT] = {"reply-timeout", OUTCOME_SAYS_DOWN},
	    [OUTCOME_NOT_SMTP] = {"not-smtp", OUTCOME_SAYS_DOWN},
	    [OUTCOME_FORGED_REPLY] = {"forged-reply", OUTCOME_SAYS_DOWN},
	    [OUTCOME_GREETING_TIMEOUT] = {"greeting-timeout",
		OUTCOME_SAYS_SLOW},
	    [OUTCOME_NO_ROUTE] = {"no-route", OUTCOME_SAYS_NOTHING},
	    [OUTCOME_LOCAL_ERROR] = {"local-error", OUTCOME_SAYS_NOTHING},
	};
	_Static_assert(ARRAY_LEN(table) == OUTCOME_COUNT, "one row each");
	mxd_assert((size_t)outcome < ARRAY_LEN(table));
	return &table[outcome];
}

enum outcome_says
outcome_says(enum outcome outcome)
{
	return meaning_of(outcome)->says;
}

const char *
outcome_name(enum outcome outcome)
{
	return meaning_of(outcome)->name;
}
