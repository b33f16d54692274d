"""The PROXY protocol with those who speak it: HAProxy in front of teal, nginx and HAProxy behind it; and who the client is then, in fields, logs and the balance."""
import collections
import contextlib
import json
import socket
import struct

import pytest

import daemon as rig
import proxying

ANNOUNCED = [{"address": "127.0.0.1:0", "proxy_protocol": "on"}]
PROBE = {"path": "/health", "interval": "100ms", "timeout": "5s"}
V2 = b"\r\n\r\n\0\r\nQUIT\n"


@pytest.fixture
def started():
    """Starts what is to be stopped at the end: started(proxying.nginx, …)."""
    with contextlib.ExitStack() as stack:

        def start(kind, *words, **named):
            one = kind(*words, **named)
            stack.callback(one.stop if hasattr(one, "stop") else one.close)
            return one

        yield start


def one_color(*addresses, version="1", **more):
    """A shop whose blue color is these backends."""
    return {"shop": {"blue": {"version": version, "backends": list(addresses), **more.pop("blue", {})}, "green": {}, "probe": PROBE, **more}}


def access_lines(one):
    return [json.loads(line) for line in (one.folder / "access.log").read_text().splitlines()]


def logged(one, target):
    """The line of the access log for this request."""
    return rig.wait_until("the access log's line", lambda: next((line for line in access_lines(one) if line.get("target") == target), None))


def access_log(tmp_path):
    return {"access_log": {"path": str(tmp_path / "access.log"), "format": "json"}}


def failures(one):
    """How often a connection did not begin as it must."""
    text = one.api("GET", "/metrics")[1].decode()
    return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line.startswith("teal_failures_total") and "announcement_malformed" in line)


# ---- in front of teal ----

SENDERS = ["send-proxy", "send-proxy-v2", "send-proxy-v2 proxy-v2-options crc32c,unique-id", "send-proxy-v2 proxy-v2-options ssl,cert-cn,crc32c,authority"]


@pytest.mark.parametrize("options", SENDERS)
@pytest.mark.parametrize("source", ["127.0.0.5", "::1"])
def test_haproxy_in_front(teal, started, tmp_path, options, source):
    """The address that HAProxy saw is the client's, for the backend and in the log; on kept-alive connections too."""
    plain = started(proxying.nginx, announced=False)
    one = teal(one_color(plain.address), folder=tmp_path, listen=ANNOUNCED, **access_log(tmp_path))
    host = "::1" if ":" in source else "127.0.0.1"
    front = started(proxying.haproxy_in_front, one.port, options, host)
    client = started(proxying.Client, front.port, source, host)
    for number in range(3):
        assert client.get(f"/{number}", X_Forwarded_For="192.0.2.9")[3] == source
        assert logged(one, f"/{number}")["client"] == source
    assert failures(one) == 0


@pytest.mark.parametrize("sender", ["send-proxy", "send-proxy-v2"])
def test_haproxys_health_checks(teal, started, sender):
    """Checks of a load balancer, which begin with a header of their own (LOCAL in version 2), are answered as anyone's."""
    plain = started(proxying.nginx, announced=False)
    one = teal(one_color(plain.address), listen=ANNOUNCED)
    front = started(proxying.haproxy_in_front, one.port, f"check inter 50ms rise 2 fall 1 check-send-proxy {sender}", more="option httpchk GET /health")
    rig.wait_until("two good checks", lambda: (lambda state: state["status"] == "UP" and state["check_status"] == "L7OK")(proxying.server_state(front)))
    client = started(proxying.Client, front.port, "127.0.0.6")
    assert client.get()[3] == "127.0.0.6"
    assert failures(one) == 0
    assert proxying.server_state(front)["chkfail"] == "0"


BEGINNINGS = [
    ("version 1", b"PROXY TCP4 192.0.2.1 198.51.100.2 4711 80\r\n", "192.0.2.1"),
    ("version 1, IPv6", b"PROXY TCP6 2001:db8::1 2001:db8::2 4711 80\r\n", "2001:db8::1"),
    ("version 1, unknown", b"PROXY UNKNOWN\r\n", "127.0.0.1"),
    ("version 2", V2 + b"\x21\x11\0\x0c" + bytes([192, 0, 2, 1, 198, 51, 100, 2]) + struct.pack("!HH", 4711, 80), "192.0.2.1"),
    ("version 2, local", V2 + b"\x20\0\0\0", "127.0.0.1"),
    ("version 2, a kilobyte of additions", V2 + b"\x21\x11" + struct.pack("!H", 12 + 1003) + bytes([192, 0, 2, 1, 198, 51, 100, 2]) + struct.pack("!HH", 4711, 80)
     + b"\x04\x03\xe8" + bytes(1000), "192.0.2.1"),
]
REQUEST = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"


