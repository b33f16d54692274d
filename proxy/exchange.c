/* One request and its answer, in the order in which it happens. Worker thread. */
#include "proxy/exchange.h"

#include <stdlib.h>
#include <string.h>

#include "proxy/answer.h"
#include "proxy/client.h"
#include "proxy/fields.h"
#include "proxy/frontdoor.h"
#include "proxy/held.h"
#include "proxy/hold.h"
#include "proxy/mirror.h"
#include "proxy/origin.h"
#include "proxy/pool.h"
#include "proxy/preview.h"
#include "proxy/relay.h"
#include "proxy/reply.h"
#include "proxy/sticky.h"
#include "proxy/tunnel.h"
#include "proxy/upstream.h"
#include "proxy/worker.h"

#define SPARE_EXCHANGES_MAX 1024u

/* ---- begin ---- */

static struct exchange *take_exchange(struct client *client)
{
	struct worker *worker = client->conn.worker;
	struct exchange *exchange = worker->spare_exchanges;
	if (exchange) {
		worker->spare_exchanges = exchange->next;
		worker->spare_exchange_count--;
	} else {
		exchange = malloc(sizeof(*exchange));
		if (!exchange)
			return NULL;
	}
	memset(exchange, 0, sizeof(*exchange));
	exchange->worker = worker;
	exchange->client = client;
	exchange->start_us = worker_now_us(worker);
	client->exchange = exchange;
	return exchange;
}

void exchange_give(struct exchange *exchange)
{
	struct worker *worker = exchange->worker;
	exchange->step = EXCHANGE_ENDED;
	if (worker->spare_exchange_count >= SPARE_EXCHANGES_MAX) {
		free(exchange);
		return;
	}
	exchange->next = worker->spare_exchanges;
	worker->spare_exchanges = exchange;
	worker->spare_exchange_count++;
}

void exchange_free_spares(struct worker *worker)
{
	while (worker->spare_exchanges) {
		struct exchange *next = worker->spare_exchanges->next;
		free(worker->spare_exchanges);
		worker->spare_exchanges = next;
	}
	worker->spare_exchange_count = 0;
}

/* What can be refused by looking at the head alone; reads how the body is framed. */
static enum fail check_head(struct exchange *exchange, const struct head *head)
{
	struct framing framing = {FRAMING_none, 0};
	enum fail fail = framing_of_request(head, &framing);
	if (fail == FAIL_none && head->method == METHOD_connect)
		fail = FAIL_request_method;
	if (fail != FAIL_none) {
		exchange->client->unread = true; /* where the next request begins is not known */
		return fail;
	}
	body_begin(&exchange->request, &framing);
	exchange->request.drops_trailers = framing.kind == FRAMING_chunked && fields_names_others(head);
	struct span expect = head_value(head, FIELD_expect);
	if (expect.length > 0 && head->minor > 0 && !span_is(expect, "100-continue"))
		return FAIL_request_expectation;
	if (head->https && !exchange->client->trusted && !exchange->client->conn.secure) /* RFC 9110 section 7.4 */
		return FAIL_request_misdirected;
	uint64_t limit = exchange->table->globals.body_bytes;
	if (limit > 0 && framing.kind == FRAMING_length && framing.length > limit)
		return FAIL_request_body_too_large;
	return FAIL_none;
}

static void read_intentions(struct exchange *exchange, const struct head *head)
{
	exchange->method = head->method;
	exchange->client_minor = head->minor;
	exchange->client_keeps_open = framing_keeps_open(head);
	/* h2c is never passed on: behind it a client would reach paths that are routed elsewhere. */
	exchange->upgrade = head->minor > 0 && head->first[FIELD_upgrade] != 0 && head_has_token(head, FIELD_connection, "upgrade") &&
			    !head_has_token(head, FIELD_upgrade, "h2c");
}

