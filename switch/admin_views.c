/* The admin API's reading side. Control thread; changes nothing. */
#include "switch/admin_views.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/text.h"
#include "switch/admin_look.h"
#include "switch/admin_waits.h"
#include "switch/metrics.h"
#include "switch/procedure.h"
#include "switch/status.h"
#include "switch/wire.h"

#define METRICS_BYTES ((size_t)64 << 20)
#define LIST_DEFAULT 20u
#define LIST_MAX 1000u
#define WAIT_DEFAULT_S 30u
#define WAIT_MAX_S 60u

/* ---- plain ---- */

void admin_views_healthz(struct admin *admin, struct ask *ask)
{
	bool draining = admin->control->draining;
	ask_answer(ask, draining ? 503 : 200, json_pack("{s:s}", "status", draining ? "draining" : "ok"));
}

void admin_views_metrics(struct admin *admin, struct ask *ask)
{
	struct text out;
	const char *accept = ask->http ? evhttp_find_header(evhttp_request_get_input_headers(ask->http), "Accept") : NULL;
	enum metrics_form form = metrics_choose_form(accept);
	text_init(&out, METRICS_BYTES);
	metrics_write(admin->control, form, &out);
	ask_answer_text(ask, 200, metrics_content_type(form), out.bytes, out.length);
	text_fini(&out);
}

void admin_views_status(struct admin *admin, struct ask *ask)
{
	if (ask_check_query(ask, NULL, 0))
		ask_answer(ask, 200, status_make(admin->control));
}

void admin_views_service(struct admin *admin, struct ask *ask)
{
	(void)admin;
	const struct service *service = ask_find_service(ask);
	if (service && ask_check_query(ask, NULL, 0))
		ask_answer(ask, 200, status_make_service(service));
}

/* ---- plan ---- */

static bool read_color_query(struct ask *ask, const char *name, enum color *color, bool *given)
{
	const char *text = ask_read_query(ask, name);
	*given = text != NULL;
	if (!text || color_parse(text, color))
		return true;
	ask_refuse(ask, "bad_request", NULL, "%s must be blue or green", name);
	return false;
}

static bool read_plan_request(struct ask *ask, const struct service *service, struct switcher_request *request)
{
	static const char *const names[] = {"to", "expect_live", "force"};
	bool given;
	const char *force = ask_read_query(ask, "force");
	*request = (struct switcher_request){.to = color_other(service->live), .force = force && strcmp(force, "1") == 0};
	return ask_check_query(ask, names, 3) && read_color_query(ask, "to", &request->to, &given) &&
	       read_color_query(ask, "expect_live", &request->expect_live, &request->expects);
}

static void add_outcome(json_t *plan, const struct service *service, const struct switcher_request *request, const struct gate_result results[GATE_COUNT])
{
	struct procedure_refusal later;
	json_t *gates = gates_to_json(results);
	const struct gate_result *refusal = gates_find_refusal(results);
	bool passes = procedure_foresee(service->procedure, request->to, &service->colors[request->to].now, request->force, clock_wall_ms(), gates, &later);
	bool refused = !passes || (refusal && !refusal->waits);
	json_object_set_new(plan, "would", json_string(refused ? "refuse" : refusal ? "wait" : "switch"));
	json_object_set_new(plan, "exit", json_integer(refused || refusal ? 3 : 0));
	json_object_set_new(plan, "gates", gates);
}

/* What a rollback of this switch would find. */
static void add_readiness(json_t *plan, const struct service *service, enum color from)
{
	char reason[256];
	struct readiness_input input = {.service = service->name, .target = from, .undoable = true};
	service_read_readiness(service, from, &input);
	json_object_set_new(plan, "readiness_after", json_string(readiness_name(readiness_of(&input, reason, sizeof(reason)))));
	json_object_set_new(plan, "readiness_after_reason", wire_text(reason));
}

static bool has_criteria(const struct conf_rollback *rollback)
{
	return rollback->error_rate > 0 || rollback->unhealthy_probes > 0 || rollback->latency_p99_ms > 0 || rollback->log.file || rollback->prometheus.url;
}

