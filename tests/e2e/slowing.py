"""Slow clients beside normal ones: slowhttptest holds thousands of connections with slow headers, slow bodies and slow readers, while normal clients go on.

For each mode: the normal clients' p99 before and during, their failed requests, and the daemon's memory. The same slow clients also visit another server of the
machine (`beside`): what they cost the normal clients then is the machine's share and not teal's. teal's clocks are set so that it has to bear the slow clients all
the time; --defaults leaves them as they are, so that it gets rid of them.

usage: script/slow [CONNECTIONS]     (default 4,000)
"""
import csv
import os
import pathlib
import shutil
import signal
import subprocess
import time

import daemon as rig
import proof

RATE = 1000          # normal requests a second
INTERVAL_S = 10      # between two signs of life of a slow client, as slowhttptest has it
ROUND_S = INTERVAL_S  # a p99 is the median of rounds of this length, so that every round has one wave of those signs in it
OPENING_S = 6        # until all slow connections are open
SETTLE_S = 3         # after their end, before the memory is looked at
ANSWER = 1024 * 1024  # bytes of an answer to a slow reader
PATIENT = {"limits": {"rate": "0"}, "timeouts": {"header": "10m", "stall": "10m", "idle": "10m"}}
GOAL_RATIO = 2
FLOOR_US = 250       # a p99 below this is the machine's own noise, and no base of a ratio

# By name: what slowhttptest is told besides connections, rate and duration.
MODES = {
    "headers": ("-H", "-i", INTERVAL_S, "-x", "24", "-t", "GET", "-u", "http://127.0.0.1:{port}/bytes?n=64"),
    "body": ("-B", "-i", INTERVAL_S, "-s", "65536", "-x", "24", "-u", "http://127.0.0.1:{port}/bytes?n=64"),
    "reader": ("-X", "-w", "512", "-y", "1024", "-n", "5", "-z", "32", "-k", "1", "-u", f"http://127.0.0.1:{{port}}/bytes?n={ANSWER}"),
}


