# SPDX-License-Identifier: MIT
"""Every socketmap map, every route, reply bytes to the letter, all keys."""
import clients
import fakedns
import fakesmtp
from fakedns import mx
from harness import (IGNORE, NOTFOUND, OWN, RELAY1, RELAY2, RELAY3, World,
                     check, eventually, in_parallel, same)

DEAD, UP1, UP2 = "127.10.0.1", "127.10.0.2", "127.10.0.3"


def blocked(w, name="blocked.test"):
    w.simple(name, DEAD, fakesmtp.CLOSE)


def steered(w, name="steer.test"):
    """The best host is dead, two worse ones are up."""
    w.domain(name, [(10, "a.steer.test", [DEAD]), (20, "b.steer.test", [UP1]),
                    (30, "c.steer.test", [UP2])])
    w.smtp.set(DEAD, fakesmtp.CLOSE)
    w.smtp.set(UP1, fakesmtp.GOOD)
    w.smtp.set(UP2, fakesmtp.GOOD)


def test_direct_bytes():
    with World() as w:
        w.simple("direct.test", UP1, fakesmtp.GOOD)
        route = w.judged("direct.test", reason="all-reachable")
        same(route["route"], "direct")
        same(route["via"], "-")
        same(route["domain"], "direct.test")
        for map_name in ("transport", "mailertable"):
            with clients.Raw(w.socketmap_at) as raw:
                raw.send(clients.request(map_name, "direct.test"))
                same(raw.take(12), b"9:NOTFOUND ,", map_name)
        check(w.ask("route", "u@direct.test").startswith(
            b"OK domain=direct.test route=direct via=- reason=all-reachable"))


def test_relay_bytes():
    def conf(w):
        return {"relays": [w.relay_entry("us1", "relay1.ext.test"),
                           w.relay_entry("us2", RELAY2, priority=2)]}
    w = World(conf, good_relays=[RELAY2])
    w.host("relay1.ext.test", [RELAY1])
    blocked(w)
    with w:
        w.judged("blocked.test", route="relay", via="us1",
                 reason="none-reachable")
        reply = b"OK detour:[relay1.ext.test]:%d,[%s]:%d" % (
            w.relay_port, RELAY2.encode(), w.relay_port)
        with clients.Raw(w.socketmap_at) as raw:
            raw.send(clients.request("transport", "u@blocked.test"))
            wire = clients.netstring(reply)
            same(raw.take(len(wire)), wire)
        w.expect("transport", "blocked.test", reply)
        w.expect("transport", "@blocked.test", reply)
        mailer = w.ask("mailertable", "blocked.test").decode()
        check(mailer in ("OK smtprelay:[relay1.ext.test]",
                         "OK smtprelay:[relay1.ext.test]:[%s]" % RELAY2),
              "mailertable answers", mailer)
        check(w.ask("route", "blocked.test").startswith(
            b"OK domain=blocked.test route=relay via=us1 "
            b"reason=none-reachable"))


def test_relay_defaults():
    """Only the nexthop is required; the transport is relay."""
    def conf(w):
        return {"relays": [{"nexthop": "[%s]:%d" % (RELAY1, w.relay_port)}]}
    with World(conf) as w:
        blocked(w)
        w.judged("blocked.test", route="relay")
        w.expect("transport", "u@blocked.test",
                 w.relay_reply(transport="relay"))
        w.expect("mailertable", "blocked.test", "OK relay:[%s]" % RELAY1)


def test_steer_nexthop_bytes():
    with World() as w:
        steered(w)
        route = w.judged("steer.test", route="steer")
        same((route["via"], route["reason"]), ("-", "some-reachable"))
        # The host behind the best one that is up may take its time.
        w.until("transport", "u@steer.test",
                "OK :[b.steer.test],[c.steer.test]")
        w.expect("mailertable", "steer.test",
                 "OK esmtp:[b.steer.test]:[c.steer.test]")


