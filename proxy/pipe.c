/* Pipes for splice(2). Worker thread. */
#include "proxy/pipe.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "proxy/worker.h"

#define AGAIN_MS 1000u
#define SIZE_LEAST (64 * 1024)  /* less is worse than copying; the system gives no more to a user who has too many pipes */
#define SIZE_MOST (1024 * 1024) /* the most that the system gives to everybody */
#define LARGE_MAX 16u           /* of so many bytes: a system's limit is on their sum, too (pipe-user-pages-soft) */

static void destroy(struct worker *worker, struct pipe *pipe)
{
	close(pipe->in);
	close(pipe->out);
	free(pipe);
	worker->pipe_count--;
}

/* Descriptors of a new one, as large as it may be; false when there is none that would serve. */
static bool open_ends(const struct worker *worker, int ends[2])
{
	if (pipe2(ends, O_NONBLOCK | O_CLOEXEC) != 0)
		return false;
	if (worker->pipe_count < LARGE_MAX)
		fcntl(ends[0], F_SETPIPE_SZ, SIZE_MOST);
	if (fcntl(ends[0], F_GETPIPE_SZ) >= SIZE_LEAST)
		return true;
	close(ends[0]);
	close(ends[1]);
	return false;
}

static struct pipe *new_pipe(struct worker *worker)
{
	int ends[2];
	struct pipe *pipe = calloc(1, sizeof(*pipe));
	if (!pipe || !open_ends(worker, ends)) {
		free(pipe);
		return NULL;
	}
	pipe->out = ends[0];
	pipe->in = ends[1];
	worker->pipe_count++;
	return pipe;
}

/* Where the system gave none, the next one is asked for a while later: trying again for each piece of each body would cost more than copying. */
static struct pipe *make_pipe(struct worker *worker)
{
	uint64_t now_ms = worker_now_ms(worker);
	if (worker->pipe_count >= PIPES_MAX || now_ms < worker->pipes_again_ms)
		return NULL;
	struct pipe *pipe = new_pipe(worker);
	if (!pipe)
		worker->pipes_again_ms = now_ms + AGAIN_MS;
	return pipe;
}

struct pipe *pipe_take(struct worker *worker)
{
	struct pipe *pipe = worker->spare_pipes;
	if (!pipe)
		return make_pipe(worker);
	worker->spare_pipes = pipe->next;
	return pipe;
}

void pipe_give(struct worker *worker, struct pipe *pipe)
{
	if (pipe->length > 0) {
		destroy(worker, pipe);
		return;
	}
	pipe->next = worker->spare_pipes;
	worker->spare_pipes = pipe;
}

static ssize_t move(int from, int to, size_t most)
{
	ssize_t moved;
	do
		moved = splice(from, NULL, to, NULL, most, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
	while (moved < 0 && errno == EINTR);
	return moved;
}

ssize_t pipe_fill(struct pipe *pipe, int fd, size_t most)
{
	ssize_t moved = move(fd, pipe->in, most);
	if (moved > 0)
		pipe->length += (size_t)moved;
	return moved;
}

ssize_t pipe_pour(struct pipe *pipe, int fd)
{
	ssize_t moved = move(pipe->out, fd, pipe->length);
	if (moved > 0)
		pipe->length -= (size_t)moved;
	return moved;
}

void pipe_free_spares(struct worker *worker)
{
	while (worker->spare_pipes) {
		struct pipe *pipe = worker->spare_pipes;
		worker->spare_pipes = pipe->next;
		destroy(worker, pipe);
	}
}
