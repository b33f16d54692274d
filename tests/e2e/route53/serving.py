"""HTTP servers of the stand-in: threads on a free port of the loopback that hand every request, as it was received, to one function.

A request can be left without an answer, as long as the test wants and at most until the server stops; no server outlives its `with`.
"""
import dataclasses
import email.utils
import http.server
import socket
import threading
import time
import urllib.parse

QUIET_S = 60.0  # a connection on which nothing is asked for so long is closed
LARGEST = 4 << 20


@dataclasses.dataclass
class Request:
    method: str
    target: str  # as received: path and query
    headers: list  # (name, value) as received, in their order
    body: bytes = dataclasses.field(repr=False)
    client: tuple
    at: float = dataclasses.field(default_factory=time.monotonic)

    @property
    def path(self):
        return self.target.partition("?")[0]

    @property
    def query(self):
        """(name, value) in their order, decoded."""
        parts = [part.partition("=") for part in self.target.partition("?")[2].split("&") if part]
        return [(urllib.parse.unquote(name), urllib.parse.unquote(value)) for name, _, value in parts]

    def all(self, name):
        return [value for other, value in self.headers if other.lower() == name.lower()]

    def first(self, name):
        return next(iter(self.all(name)), None)


@dataclasses.dataclass
class Reply:
    status: int
    body: bytes = b""
    kind: str = "text/xml"
    headers: dict = dataclasses.field(default_factory=dict)


class Unanswered(Exception):
    """The connection is to be closed without an answer, at once or, with an event, once that is set."""

    def __init__(self, until=None):
        super().__init__()
        self.until = until


class Listener(http.server.ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def handle_error(self, request, client_address):
        pass  # clients that hang up are part of the tests; what goes wrong in `answer` is kept by Server


class Server:
    """A subclass has answer(request) -> Reply. `failures` are exceptions that it did not mean; stop() raises the first."""

    def __init__(self, clock, address="127.0.0.1"):
        self.clock, self.failures, self.ended, self.waiting = clock, [], threading.Event(), set()
        self.lock = threading.Lock()
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = QUIET_S
            disable_nagle_algorithm = True

            def __getattr__(self, name):
                if name.startswith("do_"):
                    return lambda: server._serve(self)
                raise AttributeError(name)

            def log_message(self, *_):
                pass

        self.listener = Listener((address, 0), Handler)
        self.port = self.listener.server_address[1]
        self.authority = f"{address}:{self.port}"
        self.url = f"http://{self.authority}"
        self.thread = threading.Thread(target=self.listener.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self.thread.start()

    def answer(self, request):
        raise NotImplementedError

    def _serve(self, handler):
        length = int(handler.headers.get("Content-Length") or 0)
        if handler.headers.get("Transfer-Encoding") or length > LARGEST:
            handler.close_connection = True
            return self._send(handler, Reply(411))
        request = Request(handler.command, handler.requestline.split()[1], handler.headers.items(), handler.rfile.read(length), handler.client_address)
        try:
            reply = self.answer(request)
        except Unanswered as one:
            self._leave(handler, one.until)
            return None
        except Exception as error:
            self.failures.append(error)
            handler.close_connection = True
            return self._send(handler, Reply(500, f"the stand-in failed: {error!r}".encode(), "text/plain"))
        return self._send(handler, reply)

    def _leave(self, handler, until):
        """Nothing more is said on this connection; it is closed when `until` is set or the server stops."""
        handler.close_connection = True
        if until:
            with self.lock:
                self.waiting.add(until)
            if self.ended.is_set():
                until.set()
            until.wait()
        try:
            handler.connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def _send(self, handler, reply):
        handler.send_response_only(reply.status)
        fields = {"Date": email.utils.formatdate(self.clock.now(), usegmt=True), "Content-Type": reply.kind, "Content-Length": str(len(reply.body)), **reply.headers}
        for name, value in fields.items():
            handler.send_header(name, value)
        handler.end_headers()
        if handler.command != "HEAD":
            handler.wfile.write(reply.body)

    def stop(self):
        self.ended.set()
        with self.lock:
            for one in self.waiting:
                one.set()
        self.listener.shutdown()
        self.listener.server_close()
        self.thread.join()
        if self.failures:
            raise self.failures[0]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
