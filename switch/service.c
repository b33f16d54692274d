/* One service: its colors and what they are made of. Control thread; the truth's part of it is read and written in switch/service_truth. */
#include "switch/service.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <event2/event.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/text.h"
#include "proxy/head.h"
#include "proxy/tlsback.h"
#include "switch/alike.h"
#include "switch/differ.h"
#include "switch/prepare.h"
#include "switch/procedure.h"
#include "switch/rehearsal.h"
#include "switch/service_dns.h"
#include "switch/service_truth.h"
#include "switch/tlsstore.h"
#include "switch/wire.h"

/* ---- what members tell ---- */

bool service_is_routed(const struct service *service)
{
	return service->conf->via == CONF_VIA_PROXY;
}

void service_change(struct service *service)
{
	if (!service_is_routed(service))
		return;
	if (service->table)
		table_service_release(service->table);
	service->table = NULL;
	service->owner->on_change(service->owner->arg);
}

static void emit_member(struct service *service, const struct member *member, const char *event, const char *detail)
{
	char text[512];
	snprintf(text, sizeof(text), "%s: %s of %s: %s", service->name, member->name, color_name(member->owner->color), detail);
	json_t *more = json_pack("{s:s, s:o, s:o}", "color", color_name(member->owner->color), "backend", wire_text(member->name), "detail", wire_text(detail));
	events_emit(service->owner->events, service->name, NULL, event, more, text);
}

/* The color has the backends of a deploy whose flip is still to come. */
static bool is_lent(const struct service *service, enum color color)
{
	const struct deployment *current = switcher_current(service->switcher);
	return current && current->changes_to && current->to == color && !deployment_has_flipped(current);
}

/* A release that was rolled back counts as another one once every backend of it was started anew. What a deploy's backends do says nothing of it: they lift its quarantine by the flip. */
static void lift_if_revived(struct service *service, enum color color)
{
	const struct service_color *half = &service->colors[color];
	if (!service_find_quarantine(service, color) || is_lent(service, color))
		return;
	for (size_t i = 0; i < half->count; i++)
		if (!half->members[i]->revived)
			return;
	service_lift_quarantine(service, color);
}

static void on_member_probed(void *arg, struct member *member)
{
	struct service *service = arg;
	if (member->last.changed) {
		emit_member(service, member, member->health == HEALTH_UP ? "backend_up" : "backend_down", member->last.detail);
		lift_if_revived(service, member->owner->color);
		service_change(service);
	}
	if (switcher_current(service->switcher) || (member->last.changed && service->conf->failover))
		service->owner->on_news(service->owner->arg);
}

static void on_member_resolved(void *arg, struct member *member, const char *fault)
{
	struct service *service = arg;
	char address[ADDR_TEXT_SIZE];
	if (fault) {
		emit_member(service, member, "backend_unresolved", fault);
		return;
	}
	addr_format(&member->backend->addr, address, sizeof(address));
	emit_member(service, member, "backend_resolved", address);
	service_change(service);
}

/* ---- releases ---- */

static const char *probe_host(const struct conf_service *conf)
{
	if (conf->probe.host)
		return conf->probe.host;
	if (conf->via == CONF_VIA_ROUTE53)
		return strncmp(conf->route53.name, "*.", 2) != 0 ? conf->route53.name : NULL;
	for (size_t i = 0; i < conf->host_count; i++)
		if (strncmp(conf->hosts[i], "*.", 2) != 0)
			return conf->hosts[i];
	return NULL;
}

static struct member *take_member(struct service_color *half, const char *name)
{
	for (size_t i = 0; i < half->count; i++) {
		struct member *member = half->members[i];
		if (!member || strcmp(member->name, name) != 0)
			continue;
		half->members[i] = NULL;
		return member;
	}
	return NULL;
}

static struct member *make_member(struct service *service, enum color color, const char *name, enum health health)
{
	struct err err;
	struct service_color *half = &service->colors[color];
	struct member *member = member_new(&half->member_owner, name, &service->conf->probe, half->now.version, probe_host(service->conf), health, &err);
	if (!member)
		log_error("service %s: backend %s of %s is left out: %s", service->name, name, color_name(color), err.text);
	return member;
}

