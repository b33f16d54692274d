/* Where the frames of a WebSocket end (RFC 6455 section 5.2), one direction of it. Pure.
 *
 * Looks at headers only: payload is skipped by arithmetic, whatever it is, and it may come in pieces of any size. Judges nothing that does not move a frame's end:
 * opcodes, RSV bits, masks, the order of fragments and lengths longer than they need to be are between the two ends and their extensions. */
#ifndef TEAL_PROXY_FRAME_H
#define TEAL_PROXY_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Zeroed memory is the beginning of a stream. */
struct frame {
	uint64_t left;      /* payload bytes still to come; inside a header as much of the length as was read */
	uint8_t header_at;  /* header bytes read; 0 outside a header */
	uint8_t length_end; /* where the header's length ends */
	uint8_t header_end; /* and the header */
	uint8_t opcode;     /* of the present frame, or the last one */
	bool closed;        /* a whole Close frame has passed: nothing may follow it */
	bool lost;          /* a length that can't be: where frames end is not known any more */
};

/* As many of the bytes as belong to the present frame (at a boundary: to the next one), at least one of them. Of a stream that is lost: all. `length` is not 0. */
size_t frame_take(struct frame *frame, const char *bytes, size_t length);
/* All of the bytes. */
void frame_pass(struct frame *frame, const char *bytes, size_t length);
/* Another frame may be put in here: control frames may come between the fragments of a message (section 5.4). */
static inline bool frame_is_between(const struct frame *frame)
{
	return frame->header_at == 0 && frame->left == 0 && !frame->lost;
}

#define FRAME_CLOSE_MAX 64u
/* Writes a Close frame (section 5.5.1) and returns its length. The reason is text of at most 50 bytes. `mask`: what a client's frame is masked with; NULL for a server's. */
size_t frame_write_close(char out[FRAME_CLOSE_MAX], unsigned code, const char *reason, const uint8_t mask[4]);

#endif
