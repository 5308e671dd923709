# SPDX-License-Identifier: MIT
"""The policy service: who waits, how long, and what is answered."""
import re
import signal
import time

import clients
import fakedns
import fakesmtp
from harness import (NOTFOUND, OWN, RELAY1, World, check, eventually,
                     in_parallel, long, same)

DEAD, UP = "127.10.0.1", "127.10.0.2"


def test_raw_bytes():
    with World() as w:
        w.simple("up.test", UP, fakesmtp.GOOD)
        with clients.Raw(w.policy_at) as raw:
            raw.send(b"request=smtpd_access_policy\nprotocol_state=RCPT\n"
                     b"recipient=u@up.test\nsender=\n\n")
            same(raw.take(14), b"action=DUNNO\n\n")
            # Many requests on one connection, as with smtpd's default.
            raw.send(b"request=smtpd_access_policy\nrecipient=v@up.test\n\n")
            same(raw.take(14), b"action=DUNNO\n\n")


def test_first_message_takes_the_relay():
    """At RCPT the domain is learnt; the next lookup is warm."""
    with World() as w:
        w.simple("blocked.test", DEAD, fakesmtp.CLOSE)
        w.domain("steer.test", [(10, "a.steer.test", [DEAD]),
                                (20, "b.steer.test", [UP])])
        w.smtp.set(UP, fakesmtp.GOOD)
        for name, wanted in (("blocked.test", w.relay_reply()),
                             ("steer.test", "OK :[b.steer.test]")):
            with clients.Policy(w.policy_at) as policy:
                same(policy.ask(recipient="u@" + name, instance=name),
                     {"action": "DUNNO"})
            w.expect("transport", "u@" + name, wanted)


@long
def test_first_message_where_syns_are_dropped():
    with World() as w:
        w.simple("hole.test", DEAD, fakesmtp.BLACKHOLE)
        with clients.Policy(w.policy_at) as policy:
            same(policy.ask(recipient="u@hole.test"), {"action": "DUNNO"})
        w.expect("transport", "u@hole.test", w.relay_reply())


def test_route_request():
    with World() as w:
        w.simple("blocked.test", DEAD, fakesmtp.CLOSE)
        w.simple("up.test", UP, fakesmtp.GOOD)
        w.domain("steer.test", [(10, "a.steer.test", [DEAD]),
                                (20, "b.steer.test", [UP])])
        table = {
            "blocked.test": ("relay", "r1", "none-reachable"),
            "up.test": ("direct", "", "all-reachable"),
            "steer.test": ("steer", "", "some-reachable"),
            "nothing.test": ("direct", "", "no-domain"),
        }
        with clients.Policy(w.policy_at) as policy:
            for name, (route, via, reason) in table.items():
                same(policy.route("u@" + name, sender="s@isp.test",
                                  instance="m-" + name, sasl_username="joe",
                                  client_address="192.0.2.1", wait="20000"),
                     {"action": "DUNNO", "route": route, "via": via,
                      "reason": reason}, name)
            for bad in ("", "u", "u@", "u@[192.0.2.1]", "u@a..b", "*"):
                got = policy.route(bad)
                same((got["action"], got["route"], got["via"]),
                     ("DUNNO", "direct", ""), bad)
            same(policy.route("u@[192.0.2.1]")["reason"], "bad-name")


def test_recipient_without_domain():
    """Of this host, even when the name looks like a domain: not waited for,
    not looked up, and, being a local part, not logged."""
    with World({"policy": {"wait": "40s"}, "dns": {"timeout": "40s"},
                "log": {"lookups": "all"}}) as w:
        w.dns.set("zhang.wang", "MX", fakedns.SILENT)
        with clients.Policy(w.policy_at) as policy:
            same(policy.route("zhang.wang", instance="one"),
                 {"action": "DUNNO", "route": "direct", "via": "",
                  "reason": "local"})
            same(policy.ask(recipient="zhang.wang", instance="two"),
                 {"action": "DUNNO"})
            # Behind them, when they were begun at all.
            policy.route("u@behind.test")
        eventually(lambda: w.dns.asked("behind.test", "MX"), "a question")
        same(w.dns.asked("zhang.wang", "MX"), 0, "questions")
        w.daemon.wait_log(r"\blookup domain=behind\.test ")
        same(len(w.daemon.find(r"\blookup domain=- route=direct via=- "
                               r"reason=local .*proto=policy")), 2, "lines")
        same([m.string for m in w.daemon.find("zhang")], [])


