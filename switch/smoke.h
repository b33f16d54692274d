/* Smoke requests: gates.smoke, sent to the backends of the idle color before a switch. Control thread.
 *
 * Every request goes to every backend: a backend's requests one after another, in the order of the file, and at most SMOKE_BACKENDS_AT_A_TIME backends at
 * once. The first answer that is not what was expected ends it. Redirects are not followed, cookies are not kept; retries there are none. */
#ifndef TEAL_SWITCH_SMOKE_H
#define TEAL_SWITCH_SMOKE_H

#include <stdbool.h>
#include <stddef.h>
#include <jansson.h>

#include "base/addr.h"
#include "base/color.h"
#include "conf/conf.h"

struct fetch;
struct fetch_trust;
struct smoke;

#define SMOKE_BACKENDS_AT_A_TIME 4u
/* Rows that are kept of a run; the others are counted. */
#define SMOKE_RESULTS_KEPT 64u

struct smoke_backend {
	const char *name;
	struct addr addr; /* ADDR_NAME: not resolved yet; fails with a sentence */
	enum conf_proxy_protocol announce;
	const struct fetch_trust *trust; /* TLS; NULL: in clear */
};

/* What to ask whom. Everything is copied. */
struct smoke_plan {
	const struct conf_smoke *requests;
	size_t request_count;
	const struct smoke_backend *backends;
	size_t backend_count;
	const char *host;    /* for a request that names none; NULL: the backend's address */
	const char *version; /* of the color, for {version}; may be NULL or "" */
	enum color color;
};

/* Called once, from the loop. */
typedef void smoke_on_end(void *arg);

struct smoke *smoke_start(struct fetch *fetch, const struct smoke_plan *plan, smoke_on_end *on_end, void *arg);
/* Cancels what is under way. Not from inside its on_end. NULL is allowed. */
void smoke_free(struct smoke *smoke);

/* Once it ended: whether everything was as expected, and a sentence: how many requests, or which one of which backend, what was expected and what came. */
bool smoke_passed(const struct smoke *smoke);
const char *smoke_detail(const struct smoke *smoke);
/* [{"request", "backend", "passed", "status" (null: no answer), "detail", "ms"; failed: "body"}] of what has ended so far, at most SMOKE_RESULTS_KEPT rows, the failed one among them. */
json_t *smoke_to_json(const struct smoke *smoke);

#endif
