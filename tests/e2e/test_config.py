# SPDX-License-Identifier: MIT
"""The configuration file and the command line."""
import os
import re
import subprocess

import fakesmtp
import harness
from harness import (NOTFOUND, Daemon, World, check, config_text, same)

# Every key there is, with the defaults or a plausible value.
SAMPLE = """\
mode = "enforce";                         # or "observe"
listen = { socketmap = ["inet:127.0.0.1:2527", "unix:DIR/socketmap"];
           policy = ["inet:127.0.0.1:2528"];
           http = ["unix:DIR/http", "inet:127.0.0.1:2529"];
           mode = "0660"; group = ""; max_connections = 1024; };
self   = { names = []; addresses = []; local_domains = [];
           local_domain_files = []; };
dns    = { servers = []; tcp = false; timeout = "5s"; tries = 2;
           concurrency = 200; min_ttl = "60s"; max_ttl = "1d";
           negative_ttl = "5m"; stale = "1d"; forged_address_files = [];
           on_failure = "direct"; };
probe  = { enabled = true; asked = "spare"; helo = ""; bind = ""; bind6 = "";
           port = 25; depth = "ehlo"; connect_timeout = "6s";
           greeting_timeout = "45s"; reply_timeout = "20s"; concurrency = 256;
           per_net = 8; per_second = 50; fall = 2; rise = 2; interval = "30m";
           fast_interval = "15s"; down_interval = "2m";
           down_interval_max = "10m"; idle = "1d";
           protocols = ["ipv4", "ipv6"]; allow_private = false; };
uplink = { canaries = ["qq.com", "163.com"]; on_port25_closed = "hold"; };
direct = { steer = "nexthop"; filter_all = false; mailer = "esmtp"; };
relays = ( { name = "us1"; nexthop = "[relay1.example.net]:587";
             transport = "detour"; mailer = "relay"; priority = 1;
             weight = 1; probe = "smtp"; },
           { nexthop = "[192.0.2.1]:2525"; },
           { nexthop = "[relay2.example.net]"; probe = "connect"; } );
relay_refused = false;
hold_answer = "notfound";
rules  = ( { name = "china"; domain = ["*.cn"]; route = "direct"; },
           { mx = ["*.google.com", "*.googlemail.com"]; route = "auto";
             relays = ["us1"]; },
           { domain_file = "DIR/list"; route = "hold"; } );
endpoints = ( { prefix = "203.0.113.0/24"; state = "reachable"; },
              { prefix = "2001:db8::/32"; state = "ignore"; } );
provider_files = ["providers.conf"];
policy = { wait = "8s"; max_waiting = 50; on_hold = "accept";
           senders = ( { match = "domain:isp.example";
                         note = "filing number"; },
                       { match = "sasl:joe"; }, { match = "net:10.0.0.0/8"; } );
           on_sender_refused = "accept"; };
milter = { listen = "inet:127.0.0.1:2530"; daemon = "inet:127.0.0.1:2528";
           wait = "8s"; header = false; on_hold = "accept"; };
feed   = { file = "/var/log/mail.log"; start = "end"; };
hooks  = ( { on = "transition";
             command = ["/usr/libexec/mxdetour/release-postfix"];
             timeout = "30s"; } );
cache  = { max_domains = 1000000; max_memory = "2GiB"; cold = "direct"; };
store  = { path = "DIR/state.db"; history = "90d"; };
log    = { to = "auto"; level = "info"; lookups = "changed"; decisions = "";
           recipients = false; };
"""
PROVIDERS = """\
providers = ( { name = "google"; mx = ["aspmx.l.google.com",
                                      "*.aspmx.l.google.com"];
                hosts = ["aspmx.l.google.com", "alt1.aspmx.l.google.com"];
                rescue = false; } );
"""


def run(*arguments, **kwargs):
    """Runs the daemon to its end: (status, all that it said)."""
    done = subprocess.run(harness.command(*arguments),
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT,
                          timeout=harness.DEADLINE, **kwargs)
    text = done.stdout.decode("utf-8", "backslashreplace")
    check(not harness.SANITIZER.search(text), text)
    return done.returncode, text


def check_file(w, text, name="t.conf"):
    path = w.write(name, text)
    return run("-t", "-c", path) + (path,)


def test_version_and_usage():
    status, text = run("-V")
    same(status, 0)
    check(re.search(r"mxdetour\S* \S*\d", text), "version", text)
    for arguments in (["-Z"], ["-c"], ["-t", "-c", "/nonexistent", "extra"],
                      ["--nonsense"]):
        status, text = run(*arguments)
        check(status not in (0, -6, -11) and text, arguments, status, text)


