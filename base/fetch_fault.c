/* The sentences of failed requests. Control thread; pure. Does not know whether a failure matters: that is the caller's. */
#include "base/fetch_fault.h"

#include <errno.h>
#include <inttypes.h>
#include <openssl/err.h>
#include <openssl/sslerr.h>
#include <openssl/x509_vfy.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"

static uint64_t whole_ms(uint64_t us)
{
	return (us + 999) / 1000;
}

static enum fetch_outcome explain_limit(const struct fetch_fault *fault, char *detail, size_t size)
{
	char limit[TEXT_UNIT_SIZE];
	text_format_size(fault->limit_bytes, limit);
	bool headers = fault->limit == FETCH_LIMIT_HEADERS;
	snprintf(detail, size, "the %s of the answer is larger than %s", headers ? "header" : "body", limit);
	return headers ? FETCH_BROKEN : FETCH_TOO_LARGE;
}

static enum fetch_outcome explain_timeout(const struct fetch_fault *fault, char *detail, size_t size)
{
	uint64_t limit = fault->timeout_ms;
	if (!fault->connected)
		snprintf(detail, size, "could not connect within %" PRIu64 " ms", limit);
	else if (fault->tls && !fault->tls_us)
		snprintf(detail, size, "no TLS handshake within %" PRIu64 " ms", limit);
	else if (!fault->first_byte_us)
		snprintf(detail, size, "no answer within %" PRIu64 " ms (connected in %" PRIu64 " ms)", limit, whole_ms(fault->connect_us));
	else
		snprintf(detail, size, "no whole answer within %" PRIu64 " ms (it began after %" PRIu64 " ms)", limit, whole_ms(fault->first_byte_us));
	return FETCH_TIMED_OUT;
}

static enum fetch_outcome explain_connect(const struct fetch_fault *fault, char *detail, size_t size)
{
	switch (fault->os_errno) {
	case ECONNREFUSED:
		snprintf(detail, size, "connection refused by %s", fault->peer);
		return FETCH_REFUSED;
	case ENOENT:
		snprintf(detail, size, "no socket at %s", fault->peer);
		return FETCH_UNREACHABLE;
	case ENETUNREACH:
	case EHOSTUNREACH:
	case ENETDOWN:
	case EHOSTDOWN:
	case ETIMEDOUT: /* the kernel gave up before our own limit */
		snprintf(detail, size, "no route to %s (%s)", fault->peer, strerror(fault->os_errno));
		return FETCH_UNREACHABLE;
	default:
		snprintf(detail, size, "could not connect to %s%s%s", fault->peer, fault->os_errno ? ": " : "",
			fault->os_errno ? strerror(fault->os_errno) : "");
		return FETCH_UNREACHABLE;
	}
}

/* OpenSSL's packed error, which libcurl has only within its words; 0: none. The same code of libcurl's is for a certificate of ours that the peer finds to have expired; then the result is none. */
static unsigned long find_tls_error(const struct fetch_fault *fault)
{
	const char *at = strstr(fault->curl_text, "error:");
	bool ours = fault->verify == X509_V_OK || fault->verify == X509_V_ERR_UNSPECIFIED;
	if (fault->code == CURLE_PEER_FAILED_VERIFICATION)
		return ERR_PACK(ERR_LIB_SSL, 0, ours ? SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED : SSL_R_CERTIFICATE_VERIFY_FAILED);
	return at ? strtoul(at + strlen("error:"), NULL, 16) : 0;
}

static enum fetch_outcome explain_trust(const struct fetch_fault *fault, char *detail, size_t size)
{
	char why[256];
	fault->trust->explain(fault->trust->arg, find_tls_error(fault), fault->verify, why, sizeof(why));
	snprintf(detail, size, "no TLS connection to %s: %s", fault->peer, why);
	return FETCH_TLS;
}

