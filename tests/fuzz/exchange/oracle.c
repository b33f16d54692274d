/* What must be true of what was heard. Test's thread. */
#include "tests/fuzz/exchange/oracle.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/proxyproto.h"
#include "proxy/request.h"
#include "tests/fuzz/exchange/account.h"
#include "tests/fuzz/exchange/stream.h"

#define CLIENTS_MAX 32u
#define CALLS_MAX 64u

/* A request as a backend heard it, and what it said to it. */
struct deal {
	const struct party *backend;
	struct stream_message request;
	struct text
		begun; /* when no more than a part of the request's head was heard: this; no other member tells anything of the request then, nor of its answer */
	struct account_answer answer;
	size_t said;           /* where the answer begins */
	size_t heard_end;      /* of the request */
	struct text announced; /* whose connection it is, where that is said */
};

void (*oracle_on_finding)(void);
static struct account accounts[CLIENTS_MAX];
static char addresses[CALLS_MAX][ENDPOINT_TEXT_SIZE]; /* that were announced to backends */
static struct deal *deals;
static unsigned deal_count, deal_size;

void oracle_demand(bool holds, const char *words)
{
	if (holds)
		return;
	fprintf(stderr, "finding: %s\n", words);
	if (oracle_on_finding)
		oracle_on_finding();
	abort();
}

