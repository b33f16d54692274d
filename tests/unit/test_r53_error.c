/* dns/r53_error by tables: the three forms of XML, what is none of them, and what is to be done. */
// links: dns
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "dns/r53_error.h"

#define NS "https://route53.amazonaws.com/doc/2013-04-01/"
#define FORM_A(code, message) \
	"<?xml version=\"1.0\"?>\n<ErrorResponse xmlns=\"" NS "\"><Error><Type>Sender</Type><Code>" code "</Code><Message>" message \
	"</Message></Error><RequestId>7f3c-1</RequestId></ErrorResponse>"
#define FORM_B(messages) \
	"<?xml version=\"1.0\"?>\n<InvalidChangeBatch xmlns=\"" NS "\"><Messages>" messages "</Messages><RequestId>7f3c-2</RequestId></InvalidChangeBatch>"
#define FORM_C(code, message) "<" code "><Message>" message "</Message></" code ">"

struct read_case {
	int status;
	const char *body;
	const char *request_id; /* of the header */
	enum r53_remedy remedy;
	const char *described;
};

static const struct read_case read_cases[] = {
	/* A */
	{400, FORM_A("Throttling", "Rate exceeded"), NULL, R53_BACKOFF, "Throttling (400): Rate exceeded; request 7f3c-1"},
	{400, FORM_A("Throttling", "Rate exceeded"), "header-id", R53_BACKOFF, "Throttling (400): Rate exceeded; request header-id"},
	{400, FORM_A("ThrottlingException", "m"), "i", R53_BACKOFF, "ThrottlingException (400): m; request i"},
	{400, FORM_A("RequestLimitExceeded", "m"), "i", R53_BACKOFF, "RequestLimitExceeded (400): m; request i"},
	{400, FORM_A("TooManyRequestsException", "m"), "i", R53_BACKOFF, "TooManyRequestsException (400): m; request i"},
	{429, "", NULL, R53_BACKOFF, "status 429 without a code of Route 53's"},
	{503, FORM_A("Throttling", "Rate exceeded"), "i", R53_BACKOFF, "Throttling (503): Rate exceeded; request i"},
	{400, FORM_A("PriorRequestNotComplete", "The request was rejected because Route 53 was still processing a prior request."), "i", R53_BACKOFF,
		"PriorRequestNotComplete (400): The request was rejected because Route 53 was still processing a prior request.; request i"},
	{503, FORM_A("ServiceUnavailable", "m"), "i", R53_UNSURE, "ServiceUnavailable (503): m; request i"},
	{500, FORM_A("InternalFailure", "m"), "i", R53_UNSURE, "InternalFailure (500): m; request i"},
	{408, FORM_A("RequestTimeout", "m"), "i", R53_UNSURE, "RequestTimeout (408): m; request i"},
	{400, FORM_A("InvalidInput", "Invalid XML"), "i", R53_STOP, "InvalidInput (400): Invalid XML; request i"},
	{400, FORM_A("MalformedXML", "m"), "i", R53_STOP, "MalformedXML (400): m; request i"},
	{404, FORM_A("NoSuchHostedZone", "No hosted zone found with ID: Z1"), "i", R53_STOP,
		"NoSuchHostedZone (404): No hosted zone found with ID: Z1; request i"},
	{404, FORM_A("NoSuchChange", "m"), "i", R53_STOP, "NoSuchChange (404): m; request i"},
	{404, FORM_A("NoSuchHealthCheck", "m"), "i", R53_STOP, "NoSuchHealthCheck (404): m; request i"},
	{403, FORM_A("AccessDenied", "User: arn:aws:iam::1:user/u is not authorized to perform: route53:GetChange on resource: arn:aws:route53:::change/C1"),
		"i", R53_STOP,
		"AccessDenied (403): User: arn:aws:iam::1:user/u is not authorized to perform: route53:GetChange on resource: arn:aws:route53:::change/C1; request i"},
	{403, FORM_A("InvalidClientTokenId", "The security token included in the request is invalid."), "i", R53_STOP,
		"InvalidClientTokenId (403): The security token included in the request is invalid.; request i"},
	{403, FORM_A("UnrecognizedClientException", "m"), "i", R53_STOP, "UnrecognizedClientException (403): m; request i"},
	{400, FORM_A("IncompleteSignature", "m"), "i", R53_STOP, "IncompleteSignature (400): m; request i"},
	{403, FORM_A("ExpiredToken", "The security token included in the request is expired"), "i", R53_RENEW,
		"ExpiredToken (403): The security token included in the request is expired; request i"},
	{403, FORM_A("ExpiredTokenException", "m"), "i", R53_RENEW, "ExpiredTokenException (403): m; request i"},
	{403, FORM_A("SignatureDoesNotMatch", "Signature expired: 20260101T000000Z is now earlier than 20260101T000500Z (20260101T001000Z - 5 min.)"), "i",
		R53_CLOCK,
		"SignatureDoesNotMatch (403): Signature expired: 20260101T000000Z is now earlier than 20260101T000500Z (20260101T001000Z - 5 min.); request i"},
	{403, FORM_A("SignatureDoesNotMatch", "Signature not yet current: 20260101T001000Z is still later than 20260101T000500Z (20260101T000000Z + 5 min.)"),
		"i", R53_CLOCK,
		"SignatureDoesNotMatch (403): Signature not yet current: 20260101T001000Z is still later than 20260101T000500Z (20260101T000000Z + 5 min.); request i"},
	{403, FORM_A("AccessDenied", "Signature expired: no, this is another code"), "i", R53_STOP,
		"AccessDenied (403): Signature expired: no, this is another code; request i"},
	{400, FORM_A("RequestExpired", "m"), "i", R53_CLOCK, "RequestExpired (400): m; request i"},
	{400,
		FORM_A("InvalidChangeBatch",
			"[Tried to delete resource record set [name='a.example.', type='A'] but the values provided do not match the current values]"),
		"i", R53_STOP,
		"InvalidChangeBatch (400): Tried to delete resource record set [name='a.example.', type='A'] but the values provided do not match the current values; request i"},
	{400, FORM_A("InvalidChangeBatch", "[Tried to delete [name='a.', type='A'] but it was not found, RRSet with DNS name b., type A is wrong]"), "i",
		R53_STOP,
		"InvalidChangeBatch (400): Tried to delete [name='a.', type='A'] but it was not found; RRSet with DNS name b., type A is wrong; request i"},
	{400, FORM_A("InvalidChangeBatch", "[]"), "i", R53_STOP, "InvalidChangeBatch (400); request i"},
	/* B */
	{400, FORM_B("<Message>m1</Message>"), NULL, R53_STOP, "InvalidChangeBatch (400): m1; request 7f3c-2"},
	{400, FORM_B("<Message>m1, X</Message><Message>m2</Message><Message> m3\n</Message>"), NULL, R53_STOP,
		"InvalidChangeBatch (400): m1, X; m2; m3; request 7f3c-2"},
	{400, FORM_B(""), "i", R53_STOP, "InvalidChangeBatch (400); request i"},
	{400, "<p:InvalidChangeBatch xmlns:p=\"http://route53.amazonaws.com/doc/2016-09-07/\"><p:Messages><p:Message>m</p:Message></p:Messages></p:InvalidChangeBatch>",
		"i", R53_STOP, "InvalidChangeBatch (400): m; request i"},
	/* C */
	{403, FORM_C("InvalidSignatureException", "The request signature we calculated does not match the signature you provided."), NULL, R53_STOP,
		"InvalidSignatureException (403): The request signature we calculated does not match the signature you provided."},
	{403, FORM_C("InvalidSignatureException", "Signature expired: 1 is now earlier than 2"), NULL, R53_CLOCK,
		"InvalidSignatureException (403): Signature expired: 1 is now earlier than 2"},
	{403, FORM_C("ExpiredTokenException", "m"), NULL, R53_RENEW, "ExpiredTokenException (403): m"},
	{403, FORM_C("AccessDeniedException", "m"), NULL, R53_STOP, "AccessDeniedException (403): m"},
	/* none of them */
	{500, "", NULL, R53_UNSURE, "status 500 without a code of Route 53's"},
	{502, "<html><body><h1>502 Bad Gateway</h1></body></html>", NULL, R53_UNSURE, "status 502 without a code of Route 53's"},
	{503, "<!DOCTYPE html><html></html>", NULL, R53_UNSURE, "status 503 without a code of Route 53's"},
	{504, "upstream request timeout", NULL, R53_UNSURE, "status 504 without a code of Route 53's"},
	{403, "{\"message\":\"Forbidden\"}", NULL, R53_STOP, "status 403 without a code of Route 53's"},
	{407, "", "i", R53_STOP, "status 407 without a code of Route 53's; request i"},
	{408, "", NULL, R53_UNSURE, "status 408 without a code of Route 53's"},
	{400, FORM_A("", ""), "i", R53_STOP, "status 400 without a code of Route 53's; request i"},
	{400, "<ErrorResponse><Error/></ErrorResponse>", NULL, R53_STOP, "status 400 without a code of Route 53's"},
	{400, "<ErrorResponse><Error><Code>Throttling</Code>", NULL, R53_STOP, "status 400 without a code of Route 53's"},
	/* nothing of theirs steers a terminal or a log */
	{400, FORM_A("Bad Code&#10;", "one&#10;two\xc2\x9b[2J\x7f  three "), "i\x1b[2J\n", R53_STOP, "BadCode (400): one two [2J three; request i2J"},
	/* what we signed is not repeated */
	{403,
		FORM_A("SignatureDoesNotMatch",
			"The request signature we calculated does not match. Check your key.\n\nThe Canonical String for this request should have been\n'GET\n"
			"x-amz-security-token:SECRETTOKEN\n'"),
		"i", R53_STOP, "SignatureDoesNotMatch (403): The request signature we calculated does not match. Check your key.; request i"},
	{403, FORM_C("Odd", "given X-Amz-Security-Token:SECRETTOKEN"), "i", R53_STOP, "Odd (403): given; request i"},
	{400, FORM_B("<Message>x-amz-security-token:SECRETTOKEN</Message><Message>b</Message>"), "i", R53_STOP, "InvalidChangeBatch (400): b; request i"},
};

