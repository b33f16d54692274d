/* Metrics of holds, approvals and rehearsals, a sample for each service. Control thread; only reads. */
#include "switch/metrics_around.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "switch/daemon.h"
#include "switch/procedure.h"
#include "switch/rehearsal.h"
#include "switch/wire.h"

/* ---- who waits ---- */

static bool is_held(const struct service *service)
{
	return service->hold.by != SERVICE_HELD_BY_NOBODY;
}

static bool waits_for_approval(const struct service *service)
{
	json_t *waiting = procedure_waiting_to_json(service->procedure);
	const char *gate = wire_read_text(waiting, "gate");
	bool waits = gate && strcmp(gate, "approval") == 0;
	json_decref(waiting);
	return waits;
}

static bool is_rehearsed(const struct service *service)
{
	return rehearsal_mirror(service->rehearsal) != NULL;
}

static void write_states(const struct control *control, struct page *page)
{
	static const struct {
		const char *family, *help;
		bool in_path; /* not of services out of it */
		bool (*holds)(const struct service *service);
	} families[] = {
		{"teal_held", "1 while new requests of the service are held.", true, is_held},
		{"teal_approval_awaited", "1 while a deployment waits for somebody's approval.", false, waits_for_approval},
		{"teal_rehearsal_running", "1 while live requests are copied to the idle color.", true, is_rehearsed},
	};
	for (size_t f = 0; f < sizeof(families) / sizeof(families[0]); f++) {
		metrics_begin_family(page, families[f].family, "gauge", "", families[f].help);
		for (size_t i = 0; i < control->service_count; i++) {
			const char *labels[] = {"service", control->services[i]->name, NULL};
			if (families[f].in_path && !service_is_routed(control->services[i]))
				continue;
			metrics_add_sample(page->out, families[f].family, labels, families[f].holds(control->services[i]) ? 1 : 0);
		}
	}
}

/* ---- requests that are held ---- */

static void write_holds(const struct control *control, struct page *page)
{
	static const struct {
		const char *family, *type, *suffix, *help;
		size_t offset;
	} families[] = {
		{"teal_held_requests", "gauge", "", "Requests that wait because the service is held.", offsetof(struct totals_held, waiting)},
		{"teal_held_request_bytes", "gauge", "", "Memory that these take.", offsetof(struct totals_held, bytes)},
		{"teal_hold_requests", "counter", "_total", "Requests that waited.", offsetof(struct totals_held, held)},
		{"teal_hold_refusals", "counter", "_total", "Requests that were answered 503 because too many waited.", offsetof(struct totals_held, refused)},
		{"teal_hold_losses", "counter", "_total", "Of those that waited: gone before they were let go.", offsetof(struct totals_held, left)},
	};
	for (size_t f = 0; f < sizeof(families) / sizeof(families[0]); f++) {
		char name[96];
		snprintf(name, sizeof(name), "%s%s", families[f].family, families[f].suffix);
		metrics_begin_family(page, families[f].family, families[f].type, families[f].suffix, families[f].help);
		for (size_t i = 0; i < control->service_count; i++) {
			struct totals_held held;
			const struct service *service = control->services[i];
			const char *labels[] = {"service", service->name, NULL};
			if (!service_is_routed(service))
				continue;
			totals_read_held(service->totals, &held);
			metrics_add_sample(page->out, name, labels, (double)*(const uint64_t *)((const char *)&held + families[f].offset));
		}
	}
}

void metrics_around_write(const struct control *control, struct page *page)
{
	write_states(control, page);
	write_holds(control, page);
}
