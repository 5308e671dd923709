# SPDX-License-Identifier: MIT
"""The life of the daemon under mail flow: restarts, kills, reloads."""

import signal
import smtplib
import socket
import threading
import time

from mailhost import SOCKETMAP, config_text, merge
from scenarios_routes import direct, relayed
from util import check, wait
from world import GOOGLE_OLD, addresses, origin


class Flow:
    """A thread that keeps sending to reachable domains."""

    def __init__(self, lab, domains=("good.example", "lonely.example")):
        self.lab, self.domains = lab, domains
        self.accepted, self.refused = [], []
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._send, daemon=True)
        lab.later(self.stop)

    def __enter__(self):
        self.start()
        wait("mail to flow", lambda: len(self.accepted) >= 3)
        return self

    def start(self):
        """Begins to send."""
        self._thread.start()

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        """Ends the flow."""
        self._is_over.set()
        if self._thread.is_alive():
            self._thread.join(120)

    def _send(self):
        turn = 0
        while not self._is_over.is_set():
            to = self.lab.op.recipient(self.domains[turn % len(self.domains)])
            turn += 1
            try:
                self.lab.op.send(to)
                self.accepted.append(to)
            except (smtplib.SMTPException, OSError) as why:
                self.refused.append((to, repr(why)))
            time.sleep(0.05)


def no_lookup_failed(lab):
    """Postfix has nothing to say about its maps."""
    for line in lab.op.postfix.log().splitlines():
        for trouble in ("lookup error", "lookup failure", "lookup fail",
                        "address resolver failure", "problem talking to"):
            check(trouble not in line, line)


def all_arrive(lab, flow):
    """Every message that was accepted comes out, directly, undeferred."""
    for to in flow.accepted:
        mail = lab.world.wait_mail(to)
        check(origin(mail) == "direct", "%s came from %s" % (
            to, mail["client"]))
    lab.op.check_no_deferral(*flow.accepted)


def test_restarts_with_held_sockets(lab):
    """Restarted ten times under mail flow, sockets held: nothing fails."""
    lab.op.start(held=True, policy=False)
    with Flow(lab) as flow:
        for _ in range(10):
            seen = len(flow.accepted)
            lab.op.daemon.terminate()
            lab.op.daemon.start()
            wait("more mail", lambda: len(flow.accepted) > seen
                 or flow.refused)
    check(not flow.refused, "refused: %r" % flow.refused)
    all_arrive(lab, flow)
    no_lookup_failed(lab)


def test_restarts_with_held_sockets_and_policy(lab):
    """The same with the policy service: no recipient is refused."""
    lab.op.start(held=True, policy=True)
    with Flow(lab) as flow:
        for _ in range(5):
            seen = len(flow.accepted)
            lab.op.daemon.terminate()
            lab.op.daemon.start()
            wait("more mail", lambda: len(flow.accepted) > seen
                 or flow.refused)
    check(not flow.refused, "refused: %r" % flow.refused)
    all_arrive(lab, flow)


def test_sockets_without_names(lab):
    """Sockets handed over without names are told by their addresses."""
    lab.op.start(held={"named": False})
    direct(lab, lab.op.send_new("good.example"), "mx.good.example")
    check(lab.op.daemon.lines("lookup", domain="good.example",
                              proto="socketmap"), "no lookup line")


def test_only_one_socket_handed_over(lab):
    """What was not handed over is bound as usual."""
    lab.op.start(held={"services": ("policy",)})
    direct(lab, lab.op.send_new("good.example"), "mx.good.example")
    check(lab.op.ask("transport", "*") == "NOTFOUND ", "no answer")


def test_killed_without_held_sockets(lab):
    """Kill -9, sockets its own: mail waits, nothing bounces, all goes on."""
    lab.op.start()
    direct(lab, lab.op.send_new("good.example"), "mx.good.example")
    lab.op.daemon.kill()
    taken = []

    def send():
        # smtpd remembers a failed lookup for a while: each try another name.
        to = lab.op.recipient("lonely.example")
        try:
            lab.op.send(to)
        except smtplib.SMTPException as why:
            check(" 5" not in str(why), "refused for good: %s" % why)
            return False
        taken.append(to)
        return True

    send()
    lab.op.daemon.start()
    wait("mail to be taken again", send, pause=0.5)
    for to in taken:
        lab.op.flush_until("the mail to arrive", lambda: lab.world.mails(to))
    check("status=bounced" not in lab.op.postfix.log(), "something bounced")


