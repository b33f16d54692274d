/* The URL of a server below which an API is asked, as in `http://127.0.0.1:9090/prometheus`. Pure. Any thread. */
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

/* Appends a text in percent-encoding: all but the unreserved characters of RFC 3986, section 2.3. It fits a query and the body of a form alike. */
void url_add_escaped(struct text *out, const char *part);

#endif
