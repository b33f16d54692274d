"""Clients of every kind at once: all methods, bodies of 0 to 4 MiB by length and in chunks, pipelines, Expect: 100-continue, half-closed connections, and clients that
hang up in the middle, politely or by a reset. What a client did not cause itself must not go wrong; each answer is checked to its last byte.

asyncio; one Crowd talks to one port until it is told to end.
"""
import asyncio
import collections
import hashlib
import random
import socket
import struct

import daemon as rig
import tlsing

BODY_MAX = 4 * 1024 * 1024
PATIENCE_S = 30
FNV_SEED, FNV_PRIME, MASK = 0xCBF29CE484222325, 0x100000001B3, (1 << 64) - 1
PATTERN = rig.pattern(BODY_MAX + 2 * 65536)


def fnv(data):
    value = FNV_SEED
    for byte in data:
        value = (value ^ byte) * FNV_PRIME & MASK
    return value


OWN = {color: fnv(color.encode()) % 65536 for color in ("blue", "green")}  # where the pattern of &own=1 begins


class Wrong(Exception):
    """What came is not what must come. The first word is its kind."""


class Talk:
    """One connection: what is sent, and answers read as strictly as they must be written."""

    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer
        self.closes = False

    @classmethod
    async def open(cls, port, context):
        """`context`: of ssl; None: in clear."""
        name = {"ssl": context, "server_hostname": tlsing.NAME} if context else {}
        return cls(*await asyncio.wait_for(asyncio.open_connection("127.0.0.1", port, **name), PATIENCE_S))

    async def send(self, data):
        self.writer.write(data)
        await self.writer.drain()

    async def line(self):
        line = await self.reader.readuntil(b"\n")
        if not line.endswith(b"\r\n"):
            raise Wrong("malformed: a line does not end in CRLF")
        return line[:-2]

    async def head(self):
        """(status, {name: [value, ...]}) of the next answer, interim ones too."""
        version, status = (await self.line()).split(b" ", 2)[:2]
        if version != b"HTTP/1.1" or not status.isdigit():
            raise Wrong(f"malformed: {version} {status}")
        fields = collections.defaultdict(list)
        while line := await self.line():
            name, _, value = line.partition(b":")
            fields[name.strip().lower().decode()].append(value.strip().decode())
        return int(status), fields

    async def body(self, fields):
        if fields["transfer-encoding"]:
            if fields["transfer-encoding"] != ["chunked"] or fields["content-length"]:
                raise Wrong("malformed: two lengths, or an unknown coding")
            return await self.chunks()
        if len(fields["content-length"]) == 1:
            return await self.reader.readexactly(int(fields["content-length"][0]))
        self.closes = True
        return await self.reader.read()

    async def chunks(self):
        pieces = []
        while size := int((await self.line()).split(b";")[0], 16):
            pieces.append(await self.reader.readexactly(size))
            if await self.line():
                raise Wrong("malformed: a chunk is longer than it says")
        while await self.line():
            pass
        return b"".join(pieces)

    def hang_up(self, rudely=False):
        if rudely:
            self.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort() if rudely else self.writer.close()


class Request:
    """One request, and what its answer must be."""

    def __init__(self, dice, number, largest=BODY_MAX, bodiless=False):
        self.method = dice.choice(("GET", "HEAD", "OPTIONS", "DELETE") if bodiless else ("GET", "GET", "GET", "HEAD", "POST", "POST", "PUT", "DELETE", "OPTIONS"))
        self.id = f"{number:016x}"
        self.length = dice.choice((0, 1, int(2 ** dice.uniform(0, largest.bit_length() - 1)))) if largest else 0
        self.sends = self.method in ("POST", "PUT") or (self.method == "DELETE" and not bodiless and dice.random() < 0.5)
        self.start = dice.randrange(65536)
        self.chunked = dice.random() < 0.5
        self.path = "/sha256" if self.sends else f"/bytes?n={self.length}&own=1&as={dice.choice((0, 0, 0, 1, 1, 2))}"
        self.expect = False

    def payload(self):
        return PATTERN[self.start : self.start + self.length]

    def head(self):
        lines = [f"{self.method} {self.path} HTTP/1.1", "Host: rough.example", f"X-Id: {self.id}"]
        if self.sends:
            lines.append("Transfer-Encoding: chunked" if self.chunked else f"Content-Length: {self.length}")
        if self.expect:
            lines.append("Expect: 100-continue")
        return "\r\n".join(lines + ["", ""]).encode()

    def body(self, dice):
        """The body as it is sent: nothing, plain, or in chunks of any size."""
        if not self.sends or not self.chunked:
            return self.payload() if self.sends else b""
        data = self.payload()
        size = dice.choice([size for size in (1, 100, 4096, 70000, 1000000) if len(data) <= size * 500])
        pieces = (data[at : at + size] for at in range(0, len(data), size))
        return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"

    async def check(self, talk):
        """Reads the answer to its end."""
        status, fields = await talk.head()
        while status == 100:
            status, fields = await talk.head()
        if status != 200:
            raise Wrong(f"status_{status}: {self.method} {self.path}")
        if fields["x-id"] != [self.id]:
            raise Wrong(f"mixed_up: {self.method} {self.path} has the answer of {fields['x-id']}")
        if len(fields["x-color"]) != 1 or fields["x-color"][0] not in OWN:
            raise Wrong(f"color: {fields['x-color']}")
        talk.closes = "close" in ",".join(fields["connection"]).lower()
        body = b"" if self.method == "HEAD" else await talk.body(fields)
        self.judge(body, fields["x-color"][0])

    def judge(self, body, color):
        if self.sends:
            right = body.decode() == hashlib.sha256(self.payload()).hexdigest() if self.method != "HEAD" else True
        else:
            length = 0 if self.method == "HEAD" else self.length
            right = body == PATTERN[OWN[color] : OWN[color] + length]
        if not right:
            raise Wrong(f"wrong_body: {self.method} {self.path} from {color}, {len(body)} bytes")


