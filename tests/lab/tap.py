# SPDX-License-Identifier: MIT
"""Chooses scenarios, runs them one after the other, and speaks TAP.

The lab and tests/systemd have it in common: what a scenario is given, and what
is built before and taken down after, is for their run.py. A scenario is (name,
purpose, function).
"""

import contextlib
import signal
import sys
import time
import traceback

from util import Failure, Unavailable

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_interrupts = []


def scenarios_of(module, prefix=""):
    """The functions test_* of a module, in the order in which they stand."""
    out = []
    for name, value in vars(module).items():
        if name.startswith("test_") and callable(value):
            purpose = (value.__doc__ or "").strip().split("\n")[0]
            out.append((prefix + name[5:], purpose, value))
    return out


def main(doc, scenarios, missing, perform, options=()):
    """Does what the command line says; returns the exit status.

    doc: of the program; its second paragraph is the usage. missing(): why
    nothing can be run here, or None. perform(chosen, flags) runs what is
    chosen and returns how many failed; flags are those given, --list and
    `options` being all that there are.
    """
    flags = {a for a in sys.argv[1:] if a.startswith("-")}
    words = [a for a in sys.argv[1:] if not a.startswith("-")]
    if flags - {"--list", *options}:
        sys.exit(doc.split("\n\n")[1])
    chosen = [s for s in scenarios
              if not words or any(word in s[0] for word in words)]
    if "--list" in flags:
        for name, purpose, _ in chosen:
            print("%-45s %s" % (name, purpose))
        return 0
    why = missing()
    if why:
        skip_all(why)
        return 0
    if not chosen:
        sys.exit("no such scenario")
    for number in SIGNALS:
        signal.signal(number, _on_signal)
    failed = perform(chosen, flags)
    if failed:
        print("# %d of %d failed" % (failed, len(chosen)))
    return 1 if failed else 0


def run_all(chosen, limit, play, diagnostics):
    """Calls play(function) for each, which may take `limit` seconds; when that
    fails prints the texts of diagnostics(). Returns how many failed."""
    print("1..%d" % len(chosen), flush=True)
    return sum(not _run_one(number, scenario, limit, play, diagnostics)
               for number, scenario in enumerate(chosen, 1))


@contextlib.contextmanager
def _within(seconds):
    """What hangs in the block has failed."""
    def on_alarm(_number, _frame):
        raise Failure("took longer than %d s" % seconds)
    signal.signal(signal.SIGALRM, on_alarm)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)


def _run_one(number, scenario, limit, play, diagnostics):
    """Returns whether it did not fail."""
    name, purpose, function = scenario
    title = "%d - %s: %s" % (number, name, purpose)
    began = time.monotonic()
    try:
        with _within(limit):
            play(function)
    except Unavailable as why:
        print("ok %d - %s # SKIP %s" % (number, name, why), flush=True)
        return True
    except Exception as why:  # any exception is the scenario's failure
        if _interrupts:  # smtplib turns SystemExit into its own
            raise SystemExit(128 + _interrupts[0])
        print("not ok " + title)
        comment(str(why) if isinstance(why, Failure)
                else traceback.format_exc())
        try:
            for text in diagnostics():
                comment(text)
        except Exception:
            comment(traceback.format_exc())
        sys.stdout.flush()
        return False
    print("ok " + title)
    print("# %.1f s" % (time.monotonic() - began), flush=True)
    return True


def comment(text):
    """A TAP diagnostic."""
    for line in text.splitlines():
        print("# " + line)


def skip_all(why):
    """The plan where nothing is run."""
    print("1..0 # SKIP %s" % why)


def bail_out(what, why):
    """In the handler of `why`: nothing can be run, and that is a failure."""
    comment(traceback.format_exc())
    print("Bail out! %s: %s" % (what, why))
    raise SystemExit(1)


def ignore_signals():
    """What is taken down from now on is taken down to the end."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def _on_signal(number, _frame):
    """SIGTERM and the like: leave through the finally blocks."""
    _interrupts.append(number)
    raise SystemExit(128 + number)
