/* Pipes through which long bodies pass from socket to socket without being copied (splice(2)). Worker thread.
 *
 * A worker keeps the empty ones. A connection has one only while bytes wait in it, so a few serve many; where there is none left, bodies are copied. */
#ifndef TEAL_PROXY_PIPE_H
#define TEAL_PROXY_PIPE_H

#include <stddef.h>
#include <sys/types.h>

struct worker;

#define PIPES_MAX 32u /* of a worker; two descriptors each */

struct pipe {
	struct pipe *next; /* of the worker's empty ones */
	size_t length;     /* bytes that wait in it */
	int in, out;
};

/* An empty pipe; NULL when the worker has as many as it may, or the system gives no more. The caller owns it until pipe_give. */
struct pipe *pipe_take(struct worker *worker);
/* Gives one back. What still waits in it is thrown away. */
void pipe_give(struct worker *worker, struct pipe *pipe);

/* Moves bytes from a socket into an empty pipe, or from a pipe to a socket, once. How many; fill: 0 at the peer's FIN; both: -1 with errno, EAGAIN when nothing moves now. */
ssize_t pipe_fill(struct pipe *pipe, int fd, size_t most);
ssize_t pipe_pour(struct pipe *pipe, int fd);

/* Worker's end. */
void pipe_free_spares(struct worker *worker);

#endif