static void free_members(struct member **members, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (members[i])
			member_free(members[i]);
	free(members);
}

static void replace_members(struct service *service, enum color color, bool keep, bool same_version, enum health health)
{
	struct service_color *half = &service->colors[color];
	struct member **members = memory_array(half->now.count, sizeof(struct member *));
	size_t count = 0;
	for (size_t i = 0; i < half->now.count; i++) {
		struct member *member = keep ? take_member(half, half->now.backends[i]) : NULL;
		if (member && !same_version)
			member_set_check(member, &service->conf->probe, half->now.version, probe_host(service->conf));
		if (!member)
			member = make_member(service, color, half->now.backends[i], health);
		if (member)
			members[count++] = member;
	}
	free_members(half->members, half->count);
	half->members = members;
	half->count = count;
}

void service_set_release(struct service *service, enum color color, const struct release *release, bool deployed, bool afresh)
{
	struct service_color *half = &service->colors[color];
	struct release now;
	release_copy(&now, release);
	bool same_version = strcmp(half->now.version, now.version) == 0;
	release_fini(&half->now);
	half->now = now;
	half->deployed = deployed;
	/* Under users' feet a backend keeps its health; an idle one has to show that it is the new version. */
	replace_members(service, color, !afresh && (same_version || color == service->live), same_version, HEALTH_UNKNOWN);
	service_change(service);
	service->owner->on_truth(service->owner->arg);
}

static void set_checks(struct service *service)
{
	for (unsigned color = 0; color < COLOR_COUNT; color++) {
		struct service_color *half = &service->colors[color];
		for (size_t i = 0; i < half->count; i++)
			member_set_check(half->members[i], &service->conf->probe, half->now.version, probe_host(service->conf));
	}
}

static void point_at_check(struct service *service)
{
	for (unsigned color = 0; color < COLOR_COUNT; color++)
		for (size_t i = 0; i < service->colors[color].count; i++)
			service->colors[color].members[i]->check = &service->conf->probe;
}

static void follow_file(struct service *service, enum color color)
{
	struct service_color *half = &service->colors[color];
	struct release file;
	release_read_conf(&file, &service->conf->colors[color]);
	if (release_equal(&file, &half->file)) {
		release_fini(&file);
		return;
	}
	release_fini(&half->file);
	half->file = file;
	service_set_release(service, color, &half->file, false, false);
}

/* Whether probes ask what they asked before, and begin as before. */
static bool same_checks(const struct conf_service *a, const struct conf_service *b)
{
	for (unsigned color = 0; color < COLOR_COUNT; color++)
		if (a->colors[color].proxy_protocol != b->colors[color].proxy_protocol)
			return false;
	return differ_same_probe(&a->probe, &b->probe) && alike_text(probe_host(a), probe_host(b));
}

static void set_tls(struct service_color *half, struct tlsback *tls)
{
	if (tls)
		tlsback_hold(tls);
	if (half->member_owner.tls)
		tlsback_release(half->member_owner.tls);
	half->member_owner.tls = tls;
}

/* Whether it is spoken to in another way now. Its probes begin anew then. */
static bool follow_tls(struct service *service, enum color color)
{
	struct service_color *half = &service->colors[color];
	struct tlsback *tls = tlsstore_back(service->owner->tls, service->name, color);
	if (half->member_owner.tls == tls)
		return false;
	set_tls(half, tls);
	for (size_t i = 0; i < half->count; i++)
		member_set_tls(half->members[i], tls);
	return true;
}

void service_follow_tls(struct service *service)
{
	bool changed = false;
	for (unsigned color = 0; color < COLOR_COUNT; color++)
		changed |= follow_tls(service, (enum color)color);
	if (changed)
		service_change(service);
}

void service_set_conf(struct service *service, const struct conf_service *conf)
{
	bool same_check = same_checks(service->conf, conf);
	rehearsal_follow(service->rehearsal, service->conf, conf);
	service->conf = conf;
	service_follow_tls(service);
	for (unsigned color = 0; color < COLOR_COUNT; color++)
		service->colors[color].member_owner.announce = conf->colors[color].proxy_protocol;
	if (same_check)
		point_at_check(service);
	else
		set_checks(service);
	for (unsigned color = 0; color < COLOR_COUNT; color++)
		follow_file(service, (enum color)color);
	senses_follow(service->senses, &conf->rollback);
	service_dns_set_conf(service);
	service_change(service);
}