@long
def test_budget_is_not_charged_twice():
    """A client that takes off `wait` what the message has spent is given the
    rest, more than half of the budget spent or not."""
    with World({"policy": {"wait": "30s"}, "dns": {"timeout": "60s"}}) as w:
        gates = {name: w.gated(name, UP) for name in ("one.test", "two.test")}
        session = w.policy()

        def start(name, wait):
            session.start(request="mxdetour_route", recipient="u@" + name,
                          instance="one.message", wait=wait)
            eventually(lambda: w.dns.asked(name, "MX"), "the question")
        start("one.test", "30000")
        time.sleep(16)
        gates["one.test"].open()
        same(session.receive()["reason"], "all-reachable")
        start("two.test", "14000")
        time.sleep(0.5)
        gates["two.test"].open()
        same(session.receive()["reason"], "all-reachable")


def test_waiters_share_one_question():
    """Twenty sessions wait for one domain: one question, one probe."""
    with World({"dns": {"timeout": "40s"}}) as w:
        gate = w.gated("wait.test", DEAD, fakesmtp.TEASER)
        sessions = [w.policy() for _ in range(20)]
        for number, session in enumerate(sessions):
            session.start(request="mxdetour_route", instance=str(number),
                          recipient="u%d@Wait.Test" % number)
        eventually(lambda: w.dns.asked("wait.test", "MX"), "the question")
        check(sessions[0].silent(0.3), "answered before the DNS did")
        gate.open()
        for session in sessions:
            got = session.receive()
            same((got["route"], got["reason"]), ("direct", "all-reachable"))
        same(w.dns.asked("wait.test", "MX"), 1, "MX questions")
        same(w.dns.asked("mx.wait.test", "A"), 1, "A questions")
        same(w.smtp.count(DEAD), 1, "probes")


def test_waits_for_the_verdict_not_for_the_backups():
    """Settled: the best host that is up, and all before it, are known."""
    with World({"policy": {"wait": "50s"}, "probe": {"greeting_timeout": "40s"},
                "dns": {"timeout": "40s"}}) as w:
        w.domain("s.test", [(10, "a.s.test", [UP]), (20, "b.s.test", [DEAD])])
        w.smtp.set(UP, fakesmtp.GOOD)
        w.smtp.set(DEAD, fakesmtp.SILENT)  # no verdict for a long time
        got = w.learn("s.test")
        same(got["route"], "direct")
        same([c.ended for c in w.smtp.conns(DEAD) if c.ended], [],
             "waited for the backup")


def test_budget_is_shared_by_the_message():
    """policy.wait is for all recipients of a message together."""
    with World({"policy": {"wait": "2s"}, "dns": {"timeout": "60s"}}) as w:
        w.dns.default = fakedns.SILENT
        with clients.Policy(w.policy_at) as policy:
            began = time.monotonic()
            for number in range(25):
                same(policy.ask(recipient="u@n%d.test" % number,
                                instance="one.message"), {"action": "DUNNO"})
            took = time.monotonic() - began
        # Twenty-five times two seconds, were the budget each recipient's own.
        check(took < 40, "one message waited", took)
        check(took >= 1, "nobody waited at all", took)
        # Another message has a budget of its own.
        began = time.monotonic()
        with clients.Policy(w.policy_at) as policy:
            policy.ask(recipient="u@fresh.test", instance="another.message")
        check(time.monotonic() - began >= 1, "no budget for the second")


