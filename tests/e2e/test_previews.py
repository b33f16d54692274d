"""Previews from outside: the ways to the idle color, the key that signs them, links as `teal preview` makes them, and what is counted. How it works inside is tests/flow's business."""
import base64
import hashlib
import hmac
import json
import re
import stat
import time

import pytest

import daemon as rig


@pytest.fixture
def shop(small, teal, tmp_path):
    """shop(PREVIEW): one service with these previews, and an access log."""

    def start(preview, **more):
        backends = small("blue", "1"), small("green", "2")
        services = rig.colors(backends[:1], backends[1:], preview=preview, bake="1h", **more)
        one = teal(services, access_log={"path": str(tmp_path / "access.log"), "format": "json"})
        one.access = tmp_path / "access.log"
        return one

    return start


def key_of(one):
    return (one.folder / "state" / "preview.key").read_bytes()


def token_of(one, color, seconds=600, service="shop"):
    """As base/token.h describes it."""
    claim = f"v1.{int(time.time()) + seconds}"
    mac = hmac.digest(key_of(one), f"{claim}\npreview {color} {service}".encode(), hashlib.sha256)
    return f"{claim}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"


def color_of(one, headers=None, port=None):
    former = one.port
    one.port = port or one.port
    try:
        status, fields, _ = one.get(headers=headers)
    finally:
        one.port = former
    assert status == 200
    return fields["x-color"]


def preview_port(one):
    found = re.findall(r"listening on 127\.0\.0\.1:(\d+) for previews of shop", one.read_log())
    return int(found[-1])


def metric(one, name, color):
    text = one.api("GET", "/metrics")[1].decode()
    return float(re.search(rf'^{name}{{service="shop",color="{color}"}} (\S+)$', text, re.M)[1])


def test_field_and_listener(shop):
    one = shop({"header": "X-Preview", "listen": "127.0.0.1:0"})
    assert len(one.status()["listens"]) == 1
    port = preview_port(one)
    for host in ("shop.example", "127.0.0.1", "elsewhere.example:8081"):
        assert color_of(one, {"Host": host}, port) == "green"
    assert color_of(one, {"X-Preview": "1"}) == "green"
    assert color_of(one, {"X-Preview": "no"}) == "blue"
    assert color_of(one) == "blue"
    assert (metric(one, "teal_preview_requests_total", "green"), metric(one, "teal_preview_request_errors_total", "green")) == (4, 0)
    one.must("switch", "--no-wait")
    assert color_of(one, port=port) == "blue"
    assert color_of(one, {"X-Preview": "true"}) == "blue"
    assert color_of(one) == "green"
    assert one.service()["colors"]["blue"]["requests"] == 2


def test_link(shop):
    one = shop({"cookie": "look"})
    token = token_of(one, "green")
    status, fields, _ = one.get(f"/a?b=1&teal_preview={token}&c=2")
    assert (status, fields["location"], fields["cache-control"]) == (302, "/a?b=1&c=2", "no-store")
    found = re.fullmatch(r"look=(\S+); Max-Age=(\d+); Path=/; HttpOnly; SameSite=Lax", fields["set-cookie"])
    assert found[1] == token and 500 < int(found[2]) <= 600
    assert color_of(one, {"Cookie": f"a=b; look={token}"}) == "green"
    one.must("switch", "--no-wait")
    assert color_of(one, {"Cookie": f"look={token}"}) == "green"  # live by now
    assert color_of(one, {"Cookie": f"look={token_of(one, 'blue')}"}) == "blue"


def test_link_of_the_api(shop):
    """What `teal preview` prints is a link to this daemon, good for as long as was asked."""
    one = shop({"cookie": "look", "expires": "2h"})
    for wish, lasts in (({}, 7200), ({"expires_s": 60}, 60)):
        status, link = one.api("POST", "/v1/services/shop/preview", wish)
        assert status == 200 and link["url"] == f"http://127.0.0.1:{one.port}/?teal_preview={link['token']}"
        status, fields, _ = one.get(link["url"].split(str(one.port), 1)[1])
        assert (status, fields["location"]) == (302, "/")
        assert lasts - 30 < int(re.search(r"Max-Age=(\d+)", fields["set-cookie"])[1]) <= lasts
        assert color_of(one, {"Cookie": fields["set-cookie"].split(";")[0]}) == "green"
    assert one.api("POST", "/v1/services/shop/preview", {"base": "https://shop.example"})[1]["url"].startswith("https://shop.example/?teal_preview=v1.")


