#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Which builds are tested, with which suites, and how did it go? Started by tests/run.

Every test program counts as one test, a Criterion program as the tests inside it. A build that
fails counts as one failed test; so does a Criterion program that holds none.
"""
import argparse
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
from collections import Counter

ROOT = pathlib.Path(__file__).resolve().parents[1]
SYNTHESIS = re.compile(r"Synthesis: Tested: (\d+) \| Passing: (\d+) \| Failing: \d+ \| Crashing: \d+")
SUITES = ("tidy", "unit", "api", "package", "examples", "once", "model", "stress", "fuzz")
MUTANTS = "mutants"  # whether a mistake in the sources is noticed, one by one: minutes

GCC = {"CC": "gcc", "CXX": "g++"}
CLANG = {"CC": "clang", "CXX": "clang++"}
# What takes long and is the same everywhere is in the suite "once". Criterion does not start under
# ThreadSanitizer. Sanitizers come with libraries of their own, so what is installed, exported or
# tidy is looked at without them.
BUILDS = {
    "gcc": (GCC, ["-Ddemo=true", "-Dbenchmarks=true"], SUITES),
    "asan": (GCC, ["-Ddemo=true", "-Doptimization=1", "-Db_sanitize=address,undefined",
                   "-Dslow_asserts=true"], ("unit", "api", "examples", "model", "stress")),
    "tsan": (GCC, ["-Ddemo=false", "-Db_sanitize=thread"], ("api", "model", "stress")),
    "clang": (CLANG, ["-Ddemo=true"], ("unit", "api", "package", "model", "stress")),
    "lock": (GCC, ["-Ddemo=false", "-Drcu=false", "-Dslow_asserts=true"],
             ("unit", "api", "stress")),
}
SANITIZER_ENV = {
    "ASAN_OPTIONS": "abort_on_error=1:detect_stack_use_after_return=1:strict_string_checks=1",
    "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1",
    # liburcu is not built for the sanitizer: what it does inside is not looked at.
    "TSAN_OPTIONS": "halt_on_error=1:second_deadlock_stack=1:ignore_noninstrumented_modules=1",
}


def say(text):
    print(text, flush=True)


def log_of(command, env, log):
    """Runs it; returns its exit status, with its output in the file @log."""
    with log.open("wb") as out:
        return subprocess.run(command, env=env, stdout=out, stderr=out).returncode


def set_up(name, compilers, options, env):
    """Returns the build folder, or None after it has shown why there is none."""
    folder = ROOT / "build/tests" / name
    log = folder.with_suffix(".log")
    # Compared with what the folder was made for: other options or another place begin anew.
    stamp = folder / "made-for.json"
    setup = ["meson", "setup", str(folder), str(ROOT), "-Dtests=true", *options]
    wanted = json.dumps([setup, compilers])
    folder.parent.mkdir(parents=True, exist_ok=True)
    if stamp.is_file() and stamp.read_text() == wanted:
        # A changed meson.build is read now: what is tested is taken from what comes of it.
        failed = log_of(["ninja", "--quiet", "-C", str(folder), "build.ninja"], env, log)
    else:
        shutil.rmtree(folder, ignore_errors=True)
        failed = log_of(setup, {**env, **compilers}, log)
        if not failed:
            stamp.write_text(wanted)
    if failed:
        say(log.read_text(errors="replace"))
    return None if failed else folder


def build(folder, targets, env):
    """Makes @targets, all if there are none; shows warnings. Return: whether they are there."""
    log = folder.with_suffix(".log")
    failed = log_of(["ninja", "--quiet", "-C", str(folder), *targets], env, log)
    text = log.read_text(errors="replace")
    if failed:
        say(text)
    else:
        for line in text.splitlines():
            if "warning:" in line:
                say(line)
    return not failed


def info(folder, what):
    return json.loads((folder / f"meson-info/intro-{what}.json").read_text())


def chosen(folder, suites, only):
    """The build's tests in @suites, those with @only in their name."""
    for test in info(folder, "tests"):
        own = {s.split(":")[-1] for s in test["suite"]}
        if not own & {*SUITES, MUTANTS}:
            sys.exit(f"test {test['name']}: its suite is none of {', '.join(SUITES)}")
        if own & set(suites) and only in test["name"]:
            yield test


