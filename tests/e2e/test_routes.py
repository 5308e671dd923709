# SPDX-License-Identifier: MIT
"""From what the peers do to the route: judgement, rules, relays, recovery."""
import re

import fakedns
import fakesmtp
from harness import (CANARY, IGNORE, NOTFOUND, OWN, RELAY1, RELAY2, RELAY3,
                     World, check, eventually, same)

DEAD, DEAD2, UP1, UP2 = "127.10.0.1", "127.10.0.2", "127.10.0.3", "127.10.0.4"


def peers(w):
    w.smtp.set(DEAD, fakesmtp.CLOSE)
    w.smtp.set(DEAD2, fakesmtp.CLOSE)
    w.smtp.set(UP1, fakesmtp.GOOD)
    w.smtp.set(UP2, fakesmtp.GOOD)


def test_judgement_table():
    """(hosts, route, reason); refused hosts live at 127.10.5.x."""
    table = {
        "all.test": ([(10, UP1), (20, UP2)], "direct", "all-reachable"),
        "none.test": ([(10, DEAD), (20, DEAD2)], "relay", "none-reachable"),
        "first.test": ([(10, DEAD), (20, UP1)], "steer", "some-reachable"),
        "tie.test": ([(10, DEAD), (10, UP1)], "steer", "some-reachable"),
        "backup.test": ([(10, UP1), (20, DEAD)], "direct", "best-reachable"),
        "refused.test": ([(10, "127.10.5.1"), (20, "127.10.5.2")],
                         "direct", "refused-only"),
        "refused1.test": ([(10, "127.10.5.1"), (20, UP1)],
                          "direct", "refused-only"),
        "mixed.test": ([(10, "127.10.5.1"), (20, DEAD)],
                       "relay", "none-reachable"),
    }
    with World() as w:
        peers(w)
        for name, (hosts, _, _) in table.items():
            w.domain(name, [(preference, "h%d.%s" % (number, name), [address])
                            for number, (preference, address)
                            in enumerate(hosts)])
        # A dead address beside a live one: the host is partial, and up.
        w.domain("part.test", [(10, "mx.part.test", [DEAD, UP1])])
        table["part.test"] = (None, "direct", "all-reachable")
        w.domain("part2.test", [(10, "x.part2.test", [DEAD]),
                                (20, "y.part2.test", [UP1, DEAD2])])
        table["part2.test"] = (None, "steer", "some-reachable")
        for name, (_, route, reason) in table.items():
            got = w.judged(name, route=route, reason=reason)
            same(got["via"], "r1" if route == "relay" else "-", name)
        w.expect("transport", "u@part2.test", "OK :[y.part2.test]")
        w.expect("transport", "u@tie.test", "OK :[h1.tie.test]")
        w.expect("transport", "u@backup.test", NOTFOUND)
        w.expect("transport", "u@refused.test", NOTFOUND)


def test_relay_refused():
    with World({"relay_refused": True}) as w:
        w.domain("refused.test", [(10, "mx.refused.test", ["127.10.5.1"])])
        w.judged("refused.test", route="relay", reason="none-reachable")
        w.expect("transport", "u@refused.test", w.relay_reply())


def test_block_and_recovery():
    """Goes down and comes up by itself, and says so."""
    with World({"probe": {"interval": "1s"}}) as w:
        w.simple("flip.test", DEAD, fakesmtp.GOOD)
        w.judged("flip.test", route="direct", reason="all-reachable")
        w.smtp.set(DEAD, fakesmtp.CLOSE)
        w.until("transport", "u@flip.test", w.relay_reply())
        w.daemon.wait_log(r"\btransition set=\S+ .*old=direct new=relay "
                          r"reason=none-reachable")
        mark = w.daemon.mark()
        w.smtp.set(DEAD, fakesmtp.GOOD)
        # Nobody asks meanwhile: a dead endpoint is probed all the same.
        w.daemon.wait_log(r"\btransition set=\S+ .*old=relay new=direct "
                          r"reason=all-reachable", mark)
        w.expect("transport", "u@flip.test", NOTFOUND)


