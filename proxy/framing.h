/* How long is the body? RFC 9112 section 6.3, refusing what is ambiguous. Pure. */
#ifndef TEAL_PROXY_FRAMING_H
#define TEAL_PROXY_FRAMING_H

#include "proxy/head.h"

enum framing_kind {
	FRAMING_none,   /* no body */
	FRAMING_length, /* `length` bytes, at least 1 */
	FRAMING_chunked,
	FRAMING_close,  /* answers only: until the backend closes */
	FRAMING_tunnel, /* a 101 answer: bytes both ways until both close */
};

struct framing {
	enum framing_kind kind;
	uint64_t length;
};

/* Of a request. Fails with request_framing (both lengths, differing or invalid Content-Length, Transfer-Encoding in HTTP/1.0, chunked not
 * last or repeated) or request_coding (an unknown coding). */
enum fail framing_of_request(const struct head *head, struct framing *framing);

/* Of a final or 101 answer to a request with this method. Fails with answer_framing. An answer with Transfer-Encoding and Content-Length is refused;
 * a 1xx, 204 or 304 answer and one to HEAD have no body whatever the fields say. */
enum fail framing_of_answer(const struct head *head, enum method method, struct framing *framing);

/* Whether the sender of this head keeps the connection open after the message (Connection, version). Says nothing of FRAMING_close. */
bool framing_keeps_open(const struct head *head);

#endif
