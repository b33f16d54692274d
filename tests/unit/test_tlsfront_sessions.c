/* Which sessions a listener resumes, for whom and for how long. */
// links: proxy
#include "tests/unit/front_place.h"

/* The session that the client has after a first connection. */
static SSL_SESSION *begin_session(const struct place *place, struct tlsfront *front, const struct hello *hello)
{
	struct handshake done = shake(place, front, hello);
	assert_true(done.good);
	assert_false(SSL_session_reused(done.client));
	SSL_SESSION *session = SSL_get1_session(done.client);
	handshake_end(&done);
	return session;
}

/* Whether it was resumed; either way the handshake is good. *session becomes the newest when not NULL. */
static bool is_resumed(const struct place *place, struct tlsfront *front, struct hello hello, SSL_SESSION **session)
{
	hello.session = *session;
	struct handshake done = shake(place, front, &hello);
	assert_true(done.good);
	bool resumed = SSL_session_reused(done.server);
	assert_int_equal(SSL_session_reused(done.client), resumed);
	SSL_SESSION *newest = SSL_get1_session(done.client);
	SSL_SESSION_free(*session);
	*session = newest;
	handshake_end(&done);
	return resumed;
}

enum change { SAME, OTHER_LISTENER, DEMANDS, OTHER_AUTHORITIES, OTHER_KEYS, NO_TICKETS, NEW_CERTIFICATES, STRICT };

static void change_spec(const struct place *place, struct tlsfront_spec *spec, enum change change, struct ticket *other)
{
	if (change == OTHER_LISTENER)
		spec->listener = "0.0.0.0:8443";
	if (change == DEMANDS)
		spec->clients = spec->clients == TLSFRONT_CLIENTS_OPTIONAL ? TLSFRONT_CLIENTS_REQUIRED : TLSFRONT_CLIENTS_OPTIONAL;
	if (change == DEMANDS && !spec->authorities)
		spec->authorities = place->authorities;
	if (change == OTHER_AUTHORITIES)
		spec->authorities = place->others;
	if (change == OTHER_KEYS)
		spec->tickets = other;
	if (change == NO_TICKETS)
		spec->tickets = NULL;
	if (change == NEW_CERTIFICATES) {
		spec->certificates = &place->certificates[WILDCARD];
		spec->certificate_count = 1;
	}
	spec->strict_sni = change == STRICT;
}

static void sessions_are_resumed_for_the_same_alone(void **state)
{
	static const struct row {
		enum tlsfront_clients clients;
		enum change change;
		const char *name, *next;
		bool resumed;
	} rows[] = {
		{TLSFRONT_CLIENTS_UNASKED, SAME, "other.example.com", "other.example.com", true},
		{TLSFRONT_CLIENTS_UNASKED, SAME, "other.example.com", "OTHER.example.com", true},
		{TLSFRONT_CLIENTS_UNASKED, SAME, NULL, NULL, true},
		{TLSFRONT_CLIENTS_UNASKED, SAME, "unknown.example", "unknown.example", true},
		{TLSFRONT_CLIENTS_UNASKED, SAME, "other.example.com", "another.example.com", false},
		{TLSFRONT_CLIENTS_UNASKED, SAME, "first.example", "www.example.com", false},
		{TLSFRONT_CLIENTS_UNASKED, SAME, "first.example", NULL, false},
		{TLSFRONT_CLIENTS_UNASKED, SAME, NULL, "first.example", false},
		{TLSFRONT_CLIENTS_UNASKED, SAME, NULL, "unknown.example", false},
		{TLSFRONT_CLIENTS_UNASKED, SAME, "2001:db8::1", "2001:db8::2", false},
		{TLSFRONT_CLIENTS_UNASKED, OTHER_LISTENER, "other.example.com", "other.example.com", false},
		{TLSFRONT_CLIENTS_UNASKED, DEMANDS, "other.example.com", "other.example.com", false},
		{TLSFRONT_CLIENTS_UNASKED, OTHER_KEYS, "other.example.com", "other.example.com", false},
		{TLSFRONT_CLIENTS_UNASKED, NO_TICKETS, "other.example.com", "other.example.com", false},
		{TLSFRONT_CLIENTS_UNASKED, NEW_CERTIFICATES, "other.example.com", "other.example.com", true},
		{TLSFRONT_CLIENTS_UNASKED, STRICT, "other.example.com", "other.example.com", true},
		{TLSFRONT_CLIENTS_OPTIONAL, SAME, "other.example.com", "other.example.com", true},
		{TLSFRONT_CLIENTS_OPTIONAL, DEMANDS, "other.example.com", "other.example.com", false},
		{TLSFRONT_CLIENTS_REQUIRED, SAME, "other.example.com", "other.example.com", true},
		{TLSFRONT_CLIENTS_REQUIRED, SAME, "other.example.com", "first.example", false},
		{TLSFRONT_CLIENTS_REQUIRED, SAME, "other.example.com", "unknown.example", false},
		{TLSFRONT_CLIENTS_REQUIRED, SAME, "other.example.com", NULL, false},
		{TLSFRONT_CLIENTS_REQUIRED, DEMANDS, "other.example.com", "other.example.com", false},
		{TLSFRONT_CLIENTS_REQUIRED, OTHER_LISTENER, "other.example.com", "other.example.com", false},
		{TLSFRONT_CLIENTS_REQUIRED, OTHER_AUTHORITIES, "other.example.com", "other.example.com", false},
		{TLSFRONT_CLIENTS_REQUIRED, NEW_CERTIFICATES, "other.example.com", "other.example.com", true},
	};
	struct place *place = *state;
	struct issued client = certificates_issue(&(struct wish){.subject = "client", .usage = "clientAuth"}, &place->root, 10);
	struct ticket *other = ticket_new(0);
	for (size_t i = 0; i < 2 * sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *row = &rows[i / 2];
		struct tlsfront_spec spec = usual(place);
		spec.clients = row->clients;
		spec.authorities = row->clients == TLSFRONT_CLIENTS_UNASKED ? NULL : place->authorities;
		struct tlsfront *front = make(&spec);
		change_spec(place, &spec, row->change, other);
		struct tlsfront *later = make(&spec);
		struct hello hello = {.name = row->name, .version = versions[i % 2], .shown = &client};
		SSL_SESSION *session = begin_session(place, front, &hello);
		tlsfront_release(front);
		hello.name = row->next;
		if (is_resumed(place, later, hello, &session) != row->resumed)
			fail_msg("row %zu", i / 2);
		SSL_SESSION_free(session);
		tlsfront_release(later);
	}
	ticket_release(other);
	certificates_drop(&client);
}

