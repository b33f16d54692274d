/* One hook, with real programs and a receiver on the same loop: what it is told, how it is signed, how it ends. Also what messages say. */
// links: switch
#include "tests/unit/scratch.h"
#include "tests/unit/receiver.h"

#include <jansson.h>
#include <openssl/evp.h>

#include "base/clock.h"
#include "base/fetch.h"
#include "base/resolve.h"
#include "switch/hook.h"
#include "switch/hook_secret.h"
#include "switch/notify.h"

/* More than anything here takes, by far; reached only by a bug. */
#define PATIENCE_S 60

struct world {
	struct scratch *scratch;
	struct event_base *loop;
	struct fetch *fetch;
	struct resolver *resolver;
	struct hook_tools *tools;
	struct event *patience;
	struct receiver receiver;
	unsigned done;
	bool passed;
	uint64_t ms;
	char name[256], sentence[600], output[20000], url[256];
};

static const struct hook_facts facts = {
	.event = "before_switch",
	.service = "shop",
	.deployment = "20261121-9f3a",
	.from = COLOR_BLUE,
	.to = COLOR_GREEN,
	.from_version = "a1b2c3d",
	.to_version = "e4f5a6b",
	.actor = "root",
	.reason = "it's \"time\"; $(reboot)",
	.at_ms = 1795000000123u,
};

static void on_patience(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what, (void)arg;
	fail_msg("nothing happened for too long");
}

static int set_up(void **state)
{
	struct world *world = calloc(1, sizeof(*world));
	void *scratch;
	scratch_set_up(&scratch);
	world->scratch = scratch;
	world->loop = event_base_new();
	world->fetch = fetch_new(world->loop);
	world->resolver = resolver_new(world->loop, NULL);
	assert_true(resolver_set_servers(world->resolver, "127.0.0.1:1", 50, NULL)); /* nobody answers there */
	world->tools = hook_tools_new(world->loop, world->fetch, world->resolver);
	assert_true(receiver_open(&world->receiver, world->loop, "127.0.0.1"));
	world->patience = evtimer_new(world->loop, on_patience, NULL);
	evtimer_add(world->patience, &(struct timeval){.tv_sec = PATIENCE_S});
	*state = world;
	return 0;
}

static int tear_down(void **state)
{
	struct world *world = *state;
	void *scratch = world->scratch;
	hook_tools_free(world->tools);
	resolver_free(world->resolver);
	fetch_free(world->fetch);
	receiver_close(&world->receiver);
	event_free(world->patience);
	event_base_loop(world->loop, EVLOOP_NONBLOCK); /* what libevent frees in a turn of its own */
	int left = event_base_get_num_events(world->loop, EVENT_BASE_COUNT_ADDED);
	event_base_free(world->loop);
	free(world);
	return scratch_tear_down(&scratch) + left;
}

static void on_done(void *arg, const struct hook_result *result)
{
	struct world *world = arg;
	world->done++;
	world->passed = result->passed;
	world->ms = result->ms;
	snprintf(world->name, sizeof(world->name), "%s", result->name);
	snprintf(world->sentence, sizeof(world->sentence), "%s", result->sentence);
	snprintf(world->output, sizeof(world->output), "%s", result->output);
}

static bool run(struct world *world, const struct conf_hook *conf)
{
	unsigned before = world->done;
	hook_start(world->tools, conf, &facts, on_done, world);
	assert_int_equal(world->done, before);
	while (world->done == before)
		event_base_loop(world->loop, EVLOOP_ONCE);
	return world->passed;
}

static bool run_script(struct world *world, const char *text)
{
	char script[2048];
	snprintf(script, sizeof(script), "#!/bin/sh\n%s\n", text);
	scratch_rewrite(world->scratch, "script", script);
	assert_int_equal(chmod(scratch_name(world->scratch, "script"), 0755), 0);
	char *words[] = {(char *)(uintptr_t)scratch_name(world->scratch, "script"), (char *)(uintptr_t) "secret argument", NULL};
	return run(world, &(struct conf_hook){.run = words, .timeout_ms = 30000});
}

static char *point_at(struct world *world, const char *host, const char *path)
{
	snprintf(world->url, sizeof(world->url), "http://%s:%u%s", host, world->receiver.port, path);
	return world->url;
}

