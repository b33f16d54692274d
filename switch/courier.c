/* A list of deliveries in the order in which they were given, and one timer. Control thread. What a hook does is switch/hook's, what a message says is switch/notify's. */
#include "switch/courier.h"

#include <assert.h>
#include <event2/event.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/text.h"
#include "base/url.h"
#include "switch/hook_post.h"
#include "switch/notify.h"

const struct courier_limits courier_usual = {.tries = 5, .first_pause_ms = 1000, .late_ms = 300000, .under_way = 8, .waiting = 256};

/* One hook or message. */
struct delivery {
	TAILQ_ENTRY(delivery) entry;
	struct courier *courier;
	struct hook_facts *facts;
	uint64_t lane; /* the hooks of a service, or a receiver: one of them is under way at a time */
	char *name;

	struct conf_hook conf; /* of a hook: a copy */
	char *body;            /* of a message, else NULL; conf then has its url, secret_file and timeout_ms */

	unsigned tries;
	bool last;                 /* not tried again, as something later came */
	bool over;                 /* to be told as ended: `sentence` says why */
	uint64_t due_ms, given_ms; /* monotonic */
	uint64_t started_ms;       /* of the present try */
	struct hook *hook;         /* under way */
	struct hook_post *post;    /* under way */
	char *sentence;            /* of the last try */
};

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

/* ---- one delivery ---- */

static void free_conf(struct conf_hook *conf)
{
	for (char **word = conf->run; word && *word; word++)
		free(*word);
	free(conf->run);
	free(conf->url);
	free(conf->secret_file);
}

static char **copy_words(char *const *words)
{
	size_t count = 0;
	while (words[count])
		count++;
	char **copy = memory_array(count + 1, sizeof(char *));
	for (size_t i = 0; i < count; i++)
		copy[i] = memory_text(words[i]);
	return copy;
}

static bool is_under_way(const struct delivery *delivery)
{
	return delivery->hook || delivery->post;
}

static void free_delivery(struct delivery *delivery)
{
	struct courier *courier = delivery->courier;
	TAILQ_REMOVE(&courier->list, delivery, entry);
	courier->count--;
	free_conf(&delivery->conf);
	free(delivery->facts);
	free(delivery->name);
	free(delivery->body);
	free(delivery->sentence);
	free(delivery);
}

static void set_sentence(struct delivery *delivery, const char *sentence, const char *more)
{
	struct text joined;
	text_init(&joined, 1024);
	text_addf(&joined, "%s%s", sentence, more);
	free(delivery->sentence);
	delivery->sentence = text_take(&joined);
}

static void tell_end(struct delivery *delivery, const struct hook_result *result)
{
	struct courier *courier = delivery->courier;
	const struct hook_facts *facts = delivery->facts;
	struct courier_end end = {
		.service = facts->service,
		.deployment = facts->deployment,
		.event = facts->event,
		.notified = delivery->body != NULL,
		.tries = delivery->tries,
		.result = result,
	};
	courier->ended(courier->arg, &end);
	free_delivery(delivery);
}

/* ---- what is next ---- */

static uint64_t pause_after(const struct courier_limits *limits, unsigned tries)
{
	return limits->first_pause_ms << (tries - 1);
}

static bool is_too_late(const struct delivery *delivery, uint64_t at_ms)
{
	return at_ms > delivery->given_ms + delivery->courier->limits.late_ms;
}

/* Messages to one receiver keep their order; hooks wait for each other's ends only. */
static bool lane_is_free(const struct delivery *delivery)
{
	bool before = true;
	const struct delivery *other;
	TAILQ_FOREACH(other, &delivery->courier->list, entry)
	{
		if (other == delivery)
			before = false;
		else if (other->lane == delivery->lane && !other->over && (is_under_way(other) || (before && delivery->body)))
			return false;
	}
	return true;
}

static void look_at_lateness(struct delivery *delivery, uint64_t now_ms)
{
	if (delivery->over || is_under_way(delivery) || !is_too_late(delivery, now_ms))
		return;
	delivery->over = true;
	if (delivery->tries == 0)
		set_sentence(delivery, delivery->name, " was not told: too much was before it for too long");
}

static bool may_begin(const struct delivery *delivery, uint64_t now_ms)
{
	return !is_under_way(delivery) && !delivery->over && delivery->due_ms <= now_ms && lane_is_free(delivery);
}

static void begin(struct delivery *delivery);

static void begin_what_may(struct courier *courier, uint64_t now_ms)
{
	struct delivery *delivery;
	TAILQ_FOREACH(delivery, &courier->list, entry)
	{
		look_at_lateness(delivery, now_ms);
		if (courier->under_way < courier->limits.under_way && may_begin(delivery, now_ms))
			begin(delivery);
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
		const struct hook_result result = {.name = delivery->name, .passed = false, .sentence = delivery->sentence, .output = "", .ms = 0};
		tell_end(delivery, &result);
	}
}

static void wake_in(struct courier *courier, uint64_t in_ms)
{
	struct timeval in = {.tv_sec = (time_t)(in_ms / 1000), .tv_usec = (suseconds_t)(in_ms % 1000 * 1000)};
	evtimer_add(courier->timer, &in);
}

