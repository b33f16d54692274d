/* Where WebSocket frames end: streams whole, in every split in two, byte by byte and frame by frame; Close frames as they are written. */
// links: proxy
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/frame.h"

#define PAYLOAD_MOST 70000

/* Frames of a stream: header bytes, payload length. `payloads` are filled in by the test. */
struct part {
	const char *header;
	size_t header_length, payload;
};
#define PART(header, payload) \
	{ \
		header, sizeof(header) - 1, payload \
	}

static const struct {
	const char *name;
	struct part parts[6];
	enum { BETWEEN, INSIDE, CLOSED, LOST } end;
} streams[] = {
	{"nothing", {{0}}, BETWEEN},
	{"an empty text", {PART("\x81\x00", 0)}, BETWEEN},
	{"a short text", {PART("\x81\x05", 5)}, BETWEEN},
	{"125 bytes", {PART("\x82\x7d", 125)}, BETWEEN},
	{"126 bytes, in two", {PART("\x82\x7e\x00\x7e", 126)}, BETWEEN},
	{"70,000 bytes, in eight", {PART("\x82\x7f\x00\x00\x00\x00\x00\x01\x11\x70", 70000)}, BETWEEN},
	{"masked, empty", {PART("\x81\x80\x01\x02\x03\x04", 0)}, BETWEEN},
	{"masked, short", {PART("\x81\x83\x01\x02\x03\x04", 3)}, BETWEEN},
	{"masked, in two", {PART("\x81\xfe\x01\x2c\x01\x02\x03\x04", 300)}, BETWEEN},
	{"masked, in eight", {PART("\x81\xff\x00\x00\x00\x00\x00\x00\x01\x2c\x01\x02\x03\x04", 300)}, BETWEEN},
	{"a mask of Close opcodes", {PART("\x81\x82\x88\x88\x88\x88", 2)}, BETWEEN},
	{"a length longer than it needs to be", {PART("\x82\x7e\x00\x03", 3)}, BETWEEN},
	{"fragments with a ping between", {PART("\x01\x02", 2), PART("\x89\x01", 1), PART("\x80\x03", 3)}, BETWEEN},
	{"reserved bits and opcodes", {PART("\xc1\x02", 2), PART("\x8f\x01", 1), PART("\xf3\x00", 0)}, BETWEEN},
	{"Close without a code", {PART("\x81\x01", 1), PART("\x88\x00", 0)}, CLOSED},
	{"Close with a code", {PART("\x88\x02", 2)}, CLOSED},
	{"Close, masked", {PART("\x88\x82\x09\x08\x07\x06", 2)}, CLOSED},
	{"bytes behind Close", {PART("\x88\x02", 2), PART("\x81\x03", 3)}, CLOSED},
	{"half a header", {PART("\x81\x02", 2), PART("\x81", 0)}, INSIDE},
	{"half a length", {PART("\x81\x7f\x00\x00\x00\x00\x00\x01", 0)}, INSIDE},
	{"half a mask", {PART("\x88\x82\x01\x02\x03", 0)}, INSIDE},
	{"half a payload", {PART("\x81\x04", 3)}, INSIDE},
	{"half a Close", {PART("\x88\x02", 1)}, INSIDE},
	{"the greatest length there is", {PART("\x82\x7f\x7f\xff\xff\xff\xff\xff\xff\xff", 100)}, INSIDE},
	{"a length that can't be", {PART("\x81\x01", 1), PART("\x82\x7f\x80\x00\x00\x00\x00\x00\x00\x01", 40)}, LOST},
	{"a length that can't be, and Close", {PART("\x82\x7f\xff\xff\xff\xff\xff\xff\xff\xff", 3), PART("\x88\x02", 2)}, LOST},
};
#define STREAMS (sizeof(streams) / sizeof(streams[0]))

/* Returns the length; marks[i] is set where a frame is over after byte i. Payload looks like Close frames, so that whoever takes it for headers is found out. */
static size_t write_stream(size_t which, char *bytes, char *marks)
{
	size_t length = 0;
	for (const struct part *part = streams[which].parts; part->header; part++) {
		memcpy(bytes + length, part->header, part->header_length);
		memset(bytes + length + part->header_length, 0x88, part->payload);
		length += part->header_length + part->payload;
		marks[length - 1] = 1;
	}
	return length;
}

