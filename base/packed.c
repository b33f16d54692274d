/* Counts by bucket in few bytes. Each is a number of 7 bits a byte, lowest first: twice the count, plus 1 where buckets were left out; how many were, follows then. */
#include "base/packed.h"

#include <assert.h>
#include <limits.h>

static void put_number(struct packed_writer *writer, uint64_t number)
{
	for (; number >= 0x80; number >>= 7)
		*writer->at++ = (uint8_t)(number | 0x80);
	*writer->at++ = (uint8_t)number;
}

static uint64_t take_number(struct packed_reader *reader)
{
	uint64_t number = 0;
	for (unsigned shift = 0;; shift += 7) {
		uint8_t byte = *reader->at++;
		number |= (uint64_t)(byte & 0x7f) << shift;
		if (byte < 0x80)
			return number;
	}
}

void packed_begin(struct packed_writer *writer, uint8_t *bytes)
{
	*writer = (struct packed_writer){.at = bytes};
}

void packed_put(struct packed_writer *writer, unsigned bucket, uint32_t count)
{
	assert(bucket >= writer->next && bucket < 1u << 14 && count > 0);
	unsigned left_out = bucket - writer->next;
	put_number(writer, (uint64_t)count << 1 | (left_out > 0));
	if (left_out > 0)
		put_number(writer, left_out);
	writer->next = bucket + 1;
}

static void read_here(struct packed_reader *reader, unsigned next)
{
	if (reader->at == reader->end) {
		reader->bucket = UINT_MAX;
		return;
	}
	uint64_t number = take_number(reader);
	reader->count = (uint32_t)(number >> 1);
	reader->bucket = next + (number & 1 ? (unsigned)take_number(reader) : 0);
}

void packed_open(struct packed_reader *reader, const uint8_t *bytes, size_t length)
{
	*reader = (struct packed_reader){.at = bytes, .end = length > 0 ? bytes + length : bytes};
	read_here(reader, 0);
}

void packed_next(struct packed_reader *reader)
{
	assert(reader->bucket != UINT_MAX);
	read_here(reader, reader->bucket + 1);
}