def test_fall_and_rise_are_counted():
    with World({"probe": {"interval": "1s", "fall": 3, "rise": 3}}) as w:
        w.simple("flip.test", DEAD, fakesmtp.GOOD)
        w.judged("flip.test", route="direct", reason="all-reachable")
        good = w.smtp.count(DEAD)
        check(good >= 1, "probes", good)
        w.smtp.set(DEAD, fakesmtp.CLOSE)
        w.until("transport", "u@flip.test", w.relay_reply())
        down = w.daemon.wait_log(r"\bendpoint address=127\.10\.0\.1 .*"
                                 r"old=reachable new=unreachable "
                                 r"outcome=closed-early count=(\d+)")
        check(int(down.group(1)) >= 3, "failures counted", down.group(1))
        w.smtp.set(DEAD, fakesmtp.GOOD)
        failed = w.smtp.count(DEAD)
        w.until("transport", "u@flip.test", NOTFOUND)
        check(w.smtp.count(DEAD) - failed >= 3, "successes before it is up")


def test_steer_follows_the_hosts():
    with World({"probe": {"interval": "1s"}}) as w:
        peers(w)
        w.domain("s.test", [(10, "a.s.test", [DEAD]), (20, "b.s.test", [UP1]),
                            (30, "c.s.test", [UP2])])
        w.learn("s.test")
        w.until("transport", "s.test", "OK :[b.s.test],[c.s.test]")
        w.smtp.set(UP1, fakesmtp.CLOSE)
        w.until("transport", "s.test", "OK :[c.s.test]")
        w.smtp.set(UP2, fakesmtp.CLOSE)
        w.until("transport", "s.test", w.relay_reply())
        w.smtp.set(DEAD, fakesmtp.GOOD)
        w.until_route("s.test", route="direct", reason="best-reachable")
        w.expect("transport", "s.test", NOTFOUND)


# --------------------------------------------------------- rules and ourselves

def test_rules():
    def conf(w):
        w.write("list", "# a comment\n\nFILED.test\n*.deep.test  # tail\n")
        return {
            "relays": [w.relay_entry("r1", RELAY1),
                       w.relay_entry("r2", RELAY2, priority=2)],
            "hold_answer": "retry",
            "rules": [
                {"name": "china", "domain": ["*.cn", "*.xn--fiqs8s"],
                 "route": "direct"},
                {"domain": ["exact.test"], "route": "relay"},
                {"name": "held", "domain": ["held.test"], "route": "hold"},
                {"name": "file", "domain_file": w.dir + "/list",
                 "route": "direct"},
                {"name": "prov", "mx": ["*.prov.test"], "route": "relay",
                 "relays": ["r2"]},
                {"name": "later", "domain": ["exact.test"],
                 "route": "direct"},
                {"name": "autor2", "domain": ["auto.test"], "route": "auto",
                 "relays": ["r2"]},
                {"name": "suffix", "domain": ["*.suffix.test"],
                 "route": "relay"},
            ]}
    with World(conf, good_relays=[RELAY2]) as w:
        peers(w)
        both = w.relay_reply(RELAY1, RELAY2)
        r2 = w.relay_reply(RELAY2)
        for name in ("a.cn", "b.a.cn", "cn.test", "filed.test", "x.deep.test",
                     "y.x.deep.test", "deep.test", "auto.test", "held.test",
                     "a.xn--fiqs8s"):
            w.domain(name, [(10, "mx.blocked.test", [DEAD])])
        w.domain("up.test", [(10, "mx.prov.test", [UP1])])
        w.domain("exact.test", [(10, "mx.fine.test", [UP1])])
        w.domain("a.suffix.test", [(10, "mx.fine.test", [UP1])])
        table = [
            ("a.cn", "direct", "-", "rule:china", NOTFOUND),
            ("b.a.cn", "direct", "-", "rule:china", NOTFOUND),
            ("a.xn--fiqs8s", "direct", "-", "rule:china", NOTFOUND),
            ("cn.test", "relay", "r1", "none-reachable", both),
            ("exact.test", "relay", "r1", "rule:#2", both),
            ("filed.test", "direct", "-", "rule:file", NOTFOUND),
            ("x.deep.test", "direct", "-", "rule:file", NOTFOUND),
            ("y.x.deep.test", "direct", "-", "rule:file", NOTFOUND),
            ("deep.test", "relay", "r1", "none-reachable", both),
            ("up.test", "relay", "r2", "rule:prov", r2),
            ("auto.test", "relay", "r2", None, r2),
            ("a.suffix.test", "relay", "r1", "rule:suffix", both),
        ]
        for name, route, via, reason, reply in table:
            wanted = {"route": route, "via": via}
            if reason is not None:
                wanted["reason"] = reason
            w.judged(name, **wanted)
            w.expect("transport", "u@" + name, reply)
        w.judged("held.test", route="hold", via="-", reason="rule:held")
        check(w.transport("u@held.test").startswith(b"OK retry:4.4.1 "))


