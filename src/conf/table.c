// SPDX-License-Identifier: MIT
// Every key of the configuration: one row each drives defaults, parsing, range
// errors, the manual's check and the dump.
#include "conf/key.h"

#include "base/attr.h"

#define TIME_S(n) (INT64_C(1000) * (n))
#define TIME_D(n) (TIME_S(86400) * (n))
#define SIZE_MIB  (INT64_C(1) << 20)

static const char *const words_mode[] = {"enforce", "observe", NULL};
static const char *const words_asked[] = {"never", "spare", NULL};
static const char *const words_depth[] = {
    "connect", "greeting", "ehlo", "starttls", NULL};
static const char *const words_route[] = {
    "auto", "direct", "relay", "hold", NULL};
static const char *const words_fixed_route[] = {
    "direct", "relay", "hold", NULL};
static const char *const words_steer[] = {"nexthop", "dnsfilter", "off", NULL};
static const char *const words_hold_answer[] = {"notfound", "retry", NULL};
static const char *const words_relay_probe[] = {
    "smtp", "connect", "none", NULL};
static const char *const words_endpoint[] = {
    "reachable", "unreachable", "ignore", NULL};
static const char *const words_hold[] = {"accept", "defer", NULL};
static const char *const words_refused[] = {"accept", "defer", "reject", NULL};
static const char *const words_start[] = {"end", "beginning", NULL};
static const char *const words_log_to[] = {"auto", "syslog", "stderr", NULL};
static const char *const words_level[] = {"debug", "info", "warn", "err", NULL};
static const char *const words_lookups[] = {"none", "changed", "all", NULL};

// What texts must be, to follow "must be" in errors and in the manual.
static const char token[] =
    "1 to 63 characters A-Z a-z 0-9 . _ -, no . or - first";
static const char token_or_empty[] =
    "1 to 63 characters A-Z a-z 0-9 . _ -, no . or - first, or \"\"";
static const char printable[] = "at most 63 characters of printable ASCII, "
				"no blanks, quotes or backslashes";
static const char group[] = "the name or the number of a group, or \"\"";
static const char socket_address[] = "\"inet:ADDRESS:PORT\" (IPv6 in brackets) "
				     "or \"unix:/absolute/path\"";
static const char listen_addresses[] =
    "a list of \"inet:ADDRESS:PORT\" (an IP address, IPv6 in brackets, or *) "
    "or \"unix:/absolute/path\"";
static const char patterns[] =
    "a list of names, \"*.suffix\" patterns or \"*\"";
static const char patterns_no_all[] =
    "a list of names or \"*.suffix\" patterns";
static const char hosts[] = "a list of host names";
static const char helo[] =
    "a host name, an address in brackets such as \"[192.0.2.1]\", or \"\"";
static const char addresses[] = "a list of IP addresses";
static const char servers[] =
    "a list of \"ip\", \"ip:port\", \"[ipv6]:port\" or "
    "\"[ipv6%interface]:port\", at most 16";
static const char protocols[] = "a list of \"ipv4\", \"ipv6\" or both";
static const char file_name[] = "a file name";
static const char file_names[] = "a list of file names";
static const char nexthop[] =
    "\"[host]\" or \"[host]:port\" (a name or an address, 1 to 65535)";
static const char relays_names[] = "a list of relays' names";
static const char prefix[] = "an address or a prefix such as "
			     "\"203.0.113.0/24\", no bits set after its length";
static const char match[] = "\"domain:NAME\", \"domain:*.SUFFIX\", "
			    "\"sasl:USER\" or \"net:PREFIX\"";
static const char event[] =
    "\"transition\", \"change\", \"uplink\", \"relay\" or \"table\"";
static const char command[] =
    "a list: the program's absolute path and its arguments";

// How the rows begin; they name fields of the struct S.
#define S struct conf
#define ROW(n, t, f, d)                                 \
	.name = n, .type = t, .offset = offsetof(S, f), \
	.size = sizeof(((S *)NULL)->f), .dflt = d
