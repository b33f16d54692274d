/* switch/courier with a receiver and real programs: tries, order, what is given up. Pauses are short here; times are bounds against hanging alone. */
// links: switch
#include "tests/unit/scratch.h"
#include "tests/unit/receiver.h"

#include "base/fetch.h"
#include "base/resolve.h"
#include "switch/courier.h"

/* More than anything here takes, by far; reached only by a bug. */
#define PATIENCE_S 60
#define HOUR_MS 3600000u
#define TOLD_MAX 64u

struct told {
	char service[16], event[16], sentence[300], output[64];
	bool notified, passed;
	unsigned tries;
};

struct world {
	struct scratch *scratch;
	struct event_base *loop;
	struct fetch *fetch;
	struct resolver *resolver;
	struct hook_tools *tools;
	struct courier *courier;
	struct event *patience;
	struct receiver receivers[2];
	unsigned count;
	struct told told[TOLD_MAX];
	bool gives_more; /* at the first end */
};

static const struct courier_limits quick = {.tries = 5, .first_pause_ms = 5, .late_ms = HOUR_MS, .under_way = 8, .waiting = 256};

static void on_patience(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what, (void)arg;
	fail_msg("nothing happened for too long");
}

static struct hook_facts facts_of(const char *service, const char *event)
{
	return (struct hook_facts){.event = event, .service = service, .deployment = "20261121-9f3a", .to = COLOR_GREEN, .at_ms = 1795000000123u};
}

static void notify(struct world *world, unsigned receiver, const char *service, const char *event)
{
	char url[64];
	struct hook_facts facts = facts_of(service, event);
	snprintf(url, sizeof(url), "http://127.0.0.1:%u/hush", world->receivers[receiver].port);
	const struct conf_notify one = {.url = url, .timeout_ms = 30000};
	courier_notify(world->courier, &one, 1, &facts);
}

static void on_ended(void *arg, const struct courier_end *end)
{
	struct world *world = arg;
	assert_true(world->count < TOLD_MAX);
	struct told *told = &world->told[world->count++];
	assert_string_equal(end->deployment, "20261121-9f3a");
	assert_null(strstr(end->result->sentence, "hush"));
	snprintf(told->service, sizeof(told->service), "%s", end->service);
	snprintf(told->event, sizeof(told->event), "%s", end->event);
	snprintf(told->sentence, sizeof(told->sentence), "%s", end->result->sentence);
	snprintf(told->output, sizeof(told->output), "%s", end->result->output);
	told->notified = end->notified;
	told->passed = end->result->passed;
	told->tries = end->tries;
	if (world->gives_more)
		notify(world, 0, "shop", "more");
	world->gives_more = false;
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
	world->tools = hook_tools_new(world->loop, world->fetch, world->resolver);
	world->courier = courier_new(world->tools, &quick, on_ended, world);
	for (unsigned i = 0; i < 2; i++)
		assert_true(receiver_open(&world->receivers[i], world->loop, "127.0.0.1"));
	world->patience = evtimer_new(world->loop, on_patience, NULL);
	evtimer_add(world->patience, &(struct timeval){.tv_sec = PATIENCE_S});
	*state = world;
	return 0;
}

static int tear_down(void **state)
{
	struct world *world = *state;
	void *scratch = world->scratch;
	unsigned told = world->count;
	courier_free(world->courier);
	assert_int_equal(world->count, told);
	hook_tools_free(world->tools);
	resolver_free(world->resolver);
	fetch_free(world->fetch);
	for (unsigned i = 0; i < 2; i++)
		receiver_close(&world->receivers[i]);
	event_free(world->patience);
	event_base_loop(world->loop, EVLOOP_NONBLOCK); /* what libevent frees in a turn of its own */
	int left = event_base_get_num_events(world->loop, EVENT_BASE_COUNT_ADDED);
	event_base_free(world->loop);
	free(world);
	return scratch_tear_down(&scratch) + left;
}

static void limit(struct world *world, const struct courier_limits *limits)
{
	courier_free(world->courier);
	world->courier = courier_new(world->tools, limits, on_ended, world);
}

static void wait_for(struct world *world, unsigned count)
{
	while (world->count < count)
		event_base_loop(world->loop, EVLOOP_ONCE);
	assert_int_equal(world->count, count);
}

