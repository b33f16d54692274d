/* Towards backends: which certificates are believed and for whom, what is asked for and shown, and which sessions are resumed. Real handshakes, over memory. */
// links: proxy
#include "tests/unit/certificates.h"
#include "tests/unit/handshake.h"

#include "proxy/authorities.h"
#include "proxy/certificate.h"
#include "proxy/tlsback.h"

struct place {
	struct scratch *scratch;
	struct issued root, middle, stranger;
	struct authorities *authorities, *others;
};

static struct authorities *make_authorities(struct place *place, const struct issued *first, const struct issued *second)
{
	struct err err;
	scratch_rewrite(place->scratch, "ca.pem", "");
	certificates_append(place->scratch, "ca.pem", first);
	if (second)
		certificates_append(place->scratch, "ca.pem", second);
	struct authorities *made = authorities_load(scratch_name(place->scratch, "ca.pem"), &err);
	if (!made)
		fail_msg("%s", err.text);
	return made;
}

static int set_up(void **state)
{
	struct place *place = calloc(1, sizeof(*place));
	void *scratch;
	scratch_set_up(&scratch);
	place->scratch = scratch;
	place->root = certificates_issue(&(struct wish){.subject = "root", .authority = true}, NULL, 100);
	place->middle = certificates_issue(&(struct wish){.subject = "middle", .authority = true}, &place->root, 101);
	place->stranger = certificates_issue(&(struct wish){.subject = "stranger", .authority = true}, NULL, 102);
	place->authorities = make_authorities(place, &place->root, NULL);
	place->others = make_authorities(place, &place->root, &place->stranger);
	*state = place;
	return 0;
}

static int tear_down(void **state)
{
	struct place *place = *state;
	void *scratch = place->scratch;
	authorities_free(place->authorities);
	authorities_free(place->others);
	certificates_drop(&place->root);
	certificates_drop(&place->middle);
	certificates_drop(&place->stranger);
	scratch_tear_down(&scratch);
	free(place);
	return 0;
}

/* ---- a backend ---- */

static SSL_CTX *make_backend(const struct issued *shown, const struct issued *behind)
{
	SSL_CTX *backend = SSL_CTX_new(TLS_server_method());
	SSL_CTX_set_security_level(backend, 0);
	SSL_CTX_set_mode(backend, SSL_MODE_NO_AUTO_CHAIN);
	assert_true(SSL_CTX_use_certificate(backend, shown->certificate) && SSL_CTX_use_PrivateKey(backend, shown->key));
	assert_true(!behind || SSL_CTX_add1_chain_cert(backend, behind->certificate));
	assert_true(SSL_CTX_set_session_id_context(backend, (const unsigned char *)"b", 1));
	return backend;
}

static SSL *open_backend(SSL_CTX *backend, int version)
{
	SSL *ssl = SSL_new(backend);
	SSL_set_accept_state(ssl);
	assert_true(version == 0 || (SSL_set_min_proto_version(ssl, version) && SSL_set_max_proto_version(ssl, version)));
	return ssl;
}

static struct tlsback *make(const struct tlsback_spec *spec)
{
	struct err err;
	struct tlsback *back = tlsback_new(spec, &err);
	if (!back)
		fail_msg("%s", err.text);
	return back;
}

static struct tlsback *make_usual(const struct place *place)
{
	return make(&(struct tlsback_spec){.verify = true, .authorities = place->authorities});
}

static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

/* ---- who is believed ---- */

/* A client's side by somebody else's context. */
static SSL *open_applied(const struct tlsback *back, const char *host)
{
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	SSL *ssl = tlsback_apply(back, host, context) ? SSL_new(context) : NULL;
	SSL_CTX_set_cert_store(context, X509_STORE_new()); /* as libcurl does */
	SSL_CTX_free(context);
	if (ssl)
		SSL_set_connect_state(ssl);
	return ssl;
}

/* Either way of asking a backend leads to the same. */
static void verify_applied(const struct tlsback *back, const char *host, SSL_CTX *backend, int version, long result)
{
	struct handshake shake = handshake_begin(open_applied(back, host), open_backend(backend, version));
	handshake_run(&shake);
	assert_int_equal(SSL_get_verify_result(shake.client), result);
	assert_int_equal(shake.good, result == X509_V_OK);
	handshake_end(&shake);
}

