#!/usr/bin/python3
"""Writes the results of script/bench into docs/performance.md, and the chart beside it.

usage: bench/report.py [JSON]     (default build/bench.json)
"""
import json
import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PAGE = os.path.join(ROOT, "docs/performance.md")
BEGIN, END = "<!-- written by bench/report.py -->\n", "<!-- end -->\n"
SHOWN = ("floor", "haproxy", "haproxy-splice", "nginx", "h2o", "caddy", "teal")
SHOWN_OVER_TLS = ("haproxy", "haproxy-splice", "nginx", "teal")
PEERS = ("haproxy", "haproxy-splice", "nginx")


def cell(row, key, form, scale=1):
    return format(row[key] / scale, form) if row and row.get(key) is not None else ""


def table(headings, rows):
    return "".join("| " + " | ".join(line) + " |\n" for line in (headings, ["---"] * len(headings), *rows)) + "\n"


def better_of(rows):
    """The peer whose requests cost least."""
    known = [rows[name] for name in PEERS if "us_per_request" in rows.get(name, {})]
    return min(known, key=lambda row: row["us_per_request"]) if known else None


def compare(result, lines, shown):
    """One row for each of these lines, which have one point."""
    found = []
    for name in lines:
        rows = result["medians"].get(name, {}).get("")
        if not rows:
            continue
        teal, better = rows["teal"], better_of(rows)
        p99 = f"{cell(better, 'p99_us', '.1f', 1000)} → {cell(teal, 'p99_us', '.1f', 1000)}"
        found.append([f"`{name}`", *(cell(rows.get(proxy), "us_per_request", ".1f") for proxy in shown), f"**{cell(teal, 'to_better_peer', '.2f')}**",
                      *([cell(teal, "to_floor", ".2f")] if "floor" in shown else []), p99])
    return table(["line", *shown, "teal : better peer", *(["teal : floor"] if "floor" in shown else []), "p99, better peer → teal (ms)"], found)


def growth(result, lines):
    found = []
    for name in lines:
        for point, rows in result["medians"].get(name, {}).items():
            found.append([f"`{name}` {point}", *(f"{cell(rows.get(proxy), 'us_per_request', '.1f')}" for proxy in ("floor", "haproxy", "nginx", "teal")),
                          *(cell(rows.get(proxy), "growth", ".2f") for proxy in ("haproxy", "nginx", "teal")), cell(rows.get("teal"), "peak_bytes", ".0f", 1 << 20)])
    return table(["point", "floor", "haproxy", "nginx", "teal", "growth: haproxy", "nginx", "teal", "teal, peak MiB"], found)


def latency(result):
    rows = result["medians"].get("latency", {}).get("", {})
    return table(["", *rows], [[what, *(cell(row, key, ".0f") for row in rows.values())] for what, key in (("p50, us", "p50_us"), ("p99, median window, us", "p99_us"), ("p99, quiet quarter of the windows, us", "p99_quiet_us"), ("CPU per request, us", "us_per_request"))])


def under_way(result, name):
    """Of teal alone, while something is under way."""
    points = result["medians"].get(name, {})
    figures = (("p50, us", "p50_us", ".0f"), ("p99, median window, us", "p99_us", ".0f"), ("p99, quiet quarter of the windows, us", "p99_quiet_us", ".0f"), ("beside the first", "p99_quiet_growth", ".3f"), ("CPU per request, us", "us_per_request", ".1f"), ("of it on the workers, us", "workers_us_per_request", ".1f"))
    rows = [[what, *(cell(rows["teal"], key, form) for rows in points.values())] for what, key, form in figures]
    rows.insert(4, ["of 100 draws 95 lie in", *("{:.3f} to {:.3f}".format(*rows["teal"]["p99_quiet_growth_interval"]) for rows in points.values())])
    return table(["", *points], rows) if points else ""


def idle(result, name):
    rows = result["medians"].get(name, {}).get("", {})
    return table(["", *rows], [["bytes", *(cell(row, "bytes_per_connection", ".0f") for row in rows.values())]])


def over_tls(result, lines):
    """What there is of TLS."""
    parts = []
    if lines:
        parts.append("Over TLS, microseconds of CPU per request:\n\n" + compare(result, lines, SHOWN_OVER_TLS))
    if "tls-idle" in result["medians"]:
        parts.append("Resident memory of an idle connection over TLS:\n\n" + idle(result, "tls-idle"))
    return "".join(parts)


def write(result):
    machine, single = result["machine"], [name for name, points in result["medians"].items() if "" in points and name not in ("latency", "idle", "tls-idle")]
    secure = [name for name in single if name.startswith("tls")]
    grown = [name for name, points in result["medians"].items() if "" not in points and name not in ("switches", "rehearsal")]
    return (f"{machine['cpu']}, {machine['cores']} cores, Linux {machine['kernel']}; load at the start {machine['load_at_start']}; medians of {result['rounds']} rounds of {result['seconds']} s.\n\n"
            "Microseconds of CPU per request:\n\n" + compare(result, [name for name in single if name not in secure], SHOWN) + "What grows with what (for `connections` beside the floor's own growth):\n\n" + growth(result, grown)
            + "At half the load of which the better peer is capable, in windows of 0.25 s that are taken in turn:\n\n" + latency(result)
            + "teal at half the load of which it is capable, in windows of 1 s, with a switch in each and without, which are taken in turn:\n\n" + under_way(result, "switches")
            + "teal at a quarter of the load of which it is capable, in windows of 0.25 s, with a rehearsal, of a release that is well and of one that hangs:\n\n" + under_way(result, "rehearsal") + "Resident memory of an idle connection:\n\n" + idle(result, "idle")
            + over_tls(result, secure))


def main():
    path = sys.argv[1] if len(sys.argv) > 1 else os.path.join(ROOT, "build/bench.json")
    with open(path) as file:
        result = json.load(file)
    with open(PAGE) as file:
        before, rest = file.read().split(BEGIN)
    with open(PAGE, "w") as file:
        file.write(before + BEGIN + write(result) + END + rest.split(END)[1])
    subprocess.run([sys.executable, os.path.join(ROOT, "bench/chart.py"), path], check=True)


if __name__ == "__main__":
    main()
