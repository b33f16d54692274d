/* Smoke requests. Control thread. What an answer must be is probe/expect's; that a failed one refuses a switch is switch/procedure's. */
#include "switch/smoke.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/fetch.h"
#include "base/memory.h"
#include "base/text.h"
#include "probe/expect.h"
#include "switch/wire.h"

/* Of the body of a failed answer, what is kept and shown. */
#define BODY_SHOWN 200u

/* A request of the file. */
struct question {
	char *name, *method, *path, *host, *body; /* host and body may be NULL */
	char **headers;
	struct expect *expect;
	uint64_t timeout_ms;
};

/* The requests to one backend, one after another. */
struct lane {
	struct smoke *smoke;
	char *name;
	struct addr addr;
	enum fetch_announce announce;
	struct fetch_trust trust; /* held; `apply` NULL: none */
	size_t next;              /* the question that is under way, or comes next */
	struct fetch_job *job;
};

struct smoke {
	struct fetch *fetch;
	smoke_on_end *on_end;
	void *arg;
	struct question *questions;
	size_t question_count;
	struct lane *lanes;
	size_t lane_count, begun, running; /* of lanes */
	const char *color;
	size_t answered; /* requests that went as expected */
	bool passed;
	char detail[1024];
	json_t *results;
};

/* ---- the plan ---- */

static bool sends(const struct conf_smoke *conf, const char *field)
{
	for (size_t i = 0; i < conf->send_count; i++)
		if (strcasecmp(conf->send[i].name, field) == 0)
			return true;
	return false;
}

/* libcurl writes a field without a value when its name ends in a semicolon. */
static char *make_line(const struct conf_header *field)
{
	struct text line;
	text_init(&line, SIZE_MAX);
	text_addf(&line, *field->value ? "%s: %s" : "%s;", field->name, field->value);
	return text_take(&line);
}

static char **make_headers(const struct conf_smoke *conf)
{
	size_t used = 0;
	char **headers = memory_array(conf->send_count + 2, sizeof(*headers));
	if (!sends(conf, "User-Agent"))
		headers[used++] = memory_text("User-Agent: teal-smoke/" TEAL_VERSION);
	for (size_t i = 0; i < conf->send_count; i++)
		headers[used++] = make_line(&conf->send[i]);
	return headers;
}

/* Methods whose requests say that they have no content (RFC 9110 section 8.6). */
static bool wants_length(const char *method)
{
	return strcmp(method, "POST") == 0 || strcmp(method, "PUT") == 0 || strcmp(method, "PATCH") == 0;
}

static void take_question(struct question *question, const struct conf_smoke *conf, const struct smoke_plan *plan)
{
	struct text name;
	const struct conf_probe check = {
		.statuses = conf->statuses,
		.status_count = conf->status_count,
		.body = conf->expect_body,
		.headers = conf->expect,
		.header_count = conf->expect_count,
	};
	text_init(&name, 256);
	text_addf(&name, "%s %s", conf->method, conf->path);
	question->name = text_take(&name);
	question->method = memory_text(conf->method);
	question->path = memory_text(conf->path);
	question->host = memory_text(conf->host ? conf->host : plan->host);
	question->body = memory_text(conf->body ? conf->body : wants_length(conf->method) ? "" : NULL);
	question->headers = make_headers(conf);
	question->expect = expect_new(&check, plan->version);
	question->timeout_ms = conf->timeout_ms;
}

static void drop_question(struct question *question)
{
	for (char **line = question->headers; *line; line++)
		free(*line);
	free(question->headers);
	expect_free(question->expect);
	free(question->name);
	free(question->method);
	free(question->path);
	free(question->host);
	free(question->body);
}

static void take_lane(struct smoke *smoke, struct lane *lane, const struct smoke_backend *backend)
{
	static const enum fetch_announce announces[] = {
		[CONF_PROXY_PROTOCOL_OFF] = FETCH_ANNOUNCE_NOTHING,
		[CONF_PROXY_PROTOCOL_V1] = FETCH_ANNOUNCE_V1,
		[CONF_PROXY_PROTOCOL_V2] = FETCH_ANNOUNCE_V2,
	};
	lane->smoke = smoke;
	lane->name = memory_text(backend->name);
	lane->addr = backend->addr;
	lane->announce = announces[backend->announce];
	lane->trust = fetch_hold_trust(backend->trust);
}

/* ---- asking ---- */

static void on_answer(void *arg, const struct fetch_answer *answer);

static void ask(struct lane *lane)
{
	const struct question *question = &lane->smoke->questions[lane->next];
	struct text url;
	const char *host = question->host;
	bool tls = lane->trust.apply != NULL;
	if (!host)
		host = lane->addr.kind == ADDR_UNIX ? "localhost" : lane->name;
	text_init(&url, SIZE_MAX);
	text_addf(&url, "%s://%s%s", tls ? "https" : "http", host, question->path);
	struct fetch_request request = {
		.method = question->method,
		.url = url.bytes,
		.connect = &lane->addr,
		.headers = (const char *const *)question->headers,
		.body = question->body,
		.body_length = question->body ? strlen(question->body) : 0,
		.timeout_ms = question->timeout_ms,
		.body_limit = EXPECT_BODY_LIMIT,
		.body_cut = true,
		.announce = lane->announce,
		.trust = tls ? &lane->trust : NULL,
	};
	lane->job = fetch_start(lane->smoke->fetch, &request, on_answer, lane);
	text_fini(&url);
}

