#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Can every rule of tidy.py fail? Each case spoils one thing in a small tree that is tidy."""
import contextlib
import pathlib
import tempfile
import unittest

import tidy

SPDX = "/* SPDX-License-Identifier: MIT */\n"
STATE_C = f"""{SPDX}#include "task/state.h"

#include <stdatomic.h>

#include "task/base/compiler.h"

/* Reads ( the word ). */
static int look(
    int at)
{{
    /* mo: acquire pairs with [word] in write. */
    return atomic_load_explicit(&word, memory_order_acquire) + at;
}}

void pirn__write(void)
{{
    /* mo: release pairs
     * with [word] in look. */
    atomic_store_explicit(&word, 1, memory_order_release);
}}
"""
GOOD = {
    "meson_options.txt": "# SPDX-License-Identifier: MIT\noption('rcu', type: 'boolean')\n",
    "tests/run": "#!/bin/sh\n# SPDX-License-Identifier: MIT\nmeson setup -Drcu=false\n",
    "tests/api/symbols.txt": "pirn_a\npirn_b\n",
    "task/meson.build": "# SPDX-License-Identifier: MIT\n'state.c', 'include/pirn/task.h'\n",
    "task/include/pirn/task.h": SPDX + "PIRN_API int pirn_a(int (*f)(void));\n",
    "task/state.c": STATE_C,
    "task/state.h": SPDX,
    "task/base/compiler.h": SPDX + "#include <pirn/task.h>\n",
    "runtime/meson.build": "# SPDX-License-Identifier: MIT\n"
    "'os/clock.c', 'turn.c', 'include/pirn/runtime.h', 'include/pirn.h'\n",
    "runtime/include/pirn.h": SPDX + "#include <pirn/task.h>\n",
    "runtime/include/pirn/runtime.h": SPDX
    + "#include <pirn/task.h>\nPIRN_API PIRN_MUST_USE int\npirn_b(void);\n",
    "runtime/os/clock.c": SPDX + '#include "task/state.h"\nint f(void) { return usleep(1); }\n',
    "runtime/turn.c": SPDX + "#include <pirn/runtime.h>\nstatic int turn(void)\n{\n}\n",
    "tests/stress/storm.c": SPDX + "int main(void) { sleep(1); }\n",
}


def function(name, lines):
    return f"static int {name}(void)\n{{\n" + "    x();\n" * (lines - 3) + "}\n"


