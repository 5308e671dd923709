# SPDX-License-Identifier: MIT
"""The world beyond the filter: DNS, MX hosts and the overseas relays.

Names and preferences of 2015 are as they were then; addresses are from the
documentation and benchmark prefixes. The resolvers see every record: one nsd
serves the root zone, authoritatively.
"""

import functools
import json
import os
import re
import signal
import subprocess
import time

from forms import FORMS
from net import DNS4, OP4, OP4_ALIAS, OP6, RELAY4, RELAY6
from postfix import Postfix
from util import Failure, check, read, spawn, stop, wait

# Host => addresses. Each address has an SMTP server on port 25, unless it is
# the operator's or a relay's.
HOSTS = {
    "aspmx.l.google.com": ["203.0.113.1"],
    "alt1.aspmx.l.google.com": ["203.0.113.2"],
    "alt2.aspmx.l.google.com": ["203.0.113.3"],
    "alt3.aspmx.l.google.com": ["203.0.113.4"],
    "alt4.aspmx.l.google.com": ["203.0.113.5"],
    "aspmx2.googlemail.com": ["203.0.113.12"],
    "aspmx3.googlemail.com": ["203.0.113.13"],
    # The default canaries: always there, unless the uplink is not.
    "mx3.qq.com": ["198.19.1.3"],
    "163mx01.mxmail.netease.com": ["198.19.2.1"],
    # Plain single-host sites.
    "mx.good.example": ["198.18.1.1"],
    "mx.lonely.example": ["198.18.2.1"],
    "mxb.elsewhere.example": ["198.18.3.1"],
    "mx.xn--bcher-kva.example": ["198.18.4.1"],
    "mx.xn--i-7iq.example": ["198.18.10.1"],  # a heart
    "mx.shop.cn": ["198.18.5.1"],
    # Played by the real smtp-sink.
    "mx.realsink.example": ["198.18.9.1"],
    # The operator's own names.
    "op.isp.example": [OP4, OP6],
    "alias.isp.example": [OP4_ALIAS],
    "relay1.example.net": [RELAY4["us1"]],
    "relay2.example.net": [RELAY4["us2"]],
    # A domain without MX, and nothing but an address.
    "implicit.example": ["198.18.7.1"],
    # One address up, one down.
    "mx.twoaddr.example": ["198.18.8.1", "198.18.8.2"],
}
# Five hosts, each with IPv4 and IPv6.
DUAL = {"d%d.dual.example" % n: ["198.18.6.%d" % n, "2001:db8:100::%d" % n]
        for n in range(1, 6)}
HOSTS.update(DUAL)
# One host for each kind of blocking.
KINDS = ("drop", "refuse", "unreachable", "reset", "reset-data", "silent",
         "mute", "unwilling", "slow", "teaser", "late", "tarpit", "endless",
         "cut")
HOSTS.update({"mx.%s.example" % kind: ["198.18.20.%d" % (n + 1)]
              for n, kind in enumerate(KINDS)})
# One for each form of greeting and reply.
HOSTS.update({"mx.%s.forms.example" % name: ["198.18.21.%d" % (n + 1)]
              for n, name in enumerate(FORMS)})

GOOGLE = ["aspmx.l.google.com", "alt1.aspmx.l.google.com",
          "alt2.aspmx.l.google.com", "alt3.aspmx.l.google.com",
          "alt4.aspmx.l.google.com"]
GOOGLE_OLD = GOOGLE[:3] + ["aspmx2.googlemail.com", "aspmx3.googlemail.com"]
RECOMMENDED = list(zip((1, 5, 5, 10, 10), GOOGLE))

# Domain => (TTL, [(preference, host)]).
DOMAINS = {
    # 9 September 2015, as dig printed them.
    "recommended.example": (12878, RECOMMENDED),
    "ihg.com": (600, [(100, GOOGLE_OLD[3]), (50, GOOGLE_OLD[1]),
                      (50, GOOGLE_OLD[2]), (100, GOOGLE_OLD[4]),
                      (10, GOOGLE_OLD[0])]),
    "second.example": (6238, [(30, GOOGLE_OLD[2]), (10, GOOGLE_OLD[0]),
                              (40, GOOGLE_OLD[3]), (50, GOOGLE_OLD[4]),
                              (20, GOOGLE_OLD[1])]),
    "qq.com": (600, [(10, "mx3.qq.com")]),
    "163.com": (600, [(10, "163mx01.mxmail.netease.com")]),
    "good.example": (600, [(10, "mx.good.example")]),
    "lonely.example": (600, [(10, "mx.lonely.example")]),
    "xn--bcher-kva.example": (600, [(10, "mx.xn--bcher-kva.example")]),
    "xn--i-7iq.example": (600, [(10, "mx.xn--i-7iq.example")]),
    "shop.cn": (600, [(10, "mx.shop.cn")]),
    "realsink.example": (600, [(10, "mx.realsink.example")]),
    "dual.example": (600, [(n * 10, "d%d.dual.example" % n)
                           for n in range(1, 6)]),
    "twoaddr.example": (600, [(10, "mx.twoaddr.example")]),
    # Addresses where names must be: those of mx.twoaddr.example,
    # d1.dual.example and mx.lonely.example.
    "literal.example": (600, [(10, "198.18.8.1"), (20, "2001:db8:100::1"),
                              (30, "198.18.2.1")]),
    # Ours: the operator's own mail, a customer whose mail we take as backup,
    # one that names us by another name, and one that is local though its MX
    # is a filtering service elsewhere.
    "isp.example": (600, [(10, "op.isp.example")]),
    "hosted.example": (600, [(10, "mxb.elsewhere.example"),
                             (20, "op.isp.example")]),
    "aliased.example": (600, [(10, "mxb.elsewhere.example"),
                              (20, "alias.isp.example")]),
    "filtered.example": (600, [(10, "mxb.elsewhere.example")]),
    # RFC 7505.
    "nullmx.example": (600, [(0, "")]),
}
DOMAINS.update({"%s.example" % kind: (600, [(10, "mx.%s.example" % kind)])
                for kind in KINDS})
