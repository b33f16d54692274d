"""Raw-bytes cases: answers before the request is over, half-closed clients, pipelining, messages in pieces (RFC 9112 section 9)."""
from rawcase import CLOSED, EITHER, GONE, MUST, OPEN, OURS, SHOULD, UNFINISHED, Got, Rule, Says, Topic, case, chunked, get, head, ok, ok_chunked, post
from rawpeer import AWAIT, BODY, CLOSE, FIN, HEAD, PAUSE, RESET

LONG = "b" * 5000




EARLY = Topic("early", "Answers before the request's end", [
    Rule("an answer that comes before the body's end reaches the client, which is told that the connection closes", "9112 9.3, 9.6", MUST,
         "passed on with `Connection: close`", [
        case("early-answer", [head("POST /x HTTP/1.1", "Host: a", "Content-Length: 100") + "part", AWAIT], [HEAD, ok(status="413 Content Too Large")],
             [Says(413, "ok", has={"Connection": "close"})], [Got(cut=True)], after=CLOSED),
        case("early-answer-before-any-body", [head("POST /x HTTP/1.1", "Host: a", "Content-Length: 100"), AWAIT], [HEAD, ok(status="401 Unauthorized")],
             [Says(401, "ok", has={"Connection": "close"})], [Got(cut=True)], after=CLOSED),
        case("early-answer-to-chunks", [chunked("5\r\nhello\r\n"), AWAIT], [HEAD, ok(status="400 Bad Request")], [Says(400, "ok")], [Got(cut=True)], after=CLOSED),
        case("early-answer-in-chunks", [head("POST /x HTTP/1.1", "Host: a", "Content-Length: 100"), AWAIT], [HEAD, ok_chunked("2\r\nok\r\n0\r\n\r\n")],
             [Says(200, "ok")],
             [Got(cut=True)], after=CLOSED),
        case("early-204", [head("POST /x HTTP/1.1", "Host: a", "Content-Length: 100"), AWAIT], [HEAD, head("HTTP/1.1 204 No Content")], [Says(204)],
             [Got(cut=True)], after=CLOSED),
        case("early-answer-and-close", [head("POST /x HTTP/1.1", "Host: a", "Content-Length: 100") + "part", AWAIT], [HEAD, ok("Connection: close",
             status="413 Too Large"), CLOSE],
             [Says(413, "ok")], None, after=CLOSED),
        case("early-answer-never-read-as-next", [head("POST /x HTTP/1.1", "Host: a", "Content-Length: 60"), AWAIT, get(target="/smuggled")[:60].ljust(60)],
             [HEAD, ok(status="403 Forbidden")], [Says(403, "ok")], UNFINISHED, after=CLOSED),
    ], why="The rest of the body would be read as the next request, or waited for in vain."),
    Rule("who answers before he has read everything reads on for a while, so that the answer arrives", "9112 9.6", SHOULD,
         "half-closes, reads for up to 2 s, closes", [
        case("early-answer-long-body", head("POST /x HTTP/1.1", "Host: a", "Content-Length: 1000000") + "b" * 500000, [HEAD,
             ok(status="413 Content Too Large")], [Says(413, "ok")], UNFINISHED, after=CLOSED),
        case("refused-long-body", head("POST /x HTTP/1.1", "Host: a b", "Content-Length: 1000000") + "b" * 500000, answers=[Says(400)], requests=[], after=CLOSED),
        case("refused-in-long-body", chunked("x\r\n" + "b" * 500000), answers=[Says(400)], requests=UNFINISHED, after=CLOSED),
    ], why="A close with bytes unread resets the connection, and the reset destroys the answer on its way."),
    Rule("a body that is sent on while the answer comes arrives whole", "9112 9.3", SHOULD, "both directions at once", [
        case("answer-while-body-comes", [head("POST /x HTTP/1.1", "Host: a", "Content-Length: 5") + "he", AWAIT], [HEAD, head("HTTP/1.1 103 Early Hints"),
             PAUSE, ok()],
             [Says(103), Says(200, "ok")], [Got(cut=True)], after=CLOSED),
        case("answer-begins-before-body-ends", [head("POST /x HTTP/1.1", "Host: a", "Content-Length: 5") + "he", PAUSE, PAUSE, "llo"],
             [HEAD, head("HTTP/1.1 200 OK", "Content-Length: 5") + "ab", BODY, "cde"], [Says(200, "abcde")], [Got(body="hello")], after=EITHER),
        case("answer-begins-before-chunks-end", [chunked("2\r\nhe\r\n"), PAUSE, PAUSE, "3\r\nllo\r\n0\r\n\r\n"], [HEAD, ok_chunked("2\r\nab\r\n"), BODY,
             "0\r\n\r\n"], [Says(200, "ab")],
             [Got(body="hello")], after=EITHER),
    ], why="Waiting for the whole body first would hold back an answer that is there."),
    Rule("a backend that ends in the middle of a request gave no answer", "9110 15.6.3", OURS, "502", [
        case("backend-closes-during-body", [head("POST /x HTTP/1.1", "Host: a", "Content-Length: 5") + "he", PAUSE, PAUSE, "llo"], [HEAD, CLOSE], [Says(502)],
             None, after=EITHER),
        case("backend-resets-during-body", [head("POST /x HTTP/1.1", "Host: a", "Content-Length: 5") + "he", PAUSE, PAUSE, "llo"], [HEAD, RESET], [Says(502)],
             None, after=EITHER),
        case("backend-cuts-answer-during-body", [head("POST /x HTTP/1.1", "Host: a", "Content-Length: 100") + "he", AWAIT], [HEAD, head("HTTP/1.1 200 OK",
             "Content-Length: 10") + "he", CLOSE],
             [Says(200, cut=True)], None, after=CLOSED),
    ], why="The client is told what happened, as long as nothing of an answer has passed."),
])