def test_budget_across_connections():
    """try_limit=1 or not: Postfix may ask over several connections."""
    with World({"policy": {"wait": "2s"}, "dns": {"timeout": "60s"}}) as w:
        w.dns.default = fakedns.SILENT
        began = time.monotonic()
        for number in range(25):
            with clients.Policy(w.policy_at) as policy:
                policy.route("u@n%d.test" % number, instance="i.1")
        check(time.monotonic() - began < 40, "waited",
              time.monotonic() - began)


def test_wait_of_the_request():
    """The smaller of `wait` and policy.wait holds."""
    with World({"policy": {"wait": "59s"}, "dns": {"timeout": "30s"}}) as w:
        w.dns.default = fakedns.SILENT
        with clients.Policy(w.policy_at) as policy:
            got = policy.route("u@a.test", wait="100", instance="a")
            # Had it waited longer, then for the failure of the question.
            same((got["route"], got["reason"]), ("direct", "unknown-yet"))
            got = policy.route("u@b.test", wait="0", instance="b")
            same((got["route"], got["reason"]), ("direct", "unknown-yet"))
    with World({"policy": {"wait": "1s"}, "dns": {"timeout": "30s"}}) as w:
        w.dns.default = fakedns.SILENT
        with clients.Policy(w.policy_at) as policy:
            for wait in ("999999", "99999999999999999999", "-1", "x", ""):
                got = policy.route("u@a.test", wait=wait, instance="i" + wait)
                same(got["action"], "DUNNO", wait)
                if wait == "999999":
                    same(got["reason"], "unknown-yet")


def test_max_waiting():
    """Beyond it sessions are answered at once, while the others wait."""
    with World({"policy": {"wait": "50s", "max_waiting": 2},
                "dns": {"timeout": "50s"}}) as w:
        w.dns.default = fakedns.SILENT
        first, second = w.policy(), w.policy()
        for session, name in ((first, "one.test"), (second, "two.test")):
            session.start(recipient="u@" + name, instance=name)
            eventually(lambda: w.dns.asked(name, "MX"), "question for " + name)
        with clients.Policy(w.policy_at) as third:
            same(third.ask(recipient="u@three.test", instance="three"),
                 {"action": "DUNNO"})
        check(first.silent(0.1) and second.silent(0.1), "the two gave up")
    with World({"policy": {"wait": "50s", "max_waiting": 1},
                "dns": {"timeout": "50s"}}) as w:
        w.dns.default = fakedns.SILENT
        with clients.Policy(w.policy_at) as short:
            short.route("u@one.test", wait="500", instance="one")
        # Its place is free again.
        session = w.policy()
        session.start(recipient="u@two.test", instance="two")
        check(session.silent(0.5), "no place for the second waiter")


def test_lookups_go_on_while_sessions_wait():
    with World({"policy": {"wait": "50s"}, "dns": {"timeout": "50s"}}) as w:
        w.dns.default = fakedns.SILENT
        waiting = [w.policy() for _ in range(40)]
        for number, session in enumerate(waiting):
            session.start(recipient="u@w%d.test" % number,
                          instance=str(number))
        for number in range(200):
            w.expect("transport", "u@w%d.test" % (number % 50), NOTFOUND)
        check(waiting[0].silent(0.1), "the first waiter was answered")