/* The same for every connection of a client, an IPv6 one being its /64; 0 for unix peers, who can't be told apart. */
static uint64_t client_key(const struct exchange *exchange, const struct head *head)
{
	const struct table_globals *globals = &exchange->table->globals;
	struct endpoint origin = exchange->client->peer;
	if (exchange->client->trusted)
		origin_find(&exchange->client->peer, globals->trusted, globals->trusted_count, head, &origin);
	return endpoint_number(&origin);
}

static uint64_t now_s(struct worker *worker)
{
	return worker_wall_us(worker) / 1000000u;
}

static bool is_preview(const struct exchange *exchange, const struct head *head)
{
	const struct table_service *service = exchange->service;
	if (exchange->client->preview)
		return true;
	return (service->preview_header.text || service->preview_cookie.text) &&
	       preview_is_asked(service, &exchange->table->globals, head, now_s(exchange->worker));
}

static enum color choose_color(struct exchange *exchange, const struct head *head)
{
	struct table_service *service = exchange->service;
	exchange->preview = is_preview(exchange, head);
	if (exchange->preview)
		return color_other(service->live);
	uint64_t address = table_is_split(service) && service->sticky == TABLE_STICKY_ADDRESS ? client_key(exchange, head) : 0;
	uint32_t *turn = &totals_lane(service->totals, exchange->worker->index, COLOR_BLUE)->split_turn;
	struct sticky_choice choice = sticky_choose(service, head, address, turn);
	exchange->pins = choice.pins;
	exchange->number = choice.number;
	return choice.color;
}

/* From here on the exchange counts as in flight on its color, or as one that it assists. */
static void assign(struct exchange *exchange, const struct head *head, struct table_service *service)
{
	exchange->service = service;
	exchange->totals = service->totals;
	if (service->balance == TABLE_CLIENT_ADDRESS)
		exchange->client_key = client_key(exchange, head);
	if (service->asks || exchange->client->preview)
		exchange->color = choose_color(exchange, head);
	else
		exchange->color = service->blue_split == 0 ? COLOR_GREEN : COLOR_BLUE;
	exchange->lane = totals_lane(service->totals, exchange->worker->index, exchange->color);
	_Atomic uint32_t *counted = exchange->preview ? &exchange->lane->assist : &exchange->lane->inflight;
	atomic_store_explicit(counted, atomic_load_explicit(counted, memory_order_relaxed) + 1, memory_order_relaxed);
	exchange->counted = counted;
}

static struct span host_of(const struct head *head)
{
	return head->authority.length > 0 ? head->authority : head_value(head, FIELD_host);
}

static struct table_service *find_service(const struct exchange *exchange, const struct head *head)
{
	struct span host = host_of(head);
	bool bare = head->path.length == 0 || head->path.at[0] == '?'; /* an absolute form's path may be empty */
	if (exchange->client->preview)
		return table_find_named(exchange->table, exchange->client->preview);
	return table_find_service(exchange->table, host.at, host.length, bare ? "/" : head->path.at, bare ? 1 : head->path.length);
}

/* Whether it is answered here: with the cookie that the link of a preview asks for. Not once it is held, and noted for the log as it came. */
static bool answer_link(struct exchange *exchange, const struct table_service *service, struct head *head)
{
	struct preview_link link;
	if (!service->preview_cookie.text || exchange->held_head > 0 ||
		!preview_read_link(service, &exchange->table->globals, head, now_s(exchange->worker), &link))
		return false;
	reply_to_link(exchange, service, &link, head);
	return true;
}

static bool must_wait(struct exchange *exchange, const struct head *head, struct table_service *service)
{
	exchange->service = service;
	return hold_concerns(exchange->worker, service) && !is_preview(exchange, head);
}

/* ROUTE_ANSWERED: the exchange may have ended. ROUTE_REFUSED: exchange->fail says why. */
enum route { ROUTE_FOUND, ROUTE_NONE, ROUTE_REFUSED, ROUTE_ANSWERED };

