/* Rewriting of heads, both ways: what is removed, added, kept, byte for byte. */
// links: proxy
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>

#include "proxy/fields.h"
#include "proxy/removal.h"
#include "tests/unit/split_parse.h"

enum with {
	WITH_nothing = 0,
	WITH_trusted = 1,
	WITH_tls = 2,
	WITH_upgrade = 4,
	WITH_expect = 8,
	WITH_no_client = 16,
	WITH_host = 32,
	WITH_ipv6 = 64,
	WITH_certificate = 128,
};

struct request_case {
	const char *name;
	unsigned with;
	const char *in, *out;
};

#define FOR "X-Forwarded-For: 192.0.2.7\r\n"
#define OURS FOR "X-Forwarded-Proto: http\r\nX-Forwarded-Host: a\r\nX-Request-Id: id-1\r\nVia: 1.1 teal\r\n\r\n"
#define LINE "GET / HTTP/1.1\r\n"
#define HOST "Host: a\r\n"

static const struct request_case requests[] = {
	{"nothing to remove", 0, LINE HOST "Accept: */*\r\nX: y\r\n\r\n", LINE HOST "Accept: */*\r\nX: y\r\n" OURS},
	{"lines pass as they came", 0, LINE "HOST:a \t\r\nx-Y:\t z \r\nX:\r\n\r\n", LINE "HOST:a \t\r\nx-Y:\t z \r\nX:\r\n" OURS},
	{"9112 2.2 empty lines before are dropped", 0, "\r\n\r\n" LINE HOST "\r\n", LINE HOST OURS},
	{"9110 7.2 Host goes first", 0, LINE "X: y\r\n" HOST "Z: z\r\n\r\n", LINE HOST "X: y\r\nZ: z\r\n" OURS},
	{"9112 3.2.2 the absolute form's authority is Host", 0, "GET http://a/b?c HTTP/1.1\r\nX: y\r\nHost: other\r\n\r\n",
		"GET /b?c HTTP/1.1\r\n" HOST "X: y\r\n" OURS},
	{"9112 3.2.2 also where Host is first", 0, "GET http://a/ HTTP/1.1\r\nHost: other\r\nX: y\r\n\r\n", LINE HOST "X: y\r\n" OURS},
	{"9112 3.2.1 an absolute form without a path", 0, "GET http://a HTTP/1.1\r\nHost: a\r\n\r\n", LINE HOST OURS},
	{"9112 3.2.1 an absolute form with a query and no path", 0, "GET http://a?b HTTP/1.1\r\nHost:\r\n\r\n", "GET /?b HTTP/1.1\r\n" HOST OURS},
	{"9112 3.2.4 OPTIONS of the server", 0, "OPTIONS http://a HTTP/1.1\r\nHost: a\r\n\r\n", "OPTIONS * HTTP/1.1\r\n" HOST OURS},
	{"9112 3.2.4 asterisk form", 0, "OPTIONS * HTTP/1.1\r\n" HOST "\r\n", "OPTIONS * HTTP/1.1\r\n" HOST OURS},
	{"9110 2.5 we speak HTTP/1.1", 0, "GET / HTTP/1.0\r\n" HOST "\r\n",
		LINE HOST FOR "X-Forwarded-Proto: http\r\nX-Forwarded-Host: a\r\nX-Request-Id: id-1\r\nVia: 1.0 teal\r\n\r\n"},
	{"9110 2.5 a later minor version", 0, "GET / HTTP/1.7\r\n" HOST "\r\n", LINE HOST OURS},
	{"9112 3.2 HTTP/1.0 without Host", 0, "GET / HTTP/1.0\r\n\r\n",
		LINE "Host: \r\n" FOR "X-Forwarded-Proto: http\r\nX-Request-Id: id-1\r\nVia: 1.0 teal\r\n\r\n"},
	{"9112 3.2 HTTP/1.0 without Host, one given", WITH_host, "GET / HTTP/1.0\r\n\r\n",
		LINE "Host: b:80\r\n" FOR "X-Forwarded-Proto: http\r\nX-Request-Id: id-1\r\nVia: 1.0 teal\r\n\r\n"},
	{"a name that CGI takes for X-Forwarded-For", 0,
		LINE HOST "X_Forwarded_For: 6.6.6.6\r\nx-forwarded_PROTO: https\r\nX_Forwarded_Fo: y\r\nX_Y: z\r\n\r\n",
		LINE HOST "X_Forwarded_Fo: y\r\nX_Y: z\r\n" OURS},
	{"9440 2.4 a certificate that the client names itself", 0,
		LINE HOST "Client-Cert: :AA==:\r\nX: y\r\nCLIENT-CERT-CHAIN: :AA==:\r\nclient-Cert: :BB==:\r\nClient-Certs: z\r\n\r\n",
		LINE HOST "X: y\r\nClient-Certs: z\r\n" OURS},
	{"9440 2.4 a trusted peer's, too", WITH_trusted, LINE HOST "Client-Cert: :AA==:\r\n\r\n", LINE HOST OURS},
	{"a name that CGI takes for Client-Cert", 0,
		LINE HOST "Client_Cert: :AA==:\r\nX: y\r\nclient-cert_CHAIN: :AA==:\r\nClient_Cert_Chain: a\r\nClient_Cer: b\r\nCache_Contr: c\r\n\r\n",
		LINE HOST "X: y\r\nClient_Cer: b\r\nCache_Contr: c\r\n" OURS},
	{"9440 2.2 the client's certificate in their place", WITH_certificate | WITH_tls, LINE HOST "Client-Cert: :AA==:\r\nConnection: client-cert\r\n\r\n",
		LINE HOST FOR "X-Forwarded-Proto: https\r\nX-Forwarded-Host: a\r\nClient-Cert: :AQID:\r\nX-Request-Id: id-1\r\nVia: 1.1 teal\r\n\r\n"},
	{"9110 7.6.1 Connection goes", 0, LINE HOST "Connection: keep-alive\r\nX: y\r\n\r\n", LINE HOST "X: y\r\n" OURS},
	{"9110 7.6.1 what it names goes, in any case", 0, LINE HOST "X-A: b\r\nConnection: x-a , X-B,close\r\nX-C: d\r\nx-b: c\r\nx-A: d\r\n\r\n",
		LINE HOST "X-C: d\r\n" OURS},
	{"9110 7.6.1 named in two fields", 0, LINE HOST "Connection: x-a\r\nX-A: b\r\nX-B: b\r\nConnection: x-b, x-a\r\n\r\n", LINE HOST OURS},
	{"9110 7.6.1 known fields too", 0, LINE HOST "Connection: referer, accept\r\nReferer: r\r\nAccept: a\r\nUser-Agent: u\r\n\r\n",
		LINE HOST "User-Agent: u\r\n" OURS},
	{"9110 7.6.1 but never what the message needs", 0,
		LINE HOST "Connection: host, content-length, via, x-request-id\r\nContent-Length: 1\r\nVia: 1.1 b\r\nX-Request-Id: r\r\n\r\n",
		LINE HOST "Content-Length: 1\r\nVia: 1.1 b\r\nX-Request-Id: r\r\n" FOR
			  "X-Forwarded-Proto: http\r\nX-Forwarded-Host: a\r\nVia: 1.1 teal\r\n\r\n"},
	{"9110 7.6.1 credentials are named like any other", 0,
		LINE HOST "Connection: cookie, Authorization\r\nCookie: c\r\nAuthorization: x\r\nCookie: d\r\n\r\n", LINE HOST OURS},
	{"9110 7.6.1 Keep-Alive and Proxy-Connection go", 0, LINE HOST "Keep-Alive: 5\r\nProxy-Connection: keep-alive\r\n\r\n", LINE HOST OURS},
	{"9110 7.6.1 Upgrade goes when it is not wanted", 0, LINE HOST "Upgrade: h2c\r\nConnection: upgrade\r\n\r\n", LINE HOST OURS},
	{"9110 7.8 Upgrade passes", WITH_upgrade, LINE HOST "Upgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n\r\n",
		LINE HOST "Upgrade: websocket\r\n" FOR
			  "X-Forwarded-Proto: http\r\nX-Forwarded-Host: a\r\nX-Request-Id: id-1\r\nConnection: upgrade\r\nVia: 1.1 teal\r\n\r\n"},
	{"9110 10.1.4 TE: trailers passes, named in Connection", 0, LINE HOST "TE: gzip;q=0.5, Trailers\r\nConnection: TE\r\n\r\n",
		LINE HOST FOR
		"X-Forwarded-Proto: http\r\nX-Forwarded-Host: a\r\nX-Request-Id: id-1\r\nTE: trailers\r\nConnection: TE\r\nVia: 1.1 teal\r\n\r\n"},
	{"9110 10.1.4 other codings do not", 0, LINE HOST "TE: gzip\r\nConnection: TE\r\n\r\n", LINE HOST OURS},
	{"9110 10.1.4 nor does TE in HTTP/1.0", 0, "GET / HTTP/1.0\r\n" HOST "TE: trailers\r\n\r\n",
		LINE HOST FOR "X-Forwarded-Proto: http\r\nX-Forwarded-Host: a\r\nX-Request-Id: id-1\r\nVia: 1.0 teal\r\n\r\n"},
	{"9110 10.1.4 TE beside Upgrade", WITH_upgrade, LINE HOST "TE: trailers\r\nUpgrade: x\r\n\r\n",
		LINE HOST
		"Upgrade: x\r\n" FOR
		"X-Forwarded-Proto: http\r\nX-Forwarded-Host: a\r\nX-Request-Id: id-1\r\nTE: trailers\r\nConnection: upgrade, TE\r\nVia: 1.1 teal\r\n\r\n"},
	{"9112 6.1 Transfer-Encoding is written afresh", 0, LINE HOST "Transfer-Encoding: , Chunked\r\nX: y\r\n\r\n",
		LINE HOST "X: y\r\nTransfer-Encoding: chunked\r\n" OURS},
	{"9112 6.1 also where Connection names it", 0, LINE HOST "Connection: transfer-encoding\r\nTransfer-Encoding: chunked\r\n\r\n",
		LINE HOST "Transfer-Encoding: chunked\r\n" OURS},
	{"9110 6.6.2 Trailer passes", 0, LINE HOST "Trailer: X\r\n\r\n", LINE HOST "Trailer: X\r\n" OURS},
	{"9110 8.6 Content-Length passes", 0, LINE HOST "Content-Length: 0\r\n\r\n", LINE HOST "Content-Length: 0\r\n" OURS},
	{"9110 10.1.1 Expect goes when it was answered", 0, LINE HOST "Expect: 100-continue\r\n\r\n", LINE HOST OURS},
	{"9110 10.1.1 Expect passes", WITH_expect, LINE HOST "Expect: 100-continue\r\n\r\n", LINE HOST "Expect: 100-continue\r\n" OURS},
	{"9110 11.7 Proxy-Authorization passes", 0, LINE HOST "Proxy-Authorization: Basic x\r\n\r\n", LINE HOST "Proxy-Authorization: Basic x\r\n" OURS},
	{"9110 7.6.3 Via is added behind the others", 0, LINE HOST "Via: 1.0 b, 1.1 c\r\nVia: 2 d\r\n\r\n", LINE HOST "Via: 1.0 b, 1.1 c\r\nVia: 2 d\r\n" OURS},
	{"9110 7.6.2 Max-Forwards is counted down", 0, "TRACE / HTTP/1.1\r\n" HOST "Max-Forwards: 10\r\nX: y\r\n\r\n",
		"TRACE / HTTP/1.1\r\n" HOST "X: y\r\nMax-Forwards: 9\r\n" OURS},
	{"9110 7.6.2 to 0", 0, "OPTIONS * HTTP/1.1\r\n" HOST "Max-Forwards: 001\r\n\r\n", "OPTIONS * HTTP/1.1\r\n" HOST "Max-Forwards: 0\r\n" OURS},
	{"9110 7.6.2 from the largest that we count", 0, "OPTIONS * HTTP/1.1\r\n" HOST "Max-Forwards: 99999999999999999999999\r\n\r\n",
		"OPTIONS * HTTP/1.1\r\n" HOST "Max-Forwards: 4294967294\r\n" OURS},
	{"9110 7.6.2 Connection can't take it away", 0, "TRACE / HTTP/1.1\r\n" HOST "Connection: max-forwards\r\nMax-Forwards: 2\r\n\r\n",
		"TRACE / HTTP/1.1\r\n" HOST "Max-Forwards: 1\r\n" OURS},
	{"9110 7.6.2 other methods pass it", 0, LINE HOST "Max-Forwards: 10\r\n\r\n", LINE HOST "Max-Forwards: 10\r\n" OURS},
	{"a stranger's X-Forwarded-* are replaced", 0,
		LINE HOST
		"X-Forwarded-For: 1.1.1.1\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: evil\r\nForwarded: for=1.1.1.1\r\nX-Forwarded-For: 2.2.2.2\r\n\r\n",
		LINE HOST OURS},
	{"a stranger can't name them in Connection", 0, LINE HOST "Connection: x-forwarded-for, x-forwarded-proto\r\n\r\n", LINE HOST OURS},
	{"a trusted peer's are kept, the list grows", WITH_trusted,
		LINE HOST
		"X-Forwarded-For: 1.1.1.1, 2.2.2.2\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: b\r\nForwarded: for=1.1.1.1\r\nX-Forwarded-For:\r\nX-Forwarded-For: 3.3.3.3\r\n\r\n",
		LINE HOST "X-Forwarded-Proto: https\r\nX-Forwarded-Host: b\r\nX-Forwarded-For: 1.1.1.1, 2.2.2.2, 3.3.3.3, 192.0.2.7\r\n"
			  "Forwarded: for=1.1.1.1, for=192.0.2.7\r\n"
			  "X-Request-Id: id-1\r\nVia: 1.1 teal\r\n\r\n"},
	{"nor can the trusted one's be named away", WITH_trusted,
		LINE HOST "Connection: x-forwarded-for, forwarded\r\nForwarded: for=x\r\nX-Forwarded-For: 1.1.1.1\r\n\r\n",
		LINE HOST
		"X-Forwarded-For: 1.1.1.1, 192.0.2.7\r\nForwarded: for=x, for=192.0.2.7\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: a\r\nX-Request-Id: id-1\r\nVia: 1.1 teal\r\n\r\n"},
	{"7239 4 Forwarded grows too, with an IPv6 address in quotes", WITH_trusted | WITH_ipv6,
		LINE HOST "Forwarded: for=1.1.1.1;proto=https\r\nX: y\r\nForwarded:\r\nFORWARDED: for=\"[::1]\", for=_a\r\n\r\n",
		LINE HOST "X: y\r\nX-Forwarded-For: 2001:db8::7\r\nForwarded: for=1.1.1.1;proto=https, for=\"[::1]\", for=_a, for=\"[2001:db8::7]\"\r\n"
			  "X-Forwarded-Proto: http\r\nX-Forwarded-Host: a\r\nX-Request-Id: id-1\r\nVia: 1.1 teal\r\n\r\n"},
	{"7239 5.4 what came by TLS", WITH_trusted | WITH_tls, LINE HOST "Forwarded: for=1.1.1.1;proto=http\r\nX-Forwarded-Proto: http\r\n\r\n",
		LINE HOST "X-Forwarded-Proto: http\r\n" FOR "Forwarded: for=1.1.1.1;proto=http, for=192.0.2.7;proto=https\r\n"
			  "X-Forwarded-Host: a\r\nX-Request-Id: id-1\r\nVia: 1.1 teal\r\n\r\n"},
	{"7239 5.4 by TLS, with an IPv6 address", WITH_trusted | WITH_tls | WITH_ipv6, LINE HOST "Forwarded: for=_a\r\n\r\n",
		LINE HOST "X-Forwarded-For: 2001:db8::7\r\nForwarded: for=_a, for=\"[2001:db8::7]\";proto=https\r\n"
			  "X-Forwarded-Proto: https\r\nX-Forwarded-Host: a\r\nX-Request-Id: id-1\r\nVia: 1.1 teal\r\n\r\n"},
	{"7239 6.2 a peer without an address is unknown", WITH_trusted | WITH_no_client, LINE HOST "Forwarded: for=1.1.1.1\r\n\r\n",
		LINE HOST
		"Forwarded: for=1.1.1.1, for=unknown\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: a\r\nX-Request-Id: id-1\r\nVia: 1.1 teal\r\n\r\n"},
	{"a stranger's Forwarded goes", 0, LINE HOST "Forwarded: for=1.1.1.1\r\n\r\n", LINE HOST OURS},
	{"a trusted peer that says nothing", WITH_trusted | WITH_tls, LINE HOST "\r\n",
		LINE HOST FOR "X-Forwarded-Proto: https\r\nX-Forwarded-Host: a\r\nX-Request-Id: id-1\r\nVia: 1.1 teal\r\n\r\n"},
	{"a peer without an address", WITH_no_client, LINE HOST "X-Forwarded-For: 1.1.1.1\r\n\r\n",
		LINE HOST "X-Forwarded-Proto: http\r\nX-Forwarded-Host: a\r\nX-Request-Id: id-1\r\nVia: 1.1 teal\r\n\r\n"},
	{"a trusted peer without an address", WITH_no_client | WITH_trusted, LINE HOST "X-Forwarded-For: 1.1.1.1\r\n\r\n",
		LINE HOST "X-Forwarded-For: 1.1.1.1\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: a\r\nX-Request-Id: id-1\r\nVia: 1.1 teal\r\n\r\n"},
	{"a request id of its own passes", 0, LINE HOST "X-Request-Id: A-z0/9=@:\r\n\r\n",
		LINE HOST "X-Request-Id: A-z0/9=@:\r\n" FOR "X-Forwarded-Proto: http\r\nX-Forwarded-Host: a\r\nVia: 1.1 teal\r\n\r\n"},
	{"an invalid request id is replaced", 0, LINE HOST "X-Request-Id: a b\r\n\r\n", LINE HOST OURS},
	{"an empty request id is replaced", 0, LINE HOST "X-Request-Id:\r\n\r\n", LINE HOST OURS},
	{"two request ids are replaced", 0, LINE HOST "X-Request-Id: a\r\nX: y\r\nX-Request-Id: a\r\n\r\n", LINE HOST "X: y\r\n" OURS},
};

