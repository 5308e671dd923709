# SPDX-License-Identifier: MIT
"""Kinds of blocking, and what breaks: relays, DNS, our own uplink."""

import os
import time

from forger import Forger
from mailhost import OP4, TRANSPORT_MAP
from net import DNS4, FORGED_DNS4, ROOT_NETNS
from router import LINK_DNS, Router
from scenarios_routes import direct, relayed
from util import check, wait
from world import (BROKEN, GOOGLE, GOOGLE_OLD, HOSTS, addresses, host_of,
                   origin)

# The defaults, in another order: a value that was set is warned about by a
# daemon that does not use it.
CANARIES = {"canaries": ["163.com", "qq.com"]}
OUTCOMES = {"drop": "connect-timeout", "unreachable": "host-unreachable",
            "reset": "connect-reset", "reset-data": "reset-after-data"}


def test_hard_blocking_is_relayed_at_once(lab):
    """Drop, unreachable, reset after handshake or data: no deferral."""
    for kind in OUTCOMES:
        lab.fw.block(kind, *addresses("mx.%s.example" % kind))
    lab.op.start()
    for kind, outcome in OUTCOMES.items():
        relayed(lab, lab.op.send_new("%s.example" % kind))
        lab.op.wait_route("%s.example" % kind, route="relay",
                          reason="none-reachable", mx="0/1")
        lab.op.daemon.wait_line(
            "endpoint", address=HOSTS["mx.%s.example" % kind][0],
            new="unreachable", outcome=outcome)


def test_refused_is_down_not_blocked(lab):
    """A reset in answer to the SYN: the far side is down, so direct."""
    lab.fw.block("refuse", *addresses("mx.refuse.example"))
    lab.op.start()
    to = lab.op.send_new("refuse.example")
    line = lab.op.postfix.wait_status(to, "deferred")
    check("refused" in line["text"], line["text"])
    lab.op.wait_route("refuse.example", route="direct",
                      reason="refused-only", mx="0/1")
    check(lab.op.ask("transport", to) == "NOTFOUND ", "should be direct")
    check(not lab.world.mails(to), "was delivered")
    lab.fw.reset()
    lab.op.wait_route("refuse.example", reason="all-reachable")
    lab.op.flush_until("the mail to arrive", lambda: lab.world.mails(to))
    check(origin(lab.world.mails(to)[0]) == "direct", "was relayed")


def test_refused_is_relayed_when_asked_for(lab):
    """relay_refused = true: refused sites go by the relay."""
    lab.fw.block("refuse", *addresses("mx.refuse.example"))
    lab.op.start({"relay_refused": True})
    relayed(lab, lab.op.send_new("refuse.example"))
    lab.op.wait_route("refuse.example", route="relay",
                      reason="none-reachable")


def test_silence_after_the_handshake(lab):
    """Silent or deaf after the handshake: relayed, deferred once at most."""
    for kind in ("silent", "mute"):
        lab.fw.block(kind, *addresses("mx.%s.example" % kind))
    lab.op.start({"probe": {"greeting_timeout": "2s", "reply_timeout": "2s"}},
                 settings={"smtp_helo_timeout": "3s",
                           "smtp_connect_timeout": "3s"})
    outcomes = {"silent": "greeting-timeout", "mute": "reply-timeout"}
    for kind, outcome in outcomes.items():
        to = lab.op.send_new("%s.example" % kind)
        lab.op.wait_route("%s.example" % kind, route="relay",
                          reason="none-reachable")
        lab.op.flush_until("%s to arrive" % to, lambda: lab.world.mails(to))
        check(origin(lab.world.mails(to)[0]) == "us1", "not by the relay")
        lab.op.daemon.wait_line(
            "endpoint", address=HOSTS["mx.%s.example" % kind][0],
            new="unreachable", outcome=outcome)
        relayed(lab, lab.op.send_new("%s.example" % kind))


def test_unwilling_and_slow_hosts_are_reachable(lab):
    """A 554 greeting and a late one: the path is open, so direct."""
    lab.world.set_modes(mx_unwilling_example="unwilling",
                        mx_slow_example="slow")
    lab.op.start()
    direct(lab, lab.op.send_new("slow.example"), "mx.slow.example")
    to = lab.op.send_new("unwilling.example")
    line = wait("an answer about " + to, lambda: [
        d for d in lab.op.postfix.deliveries(to)])[0]
    check(line["instance"] == "", "was relayed")
    for domain in ("slow.example", "unwilling.example"):
        lab.op.wait_route(domain, route="direct", reason="all-reachable",
                          mx="1/1")


