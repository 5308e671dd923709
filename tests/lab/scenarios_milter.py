# SPDX-License-Identifier: MIT
"""mxdetour-milter and a real Postfix, without the policy service."""

import re
import signal
import smtplib
import time

from scenarios_routes import DEAD_2015, direct, relayed
from util import check, spawn, wait
from world import GOOGLE, GOOGLE_OLD, STRANGERS, addresses

FAST = {"milter": {"wait": "1s"}}
AWAY = re.compile(r"daemon address=\S+ old=up new=away error=")
BACK = re.compile(r"daemon address=\S+ old=away new=up ")


def start(lab, conf=None, **keys):
    """The milter alone: nothing but it waits for routes."""
    lab.op.start(conf, policy=False, milter=True, **keys)


def queue_id(lab, recipient):
    """Postfix's name for the message of a recipient."""
    return wait("a delivery of " + recipient,
                lambda: lab.op.postfix.deliveries(recipient))[0]["qid"]


def test_fifty_unseen_domains(lab):
    """Fifty blocked domains never seen before: relayed, not one deferral."""
    lab.fw.block("drop", *addresses(*GOOGLE))
    start(lab)
    sent = [lab.op.send_new(domain) for domain in STRANGERS]
    for to in sent:
        relayed(lab, to)
    lab.op.check_never_tried(*GOOGLE)


def test_three_ways_and_their_lines(lab):
    """One message, three ways; a line for each with Postfix's queue id."""
    lab.fw.block("drop", *addresses(*DEAD_2015))
    start(lab)
    abroad, steered, open_ = [lab.op.recipient(d) for d in (
        "ihg.com", "recommended.example", "good.example")]
    lab.op.send(abroad, steered, open_)
    relayed(lab, abroad)
    direct(lab, steered, *GOOGLE[3:])
    direct(lab, open_, "mx.good.example")
    qid = queue_id(lab, abroad)
    for domain, route, via, reason in (
            ("ihg.com", "relay", "us1", "none-reachable"),
            ("recommended.example", "steer", "-", "some-reachable"),
            ("good.example", "direct", "-", "all-reachable")):
        lines = lab.op.milter.lines("mail", qid=qid, to=domain)
        check(len(lines) == 1, "%s: %r" % (domain, lines))
        check(lines[0] == {"qid": qid, "from": "isp.example", "to": domain,
                           "route": route, "via": via, "reason": reason},
              repr(lines[0]))
    check(len(lab.op.milter.lines("mail")) == 3, lab.op.milter.log())


def test_sendmail_command_is_learnt(lab):
    """Mail by sendmail(1) meets non_smtpd_milters: relayed at once."""
    lab.fw.block("drop", *addresses(*GOOGLE))
    start(lab)
    to = [lab.op.recipient(domain) for domain in STRANGERS[:5]]
    for recipient in to:
        lab.op.sendmail(recipient)
    for recipient in to:
        relayed(lab, recipient)
        lab.op.milter.wait_line("mail", qid=queue_id(lab, recipient),
                                to=recipient.partition("@")[2], route="relay")
    lab.op.check_never_tried(*GOOGLE)


def test_daemon_dead_or_stopped(lab):
    """Mail passes, the log says so once, and it is asked again by itself."""
    # Postfix's own lookups would wait for the daemon: no transport map.
    start(lab, FAST, wiring=None)
    direct(lab, lab.op.send_new("good.example"), "mx.good.example")
    lab.op.daemon.kill()
    for _ in range(5):
        direct(lab, lab.op.send_new("good.example"), "mx.good.example")
    lab.op.daemon.start()
    until_asked(lab)
    lab.op.daemon.signal(signal.SIGSTOP)
    try:
        for _ in range(5):
            direct(lab, lab.op.send_new("good.example"), "mx.good.example")
    finally:
        lab.op.daemon.signal(signal.SIGCONT)
    until_asked(lab)
    log = lab.op.milter.log()
    check(len(AWAY.findall(log)) == 2 and len(BACK.findall(log)) == 2, log)
    check("milter" not in "\n".join(
        line for line in lab.op.postfix.log().splitlines()
        if "warning:" in line), "Postfix is not content with the milter")


def until_asked(lab):
    """Sends mail until it has a line, so that the daemon was asked."""
    def asked():
        to = lab.op.send_new("good.example")
        lab.world.wait_mail(to)
        return lab.op.milter.lines("mail", qid=queue_id(lab, to))
    wait("the milter to ask the daemon", asked, pause=0.5)


