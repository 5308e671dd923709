# SPDX-License-Identifier: MIT
"""Start, reload, end; sockets of all kinds; restarts under load; full logs."""
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import threading
import time

import clients
import fakedns
import fakesmtp
import forks
import harness
from harness import (NOTFOUND, Daemon, Skip, World, check, eventually, long,
                     need_unshare, same)

DEAD, UP = "127.10.0.1", "127.10.0.2"


def warm(w):
    w.simple("blocked.test", DEAD, fakesmtp.CLOSE)
    w.judged("blocked.test", route="relay")


def unix_conf(w):
    return {"listen": {"socketmap": ["unix:%s/map" % w.dir,
                                     "inet:127.0.0.1:%d"
                                     % w.ports["socketmap"]],
                       "policy": ["unix:%s/policy" % w.dir],
                       "mode": "0600"}}


def test_unix_sockets():
    with World(unix_conf) as w:
        for name in ("/map", "/policy"):
            status = os.stat(w.dir + name)
            check(stat.S_ISSOCK(status.st_mode))
            same(stat.S_IMODE(status.st_mode), 0o600, name)
        with clients.Socketmap(w.dir + "/map") as client:
            same(client.query("transport", "*"), NOTFOUND)
        w.simple("blocked.test", DEAD, fakesmtp.CLOSE)
        with clients.Policy(w.dir + "/policy") as policy:
            same(policy.route("u@blocked.test")["route"], "relay")
        w.stop()
        check(not os.path.exists(w.dir + "/map"), "the socket file is left")


def test_stale_unix_socket_is_replaced():
    with World(unix_conf, start=False) as w:
        for name in ("/map", "/policy"):
            dead = socket.socket(socket.AF_UNIX)
            dead.bind(w.dir + name)
            with forks.none:
                dead.close()
        w.start()
        with clients.Socketmap(w.dir + "/map") as client:
            same(client.query("transport", "*"), NOTFOUND)
        # Killed hard, it leaves its files; the next start copes.
        w.daemon.kill()
        check(os.path.exists(w.dir + "/map"))
        w.start()
        with clients.Socketmap(w.dir + "/map") as client:
            same(client.query("transport", "*"), NOTFOUND)


def test_live_unix_socket_is_not_stolen():
    with World(unix_conf) as w:
        second = World(lambda s: {"listen": {
            "socketmap": ["unix:%s/map" % w.dir]}}, start=False)
        try:
            rival = Daemon(second.conf_path)
            status = rival.wait()
            check(status != 0, "a second daemon took the socket")
            check(any("map" in line for line in rival.text()), "not a word")
            same(rival.sanitizer_reports(), [])
        finally:
            second.close()
        with clients.Socketmap(w.dir + "/map") as client:
            same(client.query("transport", "*"), NOTFOUND)


def test_a_file_that_is_no_socket_is_kept():
    with World(unix_conf, start=False) as w:
        w.write("map", "precious\n")
        daemon = Daemon(w.conf_path)
        check(daemon.wait() != 0, "it started over somebody's file")
        with open(w.dir + "/map") as file:
            same(file.read(), "precious\n")
        same([f for f in w.socket_files()], [], "files of a failed start")


def test_reload_opens_a_removed_unix_socket_anew():
    with World(unix_conf) as w:
        map_file, policy_file = w.dir + "/map", w.dir + "/policy"
        client = w.client(map_file)
        same(client.query("transport", "*"), NOTFOUND)
        mark = w.daemon.mark()
        os.unlink(map_file)
        w.hangup()
        w.daemon.wait_log(r"listen service=socketmap address=unix:%s opened "
                          r"anew: %s is gone$" % (map_file, map_file), mark)
        w.wait_ready(map_file)
        same(stat.S_IMODE(os.stat(map_file).st_mode), 0o600, "mode")
        # The connection of before goes on, and the other sockets are as they
        # were.
        same(client.query("transport", "*"), NOTFOUND)
        clients.connect(policy_file).close()
        check(not w.daemon.find("service=policy.* anew", mark))
        # All is well: the next reload has nothing to say about it.
        mark = w.daemon.mark()
        w.hangup()
        w.daemon.wait_log("reload=done", mark)
        check(not w.daemon.find("listen ", mark), w.daemon.text(mark))


def test_reload_leaves_a_taken_path_and_goes_on():
    with World(unix_conf) as w:
        map_file, policy_file = w.dir + "/map", w.dir + "/policy"
        w.simple("blocked.test", DEAD, fakesmtp.CLOSE)
        for take, says in (
                (lambda: w.write("map", "precious\n"),
                 "exists and is not a socket"),
                (lambda: listen_unix(map_file), "another process answers")):
            os.unlink(map_file)
            other = take()
            mark = w.daemon.mark()
            w.write_conf(lambda w: dict(
                unix_conf(w),
                rules=[{"domain": ["*"], "route": "direct"}]))
            w.hangup()
            w.daemon.wait_log(
                r'listen service=socketmap address=unix:%s error=".*%s.*": '
                r"nobody can connect there" % (map_file, says), mark)
            w.daemon.wait_log("reload=done .* rules=1", mark)
            clients.connect(policy_file).close()
            if not isinstance(other, str):
                with forks.none:
                    other.close()
        # The way is free again.
        mark = w.daemon.mark()
        w.hangup()
        w.daemon.wait_log("anew: .* leads to another file", mark)
        w.wait_ready(map_file)


