/* One service's part of the start-up truth. Control thread; how it gets to the disk is switch/keeper's business. */
#include "switch/service_truth.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "switch/alike.h"
#include "switch/prepare.h"
#include "switch/service_dns.h"
#include "switch/wire.h"

/* The names are in the files: they stay. */
static const char *const sticky_names[] = {
	[CONF_STICKY_NONE] = "none",
	[CONF_STICKY_COOKIE] = "cookie",
	[CONF_STICKY_HEADER] = "header",
	[CONF_STICKY_ADDRESS] = "address",
};

/* ---- reading ---- */

static void read_color(struct service *service, enum color color, const json_t *truth)
{
	struct service_color *half = &service->colors[color];
	struct release remembered = {0};
	release_read_conf(&half->file, &service->conf->colors[color]);
	bool unchanged = release_read_json(&remembered, json_object_get(truth, "file")) && release_equal(&remembered, &half->file);
	release_fini(&remembered);
	if (unchanged && release_read_json(&half->now, truth)) {
		half->deployed = wire_read_flag(truth, "deployed");
		return;
	}
	release_copy(&half->now, &half->file);
}

static void read_quarantine(struct service_color *half, const json_t *truth)
{
	const char *deployment = wire_read_text(truth, "deployment");
	if (!deployment || !release_read_json(&half->quarantine.release, json_object_get(truth, "release")))
		return;
	half->quarantine.set = true;
	half->quarantine.at = wire_read_time(truth, "at");
	half->quarantine.reason = memory_text(wire_read_text(truth, "reason"));
	snprintf(half->quarantine.deployment, sizeof(half->quarantine.deployment), "%s", deployment);
}

static void read_lock(struct service *service, const json_t *truth)
{
	const char *actor = wire_read_text(truth, "actor");
	if (!actor)
		return;
	service_lock(service, actor, wire_read_text(truth, "reason"));
	service->lock.at = wire_read_time(truth, "at");
}

/* What is left of it. An exclusive switch's ended with the run. */
static void read_hold(struct service *service, const json_t *truth)
{
	const char *actor = wire_read_text(truth, "actor");
	uint64_t ends_at = wire_read_time(truth, "ends_at"), now = clock_wall_ms();
	if (!actor || ends_at <= now)
		return;
	uint64_t at = wire_read_time(truth, "at"), whole_ms = ends_at > at ? ends_at - at : 0, left_ms = ends_at - now;
	if (left_ms > whole_ms) /* the clock was set back */
		left_ms = whole_ms;
	service_hold(service, SERVICE_HELD_BY_OPERATOR, actor, wire_read_text(truth, "reason"), left_ms);
	service->hold.at = at;
	service->hold.ends_at = now + left_ms;
}

/* An older daemon wrote none: it had the file's. */
static void read_sticky(struct service *service, const json_t *truth)
{
	const char *by = wire_read_text(truth, "by"), *name = wire_read_text(truth, "name");
	service_set_split_sticky(service, &service->conf->sticky);
	for (unsigned i = 0; by && name && i < sizeof(sticky_names) / sizeof(sticky_names[0]); i++)
		if (strcmp(by, sticky_names[i]) == 0)
			service_set_split_sticky(service, &(struct conf_sticky){(enum conf_sticky_by)i, (char *)name});
}

/* In force from the first table on, so that no user changes color by a restart. */
static void read_split(struct service *service, const json_t *truth)
{
	const json_t *deployment = json_object_get(truth, "deployment");
	const char *id = wire_read_text(deployment, "id");
	double share = json_number_value(json_object_get(json_object_get(truth, "split"), color_name(color_other(service->live))));
	if (!id || !deployment_is_shifting(deployment) || share <= 0 || share >= 100)
		return;
	service->idle_share = (unsigned)(share * 100 + 0.5);
	service->split_seed = service_split_seed(id);
	read_sticky(service, json_object_get(truth, "split_sticky"));
}

void service_truth_read(struct service *service, const json_t *truth)
{
	const char *live = wire_read_text(truth, "live");
	const json_t *colors = json_object_get(truth, "colors");
	service->live = service->conf->live;
	if (live && !color_parse(live, &service->live))
		log_error("service %s: the state directory names \"%s\" as the live color; the file's %s is used", service->name, live,
			color_name(service->live));
	for (unsigned color = 0; color < COLOR_COUNT; color++) {
		const json_t *part = json_object_get(colors, color_name((enum color)color));
		read_color(service, (enum color)color, part);
		read_quarantine(&service->colors[color], json_object_get(part, "quarantine"));
	}
	read_split(service, truth);
	read_lock(service, json_object_get(truth, "locked"));
	read_hold(service, json_object_get(truth, "held"));
	if (wire_read_text(truth, "last_command"))
		snprintf(service->last_command, sizeof(service->last_command), "%s", wire_read_text(truth, "last_command"));
}

