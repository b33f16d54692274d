"""Switches while traffic flows: nothing is lost, nothing is mixed up, and what was under way ends where it began."""
import concurrent.futures
import hashlib
import http.client
import socket
import time

import pytest

import daemon as rig
import switching

LOAD = ("--connections", 8, "--seconds", 600, "--methods", "get,post,head", "--rate", 2000)


def test_switches_under_load():
    result = switching.run(20)
    assert switching.faults_of(result) == {}
    assert result["strict"]["color_checked"] > 100


@pytest.mark.parametrize("where", ["front", "behind", "both"])
def test_switches_under_load_over_tls(where):
    result = switching.run(6, tls=where)
    assert switching.faults_of(result) == {}
    assert result["strict"]["color_checked"] > 0
    assert (result["strict"]["handshakes"] > 0) == (where != "behind")


@pytest.mark.parametrize("options", [("--pipeline",), ("--fresh",), ("--body-max", 300000)], ids=lambda options: options[0].strip("-"))
def test_switches_under_other_load(shop, strict, options):
    client = strict(shop.port, *LOAD[:-2], "--rate", 500, *options)
    for color in ("green", "blue", "green"):
        switching.one_switch(shop, client, color)
    assert rig.faults_of(client.finish()) == {}


def test_rollback_under_load(shop, strict):
    client = strict(shop.port, *LOAD)
    shop.must("switch", "--no-wait", "--bake", "1h")
    client.any_color()
    shop.must("rollback", "--reason", "a look at it")
    client.expect_color("blue", time.monotonic_ns() // 1000)
    document = shop.deployment(shop.newest()["id"])
    assert (document["outcome"], document["cause"], document["receipt"]["cut"], document["receipt"]["failed"]) == ("rolled_back", "rollback", 0, 0)
    time.sleep(0.2)  # of load that only blue may answer
    summary = client.finish()
    assert rig.faults_of(summary) == {}
    assert summary["color_checked"] > 0


# ---- what is under way at the flip ----


def download(port, length, rate):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", f"/bytes?n={length}&rate={rate}")
    answer = connection.getresponse()
    digest, size = hashlib.sha256(), 0
    while piece := answer.read(65536):
        digest.update(piece)
        size += len(piece)
    connection.close()
    return answer.getheader("X-Color"), size, digest.hexdigest()


def upload(port, length, rate, chunked):
    def pieces():
        step = rate // 20
        for at in range(0, length, step):
            yield body[at : at + step]
            time.sleep(0.05)

    body = rig.pattern(length)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    headers = {} if chunked else {"Content-Length": str(length)}
    connection.request("POST", "/sha256", body=pieces(), headers=headers, encode_chunked=chunked)
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.getheader("X-Color"), text


class Tunnel:
    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), 30)
        self.socket.sendall(b"GET /tunnel HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
        self.head = b""
        while b"\r\n\r\n" not in self.head:
            got = self.socket.recv(4096)
            assert got, self.head
            self.head += got

    def echo(self, text):
        self.socket.sendall(text)
        got = b""
        while len(got) < len(text):
            piece = self.socket.recv(65536)
            assert piece, got
            got += piece
        return got


def wait_for_inflight(teal, color, count):
    rig.wait_until(f"{count} in flight on {color}", lambda: teal.service()["colors"][color]["inflight"] == count)


def check_work_under_way(teal, length, rate):
    """Downloads, uploads, a long poll and a tunnel begin on blue; the flip comes; all of them end intact on blue, and the drain says so."""
    with concurrent.futures.ThreadPoolExecutor() as pool:
        downloads = [pool.submit(download, teal.port, length, rate) for _ in range(2)]
        uploads = [pool.submit(upload, teal.port, length, rate, chunked) for chunked in (False, True)]
        poll = pool.submit(teal.get, "/wait?ms=1500")
        tunnel = Tunnel(teal.port)
        assert tunnel.head.startswith(b"HTTP/1.1 101") and b"X-Color: blue" in tunnel.head
        wait_for_inflight(teal, "blue", 6)
        teal.must("switch", "--no-wait", "--bake", "0s")
        assert teal.get()[1]["x-color"] == "green"
        for one in downloads:
            assert one.result() == ("blue", length, hashlib.sha256(rig.pattern(length)).hexdigest())
        for one in uploads:
            assert one.result() == ("blue", hashlib.sha256(rig.pattern(length)).hexdigest())
        status, fields, _ = poll.result()
        assert (status, fields["x-color"]) == (200, "blue")
        assert tunnel.echo(b"still there") == b"still there"
        assert teal.service()["phase"] == "draining"
        tunnel.socket.close()
    document = teal.deployment(teal.newest()["id"])
    receipt = document["receipt"]
    assert (document["outcome"], receipt["inflight_at_switch"], receipt["drained"], receipt["cut"], receipt["failed"]) == ("promoted", 6, 6, 0, 0)


def test_work_under_way_ends_on_the_old_color(shop):
    check_work_under_way(shop, 4_000_000, 2_000_000)


@pytest.mark.long
def test_long_work_under_way_ends_on_the_old_color(shop):
    check_work_under_way(shop, 100_000_000, 5_000_000)


def test_drain_deadline(small, teal):
    """A request that takes longer than the drain may is counted as cut, and the switch goes on."""
    blue, green = small("blue"), small("green", "2")
    one = teal(rig.colors([blue], [green], bake="100ms", drain={"requests": "500ms"}))
    with concurrent.futures.ThreadPoolExecutor() as pool:
        poll = pool.submit(one.get, "/wait?ms=2500")
        wait_for_inflight(one, "blue", 1)
        one.must("switch")
        receipt = one.newest()["receipt"]
        assert (receipt["inflight_at_switch"], receipt["drained"], receipt["cut"]) == (1, 0, 1)
        poll.result()


# ---- what breaks ----


def test_killed_backend_costs_no_get_and_repeats_no_post(small, teal, strict, tmp_path):
    ids = tmp_path / "ids"
    blue = [small("blue", "1", "--log-ids", str(ids), "--delay-ms", "2") for _ in range(3)]
    one = teal(rig.colors(blue, [small("green", "2")]))
    client = strict(one.port, "--connections", 16, "--seconds", 600, "--methods", "get,get,post,head")
    time.sleep(0.5)
    blue[1].kill()
    time.sleep(1.5)
    summary = client.finish()
    for method in ("get", "head"):
        tally = summary["by_method"][method]
        assert (tally["failed"], tally["non_2xx"]) == (0, 0), summary["examples"]
    post = summary["by_method"]["post"]
    assert post["failed"] == 0 and post["non_2xx"] <= 16, summary["examples"]  # an honest 502 each, for those that were under way
    assert {name: summary[name] for name in ("mixed_up", "repeated", "wrong_body", "truncated", "malformed", "anonymous")} == dict.fromkeys(
        ("mixed_up", "repeated", "wrong_body", "truncated", "malformed", "anonymous"), 0
    )
    seen = ids.read_text().split()
    assert len(seen) == len(set(seen)) and len(seen) >= post["ok"]


def test_broken_release_goes_back_by_itself(small, teal, strict):
    blue, green = small("blue"), small("green", "2", "--fail-rate", "1")
    one = teal(rig.colors([blue], [green], bake="1m", rollback={"error_rate": "5%"}))
    client = strict(one.port, *LOAD[:-1], 500)
    result = one.run("switch")
    document = one.newest()
    assert (result.code, document["outcome"], document["cause"]) == (4, "rolled_back", "error_rate"), result
    assert one.service()["live"] == "blue"
    client.expect_color("blue", time.monotonic_ns() // 1000)
    time.sleep(0.2)
    summary = client.finish()
    assert (summary["failed"], summary["wrong_color"]) == (0, 0)
    assert set(summary["statuses"]) == {"200", "500"} and summary["statuses"]["500"] < 1000, summary["statuses"]


def test_sick_release_goes_back_by_itself(shop):
    shop.must("switch", "--no-wait", "--bake", "1m")
    shop.green.fall_sick()
    document = shop.deployment(shop.newest()["id"])
    assert (document["outcome"], document["cause"], shop.service()["live"]) == ("rolled_back", "probes", "blue")


def test_end_of_the_daemon_under_load(shop, strict):
    """SIGTERM: each connection gets its answers, the last one with `Connection: close`; none is just cut."""
    client = strict(shop.port, *LOAD, "--no-reopen")
    time.sleep(0.3)
    shop.end()
    client.process.wait(10)
    summary = client.finish()
    assert rig.faults_of(summary) == {}
    assert summary["reconnects"] == 8 and summary["closed_idle"] == 0
