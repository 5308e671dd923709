#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Runs the tests of mxdetour-milter and prints TAP.

usage: run.py [-l] [SUBSTRING...]

As tests/e2e/run.py, whose stage they share; MXDETOUR_MILTER names the filter.
MILTER_TESTS may hold substrings, too (`make check` gives no arguments).
"""
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
# In this order: "run" is the other one.
sys.path[:0] = [os.path.join(HERE, "..", "e2e"), HERE]
sys.dont_write_bytecode = True

import run  # noqa: E402

if __name__ == "__main__":
    sys.argv += os.environ.get("MILTER_TESTS", "").split()
    run.run(HERE)
