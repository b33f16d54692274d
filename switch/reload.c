/* Reading the file again, in two phases. Control thread. The first phase may fail and touches nothing that runs; the second one can't fail. */
#include "switch/reload.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "switch/admin.h"
#include "switch/alike.h"
#include "switch/daemon.h"
#include "switch/differ.h"
#include "switch/health_answers.h"
#include "switch/tlsplan.h"
#include "switch/tlsstore.h"
#include "switch/wire.h"

/* What the first phase made. */
struct plan {
	struct conf *conf;
	bool other_access;
	enum proxy_access access;
	struct logwriter *writer;
	struct tlsplan *tls;
	char token[ADMIN_TOKEN_SIZE];
};

/* ---- first phase ---- */

static bool refuse(struct reload_refusal *refusal, const char *code, json_t *list, const char *format, ...) __attribute__((format(printf, 4, 5)));
static bool refuse(struct reload_refusal *refusal, const char *code, json_t *list, const char *format, ...)
{
	va_list arguments;
	*refusal = (struct reload_refusal){.code = code, .list = list};
	va_start(arguments, format);
	vsnprintf(refusal->detail, sizeof(refusal->detail), format, arguments);
	va_end(arguments);
	return false;
}

static bool parse(const struct control *control, struct plan *plan, struct reload_refusal *refusal)
{
	struct conf_faults faults = {0};
	if (!control->conf->file)
		return refuse(refusal, "not_supported", NULL, "the configuration came from the command line, so there is no file to read again");
	plan->conf = conf_load(control->conf->file, &faults);
	json_t *list = wire_texts(faults.lines, faults.count);
	size_t count = faults.count;
	conf_faults_fini(&faults);
	if (!plan->conf)
		return refuse(
			refusal, "invalid_configuration", list, "%s has %zu fault%s; nothing has changed", control->conf->file, count, count == 1 ? "" : "s");
	json_decref(list);
	return true;
}

static bool keeps_fixed(const struct control *control, const struct plan *plan, struct reload_refusal *refusal)
{
	json_t *keys = json_array();
	differ_list_fixed(control->conf, plan->conf, keys);
	if (json_array_size(keys) > 0)
		return refuse(refusal, "restart_needed", keys, "%s%s changed, and %s read only at the start: restart the daemon; nothing has changed",
			json_string_value(json_array_get(keys, 0)), json_array_size(keys) > 1 ? " (and more)" : "",
			json_array_size(keys) > 1 ? "these are" : "this is");
	json_decref(keys);
	return true;
}

/* Both colors have users: with another `sticky` they would be divided anew. A file that has had another one since a restart may stay as it is, or have again what they are known by. */
static bool divides_anew(const struct service *service, const struct deployment *deployment, const struct conf_sticky *sticky)
{
	bool divided = deployment->step == STEP_SHIFT || deployment->step == STEP_COMPLETE;
	return divided && !alike_sticky(sticky, &service->conf->sticky) && !alike_sticky(sticky, &service->split_sticky);
}

static bool leaves_deployment(const struct service *service, const struct plan *plan, struct reload_refusal *refusal)
{
	const struct deployment *deployment = switcher_current(service->switcher);
	const struct conf_service *conf = conf_find_service(plan->conf, service->name);
	if (!deployment)
		return true;
	if (!conf || !differ_same_deployed(conf, service->conf))
		refuse(refusal, "deployment_running", NULL,
			"the file changes or removes %s of service %s while deployment %s is under way; nothing has changed",
			conf && !alike_route53(&conf->route53, &service->conf->route53) ? "the record" : "a color", service->name, deployment->id);
	else if (divides_anew(service, deployment, &conf->sticky))
		refuse(refusal, "deployment_running", NULL,
			"the file changes sticky of service %s while deployment %s shifts its users in steps, who would change color; nothing has changed",
			service->name, deployment->id);
	else
		return true;
	snprintf(refusal->deployment, sizeof(refusal->deployment), "%s", deployment->id);
	return false;
}

static bool leaves_deployments(const struct control *control, const struct plan *plan, struct reload_refusal *refusal)
{
	for (size_t i = 0; i < control->service_count; i++)
		if (!leaves_deployment(control->services[i], plan, refusal))
			return false;
	return true;
}

static int64_t read_now_s(void)
{
	return (int64_t)(clock_wall_ms() / 1000);
}

