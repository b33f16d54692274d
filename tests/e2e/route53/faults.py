"""What a test makes the API do beside its work: refuse, hang, hang up, answer with something else, or have somebody else act in between.

A fault waits for the next requests of its operation (or of any) and is used up by `times` of them, before or after what was asked for is done.
"""
import threading
import time

from .refusals import Refusal
from .serving import Reply, Unanswered


class Fault:
    def __init__(self, operation, when, times, act):
        assert when in ("before", "after")
        self.operation, self.when, self.left, self.act = operation, when, times, act
        self.met = threading.Event()  # at least one request came to it
        self.released = threading.Event()  # of a hang: whoever waits is hung up on

    def release(self):
        self.released.set()


class Faults:
    def __init__(self):
        self.lock, self.planned = threading.Lock(), []

    def plan(self, operation, when, times, act):
        fault = Fault(operation, when, times, act)
        with self.lock:
            self.planned.append(fault)
        return fault

    def fail(self, code, status=500, message="", operation=None, when="before", times=1):
        """An error, in the usual form."""

        def act(_):
            raise Refusal(code, message or code, status=status)

        return self.plan(operation, when, times, act)

    def throttle(self, times=1, operation=None, status=400):
        return self.fail("Throttling", status, "Rate exceeded", operation, times=times)

    def prior(self, times=1, operation="ChangeResourceRecordSets"):
        return self.fail("PriorRequestNotComplete", 400, "The request was rejected because Route 53 was still processing a prior request.", operation, times=times)

    def reply(self, status, body, kind="text/html", operation=None, when="before", times=1):
        """What a proxy in between might say."""
        return self.plan(operation, when, times, lambda _: Reply(status, body, kind))

    def hang(self, operation=None, when="before", times=1):
        """No answer until fault.release() or the API stops; then the connection is closed."""

        def act(fault):
            raise Unanswered(fault.released)

        return self.plan(operation, when, times, act)

    def hang_up(self, operation=None, when="before", times=1):
        """The connection is closed without an answer."""

        def act(_):
            raise Unanswered()

        return self.plan(operation, when, times, act)

    def meanwhile(self, action, operation=None, when="before", times=1):
        """Somebody else acts: action() is called, and the request goes on."""
        return self.plan(operation, when, times, lambda _: action() and None)

    def clear(self):
        """No more of them. Who hangs already is not let go by this."""
        with self.lock:
            self.planned = []

    def meet(self, operation, when):
        """A Reply instead of the usual one, None to go on, or an exception: what faults have in store for this request."""
        met = []
        while fault := self._take(operation, when, met):
            met.append(fault)
            fault.met.set()
            reply = fault.act(fault)
            if reply:
                return reply
        return None

    def _take(self, operation, when, met):
        """The next fault that this request did not meet yet."""
        with self.lock:
            for fault in self.planned:
                if fault.when == when and fault.operation in (None, operation) and fault not in met:
                    fault.left -= 1
                    if fault.left <= 0:
                        self.planned.remove(fault)
                    return fault
        return None


class Bucket:
    """Tokens: `burst` at most, `rate` a second."""

    def __init__(self, burst, rate, monotonic=time.monotonic):
        self.burst, self.rate, self.monotonic, self.lock = burst, rate, monotonic, threading.Lock()
        self.tokens, self.at = burst, monotonic()

    def take(self, count=1):
        """Whether there were that many; if not, none is taken."""
        with self.lock:
            now = self.monotonic()
            self.tokens, self.at = min(self.burst, self.tokens + (now - self.at) * self.rate), now
            if count > self.tokens:
                return False
            self.tokens -= count
            return True