def test_steer_dnsfilter_bytes():
    with World({"direct": {"steer": "dnsfilter", "mailer": "smtp8"}}) as w:
        steered(w)
        same(w.judged("steer.test", route="steer")["reason"],
             "some-reachable")
        w.expect("transport", "u@steer.test", NOTFOUND)
        w.until("mailertable", "steer.test",
                "OK smtp8:[b.steer.test]:[c.steer.test]")
        w.expect("dnsfilter", "a.steer.test. 300 IN A " + DEAD, IGNORE)
        w.expect("dnsfilter", "b.steer.test. 300 IN A " + UP1, NOTFOUND)


def test_steer_off_bytes():
    with World({"direct": {"steer": "off"}}) as w:
        steered(w)
        same(w.judged("steer.test", reason="some-reachable")["route"],
             "direct")
        w.expect("transport", "u@steer.test", NOTFOUND)
        w.expect("dnsfilter", "a.steer.test. 300 IN A " + DEAD, NOTFOUND)


def test_steer_names_four_at_most():
    with World() as w:
        hosts = [(1, "m0.many.test", [DEAD])]
        w.smtp.set(DEAD, fakesmtp.CLOSE)
        for number in range(1, 7):
            address = "127.10.1.%d" % number
            hosts.append((10 * number, "m%d.many.test" % number, [address]))
            w.smtp.set(address, fakesmtp.GOOD)
        w.domain("many.test", hosts)
        # Settled does not ask for the hosts behind the best one that is up.
        w.judged("many.test", route="steer")
        w.until("transport", "many.test", "OK :" + ",".join(
            "[m%d.many.test]" % number for number in range(1, 5)))


def test_steer_ties_rotate_and_stay():
    with World() as w:
        w.smtp.set(DEAD, fakesmtp.CLOSE)
        w.smtp.set(UP1, fakesmtp.GOOD)
        w.smtp.set(UP2, fakesmtp.GOOD)
        names = ["tie%d.test" % number for number in range(24)]
        for name in names:
            w.domain(name, [(5, "a.tie.test", [DEAD]),
                            (10, "b.tie.test", [UP1]),
                            (10, "c.tie.test", [UP2])])
        one, two = (b"OK :[b.tie.test],[c.tie.test]",
                    b"OK :[c.tie.test],[b.tie.test]")
        in_parallel(w.learn, names)
        for name in names:
            eventually(lambda: w.transport(name) in (one, two), name)
        first = {name: w.transport(name) for name in names}
        same(set(first.values()), {one, two}, "both rotations among 24")
        for name in names:
            same(w.transport("u@" + name), first[name], "stays for", name)


def test_steer_partial_after_reachable():
    """At equal preference reachable hosts come before partial ones."""
    with World() as w:
        w.smtp.set(DEAD, fakesmtp.CLOSE)
        w.smtp.set(UP1, fakesmtp.GOOD)
        w.smtp.set(UP2, fakesmtp.GOOD)
        for number in range(8):
            w.domain("p%d.test" % number,
                     [(5, "a.p.test", [DEAD]),
                      (10, "b.p.test", [UP1, DEAD]),
                      (10, "c.p.test", [UP2])])
        for number in range(8):
            w.learn("p%d.test" % number)
            w.until("transport", "u@p%d.test" % number,
                    "OK :[c.p.test],[b.p.test]")


def hold_world(answer):
    w = World({"hold_answer": answer})
    w.smtp.set(RELAY1, fakesmtp.CLOSE, w.relay_port)
    blocked(w)
    return w


def test_hold_notfound():
    with hold_world("notfound") as w:
        route = w.judged("blocked.test", route="hold")
        same((route["via"], route["reason"]), ("-", "no-relay"))
        w.expect("transport", "u@blocked.test", NOTFOUND)
        w.expect("mailertable", "blocked.test", NOTFOUND)


def test_hold_retry():
    with hold_world("retry") as w:
        w.judged("blocked.test", route="hold")
        reply = w.transport("u@blocked.test")
        check(reply.startswith(b"OK retry:4.4.1 ") and len(reply) > 16, reply)
        reply = w.ask("mailertable", "blocked.test")
        check(reply.startswith(b"OK error:4.4.1:451 ") and len(reply) > 20,
              reply)


