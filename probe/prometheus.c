/* Queries to Prometheus on the control loop: when to ask, whom, and the result. Control thread.
 * What an answer means is probe/promql_answer's; what follows from a value is decided in switch/. */
#include "probe/prometheus.h"

#include <assert.h>
#include <event2/event.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/fetch.h"
#include "base/memory.h"
#include "base/resolve.h"
#include "base/url.h"

#define BODY_LIMIT ((size_t)1024 * 1024)
/* Parameters longer than this go into the body of a POST: not every server and proxy takes longer URLs. */
#define URL_PARAMETERS_MAX ((size_t)2048)
#define RESOLVE_MIN_MS 1000u

struct prometheus {
	struct fetch *fetch;
	struct resolver *resolver;
	prometheus_on_result *on_result;
	void *arg;

	struct url server;
	char *url;  /* to ask */
	char *form; /* to post, NULL: the parameters are in the URL */
	bool below;
	uint64_t every_ms, timeout_ms;

	bool running;
	struct resolve_watch *watch; /* of the server's name, if it is one */
	struct addr *addrs;          /* of that name */
	size_t addr_count, chosen;
	char name_fault[PROMQL_DETAIL_SIZE]; /* why it has none, once that is known */

	struct event *timer;
	struct fetch_job *job; /* NULL: none under way */
	uint64_t due_us;       /* when the next one starts */
	struct prometheus_state state;
	uint64_t answered_ms; /* monotonic */
};

static void wait_until_due(struct prometheus *prometheus)
{
	uint64_t now = clock_mono_us();
	uint64_t wait_us = prometheus->due_us > now ? prometheus->due_us - now : 0;
	struct timeval in = {.tv_sec = (time_t)(wait_us / 1000000), .tv_usec = (suseconds_t)(wait_us % 1000000)};
	evtimer_add(prometheus->timer, &in);
}

/* The last thing done in a turn: `on_result` may free. */
static void finish(struct prometheus *prometheus, enum prometheus_kind kind, double value, const char *detail)
{
	struct prometheus_state *state = &prometheus->state;
	*state = (struct prometheus_state){.kind = kind, .value = value};
	snprintf(state->detail, sizeof(state->detail), "%s", detail);
	prometheus->answered_ms = clock_mono_ms();
	wait_until_due(prometheus);
	if (prometheus->on_result) {
		struct prometheus_state copy = *state;
		prometheus->on_result(prometheus->arg, &copy);
	}
}

static void take_answer(struct prometheus *prometheus, const struct fetch_answer *fetched)
{
	static const enum prometheus_kind kinds[] = {
		[PROMQL_VALUE] = PROMETHEUS_VALUE,
		[PROMQL_NO_DATA] = PROMETHEUS_NO_DATA,
		[PROMQL_ERROR] = PROMETHEUS_ERROR,
	};
	struct promql_answer answer;
	promql_answer_read(fetched->status, fetched->body, fetched->body_length, prometheus->below, clock_wall_ms(), &answer);
	finish(prometheus, kinds[answer.kind], answer.value, answer.detail);
}

static void on_answer(void *arg, const struct fetch_answer *answer)
{
	struct prometheus *prometheus = arg;
	prometheus->job = NULL;
	if (answer->outcome == FETCH_ANSWERED) {
		take_answer(prometheus, answer);
		return;
	}
	/* A name with several addresses may have one that works. */
	if (prometheus->addr_count > 0)
		prometheus->chosen = (prometheus->chosen + 1) % prometheus->addr_count;
	finish(prometheus, PROMETHEUS_ERROR, 0, answer->detail);
}

static void ask(struct prometheus *prometheus)
{
	static const char *const headers[] = {"User-Agent: teal-probe/" TEAL_VERSION, "Accept: application/json", NULL};
	static const char *const form_headers[] = {
		"User-Agent: teal-probe/" TEAL_VERSION, "Accept: application/json", "Content-Type: application/x-www-form-urlencoded", NULL};
	const char *form = prometheus->form;
	struct fetch_request request = {
		.url = prometheus->url,
		.connect = prometheus->watch ? &prometheus->addrs[prometheus->chosen] : NULL,
		.headers = form ? form_headers : headers,
		.body = form,
		.body_length = form ? strlen(form) : 0,
		.timeout_ms = prometheus->timeout_ms,
		.body_limit = BODY_LIMIT,
	};
	prometheus->job = fetch_start(prometheus->fetch, &request, on_answer, prometheus);
}

static void on_due(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	struct prometheus *prometheus = arg;
	assert(!prometheus->job);
	prometheus->due_us = clock_mono_us() + prometheus->every_ms * 1000;
	if (!prometheus->watch || prometheus->addr_count > 0)
		ask(prometheus);
	else if (prometheus->name_fault[0])
		finish(prometheus, PROMETHEUS_ERROR, 0, prometheus->name_fault);
	/* Else on_resolved goes on. */
}

