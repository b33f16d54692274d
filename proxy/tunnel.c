/* Tunnels: bytes both ways after a 101. Worker thread. */
#include "proxy/tunnel.h"

#include <sys/random.h>

#include "proxy/client.h"
#include "proxy/exchange.h"
#include "proxy/orders.h"
#include "proxy/secure.h"
#include "proxy/upstream.h"
#include "proxy/worker.h"

#define CLOSING_MS 2000u /* for the end of a frame, and again for the client's Close and the backend's FIN */

/* RFC 6455 section 7.4.1 and its registry. */
#define CODE_GOING_AWAY 1001u      /* what a backend expects of clients */
#define CODE_SERVICE_RESTART 1012u /* clients may come back at once */

/* ---- saying that it is over ---- */

static bool say_to_client(struct exchange *exchange)
{
	char bytes[FRAME_CLOSE_MAX];
	struct iovec close = {bytes, frame_write_close(bytes, CODE_SERVICE_RESTART, "service restart", NULL)};
	return conn_send(&exchange->client->conn, &close, 1, NULL) != CONN_BROKEN;
}

/* In the client's stead, where it can't or won't say it itself. */
static void say_to_backend(struct exchange *exchange)
{
	struct tunnel *tunnel = &exchange->tunnel;
	char bytes[FRAME_CLOSE_MAX];
	uint8_t mask[4];
	if (!tunnel->websocket || tunnel->up.closed || tunnel->backend_ended || !frame_is_between(&tunnel->up))
		return;
	if (getrandom(mask, sizeof(mask), GRND_NONBLOCK) != (ssize_t)sizeof(mask))
		return;
	struct iovec close = {bytes, frame_write_close(bytes, CODE_GOING_AWAY, "", mask)};
	conn_send(&exchange->upstream->conn, &close, 1, NULL);
	tunnel->up.closed = true;
}

/* At the end of a frame the client is told, unless the backend has said it itself or has gone. False when the tunnel is broken. */
static bool tell_when_possible(struct exchange *exchange)
{
	struct tunnel *tunnel = &exchange->tunnel;
	if (tunnel->step != TUNNEL_STOPPING || (!frame_is_between(&tunnel->down) && !tunnel->backend_done))
		return true;
	tunnel->step = TUNNEL_TOLD;
	conn_arm(&exchange->client->conn, DEADLINE_closing, CLOSING_MS);
	return tunnel->down.closed || tunnel->backend_done || say_to_client(exchange);
}

/* ---- bytes ---- */

/* Many end TLS without saying so; behind a Close frame nothing is missing. */
static bool has_said_all(const struct conn *from, const struct frame *said)
{
	return said->closed && secure_fault(from) == SECURE_cut;
}

/* One read, when there is room for it on the other side. How much was read; 0: nothing, or FIN; CONN_ERROR. */
static ssize_t read_side(struct worker *worker, struct conn *from, struct conn *to, const struct frame *said, bool *from_done)
{
	if (*from_done || !from->readable || conn_has_backlog(to))
		return 0;
	ssize_t got = conn_read(from, worker->buffer, WORKER_READ_SIZE);
	*from_done = got == 0 || (got == CONN_ERROR && has_said_all(from, said));
	return got == CONN_AGAIN || *from_done ? 0 : got;
}

static bool send_on(struct exchange *exchange, struct conn *to, size_t length, uint64_t *count)
{
	struct iovec part = {exchange->worker->buffer, length};
	*count += length;
	return conn_send(to, &part, 1, NULL) != CONN_BROKEN;
}

static bool pump_up(struct exchange *exchange)
{
	struct tunnel *tunnel = &exchange->tunnel;
	struct conn *client = &exchange->client->conn, *backend = &exchange->upstream->conn;
	ssize_t got = read_side(exchange->worker, client, backend, &tunnel->up, &tunnel->client_done);
	if (tunnel->client_done && tunnel->step == TUNNEL_TOLD)
		say_to_backend(exchange);
	if (got <= 0)
		return got == 0;
	if (tunnel->websocket)
		frame_pass(&tunnel->up, exchange->worker->buffer, (size_t)got);
	bool fine = send_on(exchange, backend, (size_t)got, &exchange->bytes_in);
	conn_read_on(client);
	return fine;
}