static void wait_for_letters(struct world *world, unsigned receiver, unsigned count)
{
	while (world->receivers[receiver].count < count)
		event_base_loop(world->loop, EVLOOP_ONCE);
}

/* A hook that notes its name in the file `log`, and then does this. */
static void run_hooks(struct world *world, const char *service, const char *event, const char *const *scripts, size_t count)
{
	struct conf_hook list[4];
	char *words[4][2], text[1024], name[64];
	struct hook_facts facts = facts_of(service, event);
	assert_true(count <= 4);
	for (size_t i = 0; i < count; i++) {
		snprintf(name, sizeof(name), "%s_%zu", event, i);
		snprintf(text, sizeof(text), "#!/bin/sh\necho %s >>%s\n%s\n", name, scratch_name(world->scratch, "log"), scripts[i]);
		scratch_rewrite(world->scratch, name, text);
		assert_int_equal(chmod(scratch_name(world->scratch, name), 0755), 0);
		words[i][0] = strdup(scratch_name(world->scratch, name));
		words[i][1] = NULL;
		list[i] = (struct conf_hook){.run = words[i], .timeout_ms = 30000};
	}
	courier_run_hooks(world->courier, &(struct conf_hooks){.list = list, .count = count}, &facts);
	for (size_t i = 0; i < count; i++)
		free(words[i][0]);
}

static void check_log(struct world *world, const char *expected)
{
	char log[1024] = "";
	FILE *file = fopen(scratch_name(world->scratch, "log"), "re");
	if (file) {
		size_t length = fread(log, 1, sizeof(log) - 1, file);
		log[length] = '\0';
		fclose(file);
	}
	assert_string_equal(log, expected);
}

static void check_told(const struct world *world, unsigned number, const char *event, unsigned tries, bool passed, const char *sentence)
{
	const struct told *told = &world->told[number];
	if (strcmp(told->event, event) != 0 || told->tries != tries || told->passed != passed || !strstr(told->sentence, sentence))
		fail_msg("end %u: %s after %u tries, %s: %s", number, told->event, told->tries, told->passed ? "passed" : "failed", told->sentence);
}

/* ---- tries ---- */

static void test_told(void **state)
{
	struct world *world = *state;
	world->receivers[0].answer = "thanks";
	notify(world, 0, "shop", "switched");
	assert_int_equal(courier_count(world->courier), 1);
	assert_int_equal(world->count, 0);
	wait_for(world, 1);
	check_told(world, 0, "switched", 1, true, "answered 200");
	assert_true(world->told[0].notified);
	assert_string_equal(world->told[0].output, "thanks");
	assert_non_null(strstr(world->receivers[0].letters[0].body, "\"event\":\"switched\""));
	assert_int_equal(courier_count(world->courier), 0);
}

static void test_tried_again(void **state)
{
	struct world *world = *state;
	world->receivers[0].statuses[0] = 500;
	world->receivers[0].statuses[2] = 200;
	notify(world, 0, "shop", "switched");
	wait_for(world, 1);
	check_told(world, 0, "switched", 3, true, "answered 200");
	const struct receiver_letter *letters = world->receivers[0].letters;
	assert_string_equal(letters[0].delivery, letters[2].delivery);
	assert_string_equal(letters[0].body, letters[2].body);
}

static void test_given_up(void **state)
{
	struct world *world = *state;
	world->receivers[0].statuses[0] = 503;
	notify(world, 0, "shop", "switched");
	wait_for(world, 1);
	check_told(world, 0, "switched", 5, false, "answered 503");
	assert_int_equal(world->receivers[0].count, 5);
}

/* No try begins late, not even when more would be left. */
static void test_late(void **state)
{
	struct world *world = *state;
	limit(world, &(struct courier_limits){.tries = 5, .first_pause_ms = HOUR_MS, .late_ms = 10000, .under_way = 1, .waiting = 256});
	world->receivers[0].statuses[0] = 500;
	notify(world, 0, "shop", "switched");
	wait_for(world, 1);
	check_told(world, 0, "switched", 1, false, "answered 500");
}

