# SPDX-License-Identifier: MIT
"""Odd peers and hard ends under mail flow, the mail counted in and out."""

from postfix import DELIVERY
from scenarios_daemon import Flow
from scenarios_routes import direct, relayed
from util import check, wait
from world import GOOGLE_OLD, HOSTS, addresses, host_of, origin

# A domain of each kind: direct, steered, relayed, local in two ways, and one
# whose backup MX we are.
MIXED = ("good.example", "recommended.example", "ihg.com", "isp.example",
         "filtered.example", "hosted.example", "second.example")


def copies(lab, to):
    """How often a message came out, at an MX host or in a mailbox."""
    return len(lab.world.mails(to)) + sum(
        "To: <%s>" % to in text for text in lab.op.inbox())


def count_out(lab, flow):
    """All that was accepted comes out once, nothing bounces or loops."""
    lab.op.flush_until("all mail to arrive", lambda: all(
        copies(lab, to) for to in flow.accepted))
    wait("the queue to be empty", lambda: not lab.op.postfix.queued())
    for to in flow.accepted:
        check(copies(lab, to) == 1, "%d times: %s" % (copies(lab, to), to))
        domain = to.partition("@")[2]
        if domain in ("isp.example", "filtered.example"):
            check(not lab.world.mails(to), "local mail went abroad: " + to)
        if domain in ("good.example", "hosted.example"):
            check(origin(lab.world.mails(to)[0]) == "direct",
                  "was relayed: " + to)
    for host in [lab.op.postfix] + list(lab.world.relays.values()):
        for line in DELIVERY.finditer(host.log()):
            check(line.group("to") not in flow.accepted or
                  line.group("status") in ("sent", "deferred"), line.group(0))


def kill_under_flow(lab, held, times):
    """Kill -9 while mail of every kind flows; returns the flow."""
    lab.fw.block("drop", *addresses(*GOOGLE_OLD))
    lab.op.start(held=held, settings={"smtp_connect_timeout": "1s"})
    with Flow(lab, MIXED) as flow:
        for _ in range(times):
            lab.op.daemon.kill()
            lab.op.daemon.start()
            seen = len(flow.accepted) + len(flow.refused)
            wait("mail to go on", lambda: len(flow.accepted)
                 + len(flow.refused) > seen)
        wait("mail of every kind", lambda: len(flow.accepted)
             > 2 * len(MIXED))
    return flow


def test_killed_with_held_sockets_counted(lab):
    """Kill -9 ten times, sockets held: all mail out once, none refused."""
    flow = kill_under_flow(lab, True, 10)
    check(not flow.refused, "refused: %r" % flow.refused)
    count_out(lab, flow)


def test_killed_without_held_sockets_counted(lab):
    """Five times without: what was taken comes out, the rest is told 4xx."""
    flow = kill_under_flow(lab, False, 5)
    for to, why in flow.refused:
        check("4.3.0" in why or "451" in why, "%s: %s" % (to, why))
    count_out(lab, flow)


def test_odd_peers(lab):
    """Endless, tarpit, late: relayed; half a greeting, then all: direct."""
    kinds = ("endless", "teaser", "tarpit", "late")
    lab.world.set_modes(**{"mx_%s_example" % k: k for k in kinds})
    lab.op.start({"probe": {"greeting_timeout": "8s", "reply_timeout": "8s"},
                  "policy": {"wait": "30s"}},
                 policy="check_policy_service { inet:127.0.0.1:2528, "
                        "timeout=60s, try_limit=1, default_action=DUNNO }")
    # Side by side: each waits for its own verdict.
    flows = [Flow(lab, ("%s.example" % kind,)) for kind in kinds]
    for flow in flows:
        flow.start()
    for flow in flows:
        wait("a message to " + flow.domains[0], lambda: flow.accepted)
        flow.stop()
        check(not flow.refused, "refused: %r" % flow.refused)
    outcomes = {"late": "greeting-timeout", "tarpit": "greeting-timeout",
                "endless": "reply-timeout"}
    for kind, flow in zip(kinds, flows):
        if kind in outcomes:
            lab.op.wait_route("%s.example" % kind, route="relay",
                              reason="none-reachable", mx="0/1")
            lab.op.daemon.wait_line(
                "endpoint", address=HOSTS["mx.%s.example" % kind][0],
                new="unreachable", outcome=outcomes[kind])
            relayed(lab, flow.accepted[0])
        else:
            direct(lab, flow.accepted[0], "mx.%s.example" % kind)
            lab.op.wait_route("%s.example" % kind, route="direct",
                              reason="all-reachable")
    for flow in flows:
        count_out(lab, flow)
    teased = HOSTS["mx.teaser.example"][0]
    for session in lab.world.events("session"):
        if session["local"] == teased and "MAIL" not in session["verbs"]:
            check(session["verbs"][:2] == ["EHLO", "QUIT"], "%s: %r" % (
                host_of(session), session["verbs"]))


def test_cut_after_the_probe(lab):
    """A reset in answer to MAIL is beyond a probe: the mail waits, unharmed."""
    lab.world.set_modes(mx_cut_example="cut")
    lab.op.start()
    to = lab.op.send_new("cut.example")
    line = lab.op.postfix.wait_status(to, "deferred")
    check("lost connection" in line["text"], line["text"])
    lab.op.wait_route("cut.example", route="direct", reason="all-reachable")
    lab.world.set_modes()
    lab.op.flush_until("the mail to arrive", lambda: lab.world.mails(to))
    check(origin(lab.world.mails(to)[0]) == "direct", "was relayed")
    check(len(lab.world.mails(to)) == 1, "arrived twice")
