#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What does the file server do when descriptors run out, or its patience? test_http_limits.py PROGRAM"""
import pathlib
import select
import subprocess
import sys
import tempfile
import threading
import time

from http_client import HOST, Answer, Client
from servers import connect, expect, limited, receive_all, run_cases, server, signals_at_once

PROGRAM = sys.argv[1]
FOLDER = tempfile.TemporaryDirectory()
ROOT = pathlib.Path(FOLDER.name) / "root"
FLAVOURS = (["--workers", "1"], ["--workers", "2"], ["--current-thread"])
MANY = 100
LARGE = b"x" * 70_000  # its contents are not kept, but a descriptor
CLOSE = f"{HOST}Connection: close\r\n\r\n"
RENAMES = """
import os, sys, time
a, b = sys.argv[1] + "/a", sys.argv[1] + "/b"
open(a, "w").close()
print(flush=True)
while True:
    os.rename(a, b)
    os.rename(b, a)
"""


def fill():
    (ROOT / "dir").mkdir(parents=True)
    (ROOT / "other").mkdir()
    (ROOT / "index.html").write_text("front\n")
    (ROOT / "small.txt").write_text("small")
    (ROOT / "dir/up").symlink_to("../small.txt")
    for i in range(MANY):
        (ROOT / f"{i}.bin").write_bytes(LARGE)


# ---- descriptors ----


def fetch(port, target):
    with connect(port) as s:
        s.sendall(f"GET {target} HTTP/1.1\r\n{CLOSE}".encode())
        return receive_all(s)


def kept_descriptors(limit, flavour):
    """Large files are kept open for those who ask again, but never so many that others find none left, and
    not for good."""
    with server(PROGRAM, str(ROOT), *flavour, before=limited(limit)) as port:
        expect(fetch(port, "/").startswith(b"HTTP/1.1 200 "), True)
        before = port.descriptors()
        with Client(port) as c:
            for i in range(MANY):
                expect(c.ask(f"/{i}.bin", method="HEAD").status, 200, i)
            expect(port.descriptors() <= before + limit // 4 + 1, True, port.descriptors())
            with Client(port) as other:
                expect(other.ask("/small.txt").body, b"small")
                expect(other.ask(f"/{MANY - 1}.bin").body == LARGE, True)
        until = time.monotonic() + 20
        while port.descriptors() > before:
            assert time.monotonic() < until, f"{port.descriptors()} are open still"
            expect(fetch(port, "/").endswith(b"front\n"), True)


def descriptors_all_taken(flavour):
    """Connections have them all: a file is read nevertheless, and those that wait have their turn."""
    with server(PROGRAM, str(ROOT), *flavour, before=limited(20)) as port:
        sockets = [connect(port) for _ in range(60)]
        for s in sockets:
            s.sendall(f"GET /small.txt HTTP/1.1\r\n{CLOSE}".encode())
        for s in sockets:
            expect(receive_all(s).endswith(b"\r\n\r\nsmall"), True)
            s.close()


def renames_meanwhile(flavour):
    """Of a path with ".." the kernel cannot say that it stays inside while anything at all is renamed."""
    command = [sys.executable, "-c", RENAMES, str(ROOT / "other")]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as storm:
        try:
            storm.stdout.readline()
            with server(PROGRAM, str(ROOT), *flavour, "--revalidate", "0") as port, Client(port) as c:
                until = time.monotonic() + 3
                while time.monotonic() < until:
                    expect(c.ask("/dir/up").status, 200)
        finally:
            storm.kill()


# ---- patience ----


def drip(s, data, pause):
    """Sends it again and again until the server has closed. Returns after how many seconds it had."""
    closed = select.poll()
    closed.register(s, 0)  # a reset is told in any case
    begun = time.monotonic()
    while (seconds := time.monotonic() - begun) < 30:
        try:
            s.sendall(data)
        except OSError:
            break
        if closed.poll(pause * 1000):
            break
    return seconds


def slow_request(port):
    """A byte now and then does not help, and others go on meanwhile."""
    with Client(port) as c:
        expect(c.ask("/").status, 200)
    with Client(port) as slow:
        slow.send("GET / HT")
        begun = time.monotonic()
        slow.send("TP/1.1\r\nHo")
        expect(Answer(slow.file).status, 408)
        expect(8 < time.monotonic() - begun < 25, True)
        expect(slow.at_end(), True)


def blank_lines(port):
    with connect(port) as s:
        expect(8 < drip(s, b"\r\n", 0.5) < 25, True)


def after_the_last_answer(port):
    with connect(port) as s:
        s.sendall(f"GET /small.txt HTTP/1.1\r\n{CLOSE}".encode())
        expect(receive_all(s).endswith(b"\r\n\r\nsmall"), True)
        expect(drip(s, b"x", 0.3) < 15, True)


def patience():
    """All at once, for each takes its time."""
    failed = []

    def run(case, port):
        try:
            case(port)
        except Exception as e:
            failed.append(f"{case.__name__}: {type(e).__name__}: {e}")

    with server(PROGRAM, str(ROOT), "--current-thread") as port:
        threads = [threading.Thread(target=run, args=(case, port))
                   for case in (slow_request, blank_lines, after_the_last_answer)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
    expect(failed, [])


def main():
    fill()
    cases = [("patience", patience), ("signals_at_once", lambda: signals_at_once(PROGRAM, str(ROOT)))]
    for limit in (20, 64):
        cases.append((f"kept_descriptors {limit}", lambda n=limit: kept_descriptors(n, ["--workers", "1"])))
    for flavour in FLAVOURS:
        cases.append((f"descriptors_all_taken {flavour}", lambda f=flavour: descriptors_all_taken(f)))
    cases.append(("renames_meanwhile", lambda: renames_meanwhile(["--workers", "1"])))
    return run_cases(cases)


sys.exit(main())
