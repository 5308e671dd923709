# SPDX-License-Identifier: MIT
"""Abuse: broken framing, greedy, slow and silent clients, floods."""
import os
import socket
import threading

import clients
import fakedns
import fakesmtp
from harness import (NOTFOUND, World, check, eventually, in_parallel, same,
                     slow)

DEAD = "127.10.0.1"


def warm(w):
    w.simple("blocked.test", DEAD, fakesmtp.CLOSE)
    w.judged("blocked.test", route="relay")


GARBAGE = [
    b"hello", b"\n", b"\r\n", b" ", b"-1:x,", b"+5:x,", b" 5:hello,",
    b"\0", b"\0\0\0\0\0\0", b":", b":,", b"x:hello,", b"5;hello,",
    b"05:a bcd,", b"00:,", b"007:a b cde,", b"0x5:hello,",
    b"11:transport *;", b"11:transport *\n", b"3:transport *,",
    b"4294967295:", b"4294967296:", b"4294967307:transport *,",
    b"18446744073709551616:", b"18446744073709551627:transport *,",
    b"99999999999999999999999999:", b"9" * 100000, b"1" * 70,
    b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"EHLO x\r\n", b"\xff" * 4096,
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x55" * 500,
    b"get transport\n", "\u0665:hello,".encode(), b"5.0:hello,", b"1e1:",
]


def test_broken_framing_is_cut_off_alone():
    """Closed, said in the log, and nobody else notices."""
    with World() as w:
        warm(w)
        other = w.client()
        mark = w.daemon.mark()
        for data in GARBAGE:
            with clients.Raw(w.socketmap_at) as raw:
                try:
                    raw.send(data)
                    answer = raw.rest()  # it must close by itself
                except OSError:
                    answer = b""
                check(b"OK " not in answer and b"NOTFOUND" not in answer,
                      data[:40], "answered", answer)
            same(other.query("transport", "u@blocked.test"),
                 w.relay_reply().encode(), "the others, after %r" % data[:40])
        lines = eventually(lambda: w.daemon.text(mark), "a log line")
        for line in lines:
            check(line.isprintable() and len(line) < 2000, "log line", line)


def test_garbage_after_good_requests():
    """What came before the garbage is answered first."""
    with World() as w:
        with clients.Socketmap(w.socketmap_at) as client:
            client.send(clients.request("transport", "*") * 5 + b"junk")
            for _ in range(5):
                same(client.receive(), NOTFOUND)
            check(b"OK" not in client.rest())


def test_request_without_a_space():
    with World() as w:
        for payload in (b"", b"transport", b" ", b" x", b"  "):
            with clients.Raw(w.socketmap_at) as raw:
                raw.send(clients.netstring(payload))
                raw.sock.shutdown(socket.SHUT_WR)
                answer = raw.rest()
                check(b"OK " not in answer, payload, answer)
        w.expect("transport", "*", NOTFOUND)


def test_a_byte_at_a_time():
    with World() as w:
        warm(w)
        wanted = w.relay_reply().encode()
        with clients.Socketmap(w.socketmap_at) as client:
            client.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for _ in range(3):
                for byte in clients.request("transport", "u@blocked.test"):
                    client.send(bytes([byte]))
                same(client.receive(), wanted)
            # Two and a half requests in one piece, then the rest.
            wire = clients.request("transport", "u@blocked.test")
            client.send(wire * 2 + wire[:11])
            same(client.receive(), wanted)
            same(client.receive(), wanted)
            client.send(wire[11:])
            same(client.receive(), wanted)
        with clients.Policy(w.policy_at) as policy:
            for byte in b"request=mxdetour_route\nrecipient=u@blocked.test\n\n":
                policy.send(bytes([byte]))
            same(policy.receive()["route"], "relay")


def test_every_split():
    with World() as w:
        warm(w)
        wire = clients.request("transport", "u@blocked.test")
        wanted = w.relay_reply().encode()
        with clients.Socketmap(w.socketmap_at) as client:
            client.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for at in range(1, len(wire)):
                client.send(wire[:at])
                client.send(wire[at:] + wire)
                same(client.receive(), wanted, "split at %d" % at)
                same(client.receive(), wanted, "split at %d" % at)


def test_half_a_request_and_gone():
    with World() as w:
        wire = clients.request("transport", "u@half.test")
        for at in range(len(wire)):
            with clients.Raw(w.socketmap_at) as raw:
                raw.send(wire[:at])
        for data in (b"request=", b"request=mxdetour_route\n", b"a"):
            with clients.Raw(w.policy_at) as raw:
                raw.send(data)
        w.expect("transport", "*", NOTFOUND)


def test_half_close():
    """Requests, then our end of the stream: answered all the same."""
    with World() as w:
        warm(w)
        with clients.Socketmap(w.socketmap_at) as client:
            client.send(clients.request("transport", "u@blocked.test") * 20)
            client.sock.shutdown(socket.SHUT_WR)
            for _ in range(20):
                same(client.receive(), w.relay_reply().encode())
            same(client.rest(), b"")