def test_blocked_mail_survives_a_restart(lab):
    """After a restart a blocked domain's mail still goes by the relay."""
    lab.fw.block("drop", *addresses(*GOOGLE_OLD))
    lab.op.start(held=True)
    relayed(lab, lab.op.send_new("ihg.com"))
    lab.op.daemon.terminate()
    lab.op.daemon.start()
    relayed(lab, lab.op.send_new("ihg.com"))


def test_a_stopped_daemon_answers_when_it_goes_on(lab):
    """SIGSTOP holds lookups up; SIGCONT answers them all."""
    lab.op.start(policy=False)
    lab.op.daemon.signal(signal.SIGSTOP)
    flow = Flow(lab)
    flow.start()
    time.sleep(1)
    check(not flow.accepted, "who answered?")
    lab.op.daemon.signal(signal.SIGCONT)
    wait("mail to flow", lambda: len(flow.accepted) >= 3)
    flow.stop()
    check(not flow.refused, "refused: %r" % flow.refused)
    all_arrive(lab, flow)


def test_reload_of_a_bad_file_keeps_the_old(lab):
    """SIGHUP with a bad file: said so, old one kept; then a good one."""
    lab.op.start()
    daemon = lab.op.daemon
    lab.op.wait_route("good.example", route="direct", reason="all-reachable")
    before = len(daemon.log())
    daemon.write(config_text(daemon.settings) + "no_such_key = 1;\n")
    daemon.signal(signal.SIGHUP)
    wait("a word about the bad file",
         lambda: "no_such_key" in daemon.log()[before:])
    check(daemon.config + ":" in daemon.log()[before:]
          or "mxdetour.conf:" in daemon.log()[before:],
          "no file:line in: " + daemon.log()[before:])
    route = lab.op.route("good.example")
    check(route["route"] == "direct", repr(route))
    direct(lab, lab.op.send_new("good.example"), "mx.good.example")

    settings = merge(daemon.settings, {"rules": [
        {"name": "new", "domain": ["good.example"], "route": "relay"}]})
    daemon.write(config_text(settings))
    daemon.signal(signal.SIGHUP)
    lab.op.wait_route("good.example", route="relay", reason="rule:new")
    relayed(lab, lab.op.send_new("good.example"))


def test_reload_keeps_what_was_learnt(lab):
    """SIGHUP forgets no verdict: blocked mail goes on by the relay."""
    lab.fw.block("drop", *addresses(*GOOGLE_OLD))
    lab.op.start()
    relayed(lab, lab.op.send_new("ihg.com"))
    lab.op.daemon.write(config_text(merge(
        lab.op.daemon.settings, {"log": {"lookups": "changed"}})))
    lab.op.daemon.signal(signal.SIGHUP)
    for _ in range(10):
        route = lab.op.route("ihg.com")
        check(route["route"] == "relay" and route["mx"] == "0/5",
              repr(route))
        time.sleep(0.1)
    relayed(lab, lab.op.send_new("ihg.com"))


def test_checks_its_configuration(lab):
    """`mxdetourd -t`: 0 for the lab's file, 2 and file:line for a bad one."""
    lab.op.start()
    daemon = lab.op.daemon
    status, _, errors = lab.net.run(
        "op", [daemon.program, "-t", "-c", daemon.config], may_fail=True)
    check(status == 0, "%d: %s" % (status, errors))
    bad = daemon.config + ".bad"
    with open(bad, "w") as f:
        f.write("mode = \"enforce\";\nprobe = { fall = 0; };\n")
    status, out, errors = lab.net.run(
        "op", [daemon.program, "-t", "-c", bad], may_fail=True)
    check(status == 2, "%d: %s" % (status, errors))
    check(bad + ":2:" in out + errors, out + errors)


def test_garbage_harms_nobody(lab):
    """Broken frames and idle connections are cut off alone."""
    lab.op.start()
    broken = (b"999999999999:", b"GET / HTTP/1.1\r\n\r\n", b"5:abc", b"\0" * 64,
              b"4294967296:transport a@b,", b"11:transport a;")
    with lab.net.inside("op"):
        socks = [socket.create_connection(SOCKETMAP, 30) for _ in broken]
    for sock, raw in zip(socks, broken):
        sock.sendall(raw)
    direct(lab, lab.op.send_new("good.example"), "mx.good.example")
    # All but the unfinished "5:abc" have to be closed.
    for sock, raw in zip(socks, broken):
        if raw != b"5:abc":
            try:
                rest = sock.recv(1000)
                check(rest == b"", "%r was answered %r" % (raw, rest))
            except ConnectionResetError:
                pass
        sock.close()
    check(lab.op.ask("nosuchmap", "a@b") == "PERM no such map", "odd answer")