def test_lookups_go_on_while_many_are_answered():
    """All wait for one name; with its route, lookups come in between."""
    conf = {"policy": {"wait": "40s", "max_waiting": 300},
            "dns": {"timeout": "40s"}, "log": {"lookups": "all"}}
    with World(conf) as w:
        gate = fakedns.Gate(fakedns.NXDOMAIN)
        w.dns.set("none.test", "MX", gate)
        sessions = [w.policy() for _ in range(300)]
        for session in sessions:
            session.start(request="mxdetour_route", recipient="u@none.test")
        eventually(lambda: len(gate.waiting) > 0, "the question")
        with clients.Raw(w.socketmap_at) as raw:
            raw.send(clients.request("transport", "u@none.test"))
            eventually(lambda: raw.more(), "a reply")
            mark = w.daemon.mark()
            # Both are there when it goes on.
            w.daemon.signal(signal.SIGSTOP)
            gate.open()
            eventually(lambda: not gate.waiting, "the answer")
            raw.send(clients.request("transport", "u@other.test") * 1000)
            w.daemon.signal(signal.SIGCONT)
            for session in sessions:
                same(session.receive()["reason"], "no-domain")
        eventually(lambda: len(w.daemon.find("proto=policy", mark)) == 300,
                   "lines of all")
        order = [m.group(1) for m in w.daemon.find(r"proto=(\w+)", mark)]
        first = order.index("policy")
        check("socketmap" in order[first:][:300], "all at once")


def test_waiter_that_hangs_up():
    with World({"policy": {"wait": "40s"}, "dns": {"timeout": "40s"}}) as w:
        gate = w.gated("gone.test", UP)
        stays = w.policy()
        stays.start(request="mxdetour_route", recipient="u@gone.test")
        for number in range(30):
            with clients.Policy(w.policy_at) as policy:
                policy.start(recipient="u@gone.test", instance=str(number))
        eventually(lambda: w.dns.asked("gone.test", "MX"), "the question")
        gate.open()
        same(stays.receive()["route"], "direct")
        w.expect("transport", "*", NOTFOUND)


def test_told_by_who_does_not_stay():
    """The milter, when a message's time is spent: the domain is learnt."""
    def changes(w):
        return {"listen": {"policy": ["inet:%s:%d" % w.policy_at,
                                      "unix:%s/policy" % w.dir]}}
    with World(changes) as w:
        w.daemon.signal(signal.SIGSTOP)
        for number, where in enumerate((w.policy_at, w.dir + "/policy")):
            with clients.Policy(where) as policy:
                policy.start(request="mxdetour_route", wait="0",
                             recipient="u@told%d.test" % number)
        w.daemon.signal(signal.SIGCONT)
        for number in range(2):
            name = "told%d.test" % number
            eventually(lambda: w.dns.asked(name, "MX"), "question of " + name)


def test_pipelined_requests():
    """Answered one by one and in order, though the first one waits."""
    with World({"dns": {"timeout": "40s"}}) as w:
        gate = w.gated("slow.test", UP)
        with clients.Policy(w.policy_at) as policy:
            policy.start(request="mxdetour_route", recipient="u@slow.test")
            for number in range(20):
                policy.start(request="mxdetour_route",
                             recipient="u@nothing%d.test" % number)
            eventually(lambda: w.dns.asked("slow.test", "MX"), "the question")
            check(policy.silent(0.2), "answered out of order")
            gate.open()
            same(policy.receive()["reason"], "all-reachable")
            for _ in range(20):
                same(policy.receive()["reason"], "no-domain")


def hold_world(**policy):
    w = World({"policy": policy})
    w.smtp.set(RELAY1, fakesmtp.CLOSE, w.relay_port)
    w.simple("blocked.test", DEAD, fakesmtp.CLOSE)
    w.simple("up.test", UP, fakesmtp.GOOD)
    return w


def test_on_hold():
    with hold_world(on_hold="defer") as w:
        w.judged("blocked.test", route="hold")
        with clients.Policy(w.policy_at) as policy:
            action = policy.ask(recipient="u@blocked.test")["action"]
            check(action.startswith("DEFER_IF_PERMIT 4.4.1"), action)
            same(policy.ask(recipient="u@up.test"), {"action": "DUNNO"})
            got = policy.route("u@blocked.test")
            check(got["action"].startswith("DEFER"), got)
            same((got["route"], got["via"], got["reason"]),
                 ("hold", "", "no-relay"))
    with hold_world(on_hold="accept") as w:
        w.judged("blocked.test", route="hold")
        with clients.Policy(w.policy_at) as policy:
            same(policy.ask(recipient="u@blocked.test"), {"action": "DUNNO"})
            same(policy.route("u@blocked.test")["action"], "DUNNO")


