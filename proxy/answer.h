/* The head of an answer: read from the backend, judged, rewritten, sent to the client. Worker thread.
 *
 * Interim answers are passed on; the final one decides how the body is relayed and whether the two connections live on. */
#ifndef TEAL_PROXY_ANSWER_H
#define TEAL_PROXY_ANSWER_H

struct exchange;

/* Reads once from the backend and goes as far as the bytes allow. The exchange may have ended on return. */
void answer_read_head(struct exchange *exchange);

#endif
