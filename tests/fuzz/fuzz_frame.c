/* WebSocket frames: in pieces of any size their ends must be where a simple reader sees them; a Close frame that is written is one.
 *
 * Input: a byte that is the size of the pieces, a byte for the code of a Close, four of a mask, then the stream. */
// links: proxy
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/frame.h"

#define SETTINGS 6u

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t length);

static void demand(bool holds)
{
	if (!holds)
		abort();
}

/* One frame from its beginning: its length with the header, SIZE_MAX when it ends behind the bytes; *header is 0 while that is not whole. */
static size_t measure(const uint8_t *at, size_t length, size_t *header, bool *lost)
{
	*header = 0;
	*lost = false;
	if (length < 2)
		return SIZE_MAX;
	size_t field = (at[1] & 127) == 127 ? 8 : (at[1] & 127) == 126 ? 2 : 0;
	*lost = field == 8 && length > 2 && at[2] & 128;
	if (*lost || length < 2 + field + (at[1] & 128 ? 4u : 0u))
		return SIZE_MAX;
	uint64_t payload = field > 0 ? 0 : at[1] & 127;
	for (size_t i = 0; i < field; i++)
		payload = payload << 8 | at[2 + i];
	*header = 2 + field + (at[1] & 128 ? 4 : 0);
	return payload > length - *header ? SIZE_MAX : *header + (size_t)payload;
}

/* What the state must be behind these bytes. */
static void check_state(const struct frame *frame, const uint8_t *bytes, size_t length)
{
	size_t at = 0, header;
	bool closed = false, lost = false;
	while (at < length) {
		size_t size = measure(bytes + at, length - at, &header, &lost);
		if (size == SIZE_MAX)
			break;
		closed |= (bytes[at] & 15) == 8;
		at += size;
	}
	demand(frame->lost == lost && (lost || frame->closed == closed));
	demand(frame_is_between(frame) == (at == length && !lost));
}

static void check_pieces(const uint8_t *bytes, size_t length, size_t piece)
{
	struct frame frame = {0};
	for (size_t at = 0; at < length;) {
		size_t here = piece < length - at ? piece : length - at;
		char *exact = malloc(here);
		demand(exact != NULL);
		memcpy(exact, bytes + at, here);
		size_t taken = frame_take(&frame, exact, here);
		free(exact);
		demand(taken >= 1 && taken <= here);
		demand(taken == here || frame_is_between(&frame));
		at += taken;
		check_state(&frame, bytes, at);
	}
}

static void check_whole(const uint8_t *bytes, size_t length)
{
	struct frame frame = {0};
	frame_pass(&frame, (const char *)bytes, length);
	check_state(&frame, bytes, length);
}

static void check_close(unsigned code, const uint8_t mask[4], bool masked, const char *reason)
{
	char out[FRAME_CLOSE_MAX];
	size_t length = frame_write_close(out, code, reason, masked ? mask : NULL), header = 0;
	bool lost = false;
	demand(length <= FRAME_CLOSE_MAX && (uint8_t)out[0] == 0x88 && measure((uint8_t *)out, length, &header, &lost) == length);
	demand(header == (masked ? 6u : 2u) && length == header + 2 + strlen(reason));
	for (size_t i = 0; i < length - header; i++) {
		uint8_t byte = (uint8_t)((uint8_t)out[header + i] ^ (masked ? mask[i % 4] : 0));
		demand(byte == (i == 0 ? code >> 8 : i == 1 ? code & 255 : (uint8_t)reason[i - 2]));
	}
	check_whole((uint8_t *)out, length);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t length)
{
	if (length < SETTINGS)
		return 0;
	const uint8_t *bytes = input + SETTINGS;
	length -= SETTINGS;
	check_pieces(bytes, length, (size_t)input[0] % 32 + 1);
	check_pieces(bytes, length, length + 1);
	check_whole(bytes, length);
	char reason[51];
	size_t reason_length = length < 50 ? length : 50;
	memcpy(reason, bytes, reason_length);
	reason[reason_length] = '\0';
	check_close(1000u + input[1] * 15u, input + 2, input[1] & 1, reason);
	return 0;
}
