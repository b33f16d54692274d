"""Who watches from outside: a client that looks a name up again as its TTL demands, and a health checker that asks a URL. Each is one thread that ends with its `with`."""
import http.client
import random
import threading
import time
import urllib.parse

import dns.exception

CONNECT_S = 4.0  # and as long for the answer


class Watcher:
    """A subclass has step() -> seconds until the next one. What it did not mean to raise, stop() raises."""

    def __init__(self):
        self.ended, self.failure = threading.Event(), None
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def step(self):
        raise NotImplementedError

    def _run(self):
        try:
            while not self.ended.wait(self.step()):
                pass
        except Exception as error:
            self.failure = error

    def stop(self):
        self.ended.set()
        self.thread.join()
        if self.failure:
            raise self.failure

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


class Follower(Watcher):
    """Keeps a resolver's answer for as long as its TTL says and no longer; `used` is which address it decided for, and when: (monotonic, value).

    An answer's age counts from when it was asked for. A resolver counts in whole seconds: what is left of a TTL of n may end n + 1 after it was told.
    """

    def __init__(self, resolver, name, kind="A", every_s=0.02, seed=1):
        self.resolver, self.name, self.kind, self.every_s, self.random = resolver, name, kind, every_s, random.Random(seed)
        self.until, self.values, self.used, self.failed = 0.0, [], [], []
        super().__init__()

    def step(self):
        at = time.monotonic()
        if at >= self.until:
            self.values = []
            try:
                rcode, ttl, self.values, _ = self.resolver.ask(self.name, self.kind, seconds=5.0)
            except (dns.exception.DNSException, OSError):
                rcode, ttl = None, None
            if not self.values:
                self.failed.append((at, rcode))
                return self.every_s
            self.until = at + ttl
        self.used.append((at, self.random.choice(self.values)))
        return self.every_s

    def since(self, at):
        """All values that it used from then on."""
        return {value for when, value in list(self.used) if when >= at}

    def last(self, value):
        """When it last used a value, or None."""
        return max((when for when, used in list(self.used) if used == value), default=None)


class Checker(Watcher):
    """One checker of a health check: `healthy` turns after `threshold` results in a row that say so, 2xx or 3xx or not; `inverted` tells the opposite of what it sees.
    To be put in World.health under its id. `turned` is when: (monotonic, healthy)."""

    def __init__(self, url, every_s=10.0, threshold=3, inverted=False):
        self.url, self.every_s, self.threshold, self.inverted = urllib.parse.urlsplit(url), every_s, threshold, inverted
        self.seen, self.run, self.turned, self.asked = True, 0, [], 0
        super().__init__()

    @property
    def healthy(self):
        return self.seen != self.inverted

    def _ask(self):
        connection = http.client.HTTPConnection(self.url.netloc, timeout=CONNECT_S)
        try:
            connection.request("GET", self.url.path or "/", headers={"User-Agent": "Amazon-Route53-Health-Check-Service (ref 0)", "Connection": "close"})
            return 200 <= connection.getresponse().status < 400
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def step(self):
        good = self._ask()
        self.run = 0 if good == self.seen else self.run + 1
        if self.run >= self.threshold:
            self.seen, self.run = good, 0
            self.turned.append((time.monotonic(), self.healthy))
        self.asked += 1
        return self.every_s
