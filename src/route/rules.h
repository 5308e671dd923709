// SPDX-License-Identifier: MIT
// The admin's rules and local domains, ready to be matched.
#ifndef MXD_RULES_H
#define MXD_RULES_H

#include <stdbool.h>
#include <stdint.h>

#include "conf/conf.h"
#include "reach/reach.h"

struct rules;

enum { RULES_NONE = -1 };

// `conf` is borrowed and outlives the rules: both are swapped together.
struct rules *rules_new(const struct conf *conf);
void rules_free(struct rules *r); // NULL is fine

// Rule 5: a domain listed as local is never rerouted.
bool rules_is_local(const struct rules *r, const char *domain);

// The first rule, in the order of the file, that matches the domain, or
// RULES_NONE. A condition that the rule does not have matches; `mx` matches
// when any host that the set lists does, and never while `set` is REACH_NONE
// (unknown). `*exact_out`: the domain itself is named by it.
int rules_match(const struct rules *r, const char *domain,
    const struct reach *reach, uint32_t set, bool *exact_out);

// True when the first rule by `mx` or `*` alone that matches a host says
// direct: then the DNS filter drops none of its addresses.
bool rules_spare_host(const struct rules *r, const char *host);
// True when there may be a host of which rules_spare_host() says so.
bool rules_spare_any(const struct rules *r);

#endif
