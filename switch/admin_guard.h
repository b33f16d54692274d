/* Who may ask for what over TCP: Host, Origin, token, content type. Pure: texts in, a refusal out. See docs/api.md. */
#ifndef TEAL_SWITCH_ADMIN_GUARD_H
#define TEAL_SWITCH_ADMIN_GUARD_H

#include <stdbool.h>

#include "base/addr.h"

struct guard_request {
	bool changes;                                                          /* anything but GET */
	bool free;                                                             /* asks for no token at all */
	unsigned hosts;                                                        /* how many Host fields there are */
	const char *host, *origin, *fetch_site, *authorization, *content_type; /* NULL when missing */
};

struct guard_rules {
	const struct addr *listen; /* as bound */
	const char *token;         /* "" when none is configured */
};

struct guard_refusal {
	unsigned status;
	const char *code, *detail; /* static */
};

/* NULL when the request may pass. */
const struct guard_refusal *admin_guard_check(const struct guard_rules *rules, const struct guard_request *request);

#endif
