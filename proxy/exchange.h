/* One request and its answer: begin, choose, connect, send, receive, finish. The file to read first. Worker thread.
 *
 * Every failure goes through exchange_fail, the only place that decides on another attempt, an error answer or hanging up. An exchange belongs to its client
 * connection; it owns the upstream connection while that serves it, a hold on its table, and the held bytes of its request. Body bytes are moved by relay. */
#ifndef TEAL_PROXY_EXCHANGE_H
#define TEAL_PROXY_EXCHANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proxy/access.h"
#include "proxy/body.h"
#include "proxy/deadline.h"
#include "proxy/fail.h"
#include "proxy/head.h"
#include "proxy/hold.h"
#include "proxy/table.h"
#include "proxy/tunnel.h"
#include "proxy/wait.h"

struct client;
struct upstream;
struct worker;

enum exchange_step {
	EXCHANGE_CHOOSING,   /* nothing is assigned yet */
	EXCHANGE_WAITING,    /* the same, and nothing will be while its service is held */
	EXCHANGE_CONNECTING, /* a new backend connection is on its way */
	EXCHANGE_SENDING,    /* the request is going out; the answer's head may come at any time */
	EXCHANGE_ANSWERING,  /* the answer's head went to the client */
	EXCHANGE_TUNNEL,     /* bytes both ways after a 101 */
	EXCHANGE_FLUSHING,   /* complete but for what the client's socket would not take yet */
	EXCHANGE_ENDED,      /* waits for its memory to be reused */
};

/* How an answer's body is passed on. */
enum exchange_form { EXCHANGE_AS_IS, EXCHANGE_STRIP_CHUNKS, EXCHANGE_WRAP_IN_CHUNKS };

#define EXCHANGE_BACKENDS_MAX 3u
#define EXCHANGE_SAFE_METHODS (1u << METHOD_get | 1u << METHOD_head | 1u << METHOD_options | 1u << METHOD_trace)
#define EXCHANGE_HELD_BODY_MAX (64u * 1024)

struct exchange {
	struct exchange *next; /* of the worker's spare ones */
	struct worker *worker;
	struct client *client;
	struct upstream *upstream;
	struct table *table;
	struct table_service *service;
	struct totals *totals;     /* of the service */
	struct totals_lane *lane;  /* the color's */
	_Atomic uint32_t *counted; /* of the lane: which counter it is in; NULL: none */
	enum color color;
	enum exchange_step step;
	uint64_t generation; /* of its table */
	uint64_t client_key; /* of balance by the client's address; 0: not asked for */

	struct backend *backend;        /* the present or last one */
	struct backend *logged_backend; /* the last one, for the access log */
	struct backend *tried[EXCHANGE_BACKENDS_MAX];
	unsigned tried_count;
	bool retried;    /* a second attempt at a request that may have been processed: there is no third */
	bool sent_any;   /* a byte of the request was written on the present connection */
	bool fresh_only; /* the next attempt takes no pooled connection */
	bool shielded;   /* the other color failed it: see shield.h */
	bool fallback;   /* the other color answered 404: see fallback.h */
	bool preview;    /* it was asked for on the idle color, and is kept apart there: see preview.h */
	bool pins;       /* the answer gives the client its number: see sticky.h */
	uint16_t number;

	enum method method;
	unsigned client_minor;
	bool client_keeps_open;
	bool upgrade;
	struct body request;
	char *held; /* the rewritten head and the body behind it, as long as it is whole */
	size_t held_size, held_length, held_head;
	bool held_whole;

	struct body answer;
	unsigned status; /* as the client saw it; 0: none yet */
	enum exchange_form form;
	bool heard;          /* a byte came from a backend, an interim answer's among them */
	bool answer_started; /* a byte of a final answer went to the client */
	bool close_client;   /* after the answer */
	struct tunnel tunnel;
	enum fail fail;

	struct hold_place place; /* while it waits */
	uint64_t start_us, first_byte_us, connect_by_ms;
	uint64_t waited_us;    /* for its service: start_us is the end of that */
	uint64_t sent_us;      /* when the request's body was complete, if that was not at once */
	struct deadline total; /* of the whole exchange */
	struct pace body_pace; /* of the client while its body is waited for: see wait.h */
	struct wait_room client_room, backend_room;
	uint64_t bytes_in, bytes_out;
	struct access_note note;
	unsigned replays;
};

/* Takes up a request whose head (worker->head) was just read; `rest` are the bytes behind it. Returns how many of these belong to the request's body. The exchange may have ended on return. */
size_t exchange_begin(struct client *client, char *rest, size_t length);
/* Answers a request whose head could not be read. */
void exchange_begin_bad(struct client *client, enum fail fail);

/* From hold: it has waited. Its color and its backend are chosen now, by its table; without a service that is looked for anew. The exchange may have ended on return. */
void exchange_go_on(struct exchange *exchange);

/* From upstream: the connection stands; bytes, room or an end came. */
void exchange_on_connected(struct exchange *exchange);
/* What goes in front of TLS on its new backend connection: a PROXY protocol header, where the color wants one. False when the socket did not take it. */
bool exchange_announce(struct exchange *exchange);
void exchange_on_backend_ready(struct exchange *exchange);

/* Something went wrong: another attempt, an error answer, or hanging up. The exchange may have ended on return. */
void exchange_fail(struct exchange *exchange, enum fail fail);
/* An answer's head is here, with these bytes behind it; its status (400 at least), the time and how its body is framed are noted. True when it is not passed on, because the shield or the
 * fallback ask the other color, or because it is the other color's and no better; the exchange may have ended. */
bool exchange_withhold_answer(struct exchange *exchange, char *rest, size_t length);
/* Ends it by order: its time to drain is over, or the worker ends. */
void exchange_cut(struct exchange *exchange);
/* DEADLINE_total: its time is over. */
void exchange_on_deadline(struct deadline *deadline);
/* It is about to be ended by order, in the middle of what it does. */
void exchange_count_cut(struct exchange *exchange);
/* Both sides of a tunnel are done, or one broke (reset). */
void exchange_end_tunnel(struct exchange *exchange, bool reset);
/* The answer is complete and with the client's socket (or an attempt to be kept was made). */
void exchange_finish(struct exchange *exchange);

/* Between exchange.c and exchange_end.c: tries the next backend; the last word of one that failed for good; counts on its backend; gives its memory back. */
void exchange_attempt(struct exchange *exchange);
void exchange_give_up(struct exchange *exchange, enum fail fail);
void exchange_count_backend(struct exchange *exchange, uint32_t change);
void exchange_give(struct exchange *exchange);

/* It was given up by one color, and is no business of the other one that has it now. */
static inline bool exchange_is_assist(const struct exchange *exchange)
{
	return exchange->shielded || exchange->fallback;
}

/* True while another attempt at the request is possible, so that its body bytes must be held. */
bool exchange_may_replay(const struct exchange *exchange);

/* Worker's end: frees the memory kept for new exchanges. */
void exchange_free_spares(struct worker *worker);

#endif
