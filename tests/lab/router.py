# SPDX-License-Identifier: MIT
"""A home router: a name server on the mail host's link that knows no EDNS.

It has a link-local address, as router advertisements give it, drops questions
with an OPT, and passes all others on to the lab's nsd.
"""

import socket
import struct
import threading

from net import DNS4

LINK_DNS = "fe80::53"


class Router:
    """Serves on LINK_DNS between mail host and filter until close()."""

    def __init__(self, net):
        self.net = net
        self.dropped = self.passed = 0
        net.run("fw", ["ip", "-6", "addr", "add", LINK_DNS + "/64",
                       "dev", "op", "nodad"])
        with net.inside("fw"):
            self.sock = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
            self.sock.bind((LINK_DNS, 53, 0, socket.if_nametoindex("op")))
            self.upstream = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.settimeout(0.2)
        self.upstream.settimeout(5)
        self.upstream.connect((DNS4, 53))
        self.is_over = False
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self):
        while not self.is_over:
            try:
                packet, peer = self.sock.recvfrom(4096)
            except socket.timeout:
                continue
            if len(packet) < 12 or struct.unpack(">H", packet[10:12])[0] > 0:
                self.dropped += 1
                continue
            try:
                self.upstream.send(packet)
                self.sock.sendto(self.upstream.recv(65535), peer)
                self.passed += 1
            except OSError:
                pass  # whoever asked asks again

    def close(self):
        """Ends the thread and frees the address."""
        self.is_over = True
        self.thread.join(10)
        self.sock.close()
        self.upstream.close()
        self.net.run("fw", ["ip", "-6", "addr", "del", LINK_DNS + "/64",
                            "dev", "op"])
