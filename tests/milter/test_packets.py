# SPDX-License-Identifier: MIT
"""Peers that do not speak the milter protocol, or speak it badly."""
import socket
import struct

import session
from harness import eventually, same
from session import CONTINUE
from stage import MilterWorld


def until_closed(sock):
    sock.settimeout(session.PATIENCE)
    try:
        while sock.recv(65536):
            pass
    except ConnectionResetError:
        pass


def test_garbage():
    """The connection is closed; nobody else notices."""
    with MilterWorld() as w:
        good = w.session()
        good.mail()
        for garbage in (b"EHLO mta.test\r\n", b"\0" * 64, b"\xff" * 64,
                        struct.pack("!I", 0xFFFFFFFF) + b"O",
                        struct.pack("!I", 0) * 10 + b"!",
                        struct.pack("!I", 1) + b"!"):
            with socket.create_connection(("127.0.0.1", w.milter_port)) as s:
                s.sendall(garbage)
                until_closed(s)
        for cut in range(1, 5):
            with socket.create_connection(("127.0.0.1", w.milter_port)) as s:
                s.sendall(struct.pack("!I", 13)[:cut])
        same(good.rcpt("<u@relay.test>"), CONTINUE)
        good.content()
        same(good.end("Q"), [])


def test_steps_out_of_order():
    """RCPT, end of message and abort before MAIL; no step breaks anything."""
    with MilterWorld({"milter": {"header": True}}) as w:
        steps = (b"R<u@relay.test>\0", b"E", b"A", b"T", b"N", b"Bbody",
                 b"LX-MX-Route\0forged\0", b"M<s@x.test>\0",
                 b"M\0", b"R\0", b"R", b"M", b"L", b"C", b"D", b"K", b"Q")
        for first in steps:
            for second in steps:
                mta = w.session()
                try:
                    mta.send(first[:1], first[1:])
                    mta.send(second[:1], second[1:])
                    mta.send(b"Q")
                except (BrokenPipeError, ConnectionResetError):
                    pass
                until_closed(mta.sock)
        same(w.session().message("<u@relay.test>")[0][0], b"h")


def test_connection_used_again():
    """QUIT_NC: the same connection serves another SMTP client."""
    with MilterWorld() as w:
        mta = w.session()
        for client in ("192.0.2.1", "2001:db8::1", None):
            mta.mail()
            same(mta.rcpt("<u@hold.test>"), CONTINUE)
            mta.abort()
            mta.send(b"K")
            mta.connect(client)
            same(mta.message("<u@relay.test>", qid="Q"), [])
        eventually(lambda: len(w.milter.mail_lines()) == 3, "three lines")


def test_many_headers():
    """A thousand forged headers, each is taken away."""
    with MilterWorld({"milter": {"header": True}}) as w:
        changes = w.session().message(
            "<u@relay.test>", headers=[("X-MX-Route", "x")] * 1000)
        same(len(changes), 1001)


def test_more_connections_than_the_soft_limit():
    """The limit on descriptors is raised: libmilter spins where it is met."""
    options = {"wrap": ["prlimit", "--nofile=64:4096"]}
    with MilterWorld(milter_options=options) as w:
        many = [w.session() for _ in range(200)]
        for mta in many:
            same(mta.message("<u@relay.test>"), [])