static void begin_lanes(struct smoke *smoke)
{
	while (smoke->begun < smoke->lane_count && smoke->running < SMOKE_BACKENDS_AT_A_TIME) {
		ask(&smoke->lanes[smoke->begun++]);
		smoke->running++;
	}
}

/* ---- what came ---- */

static void end(struct smoke *smoke, bool passed, const char *format, ...) __attribute__((format(printf, 3, 4)));
static void end(struct smoke *smoke, bool passed, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(smoke->detail, sizeof(smoke->detail), format, arguments);
	va_end(arguments);
	smoke->passed = passed;
	smoke->on_end(smoke->arg);
}

static void cancel(struct smoke *smoke)
{
	for (size_t i = 0; i < smoke->begun; i++) {
		if (smoke->lanes[i].job)
			fetch_cancel(smoke->lanes[i].job);
		smoke->lanes[i].job = NULL;
	}
}

/* The beginning of a body as one line, escaped. */
static void show_body(const struct fetch_answer *answer, char *out, size_t size)
{
	size_t length = answer->body_length < BODY_SHOWN ? answer->body_length : BODY_SHOWN;
	out[text_escape_log(answer->body, length, out, size - 1)] = '\0';
}

/* The one that failed is always kept: there is a place for it. */
static void keep(struct smoke *smoke, const struct lane *lane, const struct fetch_answer *answer, bool passed, const char *detail, const char *body)
{
	if (passed && json_array_size(smoke->results) + 1 >= SMOKE_RESULTS_KEPT)
		return;
	bool answered = answer->outcome == FETCH_ANSWERED;
	json_t *row = json_pack("{s:o, s:o, s:b, s:o, s:o, s:o}", "request", wire_text(smoke->questions[lane->next].name), "backend", wire_text(lane->name),
		"passed", passed, "status", answered ? json_integer(answer->status) : json_null(), "detail", wire_text(detail), "ms",
		wire_count((answer->total_us + 999) / 1000));
	if (!passed)
		json_object_set_new(row, "body", wire_text(body));
	json_array_append_new(smoke->results, row);
}

static void go_on(struct lane *lane)
{
	struct smoke *smoke = lane->smoke;
	smoke->answered++;
	if (++lane->next < smoke->question_count) {
		ask(lane);
		return;
	}
	smoke->running--;
	begin_lanes(smoke);
	if (smoke->running == 0)
		end(smoke, true, "%zu request%s to %zu backend%s of %s went as expected", smoke->answered, smoke->answered == 1 ? "" : "s", smoke->lane_count,
			smoke->lane_count == 1 ? "" : "s", smoke->color);
}

static void on_answer(void *arg, const struct fetch_answer *answer)
{
	struct lane *lane = arg;
	struct smoke *smoke = lane->smoke;
	char detail[256], body[BODY_SHOWN * 4 + 1] = "";
	lane->job = NULL;
	bool answered = answer->outcome == FETCH_ANSWERED;
	bool passed = answered && expect_compare(smoke->questions[lane->next].expect, answer, detail, sizeof(detail));
	if (!answered)
		snprintf(detail, sizeof(detail), "%s", answer->detail);
	else if (!passed)
		show_body(answer, body, sizeof(body));
	keep(smoke, lane, answer, passed, detail, body);
	if (passed) {
		go_on(lane);
		return;
	}
	cancel(smoke);
	end(smoke, false, "%s to %s of %s: %s%s%s%s", smoke->questions[lane->next].name, lane->name, smoke->color, detail, *body ? "; the body begins \"" : "",
		body, *body ? "\"" : "");
}

/* ---- the whole ---- */

struct smoke *smoke_start(struct fetch *fetch, const struct smoke_plan *plan, smoke_on_end *on_end, void *arg)
{
	assert(plan->request_count > 0 && plan->backend_count > 0);
	struct smoke *smoke = memory_new(sizeof(*smoke));
	smoke->fetch = fetch;
	smoke->on_end = on_end;
	smoke->arg = arg;
	smoke->color = color_name(plan->color);
	smoke->results = json_array();
	smoke->question_count = plan->request_count;
	smoke->questions = memory_array(plan->request_count, sizeof(*smoke->questions));
	for (size_t i = 0; i < plan->request_count; i++)
		take_question(&smoke->questions[i], &plan->requests[i], plan);
	smoke->lane_count = plan->backend_count;
	smoke->lanes = memory_array(plan->backend_count, sizeof(*smoke->lanes));
	for (size_t i = 0; i < plan->backend_count; i++)
		take_lane(smoke, &smoke->lanes[i], &plan->backends[i]);
	begin_lanes(smoke);
	return smoke;
}

void smoke_free(struct smoke *smoke)
{
	if (!smoke)
		return;
	cancel(smoke);
	for (size_t i = 0; i < smoke->question_count; i++)
		drop_question(&smoke->questions[i]);
	for (size_t i = 0; i < smoke->lane_count; i++) {
		fetch_release_trust(&smoke->lanes[i].trust);
		free(smoke->lanes[i].name);
	}
	free(smoke->questions);
	free(smoke->lanes);
	json_decref(smoke->results);
	free(smoke);
}

bool smoke_passed(const struct smoke *smoke)
{
	return smoke->passed;
}

const char *smoke_detail(const struct smoke *smoke)
{
	return smoke->detail;
}

json_t *smoke_to_json(const struct smoke *smoke)
{
	return json_deep_copy(smoke->results);
}
