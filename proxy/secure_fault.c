/* What OpenSSL's errors mean for people and counters. Pure; any thread. */
#include "proxy/secure_fault.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <stdio.h>
#include <string.h>

struct row {
	const char *name, *text;
};

static const struct row rows[SECURE_FAULT_COUNT] = {
	{"", ""},
#define SECURE_FAULT(name, text) {#name, text},
#include "proxy/secure_fault.def"
#undef SECURE_FAULT
};

const char *secure_fault_name(enum secure_fault fault)
{
	return rows[fault].name;
}

const char *secure_fault_text(enum secure_fault fault)
{
	return rows[fault].text;
}

static enum secure_fault fault_of_certificate(long verify)
{
	switch (verify) {
	case X509_V_ERR_CERT_HAS_EXPIRED:
	case X509_V_ERR_CERT_NOT_YET_VALID:
		return SECURE_certificate_expired;
	case X509_V_ERR_HOSTNAME_MISMATCH:
	case X509_V_ERR_IP_ADDRESS_MISMATCH:
		return SECURE_certificate_name;
	default:
		return SECURE_certificate_untrusted;
	}
}

/* ERR_R_INTERNAL_ERROR is not there: OpenSSL says that of a peer's record, too, which is shorter than its cipher's overhead (TLS 1.2). */
static const struct {
	int reason;
	enum secure_fault fault;
} of_reasons[] = {
	{SSL_R_HTTP_REQUEST, SECURE_http},
	{SSL_R_HTTPS_PROXY_REQUEST, SECURE_http},
	{SSL_R_WRONG_VERSION_NUMBER, SECURE_not_tls},
	{SSL_R_UNSUPPORTED_PROTOCOL, SECURE_no_version},
	{SSL_R_VERSION_TOO_LOW, SECURE_no_version},
	{SSL_R_VERSION_TOO_HIGH, SECURE_no_version},
	{SSL_R_WRONG_SSL_VERSION, SECURE_no_version},
	{SSL_R_UNKNOWN_PROTOCOL, SECURE_no_version},
	{SSL_R_INAPPROPRIATE_FALLBACK, SECURE_no_version},
	{SSL_R_NO_PROTOCOLS_AVAILABLE, SECURE_no_version},
	{SSL_R_NO_SHARED_CIPHER, SECURE_no_cipher},
	{SSL_R_NO_CIPHERS_AVAILABLE, SECURE_no_cipher},
	{SSL_R_NO_SHARED_GROUPS, SECURE_no_cipher},
	{SSL_R_NO_SUITABLE_KEY_SHARE, SECURE_no_cipher},
	{SSL_R_NO_SUITABLE_GROUPS, SECURE_no_cipher},
	{SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM, SECURE_no_cipher},
	{SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS, SECURE_no_cipher},
	{SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE, SECURE_no_certificate},
	{SSL_R_CALLBACK_FAILED, SECURE_no_name},
	{SSL_R_NO_APPLICATION_PROTOCOL, SECURE_no_protocol},
	{SSL_R_UNEXPECTED_EOF_WHILE_READING, SECURE_cut},
	{ERR_R_MALLOC_FAILURE, SECURE_internal},
};

enum secure_fault secure_fault_of(unsigned long error, long verify)
{
	int reason = ERR_GET_REASON(error);
	if (error == 0)
		return SECURE_internal;
	if (ERR_GET_LIB(error) != ERR_LIB_SSL)
		return SECURE_garbled;
	if (reason == SSL_R_CERTIFICATE_VERIFY_FAILED)
		return fault_of_certificate(verify);
	if (reason > SSL_AD_REASON_OFFSET && reason <= SSL_AD_REASON_OFFSET + UINT8_MAX)
		return SECURE_alert;
	for (size_t i = 0; i < sizeof(of_reasons) / sizeof(of_reasons[0]); i++) {
		if (of_reasons[i].reason == reason)
			return of_reasons[i].fault;
	}
	return SECURE_garbled;
}

/* Some alerts have a name only among the reasons of errors: "tlsv13 alert certificate required". */
static const char *words_of_alert(unsigned long error)
{
	const char *words = SSL_alert_desc_string_long(ERR_GET_REASON(error) - SSL_AD_REASON_OFFSET), *reason = ERR_reason_error_string(error);
	const char *at = reason ? strstr(reason, "alert ") : NULL;
	return at && strcmp(words, "unknown") == 0 ? at + strlen("alert ") : words;
}

/* OpenSSL's own words, where they say more than ours; NULL: none. */
static const char *words_of(enum secure_fault fault, unsigned long error, long verify)
{
	switch (fault) {
	case SECURE_certificate_untrusted:
	case SECURE_certificate_expired:
		return X509_verify_cert_error_string(verify);
	case SECURE_alert:
		return words_of_alert(error);
	case SECURE_no_version:
	case SECURE_no_cipher:
	case SECURE_garbled:
		return ERR_reason_error_string(error);
	default:
		return NULL;
	}
}

size_t secure_fault_explain(enum secure_fault fault, unsigned long error, long verify, char *text, size_t size)
{
	const char *words = words_of(fault, error, verify);
	int length = snprintf(text, size, "%s%s%s", rows[fault].text, words ? ": " : "", words ? words : "");
	return (size_t)length < size ? (size_t)length : size - 1;
}
