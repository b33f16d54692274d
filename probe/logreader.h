/* The thread that reads log files for one logwatch: when it looks, how much it reads, what it searches. */
#ifndef TEAL_PROBE_LOGREADER_H
#define TEAL_PROBE_LOGREADER_H

#include <stdbool.h>
#include <time.h>

#include "base/err.h"
#include "base/pattern.h"
#include "probe/logboard.h"

/* Starts the thread, which takes the pattern and one hold of the board; it ends by itself after logboard_stop. On failure both stay the caller's. `since` is wall-clock
 * time. */
bool logreader_start(struct logboard *board, const char *glob, struct pattern *pattern, const struct timespec *since, struct err *err);

#endif
