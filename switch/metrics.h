/* The same numbers as in the status, for Prometheus: OpenMetrics 1.0, or the text format 0.0.4 that came before it. Control thread. */
#ifndef TEAL_SWITCH_METRICS_H
#define TEAL_SWITCH_METRICS_H

struct control;
struct text;

enum metrics_form { METRICS_OPEN, METRICS_PLAIN };

/* By a request's Accept, NULL when it has none: the older form only where it alone is asked for. */
enum metrics_form metrics_choose_form(const char *accept);
const char *metrics_content_type(enum metrics_form form);
void metrics_write(const struct control *control, enum metrics_form form, struct text *out);

/* One sample: `name{label="value",…} value`. Labels are pairs ending with NULL; values are escaped. */
void metrics_add_sample(struct text *out, const char *name, const char *const *labels, double value);

#endif