HALF = Topic("half-close", "Half-closed connections", [
    Rule("a client that has sent its FIN still gets its answer", "9112 9.6", OURS, "answered, then closed", [
        case("half-close", [get(), FIN], ok(), [Says(200, "ok")], [Got("GET /x HTTP/1.1")], after=CLOSED),
        case("half-close-later", [get(), PAUSE, FIN], [PAUSE, PAUSE, ok()], [Says(200, "ok")], [Got()], after=CLOSED),
        case("half-close-slow-answer", [get(), FIN], [PAUSE, ok_chunked("2\r\nab\r\n"), PAUSE, "2\r\ncd\r\n0\r\n\r\n"], [Says(200, "abcd")], [Got()], after=CLOSED),
        case("half-close-until-close", [get(), FIN], [head("HTTP/1.1 200 OK") + "he", PAUSE, "llo", CLOSE], [Says(200, "hello")], [Got()], after=CLOSED),
        case("half-close-post", [post("hello"), FIN], ok(), [Says(200, "ok")], [Got(body="hello")], after=CLOSED),
        case("half-close-chunks", [chunked("2\r\nhi\r\n0\r\n\r\n"), FIN], ok(), [Says(200, "ok")], [Got(body="hi")], after=CLOSED),
        case("half-close-pipelined", [get() + get(target="/y"), FIN], ok(), [Says(200, "ok"), Says(200, "ok")], [Got(), Got("GET /y HTTP/1.1")], after=CLOSED),
        case("half-close-pipelined-three", [get() + post("hi") + get(target="/z"), FIN], [[PAUSE, ok()], [ok()]], [Says(200), Says(200), Says(200)],
             [Got(), Got(body="hi"), Got("GET /z HTTP/1.1")], after=CLOSED),
        case("half-close-1.0", [head("GET /x HTTP/1.0", "Host: a"), FIN], ok(), [Says(200, "ok")], [Got()], after=CLOSED),
        case("half-close-head", [get(method="HEAD"), FIN], head("HTTP/1.1 200 OK", "Content-Length: 5"), [Says(200, "", to_head=True)],
             [Got("HEAD /x HTTP/1.1")], after=CLOSED),
        case("half-close-interim", [get(), FIN], [head("HTTP/1.1 103 Early Hints"), PAUSE, ok()], [Says(103), Says(200, "ok")], [Got()], after=CLOSED),
        case("half-close-faulty-answer", [get(), FIN], "garbage\r\n\r\n", [Says(502)], None, after=CLOSED),
        case("half-close-refused", [head("GET /x HTTP/1.1"), FIN], ok(), [Says(400)], [], after=CLOSED),
        case("half-close-long-answer", [get(), FIN], ok(body="b" * 300000), [Says(200, "b" * 300000)], [Got()], after=CLOSED),
        case("half-close-close", [get("Connection: close"), FIN], ok(), [Says(200, "ok")], [Got()], after=CLOSED),
    ], why="FIN says that nothing more will be sent, not that nothing will be read."),
    Rule("a client that ends without a request is owed nothing", "9112 9.6", OURS, "closed", [
        case("end-without-a-byte", [FIN], answers=[], requests=[], after=CLOSED),
        case("end-after-empty-line", ["\r\n", FIN], answers=[], requests=[], after=CLOSED),
        case("end-between-requests", [get(), AWAIT, FIN], answers=[Says(200)], requests=[Got()], after=CLOSED),
    ]),
    Rule("a client that resets wants nothing more", "9112 9.6", OURS, "its request is given up, the backend's connection closed", [
        case("reset-after-request", [get(), PAUSE, RESET], [PAUSE, ok()], [], None, after=GONE),
        case("reset-in-body", [head("POST /x HTTP/1.1", "Host: a", "Content-Length: 10") + "hello", PAUSE, RESET], answers=[], requests=UNFINISHED, after=GONE),
        case("reset-in-head", ["GET /x HTTP/1.1\r\nHos", PAUSE, RESET], answers=[], requests=[], after=GONE),
        case("reset-in-answer", [get(), AWAIT, RESET], [head("HTTP/1.1 103 Early Hints"), PAUSE, ok(body="b" * 100000)], [Says(103)], None, after=GONE),
    ]),
    Rule("a backend that has sent its FIN behind its answer has answered", "9112 9.6", MUST, "passed on", [
        case("backend-half-close", get(), [ok(), FIN], [Says(200, "ok")], [Got()]),
        case("backend-half-close-chunks", get(), [ok_chunked("2\r\nok\r\n0\r\n\r\n"), FIN], [Says(200, "ok")], [Got()]),
        case("backend-half-close-before-body-came", [head("POST /x HTTP/1.1", "Host: a", "Content-Length: 5") + "he", AWAIT], [HEAD, ok(), FIN], [Says(200,
             "ok")], UNFINISHED, after=CLOSED),
    ], why="The body is no longer wanted, so the client's connection ends with the answer."),
])