def test_greylisting_does_not_leak_to_the_relay(lab):
    """A 450 from a reachable MX: the mail waits, the relay never sees it."""
    lab.world.set_modes(mx_good_example="greylist")
    lab.op.start()
    to = lab.op.send_new("good.example")
    line = lab.op.postfix.wait_status(to, "deferred")
    check("greylisted" in line["text"], line["text"])
    lab.world.set_modes()
    lab.op.flush_until("the mail to arrive", lambda: lab.world.mails(to))
    check(origin(lab.world.mails(to)[0]) == "direct", "was relayed")


def test_relays_down_one_after_the_other(lab):
    """Relay down: the next; all down: hold, no bounce; back: delivered."""
    lab.fw.block("drop", *addresses(*GOOGLE_OLD))
    lab.op.start(settings={"smtp_connect_timeout": "1s"})
    relayed(lab, lab.op.send_new("ihg.com"), "us1")

    lab.fw.block("drop", *addresses("relay1.example.net"))
    lab.op.wait_route("ihg.com", route="relay", via="us2")
    relayed(lab, lab.op.send_new("ihg.com"), "us2")
    reply = lab.op.ask("transport", "any@ihg.com")
    check(reply == "OK detour:[relay2.example.net]:587", reply)

    lab.fw.block("drop", *addresses("relay2.example.net"))
    lab.op.wait_route("ihg.com", route="hold", reason="no-relay", via="-")
    reply = lab.op.ask("transport", "any@ihg.com")
    check(reply == "NOTFOUND ", reply)
    to = lab.op.send_new("ihg.com")
    lab.op.postfix.wait_status(to, "deferred")
    check(lab.op.postfix.queued().get(to) == "deferred", "not in the queue")
    check("bounced" not in lab.op.postfix.statuses(to), "bounced")

    lab.fw.allow(*addresses("relay1.example.net"))
    lab.op.wait_route("ihg.com", route="relay", via="us1")
    lab.op.flush_until("the held mail", lambda: lab.world.mails(to))
    check(origin(lab.world.mails(to)[0]) == "us1", "not by us1")


def test_hold_answer_retry(lab):
    """hold_answer = "retry": the client is told 450 at RCPT, nothing lost."""
    lab.fw.block("drop", *addresses(*GOOGLE_OLD))
    lab.fw.block("drop", *addresses("relay1.example.net",
                                    "relay2.example.net"))
    lab.op.start({"hold_answer": "retry"})
    lab.op.wait_route("ihg.com", route="hold", reason="no-relay")
    reply = lab.op.ask("transport", "any@ihg.com")
    check(reply.startswith("OK retry:4.4.1 "), reply)


def test_policy_defers_on_hold(lab):
    """policy.on_hold = "defer": RCPT is put off while no relay is healthy."""
    lab.fw.block("drop", *addresses(*GOOGLE_OLD))
    lab.fw.block("drop", *addresses("relay1.example.net",
                                    "relay2.example.net"))
    lab.op.start({"policy": {"on_hold": "defer"}})
    lab.op.wait_route("ihg.com", route="hold", reason="no-relay")
    with lab.op.smtp() as session:
        session.ehlo()
        session.mail("sender@isp.example")
        code, text = session.rcpt("u@ihg.com")
        check(code == 450 and b"4.4.1" in text, "%d %s" % (code, text))
        code, text = session.rcpt("u@good.example")
        check(code == 250, "%d %s" % (code, text))


def test_without_relays_blocked_mail_is_held(lab):
    """No relay configured: the daemon runs and answers hold."""
    lab.fw.block("drop", *addresses(*GOOGLE_OLD))
    lab.op.start({"relays": []})
    lab.op.wait_route("ihg.com", route="hold", reason="no-relay")
    direct(lab, lab.op.send_new("good.example"), "mx.good.example")


def test_dns_dead_mail_waits_as_without_us(lab):
    """DNS dead: lookups are answered, mail waits, and goes when it is back."""
    lab.fw.block("drop", DNS4)
    lab.op.start({"dns": {"timeout": "2s", "negative_ttl": "1s",
                          "min_ttl": "1s"},
                  "policy": {"wait": "3s"}})
    check(lab.op.ask("transport", "any@good.example") == "NOTFOUND ",
          "should be direct")
    to = lab.op.send_new("good.example")
    line = lab.op.postfix.wait_status(to, "deferred")
    check("Name service error" in line["text"], line["text"])
    lab.op.wait_route("good.example", route="direct", reason="dns-failure")
    lab.fw.allow(DNS4)
    lab.op.flush_until("the mail to arrive", lambda: lab.world.mails(to))
    check(origin(lab.world.mails(to)[0]) == "direct", "was relayed")
    lab.op.wait_route("good.example", route="direct", reason="all-reachable")