DOMAINS.update({"%s.forms.example" % name:
                (600, [(10, "mx.%s.forms.example" % name)]) for name in FORMS})
# Domains nobody ever asked for: the recommended set under fifty names.
STRANGERS = ["stranger%02d.example" % n for n in range(1, 51)]
DOMAINS.update({name: (3600, RECOMMENDED) for name in STRANGERS})

# A domain that is there and takes no mail, and one whose servers are broken.
NO_MAIL = "nomail.example"
BROKEN = "servfail.example"

REAL_SINK = HOSTS["mx.realsink.example"][0]


def addresses(*hosts):
    """All addresses of the hosts."""
    return [a for h in hosts for a in HOSTS[h]]


def zone_text(changed):
    """The root zone, with some domains' MX changed."""
    out = ["$TTL 600", ". IN SOA ns.lab.example. root.lab.example. "
           "1 3600 600 86400 60", ". IN NS ns.lab.example.",
           "ns.lab.example. IN A " + DNS4,
           NO_MAIL + ". IN TXT \"no mail here\""]
    for host, listed in HOSTS.items():
        for address in listed:
            kind = "AAAA" if ":" in address else "A"
            out.append("%s. 300 IN %s %s" % (host, kind, address))
    for domain, (ttl, listed) in dict(DOMAINS, **changed).items():
        for preference, host in listed:
            out.append("%s. %d IN MX %d %s." % (domain, ttl, preference, host))
    return "\n".join(out) + "\n"


@functools.lru_cache(maxsize=None)
def sink_addresses():
    """Every address that the Python sink plays."""
    ours = {OP4, OP4_ALIAS, OP6, REAL_SINK}
    ours.update(RELAY4.values(), RELAY6.values())
    return sorted({a for listed in HOSTS.values() for a in listed} - ours)


