/* libcurl's multi interface on the control loop: libcurl says which sockets and which timer it wants, libevent watches them.
 * Control thread. The request is built in fetch_request.c, the answer collected in fetch_answer.c. */
#include "base/fetch.h"

#include <assert.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "base/fetch_job.h"
#include "base/memory.h"

static void link_job(struct fetch *fetch, struct fetch_job *job)
{
	job->fetch = fetch;
	job->next = fetch->jobs;
	job->link = &fetch->jobs;
	if (job->next)
		job->next->link = &job->next;
	fetch->jobs = job;
}

static void unlink_job(struct fetch_job *job)
{
	*job->link = job->next;
	if (job->next)
		job->next->link = job->link;
}

struct fetch_trust fetch_hold_trust(const struct fetch_trust *trust)
{
	if (!trust)
		return (struct fetch_trust){.apply = NULL};
	trust->hold(trust->arg);
	return *trust;
}

void fetch_release_trust(const struct fetch_trust *trust)
{
	if (trust->apply)
		trust->release(trust->arg);
}

static void wipe_lines(struct fetch_job *job)
{
	for (struct curl_slist *line = job->lines; line; line = line->next)
		explicit_bzero(line->data, strlen(line->data));
}

static void free_job(struct fetch_job *job)
{
	unlink_job(job);
	curl_multi_remove_handle(job->fetch->multi, job->easy);
	curl_easy_cleanup(job->easy);
	if (job->failed)
		event_free(job->failed);
	if (job->secret)
		wipe_lines(job);
	curl_slist_free_all(job->lines);
	curl_slist_free_all(job->connect_to);
	fetch_answer_drop(job);
	fetch_release_trust(&job->trust);
	free(job);
}

static void deliver(struct fetch_job *job)
{
	struct fetch_answer *answer = &job->answer;
	answer->body = job->body.bytes;
	answer->body_length = job->body.length;
	answer->headers = job->headers;
	answer->header_count = job->header_count;
	struct fetch *fetch = job->fetch;
	/* Out of libcurl first, so that `done` may start and cancel others as it likes. */
	curl_multi_remove_handle(fetch->multi, job->easy);
	fetch->delivering = true;
	job->done(job->arg, answer);
	fetch->delivering = false;
	free_job(job);
}

static void on_failed(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	deliver(arg);
}

static void deliver_finished(struct fetch *fetch)
{
	int left;
	for (CURLMsg *message; (message = curl_multi_info_read(fetch->multi, &left));) {
		if (message->msg != CURLMSG_DONE)
			continue;
		CURLcode code = message->data.result;
		struct fetch_job *job = NULL;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &job);
		fetch_answer_fill(job, code);
		deliver(job);
	}
}

static void on_socket(evutil_socket_t fd, short what, void *arg)
{
	struct fetch *fetch = arg;
	int action = (what & EV_READ ? CURL_CSELECT_IN : 0) | (what & EV_WRITE ? CURL_CSELECT_OUT : 0), running;
	curl_multi_socket_action(fetch->multi, fd, action, &running);
	deliver_finished(fetch);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	struct fetch *fetch = arg;
	int running;
	curl_multi_socket_action(fetch->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	deliver_finished(fetch);
}

static int on_curl_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *assigned)
{
	(void)easy;
	struct fetch *fetch = arg;
	if (assigned)
		event_free(assigned);
	struct event *event = NULL;
	if (what != CURL_POLL_REMOVE) {
		int wanted = (what & CURL_POLL_IN ? EV_READ : 0) | (what & CURL_POLL_OUT ? EV_WRITE : 0) | EV_PERSIST;
		event = event_new(fetch->loop, fd, (short)wanted, on_socket, fetch);
		if (!event || event_add(event, NULL) != 0)
			abort(); /* out of memory */
	}
	curl_multi_assign(fetch->multi, fd, event);
	return 0;
}

static int on_curl_timer(CURLM *multi, long timeout_ms, void *arg)
{
	(void)multi;
	struct fetch *fetch = arg;
	if (timeout_ms < 0) {
		evtimer_del(fetch->timer);
		return 0;
	}
	struct timeval in = {.tv_sec = timeout_ms / 1000, .tv_usec = timeout_ms % 1000 * 1000};
	evtimer_add(fetch->timer, &in);
	return 0;
}

struct fetch *fetch_new(struct event_base *loop)
{
	struct fetch *fetch = memory_new(sizeof(*fetch));
	fetch->loop = loop;
	curl_global_init(CURL_GLOBAL_DEFAULT);
	fetch->multi = curl_multi_init();
	fetch->timer = evtimer_new(loop, on_timer, fetch);
	if (!fetch->multi || !fetch->timer)
		abort(); /* out of memory */
	curl_multi_setopt(fetch->multi, CURLMOPT_SOCKETFUNCTION, on_curl_socket);
	curl_multi_setopt(fetch->multi, CURLMOPT_SOCKETDATA, fetch);
	curl_multi_setopt(fetch->multi, CURLMOPT_TIMERFUNCTION, on_curl_timer);
	curl_multi_setopt(fetch->multi, CURLMOPT_TIMERDATA, fetch);
	return fetch;
}

void fetch_free(struct fetch *fetch)
{
	if (!fetch)
		return;
	assert(!fetch->delivering);
	while (fetch->jobs)
		free_job(fetch->jobs);
	curl_multi_cleanup(fetch->multi);
	event_free(fetch->timer);
	curl_global_cleanup();
	free(fetch);
}

static void fail_later(struct fetch_job *job)
{
	job->answer.outcome = FETCH_BROKEN;
	job->failed = evtimer_new(job->fetch->loop, on_failed, job);
	if (!job->failed)
		abort(); /* out of memory */
	evtimer_add(job->failed, &(struct timeval){0});
}

struct fetch_job *fetch_start(struct fetch *fetch, const struct fetch_request *request, fetch_done *done, void *arg)
{
	assert(request->url && request->timeout_ms > 0 && !(request->trust && request->insecure));
	struct fetch_job *job = memory_new(sizeof(*job));
	job->done = done;
	job->arg = arg;
	job->timeout_ms = request->timeout_ms;
	job->connect_only = request->connect_only;
	job->body_cut = request->body_cut;
	job->secret = request->secret;
	job->trust = fetch_hold_trust(request->trust);
	text_init(&job->body, request->body_limit);
	if (job->secret)
		text_reserve(&job->body);
	link_job(fetch, job);
	job->easy = curl_easy_init();
	if (!job->easy)
		abort(); /* out of memory */
	fetch_answer_collect(job);
	if (!fetch_request_apply(job, request) || curl_multi_add_handle(fetch->multi, job->easy) != CURLM_OK)
		fail_later(job);
	return job;
}

void fetch_cancel(struct fetch_job *job)
{
	free_job(job);
}
