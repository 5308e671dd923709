# SPDX-License-Identifier: MIT
"""Small tools of the lab: waiting, checking, child processes, file tails.

tests/systemd has some of them, too.
"""

import contextlib
import ctypes
import os
import signal
import subprocess
import time

# A noisy machine may be slow: nothing here asserts speed, so be generous.
LIMIT = 90.0

_libc = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_CLONE_NEWNET = 0x40000000


class Failure(Exception):
    """A scenario's expectation that did not hold."""


class Unavailable(Exception):
    """What this scenario needs is not on this machine: a skip."""


def check(truth, *words):
    """Fails the scenario with these words unless `truth`."""
    if not truth:
        raise Failure(" ".join(str(w) for w in words))


def wait(what, condition, limit=LIMIT, pause=0.1):
    """Polls until condition() is true and returns its value."""
    end = time.monotonic() + limit
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise Failure("waited %d s in vain for %s" % (limit, what))
        time.sleep(pause)


def _setns(fd):
    """Moves this thread into the network namespace behind `fd`."""
    if _libc.setns(fd, _CLONE_NEWNET) != 0:
        err = ctypes.get_errno()
        raise OSError(err, "setns: " + os.strerror(err))


@contextlib.contextmanager
def inside_netns(path):
    """Sockets made by this thread in the block belong to the network
    namespace that `path` names."""
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    there = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        _setns(there)
        try:
            yield
        finally:
            _setns(home)
    finally:
        os.close(there)
        os.close(home)


def die_with_parent():
    """In a child: SIGKILL when we are gone."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def adopt_orphans():
    """Makes this process the parent of its children's orphans."""
    _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


class Reaper:
    """Our end of reaper.py, which cleans up should we be killed."""

    child = None

    @classmethod
    def start(cls):
        """Starts the helper; it ends when we do."""
        script = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                              "reaper.py")
        cls.child = subprocess.Popen(
            ["/usr/bin/python3", script], stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True)

    @classmethod
    def tell(cls, word, value):
        """One line for its books."""
        if cls.child is not None:
            cls.child.stdin.write(("%s %s\n" % (word, value)).encode())
            cls.child.stdin.flush()

    @classmethod
    def finish(cls):
        """Lets it do what is left to do."""
        child, cls.child = cls.child, None
        if child is not None:
            child.stdin.close()
            child.wait()


def run(argv, stdin=None, may_fail=False, limit=LIMIT):
    """Runs a command to its end; returns (status, stdout, stderr)."""
    done = subprocess.run(
        argv, input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        universal_newlines=True, timeout=limit)
    if done.returncode != 0 and not may_fail:
        raise Failure("%s: exit %d: %s" % (
            " ".join(argv), done.returncode, done.stderr.strip()))
    return done.returncode, done.stdout, done.stderr


def spawn(argv, **keys):
    """Starts a child that is a process group of its own."""
    keys.setdefault("stdin", subprocess.DEVNULL)
    keys.setdefault("stdout", subprocess.DEVNULL)
    keys.setdefault("stderr", subprocess.DEVNULL)
    child = subprocess.Popen(argv, start_new_session=True, **keys)
    Reaper.tell("group", child.pid)
    return child


def group_is_gone(pgid):
    """Whether no process of the group is left; reaps adopted ones."""
    try:
        while os.waitpid(-pgid, os.WNOHANG)[0] != 0:
            pass
    except ChildProcessError:
        pass
    try:
        os.killpg(pgid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False


def stop(child, limit=20.0):
    """Ends a child started by spawn() and what it left in its group."""
    if child is None:
        return None
    pgid = child.pid
    if child.poll() is None:
        child.terminate()
        try:
            child.wait(limit)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
    end = time.monotonic() + 5
    while not group_is_gone(pgid):
        if time.monotonic() > end:
            try:
                os.killpg(pgid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            break
        time.sleep(0.02)
    Reaper.tell("gone", pgid)
    return child.returncode


def read(path):
    """A text file's content; empty when there is none."""
    try:
        with open(path, "r", encoding="utf-8", errors="replace") as f:
            return f.read()
    except FileNotFoundError:
        return ""


def tail(text, lines):
    """The last lines of a text."""
    return "\n".join(text.splitlines()[-lines:])
