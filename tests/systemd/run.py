#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The units under a real systemd, installed and started as the README says.

Usage: run.py [--list] [NAME...]

Runs all scenarios, or those whose name contains one of the arguments, and
speaks TAP. As root on Linux with systemd 250 or later, in namespaces and a
cgroup of its own; where that cannot be had the plan is "1..0 # SKIP". What is
installed is the build that BUILDDIR names, else build/ of the source tree.

What is what:
  machine.py   a machine: boots, runs commands, answers questions
  boot.sh      its first process: an overlay over this machine's root
  attacker.py  what runs there as the daemon's user, and wants to be root
  scenarios.py a function per scenario, whose first line says what holds

The machine is booted once (and once more by second_boot); before each
scenario it is put back to how it was after the installation. Nothing of the
machine that this runs on is changed, and two runs do not meet.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import machine as machines  # noqa: E402
import scenarios  # noqa: E402
from machine import Failure, Machine, Unavailable  # noqa: E402

PROGRAMS = ("unshare", "nsenter", "setpriv", "ip", "make", "systemctl",
            "systemd-analyze", "bash", "journalctl")
SCENARIO_LIMIT_S = 180
INSIDE = "MXDETOUR_TEST_MOUNTS"  # set: the mounts are ours alone


def chosen_from(names):
    """(name, purpose, function) of those to run."""
    out = []
    for name, value in vars(scenarios).items():
        if name.startswith("test_") and callable(value):
            purpose = (value.__doc__ or "").strip().split("\n")[0]
            if not names or any(n in name for n in names):
                out.append((name[5:], purpose, value))
    return out


def build_directory():
    """The build to install."""
    named = os.environ.get("BUILDDIR")
    top = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
    return os.path.abspath(named or os.path.join(top, "build"))


def missing():
    """Why this cannot be done here, or None."""
    if not sys.platform.startswith("linux"):
        return "needs Linux"
    if os.geteuid() != 0:
        return "needs root"
    os.environ["PATH"] = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    for program in PROGRAMS:
        if shutil.which(program) is None:
            return "needs " + program
    if not os.access(machines.SYSTEMD, os.X_OK):
        return "needs " + machines.SYSTEMD
    version = subprocess.run(["systemd-analyze", "--version"],
                             stdout=subprocess.PIPE, universal_newlines=True)
    number = version.stdout.split()[1].split("~")[0].split(".")[0]
    if not number.isdigit() or int(number) < 250:
        return "needs systemd 250, this is " + number
    if not os.access(os.path.join(build_directory(), "mxdetourd"), os.X_OK):
        return "needs a build in " + build_directory()
    if subprocess.call(["unshare", "--mount", "--pid", "--net", "--cgroup",
                        "--uts", "--ipc", "--fork", "true"],
                       stderr=subprocess.DEVNULL) != 0:
        return "cannot make namespaces"
    if machines.hierarchy() is None:
        return "needs a cgroup hierarchy that can be written to"
    probe = os.path.join(machines.hierarchy()[0], "mxdsystemd%d"
                         % os.getpid())
    try:
        os.mkdir(probe)
        os.rmdir(probe)
    except OSError as why:
        return "cannot make a cgroup: %s" % why
    return None


def on_signal(number, _frame):
    """SIGTERM and the like: leave through the finally blocks."""
    raise SystemExit(128 + number)


def on_alarm(_number, _frame):
    """A scenario that hangs has failed."""
    raise Failure("took longer than %d s" % SCENARIO_LIMIT_S)


def comment(text):
    """A TAP diagnostic."""
    for line in text.splitlines():
        print("# " + line)


def diagnostics(machine):
    """What on-call staff would look at."""
    comment(machine.run("systemctl", "--no-pager", "status",
                        *machines.UNITS, may_fail=True)[1])
    comment("\n".join(machine.journal("-n", "60").splitlines()))


def run_one(machine, number, name, purpose, function):
    """Runs one scenario; returns whether it did not fail."""
    title = "%d - %s: %s" % (number, name, purpose)
    began = time.monotonic()
    try:
        signal.alarm(SCENARIO_LIMIT_S)
        try:
            scenarios.begin(machine)
            function(machine)
        finally:
            signal.alarm(0)
    except Unavailable as why:
        print("ok %d - %s # SKIP %s" % (number, name, why), flush=True)
        return True
    except Exception as why:  # any exception is the scenario's failure
        print("not ok " + title)
        comment(str(why) if isinstance(why, Failure)
                else traceback.format_exc())
        try:
            diagnostics(machine)
        except Exception:
            comment(traceback.format_exc())
        sys.stdout.flush()
        return False
    print("ok " + title)
    print("# %.1f s" % (time.monotonic() - began), flush=True)
    return True


def run_all(chosen, home):
    """On one machine; returns how many failed."""
    machine = Machine(home)
    try:
        try:
            machine.boot()
            scenarios.install(machine, build_directory())
        except Unavailable as why:
            print("1..0 # SKIP %s" % why)
            return 0
        except Exception as why:
            comment(traceback.format_exc())
            print("Bail out! The machine cannot be made: %s" % why)
            return 1
        print("1..%d" % len(chosen), flush=True)
        return sum(not run_one(machine, number, *one)
                   for number, one in enumerate(chosen, 1))
    finally:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        machine.halt()


def main(argv):
    """Returns the exit status."""
    names = [a for a in argv if a != "--list"]
    if any(n.startswith("-") for n in names):
        sys.exit(__doc__.split("\n\n")[1])
    chosen = chosen_from(names)
    if "--list" in argv:
        for name, purpose, _ in chosen:
            print("%-35s %s" % (name, purpose))
        return 0
    why = missing()
    if why:
        print("1..0 # SKIP " + why)
        return 0
    if not chosen:
        sys.exit("no such scenario")
    if INSIDE not in os.environ:
        # Mounts that nobody else sees, and that go with us.
        os.environ[INSIDE] = "1"
        os.execvp("unshare", ["unshare", "--mount", "--propagation",
                              "private", "--", sys.executable,
                              os.path.abspath(sys.argv[0])] + argv)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, on_signal)
    signal.signal(signal.SIGALRM, on_alarm)
    machines.sweep(machines.hierarchy()[0])
    home = tempfile.mkdtemp(prefix="mxdetour-systemd.")
    failed = 0
    try:
        subprocess.check_call(["mount", "-t", "tmpfs", "-o", "mode=755",
                               "tmpfs", home])
        try:
            failed = run_all(chosen, home)
        finally:
            subprocess.call(["umount", "-l", home])
    finally:
        os.rmdir(home)
    if failed:
        print("# %d of %d failed" % (failed, len(chosen)))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
