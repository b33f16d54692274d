"""Certificates of a daemon that runs: what refuses a start or a reload, how a renewal is seen by clients, and what is told of it in events, status, metrics and by teal status."""
import datetime
import hashlib
import json
import os
import re
import signal
import socket
import ssl
import subprocess

import pytest

import daemon as rig
import tlsing
import tlspeers


@pytest.fixture
def authority(tmp_path):
    return tlsing.Authority(tmp_path)


@pytest.fixture
def front(small, teal, authority):
    """A listener with one pair, and one in clear."""
    site = authority.issue()
    blue, green = small("blue", "1"), small("green", "2")
    one = teal(rig.colors([blue], [green]), listen=[tlsing.listener(site), {"address": "127.0.0.1:0"}])
    one.site, one.context = site, tlsing.context(authority)
    return one


def shown(one, made=None, name=tlsing.NAME):
    """The certificate that a new connection is shown, as DER."""
    with tlsing.connect(one.port, made or one.context, name) as connection:
        return connection.getpeercert(binary_form=True)


def await_workers(one):
    """Each has the newest table."""
    rig.wait_until("the workers", lambda: (status := one.status())["acknowledged"] == status["generation"])


def reload(one):
    one.must("reload")
    await_workers(one)


def await_shown(one, pair):
    """By every worker, whatever is shown until then."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname, made.verify_mode = False, ssl.CERT_NONE
    rig.wait_until("the new certificate", lambda: shown(one, made) == pair.der(), 30)
    await_workers(one)


def id_of(pair):
    return hashlib.sha256(pair.der()).hexdigest()[:16]


def certificate_of(one, pair):
    found = [entry for entry in one.status()["certificates"] if entry["certificate"] == str(pair.certificate)]
    assert len(found) == 1, found
    return found[0]


def sample(one, name, **labels):
    """The value of one sample; the form of the text is promtool's to check."""
    text = one.api("GET", "/metrics")[1].decode()
    wanted = "".join(f',{label}="{value}"' for label, value in labels.items())[1:]
    found = re.findall(rf"^{name}{{{re.escape(wanted)}}} (\S+)$", text, re.M)
    assert len(found) == 1, (name, labels, text)
    return float(found[0])


def events_of(one, kind):
    """Those that the log has."""
    return [line.split(f"{kind}: ", 1)[1] for line in one.read_log().splitlines() if f"{kind}: " in line]


# ---- the start ----


def serve(folder, conf):
    (folder / "teal.yaml").write_text(json.dumps(conf))
    return subprocess.run([rig.BINARY, "serve", "-c", str(folder / "teal.yaml")], cwd="/", env=rig.environment(), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)


def minimal(folder, listen, **color):
    return {"admin": {"socket": str(folder / "admin.sock")}, "state": str(folder / "state"), "listen": [listen],
            "services": {"shop": {"blue": {"backends": ["127.0.0.1:1"], **color}, "green": {}, "probe": {"path": "/"}}}}


def test_what_refuses_a_start(authority, tmp_path):
    site, other = authority.issue(), authority.issue("other")
    clear = {"address": "127.0.0.1:0"}
    (tmp_path / "empty.pem").write_text("")
    crossed = {"address": "127.0.0.1:0", "tls": {"certificates": [{"certificate": str(site.certificate), "key": str(other.key)}]}}
    asking = tlsing.listener(site, client_certificates="required", client_ca=str(tmp_path / "none.pem"))
    for conf, sentence in ((minimal(tmp_path, crossed), f"the key in {other.key} is not the one of the certificate in {site.certificate}"),
                           (minimal(tmp_path, asking), f"the CA file {tmp_path}/none.pem can't be opened: No such file or directory"),
                           (minimal(tmp_path, clear, tls={"ca": "empty.pem"}), f"the CA file {tmp_path}/empty.pem holds no certificate")):
        ended = serve(tmp_path, conf)
        assert ended.returncode == 2 and sentence in ended.stderr, ended
        assert not os.path.exists(tmp_path / "admin.sock")
    site.key.chmod(0o644)
    ended = serve(tmp_path, minimal(tmp_path, tlsing.listener(site)))
    assert ended.returncode == 2 and f"{site.key} may be used by others than its owner" in ended.stderr, ended


