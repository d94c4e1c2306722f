#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Do the small example programs do what they say? test_examples.py FOLDER_OF_PROGRAMS"""
import pathlib
import random
import resource
import socket
import subprocess
import sys
import threading
import time

from servers import (PATIENCE, connect, expect, limited, receive_all, run_cases, server,
                     signals_at_once)

FOLDER = pathlib.Path(sys.argv[1])
ECHO, CHAT, EXECUTOR = (str(FOLDER / n) for n in ("echo_server", "chat_server", "executor"))
FLAVOURS = ([], ["--workers", "1"], ["--workers", "2"], ["--current-thread"])


def output_of(*command):
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
    return done.returncode, done.stdout, done.stderr


# ---- echo ----


def echo_bytes(port, data):
    """Sends all and half closes, while it receives: the server may not wait for either."""
    with connect(port) as s:
        def send():
            s.sendall(data)
            s.shutdown(socket.SHUT_WR)

        sender = threading.Thread(target=send)
        sender.start()
        got = receive_all(s)
        sender.join()
    expect(got == data, True)


def echo_all_sizes(flavour):
    with server(ECHO, *flavour) as port:
        for size in (0, 1, 64, 4095, 4096, 4097, 1_000_000):
            echo_bytes(port, random.randbytes(size))


def echo_many_at_once(flavour):
    with server(ECHO, *flavour) as port:
        sockets = [connect(port) for _ in range(200)]
        for round_ in range(5):
            for i, s in enumerate(sockets):
                s.sendall(f"{round_} {i};".encode())
            for i, s in enumerate(sockets):
                wanted = f"{round_} {i};".encode()
                got = b""
                while len(got) < len(wanted):
                    got += s.recv(len(wanted) - len(got))
                expect(got, wanted)
        for s in sockets:
            s.close()


def echo_survives_resets(flavour):
    linger = b"\1\0\0\0\0\0\0\0"  # on, 0 s: closing sends a reset
    with server(ECHO, *flavour) as port:
        for _ in range(50):
            s = connect(port)
            s.sendall(b"x" * 100_000)
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            s.close()
        echo_bytes(port, b"still there")


def echo_ends_with_connections_open():
    with server(ECHO) as port:
        open_ones = [connect(port) for _ in range(20)]
        for s in open_ones:
            s.sendall(b"x")
            expect(s.recv(1), b"x")
    for s in open_ones:
        expect(s.recv(1), b"")
        s.close()


def echo_survives_few_descriptors():
    """Connections beyond the limit wait, and none is lost."""
    with server(ECHO, "--current-thread", before=limited(24)) as port:
        sockets = [connect(port) for _ in range(60)]
        for s in sockets:
            s.sendall(b"ping")
        for s in sockets:
            expect(s.recv(4), b"ping")
            s.close()


def echo_port_in_use():
    with server(ECHO) as port:
        status, _, err = output_of(ECHO, str(port))
        expect(status, 1)
        expect("Address already in use" in err, True)


def usage():
    for program in (ECHO, CHAT):
        for args in ([], ["x"], ["70000"], ["0", "--workers"], ["0", "--workers", "0"], ["0", "y"]):
            status, _, err = output_of(program, *args)
            expect((status, err.startswith("usage: ")), (2, True))


# ---- chat ----


class Client:
    def __init__(self, port, name):
        self.socket = connect(port)
        self.lines = self.socket.makefile("r", newline="\n")
        self.say(name)

    def say(self, text):
        self.socket.sendall(text.encode() + b"\n")

    def hear(self, wanted):
        expect(self.lines.readline(), wanted + "\n")

    def send(self, data):
        self.socket.sendall(data)

    def leave(self):
        self.lines.close()
        self.socket.close()


def chat_rounds(flavour):
    with server(CHAT, *flavour) as port:
        early = connect(port)  # without a name; hears all who come later
        heard = early.makefile("r", newline="\n")
        ann = Client(port, "ann")
        ann.say("is anybody there?")
        expect(heard.readline(), "* ann has come\n")
        expect(heard.readline(), "[ann] is anybody there?\n")
        bob = Client(port, "bob")
        ann.hear("* bob has come")
        cat = Client(port, "cat")
        ann.hear("* cat has come")
        bob.hear("* cat has come")
        for i in range(100):
            bob.say(f"number {i}")
            ann.hear(f"[bob] number {i}")
            cat.hear(f"[bob] number {i}")
        cat.say("x" * 1000)
        ann.hear("[cat] " + "x" * 400)
        ann.hear("[cat] " + "x" * 400)
        ann.hear("[cat] " + "x" * 200)
        cat.leave()
        ann.hear("* cat has left")
        bob.leave()
        ann.hear("* bob has left")
        ann.leave()
        heard.close()
        early.close()


