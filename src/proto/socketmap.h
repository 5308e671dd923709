// SPDX-License-Identifier: MIT
// Socketmap requests: a netstring that holds "map key" (Postfix
// socketmap_table(5), Sendmail op.me "K... socket").
#ifndef MXD_SOCKETMAP_H
#define MXD_SOCKETMAP_H

#include <stddef.h>

#include "proto/decoded.h"

enum {
	SOCKETMAP_MAP_MAX = 64,	   // bytes of a map's name
	SOCKETMAP_KEY_MAX = 10000, // bytes of a key
	SOCKETMAP_REQUEST_MAX = SOCKETMAP_MAP_MAX + 1 + SOCKETMAP_KEY_MAX,
	SOCKETMAP_REPLY_MAX = 2048, // bytes of a reply before framing
};

struct socketmap_request {
	const char *map; // into the input; not NUL-terminated
	size_t map_len;	 // 1 to SOCKETMAP_MAP_MAX
	const char *key; // into the input; may hold spaces, NULs, anything
	size_t key_len;	 // 0 to SOCKETMAP_KEY_MAX
};

// Decodes the request at the start of `data`; `*used_out` is its length with
// its frame. The map's name ends at the first space. BAD: broken framing, a
// request that is too long, no space, or a map name that is empty or too long.
enum decoded socketmap_decode(const char *data, size_t len,
    struct socketmap_request *out, size_t *used_out);

#endif
