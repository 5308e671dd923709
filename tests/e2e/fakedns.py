# SPDX-License-Identifier: MIT
"""A scripted DNS server on 127.0.0.1, UDP and TCP.

The zone maps (name, type) to a Reply; a plain list of records is one, too.
Names that have no entry at all are answered by `default` (NXDOMAIN), names with
entries of other types only by NODATA.  `everything`, when set, outranks it all.  `delay` is the time in
seconds that each answer takes.  `edns` is what becomes of questions with EDNS:
"spoken" (answers have an OPT, too), "ignored", "silent", or an rcode that they
are answered by.
"""
import asyncio
import collections
import socket
import struct
import threading

import aio
import forks

TYPES = {"A": 1, "NS": 2, "CNAME": 5, "SOA": 6, "MX": 15, "TXT": 16,
         "AAAA": 28}
NAMES = {number: name for name, number in TYPES.items()}

Record = collections.namedtuple("Record", "type ttl data owner")


def encode_name(name):
    out = b""
    for label in name.rstrip(".").split("."):
        if label:
            raw = label.encode("latin-1")
            out += bytes([len(raw)]) + raw
    return out + b"\0"


def a(address, ttl=300, owner=None):
    return Record("A", ttl, socket.inet_pton(socket.AF_INET, address), owner)


def aaaa(address, ttl=300, owner=None):
    return Record("AAAA", ttl, socket.inet_pton(socket.AF_INET6, address),
                  owner)


def mx(preference, host, ttl=300, owner=None):
    return Record("MX", ttl, struct.pack("!H", preference) + encode_name(host),
                  owner)


def cname(target, ttl=300, owner=None):
    return Record("CNAME", ttl, encode_name(target), owner)


class Reply:
    """What the server says to one question."""

    def __init__(self, records=(), rcode=0, silent=False, truncated=False,
                 raw=None, wrong_id=False, silent_tcp=False, question=None):
        self.records = list(records)
        self.rcode = rcode
        self.silent = silent        # says nothing at all
        self.truncated = truncated  # empty and TC by UDP, whole by TCP
        self.silent_tcp = silent_tcp
        self.raw = raw              # these bytes after the question's id
        self.wrong_id = wrong_id    # an answer to nobody's question
        self.question = question    # the name that it says it was asked for


class Gate:
    """Holds the answer back until open() is called."""

    def __init__(self, reply):
        self.reply = reply
        self.is_open = False
        self.waiting = []

    def open(self):
        def release():
            self.is_open = True
            for send in self.waiting:
                send()
            self.waiting = []
        aio.soon(release)


SILENT = Reply(silent=True)
SERVFAIL = Reply(rcode=2)
NXDOMAIN = Reply(rcode=3)
REFUSED = Reply(rcode=5)
NODATA = Reply()
GARBAGE = Reply(raw=b"\xff" * 7 + b"this is not a DNS message" * 3)
SHORT = Reply(raw=b"")


def parse_question(message):
    """Returns (id, flags, name, type, raw question) or None."""
    if len(message) < 12:
        return None
    ident, flags, count = struct.unpack("!HHH", message[:6])
    if count != 1 or flags & 0x8000:
        return None
    labels, at = [], 12
    while True:
        if at >= len(message):
            return None
        length = message[at]
        if length == 0:
            break
        if length > 63 or at + 1 + length > len(message):
            return None
        labels.append(message[at + 1:at + 1 + length].decode("latin-1"))
        at += 1 + length
    if at + 5 > len(message):
        return None
    qtype = struct.unpack("!H", message[at + 1:at + 3])[0]
    name = ".".join(labels).lower()
    return ident, flags, name, NAMES.get(qtype, str(qtype)), message[12:at + 5]