def test_an_expired_one_is_shown_until_there_is_a_better_one(small, teal, authority):
    site = authority.issue(days=(-30, -1))
    one = teal(rig.colors([small("blue")], [small("green")]), listen=[tlsing.listener(site)])
    one.context = tlsing.context(authority)
    with pytest.raises(ssl.SSLCertVerificationError, match="expired"):
        shown(one)
    entry = certificate_of(one, site)
    assert (entry["expired"], entry["expiring"], entry["days_left"], entry["fault"]) == (True, True, 0, None)
    assert f"certificate {site.certificate} for shop.example: expired (" in one.must("status").out
    assert "expired on " in events_of(one, "certificate_expiring")[0]
    reload(one)
    assert len(events_of(one, "certificate_expiring")) == 1
    await_shown(one, authority.issue())
    assert "certificate" not in one.must("status").out.split("\n\n")[0]


# ---- reloads ----


def test_a_reload_takes_what_lies_there_or_nothing(front, authority):
    first = front.site
    first.key.write_text("nothing\n")
    status, problem = front.api("POST", "/v1/reload", {})
    assert (status, problem["code"]) == (422, "invalid_configuration") and f"the key file {first.key} holds no private key" in problem["faults"][0], problem
    refused = front.run("reload")
    assert refused.code == 2 and f"the key file {first.key} holds no private key" in refused.err, refused
    front.process.send_signal(signal.SIGHUP)
    rig.wait_until("the refusal", lambda: events_of(front, "reload_refused"))
    assert shown(front) == first.der() and tlsing.ask(front.port, front.context)[0] == 200
    authority.issue(days=(-30, -1))
    assert "the certificate expired" in front.run("reload").err
    renewed = authority.issue()
    reload(front)
    assert shown(front) == renewed.der() and len(events_of(front, "certificate_renewed")) == 1
    assert certificate_of(front, renewed)["id"] == id_of(renewed)


def test_tls_comes_and_goes_by_a_reload(front, authority):
    """Its pairs, its demands, and whether there is any, are not the listener's socket's business."""
    other = authority.issue("other", ["other.example"])
    front.conf["listen"][0]["address"] = "127.0.0.1:0"
    front.conf["listen"][0]["tls"]["certificates"].append(other.named())
    front.conf["listen"][1]["tls"] = {"certificates": [other.named()]}
    front.write_file()
    reload(front)
    assert shown(front, name="other.example") == other.der() and shown(front) == front.site.der()
    clear = tlsing.ports(front)[1]
    assert tlsing.ask(clear, front.context, name="other.example")[0] == 200
    assert certificate_of(front, other)["for"] == ["listen 127.0.0.1:0", "listen 127.0.0.1:0"]
    del front.conf["listen"][1]["tls"]
    front.write_file()
    reload(front)
    with pytest.raises((ssl.SSLError, ConnectionError)):
        tlsing.ask(clear, front.context, name="other.example")
    assert [entry["certificate"] for entry in front.status()["certificates"]] == [str(front.site.certificate), str(other.certificate)]


# ---- renewals ----


