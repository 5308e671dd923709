// SPDX-License-Identifier: MIT
// The configuration: one libconfig file to one immutable struct conf.
#ifndef MXD_CONF_H
#define MXD_CONF_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/log.h"
#include "base/netaddr.h"
#include "base/zoneaddr.h"

// Lists of the configuration are arrays with their length.
struct conf_strings {
	char **item;
	unsigned n;
};

struct conf_prefixes {
	struct netprefix *item;
	unsigned n;
};

enum { CONF_DNS_SERVERS_MAX = 16 };

enum conf_route { // what an admin may ask for
	CONF_ROUTE_AUTO,
	CONF_ROUTE_DIRECT,
	CONF_ROUTE_RELAY,
	CONF_ROUTE_HOLD,
};

enum conf_steer { CONF_STEER_NEXTHOP, CONF_STEER_DNSFILTER, CONF_STEER_OFF };
enum conf_depth {
	CONF_DEPTH_CONNECT,
	CONF_DEPTH_GREETING,
	CONF_DEPTH_EHLO,
	CONF_DEPTH_STARTTLS,
};
enum conf_relay_probe {
	CONF_RELAY_PROBE_SMTP,	  // healthy only on ehlo, starttls-offered
	CONF_RELAY_PROBE_CONNECT, // also for 465
	CONF_RELAY_PROBE_NONE,	  // always healthy
};
enum conf_lookups {
	CONF_LOOKUPS_NONE,
	CONF_LOOKUPS_CHANGED, // all that are not direct
	CONF_LOOKUPS_ALL,
};
enum conf_action { CONF_ACCEPT, CONF_DEFER, CONF_REJECT };
enum conf_endpoint_state {
	CONF_ENDPOINT_REACHABLE,
	CONF_ENDPOINT_UNREACHABLE,
	CONF_ENDPOINT_IGNORE,
};

struct conf_relay {
	char *name;		// default: the host of the nexthop
	char *nexthop;		// as written: "[host]" or "[host]:port"
	char *host;		// of the nexthop, folded; or an address as text
	struct netaddr address; // with the port, when the host is an address;
				// else family 0
	uint16_t port;		// 1-65535; 25 when the nexthop names none
	char *transport;	// of Postfix's master.cf
	char *mailer;		// of Sendmail
	int priority;		// 0-1000; lower first
	int weight;		// 1-1000, within one priority
	enum conf_relay_probe probe;
	struct netaddr *egress; // what it sends from, for SPF; port 0
	unsigned n_egress;
	char *vantage;	   // where it stands; "": not said
	unsigned refusals; // 1-1000, until it counts as refusing
};

struct conf_rule {
	char *name;		     // "#N" (from 1) when none was given
	struct conf_strings domains; // folded patterns: domain and domain_file
	char *domain_file;	     // as written; "": none
	bool by_domain; // it has a condition on the domain, which an empty
			// domain_file makes one that no domain meets
	struct conf_strings mx; // folded patterns
	enum conf_route route;
	unsigned *relays; // indices into conf.relays; none: all
	unsigned n_relays;
	const char *file; // where it stands, for messages
	unsigned line;
};

struct conf_endpoint {
	struct netprefix prefix;
	enum conf_endpoint_state state;
};

struct conf_sender { // who may use the relay
	enum conf_sender_kind {
		CONF_SENDER_DOMAIN, // "domain:isp.example",
				    // "domain:*.isp.example"
		CONF_SENDER_SASL,   // "sasl:user"
		CONF_SENDER_NET,    // "net:192.0.2.0/24"
	} kind;
	char *text; // the pattern (folded) or the user; NULL for net
	struct netprefix prefix; // net
	char *note;		 // "" when there is none
};

struct conf_provider {
	char *name;
	struct conf_strings mx;	   // folded patterns
	struct conf_strings hosts; // folded
	bool rescue;
};

struct conf {
	char *path;		   // of the file; "" for the embedded defaults
	struct conf_strings files; // all that were read: this one, included
				   // ones, providers files, lists of domains
	bool observe;

	struct {
		struct conf_strings socketmap, policy, http;
		struct conf_strings http_hosts; // folded
		struct conf_strings exim, tcp;
		mode_t mode; // 0-0777
		char *group;
		char *http_group, *evidence_group; // "": none
		unsigned max_connections;	   // 1-1000000
	} listen;