static long verify(struct tlsback *back, const char *host, const struct issued *shown, const struct issued *behind, int version)
{
	SSL_CTX *backend = make_backend(shown, behind);
	SSL_SESSION *slot = NULL;
	struct handshake shake = handshake_begin(tlsback_open(back, host, &slot), open_backend(backend, version));
	handshake_run(&shake);
	long result = SSL_get_verify_result(shake.client);
	assert_int_equal(shake.good, result == X509_V_OK);
	assert_true(shake.good || (shake.client_said != NO_ALERT && !slot));
	handshake_end(&shake);
	tlsback_forget(&slot);
	verify_applied(back, host, backend, version, result);
	SSL_CTX_free(backend);
	return result;
}

enum issuer { ROOT, MIDDLE, MIDDLE_MISSING, STRANGER, ITSELF };

static const struct shown_row {
	const char *host;
	struct wish wish;
	enum issuer issuer;
	long result;
} shown_rows[] = {
	{"app.example", {.subject = "x", .names = "DNS:app.example"}, ROOT, X509_V_OK},
	{"APP.example", {.subject = "x", .names = "DNS:app.EXAMPLE"}, ROOT, X509_V_OK},
	{"app.example.", {.subject = "x", .names = "DNS:app.example"}, ROOT, X509_V_OK},
	{"app.example", {.subject = "x", .names = "DNS:other.example,DNS:app.example"}, MIDDLE, X509_V_OK},
	{"app.example", {.subject = "x", .names = "DNS:app.example", .usage = "serverAuth"}, ROOT, X509_V_OK},
	{"app.example", {.subject = "x", .names = "DNS:app.example", .kind = "RSA-2048"}, ROOT, X509_V_OK},
	{"app", {.subject = "x", .names = "DNS:app"}, ROOT, X509_V_OK},
	/* names */
	{"app.example", {.subject = "x", .names = "DNS:other.example"}, ROOT, X509_V_ERR_HOSTNAME_MISMATCH},
	{"app.example", {.subject = "app.example"}, ROOT, X509_V_ERR_HOSTNAME_MISMATCH},
	{"app.example", {.subject = "app.example", .names = "DNS:other.example"}, ROOT, X509_V_ERR_HOSTNAME_MISMATCH},
	{"app.example", {.subject = "x", .names = "email:app.example"}, ROOT, X509_V_ERR_HOSTNAME_MISMATCH},
	{"app.example", {.subject = "x", .octets = "app.example\0.evil.example", .octet_count = 25}, ROOT, X509_V_ERR_HOSTNAME_MISMATCH},
	{"app.example", {.subject = "app.example", .octets = "app.example\0", .octet_count = 12}, ROOT, X509_V_ERR_HOSTNAME_MISMATCH},
	{"app.example.evil.example", {.subject = "x", .names = "DNS:app.example"}, ROOT, X509_V_ERR_HOSTNAME_MISMATCH},
	{"example", {.subject = "x", .names = "DNS:app.example"}, ROOT, X509_V_ERR_HOSTNAME_MISMATCH},
	/* wildcards */
	{"app.in.example", {.subject = "x", .names = "DNS:*.in.example"}, ROOT, X509_V_OK},
	{"two.app.in.example", {.subject = "x", .names = "DNS:*.in.example"}, ROOT, X509_V_ERR_HOSTNAME_MISMATCH},
	{"in.example", {.subject = "x", .names = "DNS:*.in.example"}, ROOT, X509_V_ERR_HOSTNAME_MISMATCH},
	{"app.in.example", {.subject = "x", .names = "DNS:a*.in.example"}, ROOT, X509_V_ERR_HOSTNAME_MISMATCH},
	{"app.in.example", {.subject = "x", .names = "DNS:app.*.example"}, ROOT, X509_V_ERR_HOSTNAME_MISMATCH},
	{"app.in.example", {.subject = "x", .names = "DNS:*"}, ROOT, X509_V_ERR_HOSTNAME_MISMATCH},
	/* addresses */
	{"192.0.2.1", {.subject = "x", .names = "IP:192.0.2.1"}, ROOT, X509_V_OK},
	{"2001:db8::1", {.subject = "x", .names = "IP:2001:db8:0:0:0:0:0:1"}, ROOT, X509_V_OK},
	{"192.0.2.1", {.subject = "x", .names = "IP:192.0.2.2"}, ROOT, X509_V_ERR_IP_ADDRESS_MISMATCH},
	{"192.0.2.1", {.subject = "192.0.2.1", .names = "DNS:192.0.2.1"}, ROOT, X509_V_ERR_IP_ADDRESS_MISMATCH},
	{"192.0.2.1", {.subject = "x", .names = "DNS:*.0.2.1"}, ROOT, X509_V_ERR_IP_ADDRESS_MISMATCH},
	{"192.0.2.1.", {.subject = "x", .names = "DNS:app.example"}, ROOT, X509_V_ERR_HOSTNAME_MISMATCH},
	{"fe80::1%eth0", {.subject = "x", .names = "IP:fe80::1"}, ROOT, X509_V_OK},
	{"fe80::1%eth0", {.subject = "x", .names = "IP:fe80::2"}, ROOT, X509_V_ERR_IP_ADDRESS_MISMATCH},
	/* time, use, issuer */
	{"app.example", {.subject = "x", .names = "DNS:app.example", .first_s = -2 * DAY_S, .last_s = -DAY_S}, ROOT, X509_V_ERR_CERT_HAS_EXPIRED},
	{"app.example", {.subject = "x", .names = "DNS:app.example", .first_s = DAY_S, .last_s = 2 * DAY_S}, ROOT, X509_V_ERR_CERT_NOT_YET_VALID},
	{"app.example", {.subject = "x", .names = "DNS:app.example", .usage = "clientAuth"}, ROOT, X509_V_ERR_INVALID_PURPOSE},
	{"app.example", {.subject = "x", .names = "DNS:app.example", .usage = "codeSigning"}, ROOT, X509_V_ERR_INVALID_PURPOSE},
	{"app.example", {.subject = "x", .names = "DNS:app.example"}, STRANGER, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY},
	{"app.example", {.subject = "x", .names = "DNS:app.example"}, MIDDLE_MISSING, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY},
	{"app.example", {.subject = "x", .names = "DNS:app.example"}, ITSELF, X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT},
	{"app.example", {.subject = "root", .names = "DNS:app.example"}, ITSELF, X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT},
	{"app.example", {.subject = "x", .names = "DNS:app.example", .kind = "RSA-1024"}, ROOT, X509_V_ERR_EE_KEY_TOO_SMALL},
};

