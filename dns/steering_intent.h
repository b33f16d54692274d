/* One change as it is written down before it is sent, and what became of it. Pure; any thread. */
#ifndef TEAL_DNS_STEERING_INTENT_H
#define TEAL_DNS_STEERING_INTENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <jansson.h>

#include "base/color.h"
#include "base/err.h"
#include "dns/batch.h"

/* Moments are of the wall clock in milliseconds; 0: not yet. A zeroed one is empty. */
struct steering_intent {
	char zone_id[64];
	bool has_from; /* false: the record named neither color, or both */
	enum color from, to;
	unsigned share; /* of `to`, hundredths of a percent */
	struct record *old, *new;
	size_t old_count, new_count;
	char comment[BATCH_COMMENT_MAX + 1];
	uint64_t created_at;
	uint64_t submitted_at; /* when it was sent last */
	uint64_t accepted_at;
	char *change_id; /* NULL: none, or it was accepted and the answer was lost */
	uint64_t insync_at, agreed_at, safe_at;
	uint64_t earlier_until; /* until when caches may hold what the record said before `old` */
	uint32_t old_ttl_s;     /* with which anything but `new` may be cached, at least; that of `old` or longer */
};

/* Allowed twice. */
void steering_intent_fini(struct steering_intent *intent);
/* A new reference. No set may be foreign. */
json_t *steering_intent_to_json(const struct steering_intent *intent);
/* False and a sentence when it is none; then there is nothing to end. */
bool steering_intent_from_json(const json_t *json, struct steering_intent *intent, struct err *err);

/* Ended by batch_fini. */
void steering_intent_make_batch(const struct steering_intent *intent, struct batch *batch);
/* Any of its sets, for name and type. */
const struct record *steering_intent_place(const struct steering_intent *intent);

#endif
