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
  ../lab       tap.py chooses them and runs them; util.py has small tools

The machine is booted once (and once more by second_boot); before each
scenario it is put back to how it was after the installation. Nothing of the
machine that this runs on is changed, and two runs do not meet.
"""

import functools
import os
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "lab")]  # for util and tap

import machine as machines  # noqa: E402
import scenarios  # noqa: E402
import tap  # noqa: E402
from machine import Machine  # noqa: E402
from util import Unavailable  # noqa: E402

PROGRAMS = ("unshare", "nsenter", "setpriv", "ip", "make", "systemctl",
            "systemd-analyze", "bash", "journalctl")
SCENARIO_LIMIT_S = 180
INSIDE = "MXDETOUR_TEST_MOUNTS"  # set: the mounts are ours alone


def build_directory():
    """The build to install."""
    named = os.environ.get("BUILDDIR")
    return os.path.abspath(named or os.path.join(HERE, "..", "..", "build"))


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


def play(machine, function):
    """One scenario."""
    scenarios.begin(machine)
    function(machine)


def diagnostics(machine):
    """What on-call staff would look at."""
    yield machine.run("systemctl", "--no-pager", "status", *machines.UNITS,
                      may_fail=True)[1]
    yield machine.journal("-n", "60")


def run_all(chosen, home):
    """On one machine; returns how many failed."""
    machine = Machine(home)
    try:
        try:
            machine.boot()
            scenarios.install(machine, build_directory())
        except Unavailable as why:
            tap.skip_all(why)
            return 0
        except Exception as why:
            tap.bail_out("The machine cannot be made", why)
        return tap.run_all(chosen, SCENARIO_LIMIT_S,
                           functools.partial(play, machine),
                           functools.partial(diagnostics, machine))
    finally:
        tap.ignore_signals()
        machine.halt()


def run(chosen, _flags):
    """With mounts of our own; returns how many failed."""
    if INSIDE not in os.environ:
        # Mounts that nobody else sees, and that go with us.
        os.environ[INSIDE] = "1"
        os.execvp("unshare", ["unshare", "--mount", "--propagation",
                              "private", "--", sys.executable,
                              os.path.abspath(sys.argv[0])] + sys.argv[1:])
    machines.sweep(machines.hierarchy()[0])
    home = tempfile.mkdtemp(prefix="mxdetour-systemd.")
    try:
        subprocess.check_call(["mount", "-t", "tmpfs", "-o", "mode=755",
                               "tmpfs", home])
        try:
            return run_all(chosen, home)
        finally:
            subprocess.call(["umount", "-l", home])
    finally:
        os.rmdir(home)


if __name__ == "__main__":
    sys.exit(tap.main(__doc__, tap.scenarios_of(scenarios), missing, run))
