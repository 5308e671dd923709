// SPDX-License-Identifier: MIT
// From libconfig's settings to the fields that the table of keys names.
#ifndef MXD_CONF_READER_H
#define MXD_CONF_READER_H

#include <libconfig.h>

#include "conf/key.h"
#include "conf/source.h"

// One file while it is read; nothing is owned.
struct reader {
	struct conf *conf;
	const struct source *src; // where the settings stand
	const char *dir;	  // what names of files are relative to
	conf_warn_fn *warn;	  // may be NULL
	void *arg;
	struct err *err;
};

// Key by its index in the table => its setting; NULL: the default holds.
struct reader_where {
	const config_setting_t *setting[KEY_MAX];
};

// Parses the text of `r->src`. -1 and `err` when libconfig refuses it; `out` is
// to be destroyed in either case.
int reader_parse(const struct reader *r, config_t *out) MUST_CHECK;

// Reads a group into the struct at `base`, then gives the keys that it does not
// have their defaults. `group` NULL: only defaults. `where` may be NULL.
int
reader_group(const struct reader *r, const struct conf_keys *keys, void *base,
    const config_setting_t *group, struct reader_where *where) MUST_CHECK;

// Both set "file:line: ..." and return -1. The second says that a value, or one
// of its elements, is not what it must be: `instead`, or what the key says when
// this is NULL; and `hint`, unless NULL.
int reader_fail(const struct reader *r, const config_setting_t *at,
    const char *fmt, ...) PRINTF(3, 4);
int reader_refuse(const struct reader *r, const struct conf_key *key,
    const config_setting_t *value, const char *instead, const char *hint);

// Sets "file:line: what" of a warning and hands it to `warn`.
void reader_warn(const struct reader *r, const config_setting_t *at,
    const char *fmt, ...) PRINTF(3, 4);

// Reads one value that is no list of groups (value kinds: see key.h).
int reader_value(const struct reader *r, const struct conf_key *key, void *base,
    const config_setting_t *value) MUST_CHECK;
// Elements of a list of texts or an array; -1 and `err` when it is neither.
int reader_texts(const struct reader *r, const struct conf_key *key,
    const config_setting_t *value) MUST_CHECK;

// Where a setting stands.
struct source_line
reader_place(const struct reader *r, const config_setting_t *at);

#endif