static bool post(struct world *world, const char *secret_file, uint64_t timeout_ms)
{
	char *url = world->url[0] ? world->url : point_at(world, "127.0.0.1", "/hook?token=hush");
	return run(world, &(struct conf_hook){.url = url, .secret_file = (char *)(uintptr_t)secret_file, .timeout_ms = timeout_ms});
}

static void check_sentence(const struct world *world, const char *part)
{
	if (!strstr(world->sentence, part))
		fail_msg("\"%s\" does not say \"%s\"", world->sentence, part);
	assert_null(strstr(world->sentence, "hush"));
	assert_null(strstr(world->name, "hush"));
}

/* ---- programs ---- */

static void test_program(void **state)
{
	struct world *world = *state;
	assert_true(run_script(world, "env | grep ^TEAL_ | LC_ALL=C sort"));
	assert_string_equal(world->output,
		"TEAL_ACTOR=root\nTEAL_AT=2026-11-18T11:06:40.123Z\nTEAL_CAUSE=\nTEAL_DEPLOYMENT=20261121-9f3a\nTEAL_EVENT=before_switch\n"
		"TEAL_FROM=blue\nTEAL_FROM_VERSION=a1b2c3d\nTEAL_OUTCOME=\nTEAL_REASON=it's \"time\"; $(reboot)\nTEAL_SERVICE=shop\n"
		"TEAL_TEXT=\nTEAL_TO=green\nTEAL_TO_VERSION=e4f5a6b\n");
	assert_string_equal(world->name, scratch_name(world->scratch, "script"));
	check_sentence(world, "/script ended with status 0 after ");
	assert_null(strstr(world->sentence, "secret"));
}

static void test_program_refuses(void **state)
{
	struct world *world = *state;
	assert_false(run_script(world, "echo the backup is from Tuesday; exit 1"));
	assert_string_equal(world->output, "the backup is from Tuesday\n");
	check_sentence(world, "ended with status 1");
	assert_false(run_script(world, "kill -9 $$"));
	check_sentence(world, "signal 9");
}

/* ---- URLs ---- */

static void check_body(const char *body)
{
	json_t *document = json_loads(body, 0, NULL);
	json_t *expected = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:n, s:n, s:n, s:s}", "event", "before_switch", "service", "shop",
		"deployment", "20261121-9f3a", "from", "blue", "to", "green", "from_version", "a1b2c3d", "to_version", "e4f5a6b", "actor", "root", "reason",
		"it's \"time\"; $(reboot)", "outcome", "cause", "text", "at", "2026-11-18T11:06:40.123Z");
	assert_true(json_equal(document, expected));
	json_decref(document);
	json_decref(expected);
}

static void test_post(void **state)
{
	struct world *world = *state;
	const struct receiver_letter *letter = &world->receiver.letters[0];
	world->receiver.answer = "go\033[31m ahead\n";
	assert_true(post(world, NULL, 30000));
	check_sentence(world, "http://127.0.0.1:");
	check_sentence(world, "/… answered 200");
	assert_string_equal(world->output, "go ahead\n");
	assert_string_equal(letter->path, "/hook?token=hush");
	assert_string_equal(letter->type, "application/json");
	assert_string_equal(letter->agent, "teal/" TEAL_VERSION);
	assert_string_equal(letter->event, "before_switch");
	assert_memory_equal(letter->delivery, "20261121-9f3a-before_switch-", 28);
	assert_string_equal(letter->timestamp, "");
	assert_string_equal(letter->signature, "");
	check_body(letter->body);
}

