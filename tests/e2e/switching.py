"""Many switches back and forth under load: no request may fail, and none that is sent after a switch returned may be answered by the old color.

usage: script/switches [COUNT] [--tls front|behind|both]     (default 1,000, in clear)
"""
import argparse
import json
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import time

import daemon as rig
import securing

DWELL_S = 0.02  # how long at least the load goes on under the rule "only the new color", before the next switch


class Wrk:
    """Plain keep-alive load beside the strict client's."""

    def __init__(self, port, connections, scheme="http"):
        self.process = subprocess.Popen([shutil.which("wrk"), "-t1", f"-c{connections}", "-d1h", f"{scheme}://127.0.0.1:{port}/"], stdout=subprocess.PIPE, text=True)

    def finish(self):
        self.process.send_signal(signal.SIGINT)
        out, _ = self.process.communicate(timeout=30)
        requests = re.search(r"(\d+) requests in", out)
        non_2xx = re.search(r"Non-2xx or 3xx responses: (\d+)", out)
        sockets = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", out)
        return {"requests": int(requests[1]), "non_2xx": int(non_2xx[1]) if non_2xx else 0, "socket_errors": sum(map(int, sockets.groups())) if sockets else 0}

    def stop(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdout.close()


def one_switch(teal, client, color):
    """(milliseconds of the command, document of the deployment)."""
    client.any_color()
    began = time.monotonic()
    result = teal.run("switch", color, "--no-wait", "--bake", "0s", "--json")
    returned_us = time.monotonic_ns() // 1000
    if result.code != 0:
        raise rig.Fault(f"teal switch {color}: {result}")
    client.expect_color(color, returned_us)
    took_ms = (returned_us / 1e6 - began) * 1000
    time.sleep(DWELL_S)
    document = teal.deployment(json.loads(result.out.strip().splitlines()[-1])["id"])
    if document["outcome"] != "promoted":
        raise rig.Fault(f"a switch ended as {document['outcome']}: {document['detail']}")
    return took_ms, document


def spread(values):
    return {"median": round(statistics.median(values), 3), "worst": round(max(values), 3)}


def switch_often(teal, client, count, say):
    """{"flip_us": …, "command_ms": …} of so many switches."""
    commands, flips = [], []
    for number in range(count):
        took_ms, document = one_switch(teal, client, "green" if teal.service()["live"] == "blue" else "blue")
        commands.append(took_ms)
        flips.append(document["flip_us"])
        if (number + 1) % 100 == 0:
            say(f"{number + 1} switches")
    return {"switches": count, "flip_us": spread(flips), "command_ms": spread(commands)}


def run(count, wrk_connections=8, strict_connections=8, say=lambda text: None, tls=None):
    """The figures of `count` switches under as much load as the machine bears, and of a few more under a light one."""
    with securing.sides(tls) as secure:
        return run_on(secure, count, wrk_connections, strict_connections, say)


def run_on(secure, count, wrk_connections, strict_connections, say):
    backends = [rig.Small(color, version, "--vary", "--body", "3000", *secure.backend) for color, version in (("blue", "1"), ("blue", "1"), ("green", "2"), ("green", "2"))]
    teal = rig.Teal(securing.colors(backends[:2], backends[2:], secure, probe={"path": "/health", "interval": "1s", "timeout": "5s"}), listen=secure.listen)
    helpers = list(backends)
    mixed = ("--connections", strict_connections, "--seconds", 86400, "--methods", "get,post,head", "--body-max", 8000, *secure.strict)
    try:
        teal.start()
        helpers.append(rig.Strict(teal.port, *mixed))
        helpers.append(Wrk(teal.port, wrk_connections, secure.scheme))
        result = switch_often(teal, helpers[-2], count, say)
        result.update(strict=helpers[-2].finish(), wrk=helpers[-1].finish())
        helpers.append(rig.Strict(teal.port, *mixed, "--rate", 1000))
        result["light"] = switch_often(teal, helpers[-1], max(10, count // 20), say)
        result["light"]["strict"] = helpers[-1].finish()
        teal.end()
        return result
    finally:
        for helper in helpers:
            helper.stop()
        teal.clean()


def faults_of(result):
    found = rig.faults_of(result["strict"])
    found.update({f"light_{name}": count for name, count in rig.faults_of(result["light"]["strict"]).items()})
    found.update({f"wrk_{name}": result["wrk"][name] for name in ("non_2xx", "socket_errors") if result["wrk"][name]})
    return found


def sentence(result):
    strict, wrk, light = result["strict"], result["wrk"], result["light"]
    times = "{flip_us[median]:.0f} us (worst {flip_us[worst]:.0f}), the command {command_ms[median]:.1f} ms (worst {command_ms[worst]:.1f})"
    return (f"{result['switches']:,} switches under {strict['sent'] + wrk['requests']:,} requests: {strict['failed'] + wrk['socket_errors']} failed, "
            f"{strict['non_2xx'] + wrk['non_2xx']} not 2xx, {strict['wrong_color']} of {strict['color_checked']:,} sent after a switch answered by the old color; "
            f"the flip took {times.format(**result)} with every core busy; at 1,000 requests a second {times.format(**light)}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("count", nargs="?", type=int, default=1000)
    parser.add_argument("--wrk-connections", type=int, default=8)
    parser.add_argument("--strict-connections", type=int, default=8)
    parser.add_argument("--tls", choices=securing.WHERE, help="which sides speak TLS; default: none")
    arguments = parser.parse_args()
    result = run(arguments.count, arguments.wrk_connections, arguments.strict_connections, lambda text: print(text, file=sys.stderr), arguments.tls)
    print(json.dumps(result))
    print(sentence(result))
    sys.exit(1 if faults_of(result) else 0)


if __name__ == "__main__":
    main()