def test_milter_killed_under_load(lab):
    """Killed and started again under load: all that came in goes out."""
    batch, count, kills = 200, 0, 0
    start(lab)
    while kills < 2:
        source = spawn(lab.net.argv("op", [
            "smtp-source", "-s", "10", "-m", str(batch), "-f",
            "sender@isp.example", "-t", "load@good.example",
            "127.0.0.1:25"]))
        while source.poll() is None:
            seen = len(lab.world.mails("load@good.example"))
            wait("some mail to pass", lambda: source.poll() is not None or
                 len(lab.world.mails("load@good.example")) >= seen + 20)
            kills += source.poll() is None  # in the middle of it
            lab.op.milter.kill()
            time.sleep(0.2)
            lab.op.milter.start()
        check(source.returncode == 0, "smtp-source: %d" % source.returncode)
        count += batch
    wait("%d messages" % count,
         lambda: len(lab.world.mails("load@good.example")) >= count)
    wait("the queue to be empty", lambda: not lab.op.postfix.queued())
    check(len(lab.world.mails("load@good.example")) == count,
          "more came out than went in")
    check("NOQUEUE: milter-reject" not in lab.op.postfix.log()
          and "status=deferred" not in lab.op.postfix.log(),
          "mail was refused or deferred")


BODY = ("Hello,\r\n\r\n.\r\n..two\r\nFrom here on \u7528\u6237\r\n"
        "X-MX-Route: in the body\r\n\ttab and trailing blank \r\n" +
        "long " * 190 + "\r\n\r\n").encode()
FORGED = (b"Received: from a.test\r\nX-MX-Route: route=direct\r\n"
          b"Subject: lab\r\nx-mx-route: route=direct\r\n\tvia=nobody\r\n"
          b"X-MX-Route-Kept: yes\r\nX-Mx-ROUTE:\r\n\r\n")


def send_forged(lab, domain):
    """A message with forged headers; what its MX got: (header, body)."""
    to = lab.op.recipient(domain)
    with lab.op.smtp() as session:
        session.sendmail("s@isp.example", [to], FORGED + BODY,
                         mail_options=["BODY=8BITMIME"])
    text = lab.world.wait_mail(to)["body"]
    header, _, body = text.partition("\n\n")
    return header, body


def test_header_as_the_mx_sees_it(lab):
    """Ours added, forged ones gone, the body the same byte for byte."""
    # smtplib doubles leading dots, and the sink does not take them away.
    wanted = re.sub("^\\.", "..", BODY.decode().replace("\r\n", "\n"),
                    flags=re.M)[:-1]
    start(lab, {"milter": {"header": True}})
    header, body = send_forged(lab, "good.example")
    found = re.findall(r"^x-mx-route: *(.*)$", header, re.M | re.I)
    check(found == ["route=direct via=- reason=all-reachable"], header)
    check("X-MX-Route-Kept: yes" in header and "via=nobody" not in header,
          header)
    check(body == wanted, "the body was %r" % body)


def test_nothing_is_changed_without_header(lab):
    """milter.header = false: not even a forged header is touched."""
    start(lab)
    header, _ = send_forged(lab, "good.example")
    found = re.findall(r"^(x-mx-route: *.*|\tvia=.*)$", header, re.M | re.I)
    check(found == ["X-MX-Route: route=direct", "x-mx-route: route=direct",
                    "\tvia=nobody", "X-Mx-ROUTE:"], header)


def test_on_hold_defer(lab):
    """451 4.4.1 at RCPT, and the other recipient is taken."""
    lab.fw.block("drop", *addresses(*GOOGLE_OLD))
    lab.op.start({"relays": [], "milter": {"on_hold": "defer"}},
                 policy=False, milter=True)
    held, open_ = lab.op.recipient("ihg.com"), lab.op.recipient("good.example")
    with lab.op.smtp() as session:
        session.ehlo()
        session.mail("s@isp.example")
        code, text = session.rcpt(held)
        check(code == 451 and text.startswith(b"4.4.1 "),
              "%d %r" % (code, text))
        code, text = session.rcpt(open_)
        check(code == 250, "%d %r" % (code, text))
        session.data("Subject: lab\r\n\r\nHello.\r\n")
    direct(lab, open_, "mx.good.example")
    try:
        lab.op.send(held)
        check(False, "a message to it alone was taken")
    except smtplib.SMTPRecipientsRefused as refused:
        check(refused.recipients[held][0] == 451, repr(refused))


def test_on_hold_defer_and_sendmail_command(lab):
    """Postfix keeps mail by sendmail(1) in its maildrop, and tries again."""
    lab.fw.block("drop", *addresses(*GOOGLE_OLD))
    lab.op.start({"relays": [], "milter": {"on_hold": "defer"}},
                 policy=False, milter=True)
    to = lab.op.recipient("ihg.com")
    lab.op.sendmail(to)
    wait("Postfix to put it off", lambda: "message not accepted, try again "
         "later" in lab.op.postfix.log())
    check(lab.op.postfix.queued() == {to: "maildrop"},
          repr(lab.op.postfix.queued()))
    lab.fw.reset()
    lab.op.wait_route("ihg.com", route="direct")

    def arrived():
        # pickup(8) looks once a minute, or when something is put in.
        lab.op.sendmail(lab.op.recipient("good.example"))
        return lab.world.mails(to)
    wait("the mail to arrive", arrived, pause=1)
