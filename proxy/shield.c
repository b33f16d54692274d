/* Whether the shield covers a failure. Worker thread. */
#include "proxy/shield.h"

#include "proxy/assist.h"
#include "proxy/exchange.h"

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
	const struct table_service *service = assist_newest(exchange);
	return service && (service == exchange->service || service->live != exchange->color || service->colors[exchange->color].shield != 0);
}

static bool covers(const struct exchange *exchange, unsigned bit)
{
	const struct table_service *service = exchange->service;
	return service && (service->colors[exchange->color].shield & bit) && is_still_on(exchange) && assist_is_possible(exchange);
}

bool shield_covers_failure(const struct exchange *exchange, enum fail fail)
{
	return fail_row(fail)->shield && covers(exchange, TABLE_SHIELD_FAILURES);
}

bool shield_covers_answer(const struct exchange *exchange, unsigned status)
{
	return covers(exchange, bit_of_status(status));
}