def test_no_relay_configured():
    """Runs, warns once, holds where it would relay."""
    def said():
        return [m.string for m in w.daemon.find(r"(?i)relay")
                if "reason=" not in m.string]
    with World({"hold_answer": "retry"}, relay=False) as w:
        w.judged("none.test", reason="no-domain")
        eventually(lambda: [line for line in said()
                            if not line.startswith("start")],
                   "a word about the missing relays")
        at_start = said()
        for number in range(3):
            name = "blocked%d.test" % number
            w.simple(name, "127.10.0.%d" % (10 + number), fakesmtp.CLOSE)
            same(w.judged(name, route="hold")["reason"], "no-relay")
            check(w.transport(name).startswith(b"OK retry:4.4.1 "))
        same(said(), at_start, "warned again")


def test_star_at_once_always():
    def conf(w):
        return {"cache": {"cold": "relay"},
                "rules": [{"domain": ["*"], "route": "relay"}]}
    with World(conf) as w:
        w.dns.set_everything(fakedns.SILENT)
        for map_name in ("transport", "mailertable", "dnsfilter"):
            w.expect(map_name, "*", NOTFOUND)
        with w.client() as client:
            for _ in range(100):
                same(client.query("transport", "*"), NOTFOUND)
        same({n for n in w.dns.names_asked() if "*" in n}, set())


def test_unknown_map():
    with World() as w:
        with w.client() as client:
            for name in ("nonsense", "TRANSPORT", "transport2", "x" * 64):
                same(client.query(name, "x.test"), b"PERM no such map", name)
            same(client.query("transport", "*"), NOTFOUND)


GOOD_KEYS = [
    "blocked.test", "BLOCKED.test", "u@Blocked.TEST", "@blocked.test",
    "blocked.test.", "u@blocked.test.", '"a@b"@blocked.test',
    '"a b"@blocked.test', "a@b@blocked.test", "u+x@blocked.test",
    "@@blocked.test", "!#$%&'*+/=?^_`{|}~@blocked.test",
    "p\u00e4r@blocked.test", b"\xff\xfe@blocked.test",
    "x" * 9980 + "@blocked.test",
    # one IDN in its spellings
    "u@xn--bcher-kva.test", "u@XN--BCHER-KVA.TEST", "u@b\u00fccher.test",
    "u@B\u00dcCHER.test", "b\u00fccher.test.", "u@bu\u0308cher.test",
]

BAD_KEYS = [
    "", "@", "u@", "u@.", ".", "..", "u@..", ".@.", "u@[127.10.0.1]",
    "[127.10.0.1]", "u@[IPv6:::1]", "u@[IPv6:2001:db8::1]", "u@[]", "u@[",
    "127.10.0.1", "u@127.10.0.1", "u@a..blocked.test", "u@.blocked.test",
    "u@ blocked.test", "u@blocked.test ", "u@blo cked.test",
    b"u@blocked\0.test", b"u@\0", b"\0", b"u@\xff\xfe.test", b"\xff" * 300,
    "x" * 10000, "u@" + "a" * 64 + ".test", "u@" + "a." * 126 + "test",
    "u@" + "a" * 9990, "u@blocked.test/..", "u@bl\nocked.test",
    "u@xn--zzzzzz99999.test", "u@\u202eblocked.test",
    ".test", ".blocked.test",
]


def test_keys():
    with World() as w:
        blocked(w)
        w.simple("xn--bcher-kva.test", "127.10.0.9", fakesmtp.CLOSE)
        for name in ("blocked.test", "xn--bcher-kva.test"):
            w.judged(name, route="relay")
        before = w.dns.names_asked()
        wanted = w.relay_reply().encode()
        with w.client() as client:
            for key in GOOD_KEYS:
                same(client.query("transport", key), wanted, repr(key)[:80])
            for key in BAD_KEYS:
                same(client.query("transport", key), NOTFOUND,
                     repr(key)[:80])
                same(client.query("mailertable", key), NOTFOUND,
                     repr(key)[:80])
            for key in ("u@[127.10.0.1]", "u@[IPv6:::1]", "u@a..b.test",
                        "u@blo cked.test"):
                reply = client.query("route", key)
                check(reply.startswith(b"OK domain=") and
                      b" route=direct via=- reason=bad-name" in reply,
                      key, reply)
            # A NUL in the local part is not ours to judge, either way.
            check(client.query("transport", b"a\0b@blocked.test") in
                  (wanted, NOTFOUND))
        same({clients.to_bytes(n) for n in w.dns.names_asked() - before
              if not n.replace("-", "").replace("_", "").replace(".", "")
              .isalnum() or n.endswith(".1")}, set(), "questions about")


