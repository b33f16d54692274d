"""The admin API against those who mean no good: whatever they send, or do not send, the daemon goes on, and who holds the Unix socket can switch."""
import contextlib
import os
import socket
import time

import daemon as rig
import pytest

TOKEN = "sixteen-characters-or-more"
SWITCH = "/v1/services/shop/switch"


@pytest.fixture
def guarded(small, teal, tmp_path):
    """A shop whose admin API listens on TCP too."""
    token = tmp_path / "token"
    token.write_text(TOKEN + "\n")
    token.chmod(0o600)
    folder = tmp_path / "teal"
    folder.mkdir()
    one = teal(rig.colors([small("blue", "1")], [small("green", "2")], bake="300ms"), folder=folder,
               admin={"socket": str(folder / "admin.sock"), "listen": "127.0.0.1:0", "token_file": str(token)})
    one.admin_port = int(one.status()["admin_listen"].rsplit(":", 1)[1])
    return one


def dial(one, tcp=False):
    if tcp:
        return socket.create_connection(("127.0.0.1", one.admin_port), timeout=10)
    peer = socket.socket(socket.AF_UNIX)
    peer.connect(one.socket)  # waits for a place in the queue
    peer.settimeout(10)
    return peer


def send(one, data, tcp=False):
    """The status line of the answer, or "" when the connection was closed."""
    with dial(one, tcp) as peer, contextlib.suppress(OSError):
        peer.sendall(data)
        return peer.recv(65536).split(b"\r\n")[0].decode("latin-1")
    return ""


def post(path, body, *fields):
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n" + "".join(f"{field}\r\n" for field in fields)
    return head.encode("latin-1") + b"\r\n" + body


def count_descriptors(one):
    return len(os.listdir(f"/proc/{one.process.pid}/fd"))


BODIES = {
    "half": b'{"to":', "array": b"[]", "nul": b'{"reason": "a\\u0000b"}', "no UTF-8": b'{"reason": "\xff\xfe"}', "twice": b'{"to": "green", "to": "blue"}',
    "deep": b'{"a":' * 100000, "unknown": b'{"colour": "green"}', "type": b'{"to": 1}', "negative": b'{"bake_s": -1}', "huge": b'{"bake_s": 1e308}',
    "no number": b'{"bake_s": NaN}', "long": b'{"reason": "' + b"x" * 5000 + b'"}', "key": b'{"x\\"\\n<script>": 1}',
}


@pytest.mark.parametrize("path, status", [
    ("/v1/services/shop%00x", 404), ("/v1/services/%ff%fe", 404), ("/v1/services/../status", 404), ("//v1/status", 404), ("/v1/services/shop%2fplan", 404),
    ("/v1/deployments/a'%22%3b--", 404), ("/v1/deployments/" + "a" * 5000, 404), ("/v1/deployments?limit=-1", 400), ("/v1/deployments?=&&", 400),
    ("/v1/deployments?service='or'1", 200), ("/" + "a/" * 5000, 404),
])
def test_paths(shop, path, status):
    assert f" {status} " in send(shop, f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())


def test_bodies(shop):
    for name, body in BODIES.items():
        assert " 400 " in send(shop, post(SWITCH, body)), name
    assert " 413 " in send(shop, post(SWITCH, b" " * (2 << 20)))
    send(shop, post(SWITCH, b" " * (8 << 20)))
    assert shop.newest() is None
    shop.must("switch", "--bake", "0s")


def test_bytes_that_are_no_request(shop):
    before = count_descriptors(shop)
    for data in (b"\x16\x03\x01\x02\x00" + bytes(range(256)) + b"\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"GET / HTTP/1.1\r\nX: " + b"a" * 100000 + b"\r\n\r\n",
                 b"POST /v1/stop HTTP/1.1\r\nContent-Length: -1\r\n\r\n", b"POST /v1/stop HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n{}"):
        assert " 2" not in send(shop, data)[:12]
    rig.wait_until("its descriptors back", lambda: count_descriptors(shop) <= before + 1)
    assert shop.api("GET", "/healthz")[0] == 200


@pytest.mark.parametrize("fields, status", [
    ([], 401), (["Authorization: Bearer wrong"], 401), ([f"Authorization: Bearer {TOKEN}"], 415),
    ([f"Authorization: Bearer {TOKEN}", "Content-Type: application/json", "Origin: http://shop.example.com"], 403),
    ([f"Authorization: Bearer {TOKEN}", "Content-Type: application/json", "Host: again"], 400),
])
def test_changes_over_tcp(guarded, fields, status):
    data = post(SWITCH, b"{}", *fields).replace(b"Host: localhost", f"Host: localhost:{guarded.admin_port}".encode())
    assert f" {status} " in send(guarded, data, tcp=True)
    assert guarded.newest() is None


