"""What listeners do besides: from http to https with a client that follows, Strict-Transport-Security on every answer, hosts that TLS did not name, and what backends learn of it."""
import json
import subprocess

import pytest

import daemon as rig
import tlsing
import tlspeers

YEARS = "max-age=63072000; includeSubDomains; preload"


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return tlsing.Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def backend():
    """It says Strict-Transport-Security: max-age=1."""
    one = tlspeers.Python()
    yield one
    one.stop()


@pytest.fixture(scope="module")
def front(authority, backend):
    """A service for two hosts; a listener in clear, one with HSTS, one without."""
    pair = authority.issue(names=[tlsing.NAME, "*.shop.example"])
    services = {"shop": {"hosts": [tlsing.NAME, "www.shop.example"], "blue": {"version": "1", "backends": [backend.address]}, "green": {}, "probe": {"path": "/health"}}}
    listens = [{"address": "127.0.0.1:0"}, tlsing.listener(pair, hsts={"max_age": "730d", "subdomains": "on", "preload": "on"}), tlsing.listener(pair)]
    with tlsing.running(services, listen=listens) as one:
        one.clear, one.secure, one.other = tlsing.ports(one)
        one.conf["listen"][0]["redirect"] = {"to": "https", "port": one.secure}
        one.write_file()
        one.must("reload")
        yield one


def ask(front, authority, path="/", name=tlsing.NAME, **more):
    return tlsing.ask(front.secure, tlsing.context(authority), path, name=name, **more)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_curl_follows(front, authority, method):
    """308: the method and the body are those of the first request."""
    leads = [word for port, place in ((80, front.clear), (front.secure, front.secure)) for word in ("--connect-to", f"{tlsing.NAME}:{port}:127.0.0.1:{place}")]
    words = ["curl", "-sS", "-L", "--cacert", authority.file, *leads, *(["-d", "a=b"] if method == "POST" else []), "-w", "\n%{num_redirects} %{http_code} %{url_effective}",
             f"http://{tlsing.NAME}/cart?item=1"]
    done = subprocess.run(list(map(str, words)), env=rig.environment(), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    body, told = done.stdout.rsplit("\n", 1)
    assert told == f"1 200 https://{tlsing.NAME}:{front.secure}/cart?item=1", done
    assert json.loads(body)["path"] == "/cart?item=1" if method == "GET" else len(body) == 64


def test_hsts(front, authority, backend):
    """Once on every answer, teal's own among them, in place of the backend's; a listener without it leaves the backend's alone."""
    for name, path, expected in (tlsing.NAME, "/", 200), ("nobody.shop.example", "/", 404):
        connection = tlsing.Connection(front.secure, tlsing.context(authority), name)
        connection.request("GET", path)
        answer = connection.getresponse()
        assert (answer.status, answer.headers.get_all("Strict-Transport-Security")) == (expected, [YEARS])
        connection.close()
    assert tlsing.ask(front.other, tlsing.context(authority))[1]["strict-transport-security"] == "max-age=1"
    redirected = subprocess.run(["curl", "-sS", "-I", f"http://127.0.0.1:{front.clear}/"], env=rig.environment(), capture_output=True, text=True, timeout=60).stdout
    assert "308" in redirected and "strict-transport" not in redirected.lower()  # RFC 6797 section 7.2: never in clear


def test_hosts_that_tls_did_not_name(front, authority):
    """A host that a service has is served on any connection; one that nobody has is misdirected, unless TLS named it, too."""
    for name, host, expected in [(tlsing.NAME, tlsing.NAME, 200), (tlsing.NAME, "www.shop.example", 200), ("www.shop.example", tlsing.NAME, 200), (tlsing.NAME, "other.example", 421),
                                 (tlsing.NAME, "nobody.shop.example", 421), ("nobody.shop.example", "nobody.shop.example", 404), ("nobody.shop.example", "nobody.shop.example:443", 404)]:
        status, fields, _ = ask(front, authority, name=name, headers={"Host": host})
        assert status == expected, (name, host, status)
        assert status != 421 or "proxy-status" in fields


def test_what_backends_learn(front, authority):
    _, _, body = ask(front, authority, "/a?b", headers={"X-Forwarded-Proto": "http", "Forwarded": "for=192.0.2.9;proto=http", "Client-Cert": ":AAAA:"})
    fields = {name.lower(): value for name, value in json.loads(body)["fields"]}
    assert fields["x-forwarded-proto"] == "https" and not {"forwarded", "client-cert"} & set(fields), fields
