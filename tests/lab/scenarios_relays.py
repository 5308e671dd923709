# SPDX-License-Identifier: MIT
"""Relays that are there, and do not take the mail: refusals, limits, ourselves."""

import contextlib
import os
import signal
import socket

from mailhost import RELAY1, RELAY2
from net import OP4, RELAY4
from scenarios_routes import relayed
from util import check, wait
from world import GOOGLE_OLD, addresses, origin

# What a relay of a filing-bound or full provider says, and at which command.
NO_RCPT = {"smtpd_recipient_restrictions": "reject",
           "access_map_reject_code": "554", "reject_code": "554"}
NO_MAIL_FROM = {"smtpd_delay_reject": "no", "smtpd_sender_restrictions":
                "check_sender_access static:{530 5.7.0 Authentication "
                "required}"}


def no_bounce(lab):
    """Nobody was told that mail could not be delivered."""
    check("non-delivery notification" not in lab.op.postfix.log(),
          "a bounce:\n" + lab.op.postfix.log())
    check(not [m for m in lab.op.inbox() if "MAILER-DAEMON" in m],
          "the sender got a bounce")


def refused(lab, settings, text):
    """The first relay refuses for good; the second one takes the mail."""
    lab.fw.block("drop", *addresses(*GOOGLE_OLD))
    lab.world.set_relay("us1", **settings)
    lab.op.start()
    to = lab.op.send_new("ihg.com")
    reply = lab.op.ask("transport", to)
    check(reply == "OK detour:%s,%s" % (RELAY1, RELAY2), reply)
    relayed(lab, to, "us2")
    log = lab.world.relays["us1"].log()
    check(text in log, "us1 did not say %s:\n%s" % (text, log))
    no_bounce(lab)


def test_refused_at_rcpt_goes_by_the_second(lab):
    """554 5.7.1 at RCPT of the first relay: the second takes it, no bounce."""
    refused(lab, NO_RCPT, "554 5.7.1")


def test_refused_at_mail_goes_by_the_second(lab):
    """530 5.7.0 at MAIL of the first relay: the second takes it, no bounce."""
    refused(lab, NO_MAIL_FROM, "530 5.7.0")


def test_refused_by_all_waits(lab):
    """All relays refuse: deferred, no bounce; delivered when one relents."""
    lab.fw.block("drop", *addresses(*GOOGLE_OLD))
    lab.world.set_relay("us1", **NO_RCPT)
    lab.world.set_relay("us2", **NO_MAIL_FROM)
    lab.op.start()
    to = lab.op.send_new("ihg.com")
    line = lab.op.postfix.wait_status(to, "SOFTBOUNCE")
    check(line["dsn"].startswith("4."), line)
    check(lab.op.postfix.queued().get(to) == "deferred", "not in the queue")
    no_bounce(lab)
    lab.world.set_relay("us2")
    lab.op.flush_until("the mail", lambda: lab.world.mails(to))
    check(origin(lab.world.mails(to)[0]) == "us2", "not by us2")
    no_bounce(lab)


def test_refused_by_all_bounces_in_the_end(lab):
    """The price of soft_bounce: the sender is told after the queue's lifetime."""
    lab.fw.block("drop", *addresses(*GOOGLE_OLD))
    lab.world.set_relay("us1", **NO_RCPT)
    lab.world.set_relay("us2", **NO_RCPT)
    lab.op.start(settings={"maximal_queue_lifetime": "0"})
    to = lab.op.send_new("ihg.com")
    lab.op.postfix.wait_status(to, "SOFTBOUNCE")
    bounce = lab.op.wait_inbox("MAILER-DAEMON")
    check("554 5.7.1" in bounce, bounce)
    check(to not in lab.op.postfix.queued(), "still in the queue")


def test_refusal_bounces_without_soft_bounce(lab):
    """What soft_bounce is for: without it the second relay is not tried."""
    lab.fw.block("drop", *addresses(*GOOGLE_OLD))
    lab.world.set_relay("us1", **NO_RCPT)
    lab.op.start({"relays": [
        {"name": name, "nexthop": nexthop, "transport": "relay",
         "priority": n}
        for n, (name, nexthop) in enumerate((("us1", RELAY1),
                                             ("us2", RELAY2)))]})
    to = lab.op.send_new("ihg.com")
    line = lab.op.postfix.wait_status(to, "bounced")
    check("554 5.7.1" in line["text"], line["text"])
    check(not lab.world.mails(to), "was delivered")
    lab.op.wait_inbox("MAILER-DAEMON")


