/* What has happened and what is: the start-up truth and the history, on top of base/store. Control thread.
 *
 * Documents are jansson objects in the words of the admin API. The truth is one document, written whole. The history has one row
 * per deployment (id, service, times, outcome, the document) and its events. */
#ifndef TEAL_SWITCH_JOURNAL_H
#define TEAL_SWITCH_JOURNAL_H

#include <stdbool.h>
#include <stdint.h>
#include <jansson.h>

#include "base/err.h"

struct event_base;
struct journal;

/* Opens the state directory (see store_open). `*truth` is the document of the last run, a new reference, or NULL at the very
 * first start. `*warning` gets a sentence when a torn generation was passed over or the history can't be opened. False: the
 * directory can't be used, or every generation of the truth is torn (the sentence says what to do). */
bool journal_open(const char *directory, struct event_base *loop, struct journal **journal, json_t **truth, char warning[512], struct err *err);
/* Waits at most two seconds for what is queued. NULL is allowed. */
void journal_close(struct journal *journal);

/* Writes the truth. `done` (may be NULL) runs on the control loop, once, with a sentence when it is not durable, else with NULL. */
typedef void journal_done(void *arg, bool durable, const char *sentence);
void journal_write_truth(struct journal *journal, const json_t *truth, journal_done *done, void *arg);

/* Inserts or replaces the row with this document's `id`. */
void journal_write_deployment(struct journal *journal, const json_t *deployment, journal_done *done, void *arg);
/* Adds an event {at, service, deployment?, event, text, …}, unless 1,000 writes wait for the disk already; events beyond the newest 100,000 are dropped, as are deployments beyond the newest 10,000. */
void journal_write_event(struct journal *journal, const json_t *event);

/* Reads on the store's thread; `found` runs on the control loop with a new reference that the callee owns, and no sentence (NULL): an array (deployments newest first,
 * events oldest first) or one document; or with NULL and a sentence when it can't be read or isn't there. `service` NULL: all. */
typedef void journal_found(void *arg, json_t *document, const char *sentence);
void journal_list(struct journal *journal, const char *service, unsigned limit, journal_found *found, void *arg);
void journal_get(struct journal *journal, const char *id, journal_found *found, void *arg);
/* The deployment that was started with this Idempotency-Key in the last 24 h (its document holds `idempotency_key`), or NULL without a sentence (NULL too). */
void journal_find_key(struct journal *journal, const char *key, journal_found *found, void *arg);
void journal_list_events(struct journal *journal, const char *deployment, journal_found *found, void *arg);

/* Why the history can't be written now, or "". */
void journal_fault(struct journal *journal, char *out, size_t size);

#endif
