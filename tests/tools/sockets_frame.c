/* WebSocket frames as the client of many reads and writes them. Pure but for the random mask; see sockets.h. */
#include "tests/tools/sockets.h"

#include <stdlib.h>
#include <string.h>

enum sockets_frame_result sockets_frame_read(const char *bytes, size_t length, struct sockets_frame *frame)
{
	const uint8_t *head = (const uint8_t *)bytes;
	if (length < 2)
		return SOCKETS_FRAME_MORE;
	unsigned brief = head[1] & 127u, longer = brief == 126 ? 2 : brief == 127 ? 8 : 0;
	if ((head[0] & 0xf0) != 0x80 || (head[1] & 0x80))
		return SOCKETS_FRAME_BAD;
	if (length < 2 + longer)
		return SOCKETS_FRAME_MORE;
	uint64_t size = longer ? 0 : brief;
	for (unsigned i = 0; i < longer; i++)
		size = size << 8 | head[2 + i];
	frame->opcode = head[0] & 15u;
	if ((frame->opcode != SOCKETS_BINARY && frame->opcode != SOCKETS_CLOSE) || size > SOCKETS_SIZE_MAX)
		return SOCKETS_FRAME_BAD;
	frame->payload = bytes + 2 + longer;
	frame->length = (size_t)size;
	frame->whole = 2 + longer + (size_t)size;
	return length < frame->whole ? SOCKETS_FRAME_MORE : SOCKETS_FRAME_WHOLE;
}

size_t sockets_frame_write(char *out, unsigned opcode, const char *payload, size_t length)
{
	unsigned longer = length < 126 ? 0 : length < 65536 ? 2 : 8;
	uint8_t mask[4];
	for (unsigned i = 0; i < 4; i++)
		mask[i] = (uint8_t)lrand48();
	out[0] = (char)(0x80u | opcode);
	out[1] = (char)(0x80u | (longer == 0 ? (unsigned)length : longer == 2 ? 126u : 127u));
	for (unsigned i = 0; i < longer; i++)
		out[2 + i] = (char)(length >> 8 * (longer - 1 - i));
	memcpy(out + 2 + longer, mask, 4);
	for (size_t i = 0; i < length; i++)
		out[6 + longer + i] = (char)((uint8_t)payload[i] ^ mask[i % 4]);
	return 6 + longer + length;
}
