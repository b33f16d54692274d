"""Runs one raw-bytes case against a proxy and says how it differs from what must be.

After every case comes the proof that nothing is out of step: a normal request on the same client connection, where that is still open, and one on another
connection, which the proxy is free to send over the backend's connection of before. Each must get its own answer.
"""
import itertools
import re

import daemon as rig
import rawpeer
from rawcase import ANY, CLOSED, GONE, OPEN, TUNNEL, UNFINISHED

counter = itertools.count(1)


class Differs(AssertionError):
    """In a few words, for the table."""


def quote(value):
    return value.decode("latin-1") if isinstance(value, bytes) else value


def matches(value, wanted):
    if wanted is ANY:
        return True
    if isinstance(wanted, re.Pattern):
        return wanted.fullmatch(quote(value)) is not None
    return value == wanted.encode("latin-1")


def check_fields(who, message, wanted):
    for name, value in wanted.has.items():
        found = message.values(name)
        values = value if isinstance(value, list) else [value]
        if len(found) != len(values):
            raise Differs(f"{who}: {len(found)} lines of {name}" if found else f"{who}: no {name}")
        for one, its in zip(found, values):
            if not matches(one, its):
                raise Differs(f"{who}: {name}: {quote(one)}")
    for name in wanted.lacks:
        if message.values(name):
            raise Differs(f"{who}: has {name}")


def check_body(who, message, wanted):
    if wanted.cut == message.complete:
        raise Differs(f"{who}: {'complete' if message.complete else 'incomplete'}")
    if wanted.body is not None and message.body != wanted.body.encode("latin-1"):
        raise Differs(f"{who}: another body")
    if wanted.trailers is not None and {name.decode().lower(): quote(value) for name, value in message.trailers} != wanted.trailers:
        raise Differs(f"{who}: other trailers")


def check_request(request, wanted):
    who = "the backend"
    if wanted.line is not None and request.line != wanted.line.encode("latin-1"):
        raise Differs(f"{who}: {quote(request.line)}")
    if len(request.values("Host")) != 1:
        raise Differs(f"{who}: {len(request.values('Host'))} Host lines")
    check_fields(who, request, wanted)
    at = 0
    for piece in wanted.holds:
        at = request.raw.find(piece.encode("latin-1"), at)
        if at < 0:
            raise Differs(f"{who}: no {piece!r}, or not in its place")
    check_body(who, request, wanted)


def check_answer(answer, wanted):
    who = "the client"
    if answer.status != wanted.status:
        raise Differs(f"{answer.status}")
    if wanted.reason is not None and answer.reason != wanted.reason:
        raise Differs(f"{who}: reason {answer.reason}")
    check_fields(who, answer, wanted)
    check_body(who, answer, wanted)


def read_answers(client, case):
    """All that must come, in their order, no matter whether they come while the case is still being sent."""
    for at, wanted in enumerate(case.answers):
        if at >= len(client.answers) and client.read_answer(wanted.to_head) is None:
            raise Differs("reset, no answer" if client.reader.was_reset else "closed, no answer")
        check_answer(client.answers[at], wanted)


def check_mark(answer, name):
    if answer is None:
        raise Differs("closed")
    if answer.status != 200 or answer.body != name or answer.values("X-After") != [name]:
        raise Differs(f"out of step: {answer.status} {answer.body!r}")


def next_mark():
    name = f"mark{next(counter)}"
    return name.encode(), f"GET /after/{name} HTTP/1.1\r\nHost: a\r\n\r\n".encode()


def check_open(client):
    name, request = next_mark()
    client.play([request])
    try:
        check_mark(client.read_final(), name)
    except Differs as differs:
        raise Differs(f"on the same connection: {differs}") from None


def check_closed(client):
    if not client.ends():
        raise Differs("more bytes after the last answer" if client.reader.buffer else "the connection stays open")


def check_tunnel(client, case):
    for sent, wanted in case.talk:
        client.play([sent.encode("latin-1")])
        if client.reader.take(len(wanted)) != wanted.encode("latin-1"):
            raise Differs("the tunnel: other bytes")
    client.play([rawpeer.FIN])
    check_closed(client)


def check_other_connection(port):
    other = rawpeer.Client(port)
    try:
        name, request = next_mark()
        other.play([request])
        check_mark(other.read_final(), name)
    except Differs as differs:
        raise Differs(f"on the next connection: {differs}") from None
    finally:
        other.close()


def check_requests(case, backend):
    if not backend.settle():
        raise Differs("the backend is left waiting in the middle of a request")
    if backend.faults:
        raise Differs(backend.faults[0])
    if case.requests is UNFINISHED and any(request.complete for request in backend.requests):
        raise Differs("passed on whole")
    if case.requests in (None, UNFINISHED):
        return
    if len(backend.requests) != len(case.requests):
        raise Differs(f"{len(backend.requests)} requests at the backend, not {len(case.requests)}: {', '.join(quote(one.line) for one in backend.requests)}")
    for request, wanted in zip(backend.requests, case.requests):
        check_request(request, wanted)


def check_end(client, case, backend):
    if case.after == GONE:
        client.close()
        return
    keeps = not any(answer.has_token("Connection", b"close") for answer in client.answers)
    if case.after == TUNNEL:
        check_tunnel(client, case)
    elif case.after == CLOSED:
        check_closed(client)
    elif case.after == OPEN and not keeps:
        raise Differs("Connection: close")
    elif keeps:
        backend.settle()
        check_open(client)


def teal_before(backend):
    """A daemon that is yet to be started. One worker, so that backend connections are shared as much as can be; 127.0.0.2 is a trusted proxy."""
    services = {"raw": {"blue": {"backends": [backend.address]}, "green": {}, "probe": {"interval": "1h"}}}
    return rig.Teal(services, workers=1, trusted_proxies=["127.0.0.2/32"])


def run(case, port, backend, cut_request=rawpeer.whole, cut_answer=rawpeer.whole):
    """Raises Differs."""
    backend.begin(case.scripts, cut_answer)
    client = rawpeer.Client(port, case.source)
    client.reader.heard = backend.seen.set
    try:
        client.play(case.send, cut_request)
        read_answers(client, case)
        check_end(client, case, backend)
    except rawpeer.Malformed as malformed:
        raise Differs(f"malformed: {malformed}") from None
    except TimeoutError:
        raise Differs("nothing comes") from None
    finally:
        client.close()
    check_other_connection(port)
    check_requests(case, backend)
