# SPDX-License-Identifier: MIT
"""Starting an example server on a free port, and ending it; and what the tests of all of them need."""
import contextlib
import os
import re
import signal
import socket
import subprocess

PATIENCE = 20  # seconds: longer than anything here may take on a busy machine


def expect(got, wanted, what=""):
    assert got == wanted, f"{what}: {got!r}, not {wanted!r}"


def limited(descriptors):
    """What stands before a command that may have so many."""
    return ["sh", "-c", f'ulimit -n {descriptors}; exec "$@"', "sh"]


class Port(int):
    """A server's port, and its process."""

    pid = 0

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))


@contextlib.contextmanager
def server(program, *args, before=()):
    """The port of a server that listens. At the end it is told to end, and must do so at once."""
    command = [*before, program, "0", *args]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        line = process.stdout.readline()
        port = re.fullmatch(r"listening on [\d.]+:(\d+)\n", line)
        assert port, f"{command}: said {line!r}"
        port = Port(port[1])
        port.pid = process.pid
        yield port
        process.send_signal(signal.SIGINT)
        status = process.wait(timeout=PATIENCE)
        assert status == 0, f"{command}: ended with {status}"
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def signals_at_once(program, *args):
    """Who has read that it listens may tell it to end: it does so in order, and is not killed."""
    for number in [signal.SIGINT, signal.SIGTERM] * 15:
        with subprocess.Popen([program, "0", *args], stdout=subprocess.PIPE) as process:
            process.stdout.readline()
            process.send_signal(number)
            expect(process.wait(timeout=PATIENCE), 0, f"{program}: {number}")


def connect(port):
    s = socket.create_connection(("127.0.0.1", int(port)), timeout=PATIENCE)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return s


def receive_all(s):
    """Until the end of the stream."""
    parts = []
    while part := s.recv(65536):
        parts.append(part)
    return b"".join(parts)


def run_cases(cases):
    """Calls each (name, function); tells which fail. Returns the exit status."""
    failed = 0
    for name, case in cases:
        try:
            case()
        except Exception as e:  # every kind of failure is one
            failed += 1
            print(f"failed: {name}: {type(e).__name__}: {e}")
    print(f"{len(cases) - failed} passed, {failed} failed")
    return failed != 0
