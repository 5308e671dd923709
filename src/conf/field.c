// SPDX-License-Identifier: MIT
// The fields behind the keys: reaching, freeing and printing them.
#include "conf/field.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/bug.h"
#include "conf/strings.h"
#include "conf/value.h"

void *
field_at(const struct conf_key *key, void *base)
{
	return (char *)base + key->offset;
}

static const void *
field_in(const struct conf_key *key, const void *base)
{
	return (const char *)base + key->offset;
}

void *
field_count(const struct conf_key *key, void *base)
{
	return (char *)base + key->count;
}

static unsigned
count_in(const struct conf_key *key, const void *base)
{
	unsigned n;
	memcpy(&n, (const char *)base + key->count, sizeof(n));
	return n;
}

// Copied as bytes: the type of what it points to differs from key to key.
void *
field_pointer(const struct conf_key *key, const void *base)
{
	void *p;
	memcpy(&p, field_in(key, base), sizeof(p));
	return p;
}

void
field_set_pointer(const struct conf_key *key, void *base, void *p)
{
	memcpy(field_at(key, base), &p, sizeof(p));
}

int64_t
field_number(const struct conf_key *key, const void *base)
{
	const void *field = field_in(key, base);
	uint16_t half;
	switch (key->size) {
	case sizeof(bool):
		return *(const bool *)field;
	case sizeof(half):
		memcpy(&half, field, sizeof(half));
		return half;
	case sizeof(unsigned):
		return *(const unsigned *)field;
	default:
		mxd_assert(key->size == sizeof(int64_t));
		return *(const int64_t *)field;
	}
}

void
field_set_number(const struct conf_key *key, void *base, int64_t value)
{
	void *field = field_at(key, base);
	uint16_t half = (uint16_t)value;
	switch (key->size) {
	case sizeof(bool):
		*(bool *)field = value != 0;
		break;
	case sizeof(half):
		memcpy(field, &half, sizeof(half));
		break;
	case sizeof(unsigned):
		*(unsigned *)field = (unsigned)value;
		break;
	default:
		mxd_assert(key->size == sizeof(int64_t));
		*(int64_t *)field = value;
	}
}

static void
clear_list(const struct conf_key *key, void *base)
{
	char *items = field_pointer(key, base);
	unsigned n = count_in(key, base);
	for (unsigned i = 0; i < n; i++)
		field_clear_all(key->list, items + i * key->list->struct_size);
}

static void
clear_counted(const struct conf_key *key, void *base)
{
	free(field_pointer(key, base));
	field_set_pointer(key, base, NULL);
	*(unsigned *)field_count(key, base) = 0;
}

void
field_clear(const struct conf_key *key, void *base)
{
	switch (key->type) {
	case KEY_TEXT:
	case KEY_PATH:
		free(field_pointer(key, base));
		field_set_pointer(key, base, NULL);
		return;
	case KEY_TEXTS:
	case KEY_PATHS:
		conf_strings_clear(field_at(key, base));
		return;
	case KEY_MATCH:
		free(((struct conf_sender *)base)->text);
		((struct conf_sender *)base)->text = NULL;
		return;
	case KEY_LIST:
		clear_list(key, base);
		clear_counted(key, base);
		return;
	case KEY_ADDRESSES:
	case KEY_SERVERS:
	case KEY_USES:
		clear_counted(key, base);
		return;
	case KEY_BOOL:
	case KEY_NUMBER:
	case KEY_TIME:
	case KEY_SIZE:
	case KEY_MODE:
	case KEY_WORD:
	case KEY_ADDRESS:
	case KEY_PREFIX:
	case KEY_PROTOCOLS:
		return; // owns nothing
	}
}

void
field_clear_all(const struct conf_keys *keys, void *base)
{
	for (unsigned i = 0; i < keys->n; i++)
		field_clear(&keys->key[i], base);
}

// Quoted as libconfig reads it.
static void
print_text(const char *text, FILE *out)
{
	putc('"', out);
	for (const char *p = text == NULL ? "" : text; *p != '\0'; p++) {
		if (*p == '"' || *p == '\\')
			putc('\\', out);
		putc(*p, out);
	}
	putc('"', out);
}

static void
print_texts(const struct conf_strings *texts, FILE *out)
{
	putc('[', out);
	for (unsigned i = 0; i < texts->n; i++) {
		fputs(i == 0 ? "" : ", ", out);
		print_text(texts->item[i], out);
	}
	putc(']', out);
}

static void
print_address(const struct netaddr *a, FILE *out)
{
	char text[NETADDR_TEXT_MAX] = "";
	if (a->family != 0 && a->port != 0)
		netaddr_format_port(a, text);
	else if (a->family != 0)
		netaddr_format(a, text);
	print_text(text, out);
}

