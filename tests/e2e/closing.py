"""Thousands of WebSockets through a switch: every echo intact until the Close, every Close with 1012, the rate of closing even over `drain.tunnels`.

The clients come back at once, and must come to the new color.

usage: script/sockets [COUNT]     (default 5,000)
"""
import http.client
import json
import subprocess
import time

import daemon as rig
import proof

LEAST_RATE = 4000  # messages a second over all WebSockets, so that many tunnels are in the middle of a frame when their turn to be closed comes
EVEN = 2           # no second of the window may have more than so many times the mean, or less than the mean divided by it


class Sockets:
    """The client of many WebSockets, running until `finish`."""

    def __init__(self, port, count, *options):
        self.process = subprocess.Popen([str(rig.BUILD / "tools" / "sockets"), "--port", str(port), "--connections", str(count), *map(str, options)],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.opened = self.process.stdout.readline().strip()

    def tell(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def counts(self):
        """How many are open, were closed by the other side, and have come back."""
        self.tell("count")
        words = self.process.stdout.readline().split()
        return dict(zip(words[::2], map(int, words[1::2])))

    def finish(self):
        if self.process.poll() is None:
            self.tell("end")
        self.process.stdin.close()
        lines = self.process.stdout.read().splitlines()
        self.process.wait(60)
        return json.loads(lines[-1])

    def stop(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


def evenness(seconds, window_s):
    """Of the closes of each whole second of the window: least, most, mean. The first and the last one are cut by the edges of the window."""
    whole = seconds[1 : max(2, min(len(seconds), window_s) - 1)]
    return {"least": min(whole, default=0), "most": max(whole, default=0), "mean": round(sum(whole) / max(1, len(whole)), 1), "seconds": len(seconds)}


def backend_closes(backend):
    """How the WebSockets of a small backend ended, once none is open."""
    def asked():
        connection = http.client.HTTPConnection(backend.address, timeout=10)
        try:
            connection.request("GET", "/sockets")
            status = json.loads(connection.getresponse().read())
        finally:
            connection.close()
        return status if status["open"] == 0 else None

    return rig.wait_until("the end of the backend's WebSockets", asked, 20)


def switch_under(teal, client, count, window_s):
    """Switches, and waits until every WebSocket has come back."""
    teal.must("switch", "green", "--no-wait", "--bake", "0s")
    began = time.monotonic()
    rig.wait_until("every WebSocket closed and opened again", lambda: client.counts()["returned"] >= count, window_s * 2 + 30)
    return time.monotonic() - began


def run(count, window_s=30, before_s=5.0, say=lambda text: None):
    proof.raise_file_limit()
    blue, green = rig.Small("blue", "1"), rig.Small("green", "2")
    teal = rig.Teal(rig.colors([blue], [green], drain={"requests": "60s", "tunnels": f"{window_s}s"}))
    client = None
    try:
        teal.start()
        client = Sockets(teal.port, count, "--return", "--rate", max(count, LEAST_RATE), "--seconds", 300 + window_s * 3)
        say(f"WebSockets: {client.opened}")
        time.sleep(before_s)
        took_s = switch_under(teal, client, count, window_s)
        say(f"all have come back after {took_s:.1f} s")
        time.sleep(min(before_s, 2))
        result = client.finish()
        result.update(window_s=window_s, took_s=round(took_s, 1), even=evenness(result["closes_by_second"], window_s), at_blue=backend_closes(blue), at_green=backend_closes(green))
        teal.end()
        return result
    finally:
        if client:
            client.stop()
        for backend in (blue, green):
            backend.stop()
        teal.clean()


def faults_of(result, even=EVEN):
    count = result["connections"]
    found = {name: number for name, number in result["faults"].items() if number}
    others = {code: number for code, number in result["codes"].items() if code != "1012"}
    if others or result["codes"].get("1012") != count:
        found["codes"] = result["codes"]
    if (result["blue"], result["green"]) != (count, count):
        found["colors"] = [result["blue"], result["green"]]
    for name in ("at_blue", "at_green"):
        if result[name]["cut"] or result[name]["faulty"]:
            found[name] = result[name]
    if even and (result["even"]["most"] > even * result["even"]["mean"] or result["even"]["least"] < result["even"]["mean"] / even):
        found["uneven"] = result["closes_by_second"]
    return {**found, "examples": result["examples"]} if found else {}


def sentence(result):
    even = result["even"]
    return (f"{result['connections']:,} WebSockets, {result['echoes']:,} echoes, the slowest in {result['longest_echo_ms']:.0f} ms: "
            f"{sum(result['faults'].values())} lost, cut or garbled; {result['under_way_at_close']:,} under way at a Close. "
            f"Closed over {result['took_s']:.0f} s of {result['window_s']} s by {result['codes']}, {even['least']} to {even['most']} a second (mean {even['mean']}); "
            f"{result['returned']:,} came back, {result['green']:,} to green. The backend saw {result['at_blue']['closes']}, {result['at_blue']['cut']} cut")


def main():
    parser = proof.parser(__doc__)
    parser.add_argument("count", nargs="?", type=int, default=5000)
    parser.add_argument("--window", type=int, default=30, help="drain.tunnels, in seconds")
    arguments = parser.parse_args()
    result = run(arguments.count, arguments.window, say=proof.say)
    proof.finish(arguments, result, sentence(result), faults_of(result))


if __name__ == "__main__":
    main()
