// SPDX-License-Identifier: MIT
// The addresses of this host's interfaces.
#include "base/interfaces.h"

#include <ifaddrs.h>

#include "base/mem.h"

bool
interfaces_read(struct netaddr **out, unsigned *n_out)
{
	struct ifaddrs *list;
	*out = NULL;
	*n_out = 0;
	if (getifaddrs(&list) < 0)
		return false;
	for (const struct ifaddrs *i = list; i != NULL; i = i->ifa_next) {
		if (i->ifa_addr == NULL)
			continue;
		struct netaddr a = netaddr_from_sockaddr(i->ifa_addr);
		if (a.family == 0)
			continue;
		a.port = 0;
		*out = xreallocarray(*out, *n_out + 1, sizeof(**out));
		(*out)[(*n_out)++] = a;
	}
	freeifaddrs(list);
	return true;
}
