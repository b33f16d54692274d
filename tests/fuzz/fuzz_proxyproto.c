/* PROXY protocol headers: any bytes, growing one by one, must be read alike; what is read is written in both versions and read again.
 *
 * Input: the bytes of a connection; the first 40 are also two endpoints to be written. */
// links: proxy
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/proxyproto.h"

#define EVERY_BYTE 600u /* of longer inputs only some beginnings are read */

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t length);

static void demand(bool holds)
{
	if (!holds)
		abort();
}

static bool is_same(const struct endpoint *a, const struct endpoint *b)
{
	return a->family == b->family && a->port == b->port && memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

/* From a copy of just these bytes, so that a sanitizer sees a step too far. */
static enum proxyproto_result read_exactly(const char *bytes, size_t length, struct proxyproto *header)
{
	char *exact = malloc(length > 0 ? length : 1);
	demand(exact != NULL);
	if (length > 0)
		memcpy(exact, bytes, length);
	enum proxyproto_result result = proxyproto_read(exact, length, header);
	free(exact);
	return result;
}

/* Fewer bytes never say more: MORE up to some length, and one answer from there on. */
static void check_growth(const char *bytes, size_t length, enum proxyproto_result whole, const struct proxyproto *expected)
{
	bool decided = false;
	size_t step = length > EVERY_BYTE ? 1 + length / 97 : 1;
	for (size_t there = 0; there < length; there += step) {
		struct proxyproto header = {0};
		enum proxyproto_result result = read_exactly(bytes, there, &header);
		demand(result == whole || (result == PROXYPROTO_MORE && !decided));
		decided |= result != PROXYPROTO_MORE;
		if (result != PROXYPROTO_DONE)
			continue;
		demand(there >= header.length && header.length == expected->length);
		demand(is_same(&header.source, &expected->source) && is_same(&header.destination, &expected->destination));
	}
}

static void check_written(enum proxyproto_version version, const struct endpoint *source, const struct endpoint *destination, char out[PROXYPROTO_WRITE_SIZE])
{
	struct proxyproto again;
	struct endpoint none = {.family = ENDPOINT_NONE};
	size_t length = proxyproto_write(version, source, destination, out);
	demand(length > 0 && length <= (version == PROXYPROTO_V1 ? 107u : 52u));
	demand(read_exactly(out, length, &again) == PROXYPROTO_DONE && again.length == length);
	demand(is_same(&again.source, source->family == ENDPOINT_NONE ? &none : source));
	if (source->family != ENDPOINT_NONE && destination->family != ENDPOINT_NONE)
		demand(is_same(&again.destination, destination));
	for (size_t there = 0; there < length; there++)
		demand(read_exactly(out, there, &again) == PROXYPROTO_MORE);
}

static void check_read(const char *bytes, size_t length, const struct proxyproto *header)
{
	char first[PROXYPROTO_WRITE_SIZE], second[PROXYPROTO_WRITE_SIZE];
	demand(header->length > 0 && header->length <= length && header->length <= PROXYPROTO_READ_MAX);
	demand((header->source.family == ENDPOINT_NONE) == (header->destination.family == ENDPOINT_NONE));
	if (header->source.family == ENDPOINT_NONE)
		return;
	check_written(PROXYPROTO_V1, &header->source, &header->destination, first);
	check_written(PROXYPROTO_V2, &header->source, &header->destination, second);
	/* There is one way alone to say this. */
	if (length > 11 && memcmp(bytes, "PROXY TCP4 ", 11) == 0)
		demand(memcmp(bytes, first, header->length) == 0);
	if (bytes[0] == '\r' && header->length == 28 && bytes[13] == 0x11)
		demand(memcmp(bytes, second, header->length) == 0);
}

static void make_endpoint(const uint8_t *input, struct endpoint *endpoint)
{
	memset(endpoint, 0, sizeof(*endpoint));
	if (input[0] % 3 != ENDPOINT_NONE)
		endpoint_init(endpoint, (enum endpoint_family)(input[0] % 3), input + 1, (uint16_t)(input[17] << 8 | input[18]));
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t length)
{
	const char *bytes = (const char *)input;
	struct proxyproto header = {0};
	enum proxyproto_result result = read_exactly(bytes, length, &header);
	check_growth(bytes, length, result, &header);
	if (result == PROXYPROTO_DONE)
		check_read(bytes, length, &header);
	if (length >= 40) {
		struct endpoint source, destination;
		char out[PROXYPROTO_WRITE_SIZE];
		make_endpoint(input, &source);
		make_endpoint(input + 20, &destination);
		check_written(PROXYPROTO_V1, &source, &destination, out);
		check_written(PROXYPROTO_V2, &source, &destination, out);
	}
	return 0;
}
