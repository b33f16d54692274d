"""What teal is told to do under a load, over its admin socket: switches, so many, evenly spread over its seconds, back and forth; a rehearsal."""
import http.client
import json
import os
import socket
import threading
import time

SERVICE = "bench0"


class Admin(http.client.HTTPConnection):
    """A connection to the admin socket."""

    def __init__(self, path):
        super().__init__("localhost", timeout=10)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)

    def ask(self, method, path, body=None):
        self.request(method, path, json.dumps(body) if body is not None else None)
        answer = self.getresponse()
        text = answer.read()
        if answer.status >= 300:
            raise OSError(f"{method} {path}: {answer.status} {text.decode(errors='replace')}")
        return json.loads(text)


def switch(admin):
    """One switch to the idle color, to its very end."""
    deployment = admin.ask("POST", f"/v1/services/{SERVICE}/switch", {"bake_s": 0})["deployment"]
    document = admin.ask("GET", f"/v1/deployments/{deployment}?until=ended&timeout_s=10")
    if document["outcome"] != "promoted":
        raise OSError(f"the switch ended as {document['outcome']}: {document['detail']}")


def rehearse(path, share):
    """Begins to copy this share of the requests to the idle color, for longer than any bench takes."""
    admin, end = Admin(path), time.monotonic() + 10
    while admin.ask("GET", f"/v1/services/{SERVICE}")["colors"]["green"]["health"] != "healthy" and time.monotonic() < end:
        time.sleep(0.05)
    admin.ask("POST", f"/v1/services/{SERVICE}/rehearse", {"to": "green", "share": share, "for_s": 7200})
    admin.close()


class Flips:
    """Goes on in a thread of its own on these cores; finish() says how many switches there were."""

    def __init__(self, path, count, seconds, cores):
        self.path, self.count, self.seconds, self.cores, self.done, self.fault = path, count, seconds, cores, 0, None
        self.thread = threading.Thread(target=self.run)

    def run(self):
        os.sched_setaffinity(0, self.cores)  # this thread's
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))  # it shares the load's core, and what it takes of it would be the requests' delay
        admin, began = Admin(self.path), time.monotonic()
        try:
            for number in range(self.count):
                time.sleep(max(0, began + number * self.seconds / self.count - time.monotonic()))
                switch(admin)
                self.done += 1
        except (OSError, http.client.HTTPException) as fault:
            self.fault = fault
        finally:
            admin.close()

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.thread.join()

    def finish(self):
        self.thread.join()
        if self.fault:
            raise SystemExit(f"bench: {self.fault}")
        return self.done
