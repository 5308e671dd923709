// SPDX-License-Identifier: MIT
// Netstrings: "5:hello,".
#include "proto/netstring.h"

#include <stdbool.h>
#include <string.h>

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

enum decoded
netstring_decode(const char *data, size_t len, size_t max,
    const char **payload_out, size_t *payload_len_out, size_t *used_out)
{
	size_t pos = 0;
	size_t size = 0;
	for (; pos < len && is_digit(data[pos]); pos++) {
		size_t digit = (size_t)(data[pos] - '0');
		if (pos > 0 && data[0] == '0')
			return DECODED_BAD;
		// Neither can this overflow, nor are more digits read than
		// `max` has.
		if (digit > max || size > (max - digit) / 10)
			return DECODED_BAD;
		size = size * 10 + digit;
	}
	if (pos == len)
		return DECODED_NEED_MORE;
	if (pos == 0 || data[pos] != ':')
		return DECODED_BAD;
	pos++;
	if (len - pos <= size)
		return DECODED_NEED_MORE;
	if (data[pos + size] != ',')
		return DECODED_BAD;
	*payload_out = data + pos;
	*payload_len_out = size;
	*used_out = pos + size + 1;
	return DECODED_OK;
}

size_t
netstring_encode(const char *payload, size_t len, char *out, size_t size)
{
	char digits[20]; // of 2^64 - 1
	size_t start = sizeof(digits);
	size_t rest = len;
	do {
		digits[--start] = (char)('0' + rest % 10);
		rest /= 10;
	} while (rest > 0);
	size_t n = sizeof(digits) - start;
	if (size < n + 2 || size - n - 2 < len)
		return 0;
	memcpy(out, digits + start, n);
	out[n] = ':';
	memcpy(out + n + 1, payload, len);
	out[n + 1 + len] = ',';
	return n + len + 2;
}
