/* All of TLS that one configuration names: the files behind it, each once, and what was made of them. Control thread.
 *
 * Made beside the one in use, so that a fault changes nothing; what both have in common is the same object in both. */
#ifndef TEAL_SWITCH_TLSPLAN_H
#define TEAL_SWITCH_TLSPLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/color.h"
#include "conf/conf.h"
#include "proxy/tlsprofile.h"
#include "switch/tlssource.h"

struct ticket;
struct tlsback;
struct tlsfront;

struct tlsplan_front {
	struct tlsfront *front;                 /* a reference; NULL: the listener is in clear */
	uint8_t recipe[TLSPROFILE_DIGEST_SIZE]; /* of all that it was made of: what has the same one is the same */
};

struct tlsplan_back {
	struct tlsback *back; /* a reference; NULL: in clear */
	uint8_t recipe[TLSPROFILE_DIGEST_SIZE];
};

struct tlsplan {
	const struct conf *conf;
	struct ticket *ticket; /* borrowed */
	struct tlssource **sources;
	size_t source_count;
	struct tlsplan_front *fronts; /* of conf's listeners */
	struct tlsplan_back *backs;   /* of conf's services: COLOR_COUNT each */
};

/* `conf` and `ticket` are borrowed. `before` is the one in use, NULL at the start, of which what is the same is taken. NULL and a sentence. See tlsstore_plan. */
struct tlsplan *tlsplan_new(const struct conf *conf, struct ticket *ticket, const struct tlsplan *before, bool start, int64_t now_s, struct err *err);
/* NULL is allowed. */
void tlsplan_free(struct tlsplan *plan);

/* The source of a pair, or of authorities (no key; no path: the system's); NULL when there is none. */
struct tlssource *tlsplan_find_source(const struct tlsplan *plan, enum tlssource_kind kind, const char *path, const char *key_path);
/* Behind other contents of sources: makes anew what they are part of. What can't be made stays as it is, with a line in the log. True when anything is another one. */
bool tlsplan_remake(struct tlsplan *plan);

/* Calls `use` with the place in the configuration of each listener and color that names the source: `listen 0.0.0.0:443`, `services.shop.green.tls`. */
void tlsplan_list_uses(const struct tlsplan *plan, const struct tlssource *source, void (*use)(void *arg, const char *place), void *arg);

#endif
