// SPDX-License-Identifier: MIT
// Every key of the configuration: one row each drives defaults, parsing, range
// errors, the manual's check and the dump.
#ifndef MXD_CONF_KEY_H
#define MXD_CONF_KEY_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "conf/check.h"

enum key_type {	       // the field is
	KEY_BOOL,      // bool
	KEY_NUMBER,    // int, unsigned or uint16_t
	KEY_TIME,      // int64_t, milliseconds
	KEY_SIZE,      // uint64_t, bytes
	KEY_MODE,      // mode_t
	KEY_WORD,      // an enum; or bool, for two words
	KEY_TEXT,      // char *
	KEY_PATH,      // char *, relative to the file's directory
	KEY_TEXTS,     // struct conf_strings
	KEY_PATHS,     // struct conf_strings, relative to the file's directory
	KEY_ADDRESS,   // struct netaddr; "" is family 0
	KEY_ADDRESSES, // struct netaddr * and, at `count`, unsigned
	KEY_SERVERS,   // struct zoneaddr * and, at `count`, unsigned
	KEY_PREFIX,    // struct netprefix
	KEY_PROTOCOLS, // bool ipv4, ipv6; the field is the first of them
	KEY_MATCH, // struct conf_sender, whose kind, text and prefix it sets
	KEY_USES,  // names of relays: struct conf_rule, by the list's own code
	KEY_LIST,  // an array of structs and, at `count`, unsigned
};

enum {
	KEY_NO_EFFECT = 1, // accepted, but nothing honours it in this version
	KEY_MAX = 128	   // no table has more rows
};

struct conf_key {
	const char *name; // "probe.port", "relays.nexthop", "relay_refused"
	enum key_type type;
	unsigned flags;
	size_t offset; // of the field in struct conf, or in the list's struct
	size_t size;   // of the field
	size_t
	    count; // offset of the number of elements, or of the second field
	const char *dflt; // as a file would have it; NULL: there must be one
	// Limits of numbers, times and sizes. KEY_WORD: `min` is the value of
	// the first word. KEY_ADDRESS: `min` is the family. KEY_SERVERS: `min`
	// is the port of those that have none and `max` how many there may be.
	int64_t min, max;
	const char *const *words; // KEY_WORD: NULL after the last
	check_fn *check;	  // of each text
	const char *noun;	  // what it must be, when nothing above says
	const struct conf_keys *list; // KEY_LIST: the keys of its groups
};

struct conf_keys {
	const struct conf_key *key;
	unsigned n;
	size_t struct_size; // of the struct that the offsets are in
};

extern const struct conf_keys conf_main_keys;	  // of the configuration
extern const struct conf_keys conf_provider_keys; // of a providers file

// The key of that full name, or NULL.
const struct conf_key *
conf_key_find(const struct conf_keys *keys, const char *name);
// A key whose name is near, or ends so; NULL when none is.
const struct conf_key *
conf_key_guess(const struct conf_keys *keys, const char *name);
// True when the table has keys that begin with "group.".
bool conf_key_is_group(const struct conf_keys *keys, const char *group);

// Writes what the key's value must be: "a number from 1 to 65535".
void conf_key_allowed(const struct conf_key *key, FILE *out);

#endif