def ask(port, *pieces):
    """All that comes back for these pieces, each a packet of its own."""
    with socket.create_connection(("127.0.0.1", port), 20) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        got = b""
        try:
            for piece in pieces:
                client.sendall(piece)
            while piece := client.recv(65536):
                got += piece
        except (ConnectionResetError, BrokenPipeError):
            pass
        return got


def test_headers_in_pieces(teal, started):
    plain = started(proxying.nginx, announced=False)
    one = teal(one_color(plain.address), listen=ANNOUNCED)
    for name, header, address in BEGINNINGS:
        for pieces in ((header + REQUEST,), (header, REQUEST), (header[:1], header[1:] + REQUEST), [bytes([byte]) for byte in (header + REQUEST)[:200]] + [(header + REQUEST)[200:]]):
            answer = ask(one.port, *pieces)
            assert answer.startswith(b"HTTP/1.1 200 ") and answer.split(b"\n")[-3] == address.encode(), (name, len(pieces), answer)
    assert failures(one) == 0


WRONG = [REQUEST, b"\x16\x03\x01\x02\0\x01\0\x01\xfc", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"PROXY TCP4 192.0.2.1 198.51.100.2 4711 080\r\n" + REQUEST, V2 + b"\x22\0\0\0" + REQUEST,
         b"PROXY UNKNOWN\n" + REQUEST, b"PROXY " + b"A" * 200]


def test_what_does_not_begin_so_is_not_answered(teal, started):
    plain = started(proxying.nginx, announced=False)
    one = teal(one_color(plain.address), listen=ANNOUNCED)
    for number, bytes_sent in enumerate(WRONG):
        assert ask(one.port, bytes_sent) == b""
        rig.wait_until("it to be counted", lambda: failures(one) == number + 1)
    assert ask(one.port, b"PROXY UNKNOWN\r\n" + REQUEST).startswith(b"HTTP/1.1 200 ")


def test_a_header_that_never_comes(teal, started):
    """`timeouts.header` holds for it, and a plain listener beside it knows nothing of it."""
    plain = started(proxying.nginx, announced=False)
    one = teal(one_color(plain.address), listen=[{"address": "127.0.0.1:0"}, *ANNOUNCED], timeouts={"header": "300ms"})
    other = int(one.status()["listens"][1].rsplit(":", 1)[1])
    assert ask(other, b"PROXY TCP4 192.0.2.1") == b""
    assert ask(other) == b""
    assert ask(one.port, b"PROXY UNKNOWN\r\n" + REQUEST).startswith(b"HTTP/1.1 400 ")
    assert ask(one.port, REQUEST).startswith(b"HTTP/1.1 200 ")
    assert ask(other, b"PROXY UNKNOWN\r\n" + REQUEST).startswith(b"HTTP/1.1 200 ")


# ---- behind teal ----


@pytest.mark.parametrize("kind", [proxying.nginx, proxying.haproxy_behind])
@pytest.mark.parametrize("version", ["v1", "v2"])
def test_behind(teal, started, kind, version):
    """Each client's address and port, and where it went to, come to the backend; no connection is shared between clients, each is kept for its own."""
    peer = started(kind)
    one = teal(one_color(peer.address, blue={"proxy_protocol": version}))
    clients = [started(proxying.Client, one.port, f"127.0.0.{10 + number}") for number in range(8)]
    connections = collections.defaultdict(set)
    for _ in range(4):
        for client in clients:
            name, connection, seen, forwarded = client.get()[:4]
            assert seen == f"{client.source} {client.own_port} 127.0.0.1 {one.port}"
            assert forwarded == client.source
            connections[connection].add(client.source)
    if kind is proxying.nginx:
        assert all(len(sources) == 1 for sources in connections.values())
        assert len(connections) == len(clients)
    for client in clients:  # and a later client does not get what they left
        client.close()
    late = started(proxying.Client, one.port, "127.0.0.99")
    assert late.get()[2].startswith("127.0.0.99 ")


