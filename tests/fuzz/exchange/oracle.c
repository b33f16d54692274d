/* What must be true of what was heard. Test's thread. */
#include "tests/fuzz/exchange/oracle.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/exchange/crossing.h"

void (*oracle_on_finding)(void);
static unsigned answered; /* of oracle_sums */

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

static void check_repeats(const struct oracle_case *that)
{
	for (unsigned client = 0; client < that->client_count; client++) {
		for (unsigned i = 0; i < deal_account(client)->count; i++) {
			const struct account_request *request = &deal_account(client)->requests[i];
			unsigned heard[COLOR_COUNT] = {0}, most = that->repeatable & 1u << request->method ? 2 : 1;
			for (unsigned d = 0; d < deal_count(); d++)
				heard[deal_color(deal_at(d))] += deal_is_of(deal_at(d), client, request) && deal_is_only(that, request, deal_at(d));
			oracle_demand(heard[COLOR_BLUE] <= most && heard[COLOR_GREEN] <= most, "a request reached backends too often");
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
	return deal_has_data(said->data, said->data_length, heard->data, heard->data_length, heard->whole);
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
	const struct account_request *request = &deal_account(client)->requests[number];
	bool tunnel = answer->kind == STREAM_TUNNEL, given = false, explained = false;
	for (unsigned d = 0; d < deal_count() && !explained; d++) {
		const struct deal *deal = deal_at(d);
		struct account_answer said = deal->answer;
		bool early = deal->begun.length > 0;
		if (!deal_is_of(deal, client, request))
			continue;
		if (early)
			account_read_answer(deal->backend, deal->said, request->method, &that->limits, &said);
		bool gave = is_from(answer, &said) && !crossing_withholds(that, client, request, deal, said.status);
		given |= gave;
		explained = gave && (!tunnel || is_tunnel(that->clients[client], end, request, deal, said.end));
		if (early)
			free(said.data);
	}
	oracle_demand(given, "a client heard an answer that no backend gave to this request, or one to be discarded, or a cut one as whole");
	oracle_demand(!tunnel || request->upgrades, "a tunnel that was not asked for");
	oracle_demand(explained, "a tunnel's client or backend heard what the other one did not say");
}

/* One answer. True when another one may follow. */
static bool check_answer(const struct oracle_case *that, unsigned client, unsigned number, size_t end, const struct stream_message *answer)
{
	const struct account *account = deal_account(client);
	oracle_demand(number < account->count + account->more, "a client heard more answers than it made requests");
	if (is_own(answer)) {
		oracle_demand(answer->status != 400 || number == account->count || !account->requests[number].whole,
			"a request without a fault was answered as a faulty one");
		oracle_demand(number == account->count || crossing_allows_own(that, client, &account->requests[number], answer->status),
			"an answer of the proxy's own to a request that the fallback had, or had not");
		return answer->whole;
	}
	oracle_demand(number < account->count, "a client heard a backend's answer to what was no request");
	check_passed(that, client, number, end, answer);
	answered += answer->whole && answer->kind != STREAM_TUNNEL;
	return answer->whole && answer->kind != STREAM_TUNNEL;
}

/* How many answers the client has in full. */
static unsigned read_answers(const struct oracle_case *that, unsigned client)
{
	const struct party *party = that->clients[client];
	const struct account *account = deal_account(client);
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

struct oracle_sums oracle_check(const struct oracle_case *that)
{
	struct oracle_sums sums = {0};
	deal_read_all(that);
	check_repeats(that);
	sums.crossed = crossing_check(that);
	answered = 0;
	for (unsigned i = 0; i < that->client_count; i++) {
		read_answers(that, i);
		sums.requests += deal_account(i)->count + deal_account(i)->more;
	}
	sums.answered = answered;
	deal_forget_all(that);
	return sums;
}

/* The client said more than the backend has heard, and that has no answer yet, on a connection that goes on. */
static bool is_stuck(const struct account_request *request, const struct deal *deal)
{
	const struct party *backend = deal->backend;
	bool goes_on = !backend->heard_fin && !backend->heard_reset && !backend->said_fin;
	return goes_on && request->whole && deal->answer.status == 0 && deal->said == backend->said.length && !deal->request.whole;
}

static void check_delivered(const struct oracle_case *that, unsigned client)
{
	const struct party *party = that->clients[client];
	unsigned answers = read_answers(that, client);
	if (party->heard_fin || answers >= deal_account(client)->count)
		return;
	const struct account_request *request = &deal_account(client)->requests[answers];
	for (unsigned d = 0; d < deal_count(); d++) {
		const struct deal *deal = deal_at(d);
		bool waits = deal_is_of(deal, client, request) && deal_is_only(that, request, deal) && deal->backend->fd >= 0;
		oracle_demand(!waits || !is_stuck(request, deal), "a request lies about and does not move");
		oracle_demand(!waits || !deal->answer.whole || !crossing_is_last(that, client, request, deal), "an answer lies about and does not move");
	}
}

void oracle_check_delivered(const struct oracle_case *that)
{
	for (unsigned i = 0; i < that->backend_count; i++)
		oracle_demand(that->backends[i]->waiting.length == 0 || that->backends[i]->fd < 0, "a backend speaks and nobody listens");
	deal_read_all(that);
	for (unsigned i = 0; i < that->client_count; i++) {
		if (that->clients[i]->fd >= 0)
			check_delivered(that, i);
	}
	deal_forget_all(that);
}
