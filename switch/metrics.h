/* The same numbers as in the status, for Prometheus: OpenMetrics 1.0 text. Control thread. */
#ifndef TEAL_SWITCH_METRICS_H
#define TEAL_SWITCH_METRICS_H

struct control;
struct text;

void metrics_write(const struct control *control, struct text *out);

/* One sample: `name{label="value",…} value`. Labels are pairs ending with NULL; values are escaped. */
void metrics_add_sample(struct text *out, const char *name, const char *const *labels, double value);

#endif
