// SPDX-License-Identifier: MIT
// Who we are ourselves: the one place that knows our names and addresses.
#include "conf/ourselves.h"

#include <stdlib.h>
#include <string.h>

#include "base/interfaces.h"
#include "base/mem.h"

void
ourselves_init_with(struct ourselves *out, const struct conf *conf,
    const struct netaddr *interface, unsigned n)
{
	if (conf->probe.allow_private)
		n = 0;
	*out = (struct ourselves){.conf = conf};
	out->address = xcalloc(
	    conf->self.n_addresses + n + 1, sizeof(*out->address));
	for (unsigned i = 0; i < conf->self.n_addresses; i++)
		out->address[out->n++] = conf->self.addresses[i];
	for (unsigned i = 0; i < n; i++)
		out->address[out->n++] = interface[i];
}

bool
ourselves_init(struct ourselves *out, const struct conf *conf,
    const struct ourselves *before)
{
	struct netaddr *interface;
	unsigned n;
	bool read = interfaces_read(&interface, &n);
	if (read || before == NULL) {
		ourselves_init_with(out, conf, interface, n);
	} else {
		unsigned skip = before->conf->self.n_addresses;
		ourselves_init_with(
		    out, conf, before->address + skip, before->n - skip);
	}
	free(interface);
	return read;
}

void
ourselves_fini(struct ourselves *o)
{
	free(o->address);
	*o = (struct ourselves){0};
}

bool
ourselves_equal(const struct ourselves *a, const struct ourselves *b)
{
	if (a->n != b->n)
		return false;
	for (unsigned i = 0; i < a->n; i++)
		if (!netaddr_equal(&a->address[i], &b->address[i]))
			return false;
	return true;
}

// RFC 6761 section 6.3: these never leave the host, whoever is asked.
static bool
is_localhost(const char *name)
{
	static const char suffix[] = ".localhost";
	size_t len = strlen(name);
	return strcmp(name, "localhost") == 0 ||
	       (len >= sizeof(suffix) &&
		   strcmp(name + len - strlen(suffix), suffix) == 0);
}

const char *
ourselves_why_name(const struct ourselves *o, const char *name)
{
	for (unsigned i = 0; i < o->conf->self.names.n; i++)
		if (strcmp(o->conf->self.names.item[i], name) == 0)
			return "self.names";
	if (!o->conf->probe.allow_private && is_localhost(name))
		return "loopback";
	return NULL;
}

static bool
is_unspecified(const struct netaddr *a)
{
	static const uint8_t none[16];
	return memcmp(a->ip, none, sizeof(none)) == 0;
}

const char *
ourselves_why_address(const struct ourselves *o, const struct netaddr *address)
{
	for (unsigned i = 0; i < o->n; i++)
		if (netaddr_same_host(&o->address[i], address))
			return i < o->conf->self.n_addresses
				   ? "self.addresses"
				   : "an address of this host";
	if (o->conf->probe.allow_private)
		return NULL;
	struct netaddr a = netaddr_unmap(address);
	if (netaddr_is_loopback(&a))
		return "loopback";
	return is_unspecified(&a) ? "the unspecified address" : NULL;
}

bool
ourselves_is_mail_port(uint16_t port)
{
	return port == 25 || port == 465 || port == 587;
}