static enum route route(struct exchange *exchange, struct head *head)
{
	struct table_service *service = find_service(exchange, head);
	if (!service) {
		worker_count(&exchange->worker->counters.unrouted, 1);
		return ROUTE_NONE;
	}
	if (service->asks && answer_link(exchange, service, head))
		return ROUTE_ANSWERED;
	bool held = (service->hold.until_ms != 0) | (exchange->worker->holds != NULL);
	if (held && must_wait(exchange, head, service))
		exchange->step = EXCHANGE_WAITING;
	else
		assign(exchange, head, service);
	return ROUTE_FOUND;
}

/* Past what the listener does by itself. */
static enum route enter(struct exchange *exchange, struct head *head)
{
	if (exchange->table->globals.manners) {
		enum frontdoor through = frontdoor_answer(exchange, head);
		if (through != FRONTDOOR_OPEN)
			return through == FRONTDOOR_ANSWERED ? ROUTE_ANSWERED : ROUTE_REFUSED;
	}
	return route(exchange, head);
}

static enum fail explain(const struct exchange *exchange, const struct head *head, enum route routed)
{
	return routed == ROUTE_REFUSED ? exchange->fail : frontdoor_explain_unrouted(exchange, host_of(head));
}

size_t exchange_begin(struct client *client, char *rest, size_t length)
{
	struct worker *worker = client->conn.worker;
	struct head *head = &worker->head;
	struct exchange *exchange = take_exchange(client);
	if (!exchange) {
		client_close(client, true);
		return length;
	}
	exchange->table = worker->table;
	exchange->generation = worker->table->generation;
	table_hold(exchange->table, worker->index);
	if (exchange->table->globals.total_ms > 0)
		worker_arm(worker, &exchange->total, DEADLINE_total, exchange->table->globals.total_ms);
	read_intentions(exchange, head);
	bool ends_here = fields_must_answer(head);
	enum fail fail = check_head(exchange, head);
	enum route routed = fail == FAIL_none && !ends_here ? enter(exchange, head) : ROUTE_FOUND;
	if (routed == ROUTE_ANSWERED)
		return 0;
	if (routed != ROUTE_FOUND)
		fail = explain(exchange, head, routed);
	if (head->method != METHOD_connect && !held_begin(exchange) && fail == FAIL_none)
		fail = FAIL_request_head_too_large;
	if (fail != FAIL_none) {
		exchange_fail(exchange, fail);
		return 0;
	}
	if (ends_here) {
		reply_as_recipient(exchange, head);
		return 0;
	}
	if (exchange->service->mirror && exchange->step != EXCHANGE_WAITING)
		mirror_add(exchange);
	size_t used = relay_request(exchange, rest, length);
	if (client->exchange != exchange)
		return used;
	if (exchange->step == EXCHANGE_CHOOSING)
		exchange_attempt(exchange);
	else if (exchange->step == EXCHANGE_WAITING)
		hold_enter(exchange);
	return used;
}

/* The head as it will be sent says all that the first one did. */
static bool read_again(struct exchange *exchange, struct head *head)
{
	struct head_limits limits = {exchange->held_head, HEAD_FIELDS_MAX};
	enum fail fail;
	return head_parse_request(exchange->held, exchange->held_head, 0, &limits, head, &fail) == HEAD_DONE;
}

void exchange_go_on(struct exchange *exchange)
{
	struct head *head = &exchange->worker->head;
	enum route routed = ROUTE_FOUND;
	exchange->step = EXCHANGE_CHOOSING;
	if (!read_again(exchange, head)) {
		exchange_fail(exchange, FAIL_internal);
		return;
	}
	if (exchange->service)
		assign(exchange, head, exchange->service);
	else
		routed = route(exchange, head);
	if (routed == ROUTE_ANSWERED)
		return;
	if (routed == ROUTE_NONE) {
		exchange_fail(exchange, frontdoor_explain_unrouted(exchange, host_of(head)));
		return;
	}
	if (exchange->step == EXCHANGE_WAITING) {
		hold_enter(exchange);
		return;
	}
	if (exchange->service->mirror)
		mirror_add(exchange);
	exchange_attempt(exchange);
}

