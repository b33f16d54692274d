/* What is removed, added and rewritten in a head on its way through (RFC 9110 sections 7.2, 7.6, 7.8). Pure.
 *
 * Unchanged lines are copied as received, in their order. Hop-by-hop fields and those that Connection names are removed; a Connection member never removes
 * Host, Content-Length, Transfer-Encoding, Forwarded, X-Forwarded-*, X-Request-Id or Via (they pass on). Ours are written last. A request's Client-Cert and Client-Cert-Chain are removed, and so are these
 * and X-Forwarded-* with `_` for a `-`.
 * Proxy-Authorization and Proxy-Authenticate pass: we ask for no credentials, so they are not for us (RFC 9110 section 11.7 lets them be relayed). */
#ifndef TEAL_PROXY_FIELDS_H
#define TEAL_PROXY_FIELDS_H

#include "proxy/framing.h"
#include "proxy/head.h"

struct fields_to_backend {
	const char *client; /* the peer's address for X-Forwarded-For, without a port (IPv6 without brackets) */
	size_t client_length;
	bool trusted; /* the peer is a trusted proxy: its Forwarded and X-Forwarded-* are kept, Forwarded and X-Forwarded-For are appended to; else X-Forwarded-* are replaced */
	bool tls;               /* X-Forwarded-Proto: https, else http */
	const char *request_id; /* used when the request has no X-Request-Id of its own that is valid (1 to 128 of token characters and '/' '=' '@' ':') */
	size_t request_id_length;
	const char *host; /* Host for an HTTP/1.0 request that names none, as HTTP/1.1 must have it; `host_length` 0: an empty Host is sent */
	size_t host_length;
	struct span certificate; /* the client's, as a value of Client-Cert (RFC 9440 section 2.2); length 0: none */
	bool upgrade;            /* pass Upgrade and `Connection: upgrade` on */
	bool expect;             /* pass Expect: 100-continue on */
};

/* Writes the request head for the backend: origin-form target ("*" stays), HTTP/1.1, Host first (from the absolute form's authority where there is one), `Via: 1.1 teal` (1.0 where received so) behind the ones that are there, no Connection field but for `upgrade` and TE, TE only as `TE: trailers`
 * when asked, Transfer-Encoding as `chunked`, Max-Forwards counted down for OPTIONS and TRACE. The framing was found good before. X-Forwarded-* are written as `trusted` says;
 * Forwarded passes from a trusted peer alone, with that peer as `for` at its end, and `proto=https` where it came by TLS. Returns its length; 0 when it is larger than `size`, or when Connection names more than 64 fields. */
size_t fields_write_request(const struct head *head, const struct fields_to_backend *with, char *out, size_t size);

/* Whether a request has an id that is passed on; else it gets the one of fields_to_backend. */
bool fields_has_request_id(const struct head *head);

/* Whether the request came to its end here: OPTIONS or TRACE with `Max-Forwards: 0` (RFC 9110 section 7.6.2). Such a request is answered, never written. */
bool fields_must_answer(const struct head *head);

/* Whether Connection names fields beyond those that go from hop to hop anyway. Their lines must not pass as trailers either (RFC 9110 section 7.6.1), so the
 * trailers of such a message are left out (chunk_drop_trailers). */
bool fields_names_others(const struct head *head);

struct fields_to_client {
	unsigned client_minor; /* 0: the client speaks HTTP/1.0, and gets no Trailer */
	enum framing_kind
		framing; /* how the body is sent on: for FRAMING_chunked to an HTTP/1.1 client Transfer-Encoding is written by us, Content-Length by the backend's line */
	bool close;         /* write `Connection: close` */
	bool keep_alive;    /* an HTTP/1.0 client asked for it and gets `Connection: keep-alive` */
	bool upgrade;       /* a 101: Upgrade and `Connection: upgrade` pass */
	struct span cookie; /* a value for one more Set-Cookie; length 0: none */
	struct span hsts;   /* a value of Strict-Transport-Security, in place of the answer's own; length 0: none, its own pass */
	struct span date;   /* an HTTP-date for a final answer that has none (RFC 9110 section 6.6.1); length 0: none is added */
};

/* Writes the answer head for the client: always `HTTP/1.1 status reason`, hop-by-hop removed, `Via: 1.1 teal`, `date` where Date is missing. Transfer-Encoding is written afresh for
 * FRAMING_chunked and removed otherwise; Content-Length passes, but a repeated one only once, and none beside a Transfer-Encoding or in a 1xx or 204 answer. A 426 keeps its
 * Upgrade, as it must. Also for interim answers. 0 when larger than `size`, or when Connection names more than 64 fields. */
size_t fields_write_answer(const struct head *head, const struct fields_to_client *with, char *out, size_t size);

#endif