/* How much of what the backend sent goes to the client. */
static size_t take_down(struct tunnel *tunnel, const char *bytes, size_t length)
{
	if (tunnel->step == TUNNEL_TOLD) /* nothing follows a Close (RFC 6455 section 5.5.1) */
		return 0;
	if (tunnel->step == TUNNEL_STOPPING)
		return frame_take(&tunnel->down, bytes, length);
	if (tunnel->websocket)
		frame_pass(&tunnel->down, bytes, length);
	return length;
}

static bool pump_down(struct exchange *exchange)
{
	struct tunnel *tunnel = &exchange->tunnel;
	struct conn *client = &exchange->client->conn, *backend = &exchange->upstream->conn;
	if (!tell_when_possible(exchange))
		return false;
	ssize_t got = read_side(exchange->worker, backend, client, &tunnel->down, &tunnel->backend_done);
	if (got < 0)
		return false;
	size_t length = got > 0 ? take_down(tunnel, exchange->worker->buffer, (size_t)got) : 0;
	if (length > 0 && !send_on(exchange, client, length, &exchange->bytes_out))
		return false;
	if (got > 0)
		conn_read_on(backend);
	return tell_when_possible(exchange);
}

/* What the socket would not take before; reading from the other side goes on when it is gone. */
static bool flush_tunnel(struct conn *to, struct conn *from)
{
	if (!conn_has_backlog(to) || !to->writable)
		return true;
	enum conn_send sent = conn_flush(to);
	if (sent == CONN_SENT)
		conn_read_on(from);
	return sent != CONN_BROKEN;
}

/* ---- ends ---- */

static void end_side(struct conn *to, bool *ended)
{
	if (*ended || conn_has_backlog(to))
		return;
	conn_shutdown(to);
	*ended = true;
}

/* FIN where nothing more will follow: behind a FIN, or when the client has answered our Close (the server ends first, RFC 6455 section 7.1.1). */
static void end_sides(struct exchange *exchange)
{
	struct tunnel *tunnel = &exchange->tunnel;
	bool ending = tunnel->step == TUNNEL_ENDING;
	if (ending || tunnel->backend_done || (tunnel->step == TUNNEL_TOLD && tunnel->up.closed))
		end_side(&exchange->client->conn, &tunnel->client_ended);
	if (ending || tunnel->client_done)
		end_side(&exchange->upstream->conn, &tunnel->backend_ended);
}

/* The backend has ended and all of it was passed on: the client may finish what it says, but not just stay. (The other way round a client may listen for as long as it
 * likes.) Every piece of the client's begins the time anew. */
static void wait_for_client_alone(struct exchange *exchange)
{
	struct tunnel *tunnel = &exchange->tunnel;
	struct conn *client = &exchange->client->conn;
	bool alone = tunnel->step == TUNNEL_OPEN && tunnel->backend_done && tunnel->client_ended && !tunnel->client_done;
	if (alone && (client->deadline.kind == DEADLINE_none || client->deadline.kind == DEADLINE_stall))
		conn_arm(client, DEADLINE_stall, exchange->table->globals.stall_ms);
}

/* Nobody waits for the client any longer; what it still sends is read for a while, so that no reset destroys what it was told. */
static void leave(struct exchange *exchange)
{
	exchange->client->half_closed = exchange->tunnel.client_done;
	exchange->client->unread = !exchange->tunnel.client_done;
	exchange_end_tunnel(exchange, false);
}

/* One side broke. What the client was told already must reach it. */
static void break_off(struct exchange *exchange)
{
	if (exchange->tunnel.step >= TUNNEL_TOLD)
		leave(exchange);
	else
		exchange_end_tunnel(exchange, true);
}

/* A side that is not read, because the other one takes nothing, tells of its end by nothing else. */
static bool is_broken(struct conn *from, struct conn *to)
{
	return from->readable && conn_has_backlog(to) && conn_is_broken(from);
}

