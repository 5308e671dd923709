# SPDX-License-Identifier: MIT
"""How the filter starts, and how what is wrong with a start is seen."""
import grp
import os
import socket
import stat
import subprocess

import harness
import session
from harness import DEADLINE, check, free_port, same
from stage import Milter, MilterWorld


def run(*arguments, **options):
    """Runs it to its end: (status, standard output, standard error)."""
    if not os.access(harness.binary("mxdetour-milter"), os.X_OK):
        raise harness.Skip("no mxdetour-milter: built without libmilter")
    environ = {k: v for k, v in os.environ.items() if k != "JOURNAL_STREAM"}
    done = subprocess.run(
        harness.command(*arguments, program="mxdetour-milter"),
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, universal_newlines=True, env=environ,
        timeout=DEADLINE, **options)
    return done.returncode, done.stdout, done.stderr


def world(address=None, **more):
    """One whose milter is not started yet."""
    def changes(w):
        if address is None:
            return more
        return dict(more, milter={"listen": address(w)})
    return MilterWorld(changes, start=False, relay=False)


def refuses_to_start(w, *words, **options):
    status, out, err = run("-c", w.conf_path, **options)
    same((status, out), (1, ""), "status and output of", err)
    last = err.rstrip("\n").split("\n")[-1]
    stamp = harness.STAMP.match(last)
    check(stamp and last[stamp.end():].startswith("start error="), err)
    for word in words:
        check(word in last, "no", word, "in", last)


def test_flags():
    status, out, err = run("-V")
    same((status, err), (0, ""))
    check(out.startswith("mxdetour-milter ") and out.count("\n") == 1, out)
    status, out, err = run("-h")
    same((status, err), (0, ""))
    check("usage: mxdetour-milter " in out, out)
    for wrong in (["-x"], ["-c"], ["word"], ["--no-such-flag"]):
        status, out, err = run(*wrong)
        same((status, out), (2, ""), wrong)
        check("usage: mxdetour-milter " in err, err)


def test_check_of_the_configuration():
    with world() as w:
        status, out, err = run("-t", "-c", w.conf_path)
        same((status, out), (0, "mxdetour-milter: %s: ok\n" % w.conf_path))
        bad = w.write("bad.conf", "mode = \"observe\";\nmilter = {\n"
                      "  wait = \"10s\";\n};\n")
        for flags in (["-t"], []):
            status, out, err = run(*flags, "-c", bad)
            same((status, out), (2, ""))
            check(err.startswith(bad + ":3: ") and "milter.wait" in err, err)
        status, out, err = run("-t", "-c", "/nonexistent/mxdetour.conf")
        same((status, out), (2, ""))
        check("/nonexistent/mxdetour.conf" in err, err)


def test_address_in_use():
    with world() as w:
        with socket.create_server(("127.0.0.1", w.milter_port)):
            refuses_to_start(w, "inet:127.0.0.1:%d" % w.milter_port,
                             "Address already in use")
        # libmilter gave it back: now it can.
        w.start_milter()
        w.session().message("<root>")


def test_address_of_another_host():
    with world(lambda w: "inet:203.0.113.1:2530") as w:
        refuses_to_start(w, "inet:203.0.113.1:2530")


def test_any_address():
    port = free_port()
    with world(lambda w: "inet:0.0.0.0:%d" % port) as w:
        w.start_milter()
        for host in ("127.0.0.1", "127.0.0.9"):
            session.Session((host, port)).close()


def test_loopback_of_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as sock:
            sock.bind(("::1", 0))
    except OSError as why:
        raise harness.Skip("no IPv6: %s" % why)
    port = free_port()
    with world(lambda w: "inet:[::1]:%d" % port) as w:
        w.start_milter()
        session.Session(("::1", port)).close()


def connects(path):
    session.Session(path).close()


