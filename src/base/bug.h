// SPDX-License-Identifier: MIT
// Assertions that stay on in release builds: a failed one is our bug.
#ifndef MXD_BUG_H
#define MXD_BUG_H

#include "base/attr.h"

// Says where and what on standard error, then aborts.
void bug_report(const char *file, int line, const char *what) NORETURN;

#define mxd_assert(cond) \
	((cond) ? (void)0 : bug_report(__FILE__, __LINE__, #cond))

#endif