def test_a_renewal_is_seen_by_new_connections_alone(front, authority):
    standing = tlsing.Connection(front.port, front.context)
    assert standing.ask()[0] == 200
    session, before = standing.sock.session, front.site
    renewed = authority.issue()
    await_shown(front, renewed)
    seen = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{front.port}", "-servername", tlsing.NAME, "-CAfile", authority.file, "-verify_return_error"], input="", capture_output=True,
                          text=True, timeout=60, check=True).stdout
    text = subprocess.run(["openssl", "x509", "-noout", "-fingerprint", "-sha256"], input=seen, capture_output=True, text=True, timeout=60, check=True).stdout
    assert text.split("=")[1].replace(":", "").strip().lower() == hashlib.sha256(renewed.der()).hexdigest()
    assert standing.ask()[0] == 200 and standing.sock.getpeercert(binary_form=True) == before.der()
    standing.close()
    with tlsing.connect(front.port, front.context, session=session) as resumed:
        assert resumed.session_reused
    told = events_of(front, "certificate_renewed")
    assert len(told) == 1 and f"{renewed.certificate}: the certificate for shop.example is another one ({id_of(renewed)})" in told[0], told
    assert sample(front, "teal_tls_certificate_renewals_total", certificate=renewed.certificate, outcome="taken") == 1
    assert sample(front, "teal_tls_certificate_not_after_timestamp_seconds", certificate=renewed.certificate) == renewed.leaf.not_valid_after.replace(tzinfo=datetime.timezone.utc).timestamp()


def test_links_that_are_led_elsewhere(small, teal, authority, tmp_path):
    """As certbot does it: live/NAME/ has links into archive/NAME/."""
    live, archive = tmp_path / "live", tmp_path / "archive"
    live.mkdir()
    archive.mkdir()

    def lead(pair, number):
        for path, name in ((pair.key, "privkey"), (pair.certificate, "fullchain")):
            os.rename(path, archive / f"{name}{number}.pem")
            os.symlink(archive / f"{name}{number}.pem", live / "coming")
            os.rename(live / "coming", live / f"{name}.pem")

    site = authority.issue()
    lead(site, 1)
    tls = {"certificates": [{"certificate": str(live / "fullchain.pem"), "key": str(live / "privkey.pem")}]}
    one = teal(rig.colors([small("blue")], [small("green")]), listen=[{"address": "127.0.0.1:0", "tls": tls}])
    one.context = tlsing.context(authority)
    assert shown(one) == site.der()
    renewed = authority.issue()
    lead(renewed, 2)
    await_shown(one, renewed)


def test_a_faulty_one_is_told_and_not_used(front, authority):
    first = front.site
    kept = first.certificate.read_bytes()
    tlsing.put(first.certificate, kept[:200])
    fault = rig.wait_until("the fault", lambda: certificate_of(front, first)["fault"], 30)
    assert str(first.certificate) in fault
    entry = certificate_of(front, first)
    assert (entry["id"], entry["expiring"]) == (id_of(first), False)
    assert shown(front) == first.der()
    assert f"refused: {fault}; the certificate before stays in use" in front.must("status").out
    assert sample(front, "teal_tls_certificate_faulty", certificate=first.certificate) == 1
    assert sample(front, "teal_tls_certificate_renewals_total", certificate=first.certificate, outcome="refused") == 1
    rig.wait_until("the event", lambda: len(events_of(front, "certificate_refused")) == 1)
    renewed = authority.issue()
    await_shown(front, renewed)
    assert certificate_of(front, renewed)["fault"] is None
    assert sample(front, "teal_tls_certificate_faulty", certificate=first.certificate) == 0
    assert len(events_of(front, "certificate_refused")) == 1


def test_authorities_are_renewed_as_well(small, teal, authority, tmp_path):
    other = tlsing.Authority(tmp_path, "other")
    believed = tlsing.put(tmp_path / "clients.pem", authority.file.read_bytes())
    site, mine, theirs = authority.issue(), authority.issue("mine", use="client"), other.issue("theirs", use="client")
    one = teal(rig.colors([small("blue")], [small("green")]), listen=[tlsing.listener(site, client_certificates="required", client_ca=str(believed))])

    def is_let_in(pair):
        try:
            return tlsing.ask(one.port, tlsing.context(authority, pair=pair))[0] == 200
        except (ssl.SSLError, ConnectionError):
            return False

    assert is_let_in(mine) and not is_let_in(theirs)
    tlsing.put(believed, b"")
    rig.wait_until("the fault", lambda: one.status()["authorities"][0]["fault"], 30)
    assert is_let_in(mine) and not is_let_in(theirs)
    assert "refused: " in one.must("status").out
    tlsing.put(believed, other.file.read_bytes())
    rig.wait_until("the other ones", lambda: is_let_in(theirs), 30)
    await_workers(one)
    assert not is_let_in(mine)
    assert one.status()["authorities"] == [{"file": str(believed), "system": False, "for": ["listen 127.0.0.1:0"], "count": 1, "fault": None}]


