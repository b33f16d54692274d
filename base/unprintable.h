/* Characters that steer a terminal instead of being shown by it. Pure; any thread. */
#ifndef TEAL_BASE_UNPRINTABLE_H
#define TEAL_BASE_UNPRINTABLE_H

#include <stdbool.h>
#include <stddef.h>

/* The bytes of the one that begins here, of which `left` > 0 are there, or 0: C0 and C1 controls, DEL, and in UTF-8 what ends a line or turns the direction of writing (U+061C, U+200E, U+200F, U+2028 to U+202E, U+2066 to
 * U+2069), so that a text looks like another one, or can't be seen (U+FEFF). */
size_t unprintable_measure(const char *bytes, size_t left);
/* 1 to `most` visible characters of ASCII, none of them a space: fit for a field of a request. */
bool unprintable_is_absent(const char *text, size_t most);

#endif
