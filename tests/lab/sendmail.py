# SPDX-License-Identifier: MIT
"""A private Sendmail in the operator's namespace, as docs/sendmail.md wires it.

Sendmail comes unpacked from scripts/install-deps. Its configuration is made
with m4 from lines of the lab and from the document's own lines: the fenced
blocks of docs/sendmail.md whose info string has a second word are named by it.

Everything lies below one directory in /run, as Sendmail refuses files below a
directory that others can write to, /tmp for one. It logs by syslog(3) only, so
each of its processes has a /dev of its own whose log is a socket of ours; and
its own host name, as it takes names from uname(2).
"""

import functools
import os
import re
import shutil
import socket
import tempfile
import threading

from util import (LIMIT, Failure, Reaper, Unavailable, check, read, run, spawn,
                  stop, wait)

ROOT = "/var/cache/mxdetour-lab/sendmail"
PROGRAM = ROOT + "/usr/libexec/sendmail/sendmail"
CF_DIR = ROOT + "/usr/share/sendmail/cf/"
DOCUMENT = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                        "..", "..", "docs", "sendmail.md")
TOOLS = ("m4", "unshare", "mount", "hostname")

# Arguments: the home directory, and the command to become.
INSIDE = """
set -e
hostname op.isp.example
mount -t tmpfs tmpfs "$0/dev"
for name in null zero random urandom; do
    touch "$0/dev/$name"
    mount --bind "/dev/$name" "$0/dev/$name"
done
ln -s "$0/syslog" "$0/dev/log"
mount --rbind "$0/dev" /dev
exec "$@"
"""

# Local mail ends in one file: no mailbox or program of the machine is near. How
# busy the machine is changes nothing.
COMMON = """divert(0)dnl
OSTYPE(`linux')dnl
define(`confDOMAIN_NAME', `op.isp.example')dnl
define(`confPID_FILE', `%(home)s/%(name)s.pid')dnl
define(`confSERVICE_SWITCH_FILE', `%(home)s/service.switch')dnl
define(`confTO_IDENT', `0')dnl
define(`STATUS_FILE', `%(home)s/statistics')dnl
"""
MTA = COMMON + """define(`QUEUE_DIR', `%(home)s/queue')dnl
define(`confFORWARD_PATH', `')dnl
define(`confQUEUE_LA', `9999')dnl
define(`confREFUSE_LA', `9999')dnl
define(`confDELAY_LA', `9999')dnl
define(`confTO_ICONNECT', `1s')dnl
define(`confTO_CONNECT', `1s')dnl
define(`LOCAL_MAILER_PATH', `/bin/sh')dnl
define(`LOCAL_MAILER_ARGS', `sh -c cat>>%(home)s/inbox $u')dnl
define(`LOCAL_MAILER_FLAGS', `SPhn')dnl
MODIFY_MAILER_FLAGS(`LOCAL', `-Aw5:/|@')dnl
LOCAL_DOMAIN(`isp.example filtered.example')dnl
RELAY_DOMAIN(`hosted.example aliased.example')dnl
FEATURE(`no_default_msa')dnl
DAEMON_OPTIONS(`Port=smtp, Name=MTA')dnl
%(before)sMAILER(`local')dnl
MAILER(`smtp')dnl
%(after)s"""
# What sendmail(1) reads: it hands all mail to the MTA by SMTP.
MSP = COMMON + """define(`MSP_QUEUE_DIR', `%(home)s/client-queue')dnl
define(`confRUN_AS_USER', `nobody')dnl
FEATURE(`msp', `[127.0.0.1]')dnl
"""

# The document's blocks that stand after the MAILER lines.
LAST = ("mailer", "own", "learn")

FENCE = re.compile(r"^```\S+ (\S+)\n(.*?)^```$", re.M | re.S)
DELIVERY = re.compile(
    r"^\S+\[\d+\]: (?P<qid>\w+): to=(?P<to>\S+), (?P<rest>.*)$", re.M)
FIELD = re.compile(r"(\w+)=(.*?)(?=, \w+=|$)")


@functools.lru_cache(maxsize=None)
def documented(name):
    """A named block of docs/sendmail.md."""
    blocks = dict(FENCE.findall(read(DOCUMENT)))
    check(name in blocks, "docs/sendmail.md has no block %r" % name)
    return blocks[name]


