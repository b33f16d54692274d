/* What a connection over TLS knows, and the way into its SSL and out of it. Worker thread. Private to secure.c and secure_io.c.
 *
 * A call into the SSL lies between secure_state_enter and secure_state_leave: the first lends it what was read and not taken yet, the second puts aside what it left and sends what TLS itself wants to say. Sealing what the owner
 * sends needs neither. */
#ifndef TEAL_PROXY_SECURE_STATE_H
#define TEAL_PROXY_SECURE_STATE_H

#include <openssl/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proxy/conn.h"
#include "proxy/secure_fault.h"

enum secure_step {
	SECURE_SHAKING,
	SECURE_SHAKEN, /* what was said last is not out yet */
	SECURE_OPEN,   /* the owner has it; a fault is told when it reads or sends */
};

struct secure {
	SSL *ssl;
	const struct conn_handler *owner; /* whose connection it is, during the handshake */
	char *rest;                       /* bytes that were read and that the SSL has not taken yet; NULL when there are none */
	uint32_t rest_at, rest_end;
	char *owed; /* what the SSL wants to have sent in front of everything else; NULL when it is nothing */
	uint32_t owed_length;
	uint32_t barren; /* bytes read since the last that were for the owner */
	enum secure_step step;
	enum secure_fault fault;
	bool set_up;    /* the handshake was good */
	bool heard_end; /* their close_notify */
	bool said_end;  /* ours */
};

/* What came of a call into the SSL. */
enum secure_outcome {
	SECURE_OUTCOME_DONE,
	SECURE_OUTCOME_MORE, /* needs more bytes */
	SECURE_OUTCOME_END,  /* their close_notify */
	SECURE_OUTCOME_FAULT,
};

/* The first one stays. */
void secure_state_set_fault(struct secure *secure, enum secure_fault fault);
/* Nothing may be left there by whoever used the library last: SSL_get_error(3) would take it for ours. */
void secure_state_forget_errors(void);

void secure_state_enter(struct conn *conn);
void secure_state_leave(struct conn *conn);
/* What the result of SSL_do_handshake, SSL_read, SSL_peek or SSL_write means; a fault is noted. */
enum secure_outcome secure_state_judge(struct secure *secure, int result);
/* One read of the socket, when the SSL has taken all that was there. As conn_read_plain; all but bytes and CONN_AGAIN is a fault, and noted. */
ssize_t secure_state_receive(struct conn *conn, size_t size);
/* Whether the next read finds something without the socket's help. */
bool secure_state_has_more(const struct secure *secure);
void secure_state_stay_readable(struct conn *conn);
/* A copy of what was read and not taken; false when memory ran out. */
bool secure_state_keep_rest(struct secure *secure, const char *bytes, size_t length);
void secure_state_drop_rest(struct secure *secure);

#endif
