# SPDX-License-Identifier: MIT
"""Outlives a lab that is killed, and takes down what it left behind.

Started by the lab with a pipe as standard input. Lines: "group N" and
"gone N" for process groups that the lab started and ended, "netns NAME" and
"directory PATH" for what it made. At the end of the input whatever is left
of that goes; after an orderly end nothing is.
"""

import os
import shutil
import signal
import subprocess
import sys
import time


def kill_groups(groups):
    """Asks the groups to end, then makes them."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        for group in groups:
            try:
                os.killpg(group, number)
            except OSError:
                pass
        if groups and number == signal.SIGTERM:
            time.sleep(1)


def main():
    """Keeps the books until the lab is gone."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    groups, netns, directories = set(), [], []
    for line in sys.stdin:
        word, _, value = line.rstrip("\n").partition(" ")
        if word == "group":
            groups.add(int(value))
        elif word == "gone":
            groups.discard(int(value))
        elif word == "netns":
            netns.append(value)
        elif word == "directory":
            directories.append(value)
    kill_groups(groups)
    for name in netns:
        if os.path.exists("/run/netns/" + name):
            subprocess.call(["ip", "netns", "del", name])
        shutil.rmtree("/etc/netns/" + name, ignore_errors=True)
    for path in directories:
        shutil.rmtree(path, ignore_errors=True)


if __name__ == "__main__":
    main()