class Syslog:
    """Plays syslogd: whatever comes to the socket goes to a file.

    Only root's processes may write to it; sendmail(1), which becomes another
    user, leaves no lines that could be taken for the daemon's.
    """

    def __init__(self, path, log_file):
        self.log_file = log_file
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.sock.bind(path)
        self.path = path
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self):
        with open(self.log_file, "a", encoding="utf-8") as log:
            while True:
                text = self.sock.recv(65536).decode("utf-8", "replace")
                if not text:
                    return
                # <22>Sep  9 12:00:00 sm-mta[42]: text
                log.write(re.sub(r"^<\d+>.{16}", "", text).rstrip() + "\n")
                log.flush()

    def close(self):
        """Ends the thread."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as poke:
            poke.sendto(b"", self.path)
        self.thread.join(10)
        self.sock.close()


class Sendmail:
    """One instance: start, stop, send, run the queue, look at log and queue."""

    def __init__(self, net, keep=False):
        self.net, self.keep = net, keep
        if not os.access(PROGRAM, os.X_OK):
            raise Unavailable("no Sendmail below %s (scripts/install-deps "
                              "--tests)" % ROOT)
        for tool in TOOLS:
            if shutil.which(tool) is None:
                raise Unavailable("needs " + tool)
        self.home = tempfile.mkdtemp(prefix="mxdetour-lab.", dir="/run")
        if not keep:
            Reaper.tell("directory", self.home)
        os.chmod(self.home, 0o755)
        for name in ("dev", "queue", "client-queue"):
            os.mkdir(self._path(name), 0o700)
        shutil.chown(self._path("client-queue"), "nobody", "nogroup")
        os.chmod(self._path("client-queue"), 0o770)
        with open(self._path("service.switch"), "w") as f:
            f.write("hosts files dns\naliases files\n")
        self.syslog = Syslog(self._path("syslog"), self._path("mail.log"))
        self.child = None

    def _path(self, name):
        return os.path.join(self.home, name)

    def _argv(self, unshare, *argv):
        return self.net.argv("op", ["unshare", "--mount", "--uts"]
                             + list(unshare)
                             + ["sh", "-c", INSIDE, self.home, PROGRAM]
                             + list(argv))

    def configure(self, *blocks):
        """Makes both .cf files, with these blocks of the document."""
        values = {"home": self.home,
                  "before": "".join(documented(b) for b in blocks
                                    if b not in LAST),
                  "after": "".join(documented(b) for b in blocks if b in LAST)}
        for name, text in (("sendmail", MTA), ("submit", MSP)):
            text = text % dict(values, name=name)
            with open(self._path(name + ".mc"), "w") as f:
                f.write(text.replace("/etc/mail/", self.home + "/"))
            cf = run(["m4", "-D_CF_DIR_=" + CF_DIR, CF_DIR + "m4/cf.m4",
                      self._path(name + ".mc")])[1]
            with open(self._path(name + ".cf"), "w") as f:
                f.write(cf)

    def write_table(self, text):
        """Makes the admin's own mailertable, as in /etc/mail."""
        run([ROOT + "/usr/libexec/sendmail/makemap", "-C",
             self._path("sendmail.cf"), "hash", self._path("mailertable")],
            stdin=text)

    def start(self, *options):
        """Starts the daemon; without a queue runner there is run_queue()."""
        with open(self._path("stderr"), "a") as errors:
            # As the first process of a namespace it takes all with it when
            # it goes: each delivery is a session of its own.
            self.child = spawn(
                self._argv(["--pid", "--fork", "--kill-child"], "-C",
                           self._path("sendmail.cf"), "-bD", *options),
                stderr=errors)
        wait("Sendmail to start", self._is_up)

    def _is_up(self):
        if self.child.poll() is not None:
            raise Failure("Sendmail exited %d: %s\n%s" % (
                self.child.returncode, read(self._path("stderr")),
                self.log()))
        with self.net.inside("op"), socket.socket() as sock:
            return sock.connect_ex(("127.0.0.1", 25)) == 0

    def stop(self):
        """Kills the daemon and its children: unshare(1) lets no SIGTERM by."""
        child, self.child = self.child, None
        if child is not None:
            child.kill()
            stop(child)

    def close(self):
        """Ends everything and removes the files, unless they are kept."""
        self.stop()
        self.syslog.close()
        if self.keep:
            print("# files: " + self.home)
        else:
            shutil.rmtree(self.home, ignore_errors=True)

    def tool(self, *args, cf="sendmail.cf", **keys):
        """Runs sendmail(8) with these arguments: (status, stdout, stderr)."""
        return run(self._argv([], "-C", self._path(cf), *args), **keys)

    def run_queue(self, cf="sendmail.cf"):
        """Tries all queued mail now, and waits for the end of it."""
        self.tool("-qf", cf=cf)

    def submit(self, *recipients, sender="sender@isp.example"):
        """Puts a message in by `sendmail -t`."""
        self.tool("-t", "-i", "-f", sender, cf="submit.cf",
                  stdin="From: <%s>\nTo: <%s>\nSubject: lab\n\nHello.\n" % (
                      sender, ">, <".join(recipients)))

    def ask(self, key):
        """What the map says, by `sendmail -bt`: None for no match."""
        out = self.tool("-bt", stdin="/map mailertable %s\n" % key)[1]
        found = re.search(r" returns (.*) \(0\)$", out, re.M)
        return found.group(1) if found else None

    def log(self):
        """The whole mail log."""
        return read(self._path("mail.log"))

    def deliveries(self, recipient):
        """The delivery lines about a recipient, in order, as dicts."""
        out = []
        for match in DELIVERY.finditer(self.log()):
            if "<%s>" % recipient in match.group("to").split(","):
                out.append(dict(FIELD.findall(match.group("rest"))))
        return out

    def wait_delivery(self, recipient, stat, limit=LIMIT):
        """Waits for a delivery line whose stat begins so; returns it."""
        return wait("%s to be %s" % (recipient, stat), lambda: [
            d for d in self.deliveries(recipient)
            if d["stat"].startswith(stat)], limit)[-1]

    def mailq(self):
        """The queue, for people."""
        return self.tool("-bp", may_fail=True)[1]

    def is_queued(self, recipient):
        """Whether the queue has a message for the recipient."""
        return "<%s>" % recipient in self.mailq()

    def inbox(self):
        """All local mail, as one text."""
        return read(self._path("inbox"))
