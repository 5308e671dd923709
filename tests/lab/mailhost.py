# SPDX-License-Identifier: MIT
"""The operator's machine: Postfix and, when asked for, mxdetourd.

Postfix is wired as the documentation of mxdetour says. Local mail ends in a
Maildir below the lab's directory, by virtual(8).
"""

import itertools
import os
import re
import shutil
import signal
import smtplib
import socket

import recorder
from net import DNS4, OP4, OP4_ALIAS, OP6
from postfix import Postfix
from util import (LIMIT, Failure, Unavailable, check, read, spawn, stop, wait)

SOCKETMAP = ("127.0.0.1", 2527)
POLICY = ("127.0.0.1", 2528)
NOBODY = 65534

TRANSPORT_MAP = "socketmap:inet:127.0.0.1:2527:transport"
DNSFILTER_MAP = "socketmap:inet:127.0.0.1:2527:dnsfilter"
POLICY_SERVICE = ("check_policy_service { inet:127.0.0.1:2528, timeout=15s, "
                  "try_limit=1, default_action=DUNNO }")
MILTER_SETTINGS = {"smtpd_milters": "inet:127.0.0.1:2530",
                   "non_smtpd_milters": "inet:127.0.0.1:2530",
                   "milter_default_action": "accept"}
# Mail to good.example is put on hold, so that the queue manager's lookup can be
# told from the one at RCPT.
HELD_SETTINGS = {"smtpd_recipient_restrictions":
                 "check_recipient_access inline:{ { good.example = HOLD } }, "
                 "permit"}
RELAY1 = "[relay1.example.net]:587"
RELAY2 = "[relay2.example.net]:587"
DETOUR = ("detour unix - - n - - smtp",
          "  -o syslog_name=postfix/detour",
          "  -o smtp_fallback_relay=",
          "  -o soft_bounce=yes")

LINE = re.compile(r"(?:^|\s)(lookup|mail|endpoint|transitions?|change|uplink"
                  r"|relay|dns)\s+(\w+=.*)$")

# Takes over listening sockets as systemd would, then becomes the daemon.
HANDOVER = """
import os, sys
fds = [int(f) for f in sys.argv[1].split(",")]
high = [os.dup2(fd, 100 + i) for i, fd in enumerate(fds)]
for i, fd in enumerate(high):
    os.dup2(fd, 3 + i)
    os.close(fd)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(fds)))
if sys.argv[2]:
    os.environ["LISTEN_FDNAMES"] = sys.argv[2]
os.execv(sys.argv[3], sys.argv[3:])
"""


def base_config():
    """mxdetour.conf of the lab: short timers, private addresses allowed."""
    return {
        "mode": "enforce",
        "listen": {"socketmap": ["inet:127.0.0.1:2527"],
                   "policy": ["inet:127.0.0.1:2528"], "http": []},
        "self": {"names": ["op.isp.example"],
                 "addresses": [OP4, OP4_ALIAS, OP6],
                 "local_domains": ["isp.example", "filtered.example"]},
        "dns": {"servers": [DNS4]},
        "probe": {"allow_private": True, "helo": "op.isp.example",
                  "connect_timeout": "1s", "greeting_timeout": "5s",
                  "reply_timeout": "5s",
                  "fast_interval": "1s", "interval": "2s",
                  "down_interval": "1s", "down_interval_max": "2s"},
        "relays": [
            {"name": "us1", "nexthop": RELAY1, "transport": "detour",
             "priority": 1},
            {"name": "us2", "nexthop": RELAY2, "transport": "detour",
             "priority": 2},
        ],
        "log": {"to": "stderr", "level": "info", "lookups": "all"},
    }


def merge(base, changes):
    """A copy of base with changes laid over it, group by group."""
    out = dict(base)
    for key, value in changes.items():
        if isinstance(value, dict) and isinstance(out.get(key), dict):
            out[key] = merge(out[key], value)
        else:
            out[key] = value
    return out


