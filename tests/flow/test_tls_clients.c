// Flow tests of clients over TLS that are cut, reset, garbled or tampered with at every byte and record: what was not whole never reaches a backend, and nobody waits for it.
// links: proxy
#include "tests/unit/scratch.h"

#include "tests/flow/actor.h"
#include "tests/flow/veiled.h"

#define REQUEST "POST /a HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 5\r\n\r\n"
#define PHASE_WHOLE 2u /* the request's body */

static struct stage stage;
static char answer[65536];
static atomic_uint whole, wrong;

/* Counts the requests that came whole. */
static void answer_posts(int fd)
{
	char body[5];
	while (actor_hear_head(fd)) {
		for (size_t at = 0; at < sizeof(body); at++) {
			if (recv(fd, body + at, 1, 0) <= 0)
				return;
		}
		bool right = strncmp(actor_head, "POST /a HTTP/1.1\r\n", 18) == 0 && memcmp(body, "hello", 5) == 0;
		atomic_fetch_add(right ? &whole : &wrong, 1);
		actor_say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
	}
}

static int open_stage(void **state)
{
	(void)state;
	stage_open(&stage, 1, 0, 0);
	actor_play(&stage, answer_posts);
	veiled_front(&stage, NULL);
	atomic_store(&whole, 0);
	atomic_store(&wrong, 0);
	return 0;
}

static int close_stage(void **state)
{
	(void)state;
	veiled_leave_stage(&stage);
	stage_close(&stage);
	return 0;
}

/* One connection with one request; whether the spoil hit anything. *status: of the answer, 0: none; *intact: phases that went out as they were said. */
static bool converse(int version, struct veiled_spoil spoil, int *status, unsigned *intact)
{
	struct veiled veiled;
	int fd = stage_connect(&stage);
	veiled_init_client(&veiled, fd, version, spoil);
	*status = 0;
	if (veiled_shake(&veiled) && veiled_say(&veiled, REQUEST) && veiled_say(&veiled, "hello"))
		*status = veiled_read_answer(&veiled, answer, sizeof(answer));
	if (*status > 0)
		veiled_say_end(&veiled);
	if (!veiled_leave(&veiled))
		fail_msg("the proxy waits for more: deed %d at %zu, version %x", spoil.deed, spoil.at, (unsigned)version);
	*intact = veiled.fired ? veiled.intact : UINT_MAX;
	veiled_fini(&veiled);
	stage_close_client(fd);
	return veiled.fired;
}

static void expect_service(int version)
{
	int status;
	unsigned intact;
	assert_false(converse(version, (struct veiled_spoil){VEILED_NOTHING, 0}, &status, &intact));
	assert_int_equal(status, 200);
}

/* The answer came, or the request got at least as far as to be answered. A spoilt handshake may do, where it was spoilt in what TLS passes over. */
static bool may_be_whole(unsigned intact)
{
	return intact > PHASE_WHOLE || intact == 0;
}

/* `step`: of the places that are tried. */
static void spoil_everywhere(int version, enum veiled_deed deed, size_t step)
{
	unsigned before = atomic_load(&whole), allowed = 0, intact, places = 0;
	int status;
	for (struct veiled_spoil spoil = {deed, 0}; converse(version, spoil, &status, &intact); spoil.at += step) {
		bool may = may_be_whole(intact);
		allowed += may;
		if (status == 200 ? !may : status != 0)
			fail_msg("status %d, deed %d at %zu, version %x", status, deed, spoil.at, (unsigned)version);
		if (++places % 64 == 0)
			expect_service(version), allowed++;
	}
	assert_true(places > 3);
	assert_true(stage_wait_drained(&stage, COLOR_BLUE));
	assert_in_range(atomic_load(&whole) - before, 1, allowed + 1); /* the last one was not spoilt */
	assert_int_equal(atomic_load(&wrong), 0);
	expect_service(version);
}

static void spoil_both(enum veiled_deed deed, size_t step)
{
	spoil_everywhere(TLS1_2_VERSION, deed, step);
	spoil_everywhere(TLS1_3_VERSION, deed, step);
}

static void test_ends_at_every_byte(void **state)
{
	(void)state;
	spoil_both(VEILED_END, 1);
}

static void test_resets(void **state)
{
	(void)state;
	spoil_both(VEILED_RESET, 3);
}

static void test_bits_that_flip(void **state)
{
	(void)state;
	spoil_both(VEILED_FLIP, 1);
}

/* Repeated, in another order, lost, or with something strange in between. */
static void test_records_that_are_tampered_with(void **state)
{
	(void)state;
	for (enum veiled_deed deed = VEILED_TWICE; deed < VEILED_DEEDS; deed++)
		spoil_both(deed, 1);
}

/* Everything at rest: no connection, no request, no table that is held. */
static void test_nothing_is_left(void **state)
{
	(void)state;
	struct proxy_counters counters;
	stage.globals.header_ms = 60000;
	stage_flip(&stage, COLOR_BLUE);
	spoil_both(VEILED_END, 17);
	spoil_both(VEILED_RESET, 17);
	for (unsigned i = 0; i < 1000; i++) {
		proxy_read_counters(stage.proxy, &counters);
		if (counters.open == 0)
			break;
		actor_wait_ms(10);
	}
	assert_int_equal(counters.open, 0);
	assert_int_equal(counters.idle, 0);
	assert_int_equal(totals_inflight(stage.totals, COLOR_BLUE), 0);
	assert_true(table_is_quiet(proxy_table(stage.proxy)));
	assert_true(counters.clients_tls.full > 0 && counters.clients_tls.faults[SECURE_cut] > 0 && counters.clients_tls.faults[SECURE_reset] > 0);
	assert_int_equal(counters.limits[LIMIT_header], 0); /* no end has to be waited for */
}

#define flow_test(name) cmocka_unit_test_setup_teardown(name, open_stage, close_stage)

int main(void)
{
	const struct CMUnitTest tests[] = {
		flow_test(test_ends_at_every_byte),
		flow_test(test_resets),
		flow_test(test_bits_that_flip),
		flow_test(test_records_that_are_tampered_with),
		flow_test(test_nothing_is_left),
	};
	return cmocka_run_group_tests(tests, veiled_set_up, veiled_tear_down);
}
