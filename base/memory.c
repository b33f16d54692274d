/* Allocation that cannot fail. Any thread; not for the data path. */
#include "base/memory.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *must(void *memory)
{
	if (!memory) {
		fputs("teal: out of memory\n", stderr);
		abort();
	}
	return memory;
}

void *memory_new(size_t size)
{
	return must(calloc(1, size));
}

void *memory_array(size_t count, size_t size)
{
	return must(calloc(count ? count : 1, size));
}

void *memory_grow(void *old, size_t count, size_t size)
{
	return must(reallocarray(old, count ? count : 1, size));
}

void *memory_aligned(size_t alignment, size_t size)
{
	size_t whole = (size + alignment - 1) & ~(alignment - 1);
	return memset(must(aligned_alloc(alignment, whole)), 0, whole);
}

char *memory_text(const char *text)
{
	return text ? must(strdup(text)) : NULL;
}

char *memory_text_cut(const char *text, size_t length)
{
	return must(strndup(text, length));
}
