"""The shield, from outside: when it is up, what it covers, what is counted, and what clients see of a release that fails. How it works inside is tests/flow's business."""
import json
import time

import pytest

import daemon as rig

EVERY = [500, 502, 503, 504]


@pytest.fixture
def shop(small, teal, tmp_path):
    """shop(SHIELD, options of both backends, OPTION=...): one service without a limit on errors, and an access log."""

    def start(shield, green=(), blue=(), bake="1h", **more):
        backends = small("blue", "1", *blue), small("green", "2", *green)
        services = rig.colors(backends[:1], backends[1:], bake=bake, shield=shield, **more)
        one = teal(services, access_log={"path": str(tmp_path / "access.log"), "format": "json"})
        one.blue, one.green, one.access = *backends, tmp_path / "access.log"
        return one

    return start


def lines_of(one):
    return [json.loads(line) for line in one.access.read_text().splitlines()]


def await_lines(one, count):
    """The access log, once it has so many lines."""
    return rig.wait_until(f"{count} lines in the access log", lambda: len(found := lines_of(one)) >= count and found)


def deployment_of(one):
    return one.api("GET", f"/v1/deployments/{one.newest()['id']}")[1]


# ---- when it is up: every color fails /fail, so the color of the answer tells who was asked last ----


def who_answers(one, status=503):
    found, fields, _ = one.get(f"/fail?status={status}")
    assert found == status
    return fields["x-color"]


def test_bake_covers_the_bake_and_nothing_else(shop):
    one = shop("bake")
    assert who_answers(one) == "blue"
    one.must("switch", "--no-wait")
    assert who_answers(one) == "blue"
    assert one.get()[1]["x-color"] == "green"
    one.must("promote")
    assert one.deployment(one.newest()["id"])["outcome"] == "promoted"
    assert who_answers(one) == "green"


def test_bake_ends_with_a_rollback(shop):
    one = shop("bake")
    one.must("switch", "--no-wait")
    assert who_answers(one) == "blue"
    one.must("rollback")
    assert one.deployment(one.newest()["id"])["outcome"] == "rolled_back"
    assert who_answers(one) == "blue" and one.get()[1]["x-color"] == "blue"
    assert deployment_of(one)["receipt"]["shielded"] == 1


def test_bake_goes_on_after_a_restart(shop):
    one = shop("bake")
    one.must("switch", "--no-wait")
    one.kill()
    one.start()
    assert (one.get()[1]["x-color"], who_answers(one)) == ("green", "blue")


def test_always(shop):
    one = shop("always")
    assert who_answers(one) == "green"
    one.must("switch", "--no-wait")
    assert who_answers(one) == "blue"
    one.must("promote")
    one.deployment(one.newest()["id"])
    assert who_answers(one) == "blue"
    one.must("switch", "--no-wait", "--bake", "1h")
    one.must("rollback")
    one.deployment(one.newest()["id"])
    assert (one.get()[1]["x-color"], who_answers(one)) == ("green", "green")  # a release that was rolled back is no help


def test_off(shop):
    one = shop("off")
    one.must("switch", "--no-wait")
    assert who_answers(one) == "green"


def test_a_reload_raises_and_lowers_it(shop):
    one = shop("off")
    one.must("switch", "--no-wait")
    for shield, color in (("bake", "blue"), ("off", "green"), ("always", "blue")):
        one.conf["services"]["shop"]["shield"] = shield
        one.write_file()
        one.must("reload")
        assert who_answers(one) == color


@pytest.mark.parametrize("statuses, covered", [([502, 503, 504], {502, 503, 504}), (EVERY, set(EVERY)), ([503], {503})], ids=["default", "every", "one"])
def test_statuses(shop, statuses, covered):
    one = shop({"when": "bake", "statuses": statuses})
    one.must("switch", "--no-wait")
    assert {status for status in EVERY if who_answers(one, status) == "blue"} == covered


def test_a_color_that_is_down_is_no_shield(shop):
    one = shop("bake")
    one.must("switch", "--no-wait")
    one.blue.kill()
    rig.wait_until("blue to be unhealthy", lambda: one.service()["colors"]["blue"]["health"] == "unhealthy")
    assert who_answers(one) == "green"


# ---- what is counted and written down ----


def test_what_is_counted(shop):
    one = shop("bake", green=("--fail-rate", "1", "--fail-status", "503"))
    one.must("switch", "--no-wait")
    assert [(status, fields["x-color"]) for status, fields, _ in (one.get() for _ in range(5))] == [(200, "blue")] * 5
    rig.wait_until("the judge's count", lambda: deployment_of(one)["evidence"]["errors"] == 5)
    document = deployment_of(one)
    assert document["receipt"]["shielded"] == 5
    assert document["evidence"]["answers"] == 5  # each of them green's
    for line in await_lines(one, 5)[-5:]:
        assert (line["status"], line["shielded"], line["shielded_from"]) == (200, True, "green"), line
    metrics = one.api("GET", "/metrics")[1].decode()
    assert sum(float(line.split()[-1]) for line in metrics.splitlines() if line.startswith("teal_shielded_requests_total{")) == 5, metrics


def test_what_was_not_shielded_is_not_said_to_be(shop):
    one = shop("bake")
    one.must("switch", "--no-wait")
    one.get()
    assert "shielded" not in await_lines(one, 1)[0]
    assert deployment_of(one)["receipt"]["shielded"] == 0


# ---- under load ----


@pytest.mark.parametrize("status", ["500", "503", "0"], ids=["500", "503", "reset"])
@pytest.mark.parametrize("share", ["1", "0.3"])
def test_clients_see_nothing(shop, strict, tmp_path, status, share):
    """No GET and no HEAD fails through a switch to a release that fails and back; each POST reaches one color, once."""
    ids = tmp_path / "ids"
    logs = ("--log-ids", str(ids))
    one = shop({"when": "bake", "statuses": EVERY}, green=("--fail-rate", share, "--fail-status", status, *logs), blue=logs, rollback={"verify": "0"})
    client = strict(one.port, "--connections", 16, "--seconds", 600, "--rate", 500, "--methods", "get,get,post,head")
    time.sleep(0.3)
    one.must("switch", "--no-wait")
    time.sleep(1.5)
    one.must("rollback")
    document = one.deployment(one.newest()["id"])
    time.sleep(0.3)
    summary = client.finish()
    for method in ("get", "head"):
        tally = summary["by_method"][method]
        assert (tally["failed"], tally["non_2xx"], tally["ok"]) == (0, 0, tally["sent"]), summary["examples"]
    post = summary["by_method"]["post"]
    assert post["non_2xx"] > 10 and post["failed"] == 0, summary["examples"]
    assert {name: summary[name] for name in ("mixed_up", "repeated", "wrong_body", "truncated", "malformed")} == dict.fromkeys(
        ("mixed_up", "repeated", "wrong_body", "truncated", "malformed"), 0
    )
    seen = ids.read_text().split()
    assert len(seen) == len(set(seen)) == post["sent"]
    assert document["receipt"]["shielded"] > 20