void exchange_begin_bad(struct client *client, enum fail fail)
{
	struct exchange *exchange = take_exchange(client);
	if (!exchange) {
		client_close(client, true);
		return;
	}
	exchange->client_minor = 1;
	exchange->table = client->conn.worker->table;
	table_hold(exchange->table, client->conn.worker->index);
	exchange_fail(exchange, fail);
}

/* ---- choose, connect, send ---- */

bool exchange_may_replay(const struct exchange *exchange)
{
	uint32_t repeatable = EXCHANGE_SAFE_METHODS | (exchange->service ? exchange->service->replay_methods : 0);
	return !exchange->retried && !exchange->heard && !exchange->answer_started && (repeatable & 1u << exchange->method) && exchange->method != METHOD_other;
}

void exchange_count_backend(struct exchange *exchange, uint32_t change)
{
	_Atomic uint32_t *inflight = &exchange->backend->lanes[exchange->worker->index].inflight;
	atomic_store_explicit(inflight, atomic_load_explicit(inflight, memory_order_relaxed) + change, memory_order_release);
}

/* The next backend to try; NULL when every fit one was tried. */
static struct backend *choose(struct exchange *exchange)
{
	struct worker *worker = exchange->worker;
	uint64_t now_ms = worker_now_ms(worker);
	if (exchange->preview && exchange->service->refuses_previews)
		return NULL;
	struct backend *backend = table_choose_backend(exchange->service, exchange->color, worker->index, &exchange->lane->balance_turn, exchange->client_key,
		now_ms, exchange->tried, exchange->tried_count);
	if (!backend && exchange->fresh_only) /* a request that may have been processed goes to the same one when there is no other */
		backend = table_choose_backend(
			exchange->service, exchange->color, worker->index, &exchange->lane->balance_turn, exchange->client_key, now_ms, NULL, 0);
	return backend;
}

static enum fail why_no_backend(const struct exchange *exchange)
{
	if (!exchange->preview)
		return FAIL_no_backend;
	return exchange->service->refuses_previews ? FAIL_preview_refused : FAIL_no_preview_backend;
}

/* An attempt gets an equal part of what is left of `connect`, as long as others could be tried after it. */
static uint64_t connect_time_ms(struct exchange *exchange)
{
	uint64_t now_ms = worker_now_ms(exchange->worker);
	uint64_t left_ms = exchange->connect_by_ms > now_ms ? exchange->connect_by_ms - now_ms : 1;
	unsigned backends = exchange->service->colors[exchange->color].count, attempts = backends < EXCHANGE_BACKENDS_MAX ? backends : EXCHANGE_BACKENDS_MAX;
	return exchange->tried_count < attempts ? left_ms / (attempts - exchange->tried_count + 1) : left_ms;
}

static void take_backend(struct exchange *exchange, struct backend *backend)
{
	struct backend_lane *lane = &backend->lanes[exchange->worker->index];
	exchange->backend = exchange->logged_backend = backend;
	exchange->sent_any = false;
	if (exchange->tried_count < EXCHANGE_BACKENDS_MAX)
		exchange->tried[exchange->tried_count++] = backend;
	lane->tried_ms = worker_now_ms(exchange->worker);
	if (exchange->connect_by_ms == 0)
		exchange->connect_by_ms = lane->tried_ms + exchange->table->globals.connect_ms;
	totals_add(&lane->requests, 1);
	exchange_count_backend(exchange, 1);
}

static enum proxyproto_version announcement_of(const struct exchange *exchange)
{
	return exchange->service->colors[exchange->color].announce;
}

/* A connection that began with a client's address carries that client's requests alone. */
static struct client *owner_of(const struct exchange *exchange)
{
	return announcement_of(exchange) == PROXYPROTO_NONE ? NULL : exchange->client;
}

