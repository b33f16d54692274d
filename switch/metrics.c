/* OpenMetrics and Prometheus's older text. Control thread; only reads. Label values come from the configuration, never from a request. */
#include "switch/metrics.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "proxy/fail.h"
#include "switch/daemon.h"
#include "switch/metrics_around.h"
#include "switch/metrics_tls.h"

/* ---- text ---- */

static void add_label_value(struct text *out, const char *value)
{
	for (const char *byte = value; *byte; byte++) {
		if (*byte == '\\' || *byte == '"')
			text_addf(out, "\\%c", *byte);
		else if (*byte == '\n')
			text_add(out, "\\n", 2);
		else
			text_add(out, byte, 1);
	}
}

void metrics_add_sample(struct text *out, const char *name, const char *const *labels, double value)
{
	text_addf(out, "%s", name);
	for (size_t i = 0; labels && labels[i]; i += 2) {
		text_addf(out, "%s%s=\"", i == 0 ? "{" : ",", labels[i]);
		add_label_value(out, labels[i + 1]);
		text_add(out, "\"", 1);
	}
	text_addf(out, labels && labels[0] ? "} " : " ");
	if (value == floor(value) && fabs(value) < 1e15)
		text_addf(out, "%.0f\n", value);
	else
		text_addf(out, "%.9g\n", value);
}

void metrics_begin_family(struct page *page, const char *family, const char *type, const char *suffix, const char *help)
{
	bool open = page->form == METRICS_OPEN;
	const char *of_samples = open ? "" : suffix, *known = !open && strcmp(type, "info") == 0 ? "gauge" : type;
	size_t length = strlen(family);
	text_addf(page->out, "# TYPE %s%s %s\n", family, of_samples, known);
	if (open && length > 8 && strcmp(family + length - 8, "_seconds") == 0)
		text_addf(page->out, "# UNIT %s seconds\n", family);
	text_addf(page->out, "# HELP %s%s %s\n", family, of_samples, help);
}

static void add_plain(struct page *page, const char *family, const char *type, const char *suffix, const char *help, double value)
{
	char name[96];
	snprintf(name, sizeof(name), "%s%s", family, suffix);
	metrics_begin_family(page, family, type, suffix, help);
	metrics_add_sample(page->out, name, NULL, value);
}

/* ---- per color ---- */

typedef void color_samples(struct page *page, const char *name, const struct service *service, enum color color);

/* `of_traffic`: not of services out of the path, of which nobody here sees any. */
static void for_each_color(const struct control *control, struct page *page, const char *name, bool of_traffic, color_samples *samples)
{
	for (size_t i = 0; i < control->service_count; i++)
		for (unsigned color = 0; color < COLOR_COUNT; color++)
			if (!of_traffic || service_is_routed(control->services[i]))
				samples(page, name, control->services[i], (enum color)color);
}

static void add_of_color(struct page *page, const char *name, const struct service *service, enum color color, double value)
{
	const char *labels[] = {"service", service->name, "color", color_name(color), NULL};
	metrics_add_sample(page->out, name, labels, value);
}

static const struct totals_sum *read_totals(const struct service *service, enum color color)
{
	static struct totals_sum sum; /* large; one thread */
	totals_read(service->totals, color, &sum);
	return &sum;
}

static void add_requests(struct page *page, const char *name, const struct service *service, enum color color)
{
	const struct totals_sum *sum = read_totals(service, color);
	for (unsigned i = 0; i < TOTALS_STATUS_COUNT; i++) {
		char code[8];
		if (sum->codes[i] == 0)
			continue;
		snprintf(code, sizeof(code), "%u", TOTALS_STATUS_LOW + i);
		const char *labels[] = {"service", service->name, "color", color_name(color), "code", code, NULL};
		metrics_add_sample(page->out, name, labels, (double)sum->codes[i]);
	}
}

static void add_kinds(struct page *page, const char *name, const struct service *service, enum color color)
{
	const struct totals_sum *sum = read_totals(service, color);
	for (unsigned kind = FAIL_KIND_abort; kind < FAIL_KIND_COUNT; kind++) {
		const char *labels[] = {"service", service->name, "color", color_name(color), "kind", fail_kind_name((enum fail_kind)kind), NULL};
		metrics_add_sample(page->out, name, labels, (double)sum->kinds[kind]);
	}
}

