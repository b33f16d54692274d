/* Heads on their way through: runs of unchanged lines are copied whole, the rest is left out and ours written behind. Any thread.
 * Does not decide whether a message may pass: that was done before. */
#include "proxy/fields.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "proxy/octet.h"
#include "proxy/removal.h"

#define REQUEST_ID_MAX 128
#define HOPS_MAX UINT32_MAX

struct out {
	char *at, *end;
	bool full;
};

static inline void put(struct out *out, const char *bytes, size_t length)
{
	if ((size_t)(out->end - out->at) < length) {
		out->full = true;
		return;
	}
	if (length > 0)
		memcpy(out->at, bytes, length);
	out->at += length;
}

static inline void put_text(struct out *out, const char *text)
{
	put(out, text, strlen(text));
}

static inline void put_line(struct out *out, const char *name, struct span value)
{
	put_text(out, name);
	put(out, value.at, value.length);
	put_text(out, "\r\n");
}

bool fields_names_others(const struct head *head)
{
	struct removal removal;
	removal_init(&removal, 0);
	return !removal_add_named(&removal, head) || removal.named_count > 0 || (removal.ids & ~(uint32_t)REMOVAL_HOP_BY_HOP) != 0;
}

static inline bool is_untidy(const struct head *head, const struct head_field *field)
{
	return head->untidy && field->line[field->name_length] != ':';
}

static void put_tidy(struct out *out, const struct head_field *field)
{
	put(out, field->line, field->name_length);
	put_line(out, ": ", (struct span){field->value, field->value_length});
}

/* Most heads pass as they are. */
static bool keeps_all(const struct head *head, const struct removal *removal)
{
	return (head->present & removal->ids) == 0 && !removal->aliases && removal->named_count == 0 && !head->untidy;
}

/* Copies the fields that stay, from `run` on: the first of them, or an unchanged start line right before them. */
static void put_fields(struct out *out, const struct head *head, const struct removal *removal, const char *run)
{
	const char *end = head->fields_at;
	if (keeps_all(head, removal)) {
		put(out, run, (size_t)(head->fields_at + head->fields_length - run));
		return;
	}
	for (unsigned i = 0; i < head->field_count; i++) {
		const struct head_field *field = &head->fields[i];
		end = field->line + field->line_length;
		bool removed = removal_has(removal, field);
		if (!removed && !is_untidy(head, field))
			continue;
		put(out, run, (size_t)(field->line - run));
		if (!removed)
			put_tidy(out, field);
		run = end;
	}
	put(out, run, (size_t)(end - run));
}

static bool has(const struct head *head, enum field_id id)
{
	return head->first[id] != 0;
}

static bool is_repeated(const struct head *head, enum field_id id)
{
	for (unsigned i = head->first[id]; i < head->field_count; i++) {
		if (head->fields[i].id == id)
			return true;
	}
	return false;
}

static bool counts_hops(const struct head *head)
{
	return has(head, FIELD_max_forwards) && (head->method == METHOD_options || head->method == METHOD_trace);
}

/* Digits, as head.c has made sure; larger than we can count is the largest we can count. */
static uint32_t hops_of(const struct head *head)
{
	struct span value = head_value(head, FIELD_max_forwards);
	uint64_t hops = 0;
	for (size_t i = 0; i < value.length && hops <= HOPS_MAX; i++)
		hops = hops * 10 + (uint64_t)(value.at[i] - '0');
	return hops > HOPS_MAX ? HOPS_MAX : (uint32_t)hops;
}

bool fields_must_answer(const struct head *head)
{
	return counts_hops(head) && hops_of(head) == 0;
}

bool fields_has_request_id(const struct head *head)
{
	struct span id = head_value(head, FIELD_x_request_id);
	if (id.length == 0 || id.length > REQUEST_ID_MAX || is_repeated(head, FIELD_x_request_id))
		return false;
	for (size_t i = 0; i < id.length; i++) {
		if (!octet_is(id.at[i], OCTET_TOKEN) && (id.at[i] == '\0' || strchr("/=@:", id.at[i]) == NULL))
			return false;
	}
	return true;
}

static uint32_t request_removals(const struct head *head, const struct fields_to_backend *with)
{
	uint32_t ids = REMOVAL_HOP_BY_HOP | REMOVAL_CERTIFICATE | FIELD_BIT(FIELD_x_forwarded_for) | FIELD_BIT(FIELD_forwarded);
	if (with->upgrade)
		ids &= ~FIELD_BIT(FIELD_upgrade);
	if (!with->expect)
		ids |= FIELD_BIT(FIELD_expect);
	if (!with->trusted)
		ids |= REMOVAL_FORWARDING;
	if (counts_hops(head))
		ids |= FIELD_BIT(FIELD_max_forwards);
	if (!fields_has_request_id(head))
		ids |= FIELD_BIT(FIELD_x_request_id);
	return ids;
}

