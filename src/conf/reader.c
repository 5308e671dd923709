// SPDX-License-Identifier: MIT
// From libconfig's settings to the fields that the table of keys names.
#include "conf/reader.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bug.h"
#include "base/mem.h"
#include "base/str.h"
#include "conf/field.h"
#include "conf/reading.h"
#include "conf/strings.h"

enum { SHOWN_MAX = 60 }; // bytes of a value that an error shows

struct source_line
reader_place(const struct reader *r, const config_setting_t *at)
{
	return source_where(r->src, (unsigned)config_setting_source_line(at));
}

int
reader_fail(
    const struct reader *r, const config_setting_t *at, const char *fmt, ...)
{
	char text[ERR_TEXT_MAX];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	struct source_line place = reader_place(r, at);
	return err_set(r->err, "%s:%u: %s", source_file(r->src, place.file),
	    place.line, text);
}

void
reader_warn(
    const struct reader *r, const config_setting_t *at, const char *fmt, ...)
{
	char text[ERR_TEXT_MAX];
	va_list ap;
	if (r->warn == NULL)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	struct source_line place = reader_place(r, at);
	struct err line;
	err_set(&line, "%s:%u: %s", source_file(r->src, place.file), place.line,
	    text);
	r->warn(line.text, r->arg);
}

// Cut between two characters, not inside of one.
static void
show_text(const char *text, FILE *out)
{
	putc('"', out);
	for (int i = 0; text[i] != '\0'; i++) {
		unsigned char c = (unsigned char)text[i];
		if (i >= SHOWN_MAX + 3 ||
		    (i >= SHOWN_MAX && (c & 0xc0) != 0x80)) {
			fputs("...", out);
			break;
		}
		putc(c < 0x20 || c == 0x7f ? '?' : c, out);
	}
	putc('"', out);
}

// Writes a value as an error shows it: one line, not too long.
static void
show(const config_setting_t *value, FILE *out)
{
	int64_t number;
	switch (config_setting_type(value)) {
	case CONFIG_TYPE_STRING:
		show_text(config_setting_get_string(value), out);
		break;
	case CONFIG_TYPE_INT:
	case CONFIG_TYPE_INT64:
		number = reading_integer(value);
		if (number == INT64_MAX || number == INT64_MIN)
			fputs("a number of more than 64 bits", out);
		else
			fprintf(out, "%" PRId64, number);
		break;
	case CONFIG_TYPE_FLOAT:
		fprintf(out, "%#g", config_setting_get_float(value));
		break;
	case CONFIG_TYPE_BOOL:
		fputs(config_setting_get_bool(value) ? "true" : "false", out);
		break;
	case CONFIG_TYPE_ARRAY:
		fputs("[ ... ]", out);
		break;
	case CONFIG_TYPE_LIST:
		fputs("( ... )", out);
		break;
	default:
		fputs("{ ... }", out);
		break;
	}
}

int
reader_refuse(const struct reader *r, const struct conf_key *key,
    const config_setting_t *value, const char *instead, const char *hint)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);
	mxd_assert(out != NULL);
	fprintf(out, "%s = ", key->name);
	show(value, out);
	fputs(": must be ", out);
	if (instead != NULL)
		fputs(instead, out);
	else
		conf_key_allowed(key, out);
	if (hint != NULL)
		fprintf(out, ": %s", hint);
	fclose(out);
	int rc = reader_fail(r, value, "%s", text);
	free(text);
	return rc;
}

// The `line`-th line of a text, from 1; NULL: it has fewer.
static const char *
line_of(const char *text, unsigned line)
{
	while (--line > 0 && text != NULL) {
		text = strchr(text, '\n');
		if (text != NULL)
			text++;
	}
	return text;
}

// Where the name that ends before `end` begins, in a line.
static const char *
name_before(const char *line, const char *end)
{
	while (end > line && strchr(" \t;,{(", end[-1]) == NULL)
		end--;
	return end;
}

