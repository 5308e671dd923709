# SPDX-License-Identifier: MIT
"""What must hold under systemd. A function per scenario; see run.py."""

import contextlib
import os
import re
import subprocess
import threading
import time

from machine import CONF, MILTER, SERVICE, SOCKETS, TIMER, UNITS, same, wait
from util import Unavailable, check, die_with_parent

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.join(HERE, "..", "..")
USER = "mxdetour"
OURS = ("/run/mxdetour", "/var/lib/mxdetour", "/var/log/mxdetour")
CANARY = "/etc/canary"
UNIX = "/run/mxdetour/socketmap"


# -------------------------------------------------------------- begin and end

def read(*names):
    """A file of the source tree."""
    with open(os.path.join(TOP, *names), encoding="utf-8") as file:
        return file.read()


def readme_commands():
    """What README's quick start has an operator type after the install."""
    section = read("README.md").split("\n## Quick start\n")[1].split("\n## ")[0]
    lines = re.findall(r"^    ((?:systemd-|systemctl ).*)$", section, re.M)
    check(len(lines) >= 3, "README's quick start is not as it was:", lines)
    return [line for line in lines if "systemctl reload" not in line]


def make(machine, build, target):
    """make install or uninstall, on the machine."""
    environ = {name: value for name, value in os.environ.items()
               if not name.startswith("MAKE") and name != "MFLAGS"}
    done = subprocess.run(
        ["make", "-s", "-C", build, target, "DESTDIR=" + machine.path("")],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, universal_newlines=True, env=environ,
        preexec_fn=die_with_parent)
    same(done.returncode, 0, "make %s: %s" % (target, done.stdout))


def install(machine, build):
    """Once, as the README says."""
    machine.build = build
    make(machine, build, "install")
    machine.systemctl("daemon-reload")
    if machine.systemctl("cat", SERVICE, may_fail=True) != 0:
        raise Unavailable("this build's prefix is none that systemd reads")
    for line in readme_commands():
        machine.shell_line(line)
    machine.shell_line("cp -a /etc/mxdetour /etc/mxdetour.installed")
    machine.write("/usr/local/lib/attacker.py",
                  read("tests", "systemd", "attacker.py"))


def begin(machine):
    """Before each scenario: as it was after the installation."""
    machine.shell_line(
        "systemctl stop %s; rm -rf /etc/systemd/system/mxdetour*.d "
        "/run/mxdetour* /etc/mxdetour %s; "
        "cp -a /etc/mxdetour.installed /etc/mxdetour; "
        "systemctl daemon-reload; systemctl reset-failed; "
        "systemctl start %s %s"
        % (" ".join(UNITS), CANARY, " ".join(SOCKETS), SERVICE))


def states(machine):
    """Of the service, its two sockets, and the timer that tries again."""
    return [machine.state(unit) for unit in (SERVICE,) + SOCKETS + (TIMER,)]


def status(machine, unit):
    """What systemctl shows of a unit, its last log lines included."""
    return machine.run("systemctl", "--no-pager", "-l", "status", unit,
                       may_fail=True)[1]


UP = ["active", "active", "active", "inactive"]
REFUSING = ["failed", "inactive", "inactive", "active"]


def add_to_conf(machine, text):
    """A line at the end of the configuration; returns its number."""
    old = machine.run("cat", CONF)[1]
    machine.write(CONF, old + text + "\n")
    return old.count("\n") + 1


def mend_conf(machine):
    """The file as it was installed."""
    machine.shell_line("cp /etc/mxdetour.installed/mxdetour.conf " + CONF)


class Lookups:
    """Asks without end, over new connections, and counts what comes of it."""

    def __init__(self, machine, where=2527):
        self.machine = machine
        self.where = where
        self.count = {}
        self.ending = threading.Event()
        self.thread = threading.Thread(target=self._ask, daemon=True)

    def _ask(self):
        while not self.ending.is_set():
            result = self.machine.lookup(self.where)
            if result == "cut":
                # A connection that was there ends with the daemon; Postfix
                # makes a new one, once.
                result = self.machine.lookup(self.where)
            self.count[result] = self.count.get(result, 0) + 1
            time.sleep(0.005)

    def __enter__(self):
        self.thread.start()
        self.more()
        return self

    def __exit__(self, *unused):
        self.ending.set()
        self.thread.join()

    def more(self):
        """Waits until some more of them have been answered."""
        goal = sum(self.count.values()) + 5
        wait("lookups to end: %r" % self.count,
             lambda: sum(self.count.values()) >= goal)


