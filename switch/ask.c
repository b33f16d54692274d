/* One request of the admin API. Control thread; what it asks for is answered in switch/admin_verbs and switch/admin_views. */
#include "switch/ask.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <event2/buffer.h>
#include <event2/keyvalq_struct.h>

#include "base/memory.h"
#include "base/text.h"
#include "conf/conf.h"
#include "switch/problem.h"
#include "switch/wire.h"

#define ASK_TEXT_MAX 1000u
#define ASK_ANSWER_MAX ((size_t)256 << 20)

static void on_client_gone(struct evhttp_connection *connection, void *arg)
{
	struct ask *ask = arg;
	(void)connection;
	if (!evhttp_request_get_connection(ask->http))
		evhttp_request_free(ask->http); /* libevent lets go of a request without an answer when the peer hangs up */
	ask->http = NULL;
}

struct ask *ask_new(struct control *control, struct evhttp_request *http, struct ask_list *list)
{
	struct ask *ask = memory_new(sizeof(*ask));
	ask->control = control;
	ask->http = http;
	ask->actor.uid = -1;
	evhttp_connection_set_closecb(evhttp_request_get_connection(http), on_client_gone, ask);
	LIST_INSERT_HEAD(list, ask, link);
	return ask;
}

struct evhttp_request *ask_take_http(struct ask *ask)
{
	struct evhttp_request *http = ask->http;
	ask->http = NULL;
	if (http)
		evhttp_connection_set_closecb(evhttp_request_get_connection(http), NULL, NULL);
	return http;
}

void ask_drop(struct ask *ask)
{
	ask_take_http(ask);
	LIST_REMOVE(ask, link);
	if (ask->waits)
		LIST_REMOVE(ask, wait_link);
	if (ask->query) {
		evhttp_clear_headers(ask->query);
		free(ask->query);
	}
	json_decref(ask->body);
	free(ask->verb);
	free(ask->service);
	free(ask->id);
	free(ask->key);
	free(ask->shots);
	free(ask);
}

/* ---- answering ---- */

void ask_answer_text(struct ask *ask, int status, const char *type, const char *text, size_t length)
{
	struct evhttp_request *http = ask_take_http(ask);
	if (http) {
		struct evkeyvalq *headers = evhttp_request_get_output_headers(http);
		struct evbuffer *body = evbuffer_new();
		evhttp_add_header(headers, "Content-Type", type);
		evhttp_add_header(headers, "Cache-Control", "no-store");
		evhttp_add_header(headers, "X-Content-Type-Options", "nosniff");
		evbuffer_add(body, text, length);
		evhttp_send_reply(http, status, problem_status_title((unsigned)status), body);
		evbuffer_free(body);
	}
	ask_drop(ask);
}

static void answer_document(struct ask *ask, int status, const char *type, json_t *document)
{
	char *text = json_dumps(document, JSON_COMPACT);
	json_decref(document);
	struct text out;
	text_init(&out, ASK_ANSWER_MAX);
	text_add(&out, text, strlen(text));
	text_add(&out, "\n", 1);
	free(text);
	ask_answer_text(ask, status, type, out.bytes, out.length);
	text_fini(&out);
}

void ask_answer(struct ask *ask, int status, json_t *document)
{
	answer_document(ask, status, "application/json", document);
}

void ask_refuse(struct ask *ask, const char *code, json_t *more, const char *format, ...)
{
	char detail[1024];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(detail, sizeof(detail), format, arguments);
	va_end(arguments);
	answer_document(ask, (int)problem_status(code), "application/problem+json", problem_make(code, detail, more));
}

void ask_refuse_verb(struct ask *ask, const struct switcher_refusal *refusal)
{
	json_t *more = json_object();
	if (refusal->deployment[0])
		json_object_set_new(more, "deployment", json_string(refusal->deployment));
	ask_refuse(ask, refusal->code, more, "%s", refusal->detail);
}

void ask_refuse_method(struct ask *ask, const char *allow)
{
	if (ask->http)
		evhttp_add_header(evhttp_request_get_output_headers(ask->http), "Allow", allow);
	ask_refuse(ask, "method_not_allowed", NULL, "this takes %s", allow);
}

/* ---- reading ---- */

static bool is_texts(const json_t *value)
{
	size_t i;
	json_t *text;
	json_array_foreach(value, i, text) if (!json_is_string(text)) return false;
	return json_is_array(value);
}

unsigned ask_read_share(const json_t *percent)
{
	double value = json_number_value(percent);
	return value > 0 && value <= 100 ? (unsigned)(value * 100 + 0.5) : 0;
}

static bool is_steps(const json_t *value)
{
	size_t i;
	json_t *percent;
	unsigned before = 0;
	json_array_foreach(value, i, percent)
	{
		unsigned share = ask_read_share(percent);
		if (share <= before)
			return false;
		before = share;
	}
	return before == TABLE_SPLIT_WHOLE && json_array_size(value) <= 100;
}

static bool is_seconds(const json_t *value, double above)
{
	return json_is_number(value) && json_number_value(value) >= above && json_number_value(value) <= 86400.0 * 30;
}