static json_t *plan_warnings(const struct service *service, enum color from)
{
	char text[512];
	json_t *warnings = json_array();
	if (service->conf->bake_ms == 0)
		json_array_append_new(warnings, json_string("there is no bake: nothing is watched after the switch"));
	if (!has_criteria(&service->conf->rollback))
		json_array_append_new(warnings, json_string("no rollback criterion is set: nothing goes back by itself"));
	if (switcher_foresee(service->switcher, from, text, sizeof(text)))
		json_array_append_new(warnings, wire_text(text));
	return warnings;
}

static void add_limits(json_t *plan, const struct service *service, enum color from)
{
	const struct conf_rollback *rollback = &service->conf->rollback;
	json_object_set_new(plan, "bake_s", wire_seconds(service->conf->bake_ms));
	json_object_set_new(plan, "drain_s", service_is_routed(service) ? wire_seconds(service->conf->drain_requests_ms) : json_null());
	json_object_set_new(plan, "rollback",
		json_pack("{s:o, s:o, s:o, s:o, s:o}", "error_rate", rollback->error_rate > 0 ? json_real(rollback->error_rate) : json_null(),
			"unhealthy_probes", rollback->unhealthy_probes ? json_integer(rollback->unhealthy_probes) : json_null(), "latency_p99_ms",
			rollback->latency_p99_ms ? wire_count(rollback->latency_p99_ms) : json_null(), "log", wire_text(rollback->log.file), "prometheus",
			wire_text(rollback->prometheus.query)));
	json_object_set_new(plan, "warnings", plan_warnings(service, from));
}

/* Of the file: null when the switch is at once. */
static json_t *plan_steps(const struct conf_steps *conf)
{
	if (conf->count < 2)
		return json_null();
	json_t *shares = json_array();
	for (size_t i = 0; i < conf->count; i++)
		json_array_append_new(shares, deployment_share_to_json(conf->shares[i]));
	return json_pack("{s:o, s:o}", "shares", shares, "pause_s", conf->pause_ms ? wire_seconds(conf->pause_ms) : json_string("manual"));
}

static void answer_plan(struct ask *ask)
{
	struct switcher_request request;
	struct gate_result results[GATE_COUNT];
	const struct service *service = ask_find_service(ask);
	if (!service || !read_plan_request(ask, service, &request))
		return;
	enum color from = color_other(request.to);
	json_t *plan = json_pack("{s:o, s:s, s:s, s:o, s:o}", "service", wire_text(service->name), "from", color_name(from), "to", color_name(request.to),
		"version", wire_text(service->colors[request.to].now.version), "from_version", wire_text(service->colors[from].now.version));
	switcher_check_gates(service->switcher, &request, results);
	add_outcome(plan, service, &request, results);
	json_object_set_new(plan, "live", wire_text(service_live_name(service)));
	json_object_set_new(plan, "inflight", service_is_routed(service) ? wire_count(totals_inflight(service->totals, from)) : json_null());
	add_readiness(plan, service, from);
	add_limits(plan, service, from);
	json_object_set_new(plan, "steps", plan_steps(&service->conf->steps));
	json_object_set_new(plan, "held", status_make_hold(service));
	ask_answer(ask, 200, plan);
}

void admin_views_plan(struct admin *admin, struct ask *ask)
{
	(void)admin;
	admin_look_first(ask, answer_plan);
}

/* ---- deployments ---- */

static bool read_number_query(struct ask *ask, const char *name, uint64_t fallback, uint64_t low, uint64_t high, uint64_t *number)
{
	const char *text = ask_read_query(ask, name);
	*number = fallback;
	if (!text || (text_parse_unsigned(text, number) && *number >= low && *number <= high))
		return true;
	ask_refuse(ask, "bad_request", NULL, "%s must be a number from %u to %u", name, (unsigned)low, (unsigned)high);
	return false;
}

static const struct deployment *find_running(const struct control *control, const char *id)
{
	for (size_t i = 0; i < control->service_count; i++) {
		const struct deployment *deployment = switcher_current(control->services[i]->switcher);
		if (deployment && strcmp(deployment->id, id) == 0)
			return deployment;
	}
	return NULL;
}

/* Those that are running were last written at their last step; they are told as they are now. */
static void renew_running(const struct control *control, json_t *listed)
{
	size_t i;
	const json_t *document;
	json_array_foreach(listed, i, document)
	{
		const struct deployment *running = find_running(control, wire_read_text(document, "id"));
		if (running)
			json_array_set_new(listed, i, deployment_to_json(running));
	}
}

