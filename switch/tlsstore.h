/* What the configuration says of TLS, as the proxy takes it: what listeners say to clients (tlsfront), what is said to the backends of a color (tlsback), the keys of tickets; and the files that all of it comes from, watched.
 *
 * Control thread; reads files there, each once for all who name it. What is made lives for as long as somebody holds it: tables, connections, probes. Equal settings share one tlsback, so that it is the same as long as they are,
 * across reloads and renewals. What happens to certificates is told here, by events `certificate_renewed`, `certificate_refused` and `certificate_expiring`. */
#ifndef TEAL_SWITCH_TLSSTORE_H
#define TEAL_SWITCH_TLSSTORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <jansson.h>

#include "base/color.h"
#include "base/err.h"
#include "conf/conf.h"

struct events;
struct tlsback;
struct tlsfront;
struct tlsplan;
struct tlsstore;

/* `events` must outlive it. `now_mono_ms` here and below is monotonic, `now_s` wall clock. */
struct tlsstore *tlsstore_new(struct events *events, uint64_t now_mono_ms);
/* NULL is allowed. */
void tlsstore_free(struct tlsstore *store);

/* Everything that `conf` names, read and made beside what is in use. NULL and a sentence that says which file or listener it is when something can't be had; then nothing has changed. A certificate whose time is not now is refused, unless
 * it is in use already, or this is the `start`, where there is nothing better. */
struct tlsplan *tlsstore_plan(const struct tlsstore *store, const struct conf *conf, bool start, int64_t now_s, struct err *err);
/* What would be other certificates and authorities, as sentences: those in files that were named before, too. */
void tlsstore_list_changes(const struct tlsstore *store, const struct tlsplan *plan, json_t *sentences);
/* It is in use from here on, and the store's. `conf`, which it was made of, is borrowed until the next one is taken. */
void tlsstore_take(struct tlsstore *store, struct tlsplan *plan, int64_t now_s);

/* Once a second: renews the keys of tickets, looks whether files have changed, takes those that are good, and says how many days are left. A file counts as changed when it looks the same for the second time in a row; a pair is read as a whole, and one
 * that is faulty leaves the one in use, and all others. True when a front or a back is another one: whoever has one asks anew, and a new table is published. */
bool tlsstore_tick(struct tlsstore *store, uint64_t now_mono_ms, int64_t now_s);

/* Of conf's listener with this index; NULL: it is in clear. Borrowed. `store` may be NULL, here and below: all is in clear. */
struct tlsfront *tlsstore_front(const struct tlsstore *store, size_t listen);
/* Of a color; NULL: its backends are spoken to in clear. Borrowed: who keeps it holds it. */
struct tlsback *tlsstore_back(const struct tlsstore *store, const char *service, enum color color);
/* What is in use, for those who show it; NULL before the first was taken. */
const struct tlsplan *tlsstore_read(const struct tlsstore *store);

#endif
