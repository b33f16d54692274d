"""What teal asks backends by itself, over TLS: probes, `teal probe`, smoke requests, rehearsals. By the settings of the color, and by others as soon as there are others."""
import re

import pytest

import daemon as rig
import tlsing
import tlspeers

GREEN = "green.example"
BLUE = "blue.example"


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return tlsing.Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def strangers(tmp_path_factory):
    return tlsing.Authority(tmp_path_factory.mktemp("strangers"), "strangers")


@pytest.fixture
def shop(teal, authority, tmp_path):
    """shop(KEY=…): a shop whose two backends have certificates for BLUE and for GREEN. `ca.pem` is the test's own copy of the authority."""
    peers = {}
    ca = tlsing.put(tmp_path / "ca.pem", authority.file.read_bytes())

    def start(probe=None, **more):
        for color, name in (("blue", BLUE), ("green", GREEN)):
            peers[color] = tlspeers.Python(authority.issue(color, [name]))
        services = rig.colors([peers["blue"]], [peers["green"]], bake="100ms", **more)
        services["shop"]["probe"] = probe or {"path": "/health", "interval": "100ms", "timeout": "5s"}
        for color, name in (("blue", BLUE), ("green", GREEN)):
            services["shop"][color]["tls"] = {"ca": str(ca), "name": name}
        one = teal(services)
        one.ca, one.peers = ca, peers
        return one

    yield start
    for peer in peers.values():
        peer.stop()


def backend(one, color="green"):
    return one.service()["colors"][color]["backends"][0]


def detail(one, color="green"):
    return backend(one, color)["last_probe"]["detail"]


def await_health(one, health, color="green"):
    rig.wait_until(f"{color} to be {health}", lambda: backend(one, color)["health"] == health, 30)


def reload(one, color="green", **tls):
    one.conf["services"]["shop"][color]["tls"] = tls
    one.write_file()
    return one.must("reload")


def test_probes(shop, authority, strangers):
    """A renewed file of authorities, another name, no TLS at all: down with a sentence, and up again."""
    one = shop()
    assert re.fullmatch(r"200 OK in \d+ ms", detail(one))
    where = f"no TLS connection to {one.peers['green'].address}: "
    tlsing.put(one.ca, strangers.file.read_bytes())
    for color in "blue", "green":
        await_health(one, "down", color)
    assert detail(one) == where + "the peer's certificate is not trusted: unable to get local issuer certificate"
    tlsing.put(one.ca, authority.file.read_bytes())
    for color in "blue", "green":
        await_health(one, "up", color)
    told = reload(one, ca=str(one.ca), name="web.example")
    assert "service shop: green has another tls" in told.out, told
    await_health(one, "down")
    assert detail(one) == where + f"the peer's certificate is for another name than web.example: it is for {GREEN}"
    assert backend(one, "blue")["health"] == "up"
    reload(one, verify="off")
    await_health(one, "up")


def test_a_probe_without_a_path(shop):
    """It shakes hands."""
    one = shop(probe={"interval": "100ms", "timeout": "5s"})
    assert re.fullmatch(r"connected with TLS in \d+ ms", detail(one))
    reload(one, ca=str(one.ca), name="web.example")
    await_health(one, "down")
    assert "for another name than web.example" in detail(one)


def test_probing_by_hand(shop):
    """With the daemon and without it."""
    one = shop()
    one.conf["services"]["shop"]["green"]["tls"]["name"] = "web.example"
    one.write_file()
    result = one.run("probe", "-c", str(one.file), "green")  # the file's, not the daemon's
    assert result.code == 1 and "for another name than web.example" in result.out, result
    assert one.run("probe").code == 0
    one.must("reload")
    result = one.run("probe", "green")
    assert result.code == 1 and "for another name than web.example" in result.out, result
    one.conf["services"]["shop"]["green"]["tls"]["ca"] = str(one.ca.with_name("none.pem"))
    one.write_file()
    assert one.run("probe", "-c", str(one.file), "blue").code == 0  # what green's files are is no matter
    result = one.run("probe", "-c", str(one.file))
    assert result.code == 1 and "none.pem can't be opened" in result.err, result


def test_smoke_requests(shop, authority):
    """Asked for by the color's name, with the host of the request."""
    expected = {"body": '["Host", "cart.example:8080"]'}
    one = shop(gates={"smoke": [{"path": "/cart", "host": "cart.example:8080", "expect": expected}]})
    result = one.run("switch")
    assert result.code == 0 and "1 request to 1 backend of green went as expected" in result.out, result
    assert one.get()[0] == 200
    status, fields, _ = one.get()
    assert tlspeers.Seen(fields["x-tls"]).name == GREEN


def test_a_rehearsal(shop, authority):
    """Each color by its own settings; another file's end it, a renewed one's don't."""
    one = shop()
    status, report = one.api("POST", "/v1/services/shop/rehearse", {"share": 1, "for_s": 3600})
    assert status == 202, report

    def compared(count):
        def enough():
            assert one.get("/item")[0] == 200
            found = one.api("GET", "/v1/services/shop/rehearsal")[1]
            return found["compared"] >= count and found

        return rig.wait_until(f"{count} answers to be compared", enough, 60)

    found = compared(10)
    tlsing.put(one.ca, authority.file.read_bytes() * 2)
    found = compared(found["compared"] + 10)
    assert found["state"] == "running" and found["differing"] == 0, found
    assert found["unanswered"] == {"live": 0, "idle": 0}, found
    reload(one, verify="off", name=GREEN)
    ended = rig.wait_until("the rehearsal to end", lambda: (lambda found: found["state"] == "ended" and found)(one.api("GET", "/v1/services/shop/rehearsal")[1]))
    assert ended["verdict"] == "inconclusive" and "it ended early: green got another tls" in ended["text"], ended


def test_a_socket_without_a_name(shop):
    """No certificate could be checked for it, so it is not deployed."""
    one = shop()
    reload(one, ca=str(one.ca))
    for body in {"backends": ["unix:/run/app.sock"]}, {"backends": [one.peers["green"].address, "unix:/run/app.sock"]}:
        for method, path in ("POST", "/v1/services/shop/deploy"), ("PUT", "/v1/services/shop/colors/green"):
            status, answer = one.api(method, path, {**body, "version": "3"})
            assert status == 422 and answer["code"] == "invalid_value", answer
            assert 'backend "unix:/run/app.sock" has no name that its certificate could be checked for: set tls.name of the color' in answer["detail"], answer
    reload(one, ca=str(one.ca), name=GREEN)
    status, answer = one.api("PUT", "/v1/services/shop/colors/green", {"backends": ["unix:/run/app.sock"], "version": "3"})
    assert status == 200, answer