def test_sample_with_every_key():
    with World(start=False) as w:
        w.write("list", "x.test\n*.y.test\n# c\n")
        w.write("providers.conf", PROVIDERS)
        status, text, _ = check_file(w, SAMPLE.replace("DIR", w.dir))
        same(status, 0, "exit status, saying %s" % text)


def test_empty_is_all_defaults():
    """Every key has a default; providers.conf may be missing then."""
    with World(start=False) as w:
        for text in ("", "# nothing\n", "mode = \"observe\";\n"):
            status, said, _ = check_file(w, text)
            same(status, 0, "exit status of %r, saying %s" % (text, said))


# (text, line of the error, a word that must be in the message or None)
BAD = [
    ("mode = \"enforced\";\n", 1, "mode"),
    ("mode = 1;\n", 1, "mode"),
    ("\n\nmoode = \"enforce\";\n", 3, "moode"),
    ("dns = {\n timeout = \"5s\";\n tiemout = \"5s\";\n};\n", 3, "tiemout"),
    ("mode = \"enforce\";\nmode = \"observe\";\n", 2, None),
    ("mode = \"enforce\"\ndns = {\n", None, None),
    ("dns = {\n  tries = 0;\n};\n", 2, "tries"),
    ("dns = {\n  tries = 11;\n};\n", 2, "tries"),
    ("dns = { concurrency = -1; };\n", 1, "concurrency"),
    ("dns = { tries = 4294967298; };\n", 1, "tries"),
    ("probe = { fall = 4294967297; };\n", 1, "fall"),
    ("probe = {\n port = 65561;\n};\n", 2, "port"),
    ("probe = { port = 0; };\n", 1, "port"),
    ("probe = { port = 99999999999999999999; };\n", 1, None),
    ("probe = { port = \"25\"; };\n", 1, "port"),
    ("probe = { port = 25.5; };\n", 1, "port"),
    ("probe = { enabled = 1; };\n", 1, "enabled"),
    ("probe = { enabled = \"yes\"; };\n", 1, "enabled"),
    ("probe = { interval = \"30\"; };\n", 1, "interval"),
    ("probe = { interval = 30; };\n", 1, "interval"),
    ("probe = { interval = \"-5m\"; };\n", 1, "interval"),
    ("probe = { interval = \"5 parsec\"; };\n", 1, "interval"),
    ("probe = { interval = \"99999999999999999999d\"; };\n", 1, "interval"),
    ("probe = { interval = \"\"; };\n", 1, "interval"),
    ("probe = { depth = \"rcpt\"; };\n", 1, "depth"),
    ("probe = { bind = \"localhost\"; };\n", 1, "bind"),
    ("probe = { bind = \"::1\"; };\n", 1, "bind"),
    ("probe = { protocols = [\"ipv5\"]; };\n", 1, "protocols"),
    ("probe = { helo = \"a b\"; };\n", 1, "helo"),
    ("probe = { helo = \"a\\r\\nMAIL FROM:<x>\"; };\n", 1, "helo"),
    ("probe = [ 1 ];\n", 1, "probe"),
    ("relays = { };\n", 1, "relays"),
    ("relays = (\n { name = \"x\"; }\n);\n", 2, "nexthop"),
    ("relays = ( { nexthop = \"\"; } );\n", 1, "nexthop"),
    ("relays = ( { nexthop = \"[relay.test\"; } );\n", 1, "nexthop"),
    ("relays = ( { nexthop = \"[relay.test]:0\"; } );\n", 1, "nexthop"),
    ("relays = ( { nexthop = \"[relay.test]:70000\"; } );\n", 1, "nexthop"),
    ("relays = ( { nexthop = \"[a.test],[b.test]\"; } );\n", 1, "nexthop"),
    ("relays = ( { nexthop = \"[a.test]\"; weight = 0; } );\n", 1, "weight"),
    ("relays = ( { nexthop = \"[a.test]\"; probe = \"x\"; } );\n", 1,
     "probe"),
    ("relays = ( { nexthop = \"[a.test]\"; transport = \"a b\"; } );\n", 1,
     "transport"),
    ("relays = (\n { name = \"a\"; nexthop = \"[a.test]\"; },\n"
     " { name = \"a\"; nexthop = \"[b.test]\"; } );\n", 3, None),
    ("relays = ( { nexthop = \"[a.test]\"; colour = \"red\"; } );\n", 1,
     "colour"),
    ("rules = ( { domain = [\"x.test\"]; route = \"steer\"; } );\n", 1,
     "route"),
    ("rules = ( { domain = [\"x.test\"]; route = \"relay\";\n"
     "  relays = [\"nobody\"]; } );\n", 2, "nobody"),
    ("rules = ( { domain = [\"a..b\"]; route = \"direct\"; } );\n", 1, None),
    ("rules = ( { domain = [\"x.*\"]; route = \"direct\"; } );\n", 1, None),
    ("rules = ( { mx = [\"a b\"]; route = \"direct\"; } );\n", 1, None),
    ("rules = ( { domain_file = \"/nonexistent/file\"; "
     "route = \"direct\"; } );\n", 1, "/nonexistent/file"),
    ("self = { local_domain_files = [\"/nonexistent/file\"]; };\n", 1,
     "/nonexistent/file"),
    ("provider_files = [\"/nonexistent/file\"];\n", 1, "/nonexistent/file"),
    ("self = { addresses = [\"1.2.3\"]; };\n", 1, "addresses"),
    ("self = { names = [\"a b\"]; };\n", 1, "names"),
    ("endpoints = ( { prefix = \"10.0.0.1/8\"; state = \"ignore\"; } );\n",
     1, "prefix"),
    ("endpoints = ( { prefix = \"10.0.0.0/33\"; state = \"ignore\"; } );\n",
     1, "prefix"),
    ("endpoints = ( { prefix = \"10.0.0.0/8\"; state = \"up\"; } );\n", 1,
     "state"),
    ("dns = { servers = [\"ns.test\"]; };\n", 1, "servers"),
    ("dns = { servers = [\"127.0.0.1:0\"]; };\n", 1, "servers"),
    ("dns = { servers = [\"127.0.0.1:65536\"]; };\n", 1, "servers"),
    ("dns = { servers = [1]; };\n", 1, "servers"),
    ("listen = { socketmap = [\"127.0.0.1:2527\"]; };\n", 1, "socketmap"),
    ("listen = { socketmap = [\"inet:127.0.0.1:x\"]; };\n", 1, "socketmap"),
    ("listen = { socketmap = [\"inet:localhost\"]; };\n", 1, "socketmap"),
    ("listen = { socketmap = [\"unix:relative\"]; };\n", 1, "socketmap"),
    ("listen = { socketmap = [\"unix:/" + "x" * 200 + "\"]; };\n", 1,
     "socketmap"),
    ("listen = { mode = \"0999\"; };\n", 1, "mode"),
    ("listen = { max_connections = 0; };\n", 1, "max_connections"),
    ("policy = { senders = ( { match = \"user:x\"; } ); };\n", 1, "match"),
    ("policy = { senders = ( { match = \"net:10.0.0.0/99\"; } ); };\n", 1,
     "match"),
    ("policy = { on_hold = \"reject\"; };\n", 1, "on_hold"),
    ("policy = { wait = \"1h\"; };\n", 1, "wait"),
    ("milter = { wait = \"10s\"; };\n", 1, "wait"),
    ("cache = { max_memory = \"2 apples\"; };\n", 1, "max_memory"),
    ("cache = { max_memory = \"99999999999TiB\"; };\n", 1, "max_memory"),
    ("cache = { max_domains = 1; };\n", 1, "max_domains"),
    ("log = { level = \"loud\"; };\n", 1, "level"),
    ("log = { lookups = \"some\"; };\n", 1, "lookups"),
    ("uplink = { on_port25_closed = \"panic\"; };\n", 1,
     "on_port25_closed"),
    ("hold_answer = \"bounce\";\n", 1, "hold_answer"),
    ("relay_refused = \"no\";\n", 1, "relay_refused"),
    ("direct = { steer = \"left\"; };\n", 1, "steer"),
    ("mode = \"enforce\"; }\n", 1, None),
    ("\x00\x01\x02", None, None),
    ("mode = \"", None, None),
]


