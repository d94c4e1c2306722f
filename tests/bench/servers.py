# SPDX-License-Identifier: MIT
"""How do pirn's servers compare with others: echo, HTTP, and connections that rest?

Server and client have a CPU each, if the machine has two. The servers take their turns: each round
starts every one of them afresh. A figure is the median over the rounds. All answers are checked: the
echo client compares every reply, and of HTTP the file is fetched and compared before wrk runs.
"""
import contextlib
import json
import os
import re
import resource
import select
import signal
import socket
import statistics
import subprocess
import tempfile
import time
import urllib.request

import builds
import report
from builds import Failed, Unavailable, say

CONNECTIONS = (50, 1000)
RESTING = 100000
# Descriptors that a server or client needs besides its connections.
OTHER_FDS = 64
FILE_BYTES = 1024
# Nothing here takes so long: seconds until a server listens, and beyond the time a client runs.
PATIENCE = 60
ECHO_FIGURES = ("per_second", "p50", "p99", "p999", "user_us", "system_us")
ONE_WORKER = ("--workers", "1")
TO_REST = ("--resting",)
NGINX = """
daemon off;
master_process off;
pid nginx.pid;
error_log stderr crit;
worker_rlimit_nofile 4096;
events { worker_connections 2048; }
http {
    access_log off;
    open_file_cache max=16 inactive=600s;
    open_file_cache_valid 600s;
    keepalive_requests 1000000000;
    keepalive_timeout 600s;
    client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi; scgi_temp_path scgi;
    server { listen 127.0.0.1:PORT; root ROOT; }
}
"""


# ---- which there are --------------------------------------------------------------------------


def c_program(name, folder=builds.OWN):
    path = os.path.join(folder, name)
    return lambda: os.path.join(builds.build_c(programs=(path,)), path)


def example(name):
    return c_program(name, os.path.join("docs", "examples"))


def echo_builders():
    """{program: what builds it, and what that takes}"""
    return {
        "floor": (c_program("bench-echo-floor"), "pirn"),
        "pirn": (example("echo_server"), "pirn"),
        "tokio": (lambda: builds.build_tokio("echo", "echo-tokio"), "tokio"),
        "go": (lambda: builds.build_go("echo", "echo-go"), "go"),
        "uv": (c_program("bench-echo-uv"), "uv"),
    }


# A server: its program, and what it is told besides the port.
ECHO = {
    "floor": ("floor", ()),
    "pirn, current thread": ("pirn", ("--current-thread",)),
    "pirn, one worker": ("pirn", ONE_WORKER),
    "tokio, current thread": ("tokio", ("--current-thread",)),
    "tokio, one worker": ("tokio", ONE_WORKER),
    "go, one worker": ("go", ONE_WORKER),
    "libuv": ("uv", ()),
}
# Those of which a connection keeps no buffer while it rests; Go's keeps one, on its stack.
RESTING_SERVERS = {name: (program, (*options, *TO_REST) if program == "tokio" else options)
                   for name, (program, options) in ECHO.items()}


def resting_builders():
    return {**echo_builders(), "pirn": (c_program("bench-echo-pirn"), "pirn")}


def build_all(bench, builders):
    """{program: path} of those that can be built here; the others are said."""
    built = {}
    builds.set_up(sorted({takes for _, takes in builders.values()}))
    for name, (build, takes) in builders.items():
        try:
            if builds.lacks(takes):
                raise Unavailable(f"{', '.join(builds.lacks(takes))} is not installed")
            built[name] = build()
        except Unavailable as why:
            say(f"{name} is missing from this run: {why}")
        except Failed as why:
            bench.fail(f"{name} does not build: {why}")
    return built


# ---- running ----------------------------------------------------------------------------------


def cpus():
    """One for the server, one for the client; None: they share what there is."""
    allowed = sorted(os.sched_getaffinity(0))
    return allowed[:2] if len(allowed) > 1 else (None, None)


def pinned(command, cpu):
    return ["taskset", "-c", str(cpu), *command] if cpu is not None else list(command)


def allow_many_fds():
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def await_line(process, word):
    """The server's line that says @word: it then accepts connections."""
    if not select.select([process.stdout], [], [], PATIENCE)[0]:
        raise Failed(f"it says nothing for {PATIENCE} s")
    line = process.stdout.readline()
    if word not in line:
        raise Failed(f"it says {line!r}, not that it is {word}")


