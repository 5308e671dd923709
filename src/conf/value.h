// SPDX-License-Identifier: MIT
// Times, sizes and file modes as people write them, to numbers and back.
#ifndef MXD_VALUE_H
#define MXD_VALUE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"

enum {
	VALUE_TEXT_MAX = 32 // every formatted value and its NUL fit
};

enum value_result {
	VALUE_OK,
	VALUE_NO_UNIT, // a time that is a bare number
	VALUE_BAD,
};

// Reads "250ms", "5s", "30m", "6h" or "1d": digits and a unit, nothing else. A
// time that does not fit becomes INT64_MAX.
enum value_result value_time(const char *text, int64_t *ms_out) MUST_CHECK;
// Reads "100KiB", "512MiB", "2GiB", "1TiB", or bytes ("1048576"). A size that
// does not fit becomes UINT64_MAX.
enum value_result value_size(const char *text, uint64_t *bytes_out) MUST_CHECK;
// Reads three or four octal digits, "0660"; at most 0777.
enum value_result value_mode(const char *text, unsigned *mode_out) MUST_CHECK;

// Write a value as the readers above take it, in the largest unit that keeps it
// whole; both return `out`.
const char *value_time_format(int64_t ms, char out[VALUE_TEXT_MAX]);
const char *value_size_format(uint64_t bytes, char out[VALUE_TEXT_MAX]);

#endif
