# SPDX-License-Identifier: MIT
"""The private internet: three namespaces, two wires, and a firewall between.

    op (the operator) ---- fw (the filter) ---- world (DNS, MX hosts, relays)

Only documentation and benchmark prefixes are used, and no wire leaves the
machine. Names carry the pid of the run, so that two runs do not meet.
"""

import os
import re
import shutil
import subprocess

from util import Reaper, inside_netns, run

OP4 = "192.0.2.1"        # where the operator's Postfix listens and sends from
OP4_ALIAS = "192.0.2.2"  # a second address of the same machine
OP6 = "2001:db8:1::1"
DNS4 = "198.51.100.53"
FORGED_DNS4 = "198.51.100.54"  # the same with injected answers
RELAY4 = {"us1": "198.51.100.21", "us2": "198.51.100.22"}
RELAY6 = {"us1": "2001:db8:2::21", "us2": "2001:db8:2::22"}

# Prefixes that the world answers for on its loopback: every MX host.
WORLD4 = ("203.0.113.0/24", "198.18.0.0/16", "198.19.0.0/16")
WORLD6 = ("2001:db8:100::/40",)

ROOT_NETNS = "/etc/netns"
NAME = re.compile(r"mxdlab([0-9]+)-(op|fw|world)\Z")

# What the filter can do to an address. All act on what the operator sends or
# gets; the relays stand behind the filter and see nothing of it.
MODES = {
    # No SYN gets through: a null route.
    "drop": ("drop",),
    # A reset in answer to the SYN.
    "refuse": ("meta l4proto tcp reject with tcp reset",),
    # The network says that there is no way.
    "unreachable": ("reject with icmpx type host-unreachable",),
    # The handshake passes in the client's eyes; its first ACK gets a reset.
    "reset": ("tcp flags & (syn|rst) == 0 reject with tcp reset",),
    # Handshake and greeting pass; the client's first data gets a reset.
    "reset-data": ("tcp flags & psh == psh reject with tcp reset",),
    # The handshake passes, then silence in both directions.
    "silent": ("tcp flags & psh == psh drop",),
    # Handshake and greeting pass, the client's data does not.
    "mute": ("tcp flags & psh == psh drop",),
}
BACK = {"silent": "tcp flags & syn == 0 drop"}


class Net:
    """Builds the namespaces and takes them down again."""

    def __init__(self, pid=None):
        self.tag = "mxdlab%d" % (pid or os.getpid())
        self.firewall = Firewall(self)

    def name(self, which):
        """The namespace's name."""
        return "%s-%s" % (self.tag, which)

    def argv(self, which, argv):
        """The command line that runs argv inside a namespace."""
        return ["ip", "netns", "exec", self.name(which)] + list(argv)

    def run(self, which, argv, **keys):
        """Runs a command inside a namespace."""
        return run(self.argv(which, argv), **keys)

    def inside(self, which):
        """Sockets made by this thread in the block belong to the namespace."""
        return inside_netns("/run/netns/" + self.name(which))

    def build(self):
        """Makes namespaces, wires, addresses and routes."""
        for which in ("op", "fw", "world"):
            Reaper.tell("netns", self.name(which))
            directory = os.path.join(ROOT_NETNS, self.name(which))
            os.makedirs(directory, exist_ok=True)
            with open(os.path.join(directory, "resolv.conf"), "w") as f:
                f.write("nameserver %s\noptions timeout:1 attempts:2\n" % DNS4)
            with open(os.path.join(directory, "hosts"), "w") as f:
                f.write("127.0.0.1 localhost\n::1 localhost\n")
            run(["ip", "netns", "add", self.name(which)])
            self._ip(which, ["link set lo up"])
            self._sysctl(which, "net/ipv6/ip_nonlocal_bind", 1)
            self._sysctl(which, "net/ipv4/ip_forward", int(which == "fw"))
            self._sysctl(which, "net/ipv6/conf/all/forwarding",
                         int(which == "fw"))
        self._wire("op", "192.0.2.254/24", "2001:db8:1::fe/64",
                   [OP4 + "/24", OP4_ALIAS + "/24", OP6 + "/64"])
        self._wire("world", "198.51.100.254/24", "2001:db8:2::fe/64",
                   ["198.51.100.1/24", DNS4 + "/24",
                    FORGED_DNS4 + "/24", "2001:db8:2::1/64"]
                   + [a + "/24" for a in RELAY4.values()]
                   + [a + "/64" for a in RELAY6.values()])
        self._ip("world", ["route add local %s dev lo" % p for p in WORLD4]
                 + ["-6 route add local %s dev lo" % p for p in WORLD6])
        self._ip("fw", ["route add %s via 198.51.100.1" % p for p in WORLD4]
                 + ["-6 route add %s via 2001:db8:2::1" % p for p in WORLD6])
        self.firewall.reset()

    def _ip(self, which, commands):
        for command in commands:
            run(["ip", "-n", self.name(which)] + command.split())

    def _sysctl(self, which, key, value):
        with self.inside(which), open("/proc/sys/" + key, "w") as f:
            f.write("%d\n" % value)

    def _wire(self, leaf, gateway4, gateway6, addresses):
        run(["ip", "link", "add", leaf, "netns", self.name("fw"), "type",
             "veth", "peer", "name", "eth0", "netns", self.name(leaf)])
        self._ip("fw", ["link set %s up" % leaf,
                        "addr add %s dev %s" % (gateway4, leaf),
                        "-6 addr add %s dev %s nodad" % (gateway6, leaf)])
        self._ip(leaf, ["link set eth0 up"])
        for address in addresses:
            v6 = "-6 " if ":" in address else ""
            self._ip(leaf, ["%saddr add %s dev eth0%s" % (
                v6, address, " nodad" if v6 else "")])
        self._ip(leaf, ["route add default via " + gateway4.split("/")[0],
                        "-6 route add default via " + gateway6.split("/")[0]])

    def close(self):
        """Removes what build() made, however far it got."""
        for which in ("op", "fw", "world"):
            remove_namespace(self.name(which))


