/* The answers that teal gives itself: status, Proxy-Status (RFC 9209), a request id, and a body in text, HTML or JSON as Accept asks. Worker thread. */
#ifndef TEAL_PROXY_REPLY_H
#define TEAL_PROXY_REPLY_H

#include "proxy/fail.h"

struct exchange;

/* Answers for a failure and ends the exchange. */
void reply_send(struct exchange *exchange, enum fail fail);

#endif
