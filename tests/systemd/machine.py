# SPDX-License-Identifier: MIT
"""A machine of its own: a real systemd as PID 1 of namespaces over a tmpfs.

Root is an overlay over this machine's: nothing of this machine changes, and
what the machine changed is still there after a second boot. Network, processes,
mounts and cgroups are its own. All of it goes with the process that made it.
"""

import functools
import json
import os
import re
import socket
import stat
import subprocess

import util
from util import Failure, check, die_with_parent, inside_netns

LIMIT = 60.0  # seconds; nothing here asserts speed, so be generous
HERE = os.path.dirname(os.path.abspath(__file__))
CGROUP_NAME = re.compile(r"mxdsystemd([0-9]+)\Z")
SYSTEMD = "/lib/systemd/systemd"

SERVICE, MILTER = "mxdetour.service", "mxdetour-milter.service"
SOCKETS = ("mxdetour-socketmap.socket", "mxdetour-policy.socket")
TIMER = "mxdetour-retry.timer"
UNITS = (SERVICE, MILTER, TIMER) + SOCKETS
CONF = "/etc/mxdetour/mxdetour.conf"

# What commands on the machine find: our own caller's PATH may lead to programs
# that other users cannot run.
ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:"
                       "/sbin:/bin", "LC_ALL": "C.UTF-8"}

# Polls until a condition is true and returns its value.
wait = functools.partial(util.wait, limit=LIMIT, pause=0.05)


def same(got, wanted, what=""):
    """Fails the scenario unless both are the same."""
    check(got == wanted, "%s: got %r, wanted %r" % (what, got, wanted))


def hierarchy():
    """(where, how to mount it) of the cgroup hierarchy that systemd is given:
    the unified one, else the named one of cgroup v1; None: neither."""
    named = None
    with open("/proc/self/mountinfo", encoding="utf-8") as mounts:
        for line in mounts:
            left, right = line.rstrip("\n").split(" - ")
            root, where = left.split()[3:5]
            kind, _, options = right.split(None, 2)
            if root != "/" or "ro" in left.split()[5].split(","):
                continue
            if kind == "cgroup2":
                return where, "cgroup2"
            if kind == "cgroup" and "name=systemd" in options:
                named = where, "named"
    return named


def remove_cgroup(path):
    """Removes a tree of cgroups without processes; False: some is in use."""
    try:
        for there, _, _ in os.walk(path, topdown=False):
            os.rmdir(there)
    except FileNotFoundError:
        pass
    except OSError:
        return False
    return True


def sweep(where):
    """Removes the cgroups of runs that were killed before they could."""
    for name in os.listdir(where):
        match = CGROUP_NAME.match(name)
        if match and not os.path.exists("/proc/" + match.group(1)):
            remove_cgroup(os.path.join(where, name))


