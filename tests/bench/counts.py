# SPDX-License-Identifier: MIT
"""How many instructions and atomic read-modify-writes does one operation take?

Repeatable where times are not. callgrind counts how often each instruction ran; objdump tells
which of them are locked: read-modify-writes, and the locked "or" that compilers make a fence of.
Two runs of different length are subtracted, so that start and end of the program do not count.

callgrind runs one thread at a time and adds up all threads. With several workers the count is what
they executed when nobody was in anybody's way for long: retries after lost races, and idle rounds,
are fewer than where threads run at once, and instructions depend on who waited how long. Repeatable
to about a tenth there.
"""
import collections
import json
import os
import re
import subprocess
import tempfile

# So much of a row is counted, whichever comes first.
OPERATIONS = 200001
RUNS = 20

# xchg with memory is locked without saying so.
LOCKED = re.compile(r"^\s*([0-9a-f]+):\s+(?:(?:\w+ )?lock\b.*|xchg\s.*\(.*)$")


def locked_addresses(path, cache={}):
    """Addresses of the locked instructions in a program or library."""
    if path not in cache:
        text = subprocess.run(["objdump", "-d", "--no-show-raw-insn", path], capture_output=True,
                              text=True, check=False).stdout
        cache[path] = {int(m[1], 16) for m in map(LOCKED.match, text.splitlines()) if m}
    return cache[path]


def executed(profile):
    """{(object, address): times} from a callgrind profile with one line per instruction."""
    times = collections.Counter()
    objects, current, is_call = {}, None, False
    for line in profile:
        obj = re.match(r"(c?)ob=\((\d+)\)(?: (.*))?$", line)
        if obj:
            if obj[3]:  # the first mention of an object has its path, later ones its number
                objects[obj[2]] = obj[3]
            if not obj[1]:
                current = objects[obj[2]]
        elif line.startswith("calls="):
            is_call = True  # the next line is what the callee cost, counted where it ran
        elif line.startswith("0x"):
            fields = line.split()
            if not is_call:
                times[current, int(fields[0], 16)] += int(fields[-1])
            is_call = False
    return times


def run_counted(program, row, ops):
    """(operations, instructions, read-modify-writes) of one run."""
    with tempfile.TemporaryDirectory() as folder:
        out = os.path.join(folder, "profile")
        ran = subprocess.run(["valgrind", "-q", "--tool=callgrind", "--fair-sched=yes",
                              "--dump-instr=yes", "--compress-pos=no",
                              f"--callgrind-out-file={out}",
                              program, row, "--ops", str(ops)],
                             capture_output=True, text=True, check=False)
        if ran.returncode:
            raise RuntimeError(f"{program} {row} under valgrind: {ran.stderr.strip()}")
        with open(out, encoding="utf-8") as profile:
            times = executed(profile)
    rmws = sum(n for (obj, address), n in times.items() if address in locked_addresses(obj))
    return json.loads(ran.stdout)["ops"], sum(times.values()), rmws


def per_op(program, row):
    """(instructions, read-modify-writes) per operation."""
    few = run_counted(program, row, 1)
    many = run_counted(program, row, max(few[0] + 1, min(OPERATIONS, RUNS * few[0])))
    ops = many[0] - few[0]
    return (many[1] - few[1]) / ops, (many[2] - few[2]) / ops