static struct span host_of(const struct head *head)
{
	return head->authority.length > 0 ? head->authority : head_value(head, FIELD_host);
}

/* Whether the line can be sent as it came: origin form (or "*") and the version in which we send. */
static bool keeps_request_line(const struct head *head)
{
	const char *version = head->target.at + head->target.length + 1;
	return head->path.at == head->target.at && memcmp(version, "HTTP/1.1", 8) == 0;
}

/* Writes the request line and Host where they can't be copied with the fields. Returns where copying begins. */
static const char *put_request_line(struct out *out, const struct head *head, const struct fields_to_backend *with, struct removal *removal)
{
	bool host_in_place = head->first[FIELD_host] == 1 && head->authority.length == 0;
	bool keeps = keeps_request_line(head);
	if (keeps && host_in_place)
		return head->method_text.at;
	if (keeps) {
		put(out, head->method_text.at, (size_t)(head->fields_at - head->method_text.at));
	} else {
		put(out, head->method_text.at, head->method_text.length);
		put_text(out, head->path.at[0] == '?' ? " /" : " ");
		put(out, head->path.at, head->path.length);
		put_text(out, " HTTP/1.1\r\n");
	}
	if (host_in_place)
		return head->fields_at;
	removal->ids |= FIELD_BIT(FIELD_host);
	struct span host = host_of(head);
	put_line(out, "Host: ", host.length > 0 ? host : (struct span){with->host, with->host_length});
	return head->fields_at;
}

/* The values of all fields with this id as one list; what comes in front of its next member. */
static const char *put_values(struct out *out, const struct head *head, enum field_id id, const char *before)
{
	for (unsigned i = head->first[id]; i > 0 && i <= head->field_count; i++) {
		const struct head_field *field = &head->fields[i - 1];
		if (field->id != id || field->value_length == 0)
			continue;
		put_text(out, before);
		put(out, field->value, field->value_length);
		before = ", ";
	}
	return before;
}

static void put_forwarded_for(struct out *out, const struct head *head, const struct fields_to_backend *with)
{
	const char *before = "X-Forwarded-For: ";
	if (with->trusted)
		before = put_values(out, head, FIELD_x_forwarded_for, before);
	if (with->client_length > 0) {
		put_text(out, before);
		put(out, with->client, with->client_length);
		before = ", ";
	}
	if (before[0] == ',')
		put_text(out, "\r\n");
}

/* A trusted peer's list with the peer itself at its end (RFC 7239 section 4). */
static void put_forwarded(struct out *out, const struct head *head, const struct fields_to_backend *with)
{
	if (!with->trusted || !has(head, FIELD_forwarded))
		return;
	bool ipv6 = memchr(with->client, ':', with->client_length) != NULL;
	put_text(out, put_values(out, head, FIELD_forwarded, "Forwarded: "));
	put_text(out, ipv6 ? "for=\"[" : "for=");
	if (with->client_length > 0)
		put(out, with->client, with->client_length);
	else
		put_text(out, "unknown");
	put_text(out, ipv6 ? "]\"" : "");
	put_text(out, with->tls ? ";proto=https\r\n" : "\r\n");
}

static void put_forwarding(struct out *out, const struct head *head, const struct fields_to_backend *with)
{
	put_forwarded_for(out, head, with);
	put_forwarded(out, head, with);
	if (!with->trusted || !has(head, FIELD_x_forwarded_proto))
		put_text(out, with->tls ? "X-Forwarded-Proto: https\r\n" : "X-Forwarded-Proto: http\r\n");
	struct span host = host_of(head);
	if (host.length > 0 && (!with->trusted || !has(head, FIELD_x_forwarded_host)))
		put_line(out, "X-Forwarded-Host: ", host);
}

static void put_hops(struct out *out, const struct head *head)
{
	char text[16];
	uint32_t hops = hops_of(head);
	int length = snprintf(text, sizeof(text), "%" PRIu32, hops > 0 ? hops - 1 : 0);
	put_line(out, "Max-Forwards: ", (struct span){text, (size_t)length});
}

/* TE must be named in Connection by whoever sends it (RFC 9110 section 10.1.4). */
static void put_request_connection(struct out *out, const struct head *head, bool upgrade)
{
	bool trailers = has(head, FIELD_te) && head->minor > 0 && head_has_token(head, FIELD_te, "trailers");
	if (trailers)
		put_text(out, upgrade ? "TE: trailers\r\nConnection: upgrade, TE\r\n" : "TE: trailers\r\nConnection: TE\r\n");
	else if (upgrade)
		put_text(out, "Connection: upgrade\r\n");
}

static void put_via(struct out *out, const struct head *head)
{
	put_text(out, head->minor == 0 ? "Via: 1.0 teal\r\n" : "Via: 1.1 teal\r\n");
}

static size_t put_end(struct out *out, const char *start)
{
	put_text(out, "\r\n");
	return out->full ? 0 : (size_t)(out->at - start);
}

