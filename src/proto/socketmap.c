// SPDX-License-Identifier: MIT
// Socketmap requests: a netstring that holds "map key".
#include "proto/socketmap.h"

#include <string.h>

#include "proto/netstring.h"

enum decoded
socketmap_decode(const char *data, size_t len, struct socketmap_request *out,
    size_t *used_out)
{
	const char *request;
	size_t request_len;
	size_t used;
	enum decoded got = netstring_decode(
	    data, len, SOCKETMAP_REQUEST_MAX, &request, &request_len, &used);
	if (got != DECODED_OK)
		return got;
	const char *space = memchr(request, ' ', request_len);
	if (space == NULL)
		return DECODED_BAD;
	size_t map_len = (size_t)(space - request);
	size_t key_len = request_len - map_len - 1;
	if (map_len == 0 || map_len > SOCKETMAP_MAP_MAX ||
	    key_len > SOCKETMAP_KEY_MAX)
		return DECODED_BAD;
	*out = (struct socketmap_request){
	    .map = request,
	    .map_len = map_len,
	    .key = space + 1,
	    .key_len = key_len,
	};
	*used_out = used;
	return DECODED_OK;
}