PIPELINE = Topic("pipelining", "Pipelining", [
    Rule("requests that come together are answered in their order", "9112 9.3.2", MUST, "one after the other", [
        case("pipeline", get(target="/1") + get(target="/2") + get(target="/3"), [[ok(body="1")], [ok(body="2")], [ok(body="3")]], [Says(200, "1"), Says(200,
             "2"), Says(200, "3")],
             [Got("GET /1 HTTP/1.1"), Got("GET /2 HTTP/1.1"), Got("GET /3 HTTP/1.1")]),
        case("pipeline-slow-first", get(target="/1") + get(target="/2"), [[PAUSE, ok(body="1")], [ok(body="2")]], [Says(200, "1"), Says(200, "2")],
             [Got("GET /1 HTTP/1.1"), Got()]),
        case("pipeline-post-first", post("hello") + get(target="/2"), [[ok(body="1")], [ok(body="2")]], [Says(200, "1"), Says(200, "2")], [Got(body="hello"),
             Got("GET /2 HTTP/1.1")]),
        case("pipeline-posts", post("one") + post("two") + post("three"), ok(), [Says(200), Says(200), Says(200)], [Got(body="one"), Got(body="two"),
             Got(body="three")]),
        case("pipeline-heads", get(method="HEAD") + get(method="HEAD") + get(), [[head("HTTP/1.1 200 OK", "Content-Length: 9")], [head("HTTP/1.1 200 OK",
             "Content-Length: 8")], [ok()]],
             [Says(200, "", to_head=True, has={"Content-Length": "9"}), Says(200, "", to_head=True, has={"Content-Length": "8"}), Says(200, "ok")], [Got(),
             Got(), Got()]),
        case("pipeline-mixed-lengths", get() * 4, [[ok_chunked("1\r\n1\r\n0\r\n\r\n")], [ok(body="2")], [head("HTTP/1.1 304 Not Modified",
             "Content-Length: 5")], [head("HTTP/1.1 200 OK") + "4", CLOSE]],
             [Says(200, "1"), Says(200, "2"), Says(304), Says(200, "4")], [Got()] * 4),
        case("pipeline-empty-lines-between", get() + "\r\n\r\n" + get(target="/2"), ok(), [Says(200), Says(200)], [Got(), Got("GET /2 HTTP/1.1")]),
        case("pipeline-line-end-behind-body", post("hello") + "\r\n" + get(target="/2"), ok(), [Says(200), Says(200)], [Got(body="hello"), Got("GET /2 HTTP/1.1")]),
        case("pipeline-of-20", "".join(get(target=f"/{i}") for i in range(20)), ok(), [Says(200, "ok")] * 20, [Got(f"GET /{i} HTTP/1.1") for i in range(20)]),
        case("pipeline-long-bodies", post(LONG) + post(LONG + "c"), ok(), [Says(200), Says(200)], [Got(body=LONG), Got(body=LONG + "c")]),
        case("pipeline-cut-in-second", [get() + get(target="/2")[:12], PAUSE, get(target="/2")[12:]], ok(), [Says(200), Says(200)], [Got(), Got("GET /2 HTTP/1.1")]),
    ]),
    Rule("a faulty request behind good ones is answered in its turn", "9112 9.3.2", MUST, "they are answered, then 400 and close", [
        case("pipeline-bad-second", get() + "what\r\n\r\n", ok(), [Says(200, "ok"), Says(400)], [Got()], after=CLOSED),
        case("pipeline-bad-third", get() + get(target="/2") + get("X : y"), ok(), [Says(200), Says(200), Says(400)], [Got(), Got("GET /2 HTTP/1.1")], after=CLOSED),
        case("pipeline-bad-length-second", get() + head("POST /x HTTP/1.1", "Host: a", "Content-Length: x") + "hi", ok(), [Says(200, "ok"), Says(400)], [Got()],
             after=CLOSED),
        case("pipeline-behind-bad", get("X : y") + get(target="/2"), ok(), [Says(400)], [], after=CLOSED),
        case("pipeline-behind-bad-chunk", chunked("x\r\n" + get(target="/2")), ok(), [Says(400)], UNFINISHED, after=CLOSED),
    ]),
    Rule("a backend's fault concerns its request alone", "9112 9.3.2", OURS, "502 in its turn; the others get theirs", [
        case("pipeline-faulty-first-answer", post("1") + post("2"), [["garbage\r\n\r\n", CLOSE], [ok(body="2")]], [Says(502), Says(200, "2")], [Got(body="1"),
             Got(body="2")]),
        case("pipeline-faulty-second-answer", post("1") + post("2") + post("3"), [[ok(body="1")], [CLOSE], [ok(body="3")]], [Says(200, "1"), Says(502),
             Says(200, "3")],
             [Got(body="1"), Got(body="2"), Got(body="3")]),
        case("pipeline-backend-closes-each", get() * 3, [[ok("Connection: close"), CLOSE]], [Says(200, "ok")] * 3, [Got()] * 3),
        case("pipeline-backend-closes-unsaid", get() * 3, [[ok(), CLOSE]], [Says(200, "ok")] * 3, [Got()] * 3),
    ], why="The requests behind it are whole, and can be answered."),
    Rule("a request that is not safe is never sent twice", "9110 9.2.2", MUST,
         "502 to the one that the backend may have seen; GET, HEAD, OPTIONS and TRACE go once more", [
        case("repeat-not-post", post("1"), [CLOSE], [Says(502)], [Got(body="1")]),
        case("repeat-not-post-reset", post("1"), [RESET], [Says(502)], [Got(body="1")]),
        case("repeat-not-put", post("1", method="PUT"), [CLOSE], [Says(502)], [Got(body="1")]),
        case("repeat-not-unknown", get(method="BREW"), [CLOSE], [Says(502)], [Got()]),
        case("repeat-not-part-of-answer", get(), ["HTTP/1.1 200", CLOSE], [Says(502)], [Got()]),
        case("repeat-get", get(), [[CLOSE], [ok()]], [Says(200, "ok")], [Got(), Got()]),
        case("repeat-get-once", get(), [CLOSE], [Says(502)], [Got(), Got()]),
        case("repeat-get-after-interim", get(), [[head("HTTP/1.1 103 Early Hints"), CLOSE], [ok()]], [Says(103), Says(502)], [Got()]),
    ], why="Nobody can know whether the backend has done it."),
    Rule("what we refuse without losing the thread leaves the connection open", "9112 9.3", OURS, "answered, and the next request read", [
        case("pipeline-behind-417", get("Expect: x") + get(target="/2"), ok(), [Says(417), Says(200, "ok")], [Got("GET /2 HTTP/1.1")], after=OPEN),
        case("pipeline-behind-421", get(target="https://b/") + get(target="/2"), ok(), [Says(421), Says(200, "ok")], [Got("GET /2 HTTP/1.1")], after=OPEN),
    ], why="Both peers pass such requests on."),
])
