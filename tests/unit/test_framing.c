/* The length of bodies: what is clear, what is refused. */
// links: proxy
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "proxy/framing.h"

struct request_case {
	const char *name, *fields;
	unsigned minor;
	enum fail fail;
	enum framing_kind kind;
	uint64_t length;
};

#define CL "Content-Length: "
#define TE "Transfer-Encoding: "

static const struct request_case requests[] = {
	{"9112 6.3 neither length", "", 1, FAIL_none, FRAMING_none, 0},
	{"9112 6.2 a length", CL "5\r\n", 1, FAIL_none, FRAMING_length, 5},
	{"9112 6.2 a length in HTTP/1.0", CL "5\r\n", 0, FAIL_none, FRAMING_length, 5},
	{"9112 6.2 length 0", CL "0\r\n", 1, FAIL_none, FRAMING_none, 0},
	{"9110 8.6 leading zeros", CL "0005\r\n", 1, FAIL_none, FRAMING_length, 5},
	{"9110 8.6 white space around it", CL " \t5 \r\n", 1, FAIL_none, FRAMING_length, 5},
	{"9110 8.6 the largest", CL "9223372036854775807\r\n", 1, FAIL_none, FRAMING_length, INT64_MAX},
	{"9110 8.6 one more", CL "9223372036854775808\r\n", 1, FAIL_request_framing, 0, 0},
	{"9110 8.6 2^64", CL "18446744073709551616\r\n", 1, FAIL_request_framing, 0, 0},
	{"9110 8.6 2^64 + 5", CL "18446744073709551621\r\n", 1, FAIL_request_framing, 0, 0},
	{"9110 8.6 many digits", CL "99999999999999999999999999999999\r\n", 1, FAIL_request_framing, 0, 0},
	{"9112 6.3 empty", "Content-Length:\r\n", 1, FAIL_request_framing, 0, 0},
	{"9112 6.3 plus", CL "+5\r\n", 1, FAIL_request_framing, 0, 0},
	{"9112 6.3 minus", CL "-5\r\n", 1, FAIL_request_framing, 0, 0},
	{"9112 6.3 minus 0", CL "-0\r\n", 1, FAIL_request_framing, 0, 0},
	{"9112 6.3 hexadecimal", CL "0x5\r\n", 1, FAIL_request_framing, 0, 0},
	{"9112 6.3 a fraction", CL "5.0\r\n", 1, FAIL_request_framing, 0, 0},
	{"9112 6.3 an exponent", CL "1e1\r\n", 1, FAIL_request_framing, 0, 0},
	{"9112 6.3 a space inside", CL "1 0\r\n", 1, FAIL_request_framing, 0, 0},
	{"9112 6.3 a word", CL "five\r\n", 1, FAIL_request_framing, 0, 0},
	{"9112 6.3 quotes", CL "\"5\"\r\n", 1, FAIL_request_framing, 0, 0},
	{"9112 6.3 a parameter", CL "5;a=b\r\n", 1, FAIL_request_framing, 0, 0},
	{"9112 6.3 a list of equal ones", CL "5, 5\r\n", 1, FAIL_request_framing, 0, 0},
	{"9112 6.3 a list of different ones", CL "5, 6\r\n", 1, FAIL_request_framing, 0, 0},
	{"9112 6.3 a comma behind", CL "5,\r\n", 1, FAIL_request_framing, 0, 0},
	{"9112 6.3 a comma before", CL ",5\r\n", 1, FAIL_request_framing, 0, 0},
	{"9112 6.3 twice the same", CL "5\r\n" CL "5\r\n", 1, FAIL_request_framing, 0, 0},
	{"9112 6.3 twice, different", CL "5\r\nX: y\r\n" CL "6\r\n", 1, FAIL_request_framing, 0, 0},
	{"9112 6.3 twice, one empty", CL "5\r\nContent-Length:\r\n", 1, FAIL_request_framing, 0, 0},
	{"9112 7.1 chunked", TE "chunked\r\n", 1, FAIL_none, FRAMING_chunked, 0},
	{"9112 7 codings in any case", TE "cHuNkEd\r\n", 1, FAIL_none, FRAMING_chunked, 0},
	{"9112 6.1 white space around it", TE "\t chunked \r\n", 1, FAIL_none, FRAMING_chunked, 0},
	{"9110 5.6.1.2 empty members are ignored", TE ", chunked ,\r\n", 1, FAIL_none, FRAMING_chunked, 0},
	{"9112 6.1 in HTTP/1.0", TE "chunked\r\n", 0, FAIL_request_framing, 0, 0},
	{"9112 6.1 with a length", TE "chunked\r\n" CL "5\r\n", 1, FAIL_request_framing, 0, 0},
	{"9112 6.1 with a length before", CL "5\r\n" TE "chunked\r\n", 1, FAIL_request_framing, 0, 0},
	{"9112 6.1 with a length of 0", CL "0\r\n" TE "chunked\r\n", 1, FAIL_request_framing, 0, 0},
	{"9112 6.1 unknown with a length", CL "5\r\n" TE "foo\r\n", 1, FAIL_request_framing, 0, 0},
	{"9112 6.1 chunked twice", TE "chunked, chunked\r\n", 1, FAIL_request_framing, 0, 0},
	{"9112 6.1 chunked twice in two fields", TE "chunked\r\n" TE "chunked\r\n", 1, FAIL_request_framing, 0, 0},
	{"9112 6.3 chunked not last", TE "chunked, gzip\r\n", 1, FAIL_request_framing, 0, 0},
	{"9112 6.3 chunked not last, two fields", TE "chunked\r\n" TE "identity\r\n", 1, FAIL_request_framing, 0, 0},
	{"9112 6.3 no chunked", TE "gzip\r\n", 1, FAIL_request_framing, 0, 0},
	{"9112 6.3 identity", TE "identity\r\n", 1, FAIL_request_framing, 0, 0},
	{"9112 6.3 empty", "Transfer-Encoding:\r\n", 1, FAIL_request_framing, 0, 0},
	{"9112 6.3 a comma alone", TE ",\r\n", 1, FAIL_request_framing, 0, 0},
	{"9112 6.3 a longer word", TE "xchunked\r\n", 1, FAIL_request_framing, 0, 0},
	{"9112 6.3 a word more", TE "chunked foo\r\n", 1, FAIL_request_framing, 0, 0},
	{"9112 6.3 quotes", TE "\"chunked\"\r\n", 1, FAIL_request_framing, 0, 0},
	{"9112 7.1 chunked with a parameter", TE "chunked;a=b\r\n", 1, FAIL_request_framing, 0, 0},
	{"9112 6.3 chunked inside quotes", TE "foo;a=\", chunked\"\r\n", 1, FAIL_request_framing, 0, 0},
	{"9112 6.1 a known coding before", TE "gzip, chunked\r\n", 1, FAIL_request_coding, 0, 0},
	{"9112 6.1 an unknown coding before", TE "foo\r\n" TE "chunked\r\n", 1, FAIL_request_coding, 0, 0},
	{"9112 6.1 identity before", TE "identity, chunked\r\n", 1, FAIL_request_coding, 0, 0},
};

