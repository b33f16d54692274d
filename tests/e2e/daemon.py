"""What the end-to-end tests and the long runs (script/switches, script/crash) work with: a teal daemon in a folder of its own, small backends, the strict client.

Everything binds port 0 on 127.0.0.1. Whatever is started here is ended by its pid, and said to have ended properly or not.
"""
import http.client
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("TEAL_BUILD", ROOT / "build" / "release"))
BINARY = os.environ.get("TEAL_BINARY", str(BUILD / "teal"))
SANITIZED = re.compile(r"AddressSanitizer|LeakSanitizer|ThreadSanitizer|runtime error:|Assertion .* failed")
PATTERN = bytes((i * 31 + (i >> 8) * 7) & 255 for i in range(65536))  # what the small backend's bodies are made of


class Fault(AssertionError):
    """A daemon or a tool did not do what it must."""


def wait_until(what, condition, seconds=10.0):
    """The first true value of `condition`, asked for again and again."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise Fault(f"{what}: not within {seconds} s")
        time.sleep(0.01)


def state_of(stat):
    try:
        return stat.read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return "X"


def is_alive(pid):
    """Any thread of it: one that was killed holds its locks until the last is gone."""
    return any(state_of(stat) not in "ZX" for stat in pathlib.Path(f"/proc/{pid}/task").glob("*/stat"))


def environment(**more):
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TEAL") and name != "NO_COLOR"}
    return {**kept, **more}


def pattern(length):
    return (PATTERN * (length // len(PATTERN) + 1))[:length]


class Result:
    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err

    def json(self):
        return json.loads(self.out)

    def __repr__(self):
        return f"<exit {self.code}, out {self.out!r}, err {self.err!r}>"


class AdminConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__("localhost", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Small:
    """One process of tests/tools' backend."""

    def __init__(self, color, version="1", *options):
        self.color = color
        self.process = subprocess.Popen([str(BUILD / "tools" / "backend"), "--color", color, "--version", version, *options], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, text=True)
        said = self.process.stdout.readline().strip()
        if not said:
            raise Fault("a backend did not start")
        self.address = said if said.startswith("unix:") else f"127.0.0.1:{said}"

    def fall_sick(self, sick=True):
        self.process.send_signal(signal.SIGUSR1 if sick else signal.SIGUSR2)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(10)
        self.process.stdout.close()


