/* Hands history to the journal behind the truth: a switch waits for its truth, and nothing waits for history. Control thread.
 *
 * Rows are kept until no truth is being written, two seconds at most; of several rows of one deployment only the newest is written. */
#ifndef TEAL_SWITCH_SCRIBE_H
#define TEAL_SWITCH_SCRIBE_H

#include <stdbool.h>
#include <jansson.h>

struct event_base;
struct journal;
struct keeper;
struct scribe;

/* Both must outlive it. */
struct scribe *scribe_new(struct event_base *loop, struct journal *journal, const struct keeper *keeper);
/* Hands over what is kept. NULL is allowed. */
void scribe_free(struct scribe *scribe);

void scribe_add_event(struct scribe *scribe, json_t *event);
void scribe_add_deployment(struct scribe *scribe, json_t *document);
/* Hands over what is kept, if it is time to; `now`: whether or not it is. Before the history is read, and when a truth was written. */
void scribe_flush(struct scribe *scribe, bool now);

#endif
