/* dns/route53 against a server that does what a script says: pages, every row of the table of errors, silence in all its forms, clocks and keys. */
// links: dns
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/clock.h"
#include "base/fetch.h"
#include "base/resolve.h"
#include "dns/route53.h"
#include "tests/unit/route53_answers.h"

/* More than anything here takes, by far; reached only by a bug. */
#define TEST_PATIENCE_S 60
#define PATIENCE_MS 30000u
#define NOW_MS (UINT64_C(1700000000) * 1000) /* Tue, 14 Nov 2023 22:13:20 GMT */

/* ---- the world ---- */

struct world {
	struct event_base *loop;
	struct event *patience;
	struct fetch *fetch;
	struct resolver *resolver;
	struct credentials credentials;
	struct script script;
	struct route53_settings settings;
	struct route53 *route53;
	unsigned results;
	enum route53_outcome outcome;
	char sentence[4096], code[64], seen[4096];
	unsigned requests;
};

static uint64_t fixed_wall_ms(void)
{
	return NOW_MS;
}

static void on_patience(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what, (void)arg;
	fail_msg("nothing happened for too long");
}

static int open_world(void **state)
{
	struct world *world = calloc(1, sizeof(*world));
	world->loop = event_base_new();
	world->fetch = fetch_new(world->loop);
	world->resolver = resolver_new(world->loop, NULL);
	world->patience = evtimer_new(world->loop, on_patience, NULL);
	evtimer_add(world->patience, &(struct timeval){.tv_sec = TEST_PATIENCE_S});
	world->credentials.loop = world->loop;
	world->settings = (struct route53_settings){.pause_ms = 1, .wall_ms = fixed_wall_ms};
	*state = world;
	return 0;
}

static void begin(struct world *world, const struct script_entry *entries, size_t count)
{
	script_open(&world->script, world->loop, entries, count);
	snprintf(world->credentials.endpoint, sizeof(world->credentials.endpoint), "http://127.0.0.1:%u", world->script.addr.port);
	struct route53_tools tools = {world->loop, world->fetch, world->resolver, {get_keys, end_wait, refuse_keys, &world->credentials}};
	world->route53 = route53_new(&tools, &world->settings);
}

#define BEGIN(world, entries) begin(world, entries, sizeof(entries) / sizeof((entries)[0]))

static int close_world(void **state)
{
	struct world *world = *state;
	route53_free(world->route53);
	fetch_free(world->fetch);
	resolver_free(world->resolver);
	event_free(world->patience);
	if (world->script.listener)
		script_close(&world->script);
	event_base_loop(world->loop, EVLOOP_NONBLOCK); /* bufferevents of the server end in a turn of their own */
	int left = event_base_get_num_events(world->loop, EVENT_BASE_COUNT_ADDED);
	event_base_free(world->loop);
	free(world);
	return left;
}

/* What came, as a text: `C123 pending`, the records line by line, the zones. */
static void write_seen(const struct route53_result *result, struct text *out)
{
	if (result->change)
		text_addf(out, "%s %s", result->change->id, result->change->in_sync ? "in sync" : "pending");
	for (size_t i = 0; i < result->record_count; i++) {
		record_describe(&result->records[i], out);
		text_addf(out, "\n");
	}
	for (size_t i = 0; i < result->zone_count; i++) {
		const struct r53_zone *zone = &result->zones[i];
		text_addf(out, "%s %s%s", zone->id, zone->name, zone->is_private ? " private" : "");
		for (size_t k = 0; k < zone->name_server_count; k++)
			text_addf(out, " %s", zone->name_servers[k]);
		text_addf(out, "\n");
	}
}

static void on_done(void *arg, const struct route53_result *result)
{
	struct world *world = arg;
	struct text seen;
	text_init(&seen, sizeof(world->seen) - 1);
	write_seen(result, &seen);
	world->results++;
	world->outcome = result->outcome;
	world->requests = result->requests;
	snprintf(world->sentence, sizeof(world->sentence), "%s", result->sentence);
	snprintf(world->code, sizeof(world->code), "%s", result->error ? result->error->code : "");
	snprintf(world->seen, sizeof(world->seen), "%s", seen.bytes);
	text_fini(&seen);
	assert_true((result->outcome == ROUTE53_DONE) == (result->sentence[0] == '\0'));
	assert_null(strstr(result->sentence, "SECRET"));
	event_base_loopbreak(world->loop);
}

