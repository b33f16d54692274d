/* Time zones of the system, by name: what its clocks show at an instant, and when they show a time. Any thread, many at a time; never touches $TZ.
 *
 * Reads zoneinfo once, in zone_open, by GLib; what is asked afterwards is arithmetic. Local times are seconds since 1970-01-01 00:00 as if the zone were UTC. */
#ifndef TEAL_BASE_ZONE_H
#define TEAL_BASE_ZONE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct zone;

/* By an IANA name (`Europe/Berlin`, `UTC`). NULL and a sentence when the system does not know it. */
struct zone *zone_open(const char *name, struct err *err);
/* NULL is allowed. */
void zone_close(struct zone *zone);
/* Whether zone_open would take the name. */
bool zone_check(const char *name, struct err *err);

/* Seconds that its clocks are ahead of UTC at an instant (seconds since 1970). */
int32_t zone_offset(const struct zone *zone, int64_t at);
int64_t zone_to_local(const struct zone *zone, int64_t at);

/* Local times that clocks show twice, when they are set back, have two instants; those that they skip have the instant of the change for both. */
enum zone_which { ZONE_FIRST, ZONE_LAST };
int64_t zone_from_local(const struct zone *zone, int64_t local, enum zone_which which);

#endif