static void test_statuses(void **state)
{
	struct world *world = *state;
	static const struct {
		int status;
		bool passes;
		const char *sentence;
	} cases[] = {
		{204, true, "answered 204"},
		{299, true, "answered 299"},
		{302, false, "answered 302, and redirects are not followed"},
		{304, false, "answered 304"},
		{400, false, "answered 400"},
		{500, false, "answered 500"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		world->receiver.statuses[i] = cases[i].status;
		assert_int_equal(post(world, NULL, 30000), cases[i].passes);
		check_sentence(world, cases[i].sentence);
	}
	assert_int_equal(world->receiver.count, sizeof(cases) / sizeof(cases[0]));
	/* The same hook of the same deployment is the same delivery, each time. */
	assert_string_equal(world->receiver.letters[0].delivery, world->receiver.letters[5].delivery);
	point_at(world, "127.0.0.1", "/other");
	post(world, NULL, 30000);
	assert_string_not_equal(world->receiver.letters[6].delivery, world->receiver.letters[5].delivery);
}

static void test_long_answer(void **state)
{
	struct world *world = *state;
	char *answer = malloc(100001);
	memset(answer, 'x', 100000);
	answer[100000] = '\0';
	world->receiver.answer = answer;
	assert_true(post(world, NULL, 30000));
	assert_int_equal(strlen(world->output), 8192);
	free(answer);
}

static void test_no_answer(void **state)
{
	struct world *world = *state;
	world->receiver.statuses[0] = RECEIVER_HANGS;
	assert_false(post(world, NULL, 100));
	check_sentence(world, "no answer within ");
	assert_true(world->ms >= 99);
	snprintf(world->url, sizeof(world->url), "http://127.0.0.1:1/hush");
	assert_false(post(world, NULL, 30000));
	check_sentence(world, "http://127.0.0.1:1/…: connection refused by 127.0.0.1:1");
}

static void test_names(void **state)
{
	struct world *world = *state;
	point_at(world, "localhost", "");
	assert_true(post(world, NULL, 30000));
	point_at(world, "nowhere.invalid", "/hush");
	assert_false(post(world, NULL, 30000));
	check_sentence(world, "http://nowhere.invalid:");
	assert_int_equal(world->receiver.count, 1);
}

/* ---- a name server ---- */

/* Of a name it knows two addresses, 127.0.0.1 and 127.0.0.2, for ever. */
static void on_query(evutil_socket_t fd, short what, void *arg)
{
	static const unsigned char records[] = {0xc0, 12, 0, 1, 0, 1, 0, 1, 0, 0, 0, 4, 127, 0, 0, 1, 0xc0, 12, 0, 1, 0, 1, 0, 1, 0, 0, 0, 4, 127, 0, 0, 2};
	unsigned char message[512 + sizeof(records)];
	struct sockaddr_in from;
	socklen_t from_length = sizeof(from);
	(void)what, (void)arg;
	ssize_t length = recvfrom(fd, message, 512, 0, (struct sockaddr *)&from, &from_length);
	assert_true(length > 17);
	size_t end = 12;
	while (message[end])
		end += message[end] + 1u;
	bool four = message[end + 2] == 1; /* A, not AAAA */
	end += 5;
	message[2] = 0x81, message[3] = 0x80; /* an answer */
	message[7] = four ? 2 : 0;
	memset(message + 8, 0, 4);
	if (four)
		memcpy(message + end, records, sizeof(records));
	sendto(fd, message, end + (four ? sizeof(records) : 0), 0, (struct sockaddr *)&from, from_length);
}

/* Makes the world ask at a socket of its own. */
static int open_name_server(struct world *world, unsigned try_ms)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof(at);
	char servers[64];
	assert_int_equal(bind(fd, (struct sockaddr *)&at, length), 0);
	getsockname(fd, (struct sockaddr *)&at, &length);
	snprintf(servers, sizeof(servers), "127.0.0.1:%u", ntohs(at.sin_port));
	assert_true(resolver_set_servers(world->resolver, servers, try_ms, NULL));
	return fd;
}

/* Whoever waits for a name server waits no longer than the hook may take. */
static void test_slow_name(void **state)
{
	struct world *world = *state;
	int silent = open_name_server(world, 60000);
	point_at(world, "slow.example", "/hush");
	assert_false(post(world, NULL, 150));
	check_sentence(world, "no name server said within 150ms where slow.example is");
	close(silent);
}

/* The first address takes no connection, the second one does. */
static void test_second_address(void **state)
{
	struct world *world = *state;
	int fd = open_name_server(world, 10000);
	struct event *event = event_new(world->loop, fd, EV_READ | EV_PERSIST, on_query, NULL);
	event_add(event, NULL);
	receiver_close(&world->receiver);
	assert_true(receiver_open(&world->receiver, world->loop, "127.0.0.2"));
	point_at(world, "two.example", "/hook");
	assert_true(post(world, NULL, 30000));
	assert_int_equal(world->receiver.count, 1);
	event_free(event);
	close(fd);
}

/* ---- signatures ---- */

