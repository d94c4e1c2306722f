#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Can a program use pirn as others get it? package.py subproject|installed|options ROOT RCU CC CXX

subproject: a meson project with pirn in its subprojects/, found by dependency('pirn')
installed:  meson install, then compiler and pkg-config
options:    what the options promise about what a build needs
"""
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile

mode, root, rcu, cc, cxx = sys.argv[1:]
root = pathlib.Path(root)
program = root / "tests/api/spawn_join.c"
env = {**os.environ, "CC": cc, "CXX": cxx}


def run(*command, **more):
    print("+", shlex.join(map(str, command)), flush=True)
    return subprocess.run([str(c) for c in command], check=True, env=env, **more)


def output(*command):
    return run(*command, stdout=subprocess.PIPE, text=True).stdout


def subproject(folder):
    user = folder / "user"
    pirn = user / "subprojects/pirn"
    # As a user gets it: neither tests nor demo are looked at, so they may as well be missing.
    for part in ("task", "runtime"):
        shutil.copytree(root / part, pirn / part)
    for part in ("meson.build", "meson_options.txt"):
        shutil.copy(root / part, pirn)
    shutil.copy(program, user)
    (user / "subprojects/pirn.wrap").write_text(
        "[wrap-file]\ndirectory = pirn\n\n[provide]\ndependency_names = pirn\n"
    )
    (user / "meson.build").write_text(
        "project('user', 'c', default_options: ['c_std=c11', 'warning_level=3', 'werror=true'])\n"
        "pirn = dependency('pirn', default_options: ['rcu=" + rcu + "'])\n"
        "test('it runs', executable('spawn_join', 'spawn_join.c', dependencies: pirn))\n"
    )
    run("meson", "setup", folder / "build", user)
    run("meson", "test", "-C", folder / "build", "--print-errorlogs")


def installed(folder):
    prefix = folder / "prefix"
    build = folder / "build"
    run("meson", "setup", build, root, f"--prefix={prefix}", f"-Drcu={rcu}",
        "-Dtests=false", "-Ddemo=false")
    run("meson", "install", "-C", build)
    pc = next(prefix.rglob("pirn.pc"))
    env["PKG_CONFIG_PATH"] = str(pc.parent)

    headers = {p.relative_to(prefix / "include") for p in (prefix / "include").rglob("*.h*")}
    own = {p.relative_to(d) for d in root.glob("*/include") for p in d.rglob("*.h*")}
    assert headers == own, headers ^ own
    assert ("urcu" in pc.read_text()) == (rcu == "true"), pc.read_text()

    for static in ([], ["--static"]):
        flags = shlex.split(output("pkg-config", "--cflags", "--libs", *static, "pirn"))
        for language, compiler in (("c", [cc, "-std=c11"]), ("c++", [cxx, "-std=c++17"])):
            exe = folder / "spawn_join"
            exe.unlink(missing_ok=True)
            warnings = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"]
            run(*compiler, *warnings, "-x", language, program, "-x", "none", "-o", exe, *flags)
            run(exe)
            needed = output("readelf", "-d", exe)
            assert ("liburcu" in needed) == (rcu == "true"), needed

    # What README.md shows is what a reader copies first.
    (folder / "square.c").write_text(
        re.search(r"```c\n(.*?)```", (root / "README.md").read_text(), re.S)[1]
    )
    run(cc, "-std=c11", "-Wall", "-Wextra", "-Werror", folder / "square.c", "-o", folder / "square",
        *flags)
    said = output(folder / "square")
    assert said == "task 1: 49, success\n", said
    by_hand(folder)


# The lines of docs/examples/README.md that build something, as a reader copies them.
def by_hand(folder):
    shutil.copytree(root / "docs", folder / "docs")
    lines = re.findall(r"^    (cc .*)$", (root / "docs/examples/README.md").read_text(), re.M)
    assert len(lines) == 5, lines
    with_parser = subprocess.run([cc, "-E", "-include", "http_parser.h", "-x", "c", "/dev/null"],
                                 capture_output=True).returncode == 0
    for line in lines:
        if with_parser or "-lhttp_parser" not in line:
            run("sh", "-c", line.replace("cc", cc, 1), cwd=folder / "docs")
    assert output(folder / "docs/executor") == "quick\nbetween\nslow\n"


def options(folder):
    (folder / "pkgconfig").mkdir()
    env["PKG_CONFIG_LIBDIR"] = str(folder / "pkgconfig")
    bare = ["-Dtests=false", "-Ddemo=false"]
    # No library is to be found: without RCU none is needed, with it the missing one is named.
    run("meson", "setup", folder / "lock", root, "-Drcu=false", *bare)
    assert_fails("liburcu-memb", folder / "rcu", "-Drcu=true", *bare)
    assert_fails("criterion", folder / "tests", "-Drcu=false", "-Dtests=true", "-Ddemo=false")
    del env["PKG_CONFIG_LIBDIR"]
    # A checker that was asked for and is not there is an error, not a reason to skip it.
    assert_fails("no-such-checker", folder / "genmc", "-Dgenmc=/no-such-checker",
                 "-Dtests=true", "-Ddemo=false")


def assert_fails(text, folder, *args):
    print("+ meson setup", shlex.join(args), "# must fail", flush=True)
    done = subprocess.run(["meson", "setup", str(folder), str(root), *args], env=env,
                          stdout=subprocess.PIPE, text=True)
    error = re.findall(r"ERROR: .*", done.stdout)
    assert done.returncode != 0 and error and text in error[-1], done.stdout


with tempfile.TemporaryDirectory() as temporary:
    {"subproject": subproject, "installed": installed, "options": options}[mode](
        pathlib.Path(temporary)
    )
