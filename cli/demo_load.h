/* A strict client for `teal demo`: keep-alive connections, each request with an id that its answer must echo together with color and version.
 *
 * One thread a connection. It never sends a request again: whatever does not come back as it should is counted. */
#ifndef TEAL_CLI_DEMO_LOAD_H
#define TEAL_CLI_DEMO_LOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

enum demo_phase { DEMO_BEFORE, DEMO_SWITCH, DEMO_BACK, DEMO_BROKEN, DEMO_AFTER, DEMO_PHASES };

struct demo_load_count {
	uint64_t sent;
	uint64_t failed; /* no answer, or one that is not 200 */
	uint64_t wrong;  /* another request's answer, mixed-up color and version, or a color that should get nothing any more */
};

struct demo_load;

/* Begins to send to 127.0.0.1:port. NULL and a sentence when a thread can't be had. */
struct demo_load *demo_load_start(uint16_t port, struct err *err);
/* What is sent from now on counts for this phase, and must be answered by this version (NULL: by any) for as long as nothing else is said. `version`
 * is a static string. */
void demo_load_enter(struct demo_load *load, enum demo_phase phase, const char *version);
struct demo_load_count demo_load_read(struct demo_load *load, enum demo_phase phase);
/* The first thing of the phase that was not as it should be, or "". */
void demo_load_first_fault(struct demo_load *load, enum demo_phase phase, char out[160]);
/* Waits for the answers that are due, and ends the threads. The counts stay. */
void demo_load_stop(struct demo_load *load);
void demo_load_free(struct demo_load *load);

#define DEMO_LOAD_CONNECTIONS 16

#endif
