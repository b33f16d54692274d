"""How soon a bad release goes back, and what its clients saw of it: a good blue, a green that is bad in one way, a load that waits for nobody, a switch.

usage: script/judge [--quick] [--rows PART,...] [--both SECONDS] [--json FILE]

Each row has a daemon, two backends and a client of its own; some of them run beside each other. A row is called KIND/RATE/SHIELD, such as 10%/200/off or
log/20/bake+500; --rows takes every row whose name contains one of the parts. --both holds two bad colors against each other instead.
"""
import concurrent.futures
import contextlib
import datetime
import pathlib
import tempfile
import time
import zlib

import daemon as rig
import proof

KINDS = {  # what is wrong with green
    "100%": ("--fail-rate", "1"),
    "50%": ("--fail-rate", "0.5"),
    "10%": ("--fail-rate", "0.1"),
    "5%": ("--fail-rate", "0.05"),
    "2%": ("--fail-rate", "0.02"),
    "slow": ("--delay-ms", "150", "--delay-rate", "0.05"),
    "probes": ("--sick-after", "1"),
    "log": ("--complain-rate", "0.1", "--complain"),  # and the file
}
CAUSES = {"slow": "latency_p99", "probes": "probes", "log": "log"}  # of the others: error_rate
SHIELDS = {"off": "off", "bake": "bake", "bake+500": {"when": "bake", "statuses": [500, 502, 503, 504]}}
CONNECTIONS = {20: 8, 200: 32, 2000: 64}
BEFORE_S = {20: 60, 200: 20, 2000: 5}  # how long blue has the traffic first
BESIDE = {20: 12, 200: 6, 2000: 2}  # how many rows run at a time
LONGEST_S = 60  # from the flip on
GOALS_S = {"100%": 0.5, "10%": 2, "2%": 20}  # at 200 requests a second
QUICK = ("100%/200/off", "10%/200/bake+500", "probes/200/bake+500")
QUICK_BEFORE_S = 4


def conf(shield, log):
    return {"bake": "5m", "shield": shield, "probe": {"path": "/health", "interval": "1s", "timeout": "500ms"},
            "rollback": {"error_rate": "1%", "unhealthy_probes": 2, "latency_p99": "100ms",
                         "log": {"file": str(log), "pattern": "could not connect to (the )?database", "matches": 5, "within": "1m"}}}


def names():
    return [f"{kind}/{rate}/{shield}" for rate in BESIDE for kind in KINDS for shield in SHIELDS]


def seconds_between(earlier, later):
    return (datetime.datetime.fromisoformat(later) - datetime.datetime.fromisoformat(earlier)).total_seconds()


def seen_s(summary):
    """From the first to the last request that green answered before the eyes of a client."""
    span = summary["colors"].get("green")
    return round((span["last_us"] - span["first_us"]) / 1e6, 3) if span else None


def figures(name, document, summary):
    kind, rate, shield = name.split("/")
    back, evidence = document["rollback"], document["evidence"]
    return {"row": name, "kind": kind, "rate": int(rate), "shield": shield, "outcome": document["outcome"],
            "back_s": seconds_between(document["switched_at"], back["at"]) if back else None, "seen_s": seen_s(summary), "sent": summary["sent"],
            "failed": summary["failed"] + summary["non_2xx"], "shielded": document["receipt"]["shielded"], "answers": evidence["answers"],
            "errors": evidence["errors"], "cause": document["cause"], "why": evidence["text"], "verdict": document["verdict"], "examples": summary["examples"],
            "p99_ms": summary["latency_us"]["p99"] / 1000}


def document_of(teal, query=""):
    """The newest deployment as it is now; the list has it as it was when it was last written."""
    return teal.api("GET", f"/v1/deployments/{teal.newest()['id']}{query}")[1]


def outcome_of(teal):
    """The newest deployment once it is over, or as it is after the longest time that a row may take."""
    end = time.monotonic() + LONGEST_S
    while time.monotonic() < end:
        document = document_of(teal, "?until=ended&timeout_s=5")
        if document["outcome"] != "running":
            return document
    return document_of(teal)


def start(started, helper):
    started.callback(helper.stop)
    return helper


def start_teal(started, services):
    teal = rig.Teal(services)
    started.callback(teal.clean)
    return teal.start()


def run_row(name, before_s=None):
    kind, rate, shield = name.split("/")
    with contextlib.ExitStack() as started:
        log = pathlib.Path(started.enter_context(tempfile.TemporaryDirectory(prefix="teal-judge-")), "app.log")
        log.touch()
        blue = start(started, rig.Small("blue", "1"))
        green = start(started, rig.Small("green", "2", "--seed", str(zlib.crc32(name.encode()) & 0x7FFFFFFF), *KINDS[kind], *([str(log)] if kind == "log" else [])))
        teal = start_teal(started, rig.colors([blue], [green], **conf(SHIELDS[shield], log)))
        client = start(started, rig.Strict(teal.port, "--connections", CONNECTIONS[int(rate)], "--seconds", 3600, "--rate", rate))
        time.sleep(BEFORE_S[int(rate)] if before_s is None else before_s)
        teal.must("switch", "--no-wait")
        document = outcome_of(teal)
        time.sleep(0.3)  # what comes after the way back is no concern of the judge, but must not fail
        row = figures(name, document, client.finish())
        teal.end()
        return row


