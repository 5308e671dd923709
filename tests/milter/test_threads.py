# SPDX-License-Identifier: MIT
"""Hundreds of sessions at once; also run with ThreadSanitizer."""
import os

import fakedns
import fakesmtp
import session
from harness import eventually, in_parallel, long, same
from session import CONTINUE
from stage import DIRECT_LINE, RELAY_LINE, MilterWorld, qid_line

SESSIONS = 300
MAX_WAITING = 10


def open_files(pid):
    """How many descriptors a process has: one more for each question under
    way."""
    return len(os.listdir("/proc/%d/fd" % pid))


def test_sessions_at_once():
    """Hundreds of sessions, several messages on each, every line is there."""
    with MilterWorld() as w:
        for name in ("blocked", "up"):
            w.simple(name + ".test", "127.10.0.%d" % (len(name)),
                     fakesmtp.CLOSE if name == "blocked" else fakesmtp.GOOD)

        def one(number):
            mta = session.Session(("127.0.0.1", w.milter_port))
            for i in range(3):
                same(mta.message("<u@relay.test>", "<u@blocked.test>",
                                 "<u@up.test>", "<u@direct.test>",
                                 qid="Q%d-%d" % (number, i)), [])
                mta.mail()
                same(mta.rcpt("<u@hold.test>"), CONTINUE)
                mta.abort()
            mta.quit()
            mta.close()
        in_parallel(one, range(SESSIONS), threads=SESSIONS)
        eventually(lambda: len(w.milter.mail_lines()) >= 12 * SESSIONS,
                   "a line for each message and domain")
        same(len(set(w.milter.mail_lines())), 12 * SESSIONS, "mail lines")
        same(w.milter.find("old=up new=away"), [])


@long
def test_waiting_sessions_do_not_hold_up_others():
    """300 sessions wait for a name server that is silent; one more does not."""
    conf = {"dns": {"timeout": "60s"}, "log": {"lookups": "all"},
            "policy": {"max_waiting": MAX_WAITING}}
    with MilterWorld(conf) as w:
        w.dns.set("silent.test", "MX", fakedns.SILENT)
        waiting = [w.session() for _ in range(SESSIONS)]
        for mta in waiting:
            mta.mail()
        known = w.session()
        # libmilter makes no thread for a session while one is idle, however
        # many sessions that one is to serve: so one by one, until no idle
        # thread is left that only waits.
        idle = open_files(w.milter.pid)
        for number, mta in enumerate(waiting):
            mta.send(b"R", b"<u@silent.test>\0")
            if number < MAX_WAITING:
                eventually(lambda: open_files(w.milter.pid) > idle + number,
                           "question %d to the daemon" % number)
        # Who may not wait is answered at once: as many wait as are let.
        w.daemon.wait_log(r"domain=silent\.test .* waited=0ms")
        same(known.message("<u@relay.test>", "<u@direct.test>", qid="KNOWN"),
             [])
        # Both were asked about: none passed because nothing was free.
        w.milter.expect_mail(
            qid_line("KNOWN", "example.test", "relay.test", RELAY_LINE),
            qid_line("KNOWN", "example.test", "direct.test", DIRECT_LINE))
        in_parallel(lambda mta: same(mta.verdict(), CONTINUE), waiting)
        same(w.milter.find("old=up new=away"), [])