def test_rules_before_the_mx_is_known():
    """By exact domain at once; by suffix, star or mx not a relay yet."""
    def conf(w):
        return {"dns": {"timeout": "30s"}, "rules": [
            {"name": "exact", "domain": ["exact.test"], "route": "relay"},
            {"name": "suffix", "domain": ["*.suf.test"], "route": "relay"},
            {"name": "mx", "mx": ["*"], "route": "relay"},
            {"name": "nomore", "domain": ["*.direct.test"],
             "route": "direct"},
            {"name": "star", "domain": ["*"], "route": "relay"}]}
    with World(conf) as w:
        gate = fakedns.Gate([fakedns.mx(10, "mx.suf.test")])
        w.dns.set("a.suf.test", "MX", gate)
        w.host("mx.suf.test", [UP1])
        w.smtp.set(UP1, fakesmtp.GOOD)
        w.dns.default = fakedns.SILENT
        w.expect("transport", "u@exact.test", w.relay_reply())
        for _ in range(3):
            w.expect("transport", "u@a.suf.test", NOTFOUND)
            w.expect("transport", "u@any.test", NOTFOUND)
        same(w.route("a.suf.test")["route"], "direct")
        gate.open()
        w.until("transport", "u@a.suf.test", w.relay_reply())
        same(w.route("a.suf.test")["reason"], "rule:suffix")


def test_rule_direct_needs_no_measurement():
    with World({"rules": [{"name": "d", "domain": ["*.cn"],
                           "route": "direct"}]}) as w:
        w.simple("x.cn", DEAD, fakesmtp.CLOSE)
        w.learn("x.cn")
        w.until_route("x.cn", route="direct", reason="rule:d")


def test_local_and_self_outrank_all():
    def conf(w):
        w.write("locals", "# ours\nfiled.test\n*.sub.test\n")
        return {
            "self": {"names": ["mx.own.test", "MX2.Own.Test."],
                     "local_domains": ["local.test", "*.local.test"],
                     "local_domain_files": [w.dir + "/locals"]},
            "cache": {"cold": "relay"},
            "rules": [{"domain": ["local.test", "a.local.test", "filed.test",
                                  "x.sub.test", "hosted.test", "nat.test",
                                  "deep.test", "null.test", "nomx.test",
                                  "mx2.own.test"],
                       "route": "relay"}]}
    with World(conf) as w:
        peers(w)
        for name in ("local.test", "a.local.test", "filed.test",
                     "x.sub.test"):
            w.domain(name, [(10, "mx.elsewhere.test", [DEAD])])
            w.expect("transport", "u@" + name, NOTFOUND)
            got = w.route(name)
            same((got["route"], got["reason"]), ("direct", "local"), name)
        w.domain("hosted.test", [(10, "mx.elsewhere.test", [DEAD]),
                                 (20, "MX.own.test", [DEAD2])])
        w.domain("nat.test", [(10, "a.nat.test", [DEAD]),
                              (90, "b.nat.test", [OWN])])
        w.dns.set("mx2.own.test", "A", [fakedns.a(DEAD)])  # implicit MX
        # Its own name is enough, before anything is known of it.
        w.expect("transport", "root@mx.own.test", NOTFOUND)
        same(w.route("mx.own.test")["reason"], "self")
        for name in ("hosted.test", "nat.test", "mx2.own.test"):
            w.learn(name)
            w.until_route(name, route="direct", reason="self")
            w.expect("transport", "u@" + name, NOTFOUND)
            w.expect("mailertable", name, NOTFOUND)
        # Null MX and no usable MX outrank rules, too.
        w.dns.set("null.test", "MX", [fakedns.mx(0, ".")])
        w.domain("nomx.test", [(10, "gone.nomx.test", [])])
        w.learn("null.test")
        w.until_route("null.test", route="direct", reason="null-mx")
        w.learn("nomx.test")
        w.until_route("nomx.test", route="direct", reason="no-mx")
        same(w.smtp.count(OWN), 0, "probes of our own address")


