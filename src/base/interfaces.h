// SPDX-License-Identifier: MIT
// The addresses of this host's interfaces.
#ifndef MXD_INTERFACES_H
#define MXD_INTERFACES_H

#include "base/netaddr.h"

// Reads them as they are now, with port 0, into a list that the caller frees.
// False and an empty list: they cannot be read.
bool interfaces_read(struct netaddr **out, unsigned *n_out);

#endif
