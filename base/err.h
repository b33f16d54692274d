/* The operator's problem, as one sentence.
 *
 * Functions that can fail because of what the operator gave us return bool and fill a struct err. The sentence is written
 * where the fault is found, gets context in front on the way up, and is printed once. Any thread; no allocation. */
#ifndef TEAL_BASE_ERR_H
#define TEAL_BASE_ERR_H

#include <stdbool.h>

struct err {
	char text[1024];
};

/* Writes the sentence (printf rules, cut at the size of the buffer) and returns false, so that a caller can
 * `return err_set(err, …)`. A NULL err is allowed. */
bool err_set(struct err *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Puts context and ": " in front of the sentence that is there, and returns false. A NULL err is allowed. */
bool err_prefix(struct err *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
