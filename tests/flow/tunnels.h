/* What the tests of tunnels share: frames on both ends, a backend that does with a tunnel what the request's path says, and a stage with that backend as its blue one. */
#ifndef TEAL_TESTS_FLOW_TUNNELS_H
#define TEAL_TESTS_FLOW_TUNNELS_H

#include "tests/flow/actor.h"

#define TUNNELS_TEXT 1u
#define TUNNELS_CLOSE 8u

struct tunnels_frame {
	unsigned opcode, length, code; /* code: of a Close with one */
	bool masked;
	char payload[2048];
};

/* False at the end of the connection, or when the payload is too long for the tests. */
bool tunnels_read_frame(int fd, struct tunnels_frame *got);
void tunnels_write_text(int fd, bool masked, const char *text);
void tunnels_write_close(int fd, bool masked, unsigned code);

/* The backend's paths:
 *   /frames         answers text by text, and Close by Close
 *   /late           the same, but the 101 comes when it may go on
 *   /half           504 bytes of a frame with 1,004, the rest when it may go on, one more text; then as /frames
 *   /stuck          as /half, without the rest
 *   /chatty         text after text, until it hears something; then as /frames
 *   /reset          a reset when it may go on
 *   /slow-to-close  answers a Close when it may go on
 *   /closing-first  sends a Close, and reads the answer
 *   /nonsense       a frame with a length that can't be
 *   /plain          no WebSocket: says hello and listens
 *   /deaf           does not listen until it may go on */
extern atomic_bool tunnels_may_go_on;
extern atomic_uint tunnels_heard_texts, tunnels_heard_code, tunnels_heard_ends; /* texts; the last Close's code; tunnels that were heard out */

/* Two workers; green has no backend. There is one stage at a time. */
struct stage *tunnels_open_stage(void);
void tunnels_close_stage(void);

/* A client asks, gets the 101, or both. */
int tunnels_ask(const char *path);
void tunnels_read_switching(int fd);
int tunnels_open(const char *path);
void tunnels_assert_echo(int fd);
/* The next frame is a Close with this code; FIN comes next. */
void tunnels_assert_close(int fd, unsigned code);
void tunnels_assert_end(int fd);

/* Green becomes live, and the tunnels on blue are closed within so long. */
void tunnels_flip_away(uint64_t over_ms);
uint64_t tunnels_count_closed(void);
void tunnels_wait_for_closed(uint64_t count);
/* Waits until nothing is in flight on blue, no longer than a farewell may take; so many were cut. */
void tunnels_assert_gone(uint64_t cut);
/* The backend has heard one tunnel out. */
void tunnels_wait_for_backend(void);

#endif
