/* The URL of a server below which an API is asked, as in `http://127.0.0.1:9090/prometheus`, and a URL to ask as it is. Pure. Any thread. */
#ifndef TEAL_BASE_URL_H
#define TEAL_BASE_URL_H

#include <stdbool.h>

#include "base/addr.h"
#include "base/err.h"
#include "base/text.h"

struct url {
	char *root;       /* scheme, host, port and path, without the slash at the end of the path: `/api/…` is put behind it */
	struct addr addr; /* host and port; ADDR_NAME when the host still has to be looked up */
};

/* http or https, a host, and as one likes a port and a path. User information, a query and a fragment are refused, like whatever
 * RFC 3986 does not allow. The sentence says what is wrong and what is expected. */
bool url_check(const char *text, struct err *err);
/* The same, and takes it apart. On false there is nothing to end. */
bool url_init(struct url *url, const char *text, struct err *err);
void url_fini(struct url *url);

/* A URL that is asked as it is, path, query and all: http or https and a host, no user information, no fragment, at most 2048 bytes. `addr`, which may be NULL, is where its
 * host and port are. The sentence never holds the text, nothing of which is public: such URLs often are secrets. */
bool url_read_target(const char *text, struct addr *addr, struct err *err);
/* What may be shown of such a URL: `https://host:port`, and `/…` where there is more. For one that can be read; malloc'd. */
char *url_show_target(const char *text);

/* Appends a text in percent-encoding: all but the unreserved characters of RFC 3986, section 2.3. It fits a query and the body of a form alike. */
void url_add_escaped(struct text *out, const char *part);

#endif
