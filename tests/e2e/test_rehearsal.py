"""Rehearsals: live requests copied to the idle color, and what the report says of the release there."""
import http.client
import subprocess
import threading
import time

import pytest

import daemon as rig
import rehearsing


@pytest.fixture
def actors():
    """actors(BLUE's answer, GREEN's answer): the two backends of a shop."""
    started, released = [], threading.Event()

    def start(blue=rehearsing.catalogue, green=rehearsing.catalogue):
        started.extend([rehearsing.Actor("blue", blue), rehearsing.Actor("green", green)])
        return started[-2:]

    start.released = released
    yield start
    released.set()
    for actor in started:
        actor.stop()


@pytest.fixture
def shop(actors, teal):
    """shop(BLUE's answer, GREEN's answer, KEY=…): the keys are those of `rehearsal`; `response` is the time for an answer to begin."""

    def start(blue=rehearsing.catalogue, green=rehearsing.catalogue, response=None, **keys):
        both = actors(blue, green)
        settings = {"timeouts": {"response": response}} if response else {}
        one = teal(rig.colors(both[:1], both[1:], bake="1h", rehearsal={"slower": "1000%", **keys}), **settings)
        one.blue, one.green = both
        return one

    return start


def rehearse(one, **wish):
    status, report = one.api("POST", "/v1/services/shop/rehearse", {"share": 1, "for_s": 3600, **wish})
    assert status == 202, report
    assert report["state"] == "running"
    return report


def report_of(one):
    return one.api("GET", "/v1/services/shop/rehearsal")[1]


def await_compared(one, count, paths):
    """Asks for the paths, again and again, until so many answers have been compared. The report."""
    def compared():
        for path in paths:
            assert one.get(path)[0] in (200, 404)
        found = report_of(one)
        return found["compared"] >= count and found

    return rig.wait_until(f"{count} answers compared", compared, 60)


def await_first(one):
    """Asks until the workers copy. How many copies there are."""
    return rig.wait_until("the first copy", lambda: one.get("/") and report_of(one)["sampled"])


def stop(one):
    status, report = one.api("POST", "/v1/services/shop/rehearsal/stop", {})
    assert status == 200
    assert report["state"] == "ended" and report["ended_at"]
    return report


def places(list):
    return {(one["route"], one["kind"], one["where"]) for one in list}


# ---- what the report tells ----


def test_equal_releases_pass_and_noise_is_left_out(shop):
    one = shop(fields=["x-kind"], ignore=["/parts/*/at"])
    rehearse(one, for_s=5)
    found = rig.wait_until("the end", lambda: [one.get(f"/items/{n}") for n in range(5)] and one.get("/") and report_of(one)["state"] == "ended" and report_of(one), 60)
    assert found["verdict"] == "passed", found
    assert 10 <= found["compared"] <= 55, "10 a second"
    assert found["differences"] == []
    assert places(found["noise"]) == {("GET /items/*", "json", "/served")}
    assert (found["color"], found["version"], found["share"], found["for_s"]) == ("green", "2", 1, 5)
    log = one.read_log()
    assert "rehearsal of green (2) with 100% of the requests for 5s" in log and "rehearsal of green (2) passed" in log


def test_what_is_wrong_is_told_apart(shop):
    def green(request):
        status, fields, body = rehearsing.catalogue(request)
        if request.path == "/slow":
            time.sleep(0.5)
        if request.path == "/gone":
            return 404, fields, body
        if request.path == "/typed":
            return status, {**fields, "Content-Type": "text/plain"}, body
        if request.path == "/other":
            return status, {**fields, "X-Kind": "another"}, body + b"!"
        return status, fields, body.replace(b'"price": 150', b'"price": "1.50"')

    one = shop(green=green, fields=["x-kind"], ignore=["/parts/*/at"], concurrency=32)
    rehearse(one)
    paths = ["/items/1", "/items/2", "/slow", "/gone", "/typed", "/other", "/same"]
    enough = lambda: all(row["compared"] >= 6 for row in await_compared(one, 10, paths)["routes"])
    rig.wait_until("six answers of each", enough, 120)
    found = stop(one)
    assert found["verdict"] == "failed"
    assert "answers differ, more than 0%" in found["text"]
    assert places(found["differences"]) == {
        ("GET /items/*", "json", "/price"), ("GET /gone", "status", None), ("GET /typed", "field", "content-type"), ("GET /other", "field", "x-kind"), ("GET /other", "body", None)}
    price = next(row for row in found["differences"] if row["where"] == "/price")
    assert (price["live"], price["idle"], price["share"]) == ("150", '"1.50"', 1)
    gone = next(row for row in found["differences"] if row["kind"] == "status")
    assert (gone["live"], gone["idle"]) == ("200", "404")
    slow = {row["route"]: row["slow"] for row in found["routes"]}
    assert slow["GET /slow"] is True
    assert set(slow) == {"GET /items/*", "GET /slow", "GET /gone", "GET /typed", "GET /other", "GET /same"}