def listen_unix(path):
    sock = socket.socket(socket.AF_UNIX)
    sock.bind(path)
    sock.listen(8)
    return sock


def test_ipv6_and_any_address():
    with World(lambda w: {"listen": {"socketmap": [
            "inet:[::1]:%d" % w.ports["socketmap"],
            "inet:*:%d" % w.ports["relay"]]}}, start=False) as w:
        try:
            probe = socket.socket(socket.AF_INET6)
            probe.bind(("::1", 0))
            probe.close()
        except OSError:
            raise Skip("no IPv6 loopback here")
        w.smtp.set(harness.RELAY1, fakesmtp.REFUSE, w.relay_port)
        w.daemon = Daemon(w.conf_path)
        w.wait_ready(("::1", w.ports["socketmap"]))
        w.wait_ready(("127.0.0.1", w.ports["relay"]))


def test_without_standard_streams():
    """0, 1 and 2 closed: no connection may end up under those numbers, or
    log lines would go to clients."""
    if os.environ.get("E2E_WRAP"):
        raise Skip("the wrapper wants standard streams of its own")
    for target in ("stderr", "syslog"):
        with World({"log": {"to": target, "level": "debug",
                            "lookups": "all"}},
                   wrap=["/bin/sh", "-c", "exec \"$@\" <&- >&- 2>&-",
                         "sh"]) as w:
            warm(w)
            crowd = [w.client() for _ in range(20)]
            for _ in range(5):
                for client in crowd:
                    same(client.query("transport", "u@blocked.test"),
                         w.relay_reply().encode())
            for client in crowd:
                check(client.silent(0.01), "unasked bytes")


def test_port_in_use():
    with World() as w:
        rival = Daemon(w.conf_path)
        check(rival.wait() != 0, "two daemons on one port")
        same(rival.sanitizer_reports(), [])
        w.expect("transport", "*", NOTFOUND)


def test_start_does_not_wait_for_the_network():
    with World({"dns": {"timeout": "50s"}}, start=False) as w:
        w.dns.set_everything(fakedns.SILENT)
        w.smtp.set(harness.RELAY1, fakesmtp.BLACKHOLE, w.relay_port)
        w.start()
        w.expect("transport", "u@x.test", NOTFOUND)


def test_sigterm_with_everybody_hanging_on():
    """Ends with 0 at once: waiters, silent clients, one that never reads."""
    with World({"policy": {"wait": "60s"}, "dns": {"timeout": "60s"}}) as w:
        w.dns.default = fakedns.SILENT
        w.simple("slow.test", UP, fakesmtp.SILENT)
        waiting = [w.policy() for _ in range(10)]
        for number, session in enumerate(waiting):
            session.start(recipient="u@w%d.test" % number,
                          instance=str(number))
        for _ in range(10):
            w.client()
        stuck = w.client()
        stuck.sock.settimeout(1)
        try:
            for _ in range(2000):
                stuck.send(clients.request("route", "u@w1.test") * 500)
        except OSError:
            pass
        half = w.client()
        half.send(b"20:transport ")
        eventually(lambda: w.dns.asked("w0.test", "MX"), "a question")
        w.stop()  # it has DEADLINE, and would need longer to wait for them


