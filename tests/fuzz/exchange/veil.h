/* TLS at a party's end of a connection: bytes in clear on one side, records in memory on the other; and what the worker has at the other end. Test's thread. */
#ifndef TEAL_TESTS_FUZZ_EXCHANGE_VEIL_H
#define TEAL_TESTS_FUZZ_EXCHANGE_VEIL_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct manners;
struct tlsback;
struct veil;

/* What the worker has to have for clients, and for backends, that speak TLS. Made at the first call, and kept. */
struct manners *veil_manners(void);
struct tlsback *veil_back(void);

/* `server`: a backend's end. */
struct veil *veil_open(bool server);
void veil_close(struct veil *veil);

/* What the socket brought. */
void veil_put(struct veil *veil, const char *bytes, size_t length);
/* Bytes in clear; 0: nothing. */
size_t veil_read(struct veil *veil, char *bytes, size_t size);
/* Whether the other side said that it has ended. */
bool veil_heard_end(const struct veil *veil);
/* A step of the handshake, when it is not over. */
void veil_shake(struct veil *veil);
/* Makes one record of these bytes, or of as many as go into one; how many. 0: not yet, or no longer. */
size_t veil_seal(struct veil *veil, const char *bytes, size_t length);
/* A close_notify. */
void veil_end(struct veil *veil);
/* What the socket is to get, and that it got so much of it. */
size_t veil_find(struct veil *veil, char **bytes);
void veil_forget(struct veil *veil, size_t length);

#endif
