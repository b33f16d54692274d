/* Tunnels: bytes both ways after a 101, with back-pressure, until both sides are done or a drain closes them. Worker thread.
 *
 * A side is read only while everything read before was taken by the other side's socket, so at most one read's worth is kept per direction. Looks into the
 * bytes of a WebSocket only to know where its frames end: when its time has come, the client gets a Close frame (RFC 6455 section 7, code 1012: service restart)
 * between two frames. From then on the backend's bytes go nowhere, while the client's go on to the backend up to its own Close, which ends the backend's side
 * as well: so nothing that the client said before it knew is lost. Other tunnels know no farewell; they end by FIN both ways. */
#ifndef TEAL_PROXY_TUNNEL_H
#define TEAL_PROXY_TUNNEL_H

#include <stdbool.h>
#include <stddef.h>

#include "proxy/deadline.h"
#include "proxy/frame.h"

struct exchange;

enum tunnel_step {
	TUNNEL_OPEN,
	TUNNEL_LEAVING,  /* its time has come while the two ends were at it themselves: they get a moment */
	TUNNEL_STOPPING, /* waits for the end of the backend's present frame */
	TUNNEL_TOLD,     /* the client was told, and is to say the same to the backend */
	TUNNEL_ENDING,   /* nothing is read any more; FIN both ways behind what is kept */
};

/* The tunnel's part of an exchange. */
struct tunnel {
	struct frame up, down; /* of a WebSocket: to the backend, and to the client */
	enum tunnel_step step;
	bool websocket;
	bool client_done, backend_done;   /* their FIN was seen */
	bool client_ended, backend_ended; /* they got one */
};

/* The 101 in worker->head went out: from now on bytes go both ways. `bytes` came from the backend behind it. The exchange may have ended on return. */
void tunnel_open(struct exchange *exchange, const char *bytes, size_t length);
/* One read each way, as far as back-pressure allows. The exchange may have ended on return. */
void tunnel_run(struct exchange *exchange);
/* DEADLINE_tunnel: its turn to be closed has come. DEADLINE_closing: it had its time. DEADLINE_stall: the backend has ended, and the client says no more. The exchange may have ended on return. */
void tunnel_on_deadline(struct exchange *exchange, enum deadline_kind kind);
/* Ends it now. Says what can be said without waiting. */
void tunnel_cut(struct exchange *exchange);

#endif