static struct fields_to_backend to_backend(unsigned with)
{
	return (struct fields_to_backend){
		.client = with & WITH_ipv6 ? "2001:db8::7" : "192.0.2.7",
		.client_length = with & WITH_no_client ? 0
				 : with & WITH_ipv6    ? 11
						       : 9,
		.trusted = (with & WITH_trusted) != 0,
		.tls = (with & WITH_tls) != 0,
		.request_id = "id-1",
		.request_id_length = 4,
		.host = with & WITH_host ? "b:80" : NULL,
		.host_length = with & WITH_host ? 4 : 0,
		.certificate = {":AQID:", with & WITH_certificate ? 6 : 0},
		.upgrade = (with & WITH_upgrade) != 0,
		.expect = (with & WITH_expect) != 0,
	};
}

static void check_output(const char *name, const char *expected, const char *out, size_t length)
{
	if (length != strlen(expected) || memcmp(out, expected, length) != 0)
		fail_msg("%s:\n%.*s", name, (int)length, out);
}

static void requests_are_rewritten(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		const struct request_case *it = &requests[i];
		struct fields_to_backend with = to_backend(it->with);
		struct head head;
		enum fail fail = FAIL_none;
		char out[2048];
		if (head_parse_request(it->in, strlen(it->in), 0, &roomy, &head, &fail) != HEAD_DONE)
			fail_msg("%s: %s", it->name, fail_row(fail)->name);
		check_output(it->name, it->out, out, fields_write_request(&head, &with, out, sizeof(out)));
	}
}

