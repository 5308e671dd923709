# SPDX-License-Identifier: MIT
"""A real Sendmail, wired by the lines of docs/sendmail.md as they stand there.

Its queue runs when a scenario says so, so that what waits for a queue run can
be told from what was tried and put off.
"""

import re
import select
import threading

from mailhost import config_text
from scenarios_relays import NO_MAIL_FROM, NO_RCPT
from sendmail import Sendmail, documented
from util import LIMIT, check, wait
from world import (GOOGLE, GOOGLE_OLD, STRANGERS, addresses, host_of, origin)

DEAD_2015 = GOOGLE[:3] + GOOGLE_OLD[3:]
SENDER = "sender@isp.example"
ROUTES = ("mailertable", "mailer")


def start(lab, conf=None, blocks=ROUTES, held=False, options=(),
          table=""):
    """mxdetourd with the document's relays, and a Sendmail with its blocks."""
    lab.sendmail = Sendmail(lab.net, lab.keep)
    lab.later(lab.sendmail.close)
    daemon = lab.op.daemon
    daemon.configure(conf or {})
    settings = dict(daemon.settings)
    del settings["relays"]
    daemon.write(config_text(settings) + documented("relays"))
    if held:
        daemon.hold_sockets()
    daemon.start()
    if "milter" in blocks:
        lab.op.milter.start()
    lab.sendmail.configure(*blocks)
    if table:
        lab.sendmail.write_table(table)
    lab.sendmail.start(*options)
    return lab.sendmail


def stats(sendmail, to):
    """How its deliveries went: ["queued", "Sent"]."""
    return [d["stat"].split()[0].rstrip(":") for d in sendmail.deliveries(to)]


def relayed(lab, to, relay="us1"):
    """A message went by the relay, by the document's mailer."""
    line = lab.sendmail.wait_delivery(to, "Sent")
    check(line["mailer"] == "detour", "%s by %s" % (to, line["mailer"]))
    mail = lab.world.wait_mail(to)
    check(origin(mail) == relay, "%s came from %s" % (to, mail["client"]))
    check("Deferred" not in stats(lab.sendmail, to), "%s was deferred" % to)


def direct(lab, to, *hosts):
    """A message went directly to one of the hosts, at the first try."""
    mail = lab.world.wait_mail(to)
    check(origin(mail) == "direct", "%s came from %s" % (to, mail["client"]))
    check(host_of(mail) in hosts, "%s went to %s" % (to, host_of(mail)))
    line = lab.sendmail.wait_delivery(to, "Sent")
    check(line["mailer"] == "esmtp", "%s by %s" % (to, line["mailer"]))
    check("Deferred" not in stats(lab.sendmail, to), "%s was deferred" % to)


def local(lab, to):
    """A message was delivered here."""
    line = lab.sendmail.wait_delivery(to, "Sent")
    check(line["mailer"] == "local", "%s by %s" % (to, line["mailer"]))


def no_bounce(lab):
    """Nothing came back to the sender."""
    check("MAILER-DAEMON" not in lab.sendmail.inbox(), lab.sendmail.inbox())


def test_blocked_domain_by_the_relays_port(lab):
    """Blocked: by the mailer `detour` to port 587; SMTP and sendmail -t."""
    lab.fw.block("drop", *addresses(*GOOGLE_OLD))
    sendmail = start(lab)
    lab.op.wait_route("ihg.com", route="relay")
    sent = [lab.op.send_new("ihg.com"), lab.op.recipient("ihg.com")]
    sendmail.submit(sent[1])
    for to in sent:
        relayed(lab, to)
        # "Sent (Ok: queued as QID)" is the relay's name of the message.
        name = sendmail.deliveries(to)[-1]["stat"].rstrip(")").split()[-1]
        check(re.search(r"postfix/submission/smtpd\[\d+\]: %s: client=" % name,
                        lab.world.relays["us1"].log()),
              "not by the relay's port 587")
    check(sendmail.ask("ihg.com") == "detour:[relay1.example.net]",
          repr(sendmail.ask("ihg.com")))
    check(sendmail.ask("isp.example") is None, "an answer for ourselves")


