# SPDX-License-Identifier: MIT
"""The MTA's side of the milter protocol, version 6, down to its packets."""
import socket
import struct

import clients

PATIENCE = 60  # seconds for any answer; no test depends on speed

VERSION = 6
ACTIONS = 0x1FF       # all that a filter may ask for
STEPS = 0x1FFFFF      # all that it may ask to be left out

# Steps that a filter does not want (SMFIP_NO*).
NO_HELO, NO_BODY, NO_HEADERS, NO_EOH = 0x02, 0x10, 0x20, 0x40
NO_DATA = 0x200
# Changes that it may make (SMFIF_*).
ADD_HEADERS, CHANGE_HEADERS = 0x01, 0x10

CONTINUE, ACCEPT, REJECT, TEMPFAIL, REPLY = b"c", b"a", b"r", b"t", b"y"
PROGRESS = b"p"
VERDICTS = (CONTINUE, ACCEPT, REJECT, TEMPFAIL, REPLY, b"d", b"s")


def zero(*texts):
    """Texts, each with its NUL."""
    return b"".join((t if isinstance(t, bytes) else
                     t.encode("utf-8", "surrogateescape")) + b"\0"
                    for t in texts)


class Session:
    """One connection of an MTA."""

    def __init__(self, where, client="192.0.2.10", negotiate=True):
        self.sock = clients.connect(where, PATIENCE)
        if not isinstance(where, str):
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.actions = self.steps = 0
        if negotiate:
            self.negotiate()
            self.connect(client)

    def close(self):
        self.sock.close()

    # packets ------------------------------------------------------------

    def send(self, command, data=b""):
        self.sock.sendall(struct.pack("!I", len(data) + 1) + command + data)

    def receive(self):
        """One packet: (command, data)."""
        size = struct.unpack("!I", self._take(4))[0]
        packet = self._take(size)
        return packet[:1], packet[1:]

    def _take(self, size):
        data = b""
        while len(data) < size:
            more = self.sock.recv(size - len(data))
            if not more:
                raise EOFError("the filter closed")
            data += more
        return data

    def verdict(self):
        """The answer to a step: a code, or (code, text) of a refusal."""
        while True:
            command, data = self.receive()
            if command == REPLY:
                return data.rstrip(b"\0").decode()
            if command in VERDICTS:
                return command
            if command != PROGRESS:
                raise AssertionError("unexpected packet %r" % command)

    # steps --------------------------------------------------------------

    def negotiate(self):
        self.send(b"O", struct.pack("!III", VERSION, ACTIONS, STEPS))
        command, data = self.receive()
        if command != b"O":
            raise AssertionError("no negotiation: %r" % command)
        _, self.actions, self.steps = struct.unpack("!III", data[:12])

    def connect(self, client):
        if client is None:
            data = zero("localhost") + b"U"
        else:
            family = b"6" if ":" in client else b"4"
            data = zero("mta.test") + family + struct.pack("!H", 25) + \
                zero("IPv6:" + client if family == b"6" else client)
        self.send(b"C", data)
        self.expect(CONTINUE)

    def expect(self, wanted):
        got = self.verdict()
        if got != wanted:
            raise AssertionError("verdict %r, wanted %r" % (got, wanted))

    def macro(self, step, **values):
        """Names of one letter are as they are, others get their braces."""
        words = []
        for name, value in values.items():
            words += [name if len(name) == 1 else "{%s}" % name, value]
        self.send(b"D", step + zero(*words))

    def mail(self, sender="<s@example.test>", user=None):
        # As MTAs do: macros come with each MAIL, those that have a value.
        macros = {"mail_addr": sender}
        if user is not None:
            macros["auth_authen"] = user
        self.macro(b"M", **macros)
        self.send(b"M", zero(sender))
        self.expect(CONTINUE)

    def rcpt(self, recipient, address=None, mailer=None):
        """The verdict on one recipient; the MTA may say what it made of it."""
        macros = {"rcpt_addr": address, "rcpt_mailer": mailer}
        self.macro(b"R", **{name: value for name, value in macros.items()
                            if value is not None})
        self.send(b"R", zero(recipient))
        return self.verdict()

    def content(self, headers=(("Subject", "test"),), body=b"Hello.\r\n"):
        """Header and body, without what the filter does not want."""
        if not self.steps & NO_DATA:
            self.send(b"T")
            self.expect(CONTINUE)
        if not self.steps & NO_HEADERS:
            for name, value in headers:
                self.send(b"L", zero(name, value))
                self.expect(CONTINUE)
        if not self.steps & NO_EOH:
            self.send(b"N")
            self.expect(CONTINUE)
        if not self.steps & NO_BODY:
            self.send(b"B", body)
            self.expect(CONTINUE)

    def end(self, qid=None):
        """End of message: the changes that the filter makes, as packets."""
        if qid is not None:
            self.macro(b"E", i=qid)
        self.send(b"E")
        changes = []
        while True:
            command, data = self.receive()
            if command == CONTINUE:
                return changes
            if command in VERDICTS:
                raise AssertionError("end of message: %r" % command)
            if command != PROGRESS:
                changes.append((command, data))

    def message(self, *recipients, sender="<s@example.test>", qid=None,
                user=None, headers=(("Subject", "test"),)):
        """A whole message; every recipient must be taken."""
        self.mail(sender, user)
        for recipient in recipients:
            got = self.rcpt(recipient)
            if got != CONTINUE:
                raise AssertionError("%s: %r" % (recipient, got))
        self.content(headers)
        return self.end(qid)

    def abort(self):
        self.send(b"A")

    def quit(self):
        self.send(b"Q")
