/* An answer of Route 53 that is an error: what it says, and what is to be done about it. Pure; any thread.
 *
 * Three forms of XML exist, and all are read: <ErrorResponse><Error> with Code and Message (several messages as `[one, two]`), <InvalidChangeBatch><Messages>, and a root that is
 * the code itself. Only local names count. A body that is none of these, or empty, leaves the status alone. */
#ifndef TEAL_DNS_R53_ERROR_H
#define TEAL_DNS_R53_ERROR_H

#include <stddef.h>

#include "base/text.h"

struct r53_error {
	int status;
	char code[64];       /* "" when none was given */
	char request_id[64]; /* "" likewise */
	char **messages;     /* without controls, and without what they may repeat of our own signed header */
	size_t count;
};

enum r53_remedy {
	R53_STOP,    /* it was not done, and would not be the next time */
	R53_BACKOFF, /* it was not done; the same again, later */
	R53_UNSURE,  /* it may have been done. What only reads may be asked again, later */
	R53_CLOCK,   /* it was not done: our clock is wrong. Again by the answer's Date, once */
	R53_RENEW,   /* it was not done: the credentials have expired. Again with new ones, once */
};

/* `request_id` is that of the header, which wins, or NULL. Ended by r53_error_fini. */
void r53_error_read(struct r53_error *error, int status, const char *body, size_t length, const char *request_id);
void r53_error_fini(struct r53_error *error);
/* How much of a message of AWS may be shown: behind that it repeats what it would have signed, with our session token. */
size_t r53_error_measure_public(const char *message);
enum r53_remedy r53_error_choose(const struct r53_error *error);

/* Appends one sentence with what was said (of very much the beginning): `AccessDenied (403): User … is not authorized …; request 7f3c…`. */
void r53_error_describe(const struct r53_error *error, struct text *out);

#endif
