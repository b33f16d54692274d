/* Allocation for the control side, where running out of memory ends the process with a sentence.
 *
 * The data path does not use this: there a failed allocation costs one connection. Any thread. */
#ifndef TEAL_BASE_MEMORY_H
#define TEAL_BASE_MEMORY_H

#include <stddef.h>

/* Never NULL; zeroed. Freed with free(). */
void *memory_new(size_t size);
void *memory_array(size_t count, size_t size);
/* Like realloc, never NULL; new bytes are not cleared. */
void *memory_grow(void *old, size_t count, size_t size);
/* Like memory_new, at an address that is a multiple of `alignment`, a power of two. */
void *memory_aligned(size_t alignment, size_t size);
/* A copy of a string (NULL stays NULL), or of its first `length` bytes with a NUL behind. */
char *memory_text(const char *text);
char *memory_text_cut(const char *text, size_t length);

#endif
