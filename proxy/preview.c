/* Who asks for the idle color. Worker thread. Does not choose a color and sends nothing. */
#include "proxy/preview.h"

#include <stdio.h>
#include <string.h>

#include "proxy/cookie.h"

#define TOKENS_MAX 4u /* of one request: a check costs an HMAC */
#define PARAMETER PREVIEW_PARAMETER "="
#define PARAMETER_LENGTH (sizeof(PARAMETER) - 1)

void preview_write_subject(const char *service, enum color color, char out[PREVIEW_SUBJECT_SIZE])
{
	snprintf(out, PREVIEW_SUBJECT_SIZE, "preview %s %.256s", color_name(color), service);
}

static bool is_good(const struct table_service *service, const struct table_globals *globals, struct span token, uint64_t now_s, uint64_t *expires_s)
{
	char subject[PREVIEW_SUBJECT_SIZE];
	preview_write_subject(service->name, color_other(service->live), subject);
	return token_check(globals->preview_key, subject, token.at, token.length, now_s, expires_s);
}

static bool has_header(const struct table_service *service, const struct head *head)
{
	struct span value = head_value_named(head, service->preview_header.text, service->preview_header.length);
	return span_is(value, "1") || span_is(value, "true");
}

static bool has_cookie(const struct table_service *service, const struct table_globals *globals, const struct head *head, uint64_t now_s)
{
	struct cookie_walk walk;
	struct span value;
	uint64_t expires_s;
	cookie_begin(&walk, head);
	for (unsigned i = 0; i < TOKENS_MAX && cookie_next(&walk, service->preview_cookie.text, service->preview_cookie.length, &value); i++) {
		if (is_good(service, globals, value, now_s, &expires_s))
			return true;
	}
	return false;
}

bool preview_is_asked(const struct table_service *service, const struct table_globals *globals, const struct head *head, uint64_t now_s)
{
	if (service->preview_header.text && has_header(service, head))
		return true;
	return service->preview_cookie.text && has_cookie(service, globals, head, now_s);
}

/* ---- links ---- */

/* The token's parameter in the query, with the separator in front of it. */
static bool find_parameter(struct span target, struct span *parameter)
{
	const char *end = target.at + target.length, *at = target.length > 0 ? memchr(target.at, '?', target.length) : NULL;
	while (at) {
		const char *stop = memchr(at + 1, '&', (size_t)(end - at - 1));
		*parameter = (struct span){at, (size_t)((stop ? stop : end) - at)};
		if (parameter->length > PARAMETER_LENGTH && memcmp(at + 1, PARAMETER, PARAMETER_LENGTH) == 0)
			return true;
		at = stop;
	}
	return false;
}

bool preview_read_link(
	const struct table_service *service, const struct table_globals *globals, const struct head *head, uint64_t now_s, struct preview_link *link)
{
	struct span parameter;
	uint64_t expires_s;
	if ((head->method != METHOD_get && head->method != METHOD_head) || !find_parameter(head->path, &parameter))
		return false;
	const char *end = head->path.at + head->path.length, *after = parameter.at + parameter.length;
	link->token = (struct span){parameter.at + 1 + PARAMETER_LENGTH, parameter.length - 1 - PARAMETER_LENGTH};
	link->before = (struct span){head->path.at, (size_t)(parameter.at - head->path.at)};
	link->after = (struct span){after, (size_t)(end - after)};
	if (!is_good(service, globals, link->token, now_s, &expires_s))
		return false;
	link->left_s = expires_s - now_s;
	return true;
}

static bool is_slash(char octet)
{
	return octet == '/' || octet == '\\'; /* browsers take the one for the other */
}

size_t preview_write_target(const struct preview_link *link, char *out, size_t size)
{
	struct span path = link->before, query = link->after;
	bool has_query = path.length > 0 && memchr(path.at, '?', path.length);
	/* What begins with two slashes names another host (RFC 3986 section 4.2). */
	const char *start = path.length == 0 ? "/" : path.length > 1 && is_slash(path.at[1]) ? "/." : path.at[0] == '?' ? "/" : "";
	int length = snprintf(out, size, "%s%.*s%s%.*s", start, (int)path.length, path.length > 0 ? path.at : "",
		query.length == 0 ? ""
		: has_query       ? "&"
				  : "?",
		query.length > 0 ? (int)query.length - 1 : 0, query.length > 0 ? query.at + 1 : "");
	return length > 0 && (size_t)length < size ? (size_t)length : 0;
}