static void add_times(struct page *page, const char *name, const struct service *service, enum color color, const struct histogram_counts *times)
{
	static const struct {
		uint64_t us;
		const char *le;
	} bounds[] = {{500, "0.0005"}, {1000, "0.001"}, {2500, "0.0025"}, {5000, "0.005"}, {10000, "0.01"}, {25000, "0.025"}, {50000, "0.05"}, {100000, "0.1"},
		{250000, "0.25"}, {500000, "0.5"}, {1000000, "1.0"}, {2500000, "2.5"}, {5000000, "5.0"}, {10000000, "10.0"}, {30000000, "30.0"}};
	char full[96];
	snprintf(full, sizeof(full), "%s_bucket", name);
	for (size_t i = 0; i <= sizeof(bounds) / sizeof(bounds[0]); i++) {
		bool last = i == sizeof(bounds) / sizeof(bounds[0]);
		const char *labels[] = {"service", service->name, "color", color_name(color), "le", last ? "+Inf" : bounds[i].le, NULL};
		metrics_add_sample(page->out, full, labels, (double)(last ? times->total : histogram_count_under(times, bounds[i].us)));
	}
	snprintf(full, sizeof(full), "%s_count", name);
	add_of_color(page, full, service, color, (double)times->total);
	snprintf(full, sizeof(full), "%s_sum", name);
	add_of_color(page, full, service, color, (double)times->sum_us / 1e6);
}

static void add_durations(struct page *page, const char *name, const struct service *service, enum color color)
{
	add_times(page, name, service, color, &read_totals(service, color)->duration);
}

static void add_first_bytes(struct page *page, const char *name, const struct service *service, enum color color)
{
	add_times(page, name, service, color, &read_totals(service, color)->first_byte);
}

static void add_errors(struct page *page, const char *name, const struct service *service, enum color color)
{
	add_of_color(page, name, service, color, (double)read_totals(service, color)->errors);
}

static void add_replayed(struct page *page, const char *name, const struct service *service, enum color color)
{
	add_of_color(page, name, service, color, (double)read_totals(service, color)->replayed);
}

static void add_shielded(struct page *page, const char *name, const struct service *service, enum color color)
{
	add_of_color(page, name, service, color, (double)read_totals(service, color)->shielded);
}

static void add_fallbacks(struct page *page, const char *name, const struct service *service, enum color color)
{
	add_of_color(page, name, service, color, (double)read_totals(service, color)->fallbacks);
}

static void add_previewed(struct page *page, const char *name, const struct service *service, enum color color)
{
	add_of_color(page, name, service, color, (double)read_totals(service, color)->previewed);
}

static void add_preview_errors(struct page *page, const char *name, const struct service *service, enum color color)
{
	add_of_color(page, name, service, color, (double)read_totals(service, color)->preview_errors);
}

static void add_unshielded(struct page *page, const char *name, const struct service *service, enum color color)
{
	add_of_color(page, name, service, color, (double)read_totals(service, color)->shielded_errors);
}

static void add_inflight(struct page *page, const char *name, const struct service *service, enum color color)
{
	add_of_color(page, name, service, color, (double)totals_inflight(service->totals, color));
}

static void add_live(struct page *page, const char *name, const struct service *service, enum color color)
{
	add_of_color(page, name, service, color, service->live_known && service->live == color ? 1 : 0);
}

static void add_split(struct page *page, const char *name, const struct service *service, enum color color)
{
	add_of_color(page, name, service, color, (double)service_share(service, color) / TABLE_SPLIT_WHOLE);
}

/* ---- per backend ---- */

static void add_of_member(struct page *page, const char *name, const struct service *service, const struct member *member, double value)
{
	const char *labels[] = {"service", service->name, "color", color_name(member->owner->color), "backend", member->name, NULL};
	metrics_add_sample(page->out, name, labels, value);
}

static void add_up(struct page *page, const char *name, const struct service *service, enum color color)
{
	const struct service_color *half = &service->colors[color];
	for (size_t i = 0; i < half->count; i++)
		add_of_member(page, name, service, half->members[i], half->members[i]->health == HEALTH_UP ? 1 : 0);
}

static void add_backend_inflight(struct page *page, const char *name, const struct service *service, enum color color)
{
	const struct service_color *half = &service->colors[color];
	for (size_t i = 0; i < half->count; i++)
		if (half->members[i]->backend)
			add_of_member(page, name, service, half->members[i], (double)backend_inflight(half->members[i]->backend));
}