SENDERS = [{"match": "domain:isp.example", "note": "filed"},
           {"match": "domain:*.isp.example"},
           {"match": "sasl:joe"},
           {"match": "net:198.51.100.0/24", "note": "office"}]


def test_senders():
    for setting, pattern in (("reject", r"REJECT|5\d\d "),
                             ("defer", r"DEFER|4\d\d "), ("accept", "DUNNO$")):
        with World({"policy": {"senders": SENDERS,
                               "on_sender_refused": setting}}) as w:
            w.simple("blocked.test", DEAD, fakesmtp.CLOSE)
            w.simple("up.test", UP, fakesmtp.GOOD)
            w.judged("blocked.test", route="relay")
            w.judged("up.test", route="direct")
            with clients.Policy(w.policy_at) as policy:
                for allowed in (
                        {"sender": "a@isp.example"},
                        {"sender": "a@ISP.Example"},
                        {"sender": "a@x.isp.example"},
                        {"sender": "a@else.test", "sasl_username": "joe"},
                        {"sender": "a@else.test",
                         "client_address": "198.51.100.7"}):
                    same(policy.ask(recipient="u@blocked.test", **allowed),
                         {"action": "DUNNO"}, allowed)
                for refused in (
                        {"sender": "a@else.test"}, {"sender": "isp.example"},
                        {"sender": "a@notisp.example"},
                        {"sender": "a@isp.example@else.test"},
                        {"sender": "a@else.test", "sasl_username": "JOE2"},
                        {"sender": "a@else.test", "sasl_username": ""},
                        {"sender": "a@else.test",
                         "client_address": "198.51.101.7"},
                        {"sender": "a@else.test", "client_address": "x"}):
                    if refused["sender"] == "isp.example" and \
                            setting != "accept":
                        continue  # no address at all: either way
                    action = policy.ask(recipient="u@blocked.test",
                                        **refused)["action"]
                    check(re.match(pattern, action), refused, action)
                # What does not take the relay is not its business.
                same(policy.ask(recipient="u@up.test", sender="a@else.test"),
                     {"action": "DUNNO"})
                got = policy.route("u@blocked.test", sender="a@else.test",
                                   client_address="192.0.2.1")
                check(re.match("DUNNO|DEFER|REJECT", got["action"]), got)
                check((got["action"] == "DUNNO") == (setting == "accept"),
                      got)
                # The log says who refused it.
                who = (r"\blookup domain=blocked\.test .*proto=policy .* "
                       r"action=%s\b" % setting)
                if setting == "accept":
                    same(w.daemon.find(who), [])
                else:
                    w.daemon.wait_log(who)


# The MTA completes a user's name alone by a domain of its own: which one cannot
# be told, so that it is deferred at most. Where ours are let it is let.
def test_senders_without_a_domain():
    for lets, own, pattern in (
            ("domain:isp.example", ["isp.example"], "DUNNO$"),
            ("domain:*.own.test", [], "DUNNO$"),  # self.names: mx.own.test
            ("domain:mx.own.test", [], "DUNNO$"),
            ("domain:isp.example", ["local.test"], "DEFER")):
        with World({"policy": {"senders": [{"match": lets}],
                               "on_sender_refused": "reject"},
                    "self": {"names": ["mx.own.test"],
                             "local_domains": own}}) as w:
            w.simple("blocked.test", DEAD, fakesmtp.CLOSE)
            w.judged("blocked.test", route="relay")
            with clients.Policy(w.policy_at) as policy:
                for sender, wanted in (("root", pattern),
                                       ("u%isp.example", "REJECT"),
                                       ("isp.example!u", "REJECT"),
                                       ("u@else.test", "REJECT"),
                                       ("", "REJECT")):
                    action = policy.ask(recipient="u@blocked.test",
                                        sender=sender)["action"]
                    check(re.match(wanted, action), lets, sender, action)