static void certificates_of_backends(void **state)
{
	struct place *place = *state;
	struct tlsback *back = make_usual(place);
	for (size_t i = 0; i < sizeof(shown_rows) / sizeof(shown_rows[0]); i++) {
		const struct issued *issuers[] = {&place->root, &place->middle, &place->middle, &place->stranger, NULL};
		const struct issued *behind = shown_rows[i].issuer == MIDDLE ? &place->middle : NULL;
		struct issued shown = certificates_issue(&shown_rows[i].wish, issuers[shown_rows[i].issuer], 1);
		for (size_t j = 0; j < 2; j++) {
			long result = verify(back, shown_rows[i].host, &shown, behind, versions[j]);
			if (result != shown_rows[i].result)
				fail_msg("row %zu: %s", i, X509_verify_cert_error_string(result));
		}
		certificates_drop(&shown);
	}
	tlsback_release(back);
}

/* OpenSSL would take some of these for a whole domain, or for anything. */
static void nobody_is_verified_by_what_is_no_name(void **state)
{
	static const char *const hosts[] = {"", ".", ".example", "*.example", "*", "app..example", "app example", "app/x", "[::1]", "app:443"};
	struct place *place = *state;
	struct tlsback *back = make_usual(place), *unverified = make(&(struct tlsback_spec){.verify = false});
	SSL_SESSION *slot = NULL;
	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
		struct err err;
		assert_null(tlsback_open(back, hosts[i], &slot));
		SSL *ssl = tlsback_open(unverified, hosts[i], &slot);
		assert_non_null(ssl);
		SSL_free(ssl);
		assert_null(open_applied(back, hosts[i]));
		ssl = open_applied(unverified, hosts[i]);
		assert_non_null(ssl);
		SSL_free(ssl);
		assert_null(tlsback_new(&(struct tlsback_spec){.verify = true, .authorities = place->authorities, .name = hosts[i]}, &err));
		assert_int_equal(strncmp(err.text, hosts[i], strlen(hosts[i])), 0);
		assert_non_null(strstr(err.text, " is neither a name of DNS nor an address"));
	}
	tlsback_release(back);
	tlsback_release(unverified);
}

static void without_verification_anything_will_do(void **state)
{
	struct tlsback *back = make(&(struct tlsback_spec){.verify = false});
	(void)state;
	struct issued shown =
		certificates_issue(&(struct wish){.subject = "x", .names = "DNS:other.example", .first_s = -2 * DAY_S, .last_s = -DAY_S}, NULL, 1);
	for (size_t j = 0; j < 2; j++) {
		SSL_CTX *backend = make_backend(&shown, NULL);
		SSL_SESSION *slot = NULL;
		struct handshake shake = handshake_begin(tlsback_open(back, "app.example", &slot), open_backend(backend, versions[j]));
		handshake_run(&shake);
		assert_true(shake.good);
		assert_string_equal(SSL_get_servername(shake.server, TLSEXT_NAMETYPE_host_name), "app.example");
		handshake_end(&shake);
		tlsback_forget(&slot);
		shake = handshake_begin(open_applied(back, "app.example"), open_backend(backend, versions[j]));
		handshake_run(&shake);
		assert_true(shake.good);
		handshake_end(&shake);
		SSL_CTX_free(backend);
	}
	certificates_drop(&shown);
	tlsback_release(back);
}

