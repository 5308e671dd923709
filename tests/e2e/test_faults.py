# SPDX-License-Identifier: MIT
"""What breaks on the machine itself: clocks, processes, descriptors, crowds."""
import os
import resource
import select
import shutil
import signal
import socket
import struct
import subprocess
import threading
import time

import clients
import fakedns
import fakesmtp
from harness import (NOTFOUND, Skip, World, check, eventually, long,
                     need_unshare, same, slow)

DEAD, UP = "127.10.0.1", "127.11.0.1"
YEAR = 365 * 86400


# -------------------------------------------------------------------- clocks

class Clocks:
    """A daemon whose clocks are set by set(); see wallclock.c."""

    def __init__(self, w):
        compiler = shutil.which("cc") or shutil.which("gcc")
        if compiler is None:
            raise Skip("no compiler for the clocks")
        source = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                              "wallclock.c")
        library = os.path.join(w.dir, "wallclock.so")
        subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library,
                        source], check=True)
        self.path = w.write("clock", "0 0\n")
        w.options["env"] = {
            "LD_PRELOAD": library, "CLOCK_FILE": self.path,
            # Our library comes before that of the sanitizer: on purpose.
            "ASAN_OPTIONS": "quarantine_size_mb=8:verify_asan_link_order=0"}

    def set(self, wall=0, suspended=0):
        with open(self.path + ".new", "w") as file:
            file.write("%d %d\n" % (wall, suspended))
        os.replace(self.path + ".new", self.path)


RESOLV_CONF = """
mount --bind "$1" /etc/resolv.conf || exit
shift
exec "$@"
"""


def test_resolv_conf_written_anew():
    """As by DHCP, after the start: looked at once a minute."""
    need_unshare()
    if not os.path.exists("/etc/resolv.conf"):
        raise Skip("no /etc/resolv.conf to put another one over")
    with World({"dns": {"servers": [], "timeout": "1s"},
                "policy": {"wait": "1s"}}, start=False) as w:
        # It gives no port; the address is as much our own as that.
        host = "127.53.%d.%d" % divmod(w.ports["dns"], 256)
        try:
            system = fakedns.FakeDns(53, host)
        except OSError as error:
            raise Skip("no port 53 for a name server: %s" % error)
        try:
            system.zone = w.dns.zone
            clocks = Clocks(w)
            path = w.write("resolv.conf", "nameserver %s\n" % DEAD)
            w.options["wrap"] = ["unshare", "-m", "/bin/sh", "-c",
                                 RESOLV_CONF, "sh", path]
            w.start()
            w.simple("blocked.test", DEAD, fakesmtp.CLOSE)
            w.learn("blocked.test")
            w.until_route("blocked.test", reason="dns-failure")
            for minute, servers in enumerate(
                    ((host,), None, (host, "127.53.0.1"))):
                if servers is not None:
                    # Not moved there: it is this file that is mounted.
                    w.write("resolv.conf", "".join(
                        "nameserver %s\n" % server for server in servers))
                mark = w.daemon.mark()
                clocks.set(suspended=61 * (minute + 1))
                if servers is not None:
                    w.daemon.wait_log(r"\bdns servers=%s changed" % ",".join(
                        "%s:53" % server for server in servers), mark)
                else:
                    time.sleep(1)  # it looks, and sees nothing
                w.judged("blocked.test", route="relay")
            same(len(w.daemon.find(r"\bdns servers=")), 2, "lines")
        finally:
            system.close()


@long
def test_wall_clock_set_forward_and_back():
    """Nothing is due sooner or later for it, and who waits goes on waiting."""
    with World({"policy": {"wait": "60s"}, "dns": {"timeout": "60s"},
                "probe": {"down_interval_max": "1s"}}, start=False) as w:
        clocks = Clocks(w)
        w.start()
        w.simple("blocked.test", DEAD, fakesmtp.CLOSE)
        w.simple("up.test", UP, fakesmtp.GOOD)
        w.judged("blocked.test", route="relay")
        w.judged("up.test", reason="all-reachable")
        for number, wall in enumerate((20 * YEAR, -20 * YEAR, -3600)):
            name = "wait%d.test" % number
            gate = w.gated(name, "127.12.0.1")
            session = w.policy()
            session.start(request="mxdetour_route", recipient="u@" + name,
                          instance=name)
            eventually(lambda: w.dns.asked(name, "MX"), "the question")
            clocks.set(wall)
            probes = w.smtp.count(DEAD)
            eventually(lambda: w.smtp.count(DEAD) >= probes + 2,
                       "probes of the dead one with the clock at %d" % wall)
            w.expect("transport", "u@blocked.test", w.relay_reply())
            w.expect("transport", "u@up.test", NOTFOUND)
            check(session.silent(0.1), "who waits was turned away")
            gate.open()
            same(session.receive()["reason"], "all-reachable")
        same(w.dns.asked("up.test", "MX"), 1, "questions")
        same(w.smtp.count(UP), 1, "probes of an endpoint that is up")