def test_dns_dead_keeps_what_was_known(lab):
    """DNS dead later: routes stay, blocked mail still goes by the relay."""
    lab.fw.block("drop", *addresses(*GOOGLE_OLD))
    lab.op.start({"dns": {"timeout": "1s", "min_ttl": "1s", "max_ttl": "2s",
                          "negative_ttl": "1s"}})
    relayed(lab, lab.op.send_new("ihg.com"))
    relayed(lab, lab.op.send_new("ihg.com"))
    lab.fw.block("drop", DNS4)
    # Long enough that every answer's time is over, and refreshes have failed.
    for _ in range(12):
        route = lab.op.route("ihg.com")
        check(route["route"] == "relay" and route["reason"] ==
              "none-reachable", repr(route))
        time.sleep(0.5)
    lab.fw.allow(DNS4)
    relayed(lab, lab.op.send_new("ihg.com"))


def test_broken_zone_is_direct_by_default(lab):
    """SERVFAIL for a domain: dns-failure, direct; mail waits in the queue."""
    lab.op.start()
    to = lab.op.send_new(BROKEN)
    lab.op.postfix.wait_status(to, "deferred")
    lab.op.wait_route(BROKEN, route="direct", reason="dns-failure")
    check("bounced" not in lab.op.postfix.statuses(to), "bounced")


def test_broken_zone_by_the_relay_when_asked_for(lab):
    """dns.on_failure = "relay": the relay gets a try."""
    lab.op.start({"dns": {"on_failure": "relay"}})
    lab.op.wait_route(BROKEN, route="relay", reason="dns-failure", via="us1")
    reply = lab.op.ask("transport", "any@" + BROKEN)
    check(reply.startswith("OK detour:[relay1."), reply)


def test_forged_mx_answer_goes_by_the_relay(lab):
    """An A record in answer to an MX question: dns-forged, relayed."""
    forger = Forger(lab.net, {"good.example": "203.0.113.99"})
    lab.later(forger.close)
    pools = os.path.join(lab.home, "forged.txt")
    with open(pools, "w") as f:
        f.write("203.0.113.98\n203.0.113.99\n")
    lab.op.start({"dns": {"servers": [FORGED_DNS4],
                          "forged_address_files": [pools]}})
    lab.op.needs("dns.forged_address_files")
    relayed(lab, lab.op.send_new("good.example"))
    lab.op.wait_route("good.example", route="relay", reason="dns-forged",
                      via="us1")
    check(forger.count > 0, "the forger was not asked")
    direct(lab, lab.op.send_new("lonely.example"), "mx.lonely.example")
    # Never our own mail, whatever DNS says of it.
    forger.forged["isp.example"] = "203.0.113.98"
    lab.op.send("u@isp.example")
    line = lab.op.postfix.wait_status("u@isp.example", "sent")
    check(line["relay"] == "virtual", "local mail by " + line["relay"])


def test_home_router_on_the_link(lab):
    """resolv.conf names a link-local server with its interface, and that drops
    questions with EDNS: Postfix resolves, and so do we."""
    path = os.path.join(ROOT_NETNS, lab.net.name("op"), "resolv.conf")
    with open(path) as f:
        before = f.read()

    def write(text):
        with open(path, "w") as f:
            f.write(text)
    router = Router(lab.net)
    lab.later(router.close)
    lab.later(write, before)
    write("nameserver %s%%eth0\n" % LINK_DNS)
    lab.fw.block("drop", *addresses(*GOOGLE_OLD))
    lab.op.start({"dns": {"servers": [], "timeout": "2s"}})
    lab.op.wait_route("good.example", route="direct", reason="all-reachable")
    relayed(lab, lab.op.send_new("ihg.com"))
    direct(lab, lab.op.send_new("lonely.example"), "mx.lonely.example")
    wait("the router to be known", lambda: lab.op.daemon.lines(
        "dns", server="[%s%%eth0]:53" % LINK_DNS, edns="no"))
    check(router.dropped > 0 and router.passed > 0, "the router was not asked")


