/* One connection of the strict client: sends requests, reads answers, and says of each whether it is the right one. See strict.h.
 *
 * A connection that the peer closes between two requests is opened again without a word (closed_idle); one that is closed with a request under way is a
 * fault, whatever the reason: that request got no answer. */
#include "tests/tools/strict.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"

void strict_conn_init(struct strict_conn *conn, struct strict_run *run, unsigned number)
{
	memset(conn, 0, sizeof(*conn));
	conn->run = run;
	conn->number = number;
	conn->fd = -1;
}

static void hang_up(struct strict_conn *conn)
{
	strict_tls_end(conn);
	if (conn->fd >= 0)
		close(conn->fd);
	conn->fd = -1;
	conn->watched = 0;
	conn->connecting = false;
	conn->out_length = conn->out_sent = 0;
	conn->run->outstanding -= conn->count;
	conn->count = conn->first = 0;
}

void strict_conn_fini(struct strict_conn *conn)
{
	hang_up(conn);
	SSL_SESSION_free(conn->session);
	free(conn->out);
}

void strict_conn_rest(struct strict_conn *conn)
{
	const struct strict_options *options = &conn->run->options;
	uint64_t spread_us = options->pause_most_us - options->pause_least_us;
	conn->rests_until_us = conn->run->now_us + options->pause_least_us + (uint64_t)(drand48() * (double)spread_us);
}

static void take_rest(struct strict_conn *conn)
{
	if (conn->run->options.wave)
		conn->rests_until_us = UINT64_MAX;
	else if (conn->run->options.pause_most_us > 0)
		strict_conn_rest(conn);
}

/* The connection ended with requests under way: none of them has an answer. */
static void lose(struct strict_conn *conn, uint64_t *kind, const char *why)
{
	struct strict_run *run = conn->run;
	for (unsigned i = 0; i < conn->count; i++) {
		const struct strict_sent *sent = &conn->sent[(conn->first + i) % STRICT_DEPTH];
		run->tallies[sent->method].failed++;
		(*kind)++;
		strict_note(run, "%s %016llx on connection %u: %s, %llu ms after it was sent", strict_request_method(sent->method),
			(unsigned long long)sent->id, conn->number, why, (unsigned long long)((clock_mono_us() - sent->sent_us) / 1000));
	}
	hang_up(conn);
	take_rest(conn);
}

/* The peer answered in a way that leaves nothing to go on with. */
static void give_up(struct strict_conn *conn, uint64_t *kind, const char *why)
{
	struct strict_run *run = conn->run;
	(*kind)++;
	const struct strict_sent *sent = &conn->sent[conn->first];
	strict_note(run, "%s %016llx on connection %u: %s (status %u, id %s)", strict_request_method(sent->method), (unsigned long long)sent->id, conn->number,
		why, conn->answer.status, conn->answer.id);
	run->abandoned += conn->count;
	hang_up(conn);
	take_rest(conn);
}

static void watch(struct strict_conn *conn)
{
	bool waits = (conn->connecting && !conn->ssl) || strict_tls_is_full(conn) || conn->out_sent < conn->out_length;
	uint32_t events = EPOLLIN | EPOLLRDHUP | (waits ? EPOLLOUT : 0u);
	if (conn->fd < 0 || events == conn->watched)
		return;
	struct epoll_event event = {.events = events, .data.ptr = conn};
	epoll_ctl(conn->run->epoll, conn->watched ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, conn->fd, &event);
	conn->watched = events;
}

static void refuse(struct strict_conn *conn, int fault)
{
	struct strict_run *run = conn->run;
	run->refused++;
	strict_note(run, "connection %u: can't connect: %s", conn->number, strerror(fault));
	hang_up(conn);
	conn->retry_us = run->now_us + 50000;
}