def test_errors_with_file_and_line():
    """Exit 2, and `file:line: what`, for each of many mistakes."""
    with World(start=False) as w:
        wrong = []

        def one(item):
            number, (text, line, word) = item
            status, said, path = check_file(w, text, "bad%d.conf" % number)
            place = r"(?m)^%s:%s: ." % (
                re.escape(path), r"\d+" if line is None else line)
            if status != 2 or not re.search(place, said) or \
                    (word is not None and word not in said):
                wrong.append("%r: status %s, said %r (wanted line %s, %s)"
                             % (text, status, said, line, word))
        harness.in_parallel(one, enumerate(BAD), threads=4)
        check(not wrong, "\n" + "\n".join(sorted(wrong)))


def test_errors_in_other_files():
    """Named in the file where they stand."""
    with World(start=False) as w:
        bad = w.write("domains", "good.test\n# fine\nb..ad\n")
        for text in ("self = { local_domain_files = [\"%s\"]; };\n" % bad,
                     "rules = ( { domain_file = \"%s\"; route = \"hold\"; } "
                     ");\n" % bad):
            status, said, _ = check_file(w, text)
            same(status, 2, said)
            check(re.search(r"(?m)^%s:3: ." % re.escape(bad), said), said)
        bad = w.write("prov.conf", "\nproviders = ( { nome = \"x\"; } );\n")
        status, said, _ = check_file(w, "provider_files = [\"prov.conf\"];\n")
        same(status, 2, said)
        check(re.search(r"(?m)^%s:2: ." % re.escape(bad), said), said)


