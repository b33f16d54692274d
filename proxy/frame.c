/* Where the frames of a WebSocket end. Pure. */
#include "proxy/frame.h"

#include <assert.h>
#include <string.h>

#define OPCODE_CLOSE 8u

/* The second byte says how long the header is. */
static void read_shape(struct frame *frame, uint8_t byte)
{
	unsigned length = byte & 0x7fu, more = length == 127 ? 8 : length == 126 ? 2 : 0;
	frame->length_end = (uint8_t)(2 + more);
	frame->header_end = (uint8_t)(frame->length_end + (byte & 0x80u ? 4 : 0));
	frame->left = more > 0 ? 0 : length;
}

static void read_header_byte(struct frame *frame, uint8_t byte)
{
	unsigned at = frame->header_at++;
	if (at == 0) {
		frame->opcode = byte & 0xfu;
		return;
	}
	if (at == 1)
		read_shape(frame, byte);
	else if (at < frame->length_end)
		frame->left = frame->left << 8 | byte;
	if (at == 2 && frame->length_end == 10 && byte & 0x80u) /* the most significant bit must be 0 */
		frame->lost = true;
	else if (frame->header_at == frame->header_end)
		frame->header_at = 0;
}

static bool is_in_header(const struct frame *frame)
{
	return frame->header_at > 0;
}

size_t frame_take(struct frame *frame, const char *bytes, size_t length)
{
	size_t at = 0;
	if (frame_is_between(frame))
		read_header_byte(frame, (uint8_t)bytes[at++]);
	while (at < length && is_in_header(frame) && !frame->lost)
		read_header_byte(frame, (uint8_t)bytes[at++]);
	if (frame->lost)
		return length;
	if (is_in_header(frame))
		return at;
	size_t here = length - at < frame->left ? length - at : (size_t)frame->left;
	frame->left -= here;
	if (frame->left == 0 && frame->opcode == OPCODE_CLOSE)
		frame->closed = true;
	return at + here;
}

void frame_pass(struct frame *frame, const char *bytes, size_t length)
{
	while (length > 0) {
		size_t taken = frame_take(frame, bytes, length);
		bytes += taken;
		length -= taken;
	}
}

size_t frame_write_close(char out[FRAME_CLOSE_MAX], unsigned code, const char *reason, const uint8_t mask[4])
{
	size_t reason_length = strlen(reason), at = 0;
	assert(reason_length <= 50);
	char payload[52] = {(char)(code >> 8), (char)(code & 0xffu)};
	memcpy(payload + 2, reason, reason_length);
	out[at++] = (char)(0x80u | OPCODE_CLOSE);
	out[at++] = (char)((mask ? 0x80u : 0u) | (2 + reason_length));
	for (unsigned i = 0; mask && i < 4; i++)
		out[at++] = (char)mask[i];
	for (size_t i = 0; i < 2 + reason_length; i++)
		out[at++] = mask ? (char)((uint8_t)payload[i] ^ mask[i % 4]) : payload[i];
	return at;
}