# ---------------------------------------------------------------------- start

def test_start(machine):
    """the README's commands start all, as whom and with what they say"""
    same(states(machine), UP)
    for where in (2527, UNIX):
        same(machine.lookup(where), "ok", "a lookup at %s" % where)
    with machine.connect(2528) as policy:
        policy.sendall(b"request=smtpd_access_policy\nrecipient=u\n\n")
        same(policy.recv(64), b"action=DUNNO\n\n", "policy")
    for directory, mode in zip(OURS, ("755", "750", "750")):
        same(machine.owner(directory), "%s:%s %s" % (USER, USER, mode),
             directory)
    same(machine.owner(UNIX), "%s:%s 660" % (USER, USER))
    for unit in (SERVICE,) + SOCKETS:
        same(machine.systemctl("is-enabled", unit), 0)
    log = machine.journal("-u", SERVICE)
    for words in ("service=socketmap address=inet:127.0.0.1:2527 "
                  "from=supervisor",
                  "service=policy address=inet:127.0.0.1:2528 "
                  "from=supervisor",
                  "address=unix:%s from=configuration" % UNIX):
        check(words in log, words, "is not in the log")
    pid = machine.main_pid(SERVICE)
    same(machine.run("stat", "-c", "%U", "/proc/%d" % pid)[1].strip(), USER)


def test_second_start_after_a_stop(machine):
    """a lookup starts it after a stop; with the sockets stopped it is off"""
    machine.systemctl("stop", SERVICE)
    same(machine.lookup(), "ok")
    wait("the service", lambda: states(machine) == UP)
    machine.systemctl("stop", SERVICE, *SOCKETS)
    same(machine.lookup(), "refused")
    machine.systemctl("start", SERVICE)
    same(states(machine), UP)
    same(machine.lookup(), "ok")


# --------------------------------------------------------------------- attack

@contextlib.contextmanager
def attack(machine, *directories, links=False, sandbox_of=None):
    """Somebody has the daemon's user, and looks for a way to be root."""
    arguments = (("--links",) if links else ()) + (CANARY,) + directories
    child = machine.background(
        "python3", "/usr/local/lib/attacker.py", *arguments, user=USER,
        namespaces_of=sandbox_of)
    try:
        same(child.stderr.readline(), b"ready\n")
        yield
        same(child.poll(), None, "the attacker's end")
    finally:
        child.stdin.close()
        child.wait()
        child.stderr.close()


def lay_canary(machine):
    """What the attacker is after: a file of root's."""
    machine.write(CANARY, "root's own\n")
    machine.run("chmod", "600", CANARY)
    return canary(machine)


def canary(machine):
    """All that could be changed about it."""
    return machine.run("stat", "-c", "%u %g %a %i %s %Y %Z", CANARY)[1] + \
        machine.run("cat", CANARY)[1]


ROOTS_DEEDS = (
    "systemctl daemon-reload",
    "systemctl restart %s" % SERVICE,
    "systemctl restart %s" % " ".join(SOCKETS),
    "systemctl restart %s %s" % (" ".join(SOCKETS), SERVICE),
    "systemctl restart %s" % MILTER,
    "systemctl reload %s" % SERVICE,
    "systemctl stop %s %s" % (SERVICE, " ".join(SOCKETS)),
    "systemd-tmpfiles --create",
    "systemd-tmpfiles --clean",
    "systemctl start %s" % SERVICE,
    "systemctl kill -s KILL %s" % SERVICE,
    "mxdetourd -t",
)


