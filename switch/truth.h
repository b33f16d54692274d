/* Keeps the start-up truth on disk: one write at a time, always of the newest state, tried again every second until it is durable. Control thread. */
#ifndef TEAL_SWITCH_TRUTH_H
#define TEAL_SWITCH_TRUTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <jansson.h>

struct journal;
struct truth;

enum truth_state { TRUTH_PENDING, TRUTH_DURABLE, TRUTH_FAILED };

struct truth_owner {
	/* The truth as it is now; a new reference. */
	json_t *(*build)(void *arg);
	/* A write ended. */
	void (*on_written)(void *arg);
	void *arg;
};

struct truth *truth_new(struct journal *journal, const struct truth_owner *owner);
/* After the journal was closed. NULL is allowed. */
void truth_free(struct truth *truth);

/* Writes what is true now; the ticket asks about it. */
uint64_t truth_write(struct truth *truth);
/* `sentence` is filled when it failed so far. */
enum truth_state truth_read_state(const struct truth *truth, uint64_t ticket, char *sentence, size_t size);
/* Once a second. */
void truth_retry(struct truth *truth);
/* Why the last write failed, or NULL when it did not. */
const char *truth_fault(const struct truth *truth);

#endif