def test_route_map_names_the_alabel():
    with World() as w:
        same(w.route("u@B\u00fcCHER.test.")["domain"], "xn--bcher-kva.test")


def test_longest_keys_are_harmless():
    """At the limit an answer; beyond it an answer or the end, no more."""
    with World() as w:
        blocked(w)
        w.judged("blocked.test", route="relay")
        domain = "@blocked.test"
        w.expect("transport", "y" * (10000 - len(domain)) + domain,
                 w.relay_reply())
        for size in (10001, 10100, 20000, 65536, 99999, 999999):
            with clients.Raw(w.socketmap_at) as raw:
                try:
                    raw.send(clients.request("transport", b"z" * size))
                    raw.sock.shutdown(1)
                    answer = raw.rest()
                except OSError:
                    answer = b""  # it hung up while we were still talking
                check(answer == b"" or b"OK " not in answer, size, answer)
        w.expect("transport", "*", NOTFOUND)


def test_mailertable_parents():
    with World({"cache": {"cold": "relay"}}) as w:
        blocked(w)
        w.judged("blocked.test", route="relay")
        w.expect("mailertable", "blocked.test", "OK smtprelay:[%s]" % RELAY1)
        w.expect("mailertable", "BLOCKED.Test", "OK smtprelay:[%s]" % RELAY1)
        for key in (".test", ".", ".blocked.test"):
            w.expect("mailertable", key, NOTFOUND)


def test_cold_is_answered_at_once():
    """DNS never says a word: that there are answers at all is the proof."""
    with World({"dns": {"timeout": "30s"}}) as w:
        w.dns.set_everything(fakedns.SILENT)
        with w.client() as client:
            for number in range(50):
                name = "cold%d.test" % number
                same(client.query("transport", "u@" + name), NOTFOUND)
                same(client.query("mailertable", name), NOTFOUND)
                same(client.query("dnsfilter", "mx.%s. 300 IN A 127.10.0.1"
                                  % name), NOTFOUND)
                check(client.query("route", name).startswith(
                    b"OK domain=%s route=direct via=- reason=unknown-yet"
                    % name.encode()))
        same(w.dns.answered, 0, "answers of the fake DNS")
        eventually(lambda: w.dns.asked("cold0.test", "MX"), "a question")


def test_cold_route_configured():
    with World({"cache": {"cold": "relay"}, "dns": {"timeout": "30s"},
                "self": {"local_domains": ["local.test"]}}) as w:
        w.dns.set_everything(fakedns.SILENT)
        w.expect("transport", "u@cold.test", w.relay_reply())
        w.expect("transport", "u@local.test", NOTFOUND)
        w.expect("transport", "u@[127.0.0.1]", NOTFOUND)
        w.expect("transport", "*", NOTFOUND)
    with World({"cache": {"cold": "hold"}, "hold_answer": "retry",
                "dns": {"timeout": "30s"}}) as w:
        w.dns.set_everything(fakedns.SILENT)
        check(w.transport("u@cold.test").startswith(b"OK retry:4.4.1 "))


# ----------------------------------------------------------------- dnsfilter

def record(host, address, kind="A"):
    return "%s. 300 IN %s %s" % (host, kind, address)


