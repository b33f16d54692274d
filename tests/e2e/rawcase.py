"""The words in which the raw-bytes cases (rawcases_*.py) are written.

A topic has rules; a rule is a row of docs/http.md and has the cases that show it. A case says what the client sends and what the backend's script is, and
what both must get. Text stands for bytes (latin-1). Which steps there are besides text is in rawpeer.py.
"""
import dataclasses

MUST, SHOULD, MAY, OURS = "MUST", "SHOULD", "MAY", "ours"  # ours: the RFCs leave it open, or say nothing of it
OPEN, CLOSED, EITHER, TUNNEL, GONE = "open", "closed", "either", "tunnel", "gone"  # the client's connection after the case; GONE: it left by itself

ANY = object()  # a field value that may be anything
UNFINISHED = object()  # for requests: none, or the beginning of one


def head(*lines):
    return "\r\n".join(lines) + "\r\n\r\n"


def get(*fields, target="/x", method="GET", version="HTTP/1.1"):
    return head(f"{method} {target} {version}", "Host: a", *fields)


def post(body, *fields, method="POST"):
    return head(f"{method} /x HTTP/1.1", "Host: a", f"Content-Length: {len(body)}", *fields) + body


def chunked(coded, *fields, method="POST"):
    """`coded` is the body in its coding."""
    return head(f"{method} /x HTTP/1.1", "Host: a", "Transfer-Encoding: chunked", *fields) + coded


def ok(*fields, body="ok", status="200 OK"):
    return head(f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *fields) + body


def ok_chunked(coded, *fields, status="200 OK"):
    return head(f"HTTP/1.1 {status}", "Transfer-Encoding: chunked", *fields) + coded


GET = get()
OK = ok()


@dataclasses.dataclass
class Says:
    """An answer as the client must get it. What is None or not named may be anything."""

    status: int
    body: str | None = None
    has: dict = dataclasses.field(default_factory=dict)  # name: value, ANY, a compiled pattern, or a list of these when there are several lines
    lacks: tuple = ()
    cut: bool = False  # it must be seen to be incomplete
    to_head: bool = False  # it answers HEAD
    reason: str | None = None
    trailers: dict | None = None


@dataclasses.dataclass
class Got:
    """A request as the backend must get it."""

    line: str | None = None
    body: str | None = None
    has: dict = dataclasses.field(default_factory=dict)
    lacks: tuple = ()
    cut: bool = False
    starts: str | None = None  # what the head begins with
    holds: tuple = ()  # pieces of the head, in this order
    trailers: dict | None = None


@dataclasses.dataclass
class Case:
    name: str
    send: list  # the client's steps
    scripts: list  # the backend's, one for each request; the last one for all further ones
    answers: list  # of Says, interim ones too
    requests: object  # a list of Got, or UNFINISHED; None: not looked at
    after: str = OPEN
    talk: tuple = ()  # of a tunnel: (what the client sends, what it gets back)
    source: str | None = None  # where the client comes from; 127.0.0.2 is a trusted proxy


@dataclasses.dataclass
class Rule:
    text: str
    section: str
    level: str
    does: str  # what teal does
    cases: list
    why: str = ""  # where haproxy and nginx do otherwise


@dataclasses.dataclass
class Topic:
    name: str
    title: str
    rules: list

    def cases(self):
        return [case for rule in self.rules for case in rule.cases]


def steps(given):
    """A text, a step or a list of them, the text as bytes."""
    return [step.encode("latin-1") if isinstance(step, str) else step for step in (given if isinstance(given, list) else [given])]


def case(name, send, script=OK, answers=None, requests=None, **more):
    """`script` is one for all requests, or a list of lists: one for each."""
    many = isinstance(script, list) and script and isinstance(script[0], list)
    return Case(name, steps(send), [steps(one) for one in script] if many else [steps(script)], [Says(200)] if answers is None else answers, requests, **more)


def refused(name, send, status=400, after=CLOSED, **more):
    """The proxy answers by itself and the backend gets nothing."""
    return case(name, send, answers=[Says(status, **more)], requests=[], after=after)


def passed(name, send, line=None, body="", has=None, lacks=(), script=OK, answers=None, after=OPEN, source=None, **more):
    """One request goes to the backend."""
    return case(name, send, script, answers, [Got(line, body, has or {}, lacks, **more)], after=after, source=source)


def answered(name, script, *answers, send=GET, requests=None, after=OPEN):
    """It is the backend's script that matters."""
    return case(name, send, script, list(answers), requests, after=after)


def broken(name, script, send=GET, after=OPEN, to_head=False):
    """The backend's answer is no answer."""
    return case(name, send, script, [Says(502, to_head=to_head)], None, after=after)
