/* Keeps the start-up truth on disk: one write at a time, always of the newest state, tried again every second until it is durable. Control thread. */
#ifndef TEAL_SWITCH_KEEPER_H
#define TEAL_SWITCH_KEEPER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <jansson.h>

struct journal;
struct keeper;

enum keeper_state { KEEPER_PENDING, KEEPER_DURABLE, KEEPER_FAILED };

struct keeper_owner {
	/* The truth as it is now; a new reference. */
	json_t *(*build)(void *arg);
	/* A write ended. */
	void (*on_written)(void *arg);
	void *arg;
};

struct keeper *keeper_new(struct journal *journal, const struct keeper_owner *owner);
/* What is true now is written once more, where it is newer than what is durable or being written; from here on nobody is told. Before the journal is closed, which waits for it. */
void keeper_close(struct keeper *keeper);
/* After the journal was closed. NULL is allowed. */
void keeper_free(struct keeper *keeper);

/* Writes what is true now; the ticket asks about it. */
uint64_t keeper_write(struct keeper *keeper);
/* `sentence` is filled when it failed so far. */
enum keeper_state keeper_read_state(const struct keeper *keeper, uint64_t ticket, char *sentence, size_t size);
/* Once a second. */
void keeper_retry(struct keeper *keeper);
/* The ticket of the newest write that was asked for. */
uint64_t keeper_newest(const struct keeper *keeper);
/* A write is under way. */
bool keeper_is_writing(const struct keeper *keeper);
/* Why the last write failed, or NULL when it did not. */
const char *keeper_fault(const struct keeper *keeper);

#endif
