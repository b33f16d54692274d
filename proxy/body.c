/* The end of a body. Pure. */
#include "proxy/body.h"

void body_begin(struct body *body, const struct framing *framing)
{
	*body = (struct body){.kind = framing->kind, .left = framing->length, .done = framing->kind == FRAMING_none};
}

static size_t take_length(struct body *body, size_t length)
{
	size_t used = length < body->left ? length : (size_t)body->left;
	body->left -= used;
	body->done = body->left == 0;
	return used;
}

void body_skip(struct body *body, size_t length)
{
	take_length(body, length);
}

static bool end_chunks(struct body *body, enum chunk_result result)
{
	body->done = result == CHUNK_DONE;
	return result != CHUNK_BAD;
}

bool body_take(struct body *body, const char *bytes, size_t length, size_t *used)
{
	*used = 0;
	if (body->done)
		return true;
	if (body->kind == FRAMING_length) {
		*used = take_length(body, length);
	} else if (body->kind == FRAMING_chunked) {
		return end_chunks(body, chunk_scan(&body->chunk, bytes, length, used));
	} else {
		*used = length;
	}
	return true;
}

bool body_pass(struct body *body, char *bytes, size_t length, size_t *used, size_t *kept)
{
	if (body->drops_trailers && body->kind == FRAMING_chunked && !body->done)
		return end_chunks(body, chunk_drop_trailers(&body->chunk, bytes, length, used, kept));
	bool fine = body_take(body, bytes, length, used);
	*kept = *used;
	return fine;
}

bool body_take_data(struct body *body, char *bytes, size_t length, size_t *used, size_t *data)
{
	if (body->kind != FRAMING_chunked || body->done) {
		bool fine = body_take(body, bytes, length, used);
		*data = *used;
		return fine;
	}
	return end_chunks(body, chunk_strip(&body->chunk, bytes, length, used, data));
}