def test_dnsfilter_drops_only_the_dead_of_some():
    with World() as w:
        steered(w)
        w.judged("steer.test", route="steer")
        w.expect("dnsfilter", record("a.steer.test", DEAD), IGNORE)
        w.expect("dnsfilter", record("A.Steer.Test", DEAD), IGNORE)
        w.expect("dnsfilter", "a.steer.test. 17 in a " + DEAD, IGNORE)
        for text in (record("b.steer.test", UP1),
                     record("c.steer.test", UP2),
                     record("a.steer.test", "127.10.9.9"),
                     "steer.test. 300 IN MX 10 a.steer.test.",
                     "_25._tcp.a.steer.test. 300 IN TLSA 3 1 1 00ff",
                     "a.steer.test. 300 IN CNAME b.steer.test.",
                     "a.steer.test. 300 IN AAAA ::1",
                     "a.steer.test. 300 IN A", "a.steer.test.", "",
                     "a.steer.test. 300 IN A 127.10.0.1.2",
                     "a.steer.test. 300 IN A x", "\0\1\2", "x" * 10000):
            w.expect("dnsfilter", text, NOTFOUND)


def test_dnsfilter_leaves_none_alone():
    """Coverage none: smtp(8) keeps what it has, unless filter_all."""
    with World() as w:
        blocked(w)
        w.judged("blocked.test", route="relay")
        w.expect("dnsfilter", record("mx.blocked.test", DEAD), NOTFOUND)


def test_dnsfilter_all():
    with World({"direct": {"steer": "dnsfilter", "filter_all": True}}) as w:
        blocked(w)
        w.judged("blocked.test", route="relay")
        w.expect("dnsfilter", record("mx.blocked.test", DEAD), IGNORE)


def test_dnsfilter_keeps_an_implicit_domain_fresh():
    """Without MX, smtp(8)'s questions about the address are the only sign of
    mail: the domain is refreshed by them, dead or alive."""
    with World({"direct": {"steer": "dnsfilter", "filter_all": True},
                "probe": {"interval": "1s"}}) as w:
        w.host("bare.test", [UP1], ttl=1)
        w.smtp.set(UP1, fakesmtp.GOOD)
        asked = record("bare.test", UP1)
        w.expect("dnsfilter", asked, NOTFOUND)
        w.until_route("bare.test", reason="all-reachable")
        questions = w.dns.asked("bare.test", "MX")

        def refreshed():
            w.expect("dnsfilter", asked, NOTFOUND)
            return w.smtp.count(UP1) > 3 and \
                w.dns.asked("bare.test", "MX") > questions
        eventually(refreshed, "probes and questions by the filter alone")
        w.smtp.set(UP1, fakesmtp.CLOSE)
        w.until("dnsfilter", asked, IGNORE)
        w.smtp.set(UP1, fakesmtp.GOOD)
        w.until("dnsfilter", asked, NOTFOUND)


def test_dnsfilter_partial_host():
    with World() as w:
        w.domain("part.test", [(10, "mx.part.test", [DEAD, UP1])])
        w.smtp.set(DEAD, fakesmtp.CLOSE)
        w.smtp.set(UP1, fakesmtp.GOOD)
        w.learn("part.test")
        w.until("dnsfilter", record("mx.part.test", DEAD), IGNORE)
        w.expect("dnsfilter", record("mx.part.test", UP1), NOTFOUND)
        w.until_route("part.test", route="direct", reason="all-reachable")


def test_dnsfilter_refused():
    """Refused is not blocked: smtp(8) finds that out at once by itself."""
    hosts = [(10, "a.ref.test", ["127.10.5.1"]), (20, "b.ref.test", [UP1])]
    for changes, wanted in (({}, NOTFOUND), ({"relay_refused": True}, IGNORE)):
        with World(changes) as w:
            w.domain("ref.test", hosts)
            w.smtp.set(UP1, fakesmtp.GOOD)
            w.learn("ref.test")
            w.daemon.wait_log(r"address=127\.10\.5\.1 .*new=unreachable")
            w.until("dnsfilter", record("a.ref.test", "127.10.5.1"), wanted)