static void
print_addresses(const struct netaddr *a, unsigned n, FILE *out)
{
	putc('[', out);
	for (unsigned i = 0; i < n; i++) {
		fputs(i == 0 ? "" : ", ", out);
		print_address(&a[i], out);
	}
	putc(']', out);
}

static void
print_servers(const struct zoneaddr *a, unsigned n, FILE *out)
{
	char text[ZONEADDR_TEXT_MAX];
	putc('[', out);
	for (unsigned i = 0; i < n; i++) {
		fputs(i == 0 ? "" : ", ", out);
		print_text(zoneaddr_format_port(&a[i], text), out);
	}
	putc(']', out);
}

static void
print_prefix(const char *before, const struct netprefix *p, FILE *out)
{
	char text[NETADDR_TEXT_MAX];
	fprintf(
	    out, "\"%s%s/%u\"", before, netaddr_format(&p->net, text), p->bits);
}

static void
print_match(const struct conf_sender *s, FILE *out)
{
	char text[CHECK_TEXT_SIZE + 8];
	switch (s->kind) {
	case CONF_SENDER_NET:
		print_prefix("net:", &s->prefix, out);
		return;
	case CONF_SENDER_DOMAIN:
		snprintf(text, sizeof(text), "domain:%s", s->text);
		break;
	case CONF_SENDER_SASL:
		snprintf(text, sizeof(text), "sasl:%s", s->text);
		break;
	}
	print_text(text, out);
}

static void
print_uses(const struct conf_rule *rule, const struct conf *conf, FILE *out)
{
	putc('[', out);
	for (unsigned i = 0; i < rule->n_relays; i++) {
		fputs(i == 0 ? "" : ", ", out);
		print_text(conf->relays[rule->relays[i]].name, out);
	}
	putc(']', out);
}

static void
print_protocols(bool ipv4, bool ipv6, FILE *out)
{
	fprintf(out, "[%s%s%s]", ipv4 ? "\"ipv4\"" : "",
	    ipv4 && ipv6 ? ", " : "", ipv6 ? "\"ipv6\"" : "");
}

void
field_print(const struct conf_key *key, const void *base,
    const struct conf *conf, FILE *out)
{
	const void *field = field_in(key, base);
	char text[VALUE_TEXT_MAX];
	switch (key->type) {
	case KEY_BOOL:
		fputs(field_number(key, base) ? "true" : "false", out);
		return;
	case KEY_NUMBER:
		fprintf(out, "%" PRId64, field_number(key, base));
		return;
	case KEY_TIME:
		print_text(
		    value_time_format(*(const int64_t *)field, text), out);
		return;
	case KEY_SIZE:
		print_text(
		    value_size_format(*(const uint64_t *)field, text), out);
		return;
	case KEY_MODE:
		fprintf(out, "\"%04o\"", *(const mode_t *)field);
		return;
	case KEY_WORD:
		print_text(key->words[field_number(key, base) - key->min], out);
		return;
	case KEY_TEXT:
	case KEY_PATH:
		print_text(field_pointer(key, base), out);
		return;
	case KEY_TEXTS:
	case KEY_PATHS:
		print_texts(field, out);
		return;
	case KEY_ADDRESS:
		print_address(field, out);
		return;
	case KEY_ADDRESSES:
		print_addresses(
		    field_pointer(key, base), count_in(key, base), out);
		return;
	case KEY_SERVERS:
		print_servers(
		    field_pointer(key, base), count_in(key, base), out);
		return;
	case KEY_PREFIX:
		print_prefix("", field, out);
		return;
	case KEY_PROTOCOLS:
		print_protocols(*(const bool *)field,
		    *((const bool *)base + key->count), out);
		return;
	case KEY_MATCH:
		print_match(base, out);
		return;
	case KEY_USES:
		print_uses(base, conf, out);
		return;
	case KEY_LIST:
		fprintf(out, "( %u )", count_in(key, base));
		return;
	}
}

// "relays[2].name = ..." for each key of each group.
static void
dump_list(const struct conf_key *list, const struct conf *conf, FILE *out)
{
	const char *items = field_pointer(list, conf);
	const struct conf_keys *keys = list->list;
	for (unsigned i = 0; i < count_in(list, conf); i++) {
		for (unsigned k = 0; k < keys->n; k++) {
			fprintf(out, "%s[%u]%s = ", list->name, i,
			    keys->key[k].name + strlen(list->name));
			field_print(&keys->key[k],
			    items + i * keys->struct_size, conf, out);
			putc('\n', out);
		}
	}
}

void
conf_dump(const struct conf *conf, FILE *out)
{
	for (unsigned i = 0; i < conf_main_keys.n; i++) {
		const struct conf_key *key = &conf_main_keys.key[i];
		fprintf(out, "%s = ", key->name);
		field_print(key, conf, conf, out);
		putc('\n', out);
		if (key->type == KEY_LIST)
			dump_list(key, conf, out);
	}
}
