"""What an operator does around a switch, by the command line: hold and resume, approve and reject, preview, rehearse, steps, exclusive; texts and exit codes as they are met."""
import contextlib
import json
import pathlib
import re
import signal
import subprocess
import threading

import pytest

import daemon as rig
import rehearsing

ID = r"\d{8}-\d{6}-[0-9a-f]{6}"


@pytest.fixture
def store(small, teal):
    """store(KEY=...): one service, shop, with a small backend a color."""

    def start(bake="100ms", **more):
        return teal(rig.colors([small("blue", "1")], [small("green", "2")], bake=bake, **more))

    return start


@contextlib.contextmanager
def waiting(one, count):
    """So many requests that wait since `one` is held. Their answers: (status, color), once the block is left."""
    answers = []

    def ask():
        status, fields, _ = one.get(timeout=90)
        answers.append((status, fields.get("x-color")))

    threads = [threading.Thread(target=ask) for _ in range(count)]
    for thread in threads:
        thread.start()
    rig.wait_until(f"{count} requests that wait", lambda: (one.service()["held"] or {}).get("waiting") == count)
    yield answers
    for thread in threads:
        thread.join()


class Aside:
    """A command of teal that runs while the test goes on."""

    def __init__(self, one, *words):
        self.process = subprocess.Popen([one.binary, *words], cwd="/", env=rig.environment(TEAL_ADMIN=one.socket), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True)

    def finish(self, timeout=90):
        out, err = self.process.communicate(timeout=timeout)
        return rig.Result(self.process.returncode, out, err)


@pytest.fixture
def aside():
    started = []

    def start(*words):
        started.append(Aside(*words))
        return started[-1]

    yield start
    for one in started:
        if one.process.poll() is None:
            one.process.kill()
            one.process.communicate()


def await_gate(one, name):
    rig.wait_until(f"the gate {name}", lambda: (one.service()["waiting"] or {}).get("gate") == name, 30)


def refused(result, sentence, code=3):
    assert (result.code, result.out) == (code, ""), result
    assert re.fullmatch(f"teal: {sentence}\n", result.err), result


# ---- hold and resume ----


def test_hold_and_resume(shop):
    result = shop.must("hold", "--max", "5m", "--reason", "moving the database")
    assert re.fullmatch(r"shop: new requests are held until [\d :-]+, for 5m at most; let them go: teal resume shop\n", result.out), result
    with waiting(shop, 3) as answers:
        status = shop.must("status").out
        assert re.search(r"^  new requests are held by \S+ until .+ \(4m\d\ds left\): moving the database; 3 wait$", status, re.M), status
        held = shop.service()["held"]
        assert held["reason"] == "moving the database" and held["since"] < held["until"] and held["by"] and held["deployment"] is None
        assert re.search(r"^  new requests are held by \S+ until ", shop.must("plan").out, re.M)
        assert shop.must("resume").out == "shop: new requests are held no more; 3 waited and are let go, 1000 a second\n"
    assert answers == [(200, "blue")] * 3
    assert shop.service()["held"] is None
    log = shop.read_log()
    assert "new requests are held for at most 5m" in log and "requests are let go after" in log


def test_a_hold_ends_by_itself(shop):
    shop.must("hold", "--max", "5m")
    with waiting(shop, 1) as answers:
        assert shop.must("hold", "--max", "200ms", "--json").json()["in_force"] is True  # the last word counts
    assert answers == [(200, "blue")]
    rig.wait_until("its end", lambda: shop.service()["held"] is None)
    refused(shop.run("resume"), "the requests of service shop are not held")


def test_what_can_not_be_held(shop):
    refused(shop.run("resume"), "the requests of service shop are not held")
    refused(shop.run("hold", "elsewhere"), 'no service is called "elsewhere"; there is: shop', 2)
    problem = shop.run("resume", "--json")
    assert (problem.code, problem.json()["code"], problem.json()["exit"]) == (3, "not_held", 3)
    status, problem = shop.api("POST", "/v1/services/shop/hold", {"max_s": 0})
    assert (status, problem["code"]) == (400, "bad_request")


def test_a_hold_outlives_the_daemon(shop):
    shop.must("hold", "--max", "10m", "--reason", "a long one")
    shop.kill()
    shop.start()
    held = shop.service()["held"]
    assert held["reason"] == "a long one"
    shop.must("resume")
    assert shop.get()[0] == 200


