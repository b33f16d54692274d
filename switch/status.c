/* The one status document. Control thread; only reads. */
#include "switch/status.h"

#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "switch/admin.h"
#include "switch/daemon.h"
#include "switch/procedure.h"
#include "switch/rehearsal.h"
#include "switch/service_dns.h"
#include "switch/status_tls.h"
#include "switch/tlsstore.h"
#include "switch/wire.h"

#define RATE_SECONDS 60u
#define PACE_SECONDS 10u

/* What a service out of the path can't know, as teal sees none of its traffic. */
static void add_unknown(json_t *object, const char *const *names)
{
	for (; *names; names++)
		json_object_set_new(object, *names, json_null());
}

/* ---- backends ---- */

static json_t *last_probe(const struct member *member)
{
	const struct probe_result *last = &member->last;
	if (!member->probed)
		return json_null();
	return json_pack("{s:o, s:b, s:o, s:f, s:i}", "at", wire_time(last->at_wall_ms), "ok", last->ok, "detail", wire_text(last->detail), "ms",
		(double)last->took_us / 1000.0, "streak", (int)last->streak);
}

static void add_lanes(json_t *object, const struct backend *backend)
{
	uint64_t requests = 0, failures = 0, connections = 0;
	for (unsigned i = 0; backend && i < backend->workers; i++) {
		const struct backend_lane *lane = &backend->lanes[i];
		requests += atomic_load_explicit(&lane->requests, memory_order_relaxed);
		failures += atomic_load_explicit(&lane->failures, memory_order_relaxed);
		connections += atomic_load_explicit(&lane->connections, memory_order_relaxed);
	}
	json_object_set_new(object, "inflight", wire_count(backend ? backend_inflight(backend) : 0));
	json_object_set_new(object, "connections", wire_count(connections));
	json_object_set_new(object, "requests", wire_count(requests));
	json_object_set_new(object, "failures", wire_count(failures));
}

static json_t *make_backend(const struct service *service, const struct member *member)
{
	static const char *const unknown[] = {"inflight", "connections", "requests", "failures", NULL};
	char resolved[ADDR_TEXT_SIZE] = "";
	json_t *object = json_object();
	if (member->backend)
		addr_format(&member->backend->addr, resolved, sizeof(resolved));
	json_object_set_new(object, "address", wire_text(member->name));
	json_object_set_new(object, "resolved", wire_text(resolved));
	json_object_set_new(object, "health", json_string(health_name(member->health)));
	if (service_is_routed(service))
		add_lanes(object, member->backend);
	else
		add_unknown(object, unknown);
	json_object_set_new(object, "last_probe", last_probe(member));
	if (member->fault[0])
		json_object_set_new(object, "fault", wire_text(member->fault));
	return object;
}

/* ---- colors ---- */

static void add_traffic(json_t *object, const struct service *service, enum color color)
{
	static struct totals_sum sum; /* large; one thread */
	totals_read(service->totals, color, &sum);
	json_object_set_new(object, "inflight", wire_count(totals_inflight(service->totals, color)));
	json_object_set_new(object, "assist", wire_count(totals_assist(service->totals, color)));
	json_object_set_new(object, "requests", wire_count(sum.ended));
	json_object_set_new(object, "errors", wire_count(sum.errors));
	json_object_set_new(object, "failed", wire_count(sum.failed));
	json_object_set_new(object, "aborted", wire_count(sum.aborted));
	json_object_set_new(object, "replayed", wire_count(sum.replayed));
	json_object_set_new(object, "shielded", wire_count(sum.shielded));
	json_object_set_new(object, "fallbacks", wire_count(sum.fallbacks));
}

static json_t *make_latency(const struct measures *measures, enum totals_time time, uint64_t now)
{
	double p50_ms = 0, p99_ms = 0;
	bool any = measures_latency(measures, time, now, &p50_ms, &p99_ms);
	return json_pack("{s:o, s:o}", "p50", any ? json_real(p50_ms) : json_null(), "p99", any ? json_real(p99_ms) : json_null());
}

