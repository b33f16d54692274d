/* What a service's switcher sees of its service and of the daemon. Control thread; every function is one line of glue or two. */
#include "switch/service_host.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/memory.h"
#include "switch/prepare.h"
#include "switch/procedure.h"
#include "switch/rehearsal.h"
#include "switch/actuator_route53.h"
#include "switch/service_check.h"
#include "switch/service_command.h"
#include "switch/service_dns.h"
#include "switch/service_procedure.h"

#define BEFORE_S 600u /* of the old color: what it is compared with */

struct service_host {
	struct service *service;
	struct service_host_tools tools;
	struct actuator_proxy through; /* of a service in the path */
	struct service_command command;
	struct service_check check;
};

static uint64_t read_mono_us(void *arg)
{
	(void)arg;
	return clock_mono_us();
}

static uint64_t read_wall_ms(void *arg)
{
	(void)arg;
	return clock_wall_ms();
}

static const struct member *find_sick(const struct service_color *half)
{
	for (size_t i = 0; i < half->count; i++)
		if (half->members[i]->probed && half->members[i]->health != HEALTH_UP && !half->members[i]->last.ok)
			return half->members[i];
	return NULL;
}

static void read_gates(void *arg, enum color to, struct gates_input *input)
{
	const struct service_host *host = arg;
	const struct service *service = host->service;
	const struct service_quarantine *quarantine = service_find_quarantine(service, to);
	const struct member *sick = find_sick(&service->colors[to]);
	struct service_health health;
	bool drifted;
	const char *fault = service_dns_fault(service, &drifted);
	service_read_health(service, to, &health);
	*input = (struct gates_input){
		.service = service->name,
		.live = service->live,
		.live_fault = fault,
		.live_drifted = drifted,
		.locked = service->lock.set,
		.lock_reason = service->lock.reason,
		.lock_actor = service->lock.actor,
		.backends = health.backends,
		.up = health.up,
		.unknown = health.unknown,
		.healthy_share = service->conf->gates.healthy,
		.sick = sick ? sick->name : NULL,
		.sick_why = sick ? sick->last.detail : NULL,
		.quarantine = quarantine ? quarantine->deployment : NULL,
		.version = service->colors[to].now.version,
		.durable_fault = keeper_fault(host->tools.keeper),
	};
}

static void read_probes(void *arg, enum color color, struct switcher_probes *probes)
{
	const struct service_host *host = arg;
	struct service_health health;
	service_read_health(host->service, color, &health);
	*probes = (struct switcher_probes){.failed_rounds = health.failed_rounds, .probed = health.probed, .health = health.health};
}

static void forget_probes(void *arg)
{
	const struct service_host *host = arg;
	service_forget_probes(host->service);
}

static void read_counts(void *arg, enum color color, struct switcher_counts *counts)
{
	static struct totals_sum sum; /* large; one thread */
	const struct service_host *host = arg;
	totals_read(host->service->totals, color, &sum);
	*counts = (struct switcher_counts){.ended = sum.ended, .errors = sum.errors, .failed = sum.failed, .replayed = sum.replayed, .shielded = sum.shielded};
}

/* Nobody waited longer for an answer than timeouts.response. A second more is looked at, as the first one is not over. */
static uint64_t count_given_up(void *arg, enum color color, uint64_t *within_ms)
{
	const struct service_host *host = arg;
	const struct service *service = host->service;
	struct measures *measures = service->colors[color].measures;
	uint64_t now = clock_mono_ms() / 1000, response_ms = service->owner->response_ms, most_ms = MEASURES_SECONDS * 1000u;
	*within_ms = response_ms < most_ms ? response_ms : most_ms;
	unsigned seconds = (unsigned)((*within_ms + 999) / 1000) + 1;
	measures_add(measures, now, service->totals, color, 0);
	uint64_t requests =
		measures_sum(measures, now, seconds, TOTALS_KINDS) + measures_sum(measures, now, seconds, TOTALS_KINDS + FAIL_KIND_timeout - FAIL_KIND_abort);
	return requests + rehearsal_count_given_up(service->rehearsal, color, now, seconds);
}

static void read_before(void *arg, enum color color, struct judge_baseline *before)
{
	const struct service_host *host = arg;
	const struct measures *measures = host->service->colors[color].measures;
	uint64_t now = clock_mono_ms() / 1000;
	struct measures_before counts;
	double p50_ms, p99_ms;
	measures_describe(measures, now, BEFORE_S, &counts);
	*before = (struct judge_baseline){.counts = {counts.answers, counts.errors, counts.seconds, counts.squares}};
	if (measures_latency(measures, TOTALS_DURATION, now, &p50_ms, &p99_ms))
		before->p99_us = (uint64_t)(p99_ms * 1000.0);
	senses_read_before(host->service->senses, before);
}