static const struct head_limits roomy = {65536, HEAD_FIELDS_MAX};

static void lengths_of_requests(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		const struct request_case *it = &requests[i];
		char text[512];
		size_t length = (size_t)snprintf(text, sizeof(text), "POST / HTTP/1.%u\r\nHost: a\r\n%sX: y\r\n\r\n", it->minor, it->fields);
		struct head head;
		struct framing framing;
		enum fail fail = FAIL_none;
		assert_int_equal(head_parse_request(text, length, 0, &roomy, &head, &fail), HEAD_DONE);
		fail = framing_of_request(&head, &framing);
		if (fail != it->fail || (fail == FAIL_none && (framing.kind != it->kind || framing.length != it->length)))
			fail_msg("%s: %s, kind %d, length %llu", it->name, fail_row(fail)->name, (int)framing.kind, (unsigned long long)framing.length);
	}
}

struct answer_case {
	const char *name, *start, *fields;
	enum method method;
	enum fail fail;
	enum framing_kind kind;
	uint64_t length;
};

static const struct answer_case answers[] = {
	{"9112 6.3 neither length", "1.1 200", "", METHOD_get, FAIL_none, FRAMING_close, 0},
	{"9112 6.3 neither length in HTTP/1.0", "1.0 200", "", METHOD_get, FAIL_none, FRAMING_close, 0},
	{"9112 6.3 a length", "1.1 200", CL "5\r\n", METHOD_get, FAIL_none, FRAMING_length, 5},
	{"9112 6.3 length 0", "1.1 200", CL "0\r\n", METHOD_get, FAIL_none, FRAMING_none, 0},
	{"9110 8.6 a list of equal ones", "1.1 200", CL "5, 5\r\n", METHOD_get, FAIL_none, FRAMING_length, 5},
	{"9110 8.6 twice the same", "1.1 200", CL "5\r\nX: y\r\n" CL "5\r\n", METHOD_get, FAIL_none, FRAMING_length, 5},
	{"9112 6.3 a list of different ones", "1.1 200", CL "5, 6\r\n", METHOD_get, FAIL_answer_framing, 0, 0},
	{"9112 6.3 twice, different", "1.1 200", CL "5\r\n" CL "6\r\n", METHOD_get, FAIL_answer_framing, 0, 0},
	{"9112 6.3 a member missing", "1.1 200", CL "5,,5\r\n", METHOD_get, FAIL_answer_framing, 0, 0},
	{"9112 6.3 a comma before", "1.1 200", CL ",5\r\n", METHOD_get, FAIL_answer_framing, 0, 0},
	{"9112 6.3 a comma alone, and a length", "1.1 200", CL ",\r\n" CL "5\r\n", METHOD_get, FAIL_answer_framing, 0, 0},
	{"9112 6.3 a word", "1.1 200", CL "five\r\n", METHOD_get, FAIL_answer_framing, 0, 0},
	{"9112 6.3 empty", "1.1 200", "Content-Length:\r\n", METHOD_get, FAIL_answer_framing, 0, 0},
	{"9112 6.3 minus", "1.1 200", CL "-1\r\n", METHOD_get, FAIL_answer_framing, 0, 0},
	{"9112 6.3 overflow", "1.1 200", CL "18446744073709551617\r\n", METHOD_get, FAIL_answer_framing, 0, 0},
	{"9112 7.1 chunked", "1.1 200", TE "chunked\r\n", METHOD_get, FAIL_none, FRAMING_chunked, 0},
	{"9112 6.1 both lengths", "1.1 200", TE "chunked\r\n" CL "5\r\n", METHOD_get, FAIL_answer_framing, 0, 0},
	{"9112 6.1 chunked in HTTP/1.0", "1.0 200", TE "chunked\r\n", METHOD_get, FAIL_answer_framing, 0, 0},
	{"9112 6.1 a coding that was not asked for", "1.1 200", TE "gzip, chunked\r\n", METHOD_get, FAIL_answer_framing, 0, 0},
	{"9112 6.3 chunked not last", "1.1 200", TE "chunked, gzip\r\n", METHOD_get, FAIL_answer_framing, 0, 0},
	{"9112 6.1 chunked twice", "1.1 200", TE "chunked, chunked\r\n", METHOD_get, FAIL_answer_framing, 0, 0},
	{"9112 6.3 an empty coding", "1.1 200", "Transfer-Encoding:\r\n", METHOD_get, FAIL_answer_framing, 0, 0},
	{"9110 9.3.2 HEAD with a length", "1.1 200", CL "5\r\n", METHOD_head, FAIL_none, FRAMING_none, 0},
	{"9110 9.3.2 HEAD chunked", "1.1 200", TE "chunked\r\n", METHOD_head, FAIL_none, FRAMING_none, 0},
	{"9110 9.3.2 HEAD without a length", "1.1 200", "", METHOD_head, FAIL_none, FRAMING_none, 0},
	{"9110 8.6 HEAD with an invalid length", "1.1 200", CL "x\r\n", METHOD_head, FAIL_answer_framing, 0, 0},
	{"9110 15.4.5 304 with a length", "1.1 304", CL "5\r\n", METHOD_get, FAIL_none, FRAMING_none, 0},
	{"9110 15.4.5 304 chunked", "1.1 304", TE "chunked\r\n", METHOD_get, FAIL_none, FRAMING_none, 0},
	{"9110 8.6 304 with two lengths", "1.1 304", CL "5, 6\r\n", METHOD_get, FAIL_answer_framing, 0, 0},
	{"9110 15.3.5 204", "1.1 204", "", METHOD_get, FAIL_none, FRAMING_none, 0},
	{"9110 15.3.5 204 with a length", "1.1 204", CL "5\r\n", METHOD_get, FAIL_none, FRAMING_none, 0},
	{"9110 15.3.5 204 chunked", "1.1 204", TE "chunked\r\n", METHOD_get, FAIL_none, FRAMING_none, 0},
	{"9110 15.2.1 100", "1.1 100", "", METHOD_post, FAIL_none, FRAMING_none, 0},
	{"9110 15.2 103 with a length", "1.1 103", CL "5\r\n", METHOD_get, FAIL_none, FRAMING_none, 0},
	{"9110 7.8 101", "1.1 101", "Upgrade: a\r\n", METHOD_get, FAIL_none, FRAMING_tunnel, 0},
	{"9110 15.3.6 205 as any other", "1.1 205", CL "0\r\n", METHOD_get, FAIL_none, FRAMING_none, 0},
};

