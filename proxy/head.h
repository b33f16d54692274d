/* HTTP/1.x message heads: bytes to struct, in place, strict (RFC 9112 sections 2 to 5, RFC 9110 section 5).
 *
 * Pure: no allocation, no socket, no clock. Spans point into the caller's bytes. What is ambiguous is bad, never repaired:
 * bare CR or LF, folding, NUL and other controls, an empty field name, in requests white space before the colon (in answers RFC 9112 section 5.1
 * has a proxy remove it: see `untidy`). */
#ifndef TEAL_PROXY_HEAD_H
#define TEAL_PROXY_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proxy/fail.h"
#include "proxy/span.h"

/* The fields the proxy itself looks at; all others are FIELD_other. */
enum field_id {
	FIELD_other,
	FIELD_host,
	FIELD_connection,
	FIELD_content_length,
	FIELD_transfer_encoding,
	FIELD_te,
	FIELD_trailer,
	FIELD_upgrade,
	FIELD_expect,
	FIELD_keep_alive,
	FIELD_proxy_connection,
	FIELD_proxy_authenticate,
	FIELD_proxy_authorization,
	FIELD_max_forwards,
	FIELD_via,
	FIELD_forwarded,
	FIELD_x_forwarded_for,
	FIELD_x_forwarded_proto,
	FIELD_x_forwarded_host,
	FIELD_x_request_id,
	FIELD_cookie,
	FIELD_accept,
	FIELD_user_agent,
	FIELD_referer,
	FIELD_date,
	FIELD_client_cert,
	FIELD_client_cert_chain,
	FIELD_strict_transport_security,
	FIELD_ID_COUNT
};

#define FIELD_BIT(id) (1u << (id))
_Static_assert(FIELD_ID_COUNT <= 31, "a bit for each, and one more");

struct head_field {
	const char *line;     /* the name; the line begins here */
	const char *value;    /* without the white space around it */
	uint32_t line_length; /* with its CRLF */
	uint32_t value_length;
	uint16_t name_length;
	uint16_t id; /* enum field_id */
};

#define HEAD_ODD (1u << 31) /* a field may be an alias of one that has an id, with `_` for a `-`: see removal_is_alias */

enum method { METHOD_other, METHOD_get, METHOD_head, METHOD_post, METHOD_put, METHOD_delete, METHOD_patch, METHOD_options, METHOD_trace, METHOD_connect };

#define HEAD_FIELDS_MAX 272 /* the upper bound of limits.headers, and 16 for what fields.c adds: a head that it wrote is read again */

struct head {
	/* request */
	struct span method_text, target; /* as received */
	enum method method;
	struct span authority; /* of an absolute-form target (or CONNECT's); length 0 otherwise */
	struct span path; /* from the first '/' of the path to the end of the target, "/" when an absolute form has none ("*" stays, and stands for an absolute
				  form of OPTIONS without path and query). A query right behind the authority is the path: it begins with '?', and "/" belongs before it.
				  Empty for CONNECT */
	bool https;       /* the target is an absolute form with this scheme: to be refused where it did not come by TLS (RFC 9110 section 7.4) */
	/* answer */
	unsigned status;
	struct span reason; /* at NULL when not even the space before it is there */
	bool untidy;        /* some field has white space before its colon; writers must leave it out */
	/* both */
	unsigned minor;           /* HTTP/1.minor: 0 or 1; a minor above 1 is read as 1 */
	size_t length;            /* bytes of the head, the empty line included (and empty lines before a request line) */
	size_t start_line_length; /* with its CRLF, and with empty lines before it */
	const char *fields_at;    /* where the field lines begin, or the empty line */
	unsigned field_count;
	size_t fields_length;           /* of the field lines */
	uint32_t present;               /* FIELD_BIT() of each id that occurs, and HEAD_ODD */
	unsigned first[FIELD_ID_COUNT]; /* 1 + the index of the first field with this id; 0: none */
	struct head_field fields[HEAD_FIELDS_MAX];
};

struct head_limits {
	size_t bytes;    /* of the whole head; more is FAIL_request_head_too_large, or FAIL_request_target_too_long while the first line is not over */
	unsigned fields; /* at most HEAD_FIELDS_MAX */
};

enum head_result { HEAD_MORE, HEAD_DONE, HEAD_BAD };

/* Reads a request head from the start of `bytes`. `scanned` is how many of them were there at the last HEAD_MORE (0 at first), so that a
 * head that arrives byte by byte costs linear time; a fault other than a stray control may then be seen only when the head is over. On HEAD_BAD
 * *fail says why: request_malformed, request_version, request_head_too_large, request_too_many_fields, request_target_too_long, request_host (no or several Host in 1.1, an
 * invalid or empty value, an invalid authority in the target). An HTTP/1.0 request needs no Host. A Max-Forwards of OPTIONS or TRACE that is no
 * number is malformed. Up to 4 empty lines before the request line are skipped. */
enum head_result head_parse_request(const char *bytes, size_t length, size_t scanned, const struct head_limits *limits, struct head *head, enum fail *fail);

/* The same for an answer: answer_malformed, answer_head_too_large. No empty lines are skipped. */
enum head_result head_parse_answer(const char *bytes, size_t length, size_t scanned, const struct head_limits *limits, struct head *head, enum fail *fail);

/* The value of the first field with the id; length 0 and at NULL when there is none. */
static inline struct span head_value(const struct head *head, enum field_id id)
{
	unsigned index = head->first[id];
	if (index == 0)
		return (struct span){NULL, 0};
	return (struct span){head->fields[index - 1].value, head->fields[index - 1].value_length};
}

/* The same for any name, in any case; it costs a look at every field where the name has no id. */
struct span head_value_named(const struct head *head, const char *name, size_t length);

/* True when any field with this id holds the token as a list member (case-insensitive). */
bool head_has_token(const struct head *head, enum field_id id, const char *token);

/* The id of a field name that is a token, in any case. */
enum field_id head_field_id(const char *name, size_t length);

#endif
