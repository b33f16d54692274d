/* Reading who is believed. Control thread. Decides nothing about a certificate: OpenSSL does, with what is in the store. */
#include "proxy/authorities.h"

#include <openssl/err.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/memory.h"
#include "proxy/pemfile.h"

#define LARGEST_FILE (8u << 20)
#define MOST 10000u

/* Where Debian, Red Hat, SUSE, Alpine and OpenSSL itself have them. */
const char *authorities_find_system(void)
{
	static const char *const places[] = {
		"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem"};
	const char *named = getenv(X509_get_default_cert_file_env());
	if (named && named[0])
		return named;
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		if (access(places[i], R_OK) == 0)
			return places[i];
	return X509_get_default_cert_file();
}

static bool fill_store(struct authorities *authorities, const STACK_OF(X509) * certificates)
{
	X509_STORE *store = authorities->store;
	bool filled = store && authorities->names;
	for (int i = 0; filled && i < sk_X509_num(certificates); i++) {
		X509 *certificate = sk_X509_value(certificates, i);
		X509_NAME *name = X509_NAME_dup(X509_get_subject_name(certificate));
		filled = X509_STORE_add_cert(store, certificate) && name && sk_X509_NAME_push(authorities->names, name);
		if (!filled)
			X509_NAME_free(name);
	}
	/* Who names an intermediate alone means it: its root is not needed. */
	return filled && X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN);
}

static struct authorities *make(const struct pemfile *file, const STACK_OF(X509) * certificates)
{
	struct authorities *authorities = memory_new(sizeof(*authorities));
	authorities->store = X509_STORE_new();
	authorities->names = sk_X509_NAME_new_null();
	authorities->count = (size_t)sk_X509_num(certificates);
	if (fill_store(authorities, certificates) && EVP_Digest(file->bytes, file->length, authorities->hash, NULL, EVP_sha256(), NULL))
		return authorities;
	authorities_free(authorities);
	return NULL;
}

static struct authorities *understand(const struct pemfile *file, const char *path, struct err *err)
{
	size_t garbled;
	STACK_OF(X509) *certificates = pemfile_certificates(file, MOST, &garbled);
	struct authorities *authorities = NULL;
	if (garbled)
		err_set(err, "certificate %zu of the CA file %s can't be understood: it is garbled or cut off", garbled, path);
	else if (!certificates)
		err_set(err, "the CA file %s holds no certificate (nothing in it begins with -----BEGIN CERTIFICATE-----)", path);
	else if (!(authorities = make(file, certificates)))
		err_set(err, "the certificates of the CA file %s can't be used: %s", path, ERR_reason_error_string(ERR_peek_last_error()));
	sk_X509_pop_free(certificates, X509_free);
	ERR_clear_error();
	return authorities;
}

struct authorities *authorities_load(const char *path, struct err *err)
{
	struct pemfile file;
	const char *place = path ? path : authorities_find_system();
	if (!pemfile_read(&file, "the CA file", place, LARGEST_FILE, false, err)) {
		if (!path)
			err_prefix(err, "the system's certificates (of Debian's package ca-certificates, or the file that %s names)",
				X509_get_default_cert_file_env());
		return NULL;
	}
	struct authorities *authorities = understand(&file, place, err);
	pemfile_wipe(&file);
	return authorities;
}

void authorities_free(struct authorities *authorities)
{
	if (!authorities)
		return;
	X509_STORE_free(authorities->store);
	sk_X509_NAME_pop_free(authorities->names, X509_NAME_free);
	free(authorities);
}