def do_roots_deeds(machine):
    """What root does in the life of the units. They may fail: the attacker can
    keep the daemon from its own socket at any time, and no more than that."""
    for deed in ROOTS_DEEDS:
        machine.run("sh", "-c", deed, may_fail=True)
        machine.lookup()


def test_attack_by_the_daemons_user(machine):
    """whoever has the daemon's user cannot lead root to another file"""
    machine.systemctl("start", MILTER)
    before = lay_canary(machine)
    for links in (False, True):
        with attack(machine, *OURS, links=links):
            do_roots_deeds(machine)
        same(canary(machine), before, "root's file, links=%r" % links)
        begin_again(machine)


def begin_again(machine):
    """The services are up; what the attacker left is still there."""
    for name in ("socketmap", "milter"):
        machine.run("rm", "-f", "/run/mxdetour/" + name)
    machine.systemctl("reset-failed")
    machine.systemctl("restart", SERVICE)


def test_attack_out_of_the_milters_sandbox(machine):
    """nor out of the milter's sandbox"""
    machine.shell_line("sed -i 's|inet:127.0.0.1:2530|unix:/run/mxdetour/"
                       "milter|' " + CONF)
    machine.systemctl("start", MILTER)
    before = lay_canary(machine)
    pid = machine.main_pid(MILTER)
    with attack(machine, *OURS[:1], sandbox_of=pid):
        for deed in ROOTS_DEEDS:
            # Not the milter itself: the sandbox would go with it.
            if MILTER not in deed:
                machine.run("sh", "-c", deed, may_fail=True)
    same(canary(machine), before, "root's file")


def test_attack_on_directories_that_changed_hands(machine):
    """what systemd gives back to the daemon's user at a start is not a link"""
    before = lay_canary(machine)
    machine.systemctl("stop", SERVICE, *SOCKETS)
    with attack(machine, *OURS, links=True):
        machine.run("chown", "root:root", *OURS)
        machine.run("rm", "-f", UNIX)
        machine.systemctl("start", SERVICE)
    same(canary(machine), before, "root's file")
    for directory in OURS:
        check(machine.owner(directory).startswith("%s:%s " % (USER, USER)),
              machine.owner(directory))
    same(machine.owner("/var/lib/mxdetour/lock").split()[0],
         "%s:%s" % (USER, USER), "a link that was there")


def test_attack_succeeds_where_root_keeps_a_socket(machine):
    """a held socket in /run/mxdetour would be root for the asking: our attacker
    is no straw man"""
    before = lay_canary(machine)
    machine.drop_in(SOCKETS[0], "[Socket]\nListenStream=%s\n"
                    "SocketUser=%s\nSocketGroup=%s\nRemoveOnStop=yes\n"
                    % ("/run/mxdetour/held", USER, USER))
    machine.systemctl("daemon-reload")
    with attack(machine, OURS[0]):
        def attempt():
            machine.run("sh", "-c", "systemctl restart %s" % SOCKETS[0],
                        may_fail=True)
            return canary(machine) != before
        wait("the attack to succeed", attempt)


def test_root_without_systemd(machine):
    """started by root, daemon and milter make no socket in a user's directory"""
    machine.systemctl("stop", SERVICE, *SOCKETS)
    before = lay_canary(machine)
    machine.write("/etc/milter.conf",
                  'milter = { listen = "unix:/run/mxdetour/milter"; };\n')
    with attack(machine, OURS[0]):
        for command in (["mxdetourd"],
                        ["mxdetour-milter", "-c", "/etc/milter.conf"]):
            place = machine.cursor()
            same(machine.run(*command, may_fail=True)[0], 1, command[0])
            wait("its reason", lambda: "/run/mxdetour is not root's alone"
                 in machine.journal(place))
    same(canary(machine), before, "root's file")


def documented_drop_in():
    """How docs/systemd.md has a unix socket held: unit, text, path."""
    block = re.search(r"```\n(\[Socket\]\n(?:.*\n)*?ListenStream=(/.*)\n"
                      r"(?:.*\n)*?)```", read("docs", "systemd.md"))
    check(block, "docs/systemd.md has no drop-in with a unix socket")
    return block.group(1), block.group(2)