static void reads_every_form(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(read_cases) / sizeof(read_cases[0]); i++) {
		const struct read_case *row = &read_cases[i];
		struct r53_error error;
		struct text out;
		text_init(&out, 100000);
		r53_error_read(&error, row->status, row->body, strlen(row->body), row->request_id);
		r53_error_describe(&error, &out);
		assert_string_equal(out.bytes, row->described);
		if (r53_error_choose(&error) != row->remedy)
			fail_msg("%s: remedy %d", row->described, r53_error_choose(&error));
		assert_null(strstr(out.bytes, "SECRET"));
		text_fini(&out);
		r53_error_fini(&error);
	}
}

/* Nobody reads 200 kB in a sentence. */
static void cuts_what_is_too_much_for_a_sentence(void **state)
{
	char words[600] = "", expected[700];
	struct text body, out;
	struct r53_error error;
	(void)state;
	for (size_t i = 0; i < 499; i++)
		words[i] = 'x';
	strcat(words, "\u00e9 and so on"); /* a character is not torn */
	text_init(&body, 100000);
	text_init(&out, 100000);
	text_addf(&body, "<InvalidChangeBatch><Messages>");
	for (unsigned i = 0; i < 19; i++)
		text_addf(&body, "<Message>m</Message>");
	for (unsigned i = 0; i < 3; i++)
		text_addf(&body, "<Message>%s</Message>", words);
	text_addf(&body, "</Messages></InvalidChangeBatch>");
	r53_error_read(&error, 400, body.bytes, body.length, NULL);
	r53_error_describe(&error, &out);
	snprintf(expected, sizeof(expected), "; m; %.499s\u2026; and 2 more", words);
	assert_non_null(strstr(out.bytes, expected));
	r53_error_fini(&error);
	text_fini(&body);
	text_fini(&out);
}

