#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Does the tree keep the rules of docs/style.md that a machine can check? tidy.py [ROOT]

Every rule is a generator of complaints over a Tree; its name stands in each complaint and has a
case in tidy_test.py, which shows that it can fail.
"""
import pathlib
import re
import sys

# Includes point to a lower number or stay in their folder: siblings do not see each other.
LAYER = {
    "task/base": 0,
    "task": 1,
    "task/sync": 2,
    "runtime/os": 3,
    "runtime/time": 4,
    "runtime/io": 4,
    "runtime/blocking": 4,
    "runtime/driver": 5,
    "runtime/net": 5,
    "runtime/scheduler": 6,
    "runtime": 7,
}
PUBLIC = ("task/include", "runtime/include")
LIBRARY = ("task", "runtime")
SOURCES = ("task", "runtime", "tests", "docs/demo", "docs/examples")
FILE_LINES = 600
FUNCTION_LINES = 60
# Functions that may be longer, with their length: an entry only ever shrinks, and then goes.
LONG_FUNCTIONS = {}
ATOMIC_COMMENT_LINES = 8
# Where real time may pass, besides the layer that makes the system calls.
MAY_SLEEP = ("tests/stress", "tests/bench", "runtime/os", "docs/examples")
# What .ci/run runs; an option that none of them passes is not tested.
RUNNERS = (".ci/run", "tests/run", "tests/run_builds.py", "tests/bench/run")
SKIPPED_DIRS = {".git", "build", "target", "__pycache__", "subprojects"}
# These two name what they forbid.
EXEMPT = ("tests/tidy.py", "tests/tidy_test.py")
FORBIDDEN = re.compile(r"\b(sessions?|agents?)\b|(?<![\w.])/work/|\b(TODO|FIXME|XXX)\b", re.I)
SPDX = "SPDX-License-Identifier: MIT"
ATOMIC = re.compile(
    r"\batomic_(load|store|exchange|fetch_\w+?|compare_exchange_(?:strong|weak)"
    r"|flag_test_and_set|flag_clear)(_explicit)?\("
)
FENCE = re.compile(r"\batomic_(thread|signal)_fence\b")
PAIR = re.compile(r"\bwith[\s*]+\[([\w-]+)\]")
SLEEP = re.compile(r"\b(usleep|nanosleep|clock_nanosleep|thrd_sleep|sleep)\(|^\s*sleep\s+[\d.$]")
INCLUDE = re.compile(r'^\s*#\s*include\s+(["<])([^">]+)[">]')
# A line of what stands between a function's comment and its brace.
HEAD = re.compile(r"^(?!#)(?!.*(\*/|[;}:])$).+")
API = re.compile(r"^(?:PIRN_\w+ )?PIRN_API\b([^;]*?)\b(pirn_\w+)\(", re.M)


class Function:
    def __init__(self, name, static, first, last):
        self.name, self.static, self.first, self.last = name, static, first, last


class Source:
    """One text file: its path from the root, its lines, and its functions if it is C."""

    def __init__(self, root, path):
        self.path = path.relative_to(root).as_posix()
        self.folder = path.relative_to(root).parent.as_posix()
        self.text = path.read_text(errors="replace")
        self.lines = self.text.splitlines()

    def within(self, folders):
        return any(self.folder == f or self.folder.startswith(f + "/") for f in folders)

    def is_c(self):
        return self.path.endswith((".c", ".h"))

    def functions(self):
        """Definitions, by the layout the formatter gives them: both braces in column 0."""
        opened = None
        for n, line in enumerate(self.lines, 1):
            if line == "{":
                first = n
                while first > 1 and HEAD.match(self.lines[first - 2]):
                    first -= 1
                head = " ".join(self.lines[first - 1 : n - 1])
                name = re.search(r"\b(\w+)\(", re.sub(r"__attribute__\(\(.*?\)\)", "", head))
                opened = (name[1], "static" in head.split(), first) if name else None
            elif line == "}" and opened:
                yield Function(*opened, n)
                opened = None


class Tree:
    def __init__(self, root):
        self.root = pathlib.Path(root).resolve()
        self.sources = [Source(self.root, p) for p in self.text_files()]

    def text_files(self):
        for path in sorted(self.root.rglob("*")):
            parts = path.relative_to(self.root).parts
            if path.is_file() and not SKIPPED_DIRS.intersection(parts):
                if b"\0" not in path.read_bytes()[:4096]:
                    yield path

    def read(self, path):
        file = self.root / path
        return file.read_text() if file.is_file() else ""

    def c_files(self, folders):
        return [s for s in self.sources if s.is_c() and s.within(folders)]


def layer(path):
    """"task/sync/mpsc.h" -> "task/sync"; None outside the layers."""
    folder = str(pathlib.PurePosixPath(path).parent)
    return folder if folder in LAYER else None


def rule_layers(tree):
    for s in tree.c_files(LIBRARY):
        public = s.within(PUBLIC)
        here = layer(s.path)
        if not public and not here:
            yield f"{s.path}: its folder is not in LAYER"
            continue
        for n, line in enumerate(s.lines, 1):
            m = INCLUDE.match(line)
            if not m:
                continue
            quote, target = m.groups()
            at = f"{s.path}:{n}"
            if quote == "<":
                in_runtime = (tree.root / "runtime/include" / target).is_file()
                if in_runtime and s.within(["task"]):
                    yield f"{at}: task/ must not include <{target}>"
            elif public:
                yield f"{at}: a public header includes public headers only"
            elif layer(target) is None:
                yield f'{at}: "{target}" is not a path from the root into a layer'
            elif layer(target) != here and LAYER[layer(target)] >= LAYER[here]:
                yield f"{at}: {here} must not include {layer(target)}"


def rule_atomics(tree):
    for s in tree.c_files(LIBRARY):
        for n, line in enumerate(s.lines, 1):
            if FENCE.search(line):
                yield f"{s.path}:{n}: no fences, ThreadSanitizer does not see them"
            for m in ATOMIC.finditer(line):
                if not m[2]:
                    yield f"{s.path}:{n}: write the memory order"
                above = s.lines[max(0, n - 1 - ATOMIC_COMMENT_LINES) : n]
                if "mo:" not in "\n".join(above):
                    yield f"{s.path}:{n}: no mo: comment"


def rule_pairs(tree):
    sides = {}
    for s in tree.c_files(LIBRARY):
        for m in PAIR.finditer(s.text):
            at = f"{s.path}:{s.text.count(chr(10), 0, m.start()) + 1}"
            sides.setdefault(m[1], set()).add(at)
    for tag, where in sides.items():
        if len(where) < 2:
            yield f"{', '.join(where)}: [{tag}] has one side only"


def rule_file_lines(tree):
    for s in tree.c_files(SOURCES):
        if len(s.lines) > FILE_LINES:
            yield f"{s.path}: {len(s.lines)} lines, split it ({FILE_LINES})"


def rule_function_lines(tree):
    unused = dict(LONG_FUNCTIONS)
    for s in tree.c_files(SOURCES):
        for f in s.functions():
            lines = f.last - f.first + 1
            allowed = unused.pop(f"{s.path}:{f.name}", FUNCTION_LINES)
            if lines > allowed:
                yield f"{s.path}:{f.first}: {f.name} has {lines} lines ({allowed})"
            elif FUNCTION_LINES < allowed != lines:
                yield f"{s.path}:{f.first}: {f.name} has shrunk to {lines}, lower its entry"
    for key in unused:
        yield f"{key}: is gone, remove its entry"


def rule_static_names(tree):
    seen = {}
    for s in tree.c_files(LIBRARY):
        for f in s.functions():
            if f.static:
                seen.setdefault(f.name, []).append(f"{s.path}:{f.first}")
    for name, where in seen.items():
        if len({w.split(":")[0] for w in where}) > 1:
            yield f"{', '.join(where)}: {name} is written more than once"


def rule_spdx(tree):
    kinds = (".c", ".h", ".cpp", ".hpp", ".py", ".rs", ".go", "meson.build", "meson_options.txt")
    for s in tree.sources:
        script = bool(s.lines) and s.lines[0].startswith("#!")
        if script or s.path.endswith(kinds):
            first = s.lines[1 if script else 0 :][:1]
            if s.path.endswith((".c", ".h")):
                good = first == [f"/* {SPDX} */"]
            else:
                good = bool(first) and SPDX in first[0]
            if not good:
                yield f"{s.path}: does not start with {SPDX}"


def rule_words(tree):
    for s in tree.sources:
        if s.path in EXEMPT:
            continue
        for n, line in enumerate(s.lines, 1):
            m = FORBIDDEN.search(line)
            if m:
                yield f'{s.path}:{n}: the word "{m[0]}"'


def rule_sleeps(tree):
    for s in tree.sources:
        if s.path in EXEMPT or not s.within(SOURCES) or s.within(MAY_SLEEP):
            continue
        for n, line in enumerate(s.lines, 1):
            if SLEEP.search(line):
                yield f"{s.path}:{n}: sleeps"


def rule_options(tree):
    runners = "\n".join(tree.read(r) for r in RUNNERS)
    for name in re.findall(r"^option\('(\w+)'", tree.read("meson_options.txt"), re.M):
        if not re.search(rf"-D{name}\b", runners):
            yield f"meson_options.txt: no runner passes -D{name}"


def rule_built(tree):
    for top in LIBRARY:
        listed = tree.read(f"{top}/meson.build")
        for name in re.findall(r"'([\w/]+\.[ch])'", listed):
            if not (tree.root / top / name).is_file():
                yield f"{top}/meson.build: {name} does not exist"
        for s in tree.c_files([top]):
            name = s.path[len(top) + 1 :]
            wanted = name.endswith(".c") or name.startswith("include/")
            if wanted and f"'{name}'" not in listed:
                yield f"{s.path}: is not in {top}/meson.build"


def rule_symbols(tree):
    declared = set()
    for s in tree.c_files(PUBLIC):
        declared |= {m[2] for m in API.finditer(s.text)}
    listed = [l for l in tree.read("tests/api/symbols.txt").splitlines() if l]
    if listed != sorted(set(listed)):
        yield "tests/api/symbols.txt: not sorted, or with doubles"
    for name in sorted(declared ^ set(listed)):
        where = "not in symbols.txt" if name in declared else "in symbols.txt, not in a header"
        yield f"tests/api/symbols.txt: {name} is {where}"


RULES = {name[5:]: rule for name, rule in sorted(globals().items()) if name.startswith("rule_")}


def complaints(root):
    tree = Tree(root)
    if not tree.c_files(LIBRARY):
        return [f"{tree.root}: no sources in {' or '.join(LIBRARY)}"]
    return [f"{c} [{name}]" for name, rule in RULES.items() for c in rule(tree)]


if __name__ == "__main__":
    found = complaints(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parents[1])
    print("\n".join(found) or "tidy")
    sys.exit(bool(found))
