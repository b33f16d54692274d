#!/usr/bin/python3
"""Compares teal with HAProxy, nginx, h2o, Caddy and the floor relay on this machine, side by side.

The proxies run on one core with one worker each, the load and the origin on another. The figure that counts is the CPU time of the proxy's processes
(/proc/PID/task/*/schedstat) for each request served: it hardly moves when the machine is noisy, requests per second do. Every round goes through all proxies;
the table holds medians. Nothing is asserted about time; answers other than 2xx and broken connections end the run with exit code 1.
"""
import argparse
import contextlib
import json
import os
import platform
import random
import signal
import subprocess
import sys
import tempfile
import time

import drive
import idle
import peers
import table
from lines import LINES, SHARES

BUSY_LOAD = 0.5
OVERHEAD_S = 0.35  # of each measurement
IDLE_S, TLS_IDLE_S = 6, 30  # of a measurement of idle connections


def say(text):
    print(text, file=sys.stderr, flush=True)


def is_member(proxy, wanted):
    return proxy in wanted or proxy == "direct"


def members_of(line, wanted):
    """The (name of a point, proxy) that a line measures, in order."""
    return [(name, proxy) for name, point in line.points.items() for proxy in line.proxies_of(point) if is_member(proxy, wanted)]


def is_idle(line):
    return any(point.load.kind == "idle" for point in line.points.values())


def rounds_of(line, rounds):
    """What a connection holds in memory is counted exactly, and can be counted once for each start of a proxy."""
    return 1 if is_idle(line) else rounds


def start_all(line, members, started, folder, build, origin):
    """{(point, proxy): Program}; one for all points with the same setup."""
    programs, by_setup = {}, {}
    for point, proxy in members:
        setup = line.points[point].setup
        same = (proxy, setup)
        if proxy == "direct":
            programs[point, proxy] = origin
            continue
        if same not in by_setup:
            by_setup[same] = peers.STARTERS[proxy](folder, build, origin.secure_port if setup.tls_behind else origin.port, setup)
            started.callback(by_setup[same].stop)
        programs[point, proxy] = by_setup[same]
    for program in by_setup.values():
        program.wait_until_quiet()
    return programs


def rate_of(line, programs, seconds):
    """The line's share of the requests a second that the better peer can answer; of the first proxy there is, where no peer was asked for. None: as many as can be."""
    point = next(iter(line.points))  # all of them have the same kind of load
    if line.points[point].load.kind not in SHARES:
        return None
    rivals = [program for (name, proxy), program in programs.items() if name == point and proxy in peers.PEERS] or list(programs.values())[:1]
    capable = []
    for program in rivals:
        requests, took, *_ = drive.drive_wrk(program, line.points[point], seconds)
        capable.append(requests / took)
    return max(capable) * SHARES[line.points[point].load.kind]


def figure_of(sample):
    return f"{sample['us_per_request']:.1f} us" if "us_per_request" in sample else f"{sample['bytes_per_connection']} B"


def measure_windows(line, members, programs, count, rate, build):
    """{(point, proxy): [sample, ...]}; in each turn the members come in another order."""
    samples, order = {member: [] for member in members}, random.Random(1)
    with contextlib.ExitStack() as opened:
        measures = {}
        for at, proxy in members:
            measures[at, proxy] = opened.enter_context(drive.windows(programs[at, proxy], line.points[at], line.window_s, count * len(members), rate, build))
        for _ in range(count):
            for member in order.sample(members, len(members)):
                samples[member].append(measures[member]())
    return samples


def measure_rounds(name, members, programs, arguments, rate):
    """The same; every other round goes backwards, so that a drift of the machine meets all alike."""
    line, samples = LINES[name], {member: [] for member in members}
    rounds = rounds_of(line, arguments.rounds)
    for number in range(rounds):
        for at, proxy in members if number % 2 == 0 else reversed(members):
            point, program = line.points[at], programs[at, proxy]
            sample = drive.measure_idle(program, point) if is_idle(line) else drive.measure_busy(program, point, arguments.seconds, rate, arguments.build)
            samples[at, proxy].append(sample)
            say(f"{name} {at}".rstrip() + f", round {number + 1} of {rounds}, {proxy}: {figure_of(sample)}")
    return samples


def windows_of(line, arguments):
    return (arguments.windows or line.windows) * arguments.rounds


def measure_line(name, arguments, folder, origin):
    """{point: {proxy: [sample, ...]}}"""
    line = LINES[name]
    members = members_of(line, arguments.proxies)
    with contextlib.ExitStack() as started:
        programs = start_all(line, members, started, folder, arguments.build, origin)
        rate = rate_of(line, programs, arguments.seconds)
        if line.windows:
            say(f"{name}: {windows_of(line, arguments)} windows of {line.window_s} s for each of {len(members)}")
            samples = measure_windows(line, members, programs, windows_of(line, arguments), rate, arguments.build)
        else:
            samples = measure_rounds(name, members, programs, arguments, rate)
    return {point: {proxy: samples[at, proxy] for at, proxy in members if at == point} for point in line.points if any(at == point for at, _ in members)}


