# SPDX-License-Identifier: MIT
"""The stage of a milter test: the real daemon and filter, or a fake daemon."""
import os
import socket
import threading

import harness
import fakesmtp
import session
from harness import Daemon, Skip, World, check, eventually, free_port, same

# Routes that need no DNS: a rule by exact domain holds at once.
RULES = [
    {"name": "r", "domain": ["relay.test"], "route": "relay"},
    {"name": "h", "domain": ["hold.test"], "route": "hold"},
    {"name": "d", "domain": ["direct.test"], "route": "direct"},
]
UP = "127.10.0.2"
RELAY_LINE = "route=relay via=r1 reason=rule:r"
HOLD_LINE = "route=hold via=- reason=rule:h"
DIRECT_LINE = "route=direct via=- reason=rule:d"

AWAY = r"daemon address=\S+ old=up new=away error="
BACK = r"daemon address=\S+ old=away new=up "


class Milter(Daemon):
    """One process of mxdetour-milter."""

    def __init__(self, conf_path, **options):
        if not os.access(harness.binary("mxdetour-milter"), os.X_OK):
            raise Skip("no mxdetour-milter: built without libmilter")
        super().__init__(conf_path, program="mxdetour-milter", **options)
        self.ended = False

    def mail_lines(self, since=0):
        """What its `mail` lines say."""
        return [m.group(1) for m in self.find(r"\bmail (qid=.*)", since)]

    def expect_mail(self, *wanted, since=0):
        """These lines are all that there are; order does not matter."""
        eventually(lambda: len(self.mail_lines(since)) >= len(wanted),
                   "%d mail lines, have %r" % (len(wanted),
                                               self.mail_lines(since)))
        same(sorted(self.mail_lines(since)), sorted(wanted), "mail lines")

    def end(self):
        """SIGTERM; it must end with 0 and nothing to report.

        It must have served before: libmilter opens its socket anew, and fails
        with a unix one, when the signal meets it on its way to accept().
        MILTER_KILL=1, for ThreadSanitizer: killed instead. libmilter's way
        out destroys mutexes that its signal thread holds, and suppressions
        of libmilter's frames would hide those of its callbacks.
        """
        self.check_alive()
        if os.environ.get("MILTER_KILL"):
            self.kill()
            same(self.sanitizer_reports(), [], "sanitizer reports")
            self.ended = True
            return
        self.process.terminate()
        status = self.wait()
        same(self.sanitizer_reports(), [], "sanitizer reports")
        same(status, 0, "exit status")
        self.ended = True


class MilterWorld(World):
    """A World with a filter; `daemon_address` replaces the daemon's own."""

    def __init__(self, changes=None, daemon_address=None, start_daemon=True,
                 milter_options=None, **options):
        self.milter_port = free_port()
        self.daemon_address = daemon_address
        self.start_daemon = start_daemon
        self.milter_options = milter_options or {}
        self.milter = None
        super().__init__(changes, **options)
        # A rule holds for domains that take mail only.
        for name in ("relay.test", "hold.test", "direct.test"):
            self.simple(name, UP, fakesmtp.GOOD)

    def base(self):
        conf = super().base()
        conf["rules"] = RULES
        conf["relays"] = [self.relay_entry(probe="none")]
        conf["milter"] = {
            "listen": "inet:127.0.0.1:%d" % self.milter_port,
            "daemon": self.daemon_address or
            "inet:127.0.0.1:%d" % self.ports["policy"],
        }
        return conf

    def start(self):
        if self.start_daemon:
            self.start_daemon_alone()
        self.start_milter()

    def start_daemon_alone(self):
        super().start()

    def start_milter(self):
        self.milter = Milter(self.conf_path, **self.milter_options)
        self.milter.wait_log(r"\bstart version=")

    def stop(self, *arguments):
        if self.daemon is not None:
            super().stop(*arguments)

    def stop_milter(self):
        """Ends it cleanly; its log stays to be looked at."""
        self.milter.end()

    def session(self, **options):
        """A connection of an MTA; closed at the end."""
        out = session.Session(("127.0.0.1", self.milter_port), **options)
        self.kept.append(out)
        return out

    def close(self):
        if self.milter is not None and not self.closed:
            self.milter.kill()
        super().close()

    def __exit__(self, kind, value, trace):
        try:
            if kind is None and self.milter is not None \
                    and not self.milter.ended:
                for client in self.kept:
                    client.close()
                self.milter.end()
        finally:
            super().__exit__(kind, value, trace)
        return False

    def log_tail(self, count=60):
        lines = super().log_tail(count)
        if self.milter is not None:
            lines += ["--- log of its milter"] + self.milter.text()[-count:]
        return lines


class FakeDaemon:
    """Listens as the daemon's policy service; `manner` says what it does."""

    REPLY = b"action=DUNNO\nroute=relay\nvia=fake\nreason=none-reachable\n\n"

    def __init__(self, manner="answers"):
        self.manner = manner
        self.port = free_port()
        self.address = "inet:127.0.0.1:%d" % self.port
        self.questions = []
        self.connections = 0
        self.listener = None
        self.open = set()
        self.lock = threading.Lock()
        self.start()

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.stop()

    def start(self):
        self.listener = socket.create_server(("127.0.0.1", self.port),
                                             backlog=128)
        threading.Thread(target=self._accept, args=(self.listener,),
                         daemon=True).start()

    def stop(self):
        """As a kill does."""
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        with self.lock:
            for sock in self.open:
                try:
                    sock.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def _accept(self, listener):
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            with self.lock:
                self.connections += 1
                self.open.add(sock)
            threading.Thread(target=self._serve, args=(sock,),
                             daemon=True).start()

    def _serve(self, sock):
        buffer = b""
        try:
            while self._say(sock, None):
                data = sock.recv(65536)
                if not data:
                    break
                buffer += data
                while b"\n\n" in buffer:
                    question, buffer = buffer.split(b"\n\n", 1)
                    with self.lock:
                        self.questions.append(dict(
                            line.split("=", 1) for line in question.decode(
                                "utf-8", "surrogateescape").split("\n")))
                    if not self._say(sock, question):
                        return
        except OSError:
            pass
        finally:
            with self.lock:
                self.open.discard(sock)
            sock.close()

    def _say(self, sock, question):
        """Does what the manner says; False: the connection ends."""
        manner = self.manner
        if question is None:
            return manner != "closes"
        if manner == "answers":
            sock.sendall(self.REPLY)
        elif manner == "half":
            sock.sendall(self.REPLY[:20])
            return False
        elif manner == "nonsense":
            sock.sendall(b"\0\xff" * 50 + b"\n\n")
        elif manner == "twice":
            sock.sendall(self.REPLY * 2)
        elif manner == "foreign":
            sock.sendall(b"action=PREPEND X-Evil: yes\n\n")
        else:
            check(manner in ("silent", "closes"), "unknown manner", manner)
        return True


def qid_line(qid, sender, to, rest):
    return "qid=%s from=%s to=%s %s" % (qid, sender, to, rest)
