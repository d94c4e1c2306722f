# SPDX-License-Identifier: MIT
"""How is each program of the benchmarks built, what does that take, and is it there?"""
import glob
import json
import os
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
BUILD = os.path.join(ROOT, "build")
DEBIAN_CRATES = "/usr/share/cargo/registry"


class Unavailable(Exception):
    """This machine lacks what a program needs, or a program what a row needs."""


class Failed(Exception):
    """A build, or a program, that ended with an error."""


def say(text):
    sys.stdout.flush()
    print(f"bench: {text}", file=sys.stderr, flush=True)


def have(tool):
    return shutil.which(tool) is not None


def crates(name):
    return sorted(glob.glob(f"{DEBIAN_CRATES}/{name}-[0-9]*"))


def library(name):
    return have("pkg-config") and not subprocess.run(["pkg-config", "--exists", name],
                                                     check=False).returncode


def header(name):
    return have("gcc") and not subprocess.run(["gcc", "-E", "-"], input=f"#include <{name}>\n",
                                              capture_output=True, text=True,
                                              check=False).returncode


C = (("meson", have), ("ninja", have), ("gcc", have))
# What a program takes, to be built or to be run against, and whether it is there.
TOOLS = {
    "pirn": C,
    "tokio": (("cargo", have), ("tokio", crates)),
    "go": (("go", have),),
    "uv": (*C, ("libuv", library)),
    "http": (*C, ("http_parser.h", header), ("wrk", have)),
    "nginx": (("wrk", have),),
}


def lacks(program):
    return [name for name, there in TOOLS[program] if not there(name)]


def set_up(programs):
    """Has the setup script install what is missing."""
    missing = [name for program in programs for name in lacks(program)]
    setup = os.path.join(ROOT, ".ci", "setup")
    if not missing:
        return
    if not os.path.exists(setup):
        say(f"missing: {', '.join(missing)}; and there is no .ci/setup to install it")
    elif subprocess.run([setup, "bench"], check=False).returncode:
        say(f"missing: {', '.join(missing)}; .ci/setup bench could not install it")


def read(path):
    try:
        with open(path, encoding="utf-8") as f:
            return f.read()
    except OSError:
        return ""


def command(args, **kwargs):
    done = subprocess.run(args, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          check=False, **kwargs)
    if done.returncode:
        raise Failed(f"{' '.join(args)}\n{done.stdout}")


OWN = os.path.join("tests", "bench")
ROWS = tuple(os.path.join(OWN, name) for name in ("bench-pirn", "bench-floor"))


def build_c(folder="bench", options=("-Drcu=true",), programs=ROWS):
    """Release mode, with link-time optimisation, as a user would. Returns the build tree."""
    tree = os.path.join(BUILD, folder)
    set_up_as = ["meson", "setup", tree, ROOT, "--buildtype=release", "-Db_lto=true",
                 "-Dtests=false", "-Ddemo=true", "-Dbenchmarks=true", *options]
    # Other options, or something more to build with, begin anew.
    made_for = json.dumps([set_up_as, lacks("uv"), lacks("http")])
    stamp = os.path.join(tree, "made-for.json")
    if read(stamp) != made_for:
        shutil.rmtree(tree, ignore_errors=True)
        command(set_up_as, env={"CC": "gcc", **os.environ})
        with open(stamp, "w", encoding="utf-8") as f:
            f.write(made_for)
    command(["ninja", "-C", tree, *programs])  # it sees by itself when meson's files have changed
    return tree


def build_tokio(folder="", program="bench-tokio"):
    """Offline, from Debian's crates, on a copy: cargo writes a lock file beside Cargo.toml."""
    tree = os.path.join(BUILD, program)
    crate = os.path.join(tree, "crate")
    shutil.rmtree(crate, ignore_errors=True)
    shutil.copytree(os.path.join(HERE, folder, "tokio"), crate,
                    ignore=shutil.ignore_patterns("target"))
    command(["cargo", "build", "--release", "--offline",
             "--config", 'source.crates-io.replace-with="debian"',
             "--config", f'source.debian.directory="{DEBIAN_CRATES}"'],
            cwd=crate, env={**os.environ, "CARGO_TARGET_DIR": os.path.join(tree, "target")})
    return os.path.join(tree, "target", "release", program)


def build_go(folder="", name="bench-go"):
    tree = os.path.join(BUILD, name)
    program = os.path.join(tree, name)
    command(["go", "build", "-o", program, "."], cwd=os.path.join(HERE, folder, "go"),
            env={**os.environ, "GOCACHE": os.path.join(tree, "cache"), "GOFLAGS": "",
                 "GOWORK": "off"})
    return program


def fetch_nginx():
    """The one that is installed, or else the program alone out of Debian's package: installing that
    would have a web server run on this machine from then on."""
    installed = shutil.which("nginx", path=os.environ.get("PATH", os.defpath) + ":/usr/sbin")
    tree = os.path.join(BUILD, "bench-nginx")
    fetched = os.path.join(tree, "usr", "sbin", "nginx")
    if installed:
        return installed
    if not os.path.exists(fetched):
        if not (have("apt-get") and have("dpkg-deb")):
            raise Unavailable("nginx is not installed")
        os.makedirs(tree, exist_ok=True)
        command(["apt-get", "-q", "download", "nginx"], cwd=tree)
        command(["dpkg-deb", "-x", glob.glob(os.path.join(tree, "nginx_*.deb"))[0], tree])
    command([fetched, "-v"])  # its libraries may be missing
    return fetched


def build_peer(peer):
    if lacks(peer):
        raise Unavailable(f"{', '.join(lacks(peer))} is not installed")
    return {"tokio": build_tokio, "go": build_go}[peer]()


def first_line(*args):
    try:
        return subprocess.run(args, capture_output=True, text=True, check=True).stdout.split("\n")[0]
    except (OSError, subprocess.CalledProcessError):
        return ""


def versions(programs):
    parts = [first_line("gcc", "--version")]
    if "tokio" in programs:
        parts += [os.path.basename(crates("tokio")[-1]), first_line("rustc", "--version")]
    if "go" in programs:
        parts.append(first_line("go", "version"))
    return "; ".join(filter(None, parts))
