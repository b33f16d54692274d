/* Smoke requests (switch/smoke), as a procedure's gate: what is sent to whom, each way in which an answer is not as expected, the bounds, the rows. */
// links: switch
#include "tests/unit/procedure_world.h"

static struct conf_status_range good[] = {{200, 299}};
static char post[] = "POST", cart[] = "/cart?a=1", shop_version[] = "shop: {version}", x_version[] = "X-Version", braces[] = "{version}", cookie[] = "Cookie",
	    cookie_value[] = "user=7", empty_name[] = "X-Empty", empty_value[] = "", form[] = "item=1", type[] = "Content-Type",
	    type_value[] = "application/x-www-form-urlencoded", host_name[] = "shop.example.com", wild[] = "*.example.com",
	    other_host[] = "cart.example.com:8080";
static struct conf_header expected_fields[] = {{x_version, braces}};
static struct conf_header sent_fields[] = {{cookie, cookie_value}, {empty_name, empty_value}, {type, type_value}};

static void expect_start(const struct peer *peer, const char *start)
{
	if (strncmp(peer->request, start, strlen(start)) != 0)
		fail_msg("expected \"%s\", got \"%s\"", start, peer->request);
}

static void test_smoke_passes(void **state)
{
	struct world *world = *state;
	char *hosts[] = {wild, host_name};
	struct peer *first = add_backend(world, "127.0.0.1:1001", OK_ANSWER), *second = add_backend(world, "127.0.0.1:1002", OK_ANSWER);
	struct conf_smoke smokes[] = {one_request(), one_request()};
	smokes[0].expect_body = shop_version;
	smokes[1] = (struct conf_smoke){.method = post,
		.path = cart,
		.host = other_host,
		.body = form,
		.send = sent_fields,
		.send_count = 3,
		.statuses = good,
		.status_count = 1,
		.expect = expected_fields,
		.expect_count = 1,
		.timeout_ms = 20000};
	world->conf.hosts = hosts;
	world->conf.host_count = 2;
	set_smokes(world, smokes, 1);
	begin(world);
	assert_int_equal(run_to_end(world), PROCEDURE_PASSED);
	assert_string_equal(world->events, "gate_started smoke\ngate_passed smoke\n");
	expect_rows(world, (const char *[]){"smoke passed: 2 requests to 2 backends of green went as expected", NULL});
	expect_start(first, "GET / HTTP/1.1\r\nHost: shop.example.com\r\n");
	assert_non_null(strstr(second->request, "\r\nUser-Agent: teal-smoke/"));
	set_smokes(world, smokes, 2);
	begin(world);
	assert_int_equal(run_to_end(world), PROCEDURE_PASSED);
	expect_rows(world, (const char *[]){"smoke passed: 4 requests to 2 backends of green went as expected", NULL});
	assert_int_equal(first->accepted + second->accepted, 6);
	expect_start(second, "POST /cart?a=1 HTTP/1.1\r\nHost: cart.example.com:8080\r\n");
	assert_non_null(strstr(second->request, "\r\nCookie: user=7\r\n"));
	assert_non_null(strstr(second->request, "\r\nX-Empty:\r\n"));
	assert_non_null(strstr(second->request, "\r\nContent-Type: application/x-www-form-urlencoded\r\n"));
	assert_non_null(strstr(second->request, "\r\nContent-Length: 6\r\n"));
}

/* A POST without a body says so; a request that brings its own agent is left as it is. */
static void test_smoke_words(void **state)
{
	struct world *world = *state;
	static char agent[] = "User-Agent", agent_value[] = "checker/1";
	struct conf_header own[] = {{agent, agent_value}};
	struct peer *peer = add_backend(world, "127.0.0.1:1001", OK_ANSWER);
	struct conf_smoke smoke = one_request();
	smoke.method = post;
	smoke.send = own;
	smoke.send_count = 1;
	set_smokes(world, &smoke, 1);
	begin(world);
	assert_int_equal(run_to_end(world), PROCEDURE_PASSED);
	expect_start(peer, "POST / HTTP/1.1\r\nHost: 127.0.0.1:1001\r\n");
	assert_non_null(strstr(peer->request, "\r\nContent-Length: 0\r\n"));
	assert_non_null(strstr(peer->request, "\r\nUser-Agent: checker/1\r\n"));
	assert_null(strstr(peer->request, "teal-smoke"));
}

struct smoke_fault {
	const char *name, *answer;
	bool version, body, header, expires;
	const char *detail;
};

