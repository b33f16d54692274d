/* Pipes between sockets: how many there are, which are used again, what a fill and a pour say. */
// links: proxy
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "proxy/pipe.h"
#include "proxy/worker.h"

static struct worker *worker;
static int in[2], out[2]; /* what is written to in[0] is filled from in[1]; what is poured into out[0] is read from out[1] */

static int open_all(void **state)
{
	(void)state;
	signal(SIGPIPE, SIG_IGN); /* splice(2) knows no MSG_NOSIGNAL; workers block all signals */
	worker = calloc(1, sizeof(*worker));
	if (!worker || socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, in) != 0)
		return -1;
	return socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, out);
}

static void close_end(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static int close_all(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		close_end(&in[i]);
		close_end(&out[i]);
	}
	pipe_free_spares(worker);
	int left = (int)worker->pipe_count;
	free(worker);
	return left;
}

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) != -1;
}

/* ---- how many ---- */

static void test_as_many_as_may_be(void **state)
{
	(void)state;
	struct pipe *pipes[PIPES_MAX];
	for (unsigned i = 0; i < PIPES_MAX; i++) {
		pipes[i] = pipe_take(worker);
		assert_non_null(pipes[i]);
		assert_int_equal(pipes[i]->length, 0);
		assert_int_equal(worker->pipe_count, i + 1);
	}
	assert_null(pipe_take(worker));
	assert_int_equal(worker->pipe_count, PIPES_MAX);
	pipe_give(worker, pipes[7]);
	assert_ptr_equal(pipe_take(worker), pipes[7]);
	assert_null(pipe_take(worker));
	for (unsigned i = 0; i < PIPES_MAX; i++)
		pipe_give(worker, pipes[i]);
	assert_int_equal(worker->pipe_count, PIPES_MAX);
	pipe_free_spares(worker);
	assert_int_equal(worker->pipe_count, 0);
	assert_null(worker->spare_pipes);
}

/* The one given last is the one whose memory is warm. */
static void test_the_last_one_given_is_taken_first(void **state)
{
	(void)state;
	struct pipe *first = pipe_take(worker), *second = pipe_take(worker);
	pipe_give(worker, first);
	pipe_give(worker, second);
	assert_ptr_equal(pipe_take(worker), second);
	assert_ptr_equal(pipe_take(worker), first);
	pipe_give(worker, first);
	pipe_give(worker, second);
	assert_int_equal(worker->pipe_count, 2);
}

static void test_ends_do_not_block_and_are_not_inherited(void **state)
{
	(void)state;
	struct pipe *pipe = pipe_take(worker);
	const int ends[] = {pipe->in, pipe->out};
	for (size_t i = 0; i < 2; i++) {
		assert_true(fcntl(ends[i], F_GETFL) & O_NONBLOCK);
		assert_true(fcntl(ends[i], F_GETFD) & FD_CLOEXEC);
	}
	assert_true(fcntl(pipe->in, F_GETPIPE_SZ) >= 64 * 1024);
	pipe_give(worker, pipe);
}

/* What one client never got must not reach another. */
static void test_contents_are_thrown_away(void **state)
{
	(void)state;
	struct pipe *pipe = pipe_take(worker), *empty = pipe_take(worker);
	int ends[] = {pipe->in, pipe->out};
	assert_int_equal(write(in[0], "secret", 6), 6);
	assert_int_equal(pipe_fill(pipe, in[1], 100), 6);
	assert_int_equal(pipe->length, 6);
	pipe_give(worker, empty);
	pipe_give(worker, pipe);
	assert_int_equal(worker->pipe_count, 1);
	assert_false(is_open(ends[0]));
	assert_false(is_open(ends[1]));
	pipe = pipe_take(worker);
	assert_ptr_equal(pipe, empty);
	int waiting = -1;
	assert_int_equal(ioctl(pipe->out, FIONREAD, &waiting), 0);
	assert_int_equal(waiting, 0);
	pipe_give(worker, pipe);
}

static void test_no_descriptor_is_left(void **state)
{
	(void)state;
	struct rlimit limit, none = {0};
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none.rlim_max = limit.rlim_max;
	struct pipe *spare = pipe_take(worker), *taken;
	pipe_give(worker, spare);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	taken = pipe_take(worker);
	struct pipe *second = pipe_take(worker);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_ptr_equal(taken, spare); /* that needs none */
	assert_null(second);
	assert_int_equal(worker->pipe_count, 1);
	pipe_give(worker, taken);
}

/* ---- what they say ---- */

static void expect_out(const char *text)
{
	char got[256];
	size_t length = strlen(text);
	assert_int_equal(read(out[1], got, sizeof(got)), length);
	assert_memory_equal(got, text, length);
}

static void test_bytes_pass_in_order_and_no_more_than_asked_for(void **state)
{
	(void)state;
	struct pipe *pipe = pipe_take(worker);
	assert_int_equal(write(in[0], "one two three", 13), 13);
	assert_int_equal(pipe_fill(pipe, in[1], 8), 8);
	assert_int_equal(pipe_pour(pipe, out[0]), 8);
	assert_int_equal(pipe->length, 0);
	expect_out("one two ");
	assert_int_equal(pipe_fill(pipe, in[1], 8), 5);
	assert_int_equal(pipe_pour(pipe, out[0]), 5);
	expect_out("three");
	pipe_give(worker, pipe);
}