static bool open_files(const struct control *control, struct plan *plan, struct reload_refusal *refusal)
{
	struct err err;
	plan->other_access = !differ_same_access(control->conf, plan->conf);
	if (admin_read_token(plan->conf, plan->token, &err) != ADMIN_TOKEN_TAKEN)
		return refuse(refusal, "invalid_configuration", json_pack("[o]", wire_text(err.text)), "%s; nothing has changed", err.text);
	if (plan->other_access && !control_open_access(plan->conf, &plan->access, &plan->writer, &err))
		return refuse(refusal, "invalid_configuration", json_pack("[o]", wire_text(err.text)), "%s; nothing has changed", err.text);
	plan->tls = tlsstore_plan(control->tls, plan->conf, false, read_now_s(), &err);
	if (!plan->tls)
		return refuse(refusal, "invalid_configuration", json_pack("[o]", wire_text(err.text)), "%s; nothing has changed", err.text);
	if (!health_answers_open(control->health, plan->conf, &err))
		return refuse(refusal, "invalid_configuration", json_pack("[o]", wire_text(err.text)), "%s; nothing has changed", err.text);
	return true;
}

/* ---- second phase ---- */

static void swap_services(struct control *control, const struct conf *conf)
{
	struct service **services = memory_array(conf->service_count, sizeof(struct service *));
	struct service_host **hosts = memory_array(conf->service_count, sizeof(struct service_host *));
	for (size_t i = 0; i < conf->service_count; i++) {
		for (size_t old = 0; old < control->service_count; old++) {
			if (!control->services[old] || strcmp(control->services[old]->name, conf->services[i].name) != 0)
				continue;
			services[i] = control->services[old];
			hosts[i] = control->hosts[old];
			control->services[old] = NULL;
			break;
		}
		if (!services[i])
			services[i] = control_make_service(control, &conf->services[i], NULL, &hosts[i]);
	}
	for (size_t old = 0; old < control->service_count; old++) {
		if (!control->services[old])
			continue;
		service_free(control->services[old]);
		service_host_free(control->hosts[old]);
	}
	free(control->services);
	free(control->hosts);
	control->services = services;
	control->hosts = hosts;
	control->service_count = conf->service_count;
}

static void swap_access(struct control *control, const struct plan *plan)
{
	if (!plan->other_access)
		return;
	proxy_set_access(control->proxy, plan->access, plan->writer);
	logwriter_close(control->old_access_writer);
	control->old_access_writer = control->access_writer;
	control->access_writer = plan->writer;
}

static void swap(struct control *control, const struct plan *plan)
{
	struct conf *old = control->conf;
	control->conf = plan->conf;
	tlsstore_take(control->tls, plan->tls, read_now_s());
	control->service_owner.response_ms = plan->conf->timeouts.response_ms;
	swap_services(control, plan->conf);
	for (size_t i = 0; i < control->service_count; i++) {
		service_set_conf(control->services[i], &plan->conf->services[i]);
		service_host_set_policy(control->services[i]);
	}
	tables_set_services(control->tables, plan->conf, control->services, control->service_count);
	health_answers_keep(control->health, plan->conf);
	swap_access(control, plan);
	control->old_access_generation = tables_publish(control->tables);
	admin_set_token(control->admin, plan->token);
	keeper_write(control->keeper);
	conf_free(old);
}

/* A second change of the access log has to wait until the workers have let go of the first writer. */
static bool access_is_settled(const struct control *control, const struct plan *plan, struct reload_refusal *refusal)
{
	if (!plan->other_access || !control->old_access_writer || tables_are_in_force(control->tables, control->old_access_generation))
		return true;
	return refuse(
		refusal, "internal", NULL, "the access log was changed a moment ago and the workers still use the former one; try again; nothing has changed");
}

bool reload_run(struct control *control, json_t **changed, struct reload_refusal *refusal)
{
	struct plan plan = {0};
	if (!parse(control, &plan, refusal))
		return false;
	if (!keeps_fixed(control, &plan, refusal) || !leaves_deployments(control, &plan, refusal) || !open_files(control, &plan, refusal) ||
		!access_is_settled(control, &plan, refusal)) {
		logwriter_close(plan.writer);
		tlsplan_free(plan.tls);
		health_answers_keep(control->health, control->conf);
		conf_free(plan.conf);
		return false;
	}
	*changed = json_array();
	differ_list_changes(control->conf, plan.conf, *changed);
	tlsstore_list_changes(control->tls, plan.tls, *changed);
	swap(control, &plan);
	events_emit(control->events, NULL, NULL, "reloaded", json_pack("{s:O}", "changed", *changed),
		json_array_size(*changed) == 0 ? "the file was read again; nothing differs" : "the file was read again and is in force");
	return true;
}

void reload_by_signal(struct control *control)
{
	struct reload_refusal refusal;
	json_t *changed = NULL, *line;
	size_t i;
	if (reload_run(control, &changed, &refusal)) {
		json_decref(changed);
		return;
	}
	json_array_foreach(refusal.list, i, line) log_error("%s", json_string_value(line));
	events_emit(control->events, NULL, NULL, "reload_refused", json_pack("{s:o}", "faults", refusal.list ? json_incref(refusal.list) : json_array()),
		refusal.detail);
	json_decref(refusal.list);
}