static void wait_for_result(struct world *world)
{
	unsigned before = world->results;
	while (world->results == before)
		event_base_loop(world->loop, EVLOOP_ONCE);
}

static struct route53_call *start_change(struct world *world, uint64_t patience_ms)
{
	struct record old, new;
	struct batch batch;
	record_init(&old, "www.example.com.", "A", 60);
	record_add_value(&old, "192.0.2.1");
	record_init(&new, "www.example.com.", "A", 60);
	record_add_value(&new, "192.0.2.2");
	batch_init(&batch, "");
	batch_replace(&batch, &old, &new);
	struct route53_call *call = route53_change(world->route53, "/hostedzone/Z1", &batch, patience_ms, on_done, world);
	batch_fini(&batch);
	record_fini(&old);
	record_fini(&new);
	return call;
}

static void change_and_wait(struct world *world)
{
	unsigned before = world->results;
	start_change(world, PATIENCE_MS);
	assert_int_equal(world->results, before);
	wait_for_result(world);
}

static void ask_change_and_wait(struct world *world)
{
	route53_get_change(world->route53, "/change/C123", PATIENCE_MS, on_done, world);
	wait_for_result(world);
}

static void list_and_wait(struct world *world, const char *full_name, const char *type)
{
	route53_list_records(world->route53, "Z1", full_name, type, PATIENCE_MS, on_done, world);
	wait_for_result(world);
}

static void expect_line(const struct world *world, size_t request, const char *line)
{
	assert_true(request < world->script.count);
	if (!strstr(world->script.requests[request], line))
		fail_msg("request %zu has no %s:\n%s", request, line, world->script.requests[request]);
}

/* ---- what is sent ---- */

static void sends_a_change(void **state)
{
	static const struct script_entry entries[] = {CHANGED};
	struct world *world = *state;
	BEGIN(world, entries);
	change_and_wait(world);
	assert_int_equal(world->outcome, ROUTE53_DONE);
	assert_string_equal(world->seen, "C123 pending");
	assert_int_equal(world->requests, 1);
	expect_line(world, 0, "POST /2013-04-01/hostedzone/Z1/rrset/ HTTP/1.1\r\n");
	expect_line(world, 0, "\r\nContent-Type: application/xml\r\n");
	expect_line(world, 0, "\r\nX-Amz-Date: 20231114T221320Z\r\n");
	expect_line(world, 0, "\r\nX-Amz-Security-Token: SECRETTOKEN\r\n");
	expect_line(world, 0,
		"\r\nAuthorization: AWS4-HMAC-SHA256 Credential=AKID0/20231114/us-east-1/route53/aws4_request, "
		"SignedHeaders=content-type;host;x-amz-date;x-amz-security-token, Signature=");
	expect_line(world, 0, "\r\n\r\n<ChangeResourceRecordSetsRequest xmlns=");
	expect_line(world, 0, "<Action>DELETE</Action>");
	assert_null(strstr(world->script.requests[0], "SECRETKEY"));
	assert_null(strcasestr(world->script.requests[0], "\r\nExpect:"));
	assert_in_range(world->credentials.needed_ms, 1, 10000); /* for one request */
}

static void asks_for_a_change(void **state)
{
	static const struct script_entry entries[] = {IN_SYNC};
	struct world *world = *state;
	BEGIN(world, entries);
	ask_change_and_wait(world);
	assert_int_equal(world->outcome, ROUTE53_DONE);
	assert_string_equal(world->seen, "C123 in sync");
	expect_line(world, 0, "GET /2013-04-01/change/C123 HTTP/1.1\r\n");
	expect_line(world, 0, "SignedHeaders=host;x-amz-date;x-amz-security-token, ");
}

