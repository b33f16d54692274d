/* One POST of a JSON body to a URL, signed where a secret is given. Control thread. Tries once; another address of the host only when the first one takes no connection.
 *
 * Fields of the request: Content-Type: application/json, User-Agent: teal/VERSION, X-Teal-Event, X-Teal-Delivery (the same for every try of one delivery), and with a
 * secret X-Teal-Timestamp (seconds since 1970, of this try) and X-Teal-Signature (see hook_secret_sign). */
#ifndef TEAL_SWITCH_HOOK_POST_H
#define TEAL_SWITCH_HOOK_POST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fetch.h"

struct hook_tools;
struct hook_post;

/* Copied. `event` and `delivery` are ours: letters, digits, '.', '-' and '_'. */
struct hook_post_request {
	const char *url;         /* as url_read_target wants it; https is verified with the certificates of the system */
	const char *secret_file; /* NULL: not signed */
	const char *event, *delivery;
	const char *body; /* JSON */
	uint64_t timeout_ms;
};

struct hook_post_result {
	bool passed;        /* an answer of 2xx; a redirect is not followed */
	int status;         /* of the answer, 0: none */
	char sentence[512]; /* names scheme and host alone */
	const char *output; /* the first 8 KiB of the answer's body, as output_to_text has it; "" when nothing */
};

/* Runs once, from the loop, never from inside hook_post_start; the post is gone after it. It may start and cancel others. */
typedef void hook_post_done(void *arg, const struct hook_post_result *result);

/* `done` comes within the time limit. */
struct hook_post *hook_post_start(struct hook_tools *tools, const struct hook_post_request *request, hook_post_done *done, void *arg);
/* Without a callback. Not from inside its own `done`. */
void hook_post_cancel(struct hook_post *post);

#endif