/* What waits too long for others is not told any more. */
static void test_late_before_first(void **state)
{
	struct world *world = *state;
	limit(world, &(struct courier_limits){.tries = 1, .first_pause_ms = 1, .late_ms = 1000, .under_way = 1, .waiting = 256});
	world->receivers[0].statuses[0] = RECEIVER_HANGS;
	notify(world, 0, "shop", "switched");
	wait_for_letters(world, 0, 1);
	notify(world, 1, "shop", "switched");
	wait_for(world, 1);
	check_told(world, 0, "switched", 0, false, "was not told: too much was before it for too long");
	assert_int_equal(world->receivers[1].count, 0);
}

/* What a hook does is to be done, however long those before it take. */
static void test_a_hook_is_never_late(void **state)
{
	struct world *world = *state;
	const char *const slow[] = {"sleep 0.3"}, *const quick_one[] = {"exit 0"};
	limit(world, &(struct courier_limits){.tries = 5, .first_pause_ms = 1, .late_ms = 1, .under_way = 8, .waiting = 256});
	run_hooks(world, "shop", "switched", slow, 1);
	run_hooks(world, "shop", "rolled_back", quick_one, 1);
	wait_for(world, 2);
	check_told(world, 0, "switched", 1, true, "status 0");
	check_told(world, 1, "rolled_back", 1, true, "status 0");
}

/* ---- order ---- */

static void test_order_of_messages(void **state)
{
	struct world *world = *state;
	world->receivers[0].statuses[0] = 500;
	world->receivers[0].statuses[2] = 200;
	notify(world, 0, "shop", "started");
	notify(world, 0, "shop", "switched");
	notify(world, 0, "shop", "promoted");
	wait_for(world, 3);
	const struct receiver_letter *letters = world->receivers[0].letters;
	static const char *const events[] = {"started", "started", "started", "switched", "promoted"};
	assert_int_equal(world->receivers[0].count, 5);
	for (unsigned i = 0; i < 5; i++)
		assert_string_equal(letters[i].event, events[i]);
}

static void test_receivers_apart(void **state)
{
	struct world *world = *state;
	world->receivers[0].statuses[0] = RECEIVER_HANGS;
	world->receivers[0].statuses[1] = 200;
	notify(world, 0, "shop", "started");
	notify(world, 0, "shop", "switched");
	wait_for_letters(world, 0, 1);
	notify(world, 1, "shop", "started");
	notify(world, 0, "api", "started");
	wait_for(world, 2);
	assert_int_equal(world->receivers[1].count, 1);
	assert_int_equal(world->receivers[0].count, 2);
	assert_int_equal(courier_count(world->courier), 2);
}

/* One at a time; one that fails lets the next one go first. */
static void test_order_of_hooks(void **state)
{
	struct world *world = *state;
	char once[256];
	snprintf(once, sizeof(once), "mkdir %s", scratch_name(world->scratch, "tried"));
	snprintf(once + strlen(once), sizeof(once) - strlen(once), " && exit 1; exit 0");
	const char *const scripts[] = {once, "echo end_of_1 >>${0%/*}/log"};
	run_hooks(world, "shop", "switched", scripts, 2);
	wait_for(world, 2);
	check_log(world, "switched_0\nswitched_1\nend_of_1\nswitched_0\n");
	check_told(world, 0, "switched", 1, true, "switched_1 ended with status 0");
	check_told(world, 1, "switched", 2, true, "switched_0 ended with status 0");
	assert_false(world->told[0].notified);
}

/* What failed for an earlier moment is not tried again behind a later one; what was not tried yet is tried once. */
static void test_superseded(void **state)
{
	struct world *world = *state;
	const char *const two[] = {"exit 1", "exit 2"}, *const one[] = {"exit 0"};
	limit(world, &(struct courier_limits){.tries = 5, .first_pause_ms = HOUR_MS, .late_ms = 5 * HOUR_MS, .under_way = 8, .waiting = 256});
	run_hooks(world, "shop", "switched", two, 1);
	run_hooks(world, "api", "switched", two, 1);
	while (courier_count(world->courier) == 2 && access(scratch_name(world->scratch, "log"), F_OK) != 0)
		event_base_loop(world->loop, EVLOOP_ONCE);
	run_hooks(world, "shop", "promoted", two, 2);
	run_hooks(world, "shop", "rolled_back", one, 1);
	wait_for(world, 4);
	check_told(world, 3, "rolled_back", 1, true, "status 0");
	for (unsigned i = 0; i < 3; i++) {
		assert_string_equal(world->told[i].service, "shop");
		assert_int_equal(world->told[i].tries, 1);
		assert_false(world->told[i].passed);
	}
	assert_int_equal(courier_count(world->courier), 1); /* of api */
}