BLOCKED_FORMS = (
    "u@blocked.test", "u%blocked.test", "blocked.test!u",
    "u%blocked.test@local.test", "blocked.test!u@local.test",
    "u@blocked.test@local.test", '"u@blocked.test"@local.test',
    '"u%blocked.test"@local.test', "u%blocked.test@",
    "U%Blocked.TEST.@LOCAL.test.", "u % blocked.test @ local.test",
    # Our own name, what every Postfix takes for itself, an own address.
    "u%blocked.test@mx.own.test", "u%blocked.test@localhost",
    "u%blocked.test@[127.77.0.1]", "u%blocked.test@[127.0.0.1]")
# Nested, a source route, and domains that the MTA may take for its own: short
# ones, and one whose MX is this host.
UNCERTAIN_FORMS = (
    "u%a.test%blocked.test", "blocked.test!a.test!u",
    "u%a.test%blocked.test@local.test", "blocked.test!u%a.test",
    "u%blocked.test%local.test", "u@blocked.test@local.test@mx.own.test",
    "@a.test,@b.test:u@blocked.test", "@local.test:u@blocked.test",
    "u%blocked.test@mx", "u%blocked.test@localhost.local.test",
    "u%blocked.test@hosted.test")
# Mail to the last domain, or to a user of this host.
OTHER_FORMS = (
    "u", "u@local.test", "u+blocked.test@local.test", "blocked.test",
    "bounce-u%blocked.test@up.test", '"u@blocked.test"@up.test',
    "blocked.test!u@up.test", "u@blocked.test@up.test", "u%up.test",
    "u%blocked.test@[192.0.2.1]", "u%blocked.test@[IPv6:2001:db8::1]",
    "u%local.test@local.test", "u%blocked.test+x@local.test")


def rewriting_world(setting, **more):
    return World({"self": {"local_domains": ["local.test"]},
                  "policy": dict(more, senders=SENDERS,
                                 on_sender_refused=setting),
                  "log": {"recipients": True}})


def test_recipients_are_judged_as_rewritten():
    """Refused is what would go by the relay; deferred, what may."""
    with rewriting_world("reject") as w:
        w.simple("blocked.test", DEAD, fakesmtp.CLOSE)
        w.simple("up.test", UP, fakesmtp.GOOD)
        w.domain("hosted.test", [(10, "mx.blocked.test", [DEAD]),
                                 (20, "mx.own.test", [OWN])])
        w.judged("blocked.test", route="relay")
        w.judged("up.test", route="direct")
        w.learn("hosted.test")
        w.until_route("hosted.test", reason="self")
        with clients.Policy(w.policy_at) as policy:
            def verdicts(recipient, pattern, route):
                got = policy.ask(recipient=recipient)["action"]
                check(re.match(pattern, got), recipient, got)
                got = policy.route(recipient, sender="s@else.test")
                check(re.match(pattern.replace("_IF_PERMIT", ""),
                               got["action"]), recipient, got)
                same(got["route"], route, recipient)
            for recipient in BLOCKED_FORMS:
                verdicts(recipient, "REJECT 5.7.1 ", "relay")
            for recipient in UNCERTAIN_FORMS:
                verdicts(recipient, "DEFER_IF_PERMIT 4.7.1 ", "relay")
            for recipient in OTHER_FORMS:
                verdicts(recipient, "DUNNO$", "direct")
            # The domain that was judged, and what was typed.
            w.daemon.wait_log(r"\blookup domain=blocked\.test route=relay .* "
                              r"action=reject .*"
                              r"recipient=u%blocked\.test@local\.test$")
            # The milter knows better, and is believed.
            for rewritten, action in (("u@blocked.test", "REJECT 5.7.1"),
                                      ("u%blocked.test@local.test", "DUNNO"),
                                      ("u", "DUNNO")):
                got = policy.route("u%a.test%blocked.test@local.test",
                                   rewritten=rewritten, sender="s@else.test")
                check(got["action"].startswith(action), rewritten, got)
            # Postfix's service has no such attribute.
            got = policy.ask(recipient="u@blocked.test", rewritten="u@up.test")
            check(got["action"].startswith("REJECT"), got)


