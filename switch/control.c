/* The daemon: one struct that holds everything, built in one order and taken down in the reverse. Control thread. What happens once it runs is in
 * switch/rounds (time), switch/reload and switch/admin. */
#include "switch/control.h"

#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "switch/admin.h"
#include "switch/daemon.h"
#include "switch/descriptors.h"
#include "switch/dns_accounts.h"
#include "switch/health_answers.h"
#include "switch/herald.h"
#include "switch/previewing.h"
#include "switch/reload.h"
#include "switch/rounds.h"
#include "switch/service_dns.h"
#include "switch/service_truth.h"
#include "switch/tlsstore.h"
#include "switch/wire.h"

#define TELL_MS 2000u /* at the end: for messages on what it interrupted */

/* ---- what the parts tell ---- */

static json_t *build_truth(void *arg)
{
	const struct control *control = arg;
	json_t *services = control->others ? json_copy(control->others) : json_object();
	for (size_t i = 0; i < control->service_count; i++)
		json_object_set_new(services, control->services[i]->name, service_truth_write(control->services[i]));
	return json_pack("{s:i, s:o, s:s, s:o}", "format", 1, "written_at", wire_time(clock_wall_ms()), "version", TEAL_VERSION, "services", services);
}

static void on_truth_written(void *arg)
{
	struct control *control = arg;
	scribe_flush(control->scribe, false);
	rounds_wake(control);
}

static void on_service_change(void *arg)
{
	struct control *control = arg;
	tables_touch(control->tables);
}

static void on_service_news(void *arg)
{
	rounds_wake(arg);
}

static void on_service_truth(void *arg)
{
	struct control *control = arg;
	keeper_write(control->keeper);
}

static void on_told(void *arg, const struct courier_end *end)
{
	struct control *control = arg;
	herald_report(control->events, end);
	rounds_wake(control);
}

static void on_proxy_progress(void *arg)
{
	rounds_wake(arg);
}

/* ---- building ---- */

static unsigned count_cores(void)
{
	cpu_set_t set;
	if (sched_getaffinity(0, sizeof(set), &set) != 0)
		return 1;
	int count = CPU_COUNT(&set);
	return count > 0 ? (unsigned)count : 1;
}

static bool has_previews(const struct conf *conf)
{
	for (size_t i = 0; i < conf->service_count; i++)
		if (conf->services[i].preview.listen)
			return true;
	return false;
}

/* Where nothing comes in, as every service is switched by Route 53, one is enough. */
static unsigned count_workers(const struct conf *conf)
{
	if (conf->listen_count == 0 && !has_previews(conf))
		return 1;
	return conf->workers ? conf->workers : count_cores();
}

static bool open_state(struct control *control, struct err *err)
{
	char warning[512] = "";
	if (!journal_open(control->conf->state, control->loop, &control->journal, &control->first_truth, warning, err))
		return false;
	if (warning[0])
		log_warning("%s", warning);
	struct keeper_owner owner = {.build = build_truth, .on_written = on_truth_written, .arg = control};
	control->keeper = keeper_new(control->journal, &owner);
	control->scribe = scribe_new(control->loop, control->journal, control->keeper);
	control->archive = archive_new(control->scribe);
	control->events = events_new(control->scribe);
	return true;
}

static bool open_tls(struct control *control, struct err *err)
{
	int64_t now_s = (int64_t)(clock_wall_ms() / 1000);
	control->tls = tlsstore_new(control->events, clock_mono_ms());
	struct tlsplan *plan = tlsstore_plan(control->tls, control->conf, true, now_s, err);
	if (plan)
		tlsstore_take(control->tls, plan, now_s);
	return plan != NULL;
}

void control_follow_tls(struct control *control)
{
	for (size_t i = 0; i < control->service_count; i++)
		service_follow_tls(control->services[i]);
	tables_follow_tls(control->tables);
	tables_publish(control->tables);
}