def test_partly_blocked_domain_is_steered(lab):
    """September 2015: recommended set to alt3 and alt4, others relayed."""
    lab.fw.block("drop", *addresses(*DEAD_2015))
    sendmail = start(lab)
    lab.op.wait_route("recommended.example", route="steer", mx="2/5")
    lab.op.wait_route("ihg.com", route="relay")
    answer = sendmail.ask("recommended.example")
    check(answer in ("esmtp:[%s]:[%s]" % (GOOGLE[3], GOOGLE[4]),
                     "esmtp:[%s]:[%s]" % (GOOGLE[4], GOOGLE[3])),
          repr(answer))
    direct(lab, lab.op.send_new("recommended.example"), *GOOGLE[3:])
    relayed(lab, lab.op.send_new("ihg.com"))
    # The second host that is named is tried when the first one fails.
    first = answer.split(":")[1].strip("[]")
    lab.world.set_modes(**{first.replace(".", "_"): "unwilling"})
    direct(lab, lab.op.send_new("recommended.example"),
           *[h for h in GOOGLE[3:] if h != first])


def test_mx_that_are_addresses(lab):
    """Taken as they stand; steered to by their literals, IPv6 beside IPv4."""
    sendmail = start(lab)
    lab.op.wait_route("literal.example", route="direct", mx="3/3")
    direct(lab, lab.op.send_new("literal.example"), "mx.twoaddr.example")
    lab.fw.block("drop", "198.18.8.1")
    lab.op.wait_route("literal.example", route="steer", mx="2/3")
    answer = sendmail.ask("literal.example")
    check(answer == "esmtp:[IPv6:2001:db8:100::1]:[198.18.2.1]", repr(answer))
    direct(lab, lab.op.send_new("literal.example"), "d1.dual.example")
    # The second one, behind the colons of the first.
    lab.world.set_modes(d1_dual_example="unwilling")
    direct(lab, lab.op.send_new("literal.example"), "mx.lonely.example")


def test_three_ways_in_one_message(lab):
    """Each recipient of one message takes the way of its own domain."""
    lab.fw.block("drop", *addresses(*DEAD_2015))
    start(lab)
    lab.op.wait_route("recommended.example", route="steer", mx="2/5")
    lab.op.wait_route("ihg.com", route="relay")
    abroad, steered, open_, ours = [lab.op.recipient(d) for d in (
        "ihg.com", "recommended.example", "good.example", "isp.example")]
    lab.op.send(abroad, steered, open_, ours)
    relayed(lab, abroad)
    direct(lab, steered, *GOOGLE[3:])
    direct(lab, open_, "mx.good.example")
    local(lab, ours)


def test_block_and_return(lab):
    """All relayed; alt3 returns: steer; all return: direct."""
    lab.fw.block("drop", *addresses(*GOOGLE))
    sendmail = start(lab)
    domain = "recommended.example"
    lab.op.wait_route(domain, route="relay")
    relayed(lab, lab.op.send_new(domain))
    lab.fw.allow(*addresses(GOOGLE[3]))
    lab.op.wait_route(domain, route="steer", mx="1/5")
    direct(lab, lab.op.send_new(domain), GOOGLE[3])
    lab.fw.allow(*addresses(*GOOGLE))
    lab.op.wait_route(domain, route="direct", reason="all-reachable")
    direct(lab, lab.op.send_new(domain), GOOGLE[0])
    check(sendmail.ask(domain) is None, repr(sendmail.ask(domain)))


def test_relays_down_one_after_the_other(lab):
    """Relay down: the next; all down: the mail waits; back: delivered."""
    lab.fw.block("drop", *addresses(*GOOGLE_OLD))
    sendmail = start(lab)
    lab.op.wait_route("ihg.com", route="relay", via="us1")
    relayed(lab, lab.op.send_new("ihg.com"))
    lab.fw.block("drop", *addresses("relay1.example.net"))
    lab.op.wait_route("ihg.com", route="relay", via="us2")
    relayed(lab, lab.op.send_new("ihg.com"), "us2")

    lab.fw.block("drop", *addresses("relay2.example.net"))
    lab.op.wait_route("ihg.com", route="hold", reason="no-relay")
    to = lab.op.send_new("ihg.com")
    sendmail.wait_delivery(to, "Deferred")
    sendmail.run_queue()
    check(sendmail.is_queued(to), "not in the queue")
    no_bounce(lab)

    lab.fw.allow(*addresses("relay1.example.net"))
    lab.op.wait_route("ihg.com", route="relay", via="us1")
    sendmail.run_queue()
    check(origin(lab.world.wait_mail(to)) == "us1", "not by us1")
    check(not sendmail.is_queued(to), "still in the queue")
    no_bounce(lab)