def test_sigterm_answers_what_it_took():
    """A pipelined request that was taken is answered or the end is clean: no
    half reply."""
    with World() as w:
        warm(w)
        client = w.client()
        client.send(clients.request("transport", "u@blocked.test") * 5000)
        same(client.receive(), w.relay_reply().encode())
        w.daemon.signal(signal.SIGTERM)
        wire = clients.netstring(w.relay_reply())
        rest = client.rest()
        same(len(rest) % len(wire), 0, "bytes of a half reply")
        same(rest, wire * (len(rest) // len(wire)))
        same(w.daemon.wait(), 0, "exit status")
        same(w.socket_files(), [])
        same(w.daemon.sanitizer_reports(), [])
        w.last, w.daemon = w.daemon, None


def test_sigterm_answers_policy_requests_it_took():
    """Pipelined requests that would have to wait are answered, too."""
    with World({"dns": {"timeout": "40s"}}) as w:
        w.dns.set("wait.test", "MX", fakedns.SILENT)
        with clients.Raw(w.policy_at) as raw:
            raw.send(b"request=mxdetour_route\nrecipient=u@wait.test\n\n" * 8)
            eventually(lambda: w.dns.asked("wait.test", "MX"), "the question")
            w.daemon.signal(signal.SIGTERM)
            same(raw.rest().count(b"action=DUNNO\n"), 8, "answers")
        same(w.daemon.wait(), 0, "exit status")
        w.last, w.daemon = w.daemon, None


def test_sigint_ends_too():
    with World() as w:
        warm(w)
        w.stop(signal.SIGINT)


def test_signals_that_mean_nothing():
    with World() as w:
        warm(w)
        w.daemon.signal(signal.SIGPIPE)
        for _ in range(20):
            w.hangup()
        w.expect("transport", "u@blocked.test", w.relay_reply())


# -------------------------------------------------------------------- reload

def test_reload_good():
    with World() as w:
        warm(w)
        kept = w.client()
        same(kept.query("transport", "u@blocked.test"),
             w.relay_reply().encode())
        w.write_conf({"rules": [{"name": "now", "domain": ["blocked.test"],
                                 "route": "direct"}]})
        w.hangup()
        w.until("transport", "u@blocked.test", NOTFOUND)
        same(w.route("blocked.test")["reason"], "rule:now")
        same(kept.query("transport", "u@blocked.test"), NOTFOUND)
        w.write_conf({})
        w.hangup()
        w.until("transport", "u@blocked.test", w.relay_reply())
        # Measurements survive: the verdict came without a new question.
        same(w.dns.asked("blocked.test", "MX"), 1, "MX questions")


def test_reload_bad_keeps_the_old():
    with World() as w:
        warm(w)
        for there in (True, False):
            mark = w.daemon.mark()
            if there:
                w.write_conf(text="mode = \"enforce\";\n"
                             "rules = ( { domain = [\"x.test\"]; "
                             "route = \"sideways\"; } );\n")
            else:
                os.unlink(w.conf_path)
            w.hangup()
            line = eventually(
                lambda: [t for t in w.daemon.text(mark)
                         if os.path.basename(w.conf_path) in t],
                "a word about the bad file")[0]
            if there:
                check(w.conf_path + ":2: " in line, "file:line in", line)
            w.expect("transport", "u@blocked.test", w.relay_reply())
        w.write_conf({"rules": [{"domain": ["*"], "route": "direct"}]})
        w.hangup()
        w.until("transport", "u@blocked.test", NOTFOUND)


def test_reload_rereads_domain_files():
    def conf(w):
        w.write("locals", "other.test\n")
        w.write("list", "nobody.test\n")
        return {"self": {"local_domain_files": [w.dir + "/locals"]},
                "rules": [{"name": "f", "domain_file": w.dir + "/list",
                           "route": "direct"}]}
    with World(conf) as w:
        warm(w)
        w.write("list", "nobody.test\nblocked.test\n")
        w.hangup()
        w.until_route("blocked.test", route="direct", reason="rule:f")
        w.write("locals", "blocked.test\n")
        w.hangup()
        w.until_route("blocked.test", route="direct", reason="local")
        w.write("locals", "# none left\n")
        w.write("list", "other.test\n")
        w.hangup()
        w.until_route("blocked.test", route="relay")


def test_emptied_domain_file_matches_nobody():
    """A rule whose list is empty is not a rule for everybody."""
    def conf(w):
        w.write("list", "listed.test\n")
        return {"rules": [{"name": "f", "domain_file": w.dir + "/list",
                           "route": "relay"}]}
    with World(conf) as w:
        w.simple("listed.test", UP, fakesmtp.GOOD)
        w.simple("other.test", "127.10.0.3", fakesmtp.GOOD)
        for name in ("listed.test", "other.test"):
            w.learn(name)
        w.until_route("listed.test", route="relay", reason="rule:f")
        w.write("list", "# all gone\n")
        w.hangup()
        w.until_route("listed.test", route="direct", reason="all-reachable")
        w.until_route("other.test", route="direct", reason="all-reachable")
        w.expect("transport", "u@never.seen.test", NOTFOUND)
        # Empty from the start, too.
        w.stop()
        w.start()
        w.learn("other.test")
        w.until_route("other.test", route="direct", reason="all-reachable")


def test_reload_changes_relays_and_mode():
    with World() as w:
        w.smtp.set(harness.RELAY2, fakesmtp.GOOD, w.relay_port)
        warm(w)
        w.write_conf({"relays": [w.relay_entry("two", harness.RELAY2)]})
        w.hangup()
        w.until("transport", "u@blocked.test",
                w.relay_reply(harness.RELAY2))
        same(w.route("blocked.test")["via"], "two")
        w.write_conf({"mode": "observe"})
        w.hangup()
        w.until("transport", "u@blocked.test", NOTFOUND)
        w.write_conf({"relays": None, "hold_answer": "retry"})
        w.hangup()
        eventually(lambda: w.transport("u@blocked.test")
                   .startswith(b"OK retry:"), "hold without relays")
        w.write_conf({})
        w.hangup()
        w.until("transport", "u@blocked.test", w.relay_reply())


def test_reload_under_load():
    with World() as w:
        warm(w)
        stop = threading.Event()
        errors = []

        def load():
            try:
                with clients.Socketmap(w.socketmap_at) as client:
                    while not stop.is_set():
                        got = client.query("transport", "u@blocked.test")
                        if got not in (NOTFOUND, w.relay_reply().encode()):
                            errors.append(got)
                            return
            except Exception as error:
                errors.append(error)
        threads = [threading.Thread(target=load, daemon=True)
                   for _ in range(4)]
        for thread in threads:
            thread.start()
        for number in range(40):
            route = "direct" if number % 2 == 0 else "auto"
            w.write_conf({"rules": [{"domain": ["blocked.test"],
                                     "route": route}]})
            w.hangup()
            w.until("transport", "u@blocked.test",
                    NOTFOUND if route == "direct" else w.relay_reply())
        stop.set()
        for thread in threads:
            thread.join()
        same(errors, [])


def test_reload_while_sessions_wait():
    with World({"policy": {"wait": "40s"}, "dns": {"timeout": "40s"}}) as w:
        gate = w.gated("w.test", UP)
        session = w.policy()
        session.start(request="mxdetour_route", recipient="u@w.test")
        eventually(lambda: w.dns.asked("w.test", "MX"), "the question")
        for _ in range(5):
            w.hangup()
            w.expect("transport", "*", NOTFOUND)
        gate.open()
        got = session.receive()
        same((got["action"], got["route"]), ("DUNNO", "direct"))


def test_reload_tells_of_a_change_to_who_waits():
    """A waiting session learns of the new rule first: there is a line."""
    with World({"policy": {"wait": "40s"}, "dns": {"timeout": "40s"},
                "probe": {"greeting_timeout": "30s"}}) as w:
        w.domain("w.test", [(10, "mx.w.test", [UP])], ttl=1)
        w.smtp.set(UP, fakesmtp.SILENT)
        session = w.policy()
        session.start(request="mxdetour_route", recipient="u@w.test")
        eventually(lambda: w.smtp.count(UP), "the probe")
        w.write_conf(dict(w.changes, rules=[
            {"name": "new", "domain": ["w.test"], "route": "relay"}]))
        w.hangup()
        got = session.receive()
        same((got["route"], got["reason"]), ("relay", "rule:new"))
        w.daemon.wait_log(r"\bchange domain=w\.test old=direct new=relay "
                          r"reason=rule:new")


def test_reload_to_observe_frees_who_waits():
    """As nobody is made to wait in that mode; those behind them, too."""
    with World({"policy": {"wait": "50s"}, "dns": {"timeout": "50s"}}) as w:
        w.dns.default = fakedns.SILENT
        sessions = [w.policy() for _ in range(3)]
        for number, session in enumerate(sessions):
            for name in ("w%d.test" % number, "behind%d.test" % number):
                session.start(request="mxdetour_route", recipient="u@" + name,
                              instance=name)
            eventually(lambda: w.dns.asked("w%d.test" % number, "MX"),
                       "the question")
        w.write_conf(dict(w.changes, mode="observe"))
        w.hangup()
        for session in sessions:
            for _ in range(2):
                # Else it would say what became of the question.
                got = session.receive()
                same((got["action"], got["reason"], got["mode"]),
                     ("DUNNO", "unknown-yet", "observe"))
        w.expect("transport", "*", NOTFOUND)


def test_reload_that_would_leave_no_socket():
    """Nobody could ask any more: as wrong as at the start."""
    with World() as w:
        mark = w.daemon.mark()
        w.write_conf({"listen": {"socketmap": [], "policy": []}})
        w.hangup()
        w.daemon.wait_log(r"reload=failed .*listen names no socket", mark)
        w.expect("transport", "*", NOTFOUND)


def test_reload_asked_for_during_the_start():
    """SIGHUP before there is anything to reload ends nothing."""
    with World(start=False) as w:
        w.write("many", "".join("d%d.test\n" % n for n in range(100000)))
        w.write_conf({"self": {"local_domain_files": ["many"]}})
        for _ in range(5):
            # Until it blocks the signal itself, which no test can wait for, it
            # has the mask of this thread.
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
            try:
                w.daemon = harness.Daemon(w.conf_path, **w.options)
            finally:
                signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})
            w.hangup()
            w.wait_ready()
            w.daemon.wait_log(r"\breload=done")
            w.stop()