def test_held_by_hand_a_rollback_never_overlaps(shop):
    """The way that docs/life-of-a-switch.md names for those who can't have both versions at once."""
    shop.must("switch", "--no-wait", "--bake", "10m")
    shop.must("hold", "--max", "5m")
    with waiting(shop, 2) as answers:
        assert shop.must("rollback").code == 0
        shop.must("resume")
    assert answers == [(200, "blue")] * 2


# ---- approval ----


def test_approve(store, aside):
    one = store(gates={"approval": "10m"})
    refused(one.run("approve"), "no deployment of service shop waits for an approval")
    switch = aside(one, "switch", "--reason", "release 2")
    await_gate(one, "approval")
    id = one.newest()["id"]
    status = one.must("status").out
    assert re.search(rf"^  waits for somebody's approval until .+: teal approve shop {id}, or teal reject shop {id}$", status, re.M), status
    refused(one.run("approve", "20260101-000000-000000"), 'there is no deployment "20260101-000000-000000"', 1)
    refused(one.run("approve", "shop", "20260101-000000-000000"), rf".*{id}.*")
    assert one.must("approve", id, "--reason", "looks well").out == f"shop: deployment {id} is approved and goes on\n"
    result = switch.finish()
    assert result.code == 0 and re.search(r"approval: approved by \S+: looks well", result.out), result
    told = one.must("explain", id).out
    assert re.search(r"somebody's approval asked for", told) and re.search(r'approved by \S+: "looks well"', told), told


def test_reject(store, aside):
    one = store(gates={"approval": "10m"})
    switch = aside(one, "switch")
    await_gate(one, "approval")
    result = one.must("reject", "--reason", "not on a Friday")
    assert re.fullmatch(rf"shop: deployment {ID} is rejected and ends as refused\n", result.out), result
    result = switch.finish()
    assert result.code == 3 and re.search(r"refused: rejected by \S+: not on a Friday", result.out) and "refused: blue (1) stays live" in result.out, result
    refused(one.run("reject"), "no deployment of service shop waits for an approval")


def test_an_approval_expires(store):
    one = store(gates={"approval": "1s"})
    result = one.run("switch")
    assert result.code == 6 and "refused: nobody approved it within 1s" in result.out, result
    refused(one.run("approve"), "no deployment of service shop waits for an approval")


# ---- preview ----


def curl(*words):
    return subprocess.run(["curl", "-sS", "-o", "/dev/null", "-D", "-", *words], capture_output=True, text=True, timeout=60, check=True).stdout


def colors_seen(headers):
    return re.findall(r"^x-color: (\S+)", headers, re.M | re.I)


def test_preview_by_link(store, tmp_path):
    one = store(preview={"cookie": "look", "header": "X-Look"})
    result = one.must("preview")
    found = re.fullmatch(r"shop: green \(2\) is idle; to see it\n  open this link, good until [\d :-]+:\n    (http://\S+)\n"
                         r"  or send the field `X-Look: 1` with a request\n", result.out)
    assert found, result
    jar = str(tmp_path / "jar")
    assert colors_seen(curl("-L", "-c", jar, "-b", jar, found[1])) == ["green"]
    again = found[1].split("?")[0]
    assert colors_seen(curl("-b", jar, again)) == ["green"]
    assert colors_seen(curl(again)) == ["blue"]
    assert colors_seen(curl("-H", "X-Look: 1", again)) == ["green"]
    one.must("switch")
    assert colors_seen(curl("-b", jar, again)) == ["green"]  # now as everybody
    one.must("rollback")
    brief = one.must("preview", "--expires", "1s", "--json").json()["url"]
    rig.wait_until("the link's end", lambda: colors_seen(curl("-L", brief)) == ["blue"], 30)


def test_preview_as_json(store):
    one = store(preview={"cookie": "look"})
    document = one.must("preview", "--json", "--expires", "10m", "--base", "https://shop.example:8443").json()
    assert (document["service"], document["color"], document["version"], document["cookie"], document["header"]) == ("shop", "green", "2", "look", None)
    assert document["url"] == "https://shop.example:8443/?teal_preview=" + document["token"]
    assert document["token"] not in one.read_log()
    result = one.run("preview", "--base", "shop.example/path")
    assert (result.code, "http:// or https://" in result.err) == (2, True), result


