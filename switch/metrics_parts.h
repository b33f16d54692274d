/* What the files of the metrics share: the page that is being written. Control thread. */
#ifndef TEAL_SWITCH_METRICS_PARTS_H
#define TEAL_SWITCH_METRICS_PARTS_H

#include "switch/metrics.h"

struct page {
	struct text *out;
	enum metrics_form form;
};

/* The lines in front of a family's samples. OpenMetrics names a family without the suffix of its samples; the older form knows samples alone, and no info. */
void metrics_begin_family(struct page *page, const char *family, const char *type, const char *suffix, const char *help);

#endif
