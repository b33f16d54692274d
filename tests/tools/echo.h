/* The small backend of the tests: says which color it is, echoes ids, proves bodies by their hash. One thread, libevent's buffered sockets.
 *
 * echo.c reads the options and listens; echo_request reads requests (pure); echo_conn is one connection and its answers; echo_fault decides what goes wrong;
 * echo_socket is a WebSocket (pure). */
#ifndef TEAL_TESTS_ECHO_H
#define TEAL_TESTS_ECHO_H

#include <event2/event.h>
#include <openssl/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

#define ECHO_BLOCK 65536 /* bytes of the pattern that bodies are cut from */

struct echo_options {
	struct addr listen;
	const char *color, *version;
	double fail_rate;              /* share of requests answered by fail_status */
	unsigned fail_status;          /* 0: not answered at all, the connection is reset */
	uint64_t delay_ms;             /* before answers but /health */
	double delay_rate;             /* share of the answers that are delayed */
	uint64_t sick_after;           /* /health answers 503 from so many other requests on; 0: it is asked by signals alone */
	size_t body;                   /* bytes of an answer to GET */
	bool vary;                     /* answers of 0 to `body` bytes, every fourth one in chunks */
	uint64_t idle_ms;              /* close a connection that is idle for so long; 0: never */
	uint64_t close_within_ms;      /* close a connection at random so soon after each answer, unless the next request comes first; 0: never */
	double announce;               /* share of the answers before such an end that say Connection: close, from 0 to 1 */
	int log_ids;                   /* where to write the id of each POST read; -1: nowhere */
	const char *complain;          /* a file that gets a line about the database for a share of the requests; NULL: none */
	double complain_rate;          /* that share */
	const char *certificate, *key; /* files; NULL: no TLS */
	bool silent;                   /* connections end without a close_notify */
};

#define ECHO_CLOSE_FIRST 1000u
#define ECHO_CLOSE_CODES 16u /* 1000 to 1015 */

/* How WebSockets ended. */
struct echo_closes {
	unsigned open;                      /* those that have not ended */
	unsigned by_code[ECHO_CLOSE_CODES]; /* by the code in the peer's Close */
	unsigned cut;                       /* without one */
	unsigned faulty;                    /* by a frame that must not be */
};

struct echo {
	struct echo_options options;
	struct event_base *loop;
	SSL_CTX *tls; /* NULL: none */
	bool sick;    /* /health answers 503 */
	uint64_t served;
	uint64_t asked; /* requests but for /health */
	struct echo_closes closes;
	char block[ECHO_BLOCK];
};

/* ---- echo_request: bytes to request ---- */

enum echo_step { ECHO_HEAD, ECHO_LENGTH, ECHO_CHUNK_LINE, ECHO_CHUNK_DATA, ECHO_CHUNK_END, ECHO_TRAILER, ECHO_WHOLE };

#define ECHO_KEY_SIZE 64
#define ECHO_ACCEPT_SIZE 32

struct echo_request {
	enum echo_step step;
	char method[16], path[512], id[140];
	char key[ECHO_KEY_SIZE]; /* Sec-WebSocket-Key */
	bool closes, upgrade, websocket, expect;
	uint64_t left;
	uint64_t hash, length; /* of the body so far */
	void *sha;             /* EVP_MD_CTX of the body, for /sha256; else NULL */
};

struct evbuffer;

void echo_request_init(struct echo_request *request);
void echo_request_fini(struct echo_request *request);
/* Takes what it can from the input. False when that is no HTTP; otherwise `step` says whether the request is whole. */
bool echo_request_read(struct echo_request *request, struct evbuffer *input);
/* The number behind `name=` in the path's query, or `otherwise`. */
uint64_t echo_request_number(const struct echo_request *request, const char *name, uint64_t otherwise);

/* ---- echo_fault ---- */

/* A whole request came. */
void echo_fault_note(struct echo *echo, const struct echo_request *request);
/* How long its answer waits. */
uint64_t echo_fault_delay_ms(const struct echo *echo, const struct echo_request *request);
/* With what it is answered; 0: not at all, the connection is reset. */
unsigned echo_fault_status(const struct echo *echo, const struct echo_request *request);

/* ---- echo_socket ---- */

struct echo_socket {
	bool in_frame; /* of the frame that is passing: */
	uint8_t first, opcode, mask[4];
	uint64_t left; /* bytes of the payload to come */
	size_t at;     /* bytes of the payload that passed */
};

/* Sec-WebSocket-Accept for a key. */
void echo_socket_accept(const char *key, char text[ECHO_ACCEPT_SIZE]);
/* Sends back what came. False when the WebSocket has ended, by a Close that is answered or by a fault. */
bool echo_socket_read(struct echo_socket *socket, struct evbuffer *input, struct evbuffer *output, struct echo_closes *closes);
/* The figures as JSON. The length. */
size_t echo_socket_report(const struct echo_closes *closes, char *text, size_t size);

/* ---- echo_conn ---- */

/* For --certificate; ends the process when that is no good. */
void echo_conn_secure(struct echo *echo);
/* Serves an accepted socket until either side closes. */
void echo_conn_start(struct echo *echo, evutil_socket_t fd);

#endif
