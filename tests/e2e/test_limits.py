"""Limits as an operator sees them: what a client that meets one gets, and where its hits are told."""
import os
import resource
import socket
import time

import daemon as rig

LINE = "GET / HTTP/1.1\r\nHost: shop\r\n"


def talk(port, text, half_close=False):
    """All that comes back until the end of the connection."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(text.encode())
        if half_close:
            connection.shutdown(socket.SHUT_WR)
        got = b""
        while piece := connection.recv(65536):
            got += piece
    return got.decode("latin-1")


def status_of(answer):
    return int(answer.split(" ", 2)[1])


def test_hits_are_told(small, teal):
    daemon = teal(rig.colors([small("blue")], [small("green")]), limits={"header_bytes": "2KiB", "headers": 8, "body": 100, "rate": 1000},
                  timeouts={"header": "300ms", "idle": "300ms", "stall": "500ms", "response": "400ms", "total": "2s"})
    assert "limits hit" not in daemon.must("status").out
    answers = {
        "limits.header_bytes": talk(daemon.port, LINE + "A: " + "x" * 4000),
        "limits.headers": talk(daemon.port, LINE + "A: b\r\n" * 8 + "\r\n"),
        "limits.body": talk(daemon.port, "POST / HTTP/1.1\r\nHost: shop\r\nContent-Length: 101\r\n\r\n"),
        "timeouts.header": talk(daemon.port, LINE),
        "timeouts.idle": talk(daemon.port, LINE + "\r\n"),
        "timeouts.stall": talk(daemon.port, "POST /echo HTTP/1.1\r\nHost: shop\r\nContent-Length: 50\r\n\r\n"),
    }
    expected = {"limits.header_bytes": 431, "limits.headers": 431, "limits.body": 413, "timeouts.header": 408, "timeouts.idle": 200, "timeouts.stall": 408}
    assert {limit: status_of(answer) for limit, answer in answers.items()} == expected
    hits = daemon.status()["limit_hits"]
    assert {limit: hits[limit] > 0 for limit in expected} == dict.fromkeys(expected, True), hits
    assert hits["timeouts.total"] == hits["limits.rate"] == hits["descriptors"] == 0
    shown = next(line for line in daemon.must("status").out.splitlines() if line.startswith("limits hit: "))
    assert all(f"{limit} {hits[limit]}" in shown for limit in expected) and "timeouts.total" not in shown
    metrics = daemon.api("GET", "/metrics")[1].decode()
    assert all(f'teal_limit_hits_total{{limit="{limit}"}} {hits[limit]}\n' in metrics for limit in hits)


def test_connections_of_one_client(small, teal):
    daemon = teal(rig.colors([small("blue")], [small("green")]), limits={"connections_per_client": 3})
    held = [socket.create_connection(("127.0.0.1", daemon.port)) for _ in range(3)]
    rig.wait_until("three connections", lambda: daemon.status()["connections"]["open"] == 3)
    assert status_of(talk(daemon.port, "")) == 503
    assert daemon.status()["limit_hits"]["limits.connections_per_client"] == 1
    held.pop().close()
    rig.wait_until("two connections", lambda: daemon.status()["connections"]["open"] == 2)
    assert status_of(talk(daemon.port, LINE + "Connection: close\r\n\r\n")) == 200
    for connection in held:
        connection.close()


def test_a_reload_changes_limits(small, teal):
    daemon = teal(rig.colors([small("blue")], [small("green")]))
    assert status_of(talk(daemon.port, LINE + "Connection: close\r\n" + "A: b\r\n" * 20 + "\r\n")) == 200
    daemon.conf["limits"] = {"headers": 10}
    daemon.write_file()
    daemon.must("reload")
    assert status_of(talk(daemon.port, LINE + "Connection: close\r\n" + "A: b\r\n" * 20 + "\r\n")) == 431


def processor_seconds(pid):
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def serve(connections):
    for connection in connections:
        connection.settimeout(20)
        connection.sendall((LINE + "\r\n").encode())
        assert b" 200 " in connection.recv(65536)


def check_crowd(daemon, limit):
    """More clients than there is room for wait in the queue, cost no processor time, and are served when others go; those who are in go on."""
    first = [socket.create_connection(("127.0.0.1", daemon.port)) for _ in range(10)]
    serve(first)
    others = [socket.create_connection(("127.0.0.1", daemon.port)) for _ in range(60)]
    rig.wait_until("a pause", lambda: daemon.status()["limit_hits"][limit] > 0)
    serve(first)
    before = processor_seconds(daemon.process.pid)
    time.sleep(1)
    assert processor_seconds(daemon.process.pid) - before < 0.5
    serve(first)
    for connection in first + others[:40]:
        connection.close()
    serve(others[40:])
    for connection in others[40:]:
        connection.close()


def test_connections_run_out(small, teal):
    check_crowd(teal(rig.colors([small("blue")], [small("green")]), limits={"connections": 40}, workers=1), "limits.connections")


def test_descriptors_run_out(small, teal):
    daemon = teal(rig.colors([small("blue")], [small("green")]), workers=1)
    used = len(os.listdir(f"/proc/{daemon.process.pid}/fd"))
    _, hard = resource.prlimit(daemon.process.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(daemon.process.pid, resource.RLIMIT_NOFILE, (used + 50, hard))
    check_crowd(daemon, "descriptors")
