/* What a listener says to a ClientHello: certificates by name and kind, versions and ciphers, ALPN, client certificates. Which sessions it resumes: test_tlsfront_sessions. */
// links: proxy
#include "tests/unit/front_place.h"

/* ---- names and kinds ---- */

static void certificates_by_name(void **state)
{
	static const struct row {
		const char *name;
		int shown;
	} rows[] = {
		{NULL, FIRST},
		{"first.example", FIRST},
		{"www.example.com", FIRST},
		{"WWW.Example.COM", FIRST},
		{"www.example.com.", FIRST},
		{"other.example.com", WILDCARD},
		{"OTHER.example.com.", WILDCARD},
		{"example.com", WILDCARD},
		{"two.labels.example.com", FIRST},
		{"x.deep.example", ECDSA_ONE},
		{"x.y.deep.example", FIRST},
		{"deep.example", FIRST},
		{".example.com", FIRST},
		{"*.example.com", FIRST},
		{"www.example.com.evil.example", FIRST},
		{"xwww.example.com", WILDCARD},
		{"unknown.example", FIRST},
		{"192.0.2.1", FIRST},
		{"2001:db8::1", FIRST},
		{"rsa.example", RSA_ONE},
		{"ecdsa.example", ECDSA_ONE},
	};
	struct place *place = *state;
	struct tlsfront_spec spec = usual(place);
	struct tlsfront *front = make(&spec);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		for (size_t j = 0; j < 2; j++)
			assert_int_equal(shown_to(place, front, &(struct hello){.name = rows[i].name, .version = versions[j]}), rows[i].shown);
	tlsfront_release(front);
}

static void strict_names(void **state)
{
	static const struct row {
		const char *name;
		int alert;
	} rows[] = {
		{"www.example.com", NO_ALERT},
		{"a.example.com", NO_ALERT},
		{"A.EXAMPLE.COM", NO_ALERT},
		{"unknown.example", SSL_AD_UNRECOGNIZED_NAME},
		{"a.b.example.com", SSL_AD_UNRECOGNIZED_NAME},
		{"192.0.2.1", SSL_AD_UNRECOGNIZED_NAME},
		{NULL, SSL_AD_UNRECOGNIZED_NAME},
	};
	struct place *place = *state;
	struct tlsfront_spec spec = usual(place);
	spec.strict_sni = true;
	struct tlsfront *front = make(&spec);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		for (size_t j = 0; j < 2; j++)
			assert_int_equal(shake_once(place, front, &(struct hello){.name = rows[i].name, .version = versions[j]}), rows[i].alert);
	tlsfront_release(front);
}

static void both_kinds_side_by_side(void **state)
{
	static const struct row {
		const char *name, *signatures, *ciphers;
		int version;
		int shown; /* -1: no handshake */
	} rows[] = {
		{"both.example", "RSA-PSS+SHA256", NULL, TLS1_3_VERSION, RSA_ONE},
		{"both.example", "RSA-PSS+SHA256:RSA+SHA256", NULL, TLS1_2_VERSION, RSA_ONE},
		{"both.example", "ECDSA+SHA384", NULL, TLS1_3_VERSION, ECDSA_ONE},
		{"both.example", "ECDSA+SHA384", NULL, TLS1_2_VERSION, ECDSA_ONE},
		{"both.example", "RSA-PSS+SHA256:ECDSA+SHA384", NULL, TLS1_3_VERSION, RSA_ONE},
		{"both.example", "ECDSA+SHA384:RSA-PSS+SHA256", NULL, TLS1_3_VERSION, ECDSA_ONE},
		{"both.example", NULL, "ECDHE-RSA-AES128-GCM-SHA256", TLS1_2_VERSION, RSA_ONE},
		{"both.example", NULL, "ECDHE-ECDSA-AES128-GCM-SHA256", TLS1_2_VERSION, ECDSA_ONE},
		{"rsa.example", "ECDSA+SHA384", NULL, TLS1_3_VERSION, -1},
		{"rsa.example", NULL, "ECDHE-ECDSA-AES128-GCM-SHA256", TLS1_2_VERSION, -1},
		{"ecdsa.example", "RSA-PSS+SHA256", NULL, TLS1_3_VERSION, -1},
	};
	struct place *place = *state;
	struct tlsfront_spec spec = usual(place);
	struct tlsfront *front = make(&spec);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct hello hello = {.name = rows[i].name, .signatures = rows[i].signatures, .ciphers = rows[i].ciphers, .version = rows[i].version};
		if (rows[i].shown >= 0)
			assert_int_equal(shown_to(place, front, &hello), rows[i].shown);
		else
			assert_int_equal(shake_once(place, front, &hello), SSL_AD_HANDSHAKE_FAILURE);
	}
	tlsfront_release(front);
}

