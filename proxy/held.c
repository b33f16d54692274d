/* Holding a request for its first and a possible second attempt. Worker thread. */
#include "proxy/held.h"

#include <stdlib.h>
#include <string.h>

#include "proxy/client.h"
#include "proxy/exchange.h"
#include "proxy/fields.h"
#include "proxy/frontdoor.h"
#include "proxy/worker.h"

static void give_buffer(struct exchange *exchange)
{
	if (exchange->held_size == WORKER_BLOCK_SIZE)
		worker_give_block(exchange->worker, exchange->held);
	else
		free(exchange->held);
}

void held_free(struct exchange *exchange)
{
	if (exchange->held)
		give_buffer(exchange);
	exchange->held = NULL;
	exchange->held_size = exchange->held_length = 0;
	exchange->held_whole = false;
}

/* More than a block is exactly as large as asked, and never of a block's size. */
static bool grow(struct exchange *exchange, size_t size)
{
	if (size <= exchange->held_size)
		return true;
	if (size == WORKER_BLOCK_SIZE)
		size++;
	char *larger = size < WORKER_BLOCK_SIZE ? worker_take_block(exchange->worker) : malloc(size);
	if (!larger)
		return false;
	if (exchange->held) {
		memcpy(larger, exchange->held, exchange->held_length);
		give_buffer(exchange);
	}
	exchange->held = larger;
	exchange->held_size = size < WORKER_BLOCK_SIZE ? WORKER_BLOCK_SIZE : size;
	return true;
}

/* The Host of a request in HTTP/1.0 that has none: HTTP/1.1 must have one, and this is where it goes. */
static const char *own_host(const struct exchange *exchange)
{
	const struct table_color *color = exchange->lane ? &exchange->service->colors[exchange->color] : NULL;
	if (!color || color->count == 0 || color->members[0].backend->addr.kind == ADDR_UNIX)
		return "localhost";
	return color->members[0].backend->name;
}

bool held_begin(struct exchange *exchange)
{
	struct worker *worker = exchange->worker;
	const struct client *client = exchange->client;
	char id[WORKER_ID_LENGTH];
	worker_make_id(worker, id);
	struct fields_to_backend with = {
		.client = client->address,
		.client_length = client->peer.family == ENDPOINT_NONE ? 0 : client->address_length, /* a unix peer has none */
		.trusted = client->trusted,
		.tls = client->conn.secure != NULL,
		.certificate = frontdoor_find_certificate(exchange),
		.request_id = id,
		.request_id_length = sizeof(id),
		.host = own_host(exchange),
		.upgrade = exchange->upgrade,
		.expect = exchange->client_minor > 0,
	};
	with.host_length = strlen(with.host);
	size_t host = with.host_length + worker->head.authority.length + head_value(&worker->head, FIELD_host).length; /* written twice: X-Forwarded-Host */
	if (!grow(exchange, worker->head.length + host + with.certificate.length + WORKER_HEAD_SLACK))
		return false;
	exchange->held_length = exchange->held_head = fields_write_request(&worker->head, &with, exchange->held, exchange->held_size);
	exchange->held_whole = exchange->held_length > 0;
	if (exchange->held_whole && worker->access.ring)
		access_begin(exchange, &worker->head, (struct span){id, sizeof(id)});
	return exchange->held_whole;
}

bool held_add(struct exchange *exchange, const char *bytes, size_t length)
{
	size_t needed = exchange->held_length + length;
	if (!exchange->held_whole)
		return false;
	/* What came with the head is one read at most; doubling, so that a body that trickles in is not copied anew for each piece. */
	bool too_long = exchange->sent_any && needed > exchange->held_head + EXCHANGE_HELD_BODY_MAX;
	if (too_long || (needed > exchange->held_size && !grow(exchange, needed * 2))) {
		exchange->held_whole = false;
		return false;
	}
	memcpy(exchange->held + exchange->held_length, bytes, length);
	exchange->held_length = needed;
	return true;
}