def test_slowness_alone_fails(shop):
    def green(request):
        time.sleep(0.5)
        return rehearsing.catalogue(request)

    one = shop(green=green, concurrency=32, ignore=["/served", "/parts/*/at"])
    rehearse(one)
    await_compared(one, 12, ["/items/1"])
    found = stop(one)
    assert found["verdict"] == "failed" and "GET /items/* is slower: p50 is" in found["text"]
    assert found["differences"] == [] and found["noise"] == []


def test_as_many_may_differ_as_is_configured(shop):
    one = shop(green=lambda request: (404, {}, b""), differences="100%")
    rehearse(one)
    await_compared(one, 10, ["/"])
    found = stop(one)
    assert found["verdict"] == "inconclusive", "nothing is wrong, but it was stopped"
    assert found["differing_share"] == 1 and "stopped it" in found["text"]


# ---- what is copied ----


def test_copies(shop):
    one = shop()
    rehearse(one)
    sent = {"Cookie": "s=1", "Authorization": "Basic eDp5", "If-None-Match": '"7"', "Accept-Encoding": "gzip", "X-Empty": "", "X-Teal-Rehearsal": "7"}
    await_compared(one, 1, ["/a/b?c=%20&d={x}|'"])
    rig.wait_until("the copy", lambda: one.get("/with", sent) and any(copy.path == "/with" for copy in one.green.copies()))
    copy = next(copy for copy in one.green.copies() if copy.path == "/with")
    assert copy.method == "GET" and copy.field("host") == f"127.0.0.1:{one.port}"
    assert (copy.field("cookie"), copy.field("authorization"), copy.field("x-empty")) == ("s=1", "Basic eDp5", "")
    assert copy.field("if-none-match") is None and copy.field("accept-encoding") is None and copy.field("user-agent") is None
    assert [value for name, value in copy.fields if name == "x-teal-rehearsal"] == ["1"]
    ids = {request.field("x-request-id") for request in one.blue.asked if request.path == "/with" and not request.is_copy()}
    assert copy.field("x-request-id") in ids and None not in ids
    assert one.green.copies()[0].path == "/a/b?c=%20&d={x}|'"
    rig.wait_until("the live color's copy", lambda: any(copy.path == "/with" for copy in one.blue.copies()))
    assert all(request.is_copy() for request in one.green.asked)


def test_methods(shop):
    one = shop()
    rehearse(one)
    for method, body in (("POST", b"x"), ("GET", b"x"), ("OPTIONS", None)):
        send(one, method, f"/{method}{'-body' if body else ''}", body)

    wanted = {("HEAD", "/HEAD"), ("GET", "/last")}

    def copied():
        found = {(copy.method, copy.path) for copy in one.green.copies()}
        for method, path in wanted - found:
            send(one, method, path, None)
        return found if wanted <= found else None

    assert rig.wait_until("copies of HEAD and GET", copied) == wanted


def send(one, method, path, body):
    connection = http.client.HTTPConnection("127.0.0.1", one.port, timeout=30)
    connection.request(method, path, body)
    connection.getresponse().read()
    connection.close()


def test_the_share_is_exact(shop):
    one = shop()
    one.conf["workers"] = 1
    one.end()
    one.start()
    rehearse(one, share=0.25)
    before = await_first(one)
    for _ in range(40):
        one.get("/")
    rig.wait_until("the last copy", lambda: report_of(one)["sent"] == before + 10)
    assert stop(one)["sampled"] == before + 10


# ---- the live path and an idle color that is ill ----