/* When the next pause is over, or something is too late. What waits for another one's end is woken by that. */
static void wake_when_due(struct courier *courier, uint64_t now_ms)
{
	const struct delivery *delivery;
	uint64_t next_ms = UINT64_MAX;
	TAILQ_FOREACH(delivery, &courier->list, entry)
	{
		uint64_t late_ms = delivery->given_ms + courier->limits.late_ms + 1;
		uint64_t at_ms = delivery->due_ms > now_ms && delivery->due_ms < late_ms ? delivery->due_ms : late_ms;
		if (!is_under_way(delivery) && at_ms < next_ms)
			next_ms = at_ms;
	}
	if (next_ms != UINT64_MAX)
		wake_in(courier, next_ms > now_ms ? next_ms - now_ms : 0);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct courier *courier = arg;
	(void)fd, (void)what;
	begin_what_may(courier, clock_mono_ms());
	tell_overs(courier);
	wake_when_due(courier, clock_mono_ms());
}

/* ---- one try ---- */

static void finish_try(struct delivery *delivery, const struct hook_result *result)
{
	struct courier *courier = delivery->courier;
	uint64_t now_ms = clock_mono_ms();
	delivery->hook = NULL;
	delivery->post = NULL;
	courier->under_way--;
	delivery->due_ms = now_ms + pause_after(&courier->limits, delivery->tries);
	wake_in(courier, 0);
	if (result->passed || delivery->last || delivery->tries >= courier->limits.tries || is_too_late(delivery, delivery->due_ms))
		tell_end(delivery, result);
	else
		set_sentence(delivery, result->sentence, "");
}

static void on_hook_done(void *arg, const struct hook_result *result)
{
	finish_try(arg, result);
}

static void on_post_done(void *arg, const struct hook_post_result *answer)
{
	struct delivery *delivery = arg;
	struct hook_result result = {
		.name = delivery->name,
		.passed = answer->passed,
		.sentence = answer->sentence,
		.output = answer->output,
		.ms = clock_mono_ms() - delivery->started_ms,
	};
	finish_try(delivery, &result);
}

static struct hook_post *post(struct delivery *delivery)
{
	char name[HOOK_DELIVERY_SIZE];
	hook_make_delivery(delivery->facts, delivery->conf.url, name);
	struct hook_post_request request = {
		.url = delivery->conf.url,
		.secret_file = delivery->conf.secret_file,
		.event = delivery->facts->event,
		.delivery = name,
		.body = delivery->body,
		.timeout_ms = delivery->conf.timeout_ms,
	};
	return hook_post_start(delivery->courier->tools, &request, on_post_done, delivery);
}

static void begin(struct delivery *delivery)
{
	struct courier *courier = delivery->courier;
	delivery->tries++;
	delivery->started_ms = clock_mono_ms();
	courier->under_way++;
	if (delivery->body)
		delivery->post = post(delivery);
	else
		delivery->hook = hook_start(courier->tools, &delivery->conf, delivery->facts, on_hook_done, delivery);
}

/* ---- giving ---- */

static uint64_t make_lane(const char *service, const char *receiver)
{
	uint64_t hash = text_hash(service, strlen(service) + 1, TEXT_HASH_SEED);
	return text_hash(receiver, strlen(receiver), hash);
}

static void drop_oldest(struct courier *courier)
{
	struct delivery *delivery;
	TAILQ_FOREACH(delivery, &courier->list, entry)
	{
		if (delivery->over || is_under_way(delivery))
			continue;
		delivery->over = true;
		set_sentence(delivery, delivery->name, " was not told: too much waits, and this was the oldest");
		return;
	}
}

static size_t count_waiting(const struct courier *courier)
{
	const struct delivery *delivery;
	size_t count = 0;
	TAILQ_FOREACH(delivery, &courier->list, entry) count += !delivery->over && !is_under_way(delivery);
	return count;
}

static void add(struct courier *courier, const struct hook_facts *facts, uint64_t lane, const struct conf_hook *conf, char *body)
{
	struct delivery *delivery = memory_new(sizeof(*delivery));
	delivery->courier = courier;
	delivery->facts = hook_facts_copy(facts);
	delivery->lane = lane;
	delivery->name = conf->run ? memory_text(conf->run[0]) : url_show_target(conf->url);
	delivery->conf.run = conf->run ? copy_words(conf->run) : NULL;
	delivery->conf.url = memory_text(conf->url);
	delivery->conf.secret_file = memory_text(conf->secret_file);
	delivery->conf.timeout_ms = conf->timeout_ms;
	delivery->body = body;
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
		if (delivery->tries == 0 || is_under_way(delivery))
			continue;
		char *before = delivery->sentence;
		delivery->sentence = NULL;
		set_sentence(delivery, before, more);
		free(before);
		delivery->over = true;
	}
}

void courier_run_hooks(struct courier *courier, const struct conf_hooks *hooks, const struct hook_facts *facts)
{
	uint64_t lane = make_lane(facts->service, "");
	supersede(courier, lane, facts->event);
	for (size_t i = 0; i < hooks->count; i++)
		add(courier, facts, lane, &hooks->list[i], NULL);
}

void courier_notify(struct courier *courier, const struct conf_notify *receivers, size_t count, const struct hook_facts *facts)
{
	for (size_t i = 0; i < count; i++) {
		struct conf_hook conf = {.url = receivers[i].url, .secret_file = receivers[i].secret_file, .timeout_ms = receivers[i].timeout_ms};
		add(courier, facts, make_lane(facts->service, conf.url), &conf, notify_write(receivers[i].format, facts));
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
		if (delivery->hook)
			hook_cancel(delivery->hook);
		if (delivery->post)
			hook_post_cancel(delivery->post);
		free_delivery(delivery);
	}
	event_free(courier->timer);
	free(courier);
}

size_t courier_count(const struct courier *courier)
{
	return courier->count;
}
