"""Raw-bytes cases: Upgrade and 101 (RFC 9110 section 7.8)."""
import re

from rawcase import ANY, CLOSED, MUST, OPEN, OURS, SHOULD, TUNNEL, Got, Rule, Says, Topic, broken, case, chunked, get, head, ok, passed, post
from rawpeer import AWAIT, BODY, CLOSE, ECHO, FIN, HEAD, PAUSE

ASKS = get("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13")
SWITCHES = head("HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
NAMED = re.compile("(?i)upgrade")
SWITCHED = Says(101, has={"Upgrade": "websocket", "Connection": NAMED, "Sec-WebSocket-Accept": ANY})


def tunnel(name, send, script, *talk, answers=(SWITCHED,), **more):
    return case(name, send, script, list(answers), [Got(**more)], after=TUNNEL, talk=talk)


TOPIC = Topic("upgrade", "Upgrade", [
    Rule("Upgrade passes with its own Connection, and so does 101", "9110 7.8", MUST, "passed on; from then on bytes both ways", [
        tunnel("upgrade", ASKS, [SWITCHES, ECHO], ("ping", "ping"), ("more\r\n\r\n", "more\r\n\r\n"), has={"Upgrade": "websocket", "Connection": NAMED,
             "Sec-WebSocket-Version": "13"}),
        tunnel("upgrade-in-list", get("Connection: keep-alive, Upgrade", "Upgrade: websocket"), [SWITCHES, ECHO], ("ping", "ping"), has={"Upgrade": "websocket",
             "Connection": NAMED}),
        tunnel("upgrade-other-protocol", get("Connection: upgrade", "Upgrade: foo/2"), [head("HTTP/1.1 101 S", "Upgrade: foo/2", "Connection: upgrade"), ECHO],
             ("x", "x"),
               answers=[Says(101, has={"Upgrade": "foo/2", "Connection": NAMED})], has={"Upgrade": "foo/2"}),
        tunnel("upgrade-bytes-like-a-request", ASKS, [SWITCHES, ECHO], (get(target="/smuggled"), get(target="/smuggled"))),
        tunnel("upgrade-bytes-with-the-101", ASKS, [SWITCHES + "hello", ECHO], ("", "hello"), ("ping", "ping")),
        tunnel("upgrade-bytes-with-the-request", ASKS + "early", [SWITCHES, ECHO], ("", "early"), ("ping", "ping")),
        tunnel("upgrade-after-interim", ASKS, [head("HTTP/1.1 103 Early Hints") + SWITCHES, ECHO], ("ping", "ping"), answers=[Says(103), SWITCHED]),
        tunnel("upgrade-post", post("hello", "Connection: upgrade", "Upgrade: websocket"), [SWITCHES, ECHO], ("ping", "ping"), body="hello"),
        tunnel("upgrade-chunked", chunked("2\r\nhi\r\n0\r\n\r\n", "Connection: upgrade", "Upgrade: websocket"), [SWITCHES, ECHO], ("ping", "ping"), body="hi"),
        tunnel("upgrade-101-with-length", ASKS, [head("HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: upgrade", "Content-Length: 5"),
             ECHO], ("longer than five", "longer than five"),
               answers=[Says(101, lacks=("Content-Length",))]),
        tunnel("upgrade-101-with-coding", ASKS, [head("HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: upgrade",
             "Transfer-Encoding: chunked"), ECHO], ("ping", "ping"),
               answers=[Says(101, lacks=("Transfer-Encoding",))]),
        tunnel("upgrade-protocol-in-other-case", get("Connection: upgrade", "Upgrade: WebSocket"), [SWITCHES, ECHO], ("ping", "ping")),
        tunnel("upgrade-one-of-several", get("Connection: upgrade", "Upgrade: foo/1, websocket"), [SWITCHES, ECHO], ("ping", "ping"),
             has={"Upgrade": "foo/1, websocket"}),
        tunnel("upgrade-in-two-lines", get("Connection: upgrade", "Upgrade: foo/1", "Upgrade: websocket"), [SWITCHES, ECHO], ("ping", "ping"),
             has={"Upgrade": ["foo/1", "websocket"]}),
        case("upgrade-expect", [head("POST /x HTTP/1.1", "Host: a", "Content-Length: 5", "Expect: 100-continue", "Connection: upgrade", "Upgrade: websocket"),
             AWAIT, "hello"],
             [HEAD, head("HTTP/1.1 100 Continue"), BODY, SWITCHES, ECHO], [Says(100), SWITCHED], [Got(body="hello")], after=TUNNEL, talk=[("ping", "ping")]),
        case("upgrade-client-half-closes", [ASKS, AWAIT, "last", FIN], [SWITCHES, PAUSE, "words", CLOSE], [SWITCHED], [Got()], after=TUNNEL, talk=[("", "words")]),
        case("upgrade-backend-half-closes", ASKS, [SWITCHES + "that is all", FIN, ECHO], [SWITCHED], [Got()], after=TUNNEL, talk=[("", "that is all"),
             ("and more", "")]),
        case("upgrade-backend-closes", ASKS, [SWITCHES + "bye", CLOSE], [SWITCHED], [Got()], after=TUNNEL, talk=[("", "bye")]),
    ], why="The peers refuse a body beside Upgrade or an interim answer before 101; both are allowed."),
    Rule("an Upgrade that is not taken is an ordinary request", "9110 7.8", MUST, "answered as any", [
        passed("upgrade-not-taken", ASKS, answers=[Says(200, "ok", lacks=("Upgrade", "Connection"))]),
        passed("upgrade-refused", ASKS, script=ok(status="403 Forbidden"), answers=[Says(403, "ok")]),
        case("upgrade-not-taken-and-pipelined", ASKS + get(target="/y"), ok(), [Says(200), Says(200)], [Got(), Got("GET /y HTTP/1.1")]),
        passed("upgrade-required", get(), script=ok("Upgrade: foo/2", "Connection: upgrade", status="426 Upgrade Required"),
               answers=[Says(426, "ok", has={"Upgrade": "foo/2", "Connection": NAMED})]),
    ]),
    Rule("Upgrade without Connection: upgrade is not for us to pass", "9110 7.6.1, 7.8", MUST, "removed", [
        passed("upgrade-not-named", get("Upgrade: websocket"), lacks=("Upgrade", "Connection")),
        passed("upgrade-named-but-missing", get("Connection: upgrade"), lacks=("Upgrade", "Connection")),
        passed("upgrade-other-named", get("Upgrade: websocket", "Connection: keep-alive"), lacks=("Upgrade", "Connection")),
    ], why="Upgrade is meant for the next neighbour only where Connection says so."),
    Rule("Upgrade in HTTP/1.0 is ignored", "9110 7.8", MUST, "removed", [
        passed("upgrade-in-1.0", head("GET /x HTTP/1.0", "Host: a", "Connection: upgrade", "Upgrade: websocket"), lacks=("Upgrade", "Connection"), after=CLOSED),
        passed("upgrade-in-1.0-keep-alive", head("GET /x HTTP/1.0", "Host: a", "Connection: keep-alive, upgrade", "Upgrade: websocket"), lacks=("Upgrade",
             "Connection"), after=OPEN),
    ], why="An HTTP/1.0 client does not know what it would be getting."),
    Rule("Upgrade: h2c is not passed on", "9113 3.1", OURS, "removed, and HTTP2-Settings with it", [
        passed("upgrade-h2c", get("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABk"), lacks=("Upgrade", "Connection",
             "HTTP2-Settings")),
        passed("upgrade-h2c-among-others", get("Connection: Upgrade", "Upgrade: websocket, h2c"), lacks=("Upgrade", "Connection")),
    ], why="Behind it a client would reach paths that are routed to another service, seen by nobody."),
    Rule("101 is only for a client that asked, and names the protocol that it asked for", "9110 7.8, 15.2.2", MUST, "502", [
        broken("switch-unasked", [SWITCHES, ECHO]),
        broken("switch-unasked-post", [SWITCHES, ECHO], send=post("x")),
        broken("switch-upgrade-not-named", [SWITCHES, ECHO], send=get("Upgrade: websocket")),
        broken("switch-unasked-in-1.0", [SWITCHES, ECHO], send=head("GET /x HTTP/1.0", "Host: a", "Connection: upgrade", "Upgrade: websocket"), after=CLOSED),
        broken("switch-h2c", [head("HTTP/1.1 101 Switching Protocols", "Upgrade: h2c", "Connection: upgrade"), ECHO], send=get("Connection: Upgrade",
             "Upgrade: h2c")),
        broken("switch-without-upgrade", [head("HTTP/1.1 101 Switching Protocols", "Connection: upgrade"), ECHO], send=ASKS),
        broken("switch-to-another-protocol", [head("HTTP/1.1 101 Switching Protocols", "Upgrade: foo", "Connection: upgrade"), ECHO], send=ASKS),
    ], why="A client that did not ask would read the new protocol as HTTP."),
    Rule("a switched connection is never used again", "9110 7.8", SHOULD, "closed, both", [
        case("upgrade-then-next", ASKS, [SWITCHES, ECHO], [SWITCHED], [Got()], after=TUNNEL, talk=[("a", "a")]),
    ]),
])
