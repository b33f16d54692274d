/* What backends heard. Test's thread. */
#include "tests/fuzz/exchange/deal.h"

#include <stdlib.h>
#include <string.h>

#include "proxy/proxyproto.h"
#include "proxy/request.h"

#define CLIENTS_MAX 32u
#define CALLS_MAX 64u

static struct account accounts[CLIENTS_MAX];
static char addresses[CALLS_MAX][ENDPOINT_TEXT_SIZE]; /* that were announced to backends */
static struct deal *deals;
static unsigned count, size;

unsigned deal_count(void)
{
	return count;
}

const struct deal *deal_at(unsigned number)
{
	return &deals[number];
}

const struct account *deal_account(unsigned client)
{
	return &accounts[client];
}

enum color deal_color(const struct deal *deal)
{
	return deal->backend->number < 2 ? COLOR_BLUE : COLOR_GREEN;
}

/* ---- requests ---- */

static struct text last_member(struct text list)
{
	size_t at = list.length;
	while (at > 0 && list.at[at - 1] != ' ' && list.at[at - 1] != ',')
		at--;
	return (struct text){list.at + at, list.length - at};
}

static bool has_path(const struct account_request *request, struct text target)
{
	if (request->path.length == 0 || request->path.at[0] == '?') {
		if (target.length == 0 || target.at[0] != '/')
			return false;
		target.at++;
		target.length--;
	}
	return target.length == request->path.length && memcmp(target.at, request->path.at, target.length) == 0;
}

bool deal_has_data(const char *whole, size_t whole_length, const char *part, size_t part_length, bool all)
{
	if (all ? part_length != whole_length : part_length > whole_length)
		return false;
	return part_length == 0 || memcmp(whole, part, part_length) == 0;
}

/* Takes the expected off the text, as far as there is text. */
static bool take_same(struct text *text, const char *expected, size_t length)
{
	size_t here = length < text->length ? length : text->length;
	bool same = deal_has_data(text->at, text->length, expected, here, false);
	text->at += here;
	text->length -= here;
	return same;
}

static bool begins(struct text begun, const struct account_request *request)
{
	static const char version[] = " HTTP/1.1\r\n";
	bool bare = request->path.at[0] == '?';
	return take_same(&begun, request->method_text.at, request->method_text.length) && take_same(&begun, " /", bare ? 2 : 1) &&
	       take_same(&begun, request->path.at, request->path.length) && take_same(&begun, version, sizeof(version) - 1);
}

/* Whether this can be how the backend heard the client's request. */
bool deal_is_of(const struct deal *deal, unsigned client, const struct account_request *request)
{
	const struct stream_message *heard = &deal->request;
	const char *address = accounts[client].address;
	if (deal->announced.at && !text_is(deal->announced, address))
		return false;
	if (deal->begun.length > 0)
		return begins(deal->begun, request);
	if (!text_is(last_member(heard->forwarded_for), address) || heard->method.length != request->method_text.length)
		return false;
	if (memcmp(heard->method.at, request->method_text.at, heard->method.length) != 0 || !has_path(request, heard->target))
		return false;
	return (!heard->whole || request->whole) && deal_has_data(request->data, request->data_length, heard->data, heard->data_length, heard->whole);
}

static void check_request(const struct oracle_case *that, const struct deal *deal)
{
	bool found = false;
	for (unsigned client = 0; client < that->client_count && !found; client++) {
		for (unsigned i = 0; i < accounts[client].count && !found; i++)
			found = deal_is_of(deal, client, &accounts[client].requests[i]);
	}
	oracle_demand(found, "a backend heard a request that its client did not make");
}

/* The PROXY protocol header in front of a connection; its length, 0 while it is not whole. */
static size_t read_announcement(const struct bytes *heard, unsigned version, char address[ENDPOINT_TEXT_SIZE])
{
	static const char second[] = "\r\n\r\n\0\r\nQUIT\n\x21";
	struct proxyproto header;
	enum proxyproto_result result = proxyproto_read(heard->at, heard->length, &header);
	oracle_demand(result != PROXYPROTO_BAD, "a backend heard what is no PROXY protocol header");
	if (result == PROXYPROTO_MORE)
		return 0;
	oracle_demand(memcmp(heard->at, version == 1 ? "PROXY TCP" : second, version == 1 ? 9 : 13) == 0,
		"a PROXY protocol header of the other version, or of nobody");
	endpoint_format_host(&header.source, address);
	return header.length;
}

