"""Peers over TLS that mean no good, against the real program: handshakes that hang by the thousand, garbage in many forms, and what others notice of it."""
import contextlib
import random
import select
import socket
import ssl
import time

import pytest

import daemon as rig
import proof
import tlsing

BEGUN = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"   # the first bytes of a ClientHello of 512
ANNOUNCED = b"\x16\x03\x01\x40\x00\x01\x02\x00\x00\x03\x03"  # of one that says that it has 131,072
DRIPPING = b"\x16\x03\x01\x00\x01\x01\x16\x03\x01\x00\x01\x02\x16\x03\x01\x00\x01\x00\x16\x03\x01\x00\x01\x00"  # the same, a record for each byte


@pytest.fixture
def place(tmp_path):
    authority = tlsing.Authority(tmp_path)
    authority.site = authority.issue("site")
    return authority


@pytest.fixture
def shop(small, teal, place):
    def start(**settings):
        one = teal(rig.colors([small("blue")], [small("green", "2")]), listen=[tlsing.listener(place.site)], **settings)
        one.context = tlsing.context(place)
        return one

    return start


def expect_service(one):
    assert tlsing.ask(one.port, one.context)[0] == 200


# ---- handshakes that hang ----


class Crowd:
    """Connections that begin a handshake and leave it at that."""

    def __init__(self, port, count, text):
        self.sockets = []
        for number in range(count):
            one = socket.create_connection(("127.0.0.1", port), 30)
            one.setblocking(False)
            with contextlib.suppress(OSError):
                one.send(text[: number % len(text)] if number % 8 == 0 else text)
            self.sockets.append(one)

    def await_ends(self, seconds):
        """Until the other side has ended each."""
        watch, ends = select.poll(), time.monotonic() + seconds
        open_ones = {one.fileno(): one for one in self.sockets}
        for number in open_ones:
            watch.register(number, select.POLLIN | select.POLLHUP)
        while open_ones and time.monotonic() < ends:
            for number, _ in watch.poll(100):
                with contextlib.suppress(BlockingIOError):
                    try:
                        over = open_ones[number].recv(4096) == b""
                    except ConnectionError:
                        over = True
                    if over:
                        watch.unregister(number)
                        del open_ones[number]
        return len(open_ones)

    def leave(self):
        for one in self.sockets:
            one.close()


@pytest.mark.parametrize("text", [BEGUN, ANNOUNCED, DRIPPING], ids=["begun", "announced", "dripping"])
def test_handshakes_that_hang(shop, text):
    """They are ended in the time for heads, and nobody else waits for them."""
    one = shop(timeouts={"header": "3s"})
    crowd = Crowd(one.port, 200, text)
    try:
        for _ in range(10):
            expect_service(one)
        assert crowd.await_ends(60) == 0
    finally:
        crowd.leave()
    rig.wait_until("their end", lambda: one.status()["connections"]["open"] == 0)
    expect_service(one)


def test_limit_of_connections(shop):
    """Handshakes that hang count as connections; who comes behind them waits for their time to be over, and no longer."""
    one = shop(limits={"connections": 40}, timeouts={"header": "2s"})
    crowd = Crowd(one.port, 60, BEGUN)
    try:
        rig.wait_until("the limit", lambda: one.status()["connections"]["open"] >= 40)
        expect_service(one)
        assert crowd.await_ends(60) == 0
    finally:
        crowd.leave()


def test_a_drain_does_not_wait_for_handshakes(shop):
    one = shop(timeouts={"header": "10m"})
    crowd = Crowd(one.port, 50, BEGUN)
    try:
        rig.wait_until("all of them", lambda: one.status()["connections"]["open"] >= 49)
        one.end()
    finally:
        crowd.leave()


@pytest.mark.long
@pytest.mark.parametrize("text", [BEGUN, ANNOUNCED, DRIPPING], ids=["begun", "announced", "dripping"])
def test_memory_of_handshakes_that_hang(shop, text):
    """2,000 at a time, again and again: a bounded piece of memory each, which is given back or used again. How the allocator cuts it settles after some times.

    The library takes a ClientHello of up to 128 KiB, and makes room for one as soon as its length is there: that, a third more for its growth, and what a connection has anyway."""
    if proof.raise_file_limit() < 5000:
        pytest.skip("no descriptors")
    one = shop(timeouts={"header": "5s"})
    expect_service(one)
    before, most, after = proof.rss_kib(one.process.pid), [], []
    while len(after) < 2 or (after[-1] - after[-2] >= 4096 and len(after) < 10):
        crowd = Crowd(one.port, 2000, text)
        try:
            rig.wait_until("all of them", lambda: one.status()["connections"]["open"] >= 1990)
            most.append(proof.rss_kib(one.process.pid))
            expect_service(one)
            assert crowd.await_ends(60) == 0
            most[-1] = max(most[-1], proof.rss_kib(one.process.pid))
        finally:
            crowd.leave()
        rig.wait_until("their end", lambda: one.status()["connections"]["open"] == 0)
        after.append(proof.rss_kib(one.process.pid))
    each = (max(most) - before) / 2000
    print(f"{each:.1f} KiB each; {before} KiB before, {most} with them, {after} after")
    assert each < 256, (before, most, after)
    assert after[-1] - after[-2] < 4096, (before, most, after)


