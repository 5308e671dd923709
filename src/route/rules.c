// SPDX-License-Identifier: MIT
// The admin's rules and local domains, ready to be matched.
#include "route/rules.h"

#include "base/dnameset.h"
#include "base/mem.h"

#include <stdlib.h>

struct rules {
	const struct conf *conf; // borrowed
	struct dnameset *local;
	struct dnameset **domains; // one a rule
};

struct rules *
rules_new(const struct conf *conf)
{
	struct rules *r = xcalloc(1, sizeof(*r));
	r->conf = conf;
	r->local = dnameset_new(
	    conf->self.local_domains.item, conf->self.local_domains.n);
	r->domains = xcalloc(conf->n_rules + 1, sizeof(*r->domains));
	for (unsigned i = 0; i < conf->n_rules; i++)
		r->domains[i] = dnameset_new(
		    conf->rules[i].domains.item, conf->rules[i].domains.n);
	return r;
}

void
rules_free(struct rules *r)
{
	if (r == NULL)
		return;
	for (unsigned i = 0; i < r->conf->n_rules; i++)
		dnameset_free(r->domains[i]);
	free(r->domains);
	dnameset_free(r->local);
	free(r);
}

bool
rules_is_local(const struct rules *r, const char *domain)
{
	return dnameset_match(r->local, domain) != DNAMESET_NO;
}

static bool
patterns_match(const struct conf_strings *patterns, const char *name)
{
	for (unsigned i = 0; i < patterns->n; i++)
		if (dname_match(patterns->item[i], name))
			return true;
	return false;
}

static bool
any_host_matches(const struct conf_strings *patterns, const struct reach *reach,
    uint32_t set)
{
	uint32_t n = reach_set_view(reach, set).n;
	for (uint32_t i = 0; i < n; i++)
		if (patterns_match(
			patterns, reach_set_host(reach, set, i).name))
			return true;
	return false;
}

int
rules_match(const struct rules *r, const char *domain,
    const struct reach *reach, uint32_t set, bool *exact_out)
{
	for (unsigned i = 0; i < r->conf->n_rules; i++) {
		const struct conf_rule *rule = &r->conf->rules[i];
		enum dnameset_match by = DNAMESET_PATTERN;
		if (rule->by_domain)
			by = dnameset_match(r->domains[i], domain);
		if (by == DNAMESET_NO)
			continue;
		if (rule->mx.n > 0 &&
		    (set == REACH_NONE ||
			!any_host_matches(&rule->mx, reach, set)))
			continue;
		*exact_out = by == DNAMESET_EXACT;
		return (int)i;
	}
	*exact_out = false;
	return RULES_NONE;
}

// Whether a rule speaks of hosts whatever the domain: it has no domains, or
// "*" among them.
static bool
is_for_every_domain(const struct rules *r, unsigned i)
{
	return !r->conf->rules[i].by_domain || dnameset_has_all(r->domains[i]);
}

bool
rules_spare_host(const struct rules *r, const char *host)
{
	for (unsigned i = 0; i < r->conf->n_rules; i++) {
		const struct conf_rule *rule = &r->conf->rules[i];
		if (!is_for_every_domain(r, i))
			continue;
		if (rule->mx.n > 0 && !patterns_match(&rule->mx, host))
			continue;
		return rule->route == CONF_ROUTE_DIRECT;
	}
	return false;
}

bool
rules_spare_any(const struct rules *r)
{
	for (unsigned i = 0; i < r->conf->n_rules; i++)
		if (is_for_every_domain(r, i) &&
		    r->conf->rules[i].route == CONF_ROUTE_DIRECT)
			return true;
	return false;
}
