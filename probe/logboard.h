/* What the thread of a log reader tells the control thread: numbers and sentences behind a lock that is held for moments only.
 *
 * Both threads hold it; the one that lets go last frees it. So neither ever waits for the other to end. */
#ifndef TEAL_PROBE_LOGBOARD_H
#define TEAL_PROBE_LOGBOARD_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "probe/logcount.h"
#include "probe/logwatch.h"

/* What the reader has found since it told last. */
struct logfinds {
	uint64_t lines, matches, skipped_bytes, given_up;
	bool behind;           /* there is more than it had time for */
	unsigned sample_count; /* of them the last LOGWATCH_SAMPLES are in the ring samples[count % LOGWATCH_SAMPLES] */
	struct logwatch_sample samples[LOGWATCH_SAMPLES];
};

struct logboard {
	atomic_int holders;
	atomic_bool stopping;
	int stop_fd, news_fd; /* eventfds: to the reader, to the control thread */
	pthread_mutex_t lock; /* of all that follows */
	bool told;            /* the reader has looked at least once */
	uint64_t busy_ms;     /* since when the reader may be waiting for files; 0: it is not */
	uint64_t behind_ms;   /* since when there is always more; 0: there is not */
	unsigned files;
	struct logcount lines, matches;
	uint64_t skipped_bytes, given_up;
	uint64_t skipped_ms, given_up_ms; /* when that happened last */
	char problem[512];                /* of the files */
	unsigned sample_count;
	struct logwatch_sample samples[LOGWATCH_SAMPLES];
};

/* Held twice. NULL and a sentence when there are no descriptors left. */
struct logboard *logboard_new(uint64_t within_ms, uint64_t now_ms, struct err *err);
void logboard_let_go(struct logboard *board);
/* The control thread's last word to the reader. */
void logboard_stop(struct logboard *board);

/* The reader's: it may wait for files from now on. */
void logboard_begin(struct logboard *board, uint64_t now_ms);
/* The reader's: what it found in between, and what is wrong with the files ("" nothing). */
void logboard_tell(struct logboard *board, uint64_t now_ms, const struct logfinds *finds, unsigned files, const char *problem);

void logboard_read(struct logboard *board, uint64_t now_ms, struct logwatch_state *state);

#endif