def test_unix_socket():
    """A directory and a file are made, with mode and group."""
    group = grp.getgrgid(os.getgid()).gr_name
    with world(lambda w: "unix:%s/run/milter" % w.dir,
               listen={"mode": "0620", "group": group}) as w:
        path = "%s/run/milter" % w.dir
        w.start_milter()
        state = os.stat(path)
        same(stat.S_IMODE(state.st_mode), 0o620)
        same(state.st_gid, os.getgid())
        connects(path)


def test_unix_socket_of_a_live_process():
    with world(lambda w: "unix:%s/milter" % w.dir) as w:
        path = "%s/milter" % w.dir
        w.start_milter()
        inode = os.stat(path).st_ino
        refuses_to_start(w, path, "another process answers")
        same(os.stat(path).st_ino, inode)
        connects(path)


def test_unix_socket_that_is_stale():
    with world(lambda w: "unix:%s/milter" % w.dir) as w:
        path = "%s/milter" % w.dir
        with socket.socket(socket.AF_UNIX) as sock:
            sock.bind(path)
        w.start_milter()
        connects(path)
        w.milter.kill()
        check(os.path.exists(path), "kill -9 leaves the file")
        w.start_milter()
        connects(path)


def test_unix_path_that_is_no_socket():
    with world(lambda w: "unix:%s/milter" % w.dir) as w:
        path = w.write("milter", "precious\n")
        refuses_to_start(w, path, "is not a socket")
        with open(path, encoding="ascii") as file:
            same(file.read(), "precious\n")


def test_unix_path_without_its_directory():
    with world(lambda w: "unix:%s/no/such/milter" % w.dir) as w:
        refuses_to_start(w, "%s/no/such" % w.dir)


def test_unknown_group():
    with world(lambda w: "unix:%s/milter" % w.dir,
               listen={"group": "no-such-group"}) as w:
        status, _, err = run("-c", w.conf_path)
        check(status == 2 and "no-such-group" in err, status, err)
        check(not os.path.exists("%s/milter" % w.dir), "a socket was left")


def test_group_of_others():
    """One that the user is not in: said, and no socket is left."""
    if os.geteuid() != 0:
        raise harness.Skip("only root can become another user")
    nobody = {"user": 65534, "group": 65534, "extra_groups": []}
    try:
        run("-V", **nobody)
    except PermissionError:
        raise harness.Skip("another user cannot run what was built here")
    with world(lambda w: "unix:%s/run/milter" % w.dir,
               listen={"group": "0"}) as w:
        os.chmod(w.dir, 0o755)
        os.chmod(w.conf_path, 0o644)
        os.mkdir(w.dir + "/run")
        os.chown(w.dir + "/run", 65534, 65534)
        refuses_to_start(w, "%s/run/milter" % w.dir, "group 0", **nobody)
        same([name for name in os.listdir(w.dir + "/run")
              if not name.startswith(".")], [])


def test_daemon_address_that_is_none():
    def changes(w):
        return {"milter": {"daemon": "inet:*:2528"}}
    with MilterWorld(changes, start=False, relay=False) as w:
        status, _, err = run("-c", w.conf_path)
        check(status in (1, 2) and "inet:*:2528" in err, status, err)


def test_ends_when_told_with_sessions_open():
    """An idle session, and one in the middle of a message."""
    with MilterWorld() as w:
        w.session()
        mta = w.session()
        mta.mail()
        same(mta.rcpt("<u@relay.test>"), session.CONTINUE)
        w.stop_milter()
        same(len(w.milter.find(r"\bend status=0")), 1)


def test_two_filters_do_not_meet():
    """Instances differ, so that messages do not share a budget."""
    with MilterWorld({"log": {"lookups": "all"}}) as w:
        other = free_port()
        text = harness.config_text(harness.merge(w.base(), {
            "milter": {"listen": "inet:127.0.0.1:%d" % other}}))
        second = Milter(w.write("second.conf", text))
        try:
            second.wait_log(r"\bstart version=")
            same(session.Session(("127.0.0.1", other)).message(
                "<u@relay.test>"), [])
            second.end()
        finally:
            second.kill()