/* Of two certificates of one kind that have a name, it is the one that is listed first. */
static void the_first_of_a_kind_counts(void **state)
{
	struct place *place = *state;
	struct certificate *again = make_certificate(place, "DNS:both.example,DNS:new.example", "RSA-2048", 3);
	struct certificate *list[] = {place->certificates[ECDSA_ONE], again, place->certificates[RSA_ONE]};
	struct tlsfront_spec spec = usual(place);
	spec.certificates = list;
	spec.certificate_count = 3;
	struct tlsfront *front = make(&spec);
	struct handshake done = shake(place, front, &(struct hello){.name = "both.example", .signatures = "RSA-PSS+SHA256"});
	assert_int_equal(X509_cmp(SSL_get0_peer_certificate(done.client), again->leaf), 0);
	handshake_end(&done);
	assert_int_equal(shown_to(place, front, &(struct hello){.name = "rsa.example"}), RSA_ONE);
	/* Who asks for nobody gets both kinds of the first certificate's first name. */
	assert_int_equal(shown_to(place, front, &(struct hello){.name = "unknown.example", .signatures = "ECDSA+SHA384"}), ECDSA_ONE);
	done = shake(place, front, &(struct hello){.name = NULL, .signatures = "RSA-PSS+SHA256"});
	assert_int_equal(X509_cmp(SSL_get0_peer_certificate(done.client), again->leaf), 0);
	handshake_end(&done);
	tlsfront_release(front);
	certificate_release(again);
}

/* ---- a ClientHello that is malformed ---- */

