/* The thread that owns every durable write: the start-up truth and the SQLite history. Nothing else touches those files.
 *
 * Work is handed over as jobs that run one after another on the store's thread, truths before others; a finished job's `done` runs on the control
 * loop. A disk that hangs delays jobs, never the caller. Knows nothing of deployments: that is switch/journal. */
#ifndef TEAL_BASE_STORE_H
#define TEAL_BASE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sqlite3.h>

#include "base/err.h"

struct event_base;
struct store;

/* Creates `directory` (0750, and those above it) when it is missing, takes its lock (one process a directory; the sentence names the holder's
 * pid), and starts the thread. The database is opened by the thread; a database that can't be opened is reported by
 * store_database_fault and tried again every 60 s, it never stops the daemon. */
struct store *store_open(const char *directory, struct event_base *loop, struct err *err);
/* Runs what is queued, then ends the thread: waits as long as something of it gets done within `wait_ms`, and ten times that at most. `done` callbacks still due run here. When the disk hangs for longer, a truth that was not written is told
 * so, jobs that were not begun run here without a database, and what the thread hangs in is left behind. NULL is allowed. */
void store_close(struct store *store, unsigned wait_ms);

/* The truth: the newest of two generations whose checksum is right. Read once at start, before the thread has work.
 * *bytes is malloc'd and the caller's, NULL when there is none yet (true). False: a generation exists and none is
 * whole; the sentence says which file. `*fallback` is set when the newest was torn and the one before is used. */
bool store_read_truth(struct store *store, char **bytes, size_t *length, bool *fallback, struct err *err);
/* Writes the truth atomically: new file, checksum, fsync, rename, fsync of the directory; the old one stays as the second
 * generation. `done(arg, durable, sentence)` runs on the control loop; the sentence is NULL when it is durable. `bytes` is copied. done may be NULL. */
typedef void store_truth_done(void *arg, bool durable, const char *sentence);
void store_write_truth(struct store *store, const char *bytes, size_t length, store_truth_done *done, void *arg);

/* A job with the database (NULL while it can't be opened) on the store's thread, then `done` on the control loop. Both get
 * `arg`; whoever runs last frees it. done may be NULL. */
typedef void store_job(void *arg, sqlite3 *database);
typedef void store_done(void *arg);
void store_submit(struct store *store, store_job *job, store_done *done, void *arg);

/* Waits until the thread has tried to open the database for the first time, at most `wait_ms`. For the start. */
void store_wait_for_database(struct store *store, unsigned wait_ms);
/* Why the database is not open, or "" when it is. Copied into `out`. Any thread. */
void store_database_fault(struct store *store, char *out, size_t size);

#endif
