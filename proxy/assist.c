/* Whether a request may go to the other color, too. Worker thread. */
#include "proxy/assist.h"

#include "proxy/client.h"
#include "proxy/exchange.h"
#include "proxy/worker.h"

const struct table_service *assist_newest(const struct exchange *exchange)
{
	const struct table *newest = exchange->worker->table;
	if (newest == exchange->table)
		return exchange->service;
	for (size_t i = 0; i < newest->service_count; i++) {
		if (newest->services[i]->totals == exchange->totals)
			return newest->services[i];
	}
	return NULL;
}

bool assist_read_request(const struct exchange *exchange, struct head *head)
{
	struct head_limits limits = {exchange->held_head, HEAD_FIELDS_MAX};
	enum fail fail;
	return head_parse_request(exchange->held, exchange->held_head, 0, &limits, head, &fail) == HEAD_DONE;
}

/* Seldom asked, so that nothing is noted of it when a request begins. */
static bool expects(const struct exchange *exchange)
{
	struct head head;
	return !assist_read_request(exchange, &head) || head.first[FIELD_expect] != 0;
}

static bool may_be_repeated(const struct exchange *exchange)
{
	bool untouched = !exchange_is_assist(exchange) && !exchange->preview && !exchange->answer_started && !exchange->upgrade;
	if (!untouched || conn_has_backlog(&exchange->client->conn)) /* that has not even read the interim answers */
		return false;
	return exchange->held_whole && exchange->request.done && (EXCHANGE_SAFE_METHODS & 1u << exchange->method) && !expects(exchange);
}

bool assist_is_possible(const struct exchange *exchange)
{
	struct worker *worker = exchange->worker;
	return may_be_repeated(exchange) && table_has_fit_backend(exchange->service, color_other(exchange->color), worker->index, worker_now_ms(worker));
}