/* Passes the client's first flight on, with the bytes of `from` in it replaced. */
static int shake_with(struct place *place, struct tlsfront *front, const char *name, const char *from, const char *to, size_t length)
{
	unsigned char bytes[4096];
	SSL *client = make_client(place, &(struct hello){.name = name}), *server = tlsfront_open(front);
	int said = NO_ALERT;
	SSL_set_bio(client, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
	SSL_set_bio(server, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
	SSL_set_app_data(server, &said);
	SSL_set_info_callback(server, handshake_note);
	assert_int_equal(SSL_do_handshake(client), -1);
	int got = BIO_read(SSL_get_wbio(client), bytes, sizeof(bytes));
	unsigned char *at = memmem(bytes, (size_t)got, from, length);
	assert_non_null(at);
	memcpy(at, to, length);
	assert_int_equal(BIO_write(SSL_get_rbio(server), bytes, got), got);
	int result = SSL_do_handshake(server);
	assert_int_equal(result, -1);
	bool failed = SSL_get_error(server, result) == SSL_ERROR_SSL;
	ERR_clear_error();
	SSL_free(client);
	SSL_free(server);
	return failed ? said : NO_ALERT;
}

static void malformed_names(void **state)
{
	static const struct row {
		const char *from, *to; /* of a hello that asks for www.example.com: type, length of the extension, of the list; kind, length of the name */
		size_t length;
		int alert;
	} rows[] = {
		{"www.example.com", "www.example\0com", 15, SSL_AD_UNRECOGNIZED_NAME},
		{"\0\0\0\x14\0\x12\0\0\x0fwww", "\0\0\0\x14\0\x12\x01\0\x0fwww", 12, SSL_AD_DECODE_ERROR},
		{"\0\0\0\x14\0\x12\0\0\x0fwww", "\0\0\0\x14\0\x13\0\0\x0fwww", 12, SSL_AD_DECODE_ERROR},
		{"\0\0\0\x14\0\x12\0\0\x0fwww", "\0\0\0\x14\0\x12\0\0\x10www", 12, SSL_AD_DECODE_ERROR},
		{"\0\0\0\x14\0\x12\0\0\x0fwww", "\0\0\0\x14\0\x12\0\xff\xffwww", 12, SSL_AD_DECODE_ERROR},
		{"\0\0\0\x14\0\x12\0\0\x0fwww", "\0\0\0\x14\0\x12\0\0\x00www", 12, SSL_AD_DECODE_ERROR},
	};
	struct place *place = *state;
	struct tlsfront_spec spec = usual(place);
	struct tlsfront *front = make(&spec);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(shake_with(place, front, "www.example.com", rows[i].from, rows[i].to, rows[i].length), rows[i].alert);
	tlsfront_release(front);
}

/* ---- versions, ciphers, groups ---- */

static void versions_that_are_spoken(void **state)
{
	static const struct row {
		enum tlsfront_minimum minimum;
		int version, alert;
	} rows[] = {
		{TLSFRONT_TLS_1_2, TLS1_VERSION, SSL_AD_PROTOCOL_VERSION},
		{TLSFRONT_TLS_1_2, TLS1_1_VERSION, SSL_AD_PROTOCOL_VERSION},
		{TLSFRONT_TLS_1_2, TLS1_2_VERSION, NO_ALERT},
		{TLSFRONT_TLS_1_2, TLS1_3_VERSION, NO_ALERT},
		{TLSFRONT_TLS_1_3, TLS1_2_VERSION, SSL_AD_PROTOCOL_VERSION},
		{TLSFRONT_TLS_1_3, TLS1_3_VERSION, NO_ALERT},
	};
	struct place *place = *state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct tlsfront_spec spec = usual(place);
		spec.minimum = rows[i].minimum;
		struct tlsfront *front = make(&spec);
		assert_int_equal(shake_once(place, front, &(struct hello){.name = "both.example", .version = rows[i].version, .ciphers = "ALL:@SECLEVEL=0"}),
			rows[i].alert);
		tlsfront_release(front);
	}
}

static void ciphers_that_are_spoken(void **state)
{
	static const struct row {
		const char *ciphers;
		const char *chosen; /* NULL: none */
	} rows[] = {
		{"ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-GCM-SHA256"},
		{"ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256"},
		{"ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-AES256-GCM-SHA384"},
		{"ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-RSA-AES256-GCM-SHA384"},
		{"ECDHE-ECDSA-CHACHA20-POLY1305", "ECDHE-ECDSA-CHACHA20-POLY1305"},
		{"ECDHE-RSA-CHACHA20-POLY1305", "ECDHE-RSA-CHACHA20-POLY1305"},
		/* the order is the client's */
		{"ECDHE-RSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-RSA-CHACHA20-POLY1305"},
		{"ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-AES256-GCM-SHA384"},
		{"AES128-GCM-SHA256", NULL},
		{"AES256-SHA", NULL},
		{"ECDHE-RSA-AES128-SHA", NULL},
		{"ECDHE-RSA-AES128-SHA256", NULL},
		{"DHE-RSA-AES128-GCM-SHA256", NULL},
		{"ECDHE-ECDSA-AES128-CCM", NULL},
		{"ADH-AES128-GCM-SHA256", NULL},
		{"AECDH-AES128-SHA", NULL},
		{"ECDHE-RSA-NULL-SHA", NULL},
	};
	struct place *place = *state;
	struct tlsfront_spec spec = usual(place);
	struct tlsfront *front = make(&spec);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct handshake done = shake(place, front, &(struct hello){.name = "both.example", .version = TLS1_2_VERSION, .ciphers = rows[i].ciphers});
		assert_int_equal(done.good, rows[i].chosen != NULL);
		if (rows[i].chosen)
			assert_string_equal(SSL_get_cipher_name(done.client), rows[i].chosen);
		else
			assert_int_equal(done.server_said, SSL_AD_HANDSHAKE_FAILURE);
		handshake_end(&done);
	}
	tlsfront_release(front);
}

