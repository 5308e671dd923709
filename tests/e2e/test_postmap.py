# SPDX-License-Identifier: MIT
"""Postfix's own client, where Postfix is installed."""
import os
import shutil
import subprocess

import fakesmtp
from harness import Skip, World, check, same

DEAD, UP = "127.10.0.1", "127.10.0.2"


def find_postmap():
    path = shutil.which("postmap") or "/usr/sbin/postmap"
    if not os.access(path, os.X_OK):
        raise Skip("no postmap")
    return path


def postmap(w, table, *keys, stdin=None):
    """(status, output, complaints) of postmap -q."""
    folder = os.path.join(w.dir, "postfix")
    if not os.path.isdir(folder):
        os.mkdir(folder)
        with open(os.path.join(folder, "main.cf"), "w") as file:
            file.write("compatibility_level = 3.6\n"
                       "myhostname = lab.own.test\nmydomain = own.test\n"
                       "inet_interfaces = loopback-only\n")
    done = subprocess.run(
        [find_postmap(), "-c", folder, "-q", keys[0] if keys else "-", table],
        input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        timeout=110)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def world():
    find_postmap()

    def conf(w):
        return {"listen": {"socketmap": [
            "inet:127.0.0.1:%d" % w.ports["socketmap"],
            "unix:%s/map" % w.dir], "mode": "0666"}}
    w = World(conf)
    w.simple("blocked.test", DEAD, fakesmtp.CLOSE)
    w.domain("steer.test", [(10, "a.steer.test", [DEAD]),
                            (20, "b.steer.test", [UP])])
    w.smtp.set(UP, fakesmtp.GOOD)
    return w


def test_postmap():
    with world() as w:
        w.judged("blocked.test", route="relay")
        w.judged("steer.test", route="steer")
        relay = w.relay_reply()[3:] + "\n"
        inet = "socketmap:inet:127.0.0.1:%d:" % w.ports["socketmap"]
        unix = "socketmap:unix:%s/map:" % w.dir
        for place in (inet, unix):
            table = [
                ("transport", "u@blocked.test", (0, relay)),
                ("transport", "U@BLOCKED.test", (0, relay)),
                ("transport", "blocked.test", (0, relay)),
                ("transport", "u@steer.test", (0, ":[b.steer.test]\n")),
                ("transport", "*", (1, "")),
                ("transport", "u@unknown.test", (1, "")),
                ("transport", "u@[192.0.2.1]", (1, "")),
                ("mailertable", ".test", (1, "")),
                ("dnsfilter", "a.steer.test. 300 IN A " + DEAD,
                 (0, "IGNORE\n")),
                ("dnsfilter", "b.steer.test. 300 IN A " + UP, (1, "")),
            ]
            for map_name, key, wanted in table:
                status, out, complaints = postmap(w, place + map_name, key)
                same((status, out), wanted, "%s %s, complaining %r"
                     % (map_name, key, complaints))
                check("warning" not in complaints, complaints)


def test_postmap_many_keys():
    """One connection, many keys, as a queue manager keeps it."""
    with world() as w:
        w.judged("blocked.test", route="relay")
        keys = ["u%d@blocked.test" % n for n in range(500)]
        status, out, complaints = postmap(
            w, "socketmap:inet:127.0.0.1:%d:transport"
            % w.ports["socketmap"], stdin="\n".join(keys + [""]).encode())
        same(status, 0, complaints)
        same(out, "".join("%s\t%s\n" % (key, w.relay_reply()[3:])
                          for key in keys))
