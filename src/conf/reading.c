// SPDX-License-Identifier: MIT
// Reads one value of each kind that is no list of groups.
#include "conf/reading.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "conf/field.h"
#include "conf/strings.h"
#include "conf/value.h"

int64_t
reading_integer(const config_setting_t *value)
{
	return config_setting_type(value) == CONFIG_TYPE_INT64
		   ? config_setting_get_int64(value)
		   : config_setting_get_int(value);
}

static bool
is_integer(const config_setting_t *value)
{
	return config_setting_type(value) == CONFIG_TYPE_INT ||
	       config_setting_type(value) == CONFIG_TYPE_INT64;
}

// The text of a string; NULL: it is none.
static const char *
text_of(const config_setting_t *value)
{
	return config_setting_type(value) == CONFIG_TYPE_STRING
		   ? config_setting_get_string(value)
		   : NULL;
}

static int
refuse(const struct reader *r, const struct conf_key *key,
    const config_setting_t *value)
{
	return reader_refuse(r, key, value, NULL, NULL);
}

static int
read_bool(const struct reader *r, const struct conf_key *key, void *base,
    const config_setting_t *value)
{
	if (config_setting_type(value) != CONFIG_TYPE_BOOL)
		return refuse(r, key, value);
	field_set_number(key, base, config_setting_get_bool(value));
	return 0;
}

static int
read_number(const struct reader *r, const struct conf_key *key, void *base,
    const config_setting_t *value)
{
	if (!is_integer(value))
		return refuse(r, key, value);
	int64_t number = reading_integer(value);
	if (number < key->min || number > key->max)
		return refuse(r, key, value);
	field_set_number(key, base, number);
	return 0;
}

// A bare number is refused, with what it should have been.
static int
refuse_time(const struct reader *r, const struct conf_key *key,
    const config_setting_t *value)
{
	char hint[64];
	const char *text = text_of(value);
	int64_t number = text == NULL ? reading_integer(value) : 0;
	if (number < 0 || number == INT64_MAX)
		return refuse(r, key, value);
	if (text == NULL)
		snprintf(hint, sizeof(hint),
		    "write \"%" PRId64 "s\" for seconds", number);
	else
		snprintf(
		    hint, sizeof(hint), "write \"%.20ss\" for seconds", text);
	return reader_refuse(r, key, value, NULL, hint);
}

static int
read_time(const struct reader *r, const struct conf_key *key, void *base,
    const config_setting_t *value)
{
	if (is_integer(value))
		return refuse_time(r, key, value);
	const char *text = text_of(value);
	if (text == NULL)
		return refuse(r, key, value);
	int64_t ms = 0;
	switch (value_time(text, &ms)) {
	case VALUE_OK:
		break;
	case VALUE_NO_UNIT:
		return refuse_time(r, key, value);
	case VALUE_BAD:
		return reader_refuse(
		    r, key, value, NULL, "a whole number and ms, s, m, h or d");
	}
	if (ms < key->min || ms > key->max)
		return refuse(r, key, value);
	*(int64_t *)field_at(key, base) = ms;
	return 0;
}

static int
read_size(const struct reader *r, const struct conf_key *key, void *base,
    const config_setting_t *value)
{
	uint64_t bytes = 0;
	const char *text = text_of(value);
	if (is_integer(value) && reading_integer(value) >= 0)
		bytes = (uint64_t)reading_integer(value);
	else if (text == NULL)
		return refuse(r, key, value);
	else if (value_size(text, &bytes) != VALUE_OK)
		return reader_refuse(r, key, value, NULL,
		    "a whole number and KiB, MiB, GiB, TiB, or bytes");
	if (bytes < (uint64_t)key->min || bytes > (uint64_t)key->max)
		return refuse(r, key, value);
	*(uint64_t *)field_at(key, base) = bytes;
	return 0;
}

static int
read_mode(const struct reader *r, const struct conf_key *key, void *base,
    const config_setting_t *value)
{
	unsigned mode;
	const char *text = text_of(value);
	if (text == NULL || value_mode(text, &mode) != VALUE_OK)
		return refuse(r, key, value);
	*(mode_t *)field_at(key, base) = mode;
	return 0;
}

