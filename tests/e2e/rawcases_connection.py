"""Raw-bytes cases: Connection, hop-by-hop fields, persistence (RFC 9110 section 7.6.1, RFC 9112 section 9)."""
import re

from rawcase import ANY, CLOSED, EITHER, MUST, OPEN, OURS, SHOULD, Got, Rule, Says, Topic, answered, broken, case, get, head, ok, ok_chunked, passed, post, refused
from rawpeer import CLOSE, PAUSE

CLOSES = {"Connection": "close"}
KEEPS = {"Connection": re.compile("(?i)keep-alive")}


def dropped(name, *fields, gone, has=None, **more):
    return passed(name, get(*fields), "GET /x HTTP/1.1", has=has, lacks=gone, **more)


TOPIC = Topic("connection", "Connection and hop-by-hop fields", [
    Rule("Connection itself is removed from a request", "9110 7.6.1", MUST, "removed", [
        dropped("connection-keep-alive", "Connection: keep-alive", gone=("Connection",)),
        dropped("connection-close", "Connection: close", gone=("Connection",), after=CLOSED),
        dropped("connection-unknown", "Connection: x-unknown", gone=("Connection",)),
        dropped("connection-empty", "Connection:", gone=("Connection",)),
        dropped("connection-commas", "Connection: , ,", gone=("Connection",)),
        dropped("connection-twice", "Connection: keep-alive", "Connection: x", gone=("Connection",)),
    ]),
    Rule("the fields that it names are removed from a request", "9110 7.6.1", MUST, "removed; more than 64 names are answered 431", [
        dropped("named", "Connection: x-a", "X-A: b", "X-C: d", gone=("X-A",), has={"X-C": "d"}),
        dropped("named-before", "X-A: b", "Connection: x-a", gone=("X-A",)),
        dropped("named-in-other-case", "Connection: X-a", "x-A: b", gone=("X-A",)),
        dropped("named-list", "Connection: x-a,x-b ,\tx-c", "X-A: 1", "X-B: 2", "X-C: 3", "X-D: 4", gone=("X-A", "X-B", "X-C"), has={"X-D": "4"}),
        dropped("named-in-two-lines", "Connection: x-a", "X-A: 1", "X-B: 2", "Connection: x-b", gone=("X-A", "X-B")),
        dropped("named-lines-of-same-name", "X-A: 1", "Connection: x-a", "X-A: 2", "X-A: 3", gone=("X-A",)),
        dropped("named-with-close", "Connection: close, x-a", "X-A: b", gone=("X-A", "Connection"), after=CLOSED),
        dropped("named-with-keep-alive", "Connection: Keep-Alive, X-A", "X-A: b", gone=("X-A", "Connection")),
        dropped("named-with-empty-members", "Connection: ,, x-a,,", "X-A: b", gone=("X-A",)),
        dropped("named-known-field", "Connection: referer, accept, user-agent", "Referer: r", "Accept: a", "User-Agent: u", gone=("Referer", "Accept",
             "User-Agent")),
        dropped("named-cookie", "Connection: cookie", "Cookie: c=1", gone=("Cookie",)),
        dropped("named-authorization", "Connection: authorization", "Authorization: Basic YQ==", gone=("Authorization",)),
        dropped("named-proxy-authorization", "Connection: proxy-authorization", "Proxy-Authorization: Basic YQ==", gone=("Proxy-Authorization",)),
        dropped("named-cache-control", "Connection: cache-control, pragma", "Cache-Control: no-store", "Pragma: p", gone=("Cache-Control", "Pragma")),
        dropped("named-range", "Connection: range, if-match", "Range: bytes=0-1", "If-Match: *", gone=("Range", "If-Match")),
        dropped("named-te", "Connection: te", "TE: gzip", gone=("TE", "Connection")),
        dropped("named-expect", "Connection: expect", "Expect: 100-continue", gone=("Expect",)),
        dropped("named-http2-settings", "Connection: HTTP2-Settings", "HTTP2-Settings: AAMAAABk", gone=("HTTP2-Settings",)),
        dropped("named-prefix-only", "Connection: x-a", "X-AB: 1", "X: 2", gone=(), has={"X-AB": "1", "X": "2"}),
        dropped("named-content-type", "Connection: content-type", "Content-Type: a/b", gone=("Content-Type",)),
        refused("named-too-many", get("Connection: " + ", ".join(f"x-{i}" for i in range(65))), 431, after=EITHER),
        dropped("named-32", "Connection: " + ", ".join(f"x-{i}" for i in range(32)), *(f"X-{i}: y" for i in range(32)), gone=tuple(f"X-{i}" for i in range(32))),
    ], why="The neighbour said that these fields are for us alone."),
    Rule("but never what the message can't do without, nor what we vouch for", "9110 7.6.1", OURS, "kept", [
        passed("named-host", get("Connection: host"), has={"Host": "a"}),
        passed("named-length", post("hello", "Connection: content-length"), body="hello", has={"Content-Length": "5"}),
        passed("named-forwarded-for", get("Connection: x-forwarded-for, x-forwarded-proto, x-forwarded-host"),
               has={"X-Forwarded-For": "127.0.0.1", "X-Forwarded-Proto": "http", "X-Forwarded-Host": "a"}),
        passed("named-via", get("Connection: via", "Via: 1.0 b"), has={"Via": ["1.0 b", ANY]}),
        passed("named-request-id", get("Connection: x-request-id", "X-Request-Id: r1"), has={"X-Request-Id": "r1"}),
        passed("named-max-forwards", get("Connection: max-forwards", "Max-Forwards: 3", method="TRACE"), has={"Max-Forwards": "2"}),
    ], why="A client could take away what its request is routed, framed or believed by."),
    Rule("hop-by-hop fields go even where Connection does not name them", "9110 7.6.1", SHOULD, "removed", [
        dropped("keep-alive-field", "Keep-Alive: timeout=5, max=10", gone=("Keep-Alive",)),
        dropped("proxy-connection", "Proxy-Connection: keep-alive", gone=("Proxy-Connection", "Connection")),
        dropped("te-other", "TE: gzip, deflate;q=0.5", gone=("TE", "Connection")),
        dropped("upgrade-unnamed", "Upgrade: websocket", gone=("Upgrade", "Connection")),
        dropped("all-hop-by-hop", "Keep-Alive: 1", "Proxy-Connection: x", "TE: deflate", "Upgrade: x", "Connection: y", gone=("Keep-Alive", "Proxy-Connection",
             "TE", "Upgrade", "Connection")),
    ], why="They speak of the client's connection, which the backend has no part in."),
    Rule("TE says what we take ourselves, and is named in Connection", "9110 10.1.4", MUST, "`TE: trailers` where the client sent it, nothing else", [
        passed("te-trailers", get("TE: trailers", "Connection: TE"), has={"TE": "trailers", "Connection": re.compile("(?i)te")}),
        passed("te-trailers-among-others", get("TE: gzip, trailers", "Connection: te"), has={"TE": "trailers"}),
        passed("te-trailers-in-1.0", head("GET /x HTTP/1.0", "Host: a", "TE: trailers"), lacks=("TE",), after=CLOSED),
    ], why="A backend may send trailers only to who takes them, and teal passes them to who asked."),
    Rule("Connection and what it names are removed from an answer", "9110 7.6.1", MUST, "removed; more than 64 names are answered 502", [
        answered("answer-named", ok("Connection: x-a", "X-A: b", "X-C: d"), Says(200, "ok", has={"X-C": "d"}, lacks=("X-A", "Connection"))),
        answered("answer-named-list", ok("X-A: b", "Connection: keep-alive, x-a, X-B", "x-b: c"), Says(200, "ok", lacks=("X-A", "X-B", "Connection"))),
        answered("answer-named-in-two-lines", ok("Connection: x-a", "Connection: x-b", "X-A: 1", "X-B: 2"), Says(200, "ok", lacks=("X-A", "X-B", "Connection"))),
        answered("answer-named-set-cookie", ok("Connection: set-cookie", "Set-Cookie: c=1"), Says(200, "ok", lacks=("Set-Cookie",))),
        answered("answer-named-server", ok("Connection: server", "Server: s"), Says(200, "ok", lacks=("Connection",))),
        answered("answer-named-with-close", ok("Connection: close, x-a", "X-A: b"), Says(200, "ok", lacks=("X-A", "Connection"))),
        answered("answer-named-coding", ok_chunked("2\r\nok\r\n0\r\n\r\n", "Connection: transfer-encoding"), Says(200, "ok")),
        broken("answer-named-too-many", ok("Connection: " + ", ".join(f"x-{i}" for i in range(65)))),
        answered("answer-named-length", ok("Connection: content-length"), Says(200, "ok")),
        answered("answer-keep-alive-field", ok("Keep-Alive: timeout=5", "Connection: keep-alive"), Says(200, "ok", lacks=("Keep-Alive", "Connection"))),
        answered("answer-proxy-connection", ok("Proxy-Connection: close"), Says(200, "ok", lacks=("Proxy-Connection", "Connection"))),
        answered("answer-upgrade-offered", ok("Upgrade: h2c", "Connection: upgrade"), Says(200, "ok", lacks=("Upgrade", "Connection"))),
        answered("answer-te", ok("TE: trailers"), Says(200, "ok", lacks=("TE",))),
    ], why="The backend said that these fields are for us alone."),
    Rule("a backend that closes closes its own connection, not the client's", "9110 7.6.1, 9112 9.3", MUST, "the client's stays open", [
        answered("backend-close", [ok("Connection: close"), CLOSE], Says(200, "ok", lacks=("Connection",))),
        answered("backend-close-said-late", [ok("Connection: close"), PAUSE, CLOSE], Says(200, "ok", lacks=("Connection",))),
        answered("backend-close-not-done", ok("Connection: close"), Says(200, "ok", lacks=("Connection",))),
        answered("backend-close-unsaid", [ok(), CLOSE], Says(200, "ok", lacks=("Connection",))),
        answered("backend-close-in-upper-case", [ok("CONNECTION: CLOSE"), CLOSE], Says(200, "ok", lacks=("Connection",))),
        answered("backend-1.0", [head("HTTP/1.0 200 OK", "Content-Length: 2") + "ok", CLOSE], Says(200, "ok", lacks=("Connection",))),
        answered("backend-1.0-keep-alive", head("HTTP/1.0 200 OK", "Content-Length: 2", "Connection: keep-alive", "Keep-Alive: 5") + "ok", Says(200, "ok",
             lacks=("Keep-Alive",))),
        answered("backend-1.0-not-closed", head("HTTP/1.0 200 OK", "Content-Length: 2") + "ok", Says(200, "ok")),
    ], why="The client's connection and the backend's have nothing to do with each other."),
    Rule("a connection persists in HTTP/1.1", "9112 9.3", SHOULD, "kept open", [
        passed("persists", get(), answers=[Says(200, "ok", lacks=("Connection",))]),
        passed("persists-proxy-connection", get("Proxy-Connection: close"), answers=[Says(200, "ok")]),
        passed("persists-keep-alive", get("Connection: keep-alive"), answers=[Says(200, "ok")]),
        passed("persists-after-post", post("hello"), body="hello", answers=[Says(200, "ok")]),
        passed("persists-after-head", head("HEAD /x HTTP/1.1", "Host: a"), script=head("HTTP/1.1 200 OK", "Content-Length: 9"), answers=[Says(200, "",
             to_head=True)]),
    ]),
    Rule("close ends it after the answer, and is said there", "9112 9.6", MUST, "`Connection: close`, then closed; nothing behind the request is read", [
        passed("close", get("Connection: close"), answers=[Says(200, "ok", has=CLOSES)], after=CLOSED),
        passed("close-upper-case", get("Connection: CLOSE"), answers=[Says(200, "ok", has=CLOSES)], after=CLOSED),
        passed("close-in-list", get("Connection: x, close ,y"), answers=[Says(200, "ok", has=CLOSES)], after=CLOSED),
        passed("close-and-keep-alive", get("Connection: keep-alive, close"), answers=[Says(200, "ok", has=CLOSES)], after=CLOSED),
        passed("close-in-second-line", get("Connection: keep-alive", "Connection: close"), answers=[Says(200, "ok", has=CLOSES)], after=CLOSED),
        passed("close-with-body", post("hello", "Connection: close"), body="hello", answers=[Says(200, "ok", has=CLOSES)], after=CLOSED),
        passed("close-and-another-request", get("Connection: close") + get(target="/y"), "GET /x HTTP/1.1", answers=[Says(200, "ok")], after=CLOSED),
        passed("close-lookalike", get("Connection: closed, x-close"), answers=[Says(200, "ok")], after=OPEN),
    ]),
    Rule("HTTP/1.0 closes unless keep-alive was asked for and is answered", "9112 9.3", MUST, "kept open with `Connection: keep-alive`, where asked for", [
        passed("1.0-closes", head("GET /x HTTP/1.0", "Host: a"), answers=[Says(200, "ok")], after=CLOSED),
        passed("1.0-keep-alive", head("GET /x HTTP/1.0", "Host: a", "Connection: keep-alive"), answers=[Says(200, "ok", has=KEEPS)]),
        passed("1.0-keep-alive-upper-case", head("GET /x HTTP/1.0", "Host: a", "Connection: Keep-Alive"), answers=[Says(200, "ok", has=KEEPS)]),
        passed("1.0-keep-alive-and-close", head("GET /x HTTP/1.0", "Host: a", "Connection: keep-alive, close"), answers=[Says(200, "ok")], after=CLOSED),
        passed("1.0-proxy-connection", head("GET /x HTTP/1.0", "Host: a", "Proxy-Connection: keep-alive"), answers=[Says(200, "ok")], after=CLOSED),
        passed("1.0-keep-alive-field-alone", head("GET /x HTTP/1.0", "Host: a", "Keep-Alive: 300"), answers=[Says(200, "ok")], after=CLOSED),
        passed("1.0-and-another-request", head("GET /x HTTP/1.0", "Host: a") + get(target="/y"), "GET /x HTTP/1.1", answers=[Says(200, "ok")], after=CLOSED),
    ]),
    Rule("an idle backend connection on which bytes come has nothing to say", "9112 9.2", MUST, "closed; the next request takes another", [
        case("surplus-bytes-behind-answer", get(), ok() + "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwrong", [Says(200, "ok")], [Got("GET /x HTTP/1.1")]),
        case("surplus-answer-later", get(), [ok(), PAUSE, ok(body="wrong")], [Says(200, "ok")], [Got("GET /x HTTP/1.1")]),
        case("surplus-line", get(), ok() + "\r\n", [Says(200, "ok")], [Got("GET /x HTTP/1.1")]),
        case("surplus-error-at-timeout", get(), [ok(), PAUSE, head("HTTP/1.1 408 Request Timeout", "Content-Length: 0", "Connection: close"), CLOSE], [Says(200,
             "ok")], [Got()]),
    ]),
])
