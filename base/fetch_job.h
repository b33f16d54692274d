/* One request under way, as the files of fetch share it. Private to base/fetch*.c. Control thread. */
#ifndef TEAL_BASE_FETCH_JOB_H
#define TEAL_BASE_FETCH_JOB_H

#include <stdbool.h>
#include <curl/curl.h>

#include "base/fetch.h"
#include "base/fetch_fault.h"
#include "base/text.h"

struct event;

struct fetch {
	struct event_base *loop;
	CURLM *multi;
	struct event *timer;
	struct fetch_job *jobs;
	bool delivering; /* a `done` is on the stack */
};

struct fetch_job {
	struct fetch *fetch;
	struct fetch_job *next, **link;
	fetch_done *done;
	void *arg;

	CURL *easy;
	struct event *failed;     /* when libcurl was not even asked: delivers answer.detail */
	struct curl_slist *lines; /* of the request's header */
	struct curl_slist *connect_to;
	char peer[ADDR_TEXT_SIZE];
	uint64_t timeout_ms;
	bool connect_only, body_cut, tls, secret;
	struct fetch_trust trust; /* held; `apply` NULL: none */
	curl_socket_t socket;     /* kept where something is sent past libcurl */
	bool announcement_due;    /* a LOCAL header still has to go out on it */
	char curl_text[CURL_ERROR_SIZE];

	struct text body;
	bool body_ended; /* cut at the limit */
	struct fetch_header *headers;
	size_t header_count, header_bytes;
	enum fetch_limit limit;
	struct fetch_answer answer;
};

/* Fills libcurl's handle from the request, peer and all. False: it can't be asked; answer.detail says why. (fetch_request.c) */
bool fetch_request_apply(struct fetch_job *job, const struct fetch_request *request);

/* Makes libcurl hand header and body to the job. (fetch_answer.c) */
void fetch_answer_collect(struct fetch_job *job);
/* The transfer is over: outcome, status, times and sentence. */
void fetch_answer_fill(struct fetch_job *job, CURLcode code);
void fetch_answer_drop(struct fetch_job *job);

#endif
