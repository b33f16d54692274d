/* Reading heads: the grammar of every line, limits, and every message split at every byte. */
// links: proxy
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>

#include "proxy/octet.h"
#include "tests/unit/split_parse.h"

struct head_case {
	const char *name;
	struct text text;
	enum fail fail; /* FAIL_none: a good head */
};

#define HOST "Host: a\r\n"
#define LINE "GET / HTTP/1.1\r\n"

static const struct head_case requests[] = {
	{"the least there can be", TEXT(LINE HOST "\r\n"), FAIL_none},
	{"9112 9.3.2 the next request behind it", TEXT(LINE HOST "\r\nGET /2 HTTP/1.1\r\n" HOST "\r\n"), FAIL_none},
	{"9112 2.2 an empty line before it", TEXT("\r\n" LINE HOST "\r\n"), FAIL_none},
	{"9112 2.2 four empty lines before it", TEXT("\r\n\r\n\r\n\r\n" LINE HOST "\r\n"), FAIL_none},
	{"9112 2.2 five empty lines before it", TEXT("\r\n\r\n\r\n\r\n\r\n" LINE HOST "\r\n"), FAIL_request_malformed},
	{"9112 2.2 a bare LF before it", TEXT("\n" LINE HOST "\r\n"), FAIL_request_malformed},
	{"9112 2.2 a bare CR before it", TEXT("\r" LINE HOST "\r\n"), FAIL_request_malformed},
	{"9112 2.2 white space before it", TEXT(" " LINE HOST "\r\n"), FAIL_request_malformed},
	{"9112 2.2 request line ended by LF", TEXT("GET / HTTP/1.1\n" HOST "\r\n"), FAIL_request_malformed},
	{"9112 2.2 request line ended by CR", TEXT("GET / HTTP/1.1\r" HOST "\r\n"), FAIL_request_malformed},
	{"9112 2.2 request line ended by CR CR LF", TEXT("GET / HTTP/1.1\r\r\n" HOST "\r\n"), FAIL_request_malformed},
	{"9112 2.2 field line ended by LF", TEXT(LINE "Host: a\n\r\n"), FAIL_request_malformed},
	{"9112 2.2 bare CR in a value", TEXT(LINE HOST "X: a\rb\r\n\r\n"), FAIL_request_malformed},
	{"9112 2.2 CR CR LF behind a value", TEXT(LINE HOST "X: a\r\r\n\r\n"), FAIL_request_malformed},
	{"9112 2.2 bare LF in a value", TEXT(LINE HOST "X: a\nY: b\r\n\r\n"), FAIL_request_malformed},
	{"9112 2.2 bare CR in a name", TEXT(LINE HOST "X\rY: b\r\n\r\n"), FAIL_request_malformed},
	{"9112 2.2 empty line of LF alone", TEXT(LINE HOST "\n"), FAIL_request_malformed},
	{"9112 2.2 empty line of CR and another byte", TEXT(LINE HOST "\rX"), FAIL_request_malformed},
	{"9112 2.2 all lines ended by LF", TEXT("GET / HTTP/1.1\nHost: a\n\n"), FAIL_request_malformed},
	{"9112 2.2 white space before the first field", TEXT(LINE " X: b\r\n" HOST "\r\n"), FAIL_request_malformed},
	{"9112 3 no method", TEXT(" / HTTP/1.1\r\n" HOST "\r\n"), FAIL_request_malformed},
	{"9112 3 no target", TEXT("GET HTTP/1.1\r\n" HOST "\r\n"), FAIL_request_malformed},
	{"9112 3 no target but two spaces", TEXT("GET  HTTP/1.1\r\n" HOST "\r\n"), FAIL_request_malformed},
	{"9112 3 no version", TEXT("GET /\r\n" HOST "\r\n"), FAIL_request_malformed},
	{"9112 3 no version but a space", TEXT("GET / \r\n" HOST "\r\n"), FAIL_request_malformed},
	{"9112 3 two spaces behind the method", TEXT("GET  / HTTP/1.1\r\n" HOST "\r\n"), FAIL_request_malformed},
	{"9112 3 two spaces behind the target", TEXT("GET /  HTTP/1.1\r\n" HOST "\r\n"), FAIL_request_malformed},
	{"9112 3 a tab behind the method", TEXT("GET\t/ HTTP/1.1\r\n" HOST "\r\n"), FAIL_request_malformed},
	{"9112 3 a tab behind the target", TEXT("GET /\tHTTP/1.1\r\n" HOST "\r\n"), FAIL_request_malformed},
	{"9112 3 a space behind the version", TEXT("GET / HTTP/1.1 \r\n" HOST "\r\n"), FAIL_request_malformed},
	{"9112 3 a fourth word", TEXT("GET / HTTP/1.1 x\r\n" HOST "\r\n"), FAIL_request_malformed},
	{"9112 3 a space in the target", TEXT("GET /a b HTTP/1.1\r\n" HOST "\r\n"), FAIL_request_malformed},
	{"9112 3 an unknown method", TEXT("M-SEARCH /x HTTP/1.1\r\n" HOST "\r\n"), FAIL_none},
	{"9112 3.1 a method with a separator", TEXT("GE(T / HTTP/1.1\r\n" HOST "\r\n"), FAIL_request_malformed},
	{"9112 3.2 a fragment", TEXT("GET /a#b HTTP/1.1\r\n" HOST "\r\n"), FAIL_request_malformed},
	{"9112 3.2 obs-text in the target", TEXT("GET /\xc3\xa4 HTTP/1.1\r\n" HOST "\r\n"), FAIL_request_malformed},
	{"9112 3.2 NUL in the target", TEXT("GET /a\0b HTTP/1.1\r\n" HOST "\r\n"), FAIL_request_malformed},
	{"9112 2.3 HTTP/1.0", TEXT("GET / HTTP/1.0\r\n\r\n"), FAIL_none},
	{"9110 2.5 a later minor version", TEXT("GET / HTTP/1.9\r\n" HOST "\r\n"), FAIL_none},
	{"9110 2.5 HTTP/2.0", TEXT("GET / HTTP/2.0\r\n" HOST "\r\n"), FAIL_request_version},
	{"9113 3.4 the preface of HTTP/2", TEXT("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), FAIL_request_version},
	{"9110 2.5 HTTP/0.9 by name", TEXT("GET / HTTP/0.9\r\n" HOST "\r\n"), FAIL_request_version},
	{"9112 2.3 lower-case version", TEXT("GET / http/1.1\r\n" HOST "\r\n"), FAIL_request_malformed},
	{"9112 2.3 two digits of minor version", TEXT("GET / HTTP/1.10\r\n" HOST "\r\n"), FAIL_request_malformed},
	{"9112 2.3 two digits of major version", TEXT("GET / HTTP/11.1\r\n" HOST "\r\n"), FAIL_request_malformed},
	{"9112 2.3 no minor version", TEXT("GET / HTTP/1\r\n" HOST "\r\n"), FAIL_request_malformed},
	{"9112 2.3 no dot", TEXT("GET / HTTP/1,1\r\n" HOST "\r\n"), FAIL_request_malformed},
	{"9112 2.3 no digit", TEXT("GET / HTTP/1.x\r\n" HOST "\r\n"), FAIL_request_malformed},
	{"9112 2.3 no major digit", TEXT("GET / HTTP/x.1\r\n" HOST "\r\n"), FAIL_request_malformed},
	{"9112 2.3 another protocol", TEXT("GET / ICAP/1.1\r\n" HOST "\r\n"), FAIL_request_malformed},
	{"9112 5.1 space before the colon", TEXT(LINE "Host : a\r\n\r\n"), FAIL_request_malformed},
	{"9112 5.1 tab before the colon", TEXT(LINE "Host\t: a\r\n\r\n"), FAIL_request_malformed},
	{"9112 5 no colon", TEXT(LINE HOST "X\r\n\r\n"), FAIL_request_malformed},
	{"9112 5 an empty name", TEXT(LINE HOST ": b\r\n\r\n"), FAIL_request_malformed},
	{"9112 5 a space in the name", TEXT(LINE HOST "X Y: b\r\n\r\n"), FAIL_request_malformed},
	{"9112 5 obs-text in the name", TEXT(LINE HOST "X\xe4: b\r\n\r\n"), FAIL_request_malformed},
	{"9112 5 NUL in the name", TEXT(LINE HOST "X\0: b\r\n\r\n"), FAIL_request_malformed},
	{"9112 5.2 folding by a space", TEXT(LINE HOST "X: a\r\n b\r\n\r\n"), FAIL_request_malformed},
	{"9112 5.2 folding by a tab", TEXT(LINE HOST "X: a\r\n\tb\r\n\r\n"), FAIL_request_malformed},
	{"9112 5.2 folding of an empty value", TEXT(LINE HOST "X:\r\n b\r\n\r\n"), FAIL_request_malformed},
	{"9112 5.2 folding by a line of white space", TEXT(LINE HOST "X: a\r\n \r\n\r\n"), FAIL_request_malformed},
	{"9110 5.5 an empty value", TEXT(LINE HOST "X:\r\n\r\n"), FAIL_none},
	{"9110 5.5 a value of white space", TEXT(LINE HOST "X: \t \r\n\r\n"), FAIL_none},
	{"9110 5.5 a tab inside a value", TEXT(LINE HOST "X: a\tb\r\n\r\n"), FAIL_none},
	{"9110 5.5 obs-text in a value", TEXT(LINE HOST "X: \xc3\xa4\xff\x80\r\n\r\n"), FAIL_none},
	{"9110 5.5 NUL in a value", TEXT(LINE HOST "X: a\0b\r\n\r\n"), FAIL_request_malformed},
	{"9110 5.5 ESC in a value", TEXT(LINE HOST "X: a\x1b[m\r\n\r\n"), FAIL_request_malformed},
	{"9110 5.5 DEL in a value", TEXT(LINE HOST "X: a\x7f\r\n\r\n"), FAIL_request_malformed},
	{"9110 5.5 a vertical tab before a value",
		TEXT(LINE HOST "X:\x0b"
			       "b\r\n\r\n"),
		FAIL_request_malformed},
	{"a control late in a long value", TEXT(LINE HOST "X: 0123456789abcdef0123456789abcdef0123456789\x01\r\n\r\n"), FAIL_request_malformed},
	{"a long name", TEXT(LINE HOST "X-0123456789-abcdefghijklmnop_qrstuvwxyz!#$%&'*+.^`|~: b\r\n\r\n"), FAIL_none},
	{"a TLS client", TEXT("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"), FAIL_request_malformed},
};

static const struct head_case answers[] = {
	{"the least there can be", TEXT("HTTP/1.1 200 OK\r\n\r\n"), FAIL_none},
	{"9112 4 HTTP/1.0", TEXT("HTTP/1.0 200 OK\r\n\r\n"), FAIL_none},
	{"9112 4 an empty reason", TEXT("HTTP/1.1 200 \r\n\r\n"), FAIL_none},
	{"9112 4 no space before an empty reason", TEXT("HTTP/1.1 200\r\n\r\n"), FAIL_none},
	{"9112 4 a reason of several words", TEXT("HTTP/1.1 404 Not \tFound\r\n\r\n"), FAIL_none},
	{"9112 4 obs-text in the reason", TEXT("HTTP/1.1 200 \xc3\xa4\r\n\r\n"), FAIL_none},
	{"9112 4 a control in the reason", TEXT("HTTP/1.1 200 O\x01K\r\n\r\n"), FAIL_answer_malformed},
	{"9112 4 NUL in the reason", TEXT("HTTP/1.1 200 O\0K\r\n\r\n"), FAIL_answer_malformed},
	{"9112 4 bare CR in the reason", TEXT("HTTP/1.1 200 O\rK\r\n\r\n"), FAIL_answer_malformed},
	{"9112 4 two digits", TEXT("HTTP/1.1 20 OK\r\n\r\n"), FAIL_answer_malformed},
	{"9112 4 two digits alone", TEXT("HTTP/1.1 20\r\n\r\n"), FAIL_answer_malformed},
	{"9112 4 four digits", TEXT("HTTP/1.1 2000 OK\r\n\r\n"), FAIL_answer_malformed},
	{"9112 4 letters", TEXT("HTTP/1.1 2xx OK\r\n\r\n"), FAIL_answer_malformed},
	{"9112 4 a sign", TEXT("HTTP/1.1 -20 OK\r\n\r\n"), FAIL_answer_malformed},
	{"9110 15 status 099", TEXT("HTTP/1.1 099 OK\r\n\r\n"), FAIL_answer_malformed},
	{"9110 15 status 000", TEXT("HTTP/1.1 000 OK\r\n\r\n"), FAIL_answer_malformed},
	{"9110 15 status 600", TEXT("HTTP/1.1 600 OK\r\n\r\n"), FAIL_answer_malformed},
	{"9110 15 status 100", TEXT("HTTP/1.1 100 Continue\r\n\r\n"), FAIL_none},
	{"9110 15 status 599", TEXT("HTTP/1.1 599 Odd\r\n\r\n"), FAIL_none},
	{"9112 4 no status", TEXT("HTTP/1.1\r\n\r\n"), FAIL_answer_malformed},
	{"9112 4 no status but a space", TEXT("HTTP/1.1 \r\n\r\n"), FAIL_answer_malformed},
	{"9112 4 two spaces before the status", TEXT("HTTP/1.1  200 OK\r\n\r\n"), FAIL_answer_malformed},
	{"9112 4 a tab before the status", TEXT("HTTP/1.1\t200 OK\r\n\r\n"), FAIL_answer_malformed},
	{"9112 4 a tab behind the status", TEXT("HTTP/1.1 200\tOK\r\n\r\n"), FAIL_answer_malformed},
	{"9112 2.3 HTTP/2.0", TEXT("HTTP/2.0 200 OK\r\n\r\n"), FAIL_answer_malformed},
	{"9112 2.3 HTTP/2", TEXT("HTTP/2 200 OK\r\n\r\n"), FAIL_answer_malformed},
	{"9110 2.5 a later minor version", TEXT("HTTP/1.2 200 OK\r\n\r\n"), FAIL_none},
	{"9112 2.3 lower-case version", TEXT("http/1.1 200 OK\r\n\r\n"), FAIL_answer_malformed},
	{"9112 4 another protocol", TEXT("ICY 200 OK\r\n\r\n"), FAIL_answer_malformed},
	{"9112 4 no status line at all", TEXT("<html></html>\r\n\r\n"), FAIL_answer_malformed},
	{"9112 2.2 an empty line before it", TEXT("\r\nHTTP/1.1 200 OK\r\n\r\n"), FAIL_answer_malformed},
	{"9112 2.2 status line ended by LF", TEXT("HTTP/1.1 200 OK\nX: a\r\n\r\n"), FAIL_answer_malformed},
	{"9112 5.1 space before the colon is removed", TEXT("HTTP/1.1 200 OK\r\nX : a\r\n\r\n"), FAIL_none},
	{"9112 5.1 white space before the colon is removed", TEXT("HTTP/1.1 200 OK\r\nX \t : a\r\n\r\n"), FAIL_none},
	{"9112 5.1 white space and no colon", TEXT("HTTP/1.1 200 OK\r\nX y: a\r\n\r\n"), FAIL_answer_malformed},
	{"9112 5.1 white space alone before the colon", TEXT("HTTP/1.1 200 OK\r\nX: a\r\n : a\r\n\r\n"), FAIL_answer_malformed},
	{"9112 5.2 folding", TEXT("HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n"), FAIL_answer_malformed},
	{"9112 5 an empty name", TEXT("HTTP/1.1 200 OK\r\n: a\r\n\r\n"), FAIL_answer_malformed},
	{"9112 5 no colon", TEXT("HTTP/1.1 200 OK\r\nX\r\n\r\n"), FAIL_answer_malformed},
	{"9110 5.5 NUL in a value", TEXT("HTTP/1.1 200 OK\r\nX: a\0\r\n\r\n"), FAIL_answer_malformed},
	{"9110 5.5 bare CR in a value", TEXT("HTTP/1.1 200 OK\r\nX: a\rb\r\n\r\n"), FAIL_answer_malformed},
	{"no Host is asked of answers", TEXT("HTTP/1.1 200 OK\r\nHost: a\r\nHost: b c\r\nMax-Forwards: x\r\n\r\n"), FAIL_none},
};

static void check_cases(bool answer, const struct head_case *cases, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct head head;
		enum fail fail;
		enum head_result result = parse_split(answer, cases[i].text, &roomy, &head, &fail);
		if ((cases[i].fail == FAIL_none) != (result == HEAD_DONE) || fail != cases[i].fail)
			fail_msg("%s: result %d, %s", cases[i].name, (int)result, fail_row(fail)->name);
	}
}

static void requests_are_read_or_refused(void **state)
{
	(void)state;
	check_cases(false, requests, sizeof(requests) / sizeof(requests[0]));
}

static void answers_are_read_or_refused(void **state)
{
	(void)state;
	check_cases(true, answers, sizeof(answers) / sizeof(answers[0]));
}

/* What RFC 9110 section 5.6.2 calls a tchar. */
static bool is_tchar(unsigned byte)
{
	return (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z') ||
	       (byte != 0 && strchr("!#$%&'*+-.^_`|~", (int)byte));
}

static bool is_value(unsigned byte)
{
	return byte == '\t' || (byte >= 0x20 && byte != 0x7f);
}

static bool is_hex(unsigned byte)
{
	return byte != 0 && strchr("0123456789abcdefABCDEF", (int)byte) != NULL;
}

static bool is_host(unsigned byte)
{
	return byte != 0 && (strchr("-._~!$&'()*+;=", (int)byte) || (is_tchar(byte) && !strchr("!#$%&'*+-.^_`|~", (int)byte)));
}

static void the_table_of_bytes_is_right(void **state)
{
	(void)state;
	for (unsigned byte = 0; byte < 256; byte++) {
		char octet = (char)byte;
		assert_int_equal(octet_is(octet, OCTET_TOKEN), is_tchar(byte));
		assert_int_equal(octet_is(octet, OCTET_DIGIT), byte >= '0' && byte <= '9');
		assert_int_equal(octet_is(octet, OCTET_HEX), is_hex(byte));
		assert_int_equal(octet_is(octet, OCTET_VALUE), is_value(byte));
		assert_int_equal(octet_is(octet, OCTET_TARGET), byte > 0x20 && byte < 0x7f && byte != '#');
		assert_int_equal(octet_is(octet, OCTET_HOST), is_host(byte));
		assert_int_equal(octet_lower(octet), byte >= 'A' && byte <= 'Z' ? octet + 32 : octet);
		assert_int_equal(octet_is_space(octet), byte == ' ' || byte == '\t');
	}
}

/* Puts `byte` behind `before` and `padding` letters, so that it meets each lane of the wide scans and their ends. */
static enum head_result parse_with_byte(bool answer, const char *before, unsigned padding, unsigned byte, const char *after)
{
	char text[256];
	size_t length = (size_t)snprintf(text, sizeof(text), "%s%.*s", before, (int)padding, "abcdefghijklmnopqrstuvwxyzabcdefghijkl");
	text[length++] = (char)byte;
	length += (size_t)snprintf(text + length, sizeof(text) - length, "%s", after);
	struct head head;
	enum fail fail = FAIL_none;
	char *bytes = copy_exactly(text, length);
	enum head_result result = parse_as(answer, bytes, length, 0, &roomy, &head, &fail);
	free(bytes);
	return result;
}

static void every_byte_in_every_place(void **state)
{
	(void)state;
	for (unsigned byte = 0; byte < 256; byte++) {
		for (unsigned padding = 1; padding < 36; padding++) {
			enum head_result method = parse_with_byte(false, "M", padding, byte, "M / HTTP/1.1\r\nHost: a\r\n\r\n");
			assert_int_equal(method == HEAD_DONE, is_tchar(byte));
			enum head_result target = parse_with_byte(false, "GET /", padding, byte, "x HTTP/1.1\r\nHost: a\r\n\r\n");
			assert_int_equal(target == HEAD_DONE, byte > 0x20 && byte < 0x7f && byte != '#');
			enum head_result name = parse_with_byte(false, LINE HOST "X", padding, byte, "X: y\r\n\r\n");
			assert_int_equal(name == HEAD_DONE, is_tchar(byte) || byte == ':');
			enum head_result value = parse_with_byte(false, LINE HOST "X: ", padding, byte, "y\r\n\r\n");
			assert_int_equal(value == HEAD_DONE, is_value(byte));
			enum head_result reason = parse_with_byte(true, "HTTP/1.1 200 ", padding, byte, "y\r\n\r\n");
			assert_int_equal(reason == HEAD_DONE, is_value(byte));
		}
	}
}

static void a_request_is_taken_apart(void **state)
{
	(void)state;
	struct text text =
		TEXT("\r\nPOST /a?b HTTP/1.1\r\nHost:  example.com \r\nX-Other:\r\ncontent-LENGTH: 3\t\r\nX: y z\r\nCookie: a\r\nCookie: b\r\n\r\nabc");
	struct head head;
	enum fail fail;
	assert_int_equal(parse_split(false, text, &roomy, &head, &fail), HEAD_DONE);
	assert_memory_equal(head.method_text.at, "POST", 4);
	assert_int_equal(head.method, METHOD_post);
	assert_int_equal(head.minor, 1);
	assert_int_equal(head.start_line_length, 22);
	assert_ptr_equal(head.fields_at, text.at + 22);
	assert_int_equal(head.length, text.length - 3);
	assert_int_equal(head.field_count, 6);
	assert_true(span_is(head_value(&head, FIELD_host), "example.com"));
	assert_true(span_is(head_value(&head, FIELD_content_length), "3"));
	assert_true(span_is(head_value(&head, FIELD_cookie), "a"));
	assert_null(head_value(&head, FIELD_te).at);
	assert_int_equal(head.first[FIELD_cookie], 5);
	assert_int_equal(head.fields[1].value_length, 0);
	assert_int_equal(head.fields[1].name_length, 7);
	const char *next = head.fields_at;
	for (unsigned i = 0; i < head.field_count; i++) {
		assert_ptr_equal(head.fields[i].line, next);
		next += head.fields[i].line_length;
	}
	assert_ptr_equal(next + 2, text.at + head.length);
	assert_false(head.untidy);
}

static void an_answer_is_taken_apart(void **state)
{
	(void)state;
	struct text text = TEXT("HTTP/1.0 404 Not Found\r\nServer : x\r\n\r\n");
	struct head head;
	enum fail fail;
	assert_int_equal(parse_split(true, text, &roomy, &head, &fail), HEAD_DONE);
	assert_int_equal(head.status, 404);
	assert_int_equal(head.minor, 0);
	assert_true(span_is(head.reason, "not found"));
	assert_true(head.untidy);
	assert_int_equal(head.fields[0].name_length, 6);
	assert_int_equal(head.fields[0].value_length, 1);
	struct text bare = TEXT("HTTP/1.1 200\r\n\r\n");
	assert_int_equal(parse_split(true, bare, &roomy, &head, &fail), HEAD_DONE);
	assert_null(head.reason.at);
	assert_int_equal(head.start_line_length, 14);
}

static void methods_are_told_apart(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		enum method method;
	} cases[] = {
		{"GET", METHOD_get},
		{"HEAD", METHOD_head},
		{"POST", METHOD_post},
		{"PUT", METHOD_put},
		{"DELETE", METHOD_delete},
		{"PATCH", METHOD_patch},
		{"OPTIONS", METHOD_options},
		{"TRACE", METHOD_trace},
		{"get", METHOD_other},
		{"GETS", METHOD_other},
		{"PROPFIND", METHOD_other},
		{"PUX", METHOD_other},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[64];
		size_t length = (size_t)snprintf(text, sizeof(text), "%s / HTTP/1.0\r\n\r\n", cases[i].text);
		struct head head;
		enum fail fail;
		assert_int_equal(head_parse_request(text, length, 0, &roomy, &head, &fail), HEAD_DONE);
		assert_int_equal(head.method, cases[i].method);
	}
}

static const char *const known_names[FIELD_ID_COUNT] = {
	[FIELD_host] = "host",
	[FIELD_connection] = "connection",
	[FIELD_content_length] = "content-length",
	[FIELD_transfer_encoding] = "transfer-encoding",
	[FIELD_te] = "te",
	[FIELD_trailer] = "trailer",
	[FIELD_upgrade] = "upgrade",
	[FIELD_expect] = "expect",
	[FIELD_keep_alive] = "keep-alive",
	[FIELD_proxy_connection] = "proxy-connection",
	[FIELD_proxy_authenticate] = "proxy-authenticate",
	[FIELD_proxy_authorization] = "proxy-authorization",
	[FIELD_max_forwards] = "max-forwards",
	[FIELD_via] = "via",
	[FIELD_forwarded] = "forwarded",
	[FIELD_x_forwarded_for] = "x-forwarded-for",
	[FIELD_x_forwarded_proto] = "x-forwarded-proto",
	[FIELD_x_forwarded_host] = "x-forwarded-host",
	[FIELD_client_cert] = "client-cert",
	[FIELD_client_cert_chain] = "client-cert-chain",
	[FIELD_strict_transport_security] = "strict-transport-security",
	[FIELD_x_request_id] = "x-request-id",
	[FIELD_cookie] = "cookie",
	[FIELD_accept] = "accept",
	[FIELD_user_agent] = "user-agent",
	[FIELD_referer] = "referer",
	[FIELD_date] = "date",
};

static void known_names_are_found_in_any_case(void **state)
{
	(void)state;
	for (enum field_id id = FIELD_other + 1; id < FIELD_ID_COUNT; id++) {
		char upper[32];
		size_t length = strlen(known_names[id]);
		for (size_t i = 0; i < length; i++)
			upper[i] = known_names[id][i] >= 'a' && known_names[id][i] <= 'z' ? (char)(known_names[id][i] - 32) : known_names[id][i];
		assert_int_equal(head_field_id(known_names[id], length), id);
		assert_int_equal(head_field_id(upper, length), id);
		assert_int_equal(head_field_id(upper, length - 1), FIELD_other);
		for (size_t i = 0; i < length; i++) {
			upper[i] ^= 1;
			assert_int_equal(head_field_id(upper, length), FIELD_other);
			upper[i] ^= 1;
		}
	}
	assert_int_equal(head_field_id("", 0), FIELD_other);
	assert_int_equal(head_field_id("keep_alive", 10), FIELD_other);
}

struct limit_case {
	const char *name;
	bool answer;
	struct text text;
	struct head_limits limits;
	enum head_result result;
	enum fail fail;
};

static const struct limit_case limit_cases[] = {
	{"a request of just the size", false, TEXT(LINE HOST "\r\n"), {27, 8}, HEAD_DONE, FAIL_none},
	{"with a body behind", false, TEXT(LINE HOST "\r\nbody"), {27, 8}, HEAD_DONE, FAIL_none},
	{"6585 5 one byte too many", false, TEXT(LINE HOST "\r\n"), {26, 8}, HEAD_BAD, FAIL_request_head_too_large},
	{"6585 5 too long and not over", false, TEXT(LINE HOST "X: aaaa"), {30, 8}, HEAD_BAD, FAIL_request_head_too_large},
	{"not too long yet", false, TEXT(LINE HOST "X: a"), {30, 8}, HEAD_MORE, FAIL_none},
	{"9110 15.5.15 the target does not fit", false, TEXT("GET /aaaaaaaaaaaaaaaaaaaaaaaaa HTTP/1.1\r\n" HOST "\r\n"), {20, 8}, HEAD_BAD,
		FAIL_request_target_too_long},
	{"9110 15.5.15 the version does not fit", false, TEXT("GET /aaaaaaaa HTTP/1.1\r\n" HOST "\r\n"), {20, 8}, HEAD_BAD, FAIL_request_target_too_long},
	{"6585 5 as many fields as allowed", false, TEXT(LINE HOST "A: b\r\n\r\n"), {99, 2}, HEAD_DONE, FAIL_none},
	{"6585 5 one field too many", false, TEXT(LINE HOST "A: b\r\nC: d\r\n\r\n"), {99, 2}, HEAD_BAD, FAIL_request_too_many_fields},
	{"an answer of just the size", true, TEXT("HTTP/1.1 200 OK\r\n\r\n"), {19, 8}, HEAD_DONE, FAIL_none},
	{"an answer one byte too long", true, TEXT("HTTP/1.1 200 OK\r\n\r\n"), {18, 8}, HEAD_BAD, FAIL_answer_head_too_large},
	{"an answer whose status line does not fit", true, TEXT("HTTP/1.1 200 OK\r\n\r\n"), {10, 8}, HEAD_BAD, FAIL_answer_head_too_large},
	{"an answer with one field too many", true, TEXT("HTTP/1.1 200 OK\r\nA: b\r\nC: d\r\n\r\n"), {99, 1}, HEAD_BAD, FAIL_answer_head_too_large},
};

static void limits_hold(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(limit_cases) / sizeof(limit_cases[0]); i++) {
		const struct limit_case *it = &limit_cases[i];
		struct head head;
		enum fail fail;
		enum head_result result = parse_split(it->answer, it->text, &it->limits, &head, &fail);
		if (result != it->result || fail != it->fail)
			fail_msg("%s: result %d, %s", it->name, (int)result, fail_row(fail)->name);
	}
}