static void asks_for_a_zone(void **state)
{
	static const struct script_entry entries[] = {
		OK("<GetHostedZoneResponse" NS "><HostedZone><Id>/hostedzone/Z1</Id><Name>Example.com.</Name><CallerReference>c</CallerReference>"
		   "<Config><PrivateZone>false</PrivateZone></Config></HostedZone><DelegationSet><NameServers><NameServer>ns-1.awsdns-1.org.</NameServer>"
		   "<NameServer>ns-2.awsdns-2.net</NameServer></NameServers></DelegationSet></GetHostedZoneResponse>")};
	struct world *world = *state;
	BEGIN(world, entries);
	route53_get_zone(world->route53, "/hostedzone/Z1", PATIENCE_MS, on_done, world);
	wait_for_result(world);
	assert_string_equal(world->seen, "Z1 example.com. ns-1.awsdns-1.org ns-2.awsdns-2.net\n");
	expect_line(world, 0, "GET /2013-04-01/hostedzone/Z1 HTTP/1.1\r\n");
}

static void finds_the_zones_of_a_name(void **state)
{
	static const struct script_entry entries[] = {
		ZONES(ZONE("Z1", "example.com.", "false"),
			"<IsTruncated>true</IsTruncated><NextDNSName>example.com.</NextDNSName><NextHostedZoneId>/hostedzone/Z2</NextHostedZoneId>"),
		ZONES(ZONE("Z2", "example.com.", "true") ZONE("Z3", "example.net.", "false"),
			"<IsTruncated>true</IsTruncated><NextDNSName>x.</NextDNSName><NextHostedZoneId>Z4</NextHostedZoneId>"),
	};
	struct world *world = *state;
	BEGIN(world, entries);
	route53_find_zones(world->route53, "example.com.", PATIENCE_MS, on_done, world);
	wait_for_result(world);
	assert_string_equal(world->seen, "Z1 example.com.\nZ2 example.com. private\n");
	assert_int_equal(world->requests, 2);
	expect_line(world, 0, "GET /2013-04-01/hostedzonesbyname?dnsname=example.com.&maxitems=100 HTTP/1.1\r\n");
	expect_line(world, 1, "GET /2013-04-01/hostedzonesbyname?dnsname=example.com.&hostedzoneid=Z2&maxitems=100 HTTP/1.1\r\n");
}

static void obeys_an_endpoint_with_a_path(void **state)
{
	static const struct script_entry entries[] = {IN_SYNC};
	struct world *world = *state;
	BEGIN(world, entries);
	strcat(world->credentials.endpoint, "/below/here/");
	ask_change_and_wait(world);
	assert_int_equal(world->outcome, ROUTE53_DONE);
	expect_line(world, 0, "GET /below/here/2013-04-01/change/C123 HTTP/1.1\r\n");
}

/* ---- pages ---- */

static void gathers_pages(void **state)
{
	static const struct script_entry entries[] = {
		PAGE(SET("\\052.example.com.", "A", WEIGHTED("a&amp;b"), "192.0.2.1"),
			NEXT("\\052.example.com.", "A", "<NextRecordIdentifier>c d+</NextRecordIdentifier>")),
		PAGE(SET("\\052.example.com.", "A", WEIGHTED("c d+"), "192.0.2.2") SET("\\052.example.com.", "AAAA", "", "2001:db8::1"),
			NEXT("b.example.com.", "A", "")),
	};
	struct world *world = *state;
	BEGIN(world, entries);
	list_and_wait(world, "\\052.example.com.", "A");
	assert_int_equal(world->outcome, ROUTE53_DONE);
	assert_string_equal(world->seen, "*.example.com A \"a&b\" weight 1 60s 192.0.2.1\n*.example.com A \"c d+\" weight 1 60s 192.0.2.2\n");
	expect_line(world, 0, "GET /2013-04-01/hostedzone/Z1/rrset?maxitems=100&name=%5C052.example.com.&type=A HTTP/1.1\r\n");
	expect_line(world, 1, "GET /2013-04-01/hostedzone/Z1/rrset?identifier=c%20d%2B&maxitems=100&name=%5C052.example.com.&type=A HTTP/1.1\r\n");
	assert_int_equal(world->script.count, 2);
}

static void lists_every_type_of_a_name(void **state)
{
	static const struct script_entry entries[] = {
		PAGE(SET("a.example.com.", "A", "", "192.0.2.1") SET("A.example.com.", "TXT", "", "\"v\"") SET("b.example.com.", "A", "", "192.0.2.2"), LAST)};
	struct world *world = *state;
	BEGIN(world, entries);
	list_and_wait(world, "a.example.com.", NULL);
	assert_string_equal(world->seen, "a.example.com A 60s 192.0.2.1\na.example.com TXT 60s \\x22v\\x22 and what teal does not know: Type TXT\n");
	expect_line(world, 0, "/rrset?maxitems=100&name=a.example.com. HTTP/1.1\r\n");
}