def test_uplink_cut_freezes_routes(lab):
    """All that ever worked fails: frozen, nothing turns; then ok again."""
    lab.fw.block("drop", *addresses(*GOOGLE_OLD))
    lab.op.start({"uplink": CANARIES})
    lab.op.needs("uplink.canaries")
    lab.op.wait_route("good.example", route="direct", reason="all-reachable")
    lab.op.wait_route("ihg.com", route="relay")
    lab.fw.cut(True)

    def frozen():
        # Interest has to go on, else nothing is probed.
        check(lab.op.route("good.example")["route"] == "direct",
              "an open domain was rerouted")
        lab.op.ask("transport", "any@ihg.com")
        return lab.op.daemon.lines("uplink", state="frozen")

    wait("the uplink to be frozen", frozen, pause=0.3)
    check(lab.op.route("good.example")["reason"] == "uplink-frozen",
          repr(lab.op.route("good.example")))
    check(lab.op.ask("transport", "any@good.example") == "NOTFOUND ",
          "an open domain was rerouted")
    lab.fw.cut(False)
    lab.op.daemon.wait_line("uplink", state="ok")
    lab.op.wait_route("good.example", route="direct", reason="all-reachable")
    lab.op.wait_route("ihg.com", route="relay", reason="none-reachable")
    check(not lab.op.daemon.lines(
        "endpoint", address=HOSTS["mx.good.example"][0], new="unreachable"),
          "good.example went down while the uplink was cut")


def test_port_25_closed_everywhere(lab):
    """Port 25 closed, relays alive on 587: its own state and answer."""
    lab.op.start({"uplink": dict(CANARIES, on_port25_closed="relay")})
    lab.op.needs("uplink.canaries")
    lab.op.wait_route("good.example", route="direct", reason="all-reachable")
    lab.fw.close_port(25)

    def closed():
        lab.op.ask("transport", "any@good.example")
        return lab.op.daemon.lines("uplink", state="port25-closed")

    wait("port25-closed", closed, pause=0.3)
    lab.op.wait_route("good.example", route="relay", reason="port25-closed")
    relayed(lab, lab.op.send_new("good.example"))
    lab.op.send("u@isp.example")
    line = lab.op.postfix.wait_status("u@isp.example", "sent")
    check(line["relay"] == "virtual", "local mail by " + line["relay"])
    lab.fw.open_port(25)
    lab.op.wait_route("good.example", route="direct", reason="all-reachable")
    direct(lab, lab.op.send_new("good.example"), "mx.good.example")


def test_daemon_gone_cautious_wiring(lab):
    """Cautious wiring, daemon gone: local mail flows, the rest waits."""
    lab.op.start({"direct": {"steer": "dnsfilter", "filter_all": True}},
                 wiring="cautious")
    lab.op.daemon.terminate()
    lab.op.send("u@isp.example")
    lab.op.postfix.wait_status("u@isp.example", "sent")
    to = lab.op.send_new("good.example")
    lab.op.postfix.wait_status(to, "deferred")
    lab.op.daemon.start()
    lab.op.flush_until("the mail to arrive", lambda: lab.world.mails(to))
    check(host_of(lab.world.mails(to)[0]) == "mx.good.example", "elsewhere")


def test_tie_of_preferences_is_steered(lab):
    """A dead host that ties with the live best one is kept out."""
    tied = "alt1.aspmx.l.google.com", "alt2.aspmx.l.google.com"
    lab.fw.block("drop", *addresses(GOOGLE[0], tied[0]))
    lab.op.start()
    direct(lab, lab.op.send_new("recommended.example"), tied[1])
    route = lab.op.wait_route("recommended.example", route="steer",
                              mx="3/5")
    check(route["reason"] == "some-reachable", repr(route))
    reply = lab.op.ask("transport", "any@recommended.example")
    named = reply[len("OK :"):].split(",")
    check(named[0] == "[%s]" % tied[1] and sorted(named[1:]) == [
        "[%s]" % h for h in GOOGLE[3:]], reply)


def test_lookup_by_postmap(lab):
    """`postmap -q` shows an admin the answers that Postfix gets."""
    lab.fw.block("drop", *addresses(*GOOGLE_OLD))
    lab.op.start()
    lab.op.wait_route("ihg.com", route="relay")
    got = lab.op.postfix.postmap("u@ihg.com", TRANSPORT_MAP)
    check(got == (0, "detour:[relay1.example.net]:587,"
                     "[relay2.example.net]:587"), repr(got))
    got = lab.op.postfix.postmap("u@[%s]" % OP4, TRANSPORT_MAP)
    check(got == (1, ""), repr(got))
