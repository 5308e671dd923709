# SPDX-License-Identifier: MIT
"""What becomes of a message: refusals, headers, lines; never anything else."""
import fakedns
import fakesmtp
import session
from harness import check, eventually, long, same
from session import CONTINUE
from stage import (DIRECT_LINE, HOLD_LINE, RELAY_LINE, FakeDaemon, MilterWorld,
                   qid_line)

DEFERRED = "451 4.4.1 mail to this domain is held for now"
REJECTED = ("550 5.7.1 this sender may not use the relay that this domain "
            "needs")
ADDED = (b"h", session.zero("X-MX-Route", RELAY_LINE))


def verdicts(w, recipient="<u@relay.test>", sender="<s@example.test>",
             user=None, client="192.0.2.10"):
    """The verdict on one recipient of a new connection."""
    mta = w.session(client=client)
    mta.mail(sender, user)
    return mta.rcpt(recipient)


def test_on_hold_defer():
    with MilterWorld({"milter": {"on_hold": "defer"}}) as w:
        mta = w.session()
        mta.mail()
        same(mta.rcpt("<u@hold.test>"), DEFERRED)
        same(mta.rcpt("<u@direct.test>"), CONTINUE)
        same(mta.rcpt("<u@hold.test>"), DEFERRED)
        mta.content()
        same(mta.end("Q"), [])
        w.milter.expect_mail(
            qid_line("Q", "example.test", "direct.test", DIRECT_LINE))


def test_on_hold_accept():
    with MilterWorld() as w:
        same(w.session().message("<u@hold.test>", qid="Q"), [])
        w.milter.expect_mail(
            qid_line("Q", "example.test", "hold.test", HOLD_LINE))


def test_a_wait_in_vain_has_its_lines():
    """Held up, and still not known: the milter's line and the daemon's."""
    with MilterWorld({"milter": {"wait": "600ms"},
                      "dns": {"timeout": "60s"}}) as w:
        w.dns.set("silent.test", "MX", fakedns.SILENT)
        same(w.session().message("<u@silent.test>", qid="Q"), [])
        w.milter.expect_mail(qid_line(
            "Q", "example.test", "silent.test",
            "route=direct via=- reason=unknown-yet"))
        line = w.daemon.wait_log(r"\blookup domain=silent\.test route=direct "
                                 r".*reason=unknown-yet .*waited=(\d+)ms$")
        check(int(line.group(1)) >= 500, line.group(0))


def test_policy_on_hold_defer_holds_for_the_milter():
    with MilterWorld({"policy": {"on_hold": "defer"}}) as w:
        same(verdicts(w, "<u@hold.test>"), DEFERRED + ": by a rule")


def test_senders_who_may_relay():
    """by domain, by login, by network; the others are refused."""
    policy = {"senders": [{"match": "domain:isp.example"},
                          {"match": "sasl:joe"},
                          {"match": "net:192.0.2.64/26"},
                          {"match": "net:2001:db8:7::/48"}],
              "on_sender_refused": "reject"}
    with MilterWorld({"policy": policy}) as w:
        for good in ({"sender": "<s@isp.example>"},
                     {"sender": "<s@ISP.example.>"},
                     {"user": "joe"},
                     {"client": "192.0.2.65"},
                     {"client": "2001:db8:7::1"}):
            same(verdicts(w, **good), CONTINUE, good)
        for bad in ({}, {"sender": "<>"}, {"user": "jo"},
                    {"sender": "<s@isp.example.test>"},
                    {"client": "192.0.2.63"}, {"client": None},
                    {"user": "x\nsasl_username=joe"},
                    {"sender": "<\"\nclient_address=192.0.2.65\"@x.test>"}):
            same(verdicts(w, **bad), REJECTED, bad)
            same(verdicts(w, "<u@direct.test>", **bad), CONTINUE, bad)
        # A login is of its session's messages, not of the next one's.
        mta = w.session()
        mta.mail(user="joe")
        same(mta.rcpt("<u@relay.test>"), CONTINUE)
        mta.abort()
        mta.mail()
        same(mta.rcpt("<u@relay.test>"), REJECTED)


DEFERRED_SENDER = REJECTED.replace("550 5", "451 4")


