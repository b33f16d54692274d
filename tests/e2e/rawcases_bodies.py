"""Raw-bytes cases: bodies of answers, and those that end too early (RFC 9112 sections 7 and 8)."""
from rawcase import CLOSED, MUST, OPEN, Rule, Says, Topic, answered, get, head, ok, ok_chunked, post
from rawpeer import CLOSE, FIN, PAUSE, RESET, SEEN

OLD = head("GET /x HTTP/1.0", "Host: a")
OLD_KEEP = head("GET /x HTTP/1.0", "Host: a", "Connection: keep-alive")
CUT = Says(200, cut=True)


def cut(name, script, send=get()):
    """The head has passed when the fault is found, so the client must see that the body is not whole."""
    return answered(name, script, CUT, send=send, after=CLOSED)


def bad_chunk(name, coded):
    return cut(name, [head("HTTP/1.1 200 OK", "Transfer-Encoding: chunked"), SEEN, coded, PAUSE, CLOSE])


TOPIC = Topic("answer-bodies", "Bodies of answers", [
    Rule("chunks pass, with their extensions and trailers", "9112 7.1", MUST, "passed on as they came", [
        answered("answer-chunks", ok_chunked("2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"), Says(200, "hello")),
        answered("answer-chunk-none", ok_chunked("0\r\n\r\n"), Says(200, "")),
        answered("answer-chunk-hex", ok_chunked("00a\r\n0123456789\r\n00\r\n\r\n"), Says(200, "0123456789")),
        answered("answer-chunk-extension", ok_chunked('5;a="b;c"\r\nhello\r\n0;d\r\n\r\n'), Says(200, "hello")),
        answered("answer-chunk-large", ok_chunked("30d40\r\n" + "c" * 200000 + "\r\n0\r\n\r\n"), Says(200, "c" * 200000)),
        answered("answer-chunks-like-an-answer", ok_chunked(f"{len(ok()):x}\r\n{ok()}\r\n0\r\n\r\n"), Says(200, ok())),
        answered("answer-chunks-slow", [ok_chunked("2\r\nhe\r\n"), PAUSE, "3\r\nll", PAUSE, "o\r\n0\r\n", PAUSE, "\r\n"], Says(200, "hello")),
        answered("answer-trailers", ok_chunked("2\r\nok\r\n0\r\nX-Sum: 1\r\n\r\n", "Trailer: X-Sum"), Says(200, "ok", has={"Trailer": "X-Sum"}, lacks=("X-Sum",
             ), trailers={"x-sum": "1"}),
                 send=get("TE: trailers", "Connection: TE")),
        answered("answer-trailers-unasked", ok_chunked("2\r\nok\r\n0\r\nX: y\r\n\r\n"), Says(200, "ok", lacks=("X",))),
        answered("answer-trailer-named-in-connection", ok_chunked("2\r\nok\r\n0\r\nX-A: b\r\n\r\n", "Connection: x-a"), Says(200, "ok", trailers={},
             lacks=("X-A",))),
        answered("answer-to-post", ok_chunked("2\r\nok\r\n0\r\n\r\n"), Says(200, "ok"), send=post("hello")),
    ], why="Chunks pass likewise; trailers pass too, but for those that Connection names."),
    Rule("an answer that ends before its Content-Length is incomplete, and seen to be", "9112 8", MUST, "closed before its length", [
        cut("cut-length", [head("HTTP/1.1 200 OK", "Content-Length: 10") + "hello", CLOSE]),
        cut("cut-length-huge", [head("HTTP/1.1 200 OK", "Content-Length: 4611686018427387904") + "hello", CLOSE]),
        cut("cut-length-no-byte", [head("HTTP/1.1 200 OK", "Content-Length: 10"), CLOSE]),
        cut("cut-length-half-close", [head("HTTP/1.1 200 OK", "Content-Length: 10") + "hello", FIN]),
        cut("cut-length-reset", [head("HTTP/1.1 200 OK", "Content-Length: 10") + "hello", SEEN, RESET]),
        cut("cut-length-later", [head("HTTP/1.1 200 OK", "Content-Length: 10") + "hell", PAUSE, "o", PAUSE, CLOSE]),
        cut("cut-length-last-byte", [head("HTTP/1.1 200 OK", "Content-Length: 10") + "123456789", CLOSE]),
        cut("cut-length-to-1.0", [head("HTTP/1.1 200 OK", "Content-Length: 10") + "hello", CLOSE], OLD),
        cut("cut-length-to-1.0-keep-alive", [head("HTTP/1.1 200 OK", "Content-Length: 10") + "hello", CLOSE], OLD_KEEP),
        cut("cut-length-of-1.0", [head("HTTP/1.0 200 OK", "Content-Length: 10") + "hello", CLOSE]),
        cut("cut-length-to-post", [head("HTTP/1.1 200 OK", "Content-Length: 10") + "hello", CLOSE], post("x")),
        answered("cut-length-of-error", [head("HTTP/1.1 500 Bad", "Content-Length: 10") + "hello", CLOSE], Says(500, cut=True), after=CLOSED),
        cut("cut-length-and-pipelined", [head("HTTP/1.1 200 OK", "Content-Length: 10") + "hello", CLOSE], get() + get(target="/y")),
    ]),
    Rule("an answer in chunks that ends before the last one is incomplete, and seen to be", "9112 8", MUST, "closed without the last chunk", [
        cut("cut-chunk", [ok_chunked("5\r\nhel"), CLOSE]),
        cut("cut-chunk-huge", [ok_chunked("7ffffffffffffff\r\nhello"), CLOSE]),
        cut("cut-between-chunks", [ok_chunked("5\r\nhello\r\n"), CLOSE]),
        cut("cut-chunk-size", [ok_chunked("5\r\nhello\r\n5"), CLOSE]),
        cut("cut-before-any-chunk", [ok_chunked(""), CLOSE]),
        cut("cut-chunk-end", [ok_chunked("5\r\nhello"), CLOSE]),
        cut("cut-last-chunk", [ok_chunked("5\r\nhello\r\n0"), CLOSE]),
        cut("cut-last-chunk-line", [ok_chunked("5\r\nhello\r\n0\r\n"), CLOSE]),
        cut("cut-last-line-end", [ok_chunked("5\r\nhello\r\n0\r\n\r"), CLOSE]),
        cut("cut-trailers", [ok_chunked("5\r\nhello\r\n0\r\nX: y\r\n"), CLOSE]),
        cut("cut-chunk-reset", [ok_chunked("5\r\nhello\r\n"), SEEN, RESET]),
        cut("cut-chunk-half-close", [ok_chunked("5\r\nhello\r\n"), FIN]),
        cut("cut-chunk-to-1.0", [ok_chunked("5\r\nhello\r\n"), CLOSE], OLD),
        cut("cut-chunk-data-to-1.0", [ok_chunked("5\r\nhel"), PAUSE, CLOSE], OLD),
        cut("cut-chunk-later", [ok_chunked("5\r\nhello\r\n"), PAUSE, "3\r\nab", PAUSE, CLOSE]),
    ], why="What came is a part, and must look like one."),
    Rule("an answer that its connection delimits is incomplete after a reset", "9112 8", MUST, "HTTP/1.1 gets no last chunk, HTTP/1.0 a reset", [
        cut("cut-until-close", [head("HTTP/1.1 200 OK") + "hello", SEEN, RESET]),
        cut("cut-until-close-of-1.0", [head("HTTP/1.0 200 OK") + "hello", SEEN, RESET]),
        cut("cut-until-close-to-1.0", [head("HTTP/1.1 200 OK") + "hello", SEEN, RESET], OLD),
    ], why="A reset is no end: what came is a part, and the client must be able to see that."),
    Rule("malformed chunks never pass as a complete body", "9112 7.1", MUST, "closed without the last chunk", [
        bad_chunk("answer-size-not-hexadecimal", "g\r\nhello\r\n0\r\n\r\n"),
        bad_chunk("answer-size-empty", "\r\nhello\r\n0\r\n\r\n"),
        bad_chunk("answer-size-minus", "-5\r\nhello\r\n0\r\n\r\n"),
        bad_chunk("answer-size-0x", "0x5\r\nhello\r\n0\r\n\r\n"),
        bad_chunk("answer-size-overflow", "10000000000000005\r\nhello\r\n0\r\n\r\n"),
        bad_chunk("answer-size-lf", "5\nhello\r\n0\r\n\r\n"),
        bad_chunk("answer-data-too-long", "5\r\nhello!\r\n0\r\n\r\n"),
        bad_chunk("answer-data-too-short", "5\r\nhell\r\n0\r\n\r\n"),
        bad_chunk("answer-data-lf", "5\r\nhello\n0\r\n\r\n"),
        bad_chunk("answer-extension-lf", "5;a\nb\r\nhello\r\n0\r\n\r\n"),
        bad_chunk("answer-extension-too-long", "5;" + "a" * 3000 + "\r\nhello\r\n0\r\n\r\n"),
        bad_chunk("answer-second-size-bad", "5\r\nhello\r\nx\r\nhello\r\n0\r\n\r\n"),
        bad_chunk("answer-trailer-no-colon", "5\r\nhello\r\n0\r\nX\r\n\r\n"),
        bad_chunk("answer-trailer-folded", "5\r\nhello\r\n0\r\nX: y\r\n z\r\n\r\n"),
        bad_chunk("answer-trailer-nul", "5\r\nhello\r\n0\r\nX: \x00\r\n\r\n"),
        bad_chunk("answer-trailer-length", "5\r\nhello\r\n0\r\nContent-Length: 3\r\n\r\n"),
        bad_chunk("answer-trailer-coding", "5\r\nhello\r\n0\r\nTransfer-Encoding: x\r\n\r\n"),
    ], why="A body whose end can't be told must not seem to have one."),
    Rule("what lies behind an answer's end belongs to nobody", "9112 6.3, 9.2", MUST, "dropped, and the backend's connection closed", [
        answered("surplus-behind-length", ok() + "surplus", Says(200, "ok"), after=OPEN),
        answered("surplus-behind-chunks", ok_chunked("2\r\nok\r\n0\r\n\r\n") + "surplus", Says(200, "ok"), after=OPEN),
        answered("surplus-behind-head", ok(), Says(200, "", to_head=True), send=get(method="HEAD"), after=OPEN),
        answered("surplus-behind-204", head("HTTP/1.1 204 No Content") + ok(body="wrong"), Says(204), after=OPEN),
        answered("surplus-behind-304", head("HTTP/1.1 304 Not Modified") + ok(body="wrong"), Says(304), after=OPEN),
        answered("surplus-behind-length-zero", ok(body="") + ok(body="wrong"), Says(200, ""), after=OPEN),
        answered("surplus-line-end", ok(body="") + "\r\n\r\n", Says(200, ""), after=OPEN),
    ]),
])
