/* What happens by itself. Control thread. Decides nothing: the switchers do, when they are called. */
#include "switch/rounds.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/runner.h"
#include "switch/admin.h"
#include "switch/daemon.h"
#include "switch/failover.h"
#include "switch/health_answers.h"
#include "switch/hook.h"
#include "switch/prepare.h"
#include "switch/reload.h"
#include "switch/service_dns.h"
#include "switch/tlsstore.h"

#define DRAIN_HURRY_MS 1000u

static bool is_drained(const struct control *control)
{
	struct proxy_counters counters;
	proxy_read_counters(control->proxy, &counters);
	return counters.open == 0;
}

/* Somebody may still have to be told that a deployment was aborted by this end. */
static bool is_telling(const struct control *control)
{
	return courier_count(control->courier) > 0 && clock_mono_ms() < control->tell_deadline_ms;
}

static void look_at_drain(struct control *control)
{
	if (!control->draining)
		return;
	if ((is_drained(control) && !is_telling(control)) || clock_mono_ms() >= control->drain_deadline_ms)
		event_base_loopexit(control->loop, NULL);
}

/* A drain is over from one request to the next, unless long work or tunnels are left after its first second; a bake takes minutes. */
static bool is_hurried(const struct deployment *deployment)
{
	if (deployment->out_of_path) /* who makes a change says what comes of it; the way back waits for the disk for a moment */
		return deployment->step == STEP_RETURN;
	if (deployment->step <= STEP_PROCEDURE || deployment->step == STEP_SHIFT || deployment->step == STEP_BAKE)
		return false;
	return deployment->step != STEP_DRAIN || clock_wall_ms() < deployment->switched_at + DRAIN_HURRY_MS;
}

static bool is_in_a_hurry(const struct control *control)
{
	for (size_t i = 0; i < control->service_count; i++) {
		const struct deployment *current = switcher_current(control->services[i]->switcher);
		if (current && is_hurried(current))
			return true;
	}
	return false;
}

static void set_pace(struct control *control)
{
	static const struct timeval quick = {0, 5000}, slow = {0, 50000};
	bool wanted = control->draining || control_is_busy(control) || admin_has_waits(control->admin);
	if (is_in_a_hurry(control))
		evtimer_add(control->pace, &quick);
	else if (wanted && !evtimer_pending(control->pace, NULL))
		evtimer_add(control->pace, &slow);
}

static void go_round(struct control *control)
{
	for (size_t i = 0; i < control->service_count; i++) {
		switcher_run(control->services[i]->switcher);
		if (control->services[i]->prepare)
			prepare_run(control->services[i]->prepare);
		if (!control->draining)
			failover_look(control->services[i]);
	}
	admin_check_waits(control->admin);
	look_at_drain(control);
	set_pace(control);
}

static void on_pace(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	go_round(arg);
}

void rounds_wake(struct control *control)
{
	static const struct timeval now = {0, 0};
	if (control->news && !evtimer_pending(control->news, NULL))
		evtimer_add(control->news, &now);
}

/* ---- once a second ---- */

static void measure(struct control *control)
{
	uint64_t second = clock_mono_ms() / 1000;
	for (size_t i = 0; i < control->service_count; i++) {
		const struct service *service = control->services[i];
		for (unsigned color = 0; color < COLOR_COUNT; color++)
			measures_add(service->colors[color].measures, second, service->totals, (enum color)color, (unsigned)(i % MEASURES_SLICE_S));
	}
}

static void close_old_access(struct control *control)
{
	if (!control->old_access_writer || !tables_are_in_force(control->tables, control->old_access_generation))
		return;
	logwriter_close(control->old_access_writer);
	control->old_access_writer = NULL;
}

static void look_at_certificates(struct control *control)
{
	if (tlsstore_tick(control->tls, clock_mono_ms(), (int64_t)(clock_wall_ms() / 1000)))
		control_follow_tls(control);
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct control *control = arg;
	(void)fd;
	(void)what;
	measure(control);
	for (size_t i = 0; i < control->service_count; i++)
		service_dns_tick(control->services[i]);
	health_answers_tick(control->health);
	look_at_certificates(control);
	proxy_collect(control->proxy);
	keeper_retry(control->keeper);
	scribe_flush(control->scribe, false);
	close_old_access(control);
	if (getpid() == 1)
		runner_reap_orphans(control->hooks->runner);
	admin_tick(control->admin);
	go_round(control);
}

/* ---- signals ---- */

static void on_end_signal(evutil_socket_t number, short what, void *arg)
{
	(void)what;
	log_info("signal %d: %s", (int)number, ((struct control *)arg)->draining ? "ending at once" : "draining");
	control_stop(arg);
}

static void on_reload_signal(evutil_socket_t number, short what, void *arg)
{
	(void)number;
	(void)what;
	reload_by_signal(arg);
}

static void on_reopen_signal(evutil_socket_t number, short what, void *arg)
{
	struct control *control = arg;
	(void)number;
	(void)what;
	if (control->access_writer)
		logwriter_reopen(control->access_writer);
	log_info("the access log is opened anew");
}

static void add_signals(struct control *control)
{
	static const struct {
		int number;
		event_callback_fn callback;
	} wanted[] = {{SIGTERM, on_end_signal}, {SIGINT, on_end_signal}, {SIGHUP, on_reload_signal}, {SIGUSR1, on_reopen_signal}};
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		control->signals[i] = evsignal_new(control->loop, wanted[i].number, wanted[i].callback, control);
		event_add(control->signals[i], NULL);
	}
}

void rounds_start(struct control *control)
{
	static const struct timeval second = {1, 0};
	control->pace = evtimer_new(control->loop, on_pace, control);
	control->news = evtimer_new(control->loop, on_pace, control);
	control->tick = event_new(control->loop, -1, EV_PERSIST, on_tick, control);
	event_add(control->tick, &second);
	add_signals(control);
	rounds_wake(control);
}

static void drop(struct event **event)
{
	if (*event)
		event_free(*event);
	*event = NULL;
}

void rounds_stop(struct control *control)
{
	for (size_t i = 0; i < sizeof(control->signals) / sizeof(control->signals[0]); i++)
		drop(&control->signals[i]);
	drop(&control->tick);
	drop(&control->pace);
	drop(&control->news);
}