def test_reload_storm():
    """Reloads in the middle of everything, each with other relays."""
    with World({"policy": {"wait": "50s"}},
               good_relays=[harness.RELAY2]) as w:
        names = ["s%d.test" % number for number in range(30)]
        for number, name in enumerate(names):
            w.simple(name, "127.%d.0.1" % (40 + number),
                     (fakesmtp.TEASER, fakesmtp.CLOSE, fakesmtp.SILENT,
                      fakesmtp.EHLO_SILENT)[number % 4])
        sessions = [w.policy() for _ in names]
        for session, name in zip(sessions, names):
            session.start(request="mxdetour_route", recipient="u@" + name,
                          instance=name)
        for number in range(40):
            w.write_conf({
                "relays": [w.relay_entry("n%d" % n, "127.30.0.%d" % (1 + n))
                           for n in range(number % 3)] or None,
                "probe": {"asked": ("spare", "never")[number % 2]},
                "dns": {"timeout": "%ds" % (2 + number % 2)},
                "rules": [{"mx": ["mx.s1.test"], "route":
                           ("direct", "auto", "relay", "hold")[number % 4]}],
                "policy": {"wait": "50s"}})
            w.hangup()
            w.expect("transport", "*", NOTFOUND)
            for name in names[:8]:
                w.transport("u@" + name)
        for session in sessions:
            same(session.receive()["action"], "DUNNO")
        w.write_conf({})
        w.hangup()
        for number, name in enumerate(names):
            w.until("transport", "u@" + name,
                    NOTFOUND if number % 4 == 0 else w.relay_reply())


