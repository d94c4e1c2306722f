#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Does a public header compile alone, twice, without a warning? headers.py HEADER STD COMPILER..."""
import subprocess
import sys

header, std, *compiler = sys.argv[1:]
language = "c++" if "++" in std else "c"
source = f"#include <{header}>\n#include <{header}>\nint main(void);\nint main(void) {{ return 0; }}\n"
if header == "pirn.h":
    # Macros and inline functions too, where they are used.
    source += """
pirn_runtime_opts opts(void);
pirn_runtime_opts opts(void)
{
    pirn_runtime_opts o = PIRN_RUNTIME_OPTS_INIT;
    o.thread_keep_alive_ns = PIRN_SEC + PIRN_MS + PIRN_US;
    o.coop_budget = PIRN_UNLIMITED;
    return o;
}
int status(const pirn_result *r, pirn_time *t);
int status(const pirn_result *r, pirn_time *t)
{
    *t = PIRN_NEVER;
    return pirn_result_status(r);
}
"""
warnings = "-Wall -Wextra -Wpedantic -Wundef -Wconversion -Wcast-qual -Wshadow -Werror".split()
command = [*compiler, f"-std={std}", *warnings, "-fsyntax-only", "-x", language, "-"]
sys.exit(subprocess.run(command, input=source.encode()).returncode)