static int
read_word(const struct reader *r, const struct conf_key *key, void *base,
    const config_setting_t *value)
{
	const char *text = text_of(value);
	for (int i = 0; text != NULL && key->words[i] != NULL; i++) {
		if (strcmp(text, key->words[i]) == 0) {
			field_set_number(key, base, key->min + i);
			return 0;
		}
	}
	return refuse(r, key, value);
}

// Checks one text and brings it into the form that is kept.
static int
read_text(const struct reader *r, const struct conf_key *key,
    const config_setting_t *value, char out[CHECK_TEXT_SIZE])
{
	const char *text = text_of(value);
	const char *wrong = text == NULL ? "" : key->check(text, out);
	if (wrong == NULL)
		return 0;
	return reader_refuse(
	    r, key, value, wrong[0] == '\0' ? NULL : wrong, NULL);
}

static int
store_text(const struct reader *r, const struct conf_key *key, void *base,
    const config_setting_t *value)
{
	char text[CHECK_TEXT_SIZE];
	if (read_text(r, key, value, text) != 0)
		return -1;
	bool path = key->type == KEY_PATH && text[0] != '\0';
	field_set_pointer(
	    key, base, path ? source_path(r->dir, text) : xstrdup(text));
	return 0;
}

int
reader_texts(const struct reader *r, const struct conf_key *key,
    const config_setting_t *value)
{
	if (config_setting_is_array(value) || config_setting_is_list(value))
		return config_setting_length(value);
	return refuse(r, key, value);
}

static int
store_texts(const struct reader *r, const struct conf_key *key, void *base,
    const config_setting_t *value)
{
	char text[CHECK_TEXT_SIZE];
	struct conf_strings *out = field_at(key, base);
	int n = reader_texts(r, key, value);
	for (int i = 0; i < n; i++) {
		const config_setting_t *elem = config_setting_get_elem(
		    value, (unsigned)i);
		if (read_text(r, key, elem, text) != 0)
			return -1;
		if (key->type != KEY_PATHS) {
			conf_strings_add(out, text);
			continue;
		}
		char *path = source_path(r->dir, text);
		conf_strings_add(out, path);
		free(path);
	}
	if (n == 0 && key->dflt == NULL)
		return reader_refuse(
		    r, key, value, NULL, "it may not be empty");
	return n < 0 ? -1 : 0;
}

static int
read_address(const struct reader *r, const struct conf_key *key, void *base,
    const config_setting_t *value)
{
	struct netaddr *out = field_at(key, base);
	const char *text = text_of(value);
	*out = (struct netaddr){0};
	if (text != NULL && text[0] == '\0')
		return 0;
	if (text == NULL || !netaddr_parse(text, out) ||
	    out->family != key->min)
		return refuse(r, key, value);
	return 0;
}

static int
read_addresses(const struct reader *r, const struct conf_key *key, void *base,
    const config_setting_t *value)
{
	unsigned *n = field_count(key, base);
	int length = reader_texts(r, key, value);
	for (int i = 0; i < length; i++) {
		const config_setting_t *elem = config_setting_get_elem(
		    value, (unsigned)i);
		const char *text = text_of(elem);
		struct netaddr a;
		if (text == NULL || !netaddr_parse(text, &a))
			return refuse(r, key, elem);
		struct netaddr *items = conf_grow(
		    field_pointer(key, base), *n, sizeof(*items));
		items[(*n)++] = a;
		field_set_pointer(key, base, items);
	}
	return length < 0 ? -1 : 0;
}

static int
read_servers(const struct reader *r, const struct conf_key *key, void *base,
    const config_setting_t *value)
{
	unsigned *n = field_count(key, base);
	int length = reader_texts(r, key, value);
	if (length > key->max)
		return refuse(r, key, value);
	for (int i = 0; i < length; i++) {
		const config_setting_t *elem = config_setting_get_elem(
		    value, (unsigned)i);
		const char *text = text_of(elem);
		struct zoneaddr a;
		if (text == NULL)
			return refuse(r, key, elem);
		if (!zoneaddr_parse_port(text, (uint16_t)key->min, &a))
			return reader_refuse(r, key, elem, NULL,
			    netaddr_parse_port(text, 1, &a.addr)
				? "a link-local address needs its interface"
				: NULL);
		// At boot it may come after us, and mail must not wait for it.
		if (zoneaddr_needs_zone(&a) && zoneaddr_scope(&a) == 0)
			reader_warn(r, elem,
			    "%s = \"%s\": there is no interface %s: asked when "
			    "it is there",
			    key->name, text, a.zone);
		struct zoneaddr *items = conf_grow(
		    field_pointer(key, base), *n, sizeof(*items));
		items[(*n)++] = a;
		field_set_pointer(key, base, items);
	}
	return length < 0 ? -1 : 0;
}

