/* Makes the route tables and publishes them: at once for a flip, at the end of the loop's turn for everything else. Control thread. */
#ifndef TEAL_SWITCH_TABLES_H
#define TEAL_SWITCH_TABLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/token.h"
#include "conf/conf.h"
#include "proxy/proxy.h"
#include "switch/service.h"

struct event_base;
struct tables;
struct tlsstore;

/* `descriptors`: how many the process may have; of limits.connections only as many are allowed as fit. */
struct tables *tables_new(struct event_base *loop, unsigned workers, unsigned long descriptors);
/* NULL is allowed. */
void tables_free(struct tables *tables);

/* Where TLS of listeners comes from; borrowed. Without it all are in clear. */
void tables_set_tls(struct tables *tables, const struct tlsstore *store);
/* The store has other fronts: the next table has them. */
void tables_follow_tls(struct tables *tables);
/* The services to route to, in the order of the configuration, and what holds for all of them. Both are borrowed until the next call. */
void tables_set_services(struct tables *tables, const struct conf *conf, struct service *const *services, size_t count);
/* The key of the tokens of previews; copied. */
void tables_set_preview_key(struct tables *tables, const uint8_t key[TOKEN_KEY_SIZE]);
/* Answers carry `Connection: close` from the next table on. */
void tables_set_draining(struct tables *tables);

/* A table of what is now, for proxy_start; from tables_set_proxy on they are published. */
struct table *tables_make(struct tables *tables);
void tables_set_proxy(struct tables *tables, struct proxy *proxy);

/* To be published at the end of this turn. */
void tables_touch(struct tables *tables);
/* Published now; its generation. */
uint64_t tables_publish(struct tables *tables);
bool tables_are_in_force(const struct tables *tables, uint64_t generation);
/* Of a table with services that are to be warm: every worker has opened what it could. */
bool tables_are_warm(const struct tables *tables, uint64_t generation);
uint64_t tables_generation(const struct tables *tables);

#endif
