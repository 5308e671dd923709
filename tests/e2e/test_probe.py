# SPDX-License-Identifier: MIT
"""Manners and verdicts of the probe, as the other side sees them."""
import time

import fakedns
import fakesmtp
from fakedns import mx
from harness import (CANARY, NOTFOUND, RELAY1, World, check, eventually,
                     in_parallel, long, same, slow)

EHLO = b"EHLO probe.own.test\r\n"
QUIT = b"QUIT\r\n"

# behaviour => (is it up?, outcome in the log, bytes that the peer may see)
# What a filter does later than this is not seen by a probe: a reset on
# STARTTLS or MAIL, a forged "551 User not local" to RCPT.  The log of the MTA
# tells of those.
VERDICTS = {
    fakesmtp.GOOD: (True, None, [EHLO + QUIT]),
    fakesmtp.STARTTLS: (True, None, [EHLO + QUIT]),
    fakesmtp.TEASER: (True, None, [EHLO + QUIT]),
    fakesmtp.SLOW_PIECES: (True, None, [EHLO + QUIT]),
    fakesmtp.LATE_LINE: (True, None, [EHLO + QUIT]),
    fakesmtp.S421: (True, None, [QUIT]),
    fakesmtp.S554: (True, None, [QUIT]),
    fakesmtp.EHLO_REFUSED: (True, None, [EHLO + QUIT]),
    fakesmtp.EHLO_421: (True, None, [EHLO + QUIT]),
    fakesmtp.LATER_RESET: (True, None, [EHLO + QUIT]),
    fakesmtp.SILENT: (False, "greeting-timeout", [b"", QUIT]),
    fakesmtp.LATE: (False, "greeting-timeout", [b"", QUIT]),
    fakesmtp.TARPIT: (False, "greeting-timeout", [b"", QUIT]),
    fakesmtp.CLOSE: (False, "closed-early", [b""]),
    fakesmtp.RESET: (False, "connect-reset", [b""]),
    fakesmtp.NOT_SMTP: (False, "not-smtp", [b""]),
    fakesmtp.SSH: (False, "greeting-timeout", [b""]),
    fakesmtp.FLOOD: (False, "greeting-timeout", [b""]),
    fakesmtp.CHARGEN: (False, "not-smtp|greeting-timeout", [b""]),
    fakesmtp.EHLO_SILENT: (False, "reply-timeout", [EHLO, EHLO + QUIT]),
    fakesmtp.EHLO_CLOSE: (False, "closed-early", [EHLO]),
    fakesmtp.EHLO_RESET: (False, "reset-after-data", [EHLO]),
    fakesmtp.EHLO_HALF: (False, "reset-after-data", [EHLO]),
    fakesmtp.EHLO_FLOOD: (False, "reply-timeout", [EHLO]),
    fakesmtp.EHLO_TRICKLE: (False, "reply-timeout", [EHLO, EHLO + QUIT]),
    fakesmtp.EHLO_TARPIT: (False, "reply-timeout", [EHLO, EHLO + QUIT]),
    fakesmtp.BLACKHOLE: (False, "connect-timeout", []),
}


@long
def test_verdicts_and_bytes():
    with World({"probe": {"greeting_timeout": "2s",
                          "reply_timeout": "2s"}}) as w:
        names = {}
        for number, behaviour in enumerate(VERDICTS):
            name = "%s.test" % behaviour
            names[name] = ("127.%d.0.1" % (40 + number), behaviour)
            w.simple(name, *names[name])

        def one(name):
            address, behaviour = names[name]
            up, outcome, bytes_seen = VERDICTS[behaviour]
            w.learn(name)
            if up:
                w.until_route(name, route="direct", reason="all-reachable")
                eventually(lambda: all(c.ended for c in
                                       w.smtp.conns(address)), "the end")
            else:
                w.until_route(name, route="relay", reason="none-reachable")
                w.daemon.wait_log(
                    r"\bendpoint address=%s host=mx\.%s old=\w+ "
                    r"new=unreachable outcome=(%s) count=\d+"
                    % (address.replace(".", r"\."),
                       name.replace(".", r"\."), outcome))
            for conn in w.smtp.conns(address):
                if conn.ended is None:
                    continue  # the next one, still under way
                check(conn.received in bytes_seen, behaviour, "saw",
                      conn.received)
                if behaviour in (fakesmtp.TEASER, fakesmtp.SLOW_PIECES,
                                 fakesmtp.GOOD):
                    same(conn.early, b"", "said before the greeting ended")
            check(w.smtp.max_active[address] <= 1, "connections at once to",
                  behaviour, w.smtp.max_active[address])
        in_parallel(one, names, threads=len(names))
        # A slow banner is not yet a dead host: it takes `fall` of them.
        check(w.smtp.count(names["silent.test"][0]) >= 2)


