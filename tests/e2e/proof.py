"""What the long proofs (script/slow, script/sockets, script/mixed, script/race) share: arguments, the way they end, and memory over time."""
import argparse
import json
import pathlib
import resource
import statistics
import sys
import threading
import time


def parser(text):
    """Every proof takes --json FILE."""
    made = argparse.ArgumentParser(description=text.splitlines()[0])
    made.add_argument("--json", type=pathlib.Path, help="where the figures are written to, besides the printed sentence")
    return made


def say(text):
    print(text, file=sys.stderr, flush=True)


def finish(arguments, result, sentence, faults):
    """Prints what was found and ends: 0 without a fault, else 1."""
    if arguments.json:
        arguments.json.write_text(json.dumps({**result, "faults": faults}, indent=1) + "\n")
    print(sentence)
    if faults:
        print(f"NOT as promised: {json.dumps(faults)}")
    sys.exit(1 if faults else 0)


def raise_file_limit():
    """As many descriptors as this process may have, for itself and for what it starts. How many."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def rss_kib(pid):
    """Resident memory, by the exact count (the one in /proc/PID/status may be some pages behind on each core)."""
    with open(f"/proc/{pid}/smaps_rollup") as rollup:
        return next(int(line.split()[1]) for line in rollup if line.startswith("Rss:"))


class Memory:
    """The resident memory of a process over time, looked at by a thread of its own until `stop`."""

    def __init__(self, pid, every_s):
        self.pid, self.every_s = pid, every_s
        self.samples = []  # (seconds since the start, KiB)
        self.began = time.monotonic()
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.watch)
        self.thread.start()

    def watch(self):
        while not self.ended.is_set():
            try:
                self.samples.append((time.monotonic() - self.began, rss_kib(self.pid)))
            except (OSError, StopIteration):
                return  # the process is gone: whoever started it finds out
            self.ended.wait(self.every_s)

    def stop(self):
        self.ended.set()
        self.thread.join()
        return self.samples


def slope(samples):
    """KiB a minute, by least squares."""
    times, values = zip(*samples)
    return statistics.linear_regression(times, values).slope * 60 if len(samples) > 1 else 0.0
