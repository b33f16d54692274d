/* The thread that writes log files, so that nobody else waits for that disk.
 *
 * Writers own a ring each (one producer, one consumer); a full ring drops whole lines and counts them. A file that can't be
 * written is tried again every second; what does not fit meanwhile is dropped and counted. Never blocks a producer. */
#ifndef TEAL_BASE_LOGWRITER_H
#define TEAL_BASE_LOGWRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct logwriter;
struct logring;

/* Whether the folder that logwriter_open would write into is there, and the path is none itself, as far as this user sees. Opens nothing; false and a sentence. */
bool logwriter_check(const char *path, struct err *err);
/* Opens (creates, appends, mode 0640) the file and starts the thread. `path` "-" is standard output. NULL and a sentence when
 * the file can't be opened. */
struct logwriter *logwriter_open(const char *path, struct err *err);
/* Writes what is in the rings, closes the file, ends the thread (bounded: at most two seconds for a hung disk). Rings are
 * freed with it. NULL is allowed. */
void logwriter_close(struct logwriter *writer);
/* Opens the path anew, after a rotation (SIGUSR1). Returns at once; the thread does it. */
void logwriter_reopen(struct logwriter *writer);

/* A ring of `size` bytes (rounded up to a power of two) for one producing thread. Owned by the writer. Before the producer starts. */
struct logring *logwriter_add_ring(struct logwriter *writer, size_t size);
/* Adds one whole line, newline included, or drops it and counts. Producer's thread; no system call but a wake-up: at most once per
 * 100 ms when the writer had nothing to do, and when it naps while this ring is half full. */
bool logring_add(struct logring *ring, const char *line, size_t length);

/* Lines dropped so far, over all rings. Any thread. */
uint64_t logwriter_dropped(const struct logwriter *writer);

#endif
