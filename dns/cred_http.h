/* One question to an agent or to STS: the name looked up, each of its addresses tried, asked again after what passes by itself. Control thread. Judges no answer. */
#ifndef TEAL_DNS_CRED_HTTP_H
#define TEAL_DNS_CRED_HTTP_H

#include <stddef.h>
#include <stdint.h>

#include "base/fetch.h"
#include "dns/credentials.h"

struct cred_http;

/* Copied. */
struct cred_http_request {
	const char *method, *url;
	const char *const *headers; /* NULL-terminated; may be NULL */
	const char *body;           /* NUL-terminated; may be NULL */
	uint64_t timeout_ms;        /* of one try, the look-up included */
	unsigned tries;             /* at least 1 */
	uint64_t pause_ms;          /* between them */
};

/* Once, from the loop, never from inside cred_http_start; the object is gone then. */
typedef void cred_http_done(void *arg, const struct fetch_answer *answer);

/* Tried again is what was not answered, 429 and 5xx. The URL is one that url_read_target takes. */
struct cred_http *cred_http_start(const struct credentials_tools *tools, const struct cred_http_request *request, cred_http_done *done, void *arg);
/* Without a callback. */
void cred_http_cancel(struct cred_http *http);

#endif
