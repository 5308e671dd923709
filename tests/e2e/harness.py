# SPDX-License-Identifier: MIT
"""The stage of a test: fakes, a configuration, and the real daemon on it."""
import copy
import json
import os
import random
import re
import shlex
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time

import clients
import fakedns
import fakesmtp
import forks
from fakedns import a, mx

# Seconds that anything may take before the test fails; valgrind takes longer.
DEADLINE = 600 if os.environ.get("E2E_WRAP") else 60

# Addresses.  The canary lives in a /16 of its own: it is the witness that the
# line works while the hosts of a test are dead.
CANARY = "127.99.0.1"
RELAY1 = "127.30.0.1"
RELAY2 = "127.30.0.2"
RELAY3 = "127.30.0.3"
OWN = "127.77.0.1"

NOTFOUND = b"NOTFOUND "
IGNORE = b"OK IGNORE"

SANITIZER = re.compile(
    r"(Address|Leak|Thread|Memory|UndefinedBehavior)Sanitizer"
    r"|runtime error:|definitely lost: [1-9]|mxd_assert")


# The time before each line of the log (RFC 3339, local, milliseconds).
STAMP = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d ")


class Skip(Exception):
    """The test cannot run here; the text says why."""


class Died(AssertionError):
    """The daemon ended when it should not have."""


def binary(name="mxdetourd"):
    """The one that the environment names (MXDETOURD, MXDETOUR_MILTER), else
    that below the working directory (`make check`), else that of the source
    tree."""
    named = os.environ.get(name.upper().replace("-", "_"))
    if named:
        return os.path.abspath(named)
    here = os.path.abspath(name)
    if os.access(here, os.X_OK) and not os.path.isdir(here):
        return here
    return os.path.join(os.path.dirname(os.path.abspath(__file__)),
                        "..", "..", name)


def command(*arguments, program="mxdetourd"):
    """A command line; E2E_WRAP may name valgrind and such."""
    return shlex.split(os.environ.get("E2E_WRAP", "")) + \
        [binary(program)] + list(arguments)


def stage_only(function):
    """Marks a test that runs without the daemon."""
    function.needs_daemon = False
    return function


def long(function):
    """Marks a test that mostly waits: it is started first."""
    function.long = True
    return function


def slow(function):
    """Marks a test that takes minutes: only with E2E_SLOW=1."""
    function.slow = function.long = True
    return function


def need_unshare():
    """Skips the test where no mount namespace can be made."""
    try:
        done = subprocess.run(["unshare", "-m", "true"],
                              stderr=subprocess.DEVNULL)
    except OSError:
        raise Skip("no unshare(1)")
    if done.returncode != 0:
        raise Skip("cannot make mount namespaces here")


# ---------------------------------------------------------------- assertions

def check(condition, *what):
    if not condition:
        raise AssertionError(" ".join(
            w if isinstance(w, str) else repr(w) for w in what))


def same(got, wanted, *what):
    if got != wanted:
        raise AssertionError("%s: got %r, wanted %r" % (
            " ".join(map(str, what)) or "value", got, wanted))


def eventually(probe, what, timeout=DEADLINE, pause=0.05):
    """Polls until the result is true, and returns it."""
    end = time.monotonic() + timeout
    while True:
        result = probe()
        if result:
            return result
        if time.monotonic() > end:
            raise AssertionError("never came: %s (last %r)" % (what, result))
        time.sleep(pause)


# --------------------------------------------------------------------- ports

_ports_lock = threading.Lock()
_next_port = random.Random(os.getpid()).randrange(11000, 28000)


def free_port():
    """A port below the ephemeral ones, free for TCP and UDP right now."""
    global _next_port
    while True:
        with _ports_lock:
            _next_port += 1
            if _next_port > 31000:
                _next_port = 11000
            port = _next_port
        try:
            for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                with forks.none, socket.socket(socket.AF_INET, kind) as sock:
                    sock.bind(("", port))
            return port
        except OSError:
            continue


