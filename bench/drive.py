"""The loads: wrk as fast as answers come; the metronome, over connections that are open already, so or at a constant rate; the greeter, a new connection over TLS for each request; idle connections.

Each gives the figures of one measurement of one proxy.
"""
import contextlib
import json
import os
import re
import subprocess
import threading

import flips
import idle
import peers
import tls
from lines import SHARES

UNITS = {"us": 1, "ms": 1e3, "s": 1e6, "m": 60e6}
SIZES = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
BODIES = {"/64B": 64, "/upload": 64, "/10K": 10 << 10, "/64K": 64 << 10, "/1M": 1 << 20, "/100M": 100 << 20}  # of the origin's answers
LONG = ("/1M", "/100M")  # so long that requests are counted by the bytes read: some are cut off by the end of the load
PATIENCE_S = 30  # beyond the time of the load itself
WORKER = "teal-worker"  # the names of the threads that the data path runs on
HERE = os.path.dirname(os.path.abspath(__file__))


@contextlib.contextmanager
def running(command, cores, seconds, environment=None):
    """A load; it has some time more than it should need, and ends the run if it fails."""
    def prepare():
        os.sched_setaffinity(0, cores)
        peers.end_with_parent()

    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, **(environment or {})},
                          preexec_fn=prepare) as process:
        timer = threading.Timer(seconds + PATIENCE_S, process.kill)
        timer.start()
        try:
            yield process
        except BaseException:
            process.kill()
            raise
        finally:
            timer.cancel()


def fail(process, command, said):
    process.kill()
    raise SystemExit(f"bench: {' '.join(command)} failed:\n{said}{process.stderr.read()}")


def wrk_command(port, point, seconds):
    load = point.load
    command = [peers.tool("wrk"), "-t1", f"-c{load.connections}", f"-d{seconds}s", "--latency", "--timeout", "20s"]
    for field in load.fields:
        command += ["-H", field]
    url = f"https://{tls.NAME}:{port}{load.path}" if point.setup.tls else f"http://127.0.0.1:{port}{load.path}"
    return command + (["-s", os.path.join(HERE, "upload.lua"), url, "--", str(load.upload)] if load.upload else [url])


def parse_wrk(text, load):
    served = re.search(r"(\d+) requests in ([\d.]+)(ms|s|m), ([\d.]+)([KMGT]?)B read", text)
    if not served or re.search(r"Non-2xx|Socket errors: connect [1-9]|read [1-9]|write [1-9]|timeout [1-9]", text):
        raise SystemExit(f"bench: wrk was not answered properly:\n{text}")
    read = float(served[4]) * SIZES[served[5]]
    if read < 0.98 * BODIES[load.path] * int(served[1]):
        raise SystemExit(f"bench: answers are too short to be the origin's:\n{text}")
    requests = read / BODIES[load.path] if load.path in LONG else int(served[1])
    latency = {f"p{share}_us": float(value) * UNITS[unit] for share, value, unit in re.findall(r"^\s+(50|99)%\s+([\d.]+)(us|ms|s|m)$", text, re.M)}
    if requests == 0:
        raise SystemExit(f"bench: no request was answered:\n{text}")
    return requests, float(served[2]) * UNITS[served[3]] / 1e6, latency


def drive_wrk(program, point, seconds):
    """(requests, seconds, latencies, CPU seconds of the program)"""
    command = wrk_command(program.port, point, seconds)
    before = program.cpu_seconds()
    with running(command, point.setup.load_cores(), seconds, tls.client_environment(point.load.version) if point.setup.tls else None) as process:
        said = process.stdout.read()
        if process.wait():
            fail(process, command, said)
    return *parse_wrk(said, point.load), program.cpu_seconds() - before


def metronome_command(program, point, seconds, rate, build):
    return [f"{build}/tools/metronome", str(program.port), point.load.path, str(point.load.connections), f"{rate:.0f}", str(seconds), str(point.load.hosts)]


def greeter_command(program, point, seconds, build):
    return [f"{build}/tools/greeter", str(program.port), point.load.path, str(point.load.connections), str(seconds), "resumed" if point.load.kind == "resumed" else "full"]


@contextlib.contextmanager
def opened(program, point, seconds, command):
    """A load of ours: its connections are open and warm. It may run for so many seconds altogether."""
    with running(command, point.setup.load_cores(), seconds) as process:
        if process.stdout.readline() != "ready\n":
            fail(process, command, "")
        yield process
        process.stdin.close()
        process.wait()


def run_once(process, program, point, seconds, command):
    """The same as drive_wrk, of a load that is open. At a rate, latencies are from the moments at which requests were due."""
    before, workers_before = program.cpu_seconds(), program.cpu_seconds(WORKER)
    process.stdin.write("\n")
    process.stdin.flush()
    with flips.Flips(program.admin, point.load.switches, seconds, point.setup.load_cores()) as switching:
        said = process.stdout.readline()
    cpu, workers = program.cpu_seconds() - before, program.cpu_seconds(WORKER) - workers_before
    switches = switching.finish()
    if not said:
        fail(process, command, "")
    got = json.loads(said)
    more = {**({"switches": switches} if switches else {}), **({"workers_us_per_request": workers * 1e6 / got["requests"]} if workers else {})}
    return got["requests"], got["seconds"], {"p50_us": got["p50_us"], "p99_us": got["p99_us"], **more}, cpu


def drive_ours(program, point, seconds, command):
    with opened(program, point, seconds, command) as process:
        return run_once(process, program, point, seconds, command)


def sample_of(program, requests, took, latency, cpu):
    return {"us_per_request": cpu * 1e6 / requests, "requests_per_s": requests / took, "cpu_share": cpu / took, "peak_bytes": program.peak_bytes(), **latency}


@contextlib.contextmanager
def windows(program, point, seconds, count, rate, build):
    """A function that measures one window of so many seconds; there are at most `count` of them. Memory is that of all of them."""
    program.forget_peak()
    command = metronome_command(program, point, seconds, rate, build)
    with opened(program, point, 10 * seconds * count, command) as process:
        yield lambda: sample_of(program, *run_once(process, program, point, seconds, command))


def measure_busy(program, point, seconds, rate, build):
    program.forget_peak()
    if point.load.kind == "full":
        requests, took, latency, cpu = drive_wrk(program, point, seconds)
    elif point.load.kind in ("new", "resumed"):
        requests, took, latency, cpu = drive_ours(program, point, seconds, greeter_command(program, point, seconds, build))
    else:
        requests, took, latency, cpu = drive_ours(program, point, seconds, metronome_command(program, point, seconds, rate if point.load.kind in SHARES else 0, build))
    return sample_of(program, requests, took, latency, cpu)


def measure_idle(program, point):
    return idle.measure(program, idle.raise_file_limit(point.load.connections), 0.5, bool(point.setup.tls))