def run(rows, before_s=None, say=lambda text: None):
    found = []
    for rate, beside in BESIDE.items():
        mine = [name for name in rows if f"/{rate}/" in name]
        with concurrent.futures.ThreadPoolExecutor(beside) as pool:
            for row in pool.map(lambda name: run_row(name, before_s), mine):
                found.append(row)
                say(line(row))
    return found


def fault_of(row):
    if row["row"].startswith(tuple(f"{kind}/200/" for kind in GOALS_S)) and not (row["back_s"] is not None and row["back_s"] < GOALS_S[row["kind"]]):
        return f"not within {GOALS_S[row['kind']]} s"
    if row["shield"] == "bake+500" and row["failed"]:
        return f"{row['failed']} failed requests: {row['examples'][:2]}"
    if row["outcome"] == "rolled_back" and row["cause"] != CAUSES.get(row["kind"], "error_rate"):
        return f"the cause is {row['cause']}"
    return None


def faults_of(rows):
    return {row["row"]: fault_of(row) for row in rows if fault_of(row)}


# ---- two bad colors ----


def count_events(teal, name):
    return teal.read_log().count(f" {name}: shop:")


def run_both(seconds):
    """Both colors fail their probes behind the flip, as when a database dies; that of the old one is seen first, however late a busy machine's probes are. What happens in so many seconds."""
    with contextlib.ExitStack() as started:
        blue, green = start(started, rig.Small("blue", "1")), start(started, rig.Small("green", "2"))
        teal = start_teal(started, rig.colors([blue], [green], bake=f"{int(seconds) + 300}s", rollback={"error_rate": "1%", "unhealthy_probes": 2}))
        client = start(started, rig.Strict(teal.port, "--connections", 8, "--seconds", 86400, "--rate", 200))
        teal.must("switch", "--no-wait")
        rig.wait_until("the switch", lambda: count_events(teal, "switched"), 30)
        blue.fall_sick()
        rig.wait_until("blue fails", lambda: not teal.service()["colors"]["blue"]["backends"][0]["last_probe"]["ok"], 30)
        green.fall_sick()
        rig.wait_until("the hold", lambda: count_events(teal, "held"), 30)
        time.sleep(seconds)
        document = document_of(teal)
        result = {"seconds": seconds, "held": count_events(teal, "held"), "flipped": count_events(teal, "flipped"), "rolling_back": count_events(teal, "rolling_back"),
                  "live": teal.service()["live"], "verdict": document["verdict"], "why": document["evidence"]["text"], "strict": client.finish()}
        teal.end()
        return result


def faults_of_both(result):
    wanted = {"held": 1, "flipped": 1, "rolling_back": 0, "live": "green"}
    return {**{name: result[name] for name, value in wanted.items() if result[name] != value}, **rig.faults_of(result["strict"])}


def sentence_of_both(result):
    return (f"both colors bad for {result['seconds']:g} s: {result['held']} alert, {result['flipped']} flip, {result['rolling_back']} rollbacks, {result['live']} stays live; "
            f"{result['strict']['sent']:,} requests, {result['strict']['failed'] + result['strict']['non_2xx']} failed; {result['why']}")


# ---- words ----


def line(row):
    time_s = "-" if row["back_s"] is None else f"{row['back_s']:.2f} s"
    seen = "-" if row["seen_s"] is None else f"{row['seen_s']:.2f} s"
    return f"{row['kind']:>6} {row['rate']:>6,} {row['shield']:>9} {time_s:>9} {seen:>9} {row['failed']:>7,} {row['shielded']:>9,}  {row['cause'] or row['verdict']}: {row['why']}"


HEAD = f"{'fails':>6} {'rate/s':>6} {'shield':>9} {'back in':>9} {'seen for':>9} {'failed':>7} {'shielded':>9}  cause and evidence"


def main():
    parser = proof.parser(__doc__)
    parser.add_argument("--rows", default="", help="parts of names of rows, comma-separated; default all")
    parser.add_argument("--quick", action="store_true", help="three rows, after a short time of blue")
    parser.add_argument("--both", type=float, metavar="SECONDS", help="two bad colors for so long: no flapping, one alert")
    arguments = parser.parse_args()
    if arguments.both:
        result = run_both(arguments.both)
        proof.finish(arguments, result, sentence_of_both(result), faults_of_both(result))
    parts = [part for part in arguments.rows.split(",") if part]
    wanted = QUICK if arguments.quick else [name for name in names() if not parts or any(part in name for part in parts)]
    proof.say(HEAD)
    rows = run(wanted, QUICK_BEFORE_S if arguments.quick else None, proof.say)
    proof.finish(arguments, {"rows": rows}, "\n".join([HEAD, *map(line, rows)]), faults_of(rows))


if __name__ == "__main__":
    main()
