/* The immutable route table: which service, which color, which backend. Pure; built on the control thread, read by workers.
 *
 * A table names services; a service is shared between tables for as long as nothing in it changes (a health change of one service makes one
 * new table_service and a new array of pointers). The index of hosts and paths is its own object, shared likewise. References are counted by the control
 * thread alone; workers hold a whole table through its slot. */
#ifndef TEAL_PROXY_TABLE_H
#define TEAL_PROXY_TABLE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/color.h"
#include "base/token.h"
#include "proxy/backend.h"
#include "proxy/proxyproto.h"
#include "proxy/totals.h"

#define TABLE_SPLIT_WHOLE 10000u /* a split is in hundredths of a percent */

/* What of a color's failures the shield covers (see proxy/shield.h): those to answer, and answers of these statuses. 0: it is off. */
enum table_shield {
	TABLE_SHIELD_FAILURES = 1,
	TABLE_SHIELD_500 = 2,
	TABLE_SHIELD_502 = 4,
	TABLE_SHIELD_503 = 8,
	TABLE_SHIELD_504 = 16,
};

enum table_balance { TABLE_LEAST_CONNECTIONS, TABLE_ROUND_ROBIN, TABLE_CLIENT_ADDRESS };
enum table_sticky { TABLE_STICKY_NONE, TABLE_STICKY_COOKIE, TABLE_STICKY_HEADER, TABLE_STICKY_ADDRESS };

/* A name of a field or a cookie; NULL and 0: none. */
struct table_name {
	char *text;
	size_t length;
};

struct manners;
struct mirror;
struct table_index;
struct tlsback;

struct table_member {
	struct backend *backend;
	enum health health;
};

/* Tunnels of an older generation than `before` are closed one by one, spread evenly over the time until `by_ms` (monotonic). Zeroed: none. */
struct table_closing {
	uint64_t before, by_ms;
};

/* New requests wait in each worker, in their order, see proxy/hold.h. The shares are one worker's. Zeroed: they don't. */
struct table_hold {
	uint64_t until_ms;      /* monotonic: the end, whatever the control thread does; 0: not held */
	unsigned requests;      /* that may wait */
	uint64_t bytes;         /* of memory that they may take */
	unsigned release_per_s; /* of those that wait, when it ends, besides as many as come in meanwhile; 0: all at once */
};

struct table_color {
	char *version;
	struct table_member *members;
	struct backend **ready;                           /* those that are up, in the order of the members */
	uint64_t *seeds;                                  /* of each of them: a hash of its name */
	unsigned count, up;                               /* of members; of ready */
	enum proxyproto_version announce;                 /* the PROXY protocol header in front of each connection to it */
	struct tlsback *tls;                              /* in what way its backends are spoken to over TLS (the color has a reference); NULL: in clear */
	bool fallback;                                    /* while the other color is wanted: its 404s are tried there, where the service has paths for that */
	unsigned shield;                                  /* bits of enum table_shield: of its failures, those that the other color makes good */
	uint64_t cut_requests_before, cut_tunnels_before; /* exchanges of an older generation are ended: their time to drain is over; 0: none */
	struct table_closing closing;
};

struct table_service {
	unsigned references; /* control thread */
	char *name;
	enum color live;
	unsigned blue_split; /* of TABLE_SPLIT_WHOLE; the rest is green's */
	uint64_t seed;       /* of the deployment, for keyed splits */
	bool asks;           /* what a request says may decide on its color: the traffic is split, or there are previews. Else all of it goes one way */
	enum table_sticky sticky;
	struct table_name sticky_name;                    /* of the cookie or field */
	struct table_name preview_header, preview_cookie; /* of the ways to the color that is not live: see proxy/preview.h */
	bool refuses_previews;                            /* that color gets nothing at all: a switch is exclusive */
	enum table_balance balance;
	uint32_t replay_methods; /* bit 1 << enum method: idempotent by configuration, besides the safe ones */
	struct table_hold hold;
	uint64_t
		warm; /* the color that is not live gets idle connections in advance, see proxy/warm.h: the number of this order, as none before had it. 0: it does not */
	struct table_color colors[COLOR_COUNT];
	struct totals *totals;
	struct table_index *fallback; /* finds the paths whose 404s are tried on the other color: see proxy/fallback.h; NULL: there are none */
	struct mirror *mirror;        /* requests are copied into it: see proxy/mirror.h; NULL: none */
};

/* What a service is made of. Everything is copied, references are taken. */
struct table_service_spec {
	const char *name;
	enum color live;
	unsigned blue_split;
	uint64_t seed;
	enum table_sticky sticky;
	const char *sticky_name;                     /* of a cookie or a field; else NULL */
	const char *preview_header, *preview_cookie; /* NULL: none */
	bool refuses_previews;
	enum table_balance balance;
	uint32_t replay_methods;
	struct table_hold hold;
	uint64_t warm;
	struct {
		const char *version;
		const struct table_member *members;
		unsigned count;
		enum proxyproto_version announce;
		struct tlsback *tls; /* NULL: none */
		bool fallback;
		unsigned shield;
		uint64_t cut_requests_before, cut_tunnels_before;
		struct table_closing closing;
	} colors[COLOR_COUNT];
	struct totals *totals;
	struct table_index *fallback; /* NULL: none */
	struct mirror *mirror;        /* NULL: none */
};
struct table_service *table_service_new(const struct table_service_spec *spec);
void table_service_hold(struct table_service *service);
void table_service_release(struct table_service *service);

