# SPDX-License-Identifier: MIT
"""One process that plays every MX host of the lab, on many addresses.

Usage: sink.py LOG, with a JSON list of addresses as first line of the input.
Prints "ready", then obeys lines of JSON {"address": "mode"} and prints "ok".
Each session is written to LOG as one line of JSON when it ends, each message
when it was taken: who came from where to which address and said what.

Modes: normal; slow (the greeting takes 3 s); unwilling (554 greeting);
greylist (450 to every RCPT); mute (no greeting); close (hangs up at once).
As a filter on the operator's line would, towards the operator alone: teaser
(half a greeting, the rest after 3 s); late (the greeting takes a minute);
tarpit (a byte of the greeting every 5 s); endless (no end of the reply to
EHLO); cut (a reset in answer to MAIL). "form NAME" greets and answers EHLO as
FORMS has it.
"""

import asyncio
import json
import socket
import struct
import sys

from forms import FORMS
from net import OP4, OP4_ALIAS, OP6

FILTERED = ("teaser", "late", "tarpit", "endless", "cut")

class Sink:
    """The listeners, their modes and the record."""

    def __init__(self, log):
        self.log = log
        self.modes = {}

    def note(self, **event):
        """Writes one line of the record."""
        self.log.write(json.dumps(event) + "\n")
        self.log.flush()

    async def serve(self, reader, writer):
        """One session."""
        local = writer.get_extra_info("sockname")[0]
        client = writer.get_extra_info("peername")[0]
        verbs = []
        try:
            await self.talk(reader, writer, local, client, verbs)
        except (ConnectionError, asyncio.IncompleteReadError, ValueError,
                OSError):
            verbs.append("(broken)")
        finally:
            self.note(event="session", local=local, client=client,
                      verbs=verbs)
            writer.close()

    async def talk(self, reader, writer, local, client, verbs):
        """The dialogue, with the verbs noted as they come."""
        mode = self.modes.get(local, "normal")
        form = FORMS[mode[5:]] if mode.startswith("form ") else None
        if mode in FILTERED and client not in (OP4, OP4_ALIAS, OP6):
            mode = "normal"
        if mode == "close":
            return
        if mode == "mute":
            await reader.read()
            return
        if mode == "slow":
            await asyncio.sleep(3)

        async def say(text):
            writer.write((text + "\r\n").encode())
            await writer.drain()

        if mode == "late":
            await asyncio.sleep(60)
        if mode == "tarpit":
            for byte in b"220 mx.lab.test":
                writer.write(bytes([byte]))
                await asyncio.sleep(5)
        if mode == "teaser":
            await say("220-mx.lab.test is looking at you")
            await asyncio.sleep(3)
        if form:
            if not await self.play(form.greeting, writer):
                return
        elif mode == "unwilling":
            await say("554 5.3.2 no SMTP service here")
        else:
            await say("220 mx.lab.test ESMTP")
        helo, sender, recipients = "", "", []
        while True:
            line = await reader.readline()
            if not line:
                verbs.append("(gone)")
                return
            line = line.decode("utf-8", "replace").rstrip("\r\n")
            verb = line.split(" ", 1)[0].upper()
            verbs.append(verb)
            if verb == "QUIT":
                await say("221 2.0.0 bye")
                return
            if mode == "unwilling":
                await say("503 5.5.1 I said no")
            elif verb == "EHLO" and mode == "endless":
                while True:
                    await say("250-AND-SO-ON")
            elif verb == "EHLO" and form:
                if not await self.play(form.ehlo, writer):
                    return
            elif verb == "MAIL" and mode == "cut":
                writer.get_extra_info("socket").setsockopt(
                    socket.SOL_SOCKET, socket.SO_LINGER,
                    struct.pack("ii", 1, 0))
                writer.transport.abort()
                return
            elif verb in ("EHLO", "HELO"):
                helo = line.partition(" ")[2]
                if verb == "EHLO":
                    await say("250-mx.lab.test\r\n250-8BITMIME\r\n"
                              "250-SMTPUTF8\r\n250 ENHANCEDSTATUSCODES")
                else:
                    await say("250 mx.lab.test")
            elif verb == "MAIL":
                sender, recipients = address_of(line), []
                await say("250 2.1.0 ok")
            elif verb == "RCPT" and mode == "greylist":
                await say("450 4.2.0 greylisted, come back later")
            elif verb == "RCPT":
                recipients.append(address_of(line))
                await say("250 2.1.5 ok")
            elif verb == "DATA" and recipients:
                await say("354 go ahead")
                body = await self.data(reader)
                self.note(event="mail", local=local, client=client, helo=helo,
                          sender=sender, to=recipients, body=body)
                recipients = []
                await say("250 2.0.0 taken")
            elif verb in ("RSET", "NOOP"):
                await say("250 2.0.0 ok")
            elif verb == "DATA":
                await say("554 5.5.1 no valid recipients")
            else:
                await say("502 5.5.2 not here")

    @staticmethod
    async def play(pieces, writer):
        """Sends the pieces of a form; False at its END."""
        for piece in pieces:
            if piece is None:
                return False
            if isinstance(piece, bytes):
                writer.write(piece)
                await writer.drain()
            else:
                await asyncio.sleep(piece)
        return True

    @staticmethod
    async def data(reader):
        """The message up to the lone dot."""
        lines = []
        while True:
            line = await reader.readline()
            if not line:
                raise ConnectionError("gone in DATA")
            line = line.decode("utf-8", "replace").rstrip("\r\n")
            if line == ".":
                return "\n".join(lines)
            lines.append(line)


def address_of(line):
    """The path of MAIL FROM:<path> or RCPT TO:<path>."""
    return line.partition("<")[2].rpartition(">")[0]


async def main(path):
    """Listens, then obeys the standard input until it ends."""
    loop = asyncio.get_running_loop()
    stdin = asyncio.StreamReader()
    await loop.connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(stdin), sys.stdin)
    addresses = json.loads(await stdin.readline())
    with open(path, "a", encoding="utf-8") as log:
        sink = Sink(log)
        server = await asyncio.start_server(
            sink.serve, addresses, 25, limit=1 << 20, backlog=512)
        async with server:
            print("ready", flush=True)
            while True:
                line = await stdin.readline()
                if not line:
                    return
                sink.modes = json.loads(line)
                print("ok", flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