def chat_slow_reader():
    """Who does not read is told what was missed, and keeps nobody waiting."""
    with server(CHAT, "--current-thread") as port:
        slow = Client(port, "slow")
        fast = Client(port, "fast")
        slow.hear("* fast has come")
        text = "y" * 390
        for _ in range(60_000):
            fast.say(text)
        fast.say("the end")
        seen = 0
        missed = 0
        while (line := slow.lines.readline()) != "[fast] the end\n":
            if line.startswith("* you have missed "):
                missed += int(line.split()[4])
            else:
                expect(line, f"[fast] {text}\n")
                seen += 1
        expect(seen + missed, 60_000)
        expect(missed > 0, True)
        slow.leave()
        fast.leave()


def chat_lines(flavour):
    """Where a line ends, and what in it does not go on to the terminals of others."""
    with server(CHAT, *flavour) as port:
        ann = Client(port, "ann")
        bob = Client(port, "bob")
        ann.hear("* bob has come")
        for n in (399, 400):  # as long as a line may be: no second, empty one
            for end in (b"\n", b"\r\n"):
                bob.send(b"x" * n + end)
                ann.hear("[bob] " + "x" * n)
        bob.send(b"y" * 401 + b"\n")
        ann.hear("[bob] " + "y" * 400)
        ann.hear("[bob] y")
        bob.send("\u00e9".encode() * 201 + b"\n")
        ann.hear("[bob] " + "\u00e9" * 200)
        ann.hear("[bob] \u00e9")
        bob.send(b"x" + "\u00e9".encode() * 200 + b"\n")  # not cut in the middle of a character
        ann.hear("[bob] x" + "\u00e9" * 199)
        ann.hear("[bob] \u00e9")
        bob.send(b"a\0b\x1b[2Jc\rd\x7f\te\n")
        ann.hear("[bob] a?b?[2Jc?d?\te")
        bob.send(b"no end")
        bob.socket.shutdown(socket.SHUT_WR)
        ann.hear("[bob] no end")
        ann.hear("* bob has left")
        bob.leave()
        for name, heard in (("\0cat\x1b", "?cat?"), ("n" * 1000, "n" * 32),
                            ("\u00e9" * 17, "\u00e9" * 16), ("x" + "\u00e9" * 16, "x" + "\u00e9" * 15),
                            ("%s%n\r", "%s%n")):
            cat = Client(port, name)
            ann.hear(f"* {heard} has come")
            cat.say("hello")
            ann.hear(f"[{heard}] hello")
            cat.leave()
            ann.hear(f"* {heard} has left")
        ann.leave()


def chat_floods(flavour):
    """However much others say, everybody is listened to."""
    with server(CHAT, *flavour) as port:
        stop = threading.Event()

        def drain(s):
            try:
                while s.recv(65536):
                    pass
            except OSError:
                pass

        def flood(s):
            s.sendall(b"flood\n")
            try:
                while not stop.is_set():
                    s.sendall(b"a\n" * 200)
                s.shutdown(socket.SHUT_WR)
            except OSError:
                pass

        sockets = [connect(port) for _ in range(2)]
        threads = [threading.Thread(target=what, args=(s,)) for s in sockets for what in (flood, drain)]
        for t in threads:
            t.start()
        try:
            with connect(port) as s:
                begun = time.monotonic()
                says = b"carl\nhello\n"
                while s.recv(65536):  # until the server has read the end
                    seconds = time.monotonic() - begun
                    if says and seconds > 0.5:  # it hears others all the time by then
                        s.sendall(says)
                        s.shutdown(socket.SHUT_WR)
                        says = b""
                    assert seconds < 10, "it is not read"
        finally:
            stop.set()
            for t in threads:
                t.join()
            for s in sockets:
                s.close()


def executor():
    expect(output_of(EXECUTOR), (0, "quick\nbetween\nslow\n", ""))


def executor_without_threads():
    """A task that fails ends, and so does the executor."""

    def no_stack_fits():
        hard = resource.getrlimit(resource.RLIMIT_STACK)[1]
        resource.setrlimit(resource.RLIMIT_STACK, (1 << 60 if hard < 0 else hard, hard))

    done = subprocess.run([EXECUTOR], capture_output=True, text=True, timeout=PATIENCE,
                          preexec_fn=no_stack_fits)
    expect((done.returncode, done.stdout), (1, ""))
    expect(done.stderr.count("there is no thread for it"), 3)


CASES = [("usage", usage), ("executor", executor),
         ("executor_without_threads", executor_without_threads),
         ("signals_at_once", lambda: [signals_at_once(p) for p in (ECHO, CHAT)]), ("echo_port_in_use", echo_port_in_use),
         ("echo_survives_few_descriptors", echo_survives_few_descriptors),
         ("echo_ends_with_connections_open", echo_ends_with_connections_open),
         ("chat_slow_reader", chat_slow_reader)]
for flavour in FLAVOURS:
    for case in (echo_all_sizes, echo_many_at_once, echo_survives_resets, chat_rounds,
                 chat_lines, chat_floods):
        CASES.append((f"{case.__name__} {flavour}", lambda c=case, f=flavour: c(f)))
sys.exit(run_cases(CASES))
