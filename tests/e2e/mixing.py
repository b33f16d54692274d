"""Mixed load for minutes with a switch every second: against a build with AddressSanitizer, which must have nothing to report, and against the release build, whose
resident memory must stay flat.

The clients of rough.py, and beside them the strict client: pipelined, and with a new connection for each request.

usage: script/mixed [SECONDS] [--tls front|behind|both]     (with each build; default 600, in clear)
"""
import asyncio
import random
import statistics
import threading
import time

import daemon as rig
import proof
import rough
import securing

SAMPLE_S = 5
WARM_SWITCHES = 800  # before the run: SQLite's cache of the history grows to its limit of some 2 MiB with the first of them
WARM_SHARE = 0.25    # of the run, in which memory may grow: pools, buffers and tables come to their size
GROWTH_KIB = 1024    # between the medians of the first and the last fifth after that
GROWTH_SHARE = 0.03


class Switching:
    """Switches back and forth, once a second, on a thread of its own."""

    def __init__(self, teal):
        self.teal, self.ended = teal, threading.Event()
        self.count, self.waited, self.bad = 0, 0, []
        self.thread = threading.Thread(target=self.go_on)
        self.thread.start()

    def go_on(self):
        while not self.ended.wait(1):
            result = self.teal.run("switch", "--no-wait", "--bake", "0s", "--json")
            if result.code == 0:
                self.count += 1
            elif result.code == 3:
                self.waited += 1  # requests of the switch before are still on their way
            else:
                self.bad.append(repr(result)[:300])

    def stop(self):
        self.ended.set()
        self.thread.join()
        return {"count": self.count, "refused_while_draining": self.waited, "bad": self.bad}


def warm_up(teal, count):
    """So many switches without load, no faster than the history is written."""
    for number in range(count):
        status, document = teal.api("POST", "/v1/services/shop/switch", {"to": ("green", "blue")[number % 2], "bake_s": 0})
        if status != 202:
            raise rig.Fault(f"a switch of the warm-up: {status} {document}")
        teal.deployment(document["deployment"])
        time.sleep(0.05)


def flatness(samples):
    """What the memory did after the warm-up. KiB."""
    warm = [one for one in samples if one[0] >= samples[-1][0] * WARM_SHARE]
    fifth = max(1, len(warm) // 5)
    first, last = (statistics.median(kib for _, kib in part) for part in (warm[:fifth], warm[-fifth:]))
    return {"samples": [(round(at), kib) for at, kib in samples], "first_kib": first, "last_kib": last, "most_kib": max(kib for _, kib in samples), "kib_per_minute": round(proof.slope(warm), 1)}


def run(binary, seconds, clients=24, rest_s=0.03, rate=400, seed=None, warm_switches=0, say=lambda text: None, tls=None):
    seed = random.randrange(1 << 32) if seed is None else seed
    with securing.sides(tls) as secure:
        return run_on(secure, binary, seconds, clients, rest_s, rate, seed, warm_switches, say)


def run_on(secure, binary, seconds, clients, rest_s, rate, seed, warm_switches, say):
    backends = [rig.Small(color, version, "--vary", "--body", "20000", *secure.backend) for color, version in (("blue", "1"), ("blue", "1"), ("green", "2"), ("green", "2"))]
    teal = rig.Teal(securing.colors(backends[:2], backends[2:], secure), binary=binary, listen=secure.listen)
    helpers, memory, switching = list(backends), None, None
    try:
        teal.start()
        warm_up(teal, warm_switches)
        for how in (("--pipeline", "--connections", 8, "--rate", rate), ("--fresh", "--connections", 4, "--rate", rate / 4)):
            helpers.append(rig.Strict(teal.port, *how, "--seconds", seconds + 300, "--methods", "get,post,head", "--body-max", 20000, "--timeout", 30, *secure.strict))
        memory, switching = proof.Memory(teal.process.pid, SAMPLE_S), Switching(teal)
        say(f"{binary}: {seconds} s, seed {seed}")
        crowd = asyncio.run(rough.Crowd(teal.port, clients, rest_s, seed, secure.context).run(seconds))
        result = {"seed": seed, "seconds": seconds, "switches": switching.stop(), "rough": crowd, "strict": [one.finish() for one in helpers[4:]], "memory": flatness(memory.stop())}
        teal.end(90)
        return result
    finally:
        for one in (memory, switching, *helpers):
            if one:
                one.stop()
        teal.clean()


def faults_of(result, flat):
    """{} when nothing is to be said against teal."""
    found = {f"rough_{kind}": count for kind, count in result["rough"]["faults"].items()}
    for number, summary in enumerate(result["strict"]):
        found.update({f"strict{number}_{name}": value for name, value in rig.faults_of(summary).items()})
    if found:
        found["examples"] = result["rough"]["examples"]
    if result["switches"]["bad"]:
        found["switches"] = result["switches"]["bad"][:3]
    memory = result["memory"]
    growth = memory["last_kib"] - memory["first_kib"]
    if flat and growth > max(GROWTH_KIB, memory["first_kib"] * GROWTH_SHARE):
        found["memory_grew_kib"] = growth
    return found


def sentence(name, result):
    memory, crowd = result["memory"], result["rough"]
    strict = sum(one["sent"] for one in result["strict"])
    return (f"{name}: {result['seconds']} s, {crowd['requests'] + strict:,} requests ({crowd['done'].get('abort_request', 0) + crowd['done'].get('abort_answer', 0):,} clients hung up in the middle), "
            f"{result['switches']['count']} switches: {sum(crowd['faults'].values()) + sum(one['failed'] + one['non_2xx'] for one in result['strict'])} failures that no client caused; "
            f"memory {memory['first_kib'] / 1024:.1f} MiB after the warm-up, {memory['last_kib'] / 1024:.1f} at the end, {memory['kib_per_minute']:+.1f} KiB a minute")


def main():
    parser = proof.parser(__doc__)
    parser.add_argument("seconds", nargs="?", type=int, default=600)
    parser.add_argument("--builds", default="asan,release", help="presets, in this order")
    parser.add_argument("--tls", choices=securing.WHERE, help="which sides speak TLS; default: none")
    parser.add_argument("--seed", type=int, help="of the clients; it is printed, so that their behaviour can be repeated")
    arguments = parser.parse_args()
    results, faults, lines = {}, {}, []
    for name in arguments.builds.split(","):
        binary, warm_switches = str(rig.BUILD.parent / name / "teal"), WARM_SWITCHES if name == "release" else 0
        results[name] = run(binary, arguments.seconds, seed=arguments.seed, warm_switches=warm_switches, say=proof.say, tls=arguments.tls)
        lines.append(sentence(name, results[name]))
        proof.say(lines[-1])
        found = faults_of(results[name], flat=name == "release")
        faults.update({name: found} if found else {})
    proof.finish(arguments, results, "\n".join(lines), faults)


if __name__ == "__main__":
    main()
