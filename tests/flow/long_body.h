/* Long bodies for the flow tests: what they are made of, a backend that answers with them or takes them, clients without a buffer of their own, what is open in this process.
 *
 * The request's path says what the backend does, so that both ends know it from one struct. Bytes that are not the body's own are counted, on any thread. */
#ifndef TEAL_TESTS_FLOW_LONG_BODY_H
#define TEAL_TESTS_FLOW_LONG_BODY_H

#include <semaphore.h>

#include "tests/flow/actor.h"

enum long_body_end {
	LONG_BODY_WHOLE,
	LONG_BODY_FIN,   /* behind `at` bytes */
	LONG_BODY_RESET, /* the same */
	LONG_BODY_MORE,  /* `at` bytes more than was said */
	LONG_BODY_WAITS, /* behind `at` bytes for the connection's end */
};

struct long_body {
	uint64_t length;
	unsigned seed;
	unsigned piece;       /* bytes a send; 0: 256 KiB */
	unsigned reads;       /* bytes a recv; 0: 256 KiB */
	unsigned pause_every; /* the reader stops for a moment behind so many bytes; 0: never */
	bool apart;           /* the body is sent when the other end has the head */
	enum long_body_end end;
	uint64_t at;
};

/* The script: an answer of this body to GET; of other methods' it says whether it was right. */
void long_body_serve(int fd);
/* The other end has the head: for an answer that is `apart`. */
extern sem_t long_body_go;
/* Bytes that were others than the body's, in either direction. */
extern atomic_uint long_body_wrong;
/* What backends have sent and taken of bodies. */
extern _Atomic uint64_t long_body_said, long_body_taken;

/* A client's connection whose receive buffer is so large (0: as the system likes); closed by close(2). */
int long_body_connect(const struct stage *stage, int buffer);
/* Sends a request for this body, or one that announces it, with these field lines more (each ended by CRLF). */
void long_body_ask(int fd, const char *method, const struct long_body *body, const char *fields);
/* Reads an answer's head, byte by byte, into long_body_head. Its status; 0: the end came first. */
int long_body_read_head(int fd);
extern char long_body_head[16384];

/* Sends this part; false when nobody takes it. */
bool long_body_send(int fd, const struct long_body *body, uint64_t from, uint64_t to);
/* Reads up to this part's end. Where the bytes that came end. */
uint64_t long_body_read(int fd, const struct long_body *body, uint64_t from, uint64_t to);
/* No byte more comes, but an end or a reset. */
bool long_body_is_over(int fd);

/* One whole exchange. GET: 200 and the right body. Others: the backend says that the body was right. */
bool long_body_get(int fd, const struct long_body *body);
bool long_body_put(int fd, const char *method, const struct long_body *body);

struct long_body_open {
	unsigned sockets, pipes; /* descriptors: two a pipe */
	uint64_t waiting;        /* bytes in the pipes */
};
struct long_body_open long_body_count_open(void);
/* Waits until so many sockets are open, for as long as it must; false when they never are. */
bool long_body_await_sockets(unsigned sockets);
/* Waits until no byte is left in a pipe; false when some stay. */
bool long_body_await_empty(void);
/* Waits until no byte moves: the backends have said more than they had before (long_body_said), and are stuck with bytes in pipes, of which there are so many at least. False when that is not so. */
bool long_body_await_stuck(uint64_t before, unsigned pipes);
/* A client's connection that has asked for the body with GET, has read the head and so many bytes, and reads no more: some bytes wait in a pipe. As the proxy copies what comes between its two looks at
 * a socket, they may wait in its memory instead; such a body is read to its end, and asked for again. -1 when that never comes about, or a body was not whole. */
int long_body_stick(const struct stage *stage, const struct long_body *body, int buffer, uint64_t at);

#endif