def many_dead(w, count):
    """So many blocked domains in networks of their own."""
    names = ["dead%d.test" % number for number in range(count)]
    for number, name in enumerate(names):
        w.simple(name, "127.40.%d.1" % number, fakesmtp.CLOSE)
        w.learn(name)
    for name in names:
        w.until_route(name, route="relay", reason="none-reachable")
    return names


SATURATED = {"probe": {"per_second": 5, "down_interval": "1s",
                       "down_interval_max": "1s"},
             "policy": {"wait": "1s"}}


def no_burst(w, before, resumed_at, per_second=5):
    """Since then no more probes began than the rate allows: a bucket that is
    full, what flows in, and those that were under way."""
    eventually(lambda: len(w.smtp.conns()) >= before + 4 * per_second,
               "probes after the pause")
    for number, conn in enumerate(w.smtp.conns()[before:]):
        allowed = per_second * (2 + conn.began - resumed_at)
        check(number < allowed, "probe", number, "of", allowed, "allowed",
              conn.began - resumed_at, "s after the pause")


@long
def test_stopped_process_makes_up_for_nothing():
    """After SIGSTOP and SIGCONT what has become due is begun at its rate."""
    with World(SATURATED) as w:
        names = many_dead(w, 40)
        w.daemon.signal(signal.SIGSTOP)
        time.sleep(4)  # every endpoint is due now
        before = len(w.smtp.conns())
        resumed_at = time.monotonic()
        w.daemon.signal(signal.SIGCONT)
        for name in names:
            w.expect("transport", "u@" + name, w.relay_reply())
        no_burst(w, before, resumed_at)


@long
def test_suspended_machine_makes_up_for_nothing():
    """The same after twelve hours of sleep: intervals and times to live are
    over, routes and rates are not."""
    with World(SATURATED, start=False) as w:
        clocks = Clocks(w)
        w.start()
        names = many_dead(w, 40)
        w.simple("up.test", UP, fakesmtp.GOOD)
        w.judged("up.test", reason="all-reachable")
        w.daemon.signal(signal.SIGSTOP)
        clocks.set(suspended=12 * 3600)
        before = len(w.smtp.conns())
        resumed_at = time.monotonic()
        w.daemon.signal(signal.SIGCONT)
        for name in names:
            w.expect("transport", "u@" + name, w.relay_reply())
        w.expect("transport", "u@up.test", NOTFOUND)
        no_burst(w, before, resumed_at)
        eventually(lambda: w.dns.asked("up.test", "MX") == 2,
                   "the refresh of an answer whose time was over")


# One failure would do, if it said anything.
INTERRUPTED = {"probe": {"fall": 1, "greeting_timeout": "5s"},
               "policy": {"wait": "1s"}}


def interrupt(w, address, meanwhile):
    """Stops the daemon in a probe, which is over once it goes on."""
    def under_way():
        return [c for c in w.smtp.conns(address) if c.ended is None]
    conn = eventually(under_way, "a probe")[0]
    w.daemon.signal(signal.SIGSTOP)
    time.sleep(0.2)
    check(conn.ended is None, "was over before")
    meanwhile()
    w.daemon.signal(signal.SIGCONT)
    eventually(lambda: conn.ended, "the end of the probe")


def not_taken_for_dead(w, name, address):
    """What the interrupted probes found was told as nothing."""
    w.smtp.set(address, fakesmtp.GOOD)
    w.until_route(name, route="direct", reason="all-reachable")
    check(not w.daemon.find(r"\bendpoint address=%s .*new=unreachable"
                            % address.replace(".", r"\.")), "was dead")
    w.daemon.wait_log(r"\bprobe outcome=local-error .*suspended_or_stopped")