def test_a_token_that_others_may_read(guarded, tmp_path):
    def refused(mode):
        (tmp_path / "token").chmod(mode)
        sentence = f"admin.token_file: {tmp_path / 'token'} may be used by others than its owner (mode {mode:04o}): chmod 600 it"
        result = guarded.run("reload")
        assert result.code != 0 and sentence in result.err, result
        return sentence

    for mode in (0o644, 0o640, 0o602):
        sentence = refused(mode)
    assert " 200 " in send(guarded, f"GET /v1/status HTTP/1.1\r\nHost: localhost:{guarded.admin_port}\r\nConnection: close\r\n\r\n".encode(), tcp=True)
    checked = guarded.run("check", "-c", str(guarded.file))
    assert checked.code == 2 and sentence in checked.out, checked
    guarded.end()
    guarded.start()
    guarded.admin_port = int(guarded.status()["admin_listen"].rsplit(":", 1)[1])
    assert sentence in guarded.read_log() and TOKEN not in guarded.read_log()
    assert guarded.get()[0] == 200

    def switch_over_tcp():
        fields = (f"Authorization: Bearer {TOKEN}", "Content-Type: application/json", "Connection: close")
        return send(guarded, post(SWITCH, b"{}", *fields).replace(b"Host: localhost", f"Host: localhost:{guarded.admin_port}".encode()), tcp=True)

    assert " 403 " in switch_over_tcp() and guarded.newest() is None
    (tmp_path / "token").chmod(0o400)
    guarded.must("reload")
    assert guarded.run("check", "-c", str(guarded.file)).code == 0
    assert " 202 " in switch_over_tcp()


@pytest.mark.parametrize("token, good", [("0123456789abcdef", True), ("x" * 4096, True), ("x" * 4097, False), ("0123456789abcde", False), ("0123456789 abcdef", False),
                                         ("0123456789abcdef\x07", False), ("0123456789abcdef\0secret", False), ("t\u00f6ken of 0123456", False), ("", False)])
def test_what_a_token_is(guarded, tmp_path, token, good):
    """Whatever else there is, a client could not send it, or would send a part of it."""
    (tmp_path / "token").write_text(token + "\nmore\n")
    result = guarded.run("reload")
    assert (result.code == 0) == good, result
    if good:
        fields = (f"Authorization: Bearer {token}", "Content-Type: application/json", "Connection: close")
        data = post(SWITCH, b"{}", *fields).replace(b"Host: localhost", f"Host: localhost:{guarded.admin_port}".encode())
        assert " 202 " in send(guarded, data, tcp=True)
    else:
        assert "must be a token of 16 to 4096 visible ASCII characters without spaces" in result.err and (not token or token not in result.err)


def test_host_of_somebody_else(guarded):
    data = f"GET /v1/status HTTP/1.1\r\nHost: shop.example.com:{guarded.admin_port}\r\n\r\n".encode()
    assert " 403 " in send(guarded, data, tcp=True)


def test_a_crowd_over_tcp_does_not_shut_the_socket(guarded):
    with contextlib.ExitStack() as crowd:
        for _ in range(90):
            crowd.enter_context(dial(guarded, tcp=True)).sendall(b"GET /v1/status HTTP/1.1\r\n")
        time.sleep(0.5)
        guarded.must("switch", "--bake", "0s")
        guarded.must("rollback")
    rig.wait_until("TCP is open again", lambda: " 200 " in send(guarded, b"GET /healthz HTTP/1.0\r\nHost: 127.0.0.1:%d\r\n\r\n" % guarded.admin_port, tcp=True))


def test_streams_over_tcp_leave_some_for_the_socket(guarded):
    with contextlib.ExitStack() as crowd:
        for number in range(20):
            peer = crowd.enter_context(dial(guarded, tcp=True))
            peer.sendall(f"GET /v1/events HTTP/1.1\r\nHost: localhost:{guarded.admin_port}\r\n\r\n".encode())
            assert (b" 200 " if number < 8 else b" 503 ") in peer.recv(65536).split(b"\r\n")[0]
        assert " 200 " in send(guarded, b"GET /v1/events HTTP/1.1\r\nHost: a\r\n\r\n")
        guarded.must("switch", "--bake", "0s")


def test_who_hangs_up_while_waiting_holds_no_place(shop):
    id = shop.api("POST", SWITCH, {"bake_s": 60})[1]["deployment"]
    before = count_descriptors(shop)
    for _ in range(3):
        for _ in range(100):
            with dial(shop) as peer:
                peer.sendall(f"GET /v1/deployments/{id}?until=ended&timeout_s=60 HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        rig.wait_until("their places", lambda: count_descriptors(shop) <= before + 2)
    shop.must("rollback")


def test_a_stream_that_is_never_read(shop):
    with dial(shop) as peer:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        peer.sendall(b"GET /v1/events HTTP/1.1\r\nHost: a\r\n\r\n")
        for _ in range(500):
            assert shop.api("POST", "/v1/services/shop/lock", {"reason": "x" * 1000})[0] == 200
        rig.wait_until("the stream is closed", lambda: is_closed(peer))
    shop.must("unlock")


def is_closed(peer):
    """What was queued can still be read; behind it is the end."""
    peer.settimeout(0.5)
    try:
        while peer.recv(1 << 20):
            pass
    except TimeoutError:
        return False
    except OSError:
        pass
    return True


@pytest.mark.long
def test_a_request_that_drips_is_closed(guarded):
    with dial(guarded, tcp=True) as peer:
        peer.settimeout(1)
        began, closed = time.monotonic(), False
        with contextlib.suppress(ConnectionError):
            while not closed and time.monotonic() - began < 40:
                peer.sendall(b"G" if time.monotonic() - began < 1 else b"E")
                with contextlib.suppress(TimeoutError):
                    closed = peer.recv(100) == b""
        assert time.monotonic() - began < 35
