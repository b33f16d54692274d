"""kill -9, and what is on the disk afterwards."""
import os
import signal
import time

import pytest

import crashing
import daemon as rig


def test_killed_during_a_switch():
    assert sum(crashing.run(10)["stories"].values()) == 10


def truth_files(teal):
    return sorted((teal.folder / "state").glob("teal.state*"))


def test_live_color_outlives_a_kill(shop):
    shop.must("switch")
    shop.must("lock", "--reason", "the night")
    shop.kill()
    shop.start()
    service = shop.service()
    assert (service["live"], service["locked"]["reason"], service["phase"]) == ("green", "the night", "steady")
    assert shop.get()[1]["x-color"] == "green"
    assert [one["outcome"] for one in shop.api("GET", "/v1/deployments")[1]["deployments"]] == ["promoted"]


def test_torn_truth_falls_back_to_the_one_before(shop):
    shop.must("switch")
    shop.kill()
    newest, before = truth_files(shop)
    assert before.stat().st_size > 0
    newest.write_bytes(newest.read_bytes()[:-20])
    shop.start()
    assert newest.name in shop.read_log()
    live = shop.service()["live"]
    assert shop.get()[1]["x-color"] == live


def test_no_whole_truth_is_no_start(shop):
    """Rather no start, with a sentence, than a guess at the live color."""
    shop.must("switch")
    shop.kill()
    for path in truth_files(shop):
        path.write_bytes(b"nonsense")
    with pytest.raises(rig.Fault, match="ended with 1") as ended:
        shop.start()
    assert "teal.state" in str(ended.value)


def test_ruined_history_stops_nothing(shop):
    shop.must("switch")
    shop.kill()
    (shop.folder / "state" / "teal.db").write_bytes(b"this is no database, and it is longer than a header of one hundred bytes is. " * 20)
    shop.start()
    assert shop.service()["live"] == "green" and shop.get()[1]["x-color"] == "green"
    assert shop.status()["journal"]["fault"]
    shop.must("switch", "blue")
    assert shop.service()["live"] == "blue"


def test_ended_before_it_had_read_what_the_last_one_left(shop):
    """The disk hangs, and the daemon is ended; then the disk goes on, and says that a deployment was never ended."""
    id = shop.api("POST", "/v1/services/shop/switch", {"bake_s": 60})[1]["deployment"]
    shop.await_history(id)
    shop.kill()
    for path in truth_files(shop):
        path.unlink()
    coming = shop.folder / "state" / "teal.state.new"
    os.mkfifo(coming)
    shop.start(healthy=False)
    shop.process.send_signal(signal.SIGTERM)
    rig.wait_until("it waits for the disk", lambda: "client connections are left" in shop.read_log(), 20)
    time.sleep(0.2)
    reader = os.open(coming, os.O_RDONLY | os.O_NONBLOCK)  # what waits to be written is less than a pipe holds
    try:
        assert shop.process.wait(30) == 0, shop.read_log()
    finally:
        os.close(reader)
    shop.check_log()
    coming.unlink(missing_ok=True)
    shop.start()
    assert (shop.deployment(id)["outcome"], shop.deployment(id)["cause"]) == ("failed", "interrupted")
