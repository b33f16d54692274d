"""Reload: all of a new file, or nothing of it; and no request is lost."""
import concurrent.futures
import hashlib
import signal
import time

import daemon as rig
import test_switch

LOAD = test_switch.LOAD


def test_reload_under_load(small, teal, strict):
    first, second, green = small("blue", "1"), small("blue", "1"), small("green", "2")
    one = teal(rig.colors([first], [green]))
    client = strict(one.port, *LOAD)
    shop = one.conf["services"]["shop"]
    for number in range(20):
        shop["blue"]["backends"] = [[first.address], [first.address, second.address], [second.address]][number % 3]
        shop["balance"] = ["round_robin", "least_connections"][number % 2]
        one.write_file()
        one.must("reload")
        time.sleep(0.05)
    assert rig.faults_of(client.finish()) == {}
    assert [backend["address"] for backend in one.service()["colors"]["blue"]["backends"]] == shop["blue"]["backends"]


def test_reload_by_signal(shop):
    shop.conf["services"]["shop"]["green"]["version"] = "3"
    shop.write_file()
    shop.process.send_signal(signal.SIGHUP)
    rig.wait_until("the new version", lambda: shop.service()["colors"]["green"]["version"] == "3")


def test_faulty_file_changes_nothing(shop, strict):
    before = shop.service()
    client = strict(shop.port, *LOAD)
    shop.conf["services"]["shop"]["green"]["version"] = "3"
    shop.conf["services"]["shop"]["bakes"] = "1m"
    shop.write_file()
    result = shop.run("reload")
    assert result.code == 2 and "bakes" in result.out + result.err and 'did you mean' in (result.out + result.err).lower(), result
    shop.process.send_signal(signal.SIGHUP)
    rig.wait_until("the refusal in the log", lambda: "bakes" in shop.read_log())
    after = shop.service()
    assert (after["live"], after["colors"]["green"]["version"]) == (before["live"], before["colors"]["green"]["version"])
    assert rig.faults_of(client.finish()) == {}


def test_keys_that_are_read_at_the_start_only(shop):
    shop.conf["workers"] = 1
    shop.conf["services"]["shop"]["green"]["version"] = "3"
    shop.write_file()
    result = shop.run("reload")
    assert result.code == 2 and "workers" in result.out + result.err, result
    assert shop.service()["colors"]["green"]["version"] == "2"


def test_a_preview_gets_no_listener_by_a_reload(shop):
    service = shop.conf["services"]["shop"]
    service["preview"] = {"listen": "127.0.0.1:0"}
    shop.write_file()
    result = shop.run("reload")
    assert result.code == 2 and "services.shop.preview.listen" in result.out + result.err, result
    service["preview"] = {"header": "X-Preview"}
    service["gates"] = {"hooks": [["/bin/true"]], "freeze": [{"from": "Mon 00:00", "to": "Mon 00:01", "zone": "UTC"}]}
    service["steps"] = {"shares": [5, 100]}
    shop.write_file()
    result = shop.run("reload", "--json")
    changed = result.json()["changed"]
    assert result.code == 0 and len(changed) == 3, result
    assert all(any(word in sentence for sentence in changed) for word in ("preview", "gates", "steps")), changed


def test_live_backends_change_with_a_drain(small, shop):
    """The download goes on at the backend that the file no longer names."""
    other = small("blue", "1b")
    with concurrent.futures.ThreadPoolExecutor() as pool:
        slow = pool.submit(test_switch.download, shop.port, 3_000_000, 2_000_000)
        test_switch.wait_for_inflight(shop, "blue", 1)
        shop.conf["services"]["shop"]["blue"] = {"version": "1b", "backends": [other.address]}
        shop.write_file()
        shop.must("reload")
        assert shop.get()[1]["x-version"] == "1b"
        assert slow.result() == ("blue", 3_000_000, hashlib.sha256(rig.pattern(3_000_000)).hexdigest())


def test_services_come_and_go(small, shop):
    more = small("blue", "9")
    shop.conf["services"]["shop"]["paths"] = ["/"]
    shop.conf["services"]["api"] = {"paths": ["/api"], "blue": {"version": "9", "backends": [more.address]}, "green": {"backends": []}}
    shop.write_file()
    shop.must("reload")
    rig.wait_until("the new service", lambda: shop.get("/api/x")[1].get("x-version") == "9")
    assert shop.get("/apix")[1]["x-version"] == "1"
    del shop.conf["services"]["api"]
    shop.write_file()
    shop.must("reload")
    assert shop.get("/api/x")[1]["x-version"] == "1"
