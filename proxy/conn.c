/* One socket. Worker thread. */
#include "proxy/conn.h"

#include <assert.h>
#include <errno.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proxy/pipe.h"
#include "proxy/worker.h"

static void on_event(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	struct conn *conn = arg;
	if (what & EV_READ)
		conn->readable = true;
	if (what & EV_WRITE)
		conn->writable = true;
	if (what & EV_CLOSED)
		conn->readable = conn->hangup = true;
	if (conn->handler->later)
		conn_queue(conn);
	else
		conn->handler->on_ready(conn);
}

bool conn_open(struct conn *conn, struct worker *worker, int fd, const struct conn_handler *handler)
{
	conn->worker = worker;
	conn->fd = fd;
	conn->handler = handler;
	short what = EV_READ | EV_WRITE | EV_CLOSED | EV_ET | EV_PERSIST;
	if (event_assign(&conn->event, worker->base, fd, what, on_event, conn) != 0)
		return false;
	return event_add(&conn->event, NULL) == 0;
}

static void drop_pipe(struct conn *conn)
{
	if (conn->pipe)
		pipe_give(conn->worker, conn->pipe);
	conn->pipe = NULL;
}

static void drop_backlog(struct conn *conn)
{
	free(conn->backlog);
	conn->backlog = NULL;
	conn->backlog_at = conn->backlog_end = conn->backlog_size = 0;
}

