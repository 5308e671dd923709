# SPDX-License-Identifier: MIT
"""What happens without mxdetour, and that the lab's network is as it claims."""

import errno
import socket

from mailhost import DETOUR, OP4, RELAY1
from util import check, wait
from world import (DUAL, GOOGLE, GOOGLE_OLD, HOSTS, addresses, host_of,
                   origin)


def converse(lab, address, limit=2.0):
    """Connects, reads, says EHLO, reads; returns what it came to."""
    try:
        with lab.net.inside("op"):
            sock = socket.create_connection((address, 25), limit)
    except socket.timeout:
        return "connect-timeout"
    except OSError as err:
        return "connect-" + errno.errorcode[err.errno]
    with sock:
        step = "greeting"
        try:
            check(sock.recv(100), "closed")
            step = "ehlo"
            sock.sendall(b"EHLO op.isp.example\r\n")
            check(sock.recv(1000), "closed")
            sock.sendall(b"QUIT\r\n")
        except socket.timeout:
            return step + "-timeout"
        except OSError as err:
            return "%s-%s" % (step, errno.errorcode[err.errno])
    return "ok"


def test_filter_blocks_as_it_says(lab):
    """Each kind of blocking looks to a client as it should."""
    address = HOSTS["mx.good.example"][0]
    expected = {
        "drop": ("connect-timeout",),
        "refuse": ("connect-ECONNREFUSED",),
        "unreachable": ("connect-EHOSTUNREACH",),
        "reset": ("greeting-ECONNRESET", "connect-ECONNRESET"),
        "reset-data": ("ehlo-ECONNRESET",),
        "silent": ("greeting-timeout",),
        "mute": ("ehlo-timeout",),
    }
    for mode, wanted in expected.items():
        lab.fw.block(mode, address)
        got = converse(lab, address)
        check(got in wanted, "%s: got %s" % (mode, got))
    lab.fw.reset()
    check(converse(lab, address, 60) == "ok", "open again")
    lab.fw.block("drop", HOSTS["d4.dual.example"][1])
    got = converse(lab, HOSTS["d4.dual.example"][1])
    check(got == "connect-timeout", "IPv6 drop: got " + got)
    got = converse(lab, HOSTS["d5.dual.example"][1], 60)
    check(got == "ok", "IPv6 open: got " + got)


def test_mail_flows_when_nothing_is_blocked(lab):
    """Mail goes to the best MX, directly, from the operator's address."""
    lab.op.start_postfix()
    to = lab.op.send_new("ihg.com")
    mail = lab.world.wait_mail(to)
    check(origin(mail) == "direct", "came from " + mail["client"])
    check(host_of(mail) == GOOGLE[0], "went to " + host_of(mail))
    lab.op.check_no_deferral(to)


def test_real_smtp_sink_takes_mail(lab):
    """An MX played by smtp-sink sees the operator's address."""
    lab.op.start_postfix()
    to = lab.op.send_new("realsink.example")
    lab.op.postfix.wait_status(to, "sent")
    mails = wait("smtp-sink's file", lambda: [
        m for m in lab.world.real_mails() if to in m[1]])
    check(mails[0][0] == OP4, "came from " + mails[0][0])


def test_local_mail_stays_in_the_lab(lab):
    """Local recipients end in the lab's Maildir, whatever they are called."""
    lab.op.start_postfix()
    for domain in ("isp.example", "filtered.example", "op.isp.example"):
        for user in ("root", "postmaster", "u1"):
            to = "%s@%s" % (user, domain)
            lab.op.send(to)
            lab.op.postfix.wait_status(to, "sent")
    check(len(lab.op.inbox()) == 9, "in the Maildir: %d" % len(lab.op.inbox()))