def libconfig(value):
    """A Python value in libconfig's syntax."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        return '"%s"' % value.replace("\\", "\\\\").replace('"', '\\"')
    if isinstance(value, dict):
        return "{ %s }" % " ".join(
            "%s = %s;" % (k, libconfig(v)) for k, v in value.items())
    inner = ", ".join(libconfig(v) for v in value)
    return ("( %s )" if any(isinstance(v, dict) for v in value)
            else "[ %s ]") % inner


def config_text(settings):
    """A whole file."""
    return "".join("%s = %s;\n" % (k, libconfig(v))
                   for k, v in settings.items())


class Program:
    """A program of ours in the operator's namespace, and its log."""

    def __init__(self, net, name, program, log_file):
        self.net, self.name, self.program = net, name, program
        self.log_file = log_file
        self.child = None

    def spawn(self, argv, **keys):
        """Starts it with its log on standard error."""
        with open(self.log_file, "a") as log:
            self.child = spawn(self.net.argv("op", argv), stderr=log,
                               stdout=log, **keys)

    def check_alive(self):
        """Fails when the daemon ended by itself."""
        if self.child is not None and self.child.poll() is not None:
            raise Failure("%s ended by itself, status %d" % (
                self.name, self.child.returncode))

    def signal(self, number):
        """Sends a signal to it alone."""
        os.kill(self.child.pid, number)

    def kill(self):
        """Kill -9, as the machine's memory killer does."""
        self.signal(signal.SIGKILL)
        self.child.wait()
        self.child = None

    def terminate(self):
        """SIGTERM; it has to end cleanly."""
        child, self.child = self.child, None
        child.terminate()
        child.wait(LIMIT)
        check(child.returncode == 0,
              "%s: status %d after SIGTERM" % (self.name, child.returncode))

    def finish(self):
        """At a scenario's end: still alive, and ends cleanly when told to."""
        if self.child is not None:
            self.check_alive()
            self.terminate()

    def log(self):
        """Everything it logged in this scenario."""
        return read(self.log_file)

    def lines(self, subject, **wanted):
        """Decision lines as dicts: lines("lookup", route="relay")."""
        out = []
        for line in self.log().splitlines():
            match = LINE.search(line)
            if not match or match.group(1) != subject:
                continue
            fields = dict(f.split("=", 1) for f in match.group(2).split()
                          if "=" in f)
            if all(fields.get(k) == v for k, v in wanted.items()):
                out.append(fields)
        return out

    def wait_line(self, subject, **wanted):
        """Waits for such a decision line and returns the last one."""
        return wait("a line '%s %s' of %s" % (
            subject, " ".join("%s=%s" % i for i in wanted.items()),
            self.name),
            lambda: self.lines(subject, **wanted))[-1]


class Daemon(Program):
    """mxdetourd; it may have its sockets from us."""

    def __init__(self, net, home, program):
        super().__init__(net, "mxdetourd", program,
                         os.path.join(home, "mxdetourd.log"))
        self.home = home
        self.config = os.path.join(home, "mxdetour.conf")
        self.held = []
        self.held_names = ""
        self.settings = {}

    def begin(self):
        """A new scenario: no memory, no log."""
        self.stop()
        shutil.rmtree(self.home, ignore_errors=True)
        os.makedirs(self.home)

    def configure(self, changes):
        """Writes the configuration: the lab's, with changes."""
        base = base_config()
        base["store"] = {"path": os.path.join(self.home, "state.db")}
        self.settings = merge(base, changes)
        self.write(config_text(self.settings))

    def write(self, text):
        """Replaces the configuration file by any text."""
        with open(self.config + ".new", "w") as f:
            f.write(text)
        os.rename(self.config + ".new", self.config)

    def hold_sockets(self, services=("socketmap", "policy"), named=True):
        """Listens in the daemon's place, as a supervisor does."""
        self.held_names = ":".join(services) if named else ""
        with self.net.inside("op"):
            for service in services:
                sock = socket.socket()
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                sock.bind({"socketmap": SOCKETMAP, "policy": POLICY}[service])
                sock.listen(512)
                self.held.append(sock)

    def start(self):
        """Starts the daemon and waits until it answers."""
        if not self.program:
            raise Unavailable("no mxdetourd (set MXDETOURD)")
        argv = [self.program, "-c", self.config]
        fds = [s.fileno() for s in self.held]
        if fds:
            argv = ["/usr/bin/python3", "-c", HANDOVER,
                    ",".join(map(str, fds)), self.held_names] + argv
        self.spawn(argv, pass_fds=fds)
        wait("mxdetourd to answer", self._answers)

    def _answers(self):
        self.check_alive()
        try:
            return recorder.ask(self.net, "op", SOCKETMAP, "transport", "*",
                                5) == "NOTFOUND "
        except (OSError, recorder.BadFrame):
            return False

    def stop(self):
        """Ends the daemon and gives the sockets up."""
        child, self.child = self.child, None
        stop(child)
        for sock in self.held:
            sock.close()
        self.held = []

    def digest(self):
        """The log without the lab's own polling and without repetitions."""
        out, last = [], None
        for line in self.log().splitlines():
            same = re.sub(r"\bage=\S+", "", line)
            if "map=route" not in line and same != last:
                out.append(line)
                last = same
        return "\n".join(out)