# ------------------------------------------------------- sockets handed over

ACTIVATE = """
import fcntl, os, sys
fds = [int(n) for n in sys.argv[1].split(",") if n]
spare = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 3 + len(fds)) for fd in fds]
for fd in fds:
    os.set_inheritable(fd, False)
for number, fd in enumerate(spare):
    os.dup2(fd, 3 + number, inheritable=True)
os.environ["LISTEN_PID"] = str(os.getpid())
os.environ["LISTEN_FDS"] = str(len(fds))
if sys.argv[2]:
    os.environ["LISTEN_FDNAMES"] = sys.argv[2]
os.execvp(sys.argv[3], sys.argv[3:])
"""


class Supervisor:
    """Holds the listening sockets, as systemd does, and hands them on."""

    def __init__(self, w, addresses, names=""):
        self.w = w
        self.names = names
        self.sockets = []
        for address in addresses:
            family = socket.AF_UNIX if isinstance(address, str) \
                else socket.AF_INET
            sock = socket.socket(family)
            if family == socket.AF_INET:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind(address)
            sock.listen(512)
            self.sockets.append(sock)

    def start(self, wrap=(), **options):
        fds = [sock.fileno() for sock in self.sockets]
        wrap = [*wrap, sys.executable, "-S", "-E", "-c", ACTIVATE,
                ",".join(map(str, fds)), self.names]
        # pass_fds keeps their numbers; the small program moves them to 3...
        options.setdefault("conf_path", self.w.conf_path)
        self.w.daemon = Daemon(wrap=wrap, pass_fds=fds, **options)
        return self.w.daemon

    def close(self):
        for sock in self.sockets:
            sock.close()


def test_activation_by_name():
    with World(start=False) as w:
        supervisor = Supervisor(w, [w.policy_at, w.socketmap_at],
                                "policy:socketmap")
        supervisor.start()
        w.wait_ready()
        warm(w)
        w.expect("transport", "u@blocked.test", w.relay_reply())
        w.write_conf({"rules": [{"domain": ["*"], "route": "direct"}]})
        w.hangup()
        w.until("transport", "u@blocked.test", NOTFOUND)
        w.stop()
        # The sockets are still the supervisor's.
        clients.connect(w.socketmap_at).close()
        supervisor.close()


def test_activation_by_address():
    """Without names the address decides; what was not handed over is bound."""
    with World(start=False) as w:
        supervisor = Supervisor(w, [w.socketmap_at])
        supervisor.start()
        w.wait_ready()
        warm(w)
        w.expect("transport", "u@blocked.test", w.relay_reply())
        w.stop()
        supervisor.close()


def test_activation_that_matches_nothing():
    with World(start=False) as w:
        supervisor = Supervisor(w, [("127.0.0.1", harness.free_port())])
        daemon = supervisor.start()
        check(daemon.wait() != 0, "it took a socket that nobody asked for")
        check(any(":" in line for line in daemon.text()), "not a word")
        same(daemon.sanitizer_reports(), [])
        w.daemon = None
        supervisor.close()


def test_activation_by_nonsense():
    """What is no listening socket, and numbers that are none: an error or
    left alone, no crash."""
    with World(start=False) as w:
        for setting in ("LISTEN_FDS=1", "LISTEN_FDS=99999999999",
                        "LISTEN_FDS=-1", "LISTEN_FDS=x", "LISTEN_FDS=",
                        "LISTEN_FDS=1 LISTEN_FDNAMES=a:b:c"):
            wrap = ["/bin/sh", "-c", "exec 3</dev/null; LISTEN_PID=$$ " +
                    setting + "; export LISTEN_PID LISTEN_FDS "
                    "LISTEN_FDNAMES; exec \"$@\"", "sh"]
            w.daemon = daemon = Daemon(w.conf_path, wrap=wrap)
            eventually(lambda: w.answers() or not daemon.alive(),
                       "a start or an end with " + setting)
            if daemon.alive():
                daemon.signal(signal.SIGTERM)
                same(daemon.wait(), 0, setting)
                check(setting != "LISTEN_FDS=1",
                      "it took /dev/null for a socket")
            else:
                check(daemon.wait() in (1, 2), setting, daemon.wait())
            same(daemon.sanitizer_reports(), [])
        w.last, w.daemon = daemon, None


