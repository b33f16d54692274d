"""Raw-bytes cases: heads and lengths of the backend's answers (RFC 9112 sections 4, 5 and 6)."""
from rawcase import CLOSED, MAY, MUST, OURS, SHOULD, Rule, Says, Topic, answered, broken, get, head, ok, ok_chunked, post
from rawpeer import CLOSE, FIN, PAUSE, RESET

HEAD_ = get(method="HEAD")
OLD = head("GET /x HTTP/1.0", "Host: a")
CHUNKS = "2\r\nok\r\n0\r\n\r\n"


def line(text):
    return f"{text}\r\nContent-Length: 2\r\n\r\nok"


def fields(*lines):
    return "\r\n".join(["HTTP/1.1 200 OK", "Content-Length: 2", *lines, "", "ok"])


def lengths(*values):
    return head("HTTP/1.1 200 OK", *(f"Content-Length: {value}" for value in values)) + "hello"


HEADS = Topic("answer-heads", "Heads of answers", [
    Rule("a status line is a version, a space, three digits, a space and a reason", "9112 4", MUST, "502 for what is not", [
        broken("status-not-http", line("what 200 OK")),
        broken("status-lower-case-version", line("http/1.1 200 OK")),
        broken("status-version-2", line("HTTP/2.0 200 OK")),
        broken("status-version-0.9", line("HTTP/0.9 200 OK")),
        broken("status-version-short", line("HTTP/1 200 OK")),
        broken("status-version-long", line("HTTP/1.10 200 OK")),
        broken("status-without-version", line("200 OK")),
        broken("status-icy", line("ICY 200 OK")),
        broken("status-two-spaces", line("HTTP/1.1  200 OK")),
        broken("status-tab", line("HTTP/1.1\t200 OK")),
        broken("status-tab-behind", line("HTTP/1.1 200\tOK")),
        broken("status-two-digits", line("HTTP/1.1 20 OK")),
        broken("status-four-digits", line("HTTP/1.1 2000 OK")),
        broken("status-letters", line("HTTP/1.1 2xx OK")),
        broken("status-minus", line("HTTP/1.1 -20 OK")),
        broken("status-missing", line("HTTP/1.1 OK")),
        broken("status-version-alone", line("HTTP/1.1")),
        broken("status-no-space-behind", line("HTTP/1.1 200OK")),
        broken("status-space-before", line(" HTTP/1.1 200 OK")),
        broken("status-empty-line-before", "\r\n" + line("HTTP/1.1 200 OK")),
        broken("status-control-in-reason", line("HTTP/1.1 200 O\x01K")),
        broken("status-nul-in-reason", line("HTTP/1.1 200 O\x00K")),
        broken("status-cr-in-reason", line("HTTP/1.1 200 O\rK")),
        broken("status-simple-answer", ["<html>no head at all</html>", CLOSE], send=post("x")),
    ], why="What can't be read as HTTP must not be passed on as if it could."),
    Rule("a status outside 100 to 599 is invalid, and as good as 5xx", "9110 15", SHOULD, "502", [
        broken("status-000", line("HTTP/1.1 000 Zero")),
        broken("status-099", line("HTTP/1.1 099 Low")),
        broken("status-600", line("HTTP/1.1 600 High")),
        broken("status-999", line("HTTP/1.1 999 Highest")),
    ], why="A status that no client can class is no answer."),
    Rule("valid and unknown statuses pass, with their reasons", "9110 15", MUST, "passed on", [
        answered("status-unknown-2xx", ok(status="299 Odd"), Says(299, "ok", reason="Odd")),
        answered("status-unknown-4xx", ok(status="477 Odd"), Says(477, "ok", reason="Odd")),
        answered("status-unknown-5xx", ok(status="599 Odd"), Says(599, "ok", reason="Odd")),
        answered("status-201", ok("Location: /y", status="201 Created"), Says(201, "ok", has={"Location": "/y"}), send=post("x")),
        answered("status-206", ok("Content-Range: bytes 0-1/9", status="206 Partial Content"), Says(206, "ok", has={"Content-Range": "bytes 0-1/9"})),
        answered("status-300", ok(status="300 Multiple Choices"), Says(300, "ok")),
        answered("status-401", ok("WWW-Authenticate: Basic realm=\"a\"", status="401 Unauthorized"), Says(401, "ok", has={"WWW-Authenticate": 'Basic realm="a"'})),
        answered("status-407", ok("Proxy-Authenticate: Basic", status="407 Proxy Authentication Required"), Says(407, "ok")),
        answered("status-503", ok("Retry-After: 5", status="503 Service Unavailable"), Says(503, "ok", has={"Retry-After": "5"})),
        answered("status-other-reason", ok(status="200 All is well"), Says(200, "ok")),
    ]),
    Rule("a reason may be empty, or hold 8-bit text", "9112 4", MUST, "passed on; the space before an empty one is put in where it is missing", [
        answered("reason-empty", line("HTTP/1.1 200 "), Says(200, "ok", reason="")),
        answered("reason-and-space-missing", line("HTTP/1.1 200"), Says(200, "ok", reason="")),
        answered("reason-8-bit", line("HTTP/1.1 200 \xc3\xa9t\xe9"), Says(200, "ok")),
        answered("reason-tab", line("HTTP/1.1 200 O\tK"), Says(200, "ok")),
        answered("reason-long", line("HTTP/1.1 200 " + "r" * 500), Says(200, "ok")),
    ]),
    Rule("the answer goes out in our own version", "9110 2.5", MUST, "HTTP/1.1", [
        answered("answer-in-1.0", [line("HTTP/1.0 200 OK"), CLOSE], Says(200, "ok")),
        answered("answer-in-1.2", line("HTTP/1.2 200 OK"), Says(200, "ok")),
        answered("answer-in-1.1-to-1.0", ok(), Says(200, "ok"), send=OLD, after=CLOSED),
    ]),
    Rule("white space before a colon is removed from an answer", "9112 5.1", MUST, "removed", [
        answered("answer-space-before-colon", fields("X : y"), Says(200, "ok", has={"X": "y"})),
        answered("answer-tab-before-colon", fields("X\t: y", "Z: z"), Says(200, "ok", has={"X": "y", "Z": "z"})),
        answered("answer-space-before-colon-of-length", head("HTTP/1.1 200 OK", "Content-Length : 2") + "ok", Says(200, "ok")),
        answered("answer-space-before-colon-of-coding", head("HTTP/1.1 200 OK", "Transfer-Encoding : chunked") + CHUNKS, Says(200, "ok")),
    ], why="The one fault of an answer that the RFC wants mended, as clients would read another field."),
    Rule("a folded line in an answer is answered 502, or its fold replaced by spaces", "9112 5.2", MUST, "502", [
        broken("answer-fold", fields("X: y", " z")),
        broken("answer-fold-tab", fields("X: y", "\tz")),
        broken("answer-fold-first", head("HTTP/1.1 200 OK", " X: y", "Content-Length: 2") + "ok"),
        broken("answer-fold-blank", fields("X: y", " ")),
        broken("answer-fold-of-length", head("HTTP/1.1 200 OK", "Content-Length:", " 2") + "ok"),
    ]),
    Rule("CR, LF and NUL in an answer's fields are refused or replaced by spaces", "9110 5.5, 9112 2.2", MUST, "502", [
        broken("answer-nul", fields("X: a\x00b")),
        broken("answer-cr", fields("X: a\rb")),
        broken("answer-cr-hides-field", fields("X: a\rSet-Cookie: b=c")),
        broken("answer-nul-in-name", fields("X\x00: b")),
        broken("answer-control", fields("X: a\x01b")),
    ], why="A client may see the value end elsewhere, and a field begin there."),
    Rule("a lone LF may be taken for a line end", "9112 2.2", MAY, "502", [
        broken("answer-lf-ends-all", "HTTP/1.1 200 OK\nContent-Length: 2\n\nok"),
        broken("answer-lf-ends-status-line", "HTTP/1.1 200 OK\nContent-Length: 2\r\n\r\nok"),
        broken("answer-lf-ends-field", "HTTP/1.1 200 OK\r\nX: y\nContent-Length: 2\r\n\r\nok"),
        broken("answer-lf-ends-head", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\nok"),
    ], why="As with requests: the client may see other lines than we did."),
    Rule("field lines of an answer have a name and a colon", "9112 5", MUST, "502", [
        broken("answer-no-colon", fields("X")),
        broken("answer-empty-name", fields(": y")),
        broken("answer-space-in-name", fields("X Y: z")),
        broken("answer-name-parenthesis", fields("X(: z")),
        broken("answer-name-8-bit", fields("X\xe9: z")),
    ]),
    Rule("a head that does not end is no answer", "9112 8", MUST, "502", [
        broken("answer-none-close", [CLOSE], send=post("x")),
        broken("answer-none-half-close", [FIN], send=post("x")),
        broken("answer-none-reset", [RESET], send=post("x")),
        broken("answer-part-of-status-line", ["HTTP/1.1 20", CLOSE], send=post("x")),
        broken("answer-part-of-fields", ["HTTP/1.1 200 OK\r\nContent-Le", CLOSE], send=post("x")),
        broken("answer-without-empty-line", ["HTTP/1.1 200 OK\r\nContent-Length: 0\r\n", CLOSE], send=post("x")),
        broken("answer-part-then-reset", ["HTTP/1.1 200 OK\r\nContent-Length: 5\r\n", PAUSE, RESET], send=post("x")),
        broken("answer-head-too-large", head("HTTP/1.1 200 OK", "X: " + "y" * 70000)),
        broken("answer-too-many-fields", head("HTTP/1.1 200 OK", *(f"X-{i}: y" for i in range(300)))),
        broken("answer-none-to-get", [CLOSE]),
        broken("answer-part-to-get", ["HTTP/1.1 200 OK\r\n", CLOSE]),
    ]),
])

LENGTHS = Topic("answer-lengths", "Lengths of answers", [
    Rule("an answer ends by Content-Length, by its last chunk, or by the end of the connection", "9112 6.3", MUST,
         "passed on; where the connection's end delimits it, in chunks", [
        answered("answer-length", lengths(5), Says(200, "hello", has={"Content-Length": "5"})),
        answered("answer-length-zero", ok(body=""), Says(200, "", has={"Content-Length": "0"})),
        answered("answer-length-leading-zeros", lengths("0005"), Says(200, "hello")),
        answered("answer-chunked", ok_chunked("5\r\nhello\r\n0\r\n\r\n"), Says(200, "hello", has={"Transfer-Encoding": "chunked"}, lacks=("Content-Length",))),
        answered("answer-chunked-upper-case", head("HTTP/1.1 200 OK", "TRANSFER-ENCODING: CHUNKED") + CHUNKS, Says(200, "ok")),
        answered("answer-until-close", [head("HTTP/1.1 200 OK") + "hello", CLOSE], Says(200, "hello")),
        answered("answer-until-close-said", [head("HTTP/1.1 200 OK", "Connection: close") + "hello", CLOSE], Says(200, "hello")),
        answered("answer-until-half-close", [head("HTTP/1.1 200 OK") + "hello", FIN], Says(200, "hello")),
        answered("answer-until-close-empty", [head("HTTP/1.1 200 OK"), CLOSE], Says(200, "")),
        answered("answer-until-close-slow", [head("HTTP/1.1 200 OK") + "he", PAUSE, "llo", PAUSE, CLOSE], Says(200, "hello")),
        answered("answer-until-close-1.0-keep-alive", [head("HTTP/1.0 200 OK", "Connection: keep-alive") + "hello", CLOSE], Says(200, "hello")),
        answered("answer-until-close-1.0", [head("HTTP/1.0 200 OK") + "hello", CLOSE], Says(200, "hello")),
        answered("answer-until-close-like-an-answer", [head("HTTP/1.1 200 OK") + ok(), CLOSE], Says(200, ok())),
        answered("answer-long", ok(body="b" * 200000), Says(200, "b" * 200000)),
        answered("answer-until-close-long", [head("HTTP/1.1 200 OK") + "b" * 200000, CLOSE], Says(200, "b" * 200000)),
    ]),
    Rule("HTTP/1.0 gets no chunks", "9112 6.1", MUST, "data alone, ended by close", [
        answered("answer-chunked-to-1.0", ok_chunked("5\r\nhello\r\n0\r\n\r\n"), Says(200, "hello", lacks=("Transfer-Encoding",)), send=OLD, after=CLOSED),
        answered("answer-chunked-to-1.0-keep-alive", ok_chunked(CHUNKS), Says(200, "ok", lacks=("Transfer-Encoding",), has={"Connection": "close"}),
                 send=head("GET /x HTTP/1.0", "Host: a", "Connection: keep-alive"), after=CLOSED),
        answered("answer-chunked-extensions-to-1.0", ok_chunked("2;a=b\r\nhe\r\n3\r\nllo\r\n0\r\nX: y\r\n\r\n"), Says(200, "hello", lacks=("Transfer-Encoding",
             "X")), send=OLD, after=CLOSED),
        answered("answer-trailers-to-1.0", ok_chunked("2\r\nok\r\n0\r\nX-Sum: 1\r\n\r\n", "Trailer: X-Sum"), Says(200, "ok", lacks=("Trailer", "X-Sum")),
             send=OLD, after=CLOSED),
        answered("answer-until-close-to-1.0", [head("HTTP/1.1 200 OK") + "hello", CLOSE], Says(200, "hello", lacks=("Transfer-Encoding",)), send=OLD, after=CLOSED),
    ], why="A client that knows no chunks knows no trailers."),
    Rule("an answer to HEAD has no body, whatever its fields say", "9110 9.3.2, 9112 6.3", MUST, "none; Content-Length passes", [
        answered("head-with-length", head("HTTP/1.1 200 OK", "Content-Length: 500"), Says(200, "", to_head=True, has={"Content-Length": "500"}), send=HEAD_),
        answered("head-with-coding", head("HTTP/1.1 200 OK", "Transfer-Encoding: chunked"), Says(200, "", to_head=True), send=HEAD_),
        answered("head-without-length", head("HTTP/1.1 200 OK"), Says(200, "", to_head=True), send=HEAD_),
        answered("head-of-404", head("HTTP/1.1 404 Not Found", "Content-Length: 9"), Says(404, "", to_head=True, has={"Content-Length": "9"}), send=HEAD_),
        answered("head-with-body", ok(), Says(200, "", to_head=True), send=HEAD_),
        answered("head-with-chunks", ok_chunked(CHUNKS), Says(200, "", to_head=True), send=HEAD_),
        answered("head-with-both-lengths", head("HTTP/1.1 200 OK", "Content-Length: 9", "Transfer-Encoding: chunked"), Says(200, "", to_head=True), send=HEAD_),
        answered("head-until-close", [head("HTTP/1.1 200 OK", "Connection: close"), CLOSE], Says(200, "", to_head=True), send=HEAD_),
        answered("head-then-get", [ok(body="")], Says(200, "", to_head=True), Says(200, ""), send=HEAD_ + get()),
        answered("head-in-1.0", head("HTTP/1.1 200 OK", "Content-Length: 5"), Says(200, "", to_head=True), send=head("HEAD /x HTTP/1.0", "Host: a"), after=CLOSED),
    ]),
    Rule("204 has no body and no length", "9110 8.6, 15.3.5", MUST, "none; Content-Length and Transfer-Encoding removed", [
        answered("204", head("HTTP/1.1 204 No Content"), Says(204, lacks=("Content-Length", "Transfer-Encoding"))),
        answered("204-with-length-zero", head("HTTP/1.1 204 No Content", "Content-Length: 0"), Says(204, lacks=("Content-Length",))),
        answered("204-with-body", ok(status="204 No Content"), Says(204, lacks=("Content-Length",))),
        answered("204-with-chunks", ok_chunked(CHUNKS, status="204 No Content"), Says(204, lacks=("Transfer-Encoding", "Content-Length"))),
        answered("204-with-invalid-length", head("HTTP/1.1 204 No Content", "Content-Length: x"), Says(204, lacks=("Content-Length",))),
        answered("204-to-post", head("HTTP/1.1 204 No Content"), Says(204), send=post("hello")),
        answered("204-to-1.0", head("HTTP/1.1 204 No Content"), Says(204), send=OLD, after=CLOSED),
    ], why="The client would take a length for that of a body that never comes."),
    Rule("304 has no body; its length is that of another answer", "9110 8.6, 15.4.5", MUST, "none; Content-Length passes", [
        answered("304-with-length-zero", head("HTTP/1.1 304 Not Modified", "Content-Length: 0"), Says(304)),
        answered("304", head("HTTP/1.1 304 Not Modified", "ETag: \"e\""), Says(304, has={"ETag": '"e"'})),
        answered("304-with-length", head("HTTP/1.1 304 Not Modified", "Content-Length: 500"), Says(304, has={"Content-Length": "500"})),
        answered("304-with-coding", head("HTTP/1.1 304 Not Modified", "Transfer-Encoding: chunked"), Says(304)),
        answered("304-with-body", ok(status="304 Not Modified"), Says(304)),
        answered("304-with-chunks", ok_chunked(CHUNKS, status="304 Not Modified"), Says(304)),
    ]),
    Rule("other answers without content have a length", "9112 6.3", MUST, "passed on", [
        answered("205", head("HTTP/1.1 205 Reset Content", "Content-Length: 0"), Says(205, "")),
        answered("302-empty", head("HTTP/1.1 302 Found", "Location: /y", "Content-Length: 0"), Says(302, "")),
        answered("200-to-options", head("HTTP/1.1 200 OK", "Allow: GET", "Content-Length: 0"), Says(200, "", has={"Allow": "GET"}), send=get(method="OPTIONS")),
    ]),
    Rule("an invalid Content-Length makes an answer faulty", "9112 6.3", MUST, "502, the backend's connection closed", [
        broken("answer-length-empty", lengths("")),
        broken("answer-length-minus", lengths("-5")),
        broken("answer-length-plus", lengths("+5")),
        broken("answer-length-hexadecimal", lengths("0x5")),
        broken("answer-length-letter-behind", lengths("5a")),
        broken("answer-length-space-inside", lengths("5 5")),
        broken("answer-length-overflow", lengths("18446744073709551621")),
        broken("answer-length-twice", lengths(5, 6)),
        broken("answer-length-list", lengths("5, 6")),
        broken("answer-length-list-empty-member", lengths("5,")),
        broken("answer-length-twice-one-invalid", lengths(5, "x")),
        broken("answer-length-differs-to-head", lengths(5, 6)[:-5], send=HEAD_, to_head=True),
        broken("answer-length-invalid-to-head", lengths("x")[:-5], send=HEAD_, to_head=True),
        broken("answer-length-invalid-304", head("HTTP/1.1 304 Not Modified", "Content-Length: -1")),
    ]),
    Rule("lengths that agree become one", "9110 8.6", MUST, "one Content-Length", [
        answered("answer-length-twice-the-same", lengths(5, 5), Says(200, "hello", has={"Content-Length": "5"})),
        answered("answer-length-list-the-same", lengths("5, 5"), Says(200, "hello", has={"Content-Length": "5"})),
        answered("answer-length-list-and-line", lengths("5, 5", 5), Says(200, "hello", has={"Content-Length": "5"})),
    ]),
    Rule("an answer with both lengths ought to be an error", "9112 6.3", OURS, "502", [
        broken("answer-both-lengths", ok_chunked(CHUNKS, "Content-Length: 2")),
        broken("answer-both-lengths-length-first", head("HTTP/1.1 200 OK", "Content-Length: 12", "Transfer-Encoding: chunked") + CHUNKS),
        broken("answer-both-lengths-zero", head("HTTP/1.1 200 OK", "Content-Length: 0", "Transfer-Encoding: chunked") + CHUNKS),
        broken("answer-both-lengths-invalid", ok_chunked(CHUNKS, "Content-Length: x")),
        broken("answer-both-lengths-unknown-coding", head("HTTP/1.1 200 OK", "Content-Length: 5", "Transfer-Encoding: x") + "hello"),
    ], why="One of the two is wrong, and the backend may frame its next answer by the other."),
    Rule("a coding other than chunked was never asked for", "9112 6.1, 7.4", OURS, "502", [
        broken("answer-coding-gzip", [head("HTTP/1.1 200 OK", "Transfer-Encoding: gzip") + "hello", CLOSE]),
        broken("answer-coding-gzip-chunked", [head("HTTP/1.1 200 OK", "Transfer-Encoding: gzip, chunked") + CHUNKS, CLOSE]),
        broken("answer-coding-identity", [head("HTTP/1.1 200 OK", "Transfer-Encoding: identity") + "hello", CLOSE]),
        broken("answer-coding-chunked-twice", [head("HTTP/1.1 200 OK", "Transfer-Encoding: chunked, chunked") + CHUNKS, CLOSE]),
        broken("answer-coding-chunked-lines", [head("HTTP/1.1 200 OK", "Transfer-Encoding: chunked", "Transfer-Encoding: chunked") + CHUNKS, CLOSE]),
        broken("answer-coding-chunked-first", [head("HTTP/1.1 200 OK", "Transfer-Encoding: chunked, x") + CHUNKS, CLOSE]),
        broken("answer-coding-empty", [head("HTTP/1.1 200 OK", "Transfer-Encoding:") + "hello", CLOSE]),
        broken("answer-coding-unknown", [head("HTTP/1.1 200 OK", "Transfer-Encoding: xchunked") + CHUNKS, CLOSE]),
        broken("answer-coding-space-inside", [head("HTTP/1.1 200 OK", "Transfer-Encoding: chunked x") + CHUNKS, CLOSE]),
    ], why="The body could be passed on only with a coding that the client may not know."),
    Rule("Transfer-Encoding in HTTP/1.0 makes the framing faulty", "9112 6.1", MUST, "502", [
        broken("answer-coding-in-1.0", [head("HTTP/1.0 200 OK", "Transfer-Encoding: chunked") + CHUNKS, CLOSE]),
        broken("answer-coding-in-1.0-keep-alive", head("HTTP/1.0 200 OK", "Transfer-Encoding: chunked", "Connection: keep-alive") + CHUNKS),
    ], why="An HTTP/1.0 backend does not know what it says there."),
])
