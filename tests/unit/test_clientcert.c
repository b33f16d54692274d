/* A client's certificate as the value of Client-Cert: the form of RFC 9440, and what has none. */
// links: proxy
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>

#include "proxy/clientcert.h"

/* A certificate whose comment is so long; signed by itself. */
static X509 *make_certificate(size_t comment)
{
	char *text = malloc(comment + 1);
	X509 *certificate = X509_new();
	EVP_PKEY *key = EVP_EC_gen("P-256");
	assert_true(text && certificate && key);
	memset(text, 'a', comment);
	text[comment] = '\0';
	X509_set_version(certificate, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
	X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
	X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
	X509_set_pubkey(certificate, key);
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, NID_netscape_comment, text);
	assert_non_null(extension);
	assert_int_equal(X509_add_ext(certificate, extension, -1), 1);
	assert_true(X509_sign(certificate, key, EVP_sha256()) > 0);
	X509_EXTENSION_free(extension);
	EVP_PKEY_free(key);
	free(text);
	return certificate;
}

/* The bytes between the colons are the certificate, in Base64 with its padding and in one line. */
static void check_text(const char *text, size_t length, const X509 *certificate)
{
	unsigned char *der = NULL;
	int size = i2d_X509(certificate, &der);
	assert_true(size > 0 && length > 2 && (length - 2) % 4 == 0);
	assert_int_equal(text[0], ':');
	assert_int_equal(text[length - 1], ':');
	assert_int_equal(length - 2, ((size_t)size + 2) / 3 * 4);
	unsigned char *decoded = malloc(length);
	assert_non_null(decoded);
	int got = EVP_DecodeBlock(decoded, (const unsigned char *)text + 1, (int)length - 2);
	assert_in_range((size_t)got, (size_t)size, (size_t)size + 2); /* the padding decodes to zeros */
	assert_memory_equal(decoded, der, (size_t)size);
	free(decoded);
	OPENSSL_free(der);
}

/* Each padding of Base64. */
static void a_certificate_is_a_byte_sequence(void **state)
{
	(void)state;
	for (size_t comment = 100; comment < 103; comment++) {
		X509 *certificate = make_certificate(comment);
		size_t length = 0;
		char *text = clientcert_write(certificate, &length);
		assert_non_null(text);
		check_text(text, length, certificate);
		free(text);
		X509_free(certificate);
	}
}

static void none_is_none(void **state)
{
	(void)state;
	size_t length = 0;
	assert_null(clientcert_write(NULL, &length));
}

static void one_that_is_too_large_is_none(void **state)
{
	(void)state;
	size_t length = 0;
	X509 *large = make_certificate(CLIENTCERT_SIZE_MAX), *small = make_certificate(CLIENTCERT_SIZE_MAX - 1024);
	assert_null(clientcert_write(large, &length));
	char *text = clientcert_write(small, &length);
	assert_non_null(text);
	check_text(text, length, small);
	free(text);
	X509_free(large);
	X509_free(small);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_certificate_is_a_byte_sequence),
		cmocka_unit_test(none_is_none),
		cmocka_unit_test(one_that_is_too_large_is_none),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