# ------------------------------------------------------------- configuration

def to_libconfig(value, depth=0):
    """Python data as libconfig text: dict, list of dicts, list, scalars."""
    pad = "  " * depth
    if isinstance(value, dict):
        body = "".join("%s  %s = %s;\n" % (pad, key,
                                           to_libconfig(item, depth + 1))
                       for key, item in value.items() if item is not None)
        return "{\n%s%s}" % (body, pad)
    if isinstance(value, list):
        groups = any(isinstance(item, dict) for item in value)
        inner = ", ".join(to_libconfig(item, depth + 1) for item in value)
        return ("( %s )" if groups else "[ %s ]") % inner
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    return json.dumps(value, ensure_ascii=False)


def config_text(conf):
    return "".join("%s = %s;\n" % (key, to_libconfig(value))
                   for key, value in conf.items() if value is not None)


def merge(base, changes):
    """Deep merge; None takes a key away."""
    out = copy.deepcopy(base)
    for key, value in (changes or {}).items():
        if isinstance(value, dict) and isinstance(out.get(key), dict):
            out[key] = merge(out[key], value)
        else:
            out[key] = copy.deepcopy(value)
    return out


# -------------------------------------------------------------------- daemon

class Daemon:
    """One process of a program and what it writes to standard error: `lines`,
    without the times before them, which are in `stamps` ("": none)."""

    def __init__(self, conf_path, args=(), env=None, wrap=(), read_stderr=True,
                 pass_fds=(), program="mxdetourd"):
        environ = dict(os.environ)
        for name in ("LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES",
                     "JOURNAL_STREAM", "NOTIFY_SOCKET", "WATCHDOG_USEC",
                     "WATCHDOG_PID"):
            environ.pop(name, None)
        # Freed memory is to go back, or the bounds on it say nothing.
        environ.setdefault("ASAN_OPTIONS", "quarantine_size_mb=8")
        environ.update(env or {})
        self.lines = []
        self.stamps = []
        self.lock = threading.Lock()
        reader, writer = os.pipe()
        if conf_path is not None:
            args = ["-c", conf_path, *args]
        self.process = subprocess.Popen(
            list(wrap) + command(*args, program=program),
            stdin=subprocess.DEVNULL, stdout=writer, stderr=writer,
            env=environ, pass_fds=pass_fds)
        os.close(writer)
        self.stderr = os.fdopen(reader, "rb")
        self.reader = None
        if read_stderr:
            self.start_reading()

    def start_reading(self):
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.stderr:
            text = line.decode("utf-8", "backslashreplace").rstrip("\n")
            stamp = STAMP.match(text)
            with self.lock:
                self.stamps.append(stamp.group().strip() if stamp else "")
                self.lines.append(text[stamp.end():] if stamp else text)

    @property
    def pid(self):
        return self.process.pid

    def text(self, since=0):
        with self.lock:
            return list(self.lines[since:])

    def mark(self):
        """A place in the log to search from."""
        with self.lock:
            return len(self.lines)

    def find(self, pattern, since=0):
        """All matches of the pattern, one a line at most."""
        regex = re.compile(pattern)
        return [m for m in map(regex.search, self.text(since)) if m]

    def wait_lines(self, count, pattern, since=0, timeout=DEADLINE):
        """Waits for as many matches; what was answered before may be read
        from the log a moment later."""
        def look():
            found = self.find(pattern, since)
            if len(found) < count:
                self.check_alive()
            return found[:count] if len(found) >= count else None
        return eventually(look, "%d log lines %s" % (count, pattern), timeout)

    def wait_log(self, pattern, since=0, timeout=DEADLINE):
        return self.wait_lines(1, pattern, since, timeout)[0]

    def alive(self):
        return self.process.poll() is None

    def check_alive(self):
        if not self.alive():
            if self.reader is not None:
                self.reader.join(5)
            raise Died("the daemon ended with %s" % self.process.returncode)

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self, timeout=DEADLINE):
        """Its exit status; what it wrote has been read then."""
        try:
            status = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise AssertionError("the daemon does not end")
        if self.reader is None:
            self.start_reading()
        self.reader.join(10)
        return status

    def kill(self):
        if self.alive():
            self.process.kill()
        self.wait()

    def sanitizer_reports(self):
        return [line for line in self.text() if SANITIZER.search(line)]


