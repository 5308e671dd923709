// SPDX-License-Identifier: MIT
// A scripted internet in virtual time, around the real memory and plans.
#ifndef MXD_FAKEWORLD_H
#define MXD_FAKEWORLD_H

#include "reach/reach.h"
#include "route/plan.h"

enum {
	FAKEWORLD_NAMES = 128,
	FAKEWORLD_PEERS = 512,
	FAKEWORLD_FLIGHT = 1024,
	FAKEWORLD_LOG = 256,
};

struct fakeworld_event { // what changed
	int64_t at;
	struct reach_change change; // ENDPOINT, or SET with a transition
	struct plans_transition transition;
};

// In place of the tables below, for worlds that are too large for them. Any may
// be NULL.
struct fakeworld_script {
	void (*mx)(const char *name, struct answer_mx *out);
	void (*addr)(const char *name, int family, struct answer_addr *out);
	int64_t (*dns_ms)(const char *name); // else w->dns_ms
	// Asked when a probe begins; w->greeting_timeout_ms is of that one.
	enum outcome (*probe)(const struct netaddr *to, int64_t *latency_ms);
	// The same for relays; NULL: they stay healthy unprobed.
	struct relays_heard (*relay)(unsigned relay, int64_t *latency_ms);
	void (*event)(const struct fakeworld_event *e);
};

// What the loop does without a pause in between.
enum fakeworld_step {
	FAKEWORLD_TELL,	   // one answer or outcome
	FAKEWORLD_CHANGES, // all that changed by it
	FAKEWORLD_NEXT,	   // all that is due
	FAKEWORLD_LOOKUP,
	FAKEWORLD_STEPS,
};

struct fakeworld {
	struct reach *reach;
	struct reach_params params; // those in use; change, then configure
	struct conf *conf;	    // embedded defaults; tests may write to it
	struct rules *rules;
	struct relays *relays;
	struct plans *plans;
	int64_t now;
	int64_t dns_ms;		     // how long an answer takes
	int64_t greeting_timeout_ms; // of the last probe that began

	struct fakeworld_mx {
		char name[DNAME_SIZE];
		struct answer_mx answer;
	} mx[FAKEWORLD_NAMES];
	unsigned n_mx;
	struct fakeworld_addr {
		char name[DNAME_SIZE];
		int family;
		struct answer_addr answer;
	} addr[FAKEWORLD_NAMES];
	unsigned n_addr;
	struct fakeworld_peer {
		struct netaddr address;
		enum outcome outcome;
		int64_t latency_ms;
		unsigned probes; // begun
		int64_t last_at; // when the last one began
	} peer[FAKEWORLD_PEERS];
	unsigned n_peers;

	struct fakeworld_flight {
		struct reach_due due; // relay's probe: its id is the relay's
		bool for_relay;
		int64_t began_at;
		int64_t at;	      // when its answer comes
		uint64_t serial;      // of those at one time, which is first
		enum outcome outcome; // by the script
		struct relays_heard heard; // of a relay, likewise
	} flight[FAKEWORLD_FLIGHT];	   // a heap by time
	unsigned n_flight, most_in_flight;
	unsigned questions; // to the DNS, in all
	unsigned probes;    // in all, relays' not counted
	uint64_t serial;
	int64_t longest_ns[FAKEWORLD_STEPS]; // in real time

	struct fakeworld_event log[FAKEWORLD_LOG]; // in order
	unsigned n_log;
	struct fakeworld_script script;
};

// Defaults: the embedded configuration, documentation space public, jitter
// seeded, `now` at 1,000 s; one relay "us1" at [192.0.2.1]:587.
void fakeworld_init(struct fakeworld *w);
void fakeworld_fini(struct fakeworld *w);
// Makes the memory anew from w->params (fall, max_domains ...), cold.
void fakeworld_restart(struct fakeworld *w);
// Swaps in what the test wrote to w->conf (rules, relays, routes).
void fakeworld_reconfigure(struct fakeworld *w);
// A configuration with this text; relays "us1" at [192.0.2.1]:587 unless it
// names others. The caller frees it.
struct conf *fakeworld_conf(const char *text);
// Swaps it in as a reload does.
void fakeworld_configure(struct fakeworld *w, const char *text);

// MX of a name: pairs of preference and host, ended by -1. Replaces.
void fakeworld_mx(struct fakeworld *w, const char *name, ...);
void fakeworld_mx_fails(
    struct fakeworld *w, const char *name, enum answer_outcome outcome);
// Addresses of a host, ended by NULL; family by their form. Replaces those of
// the families given; the other families have NODATA.
void fakeworld_host(struct fakeworld *w, const char *name, ...);
void fakeworld_host_fails(
    struct fakeworld *w, const char *name, enum answer_outcome outcome);
// How an address answers from now on; unknown ones answer EHLO at once.
void fakeworld_peer(struct fakeworld *w, const char *address,
    enum outcome outcome, int64_t latency_ms);
struct fakeworld_peer *fakeworld_at(struct fakeworld *w, const char *address);

// Runs everything that is due for `ms` of virtual time.
void fakeworld_run(struct fakeworld *w, int64_t ms);
// Looks a domain up, as the maps do.
struct route_view fakeworld_ask(
    struct fakeworld *w, const char *name, enum reach_interest interest);
// Wanted, run for a minute, asked again: its settled route.
struct route_view fakeworld_settle(struct fakeworld *w, const char *name);
uint32_t fakeworld_domain(const struct fakeworld *w, const char *name);

#endif