static void on_listed(void *arg, json_t *listed, const char *sentence)
{
	struct ask *ask = arg;
	const char *service = ask_read_query(ask, "service");
	if (!listed) {
		ask_refuse(ask, "history_unavailable", NULL, "the history can't be read: %s", sentence ? sentence : "no reason is known");
		return;
	}
	json_t *merged = archive_merge(ask->control->archive, listed, service, ask->ticket);
	json_decref(listed);
	renew_running(ask->control, merged);
	ask_answer(ask, 200, json_pack("{s:o}", "deployments", merged));
}

void admin_views_deployments(struct admin *admin, struct ask *ask)
{
	static const char *const names[] = {"service", "limit"};
	if (!ask_check_query(ask, names, 2) || !read_number_query(ask, "limit", LIST_DEFAULT, 1, LIST_MAX, &ask->ticket))
		return;
	scribe_flush(admin->control->scribe, true);
	journal_list(admin->control->journal, ask_read_query(ask, "service"), (unsigned)ask->ticket, on_listed, ask);
}

static void on_events(void *arg, json_t *events, const char *sentence)
{
	struct ask *ask = arg;
	(void)sentence;
	json_object_set_new(ask->body, "events", events ? events : json_array());
	ask_answer(ask, 200, json_incref(ask->body));
}

/* `document` is consumed. */
static void answer_deployment(struct ask *ask, json_t *document)
{
	const char *events = ask_read_query(ask, "events");
	if (!events || strcmp(events, "1") != 0) {
		ask_answer(ask, 200, document);
		return;
	}
	json_decref(ask->body);
	ask->body = json_copy(document);
	json_decref(document);
	scribe_flush(ask->control->scribe, true);
	journal_list_events(ask->control->journal, ask->id, on_events, ask);
}

static void on_found(void *arg, json_t *document, const char *sentence)
{
	struct ask *ask = arg;
	char fault[256];
	if (document) {
		answer_deployment(ask, document);
		return;
	}
	journal_fault(ask->control->journal, fault, sizeof(fault));
	if (fault[0])
		ask_refuse(ask, "history_unavailable", NULL, "the history can't be read: %s", sentence ? sentence : fault);
	else
		ask_refuse(ask, "unknown_deployment", NULL, "there is no deployment \"%.40s\"", ask->id);
}

static void answer_as_it_is(struct ask *ask)
{
	const struct deployment *running = find_running(ask->control, ask->id);
	const json_t *document = archive_find(ask->control->archive, ask->id);
	if (running)
		answer_deployment(ask, deployment_to_json(running));
	else if (document)
		answer_deployment(ask, json_copy((json_t *)document));
	else
		journal_get(ask->control->journal, ask->id, on_found, ask);
}

enum until { UNTIL_NOW, UNTIL_SWITCHED, UNTIL_DRAINED, UNTIL_ENDED };

static bool has_come(const struct ask *ask)
{
	const struct deployment *deployment = find_running(ask->control, ask->id);
	if (!deployment)
		return true;
	if (ask->until == UNTIL_SWITCHED)
		return deployment->in_force || deployment->shift.in_force || deployment->step >= STEP_RETURN;
	if (ask->until == UNTIL_DRAINED)
		return deployment->drained_at != 0 || deployment->step >= STEP_RETURN;
	return ask->until == UNTIL_NOW;
}

static bool read_until(struct ask *ask)
{
	static const char *const names[] = {"", "switched", "drained", "ended"};
	const char *text = ask_read_query(ask, "until");
	ask->until = UNTIL_NOW;
	if (!text)
		return true;
	for (int i = UNTIL_SWITCHED; i <= UNTIL_ENDED; i++)
		if (strcmp(names[i], text) == 0)
			ask->until = i;
	if (ask->until != UNTIL_NOW)
		return true;
	ask_refuse(ask, "bad_request", NULL, "until must be switched, drained or ended");
	return false;
}

void admin_views_deployment(struct admin *admin, struct ask *ask)
{
	static const char *const names[] = {"until", "timeout_s", "events"};
	uint64_t timeout_s;
	if (ask_check_query(ask, names, 3) && read_until(ask) && read_number_query(ask, "timeout_s", WAIT_DEFAULT_S, 0, WAIT_MAX_S, &timeout_s))
		admin_waits_add(admin, ask, timeout_s * 1000, has_come, answer_as_it_is);
}