class Machine:
    """Boots, runs commands, answers questions about units and files."""

    def __init__(self, home):
        self.home = home  # of a tmpfs of ours
        self.where, self.how = hierarchy()
        self.cgroup = os.path.join(self.where, "mxdsystemd%d" % os.getpid())
        self.console = os.path.join(home, "console")
        self.build = None  # what is installed on it
        self.shell = None  # the process of unshare(1)
        self.pid = None    # systemd's, as we see it

    # life ---------------------------------------------------------------

    def boot(self):
        """Returns when systemd says that it is up."""
        os.makedirs(self.cgroup, exist_ok=True)

        def enter():
            die_with_parent()
            with open(self.cgroup + "/cgroup.procs", "w") as procs:
                procs.write("0")
        with open(self.console, "ab") as console:
            self.shell = subprocess.Popen(
                ["unshare", "--mount", "--pid", "--uts", "--ipc", "--net",
                 "--cgroup", "--fork", "--kill-child", "bash",
                 os.path.join(HERE, "boot.sh"), self.home, self.how],
                stdin=subprocess.DEVNULL, stdout=console, stderr=console,
                preexec_fn=enter)
        wait("systemd", self._find_pid)
        wait("the end of the boot", lambda: self.run(
            "systemctl", "is-system-running", may_fail=True)[1].strip()
            in ("running", "degraded"))

    def _find_pid(self):
        check(self.shell.poll() is None, "it does not boot:\n" + self.said())
        try:
            with open("/proc/%d/task/%d/children"
                      % (self.shell.pid, self.shell.pid)) as children:
                child = int(children.read().split()[0])
            with open("/proc/%d/comm" % child) as comm:
                if comm.read().strip() != "systemd":
                    return False
        except (IndexError, FileNotFoundError):
            return False
        self.pid = child
        return True

    def halt(self):
        """Power off, by the plug."""
        if self.shell is not None:
            self.shell.kill()  # and with it all of its processes
            self.shell.wait()
            wait("the end of its processes",
                 lambda: remove_cgroup(self.cgroup))
        self.shell = self.pid = None

    def said(self):
        """What came on its console."""
        with open(self.console, encoding="utf-8", errors="replace") as text:
            return text.read()

    # commands -----------------------------------------------------------

    def argv(self, *argv, user=None, namespaces_of=None):
        """The command line that runs argv on it, as root or as `user`."""
        if user is not None:
            argv = ("setpriv", "--reuid", user, "--regid", user,
                    "--clear-groups", "--no-new-privs") + argv
        enter = ["nsenter", "-t", str(self.pid), "-a", "--"]
        if namespaces_of is not None:  # a pid of its own: its sandbox
            enter += ["nsenter", "-t", str(namespaces_of), "-m", "--"]
        return enter + list(argv)

    def run(self, *argv, may_fail=False, **keys):
        """Runs a command to its end: (status, stdout, stderr)."""
        done = subprocess.run(
            self.argv(*argv, **keys), stdin=subprocess.DEVNULL,
            env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            universal_newlines=True, timeout=2 * LIMIT)
        if done.returncode != 0 and not may_fail:
            raise Failure("%s: exit %d: %s" % (
                " ".join(argv), done.returncode, done.stderr.strip()))
        return done.returncode, done.stdout, done.stderr

    def shell_line(self, line):
        """A line as an operator types it; returns what it printed."""
        return self.run("sh", "-ec", line)[1]

    def systemctl(self, *argv, may_fail=False):
        """Returns the exit status."""
        return self.run("systemctl", "--no-pager", *argv,
                        may_fail=may_fail)[0]

    def background(self, *argv, **keys):
        """Starts a command that goes when its standard input ends: that is the
        caller's, and goes with us."""
        return subprocess.Popen(
            self.argv(*argv, **keys), stdin=subprocess.PIPE, env=ENVIRONMENT,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)

    # files --------------------------------------------------------------

    def path(self, name):
        """Where a file of it is for us. Links in it would lead astray."""
        return "/proc/%d/root%s" % (self.pid, name)

    def write(self, name, text):
        """Writes a file, and makes its directory."""
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)

    def owner(self, name):
        """"user:group mode" of a file."""
        return self.run("stat", "-c", "%U:%G %a", name)[1].strip()

    # units --------------------------------------------------------------

    def show(self, unit, *names):
        """The values of a unit's properties."""
        out = self.run("systemctl", "show", unit, "-p", ",".join(names))[1]
        values = dict(line.split("=", 1) for line in out.splitlines())
        got = [values[name] for name in names]
        return got[0] if len(got) == 1 else got

    def state(self, unit):
        """"active", "inactive", "failed", "activating"..."""
        return self.show(unit, "ActiveState")

    def main_pid(self, unit):
        """On the machine; 0: none."""
        return int(self.show(unit, "MainPID"))

    def drop_in(self, unit, text):
        """What `systemctl edit` would write."""
        self.write("/etc/systemd/system/%s.d/test.conf" % unit, text)

    def journal(self, *match):
        """The messages that match, one a line."""
        return self.run("journalctl", "-q", "-o", "cat", *match)[1]

    def cursor(self):
        """A place in the journal, for --after-cursor."""
        out = self.run("journalctl", "-q", "-n", "1", "-o", "json")[1]
        return "--after-cursor=" + json.loads(out)["__CURSOR"]

    # clients ------------------------------------------------------------

    def net(self):
        """Sockets that this thread makes in the block are the machine's."""
        return inside_netns("/proc/%d/ns/net" % self.pid)

    def connect(self, where):
        """A connection to a port of 127.0.0.1, or to the path of a socket."""
        if isinstance(where, str):
            sock = socket.socket(socket.AF_UNIX)
            sock.settimeout(LIMIT)
            sock.connect(self.path(where))
            return sock
        with self.net():
            return socket.create_connection(("127.0.0.1", where), LIMIT)

    def lookup(self, where=2527):
        """"ok", "refused" or "cut": how one lookup over a new connection
        ends."""
        try:
            with self.connect(where) as sock:
                sock.sendall(b"11:transport *,")
                answer = sock.recv(64)
        except (ConnectionRefusedError, FileNotFoundError):
            return "refused"
        except (ConnectionResetError, BrokenPipeError):
            return "cut"
        return {b"9:NOTFOUND ,": "ok", b"": "cut"}.get(answer, repr(answer))

    def is_socket(self, name):
        """Whether a socket's file stands there, itself."""
        try:
            return stat.S_ISSOCK(os.lstat(self.path(name)).st_mode)
        except FileNotFoundError:
            return False