/* Slices begin at whole seconds: the one that was open at the flip is not all of the time behind it. */
static void read_window(void *arg, enum color color, uint64_t since_us, struct judge_window *window)
{
	const struct service_host *host = arg;
	struct measures_window found;
	if (measures_window(host->service->colors[color].measures, since_us / 1000000u + 1, &found))
		*window = (struct judge_window){found.number, found.answers, found.p99_us};
}

static void mark_senses(void *arg)
{
	const struct service_host *host = arg;
	senses_mark(host->service->senses);
}

static void read_senses(void *arg, struct judge_input *input)
{
	const struct service_host *host = arg;
	senses_read(host->service->senses, input);
}

static const struct release *read_release(void *arg, enum color color, bool *deployed)
{
	const struct service_host *host = arg;
	*deployed = host->service->colors[color].deployed;
	return &host->service->colors[color].now;
}

static void read_readiness(void *arg, enum color color, struct readiness_input *input)
{
	const struct service_host *host = arg;
	service_read_readiness(host->service, color, input);
}

static void set_release(void *arg, enum color color, const struct release *release, bool deployed)
{
	const struct service_host *host = arg;
	service_set_release(host->service, color, release, deployed, true);
}

static void set_live(void *arg, enum color live)
{
	const struct service_host *host = arg;
	service_set_live(host->service, live);
}

static void quarantine(void *arg, const struct deployment *deployment)
{
	const struct service_host *host = arg;
	service_quarantine(host->service, deployment->to, &deployment->to_release, deployment->id, deployment->rollback.reason);
}

static void lift_quarantine(void *arg, enum color color)
{
	const struct service_host *host = arg;
	service_lift_quarantine(host->service, color);
}

static uint64_t write_truth(void *arg)
{
	const struct service_host *host = arg;
	return keeper_write(host->tools.keeper);
}

static enum keeper_state read_truth(void *arg, uint64_t ticket, char *sentence, size_t size)
{
	const struct service_host *host = arg;
	return keeper_read_state(host->tools.keeper, ticket, sentence, size);
}

static void write_deployment(void *arg, const struct deployment *deployment)
{
	const struct service_host *host = arg;
	archive_write(host->tools.archive, deployment);
}

static void emit(void *arg, const struct deployment *deployment, const char *event, json_t *more, const char *text)
{
	const struct service_host *host = arg;
	events_emit(host->tools.events, deployment->service, deployment->id, event, more, text);
}

static struct procedure_now read_now(void)
{
	return (struct procedure_now){.mono_ms = clock_mono_ms(), .wall_ms = clock_wall_ms()};
}

static void begin_procedure(void *arg, const struct deployment *deployment)
{
	const struct service_host *host = arg;
	procedure_begin(host->service->procedure, deployment);
}

static bool resume_procedure(void *arg, const struct deployment *deployment)
{
	const struct service_host *host = arg;
	struct procedure_now now = read_now();
	return procedure_resume(host->service->procedure, deployment, &now);
}

static enum procedure_state run_procedure(void *arg, const struct procedure_refusal **refusal, bool *changed)
{
	const struct service_host *host = arg;
	struct procedure_now now = read_now();
	enum procedure_state state = procedure_run(host->service->procedure, &now);
	if (state == PROCEDURE_REFUSED)
		*refusal = procedure_refusal(host->service->procedure);
	*changed = procedure_take_change(host->service->procedure);
	return state;
}

static json_t *read_procedure(void *arg)
{
	const struct service_host *host = arg;
	return procedure_to_json(host->service->procedure);
}

static void cancel_procedure(void *arg)
{
	const struct service_host *host = arg;
	procedure_cancel(host->service->procedure);
}

static void tell(void *arg, enum herald_moment moment, const struct deployment *deployment)
{
	const struct service_host *host = arg;
	procedure_tell(host->service->procedure, moment, deployment, clock_wall_ms());
}

static const char *foresee_command(void *arg)
{
	struct service_host *host = arg;
	return service_command_foresee(&host->command);
}

static void begin_command(void *arg, const struct deployment *deployment, uint64_t limit_ms)
{
	struct service_host *host = arg;
	service_command_begin(&host->command, deployment, limit_ms);
}

static enum switcher_command run_command(void *arg, char *sentence, size_t size)
{
	struct service_host *host = arg;
	return service_command_read(&host->command, sentence, size);
}

static void tell_command(void *arg, bool kill)
{
	struct service_host *host = arg;
	service_command_tell(&host->command, kill);
}

static void end_command(void *arg, uint64_t grace_ms)
{
	struct service_host *host = arg;
	service_command_end(&host->command, grace_ms);
}