/* Host and path rules, in the order of the services given to table_index_new. */
struct table_index;
struct table_index_entry {
	const char *const *hosts; /* lower case, `*.` wildcards; none: every host */
	size_t host_count;
	const char *const *paths; /* prefixes; none: every path */
	size_t path_count;
};
struct table_index *table_index_new(const struct table_index_entry *entries, size_t count);
void table_index_hold(struct table_index *index);
void table_index_release(struct table_index *index);
/* Whether an entry takes this host, if not with every path. The host as below. */
bool table_index_has_host(const struct table_index *index, const char *host, size_t host_length);
/* The position of the service for a Host value (with or without port, any case) and a path, or -1. An exact host before the longest wildcard before services without hosts; among
 * those of the best host match the longest path prefix at a segment border; no fall back to a worse host match. The first entry wins a tie. Query and fragment are not path. A root label's dot (`host.`) does not count; paths are compared byte by byte. */
int table_index_find(const struct table_index *index, const char *host, size_t host_length, const char *path, size_t path_length);

struct table_slot {
	_Alignas(64) _Atomic uint32_t held; /* exchanges of one worker that use this table */
};

/* What holds for the whole proxy, copied into each table. */
struct table_globals {
	uint64_t header_ms, idle_ms, connect_ms, response_ms, stall_ms;
	uint64_t total_ms;                 /* of an exchange; 0: no limit */
	uint64_t header_bytes, body_bytes; /* body_bytes 0: no limit */
	uint64_t rate;                     /* bytes a second that a client must send or take at least; 0: no least rate */
	unsigned headers, connections;
	unsigned client_connections; /* of one client address; 0: no limit */
	bool draining;               /* answers carry `Connection: close` */
	struct addr_block *trusted;  /* owned by the table (copied) */
	size_t trusted_count;
	uint8_t preview_key[TOKEN_KEY_SIZE]; /* of the tokens of previews */
	struct manners *manners;             /* of the listeners (the table has a reference): see proxy/manners.h; NULL: none has any */
};

struct table {
	uint64_t generation; /* set by proxy_publish */
	struct table_globals globals;
	struct table_index *index;
	size_t service_count;
	struct table_service **services;
	bool has_orders;    /* a color of a service has a cut, tunnels to close, or connections to open */
	struct table *next; /* proxy.c's list of tables that are not free yet */
	unsigned workers;
	struct table_slot *slots; /* one per worker */
};

/* A table of these services: takes references to index and services. services[i] is what entry i of the index routes to. */
struct table *table_new(const struct table_globals *globals, struct table_index *index, struct table_service *const *services, size_t count, unsigned workers);
/* Only when nobody holds it. */
void table_free(struct table *table);

/* Worker's thread: the slot of a table. */
static inline void table_hold(struct table *table, unsigned worker)
{
	_Atomic uint32_t *held = &table->slots[worker].held;
	atomic_store_explicit(held, atomic_load_explicit(held, memory_order_relaxed) + 1, memory_order_relaxed);
}
static inline void table_release(struct table *table, unsigned worker)
{
	_Atomic uint32_t *held = &table->slots[worker].held;
	atomic_store_explicit(held, atomic_load_explicit(held, memory_order_relaxed) - 1, memory_order_release);
}
/* True when no worker holds it. Control thread, acquire loads. */
bool table_is_quiet(const struct table *table);

/* The service for a request, or NULL. */
struct table_service *table_find_service(const struct table *table, const char *host, size_t host_length, const char *path, size_t path_length);

/* The service of this name, or NULL. */
struct table_service *table_find_named(const struct table *table, const char *name);

/* Whether both colors get a share. */
static inline bool table_is_split(const struct table_service *service)
{
	return service->blue_split - 1 < TABLE_SPLIT_WHOLE - 1;
}
/* A request's point, from 0 to TABLE_SPLIT_WHOLE - 1. The next of a low-discrepancy sequence over *turn, the caller's counter for this service, with which no one else may count: every run of 10,000
 * requests visits each point once, so that it holds the exact shares. Or that of a key, by a hash of it with the service's seed. */
uint32_t table_take_point(uint32_t *turn);
uint32_t table_point_of_key(const struct table_service *service, const char *key, size_t key_length);
/* Whose share it lies in: blue's points are those below its share, so that a share that grows only gains points, and one of 0 has none. */
static inline enum color table_color_at(const struct table_service *service, uint32_t point)
{
	return point < service->blue_split ? COLOR_BLUE : COLOR_GREEN;
}

/* Chooses a backend of the color for a worker: among those that are up, not in `tried` and not skipped now; least connections by the worker's own lanes (ties go round), round robin by *turn, the
 * worker's counter for this color, or by the client's `key`: the highest hash of key and name, so that a backend that comes or goes moves no more than its own clients; key 0 is
 * none, and least connections decides. With more than 16 up, least connections looks at 8 of them, from where the last choice ended, so that a choice costs a bounded number of cache lines.
 * Then those that are up but skipped (the one whose skip ends first); then unknown ones; then the down one that was tried longest ago. NULL: all tried, or none there. */
struct backend *table_choose_backend(const struct table_service *service, enum color color, unsigned worker, uint32_t *turn, uint64_t key, uint64_t now_ms,
	struct backend *const *tried, unsigned tried_count);

/* Whether the color has a backend that is up and not skipped now by this worker. */
bool table_has_fit_backend(const struct table_service *service, enum color color, unsigned worker, uint64_t now_ms);

#endif