def test_activation_of_another_process():
    """LISTEN_PID of somebody else: nothing is taken."""
    with World(env={"LISTEN_FDS": "1", "LISTEN_PID": "1"}) as w:
        w.expect("transport", "*", NOTFOUND)


def test_activated_unix_socket_stays():
    def conf(w):
        return {"listen": {"socketmap": ["unix:%s/map" % w.dir]}}
    with World(conf, start=False) as w:
        supervisor = Supervisor(w, [w.dir + "/map"], "socketmap")
        for _ in range(2):
            daemon = supervisor.start()
            w.wait_ready(w.dir + "/map")
            daemon.signal(signal.SIGTERM)
            same(daemon.wait(), 0, "exit status")
            check(os.path.exists(w.dir + "/map"), "the supervisor's file")
            same(daemon.sanitizer_reports(), [])
        supervisor.close()
        os.unlink(w.dir + "/map")
        w.last, w.daemon = w.daemon, None


def test_activated_unix_socket_that_lost_its_file_is_told():
    """Only who bound it can do that again; the daemon says so."""
    def conf(w):
        return {"listen": {"socketmap": ["unix:%s/map" % w.dir]}}
    says = (r'listen service=socketmap address=unix:\S+/map from=supervisor '
            r'error="\S+/map is gone": nobody can connect there; restart who '
            r'holds it, as in systemctl restart mxdetour-socketmap.socket')
    with World(conf, start=False) as w:
        supervisor = Supervisor(w, [w.dir + "/map"], "socketmap")
        supervisor.start()
        w.wait_ready(w.dir + "/map")
        check(not w.daemon.find("error="), w.daemon.text())
        os.unlink(w.dir + "/map")
        mark = w.daemon.mark()
        w.hangup()
        w.daemon.wait_log(says, mark)
        w.daemon.wait_log("reload=done", mark)
        check(not os.path.exists(w.dir + "/map"), "it is not ours to make")
        w.stop()
        # And by the next daemon, at once.
        supervisor.start()
        w.daemon.wait_log(says)
        w.stop()
        supervisor.close()


ETC = """
set -e
mkdir "$1/etc" "$1/was"
mount --bind "$2" "$1/was"
for file in "$1"/was/*; do
    ln -s "$file" "$1/etc"
done
rm -f "$1/etc/mxdetour"
mkdir "$1/etc/mxdetour"
mount --bind "$1/etc" "$2"
! test -d /run/mxdetour || mount -t tmpfs none /run/mxdetour
JOURNAL_STREAM=$(stat -L -c %d:%i /dev/fd/2)
export JOURNAL_STREAM
shift 2
exec "$@"
"""


def test_configuration_made_after_the_start():
    """Without -c: read at a reload once it exists, and needed from then on."""
    need_unshare()
    with World(start=False) as w:
        usage = subprocess.run(harness.command("-h"), check=True,
                               stdout=subprocess.PIPE).stdout.decode()
        path = re.search(r"default (/\S+/mxdetour/mxdetour\.conf)", usage)[1]
        etc = os.path.dirname(os.path.dirname(path))
        if not os.path.isdir(etc):
            raise Skip("no %s to put another one over" % etc)
        # With a network and a directory of its own: the default addresses are
        # not for tests.
        supervisor = Supervisor(w, [w.socketmap_at], "socketmap")
        supervisor.start(["unshare", "-m", "-n", "/bin/sh", "-c", ETC, "sh",
                          w.dir, etc], conf_path=None)
        w.wait_ready()
        w.daemon.wait_log(r"\bstart .*file=\(defaults\) mode=enforce")

        def reload(wanted):
            mark = w.daemon.mark()
            w.hangup()
            w.daemon.wait_log(r"\bconfiguration reload=" + wanted, mark)
            w.expect("transport", "*", NOTFOUND)
        reload(r"done file=\(defaults\) .*mode=enforce")
        text = "listen = { socketmap = []; policy = []; };\n" \
            "log = { to = \"stderr\"; };\nmode = \"%s\";\n"
        w.write("etc/mxdetour/mxdetour.conf", text % "nonsense")
        reload("failed error=\"%s:3: mode" % re.escape(path))
        w.write("etc/mxdetour/mxdetour.conf", text % "observe")
        reload("done file=%s .*mode=observe" % re.escape(path))
        os.unlink(w.dir + "/etc/mxdetour/mxdetour.conf")
        reload("failed error=\"%s: " % re.escape(path))
        w.stop()
        supervisor.close()