void conn_close(struct conn *conn, bool reset)
{
	assert(conn_is_open(conn));
	if (reset) {
		struct linger now = {.l_onoff = 1, .l_linger = 0};
		setsockopt(conn->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	}
	if (conn->io)
		conn->io->end(conn, reset ? CONN_END_RESET : CONN_END_CLOSE);
	event_del(&conn->event);
	close(conn->fd);
	conn->fd = -1;
	deadline_disarm(&conn->deadline);
	drop_pipe(conn);
	drop_backlog(conn);
	free(conn->input);
	conn->input = NULL;
	worker_defer_free(conn->worker, conn);
}

static inline ssize_t read_plain(struct conn *conn, char *bytes, size_t size)
{
	ssize_t got;
	do
		got = recv(conn->fd, bytes, size, 0);
	while (got < 0 && errno == EINTR);
	conn->read_short = got > 0 && (size_t)got < size && !conn->hangup;
	if (got <= 0 || conn->read_short)
		conn->readable = false;
	if (got < 0)
		return errno == EAGAIN ? CONN_AGAIN : CONN_ERROR;
	return got;
}

ssize_t conn_read_plain(struct conn *conn, char *bytes, size_t size)
{
	return read_plain(conn, bytes, size);
}

ssize_t conn_read(struct conn *conn, char *bytes, size_t size)
{
	return conn->io ? conn->io->read(conn, bytes, size) : read_plain(conn, bytes, size);
}

bool conn_is_broken(const struct conn *conn)
{
	struct pollfd state = {conn->fd, 0, 0};
	return poll(&state, 1, 0) > 0 && (state.revents & POLLERR);
}

int conn_peek(struct conn *conn)
{
	char byte;
	ssize_t got;
	if (conn->io)
		return conn->io->peek(conn);
	do
		got = recv(conn->fd, &byte, 1, MSG_PEEK);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return errno == EAGAIN ? CONN_AGAIN : CONN_ERROR;
	return (int)got;
}

bool conn_keep_input(struct conn *conn, const char *bytes, size_t length)
{
	assert(!conn->input);
	if (length == 0)
		return true;
	conn->input = malloc(length);
	if (!conn->input)
		return false;
	memcpy(conn->input, bytes, length);
	conn->input_length = (uint32_t)length;
	return true;
}

size_t conn_restore_input(struct conn *conn, char *bytes)
{
	if (!conn->input)
		return 0;
	size_t length = conn->input_length;
	memcpy(bytes, conn->input, length);
	free(conn->input);
	conn->input = NULL;
	conn->input_length = 0;
	return length;
}

/* Makes room for more bytes behind the backlog. */
static bool reserve_backlog(struct conn *conn, size_t more)
{
	size_t kept = conn->backlog_end - conn->backlog_at;
	if (conn->backlog_at > 0 && kept > 0)
		memmove(conn->backlog, conn->backlog + conn->backlog_at, kept);
	conn->backlog_at = 0;
	conn->backlog_end = (uint32_t)kept;
	if (kept + more <= conn->backlog_size)
		return true;
	char *larger = realloc(conn->backlog, kept + more);
	if (!larger)
		return false;
	conn->backlog = larger;
	conn->backlog_size = (uint32_t)(kept + more);
	return true;
}

/* Keeps what lies behind the first `skip` bytes of the parts. */
static bool keep_rest(struct conn *conn, const struct iovec *parts, int count, size_t skip)
{
	size_t total = 0;
	for (int i = 0; i < count; i++)
		total += parts[i].iov_len;
	if (!reserve_backlog(conn, total - skip))
		return false;
	for (int i = 0; i < count; i++) {
		size_t length = parts[i].iov_len, passed = skip < length ? skip : length;
		memcpy(conn->backlog + conn->backlog_end, (const char *)parts[i].iov_base + passed, length - passed);
		conn->backlog_end += (uint32_t)(length - passed);
		skip -= passed;
	}
	return true;
}

/* One system call; bytes taken, 0 when the socket is full, CONN_ERROR. */
static ssize_t write_once(struct conn *conn, const struct iovec *parts, int count)
{
	ssize_t taken;
	do {
		if (count == 1) {
			taken = send(conn->fd, parts[0].iov_base, parts[0].iov_len, MSG_NOSIGNAL);
		} else {
			struct msghdr message = {.msg_iov = (struct iovec *)(uintptr_t)parts, .msg_iovlen = (size_t)count};
			taken = sendmsg(conn->fd, &message, MSG_NOSIGNAL);
		}
	} while (taken < 0 && errno == EINTR);
	if (taken >= 0) {
		conn->taken += (uint64_t)taken;
		return taken;
	}
	conn->writable = false;
	return errno == EAGAIN ? 0 : CONN_ERROR;
}

static inline enum conn_send send_plain(struct conn *conn, const struct iovec *parts, int count, size_t *written)
{
	size_t total = 0;
	for (int i = 0; i < count; i++)
		total += parts[i].iov_len;
	ssize_t taken = 0;
	if (!conn_has_backlog(conn) && total > 0)
		taken = write_once(conn, parts, count);
	if (written)
		*written = taken > 0 ? (size_t)taken : 0;
	if (taken < 0)
		return CONN_BROKEN;
	if ((size_t)taken == total)
		return CONN_SENT;
	if (!conn_has_backlog(conn)) /* else nobody has tried, and the event that told of room may still be waiting for its turn */
		conn->writable = false;
	if (keep_rest(conn, parts, count, (size_t)taken))
		return CONN_KEPT;
	conn->lossy = true;
	shutdown(conn->fd, SHUT_WR); /* nothing may follow the bytes that are lost */
	return CONN_BROKEN;
}

enum conn_send conn_send_plain(struct conn *conn, const struct iovec *parts, int count, size_t *written)
{
	return send_plain(conn, parts, count, written);
}

ssize_t conn_write_plain(struct conn *conn, const char *bytes, size_t length)
{
	struct iovec part = {(char *)(uintptr_t)bytes, length};
	return write_once(conn, &part, 1);
}

/* As one part, of which only the whole tells the peer anything. Not inline: what it needs would cost the plain way, too. */
static __attribute__((noinline)) enum conn_send send_sealed(struct conn *conn, const struct iovec *parts, int count, size_t *written)
{
	struct iovec sealed;
	size_t taken = 0;
	enum conn_send sent = CONN_BROKEN;
	if (conn->io->seal(conn, parts, count, &sealed))
		sent = send_plain(conn, &sealed, 1, &taken);
	if (!written)
		return sent;
	*written = 0;
	for (int i = 0; i < count && taken > 0; i++)
		*written += parts[i].iov_len;
	return sent;
}

enum conn_send conn_send(struct conn *conn, const struct iovec *parts, int count, size_t *written)
{
	return conn->io ? send_sealed(conn, parts, count, written) : send_plain(conn, parts, count, written);
}

/* What the pipe holds, as far as the socket takes it; the pipe goes when it is empty. Unlike a send, a splice may end early for another reason than a full socket (a
 * stop signal, a debugger), behind which no event would come: only EAGAIN says that it is full. */
static enum conn_send pour(struct conn *conn)
{
	while (conn->pipe->length > 0) {
		ssize_t moved = pipe_pour(conn->pipe, conn->fd);
		if (moved <= 0) {
			conn->writable = false;
			return moved < 0 && errno == EAGAIN ? CONN_KEPT : CONN_BROKEN;
		}
		conn->taken += (uint64_t)moved;
	}
	drop_pipe(conn);
	return CONN_SENT;
}

ssize_t conn_splice(struct conn *from, struct conn *to, size_t most, enum conn_send *sent)
{
	assert(!conn_has_backlog(to));
	if (from->io || to->io)
		return CONN_UNFIT;
	struct pipe *pipe = pipe_take(to->worker);
	if (!pipe)
		return CONN_UNFIT;
	ssize_t moved = pipe_fill(pipe, from->fd, most);
	if (moved <= 0) {
		pipe_give(to->worker, pipe);
		/* Nothing there, or nothing up to an urgent byte, which a read skips: a read tells. */
		from->readable = moved < 0 && (errno == EINVAL || errno == EAGAIN);
		if (from->readable)
			return CONN_UNFIT;
		return moved == 0 ? 0 : CONN_ERROR;
	}
	from->read_short = false;
	to->pipe = pipe;
	*sent = pour(to);
	if (*sent == CONN_BROKEN)
		drop_pipe(to);
	return moved;
}

static enum conn_send flush(struct conn *conn)
{
	if (conn->pipe) {
		enum conn_send poured = pour(conn);
		if (poured != CONN_SENT)
			return poured;
	}
	if (!conn_has_backlog(conn))
		return CONN_SENT;
	struct iovec rest = {conn->backlog + conn->backlog_at, conn->backlog_end - conn->backlog_at};
	ssize_t taken = write_once(conn, &rest, 1);
	if (taken < 0)
		return CONN_BROKEN;
	conn->backlog_at += (uint32_t)taken;
	if (conn_has_backlog(conn)) {
		conn->writable = false;
		return CONN_KEPT;
	}
	drop_backlog(conn);
	return CONN_SENT;
}

enum conn_send conn_flush(struct conn *conn)
{
	enum conn_send sent = flush(conn);
	if (sent == CONN_BROKEN && !conn->readable) /* what came right before the end: its event has not been told yet */
		conn->readable = conn_peek(conn) > 0;
	return sent;
}

uint64_t conn_acknowledged(const struct conn *conn)
{
	int under_way = 0;
	if (ioctl(conn->fd, SIOCOUTQ, &under_way) != 0 || under_way < 0)
		under_way = 0;
	uint64_t more = (uint64_t)under_way;
	return more < conn->taken ? conn->taken - more : 0; /* a unix socket counts its own overhead, too */
}

void conn_keep_alive(struct conn *conn)
{
	int on = 1;
	setsockopt(conn->fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
}

void conn_shutdown(struct conn *conn)
{
	if (conn->io)
		conn->io->end(conn, CONN_END_SENDING);
	shutdown(conn->fd, SHUT_WR);
}

void conn_queue(struct conn *conn)
{
	worker_queue(conn->worker, conn);
}

void conn_read_on(struct conn *conn)
{
	conn->readable |= conn->read_short;
	conn->read_short = false;
	if (conn->readable)
		conn_queue(conn);
}

void conn_arm(struct conn *conn, enum deadline_kind kind, uint64_t after_ms)
{
	worker_arm(conn->worker, &conn->deadline, kind, after_ms);
}

void conn_disarm(struct conn *conn)
{
	deadline_disarm(&conn->deadline);
}