static void suites_of_1_3(void **state)
{
	static const struct row {
		const char *suites, *chosen;
	} rows[] = {
		{"TLS_AES_128_GCM_SHA256", "TLS_AES_128_GCM_SHA256"},
		{"TLS_AES_256_GCM_SHA384", "TLS_AES_256_GCM_SHA384"},
		{"TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256", "TLS_CHACHA20_POLY1305_SHA256"},
		{"TLS_AES_128_CCM_SHA256", NULL},
	};
	struct place *place = *state;
	struct tlsfront_spec spec = usual(place);
	struct tlsfront *front = make(&spec);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct handshake done = shake(place, front, &(struct hello){.version = TLS1_3_VERSION, .suites = rows[i].suites});
		assert_int_equal(done.good, rows[i].chosen != NULL);
		if (rows[i].chosen)
			assert_string_equal(SSL_get_cipher_name(done.client), rows[i].chosen);
		handshake_end(&done);
	}
	tlsfront_release(front);
}

/* The last one asks for another key share first, so that there are two ClientHellos. */
static void groups_that_are_spoken(void **state)
{
	static const struct row {
		const char *groups;
		bool good;
	} rows[] = {{"X25519", true}, {"P-256", true}, {"P-384", true}, {"P-521", false}, {"ffdhe2048", false}, {"X448", false}, {"P-521:X25519", true}};
	struct place *place = *state;
	struct tlsfront_spec spec = usual(place);
	struct tlsfront *front = make(&spec);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(shake_once(place, front, &(struct hello){.name = "other.example.com", .version = TLS1_3_VERSION, .groups = rows[i].groups}),
			rows[i].good ? NO_ALERT : SSL_AD_HANDSHAKE_FAILURE);
	assert_int_equal(shown_to(place, front, &(struct hello){.name = "other.example.com", .version = TLS1_3_VERSION, .groups = "P-521:X25519"}), WILDCARD);
	tlsfront_release(front);
}

static void nobody_renegotiates(void **state)
{
	struct place *place = *state;
	struct tlsfront_spec spec = usual(place);
	struct tlsfront *front = make(&spec);
	struct handshake done = shake(place, front, &(struct hello){.version = TLS1_2_VERSION});
	char byte;
	assert_true(done.good);
	assert_int_equal(SSL_renegotiate(done.client), 1);
	assert_int_equal(SSL_do_handshake(done.client), -1);
	assert_int_equal(SSL_read(done.server, &byte, 1), -1);
	assert_int_not_equal(SSL_do_handshake(done.client), 1);
	assert_int_equal(SSL_num_renegotiations(done.server), 0);
	ERR_clear_error();
	assert_int_equal(SSL_renegotiate(done.server), 0);
	ERR_clear_error();
	handshake_end(&done);
	tlsfront_release(front);
}

static void settings_for_many_connections(void **state)
{
	struct place *place = *state;
	struct tlsfront_spec spec = usual(place);
	struct tlsfront *front = make(&spec);
	struct handshake done = shake(place, front, &(struct hello){.name = "other.example.com"});
	assert_true(done.good);
	assert_true(SSL_get_mode(done.server) & SSL_MODE_RELEASE_BUFFERS);
	assert_true(SSL_get_options(done.server) & SSL_OP_NO_COMPRESSION);
	assert_false(
		SSL_get_options(done.server) & (SSL_OP_IGNORE_UNEXPECTED_EOF | SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_ALLOW_UNSAFE_LEGACY_RENEGOTIATION));
	assert_int_equal(SSL_CTX_get_session_cache_mode(SSL_get_SSL_CTX(done.server)), SSL_SESS_CACHE_OFF);
	assert_int_equal(SSL_get_max_early_data(done.server), 0);
	handshake_end(&done);
	tlsfront_release(front);
}

