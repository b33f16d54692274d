"""The lines of the comparison: what is asked of the proxies, and how they are set up for it.

A line has points (one, mostly); each point is a load and a setup. All proxies of all points of a line run at the same time and are measured in turn.
"""
import dataclasses

from peers import Setup

BROWSER = (
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36",
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8", "Accept-Language: en-GB,en;q=0.9,de;q=0.8",
    "Accept-Encoding: gzip, deflate, br", "Cache-Control: no-cache", "Pragma: no-cache", "DNT: 1", "Upgrade-Insecure-Requests: 1",
    "Sec-Fetch-Dest: document", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Site: same-origin", "Sec-Fetch-User: ?1",
    'Sec-Ch-Ua: "Chromium";v="120", "Not A Brand";v="24"', "Sec-Ch-Ua-Mobile: ?0", 'Sec-Ch-Ua-Platform: "Linux"',
    "Referer: https://shop.example.com/catalogue/category/17?page=2&sort=price", "Origin: https://shop.example.com",
    "Cookie: session=5f2b9c1e7a8d4e6f90ab12cd34ef56ab; theme=dark; consent=all; cart=3; _seen=1712345678.42", "Priority: u=0, i",
)
SHARES = {"half": 0.5, "quarter": 0.25}  # kinds of load at a constant rate
ALL = ("floor", "haproxy", "nginx", "h2o", "caddy", "teal")
LONG = ("floor", "haproxy", "haproxy-splice", "nginx", "h2o", "caddy", "teal")
RIVALS = ("floor", "haproxy", "nginx", "teal")
OVER_TLS = ("haproxy", "nginx", "teal")
OVER_TLS_LONG = ("haproxy", "haproxy-splice", "nginx", "teal")  # for its larger buffers: nothing is spliced into TLS


@dataclasses.dataclass(frozen=True)
class Load:
    """What clients do. `full`: as fast as answers come (wrk). `held`: the same, where opening the connections of both sides is not counted (metronome).
    `half`, `quarter`: at this share of the rate of which the better peer is capable, the same for all (metronome). `new`, `resumed`: a new connection over TLS for each request, with a whole handshake or by a ticket (greeter).
    `idle`: connections that carry one request each and then nothing."""
    kind: str = "full"
    path: str = "/64B"
    connections: int = 64
    version: str = "TLSv1.3"  # over TLS, of full; "": whatever OpenSSL offers by itself
    fields: tuple = ()  # of full, as the one below
    upload: int = 0  # bytes of each request's body
    hosts: int = 0  # asked in turn; of held, half and quarter
    switches: int = 0  # of the live color while the load is on; of half and quarter


@dataclasses.dataclass(frozen=True)
class Point:
    load: Load
    setup: Setup = Setup()
    proxies: tuple = None  # those of the line


@dataclasses.dataclass(frozen=True)
class Line:
    what: str
    points: dict  # by name
    proxies: tuple = ALL
    grows: bool = False  # the points are compared with the first one
    windows: int = 0  # of each round, instead of one measurement: points and proxies are measured in turn; where it grows, latencies are compared with those of the first point, too
    window_s: float = 1

    def proxies_of(self, point):
        return point.proxies or self.proxies


def line(what, load, proxies=ALL, setup=Setup()):
    return Line(what, {"": Point(load, setup)}, proxies)


def connections(count):
    return Point(Load("held", connections=count), Setup(connections=count))


def services(count):
    return Point(Load("held", hosts=count), Setup(services=count, probe_interval="1h"))


def backends(count):
    return Point(Load("held"), Setup(backends=count, probe_interval="1h"))


def workers(count):
    return Point(Load("half"), Setup(workers=count, shared_cores=True))