/* What is in the file is believed for itself: an intermediate without its root, a backend's own. */
static void authorities_of_any_kind(void **state)
{
	struct place *place = *state;
	const struct wish wish = {.subject = "x", .names = "DNS:app.example"};
	struct issued by_middle = certificates_issue(&wish, &place->middle, 1), by_root = certificates_issue(&wish, &place->root, 1),
		      by_itself = certificates_issue(&wish, NULL, 1);
	const struct row {
		const struct issued *believed, *shown;
		long result;
	} rows[] = {
		{&place->middle, &by_middle, X509_V_OK},
		{&place->middle, &by_root, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY},
		{&by_itself, &by_itself, X509_V_OK},
		{&by_root, &by_root, X509_V_OK},
		{&by_itself, &by_root, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct authorities *authorities = make_authorities(place, rows[i].believed, NULL);
		struct tlsback *back = make(&(struct tlsback_spec){.verify = true, .authorities = authorities});
		authorities_free(authorities);
		assert_int_equal(verify(back, "app.example", rows[i].shown, NULL, TLS1_3_VERSION), rows[i].result);
		tlsback_release(back);
	}
	certificates_drop(&by_middle);
	certificates_drop(&by_root);
	certificates_drop(&by_itself);
}

/* The color's name is asked for and checked, whatever the backend is called itself. */
static void the_name_of_the_color_counts(void **state)
{
	struct place *place = *state;
	char name[] = "color.example";
	struct tlsback *back = make(&(struct tlsback_spec){.verify = true, .authorities = place->authorities, .name = name});
	memset(name, 'x', sizeof(name) - 1);
	struct issued good = certificates_issue(&(struct wish){.subject = "x", .names = "DNS:color.example"}, &place->root, 1);
	struct issued own = certificates_issue(&(struct wish){.subject = "x", .names = "DNS:app.example,IP:192.0.2.1"}, &place->root, 1);
	assert_int_equal(verify(back, "app.example", &good, NULL, TLS1_3_VERSION), X509_V_OK);
	assert_int_equal(verify(back, "192.0.2.1", &good, NULL, TLS1_3_VERSION), X509_V_OK);
	assert_int_equal(verify(back, "app.example", &own, NULL, TLS1_3_VERSION), X509_V_ERR_HOSTNAME_MISMATCH);
	assert_int_equal(verify(back, "192.0.2.1", &own, NULL, TLS1_3_VERSION), X509_V_ERR_HOSTNAME_MISMATCH);
	certificates_drop(&good);
	certificates_drop(&own);
	tlsback_release(back);
}

/* ---- what is said ---- */

struct seen {
	const char *name;
	char protocols[32];
};

static int note_protocols(
	SSL *ssl, const unsigned char **chosen, unsigned char *chosen_length, const unsigned char *offered, unsigned offered_length, void *context)
{
	(void)ssl, (void)chosen, (void)chosen_length;
	struct seen *seen = context;
	snprintf(seen->protocols, sizeof(seen->protocols), "%.*s", (int)offered_length, (const char *)offered);
	return SSL_TLSEXT_ERR_NOACK;
}

static void names_are_asked_for(void **state)
{
	static const struct row {
		const char *name, *host, *asked; /* NULL: for none */
	} rows[] = {
		{NULL, "app.example", "app.example"},
		{NULL, "App.Example.", "app.example"},
		{NULL, "192.0.2.1", NULL},
		{NULL, "::1", NULL},
		{"color.example", "192.0.2.1", "color.example"},
		{"192.0.2.7", "app.example", NULL},
	};
	struct issued shown = certificates_issue(&(struct wish){.subject = "x"}, NULL, 1);
	SSL_CTX *backend = make_backend(&shown, NULL);
	struct seen seen;
	(void)state;
	SSL_CTX_set_alpn_select_cb(backend, note_protocols, &seen);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct tlsback *back = make(&(struct tlsback_spec){.verify = false, .name = rows[i].name});
		SSL_SESSION *slot = NULL;
		struct handshake shake = handshake_begin(tlsback_open(back, rows[i].host, &slot), open_backend(backend, 0));
		handshake_run(&shake);
		const char *asked = SSL_get_servername(shake.server, TLSEXT_NAMETYPE_host_name);
		assert_true(shake.good);
		assert_string_equal(asked ? asked : "none", rows[i].asked ? rows[i].asked : "none");
		assert_string_equal(seen.protocols, "\x08http/1.1");
		assert_true(SSL_get_mode(shake.client) & SSL_MODE_RELEASE_BUFFERS);
		assert_false(SSL_get_options(shake.client) & SSL_OP_IGNORE_UNEXPECTED_EOF);
		handshake_end(&shake);
		tlsback_forget(&slot);
		tlsback_release(back);
	}
	SSL_CTX_free(backend);
	certificates_drop(&shown);
}

