/* What `teal preview` gives out: a link to a service's idle color, signed and good for a while. Control thread. How it is read is in proxy/preview. */
#ifndef TEAL_SWITCH_PREVIEWING_H
#define TEAL_SWITCH_PREVIEWING_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/token.h"

struct control;
struct service;

struct previewing_link {
	char token[TOKEN_SIZE];
	char url[1024];
	uint64_t expires_at; /* wall clock, ms */
};

/* Reads the key from the state directory, or makes it, also where others could have used it. Cannot fail: where it can't be kept, a warning says that links end with this run. */
void previewing_take_key(const char *state, uint8_t key[TOKEN_KEY_SIZE]);

/* A link that is good for `seconds` from now on (0: as long as preview.expires says). `base` is what stands in front of the path, such as `https://shop.example`; NULL: the service's first host
 * that is no wildcard (else the listener's address), at the first listener with TLS, else at the first one in clear that redirects nobody. False: the service has no preview.cookie, or no host can be told; the sentence says what else there is. */
bool previewing_make_link(
	const struct control *control, const struct service *service, uint64_t seconds, const char *base, struct previewing_link *link, struct err *err);

#endif