def test_recipients_as_the_mta_rewrites_them():
    """Judged is where the mail goes, by the MTA's word or by its defaults."""
    policy = {"senders": [{"match": "sasl:joe"}],
              "on_sender_refused": "reject"}
    ours = {"local_domains": ["us.test"]}
    with MilterWorld({"policy": policy, "self": ours}) as w:
        mta = w.session()
        mta.mail()
        for typed, address, mailer, wanted in (
                # Nothing said: by the defaults.
                ("<u%relay.test>", None, None, REJECTED),
                ("<relay.test!u>", None, None, REJECTED),
                ("<u%relay.test@us.test>", None, None, REJECTED),
                ('<"u@relay.test"@us.test>', None, None, REJECTED),
                ("<bounce-u%relay.test@direct.test>", None, None, CONTINUE),
                ('<"u@relay.test"@direct.test>', None, None, CONTINUE),
                ("<u@ relay.test >", None, None, REJECTED),
                # Nested: deferred at most.
                ("<u%a.test%relay.test>", None, None, DEFERRED_SENDER),
                ("<relay.test!a.test!u@us.test>", None, None,
                 DEFERRED_SENDER),
                # The MTA's word, also where its settings are others.
                ("<u%relay.test@us.test>", "u@relay.test", "smtp", REJECTED),
                ("<u%relay.test@us.test>", "u%relay.test@us.test", "local",
                 CONTINUE),
                ("<u%a.test%relay.test>", "u%a.test@relay.test", "smtp",
                 REJECTED),
                ("<u@direct.test>", "u@relay.test", "smtp", REJECTED),
                ("<u@relay.test>", "u", "local", CONTINUE),
                # sendmail(1) under Postfix: not rewritten yet.
                ("<u%relay.test@us.test>", "u%relay.test@us.test", None,
                 REJECTED),
                # Folded beyond ASCII.
                ("<\u00fc%relay.test@us.test>", "u@direct.test", "smtp",
                 REJECTED),
                # No attribute of somebody else's making.
                ("<u@relay.test>", "u\nrewritten=u@direct.test", "smtp",
                 REJECTED)):
            same(mta.rcpt(typed, address, mailer), wanted, (typed, address))


def test_lines_name_the_domain_that_was_judged():
    with MilterWorld() as w:
        mta = w.session()
        mta.mail()
        for typed, address in (("<u%relay.test@us.test>", "u@relay.test"),
                               ("<u@us.test>", "u@us.test"),
                               ("<u@virtual.test>", "u")):
            same(mta.rcpt(typed, address, "x"), CONTINUE)
        mta.content()
        mta.end("Q")
        w.daemon.wait_log(r"\blookup domain=relay\.test route=relay ")
        local = "route=direct via=- reason=local"
        w.milter.expect_mail(
            qid_line("Q", "example.test", "relay.test", RELAY_LINE),
            qid_line("Q", "example.test", "us.test",
                     "route=direct via=- reason=no-domain"),
            qid_line("Q", "example.test", "virtual.test", local))


def test_senders_deferred():
    policy = {"senders": [{"match": "sasl:joe"}],
              "on_sender_refused": "defer"}
    with MilterWorld({"policy": policy}) as w:
        same(verdicts(w), DEFERRED_SENDER)


def test_observe_never_refuses():
    changes = {"mode": "observe",
               "policy": {"senders": [{"match": "sasl:joe"}],
                          "on_hold": "defer", "on_sender_refused": "reject"},
               "milter": {"on_hold": "defer"}}
    with MilterWorld(changes) as w:
        same(w.session().message("<u@hold.test>", "<u@relay.test>", qid="Q"),
             [])
        w.milter.expect_mail(
            qid_line("Q", "example.test", "hold.test",
                     HOLD_LINE + " mode=observe"),
            qid_line("Q", "example.test", "relay.test",
                     RELAY_LINE + " mode=observe"))


def test_observe_by_a_reload_of_the_daemon():
    """The daemon is told to observe, and the milter need not be."""
    changes = {"milter": {"on_hold": "defer"}}
    with MilterWorld(changes) as w:
        def verdict():
            mta = w.session()
            mta.mail()
            return mta.rcpt("<u@hold.test>")
        check(verdict().startswith("451 4.4.1"), "it was not refused")
        mark = w.daemon.mark()
        w.write_conf(dict(w.changes, mode="observe"))
        w.hangup()
        w.daemon.wait_log("reload=done", mark)
        same(verdict(), CONTINUE)


def test_header_is_added_and_forged_ones_go():
    with MilterWorld({"milter": {"header": True}}) as w:
        mta = w.session()
        same(mta.actions, session.ADD_HEADERS | session.CHANGE_HEADERS)
        forged = [("Subject", "x"), ("X-MX-Route", "1"), ("x-mx-route", "2"),
                  ("X-MX-Route-Not", "3"), ("X-MX-ROUTE", "4")]

        def removed(number):
            return (b"m", number.to_bytes(4, "big") +
                    session.zero("X-MX-Route", ""))
        same(mta.message("<u@relay.test>", headers=forged),
             [removed(3), removed(2), removed(1), ADDED])
        # The next message of the session has none.
        same(mta.message("<u@relay.test>"), [ADDED])
        # No route is known, so none is told; the forged one goes all the same.
        same(mta.message("<root>", headers=forged[:2]), [removed(1)])
        # One that was given up leaves nothing behind.
        mta.mail()
        same(mta.rcpt("<u@hold.test>"), CONTINUE)
        mta.content(forged)
        mta.abort()
        same(mta.message("<u@relay.test>"), [ADDED])


def test_without_header_nothing_is_negotiated():
    with MilterWorld() as w:
        mta = w.session()
        same(mta.actions, 0)
        same(mta.steps & (session.NO_HEADERS | session.NO_BODY),
             session.NO_HEADERS | session.NO_BODY)
        same(mta.message("<u@relay.test>"), [])


