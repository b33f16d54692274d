"""The strict client itself: what it must see, it sees. Each server here breaks one promise."""
import socket
import threading
import time

import pytest

import daemon as rig


def read_head(connection):
    got = b""
    while b"\r\n\r\n" not in got:
        piece = connection.recv(4096)
        if not piece:
            return None
        got += piece
    return next(line.split(b": ")[1] for line in got.split(b"\r\n") if line.lower().startswith(b"x-id: "))


def answer(id, color=b"blue", body=b"hello", status=b"200 OK", more=b""):
    head = b"HTTP/1.1 " + status + b"\r\nX-Id: " + id + b"\r\nX-Color: " + color + b"\r\nX-Version: 1\r\nContent-Length: " + str(len(body)).encode() + b"\r\n"
    return head + more + b"\r\n" + body


# By the name of the count that must rise: what is sent for the fifth request of a connection, given the ids so far; None closes.
BREAKS = {
    "mixed_up": lambda ids: answer(b"%016x" % (int(ids[-1], 16) + 100000)),
    "repeated": lambda ids: answer(ids[-2]),
    "anonymous": lambda ids: answer(ids[-1]).replace(b"X-Id", b"X-It"),
    "wrong_body": lambda ids: answer(ids[-1], more=b"X-Answer-Hash: 0123456789abcdef\r\n"),
    "truncated": lambda ids: answer(ids[-1])[:-2],
    "malformed": lambda ids: b"SMTP/1.0 what\r\n\r\n",
    "unsolicited": lambda ids: answer(ids[-1]) + b"HTTP/1.1 200 OK\r\n\r\n",
    "closed": lambda ids: b"",
    "non_2xx": lambda ids: answer(ids[-1], status=b"502 Bad Gateway"),
    "timed_out": lambda ids: time.sleep(0.5) or b"",
}


@pytest.fixture
def broken_server():
    """Serves one promise-breaker on a port of its own."""
    listener = socket.create_server(("127.0.0.1", 0))
    threads = []

    def serve(connection, breaks):
        ids = []
        with connection:
            while (id := read_head(connection)) is not None:
                ids.append(id)
                connection.sendall(breaks(ids) if len(ids) == 5 else answer(id))
                if len(ids) == 5:
                    return

    def accept(breaks):
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threads.append(threading.Thread(target=serve, args=(connection, breaks)))
            threads[-1].start()

    def start(breaks):
        threads.append(threading.Thread(target=accept, args=(breaks,)))
        threads[0].start()
        return listener.getsockname()[1]

    yield start
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    for thread in threads:
        thread.join()


@pytest.mark.parametrize("fault", BREAKS)
def test_sees(broken_server, strict, fault):
    client = strict(broken_server(BREAKS[fault]), "--connections", 1, "--requests", 5, "--timeout", "0.2", "--rate", 500)
    client.process.wait(30)
    summary = client.finish()
    assert summary[fault] == 1, summary
    assert client.process.returncode == 1


def test_sees_nothing_where_nothing_is(small, strict):
    client = strict(int(small("blue", "1", "--vary").address.rsplit(":", 1)[1]), "--requests", 500, "--methods", "get,head,post", "--pipeline")
    client.process.wait(30)
    assert rig.faults_of(client.finish()) == {} and client.process.returncode == 0


def test_sees_the_wrong_color(small, strict):
    client = strict(int(small("blue").address.rsplit(":", 1)[1]), "--seconds", 60, "--rate", 1000)
    client.expect_color("green", time.monotonic_ns() // 1000)
    time.sleep(1)
    client.any_color()
    summary = client.finish()
    assert summary["wrong_color"] == summary["color_checked"] > 10


def test_looks_back_at_what_was_sent_after_the_mark(small, strict):
    """A mark names an instant; answers between it and its arrival count too."""
    client = strict(int(small("blue").address.rsplit(":", 1)[1]), "--seconds", 60, "--rate", 1000)
    since_us = time.monotonic_ns() // 1000
    time.sleep(1)
    client.expect_color("green", since_us)
    client.any_color()
    assert client.finish()["wrong_color"] > 50
