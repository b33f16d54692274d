/* The tries of one call, in the order of their steps: a place, keys, an address, the request, its answer, and maybe a pause. Control thread.
 * Knows no operation: what is asked, and how its answer reads, is in route53.c. */
#include "dns/route53_call.h"

#include <assert.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/fetch.h"
#include "base/memory.h"
#include "dns/sigv4.h"
#include "dns/xml.h"

#define SENTENCE_MAX ((size_t)64 * 1024)

static void try_again(struct route53_call *call);

static bool is_change(const struct route53_call *call)
{
	return strcmp(call->kind->method, "POST") == 0;
}

/* ---- the end of a call ---- */

static void forget_failure(struct route53_call *call)
{
	r53_error_fini(&call->error);
	call->has_error = false;
	call->why.text[0] = '\0';
}

static void stop(struct route53_call *call)
{
	if (call->wait)
		call->api->tools.source.cancel(call->wait);
	if (call->job)
		fetch_cancel(call->job);
	call->wait = NULL;
	call->job = NULL;
	evtimer_del(call->timer);
}

void route53_call_free(struct route53_call *call)
{
	stop(call);
	*call->link = call->next;
	if (call->next)
		call->next->link = call->link;
	event_free(call->timer);
	forget_failure(call);
	free(call->target);
	free(call->body);
	free(call->zone_id);
	free(call->name);
	free(call->type);
	r53_change_fini(&call->change);
	record_free_all(call->records, call->record_count);
	r53_zone_free_all(call->zones, call->zone_count);
	free(call);
}

static void describe_effort(const struct route53_call *call, struct text *out)
{
	char taken[TEXT_UNIT_SIZE];
	uint64_t ms = clock_mono_ms() - (call->deadline_ms - call->patience_ms);
	text_format_duration(ms < 1000 ? ms : ms / 1000 * 1000, taken);
	if (call->keyless)
		text_addf(out, "; without keys there is no %s", call->kind->name);
	text_addf(out, " (%u request%s in %s)", call->requests, call->requests == 1 ? "" : "s", taken);
}

static void describe_end(const struct route53_call *call, enum route53_outcome outcome, struct text *out)
{
	if (outcome == ROUTE53_DONE)
		return;
	if (outcome == ROUTE53_REFUSED)
		text_addf(out, "Route 53 refused %s: ", call->kind->name);
	else if (outcome == ROUTE53_UNKNOWN)
		text_addf(out, "it is not known whether Route 53 has done %s: ", call->kind->name);
	else if (!call->keyless)
		text_addf(out, "%s came to nothing: ", call->kind->name);
	if (call->has_error)
		r53_error_describe(&call->error, out);
	text_addf(out, "%s%s", call->has_error && call->why.text[0] ? "; " : "", call->why.text);
	if (outcome == ROUTE53_FAILED)
		describe_effort(call, out);
}

static void fill_result(const struct route53_call *call, struct route53_result *result)
{
	if (call->change.id)
		result->change = &call->change;
	result->records = call->records;
	result->record_count = call->record_count;
	result->zones = call->zones;
	result->zone_count = call->zone_count;
}

static void finish(struct route53_call *call, enum route53_outcome outcome)
{
	struct route53 *api = call->api;
	struct text sentence;
	text_init(&sentence, SENTENCE_MAX);
	describe_end(call, outcome, &sentence);
	struct route53_result result = {.outcome = outcome, .sentence = sentence.bytes, .requests = call->requests};
	if (call->has_error)
		result.error = &call->error;
	if (call->keyless)
		result.keyless = call->why.text;
	if (outcome == ROUTE53_DONE)
		fill_result(call, &result);
	stop(call);
	api->delivering++;
	call->done(call->arg, &result);
	api->delivering--;
	text_fini(&sentence);
	route53_call_free(call);
}

/* ---- the steps ---- */

static void enter(struct route53_call *call, enum route53_step step, uint64_t until_ms)
{
	uint64_t now_ms = clock_mono_ms(), in_ms = until_ms > now_ms ? until_ms - now_ms : 0;
	struct timeval in = {.tv_sec = (time_t)(in_ms / 1000), .tv_usec = (suseconds_t)(in_ms % 1000 * 1000)};
	call->step = step;
	if (step == ROUTE53_ASKING)
		evtimer_del(call->timer);
	else
		evtimer_add(call->timer, &in);
}

/* After a pause, while there is patience for another try behind it. */
static void pause_or_give_up(struct route53_call *call)
{
	uint32_t random = 0;
	if (getrandom(&random, sizeof(random), GRND_NONBLOCK) != (ssize_t)sizeof(random))
		random = (uint32_t)clock_mono_us();
	uint64_t pause_ms = r53_pace_pause(call->api->settings.pause_ms, ++call->failed, random), again_ms = clock_mono_ms() + pause_ms;
	if (again_ms >= call->deadline_ms)
		finish(call, ROUTE53_FAILED);
	else
		enter(call, ROUTE53_PAUSE, again_ms);
}

/* The request was sent, or may have been, and what became of it is not known. What only reads is simply asked again. */
static void take_uncertainty(struct route53_call *call)
{
	if (is_change(call))
		finish(call, ROUTE53_UNKNOWN);
	else
		pause_or_give_up(call);
}

