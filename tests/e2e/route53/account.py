"""Who may ask: access keys with their secrets, session tokens and ends; and the clock by which all servers of the stand-in go."""
import dataclasses
import datetime
import secrets
import threading
import time

NUMBER = "123456789012"


class Clock:
    """`skew` is how many seconds the servers' clock is ahead of the machine's."""

    def __init__(self):
        self.skew = 0.0

    def now(self):
        return time.time() + self.skew

    def date(self, seconds=0.0):
        """Now, or so many seconds later, in UTC and whole milliseconds."""
        moment = datetime.datetime.fromtimestamp(self.now() + seconds, datetime.timezone.utc)
        return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def stamp(moment):
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03}Z"


@dataclasses.dataclass
class Identity:
    key: str
    secret: str = dataclasses.field(repr=False)
    token: str = dataclasses.field(default=None, repr=False)
    expires: datetime.datetime = None
    arn: str = f"arn:aws:iam::{NUMBER}:user/teal"
    denied: set = dataclasses.field(default_factory=set)  # operations, as in the model

    def environment(self):
        """What a client is started with."""
        found = {"AWS_ACCESS_KEY_ID": self.key, "AWS_SECRET_ACCESS_KEY": self.secret}
        return {**found, "AWS_SESSION_TOKEN": self.token} if self.token else found


class Account:
    def __init__(self, clock=None):
        self.clock = clock or Clock()
        self.lock = threading.Lock()
        self.identities = {}

    def issue(self, lifetime=None, token=None, arn=Identity.arn):
        """A new identity: for ever and without a token, or for `lifetime` seconds and with one."""
        temporary = lifetime is not None if token is None else token
        one = Identity(("ASIA" if temporary else "AKIA") + secrets.token_hex(8).upper(), secrets.token_urlsafe(30), arn=arn)
        if temporary:
            one.token = secrets.token_urlsafe(120) + "+/=="
        if lifetime is not None:
            one.expires = self.clock.date(lifetime)
        with self.lock:
            self.identities[one.key] = one
        return one

    def find(self, key):
        with self.lock:
            return self.identities.get(key)

    def expire(self, identity):
        """From now on its token is past its end."""
        identity.expires = self.clock.date(-1)

    def has_expired(self, identity):
        return identity.expires is not None and identity.expires <= self.clock.date()