def test_preview_without_a_link(store):
    one = store(preview={"header": "X-Look"})
    assert one.must("preview").out == "shop: green (2) is idle; to see it\n  send the field `X-Look: 1` with a request\n"
    assert one.must("preview", "--json").json()["url"] is None


def test_no_preview(shop):
    refused(shop.run("preview"), "service shop has no previews: set preview.cookie, preview.header or preview.listen in the file")


# ---- rehearsal ----


@pytest.fixture
def actors(teal):
    """actors(BLUE's answer, GREEN's answer, KEY=...): a shop of such backends, and somebody who asks all the time. The keys are those of `rehearsal`."""
    with contextlib.ExitStack() as started:

        def start(blue, green, **keys):
            both = [rehearsing.Actor("blue", blue), rehearsing.Actor("green", green)]
            for actor in both:
                started.callback(actor.stop)
            one = teal(rig.colors(both[:1], both[1:], bake="100ms", rehearsal={"share": "100%", "slower": "1000%", **keys}))
            over = threading.Event()
            thread = threading.Thread(target=ask, args=(one, over))
            thread.start()
            started.callback(thread.join)
            started.callback(over.set)
            return one

        def ask(one, over):
            while not over.is_set():
                for path in ("/items/1", "/cart"):
                    with contextlib.suppress(OSError):
                        one.get(path)

        yield start


def says(price, count=0):
    counted = iter(range(count, 1 << 30))

    def answer(request):
        value = price if request.path.startswith("/items") else 100
        return 200, {"Content-Type": "application/json"}, json.dumps({"price": value, "served": next(counted)}).encode()

    return answer


def catches(pid, number):
    found = re.search(r"^SigCgt:\s*(\w+)$", pathlib.Path(f"/proc/{pid}/status").read_text(), re.M)
    return int(found[1], 16) >> (number - 1) & 1


def await_compared(one, count):
    rig.wait_until(f"{count} answers compared", lambda: one.service()["rehearsal"] and one.service()["rehearsal"]["compared"] >= count, 60)


def test_a_release_passes(actors, aside):
    one = actors(says(150), says(150))
    refused(one.run("rehearse", "--stop"), "no rehearsal of service shop is under way")
    result = one.run("rehearse", "--report")
    assert result.code == 1 and "begin one: teal rehearse shop" in result.err
    result = one.must("rehearse", "green", "--for", "6s")
    assert re.match(r"shop: rehearsal of green \(2\): passed: \d+ answers were compared, 0 differ\n  100% of the requests that can be copied for 6s, by \S+, from ", result.out), result
    assert "Noise, which two answers" in result.out and "json /served" in result.out and "Differences" not in result.out
    assert re.search(r"^  all +live +\d+ +\S+ ms +\S+ ms\n +idle +\d+ ", result.out, re.M)
    assert one.must("rehearse", "--report").out == result.out
    assert one.must("rehearse", "--report", "--json").json()["verdict"] == "passed"


def test_a_release_fails(actors, aside):
    one = actors(says(150), says("1.50"))
    refused(one.run("rehearse", "blue"), "blue is the live color of service shop; the idle one is rehearsed")
    rehearsal = aside(one, "rehearse", "--for", "10m")
    await_compared(one, 30)
    assert re.search(r"^  rehearsal of green \(2\) with 100% of the requests by \S+, (9m\d\ds|10m00s) left: \d+ compared, \d+ differ$", one.must("status").out, re.M)
    refused(one.run("rehearse"), "a rehearsal of service shop is under way already; end it: teal rehearse shop --stop")
    stopped = one.run("rehearse", "--stop")
    result = rehearsal.finish()
    assert stopped.code == result.code == 1 and stopped.out == result.out, (stopped, result)
    assert re.match(r"shop: rehearsal of green \(2\): failed: it ended early: \S+ stopped it; \d+ of \d+ answers differ", result.out), result
    assert re.search(r'^Differences, with one example each:\n.*\n  GET /items/\* +json /price +\d+ +100% +150 +"1\.50"$', result.out, re.M), result


def test_nothing_to_rehearse(shop):
    result = shop.run("rehearse", "--for", "1s")
    assert result.code == 1 and "inconclusive: only 0 answers were compared" in result.out, result