static void keeps_every_message(void **state)
{
	struct text body;
	struct r53_error error;
	(void)state;
	text_init(&body, 1000000);
	text_addf(&body, "<InvalidChangeBatch><Messages>");
	for (unsigned i = 0; i < 1000; i++)
		text_addf(&body, "<Message>message %u</Message>", i);
	text_addf(&body, "</Messages></InvalidChangeBatch>");
	r53_error_read(&error, 400, body.bytes, body.length, NULL);
	assert_int_equal(error.count, 1000);
	assert_string_equal(error.messages[999], "message 999");
	r53_error_fini(&error);
	text_fini(&body);
}

static void cuts_codes_and_ids(void **state)
{
	struct text body;
	struct r53_error error;
	(void)state;
	text_init(&body, 1000000);
	text_addf(&body, "<ErrorResponse><Error><Code>%0500d</Code></Error><RequestId>%0500d</RequestId></ErrorResponse>", 0, 0);
	r53_error_read(&error, 400, body.bytes, body.length, NULL);
	assert_int_equal(strlen(error.code), sizeof(error.code) - 1);
	assert_int_equal(strlen(error.request_id), sizeof(error.request_id) - 1);
	r53_error_fini(&error);
	text_fini(&body);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_every_form),
		cmocka_unit_test(keeps_every_message),
		cmocka_unit_test(cuts_what_is_too_much_for_a_sentence),
		cmocka_unit_test(cuts_codes_and_ids),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