def test_held_unix_socket(machine):
    """the documented drop-in holds a unix socket over a kill, and no attack
    reaches it"""
    text, path = documented_drop_in()
    machine.run("sh", "-c", "getent group postfix || groupadd -r postfix")
    machine.drop_in(SOCKETS[0], text)
    machine.systemctl("daemon-reload")
    before = lay_canary(machine)
    machine.systemctl("restart", SOCKETS[0], SERVICE)
    same(machine.owner(path), "root:postfix 660")
    same(machine.owner(os.path.dirname(path)), "root:root 755")
    with attack(machine, os.path.dirname(path)):
        with Lookups(machine, path) as lookups:
            for _ in range(2):
                kill_daemon(machine, "KILL")
                lookups.more()
    same(set(lookups.count), {"ok"}, "lookups")
    with attack(machine, os.path.dirname(path), *OURS):
        do_roots_deeds(machine)
    same(canary(machine), before, "root's file")


# -------------------------------------------------------------------- restart

def test_restart_loses_nothing(machine):
    """a restart with a good file succeeds, and refuses no lookup"""
    with Lookups(machine) as lookups:
        for _ in range(3):
            same(machine.systemctl("restart", SERVICE), 0)
            lookups.more()
    same(set(lookups.count), {"ok"}, "lookups")


def broken(machine):
    """Ways in which a start fails, and the word that says which."""
    number = add_to_conf(machine, "no_such_key = 1;")
    yield "%s:%d: unknown key no_such_key" % (CONF, number)
    mend_conf(machine)
    # What a check of the file cannot see.
    machine.shell_line(
        "sed -i 's|unix:/run/mxdetour/socketmap|unix:/run/no/such/map|' "
        + CONF)
    yield "cannot make directory /run/no/such"
    mend_conf(machine)


def test_restart_that_fails(machine):
    """a restart that fails says so, the mail system is refused, and one command
    brings all back"""
    for words in broken(machine):
        check(machine.systemctl("restart", SERVICE, may_fail=True) != 0,
              "systemctl was content")
        wait("refusal", lambda: states(machine) == REFUSING)
        same([machine.lookup(2527), machine.lookup(2528)], ["refused"] * 2)
        wait("the reason in the status",
             lambda: words in status(machine, SERVICE))
        for command in ("restart", "start"):
            # A try in the dark changes nothing.
            check(machine.systemctl(command, SERVICE, may_fail=True) != 0)
            wait("refusal", lambda: states(machine) == REFUSING)
            same(machine.lookup(), "refused")
    for command in ("restart", "start"):
        same(states(machine), REFUSING)
        same(machine.systemctl(command, SERVICE), 0)
        same(states(machine), UP)
        same(machine.lookup(), "ok")
        add_to_conf(machine, "no_such_key = 1;")
        machine.systemctl("restart", SERVICE, may_fail=True)
        wait("refusal", lambda: states(machine) == REFUSING)
        mend_conf(machine)


def test_start_that_hangs(machine):
    """a start that does not end is one that failed: the mail system is refused,
    and not kept waiting"""
    machine.shell_line("mkfifo /etc/mxdetour/hangs; sed -i 's|local_domain_"
                       "files = .*;|local_domain_files = [\"hangs\"];|' "
                       + CONF)
    machine.drop_in(SERVICE, "[Service]\nTimeoutStartSec=2s\n")
    machine.systemctl("daemon-reload")
    check(machine.systemctl("restart", SERVICE, may_fail=True) != 0,
          "systemctl was content")
    wait("refusal", lambda: states(machine) == REFUSING)
    same(machine.show(SERVICE, "Result"), "timeout")
    same([machine.lookup(2527), machine.lookup(2528)], ["refused"] * 2)
    mend_conf(machine)
    same(machine.systemctl("restart", SERVICE), 0)
    same(states(machine), UP)
    same(machine.lookup(), "ok")


