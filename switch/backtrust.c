/* TLS with one backend, as base/fetch is told of it. Control thread. What is settled is proxy/tlsback's; that it is done at all is libcurl's. */
#include "switch/backtrust.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "base/peername.h"
#include "base/text.h"
#include "proxy/backend.h"
#include "proxy/certificate_names.h"
#include "proxy/secure_fault.h"
#include "proxy/tlsback.h"

/* Of the names of a certificate, what a sentence has room for. */
#define NAMES_SHOWN 100u

/* What became of the newest handshake. */
struct found {
	bool asked, shown;           /* for our certificate, and there is one */
	char names[NAMES_SHOWN + 4]; /* of a certificate that was refused; "" */
};

struct backtrust {
	unsigned references;
	struct tlsback *back;
	char *host;
	struct peername peer;
	bool known; /* `peer` can be checked for */
	struct fetch_trust fetch;
	struct found found;
};

/* ---- a handshake ---- */

static int on_asked(SSL *ssl, void *arg)
{
	struct backtrust *trust = arg;
	trust->found.asked = true;
	trust->found.shown = SSL_get_certificate(ssl) != NULL;
	return 1;
}

static void note_names(struct found *found, const X509 *certificate)
{
	char **names;
	struct text text;
	size_t count = certificate_names_read(certificate, &names);
	text_init(&text, NAMES_SHOWN);
	for (size_t i = 0; i < count; i++)
		text_addf(&text, "%s%s", i > 0 ? ", " : "", names[i]);
	snprintf(found->names, sizeof(found->names), "%s%s", text.bytes, text.cut ? "..." : "");
	text_fini(&text);
	certificate_names_free(names, count);
}

/* OpenSSL's own verification, with a look at what it refused. */
static int on_verify(X509_STORE_CTX *verification, void *arg)
{
	struct backtrust *trust = arg;
	int result = X509_verify_cert(verification);
	X509 *certificate = X509_STORE_CTX_get0_cert(verification);
	if (result <= 0 && certificate)
		note_names(&trust->found, certificate);
	return result;
}

static bool apply(void *arg, SSL_CTX *context)
{
	struct backtrust *trust = arg;
	trust->found = (struct found){0};
	if (!tlsback_apply(trust->back, trust->host, context))
		return false;
	SSL_CTX_set_cert_cb(context, on_asked, trust);
	if (trust->fetch.verifies)
		SSL_CTX_set_cert_verify_callback(context, on_verify, trust);
	return true;
}

/* ---- what went wrong ---- */

static enum secure_fault fault_of(unsigned long error, long verify)
{
	bool of_version = ERR_GET_LIB(error) == ERR_LIB_SSL && ERR_GET_REASON(error) == SSL_R_TLSV1_ALERT_PROTOCOL_VERSION;
	return of_version ? SECURE_no_version : secure_fault_of(error, verify);
}

static void explain_error(const struct backtrust *trust, unsigned long error, long verify, char *text, size_t size)
{
	const struct found *found = &trust->found;
	enum secure_fault fault = fault_of(error, verify);
	size_t length = secure_fault_explain(fault, error, verify, text, size);
	if (fault == SECURE_certificate_name)
		snprintf(text + length, size - length, " than %s%s%s", trust->peer.text, found->names[0] ? ": it is for " : "", found->names);
	else if (fault == SECURE_alert && found->asked)
		snprintf(text + length, size - length, "; it asked for a certificate, and %s",
			found->shown ? "got that of tls.certificate" : "tls.certificate names none");
}

static void explain(void *arg, unsigned long error, long verify, char *text, size_t size)
{
	const struct backtrust *trust = arg;
	if (error)
		explain_error(trust, error, verify, text, size);
	else if (trust->fetch.verifies && !trust->known)
		snprintf(text, size, "it has no name that its certificate could be checked for: set tls.name");
	else
		snprintf(text, size, "%s", secure_fault_text(SECURE_internal));
}

/* ---- the whole ---- */

static void hold(void *arg)
{
	struct backtrust *trust = arg;
	trust->references++;
}

static void release(void *arg)
{
	backtrust_release(arg);
}

struct backtrust *backtrust_new(struct tlsback *back, const char *name, const struct addr *addr)
{
	if (!back)
		return NULL;
	struct backtrust *trust = memory_new(sizeof(*trust));
	trust->references = 1;
	trust->back = back;
	tlsback_hold(back);
	trust->host = backend_cut_host(name, addr);
	trust->known = peername_read(tlsback_name(back, trust->host), &trust->peer);
	trust->fetch = (struct fetch_trust){
		.name = trust->known ? trust->peer.text : NULL,
		.verifies = tlsback_verifies(back),
		.apply = apply,
		.explain = explain,
		.hold = hold,
		.release = release,
		.arg = trust,
	};
	return trust;
}

void backtrust_release(struct backtrust *trust)
{
	if (!trust || --trust->references > 0)
		return;
	tlsback_release(trust->back);
	free(trust->host);
	free(trust);
}

const struct fetch_trust *backtrust_fetch(const struct backtrust *trust)
{
	return trust ? &trust->fetch : NULL;
}