static void take_addrs(struct prometheus *prometheus, const struct addr *addrs, size_t count)
{
	free(prometheus->addrs);
	prometheus->addrs = memory_array(count, sizeof(*addrs));
	memcpy(prometheus->addrs, addrs, count * sizeof(*addrs));
	prometheus->addr_count = count;
	prometheus->chosen = 0;
}

static void on_resolved(void *arg, const struct addr *addrs, size_t count, const char *fault)
{
	struct prometheus *prometheus = arg;
	bool waited = prometheus->addr_count == 0;
	snprintf(prometheus->name_fault, sizeof(prometheus->name_fault), "%s", fault ? fault : "");
	if (count > 0)
		take_addrs(prometheus, addrs, count);
	if (!waited)
		return;
	prometheus->due_us = 0;
	wait_until_due(prometheus);
}

/* What is asked: in the URL, or as a form. The server gets a little less time than we wait, so that it is the one to say why it took too long. */
static void compose(struct prometheus *prometheus, const char *query)
{
	struct text url, parameters;
	uint64_t timeout_ms = prometheus->timeout_ms - prometheus->timeout_ms / 10;
	text_init(&url, SIZE_MAX);
	text_init(&parameters, SIZE_MAX);
	text_addf(&parameters, "query=");
	url_add_escaped(&parameters, query);
	text_addf(&parameters, "&timeout=%" PRIu64 "ms", timeout_ms);
	bool post = parameters.length > URL_PARAMETERS_MAX;
	text_addf(&url, "%s/api/v1/query%s%s", prometheus->server.root, post ? "" : "?", post ? "" : parameters.bytes);
	prometheus->url = text_take(&url);
	prometheus->form = post ? text_take(&parameters) : NULL;
	if (!post)
		text_fini(&parameters);
}

struct prometheus *prometheus_new(struct event_base *loop, struct fetch *fetch, struct resolver *resolver, const struct prometheus_query *query,
	prometheus_on_result *on_result, void *arg)
{
	assert(query->every_ms > 0 && query->timeout_ms > 0);
	struct prometheus *prometheus = memory_new(sizeof(*prometheus));
	prometheus->fetch = fetch;
	prometheus->resolver = resolver;
	prometheus->on_result = on_result;
	prometheus->arg = arg;
	prometheus->below = query->below;
	prometheus->every_ms = query->every_ms;
	prometheus->timeout_ms = query->timeout_ms;
	bool usable = url_init(&prometheus->server, query->url, NULL);
	assert(usable);
	(void)usable;
	compose(prometheus, query->query);
	prometheus->timer = evtimer_new(loop, on_due, prometheus);
	if (!prometheus->timer)
		abort(); /* out of memory */
	return prometheus;
}

void prometheus_free(struct prometheus *prometheus)
{
	if (!prometheus)
		return;
	prometheus_stop(prometheus);
	event_free(prometheus->timer);
	url_fini(&prometheus->server);
	free(prometheus->url);
	free(prometheus->form);
	free(prometheus);
}

void prometheus_start(struct prometheus *prometheus)
{
	const struct addr *addr = &prometheus->server.addr;
	assert(!prometheus->running);
	prometheus->running = true;
	prometheus->state = (struct prometheus_state){.kind = PROMETHEUS_NO_ANSWER_YET};
	snprintf(prometheus->state.detail, sizeof(prometheus->state.detail), "no answer yet");
	if (addr->kind == ADDR_NAME)
		prometheus->watch = resolver_watch(prometheus->resolver, addr->to.name, addr->port, RESOLVE_MIN_MS, on_resolved, prometheus);
	prometheus->due_us = 0;
	wait_until_due(prometheus);
}

void prometheus_stop(struct prometheus *prometheus)
{
	if (prometheus->job)
		fetch_cancel(prometheus->job);
	if (prometheus->watch)
		resolve_unwatch(prometheus->watch);
	evtimer_del(prometheus->timer);
	free(prometheus->addrs);
	prometheus->job = NULL;
	prometheus->watch = NULL;
	prometheus->addrs = NULL;
	prometheus->addr_count = 0;
	prometheus->name_fault[0] = '\0';
	prometheus->running = false;
}

void prometheus_read(const struct prometheus *prometheus, uint64_t now_ms, struct prometheus_state *state)
{
	*state = prometheus->state;
	if (state->kind != PROMETHEUS_NO_ANSWER_YET && now_ms > prometheus->answered_ms)
		state->age_ms = now_ms - prometheus->answered_ms;
}
