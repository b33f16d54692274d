"""TLS behind teal: nginx, Apache, Caddy, Node and Python's ssl as backends, each with TLS 1.2 and 1.3; who is asked for, who is believed, what is shown, and what is said when it fails."""
import contextlib
import hashlib
import socket
import threading

import pytest

import daemon as rig
import tlsing
import tlspeers

NAME = "green.example"
PROBE = {"path": "/health", "interval": "100ms", "timeout": "5s", "host": NAME}  # Caddy with client_auth wants the name that TLS asked for as Host


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return tlsing.Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def started():
    """Starts servers that are stopped at the end."""
    with contextlib.ExitStack() as stack:

        def start(*words, **named):
            one = tlspeers.start(*words, **named)
            stack.callback(one.stop)
            return one

        yield start


def shop(address, **tls):
    """A service with one backend in blue."""
    return {"shop": {"blue": {"version": "1", "backends": [address], "tls": tls}, "green": {}, "probe": PROBE}}


def believing(authority, **more):
    return {"ca": str(authority.file), "name": NAME, **more}


def seen(one, path="/"):
    status, fields, _ = one.get(path, {"Host": NAME})
    assert status == 200, (status, fields)
    return tlspeers.Seen(fields["x-tls"])


# ---- those who speak it ----


@pytest.mark.parametrize("version", tlsing.VERSIONS)
@pytest.mark.parametrize("kind", tlspeers.KINDS)
def test_servers(teal, started, authority, kind, version):
    """Asked for by its name, verified, resumed, and large bodies whole."""
    peer = started(kind, authority.issue("site", [NAME]), version)
    one = teal(shop(peer.address, **believing(authority)), workers=1)
    for _ in range(2):
        first = seen(one)
        assert (first.version, first.name, first.subject) == (version, NAME, None), first
    resumptions = [seen(one, "/once").resumed for _ in range(4)][1:]  # the first comes over the connection that was kept
    if (kind, version) == ("node", "1.3"):  # gives a resumed connection no new ticket, and a ticket is good for once
        assert resumptions == [True, False, True]
    else:
        assert resumptions == [True, True, True]
    status, _, body = one.get(tlspeers.LARGE_PATHS[kind])
    assert (status, hashlib.sha256(body).hexdigest()) == (200, tlspeers.LARGE_DIGEST)


@pytest.mark.parametrize("version", tlsing.VERSIONS)
@pytest.mark.parametrize("kind", tlspeers.UPLOAD_PATHS)
def test_uploads(teal, started, authority, kind, version, tmp_path):
    peer = started(kind, authority.issue("site", [NAME]), version)
    front = authority.issue("front")
    one = teal(shop(peer.address, **believing(authority)), listen=[tlsing.listener(front)])
    status, _, body = tlsing.ask(one.port, tlsing.context(authority), tlspeers.UPLOAD_PATHS[kind], "POST", tlspeers.LARGE_PATTERN)
    assert (status, body.decode()) == (200, tlspeers.LARGE_DIGEST)


def test_tunnels(teal, started, authority):
    """A WebSocket that is TLS on both sides, and one that is so behind alone."""
    peer = started("node", authority.issue("site", [NAME]))
    one = teal(shop(peer.address, **believing(authority)), listen=[tlsing.listener(authority.issue("front")), {"address": "127.0.0.1:0"}])
    secure, clear = tlsing.ports(one)
    for client in tlsing.connect(secure, tlsing.context(authority)), socket.create_connection(("127.0.0.1", clear), tlsing.PATIENCE_S):
        with client:
            tlsing.talk_by_websocket(client, [[5], [1, 126, 65536], [16384] * 8, [1024 * 1024]])


@pytest.mark.parametrize("kind", tlspeers.KINDS)
def test_servers_that_want_to_know_who_asks(teal, started, authority, kind, tmp_path):
    """They get teal's certificate, from the probes, too; without one there is no answer, and that is said."""
    (tmp_path / "clients").mkdir()
    signers = tlsing.Authority(tmp_path / "clients", "signers")
    own = signers.issue("teal", [], use="client")
    peer = started(kind, authority.issue("site", [NAME]), "1.3", clients=signers.file)
    one = teal(shop(peer.address, **believing(authority, **own.named())))
    assert "teal of signers" in seen(one).subject
    one.conf["services"] = shop(peer.address, **believing(authority))
    one.write_file()
    one.must("reload")
    rig.wait_until("the probes to fail", lambda: backend_of(one)["health"] == "down")
    if kind == "nginx":  # answers over TLS what is wrong
        assert one.get("/", {"Host": NAME})[0] == 400
        assert backend_of(one)["last_probe"]["detail"] == "status 400, expected 200-299"
        return
    # Others end the connection behind an alert, some by a reset, which can overtake it; so not each probe and request has heard it.
    rig.wait_until("a probe that was told", lambda: backend_of(one)["last_probe"]["detail"].endswith("it asked for a certificate, and tls.certificate names none"))
    rig.wait_until("a request that was told", lambda: "error=tls_alert_received" in no_answer(one))