def test_service_that_cannot_be_made(machine):
    """a service that systemd itself cannot start does not leave the sockets
    open, nor systemd without rest, and comes back when that is mended"""
    machine.drop_in(SERVICE, "[Service]\nEnvironmentFile=/no/such/file\n")
    machine.systemctl("daemon-reload")
    check(machine.systemctl("restart", SERVICE, may_fail=True) != 0,
          "systemctl was content")
    same(machine.show(SERVICE, "Result"), "resources")
    for _ in range(2):
        # The second time it was failed already before it failed.
        wait("refusal", lambda: machine.lookup() == "refused"
             and machine.state(TIMER) == "active")
        same([machine.lookup(2527), machine.lookup(2528)], ["refused"] * 2)
        wait("another try", lambda: machine.state(TIMER) == "inactive")
    machine.shell_line("rm /etc/systemd/system/%s.d/test.conf; "
                       "systemctl daemon-reload" % SERVICE)
    wait("an answer", lambda: machine.lookup() == "ok")
    wait("all to be up", lambda: states(machine) == UP)


def test_mended_file_is_found(machine):
    """after a failed start it is tried again, under lookups too, without a
    command"""
    add_to_conf(machine, "no_such_key = 1;")
    machine.systemctl("restart", SERVICE, may_fail=True)
    wait("refusal", lambda: states(machine) == REFUSING)
    with Lookups(machine) as lookups:
        lookups.more()
        place = machine.cursor()
        wait("another try", lambda: "no_such_key" in machine.journal(
            place, "-u", SERVICE))
        wait("refusal", lambda: states(machine) == REFUSING)
        check("ok" not in lookups.count, lookups.count)
        mend_conf(machine)
        wait("the service", lambda: states(machine) == UP)
        lookups.more()
    check(lookups.count.get("ok", 0) > 0, lookups.count)


def test_stop_ends_the_tries(machine):
    """after a failed start a stop is the end of it"""
    add_to_conf(machine, "no_such_key = 1;")
    machine.systemctl("restart", SERVICE, may_fail=True)
    wait("refusal", lambda: states(machine) == REFUSING)
    machine.systemctl("stop", SERVICE)
    same(states(machine)[1:], ["inactive"] * 3)


def test_restart_of_the_sockets(machine):
    """the socket units can be restarted, alone and with the service"""
    for units in (SOCKETS[:1], SOCKETS[1:], SOCKETS, SOCKETS + (SERVICE,)):
        same(machine.systemctl("restart", *units), 0, units)
        wait("all to be up", lambda: states(machine) == UP)
        same([machine.lookup(2527), machine.lookup(UNIX)], ["ok", "ok"])
    number = add_to_conf(machine, "no_such_key = 1;")
    check(machine.systemctl("restart", *SOCKETS, SERVICE, may_fail=True) != 0,
          "line %d did not matter" % number)
    wait("refusal", lambda: states(machine) == REFUSING)


def documented_sequence(after):
    """The commands of the first code block after a heading of
    docs/systemd.md."""
    block = read("docs", "systemd.md").split("\n## %s\n" % after)[1]
    lines = re.findall(r"^    (systemctl .*)$", block.split("\n## ")[0], re.M)
    check(lines, "docs/systemd.md has no commands below", after)
    return [line.split("#")[0].strip() for line in lines
            if not line.startswith("systemctl edit")]


def test_other_addresses(machine):
    """socket units and listen move to other ports, root's alone, by the
    documented commands"""
    for unit, old, new in zip(SOCKETS, (2527, 2528), (527, 528)):
        machine.drop_in(unit, "[Socket]\nListenStream=\n"
                        "ListenStream=127.0.0.1:%d\n" % new)
        machine.shell_line("sed -i 's/127.0.0.1:%d/127.0.0.1:%d/' %s"
                           % (old, new, CONF))
    for line in documented_sequence("Other addresses"):
        machine.shell_line(line)
    same(states(machine), UP)
    same([machine.lookup(port) for port in (527, 2527)], ["ok", "refused"])
    with machine.connect(528) as policy:
        policy.sendall(b"request=smtpd_access_policy\nrecipient=u\n\n")
        same(policy.recv(64), b"action=DUNNO\n\n", "policy")
    pid = machine.main_pid(SERVICE)
    log = machine.journal("_PID=%d" % pid)
    same(len(re.findall("from=supervisor", log)), 2, log)


