/* One WebSocket of the client of many: handshake, numbered messages, Close. See sockets.h. */
#include "tests/tools/sockets.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"

#define UNDER_WAY_MAX 4u
#define HEAD_MAX 4096u
#define PREFIX 12u /* of a payload: who sent it, and its number */
#define ROOM (2 * (SOCKETS_SIZE_MAX + 64u))

/* The key and its answer are those of RFC 6455 section 1.3. */
static const char handshake[] = "GET /socket HTTP/1.1\r\nHost: sockets.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
				"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
static const char accepted[] = "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";

void sockets_conn_init(struct sockets_conn *conn, struct sockets_run *run, unsigned number)
{
	memset(conn, 0, sizeof(*conn));
	conn->run = run;
	conn->number = number;
	conn->fd = -1;
}

void sockets_conn_fini(struct sockets_conn *conn)
{
	if (conn->fd >= 0)
		close(conn->fd);
	free(conn->in);
	free(conn->out);
}

static void forget_torn(struct sockets_conn *conn)
{
	struct sockets_run *run = conn->run;
	struct sockets_conn **at = &run->torn;
	while (conn->torn_us && *at != conn)
		at = &(*at)->next_torn;
	if (!conn->torn_us)
		return;
	*at = conn->next_torn;
	if (run->torn_end == &conn->next_torn)
		run->torn_end = at;
	conn->torn_us = 0;
}

static void hang_up(struct sockets_conn *conn)
{
	struct sockets_run *run = conn->run;
	run->open -= conn->step == SOCKETS_OPEN;
	run->opening -= conn->step == SOCKETS_CONNECTING || conn->step == SOCKETS_HANDSHAKE;
	forget_torn(conn);
	sockets_conn_fini(conn);
	sockets_conn_init(conn, run, conn->number);
}

static void fail(struct sockets_conn *conn, uint64_t *kind, const char *why)
{
	(*kind)++;
	sockets_note(conn->run, "WebSocket %u, after %llu of %llu echoes: %s", conn->number, (unsigned long long)conn->next_echo,
		(unsigned long long)conn->next_sent, why);
	hang_up(conn);
}

