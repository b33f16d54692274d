/* Verbs that depend on what a record says have it read first. Control thread. */
#ifndef TEAL_SWITCH_ADMIN_LOOK_H
#define TEAL_SWITCH_ADMIN_LOOK_H

#include "switch/admin_parts.h"

/* Goes on with `then` once the record of the path's service was read anew, or could not be: what came of it is what the gates say. At once for a service whose live color nobody is asked for, for one that is not
 * there, and while a deployment or a prepare is under way, which knows what the record says. When Route 53 has not answered in 8 s it is refused. */
void admin_look_first(struct ask *ask, void (*then)(struct ask *ask));
/* The same for a rollback, which waits for no more than a second, and goes on then: it deletes nothing but the record that it knows, whatever was read. */
void admin_look_briefly(struct ask *ask, void (*then)(struct ask *ask));

#endif
