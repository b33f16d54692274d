"""kill -9 of the daemon at random instants of a switch. After each restart it must serve one color, know which and why, and go on with the bake.

usage: script/crash [COUNT]     (default 200)
"""
import argparse
import collections
import contextlib
import json
import random
import shutil
import sqlite3
import sys
import threading
import time

import daemon as rig

BAKE_MS = 400


def check_history(teal):
    """The database of a daemon that was just killed, read from a copy: it must be whole."""
    copy = teal.folder / "copy"
    shutil.copytree(teal.conf["state"], copy)
    try:
        with contextlib.closing(sqlite3.connect(copy / "teal.db")) as database:
            verdict = database.execute("PRAGMA integrity_check").fetchone()[0]
        if verdict != "ok":
            raise rig.Fault(f"the history is corrupt: {verdict}")
    finally:
        shutil.rmtree(copy)


def check_serving(teal, live):
    """Every request is answered, and by the color that status names."""
    for _ in range(6):
        status, fields, _ = teal.get()
        if status != 200 or fields["x-color"] != live:
            raise rig.Fault(f"status says {live} is live, and an answer is {status} from {fields.get('x-color')}")


def check_story(teal, before, service, document):
    """What the journal says of the switch that was cut, against what is live. One word for it."""
    other = {"blue": "green", "green": "blue"}[before]
    if service["split"][service["live"]] != 100:
        raise rig.Fault(f"the split is {service['split']} after a restart, {service['live']} is live")
    if document is None or document["to"] != other:
        if service["live"] != before:
            raise rig.Fault(f"{service['live']} is live and the journal knows of no switch to it: {document}")
        return "not recorded"
    if service["live"] == before:
        if document["outcome"] == "running" or not document["cause"] or not document["detail"]:
            raise rig.Fault(f"{before} stayed live and the journal does not say why: {document}")
        return f"{document['outcome']}: {document['cause']}"
    if document["outcome"] not in ("running", "promoted"):
        raise rig.Fault(f"{other} is live and the journal says {document['outcome']}: {document['detail']}")
    ended = teal.deployment(document["id"])
    if ended["outcome"] != "promoted":
        raise rig.Fault(f"the bake did not go on to its end: {ended}")
    return "resumed and promoted" if document["outcome"] == "running" else "promoted before"


def ask_for_switch(teal, color):
    with contextlib.suppress(OSError, ValueError, Exception):
        teal.api("POST", "/v1/services/shop/switch", {"to": color, "reason": "crash test"}, timeout=10)


def one_crash(teal, delay_s):
    service = teal.service()
    known = teal.newest()
    before = service["live"]
    other = {"blue": "green", "green": "blue"}[before]
    asking = threading.Thread(target=ask_for_switch, args=(teal, other))
    asking.start()
    time.sleep(delay_s)
    teal.kill()
    asking.join()
    check_history(teal)
    teal.start(healthy=False)
    service, document = teal.service(), teal.newest()
    if document and known and document["id"] == known["id"]:
        document = None
    check_serving(teal, service["live"])
    story = check_story(teal, before, service, document)
    teal.await_healthy()
    return story


def run(count, say=lambda text: None, seed=None):
    """How many crashes ended in which way."""
    dice = random.Random(seed)
    backends = [rig.Small("blue", "1"), rig.Small("green", "2")]
    teal = rig.Teal(rig.colors(backends[:1], backends[1:], bake=f"{BAKE_MS}ms"))
    stories = collections.Counter()
    try:
        teal.start()
        for number in range(count):
            # most of them around the write and the flip, which come first; the others during the bake
            longest_s = (0.005, 0.02, 0.005, 0.1 + BAKE_MS / 1000)[number % 4]
            stories[one_crash(teal, dice.random() * longest_s)] += 1
            if (number + 1) % 20 == 0:
                say(f"{number + 1} crashes: {dict(stories)}")
        teal.end()
        return {"crashes": count, "stories": dict(stories)}
    finally:
        for backend in backends:
            backend.stop()
        teal.clean()


def sentence(result):
    return f"{result['crashes']:,} times killed during a switch, each time whole after the restart: " + ", ".join(f"{count} {story}" for story, count in result["stories"].items())


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("count", nargs="?", type=int, default=200)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32), help="of the instants; printed, so that a run can be repeated")
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}", file=sys.stderr)
    result = run(arguments.count, lambda text: print(text, file=sys.stderr), arguments.seed)
    print(json.dumps(result))
    print(sentence(result))


if __name__ == "__main__":
    main()