static void finds_nothing(void **state)
{
	static const struct script_entry entries[] = {PAGE("", LAST)};
	struct world *world = *state;
	BEGIN(world, entries);
	list_and_wait(world, "a.example.com.", "A");
	assert_int_equal(world->outcome, ROUTE53_DONE);
	assert_string_equal(world->seen, "");
}

/* Another name's set may be as odd as it likes. */
static void does_not_read_what_is_behind_the_name(void **state)
{
	static const struct script_entry entries[] = {
		PAGE(SET("a.example.com.", "A", "", "192.0.2.1") "<ResourceRecordSet><Name>b.example.com.</Name><Type>A</Type></ResourceRecordSet>", LAST)};
	struct world *world = *state;
	BEGIN(world, entries);
	list_and_wait(world, "a.example.com.", "A");
	assert_string_equal(world->seen, "a.example.com A 60s 192.0.2.1\n");
}

#define FAULTY_LIST "ListResourceRecordSets came to nothing: the answer is not that of Route 53 to what was asked (1 request in "

static void ends_lists_that_would_not_end(void **state)
{
	static const struct script_entry entries[] = {
		PAGE(SET("a.example.com.", "A", WEIGHTED("x"), "192.0.2.1"), NEXT("a.example.com.", "A", "<NextRecordIdentifier>x</NextRecordIdentifier>"))};
	struct world *world = *state;
	BEGIN(world, entries);
	list_and_wait(world, "a.example.com.", "A");
	assert_int_equal(world->outcome, ROUTE53_FAILED);
	assert_int_equal(world->requests, 2);
	assert_string_equal(world->seen, "");
}

static void refuses_answers_that_are_none(void **state)
{
	static const struct script_entry cases[][1] = {
		{PAGE("", "")},
		{PAGE("", "<IsTruncated>maybe</IsTruncated>")},
		{PAGE("", "<IsTruncated>true</IsTruncated>")},
		{PAGE("", NEXT("a..b", "A", ""))},
		{PAGE("<ResourceRecordSet/>", LAST)},
		{PAGE("<ResourceRecordSet><Name>a.example.com.</Name><Type>A</Type></ResourceRecordSet>", LAST)},
		{OK("<ListResourceRecordSetsResponse/>")},
		{IN_SYNC},
		{OK("<html><body>Please sign in</body></html>")},
	};
	struct world *world = *state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		BEGIN(world, cases[i]);
		list_and_wait(world, "a.example.com.", "A");
		assert_int_equal(world->outcome, ROUTE53_FAILED);
		assert_ptr_equal(strstr(world->sentence, FAULTY_LIST), world->sentence);
		route53_free(world->route53);
		script_close(&world->script);
	}
	world->route53 = NULL;
	world->script.listener = NULL;
}

/* ---- errors ---- */

static void asks_again_when_throttled(void **state)
{
	static const struct script_entry entries[] = {RATE, PRIOR, {ANSWER("429 Too Many", "", ""), SCRIPT_CLOSES}, CHANGED};
	struct world *world = *state;
	BEGIN(world, entries);
	change_and_wait(world);
	assert_int_equal(world->outcome, ROUTE53_DONE);
	assert_int_equal(world->requests, 4);
	assert_int_equal(world->credentials.given, 4); /* signed anew each time */
	assert_string_equal(world->seen, "C123 pending");
}

static void gives_up_when_throttled_for_good(void **state)
{
	static const struct script_entry entries[] = {RATE};
	struct world *world = *state;
	world->settings.pause_ms = 20000; /* the first pause is beyond the patience already */
	BEGIN(world, entries);
	start_change(world, 5000);
	wait_for_result(world);
	assert_int_equal(world->outcome, ROUTE53_FAILED);
	assert_string_equal(world->code, "Throttling");
	assert_ptr_equal(strstr(world->sentence, "ChangeResourceRecordSets came to nothing: Throttling (400): Rate exceeded; request r-1 (1 request in "),
		world->sentence);
}