def test_relays_refusal_bounces(lab):
    """A relay's 5xx at MAIL or RCPT is the end of the mail: no second relay."""
    lab.fw.block("drop", *addresses(*GOOGLE_OLD))
    sendmail = start(lab)
    lab.op.wait_route("ihg.com", route="relay", via="us1")
    for n, (refusal, text) in enumerate(((NO_RCPT, "554 5.7.1"),
                                         (NO_MAIL_FROM, "530 5.7.0"))):
        lab.world.set_relay("us1", **refusal)
        to = lab.op.send_new("ihg.com")
        wait("a bounce", lambda: sendmail.inbox().count(
            "Subject: Returned mail") == n + 1)
        check(text in sendmail.inbox(), sendmail.inbox())
        check(re.search(r"to=<%s>,.* mailer=detour,.* dsn=5\.7\.[01]," % to,
                        sendmail.log()), sendmail.log())
        check("Sent" not in stats(sendmail, to), stats(sendmail, to))
        check(not sendmail.is_queued(to), "still in the queue")
        check(not lab.world.mails(to), "was delivered")


def test_hold_answer_retry(lab):
    """hold_answer = "retry": 451, queued mail stays, senders get 451 too."""
    lab.fw.block("drop", *addresses(*GOOGLE_OLD))
    sendmail = start(lab, {"hold_answer": "retry"})
    lab.op.wait_route("ihg.com", route="relay")
    lab.fw.block("drop", *addresses("relay1.example.net",
                                    "relay2.example.net"))
    queued = lab.op.send_new("ihg.com")
    sendmail.wait_delivery(queued, "Deferred")
    lab.op.wait_route("ihg.com", route="hold", reason="no-relay")
    check(sendmail.ask("ihg.com").startswith("error:4.4.1:451 "),
          repr(sendmail.ask("ihg.com")))
    with lab.op.smtp() as session:
        session.ehlo()
        session.mail(SENDER)
        code, text = session.rcpt("u@ihg.com")
        check(code == 451 and text.startswith(b"4.4.1 "), "%d %s" % (
            code, text))
        session.rset()
        # Sendmail asks its mailertable about senders as well.
        code, text = session.mail("u@ihg.com")
        check(code == 451 and text.startswith(b"4.4.1 "), "%d %s" % (
            code, text))
    submitted = lab.op.recipient("ihg.com")
    sendmail.submit(submitted)
    sendmail.run_queue()
    check(sendmail.is_queued(queued), "not in the queue")
    check(submitted in sendmail.tool("-bp", cf="submit.cf")[1],
          "not in the queue of sendmail(1)")
    no_bounce(lab)
    lab.fw.allow(*addresses("relay1.example.net"))
    lab.op.wait_route("ihg.com", route="relay", via="us1")
    sendmail.run_queue()
    lab.world.wait_mail(queued)
    sendmail.run_queue("submit.cf")
    lab.world.wait_mail(submitted)


def test_daemon_gone(lab):
    """Daemon dead: accepted and queued, local mail flows, nothing bounces."""
    lab.fw.block("drop", *addresses(*GOOGLE_OLD))
    sendmail = start(lab)
    lab.op.wait_route("ihg.com", route="relay")
    lab.op.daemon.terminate()
    ours = lab.op.send_new("isp.example")
    local(lab, ours)
    # From somewhere else, too: Sendmail asks about the sender, but says 250.
    lab.op.send(ours, sender="who@good.example")
    waiting = [lab.op.send_new(d) for d in ("ihg.com", "good.example")]
    submitted = lab.op.recipient("good.example")
    sendmail.submit(submitted)
    waiting.append(submitted)
    sendmail.run_queue()
    for to in waiting:
        check(sendmail.is_queued(to), to + " is not in the queue")
        check("Sent" not in stats(sendmail, to), to + " was sent")
    check("mailertable map: lookup" in sendmail.mailq(), sendmail.mailq())
    no_bounce(lab)
    lab.op.daemon.start()
    lab.op.wait_route("ihg.com", route="relay")
    sendmail.run_queue()
    relayed(lab, waiting[0])
    for to in waiting[1:]:
        direct(lab, to, "mx.good.example")
    no_bounce(lab)


def test_daemon_restarted_within_a_session(lab):
    """Restarted: one recipient of the session is queued, the next is not."""
    sendmail = start(lab, held=True)
    lab.op.wait_route("good.example", reason="all-reachable")
    to = [lab.op.recipient("good.example") for _ in range(3)]
    with lab.op.smtp() as session:
        session.ehlo()
        session.mail(SENDER)
        replies = [session.rcpt(to[0])]
        lab.op.daemon.terminate()
        lab.op.daemon.start()
        replies += [session.rcpt(r) for r in to[1:]]
        session.data(b"Subject: lab\r\n\r\nHello.\r\n")
    check([c for c, _ in replies] == [250] * 3, repr(replies))
    check([t.endswith(b"(will queue)") for _, t in replies] == [
        False, True, False], repr(replies))
    sendmail.wait_delivery(to[0], "Sent")
    sendmail.wait_delivery(to[2], "Sent")
    sendmail.run_queue()
    lab.world.wait_mail(to[1])