/* ---- making one ---- */

static void start_color(struct service *service, enum color color, enum health health)
{
	struct service_color *half = &service->colors[color];
	half->member_owner = (struct member_owner){
		.prober = service->owner->prober,
		.resolver = service->owner->resolver,
		.workers = service->owner->workers,
		.on_probed = on_member_probed,
		.on_resolved = on_member_resolved,
		.arg = service,
		.color = color,
		.announce = service->conf->colors[color].proxy_protocol,
	};
	set_tls(half, tlsstore_back(service->owner->tls, service->name, color));
	half->measures = measures_new();
	replace_members(service, color, false, true, health);
}

struct service *service_new(const struct service_owner *owner, const struct conf_service *conf, const json_t *truth)
{
	struct service *service = memory_new(sizeof(*service));
	service->name = memory_text(conf->name);
	service->conf = conf;
	service->owner = owner;
	service->live_known = service_is_routed(service) || conf->route53.policy == CONF_ROUTE53_HEALTH_CHECK;
	service->totals = totals_new(owner->workers);
	service->senses = senses_new(&(struct senses_tools){owner->loop, owner->fetch, owner->resolver, owner->on_news, owner->arg});
	senses_follow(service->senses, &conf->rollback);
	service_truth_read(service, truth);
	for (unsigned color = 0; color < COLOR_COUNT; color++)
		start_color(service, (enum color)color, truth && service_share(service, (enum color)color) > 0 ? HEALTH_UP : HEALTH_UNKNOWN);
	return service;
}

static void free_color(struct service_color *half)
{
	free_members(half->members, half->count);
	set_tls(half, NULL);
	release_fini(&half->file);
	release_fini(&half->now);
	release_fini(&half->quarantine.release);
	free(half->quarantine.reason);
	measures_free(half->measures);
}

void service_free(struct service *service)
{
	if (!service)
		return;
	rehearsal_free(service->rehearsal);
	switcher_free(service->switcher);
	procedure_free(service->procedure);
	prepare_free(service->prepare);
	service_dns_stop(service);
	senses_free(service->senses);
	for (unsigned color = 0; color < COLOR_COUNT; color++)
		free_color(&service->colors[color]);
	if (service->table)
		table_service_release(service->table);
	totals_release(service->totals);
	if (service->hold.end)
		event_free(service->hold.end);
	free(service->lock.reason);
	free(service->split_sticky.name);
	free(service->name);
	free(service);
}

/* ---- the table ---- */

static uint32_t replay_bits(const struct conf_service *conf)
{
	static const struct {
		const char *name;
		enum method method;
	} methods[] = {{"GET", METHOD_get}, {"HEAD", METHOD_head}, {"POST", METHOD_post}, {"PUT", METHOD_put}, {"DELETE", METHOD_delete},
		{"PATCH", METHOD_patch}, {"OPTIONS", METHOD_options}, {"TRACE", METHOD_trace}};
	uint32_t bits = 0;
	for (size_t i = 0; i < conf->replay_method_count; i++)
		for (size_t m = 0; m < sizeof(methods) / sizeof(methods[0]); m++)
			if (strcasecmp(conf->replay_methods[i], methods[m].name) == 0)
				bits |= 1u << methods[m].method;
	return bits;
}

static struct table_member *list_members(const struct service_color *half, unsigned *count)
{
	struct table_member *members = memory_array(half->count, sizeof(*members));
	*count = 0;
	for (size_t i = 0; i < half->count; i++) {
		const struct member *member = half->members[i];
		if (!member->backend)
			continue;
		backend_set_pooling(member->backend, half->pooling); /* it may be a new one: a name has got another address */
		members[(*count)++] = (struct table_member){member->backend, member->health};
	}
	return members;
}

static enum proxyproto_version announce_of(enum conf_proxy_protocol written)
{
	switch (written) {
	case CONF_PROXY_PROTOCOL_V1:
		return PROXYPROTO_V1;
	case CONF_PROXY_PROTOCOL_V2:
		return PROXYPROTO_V2;
	case CONF_PROXY_PROTOCOL_OFF:
		break;
	}
	return PROXYPROTO_NONE;
}