struct answer_case {
	const char *name;
	struct fields_to_client with;
	const char *in, *out;
};

#define OK "HTTP/1.1 200 OK\r\n"
#define VIA "Via: 1.1 teal\r\n\r\n"

static const struct answer_case answers[] = {
	{"nothing to remove", {.client_minor = 1, .framing = FRAMING_length}, OK "Server: s\r\nContent-Length: 5\r\n\r\n",
		OK "Server: s\r\nContent-Length: 5\r\n" VIA},
	{"no field at all", {.client_minor = 1}, OK "\r\n", OK VIA},
	{"9110 7.6.1 Connection and what it names", {.client_minor = 1},
		OK "A: b\r\nX: y\r\nConnection: x, keep-alive\r\nKeep-Alive: timeout=5\r\nB: c\r\n\r\n", OK "A: b\r\nB: c\r\n" VIA},
	{"9110 7.6.1 but never the length", {.client_minor = 1, .framing = FRAMING_length}, OK "Connection: content-length\r\nContent-Length: 5\r\n\r\n",
		OK "Content-Length: 5\r\n" VIA},
	{"9110 2.5 we speak HTTP/1.1", {.client_minor = 1}, "HTTP/1.0 404 Not Found\r\nA: b\r\n\r\n",
		"HTTP/1.1 404 Not Found\r\nA: b\r\nVia: 1.0 teal\r\n\r\n"},
	{"9112 4 the space before an empty reason", {.client_minor = 1}, "HTTP/1.1 200\r\nA: b\r\n\r\n", "HTTP/1.1 200 \r\nA: b\r\n" VIA},
	{"9112 4 an empty reason", {.client_minor = 1}, "HTTP/1.1 200 \r\n\r\n", "HTTP/1.1 200 \r\n" VIA},
	{"9112 5.1 white space before the colon", {.client_minor = 1}, OK "A: b\r\nX \t:  y \r\nB: c\r\nZ : \r\n\r\n",
		OK "A: b\r\nX: y\r\nB: c\r\nZ: \r\n" VIA},
	{"9112 5.1 also of what is removed", {.client_minor = 1}, OK "Connection : x\r\nX : y\r\n\r\n", OK VIA},
	{"9112 6.1 chunked", {.client_minor = 1, .framing = FRAMING_chunked}, OK "Transfer-Encoding: CHUNKED\r\nA: b\r\n\r\n",
		OK "A: b\r\nTransfer-Encoding: chunked\r\n" VIA},
	{"9112 6.1 chunked, for us to add", {.client_minor = 1, .framing = FRAMING_chunked}, OK "A: b\r\n\r\n",
		OK "A: b\r\nTransfer-Encoding: chunked\r\n" VIA},
	{"9112 6.1 never to HTTP/1.0", {.framing = FRAMING_chunked, .close = true}, OK "Transfer-Encoding: chunked\r\nTrailer: X\r\n\r\n",
		OK "Connection: close\r\n" VIA},
	{"9112 6.1 not to HEAD", {.client_minor = 1, .framing = FRAMING_none}, OK "Transfer-Encoding: chunked\r\n\r\n", OK VIA},
	{"9112 6.3 no length beside it", {.client_minor = 1, .framing = FRAMING_none}, OK "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n", OK VIA},
	{"9110 8.6 a repeated length once", {.client_minor = 1, .framing = FRAMING_length}, OK "Content-Length: 5\r\nA: b\r\nContent-Length: 5\r\n\r\n",
		OK "A: b\r\nContent-Length: 5\r\n" VIA},
	{"9110 8.6 a list of lengths once", {.client_minor = 1, .framing = FRAMING_length}, OK "Content-Length: 5, 5\r\n\r\n", OK "Content-Length: 5\r\n" VIA},
	{"9110 8.6 none in 204", {.client_minor = 1}, "HTTP/1.1 204 No\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n", "HTTP/1.1 204 No\r\n" VIA},
	{"9110 8.6 none in 1xx", {.client_minor = 1}, "HTTP/1.1 103 Early\r\nContent-Length: 5\r\nLink: a\r\n\r\n", "HTTP/1.1 103 Early\r\nLink: a\r\n" VIA},
	{"9110 8.6 in 304 it says what 200 would", {.client_minor = 1}, "HTTP/1.1 304 Not\r\nContent-Length: 5\r\n\r\n",
		"HTTP/1.1 304 Not\r\nContent-Length: 5\r\n" VIA},
	{"9112 9.6 close", {.client_minor = 1, .close = true}, OK "Connection: keep-alive\r\n\r\n", OK "Connection: close\r\n" VIA},
	{"9112 9.3 keep-alive", {.keep_alive = true}, OK "\r\n", OK "Connection: keep-alive\r\n" VIA},
	{"9110 7.8 Upgrade goes", {.client_minor = 1}, OK "Upgrade: h2c\r\nConnection: upgrade\r\n\r\n", OK VIA},
	{"9110 7.8 Upgrade passes", {.client_minor = 1, .framing = FRAMING_tunnel, .upgrade = true},
		"HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
		"HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\nConnection: upgrade\r\n" VIA},
	{"a cookie of ours", {.client_minor = 1, .cookie = {"pin=0001; Path=/", 16}}, OK "Set-Cookie: a=b\r\nConnection: set-cookie\r\nSet-Cookie: c=d\r\n\r\n",
		OK "Set-Cookie: pin=0001; Path=/\r\n" VIA},
	{"a cookie of ours beside others", {.client_minor = 0, .close = true, .cookie = {"pin=0001", 8}}, OK "Set-Cookie: a=b\r\n\r\n",
		OK "Set-Cookie: a=b\r\nSet-Cookie: pin=0001\r\nConnection: close\r\n" VIA},
	{"6797 7.1 HSTS of ours", {.client_minor = 1, .hsts = {"max-age=9", 9}}, OK "A: b\r\n\r\n", OK "A: b\r\nStrict-Transport-Security: max-age=9\r\n" VIA},
	{"6797 7.1 in place of the backend's", {.client_minor = 1, .hsts = {"max-age=9", 9}},
		OK "strict-transport-SECURITY: max-age=1\r\nA: b\r\nStrict-Transport-Security: max-age=2\r\nStrict-Transport-Securitz: c\r\n\r\n",
		OK "A: b\r\nStrict-Transport-Securitz: c\r\nStrict-Transport-Security: max-age=9\r\n" VIA},
	{"a backend's alone passes", {.client_minor = 1}, OK "Connection: a\r\nStrict-Transport-Security: max-age=1\r\n\r\n",
		OK "Strict-Transport-Security: max-age=1\r\n" VIA},
	{"an answer's Client-Cert is none of ours", {.client_minor = 1}, OK "Connection: a\r\nClient-Cert: a\r\nClient_Cert: b\r\n\r\n",
		OK "Client-Cert: a\r\nClient_Cert: b\r\n" VIA},
	{"9110 15.5.22 426 keeps its Upgrade", {.client_minor = 1, .close = true}, "HTTP/1.1 426 Upgrade\r\nUpgrade: TLS/1.2\r\nConnection: upgrade\r\n\r\n",
		"HTTP/1.1 426 Upgrade\r\nUpgrade: TLS/1.2\r\nConnection: close, upgrade\r\n" VIA},
	{"9110 6.6.2 Trailer passes", {.client_minor = 1, .framing = FRAMING_chunked}, OK "Trailer: X\r\nTransfer-Encoding: chunked\r\n\r\n",
		OK "Trailer: X\r\nTransfer-Encoding: chunked\r\n" VIA},
	{"9110 11.7 Proxy-Authenticate passes", {.client_minor = 1}, "HTTP/1.1 407 Auth\r\nProxy-Authenticate: Basic\r\n\r\n",
		"HTTP/1.1 407 Auth\r\nProxy-Authenticate: Basic\r\n" VIA},
	{"9110 7.6.3 Via is added behind", {.client_minor = 1}, OK "Via: 1.1 b\r\n\r\n", OK "Via: 1.1 b\r\n" VIA},
	{"9110 6.6.1 Date is added where it is missing", {.client_minor = 1, .date = {"today", 5}}, OK "A: b\r\n\r\n", OK "A: b\r\nDate: today\r\n" VIA},
	{"9110 6.6.1 and where it is named away", {.client_minor = 1, .date = {"today", 5}}, OK "Connection: date\r\nDate: then\r\n\r\n",
		OK "Date: today\r\n" VIA},
	{"9110 6.6.1 one that is there stays", {.client_minor = 1, .date = {"today", 5}}, OK "dATE: then\r\n\r\n", OK "dATE: then\r\n" VIA},
	{"9110 6.6.1 an interim answer needs none", {.client_minor = 1, .date = {"today", 5}}, "HTTP/1.1 103 Hints\r\n\r\n", "HTTP/1.1 103 Hints\r\n" VIA},
	{"6265 3 fields that may not be joined stay apart", {.client_minor = 1}, OK "Set-Cookie: a\r\nConnection: b\r\nSet-Cookie: c\r\n\r\n",
		OK "Set-Cookie: a\r\nSet-Cookie: c\r\n" VIA},
};

