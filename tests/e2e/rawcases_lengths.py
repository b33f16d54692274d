"""Raw-bytes cases: how long a request's body is (RFC 9112 section 6, RFC 9110 section 8.6)."""
from rawcase import CLOSED, MUST, OURS, SHOULD, UNFINISHED, Got, Rule, Says, Topic, case, chunked, get, head, passed, post, refused
from rawpeer import FIN

NEXT = get(target="/smuggled")


def length(*values):
    return head("POST /x HTTP/1.1", "Host: a", *(f"Content-Length: {value}" for value in values))


def coding(value, *more, version="HTTP/1.1"):
    return head(f"POST /x {version}", "Host: a", f"Transfer-Encoding: {value}", *more)


BODY = "2\r\nhi\r\n0\r\n\r\n"

TOPIC = Topic("lengths", "Length of a request's body", [
    Rule("a body is as long as Content-Length says", "9112 6.2, 6.3", MUST, "passed on; what follows is the next request", [
        passed("length", post("hello"), "POST /x HTTP/1.1", "hello", has={"Content-Length": "5"}),
        passed("length-zero", post(""), body="", has={"Content-Length": "0"}),
        passed("length-leading-zeros", length("005") + "hello", body="hello"),
        passed("length-white-space-around", length(" \t5 \t") + "hello", body="hello"),
        passed("length-on-get", get("Content-Length: 3") + "abc", body="abc"),
        passed("length-on-delete", post("abc", method="DELETE"), "DELETE /x HTTP/1.1", "abc"),
        passed("length-on-options", post("abc", method="OPTIONS"), "OPTIONS /x HTTP/1.1", "abc"),
        passed("length-body-like-a-request", post(NEXT), body=NEXT),
        passed("length-body-of-nul", post("\x00\r\n\x00\xff"), body="\x00\r\n\x00\xff"),
        passed("length-long", post("b" * 70000), body="b" * 70000),
        case("length-shorter-than-body", length("3") + "hello\r\n\r\n", answers=[Says(200), Says(400)], requests=[Got(body="hel")], after=CLOSED),
        case("length-zero-with-body", length("0") + "hello\r\n\r\n", answers=[Says(200), Says(400)], requests=[Got(body="")], after=CLOSED),
        passed("length-in-1.0", head("POST /x HTTP/1.0", "Content-Length: 2") + "hi", body="hi", after=CLOSED),
    ], why="The peers read lengths so too, but pass HTTP/1.0 on as such, or want a Host in it."),
    Rule("a request with neither length has no body", "9112 6.3", MUST, "what follows the head is the next request", [
        passed("no-length-post", head("POST /x HTTP/1.1", "Host: a"), "POST /x HTTP/1.1"),
        passed("no-length-put", head("PUT /x HTTP/1.1", "Host: a"), "PUT /x HTTP/1.1"),
        passed("no-length-unknown-method", head("BREW /x HTTP/1.1", "Host: a"), "BREW /x HTTP/1.1"),
        passed("no-length-in-1.0", head("POST /x HTTP/1.0", "Host: a"), "POST /x HTTP/1.1", after=CLOSED),
    ]),
    Rule("an invalid Content-Length can't be read over", "9112 6.3", MUST, "400, close", [
        refused("length-empty", length("") + "hello"),
        refused("length-blank", length(" ") + "hello"),
        refused("length-plus", length("+5") + "hello"),
        refused("length-minus", length("-5") + "hello"),
        refused("length-minus-zero", length("-0")),
        refused("length-hexadecimal", length("0x5") + "hello"),
        refused("length-exponent", length("5e0") + "hello"),
        refused("length-point", length("5.0") + "hello"),
        refused("length-letter-behind", length("5a") + "hello"),
        refused("length-space-inside", length("5 5") + "hello"),
        refused("length-quoted", length('"5"') + "hello"),
        refused("length-semicolon", length("5;a") + "hello"),
        refused("length-underscore", length("1_0") + "hello"),
        refused("length-word", length("five") + "hello"),
        refused("length-8-bit-digit", length("\xb2") + "hello"),
        refused("length-nul", length("5\x00") + "hello"),
        refused("length-vertical-tab", length("\x0b5") + "hello"),
        refused("length-over-63-bits", length("9223372036854775808") + "hello"),
        refused("length-over-64-bits", length("18446744073709551621") + "hello"),
        refused("length-of-40-digits", length("9" * 40) + "hello"),
        refused("length-invalid-on-get", get("Content-Length: x")),
        refused("length-invalid-in-1.0", head("POST /x HTTP/1.0", "Host: a", "Content-Length: -1")),
    ]),
    Rule("several lengths that differ make the message invalid", "9112 6.3, 9110 8.6", MUST, "400, close", [
        refused("length-twice", length("5", "6") + "hello" + NEXT),
        refused("length-twice-apart", head("POST /x HTTP/1.1", "Content-Length: 5", "Host: a", "content-length: 0") + "hello"),
        refused("length-list", length("5, 6") + "hello"),
        refused("length-list-without-spaces", length("5,6") + "hello"),
        refused("length-list-second-invalid", length("5, x") + "hello"),
        refused("length-twice-one-empty", length("5", "") + "hello"),
        refused("length-twice-one-invalid", length("x", "5") + "hello"),
    ]),
    Rule("several that agree may be taken for one", "9110 8.6", OURS, "400, close", [
        refused("length-twice-the-same", length("5", "5") + "hello"),
        refused("length-list-the-same", length("5, 5") + "hello"),
        refused("length-twice-the-same-padded", length("5", "05") + "hello"),
        refused("length-list-empty-member", length("5,") + "hello"),
        refused("length-list-empty-member-first", length(",5") + "hello"),
    ], why="Whoever sent it twice had it twice from somebody, and may have read another line."),
    Rule("Transfer-Encoding and Content-Length together are an error, and close", "9112 6.1, 6.3", MUST, "400, close; which of them is meant is not guessed", [
        refused("both-lengths", chunked(BODY, "Content-Length: 5")),
        refused("both-lengths-length-first", head("POST /x HTTP/1.1", "Host: a", "Content-Length: 11", "Transfer-Encoding: chunked") + BODY),
        refused("both-lengths-zero", chunked(BODY + NEXT, "Content-Length: 0")),
        refused("both-lengths-short", head("POST /x HTTP/1.1", "Host: a", "Content-Length: 4", "Transfer-Encoding: chunked") + "0\r\n\r\n" + NEXT),
        refused("both-lengths-on-get", get("Transfer-Encoding: chunked", "Content-Length: 5") + "0\r\n\r\n"),
        refused("both-lengths-invalid-coding", head("POST /x HTTP/1.1", "Host: a", "Content-Length: 5", "Transfer-Encoding: x") + "hello"),
        refused("both-lengths-empty-coding", head("POST /x HTTP/1.1", "Host: a", "Content-Length: 5", "Transfer-Encoding:") + "hello"),
    ], why="It is what request smuggling is made of; no honest client sends it."),
    Rule("chunked is the last coding, or the end can't be told", "9112 6.3", MUST, "400, close", [
        refused("coding-identity", coding("identity") + BODY),
        refused("coding-gzip", coding("gzip") + BODY),
        refused("coding-unknown", coding("xchunked") + BODY),
        refused("coding-chunked-first", coding("chunked, gzip") + BODY),
        refused("coding-chunked-first-in-lines", coding("chunked", "Transfer-Encoding: identity") + BODY),
        refused("coding-empty", coding("") + BODY),
        refused("coding-comma", coding(",") + BODY),
        refused("coding-quoted", coding('"chunked"') + BODY),
        refused("coding-with-parameter", coding("chunked;q=1") + BODY),
        refused("coding-with-empty-parameter", coding("chunked;") + BODY),
        refused("coding-chunke", coding("chunke") + BODY),
        refused("coding-chunkedd", coding("chunkedd") + BODY),
        refused("coding-space-inside", coding("chunked chunked") + BODY),
        refused("coding-semicolon-list", coding("gzip; chunked") + BODY),
        refused("coding-vertical-tab", coding("\x0bchunked") + BODY),
        refused("coding-nul", coding("chunked\x00") + BODY),
        refused("coding-8-bit", coding("\xffchunked") + BODY),
        refused("coding-8-bit-space", coding("\xa0chunked") + BODY),
    ]),
    Rule("chunked comes once", "9112 6.1", MUST, "400, close", [
        refused("coding-chunked-twice", coding("chunked, chunked") + BODY),
        refused("coding-chunked-twice-in-lines", coding("chunked", "Transfer-Encoding: chunked") + BODY),
        refused("coding-chunked-around", coding("chunked, gzip, chunked") + BODY),
    ]),
    Rule("a coding that is not understood is answered 501", "9112 6.1", SHOULD, "501, close, where chunked is last", [
        refused("coding-gzip-chunked", coding("gzip, chunked") + BODY, 501),
        refused("coding-gzip-chunked-in-lines", coding("gzip", "Transfer-Encoding: chunked") + BODY, 501),
        refused("coding-unknown-chunked", coding("x-new, chunked") + BODY, 501),
        refused("coding-identity-chunked", coding("identity, chunked") + BODY, 501),
    ], why="501 says that the coding is the fault, and that the request is otherwise well."),
    Rule("Transfer-Encoding in HTTP/1.0 makes the framing faulty", "9112 6.1", MUST, "400, close", [
        refused("coding-in-1.0", coding("chunked", version="HTTP/1.0") + BODY),
        refused("coding-in-1.0-keep-alive", coding("chunked", "Connection: keep-alive", version="HTTP/1.0") + BODY),
        refused("coding-in-1.0-with-length", coding("chunked", "Content-Length: 2", version="HTTP/1.0") + BODY),
    ]),
    Rule("chunked in any case, among empty members of its list", "9112 7, 9110 5.6.1", MUST, "passed on in chunks", [
        passed("coding-chunked", coding("chunked") + BODY, body="hi", has={"Transfer-Encoding": "chunked"}, lacks=("Content-Length",)),
        passed("coding-case", coding("ChUnKeD") + BODY, body="hi", has={"Transfer-Encoding": "chunked"}),
        passed("coding-white-space-around", coding(" \tchunked\t ") + BODY, body="hi"),
        passed("coding-empty-members", coding(", ,chunked ,") + BODY, body="hi"),
        passed("coding-later-version", coding("chunked", version="HTTP/1.3") + BODY, body="hi"),
        passed("coding-on-get", get("Transfer-Encoding: chunked") + BODY, body="hi"),
        passed("coding-named-in-connection", coding("chunked", "Connection: transfer-encoding") + BODY, body="hi"),
    ], why="Empty members of a list mean nothing and are to be skipped."),
    Rule("a request that ends before its body does is incomplete, and never passes as complete", "9112 8", MUST,
         "the backend sees it cut; 400 to a client that still reads", [
        case("incomplete-length", [length("10") + "hello", FIN], answers=[Says(400)], requests=UNFINISHED, after=CLOSED),
        case("incomplete-length-huge", [length("4611686018427387904") + "hello", FIN], answers=[Says(400)], requests=UNFINISHED, after=CLOSED),
        case("incomplete-chunk-huge", [coding("chunked") + "7ffffffffffffff\r\nhello", FIN], answers=[Says(400)], requests=UNFINISHED, after=CLOSED),
        case("incomplete-length-no-byte", [length("10"), FIN], answers=[Says(400)], requests=UNFINISHED, after=CLOSED),
        case("incomplete-chunk", [coding("chunked") + "5\r\nhe", FIN], answers=[Says(400)], requests=UNFINISHED, after=CLOSED),
        case("incomplete-without-last-chunk", [coding("chunked") + "5\r\nhello\r\n", FIN], answers=[Says(400)], requests=UNFINISHED, after=CLOSED),
        case("incomplete-trailers", [coding("chunked") + "5\r\nhello\r\n0\r\nX: y\r\n", FIN], answers=[Says(400)], requests=UNFINISHED, after=CLOSED),
        refused("incomplete-head", [head("GET /x HTTP/1.1", "Host: a")[:-2], FIN]),
        refused("incomplete-request-line", ["GET /x HT", FIN]),
    ], why="A client that half-closed can still read why nothing came of its request."),
])