void tunnel_run(struct exchange *exchange)
{
	struct tunnel *tunnel = &exchange->tunnel;
	struct conn *client = &exchange->client->conn, *backend = &exchange->upstream->conn;
	bool fine = flush_tunnel(client, backend) && flush_tunnel(backend, client);
	if (tunnel->step != TUNNEL_ENDING)
		fine = fine && !is_broken(client, backend) && !is_broken(backend, client) && pump_up(exchange) && pump_down(exchange);
	if (!fine) {
		break_off(exchange);
		return;
	}
	end_sides(exchange);
	wait_for_client_alone(exchange);
	bool done = tunnel->step == TUNNEL_ENDING || (tunnel->client_done && tunnel->backend_done);
	if (done && tunnel->client_ended && tunnel->backend_ended)
		leave(exchange);
}

/* ---- by order ---- */

/* Its time has come. */
static void stop(struct exchange *exchange)
{
	struct tunnel *tunnel = &exchange->tunnel;
	worker_count(&exchange->worker->counters.tunnels_closed, 1);
	conn_arm(&exchange->client->conn, DEADLINE_closing, CLOSING_MS);
	if (tunnel->up.closed || tunnel->down.closed) {
		tunnel->step = TUNNEL_LEAVING;
		return;
	}
	if (!tunnel->websocket || tunnel->down.lost) {
		tunnel->step = TUNNEL_ENDING;
		exchange_count_cut(exchange);
	} else {
		tunnel->step = TUNNEL_STOPPING;
	}
	tunnel_run(exchange);
}

void tunnel_cut(struct exchange *exchange)
{
	struct tunnel *tunnel = &exchange->tunnel;
	bool may_say = tunnel->websocket && tunnel->step < TUNNEL_TOLD && frame_is_between(&tunnel->down) && !tunnel->down.closed;
	if (may_say && !tunnel->client_ended && !conn_has_backlog(&exchange->client->conn))
		say_to_client(exchange);
	say_to_backend(exchange);
	leave(exchange);
}

void tunnel_on_deadline(struct exchange *exchange, enum deadline_kind kind)
{
	const struct tunnel *tunnel = &exchange->tunnel;
	if (kind == DEADLINE_tunnel) {
		stop(exchange);
		return;
	}
	bool fine =
		kind == DEADLINE_stall || tunnel->step == TUNNEL_ENDING || tunnel->step == TUNNEL_LEAVING || (tunnel->step == TUNNEL_TOLD && tunnel->up.closed);
	if (!fine)
		exchange_count_cut(exchange);
	tunnel_cut(exchange);
}

/* ---- the beginning ---- */

void tunnel_open(struct exchange *exchange, const char *bytes, size_t length)
{
	struct worker *worker = exchange->worker;
	struct tunnel *tunnel = &exchange->tunnel;
	struct conn *client = &exchange->client->conn, *backend = &exchange->upstream->conn;
	struct iovec early = {(char *)(uintptr_t)bytes, length};
	exchange->step = EXCHANGE_TUNNEL;
	exchange->bytes_out += length;
	worker_count(&worker->counters.tunnels, 1);
	conn_disarm(client);
	conn_disarm(backend);
	deadline_disarm(&exchange->total);
	conn_keep_alive(backend); /* the client's socket has it from its listener */
	tunnel->websocket = head_has_token(&worker->head, FIELD_upgrade, "websocket");
	if (tunnel->websocket)
		frame_pass(&tunnel->down, bytes, length);
	bool fine = length == 0 || conn_send(client, &early, 1, NULL) != CONN_BROKEN;
	/* What the client sent behind its request was kept until the 101 came. */
	size_t kept = conn_restore_input(client, worker->buffer);
	if (tunnel->websocket)
		frame_pass(&tunnel->up, worker->buffer, kept);
	fine = fine && (kept == 0 || send_on(exchange, backend, kept, &exchange->bytes_in));
	if (!fine) {
		exchange_end_tunnel(exchange, true);
		return;
	}
	orders_note_tunnel(exchange);
	tunnel->client_done = exchange->client->half_closed; /* its FIN may have been read with what it sent ahead */
	conn_queue(client);
	conn_read_on(client);
	conn_read_on(backend);
}
