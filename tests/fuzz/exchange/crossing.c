/* Requests that were heard by both colors. Test's thread. */
#include "tests/fuzz/exchange/crossing.h"

#include <string.h>

#include "proxy/table.h"

static bool is_heard_by(const struct oracle_case *that, unsigned client, const struct account_request *request, enum color color)
{
	for (unsigned d = 0; d < deal_count(); d++) {
		const struct deal *deal = deal_at(d);
		if (deal_color(deal) == color && deal_is_of(deal, client, request) && deal_is_only(that, request, deal))
			return true;
	}
	return false;
}

static bool is_crossed(const struct oracle_case *that, unsigned client, const struct account_request *request)
{
	return is_heard_by(that, client, request, COLOR_BLUE) && is_heard_by(that, client, request, COLOR_GREEN);
}

static bool may_be_shielded(const struct oracle_case *that, const struct account_request *request)
{
	return that->crossing.shield && (ORACLE_SAFE_METHODS & 1u << request->method) && !request->upgrades && !request->expects;
}

/* In the fallback's path, at the border of a segment. */
static bool is_in_path(const struct account_request *request)
{
	size_t length = sizeof(ORACLE_FALLBACK_PATH) - 1;
	const struct span *path = &request->path;
	if (path->length < length || memcmp(path->at, ORACLE_FALLBACK_PATH, length) != 0)
		return false;
	return path->length == length || path->at[length] == '/' || path->at[length] == '?';
}

static bool may_fall_back(const struct oracle_case *that, const struct account_request *request)
{
	bool reads = request->method == METHOD_get || request->method == METHOD_head;
	return that->crossing.fallback && reads && request->bodiless && !request->upgrades && !request->expects && is_in_path(request);
}

static bool may_cross(const struct oracle_case *that, const struct account_request *request)
{
	return may_be_shielded(that, request) || may_fall_back(that, request);
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

/* The color that helps out is tried once, but for a connection that had been used before and may have been stale. */
static void check_attempts(const struct oracle_case *that, unsigned client, const struct account_request *request)
{
	unsigned fresh = 0;
	for (unsigned d = 0; d < deal_count(); d++) {
		const struct deal *deal = deal_at(d);
		if (deal->fresh && deal_color(deal) != that->crossing.first)
			fresh += deal_is_of(deal, client, request) && deal_is_only(that, request, deal);
	}
	oracle_demand(fresh <= 1, "a request was tried twice on the color that helps out");
}

unsigned crossing_check(const struct oracle_case *that)
{
	unsigned crossed = 0;
	for (unsigned client = 0; client < that->client_count; client++) {
		const struct account *account = deal_account(client);
		for (unsigned i = 0; i < account->count; i++) {
			const struct account_request *request = &account->requests[i];
			bool both = is_crossed(that, client, request);
			oracle_demand(!both || may_cross(that, request), "a request reached both colors that was one color's");
			check_words(that, client, request);
			if (both && that->crossing.first_sure)
				check_attempts(that, client, request);
			crossed += both;
		}
	}
	return crossed;
}

static unsigned bit_of(unsigned status)
{
	return status == 500 ? TABLE_SHIELD_500 : status == 502 ? TABLE_SHIELD_502 : status == 503 ? TABLE_SHIELD_503 : status == 504 ? TABLE_SHIELD_504 : 0;
}

/* The first color's answer was to be kept from the client whatever the other one did with the request. */
static bool had_to_go(const struct oracle_case *that, const struct account_request *request, unsigned status)
{
	const struct oracle_crossing *crossing = &that->crossing;
	if (crossing->withheld_missing && status == 404 && may_fall_back(that, request))
		return true;
	return request->bodiless && (crossing->withheld & bit_of(status)) && may_be_shielded(that, request);
}

bool crossing_withholds(const struct oracle_case *that, unsigned client, const struct account_request *request, const struct deal *deal, unsigned status)
{
	const struct oracle_crossing *crossing = &that->crossing;
	if (!may_cross(that, request) || !crossing->first_sure)
		return false;
	bool first = deal_color(deal) == crossing->first;
	if (first && had_to_go(that, request, status))
		return true;
	if (!deal_is_only(that, request, deal) || !is_crossed(that, client, request))
		return false;
	return first || (!crossing->shield && status >= 400 && status != 404); /* no better than the 404 that it was asked for */
}

bool crossing_allows_own(const struct oracle_case *that, unsigned client, const struct account_request *request, unsigned status)
{
	if (status == 404)
		return may_fall_back(that, request);
	return that->crossing.shield || !is_crossed(that, client, request);
}

bool crossing_is_last(const struct oracle_case *that, unsigned client, const struct account_request *request, const struct deal *deal)
{
	enum color color = deal_color(deal);
	if (!may_cross(that, request) || !is_heard_by(that, client, request, color_other(color)))
		return true;
	return that->crossing.first_sure && color != that->crossing.first;
}