def test_a_rehearsal_goes_on_without_its_watcher(shop, aside):
    watcher = aside(shop, "rehearse", "--for", "10m")
    rig.wait_until("its eye on signals", lambda: catches(watcher.process.pid, signal.SIGINT), 30)
    watcher.process.send_signal(signal.SIGINT)
    result = watcher.finish()
    assert result.code == -signal.SIGINT and "teal: detached; the rehearsal goes on\n" in result.err and "teal rehearse shop --stop" in result.err, result
    assert shop.service()["rehearsal"]
    shop.must("switch")
    report = shop.run("rehearse", "--report")
    assert report.code == 1 and "it ended early: a deployment began" in report.out, report


def test_no_waiting_for_a_rehearsal(shop):
    result = shop.must("rehearse", "--for", "10m", "--no-wait")
    assert result.out == "shop: the rehearsal of green has begun; its report: teal rehearse shop --report\n"
    assert shop.must("rehearse", "--report", "--json").json()["state"] == "running"
    assert shop.must("rehearse", "--report").out.startswith("shop: rehearsal of green (2): under way")


# ---- steps ----


def test_steps_by_hand(shop):
    result = shop.must("switch", "--steps", "0.5%,25,100", "--pause", "manual", "--no-wait", "--bake", "10m")
    id = shop.newest()["id"]
    assert result.out == f"shop: green has 0.5% of the requests, step 1 of 3; deployment {id} goes on with teal promote shop\n"
    status = shop.must("status").out
    assert "shop: blue (1) is live, shifting" in status and "step 1 of 3 (0.5%), waits for `teal promote`" in status, status
    assert re.search(r"^  blue +live +1 +99\.5% ", status, re.M) and re.search(r"^  green +2 +0\.5% ", status, re.M)
    assert shop.must("promote").out == f"shop: deployment {id} goes on; the new color gets 25% of the requests next\n"
    rig.wait_until("step 2", lambda: shop.service()["split"]["green"] == 25)
    assert "gets 100% of the requests next" in shop.must("promote").out
    rig.wait_until("the bake", lambda: shop.service()["live"] == "green" and shop.service()["phase"] == "baking")
    assert shop.must("promote").out == f"shop: deployment {id} is promoted; it ends once the old color is drained\n"
    assert shop.deployment(id)["outcome"] == "promoted"
    told = shop.must("explain", id).out
    assert "In steps of 0.5%, 25%, 100%, each until somebody promotes it." in told
    assert re.search(r"^  +STEP +FROM +FOR +VERDICT", told, re.M) and re.search(r"^  +25% +\S+ +\d", told, re.M), told


def test_abort_in_a_step(shop):
    shop.must("switch", "--steps", "5,50,100", "--pause", "1h", "--no-wait")
    assert re.search(r"step 1 of 3 \(5%\), (59m\d\ds|1h00m) left", shop.must("status").out)
    assert re.fullmatch(rf"shop: blue is live again; deployment {ID} is rolled back\n", shop.must("abort", "--reason", "too slow").out)
    told = shop.must("explain").out
    assert re.search(r"^rolled back in step 1 of 3 \(5%\) by \S+, who aborted it: too slow; blue was ready$", told, re.M), told
    assert shop.service()["split"] == {"blue": 100, "green": 0}


def test_steps_to_the_end(shop):
    result = shop.must("switch", "--steps", "10", "--steps", "100", "--pause", "100ms", "--bake", "100ms")
    assert "step 1 of 2: green gets 10 % for 100ms" in result.out and "step 2 of 2: green gets 100 %\n" in result.out, result


def test_steps_of_the_file(store):
    one = store(steps={"shares": [20, 100], "pause": "100ms"})
    assert "  in steps of 20%, 100%, 100ms apart\n" in one.must("plan").out
    one.must("switch", "--pause", "200ms")
    assert one.newest()["steps"]["pause_s"] == 0.2
    one.must("switch", "--steps", "100")
    assert one.newest()["steps"] is None


def test_nothing_to_pause(shop):
    refused(shop.run("switch", "--pause", "30s"), "there is nothing to pause between: a pause goes with \"steps\", and neither the request nor the file has any", 2)


# ---- exclusive ----


def script(one, *lines):
    path = pathlib.Path(one.folder) / "migrate"
    path.write_text("#!/bin/sh\n" + "\n".join(lines) + "\n")
    path.chmod(0o755)
    return path


