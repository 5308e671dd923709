// SPDX-License-Identifier: MIT
// In place of interfaces_read(): what a test says that this host has.
#ifndef MXD_FAKEINTERFACES_H
#define MXD_FAKEINTERFACES_H

#include "base/interfaces.h"

// From now on the interfaces have these (borrowed); none at first. No test may
// depend on the addresses of the machine that it runs on.
void fakeinterfaces_set(const struct netaddr *address, unsigned n);
// From now on they cannot be read, until they are set again.
void fakeinterfaces_break(void);

#endif
