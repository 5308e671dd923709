# SPDX-License-Identifier: MIT
"""What the DNS says, and what becomes of it."""
import clients
import fakedns
import fakesmtp
from fakedns import Record, Reply, a, aaaa, cname, mx
from harness import (NOTFOUND, OWN, World, check, eventually, in_parallel, long,
                     same)

DEAD, UP = "127.10.0.1", "127.10.0.2"


def test_outcomes_and_reasons():
    """Each answer of the DNS to its reason, as the route map names it."""
    with World({"dns": {"timeout": "1s"}}) as w:
        w.smtp.set(DEAD, fakesmtp.CLOSE)
        w.smtp.set(UP, fakesmtp.GOOD)
        w.host("mx.up.test", [UP])
        up = mx(10, "mx.up.test")
        zone = {
            # name: (MX reply, A reply, route, reason)
            "nxdomain.test": (fakedns.NXDOMAIN, fakedns.NXDOMAIN,
                              "direct", "no-domain"),
            "nodata.test": (fakedns.NODATA, fakedns.NODATA,
                            "direct", "no-mx"),
            "implicit.test": (fakedns.NODATA, [a(UP)],
                              "direct", "all-reachable"),
            "implicitdead.test": (fakedns.NODATA, [a(DEAD)],
                                  "relay", "none-reachable"),
            "null.test": ([mx(0, ".")], [a(DEAD)], "direct", "null-mx"),
            "nullplus.test": ([mx(0, "."), up], [a(DEAD)],
                              "direct", "all-reachable"),
            # MX that lead nowhere: never the domain's own address.
            "gone.test": ([mx(10, "nx.gone.test")], [a(DEAD)],
                          "direct", "no-mx"),
            "empty.test": ([mx(10, "nodata.test")], [a(DEAD)],
                           "direct", "no-mx"),
            "servfail.test": (fakedns.SERVFAIL, [a(DEAD)],
                              "direct", "dns-failure"),
            "refused.test": (fakedns.REFUSED, [a(DEAD)],
                             "direct", "dns-failure"),
            "silent.test": (fakedns.SILENT, [a(DEAD)],
                            "direct", "dns-failure"),
            "garbage.test": (fakedns.GARBAGE, [a(DEAD)],
                             "direct", "dns-failure"),
            "short.test": (fakedns.SHORT, [a(DEAD)],
                           "direct", "dns-failure"),
            "wrongid.test": (Reply([up], wrong_id=True), [a(DEAD)],
                             "direct", "dns-failure"),
            "cut.test": (Reply([up], truncated=True), [a(DEAD)],
                         "direct", "all-reachable"),
            "notimp.test": (Reply(rcode=4), [a(DEAD)],
                            "direct", "dns-failure"),
            # Nobody says plainly that there is none.
            "otherkind.test": ([Record("TXT", 300, b"\1x", None)], [a(DEAD)],
                               "direct", "dns-failure"),
            "otherowner.test": ([mx(10, "mx.up.test", owner="x.test")],
                                [a(DEAD)], "direct", "dns-failure"),
            "gonebut.test": (Reply([up], rcode=3), [a(DEAD)],
                             "direct", "dns-failure"),
            "alias.test": ([cname("real.test"),
                            mx(10, "mx.up.test", owner="real.test")],
                           [a(DEAD)], "direct", "all-reachable"),
            "twice.test": ([up, up, mx(20, "MX.UP.test")], [a(DEAD)],
                           "direct", "all-reachable"),
            # The hosts are listed, but nobody can say where they are.
            "hostfail.test": ([mx(10, "h.hostfail.test")], [a(DEAD)],
                              "direct", "dns-failure"),
            "hostmixed.test": ([mx(10, "h.hostfail.test"),
                                mx(20, "mx.up.test")], [a(DEAD)],
                               "steer", "some-reachable"),
            "hostmixed2.test": ([mx(20, "h.hostfail.test"), up], [a(DEAD)],
                                "direct", "best-reachable"),
            # Half an answer about a host is enough to reach it.
            "aaaafail.test": ([mx(10, "six.up.test")], [a(DEAD)],
                              "direct", "all-reachable"),
            "mxalias.test": ([mx(10, "alias.up.test")], [a(DEAD)],
                             "direct", "all-reachable"),
            "longttl.test": ([mx(10, "mx.up.test", ttl=0xffffffff)],
                             [a(DEAD, ttl=0xffffffff)],
                             "direct", "all-reachable"),
            "cutsilent.test": (Reply([up], truncated=True, silent_tcp=True),
                               [a(DEAD)], "direct", "dns-failure"),
            # One of two hosts does not exist: it leaves the set.
            "halfgone.test": ([mx(10, "nx.gone.test"), mx(20, "mx.up.test")],
                              [a(DEAD)], "direct", "all-reachable"),
        }
        for kind in ("A", "AAAA"):
            w.dns.set("h.hostfail.test", kind, fakedns.SERVFAIL)
        w.dns.set("six.up.test", "A", [a(UP)])
        w.dns.set("six.up.test", "AAAA", fakedns.SERVFAIL)
        w.dns.set("alias.up.test", "A", [cname("mx.up.test"),
                                         a(UP, owner="mx.up.test")])
        w.dns.set("alias.up.test", "AAAA", [cname("mx.up.test")])
        for name, (mx_reply, a_reply, _, _) in zone.items():
            w.dns.set(name, "MX", mx_reply)
            w.dns.set(name, "A", a_reply)

        def one(name):
            w.learn(name)
            w.until_route(name, route=zone[name][2], reason=zone[name][3])
        in_parallel(one, zone)
        check(w.dns.by_tcp[("cut.test", "MX")] >= 1, "no question by TCP")
        w.expect("transport", "u@hostmixed.test", "OK :[mx.up.test]")
        for name, (_, _, route, _) in zone.items():
            if route == "direct":
                w.expect("transport", "u@" + name, NOTFOUND)
        # The domains' own addresses were used where the MX is implicit only.
        w.expect("transport", "u@implicitdead.test", w.relay_reply())