def remove_namespace(name):
    """Deletes one of our namespaces and its files."""
    subprocess.call(["ip", "netns", "del", name],
                    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    shutil.rmtree(os.path.join(ROOT_NETNS, name), ignore_errors=True)
    try:
        os.rmdir(ROOT_NETNS)
    except OSError:
        pass


def sweep():
    """Removes namespaces of runs that were killed before they could."""
    names = set()
    for directory in ("/run/netns", ROOT_NETNS):
        try:
            names.update(os.listdir(directory))
        except FileNotFoundError:
            pass
    for name in names:
        match = NAME.match(name)
        if match and not os.path.exists("/proc/" + match.group(1)):
            remove_namespace(name)


class Firewall:
    """The filter between the operator and the world, replaced as a whole."""

    def __init__(self, net):
        self.net = net
        self.modes = {}
        self.ports = set()
        self.is_cut = False

    def block(self, mode, *addresses):
        """Does `mode` to the addresses from now on."""
        for address in addresses:
            self.modes[address] = mode
        self._load()

    def allow(self, *addresses):
        """Lets the addresses through again."""
        for address in addresses:
            self.modes.pop(address, None)
        self._load()

    def close_port(self, port):
        """Drops all TCP to the port, wherever it goes."""
        self.ports.add(port)
        self._load()

    def open_port(self, port):
        """Takes close_port() back."""
        self.ports.discard(port)
        self._load()

    def cut(self, is_cut):
        """Drops everything, or no longer."""
        self.is_cut = is_cut
        self._load()

    def reset(self):
        """Everything passes."""
        self.modes = {}
        self.ports = set()
        self.is_cut = False
        self._load()

    def listing(self):
        """The rules with their counters, for diagnostics."""
        return self.net.run("fw", ["nft", "list", "ruleset"],
                            may_fail=True)[1]

    def _load(self):
        out, back = [], []
        if self.is_cut:
            out.append("counter drop")
            back.append("counter drop")
        for port in sorted(self.ports):
            out.append("tcp dport %d counter drop" % port)
        for mode, verdicts in MODES.items():
            for family, word in ((False, "ip"), (True, "ip6")):
                chosen = sorted(a for a, m in self.modes.items()
                                if m == mode and (":" in a) == family)
                if not chosen:
                    continue
                listed = "{ %s }" % ", ".join(chosen)
                for verdict in verdicts:
                    # A counter stands before the verdict, after the match.
                    parts = re.match(r"(.*?)((?:drop|reject).*)\Z", verdict)
                    out.append("%s daddr %s %scounter %s comment \"%s\"" % (
                        word, listed, parts.group(1), parts.group(2), mode))
                if mode in BACK:
                    back.append("%s saddr %s %s" % (word, listed, BACK[mode]))
        script = """
table inet lab { }
delete table inet lab
table inet lab {
    chain out {
%s
    }
    chain back {
%s
    }
    chain forward {
        type filter hook forward priority 0; policy accept;
        iifname "op" jump out
        oifname "op" jump back
    }
}
""" % ("\n".join(out), "\n".join(back))
        self.net.run("fw", ["nft", "-f", "-"], stdin=script)
