/* A list of deliveries in the order in which they were given, and one timer. Control thread. What a hook does is switch/hook's, what a message says is switch/notify's. */
#include "switch/courier.h"

#include <assert.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/text.h"
#include "switch/delivery.h"
#include "switch/notify.h"

const struct courier_limits courier_usual = {.tries = 5, .first_pause_ms = 1000, .late_ms = 300000, .under_way = 8, .waiting = 256};

TAILQ_HEAD(deliveries, delivery);

struct courier {
	struct hook_tools *tools;
	struct courier_limits limits;
	courier_ended *ended;
	void *arg;
	struct deliveries list;
	size_t count, under_way;
	struct event *timer;
};

static void end(struct courier *courier, struct delivery *delivery, const struct hook_result *result)
{
	const struct hook_facts *facts = delivery->facts;
	const struct courier_end told = {
		.service = facts->service,
		.deployment = facts->deployment,
		.event = facts->event,
		.notified = delivery->body != NULL,
		.tries = delivery->tries,
		.result = result,
	};
	TAILQ_REMOVE(&courier->list, delivery, entry);
	courier->count--;
	courier->ended(courier->arg, &told);
	delivery_free(delivery);
}

static void wake_in(struct courier *courier, uint64_t in_ms)
{
	struct timeval in = {.tv_sec = (time_t)(in_ms / 1000), .tv_usec = (suseconds_t)(in_ms % 1000 * 1000)};
	evtimer_add(courier->timer, &in);
}

static bool waits(const struct delivery *delivery)
{
	return !delivery->over && !delivery_is_under_way(delivery);
}

/* When its last try may begin. The first one of a hook comes at any time: those before it have limits of their own, which may be hours, and what it does is to be done. */
static uint64_t last_try_ms(const struct courier *courier, const struct delivery *delivery)
{
	bool at_any_time = !delivery->body && delivery->tries == 0;
	return at_any_time ? UINT64_MAX - 1 : delivery->given_ms + courier->limits.late_ms;
}

static bool is_too_late(const struct courier *courier, const struct delivery *delivery, uint64_t at_ms)
{
	return at_ms > last_try_ms(courier, delivery);
}

/* ---- what is given up ---- */

static void give_up(struct delivery *delivery, const char *sentence, const char *more)
{
	delivery_set_sentence(delivery, sentence, more);
	delivery->over = true;
}

static void give_up_what_is_late(struct courier *courier, uint64_t now_ms)
{
	struct delivery *delivery;
	TAILQ_FOREACH(delivery, &courier->list, entry)
	{
		if (!waits(delivery) || !is_too_late(courier, delivery, now_ms))
			continue;
		if (delivery->tries == 0)
			give_up(delivery, delivery->name, " was not told: too much was before it for too long");
		else
			give_up(delivery, delivery->sentence, "; too much was before it for too long, to try it again");
	}
}

static struct delivery *find_over(struct courier *courier)
{
	struct delivery *delivery;
	TAILQ_FOREACH(delivery, &courier->list, entry) if (delivery->over) return delivery;
	return NULL;
}

static void tell_overs(struct courier *courier)
{
	for (struct delivery *delivery; (delivery = find_over(courier));) {
		const struct hook_result result = {
			.name = delivery->name,
			.passed = false,
			.sentence = delivery->sentence,
			.output = delivery->output ? delivery->output : "",
			.ms = delivery->ms,
		};
		end(courier, delivery, &result);
	}
}

/* ---- what is next ---- */

static void keep_result(struct delivery *delivery, const struct hook_result *result)
{
	delivery_set_sentence(delivery, result->sentence, "");
	free(delivery->output);
	delivery->output = memory_text(result->output);
	delivery->ms = result->ms;
}

static void on_tried(void *arg, struct delivery *delivery, const struct hook_result *result)
{
	struct courier *courier = arg;
	const struct courier_limits *limits = &courier->limits;
	courier->under_way--;
	delivery->due_ms = clock_mono_ms() + (limits->first_pause_ms << (delivery->tries - 1));
	wake_in(courier, 0);
	if (result->passed || delivery->last || delivery->tries >= limits->tries || is_too_late(courier, delivery, delivery->due_ms))
		end(courier, delivery, result);
	else
		keep_result(delivery, result);
}

/* Messages to one receiver keep their order; hooks wait for each other's ends only. */
static bool lane_is_free(const struct courier *courier, const struct delivery *delivery)
{
	bool before = true;
	const struct delivery *other;
	TAILQ_FOREACH(other, &courier->list, entry)
	{
		if (other == delivery)
			before = false;
		else if (other->lane == delivery->lane && (delivery_is_under_way(other) || (before && delivery->body)))
			return false;
	}
	return true;
}

static void begin_what_may(struct courier *courier, uint64_t now_ms)
{
	struct delivery *delivery;
	TAILQ_FOREACH(delivery, &courier->list, entry)
	{
		if (courier->under_way >= courier->limits.under_way)
			return;
		if (!waits(delivery) || delivery->due_ms > now_ms || !lane_is_free(courier, delivery))
			continue;
		courier->under_way++;
		delivery_try(delivery, courier->tools, on_tried, courier);
	}
}

