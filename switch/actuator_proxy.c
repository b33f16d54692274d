/* The actuator of a service in the path. Control thread. The service's live color was set by the switcher's host; here it becomes a table. */
#include "switch/actuator_proxy.h"

#include "base/clock.h"
#include "switch/rehearsal.h"

static uint64_t warm(void *arg)
{
	struct actuator_proxy *through = arg;
	service_warm(through->service);
	return tables_publish(through->tables);
}

static bool is_warm(void *arg, uint64_t ticket)
{
	const struct actuator_proxy *through = arg;
	return tables_are_warm(through->tables, ticket);
}

static uint64_t apply(void *arg, enum color live, unsigned share)
{
	struct actuator_proxy *through = arg;
	struct service *service = through->service;
	if (service->live != live)
		service_set_live(service, live);
	if (share > 0)
		service_set_split(service, share, switcher_current(service->switcher)->id);
	return tables_publish(through->tables);
}

static bool in_force(void *arg, uint64_t ticket)
{
	const struct actuator_proxy *through = arg;
	return tables_are_in_force(through->tables, ticket);
}

static void close_tunnels(void *arg, enum color color, uint64_t ticket, uint64_t over_ms)
{
	const struct actuator_proxy *through = arg;
	service_close_tunnels(through->service, color, ticket, clock_mono_ms() + over_ms);
}

static uint64_t hold(void *arg, uint64_t max_ms)
{
	struct actuator_proxy *through = arg;
	service_hold(through->service, SERVICE_HELD_BY_SWITCH, "teal", NULL, max_ms);
	return tables_publish(through->tables);
}

static void release(void *arg)
{
	struct actuator_proxy *through = arg;
	service_resume(through->service);
	tables_publish(through->tables);
}

static const char *foresee_hold(void *arg)
{
	const struct actuator_proxy *through = arg;
	return service_is_held(through->service) ? "new requests of the service are held already; let them go first: teal resume" : NULL;
}

static void cut(void *arg, enum color color, uint64_t ticket, bool requests, bool tunnels)
{
	struct actuator_proxy *through = arg;
	service_set_cut(through->service, color, ticket, requests, tunnels);
	tables_publish(through->tables);
}

static void settle(void *arg)
{
	struct actuator_proxy *through = arg;
	service_settle(through->service);
	through->settled = tables_publish(through->tables);
}

static uint64_t read_inflight(void *arg, enum color color)
{
	const struct actuator_proxy *through = arg;
	return totals_inflight(through->service->totals, color);
}

static uint64_t read_busy(void *arg, enum color color)
{
	const struct actuator_proxy *through = arg;
	const struct service *service = through->service;
	return totals_inflight(service->totals, color) + totals_assist(service->totals, color) + rehearsal_busy(service->rehearsal, color);
}

static uint64_t read_cut(void *arg, enum color color)
{
	const struct actuator_proxy *through = arg;
	return totals_cut(through->service->totals, color);
}

static bool is_quiet(void *arg, enum color color)
{
	const struct actuator_proxy *through = arg;
	/* A worker that has not heard of the end may still send what the other color failed. */
	return tables_are_in_force(through->tables, through->settled) && service_is_quiet(through->service, color);
}

struct actuator actuator_proxy_make(struct actuator_proxy *through)
{
	return (struct actuator){
		.warm = warm,
		.is_warm = is_warm,
		.apply = apply,
		.in_force = in_force,
		.close_tunnels = close_tunnels,
		.cut = cut,
		.hold = hold,
		.release = release,
		.foresee_hold = foresee_hold,
		.settle = settle,
		.read_inflight = read_inflight,
		.read_busy = read_busy,
		.read_cut = read_cut,
		.is_quiet = is_quiet,
		.arg = through,
	};
}