class World:
    """Starts the processes of the world and looks at what arrived."""

    def __init__(self, net, home):
        self.net, self.home = net, home
        self.nsd = self.sink = self.real_sink = None
        self.sink_log = os.path.join(home, "sink.log")
        self.real_dump = os.path.join(home, "smtp-sink")
        self.relays = {}
        self.changed = {}
        self.changed_relays = set()
        self._changes = 0
        self._offset = 0

    def start(self):
        """Brings up DNS, MX hosts and relays."""
        os.makedirs(self.home, exist_ok=True)
        os.chmod(self.home, 0o755)
        self._start_nsd()
        self._start_sink()
        self._start_real_sink()
        for name in RELAY4:
            self._start_relay(name)
        wait("DNS to answer", lambda: "203.0.113.1" in self.net.run(
            "op", ["getent", "ahostsv4", "aspmx.l.google.com"],
            may_fail=True)[1])

    def _start_nsd(self):
        self._write_zone()
        config = os.path.join(self.home, "nsd.conf")
        with open(config, "w") as f:
            f.write("""
server:
    ip-address: %s
    username: ""
    database: ""
    zonesdir: "%s"
    pidfile: "%s/nsd.pid"
    zonelistfile: "%s/zone.list"
    xfrdfile: "%s/xfrd.state"
    xfrdir: "%s"
    logfile: "%s/nsd.log"
    rrl-ratelimit: 0
    server-count: 1
remote-control:
    control-enable: no
zone:
    name: "."
    zonefile: "root.zone"
zone:
    name: "%s"
    zonefile: "not-there.zone"
""" % ((DNS4,) + (self.home,) * 6 + (BROKEN,)))
        self.nsd = spawn(self.net.argv("world", ["nsd", "-d", "-c", config]))

    def _write_zone(self):
        path = os.path.join(self.home, "root.zone")
        with open(path + ".new", "w") as f:
            f.write(zone_text(self.changed))
        os.rename(path + ".new", path)

    def change_mx(self, **changed):
        """Has nsd serve other MX from now on: {domain: (TTL, MX list)}."""
        self.changed = changed
        self._write_zone()
        # nsd reads a zone again when the file is younger than the one it has,
        # by a second for some versions.
        self._changes += 1
        later = time.time() + self._changes
        os.utime(os.path.join(self.home, "root.zone"), (later, later))
        os.kill(self.nsd.pid, signal.SIGHUP)

    def _start_sink(self):
        script = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                              "sink.py")
        errors = open(os.path.join(self.home, "sink.err"), "w")
        with errors:
            self.sink = spawn(
                self.net.argv("world", ["/usr/bin/python3", script,
                                        self.sink_log]),
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors)
        self._tell_sink(sink_addresses(), "ready")

    def _tell_sink(self, what, answer):
        self.sink.stdin.write(json.dumps(what).encode() + b"\n")
        self.sink.stdin.flush()
        said = self.sink.stdout.readline().decode().strip()
        check(said == answer, "the sink said %r:\n%s" % (
            said, read(os.path.join(self.home, "sink.err"))))

    def _start_real_sink(self):
        os.makedirs(self.real_dump, exist_ok=True)
        os.chmod(self.real_dump, 0o777)
        self.real_sink = spawn(
            self.net.argv("world", ["smtp-sink", "-u", "postfix", "-d",
                                    self.real_dump + "/%s.",
                                    REAL_SINK + ":25", "100"]),
            cwd=self.home)

    def _start_relay(self, name):
        self.relays[name] = Postfix(
            self.net, "world", os.path.join(self.home, name),
            "relay " + name)
        self._configure_relay(name, {})
        self.relays[name].start()

    def _configure_relay(self, name, changes):
        settings = {
            "myhostname": name.replace("us", "relay") + ".example.net",
            "inet_interfaces": "%s, %s" % (RELAY4[name], RELAY6[name]),
            "mynetworks": "192.0.2.0/24, [2001:db8:1::]/64",
            "smtp_bind_address": RELAY4[name],
            "smtp_bind_address6": RELAY6[name],
        }
        settings.update(changes)
        self.relays[name].configure(settings, [
            "submission inet n - n - - smtpd",
            "  -o syslog_name=postfix/submission"])

    def set_relay(self, name, **settings):
        """Has a relay run with these lines of main.cf, until begin()."""
        self._configure_relay(name, settings)
        self.relays[name].reload()
        self.changed_relays.add(name)

    def set_modes(self, **modes):
        """Sets the behaviour of MX hosts, by domain name with _ for dots."""
        wanted = {}
        for host, mode in modes.items():
            for address in HOSTS[host.replace("_", ".")]:
                wanted[address] = mode
        self._tell_sink(wanted, "ok")

    def begin(self):
        """A new scenario: the record starts here, MX hosts are friendly."""
        self.set_modes()
        if self.changed:
            self.change_mx()
        self._offset = len(read(self.sink_log))
        for name, relay in self.relays.items():
            if name in self.changed_relays:
                self._configure_relay(name, {})
                relay.stop()
            if relay.child is None or relay.child.poll() is not None:
                relay.start()
        self.changed_relays = set()

    def events(self, kind):
        """What the sink saw since begin(), as dicts."""
        out = []
        for line in read(self.sink_log)[self._offset:].splitlines(True):
            if line.endswith("\n"):
                event = json.loads(line)
                if event["event"] == kind:
                    out.append(event)
        return out

    def mails(self, recipient):
        """The messages that arrived for a recipient."""
        return [e for e in self.events("mail") if recipient in e["to"]]

    def wait_mail(self, recipient, **keys):
        """Waits for a message and returns its event."""
        return wait("mail for %s at an MX host" % recipient,
                    lambda: self.mails(recipient), **keys)[0]

    def real_mails(self):
        """What smtp-sink dumped: (client address, recipients, text)."""
        out = []
        for name in sorted(os.listdir(self.real_dump)):
            text = read(os.path.join(self.real_dump, name))
            client = re.search(r"^X-Client-Addr: (\S+)$", text, re.M)
            to = re.findall(r"^X-Rcpt-Args: <([^>]*)>", text, re.M)
            if client and to:
                out.append((client.group(1), to, text))
        return out

    def stop_relay(self, name):
        """Ends a relay; begin() starts it again."""
        self.relays[name].stop()

    def stop(self):
        """Ends everything."""
        for relay in self.relays.values():
            relay.stop()
        for child in (self.real_sink, self.sink, self.nsd):
            stop(child)
        self.nsd = self.sink = self.real_sink = None


def origin(event):
    """Who brought a message: "direct", a relay's name, or an address."""
    client = event["client"]
    if client in (OP4, OP4_ALIAS, OP6):
        return "direct"
    for name in RELAY4:
        if client in (RELAY4[name], RELAY6[name]):
            return name
    return client


def host_of(event):
    """The MX host that a message or session came to."""
    for host, listed in HOSTS.items():
        if event["local"] in listed:
            return host
    raise Failure("no host has %s" % event["local"])
