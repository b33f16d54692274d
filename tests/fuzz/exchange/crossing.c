/* Requests that were heard by both colors. Test's thread. */
#include "tests/fuzz/exchange/crossing.h"

#include "proxy/exchange.h"

static bool is_heard_by(const struct oracle_case *that, unsigned client, const struct account_request *request, enum color color)
{
	for (unsigned d = 0; d < deal_count(); d++) {
		const struct deal *deal = deal_at(d);
		if (deal_color(deal) == color && deal_is_of(deal, client, request) && deal_is_only(that, request, deal))
			return true;
	}
	return false;
}

static bool may_cross(const struct oracle_case *that, const struct account_request *request)
{
	return that->crossing.allowed && (EXCHANGE_SAFE_METHODS & 1u << request->method) && !request->upgrades && !request->expects;
}

/* As far as both were heard. */
static bool are_alike(const struct deal *one, const struct deal *other)
{
	size_t length = one->heard_end - one->heard_at, size = other->heard_end - other->heard_at;
	const char *first = one->backend->heard.at + one->heard_at, *second = other->backend->heard.at + other->heard_at;
	return length < size ? deal_has_data(second, size, first, length, false) : deal_has_data(first, length, second, size, false);
}

static void check_words(const struct oracle_case *that, unsigned client, const struct account_request *request)
{
	const struct deal *first = NULL;
	for (unsigned d = 0; d < deal_count(); d++) {
		const struct deal *deal = deal_at(d);
		if (!deal_is_of(deal, client, request) || !deal_is_only(that, request, deal))
			continue;
		oracle_demand(!first || are_alike(first, deal), "a request went out again in other words");
		first = deal;
	}
}

unsigned crossing_check(const struct oracle_case *that)
{
	unsigned crossed = 0;
	for (unsigned client = 0; client < that->client_count; client++) {
		const struct account *account = deal_account(client);
		for (unsigned i = 0; i < account->count; i++) {
			const struct account_request *request = &account->requests[i];
			bool both = is_heard_by(that, client, request, COLOR_BLUE) && is_heard_by(that, client, request, COLOR_GREEN);
			oracle_demand(!both || may_cross(that, request), "a request reached both colors that was one color's");
			check_words(that, client, request);
			crossed += both;
		}
	}
	return crossed;
}

static unsigned bit_of(unsigned status)
{
	return status == 500 ? TABLE_SHIELD_500 : status == 502 ? TABLE_SHIELD_502 : status == 503 ? TABLE_SHIELD_503 : status == 504 ? TABLE_SHIELD_504 : 0;
}

bool crossing_withholds(const struct oracle_case *that, unsigned client, const struct account_request *request, const struct deal *deal, unsigned status)
{
	const struct oracle_crossing *crossing = &that->crossing;
	if (!may_cross(that, request) || !crossing->first_sure || deal_color(deal) != crossing->first)
		return false;
	if (request->bodiless && (crossing->withheld & bit_of(status)))
		return true;
	return deal_is_only(that, request, deal) && is_heard_by(that, client, request, color_other(crossing->first));
}

bool crossing_is_last(const struct oracle_case *that, unsigned client, const struct account_request *request, const struct deal *deal)
{
	enum color color = deal_color(deal);
	if (!may_cross(that, request) || !is_heard_by(that, client, request, color_other(color)))
		return true;
	return that->crossing.first_sure && color != that->crossing.first;
}
