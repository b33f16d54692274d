"""What the judge does with a release: a bad one goes back and the reason is told in numbers, a stray error or a common cause sends nothing back, a restart loses nothing.

script/judge measures how soon; here nothing depends on that.
"""
import http.client
import re
import socket
import time

import pytest

import daemon as rig
import judging
import promserver
from judging import document_of

LOG = {"pattern": "could not connect to (the )?database", "matches": 5, "within": "1m"}
BAD_LINE = "ERROR could not connect to the database\n"


@pytest.fixture
def shop(small, teal):
    """shop(ROLLBACK, OPTION=...): one service with a small backend a color."""

    def start(rollback, bake="1h", **more):
        blue, green = small("blue", "1"), small("green", "2")
        one = teal(rig.colors([blue], [green], bake=bake, rollback=rollback, **more))
        one.blue, one.green = blue, green
        return one

    return start


def criterion(one, name):
    return next(found for found in document_of(one)["evidence"]["criteria"] if found["name"] == name)


def await_state(one, name, state):
    rig.wait_until(f"{name} to be {state}", lambda: criterion(one, name)["state"] == state, 30)


def switch(one, *options):
    one.must("switch", "--no-wait", *options)


def count(one, event):
    return judging.count_events(one, event)


def check_sent_back(one, cause, said):
    """It went back by itself, for this cause, and `teal explain` says why."""
    document = one.deployment(one.newest()["id"])
    assert (document["outcome"], document["cause"], document["exit"], document["verdict"]) == ("rolled_back", cause, 4, "bad"), document["detail"]
    assert one.service()["live"] == "blue" and one.get()[1]["x-color"] == "blue"
    told = one.must("explain", document["id"]).out
    assert re.search(said, told), told
    return document


# ---- what sends a release back ----

ERRORS = r"[1-9][\d,]* of (the last )?[\d,]+ answers were 5xx \(\d.* %\), the limit is 1 %, blue had 0 %"


def test_error_rate(shop, strict):
    one = shop({"error_rate": "1%"})
    strict(one.port, "--seconds", 600, "--rate", 200)
    time.sleep(1)
    switch(one)
    strict(one.port, "--seconds", 600, "--rate", 200, "--path", "/fail")
    check_sent_back(one, "error_rate", ERRORS)


def test_probes(shop):
    one = shop({"unhealthy_probes": 2})
    switch(one)
    one.green.fall_sick()
    check_sent_back(one, "probes", "2 rounds of probes in a row failed on every backend of green, the limit is 2")


@pytest.mark.long
def test_latency(shop, strict):
    one = shop({"latency_p99": "50ms"})
    switch(one)
    strict(one.port, "--connections", 32, "--seconds", 600, "--rate", 100, "--path", "/wait?ms=100")
    check_sent_back(one, "latency_p99", r"the p99 of [\d,]+ answers in 10 s was 1\d\d ms, the limit is 50 ms, .*3 times in a row")


def write_on(log, lines):
    with open(log, "a") as file:
        file.write(BAD_LINE * lines)


def rotate(log):
    log.rename(f"{log}.1")
    write_on(log, 3)


def truncate(log):
    log.write_text("")
    time.sleep(0.5)  # what is shorter for less than a look was never seen to be
    write_on(log, 3)


def delete(log):
    log.unlink()
    time.sleep(0.5)
    write_on(log, 3)


@pytest.mark.parametrize("go_on", [lambda log: write_on(log, 3), rotate, truncate, delete], ids=["same", "rotated", "truncated", "deleted"])
def test_log(shop, tmp_path, go_on):
    log = tmp_path / "app.log"
    write_on(log, 20)  # of the time before
    one = shop({"log": {"file": str(log), **LOG}})
    switch(one)
    await_state(one, "log", "ok")
    write_on(log, 3)
    rig.wait_until("three lines", lambda: criterion(one, "log")["matches"] == 3)
    assert document_of(one)["outcome"] == "running"
    go_on(log)
    check_sent_back(one, "log", "6 lines of the log matched within 1m, 5 are too many, there were 0 before the switch")
    told = one.must("explain", one.newest()["id"]).out
    assert f"The newest such line of the log, in {log}: " in told, told


def test_a_log_that_can_not_be_read_says_so(shop, tmp_path):
    one = shop({"log": {"file": str(tmp_path / "none" / "app.log"), **LOG}}, bake="4s")
    switch(one)
    await_state(one, "log", "inconclusive")
    document = one.deployment(one.newest()["id"])
    assert (document["outcome"], document["verdict"]) == ("promoted", "inconclusive")
    assert any(warning.startswith("log can't be judged: ") for warning in document["warnings"]), document["warnings"]


QUERY = {"query": 'sum(shop_errors{color="green"})', "above": 5, "every": "200ms"}


