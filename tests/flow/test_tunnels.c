// Flow tests of tunnels that are closed by order: WebSockets by Close at the end of a frame, others by FIN; and of all who do not play along.
// links: proxy
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

/* ---- WebSockets ---- */

/* The client hears 1012, may finish its sentence, and its Close ends both sides. */
static void test_close_is_answered(void **state)
{
	(void)state;
	int fd = tunnels_open("/frames");
	tunnels_assert_echo(fd);
	tunnels_flip_away(0);
	tunnels_assert_close(fd, 1012);
	tunnels_write_text(fd, true, "one last thing");
	tunnels_write_close(fd, true, 1012);
	tunnels_assert_end(fd);
	stage_close_client(fd);
	tunnels_assert_gone(0);
	tunnels_wait_for_backend();
	assert_int_equal(atomic_load(&tunnels_heard_texts), 2);
	assert_int_equal(atomic_load(&tunnels_heard_code), 1012);
	assert_int_equal(tunnels_count_closed(), 1);
}

static void test_close_waits_for_the_end_of_a_frame(void **state)
{
	(void)state;
	struct tunnels_frame got;
	int fd = tunnels_open("/half");
	assert_int_equal(recv(fd, got.payload, 504, MSG_WAITALL), 504);
	tunnels_flip_away(0);
	tunnels_wait_for_closed(1);
	assert_int_equal(recv(fd, got.payload, 1, MSG_DONTWAIT), -1);
	atomic_store(&tunnels_may_go_on, true);
	assert_int_equal(recv(fd, got.payload, 500, MSG_WAITALL), 500);
	tunnels_assert_close(fd, 1012);
	tunnels_write_close(fd, true, 1012);
	tunnels_assert_end(fd);
	stage_close_client(fd);
	tunnels_assert_gone(0);
}

static void test_a_frame_without_end(void **state)
{
	(void)state;
	char bytes[1024];
	bool reset;
	int fd = tunnels_open("/stuck");
	assert_int_equal(recv(fd, bytes, 504, MSG_WAITALL), 504);
	tunnels_flip_away(0);
	tunnels_assert_gone(1);
	assert_int_equal(stage_read_all(fd, bytes, sizeof(bytes), &reset), 0);
	assert_false(reset);
	tunnels_wait_for_backend();
	assert_int_equal(atomic_load(&tunnels_heard_code), 1001);
	stage_close_client(fd);
}

/* The backend is told in its stead. */
static void test_a_client_that_does_not_answer(void **state)
{
	(void)state;
	int fd = tunnels_open("/frames");
	tunnels_flip_away(0);
	tunnels_assert_close(fd, 1012);
	tunnels_assert_gone(1);
	tunnels_assert_end(fd);
	tunnels_wait_for_backend();
	assert_int_equal(atomic_load(&tunnels_heard_code), 1001);
	stage_close_client(fd);
}

static void test_a_client_that_hangs_up(void **state)
{
	(void)state;
	int fd = tunnels_open("/frames");
	tunnels_flip_away(0);
	tunnels_assert_close(fd, 1012);
	stage_close_client(fd);
	tunnels_assert_gone(0);
	tunnels_wait_for_backend();
	assert_int_equal(atomic_load(&tunnels_heard_code), 1001);
}

static void test_a_client_that_resets(void **state)
{
	(void)state;
	int fd = tunnels_open("/frames");
	tunnels_flip_away(0);
	tunnels_assert_close(fd, 1012);
	actor_reset_at_close(fd);
	stage_close_client(fd);
	tunnels_assert_gone(0);
	tunnels_wait_for_backend();
}

/* Its FIN came before the order did. */
static void test_a_half_closed_client(void **state)
{
	(void)state;
	int fd = tunnels_open("/half");
	shutdown(fd, SHUT_WR);
	struct tunnels_frame got;
	assert_int_equal(recv(fd, got.payload, 504, MSG_WAITALL), 504);
	tunnels_flip_away(0);
	tunnels_wait_for_closed(1);
	atomic_store(&tunnels_may_go_on, true);
	assert_int_equal(recv(fd, got.payload, 500, MSG_WAITALL), 500);
	tunnels_assert_close(fd, 1012);
	tunnels_assert_end(fd);
	tunnels_assert_gone(0);
	stage_close_client(fd);
}

/* Nothing follows a Close. */
static void test_a_backend_that_goes_on(void **state)
{
	(void)state;
	struct tunnels_frame got;
	int fd = tunnels_open("/chatty");
	tunnels_flip_away(0);
	do
		assert_true(tunnels_read_frame(fd, &got));
	while (got.opcode == TUNNELS_TEXT);
	assert_int_equal(got.code, 1012);
	actor_wait_ms(100);
	assert_int_equal(recv(fd, got.payload, 1, MSG_DONTWAIT), -1);
	tunnels_write_close(fd, true, 1012);
	tunnels_assert_end(fd);
	stage_close_client(fd);
	tunnels_assert_gone(0);
	assert_int_equal(atomic_load(&tunnels_heard_code), 1012);
}

static void test_a_client_that_does_not_read(void **state)
{
	(void)state;
	int fd = tunnels_open("/chatty");
	actor_wait_ms(300);
	tunnels_flip_away(0);
	tunnels_assert_gone(1);
	stage_close_client(fd);
}

