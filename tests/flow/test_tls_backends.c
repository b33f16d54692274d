// Flow tests of backends over TLS that are cut, reset, garbled or tampered with at every byte and record: an answer that did not come whole is never passed on as complete, and no request is sent twice that may have been processed.
// links: proxy
#include "tests/unit/scratch.h"

#include "tests/flow/actor.h"
#include "tests/flow/veiled.h"

static struct stage stage;
static char answer[65536];

/* What the backend says, a record each, and how it ends. */
struct play {
	const char *parts[4];
	bool until_end;  /* the body is as long as the connection: only a close_notify ends it well */
	unsigned needed; /* phases, of which the handshake is the first: with those the answer is whole */
};

static const struct play plays[] = {
	{{"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n", "hello", "world"}, false, 4},
	{{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel", "lo\r\n5\r\nworld\r\n", "0\r\n\r\n"}, false, 4},
	{{"HTTP/1.1 200 OK\r\n\r\n", "hello", "world"}, true, 5},
	{{"HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n", "HTTP/1.0 200 OK\r\nConnec", "tion: close\r\n\r\nhelloworld"}, true, 5},
};

/* For the threads of connections, set while there is none. */
static const struct play *play;
static struct veiled_spoil spoil;
static int version;
static bool tickets;
static atomic_uint fired, intact, posts, records;

static void note(const struct veiled *veiled)
{
	atomic_store(&records, (unsigned)veiled->records);
	if (!veiled->fired)
		return;
	atomic_fetch_add(&fired, 1);
	unsigned least = atomic_load(&intact);
	while (veiled->intact < least && !atomic_compare_exchange_weak(&intact, &least, veiled->intact)) {
	}
}

static void converse(struct veiled *veiled)
{
	char head[4096];
	if (!veiled_shake(veiled) || !veiled_hear_head(veiled, head, sizeof(head)))
		return;
	atomic_fetch_add(&posts, strncmp(head, "POST", 4) == 0);
	for (const char *const *part = play->parts; *part; part++) {
		if (!veiled_say(veiled, *part))
			return;
	}
	veiled_say_end(veiled);
}

static void serve(int fd)
{
	struct veiled veiled;
	veiled_init_backend(&veiled, fd, version, spoil);
	if (!tickets)
		veiled_give_no_tickets(&veiled);
	converse(&veiled);
	note(&veiled);
	if (!veiled_leave(&veiled))
		abort();
	veiled_fini(&veiled);
}

static struct stage_backend *backend;

static int open_stage(void **state)
{
	(void)state;
	stage_open(&stage, 1, 0, 0);
	tickets = false;
	stage.globals.connect_ms = stage.globals.response_ms = 60000; /* no end has to be waited for */
	backend = actor_play(&stage, serve);
	veiled_back(&stage);
	return 0;
}

static int close_stage(void **state)
{
	(void)state;
	veiled_leave_stage(&stage);
	stage_close(&stage);
	return 0;
}

static void wait_for_threads(void)
{
	while (atomic_load(&backend->visits) > 0)
		actor_wait_ms(1);
}

/* Nothing but its end tells an old client whether the body is whole. */
static int read_to_end(int fd)
{
	bool reset;
	size_t length = stage_read_all(fd, answer, sizeof(answer), &reset);
	const char *field = strstr(answer, "Content-Length: 10\r\n"), *end = strstr(answer, "\r\n\r\n");
	if (reset || !end || (field && length - (size_t)(end + 4 - answer) != 10))
		return 0;
	return atoi(answer + 9);
}

/* The status of a whole answer, 0 of one that was seen to be cut. */
static int ask(const char *method, unsigned minor)
{
	char request[128];
	int fd = stage_connect(&stage);
	snprintf(request, sizeof(request), "%s /a HTTP/1.%u\r\nHost: shop.example\r\n%s\r\n", method, minor,
		strcmp(method, "POST") == 0 ? "Content-Length: 0\r\n" : "");
	stage_send(fd, request);
	int status = minor == 0 ? read_to_end(fd) : stage_read_answer(fd, answer, sizeof(answer), false);
	if (status == 103)
		status = stage_read_answer(fd, answer, sizeof(answer), false);
	stage_close_client(fd);
	return status;
}

static const char *body(void)
{
	return strstr(answer, "\r\n\r\n") + 4;
}

/* One request to a backend whose records are spoilt; whether that hit any. */
static bool play_one(const struct play *one, struct veiled_spoil how, const char *method, unsigned minor)
{
	wait_for_threads();
	play = one;
	spoil = how;
	atomic_store(&fired, 0);
	atomic_store(&posts, 0);
	atomic_store(&intact, UINT_MAX);
	int status = ask(method, minor);
	wait_for_threads();
	unsigned out = atomic_load(&intact);
	bool may_be_whole = out >= one->needed || out == 0; /* a handshake may do that was spoilt in what TLS passes over */
	bool right = status == 200 && strcmp(body(), "helloworld") == 0;
	if (atomic_load(&posts) > 1)
		fail_msg("a POST was sent twice: deed %d at %zu", how.deed, how.at);
	if (status == 200 ? !right || !may_be_whole : status != 502 && status != 0)
		fail_msg("status %d, body %s: deed %d at %zu, version %x, %u phases whole", status, status ? body() : "", how.deed, how.at, (unsigned)version,
			out);
	return atomic_load(&fired) > 0;
}

static void expect_service(const struct play *one)
{
	assert_false(play_one(one, (struct veiled_spoil){VEILED_NOTHING, 0}, "GET", 1));
	assert_string_equal(body(), "helloworld");
}

/* Where the first message begins, in bytes or records. */
static size_t skip_handshake(const struct play *one, bool bytes)
{
	size_t at = 0;
	do
		at += bytes ? 16 : 1;
	while (play_one(one, (struct veiled_spoil){bytes ? VEILED_END : VEILED_LOST, at}, "POST", 1) && atomic_load(&intact) == 0);
	return bytes ? at - 16 : at;
}

static void spoil_everywhere(const struct play *one, enum veiled_deed deed, size_t from, size_t step, const char *method, unsigned minor)
{
	unsigned places = 0;
	for (struct veiled_spoil how = {deed, from}; play_one(one, how, method, minor); how.at += step) {
		if (++places % 64 == 0)
			expect_service(one);
	}
	assert_true(places > 0);
	expect_service(one);
}

static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

/* The handshake once, for all that may be answered behind it. */
static void test_handshakes(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		version = versions[i % 2];
		tickets = i >= 2;
		spoil_everywhere(&plays[0], VEILED_END, 0, 3, "POST", 1);
		spoil_everywhere(&plays[0], VEILED_FLIP, 0, 3, "POST", 1);
		spoil_everywhere(&plays[0], VEILED_RESET, 0, 11, "POST", 1);
	}
}

/* `step`: from one place to the next, five times as far in every other play. */
static void spoil_answers(const char *method, unsigned minor, size_t step)
{
	for (unsigned i = 0; i < 2; i++) {
		version = versions[i];
		for (size_t p = 0; p < sizeof(plays) / sizeof(plays[0]); p++) {
			size_t from = skip_handshake(&plays[p], true), wide = p % 2 ? 5 * step : step;
			spoil_everywhere(&plays[p], VEILED_END, from, wide, method, minor);
			spoil_everywhere(&plays[p], VEILED_FLIP, from, wide, method, minor);
			spoil_everywhere(&plays[p], VEILED_RESET, from, 5 * wide, method, minor);
		}
	}
}

static void test_answers_at_every_byte(void **state)
{
	(void)state;
	spoil_answers("POST", 1, 1);
}

/* May be sent twice, and then is spoilt twice. */
static void test_answers_to_get(void **state)
{
	(void)state;
	spoil_answers("GET", 1, 9);
}

/* What ends with the connection towards an old client, too: its end must show a truncation. */
static void test_answers_to_http_1_0(void **state)
{
	(void)state;
	spoil_answers("GET", 0, 5);
}

static void test_records_that_are_tampered_with(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		version = versions[i];
		for (enum veiled_deed deed = VEILED_TWICE; deed < VEILED_DEEDS; deed++) {
			spoil_everywhere(&plays[0], deed, 0, 1, "POST", 1);
			spoil_everywhere(&plays[2], deed, 0, 1, "POST", 1);
			spoil_everywhere(&plays[2], deed, 0, 1, "GET", 0);
		}
	}
}

