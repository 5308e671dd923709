# SPDX-License-Identifier: MIT
"""A resolver whose wire is tampered with: MX questions get an A record.

That is what the injectors seen in the wild do: every question but AAAA is
answered with one address record of theirs, without EDNS. All else is passed
on to the lab's nsd.
"""

import socket
import struct
import threading

from net import DNS4, FORGED_DNS4

TYPE_A, TYPE_MX = 1, 15


def question(packet):
    """(name, type, end of the question) of a query."""
    labels, at = [], 12
    while packet[at]:
        labels.append(packet[at + 1:at + 1 + packet[at]])
        at += 1 + packet[at]
    kind = struct.unpack(">H", packet[at + 1:at + 3])[0]
    return b".".join(labels).decode("ascii", "replace").lower(), kind, at + 5


class Forger:
    """Serves on FORGED_DNS4 in the world until close()."""

    def __init__(self, net, forged):
        self.net = net
        self.forged = forged  # name => address that injectors answer with
        self.count = 0
        with net.inside("world"):
            self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self.sock.bind((FORGED_DNS4, 53))
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.is_over = False
        self.thread.start()

    def _serve(self):
        while True:
            try:
                packet, peer = self.sock.recvfrom(4096)
                if self.is_over:
                    return
                reply = self._reply(packet)
                if reply:
                    self.sock.sendto(reply, peer)
            except (OSError, IndexError, struct.error):
                if self.is_over:
                    return

    def _reply(self, packet):
        name, kind, end = question(packet)
        if name in self.forged and kind == TYPE_MX:
            self.count += 1
            return (packet[:2] + struct.pack(">HHHHH", 0x8180, 1, 1, 0, 0)
                    + packet[12:end] + b"\xc0\x0c"
                    + struct.pack(">HHIH", TYPE_A, 1, 100, 4)
                    + socket.inet_aton(self.forged[name]))
        with self.net.inside("world"):
            upstream = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with upstream:
            upstream.settimeout(5)
            upstream.sendto(packet, (DNS4, 53))
            return upstream.recv(65535)

    def close(self):
        """Ends the thread and frees the port."""
        self.is_over = True
        with self.net.inside("world"):
            poke = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with poke:
            poke.sendto(b"", (FORGED_DNS4, 53))
        self.thread.join(10)
        self.sock.close()
