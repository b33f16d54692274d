/* One change batch of Route 53, used as compare-and-swap: what is there is deleted exactly as it was read, and what shall be there is created, in one batch, which is applied as
 * a whole or not at all. Another's change in between makes the deletion fail, and with it everything. Pure; any thread. There is no UPSERT: it would overwrite blindly. */
#ifndef TEAL_DNS_BATCH_H
#define TEAL_DNS_BATCH_H

#include <stdbool.h>
#include <stddef.h>

#include "dns/record.h"

#define BATCH_COMMENT_MAX 256u

enum batch_action { BATCH_DELETE, BATCH_CREATE };

struct batch_change {
	enum batch_action action;
	struct record record;
};

struct batch {
	char comment[BATCH_COMMENT_MAX + 1];
	struct batch_change *changes; /* in the order of adding; deletions are sent first */
	size_t count;
};

/* `comment` is cut at 256 characters; "" for none. */
void batch_init(struct batch *batch, const char *comment);
void batch_fini(struct batch *batch);
/* In place of `old`, `new`; copies both. NULL: there is none before, or shall be none behind. A weighted pair is two calls into one batch. Foreign ones never. */
void batch_replace(struct batch *batch, const struct record *old, const struct record *new);
/* The batch that goes back. */
void batch_init_inverse(struct batch *inverse, const struct batch *batch, const char *comment);

/* Whether Route 53 can take it: each set it creates by record_check, weighted ones of a name and type with one TTL, and its limits of 1000 values with 32000 characters. */
bool batch_check(const struct batch *batch, struct err *err);
/* What it costs of the account's changes a second: 1 for each deletion and creation. */
unsigned batch_cost(const struct batch *batch);
/* The body of ChangeResourceRecordSets; malloc'd. */
char *batch_write(const struct batch *batch, size_t *length);

/* What is there, next to what the batch goes from and to. */
enum batch_state {
	BATCH_BEFORE, /* every place is as it expects it: it can be sent, or was not applied */
	BATCH_AFTER,  /* every place is as it leaves it: it was applied */
	BATCH_DRIFTED /* neither: somebody else changed something */
};
/* `present` are the sets of the names it touches, as they were just listed; more than those are allowed. Where before and after are the same, it is BATCH_AFTER. */
enum batch_state batch_compare(const struct batch *batch, const struct record *present, size_t count);

#endif