static void lengths_of_answers(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		const struct answer_case *it = &answers[i];
		char text[512];
		size_t length = (size_t)snprintf(text, sizeof(text), "HTTP/%s Any\r\nX: y\r\n%s\r\n", it->start, it->fields);
		struct head head;
		struct framing framing;
		enum fail fail = FAIL_none;
		assert_int_equal(head_parse_answer(text, length, 0, &roomy, &head, &fail), HEAD_DONE);
		fail = framing_of_answer(&head, it->method, &framing);
		if (fail != it->fail || (fail == FAIL_none && (framing.kind != it->kind || framing.length != it->length)))
			fail_msg("%s: %s, kind %d, length %llu", it->name, fail_row(fail)->name, (int)framing.kind, (unsigned long long)framing.length);
	}
}

struct open_case {
	const char *name;
	unsigned minor;
	const char *fields;
	bool open;
};

static const struct open_case opens[] = {
	{"9112 9.3 HTTP/1.1 stays open", 1, "", true},
	{"9112 9.6 close", 1, "Connection: close\r\n", false},
	{"9112 9.6 close in any case, among others", 1, "Connection: a, CLOSE,b\r\n", false},
	{"9112 9.6 close in a second field", 1, "Connection: a\r\nConnection: close\r\n", false},
	{"9112 9.6 closed is another word", 1, "Connection: closed\r\n", true},
	{"9112 9.3 HTTP/1.0 does not", 0, "", false},
	{"9112 9.3 HTTP/1.0 with keep-alive does", 0, "Connection: Keep-Alive\r\n", true},
	{"9112 9.3 close wins", 0, "Connection: keep-alive, close\r\n", false},
	{"9112 C.2.2 Proxy-Connection says nothing", 0, "Proxy-Connection: keep-alive\r\n", false},
};

static void connections_stay_open_or_not(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(opens) / sizeof(opens[0]); i++) {
		char text[512];
		size_t length = (size_t)snprintf(text, sizeof(text), "HTTP/1.%u 200 OK\r\n%s\r\n", opens[i].minor, opens[i].fields);
		struct head head;
		enum fail fail;
		assert_int_equal(head_parse_answer(text, length, 0, &roomy, &head, &fail), HEAD_DONE);
		if (framing_keeps_open(&head) != opens[i].open)
			fail_msg("%s", opens[i].name);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lengths_of_requests),
		cmocka_unit_test(lengths_of_answers),
		cmocka_unit_test(connections_stay_open_or_not),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
