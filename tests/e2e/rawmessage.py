"""HTTP/1.1 messages read from a socket, as strictly as RFC 9112 allows: nothing is repaired."""
import re


class Malformed(Exception):
    """Bytes that are no HTTP/1.1 message."""


def visible(data):
    """Bytes as text that a table can hold."""
    return repr(data.decode("latin-1"))[1:-1] or "nothing"


TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+\Z")
VALUE = re.compile(rb"[\t\x20-\x7e\x80-\xff]*\Z")
REQUEST_LINE = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+) ([\x21-\x7e]+) HTTP/1\.([01])\Z")
STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([1-5][0-9][0-9]) ([\t\x20-\x7e\x80-\xff]*)\Z")
CHUNK_LINE = re.compile(rb"([0-9A-Fa-f]+)([ \t]*;.*)?\Z")


class Message:
    """One request or answer as it came. `complete` is false when the peer ended before the message did."""

    def __init__(self, line, fields, raw):
        self.line, self.fields, self.raw = line, fields, raw
        self.body, self.trailers, self.complete, self.framing = b"", [], True, "none"

    def values(self, name):
        return [value for known, value in self.fields if known.lower() == name.lower().encode()]

    def has_token(self, name, token):
        return any(member.strip().lower() == token for value in self.values(name) for member in value.split(b","))


class Request(Message):
    def __init__(self, line, fields, raw):
        super().__init__(line, fields, raw)
        matched = REQUEST_LINE.match(line)
        if not matched:
            raise Malformed(visible(line))
        self.method, self.target = matched[1].decode(), matched[2].decode()


class Answer(Message):
    def __init__(self, line, fields, raw):
        super().__init__(line, fields, raw)
        matched = STATUS_LINE.match(line)
        if not matched:
            raise Malformed(visible(line))
        self.minor, self.status, self.reason = int(matched[1]), int(matched[2]), matched[3].decode("latin-1")


class Reader:
    """The bytes of one socket, cut into messages."""

    def __init__(self, sock):
        self.sock, self.buffer, self.ended, self.was_reset = sock, b"", False, False
        self.heard = None  # called when bytes come

    def more(self):
        """False at the end."""
        if self.ended:
            return False
        try:
            got = self.sock.recv(65536)
        except ConnectionError:
            got, self.was_reset = b"", True
        if got and self.heard:
            self.heard()
        self.buffer += got
        self.ended = not got
        return bool(got)

    def line(self):
        """One line without its CRLF; None when the end came before its."""
        while b"\n" not in self.buffer:
            if not self.more():
                return None
        line, self.buffer = self.buffer.split(b"\n", 1)
        if not line.endswith(b"\r") or b"\r" in line[:-1]:
            raise Malformed(visible(line))
        return line[:-1]

    def field_lines(self):
        """(name, value) pairs up to the empty line; None when the end came before it."""
        fields = []
        while (line := self.line()) != b"":
            if line is None:
                return None
            name, colon, value = line.partition(b":")
            if not colon or not TOKEN.match(name) or not VALUE.match(value):
                raise Malformed(visible(line))
            fields.append((name, value.strip(b" \t")))
        return fields

    def head(self, kind):
        """The next head; None when there is none, or only a part of one."""
        if not self.buffer and not self.more():
            return None
        line = self.line()
        fields = self.field_lines() if line is not None else None
        if fields is None:
            return None
        return kind(line, fields, b"\r\n".join([line, *(name + b": " + value for name, value in fields), b"", b""]))

    def body(self, message, to_the_end=False):
        """Reads the body into the message. `to_the_end`: without a length it ends with the connection."""
        codings, lengths = message.values("Transfer-Encoding"), message.values("Content-Length")
        if len(codings) + len(lengths) > 1 or (codings and codings[0].lower() != b"chunked") or (lengths and not lengths[0].isdigit()):
            raise Malformed(visible(b", ".join(codings + lengths)) + " as length")
        if codings:
            message.framing = "chunked"
            self.chunks(message)
        elif lengths:
            message.framing = "length"
            message.body = self.take(int(lengths[0]))
            message.complete = len(message.body) == int(lengths[0])
        elif to_the_end:
            message.framing = "close"
            while self.more():
                pass
            message.body, self.buffer = self.buffer, b""
            message.complete = not self.was_reset
        return message

    def take(self, length):
        while len(self.buffer) < length and self.more():
            pass
        taken, self.buffer = self.buffer[:length], self.buffer[length:]
        return taken

    def chunks(self, message):
        message.complete = False
        while (line := self.line()) is not None:
            matched = CHUNK_LINE.match(line)
            if not matched:
                raise Malformed(visible(line))
            size = int(matched[1], 16)
            if size == 0:
                trailers = self.field_lines()
                message.complete, message.trailers = trailers is not None, trailers or []
                break
            data = self.take(size)
            message.body += data
            end = self.take(2) if len(data) == size else b""
            if end not in (b"", b"\r", b"\r\n"):
                raise Malformed(visible(end))
        if not message.complete:
            self.buffer = b""