/* The one that waits for its next try is told at once. */
static void test_superseded_in_pause(void **state)
{
	struct world *world = *state;
	const char *const passes[] = {"exit 0"};
	const char *const order[] = {"exit 1", "exit 0"};
	limit(world, &(struct courier_limits){.tries = 5, .first_pause_ms = HOUR_MS, .late_ms = 5 * HOUR_MS, .under_way = 8, .waiting = 256});
	run_hooks(world, "shop", "switched", order, 2);
	wait_for(world, 1); /* so the first one is in its pause */
	run_hooks(world, "shop", "rolled_back", passes, 1);
	wait_for(world, 3);
	check_told(world, 1, "switched", 1, false, "switched_0 ended with status 1");
	check_told(world, 1, "switched", 1, false, "; not tried again, as rolled_back came");
	check_told(world, 2, "rolled_back", 1, true, "");
}

/* ---- much of it ---- */

static void test_too_many(void **state)
{
	struct world *world = *state;
	limit(world, &(struct courier_limits){.tries = 5, .first_pause_ms = HOUR_MS, .late_ms = 5 * HOUR_MS, .under_way = 8, .waiting = 3});
	world->receivers[0].statuses[0] = RECEIVER_HANGS;
	notify(world, 0, "shop", "1");
	wait_for_letters(world, 0, 1);
	for (unsigned i = 2; i <= 6; i++)
		notify(world, 0, "shop", (const char *[]){"2", "3", "4", "5", "6"}[i - 2]);
	assert_int_equal(world->count, 0);
	wait_for(world, 2);
	check_told(world, 0, "2", 0, false, "was not told: too much waits, and this was the oldest");
	check_told(world, 1, "3", 0, false, "was not told");
	assert_int_equal(courier_count(world->courier), 4);
}

static void test_under_way(void **state)
{
	struct world *world = *state;
	limit(world, &(struct courier_limits){.tries = 1, .first_pause_ms = 1, .late_ms = HOUR_MS, .under_way = 2, .waiting = 256});
	world->receivers[0].statuses[0] = RECEIVER_HANGS;
	notify(world, 0, "a", "started");
	notify(world, 0, "b", "started");
	notify(world, 1, "c", "started");
	wait_for_letters(world, 0, 2);
	for (unsigned i = 0; i < 50; i++)
		event_base_loop(world->loop, EVLOOP_NONBLOCK);
	assert_int_equal(world->receivers[1].count, 0);
}

static void test_more_from_inside(void **state)
{
	struct world *world = *state;
	world->gives_more = true;
	notify(world, 0, "shop", "switched");
	wait_for(world, 2);
	check_told(world, 1, "more", 1, true, "answered 200");
}

/* What comes while something is told as given up is begun at once. */
static void test_more_when_given_up(void **state)
{
	struct world *world = *state;
	limit(world, &(struct courier_limits){.tries = 5, .first_pause_ms = 1, .late_ms = 1000, .under_way = 8, .waiting = 256});
	world->receivers[1].statuses[0] = RECEIVER_HANGS;
	notify(world, 1, "shop", "1");
	wait_for_letters(world, 1, 1);
	notify(world, 1, "shop", "2");
	world->gives_more = true;
	wait_for(world, 2);
	check_told(world, 0, "2", 0, false, "was not told: too much was before it");
	check_told(world, 1, "more", 1, true, "answered 200");
}

/* Everything under way and waiting is given up without a word but the log's. */
static void test_end(void **state)
{
	struct world *world = *state;
	const char *const hangs[] = {"sleep 1000"};
	world->receivers[0].statuses[0] = RECEIVER_HANGS;
	notify(world, 0, "shop", "switched");
	notify(world, 0, "shop", "promoted");
	run_hooks(world, "shop", "switched", hangs, 1);
	wait_for_letters(world, 0, 1);
	assert_int_equal(courier_count(world->courier), 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_told, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_tried_again, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_given_up, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_late, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_late_before_first, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_hook_is_never_late, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_order_of_messages, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_receivers_apart, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_order_of_hooks, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_superseded, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_superseded_in_pause, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_too_many, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_under_way, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_more_from_inside, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_more_when_given_up, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_end, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