@pytest.mark.parametrize("version", ["v1", "v2"])
@pytest.mark.parametrize("probe", [PROBE, {"interval": "100ms"}])
def test_probes_are_quiet(teal, started, version, probe):
    """Probes, mere connects too, begin as connections of that backend do, so that it finds no fault with them."""
    peer = started(proxying.nginx)
    one = teal(one_color(peer.address, f"unix:{peer.folder}/socket", blue={"proxy_protocol": version}, probe=probe))
    accepted = rig.wait_until("a few rounds", lambda: (lambda found: found if all(one_backend["last_probe"]["ok"] for one_backend in found) else None)(
        one.service()["colors"]["blue"]["backends"]))
    assert len(accepted) == 2
    client = started(proxying.Client, one.port, "127.0.0.7")
    for _ in range(4):
        assert client.get("/seen")[2].startswith("127.0.0.7 ")
    log = peer.read("error.log")  # while it runs: a probe that its end cuts off may not have begun
    assert "PROXY protocol" not in log and "broken header" not in log, log
    assert set(peer.read("access.log").splitlines()) == {"127.0.0.7 /seen"}


def test_probe_by_the_command_line(teal, started):
    """Without a daemon too."""
    peer = started(proxying.nginx)
    one = teal(one_color(peer.address, blue={"proxy_protocol": "v2"}))
    assert one.run("probe", "blue", "-c", str(one.file)).code == 0
    one.end()
    assert one.run("probe", "blue", "-c", str(one.file)).code == 0
    assert "PROXY protocol" not in peer.read("error.log")


@pytest.mark.parametrize("inward", ["send-proxy", "send-proxy-v2"])
@pytest.mark.parametrize("outward", ["v1", "v2"])
def test_all_the_way(teal, started, inward, outward):
    """HAProxy, teal, nginx: the last one knows the first one's client, by TCP and by a unix socket."""
    peer = started(proxying.nginx)
    one = teal(one_color(peer.address, f"unix:{peer.folder}/socket", blue={"proxy_protocol": outward}, balance="round_robin"), listen=ANNOUNCED)
    front = started(proxying.haproxy_in_front, one.port, inward)
    for number in range(4):
        client = started(proxying.Client, front.port, f"127.0.0.{20 + number}")
        for _ in range(4):
            assert client.get()[2:4] == [f"{client.source} {client.own_port} 127.0.0.1 {front.port}", client.source]


def test_a_unix_client(teal, started, tmp_path):
    """A client without an address is announced as unknown: the backend then takes the connection's own."""
    plain, told = started(proxying.nginx), started(proxying.haproxy_behind)
    path = tmp_path / "listen.sock"
    for version in ("v1", "v2"):
        one = teal(one_color(told.address, blue={"proxy_protocol": version}), listen=[{"address": "127.0.0.1:0"}, {"address": f"unix:{path}"}])
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))
            client.sendall(REQUEST)
            answer = client.makefile("rb").read()
        assert answer.startswith(b"HTTP/1.1 200 ") and b"\n127.0.0.1 " in answer, answer
        one.end()
    assert plain.address != told.address


def test_a_switch_between_colors_that_differ(teal, started):
    """Blue reads no header, green wants one: each connection begins as its color's do, through switch and rollback."""
    plain, told = started(proxying.nginx, "plain", announced=False), started(proxying.nginx, "told")
    shop = {"blue": {"version": "1", "backends": [plain.address]}, "green": {"version": "2", "backends": [told.address], "proxy_protocol": "v2"}, "probe": PROBE, "bake": "100ms"}
    one = teal({"shop": shop})
    client = started(proxying.Client, one.port, "127.0.0.30")
    assert client.get()[:1] + client.get()[3:4] == ["plain", "127.0.0.30"]
    one.must("switch")
    told_lines = client.get()
    assert told_lines[0] == "told" and told_lines[2].startswith(f"127.0.0.30 {client.own_port} ")
    one.must("rollback")
    assert client.get()[:1] + client.get()[3:4] == ["plain", "127.0.0.30"]


