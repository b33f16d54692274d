/* The grammar of a host with its port, in a Host field or an authority (RFC 9110 section 7.2, RFC 3986 section 3.2). Pure. */
#ifndef TEAL_PROXY_HOST_H
#define TEAL_PROXY_HOST_H

#include <stdbool.h>
#include <stddef.h>

/* Whether the text is `name`, `name:port`, `[IPv6]` or `[IPv6]:port` with a name that is not empty, no user part and a port of at most 65535. An empty port
 * (`name:`) is valid by RFC 3986, unless `port_required`. Refused though the grammar has them: a comma (two values joined on the way), IPvFuture and zones. */
bool host_is_valid(const char *text, size_t length, bool port_required);

#endif