def test_what_is_no_good_is_ignored(shop):
    one = shop({"cookie": "look"})
    token = token_of(one, "green")
    bad = [token_of(one, "green", -5), token_of(one, "blue"), token_of(one, "green", service="shops"), token[:-1], token + "A", "v1." + token[4:], "x"]
    for one_bad in bad:
        assert color_of(one, {"Cookie": f"look={one_bad}"}) == "blue"
        assert one.get(f"/?teal_preview={one_bad}")[0] == 200


def test_key_outlives_the_daemon(shop):
    one = shop({"cookie": "look"})
    token, key = token_of(one, "green"), key_of(one)
    assert len(key) == 32 and stat.S_IMODE((one.folder / "state" / "preview.key").stat().st_mode) == 0o600
    one.kill()
    one.start()
    assert key_of(one) == key
    assert color_of(one, {"Cookie": f"look={token}"}) == "green"


def test_a_key_that_is_damaged_is_made_anew(shop):
    one = shop({"cookie": "look"})
    token = token_of(one, "green")
    one.end()
    (one.folder / "state" / "preview.key").write_bytes(b"short")
    one.start()
    assert len(key_of(one)) == 32
    assert "preview.key was 5 bytes long" in one.read_log() and "no good any more" in one.read_log()
    assert color_of(one, {"Cookie": f"look={token}"}) == "blue"
    assert color_of(one, {"Cookie": f"look={token_of(one, 'green')}"}) == "green"


def test_a_key_that_others_could_use_is_made_anew(shop):
    one = shop({"cookie": "look"})
    token, key, file = token_of(one, "green"), key_of(one), one.folder / "state" / "preview.key"
    one.end()
    file.chmod(0o640)
    one.start()
    assert f"others than its owner could use {file} (mode 0640)" in one.read_log() and "no good any more" in one.read_log()
    assert key_of(one) != key and stat.S_IMODE(file.stat().st_mode) == 0o600
    assert color_of(one, {"Cookie": f"look={token}"}) == "blue"
    assert color_of(one, {"Cookie": f"look={token_of(one, 'green')}"}) == "green"


def test_a_key_that_can_not_be_kept_stops_nothing(shop):
    one = shop({"cookie": "look", "header": "X-Preview"})
    one.end()
    (one.folder / "state" / "preview.key").unlink()
    (one.folder / "state" / "preview.key").mkdir()
    one.start()
    assert "preview.key" in one.read_log() and "until this daemon ends" in one.read_log()
    assert color_of(one, {"X-Preview": "1"}) == "green"


def test_no_secret_is_told(shop):
    one = shop({"cookie": "look"})
    token = token_of(one, "green")
    one.get(f"/a?teal_preview={token}")
    color_of(one, {"Cookie": f"look={token}"})
    lines = rig.wait_until("two lines of access log", lambda: len(found := one.access.read_text().splitlines()) >= 2 and found)
    first, second = sorted(map(json.loads, lines), key=lambda line: "color" in line)  # each worker writes its own when it can
    assert (first["target"], first["status"], "color" in first) == ("/a", 302, False)
    assert (second["color"], second["preview"]) == ("green", True)
    told = one.access.read_text() + one.read_log() + json.dumps(one.status()) + one.api("GET", "/metrics")[1].decode()
    assert token not in told and token.rsplit(".", 1)[1] not in told and key_of(one).hex() not in told


def test_reload_changes_all_but_the_listener(shop):
    one = shop({"header": "X-Preview"})
    one.conf["services"]["shop"]["preview"] = {"header": "X-Look", "cookie": "look"}
    one.write_file()
    one.must("reload")
    assert (color_of(one, {"X-Preview": "1"}), color_of(one, {"X-Look": "1"})) == ("blue", "green")
    assert color_of(one, {"Cookie": f"look={token_of(one, 'green')}"}) == "green"
    one.conf["services"]["shop"]["preview"]["listen"] = "127.0.0.1:0"
    one.write_file()
    refused = one.run("reload")
    assert refused.code != 0 and "preview.listen" in refused.out + refused.err
    assert color_of(one, {"X-Look": "1"}) == "green"


def test_idle_color_without_a_backend(small, teal):
    blue = small("blue", "1")
    services = rig.colors([blue], [], preview={"header": "X-Preview"})
    one = teal(services)
    status, _, body = one.get(headers={"X-Preview": "1"})
    assert status == 503 and b"this is a preview, and no backend of the idle color is available" in body
    assert color_of(one) == "blue"