/* The file was changed while the daemon was not there, or a moment before. */
static void tell_other_sticky(const struct service *service, struct deployment *deployment)
{
	if (deployment->step != STEP_SHIFT || service->idle_share == 0 || alike_sticky(&service->split_sticky, &service->conf->sticky))
		return;
	deployment_warn(deployment, "the file has another sticky than this deployment began with, which it keeps to its end: its users would change color");
}

static void resume(struct service *service, const json_t *document)
{
	if (!json_is_object(document))
		return;
	struct deployment *deployment = deployment_read_truth(document);
	if (!deployment) {
		log_error("service %s: a deployment in the state directory can't be read and is left behind", service->name);
		service_set_live(service, service->live); /* nobody would end a split */
		return;
	}
	tell_other_sticky(service, deployment);
	switcher_resume(service->switcher, deployment);
	service_change(service); /* the shield may be up */
}

void service_truth_resume(struct service *service, const json_t *truth)
{
	resume(service, json_object_get(truth, "undo"));
	resume(service, json_object_get(truth, "deployment"));
	if (service->prepare)
		prepare_resume(service->prepare, json_object_get(truth, "prepare"));
}

const char *service_truth_find_command(const json_t *truth)
{
	const json_t *deployment = json_object_get(truth, "deployment");
	const char *program = wire_read_text(json_object_get(deployment, "exclusive"), "program");
	return program ? wire_read_text(deployment, "id") : NULL;
}

/* ---- writing ---- */

static json_t *quarantine_to_truth(const struct service_quarantine *quarantine)
{
	if (!quarantine->set)
		return json_null();
	return json_pack("{s:s, s:o, s:o, s:o}", "deployment", quarantine->deployment, "at", wire_time(quarantine->at), "reason", wire_text(quarantine->reason),
		"release", release_to_json(&quarantine->release));
}

static json_t *color_to_truth(const struct service_color *half)
{
	json_t *truth = release_to_json(&half->now);
	json_object_set_new(truth, "file", release_to_json(&half->file));
	json_object_set_new(truth, "deployed", json_boolean(half->deployed));
	json_object_set_new(truth, "quarantine", quarantine_to_truth(&half->quarantine));
	return truth;
}

static json_t *lock_to_truth(const struct service *service)
{
	if (!service->lock.set)
		return json_null();
	return json_pack(
		"{s:o, s:o, s:o}", "actor", wire_text(service->lock.actor), "reason", wire_text(service->lock.reason), "at", wire_time(service->lock.at));
}

static json_t *hold_to_truth(const struct service *service)
{
	if (service->hold.by != SERVICE_HELD_BY_OPERATOR)
		return json_null();
	return json_pack("{s:o, s:o, s:o, s:o}", "actor", wire_text(service->hold.actor), "reason", wire_text(service->hold.reason), "at",
		wire_time(service->hold.at), "ends_at", wire_time(service->hold.ends_at));
}

static json_t *deployment_or_null(const struct deployment *deployment)
{
	return deployment ? deployment_to_truth(deployment) : json_null();
}

/* What is ending right now is neither under way nor, yet, to be undone. */
static json_t *running_or_null(const struct deployment *deployment)
{
	return deployment_or_null(deployment && deployment->outcome == OUTCOME_RUNNING ? deployment : NULL);
}

/* When the live color is about to change it is the only one that will have anything. */
static json_t *split_to_truth(const struct service *service, enum color live)
{
	unsigned blue = live == service->live ? service_share(service, COLOR_BLUE) : live == COLOR_BLUE ? TABLE_SPLIT_WHOLE : 0;
	return json_pack("{s:o, s:o}", "blue", deployment_share_to_json(blue), "green", deployment_share_to_json(TABLE_SPLIT_WHOLE - blue));
}

static json_t *sticky_to_truth(const struct conf_sticky *sticky)
{
	return json_pack("{s:s, s:o}", "by", sticky_names[sticky->by], "name", wire_text(sticky->name));
}

json_t *service_truth_write(const struct service *service)
{
	enum color live = switcher_truth_live(service->switcher, service->live);
	json_t *colors = json_object();
	for (unsigned color = 0; color < COLOR_COUNT; color++)
		json_object_set_new(colors, color_name((enum color)color), color_to_truth(&service->colors[color]));
	json_t *truth = json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "live", color_name(live), "split", split_to_truth(service, live), "colors",
		colors, "locked", lock_to_truth(service), "held", hold_to_truth(service), "deployment", running_or_null(switcher_current(service->switcher)),
		"undo", deployment_or_null(switcher_undo(service->switcher)), "last_command",
		service->last_command[0] ? wire_text(service->last_command) : json_null());
	if (service->idle_share > 0)
		json_object_set_new(truth, "split_sticky", sticky_to_truth(&service->split_sticky));
	if (service->dns)
		json_object_set_new(truth, "record", service_dns_to_truth(service));
	if (service->prepare)
		json_object_set_new(truth, "prepare", prepare_to_truth(service->prepare));
	return truth;
}
