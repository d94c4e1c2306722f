#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Do the programs of docs/guide.md compile, run, and print what the guide says? guide.py ROOT LIBPIRN RCU SANITIZE CC...

A ```c block with a main() is a program; the ```text block behind it is what it prints. A block without one is
shown ahead: it must stand as it is in the next program. A `c server` is sent something, and then SIGINT. Of
docs/async.md the first block is compiled.
"""
import pathlib
import re
import shlex
import signal
import socket
import subprocess
import sys
import tempfile

root, libpirn, rcu, sanitize, *cc = sys.argv[1:]
root = pathlib.Path(root)
FLAGS = ["-std=c11", "-O2", "-g", "-Wall", "-Wextra", "-Wpedantic", "-Werror"]
# What that block leaves out.
ASYNC_MAIN = """
static const pirn_task_desc echo_task = PIRN_TASK_INIT("echo", struct echo, echo_poll, NULL);
int main(void) { return echo_task.poll == NULL; }
"""


def compile_flags():
    flags = FLAGS + [f"-I{root / part / 'include'}" for part in ("task", "runtime")]
    if sanitize != "none":
        flags.append(f"-fsanitize={sanitize}")
    if "gcc" in subprocess.run([*cc, "--version"], capture_output=True, text=True).stdout.lower():
        flags.append("-Wjump-misses-init")
    return flags


def compiled(folder, name, text):
    source, program = folder / f"{name}.c", folder / name
    source.write_text(text)
    link = [libpirn, "-pthread"]
    if rcu == "true":
        link += shlex.split(
            subprocess.run(["pkg-config", "--libs", "liburcu-memb"], check=True, capture_output=True,
                           text=True).stdout
        )
    subprocess.run([*cc, *compile_flags(), source, "-o", program, *link], check=True)
    return program


def blocks(page):
    """(kind, text, line) of each fenced block."""
    text = (root / page).read_text()
    for m in re.finditer(r"^```([^\n]*)\n(.*?)^```$", text, re.M | re.S):
        yield m[1], m[2], text.count("\n", 0, m.start()) + 1


def talk(program):
    """Two connections at once; one is still open when the signal comes."""
    with subprocess.Popen([program], stdout=subprocess.PIPE, text=True) as server:
        try:
            first = server.stdout.readline()
            port = int(first.rsplit(":", 1)[1])
            with socket.create_connection(("127.0.0.1", port)) as one, socket.create_connection(
                ("127.0.0.1", port)
            ) as two:
                for s, word in ((one, b"one"), (two, b"two"), (one, b"x" * 100000)):
                    s.sendall(word)
                    assert received(s, len(word)) == word
                two.shutdown(socket.SHUT_WR)
                assert two.recv(1) == b""
                server.send_signal(signal.SIGINT)
                rest = server.communicate(timeout=60)[0]
                assert one.recv(1) == b""
        finally:
            server.kill()
    signals_at_once(program)
    return server.returncode, first.replace(str(port), "PORT") + rest


def signals_at_once(program):
    """Who has read that it listens may tell it to end."""
    for _ in range(30):
        with subprocess.Popen([program], stdout=subprocess.PIPE, text=True) as server:
            server.stdout.readline()
            server.send_signal(signal.SIGINT)
            assert server.communicate(timeout=60)[0] == "goodbye\n", "it was killed"
            assert server.returncode == 0, server.returncode


def received(s, n):
    got = b""
    while len(got) < n and (part := s.recv(65536)):
        got += part
    return got


def run(program):
    done = subprocess.run([program], stdout=subprocess.PIPE, text=True, timeout=60)
    return done.returncode, done.stdout


def check_guide(folder):
    ahead, program, made = [], None, 0
    for kind, text, line in blocks("docs/guide.md"):
        at = f"docs/guide.md:{line}"
        if kind == "text":
            assert program, f"{at}: no program before it"
            code, said = program()
            assert (code, said) == (0, text), f"{at}: returned {code} and said\n{said}"
            print(f"{at}: as it says", flush=True)
            program = None
        elif kind.startswith("c") and "int main(" in text:
            assert program is None, f"{at}: what does the program before it print?"
            for part, of in ahead:
                assert part in text, f"{of}: is not in the program at {line}"
            ahead, made = [], made + 1
            exe = compiled(folder, f"program_{line}", text)
            program = (lambda e=exe: talk(e)) if kind == "c server" else (lambda e=exe: run(e))
        elif kind == "c":
            ahead.append((text, at))
        else:
            assert False, f"{at}: a block of kind {kind!r}"
    assert program is None and not ahead and made >= 6, (ahead, made)


def check_async(folder):
    kind, text, _ = next(iter(blocks("docs/async.md")))
    assert kind == "c" and "PIRN_END" in text
    compiled(folder, "async", "#include <pirn.h>\n" + text + ASYNC_MAIN)


with tempfile.TemporaryDirectory() as temporary:
    check_guide(pathlib.Path(temporary))
    check_async(pathlib.Path(temporary))