def test_endpoints_fixed_by_hand():
    def conf(w):
        return {"endpoints": [
            {"prefix": "127.12.0.1", "state": "reachable"},
            {"prefix": "127.12.0.0/24", "state": "unreachable"},
            {"prefix": "127.12.1.0/24", "state": "ignore"}]}
    with World(conf) as w:
        for name, address in (("up.test", "127.12.0.1"),
                              ("down.test", "127.12.0.2"),
                              ("gone.test", "127.12.1.1")):
            w.simple(name, address, fakesmtp.GOOD)
        w.smtp.set("127.12.0.1", fakesmtp.CLOSE)
        w.judged("up.test", route="direct", reason="all-reachable")
        w.judged("down.test", route="relay", reason="none-reachable")
        w.judged("gone.test", route="direct", reason="no-mx")
        same(w.smtp.count("127.12.1.1"), 0, "probes of an ignored address")


# -------------------------------------------------------------------- relays

def test_relay_failover():
    def conf(w):
        return {"relays": [
            w.relay_entry("r1", RELAY1),
            w.relay_entry("r2", RELAY2, priority=2),
            w.relay_entry("r3", RELAY3, priority=3, transport="other")]}
    with World(conf, good_relays=[RELAY2, RELAY3]) as w:
        peers(w)
        w.simple("b.test", DEAD, fakesmtp.CLOSE)
        w.judged("b.test", route="relay", via="r1")
        # r3 has another transport: it is not in the list of the first two.
        w.expect("transport", "u@b.test", w.relay_reply(RELAY1, RELAY2))
        w.smtp.set(RELAY1, fakesmtp.CLOSE, w.relay_port)
        w.until("transport", "u@b.test", w.relay_reply(RELAY2))
        w.until_route("b.test", via="r2", reason="none-reachable")
        w.smtp.set(RELAY2, fakesmtp.S554, w.relay_port)
        w.until("transport", "u@b.test",
                w.relay_reply(RELAY3, transport="other"))
        w.smtp.set(RELAY3, fakesmtp.REFUSE, w.relay_port)
        w.until_route("b.test", route="hold", via="-", reason="no-relay")
        w.expect("transport", "u@b.test", NOTFOUND)
        w.smtp.set(RELAY2, fakesmtp.GOOD, w.relay_port)
        w.until("transport", "u@b.test", w.relay_reply(RELAY2))
        w.smtp.set(RELAY1, fakesmtp.STARTTLS, w.relay_port)
        w.until("transport", "u@b.test", w.relay_reply(RELAY1, RELAY2))