	struct {
		struct conf_strings names; // folded; default: the host's FQDN
		struct netaddr *addresses; // port 0
		unsigned n_addresses;
		struct conf_strings
		    local_domains; // folded patterns, those of
				   // local_domain_files included
		struct conf_strings local_domain_files; // as written
	} self;

	struct {
		struct zoneaddr *servers; // with ports
		unsigned n_servers;
		bool tcp;
		int64_t timeout_ms;
		int tries;
		unsigned concurrency;
		int64_t min_ttl_ms, max_ttl_ms, negative_ttl_ms, stale_ms;
		struct conf_strings forged_address_files;
		enum conf_route on_failure; // direct, relay, hold
	} dns;

	struct {
		bool enabled;
		bool asked_spare;	    // asked = "spare"; false: "never"
		char *helo;		    // "": the first of self.names
		struct netaddr bind, bind6; // family 0: not set
		uint16_t port;
		enum conf_depth depth;
		int64_t connect_timeout_ms, greeting_timeout_ms,
		    reply_timeout_ms;
		unsigned concurrency, per_net, per_second;
		unsigned fall, rise;
		int64_t interval_ms, fast_interval_ms;
		int64_t down_interval_ms, down_interval_max_ms, idle_ms;
		unsigned hot_mails; // 1-1000000
		int64_t hot_interval_ms;
		bool ipv4, ipv6; // protocols
		bool allow_private;
	} probe;

	struct {
		struct conf_strings canaries;
		enum conf_route on_port25_closed; // direct, relay, hold
	} uplink;

	struct {
		enum conf_steer steer;
		bool filter_all;
		char *mailer;
	} direct;

	struct conf_relay *relays;
	unsigned n_relays;
	bool relay_refused;
	bool hold_retry; // hold_answer = "retry"; false: "notfound"

	struct conf_rule *rules;
	unsigned n_rules;
	struct conf_endpoint *endpoints; // first match wins
	unsigned n_endpoints;
	struct conf_strings provider_files; // as written
	struct conf_provider *providers;
	unsigned n_providers;

	struct {
		int64_t wait_ms; // 0-60 s
		unsigned max_waiting;
		enum conf_action on_hold; // accept, defer
		struct conf_sender *senders;
		unsigned n_senders;
		struct conf_strings sender_files; // as written
		enum conf_action on_sender_refused;
	} policy;

	struct {
		char *listen, *daemon;
		int64_t wait_ms; // 0-9 s
		bool header;
		enum conf_action on_hold; // accept, defer
	} milter;

	struct {
		char *file;
		bool start_at_beginning; // start = "beginning"; else "end"
	} feed;

	struct {
		struct conf_hook {
			char *on;
			struct conf_strings command;
			int64_t timeout_ms;
		} * item;
		unsigned n;
	} hooks;

	struct {
		char *path; // "": no table
	} table;

	struct {
		unsigned max_domains; // 1000-16000000
		uint64_t max_memory;  // bytes
		enum conf_route cold; // direct, relay, hold
	} cache;

	struct {
		char *path;
		int64_t history_ms;
		unsigned history_max; // rows
	} store;

	struct {
		enum log_target to;
		enum log_level level;
		enum conf_lookups lookups;
		char *decisions;
		bool recipients;
	} log;
};

// Told of each warning, as "file:line: what": of keys without effect in the
// order of the file, of others after them.
typedef void conf_warn_fn(const char *text, void *arg);

// Reads the file and what it names. NULL and `err` ("file:line: what is wrong
// and what is allowed") on the first error. `path` NULL: the embedded defaults.
// `warn` may be NULL. Names of files are relative to the directory of `path`.
struct conf *
conf_load(const char *path, conf_warn_fn *warn, void *arg, struct err *err);
void conf_free(struct conf *conf); // NULL is fine

// One row a key, for the check of the manual page: calls `each` with the full
// name ("probe.connect_timeout", "relays.nexthop", "providers.mx") and its
// default as a file would have it; "": it must be given.
void conf_each_key(
    void (*each)(const char *key, const char *dflt, void *arg), void *arg);

#endif