void exchange_attempt(struct exchange *exchange)
{
	struct backend *backend = choose(exchange);
	if (!backend) {
		if (exchange->fail == FAIL_none)
			exchange_fail(exchange, why_no_backend(exchange));
		else
			exchange_give_up(exchange, exchange->fail); /* counted when it happened */
		return;
	}
	enum fail fail = FAIL_none;
	struct tlsback *tls = exchange->service->colors[exchange->color].tls;
	take_backend(exchange, backend);
	if (!exchange->fresh_only)
		exchange->upstream = pool_take(exchange->worker, backend, tls, exchange, owner_of(exchange), exchange_may_replay(exchange));
	if (!exchange->upstream)
		exchange->upstream = upstream_open(exchange->worker, backend, tls, exchange, &fail);
	if (!exchange->upstream) {
		exchange_fail(exchange, fail);
		return;
	}
	exchange->upstream->owner = owner_of(exchange);
	exchange->upstream->reusable = true;
	if (!exchange->upstream->connecting) {
		exchange_on_connected(exchange);
		return;
	}
	exchange->step = EXCHANGE_CONNECTING;
	conn_arm(&exchange->upstream->conn, DEADLINE_connect, connect_time_ms(exchange));
}

static size_t write_announcement(struct exchange *exchange, char out[PROXYPROTO_WRITE_SIZE])
{
	struct endpoint to;
	client_read_destination(exchange->client, &to);
	return proxyproto_write(announcement_of(exchange), &exchange->client->peer, &to, out);
}

bool exchange_announce(struct exchange *exchange)
{
	char announcement[PROXYPROTO_WRITE_SIZE];
	if (!exchange->upstream->owner)
		return true;
	const struct iovec part = {announcement, write_announcement(exchange, announcement)};
	return conn_send(&exchange->upstream->conn, &part, 1, NULL) == CONN_SENT;
}

void exchange_on_connected(struct exchange *exchange)
{
	struct conn *conn = &exchange->upstream->conn;
	char announcement[PROXYPROTO_WRITE_SIZE];
	struct iovec parts[2] = {{announcement, 0}, {exchange->held, exchange->held_length}};
	size_t written;
	exchange->step = EXCHANGE_SENDING;
	if (exchange->upstream->owner && !exchange->upstream->used && !conn->secure)
		parts[0].iov_len = write_announcement(exchange, announcement);
	bool announces = parts[0].iov_len > 0;
	enum conn_send sent = conn_send(conn, announces ? parts : parts + 1, announces ? 2 : 1, &written);
	/* Full of what an earlier request left unread: a byte that comes now is no answer to one of which nothing has gone (RFC 9112 section 9.2). */
	bool stuck = sent == CONN_KEPT && written == 0 && exchange->upstream->used;
	exchange->sent_any = written > 0 || (sent == CONN_KEPT && !stuck);
	if (sent == CONN_BROKEN || stuck) {
		exchange_fail(exchange, FAIL_connect_failed);
		return;
	}
	relay_arm_request(exchange);
	if (!exchange->request.done)
		conn_read_on(&exchange->client->conn);
	if (conn->readable) /* the event that said so was the one that told of the connection */
		conn_queue(conn);
}

/* ---- the backend's events ---- */

/* Room on the backend's socket: what was kept goes first, then the client's body is read again. */
static bool flush_request(struct exchange *exchange)
{
	struct conn *conn = &exchange->upstream->conn;
	if (!conn_has_backlog(conn) || !conn->writable)
		return true;
	enum conn_send sent = conn_flush(conn);
	if (sent == CONN_BROKEN) {
		/* An answer may lie in the socket: the backend refused the body and said why. */
		if (conn->readable)
			return true;
		exchange_fail(exchange, FAIL_backend_reset);
		return false;
	}
	relay_arm_request(exchange);
	if (sent == CONN_SENT && !exchange->request.done)
		conn_read_on(&exchange->client->conn);
	return true;
}

void exchange_on_backend_ready(struct exchange *exchange)
{
	if (exchange->step == EXCHANGE_TUNNEL) {
		tunnel_run(exchange);
		return;
	}
	if (!flush_request(exchange) || !exchange->upstream->conn.readable)
		return;
	if (exchange->step == EXCHANGE_SENDING)
		answer_read_head(exchange);
	else if (exchange->step == EXCHANGE_ANSWERING)
		relay_read_answer(exchange);
}
