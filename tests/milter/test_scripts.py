# SPDX-License-Identifier: MIT
"""What miltertest can say: its scripts, and what the filter logs of them."""
import os
import shutil
import subprocess

import fakesmtp
from harness import DEADLINE, Skip, same
from stage import (DIRECT_LINE, HOLD_LINE, RELAY_LINE, UP, MilterWorld,
                   qid_line)

HERE = os.path.dirname(os.path.abspath(__file__))


def miltertest(w, script):
    if shutil.which("miltertest") is None:
        raise Skip("no miltertest (Debian: miltertest)")
    done = subprocess.run(
        ["miltertest", "-D", "dir=" + HERE,
         "-D", "socket=%d@127.0.0.1" % w.milter_port,
         "-s", os.path.join(HERE, script + ".lua")],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, timeout=2 * DEADLINE)
    same(done.returncode, 0, "miltertest says %r:" % done.stdout)


def test_recipients():
    bad = "route=direct via=- reason=bad-name"
    rules = [{"name": "r", "domain": ["relay.test", "*.relay.test"],
              "route": "relay"},
             {"name": "h", "domain": ["hold.test"], "route": "hold"},
             {"name": "d", "domain": ["direct.test", "*.direct.test"],
              "route": "direct"}]
    with MilterWorld({"rules": rules}) as w:
        for name in ["xn--bcher-kva.relay.test"] + [
                "d%d.direct.test" % i for i in range(10)]:
            w.simple(name, UP, fakesmtp.GOOD)
        miltertest(w, "recipients")
        many = [qid_line("MANY", "example.test", "d%d.direct.test" % i,
                         DIRECT_LINE) for i in range(10)]
        w.milter.expect_mail(
            qid_line("FORMS", "example.test", "relay.test", RELAY_LINE),
            qid_line("FORMS", "example.test", "direct.test", DIRECT_LINE),
            qid_line("FORMS", "example.test", "hold.test", HOLD_LINE),
            qid_line("FORMS", "example.test", "xn--bcher-kva.relay.test",
                     RELAY_LINE),
            qid_line("FORMS", "example.test", "[192.0.2.1]", bad),
            qid_line("FORMS", "example.test", "[IPv6:2001:db8::1]", bad),
            qid_line("FORMS", "example.test", "-", bad),
            qid_line("FORMS", "example.test", "x" * 300, bad),
            qid_line("NULL", "-", "direct.test", DIRECT_LINE),
            *many)


def test_several_messages():
    with MilterWorld() as w:
        miltertest(w, "several")
        w.milter.expect_mail(
            qid_line("ONE", "example.test", "relay.test", RELAY_LINE),
            qid_line("TWO", "other.test", "direct.test", DIRECT_LINE),
            qid_line("FOUR", "example.test", "relay.test", RELAY_LINE))


def test_header():
    with MilterWorld({"milter": {"header": True}}) as w:
        miltertest(w, "header")


def test_untouched():
    with MilterWorld() as w:
        miltertest(w, "untouched")
        w.milter.expect_mail(
            qid_line("UNTOUCHED", "example.test", "relay.test", RELAY_LINE))


def test_refused():
    """milter.on_hold and policy.on_hold both; only the good are logged."""
    for changes in ({"milter": {"on_hold": "defer"}},
                    {"policy": {"on_hold": "defer"}}):
        with MilterWorld(changes) as w:
            miltertest(w, "refused")
            w.milter.expect_mail(
                qid_line("REFUSED", "example.test", "direct.test",
                         DIRECT_LINE),
                qid_line("REFUSED", "example.test", "relay.test", RELAY_LINE),
                qid_line("NEXT", "example.test", "direct.test", DIRECT_LINE))
