// SPDX-License-Identifier: MIT
// From the configuration and the machine to the figures of the rooms.
#include "daemon/params.h"

#include "base/log.h"
#include "base/mem.h"
#include "daemon/internal.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum {
	DESCRIPTORS_OWN = 64, // listeners, DNS, log, libraries
	LIMIT_WANTED = 1 << 20,
	CLIENTS_MIN = 16,
	PROBES_MIN = 4,
};

static unsigned
descriptor_limit(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return 1024;
	return limit.rlim_cur > LIMIT_WANTED ? LIMIT_WANTED
					     : (unsigned)limit.rlim_cur;
}

void
params_raise_limit(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		log_warn("descriptors limit=%u cannot be raised",
		    descriptor_limit());
}

// Probes take at most a quarter of the descriptors, clients what is left
// beside them and our own.
unsigned
params_max_probes(const struct conf *conf)
{
	unsigned quarter = descriptor_limit() / 4;
	if (quarter < PROBES_MIN)
		quarter = PROBES_MIN;
	return conf->probe.concurrency < quarter ? conf->probe.concurrency
						 : quarter;
}

unsigned
params_max_clients(const struct conf *conf)
{
	unsigned limit = descriptor_limit();
	unsigned taken = params_max_probes(conf) + DESCRIPTORS_OWN;
	unsigned left = limit > taken + CLIENTS_MIN ? limit - taken
						    : CLIENTS_MIN;
	return conf->listen.max_connections < left
		   ? conf->listen.max_connections
		   : left;
}

static enum reach_fixed_as
fixed_as(enum conf_endpoint_state state)
{
	switch (state) {
	case CONF_ENDPOINT_REACHABLE:
		return REACH_FIXED_REACHABLE;
	case CONF_ENDPOINT_UNREACHABLE:
		return REACH_FIXED_UNREACHABLE;
	case CONF_ENDPOINT_IGNORE:
		break;
	}
	return REACH_FIXED_IGNORE;
}

struct reach_fixed *
params_reach(
    const struct daemon *d, const struct conf *conf, struct reach_params *p)
{
	struct reach_fixed *fixed = xcalloc(
	    conf->n_endpoints + 1, sizeof(*fixed));
	for (unsigned i = 0; i < conf->n_endpoints; i++)
		fixed[i] = (struct reach_fixed){
		    .prefix = conf->endpoints[i].prefix,
		    .as = fixed_as(conf->endpoints[i].state),
		};
	*p = (struct reach_params){
	    .max_domains = conf->cache.max_domains,
	    .min_ttl_ms = conf->dns.min_ttl_ms,
	    .max_ttl_ms = conf->dns.max_ttl_ms,
	    .negative_ttl_ms = conf->dns.negative_ttl_ms,
	    .stale_ms = conf->dns.stale_ms,
	    .dns_concurrency = conf->dns.concurrency,
	    .probe_enabled = conf->probe.enabled,
	    .asked_spare = conf->probe.asked_spare,
	    .port = conf->probe.port,
	    .concurrency = params_max_probes(conf),
	    .per_net = conf->probe.per_net,
	    .per_second = conf->probe.per_second,
	    .fall = conf->probe.fall,
	    .rise = conf->probe.rise,
	    .interval_ms = conf->probe.interval_ms,
	    .fast_interval_ms = conf->probe.fast_interval_ms,
	    .down_interval_ms = conf->probe.down_interval_ms,
	    .down_interval_max_ms = conf->probe.down_interval_max_ms,
	    .idle_ms = conf->probe.idle_ms,
	    .reply_timeout_ms = conf->probe.reply_timeout_ms,
	    .greeting_timeout_ms = conf->probe.greeting_timeout_ms,
	    .ipv4 = conf->probe.ipv4,
	    .ipv6 = conf->probe.ipv6,
	    .allow_private = conf->probe.allow_private,
	    .relay_refused = conf->relay_refused,
	    .self_names = (const char *const *)conf->self.names.item,
	    .n_self_names = conf->self.names.n,
	    .self_addresses = d->self.address,
	    .n_self_addresses = d->self.n,
	    .fixed = fixed,
	    .n_fixed = conf->n_endpoints,
	};
	return fixed;
}
