/* What happened, once, for everybody who wants to know. Control thread; decides nothing. */
#include "switch/events.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "switch/scribe.h"
#include "switch/wire.h"

struct events_listener {
	LIST_ENTRY(events_listener) link;
	events_heard *heard;
	void *arg;
};

struct events {
	struct scribe *scribe;
	uint64_t last_id;
	LIST_HEAD(, events_listener) listeners;
};

/* Events that are no news for the log, or more than that. Those that only show progress are not kept. */
static const struct kind {
	const char *event;
	enum log_level level;
	bool passing;
} kinds[] = {
	{"draining", LOG_LEVEL_DEBUG, true},
	{"not_durable", LOG_LEVEL_WARNING, false},
	{"held", LOG_LEVEL_WARNING, false},
	{"dry_run", LOG_LEVEL_WARNING, false},
	{"drain_deadline", LOG_LEVEL_WARNING, false},
	{"rolling_back", LOG_LEVEL_WARNING, false},
	{"rolled_back", LOG_LEVEL_WARNING, false},
	{"failed", LOG_LEVEL_WARNING, false},
	{"refused", LOG_LEVEL_WARNING, false},
	{"backend_down", LOG_LEVEL_WARNING, false},
	{"backend_unresolved", LOG_LEVEL_WARNING, false},
	{"record_changed", LOG_LEVEL_WARNING, false},
	{"record_unread", LOG_LEVEL_WARNING, false},
	{"reload_refused", LOG_LEVEL_WARNING, false},
	{"failover_refused", LOG_LEVEL_WARNING, false},
	{"gate_forced", LOG_LEVEL_WARNING, false},
	{"rejected", LOG_LEVEL_WARNING, false},
	{"hook_failed", LOG_LEVEL_WARNING, false},
	{"notify_failed", LOG_LEVEL_WARNING, false},
	{"certificate_refused", LOG_LEVEL_WARNING, false},
	{"certificate_expiring", LOG_LEVEL_WARNING, false},
};

static const struct kind *find_kind(const char *event)
{
	static const struct kind ordinary = {"", LOG_LEVEL_INFO, false};
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(kinds[i].event, event) == 0)
			return &kinds[i];
	return &ordinary;
}

struct events *events_new(struct scribe *scribe)
{
	struct events *events = memory_new(sizeof(*events));
	events->scribe = scribe;
	LIST_INIT(&events->listeners);
	return events;
}

void events_free(struct events *events)
{
	struct events_listener *listener;
	if (!events)
		return;
	while ((listener = LIST_FIRST(&events->listeners)))
		events_stop_listening(events, listener);
	free(events);
}

void events_set_scribe(struct events *events, struct scribe *scribe)
{
	events->scribe = scribe;
}

static json_t *make_event(struct events *events, const char *service, const char *deployment, const char *event, json_t *more, const char *text)
{
	json_t *object = json_object();
	json_object_set_new(object, "id", wire_count(++events->last_id));
	json_object_set_new(object, "at", wire_time(clock_wall_ms()));
	json_object_set_new(object, "event", json_string(event));
	json_object_set_new(object, "service", wire_text(service));
	json_object_set_new(object, "deployment", wire_text(deployment));
	json_object_set_new(object, "text", wire_text(text));
	if (more)
		json_object_update(object, more);
	json_decref(more);
	return object;
}

void events_emit(struct events *events, const char *service, const char *deployment, const char *event, json_t *more, const char *text)
{
	const struct kind *kind = find_kind(event);
	struct events_listener *listener, *next;
	json_t *object = make_event(events, service, deployment, event, more, text);
	log_write(kind->level, "%s: %s", event, text);
	if (events->scribe && !kind->passing)
		scribe_add_event(events->scribe, object);
	for (listener = LIST_FIRST(&events->listeners); listener; listener = next) {
		next = LIST_NEXT(listener, link);
		listener->heard(listener->arg, object);
	}
	json_decref(object);
}

struct events_listener *events_listen(struct events *events, events_heard *heard, void *arg)
{
	struct events_listener *listener = memory_new(sizeof(*listener));
	listener->heard = heard;
	listener->arg = arg;
	LIST_INSERT_HEAD(&events->listeners, listener, link);
	return listener;
}

void events_stop_listening(struct events *events, struct events_listener *listener)
{
	(void)events;
	LIST_REMOVE(listener, link);
	free(listener);
}