def test_busy_relay_is_last_and_never_down():
    """It answered well, and now says 4xx: our own mail may be all that it is
    busy with."""
    def conf(w):
        return {"relays": [w.relay_entry("r1", RELAY1),
                           w.relay_entry("r2", RELAY2, priority=2)]}

    def probes(relay):
        return sum(b"QUIT" in conn.received
                   for conn in w.smtp.conns(relay, w.relay_port))

    def turn(relay, behaviour, line):
        mark = w.daemon.mark()
        w.smtp.set(relay, behaviour, w.relay_port)
        w.daemon.wait_log(r"\brelay name=%s$" % line, since=mark)
    with World(conf, good_relays=[RELAY2]) as w:
        w.simple("b.test", DEAD, fakesmtp.CLOSE)
        w.judged("b.test", route="relay", via="r1")
        eventually(lambda: probes(RELAY1) and probes(RELAY2), "good answers")
        turn(RELAY1, fakesmtp.S421, "r1 old=up new=busy "
             "outcome=refused-service count=1 healthy=2/2")
        w.expect("transport", "u@b.test", w.relay_reply(RELAY2, RELAY1))
        w.expect("mailertable", "b.test", "OK smtprelay:[%s]" % RELAY2)
        same(w.route("b.test")["via"], "r2")
        turn(RELAY2, fakesmtp.CLOSE, "r2 old=up new=down "
             "outcome=closed-early count=2 healthy=1/2")
        w.expect("transport", "u@b.test", w.relay_reply(RELAY1))
        before = probes(RELAY1)
        eventually(lambda: probes(RELAY1) >= before + 4, "more probes")
        same(w.daemon.find(r"relay name=r1 .*new=down|relays healthy="), [])
        w.expect("transport", "u@b.test", w.relay_reply(RELAY1))
        turn(RELAY1, fakesmtp.GOOD,
             "r1 old=busy new=up outcome=ehlo count=1 healthy=1/2")
        turn(RELAY1, fakesmtp.EHLO_421,
             "r1 old=up new=busy outcome=ehlo-refused count=1 healthy=1/2")
        # Only connect failures, 5xx and silence take it out.
        mark = w.daemon.mark()
        turn(RELAY1, fakesmtp.S554, "r1 old=busy new=down "
             "outcome=refused-service count=2 healthy=0/2")
        w.daemon.wait_log(r"relays healthy=0/2 route=hold", since=mark)
        same(w.route("b.test")["route"], "hold")
        turn(RELAY1, fakesmtp.S421, "r1 old=down new=busy "
             "outcome=refused-service count=2 healthy=1/2")
        w.expect("transport", "u@b.test", w.relay_reply(RELAY1))
        w.daemon.wait_log(r"relays healthy=1/2 route=relay", since=mark)
        # A reload keeps what is known of it.
        mark = w.daemon.mark()
        w.hangup()
        w.daemon.wait_log(r"reload=done", since=mark)
        w.expect("transport", "u@b.test", w.relay_reply(RELAY1))


def test_relay_that_only_ever_put_us_off():
    """What never answered well is not busy but down."""
    w = World(relay=False)
    w.changes = {"relays": [w.relay_entry()]}
    w.write_conf()
    w.smtp.set(RELAY1, fakesmtp.S421, w.relay_port)
    w.simple("b.test", DEAD, fakesmtp.CLOSE)
    with w:
        w.learn("b.test")
        w.daemon.wait_log(r"relay name=r1 old=up new=down "
                          r"outcome=refused-service count=2 healthy=0/1$")
        w.until_route("b.test", route="hold", reason="no-relay")


def test_relay_whose_name_leads_to_ourselves():
    """Never used, however it is probed; said once for each finding."""
    second, name = "127.77.0.2", "relay.ext.test"
    for probe in ("smtp", "connect"):
        def conf(w):
            return {"self": {"addresses": [OWN, second]},
                    "relays": [w.relay_entry("r1", nexthop="[%s]:587" % name,
                                             probe=probe)]}
        w = World(conf)
        # The MTA may take the one that is ours.
        w.host(name, [RELAY1, OWN], ttl=1)
        w.simple("b.test", DEAD, fakesmtp.CLOSE)
        with w:
            found = (r"relay name=r1 error=ourselves nexthop=\[relay\.ext\.test"
                     r"\]:587 address=%s text=")
            w.daemon.wait_log(found % re.escape(OWN))
            w.daemon.wait_log(r"relay name=r1 old=up new=down "
                              r"outcome=ourselves count=1 healthy=0/1$")
            w.judged("b.test", route="hold", via="-", reason="no-relay")
            before = w.dns.asked(name, "A")
            eventually(lambda: w.dns.asked(name, "A") >= before + 3, "rounds")
            same(len(w.daemon.find(found % ".*")), 1, "findings")
            w.host(name, [second], ttl=1)
            w.daemon.wait_log(found % re.escape(second))
            w.host(name, [RELAY1], ttl=1)
            # It is probed as any relay; nobody is there.
            eventually(lambda: w.dns.asked(name, "A") >= before + 5, "rounds")
            same(len(w.daemon.find(found % ".*")), 2, "findings")
            w.host(name, [OWN], ttl=1)
            eventually(lambda: len(w.daemon.find(found % ".*")) == 3,
                       "the finding once more")


