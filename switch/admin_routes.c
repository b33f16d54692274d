/* From a request to the function that answers it. Control thread. One table; paths are matched segment by segment. */
#include "switch/admin_routes.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <event2/buffer.h>
#include <event2/keyvalq_struct.h>

#include "base/memory.h"
#include "base/text.h"
#include "switch/admin_approval.h"
#include "switch/admin_deploy.h"
#include "switch/admin_dns.h"
#include "switch/admin_hold.h"
#include "switch/admin_parts.h"
#include "switch/admin_preview.h"
#include "switch/admin_rehearsal.h"
#include "switch/admin_streams.h"
#include "switch/admin_verbs.h"
#include "switch/admin_views.h"

#define SEGMENTS 6
#define SERVICE ":service"
#define COLOR ":color"
#define ID ":id"

/* ---- the table ---- */

typedef void route_handler(struct admin *admin, struct ask *ask);

struct route {
	const char *segments[SEGMENTS]; /* up to the first NULL */
	enum evhttp_cmd_type method;
	route_handler *handler;
};

static void open_stream(struct admin *admin, struct ask *ask)
{
	admin_streams_open(admin, ask);
}

static const struct route routes[] = {
	{{"healthz"}, EVHTTP_REQ_GET, admin_views_healthz},
	{{"metrics"}, EVHTTP_REQ_GET, admin_views_metrics},
	{{"v1", "status"}, EVHTTP_REQ_GET, admin_views_status},
	{{"v1", "services", SERVICE}, EVHTTP_REQ_GET, admin_views_service},
	{{"v1", "services", SERVICE, "plan"}, EVHTTP_REQ_GET, admin_views_plan},
	{{"v1", "deployments"}, EVHTTP_REQ_GET, admin_views_deployments},
	{{"v1", "deployments", ID}, EVHTTP_REQ_GET, admin_views_deployment},
	{{"v1", "events"}, EVHTTP_REQ_GET, open_stream},
	{{"v1", "services", SERVICE, "switch"}, EVHTTP_REQ_POST, admin_deploy_switch},
	{{"v1", "services", SERVICE, "deploy"}, EVHTTP_REQ_POST, admin_deploy_deploy},
	{{"v1", "services", SERVICE, "rollback"}, EVHTTP_REQ_POST, admin_deploy_rollback},
	{{"v1", "services", SERVICE, "abort"}, EVHTTP_REQ_POST, admin_deploy_abort},
	{{"v1", "services", SERVICE, "promote"}, EVHTTP_REQ_POST, admin_verbs_promote},
	{{"v1", "services", SERVICE, "confirm"}, EVHTTP_REQ_POST, admin_verbs_confirm},
	{{"v1", "services", SERVICE, "approve"}, EVHTTP_REQ_POST, admin_approval_approve},
	{{"v1", "services", SERVICE, "reject"}, EVHTTP_REQ_POST, admin_approval_reject},
	{{"v1", "services", SERVICE, "lock"}, EVHTTP_REQ_POST, admin_verbs_lock},
	{{"v1", "services", SERVICE, "unlock"}, EVHTTP_REQ_POST, admin_verbs_unlock},
	{{"v1", "services", SERVICE, "probe"}, EVHTTP_REQ_POST, admin_verbs_probe},
	{{"v1", "services", SERVICE, "hold"}, EVHTTP_REQ_POST, admin_hold_hold},
	{{"v1", "services", SERVICE, "resume"}, EVHTTP_REQ_POST, admin_hold_resume},
	{{"v1", "services", SERVICE, "preview"}, EVHTTP_REQ_POST, admin_preview_make},
	{{"v1", "services", SERVICE, "rehearse"}, EVHTTP_REQ_POST, admin_rehearsal_start},
	{{"v1", "services", SERVICE, "rehearsal"}, EVHTTP_REQ_GET, admin_rehearsal_report},
	{{"v1", "services", SERVICE, "rehearsal", "stop"}, EVHTTP_REQ_POST, admin_rehearsal_stop},
	{{"v1", "services", SERVICE, "dns"}, EVHTTP_REQ_GET, admin_dns_status},
	{{"v1", "services", SERVICE, "dns", "plan"}, EVHTTP_REQ_GET, admin_dns_plan},
	{{"v1", "services", SERVICE, "dns", "prepare"}, EVHTTP_REQ_POST, admin_dns_prepare},
	{{"v1", "services", SERVICE, "colors", COLOR}, EVHTTP_REQ_PUT, admin_verbs_put_color},
	{{"v1", "reload"}, EVHTTP_REQ_POST, admin_verbs_reload},
	{{"v1", "stop"}, EVHTTP_REQ_POST, admin_verbs_stop},
};

