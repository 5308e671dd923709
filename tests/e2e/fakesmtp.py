# SPDX-License-Identifier: MIT
"""Scripted SMTP peers on many addresses of 127.0.0.0/8.

A behaviour is set for an (address, port) and may be changed at any time; it
holds for the connections that come afterwards.  Everything that clients say is
kept.  An address without a behaviour has no listener: connection refused.
"""
import asyncio
import collections
import itertools
import socket
import struct
import threading
import time

import aio
import forks

GOOD = "good"                  # 220, 250, 221
STARTTLS = "starttls"          # good, with STARTTLS among the extensions
TEASER = "teaser"              # "220-..." first, the rest half a second later
TEASER_6S = "teaser-6s"        # the same with the pause of postscreen(8)
LATE = "late"                  # greets after 3 s
LATE_60S = "late-60s"          # greets after a minute
SLOW_PIECES = "slow-pieces"    # good, a few bytes at a time
S421 = "421"                   # greeting 421, waits for QUIT
S554 = "554"                   # greeting 554, waits for QUIT
EHLO_REFUSED = "ehlo-refused"  # 502 to EHLO
EHLO_421 = "ehlo-421"          # 421 to EHLO
SILENT = "silent"              # accepts and says nothing
TARPIT = "tarpit"              # a byte now and then, never a whole line
TARPIT_5S = "tarpit-5s"        # the same, a byte every 5 s
CLOSE = "close"                # orderly close at once
RESET = "reset"                # reset at once
LATE_LINE = "late-line"        # good, and an empty line after the greeting
NOT_SMTP = "not-smtp"          # speaks, but another protocol, and closes
SSH = "ssh"                    # another protocol, and waits
FLOOD = "flood"                # endless "220-" lines without an end
CHARGEN = "chargen"            # endless text
EHLO_SILENT = "ehlo-silent"    # good greeting, then nothing
EHLO_CLOSE = "ehlo-close"      # good greeting, closes on EHLO
EHLO_RESET = "ehlo-reset"      # good greeting, resets on EHLO
EHLO_HALF = "ehlo-half"        # resets in the middle of the reply to EHLO
EHLO_FLOOD = "ehlo-flood"      # endless "250-" lines, as fast as they are read
EHLO_TRICKLE = "ehlo-trickle"  # endless "250-" lines, one now and then
EHLO_TARPIT = "ehlo-tarpit"    # a byte of the reply to EHLO now and then
LATER_RESET = "later-reset"    # answers EHLO, resets on what comes then
BLACKHOLE = "blackhole"        # a full backlog: the SYN is not answered
REFUSE = None                  # no listener

# Seconds between two things that a slow one says.
PAUSE = {TEASER: 0.5, TEASER_6S: 6, LATE: 3, LATE_60S: 60, TARPIT: 0.3,
         TARPIT_5S: 5, EHLO_FLOOD: 0.001, EHLO_TRICKLE: 0.3, EHLO_TARPIT: 0.3}
# What is said without an end, at once and to EHLO.
FLOODS = {FLOOD: b"220-" + b"x" * 16384, CHARGEN: b"abcdefgh\r\n" * 1000}
ENDLESS = {EHLO_FLOOD: b"250-EXTENSION\r\n" * 100,
           EHLO_TRICKLE: b"250-EXTENSION\r\n",
           EHLO_TARPIT: b"2"}


class Conn:
    """One connection as the peer saw it."""

    def __init__(self, address, port):
        self.address = address
        self.port = port
        self.began = time.monotonic()
        self.ended = None
        self.received = b""  # all that the client said
        self.early = b""     # what it said before our greeting was whole
        self.client_closed = False


class BlackHole:
    """A listening socket whose backlog is full."""

    def __init__(self, address, port):
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind((address, port))
        self.listener.listen(0)
        self.fillers = []
        for _ in range(8):
            filler = socket.socket()
            filler.settimeout(0.25)
            self.fillers.append(filler)
            try:
                filler.connect((address, port))
            except socket.timeout:
                return
        raise AssertionError("the backlog of a listener does not fill here")

    def close(self):
        for sock in self.fillers + [self.listener]:
            sock.close()


