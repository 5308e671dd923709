// SPDX-License-Identifier: MIT
// Who has which MX in the simulated internet, at which addresses.
#include "sim/simworld.h"

#include "base/bug.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	GOOGLE_HOSTS = 10,
	PROVIDERS = 20,
	PROVIDER_HOSTS = 4,
	CLUSTERS = 24, // of the provider with tenants
	TENANTS_OF_ADDRESS = 40,
	PERMILLE = 1000,
};

// How the domains of a mail host's recipients are spread: in thousands.
static const struct {
	enum sim_kind kind;
	unsigned permille;
} mix[] = {
    {SIM_LEGACY, 130},
    {SIM_PARTIAL, 30},
    {SIM_OLD, 30},
    {SIM_SINGLE, 80},
    {SIM_PROVIDER, 150},
    {SIM_TENANT, 250},
    {SIM_VANITY, 90},
    {SIM_OWN, 110},
    {SIM_TWO, 40},
    {SIM_DUAL, 30},
    {SIM_IMPLICIT, 30},
    {SIM_NULL, 10},
    {SIM_NXDOMAIN, 10},
    {SIM_PRIVATE, 5},
    {SIM_SELF, 5},
};

static const char *const google[GOOGLE_HOSTS] = {
    "aspmx.l.google.com",
    "alt1.aspmx.l.google.com",
    "alt2.aspmx.l.google.com",
    "alt3.aspmx.l.google.com",
    "alt4.aspmx.l.google.com",
    "aspmx2.googlemail.com",
    "aspmx3.googlemail.com",
    "aspmx4.googlemail.com",
    "aspmx5.googlemail.com",
    "smtp.google.com",
};

struct listed {
	uint8_t host;
	uint8_t preference;
};
static const struct listed all[] = {{0, 1}, {1, 5}, {2, 5}, {3, 10}, {4, 10},
    {5, 30}, {6, 30}, {7, 30}, {8, 30}, {9, 1}};
static const struct listed legacy[] = {
    {0, 1}, {1, 5}, {2, 5}, {3, 10}, {4, 10}};
static const struct listed partial[] = {{0, 1}, {1, 5}, {2, 5}};
static const struct listed old[] = {
    {0, 10}, {1, 20}, {2, 20}, {5, 30}, {6, 30}, {7, 30}, {8, 30}};
static const struct listed single[] = {{9, 1}};

