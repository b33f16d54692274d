/* Metrics of TLS. Control thread; only reads. Label values are paths of the configuration and names of faults. */
#include "switch/metrics_tls.h"

#include <string.h>

#include "switch/daemon.h"
#include "switch/status_tls.h"
#include "switch/tlsplan.h"
#include "switch/tlsstore.h"

/* ---- files: a sample for each path, as several sources may have the same one ---- */

static bool has_certificate(const struct tlssource *source)
{
	return source->content.certificate != NULL;
}

static bool is_any(const struct tlssource *source)
{
	(void)source;
	return true;
}

/* Whether the source is one that counts, and no earlier one that does has its path. */
static bool is_first(const struct tlsplan *plan, size_t index, bool (*counts)(const struct tlssource *source))
{
	if (!counts(plan->sources[index]))
		return false;
	for (size_t i = 0; i < index; i++)
		if (counts(plan->sources[i]) && strcmp(plan->sources[i]->path, plan->sources[index]->path) == 0)
			return false;
	return true;
}

struct sum {
	bool faulty;
	uint64_t taken, refused;
};

static struct sum sum_up(const struct tlsplan *plan, const char *path)
{
	struct sum sum = {.faulty = false};
	for (size_t i = 0; i < plan->source_count; i++) {
		const struct tlssource *source = plan->sources[i];
		if (strcmp(source->path, path) != 0)
			continue;
		sum.faulty = sum.faulty || source->fault;
		sum.taken += source->taken;
		sum.refused += source->refused;
	}
	return sum;
}

static void add_of_path(struct page *page, const char *name, const char *path, double value)
{
	const char *labels[] = {"certificate", path, NULL};
	metrics_add_sample(page->out, name, labels, value);
}

static void write_ends(const struct tlsplan *plan, struct page *page)
{
	static const char family[] = "teal_tls_certificate_not_after_timestamp_seconds";
	metrics_begin_family(page, family, "gauge", "", "The last moment at which the certificate in use is good.");
	for (size_t i = 0; i < plan->source_count; i++)
		if (is_first(plan, i, has_certificate))
			add_of_path(page, family, plan->sources[i]->path, (double)plan->sources[i]->content.certificate->last_s);
}

static void write_faulty(const struct tlsplan *plan, struct page *page)
{
	static const char family[] = "teal_tls_certificate_faulty";
	metrics_begin_family(
		page, family, "gauge", "", "1 while what lies on the disk is refused, and what was there before stays in use; of authorities, too.");
	for (size_t i = 0; i < plan->source_count; i++)
		if (is_first(plan, i, is_any))
			add_of_path(page, family, plan->sources[i]->path, sum_up(plan, plan->sources[i]->path).faulty ? 1 : 0);
}

static void add_renewals(struct page *page, const char *path, const char *outcome, uint64_t count)
{
	const char *labels[] = {"certificate", path, "outcome", outcome, NULL};
	metrics_add_sample(page->out, "teal_tls_certificate_renewals_total", labels, (double)count);
}

static void write_renewals(const struct tlsplan *plan, struct page *page)
{
	metrics_begin_family(page, "teal_tls_certificate_renewals", "counter", "_total", "Times that others lay on the disk: taken, or refused as faulty.");
	for (size_t i = 0; i < plan->source_count; i++) {
		const char *path = plan->sources[i]->path;
		struct sum sum = sum_up(plan, path);
		if (!is_first(plan, i, is_any))
			continue;
		add_renewals(page, path, "taken", sum.taken);
		add_renewals(page, path, "refused", sum.refused);
	}
}

/* ---- handshakes ---- */

static void add_outcome(struct page *page, const char *side, const char *outcome, uint64_t count)
{
	const char *labels[] = {"side", side, "outcome", outcome, NULL};
	metrics_add_sample(page->out, "teal_tls_handshakes_total", labels, (double)count);
}

static void add_outcomes(struct page *page, const char *side, const struct proxy_tls *counts)
{
	add_outcome(page, side, "full", counts->full);
	add_outcome(page, side, "resumed", counts->resumed);
	add_outcome(page, side, "failed", status_tls_count_failed(counts));
}

static void add_faults(struct page *page, const char *side, const struct proxy_tls *counts)
{
	for (unsigned fault = SECURE_FINE + 1; fault < SECURE_FAULT_COUNT; fault++) {
		const char *labels[] = {"side", side, "fault", secure_fault_name((enum secure_fault)fault), NULL};
		metrics_add_sample(page->out, "teal_tls_faults_total", labels, (double)counts->faults[fault]);
	}
}

static void write_handshakes(const struct control *control, struct page *page)
{
	struct proxy_counters counters;
	proxy_read_counters(control->proxy, &counters);
	metrics_begin_family(page, "teal_tls_handshakes", "counter", "_total", "TLS handshakes with clients and with backends.");
	add_outcomes(page, "client", &counters.clients_tls);
	add_outcomes(page, "backend", &counters.backends_tls);
	metrics_begin_family(page, "teal_tls_faults", "counter", "_total", "TLS handshakes that failed, by what was wrong.");
	add_faults(page, "client", &counters.clients_tls);
	add_faults(page, "backend", &counters.backends_tls);
}

void metrics_tls_write(const struct control *control, struct page *page)
{
	const struct tlsplan *plan = tlsstore_read(control->tls);
	write_ends(plan, page);
	write_faulty(plan, page);
	write_renewals(plan, page);
	write_handshakes(control, page);
}