static void answers_are_rewritten(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		struct head head;
		enum fail fail = FAIL_none;
		char out[2048];
		if (head_parse_answer(answers[i].in, strlen(answers[i].in), 0, &roomy, &head, &fail) != HEAD_DONE)
			fail_msg("%s: %s", answers[i].name, fail_row(fail)->name);
		check_output(answers[i].name, answers[i].out, out, fields_write_answer(&head, &answers[i].with, out, sizeof(out)));
	}
}

/* Fields the proxy has no opinion of come out with the same names and values, in the same order. */
static void check_same_others(const char *name, const struct head *in, const struct head *out)
{
	unsigned at = 0;
	for (unsigned i = 0; i < in->field_count; i++) {
		const struct head_field *field = &in->fields[i];
		char lower[64] = "";
		for (unsigned k = 0; k < field->name_length && k < sizeof(lower) - 1; k++)
			lower[k] = field->line[k] >= 'A' && field->line[k] <= 'Z' ? (char)(field->line[k] + 32) : field->line[k];
		if (field->id != FIELD_other || head_has_token(in, FIELD_connection, lower) || (in->status == 0 && removal_is_alias(field)))
			continue;
		while (at < out->field_count && out->fields[at].id != FIELD_other)
			at++;
		if (at == out->field_count)
			fail_msg("%s: %s is lost", name, lower);
		assert_int_equal(field->name_length, out->fields[at].name_length);
		assert_memory_equal(field->line, out->fields[at].line, field->name_length);
		assert_int_equal(field->value_length, out->fields[at].value_length);
		assert_memory_equal(field->value, out->fields[at].value, field->value_length);
		at++;
	}
}

