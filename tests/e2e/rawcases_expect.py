"""Raw-bytes cases: Expect and interim answers (RFC 9110 sections 10.1.1 and 15.2)."""
from rawcase import CLOSED, MAY, MUST, OPEN, Got, Rule, Says, Topic, answered, case, chunked, get, head, ok, passed, post, refused
from rawpeer import AWAIT, BODY, CLOSE, HEAD, PAUSE

CONTINUE = "HTTP/1.1 100 Continue\r\n\r\n"
HINTS = head("HTTP/1.1 103 Early Hints", "Link: </s.css>; rel=preload")
EXPECTING = head("POST /x HTTP/1.1", "Host: a", "Content-Length: 5", "Expect: 100-continue")
OLD = head("GET /x HTTP/1.0", "Host: a")

TOPIC = Topic("expect", "Expect and interim answers", [
    Rule("a request that expects 100 goes to the backend before its body came, and the 100 goes back", "9110 10.1.1", MUST, "passed on, both", [
        case("expect", [EXPECTING, AWAIT, "hello"], [HEAD, CONTINUE, BODY, ok()], [Says(100), Says(200, "ok")], [Got("POST /x HTTP/1.1", "hello",
             has={"Expect": "100-continue"})]),
        case("expect-chunked", [chunked("", "Expect: 100-continue"), AWAIT, "2\r\nhi\r\n0\r\n\r\n"], [HEAD, CONTINUE, BODY, ok()], [Says(100), Says(200, "ok")],
             [Got("POST /x HTTP/1.1", "hi")]),
        case("expect-upper-case", [head("POST /x HTTP/1.1", "Host: a", "Content-Length: 5", "EXPECT: 100-Continue"), AWAIT, "hello"], [HEAD, CONTINUE, BODY, ok()],
             [Says(100), Says(200, "ok")], [Got(body="hello")]),
        case("expect-and-hints", [EXPECTING, AWAIT, "hello"], [HEAD, CONTINUE + HINTS, BODY, ok()], [Says(100), Says(103), Says(200, "ok")], [Got(body="hello")]),
        case("expect-put", [head("PUT /x HTTP/1.1", "Host: a", "Content-Length: 5", "Expect: 100-continue"), AWAIT, "hello"], [HEAD, CONTINUE, BODY, ok()],
             [Says(100), Says(200, "ok")], [Got("PUT /x HTTP/1.1", "hello")]),
        case("expect-late-100", [EXPECTING, AWAIT, "hello"], [HEAD, PAUSE, CONTINUE, BODY, PAUSE, ok()], [Says(100), Says(200, "ok")], [Got(body="hello")]),
    ]),
    Rule("a client that does not wait is served all the same", "9110 10.1.1", MUST, "passed on", [
        case("expect-unwaited", EXPECTING + "hello", [HEAD, CONTINUE, BODY, ok()], [Says(100), Says(200, "ok")], [Got(body="hello")]),
        case("expect-unwaited-no-100", EXPECTING + "hello", ok(), [Says(200, "ok")], [Got(body="hello")]),
        case("expect-and-pipelined", EXPECTING + "hello" + get(target="/y"), [[HEAD, CONTINUE, BODY, ok()], [ok(body="two")]], [Says(100), Says(200, "ok"),
             Says(200, "two")],
             [Got(body="hello"), Got("GET /y HTTP/1.1")]),
    ]),
    Rule("a final answer in place of 100 reaches the client, which need not send the body", "9110 10.1.1", MUST, "passed on with `Connection: close`", [
        case("expect-refused", EXPECTING, [HEAD, ok(status="417 Expectation Failed")], [Says(417, "ok", has={"Connection": "close"})], [Got(body="", cut=True)],
             after=CLOSED),
        case("expect-redirected", EXPECTING, [HEAD, ok("Location: /y", status="307 Temporary Redirect")], [Says(307, "ok", has={"Location": "/y"})],
             [Got(cut=True)], after=CLOSED),
        case("expect-unauthorized", EXPECTING, [HEAD, ok("Connection: close", status="401 Unauthorized"), CLOSE], [Says(401, "ok")], None, after=CLOSED),
        case("expect-200-at-once", EXPECTING, [HEAD, ok()], [Says(200, "ok")], [Got(cut=True)], after=CLOSED),
    ], why="The body was never sent, or is still to come: the connection can't carry another request, and the client should know."),
    Rule("an answer of our own may come in place of 100 too", "9110 10.1.1", MUST, "answered without a 100, closed", [
        refused("expect-refused-here", head("POST https://b/x HTTP/1.1", "Host: a", "Content-Length: 5", "Expect: 100-continue"), 421),
        refused("expect-refused-for-its-length", head("POST /x HTTP/1.1", "Host: a", "Content-Length: x", "Expect: 100-continue")),
    ], why="Where the answer is known, there is nothing to wait for, and the body would be in its way."),
    Rule("an expectation without a body to wait for is no hindrance", "9110 10.1.1", MAY, "passed on", [
        case("expect-on-get", get("Expect: 100-continue"), ok(), [Says(200, "ok")], [Got("GET /x HTTP/1.1")]),
        case("expect-on-get-with-100", get("Expect: 100-continue"), CONTINUE + ok(), [Says(100), Says(200, "ok")], [Got("GET /x HTTP/1.1")]),
        case("expect-length-zero", post("", "Expect: 100-continue"), ok(), [Says(200, "ok")], [Got(body="")]),
    ]),
    Rule("an expectation in HTTP/1.0 is ignored", "9110 10.1.1", MUST, "removed, and no 100 sent", [
        passed("expect-in-1.0", head("POST /x HTTP/1.0", "Host: a", "Content-Length: 5", "Expect: 100-continue") + "hello", body="hello", lacks=("Expect",),
             after=CLOSED,
               script=[HEAD, CONTINUE, BODY, ok()], answers=[Says(200, "ok")]),
        passed("expect-unknown-in-1.0", head("GET /x HTTP/1.0", "Host: a", "Expect: x"), lacks=("Expect",), after=CLOSED),
    ], why="HTTP/1.0 clients take a 100 for the answer."),
    Rule("another expectation is answered 417", "9110 10.1.1", MAY, "417", [
        refused("expect-unknown", get("Expect: the-best"), 417, after=OPEN),
        refused("expect-parameter", get("Expect: 100-continue;x=y"), 417, after=OPEN),
        refused("expect-list", get("Expect: 100-continue, more"), 417, after=OPEN),
        refused("expect-other-number", get("Expect: 200-ok"), 417, after=OPEN),
        refused("expect-unknown-with-body", post("hello", "Expect: x"), 417, after=CLOSED),
    ], why="An expectation that nobody here knows is not met by passing it on and hoping."),
    Rule("interim answers are passed on, whether or not one was asked for", "9110 15.2", MUST, "passed on at once, fields and all", [
        answered("interim-100", CONTINUE + ok(), Says(100), Says(200, "ok")),
        answered("interim-102", head("HTTP/1.1 102 Processing") + ok(), Says(102), Says(200, "ok")),
        answered("interim-103", HINTS + ok(), Says(103, has={"Link": "</s.css>; rel=preload"}), Says(200, "ok")),
        answered("interim-unknown", head("HTTP/1.1 199 Odd", "X: y") + ok(), Says(199, has={"X": "y"}), Says(200, "ok")),
        answered("interim-several", CONTINUE + HINTS + HINTS + ok(), Says(100), Says(103), Says(103), Says(200, "ok")),
        answered("interim-ten", HINTS * 10 + ok(), *[Says(103)] * 10, Says(200, "ok")),
        answered("interim-apart", [HINTS, PAUSE, HINTS, PAUSE, ok()], Says(103), Says(103), Says(200, "ok")),
        answered("interim-before-error", HINTS + ok(status="500 Internal Server Error"), Says(103), Says(500, "ok")),
        answered("interim-before-204", CONTINUE + head("HTTP/1.1 204 No Content"), Says(100), Says(204)),
        answered("interim-before-head", HINTS + head("HTTP/1.1 200 OK", "Content-Length: 5"), Says(103), Says(200, "", to_head=True),
             send=head("HEAD /x HTTP/1.1", "Host: a")),
        answered("interim-before-chunks", HINTS + head("HTTP/1.1 200 OK", "Transfer-Encoding: chunked") + "2\r\nok\r\n0\r\n\r\n", Says(103), Says(200, "ok")),
        answered("interim-to-post", CONTINUE + ok(), Says(100), Says(200, "ok"), send=post("hello")),
        case("interim-passes-at-once", [get(), AWAIT], [HINTS, PAUSE, ok()], [Says(103), Says(200, "ok")], None),
        case("interim-of-pipelined", get() + get(target="/y"), HINTS + ok(), [Says(103), Says(200, "ok"), Says(103), Says(200, "ok")], [Got(),
             Got("GET /y HTTP/1.1")]),
    ]),
    Rule("an interim answer has no body, whatever its fields say", "9110 8.6, 9112 6.3", MUST, "Content-Length and Transfer-Encoding removed", [
        answered("interim-with-length", head("HTTP/1.1 103 Early Hints", "Content-Length: 0") + ok(), Says(103, lacks=("Content-Length",)), Says(200, "ok")),
        answered("interim-with-large-length", head("HTTP/1.1 103 Early Hints", "Content-Length: 50") + ok(), Says(103, lacks=("Content-Length",)), Says(200, "ok")),
        answered("interim-with-coding", head("HTTP/1.1 100 Continue", "Transfer-Encoding: chunked") + ok(), Says(100, lacks=("Transfer-Encoding",)), Says(200,
             "ok")),
    ]),
    Rule("its hop-by-hop fields go as those of any answer", "9110 7.6.1", MUST, "removed", [
        answered("interim-connection", head("HTTP/1.1 103 Early Hints", "Connection: x-a", "X-A: b", "X-C: d") + ok(), Says(103, has={"X-C": "d"}, lacks=("X-A",
             "Connection")),
                 Says(200, "ok")),
        answered("interim-connection-close", head("HTTP/1.1 100 Continue", "Connection: close") + ok(), Says(100, lacks=("Connection",)), Says(200, "ok")),
        answered("interim-keep-alive", head("HTTP/1.1 103 Early Hints", "Keep-Alive: timeout=1") + ok(), Says(103, lacks=("Keep-Alive",)), Says(200, "ok")),
    ], why="An interim answer crosses the same two connections as a final one."),
    Rule("HTTP/1.0 knows no interim answers", "9110 15.2", MUST, "not passed on", [
        answered("interim-to-1.0", CONTINUE + HINTS + ok(), Says(200, "ok"), send=OLD, after=CLOSED),
        answered("interim-to-1.0-keep-alive", HINTS + ok(), Says(200, "ok"), send=head("GET /x HTTP/1.0", "Host: a", "Connection: keep-alive")),
    ], why="HTTP/1.0 clients take it for the answer."),
    Rule("what follows an interim answer must be an answer", "9110 15.2", MUST, "502 to the request, after the interim answer", [
        answered("interim-then-close", [HINTS, CLOSE], Says(103), Says(502), send=post("x")),
        answered("interim-then-garbage", HINTS + "garbage\r\n\r\n", Says(103), Says(502)),
        answered("interim-then-part-of-head", [HINTS + "HTTP/1.1 200 OK\r\nConte", CLOSE], Says(103), Says(502), send=post("x")),
    ], why="The client can still be told; an interim answer is not the beginning of a final one."),
    Rule("interim answers that are malformed are faulty answers", "9112 4, 5", MUST, "502", [
        answered("interim-malformed-field", "HTTP/1.1 103 Early Hints\r\nLink\r\n\r\n" + ok(), Says(502)),
        answered("interim-bare-lf", "HTTP/1.1 103 Early Hints\nLink: x\n\n" + ok(), Says(502)),
    ], why="Nothing that is malformed passes, early or late."),
])
