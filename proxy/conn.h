/* Bytes to and from one non-blocking socket: reads, writes at once, keeps what the socket would not take. Worker thread.
 *
 * One event registration for both directions, edge-triggered and persistent, added once. Each direction has a "may be ready" bit that an EAGAIN, or
 * a transfer shorter than asked for (epoll(7)), clears. A short read says nothing of a reset behind it, whose event may have come with the bytes: who needs more
 * bytes asks for them by conn_read_on. Closing detaches now; the memory goes at the end of the loop turn. Knows nothing of HTTP, and of TLS only that there is a table of functions:
 * what a secure connection does in their stead is in secure.h. Its owner deals in the same calls, and can't tell. */
#ifndef TEAL_PROXY_CONN_H
#define TEAL_PROXY_CONN_H

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "proxy/deadline.h"

struct pipe;
struct secure;
struct worker;
struct conn;

/* What the owner of a connection does. on_ready: an event came, or the connection asked for another turn by conn_queue. `later`: events wait for the
 * ready list, so that in each pass the others' are seen first. */
struct conn_handler {
	bool later;
	void (*on_ready)(struct conn *conn);
	void (*on_deadline)(struct conn *conn, enum deadline_kind kind);
	void (*on_free)(struct conn *conn); /* the last act: give the memory back */
};

/* How our side ends. */
enum conn_end {
	CONN_END_SENDING, /* nothing more will be sent; there may be something to read */
	CONN_END_CLOSE,   /* the connection goes, and with it what hangs on it */
	CONN_END_RESET,   /* the same, and it shall show that something is missing */
};

/* What a connection does that is not plain. Each stands in for the function of conn that is named like it. */
struct conn_io {
	ssize_t (*read)(struct conn *conn, char *bytes, size_t size);
	int (*peek)(struct conn *conn);
	/* Of sending: what the socket gets instead of these bytes, whole, valid until the next call for any connection of the worker. False: nothing can be sent any more. */
	bool (*seal)(struct conn *conn, const struct iovec *parts, int count, struct iovec *sealed);
	void (*end)(struct conn *conn, enum conn_end how); /* in front of the socket's own end */
};

struct conn {
	struct event event;
	const struct conn_handler *handler;
	const struct conn_io *io; /* NULL: plain */
	struct secure *secure;    /* its state; NULL: plain */
	struct worker *worker;
	struct conn *queue_next, *closed_next;
	struct deadline deadline;
	char *backlog; /* bytes the socket would not take yet; NULL when there are none */
	uint32_t backlog_at, backlog_end, backlog_size;
	struct pipe *pipe; /* bytes on their way through conn_splice, in front of the backlog; NULL when there are none */
	char *input;       /* bytes read but not used yet: an incomplete head, or what a pipelining peer sent ahead; NULL when there are none */
	uint32_t input_length;
	uint64_t taken;          /* bytes that the socket took, ever */
	int fd;                  /* -1 once closed */
	bool readable, writable; /* may be ready */
	bool read_short;         /* the last read cleared `readable` by being short */
	bool hangup;             /* the peer sent FIN or worse; a read will tell */
	bool queued;             /* in one of the worker's ready lists */
	bool patient;            /* what comes, comes in crumbs: its turns are behind those of others, see worker_queue */
	bool lossy;              /* bytes that were sent are lost on our side: nothing may follow them */
};

enum conn_send { CONN_SENT, CONN_KEPT, CONN_BROKEN };

#define CONN_AGAIN (-1) /* nothing now */
#define CONN_ERROR (-2) /* reset or another fault */
#define CONN_UNFIT (-3) /* of conn_splice alone: not between these two, or not now */

/* Registers the socket with the worker's loop. False when that fails; the socket is still the caller's then. */
bool conn_open(struct conn *conn, struct worker *worker, int fd, const struct conn_handler *handler);
/* Ends the connection now (with a reset when asked) and its memory at the end of the turn. Once. */
void conn_close(struct conn *conn, bool reset);
static inline bool conn_is_open(const struct conn *conn)
{
	return conn->fd >= 0;
}

/* Whether the connection is known to be broken, though bytes may still be there to read. A system call. */
bool conn_is_broken(const struct conn *conn);
/* Bytes read (at least 1), 0 at the peer's FIN, CONN_AGAIN or CONN_ERROR. */
ssize_t conn_read(struct conn *conn, char *bytes, size_t size);
/* Looks without taking: 1 when there are bytes, 0 at FIN, CONN_AGAIN, CONN_ERROR. */
int conn_peek(struct conn *conn);

/* Keeps bytes for later (a copy; what was kept before must have been restored); false when memory ran out. */
bool conn_keep_input(struct conn *conn, const char *bytes, size_t length);
/* Moves what was kept to the front of `bytes` and returns its length. */
size_t conn_restore_input(struct conn *conn, char *bytes);

/* Writes now as much as the socket takes and keeps a copy of the rest, to be flushed when the socket is writable again. CONN_BROKEN: the peer is gone or memory ran out;
 * nothing more can be sent then.
 * *written (may be NULL) is how many bytes the kernel took of these; on a secure connection all as soon as it took any. */
enum conn_send conn_send(struct conn *conn, const struct iovec *parts, int count, size_t *written);
/* How many of the bytes that were ever sent, as the socket sees them, the peer's machine has acknowledged. A system call. */
uint64_t conn_acknowledged(const struct conn *conn);
/* Tries to empty the backlog. CONN_SENT when nothing is left. CONN_BROKEN: what the peer said before it went makes the connection `readable`. */
enum conn_send conn_flush(struct conn *conn);
static inline bool conn_has_backlog(const struct conn *conn)
{
	return conn->pipe || conn->backlog_end > conn->backlog_at;
}

/* Moves up to `most` bytes from one connection to another that has no backlog, past our memory (splice(2)). Returns what conn_read does but CONN_AGAIN, or CONN_UNFIT: then what there is must be read and sent. When it
 * is above 0, *sent is what conn_send says of these bytes; of CONN_BROKEN they are lost. */
ssize_t conn_splice(struct conn *from, struct conn *to, size_t most, enum conn_send *sent);

/* For a connection without a deadline: the kernel finds out whether the peer's machine is still there. */
void conn_keep_alive(struct conn *conn);
/* Sends FIN (behind what was sent; what waits in a backlog is not). */
void conn_shutdown(struct conn *conn);

/* Asks for another turn: on_ready is called after the present pass over the events. */
void conn_queue(struct conn *conn);
/* More bytes are needed: asks for another turn to read, unless it is known that there is nothing to read. */
void conn_read_on(struct conn *conn);

/* What conn_read and conn_send do of plain bytes, and one system call of a send (bytes taken, 0 when the socket is full, CONN_ERROR): for what stands in for them. */
ssize_t conn_read_plain(struct conn *conn, char *bytes, size_t size);
enum conn_send conn_send_plain(struct conn *conn, const struct iovec *parts, int count, size_t *written);
ssize_t conn_write_plain(struct conn *conn, const char *bytes, size_t length);

void conn_arm(struct conn *conn, enum deadline_kind kind, uint64_t after_ms);
void conn_disarm(struct conn *conn);

#endif
