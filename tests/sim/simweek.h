// SPDX-License-Identifier: MIT
// Mail for a number of domains through some days of weather, and what became of
// it, counted against the truth.
#ifndef MXD_SIMWEEK_H
#define MXD_SIMWEEK_H

#include "fake/fakeworld.h"
#include "sim/simworld.h"

struct simweek_params {
	uint64_t seed;
	uint32_t domains;     // 1000 and up
	uint32_t max_domains; // that the memory may hold
	unsigned days;
	unsigned mails;	       // for each domain and day, on the average
	unsigned loss_percent; // of packets
	uint32_t concurrency, per_net, per_second; // limits; 0: the defaults
	bool quiet; // wrong answers are counted only
	// Called every hour to look at the memory; may be NULL.
	void (*hourly)(const struct fakeworld *w);
};

// Only counts: two runs of one seed are the same byte for byte.
struct simtable {
	uint64_t mails, lookups;    // lookups: of the MTA, who acts by them
	uint64_t told[ROUTE_COUNT]; // of these
	uint64_t judged;	    // of these: the truth was plain
	// Beyond what detection may take: must be 0.
	uint64_t false_detours;	  // relay, hold or steer; direct would do
	uint64_t missed;	  // direct or steer into blocked hosts
	uint64_t steered_to_dead; // names a dead host
	uint64_t filtered_live;	  // would drop the address of a live host
	uint64_t dead_relay, busy_relay, false_hold;
	uint64_t unresolved; // not known though the DNS works
	uint64_t first_blocked, first_detoured; // first mails ever
	uint64_t all_busy; // told to go by a busy relay, there was no other
	// Within it.
	uint64_t early_detours, early_misses; // wrong at the moment
	int64_t longest_detour_ms, longest_miss_ms;

	uint64_t probes, lost;	 // lost: though the address was up
	uint64_t worst_hour;	 // probes of an address in an hour
	uint64_t hours_exceeded; // beyond what the intervals allow
	uint64_t most_in_flight, most_in_net, most_in_second;
	uint64_t at_once;      // second probes to one address
	uint64_t true_changes; // of addresses, as probes met them
	uint64_t flips;	       // of verdicts between up and down
	uint64_t flips_unexplained;
	uint64_t transitions; // of sets
	uint64_t most_domains;
	uint64_t sums_wrong; // counts that do not add up
	uint64_t questions;
	struct reach_stats end;
};

struct simtiming { // of the machine, not of the simulation
	int64_t longest_ns[FAKEWORLD_STEPS];
};

void simweek_run(const struct simweek_params *p, struct simtable *out,
    struct simtiming *timing_out);

#endif