def test_reload_changes_what_is_sent(teal, started):
    """The backend of both settings is one that reads a header and one that does not; a reload moves between them."""
    plain, told = started(proxying.nginx, "plain", announced=False), started(proxying.nginx, "told")
    one = teal(one_color(plain.address))
    client = started(proxying.Client, one.port, "127.0.0.31")
    assert client.get()[0] == "plain"
    one.conf["services"]["shop"]["blue"].update(backends=[told.address], proxy_protocol="v1")
    one.write_file()
    one.must("reload")
    rig.wait_until("the other backend", lambda: client.get()[0] == "told")
    assert client.get()[2].startswith("127.0.0.31 ")
    one.conf["services"]["shop"]["blue"]["proxy_protocol"] = "v2"
    one.write_file()
    one.must("reload")
    assert client.get()[2].startswith("127.0.0.31 ")
    assert one.service()["colors"]["blue"]["health"] == "healthy"


# ---- trusted proxies ----


def test_trusted_proxies_name_the_client(teal, started, tmp_path):
    """HAProxy in HTTP mode adds its fields; the log has the client that it names, the backend the whole list."""
    plain = started(proxying.nginx, announced=False)
    one = teal(one_color(plain.address), folder=tmp_path, trusted_proxies=["127.0.0.1/32"], **access_log(tmp_path))
    front = started(proxying.haproxy_in_front, one.port, "", mode="http", more="option forwardfor")
    client = started(proxying.Client, front.port, "127.0.0.40")
    assert client.get("/a")[3] == "127.0.0.40, 127.0.0.1"
    line = logged(one, "/a")
    assert (line["client"], line["peer"]) == ("127.0.0.40", "127.0.0.1")
    assert client.get("/forged", X_Forwarded_For="192.0.2.1")[3] in ("192.0.2.1, 127.0.0.40, 127.0.0.1", "192.0.2.1,127.0.0.40, 127.0.0.1")
    assert logged(one, "/forged")["client"] == "127.0.0.40"
    stranger = started(proxying.Client, one.port, "127.0.0.41")
    assert stranger.get("/stranger", X_Forwarded_For="192.0.2.1")[3] == "127.0.0.41"
    assert logged(one, "/stranger")["client"] == "127.0.0.41"


def test_forwarded(teal, started, tmp_path):
    plain = started(proxying.nginx, announced=False)
    one = teal(one_color(plain.address), folder=tmp_path, trusted_proxies=["127.0.0.1/32"], **access_log(tmp_path))
    trusted, stranger = started(proxying.Client, one.port), started(proxying.Client, one.port, "127.0.0.42")
    assert trusted.get("/t", Forwarded='for="[2001:db8::7]:4711";proto=https')[4] == 'for="[2001:db8::7]:4711";proto=https, for=127.0.0.1'
    assert logged(one, "/t")["client"] == "2001:db8::7"
    assert stranger.get("/s", Forwarded="for=192.0.2.1")[4] == ""
    assert logged(one, "/s")["client"] == "127.0.0.42"


# ---- balance ----


def test_balance_by_client_address(teal, started):
    """A client stays with its backend over connections; when that goes away only its own clients move, and come back with it."""
    peers = {name: started(proxying.nginx, name, announced=False) for name in ("a", "b", "c")}
    one = teal(one_color(*(peer.address for peer in peers.values()), balance="client_address"))
    sources = [f"127.0.1.{number}" for number in range(1, 31)]

    def places():
        found = {}
        for source in sources:
            client = proxying.Client(one.port, source)
            found[source] = client.get()[0]
            client.close()
        return found

    first = places()
    assert set(first.values()) == set(peers)
    assert places() == first and places() == first
    peers["b"].process.terminate()
    peers["b"].process.wait(10)
    rig.wait_until("b to be down", lambda: one.service()["colors"]["blue"]["health"] == "degraded")
    moved = places()
    assert all(moved[source] == place for source, place in first.items() if place != "b") and "b" not in moved.values()


def test_balance_behind_trusted_proxies(teal, started):
    """The key is the client that trusted proxies name, not they."""
    peers = [started(proxying.nginx, name, announced=False) for name in ("a", "b")]
    one = teal(one_color(*(peer.address for peer in peers), balance="client_address"), trusted_proxies=["127.0.0.0/8"])
    client = started(proxying.Client, one.port)
    first = [client.get(X_Forwarded_For=f"192.0.2.{number}")[0] for number in range(30)]
    assert set(first) == {"a", "b"}
    assert [client.get(X_Forwarded_For=f"192.0.2.{number}")[0] for number in range(30)] == first