static void shows_every_message(void **state)
{
	static const struct script_entry entries[] = {
		{ANSWER("400 Bad Request", "x-amzn-RequestId: r-7\r\n",
			 "<InvalidChangeBatch" NS "><Messages><Message>one</Message><Message>two</Message></Messages></InvalidChangeBatch>"),
			SCRIPT_CLOSES}};
	struct world *world = *state;
	BEGIN(world, entries);
	change_and_wait(world);
	assert_int_equal(world->outcome, ROUTE53_REFUSED);
	assert_string_equal(world->sentence, "Route 53 refused ChangeResourceRecordSets: InvalidChangeBatch (400): one; two; request r-7");
	assert_int_equal(world->requests, 1);
}

static void refuses_once_what_is_forbidden(void **state)
{
	static const struct script_entry cases[][1] = {
		{ERROR("403 Forbidden", "", "AccessDenied", "User: u is not authorized")},
		{ERROR("403 Forbidden", "", "InvalidClientTokenId", "The security token included in the request is invalid.")},
		{{ANSWER("403 Forbidden", "", "<InvalidSignatureException><Message>m</Message></InvalidSignatureException>"), SCRIPT_CLOSES}},
		{{ANSWER("403 Forbidden", "", "Forbidden by proxy"), SCRIPT_CLOSES}},
		{ERROR("404 Not Found", "", "NoSuchHostedZone", "No hosted zone found with ID: Z1")},
	};
	struct world *world = *state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		BEGIN(world, cases[i]);
		change_and_wait(world);
		assert_int_equal(world->outcome, ROUTE53_REFUSED);
		assert_int_equal(world->requests, 1);
		assert_non_null(strstr(world->sentence, "Route 53 refused ChangeResourceRecordSets: "));
		route53_free(world->route53);
		script_close(&world->script);
	}
	world->route53 = NULL;
	world->script.listener = NULL;
}

/* ---- outcomes that nobody knows ---- */

static void never_repeats_a_change_that_may_be_made(void **state)
{
	static const struct script_entry cases[][2] = {
		{BROKEN, CHANGED},
		{{ANSWER("502 Bad Gateway", "", "<html></html>"), SCRIPT_CLOSES}, CHANGED},
		{{ANSWER("408 Request Timeout", "", ""), SCRIPT_CLOSES}, CHANGED},
		{RESET, CHANGED},
		{HANGUP, CHANGED},
		{{"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n<ChangeResourceRecordSetsResponse>", SCRIPT_CLOSES}, CHANGED},
		{{"garbage, and not HTTP\r\n\r\n", SCRIPT_CLOSES}, CHANGED},
		{OK("<ChangeResourceRecordSetsResponse><ChangeInfo>"), CHANGED},
		{OK("<ChangeResourceRecordSetsResponse/>"), CHANGED},
		{OK(""), CHANGED},
		{{ANSWER("204 No Content", "", ""), SCRIPT_CLOSES}, CHANGED},
		{{ANSWER("302 Found", "Location: /\r\n", ""), SCRIPT_CLOSES}, CHANGED},
	};
	struct world *world = *state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		BEGIN(world, cases[i]);
		change_and_wait(world);
		if (world->outcome != ROUTE53_UNKNOWN || world->script.count != 1)
			fail_msg("case %zu: outcome %d, %zu requests: %s", i, world->outcome, world->script.count, world->sentence);
		assert_non_null(strstr(world->sentence, "it is not known whether Route 53 has done ChangeResourceRecordSets: "));
		assert_string_equal(world->seen, "");
		route53_free(world->route53);
		script_close(&world->script);
	}
	world->route53 = NULL;
	world->script.listener = NULL;
}

static void does_not_know_what_became_of_a_change_that_hangs(void **state)
{
	static const struct script_entry entries[] = {HANG};
	struct world *world = *state;
	world->settings.request_ms = 500;
	BEGIN(world, entries);
	change_and_wait(world);
	assert_int_equal(world->outcome, ROUTE53_UNKNOWN);
	assert_int_equal(world->script.count, 1);
	assert_non_null(strstr(world->sentence, "no answer within 500 ms"));
}