static void what_is_written_reads_the_same(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		struct head in, out;
		enum fail fail;
		struct text written = {requests[i].out, strlen(requests[i].out)};
		assert_int_equal(head_parse_request(requests[i].in, strlen(requests[i].in), 0, &roomy, &in, &fail), HEAD_DONE);
		if (strstr(written.at, "Host: \r\n") != NULL) /* for want of a host we may send what we would not take */
			continue;
		if (parse_split(false, written, &roomy, &out, &fail) != HEAD_DONE)
			fail_msg("%s: %s", requests[i].name, fail_row(fail)->name);
		assert_int_equal(out.length, written.length);
		assert_int_equal(out.method, in.method);
		check_same_others(requests[i].name, &in, &out);
	}
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		struct head in, out;
		enum fail fail;
		struct text written = {answers[i].out, strlen(answers[i].out)};
		assert_int_equal(head_parse_answer(answers[i].in, strlen(answers[i].in), 0, &roomy, &in, &fail), HEAD_DONE);
		assert_int_equal(parse_split(true, written, &roomy, &out, &fail), HEAD_DONE);
		assert_int_equal(out.length, written.length);
		assert_int_equal(out.status, in.status);
		assert_false(out.untidy);
		check_same_others(answers[i].name, &in, &out);
	}
}