static bool make_senses(struct control *control, struct err *err)
{
	control->resolver = resolver_new(control->loop, err);
	if (!control->resolver)
		return false;
	control->fetch = fetch_new(control->loop);
	control->prober = prober_new(control->loop, control->fetch);
	control->hooks = hook_tools_new(control->loop, control->fetch, control->resolver);
	control->courier = courier_new(control->hooks, &courier_usual, on_told, control);
	control->accounts = dns_accounts_new(&(struct dns_accounts_tools){control->loop, control->fetch, control->resolver, control->hooks});
	return true;
}

static enum health_answer read_health(void *arg, const char *name, const struct addr *listen)
{
	const struct service *service = control_find_service(arg, name);
	if (!service || service_is_routed(service) || service_dns_steering(service) || !addr_equal(&service->conf->route53.health_listen_address, listen))
		return HEALTH_ANSWER_NONE;
	return service->live == COLOR_GREEN ? HEALTH_ANSWER_GREEN : HEALTH_ANSWER_BLUE;
}

static bool open_health(struct control *control, struct err *err)
{
	control->health = health_answers_new(control->loop, read_health, control);
	return health_answers_open(control->health, control->conf, err);
}

struct service *control_make_service(struct control *control, const struct conf_service *conf, const json_t *truth, struct service_host **host)
{
	struct service_host_tools tools = {
		.keeper = control->keeper,
		.archive = control->archive,
		.events = control->events,
		.tables = control->tables,
		.hooks = control->hooks,
		.courier = control->courier,
	};
	struct service *service = service_new(&control->service_owner, conf, truth);
	if (!service_is_routed(service))
		service_dns_start(service, control->accounts, truth);
	*host = service_host_new(service, &tools);
	return service;
}

/* Nothing is known here of services that were cut away, so nothing of theirs is changed. */
static void keep_others(struct control *control, const json_t *truths)
{
	if (!control->conf->alone)
		return;
	control->others = json_is_object(truths) ? json_deep_copy(truths) : json_object();
	for (size_t i = 0; i < control->conf->service_count; i++)
		json_object_del(control->others, control->conf->services[i].name);
}

static void make_services(struct control *control)
{
	const struct conf *conf = control->conf;
	const json_t *truths = json_object_get(control->first_truth, "services");
	keep_others(control, truths);
	control->service_owner = (struct service_owner){
		.loop = control->loop,
		.fetch = control->fetch,
		.prober = control->prober,
		.resolver = control->resolver,
		.events = control->events,
		.tls = control->tls,
		.workers = control->workers,
		.response_ms = conf->timeouts.response_ms,
		.on_change = on_service_change,
		.on_news = on_service_news,
		.on_truth = on_service_truth,
		.arg = control,
	};
	control->tables = tables_new(control->loop, control->workers, control->descriptors);
	previewing_take_key(conf->state, control->preview_key);
	tables_set_preview_key(control->tables, control->preview_key);
	tables_set_tls(control->tables, control->tls);
	control->services = memory_array(conf->service_count, sizeof(struct service *));
	control->hosts = memory_array(conf->service_count, sizeof(struct service_host *));
	for (size_t i = 0; i < conf->service_count; i++)
		control->services[i] = control_make_service(control, &conf->services[i], json_object_get(truths, conf->services[i].name), &control->hosts[i]);
	control->service_count = conf->service_count;
	tables_set_services(control->tables, conf, control->services, control->service_count);
}

bool control_check_access(const struct conf *conf, struct err *err)
{
	if (!conf->access_log.path || conf->access_log.format == CONF_ACCESS_OFF)
		return true;
	return logwriter_check(conf->access_log.path, err) || err_prefix(err, "access_log");
}

bool control_open_access(const struct conf *conf, enum proxy_access *access, struct logwriter **writer, struct err *err)
{
	*writer = NULL;
	*access = PROXY_ACCESS_OFF;
	if (!conf->access_log.path || conf->access_log.format == CONF_ACCESS_OFF)
		return true;
	*access = conf->access_log.format == CONF_ACCESS_COMBINED ? PROXY_ACCESS_COMBINED : PROXY_ACCESS_JSON;
	*writer = logwriter_open(conf->access_log.path, err);
	return *writer != NULL || err_prefix(err, "access_log");
}