class SmtpFarm:
    def __init__(self, port):
        self.port = port
        self.behaviour = {}  # (address, port) => behaviour
        self.servers = {}    # (address, port) => asyncio server or BlackHole
        self.all = []        # Conn, in order
        self.active = collections.Counter()      # address => open now
        self.max_active = collections.Counter()  # address => most at once
        self.active_net = collections.Counter()  # /24 => open now
        self.max_active_net = collections.Counter()
        self.lock = threading.Lock()
        self.tasks = set()

    def set(self, address, behaviour, port=None):
        key = (address, port or self.port)
        old = self.servers.get(key)
        listening = behaviour not in (REFUSE, BLACKHOLE)
        self.behaviour[key] = behaviour
        if old is not None and (not listening or isinstance(old, BlackHole)):
            with forks.none:
                if isinstance(old, BlackHole):
                    old.close()
                else:
                    aio.soon(old.close)
            del self.servers[key]
        if behaviour == BLACKHOLE:
            self.servers[key] = BlackHole(*key)
        elif listening and key not in self.servers:
            self.servers[key] = aio.run(self._listen(key))

    async def _listen(self, key):
        async def client(reader, writer):
            await self._client(key, reader, writer)
        family = socket.AF_INET6 if ":" in key[0] else socket.AF_INET
        return await asyncio.start_server(client, key[0], key[1],
                                          family=family, backlog=128,
                                          reuse_address=True)

    async def _client(self, key, reader, writer):
        task = asyncio.current_task()
        self.tasks.add(task)
        conn = Conn(*key)
        net = key[0].rpartition(".")[0]
        with self.lock:
            self.all.append(conn)
            self.active[key[0]] += 1
            self.active_net[net] += 1
            for now, most, what in (
                    (self.active, self.max_active, key[0]),
                    (self.active_net, self.max_active_net, net)):
                most[what] = max(most[what], now[what])
        try:
            await self._converse(conn, reader, writer)
        except (OSError, EOFError, asyncio.CancelledError):
            pass
        finally:
            with self.lock:
                self.active[key[0]] -= 1
                self.active_net[net] -= 1
                conn.ended = time.monotonic()
            self.tasks.discard(task)
            writer.close()

    @staticmethod
    def _reset(writer):
        sock = writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                        struct.pack("ii", 1, 0))
        writer.transport.abort()

    @staticmethod
    async def _hear(conn, reader, seconds=3600, early=False):
        """One read; True while the client is there."""
        try:
            data = await asyncio.wait_for(reader.read(65536), seconds)
        except asyncio.TimeoutError:
            return True
        if not data:
            conn.client_closed = True
            return False
        conn.received += data
        if early:
            conn.early += data
        return True

    async def _until_closed(self, conn, reader, early=True):
        while await self._hear(conn, reader, early=early):
            pass

    async def _drip(self, conn, reader, writer, pieces, early=False):
        """Says one piece after the other until the client has had enough."""
        pause = PAUSE[self.behaviour[(conn.address, conn.port)]]
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            if not await self._hear(conn, reader, pause, early):
                return

    async def _greet(self, conn, behaviour, reader, writer):
        """The greeting; False when that was all of it."""
        if behaviour == SILENT:
            await self._until_closed(conn, reader)
            return False
        if behaviour == CLOSE:
            return False
        if behaviour == RESET:
            self._reset(writer)
            return False
        if behaviour == NOT_SMTP:
            writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            return False
        if behaviour == SSH:
            writer.write(b"SSH-2.0-OpenSSH_9.2\r\n")
            await self._until_closed(conn, reader)
            return False
        if behaviour in FLOODS:
            while await self._hear(conn, reader, 0.001, early=True):
                writer.write(FLOODS[behaviour])
                await writer.drain()
            return False
        if behaviour in (TARPIT, TARPIT_5S):
            await self._drip(conn, reader, writer,
                             (b"%c" % byte for byte in b"220-" + b"x" * 10000),
                             early=True)
            return False
        if behaviour in (TEASER, TEASER_6S, LATE, LATE_60S):
            if behaviour in (TEASER, TEASER_6S):
                writer.write(b"220-fake.invalid be patient\r\n")
            if not await self._hear(conn, reader, PAUSE[behaviour],
                                    early=True):
                return False
        if behaviour == SLOW_PIECES:
            for piece in (b"22", b"0-fake\r", b"\n2", b"20", b" fa"):
                writer.write(piece)
                if not await self._hear(conn, reader, 0.05, early=True):
                    return False
        code = behaviour if behaviour in (S421, S554) else "220"
        writer.write(("%s fake.invalid says\x1b[31m so\r\n"
                      % code).encode())
        if behaviour == LATE_LINE:
            await asyncio.sleep(0.2)
            writer.write(b"\r\n")
        return True

    async def _converse(self, conn, reader, writer):
        behaviour = self.behaviour.get((conn.address, conn.port))
        if not await self._greet(conn, behaviour, reader, writer):
            return
        pending = b""
        while True:
            before = len(conn.received)
            if not await self._hear(conn, reader):
                return
            pending += conn.received[before:]
            while b"\n" in pending:
                line, _, pending = pending.partition(b"\n")
                if line.startswith(b"EHLO") and behaviour in ENDLESS:
                    await self._drip(conn, reader, writer,
                                     itertools.repeat(ENDLESS[behaviour]))
                    return
                if not self._command(line.strip(), behaviour, writer):
                    # The client ought to close first; it may take its time.
                    await self._until_closed(conn, reader, early=False)
                    return

    def _command(self, line, behaviour, writer):
        """Answers one command; False after QUIT."""
        verb = line.split(b" ")[0].upper()
        if verb == b"QUIT" and behaviour == LATER_RESET:
            self._reset(writer)
        elif verb == b"QUIT":
            writer.write(b"221 bye\r\n")
            writer.write_eof()
            return False
        if verb != b"EHLO":
            writer.write(b"502 what?\r\n")
        elif behaviour == EHLO_SILENT:
            pass
        elif behaviour == EHLO_CLOSE:
            writer.close()
        elif behaviour == EHLO_RESET:
            self._reset(writer)
        elif behaviour == EHLO_HALF:
            writer.write(b"250-fake.invalid\r\n250-SI")
            self._reset(writer)
        elif behaviour == EHLO_REFUSED:
            writer.write(b"502 no\r\n")
        elif behaviour == EHLO_421:
            writer.write(b"421 fake.invalid not now\r\n")
        elif behaviour == STARTTLS:
            writer.write(b"250-fake.invalid\r\n250 STARTTLS\r\n")
        else:
            writer.write(b"250-fake.invalid\r\n250 PIPELINING\r\n")
        return True

    def conns(self, address=None, port=None):
        """Connections so far, of one address or of all."""
        with self.lock:
            return [c for c in self.all
                    if address in (None, c.address) and
                    (port or self.port) == c.port]

    def count(self, address, port=None):
        return len(self.conns(address, port))

    def close(self):
        async def stop():
            for server in self.servers.values():
                server.close()
            for task in list(self.tasks):
                task.cancel()
        aio.run(stop())
