/* One client connection speaking HTTP/1.1: request heads in, one exchange at a time, pipelined ones in order. Worker thread. */
#ifndef TEAL_PROXY_CLIENT_H
#define TEAL_PROXY_CLIENT_H

#include <stdbool.h>
#include <sys/socket.h>

#include "proxy/conn.h"
#include "proxy/endpoint.h"
#include "proxy/fail.h"

struct exchange;
struct upstream;
struct worker;

enum client_step {
	CLIENT_IDLE,      /* between requests: no byte of the next head is here */
	CLIENT_HEAD,      /* a head is incomplete */
	CLIENT_EXCHANGE,  /* an exchange is under way */
	CLIENT_LINGERING, /* the last answer is out, FIN sent: reading until theirs */
};

struct client {
	struct conn conn;               /* first */
	struct client *previous, *next; /* the worker's list */
	struct exchange *exchange;
	struct upstream *owned; /* idle backend connections that began with its address: the pool's list of them, freshest first */
	enum client_step step;
	bool announced;   /* a PROXY protocol header still has to come */
	bool trusted;     /* the peer is a trusted proxy */
	bool half_closed; /* FIN was read */
	bool unread;      /* request bytes are left that nobody will read */
	uint8_t listener; /* its index with the worker */
	uint8_t address_length;
	char address[ENDPOINT_TEXT_SIZE]; /* of the peer, text */
	struct endpoint peer, to;         /* who connected, and where to, as a PROXY protocol header has it: else `to` is ENDPOINT_NONE */
	uint32_t quota_slot;
	char *certificate; /* what it showed, as the value of Client-Cert, once that was asked for; NULL: nothing, or not yet */
	size_t certificate_length;
	const char *preview; /* the service whose idle color its listener leads to; NULL: none */
};

static inline struct client *client_of(struct conn *conn)
{
	return (struct client *)conn;
}

/* Takes over a socket that the worker's listener `index` accepted; it may be closed on return. `announced`: it begins with a PROXY protocol header. */
void client_open(struct worker *worker, int fd, unsigned index, bool announced, const struct sockaddr *from, socklen_t length);
/* Reads the PROXY protocol header in front of all; still `announced` on return: more of it has to come. *used is its length. False when the connection was closed over it. */
bool client_take_announcement(struct client *client, const char *bytes, size_t length, size_t *used);
/* There is none, and never will be: the end. */
void client_refuse_announcement(struct client *client);
extern const struct conn_handler client_handler;
/* The address that the client connected to. */
void client_read_destination(const struct client *client, struct endpoint *to);
/* Puts aside what a pipelining client sent behind a request. */
void client_keep_rest(struct client *client, const char *bytes, size_t length);
/* The exchange is over: on to the next request, or to the end. `unread`: bytes of its body are still to come. */
void client_on_exchange_end(struct client *client, bool keep_open, bool unread);
/* Ends the connection now; an exchange under way must have ended before. */
void client_close(struct client *client, bool reset);

/* The worker drains: connections without a request get a last moment for one, and are closed then. */
void client_hurry_all(struct worker *worker);
/* At the end of the worker. */
void client_close_all(struct worker *worker);

#endif
