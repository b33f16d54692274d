/* The SQL of the history. The store's thread. Opens no database and knows nothing of what a document holds beyond the columns. */
#include "switch/history.h"

#include <assert.h>
#include <stdio.h>

#define SCHEMA_VERSION 1

/* Rows come in by rising rowid and go out from the lowest on, so the newest N are those above the last one minus N. */
static const char schema[] =
	"BEGIN IMMEDIATE;"
	"CREATE TABLE deployments(id TEXT PRIMARY KEY, service TEXT, started_at TEXT, outcome TEXT, idempotency_key TEXT, document TEXT NOT NULL);"
	"CREATE INDEX deployments_by_start ON deployments(started_at);"
	"CREATE INDEX deployments_by_service ON deployments(service, started_at);"
	"CREATE INDEX deployments_by_key ON deployments(idempotency_key) WHERE idempotency_key IS NOT NULL;"
	"CREATE TRIGGER deployments_newest AFTER INSERT ON deployments BEGIN"
	" DELETE FROM deployments WHERE rowid <= NEW.rowid - %d; END;"
	"CREATE TABLE events(number INTEGER PRIMARY KEY, at TEXT, service TEXT, deployment TEXT, event TEXT, document TEXT NOT NULL);"
	"CREATE INDEX events_by_deployment ON events(deployment) WHERE deployment IS NOT NULL;"
	"CREATE TRIGGER events_newest AFTER INSERT ON events BEGIN"
	" DELETE FROM events WHERE number <= NEW.number - %d; END;"
	"PRAGMA user_version=%d;"
	"COMMIT";

static bool fail(sqlite3 *database, const char *what, struct err *err)
{
	return err_set(err, "can't %s the history: %s", what, sqlite3_errmsg(database));
}

/* ---- statements ---- */

struct value {
	const char *text;
	int number; /* when there is no text and the number is not 0 */
};

static bool bind(sqlite3_stmt *statement, const struct value *values, int count)
{
	for (int i = 0; i < count; i++) {
		int result = !values[i].text && values[i].number ? sqlite3_bind_int(statement, i + 1, values[i].number)
								 : sqlite3_bind_text(statement, i + 1, values[i].text, -1, SQLITE_STATIC);
		if (result != SQLITE_OK)
			return false;
	}
	return true;
}

/* A statement ready to be stepped, or NULL. */
static sqlite3_stmt *begin(sqlite3 *database, const char *sql, const struct value *values, int count)
{
	sqlite3_stmt *statement = NULL;
	if (sqlite3_prepare_v2(database, sql, -1, &statement, NULL) != SQLITE_OK || !bind(statement, values, count)) {
		sqlite3_finalize(statement);
		return NULL;
	}
	return statement;
}

static bool execute(sqlite3 *database, const char *sql, const struct value *values, int count, struct err *err)
{
	sqlite3_stmt *statement = begin(database, sql, values, count);
	bool done = statement && sqlite3_step(statement) == SQLITE_DONE;
	if (!done)
		fail(database, "write", err);
	sqlite3_finalize(statement);
	return done;
}

/* The documents in the first column. One that is not JSON any more is left out, so that it does not hide the others. */
static json_t *collect(sqlite3 *database, const char *sql, const struct value *values, int count, struct err *err)
{
	sqlite3_stmt *statement = begin(database, sql, values, count);
	json_t *documents = json_array();
	int result = SQLITE_ERROR;
	while (statement && (result = sqlite3_step(statement)) == SQLITE_ROW) {
		json_t *document = json_loadb((const char *)sqlite3_column_text(statement, 0), (size_t)sqlite3_column_bytes(statement, 0), 0, NULL);
		if (document)
			json_array_append_new(documents, document);
	}
	if (result != SQLITE_DONE) {
		fail(database, "read", err);
		json_decref(documents);
		documents = NULL;
	}
	sqlite3_finalize(statement);
	return documents;
}

/* ---- the schema ---- */