def test_idle_color_hangs(actors, shop):
    def green(request):
        actors.released.wait(60)
        return rehearsing.catalogue(request)

    one = shop(green=green, concurrency=3)
    rehearse(one)
    before = await_first(one)
    for _ in range(200):
        status, fields, _ = one.get("/")
        assert (status, fields["x-color"]) == (200, "blue")
    rig.wait_until("three copies are on their way", lambda: len(one.green.copies()) == 3)
    found = report_of(one)
    assert found["sampled"] == before + 200 and found["sent"] == 3 and found["compared"] == 0
    assert found["dropped"]["full"] >= before + 200 - 3 - 2 * 16
    time.sleep(1)  # no report says that the live color has answered all three
    found = stop(one)
    assert (found["verdict"], found["sent"]) == ("inconclusive", 3)
    assert found["text"].endswith("; only 0 answers were compared, which is too few to say anything; 3 more had an answer of the live color, and none of the idle one yet")
    assert one.get()[0] == 200


def test_idle_color_never_answers(actors, shop):
    """Three copies at a time, each for two seconds, of which the last ones are under way when the time is over: few answers, and all are none."""
    def green(request):
        actors.released.wait(60)
        return rehearsing.catalogue(request)

    one = shop(green=green, response="2s", concurrency=3)
    rehearse(one, for_s=3)
    found = rig.wait_until("the end", lambda: one.get("/") and report_of(one)["state"] == "ended" and report_of(one), 60)
    assert found["verdict"] == "failed", found
    assert found["text"] == f"the idle color did not answer {found['compared']} of {found['compared']} requests that the live one answered; most often GET /: timed out"
    assert 3 <= found["compared"] < 10 and found["unanswered"]["idle"] == found["compared"]


def test_idle_color_dies(shop):
    one = shop(green=lambda request: (_ for _ in ()).throw(ConnectionError()))
    rehearse(one)
    await_compared(one, 10, ["/"])
    found = stop(one)
    assert found["verdict"] == "failed" and found["unanswered"]["idle"] == found["compared"]
    assert places(found["differences"]) == {("GET /", "no_answer", "closed")}


# ---- its life ----


def test_a_deployment_ends_it(shop):
    one = shop()
    rehearse(one)
    one.must("switch", "--no-wait")
    found = rig.wait_until("the end", lambda: report_of(one)["state"] == "ended" and report_of(one))
    assert found["verdict"] == "inconclusive" and "a deployment began" in found["text"]
    status, problem = one.api("POST", "/v1/services/shop/rehearse", {})
    assert (status, problem["code"]) == (409, "deployment_running") and problem["deployment"] == one.newest()["id"]


def test_another_release_ends_it(shop):
    one = shop()
    rehearse(one)
    assert one.api("PUT", "/v1/services/shop/colors/green", {"backends": [one.green.address], "version": "3"})[0] == 200
    found = rig.wait_until("the end", lambda: report_of(one)["state"] == "ended" and report_of(one))
    assert found["version"] == "2" and "another release" in found["text"]


def test_a_reload_in_the_middle(shop):
    one = shop(ignore=["/served", "/parts"])
    rehearse(one)
    await_compared(one, 3, ["/items/1"])
    one.conf["services"]["shop"]["rehearsal"] = {"ignore": ["/id"]}
    one.write_file()
    one.must("reload")
    found = await_compared(one, report_of(one)["compared"] + 10, ["/items/1"])
    assert found["state"] == "running" and found["differences"] == found["noise"] == [], "it goes on by the rules with which it began"


def test_the_daemon_ends_in_the_middle(shop):
    one = shop()
    rehearse(one)
    await_compared(one, 3, ["/items/1"])
    one.end()
    one.start()
    assert report_of(one) == {"service": "shop", "state": "none"}
    assert one.get()[0] == 200


