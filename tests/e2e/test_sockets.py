"""WebSockets through a switch, and what their client must see when a server breaks a promise; script/sockets is the long form, with 5,000 of them."""
import asyncio
import struct
import time

import pytest

import closing

ACCEPTED = (b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
            b"X-Color: blue\r\n\r\n")
CLOSE = 8
FIFTH = 5  # the message at which each promise is broken


def test_websockets_are_closed_evenly_and_come_back_to_the_new_color():
    assert closing.faults_of(closing.run(200, window_s=3, before_s=0.5), even=3) == {}


# ---- the client itself ----


def frame(opcode, payload):
    size = struct.pack("!B", len(payload)) if len(payload) < 126 else struct.pack("!BH", 126, len(payload)) if len(payload) < 65536 else struct.pack("!BQ", 127, len(payload))
    return bytes([0x80 | opcode]) + size + payload


async def read_frame(reader):
    first, size = await reader.readexactly(2)
    size &= 127
    if size > 125:
        size = int.from_bytes(await reader.readexactly(2 if size == 126 else 8), "big")
    mask = await reader.readexactly(4)
    payload = await reader.readexactly(size)
    return first & 15, bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))


# By the fault that must be counted: what is sent for the fifth message, and whether the connection ends then.
BREAKS = {
    "none": lambda payload: (frame(2, payload), False),
    "garbled": lambda payload: (frame(2, payload + b"x"), False),
    "disordered": lambda payload: (b"", False),
    "cut": lambda payload: (frame(2, payload), True),
    "after_close": lambda payload: (frame(CLOSE, struct.pack("!H", 1012)) + frame(2, payload), False),
    "not_framed": lambda payload: (b"HTTP/1.1 200 OK\r\n", False),
    "1001": lambda payload: (frame(CLOSE, struct.pack("!H", 1001)), False),
}


async def talk(reader, writer, breaks):
    await reader.readuntil(b"\r\n\r\n")
    writer.write(ACCEPTED)
    for number in range(1, 1 << 30):
        opcode, payload = await read_frame(reader)
        if opcode == CLOSE:
            writer.write(frame(CLOSE, payload))
            return
        data, ends = BREAKS[breaks](payload) if number == FIFTH else (frame(2, payload), False)
        writer.write(data)
        await writer.drain()
        if ends or (number == FIFTH and breaks == "1001"):
            return


async def summary_of(breaks):
    """The summary of a client of one WebSocket, after a second with such a server."""
    async def serve(reader, writer):
        try:
            await talk(reader, writer, breaks)
        except (OSError, EOFError):
            pass
        writer.close()

    def use(port):
        client = closing.Sockets(port, 1, "--rate", 100)
        try:
            time.sleep(1)
            return client.finish()
        finally:
            client.stop()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        return await asyncio.to_thread(use, server.sockets[0].getsockname()[1])


@pytest.mark.parametrize("breaks", BREAKS)
def test_client_sees_a_broken_promise(breaks):
    summary = asyncio.run(summary_of(breaks))
    found = {name for name, count in summary["faults"].items() if count}
    assert found == ({"garbled"} if breaks == "not_framed" else set() if breaks in ("none", "1001") else {breaks}), summary
    assert summary["codes"] == ({"1012": 1} if breaks == "after_close" else {"1001": 1} if breaks == "1001" else {})
