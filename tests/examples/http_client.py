# SPDX-License-Identifier: MIT
"""A client for HTTP/1.1 that takes nothing for granted."""
from servers import connect, expect

HOST = "Host: x\r\n"


class Answer:
    def __init__(self, file, head_only=False):
        line = file.readline()
        assert line, "the server closed"
        version, status, self.reason = line.decode().rstrip("\r\n").split(" ", 2)
        expect(version, "HTTP/1.1")
        self.status = int(status)
        self.headers = {}
        while (line := file.readline()) not in (b"\r\n", b""):
            name, value = line.decode().rstrip("\r\n").split(": ", 1)
            assert name.lower() not in self.headers, name
            self.headers[name.lower()] = value
        bare = head_only or self.status == 304
        self.body = b"" if bare else file.read(int(self.headers["content-length"]))


class Client:
    def __init__(self, port):
        self.socket = connect(port)
        self.file = self.socket.makefile("rb")

    def send(self, data):
        self.socket.sendall(data.encode("latin-1") if isinstance(data, str) else data)

    def ask(self, target, *headers, method="GET"):
        lines = "".join(h + "\r\n" for h in headers)
        self.send(f"{method} {target} HTTP/1.1\r\n{HOST}{lines}\r\n")
        return Answer(self.file, method == "HEAD")

    def at_end(self):
        return self.file.read(1) == b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()
        self.socket.close()
