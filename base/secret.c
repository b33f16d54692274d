/* One mapping a secret; its length is in front of it. Any thread. */
#include "base/secret.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

struct mapping {
	_Alignas(max_align_t) size_t length;
};

void *secret_new(size_t size)
{
	size_t length = sizeof(struct mapping) + size;
	struct mapping *mapping = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (mapping == MAP_FAILED) {
		fputs("teal: out of memory\n", stderr);
		abort();
	}
	madvise(mapping, length, MADV_DONTDUMP);
	mlock(mapping, length); /* the limit on locked memory may be 0; then the swap is the operator's business */
	mapping->length = length;
	return mapping + 1;
}

void secret_free(void *secret)
{
	if (!secret)
		return;
	struct mapping *mapping = (struct mapping *)secret - 1;
	size_t length = mapping->length;
	explicit_bzero(mapping, length);
	munmap(mapping, length);
}

void secret_drop_text(char *text)
{
	if (text)
		explicit_bzero(text, strlen(text));
	free(text);
}
