/* Listening sockets: made in one place, accepted from a bounded number of times a wake-up, paused by a deadline when descriptors or connections run out. */
#ifndef TEAL_PROXY_LISTENER_H
#define TEAL_PROXY_LISTENER_H

#include <stdbool.h>

#include "base/addr.h"
#include "base/err.h"
#include "proxy/deadline.h"

struct proxy_listen;
struct worker;

/* Control thread: a bound, listening, non-blocking socket; -1 and a sentence. With `bound` the address really bound is written back (port 0). TCP sockets
 * share the port among workers (SO_REUSEPORT). */
int listener_bind(const struct addr *addr, struct addr *bound, struct err *err);

/* Control thread, before the worker starts: takes the socket over (what `listen` points to must outlive the proxy); then, once all are there, watches them. */
bool listener_add(struct worker *worker, int fd, const struct proxy_listen *listen, struct err *err);
bool listener_start_all(struct worker *worker, struct err *err);
/* Worker's thread (or after it ended): closes all, after accepting what is queued when asked. */
void listener_close_all(struct worker *worker, bool accept_queued);
/* The service whose idle color the worker's listener `index` leads to; NULL: none. Good for as long as the proxy. */
const char *listener_preview(const struct worker *worker, unsigned index);
/* A connection that was accepted from the worker's listener `index` is counted as open; it has closed. */
void listener_on_client_open(struct worker *worker, unsigned index);
void listener_on_client_close(struct worker *worker, unsigned index);
/* DEADLINE_accept: accept again. */
void listener_on_deadline(struct deadline *deadline);

#endif