/* ---- ALPN ---- */

static void protocols(void **state)
{
	static const char *const both[] = {"h2", "http/1.1"};
	static const struct row {
		size_t first, count; /* of both */
		const char *offered, *chosen;
		int alert;
	} rows[] = {
		{0, 2, "\x02h2", "h2", NO_ALERT},
		{0, 2, "\x08http/1.1", "http/1.1", NO_ALERT},
		{0, 2, "\x08http/1.1\x02h2", "h2", NO_ALERT},
		{0, 2, "\x06spdy/3\x08http/1.1", "http/1.1", NO_ALERT},
		{0, 2, "\x06spdy/3", NULL, SSL_AD_NO_APPLICATION_PROTOCOL},
		{0, 2, "\x07http/1.", NULL, SSL_AD_NO_APPLICATION_PROTOCOL},
		{0, 2, "\x09http/1.1x", NULL, SSL_AD_NO_APPLICATION_PROTOCOL},
		{0, 2, NULL, "", NO_ALERT},
		{1, 1, "\x02h2", NULL, SSL_AD_NO_APPLICATION_PROTOCOL},
		{1, 1, "\x02h2\x08http/1.1", "http/1.1", NO_ALERT},
		{0, 0, "\x02h2", "", NO_ALERT},
	};
	struct place *place = *state;
	for (size_t i = 0; i < 2 * sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *row = &rows[i / 2];
		struct tlsfront_spec spec = usual(place);
		spec.protocols = both + row->first;
		spec.protocol_count = row->count;
		struct tlsfront *front = make(&spec);
		struct handshake done =
			shake(place, front, &(struct hello){.name = "other.example.com", .version = versions[i % 2], .protocols = row->offered});
		const unsigned char *chosen;
		unsigned length;
		SSL_get0_alpn_selected(done.client, &chosen, &length);
		assert_int_equal(done.server_said, row->alert);
		assert_int_equal(done.good, row->chosen != NULL);
		assert_true(!row->chosen || (length == strlen(row->chosen) && (length == 0 || memcmp(chosen, row->chosen, length) == 0)));
		handshake_end(&done);
		tlsfront_release(front);
	}
}

/* ---- client certificates ---- */

enum shown { NONE, GOOD, OVER, NOT_YET, STRANGERS, BY_ITSELF, FOR_SERVERS, SHORT_KEY, BY_MIDDLE, SHOWN };

static void make_shown(struct place *place, struct issued shown[SHOWN])
{
	const struct wish good = {.subject = "client", .usage = "clientAuth"};
	struct wish over = good, not_yet = good, for_servers = good, short_key = good;
	over.first_s = -2 * DAY_S, over.last_s = -DAY_S;
	not_yet.first_s = DAY_S, not_yet.last_s = 2 * DAY_S;
	for_servers.usage = "serverAuth";
	short_key.kind = "RSA-1024";
	shown[NONE] = (struct issued){NULL, NULL};
	shown[GOOD] = certificates_issue(&good, &place->root, 10);
	shown[OVER] = certificates_issue(&over, &place->root, 10);
	shown[NOT_YET] = certificates_issue(&not_yet, &place->root, 10);
	shown[STRANGERS] = certificates_issue(&good, &place->stranger, 10);
	shown[BY_ITSELF] = certificates_issue(&good, NULL, 10);
	shown[FOR_SERVERS] = certificates_issue(&for_servers, &place->root, 10);
	shown[SHORT_KEY] = certificates_issue(&short_key, &place->root, 10);
	shown[BY_MIDDLE] = certificates_issue(&good, &place->middle, 10);
}