@long
def test_greeting_after_the_pause_of_postscreen():
    """"220-" at once and the rest after 6 s: waited for, with the defaults."""
    with World({"probe": {"greeting_timeout": None,
                          "reply_timeout": None}}) as w:
        w.simple("x.test", "127.10.0.1", fakesmtp.TEASER_6S)
        w.judged("x.test", route="direct", reason="all-reachable")
        conn = eventually(lambda: [c for c in w.smtp.conns("127.10.0.1")
                                   if c.ended], "the end of the probe")[0]
        same((conn.received, conn.early), (EHLO + QUIT, b""))
        same(w.smtp.count("127.10.0.1"), 1, "probes")


@long
def test_late_greeting_has_its_own_time():
    """Who greets later than a reply may take is alive, and stays so.

    One that greeted sooner is noticed sooner when it falls silent.
    """
    late, quick = "127.10.0.1", "127.11.0.1"
    with World({"probe": {"greeting_timeout": "60s", "reply_timeout": "2s",
                          "interval": "1s"},
                "policy": {"wait": "50s"}}) as w:
        w.simple("late.test", late, fakesmtp.LATE)
        w.simple("quick.test", quick, fakesmtp.GOOD)
        for name in ("late.test", "quick.test"):
            w.judged(name, route="direct", reason="all-reachable")
        # After a reload, too: twice three seconds, not twice sixty.
        w.hangup()
        w.smtp.set(quick, fakesmtp.SILENT)
        w.until("transport", "u@quick.test", w.relay_reply())
        w.daemon.wait_log(r"\bendpoint address=127\.11\.0\.1 .*"
                          r"old=reachable new=unreachable "
                          r"outcome=greeting-timeout count=2\b")
        w.until_route("late.test", route="direct", reason="all-reachable")
        check(not w.daemon.find(r"\bendpoint address=127\.10\.0\.1 .*"
                                r"new=unreachable"))


@slow
def test_slow_peers_with_the_defaults():
    """A greeting after a minute and a byte every 5 s are dead, by and by."""
    with World({"probe": {"greeting_timeout": None, "reply_timeout": None,
                          "connect_timeout": None},
                "policy": {"wait": "1s"}}) as w:
        w.simple("late.test", "127.10.0.1", fakesmtp.LATE_60S)
        w.simple("tarpit.test", "127.11.0.1", fakesmtp.TARPIT_5S)
        for name in ("late.test", "tarpit.test"):
            w.learn(name)
            w.expect("transport", "u@" + name, NOTFOUND)
        for name, address in (("late.test", "127.10.0.1"),
                              ("tarpit.test", "127.11.0.1")):
            w.until("transport", "u@" + name, w.relay_reply(), timeout=300)
            w.daemon.wait_log(r"\bendpoint address=%s .*new=unreachable "
                              r"outcome=greeting-timeout count=2\b"
                              % address.replace(".", r"\."))
            for conn in w.smtp.conns(address)[:2]:
                check(conn.received in (b"", QUIT), conn.received)


def test_one_probe_for_all_that_share():
    """Forty domains, one address: one connection."""
    with World({"probe": {"greeting_timeout": "20s"}}) as w:
        w.smtp.set("127.10.0.1", fakesmtp.TEASER)
        names = ["d%d.test" % number for number in range(40)]
        for number, name in enumerate(names):
            w.domain(name, [(10, "h%d.test" % (number % 4), ["127.10.0.1"])])
        in_parallel(w.learn, names, threads=40)
        for name in names:
            w.until_route(name, reason="all-reachable")
        same(w.smtp.count("127.10.0.1"), 1, "probes")


def test_limit_per_network():
    with World({"probe": {"per_net": 2}, "policy": {"wait": "1s"}}) as w:
        addresses = ["127.10.0.%d" % n for n in range(1, 11)]
        for number, address in enumerate(addresses):
            w.simple("n%d.test" % number, address, fakesmtp.TEASER)
        in_parallel(lambda n: w.learn("n%d.test" % n), range(10))
        for number in range(10):
            w.until_route("n%d.test" % number, reason="all-reachable")
        check(w.smtp.max_active_net["127.10.0"] <= 2, "at once to one /24",
              w.smtp.max_active_net["127.10.0"])


def test_limit_in_all():
    with World({"probe": {"concurrency": 3}, "policy": {"wait": "1s"}},
               relay=False) as w:
        for number in range(12):
            w.simple("n%d.test" % number, "127.%d.0.1" % (40 + number),
                     fakesmtp.TEASER)
        in_parallel(lambda n: w.learn("n%d.test" % n), range(12))
        for number in range(12):
            w.until_route("n%d.test" % number, reason="all-reachable")
        # The peer sees an end a little after the prober does: count overlaps
        # in the middle of each conversation, which lasts half a second.
        spans = [(c.began + 0.1, c.began + 0.4) for c in w.smtp.conns()
                 if c.address != CANARY]
        most = max(sum(1 for b, e in spans if b <= moment < e)
                   for moment, _ in spans)
        check(most <= 3, "at once", most)