def test_server_without_edns():
    """A name server, or a gateway before it, that leaves questions with EDNS
    unanswered or refuses them: every domain is known all the same, the log
    says so once, and after that nobody waits for it."""
    def one(edns):
        with World({"dns": {"timeout": "2s", "tries": 1}}, start=False) as w:
            w.dns.edns = edns
            w.start()
            for number in range(4):
                name = "d%d.test" % number
                w.simple(name, "127.10.1.%d" % number, fakesmtp.GOOD)
                same(w.learn(name)["reason"], "all-reachable", edns, name)
            w.daemon.wait_log("dns server=127.0.0.1:[0-9]+ edns=no")
            w.simple("after.test", UP, fakesmtp.GOOD)
            before = w.dns.edns_questions
            same(w.learn("after.test")["reason"], "all-reachable", edns)
            same(w.dns.edns_questions, before, "questions with EDNS", edns)
            same(len(w.daemon.find("edns=")), 1, "lines")
    # FORMERR, SERVFAIL, NOTIMP, REFUSED
    in_parallel(one, ["silent", 1, 2, 4, 5])


def test_mx_answered_by_an_address():
    """Injectors answer every question with an A record: it is not believed,
    and nobody is connected to on their word."""
    with World({"dns": {"timeout": "1s"}}) as w:
        w.smtp.set(UP, fakesmtp.GOOD)
        w.dns.set("forged.test", "MX", [a(UP)])
        w.dns.set("forged.test", "A", [a(UP)])
        w.learn("forged.test")
        eventually(lambda: w.route("forged.test")["reason"] in
                   ("dns-failure", "dns-forged"), "a verdict on the answer")
        same(w.smtp.count(UP), 0, "probes of the forged address")