/* Every size that is too small gives 0 and no byte beyond it. */
static void a_buffer_too_small_gives_nothing(void **state)
{
	(void)state;
	struct head head;
	enum fail fail;
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		struct fields_to_backend with = to_backend(requests[i].with);
		size_t needed = strlen(requests[i].out);
		assert_int_equal(head_parse_request(requests[i].in, strlen(requests[i].in), 0, &roomy, &head, &fail), HEAD_DONE);
		for (size_t size = 0; size <= needed; size++) {
			char *out = malloc(size + 1);
			assert_non_null(out);
			assert_int_equal(fields_write_request(&head, &with, out, size), size == needed ? needed : 0);
			free(out);
		}
	}
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		size_t needed = strlen(answers[i].out);
		assert_int_equal(head_parse_answer(answers[i].in, strlen(answers[i].in), 0, &roomy, &head, &fail), HEAD_DONE);
		for (size_t size = 0; size <= needed; size++) {
			char *out = malloc(size + 1);
			assert_non_null(out);
			assert_int_equal(fields_write_answer(&head, &answers[i].with, out, size), size == needed ? needed : 0);
			free(out);
		}
	}
}

static void request_ids_have_a_length(void **state)
{
	(void)state;
	for (size_t length = 127; length <= 129; length++) {
		char in[512], out[1024], id[130];
		memset(id, 'i', length);
		id[length] = '\0';
		struct fields_to_backend with = to_backend(0);
		struct head head;
		enum fail fail;
		size_t in_length = (size_t)snprintf(in, sizeof(in), LINE HOST "X-Request-Id: %s\r\n\r\n", id);
		assert_int_equal(head_parse_request(in, in_length, 0, &roomy, &head, &fail), HEAD_DONE);
		size_t written = fields_write_request(&head, &with, out, sizeof(out) - 1);
		out[written] = '\0';
		assert_int_equal(strstr(out, id) != NULL, length <= 128);
		assert_int_equal(strstr(out, "id-1") != NULL, length > 128);
	}
}

