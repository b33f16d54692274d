/* Whether the shield covers a failure. Worker thread. */
#include "proxy/shield.h"

#include "proxy/client.h"
#include "proxy/exchange.h"
#include "proxy/worker.h"

static unsigned bit_of_status(unsigned status)
{
	switch (status) {
	case 500:
		return TABLE_SHIELD_500;
	case 502:
		return TABLE_SHIELD_502;
	case 503:
		return TABLE_SHIELD_503;
	case 504:
		return TABLE_SHIELD_504;
	default:
		return 0;
	}
}

/* The exchange's own table says that it may be; the newest one whether the other color is still there for it: after a bake it may be stopped at any time, but not while it is live. */
static bool is_still_on(const struct exchange *exchange)
{
	const struct table *newest = exchange->worker->table;
	if (newest == exchange->table)
		return true;
	for (size_t i = 0; i < newest->service_count; i++) {
		const struct table_service *service = newest->services[i];
		if (service->totals == exchange->totals)
			return service->live != exchange->color || service->colors[exchange->color].shield != 0;
	}
	return false;
}

/* Seldom asked, so that nothing is noted of it when a request begins. */
static bool expects(const struct exchange *exchange)
{
	struct head head;
	struct head_limits limits = {exchange->held_head, HEAD_FIELDS_MAX};
	enum fail fail;
	return head_parse_request(exchange->held, exchange->held_head, 0, &limits, &head, &fail) != HEAD_DONE || head.first[FIELD_expect] != 0;
}

static bool may_be_repeated(const struct exchange *exchange)
{
	bool untouched = !exchange->shielded && !exchange->preview && !exchange->answer_started && !exchange->upgrade;
	if (!untouched || conn_has_backlog(&exchange->client->conn)) /* that has not even read the interim answers */
		return false;
	return exchange->held_whole && exchange->request.done && (EXCHANGE_SAFE_METHODS & 1u << exchange->method) && !expects(exchange);
}

static bool covers(const struct exchange *exchange, unsigned bit)
{
	const struct table_service *service = exchange->service;
	struct worker *worker = exchange->worker;
	return service && (service->colors[exchange->color].shield & bit) && may_be_repeated(exchange) && is_still_on(exchange) &&
	       table_has_fit_backend(service, color_other(exchange->color), worker->index, worker_now_ms(worker));
}

bool shield_covers_failure(const struct exchange *exchange, enum fail fail)
{
	return fail_row(fail)->shield && covers(exchange, TABLE_SHIELD_FAILURES);
}

bool shield_covers_answer(const struct exchange *exchange, unsigned status)
{
	return covers(exchange, bit_of_status(status));
}