@long
def test_hundred_restarts_under_load():
    """Clients that behave as Postfix does lose not one lookup."""
    with World(start=False) as w:
        supervisor = Supervisor(w, [w.socketmap_at, w.policy_at],
                                "socketmap:policy")
        supervisor.start()
        w.wait_ready()
        stop = threading.Event()
        # Who asks policy is counted, too: one question may meet one end only.
        requests = ("smtpd_access_policy", "mxdetour_route")
        count = [0] * (6 + len(requests))
        errors = []

        def load(number):
            client = clients.PostfixLike(w.socketmap_at)
            while not stop.is_set() and not errors:
                try:
                    got = client.query("transport", "u@n%d.test" % number)
                    if got != NOTFOUND:
                        errors.append(got)
                    got = client.query("transport", "*")
                    if got != NOTFOUND:
                        errors.append(got)
                    count[number] += 1
                    if count[number] % 10 == number:
                        client.close()  # Postfix hangs up now and then
                    time.sleep(0.002)
                except clients.Refused as error:
                    errors.append("client %d, lookup %d: %s"
                                  % (number, count[number], error))

        def policy_load(number, request):
            client = clients.PolicyLike(w.policy_at)
            while not stop.is_set() and not errors:
                try:
                    got = client.ask(request=request,
                                     recipient="u@nothing.test")
                    if got["action"] != "DUNNO":
                        errors.append(got)
                    count[number] += 1
                    time.sleep(0.002)
                except clients.Refused as error:
                    errors.append("policy: %s" % error)
        threads = [threading.Thread(target=load, args=(n,), daemon=True)
                   for n in range(6)]
        threads += [threading.Thread(target=policy_load, args=(6 + n, request),
                                     daemon=True)
                    for n, request in enumerate(requests)]
        for thread in threads:
            thread.start()
        for restart in range(100):
            goal = [n + 3 for n in count]
            eventually(lambda: errors or all(
                n >= g for n, g in zip(count, goal)),
                "lookups after restart %d" % restart)
            same(errors, [], "lookups lost at restart %d" % restart)
            hard = restart % 10 == 9
            w.daemon.signal(signal.SIGKILL if hard else signal.SIGTERM)
            status = w.daemon.wait()
            same(status, -signal.SIGKILL if hard else 0,
                 "exit status at restart %d" % restart)
            same(w.daemon.sanitizer_reports(), [])
            supervisor.start()
        goal = [n + 3 for n in count]
        eventually(lambda: errors or all(
            n >= g for n, g in zip(count, goal)), "the last lookups")
        stop.set()
        for thread in threads:
            thread.join()
        same(errors, [])
        w.stop()
        supervisor.close()


# ------------------------------------------------------- telling a supervisor

class Ears:
    """Where a supervisor listens (NOTIFY_SOCKET): an abstract name."""

    def __init__(self, w):
        self.path = "\0" + w.dir + "/notify"
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.sock.bind(self.path)
        self.sock.settimeout(harness.DEADLINE)

    def next(self):
        """The next word but those that only say that it is alive."""
        while True:
            text = self.sock.recv(4096).decode()
            if text != "WATCHDOG=1":
                return text

    def alive(self):
        """The next word that says that it is."""
        while self.sock.recv(4096) != b"WATCHDOG=1":
            pass


def test_supervisor_is_told():
    with World(start=False) as w:
        ears = Ears(w)
        w.options["env"] = {"NOTIFY_SOCKET": "@" + ears.path[1:],
                            "WATCHDOG_USEC": "300000"}
        w.start()
        same(ears.next(), "READY=1")
        # The sockets are open by then: there is nothing to wait for.
        with w.client() as client:
            same(client.query("transport", "*"), NOTFOUND)
        ears.alive()
        ears.alive()
        w.write_conf(text="nonsense = 1;\n")
        w.hangup()
        check(re.fullmatch("RELOADING=1\nMONOTONIC_USEC=[0-9]+", ears.next()))
        text = ears.next()
        check(text.startswith("STATUS=") and w.conf_path + ":1: " in text,
              text)
        same(ears.next(), "READY=1")
        w.write_conf({})
        w.hangup()
        check(ears.next().startswith("RELOADING=1\n"))
        same(ears.next(), "STATUS=")
        same(ears.next(), "READY=1")
        ears.alive()
        w.stop()
        same(ears.next(), "STOPPING=1")


def test_supervisor_that_does_not_listen():
    """Said once; lookups go on, and it is told when it comes."""
    with World(start=False) as w:
        w.options["env"] = {"NOTIFY_SOCKET": "@%s/notify" % w.dir}
        w.start()
        w.daemon.wait_log(r"supervisor error=")
        w.expect("transport", "*", "NOTFOUND ")
        ears = Ears(w)
        same(ears.next(), "READY=1")
        same(len([t for t in w.daemon.text() if "supervisor" in t]), 1)


def test_supervisor_variables_that_are_wrong():
    with World(start=False) as w:
        for wrong in ({"NOTIFY_SOCKET": "run/notify"},
                      {"NOTIFY_SOCKET": w.dir, "WATCHDOG_USEC": "soon"}):
            daemon = Daemon(w.conf_path, env=wrong)
            same(daemon.wait(), 1)
            check(any(list(wrong)[-1] in t for t in daemon.text()))


