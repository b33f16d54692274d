/* Reading and checking a certificate with its key: control thread, or one that reads files for it. Each check is a function that says what is wrong and what to do. What clients think of it beyond that (who signed it, whether
 * it was revoked) is theirs. */
#include "proxy/certificate.h"

#include <assert.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/keyfile.h"
#include "base/memory.h"
#include "proxy/certificate_names.h"
#include "proxy/pemfile.h"

#define LARGEST_FILE (256u << 10)
#define LONGEST_CHAIN 10u
#define DAY_S 86400
#define RSA_LEAST 2048
#define RSA_MOST 8192 /* a handshake with more takes a core for tens of milliseconds */

struct pair {
	const struct certificate_spec *spec;
	struct pemfile certificates, key;
	struct certificate *made;
	struct err *err;
};

/* ---- time ---- */

#define DATE_SIZE 32

static const char *write_date(int64_t at_s, char out[DATE_SIZE])
{
	struct tm parts;
	time_t at = (time_t)at_s;
	if (!gmtime_r(&at, &parts) || strftime(out, DATE_SIZE, "%Y-%m-%d %H:%M:%S UTC", &parts) == 0)
		snprintf(out, DATE_SIZE, "an unknown day");
	return out;
}

static bool read_time(const ASN1_TIME *asn1, int64_t *at_s)
{
	struct tm parts;
	if (!asn1 || !ASN1_TIME_to_tm(asn1, &parts))
		return false;
	*at_s = (int64_t)timegm(&parts);
	return true;
}

bool certificate_is_timely(const struct certificate *certificate, const char *path, int64_t now_s, struct err *err)
{
	char day[DATE_SIZE], now[DATE_SIZE];
	if (now_s < certificate->first_s)
		return err_set(err, "%s: the certificate is good only from %s on, and by the clock of this machine it is %s: set the clock, or wait", path,
			write_date(certificate->first_s, day), write_date(now_s, now));
	if (now_s > certificate->last_s)
		return err_set(err, "%s: the certificate expired (it was good until %s): renew it", path, write_date(certificate->last_s, day));
	return true;
}

unsigned certificate_days_left(const struct certificate *certificate, int64_t now_s)
{
	return now_s < certificate->last_s ? (unsigned)((certificate->last_s - now_s) / DAY_S) : 0;
}

/* ---- the key ---- */

static bool is_good_rsa(const EVP_PKEY *key, struct certificate *certificate)
{
	int bits = EVP_PKEY_get_bits(key);
	char text[64];
	snprintf(text, sizeof(text), "RSA with %d bits", bits);
	certificate->kind = CERTIFICATE_RSA;
	certificate->key_text = memory_text(text);
	return bits >= RSA_LEAST && bits <= RSA_MOST;
}

static bool is_good_curve(const EVP_PKEY *key, struct certificate *certificate)
{
	char group[64] = "an unnamed curve";
	EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_GROUP_NAME, group, sizeof(group), NULL);
	bool p256 = strcmp(group, "prime256v1") == 0, p384 = strcmp(group, "secp384r1") == 0;
	char text[96];
	snprintf(text, sizeof(text), "ECDSA with %s", p256 ? "P-256" : p384 ? "P-384" : group);
	certificate->kind = CERTIFICATE_ECDSA;
	certificate->key_text = memory_text(text);
	return p256 || p384;
}

/* Others, Ed25519 among them, are taken by no browser and issued by no public authority: who has one by mistake should learn of it here. */
static bool check_kind(struct pair *pair)
{
	const EVP_PKEY *key = X509_get0_pubkey(pair->made->leaf);
	bool good = false;
	if (key && EVP_PKEY_is_a(key, "RSA"))
		good = is_good_rsa(key, pair->made);
	else if (key && EVP_PKEY_is_a(key, "EC"))
		good = is_good_curve(key, pair->made);
	else
		pair->made->key_text = memory_text(key && EVP_PKEY_get0_type_name(key) ? EVP_PKEY_get0_type_name(key) : "of an unknown kind");
	return good ||
	       err_set(pair->err,
		       "%s: the certificate's key is %s, but only RSA with 2048 to 8192 bits and ECDSA with P-256 or P-384 are taken: have one issued for such a key",
		       pair->spec->certificate_path, pair->made->key_text);
}

