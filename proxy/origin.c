/* The client's address from the fields of trusted proxies. Any thread. Does not decide who is trusted, and changes no field: that is fields.c. */
#include "proxy/origin.h"

#include <string.h>

#include "proxy/octet.h"

#define NODE_MAX 64u /* more than any address with its port */

/* The last members of a list that was read from its beginning. */
struct tail {
	struct span members[ORIGIN_HOPS_MAX];
	size_t count; /* of all members */
};

static void keep(struct tail *tail, struct span member)
{
	tail->members[tail->count++ % ORIGIN_HOPS_MAX] = member;
}

/* ---- one address ---- */

static bool read_port(struct span text, uint16_t *port)
{
	uint32_t value = 0;
	if (text.length == 0 || text.length > 5)
		return false;
	for (size_t i = 0; i < text.length; i++) {
		if (!octet_is(text.at[i], OCTET_DIGIT))
			return false;
		value = value * 10 + (uint32_t)(text.at[i] - '0');
	}
	*port = (uint16_t)value;
	return value <= UINT16_MAX;
}

/* `_` and letters, digits, dots, underscores, hyphens (RFC 7239 section 6.3). */
static bool is_hidden(struct span text)
{
	if (text.length < 2 || text.at[0] != '_')
		return false;
	for (size_t i = 1; i < text.length; i++) {
		char lower = octet_lower(text.at[i]);
		if (!octet_is(lower, OCTET_DIGIT) && (lower < 'a' || lower > 'z') && lower != '.' && lower != '_' && lower != '-')
			return false;
	}
	return true;
}

/* An IPv4 address or an IPv6 address in brackets, and perhaps a port behind a colon (RFC 7239 section 6). False also for what hides the address. */
static bool read_node(struct span node, struct endpoint *endpoint)
{
	const char *end = node.at + node.length, *stop, *rest;
	bool bracketed = node.length > 0 && node.at[0] == '[';
	if (bracketed) {
		node.at++;
		stop = memchr(node.at, ']', (size_t)(end - node.at));
		rest = stop ? stop + 1 : end;
	} else {
		stop = memchr(node.at, ':', node.length);
		stop = rest = stop ? stop : end;
	}
	if (!stop)
		return false;
	struct span host = {node.at, (size_t)(stop - node.at)};
	if ((memchr(host.at, ':', host.length) != NULL) != bracketed || !endpoint_parse_host(endpoint, host))
		return false;
	if (rest == end)
		return true;
	struct span port = {rest + 1, (size_t)(end - rest) - 1};
	return *rest == ':' && (read_port(port, &endpoint->port) || is_hidden(port));
}

/* ---- X-Forwarded-For ---- */

/* Here an IPv6 address may also stand without brackets. */
static bool read_plain(struct span member, struct endpoint *endpoint)
{
	return endpoint_parse_host(endpoint, member) || read_node(member, endpoint);
}

/* ---- Forwarded ---- */

/* Cuts the next part off that ends before `separator`, or at the end; a separator in a quoted string is none. */
static struct span take_part(struct span *list, char separator)
{
	const char *at = list->at, *end = list->at + list->length;
	bool quoted = false;
	for (; at < end && (quoted || *at != separator); at++) {
		if (*at == '"')
			quoted = !quoted;
		else if (*at == '\\' && quoted && at + 1 < end)
			at++;
	}
	struct span part = {list->at, (size_t)(at - list->at)};
	at += at < end;
	*list = (struct span){at, (size_t)(end - at)};
	while (part.length > 0 && octet_is_space(part.at[0])) {
		part.at++;
		part.length--;
	}
	while (part.length > 0 && octet_is_space(part.at[part.length - 1]))
		part.length--;
	return part;
}

/* The text of a quoted string, without its quotes and backslashes (RFC 9110 section 5.6.4). */
static bool unquote(struct span quoted, char out[NODE_MAX], struct span *text)
{
	size_t length = 0;
	if (quoted.length < 2 || quoted.at[quoted.length - 1] != '"')
		return false;
	for (size_t i = 1; i + 1 < quoted.length; i++) {
		if (quoted.at[i] == '\\')
			i++;
		else if (quoted.at[i] == '"')
			return false;
		if (i + 1 >= quoted.length || length == NODE_MAX)
			return false;
		out[length++] = quoted.at[i];
	}
	*text = (struct span){out, length};
	return true;
}

static bool is_token(struct span text)
{
	return text.length > 0 && octet_skip_token(text.at, text.at + text.length) == text.at + text.length;
}

static bool read_value(struct span value, struct endpoint *endpoint)
{
	char bytes[NODE_MAX];
	struct span text = value;
	bool is_quoted = value.length > 0 && value.at[0] == '"';
	if (is_quoted ? !unquote(value, bytes, &text) : !is_token(value))
		return false;
	return read_node(text, endpoint);
}

/* The address of an element's one `for`. */
static bool read_element(struct span element, struct endpoint *endpoint)
{
	bool found = false;
	while (element.length > 0) {
		struct span value = take_part(&element, ';'), name = take_part(&value, '=');
		if (!span_is(name, "for"))
			continue;
		if (found || !read_value(value, endpoint))
			return false;
		found = true;
	}
	return found;
}

static void keep_elements(struct span list, struct tail *tail)
{
	while (list.length > 0) {
		struct span element = take_part(&list, ',');
		if (element.length > 0)
			keep(tail, element);
	}
}

/* ---- the search ---- */

static void collect(const struct head *head, enum field_id id, struct tail *tail)
{
	for (unsigned i = head->first[id]; i > 0 && i <= head->field_count; i++) {
		const struct head_field *field = &head->fields[i - 1];
		struct span list = {field->value, field->value_length}, member;
		if (field->id != id)
			continue;
		if (id == FIELD_forwarded)
			keep_elements(list, tail);
		while (id == FIELD_x_forwarded_for && span_take_member(&list, &member))
			keep(tail, member);
	}
}

static bool is_same_host(const struct endpoint *one, const struct endpoint *other)
{
	return one->family == other->family && memcmp(one->bytes, other->bytes, sizeof(one->bytes)) == 0;
}

static bool read_member(struct span member, enum field_id id, struct endpoint *found)
{
	return id == FIELD_x_forwarded_for ? read_plain(member, found) : read_element(member, found);
}

/* *client is the peer at first. False when the list names nobody else. */
static bool search(const struct addr_block *trusted, size_t trusted_count, const struct head *head, enum field_id id, struct endpoint *client)
{
	struct tail tail = {.count = 0};
	struct endpoint peer = *client, found;
	bool named = false;
	collect(head, id, &tail);
	for (size_t left = tail.count, looked = 0; left > 0 && looked < ORIGIN_HOPS_MAX; left--, looked++) {
		if (!read_member(tail.members[(left - 1) % ORIGIN_HOPS_MAX], id, &found))
			return true;
		if (!named && is_same_host(&found, &peer))
			continue;
		named = true;
		*client = found;
		if (!endpoint_is_in(&found, trusted, trusted_count))
			return true;
	}
	return named;
}

void origin_find(const struct endpoint *peer, const struct addr_block *trusted, size_t trusted_count, const struct head *head, struct endpoint *client)
{
	*client = *peer;
	if (!search(trusted, trusted_count, head, FIELD_x_forwarded_for, client))
		search(trusted, trusted_count, head, FIELD_forwarded, client);
}