class Crowd:
    """So many clients on one port; each goes from one behaviour to the next."""

    def __init__(self, port, clients, rest_s, seed, context=None):
        self.port, self.clients, self.rest_s, self.context = port, clients, rest_s, context
        self.dice = random.Random(seed)
        self.number = 0
        self.done, self.faults = collections.Counter(), collections.Counter()
        self.examples = []
        self.ending = False

    def request(self, **how):
        self.number += 1
        return Request(self.dice, self.number, **how)

    # ---- behaviours: each is given a connection and says whether it can be used again ----

    async def plain(self, talk):
        one = self.request()
        await self.write(talk, one.head() + one.body(self.dice))
        await one.check(talk)

    async def write(self, talk, data):
        """At once, or in pieces with rests between them."""
        if self.dice.random() < 0.7:
            await talk.send(data)
            return
        cuts = sorted(self.dice.randrange(len(data) + 1) for _ in range(3))
        for start, end in zip([0, *cuts], [*cuts, len(data)]):
            await talk.send(data[start:end])
            await asyncio.sleep(self.dice.random() * 0.02)

    async def pipeline(self, talk):
        many = [self.request(largest=4096, bodiless=self.dice.random() < 0.5) for _ in range(self.dice.randint(2, 8))]
        for one in many:
            one.path = one.path.replace("&as=2", "&as=1")
        await self.write(talk, b"".join(one.head() + one.body(self.dice) for one in many))
        for one in many:
            await one.check(talk)
            if talk.closes:
                return  # announced: the others are the client's to repeat

    async def expect(self, talk):
        one = self.request()
        one.method, one.path, one.sends, one.expect = "POST", "/sha256", True, True
        one.length = max(1, one.length)
        await talk.send(one.head())
        status, _ = await talk.head()
        if status != 100:
            raise Wrong(f"status_{status}: instead of 100")
        await talk.send(one.body(self.dice))
        await one.check(talk)

    async def half_close(self, talk):
        if self.context:
            return await self.plain(talk)  # asyncio can't end one side of TLS
        one = self.request()
        await talk.send(one.head() + one.body(self.dice))
        talk.writer.write_eof()
        await one.check(talk)
        if not talk.closes and await talk.reader.read(1):
            raise Wrong("unsolicited: bytes behind the last answer")
        talk.closes = True

    async def abort_request(self, talk):
        one = self.request()
        data = one.head() + one.body(self.dice)
        await talk.send(data[: self.dice.randrange(1, len(data))])
        await asyncio.sleep(self.dice.random() * 0.02)
        self.leave(talk)

    async def abort_answer(self, talk):
        one = self.request()
        one.method, one.sends = "GET", False
        one.path = f"/bytes?n={self.dice.choice((100, 100000, BODY_MAX))}&as={self.dice.randrange(3)}&rate={self.dice.choice((0, 2000000))}"
        await talk.send(one.head())
        if self.dice.random() < 0.8:
            await talk.reader.readexactly(self.dice.choice((1, 50)))
        self.leave(talk)

    def leave(self, talk):
        talk.hang_up(rudely=self.dice.random() < 0.5)
        talk.closes = True

    BEHAVIOURS = {plain: 10, pipeline: 4, expect: 2, half_close: 2, abort_request: 2, abort_answer: 2}

    # ---- the crowd ----

    def count_fault(self, behaviour, error):
        kind = str(error).split(":")[0] if isinstance(error, Wrong) else {asyncio.IncompleteReadError: "truncated", TimeoutError: "timed_out"}.get(type(error), "broken")
        self.faults[kind] += 1
        if len(self.examples) < 20:
            self.examples.append(f"{behaviour.__name__}: {type(error).__name__}: {error}"[:300])

    async def one_turn(self, talk):
        """The connection for the next turn, or None."""
        behaviour = self.dice.choices(list(self.BEHAVIOURS), list(self.BEHAVIOURS.values()))[0]
        try:
            talk = talk or await Talk.open(self.port, self.context)
            await asyncio.wait_for(behaviour(self, talk), PATIENCE_S)
            self.done[behaviour.__name__] += 1
        except (Wrong, OSError, EOFError, ValueError, asyncio.TimeoutError, asyncio.LimitOverrunError) as error:
            self.count_fault(behaviour, error)
            if talk:
                talk.hang_up(rudely=True)
            return None
        if not talk.closes and self.dice.random() < 0.95:
            return talk
        talk.hang_up()
        return None

    async def client(self):
        talk = None
        while not self.ending:
            talk = await self.one_turn(talk)
            await asyncio.sleep(self.dice.random() * 2 * self.rest_s)
        if talk:
            talk.hang_up()

    async def run(self, seconds):
        tasks = [asyncio.create_task(self.client()) for _ in range(self.clients)]
        await asyncio.sleep(seconds)
        self.ending = True
        await asyncio.gather(*tasks)
        return {"requests": self.number, "done": dict(self.done), "faults": dict(self.faults), "examples": self.examples}
