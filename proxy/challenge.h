/* Challenges of ACME (RFC 8555 section 8.3): what somebody beside teal wrote into a folder, given to whoever asks in clear. Worker thread.
 *
 * The file is opened, read and closed by the worker: at most 4 KiB of a folder of this machine, asked for a few times in months. Nothing outside of `.well-known/acme-challenge` of the webroot can be reached: a token is one
 * name of letters, digits, `-` and `_` (RFC 8555 section 8.1 has base64url), and no link is followed there. */
#ifndef TEAL_PROXY_CHALLENGE_H
#define TEAL_PROXY_CHALLENGE_H

#include <stdbool.h>
#include <stddef.h>

#include "proxy/head.h"

#define CHALLENGE_TOKEN_MAX 128u
#define CHALLENGE_SIZE_MAX 4096u

/* Whether a request is for a challenge, be there one or not: GET or HEAD of a path below /.well-known/acme-challenge/. */
bool challenge_is_asked(const struct head *head);

/* The challenge that is asked for. Returns its length; 0 when there is none: no such file, or not one to be given (empty, too large, a link, no regular file, not readable), or no token in the path. */
size_t challenge_read(const char *webroot, const struct head *head, char out[CHALLENGE_SIZE_MAX]);

#endif