static json_t *make_failures(const struct measures *measures, uint64_t now)
{
	json_t *object = json_object();
	for (unsigned kind = FAIL_KIND_abort; kind < FAIL_KIND_COUNT; kind++) {
		uint64_t count = measures_sum(measures, now, RATE_SECONDS, TOTALS_KINDS + kind - FAIL_KIND_abort);
		json_object_set_new(object, fail_kind_name((enum fail_kind)kind), wire_count(count));
	}
	return object;
}

static void add_rates(json_t *object, const struct measures *measures)
{
	uint64_t now = clock_mono_ms() / 1000, ended, errors;
	measures_count(measures, now, RATE_SECONDS, &ended, &errors);
	json_object_set_new(object, "error_rate", ended ? json_real((double)errors / (double)ended) : json_null());
	json_object_set_new(object, "latency_ms", make_latency(measures, TOTALS_DURATION, now));
	json_object_set_new(object, "first_byte_ms", make_latency(measures, TOTALS_FIRST_BYTE, now));
	json_object_set_new(object, "failures_60s", make_failures(measures, now));
	measures_count(measures, now, PACE_SECONDS, &ended, &errors);
	json_object_set_new(object, "requests_per_s", json_real((double)ended / PACE_SECONDS));
}

static void add_no_traffic(json_t *object)
{
	static const char *const unknown[] = {"inflight", "assist", "requests", "errors", "failed", "aborted", "replayed", "shielded", "fallbacks",
		"error_rate", "latency_ms", "first_byte_ms", "failures_60s", "requests_per_s", NULL};
	add_unknown(object, unknown);
}

static json_t *make_quarantine(const struct service *service, enum color color)
{
	const struct service_quarantine *quarantine = service_find_quarantine(service, color);
	if (!quarantine)
		return json_null();
	return json_pack("{s:s, s:o, s:o}", "deployment", quarantine->deployment, "at", wire_time(quarantine->at), "reason", wire_text(quarantine->reason));
}

json_t *status_make_color(const struct service *service, enum color color)
{
	const struct service_color *half = &service->colors[color];
	struct service_health health;
	json_t *object = json_object(), *backends = json_array();
	service_read_health(service, color, &health);
	for (size_t i = 0; i < half->count; i++)
		json_array_append_new(backends, make_backend(service, half->members[i]));
	json_object_set_new(object, "version", wire_text(half->now.version));
	json_object_set_new(object, "health", json_string(color_health_name(health.health)));
	json_object_set_new(object, "from", json_string(half->deployed ? "deploy" : "file"));
	if (service_is_routed(service)) {
		add_traffic(object, service, color);
		add_rates(object, half->measures);
	} else {
		add_no_traffic(object);
	}
	json_object_set_new(object, "quarantine", make_quarantine(service, color));
	json_object_set_new(object, "tls", status_tls_make_color(&service->conf->colors[color].tls));
	json_object_set_new(object, "backends", backends);
	return object;
}

/* ---- services ---- */

static json_t *make_deployment(const struct service *service)
{
	const struct deployment *deployment = switcher_current(service->switcher);
	if (!deployment)
		return json_null();
	json_t *document = deployment_to_json(deployment);
	json_object_del(document, "gates");
	json_object_del(document, "evidence");
	return document;
}

static json_t *make_lock(const struct service *service)
{
	if (!service->lock.set)
		return json_null();
	return json_pack(
		"{s:o, s:o, s:o}", "reason", wire_text(service->lock.reason), "actor", wire_text(service->lock.actor), "at", wire_time(service->lock.at));
}

json_t *status_make_hold(const struct service *service)
{
	const struct deployment *current = switcher_current(service->switcher);
	bool by_switch = service->hold.by == SERVICE_HELD_BY_SWITCH && current;
	if (service->hold.by == SERVICE_HELD_BY_NOBODY)
		return json_null();
	/* The workers would go on a little longer than the switch lets them. */
	uint64_t until = by_switch ? current->exclusive.held_at + current->exclusive.hold_max_ms : service->hold.ends_at;
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "since", wire_time(service->hold.at), "until", wire_time(until), "by",
		wire_text(service->hold.actor), "reason", wire_text(service->hold.reason), "deployment", wire_text(by_switch ? current->id : NULL), "waiting",
		wire_count(totals_waiting(service->totals)));
}