def test_rewritten_recipients_wait_for_their_domain():
    """A new domain is waited for however it is addressed."""
    with rewriting_world("accept", wait="60s") as w:
        for number, form in enumerate((
                "u%%%s", "%s!u", "u%%%s@local.test", '"u@%s"@local.test')):
            name = "new%d.test" % number
            w.simple(name, DEAD, fakesmtp.CLOSE)
            with clients.Policy(w.policy_at) as policy:
                same(policy.ask(recipient=form % name, instance=name),
                     {"action": "DUNNO"})
            w.expect("transport", "u@" + name, w.relay_reply())


def test_on_hold_meets_rewritten_recipients():
    with World({"self": {"local_domains": ["local.test"]}, "relays": [],
                "policy": {"on_hold": "defer"}}) as w:
        w.simple("blocked.test", DEAD, fakesmtp.CLOSE)
        w.judged("blocked.test", route="hold")
        with clients.Policy(w.policy_at) as policy:
            for recipient in BLOCKED_FORMS + UNCERTAIN_FORMS[:-1]:
                got = policy.ask(recipient=recipient)["action"]
                check(got.startswith("DEFER_IF_PERMIT 4.4.1"), recipient, got)


def test_other_requests_are_harmless():
    with World() as w:
        w.simple("up.test", UP, fakesmtp.GOOD)
        w.judged("up.test", route="direct")
        with clients.Policy(w.policy_at) as policy:
            for state in ("CONNECT", "EHLO", "MAIL", "DATA",
                          "END-OF-MESSAGE", "VRFY", "ETRN"):
                same(policy.ask(protocol_state=state, recipient=""),
                     {"action": "DUNNO"}, state)
            same(policy.ask(recipient="u@up.test", recipient_count="0",
                            unknown_attribute="\u00fc = x",
                            queue_id="", stress=""), {"action": "DUNNO"})
            same(policy.ask(recipient="x" * 9000 + "@up.test"),
                 {"action": "DUNNO"})


def test_half_close():
    """As nc sends it: the request, then the end of our stream."""
    with World() as w:
        w.simple("up.test", UP, fakesmtp.GOOD)
        w.judged("up.test", reason="all-reachable")
        with clients.Policy(w.policy_at) as policy:
            policy.start(recipient="u@up.test")
            policy.sock.shutdown(1)
            same(policy.rest(), b"action=DUNNO\n\n")


def test_many_messages():
    with World() as w:
        w.simple("up.test", UP, fakesmtp.GOOD)
        w.judged("up.test", reason="all-reachable")
        with clients.Policy(w.policy_at) as policy:
            for start in range(0, 5000, 100):
                for number in range(start, start + 100):
                    policy.start(recipient="u@up.test",
                                 instance="%x.%d" % (number * 77, number))
                for _ in range(100):
                    same(policy.receive(), {"action": "DUNNO"})


def test_storm():
    """Many messages to many domains at once, dead and alive."""
    with World() as w:
        w.smtp.set(DEAD, fakesmtp.CLOSE)
        w.smtp.set(UP, fakesmtp.GOOD)
        w.host("dead.prov.test", [DEAD])
        w.host("up.prov.test", [UP])
        for number in range(100):
            w.dns.set("n%d.test" % number, "MX", [fakedns.mx(
                10, "dead.prov.test" if number % 2 else "up.prov.test")])

        def one(number):
            name = "n%d.test" % (number % 100)
            with clients.Policy(w.policy_at) as policy:
                same(policy.ask(recipient="u@" + name, instance=str(number)),
                     {"action": "DUNNO"})
            w.until("transport", "u@" + name,
                    w.relay_reply() if number % 2 else NOTFOUND)
        in_parallel(one, range(300), threads=30)
        same(w.smtp.count(UP), 1, "probes of the good one")
