/* The stage of `teal demo`: a private folder, the backends, a daemon and the clients; and running the verbs of this same binary on it. */
#ifndef TEAL_CLI_DEMO_H
#define TEAL_CLI_DEMO_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "cli/demo_backend.h"
#include "cli/demo_load.h"

enum demo_release { DEMO_V1, DEMO_V2, DEMO_V3, DEMO_RELEASES };

struct demo {
	char folder[128], socket[160], file[160], log[160];
	struct demo_backend backends[DEMO_RELEASES];
	pid_t daemon;
	uint16_t port; /* of the proxy */
	struct demo_load *load;
};

/* Builds everything and waits until both colors are healthy. demo_close is due in any case. */
bool demo_open(struct demo *demo, struct err *err);
/* Ends every child by its pid and removes the folder. */
void demo_close(struct demo *demo);

/* Runs `teal` with these words (NULL at the end, at most 8) against the demo's daemon, its output going where ours goes. Its exit code, or -1 when it did not end by itself. */
int demo_run(const struct demo *demo, const char *const *words);
/* Ctrl-C or a signal to end came: the demo stops at the next opportunity. */
bool demo_interrupted(void);

#endif