def test_lines_of_recipients():
    with MilterWorld({"log": {"recipients": True}}) as w:
        w.session().message("<u@relay.test>", "<\"v w\"@Relay.test>",
                            "<u@relay.test>", qid="Q")
        w.milter.expect_mail(
            qid_line("Q", "example.test", "u@relay.test", RELAY_LINE),
            qid_line("Q", "example.test", "?v_w?@Relay.test", RELAY_LINE))


def test_no_lines():
    with MilterWorld({"log": {"lookups": "none"}}) as w:
        w.session().message("<u@relay.test>", qid="Q")
        w.session().message("<u@relay.test>", qid="Q")
        w.stop_milter()
        same(w.milter.mail_lines(), [])


def test_relay_called_by_the_longest_name_of_a_host():
    host = ".".join("r" * n for n in (63, 63, 63, 61))
    conf = {"milter": {"header": True}}
    with MilterWorld(lambda w: dict(conf, relays=[
            w.relay_entry(name="", host=host, probe="none")])) as w:
        line = RELAY_LINE.replace("via=r1", "via=" + host)
        same(w.session().message("<u@relay.test>", qid="Q"),
             [(b"h", session.zero("X-MX-Route", line))])
        w.milter.expect_mail(qid_line("Q", "example.test", "relay.test", line))
        w.expect("transport", "u@relay.test", w.relay_reply(host))
        w.expect("mailertable", "relay.test", "OK smtprelay:[%s]" % host)
        same(w.milter.find("old=up new=away"), [])


def test_without_queue_id():
    with MilterWorld() as w:
        w.session().message("<u@relay.test>")
        w.milter.expect_mail(
            qid_line("-", "example.test", "relay.test", RELAY_LINE))


def test_recipients_that_cannot_be_asked_about():
    """Longer than the daemon takes, or with a line end: taken unasked."""
    with FakeDaemon() as fake:
        with MilterWorld(daemon_address=fake.address, start_daemon=False) as w:
            mta = w.session()
            mta.mail()
            for recipient in ("<" + "u" * 10001 + "@x.test>",
                              "<u@x.test\nwait=0>", "<\"a\nb\"@x.test>",
                              "<" + "u" * 60000 + "@x.test>"):
                same(mta.rcpt(recipient), CONTINUE, recipient[-20:])
            same(fake.questions, [])
            same(mta.rcpt("<\udcff\udcfe@x.test>"), CONTINUE)
            mta.content()
            same(mta.end("Q"), [])
            w.milter.expect_mail(qid_line(
                "Q", "example.test", "x.test",
                "route=relay via=fake reason=none-reachable"))


def test_questions():
    """What the daemon is told, byte for byte."""
    with FakeDaemon() as fake:
        with MilterWorld(daemon_address=fake.address, start_daemon=False) as w:
            mta = w.session(client="2001:db8::5")
            mta.message("<\"A b\"@X.test>", "<@r.test:u@y.test>",
                        user="joe", sender="<S@B.test>")
            mta.message("<u@z.test>", sender="<>")
            first, second, third = fake.questions
            instances = {q.pop("instance") for q in (first, second)}
            same(len(instances), 1, "instances of one message")
            check(third.pop("instance") not in instances, "instance reused")
            waits = [int(q.pop("wait")) for q in (first, second, third)]
            check(8000 >= waits[0] >= waits[1] >= 0, waits)
            check(8000 >= waits[2] > 0, waits)
            common = {"request": "mxdetour_route", "sender": "S@B.test",
                      "sasl_username": "joe", "client_address": "2001:db8::5"}
            same(first, dict(common, recipient="\"A b\"@X.test"))
            same(second, dict(common, recipient="u@y.test"))
            del common["sasl_username"], common["sender"]
            same(third, dict(common, recipient="u@z.test"))


def test_first_message_waits_and_takes_the_relay():
    """Never seen, blocked: at the end of RCPT the lookup is warm."""
    with MilterWorld() as w:
        w.simple("blocked.test", "127.10.0.1", fakesmtp.CLOSE)
        mta = w.session()
        mta.mail()
        same(mta.rcpt("<u@blocked.test>"), CONTINUE)
        w.expect("transport", "u@blocked.test", w.relay_reply())
        mta.content()
        mta.end("Q")
        w.milter.expect_mail(qid_line(
            "Q", "example.test", "blocked.test",
            "route=relay via=r1 reason=none-reachable"))


@long
def test_one_budget_for_all_recipients():
    """Twenty domains without an answer: the message waits once, 2 s."""
    conf = {"milter": {"wait": "2s"}, "dns": {"timeout": "60s"},
            "log": {"lookups": "all"}}
    with MilterWorld(conf) as w:
        for i in range(20):
            w.dns.set("s%d.test" % i, "MX", fakedns.SILENT)
        w.session().message(*("<u@s%d.test>" % i for i in range(20)), qid="Q")
        eventually(lambda: len(w.milter.mail_lines()) == 20, "20 mail lines")
        waited = [int(m.group(1)) for m in
                  w.daemon.wait_lines(20, r"\blookup .* waited=(\d+)ms")]
        check(sum(waited) >= 1900 and waited.count(0) >= 18, waited)
