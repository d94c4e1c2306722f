#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Do the tables of docs/design/task-state.md and the rows of test_state.c say the same?

table.py ROOT: compares them row by row, the bits with task/state.h, and asks that every transition
declared there has a section.
"""
import pathlib
import re
import sys

BITS = {"RU": 1, "CO": 2, "NO": 4, "JI": 8, "JW": 16, "CA": 32, "SE": 1 << 62, "WR": 1 << 63}
REF = 64
READ = 16
# Not transitions.
WITHOUT_ROWS = {"init", "load", "peek"}
SECTION = re.compile(r"^### (\w+)\n(.*?)(?=^##|\Z)", re.M | re.S)
ROWS = re.compile(r"struct row (\w+)_rows\[\] = \{(.*?)\n\};", re.S)
ROW = re.compile(r'\{"([^"]*)", ([^,]+), ([^,]+), (\w+), ([^,]+)\},')


def word_of_document(cell):
    """"`3 NO JI`" -> 3 * 64 + 4 + 8"""
    refs, *bits = cell.strip("`").split()
    return int(refs) * REF + sum(BITS[b] for b in bits)


def argument_of_document(cell):
    """A word, or a number that "read" adds READ to; "-" is none."""
    if cell.startswith("`"):
        return word_of_document(cell)
    number, *read = cell.replace("-", "0").split()
    return int(number) + READ * (read == ["read"])


def word_of_test(expression):
    """"3 * R + NO + JI" -> 3 * 64 + 4 + 8; the same for arguments"""
    total = 0
    for term in expression.split("+"):
        refs = re.fullmatch(r"(\d+) \* R", term.strip())
        if refs:
            total += int(refs[1]) * REF
        elif term.strip().isdigit():
            total += int(term)
        else:
            total += READ if term.strip() == "READ" else BITS[term.strip()]
    return total


def rows_of_document(text):
    """name -> [(given, arg, before, result, after)]; after is None where nothing is left to see."""
    tables = {}
    for name, body in SECTION.findall(text):
        lines = [l for l in body.splitlines() if l.startswith("|")][2:]
        tables[name] = rows = []
        for line in lines:
            given, arg, before, result, after = (c.strip() for c in line.strip("|").split("|"))
            rows.append((given, argument_of_document(arg), word_of_document(before),
                         "NOTHING" if result == "-" else result,
                         None if result == "ABORTS" else word_of_document(after)))
    return tables


def rows_of_test(text):
    tables = {}
    for name, body in ROWS.findall(text):
        tables[name] = [(given, word_of_test(arg), word_of_test(before), result,
                         None if result == "ABORTS" else word_of_test(after))
                        for given, arg, before, result, after
                        in ROW.findall(re.sub(r"\s+", " ", body))]
        if len(tables[name]) != body.count('{"'):
            raise SystemExit(f"test_state.c: cannot read every row of {name}_rows")
    return tables


def complaints(document, test, header):
    for bit, name, value in re.findall(r"^\| (\w\w) \| (\w+) \| (\d+) \|", document, re.M):
        position = re.search(rf"#define STATE_{name}\s+\(\(size_t\)1 << (\d+)\)", header)
        if int(value) != BITS.get(bit) or not position or int(value) != 1 << int(position[1]):
            yield f"{bit}: document, test and state.h differ"
    if f"READ = {READ}" not in test:
        yield "READ: the test has another value"
    ours, theirs = rows_of_document(document), rows_of_test(test)
    declared = set(re.findall(r"\bpirn__state_(\w+)\(", header))
    for name in sorted(declared - WITHOUT_ROWS - set(ours)):
        yield f"{name}: the document has no section"
    for name in sorted({n.removesuffix("_by_guess") for n in ours} - declared):
        yield f"{name}: state.h does not declare it"
    for name in sorted(set(ours) ^ set(theirs)):
        yield f"{name}: has rows on one side only"
    for name in sorted(set(ours) & set(theirs)):
        for a, b in zip(ours[name], theirs[name]):
            if a != b:
                yield f"{name}: the document has {a}, the test {b}"
        if len(ours[name]) != len(theirs[name]) or not ours[name]:
            yield f"{name}: {len(ours[name])} rows in the document, {len(theirs[name])} in the test"


def main(root):
    root = pathlib.Path(root)
    document = (root / "docs/design/task-state.md").read_text()
    found = list(complaints(document, (root / "tests/task/test_state.c").read_text(),
                            (root / "task/state.h").read_text()))
    count = sum(len(rows) for rows in rows_of_document(document).values())
    print("\n".join(found) or f"{count} rows agree")
    return bool(found) or count == 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