static void open_connection(struct strict_conn *conn)
{
	const struct strict_options *options = &conn->run->options;
	conn->retry_us = 0;
	conn->fd = socket(options->target.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (conn->fd < 0) {
		refuse(conn, errno);
		return;
	}
	int on = 1;
	if (options->target.ss_family != AF_UNIX)
		setsockopt(conn->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	conn->called_us = conn->run->now_us;
	conn->connecting = connect(conn->fd, (const struct sockaddr *)&options->target, options->target_length) != 0;
	if (conn->connecting && errno != EINPROGRESS)
		refuse(conn, errno);
	else
		strict_answer_init(&conn->answer, false);
	conn->connecting |= conn->fd >= 0 && conn->run->tls; /* it is told when there is room, and begins to shake hands then */
}

/* ---- sending ---- */

static ssize_t put(struct strict_conn *conn, const char *bytes, size_t length)
{
	return conn->ssl ? strict_tls_write(conn, bytes, length) : send(conn->fd, bytes, length, MSG_NOSIGNAL);
}

static bool flush(struct strict_conn *conn)
{
	while (conn->out_sent < conn->out_length) {
		ssize_t sent = put(conn, conn->out + conn->out_sent, conn->out_length - conn->out_sent);
		if (sent < 0 && errno == EAGAIN)
			return true;
		if (sent < 0)
			return false; /* the answer may still be there to read: the read side decides */
		conn->out_sent += (size_t)sent;
	}
	conn->out_length = conn->out_sent = 0;
	return true;
}

static void wait_for_turn(struct strict_conn *conn)
{
	struct strict_run *run = conn->run;
	if (conn->waiting || run->ending)
		return;
	conn->waiting = true;
	conn->next_idle = NULL;
	*run->idle_end = conn;
	run->idle_end = &conn->next_idle;
}

void strict_conn_go(struct strict_conn *conn)
{
	struct strict_run *run = conn->run;
	unsigned depth = run->options.pipeline ? 1 + (conn->number + (unsigned)run->next) % STRICT_DEPTH : 1;
	if (conn->retired || conn->rests_until_us > clock_mono_us())
		return;
	if (!strict_may_send(run)) {
		wait_for_turn(conn);
		return;
	}
	if (conn->fd < 0)
		open_connection(conn);
	if (conn->fd >= 0 && !conn->connecting && conn->count == 0) {
		do
			strict_request_add(conn);
		while (conn->count < depth && strict_may_send(run));
		flush(conn);
	}
	watch(conn);
}

/* ---- answers ---- */

static void mark_answered(struct strict_run *run, uint64_t number)
{
	if (number / 8 >= run->answered_size) {
		size_t size = (size_t)number / 4 + 65536;
		run->answered = realloc(run->answered, size);
		if (!run->answered)
			abort();
		memset(run->answered + run->answered_size, 0, size - run->answered_size);
		run->answered_size = size;
	}
	run->answered[number / 8] |= (uint8_t)(1u << number % 8);
}

static bool was_answered(const struct strict_run *run, uint64_t id)
{
	uint64_t number = id & ((1ull << 40) - 1);
	return id >> 40 == run->nonce && number / 8 < run->answered_size && (run->answered[number / 8] >> number % 8 & 1);
}

static bool hash_is(const char *text, uint64_t hash)
{
	char expected[20];
	snprintf(expected, sizeof(expected), "%016llx", (unsigned long long)hash);
	return text[0] == '\0' || strcmp(text, expected) == 0;
}

/* An answer with another id than the request's. */
static void judge_stranger(struct strict_conn *conn)
{
	struct strict_run *run = conn->run;
	if (conn->answer.id_count != 1)
		give_up(conn, &run->anonymous, "its answer has not one X-Id");
	else if (was_answered(run, strtoull(conn->answer.id, NULL, 16)))
		give_up(conn, &run->repeated, "another request's answer came a second time");
	else
		give_up(conn, &run->mixed_up, "the answer is another request's");
}

/* False when the connection was given up. */
static bool judge_content(struct strict_conn *conn, const struct strict_sent *sent)
{
	struct strict_run *run = conn->run;
	const struct strict_answer *answer = &conn->answer;
	if (answer->id_count != 1 || strtoull(answer->id, NULL, 16) != sent->id) {
		judge_stranger(conn);
		return false;
	}
	if (answer->color[0] == '\0' || answer->version[0] == '\0') {
		give_up(conn, &run->anonymous, "its answer has no X-Color or no X-Version");
		return false;
	}
	if ((sent->method != STRICT_HEAD && !hash_is(answer->answer_hash, answer->body_hash)) ||
		(sent->method == STRICT_POST && !hash_is(answer->request_hash, sent->body_hash))) {
		give_up(conn, &run->wrong_body, "the body is not the one that was sent");
		return false;
	}
	if (!strict_mark_answer(&run->mark, answer->color, sent->sent_us, sent->id))
		strict_note(run, "%s %016llx was sent after the switch and answered by %s", strict_request_method(sent->method), (unsigned long long)sent->id,
			answer->color);
	return true;
}

static void measure(struct strict_run *run, const struct strict_sent *sent)
{
	uint64_t took = run->now_us - sent->sent_us, gap = run->now_us - run->last_answer_us;
	histogram_add(&run->latency, took);
	if (took > run->longest_us)
		run->longest_us = took;
	if (run->last_answer_us && gap > run->longest_gap_us)
		run->longest_gap_us = gap;
	run->last_answer_us = run->now_us;
}

/* A whole answer is there. False when the connection is gone. */
static bool take_answer(struct strict_conn *conn)
{
	struct strict_run *run = conn->run;
	struct strict_sent *sent = &conn->sent[conn->first];
	struct strict_tally *tally = &run->tallies[sent->method];
	run->now_us = clock_mono_us();
	run->statuses[conn->answer.status]++;
	if (conn->answer.color[0])
		strict_mark_color_seen(&run->mark, conn->answer.color, sent->sent_us);
	if (conn->answer.status >= 300) {
		tally->non_2xx++;
		strict_note(run, "%s %016llx on connection %u: status %u", strict_request_method(sent->method), (unsigned long long)sent->id, conn->number,
			conn->answer.status);
	} else if (!judge_content(conn, sent)) {
		return false;
	} else {
		tally->ok++;
	}
	measure(run, sent);
	take_rest(conn);
	mark_answered(run, sent->id & ((1ull << 40) - 1));
	bool closes = conn->answer.closes || run->options.fresh || strict_answer_may_end(&conn->answer);
	conn->first = (conn->first + 1) % STRICT_DEPTH;
	conn->count--;
	run->outstanding--;
	if (closes) {
		run->reconnects++;
		run->abandoned += conn->count; /* pipelined behind an answer that announced the end: the client's to repeat */
		hang_up(conn);
		conn->retired = run->options.no_reopen;
		run->retired += conn->retired;
		return false;
	}
	strict_answer_init(&conn->answer, conn->count > 0 && conn->sent[conn->first].method == STRICT_HEAD);
	return true;
}

/* The peer's end of the connection. */
static void take_end(struct strict_conn *conn, int fault)
{
	struct strict_run *run = conn->run;
	run->now_us = clock_mono_us();
	if (conn->count == 0) {
		run->closed_idle++;
		hang_up(conn);
	} else if (fault == 0 && strict_answer_may_end(&conn->answer)) {
		take_answer(conn);
	} else if (conn->answer.step != STRICT_ANSWER_HEAD || conn->answer.head_length > 0) {
		lose(conn, &run->truncated, fault ? strerror(fault) : "the answer was cut short");
	} else {
		lose(conn, fault ? &run->reset : &run->closed, fault ? strerror(fault) : "closed without an answer");
	}
}

/* False when the connection is gone. */
static bool take_bytes(struct strict_conn *conn, const char *bytes, size_t length)
{
	struct strict_run *run = conn->run;
	run->bytes_read += length;
	while (length > 0) {
		size_t used;
		if (conn->count == 0) {
			run->unsolicited++;
			strict_note(run, "connection %u: %zu bytes that belong to no request", conn->number, length);
			hang_up(conn);
			return false;
		}
		enum strict_answer_result result = strict_answer_read(&conn->answer, bytes, length, &used);
		bytes += used;
		length -= used;
		if (result == STRICT_ANSWER_BAD) {
			give_up(conn, &run->malformed, "the answer is not HTTP");
			return false;
		}
		if (result == STRICT_ANSWER_DONE && !take_answer(conn))
			return false;
	}
	return true;
}

static void receive(struct strict_conn *conn)
{
	static char buffer[256 * 1024];
	while (conn->fd >= 0) {
		ssize_t length = conn->ssl ? strict_tls_read(conn, buffer, sizeof(buffer)) : recv(conn->fd, buffer, sizeof(buffer), 0);
		if (length < 0 && errno == EAGAIN)
			return;
		if (length <= 0) {
			take_end(conn, length < 0 ? errno : 0);
			return;
		}
		if (!take_bytes(conn, buffer, (size_t)length) || (!conn->ssl && (size_t)length < sizeof(buffer)))
			return;
	}
}

static void fail_handshake(struct strict_conn *conn, const char *why)
{
	struct strict_run *run = conn->run;
	run->unshaken++;
	strict_note(run, "connection %u: no handshake: %s", conn->number, why);
	hang_up(conn);
	conn->retry_us = run->now_us + 50000;
}

/* Whether it stands now: not when it was given up, nor while hands are still shaken. */
static bool finish_connect(struct strict_conn *conn)
{
	int fault = 0;
	socklen_t length = sizeof(fault);
	if (!conn->ssl)
		getsockopt(conn->fd, SOL_SOCKET, SO_ERROR, &fault, &length);
	if (fault) {
		refuse(conn, fault);
		return false;
	}
	enum strict_tls_shaken shaken = conn->run->tls ? strict_tls_shake(conn) : STRICT_TLS_DONE;
	if (shaken == STRICT_TLS_FAILED)
		fail_handshake(conn, strict_tls_why());
	conn->connecting = shaken == STRICT_TLS_MORE;
	return shaken == STRICT_TLS_DONE;
}

void strict_conn_ready(struct strict_conn *conn, uint32_t events)
{
	if (conn->fd < 0)
		return;
	if (conn->connecting && !finish_connect(conn)) {
		watch(conn);
		return;
	}
	if (events & EPOLLOUT)
		flush(conn);
	if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		receive(conn);
	if (conn->count == 0 && !conn->run->ending)
		strict_conn_go(conn);
	watch(conn);
}

void strict_conn_check(struct strict_conn *conn)
{
	struct strict_run *run = conn->run;
	if (conn->count > 0 && run->now_us > conn->sent[conn->first].sent_us + run->options.timeout_us)
		lose(conn, &run->timed_out, "no answer in time");
	if (conn->connecting && conn->ssl && run->now_us > conn->called_us + run->options.timeout_us)
		fail_handshake(conn, "not in time");
	if (conn->fd < 0 && !conn->waiting && !run->ending && run->now_us >= conn->retry_us)
		strict_conn_go(conn);
}
