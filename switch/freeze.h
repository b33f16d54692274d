/* Freezes: times in which no switch begins (gates.freeze). Pure once made; control thread.
 *
 * Windows are told by the clocks of a zone. A border that the clocks skip when they are put forward is at that moment; of one that they show twice a window begins
 * at the first and ends at the second: it is longer rather than shorter. */
#ifndef TEAL_SWITCH_FREEZE_H
#define TEAL_SWITCH_FREEZE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conf/conf.h"

struct freeze;

/* Reads the zones of the windows. The windows are copied. */
struct freeze *freeze_new(const struct conf_freeze *windows, size_t count);
/* NULL is allowed. */
void freeze_free(struct freeze *freeze);

/* Whether the instant is inside of a window, and a sentence: which one and why, when it ends; or that there is none. *ends_ms (wall clock) is when the window that ends
 * last of those around the instant does; 0: in none, or not known. A window whose zone the system does not know (any more) holds always. */
bool freeze_holds(const struct freeze *freeze, uint64_t wall_ms, char *sentence, size_t size, uint64_t *ends_ms);

#endif