uint64_t
sim_mix(uint64_t a, uint64_t b)
{
	uint64_t z = a + (b + 1) * UINT64_C(0x9e3779b97f4a7c15);
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

uint64_t
sim_draw(const struct simworld *w, enum sim_salt what, uint64_t of)
{
	return sim_mix(sim_mix(w->seed, what), of);
}

// -- who has which MX -------------------------------------------------------

static uint32_t
google_address(unsigned host)
{
	return host * SIM_NET;
}

static uint32_t
provider_address(unsigned provider, unsigned host)
{
	return (GOOGLE_HOSTS + provider * PROVIDER_HOSTS + host) * SIM_NET;
}

static uint32_t
cluster_address(unsigned cluster)
{
	return provider_address(PROVIDERS, 0) + cluster * SIM_NET;
}

static enum sim_kind
draw_kind(const struct simworld *w, uint32_t domain)
{
	unsigned r = sim_draw(w, SIM_KIND, domain) % PERMILLE, i = 0;
	for (; r >= mix[i].permille; i++)
		r -= mix[i].permille;
	return mix[i].kind;
}

// Every fifth vanity name is at one big company's one address.
static uint32_t
draw_shared_address(const struct simworld *w, uint32_t domain)
{
	uint64_t r = sim_draw(w, SIM_PLACE, domain);
	uint32_t shared = w->domains / 10 / TENANTS_OF_ADDRESS + 2;
	return cluster_address(CLUSTERS) +
	       (r % 5 == 0 ? 0 : (uint32_t)(r / 5 % shared));
}

struct simworld *
simworld_new(uint64_t seed, uint32_t domains)
{
	struct simworld *w = xcalloc(1, sizeof(*w));
	w->seed = sim_mix(seed, 0);
	w->domains = domains;
	w->kind = xcalloc(domains, sizeof(*w->kind));
	w->first = xcalloc(domains, sizeof(*w->first));
	uint32_t shared = domains / 10 / TENANTS_OF_ADDRESS + 2;
	uint32_t own = cluster_address(CLUSTERS) +
		       (shared / SIM_NET + 1) * SIM_NET;
	w->n = own;
	for (uint32_t i = 0; i < domains; i++) {
		enum sim_kind kind = draw_kind(w, i);
		w->kind[i] = (uint8_t)kind;
		w->first[i] = w->n;
		if (kind == SIM_VANITY)
			w->first[i] = draw_shared_address(w, i);
		else if (kind >= SIM_OWN && kind <= SIM_IMPLICIT)
			w->n += kind == SIM_TWO ? 2 : 1;
	}
	w->net = xcalloc(w->n, sizeof(*w->net));
	for (uint32_t i = 0; i < w->n; i++)
		w->net[i] = i < own ? i / SIM_NET : i / 8;
	w->truth = xcalloc((size_t)w->n * 2, sizeof(*w->truth));
	return w;
}

void
simworld_free(struct simworld *w)
{
	if (w == NULL)
		return;
	free(w->kind);
	free(w->first);
	free(w->net);
	free(w->truth);
	free(w);
}

enum sim_kind
simworld_kind(const struct simworld *w, uint32_t domain)
{
	return (enum sim_kind)w->kind[domain];
}

void
simworld_name(uint32_t domain, char out[static 32])
{
	snprintf(out, 32, "d%u.example", domain);
}

static unsigned
list_google(const struct listed *listed, unsigned n, struct sim_host *out)
{
	for (unsigned i = 0; i < n; i++) {
		unsigned host = listed[i].host;
		bool many = host == GOOGLE_HOSTS - 1;
		out[i] = (struct sim_host){
		    .preference = listed[i].preference,
		    .first = google_address(host),
		    .size = many ? 16 : 3,
		    .shown = many ? 4 : 1,
		    .six = true,
		    .turn_s = many ? 300 : 86400,
		    .ttl_s = 300,
		    .salt = host,
		};
		strcpy(out[i].name, google[host]);
	}
	return n;
}

// Of some the hosts have the same preference.
static unsigned
list_provider(const struct simworld *w, unsigned provider, struct sim_host *out)
{
	unsigned n = 1 + provider % PROVIDER_HOSTS;
	bool tied = sim_draw(w, SIM_TIED, provider) % 3 == 0;
	for (unsigned i = 0; i < n; i++) {
		out[i] = (struct sim_host){
		    .preference = (uint16_t)(tied ? 10 : 10 + 10 * i),
		    .first = provider_address(provider, i),
		    .size = 2,
		    .shown = 2,
		    .six = provider % 4 == 0,
		    .ttl_s = 3600,
		};
		snprintf(out[i].name, sizeof(out[i].name), "mx%u.p%u.example",
		    i, provider);
	}
	return n;
}

static void
name_by_address(struct sim_host *h)
{
	struct netaddr a = simworld_address(h->first << 1);
	char text[NETADDR_TEXT_MAX];
	strcpy(h->name, netaddr_format(&a, text));
}

// Some MX records have the address in the place of the name.
static bool
lists_literal(const struct simworld *w, uint32_t domain, unsigned i)
{
	enum sim_kind kind = simworld_kind(w, domain);
	return (kind == SIM_OWN || kind == SIM_TWO) && i == 0 &&
	       sim_draw(w, SIM_LITERAL, domain) % 16 == 0;
}

static unsigned
list_own(const struct simworld *w, uint32_t domain, struct sim_host *out)
{
	enum sim_kind kind = simworld_kind(w, domain);
	unsigned n = kind == SIM_TWO ? 2 : 1;
	for (unsigned i = 0; i < n; i++) {
		out[i] = (struct sim_host){
		    .preference = (uint16_t)(10 + 10 * i),
		    .first = w->first[domain] + i,
		    .size = 1,
		    .shown = 1,
		    .six = kind == SIM_DUAL,
		    .ttl_s = 3600,
		};
		if (kind == SIM_IMPLICIT)
			simworld_name(domain, out[i].name);
		else if (lists_literal(w, domain, i))
			name_by_address(&out[i]);
		else
			snprintf(out[i].name, sizeof(out[i].name),
			    "d%u-mx%u.example", domain, i);
	}
	return n;
}

static unsigned
list_tenant(const struct simworld *w, uint32_t domain, struct sim_host *out)
{
	uint64_t r = sim_draw(w, SIM_PLACE, domain);
	*out = (struct sim_host){
	    .first = cluster_address((unsigned)(r % CLUSTERS)),
	    .size = 8,
	    .shown = 2,
	    .turn_s = 3600,
	    .ttl_s = 10,
	    .salt = r,
	};
	snprintf(out->name, sizeof(out->name),
	    "d%u-example.mail.protection.outlook.com", domain);
	return 1;
}

#define LIST(what, out) list_google(what, sizeof(what) / sizeof(*(what)), out)

unsigned
simworld_hosts(const struct simworld *w, uint32_t domain, struct sim_host *out)
{
	switch (simworld_kind(w, domain)) {
	case SIM_LEGACY:
		return LIST(legacy, out);
	case SIM_PARTIAL:
		return LIST(partial, out);
	case SIM_OLD:
		return LIST(old, out);
	case SIM_SINGLE:
		return LIST(single, out);
	case SIM_PROVIDER:
		return list_provider(
		    w, sim_draw(w, SIM_PLACE, domain) % PROVIDERS, out);
	case SIM_TENANT:
		return list_tenant(w, domain, out);
	case SIM_VANITY:
	case SIM_OWN:
	case SIM_TWO:
	case SIM_DUAL:
	case SIM_IMPLICIT:
		return list_own(w, domain, out);
	case SIM_NULL:
	case SIM_NXDOMAIN:
	case SIM_PRIVATE:
	case SIM_SELF:
		break;
	}
	return 0;
}

bool
simworld_find_host(
    const struct simworld *w, const char *name, struct sim_host *out)
{
	struct sim_host host[GOOGLE_HOSTS];
	uint32_t domain = simworld_domain_of(name);
	unsigned i, provider, n;
	if (domain != SIM_NOBODY)
		n = simworld_hosts(w, domain, host);
	else if (sscanf(name, "mx%u.p%u.", &i, &provider) == 2)
		n = list_provider(w, provider, host);
	else
		n = LIST(all, host);
	for (i = 0; i < n; i++) {
		if (strcmp(host[i].name, name) != 0)
			continue;
		*out = host[i];
		return true;
	}
	return false;
}
