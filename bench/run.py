#!/usr/bin/python3
"""Compares teal with HAProxy, nginx and the floor relay on this machine, side by side.

The proxies run on core 0 with one worker each, wrk and the origin on core 1. The figure that counts is the CPU time of the proxy's processes
(/proc/PID/task/*/schedstat) for each request served: it hardly moves when the machine is noisy, requests per second do. Every round goes through all proxies;
the table holds medians. Nothing is asserted about time; answers other than 2xx and broken connections end the run.
"""
import argparse
import json
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile

import peers

BROWSER = [
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36",
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8", "Accept-Language: en-GB,en;q=0.9,de;q=0.8",
    "Accept-Encoding: gzip, deflate, br", "Cache-Control: no-cache", "Pragma: no-cache", "DNT: 1", "Upgrade-Insecure-Requests: 1",
    "Sec-Fetch-Dest: document", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Site: same-origin", "Sec-Fetch-User: ?1",
    'Sec-Ch-Ua: "Chromium";v="120", "Not A Brand";v="24"', "Sec-Ch-Ua-Mobile: ?0", 'Sec-Ch-Ua-Platform: "Linux"',
    "Referer: https://shop.example.com/catalogue/category/17?page=2&sort=price", "Origin: https://shop.example.com",
    "Cookie: session=5f2b9c1e7a8d4e6f90ab12cd34ef56ab; theme=dark; consent=all; cart=3; _seen=1712345678.42", "Priority: u=0, i",
]

# name: path, connections, further header fields, what it is
LINES = {
    "64B": ("/64B", 64, [], "64 B body, keep-alive, 64 connections"),
    "browser": ("/64B", 64, BROWSER, "a browser's request (900 B in 20 fields), keep-alive, 64 connections"),
    "10K": ("/10K", 64, [], "10 KiB body, keep-alive, 64 connections"),
    "64K": ("/64K", 64, [], "64 KiB body, keep-alive, 64 connections"),
    "1M": ("/1M", 16, [], "1 MiB body, keep-alive, 16 connections"),
    "newconn": ("/64B", 64, ["Connection: close"], "a new connection for each request, 64 at a time"),
}
UNITS = {"us": 1, "ms": 1e3, "s": 1e6, "m": 60e6}


def parse_wrk(text):
    served = re.search(r"(\d+) requests in ([\d.]+)(ms|s|m)", text)
    if not served or re.search(r"Non-2xx|Socket errors: connect [1-9]|read [1-9]", text):
        raise SystemExit(f"bench: wrk was not answered properly:\n{text}")
    latency = {f"p{share}_us": float(value) * UNITS[unit] for share, value, unit in re.findall(r"^\s+(50|99)%\s+([\d.]+)(us|ms|s|m)$", text, re.M)}
    return int(served[1]), float(served[2]) * UNITS[served[3]] / 1e6, latency


def load(port, line, seconds):
    path, connections, headers, _ = LINES[line]
    command = [peers.tool("wrk"), "-t1", f"-c{connections}", f"-d{seconds}s", "--latency"]
    for header in headers:
        command += ["-H", header]
    done = subprocess.run(command + [f"http://127.0.0.1:{port}{path}"], capture_output=True, text=True, check=True,
                          preexec_fn=lambda: os.sched_setaffinity(0, peers.LOAD_CORE))
    return parse_wrk(done.stdout)


def measure(program, line, seconds):
    before = program.cpu_seconds()
    requests, took, latency = load(program.port, line, seconds)
    cpu = program.cpu_seconds() - before
    return {"us_per_request": cpu * 1e6 / requests, "requests_per_s": requests / took, "cpu_share": cpu / took, **latency}


def run_rounds(programs, lines, rounds, seconds):
    """{line: {proxy: [sample, ...]}}; every other round goes through the proxies backwards, so that a drift of the machine meets all alike."""
    samples = {line: {program.name: [] for program in programs} for line in lines}
    for number in range(rounds):
        for line in lines:
            for program in programs if number % 2 == 0 else reversed(programs):
                samples[line][program.name].append(measure(program, line, seconds))
                print(f"round {number + 1} of {rounds}, {line}, {program.name}: {samples[line][program.name][-1]['us_per_request']:.1f} us", file=sys.stderr)
    return samples


def summarise(samples):
    """Medians, and the ratios that they make."""
    summary = {}
    for line, by_proxy in samples.items():
        medians = {name: {key: statistics.median(sample[key] for sample in runs if key in sample) for key in set().union(*runs)} for name, runs in by_proxy.items()}
        cost = {name: row["us_per_request"] for name, row in medians.items()}
        best = min((cost[name] for name in peers.PEERS if name in cost), default=None)
        for name, row in medians.items():
            row["to_better_peer"] = cost[name] / best if best else None
            row["to_floor"] = cost[name] / cost["floor"] if "floor" in cost else None
        summary[line] = medians
    return summary


def print_table(summary):
    print(f"{'line':8} {'proxy':14} {'us/request':>10} {'x better peer':>13} {'x floor':>8} {'requests/s':>10} {'p50 us':>8} {'p99 us':>8}")
    for line, rows in summary.items():
        for name, row in rows.items():
            ratios = ["" if row[key] is None else f"{row[key]:.2f}" for key in ("to_better_peer", "to_floor")]
            print(f"{line:8} {name:14} {row['us_per_request']:10.1f} {ratios[0]:>13} {ratios[1]:>8} {row['requests_per_s']:10.0f} {row['p50_us']:8.0f} {row['p99_us']:8.0f}")


def version_of(command):
    done = subprocess.run(command, capture_output=True, text=True)
    return (done.stdout + done.stderr).strip().splitlines()[0]


def describe():
    model = [line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")]
    return {"kernel": platform.release(), "cpu": model[0] if model else platform.machine(), "cores": os.cpu_count(),
            "nginx": version_of([peers.tool("nginx"), "-v"]), "haproxy": version_of([peers.tool("haproxy"), "-v"]), "wrk": version_of([peers.tool("wrk"), "-v"])}


def parse_arguments():
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lines", type=peers.list_of(LINES), default=["64B", "browser", "64K", "1M", "newconn"], help=f"of {','.join(LINES)}")
    parser.add_argument("--proxies", type=peers.list_of(peers.STARTERS), default=list(peers.STARTERS))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=5, help="of each measurement")
    parser.add_argument("--build", default=os.path.join(root, "build/release"), help="where teal and tools/floor are")
    parser.add_argument("--json", default=os.path.join(root, "build/bench.json"), help="where all samples are written to")
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    if len(os.sched_getaffinity(0)) < 2:
        raise SystemExit("bench: two cores are needed, one for the proxy and one for the load")
    with tempfile.TemporaryDirectory(prefix="teal-bench-") as folder:
        programs = [peers.start_origin(folder)]
        try:
            programs += [peers.STARTERS[name](folder, arguments.build, programs[0].port) for name in arguments.proxies]
            samples = run_rounds(programs[1:], arguments.lines, arguments.rounds, arguments.seconds)
        finally:
            for program in reversed(programs):
                program.stop()
    summary = summarise(samples)
    print_table(summary)
    os.makedirs(os.path.dirname(os.path.abspath(arguments.json)), exist_ok=True)
    with open(arguments.json, "w") as file:
        json.dump({"machine": describe(), "rounds": arguments.rounds, "seconds": arguments.seconds, "lines": {name: LINES[name][3] for name in arguments.lines},
                   "medians": summary, "samples": samples}, file, indent=1)
    print(f"all samples: {arguments.json}")


if __name__ == "__main__":
    main()
