"""Rough clients through switches, and what they must see when a server breaks a promise; script/mixed is the long form."""
import asyncio
import hashlib
import random

import pytest

import daemon as rig
import mixing
import rough


@pytest.mark.parametrize("tls", [None, "both"])
def test_mixed_load_through_switches(tls):
    assert mixing.faults_of(mixing.run(rig.BINARY, 4, clients=12, rate=200, tls=tls), flat=False) == {}


def answer(one, color="blue", body=None, status="200 OK", more="", cut=0):
    """What a backend says to a request; broken where a test says so."""
    if body is None:
        body = hashlib.sha256(one.payload()).hexdigest().encode() if one.sends else rough.PATTERN[rough.OWN[color] :][: one.length]
    head = f"HTTP/1.1 {status}\r\nX-Id: {one.id}\r\nX-Color: {color}\r\nContent-Length: {len(body)}\r\n{more}\r\n".encode()
    whole = head + (b"" if one.method == "HEAD" else body)
    return whole[: len(whole) - cut]


BREAKS = {
    "none": lambda one: answer(one),
    "status_502": lambda one: answer(one, status="502 Bad Gateway"),
    "mixed_up": lambda one: answer(one).replace(one.id.encode(), b"0" * 15 + b"z"),
    "color": lambda one: answer(one, more="X-Color: green\r\n"),
    "wrong_body": lambda one: answer(one).replace(b"X-Color: blue", b"X-Color: green"),
    "malformed": lambda one: answer(one).replace(b"HTTP/1.1", b"HTTP/3.1"),
    "truncated": lambda one: answer(one, cut=1),
}


async def ask(reply):
    """The kind of fault that a crowd of one counts for this reply to a GET of 100 bytes."""
    crowd = rough.Crowd(None, 1, 0, seed=1)
    one = rough.Request(random.Random(1), 1)
    one.method, one.sends, one.length, one.path = "GET", False, 100, "/bytes?n=100&own=1"
    crowd.BEHAVIOURS = {lambda self, talk: plain_ask(one, talk): 1}

    async def serve(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(reply(one))
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        crowd.port = server.sockets[0].getsockname()[1]
        talk = await crowd.one_turn(None)
        if talk:
            talk.hang_up()
    return dict(crowd.faults)


async def plain_ask(one, talk):
    await talk.send(one.head())
    await one.check(talk)


@pytest.mark.parametrize("kind", BREAKS)
def test_rough_client_sees_a_broken_promise(kind):
    assert asyncio.run(ask(BREAKS[kind])) == ({} if kind == "none" else {kind: 1})