static bool read_key(struct pair *pair)
{
	const char *path = pair->spec->key_path;
	bool encrypted = false;
	pair->made->key = pemfile_key(&pair->key, &encrypted);
	if (pair->made->key)
		return true;
	if (encrypted)
		return err_set(pair->err,
			"the key file %s is encrypted, and there is nobody to ask for its passphrase: write the key without one (openssl pkey -in %s)", path,
			path);
	if (pemfile_has(&pair->key, "PRIVATE KEY"))
		return err_set(pair->err, "the private key in %s can't be understood: it is garbled or cut off", path);
	if (pemfile_has(&pair->key, "CERTIFICATE"))
		return err_set(pair->err, "the key file %s holds no private key but a certificate: are the two files mixed up?", path);
	return err_set(pair->err, "the key file %s holds no private key (nothing in it begins with -----BEGIN PRIVATE KEY----- or the like)", path);
}

/* Both say the same public key, but is the private one of it? */
static bool key_signs(EVP_PKEY *key)
{
	static const unsigned char text[] = "proof";
	unsigned char signature[RSA_MOST / 8];
	size_t length = sizeof(signature);
	EVP_MD_CTX *sign = EVP_MD_CTX_new(), *verify = EVP_MD_CTX_new();
	bool good = sign && verify && EVP_DigestSignInit(sign, NULL, EVP_sha256(), NULL, key) == 1 &&
		    EVP_DigestSign(sign, signature, &length, text, sizeof(text)) == 1 && EVP_DigestVerifyInit(verify, NULL, EVP_sha256(), NULL, key) == 1 &&
		    EVP_DigestVerify(verify, signature, length, text, sizeof(text)) == 1;
	EVP_MD_CTX_free(sign);
	EVP_MD_CTX_free(verify);
	return good;
}

/* The position in the chain of the certificate that the key belongs to, or -1. */
static int find_owner(const struct pair *pair)
{
	for (int i = 0; i < sk_X509_num(pair->made->chain); i++)
		if (X509_check_private_key(sk_X509_value(pair->made->chain, i), pair->made->key))
			return i;
	return -1;
}

static bool complain_of_key(const struct pair *pair)
{
	const char *certificates = pair->spec->certificate_path, *key = pair->spec->key_path;
	struct certificate other = {.key_text = NULL};
	int owner = find_owner(pair);
	if (owner >= 0)
		return err_set(pair->err, "%s: the key in %s is that of certificate %d of the file, which must be the first: put it in front", certificates,
			key, owner + 2);
	if (EVP_PKEY_is_a(pair->made->key, "RSA"))
		is_good_rsa(pair->made->key, &other);
	else if (EVP_PKEY_is_a(pair->made->key, "EC"))
		is_good_curve(pair->made->key, &other);
	int64_t older = pair->key.changed_s - pair->certificates.changed_s;
	if (!other.key_text || strcmp(other.key_text, pair->made->key_text) != 0)
		err_set(pair->err, "the key in %s (%s) is not the one of the certificate in %s (%s): one of the two files is of another certificate", key,
			other.key_text ? other.key_text : "neither RSA nor ECDSA", certificates, pair->made->key_text);
	else if (older == 0)
		err_set(pair->err, "the key in %s is not the one of the certificate in %s: one of the two files is of another certificate", key, certificates);
	else
		err_set(pair->err,
			"the key in %s is not the one of the certificate in %s: one of the two files is of another certificate, perhaps %s, which is the older one",
			key, certificates, older < 0 ? key : certificates);
	free(other.key_text);
	return false;
}

