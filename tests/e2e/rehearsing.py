"""A backend in this process whose answers a test decides on, and which remembers what it was asked; for the tests of rehearsals."""
import http.server
import itertools
import json
import threading


class Actor:
    """Actor("blue", answer): `answer(request)` gives (status, fields, body), where request has `method`, `path` and `fields`. /health is answered by itself."""

    def __init__(self, color, answer):
        self.color, self.answer, self.asked, self.lock = color, answer, [], threading.Lock()
        actor = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def handle_one(self):
                length = int(self.headers.get("Content-Length", 0))
                request = Request(self.command, self.path, [(name.lower(), value) for name, value in self.headers.items()], self.rfile.read(length))
                status, fields, body = (200, {}, b"ok") if self.path == "/health" else actor.take(request)
                self.send_response_only(status)
                for name, value in {"Content-Length": len(body), "X-Color": actor.color, **fields}.items():
                    self.send_header(name, value)
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            do_GET = do_HEAD = do_POST = handle_one

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            request_queue_size = 128

            def handle_error(self, *_):
                pass

        self.server = Server(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self.thread.start()

    def take(self, request):
        with self.lock:
            self.asked.append(request)
        return self.answer(request)

    def copies(self):
        """What it was asked by rehearsals."""
        with self.lock:
            return [one for one in self.asked if one.is_copy()]

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


class Request:
    def __init__(self, method, path, fields, body):
        self.method, self.path, self.fields, self.body = method, path, fields, body

    def field(self, name):
        return next((value for known, value in self.fields if known == name), None)

    def is_copy(self):
        return self.field("x-teal-rehearsal") == "1"


def json_answer(document, status=200, **fields):
    return status, {"Content-Type": "application/json", **fields}, json.dumps(document).encode()


COUNTER = itertools.count()


def catalogue(request):
    """A small shop: a JSON document with a number that never comes twice, a page, and a list."""
    parts = request.path.split("?")[0].strip("/").split("/")
    if parts[0] == "items":
        return json_answer({"id": parts[1], "price": 150, "served": next(COUNTER), "parts": [{"n": 1, "at": next(COUNTER)}]})
    return 200, {"Content-Type": "text/html", "X-Kind": "page"}, b"<p>welcome</p>"