def test_prometheus(shop):
    with promserver.Exporter() as exporter:
        exporter.text = 'shop_errors{color="green"} 3\n'
        with promserver.Prometheus(exporter, every="1s") as server:
            server.await_series("shop_errors")
            one = shop({"prometheus": {"url": server.url, **QUERY}})
            switch(one)
            await_state(one, "prometheus", "ok")
            exporter.text = 'shop_errors{color="green"} 7.5\n'
            check_sent_back(one, "prometheus", r"7\.5")


def unused_url():
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{bound.getsockname()[1]}"


@pytest.mark.parametrize("then, outcome", [("promote", "promoted"), ("rollback", "rolled_back")])
def test_prometheus_that_is_down_is_inconclusive(shop, then, outcome):
    one = shop({"prometheus": {"url": unused_url(), **QUERY}, "inconclusive": then}, bake="2s")
    switch(one)
    await_state(one, "prometheus", "inconclusive")
    document = one.deployment(one.newest()["id"])
    assert (document["outcome"], document["verdict"]) == (outcome, "inconclusive")


def test_some_rows_of_the_table():
    """What script/judge --quick measures, without its limits of time."""
    rows = judging.run(judging.QUICK, judging.QUICK_BEFORE_S)
    assert [(row["row"], row["outcome"], row["cause"]) for row in rows] == [
        ("100%/200/off", "rolled_back", "error_rate"), ("10%/200/bake+500", "rolled_back", "error_rate"), ("probes/200/bake+500", "rolled_back", "probes")]
    assert rows[0]["failed"] > 0
    assert [row["failed"] for row in rows[1:]] == [0, 0], [row["examples"] for row in rows]
    assert rows[1]["shielded"] > 0


# ---- what does not ----


def test_a_stray_error_sends_nothing_back(shop):
    one = shop({"error_rate": "1%"}, bake="1s")
    switch(one)
    assert [one.get(path)[0] for path in ("/", "/fail", "/")] == [200, 500, 200]
    document = one.deployment(one.newest()["id"])
    assert (document["outcome"], document["verdict"]) == ("promoted", "inconclusive")
    assert (document["evidence"]["answers"], document["evidence"]["errors"]) == (3, 1)
    assert "1 of 3 answers were 5xx" in one.must("explain", document["id"]).out


def test_both_colors_bad():
    result = judging.run_both(3)
    assert judging.faults_of_both(result) == {}
    assert result["verdict"] == "bad"


def test_both_colors_fail_as_often(small, teal, strict):
    both = [small(color, version, "--fail-rate", "0.2", "--seed", version) for color, version in (("blue", "1"), ("green", "2"))]
    one = teal(rig.colors(both[:1], both[1:], bake="1h", rollback={"error_rate": "1%"}))
    strict(one.port, "--seconds", 600, "--rate", 500)
    time.sleep(2)
    switch(one)
    time.sleep(4)
    assert (count(one, "flipped"), count(one, "rolling_back"), count(one, "held") <= 1) == (1, 0, True)
    assert (one.service()["live"], document_of(one)["outcome"]) == ("green", "running")


def test_dry_run_reports_and_does_not_act(shop, strict):
    one = shop({"error_rate": "1%", "dry_run": ["error_rate"]}, bake="3s")
    switch(one)
    strict(one.port, "--seconds", 600, "--rate", 200, "--path", "/fail")
    await_state(one, "error_rate", "bad")
    assert criterion(one, "error_rate")["dry_run"]
    document = one.deployment(one.newest()["id"])
    assert (document["outcome"], count(one, "rolling_back")) == ("promoted", 0)
    assert document["verdict"] != "bad" and document["detail"].endswith("; bad in a dry run: error_rate")
    assert count(one, "dry_run") == 1
    assert "green would go back (error_rate), were that no dry run: " in one.must("explain", document["id"]).out


def test_one_automatic_rollback_at_most(shop, strict):
    one = shop({"error_rate": "1%"})
    switch(one)
    strict(one.port, "--seconds", 600, "--rate", 200, "--path", "/fail")  # whatever color is live
    check_sent_back(one, "error_rate", "answers were 5xx")
    time.sleep(1.5)
    assert (count(one, "flipped"), count(one, "rolling_back"), one.service()["live"]) == (1, 1, "blue")
    refused = one.run("switch", "--no-wait")
    assert refused.code == 3 and "was rolled back by deployment" in refused.out, refused
    assert one.service()["live"] == "blue"