def await_port(process, port):
    """For servers that do not tell."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
    raise Failed(f"nobody listens on port {port}")


@contextlib.contextmanager
def server(command, port, cpu, tells=True):
    """Runs a server until the block ends; it must still be alive then."""
    with subprocess.Popen(pinned(command, cpu), stdout=subprocess.PIPE, text=True) as process:
        try:
            if tells:
                await_line(process, "listening")
            else:
                await_port(process, port)
            yield process
            if process.poll() is not None:
                raise Failed(f"ended with status {process.returncode}")
        finally:
            process.kill()


def client(command, seconds):
    """What a client printed."""
    try:
        ran = subprocess.run(pinned(command, cpus()[1]), capture_output=True, text=True, check=False,
                             timeout=PATIENCE + 3 * seconds)
    except subprocess.TimeoutExpired as hung:
        raise Failed(f"{command[0]}: still running after {hung.timeout:.0f} s") from hung
    if ran.returncode:
        raise Failed(f"{command[0]}: {ran.stderr.strip() or ran.returncode}")
    return ran.stdout


def cpu_seconds(pid):
    """User and system time of a process; of all its threads."""
    with open(f"/proc/{pid}/stat", encoding="utf-8") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")


def resident(pid):
    with open(f"/proc/{pid}/statm", encoding="utf-8") as f:
        return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def medians(samples):
    return {figure: round(statistics.median(s[figure] for s in samples), 3)
            for figure in samples[0]}


def in_turns(bench, servers, once):
    """{server: medians of what once(server) returned in each round}; a failure ends its turns."""
    samples = {name: [] for name in servers}
    for _ in range(bench.args.rounds):
        for name in list(samples):
            try:
                samples[name].append(once(name))
            except (Failed, OSError) as why:
                bench.fail(f"{name}: {why}")
                del samples[name]
    bench.passed += len(samples)
    return {name: medians(taken) for name, taken in samples.items()}


def ratio(figures, figure, to):
    """How much of @to's figure each other has."""
    if to not in figures or not figures[to][figure]:
        return {}
    return {name: f[figure] / figures[to][figure] for name, f in figures.items()}


# ---- echo -------------------------------------------------------------------------------------


def echo_once(paths, measuring, name, connections, seconds):
    program, options = ECHO[name]
    port = free_port()
    with server([paths[program], str(port), *options], port, cpus()[0]) as process:
        out = client([measuring, str(port), str(connections), str(seconds), str(process.pid)],
                     seconds)
    figures = json.loads(out)
    return {figure: figures[figure] for figure in ECHO_FIGURES}


def print_echo(connections, figures):
    throughput = ratio(figures, "per_second", "floor")
    report.line([f"echo, {connections} connections", "requests/s", "of floor", "p50 us", "p99 us",
                 "p99.9 us", "user us", "system us"])
    for name, f in figures.items():
        report.line([f"  {name}", f"{f['per_second']:.0f}", report.ratio_text(throughput.get(name)),
                     *(f"{f[p] / 1000:.0f}" for p in report.PERCENTILES),
                     f"{f['user_us']:.2f}", f"{f['system_us']:.2f}"])


def echo(bench):
    """64 bytes there and back, again and again: throughput, latency, and the server's CPU time."""
    args = bench.args
    paths = build_all(bench, echo_builders())
    measuring = c_program("bench-echo-client")()
    servers = [name for name, (program, _) in ECHO.items() if program in paths]
    seconds = 0.1 if args.smoke else max(args.seconds, 0.1)
    entries = []
    allow_many_fds()
    for connections in (10,) if args.smoke else CONNECTIONS:
        figures = in_turns(bench, servers, lambda name, n=connections: echo_once(
            paths, measuring, name, n, seconds))
        entries.append({"name": f"echo_{connections}", "servers": figures})
        if not args.smoke:
            print_echo(connections, figures)
    return entries


# ---- resting connections ----------------------------------------------------------------------


def await_text(stream, what):
    """The number in front of @what."""
    if not select.select([stream], [], [], PATIENCE)[0]:
        raise Failed(f"no connection rests after {PATIENCE} s")
    found = re.match(rf"(\d+) {what}", stream.readline())
    if not found:
        raise Failed("the client ended early")
    return int(found[1])


def held(process):
    """Bytes that pirn asked its allocator for: its server prints them when told."""
    process.send_signal(signal.SIGUSR1)
    return await_text(process.stdout, "bytes held")


def resting_once(paths, measuring, name, connections):
    program, options = RESTING_SERVERS[name]
    counts = program == "pirn"
    port = free_port()
    with server([paths[program], str(port), *options], port, None) as process:
        before = resident(process.pid), held(process) if counts else 0
        with subprocess.Popen([measuring, str(port), str(connections), "--idle"], text=True,
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE) as idle:
            try:
                await_text(idle.stdout, "connections rest")
                after = resident(process.pid), held(process) if counts else 0
            finally:
                idle.kill()
    figures = {"rss": (after[0] - before[0]) / connections}
    if counts:
        figures["held"] = (after[1] - before[1]) / connections
    return figures