#define BOOL(n, f, d)		     ROW(n, KEY_BOOL, f, d)
#define LIMITED(n, t, f, d, lo, hi)  ROW(n, t, f, d), .min = lo, .max = hi
#define NUMBER(n, f, d, lo, hi)	     LIMITED(n, KEY_NUMBER, f, d, lo, hi)
#define TIME(n, f, d, lo, hi)	     LIMITED(n, KEY_TIME, f, d, lo, hi)
#define SIZE(n, f, d, lo, hi)	     LIMITED(n, KEY_SIZE, f, d, lo, hi)
#define WORD(n, f, d, first, w)	     ROW(n, KEY_WORD, f, d), .min = first, .words = w
#define CHECKED(n, t, f, d, c, must) ROW(n, t, f, d), .check = c, .noun = must
#define TEXT(n, f, d, c, must)	     CHECKED(n, KEY_TEXT, f, d, c, must)
#define TEXTS(n, f, d, c, must)	     CHECKED(n, KEY_TEXTS, f, d, c, must)
#define LIST(n, f, cnt, keys) \
	ROW(n, KEY_LIST, f, "()"), .count = offsetof(S, cnt), .list = &(keys)
#define REQUIRED  NULL
#define NO_EFFECT .flags = KEY_NO_EFFECT

#undef S
#define S struct conf_relay
static const struct conf_key relay_key[] = {
    {TEXT("relays.nexthop", nexthop, REQUIRED, check_nexthop, nexthop)},
    {TEXT("relays.name", name, "\"\"", check_name, token_or_empty)},
    {TEXT("relays.transport", transport, "\"relay\"", check_token, token)},
    {TEXT("relays.mailer", mailer, "\"relay\"", check_token, token)},
    {NUMBER("relays.priority", priority, "1", 0, 1000)},
    {NUMBER("relays.weight", weight, "1", 1, 1000)},
    {WORD("relays.probe", probe, "\"smtp\"", CONF_RELAY_PROBE_SMTP,
	words_relay_probe)},
    {ROW("relays.egress", KEY_ADDRESSES, egress, "[]"),
	.count = offsetof(S, n_egress), .noun = addresses, NO_EFFECT},
    {TEXT("relays.vantage", vantage, "\"\"", check_name, token_or_empty),
	NO_EFFECT},
    {NUMBER("relays.refusals", refusals, "3", 1, 1000), NO_EFFECT},
};
static const struct conf_keys relay_keys = {
    relay_key, ARRAY_LEN(relay_key), sizeof(S)};

#undef S
#define S struct conf_rule
static const struct conf_key rule_key[] = {
    {TEXT("rules.name", name, "\"\"", check_printable, printable)},
    {TEXTS("rules.domain", domains, "[]", check_pattern_or_all, patterns)},
    {TEXT("rules.domain_file", domain_file, "\"\"", check_text, file_name)},
    {TEXTS("rules.mx", mx, "[]", check_pattern_or_all, patterns)},
    {WORD("rules.route", route, "\"auto\"", CONF_ROUTE_AUTO, words_route)},
    {ROW("rules.relays", KEY_USES, relays, "[]"),
	.count = offsetof(S, n_relays), .noun = relays_names},
};
static const struct conf_keys rule_keys = {
    rule_key, ARRAY_LEN(rule_key), sizeof(S)};

#undef S
#define S struct conf_endpoint
static const struct conf_key endpoint_key[] = {
    {ROW("endpoints.prefix", KEY_PREFIX, prefix, REQUIRED), .noun = prefix},
    {WORD("endpoints.state", state, REQUIRED, CONF_ENDPOINT_REACHABLE,
	words_endpoint)},
};
static const struct conf_keys endpoint_keys = {
    endpoint_key, ARRAY_LEN(endpoint_key), sizeof(S)};

#undef S
#define S struct conf_sender
static const struct conf_key sender_key[] = {
    {ROW("policy.senders.match", KEY_MATCH, kind, REQUIRED), .noun = match},
    {TEXT("policy.senders.note", note, "\"\"", check_note, "a text")},
};
static const struct conf_keys sender_keys = {
    sender_key, ARRAY_LEN(sender_key), sizeof(S)};

