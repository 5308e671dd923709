// SPDX-License-Identifier: MIT
// The daemon's memory and plans, made from its configuration.
#ifndef MXD_DAEMON_MEMORY_H
#define MXD_DAEMON_MEMORY_H

#include <stdint.h>

struct daemon;

// Makes both, cold; conf, rules and relays are there.
void memory_init(struct daemon *d, int64_t now);
void memory_fini(struct daemon *d);
// Tells both of the configuration as it is now.
void memory_configure(struct daemon *d, int64_t now);

#endif