def test_limit_per_second():
    with World({"probe": {"per_second": 4}, "policy": {"wait": "1s"}},
               canary=False, relay=False) as w:
        for number in range(24):
            w.simple("n%d.test" % number, "127.%d.0.1" % (40 + number),
                     fakesmtp.GOOD)
        in_parallel(lambda n: w.learn("n%d.test" % n), range(24))
        eventually(lambda: len(w.smtp.conns()) >= 24, "all probes")
        began = sorted(c.began for c in w.smtp.conns())[:24]
        # 24 at 4 a second, even with a burst of a whole second before: 4 s.
        check(began[-1] - began[0] >= 3.5, "took", began[-1] - began[0])


def test_never_probes_private_space():
    """allow_private = false: loopback is nobody's mail server."""
    with World({"probe": {"allow_private": False}}, canary=False) as w:
        for number, address in enumerate((
                "127.0.0.1", "127.10.0.1", "0.0.0.0", "127.255.255.1")):
            name = "p%d.test" % number
            w.domain(name, [(10, "mx." + name, [address])])
            if address != "0.0.0.0":
                w.smtp.set(address, fakesmtp.GOOD)
        for number, address in enumerate(("::1", "::ffff:127.0.0.1",
                                          "::127.0.0.1", "::")):
            name = "v%d.test" % number
            w.domain(name, [(10, "mx." + name, [address])])
        w.domain("ten.test", [(10, "mx.ten.test", ["10.0.0.1"])])
        w.domain("link.test", [(10, "mx.link.test", ["169.254.1.1"])])
        w.domain("group.test", [(10, "mx.group.test", ["224.0.0.1"])])
        for name in ["p%d.test" % n for n in range(4)] + \
                ["v%d.test" % n for n in range(4)] + \
                ["ten.test", "link.test", "group.test"]:
            w.learn(name)
            # A set that lies in private space to the last host may be taken
            # for forged, and loopback for ourselves; what neither may be is
            # probed.
            eventually(lambda: w.route(name)["reason"] in
                       ("no-mx", "dns-forged", "self"), "a verdict on " + name)
        # Relays are probed wherever they are.
        eventually(lambda: w.smtp.count(RELAY1, w.relay_port) >= 2,
                   "probes of the relay")
        same(w.smtp.conns(), [], "probes of private space")


def test_never_probes_special_space():
    """What is not unicast for everybody stays out, allow_private or not."""
    with World() as w:
        w.smtp.set("127.0.0.1", fakesmtp.GOOD)  # where 0.0.0.0 would lead
        for number, address in enumerate(("0.0.0.0", "::ffff:127.0.0.1",
                                          "::", "255.255.255.255",
                                          "224.0.0.1", "169.254.1.1")):
            name = "s%d.test" % number
            w.domain(name, [(10, "mx." + name, [address])])
            w.learn(name)
            eventually(lambda: w.route(name)["reason"] in
                       ("no-mx", "dns-forged"), "a verdict on " + name)
        same(w.smtp.count("127.0.0.1"), 0, "probes of special space")


def test_disabled():
    with World({"probe": {"enabled": False}, "policy": {"wait": "1s"}}) as w:
        w.simple("x.test", "127.10.0.1", fakesmtp.CLOSE)
        w.learn("x.test")
        for _ in range(20):
            w.expect("transport", "u@x.test", NOTFOUND)
        eventually(lambda: w.dns.asked("mx.x.test", "A") or
                   w.route("x.test")["reason"] == "unknown-yet", "a reason")
        same(w.smtp.count("127.10.0.1"), 0, "probes")


def test_helo_defaults_to_our_name():
    with World({"probe": {"helo": ""}}) as w:
        w.simple("x.test", "127.10.0.1", fakesmtp.GOOD)
        w.judged("x.test", reason="all-reachable")
        conn = eventually(lambda: [c for c in w.smtp.conns("127.10.0.1")
                                   if c.ended], "the end of the probe")[0]
        same(conn.received, b"EHLO mx.own.test\r\nQUIT\r\n")


def test_depth_connect():
    """The handshake alone: a silent host is up then."""
    with World({"probe": {"depth": "connect"}}) as w:
        w.simple("x.test", "127.10.0.1", fakesmtp.SILENT)
        w.simple("y.test", "127.10.0.2", fakesmtp.BLACKHOLE)
        w.judged("x.test", route="direct", reason="all-reachable")
        w.judged("y.test", route="relay", reason="none-reachable")


