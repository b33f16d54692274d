/* The admin API's connections: a descriptor stays open for as long as events may wait for it. */
// links: switch
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <event2/event.h>
#include <event2/buffer.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "switch/admin_crowd.h"

#define MOST 1000u

static void ignore(struct bufferevent *connection, void *arg)
{
	(void)connection;
	(void)arg;
}

static void turn(struct event_base *loop)
{
	event_base_loop(loop, EVLOOP_NONBLOCK);
}

static struct bufferevent *connect_pair(struct event_base *loop, int pair[2])
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	struct bufferevent *connection = admin_crowd_make_connection(loop, MOST);
	assert_non_null(connection);
	bufferevent_setfd(connection, pair[0]);
	bufferevent_setcb(connection, ignore, NULL, NULL, NULL);
	bufferevent_enable(connection, EV_READ | EV_WRITE);
	return connection;
}

/* evhttp lets go of a connection that still reads; the crowd holds it until its next look. */
static void a_descriptor_is_closed_behind_its_events(void **state)
{
	(void)state;
	int pair[2];
	struct event_base *loop = event_base_new();
	struct admin_crowd crowd = {.count = 0};
	struct bufferevent *connection = connect_pair(loop, pair);
	assert_true(admin_crowd_add(&crowd, connection, false, 0));
	bufferevent_free(connection);
	turn(loop);
	assert_true(fcntl(pair[0], F_GETFD) >= 0);
	admin_crowd_forget(&crowd);
	turn(loop);
	assert_int_equal(crowd.count, 0);
	assert_true(fcntl(pair[0], F_GETFD) < 0);
	close(pair[1]);
	event_base_free(loop);
}

/* Meanwhile nobody takes what comes: it is not read without an end. */
static void what_nobody_reads_is_bounded(void **state)
{
	(void)state;
	int pair[2];
	static char bytes[64 * 1024];
	struct event_base *loop = event_base_new();
	struct admin_crowd crowd = {.count = 0};
	struct bufferevent *connection = connect_pair(loop, pair);
	assert_true(admin_crowd_add(&crowd, connection, false, 0));
	bufferevent_free(connection);
	for (unsigned i = 0; i < 100; i++) {
		(void)!write(pair[1], bytes, sizeof(bytes));
		turn(loop);
	}
	assert_in_range(evbuffer_get_length(bufferevent_get_input(connection)), MOST, 4 * sizeof(bytes));
	admin_crowd_forget(&crowd);
	turn(loop);
	close(pair[1]);
	event_base_free(loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_descriptor_is_closed_behind_its_events),
		cmocka_unit_test(what_nobody_reads_is_bounded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
