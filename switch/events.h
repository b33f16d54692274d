/* What happened, once, in the same words for the log, the journal and the streams. Control thread. */
#ifndef TEAL_SWITCH_EVENTS_H
#define TEAL_SWITCH_EVENTS_H

#include <stdbool.h>
#include <stdint.h>
#include <jansson.h>

struct events;
struct events_listener;
struct scribe;

/* `scribe` must outlive the events or be taken away with events_set_scribe(NULL). */
struct events *events_new(struct scribe *scribe);
void events_free(struct events *events);
void events_set_scribe(struct events *events, struct scribe *scribe);

/* `service` and `deployment` may be NULL. `more` is consumed and may be NULL. Listeners run before this returns. */
void events_emit(struct events *events, const char *service, const char *deployment, const char *event, json_t *more, const char *text);

/* `event` is borrowed. A listener may stop itself while it is called. */
typedef void events_heard(void *arg, const json_t *event);
struct events_listener *events_listen(struct events *events, events_heard *heard, void *arg);
void events_stop_listening(struct events *events, struct events_listener *listener);

#endif