def test_answers_that_lie():
    """What does not belong to the question is not believed: no address of
    such an answer is ever connected to."""
    lie = "127.10.0.66"
    with World({"dns": {"timeout": "1s"}}) as w:
        w.dns.refuse_tcp()
        w.smtp.set(UP, fakesmtp.GOOD)
        w.smtp.set(lie, fakesmtp.GOOD)
        w.host("mx.up.test", [UP])
        w.host("mx.lie.test", [lie])
        up, false = mx(10, "mx.up.test"), mx(10, "mx.lie.test")
        long_chain = [cname("c%d.test" % (n + 1), owner="c%d.test" % n)
                      for n in range(40)]
        zone = {
            # name: (MX reply, A reply, route, reason)
            "sixformx.test": ([aaaa("::1")], [a(UP)],
                              "direct", "dns-failure"),
            "aliasformx.test": ([cname("mx.lie.test"),
                                 a(lie, owner="mx.lie.test")], [a(UP)],
                                "direct", "dns-failure"),
            # Another's records do not say that there are none here.
            "othername.test": ([false._replace(owner="lie.test")], [a(UP)],
                               "direct", "dns-failure"),
            "othernames.test": ([false._replace(owner="lie.test"), up],
                                [a(UP)], "direct", "all-reachable"),
            "otherquestion.test": (Reply([false], question="lie.test"),
                                   [a(UP)], "direct", "dns-failure"),
            "itself.test": ([cname("itself.test")], [a(UP)],
                            "direct", "dns-failure"),
            "circle.test": ([cname("circle2.test"),
                             cname("circle.test", owner="circle2.test")],
                            [a(UP)], "direct", "dns-failure"),
            "chain.test": ([cname("c0.test")] + long_chain +
                           [false._replace(owner="c40.test")], [a(UP)],
                           "direct", "dns-failure"),
            "shortmx.test": ([up._replace(data=b"\0")], [a(UP)],
                             "direct", "dns-failure"),
            "cut.test": (Reply([up], truncated=True), [a(UP)],
                         "direct", "dns-failure"),
            # The same about a host.
            "hostname.test": ([mx(10, "h1.test")], [a(UP)],
                              "direct", "dns-failure"),
            "hosttype.test": ([mx(10, "h2.test")], [a(UP)],
                              "direct", "dns-failure"),
            "hostcircle.test": ([mx(10, "h3.test")], [a(UP)],
                                "direct", "dns-failure"),
            "hostshort.test": ([mx(10, "h4.test")], [a(UP)],
                               "direct", "dns-failure"),
            "hostquestion.test": ([mx(10, "h5.test")], [a(UP)],
                                  "direct", "dns-failure"),
        }
        circle = [cname("h3b.test"), cname("h3.test", owner="h3b.test")]
        for host, reply in (
                ("h1.test", [a(lie, owner="lie.test")]),
                ("h2.test", [mx(10, "mx.lie.test"), aaaa("::1")]),
                ("h3.test", circle + [a(lie, owner="lie.test")]),
                ("h4.test", [a(lie)._replace(data=b"\x7f\x0a\0")]),
                ("h5.test", Reply([a(lie)], question="lie.test"))):
            w.dns.set(host, "A", reply)
            w.dns.set(host, "AAAA", fakedns.NODATA)
        w.dns.set("h3.test", "AAAA", circle)
        for name, (mx_reply, a_reply, _, _) in zone.items():
            w.dns.set(name, "MX", mx_reply)
            w.dns.set(name, "A", a_reply)

        def one(name):
            w.learn(name)
            w.until_route(name, route=zone[name][2], reason=zone[name][3])
            w.expect("transport", "u@" + name, NOTFOUND)
        in_parallel(one, zone)
        same(w.smtp.count(lie), 0, "probes on the word of a lie")
        check(w.smtp.count(UP) == 1, "the test reaches nobody")