/* What the client was told reaches it. */
static void test_a_backend_that_resets(void **state)
{
	(void)state;
	int fd = tunnels_open("/reset");
	tunnels_flip_away(0);
	tunnels_wait_for_closed(1);
	atomic_store(&tunnels_may_go_on, true);
	tunnels_assert_gone(0);
	tunnels_assert_close(fd, 1012);
	tunnels_assert_end(fd);
	stage_close_client(fd);
}

/* A farewell that is under way is theirs. */
static void test_a_client_that_closes_first(void **state)
{
	(void)state;
	int fd = tunnels_open("/slow-to-close");
	tunnels_write_close(fd, true, 1000);
	while (atomic_load(&tunnels_heard_code) != 1000)
		actor_wait_ms(1);
	tunnels_flip_away(0);
	tunnels_wait_for_closed(1);
	atomic_store(&tunnels_may_go_on, true);
	tunnels_assert_close(fd, 1000);
	tunnels_assert_end(fd);
	stage_close_client(fd);
	tunnels_assert_gone(0);
}

static void test_a_backend_that_closes_first(void **state)
{
	(void)state;
	int fd = tunnels_open("/closing-first");
	tunnels_assert_close(fd, 1000);
	tunnels_flip_away(0);
	tunnels_wait_for_closed(1);
	tunnels_write_close(fd, true, 1000);
	tunnels_assert_end(fd);
	stage_close_client(fd);
	tunnels_assert_gone(0); /* the backend ends once it has heard the answer */
	assert_int_equal(atomic_load(&tunnels_heard_code), 1000);
}

/* Where frames end is not known, so nothing can be said. */
static void test_no_frames_after_all(void **state)
{
	(void)state;
	char bytes[64];
	bool reset;
	int fd = tunnels_open("/nonsense");
	assert_int_equal(recv(fd, bytes, 10, MSG_WAITALL), 10);
	tunnels_flip_away(0);
	assert_int_equal(stage_read_all(fd, bytes, sizeof(bytes), &reset), 0);
	assert_false(reset);
	stage_close_client(fd);
	tunnels_assert_gone(1);
	tunnels_wait_for_backend();
}

/* ---- other tunnels ---- */

static void test_not_a_websocket(void **state)
{
	(void)state;
	char bytes[64];
	bool reset;
	int fd = tunnels_open("/plain");
	assert_int_equal(recv(fd, bytes, 5, MSG_WAITALL), 5);
	assert_memory_equal(bytes, "hello", 5);
	tunnels_flip_away(0);
	assert_int_equal(stage_read_all(fd, bytes, sizeof(bytes), &reset), 0);
	assert_false(reset);
	stage_close_client(fd);
	tunnels_assert_gone(1);
	tunnels_wait_for_backend();
}

/* The backend takes nothing, so the client is not read; its reset is seen all the same. */
static void test_a_client_that_resets_behind_a_full_socket(void **state)
{
	(void)state;
	static char much[1 << 20];
	int fd = tunnels_open("/deaf");
	while (send(fd, much, sizeof(much), MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
		actor_wait_ms(20);
	actor_wait_ms(100);
	actor_reset_at_close(fd);
	stage_close_client(fd);
	tunnels_assert_gone(0);
}

/* The FIN is read together with what was sent ahead of it. */
static void test_a_client_that_has_said_all_before(void **state)
{
	(void)state;
	char bytes[1024];
	bool reset;
	int fd = stage_connect(stage);
	stage_send(fd, "GET /plain HTTP/1.1\r\nHost: shop.example\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n");
	shutdown(fd, SHUT_WR);
	stage_read_all(fd, bytes, sizeof(bytes), &reset);
	tunnels_assert_gone(0);
	stage_close_client(fd);
}

/* It may finish what it says, and not just stay: the tunnel holds two sockets and its color's count. */
static void test_a_client_that_stays_behind_the_backend(void **state)
{
	(void)state;
	stage->globals.stall_ms = 400;
	stage_flip(stage, COLOR_BLUE);
	int fd = tunnels_open("/closing-first");
	tunnels_write_close(fd, true, 1000);
	tunnels_assert_close(fd, 1000);
	tunnels_assert_end(fd);
	tunnels_assert_gone(0);
	stage_close_client(fd);
}

#define flow_test(name) cmocka_unit_test_setup_teardown(name, open_stage, close_stage)

int main(void)
{
	const struct CMUnitTest tests[] = {
		flow_test(test_close_is_answered),
		flow_test(test_close_waits_for_the_end_of_a_frame),
		flow_test(test_a_frame_without_end),
		flow_test(test_a_client_that_does_not_answer),
		flow_test(test_a_client_that_hangs_up),
		flow_test(test_a_client_that_resets),
		flow_test(test_a_half_closed_client),
		flow_test(test_a_backend_that_goes_on),
		flow_test(test_a_client_that_does_not_read),
		flow_test(test_a_backend_that_resets),
		flow_test(test_a_client_that_closes_first),
		flow_test(test_a_backend_that_closes_first),
		flow_test(test_a_client_that_stays_behind_the_backend),
		flow_test(test_a_client_that_has_said_all_before),
		flow_test(test_a_client_that_resets_behind_a_full_socket),
		flow_test(test_no_frames_after_all),
		flow_test(test_not_a_websocket),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