def test_gone_before_the_answer():
    with World() as w:
        warm(w)
        for _ in range(100):
            sock = clients.connect(w.socketmap_at)
            sock.sendall(clients.request("transport", "u@blocked.test") * 50)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                            b"\1\0\0\0\0\0\0\0")
            sock.close()  # a reset
        w.expect("transport", "*", NOTFOUND)


def test_pipelined_in_order():
    with World() as w:
        warm(w)
        maps = ("transport", "mailertable", "route", "nomap", "dnsfilter")
        plan = []
        for number in range(200):
            name = maps[number % 5]
            if name == "route":
                key = "u@p%d.test" % number
                wanted = b"OK domain=p%d.test " % number
            elif name == "dnsfilter":
                key, wanted = "x. 1 IN MX 1 y.", NOTFOUND
            elif name == "nomap":
                key, wanted = "x", b"PERM no such map"
            elif name == "mailertable":
                key, wanted = "blocked.test", b"OK smtprelay:[127.30.0.1]"
            else:
                key, wanted = "u@blocked.test", w.relay_reply().encode()
            plan.append((name, key, wanted))
        with clients.Socketmap(w.socketmap_at) as client:
            client.send(b"".join(clients.request(m, k) for m, k, _ in plan))
            for name, key, wanted in plan:
                got = client.receive()
                check(got.startswith(wanted), name, key, got, wanted)


def test_silent_clients():
    with World() as w:
        warm(w)
        idle = [w.client() for _ in range(50)] + \
            [w.policy() for _ in range(50)]
        for _ in range(50):
            w.expect("transport", "u@blocked.test", w.relay_reply())
        for client in idle[:50]:
            same(client.query("transport", "*"), NOTFOUND)


def test_thousand_clients():
    with World({"listen": {"max_connections": 1200}}) as w:
        warm(w)
        wanted = w.relay_reply().encode()
        crowd = []
        try:
            for _ in range(1000):
                crowd.append(clients.Socketmap(w.socketmap_at))
            for round_ in range(2):
                for client in crowd:
                    client.send(clients.request("transport",
                                                "u@blocked.test"))
                for client in crowd:
                    same(client.receive(), wanted)
        finally:
            for client in crowd:
                client.close()
        w.expect("transport", "*", NOTFOUND)


def test_more_than_max_connections():
    """The idle crowd gives way; who asks is served."""
    with World({"listen": {"max_connections": 40}}) as w:
        warm(w)
        wanted = w.relay_reply().encode()
        crowd = [socket.socket() for _ in range(300)]
        try:
            for sock in crowd:
                sock.setblocking(False)
                sock.connect_ex(w.socketmap_at)
            worker = clients.PostfixLike(w.socketmap_at)
            for _ in range(50):
                same(worker.query("transport", "u@blocked.test"), wanted)
            worker.close()
        finally:
            for sock in crowd:
                sock.close()
        w.expect("transport", "u@blocked.test", wanted)


def test_client_that_never_reads():
    """It is stopped, its memory is bounded, the others go on."""
    with World() as w:
        warm(w)
        data = clients.request("route", "u@blocked.test") * 2000
        limit = 256 * 1024 * 1024
        stuck = []
        for _ in range(3):
            sock = clients.connect(w.socketmap_at)
            stuck.append(sock)
            sock.settimeout(3)
            sent = 0
            try:
                while sent < limit:
                    sent += sock.send(data)
            except (socket.timeout, ConnectionError):
                pass  # no more is taken, or it was cut off
            check(sent < limit, "it takes everything")
            w.expect("transport", "u@blocked.test", w.relay_reply())
        for sock in stuck:
            sock.close()
        with open("/proc/%d/status" % w.daemon.pid) as status:
            rss = [int(line.split()[1]) for line in status
                   if line.startswith("VmRSS")][0]
        check(rss < 512 * 1024, "resident kilobytes", rss)


