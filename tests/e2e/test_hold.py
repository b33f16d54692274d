"""Held services from outside: who waits, who is refused, what a restart, a stop and a reload make of it. How a worker does it is tests/flow's business."""
import json
import re
import threading
import time

import pytest

import daemon as rig


@pytest.fixture
def shop(small, teal, tmp_path):
    """shop(): one service, and an access log; one worker, so that its bounds are exact."""

    def start(workers=1, **more):
        backends = small("blue", "1"), small("green", "2")
        one = teal(rig.colors(backends[:1], backends[1:], bake="1h", **more), workers=workers, access_log={"path": str(tmp_path / "access.log"), "format": "json"})
        one.access = tmp_path / "access.log"
        return one

    return start


class Asking(threading.Thread):
    """One request, on its way until `answer`."""

    def __init__(self, one, path="/"):
        super().__init__(daemon=True)
        self.one, self.path, self.got, self.took = one, path, None, None
        self.start()

    def run(self):
        began = time.monotonic()
        self.got = self.one.get(self.path, timeout=60)
        self.took = time.monotonic() - began

    def answer(self):
        self.join(60)
        assert self.got, "there is no answer"
        return self.got


def metric(one, name):
    text = one.api("GET", "/metrics")[1].decode()
    return float(re.search(rf'^{name}{{service="shop"}} (\S+)$', text, re.M)[1])


def ask(one, count=1):
    """So many requests that wait, in this order."""
    before, asking = metric(one, "teal_held_requests"), []
    for i in range(count):
        asking.append(Asking(one))
        rig.wait_until("a request waits", lambda: metric(one, "teal_held_requests") == before + i + 1)
    return asking


def must(one, verb, body=None):
    status, said = one.api("POST", f"/v1/services/shop/{verb}", body or {})
    assert status == 200, said
    return said


def lines_of(one, count):
    def whole():
        lines = one.access.read_text().splitlines() if one.access.exists() else []
        return lines if len(lines) >= count else None

    return [json.loads(line) for line in rig.wait_until(f"{count} lines in the access log", whole)]


def test_hold_and_resume(shop):
    one = shop()
    must(one, "hold", {"max_s": 60})
    asking = ask(one, 3)
    held = one.service()["held"]
    assert held["waiting"] == 3 and held["deployment"] is None, held
    assert one.service()["colors"]["blue"]["inflight"] == 0
    must(one, "resume")
    for each in asking:
        status, fields, _ = each.answer()
        assert (status, fields["x-color"]) == (200, "blue")
    assert one.service()["held"] is None
    assert [metric(one, f"teal_{name}") for name in ("held_requests", "hold_requests_total", "hold_refusals_total", "hold_losses_total")] == [0, 3, 0, 0]
    for line in lines_of(one, 3):
        assert line["held_ms"] > 0 and line["duration_ms"] >= line["held_ms"] and line["color"] == "blue", line
    assert one.get()[0] == 200
    assert "held_ms" not in lines_of(one, 4)[3]


def test_refused_beyond_the_bounds(shop):
    one = shop(hold={"requests": 2, "max": "30s"})
    must(one, "hold")
    asking = ask(one, 2)
    status, fields, _ = one.get()
    assert status == 503 and 1 <= int(fields["retry-after"]) <= 31 and "destination_unavailable" in fields["proxy-status"]
    line = lines_of(one, 1)[0]
    assert line["error"] == "hold_full" and line["service"] == "shop" and "color" not in line, line
    assert 'teal_limit_hits_total{limit="services.*.hold"} 1\n' in one.api("GET", "/metrics")[1].decode()
    blue = one.service()["colors"]["blue"]
    assert (blue["requests"], blue["errors"]) == (0, 0), blue
    must(one, "resume")
    assert [each.answer()[0] for each in asking] == [200, 200]


def test_its_time_is_over(shop):
    one = shop()
    must(one, "hold", {"max_s": 1.5})
    asking = ask(one)
    assert asking[0].answer()[0] == 200
    assert asking[0].took < 30
    rig.wait_until("the hold's end", lambda: one.service()["held"] is None)
    assert "hold_over" in one.read_log()


def test_a_switch_meanwhile(shop, strict):
    """What waits goes to the new color, and nobody gets an error."""
    one = shop(workers=2, hold={"release": 300})
    load = strict(one.port, "--connections", 8)
    time.sleep(0.3)
    must(one, "hold", {"max_s": 60})
    rig.wait_until("the load waits", lambda: metric(one, "teal_held_requests") > 0)
    one.must("switch", "green", "--no-wait")
    must(one, "resume")
    rig.wait_until("all were let go", lambda: metric(one, "teal_held_requests") == 0)
    load.expect_color("green", time.monotonic_ns() // 1000)
    time.sleep(0.3)
    summary = load.finish()
    assert rig.faults_of(summary) == {} and metric(one, "teal_hold_refusals_total") == 0, summary


def test_after_a_crash(shop):
    """A restart goes on with what is left of it."""
    one = shop()
    held = must(one, "hold", {"max_s": 50, "reason": "database"})["held"]
    one.kill()
    one.start()
    again = one.service()["held"]
    assert again and all(again[name] == held[name] for name in ("by", "reason", "since", "until")), again
    asking = ask(one)
    must(one, "resume")
    assert asking[0].answer()[0] == 200
    one.kill()
    one.start()
    assert one.service()["held"] is None


def test_a_stop_lets_all_go(shop):
    one = shop(hold={"release": 1})
    must(one, "hold", {"max_s": 60})
    asking = ask(one, 4)
    one.end()
    for each in asking:
        status, fields, _ = each.answer()
        assert (status, fields["connection"]) == (200, "close")


def test_a_reload_without_the_service(shop):
    one = shop()
    must(one, "hold", {"max_s": 60})
    asking = ask(one, 2)
    other = dict(one.conf["services"]["shop"], hosts=["other.example"])
    one.conf["services"] = {"other": other}
    one.write_file()
    one.must("reload")
    assert [each.answer()[0] for each in asking] == [404, 404]