#undef S
#define S struct conf_hook
static const struct conf_key hook_key[] = {
    {TEXT("hooks.on", on, REQUIRED, check_event, event)},
    {TEXTS("hooks.command", command, REQUIRED, check_text, command)},
    {TIME("hooks.timeout", timeout_ms, "\"30s\"", 100, TIME_S(3600))},
};
static const struct conf_keys hook_keys = {
    hook_key, ARRAY_LEN(hook_key), sizeof(S)};

#undef S
#define S struct conf_provider
static const struct conf_key provider_key[] = {
    {TEXT("providers.name", name, REQUIRED, check_token, token)},
    {TEXTS("providers.mx", mx, REQUIRED, check_pattern, patterns_no_all)},
    {TEXTS("providers.hosts", hosts, "[]", check_host, hosts)},
    {BOOL("providers.rescue", rescue, "false"), NO_EFFECT},
};
static const struct conf_keys provider_group_keys = {
    provider_key, ARRAY_LEN(provider_key), sizeof(S)};

#undef S
#define S struct conf
static const struct conf_key providers_file_key[] = {
    {LIST("providers", providers, n_providers, provider_group_keys)},
};
const struct conf_keys conf_provider_keys = {
    providers_file_key, ARRAY_LEN(providers_file_key), sizeof(S)};

