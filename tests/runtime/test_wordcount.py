#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Does the demo count as tr, sort and uniq do, on any input, with any number of workers, in bounded
memory?

usage: test_wordcount.py PATH-OF-WORDCOUNT
PIRN_TEST_LONG=1: the large file has 200 MB instead of 20.
"""
import errno
import os
import pty
import random
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
CHUNK = 64 * 1024
MEMORY_KIB = 24 * 1024
TIMEOUT = 120
FLAVORS = ("--current-thread", "--workers=1", "--workers=2", "--workers=4")

PIPELINE = """
for f; do tr -cs A-Za-z '\\n' <"$f"; echo; done |
tr A-Z a-z | sort | uniq -c | sed 's/^ *//' | grep ' .' | sort -k1,1nr -k2,2
"""

program = ""
work = Path()
passed = 0
failed = 0


def check(what, got, want):
    global passed, failed
    if got == want:
        passed += 1
        return
    failed += 1
    print(f"FAILED: {what}")
    if isinstance(got, bytes) and isinstance(want, bytes):
        pairs = list(zip(got.splitlines() + [b"(end)"], want.splitlines() + [b"(end)"]))
        got, want = next((p for p in pairs if p[0] != p[1]), (got, want))
    print(f"  got  {got!r:.300}\n  want {want!r:.300}")


def coreutils(*paths):
    done = subprocess.run(["sh", "-c", PIPELINE, "sh", *paths], env={**os.environ, "LC_ALL": "C"},
                          stdout=subprocess.PIPE, timeout=TIMEOUT)
    return done.stdout


def run(*args, **more):
    return subprocess.run([program, *args], **{"stdin": subprocess.DEVNULL, "capture_output": True,
                                               "timeout": TIMEOUT, **more})


def check_run(what, done, out, err=b"", status=0):
    check(f"{what}: output", done.stdout, out)
    check(f"{what}: messages", done.stderr, err)
    check(f"{what}: exit status", done.returncode, status)


def check_same(what, *paths):
    """The program and the pipeline agree on these files."""
    want = coreutils(*paths)
    check_run(what, run("--all", "--", *paths), want)
    return want


def check_flavors(what, *paths):
    """So do the program's flavours."""
    want = check_same(what, *paths)
    for flavor in FLAVORS:
        check_run(f"{what}, {flavor}", run("--all", flavor, "--", *paths), want)


def message(name, code):
    return b"wordcount: " + os.fsencode(name) + b": " + os.strerror(code).encode() + b"\n"