static const char *method_name(enum evhttp_cmd_type method)
{
	return method == EVHTTP_REQ_GET ? "GET" : method == EVHTTP_REQ_PUT ? "PUT" : "POST";
}

/* ---- paths ---- */

struct path {
	char *segments[SEGMENTS];
	size_t count;
};

static void path_fini(struct path *path)
{
	for (size_t i = 0; i < path->count; i++)
		free(path->segments[i]);
}

/* NULL when it can't be decoded, or holds a NUL, which would hide what comes behind it. */
static char *decode(const char *raw)
{
	size_t length = 0;
	char *decoded = evhttp_uridecode(raw, 0, &length);
	if (!decoded || strlen(decoded) == length)
		return decoded;
	free(decoded);
	return NULL;
}

/* False when it has too many segments, or one that is empty or can't be decoded: then it is none of ours. */
static bool path_read(struct path *path, const char *text)
{
	*path = (struct path){0};
	if (*text != '/')
		return false;
	while (*text) {
		size_t length = strcspn(++text, "/");
		if (length == 0 || path->count == SEGMENTS)
			return false;
		char *raw = memory_text_cut(text, length);
		char *segment = decode(raw);
		free(raw);
		if (!segment)
			return false;
		path->segments[path->count++] = segment;
		text += length;
	}
	return true;
}

static bool matches(const struct route *route, const struct path *path)
{
	enum color color;
	for (size_t i = 0; i < SEGMENTS; i++) {
		const char *wanted = route->segments[i], *given = i < path->count ? path->segments[i] : NULL;
		if (!wanted || !given)
			return !wanted && !given;
		if (wanted[0] != ':' && strcmp(wanted, given) != 0)
			return false;
		if (strcmp(wanted, COLOR) == 0 && !color_parse(given, &color))
			return false;
	}
	return path->count == SEGMENTS;
}

static void take_path(struct ask *ask, const struct route *route, const struct path *path)
{
	for (size_t i = 0; i < path->count; i++) {
		if (strcmp(route->segments[i], SERVICE) == 0)
			ask->service = memory_text(path->segments[i]);
		else if (strcmp(route->segments[i], ID) == 0)
			ask->id = memory_text(path->segments[i]);
		else if (strcmp(route->segments[i], COLOR) == 0)
			color_parse(path->segments[i], &ask->color);
	}
	ask->verb = memory_text(path->segments[path->count - 1]);
}

/* ---- who asks ---- */