def test_dnsfilter_never_relays_nor_ourselves():
    """An MX set that lists a relay's or our own address changes nothing."""
    with World() as w:
        w.domain("odd.test", [(10, "a.odd.test", [RELAY1]),
                              (20, "b.odd.test", [UP1])])
        w.domain("own.test", [(10, "a.own.test", [OWN]),
                              (20, "b.own.test", [UP1])])
        w.smtp.set(RELAY1, fakesmtp.CLOSE)  # on the MX port only
        w.smtp.set(OWN, fakesmtp.CLOSE)
        w.smtp.set(UP1, fakesmtp.GOOD)
        w.learn("odd.test")
        w.learn("own.test")
        w.until_route("odd.test", route="steer")
        w.expect("dnsfilter", record("a.odd.test", RELAY1), NOTFOUND)
        w.expect("dnsfilter", record("a.own.test", OWN), NOTFOUND)
        same(w.smtp.count(OWN), 0, "probes of our own address")


def test_dnsfilter_rules_by_host():
    def conf(w):
        return {"rules": [{"mx": ["a.steer.test"], "route": "direct"},
                          {"domain": ["other.test"], "route": "direct"}]}
    with World(conf) as w:
        steered(w)
        w.domain("other.test", [(10, "a.other.test", ["127.10.6.1"]),
                                (20, "b.other.test", [UP1])])
        w.smtp.set("127.10.6.1", fakesmtp.CLOSE)
        w.learn("steer.test")
        w.daemon.wait_log(r"address=127\.10\.0\.1 .*new=unreachable")
        w.expect("dnsfilter", record("a.steer.test", DEAD), NOTFOUND)
        # It knows hosts, not domains: a rule by domain does not reach it.
        w.domain("same.test", [(10, "a.other.test", ["127.10.6.1"]),
                               (20, "b.other.test", [UP1])])
        w.judged("same.test", route="steer")
        w.until("dnsfilter", record("a.other.test", "127.10.6.1"), IGNORE)
    with World({"rules": [{"domain": ["*"], "route": "direct"}]}) as w:
        steered(w)
        w.learn("steer.test")
        w.until_route("steer.test", route="direct", reason="rule:#1")
        w.expect("dnsfilter", record("a.steer.test", DEAD), NOTFOUND)


def test_dnsfilter_makes_wanted():
    """A delivery in progress counts as interest; a lookup alone does not."""
    with World({"probe": {"asked": "never"}}) as w:
        w.simple("warm.test", "127.11.0.9", fakesmtp.GOOD)
        w.learn("warm.test")  # policy is wired in: lookups alone stay asked
        w.simple("mxseen.test", "127.11.0.1", fakesmtp.GOOD)
        w.simple("asked.test", "127.11.0.2", fakesmtp.GOOD)
        w.dns.set("implicit.test", "A", [fakedns.a("127.11.0.3")])
        w.smtp.set("127.11.0.3", fakesmtp.GOOD)
        w.expect("dnsfilter", "mxseen.test. 300 IN MX 10 mx.mxseen.test.",
                 NOTFOUND)
        w.expect("dnsfilter", record("implicit.test", "127.11.0.3"), NOTFOUND)
        for _ in range(20):
            w.expect("transport", "u@asked.test", NOTFOUND)
        eventually(lambda: w.smtp.count("127.11.0.1"), "a probe of the MX")
        eventually(lambda: w.smtp.count("127.11.0.3"), "one of the implicit")
        w.until_route("mxseen.test", reason="all-reachable")
        w.route("asked.test")
        same(w.smtp.count("127.11.0.2"), 0, "probes of a name only asked")


def test_dnsfilter_relay_name_is_not_a_domain():
    def conf(w):
        return {"relays": [w.relay_entry("r", "relay.ext.test")],
                "probe": {"asked": "never"}}
    w = World(conf)
    w.host("relay.ext.test", [RELAY1])
    with w:
        w.expect("dnsfilter", record("relay.ext.test", RELAY1), NOTFOUND)
        w.simple("later.test", UP1, fakesmtp.GOOD)
        w.judged("later.test", reason="all-reachable")
        same(w.dns.asked("relay.ext.test", "MX"), 0, "MX questions")
        # Nor is it one when somebody asked for it as such, as for a sender.
        w.simple("relay.ext.test", UP2, fakesmtp.GOOD)
        w.host("relay.ext.test", [RELAY1])
        w.expect("transport", "root@relay.ext.test", NOTFOUND)
        w.until_route("relay.ext.test", reason="unknown-yet", mx="0/1")
        for _ in range(3):
            w.expect("dnsfilter", record("relay.ext.test", RELAY1), NOTFOUND)
            w.judged("later.test", reason="all-reachable")
        same(w.smtp.count(UP2), 0, "probes of its MX")