@long
def test_slow_dns():
    """Answers that take their time are used; those that come too late are
    none; lookups never wait for either."""
    with World({"dns": {"timeout": "5s", "tries": 1}}, canary=False) as w:
        w.simple("slow.test", DEAD, fakesmtp.CLOSE)
        w.smtp.set(UP, fakesmtp.GOOD)
        w.domain("late.test", [(10, "mx.late.test", [UP])])
        w.dns.delay = 1.5
        w.expect("transport", "u@slow.test", NOTFOUND)
        same(w.learn("slow.test")["route"], "relay")
        same(w.dns.asked("slow.test", "MX"), 1, "questions")
        w.dns.delay = 8
        same(w.learn("late.test")["reason"], "dns-failure")
        same(w.smtp.count(UP), 0, "probes after a late answer")
        w.expect("transport", "u@slow.test", w.relay_reply())
        w.dns.delay = 0
        w.until_route("late.test", route="direct", reason="all-reachable")


def test_on_failure():
    for setting, route, reply in (
            ("relay", "relay", None), ("hold", "hold", b"OK retry:4.4.1 ")):
        with World({"dns": {"on_failure": setting, "timeout": "1s"},
                    "hold_answer": "retry"}) as w:
            w.dns.set("f.test", "MX", fakedns.SERVFAIL)
            w.learn("f.test")
            w.until_route("f.test", route=route, reason="dns-failure")
            check(w.transport("u@f.test").startswith(
                reply or w.relay_reply().encode()))


def test_stale_is_used_when_dns_dies():
    with World({"dns": {"timeout": "1s", "max_ttl": "2s"}}) as w:
        w.simple("st.test", DEAD, fakesmtp.CLOSE, ttl=1)
        w.judged("st.test", route="relay")
        for death in (fakedns.SERVFAIL, fakedns.SILENT):
            w.dns.set_everything(death)
            asked = w.dns.asked("st.test", "MX")

            def still():
                w.expect("transport", "u@st.test", w.relay_reply())
                return w.dns.asked("st.test", "MX") >= asked + 4
            eventually(still, "four questions past the TTL")
        # When DNS is back, the new set is found by itself.
        w.smtp.set(UP, fakesmtp.GOOD)
        w.domain("st.test", [(10, "new.st.test", [UP])], ttl=1)
        w.dns.set_everything(None)
        w.until("transport", "u@st.test", NOTFOUND)
        w.until_route("st.test", route="direct", reason="all-reachable")
        w.daemon.wait_log(r"\bchange domain=st\.test old=relay new=direct "
                          r"reason=mx-changed")


def test_stale_ends():
    with World({"dns": {"timeout": "1s", "max_ttl": "2s", "stale": "2s"}}) \
            as w:
        w.simple("st.test", DEAD, fakesmtp.CLOSE, ttl=1)
        w.judged("st.test", route="relay")
        w.dns.set_everything(fakedns.SERVFAIL)
        w.until_route("st.test", route="direct", reason="dns-failure")
        w.dns.set_everything(None)
        w.until_route("st.test", route="relay", reason="none-reachable")


def test_domain_appears_and_goes():
    with World({"dns": {"max_ttl": "1s"}}) as w:
        w.smtp.set(DEAD, fakesmtp.CLOSE)
        w.judged("new.test", route="direct", reason="no-domain")
        w.domain("new.test", [(10, "mx.new.test", [DEAD])], ttl=1)
        w.until_route("new.test", route="relay", reason="none-reachable")
        w.dns.remove("new.test")
        w.until_route("new.test", route="direct", reason="no-domain")


def test_addresses_move():
    """The host keeps its name and gets another address."""
    with World({"dns": {"max_ttl": "1s"}}) as w:
        w.smtp.set(UP, fakesmtp.GOOD)
        w.simple("move.test", DEAD, fakesmtp.CLOSE, ttl=1)
        w.judged("move.test", route="relay")
        w.host("mx.move.test", [UP], ttl=1)
        w.until_route("move.test", route="direct", reason="all-reachable")
        w.expect("dnsfilter", "mx.move.test. 300 IN A " + UP, NOTFOUND)


