/* Body bytes one way, with back-pressure and a deadline. Worker thread.
 *
 * A side is read only while everything read before was taken by the other side's socket, so at most one read's worth is kept per direction. */
#ifndef TEAL_PROXY_RELAY_H
#define TEAL_PROXY_RELAY_H

#include <stddef.h>
#include <sys/uio.h>

struct exchange;

/* Request body bytes that came from the client: sends them on or holds them. Bytes may be moved in place. Returns how many belong to the body. The exchange may have ended on return. */
size_t relay_request(struct exchange *exchange, char *bytes, size_t length);
/* Sets the deadline after a piece of the request went out: the client's next piece, room on the backend's socket, or the first byte of its answer; when the
 * answer has begun already, its next piece. */
void relay_arm_request(struct exchange *exchange);
/* Reads more of the request's body from the client, once, when that makes sense now. */
void relay_read_request(struct exchange *exchange);

/* Answer bytes that came from the backend, behind an answer head to send first (NULL: none). Bytes may be moved in place. The exchange may have ended on return. */
void relay_answer(struct exchange *exchange, const struct iovec *head, char *bytes, size_t length);
/* Reads more of the answer's body, once. */
void relay_read_answer(struct exchange *exchange);

/* The client's socket took all that was kept for it: reading the answer goes on. */
void relay_on_client_room(struct exchange *exchange);

#endif