@long
def test_stopped_in_a_probe():
    """By SIGSTOP for longer than the greeting may take: it says nothing."""
    with World(INTERRUPTED) as w:
        w.simple("x.test", UP, fakesmtp.SILENT)
        w.learn("x.test")
        interrupt(w, UP, lambda: time.sleep(5 + 10 + 1))
        not_taken_for_dead(w, "x.test", UP)


@long
def test_suspended_in_a_probe():
    """The same for a minute, and for longer than a probe may ever take."""
    with World(INTERRUPTED, start=False) as w:
        clocks = Clocks(w)
        w.start()
        w.simple("x.test", UP, fakesmtp.SILENT)
        for suspended in (60, 60 + 300):
            w.learn("x.test")
            interrupt(w, UP, lambda: clocks.set(suspended=suspended))
        not_taken_for_dead(w, "x.test", UP)


# --------------------------------------------------------------- descriptors

def test_descriptors_taken_away():
    """Not one more descriptor is to be had while all goes on: neither probes
    nor questions that could not be begun say anything about the others."""
    with World({"probe": {"interval": "1s"}, "dns": {"max_ttl": "1s"},
                "log": {"level": "debug"}}) as w:
        w.simple("up.test", UP, fakesmtp.GOOD)
        w.simple("blocked.test", DEAD, fakesmtp.CLOSE)
        w.judged("up.test", reason="all-reachable")
        w.judged("blocked.test", route="relay")
        inside, policy = w.client(), w.policy()
        policy.ask(recipient="u@up.test")

        def as_before():
            same(inside.query("transport", "u@up.test"), NOTFOUND)
            same(inside.query("transport", "u@blocked.test"),
                 w.relay_reply().encode())
        as_before()
        soft, hard = resource.prlimit(w.daemon.pid, resource.RLIMIT_NOFILE)
        mark = w.daemon.mark()
        resource.prlimit(w.daemon.pid, resource.RLIMIT_NOFILE, (3, hard))

        def failed(pattern, times):
            as_before()
            return len(w.daemon.find(pattern, mark)) >= times
        eventually(lambda: failed(r"\bdns name=up\.test .*=local-error\b",
                              3),
                   "questions that could not be asked")
        eventually(lambda: failed(r"\bsmtp address=%s\S* old=new new=ending"
                                  % UP.replace(".", r"\."), 3),
                   "probes that could not begin")
        waiting = clients.Socketmap(w.socketmap_at)
        waiting.send(clients.request("transport", "u@blocked.test"))
        check(waiting.silent(0.3), "served without a descriptor")
        same(policy.ask(recipient="u@up.test"), {"action": "DUNNO"})
        as_before()
        same(w.daemon.find(r"\b(endpoint|transition|change) .*up\.test",
                           mark), [], "what the want of descriptors turned")
        resource.prlimit(w.daemon.pid, resource.RLIMIT_NOFILE, (soft, hard))
        same(waiting.receive(), w.relay_reply().encode())
        waiting.close()
        w.smtp.set(DEAD, fakesmtp.GOOD)
        w.until("transport", "u@blocked.test", NOTFOUND)


# -------------------------------------------------------------------- crowds

class Crowd:
    """Many connections that are opened at once; one crowd at a time."""

    only = threading.Lock()

    def __init__(self, where, count):
        self.only.acquire()
        self.sockets = {}
        self.replies = {}
        self.cut = set()
        self.poll = select.epoll()
        try:
            for _ in range(count):
                sock = socket.socket()
                # No TIME_WAIT: the ports are needed again.
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                struct.pack("ii", 1, 0))
                sock.setblocking(False)
                self.sockets[sock.fileno()] = sock
                sock.connect_ex(where)
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()

    def watch(self, events):
        for fd in self.sockets:
            self.poll.register(fd, events)

    def turn(self, say=b""):
        """Sends to those that are connected, once, and reads what is there."""
        for fd, events in self.poll.poll(0.05):
            sock = self.sockets[fd]
            try:
                if events & select.EPOLLOUT:
                    sock.send(say)
                    self.poll.modify(fd, select.EPOLLIN)
                    continue
                data = sock.recv(4096)
            except OSError:
                data = b""
            if data:
                self.replies[fd] = self.replies.get(fd, b"") + data
            else:
                self.cut.add(fd)
                self.poll.unregister(fd)

    def close(self):
        for sock in self.sockets.values():
            sock.close()
        self.poll.close()
        self.only.release()


