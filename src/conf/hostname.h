// SPDX-License-Identifier: MIT
// The host's own full name, without asking the DNS.
#ifndef MXD_HOSTNAME_H
#define MXD_HOSTNAME_H

#include "base/dname.h"

// Writes, folded: `name` (of gethostname()) when it has a dot; else the full
// name that begins with it in the file `hosts` (as /etc/hosts) or in the file
// `mailname` (as /etc/mailname); else `name` alone; "localhost" when even that
// is no name. Never the DNS: it may be what is broken, and a lookup would hold
// the start up.
void hostname_full(const char *name, const char *hosts, const char *mailname,
    char out[DNAME_SIZE]);

// The same for this host.
void hostname_own(char out[DNAME_SIZE]);

#endif
