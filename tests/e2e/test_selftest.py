# SPDX-License-Identifier: MIT
"""The stage itself: fakes, clients and helpers, without the daemon."""
import os
import socket
import struct
import subprocess
import threading
import time

import clients
import fakedns
import fakesmtp
import harness
from harness import check, same, stage_only


def dns_query(port, name, qtype, tcp=False, timeout=10, ident=0x1234):
    """A plain resolver; returns the raw answer or None."""
    message = struct.pack("!HHHHHH", ident, 0x0100, 1, 0, 0, 0) + \
        fakedns.encode_name(name) + \
        struct.pack("!HH", fakedns.TYPES[qtype], 1)
    kind = socket.SOCK_STREAM if tcp else socket.SOCK_DGRAM
    with socket.socket(socket.AF_INET, kind) as sock:
        sock.settimeout(timeout)
        sock.connect(("127.0.0.1", port))
        if tcp:
            sock.sendall(struct.pack("!H", len(message)) + message)
            size = struct.unpack("!H", sock.recv(2, socket.MSG_WAITALL))[0]
            return sock.recv(size, socket.MSG_WAITALL)
        sock.send(message)
        try:
            return sock.recv(65536)
        except socket.timeout:
            return None


@stage_only
def test_dns_answers():
    with harness.World(start=False, canary=False, relay=False) as w:
        w.domain("x.test", [(10, "mx.x.test", ["127.1.2.3", "::1"])])
        answer = dns_query(w.dns.port, "X.Test", "MX")
        same(answer[:2], b"\x12\x34")
        same(struct.unpack("!HHH", answer[2:8]), (0x8180, 1, 1))
        check(answer.endswith(b"\0\x0a\2mx\1x\4test\0"), answer)
        check(dns_query(w.dns.port, "mx.x.test", "A")
              .endswith(b"\0\4\x7f\1\2\3"))
        check(dns_query(w.dns.port, "mx.x.test", "AAAA", tcp=True)
              .endswith(b"\0\x10" + b"\0" * 15 + b"\1"))
        same(w.dns.asked("x.test"), 1)
        same(w.dns.asked("mx.x.test", "AAAA"), 1)
        same(w.dns.by_tcp[("mx.x.test", "AAAA")], 1)
        for name, wanted in (("nothing.test", 3), ("x.test", 0)):
            answer = dns_query(w.dns.port, name, "A")
            same(answer[3] & 15, wanted, name)
            same(struct.unpack("!H", answer[6:8])[0], 0, name)


@stage_only
def test_dns_misbehaviour():
    with harness.World(start=False, canary=False, relay=False) as w:
        port = w.dns.port
        records = [fakedns.mx(10, "mx.test")]
        w.dns.set("servfail.test", "MX", fakedns.SERVFAIL)
        w.dns.set("refused.test", "MX", fakedns.REFUSED)
        w.dns.set("silent.test", "MX", fakedns.SILENT)
        w.dns.set("garbage.test", "MX", fakedns.GARBAGE)
        w.dns.set("big.test", "MX", fakedns.Reply(records, truncated=True))
        w.dns.set("id.test", "MX", fakedns.Reply(records, wrong_id=True))
        same(dns_query(port, "servfail.test", "MX")[3] & 15, 2)
        same(dns_query(port, "refused.test", "MX")[3] & 15, 5)
        same(dns_query(port, "silent.test", "MX", timeout=0.3), None)
        check(b"not a DNS" in dns_query(port, "garbage.test", "MX"))
        check(dns_query(port, "id.test", "MX")[:2] != b"\x12\x34")
        udp = dns_query(port, "big.test", "MX")
        tcp = dns_query(port, "big.test", "MX", tcp=True)
        check(udp[2] & 2 and not tcp[2] & 2, "TC bits", udp, tcp)
        same((udp[7], tcp[7]), (0, 1), "records")
        gate = fakedns.Gate(fakedns.Reply(records))
        w.dns.set("gate.test", "MX", gate)
        same(dns_query(port, "gate.test", "MX", timeout=0.3), None)
        timer = threading.Timer(0.2, gate.open)
        timer.start()
        same(dns_query(port, "gate.test", "MX")[7], 1)
        w.dns.set("lie.test", "MX",
                  fakedns.Reply(records, question="other.test"))
        check(b"\5other\4test\0\0\x0f" in dns_query(port, "lie.test", "MX"))
        w.dns.delay = 0.6
        same(dns_query(port, "big.test", "MX", timeout=0.3), None)
        same((w.dns.max_pending, len(w.dns.pending)), (1, 1))
        harness.eventually(lambda: not w.dns.pending, "the late answer")
        w.dns.delay = 0
        w.dns.set_everything(fakedns.SILENT)
        same(dns_query(port, "servfail.test", "MX", timeout=0.3), None)


