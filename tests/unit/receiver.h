/* A receiver of hooks and messages for tests, on the loop of the test: answers with a status for each request in turn, and keeps what it was told. */
#ifndef TEAL_TESTS_UNIT_RECEIVER_H
#define TEAL_TESTS_UNIT_RECEIVER_H

#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/addr.h"

#define RECEIVER_KEPT 32u
#define RECEIVER_HANGS 1 /* as a status: no answer ever comes */

struct receiver_letter {
	char type[64], event[64], delivery[128], timestamp[32], signature[96], path[128], agent[64], body[2048];
};

struct receiver {
	struct evhttp *http;
	uint16_t port;
	int statuses[RECEIVER_KEPT]; /* of the answers; 0: the last one that is none stays */
	const char *answer;          /* the body of each; NULL: none */
	unsigned count;
	struct receiver_letter letters[RECEIVER_KEPT];
};

static inline void receiver_keep_field(struct evhttp_request *request, const char *name, char *out, size_t size)
{
	const char *value = evhttp_find_header(evhttp_request_get_input_headers(request), name);
	snprintf(out, size, "%s", value ? value : "");
}

static inline void receiver_keep(struct receiver_letter *letter, struct evhttp_request *request)
{
	struct evbuffer *body = evhttp_request_get_input_buffer(request);
	receiver_keep_field(request, "Content-Type", letter->type, sizeof(letter->type));
	receiver_keep_field(request, "X-Teal-Event", letter->event, sizeof(letter->event));
	receiver_keep_field(request, "X-Teal-Delivery", letter->delivery, sizeof(letter->delivery));
	receiver_keep_field(request, "X-Teal-Timestamp", letter->timestamp, sizeof(letter->timestamp));
	receiver_keep_field(request, "X-Teal-Signature", letter->signature, sizeof(letter->signature));
	receiver_keep_field(request, "User-Agent", letter->agent, sizeof(letter->agent));
	snprintf(letter->path, sizeof(letter->path), "%s", evhttp_request_get_uri(request));
	int length = evbuffer_remove(body, letter->body, sizeof(letter->body) - 1);
	letter->body[length > 0 ? length : 0] = '\0';
}

static inline int receiver_choose_status(const struct receiver *receiver, unsigned number)
{
	int status = 200;
	for (unsigned i = 0; i <= number && i < RECEIVER_KEPT; i++)
		status = receiver->statuses[i] ? receiver->statuses[i] : status;
	return status;
}

static inline void receiver_on_request(struct evhttp_request *request, void *arg)
{
	struct receiver *receiver = arg;
	unsigned number = receiver->count++;
	assert_true(number < RECEIVER_KEPT);
	assert_int_equal(evhttp_request_get_command(request), EVHTTP_REQ_POST);
	receiver_keep(&receiver->letters[number], request);
	int status = receiver_choose_status(receiver, number);
	if (status == RECEIVER_HANGS)
		return;
	struct evbuffer *body = evbuffer_new();
	if (receiver->answer)
		evbuffer_add(body, receiver->answer, strlen(receiver->answer));
	if (status == 302)
		evhttp_add_header(evhttp_request_get_output_headers(request), "Location", "http://127.0.0.1:1/elsewhere");
	evhttp_send_reply(request, status, "said", body);
	evbuffer_free(body);
}

/* On a free port of the address. False when it has none to give. */
static inline bool receiver_open(struct receiver *receiver, struct event_base *loop, const char *address)
{
	struct sockaddr_storage bound = {0};
	struct addr addr;
	socklen_t length = sizeof(bound);
	*receiver = (struct receiver){.http = evhttp_new(loop)};
	evhttp_set_gencb(receiver->http, receiver_on_request, receiver);
	struct evhttp_bound_socket *listener = evhttp_bind_socket_with_handle(receiver->http, address, 0);
	if (!listener)
		return false;
	getsockname(evhttp_bound_socket_get_fd(listener), (struct sockaddr *)&bound, &length);
	addr_from_socket((const struct sockaddr *)&bound, length, &addr);
	receiver->port = addr.port;
	return true;
}

static inline void receiver_close(struct receiver *receiver)
{
	evhttp_free(receiver->http);
}

#endif
