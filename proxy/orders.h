/* Orders of the control thread, as a new table holds them: exchanges of a color whose time is over, tunnels that are to be closed one by one, connections to be opened in advance. Worker thread. */
#ifndef TEAL_PROXY_ORDERS_H
#define TEAL_PROXY_ORDERS_H

struct exchange;
struct table;
struct worker;

/* After a new table took the place of `previous`: ends the exchanges whose time to drain is over, and gives the tunnels that are to be closed a time each; takes it back
 * where a newer table does not want them closed any more. One that is being closed already goes on with that.
 * What is to be opened in advance is warm's business. */
void orders_obey(struct worker *worker, const struct table *previous);
/* A tunnel has opened: when tunnels of its color are being closed, it gets a time too. */
void orders_note_tunnel(struct exchange *exchange);

#endif
