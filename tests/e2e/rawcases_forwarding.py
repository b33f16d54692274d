"""Raw-bytes cases: Max-Forwards, Via, Date, and who says whom a request came from (RFC 9110 sections 6.6.1, 7.6.2, 7.6.3)."""
import re

from rawcase import ANY, CLOSED, EITHER, MAY, MUST, OPEN, OURS, Rule, Says, Topic, answered, case, get, head, ok, passed, post, refused
from rawpeer import CLOSE

DATE = re.compile(r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT")
TRUSTED = "127.0.0.2"


def hops(method, value, *fields):
    return get(f"Max-Forwards: {value}", *fields, method=method)


def counted(name, method, value, left):
    return passed(name, hops(method, value), has={"Max-Forwards": left})


TOPIC = Topic("forwarding", "Max-Forwards, Via, Date, forwarding fields", [
    Rule("Max-Forwards of OPTIONS and TRACE is counted down", "9110 7.6.2", MUST, "sent on with one less", [
        counted("hops-options", "OPTIONS", "5", "4"),
        counted("hops-trace", "TRACE", "5", "4"),
        counted("hops-one", "TRACE", "1", "0"),
        counted("hops-ten", "OPTIONS", "10", "9"),
        counted("hops-leading-zeros", "OPTIONS", "007", "6"),
        counted("hops-of-asterisk", "OPTIONS", "3", "2"),
        passed("hops-huge", hops("TRACE", "9" * 30), has={"Max-Forwards": re.compile(r"[1-9]\d*")}),
        passed("hops-with-body", post("hi", "Max-Forwards: 2", method="OPTIONS"), body="hi", has={"Max-Forwards": "1"}),
    ], why="Else a request meant for one hop on the way ends at another, or at none."),
    Rule("OPTIONS with Max-Forwards: 0 ends here", "9110 7.6.2, 9.3.7", MUST, "200 with Allow and `Content-Length: 0`", [
        refused("hops-zero-options", hops("OPTIONS", "0"), 200, after=OPEN, has={"Allow": ANY, "Content-Length": "0"}),
        refused("hops-zero-options-asterisk", head("OPTIONS * HTTP/1.1", "Host: a", "Max-Forwards: 0"), 200, after=OPEN, has={"Content-Length": "0"}),
        refused("hops-zero-options-padded", hops("OPTIONS", "000"), 200, after=OPEN),
        refused("hops-zero-options-with-body", post("hi", "Max-Forwards: 0", method="OPTIONS"), 200, after=EITHER),
    ], why="The sender asked whoever stands at this place, which is teal."),
    Rule("TRACE with Max-Forwards: 0 ends here", "9110 7.6.2, 9.3.8", MUST, "200 message/http with the request as received, without credentials and cookies", [
        refused("hops-zero-trace", hops("TRACE", "0"), 200, after=OPEN, has={"Content-Type": "message/http"}, body=hops("TRACE", "0")),
        refused("hops-zero-trace-secrets", hops("TRACE", "0", "Authorization: Basic YQ==", "X: y", "Cookie: s=1", "Proxy-Authorization: Basic YQ=="), 200,
             after=OPEN,
                body=hops("TRACE", "0", "X: y")),
    ], why="The sender asked what arrives at this place; the backend's view is another."),
    Rule("Max-Forwards of other methods may be ignored", "9110 7.6.2", MAY, "passed on unchanged", [
        counted("hops-get", "GET", "5", "5"),
        counted("hops-get-zero", "GET", "0", "0"),
        counted("hops-delete", "DELETE", "0", "0"),
        counted("hops-get-not-a-number", "GET", "x", "x"),
    ]),
    Rule("a Max-Forwards that can't be counted down is refused", "9110 7.6.2", OURS, "400, close", [
        refused("hops-not-a-number", hops("TRACE", "x")),
        refused("hops-negative", hops("OPTIONS", "-1")),
        refused("hops-empty", hops("OPTIONS", "")),
        refused("hops-list", hops("TRACE", "1, 2")),
        refused("hops-twice", hops("TRACE", "1", "Max-Forwards: 2")),
    ], why="Sent on as it is, it would never come to its end."),
    Rule("a gateway adds itself to the Via of a request, behind those before it", "9110 7.6.3", MUST, "`Via: 1.1 teal` as the last", [
        passed("via", get(), has={"Via": re.compile(r"1\.1 \S+")}),
        passed("via-of-1.0", head("GET /x HTTP/1.0", "Host: a"), has={"Via": re.compile(r"1\.0 \S+")}, after=CLOSED),
        passed("via-behind-another", get("Via: 1.0 b"), has={"Via": ["1.0 b", re.compile(r"1\.1 \S+")]}),
        passed("via-behind-a-list", get("Via: 1.0 b, HTTP/1.1 c (d, e)", "X: y"), has={"Via": ["1.0 b, HTTP/1.1 c (d, e)", re.compile(r"1\.1 \S+")]}),
        passed("via-behind-two-lines", get("Via: 1.0 b", "Via: 1.1 c"), has={"Via": ["1.0 b", "1.1 c", re.compile(r"1\.1 \S+")]}),
        passed("via-of-post", post("hi"), body="hi", has={"Via": re.compile(r"1\.1 \S+")}),
        passed("via-of-later-version", get(version="HTTP/1.5"), has={"Via": re.compile(r"1\.1 \S+")}),
    ], why="Loops and versions on the way can be told only where everybody adds himself."),
    Rule("and to that of an answer, with the version that was received", "9110 7.6.3", MAY, "`Via: 1.1 teal`, or 1.0, as the last", [
        answered("via-of-answer", ok(), Says(200, "ok", has={"Via": re.compile(r"1\.1 \S+")})),
        answered("via-of-answer-behind-another", ok("Via: 1.1 b"), Says(200, "ok", has={"Via": ["1.1 b", re.compile(r"1\.1 \S+")]})),
        answered("via-of-1.0-answer", [head("HTTP/1.0 200 OK", "Content-Length: 2") + "ok", CLOSE], Says(200, "ok", has={"Via": re.compile(r"1\.0 \S+")})),
        answered("via-of-304", head("HTTP/1.1 304 Not Modified"), Says(304, has={"Via": re.compile(r"1\.1 \S+")})),
    ], why="It costs little, and says through whom an answer came."),
    Rule("an answer without Date gets one; one that has it keeps it", "9110 6.6.1", MUST, "added where it is missing", [
        answered("date-added", ok(), Says(200, "ok", has={"Date": DATE})),
        answered("date-added-to-error", ok(status="500 Internal Server Error"), Says(500, "ok", has={"Date": DATE})),
        answered("date-added-to-chunks", head("HTTP/1.1 200 OK", "Transfer-Encoding: chunked") + "2\r\nok\r\n0\r\n\r\n", Says(200, "ok", has={"Date": DATE})),
        answered("date-added-to-head", head("HTTP/1.1 200 OK", "Content-Length: 2"), Says(200, "", to_head=True, has={"Date": DATE}), send=get(method="HEAD")),
        answered("date-added-to-304", head("HTTP/1.1 304 Not Modified"), Says(304, has={"Date": DATE})),
        answered("date-added-to-204", head("HTTP/1.1 204 No Content"), Says(204, has={"Date": DATE})),
        answered("date-kept", ok("Date: Thu, 01 Jan 2026 00:00:00 GMT"), Says(200, "ok", has={"Date": "Thu, 01 Jan 2026 00:00:00 GMT"})),
        answered("date-kept-in-lower-case", ok("date: Thu, 01 Jan 2026 00:00:00 GMT"), Says(200, "ok", has={"Date": "Thu, 01 Jan 2026 00:00:00 GMT"})),
        answered("date-named-in-connection", ok("Date: Thu, 01 Jan 2026 00:00:00 GMT", "Connection: date"), Says(200, "ok", has={"Date": ANY})),
    ], why="An answer without a time can't be aged by caches behind us."),
    Rule("answers of our own have a Date, say who refused and why, and are complete", "9110 6.6.1, 9209 2", MUST,
         "Date, Content-Length, Content-Type, Proxy-Status, X-Request-Id", [
        refused("own-answer", head("GET /x HTTP/1.1"), has={"Date": DATE, "Content-Length": ANY, "Content-Type": ANY, "Connection": "close"}),
        refused("own-answer-says-who", head("GET /x HTTP/1.1"), has={"Proxy-Status": re.compile(r"teal; error=http_request_error; .*"), "X-Request-Id": ANY}),
        refused("own-answer-to-head", head("HEAD /x HTTP/1.1", "Host: a", "Expect: x"), 417, after=OPEN, to_head=True, body="", has={"Content-Length": ANY}),
        case("own-answer-for-backend", get(), "garbage\r\n\r\n", [Says(502, has={"Date": DATE,
             "Proxy-Status": re.compile(r"teal; error=http_protocol_error; .*")})]),
    ], why="Whoever looks for a fault needs to know which hop answered, and why."),
    Rule("what a stranger says of where a request came from is not believed", "7239 8.1", OURS, "X-Forwarded-* replaced, Forwarded removed", [
        passed("forwarded-for", get(), has={"X-Forwarded-For": "127.0.0.1", "X-Forwarded-Proto": "http", "X-Forwarded-Host": "a"}),
        passed("forwarded-for-replaced", get("X-Forwarded-For: 192.0.2.1", "X-Forwarded-Proto: https", "X-Forwarded-Host: b"),
               has={"X-Forwarded-For": "127.0.0.1", "X-Forwarded-Proto": "http", "X-Forwarded-Host": "a"}),
        passed("forwarded-for-lines-replaced", get("X-Forwarded-For: 192.0.2.1", "x-forwarded-FOR: 192.0.2.2"), has={"X-Forwarded-For": "127.0.0.1"}),
        passed("forwarded-removed", get("Forwarded: for=192.0.2.1"), lacks=("Forwarded",)),
    ], why="HAProxy and nginx pass on what they were not told to replace."),
    Rule("nor what anybody says of a client's certificate", "9440 2.4", MUST, "Client-Cert, Client-Cert-Chain and names with `_` in place of a `-` are removed", [
        passed("client-cert", get("Client-Cert: :AA==:", "X: y"), lacks=("Client-Cert",), has={"X": "y"}),
        passed("client-cert-lines", get("client-cert: :AA==:", "CLIENT-CERT: :AQ==:"), lacks=("Client-Cert",)),
        passed("client-cert-chain", get("Client-Cert-Chain: :AA==:"), lacks=("Client-Cert-Chain",)),
        passed("client-cert-underscore", get("Client_Cert: :AA==:", "client-cert_chain: :AA==:"), lacks=("Client_Cert", "client-cert_chain")),
        passed("client-cert-from-trusted", get("Client-Cert: :AA==:"), lacks=("Client-Cert",), source=TRUSTED),
    ], why="A backend believes these fields; HAProxy and nginx pass on what they were not told to remove."),
    Rule("what a trusted proxy says of it is", "7239 4", OURS, "X-Forwarded-For and Forwarded appended to, the others kept", [
        passed("forwarded-for-appended", get("X-Forwarded-For: 192.0.2.1"), has={"X-Forwarded-For": "192.0.2.1, 127.0.0.2"}, source=TRUSTED),
        passed("forwarded-for-lines-joined", get("X-Forwarded-For: 192.0.2.1", "X-Forwarded-For: 192.0.2.2"),
             has={"X-Forwarded-For": "192.0.2.1, 192.0.2.2, 127.0.0.2"}, source=TRUSTED),
        passed("forwarded-proto-kept", get("X-Forwarded-Proto: https", "X-Forwarded-Host: b"), has={"X-Forwarded-Proto": "https", "X-Forwarded-Host": "b"},
             source=TRUSTED),
        passed("forwarded-appended", get("Forwarded: for=192.0.2.1"), has={"Forwarded": "for=192.0.2.1, for=127.0.0.2"}, source=TRUSTED),
    ], why="HAProxy and nginx add nothing that they were not told to add."),
    Rule("every request has an id", "9110 5.1", OURS, "X-Request-Id: a valid one is kept, else one is made", [
        passed("request-id", get(), has={"X-Request-Id": re.compile(r"[0-9a-f]{16,}")}),
        passed("request-id-kept", get("X-Request-Id: abc-123"), has={"X-Request-Id": "abc-123"}),
        passed("request-id-invalid", get("X-Request-Id: a b"), has={"X-Request-Id": re.compile(r"[0-9a-f]{16,}")}),
        passed("request-id-twice", get("X-Request-Id: a", "X-Request-Id: b"), has={"X-Request-Id": re.compile(r"[0-9a-f]{16,}")}),
    ], why="HAProxy and nginx make one only where they are told to."),
])
