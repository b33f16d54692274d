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