uint32_t oracle_client_address(unsigned client)
{
	return 0xc0000201u + client; /* 192.0.2.1 */
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

static bool has_data(const char *whole, size_t whole_length, const char *part, size_t part_length, bool all)
{
	if (all ? part_length != whole_length : part_length > whole_length)
		return false;
	return part_length == 0 || memcmp(whole, part, part_length) == 0;
}

/* Takes the expected off the text, as far as there is text. */
static bool take_same(struct text *text, const char *expected, size_t length)
{
	size_t here = length < text->length ? length : text->length;
	bool same = has_data(text->at, text->length, expected, here, false);
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
static bool is_of(const struct deal *deal, unsigned client, const struct account_request *request)
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
	return (!heard->whole || request->whole) && has_data(request->data, request->data_length, heard->data, heard->data_length, heard->whole);
}

static void check_request(const struct oracle_case *that, const struct deal *deal)
{
	bool found = false;
	for (unsigned client = 0; client < that->client_count && !found; client++) {
		for (unsigned i = 0; i < accounts[client].count && !found; i++)
			found = is_of(deal, client, &accounts[client].requests[i]);
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
	if (deal_count == deal_size) {
		deal_size = deal_size * 2 + 16;
		deals = realloc(deals, deal_size * sizeof(deals[0]));
		oracle_demand(deals != NULL, "no memory for the oracle");
	}
	memset(&deals[deal_count], 0, sizeof(deals[0]));
	return &deals[deal_count++];
}

static void read_backend(const struct oracle_case *that, const struct party *backend, char address[ENDPOINT_TEXT_SIZE])
{
	size_t heard = 0, said = 0;
	bool over = true;
	unsigned version = that->announces[backend->number / 2];
	if (version > 0 && backend->heard.length > 0) {
		heard = read_announcement(&backend->heard, version, address);
		if (heard == 0)
			return;
	}
	while (heard < backend->heard.length) {
		struct deal *deal = next_deal();
		deal->backend = backend;
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
static bool is_only(const struct oracle_case *that, const struct account_request *request, const struct deal *deal)
{
	for (unsigned client = 0; client < that->client_count; client++) {
		const struct account *account = &accounts[client];
		for (unsigned i = 0; i < account->count; i++) {
			if (&account->requests[i] != request && is_of(deal, client, &account->requests[i]))
				return false;
		}
	}
	return true;
}

static void check_repeats(const struct oracle_case *that)
{
	for (unsigned client = 0; client < that->client_count; client++) {
		for (unsigned i = 0; i < accounts[client].count; i++) {
			const struct account_request *request = &accounts[client].requests[i];
			unsigned heard = 0, most = that->repeatable & 1u << request->method ? 2 : 1;
			for (unsigned d = 0; d < deal_count; d++)
				heard += is_of(&deals[d], client, request) && is_only(that, request, &deals[d]);
			oracle_demand(heard <= most, "a request reached backends too often");
		}
	}
}

/* ---- answers ---- */

/* Answers that are passed on go through Via. */
static bool is_own(const struct stream_message *answer)
{
	return !answer->has_via;
}

/* Whether this can be how the client heard the backend's answer. */
static bool is_from(const struct stream_message *heard, const struct account_answer *said)
{
	if (said->status != heard->status || (heard->whole && !said->whole))
		return false;
	return has_data(said->data, said->data_length, heard->data, heard->data_length, heard->whole);
}

/* Whether the bytes are whole WebSocket frames. */
static bool are_frames(const char *bytes, size_t length)
{
	size_t at = 0;
	while (length - at >= 2) {
		unsigned char second = (unsigned char)bytes[at + 1];
		unsigned size = (second & 127u) < 126 ? 0 : (second & 127u) == 126 ? 2 : 8;
		size_t header = 2 + size + (second & 128u ? 4 : 0);
		uint64_t payload = size > 0 ? 0 : second & 127u;
		if (length - at < header)
			return false;
		for (unsigned i = 0; i < size; i++)
			payload = payload << 8 | (unsigned char)bytes[at + 2 + i];
		if (payload > length - at - header)
			return false;
		at += header + (size_t)payload;
	}
	return at == length;
}

/* How much of what was heard in the tunnel the other side said, from `from` on. */
static size_t count_same(const struct bytes *said, size_t from, const char *heard, size_t length)
{
	size_t same = 0;
	while (same < length && from + same < said->length && said->at[from + same] == heard[same])
		same++;
	return same;
}

static bool is_close_frame(const char *bytes, size_t length, bool masked)
{
	static const char down[] = "\x88\x11\x03\xf4service restart";
	if (!masked)
		return length <= sizeof(down) - 1 && memcmp(bytes, down, length) == 0;
	return length <= 8 && memcmp(bytes, "\x88\x82", length < 2 ? length : 2) == 0 &&
	       (length < 8 || ((bytes[2] ^ bytes[6]) == 3 && (bytes[3] ^ bytes[7]) == (char)0xe9));
}

/* Everything heard was said, but for a Close frame of the proxy's own; its first bytes may by chance be the same as what was said. */
static bool follows(const struct bytes *said, size_t from, const struct bytes *heard, size_t at, bool masked)
{
	const char *bytes = heard->at + at;
	size_t length = heard->length - at, same = count_same(said, from, bytes, length);
	if (same == length)
		return true;
	for (size_t less = 0; less <= same; less++) {
		size_t before = same - less;
		if (is_close_frame(bytes + before, length - before, masked) && are_frames(bytes, before))
			return true;
	}
	return false;
}

/* Whether both sides of the tunnel, which begins at `heard` in what the client heard and at `said` in what the backend said, have said what the other one heard. */
static bool is_tunnel(const struct party *client, size_t heard, const struct account_request *request, const struct deal *deal, size_t said)
{
	const struct party *backend = deal->backend;
	return follows(&backend->said, said, &client->heard, heard, false) && follows(&client->said, request->end, &backend->heard, deal->heard_end, true);
}

/* Answers and requests may be alike: it is enough that one deal explains all that was heard. `end`: of the answer in what the client heard. */
static void check_passed(const struct oracle_case *that, unsigned client, unsigned number, size_t end, const struct stream_message *answer)
{
	const struct account_request *request = &accounts[client].requests[number];
	bool tunnel = answer->kind == STREAM_TUNNEL, given = false, explained = false;
	for (unsigned d = 0; d < deal_count && !explained; d++) {
		const struct deal *deal = &deals[d];
		struct account_answer said = deal->answer;
		bool early = deal->begun.length > 0;
		if (!is_of(deal, client, request))
			continue;
		if (early)
			account_read_answer(deal->backend, deal->said, request->method, &that->limits, &said);
		bool gave = is_from(answer, &said);
		given |= gave;
		explained = gave && (!tunnel || is_tunnel(that->clients[client], end, request, deal, said.end));
		if (early)
			free(said.data);
	}
	oracle_demand(given, "a client heard an answer that no backend gave to this request, or a cut one as whole");
	oracle_demand(!tunnel || request->upgrades, "a tunnel that was not asked for");
	oracle_demand(explained, "a tunnel's client or backend heard what the other one did not say");
}

/* One answer. True when another one may follow. */
static bool check_answer(const struct oracle_case *that, unsigned client, unsigned number, size_t end, const struct stream_message *answer)
{
	const struct account *account = &accounts[client];
	oracle_demand(number < account->count + account->more, "a client heard more answers than it made requests");
	if (is_own(answer)) {
		oracle_demand(answer->status != 400 || number == account->count || !account->requests[number].whole,
			"a request without a fault was answered as a faulty one");
		return answer->whole;
	}
	oracle_demand(number < account->count, "a client heard a backend's answer to what was no request");
	check_passed(that, client, number, end, answer);
	return answer->whole && answer->kind != STREAM_TUNNEL;
}

/* How many answers the client has in full. */
static unsigned read_answers(const struct oracle_case *that, unsigned client)
{
	const struct party *party = that->clients[client];
	const struct account *account = &accounts[client];
	unsigned number = 0;
	bool more = true;
	for (size_t at = 0; more && at < party->heard.length;) {
		struct stream_message answer;
		bool to_head = number < account->count && account->requests[number].method == METHOD_head;
		bool fine = stream_read_answer(party->heard.at + at, party->heard.length - at, to_head, party->heard_fin && !party->heard_reset, &answer);
		oracle_demand(fine, "a client heard what is no answer");
		at += answer.length;
		if (!answer.has_head) {
			more = false;
		} else if (answer.status < 200 && answer.status != 101) {
			oracle_demand(number < account->count && account->requests[number].minor > 0, "an interim answer to no request, or to HTTP/1.0");
		} else {
			more = check_answer(that, client, number, at, &answer);
			number += answer.whole;
		}
		free(answer.data);
	}
	return number;
}

/* ---- all ---- */

static void read_all(const struct oracle_case *that)
{
	oracle_demand(that->client_count <= CLIENTS_MAX && that->backend_count <= CALLS_MAX, "too many for the oracle");
	for (unsigned i = 0; i < that->client_count; i++)
		account_open(&accounts[i], that->clients[i], that->announced, oracle_client_address(i), &that->limits);
	deal_count = 0;
	for (unsigned i = 0; i < that->backend_count; i++)
		read_backend(that, that->backends[i], addresses[i]);
}

static void forget_all(const struct oracle_case *that)
{
	for (unsigned i = 0; i < that->client_count; i++)
		account_close(&accounts[i]);
	for (unsigned d = 0; d < deal_count; d++) {
		free(deals[d].request.data);
		free(deals[d].answer.data);
	}
}

void oracle_check(const struct oracle_case *that)
{
	read_all(that);
	check_repeats(that);
	for (unsigned i = 0; i < that->client_count; i++)
		read_answers(that, i);
	forget_all(that);
}

static void check_delivered(const struct oracle_case *that, unsigned client)
{
	const struct party *party = that->clients[client];
	unsigned answers = read_answers(that, client);
	if (party->heard_fin || answers >= accounts[client].count)
		return;
	const struct account_request *request = &accounts[client].requests[answers];
	for (unsigned d = 0; d < deal_count; d++) {
		bool waits = is_of(&deals[d], client, request) && is_only(that, request, &deals[d]) && deals[d].backend->fd >= 0;
		oracle_demand(!waits || !deals[d].answer.whole, "an answer lies about and does not move");
	}
}

void oracle_check_delivered(const struct oracle_case *that)
{
	for (unsigned i = 0; i < that->backend_count; i++)
		oracle_demand(that->backends[i]->waiting.length == 0 || that->backends[i]->fd < 0, "a backend speaks and nobody listens");
	read_all(that);
	for (unsigned i = 0; i < that->client_count; i++) {
		if (that->clients[i]->fd >= 0)
			check_delivered(that, i);
	}
	forget_all(that);
}
