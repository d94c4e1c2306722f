#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Do the rows of test_state.c notice a mistake in task/state.c?

mutants.py ROOT [PATTERN]: makes every mutant of state.c that the operators below know (a bit
forgotten, a reference too many or too few, another result, a branch taken always or never, an
assertion gone), runs the test against each, and fails if one survives that is not in SURVIVORS.
Memory orders are not mutated: tables cannot see them. PATTERN: only mutants with it in their name.
"""
import concurrent.futures
import os
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile

LEAST = 25 # fewer mutants than this: the operators no longer fit the source
# Mutants that change nothing one thread can see: "function: text -> text" and why.
SURVIVORS = {
    "to_complete_unjoined: ASSERT(STATE_REFS(cur) >= refs); | >= -> >":
        "equal only if another holder goes between the look before and the addition",
}

ENUMS = [
    ["RUN_POLL", "RUN_CANCEL", "RUN_END", "RUN_SKIP", "RUN_FREE"],
    ["SHUTDOWN_SKIP", "SHUTDOWN_CANCEL", "SHUTDOWN_END"],
    ["IDLE_DONE", "IDLE_FORGOTTEN", "IDLE_FREE", "IDLE_REQUEUE", "IDLE_CANCEL"],
    ["COMPLETE_DONE", "COMPLETE_WAKE", "COMPLETE_WAKE_DONE", "COMPLETE_UNJOINED"],
    ["WAKER_DROP_DONE", "WAKER_DROP_FREE", "WAKER_DROP_LAST"],
    ["WAKE_NONE", "WAKE_FREE", "WAKE_SUBMIT"],
    ["JOIN_DROP_DONE", "JOIN_DROP_WAKER", "JOIN_DROP_COMPLETE"],
]
SIBLING = {name: group[(i + 1) % len(group)] for group in ENUMS for i, name in enumerate(group)}
BIT = r"\bSTATE_(?:RUNNING|COMPLETE|NOTIFIED|JOIN_INTEREST|JOIN_WAKER|CANCELLED|REPLACED|SETTLING)\b"
# What is replaced, and by what: each match is one mutant per replacement.
OPERATORS = [
    (BIT, lambda m: ["(size_t)0"]),
    (r"\bSTATE_REF\((\w+)\)", lambda m: [f"STATE_REF({m[1]} + 1)", f"STATE_REF({m[1]} - 1)"]),
    (r"\b(?:" + "|".join(SIBLING) + r")\b", lambda m: [SIBLING[m[0]]]),
    (r"\breturn (true|false);", lambda m: ["return false;" if m[1] == "true" else "return true;"]),
    (r"\bASSERT\(", lambda m: ["(void)("]),
    (r" (==|!=) ", lambda m: [" != " if m[1] == "==" else " == "]),
    (r" (&&|\|\|) ", lambda m: [" || " if m[1] == "&&" else " && "]),
    (r" (>=|<=|>|<) ", lambda m: [{">=": " > ", ">": " >= ", "<=": " < ", "<": " <= "}[m[1]]]),
    (r"(?<=\w|\)) ([+-]) ", lambda m: [" - " if m[1] == "+" else " + "]),
    (r" ([+-])= ", lambda m: [" -= " if m[1] == "+" else " += "]),
    (r"~", lambda m: [""]),
    (r"!!\(", lambda m: ["0 * ("]),
    (r"(?<!!)!\(", lambda m: ["("]),
    (r"(?<=== )[012]\b", lambda m: [str(int(m[0]) + 1)]),
    (r"(?<=\(size_t\)\()[012]\b", lambda m: [str(int(m[0]) + 1)]),
]


def without_comments(text):
    """The same text, comments blank, so that places stay."""
    blank = lambda m: re.sub(r"[^\n]", " ", m[0])
    return re.sub(r"/\*.*?\*/|^#.*?$", blank, text, flags=re.S | re.M)


def closing(code, opening):
    depth = 0
    for i in range(opening, len(code)):
        depth += (code[i] == "(") - (code[i] == ")")
        if depth == 0:
            return i
    raise ValueError("unbalanced")


def function_at(code, at):
    heads = re.findall(r"^\w[^;{}]*?\b(\w+)\([^;{}]*\)\n\{", code[:at], re.M)
    return heads[-1].removeprefix("pirn__state_") if heads else "?"


def mutants(text):
    """(name, mutated text) of each."""
    code = without_comments(text)
    for pattern, replacements in OPERATORS:
        for m in re.finditer(pattern, code):
            line_start = code.rfind("\n", 0, m.start()) + 1
            line = " ".join(code[line_start : code.find("\n", m.end())].split())
            for new in replacements(m):
                name = f"{function_at(code, m.start())}: {line} | {m[0].strip()} -> {new.strip()}"
                yield name, text[: m.start()] + new + text[m.end() :]
    for m in re.finditer(r"\bif (\()", code):
        end = closing(code, m.start(1))
        for always in ("true", "false"):
            condition = " ".join(code[m.start(1) : end + 1].split())
            name = f"{function_at(code, m.start())}: if {condition} | -> {always}"
            yield name, text[: m.start(1)] + f"({always})" + text[end + 1 :]


class Bench:
    """Builds the test once, against a library that each mutant is."""

    def __init__(self, root, folder):
        self.root, self.folder = pathlib.Path(root).resolve(), pathlib.Path(folder)
        self.cc = shlex.split(os.environ.get("CC", "cc"))
        self.flags = ["-std=gnu11", "-O0", "-fPIC", "-w", f"-I{self.root}",
                      f"-I{self.root / 'task/include'}", "-D_GNU_SOURCE"]
        for name in ("error", "scope"):
            self.compile(["-c", self.root / f"task/base/{name}.c", "-o", self.folder / f"{name}.o"])
        self.library(self.folder, (self.root / "task/state.c").read_text())
        criterion = subprocess.run(["pkg-config", "--cflags", "--libs", "criterion"], check=True,
                                   capture_output=True, text=True).stdout.split()
        self.compile([self.root / "tests/task/test_state.c",
                      self.root / "tests/support/death.c", "-o", self.folder / "test",
                      f"-L{self.folder}", "-lstate", *criterion])

    def compile(self, args):
        return subprocess.run([*self.cc, *self.flags, *map(str, args)], check=True,
                              stderr=subprocess.PIPE)

    def library(self, folder, source):
        (folder / "state.c").write_text(source)
        objects = [self.folder / "error.o", self.folder / "scope.o"]
        self.compile(["-shared", folder / "state.c", *objects, "-o", folder / "libstate.so"])

    def passes(self, folder):
        env = {**os.environ, "LD_LIBRARY_PATH": str(folder)}
        command = [str(self.folder / "test"), "--fail-fast", "-j1"]
        try:
            run = subprocess.run(command, env=env, timeout=20, capture_output=True)
        except subprocess.TimeoutExpired:
            return False
        return run.returncode == 0

    def fate(self, number, source):
        folder = self.folder / str(number)
        folder.mkdir()
        try:
            self.library(folder, source)
        except subprocess.CalledProcessError:
            return "stillborn"
        return "survived" if self.passes(folder) else "killed"


def main(root, pattern=""):
    source = (pathlib.Path(root) / "task/state.c").read_text()
    chosen = [(name, text) for name, text in mutants(source) if pattern in name]
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(root, folder)
        if not bench.passes(bench.folder):
            print("the test fails without any mutation")
            return 1
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            fates = list(pool.map(lambda job: bench.fate(job[0], job[1][1]), enumerate(chosen)))
    bad = 0
    for (name, _), fate in zip(chosen, fates):
        if fate == "survived" and name not in SURVIVORS:
            print(f"survived: {name}")
            bad += 1
        elif fate == "killed" and name in SURVIVORS:
            print(f"is killed, take it out of SURVIVORS: {name}")
            bad += 1
    if not pattern:
        for name in sorted(set(SURVIVORS) - {n for n, _ in chosen}):
            print(f"is gone, take it out of SURVIVORS: {name}")
            bad += 1
        bad += fates.count("killed") < LEAST
    print(f"{fates.count('killed')} killed, {fates.count('survived')} survived "
          f"({len(SURVIVORS)} expected), {fates.count('stillborn')} did not compile")
    return bad != 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