/* Those of the file, and behind them those of previews; `all` has room for every one. */
static size_t list_listens(const struct conf *conf, struct proxy_listen *all)
{
	size_t count = 0;
	for (size_t i = 0; i < conf->listen_count; i++)
		all[count++] = (struct proxy_listen){conf->listens[i].address, conf->listens[i].connections, conf->listens[i].proxy_protocol, NULL};
	for (size_t i = 0; i < conf->service_count; i++)
		if (conf->services[i].preview.listen)
			all[count++] = (struct proxy_listen){.address = conf->services[i].preview.listen_address, .preview = conf->services[i].name};
	return count;
}

static void log_previews(const struct control *control)
{
	char text[ADDR_TEXT_SIZE];
	size_t count, at = control->conf->listen_count;
	const struct addr *listens = proxy_listens(control->proxy, &count);
	for (size_t i = 0; i < control->conf->service_count; i++) {
		if (!control->conf->services[i].preview.listen)
			continue;
		addr_format(&listens[at++], text, sizeof(text));
		log_info("listening on %s for previews of %s", text, control->conf->services[i].name);
	}
}

static bool start_proxy(struct control *control, struct err *err)
{
	const struct conf *conf = control->conf;
	struct proxy_listen *listens = memory_array(conf->listen_count + conf->service_count, sizeof(*listens));
	struct proxy_options options = {.workers = control->workers,
		.listens = listens,
		.listen_count = list_listens(conf, listens),
		.loop = control->loop,
		.on_progress = on_proxy_progress,
		.arg = control};
	if (options.listen_count > PROXY_LISTENS_MAX) {
		err_set(err, "listen and preview.listen have %zu addresses in all, and %u are possible", options.listen_count, PROXY_LISTENS_MAX);
	} else if (control_open_access(conf, &options.access, &control->access_writer, err)) {
		options.access_writer = control->access_writer;
		control->proxy = proxy_start(&options, tables_make(control->tables), err);
	}
	free(listens);
	if (control->proxy) {
		tables_set_proxy(control->tables, control->proxy);
		log_previews(control);
	}
	return control->proxy != NULL;
}

/* Before the first request: the command of an exclusive switch must never be beside one. */
static void clear_commands(struct control *control)
{
	const json_t *truths = json_object_get(control->first_truth, "services");
	for (size_t i = 0; i < control->service_count; i++) {
		const char *deployment = service_truth_find_command(json_object_get(truths, control->services[i]->name));
		if (deployment)
			service_host_clear_command(control->hosts[i], deployment);
	}
}

/* What ran when the last daemon ended goes on, in the state that the truth has of it. */
static void resume_services(struct control *control)
{
	const json_t *truths = json_object_get(control->first_truth, "services");
	for (size_t i = 0; i < control->service_count; i++)
		service_truth_resume(control->services[i], json_object_get(truths, control->services[i]->name));
	json_decref(control->first_truth);
	control->first_truth = NULL;
	keeper_write(control->keeper);
}

static bool is_running(const json_t *document, const char *key)
{
	const char *text = wire_read_text(document, key);
	return text && strcmp(text, "running") == 0;
}

static struct service_host *find_host(const struct control *control, const char *service)
{
	for (size_t i = 0; service && i < control->service_count; i++)
		if (strcmp(control->services[i]->name, service) == 0)
			return control->hosts[i];
	return NULL;
}

