/* Resolver and fetch, one try after the other. Control thread. What it sends and gets is wiped. */
#include "dns/cred_http.h"

#include <assert.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/resolve.h"
#include "base/secret.h"
#include "base/text.h"
#include "base/url.h"

#define BODY_LIMIT ((size_t)64 * 1024)
#define RESOLVE_MIN_MS 60000u /* it is looked up once */

struct cred_http {
	const struct credentials_tools *tools;
	cred_http_done *done;
	void *arg;
	char *method, *url, *body, **headers;
	uint64_t timeout_ms, pause_ms;
	unsigned tries;

	struct event *timer; /* of a look-up, or the pause between two tries */
	uint64_t deadline_ms;
	struct addr place;
	struct addr *addrs;
	size_t addr_count, chosen;
	struct resolve_watch *watch;
	struct fetch_job *job;
};

static void set_timer(struct cred_http *http, uint64_t in_ms)
{
	struct timeval in = {.tv_sec = (time_t)(in_ms / 1000), .tv_usec = (suseconds_t)(in_ms % 1000 * 1000)};
	evtimer_add(http->timer, &in);
}

static void stop(struct cred_http *http)
{
	if (http->watch)
		resolve_unwatch(http->watch);
	if (http->job)
		fetch_cancel(http->job);
	http->watch = NULL;
	http->job = NULL;
	evtimer_del(http->timer);
}

void cred_http_cancel(struct cred_http *http)
{
	stop(http);
	event_free(http->timer);
	for (char **line = http->headers; *line; line++)
		secret_drop_text(*line);
	free(http->headers);
	secret_drop_text(http->body);
	free(http->method);
	free(http->url);
	free(http->addrs);
	free(http);
}

static void finish(struct cred_http *http, const struct fetch_answer *answer)
{
	http->done(http->arg, answer);
	cred_http_cancel(http);
}

/* ---- one try ---- */

static bool may_pass(const struct fetch_answer *answer)
{
	return answer->outcome != FETCH_ANSWERED || answer->status == 429 || answer->status >= 500;
}

static void end_try(struct cred_http *http, const struct fetch_answer *answer)
{
	if (!may_pass(answer) || --http->tries == 0) {
		finish(http, answer);
		return;
	}
	stop(http);
	http->addr_count = 0;
	set_timer(http, http->pause_ms);
}

static void fail_try(struct cred_http *http, enum fetch_outcome outcome, const char *detail)
{
	struct fetch_answer answer = {.outcome = outcome, .body = ""};
	snprintf(answer.detail, sizeof(answer.detail), "%s", detail);
	end_try(http, &answer);
}

static void ask(struct cred_http *http);

static void on_answer(void *arg, const struct fetch_answer *answer)
{
	struct cred_http *http = arg;
	bool not_sent = answer->outcome == FETCH_REFUSED || answer->outcome == FETCH_UNREACHABLE;
	http->job = NULL;
	if (not_sent && http->chosen + 1 < http->addr_count && clock_mono_ms() < http->deadline_ms) {
		http->chosen++;
		ask(http);
	} else
		end_try(http, answer);
}

static void ask(struct cred_http *http)
{
	uint64_t now_ms = clock_mono_ms();
	struct fetch_request request = {
		.method = http->method,
		.url = http->url,
		.connect = &http->addrs[http->chosen],
		.headers = (const char *const *)http->headers,
		.body = http->body,
		.body_length = http->body ? strlen(http->body) : 0,
		.timeout_ms = now_ms < http->deadline_ms ? http->deadline_ms - now_ms : 1,
		.body_limit = BODY_LIMIT,
		.secret = true,
	};
	evtimer_del(http->timer);
	http->job = fetch_start(http->tools->fetch, &request, on_answer, http);
}

static void take_addrs(struct cred_http *http, const struct addr *addrs, size_t count)
{
	free(http->addrs);
	http->addrs = memory_array(count, sizeof(*addrs));
	memcpy(http->addrs, addrs, count * sizeof(*addrs));
	http->addr_count = count;
	http->chosen = 0;
	ask(http);
}

static void on_resolved(void *arg, const struct addr *addrs, size_t count, const char *fault)
{
	struct cred_http *http = arg;
	resolve_unwatch(http->watch);
	http->watch = NULL;
	if (count > 0)
		take_addrs(http, addrs, count);
	else
		fail_try(http, FETCH_UNREACHABLE, fault);
}

static void begin_try(struct cred_http *http)
{
	http->deadline_ms = clock_mono_ms() + http->timeout_ms;
	if (http->place.kind != ADDR_NAME) {
		take_addrs(http, &http->place, 1);
		return;
	}
	set_timer(http, http->timeout_ms);
	http->watch = resolver_watch(http->tools->resolver, http->place.to.name, http->place.port, RESOLVE_MIN_MS, on_resolved, http);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct cred_http *http = arg;
	char why[256], limit[TEXT_UNIT_SIZE];
	(void)fd, (void)what;
	if (!http->watch) {
		begin_try(http);
		return;
	}
	text_format_duration(http->timeout_ms, limit);
	snprintf(why, sizeof(why), "no name server said within %s where %.128s is", limit, http->place.to.name);
	fail_try(http, FETCH_TIMED_OUT, why);
}

/* ---- starting ---- */

static char **copy_lines(const char *const *lines)
{
	size_t count = 0;
	while (lines && lines[count])
		count++;
	char **copy = memory_array(count + 1, sizeof(char *));
	for (size_t i = 0; i < count; i++)
		copy[i] = memory_text(lines[i]);
	return copy;
}

struct cred_http *cred_http_start(const struct credentials_tools *tools, const struct cred_http_request *request, cred_http_done *done, void *arg)
{
	assert(request->timeout_ms > 0 && request->tries > 0);
	struct cred_http *http = memory_new(sizeof(*http));
	*http = (struct cred_http){.tools = tools, .done = done, .arg = arg};
	http->method = memory_text(request->method);
	http->url = memory_text(request->url);
	http->body = memory_text(request->body);
	http->headers = copy_lines(request->headers);
	http->timeout_ms = request->timeout_ms;
	http->pause_ms = request->pause_ms;
	http->tries = request->tries;
	bool usable = url_read_target(http->url, &http->place, NULL);
	assert(usable);
	(void)usable;
	http->timer = evtimer_new(tools->loop, on_timer, http);
	if (!http->timer)
		abort(); /* out of memory */
	set_timer(http, 0);
	return http;
}