static bool read_version(sqlite3 *database, int *version)
{
	sqlite3_stmt *statement = begin(database, "PRAGMA user_version", NULL, 0);
	bool read = statement && sqlite3_step(statement) == SQLITE_ROW;
	*version = read ? sqlite3_column_int(statement, 0) : 0;
	sqlite3_finalize(statement);
	return read;
}

static bool make_tables(sqlite3 *database, struct err *err)
{
	char *sql = sqlite3_mprintf(schema, HISTORY_DEPLOYMENTS_MAX, HISTORY_EVENTS_MAX, SCHEMA_VERSION);
	bool made = sql && sqlite3_exec(database, sql, NULL, NULL, NULL) == SQLITE_OK;
	if (!made)
		fail(database, "prepare", err);
	if (!made && !sqlite3_get_autocommit(database))
		sqlite3_exec(database, "ROLLBACK", NULL, NULL, NULL);
	sqlite3_free(sql);
	return made;
}

bool history_prepare(sqlite3 *database, struct err *err)
{
	int version;
	if (!read_version(database, &version))
		return fail(database, "read", err);
	if (version == SCHEMA_VERSION)
		return true;
	if (version != 0)
		return err_set(err, "the history teal.db has format %d and this teal knows %d: use the teal that wrote it, or move the file away", version,
			SCHEMA_VERSION);
	return make_tables(database, err);
}

/* ---- writing ---- */

bool history_write_deployment(sqlite3 *database, const struct history_deployment *deployment, struct err *err)
{
	static const char sql[] = "INSERT INTO deployments(id, service, started_at, outcome, idempotency_key, document) VALUES(?1, ?2, ?3, ?4, ?5, ?6)"
				  " ON CONFLICT(id) DO UPDATE SET service=?2, started_at=?3, outcome=?4, idempotency_key=?5, document=?6";
	const struct value values[] = {{.text = deployment->id}, {.text = deployment->service}, {.text = deployment->started_at}, {.text = deployment->outcome},
		{.text = deployment->idempotency_key}, {.text = deployment->document}};
	return execute(database, sql, values, 6, err);
}

bool history_write_event(sqlite3 *database, const struct history_event *event, struct err *err)
{
	static const char sql[] = "INSERT INTO events(at, service, deployment, event, document) VALUES(?1, ?2, ?3, ?4, ?5)";
	const struct value values[] = {
		{.text = event->at}, {.text = event->service}, {.text = event->deployment}, {.text = event->event}, {.text = event->document}};
	return execute(database, sql, values, 5, err);
}

/* ---- reading ---- */

json_t *history_list_deployments(sqlite3 *database, const char *service, unsigned limit, struct err *err)
{
	static const char all[] = "SELECT document FROM deployments ORDER BY started_at DESC, rowid DESC LIMIT ?1";
	static const char some[] = "SELECT document FROM deployments WHERE service = ?2 ORDER BY started_at DESC, rowid DESC LIMIT ?1";
	const struct value values[] = {{.number = limit < HISTORY_DEPLOYMENTS_MAX ? (int)limit : HISTORY_DEPLOYMENTS_MAX}, {.text = service}};
	return limit == 0 ? json_array() : collect(database, service ? some : all, values, service ? 2 : 1, err);
}

json_t *history_list_events(sqlite3 *database, const char *deployment, struct err *err)
{
	const struct value values[] = {{.text = deployment}};
	return collect(database, "SELECT document FROM events WHERE deployment = ?1 ORDER BY number", values, 1, err);
}

json_t *history_find_deployment(sqlite3 *database, const char *id, struct err *err)
{
	const struct value values[] = {{.text = id}};
	return collect(database, "SELECT document FROM deployments WHERE id = ?1", values, 1, err);
}

json_t *history_find_key(sqlite3 *database, const char *key, const char *since, struct err *err)
{
	static const char sql[] =
		"SELECT document FROM deployments WHERE idempotency_key = ?1 AND started_at >= ?2 ORDER BY started_at DESC, rowid DESC LIMIT 1";
	const struct value values[] = {{.text = key}, {.text = since}};
	return collect(database, sql, values, 2, err);
}