static void versions_that_are_spoken(void **state)
{
	static const struct row {
		int version;
		bool good;
	} rows[] = {{TLS1_VERSION, false}, {TLS1_1_VERSION, false}, {TLS1_2_VERSION, true}, {TLS1_3_VERSION, true}};
	struct issued shown = certificates_issue(&(struct wish){.subject = "x"}, NULL, 1);
	SSL_CTX *backend = make_backend(&shown, NULL);
	struct tlsback *back = make(&(struct tlsback_spec){.verify = false});
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		SSL_SESSION *slot = NULL;
		struct handshake shake = handshake_begin(tlsback_open(back, "app.example", &slot), open_backend(backend, rows[i].version));
		handshake_run(&shake);
		assert_int_equal(shake.good, rows[i].good);
		handshake_end(&shake);
		tlsback_forget(&slot);
		shake = handshake_begin(open_applied(back, "app.example"), open_backend(backend, rows[i].version));
		handshake_run(&shake);
		assert_int_equal(shake.good, rows[i].good);
		handshake_end(&shake);
	}
	tlsback_release(back);
	SSL_CTX_free(backend);
	certificates_drop(&shown);
}

/* Whatever its maker has set, and whoever its maker believes behind that. */
static void a_context_of_others(void **state)
{
	struct place *place = *state;
	struct tlsback *back = make_usual(place);
	SSL_CTX *context = SSL_CTX_new(TLS_client_method()), *fresh = SSL_CTX_new(TLS_client_method());
	SSL_CTX_set_options(context, SSL_OP_IGNORE_UNEXPECTED_EOF | SSL_OP_LEGACY_SERVER_CONNECT | SSL_OP_NO_TICKET);
	SSL_CTX_set_security_level(context, 0);
	SSL_CTX_set_post_handshake_auth(context, 1);
	SSL_CTX_set_verify_depth(context, 100);
	assert_true(SSL_CTX_set_min_proto_version(context, TLS1_VERSION) && SSL_CTX_set_cipher_list(context, "ALL"));
	assert_true(tlsback_apply(back, "app.example", context) && tlsback_apply(back, "app.example", fresh));
	assert_int_equal(SSL_CTX_get_options(context), SSL_CTX_get_options(fresh));
	assert_int_equal(SSL_CTX_get_security_level(context), 2);
	assert_int_equal(SSL_CTX_get_verify_depth(context), SSL_CTX_get_verify_depth(fresh));
	assert_int_equal(SSL_CTX_get_min_proto_version(context), TLS1_2_VERSION);
	assert_int_equal(sk_SSL_CIPHER_num(SSL_CTX_get_ciphers(context)), sk_SSL_CIPHER_num(SSL_CTX_get_ciphers(fresh)));
	assert_int_equal(SSL_CTX_get_verify_mode(context), SSL_VERIFY_PEER);
	X509_STORE *store = NULL, *other = NULL;
	assert_true(SSL_CTX_get0_verify_cert_store(context, &store) && SSL_CTX_get0_verify_cert_store(fresh, &other));
	assert_ptr_equal(store, place->authorities->store);
	assert_ptr_equal(other, store);
	SSL_CTX_free(context);
	SSL_CTX_free(fresh);
	tlsback_release(back);
}

static struct certificate *make_own(struct place *place, unsigned number)
{
	struct err err;
	struct issued own = certificates_issue(&(struct wish){.subject = "teal", .usage = "clientAuth"}, &place->middle, number);
	scratch_rewrite(place->scratch, "own.pem", "");
	certificates_append(place->scratch, "own.pem", &own);
	certificates_append(place->scratch, "own.pem", &place->middle);
	certificates_write_key(place->scratch, "own.key", own.key);
	certificates_drop(&own);
	struct certificate *made = certificate_load(&(struct certificate_spec){scratch_name(place->scratch, "own.pem"), scratch_name(place->scratch, "own.key"),
							    CERTIFICATE_OF_CLIENT, time(NULL), .any_time = false},
		&err);
	if (!made)
		fail_msg("%s", err.text);
	return made;
}

