// SPDX-License-Identifier: MIT
// The daemon's state; for the files of this room only.
//
//   lookup.c, policy.c   what clients ask, answered from memory
//   ours.c               which domains the MTA takes for its own
//   work.c               what is due: started, and its answers told
//   say.c                the decision log
//   sockets.c            where clients come in
//   reload.c             a new configuration
//   supervisor.c         what systemd is told of us
#ifndef MXD_DAEMON_INTERNAL_H
#define MXD_DAEMON_INTERNAL_H

#include <event2/event.h>
#include <sys/queue.h>

#include "base/notify.h"
#include "base/recipient.h"
#include "conf/ourselves.h"
#include "daemon/budgets.h"
#include "daemon/daemon.h"
#include "dns/resolver.h"
#include "probe/smtp.h"
#include "reach/reach.h"
#include "route/plan.h"
#include "serve/conn.h"

struct job;    // work.c
struct waiter; // policy.c

struct socket { // a listener of ours
	TAILQ_ENTRY(socket) entry;
	struct listener *listener; // owned
	const struct service *service;
	struct daemon *d;
	bool taken; // over from a supervisor: not ours to close on a reload
};
TAILQ_HEAD(socket_list, socket);

struct service {	  // what a listener serves
	const char *name; // as in `listen` and LISTEN_FDNAMES
	const struct conn_protocol *protocol;
};

struct daemon {
	struct event_base *base;
	const char *conf_path; // borrowed; NULL: embedded defaults
	bool verbose;

	struct conf *conf; // swapped whole, with the three below
	struct rules *rules;
	struct relays *relays;
	struct reach *reach;
	struct plans *plans;

	struct resolver *resolver;
	struct resolver **retired; // of earlier configurations, while questions
	unsigned n_retired;	   // in flight are theirs
	TAILQ_HEAD(, job) jobs;
	struct event *work_event; // active: work_run() is due
	bool woken;		  // it is active already
	int64_t armed_at;	  // else it is due then
	bool told;     // something was told since waiters were looked at
	struct burst { // of transitions, until no change is left to take
		unsigned lines, more, more_domains;
	} burst;
	struct literals { // MX that are addresses, see say_mx_literals()
		int64_t minute_at; // when the minute began; 0: never
		unsigned lines;	   // in it
		unsigned unsaid;   // since the last line
	} literals;
	unsigned local_errors; // of probes, since `warned_at`
	int64_t warned_at;     // 0: never

	struct conn_pool *pool;
	struct socket_list sockets;

	TAILQ_HEAD(, waiter) waiters;
	unsigned n_waiters;
	unsigned n_unseen;	 // of them, the first ones: to be looked at
	struct budgets *budgets; // owned
	int64_t mail_seen_at;	 // last policy or milter request; -1: never

	struct ourselves self; // of `conf`, as of `looked_at`; relays borrow it
	int64_t looked_at;     // at our addresses and resolv.conf
	struct event *tick_event, *term_event, *int_event, *hup_event,
	    *end_event;
	bool ending;

	struct notify notify;
	struct event *watch_event; // NULL: nobody watches
	bool told_ready;
	bool unheard; // the last word did not reach the supervisor
};

// lookup.c
extern const struct conn_protocol lookup_protocol;

// ours.c
// Whether the MTA takes a domain for its own; `arg` is the daemon.
enum recipient_owner ours_owner(const char *domain, size_t len, void *arg);

// policy.c
extern const struct conn_protocol policy_protocol;
// Looks at some of the unseen waiters, and answers those whose route is known
// by now.
void policy_answer_known(struct daemon *d, int64_t now);
// Answers all who wait, as things stand.
void policy_answer_all(struct daemon *d);

// work.c
int work_init(struct daemon *d, struct err *err);
// Cancels all work in flight; the memory is not told.
void work_fini(struct daemon *d);
// Cancels what is in flight for relays.
void work_cancel_relays(struct daemon *d);
// Cancels all that is in flight; the memory is about to go.
void work_cancel_all(struct daemon *d);
// See to it that what is due is begun when the loop comes round.
void work_wake(struct daemon *d, int64_t now);
struct resolver *
work_new_resolver(struct daemon *d, const struct conf *conf, struct err *err);
// Asks this one from now on; the one before answers what it was asked.
void work_swap_resolver(struct daemon *d, struct resolver *resolver);
// Asks the name servers of resolv.conf anew when that has changed.
void work_check_resolver(struct daemon *d);

// say.c: one line each
struct say_lookup {
	const struct route_view *view;
	uint32_t domain;  // of the memory; REACH_NONE: not in it
	const char *name; // from outside, the domain's part; `name_len` bytes
	size_t name_len;
	const char *key; // from outside, whole; for log.recipients
	size_t key_len;
	const char *proto, *map;
	const char *action; // what was done about the mail; NULL: nothing
	int64_t waited_ms;  // -1: did not wait
};
void
say_lookup(const struct daemon *d, const struct say_lookup *what, int64_t now);
void say_filtered(
    const struct daemon *d, const char *host, const struct netaddr *address);
// The route of a domain, and a line when it became another than it was told:
// the plans tell that once, to whoever asks first.
struct route_view say_route(struct daemon *d, uint32_t domain, int64_t now);
void say_endpoint(const struct daemon *d, const struct reach_change *c);
void say_transition(
    const struct daemon *d, uint32_t set, const struct plans_transition *t);
void say_more_transitions(unsigned transitions, unsigned domains);
void say_interfaces_unread(void);
void say_relay(const struct daemon *d, const struct relays_change *c);
// The MX of this domain that are addresses, of those that the memory does not
// know as hosts yet: to be called before it is told the answer. Ten a minute.
void say_mx_literals(struct daemon *d, uint32_t domain,
    const struct answer_mx *answer, int64_t now);
// The fields of a lookup line from "domain=" to "age=", for the map "route".
struct strbuf;
void say_fields(const struct daemon *d, const struct say_lookup *what,
    int64_t now, struct strbuf *b);
// By what evidence: " set=9f31c2a0 outcome=connect-timeout", the set as
// transition lines name it, and how the first of its dead addresses last
// failed, in the order in which the MTA would try them.
void say_evidence(const struct daemon *d, uint32_t domain, struct strbuf *b);

// sockets.c
// Opens the listeners of `conf` that are not open yet into `out`, claiming
// descriptors of `fds` (may be NULL: a reload). With the embedded defaults, one
// that cannot be opened is a warning as long as another can. -1 and `err`: none
// is left open.
int sockets_open(struct daemon *d, const struct conf *conf,
    struct listener_fds *fds, struct socket_list *out, struct err *err);
void sockets_close(struct socket_list *list);
// Makes `fresh` part of the daemon's, and closes those that `conf` does not
// name any more.
void sockets_adopt(
    struct daemon *d, const struct conf *conf, struct socket_list *fresh);

// supervisor.c
// Begins to say that the loop turns, when somebody watches.
void supervisor_init(struct daemon *d);
// Says that lookups are answered, if that could not be said before.
void supervisor_ready(struct daemon *d);
// The configuration is about to be read anew; and how that went ("": well).
void supervisor_reloading(struct daemon *d);
void supervisor_reloaded(struct daemon *d, const char *problem);
void supervisor_ending(struct daemon *d);

// reload.c
// SIGHUP: a new configuration whole, or the old one whole.
void reload(struct daemon *d);
// Looks at our addresses anew; tells the memory when they changed.
void reload_own_addresses(struct daemon *d);

#endif
