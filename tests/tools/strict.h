/* The strict load client: every request carries an id and every answer must prove that it is the answer to that very request.
 *
 * One thread, one epoll loop. strict.c runs the loop and sums up; strict_options reads the options; strict_conn is one connection; strict_request writes requests;
 * strict_answer reads answers (pure); strict_mark knows which color an answer may come from (pure); strict_tls is TLS on a connection. */
#ifndef TEAL_TESTS_STRICT_H
#define TEAL_TESTS_STRICT_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "base/histogram.h"

#define STRICT_DEPTH 8 /* requests under way on one connection when pipelining */

enum strict_method { STRICT_GET, STRICT_HEAD, STRICT_POST, STRICT_METHODS };

struct strict_options {
	struct sockaddr_storage target;
	socklen_t target_length;
	const char *host, *path;
	const char *mark_path; /* a FIFO to read control lines from; NULL: standard input */
	unsigned connections;
	double seconds;                         /* 0: until `requests` */
	uint64_t requests;                      /* 0: until `seconds` */
	double rate;                            /* requests per second over all connections; 0: as fast as answers come */
	uint64_t pause_least_us, pause_most_us; /* a connection rests so long between an answer and its next request */
	bool wave;                              /* all rest together, from the last answer to any of them */
	enum strict_method methods[16];
	unsigned method_count;
	size_t body_max;
	uint64_t timeout_us;
	bool pipeline;
	bool fresh;     /* a new connection for each request */
	bool no_reopen; /* a connection that the peer announced to close is not opened again */
	const char *ca; /* who signs the server's certificate: a file; NULL: no TLS */
	bool old_tls;   /* 1.2 at most */
	bool resume;    /* the session of the connection before */
};

/* ---- strict_options ---- */

/* Ends the process with 2 and the usage when it is told nonsense. */
void strict_options_read(struct strict_options *options, int argc, char **argv);

/* ---- strict_answer: bytes to answer ---- */

#define STRICT_HEAD_SIZE 8192

enum strict_answer_step {
	STRICT_ANSWER_HEAD,
	STRICT_ANSWER_LENGTH,
	STRICT_ANSWER_CHUNK_LINE,
	STRICT_ANSWER_CHUNK_DATA,
	STRICT_ANSWER_CHUNK_END,
	STRICT_ANSWER_TRAILER,
	STRICT_ANSWER_CLOSE
};

struct strict_answer {
	enum strict_answer_step step;
	bool no_body; /* the request was HEAD: set by the caller */
	char head[STRICT_HEAD_SIZE];
	size_t head_length; /* also of a chunk or trailer line being gathered */
	unsigned status;
	unsigned id_count;
	char id[40], color[32], version[64];
	char request_hash[20], answer_hash[20]; /* "" when absent */
	bool closes;
	uint64_t left; /* of the body or chunk */
	uint64_t body_length, body_hash;
};

enum strict_answer_result { STRICT_ANSWER_MORE, STRICT_ANSWER_DONE, STRICT_ANSWER_BAD };

void strict_answer_init(struct strict_answer *answer, bool no_body);
/* Reads on; *used is how many bytes belong to this answer. */
enum strict_answer_result strict_answer_read(struct strict_answer *answer, const char *bytes, size_t length, size_t *used);
/* Whether an end of the connection here is the end of the answer. */
bool strict_answer_may_end(const struct strict_answer *answer);

/* ---- strict_mark: which color may answer ---- */

#define STRICT_RING (1u << 16)

struct strict_seen {
	uint64_t sent_us, id;
	char color[8];
};

#define STRICT_COLORS 4u

/* The answers of one color. */
struct strict_span {
	char color[8]; /* "": free */
	uint64_t answers;
	uint64_t first_us, last_us; /* when the first and the last request that it answered were sent, CLOCK_MONOTONIC */
};

struct strict_mark {
	char color[8]; /* "": any */
	uint64_t since_us;
	uint64_t checked, wrong;
	uint64_t first_wrong_id;
	struct strict_span spans[STRICT_COLORS];
	struct strict_seen *ring; /* STRICT_RING answers, the newest ones */
	uint64_t seen;
};

void strict_mark_init(struct strict_mark *mark);
void strict_mark_fini(struct strict_mark *mark);
/* From now on any color may answer. */
void strict_mark_any(struct strict_mark *mark);
/* What was or will be sent after `since_us` must be answered by the color; answers already seen are looked at again. */
void strict_mark_color(struct strict_mark *mark, const char *color, uint64_t since_us);
/* A color answered, well or not. */
void strict_mark_color_seen(struct strict_mark *mark, const char *color, uint64_t sent_us);
/* A good answer came. False when its color is wrong. */
bool strict_mark_answer(struct strict_mark *mark, const char *color, uint64_t sent_us, uint64_t id);