# ---- what is told ----


def test_status_of_certificates(small, teal, authority):
    site, soon = authority.issue(names=["shop.example", "www.shop.example"]), authority.issue("soon", ["soon.example"], kind="rsa", days=(-80, 5.5))
    services = rig.colors([small("blue")], [small("green")])
    services["shop"]["green"]["tls"] = {"verify": "off", "name": "green.example"}
    one = teal(services, healthy=False, listen=[tlsing.listener(site, soon), tlsing.listener(site)])
    first, second = one.status()["certificates"]
    assert (first["certificate"], first["key"]) == (str(site.certificate), str(site.key))
    assert (first["names"], first["kind"], first["id"]) == (["shop.example", "www.shop.example"], "ECDSA with P-256", id_of(site))
    assert first["for"] == ["listen 127.0.0.1:0", "listen 127.0.0.1:0"] and first["days_left"] in (89, 90) and first["expiring"] is False
    assert first["not_before"] < one.status()["now"] < first["not_after"]
    assert (second["kind"], second["days_left"], second["expiring"]) == ("RSA with 2048 bits", 5, True)
    out = one.must("status").out
    assert f"certificate {soon.certificate} for soon.example: 5 days left (" in out and str(site.certificate) not in out
    assert "good for 5 more days" in events_of(one, "certificate_expiring")[0]
    colors = one.service()["colors"]
    assert colors["blue"]["tls"] is None
    assert (colors["green"]["tls"]["verify"], colors["green"]["tls"]["name"]) == (False, "green.example")
    assert "  green: backends are not verified" in out and "  green: backends are not verified" in one.must("status", "shop").out
    told = json.dumps(one.status()) + out + one.read_log() + one.api("GET", "/metrics")[1].decode()
    assert "PRIVATE" not in told and site.key.read_text().splitlines()[1] not in told


def test_a_pair_for_clients_and_for_backends(small, teal, authority):
    """Is two in the status, as each is used by itself, and one where somebody is to renew it."""
    soon = authority.issue(days=(-80, 5.5))
    services = rig.colors([small("blue")], [small("green")])
    services["shop"]["green"]["tls"] = {"verify": "off", "certificate": str(soon.certificate), "key": str(soon.key)}
    one = teal(services, healthy=False, listen=[tlsing.listener(soon)])
    assert [entry["for"] for entry in one.status()["certificates"]] == [["listen 127.0.0.1:0"], ["services.shop.green.tls"]]
    assert one.must("status").out.count(str(soon.certificate)) == 1
    told = events_of(one, "certificate_expiring")
    assert len(told) == 2 and "the certificate that backends are shown is good for 5 more days" in told[1], told


def test_handshakes_are_counted(front):
    with tlsing.connect(front.port, front.context) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\r\n")
        while connection.recv(65536):
            pass
        session = connection.session
    tlsing.connect(front.port, front.context, session=session).close()
    with socket.create_connection(("127.0.0.1", front.port), 30) as plain:
        plain.sendall(b"GET / HTTP/1.1\r\nHost: shop.example\r\n\r\n")
        while plain.recv(65536):
            pass
    clients = rig.wait_until("the counts", lambda: (found := front.status()["tls"]["clients"])["failed"] and found["resumed"] and found)
    assert (clients["full"], clients["resumed"], clients["failed"]) == (1, 1, 1)
    assert {name: count for name, count in clients["faults"].items() if count} == {"http": 1}
    for outcome in "full", "resumed", "failed":
        assert sample(front, "teal_tls_handshakes_total", side="client", outcome=outcome) == 1
        assert sample(front, "teal_tls_handshakes_total", side="backend", outcome=outcome) == 0
    assert sample(front, "teal_tls_faults_total", side="client", fault="http") == 1


