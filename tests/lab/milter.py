# SPDX-License-Identifier: MIT
"""mxdetour-milter in the operator's namespace, its log on standard error."""

import os

from util import LIMIT, Failure, Unavailable, check, read, spawn, stop, wait


def find_milter(daemon):
    """The program that MXDETOUR_MILTER names, or that lies beside mxdetourd."""
    program = os.environ.get("MXDETOUR_MILTER")
    if not program:
        program = os.path.join(os.path.dirname(daemon or ""),
                               "mxdetour-milter")
    if not os.access(program, os.X_OK):
        raise Unavailable("no mxdetour-milter (set MXDETOUR_MILTER)")
    return os.path.abspath(program)


class Milter:
    """The filter, with the configuration file of a Daemon."""

    def __init__(self, daemon):
        self.daemon = daemon
        self.program = find_milter(daemon.program)
        self.log_file = os.path.join(daemon.home, "milter.log")
        self.child = None

    def start(self):
        """Starts it and waits until it listens."""
        begun = self.log().count("start version=")
        with open(self.log_file, "a") as log:
            self.child = spawn(self.daemon.net.argv(
                "op", [self.program, "-c", self.daemon.config]),
                stdout=log, stderr=log)

        def is_up():
            if self.child.poll() is not None:
                raise Failure("mxdetour-milter exited %d:\n%s" % (
                    self.child.returncode, self.log()))
            return self.log().count("start version=") > begun

        wait("mxdetour-milter to start", is_up)

    def terminate(self):
        """SIGTERM; it has to end cleanly."""
        child, self.child = self.child, None
        child.terminate()
        child.wait(LIMIT)
        check(child.returncode == 0,
              "mxdetour-milter: status %d after SIGTERM" % child.returncode)

    def close(self):
        """Ends it, however it is."""
        child, self.child = self.child, None
        stop(child)

    def log(self):
        """Everything it logged in this scenario."""
        return read(self.log_file)
