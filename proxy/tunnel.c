/* Tunnels: bytes both ways after a 101, with back-pressure. Worker thread. */
#include "proxy/tunnel.h"

#include "proxy/client.h"
#include "proxy/exchange.h"
#include "proxy/upstream.h"
#include "proxy/worker.h"

/* One read's worth from one side to the other. False when the tunnel is broken. */
static bool pump(struct worker *worker, struct conn *from, struct conn *to, bool *from_done, uint64_t *count)
{
	if (*from_done || !from->readable || conn_has_backlog(to))
		return true;
	ssize_t got = conn_read(from, worker->buffer, WORKER_READ_SIZE);
	if (got == CONN_AGAIN)
		return true;
	if (got == CONN_ERROR)
		return false;
	if (got == 0) {
		*from_done = true;
		conn_shutdown(to);
		return true;
	}
	*count += (uint64_t)got;
	struct iovec part = {worker->buffer, (size_t)got};
	if (conn_send(to, &part, 1, NULL) == CONN_BROKEN)
		return false;
	conn_read_on(from);
	return true;
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

void tunnel_run(struct exchange *exchange)
{
	struct worker *worker = exchange->worker;
	struct conn *client = &exchange->client->conn, *backend = &exchange->upstream->conn;
	bool fine = flush_tunnel(client, backend) && flush_tunnel(backend, client);
	fine = fine && pump(worker, client, backend, &exchange->client_done, &exchange->bytes_in);
	fine = fine && pump(worker, backend, client, &exchange->backend_done, &exchange->bytes_out);
	bool over = exchange->client_done && exchange->backend_done && !conn_has_backlog(client) && !conn_has_backlog(backend);
	if (!fine || over)
		exchange_end_tunnel(exchange, !fine);
}

void tunnel_open(struct exchange *exchange, const char *bytes, size_t length)
{
	struct worker *worker = exchange->worker;
	struct conn *client = &exchange->client->conn, *backend = &exchange->upstream->conn;
	struct iovec early = {(char *)(uintptr_t)bytes, length};
	exchange->step = EXCHANGE_TUNNEL;
	exchange->bytes_out += length;
	worker_count(&worker->counters.tunnels, 1);
	conn_disarm(client);
	conn_disarm(backend);
	deadline_disarm(&exchange->total);
	conn_keep_alive(backend); /* the client's socket has it from its listener */
	bool fine = length == 0 || conn_send(client, &early, 1, NULL) != CONN_BROKEN;
	/* What the client sent behind its request was kept until the 101 came. */
	early.iov_len = conn_restore_input(client, worker->buffer);
	early.iov_base = worker->buffer;
	exchange->bytes_in += early.iov_len;
	fine = fine && (early.iov_len == 0 || conn_send(backend, &early, 1, NULL) != CONN_BROKEN);
	if (!fine) {
		exchange_end_tunnel(exchange, true);
		return;
	}
	conn_read_on(client);
	conn_read_on(backend);
}
