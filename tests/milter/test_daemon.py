# SPDX-License-Identifier: MIT
"""Mail passes whatever the daemon does, and the log says so once."""
import signal
import time

from harness import check, eventually, long, same
from session import CONTINUE
from stage import AWAY, BACK, RELAY_LINE, FakeDaemon, MilterWorld, qid_line

FAKE_LINE = "route=relay via=fake reason=none-reachable"


def until_asked(w, mta, line):
    """Sends until the daemon is asked again."""
    mark = w.milter.mark()

    def asked():
        same(mta.message("<u@relay.test>", qid="BACK"), [])
        return qid_line("BACK", "example.test", "relay.test", line) in \
            w.milter.mail_lines(mark)
    eventually(asked, "a message that the daemon was asked about", pause=0.2)


def passes(w, mta, line, break_it, mend_it):
    """Mail before, while, and after; one line each way."""
    same(mta.message("<u@relay.test>", qid="BEFORE"), [])
    break_it()
    for i in range(200):
        same(mta.message("<u@relay.test>", qid="WHILE"), [])
    same(len(w.milter.find(AWAY)), 1, "lines of its going away")
    mend_it()
    until_asked(w, mta, line)
    same(len(w.milter.find(AWAY)), 1, "lines of its going away")
    same(len(w.milter.find(BACK)), 1, "lines of its coming back")
    for what in ("BEFORE", "BACK"):
        check(qid_line(what, "example.test", "relay.test", line) in
              w.milter.mail_lines(), "no line of", what)
    check("qid=WHILE" not in " ".join(w.milter.mail_lines()), "asked anyway")


def odd(manner, wait="8s"):
    conf = {"milter": {"wait": wait}}
    with FakeDaemon() as fake:
        with MilterWorld(conf, daemon_address=fake.address,
                         start_daemon=False) as w:
            def become(what):
                fake.manner = what
            passes(w, w.session(), FAKE_LINE, lambda: become(manner),
                   lambda: become("answers"))


def test_daemon_answers_nonsense():
    odd("nonsense")


def test_daemon_answers_half():
    odd("half")


def test_daemon_answers_twice():
    odd("twice")


def test_daemon_answers_of_another_service():
    odd("foreign")


def test_daemon_is_silent():
    odd("silent", wait="0s")


def test_daemon_dead():
    with FakeDaemon() as fake:
        with MilterWorld(daemon_address=fake.address, start_daemon=False) as w:
            passes(w, w.session(), FAKE_LINE, fake.stop, fake.start)


def test_daemon_dead_from_the_start():
    with MilterWorld(start_daemon=False) as w:
        mta = w.session()
        for _ in range(100):
            same(mta.message("<u@relay.test>", "<u@hold.test>", qid="Q"), [])
        same(len(w.milter.find(AWAY)), 1)
        same(w.milter.mail_lines(), [])


@long
def test_budget_spent_is_not_the_daemon_away():
    """What one message has no time for says nothing of the daemon.

    And it is told of the recipients that are left, not to be waited for.
    """
    class Slow(FakeDaemon):
        """Waits for as long as it may, and is not fast else."""

        def _say(self, sock, question):
            if question is not None and self.manner == "answers":
                wait = self.questions[-1].get("wait", "0")
                time.sleep(max(int(wait) / 1000, 0.05))
            return super()._say(sock, question)

    with Slow() as fake:
        with MilterWorld(daemon_address=fake.address, start_daemon=False) as w:
            mta = w.session()
            mta.mail()
            for number in range(60):
                same(mta.rcpt("<u@d%d.test>" % number), CONTINUE)
            mta.content()
            mta.end("Q")
            same(w.milter.find(AWAY), [])
            eventually(lambda: w.milter.mail_lines(), "mail lines")
            answered = len(w.milter.mail_lines())
            check(answered < 50, "the budget was never spent", answered)
            # Not each, as nothing is waited for: the connection neither.
            eventually(lambda: len(fake.questions) > (answered + 60) / 2,
                       "the others are told, too: %d" % answered)
            # That it is away is seen as ever.
            fake.manner = "nonsense"
            same(w.session().message("<u@relay.test>", qid="NEXT"), [])
            w.milter.wait_log(AWAY)
            same(len(w.milter.find(AWAY)), 1)


@long
def test_real_daemon_killed_and_stopped():
    with MilterWorld({"milter": {"wait": "1s"}}) as w:
        mta = w.session()

        def kill():
            w.daemon.kill()
            w.daemon = None

        def start():
            w.start_daemon_alone()
        passes(w, mta, RELAY_LINE, kill, start)
        mark = w.milter.mark()
        w.daemon.signal(signal.SIGSTOP)
        try:
            for _ in range(50):
                same(mta.message("<u@relay.test>", qid="STOPPED"), [])
        finally:
            w.daemon.signal(signal.SIGCONT)
        until_asked(w, mta, RELAY_LINE)
        w.milter.wait_log(BACK, mark)
        same(len(w.milter.find(AWAY, mark)), 1)
        same(len(w.milter.find(BACK, mark)), 1)


def test_daemon_restarted_between_two_messages():
    """A pooled connection that is dead is no failure."""
    with FakeDaemon() as fake:
        with MilterWorld(daemon_address=fake.address, start_daemon=False) as w:
            mta = w.session()
            for number in range(5):
                same(mta.message("<u@relay.test>", qid="Q%d" % number), [])
                fake.stop()
                fake.start()
            w.milter.expect_mail(*(
                qid_line("Q%d" % n, "example.test", "relay.test", FAKE_LINE)
                for n in range(5)))
            same(w.milter.find("old=up new=away"), [])


def test_daemon_by_unix_socket():
    def changes(w):
        path = "unix:%s/policy" % w.dir
        return {"listen": {"policy": [path]}, "milter": {"daemon": path}}
    with MilterWorld(changes) as w:
        w.session().message("<u@relay.test>", qid="Q")
        w.milter.expect_mail(
            qid_line("Q", "example.test", "relay.test", RELAY_LINE))