def test_one_question_for_many_lookups():
    with World({"dns": {"timeout": "30s"}}) as w:
        gate = w.gated("many.test", UP)
        with w.client() as client:
            client.send(clients.request("transport", "u@many.test") * 1000)
            for _ in range(1000):
                same(client.receive(), NOTFOUND)
        eventually(lambda: w.dns.asked("many.test", "MX"), "the question")
        gate.open()
        w.learn("many.test")
        w.until_route("many.test", reason="all-reachable")
        same(w.dns.asked("many.test", "MX"), 1, "questions")
        same(w.smtp.count(UP), 1, "probes")


def test_ttl_of_zero_is_no_storm():
    with World({"dns": {"min_ttl": "60s"}}) as w:
        w.simple("zero.test", UP, fakesmtp.GOOD, ttl=0)
        w.judged("zero.test", reason="all-reachable")
        for _ in range(300):
            w.expect("transport", "u@zero.test", NOTFOUND)
        check(w.dns.asked("zero.test", "MX") <= 2, "questions",
              w.dns.asked("zero.test", "MX"))


def test_strangers_do_not_push_out_recipients():
    """Asked names leave the memory first."""
    with World({"cache": {"max_domains": 1000}}) as w:
        w.simple("kept.test", DEAD, fakesmtp.CLOSE)
        w.judged("kept.test", route="relay")
        with w.client() as client:
            for start in range(0, 5000, 250):
                client.send(b"".join(
                    clients.request("transport", "u@r%d.flood.test" % n)
                    for n in range(start, start + 250)))
                for _ in range(250):
                    same(client.receive(), NOTFOUND)
        w.expect("transport", "u@kept.test", w.relay_reply())
        same(w.dns.asked("kept.test", "MX"), 1, "questions")


def test_flood_while_somebody_waits():
    """A domain that is waited for is not forgotten under the waiter."""
    with World({"cache": {"max_domains": 1000}, "policy": {"wait": "50s"},
                "dns": {"timeout": "50s"}}) as w:
        gates = []
        sessions = []
        w.smtp.set(UP, fakesmtp.TEASER)
        w.host("mx.wait.test", [UP])
        for number in range(20):
            name = "wait%d.test" % number
            gates.append(fakedns.Gate([mx(10, "mx.wait.test")]))
            w.dns.set(name, "MX", gates[-1])
            session = w.policy()
            session.start(request="mxdetour_route", recipient="u@" + name,
                          instance=name)
            sessions.append(session)
        with w.client() as client:
            for start in range(0, 5000, 250):
                client.send(b"".join(
                    clients.request("transport", "u@r%d.flood.test" % n)
                    for n in range(start, start + 250)))
                for _ in range(250):
                    same(client.receive(), NOTFOUND)
        for gate in gates:
            gate.open()
        for session in sessions:
            got = session.receive()
            same((got["route"], got["reason"]), ("direct", "all-reachable"))


def test_flood_of_names_is_bounded():
    """Random subdomains: every lookup is answered, few are asked about."""
    with World({"dns": {"concurrency": 10, "timeout": "60s", "tries": 1},
                "cache": {"max_domains": 1000}}) as w:
        w.dns.default = fakedns.SILENT
        with w.client() as client:
            for start in range(0, 4000, 200):
                client.send(b"".join(
                    clients.request("transport", "u@r%d.flood.test" % n)
                    for n in range(start, start + 200)))
                for _ in range(200):
                    same(client.receive(), NOTFOUND)
        eventually(lambda: any(n.endswith(".flood.test")
                               for n in w.dns.names_asked()), "a question")
        asked = {n for n in w.dns.names_asked() if n.endswith("flood.test")}
        check(len(asked) <= 10, "names asked at once", len(asked))