/* Also where no certificate has the name: what is asked over the connection is compared with it. */
static void a_resumed_connection_knows_its_name(void **state)
{
	static const char *const names[] = {"other.example.com", "unknown.example", NULL};
	struct place *place = *state;
	struct tlsfront_spec spec = usual(place);
	struct tlsfront *front = make(&spec);
	for (size_t i = 0; i < 6; i++) {
		struct hello hello = {.name = names[i / 2], .version = versions[i % 2]};
		for (unsigned resumed = 0; resumed < 2; resumed++) {
			struct handshake done = shake(place, front, &hello);
			const char *name = SSL_get_servername(done.server, TLSEXT_NAMETYPE_host_name);
			assert_true(done.good && SSL_session_reused(done.server) == (int)resumed);
			assert_string_equal(name ? name : "none", names[i / 2] ? names[i / 2] : "none");
			SSL_SESSION_free(hello.session);
			hello.session = SSL_get1_session(done.client);
			handshake_end(&done);
		}
		SSL_SESSION_free(hello.session);
	}
	tlsfront_release(front);
}

/* A resumed client is known by the certificate that it showed at first. */
static void a_resumed_client_is_still_known(void **state)
{
	struct place *place = *state;
	struct issued client = certificates_issue(&(struct wish){.subject = "client", .usage = "clientAuth"}, &place->root, 10);
	struct tlsfront_spec spec = usual(place);
	spec.clients = TLSFRONT_CLIENTS_REQUIRED;
	spec.authorities = place->authorities;
	struct tlsfront *front = make(&spec);
	for (size_t i = 0; i < 2; i++) {
		struct hello hello = {.name = "other.example.com", .version = versions[i], .shown = &client};
		hello.session = begin_session(place, front, &hello);
		hello.shown = NULL;
		struct handshake done = shake(place, front, &hello);
		assert_true(done.good && SSL_session_reused(done.server));
		assert_int_equal(X509_cmp(SSL_get0_peer_certificate(done.server), client.certificate), 0);
		handshake_end(&done);
		SSL_SESSION_free(hello.session);
	}
	tlsfront_release(front);
	certificates_drop(&client);
}

/* The first handshake looks at no clock here, so that a session comes about whose client's certificate is over, as it would by waiting. */
static void a_session_ends_with_the_clients_certificate(void **state)
{
	struct place *place = *state;
	struct issued over =
		certificates_issue(&(struct wish){.subject = "client", .usage = "clientAuth", .first_s = -2 * DAY_S, .last_s = -DAY_S}, &place->root, 10);
	struct tlsfront_spec spec = usual(place);
	spec.clients = TLSFRONT_CLIENTS_REQUIRED;
	spec.authorities = place->authorities;
	struct tlsfront *front = make(&spec);
	for (size_t i = 0; i < 2; i++) {
		struct hello hello = {.name = "other.example.com", .version = versions[i], .shown = &over};
		struct handshake first = handshake_begin(make_client(place, &hello), tlsfront_open(front));
		X509_VERIFY_PARAM_set_flags(SSL_get0_param(first.server), X509_V_FLAG_NO_CHECK_TIME);
		handshake_run(&first);
		assert_true(first.good);
		hello.session = SSL_get1_session(first.client);
		handshake_end(&first);
		assert_int_equal(shake_once(place, front, &hello), SSL_AD_CERTIFICATE_EXPIRED);
		SSL_SESSION_free(hello.session);
	}
	tlsfront_release(front);
	certificates_drop(&over);
}

