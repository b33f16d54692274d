/* What a procedure sees of its service. Control thread; glue. */
#include "switch/service_procedure.h"

#include <assert.h>

#include "switch/actuator_route53.h"
#include "switch/backtrust.h"
#include "switch/procedure.h"
#include "switch/rehearsal.h"
#include "switch/service.h"
#include "switch/service_dns.h"

/* A backend whose name is not resolved yet is listed by that name. */
static struct smoke_backend describe(const struct service_color *half, const struct member *member)
{
	return (struct smoke_backend){
		.name = member->name,
		.addr = member->backend ? member->backend->addr : member->configured,
		.announce = half->member_owner.announce,
		.trust = backtrust_fetch(member->trust),
	};
}

/* Those that are up: gates.healthy says how many that must be. All of them where none is. */
static size_t list_backends(void *arg, enum color color, struct smoke_backend *into, size_t max)
{
	const struct service *service = arg;
	const struct service_color *half = &service->colors[color];
	struct service_health health;
	size_t count = 0;
	service_read_health(service, color, &health);
	for (size_t i = 0; i < half->count; i++) {
		if (health.up > 0 && half->members[i]->health != HEALTH_UP)
			continue;
		if (count < max)
			into[count] = describe(half, half->members[i]);
		count++;
	}
	return count;
}

static bool check_rehearsal(void *arg, const struct release *release, uint64_t wall_ms, uint64_t within_ms, char *sentence, size_t size)
{
	return rehearsal_passed(arg, release, wall_ms, within_ms, sentence, size);
}

static void begin_armed(void *arg, const struct deployment *deployment)
{
	actuator_route53_arm(service_dns_through(arg), deployment);
}

static enum procedure_armed read_armed(void *arg, char *sentence, size_t size)
{
	return actuator_route53_read_armed(service_dns_through(arg), sentence, size);
}

static json_t *list_armed(void *arg)
{
	return actuator_route53_list_armed(service_dns_through(arg));
}

static void emit(void *arg, const char *event, json_t *more, const char *text)
{
	const struct service *service = arg;
	const struct deployment *deployment = switcher_current(service->switcher);
	assert(deployment);
	events_emit(service->owner->events, service->name, deployment->id, event, more, text);
}

static void on_news(void *arg)
{
	const struct service *service = arg;
	service->owner->on_news(service->owner->arg);
}

struct procedure *service_procedure_new(struct service *service, struct hook_tools *hooks, struct courier *courier)
{
	bool by_record = service_dns_steering(service) != NULL;
	const struct procedure_tools tools = {
		.fetch = service->owner->fetch,
		.hooks = hooks,
		.courier = courier,
		.list_backends = list_backends,
		.check_rehearsal = check_rehearsal,
		.begin_armed = by_record ? begin_armed : NULL,
		.read_armed = by_record ? read_armed : NULL,
		.list_armed = by_record ? list_armed : NULL,
		.emit = emit,
		.on_news = on_news,
		.arg = service,
	};
	return procedure_new(&tools, service->conf);
}