def need_descriptors(count):
    if resource.getrlimit(resource.RLIMIT_NOFILE)[0] < count:
        raise Skip("no %d descriptors here" % count)


def test_ten_thousand_connections_at_once():
    """All within the limit: each is answered."""
    need_descriptors(14000)
    with World({"listen": {"max_connections": 10100},
                "log": {"lookups": "none"}}) as w:
        w.simple("blocked.test", DEAD, fakesmtp.CLOSE)
        w.judged("blocked.test", route="relay")
        wanted = clients.netstring(w.relay_reply())
        with Crowd(w.socketmap_at, 10000) as crowd:
            crowd.watch(select.EPOLLOUT | select.EPOLLIN)
            request = clients.request("transport", "u@blocked.test")

            def answered():
                crowd.turn(request)
                return len(crowd.replies) == 10000
            eventually(answered, "an answer for everybody", pause=0)
            same(set(crowd.replies.values()), {wanted}, "answers")
            same(len(crowd.cut), 0, "connections cut")
        w.expect("transport", "u@blocked.test", w.relay_reply())


def test_ten_thousand_beyond_the_limit():
    """Those who never asked, or not to the end, make room; who works stays."""
    need_descriptors(14000)
    with World({"listen": {"max_connections": 500},
                "log": {"lookups": "none"}}) as w:
        w.simple("blocked.test", DEAD, fakesmtp.CLOSE)
        w.judged("blocked.test", route="relay")
        wanted = w.relay_reply().encode()
        workers = [w.client() for _ in range(100)]
        session = w.policy()
        same(session.ask(recipient="u@blocked.test"), {"action": "DUNNO"})

        def work():
            for client in workers:
                same(client.query("transport", "u@blocked.test"), wanted)
        work()
        with Crowd(w.socketmap_at, 10000) as crowd:
            # One that said nothing may be a connection to its own side alone,
            # when it met a full backlog: a byte gets it through.
            crowd.watch(select.EPOLLOUT | select.EPOLLIN)

            def cut_back():
                work()
                crowd.turn(b"3")
                return len(crowd.cut) >= 10000 - 500
            eventually(cut_back, "the crowd to be cut back", pause=0)
            newcomer = clients.PostfixLike(w.socketmap_at)
            same(newcomer.query("transport", "u@blocked.test"), wanted)
            newcomer.close()
            work()
            same(session.ask(recipient="u@blocked.test"),
                 {"action": "DUNNO"})
            same(crowd.replies, {}, "unasked bytes")
        w.daemon.wait_log(r"\bconn error=too-many-connections limit=500 ")


# -------------------------------------------------------- random subdomains

def resident_kb(w):
    with open("/proc/%d/status" % w.daemon.pid) as status:
        return [int(line.split()[1]) for line in status
                if line.startswith("VmRSS")][0]


def random_subdomains(seconds):
    """A thousand names a second that nobody asks for twice."""
    with World({"cache": {"max_domains": 1000},
                "dns": {"concurrency": 20, "timeout": "60s", "tries": 1}}) \
            as w:
        w.simple("blocked.test", DEAD, fakesmtp.CLOSE)
        w.judged("blocked.test", route="relay")
        w.dns.delay = 0.1
        known, client = w.client(), w.client()
        before = 0
        for turn in range(10 * seconds):
            began = time.monotonic()
            client.send(b"".join(
                clients.request("transport", "u@r%d.victim.test" % n)
                for n in range(100 * turn, 100 * turn + 100)))
            for _ in range(100):
                same(client.receive(), NOTFOUND)
            same(known.query("transport", "u@blocked.test"),
                 w.relay_reply().encode())
            if turn == 20:  # the memory is full of names
                before = resident_kb(w)
            time.sleep(max(0, began + 0.1 - time.monotonic()))
        check(w.dns.max_pending <= 20, "questions at once",
              w.dns.max_pending)
        check(w.dns.max_pending > 4, "the names were not asked for")
        # Strangers' names leave room for who is waited for.
        w.simple("fresh.test", "127.10.0.2", fakesmtp.CLOSE)
        w.judged("fresh.test", route="relay")
        same(w.dns.asked("blocked.test", "MX"), 1, "questions for the known")
        check(resident_kb(w) < before + 16 * 1024, "kilobytes grew from",
              before, "to", resident_kb(w))


def test_random_subdomains():
    random_subdomains(5)


@slow
def test_random_subdomains_for_a_minute():
    random_subdomains(60)
