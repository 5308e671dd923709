// SPDX-License-Identifier: MIT
// What is settled after all keys were read.
#include "conf/finish.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bug.h"
#include "base/listenaddr.h"
#include "base/mem.h"
#include "conf/domains.h"
#include "conf/ourselves.h"
#include "conf/strings.h"
#include "conf/value.h"

static const config_setting_t *
place_of(const struct reader_where *where, const char *name)
{
	const struct conf_key *key = conf_key_find(&conf_main_keys, name);
	mxd_assert(key != NULL);
	return where->setting[key - conf_main_keys.key];
}

// Element `i` of a list that the file has.
static const config_setting_t *
place_of_elem(const struct reader_where *where, const char *name, unsigned i)
{
	const config_setting_t *list = place_of(where, name);
	mxd_assert(list != NULL);
	return config_setting_get_elem(list, i);
}

static int
finish_relay(const struct reader *r, struct conf_relay *relay,
    const config_setting_t *group)
{
	char host[CHECK_TEXT_SIZE];
	mxd_assert(check_nexthop_parse(
	    relay->nexthop, host, &relay->address, &relay->port));
	relay->host = xstrdup(host);
	if (relay->address.family != 0)
		relay->address.port = relay->port;
	if (relay->name[0] == '\0') {
		free(relay->name);
		relay->name = xstrdup(host);
	}
	for (const struct conf_relay *other = r->conf->relays; other < relay;
	     other++) {
		if (strcmp(other->name, relay->name) == 0)
			return reader_fail(r, group,
			    "relays.name = \"%s\": must be unique: an earlier "
			    "relay has this name",
			    relay->name);
	}
	return 0;
}

static int
use_unknown(const struct reader *r, const config_setting_t *at)
{
	const struct conf *conf = r->conf;
	char text[160] = "there are none";
	size_t len = 0;
	for (unsigned i = 0; i < conf->n_relays && len < sizeof(text); i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len,
		    "%s\"%s\"", i == 0 ? "there are " : ", ",
		    conf->relays[i].name);
	return reader_fail(r, at,
	    "rules.relays = \"%.60s\": no relay has this name: %s",
	    config_setting_get_string(at), text);
}

// Finds the relays that a rule names.
static int
finish_uses(const struct reader *r, struct conf_rule *rule,
    const config_setting_t *uses)
{
	for (int i = 0; i < config_setting_length(uses); i++) {
		const config_setting_t *elem = config_setting_get_elem(
		    uses, (unsigned)i);
		const char *name = config_setting_get_string(elem);
		unsigned k = 0;
		while (k < r->conf->n_relays &&
		       strcmp(r->conf->relays[k].name, name) != 0)
			k++;
		if (k == r->conf->n_relays)
			return use_unknown(r, elem);
		rule->relays = conf_grow(
		    rule->relays, rule->n_relays, sizeof(*rule->relays));
		rule->relays[rule->n_relays++] = k;
	}
	return 0;
}

// Adds the domains of a file that `at` names.
static int
add_domains(const struct reader *r, const config_setting_t *at, const char *key,
    const char *name, struct conf_strings *out)
{
	char *path = source_path(r->dir, name);
	size_t len;
	char *text = source_slurp(path, DOMAINS_BYTES_MAX, &len);
	int rc;
	if (text == NULL) {
		rc = reader_fail(r, at, "%s: cannot read %s: %s", key, path,
		    strerror(errno));
	} else {
		conf_strings_add(&r->conf->files, path);
		rc = domains_parse(path, text, len, out, r->err);
	}
	free(text);
	free(path);
	return rc;
}

static int
finish_domain_file(const struct reader *r, struct conf_rule *rule,
    const config_setting_t *group)
{
	const config_setting_t *at = config_setting_get_member(
	    group, "domain_file");
	return add_domains(
	    r, at, "rules.domain_file", rule->domain_file, &rule->domains);
}

// The name of that file as a rule keeps it.
static const char *
kept_file(const struct reader *r, unsigned file)
{
	// The first names in conf.files are those of the configuration's text.
	return r->conf->files.item[file];
}

