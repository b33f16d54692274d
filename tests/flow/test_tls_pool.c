// Flow tests of kept-alive connections to backends over TLS that end, in every manner and at the worst moment: a POST is never sent twice, a GET gets its answer, sessions are resumed, and connections of other settings are not used.
// links: proxy
#include "tests/unit/scratch.h"

#include <sys/socket.h>

#include "tests/flow/actor.h"
#include "tests/flow/veiled.h"

#define ROUNDS 60 /* of cases in which two things must meet: often enough that they do */
#define IDS_MAX 4096u

static const struct veiled_spoil good = {VEILED_NOTHING, 0};
static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

static struct stage stage;
static char answer[65536];

/* For the threads of connections. */
static atomic_int version;
static atomic_uint seen[IDS_MAX]; /* how often each POST was heard */

/* How a connection ends behind an answer. */
enum manner { KEPT, SAID, UNSAID, RESET, SAID_ALONE, ENDS };
static atomic_int manner, answers;
static atomic_uint wait_ms;
static atomic_bool bears_no_tickets;

static void end(struct veiled *veiled, enum manner how)
{
	if (how == SAID || how == SAID_ALONE)
		veiled_say_end(veiled);
	if (how == RESET)
		actor_reset_at_close(veiled->fd);
	else if (how != SAID_ALONE)
		shutdown(veiled->fd, SHUT_WR);
}

static void note(const char *head)
{
	unsigned id = 0;
	if (sscanf(head, "POST /%u ", &id) == 1 && id < IDS_MAX)
		atomic_fetch_add(&seen[id], 1);
}

/* Whether the ClientHello that comes next has a ticket of TLS 1.2, and not just the extension for one. */
static bool brings_ticket(int fd)
{
	static const char none[] = {0, 35, 0, 0};
	char hello[4096];
	ssize_t length = recv(fd, hello, sizeof(hello), MSG_PEEK);
	return length > 0 && !memmem(hello, (size_t)length, none, sizeof(none));
}

/* So many answers, then the end. */
static void serve(int fd)
{
	struct veiled veiled;
	char head[4096];
	int most = atomic_load(&answers);
	if (atomic_load(&bears_no_tickets) && brings_ticket(fd)) {
		actor_reset_at_close(fd);
		return;
	}
	veiled_init_backend(&veiled, fd, atomic_load(&version), good);
	bool open = veiled_shake(&veiled);
	for (int i = 0; open && (most == 0 || i < most) && veiled_hear_head(&veiled, head, sizeof(head)); i++) {
		note(head);
		open = veiled_say(&veiled, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
	}
	if (atomic_load(&wait_ms) > 0)
		actor_wait_ms(atomic_load(&wait_ms));
	enum manner how = (enum manner)atomic_load(&manner);
	end(&veiled, how);
	if (how != RESET)
		actor_hear_all(fd);
	veiled_fini(&veiled);
}

static struct stage_backend *backend;

static int open_stage(void **state)
{
	(void)state;
	stage_open(&stage, 1, 0, 0);
	for (unsigned i = 0; i < IDS_MAX; i++)
		atomic_store(&seen[i], 0);
	atomic_store(&version, TLS1_3_VERSION);
	atomic_store(&manner, KEPT);
	atomic_store(&answers, 0);
	atomic_store(&wait_ms, 0);
	atomic_store(&bears_no_tickets, false);
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

static void say(int fd, const char *method, unsigned id)
{
	char request[128];
	snprintf(request, sizeof(request), "%s /%u HTTP/1.1\r\nHost: shop.example\r\n%s\r\n", method, id,
		strcmp(method, "POST") == 0 ? "Content-Length: 0\r\n" : "");
	stage_send(fd, request);
}

static int ask(int fd, const char *method, unsigned id)
{
	say(fd, method, id);
	return stage_read_answer(fd, answer, sizeof(answer), false);
}

static void expect_none_twice(unsigned ids)
{
	for (unsigned i = 0; i < ids; i++) {
		if (atomic_load(&seen[i]) > 1)
			fail_msg("POST %u was sent %u times", i, atomic_load(&seen[i]));
	}
}

static struct proxy_tls read_tls(void)
{
	struct proxy_counters counters;
	proxy_read_counters(stage.proxy, &counters);
	return counters.backends_tls;
}

static void wait_for_ends(void)
{
	while (atomic_load(&backend->visits) > 0)
		actor_wait_ms(1);
}

/* ---- connections that are kept ---- */

static void test_one_connection_for_all(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		atomic_store(&version, versions[i]);
		unsigned before = atomic_load(&backend->connections);
		int fd = stage_connect(&stage);
		for (unsigned id = 0; id < 30; id++)
			assert_int_equal(ask(fd, id % 2 ? "POST" : "GET", 100 * i + id), 200);
		stage_close_client(fd);
		assert_in_range(atomic_load(&backend->connections) - before, 1, 5); /* more than one only where the machine rests for a second */
		veiled_change_back(&stage);
	}
	expect_none_twice(IDS_MAX);
}

/* After each answer the next connection: all but the first resume, with each version. */
static void test_sessions_are_resumed(void **state)
{
	(void)state;
	atomic_store(&answers, 1);
	atomic_store(&manner, SAID);
	for (unsigned i = 0; i < 2; i++) {
		atomic_store(&version, versions[i]);
		struct proxy_tls before = read_tls();
		int fd = stage_connect(&stage);
		for (unsigned id = 0; id < 20; id++)
			assert_int_equal(ask(fd, "GET", id), 200);
		stage_close_client(fd);
		struct proxy_tls after = read_tls();
		assert_in_range(after.full - before.full, 1, 5);
		assert_in_range(after.resumed - before.resumed, 15, 40);
		veiled_change_back(&stage);
	}
}

/* What a handshake failed with is not tried again. */
static void test_a_session_that_the_backend_can_not_bear(void **state)
{
	(void)state;
	atomic_store(&answers, 1);
	atomic_store(&manner, SAID);
	atomic_store(&version, TLS1_2_VERSION);
	int fd = stage_connect(&stage);
	assert_int_equal(ask(fd, "GET", 0), 200);
	wait_for_ends(); /* a request that finds the old connection stale has one more try */
	atomic_store(&bears_no_tickets, true);
	assert_int_equal(ask(fd, "GET", 1), 502);
	assert_int_equal(ask(fd, "GET", 2), 200);
	stage_close_client(fd);
}

/* A reload that changes nothing but the settings: nobody uses the connections of before. */
static void test_other_settings(void **state)
{
	(void)state;
	int fd = stage_connect(&stage);
	for (unsigned turn = 1; turn <= 5; turn++) {
		assert_int_equal(ask(fd, "POST", turn), 200);
		assert_int_equal(ask(fd, "GET", turn), 200);
		assert_true(atomic_load(&backend->connections) >= turn);
		veiled_change_back(&stage);
	}
	stage_close_client(fd);
	expect_none_twice(IDS_MAX);
}

/* ---- connections that end ---- */

/* Every connection ends behind its answer, in time or not: what is asked next finds another one. */
static void ask_behind_ends(enum manner how, const char *method, bool in_time)
{
	atomic_store(&manner, how);
	atomic_store(&answers, 1);
	int fd = stage_connect(&stage);
	for (unsigned id = 0; id < ROUNDS; id++) {
		int status = ask(fd, method, id);
		/* The end may come when the request is on its way already: then only what may be repeated is. */
		if (status != 200 && !(status == 502 && strcmp(method, "POST") == 0 && !in_time))
			fail_msg("%s %u behind an end of kind %d: status %d", method, id, how, status);
		if (in_time)
			wait_for_ends();
	}
	stage_close_client(fd);
}

static void test_ends_at_once(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		atomic_store(&version, versions[i]);
		for (enum manner how = SAID; how < ENDS; how++) {
			ask_behind_ends(how, "GET", false);
			for (unsigned id = 0; id < IDS_MAX; id++)
				atomic_store(&seen[id], 0);
			ask_behind_ends(how, "POST", false);
			expect_none_twice(IDS_MAX);
		}
	}
}

