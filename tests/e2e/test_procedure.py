"""What is around a switch: hooks that refuse and that misbehave, approvals, freezes, smoke requests, and who is told of it, over the API and the command line."""
import collections
import contextlib
import hashlib
import hmac
import http.server
import json
import os
import pathlib
import re
import threading
import time

import pytest

import daemon as rig

SECRET = b"a key of the test"


@pytest.fixture
def shop(small, teal):
    """shop(KEY=...): one service with a small backend a color."""

    def start(bake="100ms", **more):
        blue, green = small("blue", "1"), small("green", "2")
        one = teal(rig.colors([blue], [green], bake=bake, **more))
        one.blue, one.green = blue, green
        return one

    return start


class Receiver:
    """An HTTP server that keeps what it is told, and answers the first `faults` requests with 500."""

    def __init__(self, faults=0, body=b""):
        receiver, self.requests, self.faults, self.body, self.lock = self, [], faults, body, threading.Lock()

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                with receiver.lock:
                    receiver.requests.append((self.path, dict(self.headers.items()), body))
                    status = 500 if receiver.faults > 0 else 200
                    receiver.faults -= 1
                self.send_response(status)
                self.send_header("Content-Length", str(len(receiver.body)))
                self.end_headers()
                self.wfile.write(receiver.body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self.thread.start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def await_count(self, count):
        rig.wait_until(f"{count} requests", lambda: len(self.requests) >= count, 60)
        return self.requests

    def documents(self):
        return [json.loads(body) for _, _, body in self.requests]


@pytest.fixture
def receiver():
    """receiver(faults=N, body=BYTES) starts one."""
    with contextlib.ExitStack() as started:

        def start(**options):
            one = Receiver(**options)
            started.callback(one.close)
            return one

        yield start


@pytest.fixture
def secret(tmp_path):
    path = tmp_path / "secret"
    path.write_bytes(SECRET + b"\n")
    path.chmod(0o600)
    return str(path)


def gate(document, name):
    return [found for found in document["gates"] if found["name"] == name]


def begin(one, **body):
    """Begins a switch and does not wait. Its id."""
    status, answer = one.api("POST", "/v1/services/shop/switch", body)
    assert status == 202, answer
    return answer["deployment"]


def await_gate(one, name):
    return rig.wait_until(f"the gate {name}", lambda: (one.service()["waiting"] or {}).get("gate") == name and one.service()["waiting"], 30)


# ---- what is left behind: the daemon's children and descriptors ----


def children(one):
    found = []
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = stat.read_text().rpartition(") ")[2].split()
            if int(fields[1]) == one.process.pid:
                found.append((int(stat.parent.name), fields[0]))
    return found


def descriptors(one):
    """What they are, without connections, which this test itself makes, and without the state's files, which come and go."""
    found = collections.Counter()
    for entry in pathlib.Path(f"/proc/{one.process.pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            target = os.readlink(entry)
            if not target.startswith(("socket:", str(one.folder))):
                found[re.sub(r"\d+", "N", target)] += 1
    return found


def await_clean(one, before):
    rig.wait_until("no child", lambda: not children(one), 30)
    rig.wait_until("no descriptor more", lambda: not descriptors(one) - before, 30)


# ---- hooks ----


def sh(script, **more):
    return {"run": ["/bin/sh", "-c", script], **more}


def test_a_hook_refuses(shop):
    one = shop(gates={"hooks": [sh("echo dumping $TEAL_SERVICE; echo 'the dump is empty' >&2; exit 3")]})
    result = one.run("switch")
    assert result.code == 3, result
    assert "/bin/sh ended with status 3" in result.out and "| dumping shop" in result.out and "| the dump is empty" in result.out, result
    assert one.service()["live"] == "blue"
    document = one.newest()
    assert (document["outcome"], document["cause"], document["exit"]) == ("refused", "hook", 3)
    kept = next(found for found in one.must("history", "--json").json()["deployments"] if found["id"] == document["id"])
    assert gate(kept, "hook")[0]["output"] == "dumping shop\nthe dump is empty\n"
    told = one.must("explain", document["id"]).out
    assert "the dump is empty" in told and "ended with status 3" in told, told
    # it is no quarantine: the next one is asked anew, and --force overrides it
    result = one.run("switch", "--force")
    assert result.code == 0, result
    assert gate(one.newest(), "hook")[0]["forced"] is True
    assert one.service()["live"] == "green"


def test_hooks_pass_in_order(shop, tmp_path):
    seen = tmp_path / "seen"
    one = shop(gates={"hooks": [sh(f"env | grep ^TEAL_ | sort >{seen}"), sh(f"echo second >>{seen}; pwd >>{seen}; ls -l /proc/self/fd | wc -l >>{seen}")]})
    assert one.run("switch", "--reason", "release 2").code == 0
    lines = seen.read_text().splitlines()
    variables = dict(line.split("=", 1) for line in lines if line.startswith("TEAL_"))
    document = one.newest()
    wanted = {"TEAL_EVENT": "before_switch", "TEAL_SERVICE": "shop", "TEAL_FROM": "blue", "TEAL_TO": "green", "TEAL_FROM_VERSION": "1", "TEAL_TO_VERSION": "2",
              "TEAL_REASON": "release 2", "TEAL_DEPLOYMENT": document["id"], "TEAL_ACTOR": document["actor"]}
    assert wanted.items() <= variables.items()
    assert "TEAL_ADMIN" not in variables
    assert lines[lines.index("second") + 1] == "/"
    assert [found["passed"] for found in gate(document, "hook")] == [True, True]


MISBEHAVING = {
    "hangs": (sh("sleep 1000", timeout="300ms"), r"did not end within 300ms and was ended by SIGTERM"),
    "hangs and ignores SIGTERM": (sh("trap '' TERM; while :; do sleep 1000; done", timeout="300ms"), r"did not end within 300ms and was killed"),
    "dies": (sh("kill -SEGV $$"), r"was ended by signal 11"),
    "prints 10 MB": (sh("head -c 10000000 /dev/zero | tr '\\0' 'x'; echo the end; exit 1"), r"ended with status 1"),
    "prints without end": (sh("exec yes", timeout="300ms"), r"did not end within 300ms"),
    "forks": (sh("sleep 1000 & sleep 1000 & echo started; exit 1"), r"ended with status 1"),
    "leaves a daemon behind": (sh("setsid sleep 3 & exit 1"), r"ended with status 1"),
    "closes its output": (sh("exec >&- 2>&-; exit 1"), r"ended with status 1"),
    "does not exist": ({"run": ["/nonexistent/backup-verified"]}, r"/nonexistent/backup-verified could not be started: the file does not exist"),
    "may not be executed": ({"run": ["/etc/passwd"]}, r"/etc/passwd could not be started: it is not executable"),
    "is a folder": ({"run": ["/etc"]}, r"/etc could not be started: "),
}


@pytest.mark.parametrize("name", MISBEHAVING)
def test_a_hook_that(shop, name):
    hook, sentence = MISBEHAVING[name]
    one = shop(gates={"hooks": [hook]})
    one.run("plan")
    before = descriptors(one)
    result = one.run("switch")
    assert result.code == 3, result
    document = one.newest()
    assert document["cause"] == "hook" and re.search(sentence, document["detail"]), document["detail"]
    await_clean(one, before)
    found = gate(document, "hook")[0]
    if name == "prints 10 MB":
        assert len(found["output"]) < 20000 and found["output"].startswith("xxx") and found["output"].endswith("xxxthe end\n")
        assert len(result.out) < 5000 and "xxxthe end\n" in result.out
    # nothing is stuck
    assert one.get()[0] == 200 and one.service()["phase"] == "steady"


@pytest.mark.parametrize("verb, done", [("abort", "aborted"), ("rollback", "stopped")])
def test_aborted_while_a_hook_runs(shop, verb, done):
    one = shop(gates={"hooks": [sh("sleep 1000")]})
    before = descriptors(one)
    id = begin(one)
    rig.wait_until("the hook", lambda: children(one))
    assert one.service()["waiting"]["gate"] == "hook"
    assert one.must(verb).out == f"shop: deployment {id} is {done} before its flip\n"
    document = one.deployment(id)
    assert (document["outcome"], document["exit"]) == ("aborted", 1)
    assert "was stopped before it had ended" in gate(document, "hook")[0]["detail"]
    await_clean(one, before)
    assert one.service()["waiting"] is None


def test_stopped_while_a_hook_runs(shop):
    one = shop(gates={"hooks": [sh("sleep 1000")]})
    begin(one)
    rig.wait_until("the hook", lambda: children(one))
    hook = children(one)[0][0]
    one.end()
    assert not os.path.exists(f"/proc/{hook}")
    one.start()
    document = one.newest()
    assert (document["outcome"], document["cause"]) == ("aborted", "abort")
    assert one.service()["live"] == "blue"


def test_killed_while_a_hook_runs(shop):
    one = shop(gates={"hooks": [sh("sleep 3")]})
    id = begin(one)
    rig.wait_until("the hook", lambda: children(one))
    one.kill()
    one.start()
    document = one.deployment(id)
    assert (document["outcome"], document["cause"]) == ("failed", "interrupted")
    assert one.service()["live"] == "blue"


def check_signature(fields, body):
    signed = fields["X-Teal-Timestamp"].encode() + b"." + body
    assert fields["X-Teal-Signature"] == "sha256=" + hmac.new(SECRET, signed, hashlib.sha256).hexdigest()
    assert abs(time.time() - int(fields["X-Teal-Timestamp"])) < 300


def test_a_url_refuses(shop, receiver, secret):
    asked = receiver(faults=1, body=b"not today")
    one = shop(gates={"hooks": [{"url": asked.url + "/ask?token=hidden", "secret_file": secret}]})
    result = one.run("switch")
    assert result.code == 3 and "| not today" in result.out, result
    document = one.newest()
    assert "500" in document["detail"], document["detail"]
    path, fields, body = asked.requests[0]
    check_signature(fields, body)
    told = json.loads(body)
    assert path == "/ask?token=hidden"
    assert (told["event"], told["service"], told["deployment"], told["to"], told["to_version"]) == ("before_switch", "shop", document["id"], "green", "2")
    assert "hidden" not in result.out + json.dumps(document) + one.read_log() + one.must("explain", document["id"]).out
    assert one.run("switch").code == 0
    assert len(asked.requests) == 2  # what may refuse is asked once


# ---- approval ----


def test_approved(shop, receiver):
    told = receiver()
    one = shop(gates={"approval": "10m"}, notify=[{"url": told.url}])
    status, problem = one.api("POST", "/v1/services/shop/approve", {})
    assert (status, problem["code"], problem["exit"]) == (409, "nothing_to_approve", 3)
    id = begin(one)
    waiting = await_gate(one, "approval")
    assert "teal approve shop" in waiting["detail"] and waiting["expires_at"] > waiting["since"]
    assert one.service()["phase"] == "gating" and one.service()["live"] == "blue"
    told.await_count(2)
    assert {found["event"] for found in told.documents()} == {"started", "approval_asked"}
    status, problem = one.api("POST", "/v1/services/shop/approve", {"deployment": "20260101-000000-000000"})
    assert (status, problem["code"], problem["deployment"]) == (409, "other_deployment", id)
    assert one.api("POST", "/v1/services/shop/approve", {"deployment": id, "reason": "looks well"}) == (200, {"deployment": id})
    document = one.deployment(id)
    assert document["outcome"] == "promoted"
    found = gate(document, "approval")[0]
    assert found["passed"] and found["reason"] == "looks well" and found["actor"] == document["actor"] and found["uid"] == os.getuid()
    assert "looks well" in one.must("explain", id).out


def test_rejected(shop):
    one = shop(gates={"approval": "10m"})
    id = begin(one)
    await_gate(one, "approval")
    assert one.api("POST", "/v1/services/shop/reject", {"reason": "not on a Friday"})[0] == 200
    document = one.deployment(id)
    assert (document["outcome"], document["cause"], document["exit"]) == ("refused", "approval", 3)
    assert re.fullmatch(r"rejected by \S+: not on a Friday", document["detail"])
    assert one.service()["live"] == "blue"


def test_nobody_approves(shop):
    one = shop(gates={"approval": "1s"})
    result = one.run("switch")
    assert result.code == 6 and "nobody approved it within 1s" in result.out, result


def test_stopped_while_it_waits(shop, receiver):
    told = receiver()
    one = shop(gates={"approval": "10m"}, notify=[{"url": told.url}])
    id = begin(one)
    await_gate(one, "approval")
    told.await_count(2)
    one.end()
    assert told.documents()[-1]["event"] == "aborted"  # the daemon told it before it ended
    one.start()
    assert one.deployment(id)["outcome"] == "aborted"


# ---- freeze, smoke, plan ----

LONG = {"from": "2020-01-01T00:00", "to": "2099-01-01T00:00", "zone": "Europe/Berlin", "reason": "stocktaking"}
OVER = {"from": "2020-01-01T00:00", "to": "2020-01-02T00:00", "zone": "UTC"}


def test_freeze(shop):
    one = shop(gates={"freeze": [OVER, LONG]})
    result = one.run("switch")
    assert result.code == 3 and "no switch begins until Thu 2099-01-01 00:00 Europe/Berlin (UTC+01:00)" in result.out and "stocktaking" in result.out, result
    assert one.newest()["cause"] == "freeze"
    result = one.run("plan")
    assert result.code == 3 and re.search(r"freeze +failed", result.out), result
    result = one.run("switch", "--force")
    assert result.code == 0, result
    assert gate(one.newest(), "freeze")[0]["forced"] is True
    # going back is never frozen
    assert one.run("rollback").code == 0
    assert one.service()["live"] == "blue"


def test_freeze_after_a_reload(shop):
    one = shop(gates={"freeze": [LONG]})
    assert one.run("switch").code == 3
    one.conf["services"]["shop"]["gates"]["freeze"] = [OVER]
    one.write_file()
    one.must("reload")
    assert one.run("switch").code == 0


def test_a_reload_brings_a_gate_in_front(shop):
    """Of that which is under way: it is passed all the same, behind it."""
    one = shop(gates={"approval": "10m"})
    status, answer = one.api("POST", "/v1/services/shop/switch", {})
    assert status == 202, answer
    rig.wait_until("the approval is asked for", lambda: (one.service()["waiting"] or {}).get("gate") == "approval")
    one.conf["services"]["shop"]["gates"]["smoke"] = [{"path": "/fail"}]
    one.write_file()
    one.must("reload")
    one.must("approve")
    document = one.deployment(answer["deployment"])
    assert (document["outcome"], document["cause"]) == ("refused", "smoke"), document
    assert gate(document, "approval")[0]["passed"] is True
    assert one.service()["live"] == "blue"


def test_a_reload_takes_the_approval_away(shop):
    """That is waited for: it goes on as if nobody had been asked."""
    one = shop(gates={"approval": "10m"})
    status, answer = one.api("POST", "/v1/services/shop/switch", {})
    assert status == 202, answer
    rig.wait_until("the approval is asked for", lambda: (one.service()["waiting"] or {}).get("gate") == "approval")
    del one.conf["services"]["shop"]["gates"]
    one.write_file()
    one.must("reload")
    document = one.deployment(answer["deployment"])
    assert document["outcome"] == "promoted" and gate(document, "approval") == [], document
    assert "approval_dropped: shop: approval: nobody is asked any more" in one.read_log()


def test_smoke(shop):
    one = shop(gates={"smoke": [{"path": "/"}, {"path": "/fail"}]})
    result = one.run("switch")
    assert result.code == 3 and re.search(r"GET /fail to 127\.0\.0\.1:\d+ of green: status 5\d\d, expected 200-299", result.out), result
    document = one.newest()
    assert document["cause"] == "smoke"
    results = gate(document, "smoke")[0]["results"]
    assert [(found["request"], found["passed"]) for found in results] == [("GET /", True), ("GET /fail", False)]
    one.conf["services"]["shop"]["gates"]["smoke"] = [{"path": "/"}, {"path": "/", "expect": {"header": {"X-Color": "green"}}}]
    one.write_file()
    one.must("reload")
    result = one.run("switch")
    assert result.code == 0 and "2 requests to 1 backend of green went as expected" in result.out, result


def test_plan(shop):
    one = shop(gates={"smoke": [{"path": "/fail"}], "approval": "10m", "hooks": [sh("exit 1")], "freeze": [OVER]})
    result = one.run("plan")
    assert result.code == 0 and re.search(r"smoke +planned +1 request to 1 backend of green", result.out), result
    assert re.search(r"approval +planned", result.out) and re.search(r"hook +planned +1 hook: /bin/sh", result.out) and re.search(r"freeze +passed", result.out), result


# ---- who is told ----


def test_moments(shop, tmp_path):
    seen = tmp_path / "seen"
    note = [sh(f'echo "$TEAL_EVENT $TEAL_FROM $TEAL_TO $TEAL_OUTCOME" >>{seen}; echo noted')]
    one = shop(hooks={"switched": note, "promoted": note, "rolled_back": note})

    def lines():
        return seen.read_text().splitlines() if seen.exists() else []

    assert one.run("switch").code == 0
    rig.wait_until("two notes", lambda: len(lines()) == 2)
    assert lines() == ["switched blue green ", "promoted blue green promoted"]
    assert one.run("rollback").code == 0
    rig.wait_until("the third note", lambda: len(lines()) == 3)
    assert lines()[2] == "rolled_back blue green rolled_back"
    rig.wait_until("events of the hooks", lambda: one.read_log().count("hook_ended: shop: hook of ") == 3)


def test_a_moment_fails(shop):
    """A hook that only is told of something fails no deployment; it is tried again, and in the end it is an event."""
    one = shop(hooks={"switched": [{"run": ["/nonexistent/tell"]}]})
    assert one.run("switch").code == 0
    id = one.newest()["id"]
    assert one.newest()["outcome"] == "promoted"
    rig.wait_until("the event", lambda: "hook_failed: shop: hook of switched: /nonexistent/tell could not be started" in one.read_log(), 90)
    rig.wait_until("the event in the journal", lambda: "hook of switched" in one.must("explain", id).out)


def test_explain_shows_what_failed_hooks_said(shop):
    """Also of those that are only told, and that are over when the switch has ended."""
    one = shop(hooks={"switched": [sh("echo first line; echo the channel is gone; exit 1")], "promoted": [sh("echo all is well")]})
    assert one.run("switch").code == 0
    rig.wait_until("the event", lambda: "hook_failed: shop: hook of switched: " in one.read_log(), 90)
    rig.wait_until("the output", lambda: "told of switched:\n  | first line\n  | the channel is gone\n" in one.must("explain").out)
    assert "all is well" not in one.must("explain").out


def test_notify(shop, receiver, secret):
    plain, slack = receiver(faults=1), receiver()
    one = shop(notify=[{"url": plain.url + "/plain", "secret_file": secret}, {"url": slack.url + "/slack", "format": "slack"}])
    assert one.run("switch", "--reason", "release 2").code == 0
    id = one.newest()["id"]
    plain.await_count(4)
    slack.await_count(3)
    # the first answer was 500: that message came again, before the next ones
    events = [found["event"] for found in plain.documents()]
    assert events == ["started", "started", "switched", "promoted"]
    deliveries = [fields["X-Teal-Delivery"] for _, fields, _ in plain.requests]
    assert deliveries[0] == deliveries[1] and len(set(deliveries)) == 3
    for path, fields, body in plain.requests:
        assert path == "/plain" and fields["Content-Type"] == "application/json" and fields["X-Teal-Event"] == json.loads(body)["event"]
        check_signature(fields, body)
    first, last = plain.documents()[0], plain.documents()[-1]
    assert (first["service"], first["deployment"], first["from"], first["to"], first["reason"], first["outcome"]) == ("shop", id, "blue", "green", "release 2", None)
    assert (last["outcome"], last["cause"]) == ("promoted", "bake_over")
    for path, fields, body in slack.requests:
        assert path == "/slack" and "X-Teal-Signature" not in fields
        assert list(json.loads(body)) == ["text"] and json.loads(body)["text"].startswith("shop: ")
    assert "release 2" in json.loads(slack.requests[0][2])["text"]


def test_nobody_listens(shop):
    """A receiver that is gone delays nothing."""
    one = shop(notify=[{"url": "http://127.0.0.1:1/gone"}])
    assert one.run("switch").code == 0
    assert one.run("rollback").code == 0
    one.end()