def smtp_session(port, address, say=(b"EHLO x\r\n", b"QUIT\r\n")):
    """What a polite client hears: one read per reply; None: refused."""
    try:
        sock = clients.connect((address, port))
    except ConnectionRefusedError:
        return None
    except ConnectionResetError:
        return [b"reset"]  # it overtook the end of our own connect()
    heard = []
    with sock:
        for command in (b"",) + tuple(say):
            try:
                sock.sendall(command)
                reply = b""
                while not (reply.endswith(b"\n") and
                           reply.splitlines()[-1][3:4] == b" "):
                    data = sock.recv(4096)
                    if not data:
                        return heard + [b"eof"]
                    reply += data
                heard.append(reply)
            except ConnectionResetError:
                return heard + [b"reset"]
            except BrokenPipeError:
                return heard + [b"eof"]
    return heard


@stage_only
def test_smtp_behaviours():
    with harness.World(start=False, canary=False, relay=False) as w:
        port = w.ports["smtp"]
        addresses = {}
        for number, behaviour in enumerate((
                fakesmtp.GOOD, fakesmtp.TEASER, fakesmtp.SLOW_PIECES,
                fakesmtp.S421, fakesmtp.CLOSE, fakesmtp.RESET,
                fakesmtp.EHLO_CLOSE, fakesmtp.EHLO_RESET,
                fakesmtp.EHLO_REFUSED, fakesmtp.EHLO_421, fakesmtp.EHLO_HALF,
                fakesmtp.LATER_RESET)):
            addresses[behaviour] = "127.5.0.%d" % (number + 1)
            w.smtp.set(addresses[behaviour], behaviour)
        heard = {b: smtp_session(port, addr) for b, addr in addresses.items()}
        for behaviour in (fakesmtp.GOOD, fakesmtp.TEASER,
                          fakesmtp.SLOW_PIECES):
            same([reply[:3] for reply in heard[behaviour]],
                 [b"220", b"250", b"221"], behaviour)
        check(heard[fakesmtp.S421][0].startswith(b"421 "))
        same(heard[fakesmtp.CLOSE], [b"eof"])
        same(heard[fakesmtp.RESET], [b"reset"])
        same(heard[fakesmtp.EHLO_CLOSE][1:], [b"eof"])
        same(heard[fakesmtp.EHLO_RESET][1:], [b"reset"])
        same(heard[fakesmtp.EHLO_HALF][1:], [b"reset"])
        same(heard[fakesmtp.LATER_RESET][2:], [b"reset"])
        check(heard[fakesmtp.EHLO_REFUSED][1].startswith(b"502"))
        check(heard[fakesmtp.EHLO_421][1].startswith(b"421"))
        same(smtp_session(port, "127.5.1.1"), None)
        good = addresses[fakesmtp.GOOD]
        same(w.smtp.count(good), 1)
        same(w.smtp.conns(good)[0].received, b"EHLO x\r\nQUIT\r\n")
        same(w.smtp.conns(good)[0].early, b"")
        w.smtp.set(good, fakesmtp.REFUSE)
        harness.eventually(lambda: smtp_session(port, good) is None, "refusal")
        w.smtp.set(good, fakesmtp.S554)
        check(smtp_session(port, good)[0].startswith(b"554"))
        # A client that does not wait is found out.
        w.smtp.set(good, fakesmtp.LATE_60S)
        with clients.connect((good, port)) as sock:
            sock.sendall(b"EHLO x\r\n")
            harness.eventually(lambda: w.smtp.conns(good)[-1].early ==
                               b"EHLO x\r\n", "early bytes")