def test_exclusive(shop):
    path = script(shop, f'echo "$TEAL_EVENT $TEAL_FROM $TEAL_TO $#:$1:$2" >{shop.folder}/ran', "echo 12 tables changed")
    result = shop.must("switch", "--exclusive", "--hold-max", "20s", "--bake", "0s", "--run", f"{path} --to 'release two'")
    assert (shop.folder / "ran").read_text() == "exclusive blue green 2:--to:release two\n"
    for sentence in ("new requests are held, for less than 20 s", f"running {path}", "12 tables changed", "what was held goes to green"):
        assert sentence in result.out, result
    told = shop.must("explain").out
    assert f"Exclusive: holds new requests for less than 20 s while the old color finishes, then runs {path}." in told
    for moment in ("new requests held", "no request under way any more", f"{path} started", f"{path} ended with status 0", "what was held let go to green, after"):
        assert re.search(rf"^  \S+ +\+[\d,]+ ms  {re.escape(moment)}", told, re.M), (moment, told)
    assert "release two" not in told + shop.read_log()


def test_a_program_of_the_path(shop):
    assert shop.must("switch", "--exclusive", "--bake", "0s", "--run", "sh -c 'exit 0'").code == 0
    assert re.search(r"/sh$", shop.newest()["exclusive"]["program"])


def test_a_command_that_fails(shop):
    path = script(shop, "echo column missing >&2", "exit 3")
    result = shop.run("switch", "--exclusive", "--hold-max", "20s", "--run", str(path))
    assert result.code == 1 and f"failed: {path} ended with status 3" in result.out and "column missing; blue is live as before" in result.out, result
    assert "failed: blue (1) stays live" in result.out
    assert shop.service()["live"] == "blue" and shop.service()["held"] is None


def test_a_command_that_hangs(shop, aside):
    switch = aside(shop, "switch", "--exclusive", "--hold-max", "3s", "--run", "sleep 600")
    rig.wait_until("the hold", lambda: shop.service()["held"])
    held = shop.service()["held"]
    assert held["deployment"] == shop.newest()["id"]
    with waiting(shop, 1) as answers:
        refused(shop.run("hold"), "the requests of service shop are held by its exclusive switch, which lets them go itself; `teal abort shop` stops it")
        assert re.search(r"new requests are held by the switch until ", shop.must("status").out)
    result = switch.finish()
    assert result.code == 1 and "it was told to end before the hold's limit" in result.out and "blue is live as before" in result.out, result
    assert answers == [(200, "blue")]


def test_exclusive_of_what_is_held(shop):
    shop.must("hold", "--max", "5m")
    result = shop.run("switch", "--exclusive")
    assert result.code == 3 and "new requests of the service are held already; let them go first: teal resume" in result.err, result
    shop.must("resume")


# ---- hooks, as they go ----


def test_progress_of_gates(store, aside):
    one = store(gates={"smoke": [{"path": "/"}], "hooks": [{"run": ["/bin/sh", "-c", "sleep 600"]}]})
    plan = one.must("plan").out
    assert re.search(r"^  hook +planned +1 hook: /bin/sh$", plan, re.M) and re.search(r"^  smoke +planned +1 request to 1 backend of green$", plan, re.M), plan
    switch = aside(one, "switch")
    await_gate(one, "hook")
    assert re.search(r"^  gate hook: /bin/sh is under way \(1 of 1\)$", one.must("status").out, re.M)
    one.must("abort")
    result = switch.finish()
    assert result.code == 1, result
    assert "smoke: 1 request to 1 backend of green went as expected" in result.out and "hook: /bin/sh is under way (1 of 1)" in result.out, result


def test_counted(shop):
    """What waits and who holds it is in the metrics, too."""
    shop.must("hold", "--max", "5m")
    with waiting(shop, 2):
        text = shop.api("GET", "/metrics")[1].decode()
        assert 'teal_held_requests{service="shop"} 2' in text and 'teal_held{service="shop"} 1' in text
        shop.must("resume")
    rig.wait_until("the counter", lambda: 'teal_hold_requests_total{service="shop"} 2' in shop.api("GET", "/metrics")[1].decode())
    assert 'teal_held{service="shop"} 0' in shop.api("GET", "/metrics")[1].decode()
