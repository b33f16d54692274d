"""The race of a kept-alive backend connection: the backend closes it at the moment at which the next request is sent on it.

For GET and for POST, teal beside HAProxy and nginx: answers that went wrong, and POSTs that the backend processed twice. teal also with a backend over TLS, which
ends its connections with a word of TLS or without.

usage: script/race [REQUESTS]     (of each method, in each case, through each proxy; default 20,000)
"""
import collections
import os
import sys
import tempfile

import daemon as rig
import proof
import securing

sys.path.insert(0, str(rig.ROOT / "bench"))
import peers

CONNECTIONS = 40
ID_NUMBER = (1 << 40) - 1  # the part of the strict client's ids that counts

# By name: what the backend does, and how long the clients rest between an answer and the next request.
# `idle` is the worst case: all clients rest together, so that every pooled connection is about to be closed when the next requests come.
CASES = {
    "idle": (("--idle-ms", "50", "--delay-ms", "5"), ("--pause-ms", "48.5-51.5", "--wave")),
    "random": (("--close-within-ms", "60"), ("--pause-ms", "0-60")),
    "announced": (("--close-within-ms", "60", "--announce", "0.5"), ("--pause-ms", "0-60")),
}
OVER_TLS = {"teal-tls": (), "teal-tls-silent": ("--silent",)}  # what the backend is told besides
PROXIES = {"teal": peers.start_teal, **dict.fromkeys(OVER_TLS), "haproxy": peers.start_haproxy_safe, "haproxy-always": peers.start_haproxy, "nginx": peers.start_nginx}


def measure(proxy, method, rests, requests, ids):
    """The figures of so many requests through a proxy that runs. `last_unseen`: the number of the last POST that did not reach the backend."""
    client = rig.Strict(proxy.port, "--connections", CONNECTIONS, "--requests", requests, "--seconds", requests, "--methods", method, "--body-max", 200, *rests)
    try:
        client.process.wait(60 + requests / 100)
        summary = client.finish()
    finally:
        client.stop()
    tally = summary["by_method"][method]
    seen = collections.Counter(ids.read_text().split())
    numbers = {int(id, 16) & ID_NUMBER for id in seen}
    last_unseen = next((number for number in range(tally["sent"] - 1, -1, -1) if number not in numbers), None) if method == "post" else None
    return {"requests": tally["sent"], "bad": tally["failed"] + tally["non_2xx"], "status_502": summary["statuses"].get("502", 0), "no_answer": tally["failed"],
            "twice": sum(1 for count in seen.values() if count > 1), "bad_but_seen": max(0, len(seen) - tally["ok"]), "last_unseen": last_unseen,
            "faults": rig.faults_of({**summary, "failed": 0, "non_2xx": 0, "closed": 0, "reset": 0}), "examples": summary["examples"]}


class OverTls:
    """teal, with backends over TLS."""

    def __init__(self, backend, secure):
        self.teal = rig.Teal(securing.colors([backend], [backend], secure), workers=1)
        try:
            self.port = self.teal.start().port
        except BaseException:
            self.stop()
            raise

    def stop(self):
        self.teal.clean()


def run_one(name, proxy_name, method, requests, folder):
    """One case through one proxy, which knows nothing of the backend yet."""
    with securing.sides("behind" if proxy_name in OVER_TLS else None) as secure:
        return run_on(secure, name, proxy_name, method, requests, folder)


def run_on(secure, name, proxy_name, method, requests, folder):
    options, rests = CASES[name]
    folder.mkdir()
    backend, proxy = rig.Small("blue", "1", "--log-ids", str(folder / "ids"), *options, *secure.backend, *OVER_TLS.get(proxy_name, ())), None
    try:
        if proxy_name in OVER_TLS:
            proxy = OverTls(backend, secure)
        else:
            proxy = PROXIES[proxy_name](str(folder), str(rig.BUILD), backend.address.rsplit(":", 1)[1])
        return measure(proxy, method, rests, requests, folder / "ids")
    finally:
        if proxy:
            proxy.stop()
        backend.stop()


def run_case(name, requests, proxies, folder, say):
    rows = {}
    for proxy_name in proxies:
        for method in ("get", "post"):
            row = rows[f"{proxy_name} {method}"] = run_one(name, proxy_name, method, requests, folder / f"{name}-{proxy_name}-{method}")
            say(f"{name}, {proxy_name}, {method}: {row['bad']} bad of {row['requests']:,}")
    return rows


def run(requests, cases=tuple(CASES), proxies=tuple(PROXIES), say=lambda text: None):
    """{case: {"PROXY METHOD": figures}}"""
    with tempfile.TemporaryDirectory(prefix="teal-race-") as folder:
        os.chmod(folder, 0o755)
        place = rig.pathlib.Path(folder)
        return {name: run_case(name, requests, proxies, place, say) for name in cases}


def faults_of(result):
    """A GET that went wrong, a POST processed twice, a POST that got no honest 502: of teal."""
    found = {}
    for case, rows in result.items():
        for teal in ("teal", *OVER_TLS):
            if f"{teal} get" not in rows:
                continue
            get, post = rows[f"{teal} get"], rows[f"{teal} post"]
            checks = {"get_bad": get["bad"], "post_twice": post["twice"], "post_without_answer": post["no_answer"], "other": get["faults"] or post["faults"]}
            found.update({f"{case}_{teal}_{name}": count for name, count in checks.items() if count})
    return found


def sentence(result):
    lines = [f"{'case':10} {'proxy':15} {'method':6} {'requests':>8} {'bad':>5} {'502':>5} {'no answer':>9} {'twice':>6} {'bad, yet seen':>13} {'last bad':>8}"]
    for case, rows in result.items():
        for name, row in rows.items():
            proxy, method = name.split()
            lines.append(f"{case:10} {proxy:15} {method:6} {row['requests']:8} {row['bad']:5} {row['status_502']:5} {row['no_answer']:9} {row['twice']:6} {row['bad_but_seen']:13} {'' if row['last_unseen'] is None else row['last_unseen']:>8}")
    return "\n".join(lines)


def main():
    parser = proof.parser(__doc__)
    parser.add_argument("requests", nargs="?", type=int, default=20000)
    parser.add_argument("--cases", type=peers.list_of(CASES), default=list(CASES), help=f"of {','.join(CASES)}")
    parser.add_argument("--proxies", type=peers.list_of(PROXIES), default=list(PROXIES), help=f"of {','.join(PROXIES)}")
    arguments = parser.parse_args()
    result = run(arguments.requests, arguments.cases, arguments.proxies, proof.say)
    proof.finish(arguments, result, sentence(result), faults_of(result))


if __name__ == "__main__":
    main()