struct table_service *service_read_table(struct service *service)
{
	static const enum table_sticky stickies[] = {
		[CONF_STICKY_NONE] = TABLE_STICKY_NONE,
		[CONF_STICKY_COOKIE] = TABLE_STICKY_COOKIE,
		[CONF_STICKY_HEADER] = TABLE_STICKY_HEADER,
		[CONF_STICKY_ADDRESS] = TABLE_STICKY_ADDRESS,
	};
	static const enum table_balance balances[] = {
		[CONF_LEAST_CONNECTIONS] = TABLE_LEAST_CONNECTIONS,
		[CONF_ROUND_ROBIN] = TABLE_ROUND_ROBIN,
		[CONF_CLIENT_ADDRESS] = TABLE_CLIENT_ADDRESS,
	};
	struct table_member *members[COLOR_COUNT];
	const struct conf_sticky *sticky = service->idle_share > 0 ? &service->split_sticky : &service->conf->sticky;
	assert(service_is_routed(service));
	if (service->table)
		return service->table;
	struct table_service_spec spec = {
		.name = service->name,
		.live = service->live,
		.blue_split = service_share(service, COLOR_BLUE),
		.seed = service->split_seed, /* of the deployment, so that it is not always the same keys that go first; the same after a restart */
		.sticky = stickies[sticky->by],
		.sticky_name = sticky->name,
		.preview_header = service->conf->preview.header,
		.preview_cookie = service->conf->preview.cookie,
		.refuses_previews = !service_takes_previews(service),
		.balance = balances[service->conf->balance],
		.replay_methods = replay_bits(service->conf),
		.hold = service_read_hold(service),
		.warm = service->warm,
		.totals = service->totals,
		.mirror = rehearsal_mirror(service->rehearsal),
		.fallback = service_read_fallback_paths(service),
	};
	for (unsigned color = 0; color < COLOR_COUNT; color++) {
		const struct service_color *half = &service->colors[color];
		members[color] = list_members(half, &spec.colors[color].count);
		spec.colors[color].members = members[color];
		spec.colors[color].version = half->now.version;
		spec.colors[color].announce = announce_of(service->conf->colors[color].proxy_protocol);
		spec.colors[color].tls = half->member_owner.tls;
		spec.colors[color].fallback = service_falls_back(service, (enum color)color);
		spec.colors[color].shield = service_read_shield(service, (enum color)color);
		spec.colors[color].closing = half->closing;
		spec.colors[color].cut_requests_before = half->cut_requests_before;
		spec.colors[color].cut_tunnels_before = half->cut_tunnels_before;
	}
	service->table = table_service_new(&spec);
	if (spec.fallback)
		table_index_release(spec.fallback);
	for (unsigned color = 0; color < COLOR_COUNT; color++)
		free(members[color]);
	return service->table;
}

/* ---- looking at it ---- */

void service_read_health(const struct service *service, enum color color, struct service_health *health)
{
	const struct service_color *half = &service->colors[color];
	*health = (struct service_health){.backends = (unsigned)half->count, .probed = half->count > 0};
	for (size_t i = 0; i < half->count; i++) {
		const struct member *member = half->members[i];
		health->up += member->health == HEALTH_UP;
		health->unknown += member->health == HEALTH_UNKNOWN;
		health->probed = health->probed && member->rounds > 0;
		if (i == 0 || member->fail_streak < health->failed_rounds)
			health->failed_rounds = member->fail_streak;
	}
	health->health = color_health_of(health->up, health->backends - health->up - health->unknown, health->unknown);
}

void service_forget_probes(struct service *service)
{
	for (unsigned color = 0; color < COLOR_COUNT; color++)
		for (size_t i = 0; i < service->colors[color].count; i++)
			member_forget_probes(service->colors[color].members[i]);
}

bool service_is_quiet(const struct service *service, enum color color)
{
	const struct service_color *half = &service->colors[color];
	if (totals_inflight(service->totals, color) > 0 || totals_assist(service->totals, color) > 0)
		return false;
	for (size_t i = 0; i < half->count; i++)
		if (half->members[i]->backend && !backend_is_quiet(half->members[i]->backend))
			return false;
	return true;
}