def targets_of(folder, tests):
    """What ninja is to make for @tests."""
    needed = {target for test in tests for target in test["depends"]}
    for target in info(folder, "targets"):
        if target["id"] in needed:
            for file in target["filename"]:
                yield os.path.relpath(file, folder)


def fixed_addresses():
    """Old sanitizers do not start where the kernel spreads addresses wide: ask it not to."""
    for command in (["setarch", "-R"], ["setarch", os.uname().machine, "-R"]):
        try:
            if subprocess.run([*command, "true"], stderr=subprocess.DEVNULL).returncode == 0:
                return command
        except OSError:
            pass
    return []


def count(result, output):
    """Counter of passed, failed and skipped in one test program."""
    if result == "SKIP":
        return Counter(skipped=1)
    good = result in ("OK", "EXPECTEDFAIL")
    inside = SYNTHESIS.findall(output)
    if not inside:
        return Counter(passed=int(good), failed=int(not good))
    tested, passing = (sum(int(n[i]) for n in inside) for i in (0, 1))
    failed = tested - passing
    if tested == 0 or (not good and failed == 0):
        failed += 1
    return Counter(passed=passing, failed=failed)


def run_tests(name, suites, folder, names, env, long):
    command = ["meson", "test", "-C", str(folder), "--no-rebuild", "--print-errorlogs"]
    for suite in suites:
        command += ["--suite", suite]
    if long:
        command += ["--timeout-multiplier", "20"]
    if name in ("asan", "tsan"):
        command = fixed_addresses() + command
        env = {**SANITIZER_ENV, **env}
    log = folder / "meson-logs/testlog.json"
    log.unlink(missing_ok=True)
    subprocess.run([*command, *names], env=env)
    total = Counter()
    seen = 0
    for line in log.read_text().splitlines() if log.is_file() else []:
        test = json.loads(line)
        one = count(test["result"], test.get("stdout", "") + test.get("stderr", ""))
        if one["failed"]:
            say(f"failed: {name}: {test['name']}")
        total += one
        seen += 1
    if seen != len(names):
        say(f"failed: {name}: {len(names)} test programs, {seen} results")
        total["failed"] += 1
    return total


def main():
    parser = argparse.ArgumentParser(prog="tests/run")
    parser.add_argument("--long", action="store_true", help="the storms run longer")
    parser.add_argument("--mutants", action="store_true",
                        help="also whether tests and scenarios notice each mistake")
    parser.add_argument("--only", metavar="NAME", default="", help="only tests with NAME inside")
    parser.add_argument("--no-setup", action="store_true", help="install nothing")
    args = parser.parse_args()

    env = {**os.environ, "TERM": "dumb"}
    for variable in ("CC", "CXX", "CFLAGS", "CXXFLAGS", "LDFLAGS"):
        env.pop(variable, None)
    if args.long:
        env["PIRN_TEST_LONG"] = "1"
    common = []
    if env.get("PIRN_WERROR") == "1":
        common.append("-Dwerror=true")
    if env.get("PIRN_GENMC"):
        common.append("-Dgenmc=" + env["PIRN_GENMC"])

    total = Counter()
    for name, (compilers, options, suites) in BUILDS.items():
        say(f"== {name}: {' '.join(options + common)}")
        folder = set_up(name, compilers, options + common, env)
        whole = suites == SUITES and not args.only
        if args.mutants and suites == SUITES:
            suites = (*suites, MUTANTS)
        tests = list(chosen(folder, suites, args.only)) if folder else []
        # Where every suite runs, everything is built: also what no test needs.
        if folder and not tests:
            continue
        if not folder or not build(folder, [] if whole else targets_of(folder, tests), env):
            say(f"failed: {name}: build")
            total["failed"] += 1
            continue
        total += run_tests(name, suites, folder, [test["name"] for test in tests], env, args.long)

    ran = total["passed"] + total["failed"]
    if not ran:
        say("no test ran")
    summary = f"{total['passed']} passed, {total['failed']} failed"
    if total["skipped"]:
        summary += f", {total['skipped']} skipped"
    say(summary)
    return 1 if total["failed"] or not total["passed"] else 0


if __name__ == "__main__":
    sys.exit(main())