def test_flood_does_not_starve_the_wanted():
    """A recipient is served while strangers' names queue up."""
    with World({"dns": {"concurrency": 8, "timeout": "2s", "tries": 1},
                "cache": {"max_domains": 1000}}) as w:
        w.dns.default = fakedns.SILENT
        w.simple("real.test", DEAD, fakesmtp.CLOSE)
        with w.client() as client:
            client.send(b"".join(
                clients.request("transport", "u@r%d.flood.test" % n)
                for n in range(3000)))
            for _ in range(3000):
                same(client.receive(), NOTFOUND)
        w.learn("real.test")
        w.until_route("real.test", route="relay", reason="none-reachable")


def test_many_servers():
    """The first server is dead: the second one is asked."""
    def conf(w):
        return {"dns": {"servers": ["127.0.0.1:9",
                                    "127.0.0.1:%d" % w.ports["dns"]],
                        "timeout": "6s"}}
    with World(conf) as w:
        w.simple("x.test", DEAD, fakesmtp.CLOSE)
        w.learn("x.test")
        w.until_route("x.test", route="relay")


def test_tcp_from_the_start():
    with World({"dns": {"tcp": True}}) as w:
        w.simple("x.test", DEAD, fakesmtp.CLOSE)
        w.judged("x.test", route="relay")
        same(w.dns.by_tcp[("x.test", "MX")], w.dns.asked("x.test", "MX"))