/* The patience ends a request too. */
static void does_not_know_when_patience_ends_in_between(void **state)
{
	static const struct script_entry entries[] = {HANG};
	struct world *world = *state;
	BEGIN(world, entries);
	start_change(world, 1500);
	wait_for_result(world);
	assert_int_equal(world->outcome, ROUTE53_UNKNOWN);
}

static void asks_again_what_only_reads(void **state)
{
	static const struct script_entry entries[] = {BROKEN, RESET, HANGUP, {"garbage\r\n\r\n", SCRIPT_CLOSES}, IN_SYNC};
	struct world *world = *state;
	BEGIN(world, entries);
	ask_change_and_wait(world);
	assert_int_equal(world->outcome, ROUTE53_DONE);
	assert_string_equal(world->seen, "C123 in sync");
	assert_int_equal(world->requests, 5);
}

static void asks_again_where_nobody_listened(void **state)
{
	static const struct script_entry entries[] = {CHANGED};
	struct world *world = *state;
	BEGIN(world, entries);
	evconnlistener_free(world->script.listener);
	world->script.listener = NULL;
	start_change(world, 1000);
	wait_for_result(world);
	assert_int_equal(world->outcome, ROUTE53_FAILED); /* it was never sent: that is known */
	assert_true(world->requests > 1);
	assert_non_null(strstr(world->sentence, "connection refused by 127.0.0.1:"));
	assert_int_equal(world->script.count, 0);
}

/* ---- clocks and keys ---- */

#define EXPIRED(date) \
	ERROR("403 Forbidden", date, "SignatureDoesNotMatch", \
		"Signature expired: 20231114T221320Z is now earlier than 20231114T221820Z (20231114T222320Z - 5 min.)")
#define TEN_LATER "Date: Tue, 14 Nov 2023 22:23:20 GMT\r\n"

static void corrects_the_clock_once(void **state)
{
	static const struct script_entry entries[] = {EXPIRED(TEN_LATER), CHANGED, IN_SYNC};
	struct world *world = *state;
	int64_t skew_s = 0;
	BEGIN(world, entries);
	assert_false(route53_tell_skew(world->route53, &skew_s));
	change_and_wait(world);
	assert_int_equal(world->outcome, ROUTE53_DONE);
	expect_line(world, 0, "\r\nX-Amz-Date: 20231114T221320Z\r\n");
	expect_line(world, 1, "\r\nX-Amz-Date: 20231114T222320Z\r\n");
	assert_true(route53_tell_skew(world->route53, &skew_s));
	assert_int_equal(skew_s, 600);
	ask_change_and_wait(world); /* and keeps to it */
	expect_line(world, 2, "\r\nX-Amz-Date: 20231114T222320Z\r\n");
}

static void does_not_correct_the_clock_twice(void **state)
{
	static const struct script_entry entries[] = {EXPIRED(TEN_LATER)};
	struct world *world = *state;
	BEGIN(world, entries);
	change_and_wait(world);
	assert_int_equal(world->outcome, ROUTE53_REFUSED);
	assert_int_equal(world->requests, 2);
	assert_string_equal(world->code, "SignatureDoesNotMatch");
}

static void needs_a_date_to_correct_the_clock(void **state)
{
	static const struct script_entry entries[] = {EXPIRED(""), CHANGED};
	struct world *world = *state;
	BEGIN(world, entries);
	change_and_wait(world);
	assert_int_equal(world->outcome, ROUTE53_REFUSED);
	assert_int_equal(world->requests, 1);
}

static void tells_the_skew_without_correcting(void **state)
{
	static const struct script_entry entries[] = {
		{ANSWER("200 OK", "Date: Tue, 14 Nov 2023 22:13:10 GMT\r\n", "<GetChangeResponse>" PENDING_INFO "</GetChangeResponse>"), SCRIPT_CLOSES}};
	struct world *world = *state;
	int64_t skew_s = 0;
	BEGIN(world, entries);
	ask_change_and_wait(world);
	ask_change_and_wait(world);
	assert_true(route53_tell_skew(world->route53, &skew_s));
	assert_int_equal(skew_s, -10);
	expect_line(world, 1, "\r\nX-Amz-Date: 20231114T221320Z\r\n");
}

