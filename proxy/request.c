/* The meaning of a request head that was read well: method, target, Host, Max-Forwards. Any thread. Part of head.c's work; does not look at the body's length. */
#include "proxy/request.h"

#include <string.h>

#include "proxy/host.h"
#include "proxy/octet.h"

enum method request_method_of(const char *text, size_t length)
{
	static const struct {
		const char *text;
		enum method method;
	} methods[] = {
		{"GET", METHOD_get},
		{"HEAD", METHOD_head},
		{"POST", METHOD_post},
		{"PUT", METHOD_put},
		{"DELETE", METHOD_delete},
		{"PATCH", METHOD_patch},
		{"OPTIONS", METHOD_options},
		{"TRACE", METHOD_trace},
		{"CONNECT", METHOD_connect},
	};
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		if (methods[i].text[0] == text[0] && strlen(methods[i].text) == length && memcmp(methods[i].text, text, length) == 0)
			return methods[i].method;
	}
	return METHOD_other;
}

/* The length of "http://" or "https://" at the start of the target, or 0. Gateways know no other scheme. */
static size_t scheme_length(struct span target)
{
	if (target.length >= 7 && span_is((struct span){target.at, 7}, "http://"))
		return 7;
	if (target.length >= 8 && span_is((struct span){target.at, 8}, "https://"))
		return 8;
	return 0;
}

static enum fail split_absolute(struct head *head)
{
	struct span target = head->target;
	size_t scheme = scheme_length(target);
	if (scheme == 0)
		return FAIL_request_malformed;
	size_t at = scheme;
	while (at < target.length && target.at[at] != '/' && target.at[at] != '?')
		at++;
	head->https = scheme == 8;
	head->authority = (struct span){target.at + scheme, at - scheme};
	head->path = (struct span){target.at + at, target.length - at};
	if (at == target.length) /* RFC 9112 section 3.2.4: OPTIONS without path and query is of the whole server */
		head->path = (struct span){head->method == METHOD_options ? "*" : "/", 1};
	return host_is_valid(head->authority.at, head->authority.length, false) ? FAIL_none : FAIL_request_host;
}

/* Which of the four forms of RFC 9112 section 3.2 the target has. */
enum fail request_split_target(struct head *head)
{
	struct span target = head->target;
	if (head->method == METHOD_connect) {
		head->authority = target;
		return host_is_valid(target.at, target.length, true) ? FAIL_none : FAIL_request_malformed;
	}
	if (target.at[0] == '/') {
		head->path = target;
		return FAIL_none;
	}
	if (target.length == 1 && target.at[0] == '*') {
		head->path = target;
		return head->method == METHOD_options ? FAIL_none : FAIL_request_malformed;
	}
	return split_absolute(head);
}

static unsigned count_fields(const struct head *head, enum field_id id)
{
	unsigned count = 0;
	if (head->first[id] == 0)
		return 0;
	for (unsigned i = head->first[id] - 1; i < head->field_count; i++)
		count += head->fields[i].id == id;
	return count;
}

/* RFC 9112 section 3.2. An empty Host says that the target URI has no authority, which no http URI may lack (RFC 9110 section 4.2.1); section 3.3 lets
 * a server refuse it, and so do we, except beside an absolute form, where Host is not used. */
static enum fail check_host(const struct head *head)
{
	unsigned count = count_fields(head, FIELD_host);
	if (count == 0)
		return head->minor == 0 ? FAIL_none : FAIL_request_host;
	struct span host = head_value(head, FIELD_host);
	if (count > 1)
		return FAIL_request_host;
	if (host.length == 0 && head->authority.length > 0)
		return FAIL_none;
	return host_is_valid(host.at, host.length, false) ? FAIL_none : FAIL_request_host;
}

/* RFC 9110 section 7.6.2: we have to count it down, so for these two methods it must be a number. */
static enum fail check_max_forwards(const struct head *head)
{
	if (head->first[FIELD_max_forwards] == 0 || (head->method != METHOD_options && head->method != METHOD_trace))
		return FAIL_none;
	struct span value = head_value(head, FIELD_max_forwards);
	if (value.length == 0 || count_fields(head, FIELD_max_forwards) > 1)
		return FAIL_request_malformed;
	for (size_t i = 0; i < value.length; i++) {
		if (!octet_is(value.at[i], OCTET_DIGIT))
			return FAIL_request_malformed;
	}
	return FAIL_none;
}

enum fail request_check_fields(const struct head *head)
{
	enum fail fail = check_host(head);
	return fail == FAIL_none ? check_max_forwards(head) : fail;
}
