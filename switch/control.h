/* The daemon: builds everything from one configuration and runs it on the control thread.
 *
 * `teal serve` makes an event_base (before any other thread exists), calls control_new and control_run, and frees in the reverse order. Everything else
 * that happens is asked for through the admin API or by a signal: SIGTERM and SIGINT drain and end (a second one ends at once), SIGHUP reloads, SIGUSR1
 * opens the access log anew. SIGPIPE is ignored from control_new on. */
#ifndef TEAL_SWITCH_CONTROL_H
#define TEAL_SWITCH_CONTROL_H

#include <stdbool.h>

#include "base/err.h"
#include "conf/conf.h"

struct control;
struct event_base;

/* Opens the state directory, binds every listener, starts workers and probes and opens the admin API. `conf` is owned by the control from here on, whatever the result.
 * NULL and a sentence when something can't be had (a taken port, a state directory without rights, a running daemon on the same socket, …); then nothing is left running or behind. `faulty` is
 * whether it is the configuration that is at fault, by a file that it names (a key that fits no certificate, a token that is too short, …). */
struct control *control_new(struct event_base *loop, struct conf *conf, bool *faulty, struct err *err);

/* Whether the access log's folder is there: what a start needs, and `teal check` looks at. False and a sentence. */
bool control_check_access(const struct conf *conf, struct err *err);

/* Runs the loop until a signal or POST /v1/stop ended it and the drain is over. */
void control_run(struct control *control);

/* Stops what still runs, writes what is queued, removes the admin socket and frees everything but the loop. NULL is allowed. */
void control_free(struct control *control);

/* The addresses of the proxy's listeners as really bound (port 0 resolved), in the order of the file, and of admin.listen (NULL when there is none). Borrowed. */
const struct addr *control_listens(const struct control *control, size_t *count);
const struct addr *control_admin_listen(const struct control *control);

#endif
