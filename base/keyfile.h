/* A secret key of this installation, made once and kept in a file that only its user may read. Blocks on the disk: at the start alone. */
#ifndef TEAL_BASE_KEYFILE_H
#define TEAL_BASE_KEYFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* Reads `size` random bytes from `directory`/`name`, where one process at a time does this; makes the file (0600, whole or not at all) when there is none or it has another size.
 * False: it can't be read or kept, and the sentence says why; the key is random all the same, and good for this run. */
bool keyfile_take(const char *directory, const char *name, uint8_t *key, size_t size, struct err *err);

#endif