LINES = {
    "64B": line("64 B body, keep-alive, 64 connections", Load()),
    "bare": line("the same; peers add no fields of forwarding and no id, teal does", Load(), ("haproxy", "nginx", "teal"), Setup(fields=False)),
    "browser": line("a browser's request (900 B in 20 fields), keep-alive, 64 connections", Load(fields=BROWSER)),
    "10K": line("10 KiB body, keep-alive, 64 connections", Load(path="/10K")),
    "64K": line("64 KiB body, keep-alive, 64 connections", Load(path="/64K"), LONG),
    "1M": line("1 MiB body, keep-alive, 16 connections", Load(path="/1M", connections=16), LONG),
    "100M": line("100 MiB body, keep-alive, 4 connections", Load(path="/100M", connections=4), LONG),
    "up64K": line("upload of 64 KiB, keep-alive, 64 connections", Load(path="/upload", upload=64 << 10), LONG),
    "up1M": line("upload of 1 MiB, keep-alive, 16 connections", Load(path="/upload", connections=16, upload=1 << 20), LONG),
    "newconn": line("a new connection for each request, 64 at a time", Load(fields=("Connection: close",)), ALL[1:]),  # the floor would open two
    "latency": Line("64 B at half the load of which the better peer is capable; direct is the origin without a proxy", {"": Point(Load("half"))},
                    ("direct", "floor", "haproxy", "nginx", "h2o", "teal"), windows=40, window_s=0.25),  # it may be all that Caddy can do
    "connections": Line("growth with connections, all of them busy; beside the floor with as many", {str(n): connections(n) for n in (1, 100, 1000, 5000)}, RIVALS, True),
    "services": Line("growth with services, each asked in turn", {str(n): services(n) for n in (1, 100, 1000)}, RIVALS[1:], True),
    "backends": Line("growth with backends of a service, by least connections", {str(n): backends(n) for n in (2, 20, 200)}, RIVALS[1:], True),
    "workers": Line("one worker and two at the same rate", {str(n): workers(n) for n in (1, 2)}, RIVALS[1:], True),
    "features": Line("64 B with features off and on; bare: a probe an hour, no log; probes: one a second; log: both", {
        "bare": Point(Load(), Setup(probe_interval="1h")),
        "probes": Point(Load(), Setup(), ("haproxy", "teal")),
        "log": Point(Load(), Setup(log=True)),
    }, RIVALS[1:], True),
    "rehearsal": Line("64 B at a quarter of the load of which teal is capable; none: no rehearsal; again: nor here, to see what chance makes of it; well: a tenth of the requests are to be copied to the "
                      "other color; hangs: that never answers", {
        "none": Point(Load("quarter")),
        "again": Point(Load("quarter")),
        "well": Point(Load("quarter"), Setup(rehearsal="well")),
        "hangs": Point(Load("quarter"), Setup(rehearsal="hangs")),
    }, ("teal",), True, windows=60, window_s=0.25),
    "switches": Line("64 B at half the load of which teal is capable; none: no switches; again: nor here, to see what chance makes of it; one: a switch in each second", {
        "none": Point(Load("half")),
        "again": Point(Load("half")),
        "one": Point(Load("half", switches=1)),
    }, ("teal",), True, windows=20),
    "idle": line("resident memory of an idle keep-alive connection that carried a request", Load("idle", connections=9000), ("haproxy", "nginx", "h2o", "teal"),
                 Setup(connections=9000)),
    "tls": line("TLS 1.3: 64 B body, keep-alive, 64 connections", Load(), OVER_TLS, Setup(tls="ecdsa")),
    "tls-1M": line("TLS 1.3: 1 MiB body, keep-alive, 16 connections", Load(path="/1M", connections=16), OVER_TLS_LONG, Setup(tls="ecdsa")),
    "tls-new": line("TLS 1.3: a new connection for each request, full handshakes, ECDSA P-256, 64 at a time", Load("new"), OVER_TLS, Setup(tls="ecdsa")),
    "tls-rsa": line("TLS 1.3: the same with RSA of 2048 bits", Load("new"), OVER_TLS, Setup(tls="rsa")),
    "tls-resumed": line("TLS 1.3: a new connection for each request, resumed by a ticket, 64 at a time", Load("resumed"), OVER_TLS, Setup(tls="ecdsa")),
    "tls-behind": line("TLS 1.3 to the backend: 64 B body, keep-alive, 64 connections in clear", Load(), OVER_TLS, Setup(tls_behind=True)),
    "tls-12": line("TLS 1.2: 64 B body, keep-alive, 64 connections", Load(version="TLSv1.2"), OVER_TLS, Setup(tls="ecdsa")),
    "tls-default": line("TLS as client and proxy agree by themselves: 64 B body, keep-alive, 64 connections", Load(version=""), OVER_TLS, Setup(tls="ecdsa")),
    "tls-idle": line("TLS 1.3: resident memory of an idle keep-alive connection that carried a request", Load("idle", connections=10000), OVER_TLS,
                     Setup(connections=10000, tls="ecdsa")),
}