def test_slow_reader_gets_all():
    """Backpressure is no loss: who reads late reads everything."""
    with World() as w:
        warm(w)
        count = 40000
        wire = clients.request("route", "u@blocked.test")
        with clients.Socketmap(w.socketmap_at) as client:
            def send():
                for _ in range(count // 1000):
                    client.send(wire * 1000)
            sender = threading.Thread(target=send, daemon=True)
            sender.start()
            sender.join(1)  # by now both buffers are full, or all is sent
            for _ in range(count):
                check(client.receive().startswith(b"OK domain=blocked.test "))
            sender.join()


POLICY_GARBAGE = [
    b"\n", b"\n\n", b"\0\0\0\n\n", b"garbage\n\n", b"=\n\n", b"=x\n\n",
    b"\xff" * 5000 + b"\n\n", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    b"a" * 200000, b"a=" + b"b" * 200000 + b"\n\n",
    b"request=smtpd_access_policy\nrecipient=u@x.test\0\n\n",
    b"a=b\n" * 50000 + b"\n",
    b"11:transport *,",
    b"request=smtpd_access_policy\r\nrecipient=u@x.test\r\n\r\n",
]


def test_garbage_on_the_policy_port():
    """Broken requests end the connection or are DUNNO; never a refusal."""
    with World({"policy": {"wait": "1s"}}) as w:
        warm(w)
        for data in POLICY_GARBAGE:
            with clients.Raw(w.policy_at) as raw:
                try:
                    raw.send(data)
                    raw.sock.shutdown(socket.SHUT_WR)
                    answer = raw.rest()
                except OSError:
                    answer = b""
                check(answer in (b"", b"action=DUNNO\n\n",
                                 b"action=DUNNO\n\n" * 2),
                      data[:40], "answered", answer)
            same(w.learn("blocked.test")["route"], "relay", "the others")
        w.expect("transport", "*", NOTFOUND)


def test_noise():
    """Bytes from a generator, whole and cut, on both ports."""
    import random
    dice = random.Random(20150909)
    with World({"policy": {"wait": "1s"}}) as w:
        warm(w)
        good = clients.request("transport", "u@blocked.test")

        def one(number):
            if number % 3 == 0:
                data = bytes(dice.getrandbits(8) for _ in range(300))
            elif number % 3 == 1:
                data = bytearray(good * 3)
                data[dice.randrange(len(data))] = dice.getrandbits(8)
            else:
                data = good * 2 + good[:dice.randrange(len(good))]
            where = w.policy_at if number % 7 == 0 else w.socketmap_at
            with clients.Raw(where) as raw:
                try:
                    raw.send(bytes(data))
                    raw.sock.shutdown(socket.SHUT_WR)
                    raw.rest()
                except OSError:
                    pass
        in_parallel(one, range(600), threads=8)
        w.expect("transport", "u@blocked.test", w.relay_reply())


def limited(count):
    """A wrapper that lowers the limit of descriptors, hard and soft."""
    return ["/bin/sh", "-c", "ulimit -n %d; exec \"$@\"" % count, "sh"]


def test_few_descriptors():
    """A crowd against 64 descriptors: those who are in are served, new
    domains are still resolved and probed, and all is well afterwards."""
    with World(wrap=limited(64)) as w:
        warm(w)
        inside, policy = w.client(), w.policy()
        same(inside.query("transport", "*"), NOTFOUND)
        same(policy.ask(recipient="u@blocked.test"), {"action": "DUNNO"})
        crowd = [socket.socket() for _ in range(300)]
        try:
            for sock in crowd:
                sock.setblocking(False)
                sock.connect_ex(w.socketmap_at)
            for _ in range(50):
                same(inside.query("transport", "u@blocked.test"),
                     w.relay_reply().encode())
            w.simple("fresh.test", "127.10.0.2", fakesmtp.CLOSE)
            policy.ask(recipient="u@fresh.test", instance="fresh")

            def known():
                return inside.query("transport", "u@fresh.test") == \
                    w.relay_reply().encode()
            eventually(known, "the route of a new domain")
        finally:
            for sock in crowd:
                sock.close()
        # The first of us may still meet the crowd's end: Postfix retries.
        worker = clients.PostfixLike(w.socketmap_at)
        same(worker.query("transport", "u@blocked.test"),
             w.relay_reply().encode())
        worker.close()


def test_descriptors_come_back():
    """Nothing leaks over connections, probes and questions."""
    with World() as w:
        warm(w)
        w.dns.default = fakedns.SERVFAIL

        def descriptors():
            return len(os.listdir("/proc/%d/fd" % w.daemon.pid))
        for number in range(20):
            w.learn("warm%d.test" % number)
        before = descriptors()
        for number in range(200):
            w.expect("transport", "u@blocked.test", w.relay_reply())
        in_parallel(lambda n: w.learn("f%d.test" % n), range(60))
        # A probe under way or a socket of the resolver's may come and go.
        eventually(lambda: descriptors() <= before + 4,
                   "descriptors back at %d" % before)


@slow
def test_idle_connection_stays():
    """Postfix closes connections itself: no idle limit below 100 s."""
    import time
    with World() as w:
        client, policy = w.client(), w.policy()
        same(client.query("transport", "*"), NOTFOUND)
        time.sleep(105)
        same(client.query("transport", "*"), NOTFOUND)
        same(policy.ask(recipient="u@nothing.test"), {"action": "DUNNO"})


@slow
def test_a_byte_a_minute_is_cut():
    import time
    with World() as w:
        with clients.Raw(w.socketmap_at, timeout=20) as raw:
            end = time.monotonic() + 300
            cut = False
            wire = clients.request("transport", "x" * 100)
            for byte in wire[:30]:
                try:
                    raw.send(bytes([byte]))
                    if raw.sock.recv(1) == b"":
                        cut = True
                except socket.timeout:
                    pass
                except OSError:
                    cut = True
                if cut or time.monotonic() > end:
                    break
            check(cut, "a trickle lives for five minutes")
