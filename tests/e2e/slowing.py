"""Slow clients beside normal ones: slowhttptest holds thousands of connections with slow headers, slow bodies and slow readers, while normal clients go on.

For each mode, several times in turn: rounds without slow clients, and rounds with all of them there. What counts is the p99 that a quarter of the rounds are not above, with
them against without; besides, the failed requests and the daemon's memory. What disturbs a machine for some milliseconds only ever adds to a round's p99, and a core that
any program keeps busy makes it happen more often; what the slow clients do they do in every round, as one wave of their signs of life is in each. The medians are told, too.
slowhttptest keeps a whole core busy by looking at all of its connections again and again, which slow clients elsewhere would not. So it and the backend that it visits
have a core of their own, and teal, with one worker, shares the other one with the normal clients and their backend. teal's clocks are set so that it has to bear the slow
clients all the time; --defaults leaves them as they are, so that it gets rid of them.

usage: script/slow [CONNECTIONS]     (default 4,000)
"""
import csv
import os
import pathlib
import shutil
import signal
import statistics
import subprocess
import time

import daemon as rig
import proof

RATE = 1000          # normal requests a second
INTERVAL_S = 10      # between two signs of life of a slow client, as slowhttptest has it
ROUND_S = INTERVAL_S  # so that every round has one wave of those signs in it
ROUNDS = 2           # of each kind, until it is the other's turn
OPENING_S = 6        # until all slow connections are open
SETTLE_S = 3         # after their end, before the memory is looked at
ANSWER = 1024 * 1024  # bytes of an answer to a slow reader
PATIENT = {"limits": {"rate": "0"}, "timeouts": {"header": "10m", "stall": "10m", "idle": "10m"}}
GOAL_RATIO = 2
CALM_CORE, SLOW_CORE = (sorted(os.sched_getaffinity(0)) * 2)[:2]

# By name: what slowhttptest is told besides connections, rate and duration.
MODES = {
    "headers": ("-H", "-i", INTERVAL_S, "-x", "24", "-t", "GET", "-u", "http://127.0.0.1:{port}/bytes?n=64"),
    "body": ("-B", "-i", INTERVAL_S, "-s", "65536", "-x", "24", "-u", "http://127.0.0.1:{port}/bytes?n=64"),
    "reader": ("-X", "-w", "512", "-y", "1024", "-n", "5", "-z", "32", "-k", "1", "-u", f"http://127.0.0.1:{{port}}/bytes?n={ANSWER}"),
}


def pin(pid, core):
    """All threads of a process to one core, and those that they start."""
    for thread in os.listdir(f"/proc/{pid}/task"):
        os.sched_setaffinity(int(thread), {core})


