// SPDX-License-Identifier: MIT
// What is settled after all keys were read: what one says of another, and lists
// in files of their own.
#ifndef MXD_CONF_FINISH_H
#define MXD_CONF_FINISH_H

#include "conf/reader.h"

// Completes relays and rules, reads the lists of domains, and checks what keys
// say together. `where` tells which keys the file has.
int finish_main(
    const struct reader *r, const struct reader_where *where) MUST_CHECK;

#endif
