/* Which color of a service is live, whether the other could be, and what becomes of what that was given: orders to the workers, as they stand in the next table. Control thread. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/text.h"
#include "switch/actuator.h"
#include "switch/service.h"

#define EVERY_GENERATION UINT64_MAX

static void forget_orders(struct service *service)
{
	for (unsigned color = 0; color < COLOR_COUNT; color++) {
		struct service_color *half = &service->colors[color];
		if (half->closing.before != EVERY_GENERATION)
			half->closing = (struct table_closing){0};
		half->cut_requests_before = half->cut_tunnels_before = 0;
	}
	service->warm = 0;
}

void service_read_readiness(const struct service *service, enum color color, struct readiness_input *input)
{
	struct service_health health;
	const struct service_color *half = &service->colors[color];
	uint64_t now_ms = clock_mono_ms();
	service_read_health(service, color, &health);
	input->backends = health.backends;
	input->up = health.up;
	input->unknown = health.unknown;
	input->version = half->now.version;
	input->seen = health.up > 0;
	for (size_t i = 0; i < half->count; i++) {
		const struct member *member = half->members[i];
		if (member->health != HEALTH_UP)
			continue;
		input->seen = input->seen && member->good_ms > 0;
		if (now_ms - member->good_ms > input->seen_ms)
			input->seen_ms = now_ms - member->good_ms;
	}
}

const char *service_live_name(const struct service *service)
{
	return service->live_known ? color_name(service->live) : NULL;
}

void service_set_live(struct service *service, enum color live)
{
	service->live = live;
	service->live_known = true;
	service->idle_share = 0;
	forget_orders(service);
	service->colors[live].pooling = BACKEND_POOLED;
	service->colors[color_other(live)].pooling = BACKEND_WARM;
	service_change(service);
}

uint64_t service_split_seed(const char *deployment)
{
	return text_hash(deployment, strlen(deployment), TEXT_HASH_SEED);
}

void service_set_split_sticky(struct service *service, const struct conf_sticky *sticky)
{
	free(service->split_sticky.name);
	service->split_sticky = (struct conf_sticky){sticky->by, memory_text(sticky->name)};
}

void service_set_split(struct service *service, unsigned idle_share, const char *deployment)
{
	if (service->idle_share == 0)
		service_set_split_sticky(service, &service->conf->sticky);
	service->idle_share = idle_share;
	service->warm = 0;
	service->split_seed = service_split_seed(deployment);
	service->colors[color_other(service->live)].pooling = BACKEND_POOLED;
	service_change(service);
}

unsigned service_share(const struct service *service, enum color color)
{
	return color == service->live ? TABLE_SPLIT_WHOLE - service->idle_share : service->idle_share;
}

void service_warm(struct service *service)
{
	struct service_color *half = &service->colors[color_other(service->live)];
	service->warm = clock_mono_us(); /* no two begin at the same time */
	if (half->pooling == BACKEND_COLD)
		half->pooling = BACKEND_POOLED;
	service_change(service);
}

void service_settle(struct service *service)
{
	bool helps = service->conf->shield.when == CONF_SHIELD_ALWAYS; /* then it may be needed at any time */
	service->colors[color_other(service->live)].pooling = helps ? BACKEND_WARM : BACKEND_COLD;
	forget_orders(service);
	service_change(service);
}

void service_close_tunnels(struct service *service, enum color color, uint64_t before, uint64_t by_ms)
{
	if (service->colors[color].closing.before == EVERY_GENERATION)
		return;
	service->colors[color].closing = (struct table_closing){before, by_ms};
	service_change(service);
}

void service_close_all_tunnels(struct service *service)
{
	uint64_t requests_ms = service->conf->drain_requests_ms, tunnels_ms = service->conf->drain_tunnels_ms;
	uint64_t over_ms = requests_ms < tunnels_ms ? requests_ms : tunnels_ms;
	over_ms -= over_ms / 2 < ACTUATOR_FAREWELL_MS ? over_ms / 2 : ACTUATOR_FAREWELL_MS;
	for (unsigned color = 0; color < COLOR_COUNT; color++)
		service_close_tunnels(service, (enum color)color, EVERY_GENERATION, clock_mono_ms() + over_ms);
}

void service_set_cut(struct service *service, enum color color, uint64_t before, bool requests, bool tunnels)
{
	if (requests)
		service->colors[color].cut_requests_before = before;
	if (tunnels)
		service->colors[color].cut_tunnels_before = before;
	service_change(service);
}
