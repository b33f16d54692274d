/* What a listener does for an exchange by itself, by its manner (see manners.h): answers instead of a service, and what it adds to heads. Worker thread.
 *
 * Where no listener has a manner, each of these is a look at a NULL. */
#ifndef TEAL_PROXY_FRONTDOOR_H
#define TEAL_PROXY_FRONTDOOR_H

#include <stdbool.h>

#include "proxy/client.h"
#include "proxy/exchange.h"
#include "proxy/manners.h"

/* Of the exchange's listener, by the exchange's table. NULL: none. */
static inline const struct manner *frontdoor_find_manner(const struct exchange *exchange)
{
	const struct manners *manners = exchange->table->globals.manners;
	return manners ? manners_find(manners, exchange->client->listener) : NULL;
}

enum frontdoor {
	FRONTDOOR_OPEN,     /* it goes on to its service */
	FRONTDOOR_ANSWERED, /* the exchange may have ended */
	FRONTDOOR_REFUSED,  /* exchange->fail says why */
};
/* Of a request that no service has seen, where there are manners: whether it ends here, being for a challenge of ACME or to be sent to https. Both are for connections in clear alone. */
enum frontdoor frontdoor_answer(struct exchange *exchange, const struct head *head);

/* Why no service was found: none has this host and path; or none has this host, and TLS was set up for another one (RFC 9110 section 15.5.20). */
enum fail frontdoor_explain_unrouted(const struct exchange *exchange, struct span host);

/* The value of Strict-Transport-Security for the exchange's answers; length 0: none. */
static inline struct span frontdoor_find_hsts(const struct exchange *exchange)
{
	const struct manner *manner = frontdoor_find_manner(exchange);
	if (!manner || !exchange->client->conn.secure)
		return (struct span){NULL, 0};
	return (struct span){manner->hsts, manner->hsts_length};
}

/* The client's certificate as the value of Client-Cert; length 0: it has shown none. The client keeps it. For secure connections. */
struct span frontdoor_keep_certificate(struct client *client);
/* The same, where the listener passes it on. */
static inline struct span frontdoor_find_certificate(const struct exchange *exchange)
{
	const struct manner *manner = frontdoor_find_manner(exchange);
	if (!manner || !manner->forwards_certificate || !exchange->client->conn.secure)
		return (struct span){NULL, 0};
	return frontdoor_keep_certificate(exchange->client);
}

#endif