/* With --force a command is begun though nothing of it can be written to the truth. */
static void describe_end(const struct control *control, const json_t *row, char *detail, size_t size)
{
	const char *program = wire_read_text(json_object_get(row, "exclusive"), "program");
	struct service_host *host = find_host(control, wire_read_text(row, "service"));
	if (!program || !host || !wire_read_flag(row, "force"))
		snprintf(detail, size, "the daemon ended before anything was switched");
	else if (service_host_clear_command(host, wire_read_text(row, "id")))
		snprintf(detail, size,
			"the daemon ended in the middle of an exclusive switch; %.200s had outlived it and was killed; look before switching again", program);
	else
		snprintf(detail, size,
			"the daemon ended in the middle of an exclusive switch, and nobody knows whether %.200s was begun; look before switching again",
			program);
}

static bool end_deployment(const struct control *control, json_t *row)
{
	char detail[512];
	if (!is_running(row, "outcome"))
		return false;
	describe_end(control, row, detail, sizeof(detail));
	json_object_set_new(row, "outcome", json_string("failed"));
	json_object_set_new(row, "phase", json_string("steady"));
	json_object_set_new(row, "cause", json_string("interrupted"));
	json_object_set_new(row, "detail", wire_text(detail));
	json_object_set_new(row, "exit", json_integer(1));
	json_object_set_new(row, "ended_at", wire_time(clock_wall_ms()));
	return true;
}

static bool end_verification(json_t *row)
{
	json_t *verification = json_object_get(row, "verification");
	if (!is_running(verification, "state"))
		return false;
	json_object_set_new(verification, "state", json_string("inconclusive"));
	json_object_set_new(verification, "text", json_string("the daemon ended before it was known"));
	json_object_set_new(verification, "ended_at", wire_time(clock_wall_ms()));
	return true;
}

static bool is_ours(const struct control *control, const json_t *row)
{
	const char *service = wire_read_text(row, "service");
	return !control->others || (service && control_find_service(control, service));
}

/* A row that says "running" and is not in the truth is of a daemon that ended before it could write more. */
static void on_listed(void *arg, json_t *rows, const char *sentence)
{
	struct control *control = arg;
	json_t *row;
	size_t i;
	(void)sentence;
	json_array_foreach(rows, i, row)
	{
		const char *id = wire_read_text(row, "id");
		if (id && is_ours(control, row) && !archive_find(control->archive, id) && (end_deployment(control, row) || end_verification(row)))
			archive_write_document(control->archive, row);
	}
	json_decref(rows);
}

static void raise_descriptors(struct control *control)
{
	unsigned wanted = control->conf->limits.connections;
	control->descriptors = descriptors_raise();
	unsigned fit = descriptors_fit(control->descriptors, control->workers, wanted);
	if (fit < wanted && control->conf->listen_count > 0)
		log_warning("limits.connections is %u, but only %u fit: the process may have %lu descriptors (ulimit -n, LimitNOFILE=)", wanted, fit,
			control->descriptors);
}

/* What is wrong with one of these is wrong with the configuration. */
static bool read_named(struct control *control, char token[ADMIN_TOKEN_SIZE], struct err *err)
{
	return control_check_access(control->conf, err) && admin_read_first_token(control->conf, token, err) && open_tls(control, err);
}

static bool build(struct control *control, bool *faulty, struct err *err)
{
	char token[ADMIN_TOKEN_SIZE];
	control->workers = count_workers(control->conf);
	control->started_at = clock_wall_ms();
	raise_descriptors(control);
	if (!open_state(control, err))
		return false;
	*faulty = !read_named(control, token, err);
	if (*faulty)
		return false;
	control->admin = admin_new(control, token, err);
	if (!control->admin || !open_health(control, err) || !make_senses(control, err))
		return false;
	make_services(control);
	clear_commands(control);
	if (!start_proxy(control, err))
		return false;
	rounds_start(control);
	resume_services(control);
	journal_list(control->journal, NULL, 20, on_listed, control);
	return true;
}

struct control *control_new(struct event_base *loop, struct conf *conf, bool *faulty, struct err *err)
{
	struct control *control = memory_new(sizeof(*control));
	*faulty = false;
	signal(SIGPIPE, SIG_IGN);
	control->loop = loop;
	control->conf = conf;
	if (build(control, faulty, err)) {
		events_emit(control->events, NULL, NULL, "started", NULL, "teal " TEAL_VERSION " has started");
		return control;
	}
	control_free(control);
	return NULL;
}