size_t fields_write_request(const struct head *head, const struct fields_to_backend *with, char *to, size_t size)
{
	struct out out = {to, to + size, false};
	struct removal removal;
	removal_init(&removal, request_removals(head, with));
	removal.aliases = (head->present & HEAD_ODD) != 0;
	if (!removal_add_named(&removal, head))
		return 0;
	const char *run = put_request_line(&out, head, with, &removal);
	put_fields(&out, head, &removal, run);
	if (has(head, FIELD_transfer_encoding))
		put_text(&out, "Transfer-Encoding: chunked\r\n");
	if (counts_hops(head))
		put_hops(&out, head);
	put_forwarding(&out, head, with);
	if (with->certificate.length > 0)
		put_line(&out, "Client-Cert: ", with->certificate);
	if (removal.ids & FIELD_BIT(FIELD_x_request_id))
		put_line(&out, "X-Request-Id: ", (struct span){with->request_id, with->request_id_length});
	put_request_connection(&out, head, with->upgrade);
	put_via(&out, head);
	return put_end(&out, to);
}

/* Writes the status line where it can't be copied with the fields. Returns where copying begins. */
static const char *put_status_line(struct out *out, const struct head *head)
{
	const char *line = head->fields_at - head->start_line_length;
	if (head->reason.at != NULL && memcmp(line, "HTTP/1.1", 8) == 0)
		return line;
	put_text(out, "HTTP/1.1");
	put(out, line + 8, 4);
	put_line(out, " ", head->reason.at != NULL ? head->reason : (struct span){"", 0});
	return head->fields_at;
}

static bool passes_upgrade(const struct head *head, const struct fields_to_client *with)
{
	return has(head, FIELD_upgrade) && (with->upgrade || head->status == 426);
}

/* Whether the length that the backend gave says something true about what we send. */
static bool passes_length(const struct head *head, const struct fields_to_client *with)
{
	if (head->status < 200 || head->status == 204)
		return false;
	return with->framing != FRAMING_chunked && !has(head, FIELD_transfer_encoding);
}

static bool merges_length(const struct head *head)
{
	struct span value = head_value(head, FIELD_content_length);
	return value.length > 0 && (is_repeated(head, FIELD_content_length) || memchr(value.at, ',', value.length) != NULL);
}

static uint32_t answer_removals(const struct head *head, const struct fields_to_client *with)
{
	uint32_t ids = REMOVAL_HOP_BY_HOP;
	if (passes_upgrade(head, with))
		ids &= ~FIELD_BIT(FIELD_upgrade);
	if (with->client_minor == 0)
		ids |= FIELD_BIT(FIELD_trailer);
	if (with->hsts.length > 0)
		ids |= FIELD_BIT(FIELD_strict_transport_security);
	if (has(head, FIELD_content_length) && (!passes_length(head, with) || merges_length(head)))
		ids |= FIELD_BIT(FIELD_content_length);
	return ids;
}

static void put_length(struct out *out, const struct head *head)
{
	struct span list = head_value(head, FIELD_content_length), member;
	if (span_take_member(&list, &member))
		put_line(out, "Content-Length: ", member);
}

static void put_answer_connection(struct out *out, const struct head *head, const struct fields_to_client *with)
{
	const char *before = "Connection: ";
	if (with->close || with->keep_alive) {
		put_text(out, before);
		put_text(out, with->close ? "close" : "keep-alive");
		before = ", ";
	}
	if (passes_upgrade(head, with)) {
		put_text(out, before);
		put_text(out, "upgrade");
		before = ", ";
	}
	if (before[0] == ',')
		put_text(out, "\r\n");
}

size_t fields_write_answer(const struct head *head, const struct fields_to_client *with, char *to, size_t size)
{
	struct out out = {to, to + size, false};
	struct removal removal;
	removal_init(&removal, answer_removals(head, with));
	if (!removal_add_named(&removal, head))
		return 0;
	const char *run = put_status_line(&out, head);
	put_fields(&out, head, &removal, run);
	if ((removal.ids & FIELD_BIT(FIELD_content_length)) && passes_length(head, with))
		put_length(&out, head);
	if (with->framing == FRAMING_chunked && with->client_minor > 0)
		put_text(&out, "Transfer-Encoding: chunked\r\n");
	bool has_date = has(head, FIELD_date) && !(removal.ids & FIELD_BIT(FIELD_date));
	if (with->date.length > 0 && head->status >= 200 && !has_date)
		put_line(&out, "Date: ", with->date);
	if (with->hsts.length > 0)
		put_line(&out, "Strict-Transport-Security: ", with->hsts);
	if (with->cookie.length > 0)
		put_line(&out, "Set-Cookie: ", with->cookie);
	put_answer_connection(&out, head, with);
	put_via(&out, head);
	return put_end(&out, to);
}