static void read_peer(struct ask *ask, bool tcp)
{
	struct ucred peer;
	socklen_t length = sizeof(peer);
	char buffer[4096];
	struct passwd entry, *found = NULL;
	struct bufferevent *connection = evhttp_connection_get_bufferevent(evhttp_request_get_connection(ask->http));
	snprintf(ask->actor.name, sizeof(ask->actor.name), tcp ? "token" : "unknown");
	if (tcp || getsockopt(bufferevent_getfd(connection), SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0)
		return;
	ask->actor.uid = (long)peer.uid;
	if (getpwuid_r(peer.uid, &entry, buffer, sizeof(buffer), &found) == 0 && found)
		snprintf(ask->actor.name, sizeof(ask->actor.name), "%s", found->pw_name);
	else
		snprintf(ask->actor.name, sizeof(ask->actor.name), "uid %ld", ask->actor.uid);
}

static unsigned count_fields(const struct evkeyvalq *headers, const char *name)
{
	unsigned count = 0;
	const struct evkeyval *field;
	TAILQ_FOREACH(field, headers, next)
	count += evutil_ascii_strcasecmp(field->key, name) == 0;
	return count;
}

static bool may_pass(const struct admin *admin, struct ask *ask)
{
	const struct evkeyvalq *headers = evhttp_request_get_input_headers(ask->http);
	struct guard_rules rules = {.listen = &admin->listen, .token = admin->token};
	struct guard_request request = {
		.changes = evhttp_request_get_command(ask->http) != EVHTTP_REQ_GET,
		.free = strcmp(evhttp_request_get_uri(ask->http), "/healthz") == 0,
		.hosts = count_fields(headers, "Host"),
		.host = evhttp_find_header(headers, "Host"),
		.origin = evhttp_find_header(headers, "Origin"),
		.fetch_site = evhttp_find_header(headers, "Sec-Fetch-Site"),
		.authorization = evhttp_find_header(headers, "Authorization"),
		.content_type = evhttp_find_header(headers, "Content-Type"),
	};
	const struct guard_refusal *refusal = admin_guard_check(&rules, &request);
	if (!refusal)
		return true;
	if (refusal->status == 401)
		evhttp_add_header(evhttp_request_get_output_headers(ask->http), "WWW-Authenticate", "Bearer");
	ask_refuse(ask, refusal->code, NULL, "%s", refusal->detail);
	return false;
}

/* ---- what is asked ---- */

static bool read_body(struct ask *ask)
{
	json_error_t fault;
	struct evbuffer *input = evhttp_request_get_input_buffer(ask->http);
	size_t length = evbuffer_get_length(input);
	if (length == 0) {
		ask->body = json_object();
		return true;
	}
	if (length > ADMIN_BODY_BYTES) {
		ask_refuse(ask, "too_large", NULL, "the body is larger than 1 MiB");
		return false;
	}
	ask->body = json_loadb((const char *)evbuffer_pullup(input, -1), length, JSON_REJECT_DUPLICATES, &fault);
	if (json_is_object(ask->body))
		return true;
	if (ask->body)
		ask_refuse(ask, "bad_request", NULL, "the body must be a JSON object");
	else
		ask_refuse(ask, "bad_request", NULL, "the body is not JSON: line %d, column %d: %s", fault.line, fault.column, fault.text);
	return false;
}

static bool is_key(const char *key)
{
	size_t length = strlen(key);
	for (const char *byte = key; *byte; byte++)
		if (*byte < 0x21 || *byte > 0x7e)
			return false;
	return length >= 1 && length <= 128;
}

/* Two requests are the same when service, verb and body are; the order and the white space of the body do not count. */
static uint64_t fingerprint(const struct ask *ask)
{
	char *body = json_dumps(ask->body, JSON_COMPACT | JSON_SORT_KEYS);
	uint64_t hash = text_hash(ask->verb, strlen(ask->verb) + 1, TEXT_HASH_SEED);
	hash = text_hash(ask->service ? ask->service : "", ask->service ? strlen(ask->service) + 1 : 1, hash);
	hash = text_hash(body, strlen(body), hash);
	free(body);
	return hash >> 1; /* fits a JSON integer */
}

static bool read_key(struct ask *ask)
{
	const char *key = evhttp_find_header(evhttp_request_get_input_headers(ask->http), "Idempotency-Key");
	if (!key)
		return true;
	if (!is_key(key)) {
		ask_refuse(ask, "bad_request", NULL, "Idempotency-Key must be 1 to 128 printable characters without spaces");
		return false;
	}
	ask->key = memory_text(key);
	ask->fingerprint = fingerprint(ask);
	return true;
}

static bool read_query(struct ask *ask)
{
	const char *query = evhttp_uri_get_query(evhttp_request_get_evhttp_uri(ask->http));
	if (!query || !*query)
		return true;
	ask->query = memory_new(sizeof(*ask->query));
	if (evhttp_parse_query_str(query, ask->query) == 0)
		return true;
	ask_refuse(ask, "bad_request", NULL, "the query can't be read");
	return false;
}

static void serve_path(struct admin *admin, struct ask *ask, const struct path *path)
{
	enum evhttp_cmd_type method = evhttp_request_get_command(ask->http);
	const struct route *other = NULL;
	for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
		if (!matches(&routes[i], path))
			continue;
		other = &routes[i];
		if (routes[i].method != method)
			continue;
		take_path(ask, &routes[i], path);
		if (read_query(ask) && read_body(ask) && read_key(ask))
			routes[i].handler(admin, ask);
		return;
	}
	if (other)
		ask_refuse_method(ask, method_name(other->method));
	else
		ask_refuse(ask, "not_found", NULL, "there is nothing at this path; see docs/api.md");
}

void admin_routes_serve(struct admin *admin, bool tcp, struct evhttp_request *http)
{
	struct path path;
	struct ask *ask = ask_new(admin->control, http, &admin->asks);
	const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(http);
	const char *text = uri ? evhttp_uri_get_path(uri) : NULL;
	ask->tcp = tcp;
	read_peer(ask, tcp);
	if (tcp && !may_pass(admin, ask))
		return;
	if (text && path_read(&path, text)) {
		serve_path(admin, ask, &path);
		path_fini(&path);
		return;
	}
	if (text)
		path_fini(&path);
	ask_refuse(ask, "not_found", NULL, "there is nothing at this path; see docs/api.md");
}
