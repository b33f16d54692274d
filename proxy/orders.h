/* Orders of the control thread, as a new table holds them: exchanges of a color whose time is over. Worker thread. */
#ifndef TEAL_PROXY_ORDERS_H
#define TEAL_PROXY_ORDERS_H

struct worker;

/* After a new table: ends the exchanges whose time to drain is over. */
void orders_obey(struct worker *worker);

#endif