static void drop_shown(struct issued shown[SHOWN])
{
	for (size_t i = 0; i < SHOWN; i++)
		certificates_drop(&shown[i]);
}

#define ANY_ALERT 1000

static void client_certificates(void **state)
{
	static const struct row {
		enum tlsfront_clients clients;
		enum shown shown;
		int alert;
		bool seen; /* the server has it */
	} rows[] = {
		{TLSFRONT_CLIENTS_UNASKED, NONE, NO_ALERT, false}, {TLSFRONT_CLIENTS_UNASKED, GOOD, NO_ALERT, false},
		{TLSFRONT_CLIENTS_UNASKED, STRANGERS, NO_ALERT, false}, {TLSFRONT_CLIENTS_OPTIONAL, NONE, NO_ALERT, false},
		{TLSFRONT_CLIENTS_OPTIONAL, GOOD, NO_ALERT, true}, {TLSFRONT_CLIENTS_OPTIONAL, OVER, SSL_AD_CERTIFICATE_EXPIRED, false},
		{TLSFRONT_CLIENTS_OPTIONAL, STRANGERS, SSL_AD_UNKNOWN_CA, false}, {TLSFRONT_CLIENTS_REQUIRED, NONE, ANY_ALERT, false},
		{TLSFRONT_CLIENTS_REQUIRED, GOOD, NO_ALERT, true}, {TLSFRONT_CLIENTS_REQUIRED, OVER, SSL_AD_CERTIFICATE_EXPIRED, false},
		{TLSFRONT_CLIENTS_REQUIRED, NOT_YET, SSL_AD_BAD_CERTIFICATE, false}, {TLSFRONT_CLIENTS_REQUIRED, STRANGERS, SSL_AD_UNKNOWN_CA, false},
		{TLSFRONT_CLIENTS_REQUIRED, BY_ITSELF, SSL_AD_UNKNOWN_CA, false},
		{TLSFRONT_CLIENTS_REQUIRED, FOR_SERVERS, SSL_AD_UNSUPPORTED_CERTIFICATE, false}, {TLSFRONT_CLIENTS_REQUIRED, SHORT_KEY, ANY_ALERT, false},
		{TLSFRONT_CLIENTS_REQUIRED, BY_MIDDLE, SSL_AD_UNKNOWN_CA, false}, /* it shows its own alone */
	};
	struct place *place = *state;
	struct issued shown[SHOWN];
	make_shown(place, shown);
	for (size_t i = 0; i < 2 * sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *row = &rows[i / 2];
		struct tlsfront_spec spec = usual(place);
		spec.clients = row->clients;
		spec.authorities = row->clients == TLSFRONT_CLIENTS_UNASKED ? NULL : place->authorities;
		struct tlsfront *front = make(&spec);
		struct hello hello = {.name = "other.example.com", .version = versions[i % 2], .shown = row->shown == NONE ? NULL : &shown[row->shown]};
		struct handshake done = shake(place, front, &hello);
		int expected = row->alert != ANY_ALERT ? row->alert : done.server_said;
		assert_int_equal(done.server_said, expected);
		assert_int_equal(done.good, row->alert == NO_ALERT);
		assert_true(done.good || done.server_said != NO_ALERT);
		assert_true(!done.good || (SSL_get0_peer_certificate(done.server) != NULL) == row->seen);
		handshake_end(&done);
		tlsfront_release(front);
	}
	drop_shown(shown);
}

/* So that a client with several certificates shows the right one. */
static void clients_are_told_who_is_believed(void **state)
{
	struct place *place = *state;
	struct tlsfront_spec spec = usual(place);
	spec.clients = TLSFRONT_CLIENTS_OPTIONAL;
	spec.authorities = place->others;
	struct tlsfront *front = make(&spec);
	for (size_t i = 0; i < 2; i++) {
		struct handshake done = shake(place, front, &(struct hello){.name = "other.example.com", .version = versions[i]});
		const STACK_OF(X509_NAME) *told = SSL_get0_peer_CA_list(done.client);
		assert_true(done.good);
		assert_int_equal(sk_X509_NAME_num(told), 2);
		assert_int_equal(X509_NAME_cmp(sk_X509_NAME_value(told, 0), X509_get_subject_name(place->root.certificate)), 0);
		assert_int_equal(X509_NAME_cmp(sk_X509_NAME_value(told, 1), X509_get_subject_name(place->stranger.certificate)), 0);
		handshake_end(&done);
	}
	tlsfront_release(front);
}

