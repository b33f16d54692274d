/* The server that is asked: its URL, and its addresses while it is a name. Control thread. Chooses no endpoint: that is dns/credentials.h. */
#ifndef TEAL_DNS_R53_ENDPOINT_H
#define TEAL_DNS_R53_ENDPOINT_H

#include <stdbool.h>

#include "base/addr.h"
#include "base/err.h"

struct r53_endpoint;
struct resolver;

/* The addresses have become known, or can't be found (now: r53_endpoint_fault). From the loop. */
typedef void r53_endpoint_changed(void *arg);

struct r53_endpoint *r53_endpoint_new(struct resolver *resolver, r53_endpoint_changed *changed, void *arg);
/* Not from inside its callback. NULL is allowed. */
void r53_endpoint_free(struct r53_endpoint *endpoint);

/* From now on this server; a name is looked up from here on for as long as it stays. The same URL again costs nothing. False: it is none. */
bool r53_endpoint_aim(struct r53_endpoint *endpoint, const char *url, struct err *err);

/* Valid until the next aim. Where to connect: NULL as long as no address is known. */
const struct addr *r53_endpoint_addr(const struct r53_endpoint *endpoint);
const char *r53_endpoint_fault(const struct r53_endpoint *endpoint); /* why there is none; "" while it is being looked up */
const char *r53_endpoint_root(const struct r53_endpoint *endpoint);  /* scheme, host, port and path without the slash at its end */
const char *r53_endpoint_host(const struct r53_endpoint *endpoint);  /* as in the field Host, with a port that the URL names */
const char *r53_endpoint_path(const struct r53_endpoint *endpoint);  /* "" or `/path` */

/* This address gave nothing: the next one's turn. */
void r53_endpoint_pass(struct r53_endpoint *endpoint);

#endif
