// SPDX-License-Identifier: MIT
// Replies to lookups, written when a plan is made, not when they are asked for.
#ifndef MXD_RENDER_H
#define MXD_RENDER_H

#include <stdint.h>

#include "conf/conf.h"
#include "reach/reach.h"
#include "route/route.h"

// "No change": the space belongs to it (Postfix socketmap_table(5)).
#define RENDER_NOTFOUND "NOTFOUND "

enum {
	STEER_HOSTS_MAX = 4,	// named in one reply
	RENDER_REPLY_MAX = 2048 // bytes of a reply, with its NUL
};

// What is said of mail that is held.
struct hold_reply {
	const char *text; // for people, behind "4.4.1 "
	// hold_answer = "retry": Postfix's retry(8), Sendmail's error mailer.
	const char *transport, *mailertable;
};
const struct hold_reply *hold_reply(enum reason reason);

// The replies of one steered set: one for each rotation.
struct steer;
struct strbuf;

// Appends "[mx.example]"; of an address, as netaddr_format() writes it, the
// literal of RFC 5321 section 4.1.3, which both MTAs read.
void render_host(const char *name, struct strbuf *b);

// Names the reachable and partial hosts of the set, never unknown ones, at most
// STEER_HOSTS_MAX, by preference; at equal preference reachable before partial,
// then rotated (RFC 5321 section 5.1 asks for the load to be spread). A host
// that is an address is named by its literal.
struct steer *
steer_new(const struct reach *reach, uint32_t set, const struct conf *conf);
void steer_free(struct steer *s); // NULL is fine

// "OK :[alt3.x],[alt4.x]": the empty transport keeps the MTA's own. The
// domain's hash chooses the rotation.
const char *steer_transport(const struct steer *s, uint32_t hash);
// "OK esmtp:[alt3.x]:[alt4.x]".
const char *steer_mailertable(const struct steer *s, uint32_t hash);

#endif