def test_relay_probe_kinds():
    """connect: the handshake is enough; none: never looked at."""
    def conf(w):
        return {"relays": [
            w.relay_entry("c", RELAY1, probe="connect"),
            w.relay_entry("n", RELAY2, probe="none", priority=2)]}
    w = World(conf, relay=False)
    w.smtp.set(RELAY1, fakesmtp.SILENT, w.relay_port)
    w.smtp.set(RELAY2, fakesmtp.CLOSE, w.relay_port)
    w.simple("b.test", DEAD, fakesmtp.CLOSE)
    with w:
        w.judged("b.test", route="relay", via="c")
        eventually(lambda: w.smtp.count(RELAY1, w.relay_port) >= 3,
                   "probes of the relay")
        w.expect("transport", "u@b.test", w.relay_reply(RELAY1, RELAY2))
        w.smtp.set(RELAY1, fakesmtp.REFUSE, w.relay_port)
        w.until("transport", "u@b.test", w.relay_reply(RELAY2))
        same(w.smtp.count(RELAY2, w.relay_port), 0, "probes of kind none")


def test_relay_that_never_answers():
    with World() as w:
        w.smtp.set(RELAY1, fakesmtp.BLACKHOLE, w.relay_port)
        w.simple("b.test", DEAD, fakesmtp.CLOSE)
        w.learn("b.test")
        w.until_route("b.test", route="hold", reason="no-relay")


def test_relay_by_name_while_dns_is_dead():
    """The addresses known last stay in use."""
    def conf(w):
        return {"relays": [w.relay_entry("r", "relay.ext.test")],
                "dns": {"timeout": "1s", "max_ttl": "1s"}}
    w = World(conf)
    w.host("relay.ext.test", [RELAY1], ttl=1)
    w.simple("b.test", DEAD, fakesmtp.CLOSE)
    with w:
        w.judged("b.test", route="relay", via="r")
        eventually(lambda: w.smtp.count(RELAY1, w.relay_port), "a probe")
        w.dns.set_everything(fakedns.SERVFAIL)
        before = w.smtp.count(RELAY1, w.relay_port)

        def still():
            w.expect("transport", "u@b.test", w.relay_reply("relay.ext.test"))
            return w.smtp.count(RELAY1, w.relay_port) >= before + 4
        eventually(still, "four more probes of the relay")


def test_relay_moves():
    """A relay's name that leads elsewhere is followed."""
    def conf(w):
        return {"relays": [w.relay_entry("r", "relay.ext.test")],
                "dns": {"max_ttl": "1s"}}
    w = World(conf)
    w.host("relay.ext.test", [RELAY1], ttl=1)
    w.simple("b.test", DEAD, fakesmtp.CLOSE)
    with w:
        w.judged("b.test", route="relay", via="r")
        w.smtp.set(RELAY1, fakesmtp.REFUSE, w.relay_port)
        w.until_route("b.test", route="hold", reason="no-relay")
        w.smtp.set(RELAY2, fakesmtp.GOOD, w.relay_port)
        w.host("relay.ext.test", [RELAY2], ttl=1)
        w.until_route("b.test", route="relay", via="r")


def test_relay_with_a_dead_address():
    """One address that answers is enough: the MTA tries them all."""
    def conf(w):
        return {"relays": [w.relay_entry("r", "relay.ext.test")]}
    w = World(conf)
    w.host("relay.ext.test", [RELAY2, RELAY1, RELAY3])
    w.simple("b.test", DEAD, fakesmtp.CLOSE)
    with w:
        w.judged("b.test", route="relay", via="r")
        eventually(lambda: w.smtp.count(RELAY1, w.relay_port) >= 5, "probes")
        w.expect("transport", "u@b.test", w.relay_reply("relay.ext.test"))


# -------------------------------------------------------------------- uplink

