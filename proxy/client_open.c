/* Client connections: how one begins, who is at its other end, and how it ends. Worker thread. What it says in between is in client.c. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "proxy/client.h"
#include "proxy/listener.h"
#include "proxy/manners.h"
#include "proxy/pool.h"
#include "proxy/proxyproto.h"
#include "proxy/quota.h"
#include "proxy/secure.h"
#include "proxy/tlsfront.h"
#include "proxy/worker.h"

static void link_client(struct client *client)
{
	struct worker *worker = client->conn.worker;
	client->next = worker->clients;
	if (worker->clients)
		worker->clients->previous = client;
	worker->clients = client;
	worker_count(&worker->counters.open, 1);
	worker_count(&worker->counters.idle, 1);
	listener_on_client_open(worker, client->listener);
}

static void unlink_client(struct client *client)
{
	struct worker *worker = client->conn.worker;
	if (client->previous)
		client->previous->next = client->next;
	else
		worker->clients = client->next;
	if (client->next)
		client->next->previous = client->previous;
	worker_count(&worker->counters.open, -1);
	listener_on_client_close(worker, client->listener);
	quota_give(worker->quota, client->quota_slot);
	if (client->step == CLIENT_IDLE)
		worker_count(&worker->counters.idle, -1);
	if (!worker->clients)
		worker_report_empty(worker);
}

void client_close(struct client *client, bool reset)
{
	assert(!client->exchange);
	pool_close_owned(client);
	unlink_client(client);
	conn_close(&client->conn, reset);
}

/* Who is at the other end: known from the socket, or later from a PROXY protocol header. */
static void set_peer(struct client *client, const struct endpoint *peer)
{
	const struct table_globals *globals = &client->conn.worker->table->globals;
	client->peer = *peer;
	client->address_length = (uint8_t)endpoint_format_host(peer, client->address);
	client->trusted = endpoint_is_in(peer, globals->trusted, globals->trusted_count);
}

/* What its listener says to a ClientHello; NULL: it is in clear. */
static struct tlsfront *find_front(const struct worker *worker, unsigned index)
{
	const struct manner *manner = manners_find(worker->table->globals.manners, index);
	return manner ? manner->front : NULL;
}

/* As many as one client may have are open already. Said in a word, since this must cost less than what it refuses; what was sent so far is read, so that no reset destroys it. Nothing is
 * said where a handshake would have to come before. */
static void say_crowded(struct worker *worker, int fd, unsigned index)
{
	static const char format[] =
		"HTTP/1.1 503 Service Unavailable\r\nDate: %s\r\nConnection: close\r\nRetry-After: 1\r\nContent-Type: text/plain\r\nContent-Length: 51\r\n"
		"Proxy-Status: teal; error=connection_limit_reached\r\nX-Request-Id: %.*s\r\n\r\nThis client address has too many connections open.\n";
	char id[WORKER_ID_LENGTH], answer[512];
	worker_count(&worker->counters.limits[LIMIT_connections_per_client], 1);
	if (find_front(worker, index))
		return;
	worker_make_id(worker, id);
	int length = snprintf(answer, sizeof(answer), format, worker_date(worker).at, (int)sizeof(id), id);
	if (send(fd, answer, (size_t)length, MSG_NOSIGNAL) > 0 && shutdown(fd, SHUT_WR) == 0)
		while (recv(fd, worker->buffer, worker->buffer_size, 0) < 0 && errno == EINTR) {
		}
}

static bool take_quota(struct worker *worker, const struct endpoint *peer, uint32_t *slot)
{
	return quota_take(worker->quota, peer, worker->table->globals.client_connections, slot) != QUOTA_REFUSED;
}

static struct client *new_client(struct worker *worker, int fd)
{
	struct client *client = calloc(1, sizeof(*client));
	if (client && conn_open(&client->conn, worker, fd, &client_handler))
		return client;
	free(client);
	return NULL;
}

/* `early`: what came behind a PROXY protocol header. False when memory ran out, and the connection was closed over it. */
static bool begin_secure(struct client *client, struct tlsfront *front, const char *early, size_t length)
{
	SSL *ssl = tlsfront_open(front);
	if (ssl && secure_begin(&client->conn, ssl, early, length))
		return true;
	client_close(client, true);
	return false;
}

void client_open(struct worker *worker, int fd, unsigned index, bool announced, const struct sockaddr *from, socklen_t length)
{
	struct addr addr;
	struct endpoint peer;
	uint32_t slot = QUOTA_NO_SLOT;
	addr_from_socket(from, length, &addr);
	endpoint_from_addr(&peer, &addr);
	if (!announced && !take_quota(worker, &peer, &slot)) {
		say_crowded(worker, fd, index);
		close(fd);
		return;
	}
	struct client *client = new_client(worker, fd);
	if (!client) {
		quota_give(worker->quota, slot);
		close(fd);
		return;
	}
	client->listener = (uint8_t)index;
	client->preview = listener_preview(worker, index);
	client->announced = announced;
	client->quota_slot = slot;
	set_peer(client, &peer);
	worker_count(&worker->counters.accepted, 1);
	link_client(client);
	conn_arm(&client->conn, DEADLINE_header, worker->table->globals.header_ms);
	struct tlsfront *front = announced ? NULL : find_front(worker, index);
	if (front)
		begin_secure(client, front, NULL, 0);
}

void client_read_destination(const struct client *client, struct endpoint *to)
{
	struct sockaddr_storage name;
	struct addr addr;
	socklen_t length = sizeof(name);
	*to = client->to;
	if (to->family != ENDPOINT_NONE || getsockname(client->conn.fd, (struct sockaddr *)&name, &length) != 0)
		return;
	addr_from_socket((struct sockaddr *)&name, length, &addr);
	endpoint_from_addr(to, &addr);
}

/* ---- the PROXY protocol ---- */

void client_refuse_announcement(struct client *client)
{
	worker_count(&client->conn.worker->counters.fails[FAIL_announcement_malformed], 1);
	client_close(client, true);
}

bool client_take_announcement(struct client *client, const char *bytes, size_t length, size_t *used)
{
	struct worker *worker = client->conn.worker;
	struct proxyproto header;
	enum proxyproto_result result = proxyproto_read(bytes, length, &header);
	if (result == PROXYPROTO_MORE && !client->half_closed)
		return true;
	if (result != PROXYPROTO_DONE) {
		client_refuse_announcement(client);
		return false;
	}
	*used = header.length;
	client->announced = false;
	client->to = header.destination;
	if (header.source.family != ENDPOINT_NONE)
		set_peer(client, &header.source);
	if (!take_quota(worker, &client->peer, &client->quota_slot)) {
		say_crowded(worker, client->conn.fd, client->listener);
		client_close(client, false);
		return false;
	}
	struct tlsfront *front = find_front(worker, client->listener);
	if (!front)
		return true;
	*used = length;
	return begin_secure(client, front, bytes + header.length, length - header.length);
}
