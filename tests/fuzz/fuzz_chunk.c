/* Chunked bodies: in one piece and in pieces, scanned, stripped and without trailers must agree, and with a decoder that is simple.
 *
 * Input: a byte that is the size of the pieces, then the body. */
// links: proxy
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/chunk.h"

enum way { WAY_scan, WAY_strip, WAY_drop_trailers };

struct fed {
	enum chunk_result result;
	size_t used, kept_length;
	char *kept;
};

static void demand(bool holds)
{
	if (!holds)
		abort();
}

static enum chunk_result feed_piece(enum way way, struct chunk *chunk, char *bytes, size_t length, size_t *used, size_t *kept)
{
	if (way == WAY_strip)
		return chunk_strip(chunk, bytes, length, used, kept);
	if (way == WAY_drop_trailers)
		return chunk_drop_trailers(chunk, bytes, length, used, kept);
	enum chunk_result result = chunk_scan(chunk, bytes, length, used);
	*kept = *used;
	return result;
}

static struct fed feed(enum way way, const char *bytes, size_t length, size_t size)
{
	struct fed fed = {CHUNK_MORE, 0, 0, malloc(length + 1)};
	struct chunk chunk = {0};
	demand(fed.kept != NULL);
	while (fed.result == CHUNK_MORE && fed.used < length) {
		size_t here = size < length - fed.used ? size : length - fed.used, used, kept;
		char *piece = malloc(here);
		demand(piece != NULL);
		memcpy(piece, bytes + fed.used, here);
		fed.result = feed_piece(way, &chunk, piece, here, &used, &kept);
		demand(used <= here && kept <= used && (fed.result != CHUNK_MORE || used == here));
		memcpy(fed.kept + fed.kept_length, piece, kept);
		fed.kept_length += kept;
		fed.used += used;
		free(piece);
	}
	return fed;
}

/* Decodes a body known to be good. */
static size_t decode(const char *bytes, char *data)
{
	size_t length = 0;
	for (;;) {
		size_t size = strtoul(bytes, NULL, 16);
		bytes = strchr(bytes, '\n') + 1;
		if (size == 0)
			return length;
		memcpy(data + length, bytes, size);
		length += size;
		bytes += size + 2;
	}
}

/* The data in a coding of our own, with pieces of this size, extensions and trailers; must be data again. */
static void check_again(const char *data, size_t length, size_t size)
{
	size_t at = 0, coded_length = 0, line_most = 64;
	char *coded = malloc((length / size + 2) * (size + line_most));
	demand(coded != NULL);
	while (at < length) {
		size_t here = size < length - at ? size : length - at;
		coded_length += (size_t)sprintf(coded + coded_length, at % 2 ? "%zX;a=\"\\\"b\";c\r\n" : "000%zx\r\n", here);
		memcpy(coded + coded_length, data + at, here);
		coded_length += here;
		coded_length += (size_t)sprintf(coded + coded_length, "\r\n");
		at += here;
	}
	coded_length += (size_t)sprintf(coded + coded_length, "00;d\r\nX: y\r\nZ:\r\n\r\n");
	struct fed again = feed(WAY_strip, coded, coded_length, size + 3);
	demand(again.result == CHUNK_DONE && again.used == coded_length && again.kept_length == length);
	demand(length == 0 || memcmp(again.kept, data, length) == 0);
	free(again.kept);
	free(coded);
}

static void check_good(const char *bytes, const struct fed *scanned, const struct fed *stripped, const struct fed *dropped)
{
	char *text = malloc(scanned->used + 1), *data = malloc(scanned->used + 1);
	demand(text != NULL && data != NULL);
	memcpy(text, bytes, scanned->used);
	text[scanned->used] = '\0';
	size_t length = decode(text, data);
	demand(length == stripped->kept_length && memcmp(data, stripped->kept, length) == 0);
	struct fed again = feed(WAY_strip, dropped->kept, dropped->kept_length, dropped->kept_length);
	demand(again.result == CHUNK_DONE && again.used == dropped->kept_length);
	demand(again.kept_length == length && memcmp(data, again.kept, length) == 0);
	demand(memcmp(dropped->kept + dropped->kept_length - 4, "\r\n\r\n", 4) == 0);
	check_again(data, length, 1);
	check_again(data, length, 7);
	free(again.kept);
	free(text);
	free(data);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t length)
{
	if (length < 2)
		return 0;
	const char *bytes = (const char *)input + 1;
	size_t size = (size_t)input[0] % 32 + 1;
	struct fed whole = feed(WAY_scan, bytes, length - 1, length - 1);
	struct fed scanned = feed(WAY_scan, bytes, length - 1, size);
	struct fed stripped = feed(WAY_strip, bytes, length - 1, size);
	struct fed dropped = feed(WAY_drop_trailers, bytes, length - 1, size);
	demand(whole.result == scanned.result && whole.result == stripped.result && whole.result == dropped.result);
	demand(whole.used == scanned.used && whole.used == stripped.used && whole.used == dropped.used);
	demand(memcmp(scanned.kept, bytes, scanned.used) == 0);
	if (whole.result == CHUNK_DONE)
		check_good(bytes, &scanned, &stripped, &dropped);
	free(whole.kept);
	free(scanned.kept);
	free(stripped.kept);
	free(dropped.kept);
	return 0;
}