/* A request whose Connection names `count` fields, one of them there. */
static size_t write_naming(unsigned count, char *out, size_t size)
{
	char in[4096] = LINE HOST "Connection: close";
	size_t length = strlen(in);
	for (unsigned i = 0; i < count; i++)
		length += (size_t)snprintf(in + length, sizeof(in) - length, ",n%u", i);
	length += (size_t)snprintf(in + length, sizeof(in) - length, "\r\nN%u: x\r\n\r\n", count - 1);
	struct fields_to_backend with = to_backend(0);
	struct head head;
	enum fail fail;
	assert_int_equal(head_parse_request(in, length, 0, &roomy, &head, &fail), HEAD_DONE);
	return fields_write_request(&head, &with, out, size);
}

static void connection_names_so_many_fields_and_no_more(void **state)
{
	(void)state;
	static const char expected[] = LINE HOST OURS;
	char out[1024] = "";
	check_output("64", expected, out, write_naming(64, out, sizeof(out)));
	assert_int_equal(write_naming(65, out, sizeof(out)), 0);
	static const char answer[] =
		OK "Connection: a1,a2,a3,a4,a5,a6,a7,a8,a9,b1,b2,b3,b4,b5,b6,b7,b8,b9,c1,c2,c3,c4,c5,c6,c7,c8,c9,d1,d2,d3,d4,d5,d6,d7,d8,d9,"
		   "e1,e2,e3,e4,e5,e6,e7,e8,e9,f1,f2,f3,f4,f5,f6,f7,f8,f9,g1,g2,g3,g4,g5,g6,g7,g8,g9,h1,h2\r\n\r\n";
	struct fields_to_client with = {.client_minor = 1};
	struct head head;
	enum fail fail;
	assert_int_equal(head_parse_answer(answer, sizeof(answer) - 1, 0, &roomy, &head, &fail), HEAD_DONE);
	assert_int_equal(fields_write_answer(&head, &with, out, sizeof(out)), 0);
	assert_true(fields_names_others(&head));
}