/* The one that runs; its report is to be asked for. */
static json_t *make_rehearsal(const struct service *service)
{
	static const char *const kept[] = {"color", "version", "share", "for_s", "actor", "started_at", "sent", "compared", "differing"};
	json_t *report = rehearsal_make_report(service), *object = json_null();
	if (strcmp(wire_read_text(report, "state"), "running") == 0) {
		object = json_object();
		for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
			json_object_set(object, kept[i], json_object_get(report, kept[i]));
	}
	json_decref(report);
	return object;
}

static json_t *make_pace(const struct service *service)
{
	uint64_t now = clock_mono_ms() / 1000, ended = 0, errors = 0;
	for (unsigned color = 0; color < COLOR_COUNT; color++) {
		uint64_t more_ended, more_errors;
		measures_count(service->colors[color].measures, now, PACE_SECONDS, &more_ended, &more_errors);
		ended += more_ended;
		errors += more_errors;
	}
	return json_pack("{s:f, s:f}", "requests_per_s", (double)ended / PACE_SECONDS, "errors_per_s", (double)errors / PACE_SECONDS);
}

/* What is in the path: how it is routed, held, rehearsed, and its pace. */
static void add_path(json_t *object, const struct service *service)
{
	static const char *const unknown[] = {"held", "rehearsal", "hosts", "paths", "balance", "rates", NULL};
	if (!service_is_routed(service)) {
		add_unknown(object, unknown);
		return;
	}
	json_object_set_new(object, "held", status_make_hold(service));
	json_object_set_new(object, "rehearsal", make_rehearsal(service));
	json_object_set_new(object, "hosts", wire_texts(service->conf->hosts, service->conf->host_count));
	json_object_set_new(object, "paths", wire_texts(service->conf->paths, service->conf->path_count));
	json_object_set_new(object, "balance", json_string(conf_balance_name(service->conf->balance)));
	json_object_set_new(object, "rates", make_pace(service));
}

static json_t *make_split(const struct service *service)
{
	if (!service->live_known)
		return json_pack("{s:n, s:n}", "blue", "green");
	return json_pack("{s:o, s:o}", "blue", deployment_share_to_json(service_share(service, COLOR_BLUE)), "green",
		deployment_share_to_json(service_share(service, COLOR_GREEN)));
}

json_t *status_make_service(const struct service *service)
{
	char reason[256];
	const struct deployment *current = switcher_current(service->switcher), *undo = switcher_undo(service->switcher);
	enum readiness readiness = switcher_readiness(service->switcher, reason, sizeof(reason));
	json_t *object = json_object();
	json_object_set_new(object, "name", wire_text(service->name));
	json_object_set_new(object, "via", json_string(service_is_routed(service) ? "proxy" : "route53"));
	json_object_set_new(object, "live", wire_text(service_live_name(service)));
	json_object_set_new(object, "split", make_split(service));
	json_object_set_new(object, "phase", json_string(current ? deployment_phase(current) : "steady"));
	json_object_set_new(object, "readiness", json_string(readiness_name(readiness)));
	json_object_set_new(object, "readiness_reason", wire_text(reason));
	json_object_set_new(object, "deployment", make_deployment(service));
	json_object_set_new(object, "waiting", procedure_waiting_to_json(service->procedure));
	json_object_set_new(object, "locked", make_lock(service));
	json_object_set_new(object, "undo", current && deployment_has_flipped(current) ? wire_text(current->id) : wire_text(undo ? undo->id : NULL));
	json_object_set_new(object, "bake_s", wire_seconds(service->conf->bake_ms));
	add_path(object, service);
	json_object_set_new(object, "route53", service_dns_to_json(service));
	json_object_set_new(
		object, "colors", json_pack("{s:o, s:o}", "blue", status_make_color(service, COLOR_BLUE), "green", status_make_color(service, COLOR_GREEN)));
	return object;
}