def no_answer(one):
    """What Proxy-Status says of the 502 that there must be."""
    status, fields, _ = one.get("/", {"Host": NAME})
    assert status == 502, (status, fields)
    return fields["proxy-status"]


def backend_of(one):
    return one.service()["colors"]["blue"]["backends"][0]


# ---- names ----


def test_names(teal, started, authority):
    """The color's name, else the backend's own; an address is in the certificate, and nobody is asked for."""
    peer = started("python", authority.issue("site", [NAME, "localhost", "127.0.0.1"]))
    by_name = f"localhost:{peer.port}"
    for address, tls, asked_for in (peer.address, {"name": NAME}, NAME), (by_name, {}, "localhost"), (by_name, {"name": NAME}, NAME), (peer.address, {}, None):
        one = teal(shop(address, ca=str(authority.file), **tls))
        assert seen(one).name == asked_for, (address, tls)


# ---- those who are not believed ----


@contextlib.contextmanager
def listening(serve):
    """A port of which each connection is served by a thread."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)

    def accept():
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield f"127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def says(text):
    def serve(connection):
        with contextlib.suppress(OSError), connection:
            connection.recv(4096)
            connection.sendall(text)

    return serve


FAULTS = {  # what its certificate is; what the probe says of it
    "another authority": ({"other": True}, "the peer's certificate is not trusted: unable to get local issuer certificate"),
    "another name": ({"names": ["other.example"]}, f"the peer's certificate is for another name than {NAME}: it is for other.example"),
    "a wildcard for more than a label": ({"names": ["*.example"]}, "the peer's certificate is for another name than a.green.example: it is for *.example"),
    "expired": ({"days": (-30, -1)}, "certificate has expired"),
    "not begun": ({"days": (1, 30)}, "certificate is not yet valid"),
    "of a client": ({"use": "client"}, "unsuitable certificate purpose"),
}


def refused(one, error, said):
    """The request gets 502 for this reason, and the probe says it in a sentence, with the address."""
    status, fields, _ = one.get(headers={"Accept": "application/json"})
    assert status == 502 and f"error={error}" in fields["proxy-status"], (status, fields)
    rig.wait_until("the probe to fail", lambda: backend_of(one)["health"] == "down")
    backend = backend_of(one)
    assert backend["last_probe"]["detail"].startswith(f"no TLS connection to {backend['address']}: ") and said in backend["last_probe"]["detail"], backend


@pytest.mark.parametrize("fault", FAULTS)
def test_certificates_that_are_no_good(teal, started, authority, tmp_path, fault):
    settings, said = FAULTS[fault]
    issuer = authority
    if settings.get("other"):
        (tmp_path / "other").mkdir()
        issuer, settings = tlsing.Authority(tmp_path / "other"), {}
    peer = started("python", issuer.issue("site", **{"names": [NAME], **settings}))
    name = "a.green.example" if "a.green" in said else NAME
    one = teal(shop(peer.address, **{**believing(authority), "name": name}), healthy=False)
    refused(one, "tls_certificate_error", said)
    one.conf["services"] = shop(peer.address, verify="off")  # mended as it should not be
    one.write_file()
    one.must("reload")
    rig.wait_until("the probes to pass", lambda: backend_of(one)["health"] == "up")
    assert one.get()[0] == 200


OTHERS = {
    "HTTP in clear": (b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n", "tls_protocol_error", "what came is no TLS"),
    "an alert": (b"\x15\x03\x03\0\x02\x02\x28", "tls_alert_received", "handshake failure"),
    "nothing": (b"", "connection_terminated", "the connection ended without a word of TLS"),
}


@pytest.mark.parametrize("other", OTHERS)
def test_what_is_no_tls(teal, authority, other):
    text, error, said = OTHERS[other]
    with listening(says(text)) as address:
        refused(teal(shop(address, **believing(authority)), healthy=False), error, said)


def test_a_handshake_that_does_not_end(teal, authority):
    """`timeouts.connect` holds for it."""
    over = threading.Event()
    with listening(lambda connection: (over.wait(60), connection.close())) as address:
        one = teal(shop(address, **believing(authority)), healthy=False, timeouts={"connect": "300ms"})
        status, fields, _ = one.get()
        over.set()
        assert status == 504 and "error=connection_timeout" in fields["proxy-status"], (status, fields)


def test_one_color_in_clear(teal, started, authority, small):
    """A switch goes from a release in clear to one with TLS, and back."""
    plain = small("blue", "1")
    peer = started("node", authority.issue("site", [NAME]))
    services = rig.colors([plain], [], bake="0s", probe=PROBE)
    services["shop"]["green"] = {"version": "2", "backends": [peer.address], "tls": believing(authority)}
    one = teal(services)
    assert "x-tls" not in one.get()[1]
    one.must("switch")
    assert seen(one).name == NAME
    one.must("rollback")
    assert "x-tls" not in one.get()[1]
