/* Holding new requests of a service back for a while, as it stands in the next table. Control thread; the queue is proxy/hold's business. */
#include <assert.h>
#include <stdio.h>
#include <event2/event.h>

#include "base/clock.h"
#include "switch/service.h"

static void on_end(evutil_socket_t fd, short what, void *arg)
{
	struct service *service = arg;
	char text[256];
	(void)fd;
	(void)what;
	bool kept = service->hold.by == SERVICE_HELD_BY_OPERATOR;
	service_resume(service);
	snprintf(text, sizeof(text), "%s: the time for which new requests are held is over; those that waited are let go", service->name);
	events_emit(service->owner->events, service->name, NULL, "hold_over", NULL, text);
	if (kept)
		service->owner->on_truth(service->owner->arg);
	service->owner->on_news(service->owner->arg);
}

void service_hold(struct service *service, enum service_holder by, const char *actor, const char *reason, uint64_t max_ms)
{
	struct timeval after = {(time_t)(max_ms / 1000u), (suseconds_t)(max_ms % 1000u) * 1000};
	assert(by != SERVICE_HELD_BY_NOBODY);
	if (!service->hold.end)
		service->hold.end = evtimer_new(service->owner->loop, on_end, service);
	service->hold.by = by;
	snprintf(service->hold.actor, sizeof(service->hold.actor), "%s", actor);
	snprintf(service->hold.reason, sizeof(service->hold.reason), "%s", reason ? reason : "");
	service->hold.at = clock_wall_ms();
	service->hold.ends_at = service->hold.at + max_ms;
	service->hold.until_ms = clock_mono_ms() + max_ms;
	evtimer_add(service->hold.end, &after);
	service_change(service);
}

void service_resume(struct service *service)
{
	if (service->hold.by == SERVICE_HELD_BY_NOBODY)
		return;
	service->hold.by = SERVICE_HELD_BY_NOBODY;
	evtimer_del(service->hold.end);
	service_change(service);
}

bool service_is_held(const struct service *service)
{
	return service->hold.by != SERVICE_HELD_BY_NOBODY && clock_mono_ms() < service->hold.until_ms;
}

bool service_is_released(const struct service *service)
{
	return service->hold.by == SERVICE_HELD_BY_NOBODY && totals_waiting(service->totals) == 0;
}

static uint64_t share_of(uint64_t whole, unsigned workers)
{
	return (whole + workers - 1) / workers;
}

struct table_hold service_read_hold(const struct service *service)
{
	const struct conf_hold *conf = &service->conf->hold;
	unsigned workers = service->owner->workers;
	bool held = service->hold.by != SERVICE_HELD_BY_NOBODY;
	return (struct table_hold){
		.until_ms = held ? service->hold.until_ms + SERVICE_HOLD_GRACE_MS : 0,
		.requests = (unsigned)share_of(conf->requests, workers),
		.bytes = share_of(conf->bytes, workers),
		.release_per_s = (unsigned)share_of(conf->release, workers),
	};
}
