/* The file that holds the start-up truth: one header line with a generation and a checksum, then the bytes. Pure. */
#ifndef TEAL_BASE_TRUTH_H
#define TEAL_BASE_TRUTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* More than this is not read back. */
#define TRUTH_LENGTH_MAX (64u << 20)

/* The whole file, malloc'd; *file_length is its length. Two generations of one truth differ. */
char *truth_encode(uint64_t generation, const char *bytes, size_t length, size_t *file_length);

/* False when the file is not exactly what truth_encode wrote: cut, changed by a bit, or another format. Else *bytes points into the file. */
bool truth_decode(const char *file, size_t file_length, uint64_t *generation, const char **bytes, size_t *length);

#endif
