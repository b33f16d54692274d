/* The answers that teal gives itself: status, Proxy-Status (RFC 9209), a request id, and a body in text, HTML or JSON as Accept asks. Worker thread. */
#ifndef TEAL_PROXY_REPLY_H
#define TEAL_PROXY_REPLY_H

#include <stddef.h>

#include "proxy/fail.h"
#include "proxy/span.h"

struct exchange;
struct head;
struct preview_link;
struct table_service;

/* Answers for a failure and ends the exchange. */
void reply_send(struct exchange *exchange, enum fail fail);
/* Answers OPTIONS or TRACE with `Max-Forwards: 0` as its last recipient (RFC 9110 section 7.6.2); `head` lies in the worker's buffer. Ends the exchange as well. */
void reply_as_recipient(struct exchange *exchange, const struct head *head);
/* Sends a request to this URI, for good (308). Ends the exchange as well. */
void reply_to_redirect(struct exchange *exchange, const struct head *head, struct span location);
/* Answers with a challenge of ACME. Ends the exchange as well. */
void reply_to_challenge(struct exchange *exchange, const struct head *head, char *text, size_t length);
/* Answers the link of a preview with its cookie and a redirect to where it leads. Ends the exchange as well. The token is in the cookie alone: `head` gets the target without it, for the log. */
void reply_to_link(struct exchange *exchange, const struct table_service *service, const struct preview_link *link, struct head *head);

#endif