static void test_nothing_now(void **state)
{
	(void)state;
	struct pipe *pipe = pipe_take(worker);
	errno = 0;
	assert_int_equal(pipe_fill(pipe, in[1], 100), -1);
	assert_int_equal(errno, EAGAIN);
	assert_int_equal(pipe->length, 0);
	pipe_give(worker, pipe);
	assert_int_equal(worker->pipe_count, 1);
}

static void test_end_behind_bytes(void **state)
{
	(void)state;
	struct pipe *pipe = pipe_take(worker);
	assert_int_equal(write(in[0], "last", 4), 4);
	shutdown(in[0], SHUT_WR);
	assert_int_equal(pipe_fill(pipe, in[1], 100), 4);
	assert_int_equal(pipe_pour(pipe, out[0]), 4);
	expect_out("last");
	for (int i = 0; i < 2; i++)
		assert_int_equal(pipe_fill(pipe, in[1], 100), 0);
	assert_int_equal(pipe->length, 0);
	pipe_give(worker, pipe);
	assert_int_equal(worker->pipe_count, 1);
}

static void test_a_full_socket_leaves_the_rest(void **state)
{
	(void)state;
	enum { COUNT = 60000 };
	static char sent[COUNT], got[COUNT + 1];
	struct pipe *pipe = pipe_take(worker);
	int small = 1;
	size_t poured = 0, read_back = 0;
	setsockopt(out[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
	for (size_t i = 0; i < COUNT; i++)
		sent[i] = (char)(i * 7 + (i >> 8));
	for (size_t at = 0; at < COUNT; at += 1000) /* pieces, so that the socket takes some of them and not all */
		assert_int_equal(write(in[0], sent + at, 1000), 1000);
	assert_int_equal(pipe_fill(pipe, in[1], COUNT), COUNT);
	unsigned full = 0;
	while (pipe->length > 0) {
		ssize_t moved = pipe_pour(pipe, out[0]), more;
		if (moved > 0) {
			poured += (size_t)moved;
			assert_int_equal(pipe->length, COUNT - poured);
			continue;
		}
		assert_int_equal(moved, -1);
		assert_int_equal(errno, EAGAIN);
		full++;
		while ((more = read(out[1], got + read_back, sizeof(got) - read_back)) > 0)
			read_back += (size_t)more;
		assert_int_equal(read_back, poured);
	}
	assert_true(full > 0);
	ssize_t rest = read(out[1], got + read_back, sizeof(got) - read_back);
	assert_int_equal(read_back + (size_t)(rest > 0 ? rest : 0), COUNT);
	assert_memory_equal(got, sent, COUNT);
	pipe_give(worker, pipe);
	assert_int_equal(worker->pipe_count, 1);
}

static void test_a_reader_that_is_gone(void **state)
{
	(void)state;
	struct pipe *pipe = pipe_take(worker);
	assert_int_equal(write(in[0], "lost", 4), 4);
	assert_int_equal(pipe_fill(pipe, in[1], 100), 4);
	close_end(&out[1]);
	assert_int_equal(pipe_pour(pipe, out[0]), -1);
	assert_int_equal(errno, EPIPE);
	assert_int_equal(pipe->length, 4);
	pipe_give(worker, pipe);
	assert_int_equal(worker->pipe_count, 0);
}

/* A writer that ends with bytes unread resets: what it said before is still given, then the fault. */
static void test_a_writer_that_resets(void **state)
{
	(void)state;
	struct pipe *pipe = pipe_take(worker);
	assert_int_equal(write(in[0], "said", 4), 4);
	assert_int_equal(write(in[1], "never read", 10), 10);
	close_end(&in[0]);
	ssize_t moved = pipe_fill(pipe, in[1], 100);
	if (moved == 4) { /* a system may tell of the reset first */
		assert_int_equal(pipe_pour(pipe, out[0]), 4);
		expect_out("said");
		moved = pipe_fill(pipe, in[1], 100);
	}
	assert_int_equal(moved, -1);
	assert_int_equal(errno, ECONNRESET);
	assert_int_equal(pipe->length, 0);
	pipe_give(worker, pipe);
}

/* Something that can't be spliced is told from a fault of the peer. */
static void test_what_knows_no_splice(void **state)
{
	(void)state;
	struct pipe *pipe = pipe_take(worker);
	int fd = epoll_create1(0);
	assert_int_equal(pipe_fill(pipe, fd, 100), -1);
	assert_int_equal(errno, EINVAL);
	assert_int_equal(pipe->length, 0);
	close(fd);
	pipe_give(worker, pipe);
}

#define pipe_test(name) cmocka_unit_test_setup_teardown(name, open_all, close_all)

int main(void)
{
	const struct CMUnitTest tests[] = {
		pipe_test(test_as_many_as_may_be),
		pipe_test(test_the_last_one_given_is_taken_first),
		pipe_test(test_ends_do_not_block_and_are_not_inherited),
		pipe_test(test_contents_are_thrown_away),
		pipe_test(test_no_descriptor_is_left),
		pipe_test(test_bytes_pass_in_order_and_no_more_than_asked_for),
		pipe_test(test_nothing_now),
		pipe_test(test_end_behind_bytes),
		pipe_test(test_a_full_socket_leaves_the_rest),
		pipe_test(test_a_reader_that_is_gone),
		pipe_test(test_a_writer_that_resets),
		pipe_test(test_what_knows_no_splice),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
