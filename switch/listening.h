/* What the configuration says of listeners, as the proxy takes it. Control thread; opens nothing. */
#ifndef TEAL_SWITCH_LISTENING_H
#define TEAL_SWITCH_LISTENING_H

#include "conf/conf.h"
#include "proxy/manners.h"

struct tlsstore;

/* The manners of conf's listeners, in their order, with what the store has for those with TLS (NULL: all are in clear); previews' listeners, which come behind them, have none. NULL when no listener has any and there are no challenges of ACME. One reference is the
 * caller's. */
struct manners *listening_make_manners(const struct conf *conf, const struct tlsstore *store);

#endif