static void a_name_longer_than_can_be_told_is_too_large(void **state)
{
	(void)state;
	size_t length = sizeof(LINE) - 1 + UINT16_MAX + 1 + 8;
	char *text = malloc(length);
	assert_non_null(text);
	memset(text, 'a', length);
	memcpy(text, LINE, sizeof(LINE) - 1);
	memcpy(text + length - 5, ":\r\n\r\n", 5);
	struct head head;
	enum fail fail;
	struct head_limits limits = {1 << 20, 8};
	assert_int_equal(head_parse_request(text, length, 0, &limits, &head, &fail), HEAD_BAD);
	assert_int_equal(fail, FAIL_request_head_too_large);
	free(text);
}

static void tokens_are_found_in_lists(void **state)
{
	(void)state;
	struct text text = TEXT("GET / HTTP/1.0\r\nConnection: Keep-Alive ,\t,x\r\nTE: a\r\nConnection:, closed, UPGRADE\r\n\r\n");
	struct head head;
	enum fail fail;
	assert_int_equal(parse_split(false, text, &roomy, &head, &fail), HEAD_DONE);
	assert_true(head_has_token(&head, FIELD_connection, "keep-alive"));
	assert_true(head_has_token(&head, FIELD_connection, "upgrade"));
	assert_true(head_has_token(&head, FIELD_connection, "x"));
	assert_false(head_has_token(&head, FIELD_connection, "close"));
	assert_false(head_has_token(&head, FIELD_connection, "a"));
	assert_false(head_has_token(&head, FIELD_connection, ""));
	assert_false(head_has_token(&head, FIELD_expect, "x"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_are_read_or_refused),
		cmocka_unit_test(answers_are_read_or_refused),
		cmocka_unit_test(the_table_of_bytes_is_right),
		cmocka_unit_test(every_byte_in_every_place),
		cmocka_unit_test(a_request_is_taken_apart),
		cmocka_unit_test(an_answer_is_taken_apart),
		cmocka_unit_test(methods_are_told_apart),
		cmocka_unit_test(known_names_are_found_in_any_case),
		cmocka_unit_test(limits_hold),
		cmocka_unit_test(a_name_longer_than_can_be_told_is_too_large),
		cmocka_unit_test(tokens_are_found_in_lists),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
