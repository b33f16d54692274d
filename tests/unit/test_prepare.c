/* The TTL ahead of a switch, as far as others come in between: what is sent when, and what is not sent any more. The steering and the disk are the test's. */
// links: switch
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>

#include "base/clock.h"
#include "dns/steering.h"
#include "switch/prepare.h"
#include "switch/service.h"
#include "switch/service_dns.h"
#include "switch/wire.h"

static struct {
	enum keeper_state disk;
	enum steering_state change;
	unsigned sent;
	uint64_t safe_at;
	const struct deployment *current;
} world;

struct steering *service_dns_steering(const struct service *service)
{
	(void)service;
	return (struct steering *)&world;
}

const struct deployment *switcher_current(const struct switcher *switcher)
{
	(void)switcher;
	return world.current;
}

uint64_t keeper_write(struct keeper *keeper)
{
	(void)keeper;
	return 1;
}

enum keeper_state keeper_read_state(const struct keeper *keeper, uint64_t ticket, char *sentence, size_t size)
{
	(void)keeper;
	(void)ticket;
	(void)sentence;
	(void)size;
	return world.disk;
}

void events_emit(struct events *events, const char *service, const char *deployment, const char *event, json_t *more, const char *text)
{
	(void)events;
	(void)service;
	(void)deployment;
	(void)event;
	(void)text;
	json_decref(more);
}

void steering_read(const struct steering *steering, struct steering_view *view)
{
	(void)steering;
	*view = (struct steering_view){.live = STEERING_BLUE, .ttl_s = 300, .sentence = ""};
}

json_t *steering_intend_ttl(struct steering *steering, struct err *err)
{
	(void)steering;
	(void)err;
	return json_object();
}

void steering_change(struct steering *steering, const json_t *intent, uint64_t patience_ms)
{
	(void)steering;
	(void)patience_ms;
	assert_non_null(intent);
	world.sent++;
}

enum steering_state steering_read_change(const struct steering *steering, char *sentence, size_t size)
{
	(void)steering;
	snprintf(sentence, size, "Route 53 said something");
	return world.change;
}

json_t *steering_intent(const struct steering *steering)
{
	(void)steering;
	return NULL;
}

void steering_read_progress(const struct steering *steering, struct steering_progress *progress)
{
	(void)steering;
	*progress = (struct steering_progress){.known = true, .safe_at = world.safe_at, .change_id = "C1", .sentence = ""};
}

uint64_t steering_quick_from(const struct steering *steering)
{
	(void)steering;
	return 0;
}

void steering_note_earlier(struct steering *steering, uint64_t until_wall_ms)
{
	(void)steering;
	(void)until_wall_ms;
}

static struct conf_service conf = {.name = (char *)"api", .route53 = {.ttl_s = 30}};
static struct service service = {.name = (char *)"api", .conf = &conf};

static struct prepare *begin(void)
{
	struct switcher_refusal refusal;
	struct prepare *prepare = prepare_new(&service, NULL, NULL);
	world.disk = KEEPER_PENDING;
	world.change = STEERING_PENDING;
	world.sent = 0;
	world.safe_at = 0;
	world.current = NULL;
	assert_true(prepare_start(prepare, "ada", &refusal));
	return prepare;
}

static void assert_state(const struct prepare *prepare, const char *state)
{
	json_t *document = prepare_to_json(prepare);
	assert_string_equal(wire_read_text(document, "state"), state);
	json_decref(document);
}

static void test_its_way(void **state)
{
	(void)state;
	struct prepare *prepare = begin();
	prepare_run(prepare);
	assert_int_equal(world.sent, 0);
	world.disk = KEEPER_DURABLE;
	prepare_run(prepare);
	assert_int_equal(world.sent, 1);
	assert_state(prepare, "changing");
	world.change = STEERING_DONE;
	prepare_run(prepare);
	assert_false(prepare_is_changing(prepare));
	prepare_free(prepare);
}

/* Servers are asked anew behind a restart; what is promised stays until they say something else. */
static void test_a_promise_stays(void **state)
{
	(void)state;
	struct prepare *before = begin(), *after = prepare_new(&service, NULL, NULL);
	world.disk = KEEPER_DURABLE;
	world.change = STEERING_DONE;
	world.safe_at = clock_wall_ms() + 60000;
	prepare_run(before);
	json_t *truth = prepare_to_truth(before);
	world.safe_at = 0;
	prepare_resume(after, truth);
	prepare_run(after);
	assert_state(after, "waiting");
	json_t *document = prepare_to_json(after);
	assert_string_equal(wire_read_text(document, "quick_from"), wire_read_text(truth, "quick_from"));
	json_decref(document);
	json_decref(truth);
	prepare_free(before);
	prepare_free(after);
}

/* Who goes back is told no by nobody; a change of the record behind that would undo it. */
static void test_a_rollback_in_between(void **state)
{
	static const struct deployment back = {.id = "1-a", .step = STEP_RETURN};
	(void)state;
	for (unsigned sent = 0; sent < 2; sent++) {
		struct prepare *prepare = begin();
		world.disk = sent ? KEEPER_DURABLE : KEEPER_PENDING;
		prepare_run(prepare);
		world.current = &back;
		world.disk = KEEPER_DURABLE;
		world.change = STEERING_DONE; /* of the rollback */
		prepare_run(prepare);
		assert_int_equal(world.sent, sent);
		assert_state(prepare, "failed");
		prepare_free(prepare);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_its_way),
		cmocka_unit_test(test_a_promise_stays),
		cmocka_unit_test(test_a_rollback_in_between),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