def test_metrics_are_well_formed(small, teal, authority, tmp_path):
    """Also where one path has several parts: a certificate that is shown to clients, to backends, and believed."""
    site = authority.issue()
    services = rig.colors([small("blue")], [small("green")])
    services["shop"]["green"]["tls"] = {"ca": str(site.certificate), **site.named()}
    one = teal(services, healthy=False, listen=[tlsing.listener(site)])
    connection = rig.AdminConnection(one.socket, 30)
    connection.request("GET", "/metrics", headers={"Accept": "text/plain;version=0.0.4"})
    text = connection.getresponse().read()
    connection.close()
    checked = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, timeout=60)
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, b"")
    for name in "teal_tls_certificate_faulty", "teal_tls_certificate_not_after_timestamp_seconds":
        sample(one, name, certificate=site.certificate)  # exactly once


# ---- towards backends ----


def shop_with(peer, **tls):
    return {"shop": {"blue": {"version": "1", "backends": [peer.address], "tls": {"name": "green.example", **tls}}, "green": {}, "probe": {"path": "/health", "interval": "200ms", "timeout": "5s"}}}


def test_backends_are_believed_by_what_lies_there_now(teal, authority, tmp_path):
    """Probes and requests alike, by connections that are new."""
    other = tlsing.Authority(tmp_path, "other")
    believed = tlsing.put(tmp_path / "believed.pem", authority.file.read_bytes())
    with tlspeers.start("python", authority.issue("backend", ["green.example"])) as peer:
        one = teal(shop_with(peer, ca=str(believed)))
        assert one.get()[0] == 200
        tlsing.put(believed, other.file.read_bytes())
        rig.wait_until("the probes to fail", lambda: one.service()["colors"]["blue"]["backends"][0]["health"] == "down", 30)
        await_workers(one)
        assert one.get()[0] == 502
        assert one.status()["tls"]["backends"]["faults"]["certificate_untrusted"] >= 1
        tlsing.put(believed, other.file.read_bytes() + authority.file.read_bytes())
        one.await_healthy()
        await_workers(one)
        assert one.get()[0] == 200


def test_what_backends_are_shown_is_renewed(teal, authority, tmp_path):
    other = tlsing.Authority(tmp_path, "other")
    clients = tlsing.put(tmp_path / "clients.pem", authority.file.read_bytes() + other.file.read_bytes())
    ours = authority.issue("ours", [], use="client")
    with tlspeers.start("python", authority.issue("backend", ["green.example"]), clients=clients) as peer:
        one = teal(shop_with(peer, ca=str(authority.file), **ours.named()))

        def subject():
            status, fields, _ = one.get("/once")
            assert status == 200
            return tlspeers.Seen(fields["x-tls"]).subject

        assert subject() == "ours of authority"
        other.issue("ours", [], use="client")
        rig.wait_until("the other certificate", lambda: subject() == "ours of other", 30)


def test_settings_towards_backends_change_by_a_reload(teal, authority):
    """Beside what probes ask, and with it; a backend stays what it was until a probe says otherwise."""
    with tlspeers.start("python", authority.issue("backend", ["green.example"])) as peer:
        one = teal(shop_with(peer, verify="off"))
        color = one.conf["services"]["shop"]["blue"]
        for tls, interval, health, status in (({"ca": str(authority.file), "name": "green.example"}, "200ms", "up", 200), ({"ca": str(authority.file), "name": "other.example"}, "200ms", "down", 502),
                                              ({"verify": "off"}, "100ms", "up", 200), ({"ca": str(authority.file), "name": "green.example"}, "150ms", "up", 200)):
            color["tls"] = tls
            one.conf["services"]["shop"]["probe"]["interval"] = interval
            one.write_file()
            reload(one)
            rig.wait_until(health, lambda: (backend := one.service()["colors"]["blue"]["backends"][0])["health"] == health and backend["last_probe"]["ok"] == (health == "up"), 30)
            await_workers(one)
            assert one.get()[0] == status, tls
