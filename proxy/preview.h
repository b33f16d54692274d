/* Requests that ask for the idle color: by a field, by a cookie with a signed token, or by the listener they came from. Worker thread; looks, and sends nothing but the answer to a link.
 *
 * A preview goes to the idle color and is kept apart (exchange->preview): it counts as `assist` there and in its `previewed`, in nothing else of a color; it is never shielded, copied or pinned.
 * The field and the cookie pass on to the backend, which may want to know. What is no good (a field of another value, a token that is faulty, expired, forged, or of the color that is live by
 * now) asks for nothing: the request goes where it would go anyway.
 *
 * A link is a GET or HEAD whose query has `teal_preview=TOKEN`: teal answers it itself, with the cookie and a redirect to the same target without it. */
#ifndef TEAL_PROXY_PREVIEW_H
#define TEAL_PROXY_PREVIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/color.h"
#include "base/token.h"
#include "proxy/head.h"
#include "proxy/table.h"

#define PREVIEW_PARAMETER "teal_preview"
#define PREVIEW_SUBJECT_SIZE 320u

/* What the token of a preview is good for: a service's color. Names longer than 256 bytes are cut. */
void preview_write_subject(const char *service, enum color color, char out[PREVIEW_SUBJECT_SIZE]);

/* Whether field or cookie of the request ask for the idle color. For services with `preview_header` or `preview_cookie`. */
bool preview_is_asked(const struct table_service *service, const struct table_globals *globals, const struct head *head, uint64_t now_s);

/* What follows from a link. */
struct preview_link {
	struct span token, before, after; /* of the target: what stays is in front of the token's parameter and behind it */
	uint64_t left_s;                  /* until it expires */
};
/* Whether it is a link with a good token. For services with a `preview_cookie`. */
bool preview_read_link(
	const struct table_service *service, const struct table_globals *globals, const struct head *head, uint64_t now_s, struct preview_link *link);
/* The target without it, as a path that stays on this host whatever it begins with. Returns its length; 0 when it does not fit. */
size_t preview_write_target(const struct preview_link *link, char *out, size_t size);

#endif
