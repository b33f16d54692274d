"""What the world does to a daemon: full disks, hung and broken backends, clients that are no clients. Faults of the command line are in test_cli.py."""
import os
import re
import socket
import subprocess
import time

import pytest

import daemon as rig


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 512 KiB, and a way to fill it."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(disk)], capture_output=True).returncode != 0:
        pytest.skip("this machine lets nobody mount a small disk")
    try:
        yield disk
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def fill(disk):
    ballast = os.open(disk / "ballast", os.O_CREAT | os.O_WRONLY)
    try:
        while True:
            os.write(ballast, b"x" * 4096)
    except OSError:
        os.close(ballast)


def test_full_disk(small_disk, small, teal, strict):
    """A switch is refused, a forced one and a rollback are not; nothing of it costs a request; with room again it is written down."""
    one = teal(rig.colors([small("blue")], [small("green", "2")], bake="100ms"), state=str(small_disk / "state"))
    client = strict(one.port, "--seconds", 600, "--rate", 500)
    fill(small_disk)
    refused = one.run("switch")
    assert refused.code == 3 and "No space left on device" in refused.out + refused.err, refused
    assert one.service()["live"] == "blue"
    held = one.must("hold", "--max", "1s")
    assert "the hold could not be written to the state directory" in held.err, held
    one.must("resume")
    forced = one.run("switch", "--force")
    assert forced.code == 0 and "not durable" in forced.out + forced.err, forced
    assert one.service()["live"] == "green" and one.status()["journal"]["durable"] is False
    shown = one.must("status").out
    assert re.search(r"the newest state is not on disk yet: .*No space left on device.*; the daemon tries again\n", shown) and "the history can't" not in shown, shown
    back = one.run("rollback")
    assert back.code == 0 and one.service()["live"] == "blue", back
    os.unlink(small_disk / "ballast")
    rig.wait_until("the truth to be durable again", lambda: one.status()["journal"]["durable"])
    one.must("switch", "--force")  # past the quarantine
    rig.wait_until("the history to be written again", lambda: one.status()["journal"] == {"durable": True, "fault": None})
    assert rig.faults_of(client.finish()) == {}
    one.kill()
    one.start()
    assert one.service()["live"] == "green" and one.newest()["outcome"] == "promoted"
    one.end()  # before its disk goes


def test_backend_that_never_answers(small, teal, tmp_path):
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(16)
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        services = {"shop": {"blue": {"version": "1", "backends": [address]}, "green": {"backends": []}}}
        one = teal(services, timeouts={"response": "300ms"})
        status, fields, body = one.get(headers={"Accept": "application/json"})
        assert status == 504 and fields["proxy-status"].startswith("teal; error="), (status, fields, body)


def test_no_backend_at_all(small, teal):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{closed.getsockname()[1]}"
    one = teal({"shop": {"blue": {"version": "1", "backends": [address]}, "green": {"backends": []}}}, healthy=False)
    status, fields, _ = one.get()
    assert status in (502, 503) and fields["proxy-status"].startswith("teal; error="), (status, fields)
    refused = one.run("switch", "--wait", "0s")
    assert refused.code == 3 and "green" in refused.out + refused.err, refused


GARBAGE = [
    b"\r\n\r\n\r\n\r\n\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", b"GET / HTTP/9.9\r\nHost: a\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5, 6\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"y" * 200000 + b"\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost : a\r\n\r\n", b"GET / HTTP/1.1\nHost: a\n\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(256)),
]


@pytest.mark.parametrize("bytes_sent", GARBAGE, ids=range(len(GARBAGE)))
def test_no_http(shop, bytes_sent):
    """An answer of the 4xx or 5xx kind and the end of the connection; the next client is served."""
    with socket.create_connection(("127.0.0.1", shop.port), 15) as client:
        try:
            client.sendall(bytes_sent)
            got = b""
            while piece := client.recv(65536):
                got += piece
        except ConnectionError:
            got = got or b"HTTP/1.1 400 (reset while we were still sending)"
    assert got[:10] in (b"HTTP/1.1 4", b"HTTP/1.1 5"), got[:200]
    assert shop.get()[0] == 200


def test_clients_that_only_connect(shop):
    idle = [socket.create_connection(("127.0.0.1", shop.port)) for _ in range(300)]
    began = time.monotonic()
    assert shop.get()[0] == 200 and time.monotonic() - began < 2
    for one in idle:
        one.close()
    rig.wait_until("the connections to be gone", lambda: shop.status()["connections"]["open"] == 0)