static const struct smoke_fault smoke_faults[] = {
	{"a status", BAD_ANSWER, true, false, false, false,
		"GET / to backend:1 of green: status 500, expected 200-299; the body begins \"no \\x22database\\x22\\x0a\""},
	{"a body", OK_ANSWER, true, true, false, false, "GET / to backend:1 of green: body does not contain \"shop: v3\"; the body begins \"shop: v2\""},
	{"a header", OK_ANSWER, true, false, true, false, "GET / to backend:1 of green: header X-Version is \"v2\", expected \"v3\""},
	{"no version", OK_ANSWER, false, true, false, false, "the body is to hold {version}, but this color has no version"},
	{"no HTTP", "hello\r\n\r\n", true, false, false, false, "GET / to backend:1 of green: "},
	{"no answer", NULL, true, false, false, true, "GET / to backend:1 of green: "},
};

static void test_smoke_refuses(void **state)
{
	struct world *world = *state;
	struct peer *peer = add_backend(world, "backend:1", NULL);
	for (size_t i = 0; i < sizeof(smoke_faults) / sizeof(smoke_faults[0]); i++) {
		const struct smoke_fault *fault = &smoke_faults[i];
		struct conf_smoke smoke = one_request();
		smoke.expect_body = fault->body ? shop_version : NULL;
		smoke.expect = expected_fields;
		smoke.expect_count = fault->header;
		if (fault->expires)
			smoke.timeout_ms = 50;
		free(world->deployment->to_release.version);
		world->deployment->to_release.version = memory_text(fault->version ? "v3" : "");
		peer->answer = fault->answer;
		peer->end = fault->answer ? PEER_CLOSES : PEER_STAYS;
		set_smokes(world, &smoke, 1);
		begin(world);
		assert_int_equal(run_to_end(world), PROCEDURE_REFUSED);
		expect_refusal(world, "smoke", 3, fault->detail);
		expect_rows(world, (const char *[]){"smoke failed: GET / to backend:1 of green: ", NULL});
	}
}

/* What is told of each request: one that failed, with what came. */
static void test_smoke_results(void **state)
{
	struct world *world = *state;
	add_backend(world, "backend:1", BAD_ANSWER);
	struct conf_smoke smoke = one_request();
	set_smokes(world, &smoke, 1);
	begin(world);
	assert_int_equal(run_to_end(world), PROCEDURE_REFUSED);
	json_t *rows = procedure_to_json(world->procedure), *result = json_array_get(json_object_get(json_array_get(rows, 0), "results"), 0);
	assert_int_equal(json_array_size(json_object_get(json_array_get(rows, 0), "results")), 1);
	assert_string_equal(json_string_value(json_object_get(result, "request")), "GET /");
	assert_string_equal(json_string_value(json_object_get(result, "backend")), "backend:1");
	assert_int_equal(json_integer_value(json_object_get(result, "status")), 500);
	assert_true(json_is_false(json_object_get(result, "passed")));
	assert_string_equal(json_string_value(json_object_get(result, "detail")), "status 500, expected 200-299");
	assert_string_equal(json_string_value(json_object_get(result, "body")), "no \\x22database\\x22\\x0a");
	assert_true(json_is_integer(json_object_get(result, "ms")));
	json_decref(rows);
}

/* Many results: no more rows than are kept, the failed one among them. */
static void test_smoke_many(void **state)
{
	struct world *world = *state;
	static struct conf_smoke smokes[SMOKE_RESULTS_KEPT + 8];
	static struct conf_status_range never[] = {{418, 418}};
	for (size_t i = 0; i < sizeof(smokes) / sizeof(smokes[0]); i++)
		smokes[i] = one_request();
	smokes[SMOKE_RESULTS_KEPT + 7].statuses = never;
	add_backend(world, "backend:1", OK_ANSWER)->end = PEER_CLOSES;
	set_smokes(world, smokes, SMOKE_RESULTS_KEPT + 8);
	begin(world);
	assert_int_equal(run_to_end(world), PROCEDURE_REFUSED);
	json_t *rows = procedure_to_json(world->procedure), *results = json_object_get(json_array_get(rows, 0), "results");
	assert_int_equal(json_array_size(results), SMOKE_RESULTS_KEPT);
	assert_true(json_is_false(json_object_get(json_array_get(results, SMOKE_RESULTS_KEPT - 1), "passed")));
	json_decref(rows);
}

static void test_smoke_forced(void **state)
{
	struct world *world = *state;
	add_backend(world, "backend:1", BAD_ANSWER);
	struct conf_smoke smoke = one_request();
	set_smokes(world, &smoke, 1);
	world->deployment->force = true;
	begin(world);
	assert_int_equal(run_to_end(world), PROCEDURE_PASSED);
	expect_rows(world, (const char *[]){"smoke forced: GET / to backend:1 of green: status 500", NULL});
	assert_string_equal(world->events, "gate_started smoke\ngate_forced smoke\n");
}

static void test_smoke_without_backends(void **state)
{
	struct world *world = *state;
	struct conf_smoke smoke = one_request();
	set_smokes(world, &smoke, 1);
	begin(world);
	assert_int_equal(run(world), PROCEDURE_REFUSED);
	expect_refusal(world, "smoke", 3, "green has no backends");
}

