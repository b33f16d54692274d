/* Keys and certificates of any kind, good and faulty, made while a test runs. */
#ifndef TEAL_TESTS_UNIT_CERTIFICATES_H
#define TEAL_TESTS_UNIT_CERTIFICATES_H

#include "tests/unit/scratch.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#define DAY_S 86400L

struct issued {
	X509 *certificate;
	EVP_PKEY *key;
};

/* What a certificate is to be like. */
struct wish {
	const char *subject; /* common name */
	const char *names;   /* of its subject alternative names, in the words of x509v3_config(5); NULL: none */
	const char *octets;  /* of one more name of DNS, with any bytes; NULL: none */
	size_t octet_count;
	const char *usage;    /* extended; NULL: any */
	const char *access;   /* authorityInfoAccess; NULL: none */
	const char *kind;     /* see certificates_key; NULL: "P-256" */
	bool authority;       /* may issue others */
	long first_s, last_s; /* from now; both 0: from yesterday for 90 days */
};

/* `kind`: "P-256", "P-384", "P-521", "RSA-1024", "RSA-2048", "ED25519". The same one each time for the same number, as some take long; they stay until the program ends. */
static inline EVP_PKEY *certificates_key(const char *kind, unsigned number)
{
	static struct kept {
		char kind[16];
		unsigned number;
		EVP_PKEY *key;
	} kept[32];
	struct kept *place = kept;
	for (; place->key; place++)
		if (strcmp(place->kind, kind) == 0 && place->number == number)
			return place->key;
	assert_true(place < kept + 31);
	snprintf(place->kind, sizeof(place->kind), "%s", kind);
	place->number = number;
	if (strncmp(kind, "RSA-", 4) == 0)
		place->key = EVP_RSA_gen((unsigned)atoi(kind + 4));
	else if (kind[0] == 'P')
		place->key = EVP_EC_gen(kind);
	else
		place->key = EVP_PKEY_Q_keygen(NULL, NULL, kind);
	assert_non_null(place->key);
	return place->key;
}

static inline void certificates_extend(X509 *certificate, X509 *issuer, int kind, const char *value)
{
	X509V3_CTX context;
	X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, kind, value);
	assert_non_null(extension);
	assert_true(X509_add_ext(certificate, extension, -1));
	X509_EXTENSION_free(extension);
}

static inline void certificates_add_octets(X509 *certificate, const struct wish *wish)
{
	GENERAL_NAMES *names = GENERAL_NAMES_new();
	GENERAL_NAME *name = GENERAL_NAME_new();
	ASN1_IA5STRING *text = ASN1_IA5STRING_new();
	assert_true(ASN1_STRING_set(text, wish->octets, (int)wish->octet_count));
	GENERAL_NAME_set0_value(name, GEN_DNS, text);
	assert_true(sk_GENERAL_NAME_push(names, name));
	assert_int_equal(X509_add1_ext_i2d(certificate, NID_subject_alt_name, names, 0, X509V3_ADD_APPEND), 1);
	GENERAL_NAMES_free(names);
}

static inline void certificates_fill(X509 *certificate, X509 *issuer, const struct wish *wish, EVP_PKEY *key)
{
	static long serial;
	bool usual = wish->first_s == 0 && wish->last_s == 0;
	X509_set_version(certificate, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(certificate), ++serial);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_UTF8, (const unsigned char *)wish->subject, -1, -1, 0);
	X509_set_issuer_name(certificate, X509_get_subject_name(issuer));
	X509_gmtime_adj(X509_getm_notBefore(certificate), usual ? -DAY_S : wish->first_s);
	X509_gmtime_adj(X509_getm_notAfter(certificate), usual ? 90 * DAY_S : wish->last_s);
	X509_set_pubkey(certificate, key);
	certificates_extend(certificate, issuer, NID_basic_constraints, wish->authority ? "critical,CA:TRUE" : "critical,CA:FALSE");
	certificates_extend(certificate, issuer, NID_subject_key_identifier, "hash");
	if (wish->names)
		certificates_extend(certificate, issuer, NID_subject_alt_name, wish->names);
	if (wish->octets)
		certificates_add_octets(certificate, wish);
	if (wish->usage)
		certificates_extend(certificate, issuer, NID_ext_key_usage, wish->usage);
	if (wish->access)
		certificates_extend(certificate, issuer, NID_info_access, wish->access);
}

/* By itself where there is no issuer. The key is the number's of its kind. */
static inline struct issued certificates_issue(const struct wish *wish, const struct issued *issuer, unsigned number)
{
	struct issued issued = {X509_new(), certificates_key(wish->kind ? wish->kind : "P-256", number)};
	certificates_fill(issued.certificate, issuer ? issuer->certificate : issued.certificate, wish, issued.key);
	EVP_PKEY *by = issuer ? issuer->key : issued.key;
	assert_true(X509_sign(issued.certificate, by, EVP_PKEY_is_a(by, "ED25519") ? NULL : EVP_sha256()) > 0);
	return issued;
}

static inline void certificates_drop(struct issued *issued)
{
	X509_free(issued->certificate);
	issued->certificate = NULL;
}

static inline void certificates_put(struct scratch *scratch, const char *name, int flags, BIO *bio)
{
	char *bytes;
	long length = BIO_get_mem_data(bio, &bytes);
	scratch_put(scratch, name, flags, bytes, (size_t)length);
	BIO_free(bio);
}

/* Appends to the file. */
static inline void certificates_append(struct scratch *scratch, const char *name, const struct issued *issued)
{
	BIO *bio = BIO_new(BIO_s_mem());
	assert_true(PEM_write_bio_X509(bio, issued->certificate));
	certificates_put(scratch, name, O_APPEND, bio);
}

/* A file of its owner's alone. */
static inline void certificates_write_key(struct scratch *scratch, const char *name, EVP_PKEY *key)
{
	BIO *bio = BIO_new(BIO_s_mem());
	assert_true(PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL));
	certificates_put(scratch, name, O_TRUNC, bio);
	assert_int_equal(chmod(scratch_name(scratch, name), 0600), 0);
}

#endif
