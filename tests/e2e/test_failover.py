"""Failover: outside of deployments, from a live color that is dead to an idle one that is ready; and from nowhere to nowhere."""
import time

import daemon as rig


def start(small, teal, failover="on", **more):
    blue, green = small("blue", "1"), small("green", "2")
    one = teal(rig.colors([blue], [green], bake="300ms", failover=failover, **more))
    one.blue, one.green = blue, green
    return one


def said(one, words):
    return one.read_log().count(words)


def test_a_dead_color_is_left(small, teal):
    one = start(small, teal)
    one.blue.kill()
    rig.wait_until("green to be live", lambda: one.service()["live"] == "green")
    assert one.get("/")[1]["x-color"] == "green"
    document = one.deployment(one.newest()["id"])
    assert (document["from"], document["to"], document["actor"]["name"] if isinstance(document["actor"], dict) else document["actor"]) == ("blue", "green", "teal")
    assert document["reason"] == "failover: every backend of blue has failed its probes"
    assert document["outcome"] == "promoted"


def test_a_sick_color_is_left_and_stays_left(small, teal):
    one = start(small, teal)
    one.blue.fall_sick()
    rig.wait_until("green to be live", lambda: one.service()["live"] == "green")
    one.deployment(one.newest()["id"])
    one.blue.fall_sick(False)
    rig.wait_until("blue to be healthy", lambda: one.service()["colors"]["blue"]["health"] == "healthy")
    time.sleep(0.6)  # some rounds of probes
    assert one.service()["live"] == "green"


def test_without_failover_the_least_bad_backend_is_tried(small, teal):
    one = start(small, teal, failover="off")
    one.blue.fall_sick()
    rig.wait_until("blue to be unhealthy", lambda: one.service()["colors"]["blue"]["health"] == "unhealthy")
    time.sleep(0.6)
    assert one.service()["live"] == "blue" and one.newest() is None
    assert one.get("/")[:1] == (200,)


def test_both_colors_dead(small, teal):
    one = start(small, teal)
    one.green.fall_sick()
    rig.wait_until("green to be unhealthy", lambda: one.service()["colors"]["green"]["health"] == "unhealthy")
    one.blue.fall_sick()
    rig.wait_until("the sentence", lambda: said(one, "green is not ready to take over") == 1)
    time.sleep(1.5)
    assert said(one, "green is not ready to take over") == 1
    assert one.service()["live"] == "blue" and one.newest() is None
    one.green.fall_sick(False)
    rig.wait_until("green to be live", lambda: one.service()["live"] == "green")


def wait_for_approval(one, *words):
    assert one.api("POST", "/v1/services/shop/" + words[0], *words[1:])[0] == 202
    rig.wait_until("the approval to be asked for", lambda: (one.service()["waiting"] or {}).get("gate") == "approval")
    return one.newest()["id"]


def test_a_switch_that_waits_for_an_approval_gives_way(small, teal):
    one = start(small, teal, gates={"approval": "1h"})
    waiting = wait_for_approval(one, "switch", {})
    one.blue.kill()
    rig.wait_until("green to be live", lambda: one.service()["live"] == "green")
    document = one.deployment(waiting)
    assert (document["outcome"], document["cause"], document["exit"]) == ("aborted", "abort", 1)
    assert "failover: every backend of blue has failed its probes" in document["detail"]
    assert one.deployment(one.newest()["id"])["reason"] == "failover: every backend of blue has failed its probes"


def test_a_release_that_waits_for_an_approval_is_not_gone_to(small, teal):
    one = start(small, teal, gates={"approval": "1h"})
    waiting = wait_for_approval(one, "deploy", {"backends": [one.green.address], "version": "3"})
    one.blue.fall_sick()
    rig.wait_until("the sentence", lambda: said(one, f"deployment {waiting}, which has not passed its gates, gave green its release") == 1)
    time.sleep(0.6)  # some rounds of probes
    assert one.service()["live"] == "blue"
    one.must("abort")
    rig.wait_until("green to be live", lambda: one.service()["live"] == "green")
    assert one.service()["colors"]["green"]["version"] == "2"


def test_a_lock_and_a_release_that_was_rolled_back_are_respected(small, teal):
    one = start(small, teal)
    one.must("lock", "--reason", "an audit")
    one.blue.fall_sick()
    rig.wait_until("the sentence", lambda: said(one, "a lock forbids to switch") == 1)
    assert one.service()["live"] == "blue"
    one.blue.fall_sick(False)
    rig.wait_until("blue to be healthy", lambda: one.service()["colors"]["blue"]["health"] == "healthy")
    one.must("unlock")
    one.must("switch", "--no-wait", "--bake", "1h")
    one.must("rollback", "--reason", "a bad release")
    one.blue.fall_sick()
    rig.wait_until("the sentence", lambda: said(one, "the release on green was rolled back") == 1)
    assert one.service()["live"] == "blue"
