/* From a URL to an answer: the secret by an errand, the name by the resolver, the rest by fetch. Control thread. */
#include "switch/hook_post.h"

#include <assert.h>
#include <event2/event.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/errand.h"
#include "base/memory.h"
#include "base/output.h"
#include "base/resolve.h"
#include "base/text.h"
#include "base/url.h"
#include "switch/hook.h"
#include "switch/hook_secret.h"

#define BODY_SIZE ((size_t)OUTPUT_HEAD_SIZE)
#define RESOLVE_MIN_MS 60000u /* it is looked up once */
#define FIELDS 8u

struct hook_post {
	struct hook_tools *tools;
	hook_post_done *done;
	void *arg;
	char *url, *shown, *event, *delivery, *body, *secret_file;
	uint64_t timeout_ms, deadline_ms; /* monotonic */

	struct event *timer;         /* up to the request, which has a limit of its own */
	struct errand *errand;       /* the secret is being read */
	char *timestamp, *signature; /* fields; NULL: not signed */
	struct addr place;           /* host and port of the URL */
	struct resolve_watch *watch;
	struct addr *addrs;
	size_t addr_count, chosen;
	struct fetch_job *job;
};

static void stop(struct hook_post *post)
{
	if (post->errand)
		errand_abandon(post->errand);
	if (post->watch)
		resolve_unwatch(post->watch);
	if (post->job)
		fetch_cancel(post->job);
	post->errand = NULL;
	post->watch = NULL;
	post->job = NULL;
	evtimer_del(post->timer);
}

static void free_post(struct hook_post *post)
{
	stop(post);
	event_free(post->timer);
	free(post->url);
	free(post->shown);
	free(post->event);
	free(post->delivery);
	free(post->body);
	free(post->secret_file);
	free(post->signature);
	free(post->timestamp);
	free(post->addrs);
	free(post);
}

static void finish(struct hook_post *post, struct hook_post_result *result)
{
	stop(post);
	post->done(post->arg, result);
	free_post(post);
}

static void fail(struct hook_post *post, const char *why)
{
	struct hook_post_result result = {.output = ""};
	snprintf(result.sentence, sizeof(result.sentence), "%.200s: %s", post->shown, why);
	finish(post, &result);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct hook_post *post = arg;
	char why[400], limit[TEXT_UNIT_SIZE];
	(void)fd, (void)what;
	text_format_duration(post->timeout_ms, limit);
	if (post->errand)
		snprintf(why, sizeof(why), "the secret file %.200s could not be read within %s: the disk it is on does not answer", post->secret_file, limit);
	else
		snprintf(why, sizeof(why), "no name server said within %s where %.200s is", limit, post->place.to.name);
	fail(post, why);
}

/* ---- the request ---- */

static bool is_redirect(int status)
{
	return status >= 300 && status < 400 && status != 304;
}

static void take_answer(struct hook_post *post, const struct fetch_answer *answer)
{
	struct output output = {0};
	output_add(&output, answer->body, answer->body_length);
	char *text = output_to_text(&output);
	struct hook_post_result result = {.passed = answer->status >= 200 && answer->status < 300, .status = answer->status, .output = text};
	snprintf(result.sentence, sizeof(result.sentence), "%.200s answered %d%s", post->shown, answer->status,
		is_redirect(answer->status) ? ", and redirects are not followed" : "");
	finish(post, &result);
	free(text);
}

static void ask(struct hook_post *post);

static bool was_not_sent(enum fetch_outcome outcome)
{
	return outcome == FETCH_REFUSED || outcome == FETCH_UNREACHABLE;
}

static void on_answer(void *arg, const struct fetch_answer *answer)
{
	struct hook_post *post = arg;
	post->job = NULL;
	if (answer->outcome == FETCH_ANSWERED)
		take_answer(post, answer);
	else if (was_not_sent(answer->outcome) && post->chosen + 1 < post->addr_count && clock_mono_ms() < post->deadline_ms) {
		post->chosen++;
		ask(post);
	} else
		fail(post, answer->detail);
}