@contextlib.contextmanager
def session_to(lab, relay):
    """One connection of the operator's to a relay."""
    with lab.net.inside("op"):
        sock = socket.create_connection((RELAY4[relay], 587), timeout=60)
    with sock:
        check(sock.recv(512).startswith(b"220 "), "no session")
        yield


def test_relay_at_its_limit_of_connections(lab):
    """421 to our probe while it has our mail: last, never down, never hold."""
    lab.fw.block("drop", *addresses(*GOOGLE_OLD))
    lab.world.set_relay("us1", smtpd_client_connection_count_limit="1",
                        smtpd_client_event_limit_exceptions="")
    lab.op.start(settings={"smtp_connection_cache_on_demand": "no"})
    relayed(lab, lab.op.send_new("ihg.com"), "us1")
    daemon = lab.op.daemon
    wait("a good probe of us1", lambda: "ehlo=1 quit=1" in
         lab.world.relays["us1"].log())
    with session_to(lab, "us1"):
        daemon.wait_line("relay", name="us1", old="up", new="busy",
                         outcome="refused-service", count="1",
                         healthy="2/2")
        lab.op.wait_route("ihg.com", route="relay", via="us2")
        reply = lab.op.ask("transport", "any@ihg.com")
        check(reply == "OK detour:%s,%s" % (RELAY2, RELAY1), reply)
        relayed(lab, lab.op.send_new("ihg.com"), "us2")
        lab.world.stop_relay("us2")
        lab.op.wait_route("ihg.com", route="relay", via="us1")
        reply = lab.op.ask("transport", "any@ihg.com")
        check(reply == "OK detour:%s" % RELAY1, reply)
        to = lab.op.send_new("ihg.com")
        lab.op.postfix.wait_status(to, "deferred")
        check(not daemon.lines("relay", name="us1", new="down"), "was down")
        check(not daemon.lines("lookup", route="hold"), "was held")
    daemon.wait_line("relay", name="us1", old="busy", new="up",
                     outcome="ehlo")
    lab.op.flush_until("the mail", lambda: lab.world.mails(to))
    check(origin(lab.world.mails(to)[0]) == "us1", "not by us1")
    no_bounce(lab)


def check_config(lab, text):
    """`mxdetourd -t` on the operator's machine: status and what it said."""
    daemon = lab.op.daemon
    path = daemon.config + ".tried"
    with open(path, "w") as f:
        f.write(text)
    status, out, errors = lab.net.run(
        "op", [daemon.program, "-t", "-c", path], may_fail=True)
    return status, (out + errors).replace(path, "FILE")


def test_relay_that_is_ourselves(lab):
    """By an interface: refused; by an address that comes up later: not used."""
    status, said = check_config(
        lab, "relays = (\n{ nexthop = \"[%s]:587\"; } );\n" % OP4)
    check(status == 2 and said.startswith(
        "FILE:2: relays.nexthop = \"[%s]:587\": must not be this host "
        "itself (an address of this host)" % OP4), "%d: %s" % (status, said))
    status, said = check_config(
        lab, "relays = (\n{ nexthop = \"[%s]:2525\"; } );\n" % OP4)
    check(status == 0, "%d: %s" % (status, said))

    # Nothing here can be probed then but relays: a name that was never asked
    # for tells which is used.
    lab.op.start({"probe": {"allow_private": False},
                  "cache": {"cold": "relay"}})
    daemon = lab.op.daemon
    reply = lab.op.ask("transport", "u@new1.example")
    check(reply == "OK detour:%s,%s" % (RELAY1, RELAY2), reply)
    address = RELAY4["us1"] + "/32"
    lab.net.run("op", ["ip", "address", "add", address, "dev", "lo"])
    try:
        # It looks once a minute.
        wait("the finding", lambda: (
            "relay name=us1 error=ourselves nexthop=%s address=%s " % (
                RELAY1, RELAY4["us1"])) in daemon.log())
        reply = lab.op.ask("transport", "u@new2.example")
        check(reply == "OK detour:%s" % RELAY2, reply)
    finally:
        lab.net.run("op", ["ip", "address", "del", address, "dev", "lo"])
    os.kill(daemon.child.pid, signal.SIGHUP)
    daemon.wait_line("relay", name="us1", old="down", new="up")
    check(daemon.log().count("error=ourselves") == 1, "said more than once")
