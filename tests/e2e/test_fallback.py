"""The asset fallback, from outside: when 404s are tried on the other color, and what is counted and written down. How it works inside is tests/flow's business."""
import json
import re

import pytest

import daemon as rig


@pytest.fixture
def shop(small, teal, tmp_path):
    """shop(options of both backends, OPTION=...): one service with /assets and /fail among its fallback paths, and an access log."""

    def start(green=(), blue=(), bake="1h", fallback=("/assets", "/fail"), **more):
        backends = small("blue", "1", *blue), small("green", "2", *green)
        services = rig.colors(backends[:1], backends[1:], bake=bake, fallback=list(fallback), **more)
        one = teal(services, access_log={"path": str(tmp_path / "access.log"), "format": "json"})
        one.blue, one.green, one.access = *backends, tmp_path / "access.log"
        return one

    return start


def who_is_asked_last(one):
    """Both colors answer this with 404, so the answer's color tells."""
    status, fields, _ = one.get("/fail?status=404")
    assert status == 404
    return fields["x-color"]


def test_from_the_flip_to_the_end_of_the_bake(shop):
    one = shop()
    assert who_is_asked_last(one) == "blue"  # green may not even be meant for users
    one.must("switch", "--no-wait")
    assert who_is_asked_last(one) == "blue"
    assert one.get("/assets/a.js")[1]["x-color"] == "green"
    one.must("promote")
    assert one.deployment(one.newest()["id"])["outcome"] == "promoted"
    assert who_is_asked_last(one) == "green"


def test_not_on_what_was_rolled_back(shop):
    one = shop()
    one.must("switch", "--no-wait")
    assert who_is_asked_last(one) == "blue"
    one.must("rollback")
    assert one.deployment(one.newest()["id"])["outcome"] == "rolled_back"
    assert who_is_asked_last(one) == "blue"


def test_it_goes_on_after_a_restart(shop):
    one = shop()
    one.must("switch", "--no-wait")
    one.kill()
    one.start()
    assert (one.get()[1]["x-color"], who_is_asked_last(one)) == ("green", "blue")


def test_with_a_shield_at_any_time(shop):
    one = shop(shield="always")
    assert who_is_asked_last(one) == "green"


def test_a_reload_gives_and_takes_paths(shop):
    one = shop(fallback=["/other"])
    one.must("switch", "--no-wait")
    for paths, color in ((["/fail"], "blue"), ([], "green"), (["/"], "blue"), (["/fai"], "green")):
        one.conf["services"]["shop"]["fallback"] = paths
        one.write_file()
        one.must("reload")
        assert who_is_asked_last(one) == color, paths


def test_a_color_that_is_down_is_not_asked(shop):
    one = shop()
    one.must("switch", "--no-wait")
    one.blue.kill()
    rig.wait_until("blue to be unhealthy", lambda: one.service()["colors"]["blue"]["health"] == "unhealthy")
    assert who_is_asked_last(one) == "green"


def test_what_is_counted(shop):
    one = shop(green=("--fail-rate", "1", "--fail-status", "404"))
    one.must("switch", "--no-wait")
    for path, status, color in (("/assets/a.js", 200, "blue"), ("/assets?b", 200, "blue"), ("/elsewhere", 404, "green")):
        found, fields, _ = one.get(path)
        assert (found, fields["x-color"]) == (status, color)
    colors = rig.wait_until("three answers to be counted", lambda: (found := one.service()["colors"])["green"]["requests"] == 3 and found["blue"]["assist"] == 0 and found)
    assert (colors["green"]["fallbacks"], colors["green"]["requests"], colors["green"]["errors"], colors["green"]["failed"]) == (2, 3, 0, 0)
    assert (colors["blue"]["fallbacks"], colors["blue"]["requests"]) == (0, 0)
    metrics = one.api("GET", "/metrics")[1].decode()
    assert re.search(r'^teal_fallback_requests_total{service="shop",color="green"} 2$', metrics, re.M), metrics
    lines = rig.wait_until("three lines in the access log", lambda: len(found := one.access.read_text().splitlines()) >= 3 and found)
    by_target = {line["target"]: line for line in map(json.loads, lines)}  # each worker writes its own
    tried, plain = by_target["/assets/a.js"], by_target["/elsewhere"]
    assert (tried["status"], tried["color"], tried["fallback"], tried["fallback_from"]) == (200, "blue", True, "green")
    assert (plain["status"], plain["color"]) == (404, "green") and "fallback" not in plain


@pytest.mark.parametrize("lacking", ["blue", "green"])
def test_in_steps_both_ways(shop, lacking):
    one = shop(**{lacking: ("--fail-rate", "1", "--fail-status", "404")})
    other = "green" if lacking == "blue" else "blue"
    status, document = one.api("POST", "/v1/services/shop/switch", {"steps": [50, 100], "pause_s": "manual"})
    assert status in (200, 202), document
    rig.wait_until("both colors to be asked", lambda: {one.get()[1]["x-color"] for _ in range(4)} == {"blue", "green"})
    for _ in range(20):
        found, fields, _ = one.get("/assets/a.js")
        assert (found, fields["x-color"]) == (200, other)
    assert one.service()["colors"][lacking]["fallbacks"] > 0
