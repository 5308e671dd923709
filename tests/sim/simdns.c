// SPDX-License-Identifier: MIT
// The simulated internet's DNS: its truth as answers.
#include "sim/simworld.h"

#include "base/bug.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

uint32_t
simworld_line(const struct netaddr *a)
{
	bool six = a->family == AF_INET6;
	const uint8_t *net = six ? a->ip + 3 : a->ip + 1;
	uint32_t number = ((uint32_t)net[0] << 8 | net[1]) * SIM_NET +
			  (six ? a->ip[15] : net[2]);
	return number << 1 | six;
}

// 11.0.0.0/8 and 2a00::/16: public, so that rule 9 lets them pass; nothing is
// ever sent there.
struct netaddr
simworld_address(uint32_t line)
{
	uint32_t net = (line >> 1) / SIM_NET;
	uint8_t host = (uint8_t)((line >> 1) % SIM_NET);
	uint8_t high = (uint8_t)(net >> 8), low = (uint8_t)net;
	mxd_assert(net < 1 << 16);
	if ((line & 1) == 0)
		return netaddr_from_bytes(
		    AF_INET, (uint8_t[4]){11, high, low, host});
	return netaddr_from_bytes(
	    AF_INET6, (uint8_t[16]){0x2a, 0, 0, high, low, [15] = host});
}

uint32_t
simworld_domain_of(const char *name)
{
	if (name[0] != 'd')
		return SIM_NOBODY;
	return (uint32_t)strtoul(name + 1, NULL, 10);
}

unsigned
simworld_shown(
    const struct sim_host *h, int64_t now, uint32_t out[SIM_SHOWN_MAX])
{
	uint64_t start = 0;
	if (h->turn_s > 0)
		start = sim_mix(h->salt, (uint64_t)now / 1000 / h->turn_s);
	for (unsigned i = 0; i < h->shown; i++)
		out[i] = h->first + (uint32_t)((start + i) % h->size);
	return h->shown;
}

static void
list_one(struct answer_mx *out, const char *host)
{
	out->n = 1;
	strcpy(out->mx[0].host, host);
}

void
simworld_answer_mx(const struct simworld *w, const char *name, int64_t now,
    struct answer_mx *out)
{
	uint32_t domain = simworld_domain_of(name);
	struct sim_host host[SIM_HOSTS_MAX];
	int64_t since;
	*out = (struct answer_mx){
	    .outcome = simworld_dns(w, domain, now, &since),
	    .ttl_s = 3600,
	};
	if (out->outcome != ANSWER_OK)
		return;
	switch (simworld_kind(w, domain)) {
	case SIM_IMPLICIT:
		out->outcome = ANSWER_NODATA;
		return;
	case SIM_NULL:
		out->null_mx = true;
		return;
	case SIM_NXDOMAIN:
		out->outcome = ANSWER_NXDOMAIN;
		return;
	case SIM_PRIVATE:
		list_one(out, "private.example");
		return;
	case SIM_SELF:
		list_one(out, "ourselves.example");
		return;
	case SIM_LEGACY:
	case SIM_PARTIAL:
	case SIM_OLD:
	case SIM_SINGLE:
	case SIM_PROVIDER:
	case SIM_TENANT:
	case SIM_VANITY:
	case SIM_OWN:
	case SIM_TWO:
	case SIM_DUAL:
		break;
	}
	out->n = simworld_hosts(w, domain, host);
	for (unsigned i = 0; i < out->n; i++) {
		out->mx[i].preference = host[i].preference;
		strcpy(out->mx[i].host, host[i].name);
	}
}

static struct netaddr
address_of_four(uint8_t a, uint8_t b, uint8_t c, uint8_t d)
{
	return netaddr_from_bytes(AF_INET, (uint8_t[4]){a, b, c, d});
}

void
simworld_answer_addr(const struct simworld *w, const char *name, int family,
    int64_t now, struct answer_addr *out)
{
	struct sim_host host;
	uint32_t shown[SIM_SHOWN_MAX];
	int64_t since;
	bool six = family == AF_INET6;
	*out = (struct answer_addr){
	    .outcome = simworld_dns(w, simworld_domain_of(name), now, &since),
	    .ttl_s = 3600,
	};
	if (out->outcome != ANSWER_OK)
		return;
	if (strcmp(name, "private.example") == 0) {
		if (!six)
			out->addr[out->n++] = address_of_four(10, 0, 0, 1);
	} else if (strcmp(name, "ourselves.example") == 0) {
		if (!six)
			out->addr[out->n++] = address_of_four(
			    SIM_OWN_ADDRESS, 0, 0, 1);
	} else if (!simworld_find_host(w, name, &host)) {
		mxd_assert(false);
	} else if (host.six || !six) {
		out->ttl_s = host.ttl_s;
		out->n = simworld_shown(&host, now, shown);
		for (unsigned i = 0; i < out->n; i++)
			out->addr[i] = simworld_address(shown[i] << 1 | six);
	}
	if (out->n == 0)
		out->outcome = ANSWER_NODATA;
}