static void test_smoke_unresolved(void **state)
{
	struct world *world = *state;
	struct err err;
	world->backends[0].name = "app.internal:80";
	assert_true(addr_parse("app.internal:80", &world->backends[0].addr, &err));
	world->backend_count = 1;
	struct conf_smoke smoke = one_request();
	set_smokes(world, &smoke, 1);
	begin(world);
	assert_int_equal(run_to_end(world), PROCEDURE_REFUSED);
	expect_refusal(world, "smoke", 3, "GET / to app.internal:80 of green: the name app.internal has no address yet");
}

/* On a unix socket, behind a PROXY protocol header. */
static void test_smoke_unix(void **state)
{
	struct world *world = *state;
	char folder[] = "/tmp/teal_test.XXXXXX", path[64];
	struct peer *peer = &world->peers[world->peer_count++];
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/app.sock", folder);
	peer->answer = OK_ANSWER;
	peer_open_unix(peer, world->loop, path);
	world->backends[world->backend_count++] = (struct smoke_backend){.name = "unix:app.sock", .addr = peer->addr, .announce = CONF_PROXY_PROTOCOL_V2};
	struct conf_smoke smoke = one_request();
	set_smokes(world, &smoke, 1);
	begin(world);
	assert_int_equal(run_to_end(world), PROCEDURE_PASSED);
	assert_memory_equal(peer->request, "\r\n\r\n\0\r\nQUIT\n", 12);
	assert_non_null(strstr(peer->request + 16, "GET / HTTP/1.1\r\nHost: localhost\r\n"));
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(folder), 0);
}

static unsigned count_accepted(const struct world *world)
{
	unsigned accepted = 0;
	for (size_t i = 0; i < world->peer_count; i++)
		accepted += world->peers[i].accepted;
	return accepted;
}

/* Four backends hang: the others are not asked meanwhile. One that then fails ends all of it. */
static void test_smoke_bound(void **state)
{
	struct world *world = *state;
	static const char *const names[] = {"b:0", "b:1", "b:2", "b:3", "b:4", "b:5"};
	for (size_t i = 0; i < 6; i++)
		add_backend(world, names[i], NULL);
	world->peers[4].answer = world->peers[5].answer = OK_ANSWER;
	struct conf_smoke smokes[] = {one_request(), one_request()};
	set_smokes(world, smokes, 2);
	begin(world);
	assert_int_equal(run(world), PROCEDURE_PENDING);
	while (count_accepted(world) < SMOKE_BACKENDS_AT_A_TIME)
		event_base_loop(world->loop, EVLOOP_ONCE);
	for (int turn = 0; turn < 100; turn++)
		event_base_loop(world->loop, EVLOOP_NONBLOCK);
	assert_int_equal(count_accepted(world), SMOKE_BACKENDS_AT_A_TIME);
	assert_int_equal(world->peers[4].accepted + world->peers[5].accepted, 0);
	while (!world->peers[2].open[0] || world->peers[2].request_length == 0) {
		peer_on_read(world->peers[2].open[0], &world->peers[2]);
		if (world->peers[2].request_length == 0)
			event_base_loop(world->loop, EVLOOP_ONCE);
	}
	world->peers[2].answer = BAD_ANSWER;
	peer_answer(&world->peers[2], world->peers[2].open[0]);
	assert_int_equal(run_to_end(world), PROCEDURE_REFUSED);
	expect_refusal(world, "smoke", 3, "GET / to b:2 of green: status 500");
	assert_int_equal(world->peers[4].accepted + world->peers[5].accepted, 0);
}

/* More backends than are asked at a time: each gets its requests. */
static void test_smoke_all_backends(void **state)
{
	struct world *world = *state;
	static const char *const names[] = {"b:0", "b:1", "b:2", "b:3", "b:4", "b:5", "b:6"};
	for (size_t i = 0; i < 7; i++)
		add_backend(world, names[i], OK_ANSWER);
	struct conf_smoke smokes[] = {one_request(), one_request(), one_request()};
	set_smokes(world, smokes, 3);
	begin(world);
	assert_int_equal(run_to_end(world), PROCEDURE_PASSED);
	expect_rows(world, (const char *[]){"smoke passed: 21 requests to 7 backends of green went as expected", NULL});
	for (size_t i = 0; i < 7; i++)
		assert_int_equal(world->peers[i].accepted, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROUND(test_smoke_passes),
		ROUND(test_smoke_words),
		ROUND(test_smoke_refuses),
		ROUND(test_smoke_results),
		ROUND(test_smoke_many),
		ROUND(test_smoke_forced),
		ROUND(test_smoke_without_backends),
		ROUND(test_smoke_unresolved),
		ROUND(test_smoke_unix),
		ROUND(test_smoke_bound),
		ROUND(test_smoke_all_backends),
	};
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