def test_depth_greeting():
    with World({"probe": {"depth": "greeting"}}) as w:
        w.simple("x.test", "127.10.0.1", fakesmtp.EHLO_RESET)
        w.simple("y.test", "127.10.0.2", fakesmtp.CLOSE)
        w.judged("x.test", route="direct", reason="all-reachable")
        w.judged("y.test", route="relay", reason="none-reachable")
        for conn in w.smtp.conns("127.10.0.1"):
            check(b"EHLO" not in conn.received, conn.received)


def test_source_address():
    """probe.bind: connections come from there."""
    seen = []
    with World({"probe": {"bind": "127.66.0.1"}}) as w:
        import socket
        import threading
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.10.0.1", w.ports["smtp"]))
        listener.listen(5)

        def serve():
            conn, peer = listener.accept()
            seen.append(peer[0])
            conn.sendall(b"554 go away\r\n")
            conn.close()
        threading.Thread(target=serve, daemon=True).start()
        w.domain("x.test", [(10, "mx.x.test", ["127.10.0.1"])])
        w.judged("x.test", reason="all-reachable")
        listener.close()
    same(seen, ["127.66.0.1"])


def test_up_is_not_probed_unasked():
    """An endpoint that is up is refreshed for those who use it only."""
    with World({"probe": {"interval": "1s", "asked": "never"}}) as w:
        w.simple("quiet.test", "127.10.0.1", fakesmtp.GOOD)
        w.simple("busy.test", "127.11.0.1", fakesmtp.GOOD)
        w.judged("quiet.test", reason="all-reachable")
        w.judged("busy.test", reason="all-reachable")
        quiet = w.smtp.count("127.10.0.1")

        def busy():
            w.transport("u@busy.test")
            return w.smtp.count("127.11.0.1") >= 6
        eventually(busy, "six refreshes of the one in use")
        # A lookup or two of ours may be owed a refresh, not six.
        check(w.smtp.count("127.10.0.1") <= quiet + 2, "probes",
              w.smtp.count("127.10.0.1") - quiet)


def test_shared_host_names():
    """One host of many sets, and many names of one address: one endpoint."""
    with World() as w:
        w.smtp.set("127.10.0.1", fakesmtp.CLOSE)
        w.smtp.set("127.10.0.2", fakesmtp.GOOD)
        w.host("a.shared.test", ["127.10.0.1"])
        w.host("b.shared.test", ["127.10.0.1"])
        w.host("c.shared.test", ["127.10.0.2"])
        w.dns.set("one.test", "MX", [mx(10, "a.shared.test")])
        w.dns.set("two.test", "MX", [mx(10, "b.shared.test")])
        w.dns.set("three.test", "MX", [mx(10, "b.shared.test"),
                                       mx(20, "c.shared.test")])
        w.judged("one.test", route="relay")
        # Known from another host: no second probe is needed to judge.
        same(w.learn("two.test")["route"], "relay")
        w.judged("three.test", route="steer")
        w.expect("transport", "u@three.test", "OK :[c.shared.test]")
        w.expect("dnsfilter", "b.shared.test. 300 IN A 127.10.0.1",
                 "OK IGNORE")
        same(w.dns.asked("b.shared.test", "A"), 1)


def test_probing_is_not_stopped_by_a_dead_dns():
    """Known hosts recover while the DNS is away."""
    with World({"dns": {"timeout": "1s"}}) as w:
        w.simple("x.test", "127.10.0.1", fakesmtp.CLOSE)
        w.judged("x.test", route="relay")
        w.dns.set_everything(fakedns.SILENT)
        w.smtp.set("127.10.0.1", fakesmtp.GOOD)
        w.until("transport", "u@x.test", NOTFOUND)


def test_rate_limit_does_not_lose_a_lookup():
    """A probe that has to wait for its turn gets it in time, even when nothing
    else happens meanwhile."""
    one, two = "127.10.0.1", "127.10.0.2"
    with World({"probe": {"per_second": 1, "interval": "1s",
                          "greeting_timeout": "60s", "reply_timeout": "60s",
                          "protocols": ["ipv4"]}},
               canary=False, relay=False) as w:
        for name, address in (("a.test", one), ("b.test", two)):
            w.simple(name, address, fakesmtp.GOOD, ttl=86400)
            w.judged(name, reason="all-reachable")
        time.sleep(3)  # past their interval, and with nothing due
        w.smtp.set(one, fakesmtp.SILENT)
        first, second = w.smtp.count(one), w.smtp.count(two)
        w.ask("transport", "u@a.test")
        eventually(lambda: w.smtp.count(one) > first, "the probe of a.test")
        w.ask("transport", "u@b.test")
        eventually(lambda: w.smtp.count(two) > second, "the probe of b.test",
                   timeout=30)