// The names that a line gives values to: "a", or "a or b". libconfig does not
// say which one it has seen before.
static void
names_in_line(const char *line, struct strbuf *b)
{
	bool quoted = false;
	char last[64] = "";
	for (const char *p = line; *p != '\0' && *p != '\n'; p++) {
		char name[64];
		if (*p == '"' && (p == line || p[-1] != '\\'))
			quoted = !quoted;
		if (quoted || (*p != '=' && *p != ':'))
			continue;
		const char *end = p;
		while (end > line && (end[-1] == ' ' || end[-1] == '\t'))
			end--;
		const char *begin = name_before(line, end);
		snprintf(name, sizeof(name), "%.*s", (int)(end - begin), begin);
		if (strcmp(name, last) != 0)
			strbuf_add(b, "%s%s", b->len > 0 ? " or " : "", name);
		memcpy(last, name, sizeof(last));
	}
}

static int
duplicate(
    const struct reader *r, const struct source_line *place, const char *line)
{
	char names[128];
	struct strbuf b;
	strbuf_init(&b, names, sizeof(names));
	if (line != NULL)
		names_in_line(line, &b);
	return err_set(r->err,
	    "%s:%u: duplicate setting name: %s is given a second time",
	    source_file(r->src, place->file), place->line,
	    b.len > 0 ? names : "a key");
}

int
reader_parse(const struct reader *r, config_t *out)
{
	config_init(out);
	if (config_read_string(out, r->src->text) == CONFIG_TRUE)
		return 0;
	struct source_line place = source_where(
	    r->src, (unsigned)config_error_line(out));
	const char *text = config_error_text(out);
	if (strcmp(text, "duplicate setting name") == 0)
		return duplicate(r, &place,
		    line_of(r->src->text, (unsigned)config_error_line(out)));
	bool syntax = strcmp(text, "syntax error") == 0;
	return err_set(r->err, "%s:%u: %s%s", source_file(r->src, place.file),
	    place.line, text, syntax ? ", here or shortly before" : "");
}

static int
unknown(const struct reader *r, const struct conf_keys *keys,
    const config_setting_t *at, const char *name)
{
	const struct conf_key *near = conf_key_guess(keys, name);
	if (near != NULL)
		return reader_fail(r, at, "unknown key %s; did you mean %s?",
		    name, near->name);
	return reader_fail(r, at, "unknown key %s; see mxdetour.conf(5)", name);
}

// Gives the key its default, by the same way that a file's value goes.
static void
set_default(const struct reader *r, const struct conf_key *key, void *base)
{
	char text[256];
	static const struct source nowhere;
	struct err err = {""};
	struct reader quiet = *r;
	quiet.src = &nowhere;
	quiet.warn = NULL;
	quiet.err = &err;
	int len = snprintf(text, sizeof(text), "v = %s;", key->dflt);
	mxd_assert(len > 0 && (size_t)len < sizeof(text));
	config_t parsed;
	config_init(&parsed);
	mxd_assert(config_read_string(&parsed, text) == CONFIG_TRUE);
	const config_setting_t *v = config_lookup(&parsed, "v");
	mxd_assert(v != NULL && reader_value(&quiet, key, base, v) == 0);
	config_destroy(&parsed);
}

static char *
printed(const struct reader *r, const struct conf_key *key, const void *base)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);
	mxd_assert(out != NULL);
	field_print(key, base, r->conf, out);
	fclose(out);
	return text;
}

static bool
is_default(const struct reader *r, const struct conf_keys *keys,
    const struct conf_key *key, const void *base)
{
	void *scratch = xcalloc(1, keys->struct_size);
	set_default(r, key, scratch);
	char *dflt = printed(r, key, scratch);
	char *value = printed(r, key, base);
	bool same = strcmp(dflt, value) == 0;
	free(dflt);
	free(value);
	field_clear(key, scratch);
	free(scratch);
	return same;
}

// The groups of a list are added to what is there: there may be several
// providers files.
static int
read_list(const struct reader *r, const struct conf_key *key, void *base,
    const config_setting_t *value)
{
	const struct conf_keys *keys = key->list;
	size_t size = keys->struct_size;
	if (!config_setting_is_list(value) &&
	    !(config_setting_is_array(value) &&
		config_setting_length(value) == 0))
		return reader_refuse(r, key, value, NULL, NULL);
	for (int i = 0; i < config_setting_length(value); i++) {
		const config_setting_t *group = config_setting_get_elem(
		    value, (unsigned)i);
		if (!config_setting_is_group(group))
			return reader_refuse(
			    r, key, group, "a group, { ... }", NULL);
		unsigned *n = field_count(key, base);
		char *items = conf_grow(field_pointer(key, base), *n, size);
		field_set_pointer(key, base, items);
		void *item = items + *n * size;
		*n += 1; // half-built ones are freed, too
		if (reader_group(r, keys, item, group, NULL) != 0)
			return -1;
	}
	return 0;
}