@stage_only
def test_smtp_black_hole():
    with harness.World(start=False, canary=False, relay=False) as w:
        w.smtp.set("127.5.0.1", fakesmtp.BLACKHOLE)
        with socket.socket() as sock:
            sock.settimeout(1.5)
            try:
                sock.connect(("127.5.0.1", w.ports["smtp"]))
                raise AssertionError("connected to a black hole")
            except socket.timeout:
                pass
        w.smtp.set("127.5.0.1", fakesmtp.GOOD)
        same(len(smtp_session(w.ports["smtp"], "127.5.0.1")), 3)


@stage_only
def test_clients_against_a_script():
    """Framing is checked to the letter, and Postfix's retry is played."""
    path = os.path.join(harness.tempfile.mkdtemp(prefix="mxd-e2e-"), "s")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(5)
    script = [b"", b"9:NOTFOUND ,", b"09:NOTFOUND ,", b"9:NOTFOUND x",
              b"hello", b"action=DUNNO\nroute=direct\nvia=\n\n"]

    def serve():
        for reply in script:
            conn, _ = listener.accept()
            conn.recv(4096)
            conn.sendall(reply)
            conn.close()
    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    same(clients.PostfixLike(path).query("transport", "x"), harness.NOTFOUND)
    for bad in script[2:5]:
        try:
            with clients.Socketmap(path) as client:
                client.query("transport", "x")
        except AssertionError:
            continue
        raise AssertionError("accepted %r" % bad)
    with clients.Policy(path) as policy:
        same(policy.route("u@x.test"),
             {"action": "DUNNO", "route": "direct", "via": ""})
    thread.join()
    listener.close()
    os.unlink(path)
    try:
        clients.PostfixLike(path).query("transport", "x")
    except clients.Refused:
        os.rmdir(os.path.dirname(path))
        return
    raise AssertionError("a refused connect passed for an answer")


@stage_only
def test_configuration_text():
    conf = harness.merge({"a": {"b": 1, "c": [1, 2]}, "d": True},
                         {"a": {"b": "x\"y"}, "d": None, "r": [{"n": 1}]})
    same(harness.config_text(conf),
         'a = {\n  b = "x\\"y";\n  c = [ 1, 2 ];\n};\n'
         'r = ( {\n    n = 1;\n  } );\n')


@stage_only
def test_failures_are_seen():
    """The harness must not take a dead or sanitized daemon for a good one."""
    with harness.World(start=False, canary=False, relay=False) as w:
        script = w.write("fake-daemon", "#!/bin/sh\n"
                         "echo 'x.c:1:2: runtime error: bad' >&2\nexit 3\n")
        os.chmod(script, 0o755)
        process = subprocess.Popen([script], stderr=subprocess.PIPE)
        text = process.communicate()[1].decode()
        check(harness.SANITIZER.search(text))
        same(process.returncode, 3)
        try:
            harness.eventually(lambda: False, "nothing", timeout=0.2)
        except AssertionError as error:
            check("nothing" in str(error))
        else:
            raise AssertionError("eventually() came to an end too well")
        errors = []
        try:
            harness.in_parallel(lambda n: 1 // n, [1, 0, 2])
        except ZeroDivisionError as error:
            errors.append(error)
        same(len(errors), 1)


@stage_only
def test_ports_differ():
    ports = [harness.free_port() for _ in range(50)]
    same(len(set(ports)), 50)
    check(time.monotonic() > 0)
