"""Switches in steps from outside: to the end under load, and back from any step. Shares and who stays on which color are in test_sticky."""
import pytest

import daemon as rig

LOAD = ("--connections", 8, "--seconds", 600, "--methods", "get,post", "--rate", 1000)


def start_switch(teal, *shares, **body):
    status, document = teal.api("POST", "/v1/services/shop/switch", {"steps": [*shares, 100], **body})
    assert status == 202, document
    return document["deployment"]


def await_share(teal, share):
    rig.wait_until(f"a share of {share} %", lambda: teal.service()["split"]["green"] == share, 30)


def assert_back(teal, document, cause):
    assert (document["outcome"], document["cause"], document["exit"]) == ("rolled_back", cause, 4), document
    service = teal.service()
    assert (service["live"], service["split"], service["phase"]) == ("blue", {"blue": 100, "green": 0}, "steady")
    assert service["colors"]["green"]["quarantine"]


def test_to_the_end(shop, strict):
    client = strict(shop.port, *LOAD)
    client.any_color()
    document = shop.deployment(start_switch(shop, 0.01, 12.5, 50, pause_s=0.5))
    assert (document["outcome"], document["receipt"]["failed"]) == ("promoted", 0), document
    assert [row["share"] for row in document["steps"]["taken"]] == [0.01, 12.5, 50, 100]
    assert shop.service()["live"] == "green"
    summary = client.finish()
    assert rig.faults_of(summary) == {}
    events = [event["event"] for event in shop.api("GET", f"/v1/deployments/{document['id']}?events=1")[1]["events"]]
    assert events.count("step") == 4 and events.index("step") < events.index("flipped") < events.index("promoted")


def test_by_hand(shop):
    id = start_switch(shop, 10, 50, pause_s="manual", bake_s=600)
    for share in (10, 50):
        await_share(shop, share)
        assert shop.service()["phase"] == "shifting"
        shop.must("promote")
    assert shop.deployment(id, "drained")["outcome"] == "running"
    assert shop.service()["live"] == "green"
    shop.must("promote")
    assert shop.deployment(id)["cause"] == "promoted"


def test_a_timed_pause_is_ended(shop):
    id = start_switch(shop, 10, 50, pause_s=600)
    await_share(shop, 10)
    shop.must("promote")
    assert [row["share"] for row in shop.deployment(id)["steps"]["taken"]] == [10, 100]


@pytest.mark.parametrize("share", [20, 60])
def test_abort(shop, strict, share):
    client = strict(shop.port, *LOAD)
    client.any_color()
    id = start_switch(shop, 20, 60, pause_s="manual")
    await_share(shop, 20)
    if share > 20:
        shop.must("promote")
        await_share(shop, share)
    shop.must("abort")
    assert_back(shop, shop.deployment(id), "abort")
    assert rig.faults_of(client.finish()) == {}


def test_a_bad_release(small, teal, strict):
    """One in two answers of green is an error: the first step is as far as it gets."""
    blue, green = small("blue"), small("green", "2", "--fail-rate", "0.5")
    one = teal(rig.colors([blue], [green], rollback={"error_rate": "5%"}))
    client = strict(one.port, *LOAD)
    client.any_color()
    document = one.deployment(start_switch(one, 20, 60, pause_s=60))
    assert_back(one, document, "error_rate")
    assert len(document["steps"]["taken"]) == 1
    assert "at the same time" in document["evidence"]["text"]
    client.finish()


def test_what_both_have_is_not_its_fault(small, teal, strict):
    """Both colors fail alike from the first step on."""
    blue, green = small("blue", "1", "--fail-rate", "0.3"), small("green", "2", "--fail-rate", "0.3")
    one = teal(rig.colors([blue], [green], rollback={"error_rate": "5%"}))
    client = strict(one.port, *LOAD)
    client.any_color()
    id = start_switch(one, 40, pause_s="manual")
    await_share(one, 40)
    rig.wait_until("many answers of green", lambda: one.service()["colors"]["green"]["requests"] > 1500, 60)
    assert one.service()["phase"] == "shifting"
    one.must("abort")
    assert one.deployment(id)["cause"] == "abort"
    client.finish()


def test_a_release_that_dies(small, teal):
    blue, green = small("blue"), small("green", "2")
    one = teal(rig.colors([blue], [green]))
    id = start_switch(one, 50, pause_s="manual")
    await_share(one, 50)
    green.fall_sick()
    assert_back(one, one.deployment(id), "probes")


def test_killed_in_a_step(shop):
    id = start_switch(shop, 25, pause_s="manual")
    await_share(shop, 25)
    shop.kill()
    shop.start()
    await_share(shop, 25)  # at once, unless it was killed before that was on disk: then it is written and given once more
    service = shop.service()
    assert (service["live"], service["phase"]) == ("blue", "shifting")
    shop.must("promote")
    assert shop.deployment(id)["outcome"] == "promoted"
    assert shop.service()["live"] == "green"


def test_steps_of_the_file(small, teal):
    one = teal(rig.colors([small("blue")], [small("green", "2")], bake="100ms", steps={"shares": [5, 100], "pause": "100ms"}))
    one.must("switch")
    assert [row["share"] for row in one.newest()["steps"]["taken"]] == [5, 100]
    document = one.deployment(one.api("POST", "/v1/services/shop/switch", {"steps": [100]})[1]["deployment"])
    assert (document["outcome"], document["steps"]) == ("promoted", None)
