/* The idle connections to one backend of one worker, freshest first; in front of them those that were opened in advance and have carried no request yet, in the order of their opening. Worker thread.
 *
 * An idle connection is kept 4 s at most, less where the backend announces or shows a shorter life. Whatever becomes readable while idle is discarded: a FIN,
 * or bytes that no request asked for (a ticket of TLS is none). What was learned from early ends is forgotten little by little while connections live to their limit: a restart
 * ends them early, too. Those that were opened in advance (see warm.h) are closed where no request has come for them in 1 s. Where many have to be closed a few are at a time, so that requests go on between. While a backend is warm they are kept whatever their age, and serve requests that may be repeated. A request that must not be repeated takes only one that was used within the last second and proves quiet. */
#ifndef TEAL_PROXY_POOL_H
#define TEAL_PROXY_POOL_H

#include <stdbool.h>
#include <stdint.h>

struct backend;
struct backend_lane;
struct client;
struct deadline;
struct exchange;
struct tlsback;
struct upstream;
struct worker;

/* The next idle connection of this owner (NULL: of nobody) under these settings of TLS (NULL: in clear), taken out of the pool for an exchange; NULL when there is none fit. One of former settings is closed. `repeatable`: the request may be sent again if this one
 * proves stale. */
struct upstream *pool_take(
	struct worker *worker, struct backend *backend, const struct tlsback *tls, struct exchange *exchange, struct client *owner, bool repeatable);
/* Puts a connection back after an exchange; closes it when it can't be used again. */
void pool_give(struct upstream *upstream);
/* The backend said `Keep-Alive: timeout=SECONDS`. */
void pool_learn_timeout(struct backend_lane *lane, uint64_t seconds);
/* A connection that was taken from the pool was gone: the backend keeps idle ones for less long. */
void pool_learn_stale(struct upstream *upstream);
/* DEADLINE_pool: idle connections have reached their age, or there are some that nobody wants. */
void pool_on_deadline(struct worker *worker, struct deadline *deadline);
/* An event on an idle connection. */
void pool_on_idle_event(struct upstream *upstream);
/* Takes an idle one out of the pool's list. */
void pool_forget(struct upstream *upstream);

/* A lane is listed with the worker while it has connections. */
void pool_list(struct worker *worker, struct backend_lane *lane);
void pool_unlist(struct worker *worker, struct backend_lane *lane);
/* After a new table: the idle connections of retired and cold backends are closed, one in a millisecond. */
void pool_sweep(struct worker *worker);
/* All that no exchange has, at once. */
void pool_close_all(struct worker *worker);
/* The client goes: nobody else may use them. */
void pool_close_owned(struct client *client);

#endif
