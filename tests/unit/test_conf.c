// SPDX-License-Identifier: MIT
// The configuration: defaults, ranges, and what is refused with which words.
#include "conf/conf.h"

#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>

#include "conf/field.h"
#include "conf/hostname.h"
#include "conf/value.h"
#include "fake/fakeinterfaces.h"
#include "unit/conffile.h"
#include "unit/unit.h"

#ifndef CONF_DIR
#define CONF_DIR "conf"
#endif

// What dns.servers must be.
#define SERVERS_MUST                                                 \
	"must be a list of \"ip\", \"ip:port\", \"[ipv6]:port\" or " \
	"\"[ipv6%interface]:port\", at most 16"

static char conf_dir[PATH_MAX]; // where the installed files' sources are

// The configuration of that text; NULL and `err`.
static struct conf *
load(const char *text, struct err *err)
{
	conffile_write("c", text);
	*err = (struct err){""};
	return conf_load("c", NULL, NULL, err);
}

static void
expect_error(size_t row, const char *text, const char *want)
{
	struct err err;
	struct conf *conf = load(text, &err);
	ck_assert_msg(conf == NULL, "row %zu: accepted:\n%s", row, text);
	ck_assert_msg(strcmp(err.text, want) == 0,
	    "row %zu: got\n%s\nwanted\n%s", row, err.text, want);
}

static char *
dump(const struct conf *conf)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);
	ck_assert_ptr_nonnull(out);
	conf_dump(conf, out);
	fclose(out);
	return text;
}

// True when the dump has the line.
static bool
dump_has(const struct conf *conf, const char *line)
{
	char *text = dump(conf);
	size_t len = strlen(line);
	bool found = false;
	for (char *p = text; !found && *p != '\0'; p = strchr(p, '\n') + 1)
		found = strncmp(p, line, len) == 0 && p[len] == '\n';
	free(text);
	return found;
}

