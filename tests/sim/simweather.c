// SPDX-License-Identifier: MIT
// Who answers when in the simulated internet: spells of bad weather.
#include "sim/simworld.h"

#include <stddef.h>

enum { PERMILLE = 1000 };

struct climate {
	int64_t period_ms; // one spell in each at most
	unsigned permille; // of the periods have one
	int64_t min_ms, max_ms;
};

// Facts of the filter: verdicts change by the hour, for hours to days; servers
// go down for minutes to hours; resolvers seldom.
static const struct climate climates[] = {
    [SIM_FILTERED_NET] = {3 * SIM_DAY, 350, SIM_HOUR, 20 * SIM_HOUR},
    [SIM_FILTERED] = {2 * SIM_DAY, 80, SIM_HOUR, 12 * SIM_HOUR},
    [SIM_SERVER_DOWN] = {4 * SIM_DAY, 150, 10 * SIM_MINUTE, 6 * SIM_HOUR},
    [SIM_RESOLVER] = {2 * SIM_DAY, 700, 20 * SIM_MINUTE, 3 * SIM_HOUR},
    [SIM_ZONE] = {7 * SIM_DAY, 50, SIM_HOUR, 8 * SIM_HOUR},
    [SIM_RELAY] = {12 * SIM_HOUR, 500, 5 * SIM_MINUTE, 4 * SIM_HOUR},
    [SIM_RELAY_FULL] = {6 * SIM_HOUR, 700, SIM_MINUTE, 2 * SIM_HOUR},
};

struct spell {
	bool on;
	int64_t since, until;
};

// The spell of a period lies within it; what was before the last few periods is
// long ago.
static struct spell
spell_at(const struct simworld *w, enum sim_salt what, uint64_t of, int64_t now)
{
	const struct climate *c = &climates[what];
	uint64_t key = sim_draw(w, what, of);
	int64_t phase = (int64_t)(key % (uint64_t)c->period_ms);
	int64_t period = (now + phase) / c->period_ms;
	struct spell s = {.until = (period + 1) * c->period_ms - phase};
	for (int64_t p = period; p > period - 3; p--) {
		uint64_t r = sim_mix(key, (uint64_t)p);
		if (r % PERMILLE >= c->permille)
			continue;
		int64_t range = c->max_ms - c->min_ms;
		int64_t lasts = c->min_ms +
				(int64_t)(sim_mix(r, 1) % (uint64_t)range);
		int64_t room = c->period_ms - lasts;
		int64_t begins = p * c->period_ms - phase +
				 (int64_t)(sim_mix(r, 2) % (uint64_t)room);
		if (now >= begins + lasts) {
			s.since = begins + lasts;
			return s;
		}
		if (now >= begins)
			return (struct spell){true, begins, begins + lasts};
		s.until = begins;
	}
	s.since = INT64_MIN / 2;
	return s;
}

// One way of the filter for each of its networks.
static enum outcome
filter_way(const struct simworld *w, uint32_t net)
{
	unsigned r = sim_draw(w, SIM_WAY, net) % 10;
	if (r == 0)
		return OUTCOME_CONNECT_RESET;
	if (r == 1)
		return OUTCOME_RESET_AFTER_DATA;
	return r == 2 ? OUTCOME_GREETING_TIMEOUT : OUTCOME_CONNECT_TIMEOUT;
}

static struct sim_truth
truth_at(const struct simworld *w, uint32_t line, int64_t now)
{
	uint32_t address = line >> 1, net = w->net[address];
	struct spell by_net = spell_at(w, SIM_FILTERED_NET, net, now);
	struct spell by_address = spell_at(w, SIM_FILTERED, line, now);
	struct spell down = spell_at(w, SIM_SERVER_DOWN, address, now);
	unsigned home = sim_draw(w, SIM_AT_HOME, net) % 10;
	if (home < 4) // never filtered
		by_net = by_address = (struct spell){.until = now + SIM_DAY};
	else if (home == 4) // always filtered
		by_net = (struct spell){true, 0, now + SIM_DAY};
	struct sim_truth t = {.until = down.until};
	if (by_net.until < t.until)
		t.until = by_net.until;
	if (by_address.until < t.until)
		t.until = by_address.until;
	// When the last of what bears on it changed.
	t.since = down.since;
	if (by_net.since > t.since)
		t.since = by_net.since;
	if (by_address.since > t.since)
		t.since = by_address.since;
	if (by_net.on || by_address.on) {
		t.state = SIM_DEAD;
		t.how = filter_way(w, net);
	} else if (down.on) {
		bool refuses = sim_draw(w, SIM_REFUSES, line) % 2 == 0;
		t.state = refuses ? SIM_REFUSING : SIM_DEAD;
		t.how = refuses ? OUTCOME_CONNECT_REFUSED
				: OUTCOME_CONNECT_TIMEOUT;
	}
	return t;
}

struct sim_truth
simworld_truth(struct simworld *w, uint32_t line, int64_t now)
{
	struct sim_truth *t = &w->truth[line];
	if (now >= t->until)
		*t = truth_at(w, line, now);
	return *t;
}

bool
simworld_is_sluggish(const struct simworld *w, uint32_t line)
{
	return sim_draw(w, SIM_SLUGGISH, line >> 1) % 200 == 0;
}

int64_t
simworld_latency_ms(const struct simworld *w, uint32_t line)
{
	uint64_t r = sim_draw(w, SIM_LATENCY, line >> 1);
	int64_t way = 60 + (int64_t)(r % 400);
	if (r / 1000 % 20 == 0)
		return way + 6 * SIM_SECOND; // a greet pause
	return r / 1000 % 20 == 1 ? way + 12 * SIM_SECOND : way;
}

enum answer_outcome
simworld_dns(
    const struct simworld *w, uint32_t domain, int64_t now, int64_t *since_out)
{
	struct spell all = spell_at(w, SIM_RESOLVER, 0, now), zone = {0};
	if (domain != UINT32_MAX)
		zone = spell_at(w, SIM_ZONE, domain, now);
	*since_out = zone.since > all.since ? zone.since : all.since;
	if (!all.on && !zone.on)
		return ANSWER_OK;
	uint64_t r = sim_draw(
	    w, SIM_ZONE, (uint64_t)(all.on ? all.since : zone.since));
	return r % 2 == 0 ? ANSWER_SERVFAIL : ANSWER_TIMEOUT;
}

enum sim_relay
simworld_relay(
    const struct simworld *w, unsigned relay, int64_t now, int64_t *since_out)
{
	struct spell down = spell_at(w, SIM_RELAY, relay, now);
	struct spell full = spell_at(w, SIM_RELAY_FULL, relay, now);
	*since_out = down.since;
	if (down.on)
		return SIM_RELAY_DOWN;
	if (full.since > down.since)
		*since_out = full.since;
	return full.on ? SIM_RELAY_BUSY : SIM_RELAY_UP;
}
