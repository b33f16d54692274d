/* Connections to a color that is about to get requests, opened in advance: the first requests find them in the pool, and need not wait for a connection each. Worker thread.
 *
 * A table orders them (table_service.warm) for the color of a service that is not live: together with what it has it gets as many as this worker has to the live color's backends, as far as those are kept between
 * requests and carry no tunnels. They are spread over the backends that are up, for each the same number, opened a few in each turn, handshakes of TLS included, and become idle ones of the pool, which uses them first and keeps them for a short time only. A color whose
 * connections begin with a PROXY protocol header gets none: they have owners. A table without the order takes it back; what is on its way then still comes.
 *
 * One that fails to open is just gone, and its backend gets no more by this order: no request waits for it, nothing is counted against its color (a handshake is one in the counters of TLS), nothing is left alone for it, and nobody but who ordered it is to wait for all to
 * stand (worker->warmed). */
#ifndef TEAL_PROXY_WARM_H
#define TEAL_PROXY_WARM_H

#include <stdbool.h>

struct upstream;
struct worker;

/* After a new table took the place of the one before. */
void warm_obey(struct worker *worker);
/* At the end of a turn while worker->warm.more is set: opens some, and asks for the next turn as long as more can be opened then. */
void warm_run(struct worker *worker);
/* At the worker's end. */
void warm_close_all(struct worker *worker);

/* From upstream, of a connection without an exchange: it stands; it never will. */
void warm_on_standing(struct upstream *upstream);
void warm_on_failed(struct upstream *upstream);
/* Takes it out of the list of those that don't stand yet. */
void warm_forget(struct upstream *upstream);

#endif
