// SPDX-License-Identifier: MIT
// The truth of a simulated internet: who has which MX, and who answers when.
//
// A function of (seed, time): nothing is stored but what was computed last, so
// a million domains need no table of events.
#ifndef MXD_SIMWORLD_H
#define MXD_SIMWORLD_H

#include "reach/answer.h"
#include "reach/outcome.h"

enum {
	SIM_SECOND = 1000,
	SIM_MINUTE = 60 * SIM_SECOND,
	SIM_HOUR = 60 * SIM_MINUTE,
	SIM_DAY = 24 * SIM_HOUR,
	SIM_HOSTS_MAX = 7, // that a domain lists
	SIM_SHOWN_MAX = 8, // addresses of one family in one answer
	SIM_RELAYS = 2,
	SIM_NET = 64,	     // addresses that are in use of a /24 or /48
	SIM_OWN_ADDRESS = 12 // first byte of the only address of ours
};

#define SIM_NOBODY UINT32_MAX // no domain

enum sim_kind {
	SIM_LEGACY,   // Google's five hosts of 2015
	SIM_PARTIAL,  // only three of them
	SIM_OLD,      // Google's list of 2007 to 2012: seven hosts
	SIM_SINGLE,   // smtp.google.com: many addresses that take turns
	SIM_PROVIDER, // one of twenty others, of one to four hosts
	SIM_TENANT,   // a host name of its own, addresses of a big cluster
	SIM_VANITY,   // a host name of its own at a hosting company's address
	SIM_OWN,      // a host of its own
	SIM_TWO,      // two such
	SIM_DUAL,     // one with IPv4 and IPv6
	SIM_IMPLICIT, // no MX record
	SIM_NULL,     // from here on: never a detour
	SIM_NXDOMAIN,
	SIM_PRIVATE, // its MX has a private address only
	SIM_SELF,    // its MX is ourselves
};

// An address is a line: number of the address << 1, | 1 when it is IPv6.
struct sim_host { // as one domain lists it
	char name[80];
	uint16_t preference;
	uint32_t first;	 // of its addresses
	uint8_t size;	 // that it has
	uint8_t shown;	 // of these, in one answer
	bool six;	 // each with IPv6, too
	uint32_t turn_s; // after which others are shown; 0: never
	uint32_t ttl_s;
	uint64_t salt;
};

enum sim_state { SIM_UP, SIM_DEAD, SIM_REFUSING };

struct sim_truth { // of a line
	enum sim_state state;
	enum outcome how;     // what a probe meets while it is not up
	int64_t since, until; // the last change (or before), a time before
			      // which there is none
};

struct simworld {
	uint64_t seed;
	uint32_t domains;
	uint8_t *kind;		 // of each domain
	uint32_t *first;	 // address of its own, or that it shares
	uint32_t n;		 // addresses
	uint32_t *net;		 // of an address: what is filtered as one
	struct sim_truth *truth; // of a line, as computed last
};

// What is drawn by chance, for an address, a network or a domain: first spells
// of bad weather, then traits for good.
enum sim_salt {
	SIM_FILTERED_NET = 1, // a provider, or a network, as one
	SIM_FILTERED,	      // one address
	SIM_SERVER_DOWN,      // the server
	SIM_RESOLVER,	      // the DNS as a whole
	SIM_ZONE,	      // a domain's own name servers
	SIM_RELAY,
	SIM_AT_HOME, // or always filtered
	SIM_WAY,     // of being filtered
	SIM_REFUSES, // when it is down
	SIM_SLUGGISH,
	SIM_LATENCY,
	SIM_TIED, // all preferences are the same
	SIM_KIND,
	SIM_PLACE,
	SIM_LITERAL,	// lists an address in the place of a name
	SIM_RELAY_FULL, // takes no more of our connections
};

// A number that is the same whenever it is drawn.
uint64_t sim_draw(const struct simworld *w, enum sim_salt what, uint64_t of);

struct simworld *simworld_new(uint64_t seed, uint32_t domains);
void simworld_free(struct simworld *w); // NULL is fine

enum sim_kind simworld_kind(const struct simworld *w, uint32_t domain);
void simworld_name(uint32_t domain, char out[static 32]);
// The hosts that the domain lists by preference, the implicit one included.
unsigned
simworld_hosts(const struct simworld *w, uint32_t domain, struct sim_host *out);
// Whose this name is, a domain's or one of its own hosts'; SIM_NOBODY: a
// provider's.
uint32_t simworld_domain_of(const char *name);
// The numbers that a host's answer shows now; returns how many.
unsigned simworld_shown(
    const struct sim_host *h, int64_t now, uint32_t out[SIM_SHOWN_MAX]);

// The host of this name; false: there is none.
bool simworld_find_host(
    const struct simworld *w, const char *name, struct sim_host *out);

struct sim_truth simworld_truth(struct simworld *w, uint32_t line, int64_t now);
// What goes wrong though the address is up: greetings that come too late.
bool simworld_is_sluggish(const struct simworld *w, uint32_t line);
// How long a good answer takes: the way, and the pause before a greeting.
int64_t simworld_latency_ms(const struct simworld *w, uint32_t line);
// One that is full greets with 421.
enum sim_relay { SIM_RELAY_UP, SIM_RELAY_BUSY, SIM_RELAY_DOWN };
enum sim_relay simworld_relay(
    const struct simworld *w, unsigned relay, int64_t now, int64_t *since_out);

// ANSWER_OK, or how questions about names of the domain, or of a provider
// (SIM_NOBODY), fail now; and since when that is so.
enum answer_outcome simworld_dns(
    const struct simworld *w, uint32_t domain, int64_t now, int64_t *since_out);
void simworld_answer_mx(const struct simworld *w, const char *name, int64_t now,
    struct answer_mx *out);
void simworld_answer_addr(const struct simworld *w, const char *name,
    int family, int64_t now, struct answer_addr *out);
uint32_t simworld_line(const struct netaddr *a);
struct netaddr simworld_address(uint32_t line);

// SplitMix64's mix (Steele, Lea, Flood 2014): hash and generator in one.
uint64_t sim_mix(uint64_t a, uint64_t b);

#endif