static int
read_prefix(const struct reader *r, const struct conf_key *key, void *base,
    const config_setting_t *value)
{
	const char *text = text_of(value);
	if (text == NULL || !netprefix_parse(text, field_at(key, base)))
		return refuse(r, key, value);
	return 0;
}

static int
read_protocols(const struct reader *r, const struct conf_key *key, void *base,
    const config_setting_t *value)
{
	bool *ipv4 = field_at(key, base), *ipv6 = field_count(key, base);
	*ipv4 = *ipv6 = false;
	int n = reader_texts(r, key, value);
	for (int i = 0; i < n; i++) {
		const config_setting_t *elem = config_setting_get_elem(
		    value, (unsigned)i);
		const char *text = text_of(elem);
		if (text != NULL && strcmp(text, "ipv4") == 0)
			*ipv4 = true;
		else if (text != NULL && strcmp(text, "ipv6") == 0)
			*ipv6 = true;
		else
			return refuse(r, key, elem);
	}
	if (n == 0)
		return refuse(r, key, value);
	return n < 0 ? -1 : 0;
}

static int
read_match(const struct reader *r, const struct conf_key *key, void *base,
    const config_setting_t *value)
{
	struct conf_sender *out = base;
	char kept[CHECK_TEXT_SIZE];
	const char *text = text_of(value);
	if (text == NULL)
		return refuse(r, key, value);
	if (str_starts_with(text, "net:")) {
		out->kind = CONF_SENDER_NET;
		return netprefix_parse(text + 4, &out->prefix)
			   ? 0
			   : refuse(r, key, value);
	}
	bool good = false;
	if (str_starts_with(text, "domain:")) {
		out->kind = CONF_SENDER_DOMAIN;
		good = check_pattern(text + 7, kept) == NULL;
	} else if (str_starts_with(text, "sasl:")) {
		out->kind = CONF_SENDER_SASL;
		good = text[5] != '\0' && check_note(text + 5, kept) == NULL;
	}
	if (!good)
		return refuse(r, key, value);
	out->text = xstrdup(kept);
	return 0;
}

// Only their form: the relays may stand further down in the file.
static int
read_uses(const struct reader *r, const struct conf_key *key,
    const config_setting_t *value)
{
	char kept[CHECK_TEXT_SIZE];
	int n = reader_texts(r, key, value);
	for (int i = 0; i < n; i++) {
		const config_setting_t *elem = config_setting_get_elem(
		    value, (unsigned)i);
		const char *text = text_of(elem);
		if (text == NULL || check_text(text, kept) != NULL)
			return refuse(r, key, elem);
	}
	return n < 0 ? -1 : 0;
}

int
reading_value(const struct reader *r, const struct conf_key *key, void *base,
    const config_setting_t *value)
{
	switch (key->type) {
	case KEY_BOOL:
		return read_bool(r, key, base, value);
	case KEY_NUMBER:
		return read_number(r, key, base, value);
	case KEY_TIME:
		return read_time(r, key, base, value);
	case KEY_SIZE:
		return read_size(r, key, base, value);
	case KEY_MODE:
		return read_mode(r, key, base, value);
	case KEY_WORD:
		return read_word(r, key, base, value);
	case KEY_TEXT:
	case KEY_PATH:
		return store_text(r, key, base, value);
	case KEY_TEXTS:
	case KEY_PATHS:
		return store_texts(r, key, base, value);
	case KEY_ADDRESS:
		return read_address(r, key, base, value);
	case KEY_ADDRESSES:
		return read_addresses(r, key, base, value);
	case KEY_SERVERS:
		return read_servers(r, key, base, value);
	case KEY_PREFIX:
		return read_prefix(r, key, base, value);
	case KEY_PROTOCOLS:
		return read_protocols(r, key, base, value);
	case KEY_MATCH:
		return read_match(r, key, base, value);
	case KEY_USES:
		return read_uses(r, key, value);
	case KEY_LIST:
		break;
	}
	return -1;
}