/* When the next pause is over, or something is too late. What waits for another one's end is woken by that. */
static void wake_when_due(struct courier *courier, uint64_t now_ms)
{
	const struct delivery *delivery;
	uint64_t next_ms = UINT64_MAX;
	TAILQ_FOREACH(delivery, &courier->list, entry)
	{
		uint64_t late_ms = last_try_ms(courier, delivery) + 1;
		uint64_t at_ms = delivery->due_ms > now_ms && delivery->due_ms < late_ms ? delivery->due_ms : late_ms;
		if (waits(delivery) && at_ms < next_ms)
			next_ms = at_ms;
	}
	if (next_ms != UINT64_MAX)
		wake_in(courier, next_ms > now_ms ? next_ms - now_ms : 0);
}

/* Whoever is told of an end may give more: so that comes first. */
static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct courier *courier = arg;
	uint64_t now_ms = clock_mono_ms();
	(void)fd, (void)what;
	give_up_what_is_late(courier, now_ms);
	tell_overs(courier);
	begin_what_may(courier, now_ms);
	wake_when_due(courier, now_ms);
}

/* ---- giving ---- */

static uint64_t make_lane(const char *service, const char *receiver)
{
	uint64_t hash = text_hash(service, strlen(service) + 1, TEXT_HASH_SEED);
	return text_hash(receiver, strlen(receiver), hash);
}

static void drop_oldest(struct courier *courier)
{
	struct delivery *delivery = TAILQ_FIRST(&courier->list);
	while (delivery && !waits(delivery))
		delivery = TAILQ_NEXT(delivery, entry);
	if (delivery)
		give_up(delivery, delivery->name, " was not told: too much waits, and this was the oldest");
}

static size_t count_waiting(const struct courier *courier)
{
	const struct delivery *delivery;
	size_t count = 0;
	TAILQ_FOREACH(delivery, &courier->list, entry) count += waits(delivery);
	return count;
}

static void add(struct courier *courier, uint64_t lane, struct delivery *delivery)
{
	delivery->lane = lane;
	delivery->given_ms = clock_mono_ms();
	if (count_waiting(courier) >= courier->limits.waiting)
		drop_oldest(courier);
	TAILQ_INSERT_TAIL(&courier->list, delivery, entry);
	courier->count++;
	wake_in(courier, 0);
}

/* What was tried for an earlier moment is not tried again; what was not gets its one try. */
static void supersede(struct courier *courier, uint64_t lane, const char *event)
{
	struct delivery *delivery;
	char more[96];
	snprintf(more, sizeof(more), "; not tried again, as %.40s came", event);
	TAILQ_FOREACH(delivery, &courier->list, entry)
	{
		if (delivery->lane != lane || delivery->over)
			continue;
		delivery->last = true;
		if (delivery->tries > 0 && waits(delivery))
			give_up(delivery, delivery->sentence, more);
	}
}

void courier_run_hooks(struct courier *courier, const struct conf_hooks *hooks, const struct hook_facts *facts)
{
	uint64_t lane = make_lane(facts->service, "");
	supersede(courier, lane, facts->event);
	for (size_t i = 0; i < hooks->count; i++)
		add(courier, lane, delivery_new(facts, &hooks->list[i], NULL));
}

void courier_notify(struct courier *courier, const struct conf_notify *receivers, size_t count, const struct hook_facts *facts)
{
	for (size_t i = 0; i < count; i++) {
		struct conf_hook conf = {.url = receivers[i].url, .secret_file = receivers[i].secret_file, .timeout_ms = receivers[i].timeout_ms};
		add(courier, make_lane(facts->service, conf.url), delivery_new(facts, &conf, notify_write(receivers[i].format, facts)));
	}
}

/* ---- the courier ---- */

struct courier *courier_new(struct hook_tools *tools, const struct courier_limits *limits, courier_ended *ended, void *arg)
{
	assert(ended && limits->tries > 0 && limits->under_way > 0 && limits->waiting > 0);
	struct courier *courier = memory_new(sizeof(*courier));
	*courier = (struct courier){.tools = tools, .limits = *limits, .ended = ended, .arg = arg};
	TAILQ_INIT(&courier->list);
	courier->timer = evtimer_new(tools->loop, on_timer, courier);
	if (!courier->timer)
		abort(); /* out of memory */
	return courier;
}

void courier_free(struct courier *courier)
{
	if (!courier)
		return;
	if (courier->count > 0)
		log_warning("hooks and messages to receivers that are given up at the end: %zu", courier->count);
	for (struct delivery *delivery; (delivery = TAILQ_FIRST(&courier->list));) {
		TAILQ_REMOVE(&courier->list, delivery, entry);
		delivery_free(delivery);
	}
	event_free(courier->timer);
	free(courier);
}

size_t courier_count(const struct courier *courier)
{
	return courier->count;
}
