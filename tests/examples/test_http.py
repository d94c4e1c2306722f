#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Does the file server answer as HTTP says, and what it must not answer not? test_http.py PROGRAM"""
import email.utils
import os
import pathlib
import random
import re
import socket
import sys
import tempfile
import threading
import time
import urllib.parse

from http_client import HOST, Answer, Client
from servers import expect, receive_all, run_cases, server

PROGRAM = sys.argv[1]
FOLDER = tempfile.TemporaryDirectory()
ROOT = pathlib.Path(FOLDER.name) / "root"
SMALL = random.randbytes(1000)
LARGE = random.randbytes(3_000_000)
FOLDER_NAME = "\u00e9" * 100 + "/" + "\u00e9" * 100
TYPES = {"ttf": "font/ttf", "OTF": "font/otf", "wav": "audio/wav", "mpeg": "video/mpeg",
         "webmanifest": "application/manifest+json", "odd": "application/octet-stream"}


def fill():
    (ROOT / "dir").mkdir(parents=True)
    (ROOT / "bare").mkdir()
    (ROOT / "index.html").write_text("front\n")
    (ROOT / "dir/index.html").write_text("inner\n")
    (ROOT / "small.txt").write_bytes(SMALL)
    (ROOT / "large.bin").write_bytes(LARGE)
    (ROOT / "empty.css").write_bytes(b"")
    (ROOT / "a b%.json").write_text("{}")
    (ROOT / ".hidden").write_text("secret")
    (ROOT / ".well-known/x").mkdir(parents=True)
    (ROOT / ".well-known/x/y.txt").write_text("known")
    (ROOT / "dir/.well-known").write_text("secret")
    (ROOT / FOLDER_NAME).mkdir(parents=True)
    (ROOT / FOLDER_NAME / "index.html").write_text("far\n")
    (ROOT / "future.txt").write_text("later")
    os.utime(ROOT / "future.txt", (4_000_000_000, 4_000_000_000))
    for extension in TYPES:
        (ROOT / f"file.{extension}").write_text("")
    (ROOT / "closed.txt").write_text("x")
    (ROOT.parent / "outside").write_text("secret")
    (ROOT / "link").symlink_to("../outside")
    (ROOT / "good").symlink_to("small.txt")
    os.mkfifo(ROOT / "fifo")


def with_client(case):
    def run(port):
        with Client(port) as c:
            case(c)

    run.__name__ = case.__name__
    return run


# ---- files ----


@with_client
def whole_files(c):
    for target, body, kind in (("/small.txt", SMALL, "text/plain; charset=utf-8"),
                               ("/large.bin", LARGE, "application/octet-stream"),
                               ("/empty.css", b"", "text/css; charset=utf-8"),
                               ("/a%20b%25.json", b"{}", "application/json"),
                               ("/", b"front\n", "text/html; charset=utf-8"),
                               ("/index.html", b"front\n", "text/html; charset=utf-8"),
                               ("/dir/", b"inner\n", "text/html; charset=utf-8"),
                               ("//dir//?q#f", b"inner\n", "text/html; charset=utf-8"),
                               ("http://x/small.txt?a=1", SMALL, "text/plain; charset=utf-8"),
                               ("/good", SMALL, "application/octet-stream")):
        for _ in range(3):  # loaded, then kept
            a = c.ask(target)
            expect((a.status, a.headers["content-type"]), (200, kind), target)
            expect(a.body == body, True, target)
            expect(a.headers["accept-ranges"], "bytes")


@with_client
def types(c):
    for extension, kind in TYPES.items():
        expect(c.ask(f"/file.{extension}").headers["content-type"], kind)


