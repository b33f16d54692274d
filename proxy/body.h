/* Where a body ends, whatever its framing. Pure. */
#ifndef TEAL_PROXY_BODY_H
#define TEAL_PROXY_BODY_H

#include "proxy/chunk.h"
#include "proxy/framing.h"

struct body {
	enum framing_kind kind;
	bool done;
	bool drops_trailers; /* set by the owner of a chunked body: body_pass leaves its trailers out */
	uint64_t left;       /* FRAMING_length */
	struct chunk chunk;
};

void body_begin(struct body *body, const struct framing *framing);
/* *used: how many of these bytes belong to the body (coding included). Sets `done` at its end. False: malformed chunks. */
bool body_take(struct body *body, const char *bytes, size_t length, size_t *used);
/* The same for bytes that are passed on in their coding: the first *kept of them are to be sent. */
bool body_pass(struct body *body, char *bytes, size_t length, size_t *used, size_t *kept);
/* The same, and moves a chunked body's data to the front; *data is its length. */
bool body_take_data(struct body *body, char *bytes, size_t length, size_t *used, size_t *data);

/* `length` bytes of a body of a known length went another way: at most what is left. */
void body_skip(struct body *body, size_t length);

#endif