# rule, file, its contents or what is added to it, part of the complaint
CASES = [
    ("layers", "task/state.c", '#include "runtime/os/os.h"\n', "must not include runtime/os"),
    ("layers", "task/base/compiler.h", '#include "task/state.h"\n', "must not include task"),
    ("layers", "runtime/os/clock.c", '#include "runtime/runtime.h"\n', "must not include runtime"),
    ("layers", "runtime/time/w.h", SPDX + '#include "runtime/io/p.h"\n', "must not include"),
    ("layers", "task/state.c", "#include <pirn/runtime.h>\n", "include <pirn/runtime.h>"),
    ("layers", "task/base/compiler.h", "#include <pirn.h>\n", "include <pirn.h>"),
    ("layers", "task/state.c", '#include "state.h"\n', "is not a path from the root"),
    ("layers", "task/include/pirn/task.h", '#include "task/state.h"\n', "public headers only"),
    ("layers", "task/util/x.h", SPDX, "is not in LAYER"),
    ("atomics", "task/state.c", "/* mo: */ int i = atomic_load(&word);\n", "write the memory order"),
    ("atomics", "task/state.c", "/* mo: */ atomic_fetch_add(&w, 1);\n", "write the memory order"),
    ("atomics", "task/state.c", "/* mo: */ atomic_flag_clear(&w);\n", "write the memory order"),
    ("atomics", "task/state.c", "\n" * 9 + "atomic_exchange_explicit(&w, 1, r);\n", "no mo: comment"),
    ("atomics", "task/state.c", "/* mo: */ atomic_thread_fence(o);\n", "no fences"),
    ("pairs", "task/state.c", "/* pairs with [lonely-one] in nothing */\n", "[lonely-one] has one"),
    ("file_lines", "runtime/turn.c", "\n" * 600, "split it"),
    ("file_lines", "tests/task/t.c", SPDX + "\n" * 600, "split it"),
    ("function_lines", "runtime/turn.c", function("long_one", 61), "long_one has 61 lines"),
    ("static_names", "runtime/turn.c", function("look", 5), "look is written more than once"),
    ("spdx", "tests/task/t.c", "int x;\n", "does not start"),
    ("spdx", "tests/x", "#!/bin/sh\necho\n", "does not start"),
    ("spdx", "tests/task/meson.build", "# MIT\n", "does not start"),
    ("words", "docs/x.md", "as one session found\n", 'the word "session"'),
    ("words", "docs/x.md", "our Agents think\n", 'the word "Agents"'),
    ("words", "docs/x.md", "stands in /work/main\n", 'the word "/work/"'),
    ("words", "task/state.c", "/* FIXME */\n", 'the word "FIXME"'),
    ("words", "task/state.c", "/* TODO: more */\n", 'the word "TODO"'),
    ("words", "tests/run", "# XXX\n", 'the word "XXX"'),
    ("sleeps", "tests/task/t.c", SPDX + "int x = usleep(1);\n", "sleeps"),
    ("sleeps", "runtime/turn.c", "int x = nanosleep(&t, 0);\n", "sleeps"),
    ("sleeps", "tests/run", "  sleep 1\n", "sleeps"),
    ("sleeps", "tests/t.py", "# SPDX-License-Identifier: MIT\ntime.sleep(1)\n", "sleeps"),
    ("options", "meson_options.txt", "option('dead', type: 'boolean')\n", "passes -Ddead"),
    ("options", "meson_options.txt", "option('rc', type: 'boolean')\n", "passes -Drc"),
    ("built", "task/new.c", SPDX, "is not in task/meson.build"),
    ("built", "runtime/os/new.c", SPDX, "is not in runtime/meson.build"),
    ("built", "runtime/include/pirn/new.h", SPDX, "is not in runtime/meson.build"),
    ("built", "task/meson.build", "'old.c',\n", "old.c does not exist"),
    ("symbols", "task/include/pirn/task.h", "PIRN_API int pirn_new(void);\n", "pirn_new is not in"),
    ("symbols", "runtime/include/pirn.h", "PIRN_NORETURN PIRN_API void pirn_x(void);\n", "pirn_x is"),
    ("symbols", "tests/api/symbols.txt", "pirn_gone\n", "pirn_gone is in symbols.txt, not"),
    ("symbols", "tests/api/symbols.txt", "pirn_a\n", "not sorted, or with doubles"),
]


@contextlib.contextmanager
def tree(change=None, text=None):
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        for path, contents in GOOD.items():
            write(root / path, contents)
        if change:
            write(root / change, text)
        yield root


def write(file, text):
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a") as out:
        out.write(text)


class TidyTest(unittest.TestCase):
    def test_tidy_tree_passes(self):
        with tree() as root:
            self.assertEqual(tidy.complaints(root), [])

    def test_each_case_is_seen_and_nothing_else(self):
        for rule, path, text, expected in CASES:
            with self.subTest(rule=rule, expected=expected), tree(path, text) as root:
                found = tidy.complaints(root)
                self.assertTrue(found)
                for complaint in found:
                    self.assertIn(expected, complaint)
                    self.assertTrue(complaint.endswith(f"[{rule}]"), complaint)

    def test_every_rule_has_a_case(self):
        self.assertEqual({c[0] for c in CASES}, set(tidy.RULES))

    def test_limits_are_inclusive(self):
        with tree("runtime/turn.c", function("long_one", 60)) as root:
            self.assertEqual(tidy.complaints(root), [])
        with tree("tests/task/t.c", SPDX + "\n" * 599) as root:
            self.assertEqual(tidy.complaints(root), [])

    def test_entries_for_long_functions_only_shrink(self):
        key = "runtime/turn.c:long_one"
        for entry, lines, expected in [
            (70, 70, None),
            (70, 71, "has 71 lines (70)"),
            (70, 65, "has shrunk to 65"),
            (70, 40, "has shrunk to 40"),
        ]:
            with tree("runtime/turn.c", function("long_one", lines)) as root:
                self.check_entry({key: entry}, root, expected)
        with tree() as root:
            self.check_entry({key: 70}, root, "remove its entry")

    def check_entry(self, entries, root, expected):
        before, tidy.LONG_FUNCTIONS = tidy.LONG_FUNCTIONS, entries
        try:
            found = tidy.complaints(root)
        finally:
            tidy.LONG_FUNCTIONS = before
        self.assertEqual(len(found), 1 if expected else 0, found)
        if expected:
            self.assertIn(expected, found[0])

    def test_an_empty_tree_is_not_tidy(self):
        with tempfile.TemporaryDirectory() as root:
            self.assertTrue(tidy.complaints(root))


if __name__ == "__main__":
    unittest.main()