static void assert_end(size_t which, const struct frame *frame)
{
	assert_int_equal(frame->closed, streams[which].end == CLOSED);
	assert_int_equal(frame->lost, streams[which].end == LOST);
	assert_int_equal(frame_is_between(frame), streams[which].end == BETWEEN || streams[which].end == CLOSED);
}

/* Exactly the bytes it may look at, so that a sanitizer sees one step too far. */
static void pass_copy(struct frame *frame, const char *bytes, size_t length)
{
	char *copy = malloc(length > 0 ? length : 1);
	assert_non_null(copy);
	if (length > 0)
		memcpy(copy, bytes, length);
	frame_pass(frame, copy, length);
	free(copy);
}

static void test_every_split(void **state)
{
	(void)state;
	static char bytes[PAYLOAD_MOST + 100], marks[PAYLOAD_MOST + 100];
	for (size_t which = 0; which < STREAMS; which++) {
		memset(marks, 0, sizeof(marks));
		size_t length = write_stream(which, bytes, marks), step = length > 1000 ? 997 : 1;
		print_message("%s\n", streams[which].name);
		for (size_t at = 0; at <= length; at += at < 20 ? 1 : step) {
			struct frame frame = {0};
			pass_copy(&frame, bytes, at);
			pass_copy(&frame, bytes + at, length - at);
			assert_end(which, &frame);
		}
	}
}

static void test_byte_by_byte(void **state)
{
	(void)state;
	static char bytes[PAYLOAD_MOST + 100], marks[PAYLOAD_MOST + 100];
	for (size_t which = 0; which < STREAMS; which++) {
		memset(marks, 0, sizeof(marks));
		size_t length = write_stream(which, bytes, marks);
		struct frame frame = {0};
		for (size_t at = 0; at < length; at++) {
			assert_int_equal(frame_take(&frame, bytes + at, 1), 1);
			bool last = at + 1 == length;
			if (!frame.lost && !last)
				assert_int_equal(frame_is_between(&frame), marks[at]);
		}
		assert_end(which, &frame);
	}
}

/* Taking stops at the end of each frame, from wherever it begins. */
static void test_taking_stops_between_frames(void **state)
{
	(void)state;
	static const char bytes[] = "\x01\x03"
				    "abc\x89\x80\x01\x02\x03\x04\x80\x7e\x00\x02"
				    "de\x81\x05";
	static const size_t ends[] = {5, 11, 17};
	const size_t length = sizeof(bytes) - 1;
	for (size_t start = 0; start < length; start++) {
		struct frame frame = {0};
		frame_pass(&frame, bytes, start);
		size_t next = 0;
		while (next < 3 && ends[next] <= start)
			next++;
		size_t end = next < 3 ? ends[next] : length;
		assert_int_equal(frame_take(&frame, bytes + start, length - start), end - start);
		assert_int_equal(frame_is_between(&frame), next < 3);
	}
}

static void test_lost_takes_all(void **state)
{
	(void)state;
	struct frame frame = {0};
	frame_pass(&frame, "\x82\x7f\x80", 3);
	assert_true(frame.lost);
	assert_int_equal(frame_take(&frame, "\x81\x01x\x81\x01y", 6), 6);
	assert_false(frame_is_between(&frame));
}

static void test_writing_close(void **state)
{
	(void)state;
	static const uint8_t mask[4] = {0x11, 0x22, 0x33, 0x44};
	char out[FRAME_CLOSE_MAX];
	assert_int_equal(frame_write_close(out, 1012, "service restart", NULL), 19);
	assert_memory_equal(out, "\x88\x11\x03\xf4service restart", 19);
	assert_int_equal(frame_write_close(out, 1001, "", mask), 8);
	assert_memory_equal(out, "\x88\x82\x11\x22\x33\x44\x12\xcb", 8);
	assert_int_equal(frame_write_close(out, 1012, "abc", mask), 11);
	assert_memory_equal(out, "\x88\x85\x11\x22\x33\x44\x12\xd6\x52\x26\x72", 11);
	struct frame frame = {0};
	frame_pass(&frame, out, 11);
	assert_true(frame.closed && frame_is_between(&frame));
	char reason[51] = {0};
	memset(reason, 'r', 50);
	assert_int_equal(frame_write_close(out, 1012, reason, mask), 58);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_split),
		cmocka_unit_test(test_byte_by_byte),
		cmocka_unit_test(test_taking_stops_between_frames),
		cmocka_unit_test(test_lost_takes_all),
		cmocka_unit_test(test_writing_close),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
