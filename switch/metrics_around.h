/* The metrics of what is around a switch: holds, approvals, rehearsals. Control thread; only reads. */
#ifndef TEAL_SWITCH_METRICS_AROUND_H
#define TEAL_SWITCH_METRICS_AROUND_H

#include "switch/metrics_parts.h"

struct control;

void metrics_around_write(const struct control *control, struct page *page);

#endif
