/* What one color does for the other: which failures the shield makes good, and whose 404s are tried on the other color, as the next table has it. Control thread; changes nothing. */
#ifndef TEAL_SWITCH_SERVICE_ASSIST_H
#define TEAL_SWITCH_SERVICE_ASSIST_H

#include "switch/service.h"

/* Bits of enum table_shield for this color's failures. */
unsigned service_read_shield(const struct service *service, enum color color);
/* The paths of the fallback, with a reference for the caller; NULL when there are none. */
struct table_index *service_read_fallback_paths(const struct service *service);
/* Whether this color's 404s may be tried on the other one: that is live, or kept for a while because this one has users since a deployment that still runs, or is wanted at any time as a shield. Never what
 * was rolled back. */
bool service_falls_back(const struct service *service, enum color color);
/* Whether the color that is not live may get previews: not from the hold of an exclusive switch on, to its end. */
bool service_takes_previews(const struct service *service);

#endif