class FakeDns:
    def __init__(self, port, host="127.0.0.1"):
        self.host, self.port = host, port
        self.zone = {}
        self.default = NXDOMAIN
        self.everything = None
        self.delay = 0
        self.edns = "spoken"
        self.edns_questions = 0
        self.pending = set()   # (name, type) of answers that take their time
        self.max_pending = 0   # most of them at once
        self.questions = collections.Counter()  # (name, type) => asked
        self.answered = 0
        self.by_tcp = collections.Counter()
        self.lock = threading.Lock()
        self.tasks = set()
        aio.run(self._start())

    async def _start(self):
        fake = self

        class Udp(asyncio.DatagramProtocol):
            def connection_made(self, transport):
                self.transport = transport

            def datagram_received(self, data, addr):
                def send(raw):
                    if not self.transport.is_closing():
                        self.transport.sendto(raw, addr)
                fake._question(data, False, send)

        loop = asyncio.get_running_loop()
        self.udp, _ = await loop.create_datagram_endpoint(
            Udp, local_addr=(self.host, self.port))
        self.tcp = await asyncio.start_server(self._stream, self.host,
                                              self.port)

    async def _stream(self, reader, writer):
        self.tasks.add(asyncio.current_task())

        def send(raw):
            if not writer.is_closing():
                writer.write(struct.pack("!H", len(raw)) + raw)
        try:
            while True:
                head = await reader.readexactly(2)
                data = await reader.readexactly(struct.unpack("!H", head)[0])
                self._question(data, True, send)
        except (OSError, EOFError, asyncio.CancelledError):
            pass
        finally:
            self.tasks.discard(asyncio.current_task())
            writer.close()

    def _reply_for(self, name, qtype):
        if self.everything is not None:
            return self.everything
        reply = self.zone.get((name, qtype))
        if reply is None:
            known = any(owner == name for owner, _ in self.zone)
            reply = NODATA if known else self.default
        return reply

    def _question(self, data, tcp, send):
        question = parse_question(data)
        if question is None:
            return
        ident, flags, name, qtype, raw_question = question
        opt = struct.unpack("!H", data[10:12])[0] > 0
        with self.lock:
            self.edns_questions += opt
            self.questions[(name, qtype)] += 1
            if tcp:
                self.by_tcp[(name, qtype)] += 1
            reply = self._reply_for(name, qtype)

        def answer():
            inner = reply.reply if isinstance(reply, Gate) else reply
            self.pending.discard((name, qtype))
            if opt and self.edns not in ("spoken", "ignored"):
                inner = SILENT if self.edns == "silent" \
                    else Reply(rcode=self.edns)
            raw = self._render(inner, ident, flags, name, raw_question, tcp,
                               opt and self.edns == "spoken")
            if raw is not None:
                self.answered += 1
                send(raw)
        if isinstance(reply, Gate) and not reply.is_open:
            reply.waiting.append(answer)
        elif self.delay > 0:
            self.pending.add((name, qtype))
            self.max_pending = max(self.max_pending, len(self.pending))
            aio.loop().call_later(self.delay, answer)
        else:
            answer()

    @staticmethod
    def _render(reply, ident, flags, name, raw_question, tcp, opt):
        if not isinstance(reply, Reply):
            reply = Reply(reply)
        if reply.silent or (tcp and reply.silent_tcp):
            return None
        if reply.raw is not None:
            return struct.pack("!H", ident) + reply.raw
        if reply.wrong_id:
            ident ^= 0x5555
        records = reply.records
        out_flags = 0x8080 | (flags & 0x0100) | reply.rcode
        if reply.truncated and not tcp:
            out_flags |= 0x0200
            records = []
        out = struct.pack("!HHHHHH", ident, out_flags, 1, len(records), 0,
                          opt)
        if reply.question is not None:
            raw_question = encode_name(reply.question) + raw_question[-4:]
        out += raw_question
        for record in records:
            out += encode_name(record.owner or name)
            out += struct.pack("!HHIH", TYPES[record.type], 1, record.ttl,
                               len(record.data))
            out += record.data
        if opt:
            out += b"\0" + struct.pack("!HHIH", 41, 1232, 0, 0)
        return out

    def set(self, name, qtype, reply):
        with self.lock:
            self.zone[(name.lower().rstrip("."), qtype)] = reply

    def remove(self, name):
        with self.lock:
            for key in [k for k in self.zone if k[0] == name]:
                del self.zone[key]

    def set_everything(self, reply):
        with self.lock:
            self.everything = reply

    def asked(self, name, qtype=None):
        """How often it was asked; all types when none is given."""
        with self.lock:
            return sum(count for (owner, kind), count in self.questions.items()
                       if owner == name and qtype in (None, kind))

    def names_asked(self):
        with self.lock:
            return {name for name, _ in self.questions}

    def refuse_tcp(self):
        with forks.none:
            aio.soon(self.tcp.close)

    def close(self):
        async def stop():
            self.udp.close()
            self.tcp.close()
            for task in list(self.tasks):
                task.cancel()
        aio.run(stop())