def test_refusals(shop):
    one = shop()

    def refused(verb, body, status, code):
        found, problem = one.api("POST", f"/v1/services/shop/{verb}", body)
        assert (found, problem["code"]) == (status, code), problem

    refused("rehearsal/stop", {}, 409, "no_rehearsal")
    refused("rehearse", {"to": "blue"}, 409, "color_is_live")
    for wrong in ({"share": 0}, {"share": 1.5}, {"share": "10%"}, {"for_s": -1}, {"to": "red"}, {"what": 1}):
        refused("rehearse", wrong, 400, "bad_request")
    for wrong, range in (({"for_s": 0}, "1 to 86400 (24h)"), ({"for_s": 86401}, "1 to 86400 (24h)"), ({"share": 0}, "0.0001 (0.01%) to 1"),
                         ({"share": 0.00001}, "0.0001 (0.01%) to 1")):
        found, problem = one.api("POST", "/v1/services/shop/rehearse", wrong)
        assert found == 400 and range in problem["detail"], problem
    assert one.run("rehearse", "--share", "0.01%", "--for", "24h", "--no-wait").code == 0
    stop(one)
    rehearse(one, to="green")
    refused("rehearse", {}, 409, "rehearsal_running")
    stop(one)
    refused("rehearsal/stop", {}, 409, "no_rehearsal")
    assert one.api("PUT", "/v1/services/shop/colors/green", {"backends": []})[0] == 200
    refused("rehearse", {}, 409, "no_backend_up")
    assert one.api("POST", "/v1/services/none/rehearse", {})[0] == 404


# ---- as a gate ----


def test_a_service_that_is_removed(shop):
    """Who follows a rehearsal has not asked for anything wrong."""
    one = shop()
    following = subprocess.Popen([one.binary, "rehearse", "--for", "1h"], env=rig.environment(TEAL_ADMIN=one.socket), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    rig.wait_until("the rehearsal", lambda: report_of(one)["state"] == "running")
    one.conf["services"] = {"other": one.conf["services"]["shop"]}
    one.write_file()
    one.must("reload")
    out, err = following.communicate(timeout=60)
    assert (following.returncode, err) == (1, "teal: the rehearsal ended: the service was removed\n"), (out, err)


def gate_of(one):
    gates = one.api("GET", f"/v1/deployments/{one.newest()['id']}")[1]["gates"]
    return next(gate for gate in gates if gate["name"] == "rehearsal")


def test_gate(actors, teal):
    both = actors(green=lambda request: (500, {}, b"") if request.path == "/ill" else rehearsing.catalogue(request))
    one = teal(rig.colors(both[:1], both[1:], bake="1h", gates={"rehearsal": "1h"}, rehearsal={"slower": "1000%"}))

    def refused(sentence):
        assert one.run("switch", "--no-wait").code == 3
        assert not gate_of(one)["passed"] and sentence in gate_of(one)["detail"], gate_of(one)

    refused("no rehearsal of green is known since teal has started; `teal rehearse shop green` makes one")
    rehearse(one)
    await_compared(one, 10, ["/"])
    refused("the rehearsal of 2 is still under way")
    assert report_of(one)["state"] == "running"
    stop(one)
    refused("the rehearsal of 2 says too little: it ended early: ")
    rehearse(one, for_s=3)
    rig.wait_until("the end", lambda: one.get("/ill") and report_of(one)["state"] == "ended", 60)
    refused("the rehearsal of 2 failed: ")
    end_well(one)
    assert one.api("PUT", "/v1/services/shop/colors/green", {"backends": [both[1].address], "version": "3"})[0] == 200
    one.await_healthy()
    refused("the newest rehearsal is of another version than 3 (2); `teal rehearse shop green` makes another one")
    end_well(one)
    one.must("switch", "--no-wait")
    assert gate_of(one)["passed"] and "the rehearsal of 3 passed " in gate_of(one)["detail"]


def test_gate_of_a_release_without_a_version(actors, teal):
    both, (_, other) = actors(), actors()
    services = rig.colors(both[:1], both[1:], bake="1h", gates={"rehearsal": "1h"}, rehearsal={"slower": "1000%"})
    del services["shop"]["green"]["version"]
    one = teal(services)
    end_well(one)
    assert one.api("PUT", "/v1/services/shop/colors/green", {"backends": [other.address]})[0] == 200
    one.await_healthy()
    assert one.run("switch", "--no-wait").code == 3
    assert gate_of(one)["detail"] == "the newest rehearsal is of other backends than green has now; `teal rehearse shop green` makes another one"
    end_well(one)
    one.must("switch", "--no-wait")
    assert gate_of(one)["passed"] and "the rehearsal of green passed " in gate_of(one)["detail"]


def end_well(one):
    """A rehearsal that passes. On a machine that is very busy it takes more than one."""

    def passed():
        if report_of(one)["state"] != "running":
            rehearse(one, for_s=3)
        rig.wait_until("the end", lambda: one.get("/") and report_of(one)["state"] == "ended", 60)
        return report_of(one)["verdict"] == "passed"

    rig.wait_until("a rehearsal that passes", passed, 60)
