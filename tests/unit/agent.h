/* A small HTTP server for tests, on the loop of the test: answers by a table of paths, and keeps what it was asked. */
#ifndef TEAL_TESTS_UNIT_AGENT_H
#define TEAL_TESTS_UNIT_AGENT_H

#include <assert.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The first that fits is taken. */
struct agent_answer {
	const char *method, *path; /* whole; NULL fits all */
	int status;                /* 0: none, ever */
	const char *body;
	const char *header, *value; /* one more line; NULL: none */
	unsigned times;             /* how often it is good; 0: always */
	unsigned given;
};

struct agent {
	struct evhttp *http;
	unsigned port;
	struct agent_answer answers[8]; /* up to one without a status and a path */
	unsigned asked;
	char log[4096];   /* "PUT /latest/api/token\n…" */
	char body[32768]; /* of the last request */
	char lines[8192]; /* of the last one's header: "name: value\n…" */
};

static inline const char *agent_method(struct evhttp_request *request)
{
	switch (evhttp_request_get_command(request)) {
	case EVHTTP_REQ_GET:
		return "GET";
	case EVHTTP_REQ_PUT:
		return "PUT";
	case EVHTTP_REQ_POST:
		return "POST";
	default:
		return "?";
	}
}

static inline void agent_keep(struct agent *agent, struct evhttp_request *request)
{
	struct evbuffer *body = evhttp_request_get_input_buffer(request);
	size_t length = strlen(agent->log);
	struct evkeyval *header;
	agent->asked++;
	snprintf(agent->log + length, sizeof(agent->log) - length, "%s %s\n", agent_method(request), evhttp_request_get_uri(request));
	ssize_t got = evbuffer_copyout(body, agent->body, sizeof(agent->body) - 1);
	agent->body[got > 0 ? got : 0] = '\0';
	agent->lines[0] = '\0';
	for (header = evhttp_request_get_input_headers(request)->tqh_first; header; header = header->next.tqe_next) {
		length = strlen(agent->lines);
		snprintf(agent->lines + length, sizeof(agent->lines) - length, "%s: %s\n", header->key, header->value);
	}
}

static inline struct agent_answer *agent_find(struct agent *agent, struct evhttp_request *request)
{
	for (size_t i = 0; i < sizeof(agent->answers) / sizeof(agent->answers[0]); i++) {
		struct agent_answer *answer = &agent->answers[i];
		if ((answer->times == 0 || answer->given < answer->times) && (!answer->method || strcmp(answer->method, agent_method(request)) == 0) &&
			(!answer->path || strcmp(answer->path, evhttp_request_get_uri(request)) == 0))
			return answer;
	}
	return NULL;
}

static inline void agent_on_request(struct evhttp_request *request, void *arg)
{
	struct agent *agent = arg;
	agent_keep(agent, request);
	struct agent_answer *answer = agent_find(agent, request);
	if (!answer || answer->status == 0) /* left alone */
		return;
	answer->given++;
	struct evbuffer *body = evbuffer_new();
	if (answer->body)
		evbuffer_add(body, answer->body, strlen(answer->body));
	if (answer->header)
		evhttp_add_header(evhttp_request_get_output_headers(request), answer->header, answer->value);
	evhttp_send_reply(request, answer->status, "said", body);
	evbuffer_free(body);
}

/* On a free port of the loopback. */
static inline void agent_open(struct agent *agent, struct event_base *loop)
{
	struct sockaddr_in bound = {0};
	socklen_t length = sizeof(bound);
	agent->http = evhttp_new(loop);
	evhttp_set_gencb(agent->http, agent_on_request, agent);
	struct evhttp_bound_socket *socket = evhttp_bind_socket_with_handle(agent->http, "127.0.0.1", 0);
	assert(socket);
	getsockname(evhttp_bound_socket_get_fd(socket), (struct sockaddr *)&bound, &length);
	agent->port = ntohs(bound.sin_port);
}

static inline void agent_close(struct agent *agent)
{
	evhttp_free(agent->http);
}

#endif
