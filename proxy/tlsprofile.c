/* Settings of OpenSSL that neither listeners nor backends differ in. Opens nothing and verifies nobody. */
#include "proxy/tlsprofile.h"

#include <openssl/err.h>
#include <openssl/evp.h>

#include "proxy/certificate.h"

static const char ciphers_1_2[] = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
				  "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";
static const char ciphers_1_3[] = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";

/* A library that doesn't know the first one refuses the whole list. */
static bool set_groups(SSL_CTX *context)
{
	return SSL_CTX_set1_groups_list(context, "X25519MLKEM768:X25519:P-256:P-384") || SSL_CTX_set1_groups_list(context, "X25519:P-256:P-384");
}

/* The order of ciphers is the client's, who knows what its hardware does well. SSL_OP_IGNORE_UNEXPECTED_EOF, which would take a truncated answer for a whole one, is among what is cleared. */
static void set_options(SSL_CTX *context)
{
	SSL_CTX_clear_options(context, SSL_CTX_get_options(context));
	SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_ENABLE_MIDDLEBOX_COMPAT);
	SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_NO_AUTO_CHAIN);
	SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_security_level(context, 2); /* 112 bits: RSA and its like from 2048 bits on, no SHA-1 */
	SSL_CTX_set_max_cert_list(context, 64 * 1024);
	SSL_CTX_set_verify_depth(context, 8);
	SSL_CTX_set_post_handshake_auth(context, 0);
}

bool tlsprofile_apply(SSL_CTX *context, int minimum)
{
	set_options(context);
	return SSL_CTX_set_min_proto_version(context, minimum) && SSL_CTX_set_max_proto_version(context, TLS1_3_VERSION) &&
	       SSL_CTX_set_cipher_list(context, ciphers_1_2) && SSL_CTX_set_ciphersuites(context, ciphers_1_3) && set_groups(context);
}

SSL_CTX *tlsprofile_new(const SSL_METHOD *method, int minimum, struct err *err)
{
	SSL_CTX *context = SSL_CTX_new(method);
	if (!context || !tlsprofile_apply(context, minimum)) {
		err_set(err, "OpenSSL on this machine does not take the settings for TLS: %s", ERR_reason_error_string(ERR_peek_last_error()));
		SSL_CTX_free(context);
		context = NULL;
	}
	ERR_clear_error();
	return context;
}

bool tlsprofile_show(SSL_CTX *context, const struct certificate *certificate, struct err *err)
{
	bool shown = SSL_CTX_use_cert_and_key(context, certificate->leaf, certificate->key, certificate->chain, 0);
	if (!shown)
		err_set(err, "OpenSSL on this machine does not take the certificate %s: %s", certificate->id, ERR_reason_error_string(ERR_peek_last_error()));
	ERR_clear_error();
	return shown;
}

bool tlsprofile_digest(const struct iovec *parts, int count, uint8_t digest[TLSPROFILE_DIGEST_SIZE])
{
	EVP_MD_CTX *hash = EVP_MD_CTX_new();
	bool good = hash && EVP_DigestInit_ex2(hash, EVP_sha256(), NULL);
	for (int i = 0; good && i < count; i++)
		good = EVP_DigestUpdate(hash, &parts[i].iov_len, sizeof(parts[i].iov_len)) && EVP_DigestUpdate(hash, parts[i].iov_base, parts[i].iov_len);
	good = good && EVP_DigestFinal_ex(hash, digest, NULL);
	EVP_MD_CTX_free(hash);
	return good;
}
