// Flow tests of orders to close tunnels: spread over a time, taken back, late tunnels, the cut at the end of it, the end of the workers.
// links: proxy
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "tests/flow/tunnels.h"

static struct stage *stage;

static int open_stage(void **state)
{
	(void)state;
	stage = tunnels_open_stage();
	return 0;
}

static int close_stage(void **state)
{
	(void)state;
	tunnels_close_stage();
	return 0;
}

/* The rollback comes before their turn does. */
static void test_taken_back(void **state)
{
	(void)state;
	enum { TUNNELS = 4 };
	int fds[TUNNELS];
	for (int i = 0; i < TUNNELS; i++)
		fds[i] = tunnels_open("/frames");
	tunnels_flip_away(60000);
	stage->closing.by_ms = actor_now_ms() + 1500; /* another order takes the place of the first */
	stage_flip(stage, COLOR_GREEN);
	stage->closing = (struct table_closing){0};
	stage_flip(stage, COLOR_BLUE);
	uint64_t closed = tunnels_count_closed();
	actor_wait_ms(2000);
	assert_int_equal(tunnels_count_closed(), closed);
	for (int i = 0; i < TUNNELS; i++) {
		if (closed == 0) /* else the machine was so slow that a turn came before the rollback */
			tunnels_assert_echo(fds[i]);
		stage_close_client(fds[i]);
	}
	tunnels_assert_gone(0);
}

/* None is closed before its time, and all are when it is over; a new table in between does no harm. */
static void test_spread(void **state)
{
	(void)state;
	enum { TUNNELS = 20, OVER_MS = 2000 };
	struct pollfd fds[TUNNELS];
	for (int i = 0; i < TUNNELS; i++)
		fds[i] = (struct pollfd){.fd = tunnels_open("/frames"), .events = POLLIN};
	uint64_t begin = actor_now_ms();
	tunnels_flip_away(OVER_MS);
	for (unsigned closed = 0; closed < TUNNELS;) {
		assert_true(poll(fds, TUNNELS, 5000) > 0);
		for (int i = 0; i < TUNNELS; i++) {
			if (!fds[i].revents)
				continue;
			int fd = fds[i].fd;
			tunnels_assert_close(fd, 1012);
			closed++;
			assert_true(actor_now_ms() - begin + 2 >= closed * OVER_MS / TUNNELS);
			tunnels_write_close(fd, true, 1012);
			tunnels_assert_end(fd);
			stage_close_client(fd);
			fds[i] = (struct pollfd){.fd = -1};
			if (closed == TUNNELS / 2)
				stage_flip(stage, COLOR_GREEN);
		}
	}
	tunnels_assert_gone(0);
}

/* A tunnel that opens on the old color after the time is over. */
static void test_a_late_tunnel(void **state)
{
	(void)state;
	int fd = tunnels_ask("/late");
	while (atomic_load(&actor_heard) == 0)
		actor_wait_ms(1);
	tunnels_flip_away(0);
	actor_wait_ms(50);
	assert_int_equal(tunnels_count_closed(), 0);
	atomic_store(&tunnels_may_go_on, true);
	tunnels_read_switching(fd);
	tunnels_assert_close(fd, 1012);
	tunnels_write_close(fd, true, 1012);
	tunnels_assert_end(fd);
	stage_close_client(fd);
	tunnels_assert_gone(0);
}

/* One that opens on the new color is none of the order's business. */
static void test_tunnels_of_others(void **state)
{
	(void)state;
	tunnels_flip_away(0);
	stage_flip(stage, COLOR_BLUE); /* blue again, by a younger table */
	int fd = tunnels_open("/frames");
	stage_flip(stage, COLOR_GREEN);
	tunnels_assert_echo(fd);
	assert_int_equal(tunnels_count_closed(), 0);
	stage_close_client(fd);
	tunnels_assert_gone(0);
}

/* The cut at the end of a drain says what can be said at once. */
static void test_cut(void **state)
{
	(void)state;
	char bytes[1024];
	bool reset;
	int between = tunnels_open("/frames"), inside = tunnels_open("/stuck");
	assert_int_equal(recv(inside, bytes, 504, MSG_WAITALL), 504);
	stage->cut_before = proxy_table(stage->proxy)->generation + 1;
	stage_flip(stage, COLOR_GREEN);
	tunnels_assert_gone(2);
	tunnels_assert_close(between, 1012);
	assert_int_equal(stage_read_all(between, bytes, sizeof(bytes), &reset), 0);
	assert_false(reset);
	assert_int_equal(stage_read_all(inside, bytes, sizeof(bytes), &reset), 0);
	stage_close_client(between);
	stage_close_client(inside);
}

static void test_the_end_of_the_workers(void **state)
{
	open_stage(state);
	char bytes[64];
	bool reset;
	int fd = tunnels_open("/frames");
	tunnels_assert_echo(fd);
	close_stage(state);
	tunnels_assert_close(fd, 1012);
	assert_int_equal(stage_read_all(fd, bytes, sizeof(bytes), &reset), 0);
	assert_false(reset);
	stage_close_client(fd);
	assert_int_equal(atomic_load(&tunnels_heard_code), 1001);
}

#define flow_test(name) cmocka_unit_test_setup_teardown(name, open_stage, close_stage)

int main(void)
{
	const struct CMUnitTest tests[] = {
		flow_test(test_taken_back),
		flow_test(test_spread),
		flow_test(test_a_late_tunnel),
		flow_test(test_tunnels_of_others),
		flow_test(test_cut),
		cmocka_unit_test(test_the_end_of_the_workers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