/* ---- the answer ---- */

static void take_done(struct route53_call *call, const struct fetch_answer *answer)
{
	enum xml_fault fault;
	struct xml *xml = xml_read(answer->body, answer->body_length, &fault);
	enum route53_reading reading = xml ? call->kind->read(call, xml_root(xml)) : ROUTE53_FAULTY;
	xml_free(xml);
	if (reading == ROUTE53_FAULTY) {
		err_set(&call->why, "the answer %s", xml ? "is not that of Route 53 to what was asked" : xml_explain_fault(fault));
		finish(call, is_change(call) ? ROUTE53_UNKNOWN : ROUTE53_FAILED);
		return;
	}
	call->failed = 0;
	if (reading == ROUTE53_MORE)
		try_again(call);
	else
		finish(call, ROUTE53_DONE);
}

/* True when the next try is signed for another time. */
static bool correct_clock(struct route53_call *call)
{
	struct route53 *api = call->api;
	if (call->clock_corrected || !api->skew_known)
		return false;
	call->clock_corrected = true;
	api->corrected_s = api->skew_s;
	return true;
}

static bool renew_keys(struct route53_call *call)
{
	const struct route53_source *source = &call->api->tools.source;
	if (call->renewed)
		return false;
	call->renewed = true;
	source->refuse(source->credentials, call->key_id);
	return true;
}

static void take_error(struct route53_call *call, const struct fetch_answer *answer)
{
	r53_error_read(&call->error, answer->status, answer->body, answer->body_length, fetch_answer_header(answer, "x-amzn-RequestId"));
	call->has_error = true;
	enum r53_remedy remedy = r53_error_choose(&call->error);
	bool again = (remedy == R53_CLOCK && correct_clock(call)) || (remedy == R53_RENEW && renew_keys(call));
	if (again)
		try_again(call);
	else if (remedy == R53_BACKOFF)
		pause_or_give_up(call);
	else if (remedy == R53_UNSURE)
		take_uncertainty(call);
	else
		finish(call, ROUTE53_REFUSED);
}

static void note_clock(struct route53 *api, const struct fetch_answer *answer)
{
	int64_t skew_s;
	if (!sigv4_read_skew(fetch_answer_header(answer, "Date"), (int64_t)(api->settings.wall_ms() / 1000), &skew_s))
		return;
	api->skew_known = true;
	api->skew_s = skew_s;
}

/* Not one byte of the request can have left: there was no connection yet. */
static bool was_not_sent(const struct fetch_answer *answer)
{
	switch (answer->outcome) {
	case FETCH_REFUSED:
	case FETCH_UNREACHABLE:
	case FETCH_TLS:
		return true;
	case FETCH_TIMED_OUT:
		return answer->connect_us == 0;
	default:
		return false;
	}
}

static void take_silence(struct route53_call *call, const struct fetch_answer *answer)
{
	err_set(&call->why, "%.200s: %s", r53_endpoint_host(call->api->endpoint), answer->detail);
	r53_endpoint_pass(call->api->endpoint);
	if (was_not_sent(answer))
		pause_or_give_up(call);
	else
		take_uncertainty(call);
}

static void on_answer(void *arg, const struct fetch_answer *answer)
{
	struct route53_call *call = arg;
	call->job = NULL;
	forget_failure(call);
	if (answer->outcome != FETCH_ANSWERED) {
		take_silence(call, answer);
		return;
	}
	note_clock(call->api, answer);
	if (answer->status == 200)
		take_done(call, answer);
	else if (answer->status >= 400)
		take_error(call, answer);
	else {
		err_set(&call->why, "%.200s answered %d, as Route 53 does not", r53_endpoint_host(call->api->endpoint), answer->status);
		finish(call, is_change(call) ? ROUTE53_UNKNOWN : ROUTE53_FAILED);
	}
}

/* ---- the request ---- */

static uint64_t limit_request(const struct route53_call *call)
{
	uint64_t now_ms = clock_mono_ms(), left_ms = call->deadline_ms > now_ms ? call->deadline_ms - now_ms : 1, most_ms = call->api->settings.request_ms;
	return left_ms < most_ms ? left_ms : most_ms;
}

static void send_signed(struct route53_call *call, const char *target, char *const *lines)
{
	static const char agent[] = "User-Agent: teal/" TEAL_VERSION;
	const struct r53_endpoint *endpoint = call->api->endpoint;
	const char *headers[16] = {agent}, *root = r53_endpoint_root(endpoint);
	char *url;
	for (size_t i = 0; lines[i]; i++) {
		assert(i + 2 < sizeof(headers) / sizeof(headers[0]));
		headers[i + 1] = lines[i];
	}
	if (asprintf(&url, "%s%s", root, call->target) < 0)
		abort(); /* out of memory */
	struct fetch_request request = {
		.method = call->kind->method,
		.url = url,
		.target = target,
		.connect = r53_endpoint_addr(endpoint),
		.headers = headers,
		.body = call->body,
		.body_length = call->body_length,
		.timeout_ms = limit_request(call),
		.body_limit = XML_SIZE_MAX,
		/* libcurl sends a request again by itself when a connection that was kept turns out to be dead: never one that changes something. */
		.keeps_open = !is_change(call),
	};
	call->job = fetch_start(call->api->tools.fetch, &request, on_answer, call);
	free(url);
}

