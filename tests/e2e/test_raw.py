"""HTTP/1.1 to the letter: raw bytes from a client, raw bytes from a backend, and what each must get (rawcases_*.py; the table is docs/http.md).

Every case runs with its messages whole, and again with those of either side sent byte by byte and cut in two at several places; some are cut behind every byte.
"""
import socket
import time

import pytest

import daemon
import rawall
import rawcase
import rawcheck
import rawpeer
import rawtable

CUTS = (0.03, 0.2, 0.45, 0.7, 0.97)
LONG = 2000  # what is longer is not sent byte by byte
EVERY_BYTE = ("chunks-then-get", "trailers", "extension-quoted", "trailer-forbidden-second", "expect-and-pipelined", "named-list", "hops-zero-trace", "both-lengths", "fold-space",
              "pipeline-posts", "pipeline-bad-third", "pipeline-mixed-lengths", "upgrade-in-list", "upgrade-bytes-with-the-request", "interim-several", "interim-with-coding",
              "answer-trailers", "answer-chunked-extensions-to-1.0", "answer-until-close", "answer-fold", "cut-last-chunk-line", "surplus-behind-chunks")


@pytest.fixture(scope="module")
def raw():
    """(port, backend): a daemon in front of a scripted backend."""
    backend = rawpeer.Backend()
    one = rawcheck.teal_before(backend)
    try:
        yield one.start().port, backend
        one.end()
    finally:
        one.clean()
        backend.stop()


def pieces(sent):
    length = sum(len(step) for step in sent if isinstance(step, bytes))
    return [rawpeer.at(share) for share in CUTS] + ([rawpeer.by_byte] if length < LONG else [])


@pytest.mark.parametrize("name", rawall.CASES)
def test_whole(raw, name):
    rawcheck.run(rawall.CASES[name], *raw)


@pytest.mark.parametrize("name", rawall.CASES)
def test_request_in_pieces(raw, name):
    case = rawall.CASES[name]
    for cut in pieces(case.send):
        rawcheck.run(case, *raw, cut_request=cut)


@pytest.mark.parametrize("name", [name for name, case in rawall.CASES.items() if case.scripts != [[b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"]]])
def test_answer_in_pieces(raw, name):
    case = rawall.CASES[name]
    for cut in pieces(step for script in case.scripts for step in script):
        rawcheck.run(case, *raw, cut_answer=cut)


def longest(sent):
    return max((len(step) for step in sent if isinstance(step, bytes)), default=0)


@pytest.mark.parametrize("name", EVERY_BYTE)
def test_cut_behind_every_byte(raw, name):
    case = rawall.CASES[name]
    for count in range(1, longest(case.send)):
        rawcheck.run(case, *raw, cut_request=rawpeer.behind(count))
    for count in range(1, longest(step for script in case.scripts for step in script)):
        rawcheck.run(case, *raw, cut_answer=rawpeer.behind(count))


def test_a_cut_takes_nothing_of_the_answer_before(raw):
    """The client has not read the first of two answers yet when the second one, which its connection delimits, is cut by the backend."""
    port, backend = raw
    begun = (rawcase.head("HTTP/1.1 200 OK") + "hello").encode()
    backend.begin([[rawcase.ok(body=100_000 * "a").encode()], [begun, rawpeer.PAUSE, rawpeer.RESET]], rawpeer.whole)
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        client.settimeout(30)
        client.connect(("127.0.0.1", port))
        client.sendall(2 * rawcase.GET.encode())
        daemon.wait_until("the second request", lambda: len(backend.requests) == 2)
        assert backend.settle()
        time.sleep(0.3)  # nothing tells when the proxy has heard of the reset
        found = b"".join(iter(lambda: client.recv(65536), b""))
    assert found.count(b"a" * 100_000) == 1 and found.endswith(b"5\r\nhello\r\n")


def test_table():
    """docs/http.md is what the cases say; the peers' columns are those of script/http-table's last run."""
    text = rawtable.PLACE.read_text()
    assert text == rawtable.render(rawtable.read_seen(text)), "not up to date; script/http-table mends it"


def test_table_says_why():
    seen = rawtable.read_seen(rawtable.PLACE.read_text())
    for rule in rawtable.rules():
        differ = [peer for peer in rawtable.PEERS if seen[peer, rawtable.first_case(rule)] != rawtable.SAME]
        assert rule.why or len(differ) < len(rawtable.PEERS), f"{rule.text}: both peers differ, and nothing says why"