class Strict:
    """The strict load client, running until `finish`."""

    def __init__(self, port, *options):
        self.process = subprocess.Popen([str(BUILD / "tools" / "strict"), "--target", f"127.0.0.1:{port}", *map(str, options)], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)

    def tell(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().strip()
        if answer != "ok":
            raise Fault(f"the strict client said {answer!r} to {line!r}")

    def any_color(self):
        self.tell("any")

    def expect_color(self, color, since_us):
        self.tell(f"color {color} {since_us}")

    def finish(self):
        """Ends the load. The summary."""
        if self.process.poll() is None:
            self.tell("end")
        self.process.stdin.close()
        lines = self.process.stdout.read().splitlines()
        self.process.wait(60)
        return json.loads(lines[-1])

    def stop(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


class Teal:
    """A daemon, its file, its state, and the command line that talks to it."""

    def __init__(self, services, folder=None, binary=BINARY, **settings):
        self.folder = pathlib.Path(folder or tempfile.mkdtemp(prefix="teal-"))
        self.owns_folder = folder is None
        self.binary = binary
        self.socket = str(self.folder / "admin.sock")
        self.file = self.folder / "teal.yaml"
        self.log = self.folder / "serve.log"
        self.conf = {"admin": {"socket": self.socket}, "state": str(self.folder / "state"), "workers": 2, "listen": [{"address": "127.0.0.1:0"}],
                     "services": services, **settings}
        self.process, self.port = None, None
        self.environment = None  # this process's
        self.write_file()

    # ---- its life ----

    def write_file(self):
        self.file.write_text(json.dumps(self.conf, indent=1))

    def start(self, healthy=True):
        if self.port:  # the same one after a restart
            self.conf["listen"][0]["address"] = f"127.0.0.1:{self.port}"
            self.write_file()
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([self.binary, "serve", "-c", str(self.file)], cwd="/", env=self.environment or environment(), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_until("the admin socket", self.answers, 30)
        listens = self.status()["listens"]
        self.port = int(listens[0].rsplit(":", 1)[1]) if listens else None
        if healthy:
            self.await_healthy()
        return self

    def answers(self):
        if self.process.poll() is not None:
            raise Fault(f"teal serve ended with {self.process.returncode}:\n{self.read_log()}")
        try:
            return self.api("GET", "/healthz")[0] == 200
        except OSError:
            return False

    def await_healthy(self):
        def healthy():
            return all(color["health"] == "healthy" for service in self.status()["services"].values() for color in service["colors"].values() if color["backends"])

        wait_until("every color healthy", healthy)

    def read_log(self):
        return self.log.read_text(errors="replace")

    def kill(self):
        self.process.kill()
        self.process.wait()

    def end(self, seconds=30):
        """SIGTERM, and what must hold after it."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise Fault(f"teal serve did not end within {seconds} s of SIGTERM:\n{self.read_log()}") from None
        self.check_log()
        if code != 0:
            raise Fault(f"teal serve ended with {code}:\n{self.read_log()}")
        if os.path.exists(self.socket):
            raise Fault("teal serve left its admin socket behind")

    def check_log(self):
        found = SANITIZED.search(self.read_log())
        if found:
            raise Fault(f"{found[0]} in the log of teal serve:\n{self.read_log()}")

    def clean(self):
        """Whatever happened: no process and no file is left."""
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if self.owns_folder:
            shutil.rmtree(self.folder, ignore_errors=True)

    # ---- talking to it ----

    def run(self, *words, timeout=120):
        done = subprocess.run([self.binary, *words], cwd="/", env={**(self.environment or environment()), "TEAL_ADMIN": self.socket}, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=timeout)
        return Result(done.returncode, done.stdout, done.stderr)

    def must(self, *words):
        result = self.run(*words)
        if result.code != 0:
            raise Fault(f"teal {' '.join(words)}: {result}")
        return result

    def api(self, method, path, body=None, timeout=70):
        connection = AdminConnection(self.socket, timeout)
        try:
            connection.request(method, path, json.dumps(body) if body is not None else None)
            answer = connection.getresponse()
            text = answer.read()
        finally:
            connection.close()
        return answer.status, json.loads(text) if text[:1] in (b"{", b"[") else text

    def status(self):
        return self.api("GET", "/v1/status")[1]

    def service(self, name="shop"):
        return self.status()["services"][name]

    def newest(self):
        """The newest deployment, or None."""
        found = self.api("GET", "/v1/deployments?limit=1")[1]["deployments"]
        return found[0] if found else None

    def deployment(self, id, until="ended", seconds=60):
        """The document of a deployment, once it has come so far."""
        end = time.monotonic() + seconds
        reached = {"switched": lambda one: one["in_force"], "drained": lambda one: one["drained_at"], "ended": lambda one: one["outcome"] != "running"}[until]
        while True:
            status, document = self.api("GET", f"/v1/deployments/{id}?until={until}&timeout_s=20")
            if status != 200:
                raise Fault(f"deployment {id}: {status} {document}")
            if reached(document) or document["outcome"] != "running":
                return document
            if time.monotonic() > end:
                raise Fault(f"deployment {id} is not {until} within {seconds} s: {document}")

    def await_history(self, id):
        """Until all that the daemon has of it by now is on disk: its events are read behind the writes."""
        status, document = self.api("GET", f"/v1/deployments/{id}?events=1")
        if status != 200 or not document["events"]:
            raise Fault(f"the history has nothing of {id}: {document}")

    def get(self, path="/", headers=None, timeout=30):
        """(status, header fields, body) of one request on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request("GET", path, headers=headers or {})
            answer = connection.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
        finally:
            connection.close()


def colors(blue, green, **more):
    """The services of one shop."""
    return {"shop": {"blue": {"version": "1", "backends": [one.address for one in blue]}, "green": {"version": "2", "backends": [one.address for one in green]},
                     "probe": {"path": "/health", "interval": "200ms", "timeout": "2s"}, **more}}


FAULTS = ("failed", "non_2xx", "refused", "closed", "reset", "timed_out", "truncated", "malformed", "mixed_up", "repeated", "wrong_body", "unsolicited", "anonymous",
          "wrong_color", "unshaken")


def faults_of(summary):
    """What a summary of the strict client holds against the proxy: {} when nothing."""
    found = {name: summary[name] for name in FAULTS if summary[name]}
    return {**found, "examples": summary["examples"]} if found else {}