static void renews_expired_keys_once(void **state)
{
	static const struct script_entry entries[] = {ERROR("403 Forbidden", "", "ExpiredToken", "m"), CHANGED};
	struct world *world = *state;
	BEGIN(world, entries);
	change_and_wait(world);
	assert_int_equal(world->outcome, ROUTE53_DONE);
	assert_int_equal(world->credentials.refused, 1);
	assert_string_equal(world->credentials.last_refused, "AKID0");
	expect_line(world, 0, "Credential=AKID0/");
	expect_line(world, 1, "Credential=AKID1/");
}

static void does_not_renew_keys_twice(void **state)
{
	static const struct script_entry entries[] = {ERROR("403 Forbidden", "", "ExpiredTokenException", "m")};
	struct world *world = *state;
	BEGIN(world, entries);
	change_and_wait(world);
	assert_int_equal(world->outcome, ROUTE53_REFUSED);
	assert_int_equal(world->requests, 2);
	assert_int_equal(world->credentials.refused, 1);
}

static void fails_without_keys(void **state)
{
	static const struct script_entry entries[] = {CHANGED};
	struct world *world = *state;
	world->credentials.fault = "no credentials were found: the environment has none";
	BEGIN(world, entries);
	change_and_wait(world);
	assert_int_equal(world->outcome, ROUTE53_FAILED);
	static const char sentence[] = "no credentials were found: the environment has none; without keys there is no ChangeResourceRecordSets (0 requests in ";
	assert_ptr_equal(strstr(world->sentence, sentence), world->sentence);
	assert_int_equal(world->script.count, 0);
}

static void does_not_wait_for_keys_for_ever(void **state)
{
	static const struct script_entry entries[] = {CHANGED};
	struct world *world = *state;
	world->credentials.silent = true;
	BEGIN(world, entries);
	start_change(world, 50);
	wait_for_result(world);
	assert_int_equal(world->outcome, ROUTE53_FAILED);
	assert_non_null(strstr(world->sentence, "there were no credentials in time"));
}

/* ---- the endpoint's name ---- */

static void looks_the_endpoint_up(void **state)
{
	static const struct script_entry entries[] = {IN_SYNC};
	struct world *world = *state;
	BEGIN(world, entries);
	snprintf(world->credentials.endpoint, sizeof(world->credentials.endpoint), "http://localhost:%u", world->script.addr.port);
	ask_change_and_wait(world);
	assert_int_equal(world->outcome, ROUTE53_DONE);
	char host[64];
	snprintf(host, sizeof(host), "\r\nHost: localhost:%u\r\n", world->script.addr.port);
	expect_line(world, 0, host);
}

static void fails_when_the_endpoint_has_no_address(void **state)
{
	static const struct script_entry entries[] = {IN_SYNC};
	struct world *world = *state;
	BEGIN(world, entries);
	resolver_set_servers(world->resolver, "127.0.0.1:1", 50, NULL);
	snprintf(world->credentials.endpoint, sizeof(world->credentials.endpoint), "http://route53.invalid:1");
	route53_get_change(world->route53, "C123", 1000, on_done, world);
	wait_for_result(world);
	assert_int_equal(world->outcome, ROUTE53_FAILED);
	assert_int_equal(world->requests, 0);
	assert_int_equal(world->script.count, 0);
}

static void fails_with_an_endpoint_that_is_none(void **state)
{
	static const struct script_entry entries[] = {IN_SYNC};
	struct world *world = *state;
	BEGIN(world, entries);
	snprintf(world->credentials.endpoint, sizeof(world->credentials.endpoint), "route53");
	ask_change_and_wait(world);
	assert_int_equal(world->outcome, ROUTE53_FAILED);
	assert_non_null(strstr(world->sentence, "the endpoint of Route 53: "));
}

/* ---- many, and none ---- */

static void on_counted(void *arg, const struct route53_result *result)
{
	unsigned *count = arg;
	assert_int_equal(result->outcome, ROUTE53_DONE);
	*count += 1;
}

/* The sixth of six waits for its place: at least a fifth of a second. */
static void paces_its_requests(void **state)
{
	static const struct script_entry entries[] = {IN_SYNC};
	struct world *world = *state;
	unsigned done = 0;
	BEGIN(world, entries);
	uint64_t began_ms = clock_mono_ms();
	for (unsigned i = 0; i < 7; i++)
		route53_get_change(world->route53, "C123", PATIENCE_MS, on_counted, &done);
	while (done < 7)
		event_base_loop(world->loop, EVLOOP_ONCE);
	assert_true(clock_mono_ms() >= began_ms + 400 - 20);
}