void sockets_conn_open(struct sockets_conn *conn)
{
	struct sockets_run *run = conn->run;
	int on = 1;
	conn->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	conn->step = SOCKETS_CONNECTING;
	conn->since_us = run->now_us;
	run->opening++;
	if (conn->fd < 0 || (connect(conn->fd, (const struct sockaddr *)&run->target, sizeof(run->target)) < 0 && errno != EINPROGRESS)) {
		fail(conn, &run->refused, strerror(errno));
		return;
	}
	setsockopt(conn->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	struct epoll_event event = {.events = EPOLLIN | EPOLLOUT, .data.ptr = conn};
	conn->watched_out = true;
	epoll_ctl(run->epoll, EPOLL_CTL_ADD, conn->fd, &event);
}

/* ---- sending ---- */

static void watch(struct sockets_conn *conn)
{
	bool wants = conn->out_length > conn->out_held;
	if (wants == conn->watched_out)
		return;
	struct epoll_event event = {.events = EPOLLIN | (wants ? EPOLLOUT : 0u), .data.ptr = conn};
	epoll_ctl(conn->run->epoll, EPOLL_CTL_MOD, conn->fd, &event);
	conn->watched_out = wants;
}

/* What the socket takes now. A broken one is found by reading. */
static void flush(struct sockets_conn *conn)
{
	size_t may = conn->out_length - conn->out_held;
	ssize_t sent = may > 0 ? send(conn->fd, conn->out, may, MSG_NOSIGNAL) : 0;
	if (sent > 0) {
		conn->out_length -= (size_t)sent;
		memmove(conn->out, conn->out + sent, conn->out_length);
	}
	watch(conn);
}

static char *room(struct sockets_conn *conn)
{
	if (!conn->out)
		conn->out = malloc(ROOM);
	if (!conn->out)
		abort();
	return conn->out + conn->out_length;
}

/* The payload of a message: mostly short, every 16th some KiB, every 256th longer than 65,535 bytes. */
static size_t payload_of(const struct sockets_conn *conn, uint64_t message, char *payload)
{
	uint64_t dice = (conn->number + 1) * 2654435761u ^ message * 40503u;
	size_t length = PREFIX + (message % 256 == 255 ? 65536 + dice % 4000 : message % 16 == 15 ? 1000 + dice % 5000 : dice % 200);
	uint32_t number = conn->number;
	memcpy(payload, &number, 4);
	memcpy(payload + 4, &message, 8);
	memcpy(payload + PREFIX, conn->run->pattern + dice % 4096, length - PREFIX);
	return length;
}

static void tear(struct sockets_conn *conn, size_t length)
{
	struct sockets_run *run = conn->run;
	conn->out_held = 1 + (size_t)lrand48() % (length - 1);
	conn->torn_us = run->now_us;
	conn->next_torn = NULL;
	*run->torn_end = conn;
	run->torn_end = &conn->next_torn;
}

void sockets_conn_send(struct sockets_conn *conn)
{
	static char payload[SOCKETS_SIZE_MAX];
	if (conn->step != SOCKETS_OPEN || conn->close_sent || conn->out_length > 0 || conn->next_sent - conn->next_echo >= UNDER_WAY_MAX)
		return;
	size_t length = sockets_frame_write(room(conn), SOCKETS_BINARY, payload, payload_of(conn, conn->next_sent, payload));
	if (conn->next_sent == conn->next_echo)
		conn->since_us = conn->run->now_us;
	conn->out_length += length;
	conn->next_sent++;
	conn->run->sent++;
	if (lrand48() % 2)
		tear(conn, length);
	flush(conn);
}

void sockets_conn_mend(struct sockets_conn *conn)
{
	forget_torn(conn);
	conn->out_held = 0;
	flush(conn);
}

static void say_close(struct sockets_conn *conn, unsigned code)
{
	const char payload[2] = {(char)(code >> 8), (char)code};
	forget_torn(conn);
	conn->out_held = 0;
	conn->close_sent = true;
	conn->out_length += sockets_frame_write(room(conn), SOCKETS_CLOSE, payload, 2);
	flush(conn);
}

void sockets_conn_close(struct sockets_conn *conn)
{
	if (conn->step == SOCKETS_OPEN && !conn->close_sent)
		say_close(conn, 1000);
}

/* ---- receiving ---- */

static void take_message(struct sockets_conn *conn, const struct sockets_frame *frame)
{
	static char expected[SOCKETS_SIZE_MAX];
	struct sockets_run *run = conn->run;
	uint64_t number = 0;
	if (frame->length >= PREFIX)
		memcpy(&number, frame->payload + 4, 8);
	if (frame->length >= PREFIX && number != conn->next_echo) {
		fail(conn, &run->disordered, "a message is missing, came twice or came too early");
	} else if (conn->next_echo == conn->next_sent || frame->length != payload_of(conn, conn->next_echo, expected) ||
		   memcmp(frame->payload, expected, frame->length) != 0) {
		fail(conn, &run->garbled, "an echo is not what was sent");
	} else {
		uint64_t took_us = run->now_us - conn->since_us;
		run->longest_echo_us = took_us > run->longest_echo_us ? took_us : run->longest_echo_us;
		conn->since_us = run->now_us;
		conn->next_echo++;
		run->echoes++;
	}
}

static void count_close(struct sockets_run *run, unsigned code)
{
	if (run->first_close_us == 0)
		run->first_close_us = run->now_us;
	uint64_t second = (run->now_us - run->first_close_us) / 1000000;
	run->codes[code]++;
	if (second < SOCKETS_SECONDS)
		run->closes[second]++;
}

static void take_close(struct sockets_conn *conn, const struct sockets_frame *frame)
{
	struct sockets_run *run = conn->run;
	const uint8_t *bytes = (const uint8_t *)frame->payload;
	unsigned code = frame->length >= 2 ? (unsigned)(bytes[0] << 8 | bytes[1]) : 1005u;
	if (code >= SOCKETS_CODES || frame->length > 125) {
		fail(conn, &run->garbled, "a Close that is none");
		return;
	}
	uint64_t under_way = conn->next_sent - conn->next_echo;
	if (!conn->close_sent) {
		count_close(run, code);
		run->under_way_at_close += under_way;
		say_close(conn, code);
	} else if (under_way > 0) {
		run->lost += under_way;
		sockets_note(run, "WebSocket %u: %llu messages without an echo before the answer to its Close", conn->number, (unsigned long long)under_way);
	}
	run->open--;
	conn->step = SOCKETS_CLOSED;
	conn->since_us = run->now_us;
}

static bool take_handshake(struct sockets_conn *conn, size_t *used)
{
	struct sockets_run *run = conn->run;
	char *end = memmem(conn->in, conn->in_length, "\r\n\r\n", 4);
	if (!end && conn->in_length < HEAD_MAX)
		return false;
	if (!end || strncmp(conn->in, "HTTP/1.1 101 ", 13) != 0 || !memmem(conn->in, conn->in_length, accepted, strlen(accepted))) {
		fail(conn, &run->refused, "the handshake failed");
		return false;
	}
	*used = (size_t)(end + 4 - conn->in);
	run->blue += memmem(conn->in, *used, "\r\nX-Color: blue\r\n", 17) != NULL;
	run->green += memmem(conn->in, *used, "\r\nX-Color: green\r\n", 18) != NULL;
	run->opening--;
	run->open++;
	conn->step = SOCKETS_OPEN;
	return true;
}

/* One head or frame of what came. False when there is no whole one, or the connection is gone. */
static bool take_one(struct sockets_conn *conn, size_t *used)
{
	struct sockets_frame frame;
	*used = 0;
	if (conn->step == SOCKETS_HANDSHAKE)
		return take_handshake(conn, used);
	if (conn->step == SOCKETS_CLOSED && conn->in_length > 0) {
		fail(conn, &conn->run->after_close, "bytes behind a Close");
		return false;
	}
	enum sockets_frame_result result = sockets_frame_read(conn->in, conn->in_length, &frame);
	if (result == SOCKETS_FRAME_BAD)
		fail(conn, &conn->run->garbled, "what came is no frame");
	if (result != SOCKETS_FRAME_WHOLE)
		return false;
	*used = frame.whole;
	if (frame.opcode == SOCKETS_CLOSE)
		take_close(conn, &frame);
	else
		take_message(conn, &frame);
	return conn->fd >= 0;
}

static void take_end(struct sockets_conn *conn, int fault)
{
	struct sockets_run *run = conn->run;
	bool comes_back = run->returns && !run->ending;
	if (conn->step == SOCKETS_CLOSED) {
		hang_up(conn);
		run->returned += comes_back;
		if (comes_back)
			sockets_conn_open(conn);
	} else if (conn->step == SOCKETS_OPEN) {
		fail(conn, &run->cut, fault ? strerror(fault) : "the connection ended without a Close");
	} else {
		fail(conn, &run->refused, fault ? strerror(fault) : "the connection ended before the handshake did");
	}
}

static void receive(struct sockets_conn *conn)
{
	static char bytes[65536];
	ssize_t got;
	while (conn->fd >= 0 && (got = recv(conn->fd, bytes, sizeof(bytes), 0)) > 0) {
		char *more = realloc(conn->in, conn->in_length + (size_t)got);
		if (!more)
			abort();
		conn->in = more;
		memcpy(conn->in + conn->in_length, bytes, (size_t)got);
		conn->in_length += (size_t)got;
		for (size_t used; take_one(conn, &used);) {
			conn->in_length -= used;
			memmove(conn->in, conn->in + used, conn->in_length);
		}
	}
	if (conn->fd >= 0 && (got == 0 || errno != EAGAIN))
		take_end(conn, got == 0 ? 0 : errno);
}

void sockets_conn_ready(struct sockets_conn *conn, uint32_t events)
{
	if (conn->step == SOCKETS_CONNECTING && (events & EPOLLOUT)) {
		conn->step = SOCKETS_HANDSHAKE;
		memcpy(room(conn), handshake, sizeof(handshake) - 1);
		conn->out_length = sizeof(handshake) - 1;
	}
	if (conn->fd >= 0 && (events & EPOLLOUT))
		flush(conn);
	if (conn->fd >= 0 && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
		receive(conn);
}

void sockets_conn_check(struct sockets_conn *conn)
{
	struct sockets_run *run = conn->run;
	bool waits = conn->step == SOCKETS_OPEN ? conn->next_sent > conn->next_echo || conn->close_sent : conn->step != SOCKETS_NONE;
	if (!waits || run->now_us - conn->since_us < SOCKETS_LATE_US)
		return;
	if (conn->step == SOCKETS_CLOSED)
		fail(conn, &run->not_ended, "the connection does not end after both said Close");
	else
		fail(conn, conn->step == SOCKETS_OPEN ? &run->late : &run->refused, "nothing came for 10 s");
}
