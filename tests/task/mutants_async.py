#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Does test_async.c notice what may go wrong in pirn/frame.h? mutants_async.py ROOT LIBPIRN LIBSUPPORT RCU CC..."""
import pathlib
import shlex
import subprocess
import sys
import tempfile

root, libpirn, support, rcu, *cc = sys.argv[1:]
root = pathlib.Path(root)
MUTANTS = [
    ("none", "", ""),
    ("the number is not cleared", "    *at = 0;\n", ""),
    ("nor stored", "(f)->pirn_at_ = PIRN_FRAME_MARK + (line);", "(void)(f);"),
    ("losers stay", "        pirn_op_drop(op);", "        (void)op;"),
    ("the first loser is dropped first",
     "PIRN_LOSE_2(won, i + 1, __VA_ARGS__) PIRN_LOSE_2(won, i, op, poll)",
     "PIRN_LOSE_2(won, i, op, poll) PIRN_LOSE_2(won, i + 1, __VA_ARGS__)"),
    ("every join begins with its first branch", "(first < n ? first : 0) << 16", "0u << 16"),
    ("the first branch never comes first again", "(first < n ? first : 0) << 16", "first << 16"),
    ("a branch that is done is polled again", "return (mask >> i & 1u) == 0 && (i", "return (i"),
    ("the mask stays", "(mask) = 0;", "(void)0;"),
    ("try goes on after an error", "if (pirn_r_ < 0)", "if (pirn_r_ < -1000)"),
]


def noticed(folder, text):
    (folder / "pirn").mkdir(exist_ok=True)
    (folder / "pirn/frame.h").write_text(text)
    link = [support, libpirn, "-lcriterion", "-pthread"]
    if rcu == "true":
        libs = subprocess.run(["pkg-config", "--libs", "liburcu-memb"], check=True,
                              capture_output=True, text=True)
        link += shlex.split(libs.stdout)
    program = folder / "program"
    subprocess.run(
        [*cc, "-std=c11", "-w", "-D_GNU_SOURCE", f"-I{folder}", f"-I{root}",
         f"-I{root / 'task/include'}", root / "tests/task/test_async.c", *link, "-o", program],
        check=True,
    )
    try:
        return subprocess.run([program], capture_output=True, timeout=60).returncode != 0
    except subprocess.TimeoutExpired:
        return True


survived = []
with tempfile.TemporaryDirectory() as temporary:
    source = (root / "task/include/pirn/frame.h").read_text()
    for name, old, new in MUTANTS:
        assert old in source, f"{name}: the source has changed"
        if noticed(pathlib.Path(temporary), source.replace(old, new) if old else source) == (name == "none"):
            survived.append(name)
print(f"{len(MUTANTS) - 1} mutants; wrongly judged: {', '.join(survived) or 'none'}")
sys.exit(bool(survived))
