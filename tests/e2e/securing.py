"""TLS in front of a daemon, behind it, or on both sides, for the long proofs: what the daemon, its backends and its clients have to be told of it."""
import contextlib
import tempfile

import daemon as rig
import tlsing

WHERE = ("front", "behind", "both")


class Clear:
    """What everybody has to be told where there is none."""
    scheme, backend, strict, color, context = "http", (), (), {}, None

    def __init__(self):
        self.listen = [{"address": "127.0.0.1:0"}]


class Secure(Clear):
    """And where there is: in front, behind, or on both sides. Certificates are believed because of their authority, and checked for their name."""

    def __init__(self, folder, where):
        super().__init__()
        authority = tlsing.Authority(folder)
        if where != "behind":
            self.scheme, self.listen = "https", [tlsing.listener(authority.issue("site"))]
            self.strict, self.context = ("--tls", authority.file, "--host", tlsing.NAME), tlsing.context(authority)
        if where != "front":
            pair = authority.issue("backend", ["backend.example"])
            self.backend = ("--certificate", str(pair.certificate), "--key", str(pair.key))
            self.color = {"tls": {"ca": str(authority.file), "name": "backend.example"}}


@contextlib.contextmanager
def sides(where):
    """`where`: front, behind, both; None: none."""
    if not where:
        yield Clear()
        return
    with tempfile.TemporaryDirectory(prefix="teal-tls-") as folder:
        yield Secure(folder, where)


def colors(blue, green, secure, **more):
    made = rig.colors(blue, green, **more)
    for color in ("blue", "green"):
        made["shop"][color].update(secure.color)
    return made