class Slow:
    """slowhttptest, running."""

    def __init__(self, port, mode, connections, seconds, folder):
        self.csv = f"{folder}/{mode}.csv"
        command = [shutil.which("slowhttptest"), "-c", connections, "-r", max(200, connections // (OPENING_S - 2)), "-l", seconds, "-g", "-o", f"{folder}/{mode}",
                   *(str(word).format(port=port) for word in MODES[mode])]
        self.process = subprocess.Popen([str(word) for word in command], cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        pin(self.process.pid, SLOW_CORE)

    def cpu_s(self):
        return cpu_s(self.process.pid)

    def end(self):
        """Ends it. How many connections it held: (most at a time, at its last second)."""
        self.process.send_signal(signal.SIGINT)
        self.process.wait(30)
        with open(self.csv) as file:
            held = [int(row["Connected"]) for row in csv.DictReader(file)]
        return max(held, default=0), held[-1] if held else 0

    def stop(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


def cpu_s(pid):
    """CPU time of all threads so far."""
    return sum(int(path.read_text().split()[0]) for path in pathlib.Path(f"/proc/{pid}/task").glob("*/schedstat")) / 1e9


def kernel_mib():
    """What the kernel holds in all TCP sockets of the machine."""
    with open("/proc/net/sockstat") as stat:
        return next(int(line.split()[-1]) * os.sysconf("SC_PAGE_SIZE") / 2**20 for line in stat if line.startswith("TCP:"))


def normal_round(port, seconds=ROUND_S):
    """What normal clients see for some seconds."""
    client = rig.Strict(port, "--connections", 32, "--seconds", seconds, "--rate", RATE, "--methods", "get,get,post,head", "--timeout", 30)
    try:
        pin(client.process.pid, CALM_CORE)
        client.process.wait(seconds + 60)
        return client.finish()
    finally:
        client.stop()


def sum_of(rounds):
    """The medians of the rounds' p50s and p99s, the p99 of the quiet quarter, all p99s, and what failed in any."""
    failed = [(name, count) for one in rounds for name, count in rig.faults_of(one).items() if name != "examples"]
    p99s = [one["latency_us"]["p99"] for one in rounds]
    return {"p50_us": statistics.median(one["latency_us"]["p50"] for one in rounds), "p99_us": statistics.median(p99s),
            "p99_quiet_us": sorted(p99s)[len(p99s) // 4], "p99s_us": p99s,
            "max_us": max(one["latency_us"]["max"] for one in rounds), "requests": sum(one["sent"] for one in rounds), "failed": sum(count for _, count in failed),
            "faults": dict(failed)}


def visit(teal, mode, connections, folder):
    """A visit of the slow clients: the rounds while they open, the rounds when all are there, and (most at a time, at the end, what the visit cost in shares of a core)."""
    slow = Slow(teal.port, mode, connections, OPENING_S + ROUNDS * ROUND_S + 60, folder)
    try:
        opening = normal_round(teal.port, OPENING_S)
        began, used = time.monotonic(), (cpu_s(teal.process.pid), slow.cpu_s())
        rounds = [normal_round(teal.port) for _ in range(ROUNDS)]
        took = time.monotonic() - began
        share = {"teal": round((cpu_s(teal.process.pid) - used[0]) / took, 3), "slowhttptest": round((slow.cpu_s() - used[1]) / took, 3)}
        kernel = round(kernel_mib())
        most, last = slow.end()
        return opening, rounds, {"most": most, "last": last, "cpu_share": share, "kernel_mib": kernel}
    finally:
        slow.stop()


def slow_mode(teal, mode, connections, turns, folder):
    without, opening, during, visits = [], [], [], []
    memory = None
    try:
        for _ in range(turns):
            without += [normal_round(teal.port) for _ in range(ROUNDS)]
            if not memory:
                rss_before, memory = proof.rss_kib(teal.process.pid), proof.Memory(teal.process.pid, 0.5)
            opened, rounds, seen = visit(teal, mode, connections, folder)
            opening.append(opened)
            during += rounds
            visits.append(seen)
            time.sleep(SETTLE_S)
    finally:
        samples = memory.stop() if memory else []
    figures = {"without": sum_of(without), "opening": sum_of(opening), "during": sum_of(during), "visits": visits}
    return {**figures, "ratio": round(figures["during"]["p99_quiet_us"] / figures["without"]["p99_quiet_us"], 2), "slow_least": min(seen["most"] for seen in visits),
            "rss_kib": {"before": rss_before, "most": max(kib for _, kib in samples), "after": proof.rss_kib(teal.process.pid)}, "alive": teal.process.poll() is None}


def run(connections, turns=4, modes=tuple(MODES), patient=True, say=lambda text: None):
    """{mode: figures}"""
    proof.raise_file_limit()
    normal, slow = rig.Small("blue", "1"), rig.Small("blue", "1")
    services = rig.colors([normal], [])
    services["slow"] = {"paths": ["/bytes"], "blue": {"version": "1", "backends": [slow.address]}, "green": {"version": "2", "backends": []}}
    result = {}
    try:
        pin(normal.process.pid, CALM_CORE)
        pin(slow.process.pid, SLOW_CORE)
        for mode in modes:
            teal = rig.Teal(services, workers=1, **(PATIENT if patient else {}))
            try:
                teal.start()
                pin(teal.process.pid, CALM_CORE)
                result[mode] = slow_mode(teal, mode, connections, turns, teal.folder)
                teal.end(60)
                say(line(mode, result[mode]))
            finally:
                teal.clean()
    finally:
        normal.stop()
        slow.stop()
    return result


def sum_over(one, what):
    return sum(one[part][what] for part in ("without", "opening", "during"))


def faults_of(result, connections):
    found = {}
    for mode, one in result.items():
        if sum_over(one, "failed"):
            found[f"{mode}_failed"] = sum_over(one, "failed")
        if one["ratio"] > GOAL_RATIO:
            found[f"{mode}_p99"] = one["ratio"]
        if one["slow_least"] < connections * 0.9:
            found[f"{mode}_not_slow_enough"] = one["slow_least"]
        if not one["alive"]:
            found[f"{mode}_ended"] = 1
    return found


def line(mode, one):
    rss, without, during = one["rss_kib"], one["without"], one["during"]
    return (f"{mode:7} {one['slow_least']:,} slow clients: p99 of the quiet quarter of {len(during['p99s_us'])} rounds {without['p99_quiet_us']} us without, {during['p99_quiet_us']} with them "
            f"({one['ratio']:.2f} x; medians {without['p99_us']:.0f} and {during['p99_us']:.0f}, all {min(without['p99s_us'])} to {max(without['p99s_us'])} and {min(during['p99s_us'])} to {max(during['p99s_us'])}); "
            f"{sum_over(one, 'failed')} of {sum_over(one, 'requests'):,} normal requests failed; "
            f"memory {rss['before'] / 1024:.1f} -> {rss['most'] / 1024:.1f} -> {rss['after'] / 1024:.1f} MiB, in the kernel {one['visits'][-1]['kernel_mib']} MiB")


def main():
    parser = proof.parser(__doc__)
    parser.add_argument("connections", nargs="?", type=int, default=4000)
    parser.add_argument("--turns", type=int, default=4, help=f"of each mode: {ROUNDS} rounds of {ROUND_S} s without slow clients, and as many with them")
    parser.add_argument("--mode", choices=MODES, action="append", help="only this one; may be repeated")
    parser.add_argument("--defaults", action="store_true", help="leave teal's clocks as they are")
    arguments = parser.parse_args()
    result = run(arguments.connections, arguments.turns, arguments.mode or tuple(MODES), not arguments.defaults, proof.say)
    proof.finish(arguments, result, "\n".join(line(mode, one) for mode, one in result.items()), faults_of(result, arguments.connections))


if __name__ == "__main__":
    main()
