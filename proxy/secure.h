/* TLS beneath a connection: makes an open one secure, shakes hands, and stands in for its plain reading and sending. Worker thread; see docs/life-of-a-tls-connection.md.
 *
 * The handshake belongs to the connection. Until it is over its owner is told of nothing but its deadline, and sends nothing; reading finds nothing. Then on_ready comes once:
 * either everything can be read and sent as on a plain connection, or conn_read and conn_peek say CONN_ERROR, conn_send says CONN_BROKEN, and secure_fault says why. The peer has
 * been told by an alert then, where there is one. The same holds for a fault later on, once the bytes in front of it have been read.
 *
 * What the bits and calls of conn.h mean stays as it is. A close_notify is FIN; a FIN without one is CONN_ERROR, in the middle of a message or not (RFC 8446 section 6.1). A read that brought nothing
 * but messages of TLS (tickets, new keys) is CONN_AGAIN. Neither reading nor looking takes more of a peer that sends only such messages than SECURE_BARREN_MOST.
 *
 * Which versions, ciphers and certificates there are is the SSL's maker's business (see tlsfront, tlsback); so is what a session is resumed for. */
#ifndef TEAL_PROXY_SECURE_H
#define TEAL_PROXY_SECURE_H

#include <stdbool.h>
#include <stddef.h>

#include "proxy/conn.h"
#include "proxy/secure_fault.h"

struct ssl_st;

#define SECURE_BARREN_MOST (32u * 1024) /* bytes of a peer, in a row, without one that is for the owner */
#define SECURE_OWED_MOST (4u * 1024)    /* bytes that TLS wants to answer and the socket does not take */

/* Makes an open connection secure, over which nothing has been sent and nothing but what is no part of TLS has been read. The SSL is complete but for its BIOs (accept or connect state, context, names); it is taken over,
 * also when this fails: false when memory ran out; then the connection is only fit to be closed. `early` (copied) is what was read already: what came behind a PROXY protocol header.
 * Nothing of the handshake happens within this call. Its time is the owner's deadline. */
bool secure_begin(struct conn *conn, struct ssl_st *ssl, const char *early, size_t length);

/* Whether the handshake is over and was good, whatever came then. */
bool secure_is_set_up(const struct conn *conn);
/* SECURE_FINE while nothing has gone wrong, and for a plain connection. */
enum secure_fault secure_fault(const struct conn *conn);
/* The server's name as the client's side gave it (SNI), of a connection whose handshake is over; NULL: none. A peer's bytes: not yet checked to be a name. Lives as long as the connection. */
const char *secure_read_name(const struct conn *conn);
/* For what else was agreed on (a client's certificate); not for reading, writing or shutting down. */
struct ssl_st *secure_ssl(const struct conn *conn);

#endif