static bool check_key(struct pair *pair)
{
	if (!X509_check_private_key(pair->made->leaf, pair->made->key))
		return complain_of_key(pair);
	return key_signs(pair->made->key) ||
	       err_set(pair->err, "the private key in %s is damaged: what it signs is not of its own public key", pair->spec->key_path);
}

/* ---- the certificates ---- */

static bool read_certificates(struct pair *pair)
{
	const char *path = pair->spec->certificate_path;
	size_t garbled;
	STACK_OF(X509) *all = pemfile_certificates(&pair->certificates, LONGEST_CHAIN, &garbled);
	if (garbled > LONGEST_CHAIN)
		return err_set(pair->err, "the certificate file %s holds more than %u certificates: there should be one and those that issued it", path,
			LONGEST_CHAIN);
	if (garbled)
		return err_set(pair->err, "certificate %zu in %s can't be understood: it is garbled or cut off", garbled, path);
	if (!all && pemfile_has(&pair->certificates, "PRIVATE KEY"))
		return err_set(pair->err, "the certificate file %s holds no certificate but a private key: are the two files mixed up?", path);
	if (!all)
		return err_set(pair->err, "the certificate file %s holds no certificate (nothing in it begins with -----BEGIN CERTIFICATE-----)", path);
	pair->made->leaf = sk_X509_shift(all);
	pair->made->chain = all;
	return true;
}

static bool is_issued_by(X509 *certificate, X509 *issuer)
{
	EVP_PKEY *key = X509_get0_pubkey(issuer);
	return X509_check_ca(issuer) != 0 && X509_check_issued(issuer, certificate) == X509_V_OK && key && X509_verify(certificate, key) == 1;
}

static bool check_chain(struct pair *pair)
{
	X509 *certificate = pair->made->leaf;
	for (int i = 0; i < sk_X509_num(pair->made->chain); i++) {
		X509 *issuer = sk_X509_value(pair->made->chain, i);
		if (!is_issued_by(certificate, issuer))
			return err_set(pair->err,
				"%s: certificate %d of the file was not issued by certificate %d, which is behind it: put behind each one the one that issued it, and leave out all others",
				pair->spec->certificate_path, i + 1, i + 2);
		certificate = issuer;
	}
	return true;
}

static bool check_times(struct pair *pair)
{
	struct certificate *made = pair->made;
	const char *path = pair->spec->certificate_path;
	if (!read_time(X509_get0_notBefore(made->leaf), &made->first_s) || !read_time(X509_get0_notAfter(made->leaf), &made->last_s))
		return err_set(pair->err, "%s: the certificate's first or last day can't be understood", path);
	return pair->spec->any_time || certificate_is_timely(made, path, pair->spec->now_s, pair->err);
}

static bool check_names(struct pair *pair)
{
	struct certificate *made = pair->made;
	made->name_count = certificate_names_read(made->leaf, &made->names);
	if (made->name_count > 0 || pair->spec->role == CERTIFICATE_OF_CLIENT)
		return true;
	return err_set(pair->err,
		"%s: the certificate has no name of DNS that clients look at (subject alternative name; its common name does not count): have one issued with its names",
		pair->spec->certificate_path);
}

static bool check_use(struct pair *pair)
{
	if (pair->spec->role == CERTIFICATE_OF_CLIENT || X509_check_purpose(pair->made->leaf, X509_PURPOSE_SSL_SERVER, 0) == 1)
		return true;
	return err_set(pair->err, "%s: the certificate is not for servers (its key usage or extended key usage says what for): have one issued that is",
		pair->spec->certificate_path);
}

static bool note_id(struct pair *pair)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	if (!X509_digest(pair->made->leaf, EVP_sha256(), digest, NULL))
		return err_set(pair->err, "%s: the certificate can't be understood", pair->spec->certificate_path);
	for (size_t i = 0; i < (CERTIFICATE_ID_SIZE - 1) / 2; i++)
		snprintf(pair->made->id + 2 * i, 3, "%02x", digest[i]);
	return true;
}

