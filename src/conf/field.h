// SPDX-License-Identifier: MIT
// The fields behind the keys: reaching, freeing and printing them.
#ifndef MXD_CONF_FIELD_H
#define MXD_CONF_FIELD_H

#include <stdio.h>

#include "conf/key.h"

// The field of `key` in the struct at `base`.
void *field_at(const struct conf_key *key, void *base);
// The counter, or second field, that goes with it.
void *field_count(const struct conf_key *key, void *base);

// A field that is a pointer, whatever it points to.
void *field_pointer(const struct conf_key *key, const void *base);
void field_set_pointer(const struct conf_key *key, void *base, void *p);
// A field that is a number, an enum or a bool.
int64_t field_number(const struct conf_key *key, const void *base);
void field_set_number(const struct conf_key *key, void *base, int64_t value);

// Frees what the field owns and makes it 0.
void field_clear(const struct conf_key *key, void *base);
// All fields of a table.
void field_clear_all(const struct conf_keys *keys, void *base);

// Writes the value as a file would have it; of a list of groups the number of
// its elements. `conf` names the relays.
void field_print(const struct conf_key *key, const void *base,
    const struct conf *conf, FILE *out);

// Writes every value of the configuration, one "key = value" a line, those of
// lists as "relays[0].name = ...". What providers files say is not part of it.
void conf_dump(const struct conf *conf, FILE *out);

#endif