def expected_seconds(arguments):
    total = 0.0
    for name in arguments.lines:
        line = LINES[name]
        count = len(members_of(line, arguments.proxies))
        each = arguments.seconds + OVERHEAD_S
        if is_idle(line):
            each = TLS_IDLE_S if any(point.setup.tls for point in line.points.values()) else IDLE_S
        busy = windows_of(line, arguments) * line.window_s if line.windows else rounds_of(line, arguments.rounds) * each
        total += count * (busy + 0.5)
    return total


def version_of(command):
    done = subprocess.run(command, capture_output=True, text=True)
    return ((done.stdout + done.stderr).strip().splitlines() or ["?"])[0]


def describe(arguments):
    """The machine, and the versions of what is compared."""
    model = [line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")]
    programs = {"wrk": "-v", "nginx": "-v", **{proxy: option for proxy, option in (("haproxy", "-v"), ("h2o", "--version"), ("caddy", "version")) if proxy in arguments.proxies}}
    return {"kernel": platform.release(), "cpu": model[0] if model else platform.machine(), "cores": os.cpu_count(), "load_at_start": round(os.getloadavg()[0], 2),
            "teal": version_of([f"{arguments.build}/teal", "--version"]), **{name: version_of([peers.tool(name), option]) for name, option in programs.items()}}


def check_built(build):
    for name in ("teal", "tools/floor", "tools/metronome", "tools/greeter"):
        if not os.access(f"{build}/{name}", os.X_OK):
            raise SystemExit(f"bench: there is no {build}/{name}; run script/build {os.path.basename(build)} all tools")


def warn_if_busy(load):
    if load > BUSY_LOAD:
        print(f"WARNING: the machine is busy: its load was {load:.1f} at the start. Ratios may be off, times and requests/s are.", flush=True)


def parse_arguments():
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    parser = argparse.ArgumentParser(prog="script/bench", description=__doc__.splitlines()[0], formatter_class=argparse.RawDescriptionHelpFormatter,
                                     epilog="lines:\n" + "\n".join(f"  {name:12} {line.what}" for name, line in LINES.items()))
    parser.add_argument("--lines", type=peers.list_of(LINES), default=list(LINES), help="of those below, separated by commas (default: all)")
    parser.add_argument("--proxies", type=peers.list_of(peers.STARTERS), default=list(peers.STARTERS), help=f"of {','.join(peers.STARTERS)}; each line has its own among them")
    parser.add_argument("--rounds", type=int, default=5, help="default 5")
    parser.add_argument("--seconds", type=int, default=2, help="of each measurement (default 2)")
    parser.add_argument("--windows", type=int, default=0, help="of each round, on lines that have them (default: what each line has)")
    parser.add_argument("--build", default=os.environ.get("TEAL_BUILD", os.path.join(root, "build/release")), help="where teal, tools/floor, tools/metronome and tools/greeter are")
    parser.add_argument("--json", default=os.path.join(root, "build/bench.json"), help="where medians and all samples are written to (default build/bench.json)")
    arguments = parser.parse_args()
    if arguments.rounds < 1 or arguments.seconds < 1 or arguments.windows < 0:
        parser.error("there is at least one round, of at least one second")
    return arguments


def write_json(arguments, machine, summary, samples, took):
    os.makedirs(os.path.dirname(os.path.abspath(arguments.json)), exist_ok=True)
    with open(arguments.json, "w") as file:
        json.dump({"machine": machine, "rounds": arguments.rounds, "seconds": arguments.seconds, "took_s": round(took), "lines": {name: LINES[name].what for name in samples},
                   "notes": list(table.notes(summary)), "medians": summary, "samples": samples}, file, indent=1)
        file.write("\n")


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("bench: ended by a signal"))
    arguments = parse_arguments()
    if len(peers.ALL_CORES) < 2:
        raise SystemExit("bench: two cores are needed, one for the proxy and one for the load")
    check_built(arguments.build)
    machine, began, samples = describe(arguments), time.monotonic(), {}
    warn_if_busy(machine["load_at_start"])
    say(f"bench: {len(arguments.lines)} lines, about {expected_seconds(arguments) / 60:.1f} minutes")
    idle.raise_file_limit(0)
    with tempfile.TemporaryDirectory(prefix="teal-bench-") as folder, contextlib.ExitStack() as started:
        origin = peers.start_origin(folder, secure=any(point.setup.tls_behind for name in arguments.lines for point in LINES[name].points.values()))
        started.callback(origin.stop)
        for name in arguments.lines:
            if members_of(LINES[name], arguments.proxies):
                samples[name] = measure_line(name, arguments, folder, origin)
    summary = table.summarise(samples, LINES)
    write_json(arguments, machine, summary, samples, time.monotonic() - began)
    table.print_table(summary)
    print("\n".join(table.notes(summary)))
    warn_if_busy(machine["load_at_start"])
    print(f"all samples: {arguments.json}")


if __name__ == "__main__":
    main()
