/* What was said, by the proxy's own parsers. Test's thread. */
#include "tests/fuzz/exchange/account.h"

#include <stdlib.h>
#include <string.h>

#include "proxy/body.h"
#include "proxy/fields.h"
#include "proxy/proxyproto.h"

static char *copy(const char *bytes, size_t length)
{
	char *own = malloc(length + 1);
	if (!own)
		abort();
	if (length > 0)
		memcpy(own, bytes, length);
	return own;
}

/* The data of a body from the front of the bytes; *used is its length in its coding. False: malformed. */
static bool read_body(const struct framing *framing, bool answer, const char *bytes, size_t length, char **data, size_t *data_length, size_t *used, bool *whole)
{
	struct body body;
	body_begin(&body, framing);
	body.chunk.answer = answer;
	*data = copy(bytes, length);
	*data_length = *used = 0;
	bool fine = length == 0 || body.done || body_take_data(&body, *data, length, used, data_length);
	*whole = body.done;
	return fine;
}

static bool wants_upgrade(const struct head *head)
{
	return head->minor > 0 && head->first[FIELD_upgrade] != 0 && head_has_token(head, FIELD_connection, "upgrade");
}

static struct account_request *next_request(struct account *account)
{
	if (account->count == account->size) {
		account->size = account->size * 2 + 16;
		account->requests = realloc(account->requests, account->size * sizeof(account->requests[0]));
		if (!account->requests)
			abort();
	}
	return &account->requests[account->count];
}

/* False when no further request can follow this one. */
static bool add_request(struct account *account, const struct head *head, const char *rest, size_t length, size_t at)
{
	struct account_request *request = next_request(account);
	struct framing framing;
	size_t used;
	if (head->method == METHOD_connect || framing_of_request(head, &framing) != FAIL_none) {
		account->more = true;
		return false;
	}
	*request = (struct account_request){
		.method = head->method,
		.method_text = head->method_text,
		.path = head->path,
		.minor = head->minor,
		.upgrades = wants_upgrade(head),
		.expects = head->minor > 0 && head->first[FIELD_expect] != 0, /* ignored in HTTP/1.0: RFC 9110 section 10.1.1 */
		.bodiless = framing.kind == FRAMING_none,
	};
	bool fine = read_body(&framing, false, rest, length, &request->data, &request->data_length, &used, &request->whole);
	request->end = at + used;
	account->count++;
	return fine && request->whole && framing_keeps_open(head);
}

static void set_address(struct account *account, const struct endpoint *announced, uint32_t address)
{
	struct endpoint own;
	uint8_t bytes[4] = {(uint8_t)(address >> 24), (uint8_t)(address >> 16), (uint8_t)(address >> 8), (uint8_t)address};
	endpoint_init(&own, ENDPOINT_IPV4, bytes, 0);
	endpoint_format_host(announced && announced->family != ENDPOINT_NONE ? announced : &own, account->address);
}

void account_open(struct account *account, const struct party *client, bool announced, uint32_t address, const struct head_limits *limits)
{
	static struct head head;
	const struct bytes *said = &client->said;
	struct proxyproto header;
	size_t at = 0;
	account->more = false;
	set_address(account, NULL, address);
	if (announced) {
		if (proxyproto_read(said->at, said->length, &header) != PROXYPROTO_DONE)
			return;
		set_address(account, &header.source, address);
		at = header.length;
		account->more = true; /* a 408 to one who says nothing more */
	}
	while (at < said->length) {
		account->more = false;
		enum fail fail;
		if (head_parse_request(said->at + at, said->length - at, 0, limits, &head, &fail) != HEAD_DONE) {
			account->more = true;
			return;
		}
		size_t rest = at + head.length;
		if (!add_request(account, &head, said->at + rest, said->length - rest, rest))
			return;
		at = account->requests[account->count - 1].end;
	}
}

void account_close(struct account *account)
{
	for (unsigned i = 0; i < account->count; i++)
		free(account->requests[i].data);
	free(account->requests);
	account->requests = NULL;
	account->count = account->size = 0;
}

void account_read_answer(const struct party *backend, size_t at, enum method method, const struct head_limits *limits, struct account_answer *answer)
{
	static struct head head;
	const struct bytes *said = &backend->said;
	struct framing framing;
	enum fail fail;
	size_t used;
	memset(answer, 0, sizeof(*answer));
	do {
		if (at >= said->length || head_parse_answer(said->at + at, said->length - at, 0, limits, &head, &fail) != HEAD_DONE)
			return;
		at += head.length;
	} while (head.status < 200 && head.status != 101);
	if (framing_of_answer(&head, method, &framing) != FAIL_none)
		return;
	answer->status = head.status;
	answer->kind = framing.kind;
	answer->end = at;
	if (framing.kind == FRAMING_tunnel) {
		answer->whole = true;
		return;
	}
	bool fine = read_body(&framing, true, said->at + at, said->length - at, &answer->data, &answer->data_length, &used, &answer->whole);
	answer->end += used;
	if (framing.kind == FRAMING_close)
		answer->whole = backend->said_end;
	answer->whole &= fine;
}