# --------------------------------------------------------------------- world

_local = threading.local()


def worlds():
    """The worlds that the running test has made (for diagnostics)."""
    if not hasattr(_local, "worlds"):
        _local.worlds = []
    return _local.worlds


class World:
    """DNS, SMTP peers, configuration and daemon; a context manager.

    `changes` go over the base configuration (see conf()).  On leaving, the
    daemon must still be there, end with 0 on SIGTERM, have removed its unix
    sockets, and have no sanitizer report in its log.
    """

    def __init__(self, changes=None, start=True, canary=True, relay=True,
                 good_relays=(), daemon_args=(), env=None, wrap=(),
                 read_stderr=True):
        self.dir = tempfile.mkdtemp(prefix="mxd-e2e-")
        os.chmod(self.dir, 0o755)
        self.conf_path = os.path.join(self.dir, "mxdetour.conf")
        self.ports = {name: free_port() for name in
                      ("socketmap", "policy", "dns", "smtp", "relay")}
        self.dns = fakedns.FakeDns(self.ports["dns"])
        self.smtp = fakesmtp.SmtpFarm(self.ports["smtp"])
        self.options = {"args": daemon_args, "env": env, "wrap": wrap,
                        "read_stderr": read_stderr}
        self.changes = changes or {}
        self.with_canary = canary
        self.with_relay = relay
        self.daemon = None
        self.closed = False
        self.kept = []  # clients to close at the end
        worlds().append(self)
        if canary:
            self.domain("canary.test", [(10, "mx.canary.test", [CANARY])])
            self.smtp.set(CANARY, fakesmtp.GOOD)
        # Before the start: the first result of a relay's probe decides.
        for address in ([RELAY1] if relay else []) + list(good_relays):
            self.smtp.set(address, fakesmtp.GOOD, self.ports["relay"])
        self.write_conf()
        self.start_wanted = start

    # configuration ------------------------------------------------------

    def relay_entry(self, name="r1", host=RELAY1, **more):
        entry = {"name": name, "transport": "detour", "mailer": "smtprelay",
                 "nexthop": "[%s]:%d" % (host, self.ports["relay"])}
        entry.update(more)
        return entry

    def base(self):
        conf = {
            "mode": "enforce",
            "listen": {
                "socketmap": ["inet:127.0.0.1:%d" % self.ports["socketmap"]],
                "policy": ["inet:127.0.0.1:%d" % self.ports["policy"]],
                "http": ["unix:%s/http" % self.dir],
            },
            "self": {"names": ["mx.own.test"], "addresses": [OWN]},
            "dns": {"servers": ["127.0.0.1:%d" % self.ports["dns"]],
                    "timeout": "2s", "tries": 2, "min_ttl": "1s",
                    "negative_ttl": "1s"},
            "probe": {"helo": "probe.own.test", "port": self.ports["smtp"],
                      "connect_timeout": "1s", "greeting_timeout": "1s",
                      "reply_timeout": "1s",
                      "per_second": 500, "per_net": 64,
                      "fall": 2, "rise": 2, "interval": "30m",
                      "fast_interval": "1s", "down_interval": "1s",
                      "down_interval_max": "2s", "allow_private": True},
            "uplink": {"canaries":
                       ["canary.test"] if self.with_canary else []},
            "policy": {"wait": "30s"},
            "store": {"path": os.path.join(self.dir, "state.db")},
            "log": {"to": "stderr", "level": "info", "lookups": "changed"},
        }
        if self.with_relay:
            conf["relays"] = [self.relay_entry()]
        return conf

    def write_conf(self, changes=None, text=None):
        """Writes the file anew; `changes` replace those of the start."""
        if changes is not None:
            self.changes = changes
        changes = self.changes
        if callable(changes):
            changes = changes(self)
        if text is None:
            text = config_text(merge(self.base(), changes))
        temporary = self.conf_path + ".new"
        with open(temporary, "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(temporary, self.conf_path)

    def write(self, name, text):
        path = os.path.join(self.dir, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    # zone ---------------------------------------------------------------

    def domain(self, name, hosts, ttl=300):
        """hosts: (preference, host, addresses); sets MX, A and AAAA."""
        self.dns.set(name, "MX", [mx(p, h, ttl) for p, h, _ in hosts])
        for _, host, addresses in hosts:
            self.host(host, addresses, ttl)

    def host(self, name, addresses, ttl=300):
        self.dns.set(name, "A", [a(address, ttl) for address in addresses
                                 if ":" not in address])
        self.dns.set(name, "AAAA", [fakedns.aaaa(address, ttl)
                                    for address in addresses
                                    if ":" in address])

    def simple(self, name, address, behaviour, ttl=300):
        """A domain with one MX at one address that behaves so."""
        self.domain(name, [(10, "mx." + name, [address])], ttl)
        self.smtp.set(address, behaviour)

    def gated(self, name, address, behaviour=fakesmtp.GOOD):
        """As simple(), but its MX is not told before open() of the gate that
        this returns."""
        self.host("mx." + name, [address])
        self.smtp.set(address, behaviour)
        gate = fakedns.Gate([mx(10, "mx." + name)])
        self.dns.set(name, "MX", gate)
        return gate

    # daemon -------------------------------------------------------------

    def __enter__(self):
        if self.start_wanted:
            try:
                self.start()
            except BaseException:
                self.close()
                raise
        return self

    def start(self):
        self.daemon = Daemon(self.conf_path, **self.options)
        self.wait_ready()

    @property
    def socketmap_at(self):
        return ("127.0.0.1", self.ports["socketmap"])

    @property
    def policy_at(self):
        return ("127.0.0.1", self.ports["policy"])

    def answers(self, where=None):
        """Whether somebody serves lookups there."""
        try:
            with clients.Socketmap(where or self.socketmap_at,
                                   timeout=10) as client:
                return client.query("transport", "*") == NOTFOUND
        except (OSError, EOFError):
            return False

    def wait_ready(self, where=None):
        def ready():
            self.daemon.check_alive()
            return self.answers(where)
        eventually(ready, "an answer of the daemon at %s"
                   % (where or self.socketmap_at,))

    def hangup(self):
        self.daemon.signal(signal.SIGHUP)

    def socket_files(self):
        found = []
        for folder, _, names in os.walk(self.dir):
            for name in names:
                path = os.path.join(folder, name)
                if stat.S_ISSOCK(os.lstat(path).st_mode):
                    found.append(path)
        return found

    def stop(self, number=signal.SIGTERM):
        """Ends the daemon as an init system does and checks its end."""
        daemon, self.daemon = self.daemon, None
        self.last = daemon
        alive = daemon.alive()
        try:
            if alive:
                daemon.signal(number)
            status = daemon.wait()
        finally:
            daemon.kill()
        same(daemon.sanitizer_reports(), [], "sanitizer reports")
        check(alive, "the daemon had ended by itself with", status)
        same(status, 0, "exit status after signal %d" % number)
        same(self.socket_files(), [], "socket files left behind")

    def close(self):
        """Takes everything down; may be called again."""
        if self.closed:
            return
        self.closed = True
        for client in self.kept:
            client.close()
        if self.daemon is not None:
            self.last = self.daemon
            self.daemon.kill()
            self.daemon = None
        self.smtp.close()
        self.dns.close()
        shutil.rmtree(self.dir, ignore_errors=True)

    def __exit__(self, kind, value, trace):
        try:
            if kind in (None, Skip) and self.daemon is not None:
                for client in self.kept:
                    client.close()
                self.stop()
            elif self.daemon is not None and not self.daemon.alive():
                print("# the daemon had ended with %s" %
                      self.daemon.process.returncode, file=sys.stderr)
        finally:
            self.close()
        return False

    def need(self, key):
        """Skips the test where the daemon says that a key does nothing yet."""
        # These lines come before it.
        self.daemon.wait_log(r"\bstart version=")
        if self.daemon.find(r"\b%s has no effect" % re.escape(key)):
            raise Skip("%s has no effect in this version" % key)

    def log_tail(self, count=60):
        daemon = self.daemon or getattr(self, "last", None)
        return daemon.text()[-count:] if daemon is not None else []

    # questions ----------------------------------------------------------

    def client(self, where=None):
        client = clients.Socketmap(where or self.socketmap_at)
        self.kept.append(client)
        return client

    def policy(self, where=None):
        client = clients.Policy(where or self.policy_at)
        self.kept.append(client)
        return client

    def ask(self, map_name, key):
        with clients.Socketmap(self.socketmap_at) as client:
            return client.query(map_name, key)

    def transport(self, key):
        return self.ask("transport", key)

    def expect(self, map_name, key, wanted):
        same(self.ask(map_name, key), clients.to_bytes(wanted),
             "%s %r" % (map_name, key))

    def until(self, map_name, key, wanted, timeout=DEADLINE):
        """Asks until the answer is the wanted one."""
        wanted = clients.to_bytes(wanted)
        seen = []

        def look():
            seen[:] = [self.ask(map_name, key)]
            return seen[0] == wanted
        try:
            eventually(look, "", timeout)
        except AssertionError:
            raise AssertionError("%s %r: got %r to the end, wanted %r" % (
                map_name, key, seen[-1:], wanted))

    def learn(self, domain):
        """Makes the daemon want a domain and waits for its route."""
        with clients.Policy(self.policy_at) as client:
            return client.route("someone@" + domain)

    def route(self, key):
        """The answer of the `route` map as a dict."""
        return parse_route(self.ask("route", key))

    def until_route(self, domain, timeout=DEADLINE, **wanted):
        """Asks the `route` map until these values are in it."""
        def look():
            got = self.route(domain)
            return got if all(got.get(k) == v for k, v in wanted.items()) \
                else None
        try:
            return eventually(look, "", timeout)
        except AssertionError:
            raise AssertionError("route of %s: got %r to the end, wanted %r"
                                 % (domain, self.route(domain), wanted))

    def judged(self, domain, **wanted):
        """Learns a domain, then waits until its route reads so."""
        self.learn(domain)
        return self.until_route(domain, **wanted)

    @property
    def relay_port(self):
        return self.ports["relay"]

    def relay_reply(self, *hosts, transport="detour"):
        return "OK %s:%s" % (transport, ",".join(
            "[%s]:%d" % (host, self.relay_port) for host in hosts or [RELAY1]))


def parse_route(reply):
    text = reply.decode()
    check(text.startswith("OK domain="), "route map answers", reply)
    out = {}
    for word in text[3:].split(" "):
        name, equals, value = word.partition("=")
        check(equals and name not in out, "bad word", word, "in", reply)
        out[name] = value
    same(list(out)[:4], ["domain", "route", "via", "reason"],
         "order in %r" % reply)
    return out


def in_parallel(function, items, threads=16):
    """Calls function(item) for all items; raises the first failure."""
    items = list(items)
    errors = []
    todo = iter(items)
    lock = threading.Lock()

    def work():
        while True:
            with lock:
                item = next(todo, todo)
            if item is todo or errors:
                return
            try:
                function(item)
            except BaseException as error:  # handed to the caller
                errors.append(error)
    pool = [threading.Thread(target=work, daemon=True)
            for _ in range(min(threads, len(items)))]
    for thread in pool:
        thread.start()
    for thread in pool:
        thread.join()
    if errors:
        raise errors[0]
