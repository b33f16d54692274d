"""A real Prometheus in a temporary folder, on a free port of the loopback, that scrapes a small exporter of the test; and tests/tools' asker.

    with promserver.Exporter() as exporter, promserver.Prometheus(exporter) as server:
        exporter.text = 'shop_errors{color="green"} 7\\n'

It runs as backends.py's servers do: without rights, and leaves no process and no file.
"""
import http.client
import http.server
import json
import pathlib
import queue
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import urllib.parse

import backends
import daemon as rig

START_S = 60.0
END_S = 30.0


class Exporter:
    """What is scraped: `text`, whatever it is at the moment."""

    def __init__(self):
        exporter, self.text = self, ""

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                body = exporter.text.encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


class Prometheus:
    """One server. `url` is what teal.yaml wants. It scrapes `every` so often; a scrape that takes longer fails, and then there is no data."""

    def __init__(self, exporter, *options, prefix="", every="2s"):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="teal-prometheus-"))
        self.folder.chmod(0o755)
        self.prefix, self.options, self.port, self.process = prefix, options, 0, None
        (self.folder / "prometheus.yml").write_text(json.dumps({  # JSON is YAML
            "global": {"scrape_interval": every, "scrape_timeout": every},
            "scrape_configs": [{"job_name": "shop", "static_configs": [{"targets": [exporter.address]}]}]}))
        backends.give_away(self.folder)
        try:
            self.start()
        except BaseException:
            self.clean()
            raise

    def start(self):
        """Also after `end`, on the same port."""
        command = ["/usr/bin/prometheus", f"--config.file={self.folder}/prometheus.yml", f"--storage.tsdb.path={self.folder}/data",
                   f"--web.listen-address=127.0.0.1:{self.port}", f"--web.external-url=http://localhost{self.prefix}", *self.options]
        before = len(self.log())
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder, start_new_session=True,
                                            preexec_fn=backends.end_with_parent, env={"PATH": "/usr/bin:/bin", "GOMAXPROCS": "2"}, **backends.unprivileged())
        self.port = int(rig.wait_until("where Prometheus listens", lambda: self.find_port(before), START_S))
        self.url = f"http://127.0.0.1:{self.port}{self.prefix}"
        rig.wait_until("Prometheus", self.is_ready, START_S)
        return self

    def log(self):
        try:
            return (self.folder / "log").read_text(errors="replace")
        except FileNotFoundError:
            return ""

    def find_port(self, since):
        if self.process.poll() is not None:
            raise rig.Fault(f"prometheus ended with {self.process.returncode}: {self.log()}")
        found = re.search(r'msg="Listening on" address=127\.0\.0\.1:(\d+)\n', self.log()[since:])
        return found and found[1]

    def get(self, path):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("GET", self.prefix + path)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def is_ready(self):
        try:
            return self.get("/-/ready")[0] == 200
        except OSError:
            return False

    def query(self, text):
        """What the server itself says of a query: [(labels, value as text), ...] of a vector."""
        status, body = self.get("/api/v1/query?" + urllib.parse.urlencode({"query": text}))
        if status != 200:
            raise rig.Fault(f"{text}: {status} {body}")
        return [(one["metric"], one["value"][1]) for one in json.loads(body)["data"]["result"]]

    def await_series(self, text, count=1):
        """Until a query finds that many series: the exporter was scraped."""
        return rig.wait_until(f"{count} of {text}", lambda: len(found := self.query(text)) == count and found, START_S)

    def stall(self):
        """Accepts connections and does no more, as a server under too much load."""
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self):
        self.process.send_signal(signal.SIGCONT)

    def end(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.terminate()
            try:
                self.process.wait(END_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def clean(self):
        if self.process:
            self.end()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.clean()


class Asker:
    """Results of one query, again and again."""

    def __init__(self, url, query, bad="above", every_ms=50, timeout_ms=20000):
        self.process = subprocess.Popen([str(rig.BUILD / "tools" / "asker"), url, query, bad, str(every_ms), str(timeout_ms)], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=rig.environment())
        self.results = queue.Queue()
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            self.results.put(json.loads(line))

    def next(self, seconds=60):
        """The next result: (kind, value, detail)."""
        try:
            one = self.results.get(timeout=seconds)
        except queue.Empty:
            raise rig.Fault(f"no result within {seconds} s") from None
        return one["kind"], float(one["value"]), one["detail"]

    def until(self, what, condition, seconds=60):
        """The first result for which condition(kind, value, detail) holds."""
        end = time.monotonic() + seconds
        while True:
            one = self.next(max(0.1, end - time.monotonic()))
            if condition(*one):
                return one
            if time.monotonic() > end:
                raise rig.Fault(f"{what}: not within {seconds} s, at last {one}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        try:
            code = self.process.wait(END_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            code = self.process.wait()
        self.reader.join()
        said = self.process.stderr.read()
        self.process.stdout.close()
        self.process.stderr.close()
        if code != 0 or said:
            raise rig.Fault(f"the asker ended with {code}: {said}")


def ask(url, query, bad="above", **limits):
    """One result."""
    with Asker(url, query, bad, **limits) as asker:
        return asker.next()