class Slow:
    """slowhttptest, running; it lives on a lower priority than what is measured, as it is not what is measured."""

    def __init__(self, port, mode, connections, seconds, folder):
        self.csv = f"{folder}/{mode}.csv"
        command = [shutil.which("slowhttptest"), "-c", connections, "-r", max(200, connections // (OPENING_S - 2)), "-l", seconds, "-g", "-o", f"{folder}/{mode}",
                   *(str(word).format(port=port) for word in MODES[mode])]
        self.process = subprocess.Popen([str(word) for word in command], cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                        preexec_fn=lambda: os.nice(19))

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
        client.process.wait(seconds + 60)
        return client.finish()
    finally:
        client.stop()


def sum_of(rounds):
    """The p50 and p99 of the median round, the worst round's p99, and what failed in any."""
    p99s = sorted(one["latency_us"]["p99"] for one in rounds)
    failed = [(name, count) for one in rounds for name, count in rig.faults_of(one).items() if name != "examples"]
    return {"p50_us": sorted(one["latency_us"]["p50"] for one in rounds)[len(rounds) // 2], "p99_us": p99s[len(rounds) // 2], "worst_p99_us": p99s[-1],
            "max_us": max(one["latency_us"]["max"] for one in rounds), "requests": sum(one["sent"] for one in rounds), "failed": sum(count for _, count in failed),
            "faults": dict(failed)}


def with_slow(teal, target, mode, connections, seconds, folder):
    """What normal clients of teal see while the slow ones visit the port `target`; how many of those there were, and what they cost."""
    slow = Slow(target, mode, connections, OPENING_S + seconds + 60, folder)
    try:
        opening = sum_of([normal_round(teal.port, OPENING_S)])
        began, used = time.monotonic(), (cpu_s(teal.process.pid), slow.cpu_s())
        seen = sum_of([normal_round(teal.port) for _ in range(seconds // ROUND_S)])
        took = time.monotonic() - began
        seen["cpu_share"] = {"teal": round((cpu_s(teal.process.pid) - used[0]) / took, 3), "slowhttptest": round((slow.cpu_s() - used[1]) / took, 3)}
        seen["kernel_mib"] = round(kernel_mib())
        seen["opening"] = opening
        seen["failed"] += opening["failed"]
        seen["slow_most"], seen["slow_last"] = slow.end()
        return seen
    finally:
        slow.stop()


def slow_mode(teal, other, mode, connections, seconds, folder):
    before = sum_of([normal_round(teal.port) for _ in range(max(1, seconds // ROUND_S // 2))])
    beside = with_slow(teal, other, mode, connections, seconds // 2, folder)
    time.sleep(SETTLE_S)
    rss_before = proof.rss_kib(teal.process.pid)
    memory = proof.Memory(teal.process.pid, 0.5)
    try:
        during = with_slow(teal, teal.port, mode, connections, seconds, folder)
        time.sleep(SETTLE_S)
    finally:
        samples = memory.stop()
    after = sum_of([normal_round(teal.port)])
    base = max(before["p99_us"], beside["p99_us"], FLOOR_US)
    return {"before": before, "beside": beside, "during": during, "after": after, "ratio": round(during["p99_us"] / base, 2),
            "rss_kib": {"before": rss_before, "most": max(kib for _, kib in samples), "after": proof.rss_kib(teal.process.pid)},
            "alive": teal.process.poll() is None}


def run(connections, seconds=40, modes=tuple(MODES), patient=True, say=lambda text: None):
    """{mode: figures}"""
    proof.raise_file_limit()
    normal, slow = rig.Small("blue", "1"), rig.Small("blue", "1")
    services = rig.colors([normal], [])
    services["slow"] = {"paths": ["/bytes"], "blue": {"version": "1", "backends": [slow.address]}, "green": {"version": "2", "backends": []}}
    result = {}
    try:
        for mode in modes:
            teal = rig.Teal(services, **(PATIENT if patient else {}))
            try:
                teal.start()
                result[mode] = slow_mode(teal, slow.address.rsplit(":", 1)[1], mode, connections, seconds, teal.folder)
                teal.end(60)
                say(line(mode, result[mode]))
            finally:
                teal.clean()
    finally:
        normal.stop()
        slow.stop()
    return result


def failed_of(one):
    return sum(one[part]["failed"] for part in ("before", "beside", "during", "after"))


def faults_of(result, connections):
    found = {}
    for mode, one in result.items():
        if failed_of(one):
            found[f"{mode}_failed"] = failed_of(one)
        if one["ratio"] > GOAL_RATIO:
            found[f"{mode}_p99"] = one["ratio"]
        if one["during"]["slow_most"] < connections * 0.9:
            found[f"{mode}_not_slow_enough"] = one["during"]["slow_most"]
        if not one["alive"]:
            found[f"{mode}_ended"] = 1
    return found


def line(mode, one):
    rss, during = one["rss_kib"], one["during"]
    requests = sum(one[part]["requests"] for part in ("before", "beside", "during", "after"))
    return (f"{mode:7} {during['slow_most']:,} slow clients ({during['slow_last']:,} at the end): p99 {one['before']['p99_us']} us before, {one['beside']['p99_us']} with them elsewhere, "
            f"{during['p99_us']} with them here ({one['ratio']:.2f} x; worst round {during['worst_p99_us']}); {failed_of(one)} of {requests:,} normal requests failed; "
            f"memory {rss['before'] / 1024:.1f} -> {rss['most'] / 1024:.1f} -> {rss['after'] / 1024:.1f} MiB, in the kernel {during['kernel_mib']} MiB")


def main():
    parser = proof.parser(__doc__)
    parser.add_argument("connections", nargs="?", type=int, default=4000)
    parser.add_argument("--seconds", type=int, default=40, help="of each mode, with all the slow clients there")
    parser.add_argument("--mode", choices=MODES, action="append", help="only this one; may be repeated")
    parser.add_argument("--defaults", action="store_true", help="leave teal's clocks as they are")
    arguments = parser.parse_args()
    result = run(arguments.connections, arguments.seconds, arguments.mode or tuple(MODES), not arguments.defaults, proof.say)
    proof.finish(arguments, result, "\n".join(line(mode, one) for mode, one in result.items()), faults_of(result, arguments.connections))


if __name__ == "__main__":
    main()