def resting(bench):
    """Bytes of user memory that a connection costs which has been used once and now rests."""
    paths = build_all(bench, resting_builders())
    measuring = c_program("bench-echo-client")()
    servers = [name for name, (program, _) in ECHO.items() if program in paths]
    most = allow_many_fds() - OTHER_FDS
    connections = 100 if bench.args.smoke else min(RESTING, most)
    if connections == most:
        say(f"{connections} connections instead of {RESTING}: a process may have no more descriptors")
    figures = in_turns(bench, servers,
                       lambda name: resting_once(paths, measuring, name, connections))
    if not bench.args.smoke:
        report.line([f"{connections} rest, bytes each", "resident", "asked for"])
        for name, f in figures.items():
            report.line([f"  {name}", f"{f['rss']:.0f}", report.number(f.get("held"))])
    return [{"name": "resting_connection_bytes", "connections": connections, "servers": figures}]


# ---- HTTP -------------------------------------------------------------------------------------


HTTP = {
    "nginx": ("nginx", ()),
    "pirn, current thread": ("pirn", ("--current-thread",)),
    "pirn, one worker": ("pirn", ONE_WORKER),
}


def http_builders():
    return {"nginx": (builds.fetch_nginx, "nginx"), "pirn": (example("http_server"), "http")}


def http_command(paths, name, port, root):
    """nginx has its configuration, and whatever else it writes, beside the root."""
    program, options = HTTP[name]
    if program != "nginx":
        return [paths[program], str(port), root, *options]
    own = os.path.dirname(root)
    conf = os.path.join(own, "nginx.conf")
    with open(conf, "w", encoding="utf-8") as f:
        f.write(NGINX.replace("PORT", str(port)).replace("ROOT", root))
    return [paths[program], "-p", own, "-c", conf]


def expect_file(url, content):
    with urllib.request.urlopen(url, timeout=PATIENCE) as reply:
        if reply.read() != content:
            raise Failed(f"{url} is not the file")


def wrk_figures(out):
    """(requests, requests a second, p50, p99 in us) of what wrk printed, which must be flawless."""
    wrong = re.search(r"^\s*(Socket errors|Non-2xx).*$", out, re.M)
    if wrong:
        raise Failed(f"wrk: {wrong[0].strip()}")
    done = re.search(r"(\d+) requests in", out)
    rate = re.search(r"Requests/sec:\s*([\d.]+)", out)
    if not done or not rate:
        raise Failed(f"wrk: {out}")
    scale = {"us": 1, "ms": 1000, "s": 1000000}
    late = {p: float(n) * scale[unit]
            for p, n, unit in re.findall(r"^\s*(\d+)%\s+([\d.]+)(us|ms|s)\s*$", out, re.M)}
    return int(done[1]), float(rate[1]), late.get("50", 0.0), late.get("99", 0.0)


def http_once(paths, name, root, content, connections, seconds):
    port = free_port()
    url = f"http://127.0.0.1:{port}/file"
    tells = name != "nginx"
    command = http_command(paths, name, port, root)
    with server(command, port, cpus()[0], tells) as process:
        expect_file(url, content)
        before = cpu_seconds(process.pid)
        out = client(["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", url], seconds)
        cpu = cpu_seconds(process.pid) - before
    requests, rate, p50, p99 = wrk_figures(out)
    return {"per_second": rate, "per_cpu_second": requests / cpu if cpu else 0.0,
            "p50_us": p50, "p99_us": p99}


def http(bench):
    """A file of 1 KiB over kept connections: requests a second, and for a second of CPU time."""
    args = bench.args
    paths = build_all(bench, http_builders())
    seconds = 1 if args.smoke else max(round(args.seconds), 1)  # wrk takes whole ones
    connections = 10 if args.smoke else 50
    content = bytes(range(256)) * (FILE_BYTES // 256)
    allow_many_fds()
    with tempfile.TemporaryDirectory() as own:
        root = os.path.join(own, "root")
        os.mkdir(root)
        with open(os.path.join(root, "file"), "wb") as f:
            f.write(content)
        figures = in_turns(bench, [name for name, (program, _) in HTTP.items() if program in paths],
                           lambda name: http_once(paths, name, root, content, connections, seconds))
    if not args.smoke:
        price = ratio(figures, "per_cpu_second", "nginx")
        report.line([f"HTTP, {connections} connections", "requests/s", "per CPU s", "of nginx",
                     "p50 us", "p99 us"])
        for name, f in figures.items():
            report.line([f"  {name}", f"{f['per_second']:.0f}", f"{f['per_cpu_second']:.0f}",
                         report.ratio_text(price.get(name)), f"{f['p50_us']:.0f}",
                         f"{f['p99_us']:.0f}"])
    return [{"name": "http_1k", "servers": figures}]
