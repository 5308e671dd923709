// SPDX-License-Identifier: MIT
// Times, sizes and file modes as people write them, to numbers and back.
#include "conf/value.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct unit {
	const char *name;
	uint64_t factor;
};

// Largest first: the formatters take the first that keeps the value whole.
static const struct unit time_units[] = {
    {"d", 86400000},
    {"h", 3600000},
    {"m", 60000},
    {"s", 1000},
    {"ms", 1},
};

static const struct unit size_units[] = {
    {"TiB", UINT64_C(1) << 40},
    {"GiB", UINT64_C(1) << 30},
    {"MiB", UINT64_C(1) << 20},
    {"KiB", UINT64_C(1) << 10},
    {"", 1},
};

// Reads the digits at the start; a number that does not fit stays UINT64_MAX.
static const char *
read_digits(const char *text, uint64_t *out)
{
	uint64_t value = 0;
	for (; *text >= '0' && *text <= '9'; text++) {
		unsigned digit = (unsigned)(*text - '0');
		if (value > (UINT64_MAX - digit) / 10)
			value = UINT64_MAX;
		else
			value = value * 10 + digit;
	}
	*out = value;
	return text;
}

static const struct unit *
unit_find(const struct unit *units, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++) {
		if (strcmp(units[i].name, name) == 0)
			return &units[i];
	}
	return NULL;
}

static uint64_t
multiply(uint64_t number, uint64_t factor)
{
	return number > UINT64_MAX / factor ? UINT64_MAX : number * factor;
}

enum value_result
value_time(const char *text, int64_t *ms_out)
{
	uint64_t number;
	const char *end = read_digits(text, &number);
	if (end == text)
		return VALUE_BAD;
	if (*end == '\0')
		return VALUE_NO_UNIT;
	const struct unit *unit = unit_find(
	    time_units, ARRAY_LEN(time_units), end);
	if (unit == NULL)
		return VALUE_BAD;
	uint64_t ms = multiply(number, unit->factor);
	*ms_out = ms > INT64_MAX ? INT64_MAX : (int64_t)ms;
	return VALUE_OK;
}

enum value_result
value_size(const char *text, uint64_t *bytes_out)
{
	uint64_t number;
	const char *end = read_digits(text, &number);
	if (end == text)
		return VALUE_BAD;
	const struct unit *unit = unit_find(
	    size_units, ARRAY_LEN(size_units), end);
	if (unit == NULL)
		return VALUE_BAD;
	*bytes_out = multiply(number, unit->factor);
	return VALUE_OK;
}

enum value_result
value_mode(const char *text, unsigned *mode_out)
{
	size_t len = strlen(text);
	if (len < 3 || len > 4 || strspn(text, "01234567") != len)
		return VALUE_BAD;
	unsigned mode = 0;
	for (const char *p = text; *p != '\0'; p++)
		mode = mode * 8 + (unsigned)(*p - '0');
	if (mode > 0777)
		return VALUE_BAD;
	*mode_out = mode;
	return VALUE_OK;
}

static const char *
format(const struct unit *unit, uint64_t value, char out[VALUE_TEXT_MAX])
{
	while (value % unit->factor != 0)
		unit++; // the last factor is 1
	snprintf(out, VALUE_TEXT_MAX, "%" PRIu64 "%s", value / unit->factor,
	    unit->name);
	return out;
}

const char *
value_time_format(int64_t ms, char out[VALUE_TEXT_MAX])
{
	if (ms <= 0) // "0s" reads better than "0d"
		snprintf(out, VALUE_TEXT_MAX, "0s");
	else
		format(time_units, (uint64_t)ms, out);
	return out;
}

const char *
value_size_format(uint64_t bytes, char out[VALUE_TEXT_MAX])
{
	if (bytes == 0)
		snprintf(out, VALUE_TEXT_MAX, "0");
	else
		format(size_units, bytes, out);
	return out;
}