static const struct conf_key main_key[] = {
    {WORD("mode", observe, "\"enforce\"", 0, words_mode)},

    {TEXTS("listen.socketmap", listen.socketmap,
	"[\"inet:127.0.0.1:2527\", \"unix:/run/mxdetour/socketmap\"]",
	check_listen, listen_addresses)},
    {TEXTS("listen.policy", listen.policy, "[\"inet:127.0.0.1:2528\"]",
	check_listen, listen_addresses)},
    {TEXTS("listen.http", listen.http,
	 "[\"unix:/run/mxdetour/http\", \"inet:127.0.0.1:2529\"]", check_listen,
	 listen_addresses),
	NO_EFFECT},
    {TEXTS("listen.http_hosts", listen.http_hosts, "[]", check_host, hosts),
	NO_EFFECT},
    {TEXTS("listen.exim", listen.exim, "[]", check_listen, listen_addresses),
	NO_EFFECT},
    {TEXTS("listen.tcp", listen.tcp, "[]", check_listen, listen_addresses),
	NO_EFFECT},
    {ROW("listen.mode", KEY_MODE, listen.mode, "\"0660\"")},
    {TEXT("listen.group", listen.group, "\"\"", check_group, group)},
    {TEXT("listen.http_group", listen.http_group, "\"\"", check_group, group),
	NO_EFFECT},
    {TEXT("listen.evidence_group", listen.evidence_group, "\"\"", check_group,
	 group),
	NO_EFFECT},
    {NUMBER(
	"listen.max_connections", listen.max_connections, "1024", 1, 1000000)},

    {TEXTS("self.names", self.names, "[]", check_host, hosts)},
    {ROW("self.addresses", KEY_ADDRESSES, self.addresses, "[]"),
	.count = offsetof(S, self.n_addresses), .noun = addresses},
    {TEXTS("self.local_domains", self.local_domains, "[]", check_pattern,
	patterns_no_all)},
    {TEXTS("self.local_domain_files", self.local_domain_files, "[]", check_path,
	file_names)},

    {LIMITED("dns.servers", KEY_SERVERS, dns.servers, "[]", 53,
	 CONF_DNS_SERVERS_MAX),
	.count = offsetof(S, dns.n_servers), .noun = servers},
    {BOOL("dns.tcp", dns.tcp, "false")},
    {TIME("dns.timeout", dns.timeout_ms, "\"5s\"", 100, TIME_S(60))},
    {NUMBER("dns.tries", dns.tries, "2", 1, 10)},
    {NUMBER("dns.concurrency", dns.concurrency, "200", 1, 10000)},
    {TIME("dns.min_ttl", dns.min_ttl_ms, "\"60s\"", TIME_S(1), TIME_D(1))},
    {TIME("dns.max_ttl", dns.max_ttl_ms, "\"1d\"", TIME_S(1), TIME_D(30))},
    {TIME("dns.negative_ttl", dns.negative_ttl_ms, "\"5m\"", TIME_S(1),
	TIME_D(1))},
    {TIME("dns.stale", dns.stale_ms, "\"1d\"", 0, TIME_D(30))},
    {CHECKED("dns.forged_address_files", KEY_PATHS, dns.forged_address_files,
	 "[]", check_path, file_names),
	NO_EFFECT},
    {WORD("dns.on_failure", dns.on_failure, "\"direct\"", CONF_ROUTE_DIRECT,
	words_fixed_route)},

    {BOOL("probe.enabled", probe.enabled, "true")},
    {WORD("probe.asked", probe.asked_spare, "\"spare\"", 0, words_asked)},
    {TEXT("probe.helo", probe.helo, "\"\"", check_helo, helo)},
    {ROW("probe.bind", KEY_ADDRESS, probe.bind, "\"\""), .min = AF_INET,
	.noun = "an IPv4 address of this host, or \"\""},
    {ROW("probe.bind6", KEY_ADDRESS, probe.bind6, "\"\""), .min = AF_INET6,
	.noun = "an IPv6 address of this host, or \"\""},
    {NUMBER("probe.port", probe.port, "25", 1, 65535)},
    {WORD("probe.depth", probe.depth, "\"ehlo\"", CONF_DEPTH_CONNECT,
	words_depth)},
    {TIME("probe.connect_timeout", probe.connect_timeout_ms, "\"6s\"", 100,
	TIME_S(60))},
    {TIME("probe.greeting_timeout", probe.greeting_timeout_ms, "\"45s\"", 100,
	TIME_S(60))},
    {TIME("probe.reply_timeout", probe.reply_timeout_ms, "\"20s\"", 100,
	TIME_S(60))},
    {NUMBER("probe.concurrency", probe.concurrency, "256", 1, 10000)},
    {NUMBER("probe.per_net", probe.per_net, "8", 1, 1000)},
    {NUMBER("probe.per_second", probe.per_second, "50", 1, 10000)},
    {NUMBER("probe.fall", probe.fall, "2", 1, 100)},
    {NUMBER("probe.rise", probe.rise, "2", 1, 100)},
    {TIME("probe.interval", probe.interval_ms, "\"30m\"", 100, TIME_D(7))},
    {TIME("probe.fast_interval", probe.fast_interval_ms, "\"15s\"", 100,
	TIME_S(3600))},
    {TIME("probe.down_interval", probe.down_interval_ms, "\"2m\"", 100,
	TIME_D(1))},
    {TIME("probe.down_interval_max", probe.down_interval_max_ms, "\"10m\"", 100,
	TIME_D(7))},
    {TIME("probe.idle", probe.idle_ms, "\"1d\"", TIME_S(1), TIME_D(90))},
    {NUMBER("probe.hot_mails", probe.hot_mails, "20", 1, 1000000), NO_EFFECT},
    {TIME("probe.hot_interval", probe.hot_interval_ms, "\"60s\"", 100,
	 TIME_D(7)),
	NO_EFFECT},
    {ROW("probe.protocols", KEY_PROTOCOLS, probe.ipv4, "[\"ipv4\", \"ipv6\"]"),
	.count = offsetof(S, probe.ipv6), .noun = protocols},
    {BOOL("probe.allow_private", probe.allow_private, "false")},

    {TEXTS("uplink.canaries", uplink.canaries, "[\"qq.com\", \"163.com\"]",
	 check_domain, "a list of domains"),
	NO_EFFECT},
    {WORD("uplink.on_port25_closed", uplink.on_port25_closed, "\"hold\"",
	 CONF_ROUTE_DIRECT, words_fixed_route),
	NO_EFFECT},

    {WORD("direct.steer", direct.steer, "\"nexthop\"", CONF_STEER_NEXTHOP,
	words_steer)},
    {BOOL("direct.filter_all", direct.filter_all, "false")},
    {TEXT("direct.mailer", direct.mailer, "\"esmtp\"", check_token, token)},

    {LIST("relays", relays, n_relays, relay_keys)},
    {BOOL("relay_refused", relay_refused, "false")},
    {WORD("hold_answer", hold_retry, "\"notfound\"", 0, words_hold_answer)},
    {LIST("rules", rules, n_rules, rule_keys)},
    {LIST("endpoints", endpoints, n_endpoints, endpoint_keys)},
    {TEXTS("provider_files", provider_files, "[\"providers.conf\"]", check_path,
	 file_names),
	NO_EFFECT},

    {TIME("policy.wait", policy.wait_ms, "\"8s\"", 0, TIME_S(60))},
    {NUMBER("policy.max_waiting", policy.max_waiting, "50", 0, 100000)},
    {WORD("policy.on_hold", policy.on_hold, "\"accept\"", CONF_ACCEPT,
	words_hold)},
    {LIST("policy.senders", policy.senders, policy.n_senders, sender_keys)},
    {CHECKED("policy.sender_files", KEY_PATHS, policy.sender_files, "[]",
	 check_path, file_names),
	NO_EFFECT},
    {WORD("policy.on_sender_refused", policy.on_sender_refused, "\"accept\"",
	CONF_ACCEPT, words_refused)},

    {TEXT("milter.listen", milter.listen, "\"inet:127.0.0.1:2530\"",
	check_connect, socket_address)},
    {TEXT("milter.daemon", milter.daemon, "\"inet:127.0.0.1:2528\"",
	check_connect, socket_address)},
    {TIME("milter.wait", milter.wait_ms, "\"8s\"", 0, TIME_S(9))},
    {BOOL("milter.header", milter.header, "false")},
    {WORD("milter.on_hold", milter.on_hold, "\"accept\"", CONF_ACCEPT,
	words_hold)},

    {CHECKED("feed.file", KEY_PATH, feed.file, "\"/var/log/mail.log\"",
	 check_path, file_name),
	NO_EFFECT},
    {WORD("feed.start", feed.start_at_beginning, "\"end\"", 0, words_start),
	NO_EFFECT},

    {LIST("hooks", hooks.item, hooks.n, hook_keys), NO_EFFECT},

    {CHECKED("table.path", KEY_PATH, table.path, "\"\"", check_text,
	 "a file name, or \"\""),
	NO_EFFECT},

    {NUMBER("cache.max_domains", cache.max_domains, "1000000", 1000, 16000000)},
    {SIZE("cache.max_memory", cache.max_memory, "\"2GiB\"", 16 * SIZE_MIB,
	 SIZE_MIB << 20),
	NO_EFFECT},
    {WORD("cache.cold", cache.cold, "\"direct\"", CONF_ROUTE_DIRECT,
	words_fixed_route)},

    {CHECKED("store.path", KEY_PATH, store.path,
	 "\"/var/lib/mxdetour/state.db\"", check_path, file_name),
	NO_EFFECT},
    {TIME("store.history", store.history_ms, "\"90d\"", TIME_S(3600),
	 TIME_D(3650)),
	NO_EFFECT},
    {NUMBER("store.history_max", store.history_max, "1000000", 1000, 100000000),
	NO_EFFECT},

    {WORD("log.to", log.to, "\"auto\"", LOG_TO_AUTO, words_log_to)},
    {WORD("log.level", log.level, "\"info\"", LOG_LEVEL_DEBUG, words_level)},
    {WORD("log.lookups", log.lookups, "\"changed\"", CONF_LOOKUPS_NONE,
	words_lookups)},
    {CHECKED("log.decisions", KEY_PATH, log.decisions, "\"\"", check_text,
	 "a file name, or \"\""),
	NO_EFFECT},
    {BOOL("log.recipients", log.recipients, "false")},
};
const struct conf_keys conf_main_keys = {
    main_key, ARRAY_LEN(main_key), sizeof(S)};

_Static_assert(ARRAY_LEN(main_key) <= KEY_MAX, "raise KEY_MAX");
