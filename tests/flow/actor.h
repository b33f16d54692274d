/* Backends of the flow tests that misbehave as a test says: on each connection a script, plain calls on its socket, is played by a thread of its own. */
#ifndef TEAL_TESTS_FLOW_ACTOR_H
#define TEAL_TESTS_FLOW_ACTOR_H

#include <sys/socket.h>

#include "tests/flow/stage.h"

/* Starts one more blue backend that plays this script, and publishes it; the counters begin anew. The script of all actors is the last one given. */
struct stage_backend *actor_play(struct stage *stage, void (*script)(int fd));
/* The same at another address. */
struct stage_backend *actor_play_at(struct stage *stage, void (*script)(int fd), const struct sockaddr *at, socklen_t length);

/* Of all actors: request heads, and those of POST. */
extern atomic_uint actor_heard, actor_posts;

/* For scripts. actor_hear_head reads to the end of a request head, byte by byte so that nothing behind it is taken; false at the end of the connection. */
bool actor_hear_head(int fd);
extern _Thread_local char actor_head[16384]; /* that this thread heard last */
void actor_hear_all(int fd);
void actor_say(int fd, const char *text);
void actor_say_bytes(int fd, const char *bytes, size_t length);
/* The socket's end will be a reset. */
void actor_reset_at_close(int fd);

/* The script of a backend with manners. */
void actor_answer_ok(int fd);

void actor_wait_ms(unsigned ms);
uint64_t actor_now_ms(void);

#endif