START_TEST(test_conf_refuses_with_place_and_what_is_allowed)
{
	static const char *const rows[][2] = {
	    // Kinds of values.
	    {"probe = {\n port = \"25\";\n};",
		"c:2: probe.port = \"25\": must be a whole number from 1 to "
		"65535"},
	    {"probe = { port = 25.0; };", "c:1: probe.port = 25.0000: must be "
					  "a whole number from 1 to 65535"},
	    {"probe = { port = true; };", "c:1: probe.port = true: must be a "
					  "whole number from 1 to 65535"},
	    {"probe = { port = [25]; };", "c:1: probe.port = [ ... ]: must be "
					  "a whole number from 1 to 65535"},
	    {"probe = { port = { }; };", "c:1: probe.port = { ... }: must be a "
					 "whole number from 1 to 65535"},
	    {"probe = { enabled = 1; };",
		"c:1: probe.enabled = 1: must be true or false"},
	    {"probe = { enabled = \"yes\"; };",
		"c:1: probe.enabled = \"yes\": must be true or false"},
	    {"mode = true;",
		"c:1: mode = true: must be \"enforce\" or \"observe\""},
	    {"mode = \"Enforce\";",
		"c:1: mode = \"Enforce\": must be \"enforce\" or \"observe\""},
	    {"dns = { on_failure = \"auto\"; };",
		"c:1: dns.on_failure = \"auto\": must be \"direct\", \"relay\" "
		"or \"hold\""},
	    {"policy = { on_hold = \"reject\"; };",
		"c:1: policy.on_hold = \"reject\": must be \"accept\" or "
		"\"defer\""},
	    {"listen = { mode = 0660; };",
		"c:1: listen.mode = 660: must be a file mode from \"000\" to "
		"\"0777\", in quotes"},
	    {"listen = { mode = \"0888\"; };",
		"c:1: listen.mode = \"0888\": must be a file mode from \"000\" "
		"to \"0777\", in quotes"},
	    // Times and sizes.
	    {"dns = { timeout = 5; };",
		"c:1: dns.timeout = 5: must be a time from \"100ms\" to "
		"\"1m\": write \"5s\" for seconds"},
	    {"dns = { timeout = \"5\"; };",
		"c:1: dns.timeout = \"5\": must be a time from \"100ms\" to "
		"\"1m\": write \"5s\" for seconds"},
	    {"dns = { timeout = -5; };",
		"c:1: dns.timeout = -5: must be a time from \"100ms\" to "
		"\"1m\""},
	    {"dns = { timeout = \"5 s\"; };",
		"c:1: dns.timeout = \"5 s\": must be a time from \"100ms\" to "
		"\"1m\": a whole number and ms, s, m, h or d"},
	    {"dns = { timeout = \"61s\"; };",
		"c:1: dns.timeout = \"61s\": must be a time from \"100ms\" to "
		"\"1m\""},
	    {"dns = { timeout = true; };",
		"c:1: dns.timeout = true: must be a time from \"100ms\" to "
		"\"1m\""},
	    {"dns = { timeout = 99999999999999999999; };",
		"c:1: dns.timeout = a number of more than 64 bits: must be a "
		"time from \"100ms\" to \"1m\""},
	    {"cache = { max_memory = \"2GB\"; };",
		"c:1: cache.max_memory = \"2GB\": must be a size from "
		"\"16MiB\" to \"1TiB\": a whole number and KiB, MiB, GiB, TiB, "
		"or bytes"},
	    {"cache = { max_memory = -1; };",
		"c:1: cache.max_memory = -1: must be a size from \"16MiB\" to "
		"\"1TiB\""},
	    // Names of keys.
	    {"probe = {\n port = 25;\n prot = 26;\n};",
		"c:3: unknown key probe.prot; did you mean probe.port?"},
	    {"port = 25;", "c:1: unknown key port; did you mean probe.port?"},
	    {"probes = { port = 25; };",
		"c:1: unknown key probes; see mxdetour.conf(5)"},
	    {"zzz = 25;", "c:1: unknown key zzz; see mxdetour.conf(5)"},
	    {"Mode = \"observe\";",
		"c:1: unknown key Mode; did you mean mode?"},
	    {"relays = ( { nexthop = \"[a.example]\"; wieght = 2; } );",
		"c:1: unknown key relays.wieght; did you mean relays.weight?"},
	    {"probe = 25;", "c:1: probe: must be a group: probe = { ... };"},
	    {"probe = ( { port = 25; } );",
		"c:1: probe: must be a group: probe = { ... };"},
	    // What libconfig says.
	    {"mode = \"observe\";\nmode = \"enforce\";",
		"c:2: duplicate setting name: mode is given a second "
		"time"},
	    {"probe = { port = 1; };\nprobe = { };",
		"c:2: duplicate setting name: probe is given a second "
		"time"},
	    {"probe = {\n port = 1; helo = \"a=b;\"; port : 2; };",
		"c:2: duplicate setting name: port or helo or port is given "
		"a second time"},
	    {"mode = \"observe\";\nprobe = {\n",
		"c:3: syntax error, here or shortly before"},
	    {"mode = ;", "c:1: syntax error, here or shortly before"},
	    {"self = { names = [\"a.example\", 5]; };",
		"c:1: mismatched element type in array"},
	    {"mode = \"observe\" /* until\n",
		"c:1: the comment that begins here never ends: \"*/\" is "
		"missing"},
	    // Listeners.
	    {"listen = { socketmap = \"inet:127.0.0.1:1\"; };",
		"c:1: listen.socketmap = \"inet:127.0.0.1:1\": must be a list "
		"of \"inet:ADDRESS:PORT\" (an IP address, IPv6 in brackets, or "
		"*) or \"unix:/absolute/path\""},
	    {"listen = { socketmap = [\n\"inet:127.0.0.1:1\",\n"
	     "\"inet:localhost:2527\"\n]; };",
		"c:3: listen.socketmap = \"inet:localhost:2527\": must be a "
		"list of \"inet:ADDRESS:PORT\" (an IP address, IPv6 in "
		"brackets, or *) or \"unix:/absolute/path\""},
	    // As the listener reads it, or it would fail at the start only.
	    {"listen = { socketmap = [\"inet:*:02527\"]; };",
		"c:1: listen.socketmap = \"inet:*:02527\": must be a list of "
		"\"inet:ADDRESS:PORT\" (an IP address, IPv6 in brackets, or *) "
		"or \"unix:/absolute/path\""},
	    {"milter = { listen = \"inet:*:2530\"; };",
		"c:1: milter.listen = \"inet:*:2530\": must be "
		"\"inet:ADDRESS:PORT\" (IPv6 in brackets) or "
		"\"unix:/absolute/path\""},
	    {"listen = { socketmap = [\"inet:127.0.0.1:1\", "
	     "\"inet:127.0.0.1:1\"]; };",
		"c:1: listen.socketmap = \"inet:127.0.0.1:1\": cannot be "
		"opened beside \"inet:127.0.0.1:1\" of listen.socketmap"},
	    {"listen = {\n socketmap = [\"inet:*:2528\"]; };",
		"c:2: listen.policy = \"inet:127.0.0.1:2528\": cannot be "
		"opened beside \"inet:*:2528\" of listen.socketmap"},
	    {"listen = {\n policy = [\"unix:/x\"];\n"
	     " socketmap = [\"unix:/y\", \"unix:/./x\"];\n};",
		"c:2: listen.policy = \"unix:/x\": cannot be opened beside "
		"\"unix:/./x\" of listen.socketmap"},
	    {"listen = { group = \"two words\"; };",
		"c:1: listen.group = \"two words\": must be the name or the "
		"number of a group, or \"\""},
	    {"listen = { group = \"no-such-group\"; };",
		"c:1: listen.group = \"no-such-group\": must be the name or "
		"the number of a group of this host, or \"\""},
	    // Names and addresses.
	    {"self = { names = [\"a b\"]; };",
		"c:1: self.names = \"a b\": must be a list of host names"},
	    {"self = { addresses = [\"192.0.2.1:25\"]; };",
		"c:1: self.addresses = \"192.0.2.1:25\": must be a list of IP "
		"addresses"},
	    {"self = { local_domains = [\"*\"]; };",
		"c:1: self.local_domains = \"*\": must be a list of names or "
		"\"*.suffix\" patterns"},
	    {"dns = { servers = [\"192.0.2.1:0\"]; };",
		"c:1: dns.servers = \"192.0.2.1:0\": " SERVERS_MUST},
	    {"dns = { servers = [\"ns.example\"]; };",
		"c:1: dns.servers = \"ns.example\": " SERVERS_MUST},
	    {"dns = { servers = [\"fe80::53\"]; };",
		"c:1: dns.servers = \"fe80::53\": " SERVERS_MUST
		": a link-local address needs its interface"},
	    {"dns = { servers = [\"2001:db8::53%lo\"]; };",
		"c:1: dns.servers = \"2001:db8::53%lo\": " SERVERS_MUST},
	    {"self = { addresses = [\"fe80::53%lo\"]; };",
		"c:1: self.addresses = \"fe80::53%lo\": must be a list of IP "
		"addresses"},
	    {"dns = {\n servers = [\"::1\", \"::1\", \"::1\", \"::1\", "
	     "\"::1\", \"::1\", \"::1\", \"::1\", \"::1\", \"::1\", "
	     "\"::1\", \"::1\", \"::1\", \"::1\", \"::1\", \"::1\", "
	     "\"::1\"]; };",
		"c:2: dns.servers = [ ... ]: " SERVERS_MUST},
	    {"probe = { bind = \"2001:db8::1\"; };",
		"c:1: probe.bind = \"2001:db8::1\": must be an IPv4 address of "
		"this host, or \"\""},
	    {"probe = { bind6 = \"192.0.2.1\"; };",
		"c:1: probe.bind6 = \"192.0.2.1\": must be an IPv6 address of "
		"this host, or \"\""},
	    {"probe = { helo = \"[2001:db8::1]\"; };",
		"c:1: probe.helo = \"[2001:db8::1]\": must be a host name, an "
		"address in brackets such as \"[192.0.2.1]\", or \"\""},
	    {"probe = { protocols = []; };",
		"c:1: probe.protocols = [ ... ]: must be a list of \"ipv4\", "
		"\"ipv6\" or both"},
	    {"probe = { protocols = [\"ipv4\", \"ipv5\"]; };",
		"c:1: probe.protocols = \"ipv5\": must be a list of \"ipv4\", "
		"\"ipv6\" or both"},
	    {"direct = { mailer = \"esmtp,\"; };",
		"c:1: direct.mailer = \"esmtp,\": must be 1 to 63 characters "
		"A-Z a-z 0-9 . _ -, no . or - first"},
	    {"uplink = { canaries = [\"qq\"]; };",
		"c:1: uplink.canaries = \"qq\": must be a list of domains"},
	    {"feed = { file = \"\"; };",
		"c:1: feed.file = \"\": must be a file name"},
	    {"log = { decisions = \"a\\nb\"; };",
		"c:1: log.decisions = \"a?b\": must be without control "
		"characters"},
	    // Relays.
	    {"relays = ( { } );",
		"c:1: relays.nexthop is missing: must be \"[host]\" or "
		"\"[host]:port\" (a name or an address, 1 to 65535)"},
	    {"relays = [1];",
		"c:1: relays = [ ... ]: must be a list of groups: ( { ... }, "
		"{ ... } )"},
	    {"relays = { nexthop = \"[a.example]\"; };",
		"c:1: relays = { ... }: must be a list of groups: ( { ... }, "
		"{ ... } )"},
	    {"relays = (\n {nexthop = \"[a.example]\";},\n\n 5 );",
		"c:4: relays = 5: must be a group, { ... }"},
	    {"relays = ( {\nnexthop = \"relay1.example.net\"; } );",
		"c:2: relays.nexthop = \"relay1.example.net\": must be written "
		"[host] or [host]:port: without brackets the MTA would look up "
		"the relay's MX"},
	    {"relays = ( { nexthop = \"[a.example]:smtp\"; } );",
		"c:1: relays.nexthop = \"[a.example]:smtp\": must be "
		"\"[host]\" or \"[host]:port\" (a name or an address, 1 to "
		"65535)"},
	    {"relays = ( { nexthop = \"[a.example]\"; transport = \"\"; } );",
		"c:1: relays.transport = \"\": must be 1 to 63 characters "
		"A-Z a-z 0-9 . _ -, no . or - first"},
	    {"relays = ( { nexthop = \"[a.example]\"; name = \"a:b\"; } );",
		"c:1: relays.name = \"a:b\": must be 1 to 63 characters A-Z "
		"a-z 0-9 . _ -, no . or - first, or \"\""},
	    {"relays = ( { nexthop = \"[a.example]:25\"; },\n"
	     "{ nexthop = \"[A.example]:587\"; } );",
		"c:2: relays.name = \"a.example\": must be unique: an earlier "
		"relay has this name"},
	    // Rules.
	    {"rules = (\n{ route = \"direct\"; } );",
		"c:2: rule #1 matches nothing: it must have one of domain, "
		"domain_file and mx"},
	    {"rules = ( { name = \"x\"; domain = []; mx = []; } );",
		"c:1: rule x matches nothing: it must have one of domain, "
		"domain_file and mx"},
	    {"rules = ( { name = \"a b\"; mx = [\"*\"]; } );",
		"c:1: rules.name = \"a b\": must be at most 63 characters of "
		"printable ASCII, no blanks, quotes or backslashes"},
	    {"rules = ( { domain = [\"a..b\"]; } );",
		"c:1: rules.domain = \"a..b\": must be a list of names, "
		"\"*.suffix\" patterns or \"*\""},
	    {"rules = ( { mx = [\"*\"]; relays = [\"us1\"]; } );",
		"c:1: rules.relays = \"us1\": no relay has this name: there "
		"are none"},
	    {"rules = ( { mx = [\"*\"]; relays = [\n\"us1\",\n\"us3\"\n]; } );"
	     "relays = ( {name = \"us1\"; nexthop = \"[a.example]\";},"
	     "{name = \"us2\"; nexthop = \"[b.example]\";} );",
		"c:3: rules.relays = \"us3\": no relay has this name: there "
		"are \"us1\", \"us2\""},
	    {"rules = ( { mx = [\"*\"]; relays = \"us1\"; } );",
		"c:1: rules.relays = \"us1\": must be a list of relays' names"},
	    {"rules = ( { mx = [\"*\"]; relays = [\"a\\nb\"]; } );",
		"c:1: rules.relays = \"a?b\": must be a list of relays' names"},
	    {"rules = ( { mx = [\"*\"]; relays = [1]; } );",
		"c:1: rules.relays = 1: must be a list of relays' names"},
	    {"rules = (\n{ domain_file = \"none\"; } );",
		"c:2: rules.domain_file: cannot read none: No such file or "
		"directory"},
	    // Endpoints, senders, hooks.
	    {"endpoints = ( { state = \"ignore\"; } );",
		"c:1: endpoints.prefix is missing: must be an address or a "
		"prefix such as \"203.0.113.0/24\", no bits set after its "
		"length"},
	    {"endpoints = ( { prefix = \"203.0.113.0/24\"; } );",
		"c:1: endpoints.state is missing: must be \"reachable\", "
		"\"unreachable\" or \"ignore\""},
	    {"endpoints = ( { prefix = \"203.0.113.1/24\"; "
	     "state = \"ignore\"; } );",
		"c:1: endpoints.prefix = \"203.0.113.1/24\": must be an "
		"address or a prefix such as \"203.0.113.0/24\", no bits set "
		"after its length"},
	    {"policy = { senders = ( { match = \"isp.example\"; } ); };",
		"c:1: policy.senders.match = \"isp.example\": must be "
		"\"domain:NAME\", \"domain:*.SUFFIX\", \"sasl:USER\" or "
		"\"net:PREFIX\""},
	    {"policy = { senders = ( { match = \"domain:*\"; } ); };",
		"c:1: policy.senders.match = \"domain:*\": must be "
		"\"domain:NAME\", \"domain:*.SUFFIX\", \"sasl:USER\" or "
		"\"net:PREFIX\""},
	    {"policy = { senders = ( { match = \"sasl:\"; } ); };",
		"c:1: policy.senders.match = \"sasl:\": must be "
		"\"domain:NAME\", \"domain:*.SUFFIX\", \"sasl:USER\" or "
		"\"net:PREFIX\""},
	    {"policy = { senders = ( { match = \"net:192.0.2.1/24\"; } ); };",
		"c:1: policy.senders.match = \"net:192.0.2.1/24\": must be "
		"\"domain:NAME\", \"domain:*.SUFFIX\", \"sasl:USER\" or "
		"\"net:PREFIX\""},
	    {"hooks = ( { on = \"boot\"; command = [\"/x\"]; } );",
		"c:1: hooks.on = \"boot\": must be \"transition\", "
		"\"change\", \"uplink\", \"relay\" or \"table\""},
	    {"hooks = ( { on = \"relay\"; command = []; } );",
		"c:1: hooks.command = [ ... ]: must be a list: the program's "
		"absolute path and its arguments: it may not be empty"},
	    {"hooks = ( { on = \"relay\"; command = [\"x\", \"y\"]; } );",
		"c:1: hooks.command = \"x\": must begin with the program's "
		"absolute path"},
	    {"relays = ( { nexthop = \"[a.example]\"; name = \"-\"; } );",
		"c:1: relays.name = \"-\": must be 1 to 63 characters A-Z a-z "
		"0-9 . _ -, no . or - first, or \"\""},
	    {"policy = { senders = ( { match = \"sasl:a\"; "
	     "note = \"\xb1\xb8\xb0\xb8\"; } ); };",
		"c:1: policy.senders.note = \"\xb1\xb8\xb0\xb8\": must be in "
		"UTF-8"},
	    {"policy = { senders = ( { match = \"sasl:\xed\xa0\x80\"; } ); };",
		"c:1: policy.senders.match = \"sasl:\xed\xa0\x80\": must be "
		"\"domain:NAME\", \"domain:*.SUFFIX\", \"sasl:USER\" or "
		"\"net:PREFIX\""},
	    {"mode = "
	     "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	     "\xe5\xa4\x87x\";",
		"c:1: mode = "
		"\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		"aaaaaaaaa\xe5\xa4\x87...\": must be \"enforce\" or "
		"\"observe\""},
	    // One key against another.
	    {"dns = {\n max_ttl = \"30s\";\n};",
		"c:2: dns.max_ttl = \"30s\": must not be less than "
		"dns.min_ttl, which is \"1m\""},
	    {"dns = {\n max_ttl = \"1h\";\n min_ttl = \"2h\"; };",
		"c:3: dns.min_ttl = \"2h\": must not be more than "
		"dns.max_ttl, which is \"1h\""},
	    {"dns = {\n min_ttl = \"2h\";\n max_ttl = \"1h\"; };",
		"c:3: dns.max_ttl = \"1h\": must not be less than "
		"dns.min_ttl, which is \"2h\""},
	    {"probe = {\n down_interval = \"11m\"; };",
		"c:2: probe.down_interval = \"11m\": must not be more than "
		"probe.down_interval_max, which is \"10m\""},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		expect_error(i, rows[i][0], rows[i][1]);
}
END_TEST

START_TEST(test_conf_reads_what_the_file_says)
{
	static const char *const rows[][2] = {
	    {"", "mode = \"enforce\""},
	    {"mode = \"observe\"", "mode = \"observe\""},
	    {"listen = { socketmap = []; };", "listen.socketmap = []"},
	    {"listen = { socketmap = ( \"inet:*:1\", \"inet:[::1]:65535\", "
	     "\"unix:/a b\" ); };",
		"listen.socketmap = [\"inet:*:1\", \"inet:[::1]:65535\", "
		"\"unix:/a b\"]"},
	    {"listen = { mode = \"600\"; group = \"postfix\"; };",
		"listen.mode = \"0600\""},
	    {"self = { names = [\"MX.Example.\", \"b\"]; };",
		"self.names = [\"mx.example\", \"b\"]"},
	    {"self = { addresses = [\"192.0.2.1\", \"2001:DB8::1\"]; };",
		"self.addresses = [\"192.0.2.1\", \"2001:db8::1\"]"},
	    {"self = { local_domains = [\"A.example\", \"*.B.example\"]; };",
		"self.local_domains = [\"a.example\", \"*.b.example\"]"},
	    {"dns = { servers = [\"192.0.2.1\", \"192.0.2.1:5353\", "
	     "\"2001:db8::1\", \"[2001:db8::1]:5353\"]; };",
		"dns.servers = [\"192.0.2.1:53\", \"192.0.2.1:5353\", "
		"\"[2001:db8::1]:53\", \"[2001:db8::1]:5353\"]"},
	    {"dns = { servers = [\"fe80::53%lo\", \"[FE80::53%lo]:5353\"]; };",
		"dns.servers = [\"[fe80::53%lo]:53\", "
		"\"[fe80::53%lo]:5353\"]"},
	    {"dns = { min_ttl = \"1d\"; max_ttl = \"24h\"; };",
		"dns.max_ttl = \"1d\""},
	    {"dns = { stale = \"0s\"; };", "dns.stale = \"0s\""},
	    {"dns = { on_failure = \"hold\"; };", "dns.on_failure = \"hold\""},
	    {"probe = { asked = \"never\"; };", "probe.asked = \"never\""},
	    {"probe = { helo = \"[IPv6:2001:db8::1]\"; };",
		"probe.helo = \"[IPv6:2001:db8::1]\""},
	    {"probe = { helo = \"Probe.Example\"; };",
		"probe.helo = \"probe.example\""},
	    {"probe = { bind = \"192.0.2.1\"; bind6 = \"2001:db8::1\"; };",
		"probe.bind6 = \"2001:db8::1\""},
	    {"probe = { port = 0x19; };", "probe.port = 25"},
	    {"probe = { port = 65535L; };", "probe.port = 65535"},
	    {"probe = { depth = \"starttls\"; };",
		"probe.depth = \"starttls\""},
	    {"probe = { protocols = [\"ipv6\"]; };",
		"probe.protocols = [\"ipv6\"]"},
	    {"probe = { protocols = [\"ipv6\", \"ipv4\"]; };",
		"probe.protocols = [\"ipv4\", \"ipv6\"]"},
	    {"relays = [];", "relays = ( 0 )"},
	    {"relays = ( { nexthop = \"[Relay.Example]\"; } );",
		"relays[0].name = \"relay.example\""},
	    {"relays = ( { nexthop = \"[Relay.Example]:587\"; } );",
		"relays[0].nexthop = \"[Relay.Example]:587\""},
	    {"relays = ( { nexthop = \"[a.example]\"; },"
	     " { nexthop = \"[b.example]\"; weight = 7; } );",
		"relays[1].weight = 7"},
	    {"rules = ( { domain = [\"*.CN\"]; }, { mx = [\"*\"]; } );",
		"rules[1].name = \"#2\""},
	    {"rules = ( { domain = [\"*.CN\", \"*\"]; } );",
		"rules[0].domain = [\"*.cn\", \"*\"]"},
	    {"rules = ( { mx = [\"*\"]; relays = [\"b\", \"a\"]; } );"
	     "relays = ( { name = \"a\"; nexthop = \"[a.example]\"; },"
	     " { name = \"b\"; nexthop = \"[a.example]:26\"; } );",
		"rules[0].relays = [\"b\", \"a\"]"},
	    {"endpoints = ( { prefix = \"192.0.2.1\"; "
	     "state = \"unreachable\"; } );",
		"endpoints[0].prefix = \"192.0.2.1/32\""},
	    {"policy = { wait = \"0\" \"s\"; };", "policy.wait = \"0s\""},
	    {"policy = { senders = ( { match = \"domain:*.ISP.example\"; "
	     "note = \"\xe7\xb2\xa4ICP\xe5\xa4\x87 1\"; } ); };",
		"policy.senders[0].note = "
		"\"\xe7\xb2\xa4ICP\xe5\xa4\x87 1\""},
	    {"policy = { senders = ( { match = \"domain:*.ISP.example\"; } ); "
	     "};",
		"policy.senders[0].match = \"domain:*.isp.example\""},
	    {"policy = { senders = ( { match = \"sasl:A@b c\"; } ); };",
		"policy.senders[0].match = \"sasl:A@b c\""},
	    {"policy = { senders = ( { match = \"net:192.0.2.0/24\"; } ); };",
		"policy.senders[0].match = \"net:192.0.2.0/24\""},
	    {"policy = { on_sender_refused = \"reject\"; };",
		"policy.on_sender_refused = \"reject\""},
	    {"hooks = ( { on = \"relay\"; command = [\"/x\", \"a b\"]; } );",
		"hooks[0].command = [\"/x\", \"a b\"]"},
	    {"cache = { max_memory = 1099511627776; };",
		"cache.max_memory = \"1TiB\""},
	    {"cache = { max_memory = \"16777216\"; };",
		"cache.max_memory = \"16MiB\""},
	    {"log = { to = \"stderr\"; level = \"err\"; };",
		"log.level = \"err\""},
	    {"log = { lookups = \"all\"; };", "log.lookups = \"all\""},
	    {"log : { lookups = \"none\" }", "log.lookups = \"none\""},
	    {"store = { path = \"/x\"; };", "store.path = \"/x\""},
	    {"provider_files = [];", "provider_files = []"},
	    {"hold_answer = \"retry\"; relay_refused = TRUE;",
		"relay_refused = true"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct err err;
		struct conf *conf = load(rows[i][0], &err);
		ck_assert_msg(conf != NULL, "row %zu: %s", i, err.text);
		ck_assert_msg(
		    dump_has(conf, rows[i][1]), "row %zu: %s", i, rows[i][1]);
		conf_free(conf);
	}
}
END_TEST

// Mail for it would come back to us until it bounces.
START_TEST(test_conf_relay_is_not_ourselves)
{
	static const struct {
		const char *nexthop, *why; // NULL: good
	} rows[] = {
	    {"[mx.own.test]", "self.names"},
	    {"[MX.Own.test.]:587", "self.names"},
	    {"[mx.own.test]:465", "self.names"},
	    {"[mx.own.test]:2525", NULL},
	    {"[own.test]:587", NULL},
	    {"[192.0.2.7]:587", "self.addresses"},
	    {"[192.0.2.8]:587", NULL},
	    {"[::ffff:192.0.2.7]:587", "self.addresses"},
	    {"[IPv6:2001:db8::7]:587", "self.addresses"},
	    {"[2001:db8:0::7]", "self.addresses"},
	    {"[203.0.113.5]:587", "an address of this host"},
	    {"[203.0.113.5]:2525", NULL},
	    {"[203.0.113.6]:587", NULL},
	    {"[127.9.8.7]:25", "loopback"},
	    {"[127.9.8.7]:10025", NULL}, // a tunnel
	    {"[LOCALHOST.]:587", "loopback"},
	    {"[localhost]:2525", NULL},
	    {"[0.0.0.0]:587", "the unspecified address"},
	    {"[::]", "the unspecified address"},
	};
	static const char self[] =
	    "self = { names = [\"MX.own.test\"]; "
	    "addresses = [\"192.0.2.7\", \"2001:db8::7\"]; };\n";
	struct netaddr interface;
	ck_assert(netaddr_parse("203.0.113.5", &interface));
	fakeinterfaces_set(&interface, 1);
	static const char *const more[] = {
	    "", "probe = \"none\";", "probe = \"connect\";"};
	for (size_t i = 0; i < 3 * ARRAY_LEN(rows); i++) {
		char text[512], want[512];
		struct err err;
		const char *nexthop = rows[i / 3].nexthop;
		snprintf(text, sizeof(text),
		    "%srelays = ( { nexthop = \"[a.example]\"; },\n{\n"
		    "nexthop = \"%s\"; %s } );",
		    self, nexthop, more[i % 3]);
		if (rows[i / 3].why == NULL) {
			struct conf *conf = load(text, &err);
			ck_assert_msg(conf != NULL, "%s", err.text);
			conf_free(conf);
			continue;
		}
		snprintf(want, sizeof(want),
		    "c:4: relays.nexthop = \"%s\": must not be this host "
		    "itself (%s), or its mail comes back to it until it "
		    "bounces: write the relay's own name or address; a tunnel "
		    "to it has a port other than 25, 465 and 587",
		    nexthop, rows[i / 3].why);
		expect_error(i, text, want);
	}
	fakeinterfaces_set(NULL, 0);
}
END_TEST

// By default self.names is what the host is called.
START_TEST(test_conf_relay_is_not_this_host)
{
	char own[DNAME_SIZE], text[512];
	struct err err;
	hostname_own(own);
	snprintf(text, sizeof(text),
	    "relays = ( { nexthop = \"[%s]:587\"; } );", own);
	ck_assert_ptr_null(load(text, &err));
	ck_assert_ptr_nonnull(strstr(err.text, "(self.names)"));
}
END_TEST

#define PRIVATE_RELAY(address)                     \
	"probe = { allow_private = true; };"       \
	"self = { addresses = [\"127.0.0.9\"]; };" \
	"relays = ( { nexthop = \"[" address "]:587\"; } );"

// Then own addresses are those of self.addresses alone.
START_TEST(test_conf_relay_with_allow_private)
{
	struct err err;
	struct conf *conf = load(PRIVATE_RELAY("127.0.0.1"), &err);
	ck_assert_msg(conf != NULL, "%s", err.text);
	conf_free(conf);
	ck_assert_ptr_null(load(PRIVATE_RELAY("127.0.0.9"), &err));
	ck_assert_ptr_nonnull(strstr(err.text, "(self.addresses)"));
}
END_TEST

START_TEST(test_conf_relay_has_host_address_and_port)
{
	static const struct {
		const char *nexthop, *host, *name;
		int family;
		uint16_t port;
	} rows[] = {
	    {"[Relay1.example.net]", "relay1.example.net", NULL, 0, 25},
	    {"[relay]:587", "relay", NULL, 0, 587},
	    {"[192.0.2.1]:1", "192.0.2.1", NULL, AF_INET, 1},
	    {"[2001:DB8::1]:65535", "2001:db8::1", NULL, AF_INET6, 65535},
	    {"[IPv6:2001:db8::1]", "2001:db8::1", NULL, AF_INET6, 25},
	    {"[ipv6:2001:db8::1]:587", "2001:db8::1", NULL, AF_INET6, 587},
	    {"", NULL, NULL, 0, 0},
	    {"[]", NULL, NULL, 0, 0},
	    {"[a.example", NULL, NULL, 0, 0},
	    {"[a.example]x", NULL, NULL, 0, 0},
	    {"[a.example]:", NULL, NULL, 0, 0},
	    {"[a.example]:0", NULL, NULL, 0, 0},
	    {"[a.example]:65536", NULL, NULL, 0, 0},
	    {"[a.example]:0587", NULL, NULL, 0, 0},
	    {"[a.example]:+25", NULL, NULL, 0, 0},
	    {"[a.example]:25,[b.example]", NULL, NULL, 0, 0},
	    {"[a.example] ", NULL, NULL, 0, 0},
	    {"[a b]", NULL, NULL, 0, 0},
	    {"[IPv6:192.0.2.1]", NULL, NULL, 0, 0},
	    {"[192.0.2.256]", NULL, NULL, 0, 0},
	    {"[b\xc3\xbc"
	     "cher.example]",
		NULL, NULL, 0, 0},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char text[256];
		struct err err;
		snprintf(text, sizeof(text), "relays=({nexthop=\"%s\";});",
		    rows[i].nexthop);
		struct conf *conf = load(text, &err);
		if (rows[i].host == NULL) {
			ck_assert_msg(conf == NULL, "row %zu", i);
			continue;
		}
		ck_assert_msg(conf != NULL, "row %zu: %s", i, err.text);
		const struct conf_relay *relay = &conf->relays[0];
		ck_assert_str_eq(relay->nexthop, rows[i].nexthop);
		ck_assert_str_eq(relay->host, rows[i].host);
		ck_assert_str_eq(relay->name, rows[i].host);
		ck_assert_int_eq(relay->address.family, rows[i].family);
		ck_assert_uint_eq(relay->port, rows[i].port);
		if (rows[i].family != 0)
			ck_assert_uint_eq(relay->address.port, rows[i].port);
		conf_free(conf);
	}
}
END_TEST

// A file that sets only that key, and what else this value needs.
static void
write_key(
    char *text, size_t size, const struct conf_key *key, const char *value)
{
	static const char *const needs[][2] = {
	    {"relays.",
		"relays = ( { nexthop = \"[a.example]\"; %s = %s; } );"},
	    {"hooks.", "hooks = ( { on = \"relay\"; command = [\"/x\"]; "
		       "%s = %s; } );"},
	    {"dns.max_ttl", "dns = { min_ttl = \"1s\"; %s = %s; };"},
	    {"probe.down_interval_max",
		"probe = { down_interval = \"100ms\"; %s = %s; };"},
	    {"probe.down_interval",
		"probe = { down_interval_max = \"7d\"; %s = %s; };"},
	};
	const char *dot = strrchr(key->name, '.');
	ck_assert_ptr_nonnull(dot);
	char format[128];
	snprintf(format, sizeof(format), "%.*s = { %%s = %%s; };",
	    (int)(dot - key->name), key->name);
	const char *use = format;
	for (size_t i = 0; i < ARRAY_LEN(needs) && use == format; i++) {
		if (strncmp(key->name, needs[i][0], strlen(needs[i][0])) == 0)
			use = needs[i][1];
	}
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	snprintf(text, size, use, dot + 1, value);
#pragma GCC diagnostic pop
}

// The value as this kind of key is written.
static void
write_value(char *text, size_t size, const struct conf_key *key, int64_t value)
{
	if (key->type == KEY_TIME)
		snprintf(text, size, "\"%" PRId64 "ms\"", value);
	else
		snprintf(text, size, "%" PRId64, value);
}

static void
expect_key(const struct conf_key *key, const char *value, bool good)
{
	char text[256], begin[128];
	struct err err;
	write_key(text, sizeof(text), key, value);
	struct conf *conf = load(text, &err);
	ck_assert_msg((conf != NULL) == good, "%s: %s", text, err.text);
	snprintf(begin, sizeof(begin), "c:1: %s = ", key->name);
	ck_assert_msg(good || strncmp(err.text, begin, strlen(begin)) == 0,
	    "%s: %s", text, err.text);
	conf_free(conf);
}

// Every number, time and size at its limits and one beyond.
static unsigned
check_bounds(const struct conf_keys *keys)
{
	unsigned n = 0;
	for (unsigned i = 0; i < keys->n; i++) {
		const struct conf_key *key = &keys->key[i];
		char value[64];
		if (key->type == KEY_LIST)
			n += check_bounds(key->list);
		if (key->type != KEY_NUMBER && key->type != KEY_TIME &&
		    key->type != KEY_SIZE)
			continue;
		n++;
		write_value(value, sizeof(value), key, key->min);
		expect_key(key, value, true);
		write_value(value, sizeof(value), key, key->max);
		expect_key(key, value, true);
		write_value(value, sizeof(value), key, key->min - 1);
		expect_key(key, value, false);
		write_value(value, sizeof(value), key, key->max + 1);
		expect_key(key, value, false);
	}
	return n;
}

START_TEST(test_conf_limits_are_inclusive)
{
	ck_assert_uint_ge(check_bounds(&conf_main_keys), 30);
}
END_TEST

// Numbers that would be good ones had they lost their upper bits.
START_TEST(test_conf_integers_do_not_wrap)
{
	static const char *const values[] = {
	    "4294967321",			       // 2^32 + 25
	    "-4294967271",			       // 25 - 2^32
	    "18446744073709551641",		       // 2^64 + 25
	    "340282366920938463463374607431768211481", // 2^128 + 25
	    "-18446744073709551591",
	    "0x100000019",
	    "0x10000000000000019",
	    "0x100000019L",
	    "4294967321L",
	    "18446744073709551641L",
	    "18446744073709551641LL",
	    "0xffffffff00000019",
	};
	const struct conf_key *keys[] = {
	    conf_key_find(&conf_main_keys, "probe.port"),
	    conf_key_find(&conf_main_keys, "dns.concurrency"),
	    conf_key_find(&conf_main_keys, "probe.rise"),
	};
	for (size_t k = 0; k < ARRAY_LEN(keys); k++) {
		for (size_t i = 0; i < ARRAY_LEN(values); i++)
			expect_key(keys[k], values[i], false);
		expect_key(keys[k], "25", true);
	}
	conffile_write("sub", "\nport = 4294967321;\n");
	expect_error(0, "probe = {\n@include \"sub\"\n};",
	    "sub:2: probe.port = 4294967321: must be a whole number from 1 to "
	    "65535");
	struct err err;
	struct conf *conf = load("cache = { max_memory = 4294967296; };", &err);
	ck_assert_ptr_nonnull(conf);
	ck_assert_uint_eq(conf->cache.max_memory, UINT64_C(4294967296));
	conf_free(conf);
}
END_TEST

struct seen {
	unsigned n;
	char text[64][256];
};

static void
on_warning(const char *text, void *arg)
{
	struct seen *seen = arg;
	ck_assert_uint_lt(seen->n, ARRAY_LEN(seen->text));
	snprintf(seen->text[seen->n++], sizeof(seen->text[0]), "%s", text);
}

// The configuration of that text, which is good, and what it was warned of.
static struct conf *
load_seen(const char *text, struct seen *seen)
{
	struct err err = {""};
	conffile_write("c", text);
	*seen = (struct seen){0};
	struct conf *conf = conf_load("c", on_warning, seen, &err);
	ck_assert_msg(conf != NULL, "%s:\n%s", err.text, text);
	return conf;
}

// Two are otherwise on purpose: to begin without risk, and to steer without
// losing policies by domain.
START_TEST(test_conf_own_file_has_the_defaults_but_two)
{
	char path[PATH_MAX + 32];
	struct err err;
	struct conf *defaults = load("mode = \"observe\";\n"
				     "direct = { steer = \"dnsfilter\"; };\n",
	    &err);
	ck_assert_msg(defaults != NULL, "%s", err.text);
	snprintf(path, sizeof(path), "%s/mxdetour.conf", conf_dir);
	struct seen seen = {0};
	struct conf *conf = conf_load(path, on_warning, &seen, &err);
	ck_assert_msg(conf != NULL, "%s", err.text);
	ck_assert_msg(seen.n == 0, "%s", seen.text[0]);
	char *want = dump(defaults), *got = dump(conf);
	ck_assert_str_eq(got, want);
	ck_assert_uint_gt(conf->n_providers, 20);
	ck_assert_uint_eq(defaults->n_providers, 0);
	free(want);
	free(got);
	conf_free(conf);
	conf_free(defaults);
}
END_TEST

START_TEST(test_conf_warns_of_keys_without_effect)
{
	conffile_write("p",
	    "providers = ( { name = \"a\"; mx = [\"a.example\"];\n"
	    " rescue = false; },\n"
	    "{ name = \"b\"; mx = [\"b.example\"];\n rescue = true; } );");
	struct seen seen;
	struct conf *conf = load_seen(
	    "feed = {\n file = \"x.log\";\n start = \"end\";\n};\n"
	    "uplink = { canaries = [\"163.com\", \"qq.com\"]; };\n"
	    "cache = { max_memory = 2147483648; };\n"
	    "store = { history = \"2160h\"; path = \"x.db\"; };\n"
	    "hooks = ( { on = \"relay\"; command = [\"/x\"]; } );\n"
	    "listen = { http = []; };\n"
	    "log = { decisions = \"\"; };\n"
	    "provider_files = [\"p\"];\n"
	    "relays = ( { nexthop = \"[a.example]\";\n"
	    " egress = [\"192.0.2.7\"];\n"
	    " vantage = \"us-west\";\n"
	    " refusals = 4;\n"
	    "}, { nexthop = \"[b.example]\"; egress = []; } );\n"
	    "policy = { sender_files = [\"absent.csv\"]; };\n"
	    "table = { path = \"transport\"; };\n",
	    &seen);
	static const char *const want[] = {
	    "c:2: feed.file",
	    "c:5: uplink.canaries",
	    "c:7: store.path",
	    "c:8: hooks",
	    "c:9: listen.http",
	    "c:11: provider_files",
	    "c:13: relays.egress",
	    "c:14: relays.vantage",
	    "c:15: relays.refusals",
	    "c:17: policy.sender_files",
	    "c:18: table.path",
	    "p:4: providers.rescue",
	};
	ck_assert_uint_eq(seen.n, ARRAY_LEN(want));
	for (unsigned i = 0; i < ARRAY_LEN(want); i++) {
		char line[160];
		snprintf(line, sizeof(line), "%s has no effect in this version",
		    want[i]);
		ck_assert_str_eq(seen.text[i], line);
	}
	ck_assert_uint_eq(conf->relays[0].n_egress, 1);
	ck_assert_str_eq(conf->relays[0].vantage, "us-west");
	ck_assert_uint_eq(conf->relays[1].refusals, 3);
	ck_assert_str_eq(conf->table.path, "transport");
	conf_free(conf);
	seen.n = 0;
	struct err err;
	conf = conf_load(NULL, on_warning, &seen, &err);
	ck_assert_ptr_nonnull(conf);
	ck_assert_uint_eq(seen.n, 0);
	conf_free(conf);
}
END_TEST

START_TEST(test_conf_warns_of_routes_that_our_own_mail_would_take)
{
	static const char dns[] =
	    "c:2: dns.on_failure = \"hold\" goes for domains of our own, too, "
	    "while their MX are not known, and their mail is held: list them "
	    "in self.local_domains or self.local_domain_files";
	static const char cache[] =
	    "c:1: cache.cold = \"relay\" goes for domains of our own, too, "
	    "while their MX are not known, and their mail may loop: list them "
	    "in self.local_domains or self.local_domain_files";
	static const struct {
		const char *text, *want[2];
	} rows[] = {
	    {"cache = { cold = \"direct\"; };\n"
	     "dns = { on_failure = \"direct\"; };\n",
		{NULL}},
	    {"cache = { cold = \"relay\"; };\n"
	     "dns = { on_failure = \"hold\"; };\n",
		{dns, cache}},
	    {"\ndns = { on_failure = \"hold\"; };\n", {dns}},
	    {"cache = { cold = \"relay\"; };\n"
	     "self = { local_domain_files = [\"none\"]; };\n",
		{cache}},
	    {"cache = { cold = \"relay\"; };\n"
	     "self = { local_domain_files = [\"none\", \"one\"]; };\n",
		{NULL}},
	    {"cache = { cold = \"relay\"; };\n"
	     "dns = { on_failure = \"hold\"; };\n"
	     "self = { local_domains = [\"*.a.example\"]; };\n",
		{NULL}},
	};
	conffile_write("none", "# nothing yet\n");
	conffile_write("one", "a.example\n");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct seen seen;
		struct conf *conf = load_seen(rows[i].text, &seen);
		unsigned n = 0;
		for (; n < 2 && rows[i].want[n] != NULL; n++)
			ck_assert_str_eq(seen.text[n], rows[i].want[n]);
		ck_assert_msg(seen.n == n, "row %zu: %u", i, seen.n);
		conf_free(conf);
	}
}
END_TEST

// There is no greeting before TLS.
START_TEST(test_conf_warns_of_a_relay_on_465_that_is_to_greet)
{
	struct seen seen;
	struct conf *conf = load_seen(
	    "relays = ( { nexthop = \"[a.example]:465\"; },\n"
	    " { nexthop = \"[b.example]:465\"; probe = \"connect\"; },\n"
	    " { nexthop = \"[c.example]:465\"; probe = \"none\"; },\n"
	    " { nexthop = \"[d.example]:587\"; },\n"
	    " { probe = \"smtp\";\n nexthop = \"[192.0.2.1]:465\"; } );",
	    &seen);
	ck_assert_uint_eq(seen.n, 2);
	ck_assert_str_eq(seen.text[0],
	    "c:1: relays.nexthop = \"[a.example]:465\": on port 465 a relay "
	    "says nothing before TLS, and a probe that waits for its greeting "
	    "takes it for dead: set probe = \"connect\" beside it");
	ck_assert(strncmp(seen.text[1], "c:6: ", strlen("c:6: ")) == 0);
	conf_free(conf);
}
END_TEST

// At boot the interface may come after us.
START_TEST(test_conf_warns_of_a_server_on_no_interface)
{
	struct seen seen;
	struct conf *conf = load_seen("dns = {\n servers = [\"fe80::53%lo\",\n"
				      " \"fe80::53%no-such-if0\"]; };",
	    &seen);
	ck_assert_uint_eq(conf->dns.n_servers, 2);
	ck_assert_uint_eq(seen.n, 1);
	ck_assert_str_eq(seen.text[0],
	    "c:3: dns.servers = \"fe80::53%no-such-if0\": there is no "
	    "interface no-such-if0: asked when it is there");
	conf_free(conf);
}
END_TEST

// Files that end anywhere must neither crash nor leak.
START_TEST(test_conf_survives_files_cut_short)
{
	static const char text[] =
	    "mode = \"observe\";\n"
	    "listen = { socketmap = [\"unix:/x\"]; policy = (); };\n"
	    "dns = { servers = [\"192.0.2.1\", \"192.0.2.2\"]; tries = 3; };\n"
	    "relays = ( { name = \"a\"; nexthop = \"[a.example]:587\"; },\n"
	    "{ nexthop = \"[2001:db8::1]\"; priority = 2; } );\n"
	    "rules = ( { domain = [\"*.cn\"]; mx = [\"*\"]; relays = [\"a\"];"
	    " route = \"relay\"; }, { mx = [\"m.example\"]; } );\n"
	    "endpoints = ( { prefix = \"192.0.2.0/24\"; state = \"ignore\"; "
	    "});\n"
	    "policy = { senders = ( { match = \"domain:a.example\"; note = "
	    "\"x\";"
	    " }, { match = \"net:192.0.2.1\"; } ); };\n"
	    "hooks = ( { on = \"change\"; command = [\"/x\", \"y\"]; } );\n"
	    "/* end */ provider_files = []; # end\n";
	unsigned good = 0;
	for (size_t len = 0; len < sizeof(text); len++) {
		struct err err = {""};
		conffile_write_bytes("c", text, len);
		struct conf *conf = conf_load("c", NULL, NULL, &err);
		good += conf != NULL;
		ck_assert((conf == NULL) == (err.text[0] != '\0'));
		conf_free(conf);
	}
	ck_assert_uint_gt(good, 10);
}
END_TEST

// Every key with values of other kinds: refused with its name, or good.
START_TEST(test_conf_survives_wrong_kinds_everywhere)
{
	static const char *const values[] = {"5", "-1", "1.5", "true", "\"\"",
	    "\"\\x01\"", "\"*\"", "[]", "()", "[1]", "[\"\"]", "[1.5]",
	    "(1, \"a\")", "((()))", "({},{})", "{}", "{a=1;}", "({x=1;})",
	    "({name=1;})"};
	struct err err;
	unsigned refused = 0;
	for (unsigned i = 0; i < conf_main_keys.n; i++) {
		const struct conf_key *key = &conf_main_keys.key[i];
		for (size_t v = 0; v < ARRAY_LEN(values); v++) {
			char text[256];
			if (strchr(key->name, '.') == NULL)
				snprintf(text, sizeof(text), "%s = %s;",
				    key->name, values[v]);
			else
				write_key(text, sizeof(text), key, values[v]);
			struct conf *conf = load(text, &err);
			refused += conf == NULL;
			ck_assert_msg(
			    conf != NULL || strncmp(err.text, "c:1: ", 5) == 0,
			    "%s: %s", text, err.text);
			conf_free(conf);
		}
	}
	ck_assert_uint_gt(refused, conf_main_keys.n * 10);
}
END_TEST

static void
count_key(const char *key, const char *dflt, void *arg)
{
	unsigned *n = arg;
	ck_assert_ptr_nonnull(dflt);
	if (strcmp(key, "relays.nexthop") == 0)
		ck_assert_str_eq(dflt, "");
	if (strcmp(key, "probe.connect_timeout") == 0)
		ck_assert_str_eq(dflt, "\"6s\"");
	(*n)++;
}

START_TEST(test_conf_each_key_tells_all)
{
	unsigned n = 0;
	conf_each_key(count_key, &n);
	ck_assert_uint_eq(n, conf_main_keys.n + 10 + 6 + 2 + 2 + 3 + 1 + 4);
}
END_TEST

static Suite *
conf_suite(void)
{
	Suite *suite = suite_create("conf");
	TCase *tc = tcase_create("conf");
	tcase_set_timeout(tc, 120);
	tcase_add_checked_fixture(tc, conffile_begin, conffile_end);
	tcase_add_test(tc, test_conf_refuses_with_place_and_what_is_allowed);
	tcase_add_test(tc, test_conf_reads_what_the_file_says);
	tcase_add_test(tc, test_conf_relay_is_not_ourselves);
	tcase_add_test(tc, test_conf_relay_is_not_this_host);
	tcase_add_test(tc, test_conf_relay_with_allow_private);
	tcase_add_test(tc, test_conf_relay_has_host_address_and_port);
	tcase_add_test(tc, test_conf_limits_are_inclusive);
	tcase_add_test(tc, test_conf_integers_do_not_wrap);
	tcase_add_test(tc, test_conf_own_file_has_the_defaults_but_two);
	tcase_add_test(tc, test_conf_warns_of_keys_without_effect);
	tcase_add_test(
	    tc, test_conf_warns_of_routes_that_our_own_mail_would_take);
	tcase_add_test(tc, test_conf_warns_of_a_relay_on_465_that_is_to_greet);
	tcase_add_test(tc, test_conf_warns_of_a_server_on_no_interface);
	tcase_add_test(tc, test_conf_survives_files_cut_short);
	tcase_add_test(tc, test_conf_survives_wrong_kinds_everywhere);
	tcase_add_test(tc, test_conf_each_key_tells_all);
	suite_add_tcase(suite, tc);
	return suite;
}

int
main(void)
{
	char path[PATH_MAX];
	const char *srcdir = getenv("srcdir");
	snprintf(path, sizeof(path), "%s/%s", srcdir == NULL ? "." : srcdir,
	    CONF_DIR);
	if (CONF_DIR[0] == '/' || realpath(path, conf_dir) == NULL)
		snprintf(conf_dir, sizeof(conf_dir), "%s", CONF_DIR);
	return unit_run(conf_suite());
}
