# SPDX-License-Identifier: MIT
"""A private Postfix instance in a namespace, with its own everything.

Configuration, queue, data and log lie below one directory; master(8) is our
own child in the foreground. Services that could reach mailboxes or programs
of the machine (local, pipe) are not in its master.cf.
"""

import functools
import grp
import json
import os
import pwd
import re
import shutil
import signal
import time

from util import LIMIT, Failure, read, run, spawn, stop, wait

MASTER_DIST = "/usr/share/postfix/master.cf.dist"
BANNED = {"local", "maildrop", "uucp", "ifmail", "bsmtp", "scalemail-backend",
          "mailman"}
QUEUE_DIRS = ("active", "bounce", "corrupt", "defer", "deferred", "flush",
              "hold", "incoming", "maildrop", "saved", "trace")

DELIVERY = re.compile(
    r"postfix(?P<instance>\S*?)/(?P<service>[a-z-]+)\[\d+\]: (?P<qid>\w+): "
    r"to=<(?P<to>[^>]*)>,.*? relay=(?P<relay>[^,]+),.*? dsn=(?P<dsn>[\d.]+), "
    r"status=(?P<status>\w+) \((?P<text>.*)\)")


@functools.lru_cache(maxsize=None)
def built_in(parameter):
    """A parameter of the machine's Postfix, as compiled in.

    What the machine's own main.cf says does not matter, and on a machine that
    got Postfix for the lab only there is none.
    """
    return run(["postconf", "-d", "-h", parameter])[1].strip()


def master_cf(services):
    """The distributed master.cf, never chrooted, plus `services`."""
    out, is_kept = [], True
    for line in read(MASTER_DIST).splitlines():
        if line.startswith("#") or not line.strip():
            continue
        if line[0].isspace():
            if is_kept:
                out.append(line)
            continue
        fields = line.split()
        is_kept = fields[0] not in BANNED
        if is_kept:
            fields[4] = "n"
            out.append(" ".join(fields))
    return "\n".join(out + list(services)) + "\n"


class Postfix:
    """One instance: configure, start, stop, look at log and queue."""

    def __init__(self, net, which, home, name):
        self.net, self.which, self.home = net, which, home
        self.name = name
        self.config = os.path.join(home, "etc")
        self.queue = os.path.join(home, "queue")
        self.data = os.path.join(home, "data")
        self.log_file = os.path.join(home, "mail.log")
        self.child = None
        self._make_directories()

    def _make_directories(self):
        user = pwd.getpwnam("postfix").pw_uid
        drop = grp.getgrnam("postdrop").gr_gid
        for path in (self.home, self.config, self.queue):
            os.makedirs(path, exist_ok=True)
            os.chmod(path, 0o755)
        made = [(self.data, 0o700, user, -1)]
        made += [(os.path.join(self.queue, d), 0o700, user, -1)
                 for d in QUEUE_DIRS + ("private",)]
        made += [(os.path.join(self.queue, "maildrop"), 0o730, user, drop),
                 (os.path.join(self.queue, "public"), 0o710, user, drop),
                 (os.path.join(self.queue, "pid"), 0o755, 0, 0)]
        for path, mode, owner, group in made:
            os.makedirs(path, exist_ok=True)
            os.chown(path, owner, group)
            os.chmod(path, mode)

    def configure(self, settings, services=()):
        """Writes main.cf from a dict, and master.cf."""
        main = {
            "compatibility_level": "3.6",
            "queue_directory": self.queue,
            "data_directory": self.data,
            "maillog_file": self.log_file,
            "maillog_file_prefixes": self.home,
            "mail_owner": "postfix",
            "setgid_group": "postdrop",
            "mydestination": "",
            "alias_maps": "",
            "alias_database": "",
            "local_recipient_maps": "",
            "local_transport": "error:5.1.1 no mailboxes here",
            "mailbox_transport": "error:5.1.1 no mailboxes here",
            "notify_classes": "",
            "append_dot_mydomain": "no",
            "biff": "no",
            "smtpd_peername_lookup": "no",
            "smtpd_client_connection_count_limit": "0",
            "smtpd_banner": "$myhostname ESMTP",
            "smtpd_relay_restrictions": "permit_mynetworks, reject",
            "inet_protocols": "all",
        }
        main.update(settings)
        path = os.path.join(self.config, "main.cf")
        with open(path, "w") as f:
            for key, value in main.items():
                f.write("%s = %s\n" % (key, value))
        # Postfix waits until a file it reads is two seconds old.
        then = time.time() - 60
        os.utime(path, (then, then))
        with open(os.path.join(self.config, "master.cf"), "w") as f:
            f.write(master_cf(services))

    def start(self):
        """Starts with an empty queue and an empty log."""
        for name in QUEUE_DIRS:
            path = os.path.join(self.queue, name)
            for entry in os.listdir(path):
                entry = os.path.join(path, entry)
                if os.path.isdir(entry):
                    shutil.rmtree(entry)
                else:
                    os.unlink(entry)
        try:
            os.unlink(self.log_file)
        except FileNotFoundError:
            pass
        master = os.path.join(built_in("daemon_directory"), "master")
        env = {"PATH": os.environ.get("PATH", "/usr/sbin:/usr/bin"),
               "MAIL_CONFIG": self.config, "LC_ALL": "C"}
        self.child = spawn(
            self.net.argv(self.which, [master, "-c", self.config]), env=env)
        wait("%s to start" % self.name, self._is_up)

    def _is_up(self):
        if self.child.poll() is not None:
            raise Failure("%s: master exited %d:\n%s" % (
                self.name, self.child.returncode, self.log()))
        return "daemon started" in self.log()

    def stop(self):
        """Ends master and all its children, whatever they do."""
        child, self.child = self.child, None
        if child is not None:
            stop(child)

    def reload(self):
        """Like `postfix reload`."""
        seen = self.log().count("reload --")
        os.kill(self.child.pid, signal.SIGHUP)
        wait("%s to reload" % self.name,
             lambda: self.log().count("reload --") > seen)

    def tool(self, *argv, **keys):
        """Runs postqueue, postsuper, postmap ... for this instance."""
        return self.net.run(self.which, [argv[0], "-c", self.config]
                            + list(argv[1:]), **keys)

    def flush(self):
        """Tries all deferred mail now."""
        self.tool("postqueue", "-f")

    def postmap(self, key, table):
        """`postmap -q`: (exit status, standard output)."""
        status, out, _ = self.tool("postmap", "-q", key, table, may_fail=True)
        return status, out.rstrip("\n")

    def log(self):
        """The whole mail log since start()."""
        return read(self.log_file)

    def deliveries(self, recipient):
        """The delivery lines about a recipient, in order, as dicts."""
        return [m.groupdict() for m in DELIVERY.finditer(self.log())
                if m.group("to").lower() == recipient.lower()]

    def statuses(self, recipient):
        """Only their statuses: ["deferred", "sent"]."""
        return [d["status"] for d in self.deliveries(recipient)]

    def wait_status(self, recipient, status, limit=LIMIT):
        """Waits for a delivery line with that status and returns it."""
        def found():
            return [d for d in self.deliveries(recipient)
                    if d["status"] == status]
        return wait("%s to be %s" % (recipient, status), found, limit)[-1]

    def mailq(self):
        """The queue, for people."""
        return self.tool("postqueue", "-p", may_fail=True)[1]

    def queued(self):
        """The queue: {recipient: queue name}."""
        out = {}
        for line in self.tool("postqueue", "-j")[1].splitlines():
            item = json.loads(line)
            for recipient in item["recipients"]:
                out[recipient["address"]] = item["queue_name"]
        return out