# ---- garbage ----


def records(seed):
    """Some bytes that look more or less like TLS."""
    dice = random.Random(seed)
    made = b""
    for _ in range(dice.randrange(1, 12)):
        kind, version, body = dice.choice((20, 21, 22, 23, 24, dice.randrange(256))), dice.choice((b"\x03\x01", b"\x03\x03", dice.randbytes(2))), dice.randbytes(dice.choice((0, 1, 4, 40, 512)))
        if kind == 22 and dice.random() < 0.7:
            body = bytes([dice.choice((0, 1, 2, 11, 14, 16, 20, 24))]) + len(body).to_bytes(3, "big") + body
        length = len(body) if dice.random() < 0.8 else dice.randrange(65536)
        made += bytes([kind]) + version + length.to_bytes(2, "big") + body
    return made


def client_hello(context):
    """A real one."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    with contextlib.suppress(ssl.SSLWantReadError):
        context.wrap_bio(incoming, outgoing, server_hostname=tlsing.NAME).do_handshake()
    return outgoing.read()


def garbled(context, seed):
    """A real one, with some bytes changed, left out or doubled."""
    dice, hello = random.Random(seed), bytearray(client_hello(context))
    for _ in range(dice.randrange(1, 6)):
        at = dice.randrange(len(hello))
        deed = dice.randrange(3)
        if deed == 0:
            hello[at] = dice.randrange(256)
        elif deed == 1:
            del hello[at : at + dice.randrange(1, 40)]
        else:
            hello[at:at] = hello[at : at + dice.randrange(1, 40)]
        if not hello:
            break
    return bytes(hello)


def throw(port, text, how):
    """All of it, then an end; what came back does not matter."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 20) as one:
        one.sendall(text)
        if how == "reset":
            one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        elif how == "half":
            one.shutdown(socket.SHUT_WR)
            while one.recv(4096):
                pass


def test_garbage(shop):
    """Thousands of connections, none of which is TLS: no crash, no leak (where the build tells), nothing that stays."""
    one = shop(timeouts={"header": "2s"})
    seed = random.randrange(1 << 32)
    print("seed", seed)
    for number in range(1500):
        dice = random.Random(seed + number)
        text = (records, lambda seed: garbled(one.context, seed), lambda seed: random.Random(seed).randbytes(600))[number % 3](seed + number)
        throw(one.port, text, dice.choice(("close", "reset", "half")))
        if number % 300 == 0:
            expect_service(one)
    rig.wait_until("their end", lambda: one.status()["connections"]["open"] == 0, 30)
    expect_service(one)


def test_clear_and_tls_at_the_wrong_ports(small, teal, place):
    one = teal(rig.colors([small("blue")], [small("green", "2")]), listen=[tlsing.listener(place.site), {"address": "127.0.0.1:0"}])
    secure, clear = tlsing.ports(one)
    with socket.create_connection(("127.0.0.1", secure), 20) as wrong:
        wrong.sendall(b"GET / HTTP/1.1\r\nHost: shop.example\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            assert b" 200 " not in wrong.recv(4096)
    with pytest.raises((ssl.SSLError, ConnectionError)):
        tlsing.ask(clear, tlsing.context(place))
    assert tlsing.ask(secure, tlsing.context(place))[0] == 200


# ---- beside them, others ----


def test_normal_clients_beside_garbage(shop, place, strict):
    """Whatever comes to the port, those who shake hands properly notice nothing."""
    one = shop(timeouts={"header": "1s"})
    clients = [strict(one.port, "--tls", place.file, "--host", tlsing.NAME, "--connections", 4, "--seconds", 600, "--rate", 100, "--methods", "get,post,head", "--timeout", 30, *more)
               for more in ((), ("--fresh",), ("--fresh", "--resume"))]
    crowd = Crowd(one.port, 100, BEGUN)
    try:
        for number in range(300):
            throw(one.port, garbled(one.context, number) if number % 2 else records(number), ("close", "reset", "half")[number % 3])
    finally:
        crowd.leave()
    for client in clients:
        summary = client.finish()
        assert rig.faults_of(summary) == {}
        assert summary["ok"] > 0
