// SPDX-License-Identifier: MIT
// Replies to lookups, written when a plan is made, not when they are asked for.
#ifndef MXD_RENDER_H
#define MXD_RENDER_H

#include <stdint.h>

#include "conf/conf.h"
#include "reach/reach.h"

// "No change": the space belongs to it (Postfix socketmap_table(5)).
#define RENDER_NOTFOUND "NOTFOUND "
// hold_answer = "retry": Postfix's retry(8) and Sendmail's error mailer.
#define RENDER_HOLD_TRANSPORT \
	"OK retry:4.4.1 no MX of this domain and no relay can be reached"
#define RENDER_HOLD_MAILERTABLE \
	"OK error:4.4.1:451 no MX of this domain and no relay can be reached"

enum {
	STEER_HOSTS_MAX = 4,	// named in one reply
	RENDER_REPLY_MAX = 2048 // bytes of a reply, with its NUL
};

// The replies of one steered set: one for each rotation.
struct steer;

// Names the reachable and partial hosts of the set, never unknown ones, at most
// STEER_HOSTS_MAX, by preference; at equal preference reachable before partial,
// then rotated (RFC 5321 section 5.1 asks for the load to be spread).
struct steer *
steer_new(const struct reach *reach, uint32_t set, const struct conf *conf);
void steer_free(struct steer *s); // NULL is fine

// "OK :[alt3.x],[alt4.x]": the empty transport keeps the MTA's own. The
// domain's hash chooses the rotation.
const char *steer_transport(const struct steer *s, uint32_t hash);
// "OK esmtp:[alt3.x]:[alt4.x]".
const char *steer_mailertable(const struct steer *s, uint32_t hash);

#endif
