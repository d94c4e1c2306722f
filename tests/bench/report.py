# SPDX-License-Identifier: MIT
"""What do the figures of a run say, and how are they printed?

An entry is what stands of one row in the JSON. There are four kinds, told apart by their figures:
ns_per_op, bytes, p999 (nanoseconds from wake to poll; with p50 and p99), switches (of an idle
runtime). Only entries with ns_per_op go into the mean.
"""
import math
import statistics

KINDS = ("ns_per_op", "bytes", "p999", "switches")
PERCENTILES = ("p50", "p99", "p999")


def number(value):
    if value is None:
        return "-"
    return f"{value:.1f}" if value < 1000 else f"{value:.0f}"


def ratio_text(value):
    return "-" if value is None else f"{value:.2f}"


def line(cells):
    print(f"{cells[0]:26}" + "".join(f"{cell:>12}" for cell in cells[1:]), flush=True)


# ---- entries ----------------------------------------------------------------------------------


def kind_of(figures):
    return next(kind for kind in KINDS for f in figures.values() if kind in f)


def entry_of(row, figures, peers):
    """@figures: {program: {figure: value}}, of at least one program."""
    kind = kind_of(figures)
    if kind == "p999":
        return {"name": row, "latency": {name: {p: f[p] for p in PERCENTILES}
                                         for name, f in figures.items()}}
    figure = {name: round(f[kind], 3) for name, f in figures.items()}
    if kind == "switches":
        return {"name": row, "switches": figure}
    entry = {"name": row, kind: figure.get("pirn"),
             "peers": {peer: figure[peer] for peer in peers if peer in figure},
             "floor": figure.get("floor")}
    entry["ratio"] = best_ratio(entry)
    return entry


def mine(entry):
    return entry.get("ns_per_op", entry.get("bytes"))


def best_ratio(entry):
    """How many times the best peer is above pirn."""
    if not entry["peers"] or mine(entry) is None:
        return None
    return round(min(entry["peers"].values()) / mine(entry), 3)


def floor_ratio(entry):
    if not entry["floor"] or mine(entry) is None:
        return None
    return mine(entry) / entry["floor"]


def mean_of(entries):
    """{rows, geometric_mean, least} of the time rows that have a peer; None if there are none."""
    best = [e["ratio"] for e in entries if "ns_per_op" in e and e["ratio"] is not None]
    if not best:
        return None
    return {"name": "mean", "rows": len(best), "least": min(best),
            "geometric_mean": round(math.exp(statistics.mean(map(math.log, best))), 3)}


# ---- printing ---------------------------------------------------------------------------------


def print_head(peers, with_rmws, with_instructions):
    line(["ns per operation, or bytes", "pirn", "floor", *peers, "best/pirn", "pirn/floor"] +
         ["RMW/op"] * with_rmws + ["instr/op"] * with_instructions)


def count_cells(counted, with_instructions):
    return [f"{counted[1]:.1f}"] + [f"{counted[0]:.0f}"] * with_instructions


def print_row(entry, figures, counted, peers, with_instructions):
    cells = [number(mine(entry)), number(entry["floor"])]
    cells += [number(entry["peers"].get(peer)) for peer in peers]
    cells += [ratio_text(entry["ratio"]), ratio_text(floor_ratio(entry))]
    if "pirn" in counted:
        cells += count_cells(counted["pirn"], with_instructions)
    line([entry["name"]] + cells)
    if "bytes" in entry:
        line(["  growth of resident set"] +
             [number(figures.get(name, {}).get("rss")) for name in ("pirn", "floor", *peers)])
    if "floor" in counted and with_instructions:
        line(["  the floor's counts"] + [""] * (4 + len(peers)) +
             count_cells(counted["floor"], with_instructions))


def print_latencies(entry):
    line([entry["name"], *PERCENTILES])
    for name, figures in entry["latency"].items():
        line([f"  {name}, ns"] + [f"{figures[p]:.0f}" for p in PERCENTILES])


def print_switches(entry):
    figures = ", ".join(f"{name} {n:.0f}" for name, n in entry["switches"].items())
    print(f"{entry['name']:26}  context switches in a second of rest: {figures}", flush=True)


def print_mean(mean):
    print(f"{mean['rows']} time rows with a peer: {mean['geometric_mean']:.2f} times the best peer "
          f"(geometric mean), {mean['least']:.2f} at least")