# ---------------------------------------------------------------------- crash

def kill_daemon(machine, signal):
    """Sends a signal that ends it, and waits for the next one to be ready."""
    pid = wait("a main process", lambda: machine.main_pid(SERVICE))
    machine.run("kill", "-s", signal, str(pid))
    wait("another one", lambda: machine.main_pid(SERVICE) not in (0, pid)
         and machine.state(SERVICE) == "active")


def test_kills_in_a_row(machine):
    """kill -9 again and again: it comes back, and refuses no lookup"""
    with Lookups(machine) as lookups:
        for _ in range(4):
            kill_daemon(machine, "KILL")
            lookups.more()
    same(set(lookups.count), {"ok"}, "lookups")
    wait("the end of it", lambda: states(machine) == UP)


def test_crashes_at_each_start(machine):
    """one that crashes at each start is never given up, nor its sockets"""
    machine.drop_in(SERVICE, "[Service]\nExecStart=\n"
                    "ExecStart=/bin/sh -c 'kill -SEGV $$$$'\n")
    machine.systemctl("daemon-reload")
    machine.systemctl("restart", SERVICE, may_fail=True)
    results = []
    asker = threading.Thread(target=lambda: results.append(machine.lookup()),
                             daemon=True)
    asker.start()
    before = int(machine.show(SERVICE, "NRestarts"))
    wait("more crashes than a start limit allows", lambda: int(
        machine.show(SERVICE, "NRestarts")) >= before + 6)
    same([machine.state(unit) for unit in SOCKETS], ["active"] * 2)
    same(results, [], "the lookup that waits")
    machine.shell_line("rm /etc/systemd/system/%s.d/test.conf; "
                       "systemctl daemon-reload" % SERVICE)
    asker.join()
    same(results, ["ok"])


def test_ended_by_hand(machine):
    """kill PID is a restart, too, with the sockets held"""
    with Lookups(machine) as lookups:
        kill_daemon(machine, "TERM")
        lookups.more()
    same(set(lookups.count), {"ok"}, "lookups")


def test_watchdog(machine):
    """one that hangs is replaced, and who asked meanwhile is answered"""
    pid = machine.main_pid(SERVICE)
    place = machine.cursor()
    machine.run("kill", "-STOP", str(pid))
    same(machine.lookup(), "ok")
    check(machine.main_pid(SERVICE) != pid, "it is still there")
    same(machine.show(SERVICE, "WatchdogUSec"), "10s")
    wait("the watchdog's word", lambda: "Watchdog timeout"
         in machine.journal(place, "UNIT=" + SERVICE))
    same(states(machine), UP)


# --------------------------------------------------------------------- reload

def test_reload(machine):
    """a reload takes a good file; a bad one fails it, and changes nothing"""
    pid = machine.main_pid(SERVICE)
    place = machine.cursor()
    same(machine.systemctl("reload", SERVICE), 0)
    wait("the reload", lambda: "reload=done" in machine.journal(
        place, "-u", SERVICE))
    wait("its end", lambda: machine.state(SERVICE) == "active")
    number = add_to_conf(machine, "no_such_key = 1;")
    check(machine.systemctl("reload", SERVICE, may_fail=True) != 0,
          "systemctl was content")
    check("%s:%d: " % (CONF, number) in machine.journal(place, "-u", SERVICE))
    # By the signal alone it is for the daemon to say so.
    machine.run("kill", "-HUP", str(pid))
    wait("its word", lambda: "%s:%d: " % (CONF, number)
         in machine.show(SERVICE, "StatusText"))
    mend_conf(machine)
    same(machine.systemctl("reload", SERVICE), 0)
    wait("the reload", lambda: machine.show(SERVICE, "StatusText") == "")
    same(machine.main_pid(SERVICE), pid, "the same process")
    same(states(machine), UP)


# --------------------------------------------------------------------- milter

