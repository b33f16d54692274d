/* The two generations of the start-up truth in a state directory: `teal.state` and, of the write before, `teal.state.1`. Blocks on the disk.
 *
 * One thread at a time. At every instant one of the two is whole, whatever ends the process or fills the disk. */
#ifndef TEAL_BASE_TRUTHFILE_H
#define TEAL_BASE_TRUTHFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct truthfile {
	const char *directory; /* for sentences; borrowed */
	int directory_fd;      /* borrowed */
	uint64_t generation;   /* of the newest one */
	bool newest_torn;      /* teal.state is there and damaged: it must not push out the one before */
};

/* See store_read_truth. */
bool truthfile_read(struct truthfile *truth, char **bytes, size_t *length, bool *fallback, struct err *err);
/* True when it is on the disk for good. */
bool truthfile_write(struct truthfile *truth, const char *bytes, size_t length, struct err *err);

#endif