/* ---- the run: what all connections share ---- */

struct strict_tally {
	uint64_t sent, ok, failed, non_2xx;
};

struct strict_run {
	struct strict_options options;
	int epoll;
	uint64_t started_us, ends_us, now_us;
	uint64_t next; /* number of the next request */
	uint32_t nonce;
	bool ending;
	uint8_t *answered; /* a bit for each number */
	size_t answered_size;
	char *block; /* bytes that bodies are cut from */
	struct strict_mark mark;
	struct strict_tally tallies[STRICT_METHODS];
	/* by kind of fault */
	uint64_t refused, closed, reset, timed_out, truncated, malformed, mixed_up, repeated, wrong_body, unsolicited, anonymous, unshaken;
	SSL_CTX *tls;             /* NULL: none */
	uint64_t shaken, resumed; /* handshakes: all, and those that resumed a session */
	uint64_t closed_idle, reconnects, abandoned;
	uint64_t statuses[600];
	uint64_t bytes_read, last_answer_us, longest_gap_us, longest_us;
	struct histogram latency;
	char examples[10][200];
	unsigned example_count;
	unsigned outstanding;
	unsigned retired;         /* connections that are not opened again */
	struct strict_conn *idle; /* waiting for their turn, when there is a rate */
	struct strict_conn **idle_end;
};

/* Keeps the first few faults as sentences. */
void strict_note(struct strict_run *run, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Whether another request may be sent now, as to the end of the run and the rate. */
bool strict_may_send(const struct strict_run *run);

/* ---- strict_conn: one connection ---- */

struct strict_sent {
	uint64_t id, sent_us, body_hash;
	enum strict_method method;
};

struct strict_conn {
	struct strict_run *run;
	unsigned number;
	int fd; /* -1: none now */
	bool connecting, waiting, retired;
	SSL *ssl;                /* NULL: none (yet) */
	SSL_SESSION *session;    /* the newest; NULL: none */
	uint64_t called_us;      /* when it began to connect */
	uint32_t watched;        /* what epoll was told */
	uint64_t retry_us;       /* when to connect again after a refusal */
	uint64_t rests_until_us; /* no request before this time; UINT64_MAX: until all have their answers */
	char *out;
	size_t out_length, out_sent, out_size;
	struct strict_sent sent[STRICT_DEPTH];
	unsigned first, count; /* the oldest one under way, and how many */
	struct strict_answer answer;
	struct strict_conn *next_idle;
};

/* ---- strict_request: what is sent ---- */

const char *strict_request_method(enum strict_method method);
/* Adds the next request of the run to what the connection has to send. */
void strict_request_add(struct strict_conn *conn);

/* ---- strict_tls: TLS on a connection ---- */

/* Ends the process with 2 when the file of those who sign can't be read. */
void strict_tls_init(struct strict_run *run);
void strict_tls_fini(struct strict_run *run);

enum strict_tls_shaken { STRICT_TLS_MORE, STRICT_TLS_DONE, STRICT_TLS_FAILED };

/* A step of the handshake, over a socket that is connected. */
enum strict_tls_shaken strict_tls_shake(struct strict_conn *conn);
/* Why the handshake failed, as OpenSSL calls it. */
const char *strict_tls_why(void);
/* Whether it waits for room on the socket. */
bool strict_tls_is_full(const struct strict_conn *conn);
/* As recv(2) and send(2): 0 is the peer's close_notify; a FIN without one is EPROTO. */
ssize_t strict_tls_read(struct strict_conn *conn, char *bytes, size_t size);
ssize_t strict_tls_write(struct strict_conn *conn, const char *bytes, size_t length);
/* Says that it ends, before the socket does. */
void strict_tls_end(struct strict_conn *conn);

/* ---- strict_conn, continued ---- */

void strict_conn_init(struct strict_conn *conn, struct strict_run *run, unsigned number);
void strict_conn_fini(struct strict_conn *conn);
/* Sends what may be sent now; connects first where there is no connection. */
void strict_conn_go(struct strict_conn *conn);
/* epoll says that the socket is ready. */
void strict_conn_ready(struct strict_conn *conn, uint32_t events);
/* The rest before its next request begins. */
void strict_conn_rest(struct strict_conn *conn);
/* Looks for a request that waited too long. */
void strict_conn_check(struct strict_conn *conn);

#endif
