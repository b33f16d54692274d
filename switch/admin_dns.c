/* DNS by the admin API. Control thread. What the record and the name servers say comes from dns/steering; here it is asked for afresh, waited for, and put together. */
#include "switch/admin_dns.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "dns/steering.h"
#include "switch/admin_look.h"
#include "switch/admin_waits.h"
#include "switch/health_plan.h"
#include "switch/prepare.h"
#include "switch/rounds.h"
#include "switch/service_dns.h"
#include "switch/wire.h"

#define STATUS_MS 5000u /* for the record to be read, and for the name servers to answer */
#define FRESH_MS 5000u  /* a look that is not older will do for the status */

/* The service of the path when it is switched by Route 53; else NULL: it was refused. */
static struct service *find_service(struct ask *ask)
{
	struct service *service = ask_find_service(ask);
	if (!service || service->dns)
		return service;
	ask_refuse(ask, "not_route53", NULL, "service %s is switched in the path (via: proxy): it has no record in Route 53", service->name);
	return NULL;
}

static struct service *find_again(const struct ask *ask)
{
	return control_find_service(ask->control, ask->service);
}

/* ---- a fresh look ---- */

static bool is_read(const struct ask *ask)
{
	const struct service *service = find_again(ask);
	return !service || !service_dns_is_looking(service);
}

static bool is_changing(const struct steering *steering)
{
	char sentence[8];
	return steering_read_change(steering, sentence, sizeof(sentence)) == STEERING_PENDING;
}

/* Also while a change is under way: whoever looks has to wait for it. */
static bool is_fresh(const struct service *service)
{
	struct steering_view view;
	struct steering *steering = service_dns_steering(service);
	if (!steering || is_changing(steering))
		return true;
	service_dns_read(service, &view);
	return view.read_ms && clock_mono_ms() - view.read_ms <= FRESH_MS;
}

static bool refuse_gone(struct ask *ask, const struct service *service)
{
	if (service)
		return false;
	ask_refuse(ask, "unknown_service", NULL, "service %s was taken out of the configuration meanwhile", ask->service);
	return true;
}

/* ---- status ---- */

/* What the record says is beside what is live: while that is a mixture or neither, no color is. */
static json_t *read_record(struct steering *steering)
{
	struct steering_view view;
	json_t *status = steering_status(steering);
	steering_read(steering, &view);
	json_object_set_new(status, "record", json_incref(json_object_get(status, "live")));
	json_object_del(status, "share");
	json_object_set_new(status, "split",
		json_pack("{s:o, s:o}", "blue", deployment_share_to_json(view.share[COLOR_BLUE]), "green", deployment_share_to_json(view.share[COLOR_GREEN])));
	return status;
}

/* With the policy health_check: until when checks and caches may still say the other color is beside what teal answers. */
static json_t *read_answer(const struct service *service)
{
	json_t *status = health_plan_status(service), *known = service_dns_to_json(service);
	json_object_set(status, "safe_at", json_object_get(known, "safe_at"));
	json_decref(known);
	return status;
}

static json_t *make_status(const struct service *service)
{
	struct steering *steering = service_dns_steering(service);
	json_t *status = steering ? read_record(steering) : read_answer(service);
	json_object_set_new(status, "service", wire_text(service->name));
	json_object_set_new(status, "live", service->live_known ? json_string(color_name(service->live)) : json_null());
	json_object_set_new(status, "quick_from", steering ? wire_time(steering_quick_from(steering)) : json_null());
	json_object_set_new(status, "prepare", prepare_to_json(service->prepare));
	return status;
}

static void answer_status(struct ask *ask)
{
	struct service *service = find_again(ask);
	if (!refuse_gone(ask, service))
		ask_answer(ask, 200, make_status(service));
}

/* Each has said something, or can't be asked. None at all: there is nobody to ask, as in a private zone. */
static bool have_answered(const json_t *servers)
{
	const json_t *server;
	size_t i;
	json_array_foreach(
		servers, i, server) if (json_is_null(json_object_get(server, "answer")) && json_is_null(json_object_get(server, "fault"))) return false;
	return true;
}

static bool is_complete(const struct ask *ask)
{
	const struct service *service = find_again(ask);
	struct steering *steering = service ? service_dns_steering(service) : NULL;
	if (!steering || (!is_read(ask) && !is_changing(steering)))
		return !steering;
	if (!is_fresh(service))
		return true;
	json_t *status = steering_status(steering);
	bool complete = have_answered(json_object_get(status, "servers"));
	json_decref(status);
	return complete;
}

void admin_dns_status(struct admin *admin, struct ask *ask)
{
	struct service *service = find_service(ask);
	if (!service)
		return;
	if (!is_fresh(service))
		service_dns_look(service);
	rounds_wake(ask->control);
	admin_waits_add(admin, ask, STATUS_MS, is_complete, answer_status);
}

/* ---- plan ---- */

static bool choose_color(struct ask *ask, const struct service *service, enum color *to)
{
	const char *name = ask_read_query(ask, "to");
	bool drifted;
	const char *fault = service_dns_fault(service, &drifted);
	if (name && color_parse(name, to))
		return true;
	if (name)
		ask_refuse(ask, "bad_request", NULL, "\"to\" must be blue or green");
	else if (fault)
		ask_refuse(ask, "live_unknown", NULL, "%s; name the color to plan for", fault);
	else
		*to = color_other(service->live);
	return !name && !fault;
}

static void answer_plan(struct ask *ask)
{
	enum color to;
	struct err err;
	struct service *service = find_again(ask);
	if (refuse_gone(ask, service) || !choose_color(ask, service, &to))
		return;
	struct steering *steering = service_dns_steering(service);
	json_t *plan = steering ? steering_plan(steering, to, &err) : health_plan_make(service, to);
	if (!plan) {
		ask_refuse(ask, "change_impossible", NULL, "%s", err.text);
		return;
	}
	json_object_set_new(plan, "service", wire_text(service->name));
	json_object_set_new(plan, "from", service->live_known ? json_string(color_name(service->live)) : json_null());
	json_object_set_new(plan, "to", json_string(color_name(to)));
	json_object_set_new(plan, "quick_from", steering ? wire_time(steering_quick_from(steering)) : json_null());
	ask_answer(ask, 200, plan);
}

void admin_dns_plan(struct admin *admin, struct ask *ask)
{
	static const char *const names[] = {"to"};
	struct service *service = find_service(ask);
	(void)admin;
	if (service && ask_check_query(ask, names, 1))
		admin_look_first(ask, answer_plan);
}

/* ---- prepare ---- */

static void answer_prepare(struct ask *ask)
{
	struct switcher_refusal refusal;
	struct service *service = find_again(ask);
	if (refuse_gone(ask, service))
		return;
	if (!prepare_start(service->prepare, ask->actor.name, &refusal)) {
		ask_refuse_verb(ask, &refusal);
		return;
	}
	rounds_wake(ask->control);
	ask_answer(ask, 202, json_pack("{s:s, s:o}", "service", service->name, "prepare", prepare_to_json(service->prepare)));
}

void admin_dns_prepare(struct admin *admin, struct ask *ask)
{
	struct service *service = find_service(ask);
	(void)admin;
	if (!service || !ask_check_body(ask, NULL, 0))
		return;
	if (ask->control->draining) {
		ask_refuse(ask, "stopping", NULL, "the daemon is draining and begins nothing new");
		return;
	}
	admin_look_first(ask, answer_prepare);
}