/* An intermediate alone: its root is not needed, and does not count. */
static void an_intermediate_is_believed_for_itself(void **state)
{
	struct place *place = *state;
	struct issued shown[SHOWN];
	make_shown(place, shown);
	struct authorities *middle = make_authorities(place, &place->middle, NULL);
	struct tlsfront_spec spec = usual(place);
	spec.clients = TLSFRONT_CLIENTS_REQUIRED;
	spec.authorities = middle;
	struct tlsfront *front = make(&spec);
	assert_int_equal(shake_once(place, front, &(struct hello){.shown = &shown[BY_MIDDLE]}), NO_ALERT);
	assert_int_equal(shake_once(place, front, &(struct hello){.shown = &shown[GOOD]}), SSL_AD_UNKNOWN_CA);
	tlsfront_release(front);
	authorities_free(middle);
	drop_shown(shown);
}

/* Those whose client certificates are believed are nobody else's business. */
static void the_chain_is_the_files_alone(void **state)
{
	struct place *place = *state;
	struct certificate *alone = make_with(place, "DNS:alone.example", "P-256", 4, true);
	struct authorities *middle = make_authorities(place, &place->middle, &place->root);
	struct tlsfront_spec spec = usual(place);
	spec.certificates = &alone;
	spec.certificate_count = 1;
	spec.clients = TLSFRONT_CLIENTS_OPTIONAL;
	spec.authorities = middle;
	struct tlsfront *front = make(&spec);
	for (size_t i = 0; i < 2; i++) {
		struct handshake done = shake(place, front, &(struct hello){.name = "alone.example", .version = versions[i]});
		assert_true(done.good);
		assert_int_equal(sk_X509_num(SSL_get_peer_cert_chain(done.client)), 1);
		handshake_end(&done);
	}
	tlsfront_release(front);
	authorities_free(middle);
	certificate_release(alone);
}

/* ---- its life ---- */

static void a_handshake_outlives_it(void **state)
{
	struct place *place = *state;
	struct tlsfront_spec spec = usual(place);
	struct tlsfront *front = make(&spec);
	struct handshake under_way = handshake_begin(make_client(place, &(struct hello){.name = "other.example.com"}), tlsfront_open(front));
	tlsfront_hold(front);
	tlsfront_release(front);
	tlsfront_release(front);
	handshake_run(&under_way);
	assert_true(under_way.good);
	assert_int_equal(X509_cmp(SSL_get0_peer_certificate(under_way.client), place->certificates[WILDCARD]->leaf), 0);
	handshake_end(&under_way);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(certificates_by_name),
		cmocka_unit_test(strict_names),
		cmocka_unit_test(both_kinds_side_by_side),
		cmocka_unit_test(the_first_of_a_kind_counts),
		cmocka_unit_test(malformed_names),
		cmocka_unit_test(versions_that_are_spoken),
		cmocka_unit_test(ciphers_that_are_spoken),
		cmocka_unit_test(suites_of_1_3),
		cmocka_unit_test(groups_that_are_spoken),
		cmocka_unit_test(nobody_renegotiates),
		cmocka_unit_test(settings_for_many_connections),
		cmocka_unit_test(protocols),
		cmocka_unit_test(client_certificates),
		cmocka_unit_test(clients_are_told_who_is_believed),
		cmocka_unit_test(an_intermediate_is_believed_for_itself),
		cmocka_unit_test(the_chain_is_the_files_alone),
		cmocka_unit_test(a_handshake_outlives_it),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
