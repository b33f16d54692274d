/* Collects the faults of one file, wherever they are found, and hands them out in the order of the file. Control thread. */
#ifndef TEAL_CONF_FAULT_H
#define TEAL_CONF_FAULT_H

#include "conf/conf.h"

struct fault {
	unsigned line, column; /* from 1 */
	size_t order;          /* of discovery, for faults at one place */
	char *text;
};

struct fault_list {
	struct fault *items;
	size_t count, capacity;
};

void fault_add(struct fault_list *list, unsigned line, unsigned column, const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Whether something is wrong at this place already. */
bool fault_is_at(const struct fault_list *list, unsigned line, unsigned column);

/* Sorts, writes `FILE:LINE:COL: message` for each into `faults`, and empties the list. Control bytes from the file are replaced, so that a fault is one line. */
void fault_deliver(struct fault_list *list, const char *file, struct conf_faults *faults);

/* Appends one ready line (printf rules, control bytes replaced). */
void fault_append(struct conf_faults *faults, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