/* ---- what will do, but should not stay so ---- */

/* The position of the first in the chain that is out of its time, or -1. */
static int find_untimely(const struct pair *pair)
{
	int64_t first_s, last_s;
	for (int i = 0; i < sk_X509_num(pair->made->chain); i++) {
		const X509 *certificate = sk_X509_value(pair->made->chain, i);
		bool known = read_time(X509_get0_notBefore(certificate), &first_s) && read_time(X509_get0_notAfter(certificate), &last_s);
		if (!known || pair->spec->now_s < first_s || pair->spec->now_s > last_s)
			return i;
	}
	return -1;
}

static void note_warning(struct pair *pair)
{
	const char *path = pair->spec->certificate_path;
	struct certificate *made = pair->made;
	struct err warning = {.text = ""};
	int untimely = find_untimely(pair), last = sk_X509_num(made->chain) - 1;
	bool client = pair->spec->role == CERTIFICATE_OF_CLIENT;
	if (untimely >= 0)
		err_set(&warning, "%s: certificate %d of the file is out of its time: those who see it may not follow the chain", path, untimely + 2);
	else if (client && X509_check_purpose(made->leaf, X509_PURPOSE_SSL_CLIENT, 0) != 1)
		err_set(&warning, "%s: the certificate is not for clients (its key usage or extended key usage says what for): backends may refuse it", path);
	else if (!client && last < 0 && X509_self_signed(made->leaf, 0) == 1)
		err_set(&warning, "%s: the certificate is signed by itself: only clients that were given it believe it", path);
	else if (!client && last < 0 && X509_get_ext_by_NID(made->leaf, NID_info_access, -1) >= 0)
		err_set(&warning,
			"%s: the file holds the certificate alone, without the one that issued it, which many clients don't have: is there one with the full chain?",
			path);
	else if (last >= 0 && X509_self_signed(sk_X509_value(made->chain, last), 0) == 1)
		err_set(&warning, "%s: the last certificate of the file is a root, which helps nobody: leave it out", path);
	made->warning = warning.text[0] ? memory_text(warning.text) : NULL;
}

/* ---- all of it ---- */

/* One after the other: of two that are mixed up the rights of the one that is no key say nothing. */
static bool read_files(struct pair *pair)
{
	const struct certificate_spec *spec = pair->spec;
	return pemfile_read(&pair->certificates, "the certificate file", spec->certificate_path, LARGEST_FILE, false, pair->err) && read_certificates(pair) &&
	       pemfile_read(&pair->key, "the key file", spec->key_path, LARGEST_FILE, !(spec->onlooker && keyfile_suits_others(spec->key_path)), pair->err) &&
	       read_key(pair);
}

static bool check(struct pair *pair)
{
	return check_kind(pair) && check_key(pair) && check_chain(pair) && check_times(pair) && check_use(pair) && check_names(pair) && note_id(pair);
}

struct certificate *certificate_load(const struct certificate_spec *spec, struct err *err)
{
	struct certificate *made = memory_new(sizeof(*made));
	struct pair pair = {.spec = spec, .made = made, .err = err};
	made->references = 1;
	bool good = read_files(&pair) && check(&pair);
	if (good)
		note_warning(&pair);
	pemfile_wipe(&pair.certificates);
	pemfile_wipe(&pair.key);
	ERR_clear_error();
	if (good)
		return made;
	certificate_release(made);
	return NULL;
}

void certificate_hold(struct certificate *certificate)
{
	certificate->references++;
}

void certificate_release(struct certificate *certificate)
{
	assert(certificate->references > 0);
	if (--certificate->references > 0)
		return;
	X509_free(certificate->leaf);
	sk_X509_pop_free(certificate->chain, X509_free);
	EVP_PKEY_free(certificate->key);
	certificate_names_free(certificate->names, certificate->name_count);
	free(certificate->key_text);
	free(certificate->warning);
	free(certificate);
}
