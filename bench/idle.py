#!/usr/bin/python3
"""What an idle keep-alive connection costs: resident memory of teal, HAProxy and nginx, each with the same number of client connections that carried one request.

usage: script/idle [--tls] [CONNECTIONS]     (default 10,000)

The figure is the growth of the resident memory (Rss of /proc/PID/smaps_rollup, all processes of the proxy) from a proxy that has served some requests and has no
connection, divided by the connections. What a proxy takes at its start for connections to come is not in it: nginx does that, so the whole is printed too. What the
kernel keeps for a socket is in none of them.
"""
import argparse
import json
import os
import resource
import socket
import ssl
import sys
import tempfile
import time

import peers
import tls

BATCH = 64  # connections with a request under way at a time
GOAL_BYTES, TLS_GOAL_BYTES = 1024, 16 << 10
SPARE = 500  # descriptors that a proxy needs besides two for each client connection
REQUEST = b"GET /64B HTTP/1.1\r\nHost: bench.example\r\nUser-Agent: idle\r\nAccept: */*\r\n\r\n"


def raise_file_limit(count):
    """The number of connections that fit, at most `count`."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if (hard - SPARE) // 2 < count:
        print(f"idle: {(hard - SPARE) // 2:,} connections instead of {count:,}: a process may have {hard:,} descriptors here (ulimit -Hn)", file=sys.stderr)
    return min(count, (hard - SPARE) // 2)


def read_answer(connection):
    got = b""
    while not (b"\r\n\r\n" in got and got.endswith(b"x" * 64)):
        piece = connection.recv(65536)
        if not piece:
            raise SystemExit(f"idle: a connection was closed behind {got!r}")
        got += piece
    if not got.startswith(b"HTTP/1.1 200"):
        raise SystemExit(f"idle: an answer is {got[:100]!r}")


def tls_client():
    """TLS 1.3; whoever signed the certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    return context


def connect(port, secure):
    connection = socket.create_connection(("127.0.0.1", port), 10)
    return secure.wrap_socket(connection, server_hostname=tls.NAME) if secure else connection


def open_idle(port, count, secure):
    """So many connections, each of which carried one request; over TLS where there is a context for that."""
    connections = []
    while len(connections) < count:
        batch = [connect(port, secure) for _ in range(min(BATCH, count - len(connections)))]
        for connection in batch:
            connection.sendall(REQUEST)
        for connection in batch:
            read_answer(connection)
        connections += batch
    return connections


def check_open(connections):
    """None of them was closed meanwhile."""
    for connection in connections:
        connection.setblocking(False)
        try:
            raise SystemExit(f"idle: a connection did not stay idle: {connection.recv(100)!r}")
        except (BlockingIOError, ssl.SSLWantReadError):
            pass


def measure(program, count, settle_s, over_tls=False):
    secure = tls_client() if over_tls else None
    for connection in open_idle(program.port, BATCH, secure):
        connection.close()
    time.sleep(settle_s)
    before = program.rss_bytes()
    connections = open_idle(program.port, count, secure)
    time.sleep(settle_s)
    during = program.rss_bytes()
    check_open(connections)
    for connection in connections:
        connection.close()
    time.sleep(settle_s)
    return {"connections": count, "rss_before": before, "rss": during, "rss_after": program.rss_bytes(), "bytes_per_connection": round((during - before) / count)}


def print_table(rows):
    print(f"{'proxy':10} {'bytes/connection':>16} {'KiB before':>11} {'KiB with all':>13} {'KiB after':>10}")
    for name, row in rows.items():
        print(f"{name:10} {row['bytes_per_connection']:16} {row['rss_before'] // 1024:11} {row['rss'] // 1024:13} {row['rss_after'] // 1024:10}")


def parse_arguments():
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("connections", nargs="?", type=int, default=10000)
    parser.add_argument("--tls", action="store_true", help="connections over TLS 1.3")
    parser.add_argument("--proxies", type=peers.list_of(peers.STARTERS), default=["haproxy", "nginx", "teal"])
    parser.add_argument("--settle", type=float, default=1.0, help="seconds before each look at the memory")
    parser.add_argument("--json", help="where the figures are written to, besides the printed table")
    parser.add_argument("--build", default=os.environ.get("TEAL_BUILD", os.path.join(root, "build/release")), help="where teal is")
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    count, rows = raise_file_limit(arguments.connections), {}
    with tempfile.TemporaryDirectory(prefix="teal-idle-") as folder:
        origin = peers.start_origin(folder)
        try:
            for name in arguments.proxies:
                program = peers.STARTERS[name](folder, arguments.build, origin.port, peers.Setup(connections=count, tls="ecdsa" if arguments.tls else ""))
                try:
                    rows[name] = measure(program, count, arguments.settle, arguments.tls)
                finally:
                    program.stop()
        finally:
            origin.stop()
    if arguments.json:
        with open(arguments.json, "w") as file:
            json.dump(rows, file, indent=1)
    print_table(rows)
    sys.exit(1 if rows.get("teal", {}).get("bytes_per_connection", 0) > (TLS_GOAL_BYTES if arguments.tls else GOAL_BYTES) else 0)


if __name__ == "__main__":
    main()