static int
finish_rule(const struct reader *r, struct conf_rule *rule, unsigned index,
    const config_setting_t *group)
{
	struct source_line place = reader_place(r, group);
	rule->file = kept_file(r, place.file);
	rule->line = place.line;
	if (rule->name[0] == '\0') {
		char name[16];
		snprintf(name, sizeof(name), "#%u", index + 1);
		free(rule->name);
		rule->name = xstrdup(name);
	}
	bool has_file = rule->domain_file[0] != '\0';
	rule->by_domain = has_file || rule->domains.n > 0;
	if (!has_file && rule->domains.n == 0 && rule->mx.n == 0)
		return reader_fail(r, group,
		    "rule %s matches nothing: it must have one of domain, "
		    "domain_file and mx",
		    rule->name);
	if (has_file && finish_domain_file(r, rule, group) != 0)
		return -1;
	const config_setting_t *uses = config_setting_get_member(
	    group, "relays");
	return uses == NULL ? 0 : finish_uses(r, rule, uses);
}

static int
finish_hook(const struct reader *r, const struct conf_hook *hook,
    const config_setting_t *group)
{
	if (hook->command.item[0][0] == '/')
		return 0;
	return reader_fail(r, config_setting_get_member(group, "command"),
	    "hooks.command = \"%.60s\": must begin with the program's absolute "
	    "path",
	    hook->command.item[0]);
}

static int
finish_lists(const struct reader *r, const struct reader_where *where)
{
	struct conf *conf = r->conf;
	int rc = 0;
	for (unsigned i = 0; rc == 0 && i < conf->n_relays; i++)
		rc = finish_relay(
		    r, &conf->relays[i], place_of_elem(where, "relays", i));
	for (unsigned i = 0; rc == 0 && i < conf->n_rules; i++)
		rc = finish_rule(
		    r, &conf->rules[i], i, place_of_elem(where, "rules", i));
	for (unsigned i = 0; rc == 0 && i < conf->hooks.n; i++)
		rc = finish_hook(
		    r, &conf->hooks.item[i], place_of_elem(where, "hooks", i));
	for (unsigned i = 0; rc == 0 && i < conf->self.local_domain_files.n;
	     i++)
		rc = add_domains(r,
		    place_of_elem(where, "self.local_domain_files", i),
		    "self.local_domain_files",
		    conf->self.local_domain_files.item[i],
		    &conf->self.local_domains);
	return rc;
}

// One of two times may not be more than the other. The error stands where the
// later of them is: it broke what held until then.
static int
check_order(const struct reader *r, const struct reader_where *where,
    const char *less, int64_t less_ms, const char *more, int64_t more_ms)
{
	if (less_ms <= more_ms)
		return 0;
	char a[VALUE_TEXT_MAX], b[VALUE_TEXT_MAX];
	value_time_format(less_ms, a);
	value_time_format(more_ms, b);
	const config_setting_t *low = place_of(where, less);
	const config_setting_t *high = place_of(where, more);
	bool high_is_later = low == NULL ||
			     (high != NULL &&
				 config_setting_source_line(high) >=
				     config_setting_source_line(low));
	if (high_is_later)
		return reader_fail(r, high,
		    "%s = \"%s\": must not be less than %s, which is \"%s\"",
		    more, b, less, a);
	return reader_fail(r, low,
	    "%s = \"%s\": must not be more than %s, which is \"%s\"", less, a,
	    more, b);
}

// The first of `n` addresses that cannot be bound beside another; NULL: none.
static const char *
overlapping(const struct conf_strings *list, unsigned n, const char *text)
{
	for (unsigned i = 0; i < n; i++)
		if (listenaddr_overlaps(list->item[i], text))
			return list->item[i];
	return NULL;
}

// Addresses that overlap would fail much later, when they are bound.
static int
check_listen_once(const struct reader *r, const struct reader_where *where,
    const char *name, const struct conf_strings *list, const char *other_name,
    const struct conf_strings *other)
{
	const config_setting_t *at = place_of(where, name);
	if (at == NULL) // the default collides with what the file says
		at = place_of(where, other_name);
	if (at == NULL)
		return 0; // all defaults
	for (unsigned i = 0; i < list->n; i++) {
		const char *text = list->item[i], *key = name;
		const char *beside = overlapping(list, i, text);
		if (beside == NULL) {
			beside = overlapping(other, other->n, text);
			key = other_name;
		}
		if (beside != NULL)
			return reader_fail(r, at,
			    "%s = \"%.70s\": cannot be opened beside \"%.70s\" "
			    "of %s",
			    name, text, beside, key);
	}
	return 0;
}

