/* What went wrong with a request, from libcurl's code to an outcome and a sentence. Pure. Used by base/fetch alone. */
#ifndef TEAL_BASE_FETCH_FAULT_H
#define TEAL_BASE_FETCH_FAULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <curl/curl.h>

#include "base/fetch.h"

/* Why we ended it ourselves, which libcurl knows only as a failed write. */
enum fetch_limit { FETCH_LIMIT_NONE, FETCH_LIMIT_HEADERS, FETCH_LIMIT_BODY };

struct fetch_fault {
	CURLcode code;
	int os_errno;                    /* of the connect, 0 when unknown */
	const char *curl_text;           /* libcurl's own words, may be "" */
	const char *peer;                /* the address connected to */
	bool tls;                        /* https */
	const struct fetch_trust *trust; /* NULL: none */
	long verify;                     /* the result of verifying the peer's certificate, X509_V_… */
	bool connected;                  /* the connection stood, TLS or not */
	enum fetch_limit limit;          /* wins over the code */
	size_t limit_bytes;
	uint64_t timeout_ms;
	/* since the start, 0: did not happen */
	uint64_t connect_us, tls_us, first_byte_us;
};

enum fetch_outcome fetch_fault_explain(const struct fetch_fault *fault, char *detail, size_t size);

#endif
