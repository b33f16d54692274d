"""Raw-bytes cases: chunked bodies of requests (RFC 9112 section 7)."""
from rawcase import CLOSED, MUST, OURS, UNFINISHED, Got, Rule, Says, Topic, case, chunked, get, passed


def bad(name, coded, *fields):
    """Found while the body is on its way: the backend must not get a complete message, whatever it has seen of it."""
    return case(name, chunked(coded, *fields), answers=[Says(400)], requests=UNFINISHED, after=CLOSED)


def good(name, coded, body, **more):
    return passed(name, chunked(coded), "POST /x HTTP/1.1", body, **more)


TOPIC = Topic("chunks", "Chunked requests", [
    Rule("chunks are read by their sizes, which are hexadecimal", "9112 7.1", MUST, "passed on", [
        good("chunk", "5\r\nhello\r\n0\r\n\r\n", "hello"),
        good("chunks", "2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n", "hello"),
        good("chunk-none", "0\r\n\r\n", ""),
        good("chunk-hex-lower", "a\r\n0123456789\r\n0\r\n\r\n", "0123456789"),
        good("chunk-hex-upper", "A\r\n0123456789\r\n0\r\n\r\n", "0123456789"),
        good("chunk-leading-zeros", "0005\r\nhello\r\n0\r\n\r\n", "hello"),
        good("chunk-many-leading-zeros", "0" * 32 + "5\r\nhello\r\n0\r\n\r\n", "hello"),
        good("chunk-last-of-many-zeros", "5\r\nhello\r\n" + "0" * 20 + "\r\n\r\n", "hello"),
        good("chunk-data-like-chunks", "5\r\n0\r\n\r\n\r\n0\r\n\r\n", "0\r\n\r\n"),
        good("chunk-data-like-a-request", f"{len(get()):x}\r\n{get()}\r\n0\r\n\r\n", get()),
        good("chunk-of-one-byte-each", "".join(f"1\r\n{byte}\r\n" for byte in "hello") + "0\r\n\r\n", "hello"),
        good("chunk-large", "11170\r\n" + "c" * 70000 + "\r\n0\r\n\r\n", "c" * 70000),
    ]),
    Rule("what follows the last chunk is the next request", "9112 7.1", MUST, "answered in its turn", [
        case("chunks-then-get", chunked("2\r\nhi\r\n0\r\n\r\n") + get(target="/y"), answers=[Says(200), Says(200)],
             requests=[Got("POST /x HTTP/1.1", "hi"), Got("GET /y HTTP/1.1")]),
        case("chunks-then-chunks", chunked("0\r\n\r\n") + chunked("2\r\nyo\r\n0\r\n\r\n"), answers=[Says(200), Says(200)], requests=[Got(body=""), Got(body="yo")]),
        case("trailers-then-get", chunked("0\r\nX: y\r\n\r\n") + get(target="/y"), answers=[Says(200), Says(200)], requests=[Got(body=""), Got("GET /y HTTP/1.1")]),
    ]),
    Rule("a size is digits alone, and is not taken when it overflows", "9112 7.1", MUST, "400, close; also from 2^60 on", [
        bad("size-empty", "\r\nhello\r\n0\r\n\r\n"),
        bad("size-not-hexadecimal", "g\r\nhello\r\n0\r\n\r\n"),
        bad("size-0x", "0x5\r\nhello\r\n0\r\n\r\n"),
        bad("size-minus", "-5\r\nhello\r\n0\r\n\r\n"),
        bad("size-plus", "+5\r\nhello\r\n0\r\n\r\n"),
        bad("size-space-before", " 5\r\nhello\r\n0\r\n\r\n"),
        bad("size-space-behind", "5 \r\nhello\r\n0\r\n\r\n"),
        bad("size-space-inside", "0 5\r\nhello\r\n0\r\n\r\n"),
        bad("size-underscore", "1_0\r\nhello\r\n0\r\n\r\n"),
        bad("size-point", "5.0\r\nhello\r\n0\r\n\r\n"),
        bad("size-8-bit", "\xb5\r\nhello\r\n0\r\n\r\n"),
        bad("size-nul", "5\x00\r\nhello\r\n0\r\n\r\n"),
        bad("size-over-64-bits", "10000000000000005\r\nhello\r\n0\r\n\r\n"),
        bad("size-of-64-bits", "ffffffffffffffff\r\nhello\r\n0\r\n\r\n"),
        bad("size-second-invalid", "5\r\nhello\r\nz\r\n\r\n"),
        bad("size-of-last-invalid", "5\r\nhello\r\n0x\r\n\r\n"),
    ], why="A size that two readers may read differently ends a body at two places."),
    Rule("sizes and data end in CRLF", "9112 7.1", MUST, "400, close", [
        bad("size-ends-in-lf", "5\nhello\r\n0\r\n\r\n"),
        bad("size-ends-in-cr", "5\rhello\r\n0\r\n\r\n"),
        bad("size-ends-in-cr-cr-lf", "5\r\r\nhello\r\n0\r\n\r\n"),
        bad("data-ends-in-lf", "5\r\nhello\n0\r\n\r\n"),
        bad("data-ends-in-cr", "5\r\nhello\r0\r\n\r\n"),
        bad("data-without-end", "5\r\nhello0\r\n\r\n"),
        bad("data-longer-than-size", "5\r\nhello!\r\n0\r\n\r\n"),
        bad("data-shorter-than-size", "5\r\nhell\r\n0\r\n\r\n"),
        bad("last-ends-in-lf", "5\r\nhello\r\n0\n\n"),
        bad("last-line-ends-in-lf", "5\r\nhello\r\n0\r\n\n"),
        bad("last-line-ends-in-cr", "5\r\nhello\r\n0\r\n\rX"),
    ], why="As with heads: other line ends are other lines to somebody."),
    Rule("unknown chunk extensions are ignored", "9112 7.1.1", MUST, "checked and passed on; at most 1 KiB a line", [
        good("extension", "5;a\r\nhello\r\n0\r\n\r\n", "hello"),
        good("extension-with-value", "5;a=b\r\nhello\r\n0\r\n\r\n", "hello"),
        good("extension-quoted", '5;a="b; c\\"d"\r\nhello\r\n0\r\n\r\n', "hello"),
        good("extension-several", "5;a=b;c;d=e\r\nhello\r\n0\r\n\r\n", "hello"),
        good("extension-spaces", "5 ; a = b\r\nhello\r\n0\r\n\r\n", "hello"),
        good("extension-tab", "5\t;\ta\r\nhello\r\n0\r\n\r\n", "hello"),
        good("extension-of-last", "5\r\nhello\r\n0;a=b\r\n\r\n", "hello"),
        good("extension-500-bytes", "5;" + "a" * 500 + "\r\nhello\r\n0\r\n\r\n", "hello"),
    ]),
    Rule("a malformed or very long extension is refused", "9112 7.1.1", OURS, "400, close", [
        bad("extension-empty", "5;\r\nhello\r\n0\r\n\r\n"),
        bad("extension-without-name", "5;=b\r\nhello\r\n0\r\n\r\n"),
        bad("extension-without-value", "5;a=\r\nhello\r\n0\r\n\r\n"),
        bad("extension-lf-inside", "5;a\nb\r\nhello\r\n0\r\n\r\n"),
        bad("extension-cr-inside", "5;a\rb\r\nhello\r\n0\r\n\r\n"),
        bad("extension-lf-in-quotes", '5;a="\n"\r\nhello\r\n0\r\n\r\n'),
        bad("extension-crlf-in-quotes", '5;a="\r\n"\r\nhello\r\n0\r\n\r\n'),
        bad("extension-quote-not-closed", '5;a="b\r\nhello\r\n0\r\n\r\n'),
        bad("extension-nul", "5;a\x00\r\nhello\r\n0\r\n\r\n"),
        bad("extension-without-semicolon", "5 a\r\nhello\r\n0\r\n\r\n"),
        bad("extension-word-behind-quotes", '5;a="b"c\r\nhello\r\n0\r\n\r\n'),
        bad("extension-too-long", "5;" + "a" * 3000 + "\r\nhello\r\n0\r\n\r\n"),
        bad("extension-lf-hides-size", "2;\nxx\r\n4c\r\n0\r\n\r\n" + get(target="/smuggled") + "\r\n0\r\n\r\n"),
    ], why="Extensions are skipped by everybody and checked by few, so chunks can be hidden in them."),
    Rule("trailers are read as fields are, and never become part of the head", "9112 7.1.2, 9110 6.5.1", MUST, "passed on behind the last chunk", [
        good("trailer", "5\r\nhello\r\n0\r\nX: y\r\n\r\n", "hello", lacks=("X",), trailers={"x": "y"}),
        good("trailers", "5\r\nhello\r\n0\r\nX: y\r\nZ:\r\n\r\n", "hello", lacks=("X", "Z"), trailers={"x": "y", "z": ""}),
        passed("trailer-announced", chunked("0\r\nX-Sum: 1\r\n\r\n", "Trailer: X-Sum"), body="", has={"Trailer": "X-Sum"}, lacks=("X-Sum",),
             trailers={"x-sum": "1"}),
    ]),
    Rule("malformed trailers are refused", "9112 7.1.2, 5", MUST, "400, close; at most 8 KiB", [
        bad("trailer-space-before-colon", "0\r\nX : y\r\n\r\n"),
        bad("trailer-folded", "0\r\nX: y\r\n z\r\n\r\n"),
        bad("trailer-space-first", "0\r\n X: y\r\n\r\n"),
        bad("trailer-without-colon", "0\r\nX\r\n\r\n"),
        bad("trailer-without-name", "0\r\n: y\r\n\r\n"),
        bad("trailer-nul", "0\r\nX: \x00\r\n\r\n"),
        bad("trailer-cr", "0\r\nX: a\rb\r\n\r\n"),
        bad("trailer-lf", "0\r\nX: a\n\r\n"),
        bad("trailer-request-line", "0\r\n" + get(target="/smuggled")),
        bad("trailers-too-long", "0\r\n" + "X: " + "y" * 9000 + "\r\n\r\n"),
    ], why="Whoever merges trailers into the head gets only what could stand there."),
    Rule("what frames, routes or vouches for a message has no place in trailers", "9110 6.5.1", OURS, "400, close", [
        bad("trailer-length", "0\r\nContent-Length: 5\r\n\r\n"),
        bad("trailer-coding", "0\r\nTransfer-Encoding: chunked\r\n\r\n"),
        bad("trailer-host", "0\r\nHost: b\r\n\r\n"),
        bad("trailer-connection", "0\r\nConnection: close\r\n\r\n"),
        bad("trailer-upgrade", "0\r\nUpgrade: websocket\r\n\r\n"),
        bad("trailer-forwarded-for", "0\r\nX-Forwarded-For: 192.0.2.1\r\n\r\n"),
        bad("trailer-forwarded", "0\r\nforwarded: for=192.0.2.1\r\n\r\n"),
        bad("trailer-forbidden-second", "2\r\nhi\r\n0\r\nX: y\r\nCONTENT-LENGTH: 5\r\n\r\n"),
    ], why="A backend that merges trailers into the head would read another message than the one that was checked."),
    Rule("fields that Connection names are removed from trailers too", "9110 7.6.1", MUST, "the trailers of such a message are dropped", [
        passed("trailer-named-in-connection", chunked("2\r\nhi\r\n0\r\nX-A: b\r\n\r\n", "Connection: x-a"), body="hi", lacks=("X-A",), trailers={}),
        passed("trailer-of-named-dropped", chunked("2\r\nhi\r\n0\r\nX-A: b\r\nX-C: d\r\n\r\n", "Connection: close, x-a"), body="hi", trailers={}, after=CLOSED),
        passed("trailer-kept-beside-close", chunked("2\r\nhi\r\n0\r\nX-A: b\r\n\r\n", "Connection: close"), body="hi", trailers={"x-a": "b"}, after=CLOSED),
    ], why="A name may come in the trailers though Connection took it away; others pass."),
    Rule("a body without chunks is not ended by chunks", "9112 6.3", OURS, "Content-Length alone counts", [
        passed("length-with-chunks-inside", "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", body="0\r\n\r\n"),
    ]),
])
