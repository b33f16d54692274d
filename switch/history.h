/* The history's tables in SQLite: deployments and their events, the newest 10,000 and 100,000. The store's thread; each function is one transaction.
 *
 * False or NULL: a sentence that says what can't be done and why. */
#ifndef TEAL_SWITCH_HISTORY_H
#define TEAL_SWITCH_HISTORY_H

#include <stdbool.h>
#include <jansson.h>
#include <sqlite3.h>

#include "base/err.h"

#define HISTORY_DEPLOYMENTS_MAX 10000
#define HISTORY_EVENTS_MAX 100000

/* Texts may be NULL where a document has no such member. */
struct history_deployment {
	const char *id, *service, *started_at, *outcome, *idempotency_key, *document;
};

struct history_event {
	const char *at, *service, *deployment, *event, *document;
};

/* Makes the tables when they are missing. Cheap; to be called before anything else is done with a database. */
bool history_prepare(sqlite3 *database, struct err *err);

bool history_write_deployment(sqlite3 *database, const struct history_deployment *deployment, struct err *err);
bool history_write_event(sqlite3 *database, const struct history_event *event, struct err *err);

/* Arrays of documents, new references. `service` NULL: all. */
json_t *history_list_deployments(sqlite3 *database, const char *service, unsigned limit, struct err *err);
json_t *history_list_events(sqlite3 *database, const char *deployment, struct err *err);
/* An array of one document, or of none: with this id; the newest with this key that was started at or after `since`. */
json_t *history_find_deployment(sqlite3 *database, const char *id, struct err *err);
json_t *history_find_key(sqlite3 *database, const char *key, const char *since, struct err *err);

#endif
