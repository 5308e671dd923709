// SPDX-License-Identifier: MIT
// The mail filter: libmilter's callbacks.
#ifndef MXD_FILTER_H
#define MXD_FILTER_H

#include "base/err.h"
#include "conf/conf.h"
#include "milter/asker.h"

// Registers the filter with libmilter, whose callbacks have no argument of the
// caller's: there is one filter in a process. Both are borrowed for good. -1
// and `err` when libmilter does not take it.
int
filter_register(const struct conf *conf, struct asker *asker, struct err *err);

// Opens the socket of `milter.listen`, before anything else is done, so that
// what is wrong with it is said at the start. A stale socket file is replaced,
// a live one is not; `listen.mode` and `listen.group` hold for it, too. -1 and
// `err`.
int filter_open(const struct conf *conf, struct err *err);

#endif
