"""Long bodies, which pass through pipes, with the real program: stopped and continued in the middle, without a descriptor for a pipe, repeated, and counted."""
import contextlib
import hashlib
import json
import os
import pathlib
import resource
import signal
import socket
import struct
import threading
import time

import pytest

import daemon as rig

PATIENCE_S = 30
PIECE = 1 << 20
PERIOD = PIECE + 7  # no two pieces of a body are alike
PATTERN = b"".join(hashlib.sha256(number.to_bytes(4, "big")).digest() for number in range(PERIOD // 32 + 1))[:PERIOD] * 2


def body_at(at, length):
    start = at % PERIOD
    return PATTERN[start:start + length]


def digest(length):
    found = hashlib.sha256()
    for at in range(0, length, PIECE):
        found.update(body_at(at, min(PIECE, length - at)))
    return found.hexdigest().encode()


class Backend:
    """GET /N is answered by N bytes, anything else by the digest of the request's body. The first `resets` such requests are reset behind their bodies."""

    def __init__(self, resets=0):
        self.resets, self.heard, self.lock = resets, 0, threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.address = f"127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=self.serve, args=(self.listener.accept()[0],), daemon=True).start()

    def serve(self, connection):
        with contextlib.suppress(OSError), connection, connection.makefile("rb") as stream:
            while line := stream.readline():
                method, target = line.split()[:2]
                fields = dict(field.lower().split(b": ", 1) for field in iter(stream.readline, b"\r\n"))
                if target == b"/health":
                    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
                elif method == b"GET":
                    self.answer(connection, int(target[1:]))
                elif not self.take(connection, stream, int(fields[b"content-length"])):
                    return

    def answer(self, connection, length):
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % length)
        for at in range(0, length, PIECE):
            connection.sendall(body_at(at, min(PIECE, length - at)))

    def take(self, connection, stream, left):
        with self.lock:
            self.heard += 1
            resets = self.heard <= self.resets
        found = hashlib.sha256()
        while left > 0:
            piece = stream.read(min(left, PIECE))
            if not piece:
                return False
            found.update(piece)
            left -= len(piece)
        if resets:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return False
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 64\r\n\r\n" + found.hexdigest().encode())
        return True

    def stop(self):
        self.listener.close()


@pytest.fixture
def backend():
    with contextlib.ExitStack() as started:

        def start(**more):
            one = Backend(**more)
            started.callback(one.stop)
            return one

        yield start


class Client:
    def __init__(self, port):
        self.connection = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)
        self.stream = self.connection.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stream.close()
        self.connection.close()

    def head(self):
        status = int(self.stream.readline().split()[1])
        fields = dict(field.lower().split(b": ", 1) for field in iter(self.stream.readline, b"\r\n"))
        return status, int(fields[b"content-length"])

    def get(self, length):
        """All of it, in its order: a wrong byte, an end or a silence is a fault."""
        self.connection.sendall(b"GET /%d HTTP/1.1\r\nHost: shop\r\n\r\n" % length)
        assert self.head() == (200, length)
        at = 0
        while at < length:
            piece = self.stream.read1(min(PIECE, length - at))
            assert piece, f"an end at {at} of {length}"
            assert piece == body_at(at, len(piece)), f"wrong bytes behind {at}"
            at += len(piece)

    def put(self, length, method=b"PUT"):
        """Its status and what the answer holds."""
        self.connection.sendall(b"%b / HTTP/1.1\r\nHost: shop\r\nContent-Length: %d\r\n\r\n" % (method, length))
        with contextlib.suppress(ConnectionError):  # an answer may come before the end
            for at in range(0, length, PIECE):
                self.connection.sendall(body_at(at, min(PIECE, length - at)))
        status, more = self.head()
        return status, self.stream.read(more)


def serve(teal, backend, more=None, **settings):
    one = {"probe": {"path": "/health", "interval": "1m", "timeout": "30s"}, **(more or {})}
    return teal(rig.colors([backend], [backend], **one), workers=1, timeouts={"response": "60s"}, **settings)


@contextlib.contextmanager
def stopped_again_and_again(process):
    """As a debugger or a freezer does it: a system call that moves bytes may end early, with room left in the socket."""
    done = threading.Event()

    def stop_and_continue():
        while not done.is_set():
            process.send_signal(signal.SIGSTOP)
            time.sleep(0.001)
            process.send_signal(signal.SIGCONT)
            time.sleep(0.003)

    thread = threading.Thread(target=stop_and_continue)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
        process.send_signal(signal.SIGCONT)


def test_stopped_and_continued(backend, teal):
    daemon = serve(teal, backend())
    with Client(daemon.port) as client, stopped_again_and_again(daemon.process):
        client.get(1 << 30)
        assert client.put(256 << 20) == (200, digest(256 << 20))


def pipes_of(pid):
    found = 0
    for path in pathlib.Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            found += os.readlink(path).startswith("pipe:")
    return found


def test_no_descriptor_for_a_pipe(backend, teal):
    daemon = serve(teal, backend())
    pid = daemon.process.pid
    with Client(daemon.port) as client:
        client.get(1)
        assert client.put(1) == (200, digest(1))
        before = pipes_of(pid)
        soft, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (1, hard))
        client.get(5_000_001)
        assert client.put(5_000_001) == (200, digest(5_000_001))
        assert pipes_of(pid) == before
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (soft, hard))

        def gets_one():  # it is asked for again a while later
            client.get(5_000_001)
            return pipes_of(pid) == before + 2

        rig.wait_until("a pipe", gets_one)
        assert client.put(5_000_001) == (200, digest(5_000_001))
        assert pipes_of(pid) == before + 2  # the same one


def test_what_is_repeated(backend, teal):
    """A PUT that may be repeated is, as long as it is held; a longer one and a POST are not."""
    for method, length, answer in ((b"PUT", 60_000, 200), (b"PUT", 3_000_000, 502), (b"POST", 60_000, 502)):
        one = backend(resets=1)
        daemon = serve(teal, one, {"replay": {"methods": ["PUT"]}})
        with Client(daemon.port) as client:
            status, said = client.put(length, method)
        assert (status, one.heard) == (answer, 2 if answer == 200 else 1)
        assert answer != 200 or said == digest(length)
        daemon.end()


def test_counted(backend, teal, tmp_path):
    log = tmp_path / "access.log"
    daemon = serve(teal, backend(), access_log={"path": str(log)})
    lengths = [65_535, 65_536, 65_537, 3_000_001]
    with Client(daemon.port) as client:
        for length in lengths:
            client.get(length)
            assert client.put(length) == (200, digest(length))
    daemon.end()
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert [line["bytes_out"] for line in lines] == [count for length in lengths for count in (length, 64)]
    assert [line["bytes_in"] for line in lines] == [count for length in lengths for count in (0, length)]


def test_urgent_bytes_stop_nothing(backend, teal):
    """A byte out of band is no part of a body, and what comes behind it is."""
    daemon = serve(teal, backend())
    length = 400_000
    body = b"x" * length
    with socket.create_connection(("127.0.0.1", daemon.port), 20) as client:
        client.sendall(b"POST /put HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % length + body[:50_000])
        time.sleep(0.2)  # so that the byte stands alone
        client.send(b"!", socket.MSG_OOB)
        client.sendall(body[50_000:])
        assert client.recv(100).startswith(b"HTTP/1.1 200 ")