def test_second_lookup_wants_without_policy():
    """Where neither policy nor milter is wired in, a second lookup within a
    minute is a delivery."""
    with World({"probe": {"asked": "never"}}) as w:
        blocked(w)
        w.expect("transport", "u@blocked.test", NOTFOUND)
        w.until("transport", "u@blocked.test", w.relay_reply())


def test_asked_alone_probes_with_what_is_left():
    with World() as w:
        blocked(w)
        w.simple("warm.test", UP1, fakesmtp.GOOD)
        w.learn("warm.test")
        w.until("transport", "u@blocked.test", w.relay_reply())


def test_observe():
    """Decides and logs, changes nothing, makes nobody wait."""
    with World({"mode": "observe",
                "policy": {"on_hold": "defer", "wait": "60s"},
                "dns": {"timeout": "20s"}}) as w:
        blocked(w)
        steered(w)
        w.dns.set("silent.test", "MX", fakedns.SILENT)
        same(w.learn("silent.test")["action"], "DUNNO")
        # Had it waited, then for the failure of the question.
        same(w.route("silent.test")["reason"], "unknown-yet")
        for name in ("blocked.test", "steer.test"):
            same(w.learn(name)["action"], "DUNNO")

        def decided():
            w.expect("transport", "u@blocked.test", NOTFOUND)
            w.expect("mailertable", "blocked.test", NOTFOUND)
            w.expect("transport", "u@steer.test", NOTFOUND)
            w.expect("mailertable", "steer.test", NOTFOUND)
            w.expect("dnsfilter", record("a.steer.test", DEAD), NOTFOUND)
            return w.daemon.find(r"\blookup domain=blocked\.test route=relay "
                                 r".*\bmode=observe\b") and \
                w.daemon.find(r"\blookup domain=steer\.test route=steer "
                              r".*\bmode=observe\b")
        eventually(decided, "lines with mode=observe")
        for _ in range(20):
            decided()


def test_weighted_relays():
    def conf(w):
        return {"cache": {"cold": "relay"}, "dns": {"timeout": "30s"},
                "relays": [w.relay_entry("a", RELAY1, weight=3),
                           w.relay_entry("b", RELAY2, weight=1),
                           w.relay_entry("z", RELAY3, priority=5)]}
    with World(conf, good_relays=[RELAY2, RELAY3]) as w:
        w.dns.set_everything(fakedns.SILENT)
        first = w.relay_reply(RELAY1, RELAY2, RELAY3).encode()
        second = w.relay_reply(RELAY2, RELAY1, RELAY3).encode()
        with w.client() as client:
            got = [client.query("transport", "u@weight%d.test" % n)
                   for n in range(400)]
            again = [client.query("transport", "v@weight%d.test" % n)
                     for n in range(400)]
        same(set(got), {first, second}, "replies")
        same(got, again, "one domain, one relay")
        # 300 and 100 of 400 on average; these bounds are 6 sigma away.
        check(245 < got.count(first) < 355, "first", got.count(first))


def test_a_hundred_addresses_of_one_set():
    """Domains share verdicts: the second of a provider is warm with its MX
    answer alone."""
    with World() as w:
        blocked(w)
        w.learn("blocked.test")
        w.until_route("blocked.test", route="relay")
        probes = w.smtp.count(DEAD)
        for number in range(100):
            w.dns.set("tenant%d.test" % number, "MX",
                      [mx(10, "mx.blocked.test")])
        for number in range(100):
            same(w.learn("tenant%d.test" % number)["route"], "relay")
        same(w.dns.asked("mx.blocked.test", "A"), 1, "address questions")
        # The dead one is looked at again by the clock, not by the domains.
        check(w.smtp.count(DEAD) - probes < 60, w.smtp.count(DEAD) - probes)
