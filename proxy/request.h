/* What a request says beyond the grammar of its lines (RFC 9112 section 3, RFC 9110 section 7). For head_parse_request alone. Pure. */
#ifndef TEAL_PROXY_REQUEST_H
#define TEAL_PROXY_REQUEST_H

#include "proxy/head.h"

/* Methods are compared with case (RFC 9110 section 9.1). `length` is at least 1. */
enum method request_method_of(const char *text, size_t length);

/* Sets path, authority and https from method and target. Fails with request_malformed, or request_host for an invalid authority. */
enum fail request_split_target(struct head *head);

/* Checks the fields that a request must have right: one valid Host (an HTTP/1.0 request may have none), a Max-Forwards that can be counted down.
 * Fails with request_host or request_malformed. */
enum fail request_check_fields(const struct head *head);

#endif