static void digest(const unsigned char *a, size_t a_length, const unsigned char *b, size_t b_length, unsigned char out[32])
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	EVP_DigestInit_ex(context, EVP_sha256(), NULL);
	EVP_DigestUpdate(context, a, a_length);
	EVP_DigestUpdate(context, b, b_length);
	EVP_DigestFinal_ex(context, out, NULL);
	EVP_MD_CTX_free(context);
}

/* HMAC-SHA-256 as RFC 2104 writes it down, from the hash alone. */
static void compute_mac(const unsigned char *key, size_t length, const char *text, char out[65])
{
	unsigned char block[64] = {0}, inner[64], outer[64], mac[32];
	if (length > sizeof(block))
		digest(key, length, NULL, 0, block);
	else
		memcpy(block, key, length);
	for (unsigned i = 0; i < sizeof(block); i++) {
		inner[i] = block[i] ^ 0x36;
		outer[i] = block[i] ^ 0x5c;
	}
	digest(inner, sizeof(inner), (const unsigned char *)text, strlen(text), mac);
	digest(outer, sizeof(outer), mac, sizeof(mac), mac);
	for (unsigned i = 0; i < sizeof(mac); i++)
		sprintf(out + 2 * i, "%02x", mac[i]);
}

static void check_signature(const struct receiver_letter *letter, const void *key, size_t length)
{
	char signed_text[2200], mac[65], expected[80];
	snprintf(signed_text, sizeof(signed_text), "%s.%s", letter->timestamp, letter->body);
	compute_mac(key, length, signed_text, mac);
	snprintf(expected, sizeof(expected), "sha256=%s", mac);
	assert_string_equal(letter->signature, expected);
	uint64_t now_s = clock_wall_ms() / 1000, at_s = strtoull(letter->timestamp, NULL, 10);
	assert_true(at_s <= now_s && at_s + 2 * PATIENCE_S > now_s);
}

static const char *write_secret(struct world *world, const void *bytes, size_t length, mode_t mode)
{
	scratch_put(world->scratch, "secret", O_TRUNC, bytes, length);
	assert_int_equal(chmod(scratch_name(world->scratch, "secret"), mode), 0);
	return scratch_name(world->scratch, "secret");
}

/* RFC 4231, test case 2: so that the comparison is worth something. */
static void test_reference(void **state)
{
	char mac[65];
	(void)state;
	compute_mac((const unsigned char *)"Jefe", 4, "what do ya want for nothing?", mac);
	assert_string_equal(mac, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

static void test_signed(void **state)
{
	struct world *world = *state;
	unsigned char key[HOOK_SECRET_MAX + 2];
	static const struct {
		size_t length;
		const char *behind;
	} cases[] = {{1, ""}, {10, "\n"}, {10, "\r\n"}, {64, ""}, {65, "\n"}, {HOOK_SECRET_MAX, ""}, {HOOK_SECRET_MAX, "\r\n"}};
	for (size_t i = 0; i < sizeof(key); i++)
		key[i] = (unsigned char)(i * 7 + 1);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		unsigned char whole[sizeof(key)];
		size_t length = cases[i].length;
		memcpy(whole, key, length);
		memcpy(whole + length, cases[i].behind, strlen(cases[i].behind));
		assert_true(post(world, write_secret(world, whole, length + strlen(cases[i].behind), 0600), 30000));
		check_signature(&world->receiver.letters[i], key, length);
	}
}

/* The file is read each time. */
static void test_new_secret(void **state)
{
	struct world *world = *state;
	assert_true(post(world, write_secret(world, "first", 5, 0400), 30000));
	scratch_remove(world->scratch, "secret");
	assert_true(post(world, write_secret(world, "second", 6, 0600), 30000));
	check_signature(&world->receiver.letters[0], "first", 5);
	check_signature(&world->receiver.letters[1], "second", 6);
}

static void test_faulty_secrets(void **state)
{
	struct world *world = *state;
	static const struct {
		size_t length;
		mode_t mode;
		const char *sentence;
	} cases[] = {
		{6, 0640, "/secret may be used by others than its owner (mode 0640): chmod 600 it"},
		{6, 0604, "(mode 0604)"},
		{0, 0600, "/secret is empty"},
		{1, 0600, "/secret is empty"},
		{HOOK_SECRET_MAX + 2, 0600, "/secret is larger than 4096 bytes"},
		{2 * HOOK_SECRET_MAX, 0600, "/secret is larger than 4096 bytes"},
	};
	char bytes[2 * HOOK_SECRET_MAX];
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		memset(bytes, 'k', sizeof(bytes));
		if (cases[i].length == 1)
			bytes[0] = '\n';
		assert_false(post(world, write_secret(world, bytes, cases[i].length, cases[i].mode), 30000));
		check_sentence(world, cases[i].sentence);
		assert_null(strstr(world->sentence, "kkk"));
	}
	scratch_remove(world->scratch, "secret");
	assert_false(post(world, scratch_name(world->scratch, "secret"), 30000));
	check_sentence(world, "/secret can't be opened: No such file or directory");
	assert_false(post(world, world->scratch->path, 30000));
	check_sentence(world, "is no regular file");
	assert_int_equal(mkfifo(scratch_name(world->scratch, "pipe"), 0600), 0);
	assert_false(post(world, scratch_name(world->scratch, "pipe"), 30000));
	check_sentence(world, "is no regular file");
	assert_int_equal(world->receiver.count, 0);
}

