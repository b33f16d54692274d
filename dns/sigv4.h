/* Signatures of requests to AWS: Signature Version 4, as Route 53 and STS want it. Pure; any thread. No clock, no socket, nothing kept between two requests.
 *
 * The header form alone (no signed URLs), the body's hash in the canonical request without a field of its own, paths normalised and encoded once more over what is sent: a `%2F` in
 * a path is signed as `%252F`. S3 has other rules and is not asked here. The signing key is derived anew for each request: at a few requests a second that costs less
 * than another place in memory where a key lies. */
#ifndef TEAL_DNS_SIGV4_H
#define TEAL_DNS_SIGV4_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct sigv4_credentials {
	const char *id;     /* the access key id; public */
	const char *secret; /* the secret access key */
	const char *token;  /* the session token; NULL or "" when there is none */
};

struct sigv4_field {
	const char *name, *value;
};

/* What is going to be sent, to the byte. The texts are borrowed for the call. */
struct sigv4_request {
	const char *method; /* upper case */
	const char *host;   /* as the Host field will say it: with the port where that is not the scheme's own */
	const char *target; /* path and query as on the request line; begins with '/'. '+' is a plus. No empty parameter (`?a&&b`) */
	/* Further fields to sign, such as Content-Type, in the order in which they are sent; none of those that sigv4_sign adds. A value that is empty is signed, but
	 * libcurl would not send its line. */
	const struct sigv4_field *fields;
	size_t field_count;
	const void *body; /* may be NULL where body_length is 0 */
	size_t body_length;
	const char *region;  /* the signing region, which for Route 53 is its partition's (us-east-1), not the user's */
	const char *service; /* `route53`, `sts` */
};

/* Every line `Name: value` of what was signed, and Authorization: Host, the further fields, X-Amz-Date, X-Amz-Security-Token where there is a token. To be sent as they are, so that
 * nothing can be signed that is not sent; NULL-terminated, fit for fetch_request.headers. They hold the session token: they belong in no log. */
struct sigv4_lines {
	char **lines;
};

/* Signs for the time `now_s` (seconds since 1970; the caller's clock plus the skew). Each try is signed anew. False, with a sentence that shows nothing of the credentials, when those or
 * the region can't stand in a field, or the time is none; then there are no lines (and nothing to end). */
bool sigv4_sign(const struct sigv4_request *request, const struct sigv4_credentials *credentials, int64_t now_s, struct sigv4_lines *out, struct err *err);
/* Wipes and frees; what has no lines is allowed. */
void sigv4_lines_fini(struct sigv4_lines *lines);

/* Whether sigv4_sign could sign with them; for whoever reads them, so that the source can be named. `what is wrong` as a sentence, nothing of theirs in it. */
bool sigv4_check_credentials(const struct sigv4_credentials *credentials, struct err *err);

/* How many seconds an AWS server's clock is ahead of `now_s`, by the Date field of its answer (RFC 9110 section 5.6.7; NULL is allowed). False when it tells no time. What is signed for
 * now_s plus the skew is signed for the server's present. Whether an answer is reason enough to believe it is for the caller to say. */
bool sigv4_read_skew(const char *date, int64_t now_s, int64_t *skew_s);

/* ---- the steps of it, for tests and for whoever compares them with what AWS says it expected ---- */

#define SIGV4_DATE_SIZE 17u /* 20150830T123600Z and NUL */
#define SIGV4_HASH_SIZE 65u /* SHA-256 in lower-case hexadecimal digits and NUL */

/* False for years before 1970 and after 9999. */
bool sigv4_write_date(int64_t time_s, char out[SIGV4_DATE_SIZE]);
void sigv4_hash(const void *bytes, size_t length, char out[SIGV4_HASH_SIZE]);
/* Both malloc'd. The canonical request holds the session token: sigv4_wipe ends it. */
char *sigv4_make_canonical(const struct sigv4_request *request, const char *token, const char *date);
char *sigv4_make_string_to_sign(const struct sigv4_request *request, const char *date, const char *canonical);
/* Overwrites and frees a text; NULL is allowed. */
void sigv4_wipe(char *text);

#endif
