"""What listeners in clear do by themselves: redirects to https and challenges of ACME, by the real binary, and what a reload makes of them; the files of TLS in teal check."""
import http.client
import json
import subprocess

import pytest

import daemon as rig

CHALLENGE = ".well-known/acme-challenge"


@pytest.fixture
def webroot(tmp_path):
    (tmp_path / "acme" / CHALLENGE).mkdir(parents=True)
    return tmp_path / "acme"


def ask(port, path, method="GET", host="shop.example", connection=None):
    """One request; status, fields and body of its answer."""
    used = connection or http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    used.request(method, path, headers={"Host": host})
    answer = used.getresponse()
    body = answer.read()
    if not connection:
        used.close()
    return answer.status, answer.headers, body


def ports_of(one):
    return [int(address.rsplit(":", 1)[1]) for address in one.status()["listens"]]


@pytest.fixture
def front(small, teal, webroot, tmp_path):
    """A listener that serves, and one that redirects."""
    blue, green = small("blue", "1"), small("green", "2")
    listens = [{"address": "127.0.0.1:0"}, {"address": "127.0.0.1:0", "redirect": {"to": "https", "port": 8443}}]
    one = teal(rig.colors([blue], [green]), listen=listens, acme={"webroot": str(webroot)}, access_log={"path": str(tmp_path / "access.log"), "format": "json"})
    one.serving, one.redirecting = ports_of(one)
    return one


def test_each_listener_has_its_manner(front):
    status, fields, body = ask(front.redirecting, "/cart?item=1", host=f"shop.example:{front.redirecting}")
    assert (status, fields["Location"], body) == (308, "https://shop.example:8443/cart?item=1", b"")
    assert fields["X-Request-Id"] and fields["Date"] and not fields["Strict-Transport-Security"]
    assert ask(front.redirecting, "/", "POST", host="[::1]")[1]["Location"] == "https://[::1]:8443/"
    assert ask(front.serving, "/ok")[0] == 200


def test_curl_is_led_away(front):
    seen = subprocess.run(["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code} %{redirect_url}", f"http://127.0.0.1:{front.redirecting}/a/b?c#d"], env=rig.environment(), capture_output=True,
                          text=True, timeout=60, check=True).stdout
    assert seen == "308 https://127.0.0.1:8443/a/b?c"


def test_challenges_need_no_reload(front, webroot):
    for port in front.serving, front.redirecting:
        token = webroot / CHALLENGE / f"token-{port}_Z"
        path = f"/{CHALLENGE}/{token.name}"
        assert ask(port, path)[0] == 404
        token.write_text("token.thumbprint\n")
        status, fields, body = ask(port, path)
        assert (status, fields["Content-Type"], body) == (200, "text/plain", b"token.thumbprint\n")
        assert ask(port, path, "HEAD")[::2] == (200, b"")
        token.unlink()
        assert ask(port, path)[0] == 404


def test_nothing_but_challenges_is_given(front, webroot):
    (webroot / "secret").write_text("secret")
    (webroot / CHALLENGE / "link").symlink_to("/etc/hostname")
    for path in f"/{CHALLENGE}/../../secret", f"/{CHALLENGE}/%2e%2e/%2e%2e/secret", f"/{CHALLENGE}/link", f"/{CHALLENGE}/", f"/{CHALLENGE}/.":
        for port in front.serving, front.redirecting:
            status, _, body = ask(port, path)
            assert status == 404 and b"secret" not in body, path


def test_the_log_has_them(front, webroot, tmp_path):
    (webroot / CHALLENGE / "token").write_text("thumb")
    redirected = ask(front.redirecting, "/one")[1]["X-Request-Id"]
    given = ask(front.redirecting, f"/{CHALLENGE}/token")[1]["X-Request-Id"]
    missing = ask(front.redirecting, f"/{CHALLENGE}/none")[1]["X-Request-Id"]

    def lines():
        text = (tmp_path / "access.log").read_text()
        return {line["request_id"]: line for line in map(json.loads, text.splitlines())} if text.endswith("\n") and text.count("\n") >= 3 else None

    log = rig.wait_until("three lines", lines)
    assert [log[one]["status"] for one in (redirected, given, missing)] == [308, 200, 404]
    assert log[missing]["error"] == "no_challenge"
    assert log[redirected]["target"] == "/one"


def test_a_reload_holds_for_connections_that_stand(front):
    connection = http.client.HTTPConnection("127.0.0.1", front.redirecting, timeout=20)
    assert ask(0, "/ok", connection=connection)[0] == 308
    front.conf["listen"][1]["redirect"] = "off"
    front.write_file()
    assert "listener 127.0.0.1:0: another redirect" in front.must("reload").out
    assert ask(0, "/ok", connection=connection)[0] == 200
    front.conf["listen"][1]["redirect"] = {"to": "https", "port": 9443}
    del front.conf["acme"]
    front.write_file()
    front.must("reload")
    assert ask(0, "/ok", connection=connection)[1]["Location"] == "https://shop.example:9443/ok"
    assert ask(0, f"/{CHALLENGE}/token", connection=connection)[0] == 308
    connection.close()


# ---- teal check ----

@pytest.fixture
def pair(tmp_path):
    """A certificate of its own, and its key."""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "site.key", "-out", "site.pem", "-days", "30", "-subj", "/CN=a",
                    "-addext", "subjectAltName=DNS:shop.example"], cwd=tmp_path, stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=True)
    (tmp_path / "site.key").chmod(0o600)
    return tmp_path


def check(folder, *words):
    done = subprocess.run([rig.BINARY, "check", "-c", str(folder / "teal.yaml"), *words], cwd="/", env=rig.environment(), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    return rig.Result(done.returncode, done.stdout, done.stderr)


def write_file(folder, **changes):
    tls = {"certificates": [{"certificate": "site.pem", "key": "site.key"}]}
    conf = {"listen": [{"address": "127.0.0.1:443", "tls": tls}], "services": {"shop": {"blue": {"backends": ["127.0.0.1:1"]}, "green": {}}}, **changes}
    (folder / "teal.yaml").write_text(json.dumps(conf))


def test_check_looks_at_certificates(pair):
    write_file(pair)
    good = check(pair)
    assert good.code == 0 and f"warning: {pair}/teal.yaml: {pair}/site.pem: the certificate is signed by itself" in good.out, good
    (pair / "site.key").chmod(0o644)
    exposed = check(pair)
    assert exposed.code == 2 and f"{pair}/site.key may be used by others than its owner" in exposed.out, exposed
    (pair / "site.key").unlink()
    missing = check(pair, "--json")
    assert missing.code == 2 and missing.json()["faults"] == [f"{pair}/teal.yaml: the key file {pair}/site.key can't be opened: No such file or directory"]
    assert missing.json()["warnings"] == []


def test_check_warns_of_backends_that_are_not_verified(pair):
    write_file(pair, services={"shop": {"blue": {"tls": {"verify": "off"}}, "green": {}}})
    result = check(pair, "--json")
    assert result.code == 0 and any("services.shop.blue.tls.verify is off" in line for line in result.json()["warnings"]), result