/* ---- running and ending ---- */

void control_run(struct control *control)
{
	struct proxy_counters counters;
	event_base_loop(control->loop, EVLOOP_NO_EXIT_ON_EMPTY);
	proxy_read_counters(control->proxy, &counters);
	log_info("ended: %" PRIu64 " client connections are left", counters.open);
}

static uint64_t longest_drain_ms(const struct control *control)
{
	uint64_t longest = 0;
	for (size_t i = 0; i < control->service_count; i++)
		if (control->services[i]->conf->drain_requests_ms > longest)
			longest = control->services[i]->conf->drain_requests_ms;
	return longest;
}

void control_stop(struct control *control)
{
	if (control->draining) {
		event_base_loopbreak(control->loop);
		return;
	}
	control->draining = true;
	control->drain_deadline_ms = clock_mono_ms() + longest_drain_ms(control);
	control->tell_deadline_ms = clock_mono_ms() + TELL_MS;
	events_emit(control->events, NULL, NULL, "stopping", NULL, "draining, then ending");
	for (size_t i = 0; i < control->service_count; i++) {
		switcher_stop(control->services[i]->switcher);
		service_close_all_tunnels(control->services[i]);
	}
	tables_set_draining(control->tables);
	tables_publish(control->tables);
	proxy_drain(control->proxy);
	rounds_wake(control);
}

static void free_services(struct control *control)
{
	for (size_t i = 0; i < control->service_count; i++) {
		service_free(control->services[i]);
		service_host_free(control->hosts[i]);
	}
	free(control->services);
	free(control->hosts);
	control->service_count = 0;
}

/* The journal's last callbacks find nobody any more: it is closed first, while everything they may touch is still there. */
static void close_journal(struct control *control)
{
	if (control->keeper)
		keeper_close(control->keeper);
	if (control->events)
		events_set_scribe(control->events, NULL);
	if (control->archive)
		archive_set_scribe(control->archive, NULL);
	scribe_free(control->scribe);
	control->scribe = NULL;
	journal_close(control->journal);
}

void control_free(struct control *control)
{
	if (!control)
		return;
	rounds_stop(control);
	admin_close(control->admin);
	close_journal(control);
	admin_free(control->admin);
	if (control->tables)
		tables_set_proxy(control->tables, NULL);
	free_services(control);
	dns_accounts_free(control->accounts);
	health_answers_free(control->health);
	courier_free(control->courier);
	hook_tools_free(control->hooks);
	tables_free(control->tables);
	if (control->proxy)
		proxy_stop(control->proxy);
	tlsstore_free(control->tls);
	logwriter_close(control->old_access_writer);
	logwriter_close(control->access_writer);
	if (control->prober)
		prober_free(control->prober);
	fetch_free(control->fetch);
	if (control->resolver)
		resolver_free(control->resolver);
	events_free(control->events);
	archive_free(control->archive);
	keeper_free(control->keeper);
	json_decref(control->first_truth);
	json_decref(control->others);
	conf_free(control->conf);
	free(control);
}

/* ---- looking at it ---- */

struct service *control_find_service(const struct control *control, const char *name)
{
	for (size_t i = 0; i < control->service_count; i++)
		if (strcmp(control->services[i]->name, name) == 0)
			return control->services[i];
	return NULL;
}

bool control_is_busy(const struct control *control)
{
	for (size_t i = 0; i < control->service_count; i++)
		if (switcher_current(control->services[i]->switcher))
			return true;
	return false;
}

const struct addr *control_listens(const struct control *control, size_t *count)
{
	const struct addr *listens = proxy_listens(control->proxy, count);
	*count = control->conf->listen_count; /* behind these are those of previews */
	return listens;
}

const struct addr *control_admin_listen(const struct control *control)
{
	return admin_listen_address(control->admin);
}
