/* Orders of the control thread. Worker thread. */
#include "proxy/orders.h"

#include "proxy/client.h"
#include "proxy/exchange.h"
#include "proxy/warm.h"
#include "proxy/worker.h"

/* ---- cuts ---- */

static bool is_overdue(const struct exchange *exchange, const struct table *table)
{
	for (size_t i = 0; i < table->service_count; i++) {
		const struct table_service *service = table->services[i];
		if (service->totals != exchange->totals)
			continue;
		const struct table_color *color = &service->colors[exchange->color];
		uint64_t before = exchange->step == EXCHANGE_TUNNEL ? color->cut_tunnels_before : color->cut_requests_before;
		return exchange->generation < before;
	}
	return false;
}

/* No exchange of this generation or a newer one is cut. */
static uint64_t newest_cut(const struct table *table)
{
	uint64_t newest = 0;
	for (size_t i = 0; i < table->service_count; i++) {
		for (unsigned c = 0; c < COLOR_COUNT; c++) {
			const struct table_color *color = &table->services[i]->colors[c];
			uint64_t later = color->cut_requests_before > color->cut_tunnels_before ? color->cut_requests_before : color->cut_tunnels_before;
			newest = later > newest ? later : newest;
		}
	}
	return newest;
}

static void cut_overdue(struct worker *worker)
{
	uint64_t newest = newest_cut(worker->table);
	for (struct client *client = worker->clients, *next; client && newest > 0; client = next) {
		struct exchange *exchange = client->exchange;
		next = client->next;
		if (exchange && exchange->generation < newest && is_overdue(exchange, worker->table))
			exchange_cut(exchange);
	}
}

/* ---- tunnels to be closed, one by one ---- */

static bool is_open_tunnel(const struct exchange *exchange, const struct totals *totals, enum color color)
{
	return exchange && exchange->step == EXCHANGE_TUNNEL && exchange->tunnel.step == TUNNEL_OPEN && exchange->totals == totals && exchange->color == color;
}

static uint64_t time_left(struct worker *worker, const struct table_closing *closing)
{
	uint64_t now_ms = worker_now_ms(worker);
	return closing->by_ms > now_ms ? closing->by_ms - now_ms : 0;
}

/* Takes the times back that were given before, and returns how many tunnels are to be closed now. */
static uint64_t count_tunnels(struct worker *worker, const struct totals *totals, enum color color, uint64_t before)
{
	uint64_t count = 0;
	for (struct client *client = worker->clients; client; client = client->next) {
		if (!is_open_tunnel(client->exchange, totals, color))
			continue;
		if (client->conn.deadline.kind == DEADLINE_tunnel)
			conn_disarm(&client->conn);
		count += client->exchange->generation < before;
	}
	return count;
}

/* Each of the tunnels gets its place in what is left of the time, the last one its end. They come in the order of the worker's list, newest first, which is then also the
 * order of their deadlines: so one pass over the list of deadlines has a place for all of them, however many there are. */
static void close_evenly(struct worker *worker, const struct totals *totals, enum color color, const struct table_closing *closing)
{
	uint64_t count = count_tunnels(worker, totals, color, closing->before), at = 0;
	uint64_t left_ms = time_left(worker, closing), now_ms = worker_now_ms(worker);
	struct deadline *last = NULL;
	for (struct client *client = worker->clients; client && count > 0; client = client->next) {
		if (!is_open_tunnel(client->exchange, totals, color) || client->exchange->generation >= closing->before)
			continue;
		uint64_t after_ms = left_ms * ++at / count;
		if (last)
			deadline_arm_behind(last, &client->conn.deadline, now_ms + after_ms);
		else
			conn_arm(&client->conn, DEADLINE_tunnel, after_ms);
		last = &client->conn.deadline;
	}
}

static const struct table_service *find_service(const struct table *table, const struct totals *totals, size_t likely)
{
	if (likely < table->service_count && table->services[likely]->totals == totals)
		return table->services[likely];
	for (size_t i = 0; i < table->service_count; i++)
		if (table->services[i]->totals == totals)
			return table->services[i];
	return NULL;
}

static bool is_same(const struct table_closing *one, const struct table_closing *other)
{
	return one->before == other->before && one->by_ms == other->by_ms;
}

static void obey_closings(struct worker *worker, const struct table *previous)
{
	static const struct table_closing none;
	const struct table *table = worker->table;
	for (size_t i = 0; i < table->service_count; i++) {
		const struct table_service *now = table->services[i], *before = find_service(previous, now->totals, i);
		for (unsigned c = 0; c < COLOR_COUNT && now != before; c++) {
			const struct table_closing *closing = &now->colors[c].closing;
			if (!is_same(closing, before ? &before->colors[c].closing : &none))
				close_evenly(worker, now->totals, (enum color)c, closing);
		}
	}
}

void orders_obey(struct worker *worker, const struct table *previous)
{
	if (!worker->table->has_orders && !previous->has_orders)
		return;
	obey_closings(worker, previous);
	cut_overdue(worker);
	warm_obey(worker);
}

void orders_note_tunnel(struct exchange *exchange)
{
	struct worker *worker = exchange->worker;
	const struct table_service *service = worker->table->has_orders ? find_service(worker->table, exchange->totals, 0) : NULL;
	if (!service || exchange->generation >= service->colors[exchange->color].closing.before)
		return;
	uint64_t left_ms = time_left(worker, &service->colors[exchange->color].closing);
	uint64_t anywhere = (worker_now_us(worker) * 0x9e3779b97f4a7c15u) >> 40; /* of 2^24 */
	conn_arm(&exchange->client->conn, DEADLINE_tunnel, left_ms * anywhere >> 24);
}
