/* What OpenSSL's errors mean. */
// links: proxy
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

#include "proxy/secure_fault.h"

static const struct row {
	int library, reason;
	long verify;
	enum secure_fault fault;
	const char *text;
} rows[] = {
	{ERR_LIB_SSL, SSL_R_HTTP_REQUEST, 0, SECURE_http, "plain HTTP was spoken to a port for TLS"},
	{ERR_LIB_SSL, SSL_R_HTTPS_PROXY_REQUEST, 0, SECURE_http, "plain HTTP was spoken to a port for TLS"},
	{ERR_LIB_SSL, SSL_R_WRONG_VERSION_NUMBER, 0, SECURE_not_tls, "what came is no TLS"},
	{ERR_LIB_SSL, SSL_R_UNSUPPORTED_PROTOCOL, 0, SECURE_no_version, "there is no version of TLS that both sides speak: unsupported protocol"},
	{ERR_LIB_SSL, SSL_R_NO_SHARED_CIPHER, 0, SECURE_no_cipher, "there is no cipher, group or signature that both sides know: no shared cipher"},
	{ERR_LIB_SSL, SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE, 0, SECURE_no_certificate, "the peer showed no certificate"},
	{ERR_LIB_SSL, SSL_R_CERTIFICATE_VERIFY_FAILED, X509_V_ERR_CERT_HAS_EXPIRED, SECURE_certificate_expired,
		"the peer's certificate has expired, or is not valid yet: certificate has expired"},
	{ERR_LIB_SSL, SSL_R_CERTIFICATE_VERIFY_FAILED, X509_V_ERR_CERT_NOT_YET_VALID, SECURE_certificate_expired,
		"the peer's certificate has expired, or is not valid yet: certificate is not yet valid"},
	{ERR_LIB_SSL, SSL_R_CERTIFICATE_VERIFY_FAILED, X509_V_ERR_HOSTNAME_MISMATCH, SECURE_certificate_name, "the peer's certificate is for another name"},
	{ERR_LIB_SSL, SSL_R_CERTIFICATE_VERIFY_FAILED, X509_V_ERR_IP_ADDRESS_MISMATCH, SECURE_certificate_name, "the peer's certificate is for another name"},
	{ERR_LIB_SSL, SSL_R_CERTIFICATE_VERIFY_FAILED, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, SECURE_certificate_untrusted,
		"the peer's certificate is not trusted: unable to get local issuer certificate"},
	{ERR_LIB_SSL, SSL_R_CERTIFICATE_VERIFY_FAILED, X509_V_ERR_CERT_REVOKED, SECURE_certificate_untrusted,
		"the peer's certificate is not trusted: certificate revoked"},
	{ERR_LIB_SSL, SSL_R_CALLBACK_FAILED, 0, SECURE_no_name, "there is no certificate for the name that was asked for"},
	{ERR_LIB_SSL, SSL_R_NO_APPLICATION_PROTOCOL, 0, SECURE_no_protocol, "there is no application protocol that both sides speak"},
	{ERR_LIB_SSL, SSL_AD_REASON_OFFSET + SSL_AD_CERTIFICATE_EXPIRED, 0, SECURE_alert, "the peer ended it: certificate expired"},
	{ERR_LIB_SSL, SSL_AD_REASON_OFFSET + SSL_AD_UNKNOWN_CA, 0, SECURE_alert, "the peer ended it: unknown CA"},
	{ERR_LIB_SSL, SSL_AD_REASON_OFFSET + 116, 0, SECURE_alert, "the peer ended it: certificate required"},
	{ERR_LIB_SSL, SSL_AD_REASON_OFFSET + 200, 0, SECURE_alert, "the peer ended it: unknown"},
	{ERR_LIB_SSL, SSL_R_UNEXPECTED_EOF_WHILE_READING, 0, SECURE_cut, "the connection ended without a word of TLS"},
	{ERR_LIB_SSL, SSL_R_DECRYPTION_FAILED_OR_BAD_RECORD_MAC, 0, SECURE_garbled,
		"what came is not valid, or was changed on its way: decryption failed or bad record mac"},
	{ERR_LIB_SSL, ERR_R_MALLOC_FAILURE, 0, SECURE_internal, "the proxy ran out of a resource"},
	{ERR_LIB_SSL, ERR_R_INTERNAL_ERROR, 0, SECURE_garbled, "what came is not valid, or was changed on its way: internal error"},
	{ERR_LIB_EVP, 100, 0, SECURE_garbled, "what came is not valid, or was changed on its way: bad decrypt"},
};

static void test_rows(void **state)
{
	(void)state;
	OPENSSL_init_ssl(OPENSSL_INIT_LOAD_SSL_STRINGS, NULL);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[200];
		unsigned long error = ERR_PACK(rows[i].library, 0, rows[i].reason);
		enum secure_fault fault = secure_fault_of(error, rows[i].verify);
		assert_string_equal(secure_fault_name(fault), secure_fault_name(rows[i].fault));
		size_t length = secure_fault_explain(fault, error, rows[i].verify, text, sizeof(text));
		assert_int_equal(length, strlen(text));
		assert_string_equal(text, rows[i].text);
	}
}

static void test_no_error_at_all(void **state)
{
	(void)state;
	char text[200] = "x";
	assert_int_equal(secure_fault_of(0, 0), SECURE_internal);
	assert_int_equal(secure_fault_explain(SECURE_FINE, 0, 0, text, sizeof(text)), 0);
	assert_string_equal(text, "");
	assert_string_equal(secure_fault_name(SECURE_FINE), "");
	assert_string_equal(secure_fault_text(SECURE_FINE), "");
	secure_fault_explain(SECURE_cut, 0, 0, text, sizeof(text)); /* found by us: the library has no word for it */
	assert_string_equal(text, secure_fault_text(SECURE_cut));
}

static void test_every_fault_has_words(void **state)
{
	(void)state;
	for (int i = SECURE_FINE + 1; i < SECURE_FAULT_COUNT; i++) {
		assert_true(strlen(secure_fault_name((enum secure_fault)i)) > 0);
		assert_true(strlen(secure_fault_text((enum secure_fault)i)) > 10);
		for (int other = 0; other < i; other++)
			assert_string_not_equal(secure_fault_name((enum secure_fault)i), secure_fault_name((enum secure_fault)other));
	}
}

/* Any place for the text, also one of a byte. */
static void test_cut_to_size(void **state)
{
	(void)state;
	char whole[200];
	unsigned long error = ERR_PACK(ERR_LIB_SSL, 0, SSL_R_NO_SHARED_CIPHER);
	size_t length = secure_fault_explain(SECURE_no_cipher, error, 0, whole, sizeof(whole));
	for (size_t size = 1; size < length + 3; size++) {
		char text[200];
		memset(text, '#', sizeof(text));
		size_t got = secure_fault_explain(SECURE_no_cipher, error, 0, text, size);
		assert_int_equal(got, size <= length ? size - 1 : length);
		assert_memory_equal(text, whole, got);
		assert_int_equal(text[got], '\0');
		assert_int_equal(text[size], '#');
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_no_error_at_all),
		cmocka_unit_test(test_every_fault_has_words),
		cmocka_unit_test(test_cut_to_size),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
