/* The client of many WebSockets: each sends numbered messages all the time and must get every one back, in order and unharmed, until its Close.
 *
 * One thread, one epoll loop. sockets.c reads the options, paces the messages and sums up; sockets_conn is one WebSocket; sockets_frame reads and writes frames
 * (pure). Half of the messages are sent in two pieces with a rest between them, so that a tunnel is often in the middle of a frame. */
#ifndef TEAL_TESTS_SOCKETS_H
#define TEAL_TESTS_SOCKETS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SOCKETS_SIZE_MAX 70000u   /* the longest payload */
#define SOCKETS_TORN_US 20000u    /* rest between the two pieces of a frame */
#define SOCKETS_LATE_US 10000000u /* an echo that takes longer is a fault */
#define SOCKETS_CODES 5000u
#define SOCKETS_SECONDS 3600u

/* ---- sockets_frame: bytes to frame, and back ---- */

enum { SOCKETS_BINARY = 2, SOCKETS_CLOSE = 8 };
enum sockets_frame_result { SOCKETS_FRAME_MORE, SOCKETS_FRAME_WHOLE, SOCKETS_FRAME_BAD };

struct sockets_frame {
	unsigned opcode;
	const char *payload;
	size_t length, whole; /* of the payload, of the frame */
};

/* A frame of a server (RFC 6455 section 5.2): not masked, in one piece, no extension. */
enum sockets_frame_result sockets_frame_read(const char *bytes, size_t length, struct sockets_frame *frame);
/* A masked frame. Its length; `out` has room for 14 bytes more than the payload. */
size_t sockets_frame_write(char *out, unsigned opcode, const char *payload, size_t length);

/* ---- the run: what all WebSockets share ---- */

struct sockets_run {
	struct sockaddr_in target;
	unsigned count;
	double rate;      /* messages a second, over all */
	bool returns;     /* one that was closed with 1012 is opened again */
	uint64_t most_us; /* the longest the run may take */
	int epoll;
	uint64_t now_us, started_us;
	bool ending;
	unsigned opening, open, returned;
	struct sockets_conn *torn, **torn_end; /* with the second piece of a frame to send, the oldest first */
	char pattern[SOCKETS_SIZE_MAX + 8192];
	/* figures */
	uint64_t sent, echoes, under_way_at_close, longest_echo_us;
	uint64_t refused, cut, lost, garbled, disordered, late, after_close, not_ended;
	unsigned codes[SOCKETS_CODES];
	unsigned blue, green;             /* handshakes, by color */
	uint64_t first_close_us;          /* the first Close from the other side */
	unsigned closes[SOCKETS_SECONDS]; /* by second since then */
	char examples[10][160];
	unsigned example_count;
};

/* Keeps the first few faults as sentences. */
void sockets_note(struct sockets_run *run, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* ---- sockets_conn: one WebSocket ---- */

enum sockets_step {
	SOCKETS_NONE,
	SOCKETS_CONNECTING,
	SOCKETS_HANDSHAKE,
	SOCKETS_OPEN,
	SOCKETS_CLOSED /* both said Close; the end of the connection is to come */
};

struct sockets_conn {
	struct sockets_run *run;
	unsigned number;
	enum sockets_step step;
	int fd;
	bool close_sent, watched_out;
	uint64_t since_us;             /* the oldest echo, or the end of the connection, is waited for since then */
	uint64_t next_sent, next_echo; /* numbers of messages */
	char *in, *out;
	size_t in_length, out_length, out_held; /* `out_held`: bytes at the end of `out` that are the second piece of a frame */
	uint64_t torn_us;
	struct sockets_conn *next_torn;
};

void sockets_conn_init(struct sockets_conn *conn, struct sockets_run *run, unsigned number);
void sockets_conn_fini(struct sockets_conn *conn);
void sockets_conn_open(struct sockets_conn *conn);
/* Sends the next message, unless one is still being sent or too many are under way. */
void sockets_conn_send(struct sockets_conn *conn);
/* Sends the second piece of a torn frame. */
void sockets_conn_mend(struct sockets_conn *conn);
/* Says Close, behind what is being sent. */
void sockets_conn_close(struct sockets_conn *conn);
/* epoll says that the socket is ready. */
void sockets_conn_ready(struct sockets_conn *conn, uint32_t events);
/* Looks for what took too long. */
void sockets_conn_check(struct sockets_conn *conn);

#endif
