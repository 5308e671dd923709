// SPDX-License-Identifier: MIT
// Fixture and questions that the tests of the memory and the plans share.
#ifndef MXD_UNIT_WORLD_H
#define MXD_UNIT_WORLD_H

#include <check.h>

#include "fake/fakeworld.h"

#define ASPMX "aspmx.l.google.com"
#define ALT1  "alt1.aspmx.l.google.com"
#define ALT2  "alt2.aspmx.l.google.com"
#define ALT3  "alt3.aspmx.l.google.com"
#define ALT4  "alt4.aspmx.l.google.com"

enum { TIMEOUT_MS = 6000, MINUTE = 60 * 1000, HOUR = 60 * MINUTE };

static struct fakeworld world;
static struct fakeworld *const w = &world;

static inline void
world_setup(void)
{
	fakeworld_init(w);
}

static inline void
world_teardown(void)
{
	fakeworld_fini(w);
}

// The five hosts of a big provider at 203.0.113.1 to .5.
static inline void
world_add_provider(void)
{
	fakeworld_host(w, ASPMX, "203.0.113.1", NULL);
	fakeworld_host(w, ALT1, "203.0.113.2", NULL);
	fakeworld_host(w, ALT2, "203.0.113.3", NULL);
	fakeworld_host(w, ALT3, "203.0.113.4", NULL);
	fakeworld_host(w, ALT4, "203.0.113.5", NULL);
}

static inline void
world_block(const char *address)
{
	fakeworld_peer(w, address, OUTCOME_CONNECT_TIMEOUT, TIMEOUT_MS);
}

static inline void
world_unblock(const char *address)
{
	fakeworld_peer(w, address, OUTCOME_EHLO, 200);
}

// A domain with one host of its own at this address.
static inline void
world_add_simple(const char *domain, const char *host, const char *address)
{
	fakeworld_mx(w, domain, 10, host, -1);
	fakeworld_host(w, host, address, NULL);
}

#define assert_route(view, want_route, want_reason)                    \
	do {                                                           \
		struct route_view view_ = (view);                      \
		char reason_[REASON_TEXT_MAX];                         \
		ck_assert_str_eq(route_name(view_.route), want_route); \
		ck_assert_str_eq(                                      \
		    reason_format(view_.reason, view_.rule, reason_),  \
		    want_reason);                                      \
	} while (0)

#define add_world_case(suite, name, ...)                                     \
	do {                                                                 \
		TCase *tc_ = tcase_create(name);                             \
		tcase_add_checked_fixture(tc_, world_setup, world_teardown); \
		const TTest *const tests_[] = {__VA_ARGS__};                 \
		for (size_t i_ = 0; i_ < sizeof(tests_) / sizeof(*tests_);   \
		     i_++)                                                   \
			tcase_add_test(tc_, tests_[i_]);                     \
		suite_add_tcase(suite, tc_);                                 \
	} while (0)

#endif
