// SPDX-License-Identifier: MIT
// From the configuration and the machine to the figures of the rooms.
#ifndef MXD_PARAMS_H
#define MXD_PARAMS_H

#include "conf/conf.h"
#include "reach/reach.h"

struct daemon;

// The memory's figures from the configuration; `*p` borrows from `d`, `conf`
// and the result, which the caller frees.
struct reach_fixed *params_reach(
    const struct daemon *d, const struct conf *conf, struct reach_params *p);

// Raises the soft limit of descriptors to the hard one.
void params_raise_limit(void);
// How many clients and probes the limit of descriptors allows.
unsigned params_max_clients(const struct conf *conf);
unsigned params_max_probes(const struct conf *conf);

#endif