// What has no effect yet cannot collide.
static int
check_listeners(const struct reader *r, const struct reader_where *where)
{
	const struct conf *conf = r->conf;
	const struct conf_strings none = {0};
	if (check_listen_once(r, where, "listen.socketmap",
		&conf->listen.socketmap, "listen.policy", &none) != 0)
		return -1;
	return check_listen_once(r, where, "listen.policy",
	    &conf->listen.policy, "listen.socketmap", &conf->listen.socketmap);
}

// Our own domains are known by their MX, or by the list. While the MX are not
// known, the list alone keeps their mail from being held, or from a relay,
// which would send it back.
static void
warn_of_own_mail(const struct reader *r, const struct reader_where *where,
    const char *name, enum conf_route route)
{
	if (route == CONF_ROUTE_DIRECT || r->conf->self.local_domains.n > 0)
		return;
	const config_setting_t *at = place_of(where, name);
	reader_warn(r, at,
	    "%s = \"%s\" goes for domains of our own, too, while their MX are "
	    "not known, and their mail %s: list them in self.local_domains or "
	    "self.local_domain_files",
	    name, config_setting_get_string(at),
	    route == CONF_ROUTE_RELAY ? "may loop" : "is held");
}

// A relay that is this host takes its own mail, asks again, and so on until the
// mail bounces for too many hops.
static int
check_relay_is_elsewhere(const struct reader *r, const struct ourselves *self,
    const struct conf_relay *relay, const config_setting_t *group)
{
	const char *why = relay->address.family != 0
			      ? ourselves_why_address(self, &relay->address)
			      : ourselves_why_name(self, relay->host);
	if (why == NULL || !ourselves_is_mail_port(relay->port))
		return 0;
	return reader_fail(r, config_setting_get_member(group, "nexthop"),
	    "relays.nexthop = \"%.200s\": must not be this host itself (%s), "
	    "or "
	    "its mail comes back to it until it bounces: write the relay's "
	    "own name or address; a tunnel to it has a port other than 25, "
	    "465 and 587",
	    relay->nexthop, why);
}

// On port 465 the server waits for TLS (RFC 8314 section 3.3): a probe that
// waits for its greeting takes the relay for dead, whose mail would be held.
static void
warn_of_implicit_tls(const struct reader *r, const struct conf_relay *relay,
    const config_setting_t *group)
{
	if (relay->port != 465 || relay->probe != CONF_RELAY_PROBE_SMTP)
		return;
	reader_warn(r, config_setting_get_member(group, "nexthop"),
	    "relays.nexthop = \"%.200s\": on port 465 a relay says nothing "
	    "before TLS, and a probe that waits for its greeting takes it for "
	    "dead: set probe = \"connect\" beside it",
	    relay->nexthop);
}

static int
check_relays(const struct reader *r, const struct reader_where *where)
{
	struct ourselves self;
	int rc = 0;
	ourselves_init(&self, r->conf, NULL);
	for (unsigned i = 0; rc == 0 && i < r->conf->n_relays; i++) {
		const struct conf_relay *relay = &r->conf->relays[i];
		const config_setting_t *group = place_of_elem(
		    where, "relays", i);
		rc = check_relay_is_elsewhere(r, &self, relay, group);
		if (rc == 0)
			warn_of_implicit_tls(r, relay, group);
	}
	ourselves_fini(&self);
	return rc;
}

int
finish_main(const struct reader *r, const struct reader_where *where)
{
	const struct conf *conf = r->conf;
	if (check_order(r, where, "dns.min_ttl", conf->dns.min_ttl_ms,
		"dns.max_ttl", conf->dns.max_ttl_ms) != 0 ||
	    check_order(r, where, "probe.down_interval",
		conf->probe.down_interval_ms, "probe.down_interval_max",
		conf->probe.down_interval_max_ms) != 0)
		return -1;
	if (check_listeners(r, where) != 0)
		return -1;
	if (finish_lists(r, where) != 0)
		return -1;
	if (check_relays(r, where) != 0)
		return -1;
	warn_of_own_mail(r, where, "dns.on_failure", conf->dns.on_failure);
	warn_of_own_mail(r, where, "cache.cold", conf->cache.cold);
	return 0;
}
