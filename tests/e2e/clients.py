# SPDX-License-Identifier: MIT
"""Clients of the daemon: socketmap and policy, with access to the raw bytes."""
import socket

PATIENCE = 60  # seconds for any answer; no test depends on speed


def connect(where, timeout=PATIENCE):
    """`where` is a (host, port) or the path of a unix socket."""
    family = socket.AF_UNIX if isinstance(where, str) else \
        socket.AF_INET6 if ":" in where[0] else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.settimeout(timeout)
    try:
        sock.connect(where)
    except BaseException:
        sock.close()
        raise
    return sock


def to_bytes(text):
    return text if isinstance(text, bytes) else text.encode("utf-8")


def netstring(payload):
    payload = to_bytes(payload)
    return b"%d:%s," % (len(payload), payload)


def request(map_name, key):
    return netstring(to_bytes(map_name) + b" " + to_bytes(key))


class Raw:
    """A connection and what came of it that nobody has looked at yet."""

    def __init__(self, where, timeout=PATIENCE):
        self.sock = connect(where, timeout)
        self.buffer = bytearray()

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()

    def close(self):
        self.sock.close()

    def send(self, data):
        self.sock.sendall(data)

    def more(self):
        """One read into the buffer; False at the end of the connection."""
        try:
            data = self.sock.recv(65536)
        except (ConnectionResetError, BrokenPipeError):
            return False
        self.buffer += data
        return bool(data)

    def take(self, length):
        while len(self.buffer) < length:
            if not self.more():
                raise EOFError("connection ended, pending %r"
                               % bytes(self.buffer))
        data = bytes(self.buffer[:length])
        del self.buffer[:length]
        return data

    def rest(self):
        """All until the other side closes, which it must."""
        while self.more():
            pass
        return self.take(len(self.buffer))

    def silent(self, seconds):
        """True when nothing came, and no end, for so long."""
        if self.buffer:
            return False
        self.sock.settimeout(seconds)
        try:
            self.more()
            return False
        except socket.timeout:
            return True
        finally:
            self.sock.settimeout(PATIENCE)


class Socketmap(Raw):
    def receive(self):
        """One reply without its frame, which is checked to the letter."""
        digits = b""
        while True:
            byte = self.take(1)
            if byte == b":":
                break
            if not byte.isdigit() or len(digits) > 5:
                raise AssertionError("no netstring: %r" % (digits + byte))
            digits += byte
        if not digits or (digits[:1] == b"0" and len(digits) > 1):
            raise AssertionError("bad length of a netstring: %r" % digits)
        payload = self.take(int(digits))
        if self.take(1) != b",":
            raise AssertionError("no comma after %r" % payload)
        return payload

    def query(self, map_name, key):
        self.send(request(map_name, key))
        return self.receive()


class Refused(Exception):
    """A lookup failed as Postfix would see it fail."""


class Patient:
    """Keeps its connection, tries once more when the kept one ended, and takes
    a refused connect as an error."""

    def __init__(self, where):
        self.where = where
        self.conn = None

    def twice(self, kind, question):
        for attempt in (1, 2):
            if self.conn is None:
                try:
                    self.conn = kind(self.where)
                except OSError as error:
                    raise Refused("connect: %s" % error)
            try:
                return question(self.conn)
            except socket.timeout:
                raise Refused("no answer")
            except (EOFError, OSError) as error:
                self.close()
                if attempt == 2:
                    raise Refused("ended twice: %s" % error)
        return None

    def close(self):
        if self.conn is not None:
            self.conn.close()
            self.conn = None


class PostfixLike(Patient):
    """Asks as Postfix's dict_sockmap does."""

    def query(self, map_name, key):
        return self.twice(Socketmap, lambda conn: conn.query(map_name, key))


class PolicyLike(Patient):
    """Asks as smtpd(8) does with try_limit=2 or more: with 1 it falls back to
    default_action instead, and nothing could be seen here."""

    def ask(self, **attributes):
        return self.twice(Policy, lambda conn: conn.ask(**attributes))


class Policy(Raw):
    def ask(self, **attributes):
        self.start(**attributes)
        return self.receive()

    def start(self, **attributes):
        """Sends a request; "request_" is spelled so for Python's sake."""
        values = {"request": "smtpd_access_policy", "protocol_state": "RCPT",
                  "protocol_name": "ESMTP", "client_address": "192.0.2.9",
                  "sender": "s@sender.test"}
        if attributes.get("request") == "mxdetour_route":
            values = {}
        values.update(attributes)
        data = b"".join(to_bytes(name) + b"=" + to_bytes(str(value)) + b"\n"
                        for name, value in values.items())
        self.send(data + b"\n")

    def receive(self):
        """A reply as an ordered dict of its attributes."""
        while b"\n\n" not in self.buffer:
            if not self.more():
                raise EOFError("policy ended, pending %r"
                               % bytes(self.buffer))
        reply = self.take(self.buffer.index(b"\n\n") + 2)[:-2]
        out = {}
        for line in reply.decode().split("\n"):
            name, equals, value = line.partition("=")
            if not equals or name in out:
                raise AssertionError("bad policy reply: %r" % reply)
            out[name] = value
        return out

    def route(self, recipient, **more):
        return self.ask(request="mxdetour_route", recipient=recipient, **more)