def test_supervised_restarts(lab):
    """A lookup between two daemons waits in the socket; nothing is queued."""
    start(lab, held=True)
    lab.op.wait_route("good.example", reason="all-reachable")
    for _ in range(5):
        lab.op.daemon.terminate()
        before = lab.op.recipient("good.example")
        sender = threading.Thread(target=lab.op.send, args=(before,))
        sender.start()
        # The lookup waits in the held socket until the next daemon answers.
        select.select(lab.op.daemon.held[:1], [], [], LIMIT)
        lab.op.daemon.start()
        sender.join()
        direct(lab, before, "mx.good.example")


def test_local_domains_never_meet_us(lab):
    """Class w is looked up first: local, though all is to be relayed."""
    lab.fw.block("drop", *addresses("mxb.elsewhere.example"))
    # mxdetourd is not told which domains are local.
    sendmail = start(lab, {"self": {"local_domains": []}, "rules": [
        {"name": "all", "domain": ["*"], "route": "relay"}]})
    for domain in ("filtered.example", "good.example"):
        lab.op.wait_route(domain, route="relay", reason="rule:all")
    for domain in ("isp.example", "filtered.example"):
        local(lab, lab.op.send_new(domain))
        check(not lab.op.daemon.lines("lookup", domain=domain,
                                      map="mailertable"),
              "asked about " + domain)
    # Backup MX for it: not in class w, but our name is in its MX set.
    lab.op.wait_route("hosted.example", route="direct", reason="self")
    to = lab.op.send_new("hosted.example")
    sendmail.wait_delivery(to, "Deferred")
    check(sendmail.ask("hosted.example") is None, "rerouted")
    relayed(lab, lab.op.send_new("good.example"))


def test_first_message_with_the_filter_alone(lab):
    """Never seen and blocked: put off once, the next queue run relays it."""
    lab.fw.block("drop", *addresses(*GOOGLE_OLD))
    sendmail = start(lab, blocks=ROUTES + ("milter",))
    # Sendmail resolves a recipient before it asks its filters.
    to = lab.op.send_new("ihg.com")
    check(lab.op.route("ihg.com")["route"] == "relay",
          "the filter did not wait")
    sendmail.wait_delivery(to, "Deferred")
    sendmail.run_queue()
    line = sendmail.wait_delivery(to, "Sent")
    check(line["mailer"] == "detour", "by " + line["mailer"])
    # The second message finds the route, by sendmail(1) too.
    other = lab.op.recipient("ihg.com")
    sendmail.submit(other)
    relayed(lab, other)


def test_first_message_ever_is_relayed(lab):
    """Filter and `learn`: unseen blocked domains without one deferral."""
    lab.fw.block("drop", *addresses(*GOOGLE))
    sendmail = start(lab, blocks=ROUTES + ("milter", "learn"))
    sent = [lab.op.send_new(domain) for domain in STRANGERS]
    submitted = lab.op.recipient("recommended.example")
    sendmail.submit(submitted)
    sent.append(submitted)
    for to in sent:
        sendmail.wait_delivery(to, "queued")
    sendmail.run_queue()
    for to in sent:
        relayed(lab, to)
        check(stats(sendmail, to) == ["queued", "Sent"],
              repr(sendmail.deliveries(to)))
        domain = to.split("@")[1]
        check(" to=%s route=relay via=us1 " % domain in lab.op.milter.log(),
              "no mail line of " + domain)
    out = sendmail.tool("-bt", stdin="/map route %s\n" % STRANGERS[0])[1]
    check("returns domain=%s route=relay via=us1 " % STRANGERS[0] in out, out)
    # What is known waits for no queue run, nor does local mail.
    relayed(lab, lab.op.send_new(STRANGERS[0]))
    lab.op.wait_route("good.example", reason="all-reachable")
    direct(lab, lab.op.send_new("good.example"), "mx.good.example")
    local(lab, lab.op.send_new("isp.example"))


def test_persistent_queue_runner(lab):
    """With -qp1s what waited to be learnt leaves by itself, by the relay."""
    lab.fw.block("drop", *addresses(*GOOGLE_OLD))
    start(lab, blocks=ROUTES + ("milter", "learn"), options=("-qp1s",))
    for domain in ("ihg.com", "second.example"):
        relayed(lab, lab.op.send_new(domain))


