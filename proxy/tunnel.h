/* Tunnels: bytes both ways after a 101, with back-pressure. Worker thread.
 *
 * A side is read only while everything read before was taken by the other side's socket, so at most one read's worth is kept per direction. */
#ifndef TEAL_PROXY_TUNNEL_H
#define TEAL_PROXY_TUNNEL_H

#include <stddef.h>

struct exchange;

/* The 101 went out: from now on bytes go both ways. `bytes` came from the backend behind its head. */
void tunnel_open(struct exchange *exchange, const char *bytes, size_t length);
/* One read each way, as far as back-pressure allows. */
void tunnel_run(struct exchange *exchange);

#endif