def test_blocked_domain_hangs(lab):
    """Mail to a domain whose MX all drop packets is not delivered."""
    lab.fw.block("drop", *addresses(*GOOGLE_OLD))
    lab.op.start_postfix({"smtp_connect_timeout": "1s"})
    to = lab.op.send_new("ihg.com")
    line = lab.op.postfix.wait_status(to, "deferred")
    check("timed out" in line["text"], line["text"])
    check(line["dsn"] == "4.4.1", line["dsn"])
    for host in GOOGLE_OLD:
        check("connect to %s[" % host in lab.op.postfix.log(),
              "did not try " + host)
    check(lab.op.postfix.queued().get(to) == "deferred", "not in the queue")
    check(not lab.world.mails(to), "was delivered")


def test_recommended_set_waits_for_each_dead_host(lab):
    """IPv4 alone: the fourth host is reached after three timeouts."""
    lab.fw.block("drop", *addresses(*GOOGLE[:3]))
    lab.op.start_postfix({"smtp_connect_timeout": "1s"})
    to = lab.op.send_new("recommended.example")
    mail = lab.world.wait_mail(to)
    check(host_of(mail) in GOOGLE[3:], "went to " + host_of(mail))
    for host in GOOGLE[:3]:
        check("connect to %s[" % host in lab.op.postfix.log(),
              "did not run into " + host)


def test_dual_stack_never_gets_to_the_fourth_host(lab):
    """IPv4 and IPv6 mixed: five addresses are tried, the live ones not."""
    lab.fw.block("drop", *addresses(*sorted(DUAL)[:3]))
    lab.op.start_postfix({"smtp_connect_timeout": "1s"})
    to = lab.op.send_new("dual.example")
    lab.op.postfix.wait_status(to, "deferred")
    for host in sorted(DUAL)[3:]:
        check(host not in lab.op.postfix.log(), "tried " + host)
    check(not lab.world.mails(to), "was delivered")


def test_static_map_delivers_by_the_relay(lab):
    """A hand-written transport map is the limit: relayed, no deferral."""
    lab.fw.block("drop", *addresses(*GOOGLE_OLD))
    lab.op.start_postfix({
        "transport_maps": "inline:{ { ihg.com = detour:%s } }" % RELAY1})
    to = lab.op.send_new("ihg.com")
    mail = lab.world.wait_mail(to)
    check(origin(mail) == "us1", "came from " + mail["client"])
    lab.op.postfix.wait_status(to, "sent")
    lab.op.check_no_deferral(to)
    check(lab.op.postfix.deliveries(to)[0]["instance"] == "/detour",
          "not by the transport %s" % DETOUR[0].split()[0])


def test_fallback_relay_pays_every_timeout(lab):
    """smtp_fallback_relay delivers, but runs into each dead host first."""
    lab.fw.block("drop", *addresses(*GOOGLE_OLD))
    lab.op.start_postfix({"smtp_connect_timeout": "1s",
                          "smtp_fallback_relay": RELAY1})
    to = lab.op.send_new("ihg.com")
    mail = lab.world.wait_mail(to)
    check(origin(mail) == "us1", "came from " + mail["client"])
    for host in GOOGLE_OLD:
        check("connect to %s[" % host in lab.op.postfix.log(),
              "did not run into " + host)


def test_relay_sees_nothing_of_the_filter(lab):
    """Both relays, on both ports, deliver to what is blocked for us."""
    lab.fw.block("drop", *addresses("mx.good.example"))
    routes = {}
    for relay in ("relay1", "relay2"):
        for port in (25, 587):
            to = lab.op.recipient("good.example")
            routes[to] = ("us1" if relay == "relay1" else "us2",
                          "[%s.example.net]:%d" % (relay, port))
    lab.op.start_postfix({"transport_maps": "inline:{ %s }" % " ".join(
        "{ %s = detour:%s }" % (to, hop) for to, (_, hop) in routes.items())})
    for to, (relay, hop) in routes.items():
        lab.op.send(to)
        mail = lab.world.wait_mail(to)
        check(origin(mail) == relay, "%s: came from %s" % (
            hop, mail["client"]))
