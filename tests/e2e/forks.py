# SPDX-License-Identifier: MIT
"""Children that exist for a moment between fork and exec.

Such a child has a copy of every descriptor of ours.  A listener that another
thread closes in that moment goes on listening, and its port stays taken.  So no
child is made while somebody holds `none`: hold it to close a listener, and to
try whether a port is free.
"""
import subprocess
import threading

none = threading.Lock()


class Popen(subprocess.Popen):
    """Returns from its beginning when the child has done its exec."""

    def __init__(self, *arguments, **options):
        with none:
            super().__init__(*arguments, **options)


subprocess.Popen = Popen  # for subprocess.run(), too
