#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Does libFuzzer find what a target cannot stand? fuzz.py BUILD_FOLDER TARGET SEEDS_FILE SOURCE... [-- FLAGS]

Builds the target with clang, AddressSanitizer and UBSan, and lets it run for some seconds, or with
PIRN_TEST_LONG=1 for minutes, from the seeds: one a line, with escapes as Python writes bytes. Exits with
77, skipped, where clang has no fuzzer.
"""
import ast
import os
import pathlib
import shutil
import subprocess
import sys

SECONDS = 300 if os.environ.get("PIRN_TEST_LONG") else 8


def main():
    args = sys.argv[1:]
    split = args.index("--") if "--" in args else len(args)
    folder, target, seeds, *sources = args[:split]
    flags = args[split + 1 :]
    folder = pathlib.Path(folder) / target
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "corpus").mkdir(parents=True)
    for i, line in enumerate(pathlib.Path(seeds).read_text().splitlines()):
        (folder / "corpus" / f"seed-{i}").write_bytes(ast.literal_eval("b'" + line + "'"))

    empty = folder / "empty.c"
    empty.write_text("int LLVMFuzzerTestOneInput(void *p, unsigned long n) { (void)p; return (int)n * 0; }\n")
    clang = ["clang", "-std=c11", "-g", "-O1", "-fsanitize=fuzzer,address,undefined",
             "-fno-sanitize-recover=undefined"]
    probe = subprocess.run([*clang, str(empty), "-o", str(folder / "empty")], capture_output=True)
    if probe.returncode != 0:
        print("clang has no fuzzer here")
        return 77
    program = folder / target
    subprocess.run([*clang, "-D_GNU_SOURCE", *sources, *flags, "-o", str(program)], check=True)
    run = subprocess.run(
        [str(program), str(folder / "corpus"), f"-max_total_time={SECONDS}", "-max_len=12000",
         "-timeout=10", "-rss_limit_mb=2048", f"-artifact_prefix={folder}/", "-print_final_stats=1",
         "-verbosity=0"],
        capture_output=True, text=True)
    done = [l for l in run.stderr.splitlines() if "number_of_executed_units" in l]
    print("\n".join(done))
    if run.returncode != 0 or not done or int(done[0].split()[-1]) < 1000:
        print(run.stderr[-4000:])
        return 1
    return 0


sys.exit(main())
