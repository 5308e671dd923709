// SPDX-License-Identifier: MIT
// Reads one value of each kind that is no list of groups.
#ifndef MXD_CONF_READING_H
#define MXD_CONF_READING_H

#include "conf/reader.h"

// As reader_value(), for all kinds but KEY_LIST.
int reading_value(const struct reader *r, const struct conf_key *key,
    void *base, const config_setting_t *value) MUST_CHECK;

// An integer of 32 or 64 bits; the caller has looked at the type.
int64_t reading_integer(const config_setting_t *value);

#endif
