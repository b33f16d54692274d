/* What comes back for one request: bounded header and body, and at the end the outcome. Control thread. Judges no status. */
#include "base/fetch_job.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/memory.h"

/* Of all header lines of one answer together, interim answers and trailers included. */
#define HEADER_LIMIT ((size_t)64 * 1024)

static void drop_headers(struct fetch_job *job)
{
	for (size_t i = 0; i < job->header_count; i++) {
		free(job->headers[i].name);
		free(job->headers[i].value);
	}
	job->header_count = 0;
}

static void add_header(struct fetch_job *job, const char *line, size_t length)
{
	const char *colon = memchr(line, ':', length);
	if (!colon)
		return;
	const char *value = colon + 1, *end = line + length;
	while (value < end && (*value == ' ' || *value == '\t'))
		value++;
	while (end > value && strchr(" \t\r\n", end[-1]))
		end--;
	job->headers = memory_grow(job->headers, job->header_count + 1, sizeof(*job->headers));
	job->headers[job->header_count++] = (struct fetch_header){
		.name = memory_text_cut(line, (size_t)(colon - line)),
		.value = memory_text_cut(value, (size_t)(end - value)),
	};
}

static size_t on_curl_header(char *line, size_t size, size_t count, void *arg)
{
	struct fetch_job *job = arg;
	size_t length = size * count;
	job->header_bytes += length;
	if (job->header_bytes > HEADER_LIMIT) {
		job->limit = FETCH_LIMIT_HEADERS;
		return 0;
	}
	/* An interim answer (1xx) is followed by another head: only the last one counts. */
	if (length >= 5 && memcmp(line, "HTTP/", 5) == 0)
		drop_headers(job);
	else
		add_header(job, line, length);
	return length;
}

static size_t on_curl_body(char *bytes, size_t size, size_t count, void *arg)
{
	struct fetch_job *job = arg;
	size_t length = size * count, room = job->body.limit - job->body.length;
	text_add(&job->body, bytes, length < room ? length : room);
	if (length <= room)
		return length;
	if (job->body_cut)
		job->body_ended = true;
	else
		job->limit = FETCH_LIMIT_BODY;
	return 0;
}

static uint64_t read_time_us(CURL *easy, CURLINFO info)
{
	curl_off_t us = 0;
	return curl_easy_getinfo(easy, info, &us) == CURLE_OK && us > 0 ? (uint64_t)us : 0;
}

static void explain_failure(struct fetch_job *job, CURLcode code)
{
	long os_errno = 0, local_port = 0, verify = 0;
	curl_easy_getinfo(job->easy, CURLINFO_OS_ERRNO, &os_errno);
	/* While a handshake is under way libcurl does not tell when it connected, but by then it knows its own port. */
	curl_easy_getinfo(job->easy, CURLINFO_LOCAL_PORT, &local_port);
	curl_easy_getinfo(job->easy, CURLINFO_SSL_VERIFYRESULT, &verify);
	if (code == CURLE_OUT_OF_MEMORY) /* so libcurl names a header line beyond its own limit of 100 KiB */
		job->limit = FETCH_LIMIT_HEADERS;
	struct fetch_fault fault = {
		.code = code,
		.os_errno = (int)os_errno,
		.curl_text = job->curl_text,
		.peer = job->peer,
		.tls = job->tls,
		.trust = job->trust.apply ? &job->trust : NULL,
		.verify = verify,
		.connected = job->answer.connect_us > 0 || local_port > 0,
		.limit = job->limit,
		.limit_bytes = job->limit == FETCH_LIMIT_HEADERS ? HEADER_LIMIT : job->body.limit,
		.timeout_ms = job->timeout_ms,
		.connect_us = job->answer.connect_us,
		.tls_us = read_time_us(job->easy, CURLINFO_APPCONNECT_TIME_T),
		.first_byte_us = job->header_bytes ? job->answer.first_byte_us : 0,
	};
	job->answer.outcome = fetch_fault_explain(&fault, job->answer.detail, sizeof(job->answer.detail));
}

void fetch_answer_fill(struct fetch_job *job, CURLcode code)
{
	struct fetch_answer *answer = &job->answer;
	answer->connect_us = read_time_us(job->easy, CURLINFO_CONNECT_TIME_T);
	answer->first_byte_us = read_time_us(job->easy, CURLINFO_STARTTRANSFER_TIME_T);
	answer->total_us = read_time_us(job->easy, CURLINFO_TOTAL_TIME_T);
	if (code != CURLE_OK && !job->body_ended) {
		explain_failure(job, code);
		return;
	}
	long status = 0;
	curl_easy_getinfo(job->easy, CURLINFO_RESPONSE_CODE, &status);
	answer->outcome = job->connect_only ? FETCH_CONNECTED : FETCH_ANSWERED;
	answer->status = (int)status;
}

void fetch_answer_collect(struct fetch_job *job)
{
	curl_easy_setopt(job->easy, CURLOPT_PRIVATE, job);
	curl_easy_setopt(job->easy, CURLOPT_ERRORBUFFER, job->curl_text);
	curl_easy_setopt(job->easy, CURLOPT_HEADERFUNCTION, on_curl_header);
	curl_easy_setopt(job->easy, CURLOPT_HEADERDATA, job);
	curl_easy_setopt(job->easy, CURLOPT_WRITEFUNCTION, on_curl_body);
	curl_easy_setopt(job->easy, CURLOPT_WRITEDATA, job);
}

void fetch_answer_drop(struct fetch_job *job)
{
	drop_headers(job);
	free(job->headers);
	if (job->secret)
		explicit_bzero(job->body.bytes, job->body.length);
	text_fini(&job->body);
}

const char *fetch_answer_header(const struct fetch_answer *answer, const char *name)
{
	for (size_t i = 0; i < answer->header_count; i++)
		if (strcasecmp(answer->headers[i].name, name) == 0)
			return answer->headers[i].value;
	return NULL;
}