def test_big_answers():
    """Sixty hosts and more than fit: no crash, a sane answer."""
    with World() as w:
        w.smtp.set(UP, fakesmtp.GOOD)
        w.dns.set("big.test", "MX", Reply(
            [mx(n, "h%d.big.test" % n) for n in range(200)], truncated=True))
        for number in range(200):
            w.host("h%d.big.test" % number, [UP])
        w.host("wide.test", ["127.10.%d.%d" % (n // 100, n % 100 + 1)
                             for n in range(200)])
        w.dns.set("wide.test", "A", Reply(
            w.dns.zone[("wide.test", "A")], truncated=True))
        w.learn("big.test")
        w.until_route("big.test", route="direct", reason="all-reachable")
        w.learn("wide.test")
        w.expect("transport", "*", NOTFOUND)


def test_hostile_names_in_answers():
    with World({"dns": {"timeout": "1s"}}) as w:
        for number, host in enumerate((
                "a b.test", "a\nb.test", "\x01\x1b[31m.test", "[127.0.0.1]",
                "127.0.0.1", "x" * 63 + ".test", ".".join(["y" * 60] * 4),
                "*.test", "a;b.test", "],[evil.test", "-.test")):
            w.dns.set("h%d.test" % number, "MX", [mx(10, host)])
            w.dns.set(host.lower(), "A", [a(DEAD)])
        w.smtp.set(DEAD, fakesmtp.CLOSE)
        for number in range(11):
            w.learn("h%d.test" % number)
            reply = w.transport("u@h%d.test" % number)
            check(reply in (NOTFOUND, w.relay_reply().encode()), reply)
        for line in w.daemon.text():
            check(line.isprintable(), "line with control characters", line)


def test_more_than_is_kept():
    """Addresses and hosts beyond those kept are not judged: they may be up.
    Nobody waits for them, and no route is changed on their account."""
    with World({"policy": {"wait": "50s"},
                "log": {"level": "debug", "lookups": "all"}}) as w:
        kept = ["127.10.7.%d" % n for n in range(1, 33)]
        for address in kept + [DEAD]:
            w.smtp.set(address, fakesmtp.CLOSE)
        w.smtp.set(UP, fakesmtp.GOOD)
        w.host("mx.wide.test", kept + [UP])
        w.host("mx.dead.test", kept)
        w.host("mx.up.test", [UP])
        w.host("mx.one.test", [DEAD])
        w.dns.set("mx.wide.test", "A", Reply(
            w.dns.zone[("mx.wide.test", "A")], truncated=True))
        for name, first, second in (("wide", "wide", None),
                                    ("all", "dead", None),
                                    ("backup", "wide", "up"),
                                    ("behind", "one", "wide")):
            w.dns.set(name + ".test", "MX",
                      [mx(10, "mx.%s.test" % first)] +
                      ([mx(20, "mx.%s.test" % second)] if second else []))
        for count in (64, 65):
            name = "list%d.test" % count
            w.dns.set(name, "MX", Reply(
                [mx(n, "h%d.many.test" % n) for n in range(count)],
                truncated=True))
        for number in range(65):
            w.host("h%d.many.test" % number, [DEAD])
        wanted = {
            "wide.test": ("direct", "unknown-yet"),
            "all.test": ("relay", "none-reachable"),
            "backup.test": ("direct", "all-reachable"),
            "behind.test": ("direct", "unknown-yet"),
            "list64.test": ("relay", "none-reachable"),
            "list65.test": ("direct", "unknown-yet"),
        }
        with clients.Policy(w.policy_at) as policy:
            for name, (route, reason) in wanted.items():
                got = policy.route("u@" + name, instance=name)
                same((got["route"], got["reason"]), (route, reason), name)
        for name in wanted:
            waited = w.daemon.wait_log(r"\blookup domain=%s .*waited=(\d+)ms"
                                       % name.replace(".", r"\."))
            check(int(waited.group(1)) < 50000, "waited to the end", name)
        w.expect("transport", "u@wide.test", NOTFOUND)
        w.daemon.wait_log(r"dns name=mx\.wide\.test type=A addresses=32 "
                          r"more=yes")
        w.daemon.wait_log(r"dns name=list65\.test type=MX result=ok hosts=64 "
                          r"more=yes ")
        check(not w.daemon.find(r"name=(list64|mx\.dead)\.test .*more=yes"),
              "more than there is")


def test_mx_that_are_addresses():
    """An MX that is an address is a host with that address, as Postfix takes
    it: judged, steered to, and never asked about."""
    table = {
        "best.test": ([(10, UP), (20, "mx.dead.test")],
                      "direct", "best-reachable"),
        "dead.test": ([(10, DEAD)], "relay", "none-reachable"),
        "mixed.test": ([(10, DEAD), (20, "mx.up.test")],
                       "steer", "some-reachable"),
        "steered.test": ([(10, "mx.dead.test"), (20, UP)],
                         "steer", "some-reachable"),
        "hex.test": ([(10, "0x7f.0x0a.1")], "relay", "none-reachable"),
        "own.test": ([(10, DEAD), (20, OWN)], "direct", "self"),
        "multicast.test": ([(10, "224.0.0.1")], "direct", "no-mx"),
        "notone.test": ([(10, "192.0.2.256"), (20, "mx.dead.test")],
                        "relay", "none-reachable"),
        # Names that Postfix resolves, unusual as they are.
        "digits.test": ([(10, "mx.digits.123"), (20, "mx.dead.test")],
                        "direct", "best-reachable"),
        "star.test": ([(10, "*.star.test"), (20, "mx.dead.test")],
                      "direct", "best-reachable"),
    }
    with World() as w:
        w.smtp.set(UP, fakesmtp.GOOD)
        w.smtp.set(DEAD, fakesmtp.CLOSE)
        for host in ("mx.up.test", "mx.digits.123", "*.star.test"):
            w.host(host, [UP])
        w.host("mx.dead.test", [DEAD])
        for name, (hosts, _, _) in table.items():
            w.dns.set(name, "MX", [mx(*host) for host in hosts])
            w.judged(name, route=table[name][1], reason=table[name][2])
        w.expect("transport", "u@mixed.test", "OK :[mx.up.test]")
        w.expect("transport", "u@steered.test", "OK :[%s]" % UP)
        w.expect("mailertable", "steered.test", "OK esmtp:[%s]" % UP)
        for name in w.dns.names_asked():
            check(not name.replace(".", "").isdigit(), "asked", name)
        # Each is said once, whichever domains list it.
        for host in (UP, DEAD, OWN, "224.0.0.1"):
            line = (r"dns name=\S+ type=MX host=%s unsaid=0: "
                    % host.replace(".", r"\."))
            w.daemon.wait_log(line)
            same(len(w.daemon.find(line)), 1, "lines about", host)
        # However many a stranger lists.
        w.dns.set("many.test", "MX",
                  [mx(i, "127.11.7.%d" % i) for i in range(60)])
        w.judged("many.test", route="direct", reason="refused-only")
        w.daemon.wait_log(r"type=MX host=127\.11\.7\.")
        check(len(w.daemon.find(r"type=MX host=127\.11\.7\.")) <= 10,
              "lines in a minute")


def test_mx_that_are_addresses_and_the_filter():
    """The MTA asks for no record that the filter could drop: the route is
    steer, and the nexthop stays the domain all the same."""
    with World({"direct": {"steer": "dnsfilter"}}) as w:
        w.smtp.set(UP, fakesmtp.GOOD)
        w.smtp.set(DEAD, fakesmtp.CLOSE)
        w.host("mx.up.test", [UP])
        w.dns.set("mixed.test", "MX", [mx(10, DEAD), mx(20, "mx.up.test")])
        w.judged("mixed.test", route="steer", reason="some-reachable")
        w.expect("transport", "u@mixed.test", NOTFOUND)
        w.expect("mailertable", "mixed.test", "OK esmtp:[mx.up.test]")
        w.expect("dnsfilter", "mixed.test. 300 IN MX 10 %s." % DEAD, NOTFOUND)
        w.expect("dnsfilter", "mx.up.test. 300 IN A %s" % UP, NOTFOUND)


def test_ipv6():
    """An AAAA is an address like any other, where there is IPv6."""
    with World() as w:
        try:
            w.smtp.set("::1", fakesmtp.GOOD)
        except OSError:
            from harness import Skip
            raise Skip("no IPv6 loopback here")
        w.dns.set("six.test", "MX", [mx(10, "mx.six.test")])
        w.dns.set("mx.six.test", "AAAA", [aaaa("::1")])
        w.learn("six.test")
        w.until_route("six.test", route="direct", reason="all-reachable")
        check(w.smtp.count("::1") >= 1)
    with World({"probe": {"protocols": ["ipv4"]}}) as w:
        w.smtp.set("::1", fakesmtp.GOOD)
        w.dns.set("six.test", "MX", [mx(10, "mx.six.test")])
        w.dns.set("mx.six.test", "AAAA", [aaaa("::1")])
        w.learn("six.test")
        w.until_route("six.test", route="direct", reason="no-mx")
        same(w.smtp.count("::1"), 0, "probes of a family that is off")


def test_aaaa_silent_does_not_hold_a_back():
    """A good A answer counts while AAAA is still awaited."""
    with World({"dns": {"timeout": "50s"}, "policy": {"wait": "1s"}}) as w:
        w.simple("half.test", UP, fakesmtp.GOOD)
        w.dns.set("mx.half.test", "AAAA", fakedns.SILENT)
        w.learn("half.test")
        eventually(lambda: w.smtp.count(UP), "a probe of the A", timeout=40)


@long
def test_silent_dns_for_good():
    """Nothing ever answers: lookups go on, questions do not pile up."""
    with World({"dns": {"timeout": "1s", "concurrency": 5}}) as w:
        w.dns.set_everything(fakedns.SILENT)
        with w.client() as client:
            for round_ in range(20):
                for number in range(50):
                    same(client.query("transport", "u@n%d.test" % number),
                         NOTFOUND)
        w.until_route("n0.test", route="direct", reason="dns-failure")
