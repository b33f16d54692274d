"""kill -9 at every step of a switch by Route 53 and of its way back: behind the restart the deployment has gone on, or ended as docs/route53.md says, and the record is old or new."""
import concurrent.futures
import contextlib
import http.client
import os
import pathlib
import random
import signal
import subprocess
import threading
import time

import pytest

import daemon as rig
import dnsing
import route53
from dnsing import Site, simple

CHANGE = "ChangeResourceRecordSets"


def await_met(fault, check=lambda fault: fault.met.is_set()):
    rig.wait_until("Route 53 is asked", lambda: check(fault), 20)


def restart(site):
    site.teal.kill()
    site.world.api.faults.clear()
    site.teal.start(healthy=False)


def begin_back(site):
    """A switch that is made, and the rollback of it asked for; the answer comes when it wants."""
    id = site.begin()
    site.await_accepted(id)
    rig.wait_until("green is live", lambda: site.live() == "green")

    def go_back():
        with contextlib.suppress(OSError, http.client.HTTPException):  # it is killed meanwhile
            site.go_back()

    return id, threading.Thread(target=go_back)


def check_end(site, id, outcome, live):
    document = site.teal.deployment(id)
    assert document["outcome"] == outcome, document
    rig.wait_until(f"{live} is live", lambda: site.live() == live)
    assert site.sets() == simple(live)
    site.check_record()
    return document


# ---- forth ----


def test_before_the_intent_is_on_disk():
    """In the armed check: nothing was begun."""
    with Site() as site:
        fault = site.world.api.faults.hang(CHANGE)
        id = site.begin()
        await_met(fault)
        restart(site)
        document = check_end(site, id, "failed", "blue")
        assert (document["cause"], document["exit"]) == ("interrupted", 1)
        assert site.await_accepted(site.begin())


def test_sent_and_not_taken():
    """The intent is on disk and sent, and Route 53 never got to do it: it is made."""
    with Site() as site:
        fault = site.behind_the_check(site.world.api.faults.hang(CHANGE))
        id = site.begin()
        await_met(fault, lambda fault: fault.reached.is_set())
        assert site.sets() == simple("blue")
        restart(site)
        check_end(site, id, "promoted", "green")


def test_busy():
    """In a pause between two tries."""
    with Site() as site:
        fault = site.behind_the_check(site.world.api.faults.throttle(1000, CHANGE))
        id = site.begin()
        await_met(fault, lambda fault: fault.reached.is_set())
        restart(site)
        check_end(site, id, "promoted", "green")


def test_made_and_not_answered():
    """Made, and nobody was told: the record says so."""
    with Site() as site:
        fault = site.behind_the_check(site.world.api.faults.hang(CHANGE, "after"))
        id = site.begin()
        await_met(fault, lambda fault: fault.reached.is_set())
        restart(site)
        document = site.await_accepted(id)
        assert document["outcome"] == "running" and document["change"]["change_id"] is None
        rig.wait_until("green is live", lambda: site.live() == "green")
        assert len(site.world.api.of(CHANGE)) == 2 and site.sets() == simple("green")
        site.go_back()
        check_end(site, id, "rolled_back", "blue")


def crash_at_acceptance(seed):
    """Killed within 5 ms of the change's arrival, and once more when all that is known is written down; then back."""
    dice = random.Random(seed)
    with Site() as site:
        kill = threading.Timer(dice.random() * 0.005, site.teal.process.kill)
        site.behind_the_check(site.world.api.faults.meanwhile(kill.start, CHANGE, dice.choice(("before", "after"))))
        id = site.begin()
        site.teal.process.wait(20)
        for _ in range(2):
            restart(site)
            assert site.await_accepted(id)["outcome"] == "running"
            rig.wait_until("green is live", lambda: site.live() == "green")
            assert site.sets() == simple("green")
        assert site.go_back()["live"] == "blue" and site.sets() == simple("blue")
        site.check_record()


def test_around_the_acceptance():
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(crash_at_acceptance, range(12)))


