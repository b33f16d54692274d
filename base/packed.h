/* Counts by bucket in few bytes: buckets that hold nothing cost nothing, small counts next to each other one byte each. Pure; any thread.
 *
 * Written once in rising order, read once from the front; there is no access to a bucket in the middle. Trusts its bytes: they never leave the process. */
#ifndef TEAL_BASE_PACKED_H
#define TEAL_BASE_PACKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The most that so many buckets can take. */
#define PACKED_SIZE(buckets) ((size_t)(buckets)*7)

struct packed_writer {
	uint8_t *at;
	unsigned next; /* the bucket behind the last one written */
};

/* `bytes` has PACKED_SIZE of what will be put; what was written ends at `at`. */
void packed_begin(struct packed_writer *writer, uint8_t *bytes);
/* `bucket` is above those before, below 2^14; `count` is not 0. */
void packed_put(struct packed_writer *writer, unsigned bucket, uint32_t count);

struct packed_reader {
	const uint8_t *at, *end;
	unsigned bucket; /* the one that is read; UINT_MAX behind the last */
	uint32_t count;
};

/* Stands at the first bucket. `bytes` may be NULL where `length` is 0. */
void packed_open(struct packed_reader *reader, const uint8_t *bytes, size_t length);
/* Goes to the next bucket. Not behind the last. */
void packed_next(struct packed_reader *reader);

#endif