def negotiate(machine):
    """Whether the filter answers as a filter does (SMFIC_OPTNEG)."""
    try:
        with machine.connect(2530) as sock:
            sock.sendall(b"\0\0\0\x0dO" + b"\0\0\0\x06" + b"\0\0\x01\xff"
                         + b"\0\x1f\xff\xff")
            return sock.recv(64)[4:5] == b"O"
    except ConnectionRefusedError:
        return False


def test_milter(machine):
    """the milter starts, fails to start visibly, and comes back by itself"""
    same(machine.systemctl("enable", "--now", MILTER), 0)
    check(negotiate(machine), "no answer")
    pid = machine.main_pid(MILTER)
    machine.run("kill", "-9", str(pid))
    wait("another one", lambda: machine.main_pid(MILTER) not in (0, pid))
    wait("its answer", lambda: negotiate(machine))
    number = add_to_conf(machine, "no_such_key = 1;")
    check(machine.systemctl("restart", MILTER, may_fail=True) != 0,
          "systemctl was content")
    check(not negotiate(machine), "who answers?")
    wait("the reason in the status",
         lambda: "%s:%d: " % (CONF, number) in status(machine, MILTER))
    mend_conf(machine)
    wait("the milter", lambda: machine.state(MILTER) == "active")
    check(negotiate(machine), "no answer")
    machine.systemctl("disable", MILTER)


# ------------------------------------------------------------------------ log

def test_log_is_not_thinned_out(machine):
    """the journal drops no line of ours, however many a second"""
    # Small: what it allows by default grows with the disk.
    machine.write("/etc/systemd/journald.conf.d/test.conf",
                  "[Journal]\nRateLimitIntervalSec=600s\nRateLimitBurst=50\n")
    machine.systemctl("restart", "systemd-journald")
    machine.shell_line("sed -i 's/lookups = \"changed\"/lookups = \"all\"/' "
                       + CONF)
    machine.systemctl("restart", SERVICE)
    same(machine.lookup(), "ok")
    lines, place = 3000, machine.cursor()
    with machine.connect(2527) as sock:
        for number in range(lines):
            key = b"transport u@n%d.test" % number
            sock.sendall(b"%d:%s," % (len(key), key))
            check(sock.recv(64), "the connection ended")

    def arrived():
        text = machine.journal(place, "-u", SERVICE)
        lost = re.findall(r"log dropped=([0-9]+)", text)  # it was told so
        return len(re.findall("^lookup ", text, re.M)) + sum(map(int, lost))
    wait("all lines, or word of them", lambda: arrived() >= lines)
    machine.run("rm", "/etc/systemd/journald.conf.d/test.conf")
    machine.systemctl("restart", "systemd-journald")


# ---------------------------------------------------------------- second boot

def test_second_boot(machine):
    """after a power failure all is up again, and belongs to whom it should"""
    machine.halt()
    machine.boot()
    wait("the service", lambda: states(machine) == UP)
    same(machine.lookup(), "ok")
    wait("the unix socket", lambda: machine.is_socket(UNIX))
    same(machine.owner(OURS[0]), "%s:%s 755" % (USER, USER))
    # A bad file at boot: up but for us, and the mail system is refused.
    add_to_conf(machine, "no_such_key = 1;")
    machine.halt()
    machine.boot()
    wait("refusal", lambda: states(machine) == REFUSING)
    same(machine.lookup(), "refused")


# ------------------------------------------------------------------ uninstall

def test_uninstall(machine):
    """taken off as documented nothing of it runs, and no unit is left"""
    machine.systemctl("start", MILTER)
    before, after = documented_sequence("Taking it off")
    machine.shell_line(before)
    same([machine.state(unit) for unit in UNITS], ["inactive"] * len(UNITS))
    make(machine, machine.build, "uninstall")
    machine.shell_line(after)
    same([machine.lookup(2527), machine.lookup(2528)], ["refused"] * 2)
    same([machine.show(unit, "LoadState") for unit in UNITS],
         ["not-found"] * len(UNITS))
    same(machine.run("find", "/etc/systemd/system", "/usr/local",
                     "-name", "*mxdetour*", "-not", "-type", "d")[1], "")
    # As it was: whatever comes next has it.
    install(machine, machine.build)