def make(name, data):
    path = work / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def filler(size):
    """Words and a space at the end, in this many bytes."""
    return (b"one Two THREE four-five 6 " * (size // 26 + 1))[26 - size % 26:][:size]


def repository_files():
    for top in ("docs", "runtime", "task"):
        for folder, inner, names in os.walk(ROOT / top):
            inner[:] = [n for n in inner if n[0] != "."]
            for path in (Path(folder, n) for n in names if n[0] != "."):
                if path.is_file() and not path.is_symlink():
                    yield path


def test_repository():
    want = coreutils(*repository_files())
    check("the repository has words", want.count(b"\n") > 1000, True)
    check_run("docs and sources, named", run("--all", ROOT / "docs", ROOT / "runtime",
                                             ROOT / "task"), want)
    check_run("docs and sources, by default", run("--all"), want)
    check_run("-- alone", run("--all", "--"), want)
    check_run("the top 20", run(), b"".join(want.splitlines(True)[:20]))


def test_random():
    rng = random.Random(20)
    files = [
        make("bytes", rng.randbytes(1_000_000)),
        make("letters", bytes(rng.choices(b"aAbB \n\0\xe4", k=500_000))),
        make("dense", bytes(rng.choices(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ@[`{ ",
                                        k=700_000))),
        make("nul", b"\0" * 70_000 + b"a\0B\0" * 40_000),
        make("every byte", bytes(range(256)) + b"x" + bytes(range(255, -1, -1))),
    ]
    for path in files:
        check_flavors(f"random, {path.name}", path)
    check_flavors("random, all of them", *files)


def test_borders():
    for border in (CHUNK, 2 * CHUNK, 8 * CHUNK):
        for offset in range(-22, 4):
            data = filler(border + offset) + b"CrossesTheBorderHere, a tail"
            check_same(f"word at {border} {offset:+}", make("border", data))
    for size in (1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK - 1, 2 * CHUNK, 2 * CHUNK + 1):
        check_same(f"{size} letters", make("border", b"x" * size))
        check_same(f"{size} bytes without a letter", make("border", b"." * size))
        check_same(f"{size} letters and a dot", make("border", b"x" * size + b"."))
        check_same(f"a dot and {size} letters", make("border", b"." + b"x" * size))
        check_same(f"{size} letters in two words",
                   make("border", b"x" * (size // 2) + b" " + b"x" * (size - size // 2 - 1)))
    for size in (300_000, 1_000_000):
        word = bytes(random.Random(size).choices(b"abcdefXYZ", k=size))
        check_flavors(f"a word of {size} letters", make("border", word))
        check_flavors(f"a word of {size} letters between others",
                      make("border", filler(50_000) + word + b" " + word.lower() + b"\nmore words"))
    other = make("other", b"Tail of it")
    for size in range(CHUNK - 12, CHUNK + 3):
        check_same(f"a file of {size} bytes, then another",
                   make("border", filler(size - 4) + b"Word"), other)


def test_files():
    empty = make("empty", b"")
    one = make("one", b"Alpha beta")
    two = make("two", b"gamma alpha")
    letters = make("full", b"x" * CHUNK)
    check_run("empty file", run("--all", empty), b"")
    check_run("file without a word", run(make("dots", b"... 123\n")), b"")
    check_flavors("no word goes from file to file", one, two, letters, letters, empty, one)
    check_run("few words", run(one, two), b"2 alpha\n1 beta\n1 gamma\n")
    check_run("option after the names", run(one, two, "--all"), b"2 alpha\n1 beta\n1 gamma\n")
    many = b" ".join(b"z" * n for n in range(1, 31)) + b" zz"
    check_run("20 of 30, ties by bytes", run(make("many", many)),
              b"2 zz\n1 z\n" + b"".join(b"1 " + b"z" * n + b"\n" for n in range(3, 21)))
    small = [make(f"small/{n}", b"w%c" % (97 + n % 26) + filler(n % 700)) for n in range(500)]
    want = coreutils(*small)
    for flavor in FLAVORS:
        check_run(f"500 small files, {flavor}", run("--all", flavor, small[0].parent), want)
    check_same("odd names", make(b"-dash \xff name".decode(errors="surrogateescape"), b"odd one"))
    check_run("named like an option", run("--", "--all", cwd=make("named/--all", b"word").parent),
              b"1 word\n")
    check_same("file of the kernel, of no size", "/proc/version")
    check_run("standard input", run("-", one, stdin=None, input=b"beta beta"),
              b"3 beta\n1 alpha\n")
    check_run("standard input, twice", run("-", "-", stdin=None, input=b"beta"), b"1 beta\n")


def test_fifo():
    data = filler(3 * CHUNK + 100)
    want = coreutils(make("copy", data))
    fifo = work / "fifo"
    os.mkfifo(fifo)

    def feed():
        with open(fifo, "wb", buffering=0) as pipe:
            for at in range(0, len(data), 1000):
                pipe.write(data[at:at + 1000])

    feeder = threading.Thread(target=feed, daemon=True)
    feeder.start()
    check_run("fifo", run("--all", fifo), want)
    feeder.join(TIMEOUT)


def test_folders():
    top = work / "top"
    visible = [make("top/b", b"in b"), make("top/a/z/deep", b"in deep"), make("top/a/y", b"in y"),
               make("top/a.txt", filler(CHUNK + 9))]
    make("top/.hidden", b"unseen")
    make("top/.git/config", b"unseen")
    make("top/a/.x/y", b"unseen")
    outside = make("outside/file", b"outside")
    (top / "nothing").mkdir()
    (top / "loop").symlink_to(top)
    (top / "a" / "up").symlink_to("..")
    (top / "a" / "link").symlink_to(outside)
    (top / "a" / "dangling").symlink_to("nowhere")
    os.mkfifo(top / "a" / "fifo")
    want = coreutils(*visible)
    check_run("folder", run("--all", top), want)
    check_run("folder with slashes", run("--all", f"{top}//"), want)
    check_run("folder that is current", run("--all", ".", cwd=top), want)
    check_run("folder and files", run("--all", top, outside, top / "b"),
              coreutils(*visible, outside, visible[0]))
    check_run("link to a folder, by name", run("--all", top / "loop"), want)
    check_run("link to a file, by name", run("--all", top / "a" / "link"), b"1 outside\n")
    check_run("hidden ones, by name", run("--all", top / ".hidden", top / ".git"), b"2 unseen\n")
    check_run("empty folder", run(top / "nothing"), b"")

    deep = work / "deep" / "/".join("d" * 60)
    deep.mkdir(parents=True)
    for folder in [deep, *deep.parents][:60]:
        for name in "pq":
            (folder / name).write_bytes(b"leaf")
    done = subprocess.run(["sh", "-c", 'ulimit -n 24; exec "$@"', "sh", program, work / "deep"],
                          capture_output=True, timeout=TIMEOUT)
    check_run("60 levels and 24 descriptors", done, b"120 leaf\n")


def test_unreadable():
    good = make("good", b"still counted")
    gone = work / "gone"
    dangling = work / "dangling"
    dangling.symlink_to(gone)
    loop = work / "loop"
    loop.symlink_to(loop)
    counted = b"1 counted\n1 still\n"
    for name, code in ((gone, errno.ENOENT), (dangling, errno.ENOENT), (loop, errno.ELOOP),
                       (good / "inside", errno.ENOTDIR), ("", errno.ENOENT),
                       ("n" * 300, errno.ENAMETOOLONG), ("/proc/self/mem", errno.EIO)):
        check_run(f"{str(name):.30}: {errno.errorcode[code]}", run(name, good), counted,
                  message(name, code), 1)
    for flavor in FLAVORS:
        check_run(f"several unreadable, {flavor}", run(flavor, gone, good, loop), counted,
                  message(gone, errno.ENOENT) + message(loop, errno.ELOOP), 1)
        large = make("large", filler(40 * CHUNK))
        check_run(f"unreadable between large ones, {flavor}",
                  run("--all", flavor, large, "/proc/self/mem", gone, large, loop),
                  coreutils(large, large), message("/proc/self/mem", errno.EIO) +
                  message(gone, errno.ENOENT) + message(loop, errno.ELOOP), 1)
    folder = os.open(work, os.O_RDONLY)
    check_run("a folder as standard input", run("-", good, stdin=folder), counted,
              message("-", errno.EISDIR), 1)
    os.close(folder)
    if os.geteuid() != 0:
        closed = make("closed/file", b"secret")
        closed.chmod(0)
        check_run("no permission", run(closed.parent, good), counted,
                  message(closed, errno.EACCES), 1)
        closed.parent.chmod(0)
        check_run("no permission, folder", run(closed.parent, good), counted,
                  message(closed.parent, errno.EACCES), 1)
        closed.parent.chmod(0o700)


def test_options():
    for bad in ("--al", "-a", "--all=1", "---", "--x", "--workers", "--workers=", "--workers=0",
                "--workers=-1", "--workers=2x", "--workers= 2", "--workers=65536",
                "--workers=18446744073709551618", "--current-thread=1"):
        done = run(bad, work / "good")
        check(f"{bad}: output", done.stdout, b"")
        check(f"{bad}: message", done.stderr.split(b"\n")[0],
              b"wordcount: unknown option '" + bad.encode() + b"'")
        check(f"{bad}: usage", b"usage: wordcount [--all]" in done.stderr, True)
        check(f"{bad}: exit status", done.returncode, 2)
    one = make("one", b"Alpha beta")
    check_run("workers, then current thread", run("--workers=2", "--current-thread", one),
              b"1 alpha\n1 beta\n")
    check_run("current thread, then workers", run("--current-thread", "--workers=2", one),
              b"1 alpha\n1 beta\n")
    check_run("workers by the environment", run(one, env={**os.environ, "PIRN_WORKER_THREADS": "3"}),
              b"1 alpha\n1 beta\n")
    done = run(one, env={**os.environ, "PIRN_WORKER_THREADS": "none"})
    check("bad environment: output", done.stdout, b"")
    check("bad environment: message", b"PIRN_WORKER_THREADS" in done.stderr, True)
    check("bad environment: exit status", done.returncode, 1)
    done = run("--help")
    check("help: output", done.stdout.startswith(b"usage: wordcount"), True)
    check("help: says what is left out", b"hidden" in done.stdout, True)
    check("help: exit status", (done.stderr, done.returncode), (b"", 0))


def test_output():
    few = make("few", b"some words")
    many = make("dictionary", b" ".join(bytes([a, b, c, d]) for a in range(97, 123)
                                        for b in range(97, 123) for c in range(97, 103)
                                        for d in range(97, 101)))
    error = message("standard output", errno.ENOSPC)
    with open("/dev/full", "wb") as full:
        for args in ((few,), ("--all", many), ("--help",)):
            done = run(*args, capture_output=False, stdout=full, stderr=subprocess.PIPE)
            check(f"full disk, {args[0]}", (done.stderr, done.returncode), (error, 1))
    done = subprocess.run(["sh", "-c", 'exec "$@" >&-', "sh", program, few],
                          stderr=subprocess.PIPE, timeout=TIMEOUT)
    check("no output", (done.stderr, done.returncode),
          (message("standard output", errno.EBADF), 1))


def test_progress():
    good = make("good", b"still counted")
    ours, theirs = pty.openpty()
    done = run(good, work / "gone", capture_output=False, stdout=subprocess.PIPE, stderr=theirs)
    os.close(theirs)
    seen = b""
    try:
        while piece := os.read(ours, CHUNK):
            seen += piece
    except OSError as error:
        check("terminal: read to its end", error.errno, errno.EIO)
    os.close(ours)
    check("terminal: output", done.stdout, b"1 counted\n1 still\n")
    check("terminal: a progress line", b"\r1 files, 0 MiB, " in seen, True)
    check("terminal: the message has a line of its own",
          b"\r\033[K" + message(work / "gone", errno.ENOENT)[:-1] + b"\r\n" in seen, True)
    check("terminal: nothing is left of it", seen.endswith(b"\r\033[K"), True)


def limited(*args):
    shell = ["sh", "-c", f'ulimit -v {MEMORY_KIB}; exec "$@"', "sh"]
    return subprocess.run([*shell, program, *args], capture_output=True, timeout=TIMEOUT)


def test_memory():
    rng = random.Random(64)
    words = [bytes(rng.choices(b"etaoinshrdlu", k=rng.randint(1, 9))) for _ in range(20_000)]
    block = make("block", b" ".join(rng.choices(words, k=200_000)) + b"\n")
    size = block.stat().st_size
    times = (200_000_000 if os.environ.get("PIRN_TEST_LONG") == "1" else 20_000_000) // size
    lines = (line.split() for line in coreutils(block).splitlines())
    want = b"".join(b"%d %s\n" % (int(count) * times, word) for count, word in lines)
    large = work / "large"
    with open(large, "wb") as f:
        for _ in range(times):
            f.write(block.read_bytes())
    for flavor in FLAVORS:
        check_run(f"large file, {flavor}", run("--all", flavor, large), want)

    image = Path(program).read_bytes()
    if b"__asan_init" in image or b"__tsan_init" in image or b"__msan_init" in image:
        print("skipped: memory limits, which a sanitizer's own memory breaks")
        return
    for flavor in FLAVORS:
        check_run(f"large file, little memory, {flavor}", limited("--all", flavor, large), want)
    large.unlink()
    many = make("many", bytes(rng.choices(b"abcdefghijklmnopqrstuvwxyz ", k=10_000_000)))
    for flavor in FLAVORS:
        check_run(f"more words than memory, {flavor}", limited(flavor, many), b"",
                  b"wordcount: " + os.strerror(errno.ENOMEM).encode() + b"\n", 1)


def main():
    global program, work
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    program = os.path.abspath(sys.argv[1])
    with tempfile.TemporaryDirectory(prefix="wordcount-") as folder:
        work = Path(folder)
        for test in (test_repository, test_random, test_borders, test_files, test_fifo,
                     test_folders, test_unreadable, test_options, test_output, test_progress,
                     test_memory):
            try:
                test()
            except (OSError, subprocess.SubprocessError) as error:
                check(f"{test.__name__} goes to its end", repr(error), None)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
