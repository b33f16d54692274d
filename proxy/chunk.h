/* The chunked coding, read only as far as needed to know where it ends (RFC 9112 section 7.1). Pure, incremental, strict.
 *
 * Sizes are hexadecimal, below 2^60; lines end in CRLF; extensions and trailer lines are checked as fields are and bounded; a chunk
 * line is at most 1 KiB, the trailer section at most 8 KiB. What frames a message, or routes a request or says where or whom it came from, is refused among the
 * trailers (RFC 9110 section 6.5.1): whoever merges them into the head would read another message. */
#ifndef TEAL_PROXY_CHUNK_H
#define TEAL_PROXY_CHUNK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct chunk {
	uint8_t state;        /* 0 at the start */
	bool answer;          /* set by the owner: of an answer, where fields that only a request has mean nothing */
	uint16_t line;        /* bytes of the present chunk line or trailer section */
	uint32_t misplaced;   /* of a trailer: the refused names that its own may still become, a bit each */
	uint16_t name_length; /* of a trailer, as far as read */
	uint64_t left;        /* of the present chunk's data */
};

enum chunk_result { CHUNK_MORE, CHUNK_DONE, CHUNK_BAD };

/* Reads on from `bytes`. *used is how many belong to the body so far (all of them on CHUNK_MORE; up to and with the last CRLF on CHUNK_DONE). The same
 * bytes may be forwarded as they are. */
enum chunk_result chunk_scan(struct chunk *chunk, const char *bytes, size_t length, size_t *used);

/* The same, and leaves out the trailer lines: the first *kept of `bytes` are to be forwarded. For a message whose Connection names fields that could be
 * among them (fields_names_others). */
enum chunk_result chunk_drop_trailers(struct chunk *chunk, char *bytes, size_t length, size_t *used, size_t *kept);

/* The same, and moves the data bytes alone to the front of `bytes`; *data is their count. For an HTTP/1.0 client. */
enum chunk_result chunk_strip(struct chunk *chunk, char *bytes, size_t length, size_t *used, size_t *data);

#endif