def test_a_deploy_that_comes_to_nothing_leaves_the_quarantine(shop):
    """Of the release that the color has again behind it."""
    one = shop({}, bake="1h")
    switch(one)
    one.must("rollback")
    green = one.conf["services"]["shop"]["green"]["backends"][0]
    assert one.run("deploy", "--backend", "127.0.0.1:1", "--version", "9", "--wait", "100ms").code == 6
    assert one.service()["colors"]["green"]["quarantine"]
    assert one.run("switch", "--no-wait").code == 3 and one.service()["live"] == "blue"
    one.end()
    one.start()
    one.await_healthy()
    assert one.run("switch", "--no-wait").code == 3
    one.must("deploy", "--no-wait", "--backend", green, "--version", "2")
    document = one.newest()
    gate = next(gate for gate in document["gates"] if gate["name"] == "not_quarantined")
    assert gate["passed"] and gate["detail"].endswith("is deployed anew"), gate
    rig.wait_until("the switch", lambda: one.service()["live"] == "green")
    assert one.service()["colors"]["green"]["quarantine"] is None


def begin(one, verb="switch", **body):
    status, answer = one.api("POST", f"/v1/services/shop/{verb}", body)
    assert status == 202, answer
    return answer["deployment"]


def ask_health(backend):
    connection = http.client.HTTPConnection(backend.address, timeout=10)
    connection.request("GET", "/health", headers={"Connection": "close"})
    return connection.getresponse().status


def await_approval(one):
    rig.wait_until("the approval to be asked for", lambda: (one.service()["waiting"] or {}).get("gate") == "approval", 30)


def test_backends_of_a_rejected_deploy_lift_no_quarantine(shop, small):
    """They are down first, and then up, as those of the release would be that were started anew."""
    one = shop({}, bake="1h", gates={"approval": "10m"})
    begin(one)
    await_approval(one)
    one.must("approve")
    rig.wait_until("the switch", lambda: one.service()["live"] == "green")
    one.must("rollback")
    other = small("green", "2")
    other.fall_sick()
    rig.wait_until("it is sick", lambda: ask_health(other) == 503)
    id = begin(one, "deploy", backends=[other.address], version="2", wait_s=30)
    for health in "down", "up":
        rig.wait_until(f"it is {health}", lambda: one.service()["colors"]["green"]["backends"][0]["health"] == health)
        other.fall_sick(False)
    await_approval(one)
    one.must("reject")
    assert one.deployment(id)["outcome"] == "refused" and count(one, "quarantine_lifted") == 0
    one.await_healthy()
    assert one.service()["colors"]["green"]["quarantine"]
    refused = one.deployment(begin(one))
    assert (refused["outcome"], refused["exit"]) == ("refused", 3) and "not_quarantined" in str(refused), refused


def test_force_says_what_it_overrides(shop):
    one = shop({}, bake="1h")
    switch(one)
    one.must("rollback")
    one.must("switch", "--force", "--no-wait")
    rig.wait_until("the switch", lambda: one.service()["live"] == "green")
    assert "the way to green is free by force; not passed: not_quarantined" in one.must("explain", one.newest()["id"]).out


def test_confirm_within(shop):
    one = shop({}, bake="200ms")
    refused = one.run("switch", "--confirm-within", "0s")
    assert refused.code == 2 and "must be more than 0" in refused.err and one.service()["live"] == "blue", refused
    switch(one, "--confirm-within", "1s")
    document = one.deployment(one.newest()["id"])
    assert (document["outcome"], document["cause"], document["exit"]) == ("rolled_back", "unconfirmed", 4)
    assert "nobody confirmed the switch in time" in one.must("explain", document["id"]).out
    switch(one, "--confirm-within", "1m", "--force")
    one.must("confirm")
    document = one.deployment(one.newest()["id"])
    assert (document["outcome"], document["confirmed_at"] is not None) == ("promoted", True)


def test_the_list_knows_what_is_going_on(shop):
    one = shop({"error_rate": "1%"})
    switch(one)
    one.get()
    rig.wait_until("the answer in the list", lambda: one.newest()["evidence"]["answers"] == 1)


# ---- killed in the middle of a bake ----


def test_a_bake_survives_the_daemon(shop, strict):
    one = shop({"error_rate": "1%"})
    client = strict(one.port, "--seconds", 600, "--rate", 200)
    time.sleep(1)
    switch(one)
    rig.wait_until("some evidence", lambda: document_of(one)["evidence"]["answers"] > 100)
    assert rig.faults_of(client.finish()) == {}
    before = document_of(one)
    time.sleep(3)  # it is written every two seconds
    one.kill()
    one.start()
    after = document_of(one)
    assert (after["id"], after["outcome"], after["bake_ends_at"]) == (before["id"], "running", before["bake_ends_at"])
    assert after["evidence"]["answers"] >= before["evidence"]["answers"] > 100
    strict(one.port, "--seconds", 600, "--rate", 200, "--path", "/fail")
    document = check_sent_back(one, "error_rate", "answers were 5xx")
    assert document["evidence"]["answers"] > before["evidence"]["answers"]
    assert document["evidence"]["criteria"][0]["before_answers"] == before["evidence"]["criteria"][0]["before_answers"] > 0
