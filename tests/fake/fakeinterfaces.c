// SPDX-License-Identifier: MIT
// In place of interfaces_read(): what a test says that this host has.
#include "fake/fakeinterfaces.h"

#include <string.h>

#include "base/mem.h"

static const struct netaddr *interfaces;
static unsigned n_interfaces;
static bool broken;

void
fakeinterfaces_set(const struct netaddr *address, unsigned n)
{
	interfaces = address;
	n_interfaces = n;
	broken = false;
}

void
fakeinterfaces_break(void)
{
	fakeinterfaces_set(NULL, 0);
	broken = true;
}

bool
interfaces_read(struct netaddr **out, unsigned *n_out)
{
	*out = xcalloc(n_interfaces + 1, sizeof(**out));
	*n_out = n_interfaces;
	if (n_interfaces > 0)
		memcpy(*out, interfaces, n_interfaces * sizeof(**out));
	return !broken;
}