def test_files_are_relative_to_the_configuration():
    with World(start=False) as w:
        w.write("providers.conf", PROVIDERS)
        w.write("mine.conf", PROVIDERS)
        path = w.write("t.conf", "provider_files = [\"mine.conf\"];\n")
        same(run("-t", "-c", path, cwd="/")[0], 0)
        same(run("-t", "-c", "t.conf", cwd=w.dir)[0], 0)


def test_missing_file():
    with World(start=False) as w:
        for path in (w.dir + "/none.conf", w.dir):
            status, said = run("-t", "-c", path)
            same(status, 2, said)
            check(path in said, said)
            daemon = Daemon(path)
            check(daemon.wait() not in (0, -6, -11), "started without a file")


def test_bad_file_stops_the_start():
    with World(start=False) as w:
        w.write_conf(text="mode = \"enforce\";\nmoode = 1;\n")
        daemon = Daemon(w.conf_path)
        same(daemon.wait(), 2, "exit status")
        check(daemon.find(re.escape(w.conf_path) + ":2: .*moode"),
              daemon.text())
        same(daemon.sanitizer_reports(), [])


def test_relay_that_is_ourselves():
    """Its mail would come back until it bounces: refused by -t, the start and
    a reload, which keeps the old one."""
    SELF = ("self = { names = [\"mx.own.test\"]; addresses = "
            "[\"198.51.100.7\"]; };\nrelays = (\n { nexthop = \"%s\"; } );\n")
    with World() as w:
        for nexthop, good in (
                ("[127.0.0.1]", False), ("[127.3.2.1]:587", False),
                ("[::1]:465", False), ("[IPv6:::1]:587", False),
                ("[::ffff:127.0.0.1]:587", False), ("[0.0.0.0]", False),
                ("[localhost]:587", False), ("[MX.Own.test.]:587", False),
                ("[198.51.100.7]:25", False),
                ("[127.0.0.1]:2525", True), ("[localhost]:10025", True),
                ("[198.51.100.8]:587", True), ("[relay.own.test]", True)):
            status, said, path = check_file(w, SELF % nexthop)
            same(status, 0 if good else 2, nexthop, said)
            same(": relays.nexthop = \"%s\": must not be this host itself ("
                 % nexthop in said, not good, nexthop, said)
            check(good or said.startswith(path + ":3: "), said)
        bad = {"probe": {"allow_private": False},
               "relays": [w.relay_entry(nexthop="[127.0.0.1]:587")]}
        mark = w.daemon.mark()
        w.write_conf(bad)
        w.hangup()
        w.daemon.wait_log(r"reload=failed error=\"%s:\d+: relays.nexthop = .*"
                          r"must not be this host.* the old one stays in use"
                          % re.escape(w.conf_path), mark)
        w.simple("b.test", "127.10.0.1", fakesmtp.CLOSE)
        w.judged("b.test", route="relay", via="r1")
        daemon = Daemon(w.conf_path)
        same(daemon.wait(), 2, "exit status of a start")
        check(daemon.find(r":\d+: relays.nexthop = .*must not be this host"),
              daemon.text())


def test_check_does_not_start():
    """-t touches no socket, not even of a daemon that runs."""
    with World() as w:
        same(run("-t", "-c", w.conf_path)[0], 0)
        w.expect("transport", "*", NOTFOUND)
        check(os.path.exists(w.conf_path))


def test_check_of_no_socket():
    """Good where a supervisor hands some over, and said to be so."""
    with World(start=False) as w:
        for policy, said in (("", True), ("\"unix:/x\"", False)):
            status, text, path = check_file(
                w, "listen = { socketmap = []; policy = [%s]; };\n" % policy)
            same(status, 0, text)
            same("%s: listen names no socket" % path in text, said, text)


def test_verbose():
    with World(daemon_args=["-v"]) as w:
        w.simple("blocked.test", "127.10.0.1", fakesmtp.CLOSE)
        w.judged("blocked.test", route="relay")


def test_patterns_are_folded():
    with World({"rules": [{"domain": ["*.B\u00fcCHER.Test.", "UP.test"],
                           "route": "direct", "name": "f"}]}) as w:
        for name in ("a.xn--bcher-kva.test", "up.test"):
            w.simple(name, "127.10.0.1", fakesmtp.CLOSE)
            w.learn(name)
            w.until_route(name, route="direct", reason="rule:f")


def test_writer_of_configurations():
    """What the harness writes for a base world is accepted."""
    with World(start=False) as w:
        status, said, _ = check_file(w, config_text(w.base()))
        same(status, 0, said)