/* ---- what nobody waits for ---- */

static void test_cancel(void **state)
{
	struct world *world = *state;
	char *words[] = {(char *)(uintptr_t) "/bin/sleep", (char *)(uintptr_t) "1000", NULL};
	char *secret = strdup(write_secret(world, "key", 3, 0600));
	world->receiver.statuses[0] = RECEIVER_HANGS;
	const struct conf_hook program = {.run = words, .timeout_ms = 50000}, plain = {.url = point_at(world, "127.0.0.1", ""), .timeout_ms = 50000},
			       with_secret = {.url = world->url, .secret_file = secret, .timeout_ms = 50000};
	struct hook *hooks[] = {
		hook_start(world->tools, &program, &facts, on_done, world),
		hook_start(world->tools, &plain, &facts, on_done, world),
		hook_start(world->tools, &with_secret, &facts, on_done, world),
	};
	assert_string_equal(hook_name(hooks[0]), "/bin/sleep");
	hook_cancel(hooks[2]);
	while (world->receiver.count < 1)
		event_base_loop(world->loop, EVLOOP_ONCE);
	hook_cancel(hooks[1]);
	hook_cancel(hooks[0]);
	event_base_loop(world->loop, EVLOOP_NONBLOCK);
	assert_int_equal(world->done, 0);
	free(secret);
}

/* ---- messages ---- */

static void check_slack(const struct hook_facts *told, const char *text)
{
	char *body = notify_write(CONF_NOTIFY_SLACK, told);
	json_t *document = json_loads(body, 0, NULL);
	assert_int_equal(json_object_size(document), 1);
	assert_string_equal(json_string_value(json_object_get(document, "text")), text);
	json_decref(document);
	free(body);
}

static void test_messages(void **state)
{
	struct hook_facts told = facts;
	(void)state;
	char *body = notify_write(CONF_NOTIFY_JSON, &told);
	check_body(body);
	free(body);
	told.text = "shop: green (e4f5a6b) is live";
	told.reason = "<!channel> & <https://example.com|here>";
	check_slack(&told,
		"shop: green (e4f5a6b) is live\nshop: blue (a1b2c3d) → green (e4f5a6b), by root: &lt;!channel&gt; &amp; &lt;https://example.com|here&gt;; "
		"deployment 20261121-9f3a");
	told = (struct hook_facts){.event = "started", .service = "shop", .from = COLOR_GREEN, .to = COLOR_BLUE, .reason = ""};
	check_slack(&told, "started\nshop: green → blue");
}

static void test_copy(void **state)
{
	(void)state;
	struct hook_facts given = facts;
	given.text = "";
	struct hook_facts *copy = hook_facts_copy(&given);
	json_t *one = hook_facts_to_json(&given), *two = hook_facts_to_json(copy);
	assert_true(json_equal(one, two));
	assert_ptr_not_equal(copy->service, given.service);
	assert_null(copy->cause);
	assert_string_equal(copy->text, "");
	json_decref(one);
	json_decref(two);
	free(copy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_program, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_program_refuses, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_post, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_statuses, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_long_answer, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_no_answer, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_names, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_slow_name, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_second_address, set_up, tear_down),
		cmocka_unit_test(test_reference),
		cmocka_unit_test_setup_teardown(test_signed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_new_secret, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_faulty_secrets, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_cancel, set_up, tear_down),
		cmocka_unit_test(test_messages),
		cmocka_unit_test(test_copy),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
