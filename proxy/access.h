/* One line of access log per exchange, formatted into the worker's ring; the log writer's thread does the rest. Worker thread.
 *
 * What the request says is written down when it begins, while its head is there; the rest when it ends. */
#ifndef TEAL_PROXY_ACCESS_H
#define TEAL_PROXY_ACCESS_H

#include <stdint.h>

#include "proxy/proxy.h"
#include "proxy/span.h"

struct exchange;
struct head;

/* What is known of a line when its request begins, as text. Zeroed memory is none. */
struct access_note {
	char *bytes; /* NULL: none */
	uint32_t length;
	uint32_t request_at, rest_at; /* of the combined format: where the request line begins, and what comes behind the answer */
	enum proxy_access format;
};

/* Where there is a log (the worker has a ring): notes what its line will say of the request. `id` is the one that was made for it, in case it has none of its own. */
void access_begin(struct exchange *exchange, const struct head *head, struct span id);
/* Writes the line of an exchange that is about to end, or drops and counts it when the ring is full; gives the note back. One that was on its way already when the log was
 * switched on has none. */
void access_end(struct exchange *exchange);

#endif