# ------------------------------------------------------------ logs that jam

def test_stderr_that_nobody_reads():
    with World({"log": {"level": "debug", "lookups": "all"}},
               read_stderr=False) as w:
        warm(w)
        with w.client() as client:
            for _ in range(100):
                client.send(clients.request("transport",
                                            "u@blocked.test") * 200)
                for _ in range(200):
                    same(client.receive(), w.relay_reply().encode())
        w.simple("late.test", DEAD, fakesmtp.CLOSE)
        w.judged("late.test", route="relay")
        # Somebody reads again: what was lost is owned up to.
        w.daemon.start_reading()
        w.expect("transport", "u@blocked.test", w.relay_reply())
        w.daemon.wait_log(r"(?i)drop|lost|discard|missed|suppress")


def test_stderr_closed():
    """The reader is gone for good: no SIGPIPE, no end."""
    with World({"log": {"level": "debug", "lookups": "all"}},
               read_stderr=False) as w:
        w.daemon.stderr.close()
        warm(w)
        for _ in range(50):
            w.expect("transport", "u@blocked.test", w.relay_reply())
        w.daemon.stderr = open(os.devnull, "rb")


DEVLOG = """
set -e
mkdir "$1/dev"
mount -t tmpfs none "$1/dev"
for n in null zero full random urandom; do
    : > "$1/dev/$n"
    mount --bind "/dev/$n" "$1/dev/$n"
done
ln -s "$1/devlog" "$1/dev/log"
mount --rbind "$1/dev" /dev
shift
exec "$@"
"""


def devlog_wrap(w):
    """A /dev of its own for the daemon, with /dev/log at DIR/devlog."""
    return ["unshare", "-m", "/bin/sh", "-c", DEVLOG, "sh", w.dir]


def syslog_world():
    need_unshare()
    w = World({"log": {"to": "syslog", "level": "debug", "lookups": "all"}},
              start=False)
    w.options["wrap"] = devlog_wrap(w)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    sock.bind(w.dir + "/devlog")
    return w, sock


def test_syslog():
    w, sock = syslog_world()
    with w:
        w.start()
        warm(w)
        sock.settimeout(harness.DEADLINE)
        lines = []
        while not any(b"lookup domain=blocked.test route=relay via=r1" in line
                      for line in lines):
            lines.append(sock.recv(8192))
            w.transport("u@blocked.test")
        for line in lines:
            # <facility mail * 8 + severity>
            check(line.startswith(b"<") and
                  16 <= int(line[1:line.index(b">")]) <= 23, line)
            check(b"mxdetourd" in line, line)
        sock.close()
        os.unlink(w.dir + "/devlog")


def test_syslog_that_nobody_reads():
    """syslog(3) would block for good here."""
    w, sock = syslog_world()
    with w:
        w.start()
        warm(w)
        with w.client() as client:
            for _ in range(5000):
                same(client.query("transport", "u@blocked.test"),
                     w.relay_reply().encode())
        # Somebody reads again: what was lost is owned up to.
        sock.setblocking(False)
        reader = w.client()

        def owned_up():
            reader.query("transport", "u@blocked.test")
            try:
                while True:
                    line = sock.recv(8192)
                    if b"log dropped=" in line:
                        return line
            except BlockingIOError:
                return None
        check(eventually(owned_up, "log dropped=", pause=0)
              .startswith(b"<20>"), "not a warning")
        # And it may go away and come back.
        sock.close()
        os.unlink(w.dir + "/devlog")
        for _ in range(20):
            w.expect("transport", "u@blocked.test", w.relay_reply())
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        sock.bind(w.dir + "/devlog")
        sock.settimeout(0.2)

        def heard():
            w.transport("u@blocked.test")
            try:
                return sock.recv(8192)
            except socket.timeout:
                return b""
        eventually(heard, "lines in the new log socket")
        sock.close()
        os.unlink(w.dir + "/devlog")


def test_memory_stays():
    """A day of strangers' names in a minute: memory is bounded."""
    with World({"cache": {"max_domains": 1000},
                "dns": {"timeout": "1s"}}) as w:
        def resident():
            with open("/proc/%d/status" % w.daemon.pid) as status:
                return [int(line.split()[1]) for line in status
                        if line.startswith("VmRSS")][0]

        def flood(start):
            with clients.Socketmap(w.socketmap_at) as client:
                for base in range(start, start + 10000, 250):
                    client.send(b"".join(
                        clients.request("transport", "u@n%d.flood.test" % n)
                        for n in range(base, base + 250)))
                    for _ in range(250):
                        same(client.receive(), NOTFOUND)
        flood(0)
        flood(10000)
        before = resident()
        for number in range(2, 5):
            flood(10000 * number)
        check(resident() < before + 60 * 1024, "kilobytes grew from", before,
              "to", resident())
