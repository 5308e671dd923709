// SPDX-License-Identifier: MIT
// What the memory says and does, compared with the truth and with the limits.
#ifndef MXD_SIMAUDIT_H
#define MXD_SIMAUDIT_H

#include "sim/simweek.h"

struct simaudit;

// Unless `quiet`, what is wrong is said on standard error, too.
struct simaudit *simaudit_new(const struct fakeworld *fake,
    struct simworld *world, struct simtable *table, bool quiet);
void simaudit_free(struct simaudit *a);

// Somebody looked the domain up. True: nobody ever did before.
bool simaudit_on_lookup(struct simaudit *a, uint32_t domain);
// And hears this, but no mail goes by it.
void simaudit_on_heard(
    struct simaudit *a, uint32_t domain, const struct route_view *v);
// And will act by this answer. `first_at`: when the first mail ever to it came,
// for which the policy service waited; 0: it is none.
void simaudit_on_route(struct simaudit *a, uint32_t domain,
    const struct route_view *v, int64_t first_at);
// A probe begins; `lost`: it will fail though the address is up, at `until`.
void
simaudit_on_probe(struct simaudit *a, uint32_t line, bool lost, int64_t until);
void simaudit_on_relay_lost(struct simaudit *a, unsigned relay);
void simaudit_on_event(struct simaudit *a, const struct fakeworld_event *e);
void simaudit_on_hour(struct simaudit *a);

#endif
