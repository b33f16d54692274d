"""The backends of the other tests: that they answer as promised, and leave nothing."""
import base64
import hashlib
import http.client
import os
import signal
import socket
import struct
import time

import pytest

import backends

EVERY = sorted(backends.KINDS)
PLACES = [(kind, where) for kind in EVERY for where in ({}, {"host": "::1"}, {"unix": True}) if kind in backends.KINDS_ON_UNIX_SOCKETS or "unix" not in where]


@pytest.fixture(scope="module")
def node():
    with backends.node("green", "b2") as one:
        yield one


def own(answer):
    return answer.headers["X-Color"], answer.headers["X-Version"], answer.headers["X-Id"]


def nothing_left(backend):
    with pytest.raises(OSError):
        backend.connection(timeout=1)
    return not backends.processes(backend.pid) and not os.path.exists(backend.folder)


@pytest.mark.parametrize("kind,where", PLACES)
def test_answers_and_leaves_nothing(kind, where):
    with backends.start(kind, "green", "b2", **where) as backend:
        answer = backend.get("/", headers={"X-Id": "abc-1"})
        assert (answer.status, answer.body, own(answer)) == (200, b"green b2\n", ("green", "b2", "abc-1"))
        answer = backend.get("/health")
        assert (answer.status, answer.body, own(answer)) == (200, b"ok\n", ("green", "b2", None))
        assert backend.get("/file.bin").body == backends.PATTERN * (backends.FILE_SIZE // len(backends.PATTERN))
        assert own(backend.get("/", "HEAD", headers={"X-Id": "7"})) == ("green", "b2", "7")
    assert nothing_left(backend)


@pytest.mark.parametrize("kind", EVERY)
def test_keeps_connections(kind):
    with backends.start(kind) as backend:
        connection = backend.connection()
        for number in range(5):
            connection.request("GET", "/", headers={"X-Id": str(number)})
            answer = connection.getresponse()
            assert own(answer) == ("blue", "1", str(number)) and answer.read() == b"blue 1\n"
        connection.close()


@pytest.mark.parametrize("kind", EVERY)
def test_killed_and_started_again_on_its_port(kind):
    with backends.start(kind) as first:
        first.kill()
        with pytest.raises((ConnectionRefusedError, ConnectionResetError)):  # reset: it was in the queue of who was killed
            first.get()
        with backends.start(kind, "green", "2", port=first.port) as second:
            assert second.get().body == b"green 2\n"
    assert nothing_left(first)


def test_hangs_and_goes_on():
    with backends.nginx() as backend:
        backend.signal(signal.SIGSTOP)
        with pytest.raises(TimeoutError):
            backend.get(timeout=0.2)
        backend.signal(signal.SIGCONT)
        assert backend.get().status == 200
        backend.signal(signal.SIGSTOP)
    assert nothing_left(backend)


@pytest.mark.parametrize("kind", EVERY)
def test_a_taken_port_is_said(kind):
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(backends.Fault, match=kind):
        backends.start(kind, port=taken.getsockname()[1])


# ---- what Node does besides ----


def test_node_health(node):
    assert node.get("/health?code=503", "PUT").status == 200
    assert node.get("/health").status == 503
    node.get("/health", "PUT")
    assert node.get("/health").status == 200


def test_node_status(node):
    answer = node.get("/fail?code=502", headers={"X-Id": "5"})
    assert (answer.status, own(answer)) == (502, ("green", "b2", "5"))


@pytest.mark.parametrize("query", ["n=300000", "n=300000&chunked=1", "n=0"])
def test_node_bytes(node, query):
    answer = node.get(f"/bytes?{query}")
    length = int(query.split("&")[0][2:])
    assert answer.body == (backends.PATTERN * 5)[:length]
    assert answer.headers["Content-Length"] == (None if "chunked" in query else str(length))


def test_node_slow_bytes(node):
    begun = time.monotonic()
    assert node.get("/bytes?n=100000&rate=400000").body == (backends.PATTERN * 2)[:100000]
    assert time.monotonic() - begun >= 0.2


@pytest.mark.parametrize("length", [0, 5, 3000000])
def test_node_upload(node, length):
    body = os.urandom(length)
    assert node.get("/upload", "POST", body).body.decode() == hashlib.sha256(body).hexdigest()
    assert node.get("/echo", "POST", body).body == body


def test_node_sleep_and_poll(node):
    begun = time.monotonic()
    assert node.get("/sleep?ms=100").body == b"slept\n"
    connection = node.connection()
    connection.request("GET", "/poll?ms=100")
    answer = connection.getresponse()
    assert answer.status == 200 and answer.read() == b"news from green b2\n"
    connection.close()
    assert time.monotonic() - begun >= 0.195


def test_node_closes_and_resets(node):
    with pytest.raises(http.client.RemoteDisconnected):
        node.get("/close")
    with pytest.raises(ConnectionResetError):
        node.get("/reset")
    assert node.get().status == 200


# ---- WebSocket ----


def frame(opcode, payload, final=True):
    mask = os.urandom(4)
    length = len(payload)
    size = bytes([0x80 | length]) if length < 126 else b"\xfe" + struct.pack("!H", length) if length < 65536 else b"\xff" + struct.pack("!Q", length)
    return bytes([(0x80 if final else 0) | opcode]) + size + mask + bytes(byte ^ mask[i & 3] for i, byte in enumerate(payload))


def read_frame(stream):
    first, size = stream.read(2)
    length = struct.unpack("!H", stream.read(2))[0] if size == 126 else struct.unpack("!Q", stream.read(8))[0] if size == 127 else size
    return first & 15, bool(first & 128), stream.read(length)


def upgrade(node, *lines):
    made = node.place.connect(10)
    head = ["GET /ws HTTP/1.1", "Host: localhost", "Connection: Upgrade", "X-Id: 9", *lines]
    made.sendall("\r\n".join([*head, "", ""]).encode())
    stream = made.makefile("rb")
    status = int(stream.readline().split()[1])
    headers = http.client.parse_headers(stream)
    return made, stream, status, headers


def test_node_websocket(node):
    key = base64.b64encode(os.urandom(16)).decode()
    made, stream, status, headers = upgrade(node, "Upgrade: websocket", "Sec-WebSocket-Version: 13", f"Sec-WebSocket-Key: {key}")
    with made, stream:
        accept = base64.b64encode(hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()).decode()
        assert (status, headers["Sec-WebSocket-Accept"], headers["X-Color"], headers["X-Version"], headers["X-Id"]) == (101, accept, "green", "b2", "9")
        for opcode, payload in ((1, b"hello"), (2, b""), (2, os.urandom(300)), (2, os.urandom(70000))):
            made.sendall(frame(opcode, payload))
            assert read_frame(stream) == (opcode, True, payload)
        both = frame(1, b"first", final=False) + frame(0, b"second")
        made.sendall(both[:7])
        made.sendall(both[7:])
        assert [read_frame(stream), read_frame(stream)] == [(1, False, b"first"), (0, True, b"second")]
        made.sendall(frame(9, b"ping"))
        assert read_frame(stream) == (10, True, b"ping")
        made.sendall(frame(8, b"\x03\xe8"))
        assert read_frame(stream) == (8, True, b"\x03\xe8")
        assert stream.read() == b""


def test_node_refuses_what_is_no_websocket(node):
    for lines in (["Upgrade: h2c"], ["Upgrade: websocket"]):
        made, stream, status, headers = upgrade(node, *lines)
        with made, stream:
            assert (status, headers["X-Color"]) == (400, "green")
    key = base64.b64encode(os.urandom(16)).decode()
    made, stream, status, _ = upgrade(node, "Upgrade: websocket", f"Sec-WebSocket-Key: {key}")
    with made, stream:
        made.sendall(b"\x81\x05hello")  # without a mask
        assert (status, read_frame(stream)) == (101, (8, True, b"\x03\xea"))