static void ask(struct hook_post *post)
{
	static const char agent[] = "User-Agent: teal/" TEAL_VERSION;
	char event[128], delivery[160];
	uint64_t now_ms = clock_mono_ms();
	snprintf(event, sizeof(event), "X-Teal-Event: %.100s", post->event);
	snprintf(delivery, sizeof(delivery), "X-Teal-Delivery: %.128s", post->delivery);
	const char *headers[FIELDS] = {agent, "Content-Type: application/json", event, delivery, post->timestamp, post->signature};
	struct fetch_request request = {
		.method = "POST",
		.url = post->url,
		.connect = &post->addrs[post->chosen],
		.headers = headers,
		.body = post->body,
		.body_length = strlen(post->body),
		.timeout_ms = now_ms < post->deadline_ms ? post->deadline_ms - now_ms : 1,
		.body_limit = BODY_SIZE,
		.body_cut = true,
	};
	evtimer_del(post->timer);
	post->job = fetch_start(post->tools->fetch, &request, on_answer, post);
}

/* ---- where to ---- */

static void take_addrs(struct hook_post *post, const struct addr *addrs, size_t count)
{
	post->addrs = memory_array(count, sizeof(*addrs));
	memcpy(post->addrs, addrs, count * sizeof(*addrs));
	post->addr_count = count;
	ask(post);
}

static void on_resolved(void *arg, const struct addr *addrs, size_t count, const char *fault)
{
	struct hook_post *post = arg;
	resolve_unwatch(post->watch);
	post->watch = NULL;
	if (count > 0)
		take_addrs(post, addrs, count);
	else
		fail(post, fault);
}

static void find_host(struct hook_post *post)
{
	if (post->place.kind == ADDR_NAME)
		post->watch = resolver_watch(post->tools->resolver, post->place.to.name, post->place.port, RESOLVE_MIN_MS, on_resolved, post);
	else
		take_addrs(post, &post->place, 1);
}

/* ---- the secret ---- */

struct reading {
	char *file;
	bool read;
	struct hook_secret secret;
	struct err err;
};

static void read_secret(void *data)
{
	struct reading *reading = data;
	reading->read = hook_secret_read(reading->file, &reading->secret, &reading->err);
}

static void drop_reading(void *data)
{
	struct reading *reading = data;
	hook_secret_wipe(&reading->secret);
	free(reading->file);
	free(reading);
}

static void on_secret_read(void *arg, void *data)
{
	struct hook_post *post = arg;
	struct reading *reading = data;
	char signature[HOOK_SIGNATURE_SIZE];
	uint64_t now_s = clock_wall_ms() / 1000;
	post->errand = NULL;
	if (!reading->read) {
		fail(post, reading->err.text);
		return;
	}
	hook_secret_sign(&reading->secret, now_s, post->body, strlen(post->body), signature);
	if (asprintf(&post->timestamp, "X-Teal-Timestamp: %" PRIu64, now_s) < 0 || asprintf(&post->signature, "X-Teal-Signature: %s", signature) < 0)
		abort(); /* out of memory */
	find_host(post);
}

static void begin_reading(struct hook_post *post)
{
	static const struct errand_kind kind = {read_secret, on_secret_read, drop_reading};
	struct reading *reading = memory_new(sizeof(*reading));
	reading->file = memory_text(post->secret_file);
	err_set(&reading->err, "the secret file could not be read, as the system gives no thread for it");
	post->errand = errand_start(post->tools->errands, &kind, reading, post);
}

/* ---- starting ---- */

static struct hook_post *copy_request(const struct hook_post_request *request)
{
	struct hook_post *post = memory_new(sizeof(*post));
	post->url = memory_text(request->url);
	post->shown = url_show_target(request->url);
	post->event = memory_text(request->event);
	post->delivery = memory_text(request->delivery);
	post->body = memory_text(request->body);
	post->secret_file = memory_text(request->secret_file);
	post->timeout_ms = request->timeout_ms;
	post->deadline_ms = clock_mono_ms() + request->timeout_ms;
	return post;
}

struct hook_post *hook_post_start(struct hook_tools *tools, const struct hook_post_request *request, hook_post_done *done, void *arg)
{
	assert(request->timeout_ms > 0);
	struct hook_post *post = copy_request(request);
	post->tools = tools;
	post->done = done;
	post->arg = arg;
	post->timer = evtimer_new(tools->loop, on_timer, post);
	if (!post->timer)
		abort(); /* out of memory */
	struct timeval in = {.tv_sec = (time_t)(request->timeout_ms / 1000), .tv_usec = (suseconds_t)(request->timeout_ms % 1000 * 1000)};
	evtimer_add(post->timer, &in);
	bool usable = url_read_target(post->url, &post->place, NULL);
	assert(usable);
	(void)usable;
	if (post->secret_file)
		begin_reading(post);
	else
		find_host(post);
	return post;
}

void hook_post_cancel(struct hook_post *post)
{
	free_post(post);
}