/* ---- TLS on both sides ---- */

/* What a client over TLS is told of the end, where nothing else tells: a close_notify only behind one. */
static void expect_end(struct veiled_spoil how, bool whole)
{
	struct veiled client;
	int fd = stage_connect(&stage);
	wait_for_threads();
	spoil = how;
	veiled_init_client(&client, fd, version, (struct veiled_spoil){VEILED_NOTHING, 0});
	assert_true(veiled_shake(&client));
	assert_true(veiled_say(&client, "POST /a HTTP/1.0\r\nHost: shop.example\r\nContent-Length: 0\r\n\r\n"));
	assert_int_equal(veiled_read_answer(&client, answer, sizeof(answer)), whole ? 200 : 0);
	assert_int_equal(client.heard_end, whole);
	veiled_fini(&client);
	stage_close_client(fd);
	wait_for_threads();
}

static void test_ends_pass_through(void **state)
{
	(void)state;
	veiled_front(&stage, NULL);
	play = &plays[2];
	tickets = false;
	for (unsigned i = 0; i < 2; i++) {
		version = versions[i];
		expect_end((struct veiled_spoil){VEILED_NOTHING, 0}, true);
		expect_end((struct veiled_spoil){VEILED_LOST, atomic_load(&records) - 1}, false); /* the close_notify */
	}
}

#define flow_test(name) cmocka_unit_test_setup_teardown(name, open_stage, close_stage)

int main(void)
{
	const struct CMUnitTest tests[] = {
		flow_test(test_handshakes),
		flow_test(test_answers_at_every_byte),
		flow_test(test_answers_to_get),
		flow_test(test_answers_to_http_1_0),
		flow_test(test_records_that_are_tampered_with),
		flow_test(test_ends_pass_through),
	};
	return cmocka_run_group_tests(tests, veiled_set_up, veiled_tear_down);
}
