#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The lab: a private internet for a real Postfix and the real mxdetourd.

Usage: run.py [--list] [--keep] [NAME...]

Runs all scenarios, or those whose name contains one of the arguments, and
speaks TAP. As root on Linux with iproute2, nftables, nsd and postfix; without
them the plan is "1..0 # SKIP". The programs are those that the environment
variables MXDETOURD and MXDETOUR_MILTER name, else those at the top of the
source tree; without one the scenarios that need it are skipped.

  --list   prints names and purposes
  --keep   leaves the files of the run (not its processes) for a look

What is what:
  net.py      three network namespaces: operator, filter, world; the filter
  world.py    nsd with every record, MX hosts (sink.py, smtp-sink), two relays
  postfix.py  one private Postfix instance
  sendmail.py one private Sendmail instance, wired as documented
  mailhost.py the operator's Postfix, mxdetourd and mxdetour-milter, wired as documented
  recorder.py a socketmap server that only records, and a client
  reaper.py   cleans up should the lab be killed
  forger.py   a resolver with injected answers
  router.py   a resolver on the mail host's link that knows no EDNS
  forms.py    greetings and replies as servers give them
  tap.py      chooses the scenarios and runs them
  scenarios_*.py  a function per scenario, whose first line says what holds

The network and the world are built once. Between scenarios the operator's
Postfix and mxdetourd start anew and the filter is opened. Scenarios that need
what is not there, Sendmail for one, are skipped. Nothing of this
touches the machine's own mail, and nothing leaves the machine. No scenario
asserts speed: they wait for conditions and judge by order, route and place.
"""

import contextlib
import os
import shutil
import sys
import tempfile
import traceback

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import net as lab_net  # noqa: E402
import scenarios_baseline  # noqa: E402
import scenarios_daemon  # noqa: E402
import scenarios_faults  # noqa: E402
import scenarios_milter  # noqa: E402
import scenarios_outage  # noqa: E402
import scenarios_postfix_facts  # noqa: E402
import scenarios_recipients  # noqa: E402
import scenarios_relays  # noqa: E402
import scenarios_replies  # noqa: E402
import scenarios_routes  # noqa: E402
import scenarios_sendmail  # noqa: E402
import tap  # noqa: E402
from mailhost import Mailhost  # noqa: E402
from postfix import MASTER_DIST  # noqa: E402
from util import Reaper, adopt_orphans, tail  # noqa: E402
from world import World  # noqa: E402

MODULES = (scenarios_baseline, scenarios_postfix_facts, scenarios_routes,
           scenarios_outage, scenarios_relays, scenarios_replies,
           scenarios_daemon, scenarios_faults, scenarios_milter,
           scenarios_recipients, scenarios_sendmail)
PROGRAMS = ("ip", "nft", "nsd", "postfix", "postconf", "postmap",
            "postqueue", "postsuper", "smtp-sink", "getent")
SCENARIO_LIMIT_S = 300


class Lab:
    """What a scenario gets."""

    def __init__(self, program, milter, keep=False):
        self.keep = keep
        self.home = tempfile.mkdtemp(prefix="mxdetour-lab.")
        os.chmod(self.home, 0o755)
        if not keep:
            Reaper.tell("directory", self.home)
        self.net = lab_net.Net()
        self.fw = self.net.firewall
        self.world = World(self.net, os.path.join(self.home, "world"))
        self.op = Mailhost(self.net, os.path.join(self.home, "op"), program,
                           milter)
        self.sendmail = None  # a scenario's own
        self._cleanups = contextlib.ExitStack()

    def build(self):
        """Network and world, once."""
        self.net.build()
        self.world.start()

    def begin(self):
        """Before each scenario."""
        self.end()
        self.op.begin()
        self.fw.reset()
        self.world.begin()

    def play(self, function):
        """One scenario."""
        self.begin()
        function(self)
        self.op.daemon.finish()

    def later(self, function, *args):
        """Has something undone when the scenario ends."""
        self._cleanups.callback(function, *args)

    def end(self):
        """After each scenario."""
        self._cleanups.close()
        self.sendmail = None

    def close(self, keep=False):
        """Takes everything down, however much of it stands."""
        for step in (self.end, self.op.stop, self.world.stop, self.net.close):
            try:
                step()
            except Exception:  # the rest has to go all the same
                traceback.print_exc()
        if keep:
            print("# files: " + self.home)
        else:
            shutil.rmtree(self.home, ignore_errors=True)

    def diagnostics(self):
        """What on-call staff would look at."""
        parts = (
            ("mxdetourd", tail(self.op.daemon.digest(), 60)),
            ("mxdetour-milter", tail(self.op.milter.log(), 60)),
            ("mail log", tail(self.op.postfix.log(), 60)),
            ("mail log of Sendmail",
             tail(self.sendmail.log(), 60) if self.sendmail else ""),
            ("mail log of relay us1",
             tail(self.world.relays["us1"].log(), 15)),
            ("nft", self.fw.listing()),
            ("mailq", self.op.postfix.mailq()),
            ("sessions at MX hosts", "\n".join(
                str(e) for e in self.world.events("session")[-15:])),
        )
        return ["--- %s\n%s" % part for part in parts]


def scenarios():
    """All of them: (name, purpose, function)."""
    return [scenario for module in MODULES for scenario in tap.scenarios_of(
        module, module.__name__.replace("scenarios_", "") + ".")]


def missing():
    """Why the lab cannot run here, or None."""
    if not sys.platform.startswith("linux"):
        return "needs Linux"
    if os.geteuid() != 0:
        return "needs root"
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    os.environ["PATH"] = path
    for program in PROGRAMS:
        if shutil.which(program, path=path) is None:
            return "needs " + program
    if not os.path.exists(MASTER_DIST):
        return "needs " + MASTER_DIST
    if not os.path.exists("/proc/net/if_inet6"):
        return "needs IPv6"
    name = "mxdlab%d-op" % os.getpid()
    works = os.system("ip netns add %s 2>/dev/null && ip netns exec %s "
                      "nft list ruleset >/dev/null 2>&1" % (name, name)) == 0
    lab_net.remove_namespace(name)
    return None if works else "cannot make network namespaces"


def find(name, variable):
    """The program to test, or None."""
    program = os.environ.get(variable)
    if program:
        program = os.path.abspath(program)
        if not os.access(program, os.X_OK):
            sys.exit(variable + ": cannot execute " + program)
        return program
    program = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                           "..", "..", name)
    return os.path.abspath(program) if os.access(program, os.X_OK) else None


def run(chosen, flags):
    """In a new lab; returns how many failed."""
    adopt_orphans()
    lab_net.sweep()
    Reaper.start()
    keep = "--keep" in flags
    milter = find("mxdetour-milter", "MXDETOUR_MILTER")
    lab = Lab(find("mxdetourd", "MXDETOURD"), milter, keep)
    try:
        try:
            lab.build()
        except Exception as why:
            tap.bail_out("The lab cannot be built", why)
        return tap.run_all(chosen, SCENARIO_LIMIT_S, lab.play,
                           lab.diagnostics)
    finally:
        tap.ignore_signals()
        lab.close(keep)
        Reaper.finish()


if __name__ == "__main__":
    sys.exit(tap.main(__doc__, scenarios(), missing, run, ["--keep"]))