static bool is_time(const json_t *value)
{
	double ms = json_number_value(value) * 1000;
	return json_is_number(value) && ms >= CONF_REHEARSAL_LEAST_MS && ms <= CONF_REHEARSAL_MOST_MS;
}

static bool is_share(const json_t *value)
{
	double share = json_number_value(value);
	return json_is_number(value) && share >= CONF_REHEARSAL_LEAST_SHARE && share <= 1;
}

static bool is_pause(const json_t *value)
{
	const char *text = json_string_value(value);
	return text ? strcmp(text, "manual") == 0 : is_seconds(value, 0.001);
}

static const char *expected(enum ask_kind kind, const json_t *value)
{
	enum color color;
	switch (kind) {
	case ASK_TEXT:
		return json_is_string(value) && json_string_length(value) <= ASK_TEXT_MAX ? NULL : "a text of at most 1000 bytes";
	case ASK_VERSION:
		return json_is_string(value) && json_string_length(value) <= CONF_VERSION_MAX ? NULL : "a text of at most 128 bytes";
	case ASK_FLAG:
		return json_is_boolean(value) ? NULL : "true or false";
	case ASK_SECONDS:
		return is_seconds(value, 0) ? NULL : "a number of seconds, 0 to 2592000";
	case ASK_TIME:
		return is_time(value) ? NULL : "a number of seconds, 1 to 86400 (24h)";
	case ASK_SHARE:
		return is_share(value) ? NULL : "a share, 0.0001 (0.01%) to 1";
	case ASK_COLOR:
		return json_is_string(value) && color_parse(json_string_value(value), &color) ? NULL : "\"blue\" or \"green\"";
	case ASK_TEXTS:
		return is_texts(value) ? NULL : "a list of texts";
	case ASK_STEPS:
		return is_steps(value) ? NULL : "a list of at most 100 shares in percent, each larger than the one before, the last one 100";
	case ASK_PAUSE:
		return is_pause(value) ? NULL : "a number of seconds, 0.001 to 2592000, or \"manual\"";
	case ASK_LATER:
		break;
	}
	return NULL;
}

static const struct ask_member *find_member(const struct ask_member *members, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(members[i].name, name) == 0)
			return &members[i];
	return NULL;
}

static bool refuse_unknown(struct ask *ask, const char *name, const struct ask_member *members, size_t count)
{
	struct text known;
	text_init(&known, 512);
	for (size_t i = 0; i < count; i++)
		if (members[i].kind != ASK_LATER)
			text_addf(&known, "%s%s", known.length ? ", " : "", members[i].name);
	ask_refuse(ask, "bad_request", NULL, "unknown member \"%.100s\"; %s%s", name, known.length ? "known are: " : "none is taken here", known.bytes);
	text_fini(&known);
	return false;
}

bool ask_check_body(struct ask *ask, const struct ask_member *members, size_t count)
{
	const char *name, *wanted;
	json_t *value;
	json_object_foreach(ask->body, name, value)
	{
		const struct ask_member *member = find_member(members, count, name);
		if (!member)
			return refuse_unknown(ask, name, members, count);
		if (member->kind == ASK_LATER) {
			ask_refuse(ask, "not_supported", NULL, "\"%s\" is not supported by this version", member->name);
			return false;
		}
		if (!json_is_null(value) && (wanted = expected(member->kind, value))) {
			ask_refuse(ask, "bad_request", NULL, "\"%s\" must be %s", member->name, wanted);
			return false;
		}
	}
	return true;
}

bool ask_check_query(struct ask *ask, const char *const *names, size_t count)
{
	struct evkeyval *pair;
	if (!ask->query)
		return true;
	TAILQ_FOREACH(pair, ask->query, next)
	{
		bool known = false;
		for (size_t i = 0; i < count; i++)
			known = known || strcmp(names[i], pair->key) == 0;
		if (known)
			continue;
		ask_refuse(ask, "bad_request", NULL, "unknown query parameter \"%.100s\"", pair->key);
		return false;
	}
	return true;
}

const char *ask_read_query(const struct ask *ask, const char *name)
{
	return ask->query ? evhttp_find_header(ask->query, name) : NULL;
}

struct service *ask_find_service(struct ask *ask)
{
	struct service *service = control_find_service(ask->control, ask->service);
	if (service)
		return service;
	json_t *names = json_array();
	for (size_t i = 0; i < ask->control->service_count; i++)
		json_array_append_new(names, wire_text(ask->control->services[i]->name));
	ask_refuse(ask, "unknown_service", json_pack("{s:o}", "services", names), "there is no service \"%.100s\"", ask->service);
	return NULL;
}

struct service *ask_find_routed_service(struct ask *ask, const char *what)
{
	struct service *service = ask_find_service(ask);
	if (!service || service_is_routed(service))
		return service;
	ask_refuse(ask, "not_in_path", NULL, "service %s is switched by Route 53: its requests do not come through teal, so there is nothing to %s",
		service->name, what);
	return NULL;
}