def test_own_mailertable_comes_first(lab):
    """The block `own`: the admin's entries win, the rest asks mxdetourd."""
    lab.fw.block("drop", *addresses(*GOOGLE_OLD))
    sendmail = start(lab, blocks=ROUTES + ("own", "learn"), table=(
        "ihg.com\tesmtp:[mx.lonely.example]\nisp.example\tesmtp:[nowhere]\n"))
    for domain in ("ihg.com", "second.example"):
        lab.op.wait_route(domain, route="relay")
    direct(lab, lab.op.send_new("ihg.com"), "mx.lonely.example")
    relayed(lab, lab.op.send_new("second.example"))
    local(lab, lab.op.send_new("isp.example"))
    to = lab.op.send_new("good.example")
    sendmail.wait_delivery(to, "queued")
    lab.op.wait_route("good.example", reason="all-reachable")
    sendmail.run_queue()
    direct(lab, to, "mx.good.example")


def test_learning_without_the_filter(lab):
    """`learn` alone: two lookups a recipient make the daemon look."""
    lab.fw.block("drop", *addresses(*GOOGLE_OLD))
    sendmail = start(lab, blocks=ROUTES + ("learn",))
    to = lab.op.send_new("ihg.com")
    sendmail.wait_delivery(to, "queued")
    lab.op.daemon.wait_line("transition", new="relay")
    sendmail.run_queue()
    relayed(lab, to)
    lab.op.daemon.terminate()
    waiting = lab.op.send_new("good.example")
    local(lab, lab.op.send_new("isp.example"))
    sendmail.run_queue()
    check(sendmail.is_queued(waiting), "not in the queue")
    lab.op.daemon.start()
    sendmail.run_queue()
    lab.world.wait_mail(waiting)
    no_bounce(lab)


def test_filter_defers_on_hold(lab):
    """milter.on_hold = "defer": recipients are put off, senders are not."""
    lab.fw.block("drop", *addresses(*GOOGLE_OLD))
    lab.fw.block("drop", *addresses("relay1.example.net",
                                    "relay2.example.net"))
    start(lab, {"milter": {"on_hold": "defer"}}, blocks=ROUTES + ("milter",))
    lab.op.wait_route("ihg.com", route="hold", reason="no-relay")
    with lab.op.smtp() as session:
        session.ehlo()
        code, text = session.mail("who@ihg.com")
        check(code == 250, "%d %s" % (code, text))
        code, text = session.rcpt("u@ihg.com")
        check(code == 451 and text.startswith(b"4.4.1"), "%d %s" % (
            code, text))
        code, text = session.rcpt("u@good.example")
        check(code == 250, "%d %s" % (code, text))


def test_filter_gone(lab):
    """Filter dead, or the daemon behind it: mail passes; back: it learns."""
    sendmail = start(lab, blocks=ROUTES + ("milter",))
    lab.op.wait_route("good.example", reason="all-reachable")
    lab.op.milter.terminate()
    direct(lab, lab.op.send_new("good.example"), "mx.good.example")
    check("Milter (mxdetour): error connecting to filter" in sendmail.log(),
          "Sendmail did not notice")
    lab.op.milter.start()
    # Restarted within a session: that goes on without it.
    to = [lab.op.recipient("good.example") for _ in range(2)]
    with lab.op.smtp() as session:
        session.ehlo()
        session.mail(SENDER)
        replies = [session.rcpt(to[0])]
        lab.op.milter.terminate()
        lab.op.milter.start()
        replies += [session.rcpt(to[1]),
                    session.data(b"Subject: lab\r\n\r\nHello.\r\n")]
    check([c for c, _ in replies] == [250] * 3, repr(replies))
    for recipient in to:
        direct(lab, recipient, "mx.good.example")
    direct(lab, lab.op.send_new("good.example"), "mx.good.example")
    check(" to=good.example route=direct " in lab.op.milter.log(),
          "no mail line")
    lab.op.daemon.terminate()
    local(lab, lab.op.send_new("isp.example"))
    to = lab.op.send_new("good.example")
    check(sendmail.is_queued(to), "not in the queue")
    check(lab.op.milter.log().count("new=away") == 1, lab.op.milter.log())
    lab.op.daemon.start()
    sendmail.run_queue()
    direct(lab, to, "mx.good.example")
    no_bounce(lab)

    def asked_again():
        lab.op.send_new("lonely.example")
        return " to=lonely.example " in lab.op.milter.log()

    wait("the filter to ask again", asked_again, pause=1.0)
