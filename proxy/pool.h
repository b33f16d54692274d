/* The idle connections to one backend of one worker, freshest first. Worker thread.
 *
 * An idle connection is kept 4 s at most, less where the backend announces or shows a shorter life. Whatever becomes readable while idle is discarded: a FIN,
 * or bytes that no request asked for. What was learned from early ends is forgotten little by little while connections live to their limit: a restart
 * ends them early, too. While a backend is warm they are kept whatever their age, and serve requests that may be repeated. A request that must not be repeated takes only one that was used within the last second and proves quiet. */
#ifndef TEAL_PROXY_POOL_H
#define TEAL_PROXY_POOL_H

#include <stdbool.h>
#include <stdint.h>

struct backend;
struct backend_lane;
struct client;
struct deadline;
struct exchange;
struct upstream;
struct worker;

/* The freshest idle connection of this owner (NULL: of nobody), taken out of the pool for an exchange; NULL when there is none fit. `repeatable`: the request may be sent again if this one
 * proves stale. */
struct upstream *pool_take(struct worker *worker, struct backend *backend, struct exchange *exchange, struct client *owner, bool repeatable);
/* Puts a connection back after an exchange; closes it when it can't be used again. */
void pool_give(struct upstream *upstream);
/* The backend said `Keep-Alive: timeout=SECONDS`. */
void pool_learn_timeout(struct backend_lane *lane, uint64_t seconds);
/* A connection that was taken from the pool was gone: the backend keeps idle ones for less long. */
void pool_learn_stale(struct upstream *upstream);
/* DEADLINE_pool: idle connections have reached their age. */
void pool_on_deadline(struct worker *worker, struct deadline *deadline);
/* An event on an idle connection. */
void pool_on_idle_event(struct upstream *upstream);
/* Takes it out of the pool's list if it is there. */
void pool_forget(struct upstream *upstream);

/* A lane is listed with the worker while it has connections. */
void pool_list(struct worker *worker, struct backend_lane *lane);
void pool_unlist(struct worker *worker, struct backend_lane *lane);
/* After a new table: closes the idle connections of retired and cold backends. */
void pool_sweep(struct worker *worker);
void pool_close_all(struct worker *worker);
/* The client goes: nobody else may use them. */
void pool_close_owned(struct client *client);

#endif