class Milter(Program):
    """mxdetour-milter, with the daemon's configuration."""

    def __init__(self, net, home, program, config):
        super().__init__(net, "mxdetour-milter", program,
                         os.path.join(home, "mxdetour-milter.log"))
        self.config = config

    def start(self):
        """Starts it and waits until it listens."""
        if not self.program:
            raise Unavailable("no mxdetour-milter (set MXDETOUR_MILTER)")
        seen = self.log().count("start version=")
        self.spawn([self.program, "-c", self.config])
        wait("mxdetour-milter to listen",
             lambda: self.log().count("start version=") > seen)

    def stop(self):
        """Ends it, however it is."""
        child, self.child = self.child, None
        stop(child)


class Mailhost:
    """Postfix, mxdetourd and mxdetour-milter of the operator."""

    def __init__(self, net, home, program, milter):
        self.net, self.home = net, home
        os.makedirs(home)
        os.chmod(home, 0o755)
        self.postfix = Postfix(net, "op", os.path.join(home, "postfix"),
                               "the operator's Postfix")
        self.daemon = Daemon(net, os.path.join(home, "daemon"), program)
        self.milter = Milter(net, self.daemon.home, milter, self.daemon.config)
        self.maildir = os.path.join(home, "mail")
        self._counter = itertools.count(1)

    def begin(self):
        """A new scenario: nothing runs, nothing is left of the last."""
        self.stop()
        self.daemon.begin()
        shutil.rmtree(self.maildir, ignore_errors=True)
        os.makedirs(self.maildir)
        os.chown(self.maildir, NOBODY, NOBODY)

    def start_postfix(self, settings=None, policy=False, services=()):
        """Starts Postfix; settings lie over the usual ones."""
        service = POLICY_SERVICE if policy is True else policy
        first = service + ", " if service else ""
        main = {
            "myhostname": "op.isp.example",
            "myorigin": "isp.example",
            "mydestination": "op.isp.example, isp.example, filtered.example",
            "relay_domains": "hosted.example, aliased.example",
            "relay_recipient_maps": "",
            "inet_interfaces": "all",
            "mynetworks": "127.0.0.0/8",
            "local_transport": "virtual",
            "virtual_mailbox_domains": "",
            "virtual_mailbox_base": self.maildir,
            "virtual_mailbox_maps": "static:inbox/",
            "virtual_uid_maps": "static:%d" % NOBODY,
            "virtual_gid_maps": "static:%d" % NOBODY,
            "smtpd_recipient_restrictions":
                first + "permit_mynetworks, reject_unauth_destination",
        }
        main.update(settings or {})
        self.postfix.configure(main, DETOUR + tuple(services))
        self.postfix.start()

    def start(self, conf=None, wiring="transport", policy=True, settings=None,
              held=False, milter=False):
        """Starts mxdetourd and a Postfix that is wired to it.

        wiring: transport; dnsfilter (transport and filter); cautious (filter
        and fallback relay only). milter: mxdetour-milter, too.
        """
        self.daemon.configure(conf or {})
        if held:
            self.daemon.hold_sockets(**(held if isinstance(held, dict)
                                        else {}))
        self.daemon.start()
        main = {}
        if milter:
            self.milter.start()
            main.update(MILTER_SETTINGS)
        if wiring in ("transport", "dnsfilter"):
            main["transport_maps"] = TRANSPORT_MAP
        if wiring in ("dnsfilter", "cautious"):
            main["smtp_dns_reply_filter"] = DNSFILTER_MAP
        if wiring == "cautious":
            main["smtp_fallback_relay"] = RELAY1
        main.update(settings or {})
        self.start_postfix(main, policy)

    def needs(self, key):
        """Skips the scenario when this mxdetourd only accepts the key."""
        if key + " has no effect in this version" in self.daemon.log():
            raise Unavailable(key + " has no effect in this version")

    def stop(self):
        """Ends all three."""
        self.postfix.stop()
        self.milter.stop()
        self.daemon.stop()

    # Mail in

    def recipient(self, domain):
        """A recipient that no other message of the run has."""
        return "u%d@%s" % (next(self._counter), domain)

    def smtp(self):
        """An SMTP session to the operator's Postfix, from the same host."""
        with self.net.inside("op"):
            return smtplib.SMTP("127.0.0.1", 25, "client.isp.example",
                                timeout=120)

    def send(self, *recipients, sender="sender@isp.example", options=()):
        """Puts a message in; an SMTP refusal is raised by smtplib."""
        text = ("From: <%s>\r\nTo: <%s>\r\nSubject: lab\r\n\r\nHello.\r\n" % (
            sender, ">, <".join(recipients))).encode()
        with self.smtp() as session:
            session.sendmail(sender, list(recipients), text,
                             mail_options=list(options))

    def sendmail(self, *recipients, sender="sender@isp.example"):
        """Puts a message in by sendmail(1), without SMTP."""
        self.net.run("op", ["sendmail", "-C", self.postfix.config, "-i", "-f",
                            sender] + list(recipients),
                     stdin="Subject: lab\n\nHello.\n")

    def send_new(self, domain, **keys):
        """Sends to a fresh recipient of the domain and returns it."""
        recipient = self.recipient(domain)
        self.send(recipient, **keys)
        return recipient

    def flush_until(self, what, condition):
        """Tries deferred mail now and again until condition() is true.

        The queue manager remembers its last address lookup for 30 s, so each
        round lets it look up another address first.
        """
        def round_passed():
            self.daemon.check_alive()
            try:
                self.send("nudge@isp.example")
            except smtplib.SMTPException:
                pass
            self.postfix.flush()
            try:
                return wait("", condition, limit=2)
            except Failure:
                return None

        return wait(what, round_passed)

    def send_and_release(self, recipient, between):
        """Has a message wait in the hold queue while between() is called.

        Postfix must run with HELD_SETTINGS.
        """
        self.send(recipient)
        wait("the message on hold",
             lambda: self.postfix.queued().get(recipient) == "hold")
        between()
        self.postfix.tool("postsuper", "-H", "ALL")
        self.postfix.flush()

    def inbox(self):
        """The texts of all messages delivered locally."""
        new = os.path.join(self.maildir, "inbox", "new")
        if not os.path.isdir(new):
            return []
        return [read(os.path.join(new, n)) for n in sorted(os.listdir(new))]

    def wait_inbox(self, needle):
        """Waits for a local message that contains the text."""
        return wait("a local message with %r" % needle, lambda: [
            m for m in self.inbox() if needle in m])[0]

    # Questions to the daemon

    def ask(self, name, key):
        """One socketmap question."""
        return recorder.ask(self.net, "op", SOCKETMAP, name, key)

    def route(self, key):
        """The `route` map's answer as a dict."""
        reply = self.ask("route", key)
        check(reply.startswith("OK "), "route %s: %r" % (key, reply))
        return dict(f.split("=", 1) for f in reply[3:].split() if "=" in f)

    def wait_route(self, key, **wanted):
        """Polls the `route` map until it reads as wanted."""
        last = {}

        def matches():
            self.daemon.check_alive()
            last.clear()
            last.update(self.route(key))
            return all(last.get(k) == v for k, v in wanted.items())

        try:
            wait("", matches, pause=0.2)
        except Failure:
            raise Failure("route of %s should become %r, and is %r" % (
                key, wanted, last))
        return dict(last)

    # What must hold

    def check_no_deferral(self, *recipients):
        """No delivery line of these recipients says anything but sent."""
        for recipient in recipients:
            for line in self.postfix.deliveries(recipient):
                check(line["status"] == "sent", "%s: %s (%s)" % (
                    recipient, line["status"], line["text"]))

    def check_never_tried(self, *hosts):
        """smtp(8) never ran into one of these hosts."""
        for host in hosts:
            check("connect to %s[" % host not in self.postfix.log(),
                  "Postfix ran into " + host)