/* Whether the connection had become useless before this request: it stood idle, and something lay in it that was no answer. */
static bool was_spoilt(const struct party *backend, size_t heard, size_t said)
{
	for (unsigned i = 0; i < backend->rest_count; i++) {
		const struct party_rest *rest = &backend->rests[i];
		if (rest->heard == heard && (rest->said > said || rest->said_end))
			return true;
	}
	return false;
}

static struct deal *next_deal(void)
{
	if (count == size) {
		size = size * 2 + 16;
		struct deal *larger = realloc(deals, size * sizeof(deals[0]));
		if (!larger)
			abort();
		deals = larger;
	}
	memset(&deals[count], 0, sizeof(deals[0]));
	return &deals[count++];
}

static void read_backend(const struct oracle_case *that, const struct party *backend, char address[ENDPOINT_TEXT_SIZE])
{
	size_t heard = 0, said = 0;
	bool over = true, fresh = true;
	unsigned version = that->announces[backend->number / 2];
	if (version > 0 && backend->heard.length > 0) {
		heard = read_announcement(&backend->heard, version, address);
		if (heard == 0)
			return;
	}
	while (heard < backend->heard.length) {
		struct deal *deal = next_deal();
		deal->backend = backend;
		deal->heard_at = heard;
		deal->fresh = fresh;
		fresh = false;
		deal->announced = (struct text){version > 0 ? address : NULL, strlen(address)};
		bool fine = stream_read_request(backend->heard.at + heard, backend->heard.length - heard, &deal->request);
		oracle_demand(fine, "a backend heard what is no request");
		oracle_demand(over, "a backend heard a request before the last answer was over");
		oracle_demand(!was_spoilt(backend, heard, said), "a backend heard a request on a connection that it had spoilt");
		deal->said = said;
		if (!deal->request.has_head) {
			deal->begun = (struct text){backend->heard.at + heard, backend->heard.length - heard};
			deal->heard_end = backend->heard.length;
			check_request(that, deal);
			return;
		}
		enum method method = request_method_of(deal->request.method.at, deal->request.method.length);
		account_read_answer(backend, said, method, &that->limits, &deal->answer);
		heard += deal->request.length;
		said = deal->answer.status > 0 ? deal->answer.end : backend->said.length;
		over = deal->answer.whole && deal->answer.kind != FRAMING_close;
		deal->heard_end = heard;
		check_request(that, deal);
		if (deal->answer.kind == FRAMING_tunnel)
			return;
	}
}

/* No other request can be meant. */
bool deal_is_only(const struct oracle_case *that, const struct account_request *request, const struct deal *deal)
{
	for (unsigned client = 0; client < that->client_count; client++) {
		const struct account *account = &accounts[client];
		for (unsigned i = 0; i < account->count; i++) {
			if (&account->requests[i] != request && deal_is_of(deal, client, &account->requests[i]))
				return false;
		}
	}
	return true;
}

/* ---- all ---- */

void deal_read_all(const struct oracle_case *that)
{
	oracle_demand(that->client_count <= CLIENTS_MAX && that->backend_count <= CALLS_MAX, "too many for the oracle");
	for (unsigned i = 0; i < that->client_count; i++)
		account_open(&accounts[i], that->clients[i], that->announced, oracle_client_address(i), &that->limits);
	count = 0;
	for (unsigned i = 0; i < that->backend_count; i++)
		read_backend(that, that->backends[i], addresses[i]);
}

void deal_forget_all(const struct oracle_case *that)
{
	for (unsigned i = 0; i < that->client_count; i++)
		account_close(&accounts[i]);
	for (unsigned d = 0; d < count; d++) {
		free(deals[d].request.data);
		free(deals[d].answer.data);
	}
}
