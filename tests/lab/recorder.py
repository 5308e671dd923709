# SPDX-License-Identifier: MIT
"""A socketmap server that records what it is asked, and a client.

The recorder stands in for mxdetourd where a fact about Postfix itself is
tested; the client asks either of them.
"""

import socket
import socketserver
import threading

LARGEST = 100000


class BadFrame(Exception):
    """The peer did not speak netstrings."""


def encode(text):
    """A netstring."""
    raw = text.encode("utf-8", "surrogateescape")
    return b"%d:%s," % (len(raw), raw)


def decode(stream):
    """Reads one netstring from a file object; None at its end."""
    digits = b""
    while True:
        byte = stream.read(1)
        if not byte and not digits:
            return None
        if byte == b":":
            break
        if not byte.isdigit() or len(digits) > 9:
            raise BadFrame("bad length")
        digits += byte
    if not digits or int(digits) > LARGEST:
        raise BadFrame("bad length")
    raw = stream.read(int(digits))
    if len(raw) != int(digits) or stream.read(1) != b",":
        raise BadFrame("bad end")
    return raw.decode("utf-8", "surrogateescape")


class Recorder:
    """Listens in a namespace; answer(map, key) gives the reply.

    `asked` holds (map, key) in order of arrival. Without an answer function
    or when it returns None the reply is "NOTFOUND ".
    """

    def __init__(self, net, which, address, answer=None):
        self.asked = []
        self.answer = answer
        self._lock = threading.Lock()
        self._open = set()
        recorder = self

        class Handler(socketserver.StreamRequestHandler):
            """One connection."""

            def handle(self):
                with recorder._lock:
                    recorder._open.add(self.connection)
                try:
                    self.converse()
                except (OSError, BadFrame, ValueError):
                    pass
                finally:
                    with recorder._lock:
                        recorder._open.discard(self.connection)

            def converse(self):
                """Answers until the peer has had enough."""
                while True:
                    request = decode(self.rfile)
                    if request is None:
                        return
                    name, _, key = request.partition(" ")
                    self.wfile.write(encode(recorder.reply(name, key)))

        class Server(socketserver.ThreadingTCPServer):
            """A thread for each connection."""
            allow_reuse_address = True
            daemon_threads = True

        with net.inside(which):
            self.server = Server(address, Handler)
        self.thread = threading.Thread(
            target=self.server.serve_forever, args=(0.1,), daemon=True)
        self.thread.start()

    def reply(self, name, key):
        """Records a question and answers it."""
        with self._lock:
            self.asked.append((name, key))
        text = self.answer(name, key) if self.answer else None
        return "NOTFOUND " if text is None else text

    def keys(self, name="transport"):
        """All keys asked of a map so far."""
        with self._lock:
            return [k for m, k in self.asked if m == name]

    def close(self):
        """Stops listening and cuts what is connected."""
        if self.server is None:
            return
        self.server.shutdown()
        self.server.server_close()
        with self._lock:
            for connection in self._open:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
        self.thread.join(5)
        self.server = None


def ask(net, which, address, name, key, limit=30.0):
    """One question to a socketmap server; returns its whole reply."""
    with net.inside(which):
        sock = socket.create_connection(address, limit)
    with sock, sock.makefile("rb") as stream:
        sock.settimeout(limit)
        sock.sendall(encode("%s %s" % (name, key)))
        return decode(stream)