static void choose_backends(void *arg, enum color color)
{
	struct service_host *host = arg;
	service_check_choose(&host->check, color);
}

static bool run_check(void *arg, char *sentence, size_t size)
{
	struct service_host *host = arg;
	return service_check_run(&host->check, sentence, size);
}

static void stop_check(void *arg)
{
	struct service_host *host = arg;
	service_check_stop(&host->check);
}

static bool had_orphans(void *arg, const struct deployment *deployment)
{
	const struct service_host *host = arg;
	return service_command_was_cleared(&host->command, deployment->id);
}

struct service_host *service_host_new(struct service *service, const struct service_host_tools *tools)
{
	struct service_host *host = memory_new(sizeof(*host));
	struct switcher_host view = {
		.read_mono_us = read_mono_us,
		.read_wall_ms = read_wall_ms,
		.read_gates = read_gates,
		.read_probes = read_probes,
		.forget_probes = forget_probes,
		.read_counts = read_counts,
		.count_given_up = count_given_up,
		.read_before = read_before,
		.read_window = read_window,
		.mark_senses = mark_senses,
		.read_senses = read_senses,
		.read_release = read_release,
		.read_readiness = read_readiness,
		.set_release = set_release,
		.set_live = set_live,
		.quarantine = quarantine,
		.lift_quarantine = lift_quarantine,
		.write_truth = write_truth,
		.read_truth = read_truth,
		.write_deployment = write_deployment,
		.emit = emit,
		.begin_procedure = begin_procedure,
		.resume_procedure = resume_procedure,
		.run_procedure = run_procedure,
		.read_procedure = read_procedure,
		.cancel_procedure = cancel_procedure,
		.tell = tell,
		.foresee_command = foresee_command,
		.begin_command = begin_command,
		.run_command = run_command,
		.tell_command = tell_command,
		.end_command = end_command,
		.choose_backends = choose_backends,
		.run_check = run_check,
		.stop_check = stop_check,
		.had_orphans = had_orphans,
		.arg = host,
	};
	host->service = service;
	host->tools = *tools;
	host->through = (struct actuator_proxy){.service = service, .tables = tools->tables};
	struct actuator actuator = service->dns ? actuator_route53_make(service_dns_through(service)) : actuator_proxy_make(&host->through);
	host->check.service = service;
	host->command = (struct service_command){.service = service, .hooks = tools->hooks};
	service->switcher = switcher_new(service->name, &view, &actuator);
	service->procedure = service_procedure_new(service, tools->hooks, tools->courier);
	service->prepare = service->dns ? prepare_new(service, tools->keeper, tools->events) : NULL;
	service_host_set_policy(service);
	return host;
}

bool service_host_clear_command(struct service_host *host, const char *deployment)
{
	service_command_clear(&host->command, deployment);
	return service_command_was_cleared(&host->command, deployment);
}

void service_host_free(struct service_host *host)
{
	if (!host)
		return;
	service_command_cancel(&host->command);
	service_check_stop(&host->check);
	free(host);
}

/* Conf's criteria are the judge's, in its order. */
static struct judge_limits limits_of(const struct service *service)
{
	const struct conf_rollback *rollback = &service->conf->rollback;
	return (struct judge_limits){
		.error_rate = rollback->error_rate,
		.unhealthy_probes = rollback->unhealthy_probes,
		.latency_p99_ms = rollback->latency_p99_ms,
		.log_matches = rollback->log.file ? rollback->log.matches : 0,
		.log_within_ms = rollback->log.within_ms,
		.prometheus = rollback->prometheus.url != NULL,
		.prometheus_below = rollback->prometheus.below,
		.prometheus_bound = rollback->prometheus.bound,
		.settle_ms = service->owner->response_ms,
		.dry_run = rollback->dry_run,
	};
}

/* The pause between two probes is a tenth longer now and then. */
static uint64_t look_ms_of(const struct conf_service *conf)
{
	const struct conf_prometheus *query = &conf->rollback.prometheus;
	uint64_t probe_ms = 2 * conf->probe.interval_ms + conf->probe.timeout_ms, query_ms = query->url ? 2 * query->every_ms + query->timeout_ms : 0;
	return probe_ms > query_ms ? probe_ms : query_ms;
}

void service_host_set_policy(struct service *service)
{
	struct switcher_policy policy = {
		.drain_requests_ms = service->conf->drain_requests_ms,
		.drain_tunnels_ms = service->conf->drain_tunnels_ms,
		.limits = limits_of(service),
		.inconclusive = service->conf->rollback.inconclusive,
		.look_ms = look_ms_of(service->conf),
		.verify_ms = service->conf->rollback.verify_ms,
	};
	switcher_set_policy(service->switcher, &policy);
	procedure_set_conf(service->procedure, service->conf);
}
