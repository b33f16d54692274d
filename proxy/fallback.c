/* Whether a 404 is tried on the other color. Worker thread. */
#include "proxy/fallback.h"

#include "proxy/assist.h"
#include "proxy/exchange.h"

static bool is_in_paths(const struct exchange *exchange)
{
	struct head head;
	return assist_read_request(exchange, &head) && table_index_find(exchange->service->fallback, "", 0, head.path.at, head.path.length) >= 0;
}

/* By the newest table: after the bake the other color may be stopped at any time, and what began before a flip may be asked of the color that is live now. */
static bool is_wanted(const struct exchange *exchange)
{
	const struct table_service *service = assist_newest(exchange);
	return service && service->colors[exchange->color].fallback;
}

bool fallback_covers(const struct exchange *exchange)
{
	const struct table_service *service = exchange->service;
	if (!service || !service->fallback || exchange->request.kind != FRAMING_none)
		return false;
	bool reads = exchange->method == METHOD_get || exchange->method == METHOD_head;
	return reads && is_wanted(exchange) && is_in_paths(exchange) && assist_is_possible(exchange);
}