/* A backend that asks for one, and believes the root. */
static void our_certificate_is_shown(void **state)
{
	struct place *place = *state;
	struct certificate *own = make_own(place, 5);
	struct issued shown = certificates_issue(&(struct wish){.subject = "x"}, NULL, 1);
	SSL_CTX *backend = make_backend(&shown, NULL);
	SSL_CTX_set1_cert_store(backend, place->authorities->store);
	SSL_CTX_set_verify(backend, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	for (size_t i = 0; i < 4; i++) {
		bool has = i / 2;
		struct tlsback *back = make(&(struct tlsback_spec){.verify = false, .certificate = has ? own : NULL});
		SSL_SESSION *slot = NULL;
		SSL *applied = open_applied(back, "app.example");
		struct handshake shake = handshake_begin(tlsback_open(back, "app.example", &slot), open_backend(backend, versions[i % 2]));
		tlsback_release(back); /* what it was made of lives as long as the connection */
		handshake_run(&shake);
		assert_int_equal(shake.good, has);
		assert_true(!has || X509_cmp(SSL_get0_peer_certificate(shake.server), own->leaf) == 0);
		handshake_end(&shake);
		shake = handshake_begin(applied, open_backend(backend, versions[i % 2]));
		handshake_run(&shake);
		assert_int_equal(shake.good, has);
		assert_int_equal(has ? sk_X509_num(SSL_get_peer_cert_chain(shake.server)) : 0, has);
		handshake_end(&shake);
		tlsback_forget(&slot);
	}
	SSL_CTX_free(backend);
	certificates_drop(&shown);
	certificate_release(own);
}

/* ---- sessions ---- */

/* One connection; whether it was resumed. */
static bool connect_once(struct tlsback *back, const char *host, SSL_CTX *backend, int version, SSL_SESSION **slot)
{
	struct handshake shake = handshake_begin(tlsback_open(back, host, slot), open_backend(backend, version));
	handshake_run(&shake);
	assert_true(shake.good);
	bool resumed = SSL_session_reused(shake.client);
	handshake_end(&shake);
	return resumed;
}

static void the_newest_session_is_resumed(void **state)
{
	struct place *place = *state;
	struct issued shown = certificates_issue(&(struct wish){.subject = "x", .names = "DNS:app.example"}, &place->root, 1);
	SSL_CTX *backend = make_backend(&shown, NULL);
	struct tlsback *back = make_usual(place);
	for (size_t i = 0; i < 2; i++) {
		SSL_SESSION *slot = NULL;
		assert_false(connect_once(back, "app.example", backend, versions[i], &slot));
		for (unsigned times = 0; times < 3; times++) {
			assert_non_null(slot);
			assert_true(connect_once(back, "app.example", backend, versions[i], &slot));
		}
		tlsback_forget(&slot);
		assert_null(slot);
		assert_false(connect_once(back, "app.example", backend, versions[i], &slot));
		tlsback_forget(&slot);
	}
	tlsback_release(back);
	SSL_CTX_free(backend);
	certificates_drop(&shown);
}

/* RFC 8446 appendix C.4: two connections with one ticket would tell an observer that they are one client's. */
static void a_ticket_of_1_3_is_used_once(void **state)
{
	struct place *place = *state;
	struct issued shown = certificates_issue(&(struct wish){.subject = "x", .names = "DNS:app.example"}, &place->root, 1);
	SSL_CTX *backend = make_backend(&shown, NULL);
	struct tlsback *back = make_usual(place);
	for (size_t i = 0; i < 2; i++) {
		SSL_SESSION *slot = NULL;
		assert_false(connect_once(back, "app.example", backend, versions[i], &slot));
		SSL *one = tlsback_open(back, "app.example", &slot);
		assert_int_equal(slot == NULL, versions[i] == TLS1_3_VERSION);
		struct handshake second = handshake_begin(tlsback_open(back, "app.example", &slot), open_backend(backend, versions[i]));
		struct handshake first = handshake_begin(one, open_backend(backend, versions[i]));
		handshake_run(&second);
		handshake_run(&first);
		assert_true(first.good && second.good && SSL_session_reused(first.client));
		assert_int_equal(SSL_session_reused(second.client), versions[i] == TLS1_2_VERSION);
		handshake_end(&first);
		handshake_end(&second);
		tlsback_forget(&slot);
	}
	tlsback_release(back);
	SSL_CTX_free(backend);
	certificates_drop(&shown);
}

static void sessions_are_resumed_for_the_same_alone(void **state)
{
	struct place *place = *state;
	struct certificate *own = make_own(place, 5), *other = make_own(place, 6);
	struct issued shown = certificates_issue(&(struct wish){.subject = "x", .names = "DNS:app.example,DNS:b.example"}, &place->root, 1);
	SSL_CTX *backend = make_backend(&shown, NULL);
	const struct tlsback_spec usual = {true, place->authorities, NULL, own};
	const struct row {
		struct tlsback_spec spec;
		const char *host;
		bool resumed;
	} rows[] = {
		{usual, "app.example", true}, /* made anew with the same: a reload */
		{usual, "b.example", false},
		{{true, place->authorities, "app.example", own}, "b.example", true},
		{{true, place->authorities, "b.example", own}, "app.example", false},
		{{true, place->others, NULL, own}, "app.example", false},
		{{false, NULL, NULL, own}, "app.example", false},
		{{true, place->authorities, NULL, other}, "app.example", false},
		{{true, place->authorities, NULL, NULL}, "app.example", false},
	};
	for (size_t i = 0; i < 2 * sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *row = &rows[i / 2];
		struct tlsback *back = make(&usual), *later = make(&row->spec);
		SSL_SESSION *slot = NULL;
		assert_false(connect_once(back, "app.example", backend, versions[i % 2], &slot));
		if (connect_once(later, row->host, backend, versions[i % 2], &slot) != row->resumed)
			fail_msg("row %zu", i / 2);
		tlsback_forget(&slot);
		tlsback_release(back);
		tlsback_release(later);
	}
	SSL_CTX_free(backend);
	certificates_drop(&shown);
	certificate_release(own);
	certificate_release(other);
}

/* A session of an unverified connection opens nothing where certificates are verified, though the backend would have it. */
static void an_unverified_session_is_never_believed(void **state)
{
	struct place *place = *state;
	struct issued shown = certificates_issue(&(struct wish){.subject = "x", .names = "DNS:app.example"}, NULL, 1);
	SSL_CTX *backend = make_backend(&shown, NULL);
	struct tlsback *unverified = make(&(struct tlsback_spec){.verify = false}), *back = make_usual(place);
	for (size_t i = 0; i < 2; i++) {
		SSL_SESSION *slot = NULL;
		assert_false(connect_once(unverified, "app.example", backend, versions[i], &slot));
		assert_non_null(slot);
		struct handshake shake = handshake_begin(tlsback_open(back, "app.example", &slot), open_backend(backend, versions[i]));
		assert_null(slot);
		handshake_run(&shake);
		assert_false(shake.good);
		assert_int_equal(SSL_get_verify_result(shake.client), X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT);
		handshake_end(&shake);
		tlsback_forget(&slot);
	}
	tlsback_release(unverified);
	tlsback_release(back);
	SSL_CTX_free(backend);
	certificates_drop(&shown);
}

/* The first handshake looks at no clock here, so that a session comes about whose certificate is over, as it would by waiting. */
static void a_session_ends_with_the_certificate(void **state)
{
	struct place *place = *state;
	struct issued shown =
		certificates_issue(&(struct wish){.subject = "x", .names = "DNS:app.example", .first_s = -2 * DAY_S, .last_s = -DAY_S}, &place->root, 1);
	SSL_CTX *backend = make_backend(&shown, NULL);
	struct tlsback *back = make_usual(place);
	for (size_t i = 0; i < 2; i++) {
		SSL_SESSION *slot = NULL;
		struct handshake first = handshake_begin(tlsback_open(back, "app.example", &slot), open_backend(backend, versions[i]));
		X509_VERIFY_PARAM_set_flags(SSL_get0_param(first.client), X509_V_FLAG_NO_CHECK_TIME);
		handshake_run(&first);
		assert_true(first.good && slot);
		handshake_end(&first);
		struct handshake second = handshake_begin(tlsback_open(back, "app.example", &slot), open_backend(backend, versions[i]));
		handshake_run(&second);
		assert_false(second.good);
		assert_int_equal(SSL_get_verify_result(second.client), X509_V_ERR_CERT_HAS_EXPIRED);
		handshake_end(&second);
		tlsback_forget(&slot);
	}
	tlsback_release(back);
	SSL_CTX_free(backend);
	certificates_drop(&shown);
}

/* What a backend forgot is no fault. */
static void a_session_that_the_backend_does_not_know(void **state)
{
	struct place *place = *state;
	struct issued shown = certificates_issue(&(struct wish){.subject = "x", .names = "DNS:app.example"}, &place->root, 1);
	SSL_CTX *backend = make_backend(&shown, NULL), *restarted = make_backend(&shown, NULL);
	struct tlsback *back = make_usual(place);
	for (size_t i = 0; i < 2; i++) {
		SSL_SESSION *slot = NULL;
		assert_false(connect_once(back, "app.example", backend, versions[i], &slot));
		assert_false(connect_once(back, "app.example", restarted, versions[i], &slot));
		assert_true(connect_once(back, "app.example", restarted, versions[i], &slot));
		tlsback_forget(&slot);
	}
	tlsback_release(back);
	SSL_CTX_free(backend);
	SSL_CTX_free(restarted);
	certificates_drop(&shown);
}

static void it_is_counted(void **state)
{
	struct place *place = *state;
	struct tlsback *back = make_usual(place);
	SSL_SESSION *slot = NULL;
	tlsback_hold(back);
	tlsback_release(back);
	SSL *ssl = tlsback_open(back, "app.example", &slot);
	assert_non_null(ssl);
	SSL_free(ssl);
	tlsback_release(back);
}

/* ---- authorities ---- */

static void expect_no_authorities(struct place *place, const char *name, const char *before, const char *behind)
{
	struct err err = {.text = ""};
	char expected[1024];
	snprintf(expected, sizeof(expected), "%sthe CA file %s %s", before, scratch_name(place->scratch, name), behind);
	assert_null(authorities_load(scratch_name(place->scratch, name), &err));
	assert_string_equal(err.text, expected);
}

static void files_of_authorities_that_are_no_good(void **state)
{
	struct place *place = *state;
	expect_no_authorities(place, "missing", "", "can't be opened: No such file or directory");
	scratch_rewrite(place->scratch, "file", "");
	expect_no_authorities(place, "file", "", "holds no certificate (nothing in it begins with -----BEGIN CERTIFICATE-----)");
	certificates_append(place->scratch, "file", &place->root);
	scratch_append(place->scratch, "file", "-----BEGIN CERTIFICATE-----\nMIIB\n");
	expect_no_authorities(place, "file", "certificate 2 of ", "can't be understood: it is garbled or cut off");
	scratch_remove(place->scratch, "file");
	scratch_folder(place->scratch, "file");
	expect_no_authorities(place, "file", "", "is no regular file");
	assert_int_equal(rmdir(scratch_name(place->scratch, "file")), 0);
	scratch_rewrite(place->scratch, "file", "");
	assert_int_equal(truncate(scratch_name(place->scratch, "file"), (8 << 20) + 1), 0);
	expect_no_authorities(place, "file", "", "is larger than 8192 KiB, which no such file is");
}

static void the_systems_authorities(void **state)
{
	struct place *place = *state;
	struct err err = {.text = ""};
	const char *variable = X509_get_default_cert_file_env();
	scratch_rewrite(place->scratch, "ca.pem", "");
	certificates_append(place->scratch, "ca.pem", &place->root);
	certificates_append(place->scratch, "ca.pem", &place->stranger);
	assert_int_equal(setenv(variable, scratch_name(place->scratch, "ca.pem"), 1), 0);
	struct authorities *authorities = authorities_load(NULL, &err);
	assert_non_null(authorities);
	assert_int_equal(authorities->count, 2);
	authorities_free(authorities);
	assert_int_equal(setenv(variable, scratch_name(place->scratch, "missing"), 1), 0);
	assert_null(authorities_load(NULL, &err));
	assert_non_null(strstr(err.text, "the system's certificates"));
	assert_non_null(strstr(err.text, "missing can't be opened"));
	assert_int_equal(unsetenv(variable), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(certificates_of_backends),
		cmocka_unit_test(nobody_is_verified_by_what_is_no_name),
		cmocka_unit_test(without_verification_anything_will_do),
		cmocka_unit_test(authorities_of_any_kind),
		cmocka_unit_test(the_name_of_the_color_counts),
		cmocka_unit_test(names_are_asked_for),
		cmocka_unit_test(versions_that_are_spoken),
		cmocka_unit_test(a_context_of_others),
		cmocka_unit_test(our_certificate_is_shown),
		cmocka_unit_test(the_newest_session_is_resumed),
		cmocka_unit_test(a_ticket_of_1_3_is_used_once),
		cmocka_unit_test(sessions_are_resumed_for_the_same_alone),
		cmocka_unit_test(an_unverified_session_is_never_believed),
		cmocka_unit_test(a_session_ends_with_the_certificate),
		cmocka_unit_test(a_session_that_the_backend_does_not_know),
		cmocka_unit_test(it_is_counted),
		cmocka_unit_test(files_of_authorities_that_are_no_good),
		cmocka_unit_test(the_systems_authorities),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