static void some_requests_end_here(void **state)
{
	(void)state;
	static const struct {
		const char *start, *fields;
		bool answer, others;
	} cases[] = {
		{"OPTIONS *", "Max-Forwards: 0\r\n", true, false},
		{"TRACE /", "Max-Forwards: 000\r\n", true, false},
		{"OPTIONS /", "Max-Forwards: 1\r\n", false, false},
		{"OPTIONS /", "Max-Forwards: 4294967296\r\n", false, false},
		{"OPTIONS /", "Connection: keep-alive, close, upgrade, TE\r\n", false, false},
		{"GET /", "Max-Forwards: 0\r\n", false, false},
		{"GET /", "Connection: keep-alive\r\nConnection: x\r\n", false, true},
		{"GET /", "Connection: trailer\r\n", false, true},
		{"GET /", "", false, false},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[256];
		size_t length = (size_t)snprintf(text, sizeof(text), "%s HTTP/1.1\r\n" HOST "%s\r\n", cases[i].start, cases[i].fields);
		struct head head;
		enum fail fail;
		assert_int_equal(head_parse_request(text, length, 0, &roomy, &head, &fail), HEAD_DONE);
		assert_int_equal(fields_must_answer(&head), cases[i].answer);
		assert_int_equal(fields_names_others(&head), cases[i].others);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_are_rewritten),
		cmocka_unit_test(answers_are_rewritten),
		cmocka_unit_test(what_is_written_reads_the_same),
		cmocka_unit_test(a_buffer_too_small_gives_nothing),
		cmocka_unit_test(request_ids_have_a_length),
		cmocka_unit_test(connection_names_so_many_fields_and_no_more),
		cmocka_unit_test(some_requests_end_here),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
