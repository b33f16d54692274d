/* Orders of the control thread. Worker thread. */
#include "proxy/orders.h"

#include "proxy/client.h"
#include "proxy/exchange.h"
#include "proxy/worker.h"

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

void orders_obey(struct worker *worker)
{
	if (!worker->table->has_cuts)
		return;
	uint64_t newest = newest_cut(worker->table);
	for (struct client *client = worker->clients, *next; client; client = next) {
		struct exchange *exchange = client->exchange;
		next = client->next;
		if (exchange && exchange->generation < newest && is_overdue(exchange, worker->table))
			exchange_cut(exchange);
	}
}