/* ---- all ---- */

static json_t *make_listens(const struct control *control)
{
	size_t count;
	char text[ADDR_TEXT_SIZE];
	json_t *array = json_array();
	const struct addr *listens = control_listens(control, &count);
	for (size_t i = 0; i < count; i++) {
		addr_format(&listens[i], text, sizeof(text));
		json_array_append_new(array, json_string(text));
	}
	return array;
}

static json_t *make_admin_listen(const struct control *control)
{
	char text[ADDR_TEXT_SIZE];
	const struct addr *listen = admin_listen_address(control->admin);
	if (!listen)
		return json_null();
	addr_format(listen, text, sizeof(text));
	return json_string(text);
}

static json_t *make_journal(const struct control *control)
{
	char fault[512] = "";
	const char *truth_fault = keeper_fault(control->keeper);
	journal_fault(control->journal, fault, sizeof(fault));
	return json_pack("{s:b, s:o}", "durable", truth_fault == NULL, "fault", wire_text(truth_fault ? truth_fault : fault));
}

static json_t *make_connections(const struct control *control)
{
	struct proxy_counters counters;
	proxy_read_counters(control->proxy, &counters);
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "accepted", wire_count(counters.accepted), "open", wire_count(counters.open), "idle",
		wire_count(counters.idle), "tunnels", wire_count(counters.tunnels), "tunnels_closed", wire_count(counters.tunnels_closed), "accept_paused",
		wire_count(counters.accept_paused), "unrouted", wire_count(counters.unrouted));
}

/* How often peers hit each limit since the start. */
static json_t *make_limits(const struct control *control)
{
	struct proxy_counters counters;
	json_t *object = json_object();
	proxy_read_counters(control->proxy, &counters);
	for (unsigned i = 0; i < LIMIT_COUNT; i++)
		json_object_set_new(object, limit_name((enum limit)i), wire_count(counters.limits[i]));
	return object;
}

static void add_tls(json_t *status, const struct control *control)
{
	struct proxy_counters counters;
	proxy_read_counters(control->proxy, &counters);
	json_object_set_new(status, "certificates", status_tls_make_certificates(tlsstore_read(control->tls), (int64_t)(clock_wall_ms() / 1000)));
	json_object_set_new(status, "authorities", status_tls_make_authorities(tlsstore_read(control->tls)));
	json_object_set_new(status, "tls", status_tls_make_handshakes(&counters));
}

json_t *status_make(const struct control *control)
{
	json_t *status = json_object(), *services = json_object();
	for (size_t i = 0; i < control->service_count; i++)
		json_object_set_new(services, control->services[i]->name, status_make_service(control->services[i]));
	json_object_set_new(status, "version", json_string(TEAL_VERSION));
	json_object_set_new(status, "pid", json_integer(getpid()));
	json_object_set_new(status, "started_at", wire_time(control->started_at));
	json_object_set_new(status, "now", wire_time(clock_wall_ms()));
	json_object_set_new(status, "config", wire_text(control->conf->file));
	json_object_set_new(status, "state", wire_text(control->conf->state));
	json_object_set_new(status, "workers", json_integer(control->workers));
	json_object_set_new(status, "draining", json_boolean(control->draining));
	json_object_set_new(status, "listens", make_listens(control));
	json_object_set_new(status, "admin_listen", make_admin_listen(control));
	json_object_set_new(status, "generation", wire_count(tables_generation(control->tables)));
	json_object_set_new(status, "acknowledged", wire_count(proxy_acknowledged(control->proxy)));
	json_object_set_new(status, "journal", make_journal(control));
	json_object_set_new(status, "connections", make_connections(control));
	json_object_set_new(status, "limit_hits", make_limits(control));
	add_tls(status, control);
	json_object_set_new(status, "access_log_dropped", wire_count(control->access_writer ? logwriter_dropped(control->access_writer) : 0));
	json_object_set_new(status, "services", services);
	return status;
}