static void test_ends_between_requests(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		atomic_store(&version, versions[i]);
		for (enum manner how = SAID; how < ENDS; how++)
			ask_behind_ends(how, i ? "POST" : "GET", true);
	}
}

/* ---- all of it at once ---- */

enum { CLIENTS = 6 };
static atomic_bool over;
static atomic_uint next_id, bad;

static void *storm_client(void *arg)
{
	unsigned seed = *(unsigned *)arg;
	static _Thread_local char text[65536];
	int fd = stage_connect(&stage);
	while (!atomic_load(&over)) {
		bool post = rand_r(&seed) % 2;
		unsigned id = atomic_fetch_add(&next_id, 1);
		say(fd, post ? "POST" : "GET", id % IDS_MAX);
		int status = stage_read_answer(fd, text, sizeof(text), false);
		if (status != 200 && !(post && status == 502))
			atomic_fetch_add(&bad, 1);
		if (status == 0) {
			stage_close_client(fd);
			fd = stage_connect(&stage);
		}
		if (id + 100 > IDS_MAX)
			break;
	}
	stage_close_client(fd);
	return NULL;
}

/* Connections that end behind any number of answers, in any manner, while settings change. */
static void test_storm(void **state)
{
	(void)state;
	pthread_t threads[CLIENTS];
	unsigned seeds[CLIENTS], seed = 1;
	atomic_store(&next_id, 0);
	atomic_store(&bad, 0);
	atomic_store(&over, false);
	for (unsigned i = 0; i < CLIENTS; i++) {
		seeds[i] = i + 1;
		pthread_create(&threads[i], NULL, storm_client, &seeds[i]);
	}
	for (uint64_t until = actor_now_ms() + 3000; actor_now_ms() < until; actor_wait_ms(7)) {
		atomic_store(&manner, 1 + rand_r(&seed) % (ENDS - 1));
		atomic_store(&answers, 1 + rand_r(&seed) % 4);
		atomic_store(&wait_ms, (unsigned)rand_r(&seed) % 3);
		atomic_store(&version, versions[rand_r(&seed) % 2]);
		if (rand_r(&seed) % 8 == 0)
			veiled_change_back(&stage);
	}
	atomic_store(&over, true);
	for (unsigned i = 0; i < CLIENTS; i++)
		pthread_join(threads[i], NULL);
	expect_none_twice(IDS_MAX);
	assert_int_equal(atomic_load(&bad), 0);
	assert_true(atomic_load(&next_id) > 20);
	struct proxy_tls tls = read_tls();
	assert_true(tls.full > 0 && tls.resumed > 0);
}

#define flow_test(name) cmocka_unit_test_setup_teardown(name, open_stage, close_stage)

int main(void)
{
	const struct CMUnitTest tests[] = {
		flow_test(test_one_connection_for_all),
		flow_test(test_sessions_are_resumed),
		flow_test(test_a_session_that_the_backend_can_not_bear),
		flow_test(test_other_settings),
		flow_test(test_ends_at_once),
		flow_test(test_ends_between_requests),
		flow_test(test_storm),
	};
	return cmocka_run_group_tests(tests, veiled_set_up, veiled_tear_down);
}
