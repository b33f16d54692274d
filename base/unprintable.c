/* Which characters steer a terminal. What becomes of them is for others to say. */
#include "base/unprintable.h"

#include <string.h>

static bool is_within(unsigned char byte, unsigned char first, unsigned char last)
{
	return byte >= first && byte <= last;
}

static bool is_of_two(const unsigned char *bytes)
{
	return (bytes[0] == 0xc2 && is_within(bytes[1], 0x80, 0x9f)) || (bytes[0] == 0xd8 && bytes[1] == 0x9c);
}

static bool is_of_three(const unsigned char *bytes)
{
	if (memcmp(bytes, "\xe2\x80", 2) == 0)
		return is_within(bytes[2], 0x8e, 0x8f) || is_within(bytes[2], 0xa8, 0xae);
	if (memcmp(bytes, "\xe2\x81", 2) == 0)
		return is_within(bytes[2], 0xa6, 0xa9);
	return memcmp(bytes, "\xef\xbb\xbf", 3) == 0;
}

size_t unprintable_measure(const char *bytes, size_t left)
{
	const unsigned char *at = (const unsigned char *)bytes;
	if (at[0] < 0x20 || at[0] == 0x7f)
		return 1;
	if (left >= 2 && is_of_two(at))
		return 2;
	return left >= 3 && is_of_three(at) ? 3 : 0;
}

bool unprintable_is_absent(const char *text, size_t most)
{
	size_t length = strlen(text);
	for (size_t i = 0; i < length; i++)
		if (text[i] <= 0x20 || text[i] >= 0x7f)
			return false;
	return length > 0 && length <= most;
}