/* A ticket of the key before is good, and is replaced; one that is older is not. */
static void sessions_outlive_one_renewal_of_the_keys(void **state)
{
	struct place *place = *state;
	struct tlsfront_spec spec = usual(place);
	for (size_t i = 0; i < 2; i++) {
		struct ticket *ticket = ticket_new(0);
		struct hello hello = {.name = "other.example.com", .version = versions[i]};
		spec.tickets = ticket;
		struct tlsfront *one = make(&spec);
		SSL_SESSION *session = begin_session(place, one, &hello), *kept = session;
		SSL_SESSION_up_ref(kept);
		assert_true(ticket_renew(ticket, TICKET_RENEW_MS));
		assert_true(is_resumed(place, one, hello, &session));
		assert_true(ticket_renew(ticket, 2 * TICKET_RENEW_MS));
		assert_true(is_resumed(place, one, hello, &session)); /* by the ticket that it got when it was resumed */
		assert_false(is_resumed(place, one, hello, &kept));
		SSL_SESSION_free(session);
		SSL_SESSION_free(kept);
		tlsfront_release(one);
		ticket_release(ticket);
	}
}

/* With TLS 1.3 there is a new ticket each time, as clients use one once; with 1.2 the client keeps its own. */
static void tickets_are_given_anew_with_1_3(void **state)
{
	struct place *place = *state;
	struct tlsfront_spec spec = usual(place);
	struct tlsfront *front = make(&spec);
	for (size_t i = 0; i < 2; i++) {
		struct hello hello = {.name = "other.example.com", .version = versions[i]};
		SSL_SESSION *session = begin_session(place, front, &hello), *first = session;
		const unsigned char *old_ticket, *new_ticket;
		size_t old_length, new_length;
		SSL_SESSION_up_ref(first);
		assert_true(is_resumed(place, front, hello, &session));
		SSL_SESSION_get0_ticket(first, &old_ticket, &old_length);
		SSL_SESSION_get0_ticket(session, &new_ticket, &new_length);
		bool same = old_length == new_length && memcmp(old_ticket, new_ticket, old_length) == 0;
		assert_int_equal(same, versions[i] == TLS1_2_VERSION);
		SSL_SESSION_free(first);
		SSL_SESSION_free(session);
	}
	tlsfront_release(front);
}

static void a_garbled_ticket_is_no_fault(void **state)
{
	struct place *place = *state;
	struct tlsfront_spec spec = usual(place);
	struct tlsfront *front = make(&spec);
	for (size_t i = 0; i < 2; i++) {
		struct hello hello = {.name = "other.example.com", .version = versions[i]};
		for (size_t at = 0; at < 64; at += 9) {
			SSL_SESSION *session = begin_session(place, front, &hello);
			unsigned char *ticket;
			size_t length;
			SSL_SESSION_get0_ticket(session, (const unsigned char **)&ticket, &length);
			assert_true(length > at);
			ticket[at] ^= 1;
			assert_false(is_resumed(place, front, hello, &session));
			SSL_SESSION_free(session);
		}
	}
	tlsfront_release(front);
}

/* Nothing of the spec need stay. */
static void it_has_its_own_of_everything(void **state)
{
	struct place *place = *state;
	char listener[] = "0.0.0.0:443", protocol[] = "http/1.1";
	const char *protocols_of_mine[] = {protocol};
	struct certificate *certificate = make_certificate(place, "DNS:mine.example", "P-256", 3);
	struct authorities *authorities = make_authorities(place, &place->root, NULL);
	struct ticket *ticket = ticket_new(0);
	struct tlsfront_spec spec = {.listener = listener,
		.certificates = &certificate,
		.certificate_count = 1,
		.protocols = protocols_of_mine,
		.protocol_count = 1,
		.clients = TLSFRONT_CLIENTS_OPTIONAL,
		.authorities = authorities,
		.tickets = ticket};
	struct tlsfront *front = make(&spec);
	certificate_release(certificate);
	authorities_free(authorities);
	ticket_release(ticket);
	memset(listener, 'x', sizeof(listener) - 1);
	memset(protocol, 'x', sizeof(protocol) - 1);
	struct hello hello = {.name = "mine.example", .protocols = "\x08http/1.1"};
	SSL_SESSION *session = begin_session(place, front, &hello);
	assert_true(is_resumed(place, front, hello, &session));
	SSL_SESSION_free(session);
	tlsfront_release(front);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sessions_are_resumed_for_the_same_alone),
		cmocka_unit_test(a_resumed_connection_knows_its_name),
		cmocka_unit_test(a_resumed_client_is_still_known),
		cmocka_unit_test(a_session_ends_with_the_clients_certificate),
		cmocka_unit_test(sessions_outlive_one_renewal_of_the_keys),
		cmocka_unit_test(tickets_are_given_anew_with_1_3),
		cmocka_unit_test(a_garbled_ticket_is_no_fault),
		cmocka_unit_test(it_has_its_own_of_everything),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
