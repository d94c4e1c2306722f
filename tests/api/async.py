#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Who sees what in programs written with pirn/async.h? async.py ROOT SWITCH_PROGRAM CC...

Compiles async_whole.c, which must be silent, and async_wrong.c, one mistake at a time, with all compilers
there are, as C11 and C++17; then runs SWITCH_PROGRAM, async_wrong.c with an await inside a switch. CC is
what the build uses.
"""
import itertools
import pathlib
import shutil
import signal
import subprocess
import sys

root, switch_program, *built_with = sys.argv[1:]
root = pathlib.Path(root)
INCLUDE = [f"-I{root / part / 'include'}" for part in ("task", "runtime")]
WARNINGS = (
    "-Wall -Wextra -Wpedantic -Wshadow -Wundef -Wconversion -Wno-sign-conversion -Wcast-qual "
    "-Wimplicit-fallthrough -Wswitch-default -Wformat=2 -Wpointer-arith -Wuninitialized"
).split()
C_ONLY = "-Wstrict-prototypes -Wmissing-prototypes -Wbad-function-cast -Wvla".split()
LEVELS = ["-O0"], ["-O2"], ["-O1", "-fsanitize=address,undefined"]

# compiler: language, standards, and what else must be silent
COMPILERS = {
    "gcc": ("c", ["c11", "gnu17"], C_ONLY + ["-Wjump-misses-init"]),
    "clang": ("c", ["c11"], C_ONLY + ["-Wconditional-uninitialized", "-Wunreachable-code"]),
    "g++": ("c++", ["c++17", "c++20"], ["-Wzero-as-null-pointer-constant"]),
    "clang++": ("c++", ["c++17", "c++20"], ["-Wconditional-uninitialized"]),
}
ALL = set(COMPILERS)

# mistake: the flags to see it with, who then refuses it
LOST = ["-O2", "-Wall", "-Werror"]
WRONG = {
    1: ([], ALL),
    2: ([], ALL),
    3: ([], {"g++", "clang++"}),
    "3, with -Wjump-misses-init": (["-Werror=jump-misses-init"], {"gcc"}),
    "4, with gcc's -Wmaybe-uninitialized": (LOST, {"gcc", "g++"}),
    "4, with clang's -Wconditional-uninitialized": (
        [*LOST, "-Wconditional-uninitialized"],
        {"clang", "clang++"},
    ),
    5: ([], ALL),
    6: ([], {"clang++"}),
    "6, with -Werror": (["-Wall", "-Wextra", "-Werror"], {"clang++"}),
    7: (["-Werror=implicit-function-declaration"], ALL),
    8: (["-Werror=implicit-function-declaration"], ALL),
    9: (["-Werror=implicit-function-declaration"], ALL),
    10: ([], ALL),
    11: ([], ALL),
    12: (["-Werror=incompatible-pointer-types"], ALL),
}
failures = []


def compile_one(compiler, std, flags, source):
    language = COMPILERS[compiler][0]
    command = [compiler, f"-std={std}", *INCLUDE, *flags, "-x", language, "-S", "-o", "/dev/null"]
    done = subprocess.run([*command, str(root / "tests/api" / source)], capture_output=True, text=True)
    return done.returncode, done.stderr


def complain(what, said=""):
    failures.append(what)
    print(f"{what}\n{said}", flush=True)


def check_silence(compiler):
    _, stds, own = COMPILERS[compiler]
    for std, level in itertools.product(stds, LEVELS):
        code, said = compile_one(compiler, std, [*level, *WARNINGS, *own, "-Werror"], "async_whole.c")
        if code or said:
            complain(f"{compiler} -std={std} {' '.join(level)}: not silent", said)


def check_wrong(compiler):
    std = COMPILERS[compiler][1][0]
    for wrong, (flags, refused_by) in WRONG.items():
        number = int(str(wrong).split(",")[0])
        if flags == ["-Werror=jump-misses-init"] and compiler != "gcc":
            continue
        if number == 4 and compiler not in refused_by:
            continue
        if COMPILERS[compiler][0] == "c++":
            flags = [f for f in flags if f.startswith(("-O", "-W")) and "=" not in f]
        for which, wanted in ((number, compiler in refused_by), (0, False)):
            code, said = compile_one(compiler, std, [*flags, f"-DWRONG={which}"], "async_wrong.c")
            if (code != 0) != wanted:
                complain(f"{compiler}: WRONG={which} ({wrong}): compiler returned {code}", said)
            if which == 6 and "warning:" not in said and "error:" not in said:
                complain(f"{compiler}: says nothing of an await in a switch")


def check_switch():
    done = subprocess.run([switch_program], capture_output=True, text=True)
    if done.returncode != -signal.SIGABRT or "PIRN_BEGIN" not in done.stderr:
        complain(f"{switch_program}: returned {done.returncode}", done.stderr)


found = [c for c in COMPILERS if shutil.which(c)]
if not found:
    sys.exit(f"none of {', '.join(COMPILERS)}, where the build uses {built_with}")
for name in found:
    check_silence(name)
    check_wrong(name)
check_switch()
print(f"{', '.join(found)}: {len(failures)} failures")
sys.exit(bool(failures))