static void sign_and_send(struct route53_call *call, const struct credentials_keys *keys)
{
	static const struct sigv4_field type = {"Content-Type", "application/xml"};
	const struct r53_endpoint *endpoint = call->api->endpoint;
	struct sigv4_lines lines;
	char *target;
	if (asprintf(&target, "%s%s", r53_endpoint_path(endpoint), call->target) < 0)
		abort(); /* out of memory */
	struct sigv4_request request = {
		.method = call->kind->method,
		.host = r53_endpoint_host(endpoint),
		.target = target,
		.fields = &type,
		.field_count = call->body ? 1 : 0,
		.body = call->body,
		.body_length = call->body_length,
		.region = keys->region,
		.service = "route53",
	};
	struct sigv4_credentials secrets = {.id = keys->id, .secret = keys->secret, .token = keys->token};
	int64_t now_s = (int64_t)(call->api->settings.wall_ms() / 1000) + call->api->corrected_s;
	snprintf(call->key_id, sizeof(call->key_id), "%s", keys->id);
	if (sigv4_sign(&request, &secrets, now_s, &lines, &call->why)) {
		call->requests++;
		enter(call, ROUTE53_ASKING, 0);
		send_signed(call, target, lines.lines);
		sigv4_lines_fini(&lines);
	} else
		finish(call, ROUTE53_FAILED);
	free(target);
}

/* ---- keys and the address ---- */

static void on_keys(void *arg, const struct credentials_keys *keys, const struct err *err)
{
	struct route53_call *call = arg;
	struct r53_endpoint *endpoint = call->api->endpoint;
	call->wait = NULL;
	call->keyless = !keys;
	if (!keys)
		err_set(&call->why, "%s", err->text);
	if (!keys || !r53_endpoint_aim(endpoint, keys->endpoint, &call->why)) {
		finish(call, ROUTE53_FAILED);
	} else if (r53_endpoint_addr(endpoint)) {
		sign_and_send(call, keys);
	} else if (r53_endpoint_fault(endpoint)[0]) {
		err_set(&call->why, "%s", r53_endpoint_fault(endpoint));
		pause_or_give_up(call);
	} else
		enter(call, ROUTE53_ADDRESS, call->deadline_ms);
}

/* Good for this request: those of the next one may be others. */
static void ask_keys(struct route53_call *call)
{
	const struct route53_source *source = &call->api->tools.source;
	enter(call, ROUTE53_KEYS, call->deadline_ms);
	call->wait = source->get(source->credentials, limit_request(call), on_keys, call);
}

/* Keys are at hand for a moment only, and so are asked for again. */
void route53_call_wake_all(struct route53 *api)
{
	for (struct route53_call *call = api->calls; call; call = call->next)
		if (call->step == ROUTE53_ADDRESS)
			ask_keys(call);
}

/* ---- a place, and the beginning ---- */

static void try_again(struct route53_call *call)
{
	uint64_t now_ms = clock_mono_ms(), at_ms = r53_pace_take(&call->api->pace, now_ms, is_change(call));
	if (at_ms <= now_ms)
		ask_keys(call);
	else
		enter(call, ROUTE53_PACE, at_ms < call->deadline_ms ? at_ms : call->deadline_ms);
}

static void give_up(struct route53_call *call)
{
	static const char *const awaited[] = {
		[ROUTE53_PACE] = "too many requests were waiting for Route 53",
		[ROUTE53_KEYS] = "there were no credentials in time",
		[ROUTE53_ADDRESS] = "no name server said in time where its endpoint is",
	};
	err_set(&call->why, "%s", awaited[call->step]);
	call->keyless = call->step == ROUTE53_KEYS;
	finish(call, ROUTE53_FAILED);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct route53_call *call = arg;
	(void)fd, (void)what;
	bool late = clock_mono_ms() + 1 >= call->deadline_ms;
	if (call->step == ROUTE53_PAUSE)
		try_again(call);
	else if (call->step == ROUTE53_PACE && !late)
		ask_keys(call);
	else
		give_up(call);
}

struct route53_call *route53_call_new(struct route53 *api, const struct route53_kind *kind, uint64_t patience_ms, route53_done *done, void *arg)
{
	struct route53_call *call = memory_new(sizeof(*call));
	assert(patience_ms > 0);
	call->api = api;
	call->kind = kind;
	call->done = done;
	call->arg = arg;
	call->patience_ms = patience_ms;
	call->deadline_ms = clock_mono_ms() + patience_ms;
	call->timer = evtimer_new(api->tools.loop, on_timer, call);
	if (!call->timer)
		abort(); /* out of memory */
	call->next = api->calls;
	call->link = &api->calls;
	if (call->next)
		call->next->link = &call->next;
	api->calls = call;
	return call;
}

void route53_call_begin(struct route53_call *call)
{
	try_again(call);
}