static void cancels_at_every_step(void **state)
{
	static const struct script_entry entries[] = {HANG};
	struct world *world = *state;
	BEGIN(world, entries);
	route53_cancel(start_change(world, PATIENCE_MS)); /* keys */
	struct route53_call *asking = start_change(world, PATIENCE_MS);
	while (world->script.count == 0)
		event_base_loop(world->loop, EVLOOP_ONCE);
	route53_cancel(asking);
	for (unsigned i = 0; i < 6; i++)
		route53_get_change(world->route53, "C123", PATIENCE_MS, on_done, world);
	route53_cancel(route53_get_change(world->route53, "C123", PATIENCE_MS, on_done, world)); /* a place */
	route53_free(world->route53);                                                            /* the rest, in whatever step */
	world->route53 = NULL;
	event_base_loop(world->loop, EVLOOP_NONBLOCK);
	assert_int_equal(world->results, 0);
}

static void on_first(void *arg, const struct route53_result *result)
{
	struct world *world = arg;
	assert_int_equal(result->outcome, ROUTE53_DONE);
	route53_get_change(world->route53, "C123", PATIENCE_MS, on_done, world);
}

static void begins_another_from_its_end(void **state)
{
	static const struct script_entry entries[] = {IN_SYNC};
	struct world *world = *state;
	BEGIN(world, entries);
	route53_get_change(world->route53, "C123", PATIENCE_MS, on_first, world);
	wait_for_result(world);
	assert_int_equal(world->outcome, ROUTE53_DONE);
	assert_int_equal(world->script.count, 2);
}

static void checks_ids_of_zones(void **state)
{
	static const struct {
		const char *text;
		bool fine;
	} cases[] = {
		{"Z1", true},
		{"/hostedzone/Z0123456789ABCDEFGHIJ", true},
		{"Z0123456789ABCDEF0123456789ABCDE", true},
		{"Z0123456789ABCDEF0123456789ABCDEF", false},
		{"", false},
		{"/hostedzone/", false},
		{"/change/C1", false},
		{"Z1/", false},
		{"Z1?x", false},
		{"example.com", false},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct err err = {""};
		assert_int_equal(route53_check_zone_id(cases[i].text, &err), cases[i].fine);
		assert_int_equal(err.text[0] == '\0', cases[i].fine);
	}
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, open_world, close_world)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(sends_a_change),
		TEST(asks_for_a_change),
		TEST(asks_for_a_zone),
		TEST(finds_the_zones_of_a_name),
		TEST(obeys_an_endpoint_with_a_path),
		TEST(gathers_pages),
		TEST(lists_every_type_of_a_name),
		TEST(finds_nothing),
		TEST(does_not_read_what_is_behind_the_name),
		TEST(ends_lists_that_would_not_end),
		TEST(refuses_answers_that_are_none),
		TEST(asks_again_when_throttled),
		TEST(gives_up_when_throttled_for_good),
		TEST(shows_every_message),
		TEST(refuses_once_what_is_forbidden),
		TEST(never_repeats_a_change_that_may_be_made),
		TEST(does_not_know_what_became_of_a_change_that_hangs),
		TEST(does_not_know_when_patience_ends_in_between),
		TEST(asks_again_what_only_reads),
		TEST(asks_again_where_nobody_listened),
		TEST(corrects_the_clock_once),
		TEST(does_not_correct_the_clock_twice),
		TEST(needs_a_date_to_correct_the_clock),
		TEST(tells_the_skew_without_correcting),
		TEST(renews_expired_keys_once),
		TEST(does_not_renew_keys_twice),
		TEST(fails_without_keys),
		TEST(does_not_wait_for_keys_for_ever),
		TEST(looks_the_endpoint_up),
		TEST(fails_when_the_endpoint_has_no_address),
		TEST(fails_with_an_endpoint_that_is_none),
		TEST(paces_its_requests),
		TEST(cancels_at_every_step),
		TEST(begins_another_from_its_end),
		cmocka_unit_test(checks_ids_of_zones),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
