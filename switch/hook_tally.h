/* Which hooks of a list were run for a deployment already, however a reload has changed the list meanwhile. Pure; control thread. */
#ifndef TEAL_SWITCH_HOOK_TALLY_H
#define TEAL_SWITCH_HOOK_TALLY_H

#include <stddef.h>
#include <jansson.h>

#include "conf/conf.h"

/* Everything that makes a hook this one and not another: what is run or asked, and its settings. A new reference, to be kept in an array of those that are done. May hold secrets: shown to nobody. */
json_t *hook_tally_describe(const struct conf_hook *hook);
/* The first hook of the list that is not done, or the list's count. Each that is done counts for one of the list. */
size_t hook_tally_find_next(const json_t *done, const struct conf_hooks *hooks);

#endif
