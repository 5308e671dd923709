#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Runs the end-to-end tests of mxdetourd and prints TAP.

usage: run.py [-l] [SUBSTRING...]

Tests are the functions test_* of the modules test_*.py here; a substring
selects those whose "module.function" contains it.  Environment: MXDETOURD (the
binary), E2E_JOBS (tests at once), E2E_SLOW=1 (also those that take minutes),
E2E_WRAP (a command in front of the daemon, valgrind say).
"""
import concurrent.futures
import faulthandler
import glob
import importlib
import os
import resource
import sys
import threading
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.dont_write_bytecode = True

import harness  # noqa: E402  (needs the path)


def collect(wanted, here):
    tests = []
    for path in sorted(glob.glob(os.path.join(here, "test_*.py"))):
        module = importlib.import_module(os.path.basename(path)[:-3])
        for name, function in vars(module).items():
            if not name.startswith("test_") or not callable(function):
                continue
            full = "%s.%s" % (module.__name__[5:], name[5:])
            if not wanted or any(word in full for word in wanted):
                tests.append((full, function))
    # Those that mostly wait go first, so that the others fill the time.
    tests.sort(key=lambda test: not getattr(test[1], "long", False))
    return tests


def run_one(function):
    """Returns (verdict, text): "ok", "skip" or "not ok"."""
    harness.worlds().clear()
    started = time.monotonic()
    try:
        if getattr(function, "needs_daemon", True) and \
                not os.access(harness.binary(), os.X_OK):
            raise harness.Skip("no mxdetourd: set MXDETOURD")
        if getattr(function, "slow", False) and not os.environ.get("E2E_SLOW"):
            raise harness.Skip("takes minutes: set E2E_SLOW=1")
        function()
        return "ok", "%.1f s" % (time.monotonic() - started)
    except harness.Skip as skip:
        return "skip", str(skip)
    except BaseException:
        text = traceback.format_exc()
        for number, world in enumerate(harness.worlds()):
            text += "--- log of daemon %d\n" % number
            text += "\n".join(world.log_tail()) + "\n"
        return "not ok", text
    finally:
        # What failed before its `with` is not left running.
        for world in harness.worlds():
            world.close()


def main(arguments, here=HERE):
    words = [word for word in arguments if not word.startswith("-")]
    tests = collect(words, here)
    if "-l" in arguments:
        print("\n".join(name for name, _ in tests))
        return 0
    if os.environ.get("MXDETOURD") and \
            not os.access(harness.binary(), os.X_OK):
        print("Bail out! MXDETOURD=%s cannot be run" % harness.binary())
        return 99
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wish = 16384 if hard == resource.RLIM_INFINITY else min(16384, hard)
    if soft < wish:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wish, hard))
    faulthandler.dump_traceback_later(25 * harness.DEADLINE, exit=True)
    print("1..%d" % len(tests), flush=True)
    failed = 0
    jobs = int(os.environ.get("E2E_JOBS") or 8)
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        futures = [pool.submit(run_one, function) for _, function in tests]
        for number, (test, future) in enumerate(zip(tests, futures), 1):
            verdict, text = future.result()
            if verdict == "skip":
                print("ok %d - %s # SKIP %s" % (number, test[0], text))
            elif verdict == "ok":
                print("ok %d - %s" % (number, test[0]))
                print("# %s" % text)
            else:
                failed += 1
                print("not ok %d - %s" % (number, test[0]))
                for line in text.rstrip("\n").split("\n"):
                    print("# " + line)
            sys.stdout.flush()
    if failed:
        print("# %d of %d failed" % (failed, len(tests)))
    faulthandler.cancel_dump_traceback_later()
    return 1 if failed else 0


def run(here=HERE):
    """Runs the tests of a directory as the command line says; ends here."""
    threading.current_thread().name = "main"
    status = main(sys.argv[1:], here)
    sys.stdout.flush()
    os._exit(status)  # threads of tests that failed do not hold us up


if __name__ == "__main__":
    run()