/* By TLS, a connection that ends without a word of TLS is closed, too. */
static enum fetch_outcome explain_closed(const struct fetch_fault *fault, char *detail, size_t size)
{
	unsigned long error = find_tls_error(fault);
	bool cut = ERR_GET_REASON(error) == SSL_R_UNEXPECTED_EOF_WHILE_READING;
	if (fault->trust && error && !cut)
		return explain_trust(fault, detail, size);
	bool reset = !cut && (fault->code == CURLE_RECV_ERROR || fault->code == CURLE_SEND_ERROR);
	const char *verb = reset ? "reset" : "closed";
	if (fault->first_byte_us)
		snprintf(detail, size, "%s the connection in the middle of the answer", verb);
	else
		snprintf(detail, size, "%s the connection before answering", verb);
	return FETCH_CLOSED;
}

/* libcurl puts one of several of its own prefixes in front of what OpenSSL says. */
static const char *strip_tls_prefix(const char *text)
{
	static const char *const prefixes[] = {"SSL certificate problem: ", "SSL: ", "OpenSSL SSL_connect: "};
	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
		size_t length = strlen(prefixes[i]);
		if (strncasecmp(text, prefixes[i], length) == 0)
			return text + length;
	}
	return text;
}

/* Of an end or an error of the socket libcurl says to whom the connection was, which is not whom it was told to connect to. */
static void explain_handshake(const struct fetch_fault *fault, const char *text, char *detail, size_t size)
{
	const char *behind = strstr(text, " in connection to ");
	int length = behind ? (int)(behind - text) : (int)strlen(text);
	bool ended = behind && strncmp(text, "SSL_ERROR_", strlen("SSL_ERROR_")) == 0;
	if (ended)
		snprintf(detail, size, "no TLS connection to %s: the connection ended without a word of TLS", fault->peer);
	else
		snprintf(detail, size, "no TLS connection to %s: %.*s", fault->peer, length, text);
}

static enum fetch_outcome explain_tls(const struct fetch_fault *fault, char *detail, size_t size)
{
	const char *text = strip_tls_prefix(fault->curl_text[0] ? fault->curl_text : curl_easy_strerror(fault->code));
	if (fault->trust && find_tls_error(fault))
		return explain_trust(fault, detail, size);
	if (fault->code == CURLE_PEER_FAILED_VERIFICATION)
		snprintf(detail, size, "the certificate of %s is not accepted: %s", fault->peer, text);
	else
		explain_handshake(fault, text, detail, size);
	return FETCH_TLS;
}

static enum fetch_outcome explain_other(const struct fetch_fault *fault, char *detail, size_t size)
{
	const char *text = fault->curl_text[0] ? fault->curl_text : curl_easy_strerror(fault->code);
	snprintf(detail, size, "the request failed: %s", text);
	return FETCH_BROKEN;
}

static enum fetch_outcome explain_not_http(char *detail, size_t size)
{
	snprintf(detail, size, "what was answered is not HTTP/1.1");
	return FETCH_BROKEN;
}

/* libcurl has no code of its own for it. */
static bool has_bad_chunks(const struct fetch_fault *fault)
{
	return fault->code == CURLE_RECV_ERROR && strstr(fault->curl_text, "in chunked-encoding");
}

enum fetch_outcome fetch_fault_explain(const struct fetch_fault *fault, char *detail, size_t size)
{
	if (fault->limit != FETCH_LIMIT_NONE)
		return explain_limit(fault, detail, size);
	if (has_bad_chunks(fault)) {
		snprintf(detail, size, "the chunks of the answer are malformed");
		return FETCH_BROKEN;
	}
	switch (fault->code) {
	case CURLE_OPERATION_TIMEDOUT:
		return explain_timeout(fault, detail, size);
	case CURLE_COULDNT_CONNECT:
		return explain_connect(fault, detail, size);
	case CURLE_GOT_NOTHING:
	case CURLE_PARTIAL_FILE:
	case CURLE_RECV_ERROR:
	case CURLE_SEND_ERROR:
		return explain_closed(fault, detail, size);
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_CIPHER:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_ISSUER_ERROR:
	case CURLE_SSL_CLIENTCERT:
		return explain_tls(fault, detail, size);
	case CURLE_ABORTED_BY_CALLBACK:
		return fault->trust ? explain_trust(fault, detail, size) : explain_other(fault, detail, size);
	case CURLE_UNSUPPORTED_PROTOCOL: /* HTTP/0.9, which is any bytes at all */
	case CURLE_WEIRD_SERVER_REPLY:
		return explain_not_http(detail, size);
	default:
		return explain_other(fault, detail, size);
	}
}
