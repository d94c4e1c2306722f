#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Is the use of a handle after its free reported, in each build by whoever should see it?

usage: stale_handle.py PROGRAM plain|asan|valgrind
"""
import subprocess
import sys

program, how = sys.argv[1:]
command = {"valgrind": ["valgrind", "-q", "--error-exitcode=9", program]}.get(how, [program])
expected = {
    "plain": "BUG IN CALLER OF pirn_abort_now()",
    "asan": "use-after-poison",
    "valgrind": "Invalid read",
}[how]
run = subprocess.run(command, capture_output=True, text=True)
said = run.stdout + run.stderr
if "using it" not in said:
    sys.exit(f"the program did not come to the use: {run.returncode}\n{said}")
if run.returncode == 0 or expected not in said:
    sys.exit(f"not reported as {expected!r}: {run.returncode}\n{said}")