@with_client
def well_known(c):
    for target in ("/.well-known/x/y.txt", "//%2ewell-known/x/y.txt", "http://x/.well-known/x/y.txt"):
        expect(c.ask(target).body, b"known", target)
    expect(c.ask("/.well-known").headers["location"], "/.well-known/")
    for target in ("/dir/.well-known", "/.well-known/.x", "/.well-knownx", "/.well-known/./x/y.txt"):
        expect(c.ask(target).status // 100, 4, target)


@with_client
def head_has_no_body(c):
    for target in ("/small.txt", "/large.bin", "/no", "/dir"):
        get = c.ask(target)
        head = c.ask(target, method="HEAD")
        expect(head.status, get.status)
        get.headers.pop("date"), head.headers.pop("date")
        expect(head.headers, get.headers)


@with_client
def dates(c):
    a = c.ask("/small.txt")
    now = email.utils.parsedate_to_datetime(a.headers["date"]).timestamp()
    expect(abs(now - time.time()) < 5, True)
    modified = email.utils.parsedate_to_datetime(a.headers["last-modified"]).timestamp()
    expect(modified, int((ROOT / "small.txt").stat().st_mtime))
    a = c.ask("/future.txt")
    later = email.utils.parsedate_to_datetime(a.headers["last-modified"]).timestamp()
    expect(later <= email.utils.parsedate_to_datetime(a.headers["date"]).timestamp(), True)
    expect(c.ask("/future.txt", f"If-Modified-Since: {a.headers['last-modified']}").status, 304)
    expect(bool(re.fullmatch(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT", a.headers["date"])), True)


@with_client
def folders(c):
    for target, location in (("/dir", "/dir/"), ("//dir", "/dir/"), ("/dir?x=1", "/dir/?x=1"),
                             ("http://evil/dir", "/dir/")):
        a = c.ask(target)
        expect((a.status, a.headers["location"]), (301, location))
    query = "?q=" + "a" * 1000
    expect(c.ask("/dir" + query).headers["location"], "/dir/" + query)
    for n, status in ((2043, 301), (2044, 414)):  # the URL with a slash may have 2,048 bytes
        expect(c.ask("/dir" + "?" + "a" * (n - 1)).status, status)
    expect(c.ask("/bare/").status, 404)
    expect(c.ask("/small.txt/").status, 404)


@with_client
def long_names(c):
    """What a redirect says can be asked for, however long it is when it is encoded."""
    c.send(f"GET /{FOLDER_NAME} HTTP/1.1\r\n{HOST}\r\n".encode())
    a = Answer(c.file)
    expect((a.status, a.headers["location"]), (301, f"/{urllib.parse.quote(FOLDER_NAME)}/"))
    expect(c.ask(a.headers["location"]).body, b"far\n")
    expect(c.ask("/" + "a" * 1024).status, 404)
    expect(c.ask("/" + "a" * 1024 + "/").status, 404)
    expect(c.ask("/" + "a" * 1025).status, 414)


@with_client
def what_is_not_served(c):
    for target in ("/no", "/no/such", "/.hidden", "/dir/.x", "/link", "/fifo", "/...", "/dir/%2ehidden"):
        expect(c.ask(target).status, 404, target)


def paths_that_lead_out(port):
    for target in ("/..", "/../outside", "/dir/../../outside", "/%2e%2e/outside", "/.%2e/outside",
                   "/..%2foutside", "/dir%2findex.html", "/a%00b", "/%", "/%4", "/%zz", "*"):
        with Client(port) as c:
            a = c.ask(target)
            expect(a.status in (400, 404), True, target)
            expect(b"secret" in a.body, False, target)


def forbidden(port):
    if os.geteuid() == 0:
        return  # nothing is forbidden to root
    os.chmod(ROOT / "closed.txt", 0)
    with Client(port) as c:
        expect(c.ask("/closed.txt").status, 403)


@with_client
def changes_are_seen(c):
    file = ROOT / "changing.txt"
    file.write_text("one")
    first = c.ask("/changing.txt")
    expect(first.body, b"one")
    file.write_text("three")
    until = time.monotonic() + 10
    while (a := c.ask("/changing.txt")).body == b"one":
        assert time.monotonic() < until, "the old one is served"
    expect(a.body, b"three")
    expect(a.headers["etag"] != first.headers["etag"], True)
    file.unlink()
    while (a := c.ask("/changing.txt")).status == 200:
        assert time.monotonic() < until, "a file that is gone is served"
    expect(a.status, 404)


# ---- conditions and ranges ----


@with_client
def conditions(c):
    a = c.ask("/small.txt")
    tag, date = a.headers["etag"], a.headers["last-modified"]
    old = "Thu, 01 Jan 1970 00:00:00 GMT"
    for headers, status in (([f"If-None-Match: {tag}"], 304),
                            ([f'If-None-Match: "x", W/{tag}'], 304),
                            (["If-None-Match: *"], 304),
                            (['If-None-Match: "x"'], 200),
                            ([f"If-Modified-Since: {date}"], 304),
                            ([f"If-Modified-Since: {old}"], 200),
                            (["If-Modified-Since: yesterday"], 200),
                            ([f"If-Modified-Since: Sunday, 06-Nov-94 08:49:37 GMT"], 200),
                            (['If-None-Match: "x"', f"If-Modified-Since: {date}"], 200),
                            ([f"If-Modified-Since: {date} \t"], 304),
                            ([f"If-Match: {tag}"], 200),
                            ([f'If-Match: "x" ,\t{tag} '], 200),
                            (["If-Match: *"], 200),
                            ([f"If-Unmodified-Since: {date}"], 200),
                            (["If-Unmodified-Since: yesterday"], 200),
                            ([f"If-Match: {tag}", f"If-Unmodified-Since: {old}"], 200),
                            ([f"If-Match: {tag}", f"If-None-Match: {tag}"], 304)):
        a = c.ask("/small.txt", *headers)
        expect(a.status, status, headers)
        expect(a.headers["etag"], tag)
    for headers in (['If-Match: "x"'], [f"If-Match: W/{tag}"], [f"If-Match: {tag}x".replace('"x', 'x"')],
                    [f"If-Unmodified-Since: {old}"], ['If-Match: "x"', f"If-None-Match: {tag}"],
                    ['If-Match: "x"', "Range: bytes=0-1"]):
        expect(c.ask("/small.txt", *headers).status, 412, headers)
        expect(c.ask("/small.txt", *headers, method="HEAD").status, 412, headers)


@with_client
def ranges(c):
    tag = c.ask("/small.txt").headers["etag"]
    for target, data in (("/small.txt", SMALL), ("/large.bin", LARGE)):
        n = len(data)
        for text, first, last in (("0-0", 0, 0), ("10-19", 10, 19), ("990-", 990, n - 1),
                                  ("-5", n - 5, n - 1), ("0-999999999", 0, n - 1),
                                  ("-999999999", 0, n - 1)):
            a = c.ask(target, f"Range: bytes={text}")
            expect(a.status, 206, text)
            expect(a.headers["content-range"], f"bytes {first}-{last}/{n}")
            expect(a.body == data[first : last + 1], True, text)
        for text in (f"{n}-", "-0", f"{n + 5}-{n + 9}"):
            a = c.ask(target, f"Range: bytes={text}")
            expect((a.status, a.headers["content-range"]), (416, f"bytes */{n}"))
        for text in ("bytes=5-1", "bytes=x", "bytes=0-1,3-4", "lines=0-1", "bytes=" + "9" * 30 + "-"):
            a = c.ask(target, f"Range: {text}")
            expect((a.status, len(a.body)), (200, n), text)
    expect(c.ask("/small.txt", "Range: bytes=0-1", f"If-Range: {tag}").status, 206)
    expect(c.ask("/small.txt", "Range: bytes=0-1", 'If-Range: "x"').status, 200)
    expect(c.ask("/small.txt", "Range:\tbytes=0-1 \t ").status, 206)
    expect(c.ask("/empty.css", "Range: bytes=0-").status, 416)


# ---- connections ----


def keep_alive(port):
    for request, stays in (("GET /small.txt HTTP/1.1\r\nHost: x\r\n\r\n", True),
                           ("GET /small.txt HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", False),
                           ("GET /small.txt HTTP/1.0\r\n\r\n", False),
                           ("GET /small.txt HTTP/1.0\r\nConnection: keep-alive\r\n"
                            "Connection: close\r\n\r\n", False),
                           ("GET /small.txt HTTP/1.0\r\nExpect: wonders\r\n\r\n", False),
                           ("GET /small.txt HTTP/1.1\r\nHost: [::1]:80 \r\n\r\n", True),
                           ("GET /small.txt HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", True)):
        with Client(port) as c:
            c.send(request)
            a = Answer(c.file)
            expect(a.status, 200)
            if stays:
                expect(c.ask("/").status, 200)
            else:
                expect(a.headers["connection"], "close")
                expect(c.at_end(), True)


@with_client
def pipelining(c):
    many = 200
    c.send(f"GET /small.txt HTTP/1.1\r\n{HOST}\r\nHEAD /large.bin HTTP/1.1\r\n{HOST}\r\n"
           f"GET /no HTTP/1.1\r\n{HOST}\r\n" * many)
    for _ in range(many):
        expect(Answer(c.file).body == SMALL, True)
        expect(Answer(c.file, True).headers["content-length"], str(len(LARGE)))
        expect(Answer(c.file).status, 404)


@with_client
def byte_by_byte(c):
    for b in f"GET /dir/ HTTP/1.1\r\n{HOST}If-None-Match: \"abc\"\r\n\r\n":
        c.send(b)
    expect(Answer(c.file).body, b"inner\n")


@with_client
def bodies_are_read_and_ignored(c):
    c.send(f"GET / HTTP/1.1\r\n{HOST}Content-Length: 5\r\n\r\nhello")
    expect(Answer(c.file).status, 200)
    expect(c.ask("/", "Expect: 100-continue", "Content-Length: 0").status, 200)
    a = c.ask("/", "Content-Length: 0", method="POST")
    expect((a.status, a.headers["allow"]), (405, "GET, HEAD"))
    expect(c.ask("/", method="DELETE").status, 405)


@with_client
def upgrades_are_not_taken_up(c):
    for offer in ("Upgrade: h2c", "Upgrade: websocket", "Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA"):
        a = c.ask("/small.txt", "Connection: Upgrade, HTTP2-Settings", offer)
        expect((a.status, a.body == SMALL), (200, True), offer)
        expect("upgrade" in a.headers, False)


def other_methods(port):
    """What they would send is not waited for: the connection ends with the answer."""
    for method in ("POST", "PUT"):
        for header in ("Expect: 100-continue\r\nContent-Length: 5", "Content-Length: 500000",
                       "Expect: wonders", "Transfer-Encoding: chunked"):
            with Client(port) as c:
                c.send(f"{method} / HTTP/1.1\r\n{HOST}{header}\r\n\r\n")
                a = Answer(c.file)
                expect((a.status, a.headers["connection"]), (405, "close"), header)
                expect(c.at_end(), True)


def many_at_once(port):
    failed = []

    def fetch():
        try:
            with Client(port) as c:
                for _ in range(20):
                    expect(c.ask("/large.bin").body == LARGE, True)
                    expect(c.ask("/small.txt").body == SMALL, True)
        except Exception as e:
            failed.append(e)

    threads = [threading.Thread(target=fetch) for _ in range(16)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    expect(failed, [])


# ---- what is wrong ----

BAD = (
    ("no host", "GET / HTTP/1.1\r\n\r\n", 400),
    ("two hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
    ("two lengths", f"GET / HTTP/1.1\r\n{HOST}Content-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400),
    ("length twice", f"GET / HTTP/1.1\r\n{HOST}Content-Length: 1\r\nContent-Length: 1\r\n\r\na", 400),
    ("length and chunks",
     f"GET / HTTP/1.1\r\n{HOST}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    ("chunks and length",
     f"GET / HTTP/1.1\r\n{HOST}Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", 400),
    ("negative length", f"GET / HTTP/1.1\r\n{HOST}Content-Length: -1\r\n\r\n", 400),
    ("huge length", f"GET / HTTP/1.1\r\n{HOST}Content-Length: {'9' * 30}\r\n\r\n", 400),
    ("long body", f"GET / HTTP/1.1\r\n{HOST}Content-Length: 70000\r\n\r\n", 413),
    ("chunks", f"GET / HTTP/1.1\r\n{HOST}Transfer-Encoding: chunked\r\n\r\n3\r\nabcXX0\r\n\r\n", 411),
    ("trailer", f"GET / HTTP/1.1\r\n{HOST}Transfer-Encoding: chunked\r\n\r\n0\r\nIf-None-Match: *\r\n\r\n", 411),
    ("coded", f"GET / HTTP/1.1\r\n{HOST}Transfer-Encoding: gzip\r\n\r\n", 411),
    ("coded length", f"GET / HTTP/1.1\r\n{HOST}Transfer-Encoding: \r\nContent-Length: 1\r\n\r\na", 400),
    ("old chunks", "GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\nConnection: keep-alive\r\n\r\n0\r\n\r\n",
     400),
    ("bad host", "GET / HTTP/1.1\r\nHost: a b/c\r\n\r\n", 400),
    ("bad port", "GET / HTTP/1.1\r\nHost: a:b\r\n\r\n", 400),
    ("half a literal", "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", 400),
    ("URL without host", f"GET http:///small.txt HTTP/1.1\r\n{HOST}Connection: close\r\n\r\n", 400),
    ("URL with user", f"GET http://u:p@x/ HTTP/1.1\r\n{HOST}Connection: close\r\n\r\n", 400),
    ("expects a body", f"GET / HTTP/1.1\r\n{HOST}Expect: 100-continue\r\nContent-Length: 5\r\n\r\n", 413),
    ("expects what", f"GET / HTTP/1.1\r\n{HOST}Expect: wonders\r\n\r\n", 417),
    ("no method", "FROB / HTTP/1.1\r\nHost: x\r\n\r\n", 501),
    ("connect", "CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n", 405),
    ("version", "GET / HTTP/2.0\r\nHost: x\r\n\r\n", 505),
    ("space before colon", "GET / HTTP/1.1\r\nHost : x\r\n\r\n", 400),
    ("garbage", "\0\1\2\3garbage\r\n\r\n", (400, 501)),
    ("long url", f"GET /{'a' * 5000} HTTP/1.1\r\n{HOST}\r\n", 414),
    ("long header", f"GET / HTTP/1.1\r\n{HOST}X: {'a' * 9000}\r\n\r\n", 431),
    ("many headers", f"GET / HTTP/1.1\r\n{HOST}" + "X: y\r\n" * 3000 + "\r\n", 431),
)


def bad_requests(port):
    for name, request, status in BAD:
        with Client(port) as c:
            try:
                c.send(request)
            except OSError:
                pass  # it is answered before all of it is sent
            a = Answer(c.file)
            expected = status if isinstance(status, tuple) else (status,)
            expect(a.status in expected, True, f"{name}: {a.status}")
            expect(a.headers["connection"], "close", name)
            expect(c.at_end(), True, name)


def cut_requests(port):
    whole = f"GET /small.txt HTTP/1.1\r\n{HOST}Content-Length: 3\r\n\r\nabc"
    for n in range(len(whole)):
        with Client(port) as c:
            c.send(whole[:n])
            c.socket.shutdown(socket.SHUT_WR)
            if n != 0:
                a = Answer(c.file)
                expect((a.status, a.headers["connection"]), (400, "close"), n)
            expect(receive_all(c.socket), b"", n)


def readers_that_leave(port):
    for _ in range(30):
        with Client(port) as c:
            c.send(f"GET /large.bin HTTP/1.1\r\n{HOST}\r\n" * 3)
            c.socket.recv(1000)
    with Client(port) as c:
        expect(c.ask("/").status, 200)


def usage():
    import subprocess

    for args, status in ((["0"], 2), ([], 2), (["0", "/no/such/folder"], 1), (["0", str(ROOT), "x"], 2),
                         (["0", str(ROOT), "--revalidate"], 2), (["0", str(ROOT / "index.html")], 1)):
        done = subprocess.run([PROGRAM, *args], capture_output=True, text=True, timeout=20)
        expect((done.returncode, done.stderr != ""), (status, True), args)


def on(port, case):
    return lambda: case(port)


def main():
    fill()
    cases = [("usage", usage)]
    shared = (whole_files, types, well_known, head_has_no_body, dates, folders, long_names,
              what_is_not_served, paths_that_lead_out, upgrades_are_not_taken_up, other_methods,
              forbidden, changes_are_seen, conditions, ranges, keep_alive, pipelining, byte_by_byte,
              bodies_are_read_and_ignored, many_at_once, bad_requests, cut_requests, readers_that_leave)
    status = run_cases(cases)
    for flavour in (["--workers", "1"], ["--workers", "2"], ["--current-thread", "--revalidate", "0"]):
        with server(PROGRAM, str(ROOT), *flavour) as port:
            status |= run_cases([(f"{c.__name__} {flavour}", on(port, c)) for c in shared])
    return status


sys.exit(main())