@pytest.mark.parametrize("moment", ["agreed_at", "insync_at", "safe_at"])
def test_while_it_spreads(moment):
    """What was known of it goes on to be known: the moment that was promised is kept, or comes later, never sooner."""
    with Site() as site:
        id = site.begin()
        before = site.await_step(id, moment, lambda one: (one["change"] or {}).get(moment))["change"]
        restart(site)
        after = check_end(site, id, "promoted", "green")["change"]
        assert after["change_id"] == before["change_id"] and after["accepted_at"] == before["accepted_at"]
        assert not before["safe_at"] or after["safe_at"] >= before["safe_at"]
        assert dnsing.parse(after["safe_at"]) <= time.time() and len(site.world.api.of(CHANGE)) == 2


# ---- back ----


@pytest.mark.parametrize("when", ["before", "after"])
def test_way_back_without_an_answer(when):
    with Site() as site:
        id, back = begin_back(site)
        fault = site.world.api.faults.hang(CHANGE, when)
        back.start()
        await_met(fault)
        rig.wait_until("it is on disk, for which the way back waits 50 ms at most", lambda: '"step": "return"' in site.truth(), 20)
        restart(site)
        back.join()
        rig.wait_until("blue is live", lambda: site.live() == "blue", 20)
        assert site.sets() == simple("blue")
        if when == "before":
            check_end(site, id, "rolled_back", "blue")
        site.check_record()


def test_way_back_while_it_spreads():
    with Site() as site:
        id, back = begin_back(site)
        back.start()
        site.await_step(id, "the way back is accepted, and on disk", lambda one: one["rollback"] and one["rollback"]["durable"])
        restart(site)
        back.join()
        document = check_end(site, id, "rolled_back", "blue")
        assert dnsing.parse(document["change"]["safe_at"]) <= time.time()


def children(pid):
    return [int(one) for one in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def kill_runner(site, when):
    """A switch without a daemon, killed while its change is asked for: before it is made, or after."""
    fault = site.behind_the_check(site.world.api.faults.hang(CHANGE, when))
    words = ("switch", "green", "--standalone", "-c", str(site.teal.file))
    runner = subprocess.Popen([site.teal.binary, *words], env=site.teal.environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    await_met(fault, lambda fault: fault.reached.is_set())
    killed = children(runner.pid)
    for pid in [*killed, runner.pid]:
        os.kill(pid, signal.SIGKILL)
    runner.wait()
    rig.wait_until("their end", lambda: not any(map(rig.is_alive, killed)))
    site.world.api.faults.clear()


def test_without_a_daemon():
    """A runner that is killed in the middle: the next one takes up what it left."""
    with Site(start=False) as site:
        kill_runner(site, "before")
        second = site.teal.run("switch", "green", "--standalone", "-c", str(site.teal.file))
        assert second.code == 0 and "was begun by an earlier run" in second.err and site.sets() == simple("green"), second
        site.check_record()


def go_back_alone(site):
    return site.teal.run("rollback", "--standalone", "-c", str(site.teal.file))


def go_back_unread(site):
    """The same, told before it could read the record."""
    fault = site.world.api.faults.hang("ListResourceRecordSets")
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        going = pool.submit(go_back_alone, site)
        rig.wait_until("it is told to go back", lambda: '"cause": "rollback"' in site.truth(), 20)
        fault.release()
        return going.result()


def test_back_at_once_without_a_daemon():
    """The next one is told to go back: nobody is told that nothing was switched."""
    with Site(start=False) as site:
        kill_runner(site, "after")
        back = go_back_alone(site)
        assert back.code == 0 and "rolled back: blue (1) is live again" in back.out and site.sets() == simple("blue"), back
        site.check_record()


def test_stopped_without_a_daemon():
    """Of what was not made yet, nothing is."""
    with Site(start=False) as site:
        kill_runner(site, "before")
        back = go_back_unread(site)
        assert back.code == 1 and "before anything was switched" in back.out, back
        assert all(dnsing.show(version.sets) == simple("blue") for version in site.world.zone.versions)


def test_drifted_without_a_daemon():
    """Made, and touched by somebody else before anybody looked."""
    with Site(start=False) as site:
        kill_runner(site, "after")
        site.world.zone.put(route53.simple(dnsing.NAME, "A", 7, dnsing.HOSTS["green"]))
        back = go_back_unread(site)
        assert back.code == 1 and "somebody else changed the record" in back.out + back.err and "teal switch api blue --force" in back.out + back.err, back
        assert "stays live" not in back.out + back.err and site.sets() == simple("green", 7)