static void add_probe_duration(struct page *page, const char *name, const struct service *service, enum color color)
{
	const struct service_color *half = &service->colors[color];
	for (size_t i = 0; i < half->count; i++)
		if (half->members[i]->probed)
			add_of_member(page, name, service, half->members[i], (double)half->members[i]->last.took_us / 1e6);
}

/* ---- per service ---- */

static void write_deployments(const struct control *control, struct page *page)
{
	metrics_begin_family(page, "teal_deployments", "counter", "_total", "Deployments that ended, since the start of the daemon.");
	for (size_t i = 0; i < control->service_count; i++) {
		const struct service *service = control->services[i];
		for (unsigned outcome = OUTCOME_PROMOTED; outcome < OUTCOME_COUNT; outcome++) {
			const char *labels[] = {"service", service->name, "outcome", deployment_outcome_name((enum outcome)outcome), NULL};
			metrics_add_sample(page->out, "teal_deployments_total", labels, (double)switcher_outcomes(service->switcher, (enum outcome)outcome));
		}
	}
}

static void write_readiness(const struct control *control, struct page *page)
{
	metrics_begin_family(page, "teal_rollback_ready", "gauge", "", "Whether a rollback would succeed now: 1 ready, 0.5 degraded, 0 gone.");
	for (size_t i = 0; i < control->service_count; i++) {
		char reason[256];
		const struct service *service = control->services[i];
		const char *labels[] = {"service", service->name, NULL};
		metrics_add_sample(
			page->out, "teal_rollback_ready", labels, (double)switcher_readiness(service->switcher, reason, sizeof(reason)) / READINESS_READY);
	}
}

static void write_colors(const struct control *control, struct page *page)
{
	static const struct {
		const char *family, *type, *suffix, *help;
		bool of_traffic;
		color_samples *samples;
	} families[] = {
		{"teal_requests", "counter", "_total", "Answers of each color, by status; where the shield made one good, the client saw another.", true,
			add_requests},
		{"teal_request_duration_seconds", "histogram", "", "From the request's head read to the answer complete.", true, add_durations},
		{"teal_request_first_byte_seconds", "histogram", "", "From the request's head read to the first byte of the answer.", true, add_first_bytes},
		{"teal_request_errors", "counter", "_total", "5xx answers and failures to answer.", true, add_errors},
		{"teal_request_failures", "counter", "_total", "Failures to answer, by kind, and requests that their clients gave up.", true, add_kinds},
		{"teal_inflight_requests", "gauge", "", "Requests assigned to the color and not answered yet.", true, add_inflight},
		{"teal_replayed_requests", "counter", "_total", "Attempts repeated on another connection or backend.", true, add_replayed},
		{"teal_shielded_requests", "counter", "_total", "Requests that the color failed and that were sent once more on the other color.", true,
			add_shielded},
		{"teal_shielded_request_errors", "counter", "_total", "Of these: the other color did no better.", true, add_unshielded},
		{"teal_fallback_requests", "counter", "_total", "Requests that the color answered with 404 and that were tried on the other color.", true,
			add_fallbacks},
		{"teal_preview_requests", "counter", "_total", "Previews, which no other number of the color's requests has.", true, add_previewed},
		{"teal_preview_request_errors", "counter", "_total", "Of these: 5xx answers and failures to answer.", true, add_preview_errors},
		{"teal_live", "gauge", "", "1 for the live color; 0 for both while a record says neither.", false, add_live},
		{"teal_split_ratio", "gauge", "", "The color's share of the traffic.", true, add_split},
		{"teal_backend_up", "gauge", "", "1 when the backend is up.", false, add_up},
		{"teal_backend_inflight_requests", "gauge", "", "Requests that the backend is answering.", true, add_backend_inflight},
		{"teal_probe_duration_seconds", "gauge", "", "How long the last probe took.", false, add_probe_duration},
	};
	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
		char name[96];
		snprintf(name, sizeof(name), "%s%s", families[i].family, families[i].suffix);
		metrics_begin_family(page, families[i].family, families[i].type, families[i].suffix, families[i].help);
		for_each_color(control, page, name, families[i].of_traffic, families[i].samples);
	}
}

/* ---- the daemon ---- */