static int
read_key(const struct reader *r, const struct conf_keys *keys,
    const struct conf_key *key, void *base, const config_setting_t *value)
{
	if (reader_value(r, key, base, value) != 0)
		return -1;
	if ((key->flags & KEY_NO_EFFECT) && !is_default(r, keys, key, base))
		reader_warn(
		    r, value, "%s has no effect in this version", key->name);
	return 0;
}

int
reader_value(const struct reader *r, const struct conf_key *key, void *base,
    const config_setting_t *value)
{
	return key->type == KEY_LIST ? read_list(r, key, base, value)
				     : reading_value(r, key, base, value);
}

// Reads the settings of a group; their keys begin with `before`.
static int
read_members(const struct reader *r, const struct conf_keys *keys, void *base,
    const config_setting_t *group, const char *before,
    struct reader_where *where)
{
	char name[96];
	for (int i = 0; i < config_setting_length(group); i++) {
		const config_setting_t *s = config_setting_get_elem(
		    group, (unsigned)i);
		snprintf(
		    name, sizeof(name), "%s%s", before, config_setting_name(s));
		const struct conf_key *key = conf_key_find(keys, name);
		if (key == NULL)
			return unknown(r, keys, s, name);
		where->setting[key - keys->key] = s;
		if (read_key(r, keys, key, base, s) != 0)
			return -1;
	}
	return 0;
}

// The configuration itself has groups of keys ("probe") besides keys.
static int
read_root(const struct reader *r, const struct conf_keys *keys, void *base,
    const config_setting_t *root, struct reader_where *where)
{
	char before[96];
	for (int i = 0; i < config_setting_length(root); i++) {
		const config_setting_t *s = config_setting_get_elem(
		    root, (unsigned)i);
		const char *name = config_setting_name(s);
		const struct conf_key *key = conf_key_find(keys, name);
		if (key != NULL) {
			where->setting[key - keys->key] = s;
			if (read_key(r, keys, key, base, s) != 0)
				return -1;
			continue;
		}
		if (!conf_key_is_group(keys, name))
			return unknown(r, keys, s, name);
		if (!config_setting_is_group(s))
			return reader_fail(r, s,
			    "%s: must be a group: %s = { ... };", name, name);
		snprintf(before, sizeof(before), "%s.", name);
		if (read_members(r, keys, base, s, before, where) != 0)
			return -1;
	}
	return 0;
}

static int
missing(const struct reader *r, const struct conf_key *key,
    const config_setting_t *group)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);
	mxd_assert(out != NULL);
	conf_key_allowed(key, out);
	fclose(out);
	int rc = reader_fail(
	    r, group, "%s is missing: must be %s", key->name, text);
	free(text);
	return rc;
}

int
reader_group(const struct reader *r, const struct conf_keys *keys, void *base,
    const config_setting_t *group, struct reader_where *where)
{
	struct reader_where own;
	if (where == NULL)
		where = &own;
	*where = (struct reader_where){0};
	char before[96] = "";
	int rc = 0;
	if (group != NULL && config_setting_is_root(group)) {
		rc = read_root(r, keys, base, group, where);
	} else if (group != NULL) {
		// "relays.nexthop" gives what the keys of the list begin with.
		const char *name = keys->key[0].name;
		int len = (int)(strrchr(name, '.') + 1 - name);
		snprintf(before, sizeof(before), "%.*s", len, name);
		rc = read_members(r, keys, base, group, before, where);
	}
	for (unsigned i = 0; rc == 0 && i < keys->n; i++) {
		const struct conf_key *key = &keys->key[i];
		if (where->setting[i] != NULL)
			continue;
		if (key->dflt == NULL)
			rc = missing(r, key, group);
		else
			set_default(r, key, base);
	}
	return rc;
}