def test_frozen_when_all_is_gone():
    """Our own line is down: nothing changes until it is back."""
    with World({"probe": {"interval": "1s", "fall": 3}}) as w:
        w.need("uplink.canaries")
        w.simple("a.test", "127.10.0.1", fakesmtp.GOOD)
        w.simple("b.test", "127.11.0.1", fakesmtp.GOOD)
        w.simple("c.test", "127.12.0.1", fakesmtp.CLOSE)
        w.judged("a.test", route="direct", reason="all-reachable")
        w.judged("b.test", route="direct", reason="all-reachable")
        w.judged("c.test", route="relay")
        eventually(lambda: w.smtp.count(CANARY), "a probe of the canary")
        w.smtp.set(RELAY1, fakesmtp.BLACKHOLE, w.relay_port)
        mark = w.daemon.mark()
        everyone = (CANARY, "127.11.0.1", "127.10.0.1")
        for address in everyone:
            w.smtp.set(address, fakesmtp.BLACKHOLE)

        def frozen():
            w.expect("transport", "u@a.test", NOTFOUND)
            w.expect("transport", "u@b.test", NOTFOUND)
            return w.daemon.find(r"\buplink state=frozen canaries=0/1", mark)
        eventually(frozen, "uplink state=frozen")
        for name in ("a.test", "b.test"):
            got = w.route(name)
            same((got["route"], got["reason"]), ("direct", "uplink-frozen"),
                 name)
        # The address that went down before stays so for the filter as well.
        w.expect("dnsfilter", "mx.a.test. 300 IN A 127.10.0.1", NOTFOUND)
        for address in everyone:
            w.smtp.set(address, fakesmtp.GOOD)
        w.smtp.set(RELAY1, fakesmtp.GOOD, w.relay_port)

        def thawed():
            w.expect("transport", "u@a.test", NOTFOUND)
            return w.daemon.find(r"\buplink state=ok canaries=1/1", mark)
        eventually(thawed, "uplink state=ok")
        w.until_route("a.test", route="direct", reason="all-reachable")
        w.until("transport", "u@c.test", w.relay_reply())
        same(w.daemon.find(r"\btransition .*old=direct new=(relay|hold)",
                           mark), [], "transitions while the line was down")


def test_witness_elsewhere_is_enough():
    """No canary at all: an endpoint in another /16 vouches for the line."""
    with World({"probe": {"interval": "1s"}}, canary=False) as w:
        w.simple("a.test", "127.10.0.1", fakesmtp.GOOD)
        w.simple("b.test", "127.11.0.1", fakesmtp.GOOD)
        w.judged("a.test", route="direct", reason="all-reachable")
        w.judged("b.test", route="direct", reason="all-reachable")
        w.smtp.set("127.10.0.1", fakesmtp.CLOSE)
        w.until("transport", "u@a.test", w.relay_reply())
        w.expect("transport", "u@b.test", NOTFOUND)


def port25_world(answer):
    w = World({"uplink": {"on_port25_closed": answer},
               "hold_answer": "retry"})
    for name, address in (("canary.test", CANARY), ("a.test", "127.10.0.1"),
                          ("b.test", "127.11.0.1")):
        w.simple(name, address, fakesmtp.BLACKHOLE)
    return w


def test_port25_closed_holds():
    with port25_world("hold") as w:
        w.need("uplink.canaries")
        w.learn("a.test")
        w.learn("b.test")
        w.daemon.wait_log(r"\buplink state=port25-closed canaries=0/1")
        w.until_route("a.test", route="hold", reason="port25-closed")
        check(w.transport("u@b.test").startswith(b"OK retry:4.4.1 "))


def test_port25_closed_relays():
    with port25_world("relay") as w:
        w.need("uplink.canaries")
        w.learn("a.test")
        w.learn("b.test")
        w.until_route("a.test", route="relay", reason="port25-closed")
        w.expect("transport", "u@b.test", w.relay_reply())


def test_new_address_of_a_known_host():
    """A fresh address is never dropped by the filter before its probe."""
    with World() as w:
        peers(w)
        w.domain("s.test", [(10, "a.s.test", [DEAD]), (20, "b.s.test", [UP1])])
        w.judged("s.test", route="steer")
        w.expect("dnsfilter", "a.s.test. 300 IN A " + DEAD, IGNORE)
        w.expect("dnsfilter", "a.s.test. 300 IN A 127.10.7.7", NOTFOUND)
        same(w.smtp.count("127.10.7.7"), 0)