static void write_connections(const struct proxy_counters *counters, struct page *page)
{
	const struct {
		const char *state;
		uint64_t value;
	} states[] = {{"active", counters->open > counters->idle + counters->tunnels ? counters->open - counters->idle - counters->tunnels : 0},
		{"idle", counters->idle}, {"tunnel", counters->tunnels}};
	metrics_begin_family(page, "teal_connections", "gauge", "", "Client connections that are open.");
	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
		const char *labels[] = {"state", states[i].state, NULL};
		metrics_add_sample(page->out, "teal_connections", labels, (double)states[i].value);
	}
}

static void write_failures(const struct proxy_counters *counters, struct page *page)
{
	metrics_begin_family(page, "teal_failures", "counter", "_total", "Exchanges that failed, or were repeated after failing, by kind.");
	for (unsigned i = FAIL_none + 1; i < FAIL_COUNT; i++) {
		const char *labels[] = {"kind", fail_row((enum fail)i)->name, NULL};
		if (counters->fails[i] > 0)
			metrics_add_sample(page->out, "teal_failures_total", labels, (double)counters->fails[i]);
	}
}

static void write_limits(const struct proxy_counters *counters, struct page *page)
{
	metrics_begin_family(page, "teal_limit_hits", "counter", "_total", "Times that a client or a backend met a limit, by its key.");
	for (unsigned i = 0; i < LIMIT_COUNT; i++) {
		const char *labels[] = {"limit", limit_name((enum limit)i), NULL};
		metrics_add_sample(page->out, "teal_limit_hits_total", labels, (double)counters->limits[i]);
	}
}

static void write_replays(const struct proxy_counters *counters, struct page *page)
{
	metrics_begin_family(page, "teal_replays", "counter", "_total", "Attempts repeated on another connection or backend, by what went wrong first.");
	for (unsigned i = FAIL_none + 1; i < FAIL_COUNT; i++) {
		const char *labels[] = {"kind", fail_row((enum fail)i)->name, NULL};
		if (counters->replays[i] > 0)
			metrics_add_sample(page->out, "teal_replays_total", labels, (double)counters->replays[i]);
	}
}

static void write_daemon(const struct control *control, struct page *page)
{
	const char *build[] = {"version", TEAL_VERSION, NULL};
	struct proxy_counters counters;
	proxy_read_counters(control->proxy, &counters);
	metrics_begin_family(page, "teal_build", "info", "_info", "What is running.");
	metrics_add_sample(page->out, "teal_build_info", build, 1);
	write_connections(&counters, page);
	write_failures(&counters, page);
	write_replays(&counters, page);
	write_limits(&counters, page);
	add_plain(page, "teal_accepted_connections", "counter", "_total", "Client connections accepted.", (double)counters.accepted);
	add_plain(page, "teal_tunnels_closed", "counter", "_total", "Tunnels that a drain has closed.", (double)counters.tunnels_closed);
	add_plain(page, "teal_accept_paused", "counter", "_total", "Times that accepting paused for want of descriptors, or at a limit on connections.",
		(double)counters.accept_paused);
	add_plain(page, "teal_unrouted_requests", "counter", "_total", "Requests that no service took.", (double)counters.unrouted);
	add_plain(page, "teal_access_log_dropped_lines", "counter", "_total", "Lines of the access log that were dropped.",
		control->access_writer ? (double)logwriter_dropped(control->access_writer) : 0);
	add_plain(page, "teal_journal_durable", "gauge", "", "1 when the newest start-up truth is on disk.", keeper_fault(control->keeper) ? 0 : 1);
}

const char *metrics_content_type(enum metrics_form form)
{
	return form == METRICS_OPEN ? "application/openmetrics-text; version=1.0.0; charset=utf-8" : "text/plain; version=0.0.4; charset=utf-8";
}

enum metrics_form metrics_choose_form(const char *accept)
{
	bool plain = accept && strstr(accept, "text/plain") && !strstr(accept, "application/openmetrics-text");
	return plain ? METRICS_PLAIN : METRICS_OPEN;
}

void metrics_write(const struct control *control, enum metrics_form form, struct text *out)
{
	struct page page = {out, form};
	write_daemon(control, &page);
	write_colors(control, &page);
	write_deployments(control, &page);
	write_readiness(control, &page);
	metrics_around_write(control, &page);
	metrics_tls_write(control, &page);
	if (form == METRICS_OPEN)
		text_addf(out, "# EOF\n");
}
